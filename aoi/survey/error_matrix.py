"""The error matrix of a map in area proportions: overall, user's and producer's accuracy with standard errors.

Accuracies are ratios of estimated areas; their standard errors are those of the linearised ratios, which are
right whether or not the strata are the map's classes. Nothing is computed from the raw count matrix, which
only says how many units stand behind each cell.

References
----------
Stehman, S. V. (2014). International Journal of Remote Sensing 35: 4923-4939, equations 25-28.
Olofsson, P. et al. (2014). Remote Sensing of Environment 148: 42-57, equations 1-7 (strata that are the map
classes; the same numbers as the linearised form without finite population correction).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimator import stratified_totals
from aoi.survey.weighted import WeightedSample
from geo.errors import InputError, Problem

__all__ = ["Accuracy", "ErrorMatrix", "error_matrix", "weighted_error_matrix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """One accuracy: a share of area, its standard error and the units behind it."""

    value: float
    """Estimated share in [0, 1]; NaN where no sampled unit defines it."""
    se: float
    """Standard error; NaN where `value` is."""
    n: int
    """Sampled units in the denominator."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ErrorMatrix:
    """A map's errors in area proportions, rows map and columns reference."""

    classes: tuple[str, ...]
    """Legend, in the order of rows and columns."""
    proportions: FloatArray
    """Estimated share of the frame's area in each cell, shape (K, K), adding up to 1."""
    counts: IntArray
    """Sampled units in each cell, shape (K, K); not an estimate of anything."""
    overall: Accuracy
    """Share of the area that the map has right."""
    users: tuple[Accuracy, ...]
    """Of the area mapped as a class, the share that is of it (1 - commission)."""
    producers: tuple[Accuracy, ...]
    """Of the area of a class, the share mapped as it (1 - omission)."""


def error_matrix(
    stratum: IntArray,
    mapped: IntArray,
    reference: IntArray,
    design: StratifiedDesign,
    classes: Sequence[str],
    *,
    fpc: bool = True,
) -> ErrorMatrix:
    """Estimate the error matrix of a map from a stratified sample.

    Parameters
    ----------
    stratum
        Stratum code of each sampled unit, shape (n,); the strata need not be map classes.
    mapped, reference
        Class code of each unit on the map and in the reference, shape (n,).
    design
        The strata; a certainty stratum adds its errors and no variance.
    classes
        Legend.
    fpc
        Whether the finite population correction is applied.

    Returns
    -------
    ErrorMatrix
        Proportions, counts and accuracies.

    Raises
    ------
    InputError
        If a code is outside the legend.
    """
    weight = (design.areas_ha / design.sample_counts(stratum))[stratum]
    values, deviations = _scores(mapped, reference, weight, classes)
    se = stratified_totals(stratum, deviations, design, fpc=fpc, expansion=design.areas_ha).se
    return _matrix(mapped, reference, weight, classes, (values, se))


def weighted_error_matrix(
    sample: WeightedSample, mapped: IntArray, reference: IntArray, classes: Sequence[str]
) -> ErrorMatrix:
    """Estimate the error matrix of a map from weighted or clustered units; see `error_matrix`.

    Parameters
    ----------
    sample
        The units with their weights and primary units.
    mapped, reference
        Class code of each unit on the map and in the reference, shape (n,).
    classes
        Legend.

    Returns
    -------
    ErrorMatrix
        With standard errors from the spread of primary units.
    """
    weight = sample.area_weight
    values, deviations = _scores(mapped, reference, weight, classes)
    se = np.sqrt(sample.stratum_variance(deviations).sum(axis=0))
    return _matrix(mapped, reference, weight, classes, (values, se))


def _cell_areas(mapped: IntArray, reference: IntArray, weight: FloatArray, classes: Sequence[str]) -> FloatArray:
    """Return the estimated area of each cell, refusing codes outside the legend, shape (K, K)."""
    n_classes = len(classes)
    problems = [
        Problem(f"column {name!r}", f"codes {codes.min()}..{codes.max()}", f"0..{n_classes - 1}, one per class")
        for name, codes in (("map", mapped), ("reference", reference))
        if codes.min() < 0 or codes.max() >= n_classes
    ]
    if problems:
        raise InputError(problems)
    cell = mapped * n_classes + reference
    area: FloatArray = np.bincount(cell, weights=weight, minlength=n_classes**2).astype(np.float64)
    return area.reshape(n_classes, n_classes)


def _matrix(
    mapped: IntArray,
    reference: IntArray,
    weight: FloatArray,
    classes: Sequence[str],
    scores: tuple[FloatArray, FloatArray],
) -> ErrorMatrix:
    """Gather proportions, counts and accuracies into the record."""
    n_classes = len(classes)
    area = _cell_areas(mapped, reference, weight, classes)
    counts = np.bincount(mapped * n_classes + reference, minlength=n_classes**2).astype(np.int64)
    counts = counts.reshape(n_classes, n_classes)
    behind = np.concatenate([[counts.sum()], counts.sum(axis=1), counts.sum(axis=0)])
    accuracies = [
        Accuracy(value=float(value), se=float(se) if np.isfinite(value) else float("nan"), n=int(n))
        for value, se, n in zip(*scores, behind, strict=True)
    ]
    return ErrorMatrix(
        classes=tuple(classes),
        proportions=area / area.sum(),
        counts=counts,
        overall=accuracies[0],
        users=tuple(accuracies[1 : n_classes + 1]),
        producers=tuple(accuracies[n_classes + 1 :]),
    )


def _scores(
    mapped: IntArray, reference: IntArray, weight: FloatArray, classes: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """Return the accuracies R = Y/X and each unit's linearised deviation (y - R x) / X.

    Order: overall, user's of each class, producer's of each class; shapes (1 + 2K,) and (n, 1 + 2K).
    """
    area = _cell_areas(mapped, reference, weight, classes)
    right = (mapped == reference).astype(float)
    of_map = np.equal.outer(mapped, np.arange(len(classes))).astype(float)
    of_reference = np.equal.outer(reference, np.arange(len(classes))).astype(float)
    members = np.concatenate([np.ones((mapped.size, 1)), of_map, of_reference], axis=1)
    below = np.concatenate([[area.sum()], area.sum(axis=1), area.sum(axis=0)])
    above = np.concatenate([[np.trace(area)], np.diag(area), np.diag(area)])
    ratio = np.divide(above, below, out=np.full_like(below, np.nan), where=below > 0)
    deviations = members * (right[:, None] - np.nan_to_num(ratio)) / np.where(below > 0, below, 1.0)
    return ratio, deviations
