"""Potential loads of the crop on soil and water (W1 to W7), observed less what a licit crop there would bring.

Nothing here is a measurement: every row is a potential load. Loads are by class of substance. Litres and tonnes are
never added. All is graded D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aoi.harm.draws import scaled_to_survey, stream
from aoi.harm.erosion import FRAME, connectivity_parts, cover_draws, delivery_draws, erosivity_scale, in_threads
from aoi.harm.factor import Factor, factor_draws
from aoi.harm.groundwater import leaching_index
from aoi.harm.loads import CLASSES, ClassLoad, load_draws
from aoi.harm.result import HarmKey, HarmRow, State, absent_row, computed_row
from aoi.harm.sediment import LEAST_COVER, constants
from aoi.harm.slopes import Slopes
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork, accumulate
from geo.kernel import compiled
from geo.stream import Stream, carried, shortest_way_m, stream_below

__all__ = [
    "METHOD",
    "METHOD_ASSUMED_PLACE",
    "Waters",
    "concentration_ug_l",
    "contamination",
    "discharge_m3_s",
]

METHOD = "potential-load/1"
METHOD_ASSUMED_PLACE = "potential-load-assumed-place/1"
"""Of processing waste, which is laid to the plots for want of known places."""
SECONDS_PER_YEAR = 31_557_600.0
NATURAL = ("primary_forest", "secondary_forest", "shrub", "grass", "wetland")
IRRIGATED = ("opium_poppy", "cannabis")

FloatArray = NDArray[np.float64]
Draws = dict[tuple[str, str, str], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waters:
    """What else is known of streams, people and ground; each may be left out, and its rows say so then."""

    discharge: ArrayLike | None = None
    """Mean flow of streams, m3/s, of the grid's shape; NaN off them."""
    people: ArrayLike | None = None
    """Persons in each cell."""
    intakes: ArrayLike | None = None
    """Drinking-water intakes in each cell."""
    vulnerability: ArrayLike | None = None
    """DRASTIC index, 23 to 230; NaN where it is not known."""
    sprayed_ha: float | None = None
    """Hectares sprayed with herbicide from the air in the period; 0 when none were, None when nobody told."""


@dataclass(frozen=True, slots=True)
class _Fate:
    """What each class meets on its way, one draw each."""

    classes: tuple[str, ...]
    to_carried: Mapping[str, FloatArray]
    """From the unit of the load to that of what is carried: t to t, L of herbicide to kg active."""
    unit: Mapping[str, str]
    bound: Mapping[str, FloatArray]
    runoff: Mapping[str, FloatArray]
    decay_per_day: Mapping[str, FloatArray]


@dataclass(slots=True)
class _Paths:
    """Where the load of the plots enters streams, and the streams below."""

    stream: Stream
    at: NDArray[np.intp]
    """Place in the stream of each entry."""
    of_cell: NDArray[np.int64]
    """Entry that each cell of the hillslopes drains to."""
    discharge: FloatArray | None
    known: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))


def concentration_ug_l(load_kg_yr: ArrayLike, flow_m3_s: ArrayLike) -> FloatArray:
    """Return the mean concentration of a yearly load in a flow, micrograms per litre.

    Examples
    --------
    >>> round(float(concentration_ug_l(100, 1)), 4)
    3.1688
    """
    load, flow = np.asarray(load_kg_yr, dtype=np.float64), np.asarray(flow_m3_s, dtype=np.float64)
    if np.any(~(flow > 0)) or not np.isfinite(load).all():
        raise InputError(
            Problem("concentration", "a missing load, or a flow missing or not above 0", "kg/yr and m3/s")
        )
    return np.asarray(load * 1e9 / (flow * SECONDS_PER_YEAR * 1000))


