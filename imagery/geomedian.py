"""Composites that keep the bands of one moment together: geometric median and medoid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["geometric_median", "medoid"]

ITERATIONS = 40
"""Most steps of Weiszfeld's algorithm."""
TOLERANCE = 0.05
"""Movement, in units of the values, below which a cell is done: far below the noise of a reflectance unit."""
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
    points = np.where(valid[:, None], values, 0).astype(np.float64)
    weight = valid.astype(np.float64)
    middle = _weighted_mean(points, weight)
    moving = np.flatnonzero(valid.sum(axis=0) > 1)
    for _ in range(ITERATIONS):
        if not moving.size:
            break
        part, here = points[:, :, moving], middle[:, moving]
        with np.errstate(invalid="ignore"):
            inverse = weight[:, moving] / np.maximum(_distance(part, here), _NEAR)
        there = _weighted_mean(part, inverse)
        middle[:, moving] = there
        moving = moving[_length(there - here) >= TOLERANCE]
    return np.where(valid.any(axis=0), middle, np.nan).astype(np.float32)


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


def _weighted_mean(points: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(points.shape[1:])
    weights = np.zeros(points.shape[2])
    for layer, share in zip(points, weight, strict=True):
        total += share * layer
        weights += share
    return total / np.where(weights > 0, weights, 1.0)


def _distance(points: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([_length(layer - middle) for layer in points])


def _length(difference: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.zeros(difference.shape[1:])
    for band in difference:
        squares += band * band
    return np.sqrt(squares)
