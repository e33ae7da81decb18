"""A class map as MBTiles, which ODK Collect and QField show under the form without any network."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.shutil import copy as copy_dataset
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geo.errors import reason
from geo.files import atomic, cannot_write
from geo.gdal_cache import GDAL_CACHE
from geo.legend import Legend
from maps.overlay_image import NOT_SEEN_COLOUR
from maps.text import plain

__all__ = ["write_mbtiles"]

_TILE = 256
_WORLD_M = 2 * 20037508.342789244
_ROWS = 512


def write_mbtiles(path: Path, class_map: Path, legend: Legend, *, title: str) -> None:
    """Write a class map as tiles of coloured pictures; equal input gives equal bytes.

    Parameters
    ----------
    path
        Final name, ``.mbtiles``.
    class_map
        Raster of class codes.
    legend
        Colours.
    title
        Name shown by the program that opens it.

    Raises
    ------
    AltdevError
        If it cannot be written.
    """
    colours = np.zeros((256, 4), dtype=np.uint8)
    for code, colour in [*((entry.code, entry.colour) for entry in legend), (legend.NOT_SEEN, NOT_SEEN_COLOUR)]:
        colours[code] = (*(int(colour[place : place + 2], 16) for place in (1, 3, 5)), 255)
    with atomic(path) as part:
        scratch = part.with_suffix(".rgba.tif")
        try:
            _write_colours(scratch, class_map, colours)
            copy_dataset(
                scratch,
                part,
                driver="MBTiles",
                NAME=plain(title),
                TYPE="overlay",
                TILE_FORMAT="PNG",
                RESAMPLING="NEAREST",
            )
            with rasterio.open(part, "r+") as tiles:
                size = max(tiles.width, tiles.height)
                factors = [2**level for level in range(1, max(2, math.ceil(math.log2(size / _TILE)) + 1))]
                tiles.build_overviews(factors, Resampling.nearest)
            _settle(part, plain(title))
        except rasterio.errors.RasterioError as error:
            raise cannot_write(path, reason(error)) from error
        finally:
            scratch.unlink(missing_ok=True)


def _write_colours(path: Path, class_map: Path, colours: NDArray[np.uint8]) -> None:
    with (
        rasterio.open(class_map) as source,
        WarpedVRT(source, crs="EPSG:3857", resampling=Resampling.nearest) as web,
    ):
        profile = {
            "driver": "GTiff", "width": web.width, "height": web.height, "count": 4, "dtype": "uint8",
            "crs": "EPSG:3857", "transform": web.transform, "compress": "deflate", "photometric": "RGB",
        }  # fmt: skip
        with GDAL_CACHE.writing(), rasterio.open(path, "w", **profile) as target:
            for top in range(0, web.height, _ROWS):
                window = Window(0, top, web.width, min(_ROWS, web.height - top))
                target.write(np.moveaxis(colours[web.read(1, window=window)], -1, 0), window=window)


def _settle(path: Path, title: str) -> None:
    """Take out the name of the scratch file, and bring the database into the order of its content."""
    with closing(sqlite3.connect(path)) as connection:
        with connection:
            connection.execute("UPDATE metadata SET value = ? WHERE name IN ('name', 'description')", (title,))
        connection.execute("VACUUM")
