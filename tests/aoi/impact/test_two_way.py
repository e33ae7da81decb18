"""Two-way fixed effects, event study, decomposition and imputation against R, numpy and diff-diff."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aoi.impact.imputation import imputation
from aoi.impact.two_way import decomposition, event_study, two_way
from tests.aoi.impact.test_group_time import panel, small
from tests.shared import oracle, oracle_path


def test_coefficient_and_its_three_errors() -> None:
    """Independent program: the coefficient, and CR0, reghdfe's CR1 and clubSandwich's CR2."""
    told = json.loads((oracle_path("did_mpdta") / "expected_twfe_2x2.json").read_text())["twfe"]
    outcome, years, arm, _ = panel()
    own = np.arange(len(outcome))
    for correction, key in (("CR0", "se_cluster_HC0"), ("CR1", "se_cluster_stata_reghdfe")):
        found = two_way(outcome, years, arm.start, own, correction=correction)  # type: ignore[arg-type]
        assert (found.value, found.se) == pytest.approx((told["beta"], told[key]), rel=1e-8)
    # published in the reference to ten digits: R clubSandwich, CR2
    assert two_way(outcome, years, arm.start, own, correction="CR2").se == pytest.approx(0.0132704300, abs=5e-11)


def test_event_study_and_the_test_before() -> None:
    """Independent program: seven coefficients, their CR0 errors and Wald's statistic before the start."""
    told = oracle("bacon_eventstudy")
    outcome, years, arm, _ = panel()
    found = event_study(outcome, years, arm.start, np.arange(len(outcome)), correction="CR0")
    expected = told["twfe_event_study_ref_-1"]
    assert found.event.tolist() == expected["event"]
    assert found.value == pytest.approx(expected["beta"], rel=1e-8)
    assert found.se == pytest.approx(expected["se_CR0"], rel=1e-8)
    assert found.wald_before() == (pytest.approx(told["pretrend_wald_CR0"], rel=1e-8), 3)


def test_decomposition_adds_up() -> None:
    """Independent program: nine comparisons, forbidden ones named; the weighted mean is the coefficient."""
    told = oracle("bacon_eventstudy")["bacon"]
    outcome, years, arm, _ = panel()
    found = {(c.treated, c.control): c for c in decomposition(outcome, years, arm.start)}
    assert len(found) == len(told) == 9
    for row in told:
        one = found[row["treated"], row["control"]]
        assert (one.weight, one.value) == pytest.approx((row["weight"], row["estimate"]), rel=1e-8)
        assert ("forbidden" in one.kind) == ("FORBIDDEN" in row["type"])
    assert sum(c.weight for c in found.values()) == pytest.approx(1.0, rel=1e-12)
    whole = sum(c.weight * c.value for c in found.values())
    assert whole == pytest.approx(two_way(outcome, years, arm.start, np.arange(len(outcome))).value, rel=1e-10)


def test_imputation() -> None:
    """Independent program: the mean and the four by years since the start."""
    told = oracle("bacon_eventstudy")["imputation_bjs"]
    outcome, years, arm, _ = panel()
    found = imputation(outcome, years, arm.start, arm.baseline, np.arange(len(outcome)))
    assert found.value == pytest.approx(told["att"], rel=1e-8)
    assert {str(key): value for key, value in found.by_event.items()} == pytest.approx(told["by_event"], rel=1e-8)


def test_imputation_leaves_the_announcement_out() -> None:
    """Law: years between announcement and start neither teach the counterfactual nor count as effect."""
    outcome, years, arm = small()
    found = imputation(outcome, years, arm.start, arm.baseline, np.arange(6))
    assert found.value == pytest.approx(-6.0)
    assert found.by_event[-1] == pytest.approx(4.0)
    naive = imputation(outcome, years, arm.start, np.where(arm.start > 0, 2005, 0), np.arange(6))
    assert naive.value == pytest.approx(-7.6)
