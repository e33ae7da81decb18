"""Loads down a stream of six cells, people beside one, against sums made cell by cell."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import pytest

from aoi.harm import exposure as exposed
from aoi.harm.carried import Fate, Paths, _follow, carried_draws, fate_of, paths_of
from aoi.harm.draws import stream
from aoi.harm.exposure import exposure
from aoi.harm.factor import factor_draws, load_factors
from aoi.harm.loads import ClassLoad
from aoi.harm.potential import FrameOf, Waters
from geo.errors import InputError
from geo.flow import FlowNetwork
from geo.hillslope import Hillslopes
from geo.stream import Stream, shortest_way_m
from tests.aoi.harm import tiny
from tests.aoi.harm.ground import fixed

AHEAD = [2, 2, 3, 5, -1, -1]
STEP_M = [2000.0, 500.0, 4000.0, 1000.0, 700.0, 3000.0]
AT = [0, 4, 1]
"""Where each of three entries stands; 4 is a stream of one cell."""


def paths(**changes: Any) -> Paths:
    """Return the streams, with three entries and nothing else known."""
    below = Stream(
        np.arange(20, 26, dtype=np.int32), np.array(AHEAD, dtype=np.int32), np.array(STEP_M, dtype=np.float32)
    )
    given: dict[str, Any] = {
        "stream": below,
        "at": np.array(AT, dtype=np.intp),
        "of_cell": np.array([{20: 0, 21: 1, 22: 2}[one] for one in tiny.ENTRY], dtype=np.int32),
        "way_m": shortest_way_m(below, AT),
        "discharge": None,
        "low_flow": None,
        "dams": None,
        "sites": None,
    }
    return Paths(**(given | changes))


def down(entering: dict[int, float], passed: Any) -> tuple[Any, float]:
    """Return what comes to each cell, and what leaves: each entry followed by itself."""
    level, leaves = np.zeros(6), 0.0
    for start, load in entering.items():
        at, now = start, load
        while True:
            level[at] += now
            if AHEAD[at] < 0:
                break
            now, at = now * passed[at], AHEAD[at]
        leaves += now
    return level, leaves


FLOW = np.array([0.5, np.nan, 2.0, 0.0, 0.25, 4.0])
YEAR_L = 31_557_600.0 * 1000


@pytest.mark.parametrize("unit", ["t/yr", "kg/yr"])
@pytest.mark.parametrize("dammed", [None, [2], [2, 4, 5]])
def test_one_class_is_followed_cell_by_cell(unit: str, dammed: list[int] | None) -> None:
    """Brute force: what leaves, is held, stands highest; flow of 0 or none is not known; a dam may be the last."""
    dams = None if dammed is None else np.isin(np.arange(6), dammed)
    ways = paths(discharge=FLOW, low_flow=FLOW / 8, dams=dams)
    # the third entry is on no stream: its load is brought to streams but followed down none
    ways = replace(ways, at=np.array([0, 4, -1, 1], dtype=np.intp))
    stuck, free = np.array([3.0, 5.0, 9.0, 2.0]), np.array([1.0, 0.5, 8.0, 4.0])
    passed = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    names = [("W3", "sediment"), ("W3", "dissolved"), ("W4", "outflow"), ("W4", "outflow_no_decay")]
    keys = [(one, f"herbicide:{part}", unit) for one, part in (*names, ("W4", "held_in_reservoirs"))]
    keys += [("W4", f"herbicide:{part}", "ug/L") for part in ("highest", "highest_at_low_flow")]
    keys.append(("W5", "herbicide:above_screening", "km"))
    found = {key: np.full(2, -1.0) for key in keys}
    none = {"herbicide": np.zeros(2)}
    fate = Fate(("herbicide",), none, {"herbicide": unit}, none, none, none)
    trapped = 0.75
    bound, solute = {0: 3.0, 4: 5.0, 1: 2.0}, {0: 1.0, 4: 0.5, 1: 4.0}
    both = {at: bound[at] + solute[at] for at in bound}
    settled = passed if dams is None else np.where(dams, passed * (1 - trapped), passed)
    (level, out), (other, more) = down(bound, settled), down(solute, passed)
    held = 0.0 if dammed is None else sum(trapped * level[at] for at in dammed)
    out -= 0.0 if dammed is None else sum(trapped * level[at] for at in dammed if AHEAD[at] < 0)
    known = [0, 2, 4, 5]
    ug = (level + other)[known] * (1e3 if unit == "t/yr" else 1.0) * 1e9 / (FLOW[known] * YEAR_L)
    limit = float(np.sort(ug)[1])  # two are above; what stands at the limit is not
    _follow(ways, "herbicide", fate, stuck, free, passed, trapped, {"herbicide": limit}, found, 1)
    told = {(part.split(":")[1]): values[1] for (_, part, _), values in found.items()}
    assert all(values[0] == -1.0 for values in found.values())
    assert told["sediment"] == 19.0
    assert told["dissolved"] == 13.5
    assert told["outflow"] == pytest.approx(out + more)
    assert told["outflow_no_decay"] == pytest.approx(sum(both.values()))
    assert told["held_in_reservoirs"] == (-1.0 if dammed is None else pytest.approx(held))
    assert told["highest"] == pytest.approx(ug.max())
    assert told["highest_at_low_flow"] == pytest.approx(8 * ug.max())
    above = [at for at, one in zip(known, ug, strict=True) if one > limit * (1 + 1e-9)]
    assert len(above) == 2
    assert told["above_screening"] == pytest.approx(sum(STEP_M[at] for at in above) / 1000)
    at_limit = {key: np.full(1, -1.0) for key in keys}
    highest = {"herbicide": told["highest"]}
    _follow(ways, "herbicide", fate, stuck, free, passed, trapped, highest, at_limit, 0)
    assert at_limit["W5", "herbicide:above_screening", "km"].tolist() == [0.0]
    nowhere = replace(ways, discharge=np.full(6, np.nan), low_flow=np.zeros(6))
    found = {key: np.full(2, -1.0) for key in keys}
    _follow(nowhere, "herbicide", fate, stuck, free, passed, trapped, {}, found, 0)
    assert found["W4", "herbicide:highest", "ug/L"][0] == -1.0
    assert found["W4", "herbicide:highest_at_low_flow", "ug/L"][0] == 0.0


N = 4
CLASSES = ("fertiliser", "herbicide", "processing_waste")
UNITS = {"fertiliser": "t/ha/yr", "herbicide": "L/ha/yr", "processing_waste": "kg/ha/yr"}


def load_of(one: str, unit: str) -> ClassLoad:
    """Return a load of a class in a unit."""
    return ClassLoad(crop="coca", substance=one, unit=unit, low=1, mid=2, high=3, source="a choice", mark="design")


def test_fate_of_classes() -> None:
    """Literal units: litres become kilograms active; processing has factors of its own; other litres refused."""
    factors = load_factors()
    fate = fate_of(CLASSES, {one: load_of(one, UNITS[one]) for one in CLASSES}, factors, n=N, seed=3)
    groups = {"fertiliser": "fertiliser", "herbicide": "herbicide", "processing_waste": "processing"}
    for one, group in groups.items():
        names = tuple(f"{kind}_{group}" for kind in ("bound_share", "runoff_share", "half_life"))
        own = factor_draws(factors, (*names, "herbicide_active"), n=N, seed=3)
        assert fate.bound[one].tolist() == own[names[0]].tolist()
        assert fate.runoff[one].tolist() == own[names[1]].tolist()
        assert fate.decay_per_day[one] == pytest.approx(log(2) / own[names[2]])
        assert (
            fate.to_carried[one].tolist()
            == (own["herbicide_active"] if one == "herbicide" else np.ones(N)).tolist()
        )
    assert fate.unit == {"fertiliser": "t/yr", "herbicide": "kg/yr", "processing_waste": "kg/yr"}
    pest = fate_of(
        ("other_pesticide",), {"other_pesticide": load_of("other_pesticide", "L/ha/yr")}, factors, n=1, seed=1
    )
    assert pest.unit == {"other_pesticide": "kg/yr"}
    wrong = {one: load_of(one, "L/ha/yr") for one in ("fertiliser", "herbicide")}
    with pytest.raises(InputError, match="litres of fertiliser, herbicide"):
        fate_of(("fertiliser", "herbicide"), wrong, factors, n=1, seed=1)


@pytest.mark.parametrize("sites", [None, [2, 7], []])
@pytest.mark.parametrize("jobs", [1, 2])
def test_draws_of_carried_loads_cell_by_cell(sites: list[int] | None, jobs: int) -> None:
    """Brute force: each source's load, its two ways to the stream and down it, observed less counterfactual."""
    factors, seed = load_factors(), 8
    loads = {
        ("coca", "fertiliser"): np.array([1.0, 2.0, 3.0, 4.0]),
        ("crop", "fertiliser"): np.array([0.5, 0.25, 0.5, 0.75]),
        ("coca", "herbicide"): np.array([7.0, 6.0, 5.0, 4.0]),
        ("coca", "processing_waste"): np.array([90.0, 80.0, 70.0, 60.0]),
    }
    fate = fate_of(CLASSES, {one: load_of(one, UNITS[one]) for one in CLASSES}, factors, n=N, seed=seed)
    ways = paths(discharge=np.full(6, 2.0), sites=None if sites is None else np.array(sites, dtype=np.intp))
    heard: list[tuple[int, int]] = []
    found = carried_draws(
        tiny.slopes(), ways, fate, loads, factors, "coca", n=N, seed=seed, jobs=jobs,
        progress=lambda done, total: heard.append((done, total)),
    )  # fmt: skip
    assert heard == [(one + 1, N) for one in range(N)]
    wide = {
        kind: np.array(
            list(factor_draws(factors, tuple(f"{kind}_{name}" for name in tiny.NAMES), n=N, seed=seed).values())
        ).T
        for kind in "cp"
    }
    names = (
        "erosivity_error", "erosivity_exponent", "sdr_most", "sdr_ic0", "sdr_k", "topsoil_mass",
        "retention_natural", "retention_other", "stream_velocity",
    )  # fmt: skip
    own = factor_draws(factors, names, n=N, seed=seed)
    member = stream(seed, "erodibility_equation").integers(0, 2, N)
    crop_at, area = [0, 3, 4, 6], tiny.AREA_HA
    hectares = sum(area[at] for at in crop_at)
    for draw in range(N):
        beyond = own["erosivity_exponent"][draw] - factors["erosivity_exponent"].value
        rain = own["erosivity_error"][draw] * 1.25**beyond
        cp = wide["c"][draw] * wide["p"][draw] * rain
        keep = [own["retention_natural"][draw], *[own["retention_other"][draw]] * 3]
        told = [float(own[name][draw]) for name in ("sdr_most", "sdr_ic0", "sdr_k")]
        for one in CLASSES:
            stuck, free = np.zeros(3), np.zeros(3)
            placed = sites is not None and one == "processing_waste"
            for sign, code in ((1, tiny.OBSERVED), (-1, tiny.BEFORE)):
                seen = tiny.Ways(code, wide["c"][draw], *told, keep, factors["retention_length"].value)
                # a place of processing works for the crop alone, and not at all before it
                where = [(at, hectares / 2 if sign > 0 else 0.0) for at in sites or []] if placed else [
                    (at, area[at]) for at in crop_at
                ]  # fmt: skip
                for at, ha in where:
                    name = "coca" if placed else tiny.NAMES[code[at]]
                    if (name, one) not in loads:
                        continue
                    load = sign * ha * loads[name, one][draw] * fate.to_carried[one][draw]
                    soil = min(tiny.POTENTIAL[member[draw]][at] * cp[code[at]] / own["topsoil_mass"][draw], 1.0)
                    entry = {20: 0, 21: 1, 22: 2}[tiny.ENTRY[at]]
                    stuck[entry] += fate.bound[one][draw] * load * soil * seen.arrives(at)
                    free[entry] += (1 - fate.bound[one][draw]) * fate.runoff[one][draw] * load * seen.passes(at)
            days = [step / 86_400 / own["stream_velocity"][draw] for step in STEP_M]
            passed = [exp(-fate.decay_per_day[one][draw] * time) for time in days]
            level, out = down(dict(zip(AT, stuck + free, strict=True)), passed)
            unit = fate.unit[one]
            exact = {"rel": 1e-5, "abs": 1e-9}
            assert found["W3", f"{one}:sediment", unit][draw] == pytest.approx(stuck.sum(), **exact)
            assert found["W3", f"{one}:dissolved", unit][draw] == pytest.approx(free.sum(), **exact)
            assert found["W4", f"{one}:outflow", unit][draw] == pytest.approx(out, **exact)
            whole = found["W4", f"{one}:outflow_no_decay", unit][draw]
            assert whole == pytest.approx((stuck + free).sum(), **exact)
            ug = level.max() * (1e3 if unit == "t/yr" else 1.0) * 1e9 / (2.0 * YEAR_L)
            assert found["W4", f"{one}:highest", "ug/L"][draw] == pytest.approx(ug, **exact)
    assert ("W5", "herbicide:above_screening", "km") in found
    assert ("W5", "fertiliser:above_screening", "km") not in found


