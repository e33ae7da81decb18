"""Administrative units of an invented place: their union is the area frame, which does not fill the images."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from imagery.simulate.landscape import Landscape
from imagery.simulate.noise import stream

__all__ = ["admin_units", "frame_of"]

_STREAM = 51
_PREFIX = {"andes-coca": "05", "helmand-poppy": "07", "rif-cannabis": "03"}


def admin_units(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return the units with their codes (text, with leading zeros) and invented names.

    Returns
    -------
    GeoDataFrame
        Columns `adm_code`, `adm_name` and the geometry; polygons that share their borders exactly.
    """
    names = landscape.scenario.admin_names
    rng = stream(landscape.seed, _STREAM)
    outline = _outline(landscape, rng)
    cells = _even_cells(outline, len(names), rng)
    order = np.lexsort((shapely.get_x(shapely.centroid(cells)), -shapely.get_y(shapely.centroid(cells))))
    winding = _winding(landscape, rng)
    shapes = [shapely.transform(_drawn(cells[index]), winding) for index in order]
    shapes = shapely.set_precision(np.array(shapes, dtype=object), 0.01)
    numbers = np.cumsum(rng.integers(1, 9, len(names)))
    prefix = _PREFIX[landscape.scenario.name]
    return geopandas.GeoDataFrame(
        {"adm_code": [f"{prefix}{number:03d}" for number in numbers], "adm_name": list(names)},
        geometry=list(shapes),
        crs=landscape.scenario.crs,
    )


def frame_of(units: geopandas.GeoDataFrame) -> shapely.Geometry:
    """Return the area frame: the union of the units."""
    return shapely.union_all(np.asarray(units.geometry.values))


def _outline(landscape: Landscape, rng: np.random.Generator) -> shapely.Polygon:
    """Return a rounded square with bays, inside the images."""
    box = landscape.geobox.boundingbox
    half = (box.right - box.left) / 2
    t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    radius = 0.46 * 2 * half * (np.cos(t) ** 4 + np.sin(t) ** 4) ** -0.25
    for waves in (2, 3, 5, 7):
        radius *= 1 - rng.uniform(0.0, 0.03) * (1 + np.sin(waves * t + rng.uniform(0, 2 * np.pi)))
    x, y = box.left + half + radius * np.cos(t), box.bottom + half + radius * np.sin(t)
    return shapely.Polygon(np.column_stack([x, y]))


def _even_cells(outline: shapely.Polygon, count: int, rng: np.random.Generator) -> NDArray[np.object_]:
    """Divide a polygon into cells of about the same size (three steps of Lloyd's method)."""
    west, south, east, north = outline.bounds
    drawn = np.column_stack([rng.uniform(west, east, 20 * count), rng.uniform(south, north, 20 * count)])
    points = drawn[shapely.contains_xy(outline, drawn)][:count]
    for _ in range(3):
        parts = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=outline)
        cells = shapely.intersection(shapely.get_parts(parts), outline)
        middle = shapely.centroid(cells)
        points = np.column_stack([shapely.get_x(middle), shapely.get_y(middle)])
    return np.asarray(cells, dtype=object)


def _drawn(cell: shapely.Polygon) -> shapely.Polygon:
    """Add a vertex every 40 m, at the same places whichever side of a border is drawn."""
    ring = shapely.get_coordinates(cell.exterior)
    corners = np.round(ring, 2)
    pieces = []
    for start, end in pairwise(corners):
        first, last = sorted((tuple(start), tuple(end)))
        steps = max(int(np.hypot(*(np.subtract(last, first))) // 40), 1)
        line = np.linspace(first, last, steps + 1)
        pieces.append(line[:-1] if tuple(start) == first else line[:0:-1])
    return shapely.Polygon(np.concatenate(pieces))


def _winding(
    landscape: Landscape, rng: np.random.Generator
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a smooth displacement of the plane that makes straight borders wind."""
    box = landscape.geobox.boundingbox
    side = box.right - box.left
    waves = [(side / k, 0.016 * side / k**0.7, rng.uniform(0, 2 * np.pi, 2)) for k in (1.7, 3.3, 7.1)]

    def displace(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = xy.copy()
        for length, size, phase in waves:
            moved[:, 0] += size * np.sin(2 * np.pi * xy[:, 1] / length + phase[0])
            moved[:, 1] += size * np.sin(2 * np.pi * xy[:, 0] / length + phase[1])
        return moved

    return displace
