"""Spectral indices: values worked by hand, bounds and the undefined."""

from __future__ import annotations

import numpy as np
import pytest
import spyndex
from hypothesis import given
from hypothesis import strategies as st

from imagery.sensor import load_sensor
from imagery.spectral import INDICES, LETTERS, index_problems, indices_for, spectral_index

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
        ("NDTillI", 0.10 / 0.30),
        ("BI", (0.25 - 0.49) / 0.74),
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
    for name in ("NDVI", "NDMI", "NBR", "NDTillI", "BI", "NDREI", "GNDVI"):
        index = float(spectral_index(name, bands)[0])
        assert np.isnan(index) or -1.0001 <= index <= 1.0001


def test_dark_cells_have_no_index() -> None:
    """Law: 0 divided by 0 is not a number, without a warning."""
    dark = {band: np.zeros(2, dtype=np.float32) for band in LOOK}
    assert np.isnan(spectral_index("NDVI", dark)).all()


def test_a_sensor_gives_what_its_bands_allow() -> None:
    """Literal: with red and near infrared alone there are NDVI and EVI2."""
    assert {"NDVI", "EVI2", "SAVI"} <= set(indices_for(("red", "nir")))
    assert "NDMI" not in indices_for(("red", "nir"))
    optical = [name for name, index in INDICES.items() if not set(index.bands) & {"vv", "vh"}]
    assert indices_for(load_sensor("sentinel-2-l2a").common) == tuple(optical)


def test_values_agree_with_spyndex() -> None:
    """Independent program: spyndex computes every index of the table from its own formulas."""
    rng = np.random.default_rng(7)
    planes = {band: rng.uniform(0.02, 0.6, 500) for band in LETTERS.values()}
    params = {letter: planes[band] for letter, band in LETTERS.items()}
    params |= {
        name: constant.default for name, constant in spyndex.constants.items() if constant.default is not None
    }
    for name in INDICES:
        with np.errstate(invalid="ignore"):
            expected = np.asarray(spyndex.computeIndex(name, params=params), dtype=np.float64)
        expected[~np.isfinite(expected)] = np.nan
        np.testing.assert_allclose(spectral_index(name, planes), expected, rtol=1e-6, atol=1e-7, err_msg=name)


def test_every_index_has_its_reference() -> None:
    """Law: no index without a source."""
    assert all(len(index.reference) > 15 and index.title for index in INDICES.values())


def test_what_cannot_be_made_is_told() -> None:
    """Literal: an unknown name, a missing band and a name twice are named; a sound list is silent."""
    have = ("blue", "green", "red", "nir")
    found = list(index_problems(["NDVI", "NDVY", "NBR", "NDVI"], have, where="[features] indices"))
    told = [f"{one.found}; {one.expected}" for one in found]
    assert "no index 'NDVY'; a standard name, such as" in told[0]
    assert "NDVI" in told[0]
    assert told[1].startswith("NBR, which needs swir22")
    assert told[2].startswith("NDVI twice")
    assert not list(index_problems(["NDVI", "EVI", "VARI"], have, where="[features] indices"))
