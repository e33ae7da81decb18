"""The project file: relative, readable, and inert whatever its layers are called."""

from __future__ import annotations

import io
import zipfile
from xml.etree import ElementTree as ET

import pytest

from geo.errors import InputError
from maps.exchange.qgis import ProjectLayer, project_bytes
from maps.qml import Rule, rule_style
from tests.maps.exchange.hostile import HOSTILE

BOX = (300_000.0, 1_000_000.0, 310_000.0, 1_010_000.0)


def layers(title: str = "Units") -> list[ProjectLayer]:
    """Return a vector and a raster layer."""
    style = rule_style("polygon", [Rule(label=title, expression="", colour="#FF0000")])
    return [
        ProjectLayer(
            title=title, source="./data.gpkg|layername=a", geometry="polygon", crs="EPSG:32618", style=style
        ),
        ProjectLayer(title="Map", source="./rasters/a.tif", geometry="raster", crs="EPSG:32618", shown=False),
    ]


def content(data: bytes) -> ET.Element:
    """Return the project inside the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["project.qgs"]
        return ET.fromstring(archive.read("project.qgs").decode().split("\n", 1)[1])


def test_layers_are_relative_and_styled() -> None:
    """Law: sources start below the project, absolute paths are off, and the tree and the layers agree."""
    root = content(project_bytes(layers(), title="T", extent=BOX))
    sources = [element.text for element in root.iter("datasource")]
    assert sources == ["./data.gpkg|layername=a", "./rasters/a.tif"]
    assert root.findtext("properties/Paths/Absolute") == "false"
    ids = [element.findtext("id") for element in root.iter("maplayer")]
    assert ids == [element.get("id") for element in root.iter("layer-tree-layer")]
    assert root.find(".//maplayer/renderer-v2") is not None
    assert root.findtext("projectCrs/spatialrefsys/authid") == "EPSG:32618"


def test_hostile_names_are_text() -> None:
    """Attack: no element comes of a name, and nothing turns text round."""
    data = project_bytes(layers(HOSTILE), title=HOSTILE, extent=BOX)
    root = content(data)
    assert root.find(".//script") is None
    assert "\u202e" not in ET.tostring(root, encoding="unicode")
    assert data == project_bytes(layers(HOSTILE), title=HOSTILE, extent=BOX)


@pytest.mark.parametrize("source", ["/etc/passwd", "../outside.gpkg", "./../x.tif", "data.gpkg"])
def test_a_source_outside_is_refused(source: str) -> None:
    """Law: a project that names a file of the machine, or of another folder, is not written."""
    stray = ProjectLayer(title="x", source=source, geometry="raster", crs="EPSG:4326")
    with pytest.raises(InputError, match="below the project"):
        project_bytes([stray], title="T", extent=BOX)
