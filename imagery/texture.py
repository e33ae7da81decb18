"""Texture: local mean and spread in square windows, for what context tells apart and colour does not."""

from __future__ import annotations

import numpy as np
from numba import njit
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
    height, width = image.shape[0] - 2 * radius, image.shape[1] - 2 * radius
    mean, deviation = (np.empty((height, width), dtype=np.float32) for _ in range(2))
    _squares(np.ascontiguousarray(image), radius, mean, deviation)
    return mean, deviation


@njit(nogil=True, cache=True, error_model="numpy")
def _squares(image, radius, mean, deviation):  # type: ignore[no-untyped-def]
    """Slide the sums of whole columns down, and along each row the sums of squares of them."""
    size, width = 2 * radius + 1, image.shape[1]
    count, total, squares = np.zeros(width, np.int64), np.zeros(width, np.int64), np.zeros(width, np.int64)
    for row in range(image.shape[0]):
        _slide(image[row], 1, count, total, squares)
        if row >= size:
            _slide(image[row - size], -1, count, total, squares)
        if row < size - 1:
            continue
        some, whole, squared = 0, 0, 0
        for col in range(width):
            some += count[col]
            whole += total[col]
            squared += squares[col]
            if col >= size:
                some -= count[col - size]
                whole -= total[col - size]
                squared -= squares[col - size]
            if col >= size - 1:
                at = row - size + 1, col - size + 1
                # count^2 times the variance is the integer count * squares - total^2, free of cancellation
                spread = np.float64(some * squared - whole * whole)
                mean[at] = np.float64(whole) / np.float64(some) if some > 0 else np.nan
                deviation[at] = np.sqrt(spread) / np.float64(some) if some > 0 else np.nan


@njit(nogil=True, cache=True, error_model="numpy")
def _slide(row, sign, count, total, squares):  # type: ignore[no-untyped-def]
    """Add a row of whole numbers to the sums of columns, or take it away; NaN counts for nothing."""
    for col in range(len(row)):
        value = row[col]
        seen = value == value
        whole = np.int64(np.rint(value)) if seen else 0
        count[col] += sign * np.int64(seen)
        total[col] += sign * whole
        squares[col] += sign * whole * whole
