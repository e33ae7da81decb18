"""Which cells a scene may have a say in; oracle: every cell read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from affine import Affine

from geo.blocks import Block
from geo.grid import GeoBox
from imagery.extent import placed
from imagery.stack import read_stack
from tests.imagery.world import CRS, SENSOR, flat_shot, grid, scenes_of, write_catalog


@pytest.mark.parametrize("shift_m", [(0.0, 0.0), (4.0, 0.0), (0.0, -17.0)])
@pytest.mark.parametrize(("east", "north"), [(0.0, 0.0), (3.0, 0.0), (0.3, 0.5), (2.5, 3.1), (4.9, 1.999999)])
def test_cells_read_are_those_of_the_extent(
    tmp_path: Path, east: float, north: float, shift_m: tuple[float, float]
) -> None:
    """Brute force: no cell outside the extent is clear, and on every edge of it some cell is, or half of one."""
    place = GeoBox((6, 8), grid(24, 24).transform * Affine.translation(7 + east, 9 + north), CRS)
    catalog = write_catalog(tmp_path, [flat_shot(date(2023, 3, 3), place.shape)], geobox=place)
    around = grid(24, 24)
    (scene,) = placed([replace(scenes_of(catalog, around)[0], shift_m=shift_m)], around)
    extent = scene.extent
    assert extent is not None
    whole = Block(0, 0, 24, 24)
    free = replace(scene, extent=None)
    clear = read_stack([free], around, whole, sensor=SENSOR, cloud_buffer_m=0.0).valid[0]
    rows, cols = np.nonzero(clear)
    assert len(rows) >= 6 * 8 - 14
    last_row, last_col = extent.row + extent.height - 1, extent.col + extent.width - 1
    assert (rows.min() >= extent.row, cols.min() >= extent.col) == (True, True)
    assert (rows.max() <= last_row, cols.max() <= last_col) == (True, True)
    assert rows.min() - extent.row + last_row - rows.max() <= 1
    assert cols.min() - extent.col + last_col - cols.max() <= 1
    if (east, north, *shift_m) == (0.0, 0.0, 0.0, 0.0):
        assert extent == Block(9, 7, 6, 8)
