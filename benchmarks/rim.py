"""Blocks with a rim read from many rasters, through the cache of tiles and by GDAL alone.

    python -m benchmarks.rim [--rows 6] [--columns 22] [--files 84] [--rim 5] [--jobs 2] [--turns 3]

Writes one raster of that many tiles and reads it under as many names as there are files, as a season's bands are
read: block after block, several at a time, each with a few cells of its neighbours. What is read is compared first.
Prints medians of paired turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray

from benchmarks.memory import repeat_tile
from benchmarks.season import CELL_M, CORNER, CRS
from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.cog import write_cog
from geo.grid import GeoBox
from geo.raster import OpenRasters

__all__ = ["by_gdal", "through_cache", "windows"]

Read = Callable[[Path, Block], NDArray[Any]]


def grid(side: int) -> GeoBox:
    """Return the grid of a raster of so many cells on a side."""
    return GeoBox((side, side), Affine(CELL_M, 0, CORNER[0], 0, -CELL_M, CORNER[1]), CRS)


def season(folder: Path, side: int, files: int) -> list[Path]:
    """Write a raster whose tiles are all alike, as noisy as a band, and give it a name for each file."""
    rng = np.random.default_rng(1)
    smooth = np.add.outer(np.arange(BLOCK_SIZE), np.arange(BLOCK_SIZE)) * 3 + 2000
    tile = (smooth + rng.normal(0, 60, smooth.shape)).astype(np.uint16)
    write_cog(folder / "tile.tif", tile, grid(BLOCK_SIZE))
    repeat_tile(folder / "tile.tif", folder / "0.tif", side)
    for number in range(1, files):
        os.link(folder / "0.tif", folder / f"{number}.tif")
    return [folder / f"{number}.tif" for number in range(files)]


def windows(rows: int, columns: int, rim: int, side: int) -> list[Block]:
    """Return the blocks of some rows and columns with the rim around them, within the raster."""
    found = []
    for block in blocks((rows * BLOCK_SIZE, columns * BLOCK_SIZE)):
        top, left = max(block.row - rim, 0), max(block.col - rim, 0)
        bottom, right = min(block.row + BLOCK_SIZE + rim, side), min(block.col + BLOCK_SIZE + rim, side)
        found.append(Block(top, left, bottom - top, right - left))
    return found


def through_cache(box: GeoBox, stack: ExitStack) -> Read:
    """Return how altdev reads."""
    files = stack.enter_context(OpenRasters())

    def read(path: Path, window: Block) -> NDArray[Any]:
        with files.on_grid(path, box) as reader:
            return reader.read(window)

    return read


def by_gdal(paths: list[Path], stack: ExitStack) -> Read:
    """Return how rasterio reads from files that stay open, each used by one thread at a time."""
    stack.enter_context(rasterio.Env())
    opened = {path: (stack.enter_context(rasterio.open(path)), Lock()) for path in paths}

    def read(path: Path, window: Block) -> NDArray[Any]:
        dataset, lock = opened[path]
        with lock:
            area = rasterio.windows.Window(window.col, window.row, window.width, window.height)
            return np.asarray(dataset.read(1, window=area))

    return read


def seconds(read: Read, paths: list[Path], wanted: list[Block], jobs: int) -> tuple[float, float]:
    """Return the seconds of the clock and of the processor that all windows of all files take."""
    clock, processor = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(lambda window: [read(path, window).shape for path in paths], wanted):
            pass
    return time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    """Print a table of both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in (("rows", 6), ("columns", 22), ("files", 84), ("rim", 5), ("jobs", 2), ("turns", 3)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    given = parser.parse_args()
    side = max(given.rows + 1, given.columns) * BLOCK_SIZE
    box = grid(side)
    wanted = windows(given.rows, given.columns, given.rim, side)
    told: dict[str, list[tuple[float, float]]] = {"altdev": [], "GDAL alone": []}
    with tempfile.TemporaryDirectory(prefix="altdev-bench-") as scratch:
        paths = season(Path(scratch), side, given.files)
        with ExitStack() as stack:
            ours, theirs = through_cache(box, stack), by_gdal(paths[:1], stack)
            for window in wanted:
                np.testing.assert_array_equal(ours(paths[0], window), theirs(paths[0], window))
        for _ in range(given.turns):
            for name, turns in told.items():
                with ExitStack() as stack:
                    read = through_cache(box, stack) if name == "altdev" else by_gdal(paths, stack)
                    turns.append(seconds(read, paths, wanted, given.jobs))
    print("| reader | seconds | seconds of the processor |\n|---|---|---|")
    for name, turns in told.items():
        clock, processor = (statistics.median(column) for column in zip(*turns, strict=True))
        print(f"| {name} | {clock:.1f} | {processor:.1f} |")


if __name__ == "__main__":
    main()
