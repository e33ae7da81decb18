"""What a yearly vegetation index says of sample units: productivity of crop land (S1), recovery (S4)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aoi.harm.degradation import NODATA, is_resolvable, productivity_class, recovery_years
from aoi.harm.draws import resampled_weights
from aoi.harm.productivity import LEAST_YEARS, performance, productivity_state, trajectory
from aoi.harm.result import HarmRow, absent_row, computed_row
from monitor.figures import FRAME
from monitor.harms.figures import Figures, Place

__all__ = ["index_years", "productivity_rows", "recovery_rows"]

INDEX = "vegetation_index"
_FEWEST = 10
"""Sample units below which nothing is said."""
_PRODUCTIVITY = "SDG 15.3.1 productivity from a yearly index/1"
_RECOVERY = "index of eradicated units over that of controls/2"

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


def index_years(figures: Figures) -> list[int]:
    """Return the years of the index, in order."""
    return sorted(int(str(name).removeprefix("index_")) for name in figures.units if str(name).startswith("index_"))


def productivity_rows(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield the crop on land of declining productivity, and what of it is beyond that of other land like it."""
    key = figures.key(
        "S1", place, "ha", method=_PRODUCTIVITY, grade="B", part="productivity", inputs=(INDEX, "land_cover")
    )
    years = [year for year in index_years(figures) if year <= place.year]
    if len(years) < LEAST_YEARS:
        yield absent_row(key, "not_computed", f"{len(years)} years of {INDEX}, {LEAST_YEARS} needed")
        return
    told = _unresolved(figures)
    if told:
        yield absent_row(key, "not_resolvable", told)
        return
    states = _declining(figures, years)
    crop = figures.crop_units(place)
    whole = figures.areas(crop & (states == -1), [FRAME])[0]
    yield HarmRow(key, whole.value, whole.lo, whole.hi, 0, 0)
    key = figures.key(
        "S1", place, "ha", method=_PRODUCTIVITY, grade="B", part="productivity_excess", inputs=(INDEX, "land_cover")
    )
    own, other = crop & (states != NODATA), (figures.first_year(place) == 0) & ~crop & (states != NODATA)
    if min(own.sum(), other.sum()) < _FEWEST:
        found = f"{int(own.sum())} units of crop and {int(other.sum())} controls with an index, {_FEWEST} needed"
        yield absent_row(key, "not_estimable", found)
        return
    name = f"productivity:{place.crop}:{place.period}"
    more = _share(figures, own, states == -1, name) - _share(figures, other, states == -1, name)
    area = figures.area_draws(figures.areas(crop, [FRAME])[0], f"area:{place.crop}:{place.period}:crop:{FRAME}")
    yield computed_row(key, area * more, seed=figures.seed, level=figures.level)


