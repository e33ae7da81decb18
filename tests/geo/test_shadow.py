"""Cast shadows: literal walls, the length of a shadow by its law, and independence of the blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from geo.blocks import blocks
from geo.shadow import cast_shadow, shadow_rim
from geo.terrain import Sun

CELL = 10.0


def shaded(ground: np.ndarray, sun: Sun, reach_m: float) -> np.ndarray:
    """Return the shadows of a whole grid with nothing known around it."""
    rim = shadow_rim(reach_m, CELL, CELL)
    return cast_shadow(
        np.pad(ground, rim, constant_values=np.nan), sun, cell_width_m=CELL, cell_height_m=CELL, reach_m=reach_m
    )


@pytest.mark.parametrize(("azimuth", "axis", "side"), [(0, 0, 1), (90, 1, -1), (180, 0, -1), (270, 1, 1)])
@pytest.mark.parametrize("elevation", [20.0, 35.0, 60.0])
def test_a_wall_casts_a_shadow_of_the_length_that_trigonometry_gives(
    azimuth: int, axis: int, side: int, elevation: float
) -> None:
    """Law: a wall of 100 m shades 100 / tan(elevation) metres on the side away from the sun, and nothing else."""
    ground = np.zeros((81, 81))
    ground[(40, slice(None)) if axis == 0 else (slice(None), 40)] = 100.0
    found = shaded(ground, Sun(zenith_deg=90 - elevation, azimuth_deg=azimuth), 400.0)
    line = found[:, 40] if axis == 0 else found[40]
    cells = math.ceil(100.0 / math.tan(math.radians(elevation)) / CELL) - 1
    expected = {40 + side * distance for distance in range(1, cells + 1)}
    assert set(np.flatnonzero(line).tolist()) == expected
    assert (found.sum(axis=1 - axis)[list(expected)] == 81).all()


def test_flat_and_evenly_sloping_ground_shades_nothing() -> None:
    """Law: a plane hides no sun that stands above it, and all of one that stands below its slope."""
    plane = np.add.outer(np.arange(60) * 2.0, np.arange(60) * 1.0)  # rises towards south and east
    assert not shaded(np.zeros((30, 30)), Sun(zenith_deg=89.0, azimuth_deg=45.0), 200.0).any()
    assert not shaded(plane, Sun(zenith_deg=60.0, azimuth_deg=135.0), 200.0).any()
    low = shaded(plane, Sun(zenith_deg=89.0, azimuth_deg=135.0), 200.0)
    assert low[:-1, :-1].all()


def test_holes_shade_nothing_and_reach_ends() -> None:
    """Literal: a wall of no-data casts no shadow; one beyond the reach casts none either."""
    ground = np.zeros((21, 61))
    ground[:, 30] = np.nan
    sun = Sun(zenith_deg=85.0, azimuth_deg=90.0)
    assert not shaded(ground, sun, 300.0).any()
    ground[:, 30] = 100.0
    found = shaded(ground, sun, 100.0)[10]
    assert np.flatnonzero(found).tolist() == list(range(20, 30))


@pytest.mark.parametrize("size", [7, 16, 33])
def test_blocks_are_parts_of_the_whole(size: int) -> None:
    """Law: a cell's shadow does not depend on the block it is looked at in."""
    rng = np.random.default_rng(5)
    ground = rng.normal(0, 40, (48, 48)).cumsum(axis=0).cumsum(axis=1) / 10
    sun, reach = Sun(zenith_deg=62.0, azimuth_deg=128.0), 150.0
    rim = shadow_rim(reach, CELL, CELL)
    padded = np.pad(ground, rim, constant_values=np.nan)
    whole = shaded(ground, sun, reach)
    assert 0.05 < whole.mean() < 0.95
    for block in blocks((48, 48), size):
        around = padded[
            block.row : block.row + block.height + 2 * rim, block.col : block.col + block.width + 2 * rim
        ]
        part = cast_shadow(around, sun, cell_width_m=CELL, cell_height_m=CELL, reach_m=reach)
        assert np.array_equal(part, whole[block.slices])
