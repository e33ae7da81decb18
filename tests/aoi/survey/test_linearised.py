"""From a value and a variance to a figure that may be published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from aoi.survey.calibration import post_stratify
from aoi.survey.cluster import ClusterDesign, Stage, simple_random, stratified_random
from aoi.survey.estimate import LOW_COUNT
from aoi.survey.linearised import Linearised, mean, total
from aoi.survey.ratio import combined_ratio_total, difference_total, ratio, regression_total
from aoi.survey.reliability import Reliability, judge_units
from aoi.survey.skew_interval import skew_limits
from aoi.survey.spread import SpreadDesign
from aoi.survey.two_phase import ResponseDesign, two_phase_difference
from aoi.survey.unequal import UnequalDesign
from geo.errors import InputError, QualityGateError
from tests.aoi.survey import api_data
from tests.shared import oracle

EXACT = 1e-10
"""Tolerance of the survey oracle."""


def plain(**changes) -> Linearised:
    """Build a sound value with variance 4 on 30 degrees of freedom."""
    record = {
        "value": 10.0,
        "variance": 4.0,
        "df": 30.0,
        "n": 31,
        "method": "test",
        "reliability": Reliability(low_count=False, skewness=0.0, effective_units=31.0),
    }
    return Linearised(**(record | changes))


@pytest.mark.parametrize("domain", ["E", "H", "M"])
def test_domains_of_a_simple_random_sample(domain: str) -> None:
    """Independent program: R's subset() of a design, totals and means."""
    data, expected = api_data.frame("apisrs"), oracle("survey_api")["srs"]
    rows = (data["stype"] == domain).to_numpy()
    amount, average = (
        total(api_data.srs(data), data["enroll"], domain=rows),
        mean(api_data.srs(data), data["api00"], domain=rows),
    )
    for found, name in ((amount, "domain_total_enroll_by_stype"), (average, "domain_mean_api00_by_stype")):
        assert found.value == pytest.approx(expected[name]["est"][domain], rel=EXACT)
        assert found.se == pytest.approx(expected[name]["se"][domain], rel=EXACT)


def test_domains_of_a_stratified_sample_with_their_covariance() -> None:
    """Independent program: R's covariance of two domain totals, and of their difference."""
    data, expected = api_data.frame("apistrat"), oracle("survey_api")["strat"]
    design, wide = api_data.strat(data), (data["sch.wide"] == "Yes").to_numpy()
    y = data["enroll"].to_numpy(float)
    covariance = design.covariance(np.column_stack([y * ~wide, y * wide]))
    table = expected["domain_total_enroll_by_schwide"]
    assert covariance == pytest.approx(np.array(table["cov"]), rel=EXACT)
    difference = total(design, np.where(wide, y, -y))
    assert difference.value == pytest.approx(table["diff_Yes_minus_No"]["est"], rel=EXACT)
    assert difference.se == pytest.approx(table["diff_Yes_minus_No"]["se"], rel=EXACT)


def test_paired_change() -> None:
    """Independent program: R's mean of the difference of two years on the same units."""
    data, expected = api_data.frame("apistrat"), oracle("survey_api")["strat"]["change_api00_minus_api99_paired"]
    found = mean(api_data.strat(data), data["api00"] - data["api99"])
    assert (found.value, found.se) == pytest.approx((expected["est"], expected["se"]), rel=EXACT)


def test_domain_mean_is_a_ratio() -> None:
    """Law: a domain's mean is the ratio of its total to its size, standard error and all."""
    data = api_data.frame("apiclus2")
    design, rows = api_data.clus2(data), (data["stype"] == "E").to_numpy()
    direct = mean(design, data["api00"], domain=rows)
    indirect = ratio(design, data["api00"] * rows, rows.astype(float))
    assert (direct.value, direct.variance) == pytest.approx((indirect.value, indirect.variance), rel=1e-12)


