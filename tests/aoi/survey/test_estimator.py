"""Stratified totals, class areas and domains against published numbers, enumeration and laws."""

from __future__ import annotations

import csv
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.survey.design import StratifiedDesign
from aoi.survey.estimate import Estimate
from aoi.survey.estimator import (
    areas_of_counts,
    class_areas,
    class_counts,
    membership,
    stratified_totals,
    variance_spread,
)
from geo.errors import InputError, QualityGateError
from tests.shared import oracle, oracle_path

PUBLISHED = 1e-12
"""Relative: the oracle agrees with two independent programs to 1e-15."""
EXACT = 1e-10
"""Relative: sums over all samples of a small population, in doubles."""
PACKAGE = 1e-7
"""Relative: the package's files give weights in single precision; N_h/n_h is exact."""


def one_stratum(n_units: int) -> StratifiedDesign:
    """Return a frame that is one stratum."""
    return StratifiedDesign.of_units(["all"], [n_units], unit_area_ha=1.0)


def counted(name: str) -> tuple[dict[str, Any], np.ndarray, StratifiedDesign, list[str]]:
    """Return a published matrix of counts, its design and its classes."""
    case = oracle("accuracy_area")[name]
    areas = np.array(list(case["map_totals"].values()), dtype=float)
    classes = case["classes"]
    design = StratifiedDesign(names=tuple(classes), sizes=np.full(len(classes), 10**9), areas_ha=areas)
    return case["expected"], np.array(case["counts_rows_map_cols_ref"]), design, classes


@pytest.mark.parametrize("name", ["olofsson2013_ex1", "olofsson2013_ex2", "olofsson2014_table8"])
def test_areas_of_olofsson(name: str) -> None:
    """Published: areas and standard errors of Olofsson et al. 2013 and 2014; one count moved breaks them."""
    expected, counts, design, classes = counted(name)
    found = areas_of_counts(counts.astype(float), counts.sum(axis=1), design, fpc=False)
    for estimate, label in zip(found, classes, strict=True):
        assert estimate.value == pytest.approx(expected["area"][label], rel=PUBLISHED)
        assert estimate.se == pytest.approx(expected["SE_area"][label], rel=PUBLISHED)
    moved = counts.astype(float)
    moved[0, 0] -= 1
    moved[0, 1] += 1
    wrong = areas_of_counts(moved, counts.sum(axis=1), design, fpc=False)[0]
    assert wrong.value != pytest.approx(expected["area"][classes[0]], rel=1e-6)
    assert wrong.se != pytest.approx(expected["SE_area"][classes[0]], rel=1e-6)


def test_published_hectares_of_olofsson_2014() -> None:
    """Published: deforestation 21 158 ha with a half-width of 6 158 ha by the Wald interval."""
    _, counts, design, _ = counted("olofsson2014_table8")
    pixels = StratifiedDesign(names=design.names, sizes=design.sizes, areas_ha=design.areas_ha * 0.09)
    found = areas_of_counts(counts.astype(float), counts.sum(axis=1), pixels, fpc=False, method="wald")[0]
    assert round(found.value) == 21_158
    assert round(found.hi - found.value) == 6_158


