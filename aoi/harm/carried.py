"""The way of loads from plots to streams and down them (W3, W4): bound to sediment or dissolved, decaying."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.harm.concentration import SECONDS_PER_YEAR, concentration_ug_l
from aoi.harm.draws import stream
from aoi.harm.erosion import (
    Progress,
    connectivity_parts,
    cover_draws,
    delivery_draws,
    erosivity_scale,
    in_threads,
    silent,
)
from aoi.harm.factor import Factor, factor_draws
from aoi.harm.loads import CLASSES, ClassLoad
from aoi.harm.potential import Waters, at_cells
from aoi.harm.sediment import LEAST_COVER, Delivery, connect_piece, constants
from aoi.harm.slopes import Slopes
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork
from geo.kernel import compiled
from geo.stream import Stream, carried, shortest_way_m, stream_below

__all__ = ["SECONDS_PER_YEAR", "Fate", "Paths", "carried_draws", "fate_of", "paths_of", "share_that_arrives"]

NATURAL = ("primary_forest", "secondary_forest", "shrub", "grass", "wetland")

FloatArray = NDArray[np.float64]
Draws = dict[tuple[str, str, str], FloatArray]


@dataclass(frozen=True, slots=True)
class Fate:
    """What each class meets on its way, one draw each."""

    classes: tuple[str, ...]
    to_carried: Mapping[str, FloatArray]
    """From the unit of the load to that of what is carried: t to t, L of herbicide to kg active."""
    unit: Mapping[str, str]
    bound: Mapping[str, FloatArray]
    runoff: Mapping[str, FloatArray]
    decay_per_day: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where loads enter streams, and the streams below."""

    stream: Stream
    at: NDArray[np.intp]
    """Place in the stream of each entry."""
    of_cell: NDArray[np.int32]
    """Entry that each cell of the hillslopes drains to."""
    way_m: FloatArray
    """Way along the stream from the nearest entry above each of its cells."""
    discharge: FloatArray | None
    """Mean flow at each cell of the stream, m3/s, NaN where it is not known."""
    low_flow: FloatArray | None
    dams: NDArray[np.bool_] | None
    """Last cells of reservoirs."""
    sites: NDArray[np.intp] | None
    """Places in the hillslopes of known places of processing."""


def fate_of(
    classes: tuple[str, ...], units: Mapping[str, ClassLoad], factors: Mapping[str, Factor], *, n: int, seed: int
) -> Fate:
    """Return draws of what each class meets on its way, n of each.

    Raises
    ------
    InputError
        When a class that is no pesticide comes in litres, which have no mass that is known.
    """
    groups = {one: one if CLASSES[one] == "field" else "processing" for one in classes}
    names = [
        f"{kind}_{group}" for group in groups.values() for kind in ("bound_share", "runoff_share", "half_life")
    ]
    drawn = factor_draws(factors, (*dict.fromkeys(names), "herbicide_active"), n=n, seed=seed)
    litres = {one: units[one].unit.startswith("L") for one in classes}
    if any(litres[one] and one not in ("herbicide", "other_pesticide") for one in classes):
        told = ", ".join(one for one in classes if litres[one])
        raise InputError(Problem("loads", f"litres of {told}", "tonnes or kilograms", "litres are for pesticides"))
    return Fate(
        classes,
        {one: drawn["herbicide_active"] if litres[one] else np.ones(n) for one in classes},
        {one: "kg/yr" if litres[one] else units[one].mass_unit for one in classes},
        {one: drawn[f"bound_share_{groups[one]}"] for one in classes},
        {one: drawn[f"runoff_share_{groups[one]}"] for one in classes},
        {one: np.log(2) / drawn[f"half_life_{groups[one]}"] for one in classes},
    )


def paths_of(slopes: Slopes, network: FlowNetwork, given: Waters) -> Paths:
    """Return the streams that loads of the plots, and of places of processing, run down.

    Raises
    ------
    InputError
        When no flow is known on any of them, or a layer has another shape than the grid.
    """
    entries, of_cell = np.unique(slopes.hill.entry, return_inverse=True)
    used = np.zeros(entries.size, dtype=bool)
    used[of_cell[slopes.on_crop]] = True
    sites = None if given.sites is None else _places_of(slopes, given.sites)
    if sites is not None:
        used[of_cell[sites]] = True
    below = stream_below(network, entries[used])
    at = np.full(entries.size, -1, dtype=np.intp)
    at[used] = below.places(entries[used])
    flow = None if given.discharge is None else at_cells(given.discharge, below.cells, network, "discharge")
    if flow is not None and below.cells.size and not (flow > 0).any():
        found = "no flow on any stream below the crop"
        raise InputError(
            Problem("discharge", found, "m3/s on streams", "bring it onto the streams of the elevation")
        )
    low = None if given.low_flow is None else at_cells(given.low_flow, below.cells, network, "low flow")
    return Paths(
        stream=below,
        at=at,
        of_cell=of_cell.astype(np.int32),
        way_m=shortest_way_m(below, at[at >= 0]),
        discharge=flow,
        low_flow=low,
        dams=_dams(below, network, given),
        sites=sites,
    )


