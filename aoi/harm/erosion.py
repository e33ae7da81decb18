"""Soil erosion laid to the crop (E1 to E3): loss, sediment delivered to streams, loss beyond what soil can bear.

Observed and counterfactual differ in C and P alone. The delivery ratio is made anew for each. The model is not
calibrated: only differences are given, graded C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.harm.draws import stream
from aoi.harm.factor import Factor, factor_draws
from aoi.harm.mapped import MappedFigure, rows_of_mapped
from aoi.harm.result import HarmKey, HarmRow
from aoi.harm.sediment import LEAST_COVER, SLOPE_LIMITS, Delivery, constants, deposition, sediment_ratio
from aoi.harm.slopes import Slopes
from geo.errors import InputError, Problem
from geo.kernel import compiled

__all__ = [
    "METHOD",
    "TOLERABLE_T_HA",
    "ErosionDraws",
    "ErosionMap",
    "added_loss_t_ha",
    "cover_draws",
    "erosion",
    "erosion_draws",
    "erosion_figures",
    "erosion_map",
]  # fmt: skip

METHOD = "rusle-sdr/1"
TOLERABLE_T_HA = (11.0, 5.0, 2.0)
"""Tolerable losses of E3; the first, 5 short tons per acre, is the headline."""
FRAME = "frame"

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErosionDraws:
    """Totals over the mapped crop in each of n draws, before they are brought to the survey's area."""

    domains: tuple[str, ...]
    mapped_ha: FloatArray
    """Mapped crop, shape (domains,). New tracks add to the loss and not to it."""
    added_t: FloatArray
    """Loss of observed less that of counterfactual, t/yr, shape (n, domains)."""
    above_ha: FloatArray
    """Mapped crop that loses more than is tolerable, shape (n, thresholds, domains)."""
    tolerable_t_ha: tuple[float, ...]
    basins: tuple[int, ...]
    """Sub-basins that hold a hillslope of the crop."""
    delivered_t: FloatArray
    """Sediment delivered, observed less counterfactual, t/yr, shape (n, basins)."""
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
) -> ErosionDraws:
    """Return totals of mapped loss and delivery in n draws; parameters as of `erosion`."""
    c, p = cover_draws(slopes.names, factors, n=n, seed=seed)
    scale = erosivity_scale(slopes, factors, n=n, seed=seed)
    member = stream(seed, "erodibility_equation").integers(0, slopes.potential.shape[0], n)
    ratios = delivery_draws(factors, n=n, seed=seed)
    plots, names = slopes.plots, tuple(domains)
    inside = np.column_stack([np.asarray(mask, dtype=np.bool_) for mask in domains.values()])
    if inside.shape[0] != plots.size:
        found = f"{inside.shape[0]} cells of domains for {plots.size} of the crop"
        raise InputError(Problem("erosion domains", found, "one each", "take them with Slopes.at_plots"))
    numbers, label = np.unique(np.asarray(basin)[slopes.hill.cells], return_inverse=True)
    label = label.astype(np.int32)
    added, above = np.zeros((n, len(names))), np.zeros((n, len(tolerable_t_ha), len(names)))
    delivered = np.zeros((n, numbers.size))
    hill, (rise, way) = slopes.hill, connectivity_parts(slopes)
    limits = np.asarray(tolerable_t_ha, dtype=np.float64)

    def work(draws: range) -> None:
        held = np.empty((2, hill.cells.size))
        for draw in draws:
            cover = np.maximum(c[draw], LEAST_COVER)
            beside = slopes.aside.sums(cover)
            potential, cp = slopes.potential[member[draw]], c[draw] * p[draw] * scale[draw]
            _plot_loss(
                potential, plots, slopes.observed, slopes.counterfactual, slopes.on_crop, cp, slopes.area_ha,
                inside, limits, added[draw], above[draw],
            )  # fmt: skip
            for sign, code in ((1.0, slopes.observed), (-1.0, slopes.counterfactual)):
                total = np.zeros(numbers.size)
                _deliver(
                    hill.ahead, hill.on_stream, rise, way, slopes.area_ha, potential, code, cover,
                    slopes.aside.places, beside, cp, *constants(ratios[draw]), label, held[0], held[1], total,
                )  # fmt: skip
                delivered[draw] += sign * total

    if plots.size:
        in_threads(work, n, jobs)
    return ErosionDraws(
        domains=names,
        mapped_ha=((slopes.area_ha * slopes.on_crop)[plots, None] * inside).sum(axis=0),
        added_t=added,
        above_ha=above,
        tolerable_t_ha=tolerable_t_ha,
        basins=tuple(numbers.tolist()),
        delivered_t=delivered,
        seed=seed,
    )


