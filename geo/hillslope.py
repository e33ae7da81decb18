"""Streams, and the hillslopes above them: the ground that some marked cells have a bearing on.

What changes on a hillslope changes nothing on another one, and on its own only what lies above and below. A figure
that is a difference between two covers therefore needs that ground alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem
from geo.flow import OUTSIDE, FlowNetwork, heads_first, outlets_first, upstream_cells
from geo.kernel import compiled

__all__ = [
    "Hillslopes",
    "Tributaries",
    "gradient_at",
    "hillslopes",
    "mean_upslope",
    "stream_mask",
    "tributaries",
]

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int32]
Plane = NDArray[np.float32]
_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True)
class Hillslopes:
    """Cells of some hillslopes, m of them: slope after slope, in each every cell before the one it drains to."""

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

    def pieces(self, least: int = 16_384) -> NDArray[np.int64]:
        """Return the edges of pieces of whole slopes, so that a pass needs memory for the largest of them alone.

        Piece i holds the places ``edges[i]`` to ``edges[i + 1]``; no cell drains from one into another.

        Parameters
        ----------
        least
            Cells of a piece, more or less.
        """
        ends = np.flatnonzero(self.ahead < 0) + 1
        last = np.r_[np.diff(ends // least) > 0, np.ones(min(ends.size, 1), dtype=np.bool_)]
        return np.asarray(np.r_[0, ends[last]], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Tributaries:
    """Ground that drains into some hillslopes and is no part of them, counted where it comes in."""

    places: IntArray
    """Places in the hillslopes, ascending, shape (j,)."""
    counts: IntArray
    """Cells of each class that come in there, shape (j, classes)."""

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of a value of each class over what comes in, shape (j,)."""
        total = np.zeros(self.places.size)
        for code, value in enumerate(values):
            total += self.counts[:, code] * value
        return total


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
    above, stream = upstream_cells(network), np.empty(network.downstream.size, dtype=np.bool_)
    for start in range(0, above.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        stream[part] = above[part] * network.cell_area_m2 >= least_m2
    del above
    if rivers is not None:
        known = np.asarray(rivers)
        if known.shape != network.shape:
            raise InputError(Problem("rivers", f"shape {known.shape}", f"{network.shape}", "warp them to the grid"))
        stream |= known.reshape(-1).astype(bool) & (network.downstream != OUTSIDE)
    _carry_downstream(network.downstream, stream)
    return np.asarray(stream)


def hillslopes(network: FlowNetwork, stream: BoolArray, marked: ArrayLike, *, whole: bool = False) -> Hillslopes:
    """Return the marked cells, all cells above them and all below them down to the stream.

    Nothing that differs at the marked cells alone makes a difference elsewhere: what comes in from the sides is the
    same (`tributaries`), and neither its way down nor what lies above it holds a marked cell.

    Parameters
    ----------
    network
        Flow network of n cells.
    stream
        Cells of streams, shape (n,), as of `stream_mask`.
    marked
        Mask, shape (height, width) or (n,).
    whole
        Whether to take the slopes that hold a marked cell whole, with what comes in from the sides.

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
    root = _foot_of_slope(network.downstream, stream)
    if whole:
        touched = np.zeros(mark.size, dtype=np.bool_)
        touched[root[mark]] = True
        keep = touched[root] & (root >= 0) & (~stream | mark)
    else:
        keep = np.zeros(mark.size, dtype=np.bool_)
        _keep_ways(network.downstream, stream, mark, keep)
    cells = network.ordered(keep)
    del keep, mark
    cells = cells[np.argsort(root[cells], kind="stable")]  # slope after slope, so that passes stay in near memory
    entry = network.downstream[root[cells]]
    place = root  # its memory is used again
    place[:] = -1
    place[cells] = np.arange(cells.size, dtype=np.int32)
    below = network.downstream[cells]
    on_stream = stream[cells]
    leaves = on_stream | stream[below] | (below == cells)
    ahead = np.where(leaves, np.int32(-1), place[below]).astype(np.int32)
    entry = np.where(on_stream, cells, entry).astype(np.int32)
    del place, root
    upslope = np.where(on_stream, 1, upstream_cells(network)[cells]).astype(np.int32)
    return Hillslopes(cells, ahead, entry, upslope, network.step_m(cells), on_stream, network.cell_area_m2)


def tributaries(
    network: FlowNetwork, stream: BoolArray, hill: Hillslopes, code: NDArray[np.integer], classes: int
) -> Tributaries:
    """Return the ground above the cells of some hillslopes that is no part of them, counted by class.

    Parameters
    ----------
    network, stream
        What the hillslopes were taken from.
    hill
        Hillslopes of m cells.
    code
        Class of each cell of the grid, 0 to `classes` - 1, shape (height, width); below 0 where it is not known.
    classes
        Number of classes.

    Raises
    ------
    InputError
        If the class of a counted cell is not known.
    """
    place = _ways_in(network, stream, hill)
    joined = np.zeros(hill.cells.size, dtype=np.bool_)
    of = np.ascontiguousarray(code).reshape(-1)
    unknown = _mark_joins(place, of, joined)
    if unknown:
        found = f"{unknown} cells without a class above the crop"
        raise InputError(Problem("land cover", found, "one in each", "use a map that covers the whole catchment"))
    joins = np.flatnonzero(joined).astype(np.int32)
    index = np.zeros(hill.cells.size, dtype=np.int32)
    index[joins] = np.arange(joins.size, dtype=np.int32)
    counts = np.zeros((joins.size, classes), dtype=np.int32)
    _count_joins(place, of, index, counts)
    return Tributaries(joins, counts)


def mean_upslope(
    network: FlowNetwork,
    stream: BoolArray,
    hill: Hillslopes,
    values: ArrayLike | Callable[[IntArray], ArrayLike],
    *,
    chunk: int = _CHUNK,
) -> Plane:
    """Return the mean of values over each cell and all above it, shape (m,); of a stream cell its own.

    Parameters
    ----------
    network, stream, hill
        As of `tributaries`.
    values
        Shape (height, width) or (n,), or a function that gives those at numbered cells, so that no whole grid is
        held; missing ones are told, none counts as zero.
    chunk
        Cells that are asked for at once.
    """

    def at(cells: IntArray) -> NDArray[np.float64]:
        found = values(cells) if callable(values) else np.asarray(values).reshape(-1)[cells]
        return np.asarray(found, dtype=np.float64)

    total = np.empty(hill.cells.size)
    for start in range(0, total.size, chunk):
        total[start : start + chunk] = at(hill.cells[start : start + chunk])
    own = total[hill.on_stream]
    place = _ways_in(network, stream, hill)
    for start in range(0, place.size, chunk):
        beside = (start + np.flatnonzero(place[start : start + chunk] < -1)).astype(np.int32)
        np.add.at(total, -2 - place[beside], at(beside))
    _sum_ahead(hill.ahead, total)
    total /= hill.upslope
    total[hill.on_stream] = own
    if not np.isfinite(total).all():
        raise InputError(Problem("hillslopes", "a missing value above the crop", "one in each cell"))
    return total.astype(np.float32)


def _ways_in(network: FlowNetwork, stream: BoolArray, hill: Hillslopes) -> IntArray:
    """Return for each cell of the grid its place in the hillslopes, or -2 less the place it drains to, or -1."""
    place = np.full(network.downstream.size, -1, dtype=np.int32)
    place[hill.cells[~hill.on_stream]] = np.flatnonzero(~hill.on_stream).astype(np.int32)
    _lead_down(network.downstream, stream, place)
    return place


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
def _carry_downstream(downstream: Any, stream: Any) -> None:
    for cell in heads_first(downstream):
        if stream[cell]:
            stream[downstream[cell]] = True


@compiled
def _foot_of_slope(downstream: Any, stream: Any) -> Any:
    """Return the last cell on each cell's way before a stream or the edge; a stream cell is its own."""
    root = np.empty(downstream.size, dtype=np.int32)
    root[:] = -1
    for cell in outlets_first(downstream):
        ahead = downstream[cell]
        root[cell] = cell if stream[cell] or ahead == cell or stream[ahead] else root[ahead]
    return root


@compiled
def _keep_ways(downstream: Any, stream: Any, marked: Any, keep: Any) -> None:
    """Keep marked cells, what lies below them on their slope, and what lies above them."""
    for cell in heads_first(downstream):
        if marked[cell]:
            keep[cell] = True
        ahead = downstream[cell]
        if keep[cell] and not stream[cell] and not stream[ahead]:
            keep[ahead] = True
    above = np.zeros(downstream.size, dtype=np.bool_)
    for cell in outlets_first(downstream):
        ahead = downstream[cell]
        above[cell] = marked[cell] or (not stream[cell] and not stream[ahead] and above[ahead])
        if above[cell] and (marked[cell] or not stream[cell]):
            keep[cell] = True


@compiled
def _lead_down(downstream: Any, stream: Any, place: Any) -> None:
    """Write -2 less the place of the first kept cell below into each cell that is left out, -1 where none is."""
    for cell in outlets_first(downstream):
        ahead = downstream[cell]
        if place[cell] >= 0 or stream[cell] or ahead == cell or stream[ahead]:
            continue
        if place[ahead] >= 0:
            place[cell] = -2 - place[ahead]
        elif place[ahead] < -1:
            place[cell] = place[ahead]


@compiled
def _mark_joins(place: Any, code: Any, joined: Any) -> Any:
    """Mark the places at which something comes in; return how many of the cells that do have no class."""
    unknown = 0
    for cell in range(place.size):
        if place[cell] < -1:
            joined[-2 - place[cell]] = True
            unknown += code[cell] < 0
    return unknown


@compiled
def _count_joins(place: Any, code: Any, index: Any, counts: Any) -> None:
    for cell in range(place.size):
        if place[cell] < -1:
            counts[index[-2 - place[cell]], code[cell]] += 1


@compiled
def _sum_ahead(ahead: Any, total: Any) -> None:
    for place in range(ahead.size):
        if ahead[place] >= 0:
            total[ahead[place]] += total[place]


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
