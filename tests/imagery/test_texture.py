"""Texture, held against sliding windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from imagery.texture import local_mean_and_deviation


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), radius=st.integers(1, 3), missing=st.sampled_from([0.0, 0.3]))
def test_texture_is_that_of_sliding_windows(seed: int, radius: int, missing: float) -> None:
    """Brute force: np.nanmean and np.nanstd of every window."""
    rng = np.random.default_rng(seed)
    image = rng.integers(-3000, 9000, (14, 15)).astype(np.float32)
    image[rng.random(image.shape) < missing] = np.nan
    mean, deviation = local_mean_and_deviation(image, radius)
    windows = sliding_window_view(image.astype(float), (2 * radius + 1,) * 2)
    assert mean == pytest.approx(np.nanmean(windows, axis=(2, 3)), rel=1e-5)
    assert deviation == pytest.approx(np.nanstd(windows, axis=(2, 3)), rel=1e-5, abs=1e-3)


def test_nothing_seen_has_no_texture() -> None:
    """Law: a window without observation is missing and not smooth."""
    mean, deviation = local_mean_and_deviation(np.full((3, 3), np.nan, dtype=np.float32), 1)
    assert np.isnan(mean).all()
    assert np.isnan(deviation).all()


def test_parts_are_the_whole() -> None:
    """Law: sums of integers do not depend on where a block begins."""
    image = np.random.default_rng(0).integers(0, 10_000, (30, 30)).astype(np.float32)
    whole = local_mean_and_deviation(image, 2)[1]
    part = local_mean_and_deviation(image[9:21, 7:26], 2)[1]
    assert np.array_equal(part, whole[9:17, 7:22])
