"""Values on the border of a rule, beyond it, and at the ends of what can be: by hand, for many estimators."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial import KDTree

from aoi.survey.addition import estimate_with_interval, require_alike, sum_estimates
from aoi.survey.agricultural_mask import mask_ratio_total
from aoi.survey.allocation import neyman, power, proportional, rare_class_safe, sample_size_for_margin
from aoi.survey.area_figures import pooled_variances
from aoi.survey.benchmark import benchmark, require_benchmarked
from aoi.survey.change import area_change, difference_of
from aoi.survey.change_interval import p_value_of
from aoi.survey.cluster import simple_random
from aoi.survey.concentration import cells_holding, gini, share_in_top
from aoi.survey.corrected_area import corrected_area as correct
from aoi.survey.coverage import coverage_table
from aoi.survey.design import StratifiedDesign
from aoi.survey.estimate import INDICATIVE, LOW_COUNT, Estimate
from aoi.survey.inclusion import multivariate_inclusion, proportional_inclusion
from aoi.survey.interpretation import Misreading, adjudicate, agreement, corrected_area
from aoi.survey.interval import mid_p
from aoi.survey.likelihood import score_roots
from aoi.survey.linear_change import change_figure, national_change
from aoi.survey.linearised import Linearised, mean, total
from aoi.survey.local_mean import LocalMeanDesign, systematic_total
from aoi.survey.multiple import benjamini_hochberg, holm
from aoi.survey.multiple_imputation import pool_imputations
from aoi.survey.national import sum_of_independent
from aoi.survey.opium_yield import area_weighted_yield, regional_yield
from aoi.survey.placed_population import placed_population
from aoi.survey.propagation import Factor, product_monte_carlo
from aoi.survey.published import change_across_frames, change_from_bounds, percent_change
from aoi.survey.reliability import Reliability, judge_units, scarce_strata
from aoi.survey.resampled_coverage import unit_chances
from aoi.survey.selection import draw_stratified, inclusion_probability, pick_ranks
from aoi.survey.series import gls_trend, pair_change
from aoi.survey.skew_interval import skew_limits
from aoi.survey.small_area import AreaPrediction, fit_fay_herriot, small_area_estimates
from aoi.survey.smoothing import local_level
from aoi.survey.spatial_balance import _nearest_open
from aoi.survey.table import estimate_table
from aoi.survey.table_check import _shown_columns
from aoi.survey.two_phase import two_phase_difference
from aoi.survey.unequal import hajek_total
from aoi.survey.unit_level import _g3
from aoi.survey.weighted import WeightedSample, weighted_areas
from geo.errors import InputError, QualityGateError

NAN = float("nan")


def figure(value: float = 10.0, **other: Any) -> Estimate:
    """Return a figure with its interval."""
    return Estimate(**{"value": value, "se": 1.0, "lo": value - 2, "hi": value + 3, "n": 9, "method": "x"} | other)


def refused(made: Any, *arguments: Any, told: str | None = None, **named: Any) -> None:
    """Assert that a call is refused."""
    with pytest.raises((InputError, QualityGateError), match=told):
        made(*arguments, **named)


def test_a_tie_is_no_majority() -> None:
    """Literal: one of two, two of four and none at all stay open; two of three decide; the senior decides ties."""
    labels = np.array([[0, 1, -1, -1], [0, 0, 1, 1], [1, 1, 0, -1], [-1, -1, -1, -1], [2, -1, -1, -1]])
    found = adjudicate(labels, n_classes=3)
    assert found.label.tolist() == [-1, -1, 1, -1, 2]
    assert (found.by_majority.tolist(), found.by_senior.tolist(), found.open.tolist()) == ([2, 4], [], [0, 1, 3])
    senior = np.array([1, -1, 0, 0, 0])
    decided = adjudicate(labels, n_classes=3, senior=senior)
    assert decided.label.tolist() == [1, -1, 1, 0, 2]
    assert (decided.by_senior.tolist(), decided.open.tolist()) == ([0, 3], [1])


def test_agreement_of_three_by_hand() -> None:
    """By hand: pairs weighted by the units they share; a class nobody used has no agreement, nor chance of one."""
    labels = np.array([[0, 0, -1], [0, 1, -1], [1, 1, 1], [1, 1, -1], [0, -1, 0]])
    found = agreement(labels, 3)
    # first and second: 3 of 4 alike; first and third: 2 of 2; second and third: 1 of 1
    assert found.n == 7
    assert found.observed == pytest.approx((4 * 0.75 + 2 * 1 + 1 * 1) / 7)
    # class 0: pairs (0,0), (0,1) and (0,0): twice two alike over 2 + 1 + 2 named; class 1: (1,1) four times, (0,1)
    assert found.by_class[:2] == pytest.approx([4 / 5, 8 / 9])
    assert math.isnan(found.by_class[2])
    assert math.isnan(agreement(np.zeros((3, 2), dtype=int), 2).kappa)
    refused(agreement, np.array([[0, -1], [-1, 1]]), 2, told="no unit with two labels")


def test_reading_as_good_as_chance_carries_no_area() -> None:
    """Literal: all right and a single unit are rates; half and half is none, nor are counts beyond n."""
    assert Misreading(hits=1, n_class=1, rejections=1, n_other=1).youden == 1.0
    assert Misreading(hits=1, n_class=1, rejections=1, n_other=9).specificity == pytest.approx(1 / 9)
    for hits, rejections in ((1, 1), (0, 2), (0, 0)):
        refused(Misreading, hits=hits, n_class=2, rejections=rejections, n_other=2, told="a sum above 1")
    for hits, n in ((-1, 2), (3, 2), (0, 0)):
        refused(Misreading, hits=hits, n_class=n, rejections=2, n_other=2, told="units of the class read right")
        refused(Misreading, hits=2, n_class=2, rejections=hits, n_other=n, told="other units read right")
    counted = Misreading.of_labels(np.array([0, 1, 2, 0, 1]), np.array([0, 0, 1, 1, 2]), 0)
    assert (counted.hits, counted.n_class, counted.rejections, counted.n_other) == (1, 2, 2, 3)


def test_an_area_read_at_the_ends_of_the_frame() -> None:
    """By hand: with no false alarm nothing read is nothing, all is all; beyond either end it is flagged."""
    rates = Misreading(hits=8, n_class=10, rejections=40, n_other=40)
    nothing = corrected_area(figure(0.0, lo=0.0, hi=3.0), 100.0, rates)
    assert (nothing.value, nothing.lo, nothing.flags) == (0.0, 0.0, ())
    whole = corrected_area(figure(80.0), 100.0, rates)
    assert (whole.value, whole.hi, whole.flags) == (pytest.approx(100.0), 100.0, ())
    assert corrected_area(figure(81.0), 100.0, rates).flags == (LOW_COUNT,)
    alarms = Misreading(hits=8, n_class=10, rejections=36, n_other=40)
    below = corrected_area(figure(9.0), 100.0, alarms)
    assert (below.value, below.flags) == (0.0, (LOW_COUNT,))
    assert corrected_area(figure(9.0, flags=(LOW_COUNT,)), 100.0, alarms).flags == (LOW_COUNT,)
    # value, error and limits: sensitivity 0.8, specificity 0.9, J = 0.7; 38 ha read of 100
    found = corrected_area(figure(38.0, se=2.0, lo=34.0, hi=43.0), 100.0, alarms)
    assert found.value == pytest.approx(40.0)
    variance = 4 + 1600 * 0.16 / 10 + 3600 * 0.09 / 40
    assert found.se == pytest.approx(math.sqrt(variance) / 0.7)
    hit, clear = stats.beta(8.5, 2.5), stats.beta(36.5, 4.5)
    down = math.hypot(4, 40 * (hit.ppf(0.975) - 0.8), 60 * (0.9 - clear.ppf(0.025))) / 0.7
    up = math.hypot(5, 40 * (0.8 - hit.ppf(0.025)), 60 * (clear.ppf(0.975) - 0.9)) / 0.7
    assert (found.lo, found.hi) == pytest.approx((40 - down, 40 + up))
    moved = corrected_area(figure(58.0, se=2.0, lo=54.0, hi=63.0), 100.0, alarms, certain_ha=20.0)
    assert (moved.value, moved.lo, moved.hi) == pytest.approx((60.0, 60 - down, 60 + up))


def test_probabilities_at_their_ends() -> None:
    """Literal: 0 and 1 are p-values; what is outside is refused, with its row; adjusted ones end at 1."""
    assert holm([0.0, 1.0, 0.6]).tolist() == [0.0, 1.0, 1.0]
    assert benjamini_hochberg([0.0, 1.0, 0.6]).tolist() == pytest.approx([0.0, 1.0, 0.9])
    for wrong in (-1e-9, 1 + 1e-9, NAN):
        refused(holm, [0.5, wrong], told=r"rows \[1\]")
        refused(benjamini_hochberg, [0.5, wrong], told=r"rows \[1\]")
    refused(holm, [[0.5]], told=r"shape \(1, 1\)")


def test_sums_of_figures() -> None:
    """By hand: errors and half-widths add in squares; unlike levels and values out of bounds are refused."""
    made = sum_estimates([figure(10.0, flags=("a", "b")), figure(20.0, se=2.0, lo=16.0, hi=24.0, flags=("b",))])
    told = (made.value, made.se, made.lo, made.hi)
    assert told == pytest.approx((30.0, math.sqrt(5), 30 - math.hypot(2, 4), 30 + math.hypot(3, 4)))
    assert (made.n, made.flags, made.level) == (18, ("a", "b"), 0.95)
    refused(sum_estimates, [], told="nothing to add")
    refused(sum_estimates, [figure(), figure(level=0.9)], told="different levels")
    require_alike([None, None])
    held = estimate_with_interval(3.0, 2.0, n=4, method="x", level=0.9, within=(0.0, 5.0))
    assert (held.lo, held.hi) == pytest.approx((0.0, 5.0))
    free = estimate_with_interval(3.0, 1.0, n=4, method="x", level=0.9)
    assert (free.lo, free.hi) == pytest.approx((3 - 1.644854, 3 + 1.644854), rel=1e-6)
    for value in (0.0, 5.0):
        assert estimate_with_interval(value, 0.0, n=4, method="x", within=(0.0, 5.0)).value == value
    for value in (-1e-9, 5 + 1e-9):
        refused(estimate_with_interval, value, 0.0, n=4, method="x", within=(0.0, 5.0), told="cannot lie outside")


def test_benchmarked_figures_at_their_ends() -> None:
    """By hand: shares of the gap by squared errors; a sure figure stays; full, empty and closed are allowed."""
    sure = figure(10.0, se=0.0, lo=10.0, hi=10.0)
    free = figure(20.0, se=2.0, lo=14.0, hi=26.0)
    moved = benchmark([sure, free], [1, 1], figure(33.0))
    assert [one.value for one in moved] == [10.0, 23.0]
    assert moved[1].se == pytest.approx(math.hypot(2.0, 3.0))
    assert (moved[1].lo, moved[1].hi) == pytest.approx((23 - 1.959964 * 13**0.5, 23 + 1.959964 * 13**0.5), rel=1e-6)
    require_benchmarked(moved, [1, 1], figure(33.0))
    refused(require_benchmarked, moved, [1, 1], figure(33.001), told="areas that sum to 33")
    assert [one.value for one in benchmark([sure, sure], [1, 1], figure(20.0))] == [10.0, 10.0]
    refused(benchmark, [sure, sure], [1, 1], figure(20.1), told="nothing that may move")
    full = benchmark([sure, free], [1, 1], figure(33.0), most=[10.0, 23.0])
    assert (full[1].value, full[1].hi) == (23.0, 23.0)
    refused(benchmark, [sure, free], [1, 1], figure(33.0), most=[10.0, 22.9], told="no more crop than area")
    assert benchmark([sure, free], [1, 1], figure(10.0))[1].value == 0.0
    refused(benchmark, [sure, free], [1, 1], figure(9.9), told="below zero")
    ratio = benchmark([sure, free], [1, 1], figure(15.0), method="ratio")
    assert [one.value for one in ratio] == [5.0, 10.0]
    for weights in ([1], [1, 0], [1, NAN], [1, -1]):
        refused(benchmark, [sure, free], weights, figure(33.0), told="one positive weight")
    signed = replace(free, value=-1.0, lo=-7.0, hi=5.0)
    assert benchmark([sure, signed], [1, 1], figure(5.0))[1].lo < 0


def test_published_bounds_and_percent() -> None:
    """By hand: equal bounds are a figure known exactly; half a thousand rounds up; no percent of nothing."""
    assert change_from_bounds((10.0, 10.0, 10.0), (12.0, 12.0, 12.0)).z == math.inf
    assert change_from_bounds((10.0, 10.0, 10.0), (8.0, 8.0, 8.0)).z == -math.inf
    same = change_from_bounds((10.0, 10.0, 10.0), (10.0, 10.0, 10.0))
    assert (same.z, same.p_value, same.verdict, same.percent) == (0.0, 1.0, "no significant change", 0.0)
    found = change_from_bounds((100.0, 90.0, 110.0), (130.0, 115.0, 145.0), level=0.9)
    se = math.hypot(10, 15) / 1.6448536
    assert (found.z, found.percent) == (pytest.approx(30 / se), 30.0)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(30 / se))
    for wrong in ((0.0, 0.0, 1.0), (10.0, 11.0, 12.0), (10.0, 8.0, 9.0)):
        refused(change_from_bounds, wrong, (1.0, 1.0, 1.0), told="earlier figure")
    assert change_from_bounds((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)).percent == -100.0
    assert np.isnan(percent_change([0.0, -1.0, NAN], 5.0)).all()
    assert float(percent_change(2.0, 3.0)) == 50.0
    frames = change_across_frames(figure(40.0), figure(30.0), entered=figure(5.0), left=figure(10.0))
    assert (frames.percent, frames.headline_percent) == (-25.0, pytest.approx(-30.0))
    assert (frames.entered_ha, frames.left_ha) == (5.0, 10.0)
    refused(change_across_frames, figure(0.0), figure(1.0), told="a positive figure")


def test_differences_of_finished_figures() -> None:
    """By hand: a correlation of one takes errors from each other; beyond one, or at other levels, is refused."""
    one, two = figure(10.0, se=3.0), figure(20.0, se=5.0)
    assert difference_of(one, two, correlation=1.0).difference.se == pytest.approx(2.0)
    assert difference_of(one, two, correlation=-1.0).difference.se == pytest.approx(8.0)
    assert difference_of(one, two).difference.se == pytest.approx(math.sqrt(34))
    assert difference_of(one, one, correlation=1.0).difference.se == 0.0
    for wrong in (1.001, -1.001):
        refused(difference_of, one, two, correlation=wrong, told=r"correlation in \[-1, 1\]")
    refused(difference_of, one, replace(two, level=0.9), told="one level")


def test_whole_units_within_floors_and_strata() -> None:
    """Brute force: shares cut to floor and stratum, added up to n, largest remainder first; ends are allowed."""
    assert proportional(4, [10, 10], floor=2).tolist() == [2, 2]
    assert proportional(20, [10, 10], floor=2).tolist() == [10, 10]
    assert neyman(10, [100, 100], [0.0, 1.0], floor=2).tolist() == [2, 8]
    assert neyman(10, [100, 4], [1.0, 90.0], floor=2).tolist() == [6, 4]
    assert power(10, [100, 900], exponent=0.5, floor=0).tolist() == [3, 7]  # 2.5 and 7.5: the first remainder wins
    for n in (3, 21):
        refused(proportional, n, [10, 10], floor=2, told="between 4")
    for wrong in ([0.0, 0.0], [-1.0, 1.0], [NAN, 1.0]):
        refused(neyman, 10, [100, 100], wrong, told="standard deviations")
    design = StratifiedDesign.of_units(["a", "b"], [100, 300], unit_area_ha=2.0)
    # N = (sum W S)^2 / (V + sum W S^2): areas 200 and 600 ha, shares 0.5 and 0 or 1
    spread = 200 * 0.5
    needed = spread**2 / ((30 / 1.959964) ** 2 + spread**2 / 100)
    assert sample_size_for_margin(design, [0.5, 0.0], 30.0) == math.ceil(needed)
    assert sample_size_for_margin(design, [0.5, 1.0], 30.0) == math.ceil(needed)
    for share, margin in (([0.5], 3.0), ([0.5, -0.1], 3.0), ([0.5, 1.1], 3.0), ([0.5, 0.5], 0.0)):
        refused(sample_size_for_margin, design, share, margin, told="target")


def test_inclusion_at_its_ends() -> None:
    """By hand: one unit and all units can be drawn; a unit that reaches one is certain and the rest share."""
    assert proportional_inclusion([1.0, 3.0], 1, size_floor=0.0).tolist() == [0.25, 0.75]
    assert proportional_inclusion([1.0, 3.0], 2, size_floor=0.0).tolist() == [1.0, 1.0]
    assert proportional_inclusion([1.0, 1.0, 2.0], 2, size_floor=0.0).tolist() == [0.5, 0.5, 1.0]
    assert proportional_inclusion([0.0, 3.0, 1.0], 1, size_floor=1.0) == pytest.approx([0.2, 0.6, 0.2])
    for n in (0, 3):
        refused(proportional_inclusion, [1.0, 3.0], n, size_floor=0.0, told="1 to 2")
    refused(proportional_inclusion, [0.0, 3.0], 1, size_floor=0.0)
    refused(proportional_inclusion, [1.0, -3.0], 1, size_floor=1.0)
    refused(proportional_inclusion, [1.0, 3.0], 1, size_floor=-1.0)
    refused(proportional_inclusion, [1.0, 3.0], 1)
    both = multivariate_inclusion([[1.0, 3.0], [1.0, 0.0], [2.0, 1.0]], [2, 1], size_floor=0.0)
    assert both.tolist() == pytest.approx([0.75, 0.5, 1.0])
    for wanted in ([2], [2, 0], [[2, 1]]):
        refused(multivariate_inclusion, [[1.0, 3.0], [1.0, 1.0]], wanted, size_floor=0.0)


def test_units_outside_the_frame_are_never_drawn() -> None:
    """Literal: negative codes lie outside; all or none of a stratum can be drawn; no more can."""
    codes = np.array([0, -1, 1, 1, -1, 0, 2])
    rng = np.random.default_rng(1)
    assert draw_stratified(codes, [2, 0, 1], rng).tolist() == [0, 5, 6]
    assert draw_stratified(codes, [0, 2, 0], rng).tolist() == [2, 3]
    for wanted in ([3, 0, 0], [0, -1, 0]):
        refused(draw_stratified, codes, wanted, rng, told="units to draw")
    refused(draw_stratified, codes, [1, 1], rng, told="stratum code 2")
    ranks = [np.array([0, 2]), np.array([1])]
    first, seen = pick_ranks([0, 1, 0], ranks, [0, 0])
    second, after = pick_ranks([1, 0, 1, -1], ranks, seen)
    assert (first.tolist(), seen.tolist()) == ([0], [2, 1])
    assert (second.tolist(), after.tolist()) == ([0, 1], [3, 3])
    assert inclusion_probability([4, 10], [1, 5]).tolist() == [0.25, 0.5]


def test_pooled_imputations_by_hand() -> None:
    """By hand (Rubin 1987): within, between, freedom; alike imputations add nothing and leave the freedom."""
    pooled = pool_imputations([10.0, 14.0, 12.0], [4.0, 5.0, 6.0], n=30, share_imputed=1.0)
    between, within = 4.0, 5.0
    extra = 4 / 3 * between
    assert (pooled.value, pooled.within, pooled.between) == (12.0, within, between)
    assert pooled.variance == pytest.approx(within + extra)
    share = extra / (within + extra)
    assert pooled.df_large == pytest.approx(2 / share**2)
    small = pool_imputations([10.0, 14.0, 12.0], [4.0, 5.0, 6.0], n=30, share_imputed=0.0, complete_df=20.0)
    observed = 21 / 23 * 20 * (1 - share)
    assert small.df == pytest.approx(1 / (1 / pooled.df_large + 1 / observed))
    alike = pool_imputations([10.0, 10.0], [4.0, 4.0], n=30, share_imputed=0.5, complete_df=20.0)
    assert (alike.df_large, alike.df) == (math.inf, pytest.approx(21 / 23 * 20))
    assert pool_imputations([10.0, 10.0], [0.0, 0.0], n=3, share_imputed=0.5).variance == 0.0
    for values, variances in (
        ([1.0], [1.0]),
        ([1.0, 2.0], [1.0]),
        ([1.0, NAN], [1.0, 1.0]),
        ([1.0, 2.0], [1.0, -1.0]),
    ):
        refused(pool_imputations, values, variances, n=3, share_imputed=0.5, told="imputations")
    for wrong in (-0.1, 1.1):
        refused(pool_imputations, [1.0, 2.0], [1.0, 1.0], n=3, share_imputed=wrong, told="share imputed")


def test_small_areas_at_their_ends() -> None:
    """Literal: kept within the area, flagged below half a weight of its own; no error, no figure."""
    made = AreaPrediction(
        value=np.array([-1.0, 5.0, 20.0]), mse=np.array([4.0, 0.0, 1.0]), direct_weight=np.array([0.0, 0.5, 0.49])
    )
    found = small_area_estimates(made, [0, 4, 9], model="m", within=(0.0, math.inf), most=[10.0, 10.0, 10.0])
    assert [one.value for one in found] == [0.0, 5.0, 10.0]
    assert [INDICATIVE in one.flags for one in found] == [True, False, True]
    assert [one.n for one in found] == [0, 4, 9]
    assert "synthetic" in found[0].method
    assert "own weight 0.49" in found[2].method
    assert (found[1].lo, found[1].hi) == (5.0, 5.0)
    assert found[0].hi == pytest.approx(1.959964 * 2, rel=1e-6)
    for mse in (-1.0, NAN, math.inf):
        refused(
            small_area_estimates, replace(made, mse=np.array([4.0, mse, 1.0])), [0, 4, 9], model="m", told=r"\[1\]"
        )
    refused(small_area_estimates, made, [0, 4], model="m", told="sample sizes")


def test_an_area_model_needs_more_areas_than_covariates() -> None:
    """Literal: four areas carry two covariates, three do not; a repeated covariate and a sure area are refused."""
    x = np.column_stack([np.ones(4), [1.0, 2.0, 3.0, 5.0]])
    y, psi = np.array([1.0, 2.5, 2.0, 4.0]), np.full(4, 0.1)
    assert fit_fay_herriot(y, psi, x).beta.shape == (2,)
    refused(fit_fay_herriot, y[:3], psi[:3], x[:3], told="3 areas for 2 covariates")
    refused(fit_fay_herriot, y, psi, np.column_stack([x[:, 0], x[:, 0]]), told="of rank 1")
    refused(fit_fay_herriot, y, np.array([0.1, 0.0, 0.1, 0.1]), x, told=r"areas \[1\]: found sampling variance 0")
    refused(fit_fay_herriot, np.array([1.0, NAN, 2.0, 4.0]), psi, x, told=r"direct figure, areas \[1\]")
    refused(fit_fay_herriot, y, psi, np.where(x == 5, NAN, x), told=r"covariate, areas \[3\]")
    refused(fit_fay_herriot, y, psi[:3], x, told="shapes")


def test_roots_of_a_score() -> None:
    """By hand: 0 and where a falling score crosses; where it only rises, or stays below, it adds none."""
    assert score_roots(lambda v: 3.0 - v, 1.0) == pytest.approx([0.0, 3.0])
    assert score_roots(lambda v: -1.0 - v, 1.0) == [0.0]
    assert score_roots(lambda v: v - 3.0, 1.0) == [0.0]
    several = score_roots(lambda v: -(v - 1.0) * (v - 2.0) * (v - 4.0), 1.0)
    assert several == pytest.approx([0.0, 1.0, 4.0])


def test_a_series_needs_rising_times_and_a_step() -> None:
    """Literal: equal times, a missing time and no step are refused; a step of nearly nothing pools the series."""
    pooled = local_level([1.0, 3.0], np.eye(2), step_variance=1e-6)
    assert pooled.value == pytest.approx([2.0, 2.0], abs=1e-5)
    assert pooled.se == pytest.approx([math.sqrt(0.5)] * 2, abs=1e-5)
    apart = local_level([1.0, 3.0], np.eye(2), step_variance=1e12)
    assert apart.value == pytest.approx([1.0, 3.0])
    # by hand: two readings with error 1 and a step of variance 2 over a gap of 3 years: weights 7/8 and 1/8
    found = local_level([1.0, 3.0], np.eye(2), step_variance=2.0, times=[2000, 2003])
    assert found.value == pytest.approx([1 + 2 / 8, 3 - 2 / 8])
    for times in ([2000, 2000], [2001, 2000], [2000]):
        refused(local_level, [1.0, 3.0], np.eye(2), step_variance=1.0, times=times, told="rising time")
    for step in (0.0, -1.0, NAN, math.inf):
        refused(local_level, [1.0, 3.0], np.eye(2), step_variance=step, told="step variance")


def test_crop_on_the_ends_of_a_curve() -> None:
    """By hand: shares at 0, within a cell and at 1; the least ground that holds none, some and all of the crop."""
    area = [4.0, 1.0, 0.0, 3.0, 0.0]
    assert [share_in_top(area, at) for at in (0.0, 0.1, 0.2, 0.4, 0.6, 1.0)] == pytest.approx(
        [0.0, 0.25, 0.5, 0.875, 1.0, 1.0]
    )
    assert [cells_holding(area, at) for at in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([0.0, 0.1, 0.2, 0.6])
    pairs = sum(abs(a - b) for a in area for b in area)
    assert gini(area) == pytest.approx(pairs / (2 * 5 * sum(area)))  # mean difference over twice the mean


def test_what_a_unit_may_weigh_in_a_judgement() -> None:
    """Literal: nine telling units are few and ten enough; a quarter of the variance in one unit is just allowed."""
    units = np.r_[np.ones(10), np.zeros(90)]
    group, none = np.zeros(100, dtype=int), np.zeros(100)
    assert not judge_units(units, units, np.ones(100), group=group, fraction=none).low_count
    few = np.r_[np.ones(9), np.zeros(91)]
    assert judge_units(few, few, np.ones(100), group=group, fraction=none).low_count
    assert not judge_units(few, few, np.ones(100), group=group, fraction=np.ones(100)).low_count
    whole = judge_units(units, units, np.ones(100), group=group, fraction=np.ones(100))
    assert whole == Reliability(low_count=False, skewness=0.0, effective_units=100.0)
    halves = np.r_[np.full(5, 0.5), np.ones(10), np.zeros(85)]
    assert not scarce_strata(halves, np.ones(100), np.ones(100), codes=group).any()
    assert scarce_strata(np.zeros(4), np.zeros(4), np.ones(4), codes=np.array([0, 0, 1, 1])).tolist() == [
        True,
        True,
    ]
    unequal = judge_units(units, units, np.r_[np.full(50, 3.0), np.ones(50)], group=group, fraction=none)
    assert unequal.effective_units == pytest.approx(200**2 / (50 * 9 + 50))
    assert judge_units(units, units, np.ones(100), group=group, fraction=none).one_sided
    assert not judge_units(-units, -units, np.ones(100), group=group, fraction=none).one_sided
    assert not judge_units(units, 2 * units, np.ones(100), group=group, fraction=none).one_sided
    # skewness of a mean of n draws: the third k-statistic over s^3, less by the root of n
    rng = np.random.default_rng(2)
    sample = rng.gamma(1.0, 1.0, 100)
    k3, s2 = stats.kstat(sample, 3), sample.var(ddof=1)
    judged = judge_units(sample, sample, np.ones(100), group=group, fraction=none)
    assert judged.skewness == pytest.approx(k3 / s2**1.5 / 10)
    third = judge_units(sample, sample, np.ones(100), group=group, fraction=np.full(100, 0.2))
    assert third.skewness == pytest.approx(0.6 / 0.8**0.5 * k3 / s2**1.5 / 10)


def test_limits_of_a_total_on_their_ends() -> None:
    """By hand: a value on its floor and ceiling is possible; beyond either, and without spread, it is flagged."""
    sound = Reliability(low_count=False, skewness=0.0, effective_units=20.0)
    one = Linearised(value=10.0, variance=4.0, df=8.0, n=20, method="m", reliability=sound, floor=10.0)
    t = stats.t.ppf(0.975, 8)
    made = one.estimate(ceiling=10.0)
    assert (made.lo, made.hi, made.flags) == (10.0, 10.0, ())
    assert one.estimate(ceiling=9.9).flags == (LOW_COUNT,)
    assert replace(one, floor=10.1).estimate().flags == (LOW_COUNT,)
    free = replace(one, floor=-math.inf).estimate()
    assert (free.lo, free.hi, free.df) == (pytest.approx(10 - 2 * t), pytest.approx(10 + 2 * t), 8.0)
    assert free.flags == ()
    census = replace(one, variance=0.0, df=0.0).estimate()
    assert (census.lo, census.hi, census.df, census.flags) == (10.0, 10.0, math.inf, ())
    alike = replace(one, variance=0.0).estimate(ceiling=100.0)
    assert (alike.lo, alike.flags) == (10.0, (LOW_COUNT,))
    assert alike.hi == pytest.approx(10 + 90 * (1 - 0.025 ** (1 / 20)))
    refused(replace(one, variance=0.0).estimate, told="state the most")
    refused(replace(one, variance=-1e-9).estimate, told="zero or more")
    refused(replace(one, df=0.0).estimate, told="degrees of freedom")
    quantiles = replace(one, floor=-math.inf).estimate(quantiles=(-1.5, 3.0))
    assert (quantiles.lo, quantiles.hi) == (4.0, 13.0)
    assert skew_limits(10.0, 2.0, skewness=1e-12, quantile=2.0) == (6.0, 14.0)
    assert skew_limits(10.0, 2.0, skewness=1e-3, quantile=2.0) == pytest.approx((6.0, 14.0), abs=0.02)


def test_the_mask_of_a_province_holds_its_cells() -> None:
    """By hand: a province whose mask is that of the drawn cells is seen whole; less is refused."""
    crop, mask = [40.0, 300.0, 90.0], [400.0, 1200.0, 800.0]
    assert mask_ratio_total(crop, mask, cells=3, mask_total_ha=2400.0).value == pytest.approx(430.0)
    refused(mask_ratio_total, crop, mask, cells=3, mask_total_ha=2399.9, told="agricultural mask")
    refused(mask_ratio_total, crop, mask, cells=3, mask_total_ha=2400.0, form="x", told="mask or cells")
    assert mask_ratio_total([0.0, 1200.0], [400.0, 1200.0], cells=4, mask_total_ha=3200.0).value == 2400.0
    for wrong in ([-1.0, 1.0], [401.0, 1.0]):
        refused(mask_ratio_total, wrong, [400.0, 1200.0], cells=4, mask_total_ha=3200.0)


def test_p_values_at_their_ends() -> None:
    """Literal: no change has 1, a limit that stays above zero the least told apart, one that never does 1."""
    assert p_value_of(0.0, lambda _: (-1.0, 1.0), 0.95) == 1.0
    assert p_value_of(0.9, lambda _: (0.5, 1.3), 0.95) == 1e-12
    assert p_value_of(-0.9, lambda _: (-1.3, -0.5), 0.95) == 1e-12
    assert p_value_of(0.9, lambda _: (-0.1, 1.3), 0.95) == 1.0
    normal = p_value_of(2.0, lambda level: (2.0 - stats.norm.ppf((1 + level) / 2), 9.0), 0.95)
    assert normal == pytest.approx(2 * stats.norm.sf(2.0), rel=1e-5)


def test_one_unit_alone_bounds_a_share() -> None:
    """By hand: nothing in one unit: half of 1 - p is a fortieth at 0.95; and the mirror."""
    assert (mid_p([0], [1]).lo.item(), mid_p([0], [1]).hi.item()) == pytest.approx((0.0, 0.95))
    assert (mid_p([1], [1]).lo.item(), mid_p([1], [1]).hi.item()) == pytest.approx((0.05, 1.0))


def test_few_changed_units_are_flagged() -> None:
    """Law: a change seen in few units of a panel carries LOW_COUNT, one seen in many does not."""
    design = StratifiedDesign.of_units(["all"], [100_000], unit_area_ha=1.0)
    stratum = np.zeros(1000, dtype=np.int64)
    first = (np.arange(1000) < 300).astype(float)
    for moved, flags in ((2, (LOW_COUNT,)), (200, ())):
        second = ((np.arange(1000) >= moved) & (np.arange(1000) < 300 + moved)).astype(float)
        assert area_change(stratum, first, second, design).difference.flags == flags


def test_safe_shares_of_rare_classes() -> None:
    """Law: a stratum taken to be full of the class gets as many units as one taken to be without."""
    full, none, rest = rare_class_safe(100, [1000, 1000, 5000], [1.0, 0.0, 0.0], floor=2).tolist()
    assert full == none
    assert (rest, full + none + rest) == (pytest.approx(70, abs=12), 100)
    held = rare_class_safe(100, [9000, 100, 900], [0.5, 0.5, 0.5], unmapped=1, floor=2)
    assert held[1] == 50
    refused(rare_class_safe, 100, [1000, 1000], [0.5], told="one per stratum")


def test_pooled_variances_need_units_and_no_negative() -> None:
    """By hand: 4 x 0.2 and 8 x 0.1 pooled by their freedom; a single unit adds none; what is no variance stops."""
    assert pooled_variances([0.2, 0.1, 0.0], [4, 8, 1]) == pytest.approx([0.2, 0.1, 0.8])
    for variance, n in (([-0.1, 0.2], [4, 4]), ([NAN, 0.2], [4, 4]), ([0.1, 0.2], [4, 0]), ([0.1], [4, 4])):
        refused(pooled_variances, variance, n, told="sampling variances")
    refused(pooled_variances, [0.0, 0.3], [4, 1], told="too small for a model")


def test_a_corrected_area_is_not_below_nothing() -> None:
    """Literal: with few units the lower limit ends at 0, the upper at the ground or the factor's share of it."""
    design = StratifiedDesign.of_units(["all"], [100], unit_area_ha=1.0)
    units = np.zeros(6, dtype=int), np.array([1, 0, 0, 0, 0, 0]), np.zeros(6, dtype=int)
    made = correct(*units, design, factor=[1.0], part_area_ha=[100.0], parameter_errors_ha=[50.0])
    assert made.lo == 0.0
    assert made.se == pytest.approx(math.hypot(50.0, 100 * math.sqrt(0.94 / 6 * (5 / 36) * 6 / 5)))
    full = np.zeros(6, dtype=int), np.ones(6), np.zeros(6, dtype=int)
    assert correct(
        *full, design, factor=[1.0], part_area_ha=[100.0], parameter_errors_ha=[9.0]
    ).hi == pytest.approx(100)
    assert correct(
        *full, design, factor=[1.5], part_area_ha=[100.0], parameter_errors_ha=[90.0]
    ).hi == pytest.approx(150)