def discharge_m3_s(network: FlowNetwork, runoff_mm: ArrayLike) -> FloatArray:
    """Return the mean flow through each cell from the runoff of all land above it, m3/s, shape of the grid.

    Parameters
    ----------
    network
        Flow network that holds the whole catchment; water that comes from beyond it is not counted.
    runoff_mm
        Runoff of a year, mm, of the grid's shape.
    """
    volume = np.asarray(runoff_mm, dtype=np.float64) / 1000 * network.cell_area_m2
    return (accumulate(network, volume) / SECONDS_PER_YEAR).reshape(network.shape)


def contamination(
    slopes: Slopes,
    network: FlowNetwork,
    domains: Mapping[str, NDArray[np.bool_]],
    areas_ha: Mapping[str, FloatArray],
    loads: tuple[ClassLoad, ...],
    factors: Mapping[str, Factor],
    key: HarmKey,
    *,
    seed: int,
    waters: Waters | None = None,
    jobs: int = 1,
) -> list[HarmRow]:
    """Return the rows of W1 to W7.

    Parameters
    ----------
    slopes
        Ground of the hillslopes, as of `aoi.harm.slopes.prepare_slopes`.
    network
        Flow network it was made on.
    domains
        Masks of the grid's shape by name; "frame" is one of them.
    areas_ha
        Draws of the survey's area by domain, shape (n,) each; "frame" is one of them.
    loads
        Loads by crop and class; those of licit covers make up the counterfactual.
    factors
        Factors by name.
    key
        Crop, period and inputs; indicator, domain, unit and part are set here.
    seed
        Of the draws.
    waters
        Flow, people, intakes and vulnerability.
    jobs
        Threads; change no figure.

    Raises
    ------
    InputError
        When no area of the frame is given, or an input of `waters` does not fit.
    """
    if FRAME not in areas_ha or FRAME not in domains:
        raise InputError(Problem("contamination", "no area of the frame", "draws of the survey's area"))
    given = waters or Waters()
    of = replace(key, share="direct", grade="D", method=METHOD)
    n = areas_ha[FRAME].size
    drawn = load_draws(loads, n=n, seed=seed)
    classes = tuple(one for one in CLASSES if any(load.crop == of.crop and load.substance == one for load in loads))
    units = {one: next(load for load in loads if (load.crop, load.substance) == (of.crop, one)) for one in classes}
    _require_one_unit(loads, units)
    rows = [
        row for name in domains for row in _brought(slopes, domains[name], name, areas_ha, drawn, units, of, seed)
    ]
    for stage, indicator in (("field", "W1"), ("processing", "W2")):
        if not any(CLASSES[one] == stage for one in classes):
            told = f"no published load of {of.crop}"
            rows.append(
                absent_row(replace(of, indicator=indicator, domain=FRAME, unit="t/yr"), "not_computed", told)
            )
    frame = replace(of, domain=FRAME)
    scale, state = _scale(slopes, domains[FRAME], areas_ha[FRAME])
    if state:
        rows.append(absent_row(replace(frame, indicator="W3", unit="t/yr"), "not_estimable", state))
        rows.append(absent_row(replace(frame, indicator="W4", unit="t/yr"), "not_estimable", state))
    elif classes:
        fate = _fate_of(classes, units, factors, n=n, seed=seed)
        paths = _paths_of(slopes, network, given)
        found = _carried_draws(slopes, paths, fate, drawn, factors, scale, n=n, seed=seed, jobs=jobs)
        rows += [
            computed_row(_placed(replace(frame, indicator=one[0], part=one[1], unit=one[2])), values, seed=seed)
            for one, values in found.items()
        ]
        rows += _without_flow(fate, given, frame)
        rows += _exposure(network, paths, given, factors, frame, n=n, seed=seed)
    rows += _groundwater(slopes, given, classes, factors, frame, n=n, seed=seed)
    rows += _water(slopes, domains[FRAME], areas_ha[FRAME], given, network, factors, frame, seed=seed)
    rows += _sprayed(given, factors, frame, n=n, seed=seed)
    return rows


def _placed(key: HarmKey) -> HarmKey:
    """Return the key with the method that tells an assumed place."""
    substance = key.part.split(":")[0]
    return replace(key, method=METHOD_ASSUMED_PLACE) if CLASSES.get(substance) == "processing" else key


