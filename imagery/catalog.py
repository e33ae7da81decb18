"""Where scenes come from: a static STAC catalogue or a folder of files, cut to a period and a grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pystac
from pyproj import Transformer

from geo.errors import InputError, Problem
from geo.grid import GeoBox
from imagery.address import is_remote, shown_address
from imagery.product_folder import product_scenes
from imagery.scene import Scene, scene_files, unique_scenes
from imagery.scene_folder import folder_entries
from imagery.sensor import Sensor
from imagery.stac import items_of, scene_of

__all__ = [
    "LostScene",
    "Search",
    "bounds_in_degrees",
    "find_scenes",
    "is_file",
    "item_entries",
    "scene_files",
    "search_items",
    "search_scenes",
    "touches",
]

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LostScene:
    """A scene of the period that cannot be used."""

    id: str
    """Its name."""
    reason: str
    """What is wrong with it."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a source holds of a period."""

    scenes: tuple[Scene, ...]
    """Usable scenes over the area, each once, in order of time and name."""
    problems: tuple[Problem, ...]
    """What is wrong with the others of the period, which may or may not lie over the area."""
    unfetched: tuple[Problem, ...] = ()
    """Scenes over the area with an asset on the web that is not on this machine."""

    @property
    def lost(self) -> tuple[LostScene, ...]:
        """The scenes that cannot be used, each once, in order of name."""
        every = (*self.unfetched, *self.problems)
        found = {problem.where.removeprefix("scene "): problem.found for problem in reversed(every)}
        return tuple(LostScene(name, found[name]) for name in sorted(found))


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
    """Return the scenes of a period that touch a grid, after naming every one that cannot be used.

    Parameters as in `search_scenes`.

    Raises
    ------
    InputError
        If nothing fits (naming the period), or scenes are incomplete (naming each of them).
    """
    found = search_scenes(
        catalog=catalog, folder=folder, pattern=pattern, sensor=sensor, start=start, end=end, geobox=geobox
    )
    if found.problems or found.unfetched:
        raise InputError([*found.problems, *found.unfetched])
    return found.scenes


def search_scenes(
    *,
    catalog: Path | None,
    folder: Path | None,
    pattern: str | None,
    sensor: Sensor,
    start: date,
    end: date,
    geobox: GeoBox,
) -> Search:
    """Return the scenes of a period that touch a grid, and what is wrong with the others.

    Parameters
    ----------
    catalog
        Static STAC catalogue; give it or `folder`.
    folder, pattern
        Folder of files and how they are named; without `pattern`, of products as their provider ships them.
    sensor
        The sensor.
    start, end
        First and last day, both included.
    geobox
        The analysis grid.

    Raises
    ------
    InputError
        If the source cannot be read at all, or holds no usable scene (naming the period, or each that is not).
    """
    source = catalog or folder
    if source is None:
        raise InputError(Problem("[imagery]", "neither catalog nor folder", "one of them", "add it"))
    entries = _entries(catalog, folder, pattern, sensor, (start, end))
    return chosen(entries, where=str(source), start=start, end=end, geobox=geobox)


def search_items(
    items: Iterable[pystac.Item],
    *,
    where: str,
    sensor: Sensor,
    start: date,
    end: date,
    geobox: GeoBox,
    anywhere: bool = False,
) -> Search:
    """Return the same of STAC items that were read already; `where` names their source in messages.

    With `anywhere`, scenes whose files are not on this machine count as any others.
    """
    entries = item_entries(items, sensor, (start, end))
    return chosen(entries, where=where, start=start, end=end, geobox=geobox, anywhere=anywhere)


