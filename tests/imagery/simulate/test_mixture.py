"""Mixed pixels."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.simulate.mixture import mix, pool
from imagery.simulate.noise import stream

SINGLE = 1e-6  # single precision


def test_shares_are_counts_of_sub_pixels() -> None:
    """Brute force: the share of every unit in every pixel is a count divided by the sub-pixels."""
    units = stream(3, 1).integers(0, 5, (24, 32)).astype(np.int32)
    mixture = mix(units, 5, 4)
    dense = mixture.shares.toarray().reshape(6, 8, 5)
    for row in range(6):
        for col in range(8):
            block = units[4 * row : 4 * row + 4, 4 * col : 4 * col + 4]
            assert np.allclose(dense[row, col], np.bincount(block.ravel(), minlength=5) / 16, atol=SINGLE)


def test_blend_is_the_mean_over_sub_pixels() -> None:
    """Brute force: blending unit values equals painting them on sub-pixels and averaging."""
    rng = stream(3, 2)
    units = rng.integers(0, 7, (16, 16)).astype(np.int32)
    values = rng.random((7, 3)).astype(np.float32)
    painted = values[units].transpose(2, 0, 1)
    assert np.allclose(mix(units, 7, 4).blend(values), pool(painted, 4), atol=SINGLE)
    assert np.allclose(mix(units, 7, 8).blend(values), pool(pool(painted, 4), 2), atol=SINGLE)


def test_pool_is_a_mean() -> None:
    """Literal raster: 2 x 2 groups."""
    assert pool(np.array([[1.0, 2.0, 0.0, 0.0], [3.0, 6.0, 0.0, 4.0]])).tolist() == [[3.0, 1.0]]
    assert pool(np.arange(16.0).reshape(4, 4), 4).item() == pytest.approx(7.5)
