"""The sky over a scene: where the sun stands, what it lights, and the clouds with their shadows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from imagery.simulate.noise import fractal, smoothstep

__all__ = ["Clouds", "Sun", "draw_clouds", "illumination", "shadow_offset", "sun_at"]

_OVERPASS_HOUR = 10.5  # local solar time at the descending node of Sentinel-2 (ESA, mission description)
_SKYLIGHT = 0.45  # the constant c of the C-correction: light that reaches slopes turned from the sun


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """Position of the sun, degrees."""

    zenith: float
    """From straight above."""
    azimuth: float
    """Clockwise from north."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clouds:
    """What hides the ground, on the 10 m grid, each 0 to 1 unless it says otherwise."""

    opacity: NDArray[np.float32]
    """Of thick and medium cloud."""
    shadow: NDArray[np.float32]
    """Of the light that cloud keeps from the ground."""
    cirrus: NDArray[np.float32]
    """Of thin high cloud."""
    air: NDArray[np.float32]
    """Smooth unevenness of the air, mean 0 and standard deviation 1."""
    relief: NDArray[np.float32]
    """Light and dark of the cloud tops, mean 0 and standard deviation 1."""
    base_m: float
    """Height of the cloud base above ground."""


def sun_at(when: date, latitude: float) -> Sun:
    """Return the position of the sun when Sentinel-2 passes.

    Parameters
    ----------
    when
        Day.
    latitude
        Degrees north.

    References
    ----------
    Cooper, P. I. (1969), Solar Energy 12, 333-346: declination = 23.45 sin(360 (284 + n) / 365).

    Examples
    --------
    >>> sun = sun_at(date(2024, 6, 21), 35.0)
    >>> round(sun.zenith), round(sun.azimuth)
    (23, 115)
    """
    day = when.timetuple().tm_yday
    declination = np.radians(23.45) * np.sin(np.radians(360 * (284 + day) / 365))
    hour = np.radians(15 * (_OVERPASS_HOUR - 12))
    phi = np.radians(latitude)
    cos_zenith = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(hour)
    return Sun(
        zenith=float(np.degrees(np.arccos(cos_zenith))), azimuth=float(np.degrees(np.arctan2(east, north)) % 360)
    )


def illumination(gradient: tuple[NDArray[np.float32], NDArray[np.float32]], sun: Sun) -> NDArray[np.float32]:
    """Return the light on sloping ground relative to level ground.

    Parameters
    ----------
    gradient
        Rise per metre to the east and to the north.
    sun
        Position of the sun.

    References
    ----------
    Teillet, P. M., Guindon, B. and Goodenough, D. G. (1982), Canadian Journal of Remote Sensing 8, 84-106:
    the C-correction (cos z + c) / (cos i + c), here used the other way round.
    """
    east, north = gradient
    z, a = np.radians(sun.zenith), np.radians(sun.azimuth)
    cos_i = np.cos(z) - np.sin(z) * (np.sin(a) * east + np.cos(a) * north)
    cos_i = cos_i / np.sqrt(1 + east**2 + north**2)
    return np.asarray((np.clip(cos_i, 0, 1) + _SKYLIGHT) / (np.cos(z) + _SKYLIGHT), dtype=np.float32)


def shadow_offset(sun: Sun, base_m: float, cell_m: float) -> tuple[int, int]:
    """Return rows and columns from a cloud, seen from straight above, to its shadow.

    Examples
    --------
    >>> shadow_offset(Sun(zenith=45.0, azimuth=90.0), 500.0, 10.0)
    (0, -50)
    """
    reach = base_m * np.tan(np.radians(sun.zenith)) / cell_m
    azimuth = np.radians(sun.azimuth)
    return round(float(reach * np.cos(azimuth))), round(float(-reach * np.sin(azimuth)))


def draw_clouds(
    shape: tuple[int, int], cover: float, sun: Sun, *, base_m: float, rng: np.random.Generator
) -> Clouds:
    """Draw clouds over a share of the ground, with the shadows they throw.

    Parameters
    ----------
    shape
        Rows and columns of 10 m cells.
    cover
        Share of cells under cloud.
    sun
        Position of the sun.
    base_m
        Height of the cloud base, metres.
    rng
        Source of the clouds.

    Notes
    -----
    The cloud field is periodic, so a shadow near an edge falls from a cloud beyond the opposite one.
    """
    field = fractal(shape, beta=4.2, longest=260.0, rng=rng)
    edge = np.quantile(field, 1 - cover) if 0 < cover < 1 else (np.inf if cover <= 0 else -np.inf)
    opacity = np.asarray(smoothstep((field - edge) / 0.32 + 0.2), dtype=np.float32)
    shadow = np.roll(opacity, shadow_offset(sun, base_m, 10.0), axis=(0, 1)) * (1 - opacity)
    air = fractal(shape, beta=4.0, longest=260.0, rng=rng)
    thin = float(rng.random() < 0.3) * rng.uniform(0.08, 0.22)
    cirrus = thin * smoothstep((air - 0.4) / 1.2)
    half = (shape[0] // 2, shape[1] // 2)
    return Clouds(
        opacity=opacity,
        shadow=shadow,
        cirrus=np.asarray(cirrus, dtype=np.float32),
        # The same fields half a tile away serve where another smooth pattern is wanted.
        air=np.roll(air, half, axis=(0, 1)),
        relief=np.roll(field, half, axis=(0, 1)),
        base_m=base_m,
    )