def test_resampled_coverage_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: each class is covered, missed above or missed below; the truth of units drawn again is the estimate."""
    monkeypatch.setattr("aoi.survey.coverage.RESAMPLES", 25)
    rng = np.random.default_rng(4)
    sample = pd.DataFrame(
        {
            "stratum": np.repeat(["a", "b"], 30), "map": np.repeat(["c", "r"], 30),
            "reference": rng.choice(["c", "r"], 60), "weight": rng.choice([2.0, 3.0], 60),
        }
    )  # fmt: skip
    strata = pd.DataFrame({"stratum": ["a", "b"], "size": [75, 75]})
    rows = coverage_table(sample, strata, np.random.default_rng(1))
    whole = estimate_table(sample, strata)
    assert [one.name for one in rows] == ["c", "r"]
    for one, area in zip(rows, whole.areas, strict=True):
        assert one.truth_ha == pytest.approx(area.estimate.value)
        assert one.covered + one.above + one.below == pytest.approx(1.0)
        assert one.covered >= 0.8
        assert one.draws == 25
        assert 0 < one.mean_width_ha < 150


def test_floors_of_means_and_totals() -> None:
    """Literal: a mean of amounts, small ones too, cannot be below zero; one of signed amounts can."""
    design = simple_random(4, 40)
    assert mean(design, [0.0, 0.5, 0.2, 0.1]).floor == 0.0
    assert mean(design, [0.0, -0.5, 0.2, 0.1]).floor == -math.inf
    assert total(design, [0.0, 0.5, 0.2, 0.1]).floor == pytest.approx(0.8)


def test_one_place_without_a_position_is_enough_to_refuse() -> None:
    """Literal: of four positions one is infinite, or one missing."""
    for wrong in (math.inf, NAN):
        xy = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, wrong]])
        refused(LocalMeanDesign, coordinates=xy, inclusion=np.full(4, 0.1), population=40, drawing="spread")


def test_a_yield_is_not_below_nothing() -> None:
    """By hand: two fields of 1 and 9 kg/ha: limits by Student's quantile with one degree of freedom, from 0 on."""
    made = regional_yield([1.0, 9.0], region="x")
    assert (made.value, made.se, made.lo) == (5.0, pytest.approx(4.0), 0.0)
    assert made.hi == pytest.approx(5 + stats.t.ppf(0.975, 1) * 4)
    both = area_weighted_yield([300.0, 100.0], [regional_yield([8.0, 9.0], region="x"), made])
    assert (both.value, both.se, both.n) == (7.625, pytest.approx(math.hypot(0.75 * 0.5, 0.25 * 4)), 4)
    wider = area_weighted_yield([1.0, 1.0], [regional_yield([8.0, 9.0], region="x", level=0.8), made])
    assert (wider.level, wider.hi - wider.value) == (0.8, pytest.approx(1.281552 * wider.se))
    refused(area_weighted_yield, [0.0, 0.0], [made, made], told="not all 0")
    refused(area_weighted_yield, [1.0], [made, made], told="one area for each")
    refused(regional_yield, [1.0], region="x", told="two or more")


