"""Travel time over a surface: the quickest way from the nearest of several places, cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

__all__ = ["nearest_passable", "travel_minutes"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Half of the eight neighbours; the others are the same steps backwards."""

_NOTHING = 1e-12
"""Minutes that stand for none, since a cost of nothing is no edge."""


def travel_minutes(
    minutes_per_m: FloatArray, rows: IntArray, cols: IntArray, *, cell_m: float, extra: FloatArray | None = None
) -> FloatArray:
    """Return the minutes of the quickest way from each cell to the nearest source.

    Parameters
    ----------
    minutes_per_m
        Friction of each cell, minutes a metre, shape (height, width); infinite where nobody passes.
    rows, cols
        Cells of the sources, shape (k,); sources on impassable cells start nowhere.
    cell_m
        Side of a cell, metres.
    extra
        Minutes that a source costs before its way begins, shape (k,).

    Returns
    -------
    ndarray, shape (height, width)
        Minutes; infinite where no way leads.

    Notes
    -----
    A step to one of the eight neighbours costs its length times the mean friction of both cells. A diagonal step
    needs both cells beside it to be passable, so that no barrier is slipped through at a corner. The way is
    Dijkstra's (1959), Numerische Mathematik 1, 269-271.

    Examples
    --------
    >>> surface = np.full((1, 4), 0.01)
    >>> surface[0, 2] = np.inf
    >>> travel_minutes(surface, np.array([0]), np.array([0]), cell_m=100.0).tolist()
    [[0.0, 1.0, inf, inf]]
    """
    shape = minutes_per_m.shape
    open_cells = np.isfinite(minutes_per_m)
    start = open_cells[rows, cols] if len(rows) else np.zeros(0, dtype=bool)
    size = int(np.prod(shape))
    if not start.any():
        return np.full(shape, np.inf)
    number = np.arange(size).reshape(shape)
    heads, tails, costs = [], [], []
    for down, right in _STEPS:
        here = (slice(0, shape[0] - down), slice(max(-right, 0), shape[1] - max(right, 0)))
        there = (slice(down, shape[0]), slice(max(right, 0), shape[1] - max(-right, 0)))
        passable = open_cells[here] & open_cells[there]
        if down and right:
            beside = (slice(0, shape[0] - 1), there[1])
            below = (slice(1, shape[0]), here[1])
            passable = passable & open_cells[beside] & open_cells[below]
        length = cell_m * float(np.hypot(down, right))
        mean = (minutes_per_m[here][passable] + minutes_per_m[there][passable]) / 2
        heads.append(number[here][passable])
        tails.append(number[there][passable])
        costs.append(length * mean)
    sources = np.flatnonzero(start)
    first = np.zeros(len(rows)) if extra is None else np.asarray(extra, dtype=float)
    # one node before all sources
    heads.append(np.full(sources.size, size))
    tails.append(number[rows[sources], cols[sources]])
    costs.append(np.maximum(first[sources], _NOTHING))
    edges = (np.concatenate(costs), (np.concatenate(heads), np.concatenate(tails)))
    from scipy import sparse
    from scipy.sparse import csgraph

    graph = sparse.coo_array(edges, shape=(size + 1, size + 1))
    graph = _least(graph)
    if size < np.iinfo(np.int32).max:  # all that scipy before 1.15 takes
        graph.indices, graph.indptr = graph.indices.astype(np.int32), graph.indptr.astype(np.int32)
    found = csgraph.dijkstra(graph, directed=False, indices=size)[:size]
    return np.asarray(np.where(found < 2 * _NOTHING, 0.0, found).reshape(shape))


def _least(graph: sparse.coo_array) -> sparse.csr_array:
    """Return the graph with the least of edges given twice; the library would add them up."""
    order = np.lexsort((graph.data, graph.col, graph.row))
    row, col, data = graph.row[order], graph.col[order], graph.data[order]
    first = np.ones(row.size, dtype=bool)
    first[1:] = (row[1:] != row[:-1]) | (col[1:] != col[:-1])
    from scipy import sparse

    return sparse.csr_array((data[first], (row[first], col[first])), shape=graph.shape)


def nearest_passable(
    passable: NDArray[np.bool_], rows: IntArray, cols: IntArray, *, cell_m: float
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the passable cell nearest to each place, and the metres to it.

    Parameters
    ----------
    passable
        Shape (height, width); at least one cell is.
    rows, cols
        Cells of the places, shape (k,).
    cell_m
        Side of a cell, metres.
    """
    from scipy import ndimage

    distance, places = ndimage.distance_transform_edt(~passable, return_indices=True)
    found = places[:, rows, cols].astype(np.int64)
    return found[0], found[1], np.asarray(distance[rows, cols] * cell_m, dtype=float)
