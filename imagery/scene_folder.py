"""Plain folders of GeoTIFFs read as scenes, by a naming pattern."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from geo.errors import InputError, Problem, SurveyFileError
from imagery.scene import BandFile, Scene, naming
from imagery.sensor import Band, Sensor

__all__ = ["folder_entries", "folder_scenes"]

_DATE = r"\d{8}|\d{4}-\d{2}-\d{2}"
_FIELDS = {
    "date": _DATE,
    "start": _DATE,
    "end": _DATE,
    "band": r"[A-Za-z0-9_]+?",
    "baseline": r"\d{4}|\d{2}\.\d{2}",
    "scene": r"[^/]+?",
}


def folder_scenes(folder: Path, pattern: str, sensor: Sensor) -> list[Scene]:
    """Return the scenes of a folder.

    Parameters
    ----------
    folder
        Searched with its subfolders.
    pattern
        Path below `folder`, or a bare file name, such as ``STACK_{start}_{end}_{band}.tif``. The fields are
        ``{date}`` or ``{start}`` with ``{end}`` (yyyymmdd or yyyy-mm-dd), ``{band}`` (left out when one file
        holds all bands), ``{scene}`` and ``{baseline}``; ``*`` stands for anything within a name.
    sensor
        Says which bands are wanted.

    Raises
    ------
    SurveyFileError
        If the pattern has no date or an unknown field.
    InputError
        If the folder is missing, no file fits, or a scene lacks a band; every such scene is named.
    """
    entries = list(folder_entries(folder, pattern, sensor))
    problems = [problem for entry in entries if isinstance(entry, InputError) for problem in entry.problems]
    if problems:
        raise InputError(problems)
    return [entry for entry in entries if isinstance(entry, Scene)]


def folder_entries(folder: Path, pattern: str, sensor: Sensor) -> Iterator[Scene | InputError]:
    """Yield the scenes of a folder, or the error of one that cannot be used; parameters as in `folder_scenes`."""
    if not folder.is_dir():
        raise InputError(Problem(str(folder), "no such folder", "a folder of scenes", "correct the path"))
    expression = _expression(pattern)
    groups: dict[tuple[str, ...], dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix() if "/" in pattern else path.name
        found = expression.fullmatch(name)
        if found and path.is_file():
            fields = found.groupdict()
            key = tuple(fields.get(part) or "" for part in ("date", "start", "scene", "baseline"))
            groups[key][fields.get("band") or ""] = path
    if not groups:
        raise InputError(
            Problem(str(folder), f"no file named like {pattern}", "scenes", "correct [imagery] pattern")
        )
    for key, paths in sorted(groups.items()):
        try:
            yield _scene(key, paths, sensor)
        except InputError as error:
            yield naming(error, "_".join(part for part in (key[2], key[0] or key[1]) if part))


def _scene(key: tuple[str, ...], paths: dict[str, Path], sensor: Sensor) -> Scene:
    day, start, scene, baseline = key
    name = "_".join(part for part in (scene, day or start) if part)
    files = {band.common: _file(paths, band) for band in sensor.band}
    missing = [band.name for band in sensor.band if files[band.common] is None]
    mask = _mask(paths, sensor)
    missing += [sensor.mask.keys[0]] if sensor.mask and mask is None else []
    if missing:
        have = ", ".join(sorted(path.name for path in paths.values()))
        raise InputError(
            Problem(f"scene {name}", f"no file of band {', '.join(missing)} (it has {have})", "all bands")
        )
    shared = Counter(files.values())
    some = next(iter(paths.values()))
    number = f"{baseline[:2]}.{baseline[-2:]}" if baseline else sensor.baseline_in(some.as_posix())
    return Scene(
        id=name,
        time=_time(day or start, name),
        bands={
            band.common: BandFile(
                path=str(files[band.common]),
                index=band.index if shared[files[band.common]] > 1 or "" in paths else 1,
                scale=sensor.scale,
                offset=sensor.offset(number),
            )
            for band in sensor.band
        },
        mask=BandFile(path=str(mask), index=sensor.mask.index) if mask and sensor.mask else None,
        baseline=number,
    )


def _expression(pattern: str) -> re.Pattern[str]:
    """Turn a naming pattern into a regular expression."""
    parts = re.split(r"(\{[a-z]+\}|\*)", pattern)
    unknown = [part for part in parts if part.startswith("{") and part[1:-1] not in _FIELDS]
    if unknown or not {"{date}", "{start}"} & set(parts):
        known = ", ".join(f"{{{field}}}" for field in _FIELDS)
        found = f"unknown {', '.join(unknown)} in {pattern!r}" if unknown else f"no date in {pattern!r}"
        raise SurveyFileError(Problem("[imagery] pattern", found, f"{{date}} or {{start}}, and of {known}"))
    text, seen = "", set()
    for part in parts:
        if part == "*":
            text += "[^/]*"
        elif part.startswith("{"):
            field = part[1:-1]
            text += f"(?P={field})" if field in seen else f"(?P<{field}>{_FIELDS[field]})"
            seen.add(field)
        else:
            text += re.escape(part)
    return re.compile(text)


def _file(paths: dict[str, Path], band: Band) -> Path | None:
    if "" in paths:
        return paths[""]
    return next((paths[key] for key in (band.name, *band.keys) if key in paths), None)


def _mask(paths: dict[str, Path], sensor: Sensor) -> Path | None:
    keys = sensor.mask.keys if sensor.mask else ()
    return next((paths[key] for key in keys if key in paths), None)


def _time(text: str, name: str) -> datetime:
    try:
        return datetime.strptime(text.replace("-", ""), "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(
            Problem(f"scene {name}", f"{text}, which is no date", "yyyymmdd", "rename its files")
        ) from None
