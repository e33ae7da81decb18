"""Landscapes: fields, truth and change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely

from geo.errors import SurveyFileError
from imagery.simulate.landscape import Landscape, build_landscape

COVERAGE = 0.01  # sub-pixels of 6.25 m2 against polygons, over some hundred fields
SHARE = 0.25  # relative; the level of the crop varies by seed, and a small landscape holds few fields


def test_the_same_seed_gives_the_same_landscape(landscape_of: Callable[[str], Landscape]) -> None:
    """Law: fields, history and truth depend on scenario, seed and size alone."""
    first, again = landscape_of("rif-cannabis"), build_landscape("rif-cannabis", 5, 160)
    other = build_landscape("rif-cannabis", 6, 160)
    assert shapely.equals_exact(first.land_use.fields, again.land_use.fields).all()
    assert np.array_equal(first.truth(2024), again.truth(2024))
    assert np.array_equal(first.ground.elevation_m, again.ground.elevation_m)
    assert not np.array_equal(first.truth(2024), other.truth(2024))


def test_fields_never_overlap(landscape: Landscape) -> None:
    """Brute force: no two fields share ground."""
    fields = landscape.land_use.fields
    assert shapely.is_valid(fields).all()
    left, right = shapely.STRtree(fields).query(fields, predicate="intersects")
    pairs = left < right
    shared = shapely.area(shapely.intersection(fields[left[pairs]], fields[right[pairs]]))
    assert shared.sum() < 1e-6


def test_truth_raster_agrees_with_the_fields(landscape: Landscape) -> None:
    """Independent computation: the area of a crop is the same from polygons and from sub-pixels."""
    code = landscape.profile.legend.code(landscape.scenario.crop)
    for period in landscape.scenario.periods:
        _, polygons = landscape.polygons_of(period.year, (code,))
        vector = shapely.area(shapely.intersection(polygons, landscape.extent)).sum() / 1e4
        raster = (landscape.truth(period.year) == code).sum() * 2.5**2 / 1e4
        assert raster == pytest.approx(vector, rel=COVERAGE)


def test_crop_covers_the_share_of_the_scenario(landscape: Landscape) -> None:
    """Law: the crop's share of the area is near the scenario's, in each period."""
    code = landscape.profile.legend.code(landscape.scenario.crop)
    for period in landscape.scenario.periods:
        share = float((landscape.truth(period.year) == code).mean())
        assert share == pytest.approx(landscape.scenario.crop_share[period.year], rel=SHARE)


def test_every_class_stands_somewhere(landscape: Landscape) -> None:
    """Law: the legend has no class that the landscape lacks, and the landscape none that the legend lacks."""
    present = set(np.unique(landscape.truth(landscape.scenario.periods[-1].year)).tolist())
    assert present <= set(landscape.profile.legend.codes)
    assert len(present) >= len(landscape.profile.legend) - 1


def test_coca_moves_and_leaves_fallow() -> None:
    """Law: two thirds of the coca of 2021 stand in 2024, what is given up is fallow, most new coca was forest."""
    landscape = build_landscape("andes-coca", 5, 400)
    legend, area = landscape.profile.legend, landscape.land_use.area_ha
    old, new = landscape.classes_of(2021), landscape.classes_of(2024)
    coca = legend.code("coca")
    stayed = area[(old == coca) & (new == coca)].sum() / area[old == coca].sum()
    assert 0.5 < stayed < 0.8
    assert set(new[(old == coca) & (new != coca)].tolist()) == {legend.code("fallow")}
    came_from = old[(new == coca) & (old != coca)]
    assert (came_from == 0).mean() > 0.5


def test_directions_of_change(landscape_of: Callable[[str], Landscape]) -> None:
    """Law: from baseline to current year coca and cannabis grow and poppy shrinks."""

    def change(name: str) -> float:
        landscape = landscape_of(name)
        code, area = landscape.profile.legend.code(landscape.scenario.crop), landscape.land_use.area_ha
        before, after = (area[landscape.classes_of(year) == code].sum() for year in (2021, 2024))
        return float(after / before)

    assert change("andes-coca") > 1.05
    assert change("helmand-poppy") < 0.8
    assert change("rif-cannabis") > 1.02


def test_sizes_of_fields(landscape_of: Callable[[str], Landscape]) -> None:
    """Law: coca fields have 0.04 to 2.4 ha, terraces are small, strips in between."""
    coca = landscape_of("andes-coca")
    crop = coca.land_use.area_ha[coca.classes_of(2024) == coca.profile.legend.code("coca")]
    assert crop.min() >= 0.04
    assert crop.max() < 2.4
    assert 0.2 < np.median(crop) < 0.9
    assert np.median(landscape_of("rif-cannabis").land_use.area_ha) < 0.45
    assert np.median(landscape_of("helmand-poppy").land_use.area_ha) > 0.3


def test_rivers_run_in_valleys(landscape: Landscape) -> None:
    """Law: the ground by the river is lower than the ground far from it."""
    near = landscape.ground.river_distance_m < 60
    far = landscape.ground.river_distance_m > np.quantile(landscape.ground.river_distance_m, 0.8)
    assert landscape.ground.elevation_m[near].mean() < landscape.ground.elevation_m[far].mean()


def test_unknown_scenario_is_named() -> None:
    """Law: a name that is no scenario ends in one line that lists them."""
    with pytest.raises(SurveyFileError, match="'andes'; expected one of andes-coca, helmand-poppy, rif-cannabis"):
        build_landscape("andes", 1)