def stehman() -> tuple[dict[str, Any], dict[str, np.ndarray], StratifiedDesign]:
    """Return Stehman's forty units as codes."""
    case = oracle("accuracy_area")["stehman2014"]
    with oracle_path("accuracy_area/stehman2014_input.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    codes = {key: np.array(["ABCD".index(row[key]) for row in rows]) for key in ("stratum", "map", "ref")}
    design = StratifiedDesign.of_units(list("ABCD"), list(case["Nh_strata"].values()), unit_area_ha=1e-5)
    return case["expected"], codes, design


def test_areas_of_stehman() -> None:
    """Published: Stehman 2014, strata that are not the map's classes, with finite population correction."""
    expected, codes, design = stehman()
    found = class_areas(codes["stratum"], membership(codes["ref"], 4), design)
    for estimate, label in zip(found, "ABCD", strict=True):
        assert estimate.value == pytest.approx(expected["area_prop"][label], rel=PUBLISHED)
        assert estimate.se == pytest.approx(expected["SE_area_prop"][label], rel=PUBLISHED)
    without = class_areas(codes["stratum"], membership(codes["ref"], 4), design, fpc=False)[0]
    assert without.se != pytest.approx(expected["SE_area_prop"]["A"], rel=1e-5)


def population() -> dict[str, Any]:
    """Return the enumeration oracle's population of twelve units."""
    return oracle("enumeration")


def test_simple_random_enumeration() -> None:
    """Brute force: over all 495 samples the total is unbiased and the variance estimator exact."""
    case = population()
    y, x = (np.array(case["population"][key]) for key in ("y", "map_x"))
    design, zeros = one_stratum(12), np.zeros(4, dtype=np.int64)
    plain, difference = [], []
    for chosen in combinations(range(12), 4):
        at = list(chosen)
        plain.append(stratified_totals(zeros, y[at], design, fpc=True))
        difference.append(stratified_totals(zeros, y[at] - x[at], design, fpc=True))
    expected = case["srs_n4"]
    totals = np.array([found.totals[0] for found in plain])
    assert totals.mean() == pytest.approx(expected["E_total"], rel=EXACT)
    assert totals.var() == pytest.approx(expected["true_var"], rel=EXACT)
    assert np.mean([found.covariance[0, 0] for found in plain]) == pytest.approx(expected["E_v"], rel=EXACT)
    shifted = np.array([found.totals[0] for found in difference]) + case["population"]["map_total"]
    assert shifted.mean() == pytest.approx(expected["difference_estimator"]["E_total"], rel=EXACT)
    mean_v = np.mean([found.covariance[0, 0] for found in difference])
    assert mean_v == pytest.approx(expected["difference_estimator"]["E_v"], rel=EXACT)


def test_stratified_enumeration() -> None:
    """Brute force: over all 180 stratified samples estimate and variance are right; without FPC they are not."""
    case = population()
    y, stratum = np.array(case["population"]["y"]), np.array(case["population"]["stratum"])
    design = StratifiedDesign.of_units(list("abc"), np.bincount(stratum), unit_area_ha=1.0)
    draws = [list(combinations(np.flatnonzero(stratum == h), 2)) for h in range(3)]
    found, uncorrected = [], []
    for parts in product(*draws):
        at = [unit for part in parts for unit in part]
        found.append(stratified_totals(stratum[at], y[at], design, fpc=True))
        uncorrected.append(stratified_totals(stratum[at], y[at], design, fpc=False).covariance[0, 0])
    expected = case["stratified_2_2_2"]
    totals = np.array([one.totals[0] for one in found])
    assert len(totals) == expected["n_samples"]
    assert totals.mean() == pytest.approx(expected["E_total"], rel=EXACT)
    assert totals.var() == pytest.approx(expected["true_var"], rel=EXACT)
    assert np.mean([one.covariance[0, 0] for one in found]) == pytest.approx(expected["E_v"], rel=EXACT)
    assert np.mean(uncorrected) > 1.3 * expected["E_v"]


def test_class_area_enumeration() -> None:
    """Brute force: over all samples of nine units in two strata a class area and its variance are exact."""
    crop = np.array([1.0, 0, 1, 1, 0, 0, 0, 1, 0])
    stratum = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    design = StratifiedDesign.of_units(["a", "b"], [4, 5], unit_area_ha=2.0)
    found = [
        class_areas(stratum[list(a + b)], crop[list(a + b)], design)[0]
        for a in combinations(range(4), 2)
        for b in combinations(range(4, 9), 3)
    ]
    values = np.array([estimate.value for estimate in found])
    assert values.mean() == pytest.approx(2.0 * crop.sum(), rel=EXACT)
    assert np.mean([estimate.se**2 for estimate in found]) == pytest.approx(values.var(), rel=EXACT)


def test_covariance_enumeration() -> None:
    """Brute force: over all samples the covariance of two totals is estimated without bias."""
    case = population()
    y = np.stack([case["population"]["y"], case["population"]["map_x"]], axis=1)
    design, zeros = one_stratum(12), np.zeros(3, dtype=np.int64)
    found = [stratified_totals(zeros, y[list(chosen)], design, fpc=True) for chosen in combinations(range(12), 3)]
    true = np.cov(np.array([one.totals for one in found]).T, bias=True)
    assert np.mean([one.covariance for one in found], axis=0) == pytest.approx(true, rel=EXACT)


def api_strata() -> tuple[StratifiedDesign, np.ndarray, np.ndarray, list[dict[str, str]]]:
    """Return the stratified school sample: design, strata, enrolment and rows."""
    with oracle_path("survey_api/apistrat.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    sizes = {row["stype"]: int(row["fpc"]) for row in rows}
    design = StratifiedDesign.of_units(sorted(sizes), [sizes[name] for name in sorted(sizes)], unit_area_ha=1.0)
    return (
        design,
        design.code_of([row["stype"] for row in rows]),
        np.array([float(r["enroll"]) for r in rows]),
        rows,
    )


def test_total_of_schools() -> None:
    """Independent program: stratified total of R survey, with and without finite population correction."""
    design, stratum, enrolled, _ = api_strata()
    expected = oracle("survey_api")["strat"]
    found = stratified_totals(stratum, enrolled, design, fpc=True)
    assert found.totals[0] == pytest.approx(expected["total_enroll"]["est"], rel=PACKAGE)
    assert found.se[0] == pytest.approx(expected["total_enroll"]["se"], rel=PACKAGE)
    plain = stratified_totals(stratum, enrolled, design, fpc=False)
    assert plain.se[0] == pytest.approx(expected["total_enroll_nofpc"]["se"], rel=PACKAGE)


def test_domains_of_schools() -> None:
    """Independent program: domain totals and their covariance of R survey, by zero extension."""
    design, stratum, enrolled, rows = api_strata()
    wide = np.array([row["sch.wide"] == "Yes" for row in rows])
    both = np.stack([enrolled * ~wide, enrolled * wide], axis=1)
    expected = oracle("survey_api")["strat"]["domain_total_enroll_by_schwide"]
    found = stratified_totals(stratum, both, design, fpc=True)
    assert found.totals == pytest.approx([expected["est"]["No"], expected["est"]["Yes"]], rel=PACKAGE)
    assert found.covariance == pytest.approx(np.array(expected["cov"]), rel=PACKAGE)


LONE = {"certainty": "certainty", "adjust": "adjust", "average": "average"}


@pytest.mark.parametrize("policy", list(LONE))
def test_policies_for_a_lone_unit(policy: Any) -> None:
    """Independent program: standard errors of R survey under its policies for a stratum of one unit."""
    with oracle_path("survey_api/lonely_input.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    weights = {row["stype"]: float(row["pw"]) for row in rows}
    names = sorted(weights)
    n = [sum(row["stype"] == name for row in rows) for name in names]
    expansion = np.array([weights[name] for name in names]) * n
    design = StratifiedDesign.of_units(names, [4421, 755, 1018], unit_area_ha=1.0, lonely=policy)
    enrolled = np.array([float(row["enroll"]) for row in rows])
    stratum = design.code_of([row["stype"] for row in rows])
    found = stratified_totals(stratum, enrolled, design, fpc=False, expansion=expansion)
    expected = oracle("survey_api")["lonely_psu"][LONE[policy]]
    assert found.totals[0] == pytest.approx(expected["est"], rel=EXACT)
    assert found.se[0] == pytest.approx(expected["se"], rel=EXACT)


def test_collapsing_lone_strata() -> None:
    """Law: two lone strata pooled give the squared difference of their totals (Cochran 1977, eq. 5A.56)."""
    design = StratifiedDesign.of_units(["a", "b"], [10, 20], unit_area_ha=1.0, lonely="collapse")
    found = stratified_totals(np.array([0, 1]), np.array([3.0, 1.0]), design, fpc=False)
    assert found.totals[0] == 50.0
    assert found.covariance[0, 0] == pytest.approx((30.0 - 20.0) ** 2, rel=EXACT)


def test_counts_and_units_agree() -> None:
    """Law: areas from counts are those from units, under every policy and with unlike cells."""
    rng = np.random.default_rng(5)
    for lonely in ("refuse", "adjust", "average", "collapse"):
        stratum = np.r_[np.repeat([0, 1, 2], [40, 60, 30]), [] if lonely == "refuse" else [3]].astype(np.int64)
        areas = np.array([10.0, 500.0, 90.0, 7.0])[: stratum.max() + 1]
        design = StratifiedDesign(
            names=tuple("abcd")[: areas.size],
            sizes=np.array([100, 4000, 900, 60])[: areas.size],
            areas_ha=areas,
            lonely=lonely,  # type: ignore[arg-type]
        )
        member = (rng.random((stratum.size, 2)) < [0.3, 0.05]).astype(float)
        from_counts = class_areas(stratum, member, design)
        from_units = stratified_totals(stratum, member, design, fpc=True, expansion=design.areas_ha)
        assert [one.value for one in from_counts] == pytest.approx(from_units.totals, rel=EXACT)
        assert [one.se for one in from_counts] == pytest.approx(from_units.se, rel=EXACT)


samples = st.integers(2, 5).flatmap(
    lambda h: st.tuples(
        st.lists(st.integers(2, 40), min_size=h, max_size=h),
        st.lists(st.integers(1, 500), min_size=h, max_size=h),
        st.integers(0, 2**32 - 1),
    )
)


def drawn(counts: list[int], extra: list[int], seed: int) -> tuple[StratifiedDesign, np.ndarray, np.ndarray]:
    """Return a random design with labels of three classes."""
    rng = np.random.default_rng(seed)
    sizes = np.array(counts) + np.array(extra)
    design = StratifiedDesign.of_units([str(h) for h in range(len(counts))], sizes, unit_area_ha=0.25)
    stratum = np.repeat(np.arange(len(counts)), counts)
    return design, stratum, rng.integers(0, 3, stratum.size)


@given(samples)
def test_classes_add_up_to_the_frame(case: tuple[list[int], list[int], int]) -> None:
    """Law: the areas of all classes add up to the frame, and every interval lies in it around its value."""
    design, stratum, label = drawn(*case)
    found = class_areas(stratum, membership(label, 3), design)
    assert sum(one.value for one in found) == pytest.approx(design.total_area_ha, rel=1e-12)
    for k, one in enumerate(found):
        seen = 0.25 * float((label == k).sum())
        assert seen - 1e-9 <= one.lo <= one.value <= one.hi <= design.total_area_ha + 1e-9


@given(samples, st.permutations(range(3)))
def test_renaming_classes_renames_areas(case: tuple[list[int], list[int], int], order: list[int]) -> None:
    """Law: a permutation of the legend permutes the estimates and changes none."""
    design, stratum, label = drawn(*case)
    plain = class_areas(stratum, membership(label, 3), design)
    renamed = class_areas(stratum, membership(np.array(order)[label], 3), design)
    for k in range(3):
        assert renamed[order[k]] == plain[k]


def test_a_census_has_no_error() -> None:
    """Law: a frame wholly labelled has standard error 0 and an interval of one point."""
    design = StratifiedDesign.of_units(["a", "b"], [5, 3], unit_area_ha=2.0)
    stratum = np.repeat([0, 1], [5, 3])
    crop = np.array([1.0, 0, 1, 0, 0, 1, 1, 0])
    for fpc in (True, False):
        for method in ("default", "gamma", "gamma-midp", "mover-wilson", "wald", "t"):
            found = class_areas(stratum, crop, design, fpc=fpc, method=method)[0]
            assert (found.value, found.se, found.lo, found.hi) == (8.0, 0.0, 8.0, 8.0)


def test_a_certainty_stratum_adds_area_and_no_variance() -> None:
    """Law: known units add their crop and leave standard error and half-widths as they were."""
    stratum, crop = np.repeat([0, 1], [40, 60]), np.r_[np.ones(20), np.zeros(20), np.ones(15), np.zeros(45)]
    alone = StratifiedDesign.of_units(["a", "b"], [1000, 9000], unit_area_ha=1.0)
    known = StratifiedDesign.of_units(["a", "b", "training"], [1000, 9000, 7], unit_area_ha=1.0)
    plain = class_areas(stratum, crop, alone)[0]
    added = class_areas(np.r_[stratum, np.full(7, 2)], np.r_[crop, np.ones(7)], known)[0]
    assert added.value == pytest.approx(plain.value + 7.0, rel=1e-14)
    assert added.se == pytest.approx(plain.se, rel=1e-14)
    assert added.hi - added.value == pytest.approx(plain.hi - plain.value, rel=1e-12)


def test_one_stratum_is_simple_random_sampling() -> None:
    """Law: with one stratum the area is A p and its variance A^2 (1 - f) p (1 - p) / (n - 1)."""
    crop = np.r_[np.ones(30), np.zeros(70)]
    found = class_areas(np.zeros(100, dtype=np.int64), crop, one_stratum(400))[0]
    assert found.value == pytest.approx(120.0, rel=1e-14)
    assert found.se == pytest.approx(400 * np.sqrt(0.75 * 0.3 * 0.7 / 99), rel=1e-14)


def test_a_perfect_map_gives_the_mapped_area() -> None:
    """Law: where every unit is as mapped the estimate is the mapped area, and the interval still is not empty."""
    design = StratifiedDesign.of_units(["crop", "rest"], [9_434, 990_566], unit_area_ha=1.0)
    stratum = np.repeat([0, 1], [300, 600])
    found = class_areas(stratum, stratum == 0, design)[0]
    assert found.value == pytest.approx(9_434.0, rel=1e-14)
    assert found.se == 0.0
    assert found.lo < found.value < found.hi


def test_counting_units_by_stratum_and_class() -> None:
    """Law: counts by stratum and class are those of the units."""
    assert class_counts(np.array([0, 0, 1]), np.array([1, 1, 0]), (2, 2)).tolist() == [[0, 2], [1, 0]]


def test_missing_values_are_not_zero() -> None:
    """Law: a missing label stops the estimate and names the unit."""
    design = StratifiedDesign.of_units(["a"], [100], unit_area_ha=1.0)
    with pytest.raises(InputError, match=r"1 values missing or not finite \(first: unit 2\)"):
        class_areas(np.zeros(4, dtype=np.int64), [0.0, 1.0, np.nan, 0.0], design)
    with pytest.raises(InputError, match="0 or 1 for each unit"):
        class_areas(np.zeros(4, dtype=np.int64), [0.0, 0.5, 1.0, 0.0], design)
    with pytest.raises(InputError, match="4 values, 3 strata"):
        stratified_totals(np.zeros(3, dtype=np.int64), np.ones(4), design, fpc=True)


def test_unsampled_strata_stop_the_estimate() -> None:
    """Law: a stratum without a unit is not left out in silence."""
    design = StratifiedDesign.of_units(["a", "b"], [100, 900], unit_area_ha=1.0)
    with pytest.raises(QualityGateError, match="'b': found no sampled unit"):
        class_areas(np.zeros(4, dtype=np.int64), np.ones(4), design)


def test_an_estimate_always_has_its_interval() -> None:
    """Law: the only figures in hectares that come out carry limits, level, n and method."""
    found = class_areas(np.zeros(10, dtype=np.int64), np.ones(10), one_stratum(100))
    assert all(isinstance(one, Estimate) and one.lo <= one.hi and one.method and one.n == 10 for one in found)


@pytest.mark.slow
def test_a_million_units_in_two_hundred_domains() -> None:
    """Law: a million units by 200 domains and 4 classes take seconds, and the domains add up to the frame."""
    rng = np.random.default_rng(0)
    n, cells = 1_000_000, 800
    design = StratifiedDesign.of_units(list("abcd"), [10**7] * 4, unit_area_ha=0.09)
    stratum, cell = rng.integers(0, 4, n), rng.integers(0, cells, n)
    counts = class_counts(stratum, cell, (4, cells))
    found = areas_of_counts(counts, design.sample_counts(stratum), design)
    assert sum(one.value for one in found) == pytest.approx(design.total_area_ha, rel=1e-9)


@pytest.mark.parametrize(
    ("counts", "groups"),
    [
        ([5, 5, 1], [0, 1, 1]),
        ([1, 5, 5], [0, 0, 1]),
        ([5, 1, 1, 5], [0, 0, 0, 1]),
        ([1, 1], [0, 0]),
        ([4, 5], [0, 1]),
    ],
)
def test_lone_strata_are_pooled_with_their_neighbour_alone(counts: list[int], groups: list[int]) -> None:
    """Literal: a lone stratum joins the one before it, the first one the second; the others stay by themselves."""
    names = [f"s{i}" for i in range(len(counts))]
    design = StratifiedDesign.of_units(names, [100] * len(counts), unit_area_ha=1.0, lonely="collapse")
    assert variance_spread(np.array(counts), design, fpc=True).group.tolist() == groups
