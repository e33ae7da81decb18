"""Doubtful labels and places to label next, by hand and by planted mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.active import next_cells
from imagery.screening import suspect_labels


def test_a_confident_contradiction_is_told() -> None:
    """By hand: the last place is labelled 1 and is as surely 2 as places of class 2 are."""
    probability = np.array([[0.9, 0.8, 0.3, 0.2, 0.1], [0.1, 0.2, 0.7, 0.8, 0.9]])
    found = suspect_labels(probability, (1, 2), np.array([1, 1, 2, 2, 1]))
    assert found.row.tolist() == [4]
    assert found.likely.tolist() == [2]
    assert (found.p_given[0], found.p_likely[0]) == pytest.approx((0.1, 0.9))


def test_planted_mistakes_are_found_and_few_others() -> None:
    """Brute force: of thirty labels turned round most are told, the worst first; of the others a tenth at most."""
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 600)
    logit = np.where(truth == 1, 2.5, -2.5) + rng.normal(0, 1, 600)
    one = 1 / (1 + np.exp(-logit))
    label = truth.copy()
    turned = rng.choice(600, 30, replace=False)
    label[turned] = 1 - label[turned]
    found = suspect_labels(np.stack([1 - one, one]), (0, 1), label)
    hits = np.isin(found.row, turned)
    assert hits.sum() >= 20
    assert (~hits).sum() <= 57
    assert hits[:10].all()
    doubt = found.p_given - found.p_likely
    assert (np.diff(doubt) >= 0).all()


def test_clean_labels_are_left_alone() -> None:
    """Law: where every place is most likely what it says, nothing is told."""
    probability = np.array([[0.9, 0.6, 0.2], [0.1, 0.4, 0.8]])
    assert suspect_labels(probability, (1, 2), np.array([1, 1, 2])).row.size == 0


def test_next_cells_by_hand() -> None:
    """Literal: the most uncertain cell of each square, none that is taken, in falling order."""
    uncertainty = np.array([[90, 80, 10, 20], [70, 60, 30, 85], [5, 5, 5, 5], [5, 50, 5, 5]], dtype=np.uint8)
    allowed = np.ones((4, 4), dtype=bool)
    allowed[0, 0] = False
    assert next_cells(uncertainty, allowed, count=3, apart_cells=2).tolist() == [[1, 3], [0, 1], [3, 1]]
    assert next_cells(uncertainty, allowed, count=1, apart_cells=2).tolist() == [[1, 3]]
    assert len(next_cells(uncertainty, np.zeros((4, 4), dtype=bool), count=3, apart_cells=2)) == 0
