"""The published figure: a value that cannot be had without its uncertainty and its meaning.

Only `aoi.survey` makes an `Estimate` (a test holds the other packages to that); a count of pixels is a
`geo.areas.MappedArea` and stays one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal

from geo.errors import QualityGateError

__all__ = ["INDICATIVE", "LOW_COUNT", "CellState", "Estimate", "Kind", "Quantity", "read_back"]

Kind = Literal["stock", "harvestable", "cumulative"]

LOW_COUNT = "LOW_COUNT"
"""Flag of a figure whose interval cannot be trusted at its nominal level."""

INDICATIVE = "INDICATIVE"
"""Flag of a figure that may be looked at but not ranked or tested."""


class CellState(Enum):
    """Why a table cell holds, or does not hold, a figure. None of the empty ones is zero."""

    ESTIMATED = "estimated"
    ZERO = "zero"
    BELOW_THRESHOLD = "below_threshold"
    MISSING = "missing"
    NOT_SURVEYED = "not_surveyed"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What a figure is a figure of. Two figures add only when all of this agrees.

    Examples
    --------
    >>> stock = Quantity(crop="coca", kind="stock", reference="2023-12-31")
    >>> stock.unit
    'ha'
    """

    crop: str
    """Crop class, such as ``coca``, ``opium_poppy``, ``cannabis``."""
    kind: Kind
    """Standing at a date, harvestable in a season, or the sum of operations."""
    reference: str
    """Reference date (ISO) or season label."""
    unit: str = "ha"
    """Unit; for leaf with its moisture state, such as ``t fresh leaf``."""
    frame: str = ""
    """Area frame and boundary version."""
    source: str = ""
    """Who made the figure."""
    vintage: str = ""
    """Which publication of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its standard error, interval, degrees of freedom and method.

    Raises
    ------
    QualityGateError
        If a number is not finite, the standard error is negative, the interval does not hold the value,
        or the level is not inside (0, 1).

    Examples
    --------
    >>> Estimate(value=10.0, se=2.0, lo=6.0, hi=14.5, n=300, method="mover-jeffreys").cv
    0.2
    """

    value: float
    """Point estimate, in `quantity.unit` (hectares by default)."""
    se: float
    """Standard error, same unit."""
    lo: float
    """Lower confidence limit."""
    hi: float
    """Upper confidence limit."""
    n: int
    """Sample units behind the figure."""
    method: str
    """Estimator and interval, such as ``stratified; mover-jeffreys``."""
    level: float = 0.95
    """Nominal confidence level."""
    df: float = math.inf
    """Degrees of freedom of the standard error."""
    flags: tuple[str, ...] = ()
    """Warnings that travel with the figure (`LOW_COUNT`, `INDICATIVE`)."""
    quantity: Quantity | None = None
    """What the figure is of; None inside a computation, set before anything is published."""

    def __post_init__(self) -> None:
        numbers = (self.value, self.se, self.lo, self.hi)
        if not all(math.isfinite(number) for number in numbers):
            raise QualityGateError(f"an estimate must be finite; found value, se, lo, hi = {numbers}")
        slack = 1e-9 * max(1.0, abs(self.value))
        if self.se < 0 or not (self.lo - slack <= self.value <= self.hi + slack):
            raise QualityGateError(f"an interval must hold its value; found {self.value} in [{self.lo}, {self.hi}]")
        if not 0 < self.level < 1:
            raise QualityGateError(f"a confidence level lies between 0 and 1; found {self.level}")

    @property
    def cv(self) -> float:
        """Coefficient of variation; infinite for a zero value."""
        return self.se / abs(self.value) if self.value else math.inf

    def of(self, quantity: Quantity) -> Estimate:
        """Return the same figure said to be of `quantity`."""
        return replace(self, quantity=quantity)

    def flagged(self, flag: str) -> Estimate:
        """Return the same figure carrying one more flag."""
        return self if flag in self.flags else replace(self, flags=(*self.flags, flag))


def read_back(row: Mapping[str, Any]) -> Estimate:
    """Return a figure from its row in a table that a run published.

    Parameters
    ----------
    row
        Columns value_ha, se_ha, lo_ha, hi_ha, n, method, level, and flags parted by semicolons or missing.

    Raises
    ------
    QualityGateError
        If the interval does not hold the value.

    Examples
    --------
    >>> row = {"value_ha": 10.0, "se_ha": 2.0, "lo_ha": 6.0, "hi_ha": 14.5, "n": 300, "method": "x", "level": 0.95}
    >>> read_back(row | {"flags": "LOW_COUNT"}).flags
    ('LOW_COUNT',)
    """
    flags = row["flags"] if isinstance(row["flags"], str) else ""
    return Estimate(
        value=float(row["value_ha"]),
        se=float(row["se_ha"]),
        lo=float(row["lo_ha"]),
        hi=float(row["hi_ha"]),
        n=int(row["n"]),
        method=str(row["method"]),
        level=float(row["level"]),
        flags=tuple(flag for flag in flags.split(";") if flag),
    )
