"""Cells and coordinates of a north-up grid: one place that knows which comes first."""

from __future__ import annotations

from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo.errors import InputError, Problem

__all__ = ["cell_centres", "cells_at", "require_north_up"]


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
