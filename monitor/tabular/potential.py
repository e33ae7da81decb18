"""`altdev estimate AREAS.csv --design FILE.toml` with ``[production]``: potential production of harvested areas.

Area times yield by place, the errors of both carried; opium yields from the capsule volumes of fields; what is
licit taken off; products by interval arithmetic. Nothing here speaks of what processing consumes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aoi.survey.conversion import ConversionRange, Range, conversion_range, processed
from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.opium_yield import CapsuleCurve, field_yields, regional_yield
from aoi.survey.parameter import Parameter, load_parameters, override
from aoi.survey.production import (
    YieldFactor,
    as_harvested,
    convert_unit,
    harvested,
    illicit_production,
    licit_production,
    production,
    total_production,
    yield_factor,
)
from geo.errors import Problem, SurveyFileError
from monitor.sections import GivenParameter, Name, Section, YieldSection
from monitor.tabular.declaration import Column
from monitor.tabular.given_areas import AreaColumns, given_figures
from monitor.tabular.rows import Rows
from monitor.tabular.words import figure_words

__all__ = ["ProductionFile", "estimate_production"]

MOST_CM3 = 1e5
"""Capsule volume above which a cell is a slip, cm3/m2."""
DRAWS = 20_000
"""Draws that carry errors, where they are asked for."""

Part = Literal["total", "licit", "not_licit"]
ProductName = Literal[
    "heroin", "morphine", "cocaine", "cocaine base", "cocaine hydrochloride", "cannabis resin", "cannabis oil",
    "sun-dried leaf", "oven-dry leaf", "fresh leaf",
]  # fmt: skip
"""Products that surveys publish; what processing consumes is none of them."""


class PlaceYield(YieldSection):
    """``[[production.yields]]``: one yield, and the places it holds for."""

    places: list[str] = Field(default=[], description="Places it holds for; all when left out")


class CapsuleSection(Section):
    """``[production.capsules]``: opium yields from the capsule volumes of fields."""

    plots: Path = Field(description="CSV with a row for each plot: its place, its field, its capsule volume")
    place: Column = Field(default="place", description="Column with the place")
    field: Column = Field(default="field", description="Column with the field; plots are averaged within it")
    volume: Column = Field(
        default="volume_cm3_m2", description="Column with the capsule volume, cm3 per m2 of field"
    )
    vintage: str = Field(min_length=1, description="When they were measured")
    source: str = Field(min_length=1, description="Who measured them")
    coefficient: dict[Literal["shift", "product", "divisor"], GivenParameter] = Field(
        default={}, description="Coefficients of the curve in place of the shipped, unverified ones"
    )


class DeductedSection(Section):
    """``[production.licit]``: the authorised place, up to the area the law allows, taken off at its own yield."""

    place: str = Field(min_length=1, description="Place of the table")
    authorised_ha: float = Field(ge=0, description="Hectares that the law allows there")


class MoistureSection(GivenParameter):
    """``[production.moisture]``: the production in another moisture state as well."""

    product: str = Field(min_length=1, description="Product in the other state; value is its tonnes per tonne")


class ConversionSection(Section):
    """``[[production.conversion]]``: a product by a range, shipped for a vintage or given with its source."""

    product: ProductName = Field(description="What is counted at the end")
    vintage: str = Field(min_length=1, description="Year the range was published for")
    low: float | None = Field(
        default=None, gt=0, description="Least tonnes of it per tonne; the shipped range if none"
    )
    high: float | None = Field(default=None, gt=0, description="Greatest")
    source: str = Field(default="", description="Where the range stands")
    unprocessed_low_t: float = Field(default=0.0, ge=0, description="Least tonnes that are not processed")
    unprocessed_high_t: float = Field(default=0.0, ge=0, description="Greatest")

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        if (self.low is None) != (self.high is None):
            raise ValueError("give low and high together")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low is above high")
        if self.low is not None and not self.source.strip():
            raise ValueError("a range of your own needs its source")
        if self.unprocessed_low_t > self.unprocessed_high_t:
            raise ValueError("unprocessed_low_t is above unprocessed_high_t")
        return self


class ProductionTable(AreaColumns):
    """``[production]``: what is produced, and the columns of the table of areas."""

    crop: Name = Field(description="Crop, as the yields name it: coca, opium_poppy, cannabis")
    product: str = Field(min_length=1, description="Product with its moisture state, such as sun-dried leaf")
    kind: Literal["stock", "harvestable"] = Field(
        description="stock: area standing at a date; harvestable: area harvested in a season"
    )
    reference: str = Field(min_length=1, description="Season or year of the harvest")
    harvested_ratio: GivenParameter | None = Field(
        default=None, description="Harvested over standing area, for a stock"
    )
    stock_as_harvested: str | None = Field(
        default=None, min_length=1, description="Ground on which a stock passes for harvested area; flagged"
    )
    errors: Literal["delta", "monte-carlo"] = Field(
        default="delta", description="How the errors of area and yield are carried: by formula, or by draws"
    )
    yields: list[PlaceYield] = Field(default=[], description="Yields by place")
    capsules: CapsuleSection | None = Field(default=None, description="Opium yields from capsule volumes")
    licit: DeductedSection | None = Field(default=None, description="What is licit")
    moisture: MoistureSection | None = Field(default=None, description="Another moisture state")
    conversion: list[ConversionSection] = Field(default=[], description="Products by ranges")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.lo is None) != (self.hi is None):
            raise ValueError("give lo and hi together")
        grounds = [self.harvested_ratio, self.stock_as_harvested]
        if self.kind == "stock" and sum(one is not None for one in grounds) != 1:
            raise ValueError(
                "a stock is no harvested area: give harvested_ratio, or stock_as_harvested with its ground"
            )
        if self.kind == "harvestable" and any(one is not None for one in grounds):
            raise ValueError("harvested_ratio and stock_as_harvested go with a stock")
        if not self.yields and self.capsules is None:
            raise ValueError("give yields or capsules")
        if self.capsules is not None and self.crop != "opium_poppy":
            raise ValueError("capsules go with opium_poppy")
        return self


class ProductionFile(Section):
    """A design file for production."""

    title: str = Field(default="", description="Title, repeated with the figures")
    level: float = Field(
        default=0.95, ge=0.5, lt=1, description="Confidence level of the areas' limits and of all others"
    )
    seed: int = Field(default=1, ge=0, description="Seed of the draws")
    production: ProductionTable = Field(description="What is produced")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Row:
    """One figure of production."""

    place: str | None
    """Place; None for all places."""
    part: Part
    """Which part."""
    figure: Estimate
    """Tonnes."""
    factor: YieldFactor | None
    """Its yield; None where there are several."""


def estimate_production(table: Path, file: ProductionFile, *, as_json: bool) -> str:
    """Return potential production as text.

    Parameters
    ----------
    table
        CSV with the harvested (or standing) area of each place.
    file
        The declaration.
    as_json
        JSON instead of lines.

    Raises
    ------
    SurveyFileError
        If a place has no yield or two, or the licit place is unknown.
    InputError
        Naming every cell at fault.
    QualityGateError
        If a stock would pass for a harvest, or more is licit or held back than there is.
    """
    section = file.production
    rows = list(_figures(file, section, Rows.read(table)))
    last = next(row for row in reversed(rows) if row.place is None)
    other = [] if section.moisture is None else [_in_other_state(row, section.moisture) for row in rows]
    products = [_converted(one, last.figure, section.product) for one in section.conversion]
    if as_json:
        return json.dumps(_content(file, [*rows, *other], products), indent=1, ensure_ascii=False)
    return "\n".join([*(_line(row) for row in [*rows, *other]), *map(_product_line, products), *_notes(rows)])


def _figures(file: ProductionFile, section: ProductionTable, rows: Rows) -> Iterator[_Row]:
    quantity = Quantity(crop=section.crop, kind=section.kind, reference=section.reference)
    given = given_figures(section, rows, level=file.level, quantity=quantity)
    factors = _factors(section, list(given))
    areas = {name: _harvest(one, section) for name, one in given.items()}
    rng = np.random.default_rng(file.seed) if section.errors == "monte-carlo" else None
    for name, area in areas.items():
        figure = production(area, factors[name], rng=rng, draws=DRAWS)
        yield _Row(place=name, part="total", figure=figure, factor=factors[name])
    whole = total_production([(areas[name], factors[name]) for name in areas], rng=rng, draws=DRAWS)
    one_yield = set(factors.values())
    yield _Row(place=None, part="total", figure=whole, factor=one_yield.pop() if len(one_yield) == 1 else None)
    if section.licit is not None:
        place = section.licit.place
        if place not in areas:
            where, known = f"[production.licit] place {place!r}", ", ".join(map(repr, list(areas)[:5]))
            raise SurveyFileError(Problem(where, "no such place", f"one of the table's: {known}", "correct it"))
        allowed = licit_production(section.licit.authorised_ha, areas[place], factors[place])
        yield _Row(place=None, part="licit", figure=allowed, factor=factors[place])
        yield _Row(place=None, part="not_licit", figure=illicit_production(whole, allowed), factor=None)


def _harvest(area: Estimate, section: ProductionTable) -> Estimate:
    """Return an area as harvested area."""
    if section.kind == "harvestable":
        return area
    if section.harvested_ratio is None:
        return as_harvested(area, reference=section.reference, basis=section.stock_as_harvested or "")
    given = section.harvested_ratio
    ratio = Parameter(
        name="harvested_ratio", value=given.value, se=given.se, unit="share", source=given.source, mark="given"
    )
    return harvested(area, ratio, reference=section.reference)


def _factors(section: ProductionTable, places: list[str]) -> dict[str, YieldFactor]:
    """Return the one yield of each place."""
    measured = {} if section.capsules is None else _capsule_yields(section, section.capsules, set(places))
    found: dict[str, YieldFactor] = {}
    problems = []
    for place in places:
        named = [one for one in section.yields if not one.places or place in one.places]
        hits = [_factor(one, section) for one in named] + ([measured[place]] if place in measured else [])
        if len(hits) == 1:
            found[place] = hits[0]
        else:
            where, remedy = (
                f"[production] place {place!r}",
                "name it in the places of one yield, or measure plots there",
            )
            problems.append(Problem(where, f"{len(hits)} yields", "one for each place", remedy))
    strangers = sorted({place for one in section.yields for place in one.places} - set(places))
    problems += [
        Problem(f"[[production.yields]] places {place!r}", "no such place", "a place of the table", "correct it")
        for place in strangers
    ]
    if problems:
        raise SurveyFileError(problems)
    return found


def _factor(one: PlaceYield, section: ProductionTable) -> YieldFactor:
    """Return a shipped yield, or the user's own."""
    if one.yield_kg_ha is None:
        factor = yield_factor(one.region, section.product, one.vintage)
        if factor.crop != section.crop:
            where = f"[[production.yields]] {one.region} {one.vintage}"
            raise SurveyFileError(Problem(where, f"a yield of {factor.crop}", f"one of {section.crop}"))
        return factor
    return YieldFactor(
        crop=section.crop,
        region=one.region,
        product=section.product,
        value=one.yield_kg_ha,
        se=one.yield_se_kg_ha,
        vintage=one.vintage,
        source=one.source,
        mark="given",
    )