def test_t_interval() -> None:
    """Law: value and Student quantile times the standard error."""
    figure = plain().estimate(interval="t")
    half = stats.t.ppf(0.975, 30) * 2
    assert (figure.lo, figure.hi) == pytest.approx((10 - half, 10 + half), rel=1e-12)
    assert figure.method == "test; t"
    assert figure.flags == ()


def test_skew_interval_is_the_inverse_of_the_transformation() -> None:
    """Law: Hall's polynomial of the studentised limits gives back the quantiles."""
    for s in (0.05, 0.3, 0.9, -0.4):
        lo, hi = skew_limits(10.0, 2.0, skewness=s, quantile=2.0)
        for limit, quantile in ((lo, 2.0), (hi, -2.0)):
            t = (10.0 - limit) / 2.0
            assert t + s * t**2 / 3 + s**2 * t**3 / 27 + s / 6 == pytest.approx(quantile, rel=1e-10)


def test_skew_interval_tends_to_t() -> None:
    """Law: without skewness the interval is the t interval, and it gets there without a jump."""
    assert skew_limits(5.0, 1.0, skewness=1e-7, quantile=2.0) == pytest.approx((3.0, 7.0), abs=1e-5)
    assert skew_limits(5.0, 1.0, skewness=0.0, quantile=2.0) == (3.0, 7.0)


def test_skewness_may_only_widen() -> None:
    """Law: at each end the default limit is the farther of Hall's and Student's."""
    for skewness in (-0.5, -0.05, 0.0, 0.05, 0.5):
        record = plain(reliability=Reliability(low_count=False, skewness=skewness, effective_units=31.0))
        student, default = record.estimate(interval="t"), record.estimate()
        hall = skew_limits(10.0, 2.0, skewness=skewness, quantile=(student.hi - 10.0) / 2.0)
        assert default.lo == pytest.approx(min(student.lo, hall[0]))
        assert default.hi == pytest.approx(max(student.hi, hall[1]))


def limits_by_hand(record: Linearised) -> tuple[float, float, float]:
    """Return Student's and Hall's lower limit and the farther of the upper ones."""
    student = record.estimate(interval="t")
    quantile = (student.hi - record.value) / record.se
    hall = skew_limits(record.value, record.se, skewness=record.reliability.skewness, quantile=quantile)
    return student.lo, hall[0], max(student.hi, hall[1])


def test_lower_limit_of_an_expansion_rises_half_way() -> None:
    """Law: half-way from Student's to Hall's for enough amounts expanded as drawn, the upper limit as ever."""
    y = np.r_[np.zeros(60), np.arange(1.0, 41.0)]
    whole = np.repeat(np.arange(50), 2)
    groups = ResponseDesign(stratum=np.zeros(100), population=5000, group=whole > 20, responded=np.arange(100) > 3)
    for record in (
        total(simple_random(100, 5000), y),
        total(simple_random(100, 5000), y, domain=np.arange(100) > 50),
        total(ClusterDesign(weight=np.full(100, 50.0), stages=[Stage(unit=whole, population=2500)]), y),
        total(groups, y[groups.seen]),
    ):
        student, hall, hi = limits_by_hand(record)
        assert hall > student + 0.01 * record.value
        assert not record.reliability.low_count
        figure = record.estimate()
        assert (figure.lo, figure.hi) == pytest.approx(((student + hall) / 2, hi), rel=1e-12)