def test_nothing_grown_is_nothing_carried() -> None:
    """Literal ground without crop: each figure that is asked for is there, and nought; no place is a site."""
    factors = load_factors()
    bare = tiny.slopes(on_crop=np.zeros(9, dtype=bool), observed=np.array(tiny.BEFORE, dtype=np.uint8))
    fate = fate_of(CLASSES, {one: load_of(one, UNITS[one]) for one in CLASSES}, factors, n=N, seed=1)
    known = paths(discharge=np.ones(6), low_flow=np.ones(6), dams=np.arange(6) == 2)
    loads = {("coca", one): np.ones(N) for one in CLASSES}
    found = carried_draws(bare, known, fate, loads, factors, "coca", n=N, seed=1, jobs=1)
    parts = ["sediment", "dissolved", "outflow", "outflow_no_decay", "held_in_reservoirs", "highest_at_low_flow"]
    wanted = {f"{one}:{part}" for one in CLASSES for part in (*parts, "highest")} | {"herbicide:above_screening"}
    assert {part for _, part, _ in found} == wanted
    assert all(values.tolist() == [0.0] * N for values in found.values())
    few = carried_draws(bare, paths(), fate, loads, factors, "coca", n=N, seed=1, jobs=1)
    assert {part for _, part, _ in few} == {f"{one}:{part}" for one in CLASSES for part in parts[:4]}
    hill = Hillslopes(
        *(np.zeros(0, dtype=np.int32) for _ in range(4)),
        np.zeros(0, dtype=np.float32),
        np.zeros(0, dtype=bool),
        400.0,
    )
    none = np.zeros(0, dtype=np.uint8)
    empty = tiny.slopes(hill=hill, observed=none, counterfactual=none, on_crop=np.zeros(0, dtype=bool))
    assert paths_of(empty, row_network(6), Waters(discharge=np.zeros((1, 6)))).stream.cells.size == 0
    with pytest.raises(InputError, match="off the hillslopes"):
        paths_of(empty, row_network(6), Waters(sites=np.array([3], dtype=np.int32)))


