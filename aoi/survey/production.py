"""Potential production: harvested area times the yield of its region, vintage and moisture state.

Production is not the census area times a yield: what is harvested in a year is another area than what stands on
its last day. So a stock is refused here until `harvested` brings a sourced ratio, or `as_harvested` says on what
ground it may pass. Nothing in this module speaks of what processing consumes.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np

from aoi.survey.addition import mover_limits, require_alike, sum_estimates
from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.interval import t_quantile
from aoi.survey.parameter import Mark, Parameter
from aoi.survey.propagation import Factor, Product, product_delta, product_monte_carlo
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "STOCK_AS_HARVESTED",
    "YIELD_WITHOUT_ERROR",
    "YieldFactor",
    "as_harvested",
    "convert_unit",
    "harvested",
    "illicit_production",
    "licit_production",
    "load_yields",
    "production",
    "total_production",
    "yield_breaks",
    "yield_factor",
]

STOCK_AS_HARVESTED = "STOCK_AS_HARVESTED"
"""Flag of a production that takes the area standing at a date for the area harvested."""

YIELD_WITHOUT_ERROR = "YIELD_WITHOUT_ERROR"
"""Flag of a production whose interval holds the error of the area only."""

_KG_PER_T = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class YieldFactor:
    """Yield of one crop and product in one region, as measured in one vintage.

    Raises
    ------
    InputError
        If a number is negative or missing, or the region, product, vintage or source is empty.
    """

    crop: str
    """Crop class."""
    region: str
    """Where it was measured."""
    product: str
    """What is harvested, with its moisture state: ``sun-dried leaf``, ``dry opium``."""
    value: float
    """kg per harvested ha and year (or season)."""
    vintage: str
    """When it was measured; regions are measured again in turn, so vintages differ within one figure."""
    source: str
    """Where the number stands."""
    se: float | None = None
    """Standard error, kg/ha; None where the source gives none."""
    mark: Mark = "unverified"
    """Whether the number was found in its source."""
    df: float = math.inf
    """Degrees of freedom of `se`: measured fields less one, where the yield is their mean."""

    def __post_init__(self) -> None:
        where, problems = f"yield of {self.crop} in {self.region}", []
        if not (math.isfinite(self.value) and self.value >= 0):
            problems.append(Problem(where, f"{self.value} kg/ha", "0 or more"))
        if self.se is not None and not (math.isfinite(self.se) and self.se >= 0):
            problems.append(Problem(where, f"standard error {self.se}", "0 or more"))
        if not self.df > 0:
            problems.append(Problem(where, f"{self.df} degrees of freedom", "more than 0"))
        problems += [
            Problem(where, f"no {name}", f"a {name}")
            for name in ("crop", "region", "product", "vintage", "source")
            if not getattr(self, name).strip()
        ]
        if problems:
            raise InputError(problems)

    @property
    def unit(self) -> str:
        """Unit of the production made with it, such as ``t sun-dried leaf``."""
        return f"t {self.product}"

    def given(self, value: float, *, source: str, vintage: str, se: float | None = None) -> YieldFactor:
        """Return the factor with a user's value, which must bring its source and vintage."""
        return replace(self, value=value, source=source, vintage=vintage, se=se, mark="given")


@cache
def load_yields() -> tuple[YieldFactor, ...]:
    """Return the yields shipped with the program."""
    text = resources.files("aoi.survey.data").joinpath("yield_factors.toml").read_text(encoding="utf-8")
    return tuple(YieldFactor(**table) for table in tomllib.loads(text)["yield"])


def yield_factor(
    region: str, product: str, vintage: str, known: Sequence[YieldFactor] | None = None
) -> YieldFactor:
    """Return the yield of a region, product and vintage.

    Raises
    ------
    InputError
        If there is not exactly one; the vintages known for the region are named.

    Examples
    --------
    >>> yield_factor("BO Chapare", "sun-dried leaf", "2005").value
    2764.0
    """
    factors = load_yields() if known is None else known
    hits = [one for one in factors if (one.region, one.product, one.vintage) == (region, product, vintage)]
    if len(hits) != 1:
        there = [f"{one.product} {one.vintage}" for one in factors if one.region == region]
        where = f"yield of {region}, {product}, {vintage}"
        raise InputError(Problem(where, f"{len(hits)} records", "one", f"known for the region: {there}"))
    return hits[0]


def yield_breaks(before: Mapping[str, YieldFactor], after: Mapping[str, YieldFactor]) -> tuple[str, ...]:
    """Return the regions whose yield was measured anew between two figures: there production breaks in method."""
    return tuple(
        region for region in sorted(set(before) & set(after)) if before[region].vintage != after[region].vintage
    )


