"""Cells and coordinates of a grid."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo.errors import InputError
from geo.grid import cell_centres, cells_at, require_north_up
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
