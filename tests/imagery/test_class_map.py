"""Class maps: patches, areas and codes on literal rasters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geo.areas import cell_areas_ha
from geo.cog import write_cog
from geo.legend import Legend
from imagery.calibration import Calibration
from imagery.class_map import cells_of, class_style, crop_percent, entropy, mapped_areas, percent, sieved
from imagery.profile import load_profile
from tests.imagery.world import grid

LEGEND = load_profile("helmand-poppy").legend


def test_small_patches_take_their_surroundings() -> None:
    """Literal: a patch of one cell goes, one of four stays, cells outside and not seen stay as they are."""
    classes = np.array(
        [
            [0, 2, 2, 2, 2],
            [2, 2, 1, 2, 2],
            [2, 2, 2, 1, 1],
            [255, 2, 2, 1, 1],
        ],
        dtype=np.uint8,
    )
    expected = classes.copy()
    expected[1, 2] = 2
    assert np.array_equal(sieved(classes, 3), expected)
    assert np.array_equal(sieved(classes, 1), classes)


def test_gaps_lend_nothing() -> None:
    """Law: a patch among cells that were not seen has no neighbour to take after."""
    classes = np.full((5, 5), 255, dtype=np.uint8)
    classes[2, 2] = 1
    assert np.array_equal(sieved(classes, 4), classes)


def test_area_of_a_minimum_mapping_unit() -> None:
    """Literal: 0.1 ha is ten cells of 10 m, whose true area is a little off 100 m2."""
    assert cells_of(0.1, grid(8, 8)) in (10, 11)
    assert cells_of(0.0, grid(8, 8)) == 0


def test_counted_areas_are_the_sum_of_true_cells(tmp_path: Path) -> None:
    """Brute force: cells of each class times their ellipsoidal areas; gaps belong to no class."""
    classes = np.random.default_rng(0).choice(np.array([0, 1, 2, 8, 255], dtype=np.uint8), (700, 520))
    geobox = grid(700, 520)
    write_cog(tmp_path / "map.tif", classes, geobox, style=class_style(LEGEND))
    found = mapped_areas(tmp_path / "map.tif", geobox, LEGEND)
    assert mapped_areas(tmp_path / "map.tif", geobox, LEGEND, jobs=3) == found
    cells = np.broadcast_to(cell_areas_ha(geobox), classes.shape)
    for entry in LEGEND:
        assert found[entry.name].cells == (classes == entry.code).sum()
        assert found[entry.name].area_ha == pytest.approx(cells[classes == entry.code].sum(), rel=1e-9)


def test_probabilities_in_percent() -> None:
    """Literal: halves to even; a crop that was not taught has 0."""
    assert percent(np.array([0.0, 0.005, 0.015, 0.994, 1.0])).tolist() == [0, 0, 2, 99, 100]
    probability = np.array([[0.2, 0.9], [0.8, 0.1]])
    assert crop_percent(probability, (2, 5), 2, Calibration(method="none")).tolist() == [20, 90]
    assert crop_percent(probability, (2, 5), 1, Calibration(method="none")).tolist() == [0, 0]


def test_entropy_of_class_probabilities() -> None:
    """Literal: Shannon's entropy by hand, in shares of its highest value."""
    probability = np.array([[0.25, 0.5, 1.0], [0.25, 0.25, 0.0], [0.25, 0.25, 0.0], [0.25, 0.0, 0.0]])
    assert entropy(probability).tolist() == pytest.approx([1.0, 0.75, 0.0])


def test_reserved_codes_are_not_classes() -> None:
    """Law: outside and not seen have their own look and name."""
    style = class_style(LEGEND)
    assert style.nodata == Legend.OUTSIDE
    assert style.categories[Legend.NOT_SEEN] == "not seen"
