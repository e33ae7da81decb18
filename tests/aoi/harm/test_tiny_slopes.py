"""Loops over the cells of two small slopes against the equations followed cell by cell."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from threading import get_ident
from typing import Any

import numpy as np
import pytest

from aoi.harm.carried import _gather, _way_down, share_that_arrives
from aoi.harm.draws import stream
from aoi.harm.erosion import (
    _deliver,
    added_loss_t_ha,
    connectivity_parts,
    erosion_draws,
    erosion_map,
    in_threads,
    scale_draws,
)
from aoi.harm.factor import Factor, factor_draws, load_factors
from aoi.harm.sediment import (
    Delivery,
    connect_piece,
    connectivity_index,
    constants,
    delivery_ratio,
    deposition,
    mean_slope,
    sediment_ratio,
)
from geo.errors import InputError
from geo.hillslope import Tributaries
from tests.aoi.harm import tiny
from tests.aoi.harm.ground import fixed

C = np.array([0.0005, 0.04, 0.3, 0.25])
DELIVERY = Delivery(0.7, 0.3, 1.5)
EXACT = 1e-6  # of planes in single precision


def literal(code: Any, **other: Any) -> tiny.Ways:
    """Return the equations with the covers and the delivery of these tests."""
    return tiny.Ways(list(code), C, DELIVERY.most, DELIVERY.middle_index, DELIVERY.spread, **other)


def test_connectivity_of_pieces_is_that_of_each_cell_by_itself() -> None:
    """Brute force: covers above and D_dn of both pieces, on whatever stood in the memory before."""
    ground, held = tiny.slopes(), np.full((2, 5), 7.0)
    _, way = connectivity_parts(ground)
    code, join = ground.observed, 0
    at, counts = ground.aside.places, ground.aside.counts
    seen = literal(tiny.OBSERVED)
    cover = np.maximum(C, 0.001)
    for first, end in ((0, 4), (4, 9)):
        join = connect_piece(first, end, ground.hill.ahead, way, code, cover, at, counts, join, held[0], held[1])
        assert held[0, : end - first] == pytest.approx([seen.covers_above(one) for one in range(first, end)])
        assert held[1, : end - first] == pytest.approx([seen.down(one) for one in range(first, end)], rel=EXACT)
    assert join == 2


@pytest.mark.parametrize("edges", [[0, 4, 9], [0, 4, 5, 9], [0, 9]])
@pytest.mark.parametrize("sources", [[0, 2, 3, 4, 6, 8], [1, 5, 7], [4], []])
def test_way_down_of_pieces_is_that_of_each_source(sources: list[int], edges: list[int]) -> None:
    """Brute force: the share of sediment and of what is dissolved, each way followed by itself."""
    ground, held = tiny.slopes(), np.full((3, max(np.diff(edges))), 7.0)  # no larger than a piece
    hill, (rise, way) = ground.hill, connectivity_parts(ground)
    arrives, share = np.empty(len(sources)), np.empty(len(sources))
    gone = np.exp(-5 * hill.step_m / 80.0).astype(np.float32)
    keep = np.array([0.6, 0.3, 0.1, 0.2])
    pieces = np.array(edges, dtype=np.int64)
    _way_down(
        pieces, hill.ahead, hill.on_stream, rise, way, gone, np.array(sources, dtype=np.int64), ground.observed,
        np.maximum(C, 0.001), ground.aside.places, ground.aside.counts, keep, *constants(DELIVERY), *held, arrives,
        share,
    )  # fmt: skip
    seen = literal(tiny.OBSERVED, keep=keep, length_m=80.0)
    assert arrives == pytest.approx([seen.arrives(one) for one in sources], rel=EXACT)
    assert share == pytest.approx([seen.passes(one) for one in sources], rel=EXACT)


def test_what_sources_bring_is_added_by_row_and_entry() -> None:
    """Literal hectares: bound by the share of the topsoil lost, all of it at most; row -1 brings nothing."""
    bound, dissolved = np.zeros((2, 3)), np.zeros((2, 3))
    code, entry = np.array([0, 1, 1, 0], dtype=np.uint8), np.array([2, 0, 0, 1], dtype=np.int32)
    potential = np.array([100.0, 40.0, 9000.0, 80.0], dtype=np.float32)
    _gather(
        np.array([0, 1, 2, 3, 2], dtype=np.int64), np.array([0, 1, 1, -1, 0]), np.array([2.0, 3.0, 5.0, 9.0, 7.0]),
        potential, code, np.array([0.5, 0.25]), 200.0, entry, np.array([0.5, 0.8, 0.1, 0.9, 0.2]),
        np.array([0.3, 0.6, 0.7, 0.9, 0.5]), bound, dissolved,
    )  # fmt: skip
    # 50 of 200 t, 10 of 200 t, 2250 t that are all of 200 t
    assert bound.tolist() == [[pytest.approx(1.4), 0, pytest.approx(0.25)], [pytest.approx(0.12 + 0.5), 0, 0]]
    assert dissolved.tolist() == [[pytest.approx(3.5), 0, pytest.approx(0.6)], [pytest.approx(1.8 + 3.5), 0, 0]]


@pytest.mark.parametrize("edges", [[0, 4, 9], [0, 4, 5, 9], [0, 9]])
def test_delivered_sediment_of_pieces_by_label(edges: list[int]) -> None:
    """Brute force: loss times area times delivery ratio, summed by label onto what stood there."""
    ground, held = tiny.slopes(), np.full((2, max(np.diff(edges))), 7.0)  # no larger than a piece
    hill, (rise, way) = ground.hill, connectivity_parts(ground)
    label = np.array([0, 1, 0, 1, 2, 2, 1, 2, 0], dtype=np.int32)
    cp, total = np.array([0.001, 0.05, 0.2, 0.3]), np.array([1.0, 0.0, 0.0])
    pieces = np.array(edges, dtype=np.int64)
    _deliver(
        pieces, hill.ahead, hill.on_stream, rise, way, ground.area_ha, ground.potential[1], ground.observed,
        np.maximum(C, 0.001), ground.aside.places, ground.aside.counts, cp, *constants(DELIVERY), label, *held,
        total,
    )  # fmt: skip
    seen, wanted = literal(tiny.OBSERVED), [1.0, 0.0, 0.0]
    for one in range(9):
        loss = tiny.POTENTIAL[1][one] * cp[tiny.OBSERVED[one]] * tiny.AREA_HA[one]
        wanted[label[one]] += loss * seen.arrives(one)
    assert total == pytest.approx(wanted, rel=EXACT)


def test_map_of_what_arrives() -> None:
    """Brute force: the crop's cells alone, at the central factors."""
    factors = load_factors()
    places, share = share_that_arrives(tiny.slopes(), factors)
    cover = [factors[f"c_{name}"].value for name in tiny.NAMES]
    keep = [factors[f"retention_{'natural' if one == 0 else 'other'}"].value for one in range(4)]
    told = [factors[name].value for name in ("sdr_most", "sdr_ic0", "sdr_k")]
    seen = tiny.Ways(tiny.OBSERVED, cover, *told, keep, factors["retention_length"].value)
    assert places.tolist() == [0, 3, 4, 6]
    assert share == pytest.approx([seen.passes(one) for one in places], rel=EXACT)