def _capsule_yields(section: ProductionTable, capsules: CapsuleSection, places: set[str]) -> dict[str, YieldFactor]:
    """Return the yield of each place whose plots were measured: plots within fields, fields within the place."""
    rows = Rows.read(capsules.plots)
    place, field = rows.labels(capsules.place), rows.labels(capsules.field)
    volume = rows.numbers(capsules.volume, least=0.0, most=MOST_CM3)
    strangers = ~np.isin(place, list(places))
    rows.refuse(capsules.place, strangers, "plots of a place without an area", "places of the table of areas")
    rows.require_sound()
    changes = {f"opium_capsule.{name}": given.model_dump() for name, given in capsules.coefficient.items()}
    known = override(load_parameters("yield_factors"), changes)
    curve = CapsuleCurve.from_parameters(known)
    marks = {known[f"opium_capsule.{name}"].mark for name in ("shift", "product", "divisor")}
    found = {}
    for name in np.unique(place).tolist():
        own = place == name
        mean = regional_yield(field_yields(field[own], volume[own], curve)[1], region=name)
        found[str(name)] = YieldFactor(
            crop=section.crop,
            region=str(name),
            product=section.product,
            value=mean.value,
            se=mean.se,
            df=mean.df,
            vintage=capsules.vintage,
            source=f"{capsules.source}; capsule volumes of {mean.n} fields",
            # a yield is no surer than the curve that made it
            mark="unverified" if "unverified" in marks else "given",
        )
    return found