def _places_of(slopes: Slopes, cells: NDArray[np.int32]) -> NDArray[np.intp]:
    order = np.argsort(slopes.hill.cells, kind="stable")
    place = np.searchsorted(slopes.hill.cells, cells, sorter=order)
    found = order[np.minimum(place, order.size - 1)] if order.size else np.zeros(cells.size, dtype=np.intp)
    if cells.size and (not order.size or (slopes.hill.cells[found] != cells).any()):
        raise InputError(Problem("places of processing", "a place off the hillslopes", "prepare them with `also`"))
    return np.asarray(found, dtype=np.intp)


def _dams(below: Stream, network: FlowNetwork, given: Waters) -> NDArray[np.bool_] | None:
    """Return the cells at which a stream leaves a reservoir."""
    if given.reservoirs is None:
        return None
    inside = np.nan_to_num(at_cells(given.reservoirs, below.cells, network, "reservoirs")) > 0
    ahead = np.where(below.ahead >= 0, below.ahead, 0)
    return np.asarray(inside & ((below.ahead < 0) | ~inside[ahead]))


def carried_draws(
    slopes: Slopes,
    paths: Paths,
    fate: Fate,
    loads: Mapping[tuple[str, str], FloatArray],
    factors: Mapping[str, Factor],
    crop: str,
    *,
    n: int,
    seed: int,
    jobs: int,
    progress: Progress = silent,
) -> Draws:
    """Return draws of W3, W4 and the reach of W5 by indicator, part and unit.

    Parameters
    ----------
    slopes, factors, n, seed, jobs, progress
        As of `aoi.harm.contamination.contamination`.
    paths, fate
        As of `paths_of` and `fate_of`.
    loads
        Draws of each load by cover and class, shape (n,) each.
    crop
        Cover that places of processing work for.
    """
    c, p = cover_draws(slopes.names, factors, n=n, seed=seed)
    times = erosivity_scale(slopes, factors, n=n, seed=seed)
    member = stream(seed, "erodibility_equation").integers(0, slopes.potential.shape[0], n)
    ratios = delivery_draws(factors, n=n, seed=seed)
    names = ("topsoil_mass", "retention_natural", "retention_other", "stream_velocity", "reservoir_trapping")
    drawn = factor_draws(factors, names, n=n, seed=seed)
    hill, (rise, way), edges = slopes.hill, connectivity_parts(slopes), slopes.hill.pieces()
    gone = np.exp(-5 * hill.step_m / factors["retention_length"].value).astype(np.float32)
    natural = np.array([name in NATURAL for name in slopes.names])
    days = paths.stream.step_m.astype(np.float64) / 86_400  # at 1 m/s
    limits = {one: factors[f"screening_{one}"].value for one in fate.classes if f"screening_{one}" in factors}
    found = _nothing(fate, paths, limits, n)
    places, weights = _sources(slopes, paths)
    kinds, kind_of = _kinds(slopes, loads)

    def work(draws: Iterable[int]) -> None:
        held = np.empty((3, int(np.diff(edges).max(initial=0))))
        arrives, share = np.empty(places.size), np.empty(places.size)
        bound, dissolved = (np.zeros((2, len(kinds) + 1, paths.at.size)) for _ in range(2))
        for draw in draws:
            bound[:], dissolved[:] = 0.0, 0.0
            cover = np.maximum(c[draw], LEAST_COVER)
            keep = np.where(natural, drawn["retention_natural"][draw], drawn["retention_other"][draw])
            for side, code in enumerate((slopes.observed, slopes.counterfactual)):
                row = np.where(weights > 0, len(kinds), kind_of[code[places]])
                # a place of processing is the crop's alone: nothing stands there in the counterfactual
                hectares = np.where(weights > 0, weights * (1 - side), slopes.area_ha[places])
                _way_down(
                    edges, hill.ahead, hill.on_stream, rise, way, gone, places, code, cover, slopes.aside.places,
                    slopes.aside.counts, keep, *constants(ratios[draw]), held[0], held[1], held[2], arrives, share,
                )  # fmt: skip
                _gather(
                    places, row, hectares, slopes.potential[member[draw]], code, c[draw] * p[draw] * times[draw],
                    drawn["topsoil_mass"][draw], paths.of_cell, arrives, share, bound[side], dissolved[side],
                )  # fmt: skip
            speed = drawn["stream_velocity"][draw]
            for one in fate.classes:
                brought = np.zeros(len(kinds) + 1)
                if paths.sites is not None and CLASSES[one] == "processing":
                    brought[-1] = loads[crop, one][draw]
                else:
                    brought[:-1] = [loads[name, one][draw] if (name, one) in loads else 0.0 for name in kinds]
                brought *= fate.to_carried[one][draw]
                stuck = fate.bound[one][draw] * (brought @ (bound[0] - bound[1]))
                free = (
                    (1 - fate.bound[one][draw]) * fate.runoff[one][draw] * (brought @ (dissolved[0] - dissolved[1]))
                )
                passed = np.exp(-fate.decay_per_day[one][draw] * days / speed)
                _follow(
                    paths, one, fate, stuck, free, passed, drawn["reservoir_trapping"][draw], limits, found, draw
                )

    if places.size:
        in_threads(work, n, jobs, progress)
    return found


