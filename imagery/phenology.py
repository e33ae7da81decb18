"""Season of a fitted curve: when it starts, peaks and ends, how far it rises, and how much it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from imagery.harmonic import harmonic_design

__all__ = ["STEP_DAYS", "Season", "season_of", "season_of_harmonics"]

STEP_DAYS = 5
"""Days between the points at which a curve is looked at."""
LEVEL = 0.2
"""Share of the rise above the low point at which a season starts and ends."""

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Season:
    """Metrics of n cells; NaN where there is no curve or no rise."""

    start: Plane
    """Days from the first day of the curve to the rise through the level before the peak."""
    peak: Plane
    """Days to the highest point."""
    end: Plane
    """Days to the fall through the level after the peak."""
    amplitude: Plane
    """Highest less lowest value of the curve."""
    integral: Plane
    """Area between the curve and its lowest value from start to end, value x days."""


def season_of(curve: NDArray[np.floating], step_days: int, level: float = LEVEL) -> Season:
    """Return the season of curves given at equal steps.

    Parameters
    ----------
    curve
        Values at steps of `step_days`, shape (s, n), s at least 2.
    step_days
        Days between them.
    level
        Share of the amplitude above the lowest value at which the season starts and ends; crossings are linear
        between steps, and lie at the ends of the curve where it does not cross.

    References
    ----------
    Jonsson, P. and Eklundh, L. (2004), Computers and Geosciences 30, 833, doi:10.1016/j.cageo.2004.05.006: start
    and end of season at a share of the seasonal amplitude, small integral above the base.

    Examples
    --------
    >>> season = season_of(np.array([[0.0], [0.5], [1.0], [0.5], [0.0]]), 10)
    >>> [round(float(one[0]), 3) for one in (season.start, season.peak, season.end, season.amplitude)]
    [4.0, 20.0, 36.0, 1.0]
    """
    values = np.asarray(curve, dtype=np.float64)
    steps, cells = values.shape
    top = values.argmax(axis=0)
    low, high = values.min(axis=0), values.max(axis=0)
    line = low + level * (high - low)
    start = _crossing(values, line, top, forwards=False)
    end = _crossing(values, line, top, forwards=True)
    above = values - low
    # Trapezia of whole steps between start and end, cut at both ends by the share that lies inside
    integral = np.zeros(cells)
    for step in range(steps - 1):
        inside = np.clip(np.minimum(end, step + 1) - np.maximum(start, step), 0.0, 1.0)
        integral += inside * (above[step] + above[step + 1]) / 2
    flat = ~(high > low)
    out = [start * step_days, top.astype(np.float64) * step_days, end * step_days]
    planes = [np.where(flat, np.nan, plane).astype(np.float32) for plane in out]
    return Season(
        start=planes[0],
        peak=planes[1],
        end=planes[2],
        amplitude=(high - low).astype(np.float32),
        integral=np.where(np.isnan(high), np.nan, integral * step_days).astype(np.float32),
    )


def season_of_harmonics(coefficients: NDArray[np.float32], first: date, last: date) -> Season:
    """Return the season of harmonic curves between two days.

    Parameters
    ----------
    coefficients
        From `imagery.harmonic.harmonic_fit`, shape (1 + 2 H, n).
    first, last
        First and last day looked at, both included.
    """
    count = max((last - first).days // STEP_DAYS + 1, 2)
    days: Sequence[date] = [first + timedelta(days=STEP_DAYS * step) for step in range(count)]
    design = harmonic_design(days, (len(coefficients) - 1) // 2)
    curve = np.zeros((count, coefficients.shape[1]))
    for order, coefficient in enumerate(coefficients.astype(np.float64)):
        curve += design[:, order, None] * coefficient
    return season_of(curve, STEP_DAYS)


def _crossing(
    values: NDArray[np.float64], line: NDArray[np.float64], top: NDArray[np.intp], *, forwards: bool
) -> NDArray[np.float64]:
    """Return where each curve, followed from its peak, first falls through its line, in steps."""
    steps = len(values)
    at = np.full(values.shape[1], float(steps - 1 if forwards else 0))
    open_ = np.ones(values.shape[1], dtype=np.bool_)
    order = range(1, steps) if forwards else range(steps - 2, -1, -1)
    back = -1 if forwards else 1
    for step in order:
        beyond = step > top if forwards else step < top
        inner, outer = values[step + back], values[step]
        hit = open_ & beyond & (outer <= line) & (inner > line)
        fall = np.where(hit, inner - outer, 1.0)
        at = np.where(hit, step + back - back * (inner - line) / fall, at)
        open_ &= ~hit
    return at
