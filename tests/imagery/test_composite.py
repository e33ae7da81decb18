"""Order statistics of masked integers, held against numpy's, which know NaN."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imagery.composite import INVALID, NODATA, median, percentiles, to_composite
from tests.imagery import plain_kernels

PERCENTILE_TOLERANCE = 1e-2  # single precision of a place among the days, times differences up to 32 000


def observations(seed: int, days: int, clear: float) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return random values and clear observations of 6 x 5 cells."""
    rng = np.random.default_rng(seed)
    return rng.integers(-2000, 30_000, (days, 6, 5)).astype(np.int16), rng.random((days, 6, 5)) < clear


def with_nan(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the values with NaN where they are not valid."""
    return np.where(valid, values, np.nan)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), days=st.integers(1, 33), clear=st.sampled_from([0.0, 0.1, 0.6, 1.0]))
def test_median_is_that_of_numpy(seed: int, days: int, clear: float) -> None:
    """Independent program: np.nanmedian, to the last bit, for even and odd counts and for none."""
    values, valid = observations(seed, days, clear)
    found = median(values, valid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = np.nanmedian(with_nan(values, valid), axis=0).astype(np.float32)
    assert np.array_equal(found, expected, equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), percent=st.sampled_from([0.0, 10.0, 33.0, 90.0, 100.0]))
def test_percentile_is_that_of_numpy(seed: int, percent: float) -> None:
    """Independent program: np.nanpercentile, linear between values; and plain numpy to the last bit."""
    values, valid = observations(seed, 11, 0.7)
    found = percentiles(values, valid, (percent,))[0]
    plain = plain_kernels.percentile(
        plain_kernels.masked_sort(values, valid), valid.sum(axis=0, dtype=np.int16), percent
    )
    assert np.array_equal(found, plain, equal_nan=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = np.nanpercentile(with_nan(values, valid), percent, axis=0)
    assert found == pytest.approx(expected, abs=PERCENTILE_TOLERANCE, nan_ok=True)


@pytest.mark.parametrize("days", [1, 2, 3, 8, 15, 31, 64])
def test_the_network_sorts_any_number_of_days(days: int) -> None:
    """Independent program: np.sort; a network that sorts random planes of ties too sorts."""
    planes = np.random.default_rng(days).integers(0, 9, (days, 500)).astype(np.int16)
    every = [100 * day / max(days - 1, 1) for day in range(days)]
    found = percentiles(planes, np.ones(planes.shape, dtype=bool), every)
    np.testing.assert_allclose(found, np.sort(planes, axis=0), atol=1e-4)


def test_the_order_of_days_changes_nothing() -> None:
    """Law: a median has no order."""
    values, valid = observations(5, 12, 0.5)
    turned = np.random.default_rng(0).permutation(12)
    found = [percentiles(values[order], valid[order], (10.0, 50.0, 75.0)) for order in (np.arange(12), turned)]
    assert np.array_equal(*found, equal_nan=True)


def test_no_days_at_all() -> None:
    """Law: nothing seen is NaN and never 0."""
    empty = np.zeros((0, 3), dtype=np.int16)
    assert np.isnan(median(empty, empty > 0)).all()


def test_values_on_disk() -> None:
    """Literal: halves go to the even number; missing is no-data."""
    found = to_composite(np.array([1234.5, -0.5, np.nan], dtype=np.float32))
    assert found.tolist() == [1234, 0, NODATA]
    assert found.dtype == np.int16


def test_inputs_stay_as_they_are() -> None:
    """Law: the caller's arrays are not sorted under its hands."""
    values, valid = observations(9, 7, 0.5)
    before = values.copy()
    percentiles(values, valid, (10.0, 50.0))
    assert np.array_equal(values, before)
    assert values.max() < INVALID
