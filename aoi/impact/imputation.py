"""Effects by imputation: what treated units would have had, from fixed effects of untreated unit-years alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.impact.group_time import NEVER
from geo.errors import Problem, QualityGateError

__all__ = ["Imputed", "imputation"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputed:
    """Mean effect on treated unit-years from the start on."""

    value: float
    """Mean effect."""
    se: float
    """Cluster-robust standard error, conservative."""
    by_event: dict[int, float]
    """Mean effect by years since the start; negative ones lie between announcement and start."""
    clusters: int
    """Clusters behind it."""


def imputation(
    outcome: FloatArray,
    years: IntArray,
    start: IntArray,
    baseline: IntArray,
    clusters: IntArray,
    *,
    covariates: FloatArray | None = None,
) -> Imputed:
    """Return the imputation estimator of Borusyak, Jaravel and Spiess.

    Parameters
    ----------
    outcome : ndarray, shape (n, T)
        Outcome without gaps.
    years : ndarray, shape (T,)
        Years.
    start, baseline : ndarray, shape (n,)
        First year of treatment, and last one before the announcement; `NEVER` without. Unit-years after the
        baseline do not teach what untreated ones look like.
    clusters : ndarray of int, shape (n,)
        Cluster of each unit.
    covariates : ndarray, shape (n, T, k), optional
        Traits that change over time and that the programme does not change.

    Raises
    ------
    QualityGateError
        If a treated unit has no year up to its baseline, or a year no untreated unit.

    References
    ----------
    Borusyak, Jaravel and Spiess (2024), Review of Economic Studies 91, 3253-3285, doi:10.1093/restud/rdae007:
    theorem 1 (the estimator), equation 8 (weights) and proposition 4 (standard error, effects averaged by cohort
    and years since the start).
    """
    n, length = outcome.shape
    treated = start != NEVER
    touched = treated[:, None] & (years[None, :] > baseline[:, None])
    active = treated[:, None] & (years[None, :] >= start[:, None])
    clean = ~touched
    if not clean.any(axis=1).all() or not clean.any(axis=0).all():
        raise QualityGateError(
            Problem(
                "imputation",
                "a unit without a year before the programme, or a year in which all are treated",
                "untreated years of each unit and untreated units in each year",
                "begin the panel earlier, or end it before",
            )
        )
    x = _regressors(n, length, covariates)
    share = clean / clean.sum(axis=1, keepdims=True)
    mean_x = np.einsum("it,itk->ik", share, x)
    apart = (x - mean_x[:, None, :]) * clean[..., None]
    gram = np.linalg.pinv(np.einsum("itk,itl->kl", apart, apart))
    beta = gram @ np.einsum("itk,it->k", apart, outcome)
    level = (share * (outcome - x @ beta)).sum(axis=1)
    effect = outcome - level[:, None] - x @ beta
    weight = active / active.sum()
    value = float((weight * effect).sum())
    # the estimator is linear: what weight each untreated outcome has in it (equation 8)
    needed = np.einsum("it,itk->k", weight, x - mean_x[:, None, :])
    weights = weight - clean * (weight.sum(axis=1, keepdims=True) * share + apart @ (gram @ needed))
    residual = effect - _cohort_means(effect, active, years, start, weight)
    scores = (weights * np.where(touched & ~active, 0.0, residual)).sum(axis=1)
    names, code = np.unique(clusters, return_inverse=True)
    sums = np.bincount(code, weights=scores)
    event = np.where(touched, years[None, :] - start[:, None], -(10**6))
    return Imputed(
        value=value,
        se=math.sqrt(float((sums**2).sum())),
        by_event={int(e): float(effect[event == e].mean()) for e in np.unique(event[touched])},
        clusters=len(names),
    )


def _regressors(n: int, length: int, covariates: FloatArray | None) -> FloatArray:
    """Return year dummies (the first year left out) and the covariates, shape (n, T, k)."""
    years = np.broadcast_to(np.eye(length)[:, 1:], (n, length, length - 1))
    return np.asarray(years) if covariates is None else np.concatenate([years, covariates], axis=2)


def _cohort_means(
    effect: FloatArray, active: NDArray[np.bool_], years: IntArray, start: IntArray, weight: FloatArray
) -> FloatArray:
    """Return the mean effect by cohort and year where treated, weighted as proposition 4 does; zero elsewhere."""
    means = np.zeros_like(effect)
    for cohort in np.unique(start[start != NEVER]):
        for column in np.flatnonzero(years >= cohort):
            rows = np.flatnonzero((start == cohort) & active[:, column])
            share = weight[rows, column] ** 2
            means[rows, column] = float(share @ effect[rows, column] / share.sum()) if share.sum() > 0 else 0.0
    return means
