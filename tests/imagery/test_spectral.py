"""Spectral indices: values worked by hand, bounds and the undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagery.spectral import INDICES, indices_for, spectral_index
from tests.imagery.world import SENSOR

LOOK = {
    "blue": 0.04,
    "green": 0.06,
    "red": 0.05,
    "rededge1": 0.11,
    "nir": 0.45,
    "swir16": 0.20,
    "swir22": 0.10,
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NDVI", 0.40 / 0.50),
        ("EVI2", 2.5 * 0.40 / (0.45 + 0.12 + 1)),
        ("NDMI", 0.25 / 0.65),
        ("NBR", 0.35 / 0.55),
        ("NDTI", 0.10 / 0.30),
        ("BSI", (0.25 - 0.49) / 0.74),
        ("NDREI", 0.34 / 0.56),
        ("GNDVI", 0.39 / 0.51),
    ],
)
def test_indices_by_hand(name: str, expected: float) -> None:
    """Literal: one vegetated surface, each index on paper from the formula of its reference."""
    bands = {band: np.array([value], dtype=np.float32) for band, value in LOOK.items()}
    assert float(spectral_index(name, bands)[0]) == pytest.approx(expected, rel=1e-5)


@given(st.lists(st.floats(-0.25, 1.5, width=32), min_size=8, max_size=8))
def test_normalised_differences_are_bounded(values: list[float]) -> None:
    """Law: no noise below zero drives a normalised difference out of -1 to 1."""
    bands = {band: np.array([value], dtype=np.float32) for band, value in zip(LOOK, values, strict=False)}
    for name in ("NDVI", "NDMI", "NBR", "NDTI", "BSI", "NDREI", "GNDVI"):
        index = float(spectral_index(name, bands)[0])
        assert np.isnan(index) or -1.0001 <= index <= 1.0001


def test_dark_cells_have_no_index() -> None:
    """Law: 0 divided by 0 is not a number, without a warning."""
    dark = {band: np.zeros(2, dtype=np.float32) for band in LOOK}
    assert np.isnan(spectral_index("NDVI", dark)).all()


def test_a_sensor_gives_what_its_bands_allow() -> None:
    """Literal: with red and near infrared alone there are NDVI and EVI2."""
    assert indices_for(("red", "nir")) == ("NDVI", "EVI2")
    assert indices_for(SENSOR.common) == tuple(INDICES)


def test_every_index_has_its_reference() -> None:
    """Law: no index without a source."""
    assert all(len(index.reference) > 15 and index.title for index in INDICES.values())
