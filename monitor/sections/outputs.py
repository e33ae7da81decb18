"""Tables that say what is shown, exchanged and disclosed."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from monitor.sections.base import Day, Section, TierNumber


class MapSection(Section):
    """``[map]``: what the maps show beside the figures."""

    rivers: Path | None = Field(default=None, description="Lines")
    roads: Path | None = Field(default=None, description="Lines")
    elevation: Path | None = Field(default=None, description="Raster in metres, for the hillshade")
    disclaimer: str = Field(default="", description="Cleared boundary text; without it the map says draft")
    sources: str = Field(default="", description="Data sources named on the map")
    notes: list[str] = Field(
        default=[],
        description="Further sentences at the foot of every map and report, such as those a country asks for",
    )
    tier: TierNumber = Field(default=0, description="Who may see rivers, roads and elevation")
    licence: str = Field(default="other", min_length=1, description="SPDX name of the licence of the rasters")
    licences: dict[str, str] = Field(
        default={}, description="Licence of inputs by their path, `*` for any part of it; for the run card"
    )


class IatiSection(Section):
    """``[iati]``: the programme as an IATI activity names it; writes iati.xml."""

    identifier: str = Field(min_length=3, description="IATI identifier of the activity")
    organisation: str = Field(min_length=2, description="IATI identifier of the organisation that reports")
    organisation_name: str = Field(min_length=1, description="Its name")
    organisation_type: str = Field(pattern=r"^\d{2}$", description="Code of its kind, such as 10 for a government")
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$", description="ISO alpha-2 code of the country")
    sectors: dict[str, float] = Field(
        default={"31165": 100.0}, description="DAC purpose codes and their shares in per cent"
    )


class TierSection(Section):
    """``[disclosure.programme]`` and ``[disclosure.public]``: the data owner's rules; the others are shipped."""

    k: int | None = Field(default=None, ge=1, description="Fewest mapped fields behind a figure")
    largest: int | None = Field(default=None, ge=1, description="Number of largest fields of the dominance rule")
    dominance_percent: float | None = Field(default=None, gt=0, le=100, description="Most that they may hold")
    group_percent: float | None = Field(
        default=None, gt=0, le=100, description="Most fields per 100 households; 100 leaves the rule out"
    )
    least_field_ha: float | None = Field(default=None, ge=0, description="Smaller patches are not counted")
    cell_least_km: int | None = Field(default=None, ge=1, le=64, description="Side of the smallest cell")
    cell_most_km: int | None = Field(default=None, ge=1, le=64, description="Side of the largest cell")
    embargo_months: int | None = Field(default=None, ge=0, description="Months after the latest reference date")
    round_ha: float | None = Field(default=None, gt=0, description="Base that hectares are rounded to")
    digits: int | None = Field(default=None, ge=1, le=6, description="Significant digits of harms and effects")
    least_count: int | None = Field(
        default=None, ge=1, description="Fewest persons, households or compared units behind a count or an effect"
    )
    approvals: int | None = Field(default=None, ge=0, le=9, description="Persons who must approve the tables")


class DisclosureSection(Section):
    """``[disclosure]``: what the data owner decided on the products of tiers 1 and 2."""

    programme: TierSection = TierSection()
    public: TierSection = TierSection()
    households: Path | None = Field(default=None, description="Points of the households, for the group rule")
    without_households: str = Field(
        default="", description="Why the public product may do without the group rule; recorded with it"
    )
    embargo_until: Day | None = Field(default=None, description="No product of tier 1 or 2 before this day")
    approvals: Path | None = Field(default=None, description="File with the approvals of the tables (.toml)")
    signing_key: Path | None = Field(
        default=None, description="Ed25519 private key (PEM) outside the project's folder; never copied"
    )
    earlier: list[Path] = Field(default=[], description="disclosure/decision.json of products that went out before")

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.households is not None and self.without_households:
            raise ValueError("give one of households and without_households")
        return self
