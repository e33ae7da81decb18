"""An open raster, read by blocks of a grid: as it lies, by nearest cell, or warped.

`geo.raster.open_on_grid` chooses among the three; nothing else makes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.errors import InputError, Problem, reason
from geo.grid import GeoBox
from geo.stored import stored_object, unreadable
from geo.tile_cache import TileCache, TileRoom

__all__ = [
    "GridReader",
    "NearestReader",
    "WarpedReader",
    "aligned_offset",
    "decoded",
    "has_tiles",
    "nearest_steps",
    "tiles_of",
]

_PLACE = re.compile(
    r" at X offset \d+, Y offset \d+"
)  # the first of several bad tiles depends on what is read first
_LEAST_TILE = 128  # cells on a side: strips and small tiles cost nothing to decode again
_SAME_CELL = 1e-3  # of a cell: two grids closer than this are one


@dataclass(frozen=True, slots=True)
class GridReader:
    """An open raster that is read by blocks of the grid it was opened on; threads may share it."""

    path: str
    """File, for messages."""
    dataset: Any
    """Open rasterio dataset."""
    offset: tuple[int, int]
    """Row and column in the file of the grid's first cell."""
    nodata: float | None
    """Value of cells that hold nothing."""
    lock: AbstractContextManager[Any] = field(default_factory=Lock, repr=False, compare=False)
    """Held while reading: a dataset answers one thread at a time."""
    tiles: TileCache | None = field(default=None, repr=False, compare=False)
    """Decoded tiles, where the raster stays open for many blocks."""

    def read(self, block: Block, bands: int | Sequence[int] = 1) -> NDArray[Any]:
        """Return the cells of a block, shape (height, width), or (bands, height, width) for several bands.

        Cells beyond the file hold its no-data value, or 0 where it has none.

        Raises
        ------
        InputError
            Naming the file, if its cells cannot be read.
        AltdevError
            Naming the object that the file stands for, if the store does not give them.
        """
        band_list = [bands] if isinstance(bands, int) else list(bands)
        top, left = block.row + self.offset[0], block.col + self.offset[1]
        row0, row1 = max(top, 0), min(top + block.height, self.dataset.height)
        col0, col1 = max(left, 0), min(left + block.width, self.dataset.width)
        if (row1 - row0, col1 - col0) == (block.height, block.width):
            cells = self._cells(band_list, Block(row0, col0, block.height, block.width))
        else:
            cells = self._empty(len(band_list), block)
            if row0 < row1 and col0 < col1:
                inside = self._cells(band_list, Block(row0, col0, row1 - row0, col1 - col0))
                cells[:, row0 - top : row1 - top, col0 - left : col1 - left] = inside
        return cells[0] if isinstance(bands, int) else cells

    def _empty(self, bands: int, block: Block) -> NDArray[Any]:
        fill = 0 if self.nodata is None else self.nodata
        return np.full((bands, block.height, block.width), fill, dtype=self.dataset.dtypes[0])

    def _cells(self, bands: list[int], window: Block) -> NDArray[Any]:
        """Read a window of the file, shape (bands, height, width)."""
        try:
            with self.lock:
                return self.tiles.read(bands, window) if self.tiles else decoded(self.dataset, bands, window)
        except RasterioError as error:
            stored = stored_object(self.path)
            if stored is not None:
                raise unreadable(stored, error) from error
            raise InputError(
                Problem(
                    self.path,
                    f"a raster whose cells cannot be read ({_PLACE.sub('', reason(error))})",
                    "a whole file",
                    "fetch or copy it again",
                )
            ) from error


