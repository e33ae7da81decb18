"""Helpers of the estimators by hand: reported fields, guards and branches that few figures pass through."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aoi.survey.agricultural_mask import _checked
from aoi.survey.benchmark import benchmark
from aoi.survey.bootstrap_t import bootstrap_t_quantiles
from aoi.survey.calibration import _distance, _dummies
from aoi.survey.change import area_change, difference_of, total_change
from aoi.survey.change_interval import panel_bounds
from aoi.survey.cluster import simple_random, stratified_random
from aoi.survey.concentration import gini, lorenz_curve
from aoi.survey.conversion import Range
from aoi.survey.correction_terms import GapImputation, _aged, _residual_variance, _ring, gap_terms
from aoi.survey.coverage import coverage_of
from aoi.survey.design import StratifiedDesign
from aoi.survey.domain_pooled import SQUARED_VARIATION, _posterior, _with_limits_of, pooled_domain_areas
from aoi.survey.error_matrix import _cell_areas, error_matrix
from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.gamma_interval import Cumulants, Shifted, _cdf
from aoi.survey.harvest import harvested_area_ha
from aoi.survey.inclusion import proportional_inclusion
from aoi.survey.interpretation import agreement
from aoi.survey.interval import clopper_pearson, wilson
from aoi.survey.joint_inclusion import checked_inclusion
from aoi.survey.linearised import Linearised, mean, total
from aoi.survey.local_mean import LocalMeanDesign, systematic_total
from aoi.survey.multiple import benjamini_hochberg, holm
from aoi.survey.national import Province, national_total, sum_of_independent
from aoi.survey.opium_yield import area_weighted_yield, regional_yield
from aoi.survey.permanence import _current_run, coarsen
from aoi.survey.placed_population import placed_population
from aoi.survey.poisson_binomial import count_distribution, sums_without_one, tail_table
from aoi.survey.production import YieldFactor, _factor, _tonnes, illicit_production
from aoi.survey.propagation import Factor, product_delta
from aoi.survey.published import change_across_frames, percent_change
from aoi.survey.ratio import _seen_floor, _zero_floor, ratio, separate_ratio_total
from aoi.survey.reliability import judge_units, scarce_strata
from aoi.survey.series import decaying_covariance, pair_change, trend_of
from aoi.survey.small_area import fit_fay_herriot, predict_fay_herriot
from aoi.survey.smoothing import kalman_smoother, smooth
from aoi.survey.spatial_area import _log_likelihood, _State
from aoi.survey.spatial_balance import _reverse_hierarchical, draw_tessellation
from aoi.survey.stratified_interval import Strata, largest_unit_share
from aoi.survey.table_check import Labels, _legend, _strata_problems
from aoi.survey.unequal import UnequalDesign
from aoi.survey.unit_level import _profile, _Sample, fit_nested_error, predict_nested_error
from aoi.survey.weighted import WeightedSample, effective_sizes
from geo.errors import InputError, QualityGateError

NAN = float("nan")


def figure(value: float, half: float, **other: Any) -> Estimate:
    """Return a figure with limits at equal distance."""
    made = Estimate(value=value, se=half / 2, lo=value - half, hi=value + half, n=30, method="m")
    return replace(made, **other)


def one_stratum(size: int = 100, area_ha: float = 100.0) -> StratifiedDesign:
    """Return a frame of one stratum."""
    return StratifiedDesign(names=("a",), sizes=np.array([size]), areas_ha=np.array([area_ha]))


def test_growth_of_calibrated_weights_has_the_slope_told() -> None:
    """Brute force: the derivative is that of central differences; at 0 the weight stays, with slope 1."""
    at = np.array([-0.7, -0.2, 0.0, 0.3, 0.9])
    for bounds in ((0.5, 3.0), (0.2, 1.5)):
        slope = _distance(at, "logit", bounds)[1]
        up, down = (_distance(at + step, "logit", bounds)[0] for step in (1e-6, -1e-6))
        assert slope == pytest.approx((up - down) / 2e-6, rel=1e-6)
        assert [float(one[2]) for one in _distance(at, "logit", bounds)] == pytest.approx([1.0, 1.0])


def test_a_correlation_lies_within_one() -> None:
    """By hand: two common units of three tell a correlation of -4/3 or 4/3, which is -1 or 1."""
    stratum, y = np.zeros(4, dtype=np.int64), np.array([0.0, 10.0, 5.0, NAN])
    for other, wanted in (([10.0, 0.0, NAN, 5.0], -1.0), ([0.0, 10.0, NAN, 5.0], 1.0)):
        found = total_change(stratum, y, np.array(other), one_stratum(), fpc=False)
        assert found.correlation == wanted
    # one common unit has no covariance
    alone = total_change(stratum, y, np.array([10.0, NAN, NAN, 5.0]), one_stratum(), fpc=False)
    assert alone.correlation == 0.0


def test_lone_strata_take_the_mean_of_strata_that_were_drawn() -> None:
    """By hand: beside a stratum of two, a lone one doubles the variance, whether a third was seen whole or not."""
    labels, sizes = list("aabcc"), [10, 10, 10, 2, 2]
    y = np.array([1.0, 3.0, 7.0, 4.0, 9.0])
    design = stratified_random(labels, sizes, lonely="average")
    own = 10**2 * (1 - 0.2) / 2 * y[:2].var(ddof=1)
    assert total(design, y).variance == pytest.approx(2 * own)


def test_limits_of_benchmarked_figures_move_along() -> None:
    """By hand: limits move with the value and keep their distances, within nothing and the domain."""
    before = figure(10.0, 1.0, lo=8.0, hi=14.0)
    up = _with_limits_of(figure(12.0, 0.5), before, 100.0)
    assert (up.lo, up.hi) == (10.0, 16.0)
    down = _with_limits_of(figure(7.0, 0.5), before, 100.0)
    assert (down.lo, down.hi) == (5.0, 11.0)
    wide = _with_limits_of(figure(12.0, 9.0), before, 100.0)
    assert (wide.lo, wide.hi) == (3.0, 21.0)
    held = _with_limits_of(figure(12.0, 13.0), before, 15.0)
    assert (held.lo, held.hi) == (0.0, 15.0)


@pytest.mark.parametrize(("hits", "inside"), [((2, 1), (20, 30)), ((9, 0), (10, 10)), ((0, 0), (40, 60))])
def test_pooled_domains_are_beta_binomial(hits: tuple[int, int], inside: tuple[int, int]) -> None:
    """Independent program (scipy): mean and variance of unseen units under the beta of rate and strength."""
    found, seen = np.array([hits], dtype=float), np.array([inside], dtype=float)
    sizes = np.array([[500.0, 1500.0]])
    value, variance, limits = _posterior(found, seen, sizes, one_stratum(2000, 4000.0), 0.95)
    rate = (sum(hits) + 0.5) / (sum(inside) + 1)
    spread = rate**2 * (SQUARED_VARIATION + (1 + SQUARED_VARIATION) / (sum(hits) + 0.5))
    strength = max(rate * (1 - rate) / spread - 1, 0.5)
    for d in range(2):
        made = stats.beta(rate * strength + hits[d], (1 - rate) * strength + inside[d] - hits[d])
        unseen_ha = 2.0 * (sizes[0, d] - inside[d])
        assert value[d] == pytest.approx(2.0 * hits[d] + unseen_ha * made.mean())
        assert variance[d] == pytest.approx(unseen_ha**2 * made.var())
        skew = stats.pearson3(float(made.stats("s")), value[d], math.sqrt(variance[d]))
        assert (limits[0][d], limits[1][d]) == pytest.approx((skew.ppf(0.025), skew.ppf(0.975)), rel=1e-4)


def test_an_interval_holds_its_value_to_a_billionth() -> None:
    """Literal: a limit 1.5e-9 beyond a value of nothing is beyond it."""
    kept = Estimate(value=0.0, se=0.0, lo=0.9e-9, hi=1.0, n=3, method="m")
    assert kept.lo == 0.9e-9
    with pytest.raises(QualityGateError, match="hold its value"):
        Estimate(value=0.0, se=0.0, lo=1.5e-9, hi=1.0, n=3, method="m")


def test_shifted_gammas_of_either_sign() -> None:
    """Independent program (scipy): a gamma with a long lower tail is the mirror of one with a long upper tail."""
    mean, variance, skew = 10.0, 4.0, 0.8
    moments = Cumulants(*(np.array([one]) for one in (mean, variance, skew * variance**1.5)))
    mirror = moments._replace(third=-moments.third)
    right = stats.pearson3(skew, mean, math.sqrt(variance))
    for at in (4.0, 5.5, 7.0, 10.0, 13.0):
        assert float(_cdf(np.array([at]), Shifted.of(moments))[0]) == pytest.approx(right.cdf(at))
        assert float(_cdf(np.array([20.0 - at]), Shifted.of(mirror))[0]) == pytest.approx(right.sf(at))
    # a variance of 1e-15 of a mean of a million is none
    flat = Shifted.of(Cumulants(np.array([1e6]), np.array([1e-15]), np.array([0.0])))
    assert [_cdf(np.array([at]), flat).item() for at in (1e6 - 1, 1e6)] == [0.0, 1.0]


def test_coarse_cells_hold_what_lies_in_them() -> None:
    """Brute force: rows and columns that fill no whole cell are sums of what there is."""
    grid = np.arange(7.0 * 3).reshape(7, 3)
    found = coarsen(grid, 5)
    assert found.tolist() == [[grid[:5].sum()], [grid[5:].sum()]]


def test_runs_end_with_the_last_year_known() -> None:
    """Literal: a run is counted back from the last year; a year that was not seen ends it, the last one too."""
    present = np.array([[1, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=bool)
    known = np.ones((4, 4), dtype=bool)
    known[1, 1] = known[3, 3] = False
    assert _current_run(present, known).tolist() == [2, 2, 4, 0]


def test_halves_of_factors_below_one() -> None:
    """Literal: limits of a small factor have logarithms like those of a large one; from nothing it is endless."""
    assert Factor(0.4, 0.1, 0.2, 0.9).log_halves(0.95) == pytest.approx((math.log(2.0), math.log(2.25)))
    assert Factor(0.4, 0.1, 0.0, 0.9).log_halves(0.95)[0] == math.inf


def test_published_figures_round_half_up() -> None:
    """Literal: 149 and 250 are 100 and 300 in hundreds, from one to three; a base of nothing has no percentage."""
    assert float(percent_change(149, 250, rule="round_then_change", rounded_to=100)) == 200.0
    assert float(percent_change(0.5, 0.75)) == 50.0
    assert np.isnan(percent_change(0.0, 1.0))
    found = change_across_frames(figure(0.5, 0.1), figure(0.25, 0.1))
    assert found.percent == -50.0
    with pytest.raises(InputError, match="earlier figure"):
        change_across_frames(figure(0.0, 0.1), figure(0.25, 0.1))


def test_ratios_are_judged_in_the_unit_of_their_influence() -> None:
    """Law: reliability is that of the design for amounts and influences written out."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(1, 2, 40), np.where(rng.random(40) < 0.4, rng.uniform(1, 5, 40), 0.0)
    design = stratified_random(np.repeat(["a", "b"], 20), np.repeat([50, 5000], 20))
    known = {"a": 500.0, "b": 9000.0}
    codes = np.repeat([0, 1], 20)
    scale = np.array(list(known.values())) / np.bincount(codes, weights=design.weight * x)
    rates = np.bincount(codes, weights=design.weight * y) / np.bincount(codes, weights=design.weight * x)
    wanted = design.reliability(scale[codes] * y, scale[codes] * (y - rates[codes] * x))
    made = separate_ratio_total(design, y, x, stratum=np.repeat(["a", "b"], 20), x_totals=known)
    assert made.reliability == wanted
    whole = float(design.weight @ x)
    value = float(design.weight @ y) / whole
    assert ratio(design, y, x).reliability == design.reliability(y / whole, (y - value * x) / whole)


