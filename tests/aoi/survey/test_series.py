"""Series: changes with covariance, trend with breaks, like for like, smoothing, many tests at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.multiple import benjamini_hochberg, holm
from aoi.survey.series import (
    decaying_covariance,
    gls_trend,
    like_for_like,
    no_change_test,
    pair_change,
    trend_of,
)
from aoi.survey.smoothing import SMOOTHED, fit_step_variance, kalman_smoother, local_level, smooth
from geo.errors import InputError, QualityGateError
from tests.shared import oracle

RTOL = 1e-12  # tolerance of the oracle
POPPY = Quantity(crop="opium_poppy", kind="harvestable", reference="2017", frame="Shan, Kachin", source="UNODC")


def series() -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """Return the oracle with its years, values and covariance."""
    expected = oracle("series_smoothing")
    return expected, np.array(expected["year"]), np.array(expected["y"]), np.array(expected["S"])


def poppy(value: float, se: float = 1.0, **meaning: str) -> Estimate:
    """Return a poppy figure."""
    made = Estimate(value=value, se=se, lo=value - 2 * se, hi=value + 2 * se, n=50, method="ratio")
    return made.of(replace(POPPY, **meaning))  # type: ignore[arg-type]


def test_covariance_of_the_series_oracle() -> None:
    """Independent program: standard errors and correlation 0.6 to the k-th power give the covariance."""
    expected, _, y, s = series()
    made = decaying_covariance(y * np.array(expected["cv"]), expected["rho"])
    np.testing.assert_allclose(made, s, rtol=RTOL)
    with pytest.raises(InputError, match="0 to below 1"):
        decaying_covariance([1.0], 1.0)


@pytest.mark.parametrize("name", ["change_2020_2021", "change_2016_2017", "change_2017_2020"])
def test_pair_change_oracle(name: str) -> None:
    """Independent program: difference, standard error, z, p and log ratio, with covariance and without."""
    expected, years, y, s = series()
    one = expected[name]
    i, j = (int(np.flatnonzero(years == one[key])[0]) for key in ("from", "to"))
    made = pair_change(y, s, i, j)
    assert made.difference == pytest.approx(one["diff"], rel=RTOL)
    assert made.se == pytest.approx(one["se_cov"], rel=RTOL)
    assert made.z == pytest.approx(one["z"], rel=RTOL)
    assert made.p_value == pytest.approx(one["p"], rel=1e-9)  # far tail: digits of z are lost in p
    assert made.percent == pytest.approx(one["pct"], rel=RTOL)
    assert made.se_log_ratio == pytest.approx(one["se_log_ratio"], rel=RTOL)
    apart = pair_change(y, np.diag(np.diag(s)), i, j)
    assert apart.se == pytest.approx(one["se_independent"], rel=RTOL)
    assert apart.z == pytest.approx(one["z_independent"], rel=RTOL)


def test_change_from_zero_has_no_percentage() -> None:
    """Law: nothing to something is a change in hectares only."""
    made = pair_change([0.0, 5.0], np.eye(2), 0, 1)
    assert made.percent == made.se_log_ratio == float("inf")


def test_trend_and_no_change_oracle() -> None:
    """Independent program: GLS line of eleven years, and Q = 609.6 on 10 degrees of freedom."""
    expected, years, y, s = series()
    made, line = gls_trend(years, y, s), expected["gls_trend"]
    assert made.intercept == pytest.approx(line["intercept"], rel=RTOL)
    assert made.slope == pytest.approx(line["slope"], rel=RTOL)
    assert made.se_slope == pytest.approx(line["se_slope"], rel=RTOL)
    assert made.z == pytest.approx(line["z"], rel=RTOL)
    q, df, p = no_change_test(y, s)
    assert q == pytest.approx(expected["omnibus_no_change"]["Q"], rel=RTOL)
    assert df == expected["omnibus_no_change"]["df"]
    assert p < 1e-100
    moved = y + 0.01 * (np.arange(len(y)) == 0)
    assert gls_trend(years, moved, s).slope != pytest.approx(line["slope"], rel=RTOL)


def test_trend_finds_a_line_and_its_jump() -> None:
    """Law: an exact line with a jump is recovered; without the break the slope is wrong."""
    years = np.arange(2010, 2018)
    y = 3.0 * (years - years.mean()) + 50 + 20.0 * (years >= 2014)
    made = gls_trend(years, y, np.eye(8), breaks=[2014])
    assert (made.slope, made.shifts[0], made.intercept) == pytest.approx((3.0, 20.0, 50.0))
    assert made.lack_of_fit == pytest.approx(0.0, abs=1e-12)
    assert gls_trend(years, y, np.eye(8)).slope > 4.5
    assert made.df == 5


def test_standard_error_grows_where_the_line_does_not_fit() -> None:
    """Law: scatter beyond the errors widens the slope's error, less scatter never narrows it."""
    zigzag = gls_trend([1, 2, 3, 4], [0.0, 9.0, 0.0, 9.0], np.eye(4))
    assert zigzag.se_with_lack_of_fit > 3 * zigzag.se_slope
    straight = gls_trend([1, 2, 3, 4], [1.0, 2.0, 3.0, 4.0], np.eye(4))
    assert straight.se_with_lack_of_fit == straight.se_slope


