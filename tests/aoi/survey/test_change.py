"""Change over panels and overlapping samples: enumeration, coherence of interval, p-value and verdict."""

from __future__ import annotations

import csv
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aoi.survey.change import Change, area_change, difference_of, total_change, verdict_of
from aoi.survey.change_interval import panel_bounds
from aoi.survey.design import StratifiedDesign
from aoi.survey.estimate import Estimate
from aoi.survey.estimator import count_totals
from geo.errors import InputError, QualityGateError
from tests.shared import oracle, oracle_path

EXACT = 1e-10
"""Relative: sums over all samples of a small population."""

RARE = StratifiedDesign.of_units(["map", "edge", "rest"], [9_434, 53_824, 936_742], unit_area_ha=1.0)
"""A country of a million hectares with one percent of crop."""


def one_stratum() -> StratifiedDesign:
    """Return eight units in one stratum."""
    return StratifiedDesign.of_units(["all"], [8], unit_area_ha=1.0)


def test_paired_enumeration() -> None:
    """Brute force: over all panels of four of eight units change is unbiased and its variance exact."""
    case = oracle("enumeration")["change"]
    y1, y2 = np.array(case["y1"]), np.array(case["y2"])
    found = [
        total_change(np.zeros(4, dtype=np.int64), y1[list(at)], y2[list(at)], one_stratum(), fpc=True)
        for at in combinations(range(8), 4)
    ]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(case["true_change"], rel=EXACT)
    assert values.var() == pytest.approx(case["paired"]["true_var"], rel=EXACT)
    mean_variance = np.mean([one.variance for one in found])
    assert mean_variance == pytest.approx(case["paired"]["E_v"], rel=EXACT)
    assert case["paired"]["E_v_if_covariance_ignored"] > 10 * mean_variance


