"""How hard the landscapes are: too hard for one image, not for a season."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.simulate.landscape import build_landscape
from tests.imagery.simulate.seasonal import accuracy, window_features


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("andes-coca", 0.66, 0.93), ("helmand-poppy", 0.78, 0.97), ("rif-cannabis", 0.70, 0.95)],
)
def test_a_seasonal_classifier_reaches_what_surveys_reach(name: str, low: float, high: float) -> None:
    """Independent program: trees on season composites find the crop about as well as published maps, no better."""
    landscape = build_landscape(name, 1)
    features = window_features(landscape, "2024")
    producers, users = accuracy(landscape, "2024", np.concatenate(list(features.values())))
    print(f"{name}: producer's {producers:.2f}, user's {users:.2f}")
    assert low < producers < high
    assert low < users < high


@pytest.mark.slow
def test_poppy_needs_two_dates() -> None:
    """Independent program: flowering and maturity together find poppy better than any one window does."""
    landscape = build_landscape("helmand-poppy", 1)
    features = window_features(landscape, "2024")

    def f1(*windows: str) -> float:
        producers, users = accuracy(landscape, "2024", np.concatenate([features[window] for window in windows]))
        print(f"{windows}: producer's {producers:.2f}, user's {users:.2f}")
        return 2 * producers * users / (producers + users)

    alone = max(f1(window) for window in ("vegetative", "flowering", "maturity", "stubble"))
    assert alone < 0.74
    assert f1("flowering", "maturity") > alone + 0.05
