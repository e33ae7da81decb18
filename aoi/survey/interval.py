"""Intervals for stratified areas that hold at small counts: bounds per stratum, then MOVER over strata.

The Wald interval of a rare class is wrong in one direction: when the class is not seen in a large stratum its
variance is estimated as zero, and the upper limit stays below the truth. The method of variance estimates
recovery (MOVER) builds the limits of the sum from one-stratum limits that are right at zero counts.

References
----------
Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
Statistics in Medicine 27: 1693-1702, equations 1-4.
Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial proportion.
Statistical Science 16: 101-133, sections 3.1.1 (Wilson) and 4.1 (Jeffreys).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from aoi.survey.design import FloatArray
from geo.errors import InputError, Problem

__all__ = [
    "Bounds",
    "IntervalMethod",
    "Strata",
    "clopper_pearson",
    "interval_method",
    "jeffreys",
    "low_count",
    "mover_difference",
    "mover_sum",
    "stratified_interval",
    "t_quantile",
    "wilson",
]

IntervalMethod = Literal["mover-jeffreys", "mover-clopper", "mover-wilson", "wald", "t"]
"""How the limits of a stratified area are made."""

ALIASES: dict[str, IntervalMethod] = {
    "default": "mover-jeffreys",
    "mover": "mover-jeffreys",
    "mover-jeffreys": "mover-jeffreys",
    "jeffreys": "mover-jeffreys",
    "mover-clopper": "mover-clopper",
    "mover-clopper-pearson": "mover-clopper",
    "clopper": "mover-clopper",
    "clopper-pearson": "mover-clopper",
    "exact": "mover-clopper",
    "mover-wilson": "mover-wilson",
    "wilson": "mover-wilson",
    "wald": "wald",
    "normal": "wald",
    "z": "wald",
    "t": "t",
}


class Bounds(NamedTuple):
    """A lower and an upper limit, arrays of one shape."""

    lo: FloatArray
    """Lower limit."""
    hi: FloatArray
    """Upper limit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strata:
    """What an interval needs to know of each stratum, shapes (H,)."""

    areas_ha: FloatArray
    """Area, A_h, in hectares."""
    sizes: FloatArray
    """Units, N_h."""
    counts: FloatArray
    """Sampled units, n_h; an effective sample size may stand here."""
    fpc: bool
    """Whether half-widths shrink by sqrt(1 - n_h/N_h). A census stratum always has none."""

    @property
    def shrink(self) -> FloatArray:
        """Factor of each stratum's half-width: the finite population correction, shape (H,)."""
        kept = 1.0 - self.counts / self.sizes
        factor = np.sqrt(np.maximum(kept, 0.0)) if self.fpc else (kept > 0).astype(float)
        return np.asarray(factor, dtype=float)


def interval_method(name: str) -> IntervalMethod:
    """Return the interval method a user's word stands for.

    Raises
    ------
    InputError
        If the word names no method.

    Examples
    --------
    >>> interval_method("jeffreys")
    'mover-jeffreys'
    """
    if name.lower() not in ALIASES:
        raise InputError(Problem("interval", repr(name), "one of " + ", ".join(ALIASES)))
    return ALIASES[name.lower()]


def wilson(x: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> Bounds:
    """Return Wilson's score limits of a binomial proportion.

    Parameters
    ----------
    x, n
        Successes and trials, broadcast together.
    level
        Two-sided confidence level.

    Returns
    -------
    Bounds
        Limits in [0, 1].
    """
    x, n = np.asarray(x, dtype=float), np.asarray(n, dtype=float)
    z2 = float(special.ndtri(0.5 + level / 2)) ** 2
    centre = (x + z2 / 2) / (n + z2)
    half = np.sqrt(z2) / (n + z2) * np.sqrt(x * (n - x) / n + z2 / 4)
    return Bounds(np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0))


