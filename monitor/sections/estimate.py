"""Tables that say what is estimated, corrected and produced."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from monitor.sections.base import Day, Name, Section, TierNumber


class EstimateSection(Section):
    """``[estimate]``: intervals."""

    level: float = Field(default=0.95, gt=0.5, lt=1, description="Confidence level")
    interval: Literal["auto", "mover-jeffreys", "mover-midp", "mover-wilson", "mover-clopper"] = Field(
        default="auto", description="How limits are put round areas; auto chooses by the strata and the counts"
    )
    thresholds_ha: dict[Name, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="Crop to the hectares below which an administrative unit counts as free of it, such as "
        "{ poppy = 100 }; units whose interval straddles the line are told",
    )


class GivenParameter(Section):
    """A parameter that the survey gives itself, in place of the shipped one."""

    value: float = Field(description="The number")
    se: float = Field(default=0.0, ge=0, description="Its standard error")
    source: str = Field(min_length=1, description="Where it comes from")


class CorrectionsSection(Section):
    """``[corrections]``: from the interpreted area to the area at the reference date."""

    eradication: Path | None = Field(default=None, description="Polygons of eradication with a date and a method")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    date: str = Field(default="date", min_length=1, description="Column with the day, as 2024-05-31")
    method: str = Field(default="method", min_length=1, description="Column with the method")
    spray_methods: list[str] = Field(
        default=["spray", "spraying", "aerial spraying"],
        description="Methods that are spraying; others are by hand",
    )
    verified: str | None = Field(
        default=None, description="Column that says yes or no; claims that were not verified change no figure"
    )
    all_verified: bool = Field(default=False, description="Every polygon of the layer was verified")
    from_programme: bool = Field(
        default=False,
        description="Take the operations of the table eradication of [ad]; verified are those with verified_ha",
    )
    image_date: dict[Name, Day] = Field(
        default_factory=dict,
        description="Period to the day its figure shows; the last day of the season window when left out",
    )
    yearly_change: GivenParameter | None = Field(
        default=None,
        description="Change a year as a share, which brings the area from its image to the reference date",
    )
    small_lots: GivenParameter | None = Field(
        default=None,
        description="Area of lots too small for the imagery, as a share of the interpreted area",
    )
    parameter: dict[Name, dict[str, GivenParameter]] = Field(
        default_factory=dict,
        description="Parameters in place of the shipped ones, as [corrections.parameter.eradication.spray_effect]",
    )

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.verified is not None and self.all_verified:
            raise ValueError("give one of verified and all_verified")
        if self.from_programme and self.eradication is not None:
            raise ValueError("give one of eradication and from_programme: the same operations must not count twice")
        return self


class YieldSection(Section):
    """Which yield: one of the shipped ones by region and vintage, or the survey's own."""

    region: str = Field(min_length=1, description="Region the yield was measured in")
    vintage: str = Field(min_length=1, description="When it was measured")
    yield_kg_ha: float | None = Field(default=None, ge=0, description="The survey's own yield, kg per harvested ha")
    yield_se_kg_ha: float | None = Field(default=None, ge=0, description="Its standard error, kg/ha")
    source: str = Field(default="", description="Where the survey's own yield comes from")

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        if self.yield_kg_ha is not None and not self.source.strip():
            raise ValueError("a yield of your own needs its source")
        return self


class LicitSection(YieldSection):
    """``[production.licit]``: the authorised zone, up to the area the law allows."""

    zone: str = Field(min_length=1, description="Domain of an overlay, as overlay/alone.csv names it")
    authorised_ha: float = Field(ge=0, description="Hectares that the law allows there")


class ProductionSection(YieldSection):
    """``[[production]]``: one yield, and the units it holds for."""

    crop: Name = Field(description="Crop, as the yields name it")
    product: str = Field(min_length=1, description="Product with its moisture state, such as sun-dried leaf")
    units: list[str] = Field(default=[], description="Codes of the units it holds for; all when left out")
    harvested_ratio: GivenParameter | None = Field(
        default=None, description="Harvested over standing area, for figures that are a stock at a date"
    )
    stock_as_harvested: str | None = Field(
        default=None, min_length=1, description="Ground on which a stock passes for harvested area; flagged"
    )
    licit: LicitSection | None = Field(default=None, description="What is licit, taken off at its own zone's yield")


class PermanenceSection(Section):
    """``[official.permanence]``: windows of permanence, abandonment and expansion."""

    window: int = Field(default=10, ge=3, le=50, description="Years looked back on")
    abandoned_after: int = Field(default=3, ge=1, le=20, description="Latest years in a row without crop")
    expansion_within: int = Field(default=3, ge=1, le=20, description="Latest years in which crop first appeared")


class NumberSection(Section):
    """``[official.number]``: how the table writes its numbers."""

    decimal: Literal[".", ","] = Field(default=".", description="Decimal sign")
    thousands: Literal["", ",", ".", " ", "'"] = Field(default="", description="Sign between thousands")
    decimals: int = Field(default=2, ge=0, le=9, description="Most digits after the decimal sign; more are refused")

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands signs are the same; name two")
        return self


class OfficialSection(Section):
    """``[official]``: figures as an authority publishes them, by administrative unit; no imagery."""

    table: Path = Field(description="CSV, GeoPackage or Parquet: one row a unit, one column a period")
    layer: str | None = Field(default=None, description="Layer of a GeoPackage; the first one when left out")
    encoding: str = Field(default="utf-8", description="Character encoding of a text table")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Column separator of a text table")
    code: str = Field(description="Column with the unit's code, as text")
    name: str = Field(description="Column with the unit's name")
    code_pattern: str = Field(default=r"\S+", description="Regular expression a whole code must match")
    parent: str | None = Field(default=None, description="Column with the code of the unit above")
    parent_name: str | None = Field(default=None, description="Column with the name of the unit above")
    periods: str = Field(description="Regular expression of the period columns; its one group is the period")
    reference_date: str = Field(default="{period}-12-31", description="Date the figures stand for")
    kind: Literal["stock", "harvestable"] = Field(default="stock", description="At the date, or harvestable")
    code_version: str = Field(default="", description="Version of the code list the table uses")
    number: NumberSection = NumberSection()
    number_in: dict[str, NumberSection] = Field(
        default={}, description="By period, where a column writes numbers otherwise"
    )
    symbols: dict[str, Literal["zero", "below_threshold", "missing", "not_surveyed", "suppressed"]] = Field(
        default={"": "missing"}, description="What cells that hold no number mean"
    )
    control_total_ha: dict[str, float] = Field(default={}, description="By period, the total the authority states")
    control_tolerance_ha: float = Field(default=5.0, ge=0, description="Largest difference from a stated total")
    percent_of: Literal["exact", "rounded thousands"] = Field(
        default="exact", description="Percent change from exact figures, or from rounded thousands"
    )
    permanence: PermanenceSection = PermanenceSection()
    tier: TierNumber = Field(
        default=0, description="Widest circle that the authority released its table to: 0, 1 or 2"
    )
