"""Surveys drawn again from a sample: chances, rows that stay together, and coverage by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aoi.survey.resampled_coverage import coverage_of_limits, redraw, unit_chances

GROUP = np.repeat([0, 1, 2], [20, 10, 5])
AMOUNT = np.zeros(35)
AMOUNT[[0, 1, 5]] = [2.0, 3.0, 1.0]
AMOUNT[30:] = 1.0


def test_crop_is_as_frequent_as_the_sample_can_hide() -> None:
    """Independent program (scipy): the upper Jeffreys limit of 3 in 20 is shared by the three units with crop."""
    chance = unit_chances(AMOUNT, GROUP, "pessimistic", level=0.9)
    limit = stats.beta.ppf(0.95, 3.5, 17.5)
    assert chance[[0, 1, 5]] == pytest.approx(limit / 3)
    assert chance[2] == pytest.approx((1 - limit) / 17)
    assert np.bincount(GROUP, weights=chance) == pytest.approx(1.0)
    # a stratum without crop, and one with crop in every unit, stay as they are
    assert chance[20:30] == pytest.approx(0.1)
    assert chance[30:] == pytest.approx(0.2)
    assert unit_chances(AMOUNT, GROUP, "resampled", level=0.9) == pytest.approx(1 / np.bincount(GROUP)[GROUP])


def test_rows_of_a_unit_stay_together_and_strata_keep_their_size() -> None:
    """Law: a unit drawn twice is two units, each with all its rows; each stratum has as many units as before."""
    rng = np.random.default_rng(4)
    unit = np.array([2, 0, 1, 0, 2, 2, 3, 4])  # rows in no order
    group = np.array([0, 0, 0, 1, 1])
    seen: set[int] = set()
    for _ in range(50):
        drawn = redraw(unit, group, np.array([1 / 3, 1 / 3, 1 / 3, 0.5, 0.5]), rng)
        assert set(drawn.unit.tolist()) == set(range(5))
        owners = []
        for number in range(5):
            rows = drawn.row[drawn.unit == number]
            (owner,) = set(unit[rows].tolist())
            assert sorted(rows.tolist()) == np.flatnonzero(unit == owner).tolist()
            owners.append(owner)
        assert group[owners].tolist() == [0, 0, 0, 1, 1]
        seen |= set(owners)
    assert seen == {0, 1, 2, 3, 4}


def test_units_are_drawn_by_their_chance() -> None:
    """Brute force: over many draws each unit comes as often as its chance says; without one never."""
    rng = np.random.default_rng(5)
    chance = np.array([0.7, 0.3, 0.0, 0.5, 0.5])
    group = np.array([0, 0, 0, 1, 1])
    rows = np.concatenate([redraw(np.arange(5), group, chance, rng).row for _ in range(3000)])
    often = np.bincount(rows, minlength=5) / 3000
    assert often == pytest.approx([2.1, 0.9, 0.0, 1.0, 1.0], abs=0.08)


def test_a_poisson_redraw_never_leaves_a_stratum_without_variance() -> None:
    """Law: two units or more in each stratum; on average as many copies as the chance times the stratum's units."""
    rng = np.random.default_rng(6)
    group = np.array([0, 0, 0, 1, 1, 1])
    chance = np.array([0.6, 0.2, 0.2, 1 / 3, 1 / 3, 1 / 3])
    draws = [redraw(np.arange(6), group, chance, rng, random_size=True).row for _ in range(3000)]
    sizes = np.array([np.bincount(group[rows], minlength=2) for rows in draws])
    assert sizes.min() == 2
    # a Poisson number of mean 3, given that it is two or more
    wanted = (3 - 3 * np.exp(-3)) / (1 - 4 * np.exp(-3))
    assert sizes.mean(axis=0) == pytest.approx([wanted, wanted], abs=0.12)
    often = np.bincount(np.concatenate(draws), minlength=6)
    assert often[0] / often[1] == pytest.approx(3.0, rel=0.1)


def test_coverage_by_hand() -> None:
    """Literal: of eight surveys two end below the truth and one begins above it; a touch is no miss."""
    limits = [[0, 4], [1, 5], [5, 9], [2, 8], [6, 7], [3, 4.9], [4, 6], [4, 7]]
    told = coverage_of_limits("crop", "pessimistic", 5.0, limits, level=0.9)
    assert (told.above, told.below, told.covered) == (0.25, 0.125, 0.625)
    assert told.mean_width_ha == pytest.approx((4 + 4 + 4 + 6 + 1 + 1.9 + 2 + 3) / 8)
    assert (told.draws, told.level, told.truth_ha, told.name, told.scenario) == (8, 0.9, 5.0, "crop", "pessimistic")
    rounding = coverage_of_limits("crop", "resampled", 1e6, [[0, 1e6 - 1e-4], [1e6 + 1e-4, 2e6]], level=0.9)
    assert rounding.covered == 1.0
