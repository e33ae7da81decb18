"""How restless a cell is through the season: cuts, leaf stripping and clearing that no smooth curve shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Disturbance", "disturbance"]

_TILE = 256  # cells followed at once, so that their sums stay in the first cache


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


def disturbance(
    series: NDArray[np.float32] | NDArray[np.int16], valid: NDArray[np.bool_], fitted: NDArray[np.float64]
) -> Disturbance:
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
    out = np.empty((4, *series.shape[1:]), dtype=np.float32)
    _follow(
        np.ascontiguousarray(series).reshape(len(series), -1),
        np.ascontiguousarray(valid).reshape(len(series), -1),
        np.ascontiguousarray(fitted).reshape(len(series), -1),
        out.reshape(4, -1),
    )
    return Disturbance(residual=out[0], step=out[1], drop=out[2], rise=out[3])


@njit(nogil=True, cache=True, error_model="numpy")
def _follow(series, valid, fitted, out):  # type: ignore[no-untyped-def]
    days, cells = series.shape
    squares, total, drop, rise = np.empty(_TILE), np.empty(_TILE), np.empty(_TILE), np.empty(_TILE)
    last, seen = np.empty(_TILE), np.empty(_TILE)
    for start in range(0, cells, _TILE):
        n = min(_TILE, cells - start)
        for sums in (squares, total, drop, rise, last, seen):
            sums[:] = 0.0
        for day in range(days):
            values, clear = series[day, start : start + n], valid[day, start : start + n]
            curve = fitted[day, start : start + n]
            for c in range(n):
                value = np.float64(values[c])
                away = value - curve[c] if clear[c] else 0.0
                squares[c] += away * away
                change = value - last[c] if clear[c] and seen[c] > 0 else 0.0
                total[c] += abs(change)
                drop[c] = max(drop[c], -change)
                rise[c] = max(rise[c], change)
                seen[c] += 1.0 if clear[c] else 0.0
                last[c] = value if clear[c] else last[c]
        for c in range(n):
            count = seen[c]
            lone, pairs = count < 2, max(count - 1, 1.0)
            out[0, start + c] = np.nan if count == 0 else np.sqrt(squares[c] / max(count, 1.0))
            out[1, start + c] = np.nan if lone else total[c] / pairs
            out[2, start + c] = np.nan if lone else drop[c]
            out[3, start + c] = np.nan if lone else rise[c]
