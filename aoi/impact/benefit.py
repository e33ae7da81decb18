"""What a harm did inside the areas of a programme, held against matched land: one outcome of one panel (A17).

The short form of `aoi.impact.evaluation`: matching, effect, interval and word are the same, so that a co-benefit
for the environment is judged as strictly as an effect on the crop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aoi.impact.aggregate import simple
from aoi.impact.checks import pre_trend
from aoi.impact.panel import Panel
from aoi.impact.study import Settings, build_study, cells_of, interval_of
from aoi.impact.verdict import minimum_detectable, verdict
from geo.errors import Problem, QualityGateError

__all__ = ["Benefit", "benefit"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """The effect on one harm, a unit and year, and the ground that it is told for."""

    value: float
    lo: float
    hi: float
    se: float
    level: float
    n_treated: int
    """Matched units of the programme."""
    n_control: int
    """Units that stand as control."""
    unmatched: int
    """Units of the programme without a control."""
    matched: NDArray[np.bool_]
    """Which units are matched, shape (n,)."""
    without_programme: float
    """Mean that the matched units would have had."""
    finding: str
    """What may be said."""
    moved_apart: bool
    """Whether the two moved apart before the announcement already."""
    method: str


def benefit(panel: Panel, settings: Settings) -> Benefit:
    """Return the effect of a programme on the outcome of a panel.

    Parameters
    ----------
    panel
        Units by year, with the harm as the outcome; `other_km` is the distance to any land of the programme.
    settings
        How; controls lie beyond the last of its radii.

    Raises
    ------
    QualityGateError
        If no effect may be told: fewer than two years before the announcement, no valid or no balanced control, too
        few clusters, an outcome that is nothing everywhere.

    Notes
    -----
    The degrees of freedom are Welch's of the clusters, at most one less than the areas with the programme. With six
    areas the bootstrap of the long form held a known effect in 87 of 100 runs, Welch's alone in 91.
    """
    if not (panel.outcome > 0).any():
        raise QualityGateError(Problem("outcome", "nothing in any unit and year", "an outcome to compare"))
    apart = np.full(len(panel.units), np.inf) if panel.other_km is None else panel.other_km
    beyond = ~panel.treated & (apart > settings.radii_km[-1])
    study = build_study(panel, panel.start, panel.baseline, beyond, settings)
    used = study.treated | (study.control_weight > 0)
    since = panel.years >= int(study.arm.baseline[study.treated].min())
    if not (panel.outcome[np.ix_(used, since)] > 0).any():
        found = "nothing in matched units and controls from the baseline on"
        raise QualityGateError(Problem("outcome", found, "an outcome to compare"))
    effect = simple(cells_of(study, panel))
    interval = interval_of(effect, study.treated, panel, settings)
    if not (math.isfinite(interval.lo) and math.isfinite(interval.hi)):
        raise QualityGateError(Problem("clusters", interval.method, "areas enough for an interval"))
    areas = len(np.unique(panel.cluster[study.treated]))
    df = min(interval.df, float(areas - 1))
    reach = float(stats.t.ppf(0.5 + settings.level / 2, df)) * interval.se
    lo, hi = interval.value - reach, interval.value + reach
    test = pre_trend(study, panel)
    under = study.treated[:, None] & (panel.years[None, :] >= study.arm.start[:, None])
    without = float(panel.outcome[under].mean() - effect.value)
    mde = minimum_detectable(interval.se, df, level=interval.level) if interval.se > 0 else math.nan
    return Benefit(
        value=interval.value,
        lo=lo,
        hi=hi,
        se=interval.se,
        level=interval.level,
        n_treated=int(study.treated.sum()),
        n_control=study.n_control,
        unmatched=len(study.unmatched),
        matched=study.treated,
        without_programme=without,
        finding=verdict(lo, hi, mde=mde, reference=without).value,
        moved_apart=test is not None and test.p_value < 1 - settings.level,
        method=f"cluster-robust (CR2), t with {df:.3g} degrees of freedom",
    )
