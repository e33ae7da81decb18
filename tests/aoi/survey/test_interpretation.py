"""Agreement of interpreters, adjudication, and areas corrected for misreading."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.estimate import LOW_COUNT, Estimate
from aoi.survey.interpretation import Misreading, adjudicate, agreement, corrected_area
from geo.errors import InputError, QualityGateError


def from_table(table: list[list[int]]) -> np.ndarray:
    """Return the labels of two interpreters whose cross table is given."""
    counts = np.array(table)
    a, b = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), counts.shape[0])
    return np.stack([a, b], axis=1)


def test_kappa_by_hand() -> None:
    """Published: Cohen's formula on 20, 5, 10, 15: observed 0.70, chance 0.50, kappa 0.40."""
    found = agreement(from_table([[20, 5], [10, 15]]), 2)
    assert found.observed == pytest.approx(0.70, rel=1e-12)
    assert found.kappa == pytest.approx(0.40, rel=1e-12)
    assert found.by_class == pytest.approx([2 * 20 / 55, 2 * 15 / 45], rel=1e-12)
    assert found.n == 50


def test_high_agreement_can_be_chance() -> None:
    """Law: interpreters who call nearly everything bare agree often and know little."""
    found = agreement(from_table([[0, 5], [5, 90]]), 2)
    assert found.observed == pytest.approx(0.9, rel=1e-12)
    assert found.kappa < 0
    assert found.by_class[0] == 0.0


def test_full_agreement_on_one_class_has_no_kappa() -> None:
    """Law: where chance alone explains full agreement kappa is not a number, and an unused class has no share."""
    found = agreement(np.zeros((4, 2), dtype=np.int64), 2)
    assert found.observed == 1.0
    assert np.isnan(found.kappa)
    assert np.isnan(found.by_class[1])


def test_three_interpreters_are_pairs() -> None:
    """Law: the agreement of three is the mean over pairs, weighted by the units each pair shares."""
    labels = np.array([[0, 0, -1], [1, 1, 0], [1, 0, -1], [0, 0, 0]])
    pairs = [agreement(labels[:, at], 2) for at in ([0, 1], [0, 2], [1, 2])]
    whole = agreement(labels, 2)
    assert whole.n == sum(pair.n for pair in pairs) == 8
    assert whole.observed == pytest.approx(sum(pair.n * pair.observed for pair in pairs) / 8, rel=1e-12)


def test_agreement_needs_two_labels() -> None:
    """Law: units read once say nothing of agreement."""
    with pytest.raises(InputError, match="no unit with two labels"):
        agreement(np.array([[0, -1], [-1, 1]]), 2)


def test_majority_then_senior_then_open() -> None:
    """Law: more than half decides, else the senior interpreter, else the unit stays open."""
    labels = np.array([[0, 0, 1], [0, 1, -1], [0, 1, 2], [-1, -1, -1], [1, -1, -1]])
    found = adjudicate(labels, n_classes=3, senior=np.array([-1, 1, -1, -1, 0]))
    assert found.label.tolist() == [0, 1, -1, -1, 1]
    assert found.by_majority.tolist() == [0, 4]
    assert found.by_senior.tolist() == [1]
    assert found.open.tolist() == [2, 3]
    assert adjudicate(labels, n_classes=3).open.tolist() == [1, 2, 3]


def read_area(value: float, half: float = 100.0) -> Estimate:
    """Return an area as read."""
    return Estimate(
        value=value, se=half / 1.96, lo=max(value - half, 0), hi=value + half, n=500, method="stratified"
    )


def test_perfect_reading_changes_nothing_but_the_doubt() -> None:
    """Law: readers without an error leave the value, and the interval grows by what ten units cannot show."""
    rates = Misreading(hits=10, n_class=10, rejections=10_000, n_other=10_000)
    found = corrected_area(read_area(600.0), 10_000.0, rates)
    assert found.value == pytest.approx(600.0, rel=1e-12)
    assert found.se == pytest.approx(read_area(600.0).se, rel=1e-12)
    assert found.hi > 700.0


def test_rogan_gladen_by_hand() -> None:
    """Published: Rogan and Gladen's correction, (600 - 0.01 x 10000) / (0.9 + 0.99 - 1), and its delta variance."""
    rates = Misreading(hits=90, n_class=100, rejections=990, n_other=1000)
    found = corrected_area(read_area(600.0), 10_000.0, rates)
    value = 500 / 0.89
    assert found.value == pytest.approx(value, rel=1e-12)
    variance = (100 / 1.96) ** 2 + value**2 * 0.09 / 100 + (10_000 - value) ** 2 * 0.0099 / 1000
    assert found.se == pytest.approx(np.sqrt(variance) / 0.89, rel=1e-12)
    assert "corrected for misreading" in found.method


def test_false_alarms_can_be_the_whole_crop() -> None:
    """Law: one false alarm in a hundred explains a rare crop away, and the figure says that it rests on little."""
    rates = Misreading(hits=50, n_class=50, rejections=98, n_other=100)
    found = corrected_area(read_area(150.0), 10_000.0, rates)
    assert found.value == 0.0
    assert found.lo == 0.0
    assert found.hi > 100.0
    assert LOW_COUNT in found.flags


def test_correction_by_simulation() -> None:
    """Brute force: with rates estimated afresh each time the corrected interval covers at least 0.93."""
    rng = np.random.default_rng(21)
    area, truth, sens, spec = 10_000.0, 1_500.0, 0.9, 0.95
    held, naive = 0, 0
    for _ in range(600):
        share = (truth * sens + (area - truth) * (1 - spec)) / area
        p = rng.binomial(800, share) / 800
        half = 1.96 * np.sqrt(p * (1 - p) / 800)
        read = read_area(area * p, area * half)
        rates = Misreading(
            hits=int(rng.binomial(150, sens)), n_class=150, rejections=int(rng.binomial(400, spec)), n_other=400
        )
        found = corrected_area(read, area, rates)
        held += found.lo <= truth <= found.hi
        naive += read.lo <= truth <= read.hi
    assert held / 600 >= 0.93
    assert naive / 600 < 0.6


def test_counts_from_known_labels() -> None:
    """Law: readings against known labels give hits and rejections of one class."""
    rates = Misreading.of_labels(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 2]), 1)
    assert (rates.hits, rates.n_class, rates.rejections, rates.n_other) == (2, 3, 2, 2)
    assert rates.sensitivity == pytest.approx(2 / 3)


def test_reading_no_better_than_chance_is_refused() -> None:
    """Law: sensitivity and specificity that add up to one or less carry no area."""
    with pytest.raises(QualityGateError, match="no better than chance"):
        Misreading(hits=5, n_class=10, rejections=5, n_other=10)
    with pytest.raises(InputError, match=r"11 of 10 units of the class.*\n.*0 of 0 other units"):
        Misreading(hits=11, n_class=10, rejections=0, n_other=0)
