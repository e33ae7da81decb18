"""Effects of a programme by cohort and year where starts are staggered: Callaway and Sant'Anna (2021).

Each cohort is compared with units that no programme touched, from the last year before it was announced. Nothing
is compared with units that are under treatment already, which is what two-way fixed effects do (mistake 15).

Every estimate carries its influence function, one number a unit: the standard error of whatever is made of several
estimates, whatever the clusters, follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geo.errors import InputError, Problem, QualityGateError

__all__ = ["NEVER", "Arm", "Cells", "group_time_effects"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Method = Literal["regression", "weighting", "doubly_robust"]

NEVER = 0
"""Start of a unit without programme."""

_TOLERANCE = 1e-12
_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arm:
    """One treatment (the programme, or a ring around it): who is treated from when, and who they are held against.

    Raises
    ------
    InputError
        If the columns do not have one entry a unit, or a baseline does not come before its start.
    QualityGateError
        If nobody is treated, or no valid control is left.
    """

    start: IntArray
    """First year of treatment of each unit, shape (n,); `NEVER` where it is not treated in this arm."""
    baseline: IntArray
    """Last year before the announcement, shape (n,); `NEVER` where it is not treated in this arm."""
    control: BoolArray
    """Whether a unit may serve as control, shape (n,)."""
    match: Any = None
    """Sparse matrix (n, n): row i holds the weights of the controls of treated unit i; None weighs all alike."""
    not_yet: bool = False
    """Whether units treated later serve as controls up to their own baseline."""
    name: str = "programme"
    """Said in messages."""

    def __post_init__(self) -> None:
        shapes = {self.start.shape, self.baseline.shape, self.control.shape}
        if len(shapes) > 1 or self.start.ndim != 1:
            raise InputError(Problem(f"arm {self.name}", f"shapes {sorted(shapes)}", "one entry a unit in each"))
        late = np.flatnonzero(self.treated & (self.baseline >= self.start))
        if late.size:
            raise InputError(
                Problem(
                    f"arm {self.name}, units {late[:5].tolist()}",
                    "a baseline that is not before the start",
                    "the year before the announcement",
                    "correct the dates",
                )
            )
        if not self.treated.any():
            raise QualityGateError(Problem(f"arm {self.name}", "no treated unit", "treated units", "see the dates"))
        if not (self.control & ~self.treated).any() and not self.not_yet:
            raise QualityGateError(
                Problem(
                    f"arm {self.name}",
                    "no valid control",
                    "units outside every programme and its rings",
                    "widen the area, or the calipers; without them no effect can be told",
                )
            )

    @property
    def treated(self) -> BoolArray:
        """Whether each unit is treated in this arm."""
        return np.asarray(self.start != NEVER)

    @property
    def groups(self) -> list[tuple[int, int]]:
        """Cohorts: (start, baseline), in order."""
        pairs = np.unique(np.column_stack([self.start, self.baseline])[self.treated], axis=0)
        return [(int(start), int(baseline)) for start, baseline in pairs]

    def members(self, group: tuple[int, int]) -> BoolArray:
        """Return the units of a cohort."""
        return np.asarray((self.start == group[0]) & (self.baseline == group[1]))

    def weights(self, group: tuple[int, int], years: tuple[int, int]) -> FloatArray:
        """Return the weight of each unit as control of a cohort in a comparison of two years, shape (n,)."""
        clean = self.control & ~self.treated
        if self.not_yet:
            clean = clean | (self.treated & (max(years) <= self.baseline) & ~self.members(group))
        if self.match is None:
            return clean.astype(float)
        drawn = np.asarray(self.match[np.flatnonzero(self.members(group))].sum(axis=0), dtype=float).ravel()
        return np.where(clean, drawn, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Effects by cohort and year; arrays have one entry a cell, m of them."""

    start: IntArray
    """First year of treatment of the cohort."""
    baseline: IntArray
    """Its baseline."""
    year: IntArray
    """Year the effect is of."""
    base: IntArray
    """Year it is compared with."""
    value: FloatArray
    """Effect on the treated."""
    influence: FloatArray
    """Influence function, shape (n, m); its mean square over n is the variance times n."""
    group: IntArray
    """Number of the cohort."""
    share: FloatArray
    """Share of the cohort in all units, shape (cohorts,)."""
    member: FloatArray
    """1 where a unit belongs to a cohort, shape (n, cohorts)."""
    not_estimable: tuple[str, ...] = ()
    """Cohorts and years without treated units or controls."""

    @property
    def event(self) -> IntArray:
        """Years since the start."""
        return self.year - self.start

    @property
    def post(self) -> BoolArray:
        """Whether the cell lies at or after the start."""
        return np.asarray(self.year >= self.start)

    @property
    def anticipation(self) -> BoolArray:
        """Whether the cell lies between announcement and start."""
        return np.asarray((self.year > self.baseline) & (self.year < self.start))

    @property
    def before(self) -> BoolArray:
        """Whether the cell lies before the announcement."""
        return np.asarray(self.year <= self.baseline)


