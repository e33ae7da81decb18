"""The ground: a river with its tributaries, the valleys around them, and what the sun makes of the slopes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy.ndimage import distance_transform_edt, gaussian_filter

from geo.grid import GeoBox
from imagery.simulate.noise import fractal, smoothstep, stream
from imagery.simulate.scenario import Relief

__all__ = ["Ground", "build_ground", "distance_m", "meander"]

_STREAM = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Elevation and water."""

    elevation_m: NDArray[np.float32]
    """Shape (height, width)."""
    rivers: tuple[shapely.LineString, ...]
    """The main river first, then its tributaries; they run past the edge of the grid."""
    river_distance_m: NDArray[np.float32]
    """Distance of every cell from the nearest of them."""

    def gradient(self, cell_m: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the rise per metre to the east and to the north."""
        rows, cols = np.gradient(self.elevation_m, cell_m)
        return np.asarray(cols, dtype=np.float32), np.asarray(-rows, dtype=np.float32)


def build_ground(geobox: GeoBox, relief: Relief, seed: int, *, tributaries: int) -> Ground:
    """Make the rivers and the elevation they explain.

    Parameters
    ----------
    geobox
        Grid of 10 m cells.
    relief
        Shape of the ground.
    seed
        Seed of the landscape.
    tributaries
        Number of side streams for 36 km2; fewer on a smaller grid.
    """
    rng = stream(seed, _STREAM)
    main = _main_river(geobox, rng)
    extent_km2 = geobox.shape[0] * geobox.shape[1] * 1e-4
    count = max(1, round(tributaries * extent_km2 / 36)) if tributaries else 0
    rivers = (main, *(_tributary(main, rng) for _ in range(count)))
    distance = distance_m(rivers, geobox)
    return Ground(elevation_m=_elevation(geobox, relief, distance, rng), rivers=rivers, river_distance_m=distance)


def meander(
    start: tuple[float, float], end: tuple[float, float], *, swing_m: float, rng: np.random.Generator
) -> shapely.LineString:
    """Return a winding line between two points, drawn every 20 m.

    Parameters
    ----------
    start, end
        Coordinates in metres.
    swing_m
        Largest departure from the straight line.
    rng
        Source of the bends.
    """
    (x0, y0), (x1, y1) = start, end
    length = np.hypot(x1 - x0, y1 - y0)
    t = np.linspace(0.0, 1.0, max(int(length / 20), 4))
    side = np.zeros_like(t)
    for wavelength, weight in ((2600.0, 0.6), (1100.0, 0.28), (430.0, 0.12)):
        bends = max(length / wavelength, 0.35)
        side += weight * np.sin(2 * np.pi * (bends * t + rng.uniform()))
    # The ends stay where they are asked for.
    side *= swing_m * np.minimum(1.0, 8 * np.minimum(t, 1 - t))
    across = np.array([-(y1 - y0), x1 - x0]) / length
    along = np.column_stack([x0 + t * (x1 - x0), y0 + t * (y1 - y0)])
    return shapely.LineString(along + side[:, None] * across)


def distance_m(lines: tuple[shapely.LineString, ...], geobox: GeoBox) -> NDArray[np.float32]:
    """Return the distance of every cell of a grid from the nearest line, in metres."""
    on_line = rasterize(
        [(line, 1) for line in lines],
        out_shape=geobox.shape,
        transform=geobox.transform,
        all_touched=True,
        dtype="uint8",
    )
    if not on_line.any():
        return np.full(geobox.shape, np.inf, dtype=np.float32)
    return np.asarray(distance_transform_edt(on_line == 0) * abs(geobox.transform.a), dtype=np.float32)


def _main_river(geobox: GeoBox, rng: np.random.Generator) -> shapely.LineString:
    """Return a river from the northern to the southern edge, beyond both by a tenth."""
    box = geobox.boundingbox
    width, height = box.right - box.left, box.top - box.bottom
    top, bottom = rng.uniform(0.3, 0.7, size=2)
    return meander(
        (box.left + top * width, box.top + 0.1 * height),
        (box.left + bottom * width, box.bottom - 0.1 * height),
        swing_m=min(520.0, 0.12 * width),
        rng=rng,
    )


def _tributary(main: shapely.LineString, rng: np.random.Generator) -> shapely.LineString:
    """Return a side stream that joins the main river at a point of its own."""
    mouth = main.interpolate(rng.uniform(0.12, 0.88), normalized=True)
    bearing = rng.choice([0.0, np.pi]) + rng.uniform(-0.2, 0.9)
    reach = rng.uniform(1200, 3600)
    source = (mouth.x + reach * np.cos(bearing), mouth.y + reach * np.sin(bearing))
    return meander((mouth.x, mouth.y), source, swing_m=160.0, rng=rng)


def _elevation(
    geobox: GeoBox, relief: Relief, distance: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return a valley around the rivers, with ridges that fade out at the water."""
    cell_m = abs(geobox.transform.a)
    longest = relief.ridge_m / cell_m
    rough = fractal(geobox.shape, beta=4.6, longest=longest, rng=rng)
    broad = fractal(geobox.shape, beta=5.0, longest=3 * longest, rng=rng)
    ridged = 1.2 - np.abs(rough) + 0.30 * fractal(geobox.shape, beta=4.0, longest=longest / 3, rng=rng)
    calm = smoothstep(distance / (0.7 * relief.valley_reach_m))
    rise = 1 - np.exp(-distance / relief.valley_reach_m)
    north_km = (geobox.shape[0] - 1 - np.arange(geobox.shape[0]))[:, None] * cell_m / 1000
    ground = (
        relief.base_m
        + relief.fall_m_per_km * north_km
        + relief.valley_m * rise * (1 + 0.25 * broad)
        + relief.roughness_m * calm * ridged
    )
    return np.asarray(gaussian_filter(ground, 1.5), dtype=np.float32)
