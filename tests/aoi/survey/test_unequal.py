"""Horvitz-Thompson and Hajek estimates against R, and over every Sampford sample."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from aoi.survey.cluster import simple_random
from aoi.survey.joint_inclusion import joint_inclusion
from aoi.survey.linearised import total
from aoi.survey.ratio import ratio
from aoi.survey.unequal import UnequalDesign, hajek_total
from geo.errors import InputError, QualityGateError
from tests.shared import oracle, oracle_path

EXACT = 1e-10
"""Tolerance of the survey and unequal-probability oracles."""


@pytest.fixture(name="election", scope="module")
def fixture_election():
    """Return the counties drawn, their joint probabilities and what R makes of them."""
    folder = oracle_path("survey_api")
    joint = np.loadtxt(folder / "election_jointprob.csv", delimiter=",")
    return pd.read_csv(folder / "election_pps.csv"), joint, oracle("survey_api")["pps"]


@pytest.mark.parametrize("candidate", ["Bush", "Kerry", "Nader"])
@pytest.mark.parametrize(
    ("variance", "key"),
    [
        ("hansen-hurwitz", "dwr"),
        ("brewer", "dbr"),
        ("horvitz-thompson", "dHT"),
        ("sen-yates-grundy", "dYG"),
    ],
)
def test_election(election, candidate: str, variance: str, key: str) -> None:
    """Independent program: R survey, forty counties in proportion to votes."""
    data, joint, expected = election
    found = total(UnequalDesign(inclusion=data["p"], joint=joint, variance=variance), data[candidate])
    assert found.value == pytest.approx(expected[key][candidate]["est"], rel=EXACT)
    assert found.se == pytest.approx(expected[key][candidate]["se"], rel=EXACT)


@pytest.mark.parametrize("candidate", ["Bush", "Kerry", "Nader"])
def test_hartley_rao(election, candidate: str) -> None:
    """Independent program: numpy, joint probabilities approximated in Yates-Grundy form."""
    data, _, expected = election
    squares = expected["sum_p2_over_n"] * len(data)
    design = UnequalDesign(inclusion=data["p"], variance="hartley-rao", sum_squares=squares)
    assert total(design, data[candidate]).se == pytest.approx(expected["HR_YG_form_numpy"][candidate], rel=EXACT)


@pytest.mark.parametrize(("variance", "key"), [("sen-yates-grundy", "YG"), ("horvitz-thompson", "HT")])
def test_ratio_of_votes(election, variance: str, key: str) -> None:
    """Independent program: R svyratio under sampling in proportion to size."""
    data, joint, expected = election
    found = ratio(UnequalDesign(inclusion=data["p"], joint=joint, variance=variance), data["Bush"], data["votes"])
    assert found.value == pytest.approx(expected[f"ratio_Bush_votes_{key}"]["est"], rel=EXACT)
    assert found.se == pytest.approx(expected[f"ratio_Bush_votes_{key}"]["se"], rel=EXACT)


def test_perturbed_joint_probability_fails(election) -> None:
    """Negative control: one pair's probability a hundredth off is another standard error."""
    data, joint, expected = election
    other = joint.copy()
    other[0, 1] = other[1, 0] = joint[0, 1] * 1.01
    found = total(UnequalDesign(inclusion=data["p"], joint=other), data["Bush"])
    assert found.se != pytest.approx(expected["dYG"]["Bush"]["se"], rel=1e-8)


@pytest.fixture(name="ten", scope="module")
def fixture_ten():
    """Return ten units, four drawn, and R's numbers."""
    table = oracle("unequal_prob")
    return np.array(table["pik"]), np.array(table["y"], dtype=float), table


