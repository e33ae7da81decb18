"""Mistakes that published crop maps were made with; each must be caught here.

The list follows what a review of a public coca-detection project found. Offsets, scene classes 0 and 1, folds and
empty targets have their tests beside the code (test_stack, test_mask, test_fold, test_score).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import pytest
from pydantic import ValidationError
from shapely.geometry import box

from geo.areas import cell_areas_ha
from geo.blocks import Block
from geo.errors import QualityGateError
from geo.zonal import zonal_sum
from imagery.classify import ClassifySettings, train
from imagery.features import feature_spec
from imagery.floor import historical_mean_ratio
from imagery.fold import block_of, random_folds
from imagery.observe import Observer, PeriodScenes
from imagery.profile import CropProfile, load_profile
from imagery.sensor import load_sensor
from imagery.training import require_disjoint, training_samples
from tests.imagery.test_training import points
from tests.imagery.world import SENSOR, flat_shot, grid, scenes_of, write_catalog

DEFECTS = {
    "offset of baseline 04.00 not applied": "test_stack.py::test_an_unapplied_offset_would_show",
    "scene classes 0 and 1 taken for clear": "test_stack.py::test_scene_classes_0_and_1_are_not_clear",
    "folds that leak": "test_fold.py::test_leaked_folds_are_found",
    "a fold without the crop": "test_fold.py::test_a_fold_without_the_crop_in_one_year_is_refused",
    "a score of an empty target": "test_score.py::test_an_empty_target_raises",
    "coarse labels read as maps": "test_coarse.py::test_no_more_than_the_density_says",
    "predictions that do not add up to their cells": "test_defects.py::test_coarse_labels_are_held_at_their_cell",
    "no floor beside out-of-year totals": "test_defects.py::test_the_historical_mean_is_a_hard_floor",
    "agreement with one's own census": "test_defects.py::test_agreement_with_ones_own_training_is_refused",
    "greenness alone": "test_defects.py::test_greenness_is_not_the_only_witness",
    "not seen taken for not there": "test_defects.py::test_not_seen_is_neither_zero_nor_a_feature",
    "a claim to be free of leakage": "test_classify.py::test_no_validation_claims_to_be_free_of_leakage",
}
"""Each defect of that review and the test that would catch it."""

RATIO_TOLERANCE = 5e-4  # published to three decimals

CATATUMBO_HA = (36_296, 35_277, 38_285, 37_965, 39_815, 44_240)
"""Official coca of Catatumbo, 2019 to 2024."""


@pytest.mark.parametrize("test", DEFECTS.values(), ids=list(DEFECTS))
def test_every_defect_has_its_test(test: str) -> None:
    """Law: the tests named above exist."""
    file, name = test.split("::")
    assert f"def {name}(" in (Path(__file__).parent / file).read_text()


def test_the_historical_mean_is_a_hard_floor() -> None:
    """Published: leave-one-out mean over actual for Catatumbo, 2019 to 2024."""
    expected = [1.078, 1.115, 1.011, 1.022, 0.965, 0.848]
    assert historical_mean_ratio(CATATUMBO_HA) == pytest.approx(expected, abs=RATIO_TOLERANCE)
    assert historical_mean_ratio(CATATUMBO_HA[::-1]) != pytest.approx(expected, abs=RATIO_TOLERANCE)


def test_random_folds_leak_neighbours_and_spatial_ones_do_not() -> None:
    """Brute force: share of places with a place of another fold within 30 m."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 4000, (60, 2))
    x, y = (np.repeat(centres, 5, axis=0) + rng.normal(0, 8, (300, 2))).T
    near = np.hypot(x[:, None] - x, y[:, None] - y) < 30

    def leaked(fold: np.ndarray) -> float:
        return float((near & (fold[:, None] != fold)).any(axis=1).mean())

    assert leaked(random_folds(np.ones(300, dtype=int), 5, rng)) > 0.9
    assert leaked(block_of(x, y, 1000.0) % 5) < 0.15


def test_agreement_with_ones_own_training_is_refused() -> None:
    """Law: calibrating on a census and reporting agreement with it is circular."""
    samples = training_samples(
        points([("a", "2023", "wheat", 25, 5), ("b", "2023", "opium_poppy", 45, 65)]),
        where="training",
        legend=load_profile("helmand-poppy").legend,
        periods=["2023"],
        geobox=grid(8, 8),
    )
    require_disjoint(samples, np.array([0, 1]), np.array([3, 2]), where="reference labels")
    with pytest.raises(QualityGateError, match="1 reference units on training cells: row 6 column 4"):
        require_disjoint(samples, np.array([0, 6]), np.array([3, 4]), where="reference labels")


