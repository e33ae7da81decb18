"""One block of the analysis grid: all days and bands, read once as integers, with the clear cells of each day.

Days are what counts, not scenes: scenes of one day (neighbouring tiles of one pass) are laid into one layer, so
that overlaps are not observations made twice.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby

import numpy as np
import rasterio
from affine import Affine
from numba import njit
from numpy.typing import NDArray

from geo.blocks import BLOCK_SIZE, Block
from geo.errors import InputError, Problem
from geo.grid import GeoBox
from geo.raster import OpenRasters, geobox_of, open_on_grid
from geo.reader import GridReader
from imagery.mask import Disk, disk, flagged, grow, without_specks
from imagery.relief import Relief, flattened, light_of
from imagery.scene import Scene, unique_scenes
from imagery.sensor import Sensor

__all__ = [
    "BrokenSceneError",
    "Series",
    "Stack",
    "StackCells",
    "cell_size_m",
    "read_stack",
    "working_origin",
    "working_side",
]

Opener = Callable[..., AbstractContextManager[GridReader]]
"""Opens a raster on a grid, as `geo.raster.open_on_grid` does."""

_LOWEST, _HIGHEST = -32_000, 32_000  # room for the markers of missing values in int16
_WHOLE = 1.5  # grids up to this many blocks along a side are worked on whole
_COARSER = 1.5  # cells this many times coarser than the band take its average, others the nearest cell


class BrokenSceneError(InputError):
    """A file of a scene cannot be read; `scene_id` names the scene."""

    def __init__(self, problem: Problem, scene_id: str) -> None:
        super().__init__(problem)
        self.scene_id = scene_id

    @property
    def told(self) -> str:
        """What is wrong, with files named without the folders of this machine."""
        return re.sub(r"(?:[^\s()'\"]*/)+", "", self.problems[0].found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Observations of a block: t days, b bands, h x w cells."""

    days: tuple[date, ...]
    """Days of observation, rising (t)."""
    bands: tuple[str, ...]
    """Common band names (b)."""
    values: NDArray[np.int16]
    """Physical values in units of `quantum`, shape (t, b, h, w); arbitrary where not valid."""
    valid: NDArray[np.bool_]
    """Clear cells of each day, shape (t, h, w)."""
    quantum: float
    """Physical value of one unit."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in cells."""
        return self.valid.shape[1], self.valid.shape[2]

    def at(self, cells: NDArray[np.bool_]) -> StackCells:
        """Return the true cells of a block as observations, in row order.

        Parameters
        ----------
        cells
            Shape (h, w), or smaller by the same rim on every side.
        """
        rim = (self.shape[0] - cells.shape[0]) // 2
        row, col = np.nonzero(cells)
        return StackCells(self, (row + rim) * self.shape[1] + col + rim)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Observations of n cells, wherever they lie: t days, b bands."""

    days: tuple[date, ...]
    """Days of observation, rising (t)."""
    bands: tuple[str, ...]
    """Common band names (b)."""
    values: NDArray[np.int16]
    """Physical values in units of `quantum`, shape (t, b, n)."""
    valid: NDArray[np.bool_]
    """Clear observations, shape (t, n)."""
    quantum: float
    """Physical value of one unit."""

    def __len__(self) -> int:
        return int(self.valid.shape[1])

    def at(self, cells: NDArray[np.integer] | NDArray[np.bool_]) -> Series:
        """Return cells by their numbers, or those that are true."""
        return replace(self, values=self.values[:, :, cells], valid=self.valid[:, cells])

    def part(self, cells: slice) -> Series:
        """Return some of the cells."""
        return Series(
            days=self.days,
            bands=self.bands,
            values=np.ascontiguousarray(self.values[:, :, cells]),
            valid=np.ascontiguousarray(self.valid[:, cells]),
            quantum=self.quantum,
        )


@dataclass(frozen=True, slots=True)
class StackCells:
    """Chosen cells of a block, gathered only in parts: all of them at once would double the memory."""

    stack: Stack
    """The block."""
    index: NDArray[np.int64]
    """Positions in row order (n)."""

    def __len__(self) -> int:
        return len(self.index)

    def part(self, cells: slice) -> Series:
        """Return the observations of some of the cells."""
        days, bands = self.stack.values.shape[:2]
        values, valid = self.stack.values.reshape(days, bands, -1), self.stack.valid.reshape(days, -1)
        picked = self.index[cells]
        if len(picked) and picked[-1] - picked[0] == len(picked) - 1:
            # Cells side by side are copied whole, which is several times faster than one by one
            run = slice(int(picked[0]), int(picked[-1]) + 1)
            values, valid = np.ascontiguousarray(values[:, :, run]), np.ascontiguousarray(valid[:, run])
        else:
            values, valid = np.take(values, picked, axis=2), np.take(valid, picked, axis=1)
        return Series(
            days=self.stack.days, bands=self.stack.bands, values=values, valid=valid, quantum=self.stack.quantum
        )


def read_stack(
    scenes: Sequence[Scene],
    geobox: GeoBox,
    block: Block,
    *,
    sensor: Sensor,
    cloud_buffer_m: float,
    files: OpenRasters | None = None,
) -> Stack:
    """Read all scenes of a block.

    Parameters
    ----------
    scenes
        In any order; one listed twice counts once.
    geobox
        The analysis grid, projected.
    block
        Window of it; may reach beyond its edges.
    sensor
        The sensor.
    cloud_buffer_m
        Distance by which clouds and shadows are grown.
    files
        Keeps files open from block to block; None to open them for this one.

    Raises
    ------
    BrokenSceneError
        If a file of a scene cannot be read.
    """
    opened = open_on_grid if files is None else files.on_grid
    grown = disk(cloud_buffer_m, cell_size_m(geobox))
    ordered = unique_scenes(scenes)
    groups = [(day, list(group)) for day, group in groupby(ordered, key=lambda scene: scene.day)]
    size = (block.height, block.width)
    values = np.zeros((len(groups), len(sensor.band), *size), dtype=np.int16)
    valid = np.zeros((len(groups), *size), dtype=np.bool_)
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        # Blocks side by side begin with other days, so that threads do not wait for each other at the same files
        first = (block.row // size[0] + block.col // size[1]) % max(len(groups), 1)
        for layer in (*range(first, len(groups)), *range(first)):
            for scene in groups[layer][1]:
                if scene.reaches(block):
                    own = sensor if scene.sensor is None else _as_asked(scene.sensor, sensor)
                    _lay(scene, geobox, block, own, grown, opened, values[layer], valid[layer])
    return Stack(
        days=tuple(day for day, _ in groups),
        bands=sensor.common,
        values=values,
        valid=valid,
        quantum=sensor.quantum,
    )


def _as_asked(own: Sensor, sensor: Sensor) -> Sensor:
    """Return the sensor of a scene with the bands that are asked for alone, in their order."""
    if own.common == sensor.common:
        return own
    by_common = {band.common: band for band in own.band}
    return own.model_copy(update={"band": tuple(by_common[name] for name in sensor.common)})


def working_side(geobox: GeoBox, block_size: int) -> int:
    """Return the side of the blocks to work on: `block_size`, or the whole of a grid little larger than it.

    Slivers at the edges of a small grid would open every file again for a handful of cells.
    """
    longest = max(geobox.shape[0], geobox.shape[1])
    return longest if longest <= _WHOLE * block_size else block_size


def working_origin(
    scenes: Sequence[Scene], geobox: GeoBox, sensor: Sensor, block_size: int = BLOCK_SIZE
) -> tuple[int, int]:
    """Return the row and column that block edges should go through, so that blocks lie as most files' tiles do.

    A block across the edges of tiles decodes up to four times its cells.

    Parameters
    ----------
    scenes
        Scenes to be read; one that cannot be opened has no say here.
    geobox
        The analysis grid.
    sensor
        The sensor.
    block_size
        Side of the blocks.
    """
    if working_side(geobox, block_size) != block_size:
        return 0, 0
    finest = min(sensor.band, key=lambda band: band.resolution_m).common
    found: Counter[tuple[int, int]] = Counter()
    for scene in unique_scenes(scenes):
        try:
            file = geobox_of(scene.bands[finest].path)
        except InputError:
            continue
        if file.crs == geobox.crs:
            col, row = ~_moved(geobox, scene.shift_m).transform * (file.transform.c, file.transform.f)
            found[round(row) % block_size, round(col) % block_size] += 1
    return max(found, key=lambda origin: (found[origin], origin), default=(0, 0))


def cell_size_m(geobox: GeoBox) -> tuple[float, float]:
    """Return height and width of a cell in metres.

    Raises
    ------
    InputError
        If the grid is in degrees: distances on it are not metres.
    """
    crs = geobox.crs
    if crs is None or crs.is_geographic:
        raise InputError(
            Problem("analysis grid", "a grid in degrees", "a projected CRS in metres", "set [area] crs")
        )
    unit_m = crs.axis_info[0].unit_conversion_factor
    return abs(geobox.transform.e) * unit_m, abs(geobox.transform.a) * unit_m


def _lay(
    scene: Scene,
    geobox: GeoBox,
    block: Block,
    sensor: Sensor,
    grown: Disk,
    opened: Opener,
    values: NDArray[np.int16],
    valid: NDArray[np.bool_],
) -> None:
    """Lay a scene into the layer of its day where no scene before it was clear."""
    try:
        there = _moved(geobox, scene.shift_m)
        clear = _clear(scene, there, block, sensor, grown, opened) & ~valid
        if not clear.any():
            return
        raw = _raw_bands(scene, there, block, sensor, opened)
    except InputError as error:
        found = error.problems[0]
        raise BrokenSceneError(
            Problem(f"scene {scene.id}, {found.where}", found.found, found.expected, found.remedy), scene.id
        ) from error
    first = not valid.any()
    shift = _whole_shift(scene, raw, sensor)
    if shift is not None and scene.relief is None:
        _lay_whole(raw, shift, sensor, clear, values, first)
        valid |= clear
        return
    clear &= ~_empty(raw, sensor)
    units = {
        name: _to_units(
            _in_decibels(cells) if sensor.is_power else cells,
            scene.bands[name].scale,
            scene.bands[name].offset,
            sensor.quantum,
        )
        for name, cells in raw.items()
    }
    if scene.relief is not None:
        clear &= _flatten(
            units, scene.relief, _moved(geobox, (-scene.shift_m[0], -scene.shift_m[1])), block, sensor
        )
    for layer, physical in enumerate(units.values()):
        # What the first scene of a day leaves in cells that are not clear does not matter
        np.copyto(values[layer], physical, where=True if first else clear)
    valid |= clear


def _whole_shift(scene: Scene, raw: dict[str, NDArray[np.number]], sensor: Sensor) -> dict[str, int] | None:
    """Return what is added to each band where units are steps of the raw numbers, the usual case; else None."""
    if sensor.is_power or sensor.nodata not in range(np.iinfo(np.uint16).max + 1):
        return None
    found = {}
    for name, cells in raw.items():
        shift = _shift_in_units(cells, scene.bands[name].scale, scene.bands[name].offset, sensor.quantum)
        if shift is None:
            return None
        found[name] = shift
    return found


def _lay_whole(
    raw: dict[str, NDArray[np.number]],
    shift: dict[str, int],
    sensor: Sensor,
    clear: NDArray[np.bool_],
    values: NDArray[np.int16],
    first: bool,
) -> None:
    """Lay bands of whole steps into a layer, in one pass over each, and let no empty cell count as clear."""
    join_any, nodata = sensor.nodata_rule == "any", np.uint16(sensor.nodata or 0)
    empty = np.full(clear.shape, not join_any, dtype=np.bool_)
    # What the first scene of a day leaves in cells that are not clear does not matter
    into = values if first else np.empty_like(values)
    for layer, (name, cells) in zip(into, raw.items(), strict=True):
        _shifted(np.ascontiguousarray(cells), nodata, np.int16(shift[name]), join_any, layer, empty)
    clear &= ~empty
    if not first:
        np.copyto(values, into, where=clear)


@njit(nogil=True, cache=True)
def _shifted(raw, nodata, shift, join_any, out, empty):  # type: ignore[no-untyped-def]
    """Write raw numbers in units, and note where they hold nothing."""
    highest = np.uint16(_HIGHEST)
    for row in range(raw.shape[0]):
        _shifted_row(raw[row], shift, highest, out[row])
        if join_any:
            _any_empty(raw[row], nodata, empty[row])
        else:
            _all_empty(raw[row], nodata, empty[row])


@njit(nogil=True, cache=True)
def _shifted_row(raw, shift, highest, out):  # type: ignore[no-untyped-def]
    for col in range(len(raw)):
        out[col] = np.int16(min(raw[col], highest)) + shift


@njit(nogil=True, cache=True)
def _any_empty(raw, nodata, empty):  # type: ignore[no-untyped-def]
    for col in range(len(raw)):
        empty[col] |= raw[col] == nodata


@njit(nogil=True, cache=True)
def _all_empty(raw, nodata, empty):  # type: ignore[no-untyped-def]
    for col in range(len(raw)):
        empty[col] &= raw[col] == nodata


def _moved(geobox: GeoBox, shift_m: tuple[float, float]) -> GeoBox:
    """Return the grid as it lies in the files of a scene that is to be moved by `shift_m`."""
    if shift_m == (0.0, 0.0):
        return geobox
    old = geobox.transform
    corner = Affine(old.a, old.b, old.c - shift_m[0], old.d, old.e, old.f - shift_m[1])
    return GeoBox(geobox.shape, corner, geobox.crs)


def _flatten(
    units: dict[str, NDArray[np.int16]], relief: Relief, geobox: GeoBox, block: Block, sensor: Sensor
) -> NDArray[np.bool_]:
    """Take the shading of slopes out of the bands, in place, and return the cells that have enough light."""
    light = light_of(relief.elevation, relief.sun, geobox, block, relief.shadow_reach_m)
    lit = ~light.shaded
    for name, correction in relief.corrections.items():
        units[name], known = flattened(units[name], light, correction, relief, sensor.quantum)
        lit &= known
    return lit


def _empty(raw: dict[str, NDArray[np.number]], sensor: Sensor) -> NDArray[np.bool_]:
    """Return the cells that hold nothing."""
    layers = iter(raw.values())
    empty = _holds_nothing(next(layers), sensor)
    join = np.logical_or if sensor.nodata_rule == "any" else np.logical_and
    for cells in layers:
        join(empty, _holds_nothing(cells, sensor), out=empty)
    return empty


def _holds_nothing(cells: NDArray[np.number], sensor: Sensor) -> NDArray[np.bool_]:
    """Return the cells of a band that hold its no-data value, no number, or power that has no logarithm."""
    empty = np.zeros(cells.shape, dtype=np.bool_) if sensor.nodata is None else cells == sensor.nodata
    if cells.dtype.kind == "f":
        empty |= ~np.isfinite(cells)
    if sensor.is_power:
        empty |= cells <= 0
    return np.asarray(empty)


def _clear(
    scene: Scene, geobox: GeoBox, block: Block, sensor: Sensor, grown: Disk, opened: Opener
) -> NDArray[np.bool_]:
    """Return the cells of a block that the mask band leaves."""
    if scene.mask is None or sensor.mask is None:
        return np.ones((block.height, block.width), dtype=np.bool_)
    rule = sensor.mask
    speck = max(1, -int(-rule.least_width_m // min(cell_size_m(geobox))))
    rows = grown[-1][0] + speck - 1
    cols = max(half for _, half in grown) + speck - 1
    around = Block(block.row - rows, block.col - cols, block.height + 2 * rows, block.width + 2 * cols)
    with opened(scene.mask.path, geobox, fill=rule.fill) as reader:
        mask = reader.read(around, scene.mask.index)
    inner = mask[rows : rows + block.height, cols : cols + block.width]
    compact = without_specks(flagged(mask, rule, rule.grown), speck)
    return ~flagged(inner, rule, rule.invalid) & ~grow(compact, grown)


def _raw_bands(
    scene: Scene, geobox: GeoBox, block: Block, sensor: Sensor, opened: Opener
) -> dict[str, NDArray[np.number]]:
    """Return the raw integers of every band, opening each file once."""
    cell_m = min(cell_size_m(geobox))
    by_file: dict[tuple[str, str], list[str]] = defaultdict(list)
    for band in sensor.band:
        resampling = "average" if cell_m >= _COARSER * band.resolution_m else "nearest"
        by_file[scene.bands[band.common].path, resampling].append(band.common)
    raw: dict[str, NDArray[np.number]] = {}
    for (path, resampling), names in by_file.items():
        with opened(path, geobox, resampling=resampling, fill=sensor.nodata) as reader:
            cells = reader.read(block, [scene.bands[name].index for name in names])
        raw |= dict(zip(names, cells, strict=True))
    return {name: raw[name] for name in sensor.common}


def _in_decibels(power: NDArray[np.number]) -> NDArray[np.float64]:
    """Return ten times the logarithm of power; 0 where there is none."""
    known = np.isfinite(power) & (power > 0)
    return np.asarray(10.0 * np.log10(np.where(known, power, 1.0).astype(np.float64)))


def _to_units(raw: NDArray[np.number], scale: float, offset: float, quantum: float) -> NDArray[np.int16]:
    """Return ``(scale * raw + offset) / quantum`` rounded to whole units."""
    whole = _shift_in_units(raw, scale, offset, quantum)
    if whole is not None:
        # The usual case stays in 16 bits, where a plane is handled several times faster
        return np.asarray(np.minimum(raw, np.uint16(_HIGHEST)).view(np.int16) + np.int16(whole))
    units = np.rint(np.nan_to_num(raw * (scale / quantum) + offset / quantum))
    return np.asarray(np.clip(units, _LOWEST, _HIGHEST), dtype=np.int16)


def _shift_in_units(raw: NDArray[np.number], scale: float, offset: float, quantum: float) -> int | None:
    """Return the whole units that are to be added to raw numbers whose steps are units; None for others."""
    factor, shift = scale / quantum, offset / quantum
    whole = round(shift)
    stepwise = abs(factor - 1) < 1e-12 and abs(shift - whole) < 1e-9 and -_HIGHEST <= whole <= 0
    return whole if raw.dtype == np.uint16 and stepwise else None
