"""Cluster designs against R `survey`, and against every sample of a small population."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from aoi.survey.cluster import ClusterDesign, Stage, simple_random, stratified_random
from aoi.survey.linearised import mean, total
from aoi.survey.ratio import ratio
from geo.errors import InputError, QualityGateError
from tests.aoi.survey import api_data
from tests.shared import oracle

EXACT = 1e-10
"""The oracle's own tolerance: R and numpy agree to 1e-14."""


@pytest.fixture(name="api", scope="module")
def fixture_api() -> dict:
    """Return the expected numbers of the Academic Performance Index samples."""
    return oracle("survey_api")


def close(found, expected: dict) -> None:
    """Compare an estimate and its standard error with the oracle's."""
    assert found.value == pytest.approx(expected["est"], rel=EXACT)
    assert found.se == pytest.approx(expected["se"], rel=EXACT)


def test_simple_random_with_and_without_correction(api: dict) -> None:
    """Independent program: R svytotal and svymean of a simple random sample."""
    data = api_data.frame("apisrs")
    close(total(api_data.srs(data), data["enroll"]), api["srs"]["total_enroll_fpc"])
    close(total(api_data.srs(data, fpc=False), data["enroll"]), api["srs"]["total_enroll_nofpc"])
    close(mean(api_data.srs(data), data["api00"]), api["srs"]["mean_api00_fpc"])
    close(ratio(api_data.srs(data), data["api.stu"], data["enroll"]), api["srs"]["ratio_apistu_enroll"])


def test_stratified(api: dict) -> None:
    """Independent program: R svytotal and svymean of a stratified sample, and its degrees of freedom."""
    data = api_data.frame("apistrat")
    design = api_data.strat(data)
    close(total(design, data["enroll"]), api["strat"]["total_enroll"])
    close(total(api_data.strat(data, fpc=False), data["enroll"]), api["strat"]["total_enroll_nofpc"])
    close(mean(design, data["api00"]), api["strat"]["mean_api00"])
    assert design.df == api["strat"]["degf"]
    found = total(design, data["enroll"]).estimate(interval="t")
    assert (found.lo, found.hi) == pytest.approx(api["strat"]["ci95_t_total_enroll"], rel=EXACT)


def test_one_stage_cluster(api: dict) -> None:
    """Independent program: R, districts drawn whole, with degrees of freedom of districts."""
    data = api_data.frame("apiclus1")
    design = api_data.clus1(data)
    close(total(design, data["enroll"]), api["clus1"]["total_enroll"])
    close(mean(design, data["api00"]), api["clus1"]["mean_api00"])
    close(ratio(design, data["api.stu"], data["enroll"]), api["clus1"]["ratio"])
    assert design.df == api["clus1"]["degf"]


def test_two_stage_cluster(api: dict) -> None:
    """Independent program: R, two stages, with the correction of each and without."""
    data = api_data.frame("apiclus2")
    design, ultimate = api_data.clus2(data), api_data.clus2(data, with_replacement=True)
    expected = api["clus2"]
    close(total(design, data["api.stu"]), expected["total_apistu"])
    close(mean(design, data["api00"]), expected["mean_api00"])
    close(total(ultimate, data["api.stu"]), expected["total_apistu_with_replacement"])
    close(mean(ultimate, data["api00"]), expected["mean_api00_with_replacement"])
    # Schools whose enrolment is missing are no zeros: they are outside the domain that is measured
    known = data["enroll"].notna()
    enrolled = data["enroll"].fillna(0.0)
    close(total(design, enrolled, domain=known), expected["total_enroll"])


def test_two_stage_fails_when_perturbed(api: dict) -> None:
    """Negative control: one school more in one school's district is another standard error."""
    data = api_data.frame("apiclus2")
    several = data["fpc2"] > 1
    data.loc[data["dnum"] == data.loc[several, "dnum"].iloc[0], "fpc2"] += 1
    with pytest.raises(AssertionError):
        close(total(api_data.clus2(data), data["api.stu"]), api["clus2"]["total_apistu"])


