"""Tables that say which places, laws and programmes cultivation is laid over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from monitor.sections.base import Name, Section, TierNumber
from monitor.sections.estimate import GivenParameter

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
        default=None, description="Points of settlements with a column population; no single households"
    )
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
