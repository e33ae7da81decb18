"""Matched controls of rings: classes, balance, expectation and draws, by hand and by a slow reading."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aoi.harm.indirect import excess_draws, expected_loss_ha, match, standardised_difference
from geo.errors import InputError

FloatArray = NDArray[np.float64]


def test_standardised_difference_by_hand() -> None:
    """Worked by hand: means 1 and 0, variances 1 and 1 give 1; equal constants give 0, others no balance at all."""
    treated, control = np.array([[0.0], [2.0]]), np.array([[-1.0], [1.0]])
    assert standardised_difference(treated, control).tolist() == [1.0]
    assert standardised_difference(np.ones((3, 1)), np.ones((3, 1))).tolist() == [0.0]
    assert standardised_difference(np.ones((3, 1)), np.zeros((3, 1))).tolist() == [np.inf]


def test_unmatched_are_told() -> None:
    """Law: a treated cell whose class holds no control is counted, not dropped; far controls are left out."""
    found = match(np.array([[0.0], [0.1], [100.0], [100.1]]), np.array([[0.05], [0.06], [500.0]]), parts=2)
    assert found.unmatched == 2
    assert found.treated.tolist() == [0, 0, -1, -1]
    assert found.pool.tolist() == [0, 0, -1]


def test_expected_loss_by_hand() -> None:
    """Worked by hand: two controls of a class lost 1 of 10 and 3 of 10 ha, so 5 ha are expected to lose 1."""
    found = match(np.array([[0.0], [1.0]]), np.array([[0.2], [0.8]]), parts=1)
    expected = expected_loss_ha(found, np.array([1.0, 3.0]), np.array([10.0, 10.0]), np.array([5.0, 10.0]))
    assert expected.tolist() == [1.0, 2.0]


def test_draws_are_centred_and_two_sided() -> None:
    """Law: draws of tiles have the mean of the excess and reach both sides when tiles disagree."""
    draws = excess_draws(np.array([3.0, 0.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0, 1.0]), n=4000, seed=1, name="x")
    assert draws.mean() == pytest.approx(0.0, abs=0.15)
    assert draws.min() < 0 < draws.max()


def test_weighted_difference_by_hand() -> None:
    """By hand: controls 0 and 4 weighing 3 to 1 have mean 1 and variance 3; 2 and 4 have 3 and 1: 2 / sqrt 2."""
    treated, control = np.array([[2.0, 5.0], [4.0, 5.0]]), np.array([[0.0, 5.0], [4.0, 5.0]])
    found = standardised_difference(treated, control, np.array([3.0, 1.0]))
    assert found.tolist() == pytest.approx([2 / np.sqrt(2.0), 0.0])


def by_hand(treated: FloatArray, pool: FloatArray, parts: int) -> tuple[list[object], list[object]]:
    """Return the class of each cell and control as a tuple of fifths, None where it has no match; slowly."""
    cuts = [sorted({float(np.quantile(column, k / parts)) for k in range(1, parts)}) for column in treated.T]

    def class_of(row: FloatArray) -> tuple[int, ...]:
        return tuple(sum(value >= cut for cut in own) for value, own in zip(row, cuts, strict=True))

    def within(row: FloatArray) -> bool:
        return all(min(own) <= value <= max(own) for value, own in zip(row, treated.T, strict=True))

    ours = [class_of(row) for row in treated]
    theirs = [class_of(row) if within(row) else None for row in pool]
    shared = set(ours) & set(theirs)
    return [one if one in shared else None for one in ours], [one if one in shared else None for one in theirs]


@pytest.mark.parametrize("seed", range(4))
def test_classes_are_those_of_a_slow_reading(seed: int) -> None:
    """Brute force: cells share a class when every covariate lies in the same fifth; what is expected, by class."""
    rng = np.random.default_rng(seed)
    treated, pool = rng.normal(0, 1, (40, 2)).round(1), rng.normal(0.3, 1.5, (60, 2)).round(1)
    found = match(treated, pool)
    ours, theirs = by_hand(treated, pool, 5)
    assert [one < 0 for one in found.treated] == [one is None for one in ours]
    assert [one < 0 for one in found.pool] == [one is None for one in theirs]
    assert found.unmatched == sum(one is None for one in ours)
    told = list(zip(found.treated.tolist(), ours, strict=True)) + list(
        zip(found.pool.tolist(), theirs, strict=True)
    )
    assert len({pair for pair in told if pair[1] is not None}) == len({one for one in ours if one is not None})
    loss, forest, own = rng.random(60), rng.random(60) + 1, rng.random(40)
    wanted = []
    for code, area in zip(ours, own, strict=True):
        like = [at for at, other in enumerate(theirs) if code is not None and other == code]
        wanted.append(sum(loss[like]) / sum(forest[like]) * area if like else 0.0)
    assert expected_loss_ha(found, loss, forest, own) == pytest.approx(wanted)
    # the balance is that of controls repeated as often as their class holds cells
    weights = [sum(one == code for one in ours) / sum(one == code for one in theirs) for code in theirs if code]
    mine, used = treated[[one is not None for one in ours]], pool[[one is not None for one in theirs]]
    assert found.balance == pytest.approx(standardised_difference(mine, used, np.array(weights)))


def test_nothing_to_match_is_out_of_balance() -> None:
    """Law: without controls, without cells, or without a shared class there is no balance at all."""
    some, far = np.array([[0.0], [1.0]]), np.array([[9.0], [8.0]])
    for treated, pool in ((some, np.empty((0, 1))), (np.empty((0, 1)), some), (some, far)):
        found = match(treated, pool)
        assert (found.treated == -1).all()
        assert (found.pool == -1).all()
        assert found.balance.tolist() == [np.inf]
        assert found.unmatched == len(treated)
    with pytest.raises(InputError, match="covariates of rings"):
        match(some, np.array([[np.nan]]))
    with pytest.raises(InputError, match="covariates of rings"):
        match(np.array([[np.nan]]), some)


def test_controls_without_forest_expect_nothing() -> None:
    """Law: a class whose controls hold no forest has no rate, and so expects no loss; no number is made of 0/0."""
    found = match(np.array([[0.0], [1.0]]), np.array([[0.2], [0.8]]), parts=1)
    assert expected_loss_ha(found, np.zeros(2), np.zeros(2), np.array([5.0, 7.0])).tolist() == [0.0, 0.0]


def test_draws_are_sums_of_as_many_tiles() -> None:
    """Brute force: each draw is a sum of three of the three excesses, and the same seed gives the same draws."""
    loss, expected = np.array([3.0, 10.0, 100.0]), np.array([2.0, 0.0, 0.0])
    draws = excess_draws(loss, expected, n=500, seed=4, name="ring")
    possible = {a + b + c for a in (1.0, 10.0, 100.0) for b in (1.0, 10.0, 100.0) for c in (1.0, 10.0, 100.0)}
    assert set(draws.tolist()) == possible
    assert np.array_equal(draws, excess_draws(loss, expected, n=500, seed=4, name="ring"))
    assert not np.array_equal(draws, excess_draws(loss, expected, n=500, seed=4, name="track"))
