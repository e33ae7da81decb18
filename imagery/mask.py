"""Which cells of a scene are usable: mask classes or bits, no-data, and the growth of clouds and shadows."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from imagery.sensor import MaskRule

__all__ = ["Disk", "disk", "flagged", "grow", "without_specks"]

_FEW = 16  # classes that fit the bits of an integer
Disk = tuple[tuple[int, int], ...]
"""Row offset and half width in columns of every row of a disk."""


def flagged(mask: NDArray[np.integer], rule: MaskRule, entries: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the cells whose mask value is one of `entries` (classes) or has one of them set (bits).

    Parameters
    ----------
    mask
        Mask band, any shape.
    rule
        Says whether it holds classes or bits.
    entries
        Class codes or bit numbers.

    Examples
    --------
    >>> from imagery.sensor import load_sensor
    >>> rule = load_sensor("sentinel-2-l2a").mask
    >>> flagged(np.array([0, 1, 4, 9, 5], dtype=np.uint8), rule, rule.invalid).tolist()
    [True, True, False, True, False]
    """
    if rule.kind == "bits":
        bits = sum(1 << bit for bit in entries)
        return np.asarray((mask & mask.dtype.type(bits)) != 0)
    if mask.dtype == np.uint8 and max(entries, default=0) < _FEW:
        # A shift of the set of classes is several times faster than a look-up; one by too much leaves nothing
        known = np.right_shift(np.uint16(sum(1 << code for code in set(entries))), mask)
        return np.asarray((known & np.uint16(1)) != 0)
    if mask.dtype == np.uint8:
        # One look-up in a table of 256 is several times faster than a search among the classes
        table = np.zeros(256, dtype=np.bool_)
        table[list(entries)] = True
        return np.asarray(np.take(table, mask))
    return np.isin(mask, entries)


def disk(radius_m: float, cell_m: tuple[float, float]) -> Disk:
    """Return the rows of a disk of cells whose centres lie within `radius_m` of the middle one.

    Parameters
    ----------
    radius_m
        Radius in metres.
    cell_m
        Height and width of a cell, metres.

    Examples
    --------
    >>> disk(20.0, (10.0, 10.0))
    ((-2, 0), (-1, 1), (0, 2), (1, 1), (2, 0))
    """
    reach = int(radius_m / cell_m[0] + 1e-9)
    rows = []
    for row in range(-reach, reach + 1):
        left = max(radius_m**2 - (row * cell_m[0]) ** 2, 0.0) ** 0.5
        rows.append((row, int(left / cell_m[1] + 1e-9)))
    return tuple(rows)


def grow(cells: NDArray[np.bool_], shape: Disk) -> NDArray[np.bool_]:
    """Return the cells within a disk of any true cell.

    Parameters
    ----------
    cells
        Shape (h + 2 rows, w + 2 columns), with the reach of the disk around the part asked for.
    shape
        The disk, from `disk`.

    Returns
    -------
    ndarray of bool, shape (h, w)
        Each cell depends on its surroundings alone, so the result is the same for any division into blocks.
    """
    reach_rows, reach_cols = shape[-1][0], max(half for _, half in shape)
    height, width = cells.shape[0] - 2 * reach_rows, cells.shape[1] - 2 * reach_cols
    out = np.zeros((height, width), dtype=np.bool_)
    if not cells.any():
        return out
    _grow(np.ascontiguousarray(cells), np.array(shape, dtype=np.int64), out)
    return out


def without_specks(cells: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Return the cells that belong to some full square of ``side`` cells (a morphological opening).

    Parameters
    ----------
    cells
        Shape (h + 2 (side - 1), w + 2 (side - 1)): the part asked for with what lies around it.
    side
        Side of the square; 1 changes nothing.

    Returns
    -------
    ndarray of bool, shape (h, w)
        Single bright roofs and other specks of a mask are gone, so that they are not grown into holes.
    """
    if side == 1 or not cells.any():
        rim = side - 1
        return cells[rim : cells.shape[0] - rim, rim : cells.shape[1] - rim]
    height, width = cells.shape[0] - side + 1, cells.shape[1] - side + 1
    out = np.empty((height - side + 1, width - side + 1), dtype=np.bool_)
    full = np.empty((height, width), dtype=np.bool_)
    _squares(np.ascontiguousarray(cells), side, side * side, full)
    _squares(full, side, 1, out)
    return out


@njit(nogil=True, cache=True)
def _grow(cells, shape, out):  # type: ignore[no-untyped-def]
    """Say which cells have a true one in reach: how far along each row the next true cell is, row by row."""
    reach_rows, reach_cols = shape[-1, 0], 0
    for row in range(len(shape)):
        reach_cols = max(reach_cols, shape[row, 1])
    height, width = out.shape
    wide = cells.shape[1]
    away = np.empty(wide, dtype=np.int64)
    for row in range(cells.shape[0]):
        line = cells[row]
        if not line.any():
            continue
        far = wide
        for col in range(wide):
            far = 0 if line[col] else far + 1
            away[col] = far
        far = wide
        for col in range(wide - 1, -1, -1):
            far = 0 if line[col] else far + 1
            away[col] = min(away[col], far)
        for part in range(len(shape)):
            to, half = row - reach_rows - shape[part, 0], shape[part, 1]
            if 0 <= to < height:
                target, near = out[to], away[reach_cols : reach_cols + width]
                for col in range(width):
                    target[col] |= near[col] <= half


@njit(nogil=True, cache=True)
def _squares(cells, side, least, out):  # type: ignore[no-untyped-def]
    """Say which squares of `side` cells hold at least `least` true ones."""
    width = out.shape[1]
    columns = np.zeros(cells.shape[1], dtype=np.int32)
    for row in range(cells.shape[0]):
        for col in range(len(columns)):
            columns[col] += np.int32(cells[row, col])
        if row >= side:
            for col in range(len(columns)):
                columns[col] -= np.int32(cells[row - side, col])
        if row >= side - 1:
            target = out[row - side + 1]
            sums = np.zeros(width, dtype=np.int32)
            for right in range(side):
                part = columns[right : right + width]
                for col in range(width):
                    sums[col] += part[col]
            for col in range(width):
                target[col] = sums[col] >= least
