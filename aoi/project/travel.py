"""The surface that people travel over: minutes a metre of each cell, from roads, cover, slope and rivers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["friction", "slope_factor", "walking_kmh"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_MINUTES = 0.06
"""Minutes a metre at 1 km/h."""


def slope_factor(rise: FloatArray) -> FloatArray:
    """Return the speed on a slope as a share of that on level ground.

    Parameters
    ----------
    rise
        Rise by run, whichever way; any shape.

    Notes
    -----
    ``exp(-3.5 s)``: the hiking function of Tobler (1993), Three presentations on geographical analysis and modeling
    without its small lead of going gently downhill, since people go both ways.

    Examples
    --------
    >>> slope_factor(np.array([0.0, 0.2])).round(3).tolist()
    [1.0, 0.497]
    """
    return np.exp(-3.5 * np.abs(rise))


def walking_kmh(cover: FloatArray, speeds_kmh: Mapping[int, float]) -> FloatArray:
    """Return the walking speed of each cell by its cover; 0 where the cover is unknown.

    Examples
    --------
    >>> walking_kmh(np.array([1.0, 7.0, np.nan]), {1: 1.6}).tolist()
    [1.6, 0.0, 0.0]
    """
    found = np.zeros(cover.shape)
    for code, speed in speeds_kmh.items():
        found[cover == code] = speed
    return found


def friction(
    off_road_kmh: FloatArray, rise: FloatArray, *, river: BoolArray, road_kmh: FloatArray, bridge: BoolArray
) -> FloatArray:
    """Return minutes a metre of each cell; infinite where nobody passes.

    Parameters
    ----------
    off_road_kmh
        Walking speed on level ground, shape (height, width); 0 where nobody walks, or nobody knows.
    rise
        Rise by run; NaN where it is not known, which nobody crosses but on a road.
    river
        Cells of a river: crossed on a road or a bridge alone.
    road_kmh
        Speed on the road of a cell; 0 without one.
    bridge
        Cells with a bridge or ford, passed at walking speed on the level where no road is.
    """
    steep = np.where(np.isnan(rise), 0.0, slope_factor(np.nan_to_num(rise)))
    foot = np.where(river & ~bridge, 0.0, off_road_kmh * np.where(bridge, 1.0, steep))
    speed = np.where(road_kmh > 0, np.maximum(road_kmh, foot), foot)
    return np.where(speed > 0, _MINUTES / np.where(speed > 0, speed, 1.0), np.inf)
