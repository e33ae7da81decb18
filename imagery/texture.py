"""Texture: local mean and spread in square windows, for what context tells apart and colour does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["local_mean_and_deviation"]


def local_mean_and_deviation(
    image: NDArray[np.float32], radius: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation within squares of ``2 radius + 1`` cells.

    Parameters
    ----------
    image
        Whole numbers or NaN, shape (h + 2 radius, w + 2 radius).
    radius
        Cells to each side.

    Returns
    -------
    mean, deviation
        Shape (h, w); over the cells that are not NaN, NaN where there are none.

    Notes
    -----
    Sums are of integers, which are exact in any order: the result does not depend on the block.

    Examples
    --------
    >>> mean, deviation = local_mean_and_deviation(np.float32([[0, 0, 0], [0, 9, 0], [0, 0, 0]]), 1)
    >>> float(mean[0, 0]), round(float(deviation[0, 0]), 4)
    (1.0, 2.8284)
    """
    seen = ~np.isnan(image)
    whole = np.rint(np.where(seen, image, np.float32(0))).astype(np.int64)
    count = _box_sum(seen.astype(np.int64), radius)
    total = _box_sum(whole, radius)
    squares = _box_sum(whole * whole, radius)
    some = np.maximum(count, 1)
    mean = total / some
    # count^2 times the variance is the integer count * squares - total^2, free of cancellation
    deviation = np.sqrt((count * squares - total * total).astype(np.float64)) / some
    mean[count == 0] = np.nan
    deviation[count == 0] = np.nan
    return mean.astype(np.float32), deviation.astype(np.float32)


def _box_sum(image: NDArray[np.int64], radius: int) -> NDArray[np.int64]:
    """Return sums over squares by running sums along both axes."""
    size = 2 * radius + 1
    sums = np.zeros((image.shape[0] + 1, image.shape[1] + 1), dtype=np.int64)
    sums[1:, 1:] = image.cumsum(axis=0).cumsum(axis=1)
    return np.asarray(sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size])
