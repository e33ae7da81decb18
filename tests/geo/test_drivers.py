"""GDAL reads files of five formats, and nothing that leads to other files, addresses or programs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import geopandas
import pytest
import shapely

from geo.drivers import (
    RASTER_FORMATS,
    VECTOR_FORMATS,
    limited_pyogrio,
    raster_format,
    require_plain_file,
    vector_format,
)
from geo.errors import InputError
from geo.raster import opened
from geo.vector import open_layer

OPENED_IN = "geo/raster.py"
IN_STORES = "geo/stored.py"
"""Opens objects in place, each with the one driver that its first bytes told."""
WRITERS = {"geo/overviews.py", "maps/exchange/mbtiles.py", "maps/exchange/stac.py"}
ROOT = Path(__file__).resolve().parents[2]


def test_only_listed_vector_drivers_are_registered() -> None:
    """Contract: in a fresh process of the program no driver is there that reads addresses or runs pipelines."""
    code = (
        "import monitor.workflow, monitor.steps.imagery, monitor.check, json\n"
        "from geo.drivers import limited_pyogrio\nprint(json.dumps(sorted(limited_pyogrio().list_drivers())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    there = set(json.loads(done.stdout))
    assert set(VECTOR_FORMATS) <= there
    assert there <= set(VECTOR_FORMATS) | {"MEM", "MBTiles", "PDF", "Memory"}, there
    assert done.stderr == ""


@pytest.mark.parametrize(
    "content",
    [
        "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>/etc/passwd</SrcDataSource>",
        '{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read /etc/passwd"}',
        "<?xml version='1.0'?><kml><Document/></kml>",
        "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><gml>&a;</gml>",
        "%PDF-1.4",
        "PK\x03\x04",
        "PG:host=127.0.0.1",
        "",
    ],
)
def test_other_formats_are_never_opened(tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attack: a file of any other format, whatever its name says, is refused before GDAL sees it."""
    for question in ("list_layers", "read_info"):
        monkeypatch.setattr(limited_pyogrio(), question, lambda *_, **__: pytest.fail("GDAL was asked"))
    (tmp_path / "a.gpkg").write_text(content)
    with pytest.raises(InputError, match="found a file that is no readable vector layer"):
        open_layer(tmp_path / "a.gpkg")


@pytest.mark.parametrize(
    "content",
    [
        b"<VRTDataset><VRTRasterBand><SimpleSource><SourceFilename>/etc/x.tif</SourceFilename>",
        b"<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1/</ServerUrl></Service></GDAL_WMS>",
        b"\x89PNG\r\n\x1a\n",
        b"CDF\x01",
        b"",
    ],
)
def test_rasters_that_lead_elsewhere_are_never_opened(tmp_path: Path, content: bytes) -> None:
    """Attack: a virtual raster or a web service under the name of a GeoTIFF is refused."""
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match="found a file that is no readable raster"), opened(tmp_path / "a.tif"):
        pass


@pytest.mark.parametrize(
    "path",
    [
        "/vsicurl/http://127.0.0.1/a.tif",
        "/vsizip/a.zip/a.tif",
        "https://h.example/a.tif",
        "zip+file://a.zip!a.tif",
        "GTIFF_DIR:1:a.tif",
        "NETCDF:a.nc",
    ],
)
def test_virtual_file_systems_are_refused(path: str) -> None:
    """Contract: no path is read that means anything but a file of this machine."""
    with pytest.raises(InputError, match="found a virtual file system or an address"):
        require_plain_file(path)
    with pytest.raises(InputError), opened(path):
        pass


@pytest.mark.parametrize(
    ("suffix", "driver"),
    [
        (".gpkg", "GPKG"),
        (".geojson", "GeoJSON"),
        (".shp", "ESRI Shapefile"),
        (".fgb", "FlatGeobuf"),
    ],
)
def test_listed_formats_are_known_by_their_bytes(tmp_path: Path, suffix: str, driver: str) -> None:
    """Independent writer: what GDAL writes in each listed format is taken for that format, whatever its name."""
    frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(1, 2)], crs="EPSG:4326")
    frame.to_file(tmp_path / f"a{suffix}", driver=driver)
    assert vector_format(tmp_path / f"a{suffix}") == driver
    assert len(open_layer(tmp_path / f"a{suffix}")) == 1


def test_raster_formats(tmp_path: Path) -> None:
    """Published: first bytes of TIFF, BigTIFF (either order) and JPEG 2000 (file and code stream)."""
    starts = {b"II*\0": "GTiff", b"MM\0*": "GTiff", b"II+\0": "GTiff", b"MM\0+": "GTiff"}
    starts |= {b"\0\0\0\x0cjP  \r\n": "JP2OpenJPEG", b"\xff\x4f\xff\x51": "JP2OpenJPEG"}
    for start, name in starts.items():
        (tmp_path / "a").write_bytes(start)
        assert raster_format(tmp_path / "a") == name
    assert set(starts.values()) == set(RASTER_FORMATS)


def test_rasters_are_opened_in_one_place() -> None:
    """Law: only `geo.raster` opens a raster to read it; others open what the program itself has just written."""
    packages = ("geo", "aoi", "imagery", "maps", "monitor")
    found = {
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if "rasterio.open(" in path.read_text()
    }
    assert found <= {OPENED_IN, IN_STORES, *WRITERS}, found


def test_vectors_are_opened_in_three_places() -> None:
    """Law: whoever reads a vector file takes GDAL from `geo.drivers`, whose list is set before."""
    guilty = []
    for package in ("geo", "aoi", "imagery", "maps", "monitor"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text()
            if path.name != "drivers.py" and re.search(r"(import|from) pyogrio", text):
                guilty.append(path.relative_to(ROOT).as_posix())
            if ("read_file(" in text or "read_dataframe(" in text) and "vector_format(" not in text:
                guilty.append(path.relative_to(ROOT).as_posix())
    assert guilty == []
