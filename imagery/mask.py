"""Which cells of a scene are usable: mask classes or bits, no-data, and the growth of clouds and shadows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.sensor import MaskRule

__all__ = ["Disk", "disk", "flagged", "grow", "without_specks"]

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
    if mask.dtype == np.uint8:
        # One look-up in a table of 256 is several times faster than a search among the classes
        table = np.zeros(256, dtype=np.bool_)
        table[list(entries)] = True
        return np.asarray(table[mask])
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
    # Running sums along rows: a window holds a true cell when its two ends differ
    sums = np.zeros((cells.shape[0], cells.shape[1] + 1), dtype=np.int32)
    np.cumsum(cells, axis=1, out=sums[:, 1:])
    for row, half in shape:
        line = sums[reach_rows + row : reach_rows + row + height]
        right = line[:, reach_cols + half + 1 : reach_cols + half + 1 + width]
        out |= right != line[:, reach_cols - half : reach_cols - half + width]
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
    full = _window_sums(cells, side) == side * side
    return _window_sums(full, side) > 0


def _window_sums(cells: NDArray[np.bool_], side: int) -> NDArray[np.int32]:
    """Return the true cells in every square of ``side`` cells, shape (h - side + 1, w - side + 1)."""
    sums = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), dtype=np.int32)
    np.cumsum(np.cumsum(cells, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    return np.asarray(sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side])
