"""Errors through a product: area times yield, by the delta method and by draws.

Area and yield come from different surveys and are taken as independent unless a correlation is given. The limits
are combined on the logarithm from the factors' own limits, so that an asymmetric interval stays asymmetric, none
reaches below zero, and a factor without error only scales the other's limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.survey.addition import normal_quantile
from geo.errors import InputError, Problem

__all__ = ["Factor", "Product", "product_delta", "product_monte_carlo", "two_piece_draws"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Factor:
    """A positive factor of a product with its error.

    Raises
    ------
    InputError
        If a number is negative or missing, the limits do not hold the value, or only one is given.

    Examples
    --------
    >>> Factor(10.0, 1.0).log_halves(0.95)
    (0.195509..., 0.195509...)
    """

    value: float
    """Point value."""
    se: float
    """Standard error."""
    lo: float | None = None
    """Lower limit; lognormal about the value where none is given."""
    hi: float | None = None
    """Upper limit."""

    def __post_init__(self) -> None:
        lo, hi = (self.value if limit is None else limit for limit in (self.lo, self.hi))
        finite = all(math.isfinite(one) for one in (self.value, self.se, lo, hi))
        if not (finite and 0 <= lo <= self.value <= hi and self.se >= 0) or (self.lo is None) != (self.hi is None):
            found = f"{self.value} with standard error {self.se} in [{self.lo}, {self.hi}]"
            raise InputError(Problem("factor of a product", found, "0 or more, inside both of its limits"))

    def log_halves(self, level: float) -> tuple[float, float]:
        """Return log(value/lo) and log(hi/value); infinite below where the lower limit is 0."""
        if self.value == 0:
            return 0.0, 0.0
        if self.lo is None or self.hi is None:
            half = normal_quantile(level) * math.sqrt(math.log1p((self.se / self.value) ** 2))
            return half, half
        return (math.log(self.value / self.lo) if self.lo > 0 else math.inf), math.log(self.hi / self.value)


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


def product_delta(first: Factor, second: Factor, *, level: float = 0.95, correlation: float = 0.0) -> Product:
    """Return the product of two positive estimates with its standard error and limits.

    Parameters
    ----------
    first, second : Factor
        Values, standard errors and limits at `level`.
    level : float
        Nominal confidence level.
    correlation : float
        Correlation of the two errors.

    Raises
    ------
    InputError
        If the correlation lies outside -1 to 1.

    Notes
    -----
    For independent factors var(xy) = x^2 var y + y^2 var x + var x var y is exact for true values x and y;
    a correlation adds 2 x y r se_x se_y and the second-order term grows to (1 + r^2). The limits are
    xy exp(-sqrt(a^2 + b^2 + 2 r a b)) with a and b the factors' log half widths on that side.

    References
    ----------
    Goodman (1960), Journal of the American Statistical Association 55, 708-713, eq. 2 (variance).
    Donner and Zou (2012), Statistical Methods in Medical Research 21, 347-359 (limits).

    Examples
    --------
    >>> product_delta(Factor(10.0, 1.0), Factor(2.0, 0.6)).se / 20.0
    0.317648...
    """
    if not -1 <= correlation <= 1:
        raise InputError(Problem("correlation of area and yield", f"{correlation}", "-1 to 1"))
    x, y, mixed = first.value, second.value, first.se * second.se
    variance = (x * second.se) ** 2 + (y * first.se) ** 2 + 2 * x * y * correlation * mixed
    se = math.sqrt(max(variance, 0.0) + (1 + correlation**2) * mixed**2)
    if x * y == 0:
        return Product(0.0, se, 0.0, max((first.hi or 0.0) * y, x * (second.hi or 0.0)), "delta; log-mover")
    below, above = (
        math.inf if math.inf in (a, b) else math.sqrt(max(a * a + b * b + 2 * correlation * a * b, 0.0))
        for a, b in zip(first.log_halves(level), second.log_halves(level), strict=True)
    )
    return Product(x * y, se, x * y * math.exp(-below), x * y * math.exp(above), "delta; log-mover")


def two_piece_draws(factor: Factor, standard_normal: FloatArray, level: float = 0.95) -> FloatArray:
    """Return lognormal draws whose median is the value and whose quantiles at `level` are the limits.

    With the value as the mean instead, the upper limit would fall short of the truth more often than the level
    allows. A lower limit of 0 sends the lower half of the draws to 0.

    Parameters
    ----------
    factor : Factor
        Value and limits.
    standard_normal : ndarray
        Standard normal draws.
    level : float
        Level of the limits.
    """
    below, above = factor.log_halves(level)
    slope = np.where(standard_normal < 0, below, above) / normal_quantile(level)
    with np.errstate(invalid="ignore"):
        return np.asarray(factor.value * np.exp(np.where(standard_normal == 0, 0.0, slope * standard_normal)))


def product_monte_carlo(
    first: Factor,
    second: Factor,
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
    first, second : Factor
        Values, standard errors and limits at `level`.
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
        If the correlation is impossible or there are too few draws.
    """
    if draws < 1000 or not -1 <= correlation <= 1:
        found = f"{draws} draws, correlation {correlation}"
        raise InputError(Problem("Monte Carlo product", found, "1000 draws or more, correlation of -1 to 1"))
    z = rng.standard_normal((2, draws))
    z[1] = correlation * z[0] + math.sqrt(1 - correlation**2) * z[1]
    exact, tail = product_delta(first, second, level=level, correlation=correlation), (1 - level) / 2
    method = f"monte carlo, {draws} lognormal draws"
    if exact.value == 0:
        return Product(exact.value, exact.se, exact.lo, exact.hi, method)
    drawn = two_piece_draws(first, z[0], level) * two_piece_draws(second, z[1], level)
    lo, hi = (float(limit) for limit in np.quantile(drawn, [tail, 1 - tail]))
    return Product(exact.value, exact.se, min(lo, exact.value), max(hi, exact.value), method)
