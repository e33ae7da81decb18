"""The mistakes of complex surveys that must not be made: each is shown, and shown to be refused or avoided.

Numbered as in the reference on survey statistics: 4 systematic samples, 5 pixels in segments, 6 finite population
corrections, 7 sizes without a floor, 8 domains, 9 calibrated weights, 11 missing units.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from aoi.survey.calibration import post_stratify
from aoi.survey.cluster import ClusterDesign, Stage, simple_random
from aoi.survey.inclusion import multivariate_inclusion, proportional_inclusion
from aoi.survey.joint_inclusion import joint_inclusion
from aoi.survey.linearised import mean, total
from aoi.survey.local_mean import LocalMeanDesign, systematic_total
from aoi.survey.multiple_imputation import pool_imputations
from aoi.survey.two_phase import ResponseDesign, response_total
from aoi.survey.unequal import UnequalDesign
from geo.errors import InputError, QualityGateError
from tests.aoi.survey import api_data
from tests.shared import oracle


def test_4_systematic_is_not_said_to_be_simple_random() -> None:
    """Brute force: all systematic samples; the variance is chosen, named approximate, and not the true one."""
    population = oracle("enumeration")
    y, truth = np.array(population["population"]["y"]), population["systematic_1_in_3"]["true_var"]
    with pytest.raises(TypeError, match="variance"):
        systematic_total(y[::3], population=12)
    for variance in ("simple-random", "successive-difference"):
        found = [systematic_total(y[start::3], population=12, variance=variance) for start in range(3)]
        assert np.mean([f.variance for f in found]) > 5 * truth
        assert all(variance in f.method and "none is unbiased" in f.method for f in found)


def test_4_spread_sample_says_how_it_was_placed() -> None:
    """Law: a spread sample has no default design, and its method says approximate."""
    xy = np.random.default_rng(0).random((20, 2))
    with pytest.raises(TypeError, match="drawing"):
        LocalMeanDesign(coordinates=xy, inclusion=np.full(20, 0.1), population=None)
    for drawing in ("spread", "systematic"):
        design = LocalMeanDesign(coordinates=xy, inclusion=np.full(20, 0.1), drawing=drawing, population=None)
        method = total(design, np.arange(20.0)).estimate().method
        assert drawing in method
        assert "approximate" in method


def test_5_pixels_in_segments_are_not_independent() -> None:
    """Brute force: over every sample of segments, pixels taken for units give a third of the true error."""
    rng = np.random.default_rng(1)
    segments = (rng.random((10, 25)) < rng.beta(0.4, 0.8, size=(10, 1))).astype(float)
    by_segment, by_pixel, values = [], [], []
    for s in combinations(range(10), 4):
        y, unit = segments[list(s)].ravel(), np.repeat(s, 25)
        design = ClusterDesign(weight=np.full(100, 2.5), stages=[Stage(unit=unit, population=10)])
        assert design.df == 3
        values.append(total(design, y).value)
        by_segment.append(total(design, y).variance)
        by_pixel.append(total(simple_random(100, 250), y).variance)
    truth = np.var(values)
    assert np.mean(by_segment) == pytest.approx(truth, rel=1e-10)
    assert np.sqrt(np.mean(by_pixel) / truth) < 0.4


def test_5_degrees_of_freedom_are_segments_less_strata() -> None:
    """Law: ten thousand pixels in twelve segments of three strata are nine degrees of freedom."""
    unit = np.repeat(np.arange(12), 800)
    stage = Stage(unit=unit, stratum=unit // 4, population=40)
    design = ClusterDesign(weight=np.full(unit.size, 10.0), stages=[stage])
    assert design.df == 9
    y = (np.random.default_rng(2).random(unit.size) < 0.3).astype(float)
    assert total(design, y).estimate().df == 9


def test_6_correction_is_stated_at_each_stage() -> None:
    """Law: leaving it out is said outright, and the method prints which stage has one."""
    with pytest.raises(TypeError, match="population"):
        Stage(unit=[1, 2])
    with pytest.raises(TypeError, match="population"):
        LocalMeanDesign(coordinates=np.eye(2), inclusion=np.ones(2), drawing="spread")
    design = ClusterDesign(
        weight=np.ones(4),
        stages=[Stage(unit=[1, 1, 2, 2], population=9), Stage(unit=[1, 2, 1, 2], population=None)],
    )
    assert "2-stage (FPC, no FPC)" in total(design, np.arange(4.0)).method


def test_6_population_is_in_the_units_drawn() -> None:
    """Law: a fraction, or fewer units than drawn, is refused; pixels cannot stand for segments at stage one."""
    with pytest.raises(InputError, match="not a fraction"):
        ClusterDesign(weight=np.ones(3), stages=[Stage(unit=[1, 2, 3], population=0.1)])
    unit, y = np.repeat([1, 2, 3, 4], 25), np.arange(100.0)
    by_segment = ClusterDesign(weight=np.full(100, 2.5), stages=[Stage(unit=unit, population=10)])
    by_pixel = ClusterDesign(weight=np.full(100, 2.5), stages=[Stage(unit=unit, population=250)])
    assert total(by_pixel, y).variance / total(by_segment, y).variance == pytest.approx(
        (1 - 4 / 250) / (1 - 4 / 10)
    )


def test_6_no_correction_on_model_variance() -> None:
    """Law: the between-imputation variance is whole even where nearly the frame was drawn."""
    found = pool_imputations([10.0, 14.0], [1e-9, 1e-9], n=99, share_imputed=0.5)
    assert found.variance == pytest.approx(1.5 * 8.0, rel=1e-6)


def test_7_no_size_from_a_map_without_a_floor() -> None:
    """Literal: a segment the map missed gets no chance, or a weight of thousands; the floor is a decision."""
    mapped_ha = np.r_[np.zeros(90), np.full(10, 25.0)]
    for draw in (
        lambda floor: proportional_inclusion(mapped_ha, 10, size_floor=floor),
        lambda floor: multivariate_inclusion(mapped_ha[:, None], [10], size_floor=floor),
    ):
        with pytest.raises(QualityGateError, match="no floor under it"):
            draw(None)
        with pytest.raises(QualityGateError, match="90 units that could never be drawn"):
            draw(0.0)
        assert (1 / draw(0.02)).max() > 1000
        assert (1 / draw(2.0)).max() < 25


def test_7_horvitz_thompson_variance_is_never_the_default() -> None:
    """Literal: a Sampford sample whose Horvitz-Thompson variance is negative; it has no standard error."""
    table = oracle("unequal_prob")
    pi, y = np.array(table["pik"]), np.array(table["y"], dtype=float)
    joint = joint_inclusion(pi, "sampford")
    negative = 0
    for s in map(list, combinations(range(10), 4)):
        pair = joint[np.ix_(s, s)]
        raw = total(UnequalDesign(inclusion=pi[s], joint=pair, variance="horvitz-thompson"), y[s])
        default = total(UnequalDesign(inclusion=pi[s], joint=pair), y[s])
        assert "sen-yates-grundy" in default.method
        assert default.variance >= 0
        if raw.variance < 0:
            negative += 1
            with pytest.raises(QualityGateError, match="sen-yates-grundy"):
                raw.estimate()
    assert negative > 0


def test_8_domains_are_not_cut_out() -> None:
    """Independent program: R's domain standard error; cutting the rows out gives another, too small one."""
    data, expected = api_data.frame("apisrs"), oracle("survey_api")["srs"]["domain_total_enroll_by_stype"]
    rows = (data["stype"] == "H").to_numpy()
    found = total(api_data.srs(data), data["enroll"], domain=rows)
    assert found.se == pytest.approx(expected["se"]["H"], rel=1e-10)
    cut = data[rows]
    subset = ClusterDesign(weight=cut["pw"], stages=[Stage(unit=cut["snum"], population=cut["fpc"])])
    assert total(subset, cut["enroll"]).value == pytest.approx(found.value)
    assert total(subset, cut["enroll"]).se < 0.6 * found.se


