"""Gamma limits of a stratified area: few units of the class, spread over many strata.

With many strata of which each saw the class once or never, limits combined stratum by stratum (MOVER) are too
high below and far too wide above: every stratum is charged for a unit it might have missed. Fay and Feuer charge
the sum for one unit only, at the largest weight. Their gamma distribution, made for Poisson counts, is taken
here with the first three moments of binomial strata, so that it also holds where the class is common.

References
----------
Fay, M. P. and Feuer, E. J. (1997). Confidence intervals for directly standardized rates: a method based on the
gamma distribution. Statistics in Medicine 16: 791-801.
Fay, M. P. and Kim, S. (2017). Confidence intervals for directly standardized rates using mid-p gamma
intervals. Biometrical Journal 59: 377-387.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from aoi.survey.design import FloatArray
from aoi.survey.interval import Bounds

__all__ = ["beta_cumulants", "gamma_bounds", "shifted_quantile"]

HALVINGS = 34
"""Bisections between the quantiles of the two distributions: their distance is told to 1e-10 of itself."""
STRAIGHT = 1e-3
"""Skewness below which the gamma distribution is the normal one to six digits."""


class Cumulants(NamedTuple):
    """First three cumulants of the confidence distribution of an area, arrays of one shape."""

    mean: FloatArray
    """Mean in hectares."""
    variance: FloatArray
    """Variance."""
    third: FloatArray
    """Third cumulant."""


def gamma_bounds(
    x: FloatArray,
    counts: FloatArray,
    areas_ha: FloatArray,
    *,
    shrink: FloatArray,
    level: float,
    mid: bool,
) -> Bounds:
    """Return the limits of ``sum_h A_h x_h / n_h``.

    Parameters
    ----------
    x
        Units of the class, shape (H, K).
    counts
        Sample sizes n_h, shape (H, K) or (H, 1).
    areas_ha
        Areas A_h in hectares, shape (H, K) or (H, 1).
    shrink
        Finite population factor of each stratum's half-width, shape (H, 1) or (H, K).
    level
        Two-sided confidence level.
    mid
        Whether the lower and the upper distribution are averaged (mid-p: nearer to the level on average) or
        each limit takes its own (never much below the level).

    Returns
    -------
    Bounds
        Limits in hectares, shape (K,); one stratum gives the Clopper-Pearson limits to their third moment.
    """
    x, n, area = np.broadcast_arrays(x.astype(float), counts.astype(float), areas_ha.astype(float))
    factor = np.broadcast_to(shrink, x.shape)
    below, above = (Shifted.of(moments) for moments in _distributions(x, n, area, factor))
    tail, top = (1 - level) / 2, area.sum(axis=0)
    if not mid:
        return Bounds(np.maximum(_quantile(tail, below), 0.0), np.minimum(_quantile(1 - tail, above), top))
    lo, hi = (_mixed_quantile(share, below, above) for share in (tail, 1 - tail))
    return Bounds(np.maximum(lo, 0.0), np.minimum(hi, top))


def _distributions(
    x: FloatArray, n: FloatArray, area: FloatArray, factor: FloatArray
) -> tuple[Cumulants, Cumulants]:
    """Return the lower and the upper confidence distribution of the sum over strata.

    All strata but one stand with their own estimated moments; the one whose unit weighs most stands with
    Beta(x, n - x + 1) below and Beta(x + 1, n - x) above, the distributions of Clopper and Pearson.
    """
    heavy = np.argmax(area / n * factor, axis=0)[None, :]
    plain = _scaled(_own(x / n, n), x / n, area, factor)
    at = [np.take_along_axis(array, heavy, axis=0)[0] for array in (x, n, area, factor)]
    x1, n1, area1, factor1 = at
    rest = [part.sum(axis=0) - np.take_along_axis(part, heavy, axis=0)[0] for part in plain]
    both = []
    for a, b in ((x1, n1 - x1 + 1), (x1 + 1, n1 - x1)):
        single = _scaled(beta_cumulants(a, b), x1 / n1, area1, factor1)
        both.append(Cumulants(*(old + new for old, new in zip(rest, single, strict=True))))
    return both[0], both[1]


def _own(p: FloatArray, n: FloatArray) -> Cumulants:
    """Return a proportion's estimated cumulants, with the skewness of a beta distribution."""
    spread = p * (1 - p)
    variance = spread / np.maximum(n - 1, 1)
    third = 2 * (1 - 2 * p) * np.divide(variance**2, spread, out=np.zeros_like(p), where=spread > 0)
    return Cumulants(p, variance, third)


