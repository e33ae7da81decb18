"""Blocks made in threads and taken from the journal; oracle: the function itself, block by block."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.blocks import Block, blocks
from geo.journal import BlockJournal
from geo.runner import Runner

SHAPE, SIDE = (50, 70), 20


@dataclass
class Squares:
    """A work whose result is known: the sum of the row and column of each cell wanted, times a factor."""

    factor: int = 1
    fails_at: Block | None = None
    calls: list[Block] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def __call__(self, block: Block, cells: NDArray[np.bool_], _: Any) -> NDArray[np.int64]:
        """Make a block."""
        with self.lock:
            self.calls.append(block)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        if block == self.fails_at:
            raise ValueError("this block")
        row, col = np.indices((block.height, block.width))
        made = np.where(cells[1:-1, 1:-1], self.factor * (row + block.row + 1000 * (col + block.col)), -1)
        with self.lock:
            self.under_way -= 1
        return made

    def around(self, block: Block) -> Block:
        """Return a rim of one cell."""
        return Block(block.row - 1, block.col - 1, block.height + 2, block.width + 2)

    def key(self, block: Block, cells: NDArray[np.bool_]) -> str:
        """Return a fingerprint."""
        return f"{self.factor:04x}{block.row:04x}{block.col:04x}{cells.sum():08x}"

    def packed(self, result: NDArray[np.int64]) -> Mapping[str, NDArray[Any]]:
        """Return the block as arrays."""
        return {"made": result}

    def unpacked(self, arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return the block."""
        return np.asarray(arrays["made"])


INSIDE = np.zeros(SHAPE, dtype=np.bool_)
INSIDE[5:, :35] = True


def whole(runner: Runner, work: Squares) -> NDArray[np.int64]:
    """Return the grid that a runner makes, each block laid once."""
    grid = np.full(SHAPE, -9)
    for block, made in runner.run(work, INSIDE, SHAPE, size=SIDE):
        assert (grid[block.slices] == -9).all()
        grid[block.slices] = made
    return grid


def expected(factor: int = 1) -> NDArray[np.int64]:
    """Return the grid by brute force."""
    row, col = np.indices(SHAPE)
    return np.where(INSIDE, factor * (row + 1000 * col), -1)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_block_once_whatever_the_threads(jobs: int, tmp_path: Path) -> None:
    """No more blocks are under way than there are threads, and the grid is the function's."""
    work = Squares()
    runner = Runner(jobs=jobs, journal=BlockJournal(tmp_path))
    np.testing.assert_array_equal(whole(runner, work), expected())
    assert sorted(work.calls, key=lambda b: (b.row, b.col)) == list(blocks(SHAPE, SIDE))
    assert work.most <= jobs
    # One column of blocks lies beyond the frame and its rim: made of nothing, and not kept
    assert (len(runner.made), runner.kept) == (6, 0)


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_thread_is_that_of_the_caller(jobs: int) -> None:
    """Law: with one job nothing is made beside the caller, with two everything is."""
    made_in: set[int] = set()

    class Told(Squares):
        def __call__(self, block: Block, cells: NDArray[np.bool_], files: Any) -> NDArray[np.int64]:
            if files is not None:  # a block without a cell of the frame is no work
                made_in.add(threading.get_ident())
            return super().__call__(block, cells, files)

    np.testing.assert_array_equal(whole(Runner(jobs=jobs), Told()), expected())
    assert (threading.get_ident() in made_in) == (jobs == 1)


def test_finished_blocks_are_not_made_again(tmp_path: Path) -> None:
    """A second run reads what the first made; another factor makes all anew, and the first goes."""
    runner = Runner(journal=BlockJournal(tmp_path))
    whole(runner, Squares())
    again = Squares()
    np.testing.assert_array_equal(whole(runner, again), expected())
    assert (len(runner.made), runner.kept) == (0, 6)
    assert len(again.calls) == 6  # those without a cell
    np.testing.assert_array_equal(whole(runner, Squares(factor=3)), expected(3))
    assert (len(runner.made), runner.kept) == (6, 0)
    assert len(list(BlockJournal(tmp_path).keys())) == 6


def test_a_run_that_fails_keeps_what_it_finished(tmp_path: Path) -> None:
    """The error comes through; the blocks before it are there for the next run, and nothing was thrown away."""
    journal = BlockJournal(tmp_path)
    with pytest.raises(ValueError, match="this block"):
        whole(Runner(journal=journal), Squares(fails_at=Block(20, 20, 20, 20)))
    finished = len(list(journal.keys()))
    assert 3 <= finished < 6
    runner = Runner(journal=journal)
    np.testing.assert_array_equal(whole(runner, Squares()), expected())
    assert (len(runner.made), runner.kept) == (6 - finished, finished)


def test_without_a_journal_nothing_is_kept() -> None:
    """The work is not even asked for a fingerprint."""
    work = Squares()
    work.key = None  # type: ignore[method-assign,assignment]
    np.testing.assert_array_equal(whole(Runner(jobs=2), work), expected())
