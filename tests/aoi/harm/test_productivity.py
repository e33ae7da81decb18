"""Productivity from a yearly index: Mann-Kendall against its table, states worked by hand, holes stay holes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, t

from aoi.harm.degradation import NODATA
from aoi.harm.productivity import performance, productivity_state, trajectory
from geo.errors import InputError


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_trend_is_that_of_kendalls_tau(seed: int) -> None:
    """Independent program: the sign and the normal score of scipy's tau without ties."""
    series = np.random.default_rng(seed).normal(0, 1, (12, 6)) + np.linspace(0, 2, 12)[:, None] * [
        0,
        0,
        1,
        1,
        -1,
        -1,
    ]
    for column, state in zip(series.T, trajectory(series), strict=True):
        tau = kendalltau(np.arange(12), column).statistic
        score = tau * 12 * 11 / 2
        z = (score - np.sign(score)) / np.sqrt(12 * 11 * 29 / 18)
        assert state == (np.sign(z) if abs(z) > 1.959964 else 0)


def test_state_by_hand() -> None:
    """By hand: ten even years, then three at the bottom, the middle and the top."""
    before = np.linspace(0.1, 1.0, 10)
    series = np.column_stack([np.r_[before, [low] * 3] for low in (0.05, 0.55, 1.2)])
    assert productivity_state(series).tolist() == [-1, 0, 1]


@given(st.integers(0, 10**6), st.integers(8, 24))
@settings(max_examples=20, deadline=None)
def test_state_is_that_of_a_contrast_of_least_squares(seed: int, years: int) -> None:
    """Independent algebra: least squares with a column for each new year; their mean effect against its error."""
    rng = np.random.default_rng(seed)
    step = np.r_[np.zeros(years - 3), [0.12] * 3][:, None] * [0, 0, 1, 1, -1, -1]
    series = rng.normal(0.6, 0.05, (years, 6)) + step
    design = np.column_stack([np.ones(years), np.eye(years)[:, -3:]])
    contrast = np.array([0, 1, 1, 1]) / 3
    inverse = np.linalg.inv(design.T @ design)
    for column, state in zip(series.T, productivity_state(series), strict=True):
        effects = inverse @ design.T @ column
        variance = ((column - design @ effects) ** 2).sum() / (years - 4)
        z = contrast @ effects / np.sqrt(variance * (contrast @ inverse @ contrast))
        assert state == (np.sign(z) if 2 * t.sf(abs(z), years - 4) < 0.05 else 0)


def test_chance_alone_is_called_a_decline_in_one_of_forty() -> None:
    """Law: years without any change fall below the limit in 2.5 of a hundred series, however few they are."""
    for years in (8, 12, 20):
        states = productivity_state(np.random.default_rng(years).normal(0.6, 0.05, (years, 20_000)))
        assert (states == -1).mean() == pytest.approx(0.025, abs=0.004)
        assert (states == 1).mean() == pytest.approx(0.025, abs=0.004)


def test_performance_is_against_like_land() -> None:
    """By hand: 0.3 is poor among forest of 0.8 and good among grass of 0.3."""
    level = np.array([0.8] * 9 + [0.3] + [0.3] * 10)
    group = np.array([1] * 10 + [2] * 10)
    found = performance(np.tile(level, (8, 1)), group)
    assert found.tolist() == [0] * 9 + [-1] + [0] * 10


def test_holes_are_no_data_and_short_series_are_refused() -> None:
    """Law: no-data never becomes stable; seven years make no trend."""
    series = np.full((8, 2), 0.5)
    series[3, 1] = np.nan
    for states in (trajectory(series), productivity_state(series), performance(series, [1, 1])):
        assert states.tolist() == [0, NODATA]
    with pytest.raises(InputError, match="8 years or more"):
        trajectory(series[:7])
