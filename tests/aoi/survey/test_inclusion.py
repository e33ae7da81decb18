"""Inclusion probabilities in proportion to size, for one variable and for several."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from aoi.survey.inclusion import multivariate_inclusion, proportional_inclusion, raised_to_whole
from geo.errors import InputError, QualityGateError
from tests.shared import oracle

TOY = np.array([[10.0, 0.0], [5.0, 8.0], [1.0, 20.0], [0.0, 2.0], [4.0, 10.0]])
"""Sizes of five units for two crops."""


def test_against_r_sampling() -> None:
    """Independent program: inclusionprobabilities of R sampling."""
    table = oracle("unequal_prob")
    assert proportional_inclusion(table["x"], table["n"], size_floor=0.0) == pytest.approx(table["pik"], rel=1e-12)


def test_two_crops_toy() -> None:
    """Published: the worked example of multivariate sampling in proportion to size."""
    assert multivariate_inclusion(TOY, [2, 2], size_floor=0.0).tolist() == [1.0, 0.5, 1.0, 0.1, 0.5]


def test_two_crops_toy_perturbed() -> None:
    """Negative control: another size is another probability."""
    assert multivariate_inclusion(TOY + np.eye(5, 2), [2, 2], size_floor=0.0).tolist() != [1.0, 0.5, 1.0, 0.1, 0.5]


@given(
    sizes=st_numpy.arrays(float, st.integers(2, 40), elements=st.floats(0.01, 100.0)),
    share=st.floats(0.05, 1.0),
)
def test_probabilities_sum_to_the_sample_size(sizes: np.ndarray, share: float) -> None:
    """Law: they sum to n, none exceeds one, and larger units are never less likely."""
    n = max(1, int(share * sizes.size))
    pi = proportional_inclusion(sizes, n, size_floor=0.0)
    assert pi.sum() == pytest.approx(n, rel=1e-9)
    assert (pi <= 1).all()
    assert (np.diff(pi[np.argsort(sizes)]) >= -1e-12).all()


def test_certain_units_push_others_over() -> None:
    """Literal: taking the largest for certain makes the next certain too."""
    pi = proportional_inclusion([100.0, 30.0, 1.0, 1.0], 2, size_floor=0.0)
    assert pi.tolist() == [1.0, 30 / 32, 1 / 32, 1 / 32]
    assert proportional_inclusion([100.0, 30.0, 1.0, 1.0], 3, size_floor=0.0).tolist() == [1.0, 1.0, 0.5, 0.5]


def test_floor_bounds_the_weight() -> None:
    """Law: with a floor no unit weighs more than the total size over the floor and n."""
    sizes = np.r_[np.zeros(50), np.full(10, 40.0)]
    pi = proportional_inclusion(sizes, 6, size_floor=2.0)
    assert 1 / pi.min() == pytest.approx((50 * 2 + 400) / (6 * 2))


@pytest.mark.parametrize(
    "function", [proportional_inclusion, lambda x, n, **k: multivariate_inclusion(x[:, None], [n], **k)]
)
def test_floor_must_be_named(function) -> None:
    """Law: a size from a map has omissions, so that a floor is a decision somebody takes."""
    with pytest.raises(QualityGateError, match=r"no floor under it.*name a floor"):
        function(np.array([1.0, 2.0, 0.0]), 1)
    with pytest.raises(QualityGateError, match=r"1 units that could never be drawn \(first \[2\]\)"):
        function(np.array([1.0, 2.0, 0.0]), 1, size_floor=0.0)
    assert (function(np.array([1.0, 2.0, 0.0]), 1, size_floor=0.5) > 0).all()


def test_wrong_sizes() -> None:
    """Law: missing or negative sizes, and samples larger than the frame, are named."""
    with pytest.raises(InputError, match=r"2 units missing or negative \(first \[1, 2\]\)"):
        proportional_inclusion([1.0, np.nan, -1.0], 1, size_floor=0.0)
    with pytest.raises(InputError, match="1 to 2"):
        proportional_inclusion([1.0, 1.0], 3, size_floor=0.0)
    with pytest.raises(InputError, match="zero or more"):
        proportional_inclusion([1.0, 1.0], 1, size_floor=-1.0)
    with pytest.raises(InputError, match="one positive sample size for each column"):
        multivariate_inclusion(TOY, [2], size_floor=0.0)


def test_a_fixed_size_keeps_what_each_crop_asks_for() -> None:
    """Laws: a whole sum, no probability lowered, one factor below one; enumeration: the total is unbiased."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        asked = multivariate_inclusion(rng.gamma(0.5, 4, (30, 3)), [4, 3, 5], size_floor=0.1)
        raised = raised_to_whole(asked)
        assert raised.sum() == pytest.approx(np.ceil(asked.sum() - 1e-9), abs=1e-9)
        assert (raised >= asked - 1e-12).all()
        below = raised < 1
        assert np.ptp(raised[below] / asked[below]) < 1e-9
    assert raised_to_whole([0.5, 0.5]).tolist() == [0.5, 0.5]
    pi = raised_to_whole(multivariate_inclusion(TOY + 1.0, [1, 1], size_floor=0.0))
    n = round(float(pi.sum()))
    samples = [list(one) for one in combinations(range(5), n)]
    chance = np.array([sampford_chance(pi, one) for one in samples])
    chance /= chance.sum()
    y = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    values = np.array([(y[one] / pi[one]).sum() for one in samples])
    assert float(chance @ values) == pytest.approx(y.sum(), rel=1e-10)


def sampford_chance(pi: np.ndarray, sample: list[int]) -> float:
    """Return what the probability of a Sampford sample is in proportion to (Sampford 1967)."""
    odds = pi / (1 - pi)
    return float(np.prod(odds[sample]) * (1 - pi[sample]).sum())
