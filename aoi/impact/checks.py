"""Attempts to break an effect: what it shows where nothing can have happened, and what it owes to one region.

None of them proves anything by passing. A pre-trend that is not rejected may only be too noisy to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aoi.impact.aggregate import Effect, simple
from aoi.impact.group_time import NEVER, Arm, group_time_effects
from aoi.impact.inference import randomisation_p
from aoi.impact.panel import Panel
from aoi.impact.study import Study, cells_of
from geo.errors import QualityGateError

__all__ = ["PreTrend", "leave_one_out", "placebo_date", "placebo_outcome", "pre_trend", "randomised"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreTrend:
    """Test of no difference before the announcement."""

    statistic: float
    """F statistic."""
    df: tuple[int, float]
    """Degrees of freedom."""
    p_value: float
    """Chance of one as large where treated and controls moved alike."""


def pre_trend(study: Study, panel: Panel) -> PreTrend | None:
    """Return the joint test of the effects before the announcement, against the baseline; None without such years.

    Wald's statistic over its number of terms is held against F with the clusters' degrees of freedom, after the
    scaling of Hotelling's statistic. Terms are taken from the year next to the baseline backwards, at most a third
    of the clusters with treated units, since a covariance of more cannot be told.
    """
    cells = group_time_effects(panel.outcome, panel.years, study.arm, base="universal", clusters=panel.cluster)
    before = cells.before
    if not before.any():
        return None
    distance = cells.baseline - cells.year
    lags = np.unique(distance[before])
    treated_clusters = len(np.unique(panel.cluster[study.treated]))
    lags = lags[: max(min(len(lags), treated_clusters // 3), 1)]
    parts = [
        _mean(cells.value, cells.influence, cells.share[cells.group], before & (distance == lag)) for lag in lags
    ]
    value = np.array([part[0] for part in parts])
    sums = np.column_stack([np.bincount(panel.cluster, weights=part[1]) for part in parts]) / len(panel.units)
    covariance = sums.T @ sums
    terms, freedom = len(lags), treated_clusters - 1
    if np.linalg.matrix_rank(covariance) < terms or freedom - terms + 1 < 1:
        return None
    wald = float(value @ np.linalg.solve(covariance, value))
    statistic = wald * (freedom - terms + 1) / (terms * freedom)
    df = (terms, float(freedom - terms + 1))
    return PreTrend(statistic=statistic, df=df, p_value=float(stats.f.sf(statistic, *df)))


def _mean(
    value: FloatArray, influence: FloatArray, share: FloatArray, chosen: NDArray[np.bool_]
) -> tuple[float, FloatArray]:
    weight = np.where(chosen, share, 0.0)
    weight = weight / weight.sum()
    return float(value @ weight), np.asarray(influence @ weight)


def placebo_date(study: Study, panel: Panel) -> Effect | None:
    """Return the effect of a programme begun halfway through the years up to the baseline; None if too few.

    Only years up to each baseline are used, so that nothing the programme did can show.
    """
    arm = study.arm
    last = np.where(arm.treated, arm.baseline, NEVER)
    earliest = int(panel.years[0])
    false_start = np.where(arm.treated, earliest + (last - earliest + 1) // 2 + (last - earliest + 1) % 2, NEVER)
    enough = arm.treated & (false_start - earliest >= 2) & (last >= false_start)
    if not enough.any():
        return None
    parts, sizes = [], []
    for group in arm.groups:
        members = arm.members(group) & enough
        if not members.any():
            continue
        inside = panel.years <= group[1]
        start = np.where(members, false_start, NEVER)
        one = Arm(
            start=start,
            baseline=np.where(members, start - 1, NEVER),
            control=arm.control & ~arm.treated,
            match=arm.match,
            name="placebo date",
        )
        cells = group_time_effects(panel.outcome[:, inside], panel.years[inside], one, clusters=panel.cluster)
        parts.append(simple(cells))
        sizes.append(int(members.sum()))
    weight = np.array(sizes) / sum(sizes)
    total = parts[0] * float(weight[0])
    for part, share in zip(parts[1:], weight[1:], strict=True):
        total = total + part * float(share)
    return Effect(value=total.value, influence=total.influence, label="placebo date")


def placebo_outcome(study: Study, panel: Panel) -> Effect | None:
    """Return the effect on an outcome that the programme cannot have changed; None without one."""
    if panel.placebo is None:
        return None
    return replace(simple(cells_of(study, panel, panel.placebo)), label="placebo outcome")


def leave_one_out(study: Study, panel: Panel) -> list[tuple[str, Study, Effect | None]]:
    """Return the overall effect without each region in turn: (region, what is left, effect or None)."""
    found: list[tuple[str, Study, Effect | None]] = []
    for number in np.unique(panel.region[study.treated]):
        inside = panel.region == number
        start = np.where(inside, NEVER, study.arm.start)
        if not (start != NEVER).any():
            continue
        arm = replace(
            study.arm,
            start=start,
            baseline=np.where(inside, NEVER, study.arm.baseline),
            control=study.arm.control & ~inside,
        )
        one = replace(study, arm=arm)
        name = panel.region_names[number] if panel.region_names else str(number)
        try:
            found.append((name, one, simple(cells_of(one, panel))))
        except QualityGateError:
            found.append((name, one, None))
    return found


def randomised(study: Study, panel: Panel, *, draws: int, rng: np.random.Generator) -> float:
    """Return the p-value of re-drawing which clusters have the programme, inside regions.

    Each cluster is its mean outcome by year: of its treated units if it has any, else of its controls by weight.
    The statistic is the overall effect over its standard error, so that unlike spreads do not tell.
    """
    weight = np.where(study.treated, 1.0, study.control_weight)
    treated_cluster = np.isin(panel.cluster, panel.cluster[study.treated])
    used = (weight > 0) & (study.treated | ~treated_cluster)
    codes, number = np.unique(panel.cluster[used], return_inverse=True)
    total = np.bincount(number, weights=weight[used])
    mean = np.column_stack(
        [np.bincount(number, weights=weight[used] * column) / total for column in panel.outcome[used].T]
    )
    start, baseline, block = (np.zeros(len(codes), dtype=np.int64) for _ in range(3))
    for index in range(len(codes)):
        inside = np.flatnonzero(used)[number == index]
        first = inside[np.argmin(np.where(study.treated[inside], study.arm.start[inside], 10**6))]
        start[index], baseline[index] = study.arm.start[first], study.arm.baseline[first]
        block[index] = panel.region[first]

    def statistic(order: IntArray) -> float:
        arm = Arm(start=start[order], baseline=baseline[order], control=start[order] == NEVER)
        effect = simple(group_time_effects(mean, panel.years, arm, clusters=np.arange(len(codes))))
        error = float(np.sqrt((effect.influence**2).sum()))
        return effect.value / error if error > 0 else 0.0

    return randomisation_p(statistic, block, draws=draws, rng=rng)
