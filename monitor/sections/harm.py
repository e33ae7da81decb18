"""Tables that say which harms are measured and from what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from monitor.sections.base import Name, Section, TierNumber

CoverName = Literal[
    "primary_forest",
    "secondary_forest",
    "shrub",
    "grass",
    "wetland",
    "pasture",
    "crop",
    "plantation",
    "bare",
    "built",
    "water",
    "other",
]
"""Covers that land had before a plot opened."""


class HarmInputSection(Section):
    """``[[harm.input]]``: one raster of the harms, by its standard name."""

    name: Name = Field(description="Standard name, such as hansen_lossyear; docs/data-sources.md lists them")
    path: Path = Field(description="Raster; it is read onto the analysis grid")
    unit: str = Field(min_length=1, description="Unit of its numbers, as provided or scaled already")
    year: int | None = Field(default=None, ge=1900, le=2200, description="Year it shows; land_cover once a year")
    version: str = Field(default="", description="Version of the data set, written beside the figures")
    nodata: float | Literal["none"] | None = Field(
        default=None, description="Value of cells not known where the file does not say; 'none' when all are known"
    )
    sampling: Literal["nearest", "bilinear"] = Field(
        default="nearest", description="How it is brought onto the grid; bilinear for elevation"
    )
    depth_cm: tuple[float, float] | None = Field(
        default=None, description="Of a map of soil: from which depth to which, such as [5, 15]"
    )


class HarmRiversSection(Section):
    """``[harm.rivers]``: rivers as lines, such as HydroRIVERS."""

    path: Path = Field(description="Lines; the terrain's streams begin there at the latest")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    discharge: str | None = Field(
        default=None, description="Column of the mean flow, m3/s, such as DIS_AV_CMS; none is told when left out"
    )


class HarmAccessSection(Section):
    """``[harm.access]``: roads, tracks and airstrips: land lost and eroded under them, and loss along them."""

    path: Path = Field(description="Lines or polygons")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    year: str | None = Field(
        default=None,
        description="Column of the year each was opened; those of the period are new. All are taken when left out",
    )


class HarmSitesSection(Section):
    """``[harm.sites]``: places of processing that the authority knows of; no output shows where they are."""

    path: Path = Field(description="Points; what processing leaves behind sets out there, not at the plots")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")


class HarmSpeciesSection(Section):
    """``[[harm.species]]``: one species, with a range that the user is licensed to use."""

    name: str = Field(min_length=1, description="Name on tables")
    category: Literal["LC", "NT", "VU", "EN", "CR"] = Field(description="Red List category")
    range: Path = Field(description="Polygons of its range")
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    suitable: list[CoverName] = Field(min_length=1, description="Covers it lives in, strictly")
    also_suitable: list[CoverName] = Field(default=[], description="Covers it may live in; the broad set has both")
    low_m: float = Field(default=-500.0, description="Lowest elevation, metres")
    high_m: float = Field(default=9000.0, description="Highest elevation, metres")
    habitat_ha: float = Field(gt=0, description="Habitat of the whole range, not only of the part in the frame")
    historic_ha: float | None = Field(default=None, gt=0, description="Habitat there once was, for the LIFE score")
    endemic: bool = Field(default=False, description="99 % or more of the range in the country, or a small range")
    threat_share: float = Field(
        default=1.0, ge=0, le=1, description="Weight of this threat over that of all threats to it"
    )
    source: str = Field(min_length=1, description="Whose range and habitat figures these are")


class HarmFactorSection(Section):
    """``[harm.factor.NAME]``: a factor in place of the shipped one, whole and with its source."""

    value: float = Field(description="The number")
    unit: str = Field(min_length=1, description="Its unit")
    source: str = Field(min_length=1, description="Where it comes from")
    mark: Literal["verified", "unverified", "design"] = Field(default="verified", description="Whether it was read")
    shape: Literal["fixed", "uniform", "normal", "lognormal", "beta"] = Field(
        default="fixed", description="Distribution it is drawn from, once for all pixels"
    )
    spread: float = Field(default=0.0, ge=0, description="Standard deviation; the geometric one of a lognormal")
    lo: float | None = Field(default=None, description="Lowest value")
    hi: float | None = Field(default=None, description="Highest value")


class HarmSection(Section):
    """``[harm]``: the six environmental harms, each observed minus counterfactual."""

    canopy_threshold_percent: float = Field(
        gt=0, le=100, description="Tree cover from which land is forest: a local choice, so there is no default"
    )
    climate: Literal["wet_lowland", "moist_lowland", "dry_lowland", "montane", "non_tropical"] = Field(
        description="Climate that the carbon factors are taken from"
    )
    draws: int = Field(default=1000, ge=200, le=100_000, description="Monte-Carlo draws")
    window_years: dict[Name, Annotated[int, Field(ge=1, le=20)]] = Field(
        default={}, description="Crop to the years before first detection in which a clearing is laid to it"
    )
    lag_years: int = Field(default=1, ge=0, le=5, description="Years by which the loss product may date late")
    rings_m: tuple[float, float, float] = Field(
        default=(250.0, 1000.0, 5000.0), description="Outer edges of the three rings around plots, metres"
    )
    core_depth_m: float = Field(default=100.0, gt=0, description="Depth from which forest is core")
    plot_width_m: float | None = Field(
        default=None, gt=0, description="Typical width of a plot; the profile's typical field when left out"
    )
    loads: Path | None = Field(
        default=None, description="Table of loads by crop and class, in place of the shipped ones"
    )
    sprayed_ha: dict[Name, Annotated[float, Field(ge=0)]] = Field(
        default={},
        description="Period to the hectares sprayed with herbicide from the air, 0 when none were; the verified "
        "ones of the corrections ledger when left out",
    )
    rivers: HarmRiversSection | None = Field(default=None, description="Rivers as lines")
    sites: HarmSitesSection | None = Field(default=None, description="Known places of processing")
    access: HarmAccessSection | None = Field(default=None, description="Roads, tracks and airstrips")
    cover: dict[Annotated[str, Field(pattern=r"^\d+$")], CoverName] = Field(
        default={}, description='Code of the land-cover maps to its cover, such as { "6" = "primary_forest" }'
    )
    input: list[HarmInputSection] = Field(default=[], description="Rasters by standard name")
    species: list[HarmSpeciesSection] = Field(default=[], description="Species with their ranges")
    factor: dict[Name, HarmFactorSection] = Field(default={}, description="Factors in place of the shipped ones")
    tier: TierNumber = Field(default=0, description="Who may see the six harms of the whole frame: 0, 1 or 2")

    @model_validator(mode="after")
    def _rings_grow(self) -> Self:
        if not 0 < self.rings_m[0] < self.rings_m[1] < self.rings_m[2]:
            raise ValueError("rings_m must grow from the first edge to the last")
        return self
