"""Soil erosion laid to the crop (E1 to E3): loss, sediment delivered to streams, loss beyond what soil can bear.

Observed and counterfactual differ in C and P alone. The delivery ratio is made anew for each. The model is not
calibrated: only differences are given, graded C, or D where most of the crop is steeper than the equation knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, pairwise
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.harm.draws import stream
from aoi.harm.factor import Factor, factor_draws
from aoi.harm.mapped import MappedFigure, rows_of_mapped
from aoi.harm.result import Grade, HarmKey, HarmRow
from aoi.harm.sediment import (
    LEAST_COVER,
    SLOPE_LIMITS,
    Delivery,
    connect_piece,
    constants,
    deposition,
    sediment_ratio,
)
from aoi.harm.slopes import Slopes
from geo.errors import InputError, Problem
from geo.kernel import compiled

__all__ = [
    "FRESH",
    "METHOD",
    "TOLERABLE_T_HA",
    "TRACK",
    "ErosionDraws",
    "ErosionMap",
    "added_loss_t_ha",
    "cover_draws",
    "erosion",
    "erosion_draws",
    "erosion_figures",
    "erosion_map",
]  # fmt: skip

METHOD = "rusle-sdr/3"
STEEPNESS = ("slope_experience", "slope_held_at")
"""Factors that are slopes: as steep as the equation was fitted to, and as any it was tried on."""
TOLERABLE_T_HA = (11.0, 5.0, 2.0)
"""Tolerable losses of E3; the first, 5 short tons per acre, is the headline."""
FRAME = "frame"
FRESH, TRACK = "new_clearing", "track"
"""Covers of the crop on land cleared in the year, and of a new track: ``c_NAME`` and ``p_NAME`` are factors."""

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Plane = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with draws done and draws in all."""