@pytest.mark.parametrize("policy", ["remove", "certainty", "adjust", "average"])
def test_lone_units(api: dict, policy: str) -> None:
    """Independent program: R's policies for a stratum of one unit, without a finite population correction."""
    data = api_data.frame("lonely_input")
    stage = Stage(unit=np.arange(len(data)), stratum=data["stype"], population=None)
    design = ClusterDesign(weight=data["pw"], stages=[stage], lonely=policy)
    close(total(design, data["enroll"]), api["lonely_psu"][policy])


def test_lone_unit_centred_on_the_sample_mean() -> None:
    """Independent program: the Python package svy gives 94045.7 for this policy."""
    data = api_data.frame("lonely_input")
    stage = Stage(unit=np.arange(len(data)), stratum=data["stype"], population=None)
    design = ClusterDesign(weight=data["pw"], stages=[stage], lonely="center")
    assert total(design, data["enroll"]).se == pytest.approx(94045.7, abs=0.05)


def test_lone_unit_is_refused_by_default() -> None:
    """Law: a stratum with one unit has no variance, and is named."""
    with pytest.raises(QualityGateError, match=r"stage 1, 1 strata \(H\): found one unit.*policy"):
        stratified_random(["E", "E", "H"], [10, 10, 5])


def test_lone_second_stage_unit_is_named_by_its_segment() -> None:
    """Law: a message about a lone pixel says in which segment it lies."""
    stages = [Stage(unit=["s1", "s1", "s2"], population=9), Stage(unit=[1, 2, 1], population=4)]
    with pytest.raises(QualityGateError, match=r"stage 2, 1 strata \(s2\)"):
        ClusterDesign(weight=np.ones(3), stages=stages)


def test_lone_unit_drawn_whole_needs_no_policy() -> None:
    """Law: a stratum whose only unit was drawn has no sampling error."""
    design = stratified_random(["E", "E", "H"], [10, 10, 1])
    alone = total(stratified_random(["E", "E"], [10, 10]), [1.0, 3.0])
    assert total(design, [1.0, 3.0, 7.0]).variance == pytest.approx(alone.variance, rel=1e-12)


def test_average_policy_without_any_variance_is_refused() -> None:
    """Law: there is no mean variance of strata when none has one."""
    design = stratified_random(["E", "H"], [10, 5], lonely="average")
    with pytest.raises(QualityGateError, match="one unit in every stratum"):
        total(design, [1.0, 2.0])


def test_certain_lone_unit_brings_its_second_stage() -> None:
    """Brute force: a self-representing unit is a stratum of its own second-stage units."""
    first = Stage(
        unit=["a", "a", "b", "b", "c", "c"], stratum=["x", "x", "x", "x", "y", "y"], population=[5] * 4 + [3] * 2
    )
    second = Stage(unit=[1, 2, 1, 2, 1, 2], population=4)
    y = np.array([1.0, 4.0, 2.0, 2.0, 3.0, 7.0])
    weight = np.array([5.0] * 4 + [6.0] * 2)
    certain = ClusterDesign(weight=weight, stages=[first, second], lonely="certainty")
    removed = ClusterDesign(weight=weight, stages=[first, second], lonely="remove")
    within = (1 - 2 / 4) * 2 / 1 * ((6 * y[4:] - (6 * y[4:]).mean()) ** 2).sum()
    assert total(certain, y).variance - total(removed, y).variance == pytest.approx(within * (1 - 1 / 3), rel=1e-12)


