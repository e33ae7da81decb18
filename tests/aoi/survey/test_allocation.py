"""Allocation of a sample over strata, and the size of a sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.survey import allocation
from aoi.survey.design import StratifiedDesign
from geo.errors import InputError, QualityGateError

RARE = [9_434, 53_824, 936_742]
"""Mapped crop, its edge, and the rest of a country of a million units."""


def test_proportional_is_exact_where_it_divides() -> None:
    """Law: 10 units over 100, 300 and 600 units are 1, 3 and 6 before the floor of two."""
    assert allocation.proportional(10, [100, 300, 600], floor=1).tolist() == [1, 3, 6]


def test_neyman_is_optimal() -> None:
    """Brute force: no other allocation of 12 units over three strata has a smaller variance."""
    sizes, sd = np.array([30, 50, 20]), np.array([1.0, 0.5, 4.0])

    def variance(n: np.ndarray) -> float:
        return float((sizes**2 * sd**2 / n).sum())

    best = min(variance(np.array([a, b, 12 - a - b])) for a in range(2, 9) for b in range(2, 9) if 12 - a - b >= 2)
    found = allocation.neyman(12, sizes, sd)
    assert variance(found) == pytest.approx(best, rel=0.01)
    assert found.sum() == 12


def test_power_lies_between_equal_and_proportional() -> None:
    """Law: exponent 0 allocates equally, 1 proportionally, and one half between them."""
    sizes = [1000, 9000]
    assert allocation.power(100, sizes, exponent=0.0).tolist() == [50, 50]
    assert allocation.power(100, sizes, exponent=1.0).tolist() == [10, 90]
    assert allocation.power(100, sizes).tolist() == [25, 75]


def test_rare_class_safe_does_not_starve_the_unmapped_stratum() -> None:
    """Law: expecting no crop outside the map still sends at least half of the sample there."""
    safe = allocation.rare_class_safe(900, RARE, [0.8, 0.03, 0.0])
    hopeful = allocation.neyman(900, RARE, np.sqrt(np.array([0.8 * 0.2, 0.03 * 0.97, 0.0])))
    assert safe[2] >= 450
    assert safe.min() >= 50
    assert hopeful[2] == allocation.MINIMUM_UNITS


def test_rare_class_safe_half_holds_for_any_expectation() -> None:
    """Law: a wildly optimistic map cannot draw the sample away from the unmapped stratum."""
    safe = allocation.rare_class_safe(400, [500_000, 10_000, 490_000], [0.5, 0.5, 0.0], unmapped=2)
    assert safe[2] >= 200


def test_floors_that_do_not_fit_are_refused() -> None:
    """Law: a sample smaller than its floors stops with both numbers."""
    with pytest.raises(QualityGateError, match=r"60 units; expected between 150"):
        allocation.rare_class_safe(60, RARE, [0.8, 0.03, 0.0])
    with pytest.raises(QualityGateError, match="the frame"):
        allocation.proportional(1000, [10, 20])


def test_small_strata_are_taken_whole() -> None:
    """Law: no stratum gives more than it has, and what it cannot give goes to the others."""
    found = allocation.neyman(50, [5, 1000], [10.0, 0.1])
    assert found.tolist() == [5, 45]


@given(
    sizes=st.lists(st.integers(3, 10_000), min_size=1, max_size=8),
    share=st.floats(0.0, 1.0),
    exponent=st.floats(0.0, 2.0),
)
def test_allocations_add_up(sizes: list[int], share: float, exponent: float) -> None:
    """Law: for every frame and sample size the allocation adds up and stays within its bounds."""
    low, high = 2 * len(sizes), sum(sizes)
    n = low + int(share * (high - low))
    found = allocation.power(n, sizes, exponent=exponent)
    assert found.sum() == n
    assert (found >= 2).all()
    assert (found <= np.array(sizes)).all()


def test_sample_size_of_olofsson_2014() -> None:
    """Published: Olofsson et al. (2014), section 5.1.1, 641 units; a wrong user's accuracy does not give it."""
    shares, users = [0.02, 0.015, 0.32, 0.645], [0.7, 0.6, 0.9, 0.95]
    assert allocation.sample_size_for_accuracy(shares, users, target_se=0.01) == 641
    assert allocation.sample_size_for_accuracy(shares, [0.7, 0.7, 0.9, 0.95], target_se=0.01) != 641


def test_sample_size_for_margin_meets_it() -> None:
    """Law: under Neyman allocation the size found gives the margin, and ten units fewer do not."""
    design = StratifiedDesign.of_units(["crop", "edge", "rest"], RARE, unit_area_ha=1.0)
    share = np.array([0.82, 0.026, 0.001])
    n = allocation.sample_size_for_margin(design, share, 1_500.0)

    def margin(size: int) -> float:
        sd = np.sqrt(share * (1 - share))
        ideal = size * design.areas_ha * sd / (design.areas_ha * sd).sum()
        return 1.959964 * float(np.sqrt((design.areas_ha**2 * sd**2 * (1 / ideal - 1 / design.sizes)).sum()))

    assert margin(n) <= 1_500.0 < margin(n - 10)


def test_sample_size_serves_the_most_demanding_target() -> None:
    """Law: of several crops and margins the hardest decides."""
    design = StratifiedDesign.of_units(["crop", "rest"], [1000, 9000], unit_area_ha=1.0)
    shares = np.array([[0.8, 0.1], [0.01, 0.0]])
    both = allocation.sample_size_for_margin(design, shares, [200.0, 20.0])
    each = [allocation.sample_size_for_margin(design, shares[:, k], m) for k, m in enumerate((200.0, 20.0))]
    assert both == max(each)


def test_wrong_inputs_are_refused() -> None:
    """Law: deviations, shares and margins that cannot be are named."""
    design = StratifiedDesign.of_units(["crop", "rest"], [1000, 9000], unit_area_ha=1.0)
    with pytest.raises(InputError, match="standard deviations"):
        allocation.neyman(10, [10, 10], [0.0, 0.0])
    with pytest.raises(InputError, match="one per stratum"):
        allocation.rare_class_safe(10, [10, 10], [0.1])
    with pytest.raises(InputError, match="shares"):
        allocation.sample_size_for_margin(design, [1.2, 0.1], 10.0)
