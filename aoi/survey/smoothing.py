"""A smooth level through a noisy series: local level by generalised least squares, and by the Kalman smoother.

The level wanders with variance q per unit of time; the estimates see it with known (correlated) errors. Smoothed
levels tell what the whole series says of a year; they do not replace the year's own published figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.survey.addition import estimate_with_interval
from aoi.survey.estimate import Estimate
from aoi.survey.likelihood import score_roots
from aoi.survey.series import checked_series, require_breaks
from geo.errors import InputError, Problem

__all__ = ["SMOOTHED", "Level", "fit_step_variance", "kalman_smoother", "local_level", "smooth"]

FloatArray = NDArray[np.float64]

SMOOTHED = "SMOOTHED"
"""Flag of a figure that borrows from other years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A smoothed series."""

    value: FloatArray
    """Levels, shape (n,)."""
    se: FloatArray
    """Their standard errors, q taken as known."""


def _gaps(times: ArrayLike | None, count: int) -> FloatArray:
    """Return the time between neighbouring points; 1 each by default."""
    if times is None:
        return np.ones(count - 1)
    gaps = np.diff(np.asarray(times, dtype=float))
    if gaps.shape != (count - 1,) or not (gaps > 0).all():
        raise InputError(Problem("series", f"times {times}", "one rising time for each value"))
    return gaps


def _check_step(step_variance: float) -> None:
    if not (math.isfinite(step_variance) and step_variance > 0):
        raise InputError(Problem("step variance", f"{step_variance}", "more than 0", "or take a common mean"))


def local_level(
    values: ArrayLike, covariance: ArrayLike, *, step_variance: float, times: ArrayLike | None = None
) -> Level:
    """Return the smoothed level of a series whose errors may be correlated.

    Parameters
    ----------
    values : array_like, shape (n,)
        Estimates.
    covariance : array_like, shape (n, n)
        Covariance of their errors.
    step_variance : float
        q, variance of the level's change over one unit of time, in squared units of the values.
    times : array_like, shape (n,), optional
        Rising times; 0, 1, 2, ... by default.

    Raises
    ------
    InputError
        If q is not positive, times do not rise, or the covariance is none.

    Notes
    -----
    Minimises (y - m)'S^-1(y - m) + sum of (m_{k+1} - m_k)^2 / (q dt_k); the first level is free.

    Examples
    --------
    >>> local_level([10.0, 14.0], np.eye(2), step_variance=2.0).value
    array([11., 13.])
    """
    y, s = checked_series(values, covariance)
    _check_step(step_variance)
    step = np.diff(np.eye(len(y)), axis=0)
    precision = np.linalg.inv(s)
    rough = step.T @ (step / (step_variance * _gaps(times, len(y)))[:, None])
    spread = np.asarray(np.linalg.inv(precision + rough), dtype=np.float64)
    return Level(value=spread @ precision @ y, se=np.sqrt(np.diag(spread)))


def kalman_smoother(
    values: ArrayLike, variances: ArrayLike, *, step_variance: float, times: ArrayLike | None = None
) -> Level:
    """Return the same levels for independent errors in one pass forth and one back, for long series.

    Parameters
    ----------
    values, variances : array_like, shape (n,)
        Estimates and the variances of their independent errors.
    step_variance, times
        As in `local_level`.

    Raises
    ------
    InputError
        If a variance or q is not positive, or shapes differ.

    References
    ----------
    Rauch, Tung and Striebel (1965), AIAA Journal 3, 1445-1450; diffuse start: the first level is the first value.
    """
    y, v = np.asarray(values, dtype=float), np.asarray(variances, dtype=float)
    if y.shape != v.shape or y.ndim != 1 or not (np.isfinite(y) & np.isfinite(v) & (v > 0)).all():
        raise InputError(Problem("series", f"shapes {y.shape} and {v.shape}", "values and positive variances"))
    _check_step(step_variance)
    drift = step_variance * _gaps(times, len(y))
    mean, spread = np.empty(len(y)), np.empty(len(y))
    mean[0], spread[0] = y[0], v[0]
    for k in range(1, len(y)):
        prior = spread[k - 1] + drift[k - 1]
        gain = prior / (prior + v[k])
        mean[k], spread[k] = mean[k - 1] + gain * (y[k] - mean[k - 1]), (1 - gain) * prior
    for k in range(len(y) - 2, -1, -1):
        back = spread[k] / (spread[k] + drift[k])
        mean[k] += back * (mean[k + 1] - mean[k])
        spread[k] += back**2 * (spread[k + 1] - spread[k] - drift[k])
    return Level(value=mean, se=np.sqrt(spread))


def fit_step_variance(values: ArrayLike, covariance: ArrayLike, *, times: ArrayLike | None = None) -> float:
    """Return the variance of the level's steps that is most likely, from the differences of the series.

    Parameters
    ----------
    values, covariance, times
        As in `local_level`.

    Returns
    -------
    float
        0 where the series moves no more than its errors explain.

    Raises
    ------
    InputError
        If times do not rise, or the covariance is none.
    """
    y, s = checked_series(values, covariance)
    step = np.diff(np.eye(len(y)), axis=0)
    moves, errors, gaps = step @ y, step @ s @ step.T, _gaps(times, len(y))

    def pulled(q: float) -> tuple[FloatArray, FloatArray]:
        inverse = np.asarray(np.linalg.inv(errors + np.diag(q * gaps)), dtype=np.float64)
        return inverse, inverse @ moves

    def score(q: float) -> float:
        inverse, pull = pulled(q)
        return float(np.sum(gaps * pull**2) - np.sum(gaps * np.diag(inverse)))

    def likelihood(q: float) -> float:
        inverse, pull = pulled(q)
        return float(np.linalg.slogdet(inverse)[1] - moves @ pull)

    return max(score_roots(score, float(np.median(np.diag(errors)))), key=likelihood)


def smooth(
    points: Sequence[tuple[float, Estimate]], covariance: ArrayLike, *, step_variance: float
) -> list[Estimate]:
    """Return the smoothed levels of a series of estimates, flagged `SMOOTHED`; none has a limit below zero.

    Parameters
    ----------
    points : sequence of (year, Estimate)
        Rising years; one frame, method and source.
    covariance : array_like, shape (n, n)
        Covariance of their errors.
    step_variance : float
        q.

    Raises
    ------
    InputError
        As in `local_level`.
    QualityGateError
        If the frame, source, crop, kind or unit changes within the series.
    """
    require_breaks(points)
    estimates = [one for _, one in points]
    times = [year for year, _ in points]
    level = local_level([one.value for one in estimates], covariance, step_variance=step_variance, times=times)
    made = []
    for one, value, se in zip(estimates, level.value, level.se, strict=True):
        new = estimate_with_interval(
            max(float(value), 0.0),
            float(se),
            n=one.n,
            method=f"local level, q = {step_variance:g}",
            level=one.level,
            within=(0.0, math.inf),
        )
        made.append(replace(new, quantity=one.quantity, flags=one.flags).flagged(SMOOTHED))
    return made
