"""The mixed national design: sampled, target and village-survey provinces in one figure."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.cluster import simple_random, stratified_random
from aoi.survey.linearised import total
from aoi.survey.national import Province, StackedDesign, national_total, satterthwaite_df
from aoi.survey.ratio import combined_ratio_total
from aoi.survey.unequal import UnequalDesign
from geo.errors import InputError


def sampled(name: str, seed: int, n: int = 60) -> Province:
    """Make a province with a sample of cells, about half with crop."""
    rng = np.random.default_rng(seed)
    y = rng.gamma(2.0, 10.0, n) * (rng.random(n) < 0.6)
    figure = total(simple_random(n, 600), y)
    return Province(name=name, coverage="sampled", frame_ha=60_000.0, figure=figure)


def test_parts_add() -> None:
    """Law: values add, variances of sampled provinces add, and a province covered whole adds none."""
    provinces = [sampled("a", 1), sampled("b", 2), Province.covered_whole("c", 120.0, frame_ha=900.0)]
    figure = national_total(provinces, country=["a", "b", "c"])
    one, other = provinces[0].figure, provinces[1].figure
    assert figure.value == pytest.approx(one.value + other.value + 120.0)
    assert figure.se**2 == pytest.approx(one.variance + other.variance)
    assert figure.df == pytest.approx(satterthwaite_df([one.variance, other.variance], [59.0, 59.0]))
    assert figure.method.startswith("national: 2 sampled, 1 target")
    assert figure.flags == ()


def test_satterthwaite() -> None:
    """Published: Welch's degrees of freedom of two means, and the limits of one part alone."""
    assert satterthwaite_df([4.0, 9.0], [9.0, 14.0]) == pytest.approx(13**2 / (16 / 9 + 81 / 14))
    assert satterthwaite_df([4.0, 0.0], [9.0, 14.0]) == pytest.approx(9.0)
    assert satterthwaite_df([0.0, 0.0], [9.0, 14.0]) == np.inf


def test_strata_of_one_sample_are_provinces_apart() -> None:
    """Law: provinces sampled apart give the variance of one stratified sample."""
    y = np.random.default_rng(3).gamma(2.0, 10.0, 80)
    stratum, size = np.repeat(["a", "b"], [30, 50]), np.repeat([300, 700], [30, 50])
    whole = total(stratified_random(stratum, size), y)
    provinces = [
        Province(name="a", coverage="sampled", frame_ha=1e5, figure=total(simple_random(30, 300), y[:30])),
        Province(name="b", coverage="sampled", frame_ha=1e5, figure=total(simple_random(50, 700), y[30:])),
    ]
    figure = national_total(provinces, country=["a", "b"])
    assert (figure.value, figure.se) == pytest.approx((whole.value, whole.se), rel=1e-12)
    # Skewness adds as third cumulants, so that the limits differ by the degrees of freedom only
    assert figure.hi == pytest.approx(whole.estimate(ceiling=2e5).hi, rel=2e-3)


def test_stacked_designs() -> None:
    """Law: independent samples stacked have the variance of the sum, and share one ratio."""
    rng = np.random.default_rng(4)
    parts = (simple_random(10, 100), UnequalDesign(inclusion=rng.uniform(0.1, 0.4, 15), variance="brewer"))
    stacked = StackedDesign(parts)
    x = rng.uniform(50, 100, 25)
    y = 0.2 * x + rng.normal(0, 3, 25)
    alone = [total(parts[0], y[:10]), total(parts[1], y[10:])]
    assert total(stacked, y).variance == pytest.approx(sum(part.variance for part in alone), rel=1e-12)
    assert total(stacked, y).value == pytest.approx(sum(part.value for part in alone), rel=1e-12)
    assert stacked.df == 9 + 14
    assert "brewer" in combined_ratio_total(stacked, y, x, x_total=10_000.0).method


def test_village_survey_of_chosen_villages_is_indicative() -> None:
    """Law: a part whose error no design gives makes the figure indicative, and counts in the method."""
    village = Province(
        name="c",
        coverage="village-survey",
        frame_ha=900.0,
        figure=total(simple_random(60, 600), np.tile([0.0, 1.0], 30)),
        probability_sample=False,
    )
    figure = national_total([sampled("a", 1), village], country=["a", "c"])
    assert "INDICATIVE" in figure.flags
    assert "1 village-survey" in figure.method


def test_low_counts_by_their_share_of_the_variance() -> None:
    """Law: a doubtful province flags the country only where it holds much of the variance."""
    small = Province(
        name="s",
        coverage="sampled",
        frame_ha=1e5,
        figure=total(simple_random(40, 44), np.r_[5.0, 3.0, np.zeros(38)]),
    )
    assert small.figure.reliability.low_count
    assert national_total([sampled("a", 1), small], country=["a", "s"]).flags == ()
    big = Province(
        name="s",
        coverage="sampled",
        frame_ha=1e6,
        figure=total(simple_random(40, 9000), np.r_[50.0, 30.0, np.zeros(38)]),
    )
    assert national_total([sampled("a", 1), big], country=["a", "s"]).flags == ("LOW_COUNT",)


def test_province_whose_sample_saw_no_crop_is_doubtful() -> None:
    """Law: no crop seen is no variance known."""
    none = Province(name="z", coverage="sampled", frame_ha=1e5, figure=total(simple_random(40, 400), np.zeros(40)))
    assert national_total([sampled("a", 1), none], country=["a", "z"]).flags == ("LOW_COUNT",)


def test_country_covered_whole_is_exact() -> None:
    """Law: no sampling, no sampling error; with a measured interpretation error, that."""
    exact = national_total([Province.covered_whole("c", 120.0, frame_ha=900.0)], country=["c"])
    assert (exact.lo, exact.hi, exact.flags) == (120.0, 120.0, ())
    measured = Province.covered_whole("c", 120.0, frame_ha=900.0, interpretation_se_ha=10.0)
    figure = national_total([measured], country=["c"])
    assert (figure.lo, figure.hi) == pytest.approx((120 - 19.6, 120 + 19.6), abs=0.01)


def test_no_province_is_left_out() -> None:
    """Law: missing, repeated, strange and overfull provinces are all told at once."""
    provinces = [
        sampled("a", 1),
        sampled("a", 2),
        Province.covered_whole("x", 1.0, frame_ha=9.0),
        Province.covered_whole("b", 50.0, frame_ha=9.0),
    ]
    with pytest.raises(InputError) as raised:
        national_total(provinces, country=["a", "b", "c"])
    text = str(raised.value)
    assert "province 'c': found no figure" in text
    assert "province 'a': found 2 figures" in text
    assert "province 'x': found a figure; expected a province of the country" in text
    assert "province 'b': found 50 ha in a frame of 9 ha" in text
