"""Masks: classes, bits, specks and growth, held against literal rasters and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from geo.raster import geobox_of, read_on_grid
from imagery.mask import disk, flagged, grow, without_specks
from imagery.sensor import MaskRule, load_sensor
from tests.shared import case


def rule_of(sensor: str) -> MaskRule:
    """Return the mask rule of a sensor."""
    rule = load_sensor(sensor).mask
    assert rule is not None
    return rule


def test_scene_classes_that_are_clear() -> None:
    """Literal: of the twelve SCL classes vegetation, bare, water and unclassified are clear."""
    rule = rule_of("sentinel-2-l2a")
    codes = np.arange(12, dtype=np.uint8)
    assert codes[~flagged(codes, rule, rule.invalid)].tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("value", "clear"),
    [
        (21_824, True),  # clear land
        (21_952, True),  # clear water
        (1, False),  # fill
        (22_280, False),  # cloud, high confidence
        (23_888, False),  # cloud shadow
        (30_048, False),  # snow
        (54_596, False),  # cirrus
        (21_826, False),  # dilated cloud
    ],
)
def test_quality_bits_of_landsat(value: int, clear: bool) -> None:
    """Published: values of QA_PIXEL in USGS LSDS-1619, table 6-4."""
    rule = rule_of("landsat-c2-l2")
    assert bool(flagged(np.array([value], dtype=np.uint16), rule, rule.invalid)[0]) is not clear


def test_quality_bits_of_a_real_scene() -> None:
    """Brute force: each bit of a real QA_PIXEL band by division; its fill is where the red band is empty."""
    path = next((case("stac") / "landsat_c2l2_local").glob("*_QA_PIXEL.TIF"))
    mask = read_on_grid(path, geobox_of(path))
    rule = rule_of("landsat-c2-l2")
    expected = np.zeros(mask.shape, dtype=bool)
    for bit in (0, 1, 2, 3, 4, 5):
        expected |= mask // 2**bit % 2 == 1
    assert np.array_equal(flagged(mask, rule, rule.invalid), expected)
    assert (mask & 1).mean() == pytest.approx(0.47, abs=0.01)
    red = read_on_grid(path.with_name(path.name.replace("QA_PIXEL", "SR_B4")), geobox_of(path))
    assert ((red == 0) == flagged(mask, rule, (0,))).mean() > 0.995  # the case is resampled


def test_classes_wider_than_a_byte() -> None:
    """Law: the set in bits, the look-up table and the search agree, for few classes and for many."""
    rule, codes = rule_of("sentinel-2-l2a"), np.arange(256)
    for entries in (rule.invalid, (0, 15), (3, 16), (255,), ()):
        narrow = flagged(codes.astype(np.uint8), rule, entries)
        assert np.array_equal(narrow, flagged(codes.astype(np.int32), rule, entries))
        assert np.flatnonzero(narrow).tolist() == sorted(entries)


def test_one_cloud_grows_to_a_disk() -> None:
    """Literal: 20 m around one cell of 10 m."""
    cells = np.zeros((9, 9), dtype=bool)
    cells[4, 4] = True
    shape = disk(20.0, (10.0, 10.0))
    expected = np.array(
        [
            [0, 0, 1, 0, 0],
            [0, 1, 1, 1, 0],
            [1, 1, 1, 1, 1],
            [0, 1, 1, 1, 0],
            [0, 0, 1, 0, 0],
        ],
        dtype=bool,
    )
    assert np.array_equal(grow(cells, shape), expected)


def brute_force_growth(cells: NDArray[np.bool_], radius_m: float, cell_m: tuple[float, float]) -> NDArray[np.bool_]:
    """Grow by the exact distance between cell centres."""
    if not cells.any():
        return np.zeros_like(cells)
    distance = ndimage.distance_transform_edt(~cells, sampling=cell_m)
    return np.asarray(distance <= radius_m + 1e-9)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    radius=st.sampled_from([0.0, 10.0, 25.0, 60.0]),
    cell=st.sampled_from([(10.0, 10.0), (10.0, 15.0), (30.0, 20.0)]),
)
def test_growth_is_that_of_the_distance(seed: int, radius: float, cell: tuple[float, float]) -> None:
    """Brute force: Euclidean distance transform, also for cells that are not square."""
    cells = np.random.default_rng(seed).random((24, 25)) < 0.03
    shape = disk(radius, cell)
    rows, cols = shape[-1][0], max(half for _, half in shape)
    padded = np.pad(cells, ((rows, rows), (cols, cols)))
    assert np.array_equal(grow(padded, shape), brute_force_growth(cells, radius, cell))


def test_growth_does_not_depend_on_blocks() -> None:
    """Law: two halves grown with their surroundings are the whole."""
    cells = np.random.default_rng(1).random((40, 40)) < 0.02
    shape = disk(50.0, (10.0, 10.0))
    whole = grow(cells, shape)
    halves = np.hstack([grow(cells[:, :25], shape), grow(cells[:, 15:], shape)])
    assert np.array_equal(whole, halves)


def test_specks_go_and_patches_stay() -> None:
    """Literal: one cell goes, a square of two and a cloud with a tail keep their full squares."""
    cells = np.array(
        [
            [1, 0, 0, 0, 0, 0],
            [0, 0, 0, 1, 1, 0],
            [0, 0, 0, 1, 1, 1],
            [0, 1, 0, 0, 0, 0],
        ],
        dtype=bool,
    )
    expected = cells.copy()
    expected[0, 0] = expected[3, 1] = expected[2, 5] = False
    assert np.array_equal(without_specks(np.pad(cells, 1), 2), expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), side=st.integers(1, 4))
def test_specks_are_what_an_opening_removes(seed: int, side: int) -> None:
    """Independent program: scipy's binary opening with a square."""
    cells = np.random.default_rng(seed).random((20, 20)) < 0.6
    padded = np.pad(cells, side - 1)
    square = np.ones((side, side), dtype=bool)
    assert np.array_equal(without_specks(padded, side), ndimage.binary_opening(cells, square))
