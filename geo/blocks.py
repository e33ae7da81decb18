"""One pure function over all blocks of a grid, in threads, in any order, with one result."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
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


def blocks(shape: tuple[int, int], size: int = BLOCK_SIZE) -> Iterator[Block]:
    """Yield the blocks of a grid of ``(height, width)`` cells row by row.

    Examples
    --------
    >>> [block.slices for block in blocks((3, 5), size=3)]
    [(slice(0, 3, None), slice(0, 3, None)), (slice(0, 3, None), slice(3, 5, None))]
    """
    height, width = shape
    for row in range(0, height, size):
        for col in range(0, width, size):
            yield Block(row, col, min(size, height - row), min(size, width - col))


def map_blocks(
    function: Callable[[Block], Result], shape: tuple[int, int], *, size: int = BLOCK_SIZE, jobs: int = 1
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
    jobs
        Threads.
    """
    if jobs <= 1:
        for block in blocks(shape, size):
            yield block, function(block)
        return
    with ThreadPoolExecutor(jobs) as pool:
        waiting: deque[tuple[Block, Future[Result]]] = deque()
        try:
            for block in blocks(shape, size):
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
