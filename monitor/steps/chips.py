"""Chips of the sample units: composites of the compared periods side by side, without a word of the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.windows import Window

from geo.raster import opened
from imagery.chip import false_colour, limits_of, write_chip
from imagery.composite import NODATA
from monitor.context import Context

__all__ = ["write_chips"]

REACH_CELLS = 20
"""Cells to each side of a unit."""
_OVERVIEW = 400
"""Cells along a side that a stretch is taken from."""
_COLOURS = (("nir", "swir16", "red"), ("nir", "red", "green"), ("red", "green", "blue"))
"""Bands shown as red, green and blue: the first that the sensor has."""


def write_chips(context: Context, units: pd.DataFrame, folder: Path) -> int:
    """Write one PNG for each unit and return how many.

    Parameters
    ----------
    context
        The run.
    units
        Columns unit_id, row and col.
    folder
        Where to write.
    """
    views = {
        f"{period.name} {window}": path
        for period in context.compared
        for window in _windows(context)
        if (path := context.out / "imagery" / period.name / f"composite_{window}.tif").is_file()
    }
    if not views:
        return 0
    bands = _shown_bands(context.sensor.common)
    limits = {name: _limits(path, bands) for name, path in views.items()}
    for unit in units.itertuples():
        images = {
            name: false_colour(_around(path, bands, int(unit.row), int(unit.col)), limits[name])
            for name, path in views.items()
        }
        write_chip(folder / f"{unit.unit_id}.png", images, (REACH_CELLS, REACH_CELLS))
    return len(units)


def _windows(context: Context) -> Sequence[str]:
    """Return the windows that tell the crop: its two dates, or the last one of the season."""
    rule = context.profile.identification
    return rule.dates if rule is not None and rule.dates else (context.profile.windows[-1].name,)


def _shown_bands(have: Sequence[str]) -> tuple[str, ...]:
    for wanted in _COLOURS:
        if set(wanted) <= set(have):
            return wanted
    return tuple((list(have) * 3)[:3])


def _limits(path: Path, bands: Sequence[str]) -> list[tuple[float, float]]:
    with opened(path) as source:
        shape = min(source.height, _OVERVIEW), min(source.width, _OVERVIEW)
        planes = source.read(_indexes(source.descriptions, bands), out_shape=(len(bands), *shape))
    return limits_of(_known(planes))


def _around(path: Path, bands: Sequence[str], row: int, col: int) -> list[NDArray[np.float64]]:
    side = 2 * REACH_CELLS + 1
    with opened(path) as source:
        planes = source.read(
            _indexes(source.descriptions, bands),
            window=Window(col - REACH_CELLS, row - REACH_CELLS, side, side),
            boundless=True,
            fill_value=NODATA,
        )
    return _known(planes)


def _indexes(descriptions: Sequence[str], bands: Sequence[str]) -> list[int]:
    place: Mapping[str, int] = {name: number for number, name in enumerate(descriptions, start=1)}
    return [place[band] for band in bands]


def _known(planes: NDArray[np.int16]) -> list[NDArray[np.float64]]:
    return list(np.where(planes == NODATA, np.nan, planes.astype(np.float64)))