def as_harvested(area: Estimate, *, reference: str, basis: str) -> Estimate:
    """Return a stock as harvested area, on a stated ground and with the flag `STOCK_AS_HARVESTED`.

    Parameters
    ----------
    area : Estimate
        Area standing at a date, in hectares.
    reference : str
        Season or year of the harvest.
    basis : str
        Why it may pass, such as ``fact sheet practice``; goes into the method.

    Raises
    ------
    QualityGateError
        If the estimate does not say what it is of, is a sum of operations, or no ground is given.
    """
    quantity = area.quantity
    if quantity is None or quantity.kind == "cumulative" or not basis.strip():
        found = f"{'no quantity' if quantity is None else quantity.kind}, basis {basis!r}"
        raise QualityGateError(Problem("stock as harvested area", found, "a stock at a date and a basis"))
    harvested = replace(area, method=f"{area.method}; as harvested area: {basis}")
    return harvested.of(replace(quantity, kind="harvestable", reference=reference)).flagged(STOCK_AS_HARVESTED)


def harvested(stock: Estimate, ratio: Parameter, *, reference: str) -> Estimate:
    """Return the harvested area of a year from the area standing at a date.

    Parameters
    ----------
    stock : Estimate
        Area standing at a date, in hectares.
    ratio : Parameter
        Harvested over standing area, such as `aoi.survey.harvest.harvested_area_ha` over the lots' area.
    reference : str
        Season or year of the harvest.

    Raises
    ------
    QualityGateError
        If the estimate is not a stock.
    """
    quantity = stock.quantity
    if quantity is None or quantity.kind != "stock":
        found = "no quantity" if quantity is None else quantity.kind
        raise QualityGateError(Problem("area to be harvested", found, "a stock at a date"))
    made = product_delta(_factor(stock), Factor(ratio.value, ratio.error), level=stock.level)
    area = _carried(stock, made, f"{stock.method}; x {ratio.name} {ratio.value:.4g} ({ratio.mark})")
    return area.of(replace(quantity, kind="harvestable", reference=reference))


def _factor(estimate: Estimate) -> Factor:
    return Factor(estimate.value, estimate.se, max(estimate.lo, 0.0), estimate.hi)


def _tonnes(factor: YieldFactor, level: float) -> Factor:
    """Return a yield in tonnes per ha; few measured fields widen its limits by Student's quantile."""
    value, se = factor.value / _KG_PER_T, (factor.se or 0.0) / _KG_PER_T
    if math.isinf(factor.df) or not value or not se:
        return Factor(value, se)
    half = float(t_quantile(level, factor.df)) * math.sqrt(math.log1p((se / value) ** 2))
    return Factor(value, se, value * math.exp(-half), value * math.exp(half))


def _carried(estimate: Estimate, made: Product, method: str) -> Estimate:
    """Return `estimate` with the numbers of a product that was made with it."""
    return replace(estimate, value=made.value, se=made.se, lo=made.lo, hi=made.hi, method=method)


def _harvest(area: Estimate, factor: YieldFactor) -> Quantity:
    """Return the quantity of an area that may be multiplied by a yield, or refuse it."""
    quantity = area.quantity
    problems = []
    if quantity is None:
        problems.append(Problem("area", "no quantity", "crop, kind, season, unit"))
    else:
        if quantity.kind != "harvestable":
            remedy = "use harvested with a sourced ratio, or as_harvested with its ground"
            problems.append(Problem("area", f"a {quantity.kind} area", "a harvestable area", remedy))
        if quantity.unit != "ha":
            problems.append(Problem("area", f"unit {quantity.unit!r}", "'ha'"))
        if quantity.crop != factor.crop:
            problems.append(Problem("area", f"crop {quantity.crop!r}", f"{factor.crop!r} as the yield"))
    if problems or quantity is None:
        raise QualityGateError(problems)
    return quantity


def production(
    area: Estimate, factor: YieldFactor, *, rng: np.random.Generator | None = None, draws: int = 10_000
) -> Estimate:
    """Return the potential production of one area with the errors of area and yield carried.

    Parameters
    ----------
    area : Estimate
        Harvested area, hectares.
    factor : YieldFactor
        Yield of the same crop.
    rng : numpy.random.Generator, optional
        Carry the errors by lognormal draws; by default by the delta method.
    draws : int
        Number of draws.

    Returns
    -------
    Estimate
        Tonnes of the factor's product; flagged `YIELD_WITHOUT_ERROR` where the yield has no standard error.

    Raises
    ------
    QualityGateError
        If the area is not a harvested area in hectares of the yield's crop.
    """
    quantity = _harvest(area, factor)
    factors = (_factor(area), _tonnes(factor, area.level))
    if rng is None:
        made = product_delta(*factors, level=area.level)
    else:
        made = product_monte_carlo(*factors, rng=rng, draws=draws, level=area.level)
    method = f"{area.method} x yield {factor.region} {factor.vintage}; {made.method}"
    estimate = _carried(area, made, method).of(replace(quantity, unit=factor.unit))
    return estimate if factor.se is not None else estimate.flagged(YIELD_WITHOUT_ERROR)