def recovery_rows(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield the years until the index of eradicated land is back where its controls are, and how much is back.

    Land seen under the crop in a year after the operation is not back, however green.
    """
    keys = {
        part: figures.key("S4", place, unit, method=_RECOVERY, grade="B", part=part, inputs=(INDEX,))
        for part, unit in (("", "yr"), ("recovered", "percent"))
    }
    years = [year for year in index_years(figures) if year <= place.year]
    if not years or "eradicated_year" not in figures.units:
        yield absent_row(keys[""], "not_computed", "no yearly vegetation index of eradicated plots and controls")
        return
    when = figures.units["eradicated_year"].to_numpy()
    index = _index(figures, years)
    took, known = _recoveries(figures, index, np.array(years), when, figures.first_year(place) == 0)
    took[figures.last_year(place) > when] = np.nan  # land that holds the crop again has not come back
    if known.sum() < _FEWEST:
        told = f"{int(known.sum())} eradicated sample units with an index from then on, {_FEWEST} needed"
        yield from (absent_row(key, "not_estimable", told) for key in keys.values())
        return
    name = f"recovery:{place.crop}:{place.period}"
    weight = resampled_weights(
        figures.tables.stratum, figures.tables.design.sizes, known, n=figures.n, seed=figures.seed, name=name
    )
    weight[weight.sum(axis=1) == 0] = 1.0
    back = np.isfinite(took[known])
    share = (weight * back).sum(axis=1) / weight.sum(axis=1)
    yield computed_row(keys["recovered"], 100 * share, seed=figures.seed, level=figures.level)
    held = (weight * back).sum(axis=1) > 0
    if not held.any():
        yield absent_row(keys[""], "not_estimable", "no eradicated sample unit is back yet")
        return
    mean = (weight * np.where(back, took[known], 0.0)).sum(axis=1)[held] / (weight * back).sum(axis=1)[held]
    yield computed_row(keys[""], mean, seed=figures.seed, level=figures.level)


def _index(figures: Figures, years: list[int]) -> FloatArray:
    return np.stack([figures.units[f"index_{year}"].to_numpy(dtype=np.float64) for year in years])


def _group(figures: Figures) -> NDArray[np.int64]:
    """Return what is like land: the cover of the oldest map, one group where there is none."""
    covers = figures.covers
    return covers[min(covers)] if covers else np.zeros(len(figures.units), dtype=np.int64)


def _unresolved(figures: Figures) -> str:
    """Say why plots are too narrow for the pixels of the index; nothing when they are not."""
    pixel = max(float(entry["cell"]) for entry in figures.settings["inputs"] if entry["id"] == INDEX)
    width, pixels = figures.settings["plot_width_m"], int(figures.factors["productivity_pixels"].value)
    if width is not None and bool(is_resolvable(float(width), pixel, pixels=pixels)):
        return ""
    shown = "of unknown width" if width is None else f"{float(width):.0f} m wide"
    return f"plots {shown} under pixels of {pixel:.0f} m, {pixels} needed"


def _declining(figures: Figures, years: list[int]) -> NDArray[np.int64]:
    """Return -1 where productivity declines (classes 1 and 2 of the Trends.Earth table), 0 elsewhere, no-data."""
    index = _index(figures, years)
    parts = trajectory(index), productivity_state(index), performance(index, _group(figures))
    found = np.zeros(index.shape[1], dtype=np.int64)
    for unit, (trend, state, level) in enumerate(zip(*parts, strict=True)):
        if NODATA in (trend, state, level):
            found[unit] = NODATA
        elif productivity_class(int(trend), int(state), int(level)) <= 2:
            found[unit] = -1
    return found


def _share(figures: Figures, of: BoolArray, where: BoolArray, name: str) -> FloatArray:
    """Return draws of the share of some units' land that meets a condition, units drawn again."""
    weight = resampled_weights(
        figures.tables.stratum, figures.tables.design.sizes, of, n=figures.n, seed=figures.seed, name=name
    )
    weight[weight.sum(axis=1) == 0] = 1.0
    return np.asarray((weight * where[of]).sum(axis=1) / weight.sum(axis=1))


def _recoveries(
    figures: Figures, index: FloatArray, years: NDArray[np.int64], when: NDArray[np.int64], never: BoolArray
) -> tuple[FloatArray, BoolArray]:
    """Return the years each eradicated unit took, NaN where it is not back, and of which units this is known."""
    group, controls = _group(figures), never & (when == 0) & np.isfinite(index).all(axis=0)
    took, known = np.full(when.size, np.nan), np.zeros(when.size, dtype=bool)
    for unit in np.flatnonzero(when > 0):
        after = years >= when[unit]
        like = controls & (group == group[unit])
        if not like.any() or after.sum() < 2 or not np.isfinite(index[after, unit]).all():
            continue
        known[unit] = True
        share = figures.factors["recovery_share"].value
        found = recovery_years(index[after, unit], index[np.ix_(after, like)].mean(axis=1), share=share)
        if found is not None:
            took[unit] = float(years[after][found] - when[unit])
    return took, known
