"""Step ``imagery``: scenes of a period, masked and composed on the grid of the frame.

Finding scenes is light, since `altdev check` does it; what composes them is imported where it is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo.errors import InputError, Problem
from geo.raster import geobox_of
from geo.stored import SUFFIX
from imagery.address import shown_address
from imagery.catalog import Search, scene_files, search_items, search_scenes
from imagery.harmonise import harmonised
from monitor.context import Context, Progress
from monitor.sections import PeriodSection
from monitor.steps.fetch import period_items, store_of

if TYPE_CHECKING:
    from imagery.adjust import Adjusted, AdjustOptions
    from imagery.joint import JointSensors
    from imagery.scene import Scene
    from monitor.sections.imagery import FurtherSection, ImagerySection

__all__ = [
    "adjust_options",
    "kept_radar",
    "kept_scenes",
    "prepare",
    "scene_inputs",
    "search",
    "search_radar",
    "source_name",
]

RADAR_FOLDER = "radar"
"""Folder of the radar beside the files of the first sensors."""


def search(context: Context, period: PeriodSection) -> Search:
    """Return the scenes of a period over the frame, in order, and those that cannot be used.

    Raises
    ------
    InputError
        If there is none, if images on the web are not here yet, or with ``broken = "refuse"`` if any is unusable.
    """
    imagery = context.imagery
    items = period_items(context, period)
    request: dict[str, Any] = {
        "sensor": context.first_sensor,
        "start": period.start,
        "end": period.end,
        "geobox": context.frame.geobox,
    }
    if items is None:
        found = search_scenes(catalog=None, folder=imagery.folder, pattern=imagery.pattern, **request)
    else:
        found = search_items(items, where=source_name(context), **request)
    _require_inside(found, imagery, context)
    _require_own_objects(found, context)
    waiting = [problem for problem in found.unfetched if not _was_tried(problem, context)]
    if waiting or (imagery.broken == "refuse" and found.lost):
        raise InputError([*found.problems, *found.unfetched] if imagery.broken == "refuse" else waiting)
    if imagery.harmonise != "none":
        found = replace(found, scenes=harmonised(found.scenes, imagery.harmonise).scenes)
    return found if context.joint is None else _with_further(context, period, found, context.joint)


def _with_further(context: Context, period: PeriodSection, first: Search, joint: JointSensors) -> Search:
    """Return the scenes of all sensors of a series together, harmonised, each read by its own rules."""
    from imagery.scene import unique_scenes

    scenes, problems, unfetched = [*joint.scenes(0, first.scenes)], [*first.problems], [*first.unfetched]
    further = [one for one in context.imagery.further if one.use == "series"]
    for number, section in enumerate(further, start=1):
        found = _further_scenes(context, period, section)
        target = context.imagery.harmonise
        alike = found.scenes if target == "none" else harmonised(found.scenes, target).scenes
        scenes += joint.scenes(number, alike)
        problems += found.problems
        unfetched += found.unfetched
    return replace(first, scenes=unique_scenes(scenes), problems=tuple(problems), unfetched=tuple(unfetched))


def _further_scenes(context: Context, period: PeriodSection, section: FurtherSection) -> Search:
    from imagery.sensor import load_sensor

    found = search_scenes(
        catalog=section.catalog,
        folder=section.folder,
        pattern=section.pattern,
        sensor=load_sensor(section.sensor),
        start=period.start,
        end=period.end,
        geobox=context.frame.geobox,
    )
    _require_inside(found, section, context)
    _require_own_objects(found, context)
    if context.imagery.broken == "refuse" and found.lost:
        raise InputError([*found.problems, *found.unfetched])
    return found


def search_radar(context: Context, period: PeriodSection) -> Search | None:
    """Return the radar's scenes of a period; None without a radar."""
    section = context.radar_section
    return None if section is None or context.radar is None else _further_scenes(context, period, section)


def kept_radar(context: Context, period: PeriodSection) -> tuple[Scene, ...]:
    """Return the radar's scenes as the step ``imagery`` used them."""
    from monitor.scene_table import kept_as_prepared

    found = search_radar(context, period)
    if found is None:
        return ()
    folder = context.out / "imagery" / period.name / RADAR_FOLDER
    return tuple(kept_as_prepared(found.scenes, folder, None, context.frame.geobox))


