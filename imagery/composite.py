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

__all__ = [
    "INVALID",
    "NODATA",
    "band_percentiles",
    "median",
    "percentiles",
    "to_composite",
    "write_band_percentiles",
]

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
    return band_percentiles(values[:, None], valid, percents)[:, 0]


def band_percentiles(
    values: NDArray[np.int16], valid: NDArray[np.bool_], percents: Sequence[float]
) -> NDArray[np.float32]:
    """Return percentiles over time of several bands that were seen on the same days; see `percentiles`.

    Parameters
    ----------
    values
        Shape (t, b, ...).
    valid
        Clear observations of all bands, shape (t, ...).
    percents
        Each 0 to 100 (p).

    Returns
    -------
    ndarray, shape (p, b, ...)
    """
    days, bands, cells = *values.shape[:2], prod(values.shape[2:])
    out = np.empty((len(percents), *values.shape[1:]), dtype=np.float32)
    write_band_percentiles(
        values.reshape(days, bands, cells),
        valid.reshape(days, cells),
        percents,
        out.reshape(-1, cells),
        np.arange(len(percents) * bands).reshape(len(percents), bands),
    )
    return out


def write_band_percentiles(
    values: NDArray[np.int16],
    valid: NDArray[np.bool_],
    percents: Sequence[float],
    planes: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> None:
    """Write the percentiles of several bands where they belong; see `band_percentiles`.

    Parameters
    ----------
    values, valid, percents
        Shapes (t, b, n), (t, n) and (p).
    planes
        Where they go, shape (k, n).
    rows
        Which plane each goes to, shape (p, b).
    """
    shares = np.array([percent / 100 for percent in percents], dtype=np.float32)
    _percentiles(
        np.ascontiguousarray(values), np.ascontiguousarray(valid), _network(len(values)), shares, planes, rows
    )


def to_composite(values: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return values as integers for the disk: rounded to even, missing as `NODATA`."""
    out = np.empty(values.shape, dtype=np.int16)
    _rounded(np.ascontiguousarray(values).reshape(-1), out.reshape(-1))
    return out


@njit(nogil=True, cache=True)
def _rounded(values, out):  # type: ignore[no-untyped-def]
    for c in range(len(values)):
        out[c] = np.int16(NODATA) if np.isnan(values[c]) else np.int16(np.rint(values[c]))


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
def _percentiles(values, valid, pairs, shares, out, rows):  # type: ignore[no-untyped-def]
    days, bands, cells = values.shape
    planes = np.empty((days, _TILE), dtype=np.int16)
    count = np.empty(_TILE, dtype=np.int16)
    below = np.zeros((len(shares), _TILE), dtype=np.int16)
    weight = np.zeros((len(shares), _TILE), dtype=np.float32)
    low, high = np.zeros(_TILE, dtype=np.int16), np.zeros(_TILE, dtype=np.int16)
    for start in range(0, cells, _TILE):
        n = min(_TILE, cells - start)
        count[:] = 0
        for day in range(days):
            _counted(valid[day, start : start + n], count)
        for q in range(len(shares)):
            _position(count, shares[q], below[q], weight[q])
        for band in range(bands):
            for day in range(days):
                _masked(values[day, band, start : start + n], valid[day, start : start + n], planes[day])
            for pair in range(len(pairs)):
                _exchange(planes[pairs[pair, 0]], planes[pairs[pair, 1]])
            for q in range(len(shares)):
                first, last = below[q].min(), below[q].max()
                low[:] = 0
                high[:] = 0
                for day in range(first, min(last + 2, days)):
                    _choose(planes[day], np.int16(day), below[q], low)
                    _choose(planes[day], np.int16(day - 1), below[q], high)
                _between(low, high, count, weight[q], out[rows[q, band], start : start + n])


@njit(nogil=True, cache=True)
def _counted(valid, count):  # type: ignore[no-untyped-def]
    for c in range(len(valid)):
        count[c] += np.int16(valid[c])


@njit(nogil=True, cache=True)
def _masked(values, valid, plane):  # type: ignore[no-untyped-def]
    for c in range(len(values)):
        plane[c] = values[c] if valid[c] else INVALID


@njit(nogil=True, cache=True)
def _exchange(low, high):  # type: ignore[no-untyped-def]
    for c in range(_TILE):
        one, other = low[c], high[c]
        low[c] = min(one, other)
        high[c] = max(one, other)


@njit(nogil=True, cache=True)
def _position(count, share, below, weight):  # type: ignore[no-untyped-def]
    """Write which of the sorted values a percentile follows, and how far it goes towards the next."""
    for c in range(_TILE):
        position = np.float32(max(count[c] - 1, 0)) * share
        whole = np.int16(position)
        below[c] = whole
        weight[c] = position - np.float32(whole)


@njit(nogil=True, cache=True)
def _choose(plane, day, below, out):  # type: ignore[no-untyped-def]
    """Take a sorted value where the percentile follows that of a day."""
    for c in range(_TILE):
        out[c] |= plane[c] if below[c] == day else np.int16(0)


@njit(nogil=True, cache=True)
def _between(low, high, count, weight, out):  # type: ignore[no-untyped-def]
    """Write percentiles; where one falls on a value there is no next one to go towards."""
    nothing = np.float32(0)
    for c in range(len(out)):
        step = np.float32(high[c]) - np.float32(low[c])
        part = weight[c] * step if weight[c] > nothing else nothing
        out[c] = np.float32(low[c]) + part if count[c] > 0 else np.float32(np.nan)