def test_every_two_stage_sample() -> None:
    """Brute force: over all two-stage samples the mean estimate is the truth, the mean variance the true one."""
    population = oracle("enumeration")
    y, expected = np.array(population["population"]["y"]), population["two_stage"]
    cluster = np.array(expected["cluster"])
    values, variances, chances, ultimate = [], [], [], []
    for pair in combinations(range(4), expected["n_psu"]):
        members = [np.flatnonzero(cluster == c) for c in pair]
        draws = [list(combinations(m, expected["m"])) for m in members]
        for choice in product(*draws):
            rows = np.concatenate(choice)
            size = np.repeat([m.size for m in members], expected["m"])
            for bucket, n_clusters in ((variances, 4), (ultimate, None)):
                design = ClusterDesign(
                    weight=4 / 2 * size / expected["m"],
                    stages=[
                        Stage(unit=cluster[rows], population=n_clusters),
                        Stage(unit=rows, population=size),
                    ],
                )
                bucket.append(total(design, y[rows]).variance)
            values.append(total(design, y[rows]).value)
            chances.append(1 / 6 / np.prod([len(d) for d in draws]))
    chance = np.array(chances)
    assert chance @ values == pytest.approx(expected["E_total"], rel=EXACT)
    spread = chance @ (np.array(values) - expected["E_total"]) ** 2
    assert spread == pytest.approx(expected["true_var"], rel=EXACT)
    assert chance @ variances == pytest.approx(expected["E_v_unbiased"], rel=EXACT)
    assert chance @ ultimate == pytest.approx(expected["E_v_ultimate_cluster_no_fpc"], rel=EXACT)


def test_every_stratified_sample() -> None:
    """Brute force: all 180 stratified samples of the small population."""
    population = oracle("enumeration")
    y, stratum = np.array(population["population"]["y"]), np.array(population["population"]["stratum"])
    members = [np.flatnonzero(stratum == h) for h in range(3)]
    samples = [np.concatenate(c) for c in product(*[list(combinations(m, 2)) for m in members])]
    found = [total(stratified_random(stratum[s], np.bincount(stratum)[stratum[s]]), y[s]) for s in samples]
    expected = population["stratified_2_2_2"]
    assert len(samples) == expected["n_samples"]
    assert np.mean([f.value for f in found]) == pytest.approx(expected["E_total"], rel=EXACT)
    assert np.mean([f.variance for f in found]) == pytest.approx(expected["true_var"], rel=EXACT)


def test_three_stages_by_hand() -> None:
    """Brute force: three stages, each stage's variance written out as a loop."""
    rng = np.random.default_rng(3)
    first = np.repeat([0, 1, 2], 6)
    second = np.tile(np.repeat([0, 1], 3), 3)
    third = np.tile([0, 1, 2], 6)
    y = rng.gamma(1.0, 5.0, 18)
    N, M, K = 9, np.repeat([4, 5, 6], 6), np.repeat([7, 8, 9, 10, 11, 12], 3)
    weight = N / 3 * M / 2 * K / 3
    design = ClusterDesign(
        weight=weight,
        stages=[Stage(unit=first, population=N), Stage(unit=second, population=M), Stage(unit=third, population=K)],
    )
    z, variance = weight * y, 0.0
    t1 = np.array([z[first == i].sum() for i in range(3)])
    variance += (1 - 3 / N) * 3 * t1.var(ddof=1)
    for i in range(3):
        t2 = np.array([z[(first == i) & (second == j)].sum() for j in range(2)])
        f2 = 2 / M[first == i][0]
        variance += 3 / N * (1 - f2) * 2 * t2.var(ddof=1)
        for j in range(2):
            rows = (first == i) & (second == j)
            f3 = 3 / K[rows][0]
            variance += 3 / N * f2 * (1 - f3) * 3 * z[rows].var(ddof=1)
    assert total(design, y).variance == pytest.approx(variance, rel=1e-12)


def test_row_order_does_not_matter() -> None:
    """Law: a sample is a set; shuffled rows give the same figure."""
    data = api_data.frame("apiclus2")
    shuffled = data.sample(frac=1, random_state=4)
    one, other = (total(api_data.clus2(table), table["api.stu"]) for table in (data, shuffled))
    assert one.variance == pytest.approx(other.variance, rel=1e-12)
    assert one.estimate().lo == pytest.approx(other.estimate().lo, rel=1e-12)


