"""Overviews of a raster: levels of half the size each, for programs that show it from afar.

They are made by compiled loops that let other threads work. GDAL would make them itself, which takes several times
as long.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Summary", "halved"]

Summary = Literal["average", "mode", "nearest"]
"""What stands for four cells: their mean, the value that most of them have (the first where they tie), or the upper
left one."""


def halved(cells: NDArray[Any], summary: Summary, nodata: float | None = None) -> NDArray[Any]:
    """Return a raster at half its size.

    Parameters
    ----------
    cells
        Shape (h, w).
    summary
        What stands for four cells.
    nodata
        Value of cells that hold nothing; NaN holds nothing in any case. Four of them give one.

    Returns
    -------
    ndarray, shape (ceil(h / 2), ceil(w / 2))
        A mean of integers is rounded, halves upwards. At the edge of an odd side two cells or one stand for four.

    Examples
    --------
    >>> halved(np.array([[1, 2, 7], [4, 9, 9]]), "average", nodata=9).tolist()
    [[2, 7]]
    >>> halved(np.array([[1, 2, 7], [4, 2, 9]]), "mode").tolist()
    [[2, 7]]
    """
    if summary == "nearest":
        return np.ascontiguousarray(cells[::2, ::2])
    cells = np.ascontiguousarray(cells)
    out = np.empty((-(-cells.shape[0] // 2), -(-cells.shape[1] // 2)), dtype=cells.dtype)
    if cells.dtype.kind == "f":
        empty = np.float64(np.nan) if nodata is None else np.float64(cells.dtype.type(nodata))
    else:
        whole = nodata is not None and float(nodata).is_integer() and _holds(cells.dtype, nodata)
        empty = np.float64(nodata) if whole and nodata is not None else np.float64(np.nan)
    if summary == "mode":
        _modes(cells, empty, out)
    else:
        _means(cells, empty, cells.dtype.kind != "f", out)
    return out


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    """Say whether a type of integers has a value."""
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max


@njit(nogil=True, cache=True)
def _means(cells, empty, whole, out):  # type: ignore[no-untyped-def]
    """Write the means of known cells; cells beyond an odd edge are those at the edge, which changes no mean."""
    height, width = cells.shape
    corner = np.empty((2, 2), dtype=cells.dtype)
    for row in range(out.shape[0]):
        top, bottom = cells[2 * row], cells[min(2 * row + 1, height - 1)]
        _mean_row(top, bottom, empty, whole, out[row, : width // 2])
        if width % 2:
            corner[0, :] = top[width - 1]
            corner[1, :] = bottom[width - 1]
            _mean_row(corner[0], corner[1], empty, whole, out[row, width // 2 :])


@njit(nogil=True, cache=True)
def _mean_row(top, bottom, empty, whole, out):  # type: ignore[no-untyped-def]
    for c in range(len(out)):
        a, b = np.float64(top[2 * c]), np.float64(top[2 * c + 1])
        d, e = np.float64(bottom[2 * c]), np.float64(bottom[2 * c + 1])
        has_a, has_b = (a != empty) & (a == a), (b != empty) & (b == b)
        has_d, has_e = (d != empty) & (d == d), (e != empty) & (e == e)
        known = np.float64(has_a) + np.float64(has_b) + np.float64(has_d) + np.float64(has_e)
        total = (a if has_a else 0.0) + (b if has_b else 0.0) + (d if has_d else 0.0) + (e if has_e else 0.0)
        mean = total / max(known, 1.0)
        rounded = np.floor(mean + 0.5) if whole else mean
        out[c] = rounded if known > 0 else a


@njit(nogil=True, cache=True)
def _modes(cells, empty, out):  # type: ignore[no-untyped-def]
    """Write the values that most known cells have; doubling those at an odd edge changes none."""
    height, width = cells.shape
    for row in range(out.shape[0]):
        up, down = 2 * row, min(2 * row + 1, height - 1)
        for col in range(out.shape[1]):
            left, right = 2 * col, min(2 * col + 1, width - 1)
            a, b, d, e = cells[up, left], cells[up, right], cells[down, left], cells[down, right]
            if a == b and a == d and a == e:
                out[row, col] = a
                continue
            best, most = a, 0
            for value in (a, b, d, e):
                votes = 0
                if np.float64(value) != empty:
                    votes = int(value == a) + int(value == b) + int(value == d) + int(value == e)
                if votes > most:
                    best, most = value, votes
            out[row, col] = best
