"""Units not seen: response groups against R, over every pair of phases, and with their bounds."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

from aoi.survey.cluster import simple_random
from aoi.survey.linearised import mean, total
from aoi.survey.two_phase import ResponseDesign, response_total, two_phase_difference
from geo.errors import InputError, QualityGateError
from tests.shared import oracle, oracle_path

EXACT = 1e-12
"""Tolerance of the non-response oracle."""


@pytest.fixture(name="schools")
def fixture_schools():
    """Return the sample with its responses, its design, and R's numbers."""
    data = pd.read_csv(oracle_path("nonresponse_mi") / "apisrs_resp.csv")
    design = ResponseDesign(stratum=np.zeros(200), population=6194, group=data["stype"], responded=data["resp"])
    return data, design, oracle("nonresponse_mi")["two_phase_response"]


def test_against_r_twophase(schools) -> None:
    """Independent program: R twophase(method="full"), a total and a mean."""
    data, design, expected = schools
    for found, name in (
        (total(design, data["enroll"].to_numpy()[design.seen]), "total_enroll"),
        (mean(design, data["api00"].to_numpy()[design.seen]), "mean_api00"),
    ):
        assert found.value == pytest.approx(expected["full"][name]["est"], rel=EXACT)
        assert found.se == pytest.approx(expected["full"][name]["se"], rel=EXACT)


def test_both_phases(schools) -> None:
    """Independent program: numpy, each phase's variance by itself."""
    data, design, expected = schools
    y = data["enroll"].to_numpy(float)[design.seen][:, None]
    parts = expected["numpy_unbiased"]["total_enroll"]
    assert design.first_phase(y)[0, 0] == pytest.approx(parts["v_phase1"], rel=EXACT)
    assert design.second_phase(y)[0, 0] == pytest.approx(parts["v_phase2"], rel=EXACT)


def test_groups_matter(schools) -> None:
    """Negative control: one group for all gives R's naive figure, not the adjusted one."""
    data, design, expected = schools
    one = ResponseDesign(stratum=np.zeros(200), population=6194, group=np.zeros(200), responded=data["resp"])
    y = data["enroll"].to_numpy()[design.seen]
    naive, full = expected["naive_ignore_groups"]["total_enroll"], expected["full"]["total_enroll"]
    assert total(one, y).value == pytest.approx(naive["est"], rel=EXACT)
    assert total(one, y).value != pytest.approx(full["est"], rel=1e-3)


def test_every_two_phase_sample_over_strata_and_groups() -> None:
    """Brute force: two strata, two groups across them, units hidden; all samples of both phases."""
    y = np.array([3.0, 0.0, 7.0, 1.0, 4.0, 9.0, 2.0])
    stratum, group = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 0, 1, 0])
    values, variances, chances = [], [], []
    first = [c + d for c in combinations(range(4), 3) for d in combinations(range(4, 7), 2)]
    for drawn in first:
        s = np.array(drawn)
        per_group = [np.flatnonzero(group[s] == g) for g in (0, 1)]
        # One hidden where there are three or more, so that two are seen
        choices = [
            list(combinations(rows, max(2, len(rows) - 1))) if len(rows) > 1 else [tuple(rows)]
            for rows in per_group
        ]
        for pick in product(*choices):
            responded = np.zeros(5, dtype=bool)
            responded[np.concatenate([np.array(p, dtype=int) for p in pick])] = True
            design = ResponseDesign(
                stratum=stratum[s], population=np.array([4, 3])[stratum[s]], group=group[s], responded=responded
            )
            found = total(design, y[s][responded])
            values.append(found.value)
            variances.append(found.variance)
            chances.append(1 / len(first) / np.prod([len(c) for c in choices]))
    chance = np.array(chances)
    assert chance.sum() == pytest.approx(1.0)
    assert chance @ values == pytest.approx(y.sum(), rel=1e-10)
    assert chance @ variances == pytest.approx(chance @ (np.array(values) - y.sum()) ** 2, rel=1e-10)


def test_every_double_sample() -> None:
    """Brute force: 18480 pairs of six and three units, the two-phase difference and its variance exact."""
    population = oracle("enumeration")
    y, x = (np.array(population["population"][name]) for name in ("y", "map_x"))
    expected, values, variances = population["two_phase_difference_6_3"], [], []
    for first in combinations(range(12), 6):
        for second in combinations(first, 3):
            s = list(second)
            found = two_phase_difference(y[s], x[s], x_first=x[list(first)], population=12)
            values.append(found.value)
            variances.append(found.variance)
    assert len(values) == expected["n_samples"]
    assert np.mean(values) == pytest.approx(expected["E_total"], rel=1e-10)
    assert np.var(values) == pytest.approx(expected["true_var"], rel=1e-10)
    assert np.mean(variances) == pytest.approx(expected["E_v"], rel=1e-10)