@pytest.mark.parametrize(
    ("variance", "key"),
    [
        ("horvitz-thompson", "varHT_HT_sampford"),
        ("sen-yates-grundy", "varHT_SYG_sampford"),
        ("deville", "varest_Deville"),
    ],
)
def test_one_sample(ten, variance: str, key: str) -> None:
    """Independent program: varHT and varest of R sampling."""
    pi, y, table = ten
    s = np.array(table["fixed_sample"]["index1"]) - 1
    design = UnequalDesign(inclusion=pi[s], joint=joint_inclusion(pi, "sampford", units=s), variance=variance)
    assert total(design, y[s]).value == pytest.approx(table["fixed_sample"]["HT"], rel=EXACT)
    assert total(design, y[s]).variance == pytest.approx(table["fixed_sample"][key], rel=EXACT)


def test_with_replacement(ten) -> None:
    """Independent program: R, Hansen-Hurwitz variance of the same four units."""
    pi, y, table = ten
    s, expected = np.array(table["fixed_sample"]["index1"]) - 1, table["fixed_sample"]["HH_with_replacement"]
    found = total(UnequalDesign(inclusion=pi[s], variance="hansen-hurwitz"), y[s])
    assert (found.value, found.variance) == pytest.approx((expected["total"], expected["var"]), rel=EXACT)


def test_hajek(ten) -> None:
    """Independent program: Hajekestimator and vartaylor_ratio of R sampling."""
    pi, y, table = ten
    s, expected = np.array(table["fixed_sample"]["index1"]) - 1, table["fixed_sample"]
    joint = joint_inclusion(pi, "sampford", units=s)
    design = UnequalDesign(inclusion=pi[s], joint=joint, variance="horvitz-thompson")
    found = hajek_total(design, y[s], population=10)
    assert found.value == pytest.approx(expected["Hajek_total"], rel=EXACT)
    assert found.variance == pytest.approx(100 * expected["vartaylor"], rel=EXACT)


def test_every_sampford_sample(ten) -> None:
    """Brute force: over 210 samples both variances are unbiased, and one is negative in a third of them."""
    pi, y, table = ten
    expected, joint = table["enumeration_sampford"], joint_inclusion(pi, "sampford")
    samples = [np.array(s) for s in combinations(range(10), 4)]
    chance = np.array([np.prod(pi[s] / (1 - pi[s])) * (4 - pi[s].sum()) for s in samples])
    chance /= chance.sum()
    found = {
        variance: [
            total(UnequalDesign(inclusion=pi[s], joint=joint[np.ix_(s, s)], variance=variance), y[s])
            for s in samples
        ]
        for variance in ("sen-yates-grundy", "horvitz-thompson")
    }
    values = np.array([one.value for one in found["sen-yates-grundy"]])
    assert chance @ values == pytest.approx(expected["E_HT"], rel=EXACT)
    assert chance @ (values - 813.0) ** 2 == pytest.approx(expected["true_var"], rel=EXACT)
    for variance, key in (("sen-yates-grundy", "E_vSYG"), ("horvitz-thompson", "E_vHT")):
        assert chance @ [one.variance for one in found[variance]] == pytest.approx(expected[key], rel=EXACT)
    negative = np.array([one.variance < 0 for one in found["horvitz-thompson"]])
    assert chance @ negative == pytest.approx(expected["prob_vHT_negative"], rel=EXACT)
    assert min(one.variance for one in found["sen-yates-grundy"]) >= 0


def test_every_pair_drawn_with_replacement() -> None:
    """Brute force: all 144 ordered pairs, Hansen-Hurwitz unbiased and its variance exact."""
    population = oracle("enumeration")
    y, expected = np.array(population["population"]["y"]), population["pps_wr_n2"]
    p = np.array(expected["p"])
    chance, values, variances = [], [], []
    for i in range(12):
        for j in range(12):
            s = [i, j]
            found = total(UnequalDesign(inclusion=2 * p[s], variance="hansen-hurwitz"), y[s])
            chance.append(p[i] * p[j])
            values.append(found.value)
            variances.append(found.variance)
    assert np.dot(chance, values) == pytest.approx(expected["E_total"], rel=EXACT)
    assert np.dot(chance, (np.array(values) - 51.25) ** 2) == pytest.approx(expected["true_var"], rel=EXACT)
    assert np.dot(chance, variances) == pytest.approx(expected["E_v"], rel=EXACT)


