"""Errors through a product: area times yield, by the delta method and by draws.

Area and yield come from different surveys and are taken as independent unless a correlation is given. Both are
positive, so the interval is set on the logarithm and cannot reach below zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.survey.addition import normal_quantile
from geo.errors import InputError, Problem

__all__ = ["Product", "lognormal_draws", "product_delta", "product_monte_carlo"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Product:
    """A product with its error, in the unit of the two factors multiplied."""

    value: float
    """Point value."""
    se: float
    """Standard error."""
    lo: float
    """Lower limit."""
    hi: float
    """Upper limit."""
    method: str
    """How the error was carried."""


def _check(value: float, se: float, name: str) -> None:
    if not (math.isfinite(value) and math.isfinite(se) and value >= 0 and se >= 0):
        raise InputError(Problem(name, f"{value} with standard error {se}", "finite numbers of 0 or more"))


def product_delta(
    first: tuple[float, float],
    second: tuple[float, float],
    *,
    level: float = 0.95,
    correlation: float = 0.0,
) -> Product:
    """Return the product of two positive estimates with its standard error and lognormal limits.

    Parameters
    ----------
    first, second : tuple of float
        Value and standard error of each factor.
    level : float
        Nominal confidence level.
    correlation : float
        Correlation of the two errors.

    Raises
    ------
    InputError
        If a number is negative or missing, or the correlation lies outside -1 to 1.

    Notes
    -----
    For independent factors var(xy) = x^2 var y + y^2 var x + var x var y is exact for true values x and y;
    a correlation adds 2 x y r se_x se_y and the second-order term grows to (1 + r^2).

    References
    ----------
    Goodman (1960), Journal of the American Statistical Association 55, 708-713, eq. 2.

    Examples
    --------
    >>> product_delta((10.0, 1.0), (2.0, 0.6)).se / 20.0
    0.317648...
    """
    (x, se_x), (y, se_y) = first, second
    _check(x, se_x, "first factor")
    _check(y, se_y, "second factor")
    if not -1 <= correlation <= 1:
        raise InputError(Problem("correlation of area and yield", f"{correlation}", "-1 to 1"))
    mixed = se_x * se_y
    variance = (x * se_y) ** 2 + (y * se_x) ** 2 + 2 * x * y * correlation * mixed
    se = math.sqrt(max(variance, 0.0) + (1 + correlation**2) * mixed**2)
    lo, hi = _lognormal_limits(x * y, se, level)
    return Product(x * y, se, lo, hi, "delta; lognormal")


def _lognormal_limits(value: float, se: float, level: float) -> tuple[float, float]:
    if value == 0:
        return 0.0, normal_quantile(level) * se
    half = normal_quantile(level) * math.sqrt(math.log1p((se / value) ** 2))
    return value * math.exp(-half), value * math.exp(half)


def lognormal_draws(value: float, se: float, standard_normal: FloatArray) -> FloatArray:
    """Return draws of a lognormal with this median and coefficient of variation from standard normal ones.

    The value is the median, as in the limits value x exp(-z s) to value x exp(z s): with the value as the mean,
    the upper limit falls short of the truth more often than the level allows.

    Raises
    ------
    InputError
        If the value is negative, or zero with an error: no lognormal has such a median.
    """
    _check(value, se, "lognormal factor")
    if value == 0 and se > 0:
        raise InputError(Problem("lognormal factor", f"0 with standard error {se}", "a positive value"))
    if se == 0:
        return np.full(standard_normal.shape, value)
    return np.asarray(value * np.exp(math.sqrt(math.log1p((se / value) ** 2)) * standard_normal))


def product_monte_carlo(
    first: tuple[float, float],
    second: tuple[float, float],
    *,
    rng: np.random.Generator,
    draws: int = 10_000,
    level: float = 0.95,
    correlation: float = 0.0,
) -> Product:
    """Return the product of two positive estimates with limits from lognormal draws.

    The standard error is that of `product_delta`; the draws set the limits.

    Parameters
    ----------
    first, second : tuple of float
        Value and standard error of each factor.
    rng : numpy.random.Generator
        Source of the draws; its seed belongs in the manifest.
    draws : int
        At least 1000.
    level : float
        Nominal confidence level.
    correlation : float
        Correlation of the two logarithms.

    Raises
    ------
    InputError
        If a number is impossible or there are too few draws.
    """
    if draws < 1000 or not -1 <= correlation <= 1:
        found = f"{draws} draws, correlation {correlation}"
        raise InputError(Problem("Monte Carlo product", found, "1000 draws or more, correlation of -1 to 1"))
    z = rng.standard_normal((2, draws))
    z[1] = correlation * z[0] + math.sqrt(1 - correlation**2) * z[1]
    drawn = lognormal_draws(*first, z[0]) * lognormal_draws(*second, z[1])
    exact, tail = product_delta(first, second, level=level, correlation=correlation), (1 - level) / 2
    lo, hi = (float(limit) for limit in np.quantile(drawn, [tail, 1 - tail]))
    limits = min(lo, exact.value), max(hi, exact.value)
    return Product(exact.value, exact.se, *limits, f"monte carlo, {draws} lognormal draws")