def whole(**changes: Any) -> Any:
    """Return the ground with nothing coming in from the sides, and the number of cells above each."""
    aside = Tributaries(np.zeros(0, dtype=np.int32), np.zeros((0, 4), dtype=np.int32))
    plain = tiny.slopes(aside=aside, **changes)
    upslope = [sum(one in literal([0] * 9).way(other) for other in range(9)) for one in range(9)]
    hill = plain.hill
    made = type(hill)(
        hill.cells, hill.ahead, hill.entry, np.array(upslope, dtype=np.int32), hill.step_m, hill.on_stream, 400.0
    )
    return tiny.slopes(aside=aside, hill=made, **changes)


def test_index_and_ratio_of_whole_slopes() -> None:
    """Brute force: mean slope above, index and ratio; slopes held from 0.005 to 1, covers from 0.001."""
    hill = whole().hill
    steep = np.clip(tiny.STEEP, 0.005, 1.0)
    ways = literal([0] * 9)
    mean = [steep[[other for other in range(9) if one in ways.way(other)]].mean() for one in range(9)]
    assert mean_slope(hill, tiny.STEEP) == pytest.approx(mean, rel=EXACT)
    cover = [0.0, 0.001, 0.5, 1.0, 0.2, 0.3, 0.0004, 0.7, 0.9]
    held = np.maximum(cover, 0.001)
    index = []
    for one in range(9):
        above = [other for other in range(9) if one in ways.way(other)]
        up = held[above].mean() * mean[one] * np.sqrt(400.0 * len(above))
        down = sum(tiny.STEP_M[at] / (held[at] * steep[at]) for at in ways.way(one))
        index.append(np.inf if one == 4 else np.log10(up / down))
    assert connectivity_index(hill, tiny.STEEP, cover) == pytest.approx(index, rel=1e-5)
    ratio = [1.0 if one == 4 else 0.7 / (1 + np.exp((0.3 - index[one]) / 1.5)) for one in range(9)]
    assert sediment_ratio(hill, tiny.STEEP, cover, DELIVERY) == pytest.approx(ratio, rel=1e-5)
    assert delivery_ratio(index[:4], DELIVERY) == pytest.approx(ratio[:4])


