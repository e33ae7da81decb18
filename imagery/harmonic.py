"""Seasonal curves: a ridge fit of yearly harmonics to the clear observations of every cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["amplitude", "harmonic_design", "harmonic_fit"]

YEAR_DAYS = 365.25
RIDGE = 0.1
"""Added to the squared sums of the harmonics, in observations; keeps a fit to few dates from running away."""
_LEAST_RIDGE = 1e-9
_TILE = 256  # cells handled at once, so that their sums stay in the cache


def harmonic_design(days: Sequence[date], harmonics: int = 1) -> NDArray[np.float64]:
    """Return the design of ``1, cos wd, sin wd, cos 2wd, ...`` with w one cycle a year.

    Parameters
    ----------
    days
        Days of observation (t).
    harmonics
        Number of harmonics H.

    Returns
    -------
    ndarray, shape (t, 1 + 2 H)
        Phase 0 is 1 January.
    """
    angle = np.array([2 * np.pi * (day.timetuple().tm_yday - 1) / YEAR_DAYS for day in days])
    waves = [wave(order * angle) for order in range(1, harmonics + 1) for wave in (np.cos, np.sin)]
    return np.column_stack([np.ones(len(days)), *waves])


def harmonic_fit(
    series: NDArray[np.float32] | NDArray[np.int16],
    valid: NDArray[np.bool_],
    design: NDArray[np.float64],
    ridge: float = RIDGE,
) -> NDArray[np.float32]:
    """Return the coefficients of a masked ridge fit for every cell.

    Parameters
    ----------
    series
        Observations, shape (t, ...).
    valid
        Clear observations, same shape.
    design
        From `harmonic_design`, shape (t, k).
    ridge
        Penalty on all but the constant; 0 is least squares.

    Returns
    -------
    ndarray, shape (k, ...)
        NaN where nothing was observed.

    Notes
    -----
    Minimises ``sum_t v_t (y_t - x_t b)^2 + ridge * sum_{j>0} b_j^2``. The normal equations are summed day by day
    and solved by Cholesky, cell by cell in the same order of operations, so no bit depends on the block.

    References
    ----------
    Zhu, Z. and Woodcock, C. E. (2014), doi:10.1016/j.rse.2014.01.011, eq. 1 (harmonic model of a time series).
    """
    cells = series.shape[1:]
    out = np.empty((design.shape[1], *cells), dtype=np.float32)
    _fit(
        np.ascontiguousarray(series).reshape(len(series), -1),
        np.ascontiguousarray(valid).reshape(len(series), -1),
        np.ascontiguousarray(design),
        max(ridge, _LEAST_RIDGE),
        out.reshape(len(out), -1),
    )
    return out


def amplitude(cosine: NDArray[np.float32], sine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the height of a harmonic above its mean."""
    return np.asarray(np.sqrt(cosine * cosine + sine * sine))


@njit(nogil=True, cache=True)
def _fit(series, valid, design, ridge, out):  # type: ignore[no-untyped-def]
    """Fit `_TILE` cells at a time: sums of all products first, then one Cholesky solution for each cell."""
    days, size = design.shape
    cells = series.shape[1]
    gram = np.empty((size, size, _TILE))
    moment = np.empty((size, _TILE))
    for start in range(0, cells, _TILE):
        count = min(_TILE, cells - start)
        gram[:] = 0.0
        moment[:] = 0.0
        for day in range(days):
            y, seen = series[day, start : start + count], valid[day, start : start + count]
            for i in range(size):
                factor = design[day, i]
                for c in range(count):
                    moment[i, c] += factor * np.float64(y[c]) if seen[c] else 0.0
                for j in range(i + 1):
                    product = factor * design[day, j]
                    for c in range(count):
                        gram[i, j, c] += product if seen[c] else 0.0
        _decompose(gram, ridge, count)
        _substitute(gram, moment, count)
        for c in range(count):
            for i in range(size):
                out[i, start + c] = moment[i, c] if gram[0, 0, c] > 0 else np.nan


@njit(nogil=True, cache=True)
def _decompose(gram, ridge, count):  # type: ignore[no-untyped-def]
    """Turn ``gram + ridge`` into its Cholesky triangle in place; ``gram[0, 0]`` stays 0 where nothing was seen."""
    size = len(gram)
    for j in range(size):
        for c in range(count):
            if j > 0:
                gram[j, j, c] += ridge
        for k in range(j):
            for c in range(count):
                gram[j, j, c] -= gram[j, k, c] * gram[j, k, c]
        for c in range(count):
            # Rounding can leave a hair below zero where all dates of a cell coincide
            if j > 0 or gram[0, 0, c] > 0:
                gram[j, j, c] = np.sqrt(max(gram[j, j, c], 1e-12))
        for i in range(j + 1, size):
            for k in range(j):
                for c in range(count):
                    gram[i, j, c] -= gram[i, k, c] * gram[j, k, c]
            for c in range(count):
                gram[i, j, c] /= gram[j, j, c] if gram[j, j, c] > 0 else 1.0


@njit(nogil=True, cache=True)
def _substitute(gram, moment, count):  # type: ignore[no-untyped-def]
    """Solve with the triangle, forwards and backwards, in place."""
    size = len(moment)
    for i in range(size):
        for k in range(i):
            for c in range(count):
                moment[i, c] -= gram[i, k, c] * moment[k, c]
        for c in range(count):
            moment[i, c] /= gram[i, i, c] if gram[i, i, c] > 0 else 1.0
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            for c in range(count):
                moment[i, c] -= gram[k, i, c] * moment[k, c]
        for c in range(count):
            moment[i, c] /= gram[i, i, c] if gram[i, i, c] > 0 else 1.0
