"""Scores: a worked matrix, an independent program, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import classification_report, f1_score

from geo.errors import QualityGateError
from imagery.score import confusion, score

REFERENCE = np.array([1, 1, 1, 1, 2, 2, 2, 3, 3, 3])
PREDICTED = np.array([1, 1, 1, 2, 2, 2, 1, 3, 3, 2])
CLASSES = {"coca": 1, "forest": 2, "pasture": 3}


def test_scores_by_hand() -> None:
    """Literal: 3 of 4 coca found, 3 of 4 mapped as coca right, 7 of 10 right in all."""
    found = score(REFERENCE, PREDICTED, CLASSES)
    assert found.overall_accuracy == 0.7
    assert found.classes["coca"].producers_accuracy == 0.75
    assert found.classes["coca"].users_accuracy == 0.75
    assert found.classes["forest"].users_accuracy == 0.5
    assert found.classes["pasture"].producers_accuracy == pytest.approx(2 / 3)


def test_scores_are_those_of_scikit_learn() -> None:
    """Independent program: classification_report and f1_score."""
    rng = np.random.default_rng(0)
    reference, predicted = rng.integers(1, 4, 500), rng.integers(1, 4, 500)
    found = score(reference, predicted, CLASSES)
    expected = classification_report(reference, predicted, output_dict=True)
    for name, code in CLASSES.items():
        assert found.classes[name].producers_accuracy == pytest.approx(expected[str(code)]["recall"])
        assert found.classes[name].users_accuracy == pytest.approx(expected[str(code)]["precision"])
    f1 = f1_score(reference, predicted, average=None)
    assert [entry.f1 for entry in found.classes.values()] == pytest.approx(f1)


def test_an_empty_target_raises() -> None:
    """Law: 0 divided by 0 is not 0; a published model scored 0.000 on a fold without coca."""
    with pytest.raises(QualityGateError, match="no reference unit of coca"):
        score(np.array([2, 2, 3]), np.array([2, 1, 3]), CLASSES)


def test_a_class_never_mapped_has_no_users_accuracy() -> None:
    """Literal: its F1 is 0, its user's accuracy is null and not 0."""
    record = score(np.array([1, 2]), np.array([2, 2]), {"coca": 1, "forest": 2}).record()
    assert record["classes"]["coca"] == {
        "producers_accuracy": 0.0,
        "users_accuracy": None,
        "f1": 0.0,
        "reference": 1,
        "predicted": 0,
    }


def test_rows_are_the_map() -> None:
    """Literal: one forest unit mapped as coca stands in the row of coca."""
    assert confusion(np.array([2]), np.array([1]), [1, 2]).tolist() == [[0, 1], [0, 0]]


def test_unknown_codes_are_a_bug() -> None:
    """Law: no unit falls silently into another class."""
    with pytest.raises(ValueError, match=r"codes \[0\] are not among \[1, 2\]"):
        confusion(np.array([0, 1]), np.array([1, 2]), [1, 2])
