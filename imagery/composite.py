"""Order statistics over time of masked integers: medians, percentiles and the count they rest on.

Cells that are not valid carry the highest integer, so that after sorting along time the n valid values of a
cell come first. The sort is a network of minima and maxima, many cells at once: exact, and far faster than NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["INVALID", "NODATA", "median", "percentiles", "to_composite"]

INVALID = np.int16(32_767)
"""Marker of missing values while sorting: above every value."""
NODATA = -32_768
"""No-data value of composites on disk."""
_TILE = 512  # cells sorted at once, so that all their days stay in the first cache


def median(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the median over time of the valid values of every cell; NaN where there are none.

    Parameters
    ----------
    values
        Shape (t, ...), below `INVALID`.
    valid
        Same shape.

    Examples
    --------
    >>> median(np.array([[3], [9], [1], [4]], dtype=np.int16), np.array([[True], [False], [True], [True]])).tolist()
    [3.0]
    """
    return np.asarray(percentiles(values, valid, (50.0,))[0])


def percentiles(
    values: NDArray[np.int16], valid: NDArray[np.bool_], percents: Sequence[float]
) -> NDArray[np.float32]:
    """Return percentiles over time of the valid values of every cell, linear between values; NaN without any.

    Parameters
    ----------
    values
        Shape (t, ...), below `INVALID`; arbitrary where not valid.
    valid
        Same shape.
    percents
        Each 0 to 100 (p).

    Returns
    -------
    ndarray, shape (p, ...)

    References
    ----------
    Hyndman, R. J. and Fan, Y. (1996), The American Statistician 50, definition 7. Batcher, K. E. (1968), Sorting
    networks and their applications, AFIPS SJCC 32: odd-even merge sort.
    """
    days, cells = len(values), prod(values.shape[1:])
    out = np.empty((len(percents), *values.shape[1:]), dtype=np.float32)
    _percentiles(
        np.ascontiguousarray(values).reshape(days, cells),
        np.ascontiguousarray(valid).reshape(days, cells),
        _network(days),
        np.array([percent / 100 for percent in percents], dtype=np.float32),
        out.reshape(len(percents), cells),
    )
    return out


def to_composite(values: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return values as integers for the disk: rounded to even, missing as `NODATA`."""
    rounded = np.rint(np.where(np.isnan(values), np.float32(NODATA), values))
    return np.asarray(rounded, dtype=np.int16)


@cache
def _network(size: int) -> NDArray[np.int64]:
    """Return the compare-exchange pairs that sort `size` values (Batcher 1968, odd-even merge), shape (p, 2)."""
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
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


@njit(nogil=True, cache=True)
def _percentiles(values, valid, pairs, shares, out):  # type: ignore[no-untyped-def]
    days, cells = values.shape
    planes = np.empty((days, _TILE), dtype=np.int16)
    count = np.empty(_TILE, dtype=np.int32)
    for start in range(0, cells, _TILE):
        n = min(_TILE, cells - start)
        count[:] = 0
        for day in range(days):
            _masked(values[day, start : start + n], valid[day, start : start + n], planes[day], count)
        for pair in range(len(pairs)):
            _exchange(planes[pairs[pair, 0]], planes[pairs[pair, 1]])
        for q in range(len(shares)):
            _pick(planes, count, shares[q], out[q, start : start + n])


@njit(nogil=True, cache=True)
def _masked(values, valid, plane, count):  # type: ignore[no-untyped-def]
    for c in range(len(values)):
        plane[c] = values[c] if valid[c] else INVALID
        count[c] += np.int32(valid[c])


@njit(nogil=True, cache=True)
def _exchange(low, high):  # type: ignore[no-untyped-def]
    for c in range(_TILE):
        one, other = low[c], high[c]
        low[c] = min(one, other)
        high[c] = max(one, other)


@njit(nogil=True, cache=True)
def _pick(planes, count, share, out):  # type: ignore[no-untyped-def]
    """Write a percentile of sorted values."""
    for c in range(len(out)):
        n = count[c]
        if n == 0:
            out[c] = np.nan
            continue
        position = np.float32(n - 1) * share
        below = int(position)
        weight = np.float32(position - np.float32(below))
        low = np.float32(planes[below, c])
        high = np.float32(planes[min(below + 1, n - 1), c])
        out[c] = low + weight * np.float32(high - low)
