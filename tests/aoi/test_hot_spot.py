"""Spatial pattern: PySAL's statistics against loops over pairs, permutations against chance, planted hot spots."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from aoi.hot_spot import global_pattern, local_pattern, nearest, touching
from geo.errors import InputError, QualityGateError

SIDE = 14


def grid() -> tuple[list[shapely.Polygon], np.ndarray]:
    """Return squares and their middles."""
    shapes = [shapely.box(c, r, c + 1, r + 1) for r in range(SIDE) for c in range(SIDE)]
    return shapes, np.array([[c + 0.5, r + 0.5] for r in range(SIDE) for c in range(SIDE)])


def planted(seed: int = 1, *, hot: bool = True) -> np.ndarray:
    """Return noise, with a hot block of 3 by 3."""
    y = np.random.default_rng(seed).gamma(2.0, 1.0, (SIDE, SIDE))
    if hot:
        y[4:7, 4:7] += 8.0
    return y.ravel()


def test_neighbours_by_brute_force() -> None:
    """Brute force: shared border or corner; the k nearest by distance, each unit with k of them."""
    shapes, middle = grid()
    apart = np.abs(middle[:, None] - middle[None]).max(axis=2)
    expected = np.argwhere((apart <= 1) & (apart > 0))
    assert touching(shapes).tolist() == expected.tolist()
    xy = np.random.default_rng(2).uniform(0, 9, (50, 2))
    distance = np.hypot(*(xy[:, None] - xy[None]).T)
    np.fill_diagonal(distance, np.inf)
    near = nearest(xy, 4)
    for unit in range(50):
        assert set(near[near[:, 0] == unit, 1]) == set(np.argsort(distance[unit])[:4])


def test_statistics_by_loops_over_pairs() -> None:
    """Brute force: Moran's I, general G, local I and G* from their published sums."""
    shapes, _ = grid()
    y, pairs = planted(), touching(shapes)
    rng = np.random.default_rng(3)
    moran, general = global_pattern(y, pairs, permutations=99, rng=rng)
    n, z = len(y), y - y.mean()
    count = np.bincount(pairs[:, 0], minlength=n)
    i_sum = sum(z[a] * z[b] / count[a] for a, b in pairs)
    assert moran.value == pytest.approx(i_sum / (z @ z), rel=1e-10)
    assert moran.expected == pytest.approx(-1 / (n - 1))
    every = sum(y[a] * y[b] for a in range(n) for b in range(n) if a != b)
    assert general.value == pytest.approx(sum(y[a] * y[b] for a, b in pairs) / every, rel=1e-10)
    found = local_pattern(y, pairs, permutations=99, level=0.05, rng=rng)
    for unit in (0, 17, 5 * SIDE + 5):
        near = pairs[pairs[:, 0] == unit, 1]
        assert found.local_moran[unit] == pytest.approx((n - 1) * z[unit] * z[near].mean() / (z @ z), rel=1e-10)
        inside = [*near, unit]
        spread = np.sqrt((y**2).mean() - y.mean() ** 2)
        k = len(inside)
        star = (y[inside].sum() - y.mean() * k) / (spread * np.sqrt((n * k - k**2) / (n - 1)))
        assert found.getis_z[unit] == pytest.approx(star, rel=1e-10)


def test_planted_hot_spot_is_found_and_noise_is_not() -> None:
    """Brute force: the middle of a planted block is hot; over 20 fields of noise hardly a unit is named."""
    shapes, _ = grid()
    pairs = touching(shapes)
    found = local_pattern(planted(), pairs, permutations=999, level=0.05, rng=np.random.default_rng(4))
    middle = 5 * SIDE + 5
    assert found.hot_spot[middle] == "hot"
    assert found.cluster[middle] == "high high"
    assert (found.hot_spot == "hot").sum() < 40
    named, raw = 0, 0
    for seed in range(20):
        noise = local_pattern(
            planted(seed, hot=False), pairs, permutations=499, level=0.05, rng=np.random.default_rng(seed)
        )
        named += int((noise.hot_spot != "none").any())
        raw += int((noise.getis_p <= 0.05).sum())
    assert named <= 3
    assert 0.03 < raw / (20 * SIDE**2) < 0.08  # without control one unit in twenty is a hot spot of nothing
    moran, _ = global_pattern(planted(), pairs, permutations=499, rng=np.random.default_rng(5))
    assert moran.p_value <= 0.01


def test_a_unit_without_neighbours_has_no_statistic() -> None:
    """Law: an island is no cold spot; it is left out and has none of the numbers."""
    shapes, _ = grid()
    y = np.append(planted(), 0.0)
    found = local_pattern(
        y,
        touching([*shapes, shapely.box(99, 99, 100, 100)]),
        permutations=99,
        level=0.05,
        rng=np.random.default_rng(6),
    )
    assert found.neighbours[-1] == 0
    assert np.isnan([found.local_moran[-1], found.getis_z[-1], found.getis_q[-1]]).all()
    assert found.hot_spot[-1] == found.cluster[-1] == "none"


def test_equal_generators_give_equal_numbers() -> None:
    """Law: nothing is drawn from a global seed."""
    shapes, _ = grid()
    pairs = touching(shapes)
    first, second = (
        local_pattern(planted(), pairs, permutations=99, level=0.05, rng=np.random.default_rng(7)) for _ in range(2)
    )
    assert first.moran_p.tolist() == second.moran_p.tolist()


def test_refusals() -> None:
    """Literal: too few units, one value everywhere, a missing value, too many neighbours."""
    shapes, _ = grid()
    pairs, rng = touching(shapes), np.random.default_rng(1)
    with pytest.raises(QualityGateError, match="9 units"):
        local_pattern(np.arange(9.0), pairs[:4], permutations=9, level=0.05, rng=rng)
    with pytest.raises(QualityGateError, match="the same value everywhere"):
        local_pattern(np.ones(SIDE**2), pairs, permutations=9, level=0.05, rng=rng)
    gap = planted()
    gap[3] = np.nan
    with pytest.raises(InputError, match="1 missing values"):
        global_pattern(gap, pairs, permutations=9, rng=rng)
    with pytest.raises(InputError, match="fewer than points"):
        nearest(np.zeros((3, 2)), 3)