def overlapping(common: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return all ordered pairs of samples of four of eight units with `common` shared units, NaN where unseen."""
    case = oracle("enumeration")["change"]
    y1, y2 = np.array(case["y1"]), np.array(case["y2"])
    pairs = []
    for first in combinations(range(8), 4):
        for second in combinations(range(8), 4):
            if len(set(first) & set(second)) == common:
                a, b = np.full(8, np.nan), np.full(8, np.nan)
                a[list(first)], b[list(second)] = y1[list(first)], y2[list(second)]
                seen = np.isfinite(a) | np.isfinite(b)
                pairs.append((a[seen], b[seen]))
    return pairs


def test_partly_overlapping_enumeration() -> None:
    """Brute force: over all pairs of samples that share three of four units change and variance are exact."""
    case = oracle("enumeration")["change"]["overlap_3_of_4"]
    found = [
        total_change(np.zeros(a.size, dtype=np.int64), a, b, one_stratum(), fpc=True) for a, b in overlapping(3)
    ]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(case["E"], rel=EXACT)
    assert values.var() == pytest.approx(case["true_var"], rel=EXACT)
    assert np.mean([one.variance for one in found]) == pytest.approx(case["E_v"], rel=EXACT)


def test_independent_enumeration() -> None:
    """Brute force: over all pairs of independent samples the variance is the sum of the years' variances."""
    case = oracle("enumeration")["change"]
    y1, y2 = np.array(case["y1"]), np.array(case["y2"])
    variances = []
    for first in combinations(range(8), 4):
        a = np.r_[y1[list(first)], np.full(4, np.nan)]
        for second in combinations(range(8), 4):
            b = np.r_[np.full(4, np.nan), y2[list(second)]]
            variances.append(total_change(np.zeros(8, dtype=np.int64), a, b, one_stratum(), fpc=True).variance)
    assert np.mean(variances) == pytest.approx(case["independent"]["E_v"], rel=EXACT)


def test_paired_change_of_schools() -> None:
    """Independent program: R survey's change of a stratified mean with the covariance of both years."""
    with oracle_path("survey_api/apistrat.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    sizes = {row["stype"]: int(row["fpc"]) for row in rows}
    design = StratifiedDesign.of_units(sorted(sizes), [sizes[name] for name in sorted(sizes)], unit_area_ha=1.0)
    stratum = design.code_of([row["stype"] for row in rows])
    early, late = (np.array([float(row[key]) for row in rows]) for key in ("api99", "api00"))
    found = total_change(stratum, early, late, design, fpc=True)
    expected = oracle("survey_api")["strat"]["change_api00_minus_api99_paired"]
    assert found.value / 6194 == pytest.approx(expected["est"], rel=1e-7)
    assert np.sqrt(found.variance) / 6194 == pytest.approx(expected["se"], rel=1e-7)


def panel(seed: int, shift: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a panel of the rare country in which some fields went and some came."""
    rng = np.random.default_rng(seed)
    stratum = np.repeat([0, 1, 2], [500, 1000, 4000])
    first = (rng.random(stratum.size) < np.array([0.82, 0.026, 0.001])[stratum]).astype(float)
    gone = rng.random(stratum.size) < shift
    came = rng.random(stratum.size) < np.array([0.05, 0.002, 0.0])[stratum]
    return stratum, first, np.where(first == 1, 1.0 - gone, came.astype(float))


def test_change_is_the_difference_of_the_years() -> None:
    """Law: the difference is later less earlier, and the covariance makes it surer than either year."""
    found = area_change(*panel(1), RARE)
    assert found.difference.value == pytest.approx(found.later.value - found.earlier.value, rel=1e-12)
    assert found.correlation > 0.5
    assert found.difference.se < found.earlier.se
    assert found.n_common == 5500


def test_swapping_years_mirrors_the_change() -> None:
    """Law: from the later to the earlier year the change, its limits and its verdict are reversed."""
    stratum, first, second = panel(2)
    there, back = area_change(stratum, first, second, RARE), area_change(stratum, second, first, RARE)
    assert back.difference.value == pytest.approx(-there.difference.value, rel=1e-12)
    assert back.difference.lo == pytest.approx(-there.difference.hi, rel=1e-9)
    assert back.p_value == pytest.approx(there.p_value, rel=1e-5)
    assert {there.verdict, back.verdict} == {"increase", "decrease"}


def coherent(found: Change) -> bool:
    """Say whether p-value, interval and verdict tell one story."""
    figure = found.difference
    outside = figure.lo > 0 or figure.hi < 0
    return (
        (found.p_value < 1 - figure.level) == outside
        and (found.verdict != "no significant change") == outside
        and 0 < found.p_value <= 1
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.02, 0.6),
    method=st.sampled_from(["default", "wald", "t", "mover-jeffreys", "mover-clopper", "gamma"]),
    overlap=st.sampled_from(["panel", "partial", "independent"]),
    level=st.sampled_from([0.8, 0.95, 0.99]),
)
def test_p_value_interval_and_verdict_agree(
    seed: int, share: float, method: str, overlap: str, level: float
) -> None:
    """Law: p is below 1 - level exactly when zero is outside the interval, whatever the method or overlap."""
    rng = np.random.default_rng(seed)
    design = StratifiedDesign.of_units(["a", "b"], [500, 900], unit_area_ha=1.0)
    stratum = np.repeat([0, 1], [40, 60])
    first = (rng.random(100) < share).astype(float)
    second = (rng.random(100) < share / 2).astype(float)
    if overlap == "partial":
        first[::5], second[1::5] = np.nan, np.nan
    if overlap == "independent":
        first[::2], second[1::2] = np.nan, np.nan
    found = area_change(stratum, first, second, design, method=method, level=level)
    assert coherent(found)


def test_p_value_of_wald_is_the_normal_one() -> None:
    """Published: for the Wald interval the inverted p-value is 2 (1 - Phi(|z|))."""
    found = area_change(*panel(3, shift=0.02), RARE, method="wald")
    z = found.difference.value / found.difference.se
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-5)


def test_no_unit_changed() -> None:
    """Law: a panel without a change has estimate 0 and p 1, and its interval is not empty."""
    stratum, first, _ = panel(4)
    found = area_change(stratum, first, first, RARE)
    assert found.difference.value == 0.0
    assert found.difference.se == 0.0
    assert found.difference.lo < 0 < found.difference.hi
    assert found.p_value == 1.0
    assert found.verdict == "no significant change"
    naive = area_change(stratum, first, first, RARE, method="wald")
    assert (naive.difference.lo, naive.difference.hi) == (0.0, 0.0)


def test_panel_against_independent_samples() -> None:
    """Law: the same units in both years are worth more than other units, and the program sees which it has."""
    stratum, first, second = panel(5)
    odd = np.arange(stratum.size) % 2 == 1
    apart = area_change(stratum, np.where(odd, np.nan, first), np.where(odd, second, np.nan), RARE)
    same = area_change(stratum, np.where(odd, np.nan, first), np.where(odd, np.nan, second), RARE)
    assert apart.correlation == 0.0
    assert apart.n_common == 0
    assert "independent" in apart.difference.method
    assert "panel" in same.difference.method
    assert same.difference.se < 0.6 * apart.difference.se


def test_a_census_of_both_years_is_exact() -> None:
    """Law: a frame wholly labelled twice has a change without error."""
    design = StratifiedDesign.of_units(["a"], [6], unit_area_ha=2.0)
    found = area_change(
        np.zeros(6, dtype=np.int64), np.array([1.0, 1, 0, 0, 0, 0]), np.array([1.0, 0, 0, 0, 0, 0]), design
    )
    assert (found.difference.value, found.difference.se) == (-2.0, 0.0)
    assert (found.difference.lo, found.difference.hi) == (-2.0, -2.0)
    assert found.verdict == "decrease"


def test_coverage_and_false_alarms_in_the_rare_country() -> None:
    """Brute force: over 2 000 panels without a net change the interval holds 0 where Wald's misses in 0.3."""
    rng = np.random.default_rng(8)
    counts, gain, loss = np.array([300, 300, 300]), np.array([100, 300, 600]), np.array([700, 200, 100])
    moved = np.stack(
        [
            rng.multivariate_hypergeometric([gain[h], loss[h], RARE.sizes[h] - gain[h] - loss[h]], 300, size=2_000)
            for h in range(3)
        ]
    ).astype(float)
    came, gone = moved[:, :, 0], moved[:, :, 1]
    limits = panel_bounds(came, gone, counts, RARE, fpc=True, method="default")[0](0.95)
    assert ((limits.lo <= 0) & (limits.hi >= 0)).mean() >= 0.95
    values, variances = (
        np.array(part)
        for part in zip(*(count_totals(part, counts, RARE, fpc=True) for part in (came, gone)), strict=True)
    )
    wald = 1.96 * np.sqrt(variances.sum(axis=0))
    assert (np.abs(values[0] - values[1]) > wald).mean() > 0.2


def test_one_panel_and_many_give_the_same_limits() -> None:
    """Law: the limits of a panel are those of its column among many."""
    stratum, first, second = panel(7)
    found = area_change(stratum, first, second, RARE)
    moved = np.stack([second > first, second < first, second > first], axis=1).astype(float)
    by_stratum = np.stack([moved[stratum == h].sum(axis=0) for h in range(3)])
    bounds, _ = panel_bounds(
        by_stratum[:, [0, 2]], by_stratum[:, [1, 1]], np.array([500, 1000, 4000]), RARE, fpc=True, method="default"
    )
    assert bounds(0.95).lo == pytest.approx([found.difference.lo] * 2, rel=1e-9)
    assert bounds(0.95).hi == pytest.approx([found.difference.hi] * 2, rel=1e-9)


def test_labels_must_be_zero_one_or_missing() -> None:
    """Law: another label stops, and so does a year in which a stratum was not labelled."""
    stratum, first, second = panel(6)
    with pytest.raises(InputError, match="values other than 0, 1 and missing"):
        area_change(stratum, first + 1, second, RARE)
    hidden = np.where(stratum == 2, np.nan, second)
    with pytest.raises(QualityGateError, match="'rest': found no sampled unit"):
        area_change(stratum, first, hidden, RARE)


def figure(value: float, half: float) -> Estimate:
    """Return a figure with a symmetric interval."""
    return Estimate(value=value, se=half / 1.959964, lo=value - half, hi=value + half, n=200, method="published")


def test_overlapping_intervals_can_differ_significantly() -> None:
    """Law: two intervals that overlap may belong to a significant change; the difference is what is tested."""
    found = difference_of(figure(100.0, 25.0), figure(140.0, 25.0))
    assert found.earlier.hi > found.later.lo
    assert found.verdict == "increase"
    assert coherent(found)


def test_difference_of_finished_figures() -> None:
    """Law: symmetric limits give the normal interval, and correlation narrows it."""
    loose, tight = (
        difference_of(figure(100.0, 20.0), figure(110.0, 20.0)),
        difference_of(figure(100.0, 20.0), figure(110.0, 20.0), correlation=0.9),
    )
    assert loose.difference.hi == pytest.approx(10 + 20 * np.sqrt(2), rel=1e-12)
    assert tight.difference.hi == pytest.approx(10 + 20 * np.sqrt(0.2), rel=1e-12)
    assert tight.difference.se == pytest.approx(20 / 1.959964 * np.sqrt(0.2), rel=1e-6)
    with pytest.raises(InputError, match="correlation"):
        difference_of(figure(1.0, 1.0), figure(2.0, 1.0), correlation=1.5)


@pytest.mark.parametrize(
    ("lo", "hi", "words"),
    [(1.0, 2.0, "increase"), (-2.0, -1.0, "decrease"), (-1.0, 1.0, "no significant change"), (0.0, 1.0, None)],
)
def test_verdicts(lo: float, hi: float, words: str | None) -> None:
    """Law: a limit at zero is no significant change."""
    assert verdict_of(lo, hi) == (words or "no significant change")
