"""How much of each cell of a grid a polygon covers, exactly, and what that adds up to by class.

Each edge of a polygon leaves in every row that it crosses the height it climbs there, and in the cell it crosses
the part of it that lies to the right; summed along the row these are the covered parts. Holes run the other way
round than outer rings, so that they take away what they hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

__all__ = ["covered_sums"]


def covered_sums(
    polygons: NDArray[Any], values: NDArray[np.uint8], weight: NDArray[np.float64], classes: int
) -> NDArray[np.float64]:
    """Return for each polygon the sum over cells of covered part times weight, by class.

    Parameters
    ----------
    polygons
        Valid shapely polygons in cells: x from the left edge of the grid, y from its upper edge downwards (n);
        empty and missing ones cover nothing.
    values
        Class of each cell, shape (h, w); those from `classes` on count for nothing.
    weight
        Weight of each cell, shape (h, w), or (h, 1) where a row has one weight.
    classes
        Number of classes k.

    Returns
    -------
    ndarray, shape (n, k)

    Notes
    -----
    Exact but for rounding (about 1e-12 of a cell): no cell is cut into smaller ones.

    References
    ----------
    Signed areas of edges, summed along rows, as in the scan conversion of outline fonts: Levien, R. (2016), the
    accumulation buffer of font-rs. Sums per polygon are taken in one order, row by row.
    """
    # The left side of an outer ring is to climb, from a lower to a higher y
    oriented = shapely.orient_polygons(polygons, exterior_cw=True)
    parts, owner = shapely.get_parts(oriented, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    of_polygon = owner[part]
    first_point = np.searchsorted(ring, np.arange(len(rings) + 1))
    first_ring = np.searchsorted(of_polygon, np.arange(len(polygons) + 1))
    out = np.zeros((len(polygons), classes))
    _sums(points, first_point, first_ring, np.ascontiguousarray(values), np.ascontiguousarray(weight), out)
    return out


@njit(nogil=True, cache=True, error_model="numpy")
def _sums(points, first_point, first_ring, values, weight, out):  # type: ignore[no-untyped-def]
    height, width = values.shape
    for polygon in range(len(out)):
        start, end = first_point[first_ring[polygon]], first_point[first_ring[polygon + 1]]
        if start == end:
            continue
        left, right = points[start:end, 0].min(), points[start:end, 0].max()
        top, bottom = points[start:end, 1].min(), points[start:end, 1].max()
        if right <= 0 or left >= width or bottom <= 0 or top >= height:
            continue
        row0, row1 = max(int(np.floor(top)), 0), min(int(np.ceil(bottom)), height)
        col0, col1 = max(int(np.floor(left)), 0), min(int(np.ceil(right)), width)
        part = np.zeros((row1 - row0, col1 - col0 + 1))
        for ring in range(first_ring[polygon], first_ring[polygon + 1]):
            for point in range(first_point[ring], first_point[ring + 1] - 1):
                _edge(
                    points[point, 0] - col0,
                    points[point, 1] - row0,
                    points[point + 1, 0] - col0,
                    points[point + 1, 1] - row0,
                    part,
                )
        for row in range(row1 - row0):
            covered = 0.0
            for col in range(col1 - col0):
                covered += part[row, col]
                code = values[row0 + row, col0 + col]
                if covered != 0.0 and code < out.shape[1]:
                    across = col0 + col if weight.shape[1] > 1 else 0
                    out[polygon, code] += covered * weight[row0 + row, across]


@njit(nogil=True, cache=True, error_model="numpy")
def _edge(x0, y0, x1, y1, part):  # type: ignore[no-untyped-def]
    """Leave what an edge from (x0, y0) to (x1, y1) covers in every row that it crosses."""
    if y0 == y1:
        return
    sign = 1.0
    if y0 > y1:
        x0, y0, x1, y1, sign = x1, y1, x0, y0, -1.0
    rows = part.shape[0]
    slope = (x1 - x0) / (y1 - y0)
    for row in range(max(int(np.floor(y0)), 0), min(int(np.ceil(y1)), rows)):
        upper, lower = max(y0, float(row)), min(y1, row + 1.0)
        if lower <= upper:
            continue
        # The ends themselves where the edge ends, so that edges that share one share it to the bit
        at_upper = x0 if upper == y0 else x0 + (upper - y0) * slope
        at_lower = x1 if lower == y1 else x0 + (lower - y0) * slope
        _row(min(at_upper, at_lower), max(at_upper, at_lower), sign * (lower - upper), part[row])


@njit(nogil=True, cache=True, error_model="numpy")
def _row(left, right, climb, line):  # type: ignore[no-untyped-def]
    """Share the climb of an edge within one row among the cells between its ends, and all of it to their right."""
    last = len(line) - 1
    if right <= 0.0:
        line[0] += climb
        return
    if left >= last:
        line[last] += climb
        return
    first = int(np.floor(max(left, 0.0)))
    if right <= first + 1.0 and left >= 0.0:
        inside = climb * (first + 1.0 - 0.5 * (left + right))
        line[first] += inside
        line[min(first + 1, last)] += climb - inside
        return
    per_cell = climb / (right - left)
    # What climbs before the grid begins covers all of its row
    carried = per_cell * max(0.0 - left, 0.0)
    line[first] += carried
    given = carried
    before = 0.0
    for col in range(first, min(int(np.ceil(right)), last)):
        start, end = max(left, float(col)), min(right, col + 1.0)
        rise = per_cell * (end - start)
        inside = rise * (col + 1.0 - 0.5 * (start + end))
        line[col] += before + inside
        given += before + inside
        before = rise - inside
    line[min(int(np.ceil(right)), last)] += climb - given
