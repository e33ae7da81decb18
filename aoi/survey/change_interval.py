"""Limits of a change at any confidence level, and the p-value that is the level at which they touch zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import optimize

from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimator import count_totals, strata_of, sums_by
from aoi.survey.interval import Bounds, mover_difference, t_quantile
from aoi.survey.stratified_interval import interval_methods, low_count, stratified_interval

__all__ = [
    "Limits",
    "overlap_limits",
    "p_value_of",
    "panel_bounds",
    "panel_limits",
    "symmetric_limits",
    "year_counts",
]

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


def panel_bounds(
    gain: FloatArray, loss: FloatArray, counts: IntArray, design: StratifiedDesign, *, fpc: bool, method: str
) -> tuple[Callable[[float], Bounds], list[str]]:
    """Return the limits of gain less loss at any level, for one panel or many of the same design.

    Gain and loss are areas of their own, with intervals that hold at small counts; as one unit cannot be both,
    they are negatively correlated, and their difference is a little wider than that of independent areas.

    Parameters
    ----------
    gain, loss
        Units that entered and left the class in each stratum, shape (H, K), a column for each panel.
    counts
        Units labelled in both years, n_h, shape (H,).
    design, fpc, method
        As in `aoi.survey.change.area_change`.

    Returns
    -------
    tuple
        A function of the level that returns limits, shape (K,), and the names of the methods.
    """
    n_panels = gain.shape[1]
    found = np.concatenate([gain, loss], axis=1)
    values, variances = count_totals(found, counts, design, fpc=fpc)
    strata, se = strata_of(design, counts, fpc=fpc), np.sqrt(variances)
    methods = interval_methods(_chosen(method), found, strata, se)
    factor = (design.areas_ha * strata.shrink[:, 0]) ** 2 / np.maximum(counts - 1, 1)
    covariance = -(factor / counts.astype(float) ** 2) @ (gain * loss)
    product = se[:n_panels] * se[n_panels:]
    rho = np.divide(covariance, product, out=np.zeros(n_panels), where=product > 0)

    def bounds(level: float) -> Bounds:
        limits = stratified_interval(found, strata, se, methods=methods, level=level)
        up, down = (_columns(values, limits, part) for part in (slice(n_panels), slice(n_panels, None)))
        return mover_difference(up, down, np.maximum(rho, -1.0))

    return bounds, list(methods)


def panel_limits(
    stratum: IntArray, labels: tuple[FloatArray, FloatArray], design: StratifiedDesign, *, fpc: bool, method: str
) -> tuple[Limits, str, bool]:
    """Return the limits of the change of one panel, the methods' names, and whether few units stand behind it.

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
        Limits at any level, name of the methods, and the count rule.
    """
    first, second = labels
    counts = design.sample_counts(stratum)
    moved = np.stack([second > first, second < first], axis=1).astype(np.float64)
    found = sums_by(stratum, moved, design.n_strata)
    bounds, methods = panel_bounds(found[:, :1], found[:, 1:], counts, design, fpc=fpc, method=method)

    def limits(level: float) -> tuple[float, float]:
        both = bounds(level)
        return float(both.lo[0]), float(both.hi[0])

    few = low_count(found.sum(axis=1, keepdims=True), strata_of(design, counts, fpc=fpc))
    return limits, _named(methods), bool(few[0])


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
            _columns(value, stratified_interval(found, strata, se, methods=methods, level=level), slice(1))
            for found, strata, se, methods, value in parts
        )
        both = mover_difference(later, earlier, correlation)
        return float(both.lo[0]), float(both.hi[0])

    return limits, _named([*parts[0][3], *parts[1][3]])


def _columns(values: FloatArray, bounds: Bounds, part: slice) -> tuple[FloatArray, Bounds]:
    """Return some columns' values and limits, each limit on its own side of the value."""
    value = values[part]
    return value, Bounds(np.minimum(bounds.lo[part], value), np.maximum(bounds.hi[part], value))


def _chosen(method: str) -> str:
    """Return the method named, or that of changes by default."""
    return DEFAULT_METHOD if method.lower() == "default" else method


def _named(methods: Sequence[str]) -> str:
    """Return the names of the methods, each once."""
    return ", ".join(dict.fromkeys(methods))
