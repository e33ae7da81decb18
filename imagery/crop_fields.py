"""Mapped crop as fields: patches of the class map as polygons, each with scores of its own."""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from geo.areas import polygon_areas_ha
from geo.grid import GeoBox

__all__ = ["FIELD_COLUMNS", "crop_fields"]

FIELD_COLUMNS = ("field_id", "crop", "period", "area_ha", "cells", "probability", "uncertainty", "compactness")
_UNKNOWN = 100
"""Highest value that is a per cent; what is above stands for none."""


def crop_fields(
    crop_cells: NDArray[np.bool_],
    probability: NDArray[np.uint8],
    uncertainty: NDArray[np.uint8],
    geobox: GeoBox,
    *,
    crop: str,
    period: str,
    least_cells: int,
) -> geopandas.GeoDataFrame:
    """Return the patches of a crop as polygons.

    Parameters
    ----------
    crop_cells
        Cells mapped as the crop, shape (h, w); patches are joined by their sides.
    probability, uncertainty
        Whole per cent, same shape.
    geobox
        The grid.
    crop, period
        Names written beside each field.
    least_cells
        Cells of the smallest field told.

    Returns
    -------
    GeoDataFrame
        Columns `FIELD_COLUMNS` and geometry, in row order of their first cells. ``probability`` and ``uncertainty``
        are means over the field, in per cent; ``compactness`` is 4 pi area over the square of the perimeter. Areas
        are counted on the map: no estimate.
    """
    labels, count = ndimage.label(crop_cells)
    size = np.bincount(labels.ravel(), minlength=count + 1)
    kept = np.flatnonzero(size >= max(least_cells, 1))
    kept = kept[kept > 0]
    number = np.zeros(count + 1, dtype=np.int32)
    number[kept] = np.arange(1, kept.size + 1)
    fields = number[labels]
    shapes: dict[int, Any] = {
        int(value): shapely.geometry.shape(shape)
        for shape, value in rasterio.features.shapes(fields, mask=fields > 0, transform=geobox.transform)
    }
    geometry = [shapes[one] for one in range(1, kept.size + 1)]
    frame = geopandas.GeoDataFrame(
        {
            "field_id": [f"{crop}-{period}-{one:06d}" for one in range(1, kept.size + 1)],
            "crop": [crop] * kept.size,
            "period": [period] * kept.size,
            "cells": size[kept],
            "probability": _means(fields, probability, kept.size),
            "uncertainty": _means(fields, uncertainty, kept.size),
        },
        geometry=geometry,
        crs=str(geobox.crs),
    )
    frame["area_ha"] = np.round(polygon_areas_ha(frame), 4) if kept.size else np.zeros(0)
    perimeter = np.array([shape.length for shape in geometry])
    area = np.array([shape.area for shape in geometry])
    frame["compactness"] = np.round(4 * np.pi * area / np.maximum(perimeter, 1e-9) ** 2, 4)
    return frame[[*FIELD_COLUMNS, "geometry"]]


def _means(fields: NDArray[np.int32], values: NDArray[np.uint8], count: int) -> NDArray[np.float64]:
    """Return the mean of whole per cents over each field."""
    known = values <= _UNKNOWN
    label = fields[known]
    cells = np.bincount(label, minlength=count + 1)[1:]
    total = np.bincount(label, weights=values[known].astype(np.float64), minlength=count + 1)[1:]
    return np.asarray(np.round(total / np.maximum(cells, 1), 2))