def test_small_amounts_are_crop_too() -> None:
    """Law: units with half a hectare count as units with crop in what a sample can hide."""
    rng = np.random.default_rng(3)
    side = np.arange(100.0)
    xy = np.column_stack([side % 10, side // 10])
    y = np.where(np.arange(100) % 20 == 0, 0.5, 0.0)
    group = np.zeros(100, dtype=np.int64)
    named: dict[str, Any] = {"drawing": "spread", "level": 0.95, "rng": rng}
    made = placed_population(xy, y, group, scenario="pessimistic", **named)
    limit = stats.beta.ppf(0.975, 5.5, 95.5)
    assert (y[made.donor] > 0).mean() == pytest.approx(limit, abs=0.01)
    plain = placed_population(xy, y, group, scenario="resampled", **named)
    assert (y[plain.donor] > 0).mean() == pytest.approx(0.05, abs=0.01)
    chance = unit_chances(np.r_[1.0, np.zeros(9)], np.zeros(10, dtype=np.int64), "pessimistic", level=0.95)
    assert chance[0] == pytest.approx(stats.beta.ppf(0.975, 1.5, 9.5))
    assert chance.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.8])
def test_drawn_products_are_correlated_as_asked(correlation: float) -> None:
    """By hand: the logarithm of a product of lognormals has variance a^2 + b^2 + 2 r a b."""
    one, two = Factor(10.0, 2.0), Factor(5.0, 1.5)
    a, b = (math.sqrt(math.log1p((f.se / f.value) ** 2)) for f in (one, two))
    half = 1.959964 * math.sqrt(a**2 + b**2 + 2 * correlation * a * b)
    made = product_monte_carlo(one, two, rng=np.random.default_rng(1), draws=40_000, correlation=correlation)
    assert (math.log(made.hi / 50.0), math.log(50.0 / made.lo)) == pytest.approx((half, half), rel=0.03)
    refused(product_monte_carlo, one, two, rng=np.random.default_rng(1), draws=999, told="1000 draws or more")
    for wrong in (-1.1, 1.1):
        refused(product_monte_carlo, one, two, rng=np.random.default_rng(1), correlation=wrong, told="-1 to 1")


