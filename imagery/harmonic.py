"""Seasonal curves: a ridge fit of yearly harmonics to the clear observations of every cell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import prod

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["amplitude", "harmonic_design", "harmonic_fit", "write_harmonic_fits"]

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
    (days, size), cells = design.shape, prod(valid.shape[1:])
    out = np.empty((size, *valid.shape[1:]), dtype=np.float32)
    write_harmonic_fits(
        series.reshape(days, 1, cells),
        valid.reshape(days, cells),
        design,
        out.reshape(size, cells),
        np.arange(size)[None],
        ridge,
    )
    return out


def write_harmonic_fits(
    series: NDArray[np.float32] | NDArray[np.int16],
    valid: NDArray[np.bool_],
    design: NDArray[np.float64],
    planes: NDArray[np.float32],
    rows: NDArray[np.int64],
    ridge: float = RIDGE,
) -> None:
    """Write the coefficients of s series that were observed on the same days where they belong; see `harmonic_fit`.

    What depends on the days alone, which is most of the work, is done once for all of them.

    Parameters
    ----------
    series
        Observations, shape (t, s, n).
    valid
        Clear observations of all series, shape (t, n).
    planes
        Where the coefficients go, shape (p, n).
    rows
        Which plane each goes to, shape (s, k).
    design, ridge
        As in `harmonic_fit`.
    """
    _fit(
        np.ascontiguousarray(series),
        np.ascontiguousarray(valid),
        np.ascontiguousarray(design),
        max(ridge, _LEAST_RIDGE),
        planes,
        rows,
    )


def amplitude(
    cosine: NDArray[np.float32], sine: NDArray[np.float32], out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the height of a harmonic above its mean, written to `out` where one is given."""
    return np.asarray(np.sqrt(cosine * cosine + sine * sine, out=out))


@njit(nogil=True, cache=True, error_model="numpy")
def _fit(series, valid, design, ridge, out, rows):  # type: ignore[no-untyped-def]
    """Fit `_TILE` cells at a time: sums of all products first, then one Cholesky solution for each cell.

    Days are summed four at a time, in their order; those that fill up the last four count nothing.
    """
    days, size = design.shape
    cells = valid.shape[1]
    padded = -(-days // 4) * 4
    factor = np.zeros((size, padded))
    for day in range(days):
        for i in range(size):
            factor[i, day] = design[day, i]
    gram, moment = np.zeros((size, size, _TILE)), np.empty((size, _TILE))
    seen, observed = np.zeros((padded, _TILE)), np.zeros((padded, _TILE))
    one_gram, one_seen = np.zeros((size, size, 1)), np.zeros((padded, 1))
    ever, all_days = np.empty(_TILE), np.ones(padded)
    for start in range(0, cells, _TILE):
        count = min(_TILE, cells - start)
        alike = True
        for day in range(days):
            alike &= _spread(valid[day, start : start + count], seen[day])
        ever[:] = 0.0
        _add_products(all_days, seen, ever)
        if alike:  # clouds are wider than a cell: the triangle of one is often that of all
            one_seen[:, 0] = seen[:, 0]
            _triangle(one_seen, factor, ridge, one_gram)
            for i in range(size):
                for j in range(i + 1):
                    gram[i, j, :] = one_gram[i, j, 0]
        else:
            _triangle(seen, factor, ridge, gram)
        for one in range(len(rows)):
            for day in range(days):
                _observed(seen[day], series[day, one, start : start + count], observed[day])
            moment[:] = 0.0
            for i in range(size):
                _add_products(factor[i], observed, moment[i])
            _substitute(gram, moment)
            for i in range(size):
                _told(moment[i], ever, out[rows[one, i], start : start + count])


@njit(nogil=True, cache=True, error_model="numpy")
def _spread(valid, seen):  # type: ignore[no-untyped-def]
    """Write 1 where a cell was seen and 0 elsewhere, and say whether all cells are alike."""
    clear = 0
    for c in range(len(valid)):
        seen[c] = 1.0 if valid[c] else 0.0
        clear += 1 if valid[c] else 0
    return clear == 0 or clear == len(valid)


@njit(nogil=True, cache=True, error_model="numpy")
def _observed(seen, y, out):  # type: ignore[no-untyped-def]
    for c in range(len(y)):
        out[c] = np.float64(y[c]) if seen[c] > 0 else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _add_products(factor, planes, total):  # type: ignore[no-untyped-def]
    """Add the planes of all days times their factors, one day after another."""
    for day in range(0, len(factor), 4):
        f0, f1, f2, f3 = factor[day], factor[day + 1], factor[day + 2], factor[day + 3]
        p0, p1, p2, p3 = planes[day], planes[day + 1], planes[day + 2], planes[day + 3]
        for c in range(len(total)):
            total[c] = total[c] + f0 * p0[c] + f1 * p1[c] + f2 * p2[c] + f3 * p3[c]


@njit(nogil=True, cache=True, error_model="numpy")
def _triangle(seen, factor, ridge, gram):  # type: ignore[no-untyped-def]
    """Sum the products of the days on which each cell was seen, and decompose them."""
    size = len(factor)
    for i in range(size):
        for j in range(i + 1):
            gram[i, j, :] = 0.0
            _add_products(factor[i] * factor[j], seen, gram[i, j])
    _decompose(gram, ridge)


@njit(nogil=True, cache=True, error_model="numpy")
def _decompose(gram, ridge):  # type: ignore[no-untyped-def]
    """Turn ``gram + ridge`` into its Cholesky triangle in place, with one over its diagonal in the diagonal.

    What stands for a cell that was never seen does not matter.
    """
    size, _, cells = gram.shape
    for j in range(size):
        diagonal = gram[j, j]
        if j > 0:
            for c in range(cells):
                diagonal[c] += ridge
        for k in range(j):
            _take(gram[j, k], gram[j, k], diagonal)
        for c in range(cells):
            # Rounding can leave a hair below zero where all dates of a cell coincide
            diagonal[c] = 1.0 / np.sqrt(max(diagonal[c], 1e-12))
        for i in range(j + 1, size):
            for k in range(j):
                _take(gram[i, k], gram[j, k], gram[i, j])
            _scale(diagonal, gram[i, j])


@njit(nogil=True, cache=True, error_model="numpy")
def _substitute(gram, moment):  # type: ignore[no-untyped-def]
    """Solve with the triangle, forwards and backwards, in place."""
    size = len(moment)
    for i in range(size):
        for k in range(i):
            _take(gram[i, k], moment[k], moment[i])
        _scale(gram[i, i], moment[i])
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            _take(gram[k, i], moment[k], moment[i])
        _scale(gram[i, i], moment[i])


@njit(nogil=True, cache=True, error_model="numpy")
def _take(one, other, total):  # type: ignore[no-untyped-def]
    for c in range(len(total)):
        total[c] -= one[c] * other[c]


@njit(nogil=True, cache=True, error_model="numpy")
def _scale(factor, total):  # type: ignore[no-untyped-def]
    for c in range(len(total)):
        total[c] *= factor[c]


@njit(nogil=True, cache=True, error_model="numpy")
def _told(values, ever, out):  # type: ignore[no-untyped-def]
    for c in range(len(out)):
        out[c] = np.float32(values[c]) if ever[c] > 0 else np.float32(np.nan)
