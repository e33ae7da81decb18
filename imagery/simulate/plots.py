"""Shapes of fields: clearings in forest, strips between ditches, terraces along the slope. None overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.grid import GeoBox

__all__ = ["Zone", "clearings", "cut_out", "strips", "terraces", "tidy", "zones"]

Polygons = NDArray[np.object_]

_SMALLEST_HA = 0.04
_CORNERS = 18


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the landscape whose fields share one direction."""

    polygon: shapely.Polygon
    """Its extent."""
    angle: float
    """Direction of its ditches or contour lines, radians from east."""


def zones(
    geobox: GeoBox, angle_at: Callable[[float, float], float], *, side_m: float, rng: np.random.Generator
) -> tuple[Zone, ...]:
    """Divide a grid into zones of about `side_m` on a side.

    Parameters
    ----------
    geobox
        The grid.
    angle_at
        Direction at a point (x, y), radians from east.
    side_m
        Typical side of a zone.
    rng
        Source of the zones' centres.
    """
    box = geobox.boundingbox
    extent = shapely.box(box.left, box.bottom, box.right, box.top)
    count = max(2, round(extent.area / side_m**2))
    x = rng.uniform(box.left, box.right, count)
    y = rng.uniform(box.bottom, box.top, count)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(np.column_stack([x, y]))))
    cells = shapely.intersection(cells, extent)
    centres = shapely.centroid(cells)
    return tuple(
        Zone(cell, angle_at(centre.x, centre.y))
        for cell, centre in zip(cells, centres, strict=True)
        if not cell.is_empty
    )


def clearings(
    areas_ha: NDArray[np.float64], centres: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Polygons, NDArray[np.intp]]:
    """Cut rounded clearings, each stopping where an earlier one stands.

    Parameters
    ----------
    areas_ha
        Size asked for, shape (n,).
    centres
        Coordinates in metres, shape (n, 2).
    rng
        Source of the outlines.

    Returns
    -------
    polygons
        Those that kept at least 60 % of their size, m of them.
    kept
        Which of the n they are, shape (m,).
    """
    blobs = _blobs(areas_ha, centres, rng)
    left, right = shapely.STRtree(blobs).query(blobs, predicate="intersects")
    earlier: dict[int, list[int]] = {}
    for mine, other in zip(left.tolist(), right.tolist(), strict=True):
        if other < mine:
            earlier.setdefault(mine, []).append(other)
    standing: dict[int, shapely.Polygon] = {}
    for index in range(len(blobs)):
        neighbours = [standing[other] for other in earlier.get(index, []) if other in standing]
        shape = blobs[index]
        if neighbours:
            shape = _largest(shape.difference(shapely.union_all(neighbours)))
        if shape.area >= 0.6 * blobs[index].area:
            standing[index] = shape
    return np.array(list(standing.values()), dtype=object), np.array(list(standing), dtype=np.intp)


def strips(zone: Zone, *, depth_m: float, width_m: float, rng: np.random.Generator) -> Polygons:
    """Divide a zone into rows between ditches, and each row into strips.

    Parameters
    ----------
    zone
        The zone.
    depth_m
        Median length of a strip, from ditch to ditch.
    width_m
        Median width of a strip.
    rng
        Source of the widths.
    """
    half = _half_diagonal(zone)
    rows = _cuts(half, depth_m, 0.18, rng)
    pieces = []
    for low, high in pairwise(rows.tolist()):
        cuts = _cuts(half, width_m, 0.42, rng)
        pieces.append(shapely.box(cuts[:-1] + 0.4, low + 1.0, cuts[1:] - 0.4, high - 1.0))
    return _placed(np.concatenate(pieces), zone)


