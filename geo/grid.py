"""A grid that knows its place, its cells and their coordinates: one place that knows which comes first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geo.errors import InputError, Problem

__all__ = ["Bounds", "GeoBox", "cell_centres", "cells_at", "extended", "require_north_up"]

_SLACK = 0.01  # of a cell: land that reaches no further into one needs no cell of its own


class Bounds(NamedTuple):
    """The box around a grid, in CRS units."""

    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True, slots=True, init=False)
class GeoBox:
    """Cells of one grid: how many, where they lie, and in which CRS.

    Equal in all that it says to the class of `odc.geo` of the same name, which imports Dask wherever that is
    installed: a command that only looks at files would wait for it.
    """

    shape: tuple[int, int]
    """Rows and columns."""
    transform: Affine
    """From (column, row) to coordinates."""
    crs: CRS | None
    """Its coordinate reference system, None where unknown; its text is as given, such as ``EPSG:32618``."""

    def __init__(self, shape: Iterable[int], transform: Affine, crs: Any) -> None:
        rows, columns = shape
        object.__setattr__(self, "shape", (int(rows), int(columns)))
        object.__setattr__(self, "transform", transform)
        object.__setattr__(self, "crs", _crs_of(crs))

    @classmethod
    def from_bbox(cls, bounds: Iterable[float], crs: Any, *, resolution: float, tight: bool = False) -> GeoBox:
        """Return the north-up grid of square cells that holds a box.

        Parameters
        ----------
        bounds
            Left, bottom, right and top of the box, in units of `crs`.
        crs
            Anything that pyproj knows a CRS by.
        resolution
            Side of a cell, in units of `crs`.
        tight
            Begin at the upper left corner of the box; edges of cells lie at multiples of `resolution` otherwise, so
            that grids of one resolution share their cells.

        Examples
        --------
        >>> grid = GeoBox.from_bbox((3, 4, 30, 21), "EPSG:32618", resolution=10)
        >>> grid.shape, grid.boundingbox
        ((3, 3), Bounds(left=0.0, bottom=0.0, right=30.0, top=30.0))
        """
        left, bottom, right, top = map(float, bounds)
        side = float(resolution)
        if tight:
            rows, columns = (max(1, ceil(_nearly_whole(span / side))) for span in (top - bottom, right - left))
            return cls((rows, columns), Affine(side, 0.0, left, 0.0, -side, top), crs)
        west, columns = _cells_between(left, right, side)
        south, rows = _cells_between(bottom, top, side)
        return cls((rows, columns), Affine(side, 0.0, west * side, 0.0, -side, south * side + rows * side), crs)

    def __getitem__(self, window: tuple[slice, slice]) -> GeoBox:
        """Return the cells from first to last of a pair of slices, without steps; they may lie beyond the grid.

        Examples
        --------
        >>> GeoBox.from_bbox((0, 0, 30, 30), "EPSG:32618", resolution=10)[0:2, 1:3].boundingbox
        Bounds(left=10.0, bottom=10.0, right=30.0, top=30.0)
        """
        (top, end), (left, right) = (
            (part.start or 0, length if part.stop is None else part.stop)
            for part, length in zip(window, self.shape, strict=True)
        )
        return GeoBox((end - top, right - left), self.transform * Affine.translation(left, top), self.crs)

    @property
    def boundingbox(self) -> Bounds:
        """The box around all cells."""
        rows, columns = self.shape
        corners = [self.transform * corner for corner in ((0, 0), (columns, 0), (columns, rows), (0, rows))]
        across, along = zip(*corners, strict=True)
        return Bounds(min(across), min(along), max(across), max(along))


def _cells_between(low: float, high: float, side: float) -> tuple[int, int]:
    """Return the number, counted from zero, of the first cell that holds some of a span, and how many do."""
    first, end = floor(_nearly_whole(low / side)), ceil(_nearly_whole(high / side))
    return first, max(1, end - first)


def _nearly_whole(cells: float) -> float:
    whole = round(cells)
    return whole if abs(cells - whole) < _SLACK else cells


def _crs_of(crs: Any) -> CRS | None:
    """Return a CRS as pyproj has it; asking its database takes milliseconds, so those asked for are kept."""
    if crs is None or isinstance(crs, CRS):
        return crs
    return _known_crs(crs if isinstance(crs, str) else crs.to_wkt())


@lru_cache(maxsize=64)
def _known_crs(text: str) -> CRS:
    upper = text.upper()
    return CRS.from_user_input(upper if upper.startswith("EPSG:") else text)


def require_north_up(geobox: GeoBox) -> None:
    """Refuse a grid whose rows do not run from north to south and columns from west to east.

    Raises
    ------
    InputError
        If the grid is rotated or mirrored.
    """
    transform = geobox.transform
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise InputError(Problem("grid", "a rotated or mirrored grid", "a north-up grid", "resample it"))


def cell_centres(geobox: GeoBox, rows: Any, cols: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the easting and northing of cell centres, in CRS units, shapes as `rows`.

    Examples
    --------
    >>> grid = GeoBox.from_bbox((0, 0, 30, 20), "EPSG:32618", resolution=10)
    >>> [float(v[0]) for v in cell_centres(grid, np.array([0]), np.array([2]))]
    [25.0, 15.0]
    """
    transform = geobox.transform
    x = transform.c + transform.a * (np.asarray(cols, dtype=float) + 0.5)
    y = transform.f + transform.e * (np.asarray(rows, dtype=float) + 0.5)
    return x, y


def cells_at(geobox: GeoBox, x: Any, y: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row and column of the cell that holds each point; they may lie off the grid.

    Examples
    --------
    >>> grid = GeoBox.from_bbox((0, 0, 30, 20), "EPSG:32618", resolution=10)
    >>> [int(v[0]) for v in cells_at(grid, np.array([25.0]), np.array([15.0]))]
    [0, 2]
    """
    transform = geobox.transform
    cols = np.floor((np.asarray(x, dtype=float) - transform.c) / transform.a)
    rows = np.floor((np.asarray(y, dtype=float) - transform.f) / transform.e)
    return rows.astype(np.int64), cols.astype(np.int64)


def extended(geobox: GeoBox, x: Any, y: Any) -> GeoBox:
    """Return the grid grown by whole cells until it holds every point, its cells where they were.

    Examples
    --------
    >>> grid = GeoBox.from_bbox((0, 0, 30, 20), "EPSG:32618", resolution=10)
    >>> grown = extended(grid, [45.0], [-5.0])
    >>> tuple(grown.shape), grown.transform.c, grown.transform.f
    ((3, 5), 0.0, 20.0)
    """
    rows, cols = cells_at(geobox, x, y)
    top, left = min(0, int(rows.min())), min(0, int(cols.min()))
    bottom = max(geobox.shape[0], int(rows.max()) + 1)
    right = max(geobox.shape[1], int(cols.max()) + 1)
    old = geobox.transform
    transform = Affine(old.a, 0.0, old.c + left * old.a, 0.0, old.e, old.f + top * old.e)
    return GeoBox((bottom - top, right - left), transform, geobox.crs)
