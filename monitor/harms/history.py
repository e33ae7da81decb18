"""Where crop was seen in earlier years: polygons of older surveys, brought onto the grid year by year."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray

from geo.grid import GeoBox
from monitor.context import Context

__all__ = ["BURNING", "History", "read_history"]

BURNING = Lock()
"""Held while polygons are burnt: the library changes the filters of warnings, which all threads share."""


@dataclass(frozen=True, slots=True)
class History:
    """Polygons of one crop by year."""

    shapes: NDArray[Any]
    year: NDArray[np.int64]

    @property
    def years(self) -> tuple[int, ...]:
        """Years with polygons, in order."""
        return tuple(int(year) for year in np.unique(self.year))

    def seen(self, geobox: GeoBox) -> dict[int, NDArray[np.bool_]]:
        """Return by year the cells whose centre lies in a polygon of it."""
        tree = shapely.STRtree(self.shapes)
        near = tree.query(shapely.box(*geobox.boundingbox)) if len(self.shapes) else np.zeros(0, dtype=int)
        return {year: self._burnt(near[self.year[near] == year], geobox) for year in self.years}

    def _burnt(self, rows: NDArray[Any], geobox: GeoBox) -> NDArray[np.bool_]:
        if not len(rows):
            return np.zeros(geobox.shape, dtype=bool)
        with BURNING:
            burnt = rasterio.features.rasterize(
                [(self.shapes[row], 1) for row in rows],
                out_shape=tuple(geobox.shape),
                transform=geobox.transform,
                dtype="uint8",
            )
        return np.asarray(burnt == 1)


def read_history(context: Context, crop: str) -> History:
    """Return the crop polygons of ``[prior_cultivation]`` on the grid's CRS; none when the survey has none.

    Raises
    ------
    InputError
        If the layer is broken or a year is none.
    """
    if context.prior is None:
        return History(np.zeros(0, dtype=object), np.zeros(0, dtype=np.int64))
    fields = context.prior.fields
    own = fields[(fields["crop"] == crop) & ~fields.geometry.is_empty]
    shapes = np.asarray(own.geometry.to_crs(str(context.frame.geobox.crs)).values, dtype=object)
    return History(shapes, own["year"].to_numpy(dtype=np.int64))