@dataclass(frozen=True, slots=True)
class NearestReader(GridReader):
    """An open raster in the CRS of the grid but with other cells: each grid cell takes the one its centre is in."""

    steps: tuple[float, float, float, float] = (0.5, 1.0, 0.5, 1.0)
    """Row in the file of the centre of grid row 0 and rows per grid row; the same for columns."""

    def read(self, block: Block, bands: int | Sequence[int] = 1) -> NDArray[Any]:
        """Return the cells of a block; see `GridReader.read`."""
        band_list = [bands] if isinstance(bands, int) else list(bands)
        cells = self._empty(len(band_list), block)
        rows = _steps_along(block.row, block.height, *self.steps[:2])
        cols = _steps_along(block.col, block.width, *self.steps[2:])
        row_in = (rows >= 0) & (rows < self.dataset.height)
        col_in = (cols >= 0) & (cols < self.dataset.width)
        if row_in.any() and col_in.any():
            rows, cols = rows[row_in], cols[col_in]
            top, left = int(rows.min()), int(cols.min())
            window = Block(top, left, int(rows.max()) - top + 1, int(cols.max()) - left + 1)
            inside = self._cells(band_list, window)
            # Cells inside the file are a rectangle, so slices serve, which are much faster than index grids
            first_row, first_col = int(row_in.argmax()), int(col_in.argmax())
            cells[:, first_row : first_row + len(rows), first_col : first_col + len(cols)] = np.take(
                np.take(inside, rows - top, axis=1), cols - left, axis=2
            )
        return cells[0] if isinstance(bands, int) else cells


@dataclass(frozen=True, slots=True)
class WarpedReader(GridReader):
    """A raster in another CRS, warped onto the grid while it is read."""

    def _cells(self, bands: list[int], window: Block) -> NDArray[Any]:
        """Read piece by piece: a larger window is warped in one go, with other rounding at ties."""
        cells = np.empty((len(bands), window.height, window.width), dtype=self.dataset.dtypes[0])
        for piece in blocks((window.height, window.width), BLOCK_SIZE):
            part = Block(window.row + piece.row, window.col + piece.col, piece.height, piece.width)
            cells[:, *piece.slices] = GridReader._cells(self, bands, part)
        return cells


def decoded(dataset: Any, bands: list[int], window: Block) -> NDArray[Any]:
    """Return a window of an open dataset, shape (bands, height, width)."""
    area = Window(window.col, window.row, window.width, window.height)
    return np.asarray(dataset.read(bands, window=area))


def has_tiles(dataset: Any) -> bool:
    """Say whether an open dataset has tiles of a usual size, the same in all bands."""
    height, width = dataset.block_shapes[0]
    return min(height, width) >= _LEAST_TILE and len(set(dataset.block_shapes)) == 1


def tiles_of(dataset: Any, room: TileRoom) -> TileCache:
    """Return a cache for the tiles of an open dataset that has some."""
    height, width = dataset.block_shapes[0]
    return TileCache((dataset.height, dataset.width), (height, width), partial(decoded, dataset), room.share())


def aligned_offset(source: Any, geobox: GeoBox) -> tuple[int, int] | None:
    """Return the (row, col) of the grid's first cell in a file whose cells coincide with the grid's, else None."""
    if not _same_crs(source, geobox):
        return None
    height, width = geobox.shape
    shifts = []
    # Three corners, since a cell size that differs in the ninth digit drifts apart over a wide grid
    for row, col in ((0, 0), (0, width), (height, 0)):
        file_col, file_row = ~source.transform * (geobox.transform * (col, row))
        shifts.append((file_row - row, file_col - col))
    whole = np.round(shifts[0])
    if np.abs(np.array(shifts) - whole).max() > _SAME_CELL:
        return None
    return int(whole[0]), int(whole[1])


def nearest_steps(source: Any, geobox: GeoBox) -> tuple[float, float, float, float] | None:
    """Return how grid cells step through the rows and columns of a file in the same CRS, else None."""
    theirs, ours = source.transform, geobox.transform
    if not _same_crs(source, geobox) or theirs.b or theirs.d or ours.b or ours.d:
        return None
    return (
        (ours.f + ours.e / 2 - theirs.f) / theirs.e,
        ours.e / theirs.e,
        (ours.c + ours.a / 2 - theirs.c) / theirs.a,
        ours.a / theirs.a,
    )


def _same_crs(source: Any, geobox: GeoBox) -> bool:
    return bool(source.crs == _crs_of(str(geobox.crs)))


@lru_cache(maxsize=16)
def _crs_of(text: str) -> Any:
    return CRS.from_user_input(text)


def _steps_along(first: int, count: int, start: float, step: float) -> NDArray[np.int64]:
    """Return the file row (or column) under each grid row (or column); a centre on an edge goes to the next."""
    along = start + step * np.arange(first, first + count, dtype=np.float64)
    return np.asarray(np.floor(along + 1e-6), dtype=np.int64)
