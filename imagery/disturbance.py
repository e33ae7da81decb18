"""How restless a cell is through the season: cuts, leaf stripping and clearing that no smooth curve shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Disturbance", "disturbance"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Disturbance:
    """Metrics of n cells, in the units of the series; NaN where they are not defined."""

    residual: NDArray[np.float32]
    """Root mean square distance of the observations from the fitted curve."""
    step: NDArray[np.float32]
    """Mean absolute change from one clear observation to the next."""
    drop: NDArray[np.float32]
    """Largest fall from one clear observation to the next, at least 0."""
    rise: NDArray[np.float32]
    """Largest rise, at least 0."""


def disturbance(series: NDArray[np.float32], valid: NDArray[np.bool_], fitted: NDArray[np.float64]) -> Disturbance:
    """Return the disturbance metrics of series.

    Parameters
    ----------
    series
        Observations in order of time, shape (t, n); arbitrary where not valid.
    valid
        Clear observations, same shape.
    fitted
        The smooth curve at the same times, same shape.

    Notes
    -----
    Observations are taken in turn, cell by cell in one order, so that no bit depends on the block.
    """
    cells = series.shape[1:]
    squares, total = np.zeros(cells), np.zeros(cells)
    drop, rise = np.zeros(cells), np.zeros(cells)
    seen, pairs = np.zeros(cells, dtype=np.int64), np.zeros(cells, dtype=np.int64)
    last = np.zeros(cells)
    for values, clear, curve in zip(series, valid, fitted, strict=True):
        value = values.astype(np.float64)
        squares += np.where(clear, value - curve, 0.0) ** 2
        both = clear & (seen > 0)
        change = np.where(both, value - last, 0.0)
        total += np.abs(change)
        drop, rise = np.maximum(drop, -change), np.maximum(rise, change)
        pairs += both
        seen += clear
        last = np.where(clear, value, last)
    lone, never = pairs == 0, seen == 0
    return Disturbance(
        residual=np.where(never, np.nan, np.sqrt(squares / np.maximum(seen, 1))).astype(np.float32),
        step=np.where(lone, np.nan, total / np.maximum(pairs, 1)).astype(np.float32),
        drop=np.where(lone, np.nan, drop).astype(np.float32),
        rise=np.where(lone, np.nan, rise).astype(np.float32),
    )