def test_lower_limit_of_all_else_never_rises() -> None:
    """Law: not where the map, a size, neighbours or a calibration assist, nor for changes, nor of few units."""
    rng = np.random.default_rng(11)
    y = np.r_[np.zeros(60), np.arange(1.0, 41.0)]
    x = np.maximum(y - 20.0, 0.0)
    few = np.r_[np.zeros(92), np.arange(1.0, 9.0)]
    design = simple_random(100, 5000)
    pi = np.full(100, 0.02)
    spread = SpreadDesign(coordinates=rng.normal(size=(100, 2)), inclusion=pi, population=5000)
    cells = {"a": 2600.0, "b": 2400.0}
    records = {
        "few": total(design, few),
        "change": total(design, y - 1.0),
        "ratio": combined_ratio_total(design, y, 1.0 + x, x_total=40_000.0),
        "difference": difference_total(design, y, x, x_total=11_000.0),
        "regression": regression_total(design, y, x, x_totals=11_000.0, size=5000),
        "post-stratified": total(post_stratify(design, np.repeat(["a", "b"], 50), cells), y),
        "size": total(UnequalDesign(inclusion=pi, variance="brewer"), y),
        "neighbours": total(spread, rng.permutation(y)),
        "two phases": two_phase_difference(y, x, x_first=np.tile(x, 3), population=5000),
        "mean": mean(design, y),
    }
    for name, record in records.items():
        student, hall, hi = limits_by_hand(record)
        figure = record.estimate()
        assert record.reliability.skewness > 0, name
        assert hall > student, name
        assert (figure.lo, figure.hi) == pytest.approx((max(min(student, hall), record.floor), hi), rel=1e-12), name
    assert records["few"].reliability.low_count


def test_limits_stay_within_what_is_possible() -> None:
    """Law: nothing below what was seen, nothing above the frame."""
    figure = plain(floor=8.0).estimate(ceiling=11.0, interval="t")
    assert (figure.lo, figure.hi) == (8.0, 11.0)


def test_quantiles_of_a_bootstrap_take_the_place_of_t() -> None:
    """Literal: limits are value less quantile times standard error, crosswise."""
    figure = plain().estimate(quantiles=(-3.0, 1.5))
    assert (figure.lo, figure.hi, figure.method) == (7.0, 16.0, "test; bootstrap-t")


def test_impossible_value_is_flagged() -> None:
    """Law: a map-assisted total below zero is no figure to trust, but it is not hidden."""
    figure = plain(value=-1.0, floor=0.0).estimate(interval="t")
    assert figure.flags == (LOW_COUNT,)
    assert figure.lo <= figure.value <= figure.hi


def test_negative_variance_is_refused() -> None:
    """Law: no standard error is made of a negative variance."""
    with pytest.raises(QualityGateError, match="use sen-yates-grundy"):
        plain(variance=-1.0).estimate()


def test_no_degrees_of_freedom_is_refused() -> None:
    """Law: a variance on nothing has no interval."""
    with pytest.raises(QualityGateError, match="degrees of freedom: found 0"):
        plain(df=0.0).estimate()


def test_sample_without_crop_has_an_upper_limit() -> None:
    """Law: none of n seen leaves at most a share 1 - 0.025^(1/n) of the frame, and a flag."""
    figure = total(simple_random(100, 10_000), np.zeros(100)).estimate(ceiling=50_000.0)
    assert figure.value == figure.lo == 0.0
    assert figure.hi == pytest.approx(50_000 * stats.beta.ppf(0.975, 1, 100), rel=1e-9)
    assert figure.flags == (LOW_COUNT,)


def test_sample_without_crop_needs_a_ceiling() -> None:
    """Law: zero crop in a sample is never zero plus or minus zero."""
    with pytest.raises(QualityGateError, match=r"no spread in 50 rows.*frame's hectares"):
        total(simple_random(50, 1000), np.zeros(50)).estimate()


def test_missing_value_is_not_zero() -> None:
    """Law: a unit not seen stops the estimate."""
    with pytest.raises(InputError, match="missing observation is not zero"):
        total(simple_random(3, 30), [1.0, np.nan, 2.0])


def test_domain_must_be_booleans() -> None:
    """Law: positions are not taken for booleans."""
    with pytest.raises(InputError, match="domain"):
        total(simple_random(3, 30), [1.0, 1.0, 2.0], domain=[0, 1, 1])


def test_empty_domain_has_no_mean() -> None:
    """Law: the mean of nothing is refused."""
    with pytest.raises(QualityGateError, match="no sampled row"):
        mean(simple_random(3, 30), [1.0, 1.0, 2.0], domain=np.zeros(3, bool))