def test_floors_of_signed_and_light_samples() -> None:
    """Literal: what was seen bounds a total where each unit stands for one or more, nothing where it does not."""
    seen, none = np.array([0.0, 2.0, 1.0]), np.array([0.0, 2.0, -1.0])
    assert _seen_floor(simple_random(3, 30), seen) == 3.0
    assert _seen_floor(simple_random(3, 3), seen) == 3.0
    assert _seen_floor(simple_random(3, 30), none) == -math.inf
    assert total(simple_random(3, 3), seen).floor == 3.0


def test_units_of_strata_seen_nearly_whole_hide_little() -> None:
    """Literal: what a stratum of twenty can hide counts by the part that was not seen."""
    y = np.r_[np.ones(40), np.zeros(60), np.ones(2), np.zeros(18)]
    group = np.repeat([0, 1], [100, 20])
    none = np.zeros(120)
    nearly = np.r_[np.zeros(100), np.full(20, 0.9999)]
    weight = np.r_[np.ones(100), np.full(20, 10.0)]
    assert judge_units(weight * y, weight * y, weight, group=group, fraction=none).low_count
    assert not judge_units(weight * y, weight * y, weight, group=group, fraction=nearly).low_count


def test_a_variable_without_spread_has_no_skewness() -> None:
    """Literal: equal units have neither variance nor skewness; strata of two have no third moment."""
    y, group = np.ones(12), np.zeros(12, dtype=int)
    assert judge_units(y, y, y, group=group, fraction=np.zeros(12)).skewness == 0.0
    pairs = np.array([0.0, 1.0, 0.0, 3.0])
    found = judge_units(pairs, pairs, np.ones(4), group=np.array([0, 0, 1, 1]), fraction=np.zeros(4))
    assert found.skewness == 0.0
    three = np.array([0.0, 0.0, 3.0])
    skewed = judge_units(three, three, np.ones(3), group=np.zeros(3, dtype=int), fraction=np.zeros(3))
    assert skewed.skewness == pytest.approx(3**2 / 2 * np.sum((three - 1) ** 3) / (1.5 * 6) ** 1.5)


