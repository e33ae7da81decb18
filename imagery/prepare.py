"""The imagery of one period: a composite for each season window, and how often each cell was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.cog import CogWriter, CogWriters, RasterStyle
from geo.grid import GeoBox
from geo.raster import OpenRasters
from geo.runner import Runner
from imagery.composite import NODATA, to_composite
from imagery.extent import block_key, placed, scene_key
from imagery.features import PART, WindowSpans, window_medians
from imagery.gap import GapCount, GapReport, gap_count
from imagery.profile import CropProfile
from imagery.scene import Scene
from imagery.sensor import Sensor
from imagery.stack import BrokenSceneError, Stack, StackCells, read_stack, working_origin, working_side

__all__ = [
    "PeriodBlock",
    "PeriodReport",
    "PeriodWork",
    "PrepareOptions",
    "composite_medians",
    "composite_style",
    "write_period",
]

COUNT_NODATA = 65_535
"""Value of the observation count outside the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareOptions:
    """How a period is prepared."""

    start: date
    """First day of the period."""
    end: date
    """Last day of the period."""
    min_valid: int = 3
    """Fewest clear observations with which a cell counts as seen."""
    cloud_buffer_m: float = 60.0
    """Growth of cloud and shadow masks."""
    broken: Literal["refuse", "drop"] = "refuse"
    """What a scene with an unreadable file does: end the work, or fall out whole and be reported."""
    block_size: int = BLOCK_SIZE
    """Side of the blocks worked on; sets the memory and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodReport:
    """What a period was made from and what it lacks."""

    scenes: tuple[Scene, ...]
    """Scenes used."""
    days: int
    """Days of observation."""
    windows: Mapping[str, tuple[date, date]]
    """Season windows with their days."""
    gaps: GapReport
    """What was not seen."""
    files: tuple[Path, ...]
    """Rasters written."""

    def record(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "scenes": [scene.id for scene in self.scenes],
            "baselines": sorted({scene.baseline for scene in self.scenes if scene.baseline}),
            "days": self.days,
            "windows": {name: [str(first), str(last)] for name, (first, last) in self.windows.items()},
            "gaps": self.gaps.record(),
            "files": [path.name for path in self.files],
        }


def write_period(
    scenes: Sequence[Scene],
    *,
    geobox: GeoBox,
    sensor: Sensor,
    profile: CropProfile,
    options: PrepareOptions,
    inside: NDArray[np.bool_] | None,
    folder: Path,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    lost: Sequence[tuple[str, str]] = (),
    runner: Runner | None = None,
) -> PeriodReport:
    """Write the composites and the observation count of a period.

    ``composite_WINDOW.tif`` holds the median of every band in units of the sensor, and the count of clear
    observations it rests on as its last band. ``valid_count.tif`` holds that count for the period and for each
    window.

    Parameters
    ----------
    scenes
        Scenes of the period, from `imagery.catalog.find_scenes`.
    geobox
        The analysis grid.
    sensor, profile, options
        Bands, season windows, and how to work.
    inside
        Cells of the area frame, shape (h, w); None for all.
    folder
        Where the rasters go.
    jobs
        Threads.
    progress
        Called with blocks done and blocks in all.
    lost
        Scenes that fell out before, with the reason: they stand in the gap report beside those found here.
    runner
        Makes the blocks; threads here that keep nothing when None.

    Raises
    ------
    BrokenSceneError
        If a scene cannot be read and the options say so; nothing is written then.
    """
    windows = {window.name: (window.start, window.end) for window in profile.windows_in(options.start, options.end)}
    kept, dropped = list(scenes), list(lost)
    while True:
        work = PeriodWork(placed(kept, geobox, jobs=jobs), geobox, sensor, options, windows)
        try:
            count = work.write(folder, inside, runner or Runner(jobs=jobs), progress)
            break
        except BrokenSceneError as error:
            remaining = [scene for scene in kept if scene.id != error.scene_id]
            if options.broken == "refuse" or not remaining:
                raise
            # The whole scene goes, not a block of it: results must not depend on the blocks
            kept = remaining
            dropped.append((error.scene_id, error.told))
    return PeriodReport(
        scenes=tuple(kept),
        days=len({scene.day for scene in kept}),
        windows=windows,
        gaps=GapReport(count=count, windows=tuple(windows), lost_scenes=tuple(sorted(dropped))),
        files=(*(work.composite_path(folder, name) for name in windows), folder / "valid_count.tif"),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PeriodBlock:
    """A finished block."""

    composites: Mapping[str, NDArray[np.int16]]
    """Window to the median of every band, then the count of observations, shape (b + 1, h, w)."""
    counts: NDArray[np.uint16]
    """Clear observations in the period and in each window, shape (1 + windows, h, w)."""
    gaps: GapCount
    """Cells by how they were observed."""


@dataclass(frozen=True, slots=True, eq=False)
class PeriodWork:
    """All that a block of a period's imagery is made from: plain data, that another process can be handed."""

    scenes: Sequence[Scene]
    geobox: GeoBox
    sensor: Sensor
    options: PrepareOptions
    windows: WindowSpans

    @staticmethod
    def composite_path(folder: Path, window: str) -> Path:
        """Return where the composite of a window goes."""
        return folder / f"composite_{window}.tif"

    def write(
        self,
        folder: Path,
        inside: NDArray[np.bool_] | None,
        runner: Runner,
        progress: Callable[[int, int], None] | None,
    ) -> GapCount:
        """Write the rasters of the period and return its gaps."""
        shape = (self.geobox.shape[0], self.geobox.shape[1])
        size = working_side(self.geobox, self.options.block_size)
        origin = working_origin(self.scenes, self.geobox, self.sensor, self.options.block_size)
        blocks_in_all = sum(1 for _ in blocks(shape, size, origin))
        gaps = GapCount(window_missing=(0,) * len(self.windows))
        with CogWriters(runner.jobs, idle=runner.cluster is not None) as together:
            composites = {name: together.add(self._composite_writer(folder, name)) for name in self.windows}
            counts = together.add(self._count_writer(folder))
            results = runner.run(self, inside, shape, size=size, origin=origin)
            for done, (block, result) in enumerate(results, start=1):
                parts = [(writer, result.composites[name]) for name, writer in composites.items()]
                together.write(block, [*parts, (counts, result.counts)])
                gaps = gaps + result.gaps
                if progress is not None:
                    progress(done, blocks_in_all)
        return gaps

    @staticmethod
    def around(block: Block) -> Block:
        """Return the block: nothing beyond it matters."""
        return block

    def key(self, block: Block, cells: NDArray[np.bool_]) -> str:
        """Return the fingerprint of all that decides a block."""
        settings, scenes = _fingerprints(self)
        return block_key(settings, scenes, self.geobox, block, block, cells)

    def packed(self, result: PeriodBlock) -> dict[str, NDArray[Any]]:
        """Return a finished block as named arrays."""
        return {
            "counts": result.counts,
            "gaps": np.array(result.gaps.numbers, dtype=np.int64),
            **{f"composite {name}": result.composites[name] for name in self.windows},
        }

    def unpacked(self, arrays: Mapping[str, NDArray[Any]]) -> PeriodBlock:
        """Return a finished block from its arrays."""
        return PeriodBlock(
            composites={name: arrays[f"composite {name}"] for name in self.windows},
            counts=arrays["counts"],
            gaps=GapCount.of(arrays["gaps"].tolist()),
        )

    def __call__(self, block: Block, cells: NDArray[np.bool_], files: OpenRasters | None = None) -> PeriodBlock:
        """Make a block.

        Parameters
        ----------
        block
            Window of the grid.
        cells
            Its cells in the frame, shape (h, w).
        files
            Keeps files open from block to block; None to open them for this one.

        Raises
        ------
        BrokenSceneError
            If a file of a scene cannot be read.
        """
        size = (block.height, block.width)
        composites = {name: np.full((len(self.sensor.band) + 1, *size), NODATA, np.int16) for name in self.windows}
        counts = np.full((1 + len(self.windows), *size), COUNT_NODATA, dtype=np.uint16)
        if not cells.any():
            none = GapCount(window_missing=(0,) * len(self.windows))
            return PeriodBlock(composites=composites, counts=counts, gaps=none)
        stack = read_stack(
            self.scenes,
            self.geobox,
            block,
            sensor=self.sensor,
            cloud_buffer_m=self.options.cloud_buffer_m,
            files=files,
        )
        total, by_window = _counts(stack, self.windows)
        for layer, plane in enumerate((total, *by_window.values())):
            counts[layer] = np.where(cells, plane, COUNT_NODATA)
        observed = stack.at(cells)
        for name, span in self.windows.items():
            composites[name][:-1, cells] = composite_medians(observed, span)
            composites[name][-1] = np.where(cells, by_window[name], NODATA)
        inside = [plane[cells] for plane in by_window.values()]
        gaps = gap_count(total[cells], inside, self.options.min_valid)
        return PeriodBlock(composites=composites, counts=counts, gaps=gaps)

    def _composite_writer(self, folder: Path, window: str) -> CogWriter:
        style = composite_style(self.sensor, window, self.windows[window])
        bands = len(self.sensor.band) + 1
        path = self.composite_path(folder, window)
        return CogWriter(path, self.geobox, dtype="int16", bands=bands, style=style)

    def _count_writer(self, folder: Path) -> CogWriter:
        style = RasterStyle(nodata=COUNT_NODATA, descriptions=("period", *self.windows))
        bands = 1 + len(self.windows)
        path = folder / "valid_count.tif"
        return CogWriter(path, self.geobox, dtype="uint16", bands=bands, style=style)


