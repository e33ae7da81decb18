"""Transitions and falls, by hand and by plain loops."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from imagery.transition import GONE, NEW, NO_CROP, STABLE, UNKNOWN, largest_fall, transitions

DAYS = [date(2024, 1, 1) + timedelta(days=10 * n) for n in range(8)]


def test_transitions_by_hand() -> None:
    """Literal: what stays, comes and goes; what one of the two maps did not see is unknown."""
    before = np.array([[1, 1, 2, 2, 255, 1, 0]], dtype=np.uint8)
    after = np.array([[1, 3, 1, 2, 1, 255, 0]], dtype=np.uint8)
    assert transitions(before, after, 1).tolist() == [[STABLE, GONE, NEW, NO_CROP, UNKNOWN, UNKNOWN, UNKNOWN]]


def test_a_clearing_is_dated_by_the_day_it_was_seen() -> None:
    """Literal: forest until day 3, clouds on day 4, bare from day 5: first seen on day 5."""
    series = np.array([[0.8], [0.7], [0.8], [0.8], [0.1], [0.2], [0.2], [0.3]], dtype=np.float32)
    valid = np.ones((8, 1), dtype=bool)
    valid[4] = False
    when, fall = largest_fall(series, valid, DAYS)
    assert date.fromordinal(int(when[0])) == DAYS[5]
    assert np.isclose(fall[0], 0.6)


def test_ground_that_only_greens_has_no_date() -> None:
    """Law: nothing fell, so nothing was opened."""
    when, fall = largest_fall(np.arange(8.0)[:, None], np.ones((8, 1), dtype=bool), DAYS)
    assert (int(when[0]), float(fall[0])) == (0, 0.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_plain_loops_find_the_same(seed: int) -> None:
    """Brute force: the clear values of each cell, one after the other."""
    rng = np.random.default_rng(seed)
    series, valid = rng.normal(size=(8, 5)), rng.random((8, 5)) < 0.7
    when, fall = largest_fall(series, valid, DAYS)
    for cell in range(5):
        clear = np.flatnonzero(valid[:, cell])
        drops = [(series[a, cell] - series[b, cell], DAYS[b]) for a, b in pairwise(clear)]
        best = max(drops, key=lambda drop: drop[0], default=(0.0, None))
        assert np.isclose(fall[cell], max(best[0], 0.0))
        assert int(when[cell]) == (best[1].toordinal() if best[0] > 0 and best[1] else 0)