def test_8_domain_totals_by_enumeration() -> None:
    """Brute force: over every sample the zero-extended variance is the true one."""
    y = np.array([3.0, 0.0, 8.0, 1.0, 5.0, 2.0, 0.0, 6.0])
    inside = np.array([True, False, True, True, False, False, True, True])
    found = [total(simple_random(4, 8), y[s], domain=inside[s]) for s in map(list, combinations(range(8), 4))]
    assert np.mean([f.value for f in found]) == pytest.approx(y[inside].sum())
    assert np.mean([f.variance for f in found]) == pytest.approx(np.var([f.value for f in found]), rel=1e-10)


def test_9_calibrated_weights_do_not_go_with_the_old_variance() -> None:
    """Independent program: R's post-stratified error; the weights taken for design weights double it."""
    data, expected = api_data.frame("apiclus1"), oracle("survey_api")["poststrat"]
    calibrated = post_stratify(api_data.clus1(data), data["stype"], expected["pop_stype"])
    found = total(calibrated, data["enroll"])
    assert found.se == pytest.approx(expected["clus1_total_enroll"]["se"], rel=1e-10)
    pretended = ClusterDesign(weight=calibrated.weight, stages=[Stage(unit=data["dnum"], population=data["fpc"])])
    assert total(pretended, data["enroll"]).value == pytest.approx(found.value)
    assert total(pretended, data["enroll"]).se > 2 * found.se


