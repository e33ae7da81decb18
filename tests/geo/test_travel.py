"""Travel time against an independent relaxation of every step, and a barrier that nobody slips through."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.travel import nearest_passable, travel_minutes

Array = NDArray[np.float64]


def relaxed(
    friction: NDArray[np.float64], sources: list[tuple[int, int, float]], cell_m: float
) -> NDArray[np.float64]:
    """Return the least minutes by going over all steps until nothing changes (Bellman and Ford)."""
    height, width = friction.shape
    found = np.full(friction.shape, np.inf)
    for row, col, extra in sources:
        if np.isfinite(friction[row, col]):
            found[row, col] = min(found[row, col], extra)
    while True:
        before = found.copy()
        for row in range(height):
            for col in range(width):
                for down in (-1, 0, 1):
                    for right in (-1, 0, 1):
                        r, c = row + down, col + right
                        if (down, right) == (0, 0) or not (0 <= r < height and 0 <= c < width):
                            continue
                        if down and right and not np.isfinite([friction[row, c], friction[r, col]]).all():
                            continue
                        cost = cell_m * np.hypot(down, right) * (friction[row, col] + friction[r, c]) / 2
                        found[row, col] = min(found[row, col], found[r, c] + cost)
        found[~np.isfinite(friction)] = np.inf
        if np.array_equal(found, before):
            return found


@pytest.mark.parametrize("seed", range(5))
def test_the_quickest_way_is_that_of_brute_force(seed: int) -> None:
    """Brute force: random surfaces with walls, two sources, one of which begins late."""
    rng = np.random.default_rng(seed)
    surface = np.where(rng.random((9, 11)) < 0.25, np.inf, rng.uniform(0.002, 0.05, (9, 11)))
    sources = [(1, 1, 0.0), (7, 9, 3.0)]
    rows, cols = (np.array([source[at] for source in sources]) for at in (0, 1))
    extra = np.array([source[2] for source in sources])
    found = travel_minutes(surface, rows, cols, cell_m=100.0, extra=extra)
    expected = relaxed(surface, sources, 100.0)
    assert np.array_equal(np.isfinite(found), np.isfinite(expected))
    there = np.isfinite(expected)
    assert found[there] == pytest.approx(expected[there], rel=1e-9, abs=1e-9)


def test_nobody_slips_through_a_corner_of_a_river() -> None:
    """Law: cells of a wall that touch at corners alone hold people back; nothing leads there, which is not zero."""
    surface = np.full((5, 5), 0.01)
    surface[np.arange(5), np.arange(5)] = np.inf
    found = travel_minutes(surface, np.array([0]), np.array([4]), cell_m=100.0)
    assert np.isfinite(found[0, 1])
    assert np.isinf(found[4, 0])
    surface[2, 2] = 0.01  # a bridge
    assert np.isfinite(travel_minutes(surface, np.array([0]), np.array([4]), cell_m=100.0)[4, 0])


def test_a_faster_cell_never_slows_anybody() -> None:
    """Law: with a road more no way is longer."""
    rng = np.random.default_rng(3)
    surface = rng.uniform(0.01, 0.05, (20, 20))
    faster = surface.copy()
    faster[10] = 0.002
    rows, cols = np.array([2]), np.array([17])
    slow, fast = (travel_minutes(one, rows, cols, cell_m=100.0) for one in (surface, faster))
    assert (fast <= slow + 1e-9).all()
    assert (fast < slow).any()


def test_places_start_from_the_nearest_cell_that_can_be_crossed() -> None:
    """Literal: a place in the river starts two cells away; no source at all leads nowhere."""
    passable = np.array([[True, False, False, False]])
    row, col, metres = nearest_passable(passable, np.array([0]), np.array([2]), cell_m=50.0)
    assert (row[0], col[0], metres[0]) == (0, 0, 100.0)
    none = np.zeros(0, dtype=np.int64)
    assert np.isinf(travel_minutes(np.full((2, 2), 0.01), none, none, cell_m=10.0)).all()
