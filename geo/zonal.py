"""Areas of map classes inside polygons, weighted by the covered part of every cell.

A cell half inside a polygon counts half. Pixel centres are off by up to 26 % for a field of 0.25 ha.
"""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray

from geo.areas import cell_areas_ha
from geo.coverage import covered_sums
from geo.grid import GeoBox, require_north_up

__all__ = ["class_areas_ha", "zonal_sum"]


def zonal_sum(values: NDArray[Any], geobox: GeoBox, zones: Any) -> NDArray[np.float64]:
    """Return the coverage-weighted sum of cell values in each polygon.

    Parameters
    ----------
    values
        Shape (height, width), on the grid; NaN cells add nothing.
    geobox
        The grid, north-up.
    zones
        GeoDataFrame of polygons, n rows, any CRS.

    Returns
    -------
    ndarray, shape (n,)
        Sums; 0 where a polygon touches no cell, is empty or missing.

    Raises
    ------
    InputError
        If the grid is rotated or mirrored.

    Notes
    -----
    Covered parts are held in single precision: parts add up to the whole within 1e-6 of it.
    """
    require_north_up(geobox)
    bounds = geobox.boundingbox
    source = NumPyRasterSource(
        np.asarray(values, dtype=np.float64),
        xmin=bounds.left,
        ymin=bounds.bottom,
        xmax=bounds.right,
        ymax=bounds.top,
        srs_wkt=geobox.crs.to_wkt() if geobox.crs is not None else None,
    )
    placed = geopandas.GeoDataFrame(geometry=zones.geometry.to_crs(str(geobox.crs)).to_numpy(), crs=str(geobox.crs))
    there = ~(placed.is_empty | placed.geometry.isna()).to_numpy()
    sums = np.zeros(len(placed))
    if there.any():
        table = exact_extract(source, placed[there], "sum", output="pandas")
        sums[there] = np.nan_to_num(table["sum"].to_numpy(dtype=float))
    return sums


def class_areas_ha(
    class_map: NDArray[np.uint8], geobox: GeoBox, zones: Any, codes: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return hectares of each map class in each polygon, on true cell areas.

    Parameters
    ----------
    class_map
        Shape (height, width), class codes.
    geobox
        Its grid.
    zones
        GeoDataFrame of polygons, n rows.
    codes
        The k codes to measure.

    Returns
    -------
    ndarray, shape (n, k)
        Hectares counted on the map; these are mapped areas, not estimates.
    """
    require_north_up(geobox)
    shapes = zones.geometry.to_crs(str(geobox.crs)).to_numpy()
    broken = ~(shapely.is_valid(shapes) | shapely.is_missing(shapes))
    shapes = np.where(broken, shapely.make_valid(shapes), shapes) if broken.any() else shapes
    to_cells = ~geobox.transform
    in_cells = shapely.transform(
        shapes, lambda xy: np.column_stack([to_cells.a * xy[:, 0] + to_cells.c, to_cells.e * xy[:, 1] + to_cells.f])
    )
    # Cells in the order of `codes`, so that only the sums asked for are kept
    rank = np.full(256, len(codes), dtype=np.uint8)
    rank[list(codes)] = np.arange(len(codes))
    return covered_sums(in_cells, np.take(rank, class_map), cell_areas_ha(geobox), len(codes))
