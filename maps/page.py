"""What a map page is made of: figures with their intervals, layers with their tiers, and where it all comes from.

Records only. `maps.interactive` turns them into a page, `maps.table` into a workbook.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from geo.areas import MappedArea
from geo.errors import InputError, Problem
from geo.legend import Legend
from maps.columns import DETAIL
from maps.disclosure import Tier, require_tiers
from maps.parts import Parts

__all__ = [
    "CHANGE_COLUMNS",
    "ESTIMATE_COLUMNS",
    "FRAME_DOMAIN",
    "About",
    "Accuracy",
    "AdminLayer",
    "ClassAccuracy",
    "Figures",
    "HarmFigure",
    "HarmMap",
    "LineLayer",
    "MappedCount",
    "OverlayLayer",
    "Page",
    "Period",
    "RasterLayer",
    "Share",
]

FRAME_DOMAIN = "frame"
"""Domain code of a figure for the whole area frame."""

ESTIMATE_COLUMNS = (
    "crop",
    "period",
    "domain",
    "domain_name",
    "state",
    "value_ha",
    "se_ha",
    "lo_ha",
    "hi_ha",
    "level",
    "n",
    "method",
    "kind",
    "reference_date",
    "source",
    "vintage",
)
"""Columns of ``estimates.csv``; ``flags`` (words split by ``;``) may follow."""

CHANGE_COLUMNS = (
    "crop",
    "from",
    "to",
    "domain",
    "difference_ha",
    "se_ha",
    "lo_ha",
    "hi_ha",
    "p_value",
    "verdict",
    "method",
)
"""Columns of ``change.csv``; ``flags`` may follow."""

_STATES = ("estimated", "zero", "below_threshold", "missing", "not_surveyed", "suppressed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A survey year or season."""

    name: str
    """Label, as in the figures."""
    role: Literal["baseline", "current", "other"]
    """Part it plays in the comparison."""
    kind: str = "stock"
    """``stock`` or ``harvestable``."""
    reference_date: str = ""
    """ISO date the figures stand for."""
    break_before: bool = False
    """Whether method or frame changed after the period before, so that the two cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A proportion with its interval, 0 to 1."""

    value: float
    """Best figure."""
    lo: float
    """Lower limit."""
    hi: float
    """Upper limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAccuracy:
    """Accuracy of one map class."""

    name: str
    """Class, as in the legend."""
    users: Share
    """Share of what is mapped as the class that is the class."""
    producers: Share
    """Share of the class that is mapped as it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Accuracy of the class map of one period, from the reference sample."""

    period: str
    """Period of the map."""
    overall: Share
    """Share of the area mapped right."""
    n: int
    """Sample units behind it; 0 where a tier does not tell them."""
    classes: tuple[ClassAccuracy, ...] = ()
    """By class."""
    level: float = 0.95
    """Confidence level of the intervals."""
    method: str = ""
    """How it was estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedCount:
    """Hectares counted on the class map of a period: shown beside the estimate, never in its place."""

    period: str
    """Period of the map."""
    area: MappedArea
    """The count; its `class_name` is the crop."""
    domain: str = FRAME_DOMAIN
    """Where it was counted."""