def chosen(
    entries: Iterable[Scene | InputError],
    *,
    where: str,
    start: date,
    end: date,
    geobox: GeoBox,
    anywhere: bool = False,
) -> Search:
    """Return the scenes among entries that a period and a grid ask for, and what is wrong with the others.

    Raises
    ------
    InputError
        As `search_scenes`.
    """
    problems: list[Problem] = []
    every: list[Scene] = []
    for entry in entries:
        if isinstance(entry, Scene):
            every.append(entry)
        else:
            problems += entry.problems
    area = bounds_in_degrees(geobox)
    near = [scene for scene in every if start <= scene.day <= end and touches(scene, area)]
    whole, unfetched = [], []
    for scene in unique_scenes(near):
        if anywhere:
            whole.append(scene)
        elif (elsewhere := _elsewhere(scene)) is not None:
            unfetched.append(elsewhere)
        elif (missing := _missing_files(scene)) is not None:
            problems.append(missing)
        else:
            whole.append(scene)
    if not whole:
        raise InputError([*problems, *unfetched] or _nothing(where, every, start, end))
    return Search(tuple(whole), tuple(problems), tuple(unfetched))


def _entries(
    catalog: Path | None, folder: Path | None, pattern: str | None, sensor: Sensor, span: tuple[date, date]
) -> Iterator[Scene | InputError]:
    """Yield every scene of a source, and the error of every one inside the period that cannot be used."""
    if catalog is not None:
        yield from item_entries(items_of(catalog), sensor, span)
    elif folder is not None and pattern:
        yield from folder_entries(folder, pattern, sensor)
    elif folder is not None:
        yield from product_scenes(folder, sensor)


def item_entries(
    items: Iterable[pystac.Item], sensor: Sensor, span: tuple[date, date]
) -> Iterator[Scene | InputError]:
    """Yield the scene of every item, or the error of one inside the period that cannot be used."""
    for item in items:
        try:
            scene = scene_of(item, sensor)
        except InputError as error:
            if item.datetime is None or span[0] <= item.datetime.date() <= span[1]:
                yield error
            continue
        if scene is not None:
            yield scene


def touches(scene: Scene, area: Bounds) -> bool:
    """Return whether a scene touches an area in degrees; one that does not say where it lies may."""
    return scene.bounds is None or _overlap(scene.bounds, area)


def _elsewhere(scene: Scene) -> Problem | None:
    """Return the problem of a scene with an asset that is not on this machine."""
    files = [file.path for file in (*scene.bands.values(), scene.mask) if file]
    remote = sorted({shown_address(path) for path in files if is_remote(path)})
    if not remote:
        return None
    found = f"an asset at {remote[0][:80]}, which is not on this machine"
    return Problem(f"scene {scene.id}", found, "files of this machine", "fetch them with 'altdev fetch'")


def _missing_files(scene: Scene) -> Problem | None:
    """Return the problem of a scene whose files are not there."""
    gone = [path.name for path in scene_files([scene]) if not is_file(path)]
    if not gone:
        return None
    return Problem(
        f"scene {scene.id}",
        f"no file {', '.join(name[:80] for name in gone[:5])}",
        "every asset the catalogue names",
        "fetch the scene again, or take it out of the catalogue",
    )


def is_file(path: Path) -> bool:
    """Say whether there is such a file, also of a name too long for any."""
    try:
        return path.is_file()
    except OSError:  # a name that no file system takes
        return False


def _nothing(where: str, every: list[Scene], start: date, end: date) -> Problem:
    if not every:
        return Problem(where, "no scene of this sensor", "scenes", "correct [imagery] sensor or source")
    in_time = [scene for scene in every if start <= scene.day <= end]
    first, last = min(scene.day for scene in every), max(scene.day for scene in every)
    if not in_time:
        found = f"no scene from {start} to {end} (its {len(every)} scenes are from {first} to {last})"
        return Problem(where, found, "scenes in the period", "correct [[period]] or add scenes")
    found = f"{len(in_time)} scenes from {start} to {end}, none of them over the area"
    return Problem(where, found, "scenes over the area", "correct [area] or add scenes")


def bounds_in_degrees(geobox: GeoBox) -> Bounds:
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
