"""Rows of the legal split: hectares by zone and law, and four totals that add up.

Pure functions of tables, so that a run and its verification make the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from aoi.legality.rule import LegalClass, LegalRule
from aoi.legality.split import Hectares, Part, split, totals
from monitor.figures import Domain, PeriodFacts, estimate_rows, frame_domain
from monitor.tables import SurveyTables

__all__ = ["ZONE_COLUMNS", "legal_rows", "rule_of"]

COLUMNS = (
    "crop", "period", "reference_date", "zone", "class", "part", "value_ha", "lo_ha", "hi_ha", "level", "n",
    "flags", "cap_ha", "legal_basis", "mark",
)  # fmt: skip
ZONE_COLUMNS = (
    "crop", "period", "zone", "class", "legal_basis", "cap_ha", "registered_ha", "valid_from", "valid_to",
    "authority", "source", "mark", "area_ha",
)  # fmt: skip
"""Columns of ``legal_zones.csv``: the rules in force and the ground that each owns."""


def rule_of(row: Mapping[str, Any]) -> LegalRule | None:
    """Return the rule of a row of ``legal_zones.csv``; None for ground that no rule speaks of."""
    if not _text(row["class"]):
        return None
    return LegalRule(
        zone=_text(row["zone"]),
        crop=_text(row["crop"]),
        country="",
        legal_class=LegalClass(_text(row["class"])),
        legal_basis=_text(row["legal_basis"]),
        valid_from=date.fromisoformat(_text(row["valid_from"])),
        cap_ha=_number(row["cap_ha"]),
        registered_ha=_number(row["registered_ha"]),
        mark=_text(row["mark"]),
    )


def legal_rows(
    tables: SurveyTables,
    zones: pd.DataFrame,
    units: pd.DataFrame,
    periods: Sequence[PeriodFacts],
    *,
    method: str,
    level: float,
) -> pd.DataFrame:
    """Return hectares by crop, period, zone and part, then the four totals (``zone`` empty).

    Parameters
    ----------
    tables
        The sample, its strata and labels.
    zones
        Rows of ``legal_zones.csv``; the zones of a crop and period share no ground and make the frame.
    units
        Zone of each unit of the sample: crop, period, unit_id, zone.
    periods
        Periods with their reference dates.
    method, level
        Interval of the estimates.
    """
    rows: list[dict[str, Any]] = []
    for (crop, name), own in zones.groupby(["crop", "period"], sort=False):
        period = next(one for one in periods if one.name == name)
        placed = units[(units["crop"] == crop) & (units["period"] == name)].set_index("unit_id")["zone"]
        zone_of_unit = placed.reindex(tables.units["unit_id"]).to_numpy()
        rows += _period_rows(tables, str(crop), period, own, zone_of_unit, method=method, level=level)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _period_rows(
    tables: SurveyTables,
    crop: str,
    period: PeriodFacts,
    zones: pd.DataFrame,
    zone_of_unit: Any,
    *,
    method: str,
    level: float,
) -> Iterator[dict[str, Any]]:
    domains = [
        frame_domain(tables, "frame"),
        *(
            Domain(code=str(row["zone"]), name=str(row["zone"]), inside=zone_of_unit == row["zone"],
                   area_ha=float(row["area_ha"]))
            for _, row in zones.iterrows()
        ),
    ]  # fmt: skip
    figures = estimate_rows(tables, [crop], [period], domains, method=method, level=level)
    head = {"crop": crop, "period": period.name, "reference_date": period.reference_date, "level": level}
    whole, parts = _hectares(figures.iloc[0]), []
    for (_, row), (_, figure) in zip(zones.iterrows(), figures.iloc[1:].iterrows(), strict=True):
        own = split(_hectares(figure), rule_of(row.to_dict()))
        parts.append(own)
        told = {name: row[name] for name in ("zone", "class", "cap_ha", "legal_basis", "mark")}
        told |= {"n": figure["n"], "flags": figure["flags"]}
        yield from (head | told | _limits(part, one) for part, one in own.items())
    flags = ";".join(dict.fromkeys(flag for cell in figures["flags"] for flag in str(cell).split(";") if flag))
    tail = {"zone": "", "class": "", "n": int(figures.iloc[0]["n"]), "flags": flags}
    yield from (head | tail | _limits(part, one) for part, one in totals(parts, whole).items())


def _hectares(row: pd.Series) -> Hectares:
    return Hectares(float(row["value_ha"]), float(row["lo_ha"]), float(row["hi_ha"]))


def _limits(part: Part | str, one: Hectares) -> dict[str, Any]:
    return {"part": part, "value_ha": one.value, "lo_ha": one.lo, "hi_ha": one.hi}


def _text(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)


def _number(value: Any) -> float | None:
    return None if value is None or (isinstance(value, float) and np.isnan(value)) else float(value)
