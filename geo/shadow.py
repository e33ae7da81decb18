"""Shadows that ground casts on other ground: cells from which the sun is hidden."""

from __future__ import annotations

from math import ceil, cos, radians, sin, tan

import numpy as np
from numpy.typing import NDArray

from geo.terrain import Sun

__all__ = ["cast_shadow", "shadow_rim"]


def shadow_rim(reach_m: float, cell_width_m: float, cell_height_m: float) -> int:
    """Return the cells around a block that may shade it.

    Examples
    --------
    >>> shadow_rim(1000.0, 30.0, 30.0)
    35
    """
    return ceil(reach_m / min(cell_width_m, cell_height_m)) + 1


def cast_shadow(
    elevation_m: NDArray[np.floating],
    sun: Sun,
    *,
    cell_width_m: float,
    cell_height_m: float,
    reach_m: float,
) -> NDArray[np.bool_]:
    """Return which cells of a block lie in the shadow of other ground.

    From each cell the ground is followed towards the sun in steps of one cell; where it rises above the ray, the
    cell is shaded. A cell depends on its surroundings alone, so blocks change nothing.

    Parameters
    ----------
    elevation_m
        Metres with a rim of `shadow_rim` cells, shape (h + 2 rim, w + 2 rim), row 0 northernmost; NaN where there
        is none, which shades nothing.
    sun
        Where the sun stands; its azimuth is a bearing of the grid.
    cell_width_m, cell_height_m
        Cell size on the ground, metres.
    reach_m
        How far away ground is looked at; mountains farther off cast no shadow here.

    Returns
    -------
    ndarray of bool, shape (h, w)
        The Earth's curvature and refraction are left out: at 5 km they raise or lower a ray by less than 2 m.

    Examples
    --------
    >>> ground = np.zeros((25, 25))
    >>> ground[:, 14] = 100.0  # a wall to the east
    >>> low = Sun(zenith_deg=80.0, azimuth_deg=90.0)
    >>> cast_shadow(ground, low, cell_width_m=10.0, cell_height_m=10.0, reach_m=100.0)[0].tolist()
    [True, True, True]
    >>> high = Sun(zenith_deg=10.0, azimuth_deg=90.0)
    >>> cast_shadow(ground, high, cell_width_m=10.0, cell_height_m=10.0, reach_m=100.0)[0].tolist()
    [False, False, True]
    """
    rim = shadow_rim(reach_m, cell_width_m, cell_height_m)
    height, width = elevation_m.shape[0] - 2 * rim, elevation_m.shape[1] - 2 * rim
    ground = np.asarray(elevation_m, dtype=np.float64)
    here = ground[rim : rim + height, rim : rim + width]
    shaded = np.zeros((height, width), dtype=np.bool_)
    if not np.isfinite(here).any():
        return shaded
    rise, highest = tan(radians(90.0 - sun.zenith_deg)), float(np.nanmax(ground)) - float(np.nanmin(here))
    step_m = min(cell_width_m, cell_height_m)
    azimuth = radians(sun.azimuth_deg)
    for step in range(1, int(reach_m / step_m) + 1):
        away = step * step_m
        if away * rise > highest:
            break  # the ray is above everything around
        # Rounded, so that a sun due south looks along a column and not a hair beside it
        row = round(-away * cos(azimuth) / cell_height_m, 9)
        col = round(away * sin(azimuth) / cell_width_m, 9)
        with np.errstate(invalid="ignore"):
            shaded |= _at(ground, rim, row, col, (height, width)) > here + away * rise
    return shaded


def _at(
    ground: NDArray[np.float64], rim: int, row: float, col: float, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Return the ground some rows and columns away, linear between cells."""
    top, left = int(np.floor(row)), int(np.floor(col))
    down, right = row - top, col - left

    def part(rows: int, cols: int) -> NDArray[np.float64]:
        first, second = rim + top + rows, rim + left + cols
        return ground[first : first + shape[0], second : second + shape[1]]

    value = (1 - down) * (1 - right) * part(0, 0)
    # A weight of nothing must not bring in a cell that may be NaN
    if right:
        value = value + (1 - down) * right * part(0, 1)
    if down:
        value = value + down * (1 - right) * part(1, 0)
        if right:
            value = value + down * right * part(1, 1)
    return value
