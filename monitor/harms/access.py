"""New access: roads, tracks and airstrips that were opened in a period, brought onto the grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from aoi.frame import AreaFrame
from geo.blocks import blocks
from geo.errors import InputError, Problem
from geo.grid import GeoBox
from geo.vector import read_layer
from monitor.harms.history import History
from monitor.sections import HarmAccessSection

__all__ = ["ALWAYS", "new_access", "read_access", "track_share"]

ALWAYS = 0
"""Year of access whose layer tells none."""


def read_access(section: HarmAccessSection, frame: AreaFrame) -> History:
    """Return access by the year it was opened, on the CRS of the grid.

    Raises
    ------
    InputError
        If the layer holds points, or a year is none.
    """
    columns = [section.year] if section.year else []
    layer = read_layer(section.path, layer=section.layer, columns=columns).to_crs(str(frame.geobox.crs))
    shapes = np.asarray(layer.geometry.values, dtype=object)
    kinds = set(layer.geometry.geom_type.dropna())
    if kinds & {"Point", "MultiPoint"}:
        found = "points, which lead nowhere"
        raise InputError(Problem(section.path.name, found, "lines or polygons", "export the layer again"))
    year = np.full(len(layer), ALWAYS, dtype=np.int64)
    if section.year:
        told = pd.to_numeric(layer[section.year], errors="coerce").to_numpy(dtype=np.float64)
        wrong = np.flatnonzero(~((told >= 1900) & (told <= 2200) & (told == np.floor(told))))
        if wrong.size:
            where = f"{section.path.name} column {section.year}"
            found = f"{wrong.size} years that are none, the first {layer[section.year].iloc[wrong[0]]!r}"
            raise InputError(Problem(where, found, "years such as 2023", "correct them, or leave year out"))
        year = told.astype(np.int64)
    there = ~shapely.is_empty(shapes)
    return History(shapes[there], year[there])


def new_access(access: History, *, since: int, year: int) -> History:
    """Return what was opened after one year and up to another, and all of a layer that tells no years."""
    new: NDArray[np.bool_] = ((access.year > since) & (access.year <= year)) | (access.year == ALWAYS)
    return History(access.shapes[new], np.zeros(int(new.sum()), dtype=np.int64))


def track_share(access: History, geobox: GeoBox) -> tuple[float, float]:
    """Return how much of its cells access covers: for each metre of the width of lines, and by polygons.

    A line of 6 m is as wide as it is told to be and not as wide as the cells it runs through; airstrips are
    polygons and have their own area.

    Parameters
    ----------
    access
        As of `new_access`.
    geobox
        The grid.

    Returns
    -------
    float, float
        Share of the cells' area to be multiplied with the width in metres, and share to be added.
    """
    box = shapely.box(*geobox.boundingbox)
    inside = shapely.intersection(access.shapes, box) if len(access.shapes) else np.zeros(0, dtype=object)
    lines = shapely.get_dimensions(inside) == 1
    grid = (int(geobox.shape[0]), int(geobox.shape[1]))
    found = sum(int(seen.sum()) for block in blocks(grid) for seen in access.seen(geobox[block.slices]).values())
    cells_m2 = found * abs(geobox.transform.a * geobox.transform.e)
    if not cells_m2:
        return 0.0, 0.0
    return float(shapely.length(inside[lines]).sum()) / cells_m2, float(shapely.area(inside).sum()) / cells_m2
