"""Cells and coordinates of a grid."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from affine import Affine
from hypothesis import example, given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox as IndependentGrid
from pyproj import CRS

from geo.errors import InputError
from geo.grid import GeoBox, cell_centres, cells_at, require_north_up
from tests.geo.builders import EAST, NORTH, UTM, grid


def test_corner_cells() -> None:
    """Literal raster: the centres of the four corner cells of a grid of 2 rows and 3 columns."""
    x, y = cell_centres(grid(2, 3), np.array([0, 0, 1, 1]), np.array([0, 2, 0, 2]))
    assert (x - EAST).tolist() == [5, 25, 5, 25]
    assert (y - NORTH).tolist() == [-5, -5, -15, -15]


@given(st.integers(0, 400), st.integers(0, 300), st.floats(0.5, 60))
def test_centre_lies_in_its_cell(row: int, col: int, cell_m: float) -> None:
    """Law: a cell holds its own centre."""
    geobox = GeoBox((401, 301), Affine(cell_m, 0, EAST, 0, -cell_m, NORTH), UTM)
    x, y = cell_centres(geobox, row, col)
    assert [int(v) for v in cells_at(geobox, x, y)] == [row, col]


def test_points_off_the_grid_have_negative_or_large_cells() -> None:
    """Literal raster: a point west and north of the corner lies in row -1, column -1."""
    rows, cols = cells_at(grid(2, 3), np.array([EAST - 1, EAST + 31]), np.array([NORTH + 1, NORTH - 21]))
    assert rows.tolist() == [-1, 2]
    assert cols.tolist() == [-1, 3]


def test_mirrored_grid_is_refused() -> None:
    """Law: only north-up grids pass."""
    require_north_up(grid(2, 2))
    with pytest.raises(InputError, match="rotated or mirrored"):
        require_north_up(GeoBox((2, 2), Affine(10, 0, 0, 0, 10, 0), UTM))


@given(
    west=st.floats(-3e6, 3e6),
    south=st.floats(-3e6, 3e6),
    width=st.floats(0, 5e4),
    height=st.floats(0, 5e4),
    resolution=st.sampled_from([0.3, 10, 20, 30.5, 1000]),
    tight=st.booleans(),
)
@example(west=9.9, south=9.91, width=0.0, height=20.19, resolution=10, tight=False)
@example(west=-10.1, south=-30.0, width=20.1, height=30.1, resolution=10, tight=True)
def test_grid_of_a_box_is_that_of_an_independent_program(
    west: float, south: float, width: float, height: float, resolution: float, tight: bool
) -> None:
    """Independent program (odc-geo): the same cells, to the bit, with its tolerance of a hundredth of a cell."""
    bounds = (west, south, west + width, south + height)
    own = GeoBox.from_bbox(bounds, UTM, resolution=resolution, tight=tight)
    theirs = IndependentGrid.from_bbox(
        bounds, UTM, resolution=resolution, tight=tight, anchor="default" if tight else "edge"
    )
    assert own.shape == tuple(theirs.shape)
    assert tuple(own.transform) == tuple(theirs.transform)
    assert own.boundingbox == tuple(theirs.boundingbox)
    assert str(own.crs) == str(theirs.crs)


@pytest.mark.parametrize(
    "window", [np.s_[0:4, 0:6], np.s_[1:3, 2:3], np.s_[2:, :4], np.s_[3:9, 5:9], np.s_[2:2, 1:1]]
)
def test_part_of_a_grid_is_that_of_an_independent_program(window: tuple[slice, slice]) -> None:
    """Independent program (odc-geo): a window of a grid, beyond its edge and empty ones among them."""
    transform = Affine(0.1, 0, 7.3, 0, -0.1, 3.9)
    own = GeoBox((4, 6), transform, "EPSG:4326")[window]
    theirs = IndependentGrid((4, 6), transform, "EPSG:4326")[window]
    assert (own.shape, tuple(own.transform)) == (tuple(theirs.shape), tuple(theirs.transform))


@pytest.mark.parametrize("crs", ["epsg:32618", "EPSG:32618", CRS.from_epsg(32618), "+proj=moll", "wkt"])
def test_grid_tells_its_crs_as_an_independent_program_does(crs: object) -> None:
    """Independent program (odc-geo): the text that fingerprints of blocks and files are made of, however given."""
    given_as = CRS.from_epsg(32733).to_wkt() if crs == "wkt" else crs
    own = GeoBox((2, 2), Affine(10, 0, 0, 0, -10, 0), given_as)
    assert str(own.crs) == str(IndependentGrid((2, 2), own.transform, given_as).crs)
    assert pickle.loads(pickle.dumps(own)) == own
    assert hash(pickle.loads(pickle.dumps(own))) == hash(own)
    assert own != GeoBox((2, 2), own.transform, "EPSG:32619")
