"""The rasters of the harms on the analysis grid: opened by standard name, each checked before it is believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from aoi.harm.inputs import KnownInput, known_input, loss_calendar_year, physical
from geo.blocks import Block
from geo.errors import AltdevError, InputError, Problem
from geo.grid import GeoBox
from geo.raster import open_on_grid, opened, opened_whole
from geo.reader import GridReader
from monitor.harms.soil import depth_problems
from monitor.sections import HarmInputSection, HarmSection

__all__ = ["Ground", "Layer", "entry_problems", "input_problems", "list_problems", "open_ground"]

_SERIES = ("land_cover", "vegetation_index", "chirps_monthly_rain")
"""Inputs that are given once a year."""
_DATED = (*_SERIES, "cci_agb", "cci_agb_sd", "hansen_lossyear", "hansen_treecover2000")
"""Inputs that mean nothing without the year they show; for losses the last year of the version."""
_WHOLE = ("elevation", "hansen_treecover2000", "hansen_lossyear")
"""Inputs that may have no hole in the frame: a missing cell there would count as flat, bare or not lost."""
_BANDED = ("chirps_monthly_rain",)
"""Inputs that hold several maps in one file."""
_SAME_CELL = 1e-3


@dataclass(frozen=True, slots=True)
class Layer:
    """One input, open on the grid."""

    entry: HarmInputSection
    known: KnownInput
    reader: GridReader
    nodata: float | None

    @property
    def where(self) -> str:
        """File and name, for messages."""
        return f"{self.entry.path.name} ([[harm.input]] {self.entry.name})"

    @property
    def depth_cm(self) -> tuple[float, float]:
        """Upper and lower depth of a map of soil; from 0 to 0 where none was stated."""
        return self.entry.depth_cm or (0.0, 0.0)

    def read(self, block: Block) -> NDArray[np.float64]:
        """Return a block in the unit the harms use, NaN where it is not known."""
        stored = self.reader.read(block)
        return physical(self.entry.name, stored, unit=self.entry.unit, nodata=self.nodata, where=self.where)


@dataclass(frozen=True, slots=True)
class Ground:
    """All inputs of the harms, open on one grid."""

    geobox: GeoBox
    layers: dict[tuple[str, int | None], Layer]
    """By name and year; of soil the uppermost."""
    below: Mapping[str, tuple[Layer, ...]] = field(default_factory=dict)
    """The deeper maps of soil by name, downwards."""

    def has(self, name: str) -> bool:
        """Say whether an input is given."""
        return any(key[0] == name for key in self.layers)

    def years(self, name: str) -> list[int]:
        """Return the years an input is given for, in order."""
        return sorted(year for key, year in self.layers if key == name and year is not None)

    def layer(self, name: str, year: int | None = None) -> Layer:
        """Return an input, the only one of its name or that of a year."""
        found = [one for key, one in self.layers.items() if key[0] == name and year in (None, key[1])]
        return found[0]

    def soil_layers(self, name: str) -> tuple[Layer, ...]:
        """Return the maps of a property of soil, downwards."""
        return (self.layer(name), *self.below.get(name, ()))

    def read(self, name: str, block: Block, year: int | None = None) -> NDArray[np.float64]:
        """Return a block of an input, NaN where it is not known."""
        return self.layer(name, year).read(block)

    def loss_year(self, block: Block) -> NDArray[np.int64]:
        """Return the calendar year of forest loss of a block, 0 where none."""
        layer = self.layer("hansen_lossyear")
        code = layer.read(block)
        return loss_calendar_year(np.nan_to_num(code), last_year=int(layer.entry.year or 0))


@contextmanager
def open_ground(section: HarmSection, geobox: GeoBox) -> Iterator[Ground]:
    """Open every raster of ``[harm]`` on a grid.

    Raises
    ------
    InputError
        Naming everything that is wrong with any of them.
    """
    problems = list(input_problems(section, geobox))
    if problems:
        raise InputError(problems)
    with ExitStack() as stack:
        layers: dict[tuple[str, int | None], Layer] = {}
        below: dict[str, tuple[Layer, ...]] = {}
        for entry in sorted(section.input, key=lambda one: one.depth_cm or (0.0, 0.0)):
            layer = _opened(entry, geobox, stack)
            if layers.setdefault((entry.name, entry.year), layer) is not layer:
                below[entry.name] = (*below.get(entry.name, ()), layer)
        yield Ground(geobox=geobox, layers=layers, below=below)


def _opened(entry: HarmInputSection, geobox: GeoBox, stack: ExitStack) -> Layer:
    nodata = _nodata(entry)
    fill = nodata
    if fill is None and entry.nodata == "none":
        fill = _outside_value(entry.path)
    reader = stack.enter_context(open_on_grid(entry.path, geobox, resampling=entry.sampling, fill=fill))
    return Layer(entry=entry, known=known_input(entry.name, entry.unit), reader=reader, nodata=nodata)


def _outside_value(path: Path) -> float | None:
    with opened(path) as source:
        return None if source.nodata is None else float(source.nodata)


def _nodata(entry: HarmInputSection) -> float | None:
    """Return the no-data value of an input: the one given, else the file's own."""
    if isinstance(entry.nodata, int | float):
        return float(entry.nodata)
    with opened(entry.path) as source:
        return None if source.nodata is None else float(source.nodata)


