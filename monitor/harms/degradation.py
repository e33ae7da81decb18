"""Rows S1 to S4: land degraded by SDG 15.3.1, soil carbon with both bounds, persistence, recovery."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aoi.harm.degradation import NODATA, is_resolvable, land_cover_state, one_out_all_out, soil_carbon_state
from aoi.harm.result import HarmKey, HarmRow, absent_row, computed_row, estimated_row
from monitor.figures import FRAME
from monitor.harms.carbon import soil_factor_name, soil_loss_t_c
from monitor.harms.figures import Figures, Place
from monitor.harms.series import index_years, productivity_rows, recovery_rows

__all__ = ["rows"]

_PRODUCTIVITY = ("productivity_trajectory", "productivity_state", "productivity_performance")
_STATUS = "SDG 15.3.1, one out all out, illicit crop a class of its own/1"
_CLASS = {
    "primary_forest": "tree",
    "secondary_forest": "tree",
    "shrub": "shrub",
    "grass": "grass",
    "wetland": "wetland",
}


def rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield the rows of soil degradation."""
    for place in figures.places():
        yield from _status(figures, place)
        yield from _soil(figures, place)
        yield from _persistence(figures, place)
        yield from recovery_rows(figures, place)


def _status(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield S1 by domain, and what productivity says of it."""
    if index_years(figures):
        yield from productivity_rows(figures, place)
    else:
        yield _productivity(figures, place)
    key = figures.key("S1", place, "ha", method=_STATUS, grade="B", inputs=("land_cover", *figures.soil_inputs))
    if not (figures.has("land_cover") or figures.has_forest):
        yield figures.lacking(key, "land_cover")
        return
    states = _unit_states(figures, place)
    for domain in figures.domains:
        whole = figures.areas(figures.crop_units(place) & (states == -1), [domain])[0]
        row = figures.key(
            "S1", place, "ha", method=_STATUS, grade="B", domain=domain, inputs=("land_cover", *figures.soil_inputs)
        )
        yield estimated_row(row, whole.value, whole.lo, whole.hi)
    unknown = figures.areas(figures.crop_units(place) & (states == NODATA), [FRAME])[0]
    row = figures.key("S1", place, "ha", method=_STATUS, grade="B", part="state_unknown", inputs=("land_cover",))
    yield estimated_row(row, unknown.value, unknown.lo, unknown.hi)


def _unit_states(figures: Figures, place: Place) -> NDArray[np.int8]:
    """Return the state of each crop unit from cover and soil carbon; counterfactual land keeps state 0."""
    names = {int(code): str(name) for code, name in figures.settings["cover"].items()}
    codes, direct = figures.cover_units(place), figures.direct_units(place)
    cover = np.full(codes.shape, NODATA, dtype=np.int8)
    for code, name in names.items():
        cover[codes == code] = land_cover_state(_CLASS.get(name, name), "illicit_crop", 0)
    cover[direct] = -1  # forest that was cleared for it, whatever the land-cover map says
    first = figures.first_year(place)
    years = np.where(first > 0, place.year - first, 0)
    factor = figures.factors[soil_factor_name(figures, place)].value
    change = 100 * (factor - 1) * np.minimum(years, 20) / 20
    natural = figures.natural_units(place)
    threshold = figures.factors["soc_degraded_percent"].value
    soil = soil_carbon_state(np.where(natural, change, 0.0), threshold_percent=threshold)
    return one_out_all_out(np.zeros(codes.shape, dtype=np.int8), cover, soil)


def _productivity(figures: Figures, place: Place) -> HarmRow:
    """Return what the productivity sub-indicator can say: nothing where plots are narrower than three pixels."""
    key = figures.key(
        "S1",
        place,
        "ha",
        method="productivity sub-indicator/1",
        grade="B",
        part="productivity",
        inputs=_PRODUCTIVITY,
    )
    if not all(figures.has(name) for name in _PRODUCTIVITY):
        return figures.lacking(key, *_PRODUCTIVITY)
    pixel = max(float(entry["cell"]) for entry in figures.settings["inputs"] if entry["id"] in _PRODUCTIVITY)
    width, pixels = figures.settings["plot_width_m"], int(figures.factors["productivity_pixels"].value)
    if width is None or not bool(is_resolvable(float(width), pixel, pixels=pixels)):
        shown = "unknown width" if width is None else f"{float(width):.0f} m wide"
        return absent_row(key, "not_resolvable", f"plots {shown} under pixels of {pixel:.0f} m, {pixels} needed")
    whole = figures.areas(figures.crop_units(place) & _declining(figures), [FRAME])[0]
    return estimated_row(key, whole.value, whole.lo, whole.hi)


def _declining(figures: Figures) -> NDArray[np.bool_]:
    """Say which units lie on land of declining productivity (classes 1 and 2 of the Trends.Earth table)."""
    from aoi.harm.degradation import productivity_class

    trajectory, state, performance = (figures.units[name].to_numpy() for name in _PRODUCTIVITY)
    known = (trajectory != NODATA) & (state != NODATA) & (performance != NODATA)
    classes = [
        productivity_class(int(a), int(b), int(c)) if ok else 0
        for a, b, c, ok in zip(trajectory, state, performance, known, strict=True)
    ]
    return np.isin(classes, (1, 2))


def _soil(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield S2, soil carbon lost so far and over twenty years, and with each bound of the land-use factor."""
    natural = figures.total(place, "natural_ha")
    years = figures.total(place, "natural_year_ha") / natural if natural > 0 else 0.0
    factor = figures.factors[soil_factor_name(figures, place)]
    cases: list[tuple[str, float, NDArray[np.float64] | None]] = [("", years, None), ("after_20_years", 20.0, None)]
    bounds = [("factor_low", factor.lo), ("factor_high", factor.hi)] if np.isfinite(factor.lo + factor.hi) else []
    cases += [(name, 20.0, np.full(figures.n, bound)) for name, bound in bounds]
    for part, time, given in cases:
        key = figures.key(
            "S2", place, "t C", method="reference stock times land-use factor/1", grade="C", part=part,
            inputs=(*figures.soil_inputs, "land_cover"),
        )  # fmt: skip
        lost = soil_loss_t_c(figures, place, time, factor=given)
        yield (
            _absent(key, lost)
            if isinstance(lost, HarmRow)
            else computed_row(key, -lost, seed=figures.seed, level=figures.level)
        )


def _absent(key: HarmKey, why: HarmRow) -> HarmRow:
    return absent_row(key, why.state, why.reason)


def _persistence(figures: Figures, place: Place) -> Iterator[HarmRow]:
    """Yield S3: years the standing crop was seen and times it was left, per hectare, with the sample's spread.

    The map says how long; its figure carries the interval of the area of what was seen before.
    """
    key = figures.key("S3", place, "yr", method="mean years seen, mapped footprint/1", grade="B")
    crop, before = figures.crop_units(place), figures.first_year(place) < place.year
    older = figures.areas(crop & before & (figures.first_year(place) > 0), [FRAME])[0]
    newer = figures.areas(crop & ~before, [FRAME])[0]
    name = f"area:{place.crop}:{place.period}"
    old, new = figures.area_draws(older, f"{name}:older"), figures.area_draws(newer, f"{name}:newer")
    held = (old + new) > 0
    if not crop.any() or not held.any():
        yield absent_row(key, "not_estimable", "no crop was found in the sample")
        return
    mapped = figures.total(place, "crop_ha")
    if mapped <= 0:
        yield absent_row(key, "not_computed", "the map holds no crop")
        return
    share = 100 * old[held] / (old + new)[held]
    part = figures.key(
        "S3",
        place,
        "percent",
        method="crop seen in an earlier year, area by the sample/1",
        grade="B",
        part="seen_before",
    )
    yield computed_row(part, share, seed=figures.seed, level=figures.level)
    for quantity, label in (("crop_years_ha", ""), ("abandoned_ha", "times_abandoned")):
        mean = figures.total(place, quantity) / mapped
        # What was seen before is more or less of the crop than the map has it: the mean moves with it
        row = figures.key(
            "S3",
            place,
            "yr" if not label else "times",
            method="mean of the mapped footprint/1",
            grade="C",
            part=label,
        )
        scale = share / np.median(share) if np.median(share) > 0 else np.ones_like(share)
        base = 1.0 if not label else 0.0
        yield computed_row(row, base + (mean - base) * scale, seed=figures.seed, level=figures.level)
