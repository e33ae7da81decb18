"""Tables that say which places, laws and programmes cultivation is laid over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from monitor.sections.base import Name, Section, TierNumber
from monitor.sections.estimate import GivenParameter
from monitor.sections.harm import CoverName

NO_ZONE = "no_zone"
"""Domain of the ground that lies in no zone; no overlay may be called so."""


class OverlayLayer(Section):
    """``[[overlay]]``: one layer cultivation is compared with; file order is precedence."""

    name: Name = Field(description="Short name")
    title: str = Field(description="Name on maps and tables")
    kind: Literal["ad_area", "protected", "indigenous", "community", "forest_reserve", "buffer", "other"]
    path: Path = Field(description="Polygons; with `buffer_m` lines or points too, such as roads")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    label: str = Field(description="Column that names each polygon")
    buffer_m: float | None = Field(
        default=None, gt=0, description="Metres by which each shape is grown: a strip along roads, a buffer zone"
    )
    code: str | None = Field(
        default=None, description="Column with the administrative code: joined on it, not on the shape"
    )
    tier: TierNumber = Field(default=0, description="Who may see the layer: 0 field, 1 programme, 2 public")


class TravelSection(Section):
    """``[ad.travel]``: what people travel over; with it A9 is travel time, without it a straight line."""

    roads: Path | None = Field(default=None, description="Lines of roads that are passable all the year")
    road_kmh: str | None = Field(default=None, description="Column with the speed on a road; else a parameter's")
    built_by: str | None = Field(
        default=None, description="Column of the roads that says project or existing; all are existing without it"
    )
    land_cover: Path | None = Field(default=None, description="Raster of land cover, by which people walk")
    cover: dict[str, CoverName] = Field(default={}, description="Code of the land cover to its name")
    elevation: Path | None = Field(default=None, description="Raster of elevation in metres: slopes slow people")
    rivers: Path | None = Field(default=None, description="Lines of rivers, crossed on roads and bridges alone")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.roads is None and self.land_cover is None and self.elevation is None:
            raise ValueError("give roads, land_cover or elevation; leave the table out for straight lines")
        if (self.land_cover is None) != (not self.cover):
            raise ValueError("give land_cover and cover together")
        if wrong := [code for code in self.cover if not code.lstrip("-").isdigit()]:
            raise ValueError(f"cover has {wrong[0]!r}, which is no code of a raster")
        if self.roads is None and (self.road_kmh or self.built_by):
            raise ValueError("road_kmh and built_by are columns of roads; give roads, or leave them out")
        return self

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that it reads."""
        given = (self.roads, self.land_cover, self.elevation, self.rivers)
        return tuple(path for path in given if path is not None)


class ProgrammeSection(Section):
    """``[ad]``: the tables of the alternative-development programme."""

    tables: Path = Field(description="GeoPackage with one layer a table, or folder with one file a table")
    country: Path | None = Field(default=None, description="Polygons of the country that areas have to lie in")
    codes: Path | None = Field(
        default=None, description="Code lists of your own (.toml), added to the shipped ones"
    )
    border: Path | None = Field(default=None, description="Polygons of the countries on both sides of a border")
    border_code: str = Field(default="country", min_length=1, description="Column with the country's code")
    settlements: Path | None = Field(
        default=None,
        description="Points of settlements with a column population, if wanted population_f and population_m too; "
        "no single households",
    )
    markets: Path | None = Field(
        default=None, description="Points of markets; a column built_by may say project or existing"
    )
    travel: TravelSection | None = Field(default=None, description="What people travel over, for travel time")
    lot_size_cuts_ha: list[Annotated[float, Field(gt=0)]] = Field(
        default=[], description="Limits of the classes of lot size that validation was stratified by"
    )
    lonely: Literal["refuse", "certainty", "adjust", "average"] = Field(
        default="refuse", description="Policy for a stratum of lots with a single one drawn"
    )
    parameter: dict[Name, dict[str, GivenParameter]] = Field(
        default_factory=dict,
        description="Numbers in place of the shipped ones, as [ad.parameter.border.strip_km]",
    )
    tier: TierNumber = Field(
        default=0, description="Who may see projects, with counts that are not small: 0, 1 or 2"
    )


class LegalitySection(Section):
    """``[legality]``: the law that hectares are split by."""

    law: str = Field(min_length=1, description="bolivia, colombia, morocco or peru, or a file of your own (.toml)")
    zones: dict[str, str] = Field(
        default={}, description="Zone of the law to its place: an overlay, or OVERLAY:LABEL for one of its zones"
    )