def _require_one_unit(loads: tuple[ClassLoad, ...], units: Mapping[str, ClassLoad]) -> None:
    """Refuse loads of one class in two units: litres and tonnes do not subtract."""
    problems = [
        Problem(f"load of {one.crop}, {one.substance}", one.unit, f"{units[one.substance].unit}, as of the crop")
        for one in loads
        if one.substance in units and one.unit != units[one.substance].unit
    ]
    if problems:
        raise InputError(problems)


def _scale(slopes: Slopes, frame: NDArray[np.bool_], area_ha: FloatArray) -> tuple[FloatArray, str]:
    """Return the survey's area over the mapped one in each draw, and why there is none."""
    mapped = float(slopes.area_ha[slopes.on_crop & frame.reshape(-1)[slopes.hill.cells]].sum())
    if mapped > 0:
        return area_ha / mapped, ""
    if np.any(area_ha > 0):
        return np.zeros_like(area_ha), "no mapped crop here, while the survey has some"
    return np.zeros_like(area_ha), ""


def _brought(
    slopes: Slopes,
    mask: NDArray[np.bool_],
    domain: str,
    areas_ha: Mapping[str, FloatArray],
    drawn: Mapping[tuple[str, str], FloatArray],
    units: Mapping[str, ClassLoad],
    of: HarmKey,
    seed: int,
) -> list[HarmRow]:
    """Return W1 and W2 of a domain: what is brought to the plots, less what licit crops there would be given."""
    inside = mask.reshape(-1)[slopes.hill.cells] & slopes.on_crop
    by_cover = {
        name: float(slopes.area_ha[inside & (slopes.counterfactual == code)].sum())
        for code, name in enumerate(slopes.names)
    }
    mapped = float(slopes.area_ha[inside].sum())
    rows = []
    for substance, load in units.items():
        indicator = "W1" if CLASSES[substance] == "field" else "W2"
        one = replace(of, indicator=indicator, domain=domain, part=substance, unit=load.mass_unit)
        area = areas_ha.get(domain)
        if area is None:
            rows.append(absent_row(_placed(one), "not_estimable", "the survey gives no area here"))
        elif mapped <= 0 and np.any(area > 0):
            told = "no mapped crop here, while the survey has some"
            rows.append(absent_row(_placed(one), "not_estimable", told))
        else:
            total = drawn[of.crop, substance] * mapped
            for name, hectares in by_cover.items():
                if (name, substance) in drawn:
                    total = total - drawn[name, substance] * hectares
            rows.append(computed_row(_placed(one), scaled_to_survey(total, mapped, area), seed=seed))
    return rows


def _fate_of(
    classes: tuple[str, ...], units: Mapping[str, ClassLoad], factors: Mapping[str, Factor], *, n: int, seed: int
) -> _Fate:
    groups = {one: one if CLASSES[one] == "field" else "processing" for one in classes}
    names = [
        f"{kind}_{group}" for group in groups.values() for kind in ("bound_share", "runoff_share", "half_life")
    ]
    drawn = factor_draws(factors, (*dict.fromkeys(names), "herbicide_active"), n=n, seed=seed)
    litres = {one: units[one].unit.startswith("L") for one in classes}
    if any(litres[one] and one not in ("herbicide", "other_pesticide") for one in classes):
        told = ", ".join(one for one in classes if litres[one])
        raise InputError(Problem("loads", f"litres of {told}", "tonnes or kilograms", "litres are for pesticides"))
    return _Fate(
        classes,
        {one: drawn["herbicide_active"] if litres[one] else np.ones(n) for one in classes},
        {one: "kg/yr" if litres[one] else units[one].mass_unit for one in classes},
        {one: drawn[f"bound_share_{groups[one]}"] for one in classes},
        {one: drawn[f"runoff_share_{groups[one]}"] for one in classes},
        {one: np.log(2) / drawn[f"half_life_{groups[one]}"] for one in classes},
    )


