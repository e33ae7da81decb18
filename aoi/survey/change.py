"""Change of an area between two years, with the covariance of the units both years share.

For a panel (the same units labelled in both years) the change is gain less loss, and its interval is made of
the limits of the two, so that it holds when few units changed. The p-value is the level at
which the interval touches zero: the two can never disagree.

References
----------
Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 12.10 (sampling on two occasions).
Newcombe, R. G. (1998). Statistics in Medicine 17: 2635-2650, method 10 (paired proportions).
Zou, G. Y. and Donner, A. (2008). Statistics in Medicine 27: 1693-1702, equation 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from aoi.survey.change_interval import (
    Limits,
    overlap_limits,
    p_value_of,
    panel_limits,
    symmetric_limits,
    year_counts,
)
from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimate import LOW_COUNT, Estimate
from aoi.survey.estimator import areas_of_counts, sums_by
from aoi.survey.interval import Bounds, mover_difference, t_quantile
from geo.errors import InputError, Problem

__all__ = ["Change", "Verdict", "area_change", "difference_of", "total_change", "verdict_of"]

Verdict = Literal["increase", "decrease", "no significant change"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A difference between two years, whether it is significant, and the figures it is the difference of.

    Examples
    --------
    >>> year = Estimate(value=100.0, se=10.0, lo=80.0, hi=120.0, n=50, method="published")
    >>> later = Estimate(value=170.0, se=10.0, lo=150.0, hi=190.0, n=50, method="published")
    >>> difference_of(year, later).verdict
    'increase'
    """

    difference: Estimate
    """Later less earlier, in hectares, with its interval."""
    p_value: float
    """Level at which the interval touches zero: below 1 - level exactly when zero lies outside."""
    verdict: Verdict
    """The finding in words, never ``increase`` or ``decrease`` when the difference is not significant."""
    earlier: Estimate
    """Figure of the earlier year."""
    later: Estimate
    """Figure of the later year."""
    correlation: float
    """Correlation of the two years' estimates: what the shared units are worth."""
    n_common: int
    """Units labelled in both years."""


class Difference(NamedTuple):
    """A difference of two totals and the pieces of its variance."""

    value: float
    """Later total less earlier."""
    variance: float
    """Estimated variance of the difference."""
    correlation: float
    """Estimated correlation of the two totals; 0 where either has no variance."""


def verdict_of(lo: float, hi: float) -> Verdict:
    """Return the words for a difference whose interval is [lo, hi]."""
    if lo > 0:
        return "increase"
    return "decrease" if hi < 0 else "no significant change"


def area_change(
    stratum: IntArray,
    y_from: npt.ArrayLike,
    y_to: npt.ArrayLike,
    design: StratifiedDesign,
    *,
    fpc: bool = True,
    method: str = "default",
    level: float = 0.95,
) -> Change:
    """Estimate the change of a class's area from one stratified sample of units labelled in two years.

    A unit that was labelled in one year only has NaN in the other: then the samples overlap partly and the
    covariance comes from the common units; with none in common the years are independent.

    Parameters
    ----------
    stratum
        Stratum code of each unit, shape (n,).
    y_from, y_to
        0/1 membership in the class in the earlier and the later year, NaN where not labelled, shape (n,).
    design
        The strata, the same for both years.
    fpc
        Whether the finite population correction is applied.
    method, level
        Interval and confidence level, as for `aoi.survey.estimator.class_areas`.

    Returns
    -------
    Change
        Difference in hectares, p-value and verdict.

    Raises
    ------
    InputError, QualityGateError
        If a label is not 0, 1 or NaN, no unit is labelled in a year, or the design refuses a year's sample.
    """
    first, second = _labels(y_from), _labels(y_to)
    years = [year_counts(stratum, y, design) for y in (first, second)]
    earlier, later = (
        areas_of_counts(found, counts, design, fpc=fpc, method=method, level=level)[0] for counts, found in years
    )
    difference = total_change(stratum, first, second, design, fpc=fpc, expansion=design.areas_ha)
    both, either = np.isfinite(first) & np.isfinite(second), np.isfinite(first) | np.isfinite(second)
    se, few = float(np.sqrt(difference.variance)), LOW_COUNT in {*earlier.flags, *later.flags}
    kind = "panel" if bool((both == either).all()) else "overlap" if both.any() else "independent"
    if earlier.method.endswith(("; wald", "; t")):
        name = earlier.method.rsplit(" ", 1)[1]
        df = np.inf if name == "wald" else min(earlier.df, later.df)
        limits = symmetric_limits(difference.value, se, df)
    elif kind == "panel":
        labels = (first[both], second[both])
        limits, name, few = panel_limits(stratum[both], labels, design, fpc=fpc, method=method)
    else:
        limits, name = overlap_limits(years, difference.correlation, design, fpc=fpc, method=method)
    figure = Estimate(
        value=difference.value,
        se=se,
        lo=min(limits(level)[0], difference.value),
        hi=max(limits(level)[1], difference.value),
        n=int(either.sum()),
        method=f"stratified difference, {kind}; {name}",
        level=level,
        df=min(earlier.df, later.df),
        flags=(LOW_COUNT,) if few else (),
    )
    return _judged(figure, limits, (earlier, later), difference.correlation, int(both.sum()))


