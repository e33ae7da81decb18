"""Potential loads of the crop on soil and water (W1 to W7), observed less what a licit crop there would bring.

Nothing here is a measurement: every row is a potential load. Loads are by class of substance. Litres and tonnes are
never added. All is graded D.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aoi.harm.draws import stream
from aoi.harm.erosion import FRAME, connectivity_parts, cover_draws, delivery_draws, erosivity_scale, in_threads
from aoi.harm.factor import Factor, factor_draws
from aoi.harm.groundwater import leaching_index
from aoi.harm.loads import CLASSES, ClassLoad, load_draws
from aoi.harm.mapped import MappedFigure, rows_of_mapped
from aoi.harm.result import HarmKey, HarmRow, State
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
    "contamination_figures",
    "discharge_m3_s",
]

METHOD = "potential-load/1"
METHOD_ASSUMED_PLACE = "potential-load-assumed-place/1"
"""Of processing waste, which is laid to the plots for want of known places."""
METHOD_WATER = "potential-water-load/1"
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
    """Return the rows of W1 to W7: `contamination_figures`, and the survey's area.

    Parameters
    ----------
    slopes
        Ground of the hillslopes, as of `aoi.harm.slopes.prepare_slopes`.
    network
        Flow network it was made on.
    domains
        By name, which of the cells of `slopes.plots` lie in it; "frame" is one of them.
    areas_ha
        Draws of the survey's area by domain, shape (n,) each; domains without one get no load.
    loads
        Loads by crop and class; those of licit covers make up the counterfactual.
    factors
        Factors by name.
    key
        Crop, period and inputs; all else is the figure's.
    seed
        Of the draws.
    waters
        Flow, people, intakes and vulnerability.
    jobs
        Threads; change no figure.

    Raises
    ------
    InputError
        When an input of `waters` does not fit, or loads of one class are in two units.
    """
    n = next(iter(areas_ha.values())).size
    figures = contamination_figures(
        slopes, network, domains, loads, factors, key.crop, n=n, seed=seed, waters=waters, jobs=jobs
    )
    return list(rows_of_mapped(figures, areas_ha, key, seed=seed))


def contamination_figures(
    slopes: Slopes,
    network: FlowNetwork,
    domains: Mapping[str, NDArray[np.bool_]],
    loads: tuple[ClassLoad, ...],
    factors: Mapping[str, Factor],
    crop: str,
    *,
    n: int,
    seed: int,
    waters: Waters | None = None,
    jobs: int = 1,
) -> list[MappedFigure]:
    """Return the figures over the mapped crop in n draws; parameters as of `contamination`."""
    given, drawn = waters or Waters(), load_draws(loads, n=n, seed=seed)
    classes = tuple(one for one in CLASSES if (crop, one) in drawn)
    units = {one: next(load for load in loads if (load.crop, load.substance) == (crop, one)) for one in classes}
    _require_one_unit(loads, units)
    on_crop = slopes.on_crop[slopes.plots]
    area_ha = slopes.area_ha[slopes.plots]
    mapped = {name: float(area_ha[inside & on_crop].sum()) for name, inside in domains.items()}
    frame = _Frame(crop=crop, mapped_ha=mapped[FRAME], n=n, seed=seed, factors=factors)
    figures = [
        one
        for name, inside in domains.items()
        for one in _brought(slopes, name, inside & on_crop, drawn, units, frame)
    ]
    for stage, indicator in (("field", "W1"), ("processing", "W2")):
        if not any(CLASSES[one] == stage for one in classes):
            figures.append(frame.without(indicator, "", "t/yr", f"no published load of {crop}"))
    fate = _fate_of(classes, units, factors, n=n, seed=seed)
    paths = _paths_of(slopes, network, given)
    carried_off = _carried_draws(slopes, paths, fate, drawn, factors, n=n, seed=seed, jobs=jobs)
    figures += [frame.figure(*what, values, scaled=what[2] != "km") for what, values in carried_off.items()]
    if given.discharge is None:
        told = "no flow of streams was given"
        figures += [frame.without("W4", f"{one}:highest", "ug/L", told) for one in classes]
    figures += _exposure(network, paths, given, frame)
    figures += _groundwater(slopes, given, classes, frame)
    figures += _water(slopes, domains[FRAME] & on_crop, given, network, frame)
    figures += _sprayed(given, frame)
    return figures


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What figures of the frame have in common."""

    crop: str
    mapped_ha: float
    n: int
    seed: int
    factors: Mapping[str, Factor]

    def figure(
        self, indicator: str, part: str, unit: str, draws: FloatArray, *, scaled: bool, method: str = ""
    ) -> MappedFigure:
        """Return a figure of the frame."""
        return MappedFigure(
            indicator=indicator,
            domain=FRAME,
            part=part,
            unit=unit,
            method=method or _method(part),
            grade="D",
            mapped_ha=self.mapped_ha,
            scaled=scaled,
            draws=draws,
        )

    def without(
        self, indicator: str, part: str, unit: str, told: str, state: State = "not_computed"
    ) -> MappedFigure:
        """Return a figure that cannot be had, with the reason."""
        return replace(self.figure(indicator, part, unit, np.zeros(0), scaled=False), state=state, reason=told)

    def draws(self, *names: str) -> Mapping[str, FloatArray]:
        """Return draws of factors."""
        return factor_draws(self.factors, names, n=self.n, seed=self.seed)


