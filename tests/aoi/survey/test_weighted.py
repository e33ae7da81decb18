"""Areas from weighted and clustered units."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from aoi.survey.design import StratifiedDesign
from aoi.survey.estimate import LOW_COUNT
from aoi.survey.estimator import class_areas
from aoi.survey.weighted import WeightedSample, effective_sizes, weighted_areas
from geo.errors import QualityGateError
from tests.shared import oracle, oracle_path

PACKAGE = 1e-7
"""Relative: the package's files give weights in single precision."""


def plain(n: tuple[int, int] = (100, 200)) -> tuple[StratifiedDesign, np.ndarray]:
    """Return two strata and their units' codes."""
    return StratifiedDesign.of_units(["a", "b"], [1000, 9000], unit_area_ha=0.5), np.repeat([0, 1], n)


def test_single_units_of_equal_weight_are_the_plain_estimate() -> None:
    """Law: each unit its own cluster and equal weights give the stratified estimate without FPC."""
    design, stratum = plain()
    crop = (np.random.default_rng(3).random(300) < 0.3).astype(float)
    sample = WeightedSample(
        design=design, stratum=stratum, weight=np.full(300, 7.0), cluster=np.arange(300, dtype=np.int64)
    )
    found, expected = weighted_areas(sample, crop)[0], class_areas(stratum, crop, design, fpc=False)[0]
    assert found.value == pytest.approx(expected.value, rel=1e-12)
    assert found.se == pytest.approx(expected.se, rel=1e-12)
    assert found.lo == pytest.approx(expected.lo, rel=1e-3)
    assert found.hi == pytest.approx(expected.hi, rel=1e-3)


@pytest.mark.parametrize(("in_large", "flags"), [(4, (LOW_COUNT,)), (60, ())])
def test_segments_with_crop_in_a_small_stratum_do_not_vouch_for_a_large_one(
    in_large: int, flags: tuple[str, ...]
) -> None:
    """Law: four units of the class in the stratum that decides are few, whatever is seen in the other."""
    design, stratum = plain((200, 200))
    random = np.random.default_rng(6)
    crop = np.zeros(400)
    crop[random.choice(200, 60, replace=False)] = 1.0
    crop[200 + random.choice(200, in_large, replace=False)] = 1.0
    sample = WeightedSample(
        design=design, stratum=stratum, weight=np.ones(400), cluster=np.repeat(np.arange(40, dtype=np.int64), 10)
    )
    found = weighted_areas(sample, crop)[0]
    assert found.flags == flags


def test_clusters_of_schools() -> None:
    """Independent program: the mean of R survey's one-stage cluster sample, districts as primary units."""
    with oracle_path("survey_api/apiclus1.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    districts, cluster = np.unique([row["dnum"] for row in rows], return_inverse=True)
    design = StratifiedDesign.of_units(["all"], [6194], unit_area_ha=1.0)
    zeros = np.zeros(len(rows), dtype=np.int64)
    sample = WeightedSample(
        design=design, stratum=zeros, weight=np.ones(len(rows)), cluster=cluster.astype(np.int64)
    )
    score = np.array([float(row["api00"]) for row in rows])
    variance = float(sample.stratum_variance((score - score.mean())[:, None])[0, 0])
    # R applies 1 - 15/757 of the districts, which an ultimate-cluster variance leaves out
    se = np.sqrt(variance * (1 - 15 / 757)) / design.total_area_ha
    assert districts.size == 15
    assert se == pytest.approx(oracle("survey_api")["clus1"]["mean_api00"]["se"], rel=PACKAGE)


def test_pixels_of_a_segment_are_not_independent() -> None:
    """Law: copying each unit three times within its segment changes neither the estimate nor its error."""
    design, stratum = plain()
    crop = (np.random.default_rng(4).random(300) < 0.2).astype(float)
    one = WeightedSample(
        design=design, stratum=stratum, weight=np.ones(300), cluster=np.arange(300, dtype=np.int64)
    )
    three = WeightedSample(
        design=design,
        stratum=np.repeat(stratum, 3),
        weight=np.ones(900),
        cluster=np.repeat(np.arange(300, dtype=np.int64), 3),
    )
    a, b = weighted_areas(one, crop)[0], weighted_areas(three, np.repeat(crop, 3))[0]
    naive = class_areas(np.repeat(stratum, 3), np.repeat(crop, 3), design, fpc=False)[0]
    assert b.value == pytest.approx(a.value, rel=1e-12)
    assert b.se == pytest.approx(a.se, rel=1e-12)
    assert b.df == 298.0
    assert naive.se < 0.6 * b.se


def test_effective_sizes_shrink_with_clustering() -> None:
    """Law: wholly alike segments of three are worth a third of their units; unseen classes count segments."""
    design, stratum = plain((90, 90))
    crop = np.repeat(np.random.default_rng(1).random(60) < 0.4, 3).astype(float)
    sample = WeightedSample(
        design=design, stratum=stratum, weight=np.ones(180), cluster=np.repeat(np.arange(60, dtype=np.int64), 3)
    )
    share = np.array([[crop[:90].mean(), 0.0], [crop[90:].mean(), 0.0]])
    member = np.stack([crop, np.zeros(180)], axis=1)
    variance = sample.stratum_variance(member - share[stratum])
    size = effective_sizes(sample, share, variance, 0.95)
    assert size[:, 0] == pytest.approx([30.0, 30.0], rel=0.1)
    assert size[:, 1].tolist() == [30.0, 30.0]


def test_unequal_weights_shift_the_estimate() -> None:
    """Law: within a stratum the estimate is the weighted share of its area."""
    design, stratum = plain((2, 2))
    sample = WeightedSample(
        design=design,
        stratum=stratum,
        weight=np.array([3.0, 1.0, 1.0, 1.0]),
        cluster=np.arange(4, dtype=np.int64),
    )
    found = weighted_areas(sample, [1.0, 0.0, 0.0, 1.0])[0]
    assert found.value == pytest.approx(0.75 * 500 + 0.5 * 4500, rel=1e-12)
    assert found.flags == (LOW_COUNT,)


def test_one_primary_unit_in_a_stratum_is_refused() -> None:
    """Law: pixels of a single segment give no variance, however many they are."""
    design, stratum = plain((3, 3))
    with pytest.raises(QualityGateError, match="'b': found one sampled primary unit"):
        WeightedSample(design=design, stratum=stratum, weight=np.ones(6), cluster=np.array([0, 1, 2, 3, 3, 3]))


@pytest.mark.parametrize("method", ["default", "wald", "t", "gamma"])
def test_limits_stay_possible(method: str) -> None:
    """Law: limits hold the value, the area seen and the frame."""
    design, stratum = plain((40, 60))
    cluster = np.repeat(np.arange(50, dtype=np.int64), 2)
    sample = WeightedSample(design=design, stratum=stratum, weight=np.ones(100), cluster=cluster)
    for seed in range(5):
        crop = (np.random.default_rng(seed).random(100) < 0.03).astype(float)
        found = weighted_areas(sample, crop, method=method)[0]
        assert 0.5 * crop.sum() - 1e-9 <= found.lo <= found.value <= found.hi <= design.total_area_ha
