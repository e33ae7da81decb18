"""Mistakes that published crop maps were made with; each must be caught here.

The list follows what a review of a public coca-detection project found. Offsets, scene classes 0 and 1, folds and
empty targets have their tests beside the code (test_stack, test_mask, test_fold, test_score).
"""

from __future__ import annotations

import numpy as np
import pytest

from geo.errors import QualityGateError
from imagery.features import feature_spec
from imagery.floor import historical_mean_ratio
from imagery.fold import block_of, random_folds
from imagery.profile import load_profile
from imagery.training import require_disjoint, training_samples
from tests.imagery.test_training import points
from tests.imagery.world import SENSOR, grid

RATIO_TOLERANCE = 5e-4  # published to three decimals

CATATUMBO_HA = (36_296, 35_277, 38_285, 37_965, 39_815, 44_240)
"""Official coca of Catatumbo, 2019 to 2024."""


def test_the_historical_mean_is_a_hard_floor() -> None:
    """Published: leave-one-out mean over actual for Catatumbo, 2019 to 2024."""
    expected = [1.078, 1.115, 1.011, 1.022, 0.965, 0.848]
    assert historical_mean_ratio(CATATUMBO_HA) == pytest.approx(expected, abs=RATIO_TOLERANCE)
    assert historical_mean_ratio(CATATUMBO_HA[::-1]) != pytest.approx(expected, abs=RATIO_TOLERANCE)


def test_random_folds_leak_neighbours_and_spatial_ones_do_not() -> None:
    """Brute force: share of places with a place of another fold within 30 m."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 4000, (60, 2))
    x, y = (np.repeat(centres, 5, axis=0) + rng.normal(0, 8, (300, 2))).T
    near = np.hypot(x[:, None] - x, y[:, None] - y) < 30

    def leaked(fold: np.ndarray) -> float:
        return float((near & (fold[:, None] != fold)).any(axis=1).mean())

    assert leaked(random_folds(np.ones(300, dtype=int), 5, rng)) > 0.9
    assert leaked(block_of(x, y, 1000.0) % 5) < 0.15


def test_agreement_with_ones_own_training_is_refused() -> None:
    """Law: calibrating on a census and reporting agreement with it is circular."""
    samples = training_samples(
        points([("a", "2023", "wheat", 25, 5), ("b", "2023", "opium_poppy", 45, 65)]),
        where="training",
        legend=load_profile("helmand-poppy").legend,
        periods=["2023"],
        geobox=grid(8, 8),
    )
    require_disjoint(samples, np.array([0, 1]), np.array([3, 2]), where="reference labels")
    with pytest.raises(QualityGateError, match="1 reference units on training cells: row 6 column 4"):
        require_disjoint(samples, np.array([0, 6]), np.array([3, 4]), where="reference labels")


def test_greenness_is_not_the_only_witness() -> None:
    """Law: disturbance and moisture, which outranked NDVI in the review, are features."""
    names = feature_spec(SENSOR, ["window"]).names
    for wanted in ("window_swir16", "window_swir22", "window_NBR", "season_NBR_p10", "season_BSI_p90"):
        assert wanted in names
    assert sum("NDVI" in name for name in names) < len(names) / 3