def test_series_refuse_what_they_cannot_use() -> None:
    """Law: covariances, rising times and points on both sides of a break."""
    with pytest.raises(InputError, match="positive definite"):
        gls_trend([1, 2], [1.0, 2.0], [[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(InputError, match="one rising time"):
        gls_trend([2, 1], [1.0, 2.0], np.eye(2))
    with pytest.raises(InputError, match="none missing"):
        gls_trend([1, 2], [1.0, np.nan], np.eye(2))
    with pytest.raises(QualityGateError, match="both sides of each break"):
        gls_trend([1, 2, 3], [1.0, 2.0, 3.0], np.eye(3), breaks=[9])


def test_no_trend_across_a_change_of_frame_or_source() -> None:
    """Law: a new frame or source needs a break named there; a new unit cannot be mended."""
    points = [
        (2016.0, poppy(41.0)),
        (2017.0, poppy(40.0)),
        (2018.0, poppy(37.3, frame="Shan, Kachin, Chin, Kayah")),
        (2019.0, poppy(33.1, frame="Shan, Kachin, Chin, Kayah")),
    ]
    with pytest.raises(
        QualityGateError, match=r"series at 2018, frame.*name a break at 2018, or compare like for like"
    ):
        trend_of(points, correlation=0.0)
    made = trend_of(points, correlation=0.0, breaks=[2018])
    assert made.value < 0
    assert made.quantity is not None
    assert (made.quantity.unit, made.quantity.reference) == ("ha/year", "2016 to 2019")
    with pytest.raises(QualityGateError, match=r"2019, source: found 'Alcis'"):
        trend_of([*points[:2], (2019.0, poppy(15.0, source="Alcis"))], correlation=0.0)
    with pytest.raises(QualityGateError, match="2018, unit"):
        trend_of([*points[:2], (2018.0, poppy(15.0, unit="t"))], correlation=0.0, breaks=[2018])
    with pytest.raises(QualityGateError, match="does not say what it is of"):
        trend_of([points[0], (2017.0, replace(poppy(1.0), quantity=None))], correlation=0.0)


def test_correlation_is_never_assumed_in_silence() -> None:
    """Law: the caller says that surveys are independent, or how they are not."""
    points = [(year, poppy(year - 2000)) for year in (2010.0, 2011.0, 2012.0)]
    with pytest.raises(QualityGateError, match="neither or both"):
        trend_of(points)
    with pytest.raises(QualityGateError, match="neither or both"):
        trend_of(points, correlation=0.0, covariance=np.eye(3))
    apart, shared = trend_of(points, correlation=0.0), trend_of(points, correlation=0.8)
    assert trend_of(points, covariance=np.eye(3)).se == pytest.approx(apart.se)
    assert shared.se < apart.se


def test_myanmar_2018_like_for_like() -> None:
    """Published: 41,000 ha became 36,100 + 1,200 newly surveyed; -12.0 % like for like, -9.0 % unlike."""
    before = {"Shan+Kachin": poppy(41_000)}
    after = {"Shan+Kachin": poppy(36_100), "Chin+Kayah": poppy(1_200, frame="Chin, Kayah")}
    made = like_for_like(before, after)
    assert round(made.percent, 1) == -12.0
    assert round(made.percent_unlike, 1) == -9.0
    assert (made.added, made.dropped) == (("Chin+Kayah",), ())
    assert made.after_all.value == 37_300
    assert made.after.value == 36_100


def test_like_for_like_needs_common_places() -> None:
    """Law: no common place, no comparison; dropped places are named."""
    with pytest.raises(QualityGateError, match="a common place"):
        like_for_like({"A": poppy(1)}, {"B": poppy(1)})
    with pytest.raises(QualityGateError, match="no crop before"):
        like_for_like({"A": poppy(0)}, {"A": poppy(1)})
    assert like_for_like({"A": poppy(1), "B": poppy(2)}, {"A": poppy(3)}).dropped == ("B",)


@pytest.mark.parametrize("name", ["corr", "indep"])
def test_local_level_oracle(name: str) -> None:
    """Independent program: smoothed levels with q = 225, correlated and independent errors."""
    expected, _, y, s = series()
    level = expected["local_level"]
    covariance = s if name == "corr" else np.diag(np.diag(s))
    made = local_level(y, covariance, step_variance=level["q"])
    np.testing.assert_allclose(made.value, level[f"theta_{name}"], rtol=RTOL)
    np.testing.assert_allclose(made.se, level[f"se_{name}"], rtol=RTOL)
    other = local_level(y, covariance, step_variance=level["q"] * 1.01)
    assert np.abs(other.value - level[f"theta_{name}"]).max() > 1e-3


@pytest.mark.parametrize("times", [None, [0, 1, 2, 5, 6, 7, 8, 10, 11, 12, 15]])
def test_kalman_smoother_is_generalised_least_squares(times: Any) -> None:
    """Law: two routes to one level for independent errors, also with years missing."""
    _, _, y, s = series()
    dense = local_level(y, np.diag(np.diag(s)), step_variance=225.0, times=times)
    passed = kalman_smoother(y, np.diag(s), step_variance=225.0, times=times)
    np.testing.assert_allclose(passed.value, dense.value, rtol=1e-12)
    np.testing.assert_allclose(passed.se, dense.se, rtol=1e-12)


def test_smoothing_runs_from_the_mean_to_the_data() -> None:
    """Law: steps of no size give the weighted mean, steps of any size give the data back."""
    _, _, y, s = series()
    stiff = local_level(y, s, step_variance=1e-9)
    np.testing.assert_allclose(stiff.value, stiff.value[0], rtol=1e-6)
    np.testing.assert_allclose(local_level(y, s, step_variance=1e12).value, y, rtol=1e-6)


def test_step_variance_is_the_most_likely_one() -> None:
    """Brute force: on a fine grid the likelihood of the differences peaks where the fit says; flat has 0."""
    _, _, y, s = series()
    fitted = fit_step_variance(y, s)
    d = np.diff(np.eye(len(y)), axis=0)

    def likelihood(q: float) -> float:
        m = d @ s @ d.T + q * np.eye(len(y) - 1)
        return float(-np.linalg.slogdet(m)[1] - (d @ y) @ np.linalg.solve(m, d @ y))

    grid = np.geomspace(1, 1e5, 20_001)
    assert fitted == pytest.approx(grid[np.argmax([likelihood(q) for q in grid])], rel=1e-3)
    assert fit_step_variance([10.0, 10.1, 9.9, 10.0], np.eye(4)) == 0.0


def test_smoothed_figures_are_flagged_and_of_one_frame() -> None:
    """Law: a smoothed figure says so, never goes below zero, and is not drawn across a change of frame."""
    points = [(2010.0, poppy(1.0)), (2011.0, poppy(0.5)), (2012.0, poppy(0.2))]
    made = smooth(points, np.eye(3), step_variance=1.0)
    assert all(SMOOTHED in one.flags and one.lo >= 0 for one in made)
    assert made[0].quantity == points[0][1].quantity
    with pytest.raises(QualityGateError, match="frame"):
        smooth([*points, (2013.0, poppy(1.0, frame="Chin"))], np.eye(4), step_variance=1.0)
    with pytest.raises(InputError, match="more than 0"):
        local_level([1.0, 2.0], np.eye(2), step_variance=0.0)
    with pytest.raises(InputError, match="rising time"):
        local_level([1.0, 2.0], np.eye(2), step_variance=1.0, times=[2, 1])
    with pytest.raises(InputError, match="positive variances"):
        kalman_smoother([1.0, 2.0], [1.0, 0.0], step_variance=1.0)


def test_adjusted_p_values_oracle() -> None:
    """Independent program: Holm and Benjamini-Hochberg, in any order."""
    expected = oracle("series_smoothing")["holm"]
    p = np.array(expected["p"])
    np.testing.assert_allclose(holm(p), expected["adj"], rtol=RTOL)
    np.testing.assert_allclose(benjamini_hochberg(p), expected["bh"], rtol=RTOL)
    order = np.array([3, 0, 4, 2, 1])
    np.testing.assert_allclose(holm(p[order]), np.array(expected["adj"])[order], rtol=RTOL)
    np.testing.assert_allclose(benjamini_hochberg(p[order]), np.array(expected["bh"])[order], rtol=RTOL)
    assert not np.allclose(holm(p * 1.01), expected["adj"], rtol=1e-6)
    with pytest.raises(InputError, match=r"rows \[1\]"):
        holm([0.5, 1.5])


def test_holm_keeps_the_chance_of_any_false_verdict() -> None:
    """Brute force: of 4,000 years without change in ten provinces, about 5 % have any verdict left."""
    p = np.random.default_rng(6).uniform(size=(4000, 10))
    false = np.mean([holm(row).min() < 0.05 for row in p])
    assert 0.04 < false < 0.06
    assert np.mean((p < 0.05).any(axis=1)) > 0.35
