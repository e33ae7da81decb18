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

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from aoi.survey.design import FloatArray
from aoi.survey.interval import Bounds

__all__ = ["gamma_bounds"]

HALVINGS = 70
"""Bisections of the frame's area; 1e9 ha is then told to 1e-12 ha."""
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
    below, above = _distributions(x, n, area, factor)
    tail, top = (1 - level) / 2, area.sum(axis=0)

    def mixed(value: FloatArray) -> FloatArray:
        return np.asarray(0.5 * _cdf(value, below) + 0.5 * _cdf(value, above))

    lower = mixed if mid else lambda value: _cdf(value, below)
    upper = mixed if mid else lambda value: _cdf(value, above)
    return Bounds(_quantile(lower, tail, top), _quantile(upper, 1 - tail, top))


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
        single = _scaled(_beta(a, b), x1 / n1, area1, factor1)
        both.append(Cumulants(*(old + new for old, new in zip(rest, single, strict=True))))
    return both[0], both[1]


def _own(p: FloatArray, n: FloatArray) -> Cumulants:
    """Return a proportion's estimated cumulants, with the skewness of a beta distribution."""
    spread = p * (1 - p)
    variance = spread / np.maximum(n - 1, 1)
    third = 2 * (1 - 2 * p) * np.divide(variance**2, spread, out=np.zeros_like(p), where=spread > 0)
    return Cumulants(p, variance, third)


def _beta(a: FloatArray, b: FloatArray) -> Cumulants:
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


def _cdf(value: FloatArray, moments: Cumulants) -> FloatArray:
    """Return the distribution function of the shifted gamma (Pearson III) that has these cumulants."""
    mean, variance, third = moments
    flat = variance <= 1e-24 * np.maximum(mean, 1e-12) ** 2
    deviation = np.sqrt(np.where(flat, 1.0, variance))
    skew = np.where(flat, 0.0, third) / deviation**3
    sign = np.where(skew < 0, -1.0, 1.0)
    shape = 4.0 / np.maximum(np.abs(skew), STRAIGHT) ** 2
    standard = (value - mean) / deviation
    right = special.gammainc(shape, np.maximum(shape + sign * standard * np.sqrt(shape), 0.0))
    curved = np.where(sign > 0, right, 1.0 - right)
    return np.asarray(np.where(flat, (value >= mean).astype(float), curved), dtype=float)


def _quantile(cdf: Callable[[FloatArray], FloatArray], share: float, top: FloatArray) -> FloatArray:
    """Invert a distribution function on [0, top] by bisection, all columns at once."""
    low, high = np.zeros_like(top), top.copy()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        short = cdf(middle) < share
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high
