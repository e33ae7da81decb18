"""How long the blocks of a work will take, how much they read and how much memory they need, from a few of them.

Probes are made as a run makes blocks, in as many threads, so that what threads cost each other is in their time. A
block's time goes with the cells that are read for it, once for every scene that reaches it; the rest is told by
probes from all over the frame.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from geo.blocks import Block, blocks, part_of
from geo.cog import RasterStyle, write_cog
from geo.grid import GeoBox
from geo.raster import OpenRasters
from geo.runner import BlockWork
from imagery.scene import Scene

__all__ = ["BlockLoad", "Forecast", "bytes_read", "forecast", "loads", "peak_memory_mb", "probes"]

_WITH_OVERVIEWS = 4 / 3  # a quarter, a sixteenth and so on of the cells beside a raster
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class BlockLoad:
    """One block that has something to be made, and how much work it is."""

    block: Block
    cells: int
    """Cells wanted."""
    scenes: int
    """Scenes that reach it."""

    @property
    def weight(self) -> float:
        """Work, in cells of scenes: half of it goes with the window, half with the cells wanted of it."""
        return self.scenes * (self.block.height * self.block.width + self.cells) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the blocks of a work will take."""

    blocks: int
    """Blocks that have something to be made."""
    probed: int
    """Blocks that this was learnt from."""
    block_s: tuple[float, ...]
    """Seconds of each probe, in its thread."""
    made_s: float
    """Seconds until all blocks are made."""
    written_s: float
    """Seconds that it takes to write them to files."""
    peak_mb: float
    """Peak memory of the process, megabytes."""

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return self.made_s + self.written_s


def loads(
    work: BlockWork[Any],
    scenes: Sequence[Scene],
    inside: NDArray[np.bool_] | None,
    shape: tuple[int, int],
    *,
    size: int,
    origin: tuple[int, int] = (0, 0),
) -> list[BlockLoad]:
    """Return the blocks of a grid that have something to be made.

    Parameters
    ----------
    work
        What is made.
    scenes
        Its scenes with their extent, from `imagery.extent.placed`.
    inside
        Cells of the area frame; None for all.
    shape, size, origin
        The grid and how it is cut.
    """
    found = []
    for block in blocks(shape, size, origin):
        around = work.around(block)
        cells = int(part_of(inside, shape, around).sum())
        if cells:
            found.append(BlockLoad(block, cells, max(sum(scene.reaches(around) for scene in scenes), 1)))
    return found


def probes(found: Sequence[BlockLoad], most: int) -> list[BlockLoad]:
    """Return blocks to learn from: evenly spread over blocks in order of their work, but the lightest tenth.

    Parameters
    ----------
    found
        All blocks.
    most
        How many.
    """
    ordered = sorted(found, key=lambda load: (load.weight, load.block.row, load.block.col))
    heavy = ordered[len(ordered) // 10 :]
    at = np.unique(np.linspace(0, len(heavy) - 1, min(most, len(heavy))).round().astype(int))
    return [heavy[index] for index in at.tolist()]


def forecast(
    work: BlockWork[Result],
    found: Sequence[BlockLoad],
    inside: NDArray[np.bool_] | None,
    geobox: GeoBox,
    *,
    jobs: int,
    most: int = 6,
) -> Forecast:
    """Make some blocks and return what all of them will take; nothing is kept.

    Parameters
    ----------
    work
        What is made.
    found
        The blocks, from `loads`.
    inside
        Cells of the area frame; None for all.
    geobox
        The analysis grid.
    jobs
        Threads of the run to come.
    most
        Blocks to be made, at least two for each thread.
    """
    shape = (geobox.shape[0], geobox.shape[1])
    chosen = probes(found, max(most, 2 * jobs))

    def made(load: BlockLoad) -> tuple[Result, float]:
        began = time.perf_counter()
        result = work(load.block, part_of(inside, shape, work.around(load.block)), files)
        return result, time.perf_counter() - began

    # In threads alone, as in a run with more than one: each thread that ever made a block keeps its memory
    with OpenRasters() as files, ThreadPoolExecutor(jobs) as pool:
        # What is compiled, opened and filled once is not the blocks' own time
        _, first_s = pool.submit(made, chosen[0]).result()
        results = list(pool.map(made, chosen))
    seconds = tuple(one for _, one in results)
    rate = sum(seconds) / sum(load.weight for load in chosen)
    weight = sum(load.weight for load in found)
    once_s = max(first_s - rate * chosen[0].weight, 0.0)
    packed = [work.packed(result) for result, _ in results]
    return Forecast(
        blocks=len(found),
        probed=len(chosen),
        block_s=seconds,
        made_s=once_s + rate * weight / min(jobs, len(found)),
        written_s=_written_s(packed, chosen, geobox, jobs),
        peak_mb=peak_memory_mb(),
    )


def _written_s(
    packed: Iterable[Mapping[str, NDArray[Any]]], chosen: Sequence[BlockLoad], geobox: GeoBox, jobs: int
) -> float:
    """Return the seconds that the writing of the whole grid adds, from what it takes for the probes.

    It goes on beside the making of blocks, on the same cores. Overviews have a third of the cells of their rasters.
    """
    spent, cells = 0.0, 0
    with tempfile.TemporaryDirectory(prefix="altdev-plan-") as folder:
        for arrays, load in zip(packed, chosen, strict=True):
            block = load.block
            rasters = [cells for cells in arrays.values() if cells.shape[-2:] == (block.height, block.width)]
            for raster in rasters:
                style = RasterStyle(packing="ZSTD" if raster.dtype.itemsize > 1 else "DEFLATE")
                began = time.process_time()
                write_cog(Path(folder) / "part.tif", raster, geobox[block.slices], style=style)
                spent += time.process_time() - began
            cells += block.height * block.width
    return float(spent / jobs * _WITH_OVERVIEWS * geobox.shape[0] * geobox.shape[1] / cells)


def bytes_read(
    scenes: Sequence[Scene], windows: Sequence[Block], size_of: Mapping[str, int], *, halo: int = 0
) -> float:
    """Return about how many bytes of files are read for some windows.

    A window with a halo needs the upper edge of the tiles below it. They are decoded for it, and once more when it
    is their turn, since of tiles passed by only the edges are kept (`geo.tile_cache`).

    Parameters
    ----------
    scenes
        Scenes with their extent.
    windows
        Windows that are read, each of which decodes its share of every file that reaches it.
    size_of
        Path to bytes of a file.
    halo
        Cells that are read around each window.
    """
    below = [Block(one.row + one.height, one.col, one.height, one.width) for one in windows if halo]
    return _bytes_once(scenes, windows, size_of) + _bytes_once(scenes, below, size_of)


def _bytes_once(scenes: Sequence[Scene], windows: Sequence[Block], size_of: Mapping[str, int]) -> float:
    total = 0.0
    for scene in scenes:
        if scene.extent is None:
            continue
        own = scene.extent
        files = {file.path for file in (*scene.bands.values(), *((scene.mask,) if scene.mask else ()))}
        shared = sum(_common_cells(own, window) for window in windows)
        total += sum(size_of.get(path, 0) for path in files) * min(shared / (own.height * own.width), 1.0)
    return total


def _common_cells(one: Block, other: Block) -> int:
    rows = min(one.row + one.height, other.row + other.height) - max(one.row, other.row)
    cols = min(one.col + one.width, other.col + other.width) - max(one.col, other.col)
    return max(rows, 0) * max(cols, 0)


def peak_memory_mb() -> float:
    """Return the most memory that this process has had at once, megabytes."""
    most: float = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most) / (1e6 if sys.platform == "darwin" else 1e3)