def silent(done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErosionDraws:
    """Totals over the mapped crop in each of n draws, before they are brought to the survey's area."""

    domains: tuple[str, ...]
    mapped_ha: FloatArray
    """Mapped crop, shape (domains,)."""
    added_t: FloatArray
    """Loss of observed less that of counterfactual on the crop, t/yr, shape (n, domains)."""
    fresh_t: FloatArray | None
    """The part of it on land cleared in the year, shape (n, domains); None where that is not known."""
    track_t: FloatArray
    """Loss added on whole cells of new tracks, t/yr, shape (n, domains)."""
    above_ha: FloatArray
    """Mapped crop that loses more than is tolerable, shape (n, thresholds, domains)."""
    beyond_ha: Mapping[str, FloatArray]
    """Mapped crop steeper than each of `STEEPNESS`, shape (domains,) each."""
    limits: Mapping[str, float]
    """Those slopes, rise over run, and the share of the crop beyond experience from which the grade falls."""
    tolerable_t_ha: tuple[float, ...]
    basins: tuple[int, ...]
    """Sub-basins that hold a hillslope of the crop."""
    delivered_t: FloatArray
    """Sediment delivered, observed less counterfactual, t/yr, shape (n, basins); that of tracks is not in it."""
    track_delivered_t: FloatArray
    """Sediment that whole cells of new tracks deliver beyond the cover before, t/yr, shape (n,)."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErosionMap:
    """The difference at the central factors, shape (m,) each; a picture, not an estimate."""

    cells: NDArray[np.int32]
    """Numbers of the cells in the grid."""
    added_t_ha: FloatArray
    """Loss, t/ha/yr."""
    delivered_t: FloatArray
    """Sediment that reaches a stream from each cell, t/yr."""
    kept_t: FloatArray
    """Sediment that settles in each cell, t/yr."""
    held_t: FloatArray
    """Sediment held at the stream below each last cell, t/yr."""


def erosion(
    slopes: Slopes,
    basin: NDArray[np.integer],
    domains: Mapping[str, BoolArray],
    areas_ha: Mapping[str, FloatArray],
    factors: Mapping[str, Factor],
    key: HarmKey,
    *,
    seed: int,
    jobs: int = 1,
) -> list[HarmRow]:
    """Return the rows of E1, E2 and E3: `erosion_draws`, `erosion_figures`, and the survey's area.

    Parameters
    ----------
    slopes
        Ground of the hillslopes, as of `prepare_slopes`.
    basin
        Sub-basin of every cell of the grid, shape (height * width,), as of `geo.flow.sub_basins`.
    domains
        By name, which of the cells of `slopes.plots` lie in it; "frame" is one of them.
    areas_ha
        Draws of the survey's area by domain, shape (n,) each; domains without one get no figure in tonnes.
    factors
        Factors by name.
    key
        Crop, period and inputs; indicator, domain, unit and part are set here.
    seed
        Of the draws.
    jobs
        Threads; change no figure.
    """
    n = next(iter(areas_ha.values())).size
    drawn = erosion_draws(slopes, basin, domains, factors, n=n, seed=seed, jobs=jobs)
    return list(rows_of_mapped(erosion_figures(drawn), areas_ha, key, seed=seed))


def cover_draws(
    names: tuple[str, ...], factors: Mapping[str, Factor], *, n: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return draws of the cover factor C and the practice factor P of each cover, shape (n, covers).

    Raises
    ------
    InputError
        When a cover has no factor, or a drawn C or P lies outside 0 to 1.
    """
    wanted = [f"{kind}_{name}" for name in names for kind in ("c", "p")]
    lost = [name for name in wanted if name not in factors]
    if lost:
        raise InputError(Problem("erosion factors", "no " + ", ".join(lost), "one for each cover and its practice"))
    drawn = factor_draws(factors, tuple(wanted), n=n, seed=seed)
    c = np.column_stack([drawn[f"c_{name}"] for name in names])
    p = np.column_stack([drawn[f"p_{name}"] for name in names])
    if np.any((c < 0) | (c > 1) | (p < 0) | (p > 1)):
        raise InputError(Problem("erosion factors", "a C or P outside 0 to 1", "0 to 1", "set lo and hi"))
    return c, p


def erosion_draws(
    slopes: Slopes,
    basin: NDArray[np.integer],
    domains: Mapping[str, BoolArray],
    factors: Mapping[str, Factor],
    *,
    n: int,
    seed: int,
    jobs: int = 1,
    tolerable_t_ha: tuple[float, ...] = TOLERABLE_T_HA,
    progress: Progress = silent,
) -> ErosionDraws:
    """Return totals of mapped loss and delivery in n draws; parameters as of `erosion` and `in_threads`."""
    c, p = cover_draws(slopes.names, factors, n=n, seed=seed)
    scale = erosivity_scale(slopes, factors, n=n, seed=seed)
    member = stream(seed, "erodibility_equation").integers(0, slopes.potential.shape[0], n)
    ratios = delivery_draws(factors, n=n, seed=seed)
    plots, names = slopes.plots, tuple(domains)
    masks = [np.asarray(mask, dtype=np.bool_) for mask in domains.values()]
    if any(mask.shape != plots.shape for mask in masks):
        found = f"{masks[0].size} cells of domains for {plots.size} of the crop"
        raise InputError(Problem("erosion domains", found, "one each", "take them with Slopes.at_plots"))
    numbers, label = np.unique(np.asarray(basin)[slopes.hill.cells], return_inverse=True)
    drawn = _Drawn(c=c, cp=c * p * scale[:, None], member=member, ratios=ratios)
    limits = {name: factors[name].value for name in (*STEEPNESS, "steep_share")}
    on_crop, steep, hectares = slopes.on_crop[plots], slopes.slope[plots], slopes.area_ha[plots]
    on_track = slopes.tracks[plots]
    crop = [mask & on_crop for mask in masks]
    added = partial(_added, slopes, drawn=drawn)
    fresh_t = None
    if slopes.fresh:
        fresh = on_crop & (slopes.observed[plots] == slopes.names.index(slopes.fresh))
        fresh_t = np.column_stack([added(plots[mask & fresh]) for mask in masks])
    delivered_t, track_delivered_t = _delivered(
        slopes, label.astype(np.int32), numbers.size, drawn, jobs=jobs, progress=progress
    )
    return ErosionDraws(
        domains=names,
        mapped_ha=np.array([hectares[mask].sum() for mask in crop]),
        added_t=np.column_stack([added(plots[mask & ~on_track]) for mask in masks]),
        fresh_t=fresh_t,
        track_t=np.column_stack([added(plots[mask & on_track]) for mask in masks]),
        above_ha=np.stack([_above(slopes, plots[mask], drawn, tolerable_t_ha) for mask in crop], axis=2),
        beyond_ha={
            name: np.array([hectares[mask & (steep > limits[name])].sum() for mask in crop]) for name in STEEPNESS
        },
        limits=limits,
        tolerable_t_ha=tolerable_t_ha,
        basins=tuple(numbers.tolist()),
        delivered_t=delivered_t,
        track_delivered_t=track_delivered_t,
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Draws of the factors, n of them."""

    c: FloatArray
    """Cover factors, shape (n, covers)."""
    cp: FloatArray
    """Cover times practice times the error of the rain, shape (n, covers)."""
    member: NDArray[np.int64]
    """The equation of K."""
    ratios: list[Delivery]


def _added(slopes: Slopes, places: NDArray[np.intp], drawn: _Drawn) -> FloatArray:
    """Return the loss added at some places in each draw, t/yr: one sum for each pair of covers serves all draws."""
    k = len(slopes.names)
    pair = slopes.observed[places].astype(np.int64) * k + slopes.counterfactual[places]
    bare = [
        np.bincount(pair, weights=row[places].astype(np.float64) * slopes.area_ha[places], minlength=k * k)
        for row in slopes.potential
    ]
    total = np.zeros(drawn.member.size)
    for number in np.unique(pair):
        more = drawn.cp[:, number // k] - drawn.cp[:, number % k]
        total += np.array([row[number] for row in bare])[drawn.member] * more
    return total


def _above(
    slopes: Slopes, places: NDArray[np.intp], drawn: _Drawn, tolerable_t_ha: tuple[float, ...]
) -> FloatArray:
    """Return the hectares at some places of the crop that lose more than each limit, shape (n, limits)."""
    found = np.zeros((drawn.member.size, len(tolerable_t_ha)))
    cover = slopes.observed[places]
    for code in np.unique(cover):  # the crop, and the crop on land cleared in the year
        own, cp = places[cover == code], drawn.cp[:, int(code)]
        for equation, row in enumerate(slopes.potential):
            draws = np.flatnonzero((drawn.member == equation) & (cp > 0))
            bare = row[own].astype(np.float64)
            order = np.argsort(bare, kind="stable")
            under = np.concatenate([[0.0], np.cumsum(slopes.area_ha[own][order])])
            bare = bare[order]
            for column, limit in enumerate(tolerable_t_ha):
                kept = np.searchsorted(bare, limit / cp[draws], side="right")
                found[draws, column] += under[-1] - under[kept]
    return found


def _delivered(
    slopes: Slopes, label: NDArray[np.int32], basins: int, drawn: _Drawn, *, jobs: int, progress: Progress
) -> tuple[FloatArray, FloatArray]:
    """Return the sediment delivered, observed less counterfactual, t/yr, shape (n, basins), and that of tracks.

    That of tracks has shape (n,). What a track changes on the way of others' sediment is in the others' figure.
    """
    n, hill = drawn.member.size, slopes.hill
    delivered = np.zeros((n, basins + 1))
    if slopes.on_track.size:
        label[slopes.on_track] = basins
    (rise, way), edges = connectivity_parts(slopes), hill.pieces()

    def work(draws: Iterable[int]) -> None:
        held = np.empty((2, int(np.diff(edges).max(initial=0))))
        for draw in draws:
            cover = np.maximum(drawn.c[draw], LEAST_COVER)
            for sign, code in ((1.0, slopes.observed), (-1.0, slopes.counterfactual)):
                total = np.zeros(basins + 1)
                _deliver(
                    edges, hill.ahead, hill.on_stream, rise, way, slopes.area_ha,
                    slopes.potential[drawn.member[draw]], code, cover, slopes.aside.places, slopes.aside.counts,
                    drawn.cp[draw], *constants(drawn.ratios[draw]), label, held[0], held[1], total,
                )  # fmt: skip
                delivered[draw] += sign * total

    if hill.cells.size:
        in_threads(work, n, jobs, progress)
    return delivered[:, :-1], delivered[:, -1]


def erosion_figures(drawn: ErosionDraws, *, track_share: FloatArray | None = None) -> list[MappedFigure]:
    """Return E1 (t/yr and t/ha/yr), E2 (t/yr, whole and by sub-basin) and E3 (percent of the crop area).

    Sub-basin 0 gathers what belongs to none; it is part of the whole and has no figure of its own.

    Parameters
    ----------
    drawn
        Totals by draw.
    track_share
        Draws of the share of their cells that new tracks cover, shape (n,); without it tracks have no figure.
    """
    found = []
    for place, domain in enumerate(drawn.domains):
        mapped = float(drawn.mapped_ha[place])
        make = partial(MappedFigure, domain=domain, method=METHOD, grade=grade_of(drawn, place), mapped_ha=mapped)
        added = drawn.added_t[:, place]
        found.append(make(indicator="E1", part="", unit="t/yr", scaled=True, draws=added))
        fresh = make(indicator="E1", part="new_clearing", unit="t/yr", scaled=True, draws=added[:0])
        if drawn.fresh_t is None:
            told = "land cleared in the year is not known and counts as crop in use"
            found.append(replace(fresh, state="not_computed", reason=told))
        else:
            found.append(replace(fresh, draws=drawn.fresh_t[:, place]))
        if track_share is not None:
            track = drawn.track_t[:, place] * track_share
            found.append(make(indicator="E1", part="tracks", unit="t/yr", scaled=False, draws=track))
        shares = [("E1", "per_hectare", "t/ha/yr", added)]
        for name in STEEPNESS:
            beyond_ha = np.minimum(drawn.beyond_ha[name][[place]], mapped)
            shares.append(("E3", f"steeper:{drawn.limits[name]:g}", "percent", 100 * beyond_ha))
        for index, limit in enumerate(drawn.tolerable_t_ha):
            above_ha = np.minimum(drawn.above_ha[:, index, place], mapped)  # a rounding beyond at most
            shares.append(("E3", f"above:{limit:g}", "percent", 100 * above_ha))
        for indicator, part, unit, values in shares:
            share = make(indicator=indicator, part=part, unit=unit, scaled=False, draws=values / (mapped or 1.0))
            if mapped <= 0:
                share = replace(share, state="not_estimable", reason="no mapped crop here", draws=values[:0])
            found.append(share)
    if FRAME in drawn.domains:
        frame = drawn.domains.index(FRAME)
        mapped = float(drawn.mapped_ha[frame])
        make = partial(
            MappedFigure, indicator="E2", domain=FRAME, unit="t/yr", method=METHOD, grade=grade_of(drawn, frame),
            mapped_ha=mapped,
        )  # fmt: skip
        found.append(make(part="", scaled=True, draws=drawn.delivered_t.sum(axis=1)))
        if track_share is not None:
            found.append(make(part="tracks", scaled=False, draws=drawn.track_delivered_t * track_share))
        for place, number in enumerate(drawn.basins):
            if number:
                found.append(make(part=f"sub_basin:{number}", scaled=True, draws=drawn.delivered_t[:, place]))
    return found


def grade_of(drawn: ErosionDraws, place: int) -> Grade:
    """Return the grade of a domain: D where most of its crop is steeper than what the equation was fitted to."""
    mapped, steep = float(drawn.mapped_ha[place]), float(drawn.beyond_ha["slope_experience"][place])
    return "D" if mapped > 0 and steep > drawn.limits["steep_share"] * mapped else "C"


def erosion_map(slopes: Slopes, factors: Mapping[str, Factor]) -> ErosionMap:
    """Return the difference at the central value of every factor, for a map; mass is conserved in both.

    Raises
    ------
    InputError
        When the slopes are not whole, for what comes in from the sides settles on them too.
    """
    if slopes.aside.places.size:
        raise InputError(Problem("erosion map", "parts of slopes", "whole slopes", "prepare them with whole=True"))
    delivery = Delivery(*(factors[name].value for name in ("sdr_most", "sdr_ic0", "sdr_k")))
    potential = slopes.potential.mean(axis=0, dtype=np.float64) * factors["erosivity_error"].value
    found = []
    for code in (slopes.observed, slopes.counterfactual):
        c = np.array([factors[f"c_{name}"].value for name in slopes.names])
        p = np.array([factors[f"p_{name}"].value for name in slopes.names])
        loss_t_ha = potential * (c * p)[code]
        loss_t = loss_t_ha * slopes.area_ha
        ratio = sediment_ratio(slopes.hill, slopes.slope, c[code], delivery)
        found.append((loss_t_ha, loss_t * ratio, *deposition(slopes.hill, loss_t, ratio)))
    added, delivered, kept, held = (one - other for one, other in zip(*found, strict=True))
    return ErosionMap(cells=slopes.hill.cells, added_t_ha=added, delivered_t=delivered, kept_t=kept, held_t=held)


def added_loss_t_ha(slopes: Slopes, factors: Mapping[str, Factor]) -> FloatArray:
    """Return the loss added to each cell at the central value of every factor, t/ha/yr, shape (m,)."""
    cp = np.array([factors[f"c_{name}"].value * factors[f"p_{name}"].value for name in slopes.names])
    potential = slopes.potential.mean(axis=0, dtype=np.float64) * factors["erosivity_error"].value
    return np.asarray(potential * (cp[slopes.observed] - cp[slopes.counterfactual]))


def delivery_draws(factors: Mapping[str, Factor], *, n: int, seed: int) -> list[Delivery]:
    """Return draws of the parameters of the delivery ratio, n of them."""
    names = ("sdr_most", "sdr_ic0", "sdr_k")
    drawn = factor_draws(factors, names, n=n, seed=seed)
    return [Delivery(*(float(drawn[name][draw]) for name in names)) for draw in range(n)]


def erosivity_scale(slopes: Slopes, factors: Mapping[str, Factor], *, n: int, seed: int) -> FloatArray:
    """Return draws of what the erosivity is multiplied with: its error, and that of the year's exponent."""
    return scale_draws(slopes.anomaly, factors, n=n, seed=seed)


def scale_draws(anomaly: float, factors: Mapping[str, Factor], *, n: int, seed: int) -> FloatArray:
    """Return what `erosivity_scale` does, of the mean anomaly over the crop."""
    drawn = factor_draws(factors, ("erosivity_error", "erosivity_exponent"), n=n, seed=seed)
    beyond = drawn["erosivity_exponent"] - factors["erosivity_exponent"].value
    return np.asarray(drawn["erosivity_error"] * anomaly**beyond)


def connectivity_parts(slopes: Slopes) -> tuple[Plane, Plane]:
    """Return what no draw changes: D_up over the sum of covers above, and a cell's part of D_dn times its cover."""
    hill, steep = slopes.hill, np.clip(slopes.slope, *SLOPE_LIMITS)
    rise = slopes.slope_above * np.sqrt(hill.cell_area_m2 / hill.upslope)
    return rise.astype(np.float32), (hill.step_m / steep).astype(np.float32)


def in_threads(work: Callable[[Iterable[int]], None], n: int, jobs: int, progress: Progress = silent) -> None:
    """Do draws 0 to n in threads, each a run of neighbours, so that each thread needs its memory once.

    Parameters
    ----------
    work
        Does some draws.
    n, jobs
        Draws and threads.
    progress
        Hears draws done and draws in all, one call at a time.
    """
    lock, done = Lock(), count(1)

    def counted(part: range) -> Iterator[int]:
        for draw in part:
            yield draw
            with lock:
                progress(next(done), n)

    edges = np.linspace(0, n, max(1, min(jobs, n)) + 1).astype(int)
    parts = [range(start, end) for start, end in pairwise(edges.tolist())]
    if len(parts) == 1:
        work(counted(parts[0]))
        return
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(work, map(counted, parts)))


@compiled
def _deliver(
    edges: Any,
    ahead: Any,
    on_stream: Any,
    rise: Any,
    way: Any,
    area_ha: Any,
    potential: Any,
    code: Any,
    cover: Any,
    joins: Any,
    counts: Any,
    cover_practice: Any,
    most: float,
    factor: float,
    power: float,
    label: Any,
    cover_above: Any,
    down: Any,
    total: Any,
) -> None:
    """Add up, by sub-basin, the sediment that reaches a stream, t/yr: `aoi.harm.sediment` in two passes.

    Piece after piece of whole slopes, so that what is held stays near. `rise` is all of D_up but the sum of covers,
    `way` all of a cell's part of D_dn but its cover.
    """
    join = 0
    for piece in range(edges.size - 1):
        first, end = edges[piece], edges[piece + 1]
        join = connect_piece(first, end, ahead, way, code, cover, joins, counts, join, cover_above, down)
        for place in range(end - 1, first - 1, -1):
            share = 1.0
            if not on_stream[place]:
                above = cover_above[place - first] * rise[place] / down[place - first]
                share = most / (1 + factor * np.exp(power * np.log(above)))
            loss = np.float64(potential[place]) * cover_practice[code[place]]
            total[label[place]] += loss * area_ha[place] * share