@pytest.mark.parametrize("middle", [0.35, 1.0])
def test_soil_that_stays_is_followed_down_cell_by_cell(middle: float) -> None:
    """Brute force: what each cell does not deliver, followed to where it settles; none at a ratio of 1."""
    share = np.array([0.2, 0.5, 0.3, 0.4, 1.0, 0.6, 0.1, middle, 0.9])
    loss = np.array([3.0, 5.0, 7.0, 11.0, 13.0, 17.0, 19.0, 23.0, 29.0])
    ways, kept, held = literal([0] * 9), np.zeros(9), np.zeros(9)
    for one in range(9):
        going = loss[one] * (1 - share[one])
        for at in ways.way(one)[1:]:
            after = share[tiny.AHEAD[at]] if tiny.AHEAD[at] >= 0 else 1.0
            stays = going * max(after - share[at], 0) / (1 - share[at]) if share[at] < 1 else 0.0
            kept[at], going = kept[at] + stays, going - stays
        held[ways.way(one)[-1]] += going
    found = deposition(whole().hill, loss, share)
    assert found[0] == pytest.approx(kept, abs=1e-12)
    assert found[1] == pytest.approx(held, abs=1e-12)


def test_map_of_erosion_at_the_central_factors() -> None:
    """Brute force: added loss, delivered, and soil kept, as it is less as it was; parts of slopes are refused."""
    ground, factors = whole(), load_factors()
    made = erosion_map(ground, factors)
    error = factors["erosivity_error"].value
    c, p = ([factors[f"{kind}_{name}"].value for name in tiny.NAMES] for kind in "cp")
    bare = np.mean(tiny.POTENTIAL, axis=0) * error
    loss = [
        np.array([bare[at] * c[code[at]] * p[code[at]] for at in range(9)]) for code in (tiny.OBSERVED, tiny.BEFORE)
    ]
    delivery = Delivery(*(factors[name].value for name in ("sdr_most", "sdr_ic0", "sdr_k")))
    ratio = [
        sediment_ratio(ground.hill, tiny.STEEP, [c[one] for one in code], delivery)
        for code in (tiny.OBSERVED, tiny.BEFORE)
    ]
    area = np.array(tiny.AREA_HA)
    assert made.added_t_ha == pytest.approx(loss[0] - loss[1])
    assert added_loss_t_ha(ground, factors) == pytest.approx(loss[0] - loss[1])
    assert made.delivered_t == pytest.approx(area * (loss[0] * ratio[0] - loss[1] * ratio[1]))
    two = [deposition(ground.hill, area * one, share) for one, share in zip(loss, ratio, strict=True)]
    assert made.kept_t == pytest.approx(two[0][0] - two[1][0])
    assert made.held_t == pytest.approx(two[0][1] - two[1][1])
    assert made.cells.tolist() == list(range(9))
    with pytest.raises(InputError, match="whole slopes"):
        erosion_map(tiny.slopes(), factors)


N = 6


def drawn(factors: dict[str, Factor], seed: int, anomaly: float) -> dict[str, Any]:
    """Return what each draw holds, as the factors' own streams give it."""
    wide = {}
    for kind in ("c", "p"):
        wanted = tuple(f"{kind}_{name}" for name in tiny.NAMES)
        wide[kind] = np.array(list(factor_draws(factors, wanted, n=N, seed=seed).values())).T
    names = ("erosivity_error", "erosivity_exponent", "sdr_most", "sdr_ic0", "sdr_k")
    wide |= factor_draws(factors, names, n=N, seed=seed)
    wide["member"] = stream(seed, "erodibility_equation").integers(0, 2, N)
    central = factors["erosivity_exponent"].value
    wide["scale"] = [
        wide["erosivity_error"][one] * anomaly ** (wide["erosivity_exponent"][one] - central) for one in range(N)
    ]
    return wide


