"""A band or index followed through the season, as integers of every day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from imagery.spectral import INDICES, spectral_index

__all__ = ["INDEX_UNITS", "course"]

INDEX_UNITS = 10_000
"""Units per 1 of an index held as an integer; steps of 0.0001 are far below its noise."""
_TILE = 512  # cells handled at once, so that both sides stay in the first cache
_LIMIT = 3.0  # indices beyond this are noise of nearly dark cells; 3 * INDEX_UNITS fits int16


def course(
    values: NDArray[np.int16], valid: NDArray[np.bool_], *, bands: Sequence[str], quantum: float, name: str
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return a band or index of every day, with the days on which it is defined.

    Parameters
    ----------
    values
        Physical values in units of `quantum`, shape (t, b, ...).
    valid
        Clear observations, shape (t, ...).
    bands
        Common names of the bands (b).
    quantum
        Physical value of one unit.
    name
        A band, in its own units, or an index, in `INDEX_UNITS`.

    Returns
    -------
    units, defined
        Shape (t, ...).
    """
    if name in bands:
        return values[:, list(bands).index(name)], valid
    sides = INDICES[name].sides
    if sides is None:
        physical = {
            band: values[:, layer].astype(np.float32) * np.float32(quantum) for layer, band in enumerate(bands)
        }
        index = spectral_index(name, physical)
        defined = valid & ~np.isnan(index)
        bounded = np.clip(np.where(defined, index, np.float32(0)), -_LIMIT, _LIMIT)
        return np.rint(bounded * np.float32(INDEX_UNITS)).astype(np.int16), defined
    plus, minus = (np.array([list(bands).index(band) for band in side], dtype=np.int64) for side in sides)
    units, defined = np.empty(valid.shape, dtype=np.int16), np.empty(valid.shape, dtype=np.bool_)
    days = len(valid)
    _difference(
        np.ascontiguousarray(values).reshape(days, len(bands), -1),
        np.ascontiguousarray(valid).reshape(days, -1),
        plus,
        minus,
        np.float32(quantum),
        units.reshape(days, -1),
        defined.reshape(days, -1),
    )
    return units, defined


@njit(nogil=True, cache=True, error_model="numpy")
def _difference(values, valid, plus, minus, quantum, units, defined):  # type: ignore[no-untyped-def]
    """Write the normalised difference of two sums of bands, in the order of operations of `spectral_index`."""
    days, cells = valid.shape
    one, other = np.empty(_TILE, dtype=np.float32), np.empty(_TILE, dtype=np.float32)
    for day in range(days):
        for start in range(0, cells, _TILE):
            end = min(start + _TILE, cells)
            for side, total in ((plus, one), (minus, other)):
                total[:] = np.float32(0)
                for place in range(len(side)):
                    _add(values[day, side[place], start:end], quantum, total)
            _ratio(one, other, valid[day, start:end], units[day, start:end], defined[day, start:end])


@njit(nogil=True, cache=True, error_model="numpy")
def _add(plane, quantum, total):  # type: ignore[no-untyped-def]
    nothing = np.float32(0)
    for c in range(len(plane)):
        total[c] += max(np.float32(plane[c]) * quantum, nothing)


@njit(nogil=True, cache=True, error_model="numpy")
def _ratio(one, other, valid, units, defined):  # type: ignore[no-untyped-def]
    nothing, least, most = np.float32(0), np.float32(-_LIMIT), np.float32(_LIMIT)
    whole, safe = np.float32(INDEX_UNITS), np.float32(1)
    for c in range(len(valid)):
        below = one[c] + other[c]
        there = valid[c] & (below != nothing)
        index = (one[c] - other[c]) / (below if below != nothing else safe)
        bounded = min(max(index, least), most)
        units[c] = np.int16(np.rint(bounded * whole)) if there else np.int16(0)
        defined[c] = there