def _paths_of(slopes: Slopes, network: FlowNetwork, given: Waters) -> _Paths:
    entries, of_cell = np.unique(slopes.hill.entry, return_inverse=True)
    used = np.zeros(entries.size, dtype=bool)
    used[of_cell[slopes.plots]] = True
    below = stream_below(network, entries[used])
    at = np.full(entries.size, -1, dtype=np.intp)
    at[used] = below.places(entries[used])
    flow = None
    if given.discharge is not None:
        flow = _grid(given.discharge, network, "discharge")[below.cells]
    known = np.isfinite(flow) & (flow > 0) if flow is not None else np.zeros(0, dtype=bool)
    if flow is not None and below.cells.size and not known.any():
        found = "no flow on any stream below the crop"
        raise InputError(
            Problem("discharge", found, "m3/s on streams", "bring it onto the streams of the elevation")
        )
    return _Paths(below, at, np.asarray(of_cell, dtype=np.int64), flow, known)


def _grid(layer: ArrayLike, network: FlowNetwork, what: str) -> FloatArray:
    values = np.asarray(layer, dtype=np.float64)
    if values.shape != network.shape:
        raise InputError(Problem(what, f"shape {values.shape}", f"{network.shape}", "warp it to the analysis grid"))
    return values.reshape(-1)


def _carried_draws(
    slopes: Slopes,
    paths: _Paths,
    fate: _Fate,
    loads: Mapping[tuple[str, str], FloatArray],
    factors: Mapping[str, Factor],
    scale: FloatArray,
    *,
    n: int,
    seed: int,
    jobs: int,
) -> Draws:
    """Return draws of W3, W4 and the reach of W5, brought to the survey's area."""
    c, p = cover_draws(slopes.names, factors, n=n, seed=seed)
    times = erosivity_scale(slopes, factors, n=n, seed=seed)
    member = stream(seed, "erodibility_equation").integers(0, slopes.potential.shape[0], n)
    ratios = delivery_draws(factors, n=n, seed=seed)
    drawn = factor_draws(
        factors, ("topsoil_mass", "retention_natural", "retention_other", "stream_velocity"), n=n, seed=seed
    )
    rise, way = connectivity_parts(slopes)
    gone = np.exp(-5 * slopes.hill.step_m / factors["retention_length"].value).astype(np.float64)
    natural = np.array([name in NATURAL for name in slopes.names])
    days = paths.stream.step_m.astype(np.float64) / 86_400  # at 1 m/s
    screening = {one: factors[f"screening_{one}"].value for one in fate.classes if f"screening_{one}" in factors}
    found: Draws = {}
    for one in fate.classes:
        wanted = [("W3", "sediment"), ("W3", "dissolved"), ("W4", "outflow"), ("W4", "outflow_no_decay")]
        found |= {(indicator, f"{one}:{part}", fate.unit[one]): np.zeros(n) for indicator, part in wanted}
        if paths.discharge is not None:
            found["W4", f"{one}:highest", "ug/L"] = np.zeros(n)
            if one in screening:
                found["W5", f"{one}:above_screening", "km"] = np.zeros(n)

    def work(draws: range) -> None:
        held = np.empty((3, slopes.hill.cells.size))
        bound, dissolved = (np.zeros((2, len(slopes.names), paths.at.size)) for _ in range(2))
        for draw in draws:
            bound[:], dissolved[:] = 0.0, 0.0
            keep = np.where(natural, drawn["retention_natural"][draw], drawn["retention_other"][draw])
            for side, code in enumerate((slopes.observed, slopes.counterfactual)):
                _carry_off(
                    slopes.hill.ahead, slopes.hill.on_stream, rise, way, gone, slopes.plots, slopes.on_crop,
                    slopes.area_ha, slopes.potential[member[draw]], code, np.maximum(c[draw], LEAST_COVER),
                    c[draw] * p[draw] * times[draw], keep, drawn["topsoil_mass"][draw], *constants(ratios[draw]),
                    paths.of_cell, held[0], held[1], held[2], bound[side], dissolved[side],
                )  # fmt: skip
            speed = drawn["stream_velocity"][draw]
            for one in fate.classes:
                brought = np.array(
                    [loads[name, one][draw] if (name, one) in loads else 0.0 for name in slopes.names]
                )
                brought *= fate.to_carried[one][draw] * scale[draw]
                stuck = fate.bound[one][draw] * (brought @ (bound[0] - bound[1]))
                free = (
                    (1 - fate.bound[one][draw]) * fate.runoff[one][draw] * (brought @ (dissolved[0] - dissolved[1]))
                )
                _follow(paths, one, fate, stuck, free, days / speed, screening, found, draw)

    if slopes.plots.size:
        in_threads(work, n, jobs)
    return found