def row_network(cells: int) -> FlowNetwork:
    """Return one row of cells of 20 by 10 m that runs to the east."""
    return FlowNetwork((1, cells), (20.0, 10.0), np.minimum(np.arange(1, cells + 1), cells - 1).astype(np.int32))


def test_streams_that_loads_run_down() -> None:
    """Literal networks: streams of crop cells and of sites alone, reservoirs' last cells, flows at their cells."""
    network = FlowNetwork(
        (1, 26), (20.0, 10.0), np.array([*[20] * 4, 21, *[22] * 15, 22, 24, 22, 25, 24, 25], np.int32)
    )
    flow = np.full((1, 26), np.nan)
    flow[0, 22] = 0.5
    lake = np.zeros((1, 26))
    lake[0, [20, 21, 24]] = 1.0
    lake[0, 22] = np.nan
    ground = tiny.slopes()
    made = paths_of(ground, network, Waters(discharge=flow, low_flow=flow / 2, reservoirs=lake))
    assert sorted(made.stream.cells.tolist()) == [20, 21, 22, 24]
    assert [made.stream.cells[at] for at in made.at] == [20, 21, 22]
    assert made.of_cell.tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 2]
    assert made.discharge is not None
    assert made.low_flow is not None
    assert made.dams is not None
    order = np.argsort(made.stream.cells)
    assert made.discharge[order].tolist() == pytest.approx([np.nan, np.nan, 0.5, np.nan], nan_ok=True)
    assert made.low_flow[order].tolist() == pytest.approx([np.nan, np.nan, 0.25, np.nan], nan_ok=True)
    assert made.dams[order].tolist() == [True, False, False, True]  # 21 runs on into the lake of 24
    assert made.way_m[order].tolist() == pytest.approx([0, 0, 0, 60.0])
    assert made.sites is None
    assert paths_of(ground, network, Waters()).dams is None
    # no crop on the second slope: its stream is none of theirs, until a site stands there
    few = tiny.slopes(on_crop=np.arange(9) == 0)
    lone = paths_of(few, network, Waters())
    assert sorted(lone.stream.cells.tolist()) == [20, 22]
    assert lone.at.tolist() == [lone.stream.cells.tolist().index(20), -1, -1]
    sited = paths_of(few, network, Waters(sites=np.array([4], dtype=np.int32)))
    assert sorted(sited.stream.cells.tolist()) == [20, 21, 22, 24]
    assert sited.sites is not None
    assert sited.sites.tolist() == [4]
    single = FlowNetwork((1, 26), (20.0, 10.0), np.arange(26, dtype=np.int32))
    last = paths_of(tiny.slopes(on_crop=np.arange(9) == 8), single, Waters(reservoirs=lake * 0 + 1))
    assert last.stream.cells.tolist() == [22]
    assert last.dams is not None
    assert last.dams.tolist() == [False]  # the reservoir is not known there
    last = paths_of(tiny.slopes(on_crop=np.arange(9) == 8), single, Waters(reservoirs=np.ones((1, 26))))
    assert last.dams is not None
    assert last.dams.tolist() == [True]
    for still in (np.zeros((1, 26)), np.full((1, 26), np.nan)):
        with pytest.raises(InputError, match="no flow on any stream"):
            paths_of(ground, network, Waters(discharge=still))
    for off in (9, 25):
        with pytest.raises(InputError, match="off the hillslopes"):
            paths_of(ground, network, Waters(sites=np.array([0, off], dtype=np.int32)))


