"""What blocks will take; oracles: works that sleep for a known time, and areas counted by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray

from geo.blocks import Block
from geo.grid import GeoBox
from imagery.forecast import BlockLoad, _written_s, bytes_read, forecast, loads, probes
from imagery.scene import BandFile, Scene

SHAPE, SIDE = (60, 100), 10
GEOBOX = GeoBox(SHAPE, Affine(10, 0, 300_000, 0, -10, 700_000), "EPSG:32618")
INSIDE = np.ones(SHAPE, dtype=np.bool_)
INSIDE[:, 80:] = False
INSIDE[:20, 60:70] = False
INSIDE[0:5, 70:80] = False


def scene(name: str, extent: Block | None) -> Scene:
    """Return a scene that covers a window."""
    file = BandFile(path=f"/{name}.tif")
    return Scene(id=name, time=datetime(2024, 1, 1, tzinfo=UTC), bands={"red": file}, extent=extent)


SCENES = (scene("all", Block(0, 0, *SHAPE)), scene("left", Block(0, 0, 60, 30)), scene("unknown", None))


class Clock(threading.local):
    """Time of each thread, which passes only when something is done: no other work on the machine disturbs it."""

    now = 0.0

    def __call__(self) -> float:
        """Return the seconds since the thread began."""
        return self.now


@dataclass(frozen=True)
class Sleeper:
    """A work that takes a known time: something once, and each block with the cells read and wanted for it."""

    clock: Clock
    unit_s: float = 2e-4
    once_s: float = 7.0
    begun: list[bool] = field(default_factory=list)

    def __call__(self, block: Block, cells: NDArray[np.bool_], _: Any) -> NDArray[np.int16]:
        """Make a block."""
        if not self.begun:
            self.begun.append(True)
            self.clock.now += self.once_s
        self.clock.now += self.seconds(block, int(cells.sum()))
        return np.zeros((2, block.height, block.width), dtype=np.int16)

    def seconds(self, block: Block, cells: int) -> float:
        """Return what a block takes."""
        reached = sum(one.reaches(block) for one in SCENES)
        return self.unit_s * reached * (0.6 * block.height * block.width + 0.4 * cells)

    @staticmethod
    def around(block: Block) -> Block:
        """Return the block."""
        return block

    @staticmethod
    def key(block: Block, cells: NDArray[np.bool_]) -> str:
        """Return a fingerprint."""
        return f"{block}{cells.sum()}"

    @staticmethod
    def packed(result: NDArray[np.int16]) -> Mapping[str, NDArray[Any]]:
        """Return the block as arrays."""
        return {"cells": result}

    @staticmethod
    def unpacked(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.int16]:
        """Return the block."""
        return np.asarray(arrays["cells"])


def test_what_has_to_be_made() -> None:
    """By hand: blocks beyond the frame have nothing to be made; the others count their cells and their scenes."""
    found = loads(Sleeper(Clock()), SCENES, INSIDE, SHAPE, size=SIDE)
    assert len(found) == 6 * 8 - 2
    by_place = {(load.block.row, load.block.col): load for load in found}
    assert (by_place[0, 0].cells, by_place[0, 0].scenes) == (100, 3)
    assert (by_place[0, 70].cells, by_place[0, 70].scenes) == (50, 2)
    assert by_place[0, 70].weight == 2 * (100 + 50) / 2


def test_probes_are_spread_over_the_blocks() -> None:
    """The heaviest is among them, the lightest tenth is not, and there are no more than there are blocks."""
    found = [BlockLoad(Block(0, at, 10, 10), at, 1) for at in range(1, 41)]
    chosen = [load.cells for load in probes(found, 4)]
    assert chosen == [5, 17, 28, 40]
    assert len(probes(found[:2], 6)) == 2


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_the_time_told_is_the_time_taken(jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a quarter of what all blocks take, shared by threads, and of what is spent once; from six of 46."""
    clock = Clock()
    monkeypatch.setattr(time, "perf_counter", clock)
    work = Sleeper(clock)
    found = loads(work, SCENES, INSIDE, SHAPE, size=SIDE)
    told = forecast(work, found, INSIDE, GEOBOX, jobs=jobs)
    assert (told.blocks, told.probed) == (46, 6)
    taken = work.once_s + sum(work.seconds(load.block, load.cells) for load in found) / jobs
    assert told.made_s == pytest.approx(taken, rel=0.25)
    assert told.made_s != pytest.approx(sum(told.block_s), rel=0.25)
    assert told.seconds == told.made_s + told.written_s
    assert told.peak_mb > 20


def test_bytes_that_windows_read() -> None:
    """By hand: each file counts with its share of cells in the windows, and never more than once whole."""
    sizes = {"/all.tif": 6000, "/left.tif": 900}
    half = [Block(0, 0, 60, 50)]
    assert bytes_read(SCENES[:2], half, sizes) == pytest.approx(3000 + 900)
    quarter = [Block(0, 0, 30, 15), Block(30, 15, 30, 15)]
    assert bytes_read(SCENES[:2], quarter, sizes) == pytest.approx(6000 * 900 / 6000 + 450)
    assert bytes_read(SCENES[:2], [Block(0, 0, *SHAPE)] * 3, sizes) == pytest.approx(6900)
    upper, lower = Block(0, 0, SHAPE[0] // 2, SHAPE[1]), Block(SHAPE[0] // 2, 0, SHAPE[0] // 2, SHAPE[1])
    once = bytes_read(SCENES[:2], [upper, lower], sizes)
    # Negative control of the halo: the lower half is decoded for the rim of the upper one too
    assert bytes_read(SCENES[:2], [upper, lower], sizes, halo=2) == pytest.approx(
        once + bytes_read(SCENES[:2], [lower], sizes)
    )


def test_rasters_are_written_beside_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Literal: three rasters of a second each for a quarter of the grid, a third more for overviews."""
    seconds = iter(range(1000))  # each look at the clock is a second after the one before
    monkeypatch.setattr("imagery.forecast.time.process_time", lambda: float(next(seconds)))
    cells = {name: np.ones((8, 8), dtype=np.uint8) for name in "abc"} | {"note": np.ones(3)}
    load = BlockLoad(Block(0, 0, 8, 8), 64, 1)
    told = [_written_s([cells], [load], GEOBOX[:16, :16], jobs) for jobs in (1, 2, 5)]
    assert told == pytest.approx([4 * 4 / 3 * seconds for seconds in (3, 1.5, 0.6)])