def test_a_typical_unit_is_where_a_typical_hectare_lies() -> None:
    """Literal: with 10 units of 10 and 90 of 0.1 ha the unit of a typical hectare has 9.18; half of it tells."""
    large, small = np.full(10, 10.0), np.full(90, 0.1)
    units = np.r_[large, small]
    codes = np.zeros(100, dtype=np.int64)
    typical = float((units**2).sum() / units.sum())
    assert typical == pytest.approx(9.18, abs=0.01)
    for influence, scarce in ((typical / 2 + 0.01, False), (typical / 2 - 0.01, True)):
        assert scarce_strata(np.full(100, influence), units, np.ones(100), codes=codes).tolist() == [scarce]


def test_series_without_error_and_from_little() -> None:
    """Literal: an error of nothing is one; figures of one hectare and less have logarithms too."""
    assert decaying_covariance([0.0, 2.0], 0.5).tolist() == [[0.0, 0.0], [0.0, 4.0]]
    found = pair_change([4.0, 0.5], [[0.04, 0.0], [0.0, 0.01]], 0, 1)
    assert found.se_log_ratio == pytest.approx(math.sqrt(0.04 / 16 + 0.01 / 0.25))
    coca = Quantity(crop="coca", kind="stock", reference="2020", frame="f", source="s")
    points = [(float(year), figure(10.0 + year, 2.0, quantity=coca)) for year in range(4)]
    points[0] = (0.0, replace(points[0][1], level=0.9))
    assert trend_of(points, correlation=0.0).level == 0.9
    for values, variances in (([1.0, NAN], [1.0, 1.0]), ([1.0, 2.0], [1.0, 0.0]), ([1.0, 2.0], [1.0, NAN])):
        with pytest.raises(InputError, match="series"):
            kalman_smoother(values, variances, step_variance=1.0)
    with pytest.raises(InputError, match="one rising time"):
        kalman_smoother([1.0, 2.0, 3.0], np.ones(3), step_variance=1.0, times=[0.0, 1.0, 1.0])
    small = kalman_smoother([0.2, 0.3], [0.5, 0.5], step_variance=0.1)
    large = kalman_smoother([200.0, 300.0], [5e5, 5e5], step_variance=1e5)
    assert large.value == pytest.approx(1000 * small.value)
    assert large.se == pytest.approx(1000 * small.se)


def test_certain_units_are_always_drawn_and_none_twice() -> None:
    """Law: each draw has as many units as the probabilities sum to, all different, the certain one among them."""
    for seed in range(20):
        drawn = draw_tessellation([[0, 0], [1, 0], [1, 1]], [0.5, 0.5, 1.0], rng=np.random.default_rng(seed))
        assert len(set(drawn.tolist())) == 2
        assert 2 in drawn.tolist()


