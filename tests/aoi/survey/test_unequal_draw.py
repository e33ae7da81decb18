"""Draws keep the probabilities they promise, and are the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from aoi.survey.inclusion import proportional_inclusion
from aoi.survey.joint_inclusion import joint_inclusion
from aoi.survey.unequal_draw import draw_unequal
from geo.errors import InputError

FIXED = ["sampford", "conditional-poisson", "tille", "midzuno", "systematic"]
SIZES = np.array([12.0, 45.0, 7.0, 68.0, 31.0, 22.0, 64.0, 15.0])
DRAWS = {"conditional-poisson": 300}
"""Draws of each design where 1500 would take long: the tilt is solved anew each time."""


def draws(pi: np.ndarray, method: str) -> np.ndarray:
    """Draw many samples and mark who was drawn, shape (draws, units)."""
    rng = np.random.default_rng(17)
    drawn = np.zeros((DRAWS.get(method, 1500), pi.size))
    for row in drawn:
        row[draw_unequal(pi, method, rng=rng)] = 1
    return drawn


def deviation(drawn: np.ndarray, joint: np.ndarray) -> float:
    """Return the largest distance of a pair's frequency from its probability, in standard deviations."""
    found = drawn.T @ drawn / len(drawn)
    spread = np.sqrt(joint * (1 - joint) / len(drawn))
    return float((np.abs(found - joint) / np.maximum(spread, 1e-6)).max())


@pytest.mark.parametrize("method", [*FIXED, "poisson"])
def test_first_and_second_order_frequencies(method: str) -> None:
    """Brute force: many draws, every pair as often as its joint probability says (4.5 sd)."""
    pi = proportional_inclusion(SIZES, 4, size_floor=0.0)
    drawn = draws(pi, method)
    assert deviation(drawn, joint_inclusion(pi, method)) <= 4.5
    if method != "poisson":
        assert (drawn.sum(axis=1) == 4).all()


def test_frequencies_tell_designs_apart() -> None:
    """Negative control: systematic draws do not have Sampford's joint probabilities."""
    pi = proportional_inclusion(SIZES, 4, size_floor=0.0)
    assert deviation(draws(pi, "systematic"), joint_inclusion(pi, "sampford")) > 4.5


@pytest.mark.parametrize("method", FIXED)
def test_same_seed_same_sample(method: str) -> None:
    """Law: a draw is its seed, and another seed is another draw."""
    pi = proportional_inclusion(np.random.default_rng(0).gamma(1.0, size=400) + 0.05, 40, size_floor=0.0)
    one, same, other = (draw_unequal(pi, method, rng=np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.unique(one).size == 40


@pytest.mark.parametrize("method", [*FIXED, "poisson"])
def test_certain_units_are_always_drawn(method: str) -> None:
    """Law: probability one is drawn every time."""
    pi = np.array([1.0, 0.5, 0.25, 0.25, 1.0])
    for seed in range(20):
        assert {0, 4} <= set(draw_unequal(pi, method, rng=np.random.default_rng(seed)).tolist())
    assert draw_unequal(np.ones(3), method, rng=np.random.default_rng(0)).tolist() == [0, 1, 2]


def test_systematic_keeps_the_order_of_the_frame() -> None:
    """Literal: equal probabilities of a quarter take every fourth unit."""
    drawn = draw_unequal(np.full(20, 0.25), "systematic", rng=np.random.default_rng(3))
    assert np.diff(drawn).tolist() == [4, 4, 4, 4]


def test_sum_that_is_no_sample_size() -> None:
    """Law: a fixed-size draw asks for a whole number."""
    with pytest.raises(InputError, match="draw a Poisson sample"):
        draw_unequal([0.3, 0.3], "tille", rng=np.random.default_rng(0))
