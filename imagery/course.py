"""Bands and indices followed through the season, as integers of every day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from imagery.spectral import band_sides, spectral_index, sum_side

__all__ = ["INDEX_UNITS", "course", "courses"]

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
    units, (defined,) = courses(values, valid, bands=bands, quantum=quantum, names=(name,))
    return units[:, 0], defined


def courses(
    values: NDArray[np.int16],
    valid: NDArray[np.bool_],
    *,
    bands: Sequence[str],
    quantum: float,
    names: Sequence[str],
) -> tuple[NDArray[np.int16], list[NDArray[np.bool_]]]:
    """Return several bands or indices of every day, with the days on which each is defined; see `course`.

    Returns
    -------
    units
        Shape (t, s, ...).
    defined
        Of each name, shape (t, ...); `valid` itself where it is defined on every clear day.
    """
    units = np.empty((len(valid), len(names), *valid.shape[1:]), dtype=np.int16)
    defined = np.empty((len(names), *valid.shape), dtype=np.bool_)
    plus, minus = band_sides(tuple(names), tuple(bands))
    days = len(valid)
    _differences(
        np.ascontiguousarray(values).reshape(days, len(bands), -1),
        np.ascontiguousarray(valid).reshape(days, -1),
        plus,
        minus,
        np.float32(quantum),
        units.reshape(days, len(names), -1),
        defined.reshape(len(names), days, -1),
    )
    physical: dict[str, NDArray[np.float32]] = {}
    for place, name in enumerate(names):
        if name in bands:
            units[:, place], defined[place] = values[:, list(bands).index(name)], valid
        elif plus[place, 0] < 0:
            physical = physical or {
                band: values[:, layer].astype(np.float32) * np.float32(quantum) for layer, band in enumerate(bands)
            }
            units[:, place], defined[place] = _rounded(spectral_index(name, physical), valid)
    return units, [valid if np.array_equal(one, valid) else one for one in defined]


def _rounded(index: NDArray[np.float32], valid: NDArray[np.bool_]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return an index in whole units, and where it is defined."""
    defined = valid & ~np.isnan(index)
    bounded = np.clip(np.where(defined, index, np.float32(0)), -_LIMIT, _LIMIT)
    return np.rint(bounded * np.float32(INDEX_UNITS)).astype(np.int16), defined


@njit(nogil=True, cache=True, error_model="numpy")
def _differences(values, valid, plus, minus, quantum, units, defined):  # type: ignore[no-untyped-def]
    """Write normalised differences of two sums of bands, in the order of operations of `spectral_index`.

    A row of sides that begins below 0 is left out, and so is what follows it within a row.
    """
    days, bands, cells = values.shape
    physical = np.empty((bands, _TILE), dtype=np.float32)
    one, other = np.empty(_TILE, dtype=np.float32), np.empty(_TILE, dtype=np.float32)
    wanted = np.zeros(bands, dtype=np.bool_)
    for sides in (plus, minus):
        for row in range(len(sides)):
            for place in range(sides.shape[1]):
                if sides[row, place] >= 0:
                    wanted[sides[row, place]] = True
    for day in range(days):
        for start in range(0, cells, _TILE):
            end = min(start + _TILE, cells)
            for band in range(bands):
                if wanted[band]:
                    _physical(values[day, band, start:end], quantum, physical[band])
            for row in range(len(plus)):
                if plus[row, 0] < 0:
                    continue
                for side, total in ((plus[row], one), (minus[row], other)):
                    sum_side(physical, side, total)
                _ratio(one, other, valid[day, start:end], units[day, row, start:end], defined[row, day, start:end])


@njit(nogil=True, cache=True, error_model="numpy")
def _physical(plane, quantum, out):  # type: ignore[no-untyped-def]
    nothing = np.float32(0)
    for c in range(len(plane)):
        out[c] = max(np.float32(plane[c]) * quantum, nothing)


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
