"""Class areas of many small domains, each borrowing the rate of its strata: narrow, model-based, indicative.

A district with five sampled units and no crop among them may, by its own sample, be half crop: the direct limits
(`aoi.survey.domain`) cover and say nothing. Here the rates of the domains in a stratum are taken as draws from
one distribution, whose mean the whole stratum's sample estimates. What a domain's own units say is weighed in by
Bayes' rule; as they grow in number the figure becomes the direct one.

References
----------
Rao, J. N. K. and Molina, I. (2015). Small Area Estimation, 2nd ed., section 9.5 (binary data, beta-binomial).
Morris, C. N. (1983). Parametric empirical Bayes inference. Journal of the American Statistical Association
78: 47-55 (intervals that cover on average over the domains).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from aoi.survey.benchmark import benchmark
from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimate import INDICATIVE, Estimate
from aoi.survey.estimator import areas_of_counts, class_counts
from aoi.survey.gamma_interval import beta_cumulants, shifted_quantile
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["benchmarked_domain_areas", "pooled_domain_areas"]

SQUARED_VARIATION = 3.0
"""Squared coefficient of variation of the domains' rates: crop is clustered, and few hits cannot estimate it."""


def pooled_domain_areas(
    stratum: IntArray,
    member: npt.ArrayLike,
    domain: IntArray,
    design: StratifiedDesign,
    *,
    domain_sizes: IntArray,
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """Estimate the area of a class in domains that are too small for figures of their own.

    Parameters
    ----------
    stratum
        Stratum code of each sampled unit, shape (n,).
    member
        0/1 membership of each unit in the class, shape (n,).
    domain
        Domain code of each unit, shape (n,); the domains part the frame.
    design
        The strata.
    domain_sizes
        Units of each stratum in each domain, N_hd, shape (H, D), adding up to the strata.
    level
        Level of the interval, on average over the domains.

    Returns
    -------
    tuple of Estimate
        One figure for each domain, always `INDICATIVE`; `n` counts the units inside it. The upper limit is
        that of the pooled model, the lower one is not above that of the direct estimate.

    Raises
    ------
    InputError
        If the domains' units do not add up to the strata, or a domain holds more sampled units than units.
    """
    sizes = np.asarray(domain_sizes, dtype=float)
    n_domains = sizes.shape[1]
    labels = np.asarray(member, dtype=float)
    inside = class_counts(stratum, domain, (design.n_strata, n_domains))
    found = class_counts(stratum[labels == 1], domain[labels == 1], (design.n_strata, n_domains))
    if not np.isin(labels, (0.0, 1.0)).all():
        raise InputError(Problem("class membership", "values other than 0 and 1", "0 or 1 for each unit"))
    if not np.array_equal(sizes.sum(axis=1), design.sizes) or (inside > sizes).any():
        raise InputError(
            Problem("domain sizes", "units that do not add up to the strata", "N_hd of the frame itself")
        )
    counts = design.sample_counts(stratum)
    direct = areas_of_counts(found, counts, design, method="gamma", level=level, possible=sizes > 0)
    value, variance, bounds = _posterior(found, inside, sizes, design, level)
    seen = (design.areas_ha / design.sizes) @ found
    return tuple(
        Estimate(
            value=float(value[d]),
            se=float(np.sqrt(variance[d])),
            lo=float(min(max(bounds[0][d], seen[d]), direct[d].lo, value[d])),
            hi=float(max(min(bounds[1][d], (design.areas_ha / design.sizes) @ sizes[:, d]), value[d])),
            n=int(inside[:, d].sum()),
            method="pooled within strata, beta-binomial; posterior limits",
            level=level,
            flags=(INDICATIVE,),
        )
        for d in range(n_domains)
    )


def _posterior(
    found: FloatArray, inside: FloatArray, sizes: FloatArray, design: StratifiedDesign, level: float
) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Return mean, variance and limits of each domain's area: seen units as they are, the others by the model."""
    whole, hits = inside.sum(axis=1, keepdims=True), found.sum(axis=1, keepdims=True)
    rate = (hits + 0.5) / (whole + 1.0)
    # the rate itself is known from `hits` units only: its squared variation adds to that of the domains
    spread = rate**2 * (SQUARED_VARIATION + (1 + SQUARED_VARIATION) / (hits + 0.5))
    strength = np.maximum(rate * (1 - rate) / spread - 1.0, 0.5)
    unit_ha = (design.areas_ha / design.sizes)[:, None]
    unseen_ha = unit_ha * (sizes - inside)
    one = beta_cumulants(rate * strength + found, (1 - rate) * strength + inside - found)
    parts = (unit_ha * found + unseen_ha * one.mean, unseen_ha**2 * one.variance, unseen_ha**3 * one.third)
    mean, variance, third = (part.sum(axis=0) for part in parts)
    tail = (1 - level) / 2
    lo, hi = (shifted_quantile(share, mean, variance, third) for share in (tail, 1 - tail))
    return mean, variance, (lo, hi)


def benchmarked_domain_areas(
    figures: Sequence[Estimate], total: Estimate, *, domain_area_ha: npt.ArrayLike
) -> tuple[Estimate, ...]:
    """Make pooled figures add up to the direct figure of the whole.

    The difference is spread in proportion to the mean squared errors; where that would take a figure below zero,
    all are multiplied by one factor. Each interval moves along with its figure and keeps its skewness; it is
    widened to the normal one of the enlarged error where that reaches further, and never leaves the domain.

    Parameters
    ----------
    figures
        Pooled figures of the domains that part the whole, in hectares.
    total
        Direct figure of the whole, in hectares.
    domain_area_ha
        True area of each domain, shape (D,), ha.

    Returns
    -------
    tuple of Estimate
        Same order; their values add up to the total's.

    Raises
    ------
    InputError
        If there is not one area for each figure.
    QualityGateError
        If figures of zero would have to add up to more, or a domain would hold more crop than ground.

    References
    ----------
    Wang, J., Fuller, W. A. and Qu, Y. (2008). Small area estimation under a restriction. Survey Methodology 34:
    29-36, eq. 13.
    """
    areas = np.asarray(domain_area_ha, dtype=float)
    if areas.shape != (len(figures),):
        raise InputError(Problem("benchmark", f"areas of shape {areas.shape}", f"one for each of {len(figures)}"))
    ones = np.ones(len(figures))
    try:
        moved = benchmark(list(figures), ones, total)
    except QualityGateError:
        moved = benchmark(list(figures), ones, total, method="ratio")
    over = [index for index, one in enumerate(moved) if one.value > areas[index] * (1 + 1e-9)]
    if over:
        found = f"domains {over[:5]} with more crop than ground"
        raise QualityGateError(Problem("benchmark", found, "figures within their domains", "join small domains"))
    return tuple(
        _with_limits_of(after, before, float(area))
        for before, after, area in zip(figures, moved, areas, strict=True)
    )


def _with_limits_of(after: Estimate, before: Estimate, area_ha: float) -> Estimate:
    shift = after.value - before.value
    return replace(
        after,
        lo=min(after.value, max(0.0, min(after.lo, before.lo + shift))),
        hi=max(after.value, min(area_ha, max(after.hi, before.hi + shift))),
    )