def _require_inside(found: Search, source: ImagerySection | FurtherSection, context: Context) -> None:
    """Refuse a catalogue or product that names files elsewhere on this machine: it was written by others.

    Links that stand in the folders are their owner's, and are followed.

    Raises
    ------
    InputError
        Naming each scene.
    """
    home = source.folder if source.catalog is None else source.catalog.parent
    if home is None or context.imagery.outside:
        return
    folders = (home, context.root, context.imagery.cache)
    homes = [os.path.abspath(folder) for folder in folders]  # noqa: PTH100 (links are followed)
    problems = []
    for scene in found.scenes:
        paths = [os.path.abspath(path) for path in scene_files([scene])]  # noqa: PTH100
        strays = [path for path in paths if not any(Path(path).is_relative_to(home) for home in homes)]
        if strays:
            name = Path(strays[0]).name
            what = "folder of scenes" if source.catalog is None else "catalogue's folder"
            told = f"{len(strays)} files outside the {what} and the survey's, such as {name}"
            remedy = "if they are meant, set [imagery] outside = true"
            problems.append(Problem(f"scene {scene.id}", told, "files inside", remedy))
    if problems:
        raise InputError(problems)


def _require_own_objects(found: Search, context: Context) -> None:
    """Refuse files that stand for objects unless the program wrote them: others would choose what is asked for.

    Raises
    ------
    InputError
        Naming each scene.
    """
    home = os.path.abspath(context.imagery.cache)  # noqa: PTH100 (no links)
    problems = []
    for scene in found.scenes:
        named = [path for path in scene_files([scene]) if path.suffix == SUFFIX]
        strays = [path for path in named if not Path(os.path.abspath(path)).is_relative_to(home)]  # noqa: PTH100
        if strays:
            told = f"{len(strays)} files that stand for objects in a store, such as {strays[0].name}"
            problems.append(Problem(f"scene {scene.id}", told, "images", "name the objects in the catalogue"))
    if problems:
        raise InputError(problems)


def source_name(context: Context) -> str:
    """Return where the images come from, as it may be shown."""
    imagery = context.imagery
    return shown_address(imagery.address) if imagery.address else str(imagery.catalog or imagery.folder)


def _was_tried(problem: Problem, context: Context) -> bool:
    """Say whether an asset of a scene was asked for and could not be had."""
    scene = problem.where.removeprefix("scene ")
    return any(key.split("/")[1] == scene for key in store_of(context).failed)


def scene_inputs(context: Context, period: PeriodSection) -> tuple[Path, ...]:
    """Return the files the scenes of a period are read from, for hashing."""
    radar = search_radar(context, period)
    return tuple(scene_files([*search(context, period).scenes, *(radar.scenes if radar is not None else ())]))


def kept_scenes(context: Context, period: PeriodSection) -> tuple[Scene, ...]:
    """Return the scenes as the step ``imagery`` used them: those it left out teach and map nothing."""
    from monitor.scene_table import kept_as_prepared

    folder = context.out / "imagery" / period.name
    relief = adjust_options(context).relief
    return tuple(kept_as_prepared(search(context, period).scenes, folder, relief, context.frame.geobox))


def adjust_options(context: Context) -> AdjustOptions:
    """Return how the survey's scenes are made comparable."""
    from imagery.adjust import AdjustOptions
    from imagery.relief import ReliefOptions

    imagery = context.imagery
    relief = None
    if imagery.topographic != "none" and imagery.elevation is not None:
        relief = ReliefOptions(
            method=imagery.topographic,
            elevation=str(imagery.elevation),
            least_illumination=imagery.least_illumination,
            shadow_reach_m=imagery.shadow_reach_m,
        )
    return AdjustOptions(
        coregistration=imagery.coregistration,
        tolerance_m=imagery.coregistration_tolerance_m or context.survey.area.resolution_m,
        relief=relief,
        cloud_buffer_m=imagery.cloud_buffer_m,
        broken="refuse" if imagery.broken == "refuse" else "drop",
    )


