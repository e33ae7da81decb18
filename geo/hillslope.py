"""Streams, and the hillslopes above them: all ground whose water passes a marked cell's way to the stream.

What changes on a hillslope changes nothing on another one. A figure that is a difference between two covers
therefore needs only the hillslopes on which they differ, taken whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem
from geo.flow import OUTSIDE, FlowNetwork, upstream_cells
from geo.kernel import compiled

__all__ = ["Hillslopes", "gradient_at", "hillslopes", "stream_mask"]

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int32]
Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hillslopes:
    """Cells of some hillslopes, m of them, every cell before the one it drains to."""

    cells: IntArray
    """Number of each cell in the grid, row by row."""
    ahead: IntArray
    """Place in `cells` of the next cell downhill; -1 where that is a stream or the edge, and for stream cells."""
    entry: IntArray
    """Number in the grid of the stream cell that each reaches, or of the outlet at the edge."""
    upslope: IntArray
    """Cells that drain through each, itself counted; a stream cell counts itself alone."""
    step_m: Plane
    """Way to the next cell."""
    on_stream: BoolArray
    """Cells that are part of a stream."""
    cell_area_m2: float


def stream_mask(network: FlowNetwork, *, least_m2: float, rivers: ArrayLike | None = None) -> BoolArray:
    """Return the cells of streams: those with a least catchment, known rivers, and all that lies below either.

    Parameters
    ----------
    network
        Flow network of n cells.
    least_m2
        Catchment at which a stream begins; an area, so that it means the same on any cell size.
    rivers
        Mask of known rivers, shape (height, width).

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    InputError
        If the area is not above 0, or the mask has another shape.
    """
    if not 0 < least_m2 < np.inf:
        raise InputError(Problem("stream area", f"{least_m2} m2", "an area above 0"))
    stream = upstream_cells(network) * network.cell_area_m2 >= least_m2
    if rivers is not None:
        known = np.asarray(rivers)
        if known.shape != network.shape:
            raise InputError(Problem("rivers", f"shape {known.shape}", f"{network.shape}", "warp them to the grid"))
        stream |= known.reshape(-1).astype(bool) & (network.downstream != OUTSIDE)
    _carry_downstream(network.downstream, network.order, stream)
    return np.asarray(stream)


def hillslopes(network: FlowNetwork, stream: BoolArray, marked: ArrayLike) -> Hillslopes:
    """Return the whole hillslopes that hold a marked cell, and the marked cells of streams by themselves.

    Parameters
    ----------
    network
        Flow network of n cells.
    stream
        Cells of streams, shape (n,), as of `stream_mask`.
    marked
        Mask, shape (height, width) or (n,).

    Raises
    ------
    InputError
        If a marked cell has no elevation, for its water cannot be followed.
    """
    mark = np.asarray(marked, dtype=np.bool_).reshape(-1)
    lost = int((mark & (network.downstream == OUTSIDE)).sum())
    if lost:
        found = f"{lost} cells of the analysis without elevation"
        raise InputError(Problem("elevation", found, "a height in each", "use an elevation that covers the area"))
    root = _foot_of_slope(network.downstream, network.order, stream)
    touched = np.zeros(mark.size, dtype=np.bool_)
    touched[root[mark]] = True
    cells = network.order[touched[root[network.order]] & (~stream | mark)[network.order]]
    entry = network.downstream[root[cells]]
    place = root  # its memory is used again
    place[:] = -1
    place[cells] = np.arange(cells.size, dtype=np.int32)
    below = network.downstream[cells]
    on_stream = stream[cells]
    leaves = on_stream | stream[below] | (below == cells)
    ahead = np.where(leaves, np.int32(-1), place[below]).astype(np.int32)
    entry = np.where(on_stream, cells, entry).astype(np.int32)
    upslope = np.ones(cells.size, dtype=np.int32)
    _count_upslope(ahead, upslope)
    return Hillslopes(cells, ahead, entry, upslope, network.step_m(cells), on_stream, network.cell_area_m2)


def gradient_at(
    elevation_m: NDArray[np.float32], cells: IntArray, cell_m: tuple[float, float]
) -> tuple[Plane, Plane]:
    """Return the rise of the ground towards east and north at some cells, metres per metre, each shape (m,).

    Horn's weights as in `geo.terrain`. Where a neighbour has no elevation, or lies beyond the grid, the ground is
    carried on from the other side, so that a plane stays one up to its edge.

    Parameters
    ----------
    elevation_m
        Shape (height, width), NaN where there is none.
    cells
        Numbers of cells that have elevation, shape (m,).
    cell_m
        Width and height of a cell.
    """
    ground = np.ascontiguousarray(elevation_m, dtype=np.float32)
    east, north = np.empty(cells.size, dtype=np.float32), np.empty(cells.size, dtype=np.float32)
    _gradient_at(ground, cells, cell_m[0], cell_m[1], east, north)
    return east, north


@compiled
def _carry_downstream(downstream: Any, order: Any, stream: Any) -> None:
    for place in range(order.size):
        cell = order[place]
        if stream[cell]:
            stream[downstream[cell]] = True


@compiled
def _foot_of_slope(downstream: Any, order: Any, stream: Any) -> Any:
    """Return the last cell on each cell's way before a stream or the edge; a stream cell is its own."""
    root = np.empty(downstream.size, dtype=np.int32)
    root[:] = -1
    for place in range(order.size - 1, -1, -1):
        cell = order[place]
        ahead = downstream[cell]
        root[cell] = cell if stream[cell] or ahead == cell or stream[ahead] else root[ahead]
    return root


@compiled
def _count_upslope(ahead: Any, count: Any) -> None:
    for place in range(ahead.size):
        if ahead[place] >= 0:
            count[ahead[place]] += count[place]


@compiled
def _gradient_at(ground: Any, cells: Any, cell_width_m: float, cell_height_m: float, east: Any, north: Any) -> None:
    height, width = ground.shape
    near = np.empty((3, 3))
    for place in range(cells.size):
        row, col = cells[place] // width, cells[place] % width
        middle = np.float64(ground[row, col])
        for down in range(3):
            for right in range(3):
                r, c = row + down - 1, col + right - 1
                inside = 0 <= r < height and 0 <= c < width
                near[down, right] = ground[r, c] if inside else np.nan
        for down, right in ((0, 1), (1, 0), (1, 2), (2, 1)):
            if np.isnan(near[down, right]):
                r, c = row + 1 - down, col + 1 - right
                inside = 0 <= r < height and 0 <= c < width
                other = np.float64(ground[r, c]) if inside else np.nan
                near[down, right] = middle if np.isnan(other) else 2 * middle - other
        for down in (0, 2):
            for right in (0, 2):
                if np.isnan(near[down, right]):
                    near[down, right] = near[down, 1] + near[1, right] - middle
        rise_east = (near[0, 2] + 2 * near[1, 2] + near[2, 2]) - (near[0, 0] + 2 * near[1, 0] + near[2, 0])
        rise_north = (near[0, 0] + 2 * near[0, 1] + near[0, 2]) - (near[2, 0] + 2 * near[2, 1] + near[2, 2])
        east[place] = rise_east / (8 * cell_width_m)
        north[place] = rise_north / (8 * cell_height_m)