HARMS = ("deforestation", "erosion", "degradation", "species", "contamination", "gases")
"""The six harms, in the order of the resolution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarmFigure:
    """One of the six harms of a crop in a period.

    Raises
    ------
    InputError
        If a figure has no interval that holds it, or a row without figure has one.
    """

    harm: str
    """Which of `HARMS`."""
    crop: str
    """Crop."""
    period: str
    """Period."""
    state: str
    """``computed``, ``not_computed``, ``not_resolvable`` or ``not_estimable``."""
    claim: Literal["at_most", "potential"]
    """What may be said of it: attributable at most, or potential."""
    value: float = math.nan
    """Figure, in `unit`."""
    lo: float = math.nan
    """Lower limit."""
    hi: float = math.nan
    """Upper limit."""
    unit: str = ""
    """Unit, such as ``ha/yr``."""
    grade: str = ""
    """A to D."""
    level: float = 0.95
    """Level of the interval."""
    rough: bool = False
    """Whether it is scaled to an area that rests on few sample units, so that the level is nominal."""

    def __post_init__(self) -> None:
        held = self.lo <= self.value <= self.hi
        if self.harm not in HARMS:
            raise InputError(Problem("harm", repr(self.harm), f"one of {', '.join(HARMS)}"))
        if (self.state == "computed") != held:
            found = f"{self.state}, {self.value} with limits {self.lo} and {self.hi}"
            raise InputError(
                Problem(f"harm {self.harm} {self.crop} {self.period}", found, "a figure with its interval")
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HarmMap:
    """A map of one harm, in classes."""

    harm: str
    """Which of `HARMS`."""
    crop: str
    """Crop."""
    period: str
    """Period."""
    path: Path
    """Raster of class codes, 0 where there is nothing."""
    classes: tuple[tuple[int, str, str], ...]
    """Code, colour and name in the catalogue (under ``harms``) of each class."""
    limits: tuple[float, ...] = ()
    """Lower limits of classes 1 and up, of a raster of amounts; none for one of class codes."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All numbers of a product.

    Raises
    ------
    InputError
        Naming every missing column, unknown state, and estimate outside its interval.
    """

    estimates: pd.DataFrame
    """Rows as in ``estimates.csv``; an estimated row has `lo_ha <= value_ha <= hi_ha`, or both limits missing
    where the publication gave none."""
    change: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CHANGE_COLUMNS)))
    """Rows as in ``change.csv``."""
    accuracy: tuple[Accuracy, ...] = ()
    """One entry per mapped period."""
    mapped: tuple[MappedCount, ...] = ()
    """Counts on the class maps."""
    extra: tuple[tuple[str, pd.DataFrame], ...] = ()
    """Further tables for the workbook, such as the ledger of corrections: (name, rows)."""
    harms: tuple[HarmFigure, ...] = ()
    """The six harms, by crop and period."""

    def __post_init__(self) -> None:
        problems = [
            *_missing("estimates", self.estimates, ESTIMATE_COLUMNS),
            *_missing("change", self.change, CHANGE_COLUMNS),
        ]
        if not problems:
            problems = [
                *_state_problems(self.estimates),
                *_interval_problems("estimates", self.estimates, "value_ha"),
                *_interval_problems("change", self.change, "difference_ha"),
            ]
        if problems:
            raise InputError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a product is called, where it comes from, and who may see it."""

    title: str
    """Title."""
    subtitle: str = ""
    """Second line: country, years."""
    sources: str = ""
    """Data sources named on the map."""
    disclaimer: str = ""
    """Cleared boundary text; without it the product says that it is a draft and not cleared."""
    notes: tuple[str, ...] = ()
    """Further sentences: limits, method, country notes; a key of the catalogue, such as ``limits.tier_rounded``, is
    said in the reader's language."""
    run_id: str = ""
    """Identifier of the run, printed small."""
    tier: Tier = Tier.FIELD
    """Tier of the product."""
    round_ha: float = 0.0
    """Base that hectares were rounded to before they came here; 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminLayer:
    """Administrative units, coloured by hectares."""

    frame: Any
    """GeoDataFrame of polygons with a CRS and columns `code` and `name`; codes are the domains of figures."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""
    title: str = ""
    """What the units are called, such as ``Districts``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterLayer:
    """A class map or a probability map of one period."""

    kind: Literal["class", "probability"]
    """What its cells hold: legend codes, or a probability (0-1, or integers 0-100 or 0-255 with a scale)."""
    period: str
    """Period of the map."""
    path: Path
    """Raster file."""
    crop: str | None = None
    """Crop of a probability map."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayLayer:
    """Polygons that cultivation is compared with.

    A figure of the whole layer has the domain `name`; a figure of one polygon has ``name:label``.
    """

    name: str
    """Short name."""
    title: str
    """Name shown."""
    kind: Literal["ad_area", "protected", "indigenous", "community", "forest_reserve", "buffer", "other"]
    """What it is; decides how it is drawn."""
    frame: Any
    """GeoDataFrame with a CRS."""
    label: str
    """Column that names each polygon."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLayer:
    """Rivers or roads, for orientation."""

    kind: Literal["river", "road"]
    """What it is."""
    frame: Any
    """GeoDataFrame of lines with a CRS; a column `name` is used when there."""
    tier: Tier = Tier.FIELD
    """Widest circle that may see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything on one interactive map.

    Raises
    ------
    InputError
        If a layer or a figure names a period or crop that the page does not have, or the units have no code.
    DisclosureError
        If a layer is of a stricter tier than the page.
    """

    about: About
    """Names and sources."""
    figures: Figures
    """The numbers."""
    crops: tuple[str, ...]
    """Crops, the first one shown first."""
    periods: tuple[Period, ...]
    """In time order."""
    legend: Legend
    """Legend of the class maps."""
    admin: AdminLayer
    """Administrative units."""
    rasters: tuple[RasterLayer, ...] = ()
    """Class and probability maps."""
    harm_maps: tuple[HarmMap, ...] = ()
    """Maps of harms."""
    overlays: tuple[OverlayLayer, ...] = ()
    """AD areas, protected and indigenous lands, in order of drawing."""
    lines: tuple[LineLayer, ...] = ()
    """Rivers and roads."""
    elevation: Path | None = None
    """Raster in metres, for the hillshade that serves as base map."""
    extent: tuple[float, float, float, float] | None = None
    """West, south, east and north of a sheet, in degrees; None for all of the units."""
    parts: Parts = field(default_factory=Parts)
    """Cells, effects, projects, fields, sample: what the product of this tier shows beside its units."""
    detail: int = DETAIL
    """Parts of a layer's diagonal that remain visible in the outlines of units, overlays and lines."""
    language: str = "en"
    """Language the page opens in: en, fr, es, ar, ru or zh."""

    def __post_init__(self) -> None:
        problems = [*self._reference_problems(), *self._admin_problems()]
        if problems:
            raise InputError(problems)
        layers = [("administrative units", self.admin.tier)]
        layers += [(f"{raster.kind} map {raster.period}", raster.tier) for raster in self.rasters]
        layers += [(f"map of harm {one.harm} {one.period}", one.tier) for one in self.harm_maps]
        layers += [(f"overlay {overlay.name}", overlay.tier) for overlay in self.overlays]
        layers += [(f"{line.kind}s", line.tier) for line in self.lines]
        layers += self.parts.tiers()
        require_tiers(layers, self.about.tier)

    def _reference_problems(self) -> Iterator[Problem]:
        named = [(f"{raster.kind} map {raster.path.name}", raster.period) for raster in self.rasters]
        named += [(f"map of harm {one.harm}", one.period) for one in self.harm_maps]
        named += [(f"harm {one.harm}", one.period) for one in self.figures.harms]
        named += [("fields", one.period) for one in self.parts.fields]
        named += [("gaps", one.period) for one in self.parts.gaps]
        named += [("estimates", str(period)) for period in self.figures.estimates["period"].unique()]
        periods = [period.name for period in self.periods]
        for where, period in named:
            if period not in periods:
                yield Problem(where, f"period {period!r}", f"one of {', '.join(periods)}")
        for crop in self.figures.estimates["crop"].unique():
            if crop not in self.crops:
                yield Problem("estimates", f"crop {crop!r}", f"one of {', '.join(self.crops)}")

    def _admin_problems(self) -> Iterator[Problem]:
        frame = self.admin.frame
        if frame.crs is None:
            yield Problem("administrative units", "no coordinate reference system", "one", "assign it")
        for column in ("code", "name"):
            if column not in frame.columns:
                yield Problem("administrative units", f"no column {column!r}", "columns code and name")
        if "code" in frame.columns and frame["code"].duplicated().any():
            twice = ", ".join(sorted({str(code) for code in frame["code"][frame["code"].duplicated()]})[:5])
            yield Problem("administrative units", f"codes used twice ({twice})", "each once", "dissolve them")


