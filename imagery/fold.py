"""Folds of labelled places for validation: by blocks of land, so that neighbours never sit on both sides.

Autocorrelation reaches further than any block; a spatial fold is less flattering than a random one, not free
of leakage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from geo.errors import Problem, QualityGateError

__all__ = ["block_of", "random_folds", "require_folds", "spatial_folds"]

_SHOWN = 6


def block_of(x_m: NDArray[np.float64], y_m: NDArray[np.float64], side_m: float) -> NDArray[np.int64]:
    """Return the number of the square block that each place lies in, numbered from 0 by row and column.

    Parameters
    ----------
    x_m, y_m
        Coordinates in a projected CRS, metres (n).
    side_m
        Side of a block; blocks begin at the multiples of it.
    """
    squares = np.column_stack([np.floor(y_m / side_m), np.floor(x_m / side_m)]).astype(np.int64)
    return np.asarray(np.unique(squares, axis=0, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def spatial_folds(
    block: NDArray[np.int64],
    code: NDArray[np.integer],
    period: Sequence[str] | NDArray[np.str_],
    *,
    folds: int,
    positives: Iterable[int],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return the fold of every unit; a block is never divided.

    Blocks go, those with most positives first, to the fold that has fewest positives so far (then fewest
    units); ties fall at random.

    Parameters
    ----------
    block
        Block of every unit (n), from `block_of` or any other grouping, such as parcels.
    code
        Class code of every unit.
    period
        Period of every unit.
    folds
        Number of folds.
    positives
        Codes that every fold must have in every period (the crops under control).
    rng
        Breaks ties.

    Raises
    ------
    QualityGateError
        If a fold would have no unit of a positive class in some period; every such fold is named.
    """
    wanted = sorted(set(positives))
    names, inverse = np.unique(block, return_inverse=True)
    strata = [(code == value) & (np.asarray(period) == name) for value in wanted for name in np.unique(period)]
    counts = np.array([np.bincount(inverse, weights=mask, minlength=len(names)) for mask in strata])
    sizes = np.bincount(inverse, minlength=len(names)).astype(float)
    order = np.lexsort((rng.random(len(names)), -sizes, -counts.sum(axis=0)))
    held = np.zeros((folds, len(strata)))
    total = np.zeros(folds)
    fold_of_block = np.zeros(len(names), dtype=np.int64)
    for chosen in order:
        present = counts[:, chosen] > 0
        # Fewest of what this block brings; a block without positives goes where there are fewest units
        need = held[:, present].sum(axis=1) if present.any() else total
        fold = int(np.lexsort((total, need))[0])
        fold_of_block[chosen] = fold
        held[fold] += counts[:, chosen]
        total[fold] += sizes[chosen]
    assigned = np.asarray(fold_of_block[inverse], dtype=np.int64)
    require_folds(assigned, block, code, period, folds=folds, positives=wanted)
    return assigned


def random_folds(code: NDArray[np.integer], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return folds with an equal share of every class, whatever lies beside what.

    Neighbours fall on both sides: report such scores only beside the spatial ones.
    """
    fold = np.empty(len(code), dtype=np.int64)
    for value in np.unique(code):
        members = rng.permutation(np.flatnonzero(code == value))
        fold[members] = np.arange(len(members)) % folds
    return fold


def require_folds(
    fold: NDArray[np.int64],
    block: NDArray[np.int64],
    code: NDArray[np.integer],
    period: Sequence[str] | NDArray[np.str_],
    *,
    folds: int,
    positives: Iterable[int],
) -> None:
    """Refuse folds that leak or that cannot be scored.

    Raises
    ------
    QualityGateError
        If a block lies in two folds, or a fold lacks a positive class in a period.
    """
    problems = []
    pairs = np.unique(np.column_stack([block, fold]), axis=0)
    divided = len(pairs) - len(np.unique(block))
    if divided:
        problems.append(
            Problem("spatial folds", f"{divided} blocks in more than one fold", "whole blocks", "fold by block")
        )
    lacking = [
        f"fold {number + 1} has no unit of class {value} in period {name}"
        for number in range(folds)
        for value in positives
        for name in np.unique(period)
        if not np.any((fold == number) & (code == value) & (np.asarray(period) == name))
    ]
    if lacking:
        shown = "; ".join(lacking[:_SHOWN]) + (
            f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        )
        problems.append(
            Problem(
                "spatial folds",
                shown,
                "every crop in every fold and period",
                "use fewer folds or smaller blocks ([classifier] folds, fold_block_m), or add training places",
            )
        )
    if problems:
        raise QualityGateError(problems)
