"""Pooling of probabilities, by brute force and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from imagery.smoothing import LEAST_PROBABILITY, log_probability, pooled, reach

TOLERANCE = 1e-12


def test_pooling_is_the_weighted_mean_of_logarithms() -> None:
    """Brute force: every cell and neighbour in turn, with a third of the cells not seen."""
    rng = np.random.default_rng(0)
    r = reach(0.8)
    logs = np.log(rng.dirichlet([1, 1, 1], (9, 10)).transpose(2, 0, 1))
    seen = rng.random((9, 10)) < 0.7
    found = pooled(logs, seen, 0.8)
    for row in range(9 - 2 * r):
        for col in range(10 - 2 * r):
            total, weights = np.zeros(3), 0.0
            for i in range(9):
                for j in range(10):
                    down, right = i - row - r, j - col - r
                    if max(abs(down), abs(right)) <= r and seen[i, j]:
                        weight = np.exp(-(down**2 + right**2) / (2 * 0.8**2))
                        total += weight * logs[:, i, j]
                        weights += weight
            if weights:
                assert found[:, row, col] == pytest.approx(total / weights, abs=TOLERANCE)


def test_log_probabilities_are_those_of_scipy() -> None:
    """Independent program: scipy's log_softmax, above the least probability."""
    scores = np.random.default_rng(1).normal(0, 4, (4, 200))
    expected = np.maximum(log_softmax(scores, axis=0), np.log(LEAST_PROBABILITY))
    assert log_probability(scores) == pytest.approx(expected, abs=TOLERANCE)


def test_a_lone_cell_gives_way_to_its_field() -> None:
    """Literal: one cell of 0.6 for wheat in a field of 0.9 for poppy becomes poppy; without width it stays."""
    poppy = np.full((5, 5), 0.9)
    poppy[2, 2] = 0.4
    logs = np.log(np.stack([poppy, 1 - poppy]))
    seen = np.ones((5, 5), dtype=bool)
    assert pooled(logs, seen, 0.7)[:, 0, 0].argmax() == 0
    assert pooled(logs, seen, 0.0)[:, 2, 2].argmax() == 1


def test_what_was_not_seen_has_no_voice() -> None:
    """Law: values of cells not seen change nothing."""
    rng = np.random.default_rng(2)
    logs = np.log(rng.dirichlet([1, 1], (7, 7)).transpose(2, 0, 1))
    seen = rng.random((7, 7)) < 0.5
    other = np.where(seen, logs, -99.0)
    assert np.array_equal(pooled(logs, seen, 0.7), pooled(other, seen, 0.7))
