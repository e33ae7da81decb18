"""No-skill floors, by brute force over all thresholds and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imagery.floor import greenness_threshold, majority, other_period


def test_majority() -> None:
    """Literal: the most frequent class, the lower of two that tie."""
    assert majority(np.array([3, 1, 3, 2])) == 3
    assert majority(np.array([2, 1, 2, 1])) == 1


def f1_of(crop: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    """Return F1 by counting hits, misses and false alarms."""
    hits, misses, alarms = (crop & said).sum(), (crop & ~said).sum(), (~crop & said).sum()
    return float(hits / (hits + (misses + alarms) / 2)) if hits else 0.0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), ties=st.booleans(), missing=st.booleans())
def test_the_best_threshold_is_the_best(seed: int, ties: bool, missing: bool) -> None:
    """Brute force: F1 of every cut of two features in both directions."""
    rng = np.random.default_rng(seed)
    crop = rng.random(40) < 0.3
    crop[0] = True
    planes = (rng.normal(size=(2, 40)) + crop * np.array([[0.8], [-1.5]])).astype(np.float32)
    planes = np.round(planes) if ties else planes
    if missing:
        planes[rng.random(planes.shape) < 0.2] = np.nan
    found = greenness_threshold(planes, crop, [0, 1])
    cuts = [*planes[~np.isnan(planes)].tolist(), -np.inf]
    best = max(f1_of(crop, said) for plane in planes for cut in cuts for said in (plane > cut, plane <= cut))
    assert found.f1 == pytest.approx(best)
    assert f1_of(crop, found.holds(planes)) == pytest.approx(best)


def test_a_feature_without_values_finds_nothing() -> None:
    """Law: nothing seen gives no rule."""
    found = greenness_threshold(np.full((1, 3), np.nan, dtype=np.float32), np.array([True, False, True]), [0])
    assert found.f1 == 0.0


def test_same_place_as_last_census() -> None:
    """Literal: the period before if there is one, else the one after; none for a place seen once."""
    unit = np.array(["a", "a", "a", "b", "b", "c"])
    period = np.array(["2018", "2020", "2023", "2020", "2023", "2023"])
    code = np.array([1, 2, 3, 4, 5, 6])
    assert other_period(unit, period, code).tolist() == [2, 1, 2, 5, 4, -1]
