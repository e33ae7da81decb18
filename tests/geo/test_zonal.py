"""Coverage-weighted sums: literal squares, brute force and laws."""

from __future__ import annotations

import itertools
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box

from geo.areas import cell_areas_ha, polygon_areas_ha
from geo.errors import InputError
from geo.grid import GeoBox
from geo.zonal import class_areas_ha, zonal_sum
from tests.geo.builders import EAST, NORTH, UTM, grid, layer

SINGLE = 1e-6  # covered parts are held in single precision
FLAT = GeoBox((3, 3), Affine(1, 0, 0, 0, -1, 3), UTM)
NINE = np.arange(1.0, 10.0).reshape(3, 3)
SQUARE = box(0.5, 0.5, 2.5, 2.5)


def sum_in(shape: Any, values: Any = NINE) -> float:
    """Return the sum of the 3 by 3 raster in one shape."""
    return float(zonal_sum(values, FLAT, layer([shape]))[0])


def test_covered_parts_are_quarters_halves_and_one() -> None:
    """Literal raster: a square from 0.5 to 2.5 covers corners by a quarter, sides by a half, the middle whole."""
    covered = [[sum_in(SQUARE, np.eye(9)[3 * row + col].reshape(3, 3)) for col in range(3)] for row in range(3)]
    assert covered == [[0.25, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 0.25]]


def test_sum_of_the_square() -> None:
    """Literal raster: (1 + 3 + 7 + 9) / 4 + (2 + 4 + 6 + 8) / 2 + 5 = 20."""
    assert sum_in(SQUARE) == 20
    assert sum_in(box(0, 0, 3, 3)) == 45
    assert sum_in(box(0.5, 0.5, 2.4, 2.5)) != 20  # negative control


def test_rows_run_south() -> None:
    """Literal raster: the upper left cell holds 1, the lower right 9."""
    assert sum_in(box(0, 2, 1, 3)) == 1
    assert sum_in(box(2, 0, 3, 1)) == 9


def test_cells_without_number_add_nothing() -> None:
    """Literal raster: with the middle cell missing the square holds 15; a shape of missing cells holds 0."""
    values = NINE.copy()
    values[1, 1] = np.nan
    assert sum_in(SQUARE, values) == 15
    assert sum_in(box(1, 1, 2, 2), values) == 0


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (box(-5, -5, 8, 8), 45),
        (box(-5, 2, 1, 9), 1),
        (box(100, 100, 101, 101), 0),
        (box(3, 0, 4, 3), 0),
        (Polygon(), 0),
        (None, 0),
    ],
    ids=["all round", "over the corner", "away", "touching", "empty", "missing"],
)
def test_edges(shape: Any, expected: float) -> None:
    """Literal raster: what lies beyond the grid counts for nothing."""
    assert sum_in(shape) == expected


def test_rows_of_the_layer_keep_their_order() -> None:
    """Law: results stand in the order of the layer, whatever its index, geometry column and gaps."""
    zones = layer([box(2, 0, 3, 1), None, box(0, 2, 1, 3)]).set_index(np.array([5, 5, 1])).rename_geometry("geom")
    assert zonal_sum(NINE, FLAT, zones).tolist() == [9, 0, 1]
    assert zonal_sum(NINE, FLAT, zones.iloc[:0]).shape == (0,)


@given(st.integers(0, 2**31))
@settings(max_examples=12, deadline=None)
def test_against_supersampling(seed: int) -> None:
    """Brute force: a random triangle counted on 200 by 200 points in each cell."""
    rng = np.random.default_rng(seed)
    triangle = Polygon(rng.uniform(0, 3, (3, 2)))
    fine = (np.arange(600) + 0.5) / 200
    x, y = np.meshgrid(fine, fine)
    inside = shapely.contains_xy(triangle, x, y)
    values = NINE[(3 - y).astype(int), x.astype(int)]
    assert sum_in(triangle) == pytest.approx(values[inside].sum() / 200**2, abs=0.06)


@given(st.integers(0, 2**31), st.integers(2, 7))
@settings(max_examples=25, deadline=None)
def test_parts_add_up(seed: int, parts: int) -> None:
    """Law: a polygon cut into strips holds the sum of its strips."""
    rng = np.random.default_rng(seed)
    whole = Point(rng.uniform(0.5, 2.5, 2)).buffer(rng.uniform(0.2, 2))
    cuts = np.r_[-5, np.sort(rng.uniform(0, 3, parts - 1)), 8]
    strips = [whole.intersection(box(a, -5, b, 8)) for a, b in itertools.pairwise(cuts)]
    found = zonal_sum(NINE, FLAT, layer(strips)).sum()
    assert found == pytest.approx(sum_in(whole), rel=SINGLE, abs=SINGLE)


def test_zones_in_another_crs() -> None:
    """Law: zones may come in any CRS; their sums are those of their place."""
    zones = layer([Point(EAST + 150, NORTH - 150).buffer(100)])
    cells = np.random.default_rng(2).random((30, 30))
    here = zonal_sum(cells, grid(30, 30), zones)
    assert zonal_sum(cells, grid(30, 30), zones.to_crs(4326)) == pytest.approx(here, rel=1e-4)


def test_classes_of_a_unit_add_up_to_its_area() -> None:
    """Law: hectares of all classes inside a polygon are the polygon's true area, and none is another's."""
    rng = np.random.default_rng(4)
    geobox = grid(60, 60, east=700_000)
    codes = rng.integers(1, 4, geobox.shape).astype(np.uint8)
    zones = geopandas.GeoSeries([Point(700_300, NORTH - 300).buffer(r) for r in (25, 100, 280)], crs=UTM)
    found = class_areas_ha(codes, geobox, zones, (1, 2, 3, 9))
    assert found.shape == (3, 4)
    np.testing.assert_allclose(found.sum(axis=1), polygon_areas_ha(zones), rtol=SINGLE)
    assert (found[:, 3] == 0).all()


def test_classes_of_the_whole_grid() -> None:
    """Brute force: a zone round the whole grid holds the true areas of the cells of each class."""
    geobox = grid(4, 5)
    codes = (np.arange(20).reshape(4, 5) % 3).astype(np.uint8)
    outline = layer([box(*geobox.boundingbox)])
    cells = cell_areas_ha(geobox)
    expected = [cells[codes == code].sum() for code in (0, 1, 2)]
    np.testing.assert_allclose(class_areas_ha(codes, geobox, outline, (0, 1, 2))[0], expected, rtol=SINGLE)


def test_mirrored_grid_is_refused() -> None:
    """Law: a grid whose rows run north would give the sums of other places."""
    with pytest.raises(InputError, match="rotated or mirrored"):
        zonal_sum(NINE, GeoBox((3, 3), Affine(1, 0, 0, 0, 1, 0), UTM), layer([SQUARE]))
