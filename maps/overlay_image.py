"""Rasters as pictures for the page: warped to Web Mercator, coloured, and written into the page as text.

The warp is for looking only; hectares are never counted on it.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.errors import RasterioIOError
from rasterio.transform import Affine, array_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform, transform_bounds

from geo.errors import InputError, Problem
from geo.legend import Legend
from geo.raster import opened
from maps.style import PROBABILITY

__all__ = [
    "NOT_SEEN_COLOUR",
    "PROBABILITY_LIMITS",
    "Extent",
    "MapImage",
    "class_image",
    "code_image",
    "gap_image",
    "probability_image",
    "relief_image",
]

PROBABILITY_LIMITS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Lower limits of the classes a probability is drawn in; below the first nothing is drawn."""

NOT_SEEN_COLOUR = "#8F9499"
"""Cells without a valid observation."""

Extent = tuple[float, float, float, float] | None
"""West, south, east, north in degrees that a picture is cut to; None for the whole raster."""

_LIMIT = 2048  # px a side: a decoded picture of 16 MB, which a cheap phone still holds
_EARTH_RADIUS_M = 6_378_137.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MapImage:
    """A picture and where it lies."""

    uri: str
    """``data:`` address with the picture in it."""
    bounds: tuple[tuple[float, float], tuple[float, float]]
    """South-west and north-east corner, latitude and longitude in degrees."""


def class_image(path: Path, legend: Legend, *, limit: int = _LIMIT, extent: Extent = None) -> MapImage:
    """Return a class map in the legend's colours; cells outside the frame are clear.

    Parameters
    ----------
    path
        Raster of class codes.
    legend
        Their colours.
    limit
        Most pixels a side.

    Raises
    ------
    InputError
        If the raster cannot be read.
    """
    # 0 alone is outside: a file may declare 255 as its no-data, yet "not seen" must be drawn
    codes, bounds = _warped(path, limit, Resampling.mode, nodata=legend.OUTSIDE, extent=extent)
    table = np.zeros((256, 4), dtype=np.uint8)
    for entry in legend:
        table[entry.code] = (*_rgb(entry.colour), 255)
    table[legend.NOT_SEEN] = (*_rgb(NOT_SEEN_COLOUR), 255)
    return MapImage(uri=_webp(table[np.nan_to_num(codes, nan=0).astype(np.uint8)]), bounds=bounds)


def code_image(
    path: Path,
    colours: Mapping[int, str],
    *,
    limits: Sequence[float] = (),
    limit: int = _LIMIT,
    extent: Extent = None,
) -> MapImage:
    """Return a raster of codes in given colours; codes without one, and 0, are clear.

    Parameters
    ----------
    path
        Raster of codes from 0 to 255, or of amounts when there are `limits`.
    colours
        Code to colour.
    limits
        Lower limits of the codes 1 and up; amounts below the first, and no-data, are clear.
    limit
        Most pixels a side.

    Raises
    ------
    InputError
        If the raster cannot be read.
    """
    # Rare classes would vanish from a picture of the commonest: the greatest code is shown
    codes, bounds = _warped(path, limit, Resampling.max, nodata=None if limits else 0, extent=extent)
    if limits:
        codes = np.searchsorted(limits, np.nan_to_num(codes, nan=-np.inf), side="right").astype(np.float64)
    table = np.zeros((256, 4), dtype=np.uint8)
    for code, colour in colours.items():
        table[code] = (*_rgb(colour), 255)
    return MapImage(uri=_webp(table[np.nan_to_num(codes, nan=0).astype(np.uint8)]), bounds=bounds)


