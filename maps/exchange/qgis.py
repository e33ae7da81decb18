"""A QGIS project beside its data: layers by relative paths, so that the folder can be copied to any machine.

Layers carry their own styles: GeoPackages inside, rasters in a ``.qml`` beside them. The project only lists them.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from pyproj import CRS

from geo.errors import InputError, Problem
from geo.files import atomic
from maps.text import plain

__all__ = ["ProjectLayer", "project_bytes", "write_project"]

_HEADER = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_DAY = (2000, 1, 1, 0, 0, 0)
_GEOMETRY = {"point": ("Point", "0"), "line": ("Line", "1"), "polygon": ("Polygon", "2")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectLayer:
    """A layer of a project."""

    title: str
    """Name in the tree of layers."""
    source: str
    """Path relative to the project, with ``|layername=NAME`` for a layer of a GeoPackage."""
    geometry: Literal["point", "line", "polygon", "raster"]
    """What it holds."""
    crs: str
    """Its CRS, such as EPSG:32618."""
    shown: bool = True
    """Whether it is drawn when the project opens."""
    style: str = ""
    """Content of the style, from the ``qgis`` element on; empty for the one in the file."""


def write_project(
    path: Path, layers: Sequence[ProjectLayer], *, title: str, extent: tuple[float, float, float, float]
) -> None:
    """Write a ``.qgz`` project; equal input gives equal bytes.

    Parameters
    ----------
    path
        Final name.
    layers
        From top to bottom.
    title
        Title of the project.
    extent
        West, south, east and north in the CRS of the first layer.

    Raises
    ------
    InputError
        If a source is not relative to the project.
    """
    with atomic(path) as part:
        part.write_bytes(project_bytes(layers, title=title, extent=extent))


def project_bytes(
    layers: Sequence[ProjectLayer], *, title: str, extent: tuple[float, float, float, float]
) -> bytes:
    """Return the bytes of a project: a zip archive with one XML file."""
    stray = [layer for layer in layers if not layer.source.startswith("./") or ".." in Path(layer.source).parts]
    if stray:
        raise InputError(
            [Problem(f"project layer {layer.title}", layer.source, "a path below the project") for layer in stray]
        )
    root = ET.Element("qgis", projectname=plain(title), version="3.22.0")
    ET.SubElement(root, "title").text = plain(title)
    _crs(ET.SubElement(root, "projectCrs"), layers[0].crs)
    tree = ET.SubElement(root, "layer-tree-group")
    canvas = ET.SubElement(root, "mapcanvas", name="theMapCanvas", annotationsVisible="1")
    ET.SubElement(canvas, "units").text = "meters"
    box = ET.SubElement(canvas, "extent")
    for name, value in zip(("xmin", "ymin", "xmax", "ymax"), extent, strict=True):
        ET.SubElement(box, name).text = repr(float(value))
    _crs(ET.SubElement(canvas, "destinationsrs"), layers[0].crs)
    held = ET.SubElement(root, "projectlayers")
    for number, layer in enumerate(layers):
        # QGIS takes no id of ten signs or fewer: it makes a new one, and the tree then knows no layer
        _layer(tree, held, f"altdev_layer_{number:04d}", layer)
    properties = ET.SubElement(root, "properties")
    paths = ET.SubElement(properties, "Paths")
    ET.SubElement(paths, "Absolute", type="bool").text = "false"
    # without it QGIS reads no CRS of the project, and measures in none
    reference = ET.SubElement(properties, "SpatialRefSys")
    ET.SubElement(reference, "ProjectionsEnabled", type="int").text = "1"
    ET.indent(root)
    text = _HEADER + ET.tostring(root, encoding="unicode") + "\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("project.qgs", _DAY), text.encode("utf-8"), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _layer(tree: ET.Element, held: ET.Element, name: str, layer: ProjectLayer) -> None:
    raster = layer.geometry == "raster"
    provider = "gdal" if raster else "ogr"
    checked = "Qt::Checked" if layer.shown else "Qt::Unchecked"
    ET.SubElement(
        tree,
        "layer-tree-layer",
        {
            "id": name,
            "name": plain(layer.title),
            "checked": checked,
            "source": layer.source,
            "providerKey": provider,
        },
    )
    kind = {"type": "raster"} if raster else {"type": "vector", "geometry": _GEOMETRY[layer.geometry][0]}
    element = ET.SubElement(held, "maplayer", kind)
    ET.SubElement(element, "id").text = name
    ET.SubElement(element, "datasource").text = layer.source
    ET.SubElement(element, "layername").text = plain(layer.title)
    _crs(ET.SubElement(element, "srs"), layer.crs)
    ET.SubElement(element, "provider", {} if raster else {"encoding": "UTF-8"}).text = provider
    if layer.style:
        # The text is this program's own (maps.qml), never a user's
        style = ET.fromstring(layer.style.split("\n", 1)[1])  # noqa: S314
        element.extend(list(style))


def _crs(parent: ET.Element, name: str) -> None:
    crs = CRS.from_user_input(name)
    element = ET.SubElement(parent, "spatialrefsys")
    ET.SubElement(element, "wkt").text = crs.to_wkt("WKT2_2019")
    code = crs.to_authority()
    if code is not None:
        ET.SubElement(element, "authid").text = ":".join(code)
        if code[0] == "EPSG":
            ET.SubElement(element, "srid").text = code[1]
