"""Which places to label next: where the classifier is most undecided, spread over the land."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["next_cells"]


def next_cells(
    uncertainty: NDArray[np.integer], allowed: NDArray[np.bool_], *, count: int, apart_cells: int
) -> NDArray[np.int64]:
    """Return the cells to label next, the most uncertain first.

    Parameters
    ----------
    uncertainty
        Whole per cent, shape (h, w).
    allowed
        Cells that may be chosen: seen, and neither taught nor sampled, same shape.
    count
        Most cells wanted.
    apart_cells
        Side of the squares of which each gives at most one cell.

    Returns
    -------
    ndarray, shape (m, 2)
        Row and column; m is at most `count`. Ties fall to the first in row order.

    References
    ----------
    Lewis, D. and Gale, W. (1994), SIGIR '94 (uncertainty sampling); one cell a square, since the most uncertain
    cells lie beside each other and teach the same.
    """
    rows, cols = np.nonzero(allowed)
    if not rows.size or count <= 0:
        return np.empty((0, 2), dtype=np.int64)
    level = uncertainty[rows, cols].astype(np.int64)
    order = np.argsort(-level, kind="stable")
    rows, cols = rows[order], cols[order]
    across = -(-allowed.shape[1] // apart_cells)
    square = (rows // apart_cells) * across + cols // apart_cells
    first = np.sort(np.unique(square, return_index=True)[1])[:count]
    return np.column_stack([rows[first], cols[first]]).astype(np.int64)
