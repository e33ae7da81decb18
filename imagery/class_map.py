"""Class codes from scores, the minimum mapping unit, and the area counted on the finished map."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import fsum
from pathlib import Path
from threading import Lock

import numpy as np
import rasterio.features
from numpy.typing import NDArray

from geo.areas import MappedArea, cell_areas_ha
from geo.blocks import Block, blocks
from geo.cog import RasterStyle
from geo.grid import GeoBox
from geo.legend import Legend
from geo.raster import open_on_grid
from imagery.calibration import Calibration

__all__ = [
    "NOT_KNOWN",
    "cells_of",
    "class_style",
    "crop_percent",
    "entropy",
    "greenness_style",
    "mapped_areas",
    "percent",
    "probability_style",
    "sieved",
    "uncertainty_style",
]

NOT_KNOWN = 255
"""Probability where there is none: outside the frame, or not seen."""


def class_style(legend: Legend) -> RasterStyle:
    """Return what a class map says of itself: colours, names, and 0 as no-data."""
    return RasterStyle(
        nodata=Legend.OUTSIDE,
        descriptions=("class",),
        colours={
            Legend.OUTSIDE: "#000000",
            **{entry.code: entry.colour for entry in legend},
            Legend.NOT_SEEN: "#BDBDBD",
        },
        categories={**{entry.code: entry.name for entry in legend}, Legend.NOT_SEEN: "not seen"},
        overviews="mode",
    )


def probability_style(crop: str) -> RasterStyle:
    """Return what a probability raster says of itself: percent, 255 as no-data."""
    return RasterStyle(
        nodata=NOT_KNOWN,
        descriptions=(f"probability of {crop}, percent",),
        tags={"UNIT": "percent", "CROP": crop},
    )


def uncertainty_style() -> RasterStyle:
    """Return what an uncertainty raster says of itself: percent, 255 as no-data."""
    return RasterStyle(
        nodata=NOT_KNOWN, descriptions=("entropy of the class probabilities, percent",), tags={"UNIT": "percent"}
    )


def greenness_style(crop: str) -> RasterStyle:
    """Return what the raster of a greenness floor says of itself."""
    return RasterStyle(
        nodata=NOT_KNOWN,
        descriptions=(f"1 where a greenness threshold says {crop}, a floor and no map",),
        tags={"CROP": crop},
        overviews="mode",
    )


def percent(probability: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return probabilities as whole percent, 0 to 100."""
    return np.rint(probability * 100).astype(np.uint8)


def sieved(class_map: NDArray[np.uint8], smallest: int) -> NDArray[np.uint8]:
    """Return a class map whose patches have at least `smallest` cells, joined by their sides.

    Smaller patches take the class of their largest neighbour. Cells outside the frame or not seen neither
    change nor lend their value.

    Parameters
    ----------
    class_map
        Class codes, shape (h, w).
    smallest
        Cells of the smallest patch that stays; 1 or less changes nothing.
    """
    if smallest <= 1:
        return class_map
    mapped = (class_map != Legend.OUTSIDE) & (class_map != Legend.NOT_SEEN)
    merged = rasterio.features.sieve(class_map, size=smallest, mask=mapped, connectivity=4)
    return np.where(mapped, merged, class_map)


def mapped_areas(path: Path, geobox: GeoBox, legend: Legend, *, jobs: int = 1) -> dict[str, MappedArea]:
    """Return the area of every class counted on a class map: no estimate, since it carries the map's errors.

    Parameters
    ----------
    path
        Class map on the grid.
    geobox
        The grid.
    legend
        The classes.
    jobs
        Threads.
    """
    entries, cells = list(legend), np.zeros(len(legend), dtype=np.int64)
    parts: list[NDArray[np.float64]] = []
    with open_on_grid(path, geobox) as reader, ThreadPoolExecutor(jobs) as pool:
        lock = Lock()  # an open raster is read by one thread at a time

        def count(block: Block) -> tuple[list[int], list[float]]:
            with lock:
                codes = reader.read(block)
            areas = _block_areas(geobox, block)
            hits = [codes == entry.code for entry in entries]
            return [int(hit.sum()) for hit in hits], [float(areas[hit].sum()) for hit in hits]

        for found, areas in pool.map(count, blocks((geobox.shape[0], geobox.shape[1]))):
            cells += found
            parts.append(np.array(areas))
    return {
        entry.name: MappedArea(class_name=entry.name, area_ha=fsum(column), cells=int(number))
        for entry, column, number in zip(entries, np.transpose(parts), cells, strict=True)
    }


def cells_of(area_ha: float, geobox: GeoBox) -> int:
    """Return the fewest whole cells that reach an area, by the size of a cell of the grid."""
    cell = float(_block_areas(geobox, Block(geobox.shape[0] // 2, geobox.shape[1] // 2, 1, 1))[0, 0])
    return int(np.ceil(area_ha / cell - 1e-6))


def crop_percent(
    probability: NDArray[np.float64], codes: Sequence[int], code: int, calibration: Calibration
) -> NDArray[np.uint8]:
    """Return the calibrated probability of a class in percent, shape (n,); 0 for one that training did not have."""
    if code not in codes:
        return np.zeros(probability.shape[1], dtype=np.uint8)
    return percent(calibration.apply(probability[list(codes).index(code)]))


def entropy(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how undecided class probabilities are: 0 for a certain class, 1 where all are equally likely.

    Parameters
    ----------
    probability
        Shape (classes, n), columns adding up to 1.

    References
    ----------
    Shannon, C. E. (1948), Bell System Technical Journal 27, 379; divided by the logarithm of the number of classes.

    Examples
    --------
    >>> entropy(np.array([[0.5, 1.0], [0.5, 0.0]])).tolist()
    [1.0, 0.0]
    """
    total = np.zeros(probability.shape[1])
    for layer in probability:
        total -= layer * np.log(np.where(layer > 0, layer, 1.0))
    return np.asarray(np.clip(total / np.log(max(len(probability), 2)), 0.0, 1.0))


def _block_areas(geobox: GeoBox, block: Block) -> NDArray[np.float64]:
    window = geobox[block.slices]
    return np.broadcast_to(cell_areas_ha(window), (block.height, block.width))
