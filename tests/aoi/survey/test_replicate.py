"""Bootstrap and jackknife against R, and against the variance they stand for."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest

from aoi.survey.bootstrap_t import bootstrap_t_quantiles
from aoi.survey.cluster import ClusterDesign, Stage, simple_random, stratified_random
from aoi.survey.linearised import total
from aoi.survey.ratio import ratio
from aoi.survey.replicate import bootstrap, bootstrap_totals, jackknife, resample_counts
from geo.errors import InputError, QualityGateError
from tests.aoi.survey import api_data
from tests.shared import oracle

EXACT = 1e-10
"""Tolerance of the survey oracle."""


def first(totals):
    """Return the first total."""
    return totals[..., 0]


def quotient(totals):
    """Return the first total over the second."""
    return totals[..., 0] / totals[..., 1]


def test_jackknife_of_clusters() -> None:
    """Independent program: R JK1 replicates of a total, a ratio and a mean, with the correction."""
    data, expected = api_data.frame("apiclus1"), oracle("survey_api")["replicate"]
    design = api_data.clus1(data)
    found = {
        "jk1_clus1_total_enroll": jackknife(design, data["enroll"], statistic=first),
        "jk1_clus1_ratio": jackknife(design, data[["api.stu", "enroll"]], statistic=quotient),
        "jk1_clus1_mean_api00": jackknife(design, data.assign(one=1.0)[["api00", "one"]], statistic=quotient),
    }
    for name, one in found.items():
        assert (one.value, one.se) == pytest.approx((expected[name]["est"], expected[name]["se"]), rel=EXACT)
        assert one.method == "jackknife JK1"


def test_jackknife_of_strata() -> None:
    """Independent program: R JKn replicates of a total and a ratio."""
    data, expected = api_data.frame("apistrat"), oracle("survey_api")["replicate"]
    design = api_data.strat(data, fpc=False)
    amount = jackknife(design, data["enroll"], statistic=first)
    rate = jackknife(design, data[["api.stu", "enroll"]], statistic=quotient)
    assert amount.se == pytest.approx(expected["jkn_strat_total"]["se"], rel=EXACT)
    assert rate.se == pytest.approx(expected["jkn_strat_ratio"]["se"], rel=EXACT)
    assert rate.se != pytest.approx(ratio(design, data["api.stu"], data["enroll"]).se, rel=1e-4)


def test_jackknife_of_a_total_is_linearised() -> None:
    """Law: for a total with correction by stratum, replicates and linearisation are one."""
    data = api_data.frame("apistrat")
    design = api_data.strat(data)
    found = jackknife(design, data["enroll"], statistic=first)
    assert found.variance == pytest.approx(total(design, data["enroll"]).variance, rel=EXACT)


def test_jackknife_does_not_see_later_stages() -> None:
    """Law: with a correction at the first of two stages it is refused, without one it is the ultimate cluster."""
    data = api_data.frame("apiclus2")
    with pytest.raises(QualityGateError, match="use bootstrap"):
        jackknife(api_data.clus2(data), data["api.stu"], statistic=first)
    ultimate = api_data.clus2(data, with_replacement=True)
    found = jackknife(ultimate, data["api.stu"], statistic=first)
    assert found.variance == pytest.approx(total(ultimate, data["api.stu"]).variance, rel=EXACT)


def test_every_bootstrap_sample_of_one_stratum() -> None:
    """Brute force: over all 64 resamples of four units the variance is the linearised one, exactly."""
    design, y = simple_random(4, 10), np.array([1.0, 4.0, 4.0, 9.0])
    t, moving = design.weight * y, np.sqrt(1 - 4 / 10)
    replicates = []
    for draw in product(range(4), repeat=3):
        counts = np.bincount(draw, minlength=4)
        replicates.append(moving * ((counts * 4 / 3 - 1) * t).sum())
    assert np.mean(replicates) == pytest.approx(0.0, abs=1e-12)
    assert np.mean(np.square(replicates)) == pytest.approx(total(design, y).variance, rel=1e-12)
    # The program's own replicates take no other values than these
    found = bootstrap_totals(design, y, replicates=400, rng=np.random.default_rng(1))[:, 0] - t.sum()
    assert np.isin(found.round(9), np.round(replicates, 9)).all()
    assert found.mean() == pytest.approx(0.0, abs=4.5 * np.sqrt(total(design, y).variance / 400))


@pytest.mark.parametrize("name", ["strat", "clus2"])
def test_bootstrap_of_designs_with_corrections(name: str) -> None:
    """Brute force: many replicates come to the linearised variance, of strata and of two stages (4.5 sd)."""
    data = api_data.frame("apistrat" if name == "strat" else "apiclus2")
    design = api_data.strat(data) if name == "strat" else api_data.clus2(data)
    y = data["api.stu"].to_numpy(float)
    found = bootstrap(design, y, statistic=first, replicates=8000, rng=np.random.default_rng(3))
    spread = found.replicates - found.replicates.mean()
    noise = np.sqrt(((spread**2).var()) / 8000)
    assert abs(found.variance - total(design, y).variance) < 4.5 * noise


def test_bootstrap_without_the_second_stage_is_too_small() -> None:
    """Negative control: leaving out the second stage of a design with a large first fraction is seen."""
    unit, y = np.repeat(np.arange(8), 2), np.tile([0.0, 10.0], 8)
    stages = [Stage(unit=unit, population=10), Stage(unit=np.arange(16), population=20)]
    both = ClusterDesign(weight=np.full(16, 12.5), stages=stages)
    one = ClusterDesign(weight=np.full(16, 12.5), stages=stages[:1])
    rng = np.random.default_rng(4)
    assert bootstrap(one, y, statistic=first, replicates=200, rng=rng).variance == pytest.approx(0.0, abs=1e-9)
    found = bootstrap(both, y, statistic=first, replicates=4000, rng=rng)
    assert found.variance == pytest.approx(total(both, y).variance, rel=0.12)


def test_bootstrap_of_a_ratio() -> None:
    """Law: close to the linearised standard error where the sample is large."""
    data = api_data.frame("apistrat")
    design = api_data.strat(data)
    found = bootstrap(
        design, data[["api.stu", "enroll"]], statistic=quotient, replicates=3000, rng=np.random.default_rng(5)
    )
    assert found.value == ratio(design, data["api.stu"], data["enroll"]).value
    assert found.se == pytest.approx(ratio(design, data["api.stu"], data["enroll"]).se, rel=0.05)


def test_same_seed_same_replicates() -> None:
    """Law: replicates are their seed."""
    design, y = simple_random(30, 900), np.arange(30.0)
    one, same, other = (
        bootstrap(design, y, statistic=first, replicates=50, rng=np.random.default_rng(seed)).replicates
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_counts_of_strata_in_any_order() -> None:
    """Law: each stratum is resampled to one unit fewer, whatever the order of the rows."""
    stratum = np.array([2, 0, 1, 0, 2, 2, 0, 1, 0])
    level = stratified_random(stratum, np.full(9, 90)).levels[0]
    counts = resample_counts(level, 200, np.random.default_rng(6))
    for code, size in enumerate(level.count):
        assert (counts[:, level.group == code].sum(axis=1) == size - 1).all()
    assert counts.max() > 1


def test_ten_thousand_replicates_of_five_thousand_segments() -> None:
    """Law: under a minute on two cores; some seconds here."""
    rng = np.random.default_rng(7)
    y = rng.gamma(0.3, 10.0, 5000) * (rng.random(5000) < 0.3)
    design = stratified_random(np.repeat(np.arange(50), 100), np.full(5000, 20_000))
    began = time.perf_counter()
    found = bootstrap(design, y, statistic=first, replicates=10_000, rng=rng)
    assert time.perf_counter() - began < 60
    assert found.se == pytest.approx(total(design, y).se, rel=0.03)


def test_replicates_that_cannot_be() -> None:
    """Law: empty denominators, one replicate, and policies without a replicate are named."""
    design = simple_random(4, 40)
    with pytest.raises(QualityGateError, match="replicates without a finite value"), np.errstate(divide="ignore"):
        jackknife(design, np.array([[1.0, 1.0], [1.0, 0], [1.0, 0], [1.0, 0]]), statistic=quotient)
    with pytest.raises(InputError, match="two or more"):
        bootstrap(design, [1.0, 2, 3, 4], statistic=first, replicates=1, rng=np.random.default_rng(0))
    lone = stratified_random(["a", "a", "b"], [9, 9, 5], lonely="adjust")
    with pytest.raises(QualityGateError, match="lone units with the policy 'adjust'"):
        bootstrap(lone, [1.0, 2, 3], statistic=first, replicates=9, rng=np.random.default_rng(0))
    removed = stratified_random(["a", "a", "b"], [9, 9, 5], lonely="remove")
    found = jackknife(removed, [1.0, 2, 3], statistic=first)
    assert found.variance == pytest.approx(total(removed, [1.0, 2, 3]).variance, rel=1e-12)


def test_bootstrap_t_covers_a_skewed_total() -> None:
    """Brute force: of 150 samples of a rare crop the t interval misses above far more often than bootstrap-t."""
    rng = np.random.default_rng(8)
    frame = np.where(rng.random(5000) < 0.06, rng.gamma(0.5, 30.0, 5000), 0.0)
    misses = {"t": 0, "bootstrap-t": 0}
    design = simple_random(120, 5000)
    for _ in range(150):
        y = frame[rng.choice(5000, 120, replace=False)]
        found = total(design, y)
        quantiles = bootstrap_t_quantiles(design, y, replicates=499, rng=rng)
        misses["t"] += found.estimate(interval="t").hi < frame.sum()
        # A hectare a segment is a ceiling no gamma draw of this frame comes near
        misses["bootstrap-t"] += found.estimate(quantiles=quantiles, ceiling=5000 * 300.0).hi < frame.sum()
    assert misses["bootstrap-t"] < 0.6 * misses["t"]


def test_infinite_limit_needs_a_ceiling() -> None:
    """Law: where replicates without crop leave no upper limit, the frame is the limit, or there is none."""
    y = np.r_[np.zeros(38), 5.0, 4.0]
    found = total(simple_random(40, 4000), y)
    quantiles = bootstrap_t_quantiles(simple_random(40, 4000), y, rng=np.random.default_rng(2))
    assert quantiles[0] == -np.inf
    with pytest.raises(QualityGateError, match="state a ceiling"):
        found.estimate(quantiles=quantiles)
    figure = found.estimate(quantiles=quantiles, ceiling=40_000.0)
    assert (figure.hi, figure.flags) == (40_000.0, ("LOW_COUNT",))


def test_bootstrap_t_of_a_normal_mean_is_student() -> None:
    """Law: without skewness its quantiles are Student's."""
    rng = np.random.default_rng(9)
    y = rng.normal(50.0, 10.0, 60)
    y = np.r_[y, 100 - y]
    low, high = bootstrap_t_quantiles(simple_random(120, 12_000), y, replicates=8000, rng=rng)
    assert (low, high) == pytest.approx((-1.98, 1.98), abs=0.1)


def test_bootstrap_t_of_pairs_keeps_the_sample_variance() -> None:
    """Law: strata of two leave one unit in a replicate, which has no variance of its own."""
    y = np.array([1.0, 3.0, 2.0, 6.0, 0.0, 1.0, 4.0, 4.5])
    design = stratified_random(np.repeat(np.arange(4), 2), np.full(8, 20))
    low, high = bootstrap_t_quantiles(design, y, replicates=499, rng=np.random.default_rng(1))
    assert np.isfinite([low, high]).all()
    assert low == pytest.approx(-high)


def test_bootstrap_t_refusals() -> None:
    """Law: too few replicates for the tails, or a sample without spread, are named."""
    with pytest.raises(InputError, match="400 or more"):
        bootstrap_t_quantiles(simple_random(9, 90), np.arange(9.0), replicates=99, rng=np.random.default_rng(0))
    with pytest.raises(QualityGateError, match="no spread"):
        bootstrap_t_quantiles(simple_random(9, 90), np.ones(9), rng=np.random.default_rng(0))
