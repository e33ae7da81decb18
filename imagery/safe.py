"""Sentinel-2 products read from their own metadata: SAFE folders as ESA ships them, and tiles of the AWS archive.

A SAFE folder holds ``MTD_MSIL2A.xml`` (the product) and ``GRANULE/*/MTD_TL.xml`` (the tile). The archive holds a
folder a tile with ``metadata.xml``, and beside it, if somebody copied it, ``product_metadata.xml``.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pyproj import Transformer
from pyproj.exceptions import ProjError

from geo.errors import InputError, Problem, reason
from geo.limits import require_size
from geo.markup import parse_xml
from imagery.scene import BandFile, Scene, SunAngles, naming, platform_name
from imagery.sensor import Band, Sensor

__all__ = ["safe_scene", "safe_tiles"]

_RESOLUTION = re.compile(r"_(\d\d)m$")
_IMAGES = (".jp2", ".tif", ".tiff")
_BEYOND_FILES = 1000
_MALFORMED = (
    OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, StopIteration, ProjError,
)  # fmt: skip


def safe_tiles(folder: Path) -> Iterator[Path]:
    """Yield the tile metadata of all Sentinel-2 level 2A products below a folder, in order of path.

    Parameters
    ----------
    folder
        Searched with its subfolders.
    """
    for path in sorted(folder.rglob("*.xml")):
        if path.name == "MTD_TL.xml" or (path.name == "metadata.xml" and b"Level-2A_Tile_ID" in _head(path)):
            yield path


def safe_scene(tile: Path, sensor: Sensor) -> Scene | None:
    """Return the scene of a tile, or None when it is no level 2A product.

    Parameters
    ----------
    tile
        ``MTD_TL.xml`` of a SAFE folder or ``metadata.xml`` of the archive.
    sensor
        Says which bands are wanted.

    Raises
    ------
    InputError
        If the metadata are damaged, or lack a band, the time or the baseline.
    """
    root = _parsed(tile)
    if not root.tag.endswith("Level-2A_Tile_ID"):
        return None
    name = tile.parent.name
    try:
        product = _product_of(tile)
        details = None if product is None else _parsed(product)
        name = _text(details, "PRODUCT_URI", "").removesuffix(".SAFE") or _text(root, "TILE_ID")
        return _scene(tile, root, details, sensor, name)
    except InputError as error:
        raise naming(error, name) from error
    except _MALFORMED as error:
        found = f"metadata that cannot be read ({reason(error)})"
        raise InputError(Problem(f"scene {name}", found, "a whole SAFE product", "fetch it again")) from error


def _scene(
    tile: Path, root: ElementTree.Element, details: ElementTree.Element | None, sensor: Sensor, name: str
) -> Scene:
    baseline = _baseline(root, details)
    default = sensor.offset(baseline)
    listed = _offsets(details)
    scale = 1.0 / float(_text(details, "BOA_QUANTIFICATION_VALUE", str(1.0 / sensor.scale)))
    files = {band.common: _image(tile, details, band.name) for band in sensor.band}
    mask = None if sensor.mask is None else _image(tile, details, sensor.mask.keys[0])
    tile_id = _text(root, "TILE_ID")
    return Scene(
        id=name,
        time=_time(_text(details, "PRODUCT_START_TIME", "") or _text(root, "SENSING_TIME")),
        bands={
            band.common: BandFile(
                path=str(files[band.common]), scale=scale, offset=_offset(band, listed, default, scale)
            )
            for band in sensor.band
        },
        mask=None if mask is None else BandFile(path=str(mask)),
        baseline=baseline,
        tile=_found(r"_T(\d\d[A-Z]{3})", tile_id),
        bounds=_bounds(root),
        platform=platform_name(f"sentinel-{_found(r'^S(2[A-D])', tile_id)}"),
        sun=_sun(root),
    )


def _product_of(tile: Path) -> Path | None:
    """Return the metadata of the product that a tile belongs to, if they are there."""
    above = tile.parent.parent.parent
    for path in (above / "MTD_MSIL2A.xml", tile.with_name("product_metadata.xml")):
        if path.is_file() and (path.name != "MTD_MSIL2A.xml" or tile.name == "MTD_TL.xml"):
            return path
    return None


def _baseline(root: ElementTree.Element, details: ElementTree.Element | None) -> str:
    told = _text(details, "PROCESSING_BASELINE", "")
    return told or _found(r"_N(\d\d\.\d\d)$", _text(root, "TILE_ID"))


def _offsets(details: ElementTree.Element | None) -> dict[int, float]:
    """Return the offsets that the product declares, in digital numbers by band number; none before 04.00."""
    entries = [] if details is None else details.iter("BOA_ADD_OFFSET")
    return {int(entry.attrib["band_id"]): float(entry.text or "") for entry in entries}


def _offset(band: Band, listed: dict[int, float], default: float, scale: float) -> float:
    """Return what is added after scaling: what the product declares, else what its baseline demands."""
    if band.offset_id is None or band.offset_id not in listed:
        return default
    return listed[band.offset_id] * scale


def _image(tile: Path, details: ElementTree.Element | None, band: str) -> Path:
    """Return the image of a band at its finest resolution: as the product lists it, or as the archive lays it out.

    A file that is listed and not there is told later, with the others of its scene.
    """
    if tile.name == "metadata.xml":
        finest = "R10m" if band in ("B02", "B03", "B04", "B08") else "R20m"
        return _existing(tile.parent / finest / band)
    listed = [text for entry in (details.iter("IMAGE_FILE") if details is not None else ()) if (text := entry.text)]
    if not listed:
        listed = [
            path.relative_to(tile.parent.parent.parent).with_suffix("").as_posix()
            for path in sorted((tile.parent / "IMG_DATA").rglob("*"))
            if path.suffix in _IMAGES
        ]
    here = f"/{tile.parent.name}/"
    hits = [text.strip() for text in listed if f"_{band}_" in text and here in f"/{text}"]
    if not hits:
        raise InputError(
            Problem(
                f"scene {tile.parent.name}", f"no image of {band}", "every band of the product", "fetch it again"
            )
        )
    return _existing(tile.parent.parent.parent / min(hits, key=_metres))


def _metres(name: str) -> int:
    found = _RESOLUTION.search(name)
    return int(found[1]) if found else _BEYOND_FILES


def _existing(stem: Path) -> Path:
    """Return the file of this name with the suffix it has here; JPEG 2000, as ESA ships it, when there is none."""
    candidates = [stem.with_name(stem.name + suffix) for suffix in _IMAGES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _bounds(root: ElementTree.Element) -> tuple[float, float, float, float]:
    """Return the bounds of the tile in degrees; west exceeds east across the anti-meridian."""
    place = next(entry for entry in root.iter("Geoposition") if entry.attrib["resolution"] == "10")
    size = next(entry for entry in root.iter("Size") if entry.attrib["resolution"] == "10")
    left, top, dx, dy = (float(_text(place, key)) for key in ("ULX", "ULY", "XDIM", "YDIM"))
    rows, cols = (int(_text(size, key)) for key in ("NROWS", "NCOLS"))
    to_degrees = Transformer.from_crs(_text(root, "HORIZONTAL_CS_CODE"), 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(left, top + rows * dy, left + cols * dx, top)
    return west, south, east, north


def _sun(root: ElementTree.Element) -> SunAngles | None:
    mean = next(root.iter("Mean_Sun_Angle"), None)
    if mean is None:
        return None
    zenith, azimuth = (float(_text(mean, key)) for key in ("ZENITH_ANGLE", "AZIMUTH_ANGLE"))
    return SunAngles(elevation_deg=90.0 - zenith, azimuth_deg=azimuth % 360)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"the tile name {text[:80]!r}")
    return found[1]


def _text(root: ElementTree.Element | None, tag: str, default: str | None = None) -> str:
    entry = None if root is None else next(root.iter(tag), None)
    text = None if entry is None or entry.text is None else entry.text.strip()
    if text is None and default is None:
        raise ValueError(f"no {tag}")
    return text if text is not None else str(default)


def _parsed(path: Path) -> ElementTree.Element:
    try:
        require_size(path, "json_bytes")
        return parse_xml(path.read_bytes())  # metadata have no entities, which could blow up or read other files
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        found = f"metadata that cannot be read ({reason(error)})"
        raise InputError(Problem(str(path), found, "XML as ESA writes it", "fetch the product again")) from error


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(512)
    except OSError:
        return b""
