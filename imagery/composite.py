"""Order statistics over time of masked integers: medians, percentiles and the count they rest on.

Cells that are not valid carry the highest integer, so that after sorting along time the n valid values of a
cell come first. The sort is a network of minima and maxima of whole planes: exact, and far faster than NaN.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["INVALID", "NODATA", "masked_sort", "median", "percentile", "to_composite"]

INVALID = np.int16(32_767)
"""Marker of missing values while sorting: above every value."""
NODATA = -32_768
"""No-data value of composites on disk."""


def masked_sort(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Return the values of every cell in rising order along time, missing ones last.

    Parameters
    ----------
    values
        Shape (t, ...).
    valid
        Same shape.

    References
    ----------
    Batcher, K. E. (1968), Sorting networks and their applications, AFIPS SJCC 32: odd-even merge sort.

    Examples
    --------
    >>> masked_sort(np.array([3, 9, 1], dtype=np.int16), np.array([True, False, True])).tolist()
    [1, 3, 32767]
    """
    planes = np.where(valid, values, INVALID)
    low = np.empty_like(planes[:1])
    for first, second in _network(len(planes)):
        one, other = planes[first : first + 1], planes[second : second + 1]
        np.minimum(one, other, out=low)
        np.maximum(one, other, out=other)
        one[...] = low
    return planes


def median(ordered: NDArray[np.int16], count: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the median of the first `count` values of every cell; NaN where there are none.

    Parameters
    ----------
    ordered
        From `masked_sort`, shape (t, ...).
    count
        Valid values of each cell, shape of one layer.
    """
    return percentile(ordered, count, 50.0)


def percentile(ordered: NDArray[np.int16], count: NDArray[np.integer], percent: float) -> NDArray[np.float32]:
    """Return a percentile of the first `count` values of every cell, linear between values.

    Parameters
    ----------
    ordered
        From `masked_sort`, shape (t, ...).
    count
        Valid values of each cell, shape of one layer.
    percent
        0 to 100.

    References
    ----------
    Hyndman, R. J. and Fan, Y. (1996), The American Statistician 50, definition 7.
    """
    if len(ordered) == 0:
        return np.full(count.shape, np.nan, dtype=np.float32)
    position = np.maximum(count - 1, 0) * np.float32(percent / 100)
    below = position.astype(np.intp)
    weight = (position - below).astype(np.float32)
    above = np.minimum(below + 1, np.maximum(count - 1, 0)).astype(np.intp)
    low = np.take_along_axis(ordered, below[None], axis=0)[0].astype(np.float32)
    high = np.take_along_axis(ordered, above[None], axis=0)[0].astype(np.float32)
    return np.where(count > 0, low + weight * (high - low), np.float32(np.nan))


def to_composite(values: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return values as integers for the disk: rounded to even, missing as `NODATA`."""
    rounded = np.rint(np.where(np.isnan(values), np.float32(NODATA), values))
    return np.asarray(rounded, dtype=np.int16)


@cache
def _network(size: int) -> tuple[tuple[int, int], ...]:
    """Return the compare-exchange pairs that sort `size` values (Batcher 1968, odd-even merge)."""
    pairs = []
    step = 1
    while step < size:
        span = step
        while span >= 1:
            for start in range(span % step, size - span, 2 * span):
                lows = range(start, min(start + span, size - span))
                pairs += [(low, low + span) for low in lows if low // (2 * step) == (low + span) // (2 * step)]
            span //= 2
        step *= 2
    return tuple(pairs)
