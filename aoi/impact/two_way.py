"""Two-way fixed effects: diagnostics only, never the effect of a programme whose starts are staggered.

With staggered starts the one coefficient of a two-way regression is a weighted mean of comparisons, among them of
units newly treated with units treated before, whose own effect is then subtracted. `decomposition` shows how much
of the coefficient comes from where.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aoi.impact.group_time import NEVER
from aoi.impact.inference import cluster_covariance
from geo.errors import Problem, QualityGateError

__all__ = ["Comparison", "EventStudy", "TwoWay", "decomposition", "event_study", "two_way"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWay:
    """The coefficient of a two-way regression."""

    value: float
    """Coefficient of treatment."""
    se: float
    """Cluster-robust standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStudy:
    """A two-way regression on years since the start; event -1 is the reference."""

    event: IntArray
    """Years since the start."""
    value: FloatArray
    """Coefficient of each."""
    covariance: FloatArray
    """Cluster-robust covariance of them."""

    @property
    def se(self) -> FloatArray:
        """Standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    def wald_before(self) -> tuple[float, int]:
        """Return Wald's statistic of no difference before the start, and its degrees of freedom."""
        before = self.event < -1
        value = self.value[before]
        return float(value @ np.linalg.solve(self.covariance[np.ix_(before, before)], value)), int(before.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One two-by-two comparison inside a two-way coefficient."""

    kind: Literal["treated against never treated", "earlier against later", "later against earlier: forbidden"]
    """Who is compared with whom."""
    treated: int
    """Start of the treated cohort."""
    control: int
    """Start of the other cohort; `NEVER` for units without programme."""
    weight: float
    """Share in the coefficient."""
    value: float
    """Its own difference in differences."""


def two_way(
    outcome: FloatArray,
    years: IntArray,
    start: IntArray,
    clusters: IntArray,
    *,
    correction: Literal["CR0", "CR1", "CR2"] = "CR1",
) -> TwoWay:
    """Return the two-way fixed effects coefficient of a balanced panel.

    Parameters
    ----------
    outcome : ndarray, shape (n, T)
        Outcome without gaps.
    years : ndarray, shape (T,)
        Years.
    start : ndarray, shape (n,)
        First year of treatment; `NEVER` without.
    clusters : ndarray of int, shape (n,)
        Cluster of each unit.
    correction
        Small-sample correction of the covariance (`cluster_covariance`).
    """
    treated = _treated(start, years)[..., None]
    value, covariance = _within(outcome, treated, clusters, correction)
    return TwoWay(value=float(value[0]), se=float(np.sqrt(covariance[0, 0])))


def event_study(
    outcome: FloatArray,
    years: IntArray,
    start: IntArray,
    clusters: IntArray,
    *,
    correction: Literal["CR0", "CR1", "CR2"] = "CR1",
) -> EventStudy:
    """Return a two-way regression on years since the start, the year before it as reference."""
    since = np.where(start[:, None] == NEVER, -1, years[None, :] - start[:, None])
    events = np.array([event for event in np.unique(since) if event != -1])
    x = (since[..., None] == events) & (start != NEVER)[:, None, None]
    value, covariance = _within(outcome, x, clusters, correction)
    return EventStudy(event=events, value=value, covariance=covariance)


def decomposition(outcome: FloatArray, years: IntArray, start: IntArray) -> list[Comparison]:
    """Return the two-by-two comparisons whose weighted mean the two-way coefficient is.

    References
    ----------
    Goodman-Bacon (2021), Journal of Econometrics 225, 254-277, doi:10.1016/j.jeconom.2021.03.014, theorem 1.
    """
    treated = _treated(start, years)
    apart = _demeaned(treated.astype(float))
    whole = float((apart**2).mean())
    cohorts = [int(g) for g in np.unique(start) if g != NEVER]
    found = []
    if (start == NEVER).any():
        for g in cohorts:
            share = float(treated[start == g].mean())
            n_g, n_u = (start == g).mean(), (start == NEVER).mean()
            weight = n_g * n_u * share * (1 - share) / whole
            value = _two_by_two(outcome, start == g, start == NEVER, years >= g, years < g)
            found.append(_comparison("treated against never treated", g, NEVER, weight, value))
    for first, second in permutations(cohorts, 2):
        early, late = min(first, second), max(first, second)
        d_early, d_late = float((years >= early).mean()), float((years >= late).mean())
        both = float((start == early).mean() * (start == late).mean())
        if first == early:
            weight = both * (d_early - d_late) * (1 - d_early) / whole
            window = years < late
            value = _two_by_two(
                outcome, start == early, start == late, window & (years >= early), window & (years < early)
            )
            found.append(_comparison("earlier against later", early, late, weight, value))
        else:
            weight = both * d_late * (d_early - d_late) / whole
            window = years >= early
            value = _two_by_two(outcome, start == late, start == early, years >= late, window & (years < late))
            found.append(_comparison("later against earlier: forbidden", late, early, weight, value))
    return found


def _comparison(kind: str, treated: int, control: int, weight: float, value: float) -> Comparison:
    return Comparison(kind=kind, treated=treated, control=control, weight=weight, value=value)  # type: ignore[arg-type]


def _two_by_two(
    outcome: FloatArray,
    treated: NDArray[np.bool_],
    control: NDArray[np.bool_],
    after: NDArray[np.bool_],
    before: NDArray[np.bool_],
) -> float:
    change = outcome[:, after].mean(axis=1) - outcome[:, before].mean(axis=1)
    return float(change[treated].mean() - change[control].mean())


def _treated(start: IntArray, years: IntArray) -> NDArray[np.bool_]:
    return np.asarray((start[:, None] != NEVER) & (years[None, :] >= start[:, None]))


def _demeaned(x: FloatArray) -> FloatArray:
    """Take unit and year means out of an array of units by years (balanced, so once is enough)."""
    return np.asarray(x - x.mean(axis=1, keepdims=True) - x.mean(axis=0, keepdims=True) + x.mean(axis=(0, 1)))


def _within(
    outcome: FloatArray, x: NDArray[np.bool_], clusters: IntArray, correction: Literal["CR0", "CR1", "CR2"]
) -> tuple[FloatArray, FloatArray]:
    n, years = outcome.shape
    y = _demeaned(outcome).ravel()
    design = np.column_stack([_demeaned(x[..., k].astype(float)).ravel() for k in range(x.shape[2])])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise QualityGateError(
            Problem("two-way regression", "events that cannot be told apart", "units without programme")
        )
    beta = np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], dtype=np.float64)
    rows = np.repeat(clusters, years)
    # unit effects are nested in clusters; the years are counted, as Stata's reghdfe does
    fixed = np.asarray(np.kron(np.ones((n, 1)), np.eye(years)), np.float64) if correction == "CR2" else None
    covariance = cluster_covariance(
        design, y - design @ beta, rows, correction=correction, absorbed=years, further=fixed
    )
    return beta, covariance