def test_small_figures_change_like_large_ones() -> None:
    """Law: hectares told in thousands have the same scores, percent and logarithms."""
    large = change_from_bounds((1000.0, 900.0, 1100.0), (1300.0, 1150.0, 1450.0))
    small = change_from_bounds((1.0, 0.9, 1.1), (1.3, 1.15, 1.45))
    assert (small.z, small.p_value, small.percent) == pytest.approx((large.z, large.p_value, large.percent))
    covariance = np.array([[64.0, 40.0], [40.0, 64.0]])
    one = pair_change([1000.0, 1300.0], covariance, 0, 1)
    two = pair_change([1.0, 1.3], covariance / 1e6, 0, 1)
    assert (two.z, two.percent, two.se_log_ratio) == pytest.approx((one.z, one.percent, one.se_log_ratio))
    by_hand = math.sqrt(64 / 1000**2 + 64 / 1300**2 - 2 * 40 / (1000 * 1300))
    assert one.se_log_ratio == pytest.approx(by_hand)
    assert pair_change([0.0, 1.0], covariance, 0, 1).percent == math.inf
    assert pair_change([1.0, 0.0], covariance, 0, 1).se_log_ratio == math.inf
    assert pair_change([0.0, 1.0], covariance, 0, 1).se_log_ratio == math.inf


