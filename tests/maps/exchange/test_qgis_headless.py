"""An optional look by QGIS itself; skipped where it is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from geo.cog import RasterStyle, write_cog
from geo.grid import GeoBox
from geo.vector import Layer, write_gpkg
from maps.exchange.qgis import ProjectLayer, write_project
from maps.qml import Rule, rule_style

LOOK = """
import sys
from qgis.core import QgsApplication, QgsMapRendererSequentialJob, QgsMapSettings, QgsProject
from qgis.PyQt.QtCore import QSize
application = QgsApplication([], False)
application.initQgis()
project = QgsProject.instance()
assert project.read(sys.argv[1]), project.error()
for layer in project.mapLayers().values():
    print(layer.name(), layer.isValid(), layer.renderer().type(), sep="|")
shown = [node.layer() for node in project.layerTreeRoot().findLayers() if node.isVisible()]
settings = QgsMapSettings()
settings.setLayers(shown)
settings.setOutputSize(QSize(90, 90))
settings.setDestinationCrs(project.crs())
settings.setExtent(project.viewSettings().fullExtent())
job = QgsMapRendererSequentialJob(settings)
job.start()
job.waitForFinished()
print("middle", job.renderedImage().pixelColor(45, 45).name(), project.crs().authid(), len(shown), sep="|")
application.exitQgis()
"""


def interpreter() -> str:
    """Return a Python that has QGIS; skip where there is none."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    for name in ("/usr/bin/python3", shutil.which("python3") or "python3"):
        command = [name, "-c", "import qgis.core"]
        if (
            Path(name).exists()
            and not subprocess.run(command, capture_output=True, env=environment, check=False).returncode
        ):
            return name
    pytest.skip("QGIS is not installed (apt-get install python3-qgis); the project file is checked as XML")


def test_qgis_opens_a_project_that_was_moved(tmp_path: Path) -> None:
    """Independent program (QGIS, headless): a moved project has its CRS and draws what its tree lists."""
    python = interpreter()
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    frame = geopandas.GeoDataFrame(
        {"name": ["a"]}, geometry=[shapely.box(5e5, 3e5, 506e3, 306e3)], crs="EPSG:32618"
    )
    write_gpkg(first / "data.gpkg", {"units": Layer(frame=frame, title="Units", description="")})
    box = GeoBox.from_bbox((500_000, 300_000, 506_000, 306_000), "EPSG:32618", resolution=100)
    write_cog(first / "map.tif", np.ones(box.shape, dtype=np.uint8), box, style=RasterStyle(nodata=0))
    style = rule_style("polygon", [Rule(label="Units", expression="", colour="#FF0000")])
    layers = [
        ProjectLayer(
            title="Units", source="./data.gpkg|layername=units", geometry="polygon", crs="EPSG:32618", style=style
        ),
        ProjectLayer(title="Map", source="./map.tif", geometry="raster", crs="EPSG:32618"),
    ]
    write_project(first / "project.qgz", layers, title="T", extent=(5e5, 3e5, 506e3, 306e3))
    first.rename(second)
    done = subprocess.run(
        [python, "-c", LOOK, second / "project.qgz"],
        capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = dict(line.split("|", 1) for line in done.stdout.splitlines() if line.count("|") >= 2)
    assert told["Units"].startswith("True|RuleRenderer") or told["Units"].startswith("True|rule")
    assert told["Map"].startswith("True|")
    assert told["middle"] == "#ff0000|EPSG:32618|2"