def frame(**values: float) -> FrameOf:
    """Return a frame with fixed factors, some at other values."""
    factors = fixed(load_factors(), **values)
    return FrameOf(crop="coca", mapped_ha=1.0, n=2, seed=1, factors=factors)


def grid_paths(cells: list[int], way_m: list[float]) -> Paths:
    """Return streams of single cells of a grid."""
    below = Stream(
        np.array(cells, dtype=np.int32), np.full(len(cells), -1, np.int32), np.ones(len(cells), np.float32)
    )
    return paths(stream=below, way_m=np.array(way_m))


@pytest.mark.parametrize("tiles", [(128, 512), (1, 1), (2, 3), (3, 2)])
@pytest.mark.parametrize("distance_m", [0.0, 10.0, 20.0, 25.0, 44.0, 70.0, 1e9])
def test_people_by_their_nearest_stream(
    monkeypatch: pytest.MonkeyPatch, tiles: tuple[int, int], distance_m: float
) -> None:
    """Brute force: all pairs of inhabited and stream cells of 7 by 9, in tiles of any size, cells no squares."""
    monkeypatch.setattr(exposed, "_STRIP", tiles[0])
    monkeypatch.setattr(exposed, "_TILE", tiles[1])
    network = FlowNetwork((7, 9), (20.0, 10.0), np.arange(63, dtype=np.int32))
    rng = np.random.default_rng(4)
    people = np.where(rng.random((7, 9)) < 0.4, rng.random((7, 9)) * 3, np.nan)
    people[0, 0], people[6, 8] = 0.5, 0.0
    cells = [58, 12, 30]  # not in their order
    found = exposed._near(network, paths(stream=grid_paths(cells, [0.0] * 3).stream), people, "people", distance_m)
    reached = 0.0
    for row, col in np.argwhere(people > 0):
        away = [np.hypot((row - one // 9) * 10.0, (col - one % 9) * 20.0) for one in cells]
        reached += people[row, col] * (min(away) <= distance_m)
    assert found.sum() == pytest.approx(reached)
    alone = np.zeros((7, 9))
    alone[6, 3] = 2.0  # 20 m from cell 58, in its own row
    near = exposed._near(network, paths(stream=grid_paths(cells, [0.0] * 3).stream), alone, "people", distance_m)
    assert near.tolist() == [2.0 * (distance_m >= 20.0), 0, 0]
    beside = np.zeros((7, 9))
    beside[1, 5] = 4.0  # 20 m from cell 13, 60 m from cell 11
    near = exposed._near(network, grid_paths([13, 11], [0.0] * 2), beside, "people", distance_m)
    assert near.tolist() == [4.0 * (distance_m >= 20.0), 0]


@pytest.mark.parametrize("turned", [False, True])
def test_far_people_are_found_whatever_the_shape_of_the_grid(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Literal grid: a stream at one end of a row or column of twenty cells, somebody at the other."""
    monkeypatch.setattr(exposed, "_STRIP", 2)
    monkeypatch.setattr(exposed, "_TILE", 2)
    shape = (20, 1) if turned else (1, 20)
    network = FlowNetwork(shape, (20.0, 20.0), np.arange(20, dtype=np.int32))
    people = np.zeros(20)
    people[19] = 3.0
    ways = grid_paths([0], [0.0])
    for distance_m, count in ((1e6, 3.0), (380.0, 3.0), (379.0, 0.0)):
        assert exposed._near(network, ways, people.reshape(shape), "people", distance_m).tolist() == [count]


def test_people_and_intakes_that_the_water_reaches() -> None:
    """Literal people: a velocity of 0.5 m/s and two days reach 86.4 km, that distance itself with them."""
    network = row_network(6)
    ways = grid_paths([0, 5, 2, 4], [86_401.0, 1.0, 0.0, 86_400.0])  # nobody lives near the second
    people = np.array([[1.0, 0.0, 2.0, 0.0, 4.0, np.nan]])
    told = frame(stream_velocity=0.5, exposure_days=2.0, exposure_distance=5.0)
    given = Waters(people=people, intakes=lambda cells: 10 * people.ravel()[cells])
    found = {one.part: one for one in exposure(network, ways, given, told)}
    assert found["people"].draws.tolist() == [6.0, 6.0]
    assert found["intakes"].draws.tolist() == [60.0, 60.0]
    assert (found["people"].unit, found["intakes"].unit) == ("persons", "intakes")
    assert not any(one.scaled for one in found.values())
    short = frame(stream_velocity=0.49, exposure_days=2.0, exposure_distance=5.0)
    assert next(exposure(network, ways, given, short)).draws.tolist() == [2.0, 2.0]
    none = list(exposure(network, ways, Waters(), told))
    assert [(one.part, one.state, one.scaled, one.draws.size) for one in none] == [
        ("people", "not_computed", False, 0),
        ("intakes", "not_computed", False, 0),
    ]
    with pytest.raises(InputError, match="-1 in a cell"):
        list(exposure(network, ways, Waters(people=np.array([[0.0, -1.0, 0, 0, 0, 0]])), told))
