"""Slope, aspect and illumination of an elevation grid: Horn's three by three cells, in metres.

Every function is pure and works on one block. A block of ``(h, w)`` cells needs elevations of ``(h + 2, w + 2)``,
its own and a rim of one cell around them; given that rim the result is the same whatever the size of the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from geo.areas import require_area_crs
from geo.blocks import Block
from geo.errors import InputError, Problem
from geo.grid import GeoBox, require_north_up

__all__ = ["Gradient", "Sun", "aspect_deg", "cell_size_m", "gradient", "illumination", "slope_deg", "with_rim"]

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stands over a scene.

    Raises
    ------
    InputError
        If the sun is not above the horizon, or the azimuth is no bearing.
    """

    zenith_deg: float
    """Angle from the vertical, 0 or more and below 90: 90 less the elevation of the metadata."""
    azimuth_deg: float
    """Bearing of the sun, degrees clockwise from grid north, 0 to 360."""

    def __post_init__(self) -> None:
        if not 0 <= self.zenith_deg < 90:
            raise InputError(Problem("sun zenith_deg", f"{self.zenith_deg}", "0 or more, below 90 degrees"))
        if not 0 <= self.azimuth_deg <= 360:
            raise InputError(Problem("sun azimuth_deg", f"{self.azimuth_deg}", "0 to 360 degrees"))

    @property
    def cos_zenith(self) -> float:
        """Illumination of flat ground."""
        return cos(radians(self.zenith_deg))


@dataclass(frozen=True, slots=True)
class Gradient:
    """Metres of rise per metre, both shape (h, w); NaN where any of the nine cells has no elevation."""

    east: Plane
    """Rise towards the east."""
    north: Plane
    """Rise towards the north."""

    @property
    def holes(self) -> int:
        """Cells without gradient; they add up over blocks."""
        return int(np.isnan(self.east).sum())


def cell_size_m(geobox: GeoBox, where: str = "elevation") -> tuple[float, float]:
    """Return the width and height of a cell, in metres.

    Raises
    ------
    InputError
        If the grid is not north-up, or its CRS is missing, not projected, not in metres, or Web Mercator.

    Examples
    --------
    >>> cell_size_m(GeoBox.from_bbox((0, 0, 60, 40), "EPSG:32618", resolution=20))
    (20.0, 20.0)
    """
    require_north_up(geobox)
    require_area_crs(geobox.crs, where=where)
    crs = CRS.from_user_input(geobox.crs)
    unit = crs.axis_info[0].unit_name
    if not crs.is_projected or unit != "metre":
        raise InputError(
            Problem(where, f"{crs.name} (cells in units of a {unit})", "cells in metres", "warp it to a UTM zone")
        )
    return float(geobox.transform.a), float(-geobox.transform.e)


def with_rim(elevation_m: NDArray[np.generic], block: Block) -> NDArray[np.float64]:
    """Return the elevations of a block and of the cells around it, NaN beyond the grid.

    Parameters
    ----------
    elevation_m
        The grid, shape (height, width).
    block
        A window of it, shape (h, w).

    Returns
    -------
    ndarray, shape (h + 2, w + 2)
    """
    height, width = elevation_m.shape
    top, left = max(block.row - 1, 0), max(block.col - 1, 0)
    held = elevation_m[
        top : min(block.row + block.height + 1, height), left : min(block.col + block.width + 1, width)
    ]
    rimmed = np.full((block.height + 2, block.width + 2), np.nan)
    row, col = top - block.row + 1, left - block.col + 1
    rimmed[row : row + held.shape[0], col : col + held.shape[1]] = held
    return rimmed