def beta_cumulants(a: FloatArray, b: FloatArray) -> Cumulants:
    """Return the cumulants of Beta(a, b), a point mass where a or b is zero."""
    whole = a + b
    variance = a * b / (whole**2 * (whole + 1))
    third = 2 * a * b * (b - a) / (whole**3 * (whole + 1) * (whole + 2))
    return Cumulants(a / whole, variance, third)


def _scaled(one: Cumulants, p: FloatArray, area: FloatArray, factor: FloatArray) -> Cumulants:
    """Turn a proportion's cumulants into hectares, deviations from the estimate shrunk by `factor`."""
    return Cumulants(
        area * (p + factor * (one.mean - p)),
        (area * factor) ** 2 * one.variance,
        (area * factor) ** 3 * one.third,
    )


class Shifted(NamedTuple):
    """The gamma distribution (Pearson III) that has given cumulants, reflected where the skewness is negative."""

    mean: FloatArray
    """Mean."""
    deviation: FloatArray
    """Standard deviation; 0 for a point mass."""
    shape: FloatArray
    """Shape of the gamma distribution."""
    sign: FloatArray
    """1, or -1 where it is reflected."""

    @classmethod
    def of(cls, moments: Cumulants) -> Shifted:
        """Match three cumulants."""
        mean, variance, third = moments
        flat = variance <= 1e-24 * np.maximum(mean, 1e-12) ** 2
        deviation = np.sqrt(np.where(flat, 0.0, variance))
        skew = np.where(flat, 0.0, third) / np.where(flat, 1.0, deviation) ** 3
        return cls(mean, deviation, 4.0 / np.maximum(np.abs(skew), STRAIGHT) ** 2, np.where(skew < 0, -1.0, 1.0))


def _cdf(value: FloatArray, gamma: Shifted) -> FloatArray:
    """Return the distribution function at `value`."""
    mean, deviation, shape, sign = gamma
    flat = deviation == 0
    standard = (value - mean) / np.where(flat, 1.0, deviation)
    right = special.gammainc(shape, np.maximum(shape + sign * standard * np.sqrt(shape), 0.0))
    curved = np.where(sign > 0, right, 1.0 - right)
    return np.asarray(np.where(flat, (value >= mean).astype(float), curved), dtype=float)


def _quantile(share: float, gamma: Shifted) -> FloatArray:
    """Return the quantile of one distribution."""
    mean, deviation, shape, sign = gamma
    standard = np.where(sign > 0, special.gammaincinv(shape, share), special.gammainccinv(shape, share))
    return np.asarray(mean + deviation * sign * (standard - shape) / np.sqrt(shape), dtype=float)


def shifted_quantile(share: float, mean: FloatArray, variance: FloatArray, third: FloatArray) -> FloatArray:
    """Return the quantile of the shifted gamma distribution that has these three cumulants.

    Parameters
    ----------
    share
        Probability below the quantile.
    mean, variance, third
        Cumulants, arrays of one shape.

    Returns
    -------
    ndarray
        Quantiles, of the same shape.
    """
    return _quantile(share, Shifted.of(Cumulants(mean, variance, third)))


def _mixed_quantile(share: float, below: Shifted, above: Shifted) -> FloatArray:
    """Return the quantile of the equal mixture of two distributions, which lies between theirs."""
    first, second = _quantile(share, below), _quantile(share, above)
    low, high = np.minimum(first, second), np.maximum(first, second)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        short = _cdf(middle, below) + _cdf(middle, above) < 2 * share
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high