def _missing(name: str, table: pd.DataFrame, columns: tuple[str, ...]) -> Iterator[Problem]:
    lost = [column for column in columns if column not in table.columns]
    if lost:
        yield Problem(f"{name} table", f"no column {', '.join(lost)}", f"columns {', '.join(columns)}")


def _state_problems(estimates: pd.DataFrame) -> Iterator[Problem]:
    for state in sorted(set(estimates["state"].astype(str)) - set(_STATES)):
        yield Problem("estimates table, column state", repr(state), f"one of {', '.join(_STATES)}")
    empty = ~estimates["state"].isin(["estimated", "zero"]) & estimates["value_ha"].notna()
    for row in estimates[empty].head(5).itertuples():
        yield Problem(
            f"estimates table, {row.crop} {row.period} {row.domain}",
            f"{row.value_ha} in a cell that is {row.state}",
            "no number",
        )


def _interval_problems(name: str, table: pd.DataFrame, value: str) -> Iterator[Problem]:
    numbers = table[["lo_ha", value, "hi_ha"]].to_numpy(dtype=float)
    slack = 1e-9 * np.maximum(1.0, np.abs(np.nan_to_num(numbers[:, 1])))
    outside = (numbers[:, 0] > numbers[:, 1] + slack) | (numbers[:, 2] < numbers[:, 1] - slack)
    half = np.isnan(numbers[:, 0]) != np.isnan(numbers[:, 2])
    for row in np.flatnonzero(outside | half)[:5]:
        lo, best, hi = numbers[row]
        yield Problem(
            f"{name} table, row {row + 1}", f"{best} with limits {lo} and {hi}", "an interval that holds its value"
        )
