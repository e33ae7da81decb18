"""The part of a stream network below some cells, in which a load is followed to the edge of the area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem
from geo.flow import FlowNetwork, heads_first
from geo.kernel import compiled

__all__ = ["Stream", "carried", "shortest_way_m", "stream_below"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Stream:
    """Cells of streams, s of them, every cell before the one it drains to."""

    cells: IntArray
    """Number of each cell in the grid."""
    ahead: IntArray
    """Place in `cells` of the next one; -1 where the water leaves the area."""
    step_m: NDArray[np.float32]
    """Way to the next cell; a cell's width at the last one."""

    def places(self, cells: ArrayLike) -> NDArray[np.intp]:
        """Return the places of grid cells that are part of it.

        Raises
        ------
        InputError
            If one of them is not.
        """
        order = np.argsort(self.cells, kind="stable")
        wanted = np.asarray(cells)
        found = np.searchsorted(self.cells, wanted, sorter=order)
        places = order[np.minimum(found, order.size - 1)] if order.size else np.zeros(wanted.shape, dtype=np.intp)
        if wanted.size and (not order.size or (self.cells[places] != wanted).any()):
            raise InputError(Problem("stream", "a cell that is no part of it", "a cell at which a load enters"))
        return np.asarray(places, dtype=np.intp)


def stream_below(network: FlowNetwork, entries: ArrayLike) -> Stream:
    """Return all cells from the entries down to where their water leaves the area.

    Parameters
    ----------
    network
        Flow network.
    entries
        Numbers of grid cells at which something enters, any order, any number of times.
    """
    reached = np.zeros(network.downstream.size, dtype=np.bool_)
    reached[np.asarray(entries, dtype=np.intp)] = True
    _mark_below(network.downstream, reached)
    cells = network.ordered(reached)
    below = network.downstream[cells]
    ascending = np.argsort(cells, kind="stable").astype(np.int32)
    place = ascending[np.searchsorted(cells, below, sorter=ascending)]
    return Stream(cells, np.where(below == cells, np.int32(-1), place), network.step_m(cells))


def carried(stream: Stream, entering: ArrayLike, passed: ArrayLike) -> FloatArray:
    """Return what is at each cell when a share of it reaches the next: ``L_i = v_i + sum_up L_j s_j``, shape (s,).

    Parameters
    ----------
    stream
        Stream of s cells.
    entering
        What enters at each, shape (s,).
    passed
        Share that reaches the next cell, ``exp(-k t)`` with decay of first order, shape (s,).
    """
    held = np.array(entering, dtype=np.float64)
    share = np.ascontiguousarray(passed, dtype=np.float64)
    if held.shape != stream.cells.shape or share.shape != held.shape:
        found = f"{held.size} loads and {share.size} shares for {stream.cells.size} cells"
        raise InputError(Problem("stream routing", found, "one each"))
    if not (np.isfinite(held).all() and ((share >= 0) & (share <= 1)).all()):
        raise InputError(Problem("stream routing", "a missing load, or a share outside 0 to 1", "loads and shares"))
    _carry(stream.ahead, share, held)
    return held


def shortest_way_m(stream: Stream, entries: ArrayLike) -> FloatArray:
    """Return the way along the stream from the nearest entry above each cell, 0 at an entry, shape (s,)."""
    way = np.full(stream.cells.size, np.inf)
    way[np.asarray(entries, dtype=np.intp)] = 0.0
    _shortest(stream.ahead, stream.step_m, way)
    return way


@compiled
def _mark_below(downstream: Any, reached: Any) -> None:
    for cell in heads_first(downstream):
        if reached[cell]:
            reached[downstream[cell]] = True


@compiled
def _carry(ahead: Any, share: Any, held: Any) -> None:
    for place in range(ahead.size):
        if ahead[place] >= 0:
            held[ahead[place]] += held[place] * share[place]


@compiled
def _shortest(ahead: Any, step_m: Any, way: Any) -> None:
    for place in range(ahead.size):
        if ahead[place] >= 0:
            way[ahead[place]] = min(way[ahead[place]], way[place] + step_m[place])
