"""The record of land use, and the small steps that every layout of fields shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy.ndimage import zoom

from geo.grid import GeoBox
from imagery.simulate.noise import fractal

__all__ = ["LandUse", "enlarge", "paint_lines", "patches", "sample_at", "scatter", "targets_ha"]

SUBPIXELS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LandUse:
    """Fields and what lies between them."""

    fields: NDArray[np.object_]
    """Outlines, n polygons that do not overlap, metres."""
    history: NDArray[np.uint8]
    """Class code of each field in each year of the scenario, shape (n, years); 0 while it is still wild."""
    wild: NDArray[np.uint8]
    """Class code at every sub-pixel where no field stands, shape (4 height, 4 width)."""
    roads: tuple[shapely.LineString, ...]
    """Roads."""
    canals: tuple[shapely.LineString, ...] = ()
    """Canals."""

    @property
    def area_ha(self) -> NDArray[np.float64]:
        """Size of the fields on the grid's plane, hectares."""
        return np.asarray(shapely.area(self.fields) / 1e4)


def sample_at(raster: NDArray[np.floating], geobox: GeoBox, polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the value of a raster at the middle of each polygon, the nearest cell beyond the edge."""
    middle = shapely.centroid(polygons)
    cols, rows = ~geobox.transform * np.vstack([shapely.get_x(middle), shapely.get_y(middle)])
    height, width = raster.shape
    return np.asarray(
        raster[
            np.clip(rows.astype(int), 0, height - 1),
            np.clip(cols.astype(int), 0, width - 1),
        ],
        dtype=np.float64,
    )


def scatter(
    density: NDArray[np.floating], count: int, geobox: GeoBox, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return points drawn with chances in proportion to a raster, shape (count, 2), metres."""
    weights = np.cumsum(np.clip(density, 0, None).ravel().astype(np.float64))
    cells = np.searchsorted(weights, rng.random(count) * weights[-1])
    rows, cols = np.unravel_index(cells, density.shape)
    x, y = geobox.transform * np.vstack([cols + rng.random(count), rows + rng.random(count)])
    return np.column_stack([x, y])


def enlarge(raster: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a raster on the sub-pixels of its cells, linear between cell centres."""
    return np.asarray(zoom(raster, SUBPIXELS, order=1, mode="nearest", grid_mode=True), dtype=np.float32)


def patches(shape: Sequence[int], share: float, *, longest_m: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return random patches that cover a share of the sub-pixels of a grid of `shape` cells."""
    field = enlarge(fractal(shape, beta=3.0, longest=longest_m / 10, rng=rng))
    return np.asarray(field > np.quantile(field[::4, ::4], 1 - share))


def paint_lines(
    wild: NDArray[np.uint8], lines: Sequence[shapely.Geometry], half_width_m: float, code: int, geobox: GeoBox
) -> NDArray[np.uint8]:
    """Return the wild classes with a code along lines of a given width."""
    if not lines:
        return wild
    bands = shapely.buffer(np.array(lines, dtype=object), half_width_m, cap_style="flat")
    painted = wild.copy()
    mask = rasterize(
        [(band, 1) for band in bands],
        out_shape=wild.shape,
        transform=geobox.transform * Affine.scale(1 / SUBPIXELS),
        dtype="uint8",
    )
    painted[mask == 1] = code
    return painted


def targets_ha(shares: Sequence[float], geobox: GeoBox, rng: np.random.Generator) -> list[float]:
    """Return the crop area of each year on a grid, each seed a little off the scenario's shares."""
    extent_ha = geobox.shape[0] * geobox.shape[1] * abs(geobox.transform.a * geobox.transform.e) / 1e4
    level = np.exp(rng.normal(0, 0.06))
    return [float(extent_ha * share * level * np.exp(rng.normal(0, 0.03))) for share in shares]