def test_jumps_of_a_line_have_their_own_errors() -> None:
    """Independent route (least squares by numpy): slope, jump and both errors of a line with one break."""
    times, values = np.arange(2000.0, 2007.0), np.array([10.0, 12.0, 13.5, 30.0, 31.0, 33.5, 35.0])
    made = gls_trend(times, values, 4.0 * np.eye(7), breaks=[2003])
    x = np.column_stack([np.ones(7), times - times.mean(), times >= 2003])
    inverse = 4.0 * np.linalg.inv(x.T @ x)
    solution = np.linalg.lstsq(x, values, rcond=None)[0]
    assert (made.slope, *made.shifts) == pytest.approx(tuple(solution[1:]))
    assert (made.se_slope, *made.se_shifts) == pytest.approx(tuple(np.sqrt(np.diag(inverse))[1:]))


def test_rivals_of_a_unit_are_the_nearest_open_ones() -> None:
    """Brute force: among open units the nearest competes; of two at one distance either, and no other."""
    rng = np.random.default_rng(2)
    xy = rng.random((60, 2))
    tree = KDTree(xy)
    for _ in range(30):
        open_units = rng.random(60) < 0.2
        first = int(rng.integers(60))
        open_units[first] = True
        others = np.flatnonzero(open_units & (np.arange(60) != first))
        if others.size:
            nearest = others[np.argmin(((xy[others] - xy[first]) ** 2).sum(axis=1))]
            assert _nearest_open(first, open_units, tree, rng) == nearest
    line = KDTree(np.array([[0.0], [1.0], [2.0], [5.0]]))
    assert {_nearest_open(1, np.ones(4, dtype=bool), line, rng) for _ in range(40)} == {0, 2}


