"""Domains by zero extension."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.survey.design import StratifiedDesign
from aoi.survey.domain import MIN_DOMAIN_UNITS, domain_areas
from aoi.survey.estimate import INDICATIVE
from aoi.survey.estimator import class_areas
from geo.errors import InputError

EXACT = 1e-10  # sums of a few floats


def test_mean_over_all_samples_is_the_truth() -> None:
    """Brute force: over every sample of a small population, domain estimates average to the domain's true area."""
    crop = np.array([1, 0, 1, 1, 0, 0, 1, 0], dtype=float)
    west = np.array([1, 1, 0, 1, 0, 0, 0, 1], dtype=bool)
    design = StratifiedDesign.of_units(["a", "b"], [4, 4], unit_area_ha=2.0)
    values = []
    for first in combinations(range(4), 2):
        for second in combinations(range(4, 8), 3):
            units = np.array([*first, *second])
            inside = np.column_stack([west[units], ~west[units]])
            areas = np.array([2.0 * west.sum(), 2.0 * (~west).sum()])
            figures = domain_areas(units // 4, crop[units], inside, design, domain_area_ha=areas)
            values.append([figure.value for figure in figures])
    assert np.mean(values, axis=0) == pytest.approx(
        [2.0 * (crop * west).sum(), 2.0 * (crop * ~west).sum()], rel=EXACT
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_partition_adds_up_to_the_frame(seed: int) -> None:
    """Law: the domains of a partition add up to the frame's figure, whatever the sample."""
    rng = np.random.default_rng(seed)
    stratum = np.repeat([0, 1, 2], [20, 30, 25])
    crop = (rng.random(75) < 0.3).astype(float)
    code = rng.integers(0, 4, 75)
    design = StratifiedDesign.of_units(["a", "b", "c"], [200, 5_000, 900], unit_area_ha=0.01)
    inside = np.equal.outer(code, np.arange(4))
    parts = domain_areas(stratum, crop, inside, design, domain_area_ha=np.full(4, 61.0))
    whole = class_areas(stratum, crop, design)[0]
    assert sum(part.value for part in parts) == pytest.approx(whole.value, rel=EXACT)


def test_the_whole_frame_is_the_plain_estimate() -> None:
    """Law: a domain that holds every unit has the frame's figure, limits and no mark."""
    stratum = np.repeat([0, 1], [40, 60])
    crop = np.r_[np.ones(30), np.zeros(70)]
    design = StratifiedDesign.of_units(["crop", "rest"], [500, 9_500], unit_area_ha=0.01)
    whole = domain_areas(stratum, crop, np.ones((100, 1), bool), design, domain_area_ha=np.array([100.0]))[0]
    plain = class_areas(stratum, crop, design)[0]
    assert (whole.value, whole.lo, whole.hi, whole.flags) == (plain.value, plain.lo, plain.hi, plain.flags)


def test_no_limit_lies_above_the_domain_and_few_units_are_marked() -> None:
    """Law: no limit is above the domain's own area; with fewer than thirty units the figure is indicative."""
    stratum = np.repeat([0, 1], [50, 50])
    crop = np.r_[np.ones(45), np.zeros(55)]
    inside = np.zeros((100, 1), bool)
    inside[: MIN_DOMAIN_UNITS - 1] = True
    design = StratifiedDesign.of_units(["crop", "rest"], [100, 9_900], unit_area_ha=1.0)
    figure = domain_areas(stratum, crop, inside, design, domain_area_ha=np.array([60.0]))[0]
    assert figure.hi <= 60.0
    assert INDICATIVE in figure.flags
    inside[MIN_DOMAIN_UNITS - 1] = True
    assert INDICATIVE not in domain_areas(stratum, crop, inside, design, domain_area_ha=np.array([60.0]))[0].flags


def test_zero_extension_is_not_subsetting() -> None:
    """Negative control: dropping the units outside a domain gives a smaller, wrong standard error."""
    stratum = np.zeros(80, dtype=np.int64)
    crop = np.tile([1.0, 1.0, 0.0, 0.0], 20)
    inside = np.tile([True, True, False, False], 20)[:, None]
    design = StratifiedDesign.of_units(["all"], [8_000], unit_area_ha=1.0)
    right = domain_areas(stratum, crop, inside, design, domain_area_ha=np.array([4_000.0]))[0]
    subset = StratifiedDesign.of_units(["all"], [4_000], unit_area_ha=1.0)
    wrong = class_areas(stratum[inside[:, 0]], crop[inside[:, 0]], subset)[0]
    assert wrong.se == 0.0
    assert right.se > 400.0


def test_shapes_that_do_not_match_are_refused() -> None:
    """A row of `inside` for each unit and an area for each domain, or one plain line."""
    design = StratifiedDesign.of_units(["all"], [100], unit_area_ha=1.0)
    with pytest.raises(InputError, match="0/1 membership"):
        domain_areas(np.zeros(4, int), np.ones(4), np.ones((3, 1), bool), design, domain_area_ha=np.ones(1))
