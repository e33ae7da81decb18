"""One treatment against its matched controls: cohorts that can be judged, their match, balance and effect."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from aoi.impact.aggregate import Effect, simple
from aoi.impact.displacement import RINGS_KM
from aoi.impact.group_time import NEVER, Arm, Cells, group_time_effects
from aoi.impact.inference import FEW_CLUSTERS, Interval, cluster_interval, wild_bootstrap
from aoi.impact.matching import Balance, Compared, balance, match_controls, require_balance
from aoi.impact.panel import LEVEL, LOG_LEVEL, TREND, Panel, history
from geo.errors import Problem, QualityGateError

__all__ = ["Settings", "Study", "build_study", "cells_of", "interval_of", "refined"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LEAST_YEARS = 2
"""Years up to the baseline below which a cohort is not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an evaluation is made, stored with its results."""

    level: float = 0.95
    """Confidence level."""
    neighbours: int = 5
    """Most controls of a treated unit."""
    radii_km: tuple[float, ...] = RINGS_KM
    """Outer radii of the rings; controls lie beyond."""
    window: int = 5
    """Years that level and trend before the announcement are taken over."""
    calipers: tuple[tuple[str, float], ...] = ()
    """Trait to the widest difference allowed, in its unit."""
    spatial_km: float = 25.0
    """Distance up to which units may be correlated, for the spatial standard error."""
    draws: int = 999
    """Bootstrap draws and re-drawn assignments."""
    error_draws: int = 20
    """Draws of the outcome's own error."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """A treatment, its matched controls and what they were like."""

    arm: Arm
    """Matched treated units and their controls."""
    balance: tuple[Balance, ...]
    """Balance of every trait."""
    unmatched: tuple[tuple[int, str], ...]
    """Treated units left out: (unit, why)."""

    @property
    def treated(self) -> BoolArray:
        """Matched treated units."""
        return self.arm.treated

    @property
    def n_control(self) -> int:
        """Units that stand as control of at least one treated unit."""
        return int((self.control_weight > 0).sum())

    @property
    def control_weight(self) -> FloatArray:
        """Weight of each unit as a control, shape (n,)."""
        return np.asarray(self.arm.match.sum(axis=0), dtype=float).ravel()


def build_study(
    panel: Panel,
    start: IntArray,
    baseline: IntArray,
    control: BoolArray,
    settings: Settings,
    *,
    name: str = "programme",
) -> Study:
    """Match the units of a treatment, cohort by cohort, on what they were like at its baseline.

    Parameters
    ----------
    panel
        All units.
    start, baseline
        Of this treatment, shape (n,).
    control
        Units that may be controls.
    settings
        Calipers and neighbours.
    name
        Said in messages.

    Raises
    ------
    QualityGateError
        If no cohort has two years up to its baseline, none finds a control, or a trait is out of balance.
    """
    start, baseline, early = _judged(panel, start, baseline, name)
    arm = Arm(start=start, baseline=baseline, control=control, name=name)  # refuses without controls
    level, trend = history(panel.outcome, panel.years, window=settings.window)
    wanted = {key for key, _ in settings.calipers}
    logs = (
        {LOG_LEVEL: history(np.log1p(panel.outcome), panel.years, window=settings.window)[0]}
        if LOG_LEVEL in wanted
        else {}
    )
    at = {int(year): index for index, year in enumerate(panel.years)}
    parts: dict[str, list[Compared]] = {}
    weights: Any = sparse.csr_array((len(start), len(start)))
    unmatched = list(early)
    for group in arm.groups:
        column = at[group[1]]
        known = {LEVEL: level, TREND: trend, **logs, **panel.traits}
        traits = {key: values if values.ndim == 1 else values[:, column] for key, values in known.items()}
        members = arm.members(group)
        match = match_controls(
            members,
            control & ~arm.treated,
            exact=panel.exact,
            calipers={key: (_trait(traits, key), width) for key, width in settings.calipers},
            neighbours=settings.neighbours,
        )
        weights = weights + match.weights
        unmatched += match.unmatched
        for key, values in traits.items():
            compared = Compared(column=values, treated=members, control=control & ~arm.treated, match=match)
            parts.setdefault(key, []).append(compared)
    lost = [unit for unit, _ in unmatched]
    start, baseline = start.copy(), baseline.copy()
    start[lost], baseline[lost] = NEVER, NEVER
    if not (start != NEVER).any():
        raise QualityGateError(
            Problem(
                f"arm {name}",
                f"none of {len(lost)} treated units has a valid control ({unmatched[0][1]})",
                "controls of the same kinds within the calipers",
                "widen a caliper or drop a kind, and say so",
            )
        )
    rows = tuple(balance(key, cohorts) for key, cohorts in parts.items())
    require_balance(rows, arm=name)
    # the units left out are no controls either: they were treated
    allowed = control & ~_any(lost, len(start))
    arm = Arm(start=start, baseline=baseline, control=allowed, match=weights, name=name)
    return Study(arm=arm, balance=rows, unmatched=tuple(sorted(unmatched)))