def test_error_of_estimated_variances_in_a_balanced_sample() -> None:
    """Published closed form (analysis of variance): m areas of n units; variances of both components by hand."""
    m, n, u, e = 12, 5, 3.0, 8.0
    fit = SimpleNamespace(area_variance=u, unit_variance=e, n=np.full(m, n))
    alpha = e + n * u
    var_e = 2 * e**2 / (m * (n - 1))
    var_u = 2 / n**2 * (alpha**2 / m + e**2 / (m * (n - 1)))
    cov = -2 * e**2 / (m * n * (n - 1))
    wanted = (e**2 * var_u + u**2 * var_e - 2 * e * u * cov) / (n**2 * (u + e / n) ** 3)
    assert _g3(fit, np.array([n, 0])).tolist() == pytest.approx([wanted, 0.0])  # type: ignore[arg-type]


def test_two_phases_by_hand() -> None:
    """By hand: N^2 ((1/n - 1/N) s_y^2 + (1/m - 1/n) s_e^2) with N = 10, n = 4, m = 3."""
    y, x = np.array([1.0, 4.0, 7.0]), np.array([1.0, 3.0, 8.0])
    made = two_phase_difference(y, x, x_first=[1.0, 3.0, 8.0, 2.0], population=10)
    error = y - x
    assert made.value == pytest.approx(10 * (3.5 + error.mean()))
    wanted = 100 * ((1 / 4 - 1 / 10) * y.var(ddof=1) + (1 / 3 - 1 / 4) * error.var(ddof=1))
    assert made.variance == pytest.approx(wanted)
    assert (made.df, made.n, made.floor) == (2.0, 3, 12.0)
    assert two_phase_difference(-y, x, x_first=x, population=10).floor == -math.inf


