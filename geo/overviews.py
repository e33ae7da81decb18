"""Overviews of a raster: levels of half the size each, for programs that show it from afar.

They are made by compiled loops that let other threads work, and stand in files beside the raster, where GDAL looks
for them: ``map.tif.ovr`` is half of ``map.tif``, ``map.tif.ovr.ovr`` half of that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import rasterio
from affine import Affine
from numba import njit
from numpy.typing import NDArray
from rasterio.windows import Window

from geo.blocks import BLOCK_SIZE

__all__ = ["Summary", "halved", "overview_levels", "write_overviews"]

Summary = Literal["average", "mode", "nearest"]
"""What stands for four cells: their mean, the value that most of them have (the first where they tie), or the upper
left one."""


def overview_levels(shape: tuple[int, int]) -> int:
    """Return how many halvings bring a raster (height, width) down to a single tile."""
    levels = 0
    while max(shape) // 2**levels > BLOCK_SIZE:
        levels += 1
    return levels


def write_overviews(path: Path, summary: Summary) -> list[Path]:
    """Write the overviews of a tiled raster beside it; each is made from the one before.

    Parameters
    ----------
    path
        GeoTIFF that is not open for writing.
    summary
        What stands for four cells.

    Returns
    -------
    list of Path
        The files, largest first.
    """
    with rasterio.open(path) as source:
        levels = overview_levels(source.shape)
    made: list[Path] = []
    for _ in range(levels):
        finer = made[-1] if made else path
        made.append(Path(f"{finer}.ovr"))
        _write_half(finer, made[-1], summary)
    return made


def _write_half(finer: Path, coarser: Path, summary: Summary) -> None:
    """Write half of a raster, some rows of one band at a time."""
    with rasterio.open(finer) as source:
        height, width = (-(-size // 2) for size in source.shape)
        profile = {
            **{name: source.profile[name] for name in ("driver", "dtype", "count", "nodata", "crs", "tiled")},
            **{name: source.profile[name] for name in ("blockxsize", "blockysize", "interleave")},
            "transform": source.transform * Affine.scale(2),
            "bigtiff": "IF_SAFER",
        }
        with rasterio.open(coarser, "w", height=height, width=width, **profile) as target:
            for band in source.indexes:
                for first in range(0, source.height, 2 * BLOCK_SIZE):
                    rows = min(2 * BLOCK_SIZE, source.height - first)
                    cells = source.read(band, window=Window(0, first, source.width, rows))
                    half = halved(cells, summary, source.nodata)
                    target.write(half, band, window=Window(0, first // 2, width, len(half)))


def halved(cells: NDArray[Any], summary: Summary, nodata: float | None = None) -> NDArray[Any]:
    """Return a raster at half its size.

    Parameters
    ----------
    cells
        Shape (h, w).
    summary
        What stands for four cells.
    nodata
        Value of cells that hold nothing; NaN holds nothing in any case. Four of them give one.

    Returns
    -------
    ndarray, shape (ceil(h / 2), ceil(w / 2))
        A mean of integers is rounded, halves upwards. At the edge of an odd side two cells or one stand for four.

    Examples
    --------
    >>> halved(np.array([[1, 2, 7], [4, 9, 9]]), "average", nodata=9).tolist()
    [[2, 7]]
    >>> halved(np.array([[1, 2, 7], [4, 2, 9]]), "mode").tolist()
    [[2, 7]]
    """
    if summary == "nearest":
        return np.ascontiguousarray(cells[::2, ::2])
    cells = np.ascontiguousarray(cells)
    out = np.empty((-(-cells.shape[0] // 2), -(-cells.shape[1] // 2)), dtype=cells.dtype)
    if cells.dtype.kind == "f":
        empty = np.float64(np.nan) if nodata is None else np.float64(cells.dtype.type(nodata))
    else:
        whole = nodata is not None and float(nodata).is_integer() and _holds(cells.dtype, nodata)
        empty = np.float64(nodata) if whole and nodata is not None else np.float64(np.nan)
    if summary == "mode":
        _modes(cells, empty, out)
    else:
        _means(cells, empty, cells.dtype.kind != "f", out)
    return out


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    """Say whether a type of integers has a value."""
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max


@njit(nogil=True, cache=True)
def _means(cells, empty, whole, out):  # type: ignore[no-untyped-def]
    """Write the means of known cells; cells beyond an odd edge are those at the edge, which changes no mean."""
    height, width = cells.shape
    corner = np.empty((2, 2), dtype=cells.dtype)
    for row in range(out.shape[0]):
        top, bottom = cells[2 * row], cells[min(2 * row + 1, height - 1)]
        _mean_row(top, bottom, empty, whole, out[row, : width // 2])
        if width % 2:
            corner[0, :] = top[width - 1]
            corner[1, :] = bottom[width - 1]
            _mean_row(corner[0], corner[1], empty, whole, out[row, width // 2 :])


@njit(nogil=True, cache=True)
def _mean_row(top, bottom, empty, whole, out):  # type: ignore[no-untyped-def]
    for c in range(len(out)):
        a, b = np.float64(top[2 * c]), np.float64(top[2 * c + 1])
        d, e = np.float64(bottom[2 * c]), np.float64(bottom[2 * c + 1])
        has_a, has_b = (a != empty) & (a == a), (b != empty) & (b == b)
        has_d, has_e = (d != empty) & (d == d), (e != empty) & (e == e)
        known = np.float64(has_a) + np.float64(has_b) + np.float64(has_d) + np.float64(has_e)
        total = (a if has_a else 0.0) + (b if has_b else 0.0) + (d if has_d else 0.0) + (e if has_e else 0.0)
        mean = total / max(known, 1.0)
        rounded = np.floor(mean + 0.5) if whole else mean
        out[c] = rounded if known > 0 else a


@njit(nogil=True, cache=True)
def _modes(cells, empty, out):  # type: ignore[no-untyped-def]
    """Write the values that most known cells have; doubling those at an odd edge changes none."""
    height, width = cells.shape
    for row in range(out.shape[0]):
        up, down = 2 * row, min(2 * row + 1, height - 1)
        for col in range(out.shape[1]):
            left, right = 2 * col, min(2 * col + 1, width - 1)
            a, b, d, e = cells[up, left], cells[up, right], cells[down, left], cells[down, right]
            if a == b and a == d and a == e:
                out[row, col] = a
                continue
            best, most = a, 0
            for value in (a, b, d, e):
                votes = 0
                if np.float64(value) != empty:
                    votes = int(value == a) + int(value == b) + int(value == d) + int(value == e)
                if votes > most:
                    best, most = value, votes
            out[row, col] = best