def test_everything_seen_is_the_one_phase_figure() -> None:
    """Law: without missing units the second phase adds nothing."""
    y = np.array([1.0, 5.0, 2.0, 8.0, 0.0])
    design = ResponseDesign(stratum=np.zeros(5), population=50, group=[1, 1, 2, 2, 2], responded=np.ones(5, bool))
    one_phase = total(simple_random(5, 50), y)
    assert (total(design, y).value, total(design, y).variance) == pytest.approx(
        (one_phase.value, one_phase.variance)
    )


def test_share_imputed_and_bounds() -> None:
    """Literal: four of six segments of ten hectares seen; the hidden two hold between nothing and all."""
    design = ResponseDesign(
        stratum=np.zeros(6),
        population=60,
        group=["a", "a", "a", "b", "b", "b"],
        responded=np.array([True, True, False, True, True, False]),
    )
    found = response_total(design, [2.0, 4.0, np.nan, 1.0, 1.0, np.nan], capacity=10.0)
    assert found.total.value == pytest.approx(10 * (6 + 2) * 3 / 2)
    assert found.share_imputed == pytest.approx(1 / 3)
    assert found.share_missing == pytest.approx(1 / 3)
    assert (found.lower_bound, found.upper_bound) == pytest.approx((80.0, 80.0 + 10 * 20))
    figure = found.estimate(ceiling=600.0)
    assert figure.lo <= 120 <= figure.hi
    assert "2 response groups" in figure.method


def test_bounds_hold_the_truth_whatever_was_hidden() -> None:
    """Law: with the frame drawn whole the bounds hold the true total, cloud at random or not."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        y = rng.uniform(0, 10, 12) * (rng.random(12) < 0.5)
        responded = np.ones(12, dtype=bool)
        responded[np.argsort(-y)[:4]] = False
        design = ResponseDesign(stratum=np.zeros(12), population=12, group=np.zeros(12), responded=responded)
        found = response_total(design, np.where(responded, y, np.nan), capacity=10.0)
        assert found.lower_bound <= y.sum() <= found.upper_bound


def test_groups_too_thin_are_named() -> None:
    """Law: a group wholly under cloud cannot be filled in from itself."""
    with pytest.raises(QualityGateError, match=r"response group 'b': found 0 of 2 units seen.*not surveyed"):
        ResponseDesign(
            stratum=[1] * 4, population=40, group=["a", "a", "b", "b"], responded=[True, True, False, False]
        )
    with pytest.raises(QualityGateError, match="response group 'b': found 1 of 2"):
        ResponseDesign(
            stratum=[1] * 4, population=40, group=["a", "a", "b", "b"], responded=[True, True, True, False]
        )
    with pytest.raises(QualityGateError, match="one drawn unit"):
        ResponseDesign(stratum=[1, 1, 2], population=40, group=["a"] * 3, responded=[True] * 3)


def test_broken_inputs() -> None:
    """Law: what cannot be a sample with responses is named."""
    with pytest.raises(InputError, match="booleans"):
        ResponseDesign(stratum=[1, 1], population=40, group=["a", "a"], responded=[1, 0])
    with pytest.raises(InputError, match="1 units for 2 drawn ones"):
        ResponseDesign(stratum=[1, 1], population=1, group=["a", "a"], responded=[True, True])
    with pytest.raises(InputError, match="two values in one stratum"):
        ResponseDesign(stratum=[1, 1], population=[4, 5], group=["a", "a"], responded=[True, True])
    design = ResponseDesign(stratum=[1, 1], population=40, group=["a", "a"], responded=[True, True])
    with pytest.raises(InputError, match="missing observation is not zero"):
        response_total(design, [1.0, np.nan], capacity=5.0)
    with pytest.raises(InputError, match="1 units seen with more than it"):
        response_total(design, [1.0, 9.0], capacity=5.0)
    with pytest.raises(InputError, match="one for each of 2 drawn units"):
        response_total(design, [1.0], capacity=5.0)
    with pytest.raises(InputError, match="each phase no larger"):
        two_phase_difference([1.0, 2.0], [1.0, 2.0], x_first=[1.0], population=9)
