"""Delivery of sediment and hillslopes: reference O-16, literal rasters, a slow reading of the equations, laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.harm.sediment import Delivery, connectivity_index, delivery_ratio, deposition, sediment_ratio
from geo.errors import InputError
from geo.flow import flow_network
from geo.grid import GeoBox
from geo.hillslope import gradient_at, hillslopes, mean_upslope, stream_mask, tributaries
from geo.terrain import gradient
from tests.aoi.harm.ground import four_cells, place

INVEST = Delivery(0.8, 0.5, 2.0)
SLOPE = np.array([0.3, 0.3, 0.2, 0.1])


def test_o16_ratio_by_index() -> None:
    """Reference O-16: seven indices."""
    index = [-6, -3.5, -2, 0, 0.5, 2, 4.5]
    expected = [0.029862, 0.095362, 0.178160, 0.350259, 0.4, 0.543343, 0.704638]
    assert delivery_ratio(index, INVEST) == pytest.approx(expected, abs=5e-7)


def test_o16_delivery_of_four_cells_and_of_forest() -> None:
    """Reference O-16: 2.22292 with the crop, 0.47918 with forest, 1.74375 between them, mass whole."""
    hill = four_cells()
    crop = sediment_ratio(hill, SLOPE, [0.3, 0.3, 0.003, 0.003], INVEST)
    forest = sediment_ratio(hill, SLOPE, [0.003] * 4, INVEST)
    delivered, without = float(crop.sum() * 10), float(forest @ [0.1, 0.1, 10, 10])
    assert delivered == pytest.approx(2.22292, abs=5e-6)
    assert without == pytest.approx(0.47918, abs=5e-6)
    assert delivered - without == pytest.approx(1.74375, abs=1e-5)
    assert (delivered - without) * 0.09 == pytest.approx(0.15694, abs=5e-6)
    kept, held = deposition(hill, np.full(4, 10.0), crop)
    assert delivered + kept.sum() + held.sum() == pytest.approx(40)
    assert (kept >= 0).all()
    assert held[:3].tolist() == [0, 0, 0]


def test_o16_less_cover_factor_downslope_lowers_the_ratio_above() -> None:
    """Reference O-16, property: C lowered downslope alone makes the upslope cell deliver less."""
    hill = four_cells()
    bare = sediment_ratio(hill, SLOPE, [0.3, 0.3, 0.3, 0.3], INVEST)
    buffer = sediment_ratio(hill, SLOPE, [0.3, 0.3, 0.3, 0.003], INVEST)
    assert (buffer[:3] < bare[:3]).all()


def test_ratio_is_the_index_through_the_curve() -> None:
    """Law: the fused passes and the two steps agree."""
    hill, cover = four_cells(), [0.3, 0.02, 0.003, 0.1]
    both = delivery_ratio(connectivity_index(hill, SLOPE, cover), INVEST)
    assert sediment_ratio(hill, SLOPE, cover, INVEST) == pytest.approx(both, rel=1e-12)


@given(st.integers(0, 10**6), st.floats(0.02, 0.6))
@settings(max_examples=25, deadline=None)
def test_soil_is_neither_made_nor_lost(seed: int, share: float) -> None:
    """Law: delivered, kept and held make up the loss, on any hills, cover and plots."""
    where = place(seed, side=14, share=share, stream_ha=0.6)
    hill = hillslopes(where.network, where.stream, where.plot, whole=True)
    rng = np.random.default_rng(seed)
    loss, cover = rng.random(hill.cells.size) * 50, rng.random(hill.cells.size)
    east, north = gradient_at(where.z, hill.cells, where.network.cell_m)
    ratio = sediment_ratio(hill, np.hypot(east, north), cover, INVEST)
    kept, held = deposition(hill, loss, ratio)
    assert (loss * ratio).sum() + kept.sum() + held.sum() == pytest.approx(loss.sum(), rel=1e-9)
    assert ((ratio > 0) & (ratio <= 1)).all()


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_ratio_by_plain_loops(seed: int) -> None:
    """Brute force: each cell's index by following its own way down and gathering all that lies above it."""
    where = place(seed, side=10, share=0.3, stream_ha=0.4)
    hill = hillslopes(where.network, where.stream, where.plot, whole=True)
    rng = np.random.default_rng(seed)
    cover, slope = 0.001 + rng.random(hill.cells.size), rng.random(hill.cells.size)
    cover, slope = np.minimum(cover, 1.0), slope.astype(np.float32)
    found = connectivity_index(hill, slope, cover)
    steep = np.clip(slope.astype(float), 0.005, 1)
    for start in range(hill.cells.size):
        if hill.on_stream[start]:
            assert np.isinf(found[start])
            continue
        down, at = 0.0, start
        while at >= 0:
            down += hill.step_m[at] / (cover[at] * steep[at])
            at = hill.ahead[at]
        above = [one for one in range(hill.cells.size) if start in _way(hill.ahead, one)]
        assert len(above) == hill.upslope[start]
        up = cover[above].mean() * steep[above].mean() * np.sqrt(len(above) * hill.cell_area_m2)
        assert found[start] == pytest.approx(np.log10(up / down), rel=1e-6)


