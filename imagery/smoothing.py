"""Neighbours consulted: class probabilities pooled over a few cells, since fields are wider than a cell.

A cell on its own is noisy and a field is not. Pooling takes the geometric mean of the probabilities around a
cell with weights that fall off with distance; a minimum mapping unit, by contrast, removes whole patches.
"""

from __future__ import annotations

from math import ceil, exp

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["LEAST_PROBABILITY", "first_highest", "highest", "log_probability", "pooled", "reach"]

LEAST_PROBABILITY = 1e-3
"""Probabilities count as at least this, so that no single cell can veto a class."""
_REACH = 2.5  # standard deviations after which a neighbour no longer counts


def reach(width_cells: float) -> int:
    """Return how many cells away neighbours still count.

    Examples
    --------
    >>> reach(0.0), reach(0.7), reach(1.5)
    (0, 2, 4)
    """
    return ceil(_REACH * width_cells)


def log_probability(scores: NDArray[np.float64], out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the logarithms of probabilities that raw scores stand for, shape (classes, n), in `out` if given."""
    logs = np.empty(scores.shape) if out is None else out
    top, total, raised = highest(scores), np.zeros(scores.shape[1]), np.empty(scores.shape[1])
    for layer, into in zip(scores, logs, strict=True):  # one class at a time stays in the cache
        np.subtract(layer, top, out=into)
        total += np.exp(into, out=raised)
    np.log(total, out=total)
    for into in logs:
        np.maximum(np.subtract(into, total, out=into), np.log(LEAST_PROBABILITY), out=into)
    return logs


def highest(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the highest of all classes for each cell: plane by plane, which is faster than column by column."""
    top: NDArray[np.float64] = scores[0].copy()
    for layer in scores[1:]:
        np.maximum(top, layer, out=top)
    return top


def first_highest(scores: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return which of at most 255 classes is highest for each cell; the first where they tie."""
    at = np.zeros(scores.shape[1:], dtype=np.uint8)
    top = scores[0].copy()
    for place, layer in enumerate(scores[1:], start=1):
        np.putmask(at, layer > top, np.uint8(place))
        np.maximum(top, layer, out=top)
    return at


def pooled(logs: NDArray[np.float64], seen: NDArray[np.bool_], width_cells: float) -> NDArray[np.float64]:
    """Return log probabilities pooled with those of the neighbours that were seen.

    Parameters
    ----------
    logs
        Log probabilities, shape (classes, h + 2 r, w + 2 r) with r = ``reach(width_cells)``.
    seen
        Cells that have any, shape (h + 2 r, w + 2 r).
    width_cells
        Standard deviation of the Gaussian weights, cells; 0 changes nothing.

    Returns
    -------
    ndarray, shape (classes, h, w)
        Weighted means, up to a constant per cell; arbitrary where no neighbour was seen.

    References
    ----------
    Genest, C. and Zidek, J. V. (1986), doi:10.1214/ss/1177013825, section 3: logarithmic opinion pool.

    Examples
    --------
    >>> pooled(np.log([[[0.9, 0.2]], [[0.1, 0.8]]]), np.ones((1, 2), dtype=bool), 0.0).shape
    (2, 1, 2)
    """
    r = reach(width_cells)
    height, width = seen.shape[0] - 2 * r, seen.shape[1] - 2 * r
    side = range(2 * r + 1)
    away = [[(row - r) ** 2 + (col - r) ** 2 for col in side] for row in side]
    weights = np.array([[exp(-square / (2 * width_cells**2)) if r else 1.0 for square in row] for row in away])
    out = np.empty((len(logs), height, width))
    _pool(np.ascontiguousarray(logs), np.ascontiguousarray(seen), weights, out)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _pool(logs, seen, weights, out):  # type: ignore[no-untyped-def]
    classes, height, width = out.shape
    size = len(weights)
    line, total = np.empty(width), np.empty(width)
    for row in range(height):
        total[:] = 0.0
        for down in range(size):
            for right in range(size):
                weight, known = weights[down, right], seen[row + down, right : right + width]
                for col in range(width):
                    total[col] += weight if known[col] else 0.0
        for of in range(classes):
            line[:] = 0.0
            for down in range(size):
                for right in range(size):
                    weight, known = weights[down, right], seen[row + down, right : right + width]
                    near = logs[of, row + down, right : right + width]
                    for col in range(width):
                        line[col] += weight * near[col] if known[col] else 0.0
            for col in range(width):
                out[of, row, col] = line[col] / (total[col] if total[col] > 0 else 1.0)