def test_reversed_addresses_by_hand() -> None:
    """Literal: digits to the base of four, turned round: 16 by their last digit first; fewer are stretched."""
    assert _reverse_hierarchical(16).tolist() == [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]
    assert _reverse_hierarchical(4).tolist() == [0, 1, 2, 3]
    turned = [int(np.base_repr(k * 16 // 6, 4).zfill(2)[::-1], 4) for k in range(6)]
    assert _reverse_hierarchical(6).tolist() == np.argsort(turned, kind="stable").tolist()


def test_a_map_of_the_strata_has_their_legend() -> None:
    """Literal: with all its labels among the strata the legend is theirs, in order, however few rows agree."""
    stratum, mapped = Labels.of(pd.Series(["x", "x", "b", "b"])), Labels.of(pd.Series(["b", "b", "x", "x"]))
    assert _legend(stratum, mapped, ("x", "b")) == ("x", "b")
    assert _legend(stratum, mapped, ("x", "b", "z")) == ("x", "b", "z")
    other = Labels.of(pd.Series(["b", "a", "x", "a"]))
    assert _legend(stratum, other, ("x", "b")) == ("a", "b", "x")
    assert Labels.of(pd.Series(["b", None, "x", "b"])).codes.tolist() == [0, -1, 1, 0]


def areas_fit() -> Any:
    """Return a nested-error fit of five areas with four units each."""
    rng = np.random.default_rng(1)
    area = np.repeat(list("abcde"), 4)
    y = np.repeat(rng.normal(10, 3, 5), 4) + rng.normal(0, 1, 20)
    return fit_nested_error(y, np.ones((20, 1)), area)


def test_errors_of_areas_sampled_in_part() -> None:
    """Law: with f = n/N the error is (1 - f)^2 times that of an endless area, plus (1 - f) var e / N."""
    fit = areas_fit()
    endless, half = (predict_nested_error(fit, ["a"], [[1.0]], [size]).mse[0] for size in (1e15, 8.0))
    assert half == pytest.approx(0.25 * endless + 0.5 * fit.unit_variance / 8)
    lone = predict_nested_error(fit, ["z"], [[1.0]], [1e15])
    assert lone.mse[0] == pytest.approx(fit.area_variance + float(fit.beta_covariance[0, 0]))
    assert endless < lone.mse[0]


def test_as_many_areas_as_the_model_needs() -> None:
    """Literal: two areas of two units carry an intercept; three units in three areas carry none."""
    assert fit_nested_error([1.0, 2.0, 5.0, 6.5], np.ones((4, 1)), list("aabb")).n.tolist() == [2, 2]
    for y, area in (([1.0, 2.0, 4.0], "abc"), ([1.0, 2.0, 4.0], "aaa")):
        with pytest.raises(QualityGateError, match="nested-error"):
            fit_nested_error(y, np.ones((len(y), 1)), list(area))


@pytest.mark.parametrize("method", ["reml", "ml"])
def test_profiled_likelihood_is_that_of_the_normal(method: str) -> None:
    """Independent program (scipy): differences of the log likelihood between two ratios, variances profiled out."""
    rng = np.random.default_rng(4)
    member = np.repeat([0, 1, 2], [2, 3, 4])
    x = np.column_stack([np.ones(9), rng.normal(size=9)])
    y = rng.normal(size=9) + member
    sample = _Sample(y=y, x=x, member=member, n=np.bincount(member).astype(float))

    def literal(ratio_: float) -> float:
        v = np.eye(9) + ratio_ * (member[:, None] == member[None, :])
        inverse = np.linalg.inv(v)
        beta = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y)
        rss = float((y - x @ beta) @ inverse @ (y - x @ beta))
        freedom = 9 - 2 if method == "reml" else 9
        restricted = np.linalg.slogdet(x.T @ inverse @ x)[1] if method == "reml" else 0.0
        return -0.5 * float(freedom * np.log(rss) + np.linalg.slogdet(v)[1] + restricted)

    made = _profile(0.7, sample, method) - _profile(0.1, sample, method)
    assert made == pytest.approx(literal(0.7) - literal(0.1))


def test_effective_sizes_by_hand() -> None:
    """By hand: binomial over estimated variance, widened by Student's quantiles of units and of clusters."""
    sample = WeightedSample(
        design=one_stratum(1000, 50.0),
        stratum=np.zeros(40, dtype=np.int64),
        weight=np.ones(40),
        cluster=np.repeat(np.arange(8), 5),
    )
    share, variance = np.array([[0.3, 0.0, 1.0, 0.4]]), np.array([[40.0, 3.0, 3.0, 0.0]])
    found = effective_sizes(sample, share, variance, 0.95)
    widen = (stats.t.ppf(0.975, 39) / stats.t.ppf(0.975, 7)) ** 2
    assert found[0].tolist() == pytest.approx([2500 * 0.21 / 40 * widen, 8.0, 8.0, 8.0])


def test_shares_of_one_unit_by_hand() -> None:
    """By hand: of one hit in ten the hit has 0.81 of 0.9; strata without a hit or full of them have no spread."""
    one = Strata(areas_ha=np.array([5.0]), sizes=np.array([1e6]), counts=np.array([10.0]), fpc=False)
    assert largest_unit_share(np.array([[1.0]]), one)[0] == pytest.approx(0.81 / 0.9)
    two = Strata(areas_ha=np.array([5.0, 50.0]), sizes=np.full(2, 1e6), counts=np.full(2, 10.0), fpc=False)
    for other in (0.0, 10.0):
        assert largest_unit_share(np.array([[1.0], [other]]), two)[0] == pytest.approx(0.81 / 0.9)
    whole = Strata(areas_ha=np.array([5.0]), sizes=np.array([10.0]), counts=np.array([10.0]), fpc=False)
    assert whole.shrink.tolist() == [[0.0]]


def test_wilson_stays_within_a_share() -> None:
    """Literal: all of ten has an upper limit of one, none of ten a lower one of nothing."""
    found = wilson([10.0, 0.0], [10.0, 10.0])
    assert found.hi[0] == 1.0
    assert found.lo[1] == 0.0


def test_panels_by_hand() -> None:
    """By hand: gain and loss of one stratum have the covariance -(A s)^2 g l / (n^2 (n - 1)) over that of both."""
    design, counts = one_stratum(10**6, 100.0), np.array([20])
    gain, loss = np.array([[6.0]]), np.array([[4.0]])
    bounds, _ = panel_bounds(gain, loss, counts, design, fpc=False, method="wald")
    p, q = 0.3, 0.2
    rho = -p * q / math.sqrt(p * (1 - p) * q * (1 - q))
    z = stats.norm.ppf(0.975)
    a, b = (z * 100 * math.sqrt(s * (1 - s) / 19) for s in (p, q))
    half = math.sqrt(a**2 + b**2 - 2 * rho * a * b)
    found = bounds(0.95)
    assert (found.lo[0], found.hi[0]) == pytest.approx((10 - half, 10 + half))
    # without any loss the two are not correlated: the gain's own half, and what can have been lost
    alone, _ = panel_bounds(gain, 0 * loss, counts, design, fpc=False, method="clopper")
    up, down = (clopper_pearson([one], [20]) for one in (6.0, 0.0))
    told = alone(0.95)
    assert told.lo[0] == pytest.approx(30 - 100 * math.hypot(0.3 - up.lo[0], down.hi[0]))
    assert told.hi[0] == pytest.approx(100 * up.hi[0])


def test_tables_of_tails_have_the_size_asked_for() -> None:
    """Literal: a row for each event and one for none of them, a column for each count to the largest."""
    assert tail_table(np.array([0.1, 0.6]), 3).shape == (3, 4)
    p = np.array([0.2, 0.7, 0.9, 0.4])
    made = sums_without_one(p, np.eye(4))
    for event in range(4):
        assert made[:, event] == pytest.approx(count_distribution(np.delete(p, event)))


def test_provinces_that_saw_nothing_raise_the_upper_limit() -> None:
    """By hand: what each province can have missed adds in squares to the country's value."""
    rng = np.random.default_rng(2)
    y = np.where(rng.random(60) < 0.5, rng.gamma(2.0, 10.0, 60), 0.0)
    seen = Province(name="a", coverage="sampled", frame_ha=6e4, figure=total(simple_random(60, 600), y))
    none = Province(name="b", coverage="sampled", frame_ha=9e4, figure=total(simple_random(40, 4000), np.zeros(40)))
    both = national_total([seen, none], country=["a", "b"])
    own = [one.figure.estimate(level=0.95, ceiling=one.frame_ha) for one in (seen, none)]
    reach = math.hypot(*(one.hi - one.value for one in own))
    assert own[1].hi > 1000
    assert both.hi == pytest.approx(both.value + reach)


def test_yields_of_nothing_and_of_few_fields() -> None:
    """Literal: a yield of nothing has no relative error; one region is its own mean, never below nothing."""
    few = YieldFactor(
        crop="coca", region="r", product="leaf", value=0.0, vintage="2020", source="s", se=10.0, df=4
    )  # fmt: skip
    assert _tonnes(few, 0.95) == Factor(0.0, 0.01)
    assert _factor(figure(5.0, 8.0)) == Factor(5.0, 4.0, 0.0, 13.0)
    assert _factor(figure(5.0, 3.0)).lo == 2.0
    south = regional_yield([1.0, 9.0], region="south", level=0.9)
    found = area_weighted_yield([300.0], [south])
    assert (found.value, found.level, found.lo) == (5.0, 0.9, 0.0)


def test_guards_of_rings_dates_and_lots() -> None:
    """Law: one missing, negative or impossible value among good ones is refused; values on the border are not."""
    for gap in ((3.0, 2.0), (-1.0, 2.0), (1.0, math.inf)):
        with pytest.raises(InputError, match="gap"):
            _ring([1.0, 2.0], [1.0, 2.0], *gap)
    assert _ring([1.0, 0.0], [0.0, 2.0], 2.0, 2.0)[0].tolist() == [1.0, 0.0]
    assert _ring([1.0], [1.0], 0.0, 0.0)[1].tolist() == [1.0]
    day = "2020-01-01"
    for areas, days in (([1.0, -1.0], [day, day]), ([1.0, NAN], [day, day]), ([1.0, 1.0], [day, "NaT"])):
        with pytest.raises(InputError, match="image dates"):
            _aged(areas, days, date(2020, 2, 1))
    assert _aged([0.0], [day], date(2020, 2, 1))[1].tolist() == [31]
    empty_before = _residual_variance(np.array([1.0, 1.0, 0.0]), np.array([0.5, -0.5, 2.0]))
    assert empty_before == pytest.approx(4.5 / 2 * 3 / 2)
    assert _residual_variance(np.array([1.0, 1.0, 0.0]), np.array([0.5, -0.5, 0.0])) == 0.5
    year = (date(2020, 1, 1), date(2021, 1, 1))
    for wrong in (-1.0, NAN):
        with pytest.raises(InputError, match="no area"):
            harvested_area_ha([1.0, wrong], [None, None], [None, None], year=year, months_to_first_harvest=0.0)
    assert harvested_area_ha([0.5, 0.0], [None, None], [None, None], year=year, months_to_first_harvest=0.0) == 0.5


def test_codes_at_the_ends_of_a_legend() -> None:
    """Literal: the last code is one, the next is none, nor is one below nothing."""
    w = np.ones(2)
    assert _cell_areas(np.array([0, 1]), np.array([1, 1]), w, "ab").tolist() == [[0.0, 1.0], [0.0, 1.0]]
    for codes in ([0, 2], [-1, 1]):
        with pytest.raises(InputError, match="one per class"):
            _cell_areas(np.array(codes), np.array([0, 1]), w, "ab")
        with pytest.raises(InputError, match="one per class"):
            _cell_areas(np.array([0, 1]), np.array(codes), w, "ab")


def test_adjusted_chances_are_no_more_than_one() -> None:
    """Literal: by hand, and never above one."""
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]
    assert benjamini_hochberg([0.9, 1.0]).tolist() == [1.0, 1.0]
    assert benjamini_hochberg([0.01, 0.02, 0.5]) == pytest.approx([0.03, 0.03, 0.5])


def test_a_figure_of_nothing_may_be_moved_to_make_a_sum() -> None:
    """Literal: areas that are told as below nothing may stay so; where none is, none becomes so."""
    parts = [figure(0.0, 2.0), figure(10.0, 2.0)]
    with pytest.raises(QualityGateError, match="below zero"):
        benchmark(parts, np.ones(2), figure(4.0, 1.0))
    signed = [figure(-1.0, 2.0), figure(10.0, 2.0)]
    assert sum(one.value for one in benchmark(signed, np.ones(2), figure(4.0, 1.0))) == pytest.approx(4.0)


def test_likelihood_of_neighbours_is_that_of_the_normal() -> None:
    """Independent program (scipy): the density of the areas under mean and covariance of the state."""
    rng = np.random.default_rng(5)
    x, y = np.ones((4, 1)), rng.normal(size=4)
    root = rng.normal(size=(4, 4))
    covariance = root @ root.T + np.eye(4)
    state = _State.__new__(_State)
    for name, value in (("inverse", np.linalg.inv(covariance)), ("beta", np.array([0.3]))):
        object.__setattr__(state, name, value)
    wanted = stats.multivariate_normal(np.full(4, 0.3), covariance).logpdf(y)
    assert _log_likelihood(state, y, x) == pytest.approx(wanted)


def test_neighbours_are_judged_by_their_distance() -> None:
    """Law: reliability of a spread sample is that of units' expanded distances from their neighbourhood's mean."""
    rng = np.random.default_rng(6)
    xy, pi = rng.uniform(0, 100, (30, 2)), rng.uniform(0.05, 0.3, 30)
    y = np.where(rng.random(30) < 0.5, rng.gamma(2.0, 3.0, 30), 0.0)
    design = LocalMeanDesign(coordinates=xy, inclusion=pi, drawing="spread", population=None)
    z = y / pi
    near = z - design.smoother @ z
    group = np.zeros(30, dtype=np.int64)
    assert design.reliability(y, y) == judge_units(near, z, design.weight, group=group, fraction=np.zeros(30))


def test_a_sample_of_one_kind_is_no_floor_below_its_sum() -> None:
    """Literal: a total of amounts is at least what was seen of them."""
    made = total(simple_random(3, 30), [0.0, 0.2, 0.3])
    assert isinstance(made, Linearised)
    assert made.floor == pytest.approx(0.5)


def test_changes_on_students_quantile_take_the_fewer_degrees_of_freedom() -> None:
    """By hand: four units in one year and forty in the other, two of them in both, on three degrees of freedom."""
    rng = np.random.default_rng(7)
    first, second = np.full(42, NAN), np.full(42, NAN)
    first[:4], second[2:] = [0, 1, 1, 0], rng.integers(0, 2, 40)
    found = area_change(np.zeros(42, dtype=np.int64), first, second, one_stratum(1000), method="t")
    half = stats.t.ppf(0.975, 3) * found.difference.se
    assert (found.difference.lo, found.difference.hi) == pytest.approx(
        (found.difference.value - half, found.difference.value + half)
    )


def test_a_census_is_always_covered() -> None:
    """Law: where every unit is drawn the limits are the truth, which lies within them, and have no width."""
    rng = np.random.default_rng(1)
    found = coverage_of(np.array([0.3]), np.array([20]), one_stratum(20, 7.0), rng, draws=3)
    assert found == (pytest.approx(2.1), 1.0, 0.0, 0.0, pytest.approx(0.0, abs=1e-12))


def test_what_is_told_of_gaps() -> None:
    """Literal: both bounds of a gap are told, and are not applied."""
    rows = gap_terms("d", 10.0, GapImputation(ratio=0.5, imputed_ha=2.0, se_ha=0.3, gap_area_ha=8.0))
    told = [(row.value_ha, row.se_ha, row.parameter_value, row.applied) for row in rows]
    assert told == [(2.0, 0.3, 0.5, True), (0.0, 0.0, 0.0, False), (8.0, 0.0, 1.0, False)]


def test_borders_of_sizes_masks_and_totals() -> None:
    """Literal: what a rule names as its limit is within it."""
    assert (Range(5.0, 5.0) - Range(5.0, 5.0)).low == 0.0
    million = StratifiedDesign(names=("a",), sizes=np.array([1e6 + 1e-5]), areas_ha=np.array([1.0]))
    assert million.sizes[0] == pytest.approx(1e6)
    crop, mask = _checked([0.0, 1.0], [0.0, 2.0])
    assert (crop.tolist(), mask.tolist()) == ([0.0, 1.0], [0.0, 2.0])
    for wrong in (([0.0, 1.0], [0.0, -2.0]), ([0.0, -1.0], [0.0, 2.0]), ([0.0, 3.0], [0.0, 2.0])):
        with pytest.raises(InputError, match="cells"):
            _checked(*wrong)
    names = Labels.of(pd.Series(["a", "b"]))
    assert _strata_problems(pd.DataFrame({"stratum": ["a", "b"], "size": [1, 2]}), names) == []
    for size in (0, 1.5, -1, 2.0**53 + 2, "x"):
        (problem,) = _strata_problems(pd.DataFrame({"stratum": ["a", "b"], "size": [1, size]}), names)
        assert "column 'size'" in problem.where
    assert mean(simple_random(3, 3), [2.0, 4.0, 9.0], domain=[True, False, False]).value == 2.0
    assert total(simple_random(3, 4), [1.0, 0.0, 2.0]).floor == 3.0
    assert total(simple_random(3, 4), [1.0, 0.0, -2.0]).floor == -math.inf
    found = agreement(np.array([[0, 0], [0, 1], [2, 2]]), 4)
    assert found.by_class[:3] == pytest.approx([2 / 3, 0.0, 1.0])
    assert np.isnan(found.by_class[3])


def test_quantiles_of_replicates_have_no_unit() -> None:
    """Law: a bootstrap of hectares is that of square kilometres, drawn from the same seed."""
    y = np.random.default_rng(8).gamma(2.0, 3.0, 25)
    one, two = (
        bootstrap_t_quantiles(simple_random(25, 500), scale * y, rng=np.random.default_rng(1))
        for scale in (1.0, 1e-7)
    )
    assert two == pytest.approx(one)


def test_weights_on_their_bounds_do_not_grow() -> None:
    """Literal: at the bounds the weight has no slope, between them 1; a cell without rows must have no total."""
    growth, slope = _distance(np.array([-0.5, 2.0, 0.0]), "linear", (0.5, 3.0))
    assert growth.tolist() == [0.5, 3.0, 1.0]
    assert slope.tolist() == [0.0, 0.0, 1.0]
    with pytest.raises(QualityGateError, match="no sampled row"):
        _dummies("unit", ["a", "a"], {"a": 3.0, "b": 0.5})
    columns, known = _dummies("unit", ["a", "c"], {"a": 3.0, "b": 0.0, "c": 0.25})
    assert columns.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert known.tolist() == [3.0, 0.25]


def test_correlation_of_two_years_is_that_of_their_units() -> None:
    """Independent program (numpy): in a panel of one stratum the correlation is that of the values."""
    rng = np.random.default_rng(9)
    y = rng.gamma(2.0, 3.0, 30)
    z = 5 * y + rng.normal(0, 20, 30)
    found = total_change(np.zeros(30, dtype=np.int64), y, z, one_stratum(), fpc=True)
    assert found.correlation == pytest.approx(np.corrcoef(y, z)[0, 1])
    assert found.variance == pytest.approx(100**2 * (1 - 0.3) / 30 * np.var(z - y, ddof=1))


@pytest.mark.parametrize("value", [3.0, -3.0])
def test_chances_of_differences_are_those_of_the_normal(value: float) -> None:
    """Independent program (scipy): even limits give the normal's two-sided chance, for a loss as for a gain."""
    found = difference_of(figure(10.0, 3.0), figure(10.0 + value, 4.0))
    z = 3.0 / (5.0 / stats.norm.ppf(0.975))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(z), rel=1e-5)