def test_every_poisson_sample() -> None:
    """Brute force: all 31 samples that are not empty, and the empty one, of five units."""
    pi, y = np.array([0.2, 0.5, 0.7, 0.4, 0.9]), np.array([1.0, 0.0, 3.0, 2.0, 5.0])
    mean_value = mean_variance = second = 0.0
    for bits in range(32):
        drawn = np.array([bits >> k & 1 for k in range(5)], dtype=bool)
        chance = np.prod(np.where(drawn, pi, 1 - pi))
        value = variance = 0.0
        if drawn.any():
            found = total(UnequalDesign(inclusion=pi[drawn], variance="poisson"), y[drawn])
            value, variance = found.value, found.variance
        mean_value += chance * value
        second += chance * (value - y.sum()) ** 2
        mean_variance += chance * variance
    assert mean_value == pytest.approx(y.sum(), rel=EXACT)
    assert mean_variance == pytest.approx(second, rel=EXACT)


def test_equal_probabilities_are_a_simple_random_sample() -> None:
    """Law: all fixed-size variances meet the simple random one where probabilities are equal."""
    y = np.array([3.0, 0.0, 1.0, 7.0])
    pi = np.full(10, 0.4)
    expected = total(simple_random(4, 10), y).variance
    joint = joint_inclusion(pi, "sampford", units=range(4))
    for variance in ("sen-yates-grundy", "horvitz-thompson", "brewer", "deville"):
        found = total(UnequalDesign(inclusion=pi[:4], joint=joint, variance=variance), y).variance
        assert found == pytest.approx(expected, rel=1e-12)


def test_certain_units_bring_no_variance() -> None:
    """Law: a unit of probability one adds its value and nothing else."""
    pi, y = np.array([1.0, 0.5, 0.25]), np.array([100.0, 2.0, 1.0])
    for variance in ("brewer", "deville", "hansen-hurwitz", "poisson"):
        whole = total(UnequalDesign(inclusion=pi, variance=variance), y)
        rest = total(UnequalDesign(inclusion=pi[1:], variance=variance), y[1:])
        assert whole.variance == pytest.approx(rest.variance, rel=1e-12)
        assert whole.value == rest.value + 100
    known = UnequalDesign(inclusion=pi, variance="hartley-rao", sum_squares=3.0)
    alone = UnequalDesign(inclusion=pi[1:], variance="hartley-rao", sum_squares=2.0)
    assert total(known, y).variance == pytest.approx(total(alone, y[1:]).variance, rel=1e-12)
    census = UnequalDesign(inclusion=np.ones(2), variance="brewer")
    assert total(census, [1.0, 2.0]).estimate().lo == 3.0


def test_variances_that_do_not_exist() -> None:
    """Law: without joint probabilities, or with pairs never drawn together, Sen-Yates-Grundy is refused."""
    pi = np.array([0.5, 0.5])
    with pytest.raises(QualityGateError, match=r"no joint probabilities.*use brewer"):
        UnequalDesign(inclusion=pi)
    with pytest.raises(QualityGateError, match=r"1 pairs that are never drawn together.*systematic"):
        UnequalDesign(inclusion=pi, joint=np.diag(pi))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inclusion": np.array([0.0, 0.5])}, r"outside \(0, 1\]"),
        ({"inclusion": np.array([0.5, 0.5]), "variance": "best"}, "variance: found 'best'"),
        ({"inclusion": np.array([0.5, 0.5]), "joint": np.eye(3)}, r"shape \(3, 3\)"),
        ({"inclusion": np.array([0.5, 0.5]), "joint": np.array([[0.5, 0.1], [0.2, 0.5]])}, "not symmetric"),
    ],
)
def test_broken_designs(options: dict, message: str) -> None:
    """Law: what cannot be a design is named."""
    with pytest.raises(InputError, match=message):
        UnequalDesign(**({"variance": "brewer"} | options))
