"""Errors through area times yield: delta method and draws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aoi.survey.propagation import Factor, product_delta, product_monte_carlo, two_piece_draws
from geo.errors import InputError

MONTE_CARLO = 0.02  # 400,000 draws: a quantile is known to about half a per cent


def test_relative_errors_of_a_tenth_and_three_tenths() -> None:
    """Published: first order 0.31623, exact product 0.31765 (reference O-18)."""
    made = product_delta(Factor(100.0, 10.0), Factor(5.0, 1.5))
    assert made.se / made.value == pytest.approx(0.31765, abs=5e-6)
    assert math.hypot(0.1, 0.3) == pytest.approx(0.31623, abs=5e-6)


def test_exact_product_variance_by_enumeration() -> None:
    """Brute force: two-point factors have the variance of Goodman's formula exactly."""
    x, y = np.array([8.0, 12.0]), np.array([3.0, 4.0])
    products = np.outer(x, y)
    made = product_delta(Factor(x.mean(), x.std()), Factor(y.mean(), y.std()))
    assert made.se == pytest.approx(products.std(), rel=1e-14)


def test_correlated_product_variance() -> None:
    """Brute force: draws of correlated normals."""
    rng = np.random.default_rng(2)
    drawn = rng.multivariate_normal([10, 5], [[1, 0.6], [0.6, 1]], 400_000)
    made = product_delta(Factor(10.0, 1.0), Factor(5.0, 1.0), correlation=0.6)
    assert made.se == pytest.approx(float(drawn.prod(axis=1).std()), rel=MONTE_CARLO)


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_delta_and_draws_agree(correlation: float) -> None:
    """Law: for lognormal factors the two methods give one answer when errors are moderate."""
    area, kg_ha = Factor(1000.0, 120.0), Factor(0.025, 0.004)
    exact = product_delta(area, kg_ha, correlation=correlation)
    drawn = product_monte_carlo(area, kg_ha, rng=np.random.default_rng(7), draws=400_000, correlation=correlation)
    assert (drawn.value, drawn.se) == (exact.value, exact.se)
    # a correlation of errors is not quite one of logarithms
    assert (drawn.lo, drawn.hi) == pytest.approx((exact.lo, exact.hi), rel=MONTE_CARLO)


def test_draws_have_the_median_and_the_limits_asked_for() -> None:
    """Law: a two-piece lognormal has its value in the middle and its limits at their level, also lopsided ones."""
    z = np.random.default_rng(0).standard_normal(400_000)
    even = two_piece_draws(Factor(50.0, 20.0), z)
    assert (np.median(even), even.std() / even.mean()) == pytest.approx((50.0, 0.4), rel=MONTE_CARLO)
    skew = two_piece_draws(Factor(50.0, 20.0, 40.0, 110.0), z)
    assert np.quantile(skew, [0.025, 0.5, 0.975]) == pytest.approx([40, 50, 110], rel=MONTE_CARLO)
    assert two_piece_draws(Factor(3.0, 0.0), z[:4]).tolist() == [3.0] * 4
    assert two_piece_draws(Factor(3.0, 1.0, 0.0, 9.0), np.array([-1.0, 0.0])).tolist() == [0.0, 3.0]


def test_a_factor_without_error_only_scales_the_limits() -> None:
    """Law: twice an area has twice its limits, however lopsided."""
    made = product_delta(Factor(10.0, 3.0, 6.0, 19.0), Factor(2.0, 0.0))
    assert (made.value, made.se, made.lo, made.hi) == pytest.approx((20.0, 6.0, 12.0, 38.0))
    rare = product_delta(Factor(10.0, 9.0, 0.0, 40.0), Factor(2.0, 0.5))
    assert rare.lo == 0.0
    drawn = product_monte_carlo(Factor(10.0, 9.0, 0.0, 40.0), Factor(2.0, 0.5), rng=np.random.default_rng(1))
    assert (drawn.lo, drawn.hi) == pytest.approx((0.0, rare.hi), rel=0.05)


def test_lopsided_limits_agree_between_the_two_routes() -> None:
    """Law: draws and log-mover give nearly one interval for lopsided factors."""
    area, kg_ha = Factor(100.0, 15.0, 80.0, 150.0), Factor(4.0, 0.5)
    drawn = product_monte_carlo(area, kg_ha, rng=np.random.default_rng(3), draws=400_000)
    made = product_delta(area, kg_ha)
    # the recovery of limits is itself an approximation once the sides differ
    assert (drawn.lo, drawn.hi) == pytest.approx((made.lo, made.hi), rel=0.05)


def test_limits_hold_the_truth_at_their_level() -> None:
    """Brute force: with normal errors of 15 and 20 %, 95 % limits hold the product 94 to 96 times in a hundred."""
    rng = np.random.default_rng(8)
    area, kg_ha = rng.normal(100, 15, 5000), rng.normal(4, 0.8, 5000)
    held = 0
    for a, y in zip(area, kg_ha, strict=True):
        made = product_delta(Factor(a, 15.0), Factor(max(y, 0.0), 0.8))
        held += made.lo <= 400.0 <= made.hi
    assert 0.935 <= held / 5000 <= 0.965


def test_same_generator_same_answer() -> None:
    """Law: the seed fixes the result to the last bit."""
    first, second = (
        product_monte_carlo(Factor(10.0, 2.0), Factor(3.0, 1.0), rng=np.random.default_rng(11), draws=2000)
        for _ in range(2)
    )
    assert first == second


def test_interval_is_positive_asymmetric_and_holds_the_value() -> None:
    """Law: a production cannot be negative, and its upper side is the longer."""
    made = product_delta(Factor(10.0, 9.0), Factor(3.0, 2.0))
    assert 0 < made.lo < made.value < made.hi
    assert made.hi - made.value > made.value - made.lo
    assert product_delta(Factor(0.0, 0.0), Factor(3.0, 1.0)).hi == 0.0
    nothing = product_monte_carlo(Factor(0.0, 0.0, 0.0, 5.0), Factor(3.0, 1.0), rng=np.random.default_rng(0))
    assert (nothing.value, nothing.lo, nothing.hi) == (0.0, 0.0, 15.0)


def test_impossible_factors_are_refused() -> None:
    """Law: negative areas, correlations above one, a zero with an error, too few draws."""
    for numbers in ((-1.0, 1.0), (1.0, -1.0), (1.0, 1.0, 2.0, 3.0), (1.0, 1.0, 0.5), (math.nan, 1.0)):
        with pytest.raises(InputError, match="inside both of its limits"):
            Factor(*numbers)
    with pytest.raises(InputError, match="correlation"):
        product_delta(Factor(1.0, 1.0), Factor(1.0, 1.0), correlation=1.5)
    with pytest.raises(InputError, match="1000 draws or more"):
        product_monte_carlo(Factor(1.0, 1.0), Factor(1.0, 1.0), rng=np.random.default_rng(0), draws=10)
