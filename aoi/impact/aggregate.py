"""Effects of cohorts and years brought together: over all, by cohort, by years since the start, by year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.impact.group_time import Cells
from geo.errors import Problem, QualityGateError

__all__ = ["Effect", "anticipation", "by_calendar", "by_event", "by_group", "mean_of", "simple"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """One effect and its influence function."""

    value: float
    """Effect on the treated, in the outcome's unit, by unit of the panel."""
    influence: FloatArray
    """Influence of each unit of the panel, shape (n,)."""
    label: str = ""
    """Cohort, years since the start, or year."""

    def __mul__(self, factor: float) -> Effect:
        """Return the effect in another unit, such as that of all units together."""
        return Effect(value=self.value * factor, influence=self.influence * factor, label=self.label)

    def __add__(self, other: Effect) -> Effect:
        """Return the sum with an effect of the same panel."""
        return Effect(value=self.value + other.value, influence=self.influence + other.influence, label=self.label)


def simple(cells: Cells) -> Effect:
    """Return the mean over all cohorts and years from the start on, by the size of the cohorts.

    References
    ----------
    Callaway and Sant'Anna (2021), eq. 3.10 and theorem 6 (the cohorts' shares are estimated too).
    """
    return _weighted(cells, cells.post, label="overall")


def anticipation(cells: Cells) -> Effect | None:
    """Return the mean over the years between announcement and start; None where there are none."""
    return _weighted(cells, cells.anticipation, label="anticipation") if cells.anticipation.any() else None


def by_group(cells: Cells) -> tuple[list[Effect], Effect]:
    """Return the mean effect of each cohort of a start year, and of all cohorts."""
    parts, cohorts = [], []
    for number in np.unique(cells.group[cells.post]):
        inside = np.flatnonzero(cells.post & (cells.group == number))
        label = str(cells.start[inside[0]])
        parts.append(
            Effect(
                value=float(cells.value[inside].mean()),
                influence=cells.influence[:, inside].mean(axis=1),
                label=label,
            )
        )
        cohorts.append(int(number))
    return parts, _by_share(cells, parts, cohorts)


def by_event(cells: Cells) -> tuple[list[Effect], Effect]:
    """Return the effect by years since the start (negative ones are before it), and the mean of those from 0 on."""
    events = np.unique(cells.event)
    parts = [_weighted(cells, cells.event == event, label=str(event)) for event in events]
    return parts, mean_of([part for part, event in zip(parts, events, strict=True) if event >= 0])


def by_calendar(cells: Cells) -> tuple[list[Effect], Effect]:
    """Return the effect in each calendar year on the cohorts under treatment in it, and the mean of the years."""
    years = np.unique(cells.year[cells.post])
    parts = [_weighted(cells, cells.post & (cells.year == year), label=str(year)) for year in years]
    return parts, mean_of(parts)


def mean_of(effects: list[Effect]) -> Effect:
    """Return the plain mean of effects of the same panel.

    Raises
    ------
    QualityGateError
        If there are none.
    """
    if not effects:
        raise QualityGateError(Problem("effect", "no year from the start on", "years after the start"))
    influence = np.mean([effect.influence for effect in effects], axis=0)
    return Effect(value=float(np.mean([effect.value for effect in effects])), influence=influence, label="overall")


def _weighted(cells: Cells, chosen: BoolArray, *, label: str) -> Effect:
    inside = np.flatnonzero(chosen)
    if not inside.size:
        raise QualityGateError(Problem("effect", f"no cell for {label}", "years after the start in the panel"))
    share, group = cells.share[cells.group[inside]], cells.group[inside]
    weight = share / share.sum()
    influence = cells.influence[:, inside] @ weight
    return Effect(
        value=float(weight @ cells.value[inside]),
        influence=influence + _of_shares(cells, group.tolist(), cells.value[inside]),
        label=label,
    )


def _by_share(cells: Cells, parts: list[Effect], cohorts: list[int]) -> Effect:
    share = cells.share[cohorts]
    weight, values = share / share.sum(), np.array([part.value for part in parts])
    influence = np.column_stack([part.influence for part in parts]) @ weight
    return Effect(
        value=float(weight @ values),
        influence=influence + _of_shares(cells, cohorts, values),
        label="overall",
    )


def _of_shares(cells: Cells, cohorts: list[int], values: FloatArray) -> FloatArray:
    """Return what the estimation of the cohorts' shares adds to the influence of a weighted mean.

    Units without programme add nothing: only what cohorts are to each other counts.
    """
    share, member = cells.share[cohorts], cells.member[:, cohorts]
    total = share.sum()
    derivative = member / total - member.sum(axis=1, keepdims=True) * share / total**2
    return np.asarray(derivative @ values)