def gap_image(
    path: Path, least: int, colours: Sequence[str], *, limit: int = _LIMIT, extent: Extent = None
) -> MapImage:
    """Return where there are too few clear observations: none at all, or fewer than `least`.

    Parameters
    ----------
    path
        Raster of the number of clear observations, the whole season in band 1.
    least
        With fewer a cell is not seen.
    colours
        Of cells with none, and of cells with some but too few.
    limit
        Most pixels a side.

    Raises
    ------
    InputError
        If the raster cannot be read.
    """
    counts, bounds = _warped(path, limit, Resampling.min, extent=extent)
    table = np.array([(0, 0, 0, 0), *((*_rgb(colour), 255) for colour in colours)], dtype=np.uint8)
    classes = np.where(np.isnan(counts) | (counts >= least), 0, np.where(counts == 0, 1, 2))
    return MapImage(uri=_webp(table[classes]), bounds=bounds)


def probability_image(path: Path, *, limit: int = _LIMIT, extent: Extent = None) -> MapImage:
    """Return a probability map in five classes; below `PROBABILITY_LIMITS` it is clear.

    Parameters
    ----------
    path
        Raster of 0-1, or of integers with a scale in the file; integers without one are percent.
    limit
        Most pixels a side.

    Raises
    ------
    InputError
        If the raster cannot be read.
    """
    values, bounds = _warped(path, limit, Resampling.average, extent=extent)
    values = values * _percent_to_share(path)
    table = np.array([(0, 0, 0, 0), *((*_rgb(colour), 255) for colour in PROBABILITY)], dtype=np.uint8)
    classes = np.searchsorted(PROBABILITY_LIMITS, np.nan_to_num(values, nan=0.0), side="right")
    return MapImage(uri=_webp(table[classes]), bounds=bounds)