def prepare(context: Context, staging: Path, progress: Progress, *, period: PeriodSection) -> Mapping[str, Any]:
    """Write the composites and counts of a period, and the tables of its scenes and of its gaps."""
    from imagery.adjust import adjusted
    from imagery.prepare import PrepareOptions, write_period
    from monitor.scene_table import GAP_TABLE, SCENE_TABLE, TOPOGRAPHY_TABLE, band_rows, gap_rows, scene_rows
    from monitor.tables import write_csv

    imagery = context.imagery
    found = search(context, period)
    folder = staging / "imagery" / period.name
    options = adjust_options(context)
    ready = adjusted(
        found.scenes,
        geobox=context.frame.geobox,
        sensor=context.sensor,
        options=options,
        inside=context.frame.inside,
        jobs=context.jobs,
    )
    report = write_period(
        ready.scenes,
        geobox=context.frame.geobox,
        sensor=context.sensor,
        profile=context.profile,
        options=PrepareOptions(
            start=period.start,
            end=period.end,
            min_valid=imagery.min_valid,
            cloud_buffer_m=imagery.cloud_buffer_m,
            broken=options.broken,
        ),
        inside=context.frame.inside,
        folder=folder,
        jobs=context.jobs,
        progress=progress,
        lost=[*((scene.id, scene.reason) for scene in found.lost), *ready.lost],
        runner=context.runner(f"imagery:{period.name}"),
    )
    lost = report.gaps.lost_scenes
    write_csv(scene_rows(report.scenes, lost, ready.alignment, options), folder / SCENE_TABLE)
    write_csv(band_rows(ready.bands), folder / TOPOGRAPHY_TABLE)
    admin = context.frame.admin
    gaps = gap_rows(
        folder / "valid_count.tif",
        period=period.name,
        unit_of_cell=context.frame.unit_of_cell,
        units=list(zip(admin["code"], admin["name"], strict=True)),
        frame_name=context.survey.survey.title,
        windows=list(report.windows),
        min_valid=imagery.min_valid,
    )
    write_csv(gaps, folder / GAP_TABLE)
    notes = [
        *_prepare_radar(context, folder / RADAR_FOLDER, options, period),
        *_warped(context, report.scenes),
        *_lost(period, lost),
        *_beside(period, ready, options),
        *_relief_notes(period, ready),
        *_unharmonised(context, period, found),
    ]
    return report.record() | {"source": source_name(context) if imagery.address else "", "notes": notes}


def _prepare_radar(context: Context, folder: Path, options: AdjustOptions, period: PeriodSection) -> Iterator[str]:
    """Write the composites, counts and scenes of the radar, and yield what is to be told of them."""
    from imagery.prepare import PrepareOptions, write_period
    from monitor.scene_table import SCENE_TABLE, scene_rows
    from monitor.tables import write_csv

    found, section = search_radar(context, period), context.radar_section
    if found is None or section is None or context.radar is None:
        return
    report = write_period(
        found.scenes,
        geobox=context.frame.geobox,
        sensor=context.radar,
        profile=context.profile,
        options=PrepareOptions(
            start=period.start,
            end=period.end,
            min_valid=section.min_valid or 1,
            cloud_buffer_m=0.0,
            broken=options.broken,
        ),
        inside=context.frame.inside,
        folder=folder,
        jobs=context.jobs,
        lost=[(scene.id, scene.reason) for scene in found.lost],
    )
    write_csv(scene_rows(report.scenes, report.gaps.lost_scenes, (), options), folder / SCENE_TABLE)
    yield from _warped(context, report.scenes)
    yield from _lost(period, report.gaps.lost_scenes)


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
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.name)


def _lost(period: PeriodSection, scenes: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, reason in scenes:
        yield f"period {period.name}, scene {name}: left out ({reason})"


def _beside(period: PeriodSection, ready: Adjusted, options: AdjustOptions) -> Iterator[str]:
    from imagery.adjust import alignment_state

    for one in ready.alignment:
        state = alignment_state(one, options)
        if state in ("beyond", "moved"):
            done = "moved onto them" if state == "moved" else "left there"
            yield (
                f"period {period.name}, scene {one.scene}: lies {one.distance_m:.1f} m beside the others, "
                f"{done} (tolerance {options.tolerance_m:g} m)"
            )


def _relief_notes(period: PeriodSection, ready: Adjusted) -> Iterator[str]:
    done = [one.effect for one in ready.bands if one.parameter is not None]
    if ready.bands:
        before, after = (
            sorted(abs(moments.correlation) for moments in side if moments.cells)
            for side in ([one.before for one in done], [one.after for one in done])
        )
        middle = f", median correlation with illumination {_middle(before)} before and {_middle(after)} after"
        yield (
            f"period {period.name}: shading taken out of {len(done)} of {len(ready.bands)} bands of scenes"
            + (middle if done else "")
        )


def _unharmonised(context: Context, period: PeriodSection, found: Search) -> Iterator[str]:
    """Tell the scenes of platforms without coefficients: they stand as they are among others that were changed."""
    if context.imagery.harmonise != "none":
        for name, platform in harmonised(found.scenes, context.imagery.harmonise).unchanged:
            yield f"period {period.name}, scene {name}: platform {platform} has no coefficients; not harmonised"


def _middle(ordered: Sequence[float]) -> str:
    return f"{ordered[len(ordered) // 2]:.2f}" if ordered else "unknown"
