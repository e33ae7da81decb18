"""Controls like the treated units: exact on kinds, within calipers on numbers, the unmatched told; and the balance.

Matched is on traits from before the announcement only. A treated unit without a control inside all calipers is left
out of the effect and named; widening a caliper is the user's decision, never the program's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "BALANCE_LIMIT",
    "BALANCE_TARGET",
    "Balance",
    "Compared",
    "Match",
    "balance",
    "match_controls",
    "require_balance",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BALANCE_TARGET = 0.1
"""Standardised mean difference that is aimed at."""

BALANCE_LIMIT = 0.25
"""Beyond it no effect is told."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Match:
    """Which controls stand for which treated unit."""

    weights: Any
    """Sparse matrix (n, n): row i has the weights of the controls of treated unit i, adding to 1."""
    matched: BoolArray
    """Treated units with at least one control, shape (n,)."""
    unmatched: tuple[tuple[int, str], ...]
    """Treated units without one: (unit, the first condition that left none)."""

    @property
    def control_weight(self) -> FloatArray:
        """Weight of each unit as a control of all treated ones, shape (n,)."""
        return np.asarray(self.weights.sum(axis=0), dtype=float).ravel()

    @property
    def unmatched_share(self) -> float:
        """Share of the treated units that is left out."""
        return len(self.unmatched) / max(len(self.unmatched) + int(self.matched.sum()), 1)


def match_controls(
    treated: BoolArray,
    control: BoolArray,
    *,
    exact: Mapping[str, NDArray[Any]],
    calipers: Mapping[str, tuple[FloatArray, float]],
    neighbours: int = 5,
) -> Match:
    """Match each treated unit with its nearest controls of the same kind, with replacement.

    Parameters
    ----------
    treated, control : ndarray of bool, shape (n,)
        Who is matched with whom; a unit that is both is treated.
    exact
        Name to a column (n,) that treated and control share.
    calipers
        Name to a column (n,) and the widest difference allowed, in its unit.
    neighbours
        Most controls of one treated unit: the nearest, by the root of summed squared differences in calipers; all
        of the same kind where there is no caliper. Controls as near as the last one are taken too.

    Raises
    ------
    InputError
        If a caliper is not positive, or a number is missing.

    Examples
    --------
    >>> treated, control = np.array([True, False, False]), np.array([False, True, True])
    >>> match = match_controls(treated, control, exact={"soil": np.array(["a", "a", "b"])}, calipers={})
    >>> match.control_weight.tolist()
    [0.0, 1.0, 0.0]
    """
    _check(treated, exact, calipers, neighbours)
    pool = np.flatnonzero(control & ~treated)
    rows, columns, values, lost = [], [], [], []
    for unit in np.flatnonzero(treated):
        near, reason, distance = _candidates(int(unit), pool, exact, calipers)
        if not near.size:
            lost.append((int(unit), reason))
            continue
        if calipers and near.size > neighbours:
            limit = np.partition(distance, neighbours - 1)[neighbours - 1]
            near = near[distance <= limit]
        rows += [int(unit)] * len(near)
        columns += near.tolist()
        values += [1 / len(near)] * len(near)
    n = len(treated)
    weights = sparse.csr_array((values, (rows, columns)), shape=(n, n)) if rows else sparse.csr_array((n, n))
    matched = np.zeros(n, dtype=bool)
    matched[rows] = True
    return Match(weights=weights, matched=matched, unmatched=tuple(lost))


def _candidates(
    unit: int,
    pool: NDArray[np.intp],
    exact: Mapping[str, NDArray[Any]],
    calipers: Mapping[str, tuple[FloatArray, float]],
) -> tuple[NDArray[np.intp], str, FloatArray]:
    """Return the controls within every condition, the condition that left none, and the distances."""
    near = pool
    distance = np.zeros(len(near))
    if not near.size:
        return near, "no control at all", distance
    for name, column in exact.items():
        same = column[near] == column[unit]
        near, distance = near[same], distance[same]
        if not near.size:
            return near, f"no control with the same {name}", distance
    for name, (column, width) in calipers.items():
        apart = np.abs(column[near] - column[unit]) / width
        inside = apart <= 1
        near, distance = near[inside], distance[inside] + apart[inside] ** 2
        if not near.size:
            return near, f"no control within {width:g} of its {name}", distance
    return near, "", distance