def group_time_effects(
    outcome: FloatArray,
    years: IntArray,
    arm: Arm,
    *,
    covariates: FloatArray | None = None,
    method: Method = "regression",
    base: Literal["varying", "universal"] = "varying",
    clusters: IntArray | None = None,
) -> Cells:
    """Return the effect on the treated by cohort and year.

    Parameters
    ----------
    outcome : ndarray, shape (n, T)
        Outcome by unit and year, without gaps.
    years : ndarray, shape (T,)
        Years in order.
    arm : Arm
        Treatment and controls.
    covariates : ndarray, shape (n, k), optional
        Traits from before the baseline, a column of ones first.
    method : {"regression", "weighting", "doubly_robust"}
        Outcome regression, weighting by the odds of treatment, or both (Sant'Anna and Zhao 2020); with controls
        matched, regression without covariates.
    base : {"varying", "universal"}
        Years up to the baseline are compared with the year before them, or with the baseline.
    clusters : ndarray of int, shape (n,), optional
        When given, influence is scaled up for leverage by cluster as the CR2 estimator does (without covariates).

    Raises
    ------
    InputError
        If an outcome is missing.
    QualityGateError
        If no cohort has two years up to its baseline, or no cell can be estimated.

    References
    ----------
    Callaway and Sant'Anna (2021), Journal of Econometrics 225, 200-230, doi:10.1016/j.jeconom.2020.12.001;
    Sant'Anna and Zhao (2020), Journal of Econometrics 219, 101-122, doi:10.1016/j.jeconom.2020.06.003.
    """
    _check(outcome, years, arm, covariates)
    n, column = len(outcome), {int(year): index for index, year in enumerate(years)}
    rows, columns, skipped = [], [], []
    groups = arm.groups
    for number, group in enumerate(groups):
        members = arm.members(group)
        sets = _Sets.of(arm, group) if arm.match is not None and covariates is None else None
        for year, reference in _comparisons(years, group, base):
            weight = sets.weight if sets else arm.weights(group, (year, reference))
            if not members.any() or not (weight > 0).any():
                skipped.append(f"{group[0]} in {year}")
                continue
            change = outcome[:, column[year]] - outcome[:, column[reference]]
            if sets:
                value, influence = _matched(change, sets, clusters)
            else:
                value, influence = _cell(change, members, weight, covariates, method, clusters)
            rows.append((group[0], group[1], year, reference, value, number))
            columns.append(influence)
    if not rows:
        raise QualityGateError(
            Problem(
                f"arm {arm.name}", "no valid control in any year", "controls for a cohort", "widen the controls"
            )
        )
    table = [np.array(column) for column in zip(*rows, strict=True)]
    member = np.column_stack([arm.members(group) for group in groups]).astype(float)
    return Cells(
        start=table[0],
        baseline=table[1],
        year=table[2],
        base=table[3],
        value=table[4].astype(float),
        influence=np.column_stack(columns).reshape(n, len(rows)),
        group=table[5],
        share=member.mean(axis=0),
        member=member,
        not_estimable=tuple(skipped),
    )


def _comparisons(
    years: IntArray, group: tuple[int, int], base: Literal["varying", "universal"]
) -> Iterator[tuple[int, int]]:
    """Yield (year, year it is compared with) of a cohort."""
    baseline = group[1]
    for before, year in zip(years[:-1].tolist(), years[1:].tolist(), strict=True):
        if base == "varying":
            yield year, (before if year <= baseline else baseline)
    if base == "universal":
        yield from ((year, baseline) for year in years.tolist() if year != baseline)