def test_count_rule_by_stratum() -> None:
    """Literal: eleven segments with crop in one stratum and nine in the other fail the rule; eleven do not."""
    y = np.concatenate([np.r_[np.ones(11), np.zeros(29)], np.r_[np.ones(9), np.zeros(31)]])
    design = stratified_random(np.repeat(["a", "b"], 40), np.full(80, 4000))
    assert total(design, y).reliability.low_count
    y[75:77] = 1.0
    assert not total(design, y).reliability.low_count


def test_count_rule_counts_segments_not_pixels() -> None:
    """Literal: forty pixels with crop in nine segments are nine."""
    unit = np.repeat(np.arange(30), 10)
    y = np.isin(unit, np.arange(9)).astype(float)
    design = ClusterDesign(weight=np.full(300, 100.0), stages=[Stage(unit=unit, population=3000)])
    assert (y > 0).sum() == 90
    assert total(design, y).reliability.low_count
    y[unit == 9] = 1.0
    assert not total(design, y).reliability.low_count


def test_one_unit_with_a_third_of_the_variance() -> None:
    """Literal: a single huge segment fails the rule though many hold crop."""
    y = np.r_[np.ones(30), np.zeros(30)]
    assert not total(simple_random(60, 6000), y).reliability.low_count
    y[0] = 20.0
    assert total(simple_random(60, 6000), y).reliability.low_count


def test_stratum_drawn_whole_is_left_out_of_the_count_rule() -> None:
    """Law: no sampling error, no rule; the rest of the sample is judged alone."""
    y = np.r_[np.ones(15), np.zeros(15), np.zeros(5)]
    stratum = np.repeat(["a", "b"], [30, 5])
    assert not total(stratified_random(stratum, np.repeat([900, 5], [30, 5])), y).reliability.low_count


def test_skewness_of_the_mean_of_exponentials() -> None:
    """Law: the skewness of a sum of n exponentials is 2 / sqrt(n), without and with a small correction."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(400):
        z = rng.exponential(size=400)
        zero = np.zeros(400, dtype=np.int64)
        found.append(judge_units(z, z, np.ones(400), group=zero, fraction=np.zeros(400)).skewness)
    assert np.mean(found) == pytest.approx(2 / math.sqrt(400), rel=0.08)


def test_effective_units_of_unequal_weights() -> None:
    """Law: Kish's effective size; equal weights count in full."""
    zero = np.zeros(4, dtype=np.int64)
    known = {"group": zero, "fraction": np.zeros(4)}
    z = np.arange(4.0)
    assert judge_units(z, z, np.ones(4), **known).effective_units == 4
    assert judge_units(z, z, np.array([3.0, 1, 1, 1]), **known).effective_units == pytest.approx(3.0)


def test_map_assisted_estimate_with_few_errors_seen() -> None:
    """Literal: sixty segments with crop, four of them not mapped; how often the map errs is not known."""
    y = np.r_[np.full(60, 10.0), np.zeros(140)]
    mapped = y.copy()
    mapped[:4] = 0.0
    assert not total(simple_random(200, 9000), y).reliability.low_count
    assert difference_total(simple_random(200, 9000), y, mapped, x_total=2500.0).reliability.low_count
    mapped[:25] = 0.0
    assert not difference_total(simple_random(200, 9000), y, mapped, x_total=2500.0).reliability.low_count


def test_scarce_units_in_a_stratum_that_does_not_matter() -> None:
    """Literal: two segments with crop in a stratum a hundredth of the other do not flag the total."""
    y = np.r_[np.tile([0.0, 1.0], 40), np.zeros(38), 1.0, 1.0]
    stratum = np.repeat(["a", "b"], [80, 40])
    assert not total(stratified_random(stratum, np.repeat([8000, 80], [80, 40])), y).reliability.low_count
    assert total(stratified_random(stratum, np.repeat([8000, 8000], [80, 40])), y).reliability.low_count
