"""Folds: whole blocks, crops in every fold and period, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.errors import QualityGateError
from imagery.fold import block_of, random_folds, require_folds, spatial_folds

CROP = 1


def places(seed: int, count: int = 300) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]]:
    """Return block, class and period of places in 40 blocks; a fifth are the crop."""
    rng = np.random.default_rng(seed)
    block = rng.integers(0, 40, count)
    code = np.where(rng.random(count) < 0.2, CROP, 2)
    return np.tile(block, 2), np.tile(code, 2), np.repeat(np.array(["2020", "2023"]), count)


def folds_of(seed: int, folds: int = 5) -> tuple[NDArray[np.int64], ...]:
    """Return the places with their folds."""
    block, code, period = places(seed)
    rng = np.random.default_rng(seed)
    fold = spatial_folds(block, code, period, folds=folds, positives=[CROP], rng=rng)
    return block, code, fold


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), folds=st.integers(2, 6))
def test_no_block_is_divided_and_every_fold_has_the_crop(seed: int, folds: int) -> None:
    """Law: what makes spatial folds spatial, on random places."""
    block, code, fold = folds_of(seed, folds)
    for number in np.unique(block):
        assert len(np.unique(fold[block == number])) == 1
    positives = np.bincount(fold[code == CROP], minlength=folds)
    assert positives.min() > 0
    assert positives.max() <= 2.5 * positives.min()


def test_the_seed_decides() -> None:
    """Law: the same seed gives the same folds."""
    assert np.array_equal(folds_of(3)[2], folds_of(3)[2])


def test_a_fold_without_the_crop_is_refused() -> None:
    """Law: three blocks with the crop cannot serve five folds; scores of 0 divided by 0 never arise."""
    block = np.arange(20)
    code = np.where(block < 3, CROP, 2)
    period = np.full(20, "2023")
    with pytest.raises(QualityGateError, match="has no unit of class 1 in period 2023"):
        spatial_folds(block, code, period, folds=5, positives=[CROP], rng=np.random.default_rng(0))


def test_a_fold_without_the_crop_in_one_year_is_refused() -> None:
    """Law: every year counts by itself."""
    block = np.tile(np.arange(10), 2)
    period = np.repeat(np.array(["2020", "2023"]), 10)
    code = np.where((period == "2023") | (block < 2), CROP, 2)
    with pytest.raises(QualityGateError, match="in period 2020"):
        spatial_folds(block, code, period, folds=4, positives=[CROP], rng=np.random.default_rng(0))


def test_leaked_folds_are_found() -> None:
    """Negative control: tiles dealt out one by one put the same block on both sides."""
    block, code, period = places(1)
    leaked = np.arange(len(block)) % 5
    with pytest.raises(QualityGateError, match="blocks in more than one fold"):
        require_folds(leaked, block, code, period, folds=5, positives=[CROP])


def test_both_problems_are_told_at_once() -> None:
    """Law: all problems, then one refusal."""
    block = np.array([0, 0, 1, 1])
    fold = np.array([0, 1, 1, 1])
    code = np.array([CROP, 2, 2, 2])
    with pytest.raises(QualityGateError) as caught:
        require_folds(fold, block, code, np.full(4, "2023"), folds=2, positives=[CROP])
    assert len(caught.value.problems) == 2


def test_blocks_are_squares_of_land() -> None:
    """Literal: 250 m blocks around the origin, negative coordinates too."""
    x = np.array([0.0, 249.0, 250.0, -1.0, 0.0])
    y = np.array([0.0, 249.0, 0.0, 0.0, -1.0])
    found = block_of(x, y, 250.0)
    assert found[0] == found[1]
    assert len(set(found.tolist())) == 4


def test_random_folds_share_every_class() -> None:
    """Law: equal shares, one unit apart at most."""
    code = np.repeat([1, 2, 3], [50, 23, 7])
    fold = random_folds(code, 5, np.random.default_rng(0))
    for value in (1, 2, 3):
        counts = np.bincount(fold[code == value], minlength=5)
        assert counts.max() - counts.min() <= 1
