"""Stratified expansion: totals, covariances and class areas, by counts and sums, never by a loop over units.

References
----------
Cochran, W. G. (1977). Sampling Techniques, 3rd ed., equations 5.4 and 5.12 (stratified total and variance),
section 2.12 (domains by zero extension).
Olofsson, P. et al. (2013). Remote Sensing of Environment 129: 122-131, equations 2-3; (2014) 148: 42-57,
equations 9-11 (strata that are the map classes).
Stehman, S. V. (2014). International Journal of Remote Sensing 35: 4923-4939, equations 3 and 25 (strata that
are not the map classes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimate import LOW_COUNT, Estimate
from aoi.survey.stratified_interval import Strata, interval_methods, low_count, stratified_interval
from geo.errors import InputError, Problem

__all__ = [
    "Totals",
    "areas_of_counts",
    "class_areas",
    "class_counts",
    "count_totals",
    "membership",
    "strata_of",
    "stratified_totals",
    "variance_spread",
]


class Totals(NamedTuple):
    """Totals and their covariance."""

    totals: FloatArray
    """Estimated totals, shape (k,)."""
    covariance: FloatArray
    """Estimated covariance of the totals, shape (k, k)."""

    @property
    def se(self) -> FloatArray:
        """Standard errors, shape (k,)."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


