"""Small grids and layers that a reader can check by eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas
from affine import Affine
from shapely.geometry import box

from geo.grid import GeoBox

UTM = "EPSG:32618"
EAST, NORTH = 500_000.0, 400_000.0  # the corner of the test grids, on the central meridian of zone 18


def grid(rows: int, cols: int, *, cell_m: float = 10.0, east: float = EAST, north: float = NORTH) -> GeoBox:
    """Return a north-up UTM grid whose upper left corner is (east, north)."""
    return GeoBox((rows, cols), Affine(cell_m, 0, east, 0, -cell_m, north), UTM)


def padded(geobox: GeoBox, cells: int) -> GeoBox:
    """Return a grid with so many more cells on every side."""
    rows, cols = geobox.shape
    return geobox[-cells : rows + cells, -cells : cols + cells]


def square(left: float, bottom: float, size: float) -> Any:
    """Return a square from its lower left corner, relative to the corner (EAST, NORTH - 100)."""
    x, y = EAST + left, NORTH - 100 + bottom
    return box(x, y, x + size, y + size)


def layer(shapes: Sequence[Any], *, crs: Any = UTM, **columns: Sequence[Any]) -> geopandas.GeoDataFrame:
    """Return a layer with the columns given, or an ``id`` counted from 1."""
    table = columns or {"id": list(range(1, len(shapes) + 1))}
    return geopandas.GeoDataFrame(table, geometry=list(shapes), crs=crs)