def test_9_g_weights_are_in_the_variance() -> None:
    """Independent program: residuals without g give another error than R's, and the method names them."""
    data, expected = api_data.frame("apiclus1"), oracle("survey_api")["poststrat"]
    calibrated = post_stratify(api_data.clus1(data), data["stype"], expected["pop_stype"])
    residuals = calibrated.residuals(data["enroll"].to_numpy(float))
    without_g = np.sqrt(calibrated.base.covariance(residuals)[0, 0])
    assert without_g != pytest.approx(expected["clus1_total_enroll"]["se"], rel=1e-3)
    assert "g-weighted residuals" in total(calibrated, data["enroll"]).method


def test_11_cloud_is_neither_zero_nor_dropped() -> None:
    """Brute force: crop hides under cloud; zero loses it, dropping loses it, response groups do not."""
    rng = np.random.default_rng(5)
    hill = np.arange(400) < 150
    crop_ha = np.where(hill, rng.gamma(2.0, 4.0, 400), rng.gamma(1.0, 0.5, 400))
    as_zero, dropped, adjusted = [], [], []
    for _ in range(400):
        s = rng.choice(400, 120, replace=False)
        seen = rng.random(120) < np.where(hill[s], 0.45, 0.95)
        design = ResponseDesign(stratum=np.zeros(120), population=400, group=hill[s], responded=seen)
        as_zero.append(total(simple_random(120, 400), np.where(seen, crop_ha[s], 0.0)).value)
        dropped.append(400 * mean(simple_random(int(seen.sum()), 400), crop_ha[s][seen]).value)
        adjusted.append(total(design, crop_ha[s][design.seen]))
    truth, values = crop_ha.sum(), np.array([one.value for one in adjusted])
    assert np.mean(as_zero) < 0.7 * truth
    assert np.mean(dropped) < 0.8 * truth
    assert abs(values.mean() - truth) < 3.5 * values.std() / np.sqrt(400)
    # The variance of both phases: a bound three Monte Carlo errors wide
    assert np.sqrt(np.mean([one.variance for one in adjusted])) / values.std() == pytest.approx(1.0, abs=0.11)


def test_11_missing_value_stops_the_estimate() -> None:
    """Law: NaN is not zero, and the message says what to do."""
    with pytest.raises(InputError, match="missing observation is not zero: adjust for non-response"):
        total(simple_random(3, 30), [1.0, np.nan, 0.0])


def test_11_imputed_share_and_bounds_are_part_of_the_result() -> None:
    """Law: the figure of a partly hidden sample cannot be had without them, nor one imputation pooled."""
    design = ResponseDesign(
        stratum=np.zeros(4), population=40, group=np.zeros(4), responded=np.array([True, True, True, False])
    )
    with pytest.raises(TypeError, match="capacity"):
        response_total(design, [1.0, 2.0, 0.0, np.nan])
    found = response_total(design, [1.0, 2.0, 0.0, np.nan], capacity=5.0)
    assert found.share_imputed == pytest.approx(0.25)
    assert (found.lower_bound, found.upper_bound) == pytest.approx((30.0, 80.0))
    with pytest.raises(InputError, match="one imputation has no variance between"):
        pool_imputations([5.0], [1.0], n=4, share_imputed=0.25)
