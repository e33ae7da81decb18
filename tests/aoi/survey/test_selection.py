"""Draws of sample units: sizes, equal chances, reproducibility, and frames read in blocks."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from aoi.survey.selection import (
    draw_ranks,
    draw_simple,
    draw_stratified,
    draw_systematic,
    inclusion_probability,
    pick_ranks,
)
from geo.errors import InputError

CHI2_999_9 = 29.59
"""0.999 quantile of chi-square with 9 degrees of freedom: ten equally likely pairs."""


def test_every_sample_is_equally_likely() -> None:
    """Brute force: the ten pairs of five units come up alike in 20 000 draws (chi-square)."""
    rng = np.random.default_rng(11)
    pairs = dict.fromkeys(combinations(range(5), 2), 0)
    for _ in range(20_000):
        pairs[tuple(draw_simple(5, 2, rng).tolist())] += 1
    observed = np.array(list(pairs.values()))
    assert ((observed - 2000) ** 2 / 2000).sum() < CHI2_999_9


def test_stratified_sizes_and_membership() -> None:
    """Law: each stratum gives its number of units, without repetition, and none from outside the frame."""
    codes = np.random.default_rng(0).integers(-1, 3, 5000)
    drawn = draw_stratified(codes, [5, 10, 20], np.random.default_rng(1))
    assert np.bincount(codes[drawn]).tolist() == [5, 10, 20]
    assert np.unique(drawn).size == 35
    assert (np.diff(drawn) > 0).all()


def test_same_seed_same_units_and_another_seed_others() -> None:
    """Law: the seed decides the sample, and nothing else does."""
    codes = np.repeat([0, 1], 500)
    first, again, other = (draw_stratified(codes, [9, 9], np.random.default_rng(s)) for s in (4, 4, 5))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_one_stratum_does_not_disturb_another() -> None:
    """Law: a larger sample in one stratum leaves the other's units as they were."""
    codes = np.repeat([0, 1], 500)
    small, large = (draw_stratified(codes, [9, n], np.random.default_rng(4)) for n in (9, 90))
    assert small[small < 500].tolist() == large[large < 500].tolist()


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_blocks_give_the_sample_of_the_whole(block: int) -> None:
    """Law: a frame read in blocks of any size yields the units drawn in memory."""
    codes = np.random.default_rng(2).integers(-1, 4, 1000)
    whole = draw_stratified(codes, [3, 4, 5, 6], np.random.default_rng(8))
    sizes = np.bincount(codes[codes >= 0], minlength=4)
    ranks = draw_ranks(sizes, [3, 4, 5, 6], np.random.default_rng(8))
    found, seen = [], np.zeros(4, dtype=np.int64)
    for start in range(0, codes.size, block):
        index, seen = pick_ranks(codes[start : start + block], ranks, seen)
        found += (index + start).tolist()
    assert found == whole.tolist()
    assert seen.tolist() == sizes.tolist()


def test_systematic_inclusion_is_equal() -> None:
    """Brute force: over many starts each of 10 units enters a systematic sample of 4 with probability 0.4."""
    rng = np.random.default_rng(3)
    hits = np.zeros(10)
    for _ in range(20_000):
        hits[draw_systematic(10, 4, rng)] += 1
    assert np.abs(hits / 20_000 - 0.4).max() < 0.015


def test_systematic_spreads_its_units() -> None:
    """Law: gaps of a systematic sample differ by one unit at most."""
    gaps = np.diff(draw_systematic(103, 10, np.random.default_rng(1)))
    assert gaps.max() - gaps.min() <= 1
    assert draw_systematic(5, 0, np.random.default_rng(1)).size == 0


@pytest.mark.parametrize("wanted", [[4, 1], [-1, 1]])
def test_impossible_sizes_are_refused(wanted: list[int]) -> None:
    """Law: a stratum cannot give more units than it has, nor fewer than none."""
    with pytest.raises(InputError, match=r"stratum 0: found -?\d units to draw; expected 0 to 3"):
        draw_stratified([0, 0, 0, 1, 1], wanted, np.random.default_rng(0))


def test_a_stratum_without_a_size_is_refused() -> None:
    """Law: each stratum has its number of units to draw."""
    with pytest.raises(InputError, match="stratum code 2"):
        draw_stratified([0, 1, 2], [1, 1], np.random.default_rng(0))
    with pytest.raises(InputError, match="one per stratum"):
        draw_ranks([3, 3], [1], np.random.default_rng(0))


def test_inclusion_probability() -> None:
    """Law: n_h over N_h."""
    assert inclusion_probability([10, 40], [5, 4]).tolist() == [0.5, 0.1]
