"""Limits of one proportion, and MOVER: from the limits of parts to the limits of their sum or difference.

The Wald interval of a rare class is wrong in one direction: when the class is not seen in a large stratum its
variance is estimated as zero, and the upper limit stays below the truth. The method of variance estimates
recovery (MOVER) builds the limits of a sum from one-stratum limits that are right at zero counts.

References
----------
Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures: a general approach.
Statistics in Medicine 27: 1693-1702, equations 1-4.
Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial proportion.
Statistical Science 16: 101-133, sections 3.1.1 (Wilson) and 4.1 (Jeffreys).
Clopper, C. J. and Pearson, E. S. (1934). Biometrika 26: 404-413.
Berry, G. and Armitage, P. (1995). Mid-P confidence intervals: a brief review. The Statistician 44: 417-423.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from aoi.survey.design import FloatArray

__all__ = [
    "Bounds",
    "clopper_pearson",
    "jeffreys",
    "mid_p",
    "mover_difference",
    "mover_sum",
    "t_quantile",
    "wilson",
]


HALVINGS = 48
"""Bisections between the exact limits: the mid-p limits are told to 1e-14."""


class Bounds(NamedTuple):
    """A lower and an upper limit, arrays of one shape."""

    lo: FloatArray
    """Lower limit."""
    hi: FloatArray
    """Upper limit."""


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


def mid_p(x: npt.ArrayLike, n: npt.ArrayLike, level: float = 0.95) -> Bounds:
    """Return the mid-p limits of a binomial proportion: the exact test with half the weight on what was seen.

    Parameters
    ----------
    x, n
        Successes and trials, broadcast together.
    level
        Two-sided confidence level.

    Returns
    -------
    Bounds
        Within those of Clopper and Pearson; their coverage is near `level` on average, and not above it by much.

    Examples
    --------
    >>> mid_p([0], 20).hi  # 1 - 0.05 ** (1 / 20)
    array([0.139108])
    """
    x, n = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(n, dtype=float))
    # counts repeat themselves: each pair is solved once
    pairs, place = np.unique(np.stack([x.ravel(), n.ravel()]), axis=1, return_inverse=True)
    seen, trials = pairs
    exact, tail = clopper_pearson(seen, trials, level), (1 - level) / 2
    share = np.divide(seen, trials, out=np.zeros_like(seen), where=trials > 0)
    lo = _mid_p_root(seen, trials, (exact.lo, share), tail)
    hi = _mid_p_root(seen, trials, (share, exact.hi), 1 - tail)
    at = place.reshape(x.shape)
    return Bounds(np.asarray(np.where(seen <= 0, 0.0, lo)[at]), np.asarray(np.where(seen >= trials, 1.0, hi)[at]))


def _mid_p_root(x: FloatArray, n: FloatArray, between: tuple[FloatArray, FloatArray], share: float) -> FloatArray:
    """Return the proportion at which half the chance of x, and that of more, is `share`."""
    low, high = (end.copy() for end in between)
    tiny = np.finfo(float).tiny
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        or_more = np.where(x > 0, special.betainc(np.maximum(x, tiny), n - x + 1, middle), 1.0)
        more = np.where(x < n, special.betainc(x + 1, np.maximum(n - x, tiny), middle), 0.0)
        below = (or_more + more) / 2 < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


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
