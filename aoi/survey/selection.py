"""Seeded draws of sample units: simple random, systematic, stratified, and by rank for frames read in blocks.

Each stratum is drawn with its own child of the generator, so that a change in one stratum leaves the others'
units as they were.

References
----------
Cochran, W. G. (1977). Sampling Techniques, 3rd ed., sections 2.1 and 8.1.
Sarndal, C.-E., Swensson, B. and Wretman, J. (1992). Model Assisted Survey Sampling, section 3.4.1
(systematic sampling with a fractional interval).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aoi.survey.design import IntArray
from geo.errors import InputError, Problem

__all__ = [
    "draw_ranks",
    "draw_simple",
    "draw_stratified",
    "draw_systematic",
    "inclusion_probability",
    "pick_ranks",
]


def draw_simple(n_units: int, n: int, rng: np.random.Generator) -> IntArray:
    """Draw `n` of `n_units` units without replacement, all samples equally likely.

    Returns
    -------
    ndarray of int64
        Sorted unit indices, shape (n,).

    Raises
    ------
    InputError
        If `n` is negative or larger than `n_units`.

    Examples
    --------
    >>> draw_simple(5, 5, np.random.default_rng(1)).tolist()
    [0, 1, 2, 3, 4]
    """
    _check_sizes(np.array([n_units]), np.array([n]))
    drawn: IntArray = np.sort(rng.choice(n_units, size=n, replace=False, shuffle=False)).astype(np.int64)
    return drawn


def draw_systematic(n_units: int, n: int, rng: np.random.Generator) -> IntArray:
    """Draw every (n_units / n)-th unit from a random start, with equal inclusion probabilities n/N.

    The order of the units matters and no unbiased variance exists for one systematic sample.

    Returns
    -------
    ndarray of int64
        Sorted unit indices, shape (n,).
    """
    _check_sizes(np.array([n_units]), np.array([n]))
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    drawn: IntArray = np.floor((rng.random() + np.arange(n)) * (n_units / n)).astype(np.int64)
    return np.minimum(drawn, n_units - 1)


def draw_ranks(
    sizes: npt.ArrayLike, n_per_stratum: npt.ArrayLike, rng: np.random.Generator
) -> tuple[IntArray, ...]:
    """Draw ranks within each stratum, for a frame whose units are counted but not held in memory.

    Parameters
    ----------
    sizes
        Units of each stratum, N_h, shape (H,).
    n_per_stratum
        Units to draw, n_h, shape (H,).
    rng
        Source of randomness; one child per stratum is spawned.

    Returns
    -------
    tuple of ndarray
        For each stratum the sorted ranks 0..N_h - 1 that are drawn.
    """
    totals, wanted = np.asarray(sizes, dtype=np.int64), np.asarray(n_per_stratum, dtype=np.int64)
    _check_sizes(totals, wanted)
    children = rng.spawn(totals.size)
    return tuple(
        draw_simple(int(total), int(n), child) for total, n, child in zip(totals, wanted, children, strict=True)
    )


def pick_ranks(stratum: npt.ArrayLike, ranks: Sequence[IntArray], seen: npt.ArrayLike) -> tuple[IntArray, IntArray]:
    """Find in one block of the frame the units whose ranks were drawn.

    Parameters
    ----------
    stratum
        Stratum code of each unit of the block, shape (n,); negative codes lie outside the frame.
    ranks
        Drawn ranks of each stratum, from `draw_ranks`.
    seen
        Units of each stratum met in the blocks before, shape (H,).

    Returns
    -------
    tuple
        Sorted indices into the block, and `seen` with this block added.

    Examples
    --------
    >>> index, seen = pick_ranks([0, 1, 0, -1, 1], [np.array([1]), np.array([0])], [0, 0])
    >>> index.tolist(), seen.tolist()
    ([1, 2], [2, 2])
    """
    codes, before = np.asarray(stratum), np.asarray(seen, dtype=np.int64)
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(len(ranks) + 1))
    picked = []
    for code, drawn in enumerate(ranks):
        members = order[edges[code] : edges[code + 1]]
        local = drawn - before[code]
        picked.append(members[local[(local >= 0) & (local < members.size)]])
    return np.sort(np.concatenate(picked)).astype(np.int64), before + np.diff(edges)


def draw_stratified(
    stratum_of_unit: npt.ArrayLike, n_per_stratum: npt.ArrayLike, rng: np.random.Generator
) -> IntArray:
    """Draw a stratified simple random sample of units held in memory.

    The same generator draws the same units as `draw_ranks` and `pick_ranks` over the same order of units.

    Parameters
    ----------
    stratum_of_unit
        Stratum code of each unit, shape (n_units,); negative codes lie outside the frame.
    n_per_stratum
        Units to draw in each stratum, shape (H,).
    rng
        Source of randomness.

    Returns
    -------
    ndarray of int64
        Sorted unit indices, shape (sum of n_h,).

    Raises
    ------
    InputError
        If a stratum has fewer units than are to be drawn.

    Examples
    --------
    >>> draw_stratified([0, 0, 1, 1, 1], [2, 1], np.random.default_rng(7)).size
    3
    """
    codes = np.asarray(stratum_of_unit)
    wanted = np.asarray(n_per_stratum, dtype=np.int64)
    if codes.size and int(codes.max()) >= wanted.size:
        raise InputError(
            Problem("sample", f"stratum code {int(codes.max())}", f"0..{wanted.size - 1}, one size per stratum")
        )
    sizes = np.bincount(codes[codes >= 0], minlength=wanted.size)
    ranks = draw_ranks(sizes, wanted, rng)
    return pick_ranks(codes, ranks, np.zeros(wanted.size, dtype=np.int64))[0]


def inclusion_probability(sizes: npt.ArrayLike, n_per_stratum: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return n_h / N_h of each stratum, shape (H,)."""
    probability: npt.NDArray[np.float64] = np.asarray(n_per_stratum, dtype=float) / np.asarray(sizes, dtype=float)
    return probability


def _check_sizes(sizes: IntArray, wanted: IntArray) -> None:
    """Refuse sample sizes that are negative or larger than the stratum."""
    if sizes.shape != wanted.shape:
        raise InputError(Problem("sample size", f"{wanted.size} sizes for {sizes.size} strata", "one per stratum"))
    problems = [
        Problem(f"stratum {code}", f"{n} units to draw", f"0 to {size}", "lower it, or take the whole stratum")
        for code, (size, n) in enumerate(zip(sizes.tolist(), wanted.tolist(), strict=True))
        if n < 0 or n > size
    ]
    if problems:
        raise InputError(problems)