def _in_other_state(row: _Row, moisture: MoistureSection) -> _Row:
    """Return a figure in another moisture state."""
    quantity = row.figure.quantity
    assert quantity is not None  # made by production
    factor = Parameter(
        name=f"{moisture.product} per {quantity.unit.removeprefix('t ')}",
        value=moisture.value,
        se=moisture.se,
        unit=f"t {moisture.product} per {quantity.unit}",
        source=moisture.source,
        mark="given",
    )
    return _Row(place=row.place, part=row.part, figure=convert_unit(row.figure, factor), factor=row.factor)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Product:
    """A product by a range, from the figure and from its limits."""

    conversion: ConversionRange
    """The range."""
    processed: Range
    """Tonnes processed, by the point figure."""
    made: Range
    """Tonnes of the product, by the point figure."""
    made_within: Range
    """Tonnes of the product that the limits of the figure allow too."""


def _converted(section: ConversionSection, figure: Estimate, origin: str) -> _Product:
    """Return a product by interval arithmetic."""
    if section.low is None or section.high is None:
        known = conversion_range(origin, section.product, section.vintage)
    else:
        known = ConversionRange(
            origin=origin,
            product=section.product,
            vintage=section.vintage,
            low=section.low,
            high=section.high,
            source=section.source,
            mark="given",
        )
    held = Range(section.unprocessed_low_t, section.unprocessed_high_t)
    left = processed(Range.exactly(figure.value), held)
    within = processed(Range(max(figure.lo, held.high), max(figure.hi, held.high)), held)
    return _Product(conversion=known, processed=left, made=left * known.range, made_within=within * known.range)