@pytest.mark.parametrize("jobs", [1, 3])
def test_draws_of_erosion_cell_by_cell(jobs: int) -> None:
    """Brute force: added loss, hectares above each limit, sediment by sub-basin, of each draw."""
    factors, seed = load_factors(), 5
    wide = drawn(factors, seed, 1.25)
    ground = tiny.slopes()
    basin = np.array([7, 7, 7, 7, 0, 9, 9, 9, 9])
    plots = [0, 3, 4, 6, 8]
    assert ground.plots.tolist() == plots
    domains = {"frame": np.ones(5, dtype=bool), "some": np.array([1, 0, 1, 0, 1], dtype=bool)}
    heard: list[tuple[int, int]] = []
    made = erosion_draws(
        ground, basin, domains, factors, n=N, seed=seed, jobs=jobs,
        progress=lambda done, total: heard.append((done, total)),
    )  # fmt: skip
    assert heard == [(one + 1, N) for one in range(N)]
    assert made.basins == (0, 7, 9)
    assert made.fresh_t is None
    added, delivered = np.zeros((N, 2)), np.zeros((N, 3))
    above = np.zeros((N, 3, 2))
    area = tiny.AREA_HA
    for draw in range(N):
        cp = wide["c"][draw] * wide["p"][draw] * wide["scale"][draw]
        bare = tiny.POTENTIAL[wide["member"][draw]]
        for column, inside in enumerate(domains.values()):
            for at in (one for one, there in zip(plots, inside, strict=True) if there):
                added[draw, column] += bare[at] * area[at] * (cp[tiny.OBSERVED[at]] - cp[tiny.BEFORE[at]])
                for row, limit in enumerate((11.0, 5.0, 2.0)):
                    above[draw, row, column] += area[at] * (at != 8 and bare[at] * cp[3] > limit)
        told = [float(wide[name][draw]) for name in ("sdr_most", "sdr_ic0", "sdr_k")]
        for sign, code in ((1, tiny.OBSERVED), (-1, tiny.BEFORE)):
            seen = tiny.Ways(code, wide["c"][draw], *told)
            for at in range(9):
                place = (0, 7, 9).index(basin[at])
                delivered[draw, place] += sign * bare[at] * area[at] * cp[code[at]] * seen.arrives(at)
    assert made.added_t == pytest.approx(added, rel=1e-5)
    assert made.above_ha == pytest.approx(above)
    assert above.min() < above.max()
    bare_of = fixed(factors, p_coca=0.0)
    assert (erosion_draws(ground, basin, domains, bare_of, n=2, seed=1).above_ha == 0).all()
    with pytest.raises(InputError, match="4 cells of domains for 5"):
        erosion_draws(ground, basin, {"frame": np.ones(4, dtype=bool)}, factors, n=2, seed=1)
    assert made.delivered_t == pytest.approx(delivered, rel=1e-5, abs=1e-9)
    assert (made.track_t == 0).all()
    assert (made.track_delivered_t == 0).all()
    assert made.mapped_ha == pytest.approx([0.15, 0.1])


def test_clearings_and_tracks_are_counted_apart() -> None:
    """Brute force: the last cell a track, the first cleared in the year; each in its own total of a fixed draw."""
    names = (*tiny.NAMES, "new_clearing", "track")
    factors = fixed(load_factors(), erosivity_error=1.0, slope_experience=0.3, slope_held_at=0.15)
    now = [4, 0, 1, 3, 3, 2, 3, 0, 5]
    c, p = (np.array([factors[f"{kind}_{name}"].value for name in names]) for kind in "cp")
    counts = np.array([[*row, 0, 0] for row in tiny.COUNTS], dtype=np.int32)
    made = erosion_draws(
        tiny.slopes(
            names=names, fresh="new_clearing", observed=np.array(now, dtype=np.uint8), on_track=np.arange(9) == 8,
            aside=Tributaries(np.array(tiny.JOINS, dtype=np.int32), counts),
            potential=np.array(tiny.POTENTIAL[:1], dtype=np.float32), anomaly=1.0,
        ),
        np.zeros(9, dtype=int), {"frame": np.ones(5, dtype=bool)}, factors, n=2, seed=1,
    )  # fmt: skip
    cp, bare, area = c * p, tiny.POTENTIAL[0], tiny.AREA_HA
    more = [bare[at] * area[at] * (cp[now[at]] - cp[tiny.BEFORE[at]]) for at in range(9)]
    assert made.fresh_t is not None
    assert made.fresh_t == pytest.approx(np.full((2, 1), more[0]))
    assert made.track_t == pytest.approx(np.full((2, 1), more[8]))
    assert made.added_t == pytest.approx(np.full((2, 1), more[0] + more[3] + more[4] + more[6]))
    told = [factors[name].value for name in ("sdr_most", "sdr_ic0", "sdr_k")]
    ways = [(1, now, tiny.Ways(now, c, *told)), (-1, tiny.BEFORE, tiny.Ways(tiny.BEFORE, c, *told))]
    each = [sum(s * bare[at] * area[at] * cp[code[at]] * w.arrives(at) for s, code, w in ways) for at in range(9)]
    assert made.delivered_t == pytest.approx(np.full((2, 1), sum(each[:8])), rel=1e-5)
    assert made.track_delivered_t == pytest.approx([each[8]] * 2, rel=1e-5)
    # of the crop, the slopes beyond experience and beyond any tried
    steep = [(at, tiny.STEEP[at]) for at in (0, 3, 4, 6)]
    for name in ("slope_experience", "slope_held_at"):
        assert made.beyond_ha[name] == pytest.approx([sum(area[at] for at, s in steep if s > made.limits[name])])