def _way(ahead: np.ndarray, start: int) -> list[int]:  # type: ignore[type-arg]
    found = [start]
    while ahead[found[-1]] >= 0:
        found.append(int(ahead[found[-1]]))
    return found


@given(st.integers(0, 10**6), st.floats(0.01, 0.3))
@settings(max_examples=25, deadline=None)
def test_hillslopes_are_whole(seed: int, share: float) -> None:
    """Law: every marked cell is held, all above a held cell of a slope is held, no stream but marked."""
    where = place(seed, side=15, share=share, stream_ha=0.6)
    hill = hillslopes(where.network, where.stream, where.plot, whole=True)
    held = np.zeros(where.z.size, dtype=bool)
    held[hill.cells] = True
    assert held[where.plot.ravel()].all()
    slope = ~where.stream
    above = np.flatnonzero(slope & (where.network.downstream != np.arange(where.z.size)))
    below = where.network.downstream[above]
    into_held = held[below] & slope[below]
    assert held[above[into_held]].all()
    assert (where.plot.ravel()[hill.cells[hill.on_stream]]).all()
    last = hill.ahead < 0
    enters = where.stream[hill.entry] | (where.network.downstream[hill.entry] == hill.entry)
    assert enters.all()
    assert last.any() or not hill.cells.size


@given(st.integers(0, 10**6), st.floats(0.01, 0.2))
@settings(max_examples=25, deadline=None)
def test_parts_of_slopes_know_what_comes_in(seed: int, share: float) -> None:
    """Brute force: parts hold the marked, all above and below them; the rest is counted where it joins."""
    where = place(seed, side=15, share=share, stream_ha=0.6)
    ahead, slope, marked = where.network.downstream, ~where.stream, where.plot.ravel()
    part = hillslopes(where.network, where.stream, where.plot)

    def way(cell: int) -> list[int]:
        found = [cell]
        while slope[found[-1]] and ahead[found[-1]] != found[-1] and slope[ahead[found[-1]]]:
            found.append(int(ahead[found[-1]]))
        return found

    ways = {cell: way(cell) for cell in range(marked.size)}
    below = {one for cell in np.flatnonzero(marked) for one in ways[cell]}
    above = {
        cell for cell, held in ways.items() if any(marked[one] for one in held) and (slope[cell] or marked[cell])
    }
    assert set(part.cells.tolist()) == below | above
    aside = tributaries(where.network, where.stream, part, where.before, 3)
    expected = np.zeros((part.cells.size, 3), dtype=int)
    at = {int(cell): index for index, cell in enumerate(part.cells)}
    for cell, held in ways.items():
        into = next((one for one in held if one in at), None)
        if cell not in at and into is not None and slope[cell] and slope[into]:
            expected[at[into], where.before.ravel()[cell]] += 1
    found = np.zeros_like(expected)
    found[aside.places] = aside.counts
    assert np.array_equal(found, expected)
    values = np.random.default_rng(seed).random(marked.size)
    gathered = [np.mean([values[one] for one, held in ways.items() if cell in held]) for cell in part.cells]
    on_slope = ~part.on_stream
    mean = mean_upslope(where.network, where.stream, part, values)
    assert mean[on_slope] == pytest.approx(np.array(gathered)[on_slope], rel=1e-5)
    told = mean_upslope(where.network, where.stream, part, lambda cells: values[cells], chunk=7)
    assert told == pytest.approx(mean, rel=1e-6)
    edges = part.pieces(5)
    assert edges.tolist() == sorted(set(edges.tolist()))
    assert (edges[0], edges[-1]) == (0, part.cells.size)
    piece = np.searchsorted(edges, np.arange(part.cells.size), side="right")
    inner = part.ahead >= 0
    assert (piece[inner] == piece[part.ahead[inner]]).all()  # no water runs from one piece into another


