"""Composites that keep the bands of one moment together: geometric median and medoid."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["geometric_median", "medoid"]

ITERATIONS = 40
"""Most steps of Weiszfeld's algorithm."""
TOLERANCE = 0.05
"""Movement, in units of the values, below which a cell is done: far below the noise of a reflectance unit."""
_TILE = 64  # cells that step together, so that all their observations stay in the first cache
_NEAR = 1e-6  # distance that stands in for 0, so that an observation under the median does not take all


def geometric_median(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the point with the least sum of distances to the clear observations of each cell.

    Parameters
    ----------
    values
        Observations, shape (t, b, n); arbitrary where not valid.
    valid
        Clear observations, shape (t, n).

    Returns
    -------
    ndarray, shape (b, n)
        NaN where there is none.

    Notes
    -----
    Weiszfeld's iteration from the mean; each cell stops by itself once it moves less than `TOLERANCE`, so that no
    bit depends on the cells beside it. Sums run over dates and bands in one order.

    References
    ----------
    Weiszfeld, E. (1937), Tohoku Mathematical Journal 43, 355. Roberts, D., Mueller, N. and McIntyre, A. (2017),
    IEEE Trans. Geosci. Remote Sens. 55, 6254, doi:10.1109/TGRS.2017.2723896.
    """
    out = np.empty(values.shape[1:], dtype=np.float32)
    _weiszfeld(np.ascontiguousarray(values), np.ascontiguousarray(valid), out)
    return out


def medoid(values: NDArray[np.int16], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the clear observation with the least sum of distances to the others, the earliest where they tie.

    Parameters
    ----------
    values
        Observations, shape (t, b, n); arbitrary where not valid.
    valid
        Clear observations, shape (t, n).

    Returns
    -------
    ndarray, shape (b, n)
        NaN where there is none.

    References
    ----------
    Flood, N. (2013), Remote Sensing 5, 6481, doi:10.3390/rs5126481.
    """
    if len(values) == 0:
        return np.full(values.shape[1:], np.nan, dtype=np.float32)
    points = np.where(valid[:, None], values, 0).astype(np.float64)
    total = np.zeros(valid.shape)
    for day, one in enumerate(points):
        for other, clear in zip(points, valid, strict=True):
            total[day] += np.where(clear, _length(one - other), 0.0)
    best = np.where(valid, total, np.inf).argmin(axis=0)
    chosen = np.take_along_axis(points, best[None, None], axis=0)[0]
    return np.where(valid.any(axis=0), chosen, np.nan).astype(np.float32)


def _length(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.zeros(difference.shape[1:])
    for band in difference:
        squares += band * band
    return np.sqrt(squares)


@njit(nogil=True, cache=True, error_model="numpy")
def _weiszfeld(values, valid, out):  # type: ignore[no-untyped-def]
    days, bands, cells = values.shape
    points = np.empty((days, bands, _TILE))
    weight = np.empty((days, _TILE))
    inverse = np.empty((days, _TILE))
    middle, there = np.empty((bands, _TILE)), np.empty((bands, _TILE))
    moving = np.empty(_TILE, dtype=np.bool_)
    count = np.empty(_TILE, dtype=np.int32)
    for start in range(0, cells, _TILE):
        n = min(_TILE, cells - start)
        count[:] = 0
        weight[:] = 0.0
        points[:] = 0.0
        for day in range(days):
            for c in range(n):
                seen = valid[day, start + c]
                weight[day, c] = 1.0 if seen else 0.0
                count[c] += np.int32(seen)
                for band in range(bands):
                    points[day, band, c] = np.float64(values[day, band, start + c]) if seen else 0.0
        _weighted_mean(points, weight, middle)
        left = 0
        for c in range(_TILE):
            moving[c] = count[c] > 1
            left += moving[c]
        for _ in range(ITERATIONS):
            if left == 0:
                break
            for day in range(days):
                _inverse(points[day], middle, weight[day], inverse[day])
            _weighted_mean(points, inverse, there)
            left = _step(middle, there, moving)
        for band in range(bands):
            for c in range(n):
                out[band, start + c] = np.float32(middle[band, c]) if count[c] > 0 else np.float32(np.nan)


@njit(nogil=True, cache=True, error_model="numpy")
def _weighted_mean(points, weight, mean):  # type: ignore[no-untyped-def]
    days, bands, tile = points.shape
    weights = np.zeros(tile)
    for day in range(days):
        for c in range(tile):
            weights[c] += weight[day, c]
    for band in range(bands):
        row = mean[band]
        row[:] = 0.0
        for day in range(days):
            point, share = points[day, band], weight[day]
            for c in range(tile):
                row[c] += share[c] * point[c]
        for c in range(tile):
            row[c] /= weights[c] if weights[c] > 0 else 1.0


@njit(nogil=True, cache=True, error_model="numpy")
def _inverse(points, middle, weight, inverse):  # type: ignore[no-untyped-def]
    """Write the weight of each observation over its distance from the middle."""
    bands, tile = points.shape
    inverse[:] = 0.0
    for band in range(bands):
        point, centre = points[band], middle[band]
        for c in range(tile):
            away = point[c] - centre[c]
            inverse[c] += away * away
    for c in range(tile):
        inverse[c] = weight[c] / max(np.sqrt(inverse[c]), _NEAR)


@njit(nogil=True, cache=True, error_model="numpy")
def _step(middle, there, moving):  # type: ignore[no-untyped-def]
    """Move the cells that still move, and return how many of them go on."""
    bands, tile = middle.shape
    left = 0
    for c in range(tile):
        if not moving[c]:
            continue
        squares = 0.0
        for band in range(bands):
            away = there[band, c] - middle[band, c]
            squares += away * away
            middle[band, c] = there[band, c]
        moving[c] = np.sqrt(squares) >= TOLERANCE
        left += moving[c]
    return left
