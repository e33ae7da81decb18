"""Interpreters with stated error rates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from geo.errors import SurveyFileError
from imagery.profile import load_profile
from imagery.simulate.interpreter import SENIOR, interpret

PROFILE = load_profile("andes-coca")
TAIL = 1e-6  # chance that a true rate fails the bounds


def within(count: int, trials: int, rate: float) -> bool:
    """Tell whether a count is likely under a binomial law."""
    low, high = binom.ppf([TAIL, 1 - TAIL], trials, rate)
    return bool(low <= count <= high)


def test_errors_come_as_often_as_stated() -> None:
    """Law: omissions and commissions of every interpreter are binomial with the stated rates."""
    truth = np.array(["coca"] * 20_000 + ["forest"] * 50_000 + ["coffee"] * 30_000)
    read = interpret(truth, PROFILE, omission=0.03, commission=0.003, interpreters=2, rng=np.random.default_rng(1))
    for labels in read.labels.T:
        missed, added = (labels[:20_000] != "coca").sum(), (labels[20_000:] == "coca").sum()
        assert within(int(missed), 20_000, 0.03)
        assert within(int(added), 80_000, 0.003)
        assert not within(int(missed), 20_000, 0.04)
        assert not within(int(added), 80_000, 0.006)


def test_interpreters_err_independently() -> None:
    """Law: both err on the same unit as often as the product of their rates."""
    truth = np.array(["coca"] * 60_000)
    read = interpret(truth, PROFILE, omission=0.1, commission=0.0, interpreters=2, rng=np.random.default_rng(2))
    both = (read.labels != "coca").all(axis=1).sum()
    assert within(int(both), 60_000, 0.01)


def test_missed_crop_is_called_a_look_alike_and_other_classes_keep_their_name() -> None:
    """Law: an omission is a look-alike; a unit that is not called crop keeps its true class."""
    truth = np.array(["coca"] * 3000 + ["water"] * 3000)
    read = interpret(truth, PROFILE, omission=0.4, commission=0.0, interpreters=1, rng=np.random.default_rng(3))
    assert set(read.labels[:3000, 0].tolist()) == {"coca", "coffee", "food_crops", "fallow"}
    assert set(read.labels[3000:, 0].tolist()) == {"water"}
    assert (read.senior == "").all()


def test_senior_reads_disagreements_and_nothing_else() -> None:
    """Law: the senior labels exactly the units on which the interpreters differ, and errs less."""
    truth = np.array(["coca"] * 40_000)
    read = interpret(truth, PROFILE, omission=0.2, commission=0.0, interpreters=3, rng=np.random.default_rng(4))
    split = (read.labels != read.labels[:, :1]).any(axis=1)
    assert np.array_equal(read.senior != "", split)
    assert within(int((read.senior[split] != "coca").sum()), int(split.sum()), 0.1)
    assert (read.agreed[~split] == read.labels[~split, 0]).all()
    assert (read.agreed[split] == read.senior[split]).all()


def test_rows_name_everyone() -> None:
    """Literal table: two interpreters who agree give two rows, a disagreement gives a third by the senior."""
    truth = np.array(["coca"] * 400)
    read = interpret(truth, PROFILE, omission=0.3, commission=0.0, interpreters=2, rng=np.random.default_rng(5))
    rows = read.rows()
    assert len(rows) == 800 + int((read.senior != "").sum())
    assert {name for _, name, _ in rows} == {"A", "B", SENIOR}


def test_the_same_stream_gives_the_same_labels() -> None:
    """Law: labels depend on truth, rates and the stream."""
    truth = np.array(["coca", "forest", "coffee"] * 500)

    def read(seed: int) -> list[tuple[int, str, str]]:
        generator = np.random.default_rng(seed)
        return interpret(truth, PROFILE, omission=0.2, commission=0.1, interpreters=2, rng=generator).rows()

    assert read(1) == read(1)
    assert read(1) != read(2)


def test_unknown_class_is_refused() -> None:
    """Law: a label that the profile does not know ends in one line."""
    with pytest.raises(SurveyFileError, match="class 'poppies'; expected one of coca, coffee"):
        interpret(
            np.array(["coca", "poppies"]),
            PROFILE,
            omission=0.1,
            commission=0.1,
            interpreters=2,
            rng=np.random.default_rng(1),
        )