@pytest.mark.parametrize(
    ("n", "jobs", "runs"),
    [(5, 1, [range(5)]), (5, 0, [range(5)]), (5, 2, [range(2), range(2, 5)]), (2, 9, [range(1), range(1, 2)]),
     (0, 3, [range(0)])],
)  # fmt: skip
def test_draws_are_shared_out_in_runs(n: int, jobs: int, runs: list[range]) -> None:
    """Literal shares: runs of neighbours, as many as threads at most; one run is done right here."""
    seen: list[tuple[list[int], bool]] = []

    def work(draws: Iterable[int]) -> None:
        seen.append((list(draws), get_ident() == here))

    here = get_ident()
    in_threads(work, n, jobs)
    assert sorted(draws for draws, _ in seen) == [list(run) for run in runs]
    assert [alone for _, alone in seen] == [len(runs) == 1] * len(runs)


def test_year_and_error_scale_the_rain() -> None:
    """Literal draws: the error times the anomaly to what the exponent lies off its centre; none off, none more."""
    factors = load_factors()
    own = factor_draws(factors, ("erosivity_error", "erosivity_exponent"), n=4, seed=9)
    off = own["erosivity_exponent"] - factors["erosivity_exponent"].value
    assert scale_draws(2.0, factors, n=4, seed=9) == pytest.approx(own["erosivity_error"] * 2.0**off)
    assert scale_draws(1.0, factors, n=4, seed=9).tolist() == own["erosivity_error"].tolist()


def test_delivery_at_the_ends_of_what_can_be() -> None:
    """Literal parameters: above 0 and up to 1, a spread above 0, a finite middle; covers and slopes at ends."""
    for fine in (1e-9, 1.0):
        assert Delivery(fine, 0.5, 0.1).most == fine
    for wrong in product((0.0, -0.1, 1.0001, np.nan), (0.5,), (2.0,)):
        with pytest.raises(InputError, match="most above 0 to 1"):
            Delivery(*wrong)
    for middle, spread in ((0.5, 0.0), (0.5, -1.0), (np.inf, 2.0), (np.nan, 2.0)):
        with pytest.raises(InputError, match="k above 0"):
            Delivery(0.8, middle, spread)
    hill = whole().hill
    flat = [0.0] * 9
    assert (sediment_ratio(hill, flat, [0.0] * 9, DELIVERY) > 0).all()
    assert (sediment_ratio(hill, [5.0] * 9, [1.0] * 9, DELIVERY) <= 1).all()
    for cover in (-1e-9, 1.001, np.nan):
        with pytest.raises(InputError, match="cover outside"):
            sediment_ratio(hill, tiny.STEEP, [0.5] * 8 + [cover], DELIVERY)
    for slope in (-1e-3, np.nan):
        with pytest.raises(InputError, match="slope missing"):
            sediment_ratio(hill, [slope, *tiny.STEEP[1:]], [0.5] * 9, DELIVERY)
    for steep, cover_of in ((tiny.STEEP[:8], [0.5] * 9), (tiny.STEEP, [0.5] * 8)):
        with pytest.raises(InputError, match="one each"):
            sediment_ratio(hill, steep, cover_of, DELIVERY)
