"""Series of estimates whose errors are correlated: changes, a trend with breaks, and like-for-like totals.

Years that share sample units share errors. Every function here takes the covariance of the series; a series of
independent surveys has a diagonal one, and that is for the caller to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import chi2

from aoi.survey.addition import estimate_with_interval, sum_estimates
from aoi.survey.estimate import Estimate
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "LikeForLike",
    "SeriesChange",
    "Trend",
    "checked_series",
    "decaying_covariance",
    "gls_trend",
    "like_for_like",
    "no_change_test",
    "pair_change",
    "require_breaks",
    "trend_of",
]

FloatArray = NDArray[np.float64]

_ALWAYS = ("crop", "kind", "unit")
"""What no break can mend: a series is of one crop, kind and unit."""

_BREAKS = ("frame", "source")
"""What makes a break in a series."""


def decaying_covariance(se: ArrayLike, correlation: float) -> FloatArray:
    """Return the covariance of a series whose errors correlate less the further years lie apart.

    Parameters
    ----------
    se : array_like, shape (n,)
        Standard errors in order of time.
    correlation : float
        Correlation of neighbouring years, 0 to below 1; years k apart have its k-th power.

    Raises
    ------
    InputError
        If the correlation lies outside 0 to 1, or a standard error is negative or missing.

    Examples
    --------
    >>> decaying_covariance([2.0, 3.0], 0.5)
    array([[4., 3.], [3., 9.]])
    """
    errors = np.asarray(se, dtype=float)
    if not 0 <= correlation < 1 or not (np.isfinite(errors) & (errors >= 0)).all():
        found = f"correlation {correlation}, standard errors {errors.tolist()[:5]}"
        raise InputError(Problem("series covariance", found, "0 to below 1, and errors of 0 or more"))
    step = np.abs(np.subtract.outer(np.arange(errors.size), np.arange(errors.size)))
    return np.asarray(correlation**step * np.outer(errors, errors))


def checked_series(values: ArrayLike, covariance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return a series and its covariance as arrays.

    Raises
    ------
    InputError
        If shapes differ, a number is missing, or the covariance is not symmetric and positive definite.
    """
    y, s = np.asarray(values, dtype=float), np.asarray(covariance, dtype=float)
    if y.ndim != 1 or s.shape != (len(y), len(y)) or not (np.isfinite(y).all() and np.isfinite(s).all()):
        found = f"shapes {y.shape} and {s.shape}"
        raise InputError(Problem("series", found, "n numbers and an n by n covariance, none missing"))
    if not np.allclose(s, s.T, rtol=1e-9) or np.linalg.eigvalsh(s).min() <= 0:
        found = "a matrix that is not symmetric and positive definite"
        raise InputError(Problem("series covariance", found, "a covariance", "look at correlations of 1 or more"))
    return y, s


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChange:
    """The change between two points of a series."""

    difference: float
    """Later less earlier."""
    se: float
    """Standard error with the covariance."""
    z: float
    """Difference over its standard error."""
    p_value: float
    """Two-sided, normal."""
    percent: float
    """In per cent of the earlier value; infinite where that is 0."""
    se_log_ratio: float
    """Standard error of log(later/earlier), first order; infinite where a value is not positive."""


def pair_change(values: ArrayLike, covariance: ArrayLike, earlier: int, later: int) -> SeriesChange:
    """Return the change between two points of a series, with the covariance of their errors.

    Parameters
    ----------
    values : array_like, shape (n,)
        Estimates in order of time.
    covariance : array_like, shape (n, n)
        Covariance of their errors.
    earlier, later : int
        Positions in the series.

    Raises
    ------
    InputError
        As told by `checked_series`.

    Examples
    --------
    >>> pair_change([100.0, 130.0], [[64.0, 40.0], [40.0, 64.0]], 0, 1).z
    4.330127
    """
    y, s = checked_series(values, covariance)
    i, j = earlier, later
    difference = float(y[j] - y[i])
    se = math.sqrt(s[i, i] + s[j, j] - 2 * s[i, j])
    z = difference / se
    ratio = math.inf
    if y[i] > 0 and y[j] > 0:
        ratio = math.sqrt(s[i, i] / y[i] ** 2 + s[j, j] / y[j] ** 2 - 2 * s[i, j] / (y[i] * y[j]))
    return SeriesChange(
        difference=difference,
        se=se,
        z=z,
        p_value=2 * float(ndtr(-abs(z))),
        percent=100 * difference / float(y[i]) if y[i] else math.inf,
        se_log_ratio=ratio,
    )


