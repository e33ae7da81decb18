"""Known places of processing, where what it leaves behind sets out; they stand in no output."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.frame import AreaFrame
from geo.errors import InputError, Problem
from geo.vector import read_layer
from monitor.sections import HarmSitesSection

__all__ = ["read_sites"]


def read_sites(section: HarmSitesSection, frame: AreaFrame) -> NDArray[np.int32]:
    """Return the cells of the frame that hold a known place of processing, one for each place.

    Raises
    ------
    InputError
        If the layer holds no points, or none of them lies in the frame.
    """
    grid, (height, width) = frame.geobox.transform, frame.geobox.shape
    points = read_layer(section.path, layer=section.layer, geometry="point").geometry.to_crs(str(frame.geobox.crs))
    x, y = shapely.get_coordinates(np.asarray(points.values)).T
    row = np.floor((y - grid.f) / grid.e).astype(np.int64)
    col = np.floor((x - grid.c) / grid.a).astype(np.int64)
    on = (row >= 0) & (row < height) & (col >= 0) & (col < width)
    on[on] = frame.unit_of_cell[row[on], col[on]] > 0
    if not on.any():
        found = "no place of processing in the frame"
        raise InputError(Problem(section.path.name, found, "points inside it", "leave [harm.sites] out"))
    return np.asarray(row[on] * width + col[on], dtype=np.int32)
