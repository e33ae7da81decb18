"""What an attacker can infer: the narrowest interval of a hidden amount given everything that is published.

The attacker knows every published sum to its rounding, that no part is negative and no part exceeds its land. The
least and greatest value that a hidden sum can take under these are two linear programmes (solved by HiGHS).

References
----------
Fischetti, M. and Salazar-González, J. J. (2001). Solving the cell suppression problem on tabular data with linear
constraints. Management Science 47: 1008-1027 (the attacker's programmes).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

__all__ = ["Knowledge", "Width", "inferred", "protect"]

_TIGHT = 1e-7  # a multiplier below this says that the row does not bind
_SLACK = 1e-6  # relative: what the solver's tolerance may take off a width


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Knowledge:
    """Sums over unknown parts, as a table publishes them."""

    rows: csr_array
    """Matrix, shape (n_rows, n_parts): each row is a sum of parts."""
    parts: NDArray[np.float64]
    """The true parts, shape (n_parts,), which the attacker wants."""
    most: NDArray[np.float64]
    """Greatest value a part can have, shape (n_parts,): its land."""
    half_width: float = 0.0
    """How far a published sum may be from the true one: half of the rounding base."""
    known: NDArray[np.bool_] | None = None
    """Rows that the attacker knows whatever is hidden now, since they went out before."""

    @property
    def sums(self) -> NDArray[np.float64]:
        """The true sums."""
        return np.asarray(self.rows @ self.parts)


@dataclass(frozen=True, slots=True)
class Width:
    """The interval that a hidden sum is known to lie in, and the published rows that make it so."""

    lo: float
    """Least possible value."""
    hi: float
    """Greatest possible value."""
    binding: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Rows without which it would be wider."""

    @property
    def size(self) -> float:
        """Its width."""
        return self.hi - self.lo


def inferred(knowledge: Knowledge, published: NDArray[np.bool_], target: NDArray[np.float64]) -> Width:
    """Return the narrowest interval of a weighted sum of parts.

    Parameters
    ----------
    knowledge
        The sums and their true parts.
    published
        Shape (n_rows,): which rows the attacker sees.
    target
        Weights of the hidden sum, shape (n_parts,).

    Notes
    -----
    minimise (maximise) t'z subject to b - h <= A z <= b + h for the published rows and 0 <= z <= most.
    """
    rows = np.flatnonzero(published if knowledge.known is None else published | knowledge.known)
    a = knowledge.rows[rows]
    b = knowledge.sums[rows]
    h = knowledge.half_width
    bounds = np.column_stack([np.minimum(0.0, knowledge.parts), np.maximum(knowledge.most, knowledge.parts)])
    ends, binding = [], np.zeros(len(rows), dtype=bool)
    for sign in (1.0, -1.0):
        weights = sign * target
        if h > 0:
            result = linprog(weights, A_ub=vstack([a, -a]), b_ub=np.concatenate([b + h, h - b]), bounds=bounds)
        elif len(rows):
            result = linprog(weights, A_eq=a, b_eq=b, bounds=bounds)
        else:
            result = linprog(weights, bounds=bounds)
        if result.status == 3:  # unbounded
            ends.append(-np.inf)
            continue
        if result.status != 0:
            # The true parts satisfy every row, so only the solver's tolerance can end here: trust nothing
            ends.append(float(weights @ knowledge.parts))
            binding[:] = True
            continue
        ends.append(float(result.fun))
        if len(rows):
            duals = result.ineqlin.marginals if h > 0 else result.eqlin.marginals
            tight = np.abs(np.asarray(duals)) > _TIGHT
            binding |= tight.reshape(-1, len(rows)).any(axis=0)
    return Width(ends[0], -ends[1], rows[binding])


def protect(
    systems: list[Knowledge],
    hidden: NDArray[np.bool_],
    *,
    fixed: NDArray[np.bool_],
    never: NDArray[np.bool_] | None = None,
    targets: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.bool_], list[int]]:
    """Hide further sums until no hidden one can be inferred to within less than its own value.

    Parameters
    ----------
    systems
        One for each crop and period, all over the same rows and parts.
    hidden
        Shape (n_rows,): sums that must not be known.
    fixed
        Shape (n_rows,): sums that are published in any case, such as the total.
    never
        Shape (n_rows,): sums that are not published and need no protection unless they are hidden too.
    targets
        Parts that must not be inferred either, though no row publishes them.

    Returns
    -------
    hidden : ndarray, shape (n_rows,)
        With the complementary sums added.
    open : list of int
        Rows (or, as ``-1 - part``, parts) that stay inferable whatever is hidden; empty when all is well.

    Notes
    -----
    The width asked for is the hidden value itself: "no closer than 100 %". What is added is a published row that
    binds the attacker's programme: the smallest one that is no smaller than the hidden value, else the largest.
    """
    result = hidden.copy()
    unseen = np.zeros(len(hidden), dtype=bool) if never is None else never
    open_rows: list[int] = []
    pending: list[tuple[int, bool]] = [(int(row), True) for row in np.flatnonzero(result)]
    pending += [(int(part), False) for part in (targets if targets is not None else ())]
    while pending:
        place = pending.pop(0)
        while (binding := _too_narrow(systems, ~(result | unseen), place)) is not None:
            extra = _complement(systems, result | fixed | unseen, binding, place)
            if extra is None:
                open_rows.append(place[0] if place[1] else -1 - place[0])
                break
            result[extra] = True
            pending.append((extra, True))
    return result, open_rows


def _target(system: Knowledge, place: tuple[int, bool]) -> NDArray[np.float64]:
    index, is_row = place
    if is_row:
        row: NDArray[np.float64] = np.asarray(system.rows[[index]].toarray(), dtype=float)[0]
        return row
    weights = np.zeros(len(system.parts))
    weights[index] = 1.0
    return weights


def _too_narrow(
    systems: list[Knowledge], published: NDArray[np.bool_], place: tuple[int, bool]
) -> NDArray[np.int64] | None:
    """Return the rows that let a place be inferred, or None when it is safe in every system."""
    for system in systems:
        target = _target(system, place)
        value = abs(float(target @ system.parts))
        if value == 0.0:
            continue
        width = inferred(system, published, target)
        if width.size >= value * (1 - _SLACK) or _is_out_already(system, target, value):
            continue
        return width.binding
    return None


def _is_out_already(system: Knowledge, target: NDArray[np.float64], value: float) -> bool:
    """Say whether earlier products tell a place, which nothing done now can take back."""
    if system.known is None or not system.known.any():
        return False
    return inferred(system, np.zeros(len(system.known), dtype=bool), target).size < value * (1 - _SLACK)


def _complement(
    systems: list[Knowledge], taken: NDArray[np.bool_], binding: NDArray[np.int64], place: tuple[int, bool]
) -> int | None:
    """Return the row to hide as well: one that binds, and costs the reader least."""
    sums = np.max([np.abs(system.sums) for system in systems], axis=0)
    wanted = max(abs(float(_target(system, place) @ system.parts)) for system in systems)
    free = [int(row) for row in binding if not taken[row]]
    if not free:
        return None
    large = [row for row in free if sums[row] >= wanted]
    return min(large, key=lambda row: (sums[row], row)) if large else max(free, key=lambda row: (sums[row], -row))