def _check(outcome: FloatArray, years: IntArray, arm: Arm, covariates: FloatArray | None) -> None:
    if outcome.shape != (len(arm.start), len(years)) or (np.diff(years) <= 0).any():
        found = f"shape {outcome.shape}, years {years.tolist()}"
        raise InputError(Problem("panel", found, f"{len(arm.start)} units by {len(years)} years in order"))
    gaps = np.argwhere(~np.isfinite(outcome))
    if gaps.size:
        found = f"{len(gaps)} missing outcomes, the first of unit {gaps[0][0]} in {years[gaps[0][1]]}"
        raise InputError(Problem("panel", found, "an outcome for each unit and year", "leave out what has gaps"))
    if covariates is not None and (covariates.shape[0] != len(outcome) or not np.isfinite(covariates).all()):
        raise InputError(Problem("covariates", "missing numbers", "a number for each unit"))
    known = set(years.tolist())
    problems = [
        Problem(
            f"cohort of {start}", f"a baseline of {baseline}", f"a year of the panel: {min(known)} to {max(known)}"
        )
        for start, baseline in arm.groups
        if baseline not in known
    ]
    few = [
        Problem(
            f"cohort of {start}",
            f"{int((years <= baseline).sum())} year up to the baseline {baseline}",
            "at least two, to see whether treated and controls moved alike",
            "begin the panel earlier",
        )
        for start, baseline in arm.groups
        if baseline in known and (years <= baseline).sum() < 2
    ]
    if problems:
        raise InputError(problems)
    if few and len(few) == len(arm.groups):
        raise QualityGateError(few)


def _cell(
    change: FloatArray,
    members: BoolArray,
    weight: FloatArray,
    covariates: FloatArray | None,
    method: Method,
    clusters: IntArray | None,
) -> tuple[float, FloatArray]:
    """Return the effect of one cell and its influence on all units."""
    used = members | (weight > 0)
    inside = np.flatnonzero(used)
    d, w, y = members[inside].astype(float), np.where(members[inside], 1.0, weight[inside]), change[inside]
    if covariates is None:
        group = clusters[inside] if clusters is not None else None
        value, part = _difference(y, d, w, group)
    else:
        x = covariates[inside]
        estimator = {"regression": _regression, "weighting": _weighting, "doubly_robust": _doubly_robust}[method]
        value, part = estimator(y, d, w, x)
    influence = np.zeros(len(change))
    influence[inside] = part * len(change) / len(inside)
    return value, influence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sets:
    """The treated units of a cohort with the controls of each."""

    treated: NDArray[np.intp]
    """Treated units."""
    controls: NDArray[np.intp]
    """Units that stand as control of any."""
    weight: FloatArray
    """Weight of each unit as control, shape (n,)."""
    matrix: Any
    """Weights by treated unit and control, a sparse matrix."""
    own: FloatArray
    """Mean part that a control has in the means of its sets."""

    @classmethod
    def of(cls, arm: Arm, group: tuple[int, int]) -> _Sets:
        """Return the sets of a cohort."""
        weight = arm.weights(group, group)
        treated, controls = np.flatnonzero(arm.members(group)), np.flatnonzero(weight > 0)
        matrix = arm.match[treated][:, controls].tocsr()
        own = np.asarray(matrix.multiply(matrix).sum(axis=0), dtype=float).ravel() / weight[controls]
        return cls(treated=treated, controls=controls, weight=weight, matrix=matrix, own=own)


def _matched(change: FloatArray, sets: _Sets, clusters: IntArray | None) -> tuple[float, FloatArray]:
    """Return the mean difference of treated units and their own controls, and its influence.

    A control's residual is its distance from the mean of the sets it stands in, so that what a whole set shares,
    such as a year that was bad for a region, is no error. It is scaled up for its own part in those means. After
    Abadie and Imbens (2006), Econometrica 74, 235-267; a set of one control says nothing of spread, and the
    distance from the mean of all controls stands in.
    """
    n, rows, controls = len(change), sets.treated, sets.controls
    total, moved = sets.weight[controls], change[controls]
    expected = np.asarray(sets.matrix @ moved).ravel()
    apart = change[rows] - expected
    value = float(apart.mean())
    influence = np.zeros(n)
    of_treated = np.full(len(rows), 1 / len(rows))
    influence[rows] = n * of_treated * (apart - value) * _leverage(of_treated, rows, clusters)
    around = np.asarray(sets.matrix.T @ expected).ravel() / total
    alone = sets.own > 1 - 1e-9
    residual = np.where(
        alone,
        moved - np.average(moved, weights=total),
        (moved - around) / np.sqrt(np.where(alone, 1.0, 1 - sets.own)),
    )
    share = total / total.sum()
    influence[controls] -= n * share * residual * _leverage(share, controls, clusters)
    return value, influence


