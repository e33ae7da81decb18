"""One pure function over all blocks of a grid, in threads, in any order, with one result."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK_SIZE", "Block", "blocks", "map_blocks", "part_of"]

BLOCK_SIZE = 512
"""Cells on a side: the tile size of the COGs read and written."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Block:
    """A window of a grid: rows ``[row, row + height)`` and columns ``[col, col + width)``."""

    row: int
    col: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices of the window."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)


def blocks(shape: tuple[int, int], size: int = BLOCK_SIZE, origin: tuple[int, int] = (0, 0)) -> Iterator[Block]:
    """Yield the blocks of a grid of ``(height, width)`` cells row by row.

    Parameters
    ----------
    shape
        Height and width of the grid.
    size
        Side of a block.
    origin
        Row and column that block edges go through, so that blocks can lie as the tiles of the files do.

    Examples
    --------
    >>> [block.slices for block in blocks((3, 5), size=3)]
    [(slice(0, 3, None), slice(0, 3, None)), (slice(0, 3, None), slice(3, 5, None))]
    """
    rows, cols = (_spans(length, size, first) for length, first in zip(shape, origin, strict=True))
    for row, height in rows:
        for col, width in cols:
            yield Block(row, col, height, width)


def _spans(length: int, size: int, first: int) -> list[tuple[int, int]]:
    """Return where blocks begin along a side, and how long they are."""
    edges = [0, *range(first % size or size, length, size), length]
    return [(start, end - start) for start, end in pairwise(edges) if end > start]


def map_blocks(
    function: Callable[[Block], Result],
    shape: tuple[int, int],
    *,
    size: int = BLOCK_SIZE,
    origin: tuple[int, int] = (0, 0),
    jobs: int = 1,
) -> Iterator[tuple[Block, Result]]:
    """Yield every block with ``function(block)``, in row order whatever the number of threads.

    At most ``jobs + 1`` results wait at any time, so memory is set by the block and not by the grid.

    Parameters
    ----------
    function
        Pure function of a block, called from several threads; gains where it releases the interpreter lock.
    shape
        Height and width of the grid, in cells.
    size
        Side of a block, in cells.
    origin
        Row and column that block edges go through.
    jobs
        Threads.
    """
    if jobs <= 1:
        for block in blocks(shape, size, origin):
            yield block, function(block)
        return
    with ThreadPoolExecutor(jobs) as pool:
        waiting: deque[tuple[Block, Future[Result]]] = deque()
        try:
            for block in blocks(shape, size, origin):
                waiting.append((block, pool.submit(function, block)))
                if len(waiting) > jobs:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            # After an error, or when the reader stops early, what has not begun never begins
            for _, future in waiting:
                future.cancel()


def part_of(inside: NDArray[np.bool_] | None, shape: tuple[int, int], around: Block) -> NDArray[np.bool_]:
    """Return which cells of a block, which may reach beyond the grid, are in the frame.

    Parameters
    ----------
    inside
        Cells of the area frame on the whole grid; None for all.
    shape
        Height and width of the grid.
    around
        The block.
    """
    part = np.zeros((around.height, around.width), dtype=np.bool_)
    top, left = max(around.row, 0), max(around.col, 0)
    bottom, right = min(around.row + around.height, shape[0]), min(around.col + around.width, shape[1])
    here = slice(top - around.row, bottom - around.row), slice(left - around.col, right - around.col)
    part[here] = True if inside is None else inside[top:bottom, left:right]
    return part
