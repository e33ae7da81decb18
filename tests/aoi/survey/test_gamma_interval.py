"""Gamma limits against exact binomial and Poisson limits, and by exact coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aoi.survey.gamma_interval import gamma_bounds
from aoi.survey.interval import clopper_pearson

THREE_MOMENTS = 2e-3
"""Relative: a gamma distribution with a beta's first three moments has its outer quantiles to this."""


def bounds(x: object, n: object, areas: object, *, mid: bool = False, level: float = 0.95) -> tuple[float, float]:
    """Return the limits of one column."""
    found = np.array(x, dtype=float)[:, None]
    sizes, hectares = (np.broadcast_to(np.array(v, dtype=float), (found.size,))[:, None] for v in (n, areas))
    lo, hi = gamma_bounds(found, sizes, hectares, shrink=np.ones_like(sizes), level=level, mid=mid)
    return float(lo[0]), float(hi[0])


@pytest.mark.parametrize(("x", "n"), [(0, 300), (1, 300), (4, 300), (30, 300), (150, 300), (290, 300), (300, 300)])
def test_one_stratum_is_clopper_pearson(x: int, n: int) -> None:
    """Independent program: one stratum gives the exact binomial limits to their third moment."""
    exact = clopper_pearson(x, n)
    lo, hi = bounds([x], [n], [1.0])
    assert lo == pytest.approx(float(exact.lo), rel=THREE_MOMENTS, abs=5e-5)
    assert hi == pytest.approx(float(exact.hi), rel=THREE_MOMENTS)


def test_many_alike_strata_are_one_poisson_count() -> None:
    """Published: with equal weights Fay and Feuer's limits are the exact Poisson limits of the whole count."""
    x = np.zeros(50)
    x[:7] = 1
    lo, hi = bounds(x, 10_000, 10_000.0)
    assert lo == pytest.approx(stats.chi2.ppf(0.025, 14) / 2, rel=0.01)
    assert hi == pytest.approx(stats.chi2.ppf(0.975, 16) / 2, rel=0.01)


def test_no_unit_seen_anywhere() -> None:
    """Published: at zero the upper limit is 3.69 times the largest weight, or 3.00 by mid-p."""
    assert bounds([0, 0, 0], [1000, 1000, 1000], [1e3, 2e3, 5e3])[1] == pytest.approx(5 * 3.69, rel=0.01)
    assert bounds([0, 0, 0], [1000, 1000, 1000], [1e3, 2e3, 5e3], mid=True)[1] == pytest.approx(5 * 3.0, rel=0.01)


def test_mid_p_lies_inside() -> None:
    """Law: mid-p limits lie within those that take each distribution for itself."""
    for x in ([0, 0], [1, 0], [5, 2], [80, 1]):
        wide, narrow = bounds(x, [100, 400], [50, 900]), bounds(x, [100, 400], [50, 900], mid=True)
        assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


def test_large_counts_are_normal() -> None:
    """Law: with thousands of units the limits are the Wald limits to one part in a hundred."""
    n, areas = np.array([5_000, 8_000]), np.array([200.0, 900.0])
    p = np.array([0.4, 0.3])
    lo, hi = bounds(p * n, n, areas, mid=True)
    half = 1.96 * np.sqrt((areas**2 * p * (1 - p) / (n - 1)).sum())
    value = float((areas * p).sum())
    assert (hi - value, value - lo) == pytest.approx((half, half), rel=0.01)


def test_upper_limit_charges_one_unit_at_the_largest_weight() -> None:
    """Law: adding strata of smaller weight that saw nothing leaves the upper limit as it was."""
    few = bounds([3, 0], [500, 500], [5e3, 9e3])
    many = bounds([3, 0, *[0] * 30], [500] * 32, [5e3, 9e3, *[1e3] * 30])
    assert many == pytest.approx(few, rel=1e-12)


def test_exact_coverage_with_many_rare_strata() -> None:
    """Brute force: coverage of 40 strata with 0.18 expected units each, where MOVER misses low in 0.11."""
    rng = np.random.default_rng(12)
    x = rng.binomial(60, 0.003, size=(40, 20_000)).astype(float)
    sizes, areas = np.full((40, 1), 60.0), np.full((40, 1), 1e5)
    lo, hi = gamma_bounds(x, sizes, areas, shrink=np.ones_like(sizes), level=0.95, mid=True)
    truth = 40 * 1e5 * 0.003
    assert (lo > truth).mean() < 0.04
    assert (hi < truth).mean() < 0.04
