"""Ratio, difference and regression estimators against R, and over every sample of a small population."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from aoi.survey.cluster import simple_random
from aoi.survey.linearised import total
from aoi.survey.ratio import (
    combined_ratio_total,
    difference_total,
    ratio,
    regression_total,
    separate_ratio_total,
    separate_regression_total,
)
from geo.errors import InputError, QualityGateError
from tests.aoi.survey import api_data
from tests.shared import oracle

EXACT = 1e-10
"""Tolerance of the survey and enumeration oracles."""


def close(found, expected: dict) -> None:
    """Compare an estimate and its standard error with the oracle's."""
    assert found.value == pytest.approx(expected["est"], rel=EXACT)
    assert found.se == pytest.approx(expected["se"], rel=EXACT)


@pytest.fixture(name="strat")
def fixture_strat():
    """Return the stratified sample, its design and what R makes of it."""
    data = api_data.frame("apistrat")
    return data, api_data.strat(data), oracle("survey_api")


def test_combined_ratio(strat) -> None:
    """Independent program: R svyratio and predict over all strata."""
    data, design, expected = strat
    known = expected["strat"]["pop_enroll_by_stype"]
    close(ratio(design, data["api.stu"], data["enroll"]), expected["strat"]["combined_ratio"])
    found = combined_ratio_total(design, data["api.stu"], data["enroll"], x_total=sum(known.values()))
    close(found, expected["strat"]["combined_ratio_total"])


def test_separate_ratio(strat) -> None:
    """Independent program: R svyratio(separate=TRUE), total and each stratum's ratio."""
    data, design, expected = strat
    found = separate_ratio_total(
        design,
        data["api.stu"],
        data["enroll"],
        stratum=data["stype"],
        x_totals=expected["strat"]["pop_enroll_by_stype"],
    )
    close(found, expected["strat"]["separate_ratio_total"])
    for name, rate in expected["strat"]["separate_ratios"]["est"].items():
        rows = (data["stype"] == name).to_numpy()
        one = ratio(design, data["api.stu"], data["enroll"], domain=rows)
        close(one, {"est": rate, "se": expected["strat"]["separate_ratios"]["se"][name]})


def test_combined_and_separate_differ(strat) -> None:
    """Negative control: the two ratio estimators are not one."""
    data, design, expected = strat
    known = expected["strat"]["pop_enroll_by_stype"]
    found = combined_ratio_total(design, data["api.stu"], data["enroll"], x_total=sum(known.values()))
    with pytest.raises(AssertionError):
        close(found, expected["strat"]["separate_ratio_total"])


def test_regression(strat) -> None:
    """Independent program: R calibrate() to an intercept and one auxiliary, combined and by stratum."""
    data, design, expected = strat
    table, truth = expected["calibrate"], expected["population_truth"]
    found = regression_total(design, data["enroll"], data["api99"], x_totals=truth["sum_api99"], size=truth["N"])
    close(found, table["strat_combined_regression_api99"]["total_enroll"])
    population = api_data.frame("apipop").groupby("stype")["api99"].agg(["size", "sum"])
    known = {name: (row["size"], row["sum"]) for name, row in population.iterrows()}
    separate = separate_regression_total(design, data["enroll"], data["api99"], stratum=data["stype"], known=known)
    close(separate, table["strat_separate_regression_api99"]["total_enroll"])


def test_regression_of_a_simple_random_sample() -> None:
    """Independent program: R calibrate() of the simple random sample."""
    data, expected = api_data.frame("apisrs"), oracle("survey_api")
    truth = expected["population_truth"]
    found = regression_total(
        api_data.srs(data), data["enroll"], data["api99"], x_totals=truth["sum_api99"], size=truth["N"]
    )
    close(found, expected["calibrate"]["srs_regression_api99"]["total_enroll"])


