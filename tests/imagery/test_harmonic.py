"""Harmonic fits, held against least squares cell by cell."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagery.harmonic import amplitude, harmonic_design, harmonic_fit
from tests.imagery import plain_kernels

TOLERANCE = 1e-4  # single precision of coefficients of order 1, for designs of modest condition


def days(count: int) -> list[date]:
    """Return dates 23 days apart."""
    return [date(2023, 1, 5) + timedelta(days=23 * number) for number in range(count)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), harmonics=st.integers(0, 2), ridge=st.sampled_from([0.1, 1.0]))
def test_fit_is_that_of_ridge_regression(seed: int, harmonics: int, ridge: float) -> None:
    """Brute force: numpy's least squares on the clear rows of each cell, with the penalty as further rows."""
    rng = np.random.default_rng(seed)
    design = harmonic_design(days(14), harmonics)
    series = rng.normal(0.4, 0.2, (14, 9)).astype(np.float32)
    valid = rng.random((14, 9)) < 0.6
    found = harmonic_fit(series, valid, design, ridge)
    penalty = np.sqrt(ridge) * np.eye(design.shape[1])[1:]
    for cell in range(9):
        rows = np.vstack([design[valid[:, cell]], penalty])
        target = np.r_[series[valid[:, cell], cell], np.zeros(len(penalty))]
        if valid[:, cell].any():
            expected = np.linalg.lstsq(rows, target, rcond=None)[0]
            assert found[:, cell] == pytest.approx(expected, abs=TOLERANCE)
        else:
            assert np.isnan(found[:, cell]).all()


def test_a_pure_wave_is_found() -> None:
    """Law: mean 0.5, a cosine of 0.3 and a sine of 0.4 have an amplitude of 0.5."""
    design = harmonic_design(days(16))
    series = (design @ [0.5, 0.3, 0.4]).astype(np.float32)[:, None]
    fitted = harmonic_fit(series, np.ones((16, 1), dtype=bool), design, ridge=0.0)
    assert fitted[:, 0] == pytest.approx([0.5, 0.3, 0.4], abs=TOLERANCE)
    assert float(amplitude(fitted[1], fitted[2])[0]) == pytest.approx(0.5, abs=TOLERANCE)


def test_masked_values_do_not_matter() -> None:
    """Law: what a cloud shows changes no coefficient."""
    rng = np.random.default_rng(4)
    design = harmonic_design(days(10))
    series = rng.normal(0.4, 0.1, (10, 5)).astype(np.float32)
    valid = rng.random((10, 5)) < 0.7
    cloudy = np.where(valid, series, np.float32(3.0))
    assert np.array_equal(harmonic_fit(series, valid, design), harmonic_fit(cloudy, valid, design))
    assert not np.array_equal(
        harmonic_fit(series, valid | True, design), harmonic_fit(cloudy, valid | True, design)
    )


def test_few_dates_do_not_run_away() -> None:
    """Law: the penalty keeps a fit to two neighbouring dates near their values."""
    design = harmonic_design(days(2))
    fitted = harmonic_fit(np.float32([[0.3], [0.5]]), np.ones((2, 1), dtype=bool), design)
    assert np.abs(fitted).max() < 1.5


def test_cells_do_not_depend_on_their_company() -> None:
    """Law: a cell fitted alone and among others is the same to the bit."""
    rng = np.random.default_rng(8)
    design = harmonic_design(days(12), 2)
    series = rng.normal(0.4, 0.2, (12, 101)).astype(np.float32)
    valid = rng.random((12, 101)) < 0.6
    together = harmonic_fit(series, valid, design)
    alone = np.hstack([harmonic_fit(series[:, [cell]], valid[:, [cell]], design) for cell in range(101)])
    assert np.array_equal(together, alone, equal_nan=True)


@pytest.mark.parametrize(("count", "harmonics", "cells"), [(18, 2, 700), (5, 3, 256), (1, 1, 3), (12, 0, 40)])
def test_fit_is_the_plain_one_to_the_last_bit(count: int, harmonics: int, cells: int) -> None:
    """Independent program: the same sums by whole planes in numpy; no rounding depends on tiles of cells."""
    rng = np.random.default_rng(count)
    design = harmonic_design(days(count), harmonics)
    series = rng.normal(0, 3000, (count, cells)).astype(np.float32)
    valid = rng.random((count, cells)) < rng.random(cells)
    valid[:, : cells // 2] = valid[:, :1]  # a clear sky and a cloud are wider than a tile of cells
    series[~valid & (rng.random(series.shape) < 0.5)] = np.nan
    expected = plain_kernels.harmonic_fit(series, valid, design, 0.1)
    assert np.array_equal(harmonic_fit(series, valid, design, 0.1), expected, equal_nan=True)
    assert np.array_equal(harmonic_fit(series[:, 7:], valid[:, 7:], design, 0.1), expected[:, 7:], equal_nan=True)
