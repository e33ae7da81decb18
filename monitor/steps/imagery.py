"""Step ``imagery``: scenes of a period, masked and composed on the grid of the frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo.raster import geobox_of
from imagery.catalog import find_scenes, scene_files
from imagery.prepare import PrepareOptions, write_period
from monitor.context import Context, Progress
from monitor.sections import PeriodSection

if TYPE_CHECKING:
    from imagery.scene import Scene

__all__ = ["prepare", "scene_inputs", "scenes_of"]


def scenes_of(context: Context, period: PeriodSection) -> tuple[Scene, ...]:
    """Return the scenes of a period over the frame, in order."""
    imagery = context.imagery
    return find_scenes(
        catalog=imagery.catalog,
        folder=imagery.folder,
        pattern=imagery.pattern,
        sensor=context.sensor,
        start=period.start,
        end=period.end,
        geobox=context.frame.geobox,
    )


def scene_inputs(context: Context, period: PeriodSection) -> tuple[Path, ...]:
    """Return the files the scenes of a period are read from, for hashing."""
    return tuple(scene_files(scenes_of(context, period)))


def prepare(context: Context, staging: Path, progress: Progress, *, period: PeriodSection) -> Mapping[str, Any]:
    """Write ``imagery/PERIOD/composite_WINDOW.tif`` and ``imagery/PERIOD/valid_count.tif``."""
    imagery = context.imagery
    scenes = scenes_of(context, period)
    report = write_period(
        scenes,
        geobox=context.frame.geobox,
        sensor=context.sensor,
        profile=context.profile,
        options=PrepareOptions(
            start=period.start,
            end=period.end,
            min_valid=imagery.min_valid,
            cloud_buffer_m=imagery.cloud_buffer_m,
        ),
        inside=context.frame.inside,
        folder=staging / "imagery" / period.name,
        jobs=context.jobs,
        progress=progress,
    )
    return report.record() | {"notes": [*_warped(context, scenes), *_lost(report.gaps.lost_scenes)]}


def _warped(context: Context, scenes: Sequence[Scene]) -> Iterator[str]:
    """Tell the scenes that lie in another CRS than the analysis grid, since resampling moves their cells."""
    grid = context.frame.geobox.crs
    for scene in scenes:
        found = sorted({_crs_name(crs) for path in scene_files([scene]) if (crs := geobox_of(path).crs) != grid})
        if found:
            yield (
                f"scene {scene.id}: lies in {', '.join(found)}; the grid in {_crs_name(grid)}: warped to the grid"
            )


def _crs_name(crs: Any) -> str:
    """Return the code of a CRS; its own name where it has none."""
    return f"EPSG:{crs.epsg}" if crs.epsg else str(crs.proj.name)


def _lost(scenes: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, reason in scenes:
        yield f"scene {name}: left out ({reason})"
