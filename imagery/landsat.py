"""Landsat Collection 2 level 2 scenes read from their own metadata, ``*_MTL.txt``, ``.json`` or ``.xml``."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from geo.errors import InputError, Problem, reason
from geo.json_text import parse_json
from geo.limits import require_size
from geo.markup import parse_xml
from imagery.scene import BandFile, Scene, SunAngles, naming, platform_name
from imagery.sensor import Band, Sensor

__all__ = ["landsat_metadata", "landsat_scene"]

_SUFFIXES = (".txt", ".json", ".xml")
"""In the order they are preferred: one scene ships all three, which say the same."""
_LEVELS = ("L2SP", "L2SR")
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)

Groups = Mapping[str, Mapping[str, str]]


def landsat_metadata(folder: Path) -> Iterator[Path]:
    """Yield one metadata file for each scene below a folder, in order of path.

    Parameters
    ----------
    folder
        Searched with its subfolders.
    """
    found: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*_MTL.*")):
        if path.suffix in _SUFFIXES:
            known = found.setdefault(path.with_suffix(""), path)
            if _SUFFIXES.index(path.suffix) < _SUFFIXES.index(known.suffix):
                found[path.with_suffix("")] = path
    yield from found.values()


def landsat_scene(metadata: Path, sensor: Sensor) -> Scene | None:
    """Return the scene that a metadata file describes, or None when it is no level 2 product.

    Parameters
    ----------
    metadata
        ``*_MTL.txt``, ``*_MTL.json`` or ``*_MTL.xml``; the images lie beside it.
    sensor
        Says which bands are wanted, and their numbers by instrument.

    Raises
    ------
    InputError
        If the metadata are damaged or lack a band.
    """
    name = metadata.stem.removesuffix("_MTL")
    try:
        groups = _groups(metadata)
        contents = groups["PRODUCT_CONTENTS"]
        if contents["PROCESSING_LEVEL"] not in _LEVELS:
            return None
        return _scene(metadata, groups, sensor, contents["LANDSAT_PRODUCT_ID"])
    except InputError as error:
        raise naming(error, name) from error
    except (OSError, ElementTree.ParseError, *_MALFORMED) as error:
        found = f"metadata that cannot be read ({type(error).__name__}: {reason(error)})"
        raise InputError(
            Problem(f"scene {name}, {metadata.name}", found, "Landsat Collection 2 metadata", "fetch it again")
        ) from error


def _scene(metadata: Path, groups: Groups, sensor: Sensor, name: str) -> Scene:
    attributes, contents = groups["IMAGE_ATTRIBUTES"], groups["PRODUCT_CONTENTS"]
    rescaling = groups["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"]
    instrument = attributes["SENSOR_ID"].split("_")[0]
    bands = {}
    for band in sensor.band:
        number = _number(band, instrument, name)
        bands[band.common] = BandFile(
            path=str(metadata.with_name(Path(contents[f"FILE_NAME_BAND_{number}"]).name)),
            scale=float(rescaling[f"REFLECTANCE_MULT_BAND_{number}"]),
            offset=float(rescaling[f"REFLECTANCE_ADD_BAND_{number}"]),
        )
    quality = contents["FILE_NAME_QUALITY_L1_PIXEL"]
    clock = attributes["SCENE_CENTER_TIME"].rstrip("Z")[:15]  # seven decimals, of which Python takes six
    return Scene(
        id=name,
        time=datetime.fromisoformat(f"{attributes['DATE_ACQUIRED']}T{clock}").replace(tzinfo=UTC),
        bands=bands,
        mask=BandFile(path=str(metadata.with_name(Path(quality).name))) if sensor.mask else None,
        tile=f"{int(attributes['WRS_PATH']):03d}{int(attributes['WRS_ROW']):03d}",
        bounds=_bounds(groups["PROJECTION_ATTRIBUTES"]),
        platform=platform_name(attributes["SPACECRAFT_ID"]),
        sun=SunAngles(
            elevation_deg=float(attributes["SUN_ELEVATION"]), azimuth_deg=float(attributes["SUN_AZIMUTH"]) % 360
        ),
    )


def _number(band: Band, instrument: str, name: str) -> int:
    if instrument not in band.numbers:
        known = ", ".join(sorted(band.numbers)) or "none"
        raise InputError(
            Problem(f"scene {name}", f"instrument {instrument}", f"one the sensor file numbers ({known})")
        )
    return band.numbers[instrument]


def _bounds(corners: Mapping[str, str]) -> tuple[float, float, float, float]:
    """Return the bounds in degrees; west exceeds east across the anti-meridian."""
    names = ("UL", "UR", "LL", "LR")
    north_south = [float(corners[f"CORNER_{name}_LAT_PRODUCT"]) for name in names]
    east_west = [float(corners[f"CORNER_{name}_LON_PRODUCT"]) for name in names]
    if max(east_west) - min(east_west) > 180:
        east_west = [degrees % 360 for degrees in east_west]
    west, east = ((value + 180) % 360 - 180 for value in (min(east_west), max(east_west)))
    return west, min(north_south), east, max(north_south)


def _groups(path: Path) -> Groups:
    """Return the groups of a metadata file with their entries as text; the three forms read alike."""
    require_size(path, "json_bytes")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        content = parse_json(text, where=str(path))["LANDSAT_METADATA_FILE"]
        return {name: {key: str(value) for key, value in group.items()} for name, group in content.items()}
    if path.suffix == ".xml":
        root = parse_xml(text.encode())
        return {group.tag: {entry.tag: (entry.text or "").strip() for entry in group} for group in root}
    return _object_description(text)


def _object_description(text: str) -> dict[str, dict[str, str]]:
    """Read the lines ``GROUP = name``, ``key = value`` and ``END_GROUP = name``."""
    groups: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in text.splitlines():
        key, sign, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            current = groups.setdefault(value, {})
        elif sign and key != "END_GROUP":
            current[key] = value.strip('"')
    return groups
