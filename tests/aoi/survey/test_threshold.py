"""Thresholds: the poppy-free rule and the interval that straddles it."""

from __future__ import annotations

import pytest

from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.parameter import Parameter
from aoi.survey.threshold import Certainty, against_threshold, count_below, poppy_free
from geo.errors import InputError, QualityGateError

POPPY = Quantity(crop="opium_poppy", kind="harvestable", reference="2021")


def province(value: float, lo: float, hi: float, se: float = 10.0) -> Estimate:
    """Return a province's poppy."""
    return Estimate(value=value, se=se, lo=lo, hi=hi, n=30, method="ratio").of(POPPY)


@pytest.mark.parametrize(("value", "free"), [(99.0, True), (100.0, False), (101.0, False)])
def test_less_than_a_hundred_hectares_is_poppy_free(value: float, free: bool) -> None:
    """Published: the rule of the Afghan survey at 99, 100 and 101 ha."""
    verdict = poppy_free(province(value, 80, 120))
    assert verdict.below is free
    assert verdict.certainty is Certainty.STRADDLES
    assert "straddles the threshold" in verdict.sentence


@pytest.mark.parametrize(
    ("lo", "hi", "certainty"),
    [
        (10, 99.9, Certainty.BELOW),
        (10, 100, Certainty.STRADDLES),
        (99.9, 200, Certainty.STRADDLES),
        (100, 200, Certainty.AT_OR_ABOVE),
    ],
)
def test_certainty_follows_the_whole_interval(lo: float, hi: float, certainty: Certainty) -> None:
    """Law: below is strict, so an upper limit on the line is not below it."""
    assert poppy_free(province((lo + hi) / 2, lo, hi)).certainty is certainty


def test_chance_of_lying_below() -> None:
    """Law: a half on the line, 97.5 % at 1.96 errors below it, certain without error."""
    assert poppy_free(province(100, 80, 120)).p_below == pytest.approx(0.5)
    assert poppy_free(province(80.4, 60, 100)).p_below == pytest.approx(0.975, abs=1e-4)
    assert poppy_free(province(100, 100, 100, se=0)).p_below == 0.0


def test_count_of_free_provinces_has_a_range() -> None:
    """Law: certain <= by rule <= possible, and the expected number lies between 0 and all."""
    cells = [
        province(0, 0, 0, se=0),
        province(60, 20, 140, 30),
        province(120, 90, 150, 15),
        province(900, 700, 1100),
    ]
    count = count_below(poppy_free(one) for one in cells)
    assert (count.certain, count.by_rule, count.possible) == (1, 2, 3)
    assert 1 < count.expected < 3


def test_any_threshold_with_a_source_in_the_same_unit() -> None:
    """Published: Bolivia 2019, 25,500 ha against the 22,000 ha of Law 906."""
    law = Parameter(
        name="law_906", value=22_000, unit="ha", source="Bolivia, Law 906 of 2017, article 16", mark="found"
    )
    coca = Quantity(crop="coca", kind="stock", reference="2019-12-31")
    bolivia = Estimate(value=25_500, se=500, lo=24_520, hi=26_480, n=0, method="census").of(coca)
    verdict = against_threshold(bolivia, law)
    assert verdict.certainty is Certainty.AT_OR_ABOVE
    assert "Law 906" in verdict.rule
    assert verdict.sentence == "at or above 22000, and so is the whole interval"
    with pytest.raises(QualityGateError, match="an estimate in t"):
        against_threshold(bolivia.of(Quantity(crop="coca", kind="stock", reference="2019", unit="t")), law)


def test_poppy_free_is_about_poppy() -> None:
    """Law: coca hectares cannot make a province poppy-free."""
    with pytest.raises(InputError, match="a figure of coca"):
        poppy_free(province(5, 0, 9).of(Quantity(crop="coca", kind="stock", reference="2021")))