def _follow(
    paths: _Paths,
    substance: str,
    fate: _Fate,
    stuck: FloatArray,
    free: FloatArray,
    days: FloatArray,
    screening: Mapping[str, float],
    found: Draws,
    draw: int,
) -> None:
    """Follow one class down the streams in one draw and note what is asked."""
    unit = fate.unit[substance]
    entering = np.zeros(paths.stream.cells.size)
    there = paths.at >= 0
    entering[paths.at[there]] = (stuck + free)[there]
    decayed = carried(paths.stream, entering, np.exp(-fate.decay_per_day[substance][draw] * days))
    whole = carried(paths.stream, entering, np.ones_like(days))
    last = paths.stream.ahead < 0
    found["W3", f"{substance}:sediment", unit][draw] = stuck.sum()
    found["W3", f"{substance}:dissolved", unit][draw] = free.sum()
    found["W4", f"{substance}:outflow", unit][draw] = decayed[last].sum()
    found["W4", f"{substance}:outflow_no_decay", unit][draw] = whole[last].sum()
    if paths.discharge is not None and paths.known.any():
        kilograms = decayed[paths.known] * (1000.0 if unit == "t/yr" else 1.0)
        level = concentration_ug_l(kilograms, paths.discharge[paths.known])
        found["W4", f"{substance}:highest", "ug/L"][draw] = level.max()
        if substance in screening:
            length = paths.stream.step_m[paths.known][level > screening[substance]].sum()
            found["W5", f"{substance}:above_screening", "km"][draw] = float(length) / 1000


def _without_flow(fate: _Fate, given: Waters, of: HarmKey) -> list[HarmRow]:
    if given.discharge is not None:
        return []
    told = "no flow of streams was given"
    return [
        absent_row(
            replace(_placed(replace(of, part=f"{one}:highest")), indicator="W4", unit="ug/L"), "not_computed", told
        )
        for one in fate.classes
    ]


def _exposure(
    network: FlowNetwork,
    paths: _Paths,
    given: Waters,
    factors: Mapping[str, Factor],
    of: HarmKey,
    *,
    n: int,
    seed: int,
) -> list[HarmRow]:
    """Return people and intakes near streams that water from plots reaches within some days; totals alone."""
    rows = []
    speed = factor_draws(factors, ("stream_velocity",), n=n, seed=seed)["stream_velocity"]
    reach_m = speed * factors["exposure_days"].value * 86_400
    way = shortest_way_m(paths.stream, paths.at[paths.at >= 0])
    for part, unit, layer in (("people", "persons", given.people), ("intakes", "intakes", given.intakes)):
        one = replace(of, indicator="W5", part=part, unit=unit)
        if layer is None:
            rows.append(absent_row(one, "not_computed", f"no map of {part} was given"))
            continue
        count = _grid(layer, network, part)
        if np.any(count < 0):
            raise InputError(
                Problem(part, f"{count[count < 0][0]:g} in a cell", "0 or more", "name the no-data value")
            )
        near_m, held = _near(network, paths.stream, way, np.nan_to_num(count), factors["exposure_distance"].value)
        order = np.argsort(near_m, kind="stable")
        total = np.concatenate([[0.0], np.cumsum(held[order])])
        rows.append(computed_row(one, total[np.searchsorted(near_m[order], reach_m, side="right")], seed=seed))
    return rows