def test_pooled_limits_and_guards() -> None:
    """Law: the lower limit is the least of the model's and the direct one; no domain has more than it is."""
    stratum, domain = np.zeros(60, dtype=np.int64), np.repeat([0, 1], 30)
    member = np.r_[np.ones(8), np.zeros(22), np.ones(9), np.zeros(21)]
    sizes = np.array([[400.0, 600.0]])
    design = one_stratum(1000, 1000.0)
    made = pooled_domain_areas(stratum, member, domain, design, domain_sizes=sizes)
    found, seen = np.array([[8.0, 9.0]]), np.array([[30.0, 30.0]])
    value, variance, (lo, hi) = _posterior(found, seen, sizes, design, 0.95)
    for d, one in enumerate(made):
        assert (one.value, one.se) == pytest.approx((value[d], math.sqrt(variance[d])))
        assert found[0, d] <= one.lo <= max(lo[d], found[0, d])
        assert one.hi == pytest.approx(hi[d])
        assert one.lo < 0.8 * one.value
    with pytest.raises(InputError, match="domain sizes"):
        pooled_domain_areas(stratum, member, domain, design, domain_sizes=np.array([[29.0, 971.0]]))


def test_counts_behind_accuracies() -> None:
    """Literal: seven units behind the whole, and behind each row and column those in it."""
    mapped, reference = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0, 1])
    made = error_matrix(np.zeros(7, dtype=np.int64), mapped, reference, one_stratum(70), ("a", "b"))
    assert made.overall.n == 7
    assert [one.n for one in made.users] == [3, 4]
    assert [one.n for one in made.producers] == [3, 4]


