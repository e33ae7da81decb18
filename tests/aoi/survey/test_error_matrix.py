"""Accuracies in area proportions against the published examples, and by enumeration."""

from __future__ import annotations

import csv
import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from aoi.survey.design import StratifiedDesign
from aoi.survey.error_matrix import ErrorMatrix, error_matrix, weighted_error_matrix
from aoi.survey.weighted import WeightedSample
from geo.errors import InputError
from tests.shared import oracle, oracle_path

PUBLISHED = 1e-12
"""Relative: the oracle agrees with two independent programs to 1e-14."""


def labels_of(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return map and reference codes of a matrix of counts."""
    cells = np.repeat(np.arange(counts.size), counts.ravel())
    return np.divmod(cells, counts.shape[0])


def compare(found: ErrorMatrix, expected: dict[str, Any], tolerance: float = PUBLISHED) -> None:
    """Hold a matrix to published accuracies and standard errors."""
    assert found.overall.value == pytest.approx(expected["OA"], rel=tolerance)
    assert found.overall.se == pytest.approx(expected["SE_OA"], rel=tolerance)
    for accuracies, key in ((found.users, "UA"), (found.producers, "PA")):
        for name, accuracy in zip(found.classes, accuracies, strict=True):
            assert accuracy.value == pytest.approx(expected[key][name], rel=tolerance)
            assert accuracy.se == pytest.approx(expected[f"SE_{key}"][name], rel=tolerance)


@pytest.mark.parametrize("name", ["olofsson2013_ex1", "olofsson2013_ex2", "olofsson2014_table8"])
def test_accuracies_of_olofsson(name: str) -> None:
    """Published: accuracies and standard errors of Olofsson et al.; a swapped map and reference fails."""
    case = oracle("accuracy_area")[name]
    areas = np.array(list(case["map_totals"].values()), dtype=float)
    classes = case["classes"]
    design = StratifiedDesign(names=tuple(classes), sizes=np.full(areas.size, 10**9), areas_ha=areas)
    mapped, reference = labels_of(np.array(case["counts_rows_map_cols_ref"]))
    compare(error_matrix(mapped, mapped, reference, design, classes, fpc=False), case["expected"])
    with pytest.raises(AssertionError):
        compare(error_matrix(mapped, reference, mapped, design, classes, fpc=False), case["expected"], 1e-3)


def stehman() -> tuple[dict[str, Any], dict[str, np.ndarray], StratifiedDesign]:
    """Return Stehman's forty units."""
    case = oracle("accuracy_area")["stehman2014"]
    with oracle_path("accuracy_area/stehman2014_input.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    codes = {key: np.array(["ABCD".index(row[key]) for row in rows]) for key in ("stratum", "map", "ref")}
    design = StratifiedDesign.of_units(list("ABCD"), list(case["Nh_strata"].values()), unit_area_ha=1.0)
    return case["expected"], codes, design


def test_accuracies_of_stehman() -> None:
    """Published: Stehman 2014, ratio form with finite population correction; taking the map for strata fails."""
    expected, codes, design = stehman()
    found = error_matrix(codes["stratum"], codes["map"], codes["ref"], design, list("ABCD"))
    compare(found, expected)
    table = np.array([[cell or 0.0 for cell in row] for row in expected["error_matrix_prop"]])
    assert found.proportions == pytest.approx(table[:4, :4], abs=1e-12)
    assert found.proportions.sum() == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(AssertionError):
        compare(error_matrix(codes["map"], codes["map"], codes["ref"], design, list("ABCD")), expected, 1e-3)


def test_raw_counts_are_kept_apart() -> None:
    """Law: the count matrix says how many units stand in each cell and is no accuracy."""
    _, codes, design = stehman()
    found = error_matrix(codes["stratum"], codes["map"], codes["ref"], design, list("ABCD"))
    assert found.counts.sum() == 40
    assert np.trace(found.counts) / 40 != pytest.approx(found.overall.value, abs=0.005)
    assert [accuracy.n for accuracy in found.users] == found.counts.sum(axis=1).tolist()


def test_overall_accuracy_enumeration() -> None:
    """Brute force: over all samples of nine units overall accuracy is unbiased and its variance exact."""
    mapped = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    reference = np.array([0, 0, 1, 0, 1, 0, 1, 1, 0])
    design = StratifiedDesign.of_units(["a", "b"], [4, 5], unit_area_ha=1.0)
    found = [
        error_matrix(mapped[at], mapped[at], reference[at], design, ["a", "b"]).overall
        for at in (list(one + two) for one in combinations(range(4), 2) for two in combinations(range(4, 9), 3))
    ]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(np.mean(mapped == reference), rel=1e-12)
    assert np.mean([one.se**2 for one in found]) == pytest.approx(values.var(), rel=1e-12)


def test_a_misclassified_certainty_stratum_is_legal() -> None:
    """Law: known units that the map has wrong lower accuracy and add no variance."""
    design = StratifiedDesign.of_units(["crop", "rest", "known"], [100, 900, 3], unit_area_ha=1.0)
    stratum = np.r_[np.zeros(10), np.ones(20), np.full(3, 2)].astype(np.int64)
    mapped = np.r_[np.zeros(10), np.ones(20), np.ones(3)].astype(np.int64)
    found = error_matrix(stratum, mapped, np.r_[mapped[:30], 0, 0, 0], design, ["crop", "rest"])
    assert found.overall.value == pytest.approx(1000 / 1003, rel=1e-12)
    assert found.overall.se < 1e-15
    assert found.producers[0].value == pytest.approx(100 / 103, rel=1e-12)


def test_a_class_that_is_nowhere_has_no_accuracy() -> None:
    """Law: a class neither mapped nor found has no user's or producer's accuracy, not one of zero."""
    design = StratifiedDesign.of_units(["crop"], [100], unit_area_ha=1.0)
    zeros = np.zeros(10, dtype=np.int64)
    found = error_matrix(zeros, zeros, zeros, design, ["crop", "poppy"])
    assert math.isnan(found.users[1].value)
    assert math.isnan(found.users[1].se)
    assert found.users[1].n == 0


def test_equal_weights_without_clusters_are_the_plain_matrix() -> None:
    """Law: weights of one and a cluster for each unit give the stratified matrix without correction."""
    _, codes, design = stehman()
    sample = WeightedSample(
        design=design, stratum=codes["stratum"], weight=np.ones(40), cluster=np.arange(40, dtype=np.int64)
    )
    one = error_matrix(codes["stratum"], codes["map"], codes["ref"], design, list("ABCD"), fpc=False)
    two = weighted_error_matrix(sample, codes["map"], codes["ref"], list("ABCD"))
    assert two.proportions == pytest.approx(one.proportions, abs=1e-14)
    for left, right in zip((one.overall, *one.users), (two.overall, *two.users), strict=True):
        assert right.value == pytest.approx(left.value, rel=1e-12)
        assert right.se == pytest.approx(left.se, rel=1e-12)


def test_codes_outside_the_legend_are_refused() -> None:
    """Law: a code without a class stops, for map and reference at once."""
    design = StratifiedDesign.of_units(["crop"], [100], unit_area_ha=1.0)
    with pytest.raises(InputError, match=r"column 'map'.*\n.*column 'reference'"):
        error_matrix(np.zeros(2, dtype=np.int64), np.array([0, 3]), np.array([0, -1]), design, ["a", "b"])
