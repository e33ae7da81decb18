"""What is grown where in each year."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.simulate.history import crop_years, rotation
from imagery.simulate.noise import stream

FIELD = 0.6  # areas are met to about one field of 0.5 ha


@pytest.fixture
def fields() -> tuple[np.ndarray, np.ndarray]:
    """Give 400 field sizes and their appeal."""
    rng = stream(2, 1)
    return rng.uniform(0.1, 0.9, 400), rng.standard_normal(400)


def test_targets_and_permanence_are_met(fields: tuple[np.ndarray, np.ndarray]) -> None:
    """Law: every year has the area asked for, and keeps the share of last year's that was asked for."""
    area, appeal = fields
    targets = [30.0, 32.0, 35.0]
    grown = crop_years(area, appeal, targets, permanence=0.8, rng=stream(2, 2))
    assert np.allclose((grown * area[:, None]).sum(axis=0), targets, atol=FIELD)
    stayed = (grown[:, :-1] & grown[:, 1:]) * area[:, None]
    assert np.allclose(stayed.sum(axis=0), [24.0, 25.6], atol=FIELD)


def test_a_shrinking_crop_keeps_no_more_than_its_target(fields: tuple[np.ndarray, np.ndarray]) -> None:
    """Law: where the target falls below what would stay, only the target stays and nothing new is taken up."""
    area, appeal = fields
    grown = crop_years(area, appeal, [40.0, 10.0], permanence=0.9, rng=stream(2, 3))
    assert (grown[:, 1] * area).sum() == pytest.approx(10.0, abs=FIELD)
    assert not (grown[:, 1] & ~grown[:, 0]).any()


def test_land_given_up_is_not_taken_back(fields: tuple[np.ndarray, np.ndarray]) -> None:
    """Law: a field's years under the crop are one run."""
    area, appeal = fields
    grown = crop_years(area, appeal, [30.0] * 6, permanence=0.7, rng=stream(2, 4))
    starts = grown[:, :1].sum(axis=1) + (~grown[:, :-1] & grown[:, 1:]).sum(axis=1)
    assert starts.max() == 1


def test_rotation_has_its_shares_and_its_memory() -> None:
    """Law: shares are kept in every year; classes repeat more often than chance by the share that stays."""
    drawn = rotation({2: 0.7, 5: 0.3}, 0.5, (20_000, 3), stream(2, 5))
    assert np.allclose((drawn == 2).mean(axis=0), 0.7, atol=0.02)
    repeats = (drawn[:, 1] == drawn[:, 0]).mean()
    assert repeats == pytest.approx(0.5 + 0.5 * (0.7**2 + 0.3**2), abs=0.02)