def jeffreys(x: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> Bounds:
    """Return Jeffreys limits of a binomial proportion, with the ends closed at 0 and at n successes.

    Parameters
    ----------
    x, n
        Successes and trials, broadcast together.
    level
        Two-sided confidence level.

    Returns
    -------
    Bounds
        Quantiles of Beta(x + 1/2, n - x + 1/2).

    Examples
    --------
    >>> jeffreys(0, 300).hi.round(6).item()
    0.008331
    """
    x, n = np.asarray(x, dtype=float), np.asarray(n, dtype=float)
    return _beta_bounds(x, n, (x + 0.5, n - x + 0.5), (x + 0.5, n - x + 0.5), level)


def clopper_pearson(x: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> Bounds:
    """Return the exact (Clopper-Pearson) limits of a binomial proportion.

    Parameters
    ----------
    x, n
        Successes and trials, broadcast together.
    level
        Two-sided confidence level.

    Returns
    -------
    Bounds
        Limits whose coverage is at least `level` for every proportion.
    """
    x, n = np.asarray(x, dtype=float), np.asarray(n, dtype=float)
    return _beta_bounds(x, n, (x, n - x + 1.0), (x + 1.0, n - x), level)


def _beta_bounds(
    x: FloatArray,
    n: FloatArray,
    lower: tuple[FloatArray, FloatArray],
    upper: tuple[FloatArray, FloatArray],
    level: float,
) -> Bounds:
    """Return beta quantiles, with 0 at no success and 1 at no failure."""
    tail = (1 - level) / 2
    tiny = np.finfo(float).tiny
    lo = special.betaincinv(np.maximum(lower[0], tiny), np.maximum(lower[1], tiny), tail)
    hi = special.betaincinv(np.maximum(upper[0], tiny), np.maximum(upper[1], tiny), 1 - tail)
    return Bounds(np.where(x <= 0, 0.0, lo), np.where(x >= n, 1.0, hi))


_PROPORTION_BOUNDS: dict[str, Callable[[npt.ArrayLike, npt.ArrayLike, float], Bounds]] = {
    "mover-jeffreys": jeffreys,
    "mover-clopper": clopper_pearson,
    "mover-wilson": wilson,
}


def proportion_bounds(method: IntervalMethod, x: npt.ArrayLike, n: npt.ArrayLike, level: float) -> Bounds:
    """Return the one-stratum limits that `method` combines."""
    return _PROPORTION_BOUNDS[method](x, n, level)


def mover_sum(values: FloatArray, bounds: Bounds, scale: npt.ArrayLike = 1.0) -> Bounds:
    """Combine independent limits into the limits of a sum (Zou and Donner 2008, equation 3).

    Parameters
    ----------
    values
        Point estimates, shape (H, ...).
    bounds
        Their limits, same shape.
    scale
        Factor of each half-width (a finite population correction), broadcastable to `values`.

    Returns
    -------
    Bounds
        Limits of ``values.sum(axis=0)``.
    """
    total, factor = values.sum(axis=0), np.asarray(scale, dtype=float)
    # an equal-tailed limit may cross its estimate at a low level or a small count: then it adds nothing
    down = np.sqrt(np.sum((factor * np.maximum(values - bounds.lo, 0.0)) ** 2, axis=0))
    up = np.sqrt(np.sum((factor * np.maximum(bounds.hi - values, 0.0)) ** 2, axis=0))
    return Bounds(total - down, total + up)


def mover_difference(
    later: tuple[FloatArray, Bounds],
    earlier: tuple[FloatArray, Bounds],
    correlation: npt.ArrayLike = 0.0,
) -> Bounds:
    """Combine two sets of limits into the limits of a difference (Zou and Donner 2008, equation 4).

    Parameters
    ----------
    later, earlier
        Value and limits of each, arrays of one shape.
    correlation
        Correlation of the two estimates, broadcastable to them.

    Returns
    -------
    Bounds
        Limits of ``later - earlier``.
    """
    (value2, bounds2), (value1, bounds1) = later, earlier
    down2, up2 = value2 - bounds2.lo, bounds2.hi - value2
    down1, up1 = value1 - bounds1.lo, bounds1.hi - value1
    rho = np.asarray(correlation, dtype=float)
    down = np.sqrt(np.maximum(down2**2 - 2 * rho * down2 * up1 + up1**2, 0.0))
    up = np.sqrt(np.maximum(up2**2 - 2 * rho * up2 * down1 + down1**2, 0.0))
    return Bounds(value2 - value1 - down, value2 - value1 + up)


def t_quantile(level: float, df: npt.ArrayLike) -> FloatArray:
    """Return the two-sided Student quantile, the normal one for infinite degrees of freedom."""
    df = np.asarray(df, dtype=float)
    finite = stats.t.ppf(0.5 + level / 2, np.where(np.isfinite(df), np.maximum(df, 1.0), 1.0))
    return np.asarray(np.where(np.isfinite(df), finite, special.ndtri(0.5 + level / 2)), dtype=float)


def stratified_interval(
    x: FloatArray, strata: Strata, se: FloatArray, *, method: IntervalMethod, level: float
) -> Bounds:
    """Return the limits of stratified areas ``sum_h A_h x_h / n_h``, never outside what is possible.

    Parameters
    ----------
    x
        Sampled units of the class in each stratum, shape (H, K).
    strata
        The strata's areas, sizes and sample sizes.
    se
        Standard error of each area in hectares, shape (K,); used by ``wald`` and ``t`` only.
    method, level
        Interval and its two-sided confidence level.

    Returns
    -------
    Bounds
        Limits in hectares, shape (K,): not below the area of the class seen in the sample, not above the
        frame less the area seen not to be of the class.
    """
    areas, counts = strata.areas_ha[:, None], strata.counts[:, None]
    values = areas * x / counts
    if method in _PROPORTION_BOUNDS:
        limits = proportion_bounds(method, x, counts, level)
        bounds = mover_sum(values, Bounds(areas * limits.lo, areas * limits.hi), strata.shrink[:, None])
    else:
        df = np.inf if method == "wald" else float((strata.counts - 1).sum())
        half = t_quantile(level, df) * se
        bounds = Bounds(values.sum(axis=0) - half, values.sum(axis=0) + half)
    return within_possible(bounds, x, strata)


def within_possible(bounds: Bounds, x: FloatArray, strata: Strata) -> Bounds:
    """Cut limits to what the sample itself proves: the class units seen, and the others seen."""
    unit_ha = (strata.areas_ha / strata.sizes)[:, None]
    seen = (unit_ha * x).sum(axis=0)
    excluded = (unit_ha * (strata.counts[:, None] - x)).sum(axis=0)
    frame = float(strata.areas_ha.sum())
    return Bounds(np.maximum(bounds.lo, seen), np.minimum(bounds.hi, frame - excluded))


def low_count(
    x: FloatArray, strata: Strata, *, minimum: int = 10, share: float = 0.25
) -> npt.NDArray[np.bool_]:
    """Say which areas rest on so few units that no interval should be read at its nominal level.

    A stratum matters when it holds more than `share` of the squared upper half-width. The rule fires when a
    stratum that matters has fewer than `minimum` units of the class, or when one sampled unit carries more
    than `share` of the estimated variance.

    Parameters
    ----------
    x
        Sampled units of the class in each stratum, shape (H, K).
    strata
        The strata's areas, sizes and sample sizes.
    minimum, share
        Thresholds of the rule.

    Returns
    -------
    ndarray of bool
        Shape (K,).
    """
    areas, counts = strata.areas_ha[:, None], strata.counts[:, None]
    limits = jeffreys(x, counts)
    squared = (areas * strata.shrink[:, None] * (limits.hi - x / counts)) ** 2
    matters = squared > share * squared.sum(axis=0)
    few = (matters & (x < minimum)).any(axis=0)
    return np.asarray(few | (largest_unit_share(x, strata) > share))


def largest_unit_share(x: FloatArray, strata: Strata) -> FloatArray:
    """Return the largest share of one sampled unit in the estimated variance of each area, shape (K,)."""
    areas, counts = strata.areas_ha[:, None], strata.counts[:, None]
    p = x / counts
    factor = (areas * strata.shrink[:, None]) ** 2 / (counts * np.maximum(counts - 1, 1))
    total = (factor * counts * p * (1 - p)).sum(axis=0)
    deviation = np.where((x > 0) & (x < counts), np.maximum(p, 1 - p), 0.0)
    biggest = (factor * deviation**2).max(axis=0)
    return np.asarray(np.divide(biggest, total, out=np.zeros_like(total), where=total > 0), dtype=float)