def _trait(traits: dict[str, FloatArray], name: str) -> FloatArray:
    if name not in traits:
        raise QualityGateError(Problem(f"caliper {name}", "no such trait", f"one of {', '.join(traits)}"))
    return traits[name]


def _any(units: list[int], n: int) -> BoolArray:
    inside = np.zeros(n, dtype=bool)
    inside[units] = True
    return inside


def _judged(
    panel: Panel, start: IntArray, baseline: IntArray, name: str
) -> tuple[IntArray, IntArray, list[tuple[int, str]]]:
    """Leave out cohorts that begin too early or too late for the panel."""
    years = panel.years
    if not (start != NEVER).any():
        raise QualityGateError(Problem(f"arm {name}", "no treated unit", "units with a programme", "see the dates"))
    before = np.array([(years <= b).sum() for b in baseline])
    known = np.isin(baseline, years)
    early = (start != NEVER) & ((before < LEAST_YEARS) | ~known)
    late = (start != NEVER) & ~early & (start > years[-1])
    lost = [
        (int(unit), f"fewer than {LEAST_YEARS} years before the announcement") for unit in np.flatnonzero(early)
    ]
    lost += [(int(unit), "begins after the panel ends") for unit in np.flatnonzero(late)]
    out = early | late
    if out[start != NEVER].all():
        few = int(before[early].max()) if early.any() else 0
        raise QualityGateError(
            Problem(
                f"arm {name}",
                f"{few} years before the announcement" if early.any() else "no year after the start",
                f"at least {LEAST_YEARS} before and one after, to see whether treated and controls moved alike",
                "begin the panel earlier, or judge later programmes",
            )
        )
    return np.where(out, NEVER, start), np.where(out, NEVER, baseline), lost


def cells_of(study: Study, panel: Panel, outcome: FloatArray | None = None) -> Cells:
    """Return the effects by cohort and year of a study."""
    values = panel.outcome if outcome is None else outcome
    return group_time_effects(values, panel.years, study.arm, clusters=panel.cluster)


def interval_of(effect: Effect, treated: BoolArray, panel: Panel, settings: Settings) -> Interval:
    """Return the cluster-robust interval of an effect; without limits where too few clusters are."""
    try:
        return cluster_interval(effect.value, effect.influence, panel.cluster, treated, level=settings.level)
    except QualityGateError:
        nan = math.nan
        return Interval(
            value=effect.value,
            se=nan,
            df=nan,
            lo=nan,
            hi=nan,
            p_value=nan,
            level=settings.level,
            clusters=len(np.unique(panel.cluster[effect.influence != 0])),
            method="too few clusters for an interval",
        )


def refined(
    interval: Interval, study: Study, panel: Panel, settings: Settings, rng: np.random.Generator
) -> Interval:
    """Return the interval of the overall effect, by wild bootstrap where clusters are few."""
    if interval.clusters >= FEW_CLUSTERS or not interval.se > 0:
        return interval
    weight = study.control_weight
    residual = np.zeros_like(panel.outcome)
    controls = weight > 0
    residual[controls] = panel.outcome[controls] - np.average(
        panel.outcome[controls], axis=0, weights=weight[controls]
    )
    for group in study.arm.groups:
        members = study.arm.members(group)
        residual[members] = panel.outcome[members] - panel.outcome[members].mean(axis=0)

    def statistic(outcome: FloatArray) -> tuple[float, float]:
        effect = simple(cells_of(study, panel, outcome))
        return effect.value, interval_of(effect, study.treated, panel, settings).se

    p, lo, hi = wild_bootstrap(
        statistic,
        residual,
        panel.cluster,
        value=interval.value,
        se=interval.se,
        level=settings.level,
        draws=settings.draws,
        rng=rng,
    )
    method = f"wild cluster bootstrap-t, {settings.draws} draws, fewer than {FEW_CLUSTERS} clusters"
    return replace(interval, lo=lo, hi=hi, p_value=p, method=method)