def terraces(zone: Zone, *, length_m: float, depth_m: float, rng: np.random.Generator) -> Polygons:
    """Divide a zone into irregular terraces that are longer along the slope than across it.

    Parameters
    ----------
    zone
        The zone.
    length_m
        Typical length along the contour line.
    depth_m
        Typical width across it.
    rng
        Source of the irregularity.
    """
    half = _half_diagonal(zone)
    along, across = np.arange(-half, half, length_m), np.arange(-half, half, depth_m)
    x, y = (axis.ravel() for axis in np.meshgrid(along, across))
    # The Voronoi cells of a shaken lattice, drawn where a terrace is as deep as it is long.
    x = x / length_m + rng.normal(0, 0.30, x.size)
    y = y / depth_m + rng.normal(0, 0.26, y.size)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(np.column_stack([x, y]))))
    cells = shapely.transform(cells, lambda xy: xy * (length_m, depth_m))
    near = shapely.box(-half, -half, half, half)
    cells = cells[shapely.intersects(cells, near)]
    return _placed(shapely.buffer(cells, -0.6, join_style="mitre"), zone)


def cut_out(polygons: Polygons, obstacles: Sequence[shapely.Geometry]) -> Polygons:
    """Return the polygons without what lies under the obstacles, in the same order (pieces may be empty)."""
    if not obstacles:
        return polygons
    barrier = shapely.union_all(list(obstacles))
    shapely.prepare(barrier)
    touched = shapely.intersects(barrier, polygons)
    result = polygons.copy()
    result[touched] = [_largest(shape.difference(barrier)) for shape in polygons[touched]]
    return result


def tidy(polygons: Polygons) -> Polygons:
    """Return the polygons that are whole and at least 0.04 ha, on a lattice of 1 cm."""
    snapped = shapely.set_precision(polygons, 0.01)
    whole = snapped.copy()
    split = shapely.get_type_id(snapped) != shapely.GeometryType.POLYGON
    whole[split] = [_largest(shape) for shape in snapped[split]]
    return np.asarray(whole[shapely.area(whole) >= _SMALLEST_HA * 1e4], dtype=object)


def _blobs(areas_ha: NDArray[np.float64], centres: NDArray[np.float64], rng: np.random.Generator) -> Polygons:
    """Return closed outlines r(t) with two low harmonics, stretched and turned."""
    count = len(areas_ha)
    t = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    radius = 1 + sum(
        rng.uniform(0, size, (count, 1)) * np.cos(k * t + rng.uniform(0, 2 * np.pi, (count, 1)))
        for k, size in ((2, 0.16), (3, 0.16), (4, 0.12), (5, 0.08))
    )
    stretch = np.exp(rng.uniform(0, 0.35, (count, 1)))
    x, y = radius * np.cos(t) * stretch, radius * np.sin(t) / stretch
    turn = rng.uniform(0, np.pi, (count, 1))
    outline = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=-1)
    shapes = shapely.polygons(outline)
    scale = np.sqrt(areas_ha * 1e4 / shapely.area(shapes))
    return np.asarray(shapely.polygons(outline * scale[:, None, None] + centres[:, None, :]), dtype=object)


def _cuts(half: float, step_m: float, spread: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return positions from -half to half with lognormal steps."""
    steps = step_m * np.exp(rng.normal(0, spread, int(2.6 * half / step_m) + 4))
    return np.asarray(-half + np.cumsum(np.clip(steps, 8.0, 4 * step_m)))


def _placed(pieces: Polygons, zone: Zone) -> Polygons:
    """Turn pieces drawn around the origin into the zone and cut them at its border."""
    centre = zone.polygon.centroid
    cos, sin = np.cos(zone.angle), np.sin(zone.angle)
    turned = shapely.transform(
        pieces,
        lambda xy: xy @ np.array([[cos, sin], [-sin, cos]]) + (centre.x, centre.y),
    )
    shapely.prepare(zone.polygon)
    near = turned[shapely.intersects(zone.polygon, turned)]
    inside = shapely.contains(zone.polygon, near)
    near[~inside] = shapely.intersection(near[~inside], zone.polygon.buffer(-1.0))
    return np.asarray(near[~shapely.is_empty(near)], dtype=object)


def _half_diagonal(zone: Zone) -> float:
    west, south, east, north = zone.polygon.bounds
    return float(np.hypot(east - west, north - south) / 2)


def _largest(shape: shapely.Geometry) -> shapely.Polygon:
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    return max(parts, key=lambda part: part.area, default=shapely.Polygon())
