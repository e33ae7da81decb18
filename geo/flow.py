"""Where water goes: pits filled, eight directions, accumulation, basins; the one module that knows pyflwdir.

The grid is taken whole. A basin is never cut by a block, because a cell's upslope area is wrong as soon as one is.
Cells are numbered row by row; arrays over cells are flat, shape (height * width,), unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem
from geo.kernel import compiled, compiled_walk
from geo.terrain import cell_size_m

if TYPE_CHECKING:
    from geo.grid import GeoBox

__all__ = [
    "OUTSIDE",
    "FlowNetwork",
    "accumulate",
    "basins",
    "fill_pits",
    "flow_network",
    "heads_first",
    "network_of_directions",
    "outlets_first",
    "route",
    "sub_basins",
    "upstream_cells",
]

OUTSIDE = -1
"""Downstream cell of a cell that has no elevation."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
_MOST_CELLS = 2**31 - 1
_SUNK_M = 20.0


@dataclass(frozen=True, slots=True)
class FlowNetwork:
    """Which cell each cell drains to; no array of an order is held, since walks find one as they go."""

    shape: tuple[int, int]
    """Height and width of the grid."""
    cell_m: tuple[float, float]
    """Width and height of a cell."""
    downstream: IntArray
    """Number of the cell that each cell drains to: itself at an outlet, `OUTSIDE` where there is no elevation."""

    @property
    def cell_area_m2(self) -> float:
        """Area of a cell on the grid's plane."""
        return self.cell_m[0] * self.cell_m[1]

    @property
    def outlets(self) -> IntArray:
        """Cells from which water leaves the grid, ascending."""
        return np.asarray(_outlets(self.downstream))

    def ordered(self, wanted: NDArray[np.bool_]) -> IntArray:
        """Return the cells of a mask, shape (n,), every cell before the one it drains to."""
        found = np.empty(np.count_nonzero(wanted), dtype=np.int32)
        return found[: _ordered_of(self.downstream, wanted, found)]

    def step_m(self, cells: IntArray) -> NDArray[np.float32]:
        """Return the way from the middle of cells to that of the next, metres; a cell's width at an outlet."""
        ahead = self.downstream[cells]
        width = self.shape[1]
        across = np.abs(ahead % width - cells % width) * self.cell_m[0]
        along = np.abs(ahead // width - cells // width) * self.cell_m[1]
        way = np.hypot(across, along)
        return np.asarray(np.where(way > 0, way, np.sqrt(self.cell_area_m2)), dtype=np.float32)


def fill_pits(elevation_m: ArrayLike, where: str = "elevation") -> NDArray[np.float32]:
    """Return elevations with each pit filled to the height at which it spills.

    Parameters
    ----------
    elevation_m
        Metres, shape (height, width); NaN where there is none. NaN that reaches the edge of the grid lies outside
        of the area, and water leaves there.
    where
        Name of the input in an error.

    Raises
    ------
    InputError
        If there is no elevation, a value is infinite or no possible height, or there is a hole: NaN with elevation
        all around it.

    References
    ----------
    Wang, L. and Liu, H. (2006), International Journal of Geographical Information Science 20, 193-213,
    doi:10.1080/13658810500433453.
    """
    height_m = _checked(elevation_m, where)
    return _filled(height_m, _spill_tree(height_m)).reshape(height_m.shape)


def flow_network(elevation_m: ArrayLike, geobox: GeoBox, where: str = "elevation") -> FlowNetwork:
    """Return the directions of steepest descent (D8) over the filled ground.

    On ground that pits were filled to, and on flat ground, water goes the way that spills.

    Parameters
    ----------
    elevation_m
        As of `fill_pits`.
    geobox
        North-up grid in metres.
    where
        Name of the input in an error.

    Raises
    ------
    InputError
        As of `fill_pits`; if the grid is in degrees or feet, Web Mercator, or has another shape than the elevation.

    References
    ----------
    O'Callaghan, J. F. and Mark, D. M. (1984), Computer Vision, Graphics and Image Processing 28, 323-344,
    doi:10.1016/S0734-189X(84)80011-0.
    """
    cell_m = cell_size_m(geobox, where)
    ground = _checked(elevation_m, where)
    if ground.shape != tuple(geobox.shape):
        found = f"elevation of {ground.shape} cells on a grid of {tuple(geobox.shape)}"
        raise InputError(Problem(where, found, "one shape", "warp it to the analysis grid"))
    return FlowNetwork(ground.shape, cell_m, _drained(ground, cell_m))


def _drained(ground: NDArray[np.float32], cell_m: tuple[float, float]) -> IntArray:
    """Return the next cell of each; what it takes to find it is given back before anything else is made."""
    spill = _spill_tree(ground)
    filled = _filled(ground, spill).reshape(ground.shape)
    return np.asarray(_steepest(filled, spill, *cell_m))


def network_of_directions(
    directions: ArrayLike, cell_m: tuple[float, float], where: str = "flow directions"
) -> FlowNetwork:
    """Return the network of D8 codes: 1 east, 2 south-east, 4, 8, 16, 32, 64, 128 clockwise; 0 outlet; 247 no data.

    Raises
    ------
    InputError
        If there is another code, or water runs in a circle.
    """
    from pyflwdir import core_d8

    codes = np.ascontiguousarray(directions)
    if codes.dtype != np.uint8 or codes.ndim != 2 or not core_d8.isvalid(codes):
        raise InputError(Problem(where, "values that are no D8 codes", "0, powers of 2 up to 128, 247 no data"))
    downstream = _next_cells(codes)
    if _count_free(downstream) < np.count_nonzero(downstream != OUTSIDE):
        raise InputError(Problem(where, "water that runs in a circle", "a way out of each cell"))
    return FlowNetwork(codes.shape, cell_m, downstream)


def accumulate(network: FlowNetwork, values: ArrayLike) -> FloatArray:
    """Return for each cell the sum of the values of itself and of all cells upstream; 0 outside.

    Raises
    ------
    InputError
        If a value is missing where there is elevation.
    """
    return route(network, values, 1.0)


def route(network: FlowNetwork, values: ArrayLike, passed: ArrayLike) -> FloatArray:
    """Return what is at each cell when it hands on a share of all it holds: ``L_i = v_i + sum_up L_j s_j``.

    With ``s = exp(-k t)`` this is first-order decay at rate k over a travel time t from a cell to the next.

    Parameters
    ----------
    network
        Flow network of n cells.
    values
        What enters at each cell, shape (height, width) or (n,).
    passed
        Share that reaches the next cell, 0 to 1, a number or of the shape of `values`.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    InputError
        If a value is missing where there is elevation, or a share lies outside 0 to 1.
    """
    entering = np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
    share = np.asarray(passed, dtype=np.float64)
    if entering.size != network.downstream.size or share.size not in (1, entering.size):
        found = f"{entering.size} values and {share.size} shares for {network.downstream.size} cells"
        raise InputError(Problem("flow routing", found, "one each"))
    known = network.downstream != OUTSIDE
    if not np.isfinite(entering[known]).all():
        raise InputError(Problem("flow routing", "a missing value", "one in each cell that has elevation"))
    if not ((share >= 0) & (share <= 1)).all():
        raise InputError(Problem("flow routing", "a share outside 0 to 1", "shares of what flows on"))
    held = np.where(known, entering, 0.0)
    _route(network.downstream, share.reshape(-1), held)
    return held


def upstream_cells(network: FlowNetwork) -> IntArray:
    """Return how many cells drain through each, itself counted; 0 outside."""
    held = np.zeros(network.downstream.size, dtype=np.int32)
    _count_upstream(network.downstream, held)
    return held


def basins(network: FlowNetwork) -> IntArray:
    """Return the basin of each cell: its outlet's place among all outlets, counted from 1; 0 outside."""
    label = np.zeros(network.downstream.size, dtype=np.int32)
    outlets = network.outlets
    label[outlets] = np.arange(1, outlets.size + 1)
    _spread_upstream(network.downstream, label)
    return label


def sub_basins(network: FlowNetwork, least_m2: float) -> IntArray:
    """Return sub-basins of a least area, counted from 1 as they are met going upstream; 0 outside.

    What drains to no stream of that area keeps the number of its outlet's basin and is smaller.

    References
    ----------
    Eilander, D. et al. (2021), Hydrology and Earth System Sciences 25, 5287-5313, doi:10.5194/hess-25-5287-2021
    (the library pyflwdir).
    """
    from pyflwdir import FlwdirRaster

    above, most = upstream_cells(network), least_m2 / network.cell_area_m2
    large = _marked_large(network.downstream, above, most)
    cells = network.ordered(large)  # a sub-basin begins at none but these, so that the library is shown no other
    place = np.full(network.downstream.size, -1, dtype=np.int32)
    place[cells] = np.arange(cells.size, dtype=np.int32)
    ahead, held = place[network.downstream[cells]], above[cells]
    del above, large
    found = np.ones(1, dtype=np.int32)  # of the only outlet; the library takes two cells or more
    if cells.size > 1:
        raster = FlwdirRaster(
            idxs_ds=ahead, shape=(1, cells.size), ftype="d8", idxs_seq=np.arange(cells.size)[::-1], cache=False
        )
        found, _ = raster.subbasins_area(most, uparea=held[None])
    label = place  # its memory is used again
    label[:] = 0
    label[cells] = np.asarray(found).reshape(-1).astype(np.int32)
    _spread_upstream(network.downstream, label)
    return label


def _checked(elevation_m: ArrayLike, where: str) -> NDArray[np.float32]:
    given = np.asarray(elevation_m)
    if given.ndim != 2 or min(given.shape) < 2:
        raise InputError(Problem(where, f"an array of shape {given.shape}", "two axes of 2 cells or more"))
    if given.size > _MOST_CELLS:
        raise InputError(Problem(where, f"{given.size} cells", f"at most {_MOST_CELLS}", "take basins one by one"))
    height_m = np.ascontiguousarray(given, dtype=np.float32)
    known = ~np.isnan(height_m)
    if not known.any():
        raise InputError(Problem(where, "no elevation at all", "metres"))
    lo, hi = float(np.nanmin(height_m)), float(np.nanmax(height_m))
    if not (lo >= -500 and hi <= 9000):
        remedy = "name the no-data value, or bring the elevation to metres"
        raise InputError(Problem(where, f"heights from {lo:g} to {hi:g}", "-500 to 9000 m", remedy))
    _refuse_holes(known, where)
    _refuse_zeros(height_m, where)
    return height_m


def _refuse_holes(known: NDArray[np.bool_], where: str) -> None:
    """Refuse cells without elevation that elevation surrounds: water would vanish in them."""
    if known.all():
        return
    from scipy import ndimage

    label, count = ndimage.label(~known, structure=np.ones((3, 3), dtype=bool))
    rim = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
    enclosed = np.setdiff1d(np.arange(1, count + 1), rim)
    if enclosed.size:
        hole = np.isin(label, enclosed)
        row, col = np.argwhere(hole)[0].tolist()
        found = f"{enclosed.size} holes of {int(hole.sum())} cells in all, the first at row {row}, column {col}"
        raise InputError(Problem(where, found, "a height in each cell inside", "fill them from another elevation"))


def _refuse_zeros(height_m: NDArray[np.float32], where: str) -> None:
    """Refuse a patch of exactly 0 m that ground of more than `_SUNK_M` encloses: no-data that counts as zero.

    The sea reaches the edge of the grid, and no lake at 0 m has such a shore all around.
    """
    zero = height_m == 0
    if not zero.any():
        return
    from scipy import ndimage

    shore = ndimage.minimum_filter(np.where(zero | np.isnan(height_m), np.inf, height_m), 3)
    label, count = ndimage.label(zero, structure=np.ones((3, 3), dtype=bool))
    open_to = np.unique(np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]]))
    lowest = np.asarray(ndimage.minimum(shore, label, np.arange(1, count + 1)))
    sunk = np.setdiff1d(np.flatnonzero((lowest > _SUNK_M) & np.isfinite(lowest)) + 1, open_to)
    if sunk.size:
        row, col = np.argwhere(np.isin(label, sunk))[0].tolist()
        found = (
            f"{sunk.size} patches of 0 m inside ground above {_SUNK_M:g} m, the first at row {row}, column {col}"
        )
        raise InputError(
            Problem(where, found, "heights", "state nodata = 0 if zero means not known, and fill them")
        )