def test_probabilities_out_of_order_are_named() -> None:
    """Literal: the rows that are no probability are told, of a table of them its shape."""
    with pytest.raises(InputError, match=r"shape \(3,\), 2 units outside \(0, 1\] \(first \[0, 2\]\)"):
        checked_inclusion([0.0, 0.5, 1.5], "systematic")
    with pytest.raises(InputError, match=r"shape \(1, 2\), 0 units"):
        checked_inclusion([[0.5, 0.5]], "systematic")
    assert checked_inclusion([1.0, 1.0], "systematic").tolist() == [1.0, 1.0]


def test_yields_of_few_fields_by_hand() -> None:
    """By hand: Student's quantile of four degrees of freedom times the spread of the logarithm, on either side."""
    made = _tonnes(
        YieldFactor(
            crop="coca", region="r", product="leaf", value=1000.0, vintage="2020", source="s", se=200.0, df=4
        ),
        0.95,
    )
    half = stats.t.ppf(0.975, 4) * math.sqrt(math.log(1.04))
    assert (made.value, made.se) == (1.0, 0.2)
    assert (made.lo, made.hi) == pytest.approx((math.exp(-half), math.exp(half)))


def test_pairs_beside_larger_strata() -> None:
    """By hand: a pair of 0 and 4 has the variance 16, three of 0, 0 and 3 have 9 and the third moment 27."""
    y = np.array([0.0, 4.0, 0.0, 0.0, 3.0])
    found = judge_units(y, y, np.ones(5), group=np.array([0, 0, 1, 1, 1]), fraction=np.zeros(5))
    assert found.skewness == pytest.approx(27 / 25**1.5)


