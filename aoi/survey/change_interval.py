"""Limits of a change at any confidence level, and the p-value that is the level at which they touch zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import optimize

from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimator import count_totals, strata_of, sums_by
from aoi.survey.interval import Bounds, mover_difference, t_quantile
from aoi.survey.stratified_interval import interval_methods, low_count, stratified_interval

__all__ = ["Limits", "overlap_limits", "p_value_of", "panel_limits", "symmetric_limits", "year_counts"]

Limits = Callable[[float], tuple[float, float]]
"""Limits of a difference as a function of the confidence level."""

DEFAULT_METHOD = "gamma-midp"
"""Interval of gain and of loss by default: their difference has slack of its own (docs/methods/change.md)."""

LEAST_P = 1e-12
"""Smallest p-value that is told apart."""


def p_value_of(value: float, limits: Limits, level: float) -> float:
    """Return the two-sided p-value by inverting the interval: 1 less the level at which a limit is zero.

    Parameters
    ----------
    value
        The difference.
    limits
        Its limits at any level.
    level
        The published level; the root is sought on the side that agrees with the published interval, so that
        the p-value is below ``1 - level`` exactly when zero lies outside it.

    Returns
    -------
    float
        In [1e-12, 1].
    """
    if value == 0:
        return 1.0

    def gap(log_alpha: float) -> float:
        lo, hi = limits(1.0 - float(np.exp(log_alpha)))
        return lo if value > 0 else -hi

    published = float(np.log1p(-level))
    least, most = float(np.log(LEAST_P)), float(np.log1p(-1e-9))
    small, large = (least, published) if gap(published) > 0 else (published, most)
    if gap(small) > 0:
        return LEAST_P
    if gap(large) <= 0:
        return 1.0
    return float(np.exp(optimize.brentq(gap, small, large, xtol=1e-7)))


def symmetric_limits(value: float, se: float, df: float) -> Limits:
    """Return Student limits, the normal ones for infinite degrees of freedom."""

    def limits(level: float) -> tuple[float, float]:
        half = float(t_quantile(level, df)) * se
        return value - half, value + half

    return limits


def year_counts(stratum: IntArray, y: FloatArray, design: StratifiedDesign) -> tuple[IntArray, FloatArray]:
    """Count the units labelled in a year, shape (H,), and those of the class, shape (H, 1)."""
    labelled = np.isfinite(y)
    counts = design.sample_counts(stratum[labelled])
    return counts, sums_by(stratum[labelled], y[labelled][:, None], design.n_strata)


def panel_limits(
    stratum: IntArray,
    labels: tuple[FloatArray, FloatArray],
    design: StratifiedDesign,
    *,
    fpc: bool,
    method: str,
) -> tuple[Limits, str, bool]:
    """Return the limits of gain less loss for units labelled in both years.

    Gain and loss are areas of their own, with intervals that hold at small counts; as one unit cannot be both,
    they are negatively correlated, and their difference is a little wider than that of independent areas.

    Parameters
    ----------
    stratum
        Stratum code of each unit, shape (n,).
    labels
        0/1 labels of the earlier and the later year, shape (n,) each.
    design, fpc, method
        As in `aoi.survey.change.area_change`.

    Returns
    -------
    tuple
        Limits at any level, name of the methods, and whether they rest on few units.
    """
    first, second = labels
    moved = np.stack([second > first, second < first], axis=1).astype(np.float64)
    counts, found = design.sample_counts(stratum), sums_by(stratum, moved, design.n_strata)
    values, variances = count_totals(found, counts, design, fpc=fpc)
    strata, se = strata_of(design, counts, fpc=fpc), np.sqrt(variances)
    methods = interval_methods(_chosen(method), found, strata, se)
    p = found / counts[:, None]
    factor = (design.areas_ha * strata.shrink[:, 0]) ** 2 / np.maximum(counts - 1, 1)
    product = float(se[0] * se[1])
    rho = -float((factor * p[:, 0] * p[:, 1]).sum()) / product if product > 0 else 0.0

    def limits(level: float) -> tuple[float, float]:
        bounds = stratified_interval(found, strata, se, methods=methods, level=level)
        gain, loss = _column(values, bounds, 0), _column(values, bounds, 1)
        both = mover_difference(gain, loss, max(rho, -1.0))
        return float(both.lo), float(both.hi)

    few = bool(low_count(found.sum(axis=1, keepdims=True), strata)[0])
    return limits, _named(methods), few


def overlap_limits(
    years: Sequence[tuple[IntArray, FloatArray]],
    correlation: float,
    design: StratifiedDesign,
    *,
    fpc: bool,
    method: str,
) -> tuple[Limits, str]:
    """Return the limits of the difference of two years whose samples overlap partly or not at all.

    Parameters
    ----------
    years
        Sample sizes and counts of the earlier and the later year, from `year_counts`.
    correlation
        Correlation of the two areas, from the units both years share.
    design, fpc, method
        As in `aoi.survey.change.area_change`.

    Returns
    -------
    tuple
        Limits at any level, and the name of the methods.
    """
    parts = []
    for counts, found in years:
        value, variance = count_totals(found, counts, design, fpc=fpc)
        strata, se = strata_of(design, counts, fpc=fpc), np.sqrt(variance)
        parts.append((found, strata, se, interval_methods(_chosen(method), found, strata, se), value))

    def limits(level: float) -> tuple[float, float]:
        earlier, later = (
            _column(value, stratified_interval(found, strata, se, methods=methods, level=level), 0)
            for found, strata, se, methods, value in parts
        )
        both = mover_difference(later, earlier, correlation)
        return float(both.lo), float(both.hi)

    return limits, _named([*parts[0][3], *parts[1][3]])


def _column(values: FloatArray, bounds: Bounds, k: int) -> tuple[FloatArray, Bounds]:
    """Return one column's value and limits, each limit on its own side of the value."""
    value = values[k]
    return value, Bounds(np.minimum(bounds.lo[k], value), np.maximum(bounds.hi[k], value))


def _chosen(method: str) -> str:
    """Return the method named, or that of changes by default."""
    return DEFAULT_METHOD if method.lower() == "default" else method


def _named(methods: Sequence[str]) -> str:
    """Return the names of the methods, each once."""
    return ", ".join(dict.fromkeys(methods))