def total_change(
    stratum: IntArray,
    y_from: FloatArray,
    y_to: FloatArray,
    design: StratifiedDesign,
    *,
    fpc: bool,
    expansion: npt.ArrayLike | None = None,
) -> Difference:
    """Estimate the change of a total and its variance from samples that overlap wholly, partly or not at all.

    Parameters
    ----------
    stratum
        Stratum code of each unit, shape (n,).
    y_from, y_to
        Amounts in the two years, NaN where the unit was not measured, shape (n,).
    design
        The strata.
    fpc
        Whether the finite population correction is applied.
    expansion
        What a stratum's mean is multiplied by; its number of units by default.

    Returns
    -------
    Difference
        With variance ``N^2 {(1/n1 - 1/N) s1^2 + (1/n2 - 1/N) s2^2 - 2 (nc/(n1 n2) - 1/N) s12}`` in each
        stratum, s12 from the common units.
    """
    scale = np.asarray(design.sizes if expansion is None else expansion, dtype=float)
    in1, in2 = np.isfinite(y_from), np.isfinite(y_to)
    both = in1 & in2
    n1, n2 = (design.sample_counts(stratum[mask]).astype(float) for mask in (in1, in2))
    common = np.bincount(stratum[both], minlength=design.n_strata).astype(float)
    mean1, mean2 = (_sum(stratum, y, design) / n for y, n in ((y_from, n1), (y_to, n2)))
    s11, s22 = (_cross(stratum, y, y, design) for y in (y_from, y_to))
    s12 = _cross(stratum, y_from, y_to, design)
    inverse = 1.0 / design.sizes if fpc else np.zeros(design.n_strata)
    open_ = (n1 < design.sizes) | (n2 < design.sizes)
    v1, v2 = (1 / n1 - inverse) * s11, (1 / n2 - inverse) * s22
    cov = np.where(common > 1, (common / (n1 * n2) - inverse) * s12, 0.0)
    squared = np.where(open_, scale**2, 0.0)
    variances = [float((squared * part).sum()) for part in (v1, v2, cov)]
    product = np.sqrt(variances[0] * variances[1])
    return Difference(
        value=float((scale * (mean2 - mean1)).sum()),
        variance=max(variances[0] + variances[1] - 2 * variances[2], 0.0),
        correlation=float(np.clip(variances[2] / product, -1.0, 1.0)) if product > 0 else 0.0,
    )


def difference_of(earlier: Estimate, later: Estimate, *, correlation: float = 0.0) -> Change:
    """Take the difference of two finished figures, keeping the asymmetry of their intervals.

    Parameters
    ----------
    earlier, later
        Figures of the two years, at one confidence level.
    correlation
        Correlation of the two; 0 for independent samples. It must come from the samples, never be guessed.

    Returns
    -------
    Change
        With the MOVER interval of the difference. Its p-value scales both half-widths as normal deviates,
        since finished figures have no limits at other levels.

    Raises
    ------
    InputError
        If the levels differ or the correlation is outside [-1, 1].
    """
    if earlier.level != later.level or not -1 <= correlation <= 1:
        found = f"levels {earlier.level} and {later.level}, correlation {correlation}"
        raise InputError(Problem("change", found, "one level, and a correlation in [-1, 1]"))
    value = later.value - earlier.value
    bounds = mover_difference(
        (np.array(later.value), Bounds(np.array(later.lo), np.array(later.hi))),
        (np.array(earlier.value), Bounds(np.array(earlier.lo), np.array(earlier.hi))),
        correlation,
    )
    down, up = value - float(bounds.lo), float(bounds.hi) - value

    def limits(level: float) -> tuple[float, float]:
        factor = float(t_quantile(level, np.inf) / t_quantile(earlier.level, np.inf))
        return value - factor * down, value + factor * up

    variance = earlier.se**2 + later.se**2 - 2 * correlation * earlier.se * later.se
    figure = Estimate(
        value=value,
        se=float(np.sqrt(max(variance, 0.0))),
        lo=value - down,
        hi=value + up,
        n=min(earlier.n, later.n),
        method="difference of two figures; mover",
        level=earlier.level,
        flags=tuple(dict.fromkeys((*earlier.flags, *later.flags))),
    )
    return _judged(figure, limits, (earlier, later), correlation, 0)


def _judged(
    figure: Estimate, limits: Limits, years: tuple[Estimate, Estimate], correlation: float, n_common: int
) -> Change:
    """Give a difference its p-value and its verdict."""
    return Change(
        difference=figure,
        p_value=p_value_of(figure.value, limits, figure.level),
        verdict=verdict_of(figure.lo, figure.hi),
        earlier=years[0],
        later=years[1],
        correlation=correlation,
        n_common=n_common,
    )


def _labels(y: npt.ArrayLike) -> FloatArray:
    """Return labels as floats, refusing all but 0, 1 and NaN."""
    values = np.asarray(y, dtype=float)
    if not np.isin(values[np.isfinite(values)], (0.0, 1.0)).all() or np.isinf(values).any():
        raise InputError(Problem("labels", "values other than 0, 1 and missing", "0/1, NaN where not labelled"))
    return values


def _sum(stratum: IntArray, y: FloatArray, design: StratifiedDesign) -> FloatArray:
    """Add up the measured values of each stratum."""
    measured = np.isfinite(y)
    return sums_by(stratum[measured], y[measured][:, None], design.n_strata)[:, 0]


def _cross(stratum: IntArray, a: FloatArray, b: FloatArray, design: StratifiedDesign) -> FloatArray:
    """Return the sample covariance of two variables in each stratum, from the units that have both."""
    both = np.isfinite(a) & np.isfinite(b)
    codes, x, y = stratum[both], a[both], b[both]
    n = np.bincount(codes, minlength=design.n_strata).astype(float)
    safe = np.maximum(n, 1)
    mean_x = np.bincount(codes, weights=x, minlength=n.size) / safe
    mean_y = np.bincount(codes, weights=y, minlength=n.size) / safe
    products = np.bincount(codes, weights=(x - mean_x[codes]) * (y - mean_y[codes]), minlength=n.size)
    return np.asarray(products / np.maximum(n - 1, 1), dtype=float)
