"""The scene classification that comes with an image: mostly right, and wrong where the real one is wrong."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from imagery.simulate.mixture import pool
from imagery.simulate.noise import fractal
from imagery.simulate.sky import Clouds

__all__ = [
    "CIRRUS",
    "CLOUD_HIGH",
    "CLOUD_MEDIUM",
    "CLOUD_SHADOW",
    "DARK",
    "NOT_VEGETATED",
    "NO_DATA",
    "SATURATED",
    "SNOW",
    "UNCLASSIFIED",
    "VEGETATION",
    "WATER",
    "classify_scene",
]

# Codes of the Sentinel-2 level 2A scene classification (ESA, Level-2A algorithm)
NO_DATA, SATURATED, DARK, CLOUD_SHADOW, VEGETATION, NOT_VEGETATED = 0, 1, 2, 3, 4, 5
WATER, UNCLASSIFIED, CLOUD_MEDIUM, CLOUD_HIGH, CIRRUS, SNOW = 6, 7, 8, 9, 10, 11

_SATURATED_CHANCE = 4e-4


def classify_scene(
    reflectance: Mapping[str, NDArray[np.float32]],
    ground: Mapping[str, NDArray[np.float32]],
    clouds: Clouds,
    seen: NDArray[np.bool_],
    *,
    rng: np.random.Generator,
    flawed: bool = True,
) -> NDArray[np.uint8]:
    """Classify an image as the processor would.

    Parameters
    ----------
    reflectance
        What the sensor saw, by band.
    ground
        What it would have seen through clear air.
    clouds
        What is truly in the way.
    seen
        Cells of 10 m inside the swath.
    rng
        Source of the flaws.
    flawed
        Miss thin edges of clouds and parts of shadows, and take some bright ground for cloud.

    Returns
    -------
    ndarray, shape (rows, columns) of the 20 m grid
        Codes 0 to 11.
    """
    opacity, shadow, cirrus = pool(clouds.opacity), pool(clouds.shadow), pool(clouds.cirrus)
    doubt = fractal(opacity.shape, beta=1.6, longest=12, rng=rng) if flawed else np.zeros_like(opacity)
    scl = _surface(reflectance, ground)
    scl[cirrus > 0.09 + 0.02 * doubt] = CIRRUS
    scl[shadow > 0.34 + 0.13 * doubt] = CLOUD_SHADOW
    scl[opacity > 0.30 + 0.10 * doubt] = CLOUD_MEDIUM
    scl[opacity > 0.66 + 0.06 * doubt] = CLOUD_HIGH
    if flawed:
        # The coldest, brightest cores pass for snow; pale ground passes for cloud here and there.
        scl[(opacity > 0.97) & (doubt > 2.4)] = SNOW
        pale = pool(ground["B02"]) > 0.11
        scl[pale & (doubt > 2.5) & (opacity < 0.1)] = CLOUD_MEDIUM
        scl[(opacity > 0.9) & (rng.random(opacity.shape) < _SATURATED_CHANCE)] = SATURATED
    scl[~seen[::2, ::2]] = NO_DATA
    return scl


def _surface(
    reflectance: Mapping[str, NDArray[np.float32]], ground: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.uint8]:
    """Return the class of clear ground by simple thresholds."""
    red, infrared = pool(reflectance["B04"]), reflectance["B8A"]
    ndvi = (infrared - red) / np.maximum(infrared + red, 1e-3)
    scl = np.full(ndvi.shape, NOT_VEGETATED, dtype=np.uint8)
    scl[(ndvi > 0.28) & (ndvi <= 0.36)] = UNCLASSIFIED
    scl[ndvi > 0.36] = VEGETATION
    scl[(ground["B8A"] < 0.10) & (ground["B11"] < 0.08)] = DARK
    scl[(ground["B8A"] < 0.09) & (ground["B11"] < 0.05)] = WATER
    return scl
