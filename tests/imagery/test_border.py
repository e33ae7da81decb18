"""Border cells: shares of cut squares, mixtures and whose label they carry."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from imagery.border import BorderCells, Edges, draw_borders, edge_share, mixed_series, mixed_texture
from imagery.stack import Series


def _edges(n: int, rng: np.random.Generator) -> Edges:
    angle = rng.uniform(0, 2 * np.pi, n)
    angle[:4] = np.arange(4) * np.pi / 2
    return Edges(east=np.cos(angle), south=np.sin(angle), distance=rng.uniform(-2, 2, n))


def _cells(first: list[int], second: list[int], distance: list[float]) -> BorderCells:
    n = len(first)
    edges = Edges(east=np.ones(n), south=np.zeros(n), distance=np.array(distance))
    return BorderCells(first=np.array(first), second=np.array(second), edges=edges, offset=np.zeros((2, n)))


@pytest.mark.parametrize("side", [1.0, 2.0, 7.0])
def test_the_share_is_that_of_a_fine_raster(side: float) -> None:
    """Brute force: a square of 400 x 400 points counted on either side of the line."""
    rng = np.random.default_rng(3)
    edges, east, south = _edges(60, rng), rng.uniform(-1, 1, 60), rng.uniform(-1, 1, 60)
    points = ((np.arange(400) + 0.5) / 400 - 0.5) * side
    column, row = (axis.ravel() for axis in np.meshgrid(points, points))
    for k, found in enumerate(edge_share(edges, side, east, south)):
        ahead = edges.distance[k] + edges.east[k] * (east[k] + column) + edges.south[k] * (south[k] + row)
        assert found == pytest.approx((ahead > 0).mean(), abs=4e-3)


def test_the_label_is_that_of_the_centre() -> None:
    """Law: the side that the centre lies on covers at least half of the cell, and lends its label."""
    rng = np.random.default_rng(4)
    cells = draw_borders(
        rng.random(40), rng.random(40), rng.integers(1, 4, 40), np.zeros(40, dtype=int), per_place=9, rng=rng
    )
    of_first = cells.holder == cells.first
    assert np.array_equal(of_first, cells.share(1.0) >= 0.5)
    assert 0.4 < of_first.mean() < 0.6


def test_pairs_stay_within_their_group_and_differ_in_class() -> None:
    """Law: no border joins two groups or two places of one class; a place without a partner has none."""
    rng = np.random.default_rng(5)
    code, group = rng.integers(1, 3, 60), rng.integers(0, 4, 60)
    code[group == 3] = 1
    cells = draw_borders(rng.random(60), rng.random(60), code, group, per_place=5, rng=rng)
    assert np.array_equal(group[cells.first], group[cells.second])
    assert (code[cells.first] != code[cells.second]).all()
    assert len(cells) == 5 * (group != 3).sum()


def test_partners_are_near() -> None:
    """Literal: of a hundred places in a row none is joined to one more than forty places off."""
    rng = np.random.default_rng(6)
    x = np.arange(100.0)
    cells = draw_borders(x, 0 * x, np.arange(100) % 2, np.zeros(100, dtype=int), per_place=30, rng=rng)
    assert np.abs(x[cells.first] - x[cells.second]).max() <= 40


def test_values_are_mixed_by_the_share_of_each_footprint() -> None:
    """Literal: an edge a quarter of a cell off gives 3/4 of the fine band, 5/8 of one twice as coarse."""
    values = np.array([[[100, 20], [1000, 200]]], dtype=np.int16)
    series = Series(
        days=(date(2024, 1, 1),), bands=("fine", "coarse"), values=values, valid=np.ones((1, 2), bool), quantum=1e-4
    )
    mixed = mixed_series(series, _cells([0, 1], [1, 0], [0.25, 0.25]), np.array([[1.0, 2.0]]))
    assert mixed.values[0].tolist() == [[80, 40], [700, 500]]


def test_decibels_are_mixed_as_power() -> None:
    """Literal: half of 0 dB and half of -20 dB is half of 1.01, or -2.97 dB."""
    series = Series(
        days=(date(2024, 1, 1),),
        bands=("vv",),
        values=np.array([[[0, -2000]]], dtype=np.int16),
        valid=np.ones((1, 2), bool),
        quantum=0.01,
    )
    mixed = mixed_series(series, _cells([0], [1], [0.0]), np.ones((1, 1)), is_decibel=True)
    assert mixed.values.ravel().tolist() == [-297]


def test_a_day_is_clear_where_both_were() -> None:
    """Literal: a cloud over either place hides the border cell."""
    valid = np.array([[True, True], [True, False], [False, True], [False, False]])
    days = tuple(date(2024, 1, day) for day in range(1, 5))
    series = Series(days=days, bands=("x",), values=np.ones((4, 1, 2), np.int16), valid=valid, quantum=1.0)
    assert mixed_series(series, _cells([0], [1], [0.1]), np.ones((4, 1))).valid[:, 0].tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_texture_is_that_of_both_sides_together() -> None:
    """Brute force: mean and deviation of the values of both sides laid together."""
    rng = np.random.default_rng(7)
    one, other = rng.normal(10, 2, 3000), rng.normal(30, 5, 1000)
    planes = np.array([[one.mean(), other.mean()], [one.std(), other.std()]], dtype=np.float32)
    # A window of 3 cells whose centre lies 0.75 cells ahead of a straight edge is cut three to one
    mixed = mixed_texture(planes, _cells([0], [1], [0.75]), [1])
    both = np.concatenate([one, other])
    np.testing.assert_allclose(mixed[:, 0], [both.mean(), both.std()], rtol=1e-5)
