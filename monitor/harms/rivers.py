"""Rivers given as lines, such as HydroRIVERS: known streams, and the flow that they are told to have.

Lines do not lie on the streams that an elevation makes, and have no headwaters. They say where streams are known to
run, so that the network of the terrain begins there at the latest, and what flows in the streams beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.errors import InputError, Problem
from geo.vector import read_layer
from monitor.sections import HarmRiversSection

if TYPE_CHECKING:
    from geo.grid import GeoBox

__all__ = ["Rivers", "read_rivers"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rivers:
    """Places along rivers, a cell apart at most."""

    x_m: FloatArray
    y_m: FloatArray
    discharge_m3_s: FloatArray | None
    """Mean flow at each; None where the layer tells none."""
    geobox: GeoBox

    @property
    def cells(self) -> NDArray[np.int64]:
        """Numbers of the grid's cells that a river runs through."""
        height, width = self.geobox.shape
        grid = self.geobox.transform
        row = np.floor((self.y_m - grid.f) / grid.e).astype(np.int64)
        col = np.floor((self.x_m - grid.c) / grid.a).astype(np.int64)
        on = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        return np.unique(row[on] * width + col[on])

    def flow_at(self, cells: NDArray[np.int32], *, within_m: float) -> FloatArray:
        """Return the flow of the nearest place on a river to each cell, NaN where none is near, shape (m,).

        Parameters
        ----------
        cells
            Numbers of cells of streams.
        within_m
            How far a line may lie from the stream that it means.
        """
        found = np.full(cells.size, np.nan)
        if self.discharge_m3_s is None or not self.x_m.size:
            return found
        row, col = np.divmod(np.asarray(cells, dtype=np.int64), self.geobox.shape[1])
        grid = self.geobox.transform
        x, y = grid.c + grid.a * (col + 0.5), grid.f + grid.e * (row + 0.5)
        from scipy.spatial import cKDTree

        tree = cKDTree(np.column_stack([self.x_m, self.y_m]))
        away, nearest = tree.query(np.column_stack([x, y]), distance_upper_bound=within_m)
        near = np.isfinite(away)
        found[near] = self.discharge_m3_s[nearest[near]]
        return found


def read_rivers(section: HarmRiversSection, geobox: GeoBox) -> Rivers:
    """Return rivers on the CRS of a grid.

    Raises
    ------
    InputError
        If the layer holds no lines, none of them runs through the grid, or a flow is no number of 0 or more.
    """
    columns = [section.discharge] if section.discharge else []
    layer = read_layer(section.path, layer=section.layer, columns=columns, geometry="line").to_crs(str(geobox.crs))
    flow = None
    if section.discharge:
        flow = pd.to_numeric(layer[section.discharge], errors="coerce").to_numpy(dtype=np.float64)
        wrong = np.flatnonzero(~(np.isfinite(flow) & (flow >= 0)))
        if wrong.size:
            where = f"{section.path.name} column {section.discharge}"
            found = f"{wrong.size} flows that are none, the first {layer[section.discharge].iloc[wrong[0]]!r}"
            raise InputError(Problem(where, found, "m3/s, 0 or more", "correct them, or leave discharge out"))
    rows = np.flatnonzero(shapely.intersects(layer.geometry.values, shapely.box(*geobox.boundingbox)))
    if not rows.size:
        raise InputError(Problem(section.path.name, "no river in the frame", "lines that cross it", "take others"))
    lines: Any = shapely.segmentize(layer.geometry.values[rows], abs(float(geobox.transform.a)))
    points, of_row = shapely.get_coordinates(lines, return_index=True)
    return Rivers(points[:, 0], points[:, 1], None if flow is None else flow[rows][of_row], geobox)
