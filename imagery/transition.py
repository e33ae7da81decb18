"""What became of the crop between two maps, and when new openings were first seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from geo.legend import Legend

__all__ = ["GONE", "NEW", "NO_CROP", "STABLE", "UNKNOWN", "largest_fall", "transitions"]

NO_CROP, STABLE, NEW, GONE = 0, 1, 2, 3
"""Codes of a cell: no crop in either, crop in both, crop only now, crop only before."""
UNKNOWN = 255
"""Outside the frame, or not seen in one of the two."""


def transitions(before: NDArray[np.uint8], after: NDArray[np.uint8], code: int) -> NDArray[np.uint8]:
    """Return the transition of every cell for one crop.

    Parameters
    ----------
    before, after
        Class maps of one grid, shape (h, w).
    code
        The crop's code.

    Examples
    --------
    >>> transitions(np.uint8([[1, 1, 2, 2, 255]]), np.uint8([[1, 2, 1, 2, 1]]), 1).tolist()
    [[1, 3, 2, 0, 255]]
    """
    out = np.where(before == code, np.where(after == code, STABLE, GONE), np.where(after == code, NEW, NO_CROP))
    hidden = (Legend.OUTSIDE, Legend.NOT_SEEN)
    out[np.isin(before, hidden) | np.isin(after, hidden)] = UNKNOWN
    return out.astype(np.uint8)


def largest_fall(
    series: NDArray[np.floating], valid: NDArray[np.bool_], days: Sequence[date]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the first day on which the largest fall of a series had been seen, and how far it fell.

    Parameters
    ----------
    series
        An index of vegetation or moisture in order of time, shape (t, n).
    valid
        Clear observations, same shape.
    days
        Days of observation (t).

    Returns
    -------
    day
        Proleptic ordinal of the clear day after the largest fall, the first where several are as large; 0 where
        nothing fell (n).
    fall
        The fall, in units of the series; 0 where nothing fell (n).

    Notes
    -----
    The ground may have been opened on any day since the clear observation before: the date is when it was first
    seen, not when it happened.
    """
    cells = series.shape[1]
    last, seen = np.zeros(cells), np.zeros(cells, dtype=np.bool_)
    fall, when = np.zeros(cells), np.zeros(cells, dtype=np.int32)
    for values, clear, day in zip(series, valid, days, strict=True):
        value = values.astype(np.float64)
        drop = np.where(clear & seen, last - value, 0.0)
        further = drop > fall
        fall[further] = drop[further]
        when[further] = day.toordinal()
        last = np.where(clear, value, last)
        seen |= clear
    return when, fall.astype(np.float32)
