"""The table ``[impact]`` of the survey file: what is evaluated, from which tables, and how."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from monitor.sections import Name, Section

__all__ = ["ImpactSection", "OutcomeSection", "ProgrammeSection", "SeriesSection", "YearlyTable"]

Year = Annotated[int, Field(ge=1900, le=2200)]
Kilometres = Annotated[float, Field(gt=0, le=1000)]


class YearlyTable(Section):
    """A table with a number by unit and year: one row each, or one column a year."""

    table: Path = Field(description="CSV, Parquet, GeoPackage or the like")
    layer: str | None = Field(default=None, description="Layer of a GeoPackage; the first one when left out")
    code: str = Field(min_length=1, description="Column with the unit's code, as text")
    year: str | None = Field(default=None, description="Column with the year, where each row is a unit and year")
    value: str | None = Field(default=None, description="Column with the number, beside `year`; rows are added up")
    columns: str | None = Field(
        default=None, description="Or: regular expression of the columns by year; its one group is the year"
    )
    absent_is_zero: bool = Field(
        default=False,
        description="Units that the table does not name in a year it covers are known to have had none",
    )
    years_absent_are_zero: bool = Field(
        default=False, description="Years that the table does not cover stand as zero too; the run says so"
    )

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if (self.columns is None) == (self.year is None) or (self.year is None) != (self.value is None):
            raise ValueError("give year and value, or columns")
        _require_group(self.columns)
        return self


def _require_group(pattern: str | None) -> None:
    if pattern is None:
        return
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error})") from error
    if groups != 1:
        raise ValueError(f"{pattern!r} has {groups} groups; one, the year, is needed")


class OutcomeSection(YearlyTable):
    """``[impact.outcome]``: what the programme was meant to change; left out with ``[official]``."""

    unit: str = Field(default="ha", min_length=1, description="Unit of the outcome")


class SeriesSection(YearlyTable):
    """``[[impact.series]]``: a further number by unit and year."""

    name: Name = Field(description="Short name")
    role: Literal["eradication", "placebo", "trait", "outcome_error"] = Field(
        description="eradication: hectares eradicated, for the four groups; placebo: an outcome that the programme "
        "cannot have changed; trait: matched on or balanced as of the baseline; outcome_error: standard error of "
        "the outcome",
    )


class ProgrammeSection(Section):
    """``[impact.programme]``: which units have the programme since when."""

    table: Path | None = Field(default=None, description="Table with the dates; the units' own when left out")
    layer: str | None = Field(default=None, description="Layer of a GeoPackage; the first one when left out")
    code: str | None = Field(default=None, description="Column with the unit's code in that table")
    start: str | None = Field(default=None, description="Column with the first year; empty or 0 without programme")
    start_columns: str | None = Field(
        default=None,
        description="Or: regular expression of columns by year, its one group the year; the first that is filled "
        "and not 0 is the start",
    )
    announced: str | None = Field(default=None, description="Column with the year of the announcement")
    announced_in: Year | None = Field(default=None, description="Or: the year in which all were announced")
    anticipation: int = Field(
        default=0, ge=0, le=20, description="Further years before the announcement that are no baseline"
    )

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if (self.start is None) == (self.start_columns is None):
            raise ValueError("give start or start_columns")
        if self.announced is not None and self.announced_in is not None:
            raise ValueError("give one of announced and announced_in")
        if (self.table is None) != (self.code is None):
            raise ValueError("give table and code together")
        _require_group(self.start_columns)
        return self


class OtherProgramme(Section):
    """``[[impact.other]]``: another programme; its units and their neighbours are no controls."""

    table: Path = Field(description="Table that names its units")
    layer: str | None = Field(default=None, description="Layer of a GeoPackage; the first one when left out")
    code: str = Field(min_length=1, description="Column with the unit's code")


class ImpactSection(Section):
    """``[impact]``: evaluation of a programme against matched controls."""

    units: Path | None = Field(
        default=None, description="Points or polygons of the units; with [official] the administrative units"
    )
    layer: str | None = Field(default=None, description="Layer name; the first one when left out")
    code: str | None = Field(default=None, description="Column with the unit's code, as text")
    name: str | None = Field(default=None, description="Column with the unit's name")
    cluster: str | None = Field(
        default=None, description="Column of the level at which the programme is assigned; each unit when left out"
    )
    region: str | None = Field(
        default=None, description="Column of the region; with [official] the unit above when left out"
    )
    exact: list[str] = Field(
        default=[], description="Columns that treated and controls must share; `region` is the region"
    )
    traits: list[str] = Field(default=[], description="Columns with numbers from before every programme")
    calipers: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={},
        description="Trait to the widest difference of treated and control, in its unit; `level before`, "
        "`log level before` and `trend before` are the outcome's own, a series of role trait is known by its name",
    )
    neighbours: int = Field(default=5, ge=1, le=100, description="Most controls of a treated unit")
    window: int = Field(default=5, ge=2, le=30, description="Years that level and trend are taken over")
    rings_km: list[Kilometres] = Field(
        default=[1.0, 5.0, 10.0],
        min_length=1,
        max_length=6,
        description="Outer radii; controls lie beyond the last",
    )
    spatial_km: Kilometres = Field(default=25.0, description="Reach of the spatial standard error")
    draws: int = Field(default=999, ge=99, le=99999, description="Bootstrap draws and re-drawn assignments")
    first_year: Year | None = Field(default=None, description="First year of the panel")
    last_year: Year | None = Field(default=None, description="Last year of the panel")
    outcome: OutcomeSection | None = Field(default=None, description="What the programme was meant to change")
    programme: ProgrammeSection
    series: list[SeriesSection] = Field(default=[], description="Further numbers by unit and year")
    other: list[OtherProgramme] = Field(default=[], description="Other programmes, whose units are no controls")
    tier: Literal[0, 1, 2] = Field(default=0, description="Who may see the effect of the whole panel: 0, 1 or 2")
    projects: list[str] = Field(
        default=[],
        description="Projects of [ad] that are the programme evaluated here, all of them: what they spent is held "
        "against the net effect (A14)",
    )

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if any(a >= b for a, b in zip(self.rings_km, self.rings_km[1:], strict=False)):
            raise ValueError("rings_km does not rise")
        if (self.units is None) != (self.code is None):
            raise ValueError("give units and code together")
        names = [one.name for one in self.series]
        if len(set(names)) < len(names):
            raise ValueError("a series name stands twice")
        single = [one.role for one in self.series if one.role != "trait"]
        if len(set(single)) < len(single):
            raise ValueError("two series have one role; only traits may be several")
        return self