def _unit(figure: Estimate) -> str:
    return "" if figure.quantity is None else figure.quantity.unit


def _content(file: ProductionFile, rows: list[_Row], products: list[_Product]) -> Mapping[str, Any]:
    return {
        "title": file.title,
        "production": [_row(file.production, row) for row in rows],
        "products": [
            {
                "product": one.conversion.product,
                "origin": one.conversion.origin,
                "processed_low_t": one.processed.low,
                "processed_high_t": one.processed.high,
                "low_t": one.made.low,
                "high_t": one.made.high,
                "low_within_limits_t": one.made_within.low,
                "high_within_limits_t": one.made_within.high,
                "vintage": one.conversion.vintage,
                "source": one.conversion.source,
                "mark": one.conversion.mark,
            }
            for one in products
        ],
    }


def _row(section: ProductionTable, row: _Row) -> dict[str, Any]:
    one, factor = row.figure, row.factor
    names = ("region", "vintage", "source", "mark")
    known = {f"yield_{name}": None if factor is None else getattr(factor, name) for name in names}
    return {
        "crop": section.crop,
        "reference": section.reference,
        "place": row.place,
        "part": row.part,
        "product": _unit(one).removeprefix("t "),
        "value_t": one.value,
        "se_t": one.se,
        "lo_t": one.lo,
        "hi_t": one.hi,
        "level": one.level,
        "yield_kg_ha": None if factor is None else factor.value,
        "yield_se_kg_ha": None if factor is None else factor.se,
        **known,
        "method": one.method,
        "flags": list(one.flags),
    }


def _line(row: _Row) -> str:
    place = "all places" if row.place is None else row.place
    part = {"total": "", "licit": ", licit", "not_licit": ", not licit"}[row.part]
    factor = row.factor
    told = "yields of several vintages or regions"
    if factor is not None:
        error = "without a standard error" if factor.se is None else f"standard error {factor.se:,.2f}"
        error += f", {factor.df + 1:.0f} fields" if factor.df < float("inf") else ""
        told = f"yield {factor.value:,.2f} kg/ha ({error}), {factor.region} {factor.vintage}, {factor.mark}"
    told = "" if row.part == "not_licit" else f"; {told}"
    return f"{place}{part}: {figure_words(row.figure, _unit(row.figure))}{told}"


def _product_line(one: _Product) -> str:
    known = one.conversion
    return (
        f"{known.product}: {one.made.low:,.1f} to {one.made.high:,.1f} t by the range of {known.vintage} "
        f"({known.mark}); {one.made_within.low:,.1f} to {one.made_within.high:,.1f} t with the limits of the "
        "figure; ranges, not confidence intervals"
    )


def _notes(rows: list[_Row]) -> Iterator[str]:
    vintages = sorted({row.factor.vintage for row in rows if row.factor is not None})
    if len(vintages) > 1:
        told = ", ".join(vintages)
        yield f"yields of {told}: against other years, production breaks in method where a yield was renewed"
    if any(row.factor is not None and row.factor.mark == "unverified" for row in rows):
        yield "a yield is unverified: confirm it before a figure is published"
