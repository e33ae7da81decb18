"""Conversion ranges by interval arithmetic, and the rounding band of a published number.

A range says that the truth lies between two numbers and nothing about where; it is not a confidence interval and
its ends are not to be divided by 1.96.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from geo.errors import InputError, Problem, QualityGateError

__all__ = ["ConversionRange", "Range", "conversion_range", "processed", "rounding_band"]


@dataclass(frozen=True, slots=True)
class Range:
    """A closed range of what a number may be.

    Raises
    ------
    InputError
        If an end is not finite, or the ends are in the wrong order.

    Examples
    --------
    >>> Range(10_270, 10_270) - Range(1_100, 1_400)
    Range(low=8870, high=9170)
    >>> Range(8_870, 9_170) * Range(0.08, 0.11)
    Range(low=709.6, high=1008.7)
    """

    low: float
    """Least value."""
    high: float
    """Greatest value."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise InputError(Problem("range", f"{self.low} to {self.high}", "finite numbers, the lower first"))

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Range) -> Range:
        return Range(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Range) -> Range:
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Range(min(ends), max(ends))

    def __truediv__(self, other: Range) -> Range:
        if other.low <= 0 <= other.high:
            raise QualityGateError(f"a range that holds zero cannot divide; found {other.low} to {other.high}")
        return self * Range(1 / other.high, 1 / other.low)

    def meets(self, other: Range) -> bool:
        """Return whether the two ranges share a value."""
        return self.low <= other.high and other.low <= self.high

    @classmethod
    def exactly(cls, value: float) -> Range:
        """Return the range that holds one value."""
        return cls(value, value)


def processed(total: Range, unprocessed: Range) -> Range:
    """Return what is left for processing: [total - high, total - low].

    Raises
    ------
    QualityGateError
        If more is held back than there is.
    """
    left = total - unprocessed
    if left.low < 0:
        found = f"{unprocessed.high:g} held back of {total.low:g}"
        raise QualityGateError(Problem("unprocessed share", found, "no more than the total"))
    return left


def rounding_band(printed: str, unit: float = 1.0) -> Range:
    """Return the range of values that round to a printed number.

    Parameters
    ----------
    printed : str
        As published; decimals set the step.
    unit : float
        Step in which the source rounds whole numbers, such as 100.

    Raises
    ------
    InputError
        If `printed` is not a number.

    Examples
    --------
    >>> rounding_band("20.8")
    Range(low=20.75, high=20.85)
    >>> rounding_band("24,100", unit=100)
    Range(low=24050.0, high=24150.0)
    """
    plain = printed.replace(",", "").strip()
    try:
        value = float(plain)
    except ValueError:
        raise InputError(Problem("printed number", repr(printed), "a number")) from None
    decimals = len(plain.partition(".")[2])
    half = (10.0**-decimals if decimals else unit) / 2
    return Range(value - half, value + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionRange:
    """A sourced range of product over origin."""

    origin: str
    """What goes in, with its moisture state where it is leaf."""
    product: str
    """What is counted at the end."""
    vintage: str
    """Year the range was published for; ranges of different years are not one series."""
    low: float
    """Least tonnes of product per tonne of origin."""
    high: float
    """Greatest."""
    source: str
    """Where the range stands."""
    mark: str = "unverified"
    """Whether it was found there."""

    @property
    def range(self) -> Range:
        """The two ends as a `Range`."""
        return Range(self.low, self.high)


@cache
def _shipped() -> tuple[ConversionRange, ...]:
    text = resources.files("aoi.survey.data").joinpath("yield_factors.toml").read_text(encoding="utf-8")
    return tuple(ConversionRange(**table) for table in tomllib.loads(text)["conversion"])


def conversion_range(origin: str, product: str, vintage: str) -> ConversionRange:
    """Return a shipped conversion range.

    Raises
    ------
    InputError
        If there is none for this origin, product and vintage; the known ones are named.
    """
    for one in _shipped():
        if (one.origin, one.product, one.vintage) == (origin, product, vintage):
            return one
    known = [f"{one.origin} to {one.product}, {one.vintage}" for one in _shipped()]
    raise InputError(Problem("conversion range", f"{origin} to {product}, {vintage}", f"one of {known}"))
