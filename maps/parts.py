"""What a product shows beside the figures of its units: cells, effects, projects, and the field office's layers.

Records only; `maps.payload` packs them into a page, `maps.table` and `maps.report` into tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import InputError, Problem
from maps.disclosure import Tier

__all__ = [
    "EFFECT_COLUMNS",
    "PORTFOLIO_COLUMNS",
    "SAMPLE_STATES",
    "CellLayer",
    "FieldLayer",
    "GapLayer",
    "NextPlaces",
    "Parts",
    "SampleLayer",
]

EFFECT_COLUMNS = (
    "scope", "effect", "outcome", "unit_of_measure", "state", "value", "lo", "hi", "level", "p_value", "n_treated",
    "n_control", "without_programme", "percent", "finding", "note",
)  # fmt: skip
"""Columns of an evaluation's effects that pages and reports read; further ones are left in the table."""

PORTFOLIO_COLUMNS = (
    "domain", "project", "title", "status", "start", "end", "areas", "ground_ha", "households", "households_state",
    "persons", "persons_state",
)  # fmt: skip
"""Columns of the table of projects."""

SAMPLE_STATES = ("unread", "one_reading", "disputed", "settled", "agreed")
"""State of a sample unit in a period, from nothing done to done: nobody read it; one interpreter did; they differ
and nobody decided; somebody decided; they agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLayer:
    """Squares with a figure, crop by crop and period by period."""

    frame: Any
    """GeoDataFrame with a CRS and columns `cell`, `side_km`: one row a square."""
    figures: pd.DataFrame
    """Columns cell, crop, period, state, value_ha, lo_ha, hi_ha, level, mapped, flags."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLayer:
    """The fields that the map of one crop and period shows."""

    crop: str
    """Crop."""
    period: str
    """Period."""
    frame: Any
    """GeoDataFrame with a CRS and columns `field_id`, `area_ha` (counted on the map), `probability` (per cent)."""
    tolerance: float = 0.0
    """How far an outline may be drawn from where it lies, in units of the CRS; the stairs of cells are straightened
    by half the diagonal of one. The hectares are those of the map all the same."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it: none but the field office in practice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapLayer:
    """Where the images of a period are too few to say anything."""

    period: str
    """Period."""
    path: Path
    """Raster of clear observations, the whole season in band 1."""
    least: int
    """With fewer a cell is not seen."""
    never_percent: float
    """Share of the frame without any, in per cent."""
    few_percent: float
    """Share of the frame with some, but too few."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLayer:
    """The units of the sample and how far they are read; neither strata nor what the map says of them."""

    frame: Any
    """GeoDataFrame of points with a CRS, a column `unit_id`, and one column of `SAMPLE_STATES` for each period."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPlaces:
    """Places whose label would teach the classifier most; none of them is a unit of the sample."""

    frame: Any
    """GeoDataFrame of points with a CRS and columns `unit_id`, `uncertainty` (per cent), the greatest first."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""


def _no_effects() -> pd.DataFrame:
    return pd.DataFrame(columns=list(EFFECT_COLUMNS))


def _no_projects() -> pd.DataFrame:
    return pd.DataFrame(columns=list(PORTFOLIO_COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All of these; what a product has none of stays empty.

    Raises
    ------
    InputError
        If a table lacks a column, or a sample unit has a state that is none.
    """

    effects: pd.DataFrame = field(default_factory=_no_effects)
    """Effects of a programme against its controls."""
    portfolio: pd.DataFrame = field(default_factory=_no_projects)
    """Projects."""
    zones: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Figures of whole layers and of projects, in the columns of estimates, each by itself."""
    zone_change: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Their changes, in the columns of changes."""
    cells: CellLayer | None = None
    """Squares."""
    fields: tuple[FieldLayer, ...] = ()
    """Fields on the map."""
    gaps: tuple[GapLayer, ...] = ()
    """Gaps of the images."""
    sample: SampleLayer | None = None
    """Sample units."""
    next_places: NextPlaces | None = None
    """What to label next."""

    def __post_init__(self) -> None:
        problems = [
            *_missing("effects", self.effects, EFFECT_COLUMNS),
            *_missing("portfolio", self.portfolio, PORTFOLIO_COLUMNS),
        ]
        if self.sample is not None:
            states = self.sample.frame.drop(columns=["unit_id", self.sample.frame.geometry.name])
            odd = sorted({str(one) for name in states for one in states[name].unique()} - set(SAMPLE_STATES))
            known = f"one of {', '.join(SAMPLE_STATES)}"
            problems += [Problem("sample units", f"state {one!r}", known) for one in odd]
        if problems:
            raise InputError(problems)

    def tiers(self) -> list[tuple[str, Tier]]:
        """Return every layer with its tier."""
        told: list[tuple[str, Tier]] = []
        if self.cells is not None:
            told.append(("cells", self.cells.tier))
        told += [(f"fields {one.crop} {one.period}", one.tier) for one in self.fields]
        told += [(f"gaps {one.period}", one.tier) for one in self.gaps]
        if self.sample is not None:
            told.append(("sample units", self.sample.tier))
        if self.next_places is not None:
            told.append(("places to label next", self.next_places.tier))
        return told


def _missing(name: str, table: pd.DataFrame, columns: tuple[str, ...]) -> Iterator[Problem]:
    lost = [column for column in columns if column not in table.columns]
    if lost:
        yield Problem(f"{name} table", f"no column {', '.join(lost)}", f"columns {', '.join(columns)}")