def total_production(
    parts: Sequence[tuple[Estimate, YieldFactor]],
    *,
    rng: np.random.Generator | None = None,
    draws: int = 10_000,
) -> Estimate:
    """Return the production of several regions.

    Areas that share a yield are added before they are multiplied, because one yield has one error.

    Parameters
    ----------
    parts : sequence of (Estimate, YieldFactor)
        Independent harvested areas and the yield of each.
    rng, draws
        As in `production`.

    Raises
    ------
    QualityGateError
        If products, moisture states, crops or seasons differ, or there is nothing to add.
    """
    groups: dict[YieldFactor, list[Estimate]] = {}
    for area, factor in parts:
        groups.setdefault(factor, []).append(area)
    made = [production(sum_estimates(areas), factor, rng=rng, draws=draws) for factor, areas in groups.items()]
    total = sum_estimates(made)
    vintages = ", ".join(f"{factor.region} {factor.vintage}" for factor in groups)
    return replace(total, method=f"sum of regional productions; mover; yields {vintages}")


def convert_unit(estimate: Estimate, factor: Parameter) -> Estimate:
    """Return an estimate in another unit or moisture state through a sourced factor.

    Parameters
    ----------
    estimate : Estimate
        Production in some unit.
    factor : Parameter
        Its unit must read ``NEW per OLD``, where OLD is the estimate's unit.

    Raises
    ------
    QualityGateError
        If the factor does not start from the estimate's unit.
    """
    quantity = estimate.quantity
    new, _, old = factor.unit.partition(" per ")
    new, old = new.strip(), old.strip()
    if quantity is None or old != quantity.unit:
        found = "no quantity" if quantity is None else repr(quantity.unit)
        raise QualityGateError(Problem(f"conversion by {factor.name}", found, repr(old)))
    made = product_delta(_factor(estimate), Factor(factor.value, factor.error), level=estimate.level)
    method = f"{estimate.method}; x {factor.name} ({factor.mark})"
    return _carried(estimate, made, method).of(replace(quantity, unit=new))


def licit_production(authorised_ha: float, zone: Estimate, factor: YieldFactor) -> Estimate:
    """Return the production of the authorised zone, up to the area the law allows, at that zone's yield.

    Parameters
    ----------
    authorised_ha : float
        Area the law allows.
    zone : Estimate
        Harvested area of the authorised zone.
    factor : YieldFactor
        Yield of the authorised zone, not of the country.

    Raises
    ------
    InputError
        If the authorised area is negative.
    QualityGateError
        If the zone is not a harvested area.
    """
    if not (math.isfinite(authorised_ha) and authorised_ha >= 0):
        raise InputError(Problem("authorised area", f"{authorised_ha} ha", "0 ha or more"))
    # what the law allows is a number without an error; above it the size of the zone does not matter
    capped = zone
    if zone.value > authorised_ha:
        capped = replace(zone, value=authorised_ha, se=0.0, lo=authorised_ha, hi=authorised_ha)
    made = production(capped, factor)
    return replace(
        made, method=f"min(zone, {authorised_ha:g} ha authorised) x yield {factor.region} {factor.vintage}"
    )


def illicit_production(total: Estimate, licit: Estimate) -> Estimate:
    """Return the production left when the licit part is taken off, never below zero.

    The two errors are taken as independent; where both hold the same yield the interval is wider than it need be.

    Raises
    ------
    QualityGateError
        If the units or seasons differ, or the licit part is larger than the total.

    Examples
    --------
    >>> leaf = Quantity(crop="coca", kind="harvestable", reference="2003", unit="t sun-dried leaf")
    >>> total = Estimate(value=28_300.0, se=0.0, lo=28_300.0, hi=28_300.0, n=0, method="fact sheet").of(leaf)
    >>> licit = Estimate(value=11_232.0, se=0.0, lo=11_232.0, hi=11_232.0, n=0, method="12,000 ha").of(leaf)
    >>> illicit_production(total, licit).value
    17068.0
    """
    require_alike([total.quantity, licit.quantity], across=("frame", "source", "vintage"))
    value = total.value - licit.value
    if value < 0:
        found = f"{licit.value:g} licit of {total.value:g} in all"
        raise QualityGateError(Problem("licit production", found, "no more than the total"))
    below = [total.value - total.lo, licit.hi - licit.value]
    above = [total.hi - total.value, licit.value - licit.lo]
    lo, hi = mover_limits(value, below, above)
    return replace(
        total,
        value=value,
        se=math.hypot(total.se, licit.se),
        lo=max(lo, 0.0),
        hi=hi,
        method=f"{total.method}; less licit: {licit.method}",
        flags=tuple(dict.fromkeys((*total.flags, *licit.flags))),
    )