def test_limits_of_weighted_units_leave_what_was_seen() -> None:
    """Literal: of ten units eight were seen, two of them crop: the crop is no less than 2 ha and no more than 4."""
    design = StratifiedDesign.of_units(["a"], [10], unit_area_ha=1.0)
    stratum = np.zeros(8, dtype=np.int64)
    sample = WeightedSample(design=design, stratum=stratum, weight=np.full(8, 1.25), cluster=np.arange(8))
    (made,) = weighted_areas(sample, np.arange(8) < 2)
    assert (made.value, made.lo, made.hi) == (pytest.approx(2.5), 2.0, 4.0)


@pytest.mark.parametrize(("more", "told"), [(12, "c11$"), (13, "c11 and 1 more$")])
def test_long_tables_are_told_in_part(more: int, told: str) -> None:
    """Literal: twelve columns are all named, of thirteen one is counted."""
    table = pd.DataFrame({f"c{at}": [1] for at in range(more)})
    assert re.search(told, _shown_columns(table))


def test_least_totals_of_small_and_signed_amounts() -> None:
    """Literal: a total is no less than what was seen, small amounts and zeros too; a signed one has no least."""
    assert two_phase_difference([0.5, 0.2], [0.4, 0.3], x_first=[0.4, 0.3], population=9).floor == pytest.approx(
        0.7
    )
    for signed, least in ((0.0, 3.0), (-1.0, -math.inf)):
        y = [signed, 1.0, 2.0, 0.0]
        found = systematic_total(y, population=40, variance="simple-random")
        assert found.floor == (least if signed == 0 else -math.inf)
        assert hajek_total(simple_random(4, 40), y, population=40).floor == least