def test_units_are_judged_in_the_unit_of_their_influence() -> None:
    """Law: a draw with unequal probabilities is judged by amounts and influences, each over its probability."""
    rng = np.random.default_rng(10)
    pi = rng.uniform(0.1, 0.4, 60)
    y = np.where(rng.random(60) < 0.5, 40 * pi, 0.0)
    design = UnequalDesign(inclusion=pi, variance="poisson")
    z = y / pi
    plain = judge_units(z, z, design.weight, group=np.zeros(60, dtype=np.int64), fraction=pi)
    found = design.reliability(y, y)
    assert (found.low_count, found.skewness) == (plain.low_count, plain.skewness)
    assert not found.low_count


def test_missing_covariates_of_areas_that_were_not_sampled() -> None:
    """Law: one missing covariate among known ones is refused."""
    fit = fit_fay_herriot([1.0, 2.0, 4.0, 3.0], np.full(4, 0.1), np.column_stack([np.ones(4), np.arange(4.0)]))
    assert predict_fay_herriot(fit, unsampled=[[1.0, 2.0]]).value.size == 5
    with pytest.raises(InputError, match="unsampled"):
        predict_fay_herriot(fit, unsampled=[[1.0, NAN]])


def test_a_smoothed_series_is_not_raised() -> None:
    """Literal: levels below one hectare stay; none lies below nothing."""
    coca = Quantity(crop="coca", kind="stock", reference="2020", frame="f", source="s")
    points = [(float(year), figure(0.25, 0.1, quantity=coca)) for year in range(3)]
    made = smooth(points, np.eye(3) * 0.0025, step_variance=0.01)
    assert [one.value for one in made] == pytest.approx([0.25] * 3)