def _near(
    network: FlowNetwork, below: Stream, way_m: FloatArray, count: FloatArray, distance_m: float
) -> tuple[FloatArray, FloatArray]:
    """Return the way from the plots to the stream nearest to each inhabited cell, and how many are there."""
    on = np.ones(network.shape, dtype=bool)
    on.reshape(-1)[below.cells] = False
    if on.all() or not count.any():
        return np.zeros(0), np.zeros(0)
    away, nearest = ndimage.distance_transform_edt(on, sampling=network.cell_m[::-1], return_indices=True)
    inhabited = np.flatnonzero((count > 0) & (away.reshape(-1) <= distance_m))
    cell = nearest[0].reshape(-1)[inhabited].astype(np.int64) * network.shape[1] + nearest[1].reshape(-1)[inhabited]
    return way_m[below.places(cell)], count[inhabited]


def _groundwater(
    slopes: Slopes,
    given: Waters,
    classes: tuple[str, ...],
    factors: Mapping[str, Factor],
    of: HarmKey,
    *,
    n: int,
    seed: int,
) -> list[HarmRow]:
    """Return how easily pesticides leach, and how vulnerable the ground under the crop is; neither holds a load."""
    rows = []
    for one in classes:
        names = (f"soil_half_life_{one}", f"koc_{one}")
        if all(name in factors for name in names):
            drawn = factor_draws(factors, names, n=n, seed=seed)
            key = replace(of, indicator="W6", part=f"{one}:leaching", unit="index")
            rows.append(computed_row(key, leaching_index(drawn[names[0]], drawn[names[1]]), seed=seed))
    for part, unit in (("vulnerability", "index"), ("vulnerability_high", "percent")):
        key = replace(of, indicator="W6", part=part, unit=unit)
        state, told, value = _vulnerability(slopes, given, factors, part)
        rows.append(absent_row(key, state, told) if told else computed_row(key, np.array([value]), seed=seed))
    return rows


def _vulnerability(
    slopes: Slopes, given: Waters, factors: Mapping[str, Factor], part: str
) -> tuple[State, str, float]:
    if given.vulnerability is None:
        return "not_computed", "no map of vulnerability was given", np.nan
    values = np.asarray(given.vulnerability, dtype=np.float64).reshape(-1)[slopes.hill.cells[slopes.on_crop]]
    area = slopes.area_ha[slopes.on_crop]
    if not values.size:
        return "not_estimable", "no mapped crop here", np.nan
    if np.isnan(values).any():
        return "not_estimable", f"{int(np.isnan(values).sum())} cells of the crop without a value", np.nan
    if np.any((values < 23) | (values > 230)):
        raise InputError(Problem("vulnerability", f"{values.min():g} to {values.max():g}", "23 to 230, DRASTIC"))
    if part == "vulnerability":
        return "computed", "", float((values * area).sum() / area.sum())
    return "computed", "", float(100 * area[values >= factors["vulnerability_high"].value].sum() / area.sum())