def test_greenness_is_not_the_only_witness() -> None:
    """Law: disturbance and moisture, which outranked NDVI in the review, are features."""
    names = feature_spec(SENSOR, ["window"]).names
    for wanted in ("window_swir16", "window_swir22", "window_NBR", "season_NBR_p10", "season_BI_p90"):
        assert wanted in names
    assert sum("NDVI" in name for name in names) < len(names) / 3


def test_no_greenness_rule_for_coca() -> None:
    """Law: a coca profile with any other rule is refused, and so is a sensor that shows greenness alone."""
    profile = load_profile("andes-coca")
    for rule in ({"rule": "season"}, {"rule": "two_dates", "dates": ("early_year", "dry_season")}, None):
        content = profile.model_dump(mode="json")
        content["identification"] = None if rule is None else {**rule, "source": "nobody", "mark": "unverified"}
        with pytest.raises(ValidationError, match="coca is told by no_greenness"):
            CropProfile.model_validate(content)
    with pytest.raises(QualityGateError, match="whose crop no greenness tells"):
        train(
            {},
            None,  # type: ignore[arg-type]  # refused before anything is read
            geobox=grid(8, 8),
            profile=profile,
            sensor=load_sensor("naip"),
            settings=ClassifySettings(),
        )


def test_two_date_rule_for_poppy() -> None:
    """Law: a poppy profile without two windows is refused, and a cell that lacks one of them is not seen."""
    profile = load_profile("helmand-poppy")
    content = profile.model_dump(mode="json")
    content["identification"] |= {"rule": "season", "dates": []}
    with pytest.raises(ValidationError, match="opium_poppy is told by two_dates"):
        CropProfile.model_validate(content)
    content["identification"] |= {"rule": "two_dates", "dates": ["flowering", "harvest"]}
    with pytest.raises(ValidationError, match="window 'harvest', which is not there"):
        CropProfile.model_validate(content)
    content["identification"] |= {"dates": ["flowering", "flowering"]}
    with pytest.raises(ValidationError, match="two windows in dates"):
        CropProfile.model_validate(content)


def test_a_cell_without_the_second_date_is_not_seen(tmp_path: Path) -> None:
    """Literal: clear in every window, but for one corner that is clouded whenever poppy would be lanced."""
    days = [date(2023, month, day) for month, day in ((2, 1), (3, 1), (3, 25), (4, 10), (5, 5), (5, 25))]
    cloud = np.full((4, 4), 4, dtype=np.uint8)
    cloud[:2, :2] = 9
    clear = np.full((4, 4), 4, dtype=np.uint8)
    shots = [flat_shot(day, scl=cloud if day >= date(2023, 4, 25) else clear) for day in days]
    catalog = write_catalog(tmp_path, shots)
    profile = load_profile("helmand-poppy")
    observer = Observer(
        geobox=grid(8, 8),
        sensor=SENSOR,
        spec=feature_spec(SENSOR, [window.name for window in profile.windows], radii=()),
        profile=profile,
        min_valid=3,
        cloud_buffer_m=0,
    )
    period = PeriodScenes(scenes=scenes_of(catalog, grid(8, 8)), start=date(2023, 1, 15), end=date(2023, 7, 15))
    _, seen = observer.features(period, Block(0, 0, 8, 8), np.ones((8, 8), dtype=bool))
    assert not seen[:4, :4].any()
    assert seen[4:, :].all()
    free = profile.model_copy(update={"identification": None})
    assert replace(observer, profile=free).features(period, Block(0, 0, 8, 8), np.ones((8, 8), dtype=bool))[1].all()


def test_not_seen_is_neither_zero_nor_a_feature() -> None:
    """Law: no feature is a count of clear observations, which would take the clouds of a year for a class."""
    names = feature_spec(SENSOR, ["window"]).names
    assert not [name for name in names if "valid" in name or "count" in name]


def test_coarse_labels_are_held_at_their_cell() -> None:
    """Law: hectares of mapped crop by cells of a kilometre add up to the map's own, whatever the cells."""
    rng = np.random.default_rng(1)
    geobox = grid(230, 310)
    mapped = (rng.random((230, 310)) < 0.1).astype(np.uint8)
    left, bottom, right, top = geobox.boundingbox
    squares = [
        box(x, y, min(x + 1000, right), min(y + 1000, top))
        for x in np.arange(left, right, 1000)
        for y in np.arange(bottom, top, 1000)
    ]
    zones = geopandas.GeoDataFrame(geometry=squares, crs=str(geobox.crs))
    hectares = np.broadcast_to(cell_areas_ha(geobox), mapped.shape)
    held = zonal_sum(mapped * hectares, geobox, zones)
    assert len(held) == 12
    assert held.sum() == pytest.approx((mapped * hectares).sum(), rel=1e-9)