@pytest.mark.parametrize("wrong", [-1.0, NAN, math.inf])
def test_one_bad_yield_or_area_among_good_ones_is_refused(wrong: float) -> None:
    """Law: what no single value may be, none of many may be."""
    fine = regional_yield([1.0, 9.0], region="south")
    for call in (
        lambda: regional_yield([1.0, wrong], region="south"),
        lambda: area_weighted_yield([1.0, wrong], [fine, fine]),
        lambda: decaying_covariance([1.0, wrong], 0.5),
        lambda: benchmark([figure(1.0, 0.5), figure(2.0, 0.5)], np.array([1.0, wrong]), figure(4.0, 1.0)),
    ):
        with pytest.raises((InputError, QualityGateError)):
            call()


CONSTANTS: dict[str, dict[str, float]] = {
    "allocation": {"MINIMUM_UNITS": 2},
    "change_interval": {"LEAST_P": 1e-12},
    "correction_terms": {"_DAYS_PER_YEAR": 365.0},
    "coverage": {"DRAWS": 4000, "RESAMPLES": 400},
    "design": {"FRAME_TOLERANCE": 1e-6},
    "domain": {"MIN_DOMAIN_UNITS": 30},
    "domain_pooled": {"SQUARED_VARIATION": 3.0},
    "harvest": {"_DAYS_PER_MONTH": 30.4375},
    "linearised": {"LOWER_SHARE": 0.5},
    "nearest_pair": {"NEIGHBOURS": 2},
    "neighbourhood": {"NEIGHBOURS": 4},
    "placed_population": {"PLACES": 100, "DONORS": 3, "SPREAD_SIDE": 0.62},
    "reliability": {"MIN_POSITIVE_UNITS": 10, "MAX_UNIT_SHARE": 0.25, "TELLING": 0.5},
    "resampled_coverage": {"RESAMPLES": 400, "FEWEST": 2},
    "stratified_interval": {"FEW_UNITS": 10, "MATERIAL_SHARE": 0.25, "FEW_STRATA": 4},
    "table": {"NEGLIGIBLE_FRACTION": 0.05},
    "table_check": {"SAME_SHARE": 0.95, "MOST": 9007199254740992.0, "EARTH_HA": 5.1e10, "LISTED": 12},
    "weighted": {"MIN_POSITIVE_CLUSTERS": 10},
}
"""Numbers that a figure, its flag or its interval depends on, by module."""


@pytest.mark.parametrize("module", CONSTANTS)
def test_numbers_that_figures_depend_on_change_by_decision_alone(module: str) -> None:
    """Literal: who changes one of them changes figures that are out, and tells so."""
    found = import_module(f"aoi.survey.{module}")
    assert {name: getattr(found, name) for name in CONSTANTS[module]} == CONSTANTS[module]


@pytest.mark.parametrize("wrong", [-1.0, NAN])
def test_one_bad_cell_or_size_among_good_ones_is_refused(wrong: float) -> None:
    """Law: what no single value may be, none of many may be."""
    for call in (
        lambda: lorenz_curve([1.0, wrong]),
        lambda: gini([1.0, wrong]),
        lambda: proportional_inclusion([1.0, wrong, 2.0], 1, size_floor=0.0),
        lambda: LocalMeanDesign(
            coordinates=np.eye(3)[:, :2], inclusion=np.array([0.5, wrong, 0.5]), drawing="spread", population=None
        ),
        lambda: _dummies("unit", ["a", "c"], {"a": 3.0, "b": 0.5}),
    ):
        with pytest.raises((InputError, QualityGateError)):
            call()


def test_ends_of_correlation_and_of_what_the_law_allows() -> None:
    """Literal: full correlation either way is one; a licit area of nothing and one of all there is are allowed."""
    one = Factor(10.0, 1.0)
    for correlation in (-1.0, 1.0):
        assert product_delta(one, one, correlation=correlation).value == 100.0
    for correlation in (-1.01, 1.01):
        with pytest.raises(InputError, match="orrelation"):
            product_delta(one, one, correlation=correlation)
    leaf = Quantity(crop="coca", kind="harvestable", reference="2003", unit="t sun-dried leaf")
    whole = Estimate(value=0.5, se=0.0, lo=0.5, hi=0.5, n=0, method="m").of(leaf)
    assert illicit_production(whole, whole).value == 0.0
    with pytest.raises(QualityGateError, match="licit"):
        illicit_production(whole, replace(whole, value=0.6, hi=0.6))


def test_ratios_and_figures_without_spread() -> None:
    """Literal: amounts of nothing bound a ratio by nothing; sums of what has no variance have no skewness."""
    assert _zero_floor(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0.0
    for y, x in (([0.0, -1.0], [1.0, 1.0]), ([0.0, 1.0], [1.0, -1.0])):
        assert _zero_floor(np.array(y), np.array(x)) == -math.inf
    flat = total(simple_random(12, 120), np.ones(12))
    both = sum_of_independent([flat, flat], method="m")
    assert (both.variance, both.reliability.skewness) == (0.0, 0.0)
    lone = stratified_random(list("aab"), [10, 10, 10], lonely="certainty")
    assert lone.levels[0].scale.tolist() == pytest.approx([1.6, 0.0])


def test_systematic_samples_are_judged_by_their_fraction() -> None:
    """Law: as a simple random sample of as many units of the frame."""
    y = np.random.default_rng(11).gamma(0.5, 3.0, 20)
    made = systematic_total(y, population=25, variance="simple-random")
    ones, none = np.ones(20), np.zeros(20, dtype=np.int64)
    assert made.reliability == judge_units(y, y, ones, group=none, fraction=np.full(20, 0.8))


def test_a_stratum_without_crop_hides_none_in_a_placed_population() -> None:
    """Literal: where no unit has crop there is none to be placed, in the pessimistic case too."""
    xy = np.column_stack([np.arange(20.0) % 5, np.arange(20.0) // 5])
    rng = np.random.default_rng(12)
    for y in (np.zeros(20), np.ones(20)):
        made = placed_population(
            xy, y, np.zeros(20, dtype=np.int64), drawing="spread", scenario="pessimistic", level=0.95, rng=rng
        )
        assert set(y[made.donor].ravel().tolist()) == {y[0]}
        assert made.donor.shape == (20, 100)