def _check(
    treated: BoolArray,
    exact: Mapping[str, NDArray[Any]],
    calipers: Mapping[str, tuple[FloatArray, float]],
    neighbours: int,
) -> None:
    problems = [
        Problem(f"caliper {name}", f"{width}", "a positive width")
        for name, (_, width) in calipers.items()
        if not width > 0
    ]
    problems += [
        Problem(f"caliper {name}", f"{int((~np.isfinite(column)).sum())} missing numbers", "a number for each unit")
        for name, (column, _) in calipers.items()
        if not np.isfinite(column).all()
    ]
    wrong = [name for name, column in exact.items() if len(column) != len(treated)]
    problems += [Problem(f"exact match {name}", "another length", f"{len(treated)} entries") for name in wrong]
    if neighbours < 1:
        problems.append(Problem("neighbours", f"{neighbours}", "1 or more"))
    if problems:
        raise InputError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How alike treated and controls are in one trait."""

    covariate: str
    """Trait."""
    treated_mean: float
    """Mean of the matched treated units."""
    control_mean: float
    """Mean of their controls, by weight."""
    smd_before: float
    """Standardised mean difference of all treated and all possible controls."""
    smd: float
    """The same of matched ones."""

    @property
    def verdict(self) -> str:
        """``balanced`` up to 0.1, ``tolerated`` up to 0.25, else ``unbalanced``."""
        size = abs(self.smd)
        return "balanced" if size <= BALANCE_TARGET else "tolerated" if size <= BALANCE_LIMIT else "unbalanced"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """A trait of the units of one cohort and of its possible controls, as of the cohort's baseline."""

    column: FloatArray
    """Trait of each unit, shape (n,)."""
    treated: BoolArray
    """Units of the cohort."""
    control: BoolArray
    """Its possible controls."""
    match: Match
    """Who was matched with whom."""


def balance(name: str, cohorts: Sequence[Compared]) -> Balance:
    """Return the balance of a trait before and after matching, all cohorts together.

    The difference of means is divided by ``sqrt((s_T^2 + s_C^2) / 2)`` with the spreads of all treated and all
    possible controls, before and after alike, so that matching cannot look worse by making groups more uniform. A
    trait that is the same everywhere is balanced. Controls count for a cohort by its size.

    References
    ----------
    Stuart (2010), Statistical Science 25, 1-21, doi:10.1214/09-STS313, section 4.1.
    """
    inside = np.concatenate([part.column[part.treated] for part in cohorts])
    pools = [part.column[part.control & ~part.treated] for part in cohorts]
    outside = np.concatenate(pools)
    share = np.concatenate(
        [
            np.full(len(pool), part.treated.sum() / max(len(pool), 1))
            for pool, part in zip(pools, cohorts, strict=True)
        ]
    )
    scale = float(np.sqrt((_spread(inside) + _spread(outside, share)) / 2))
    kept = np.concatenate([part.column[part.match.matched] for part in cohorts])
    drawn = np.concatenate([part.column for part in cohorts])
    weight = np.concatenate([part.match.control_weight for part in cohorts])
    mean_t = float(kept.mean()) if kept.size else float("nan")
    mean_c = float(weight @ drawn / weight.sum()) if weight.sum() > 0 else float("nan")
    before = float(inside.mean() - np.average(outside, weights=share)) if outside.size else float("nan")
    return Balance(
        covariate=name,
        treated_mean=mean_t,
        control_mean=mean_c,
        smd_before=_standardised(before, scale),
        smd=_standardised(mean_t - mean_c, scale),
    )


def _spread(column: FloatArray, share: FloatArray | None = None) -> float:
    """Return the variance, with n - 1 below the line where entries count alike."""
    if column.size < 2:
        return 0.0
    if share is None or np.allclose(share, share[0]):
        return float(column.var(ddof=1))
    mean = np.average(column, weights=share)
    return float(np.average((column - mean) ** 2, weights=share))


def _standardised(difference: float, scale: float) -> float:
    if abs(difference) < 1e-12 * max(scale, 1.0):
        return 0.0
    return difference / scale if scale > 0 else float(np.copysign(np.inf, difference))


def require_balance(rows: Sequence[Balance], *, arm: str = "programme") -> None:
    """Refuse an effect whose controls are not like its treated units.

    Raises
    ------
    QualityGateError
        Naming every trait that is out of balance.
    """
    bad = [row for row in rows if not abs(row.smd) <= BALANCE_LIMIT]
    if bad:
        raise QualityGateError(
            [
                Problem(
                    f"balance of {row.covariate}, arm {arm}",
                    f"a standardised difference of {row.smd:+.2f} "
                    f"(treated {row.treated_mean:.4g}, controls {row.control_mean:.4g})",
                    f"at most {BALANCE_LIMIT:g} either way",
                    "match on it, or narrow its caliper; no effect is told from unlike controls",
                )
                for row in bad
            ]
        )
