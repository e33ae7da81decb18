"""Spread draws: their probabilities, their balance, their seed."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.inclusion import proportional_inclusion
from aoi.survey.spatial_balance import draw_local_pivotal, draw_tessellation, spatial_imbalance
from geo.errors import InputError

METHODS = [draw_tessellation, draw_local_pivotal]
GRID = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2) * 1000
"""Four hundred segments of one kilometre."""


@pytest.mark.parametrize("draw", METHODS)
def test_first_order_frequencies(draw) -> None:
    """Brute force: over 600 draws each unit is drawn as often as its probability says (4.5 sd)."""
    rng = np.random.default_rng(1)
    xy, pi = rng.random((25, 2)), proportional_inclusion(np.arange(1.0, 26.0), 6, size_floor=0.0)
    drawn = np.zeros(25)
    for _ in range(600):
        sample = draw(xy, pi, rng=rng)
        assert np.unique(sample).size == 6
        drawn[sample] += 1
    assert (np.abs(drawn / 600 - pi) <= 4.5 * np.sqrt(pi * (1 - pi) / 600)).all()


@pytest.mark.parametrize(("draw", "most"), [(draw_tessellation, 0.7), (draw_local_pivotal, 0.45)])
def test_more_even_than_a_simple_random_sample(draw, most: float) -> None:
    """Law: a spread sample's imbalance is well under that of a simple random one on the same grid."""
    rng, pi = np.random.default_rng(2), np.full(400, 0.1)
    spread = np.mean([spatial_imbalance(GRID, pi, draw(GRID, pi, rng=rng)) for _ in range(40)])
    random = np.mean([spatial_imbalance(GRID, pi, rng.choice(400, 40, replace=False)) for _ in range(40)])
    assert spread < most * random


def test_imbalance_of_a_perfect_sample() -> None:
    """Literal: one unit in the middle of each of four blocks of nine gathers a probability of one each."""
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    middle = [7, 10, 25, 28]
    assert spatial_imbalance(grid, np.full(36, 4 / 36), middle) == pytest.approx(0.0, abs=1e-12)
    assert spatial_imbalance(grid, np.full(36, 4 / 36), [0, 1, 6, 7]) > 0.5


@pytest.mark.parametrize("draw", METHODS)
def test_same_seed_same_sample(draw) -> None:
    """Law: a draw is its seed, and inputs are not changed."""
    pi = np.full(400, 0.1)
    one, same, other = (draw(GRID, pi, rng=np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert (pi == 0.1).all()


def test_first_part_of_a_tessellation_is_spread_too() -> None:
    """Law: in reverse hierarchical order half of the sample is a spread sample of half the size."""
    rng, pi = np.random.default_rng(3), np.full(400, 0.16)
    first = np.mean([spatial_imbalance(GRID, pi / 4, draw_tessellation(GRID, pi, rng=rng)[:16]) for _ in range(60)])
    random = np.mean([spatial_imbalance(GRID, pi / 4, rng.choice(400, 16, replace=False)) for _ in range(60)])
    assert first < 0.8 * random


@pytest.mark.parametrize("draw", METHODS)
def test_certain_units_and_shared_positions(draw) -> None:
    """Law: probability one is always drawn, and units on one spot are told apart."""
    xy = np.array([[0.0, 0.0]] * 5 + [[9.0, 9.0]])
    pi = np.array([0.2, 0.2, 0.2, 0.2, 0.2, 1.0])
    for seed in range(10):
        sample = draw(xy, pi, rng=np.random.default_rng(seed))
        assert 5 in sample
        assert sample.size == 2


@pytest.mark.parametrize("draw", METHODS)
def test_broken_frames(draw) -> None:
    """Law: a unit without a position cannot be spread."""
    with pytest.raises(InputError, match=r"1 units without a position \(first \[1\]\)"):
        draw([[0.0, 0.0], [np.nan, 1.0]], [0.5, 0.5], rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="a whole number"):
        draw([[0.0, 0.0], [1.0, 1.0]], [0.5, 0.2], rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="coordinates: found shape"):
        draw([[0.0, 0.0]], [0.5, 0.5], rng=np.random.default_rng(0))
