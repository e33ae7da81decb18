"""Tables that say what is surveyed: name, area, periods."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from monitor.sections.base import Day, Name, Section, TierNumber


class SurveySection(Section):
    """``[survey]``: what this survey is."""

    name: Name = Field(description="Short name in lower case; becomes part of file names")
    title: str = Field(description="Title printed on maps and tables")
    country: str = Field(pattern=r"^[A-Z]{3}$", description="ISO alpha-3 code; ZZZ when invented")
    crops: list[Name] = Field(min_length=1, description="Crops to estimate, as the legend names them")
    seed: int = Field(ge=0, description="Seed of every random act; written to the manifest")
    source: str = Field(default="", description="Who makes the figures; written beside each of them")
    vintage: str = Field(default="", description="Which publication of the figures this is")


class AreaSection(Section):
    """``[area]``: the area frame and its administrative units."""

    admin: Path = Field(description="Polygons of the administrative units; their union is the area frame")
    admin_layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    admin_code: str = Field(min_length=1, description="Column with the unit's code, as text")
    admin_name: str = Field(min_length=1, description="Column with the unit's name")
    crs: str | None = Field(default=None, description="Projected CRS of the analysis, such as EPSG:32618")
    resolution_m: float = Field(default=10.0, gt=0, description="Cell size in metres")
    agricultural_mask: Path | None = Field(
        default=None, description="Raster, 1 where land is farmed; divides strata, never cuts the frame"
    )
    boundary_version: str = Field(default="", description="Version of the boundaries, written beside figures")
    tier: TierNumber = Field(
        default=0, description="Who may see the units: 0 field, 1 programme, 2 public; figures need no less"
    )


class PeriodSection(Section):
    """``[[period]]``: one survey year or season."""

    name: Name = Field(description="Label of the period, such as 2024")
    role: Literal["baseline", "current", "other"] = Field(description="Part it plays in the comparison")
    start: Day = Field(description="First day of the season window")
    end: Day = Field(description="Last day of the season window")
    reference_date: Day = Field(description="Date the figure stands for")
    kind: Literal["stock", "harvestable"] = Field(
        default="stock", description="Standing at the reference date, or harvestable in the season"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}; swap or correct them")
        return self
