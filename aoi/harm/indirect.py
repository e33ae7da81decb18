"""Indirect loss: rings around plots against matched land far from them, two-sided, refused when out of balance.

Units are coarse cells of forest. Ring cells and background cells are put into the same classes of forest share,
height and slope; what the background of a class lost is what the ring cells of it are expected to lose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.harm.draws import stream
from geo.errors import InputError, Problem

__all__ = ["Match", "excess_draws", "expected_loss_ha", "match", "standardised_difference"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Match:
    """Classes of the cells of a ring and of the controls."""

    treated: NDArray[np.int64]
    """Class of each treated cell, -1 where its class holds no control."""
    pool: NDArray[np.int64]
    """Class of each control, -1 where its class holds no treated cell."""
    balance: FloatArray
    """Standardised difference of each covariate between matched cells and controls weighted to their classes."""

    @property
    def unmatched(self) -> int:
        """Treated cells without control; they are told and never dropped in silence."""
        return int((self.treated < 0).sum())


def standardised_difference(
    treated: FloatArray, control: FloatArray, weight: FloatArray | None = None
) -> FloatArray:
    """Return ``(m_T - m_C) / sqrt((s_T^2 + s_C^2) / 2)`` by covariate; 0 where both are constant and equal.

    Parameters
    ----------
    treated, control
        Shape (n, covariates) and (m, covariates).
    weight
        Of the controls, shape (m,); even when None.
    """
    mean = np.average(control, axis=0, weights=weight)
    gap = treated.mean(axis=0) - mean
    spread = np.sqrt((treated.var(axis=0) + np.average((control - mean) ** 2, axis=0, weights=weight)) / 2)
    level = np.abs(gap) <= 1e-12 * np.maximum(1.0, np.abs(mean))
    return np.asarray(np.where(level, 0.0, np.where(spread > 0, gap / np.where(spread > 0, spread, 1.0), np.inf)))


def match(treated: FloatArray, pool: FloatArray, *, parts: int = 5) -> Match:
    """Match cells and controls by classes: fifths of each covariate of the treated cells.

    Parameters
    ----------
    treated, pool
        Covariates, shape (n, k) and (m, k).
    parts
        Classes of each covariate; controls beyond the range of the treated cells are left out.

    Raises
    ------
    InputError
        When a covariate is missing.

    References
    ----------
    Iacus, S. M., King, G. and Porro, G. (2012), Political Analysis 20, 1-24: coarsened exact matching.
    """
    if not (np.isfinite(treated).all() and np.isfinite(pool).all()):
        raise InputError(Problem("covariates of rings", "a missing value", "one in each cell"))
    none = np.full(len(treated), -1), np.full(len(pool), -1), np.full(treated.shape[1], np.inf)
    if not len(pool) or not len(treated):
        return Match(*none)
    ours, theirs = np.zeros(len(treated), np.int64), np.zeros(len(pool), np.int64)
    inside = ((pool >= treated.min(axis=0)) & (pool <= treated.max(axis=0))).all(axis=1)
    for own, other in zip(treated.T, pool.T, strict=True):
        edges = np.unique(np.quantile(own, np.linspace(0, 1, parts + 1)[1:-1]))
        ours = ours * (parts + 1) + np.searchsorted(edges, own, side="right")
        theirs = theirs * (parts + 1) + np.searchsorted(edges, other, side="right")
    theirs[~inside] = -1
    both = np.intersect1d(ours, theirs[inside])
    ours, theirs = (np.where(np.isin(codes, both), np.searchsorted(both, codes), -1) for codes in (ours, theirs))
    if not len(both):
        return Match(*none)
    mine, used = ours >= 0, theirs >= 0
    share = np.bincount(ours[mine], minlength=len(both)) / np.bincount(theirs[used], minlength=len(both))
    return Match(ours, theirs, standardised_difference(treated[mine], pool[used], share[theirs[used]]))


def expected_loss_ha(
    found: Match, loss_ha: FloatArray, forest_ha: FloatArray, treated_ha: FloatArray
) -> FloatArray:
    """Return what each treated cell would have lost at the rate of the controls of its class, 0 where unmatched.

    Parameters
    ----------
    found
        The match.
    loss_ha, forest_ha
        Loss and forest of the controls, shape (m,).
    treated_ha
        Forest of the treated cells, shape (n,).
    """
    used, matched = found.pool >= 0, found.treated >= 0
    size = int(found.treated.max()) + 1
    lost, stood = (
        np.bincount(found.pool[used], weights=values[used], minlength=size) for values in (loss_ha, forest_ha)
    )
    rate = lost / np.where(stood > 0, stood, 1.0)
    return np.asarray(np.where(matched, rate[found.treated] * treated_ha, 0.0))


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
