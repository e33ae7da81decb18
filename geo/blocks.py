"""One pure function over all blocks of a grid, in threads, in any order, with one result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["BLOCK_SIZE", "Block", "blocks", "map_blocks"]

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
        Pure function of a block; it releases the interpreter lock where it reads and computes.
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
        waiting: list[tuple[Block, object]] = []
        for block in blocks(shape, size):
            waiting.append((block, pool.submit(function, block)))
            if len(waiting) > jobs:
                first, future = waiting.pop(0)
                yield first, future.result()  # type: ignore[attr-defined]
        for first, future in waiting:
            yield first, future.result()  # type: ignore[attr-defined]