def relief_image(path: Path, *, limit: int = 1024, extent: Extent = None) -> MapImage:
    """Return shadows of the terrain, white where it is flat, to be multiplied with what lies below.

    Parameters
    ----------
    path
        Raster of elevation, metres.
    limit
        Most pixels a side.

    Raises
    ------
    InputError
        If the raster cannot be read.
    """
    elevation, bounds = _warped(path, limit, Resampling.bilinear, extent=extent)
    shade = hillshade(_filled(elevation), _ground_step_m(bounds, elevation.shape))
    shade = 1 - (1 - shade) * _fade(shade.shape)
    grey = np.where(np.isnan(elevation), 255, np.rint(255 * shade)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(grey, mode="L").convert("RGB").save(stream, "WEBP", quality=55, method=4)
    return MapImage(uri=_data_uri(stream.getvalue()), bounds=bounds)


def hillshade(elevation: NDArray[np.float64], step_m: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return light on a surface from four directions, 1 on flat ground and less where it turns away.

    Parameters
    ----------
    elevation
        Metres, shape (rows, columns), north up.
    step_m
        Ground distance of neighbouring cells, one for all or shape (rows, 1).

    Returns
    -------
    ndarray, shape of `elevation`
        0.35 to 1.

    Notes
    -----
    Lambert's law, light 45 degrees high from 225, 270, 315 and 360 degrees, the north-west counting most;
    slopes are exaggerated so that the 90th percentile is about 30 degrees, hills and mountains alike.

    Examples
    --------
    >>> hillshade(np.zeros((2, 2)), 30.0).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    down, right = np.gradient(elevation)
    north, east = -down / step_m, right / step_m
    steep = float(np.quantile(np.hypot(north, east), 0.9))
    factor = min(8.0, math.tan(math.radians(30)) / steep) if steep > 0 else 0.0
    north, east = factor * north, factor * east
    normal = np.sqrt(1 + north**2 + east**2)
    light = np.zeros_like(elevation)
    for azimuth, weight in ((225, 0.2), (270, 0.25), (315, 0.4), (360, 0.15)):
        angle = math.radians(azimuth)
        toward = north * math.cos(angle) + east * math.sin(angle)
        light += weight * np.clip((1 - toward) / normal, 0, None)
    return np.asarray(np.clip(0.35 + 0.65 * light, 0.35, 1.0))


def _warped(
    path: Path, limit: int, resampling: Resampling, *, nodata: float | None = None, extent: Extent = None
) -> tuple[NDArray[np.float64], Any]:
    """Return cells on a Web Mercator grid (NaN where there are none) and the corners in degrees."""
    try:
        with opened(path) as source:
            if source.crs is None:
                raise InputError(Problem(str(path), "no coordinate reference system", "one", "assign it"))
            transform, width, height, factor = _grid(source, limit, extent)
            # cells are counted by mode or mean only where the picture is coarser than the raster
            coarser = factor > 1
            chosen = resampling if coarser or resampling is Resampling.bilinear else Resampling.nearest
            with WarpedVRT(
                source,
                crs="EPSG:3857",
                transform=transform,
                width=width,
                height=height,
                resampling=chosen,
                src_nodata=source.nodata if nodata is None else nodata,
                nodata=source.nodata if nodata is None else nodata,
                add_alpha=source.nodata is None and nodata is None,
            ) as warped:
                cells = warped.read(1).astype(np.float64)
                seen = warped.read_masks(1) > 0
                scale, offset = float(source.scales[0]), float(source.offsets[0])
    except RasterioIOError as error:
        raise InputError(Problem(str(path), f"a raster that cannot be read ({error})", "a raster")) from error
    cells = np.where(seen, cells * scale + offset, np.nan)
    corners = transform_bounds("EPSG:3857", "EPSG:4326", *array_bounds(height, width, transform))
    west, south, east, north = (round(float(corner), 7) for corner in corners)
    return cells, ((south, west), (north, east))


def _grid(source: Any, limit: int, extent: Extent) -> tuple[Affine, int, int, float]:
    """Return the picture's grid, and how many cells of the raster one of its pixels is wide."""
    transform, width, height = calculate_default_transform(
        source.crs, "EPSG:3857", source.width, source.height, *source.bounds
    )
    if extent is not None:
        west, south, east, north = transform_bounds("EPSG:4326", "EPSG:3857", *extent)
        left, top = (math.floor(x) for x in ~transform * (west, north))
        right, bottom = (math.ceil(x) for x in ~transform * (east, south))
        left, top = max(0, min(left, width - 1)), max(0, min(top, height - 1))
        right, bottom = min(width, max(right, left + 1)), min(height, max(bottom, top + 1))
        transform, width, height = transform * Affine.translation(left, top), right - left, bottom - top
    factor = max(1.0, max(width, height) / limit)
    return (
        transform * Affine.scale(factor, factor),
        max(1, min(limit, math.ceil(width / factor))),
        max(1, min(limit, math.ceil(height / factor))),
        factor,
    )


def _percent_to_share(path: Path) -> float:
    """Return 0.01 for whole numbers without a scale of their own, which are percent, else 1."""
    with opened(path) as source:
        whole = np.issubdtype(np.dtype(source.dtypes[0]), np.integer)
        return 0.01 if whole and source.scales[0] == 1 else 1.0


def _ground_step_m(bounds: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the ground distance between cells by row: Mercator metres times the cosine of latitude."""
    (south, west), (north, east) = bounds
    step = math.radians(east - west) * _EARTH_RADIUS_M / shape[1]
    rows = math.radians(north) + (np.arange(shape[0]) + 0.5) * math.radians(south - north) / shape[0]
    return np.asarray(step * np.cos(rows)).reshape(-1, 1)


def _fade(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return 1 inside and less towards the edges of a picture, so that it ends without a line."""
    rows, columns = (
        np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / (0.05 * size), 0, 1) for size in shape
    )
    return np.asarray(np.sqrt(np.outer(rows, columns)))


def _filled(elevation: NDArray[np.float64]) -> NDArray[np.float64]:
    known = elevation[~np.isnan(elevation)]
    return np.nan_to_num(elevation, nan=float(known.mean()) if known.size else 0.0)


def _webp(rgba: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(rgba, mode="RGBA").save(stream, "WEBP", lossless=True, quality=80, method=4)
    return _data_uri(stream.getvalue())


def _data_uri(content: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
