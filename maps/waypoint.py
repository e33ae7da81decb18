"""Points for hand-held receivers and globes: GPX 1.1 and KML 2.2, with names that old devices can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from maps.text import plain, short_names

__all__ = ["Waypoint", "gpx_text", "kml_text"]

_GPX = "http://www.topografix.com/GPX/1/1"
_KML = "http://www.opengis.net/kml/2.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waypoint:
    """A place with a name."""

    name: str
    """Name; shortened where the format's devices need it."""
    longitude: float
    """Degrees, WGS 84."""
    latitude: float
    """Degrees, WGS 84."""


def gpx_text(points: Sequence[Waypoint], title: str) -> str:
    """Return a GPX document whose names are unique ASCII of at most 20 signs; the full name is the description.

    Examples
    --------
    >>> text = gpx_text([Waypoint(name="U001", longitude=-75.0, latitude=1.5)], "Survey")
    >>> '<wpt lat="1.5000000" lon="-75.0000000">' in text
    True
    """
    root = ET.Element("gpx", {"xmlns": _GPX, "version": "1.1", "creator": "altdev"})
    ET.SubElement(ET.SubElement(root, "metadata"), "name").text = plain(title)
    for point, short in zip(points, short_names(point.name for point in points), strict=True):
        place = ET.SubElement(root, "wpt", lat=f"{point.latitude:.7f}", lon=f"{point.longitude:.7f}")
        ET.SubElement(place, "name").text = short
        if short != plain(point.name):
            ET.SubElement(place, "desc").text = plain(point.name)
    return _text(root)


def kml_text(points: Sequence[Waypoint], title: str) -> str:
    """Return a KML document with one placemark per point."""
    root = ET.Element("kml", {"xmlns": _KML})
    document = ET.SubElement(root, "Document")
    ET.SubElement(document, "name").text = plain(title)
    for point in points:
        place = ET.SubElement(document, "Placemark")
        ET.SubElement(place, "name").text = plain(point.name)
        position = f"{point.longitude:.7f},{point.latitude:.7f},0"
        ET.SubElement(ET.SubElement(place, "Point"), "coordinates").text = position
    return _text(root)


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