def _leverage(share: FloatArray, units: NDArray[np.intp], clusters: IntArray | None) -> FloatArray:
    """Return the factor by which residuals of a mean are scaled up for the part their cluster has in it."""
    if clusters is None:
        return np.ones(len(share))
    of_cluster = np.bincount(clusters[units], weights=share)[clusters[units]]
    return np.asarray(np.where(of_cluster < 1 - 1e-9, 1 / np.sqrt(np.clip(1 - of_cluster, 1e-9, None)), 0.0))


def _difference(y: FloatArray, d: FloatArray, w: FloatArray, clusters: IntArray | None) -> tuple[float, FloatArray]:
    """Return the difference of two (weighted) means and its influence, scaled for leverage with clusters."""
    n = len(y)
    value, influence = 0.0, np.zeros(n)
    for sign, weight in ((1.0, d * w), (-1.0, (1 - d) * w)):
        share = weight / weight.sum()
        mean = float(share @ y)
        value += sign * mean
        part = sign * n * share * (y - mean)
        influence += part * _leverage(share, np.arange(n), clusters)
    return value, influence


def _least_squares(y: FloatArray, d: FloatArray, w: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what controls would lead one to expect of everyone, and the coefficients' influence, shape (n, k)."""
    weight = w * (1 - d)
    gram = (weight[:, None] * x).T @ x
    if np.linalg.matrix_rank(gram) < gram.shape[0]:
        raise QualityGateError(
            Problem("covariates", "columns that controls do not tell apart", "fewer of them, or more controls")
        )
    beta = np.linalg.solve(gram, (weight * y) @ x)
    fitted = x @ beta
    influence = (weight * (y - fitted))[:, None] * x @ np.linalg.inv(gram / len(y))
    return fitted, influence


def _propensity(d: FloatArray, w: FloatArray, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the chance of treatment (logit, by Newton's method) and the coefficients' influence, shape (n, k)."""
    beta = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -35, 35)))
        hessian = (w * chance * (1 - chance))[:, None] * x
        step = np.linalg.solve(hessian.T @ x, (w * (d - chance)) @ x)
        beta = beta + step
        if np.abs(step).max() < _TOLERANCE:
            break
    chance = 1 / (1 + np.exp(-np.clip(x @ beta, -35, 35)))
    if chance.max() > 0.999:
        raise QualityGateError(
            Problem("chance of treatment", f"{chance.max():.4f}", "below 0.999", "no control is like these units")
        )
    information = ((w * chance * (1 - chance))[:, None] * x).T @ x
    influence = (w * (d - chance))[:, None] * x @ np.linalg.inv(information / len(d))
    return chance, influence


def _regression(y: FloatArray, d: FloatArray, w: FloatArray, x: FloatArray) -> tuple[float, FloatArray]:
    fitted, coefficient = _least_squares(y, d, w, x)
    weight = w * d
    of_treated, expected = weight @ y / weight.sum(), weight @ fitted / weight.sum()
    slope = (weight[:, None] * x).mean(axis=0)
    influence = weight * (y - of_treated) - weight * (fitted - expected) - coefficient @ slope
    return float(of_treated - expected), influence / weight.mean()


def _weighting(y: FloatArray, d: FloatArray, w: FloatArray, x: FloatArray) -> tuple[float, FloatArray]:
    chance, coefficient = _propensity(d, w, x)
    treated, control = w * d, w * (1 - d) * chance / (1 - chance)
    of_treated, of_control = treated @ y / treated.sum(), control @ y / control.sum()
    slope = ((control * (y - of_control))[:, None] * x).mean(axis=0)
    influence = treated * (y - of_treated) / treated.mean()
    influence -= (control * (y - of_control) + coefficient @ slope) / control.mean()
    return float(of_treated - of_control), influence


def _doubly_robust(y: FloatArray, d: FloatArray, w: FloatArray, x: FloatArray) -> tuple[float, FloatArray]:
    chance, of_chance = _propensity(d, w, x)
    fitted, of_fit = _least_squares(y, d, w, x)
    treated, control = w * d, w * (1 - d) * chance / (1 - chance)
    rest = y - fitted
    first, second = treated @ rest / treated.sum(), control @ rest / control.sum()
    influence = (treated * (rest - first) - of_fit @ (treated[:, None] * x).mean(axis=0)) / treated.mean()
    slope = ((control * (rest - second))[:, None] * x).mean(axis=0)
    other = control * (rest - second) + of_chance @ slope - of_fit @ (control[:, None] * x).mean(axis=0)
    return float(first - second), influence - other / control.mean()
