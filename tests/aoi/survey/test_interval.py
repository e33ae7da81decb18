"""Limits of proportions, sums and differences against published numbers and exact probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aoi.survey.interval import (
    Bounds,
    clopper_pearson,
    jeffreys,
    mid_p,
    mover_difference,
    mover_sum,
    t_quantile,
    wilson,
)

CLOSE = 1e-9
"""Relative: quantiles of the beta distribution from two libraries."""


def test_clopper_pearson_inverts_the_binomial() -> None:
    """Independent program: at the upper limit x or fewer successes have probability alpha/2 (scipy's binomial)."""
    for x, n in ((0, 20), (3, 20), (19, 20), (1, 300)):
        lo, hi = (float(side) for side in clopper_pearson(x, n))
        assert stats.binom.cdf(x, n, hi) == pytest.approx(0.025, rel=CLOSE)
        assert lo == 0.0 if x == 0 else stats.binom.sf(x - 1, n, lo) == pytest.approx(0.025, rel=CLOSE)


def test_mid_p_gives_half_its_weight_to_what_was_seen() -> None:
    """Independent program: scipy's binomial, half of the chance of x counted; closed form at no success."""
    for x, n in ((3, 20), (19, 20), (1, 300), (150, 300)):
        lo, hi = (float(side) for side in mid_p(x, n))
        for p, share in ((lo, 0.025), (hi, 0.975)):
            mid = stats.binom.sf(x, n, p) + stats.binom.pmf(x, n, p) / 2
            assert mid == pytest.approx(share, rel=1e-8)
        exact = clopper_pearson(x, n)
        assert float(exact.lo) < lo < x / n < hi < float(exact.hi)
    assert float(mid_p(0, 20).hi) == pytest.approx(1 - 0.05 ** (1 / 20), rel=1e-10)
    assert float(mid_p(0, 20).lo) == 0.0
    assert float(mid_p(20, 20).hi) == 1.0
    many = mid_p(np.array([[0, 3], [1, 3]]), np.array([[20], [300]]))
    assert many.hi[0, 1] == mid_p(3, 20).hi
    assert many.lo[1, 0] == mid_p(1, 300).lo


def test_jeffreys_is_a_beta_posterior_with_closed_ends() -> None:
    """Independent program: quantiles of scipy's beta distribution, 0 at no success and 1 at no failure."""
    lo, hi = jeffreys([0, 4, 10], 10)
    assert lo[1] == pytest.approx(stats.beta.ppf(0.025, 4.5, 6.5), rel=CLOSE)
    assert hi[1] == pytest.approx(stats.beta.ppf(0.975, 4.5, 6.5), rel=CLOSE)
    assert lo[0] == 0.0
    assert hi[2] == 1.0
    assert hi[0] > 0.0
    assert lo[2] < 1.0


def test_wilson_inverts_the_score_test() -> None:
    """Law: at Wilson's limits the score statistic equals the normal quantile."""
    z = stats.norm.ppf(0.975)
    for x, n in ((7, 40), (1, 300)):
        for p in wilson(x, n):
            assert abs(x / n - p) / np.sqrt(p * (1 - p) / n) == pytest.approx(z, rel=CLOSE)


@pytest.mark.parametrize("method", [wilson, jeffreys, clopper_pearson, mid_p])
def test_a_class_and_its_complement_mirror(method: object) -> None:
    """Law: limits of x in n and of n - x in n add up to one, crosswise."""
    x = np.arange(13)
    one, other = method(x, 12), method(12 - x, 12)  # type: ignore[operator]
    assert one.lo + other.hi == pytest.approx(np.ones(13), abs=1e-12)


def test_higher_levels_are_wider() -> None:
    """Law: limits are nested in the level."""
    narrow, wide = jeffreys([0, 2, 9], 20, 0.8), jeffreys([0, 2, 9], 20, 0.99)
    assert (wide.lo <= narrow.lo).all()
    assert (wide.hi >= narrow.hi).all()


def test_mover_of_one_part_is_that_part() -> None:
    """Law: the sum of a single part has its limits."""
    found = mover_sum(np.array([[3.0]]), Bounds(np.array([[1.0]]), np.array([[7.0]])))
    assert (found.lo[0], found.hi[0]) == (1.0, 7.0)


def test_mover_of_symmetric_parts_is_wald() -> None:
    """Law: where each half-width is z times a standard error, MOVER is the Wald interval of the sum."""
    values, se = np.array([4.0, 6.0, 1.0])[:, None], np.array([0.3, 0.4, 1.2])[:, None]
    found = mover_sum(values, Bounds(values - 2 * se, values + 2 * se))
    assert found.hi[0] == pytest.approx(11.0 + 2 * 1.3, rel=1e-14)


def test_mover_difference_with_correlation() -> None:
    """Law: for symmetric limits the half-width is z sqrt(s1^2 + s2^2 - 2 r s1 s2)."""
    later, earlier = np.array(10.0), np.array(4.0)
    found = mover_difference(
        (later, Bounds(later - 2, later + 2)), (earlier, Bounds(earlier - 1, earlier + 1)), 0.5
    )
    assert float(found.hi) == pytest.approx(6.0 + np.sqrt(4 + 1 - 2 * 0.5 * 2), rel=1e-14)
    assert float(found.lo) == pytest.approx(6.0 - np.sqrt(4 + 1 - 2 * 0.5 * 2), rel=1e-14)


def test_a_limit_across_its_estimate_adds_nothing() -> None:
    """Law: at a low level Jeffreys' lower limit can pass the estimate; the sum's limit then stays at it."""
    one = jeffreys(np.array([[1.0]]), 100, 0.01)
    assert one.lo[0, 0] > 0.01
    assert mover_sum(np.array([[0.01]]), one).lo[0] == pytest.approx(0.01, rel=1e-14)


def test_student_and_normal_quantiles() -> None:
    """Independent program: quantiles of scipy's distributions; infinite degrees of freedom are normal."""
    assert t_quantile(0.95, 7.0) == pytest.approx(stats.t.ppf(0.975, 7), rel=1e-12)
    assert t_quantile(0.95, np.inf) == pytest.approx(stats.norm.ppf(0.975), rel=1e-12)
    assert t_quantile(0.9, [3.0, np.inf]).shape == (2,)
