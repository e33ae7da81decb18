"""Joint inclusion probabilities against R `sampling`, and against every sample counted."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from aoi.survey.inclusion import proportional_inclusion
from aoi.survey.joint_inclusion import conditional_poisson_tilt, joint_inclusion
from aoi.survey.poisson_binomial import count_distribution, sums_without_two, tail_table, without_one
from geo.errors import InputError
from tests.shared import oracle

EXACT = 1e-10
"""Tolerance of the oracle; R's maximum entropy values are good to 2e-7 only."""
METHODS = ["sampford", "tille", "midzuno", "systematic", "conditional-poisson"]


@pytest.fixture(name="table", scope="module")
def fixture_table() -> dict:
    """Return R's numbers for ten units, four drawn."""
    return oracle("unequal_prob")


def all_samples(table: dict) -> list[list[int]]:
    """List the 210 samples of four from ten."""
    return [list(s) for s in combinations(range(10), table["n"])]


def counted(table: dict, chance) -> np.ndarray:
    """Add up joint probabilities over every sample with a chance in proportion to `chance(sample)`."""
    joint, whole = np.zeros((10, 10)), 0.0
    for s in all_samples(table):
        p = chance(np.array(s))
        joint[np.ix_(s, s)] += p
        whole += p
    return joint / whole


@pytest.mark.parametrize("method", METHODS)
def test_against_r_sampling(table: dict, method: str) -> None:
    """Independent program: UPsampfordpi2, UPtillepi2, UPmidzunopi2, UPsystematicpi2, UPmaxentropypi2."""
    expected = table["maxent" if method == "conditional-poisson" else method]
    found = joint_inclusion(table["pik"], method)
    tolerance = 2e-7 if method == "conditional-poisson" else EXACT
    assert found == pytest.approx(np.array(expected["pi2"]), abs=tolerance)
    z = np.array(table["y"]) / table["pik"]
    variance = -0.5 * ((found - np.outer(table["pik"], table["pik"])) * (z[:, None] - z) ** 2).sum()
    rel = 1e-5 if method == "conditional-poisson" else EXACT
    assert variance == pytest.approx(expected["true_variance_HT_total"], rel=rel)


def test_sampford_by_counting(table: dict) -> None:
    """Brute force: the chance of each of 210 samples is in proportion to prod pi/(1-pi) (n - sum pi)."""
    pi = np.array(table["pik"])
    expected = counted(table, lambda s: np.prod(pi[s] / (1 - pi[s])) * (4 - pi[s].sum()))
    assert joint_inclusion(pi, "sampford") == pytest.approx(expected, abs=1e-13)


def test_conditional_poisson_by_counting(table: dict) -> None:
    """Brute force: independent draws held to four, each of 210 samples counted."""
    pi = np.array(table["pik"])
    p = conditional_poisson_tilt(pi)
    expected = counted(table, lambda s: np.prod(p[s] / (1 - p[s])))
    assert np.diag(expected) == pytest.approx(pi, abs=1e-12)
    assert joint_inclusion(pi, "conditional-poisson") == pytest.approx(expected, abs=1e-12)


def test_designs_differ(table: dict) -> None:
    """Negative control: no two designs share their joint probabilities."""
    found = [joint_inclusion(table["pik"], method) for method in METHODS]
    for one, other in combinations(found, 2):
        assert not np.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_rows_sum_at_a_larger_size(method: str) -> None:
    """Law: in a design of fixed size each row sums to n times its first-order probability."""
    pi = proportional_inclusion(np.random.default_rng(4).gamma(0.7, size=300) + 0.02, 60, size_floor=0.0)
    joint = joint_inclusion(pi, method)
    assert joint.sum(axis=1) == pytest.approx(60 * pi, rel=1e-9)
    assert joint == pytest.approx(joint.T, abs=1e-14)
    assert (joint <= np.minimum.outer(pi, pi) + 1e-12).all()


@pytest.mark.parametrize("method", METHODS)
def test_some_units_only(method: str) -> None:
    """Brute force: the pairs asked for are those of the whole matrix, certain units among them."""
    pi = proportional_inclusion([1.0, 2.0, 3.0, 4.0, 5.0, 60.0, 7.0, 8.0], 4, size_floor=0.0)
    units = [5, 1, 6]
    whole = joint_inclusion(pi, method)
    assert pi[5] == 1.0
    assert joint_inclusion(pi, method, units=units) == pytest.approx(whole[np.ix_(units, units)], abs=1e-14)
    assert whole[5] == pytest.approx(pi, abs=1e-14)


def test_poisson_units_are_independent() -> None:
    """Law: products off the diagonal, and any sum is allowed."""
    joint = joint_inclusion([0.3, 0.4], "poisson")
    assert joint == pytest.approx(np.array([[0.3, 0.12], [0.12, 0.4]]))


def test_one_unit_drawn() -> None:
    """Law: with one drawn no two are drawn together."""
    for method in METHODS:
        joint = joint_inclusion([0.2, 0.3, 0.5], method)
        assert joint == pytest.approx(np.diag([0.2, 0.3, 0.5]), abs=1e-12)


def test_probabilities_that_belong_to_no_design() -> None:
    """Law: outside (0, 1], or of a sum that is no sample size."""
    with pytest.raises(InputError, match=r"1 units outside \(0, 1\] \(first \[0\]\)"):
        joint_inclusion([0.0, 1.0], "sampford")
    with pytest.raises(InputError, match=r"a sum of 0\.7"):
        joint_inclusion([0.3, 0.4], "sampford")
    with pytest.raises(InputError, match="design: found 'srs'"):
        joint_inclusion([0.5, 0.5], "srs")


def test_counts_with_events_left_out() -> None:
    """Brute force: distributions without one and two events equal those counted anew."""
    p = np.array([0.02, 0.5, 0.97, 0.4, 0.61, 0.3])
    units = np.arange(6)
    one = without_one(p, units)
    two = sums_without_two(p, units, np.eye(5))
    for i in range(6):
        assert one[i] == pytest.approx(count_distribution(np.delete(p, i)), abs=1e-14)
        for j in range(6):
            if i != j:
                assert two[:, i, j] == pytest.approx(count_distribution(np.delete(p, [i, j])), abs=1e-13)


def test_tail_table() -> None:
    """Brute force: row i holds the counts of the events from i on."""
    p = np.array([0.1, 0.6, 0.3])
    table = tail_table(p, 2)
    assert table[1, :3] == pytest.approx(count_distribution(p[1:])[:3])
    assert table[3].tolist() == [1.0, 0.0, 0.0]
