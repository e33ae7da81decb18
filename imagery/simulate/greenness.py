"""A yearly vegetation index of the coca frontier: what grows, and how land comes back after eradication."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize

from geo.cog import RasterStyle, write_cog
from imagery.simulate.harm_layers import Origins
from imagery.simulate.landscape import SUBPIXELS, Landscape
from imagery.simulate.layers import eradication_events
from imagery.simulate.noise import fractal, stream

__all__ = ["INDEX_YEARS", "index_of_year", "index_survey_text", "write_index"]

_STREAM = 73
INDEX_YEARS = tuple(range(2017, 2025))
"""Eight years: the fewest that a trend is made of."""
_LEVEL = {
    "coca": 0.58,
    "coffee": 0.68,
    "food_crops": 0.50,
    "pasture": 0.52,
    "fallow": 0.62,
    "forest": 0.82,
    "bare": 0.20,
    "water": 0.05,
}
"""Mean of a year's index of each class."""
_BARE, _BACK, _YEARS = 0.30, 0.76, 1.5
"""Index in the year of eradication, that of secondary growth, and the years to two thirds of the way between."""

FloatArray = NDArray[np.float64]


def write_index(landscape: Landscape, folder: Path) -> None:
    """Write one raster a year."""
    style = RasterStyle(nodata=-1, descriptions=("mean vegetation index of the year",))
    for year in INDEX_YEARS:
        values = np.round(index_of_year(landscape, year), 3).astype(np.float32)
        write_cog(folder / f"index_{year}.tif", values, landscape.geobox, style=style)


def index_of_year(landscape: Landscape, year: int) -> FloatArray:
    """Return the mean index of a year by cell.

    Fields that were eradicated and not planted again grow back; the pace differs from field to field.
    """
    legend, origins = landscape.profile.legend, Origins(landscape)
    table = np.zeros(max(legend.codes) + 1)
    for name, mean in _LEVEL.items():
        table[legend.code(name)] = mean
    classes = _classes(origins, year)
    level: FloatArray = table[classes]
    crop = classes == legend.code(landscape.scenario.crop)
    events = eradication_events(landscape)
    pace = _YEARS * np.exp(0.3 * stream(landscape.seed, _STREAM).standard_normal(len(events)))
    for when, shape, slow in zip(events["date"].str[:4].astype(int), events.geometry, pace, strict=True):
        if when <= year:
            grown = _BARE + (_BACK - _BARE) * (1 - np.exp(-(year - when) / slow))
            here = rasterize([(shape, 1)], out_shape=level.shape, transform=landscape.geobox.transform) == 1
            level = np.where(here & ~(crop & (year > when)), grown, level)
    rng = stream(landscape.seed, _STREAM, year)
    weather = 0.02 * rng.standard_normal()
    noise = 0.03 * fractal(level.shape, beta=2.5, longest=30, rng=rng) + 0.02 * rng.standard_normal(level.shape)
    return np.asarray(np.clip(level * np.exp(weather + noise), 0.0, 0.95))


def _classes(origins: Origins, year: int) -> NDArray[np.int64]:
    """Return the class at the centre of each cell; before the first year known it was wild or the same."""
    landscape = origins.landscape
    first = landscape.scenario.years[0]
    classes = landscape.classes_of(max(year, first))
    if year < first:
        classes = np.where(origins.cleared > year, 0, classes)
    middle = SUBPIXELS // 2
    wild = landscape.land_use.wild[middle::SUBPIXELS, middle::SUBPIXELS]
    own = origins.on_cells(classes, 0)
    return np.where(own > 0, own, wild).astype(np.int64)


def index_survey_text() -> str:
    """Return the tables of the survey file."""
    lines = []
    for year in INDEX_YEARS:
        lines += ["", "[[harm.input]]", 'name = "vegetation_index"', f'path = "inputs/harm/index_{year}.tif"']
        lines += ['unit = "index"', f"year = {year}"]
    return "\n".join(lines) + "\n"
