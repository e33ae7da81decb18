"""Season of a fitted curve: when it starts, peaks and ends, how far it rises, and how much it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numba import njit
from numpy.typing import NDArray

from imagery.harmonic import harmonic_design

__all__ = ["STEP_DAYS", "Season", "season_of", "season_of_harmonics"]

STEP_DAYS = 5
"""Days between the points at which a curve is looked at."""
LEVEL = 0.2
"""Share of the rise above the low point at which a season starts and ends."""
_TILE = 128  # cells whose curves are drawn at once

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
    values = np.ascontiguousarray(curve, dtype=np.float64)
    out = np.empty((5, values.shape[1]), dtype=np.float32)
    _seasons(values, float(step_days), level, out)
    return Season(start=out[0], peak=out[1], end=out[2], amplitude=out[3], integral=out[4])


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
    out = np.empty((5, coefficients.shape[1]), dtype=np.float32)
    _harmonic_seasons(np.ascontiguousarray(coefficients), design, float(STEP_DAYS), LEVEL, out)
    return Season(start=out[0], peak=out[1], end=out[2], amplitude=out[3], integral=out[4])


@njit(nogil=True, cache=True, error_model="numpy")
def _harmonic_seasons(coefficients, design, step_days, level, out):  # type: ignore[no-untyped-def]
    """Draw the curves of some cells at a time, and follow them."""
    steps, size = design.shape
    cells = coefficients.shape[1]
    curve = np.empty((steps, _TILE))
    for start in range(0, cells, _TILE):
        n = min(_TILE, cells - start)
        for step in range(steps):
            row = curve[step]
            row[:] = 0.0
            for order in range(size):
                factor, coefficient = design[step, order], coefficients[order, start : start + n]
                for c in range(n):
                    row[c] += factor * np.float64(coefficient[c])
        _seasons(curve[:, :n], step_days, level, out[:, start : start + n])


@njit(nogil=True, cache=True, error_model="numpy")
def _seasons(values, step_days, level, out):  # type: ignore[no-untyped-def]
    steps, cells = values.shape
    last = steps - 1
    for c in range(cells):
        if np.isnan(values[:, c]).any():
            out[:, c] = np.nan
            continue
        top, low, high = 0, values[0, c], values[0, c]
        for step in range(1, steps):
            value = values[step, c]
            low = min(low, value)
            if value > high:
                top, high = step, value
        line = low + level * (high - low)
        start, end = 0.0, float(last)
        # Followed from the peak both ways to where the curve first falls through the line
        for step in range(top - 1, -1, -1):
            inner, outer = values[step + 1, c], values[step, c]
            if outer <= line and inner > line:
                start = step + 1 - (inner - line) / (inner - outer)
                break
        for step in range(top + 1, steps):
            inner, outer = values[step - 1, c], values[step, c]
            if outer <= line and inner > line:
                end = step - 1 + (inner - line) / (inner - outer)
                break
        # Trapezia of whole steps between start and end, cut at both ends by the share that lies inside
        integral = 0.0
        for step in range(int(start), min(int(end) + 1, last)):
            inside = min(max(min(end, step + 1.0) - max(start, float(step)), 0.0), 1.0)
            integral += inside * ((values[step, c] - low) + (values[step + 1, c] - low)) / 2
        flat = not high > low
        out[0, c] = np.nan if flat else start * step_days
        out[1, c] = np.nan if flat else top * step_days
        out[2, c] = np.nan if flat else end * step_days
        out[3, c] = high - low
        out[4, c] = integral * step_days