def _spill_tree(height_m: NDArray[np.float32]) -> IntArray:
    """Return the next cell of each on the way on which it spills first."""
    from pyflwdir import dem

    return _next_cells(dem.fill_depressions(height_m, nodata=np.float32(np.nan))[1])


def _next_cells(codes: NDArray[np.uint8]) -> IntArray:
    from pyflwdir import core_d8

    downstream, _, _ = core_d8.from_array(codes, dtype=np.int32)
    return np.asarray(downstream, dtype=np.int32)


def _filled(height_m: NDArray[np.float32], spill: IntArray) -> NDArray[np.float32]:
    """Return the ground raised to its way out; the library's own sum is off by a rounding that turns water back."""
    filled = height_m.reshape(-1).copy()
    _raise_to_way_out(spill, filled)
    return filled


@compiled_walk
def heads_first(downstream: Any) -> Any:
    """Yield the cells with elevation, each after all that drain to it; those of a circle never come.

    Walks go on downhill as long as nothing is missing above, so that they stay in near memory, and need one byte a
    cell where an array of the order needs four.
    """
    waiting = np.zeros(downstream.size, dtype=np.uint8)
    for cell in range(downstream.size):
        ahead = downstream[cell]
        if ahead != OUTSIDE and ahead != cell:
            waiting[ahead] += 1
    for head in range(downstream.size):
        cell = head
        while downstream[cell] != OUTSIDE and waiting[cell] == 0:
            waiting[cell] = 255  # done: no cell has as many above
            yield cell
            ahead = downstream[cell]
            if ahead == cell:
                break
            waiting[ahead] -= 1
            cell = ahead