def stratified_totals(
    stratum: IntArray,
    y: FloatArray,
    design: StratifiedDesign,
    *,
    fpc: bool,
    expansion: npt.ArrayLike | None = None,
) -> Totals:
    """Estimate totals of amounts measured on each sampled unit, with their covariance.

    A domain is estimated by giving y = 0 to the units outside it (zero extension), never by dropping them.

    Parameters
    ----------
    stratum
        Stratum code of each sampled unit, shape (n,).
    y
        Amounts on each unit, shape (n,) or (n, k), such as hectares of crop in the unit.
    design
        The strata.
    fpc
        Whether the variance carries the finite population correction 1 - n_h/N_h.
    expansion
        What a stratum's mean is multiplied by, shape (H,): its number of units by default; give
        `design.areas_ha` when `y` is the share of the unit (0/1 membership).

    Returns
    -------
    Totals
        Totals in the unit of `y` (hectares for shares expanded by areas), and their covariance.

    Raises
    ------
    InputError, QualityGateError
        If codes are no stratum, a value is not finite, or the design refuses the sample sizes.
    """
    values = np.asarray(y, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    _check_values(stratum, values)
    counts = design.sample_counts(stratum)
    scale = np.asarray(design.sizes if expansion is None else expansion, dtype=float)
    weighted = values * (scale / counts)[stratum][:, None]
    sums = sums_by(stratum, weighted, design.n_strata)
    spread = variance_spread(counts, design, fpc=fpc)
    centres = spread.centres(sums, counts)
    deviations = (weighted - centres[stratum]) * np.sqrt(spread.factors)[stratum][:, None]
    covariance: FloatArray = spread.inflation * (deviations.T @ deviations)
    return Totals(sums.sum(axis=0), covariance)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """How squared deviations of weighted values add up to a variance, lone units included."""

    factors: FloatArray
    """(1 - f_h) n / (n - 1) of each stratum's deviations, shape (H,)."""
    group: IntArray
    """Group of strata whose mean is a stratum's centre, shape (H,)."""
    about_zero: npt.NDArray[np.bool_]
    """Strata whose deviations are taken about zero, shape (H,)."""
    inflation: float
    """Factor of the whole variance (the policy ``average``)."""

    def centres(self, sums: FloatArray, counts: IntArray) -> FloatArray:
        """Return the centre of each stratum's weighted values, from their sums, shape (H, k)."""
        group_sums = sums_by(self.group, sums, counts.size)
        group_counts = np.bincount(self.group, weights=counts, minlength=counts.size)
        means = group_sums / np.maximum(group_counts, 1)[:, None]
        return np.asarray(np.where(self.about_zero[:, None], 0.0, means[self.group]), dtype=float)


def variance_spread(counts: IntArray, design: StratifiedDesign, *, fpc: bool) -> Spread:
    """Return the variance factors of a design under its policy for lone units.

    Parameters
    ----------
    counts
        n_h, shape (H,).
    design
        The strata and the policy.
    fpc
        Whether 1 - n_h/N_h is applied; a census stratum has no variance in either case.

    Returns
    -------
    Spread
        Factors, centres' groups, and the inflation.
    """
    kept = 1.0 - counts / design.sizes
    correction = np.maximum(kept, 0.0) if fpc else (kept > 0).astype(float)
    lone = (counts == 1) & (kept > 0)
    group = np.arange(design.n_strata, dtype=np.int64)
    if design.lonely == "collapse":
        group = _collapsed(lone)
    pooled = np.bincount(group, weights=counts, minlength=group.size)[group]
    factors = correction * np.where(pooled > 1, pooled / np.maximum(pooled - 1, 1), 0.0)
    inflation = 1.0
    if design.lonely == "adjust":
        factors = np.where(lone, correction, factors)
    elif design.lonely == "average" and lone.any():
        inflation = lone.size / max(lone.size - int(lone.sum()), 1)
    about_zero = lone & (design.lonely == "adjust")
    return Spread(factors=factors, group=group, about_zero=about_zero, inflation=inflation)


def _collapsed(lone: npt.NDArray[np.bool_]) -> IntArray:
    """Pool each lone stratum with the one before it (the first with the second)."""
    starts = np.where(lone, 0, 1)
    if lone.size > 1 and lone[0]:
        starts[:2] = 0
    starts[0] = 1
    return np.asarray(np.cumsum(starts) - 1, dtype=np.int64)


def sums_by(code: IntArray, values: FloatArray, n_codes: int) -> FloatArray:
    """Add up the rows of `values`, shape (n, k), by code; shape (n_codes, k)."""
    sums = np.zeros((n_codes, values.shape[1]))
    for column in range(values.shape[1]):
        sums[:, column] = np.bincount(code, weights=values[:, column], minlength=n_codes)
    return sums


def membership(labels: IntArray, n_classes: int) -> FloatArray:
    """Turn class codes into 0/1 membership, shape (n, n_classes)."""
    return np.asarray(np.equal.outer(labels, np.arange(n_classes)), dtype=float)


def class_counts(stratum: IntArray, labels: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Count the units of each stratum and class, shape (H, K)."""
    n_strata, n_classes = shape
    flat = np.bincount(np.asarray(stratum) * n_classes + labels, minlength=n_strata * n_classes)
    counts: FloatArray = flat.reshape(n_strata, n_classes).astype(float)
    return counts


def class_areas(
    stratum: IntArray,
    member: npt.ArrayLike,
    design: StratifiedDesign,
    *,
    fpc: bool = True,
    method: str = "default",
    level: float = 0.95,
) -> tuple[Estimate, ...]:
    """Estimate the area of each class from the reference labels of a stratified sample.

    The strata need not be the map's classes: the same expansion is Olofsson et al. (2014, eq. 9) where they
    are, and Stehman (2014, eq. 3) where they are not.

    Parameters
    ----------
    stratum
        Stratum code of each sampled unit, shape (n,).
    member
        0/1 membership of each unit in each class, shape (n,) or (n, K); see `membership`.
    design
        The strata with their areas in hectares.
    fpc
        Whether the finite population correction is applied (Stehman does, Olofsson does not).
    method, level
        Interval (see `aoi.survey.stratified_interval.interval_methods`) and confidence level.

    Returns
    -------
    tuple of Estimate
        One figure in hectares for each class.

    Raises
    ------
    InputError, QualityGateError
        If membership is not 0/1, or the design refuses the sample.

    Examples
    --------
    >>> design = StratifiedDesign.of_units(["crop", "rest"], [9_434, 990_566], unit_area_ha=1.0)
    >>> stratum = np.repeat([0, 1], [300, 600])
    >>> crop = np.r_[np.ones(240), np.zeros(60), np.ones(1), np.zeros(599)]
    >>> estimate = class_areas(stratum, crop, design, fpc=False)[0]
    >>> round(estimate.value), round(estimate.lo), round(estimate.hi)
    (9198, 7565, 15674)
    """
    values = np.asarray(member, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    _check_values(stratum, values)
    if not np.isin(values, (0.0, 1.0)).all():
        raise InputError(Problem("class membership", "values other than 0 and 1", "0 or 1 for each unit"))
    counts = design.sample_counts(stratum)
    found = sums_by(stratum, values, design.n_strata)
    return areas_of_counts(found, counts, design, fpc=fpc, method=method, level=level)


def areas_of_counts(
    found: FloatArray,
    counts: IntArray,
    design: StratifiedDesign,
    *,
    fpc: bool = True,
    method: str = "default",
    level: float = 0.95,
    possible: npt.NDArray[np.bool_] | None = None,
) -> tuple[Estimate, ...]:
    """Estimate class areas from the counts of each stratum; see `class_areas`.

    Parameters
    ----------
    found
        Sampled units of each class in each stratum, shape (H, K).
    counts
        Sampled units of each stratum, n_h, shape (H,).
    design, fpc, method, level
        As in `class_areas`.
    possible
        Strata in which each column can lie, shape (H, K); a domain cannot lie in strata outside it, and what
        they may hide is then no doubt about it. None: in all.

    Returns
    -------
    tuple of Estimate
        One figure in hectares for each class.
    """
    design.check_counts(counts)
    totals, variances = count_totals(found, counts, design, fpc=fpc)
    strata, se = strata_of(design, counts, fpc=fpc, possible=possible), np.sqrt(variances)
    methods = interval_methods(method, found, strata, se)
    bounds = stratified_interval(found, strata, se, methods=methods, level=level)
    flagged = low_count(found, strata)
    return tuple(
        Estimate(
            value=float(totals[k]),
            se=float(se[k]),
            lo=float(min(bounds.lo[k], totals[k])),
            hi=float(max(bounds.hi[k], totals[k])),
            n=int(counts.sum()),
            method=f"stratified; {methods[k]}",
            level=level,
            df=float(counts.sum() - counts.size),
            flags=(LOW_COUNT,) if flagged[k] else (),
        )
        for k in range(totals.size)
    )


def strata_of(
    design: StratifiedDesign, counts: IntArray, *, fpc: bool, possible: npt.NDArray[np.bool_] | None = None
) -> Strata:
    """Return what an interval needs of a design and its sample sizes."""
    return Strata(
        areas_ha=design.areas_ha,
        sizes=design.sizes.astype(float),
        counts=counts.astype(float),
        fpc=fpc,
        possible=possible,
    )


def count_totals(
    found: FloatArray, counts: IntArray, design: StratifiedDesign, *, fpc: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the areas of classes and their variances from counts, shapes (K,).

    The sum of squares of 0/1 values is their sum, so that no unit need be looked at.
    """
    weight = (design.areas_ha / counts)[:, None]
    sums = weight * found
    spread = variance_spread(counts, design, fpc=fpc)
    centres = spread.centres(sums, counts)
    squares = weight * sums - 2 * centres * sums + counts[:, None] * centres**2
    variances = spread.inflation * (spread.factors[:, None] * squares).sum(axis=0)
    return sums.sum(axis=0), np.maximum(variances, 0.0)


def _check_values(stratum: IntArray, values: FloatArray) -> None:
    """Refuse values that are missing or do not match the strata's codes one to one."""
    if values.shape[0] != np.asarray(stratum).shape[0]:
        raise InputError(Problem("sample", f"{values.shape[0]} values, {len(stratum)} strata", "one each"))
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise InputError(
            Problem(
                "sample",
                f"{int(bad.sum())} values missing or not finite (first: unit {int(bad.argmax())})",
                "a number for each unit",
                "label the unit, or treat it as non-response; missing is not zero",
            )
        )
