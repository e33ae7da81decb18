"""Geometric median and medoid: against a general minimiser, brute force, and that no block decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from imagery.geomedian import geometric_median, medoid


def cloud(seed: int, t: int = 9, b: int = 3, n: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return observations with outliers, and which are clear."""
    rng = np.random.default_rng(seed)
    values = rng.normal(2000, 150, (t, b, n)) + 4000 * (rng.random((t, 1, n)) < 0.15)
    return values.astype(np.int16), rng.random((t, n)) < 0.8


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_geometric_median_has_the_least_sum_of_distances(seed: int) -> None:
    """Independent program: scipy's minimiser of the same sum finds none that is smaller by a thousandth."""
    values, valid = cloud(seed)
    found = geometric_median(values, valid)
    for cell in np.flatnonzero(valid.sum(axis=0) > 2):
        points = values[valid[:, cell], :, cell].astype(float)

        def total(x: np.ndarray, points: np.ndarray = points) -> float:
            return float(np.sqrt(((points - x) ** 2).sum(axis=1)).sum())

        best = minimize(total, np.median(points, axis=0), method="Nelder-Mead", options={"xatol": 0.01})
        assert total(found[:, cell].astype(float)) <= best.fun * 1.001


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_medoid_is_an_observation(seed: int) -> None:
    """Brute force: the clear observation with the least sum of distances to the others."""
    values, valid = cloud(seed)
    found = medoid(values, valid)
    for cell in np.flatnonzero(valid.any(axis=0)):
        points = values[valid[:, cell], :, cell].astype(float)
        total = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2)).sum(axis=1)
        assert found[:, cell] == pytest.approx(points[total.argmin()])


def test_one_observation_and_none() -> None:
    """Law: one clear day is its own median, and no day is missing."""
    values = np.array([[[5, 7]], [[9, 9]]], dtype=np.int16)
    valid = np.array([[True, False], [False, False]])
    for compose in (geometric_median, medoid):
        found = compose(values, valid)
        assert found[0, 0] == 5
        assert np.isnan(found[0, 1])
        assert np.isnan(compose(values[:0], valid[:0])).all()


def test_order_of_days_and_cells_beside_change_nothing() -> None:
    """Law: a cell alone has the same bits; another order of days moves the median by rounding only."""
    values, valid = cloud(3, n=40)
    whole = geometric_median(values, valid)
    alone = geometric_median(np.ascontiguousarray(values[:, :, 11:12]), np.ascontiguousarray(valid[:, 11:12]))
    assert np.array_equal(whole[:, 11:12], alone)
    assert np.allclose(geometric_median(values[::-1], valid[::-1]), whole, atol=1e-2, equal_nan=True)
