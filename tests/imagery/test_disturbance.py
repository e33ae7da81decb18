"""Falls and rises of a series, by hand and by plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagery.disturbance import disturbance


def test_a_cut_by_hand() -> None:
    """Literal: 8, cloud, 3, 7 around a curve of 6: one fall of 5, one rise of 4."""
    series = np.array([[8.0], [99.0], [3.0], [7.0]], dtype=np.float32)
    valid = np.array([[True], [False], [True], [True]])
    found = disturbance(series, valid, np.full((4, 1), 6.0))
    assert [float(one[0]) for one in (found.step, found.drop, found.rise)] == [4.5, 5.0, 4.0]
    assert float(found.residual[0]) == pytest.approx(np.sqrt((4 + 9 + 1) / 3))


def test_too_few_observations_say_nothing() -> None:
    """Law: one observation has no change, none has nothing."""
    found = disturbance(np.ones((2, 2), np.float32), np.array([[True, False], [False, False]]), np.ones((2, 2)))
    assert np.isnan(found.drop).all()
    assert np.isnan(found.residual).tolist() == [False, True]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_plain_loops_find_the_same(seed: int) -> None:
    """Brute force: the clear values of each cell, one after the other."""
    rng = np.random.default_rng(seed)
    series, valid = rng.normal(size=(9, 6)).astype(np.float32), rng.random((9, 6)) < 0.6
    found = disturbance(series, valid, np.zeros((9, 6)))
    for cell in range(6):
        change = np.diff(series[valid[:, cell], cell].astype(float))
        if change.size:
            assert float(found.step[cell]) == pytest.approx(np.abs(change).mean(), rel=1e-5)
            assert float(found.drop[cell]) == pytest.approx(max(0.0, -change.min()), rel=1e-5)
            assert float(found.rise[cell]) == pytest.approx(max(0.0, change.max()), rel=1e-5)
