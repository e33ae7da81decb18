"""Class areas from units with unequal weights or drawn in clusters: effective sample sizes behind MOVER limits.

Units of one segment are alike, and unequal weights waste sample: n units are then worth fewer. The variance is
that of the segments' totals (ultimate clusters); the one-stratum limits are those of the sample size a simple
random sample would have needed for it.

References
----------
Korn, E. L. and Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of
positive counts estimated from survey data. Survey Methodology 24: 193-201.
Sarndal, C.-E., Swensson, B. and Wretman, J. (1992). Model Assisted Survey Sampling, section 4.6 (ultimate
clusters) and result 5.6.2 (means by weighted ratio).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimate import LOW_COUNT, Estimate
from aoi.survey.estimator import sums_by
from aoi.survey.interval import Bounds, t_quantile
from aoi.survey.stratified_interval import Strata, interval_methods, low_count, method_bounds
from geo.errors import Problem, QualityGateError

__all__ = ["WeightedSample", "weighted_areas"]

MIN_POSITIVE_CLUSTERS = 10
"""Fewer clusters with the class than this, and the interval is not to be read at its level."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedSample:
    """Sampled units with their strata, weights and primary units.

    Raises
    ------
    QualityGateError
        If a stratum has one primary unit: its variance cannot be estimated.
    """

    design: StratifiedDesign
    """The strata."""
    stratum: IntArray
    """Stratum code of each unit, shape (n,)."""
    weight: FloatArray
    """Positive design weight of each unit, on any scale that is the same within a stratum, shape (n,)."""
    cluster: IntArray
    """Primary unit of each unit, coded 0.. over the whole sample and nested in strata, shape (n,)."""

    def __post_init__(self) -> None:
        short = np.flatnonzero(self.clusters_per_stratum == 1)
        gates = [
            Problem(
                f"stratum {self.design.names[code]!r}",
                "one sampled primary unit",
                "at least two, for a variance",
                "sample one more, or merge the stratum with a like one",
            )
            for code in short
        ]
        if gates:
            raise QualityGateError(gates)

    @property
    def cluster_stratum(self) -> IntArray:
        """Stratum of each primary unit, shape (m,)."""
        strata = np.zeros(int(self.cluster.max()) + 1, dtype=np.int64)
        strata[self.cluster] = self.stratum
        return strata

    @property
    def clusters_per_stratum(self) -> IntArray:
        """Primary units of each stratum, shape (H,)."""
        return np.bincount(self.cluster_stratum, minlength=self.design.n_strata).astype(np.int64)

    @property
    def area_weight(self) -> FloatArray:
        """Hectares each unit stands for: weights scaled to each stratum's area, shape (n,)."""
        whole = np.bincount(self.stratum, weights=self.weight, minlength=self.design.n_strata)
        scaled: FloatArray = self.weight * (self.design.areas_ha / whole)[self.stratum]
        return scaled

    @property
    def df(self) -> float:
        """Degrees of freedom: primary units less strata."""
        return float(self.clusters_per_stratum.sum() - self.design.n_strata)

    def stratum_variance(self, deviations: FloatArray) -> FloatArray:
        """Return each stratum's variance of the area-weighted total of `deviations`, shape (H, k).

        Parameters
        ----------
        deviations
            Values less what they are compared with, shape (n, k).
        """
        strata, n_clusters = self.cluster_stratum, self.clusters_per_stratum
        totals = sums_by(self.cluster, self.area_weight[:, None] * deviations, strata.size)
        means = sums_by(strata, totals, n_clusters.size) / n_clusters[:, None]
        squares = sums_by(strata, (totals - means[strata]) ** 2, n_clusters.size)
        factor = n_clusters / np.maximum(n_clusters - 1, 1)
        return np.asarray(factor[:, None] * squares, dtype=float)


def weighted_areas(
    sample: WeightedSample, member: npt.ArrayLike, *, method: str = "default", level: float = 0.95
) -> tuple[Estimate, ...]:
    """Estimate class areas from weighted or clustered units.

    Parameters
    ----------
    sample
        The units.
    member
        0/1 membership in each class (and domain), shape (n,) or (n, K).
    method, level
        Interval and confidence level, as for `aoi.survey.estimator.class_areas`.

    Returns
    -------
    tuple of Estimate
        One figure in hectares for each column.
    """
    values = np.asarray(member, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    design = sample.design
    weight = sample.area_weight[:, None]
    share = sums_by(sample.stratum, weight * values, design.n_strata) / design.areas_ha[:, None]
    variance = sample.stratum_variance(values - share[sample.stratum])
    total, se = design.areas_ha @ share, np.sqrt(variance.sum(axis=0))
    size = effective_sizes(sample, share, variance, level)
    strata = Strata(areas_ha=design.areas_ha, sizes=np.full(design.n_strata, np.inf), counts=size, fpc=False)
    names = interval_methods(method, share * size, strata, se)
    bounds = method_bounds(share * size, strata, se, methods=names, level=level, df=sample.df)
    lo, hi = _possible(bounds, sums_by(sample.stratum, values, design.n_strata), sample)
    # Clusters with the class in one stratum tell nothing of a larger one that has few: both rules, the second by
    # what its units are worth (rounded, so that ten units are ten)
    few = (_clusters_with(sample, values) < MIN_POSITIVE_CLUSTERS) | low_count(np.round(share * size, 6), strata)
    return tuple(
        Estimate(
            value=float(total[k]),
            se=float(se[k]),
            lo=float(min(lo[k], total[k])),
            hi=float(max(hi[k], total[k])),
            n=sample.stratum.size,
            method=f"stratified, ultimate clusters; {names[k]}",
            level=level,
            df=sample.df,
            flags=(LOW_COUNT,) if few[k] else (),
        )
        for k in range(total.size)
    )


def effective_sizes(sample: WeightedSample, share: FloatArray, variance: FloatArray, level: float) -> FloatArray:
    """Return the simple random sample size each stratum's variance is worth, shape (H, K).

    Where the class is in no unit or in all, its variance says nothing: then the primary units count.
    """
    areas = sample.design.areas_ha[:, None]
    units = np.bincount(sample.stratum, minlength=areas.size).astype(float)[:, None]
    clusters = sample.clusters_per_stratum[:, None].astype(float)
    known = (share > 0) & (share < 1) & (variance > 0)
    worth = areas**2 * share * (1 - share) / np.where(known, variance, 1.0)
    # Korn and Graubard (1998): widen for the degrees of freedom of the clusters
    widen = (t_quantile(level, units - 1) / t_quantile(level, clusters - 1)) ** 2
    return np.asarray(np.where(known, np.clip(worth * widen, 1.0, units), clusters), dtype=float)


def _possible(bounds: Bounds, found: FloatArray, sample: WeightedSample) -> Bounds:
    """Cut limits to the area of the class seen and the frame less the area seen not to be of it."""
    unit_ha = (sample.design.areas_ha / sample.design.sizes)[:, None]
    units = np.bincount(sample.stratum, minlength=sample.design.n_strata)[:, None]
    seen, excluded = (unit_ha * found).sum(axis=0), (unit_ha * (units - found)).sum(axis=0)
    frame = sample.design.total_area_ha
    return Bounds(np.maximum(bounds.lo, seen), np.minimum(bounds.hi, frame - excluded))


def _clusters_with(sample: WeightedSample, values: FloatArray) -> IntArray:
    """Count the primary units in which each class is seen, shape (K,)."""
    n_clusters = sample.cluster_stratum.size
    return np.asarray(np.count_nonzero(sums_by(sample.cluster, values, n_clusters), axis=0), dtype=np.int64)
