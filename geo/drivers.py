"""GDAL, with the drivers that surveys need and no other.

GDAL opens whatever any of its two hundred drivers recognises: files that name other files, addresses on the web,
pipelines that run. Here a vector file is known by its first bytes before GDAL sees it, the other drivers are never
registered, and the one that opened it is looked at again. Take pyogrio from here: the list must be set before.
"""

from __future__ import annotations

import ctypes
import logging
import os
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from geo.errors import InputError, Problem

__all__ = [
    "RASTER_FORMATS",
    "VECTOR_FORMATS",
    "layer_errors",
    "limited_pyogrio",
    "quiet_libtiff",
    "raster_format",
    "require_plain_file",
    "vector_format",
]

RASTER_FORMATS = MappingProxyType(
    {
        "GTiff": re.compile(rb"II[*+]\0|MM\0[*+]"),
        "JP2OpenJPEG": re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"),
    }
)
"""GDAL's names of the raster formats that are read (GeoTIFF, COG among them, and JPEG 2000), and how they begin."""

VECTOR_FORMATS = MappingProxyType(
    {
        "GPKG": re.compile(rb"SQLite format 3\0"),
        "ESRI Shapefile": re.compile(rb"\x00\x00\x27\x0a"),
        "FlatGeobuf": re.compile(rb"fgb[\x00-\xff]fgb"),
        "GeoJSON": re.compile(
            rb'(?:\xef\xbb\xbf)?\s*\{[\s\S]*"type"\s*:\s*"(?:FeatureCollection|Feature|GeometryCollection|'
            rb'(?:Multi)?(?:Point|LineString|Polygon))"'
        ),
    }
)
"""GDAL's names of the vector formats that are read, and how their files begin."""

_OTHERS = (
    "ADBC AIVector AmigoCloud AVCBin AVCE00 Carto CSV CSW DGN DXF EDIGEO EEDA Elasticsearch ESRIJSON "
    "GDALG GML GPSBabel GPX GeoJSONSeq GeoRSS GTFS HTTP Idrisi JML JSONFG KML LIBKML LVBAG MapML "
    "MiraMonVector MVT NGW NTv2 OAPIF ODS OGCAPI OGR_GMT OGR_PDS OGR_VRT OpenFileGDB OSM PCIDSK PDS4 "
    "PGDUMP PLSCENES PMTiles S57 Selafin SQLite SXF TopoJSON VDV VFK VICAR WAsP WFS XLSX"
)
"""Vector drivers of the libraries' own builds that no survey needs; some read addresses, or run pipelines."""

_HEAD = 1 << 16


# GDAL's own words on the way to an error that is told in one line; whoever wants them adds a handler
logging.getLogger("rasterio").addHandler(logging.NullHandler())


@cache
def quiet_libtiff() -> None:
    """Let libtiff print nothing by itself, such as a line for each block that found no room on the disk.

    What it finds reaches GDAL all the same, and by way of its errors the one line that is told. The handler that
    goes is libtiff's own for the whole process, so that threads have nothing to agree on; where the library cannot
    be found in memory (only Linux tells what is there), its lines stay.
    """
    try:
        mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for path in sorted(set(re.findall(r"/\S*/libtiff\S*\.so\S*", mapped))):
        library = ctypes.CDLL(path)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            handler = getattr(library, name)
            handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            handler(None)


@cache
def limited_pyogrio() -> Any:
    """Return pyogrio, imported with the list in force: late, since a command that opens no layer needs none.

    rasterio has a GDAL of its own, and is told its driver each time.
    """
    before = os.environ.get("OGR_SKIP")
    os.environ["OGR_SKIP"] = ",".join([*_OTHERS.split(), "MapInfo File"])
    try:
        return import_module("pyogrio")
    finally:
        if before is None:
            del os.environ["OGR_SKIP"]
        else:
            os.environ["OGR_SKIP"] = before


def layer_errors() -> tuple[type[Exception], type[Exception]]:
    """Return what reading a layer raises when the file, or the layer in it, cannot be read."""
    errors = limited_pyogrio().errors
    return errors.DataLayerError, errors.DataSourceError


def vector_format(path: Path) -> str:
    """Return GDAL's name of a vector file's format, told by how it begins.

    Raises
    ------
    InputError
        If it is none of those that are read.
    """
    name = _format(path, VECTOR_FORMATS)
    if name is None:
        found = f"a file that is no readable vector layer (it begins like none of {', '.join(VECTOR_FORMATS)})"
        remedy = "save it as a GeoPackage, as QGIS can"
        raise InputError(Problem(str(path), found, "GeoPackage or similar", remedy))
    return name


def raster_format(path: Path | str) -> str:
    """Return GDAL's name of a raster file's format, told by how it begins.

    Raises
    ------
    InputError
        If it is none of those that are read.
    """
    name = _format(Path(path), RASTER_FORMATS)
    if name is None:
        found = "a file that is no readable raster (it begins like neither GeoTIFF nor JPEG 2000)"
        raise InputError(Problem(str(path), found, "a raster", "fetch or copy it again, or save it as GeoTIFF"))
    return name


def _format(path: Path, formats: Mapping[str, re.Pattern[bytes]]) -> str | None:
    require_plain_file(path)
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        found = (
            "no such file"
            if isinstance(error, FileNotFoundError)
            else f"a file that cannot be read ({error.strerror})"
        )
        raise InputError(
            Problem(str(path), found, "a readable file", "correct the path or its permissions")
        ) from error
    return next((name for name, start in formats.items() if start.match(head)), None)


def require_plain_file(path: Path | str) -> None:
    """Refuse what GDAL would take for anything but a file of this machine.

    Raises
    ------
    InputError
        If the path names one of GDAL's virtual file systems or an address, or is no file.
    """
    text = str(path)
    if text.startswith("/vsi") or "://" in text or (":" in text and not Path(text).exists()):
        expected = "a file of this machine"
        raise InputError(Problem(text[:200], "a virtual file system or an address", expected, "copy the file here"))