@compiled_walk
def outlets_first(downstream: Any) -> Any:
    """Yield the cells with elevation, each after the one it drains to; there may be no circle."""
    done = np.zeros(downstream.size, dtype=np.bool_)
    way = np.empty(1024, dtype=np.int32)
    for start in range(downstream.size):
        cell, count = start, 0
        while downstream[cell] != OUTSIDE and not done[cell]:
            if count == way.size:
                way = np.concatenate((way, way))
            way[count] = cell
            done[cell] = True
            count += 1
            cell = downstream[cell]
        for place in range(count - 1, -1, -1):
            yield way[place]


@compiled
def _count_free(downstream: Any) -> Any:
    count = 0
    for _ in heads_first(downstream):
        count += 1
    return count


@compiled
def _raise_to_way_out(downstream: Any, height_m: Any) -> None:
    for cell in outlets_first(downstream):
        height_m[cell] = max(height_m[cell], height_m[downstream[cell]])


@compiled
def _steepest(filled: Any, spill: Any, cell_width_m: float, cell_height_m: float) -> Any:
    """Return the neighbour of steepest descent, the spill where none is lower; an outlet stays one.

    Filled height falls along it, or stays and the spill's order rises, so no circle can close.
    """
    height, width = filled.shape
    downstream = spill.copy()
    diagonal_m = np.hypot(cell_width_m, cell_height_m)
    for row in range(height):
        for col in range(width):
            cell = row * width + col
            if spill[cell] == -1 or spill[cell] == cell:
                continue
            best = 0.0
            for down in range(-1, 2):
                for right in range(-1, 2):
                    r, c = row + down, col + right
                    if (down == 0 and right == 0) or r < 0 or c < 0 or r >= height or c >= width:
                        continue
                    fall = np.float64(filled[row, col]) - np.float64(filled[r, c])  # NaN beside is never above
                    way = diagonal_m if down != 0 and right != 0 else (cell_height_m if down != 0 else cell_width_m)
                    if fall / way > best:
                        best = fall / way
                        downstream[cell] = r * width + c
    return downstream


