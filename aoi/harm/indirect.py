"""Indirect loss: rings around plots against matched land far from them, two-sided, refused when out of balance.

Units are coarse cells of forest. A ring cell is matched to background cells of like forest share, height and
slope; what these lost is what the ring cell is expected to lose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from aoi.harm.draws import stream
from geo.errors import InputError, Problem

__all__ = ["Match", "excess_draws", "match", "standardised_difference"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Match:
    """Controls of the cells of a ring."""

    control: NDArray[np.int64]
    """Row of the control of each treated cell, -1 where none lies within the caliper."""
    balance: FloatArray
    """Standardised difference of each covariate between matched cells and controls."""

    @property
    def unmatched(self) -> int:
        """Treated cells without control; they are told and never dropped in silence."""
        return int((self.control < 0).sum())


def standardised_difference(treated: FloatArray, control: FloatArray) -> FloatArray:
    """Return ``(m_T - m_C) / sqrt((s_T^2 + s_C^2) / 2)`` by covariate; 0 where both are constant and equal.

    Parameters
    ----------
    treated, control
        Shape (n, covariates) each.
    """
    gap = treated.mean(axis=0) - control.mean(axis=0)
    spread = np.sqrt((treated.var(axis=0) + control.var(axis=0)) / 2)
    infinite = np.where(gap == 0, 0.0, np.inf)
    return np.asarray(np.where(spread > 0, gap / np.where(spread > 0, spread, 1.0), infinite))


def match(treated: FloatArray, pool: FloatArray, *, caliper: float = 0.5) -> Match:
    """Match each treated cell to the nearest control, with replacement.

    Parameters
    ----------
    treated, pool
        Covariates, shape (n, k) and (m, k).
    caliper
        Largest distance in any covariate, in standard deviations of all cells.

    Raises
    ------
    InputError
        When a covariate is missing.
    """
    if not (np.isfinite(treated).all() and np.isfinite(pool).all()):
        raise InputError(Problem("covariates of rings", "a missing value", "one in each cell"))
    if not len(pool) or not len(treated):
        return Match(np.full(len(treated), -1), np.full(treated.shape[1], np.inf))
    spread = np.concatenate([treated, pool]).std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    distance, nearest = KDTree(pool / scale).query(treated / scale, p=np.inf)
    control = np.where(distance <= caliper, nearest, -1).astype(np.int64)
    matched = control >= 0
    if not matched.any():
        return Match(control, np.full(treated.shape[1], np.inf))
    return Match(control, standardised_difference(treated[matched], pool[control[matched]]))


def excess_draws(loss_ha: FloatArray, expected_ha: FloatArray, *, n: int, seed: int, name: str) -> FloatArray:
    """Return draws of loss beyond expectation, whole tiles drawn again so that neighbours stay together.

    Parameters
    ----------
    loss_ha, expected_ha
        By tile: observed, and expected from the controls, shape (tiles,).
    n, seed, name
        Draws, seed and name of the quantity.
    """
    excess = np.asarray(loss_ha - expected_ha, dtype=np.float64)
    chosen = stream(seed, name).integers(0, excess.size, size=(n, excess.size))
    return np.asarray(excess[chosen].sum(axis=1))
