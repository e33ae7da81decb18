"""How many of many independent events happen, and the same with one or two of them left out.

Fixed-size unequal probability designs are independent draws held to a size, so that their joint inclusion
probabilities are ratios of these counts' probabilities. Nothing here knows of a survey.
"""

from __future__ import annotations

import numpy as np

from aoi.survey.design import FloatArray, IntArray

__all__ = ["count_distribution", "sums_without_one", "sums_without_two", "tail_table", "without_one"]


def count_distribution(p: FloatArray) -> FloatArray:
    """Return the probability of 0, 1, ..., N events out of N independent ones.

    Parameters
    ----------
    p
        Probability of each event, shape (N,).

    Returns
    -------
    ndarray
        Shape (N + 1,).

    Examples
    --------
    >>> count_distribution(np.array([0.5, 0.5]))
    array([0.25, 0.5 , 0.25])
    """
    distribution = np.zeros(p.size + 1)
    distribution[0] = 1.0
    for done, chance in enumerate(p):
        head = distribution[: done + 2].copy()
        distribution[: done + 2] = (1 - chance) * head
        distribution[1 : done + 2] += chance * head[:-1]
    return distribution


def without_one(p: FloatArray, units: IntArray) -> FloatArray:
    """Return the count distribution of all events but one, for each of several events.

    Parameters
    ----------
    p
        Probability of each event, shape (N,).
    units
        The events left out in turn, shape (u,).

    Returns
    -------
    ndarray
        Shape (u, N).
    """
    every = np.eye(p.size)
    return _removed(count_distribution(p)[None, :], p[units], every)[:, 0, :].T


def sums_without_one(p: FloatArray, weights: FloatArray) -> FloatArray:
    """Return weighted sums over the count distribution of all events but one, for every event.

    Parameters
    ----------
    p
        Probability of each event, shape (N,).
    weights
        Weight of each count from zero on, shape (f, counts).

    Returns
    -------
    ndarray
        Shape (f, N).
    """
    return _removed(count_distribution(p)[None, :], p, weights)[:, 0, :]


def sums_without_two(p: FloatArray, units: IntArray, weights: FloatArray) -> FloatArray:
    """Return weighted sums over the count distribution of all events but two, for every pair of `units`.

    Parameters
    ----------
    p
        Probability of each event, shape (N,).
    units
        Events whose pairs are wanted, shape (u,).
    weights
        Weight of each count from zero on, shape (f, counts).

    Returns
    -------
    ndarray
        Shape (f, u, u); the diagonal has no meaning.
    """
    return _removed(without_one(p, units), p[units], weights)


def _removed(distribution: FloatArray, p: FloatArray, weights: FloatArray) -> FloatArray:
    """Take events with probabilities `p` out of count distributions and sum what is left by `weights`.

    With F the distribution with an event and f without, ``F(m) = (1 - p) f(m) + p f(m - 1)``. Solved upward
    for p <= 1/2 and downward above, a rounding error shrinks at each step. Shape (f, rows, events).
    """
    counts = weights.shape[1]
    sums = np.zeros((weights.shape[0], distribution.shape[0], p.size))
    small = p <= 0.5
    columns = distribution.T[:, :, None]
    last = np.zeros((distribution.shape[0], int(small.sum())))
    for m in range(min(counts, columns.shape[0] - 1)):
        last = (columns[m] - p[small] * last) / (1 - p[small])
        for row in np.flatnonzero(weights[:, m]):
            sums[row][:, small] += weights[row, m] * last
    last = np.zeros((distribution.shape[0], int((~small).sum())))
    for m in range(columns.shape[0] - 2, -1, -1):
        last = (columns[m + 1] - (1 - p[~small]) * last) / p[~small]
        for row in np.flatnonzero(weights[:, m]) if m < counts else ():
            sums[row][:, ~small] += weights[row, m] * last
    return sums


def tail_table(p: FloatArray, most: int) -> FloatArray:
    """Return the probability that exactly r of the events from the i-th on happen.

    Parameters
    ----------
    p
        Probability of each event, shape (N,).
    most
        Largest r.

    Returns
    -------
    ndarray
        Shape (N + 1, most + 1); row i counts events i, i + 1, ..., N - 1.
    """
    table = np.zeros((p.size + 1, most + 1))
    table[p.size, 0] = 1.0
    for i in range(p.size - 1, -1, -1):
        table[i] = (1 - p[i]) * table[i + 1]
        table[i, 1:] += p[i] * table[i + 1, :-1]
    return table