def _method(part: str) -> str:
    """Return the method of a part; that of processing tells that its place is assumed."""
    return METHOD_ASSUMED_PLACE if CLASSES.get(part.split(":")[0]) == "processing" else METHOD


def _require_one_unit(loads: tuple[ClassLoad, ...], units: Mapping[str, ClassLoad]) -> None:
    """Refuse loads of one class in two units: litres and tonnes do not subtract."""
    problems = [
        Problem(f"load of {one.crop}, {one.substance}", one.unit, f"{units[one.substance].unit}, as of the crop")
        for one in loads
        if one.substance in units and one.unit != units[one.substance].unit
    ]
    if problems:
        raise InputError(problems)


def _brought(
    slopes: Slopes,
    domain: str,
    inside: NDArray[np.bool_],
    drawn: Mapping[tuple[str, str], FloatArray],
    units: Mapping[str, ClassLoad],
    frame: _Frame,
) -> Iterator[MappedFigure]:
    """Yield W1 and W2 of a domain: what is brought to the plots, less what licit crops there would be given."""
    area_ha, before = slopes.area_ha[slopes.plots], slopes.counterfactual[slopes.plots]
    mapped = float(area_ha[inside].sum())
    for substance, load in units.items():
        total = drawn[frame.crop, substance] * mapped
        for code, name in enumerate(slopes.names):
            if (name, substance) in drawn:
                total = total - drawn[name, substance] * float(area_ha[inside & (before == code)].sum())
        indicator = "W1" if CLASSES[substance] == "field" else "W2"
        one = frame.figure(indicator, substance, load.mass_unit, total, scaled=True)
        yield replace(one, domain=domain, mapped_ha=mapped)


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
    *,
    n: int,
    seed: int,
    jobs: int,
) -> Draws:
    """Return draws of W3, W4 and the reach of W5 by indicator, part and unit."""
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
            cover = np.maximum(c[draw], LEAST_COVER)
            beside = slopes.aside.sums(cover)
            keep = np.where(natural, drawn["retention_natural"][draw], drawn["retention_other"][draw])
            for side, code in enumerate((slopes.observed, slopes.counterfactual)):
                _carry_off(
                    slopes.hill.ahead, slopes.hill.on_stream, rise, way, gone, slopes.plots, slopes.on_crop,
                    slopes.area_ha, slopes.potential[member[draw]], code, cover, slopes.aside.places, beside,
                    c[draw] * p[draw] * times[draw], keep, drawn["topsoil_mass"][draw], *constants(ratios[draw]),
                    paths.of_cell, held[0], held[1], held[2], bound[side], dissolved[side],
                )  # fmt: skip
            speed = drawn["stream_velocity"][draw]
            for one in fate.classes:
                brought = np.array(
                    [loads[name, one][draw] if (name, one) in loads else 0.0 for name in slopes.names]
                )
                brought *= fate.to_carried[one][draw]
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


def _exposure(network: FlowNetwork, paths: _Paths, given: Waters, frame: _Frame) -> Iterator[MappedFigure]:
    """Yield people and intakes near streams that water from plots reaches within some days; totals alone."""
    reach_m = frame.draws("stream_velocity")["stream_velocity"] * frame.factors["exposure_days"].value * 86_400
    way = shortest_way_m(paths.stream, paths.at[paths.at >= 0])
    for part, unit, layer in (("people", "persons", given.people), ("intakes", "intakes", given.intakes)):
        if layer is None:
            yield frame.without("W5", part, unit, f"no map of {part} was given")
            continue
        count = _grid(layer, network, part)
        if np.any(count < 0):
            found = f"{count[count < 0][0]:g} in a cell"
            raise InputError(Problem(part, found, "0 or more", "name the no-data value"))
        distance_m = frame.factors["exposure_distance"].value
        near_m, held = _near(network, paths.stream, way, np.nan_to_num(count), distance_m)
        order = np.argsort(near_m, kind="stable")
        total = np.concatenate([[0.0], np.cumsum(held[order])])
        reached = total[np.searchsorted(near_m[order], reach_m, side="right")]
        yield frame.figure("W5", part, unit, reached, scaled=False)


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