def test_census_has_no_variance() -> None:
    """Law: everything drawn is exact, with no flag and no interval width."""
    design = ClusterDesign(
        weight=np.ones(6),
        stages=[Stage(unit=[1, 1, 1, 2, 2, 2], population=2), Stage(unit=np.arange(6), population=3)],
    )
    figure = total(design, [1.0, 0, 2, 0, 0, 4]).estimate()
    assert (figure.value, figure.se, figure.lo, figure.hi, figure.flags) == (7.0, 0.0, 7.0, 7.0, ())


def test_stratum_drawn_whole_counts_second_stage_freedom() -> None:
    """Law: where every primary unit is drawn, the second-stage units are the ones left to chance."""
    whole = Stage(unit=[1, 1, 1, 2, 2, 2], population=2)
    part = Stage(unit=np.arange(6), population=9)
    assert ClusterDesign(weight=np.full(6, 3.0), stages=[whole, part]).df == 4


@pytest.mark.parametrize("stages", [1, 2])
def test_domain_variances_all_at_once(stages: int) -> None:
    """Brute force: the fast path over domains equals one zero-extended total for each."""
    data = api_data.frame("apiclus2")
    design = api_data.clus2(data) if stages == 2 else api_data.clus2(data, with_replacement=True)
    codes = np.unique(data["stype"], return_inverse=True)[1]
    y = data["api.stu"].to_numpy(float)
    one_by_one = [total(design, y, domain=codes == d).variance for d in range(3)]
    assert design.domain_variance(y, codes) == pytest.approx(one_by_one, rel=1e-12)


def test_domain_variances_under_a_lone_unit_policy() -> None:
    """Brute force: policies that look at the whole sample take the long way and agree."""
    design = stratified_random(["a", "a", "b"], [9, 9, 4], lonely="adjust")
    codes, y = np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0])
    one_by_one = [total(design, y, domain=codes == d).variance for d in range(2)]
    assert design.domain_variance(y, codes) == pytest.approx(one_by_one, rel=1e-12)


def test_million_rows_with_two_hundred_domains() -> None:
    """Law: domains that share the frame sum to its total, at a size that forbids a loop over domains."""
    rng = np.random.default_rng(8)
    n = 1_000_000
    design = stratified_random(rng.integers(20, size=n), np.full(n, 10_000_000))
    y, codes = (rng.random(n) < 0.01).astype(float), rng.integers(200, size=n)
    variance = design.domain_variance(y, codes)
    assert variance.shape == (200,)
    assert variance[7] == pytest.approx(total(design, y, domain=codes == 7).variance, rel=1e-9)


@pytest.mark.parametrize("weight", [[1.0, 0.0], [1.0, -2.0], [1.0, np.nan], [[1.0, 1.0]]])
def test_weights_that_are_none(weight: list) -> None:
    """Law: a weight is the inverse of a probability, so it is positive."""
    with pytest.raises(InputError, match="weight"):
        ClusterDesign(weight=np.array(weight), stages=[Stage(unit=[1, 2], population=5)])


def test_unknown_policy_and_no_stage_are_told_together() -> None:
    """Law: all problems of a design come in one message."""
    with pytest.raises(InputError, match=r"policy for lone units.*(\n|.)*no stage"):
        ClusterDesign(weight=np.ones(2), stages=[], lonely="ignore")


def test_design_is_read_only() -> None:
    """Law: a design cannot change under an estimate, nor the caller's array with it."""
    weight = np.array([5.0, 5.0])
    design = ClusterDesign(weight=weight, stages=[Stage(unit=[1, 2], population=10)])
    weight[0] = 99.0
    assert design.weight[0] == 5.0
    with pytest.raises(ValueError, match="read-only"):
        design.weight[0] = 1.0


def test_variance_method_says_which_corrections() -> None:
    """Law: the printed method names the correction of each stage and the policy."""
    design = ClusterDesign(
        weight=np.ones(4),
        stages=[Stage(unit=[1, 1, 2, 2], population=None), Stage(unit=[1, 2, 1, 2], population=4)],
        lonely="remove",
    )
    assert design.variance_method == "linearised, 2-stage (no FPC, FPC, lone units: remove)"
    assert simple_random(3, 9).variance_method == "linearised, 1-stage (FPC)"