@compiled
def _route(downstream: Any, share: Any, held: Any) -> None:
    one = share.size == 1
    for cell in heads_first(downstream):
        ahead = downstream[cell]
        if ahead != cell:
            held[ahead] += held[cell] * (share[0] if one else share[cell])


@compiled
def _count_upstream(downstream: Any, held: Any) -> None:
    for cell in heads_first(downstream):
        held[cell] += 1
        if downstream[cell] != cell:
            held[downstream[cell]] += held[cell]


@compiled
def _marked_large(downstream: Any, above: Any, least: float) -> Any:
    """Mark outlets, and cells that more than a least number of cells drain through."""
    found = np.zeros(downstream.size, dtype=np.bool_)
    for cell in range(downstream.size):
        found[cell] = above[cell] > least or downstream[cell] == cell
    return found


@compiled
def _outlets(downstream: Any) -> Any:
    count = 0
    for cell in range(downstream.size):
        count += downstream[cell] == cell
    found = np.empty(count, dtype=np.int32)
    count = 0
    for cell in range(downstream.size):
        if downstream[cell] == cell:
            found[count] = cell
            count += 1
    return found


@compiled
def _ordered_of(downstream: Any, wanted: Any, found: Any) -> Any:
    """Fill `found` with the wanted cells in order; return how many there are. No index of a grid is widened."""
    count = 0
    for cell in heads_first(downstream):
        if wanted[cell]:
            found[count] = cell
            count += 1
    return count


@compiled
def _spread_upstream(downstream: Any, label: Any) -> None:
    """Give each cell without a label that of the next one."""
    for cell in outlets_first(downstream):
        if label[cell] == 0:
            label[cell] = label[downstream[cell]]