def erosion_figures(drawn: ErosionDraws) -> list[MappedFigure]:
    """Return E1 (t/yr and t/ha/yr), E2 (t/yr, whole and by sub-basin) and E3 (percent of the crop area).

    Sub-basin 0 gathers what belongs to none; it is part of the whole and has no figure of its own.
    """
    found = []
    for place, domain in enumerate(drawn.domains):
        mapped = float(drawn.mapped_ha[place])
        make = partial(MappedFigure, domain=domain, method=METHOD, grade="C", mapped_ha=mapped)
        added = drawn.added_t[:, place]
        found.append(make(indicator="E1", part="", unit="t/yr", scaled=True, draws=added))
        shares = [("E1", "per_hectare", "t/ha/yr", added)]
        for index, limit in enumerate(drawn.tolerable_t_ha):
            above_ha = np.minimum(drawn.above_ha[:, index, place], mapped)  # a rounding beyond at most
            shares.append(("E3", f"above:{limit:g}", "percent", 100 * above_ha))
        for indicator, part, unit, values in shares:
            share = make(indicator=indicator, part=part, unit=unit, scaled=False, draws=values / (mapped or 1.0))
            if mapped <= 0:
                share = replace(share, state="not_estimable", reason="no mapped crop here", draws=values[:0])
            found.append(share)
    if FRAME in drawn.domains:
        mapped = float(drawn.mapped_ha[drawn.domains.index(FRAME)])
        make = partial(
            MappedFigure, indicator="E2", domain=FRAME, unit="t/yr", method=METHOD, grade="C", mapped_ha=mapped
        )
        found.append(make(part="", scaled=True, draws=drawn.delivered_t.sum(axis=1)))
        for place, number in enumerate(drawn.basins):
            if number:
                found.append(make(part=f"sub_basin:{number}", scaled=True, draws=drawn.delivered_t[:, place]))
    return found


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
    drawn = factor_draws(factors, ("erosivity_error", "erosivity_exponent"), n=n, seed=seed)
    beyond = drawn["erosivity_exponent"] - factors["erosivity_exponent"].value
    return np.asarray(drawn["erosivity_error"] * slopes.anomaly**beyond)


def connectivity_parts(slopes: Slopes) -> tuple[Plane, Plane]:
    """Return what no draw changes: D_up over the sum of covers above, and a cell's part of D_dn times its cover."""
    hill, steep = slopes.hill, np.clip(slopes.slope, *SLOPE_LIMITS)
    rise = slopes.slope_above * np.sqrt(hill.cell_area_m2 / hill.upslope)
    return rise.astype(np.float32), (hill.step_m / steep).astype(np.float32)


def in_threads(work: Callable[[range], None], n: int, jobs: int) -> None:
    """Do draws 0 to n in threads, each a run of neighbours, so that each thread needs its memory once."""
    edges = np.linspace(0, n, max(1, min(jobs, n)) + 1).astype(int)
    parts = [range(start, end) for start, end in pairwise(edges.tolist())]
    if len(parts) == 1:
        work(parts[0])
        return
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(work, parts))


@compiled
def _plot_loss(
    potential: Any,
    plots: Any,
    observed: Any,
    counterfactual: Any,
    on_crop: Any,
    cover_practice: Any,
    area_ha: Any,
    inside: Any,
    limits: Any,
    added: Any,
    above: Any,
) -> None:
    """Add up, by domain, the loss that was added, t/yr, and the hectares of crop that lose more than each limit."""
    for index in range(plots.size):
        place = plots[index]
        loss = np.float64(potential[place]) * cover_practice[observed[place]]
        without = np.float64(potential[place]) * cover_practice[counterfactual[place]]
        for domain in range(inside.shape[1]):
            if inside[index, domain]:
                added[domain] += (loss - without) * area_ha[place]
                if on_crop[place]:
                    for limit in range(limits.size):
                        if loss > limits[limit]:
                            above[limit, domain] += area_ha[place]


@compiled
def _deliver(
    ahead: Any,
    on_stream: Any,
    rise: Any,
    way: Any,
    area_ha: Any,
    potential: Any,
    code: Any,
    cover: Any,
    joins: Any,
    beside: Any,
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

    `rise` is all of D_up but the sum of covers, `way` all of a cell's part of D_dn but its cover.
    """
    for place in range(ahead.size):
        cover_above[place] = 0.0
    for index in range(joins.size):
        cover_above[joins[index]] = beside[index]
    for place in range(ahead.size):
        cover_above[place] += cover[code[place]]
        if ahead[place] >= 0:
            cover_above[ahead[place]] += cover_above[place]
    through = 1.0 / cover
    for place in range(ahead.size - 1, -1, -1):
        down[place] = way[place] * through[code[place]]
        if ahead[place] >= 0:
            down[place] += down[ahead[place]]
        share = 1.0
        if not on_stream[place]:
            share = most / (1 + factor * np.exp(power * np.log(cover_above[place] * rise[place] / down[place])))
        total[label[place]] += np.float64(potential[place]) * cover_practice[code[place]] * area_ha[place] * share