def composite_style(sensor: Sensor, window: str, span: tuple[date, date]) -> RasterStyle:
    """Return what the composite of a window says of itself."""
    return RasterStyle(
        nodata=NODATA,
        descriptions=(*sensor.common, "valid_count"),
        packing="ZSTD",
        tags={
            "WINDOW": window,
            "START": str(span[0]),
            "END": str(span[1]),
            "SENSOR": sensor.name,
            "QUANTITY": sensor.quantity,
            # Of the bands, not of the count: a scale of the file would hold for that as well
            "UNIT": f"{sensor.quantum:g}",
        },
    )


@lru_cache(maxsize=4)
def _fingerprints(work: PeriodWork) -> tuple[dict[str, Any], list[tuple[Scene, str]]]:
    """Return what decides every block of a work, and the fingerprints of its scenes."""
    options = work.options
    settings = {
        "work": "period",
        "sensor": work.sensor.model_dump(mode="json"),
        "min_valid": options.min_valid,
        "cloud_buffer_m": options.cloud_buffer_m,
        "windows": {name: [str(first), str(last)] for name, (first, last) in work.windows.items()},
    }
    return settings, [(scene, scene_key(scene)) for scene in work.scenes]


def _counts(stack: Stack, windows: WindowSpans) -> tuple[NDArray[np.uint16], dict[str, NDArray[np.uint16]]]:
    """Return the clear observations of every cell in the period and in each window."""
    by_window = {
        name: stack.valid[[first <= day <= last for day in stack.days]].sum(axis=0, dtype=np.uint16)
        for name, (first, last) in windows.items()
    }
    return stack.valid.sum(axis=0, dtype=np.uint16), by_window


def composite_medians(observed: StackCells, span: tuple[date, date]) -> NDArray[np.int16]:
    """Return the median of every band within a window as integers, shape (b, n); `NODATA` where there is none."""
    out = np.empty((len(observed.stack.bands), len(observed)), dtype=np.int16)
    for first in range(0, len(observed), PART):
        part = slice(first, first + PART)
        for layer, plane in enumerate(window_medians(observed.part(part), span).values()):
            out[layer, part] = to_composite(plane)
    return out
