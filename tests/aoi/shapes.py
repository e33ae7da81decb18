"""Squares and scattered polygons in a projected CRS, as layers of zones and features."""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
import shapely

from aoi.zones import ZoneLayer

CRS = "EPSG:32618"
WEST, SOUTH = 500_000.0, 500_000.0


def squares(*corners: tuple[float, float, float], crs: str = CRS) -> Any:
    """Return squares given as (column, row, side) in units of 100 m, so that side 1 is one hectare of plane."""
    shapes = [
        shapely.box(WEST + 100 * x, SOUTH + 100 * y, WEST + 100 * (x + s), SOUTH + 100 * (y + s))
        for x, y, s in corners
    ]
    return geopandas.GeoDataFrame({"name": [f"z{i}" for i in range(len(shapes))]}, geometry=shapes, crs=crs)


def layer(name: str, *corners: tuple[float, float, float]) -> ZoneLayer:
    """Return a layer of squares named z0, z1 and so on."""
    return ZoneLayer(name=name, frame=squares(*corners), label="name")


def blobs(rng: np.random.Generator, n: int, *, width_m: float, radius_m: float, corners: int = 9) -> Any:
    """Return star-shaped polygons thrown over a square."""
    centre = rng.uniform(0, width_m, (n, 1, 2)) + np.array([WEST, SOUTH])
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    reach = radius_m * rng.uniform(0.5, 1.5, (n, corners, 1))
    rings = centre + reach * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    frame = {"name": [f"z{i}" for i in range(n)]}
    return geopandas.GeoDataFrame(frame, geometry=shapely.polygons(rings), crs=CRS)
