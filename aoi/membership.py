"""The zone of every sample point and of every grid cell: zones as domains of estimation.

The codes are those of `aoi.zones.Zones`; 0 is in no zone. Every unit has one code, so the domains are a
partition and their totals add up to the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import features as burn

from aoi.zones import OUTSIDE, Zones
from geo.areas import cell_areas_ha
from geo.errors import InputError, Problem
from geo.grid import GeoBox

__all__ = ["cell_areas_by_zone", "zone_of_cells", "zone_of_points"]


def zone_of_points(points: Any, zones: Zones, precedence: Sequence[str] | None = None) -> NDArray[np.uint16]:
    """Return the code of the zone each point lies in.

    Parameters
    ----------
    points
        GeoDataFrame or GeoSeries of points with a CRS, n rows.
    zones
        Zones, overlapping or not.
    precedence
        Layer names, highest first.

    Returns
    -------
    ndarray, shape (n,), uint16
        0 in no zone. A point on a boundary belongs to the higher of the zones that meet there.

    Raises
    ------
    InputError
        If the points have no CRS.
    """
    if points.crs is None:
        raise InputError(Problem("sample points", "no coordinate reference system", "one", "assign it"))
    places = np.asarray(points.geometry.to_crs(zones.frame.crs).values)
    ranks = zones.ranks(precedence)
    zone, point = shapely.STRtree(places).query(zones.shapes, predicate="intersects")
    best = np.full(places.size, len(zones), dtype=np.int64)
    np.minimum.at(best, point, ranks[zone])
    code_of_rank = np.r_[np.argsort(ranks) + 1, OUTSIDE]
    return np.asarray(code_of_rank[best], dtype=np.uint16)


def zone_of_cells(geobox: GeoBox, zones: Zones, precedence: Sequence[str] | None = None) -> NDArray[np.uint16]:
    """Return the code of the zone each cell's centre lies in.

    Parameters
    ----------
    geobox
        The grid, or a block of it.
    zones
        Zones, overlapping or not.
    precedence
        Layer names, highest first.

    Returns
    -------
    ndarray, shape (height, width), uint16
        0 in no zone. Cells are whole here: for the area of a small polygon use `partition`.
    """
    placed, ranks = zones.to_crs(geobox.crs), zones.ranks(precedence)
    bounds = geobox.boundingbox
    near = shapely.STRtree(placed.shapes).query(shapely.box(*bounds))
    near = near[np.argsort(-ranks[near])]  # later ones are burnt over earlier ones
    near = near[~shapely.is_empty(placed.shapes[near])]
    if not near.size:
        return np.zeros(geobox.shape, dtype=np.uint16)
    return np.asarray(
        burn.rasterize(
            [(placed.shapes[row], int(row) + 1) for row in near],
            out_shape=tuple(geobox.shape),
            transform=geobox.transform,
            fill=OUTSIDE,
            dtype="uint16",
        )
    )


def cell_areas_by_zone(
    codes: NDArray[np.uint16], geobox: GeoBox, n_zones: int, within: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the hectares of cells of every zone code; they add up to the grid, or to what is `within`.

    Parameters
    ----------
    codes
        Zone of every cell, shape (height, width).
    geobox
        The grid.
    n_zones
        Number of zones.
    within
        Cells that count, such as the area frame; all when None.

    Returns
    -------
    ndarray, shape (n_zones + 1,)
        Hectares; element 0 is the ground in no zone.
    """
    area = np.broadcast_to(cell_areas_ha(geobox), geobox.shape)
    counted = np.ones(codes.shape, dtype=bool) if within is None else within
    return np.asarray(np.bincount(codes[counted], weights=area[counted], minlength=n_zones + 1), dtype=float)