def test_no_marked_cell_no_slope() -> None:
    """Law: no plots, no hillslope."""
    where = place(1)
    assert hillslopes(where.network, where.stream, np.zeros(where.z.shape, dtype=bool)).cells.size == 0


def test_streams_begin_at_an_area_and_go_on() -> None:
    """Literal valley: the same hectares give one stream on two cell sizes; a known river carries on."""
    starts = []
    for cell_m in (10.0, 20.0):
        side = int(800 / cell_m)
        row, col = np.mgrid[0:side, 0:side]
        z = 500 - 0.05 * cell_m * row + 0.4 * cell_m * abs(col - side // 2)
        box = GeoBox.from_bbox((0, 0, 800, 800), "EPSG:32618", resolution=cell_m)
        network = flow_network(z, box)
        stream = stream_mask(network, least_m2=16e4).reshape(z.shape)
        starts.append(np.flatnonzero(stream.any(axis=1))[0] * cell_m)
        river = np.zeros(z.shape, dtype=bool)
        river[side // 4, side // 2] = True
        known = stream_mask(network, least_m2=1e9, rivers=river).reshape(z.shape)
        assert known[side // 4 :, side // 2].all()
        assert not known[: side // 4].any()
    assert starts[0] == pytest.approx(starts[1], abs=20)
    assert starts[0] == pytest.approx(200, abs=20)  # 16 ha of a valley 800 m wide


def test_gradient_at_cells_is_that_of_the_terrain() -> None:
    """Independent code: Horn's gradient inside; a plane keeps its slope up to its edge."""
    z = np.random.default_rng(3).normal(500, 20, (12, 13)).astype(np.float32)
    ours = gradient_at(z, np.arange(z.size, dtype=np.int32), (10.0, 20.0))
    theirs = gradient(z, 10.0, 20.0)
    for one, other in zip(ours, (theirs.east, theirs.north), strict=True):
        assert one.reshape(z.shape)[1:-1, 1:-1] == pytest.approx(other, rel=1e-5, abs=1e-6)
    row, col = np.mgrid[0:6, 0:6]
    plane = (100 + 3.0 * col + 2.0 * row).astype(np.float32)
    plane[:2, :2] = np.nan
    east, north = gradient_at(plane, np.flatnonzero(~np.isnan(plane)).astype(np.int32), (10.0, 10.0))
    assert east == pytest.approx(np.full(32, 0.3))
    assert north == pytest.approx(np.full(32, -0.2))


def test_bad_input_is_told() -> None:
    """Literal values: parameters, covers, slopes, plots without ground."""
    with pytest.raises(InputError, match="k above 0"):
        Delivery(0.8, 0.5, 0.0)
    with pytest.raises(InputError, match="cover outside"):
        sediment_ratio(four_cells(), SLOPE, [0.3, 0.3, 0.3, 1.2], INVEST)
    with pytest.raises(InputError, match="slope missing"):
        sediment_ratio(four_cells(), [0.1, np.nan, 0.1, 0.1], [0.1] * 4, INVEST)
    with pytest.raises(InputError, match="one each"):
        sediment_ratio(four_cells(), SLOPE[:3], [0.1] * 4, INVEST)
    where = place(1, side=12)
    z = where.z.copy()
    z[:3, :3] = np.nan
    network = flow_network(z, GeoBox.from_bbox((0, 0, 240, 240), "EPSG:32618", resolution=20))
    mark = np.zeros(z.shape, dtype=bool)
    mark[1, 1] = True
    with pytest.raises(InputError, match="1 cells of the analysis without elevation"):
        hillslopes(network, where.stream, mark)
    with pytest.raises(InputError, match="warp them"):
        stream_mask(network, least_m2=1e4, rivers=np.zeros((2, 2)))
    with pytest.raises(InputError, match="above 0"):
        stream_mask(network, least_m2=0.0)
