"""Where scenes come from: a static STAC catalogue or a folder of files, cut to a period and a grid."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from odc.geo.geobox import GeoBox
from pyproj import Transformer

from geo.errors import InputError, Problem
from imagery.scene import Scene, scene_files, unique_scenes
from imagery.scene_folder import folder_scenes
from imagery.sensor import Sensor
from imagery.stac import items_of, scene_of

__all__ = ["find_scenes", "is_file", "scene_files"]

Bounds = tuple[float, float, float, float]


def find_scenes(
    *,
    catalog: Path | None,
    folder: Path | None,
    pattern: str | None,
    sensor: Sensor,
    start: date,
    end: date,
    geobox: GeoBox,
) -> tuple[Scene, ...]:
    """Return the scenes of a period that touch a grid, each once, in order of time and name.

    Parameters
    ----------
    catalog
        Static STAC catalogue; give it or `folder`.
    folder, pattern
        Folder of files and how they are named.
    sensor
        The sensor.
    start, end
        First and last day, both included.
    geobox
        The analysis grid.

    Raises
    ------
    InputError
        If nothing fits (naming the period), or scenes are incomplete (naming each of them).
    """
    source = catalog or folder
    if source is None:
        raise InputError(Problem("[imagery]", "neither catalog nor folder", "one of them", "add it"))
    every = _catalog_scenes(source, sensor, start, end) if catalog else folder_scenes(source, pattern or "", sensor)
    area = _degrees(geobox)
    near = [
        scene
        for scene in every
        if start <= scene.day <= end and (scene.bounds is None or _overlap(scene.bounds, area))
    ]
    if not near:
        raise InputError(_nothing(source, every, start, end))
    scenes = unique_scenes(near)
    _require_files(scenes)
    return scenes


def _catalog_scenes(path: Path, sensor: Sensor, start: date, end: date) -> list[Scene]:
    """Return the scenes of a catalogue, after naming every item inside the period that is unusable."""
    problems: list[Problem] = []
    scenes = []
    for item in items_of(path):
        try:
            scene = scene_of(item, sensor)
        except InputError as error:
            if item.datetime is None or start <= item.datetime.date() <= end:
                problems += error.problems
            continue
        if scene is not None:
            scenes.append(scene)
    if problems:
        raise InputError(problems)
    return scenes


def _require_files(scenes: Iterable[Scene]) -> None:
    problems = []
    for scene in scenes:
        gone = [path.name for path in scene_files([scene]) if not is_file(path)]
        if gone:
            problems.append(
                Problem(
                    f"scene {scene.id}",
                    f"no file {', '.join(name[:80] for name in gone[:5])}",
                    "every asset the catalogue names",
                    "fetch the scene again, or take it out of the catalogue",
                )
            )
    if problems:
        raise InputError(problems)


def is_file(path: Path) -> bool:
    """Say whether there is such a file, also of a name too long for any."""
    try:
        return path.is_file()
    except OSError:  # a name that no file system takes
        return False


def _nothing(source: Path, every: list[Scene], start: date, end: date) -> Problem:
    if not every:
        return Problem(str(source), "no scene of this sensor", "scenes", "correct [imagery] sensor or source")
    in_time = [scene for scene in every if start <= scene.day <= end]
    first, last = min(scene.day for scene in every), max(scene.day for scene in every)
    if not in_time:
        found = f"no scene from {start} to {end} (its {len(every)} scenes are from {first} to {last})"
        return Problem(str(source), found, "scenes in the period", "correct [[period]] or add scenes")
    found = f"{len(in_time)} scenes from {start} to {end}, none of them over the area"
    return Problem(str(source), found, "scenes over the area", "correct [area] or add scenes")


def _degrees(geobox: GeoBox) -> Bounds:
    """Return the bounds of a grid in degrees; west exceeds east across the anti-meridian."""
    box = geobox.boundingbox
    to_degrees = Transformer.from_crs(str(geobox.crs), 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(box.left, box.bottom, box.right, box.top)
    return west, south, east, north


def _overlap(one: Bounds, other: Bounds) -> bool:
    """Return whether two boxes in degrees touch, on a round Earth.

    Examples
    --------
    >>> _overlap((179.0, 66.0, -178.0, 67.0), (-179.5, 66.2, -179.0, 66.4))
    True
    """
    if one[1] > other[3] or other[1] > one[3]:
        return False
    return any(
        a_west <= b_east and b_west <= a_east for a_west, a_east in _spans(one) for b_west, b_east in _spans(other)
    )


def _spans(box: Bounds) -> tuple[tuple[float, float], ...]:
    west, east = box[0], box[2]
    return ((west, east),) if west <= east else ((west, 180.0), (-180.0, east))