def _groundwater(slopes: Slopes, given: Waters, classes: tuple[str, ...], frame: _Frame) -> Iterator[MappedFigure]:
    """Yield how easily pesticides leach, and how vulnerable the ground under the crop is; neither holds a load."""
    for one in classes:
        days, koc = f"soil_half_life_{one}", f"koc_{one}"
        if days in frame.factors and koc in frame.factors:
            drawn = frame.draws(days, koc)
            yield frame.figure(
                "W6", f"{one}:leaching", "index", leaching_index(drawn[days], drawn[koc]), scaled=False
            )
    state, told, values = _vulnerability(slopes, given)
    area = slopes.area_ha[slopes.on_crop]
    high = 100.0 * (values >= frame.factors["vulnerability_high"].value)
    for part, unit, weight in (("vulnerability", "index", values), ("vulnerability_high", "percent", high)):
        if told:
            yield frame.without("W6", part, unit, told, state)
        else:
            mean = min(float((weight * area).sum() / area.sum()), float(weight.max()))  # a rounding beyond at most
            yield frame.figure("W6", part, unit, np.array([mean]), scaled=False)


def _vulnerability(slopes: Slopes, given: Waters) -> tuple[State, str, FloatArray]:
    """Return the index under the crop, or the state and reason of having none."""
    none = np.zeros(0)
    if given.vulnerability is None:
        return "not_computed", "no map of vulnerability was given", none
    values = np.asarray(given.vulnerability, dtype=np.float64).reshape(-1)[slopes.hill.cells[slopes.on_crop]]
    if not values.size:
        return "not_estimable", "no mapped crop here", none
    if np.isnan(values).any():
        return "not_estimable", f"{int(np.isnan(values).sum())} cells of the crop without a value", none
    if np.any((values < 23) | (values > 230)):
        raise InputError(Problem("vulnerability", f"{values.min():g} to {values.max():g}", "23 to 230, DRASTIC"))
    return "computed", "", values


def _water(
    slopes: Slopes, inside: NDArray[np.bool_], given: Waters, network: FlowNetwork, frame: _Frame
) -> Iterator[MappedFigure]:
    """Yield the water drawn for the crop beyond that of licit crops there, and its share of what flows off."""
    if frame.crop not in IRRIGATED:
        yield frame.without("W7", "irrigation", "m3/yr", f"{frame.crop} is grown on rain")
        return
    names = tuple(f"{kind}_{crop}" for crop in (frame.crop, "crop") for kind in ("irrigation", "irrigated_share"))
    drawn = frame.draws(*names)
    area_ha, before = slopes.area_ha[slopes.plots], slopes.counterfactual[slopes.plots]

    def stood(name: str) -> float:
        code = slopes.names.index(name) if name in slopes.names else -1
        return float(area_ha[inside & (before == code)].sum())

    own = drawn[f"irrigation_{frame.crop}"] * drawn[f"irrigated_share_{frame.crop}"]
    licit = drawn["irrigation_crop"] * drawn["irrigated_share_crop"]
    volume = own * (frame.mapped_ha - stood(frame.crop)) - licit * stood("crop")
    yield frame.figure("W7", "irrigation", "m3/yr", volume, scaled=True, method=METHOD_WATER)
    if given.discharge is None:
        yield frame.without("W7", "water_stress", "percent", "no flow of streams was given")
        return
    available = float(np.nansum(_grid(given.discharge, network, "discharge")[network.outlets])) * SECONDS_PER_YEAR
    if available <= 0:
        yield frame.without("W7", "water_stress", "percent", "no flow leaves the area", "not_estimable")
    else:
        share = 100 * volume / available
        yield frame.figure("W7", "water_stress", "percent", share, scaled=True, method=METHOD_WATER)


def _sprayed(given: Waters, frame: _Frame) -> Iterator[MappedFigure]:
    """Yield the herbicide of eradication, a source of its own and no part of the crop's load."""
    if given.sprayed_ha is None:
        return
    if not 0 <= given.sprayed_ha < np.inf:
        raise InputError(Problem("sprayed area", f"{given.sprayed_ha} ha", "0 or more"))
    load = frame.draws("eradication_herbicide")["eradication_herbicide"] * given.sprayed_ha
    yield frame.figure("W1", "eradication_herbicide", "kg/yr", load, scaled=False, method="eradication-load/1")


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
    joins: Any,
    beside: Any,
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
    for index in range(joins.size):
        cover_above[joins[index]] = beside[index]
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