def gradient(elevation_m: NDArray[np.generic], cell_width_m: float, cell_height_m: float) -> Gradient:
    """Return the rise of the ground towards east and north.

    Parameters
    ----------
    elevation_m
        Metres with a rim of one cell, shape (h + 2, w + 2), row 0 northernmost; NaN where there is none.
    cell_width_m, cell_height_m
        Cell size on the ground, metres.

    Raises
    ------
    InputError
        If a cell size is not above 0, the block has no cell within its rim, or an elevation is infinite.

    References
    ----------
    Horn, B. K. P. (1981), Proceedings of the IEEE 69, 14-47, doi:10.1109/PROC.1981.11918: weights 1, 2, 1.
    """
    if not (0 < cell_width_m < np.inf and 0 < cell_height_m < np.inf):
        raise InputError(Problem("elevation", f"cells of {cell_width_m} by {cell_height_m} m", "sizes above 0"))
    z = np.asarray(elevation_m, dtype=np.float64)
    if z.ndim != 2 or min(z.shape) < 3:
        raise InputError(Problem("elevation", f"an array of shape {z.shape}", "two axes of 3 cells or more"))
    if np.isinf(z).any():
        raise InputError(Problem("elevation", "infinite values", "metres, NaN where there are none"))
    east = _weighted(z[:, 2:] - z[:, :-2])
    north = _weighted((z[:-2] - z[2:]).T).T
    # The middle cell has no weight of its own; without it the ground is not known all the same
    hole = np.isnan(east) | np.isnan(north) | np.isnan(z[1:-1, 1:-1])
    return Gradient(_rise(east, cell_width_m, hole), _rise(north, cell_height_m, hole))


def _weighted(step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add three lines of differences with weights 1, 2, 1."""
    total = 2 * step[1:-1]
    total += step[:-2]
    total += step[2:]
    return total


def _rise(total: NDArray[np.float64], cell_m: float, hole: NDArray[np.bool_]) -> Plane:
    total[hole] = np.nan
    return np.ascontiguousarray(total / (8 * cell_m), dtype=np.float32)


def slope_deg(ground: Gradient) -> Plane:
    """Return the angle between the ground and the horizontal, 0 to 90 degrees; NaN in holes.

    Examples
    --------
    >>> round(float(slope_deg(Gradient(np.float32([[1]]), np.float32([[0]])))[0, 0]), 4)
    45.0
    """
    return np.degrees(np.arctan(np.hypot(ground.east, ground.north)))


def aspect_deg(ground: Gradient) -> Plane:
    """Return the bearing that the ground faces, downhill: 0 or more, below 360, clockwise from grid north.

    NaN in holes and on flat ground, which faces nowhere.

    Examples
    --------
    >>> float(aspect_deg(Gradient(np.float32([[1]]), np.float32([[0]])))[0, 0])  # rises eastward, faces west
    270.0
    """
    bearing = np.degrees(np.arctan2(-ground.east, -ground.north))
    bearing = np.where(bearing < 0, bearing + np.float32(360), bearing)
    bearing[bearing >= 360] = 0  # a hair below north rounds up to it
    bearing[(ground.east == 0) & (ground.north == 0)] = np.nan
    return bearing


def illumination(ground: Gradient, sun: Sun) -> Plane:
    """Return the cosine of the angle between the sun and the normal of the ground, -1 to 1; NaN in holes.

    With zenith Z and azimuth A of the sun, slope e and aspect o this is
    ``cos Z cos e + sin Z sin e cos(A - o)``, written with the normal so that flat ground needs no aspect.
    At 0 and below the ground shades itself; shadows cast by other ground are not seen.

    References
    ----------
    Horn (1981), doi:10.1109/PROC.1981.11918; Teillet, P. M., Guindon, B. and Goodenough, D. G. (1982),
    doi:10.1080/07038992.1982.10855028.
    """
    zenith, azimuth = radians(sun.zenith_deg), radians(sun.azimuth_deg)
    east, north = ground.east.astype(np.float64), ground.north.astype(np.float64)
    towards = sun.cos_zenith - sin(zenith) * (sin(azimuth) * east + cos(azimuth) * north)
    return np.asarray(towards / np.sqrt(1 + east**2 + north**2), dtype=np.float32)
