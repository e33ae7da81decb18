"""The erosivity of a year against that of the mean year, from monthly rain of several years."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.windows import Window

from aoi.harm.inputs import physical
from aoi.harm.rusle import fournier_index_mm
from geo.errors import InputError, Problem
from geo.raster import opened
from monitor.harms.ground import Layer
from monitor.harms.settings import factors_of
from monitor.sections import HarmInputSection, HarmSection

if TYPE_CHECKING:
    from monitor.harms.footprint import Scene

__all__ = ["MONTHS", "rain_problems", "year_over_mean"]

MONTHS = "chirps_monthly_rain"
_RATIO = "fournier_ratio"
_BANDS = 12

FloatArray = NDArray[np.float64]


def rain_problems(section: HarmSection, years: Sequence[int]) -> Iterator[Problem]:
    """Yield what is wrong with monthly rain: bands, grids, too few years, or none of a year that is asked for."""
    entries = [entry for entry in section.input if entry.name == MONTHS]
    if not entries:
        return
    where = f"[[harm.input]] {MONTHS}"
    if any(entry.name == _RATIO for entry in section.input):
        yield Problem(where, f"it and {_RATIO}", "one of the two", "take one out")
    held = {entry.year for entry in entries if entry.year is not None}
    least = int(factors_of(section)["fournier_years"].value)
    if len(held) < least:
        yield Problem(where, f"{len(held)} years", f"at least {least} for a mean", "add years, one file each")
    missing = [str(year) for year in years if year not in held]
    if missing:
        yield Problem(where, f"no rain of {', '.join(missing)}", "that of each period's year", "add it")
    grids = {}
    for entry in entries:
        with opened(entry.path) as source:
            grids[entry.path.name] = (str(source.crs), tuple(source.transform), source.shape)
            if source.count != _BANDS:
                found = f"{source.count} band{'s' if source.count > 1 else ''}"
                place = f"{entry.path.name} ({where})"
                yield Problem(place, found, "twelve, January to December", "stack the months of the year")
    if len(set(grids.values())) > 1:
        first, *others = grids
        odd = [name for name in others if grids[name] != grids[first]]
        yield Problem(where, f"{', '.join(odd)} on another grid than {first}", "one grid", "clip all years alike")


@dataclass(frozen=True, slots=True)
class _Ratio:
    """Year over mean on the rain's own cells, NaN where a month is not known."""

    values: FloatArray
    inverse: Any
    """Affine map from the rain's coordinates to its column and row."""
    crs: str


def year_over_mean(scene: Scene) -> Callable[[NDArray[np.int32]], FloatArray]:
    """Return a function that tells the scene's modified Fournier index over its mean, at numbered cells.

    Mean is that of the index of each year and not the index of mean months, which is lower where the wet months
    differ from year to year. Each cell takes the value of the rain's cell that its centre lies in.

    Raises
    ------
    InputError
        Where no rain at all fell in any of the years, as where zero stands for no-data.
    """
    key = f"rain {scene.year}"
    if key not in scene.shared:
        scene.shared[key] = _ratio(scene)
    ratio: _Ratio = scene.shared[key]
    geobox = scene.context.frame.geobox
    to_rain = Transformer.from_crs(str(geobox.crs), ratio.crs, always_xy=True)
    height, width = ratio.values.shape

    def at(cells: NDArray[np.int32]) -> FloatArray:
        rows, cols = np.divmod(cells.astype(np.int64), int(geobox.shape[1]))
        x, y = to_rain.transform(*_moved(geobox.transform, cols + 0.5, rows + 0.5))
        col, row = (np.floor(one).astype(np.int64) for one in _moved(ratio.inverse, np.asarray(x), np.asarray(y)))
        inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        return np.where(inside, ratio.values[np.clip(row, 0, height - 1), np.clip(col, 0, width - 1)], np.nan)

    return at


def _moved(affine: Any, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return coordinates under an affine map."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def _ratio(scene: Scene) -> _Ratio:
    years = {year: scene.ground.layer(MONTHS, year) for year in scene.ground.years(MONTHS)}
    index: dict[int, FloatArray] = {}
    for year, layer in years.items():
        index[year], inverse, crs = _index(layer, scene)
    mean = np.mean([index[year] for year in sorted(index)], axis=0)
    dry = int((mean == 0).sum())
    if dry:
        found = f"no rain in any month of {len(index)} years in {dry} cells"
        raise InputError(Problem(f"[[harm.input]] {MONTHS}", found, "rain", "state nodata = 0 if zero is no-data"))
    return _Ratio(index[scene.year] / mean, inverse, crs)


def _index(layer: Layer, scene: Scene) -> tuple[FloatArray, Any, str]:
    """Return the index of a year over the frame, on the rain's own cells, with where they lie."""
    entry: HarmInputSection = layer.entry
    geobox = scene.context.frame.geobox
    with opened(entry.path) as source:
        crs = source.crs.to_wkt()
        box = Transformer.from_crs(str(geobox.crs), crs, always_xy=True).transform_bounds(*geobox.boundingbox)
        columns, rows = zip(*(~source.transform * (x, y) for x in box[::2] for y in box[1::2]), strict=True)
        left, top = (max(int(np.floor(min(held))) - 1, 0) for held in (columns, rows))
        right, bottom = (int(np.floor(max(held))) + 2 for held in (columns, rows))
        window = Window(left, top, min(right, source.width) - left, min(bottom, source.height) - top)
        stored, inverse = source.read(window=window), ~source.window_transform(window)
    rain = physical(MONTHS, stored, unit=entry.unit, nodata=layer.nodata, where=layer.where)
    known = np.isfinite(rain).all(axis=0)
    index = np.full(known.shape, np.nan)
    index[known] = fournier_index_mm(rain[:, known])
    return index, inverse, crs
