"""Areas corrected by parts: enumeration, the uncorrected limit, and what is refused."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from aoi.survey.corrected_area import corrected_area
from aoi.survey.design import StratifiedDesign
from geo.errors import QualityGateError


def test_unbiased_over_every_sample() -> None:
    """Brute force: over all samples of 4 of 10 units the mean is the truth and the mean variance the true one."""
    crop = np.array([1, 1, 0, 1, 0, 0, 1, 0, 0, 1])
    part = np.array([0, 1, 1, 0, 0, 1, -1, 0, 1, 1])
    factor = np.array([1.0, 0.3])
    design = StratifiedDesign.of_units(["all"], [10], unit_area_ha=2.0)
    made = []
    for chosen in combinations(range(10), 4):
        at = list(chosen)
        made.append(
            corrected_area(
                np.zeros(4, dtype=np.int64), crop[at], part[at], design, factor=factor, part_area_ha=[8.0, 10.0]
            )
        )
    values = np.array([one.value for one in made])
    truth = 2.0 * (crop * np.where(part >= 0, factor[part], 0.0)).sum()
    assert values.mean() == pytest.approx(truth, rel=1e-12)
    assert np.mean([one.se**2 for one in made]) == pytest.approx(values.var(), rel=1e-10)


def test_parameter_errors_are_added_in_squares() -> None:
    """Law: se^2 grows by the square of each parameter's error, and the limits move outwards."""
    design = StratifiedDesign.of_units(["all"], [1000], unit_area_ha=1.0)
    stratum, crop = np.zeros(100, dtype=np.int64), np.repeat([1, 0], 50)
    sure, unsure = (
        corrected_area(
            stratum, crop, stratum, design, factor=[0.9], part_area_ha=[1000.0], parameter_errors_ha=errors
        )
        for errors in ((), (30.0, 40.0))
    )
    assert unsure.se == pytest.approx(np.hypot(sure.se, 50.0))
    assert unsure.lo < sure.lo < sure.value == unsure.value < sure.hi < unsure.hi


def test_intervals_cover_where_operations_hit_few_units() -> None:
    """Brute force: 0.93 of 600 samples cover, with a tenth of the crop on ground that was eradicated."""
    rng = np.random.default_rng(3)
    n_units = np.array([1000, 9000])
    stratum = np.repeat([0, 1], n_units)
    crop = rng.random(10_000) < np.where(stratum == 0, 0.7, 0.01)
    part = (rng.random(10_000) < 0.1).astype(np.int64)
    truth = float((crop * np.where(part == 1, 0.1, 1.0)).sum())
    design = StratifiedDesign.of_units(["crop", "rest"], n_units, unit_area_ha=1.0)
    areas = np.bincount(part).astype(float)
    held = 0
    for _ in range(600):
        at = np.r_[rng.choice(1000, 100, replace=False), 1000 + rng.choice(9000, 300, replace=False)]
        one = corrected_area(stratum[at], crop[at], part[at], design, factor=[1.0, 0.1], part_area_ha=areas)
        held += one.lo <= truth <= one.hi
    assert held / 600 >= 0.93


def test_more_taken_than_there_is() -> None:
    """Law: a factor below zero stops the run."""
    design = StratifiedDesign.of_units(["all"], [10], unit_area_ha=1.0)
    zeros = np.zeros(4, dtype=np.int64)
    with pytest.raises(QualityGateError, match=r"factor of -0\.2"):
        corrected_area(zeros, zeros, zeros, design, factor=[-0.2], part_area_ha=[10.0])
