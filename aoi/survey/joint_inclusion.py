"""Joint inclusion probabilities of fixed-size designs: Sampford, conditional Poisson, Tille, Midzuno, systematic.

Every function takes first-order probabilities that sum to a whole number and returns the matrix of the
probabilities that two units are drawn together, with the first-order ones on its diagonal.

References
----------
Tille, Y. (2006). Sampling Algorithms. Springer. doi:10.1007/0-387-34240-0
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray, raise_all
from aoi.survey.poisson_binomial import count_distribution, sums_without_one, sums_without_two
from geo.errors import Problem, QualityGateError

__all__ = [
    "UnequalMethod",
    "checked_inclusion",
    "conditional_poisson_tilt",
    "elimination_steps",
    "joint_inclusion",
]

UnequalMethod = Literal["sampford", "conditional-poisson", "tille", "midzuno", "systematic", "poisson"]
"""How units are drawn with unequal probabilities; ``conditional-poisson`` is the maximum entropy design."""

TILT_ITERATIONS = 500
TILT_TOLERANCE = 1e-14
"""Largest miss of an inclusion probability: a few roundings of sums of hundreds of terms."""


def joint_inclusion(
    inclusion: npt.ArrayLike, method: UnequalMethod, *, units: npt.ArrayLike | None = None
) -> FloatArray:
    """Return the joint inclusion probabilities of a design.

    Parameters
    ----------
    inclusion
        First-order inclusion probabilities of the whole frame, shape (N,), in its order (which matters for
        ``systematic``); units of probability one are drawn for certain.
    method
        The design.
    units
        Positions of the units whose pairs are wanted, such as the sampled ones, shape (u,); None for all.

    Returns
    -------
    ndarray
        Shape (u, u), first-order probabilities on the diagonal.

    Raises
    ------
    InputError
        If probabilities lie outside (0, 1], or do not sum to a whole number for a design of fixed size.

    Examples
    --------
    >>> float(joint_inclusion([0.5, 0.5, 0.5, 0.5], "sampford")[0, 1])
    0.1666667
    """
    pi = checked_inclusion(inclusion, method)
    chosen = np.arange(pi.size) if units is None else np.asarray(units, dtype=np.int64)
    joint = np.outer(pi[chosen], pi[chosen])
    # A unit drawn for certain is together with another as often as that one is drawn
    free = pi < 1
    pairs = np.flatnonzero(free[chosen])
    if pairs.size and method != "poisson":
        position = np.cumsum(free) - 1
        frame, asked = (pi, chosen[pairs]) if method == "systematic" else (pi[free], position[chosen[pairs]])
        joint[np.ix_(pairs, pairs)] = _JOINT[method](frame, asked)
    np.fill_diagonal(joint, pi[chosen])
    return joint


def checked_inclusion(inclusion: npt.ArrayLike, method: UnequalMethod) -> FloatArray:
    """Return first-order probabilities, refusing those no design of this kind can have."""
    pi = np.asarray(inclusion, dtype=float)
    problems = []
    if pi.ndim != 1 or not pi.size or not ((pi > 0) & (pi <= 1)).all():
        bad = np.flatnonzero(~((pi > 0) & (pi <= 1))) if pi.ndim == 1 else np.array([])
        found = f"shape {pi.shape}, {bad.size} units outside (0, 1] (first {bad[:5].tolist()})"
        problems.append(Problem("inclusion probabilities", found, "one in (0, 1] for each unit"))
    elif method != "poisson" and abs(pi.sum() - round(pi.sum())) > 1e-8 * max(1.0, pi.sum()):
        problems.append(
            Problem(
                "inclusion probabilities",
                f"a sum of {pi.sum():.10g}",
                "a whole number, the sample size",
                "scale them (proportional_inclusion), or draw a Poisson sample",
            )
        )
    if method not in ("poisson", *_JOINT):
        problems.append(Problem("design", repr(method), "one of " + ", ".join(("poisson", *_JOINT))))
    raise_all(problems)
    return pi


def conditional_poisson_tilt(pi: FloatArray) -> FloatArray:
    """Return Poisson probabilities whose sample, held to its size, has inclusion probabilities `pi`.

    Parameters
    ----------
    pi
        Inclusion probabilities in (0, 1), summing to the sample size, shape (N,).

    Returns
    -------
    ndarray
        Shape (N,), summing to the sample size.

    Raises
    ------
    QualityGateError
        If the iteration does not settle.

    References
    ----------
    Chen, Dempster and Liu (1994), Biometrika 81, 457-469, doi:10.1093/biomet/81.3.457; Tille (2006),
    chapter 5.
    """
    n = round(float(pi.sum()))
    p = pi.copy()
    for _ in range(TILT_ITERATIONS):
        reached = _held_to_size(p, n)
        if np.abs(reached - pi).max() <= TILT_TOLERANCE:
            return p
        # Newton on the log-odds, whose slope is close to pi (1 - pi) (Hajek's approximation)
        odds = p / (1 - p) * np.exp((pi - reached) / (pi * (1 - pi)))
        p = _centred(odds, n)
    if np.abs(_held_to_size(p, n) - pi).max() <= 100 * TILT_TOLERANCE:
        return p
    raise QualityGateError(
        "conditional Poisson design: found no probabilities that give the inclusion probabilities asked for; "
        "expected values away from 0 and 1; take units above 0.999 for certain"
    )


def elimination_steps(pi: FloatArray) -> Iterator[FloatArray]:
    """Yield the inclusion probabilities at each sample size from N - 1 down to n.

    Tille's elimination procedure takes out one unit at a time, with probabilities that are differences of
    these. They are in proportion to `pi`, units over one held at one.
    """
    order = np.argsort(-pi, kind="stable")
    rest = np.cumsum(pi[order][::-1])[::-1]
    n = round(float(pi.sum()))
    for k in range(pi.size - 1, n, -1):
        yield _capped(pi, k, order=order, rest=rest)
    if pi.size > n:
        yield pi


def _capped(pi: FloatArray, k: int, *, order: IntArray, rest: FloatArray) -> FloatArray:
    """Return probabilities in proportion to `pi` for a sample of k, held at one."""
    # The first number of certain units that leaves all others at or under one
    fits = (k - np.arange(pi.size)) * pi[order] <= rest * (1 + 1e-15)
    certain = int(np.argmax(fits))
    probability = np.ones(pi.size)
    probability[order[certain:]] = (k - certain) * pi[order[certain:]] / rest[certain]
    return np.minimum(probability, 1.0)


def _held_to_size(p: FloatArray, n: int) -> FloatArray:
    """Return the inclusion probabilities of independent draws held to n: Tille (2006), chapter 5."""
    others = sums_without_one(p, np.eye(n)[n - 1 :])[0]
    return np.asarray(p * others / count_distribution(p)[n])


def _centred(odds: FloatArray, n: int) -> FloatArray:
    """Scale odds so that the probabilities sum to n: the count distribution is then best conditioned."""
    log_scale = 0.0
    for _ in range(100):
        p = odds * np.exp(log_scale) / (1 + odds * np.exp(log_scale))
        step = (n - p.sum()) / (p * (1 - p)).sum()
        log_scale += step
        if abs(step) < 1e-13:
            break
    return np.asarray(odds * np.exp(log_scale) / (1 + odds * np.exp(log_scale)))


def _conditional_poisson(pi: FloatArray, units: IntArray) -> FloatArray:
    """Count samples with both drawn and n - 2 of the others: Tille (2006), chapter 5."""
    n = round(float(pi.sum()))
    if n < 2:
        return np.zeros((units.size, units.size))
    p = conditional_poisson_tilt(pi)
    others = sums_without_two(p, units, np.eye(n - 1)[n - 2 :])[0]
    return np.asarray(np.outer(p[units], p[units]) * others / count_distribution(p)[n])


def _sampford(pi: FloatArray, units: IntArray) -> FloatArray:
    """Follow Sampford (1967), Biometrika 54, 499-513, with sums over samples as count probabilities.

    A sample s has probability in proportion to ``prod_s pi/(1 - pi) * (n - sum_s pi)``.
    """
    n = round(float(pi.sum()))
    if n < 2:
        return np.zeros((units.size, units.size))
    counts = np.arange(n - 1)
    # t = n - count runs from 2 to n; the sum over t of (t - pi_i - pi_j) times the others' probability
    plain, by_t = sums_without_two(pi, units, np.stack([np.ones(n - 1), n - counts]))
    pair = pi[units][:, None] + pi[units]
    whole = count_distribution(pi)[:n]
    constant = float((np.arange(n, 0, -1) * whole).sum())
    return np.asarray(np.outer(pi[units], pi[units]) * (by_t - pair * plain) / constant)


def _tille(pi: FloatArray, units: IntArray) -> FloatArray:
    """Follow Tille (1996), Biometrika 83, 238-241: both survive every elimination."""
    joint = np.ones((units.size, units.size))
    before = np.ones(units.size)
    for step in elimination_steps(pi):
        leaving = 1 - step[units] / before
        joint *= 1 - leaving[:, None] - leaving
        before = step[units]
    return joint


def _midzuno(pi: FloatArray, units: IntArray) -> FloatArray:
    """Take the complement of the elimination procedure on 1 - pi: Tille (2006), chapter 6."""
    joint = pi[units][:, None] + pi[units] - 1 + _tille(1 - pi, units)
    return np.where(joint < 1e-12, 0.0, joint)


def _systematic(pi: FloatArray, units: IntArray) -> FloatArray:
    """Measure the random starts that take both units: overlaps of intervals on a circle of length one."""
    start = (np.cumsum(pi) - pi)[units]
    low = start - np.floor(start + 1e-12)
    high = low + pi[units]
    # A unit's interval on the circle, cut at one
    pieces = [(low, np.minimum(high, 1.0)), (np.zeros_like(low), np.maximum(high - 1.0, 0.0))]
    joint = np.zeros((units.size, units.size))
    for left in pieces:
        for right in pieces:
            lower = np.maximum(left[0][:, None], right[0])
            joint += np.maximum(np.minimum(left[1][:, None], right[1]) - lower, 0.0)
    return np.where(joint < 1e-12, 0.0, joint)


_JOINT: dict[str, Callable[[FloatArray, IntArray], FloatArray]] = {
    "sampford": _sampford,
    "conditional-poisson": _conditional_poisson,
    "tille": _tille,
    "midzuno": _midzuno,
    "systematic": _systematic,
}