def test_interpreters_who_share_no_unit_tell_nothing_of_each_other() -> None:
    """By hand: first and second agree on two of two; the third shares two units with the first, one alike."""
    labels = np.array([[0, 0, -1], [1, 1, -1], [0, -1, 0], [1, -1, 0]])
    found = agreement(labels, 2)
    assert (found.n, found.observed) == (4, pytest.approx((2 * 1.0 + 2 * 0.5) / 4))


def test_one_stratum_drawn_beyond_its_size_is_refused() -> None:
    """Literal: of two strata one is said to hold fewer units than were drawn."""
    xy = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    named: dict[str, Any] = {"coordinates": xy, "inclusion": np.full(4, 0.5), "drawing": "spread"}
    assert LocalMeanDesign(**named, stratum=["a", "a", "b", "b"], population=[2, 2, 4, 4]).df > 0
    refused(
        LocalMeanDesign, **named, stratum=["a", "a", "b", "b"], population=[1, 1, 4, 4], told="sampling fraction"
    )


def test_changes_of_provinces_with_spread_are_the_sum_alone() -> None:
    """Law: where every province saw a change, the country's limits are those of the sum, and no wider."""
    units = np.array([0.0] * 30 + [4.0, 7.0, 1.0, 9.0, 2.0, 2.0, 5.0, 3.0, 6.0, 20.0])
    one, two = (total(simple_random(40, size), units) for size in (400, 900))
    country = national_change({"a": (one, 9000.0), "b": (two, 20_000.0)}, country=["a", "b"], level=0.95)
    alone = change_figure(sum_of_independent([one, two], method="m"), level=0.95, most=29_000.0)
    assert (country.lo, country.hi) == (alone.lo, alone.hi)