def _nothing(fate: Fate, paths: Paths, limits: Mapping[str, float], n: int) -> Draws:
    """Return zeros for every figure that is asked for."""
    found: Draws = {}
    for one in fate.classes:
        wanted = [("W3", "sediment"), ("W3", "dissolved"), ("W4", "outflow"), ("W4", "outflow_no_decay")]
        found |= {(indicator, f"{one}:{part}", fate.unit[one]): np.zeros(n) for indicator, part in wanted}
        if paths.dams is not None:
            found["W4", f"{one}:held_in_reservoirs", fate.unit[one]] = np.zeros(n)
        if paths.low_flow is not None:
            found["W4", f"{one}:highest_at_low_flow", "ug/L"] = np.zeros(n)
        if paths.discharge is not None:
            found["W4", f"{one}:highest", "ug/L"] = np.zeros(n)
            if one in limits:
                found["W5", f"{one}:above_screening", "km"] = np.zeros(n)
    return found


def _kinds(
    slopes: Slopes, loads: Mapping[tuple[str, str], FloatArray]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the covers that loads are brought to, and the place of each code among them, -1 where nothing is."""
    names = slopes.load_names
    kinds = tuple(dict.fromkeys(name for name in names if any(cover == name for cover, _ in loads)))
    return kinds, np.array([kinds.index(name) if name in kinds else -1 for name in names], dtype=np.int64)


def _sources(slopes: Slopes, paths: Paths) -> tuple[NDArray[np.int64], FloatArray]:
    """Return where loads set out: places of the crop with weight 0, then of processing with its hectares of crop.

    The crop's hectares are shared alike by the known places, since nothing tells how much each of them works.
    """
    plots = slopes.plots[slopes.on_crop[slopes.plots]]
    if paths.sites is None or not paths.sites.size:
        return plots.astype(np.int64), np.zeros(plots.size)
    each = float(slopes.area_ha[plots].sum()) / paths.sites.size
    places = np.concatenate([plots, paths.sites]).astype(np.int64)
    weights = np.concatenate([np.zeros(plots.size), np.full(paths.sites.size, each)])
    order = np.argsort(places, kind="stable")
    return places[order], weights[order]


def _follow(
    paths: Paths,
    substance: str,
    fate: Fate,
    stuck: FloatArray,
    free: FloatArray,
    passed: FloatArray,
    trapped: float,
    limits: Mapping[str, float],
    found: Draws,
    draw: int,
) -> None:
    """Follow one class down the streams in one draw and note what is asked."""
    unit, there, below = fate.unit[substance], paths.at >= 0, paths.stream
    last = below.ahead < 0
    found["W3", f"{substance}:sediment", unit][draw] = stuck.sum()
    found["W3", f"{substance}:dissolved", unit][draw] = free.sum()
    entering = np.zeros((2, below.cells.size))
    entering[0, paths.at[there]], entering[1, paths.at[there]] = stuck[there], free[there]
    whole = carried(below, entering.sum(axis=0), np.ones_like(passed))
    found["W4", f"{substance}:outflow_no_decay", unit][draw] = whole[last].sum()
    if paths.dams is None:
        decayed = carried(below, entering.sum(axis=0), passed)
        leaving = decayed[last].sum()
    else:
        settled = np.where(paths.dams, passed * (1 - trapped), passed)
        sediment, solute = carried(below, entering[0], settled), carried(below, entering[1], passed)
        held = sediment[paths.dams] * trapped
        found["W4", f"{substance}:held_in_reservoirs", unit][draw] = held.sum()
        decayed = sediment + solute
        leaving = decayed[last].sum() - held[last[paths.dams]].sum()
    found["W4", f"{substance}:outflow", unit][draw] = leaving
    kilograms = decayed * (1000.0 if unit == "t/yr" else 1.0)
    if paths.low_flow is not None:
        known = paths.low_flow > 0
        level = concentration_ug_l(kilograms[known], paths.low_flow[known])
        found["W4", f"{substance}:highest_at_low_flow", "ug/L"][draw] = level.max(initial=0.0)
    if paths.discharge is not None:
        known = paths.discharge > 0
        if known.any():
            level = concentration_ug_l(kilograms[known], paths.discharge[known])
            found["W4", f"{substance}:highest", "ug/L"][draw] = level.max()
            if substance in limits:
                length = below.step_m[known][level > limits[substance]].sum()
                found["W5", f"{substance}:above_screening", "km"][draw] = float(length) / 1000


def share_that_arrives(slopes: Slopes, factors: Mapping[str, Factor]) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the crop's places, and the share of what is dissolved there that reaches a stream, for a map.

    At the central value of every factor: a picture, not an estimate.
    """
    places = slopes.plots[slopes.on_crop[slopes.plots]]
    hill, (rise, way), edges = slopes.hill, connectivity_parts(slopes), slopes.hill.pieces()
    held = np.empty((3, int(np.diff(edges).max(initial=0))))
    arrives, share = np.empty(places.size), np.empty(places.size)
    cover = np.maximum([factors[f"c_{name}"].value for name in slopes.names], LEAST_COVER)
    keep = np.array(
        [factors["retention_natural" if name in NATURAL else "retention_other"].value for name in slopes.names]
    )
    delivery = Delivery(*(factors[name].value for name in ("sdr_most", "sdr_ic0", "sdr_k")))
    gone = np.exp(-5 * hill.step_m / factors["retention_length"].value).astype(np.float32)
    _way_down(
        edges, hill.ahead, hill.on_stream, rise, way, gone, places.astype(np.int64), slopes.observed, cover,
        slopes.aside.places, slopes.aside.counts, keep, *constants(delivery), held[0], held[1], held[2], arrives,
        share,
    )  # fmt: skip
    return places, share


@compiled
def _way_down(
    edges: Any,
    ahead: Any,
    on_stream: Any,
    rise: Any,
    way: Any,
    gone: Any,
    sources: Any,
    code: Any,
    cover: Any,
    joins: Any,
    counts: Any,
    keep: Any,
    most: float,
    factor: float,
    power: float,
    cover_above: Any,
    down: Any,
    kept: Any,
    arrives: Any,
    share: Any,
) -> None:
    """Fill in, for each source, the share of sediment and of what is dissolved there that reaches a stream."""
    join, source = 0, 0
    for piece in range(edges.size - 1):
        first, end = edges[piece], edges[piece + 1]
        join = connect_piece(first, end, ahead, way, code, cover, joins, counts, join, cover_above, down)
        for place in range(end - 1, first - 1, -1):
            here, own = place - first, keep[code[place]]
            kept[here] = own * (1 - gone[place])
            if ahead[place] >= 0:
                below = ahead[place] - first
                kept[here] = max(kept[below], kept[below] * gone[place] + own * (1 - gone[place]))
        while source < sources.size and sources[source] < end:
            place = sources[source]
            here = place - first
            arrives[source], share[source] = 1.0, 1.0
            if not on_stream[place]:
                index_ratio = cover_above[here] * rise[place] / down[here]
                arrives[source] = most / (1 + factor * np.exp(power * np.log(index_ratio)))
                share[source] = arrives[source] / most * (1 - kept[here])
            source += 1


@compiled
def _gather(
    sources: Any,
    row: Any,
    hectares: Any,
    potential: Any,
    code: Any,
    cover_practice: Any,
    topsoil_t_ha: float,
    entry: Any,
    arrives: Any,
    share: Any,
    bound: Any,
    dissolved: Any,
) -> None:
    """Add up, by row and entry, the hectares of sources that reach a stream bound to sediment, and dissolved.

    A source of row -1 brings nothing.
    """
    for source in range(sources.size):
        place = sources[source]
        if row[source] < 0:
            continue
        loss = np.float64(potential[place]) * cover_practice[code[place]]
        on_soil = min(loss / topsoil_t_ha, 1.0)
        bound[row[source], entry[place]] += hectares[source] * on_soil * arrives[source]
        dissolved[row[source], entry[place]] += hectares[source] * share[source]
