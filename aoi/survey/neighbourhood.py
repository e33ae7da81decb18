"""Weights of the means of near neighbours, which sum to one for each mean and over all means.

Both sums matter: with the first a constant leaves no variance, with the second every unit counts once.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import KDTree

from aoi.survey.design import FloatArray, IntArray

__all__ = ["neighbour_weights"]

NEIGHBOURS = 4
"""Units in a neighbourhood, the unit itself among them (Stevens and Olsen 2003)."""


def neighbour_weights(
    coordinates: FloatArray, inclusion: FloatArray, *, stratum: IntArray | None = None
) -> sparse.csr_array:
    """Return the weights of neighbourhood means, summing to one by row and by column.

    A neighbourhood is the four nearest units, the unit itself among them, made mutual. Weights fall linearly
    with the rank of the distance and inversely with the inclusion probability, and are then moved as little
    as possible (least squares) to sum to one both ways.

    Parameters
    ----------
    coordinates
        Shape (n, 2).
    inclusion
        Inclusion probabilities, shape (n,).
    stratum
        Stratum code of each unit, shape (n,); None for one.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (n, n).

    References
    ----------
    Stevens and Olsen (2003), doi:10.1002/env.606.
    """
    n = inclusion.size
    codes = np.zeros(n, dtype=np.int64) if stratum is None else stratum
    parts = [_mutual_pairs(coordinates, np.flatnonzero(codes == code)) for code in np.unique(codes)]
    row, column, rank = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    count = np.bincount(row, minlength=n)
    start = (1 - rank / count[row]) / inclusion[column]
    start = start / np.bincount(row, weights=start, minlength=n)[row]
    return _doubly_stochastic(sparse.csr_array((start, (row, column)), shape=(n, n)))


def _mutual_pairs(xy: FloatArray, members: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return the pairs of a stratum in which one is near the other, with the rank of their distance."""
    k = min(NEIGHBOURS, members.size)
    nearest = KDTree(xy[members]).query(xy[members], k=k)[1].reshape(members.size, k)
    row = np.repeat(np.arange(members.size), k)
    keys = np.concatenate([row * members.size + nearest.ravel(), nearest.ravel() * members.size + row])
    # A unit is its own neighbour even where another stands on the same spot
    keys = np.unique(np.concatenate([keys, np.arange(members.size) * (members.size + 1)]))
    row, column = keys // members.size, keys % members.size
    distance = np.hypot(*(xy[members[row]] - xy[members[column]]).T)
    order = np.lexsort((column, distance, row != column, row))
    row, column = row[order], column[order]
    first = np.searchsorted(row, np.arange(members.size))
    return members[row], members[column], np.arange(row.size) - first[row]


def _doubly_stochastic(start: sparse.csr_array) -> sparse.csr_array:
    """Move weights as little as possible, in their pattern, so that rows and columns sum to one."""
    pattern = start.copy()
    pattern.data = np.ones_like(pattern.data)
    n = start.shape[0]
    count = np.asarray(pattern.sum(axis=1)).ravel()
    system = sparse.block_array(
        [[sparse.diags_array(count), pattern], [pattern.T, sparse.diags_array(count)]], format="csc"
    )
    miss = np.concatenate([1 - np.asarray(start.sum(axis=1)).ravel(), 1 - np.asarray(start.sum(axis=0)).ravel()])
    # Each connected patch leaves one constant free: one multiplier in it is set to zero
    patches = csgraph.connected_components(system, directed=False)[1]
    kept = np.setdiff1d(np.arange(2 * n), np.unique(patches, return_index=True)[1])
    multiplier = np.zeros(2 * n)
    multiplier[kept] = sparse.linalg.splu(system[kept][:, kept].tocsc()).solve(miss[kept])
    moved = start.tocoo()
    row, column = moved.coords
    return sparse.csr_array((moved.data + multiplier[row] + multiplier[n + column], (row, column)), shape=(n, n))