@pytest.fixture(name="samples", scope="module")
def fixture_samples():
    """Return every sample of four from the twelve units, with their estimates."""
    population = oracle("enumeration")
    y, x = (np.array(population["population"][name]) for name in ("y", "map_x"))
    return y, x, [list(s) for s in combinations(range(12), 4)], population["srs_n4"]


def test_every_expansion(samples) -> None:
    """Brute force: 495 samples, expansion unbiased and its variance exact."""
    y, _, all_samples, expected = samples
    found = [total(simple_random(4, 12), y[s]) for s in all_samples]
    assert len(found) == expected["n_samples"]
    assert np.mean([f.value for f in found]) == pytest.approx(expected["E_total"], rel=EXACT)
    assert np.mean([f.variance for f in found]) == pytest.approx(expected["true_var"], rel=EXACT)


def test_every_difference(samples) -> None:
    """Brute force: 495 samples, the map-assisted difference unbiased and its variance exact."""
    y, x, all_samples, expected = samples
    found = [difference_total(simple_random(4, 12), y[s], x[s], x_total=x.sum()) for s in all_samples]
    table = expected["difference_estimator"]
    assert np.mean([f.value for f in found]) == pytest.approx(table["E_total"], rel=EXACT)
    assert np.var([f.value for f in found]) == pytest.approx(table["true_var"], rel=EXACT)
    assert np.mean([f.variance for f in found]) == pytest.approx(table["E_v"], rel=EXACT)


def test_every_ratio(samples) -> None:
    """Brute force: the ratio estimator's exact bias, and the one sample without a ratio refused."""
    y, x, all_samples, expected = samples
    table, values, undefined = expected["ratio_estimator"], [], 0
    for s in all_samples:
        if x[s].sum() > 0:
            values.append(combined_ratio_total(simple_random(4, 12), y[s], x[s], x_total=x.sum()).value)
            continue
        undefined += 1
        with pytest.raises(QualityGateError, match="denominator of a ratio: found 0"):
            ratio(simple_random(4, 12), y[s], x[s])
    assert undefined == table["n_undefined"]
    assert np.mean(values) - y.sum() == pytest.approx(table["bias"], rel=1e-9)


def test_difference_is_unbiased_whatever_the_map(samples) -> None:
    """Law: a map that is pure noise costs variance, never bias."""
    y, x, all_samples, _ = samples
    noise = np.random.default_rng(0).permutation(x) * 3
    found = [difference_total(simple_random(4, 12), y[s], noise[s], x_total=noise.sum()).value for s in all_samples]
    assert np.mean(found) == pytest.approx(y.sum(), rel=EXACT)


def test_ratio_to_itself_is_exact() -> None:
    """Law: a variable proportional to the auxiliary has no variance."""
    x = np.array([1.0, 2.0, 5.0])
    found = combined_ratio_total(simple_random(3, 30), 0.2 * x, x, x_total=100.0)
    assert (found.value, found.se) == pytest.approx((20.0, 0.0), abs=1e-12)


def test_separate_ratio_names_strata_without_units() -> None:
    """Law: a stratum with a known total and no unit stops the estimate."""
    design = simple_random(3, 30)
    with pytest.raises(QualityGateError, match="stratum 'c': found no sampled unit"):
        separate_ratio_total(
            design, [1, 2, 3], [1, 2, 3], stratum=["a", "a", "b"], x_totals={"a": 5, "b": 6, "c": 2}
        )
    with pytest.raises(InputError, match="no known total for 'b'"):
        separate_ratio_total(design, [1, 2, 3], [1, 2, 3], stratum=["a", "a", "b"], x_totals={"a": 5})


def test_known_total_must_be_positive() -> None:
    """Law: a ratio is not scaled by nothing."""
    with pytest.raises(QualityGateError, match="known total"):
        combined_ratio_total(simple_random(2, 20), [1, 2], [1, 2], x_total=0.0)
    with pytest.raises(InputError, match="known total"):
        combined_ratio_total(simple_random(2, 20), [1, 2], [1, 2], x_total=np.nan)
