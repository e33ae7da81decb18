"""One function over all blocks of a grid: any size and number of threads, one result."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.blocks import Block, blocks, map_blocks

SHAPE = (37, 53)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 70), st.integers(-80, 80), st.integers(-80, 80))
def test_blocks_tile_the_grid_once(height: int, width: int, size: int, row: int, col: int) -> None:
    """Law: every cell lies in exactly one block, of whatever grid and size; edges go through the origin."""
    count = np.zeros((height, width), dtype=int)
    for block in blocks((height, width), size, (row, col)):
        assert block.row in (0, block.row - (block.row - row) % size)
        assert block.col in (0, block.col - (block.col - col) % size)
        assert 0 < block.height <= size
        assert 0 < block.width <= size
        count[block.slices] += 1
    assert (count == 1).all()


@given(st.integers(1, 60), st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_size_and_jobs_change_nothing(size: int, jobs: int) -> None:
    """Law: a cellwise function gives one raster for any block size and number of threads."""
    cells = np.random.default_rng(5).normal(size=SHAPE)
    result = np.zeros(SHAPE)
    for block, value in map_blocks(lambda b: np.sin(cells[b.slices]), SHAPE, size=size, jobs=jobs):
        result[block.slices] = value
    np.testing.assert_array_equal(result, np.sin(cells))


@pytest.mark.parametrize("jobs", [1, 4])
def test_results_come_in_row_order(jobs: int) -> None:
    """Law: a slow first block does not let the others overtake it."""

    def slow_first(block: Block) -> tuple[int, int]:
        time.sleep(0.02 if block.row == block.col == 0 else 0)
        return block.row, block.col

    found = [result for _, result in map_blocks(slow_first, SHAPE, size=10, jobs=jobs)]
    assert found == sorted(found)
    assert len(found) == 24


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_few_results_wait(jobs: int) -> None:
    """Law: no more than jobs + 1 blocks are begun or finished and not yet taken."""
    begun, taken, most = 0, 0, 0
    lock = threading.Lock()

    def counted(block: Block) -> int:
        nonlocal begun, most
        with lock:
            begun += 1
            most = max(most, begun - taken)
        return block.row

    for _ in map_blocks(counted, (100, 10), size=10, jobs=jobs):
        time.sleep(0.002)  # a slow reader: everything that may begin has begun
        with lock:
            taken += 1
    assert begun == 10
    assert most <= jobs + 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_error_of_a_block_reaches_the_reader(jobs: int) -> None:
    """Law: an exception in any thread comes out where the blocks are read, and later blocks do not begin."""
    begun = []

    def broken(block: Block) -> int:
        begun.append(block.row)
        if block.row == 20:
            raise ValueError("block at row 20")
        return block.row

    done = []
    with pytest.raises(ValueError, match="block at row 20"):
        done.extend(block.row for block, _ in map_blocks(broken, (1000, 10), size=10, jobs=jobs))
    assert done == [0, 10]
    assert len(begun) <= 3 + jobs


def test_a_reader_that_stops_early_stops_the_work() -> None:
    """Law: closing the generator leaves no thread running and begins nothing new."""
    begun = []
    results = map_blocks(lambda block: begun.append(block.row), (1000, 10), size=10, jobs=2)
    next(results)
    results.close()
    assert len(begun) <= 4
    assert threading.active_count() == 1 or not any("ThreadPool" in t.name for t in threading.enumerate())


def test_block_slices() -> None:
    """Literal raster: the lower right block of a 3 by 5 grid in blocks of 2."""
    last = list(blocks((3, 5), 2))[-1]
    assert last == Block(2, 4, 1, 1)
    assert np.arange(15).reshape(3, 5)[last.slices].tolist() == [[14]]