def input_problems(section: HarmSection, geobox: GeoBox) -> Iterator[Problem]:
    """Yield what is wrong with the rasters of ``[harm]``, without reading more than their heads and last blocks."""
    yield from list_problems(section)
    for entry in section.input:
        yield from entry_problems(entry, section, geobox)


def list_problems(section: HarmSection) -> Iterator[Problem]:
    """Yield what is wrong with the list of rasters of ``[harm]``, whatever is in them."""
    keys = [(entry.name, entry.year, entry.depth_cm) for entry in section.input]
    for name, year, _ in dict.fromkeys(key for key in keys if keys.count(key) > 1):
        where = f"[[harm.input]] {name}"
        yield Problem(where, f"{name} {year or ''} twice".replace("  ", " "), "each input once", "take one out")
    yield from depth_problems(section.input)
    dates = {(name, year) for name, year, _ in keys}
    for name in dict.fromkeys(name for name, _, _ in keys if name not in _SERIES):
        if sum(date[0] == name for date in dates) > 1:
            yield Problem(f"[[harm.input]] {name}", "several years", "one map", "keep the one to be used")


def entry_problems(entry: HarmInputSection, section: HarmSection, geobox: GeoBox) -> Iterator[Problem]:
    """Yield what is wrong with one raster of ``[harm]``; it is opened once, its head read and its last block."""
    where = f"{entry.path.name} ([[harm.input]] {entry.name})"
    try:
        known_input(entry.name, entry.unit, where=where)
    except AltdevError as error:
        yield from error.problems
    if entry.name in _DATED and entry.year is None:
        meaning = "the last year of losses in it" if entry.name == "hansen_lossyear" else "the year it shows"
        yield Problem(where, "no year", meaning, "add year")
    if entry.name == "land_cover" and not section.cover:
        yield Problem("[harm.cover]", "nothing", "what the codes of land_cover mean", "add the table")
    try:
        with opened_whole(entry.path) as source:
            yield from _grid_problems(entry, where, source, geobox)
    except AltdevError as error:
        yield from error.problems


def _grid_problems(entry: HarmInputSection, where: str, source: Any, geobox: GeoBox) -> Iterator[Problem]:
    """Yield a no-data value that nobody states, a grid shifted against the frame's, and one that leaves it."""
    if source.nodata is None and entry.nodata is None:
        yield Problem(
            where,
            "no no-data value in the file",
            "one, or nodata = 'none' when every cell is known",
            "state nodata, so that no missing cell counts as zero",
        )
    if source.count > 1 and entry.name not in _BANDED:
        yield Problem(where, f"{source.count} bands", "one", "take the band that is meant into a file of its own")
    crs = CRS.from_user_input(source.crs)
    if entry.name == "elevation" and crs.is_geographic and entry.sampling == "nearest":
        yield Problem(
            where,
            f"heights on a grid in degrees ({crs.name})",
            "a metric grid, since slopes are metres over metres",
            "warp it to the survey's CRS, or set sampling = 'bilinear'",
        )
    yield from _shift(where, source, geobox)
    box = shapely.box(*geobox.boundingbox)
    to_grid = Transformer.from_crs(crs, str(geobox.crs), always_xy=True)
    left, bottom, right, top = to_grid.transform_bounds(*source.bounds)
    missing = 1 - shapely.box(left, bottom, right, top).intersection(box).area / box.area
    if missing > 1e-3:
        found = f"a raster that leaves out {100 * missing:.0f} % of the frame's rectangle"
        yield Problem(where, found, "one that covers the frame", "take a larger clip")


def _shift(where: str, source: Any, geobox: GeoBox) -> Iterator[Problem]:
    """Yield a grid of the same cells that lies beside the frame's by part of a cell."""
    same_crs = CRS.from_user_input(source.crs) == CRS.from_user_input(str(geobox.crs))
    own, grid = source.transform, geobox.transform
    if not same_crs or abs(own.a - grid.a) > 1e-6 * grid.a or abs(own.e - grid.e) > 1e-6 * abs(grid.e):
        return
    steps = np.array([(own.c - grid.c) / grid.a, (own.f - grid.f) / grid.e])
    part = np.abs(steps - np.rint(steps))
    if (part > _SAME_CELL).any():
        shown = ", ".join(f"{value * grid.a:.2f} m" for value in part)
        yield Problem(
            where,
            f"a grid shifted against the frame's by {shown}",
            "cells that lie on the frame's",
            "resample it onto the grid of the class map",
        )


def require_whole(layer: Layer, values: NDArray[np.float64], inside: NDArray[np.bool_]) -> None:
    """Refuse holes of an input inside the frame, where each would count as something it is not.

    Raises
    ------
    InputError
        With the number of cells without a value.
    """
    holes = int((np.isnan(values) & inside).sum())
    if holes and layer.entry.name in _WHOLE:
        raise InputError(
            Problem(
                layer.where,
                f"{holes} cells of the frame without a value in one block",
                "a value in every cell of the frame",
                "fill the holes from another source; they are not zero",
            )
        )
