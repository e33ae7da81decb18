"""Seasonal curves: a ridge fit of yearly harmonics to the clear observations of every cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

__all__ = ["amplitude", "harmonic_design", "harmonic_fit"]

YEAR_DAYS = 365.25
RIDGE = 0.1
"""Added to the squared sums of the harmonics, in observations; keeps a fit to few dates from running away."""


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
    series: NDArray[np.float32],
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
    size = design.shape[1]
    cells = series.shape[1:]
    gram = np.zeros((size, size, *cells))
    moment = np.zeros((size, *cells))
    for row, y, seen in zip(design, series, valid, strict=True):
        weight = seen.astype(np.float64)
        observed = np.where(seen, y, np.float32(0)).astype(np.float64)
        for i in range(size):
            moment[i] += row[i] * observed
            for j in range(i + 1):
                gram[i, j] += (row[i] * row[j]) * weight
    never = gram[0, 0] == 0
    gram[0, 0][never] = 1.0
    for i in range(1, size):
        gram[i, i] += max(ridge, 1e-9)
    fitted = _cholesky_solve(gram, moment)
    return np.where(never, np.float32(np.nan), fitted).astype(np.float32)


def amplitude(cosine: NDArray[np.float32], sine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the height of a harmonic above its mean."""
    return np.asarray(np.sqrt(cosine * cosine + sine * sine))


def _cholesky_solve(gram: NDArray[np.float64], moment: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve ``gram b = moment`` cell by cell; both are overwritten, only the lower triangle is read."""
    size = len(moment)
    for j in range(size):
        for k in range(j):
            gram[j, j] -= gram[j, k] * gram[j, k]
        # Rounding can leave a hair below zero where all dates of a cell coincide
        gram[j, j] = np.sqrt(np.maximum(gram[j, j], 1e-12))
        for i in range(j + 1, size):
            for k in range(j):
                gram[i, j] -= gram[i, k] * gram[j, k]
            gram[i, j] /= gram[j, j]
    for i in range(size):
        for k in range(i):
            moment[i] -= gram[i, k] * moment[k]
        moment[i] /= gram[i, i]
    for i in reversed(range(size)):
        for k in range(i + 1, size):
            moment[i] -= gram[k, i] * moment[k]
        moment[i] /= gram[i, i]
    return moment
