"""Seasonal curves: a ridge fit of yearly harmonics to the clear observations of every cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import prod

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["amplitude", "harmonic_design", "harmonic_fit", "harmonic_fits"]

YEAR_DAYS = 365.25
RIDGE = 0.1
"""Added to the squared sums of the harmonics, in observations; keeps a fit to few dates from running away."""
_LEAST_RIDGE = 1e-9
_TILE = 128  # cells handled at once, so that their sums stay in the first cache


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
    return np.asarray(harmonic_fits(series[None], valid, design, ridge)[0])


def harmonic_fits(
    series: NDArray[np.float32] | NDArray[np.int16],
    valid: NDArray[np.bool_],
    design: NDArray[np.float64],
    ridge: float = RIDGE,
) -> NDArray[np.float32]:
    """Return the coefficients of s series that were observed on the same days; see `harmonic_fit`.

    What depends on the days alone, which is most of the work, is done once for all of them.

    Parameters
    ----------
    series
        Observations, shape (s, t, ...).
    valid
        Clear observations of all series, shape (t, ...).
    design, ridge
        As in `harmonic_fit`.

    Returns
    -------
    ndarray, shape (s, k, ...)
    """
    count, days, cells = len(series), len(design), prod(valid.shape[1:])
    out = np.empty((count, design.shape[1], *valid.shape[1:]), dtype=np.float32)
    _fit(
        np.ascontiguousarray(series).reshape(count, days, cells),
        np.ascontiguousarray(valid).reshape(days, cells),
        np.ascontiguousarray(design),
        max(ridge, _LEAST_RIDGE),
        out.reshape(count, design.shape[1], cells),
    )
    return out


def amplitude(cosine: NDArray[np.float32], sine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the height of a harmonic above its mean."""
    return np.asarray(np.sqrt(cosine * cosine + sine * sine))


@njit(nogil=True, cache=True, error_model="numpy")
def _fit(series, valid, design, ridge, out):  # type: ignore[no-untyped-def]
    """Fit `_TILE` cells at a time: sums of all products first, then one Cholesky solution for each cell."""
    days, size = design.shape
    cells = valid.shape[1]
    gram = np.empty((size, size, _TILE))
    moment = np.empty((size, _TILE))
    for start in range(0, cells, _TILE):
        count = min(_TILE, cells - start)
        gram[:] = 0.0
        for day in range(days):
            seen = valid[day, start : start + count]
            for i in range(size):
                for j in range(i + 1):
                    _add(design[day, i] * design[day, j], seen, gram[i, j])
        _decompose(gram, ridge, count)
        for one in range(len(series)):
            moment[:] = 0.0
            for day in range(days):
                seen, y = valid[day, start : start + count], series[one, day, start : start + count]
                for i in range(size):
                    _add_observed(design[day, i], seen, y, moment[i])
            _substitute(gram, moment, count)
            for i in range(size):
                for c in range(count):
                    out[one, i, start + c] = moment[i, c] if gram[0, 0, c] > 0 else np.nan


@njit(nogil=True, cache=True, error_model="numpy")
def _add(product, seen, total):  # type: ignore[no-untyped-def]
    for c in range(len(seen)):
        total[c] += product if seen[c] else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _add_observed(factor, seen, y, total):  # type: ignore[no-untyped-def]
    for c in range(len(seen)):
        total[c] += factor * np.float64(y[c]) if seen[c] else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
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
            square = gram[j, j, c]
            # Rounding can leave a hair below zero where all dates of a cell coincide
            root = np.sqrt(max(square, 1e-12))
            gram[j, j, c] = root if j > 0 or square > 0 else square
        for i in range(j + 1, size):
            for k in range(j):
                for c in range(count):
                    gram[i, j, c] -= gram[i, k, c] * gram[j, k, c]
            for c in range(count):
                gram[i, j, c] /= gram[j, j, c] if gram[j, j, c] > 0 else 1.0


@njit(nogil=True, cache=True, error_model="numpy")
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
