"""Covered parts of cells, held against polygons cut cell by cell and against exactextract."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, box

from geo.coverage import covered_sums
from geo.grid import GeoBox
from geo.zonal import zonal_sum

HEIGHT, WIDTH = 9, 12
CELLS = np.array([[box(col, row, col + 1, row + 1) for col in range(WIDTH)] for row in range(HEIGHT)])
EXACT = 1e-9


def star(rng: np.random.Generator, corners: int, centre: tuple[float, float], reach: float) -> Polygon:
    """Return a polygon seen whole from its centre."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = reach * rng.uniform(0.3, 1.0, corners)
    ring = np.column_stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)])
    return Polygon(ring).buffer(0)


def by_cutting(
    polygon: shapely.Geometry, values: NDArray[np.uint8], weight: NDArray[np.float64], k: int
) -> list[float]:
    """Return the sums by intersecting the polygon with every cell."""
    part = shapely.area(shapely.intersection(CELLS, polygon)) * weight
    return [float(part[values == code].sum()) for code in range(k)]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 100_000), corners=st.integers(3, 12), hole=st.booleans(), turned=st.booleans())
def test_parts_are_those_of_cutting_every_cell(seed: int, corners: int, hole: bool, turned: bool) -> None:
    """Brute force: intersections with every cell; holes, parts, either direction, over the grid's edges."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, (HEIGHT, WIDTH)).astype(np.uint8)
    weight = rng.uniform(0.5, 2.0, (HEIGHT, WIDTH))
    shape: shapely.Geometry = star(
        rng, corners, (rng.uniform(-2, WIDTH + 2), rng.uniform(-2, HEIGHT + 2)), rng.uniform(0.1, 6)
    )
    if seed % 3 == 0:  # corners on the corners and edges of cells
        shape = shapely.transform(shape, lambda xy: np.round(xy * 2) / 2).buffer(0)
    if hole and not shape.is_empty:
        shape = shape.difference(star(rng, 5, shape.representative_point().coords[0], 1.0))
    if turned:
        shape = shapely.reverse(shape)
    found = covered_sums(np.array([shape], dtype=object), values, weight, 4)[0]
    np.testing.assert_allclose(found, by_cutting(shape, values, weight, 4), atol=EXACT)


def test_whole_cells_and_halves() -> None:
    """Literal: cells by hand, one weight for each row."""
    values = np.array([[0, 1], [1, 1]], dtype=np.uint8)
    polygons = np.array([box(0, 0, 2, 2), box(0.5, 0, 1, 1), Polygon([(0, 0), (2, 0), (0, 2)]), None, Polygon()])
    found = covered_sums(polygons, values, np.array([[1.0], [10.0]]), 2)
    assert found.tolist() == [[1, 21], [0.5, 0], [1, 5.5], [0, 0], [0, 0]]


def test_many_polygons_add_up_to_the_land() -> None:
    """Law: polygons that tile the grid share out every cell."""
    rng = np.random.default_rng(4)
    points = shapely.MultiPoint(rng.uniform(0, 9, (400, 2)) * [WIDTH / 9, HEIGHT / 9])
    parts = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=box(0, 0, WIDTH, HEIGHT)))
    values = rng.integers(0, 3, (HEIGHT, WIDTH)).astype(np.uint8)
    weight = rng.uniform(0.5, 2.0, (HEIGHT, WIDTH))
    total = covered_sums(parts, values, weight, 3).sum(axis=0)
    np.testing.assert_allclose(total, [weight[values == code].sum() for code in range(3)], atol=EXACT)


def test_exactextract_finds_the_same() -> None:
    """Independent program: exactextract, which holds parts in single precision."""
    rng = np.random.default_rng(5)
    side = 60
    values = rng.integers(0, 3, (side, side)).astype(np.uint8)
    shapes = [star(rng, 8, (rng.uniform(0, side), rng.uniform(0, side)), rng.uniform(0.4, 20)) for _ in range(60)]
    shapes += [MultiPolygon([box(1, 1, 4, 3), box(10.25, 2.5, 12, 9)])]
    grid = GeoBox((side, side), Affine(1, 0, 0, 0, -1, side), "EPSG:32618")
    turned = [shapely.transform(shape, lambda xy: np.column_stack([xy[:, 0], side - xy[:, 1]])) for shape in shapes]
    zones = geopandas.GeoDataFrame(geometry=turned, crs="EPSG:32618")
    found = covered_sums(np.array(shapes), values, np.ones((side, 1)), 3)
    for code in range(3):
        theirs = zonal_sum((values == code).astype(float), grid, zones)
        assert found[:, code] == pytest.approx(theirs, abs=2e-4, rel=1e-6)
