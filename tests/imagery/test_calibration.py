"""Calibration: against scikit-learn, and the laws of a rising function."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

from imagery.calibration import Calibration, brier_score, cross_calibrated, fit_calibration


def overconfident(seed: int, n: int = 400) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return probabilities that are twice as sure as they should be."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.2, n)
    return 1 / (1 + np.exp(-2 * logit)), rng.random(n) < 1 / (1 + np.exp(-logit))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_isotonic_is_that_of_scikit_learn(seed: int) -> None:
    """Independent program: scikit-learn's isotonic regression, between and beyond the knots."""
    p, here = overconfident(seed, 60)
    p = np.round(p, 2)
    found = fit_calibration(p, here, "isotonic")
    other = IsotonicRegression(out_of_bounds="clip").fit(p, here)
    at = np.linspace(0, 1, 101)
    assert found.apply(at) == pytest.approx(other.predict(at), abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_platt_is_that_of_scikit_learn(seed: int) -> None:
    """Independent program: scikit-learn's sigmoid with Platt's targets, on the same logits."""
    p, here = overconfident(seed)
    found = fit_calibration(p, here, "platt")
    logit = np.log(p / (1 - p))
    other = _SigmoidCalibration().fit(logit, here.astype(int))
    assert found.apply(p) == pytest.approx(other.predict(logit), abs=2e-3)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_calibration_helps_where_it_is_needed(method: str) -> None:
    """Law: probabilities that are too sure come closer, judged on folds that taught nothing, and order is kept."""
    p, here = overconfident(5, 3000)
    fold = np.arange(3000) % 5
    better = cross_calibrated(p, here, fold, method)  # type: ignore[arg-type]
    assert brier_score(better, here) < brier_score(p, here) - 0.005
    whole = fit_calibration(p, here, method)  # type: ignore[arg-type]
    rising = whole.apply(np.sort(p))
    assert (np.diff(rising) >= 0).all()
    assert rising.min() >= 0
    assert rising.max() <= 1
    assert abs(float(whole.apply(p).mean()) - float(here.mean())) < 0.01


def test_a_worse_than_useless_classifier_is_not_turned_round() -> None:
    """Law: the function rises even where the labels fall, and one class alone calibrates nothing."""
    p = np.linspace(0.05, 0.95, 50)
    assert (np.diff(fit_calibration(p, p < 0.5, "platt").apply(p)) >= 0).all()
    assert fit_calibration(p, np.ones(50, dtype=bool), "platt").method == "none"


@pytest.mark.parametrize("method", ["none", "platt", "isotonic"])
def test_a_record_comes_back(method: str) -> None:
    """Law: JSON holds the function to the bit."""
    p, here = overconfident(2)
    found = fit_calibration(p, here, method)  # type: ignore[arg-type]
    assert Calibration.read(json.loads(json.dumps(found.record()))) == found