def no_change_test(values: ArrayLike, covariance: ArrayLike) -> tuple[float, int, float]:
    """Return Q, its degrees of freedom and p for the hypothesis that nothing changed over the series.

    Examples
    --------
    >>> no_change_test([10.0, 12.0], [[1.0, 0.0], [0.0, 1.0]])[:2]
    (2.0, 1)
    """
    y, s = checked_series(values, covariance)
    _, _, q = _gls(np.ones((len(y), 1)), y, s)
    return q, len(y) - 1, float(chi2.sf(q, len(y) - 1))


def _gls(x: FloatArray, y: FloatArray, s: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Return coefficients, their covariance and the residual quadratic form."""
    weighted = np.linalg.solve(s, x)
    covariance = np.asarray(np.linalg.inv(x.T @ weighted), dtype=np.float64)
    beta = covariance @ (weighted.T @ y)
    residual = y - x @ beta
    return beta, covariance, float(residual @ np.linalg.solve(s, residual))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A straight line through a series, with its jumps at breaks."""

    intercept: float
    """Level at the mean time, before the first break."""
    slope: float
    """Change per unit of time."""
    se_slope: float
    """Standard error from the errors of the estimates alone."""
    shifts: tuple[float, ...]
    """Jump at each break."""
    se_shifts: tuple[float, ...]
    """Their standard errors."""
    lack_of_fit: float
    """Residual quadratic form Q: about `df` where a line is all there is."""
    df: int
    """Degrees of freedom of Q."""

    @property
    def z(self) -> float:
        """Slope over its standard error."""
        return self.slope / self.se_slope

    @property
    def se_with_lack_of_fit(self) -> float:
        """Standard error widened where the points scatter about the line by more than their errors."""
        return self.se_slope * math.sqrt(max(1.0, self.lack_of_fit / self.df)) if self.df else self.se_slope


def gls_trend(times: ArrayLike, values: ArrayLike, covariance: ArrayLike, *, breaks: Sequence[float] = ()) -> Trend:
    """Return the generalised least-squares line through a series.

    Parameters
    ----------
    times : array_like, shape (n,)
        Years, rising.
    values : array_like, shape (n,)
        Estimates.
    covariance : array_like, shape (n, n)
        Covariance of their errors.
    breaks : sequence of float
        Times from which on the level is another one: change of frame, method or source.

    Raises
    ------
    InputError
        If times do not rise, shapes differ, or the covariance is none.
    QualityGateError
        If there are too few points for a line and its jumps, or a break has points on one side only.

    Examples
    --------
    >>> gls_trend([2001, 2002, 2003], [10.0, 12.0, 14.0], np.eye(3)).slope
    2.0
    """
    y, s = checked_series(values, covariance)
    t = np.asarray(times, dtype=float)
    if t.shape != y.shape or not (np.diff(t) > 0).all():
        raise InputError(Problem("series", f"times {t.tolist()[:8]}", "one rising time for each value"))
    x = np.column_stack([np.ones(len(t)), t - t.mean(), *(t >= one for one in breaks)]).astype(float)
    if len(t) < x.shape[1] or np.linalg.matrix_rank(x) < x.shape[1]:
        found = f"{len(t)} points and {len(breaks)} breaks"
        raise QualityGateError(Problem("trend", found, "points on both sides of each break, enough for a line"))
    beta, spread, q = _gls(x, y, s)
    se = np.sqrt(np.diag(spread))
    return Trend(
        intercept=float(beta[0]),
        slope=float(beta[1]),
        se_slope=float(se[1]),
        shifts=tuple(float(one) for one in beta[2:]),
        se_shifts=tuple(float(one) for one in se[2:]),
        lack_of_fit=q,
        df=len(t) - x.shape[1],
    )


def trend_of(
    points: Sequence[tuple[float, Estimate]],
    *,
    correlation: float | None = None,
    covariance: ArrayLike | None = None,
    breaks: Sequence[float] = (),
) -> Estimate:
    """Return the yearly change of a series of estimates, or refuse to draw a line across a break.

    Parameters
    ----------
    points : sequence of (year, Estimate)
        Rising years; each estimate says what it is of.
    correlation : float, optional
        Correlation of neighbouring years, from which the covariance is built.
    covariance : array_like, shape (n, n), optional
        The covariance itself. One of the two must be given; 0 says that the years are independent.
    breaks : sequence of float
        Years from which on the level is another one.

    Returns
    -------
    Estimate
        Change per year; the standard error is widened where the line does not fit.

    Raises
    ------
    QualityGateError
        If the frame or the source changes where no break is named, crops, kinds or units differ, or nothing is
        said of the correlation.
    """
    years = [year for year, _ in points]
    estimates = [estimate for _, estimate in points]
    require_breaks(points, breaks)
    if covariance is not None and correlation is None:
        matrix = np.asarray(covariance, dtype=float)
    elif correlation is not None and covariance is None:
        matrix = decaying_covariance([one.se for one in estimates], correlation)
    else:
        expected = "one of correlation and covariance; correlation 0 for independent surveys"
        raise QualityGateError(Problem("trend", "neither or both", expected))
    line = gls_trend(years, [one.value for one in estimates], matrix, breaks=breaks)
    made = estimate_with_interval(
        line.slope,
        line.se_with_lack_of_fit,
        n=sum(one.n for one in estimates),
        method=f"GLS trend over {len(points)} points, {len(breaks)} breaks",
        level=estimates[0].level,
    )
    first = estimates[0].quantity
    if first is None:
        return made
    return made.of(replace(first, unit=f"{first.unit}/year", reference=f"{years[0]:g} to {years[-1]:g}"))


def require_breaks(points: Sequence[tuple[float, Estimate]], breaks: Sequence[float] = ()) -> None:
    """Refuse a series that changes its meaning between two points without a break named there.

    Parameters
    ----------
    points : sequence of (year, Estimate)
        Rising years.
    breaks : sequence of float
        A break covers a change of frame or source after the point before it and up to its own year. No break
        covers a change of crop, kind or unit.

    Raises
    ------
    QualityGateError
        Naming each year and field that changes.
    """
    years = [year for year, _ in points]
    quantities = [estimate.quantity for _, estimate in points]
    problems = []
    for k in range(1, len(quantities)):
        before, after, where = quantities[k - 1], quantities[k], f"series at {years[k]:g}"
        if before is None or after is None:
            problems.append(Problem(where, "an estimate that does not say what it is of", "its quantity"))
            continue
        covered = any(years[k - 1] < one <= years[k] for one in breaks)
        for name in (*_ALWAYS, *_BREAKS):
            old, new = getattr(before, name), getattr(after, name)
            if old != new and not (covered and name in _BREAKS):
                remedy = f"name a break at {years[k]:g}, or compare like for like" if name in _BREAKS else ""
                problems.append(Problem(f"{where}, {name}", repr(new), repr(old), remedy))
    if problems:
        raise QualityGateError(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeForLike:
    """Two totals of the places that both surveys covered, and what the change of frame hid."""

    before: Estimate
    """Earlier total of the common places."""
    after: Estimate
    """Later total of the common places."""
    after_all: Estimate
    """Later total of every place covered."""
    added: tuple[str, ...]
    """Places only the later survey covered."""
    dropped: tuple[str, ...]
    """Places only the earlier survey covered."""
    percent: float
    """Change of the common places, in per cent of the earlier total."""
    percent_unlike: float
    """Change between the two published totals: not a change of the crop."""


def like_for_like(before: Mapping[str, Estimate], after: Mapping[str, Estimate]) -> LikeForLike:
    """Return the change over the places that both surveys covered.

    Parameters
    ----------
    before, after : mapping of str to Estimate
        Independent figures by place.

    Raises
    ------
    QualityGateError
        If the surveys share no place, or there was nothing in the common places before.
    """
    common = [place for place in before if place in after]
    if not common:
        raise QualityGateError(Problem("like for like", f"{sorted(before)} and {sorted(after)}", "a common place"))
    past, now = (_total([figures[place] for place in common]) for figures in (before, after))
    past_all, now_all = _total(list(before.values())), _total(list(after.values()))
    if past.value == 0 or past_all.value == 0:
        raise QualityGateError("like for like: found no crop before, so no change in per cent exists")
    return LikeForLike(
        before=past,
        after=now,
        after_all=now_all,
        added=tuple(place for place in after if place not in before),
        dropped=tuple(place for place in before if place not in after),
        percent=100 * (now.value - past.value) / past.value,
        percent_unlike=100 * (now_all.value - past_all.value) / past_all.value,
    )


def _total(figures: list[Estimate]) -> Estimate:
    return sum_estimates(figures, across=("frame",))
