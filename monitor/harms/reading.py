"""The six harms in one line each: the figure that speaks for a harm, and the word that goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from monitor.figures import FRAME

__all__ = ["HARMS", "Headline", "closing_line", "headlines"]

HARMS: Mapping[str, tuple[str, str, str, str]] = MappingProxyType(
    {
        "deforestation": ("D1", "", "forest cleared for the crop", "attributable at most"),
        "erosion": ("E1", "", "added soil erosion", "potential"),
        "degradation": ("S1", "", "land degraded", "attributable at most"),
        "species": ("B1", "", "habitat of endemic species lost", "attributable at most"),
        "contamination": ("W1", "fertiliser", "load of fertiliser", "potential"),
        "gases": ("G", "view:year_of_clearing", "greenhouse gases committed", "attributable at most"),
    }
)
"""Harm to the indicator and part that speak for it, what it is called, and the word that limits the claim."""


@dataclass(frozen=True, slots=True)
class Headline:
    """One harm of one crop."""

    harm: str
    crop: str
    period: str
    state: str
    reason: str
    value: float
    lo: float
    hi: float
    unit: str
    grade: str
    level: float
    rough: bool = False
    """Whether it is scaled to an area that rests on few sample units."""


def headlines(rows: pd.DataFrame, period: str | None = None) -> Iterator[Headline]:
    """Yield the six harms of each crop in a period, the last one of the table when None."""
    frame = rows[rows["domain"].astype(str) == FRAME]
    when = str(frame["period"].iloc[-1]) if period is None and len(frame) else str(period)
    for crop in dict.fromkeys(frame["crop"].astype(str)):
        if not crop:
            continue
        for harm, (indicator, part, _, _) in HARMS.items():
            own = (frame["crop"] == crop) & (frame["period"].astype(str) == when)
            of_harm = frame[own & (frame["indicator"] == indicator)]
            found = of_harm[of_harm["part"] == part]
            # Where nothing was computed, the row that says why is of the indicator and of no part
            yield _headline(harm, crop, when, found if len(found) else of_harm[of_harm["state"] != "computed"])


def _headline(harm: str, crop: str, period: str, found: pd.DataFrame) -> Headline:
    nan = float("nan")
    if not len(found):
        return Headline(harm, crop, period, "not_computed", "no row in this run", nan, nan, nan, "", "", 0.95)
    row = found.iloc[0]
    return Headline(
        harm, crop, period, str(row["state"]), str(row["reason"]), float(row["value"]), float(row["lo"]),
        float(row["hi"]), str(row["unit"]), str(row["grade"]), float(row["level"]),
        "LOW_COUNT" in str(row["flags"]),
    )  # fmt: skip


def closing_line(head: Headline) -> str:
    """Return the line that a run ends with for one harm.

    Examples
    --------
    >>> head = Headline("deforestation", "coca", "2024", "computed", "", 8.27, 5.0, 12.0, "ha/yr", "B", 0.95)
    >>> closing_line(head)
    'coca 2024, forest cleared for the crop: 8.3 ha/yr (95 % interval 5.0 to 12.0; grade B; attributable at most)'
    """
    _, _, title, word = HARMS[head.harm]
    start = f"{head.crop} {head.period}, {title}:"
    if head.state != "computed":
        return f"{start} {head.state.replace('_', ' ')} ({head.reason})"
    if head.harm == "erosion" and head.grade == "D":
        word += "; most of the crop on slopes beyond the equation's experience"
    level = f"{'nominal ' if head.rough else ''}{100 * head.level:g} % interval"
    return (
        f"{start} {_number(head.value)} {head.unit} ({level} {_number(head.lo)} to {_number(head.hi)}; "
        f"grade {head.grade}; {word})"
    )


def _number(value: float) -> str:
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:,.1f}" if size >= 1 or size == 0 else f"{value:.2g}"
