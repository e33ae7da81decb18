"""Strips along a border, made the same way on both sides.

The border is where two countries touch; a strip is the ground of one of them within a distance of it.
"""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
import shapely

from geo.errors import InputError, Problem
from geo.vector import repair

__all__ = ["border_strips"]


def border_strips(countries: Any, *, code: str, width_km: float, crs: object, gap_m: float = 50.0) -> Any:
    """Return the strip of each country along its borders with the others.

    Parameters
    ----------
    countries
        GeoDataFrame of polygons, at least two countries.
    code
        Column with the country's code.
    width_km
        Width of a strip.
    crs
        Projected CRS in metres, in which distances are measured.
    gap_m
        Two boundaries drawn apart by up to this are one border.

    Returns
    -------
    GeoDataFrame
        Columns ``country`` and geometry, by code; strips of two countries share no ground.

    Raises
    ------
    InputError
        If there are fewer than two countries, or none of them touch.

    Notes
    -----
    Nothing depends on which country comes first: with the countries swapped the strips are the same.
    """
    placed = repair(countries).to_crs(str(crs))
    codes = placed[code].astype(str).to_numpy()
    names = sorted(set(codes))
    if len(names) < 2:
        found = f"{len(names)} country in column {code}"
        raise InputError(Problem("[ad] border", found, "two or more", "give the polygons of both sides"))
    shapes = np.asarray(placed.geometry.values)
    land = {name: shapely.union_all(shapes[codes == name]) for name in names}
    strips = []
    for name in names:
        others = shapely.union_all([land[other] for other in names if other != name])
        border = shapely.intersection(land[name].boundary, shapely.buffer(others, gap_m))
        near = shapely.buffer(border, width_km * 1000)
        strips.append(shapely.difference(shapely.intersection(land[name], near), others))
    if all(strip.is_empty for strip in strips):
        raise InputError(Problem("[ad] border", "countries that do not touch", "neighbours", "check the polygons"))
    kept = [(name, strip) for name, strip in zip(names, strips, strict=True) if not strip.is_empty]
    return geopandas.GeoDataFrame(
        {"country": [name for name, _ in kept]}, geometry=[strip for _, strip in kept], crs=str(crs)
    )