def _water(
    slopes: Slopes,
    frame: NDArray[np.bool_],
    area_ha: FloatArray,
    given: Waters,
    network: FlowNetwork,
    factors: Mapping[str, Factor],
    of: HarmKey,
    *,
    seed: int,
) -> list[HarmRow]:
    """Return the water drawn for the crop beyond that of licit crops there, and its share of what flows off."""
    key = replace(of, indicator="W7", part="irrigation", unit="m3/yr")
    if of.crop not in IRRIGATED:
        return [absent_row(key, "not_computed", f"{of.crop} is grown on rain")]
    n = area_ha.size
    names = tuple(f"{kind}_{crop}" for crop in (of.crop, "crop") for kind in ("irrigation", "irrigated_share"))
    drawn = factor_draws(factors, names, n=n, seed=seed)
    inside = slopes.on_crop & frame.reshape(-1)[slopes.hill.cells]
    mapped = float(slopes.area_ha[inside].sum())
    if mapped <= 0 and np.any(area_ha > 0):
        return [absent_row(key, "not_estimable", "no mapped crop here, while the survey has some")]
    licit = slopes.names.index("crop") if "crop" in slopes.names else -1
    stood = float(slopes.area_ha[inside & (slopes.counterfactual == licit)].sum())
    own = float(slopes.area_ha[inside & (slopes.counterfactual == slopes.names.index(of.crop))].sum())
    per_ha = drawn[f"irrigation_{of.crop}"] * drawn[f"irrigated_share_{of.crop}"]
    total = per_ha * (mapped - own) - drawn["irrigation_crop"] * drawn["irrigated_share_crop"] * stood
    volume = scaled_to_survey(total, mapped, area_ha)
    rows = [computed_row(key, volume, seed=seed)]
    share = replace(key, part="water_stress", unit="percent")
    if given.discharge is None:
        rows.append(absent_row(share, "not_computed", "no flow of streams was given"))
        return rows
    flow = _grid(given.discharge, network, "discharge")[network.outlets]
    available = float(np.nansum(flow)) * SECONDS_PER_YEAR
    if available <= 0:
        rows.append(absent_row(share, "not_estimable", "no flow leaves the area"))
    else:
        rows.append(computed_row(share, 100 * volume / available, seed=seed))
    return rows


def _sprayed(given: Waters, factors: Mapping[str, Factor], of: HarmKey, *, n: int, seed: int) -> list[HarmRow]:
    """Return the herbicide of eradication, a source of its own and no part of the crop's load."""
    if given.sprayed_ha is None:
        return []
    if not 0 <= given.sprayed_ha < np.inf:
        raise InputError(Problem("sprayed area", f"{given.sprayed_ha} ha", "0 or more"))
    rate = factor_draws(factors, ("eradication_herbicide",), n=n, seed=seed)["eradication_herbicide"]
    key = replace(of, indicator="W1", part="eradication_herbicide", unit="kg/yr", method="eradication-load/1")
    return [computed_row(key, rate * given.sprayed_ha, seed=seed)]


@compiled
def _carry_off(
    ahead: Any,
    on_stream: Any,
    rise: Any,
    way: Any,
    gone: Any,
    plots: Any,
    on_crop: Any,
    area_ha: Any,
    potential: Any,
    code: Any,
    cover: Any,
    cover_practice: Any,
    keep: Any,
    topsoil_t_ha: float,
    most: float,
    factor: float,
    power: float,
    entry: Any,
    cover_above: Any,
    down: Any,
    kept: Any,
    bound: Any,
    dissolved: Any,
) -> None:
    """Add up, by cover and entry, the hectares of crop that reach a stream bound to sediment, and dissolved."""
    for place in range(ahead.size):
        cover_above[place] = 0.0
    for place in range(ahead.size):
        cover_above[place] += cover[code[place]]
        if ahead[place] >= 0:
            cover_above[ahead[place]] += cover_above[place]
    for place in range(ahead.size - 1, -1, -1):
        below = ahead[place]
        down[place] = way[place] / cover[code[place]]
        own = keep[code[place]]
        if below >= 0:
            down[place] += down[below]
            kept[place] = max(kept[below], kept[below] * gone[place] + own * (1 - gone[place]))
        else:
            kept[place] = own * (1 - gone[place])
    for index in range(plots.size):
        place = plots[index]
        if not on_crop[place]:
            continue
        arrives, share = 1.0, 1.0
        if not on_stream[place]:
            index_ratio = cover_above[place] * rise[place] / down[place]
            arrives = most / (1 + factor * np.exp(power * np.log(index_ratio)))
            share = arrives / most * (1 - kept[place])
        loss = np.float64(potential[place]) * cover_practice[code[place]]
        bound[code[place], entry[place]] += area_ha[place] * min(loss / topsoil_t_ha, 1.0) * arrives
        dissolved[code[place], entry[place]] += area_ha[place] * share
