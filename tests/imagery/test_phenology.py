"""Season of a curve: by hand, by dense sampling, and that no block decides."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagery.harmonic import harmonic_design, harmonic_fit
from imagery.phenology import STEP_DAYS, season_of, season_of_harmonics


def test_a_trapezium_by_hand() -> None:
    """Literal: 0, 0, 1, 1, 0 every ten days passes a fifth on days 12 and 38; the ground between is 10 + 9.6 + ...

    Start to first 1: from 12 to 20, mean (0.2 + 1) / 2, but trapezia are cut by time: 0.8 of a step of area 5.
    """
    season = season_of(np.array([[0.0], [0.0], [1.0], [1.0], [0.0]]), 10)
    assert [float(one[0]) for one in (season.start, season.peak, season.end)] == pytest.approx([12, 20, 38])
    assert float(season.amplitude[0]) == 1.0
    assert float(season.integral[0]) == pytest.approx(0.8 * 5 + 10 + 0.8 * 5)


def test_a_curve_that_never_falls_ends_with_the_period() -> None:
    """Literal: a rise throughout has its peak and its end on the last day."""
    season = season_of(np.arange(5.0)[:, None], 10)
    assert (float(season.peak[0]), float(season.end[0]), float(season.start[0])) == (40, 40, 8)


def test_no_curve_no_season() -> None:
    """Law: a flat curve has no dates, and a missing one nothing at all."""
    season = season_of(np.array([[0.4, np.nan]] * 4), 5)
    assert np.isnan(season.start).all()
    assert float(season.amplitude[0]) == 0.0
    assert np.isnan(season.integral[1])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_dates_are_those_of_a_dense_search(seed: int) -> None:
    """Brute force: walking from the peak over a curve drawn every hundredth of a step."""
    curve = np.random.default_rng(seed).random((12, 1))
    season = season_of(curve, 1)
    at = np.linspace(0, 11, 11_001)
    dense = np.interp(at, np.arange(12), curve[:, 0])
    line = dense.min() + 0.2 * (dense.max() - dense.min())
    top = dense.argmax()
    before, after = np.flatnonzero(dense[:top] <= line), np.flatnonzero(dense[top:] <= line)
    start = at[before[-1]] if before.size else 0.0
    end = at[top + after[0]] if after.size else 11.0
    assert float(season.start[0]) == pytest.approx(start, abs=2e-3)
    assert float(season.end[0]) == pytest.approx(end, abs=2e-3)


def test_the_peak_of_a_wave_is_found() -> None:
    """Analytic: a yearly cosine that peaks on 1 July, seen every ten days."""
    days = [date(2023, 1, 1) + timedelta(days=10 * n) for n in range(37)]
    design = harmonic_design(days, 1)
    phase = 2 * np.pi * 181 / 365.25
    series = (np.cos(phase) * design[:, 1] + np.sin(phase) * design[:, 2])[:, None].astype(np.float32)
    fitted = harmonic_fit(series, np.ones_like(series, dtype=bool), design, ridge=0.0)
    season = season_of_harmonics(fitted, days[0], days[-1])
    assert float(season.peak[0]) == pytest.approx(181, abs=STEP_DAYS)
    assert float(season.amplitude[0]) == pytest.approx(2.0, abs=0.01)


def test_no_bit_depends_on_the_cells_beside() -> None:
    """Law: a cell alone and among others has the same season."""
    curve = np.random.default_rng(1).random((20, 50)).astype(np.float32)
    whole, part = season_of(curve, 5), season_of(np.ascontiguousarray(curve[:, 17:18]), 5)
    for name in ("start", "peak", "end", "amplitude", "integral"):
        assert np.array_equal(getattr(whole, name)[17:18], getattr(part, name))
