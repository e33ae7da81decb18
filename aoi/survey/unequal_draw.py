"""Draw samples with unequal probabilities, each by the design its joint probabilities belong to.

Sampford and conditional Poisson samples are drawn directly, never by rejection, so that a draw always ends.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray
from aoi.survey.joint_inclusion import (
    UnequalMethod,
    checked_inclusion,
    conditional_poisson_tilt,
    elimination_steps,
)
from aoi.survey.poisson_binomial import sums_without_one, tail_table

__all__ = ["draw_unequal"]


def draw_unequal(inclusion: npt.ArrayLike, method: UnequalMethod, *, rng: np.random.Generator) -> IntArray:
    """Draw units with given inclusion probabilities.

    Parameters
    ----------
    inclusion
        Inclusion probability of each unit of the frame, shape (N,).
    method
        The design. ``systematic`` keeps the frame's order, so that a frame in serpentine order is spread
        over the map; ``poisson`` has a random size.
    rng
        Source of randomness.

    Returns
    -------
    ndarray of int64
        Positions of the drawn units, ascending.

    Raises
    ------
    InputError
        If probabilities lie outside (0, 1], or do not sum to a whole number for a design of fixed size.

    References
    ----------
    Tille (2006), Sampling Algorithms, chapters 5 (conditional Poisson), 6 (elimination) and 7 (systematic).

    Examples
    --------
    >>> draw_unequal([0.25, 0.75, 1.0], "sampford", rng=np.random.default_rng(7)).size
    2
    """
    pi = checked_inclusion(inclusion, method)
    certain, free = np.flatnonzero(pi >= 1), np.flatnonzero(pi < 1)
    if method == "systematic":
        return _systematic(pi, rng)
    drawn = free[_DRAW[method](pi[free], rng)] if free.size else free
    return np.sort(np.concatenate([certain, drawn])).astype(np.int64)


def _poisson(pi: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw each unit by itself."""
    return np.flatnonzero(rng.random(pi.size) < pi)


def _conditional_poisson(pi: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw independently, held to the size."""
    return _held_to_size(conditional_poisson_tilt(pi), round(float(pi.sum())), rng)


def _held_to_size(p: FloatArray, n: int, rng: np.random.Generator) -> IntArray:
    """Walk through the frame, each unit drawn with its chance given how many are still wanted."""
    tails = tail_table(p, n)
    u = rng.random(p.size)
    drawn, wanted = [], n
    for i in range(p.size):
        if wanted and u[i] * tails[i, wanted] < p[i] * tails[i + 1, wanted - 1]:
            drawn.append(i)
            wanted -= 1
    return np.array(drawn, dtype=np.int64)


def _sampford(pi: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw the unit that stays out, then a held-to-size sample of the others.

    A sample's probability, in proportion to ``prod_s pi/(1 - pi) * sum of pi outside s``, is a sum over the
    unit outside: that unit is drawn first.
    """
    n = round(float(pi.sum()))
    if n == 0:
        return np.array([], dtype=np.int64)
    others = sums_without_one(pi, np.eye(n + 1)[n:])[0]
    outside = np.maximum(pi * (1 - pi) * others, 0.0)
    left_out = int(rng.choice(pi.size, p=outside / outside.sum()))
    rest = np.delete(np.arange(pi.size), left_out)
    return rest[_held_to_size(pi[rest], n, rng)]


def _tille(pi: FloatArray, rng: np.random.Generator) -> IntArray:
    """Take out one unit at a time until the size is reached."""
    alive, before = np.ones(pi.size, dtype=bool), np.ones(pi.size)
    for step in elimination_steps(pi):
        leaving = np.where(alive, 1 - step / before, 0.0)
        alive[rng.choice(pi.size, p=leaving / leaving.sum())] = False
        before = step
    return np.flatnonzero(alive)


def _midzuno(pi: FloatArray, rng: np.random.Generator) -> IntArray:
    """Draw what stays out by elimination with the complementary probabilities."""
    return np.setdiff1d(np.arange(pi.size), _tille(1 - pi, rng))


def _systematic(pi: FloatArray, rng: np.random.Generator) -> IntArray:
    """Step through the cumulated probabilities from one random start."""
    ends = np.cumsum(pi)
    n = round(float(ends[-1]))
    # The last end is a whole number but for rounding; a start just under one must not fall off the frame
    ends[-1] = n
    marks = rng.random() + np.arange(n)
    return np.searchsorted(ends, marks, side="right").astype(np.int64)


_DRAW: dict[str, Callable[[FloatArray, np.random.Generator], IntArray]] = {
    "poisson": _poisson,
    "conditional-poisson": _conditional_poisson,
    "sampford": _sampford,
    "tille": _tille,
    "midzuno": _midzuno,
}
