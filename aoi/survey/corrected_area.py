"""An area corrected unit by unit: each part of the domain counts by its own factor, with its own interval.

Eradication takes crop from some ground only, so its error is that of a small domain inside the domain. Taking it
from the interpreted figure as a known amount would leave that error out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aoi.survey.addition import mover_limits, normal_quantile
from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.domain import domain_areas
from aoi.survey.estimate import Estimate
from aoi.survey.estimator import stratified_totals
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["corrected_area"]


def corrected_area(
    stratum: IntArray,
    member: npt.ArrayLike,
    part: IntArray,
    design: StratifiedDesign,
    *,
    factor: npt.ArrayLike,
    part_area_ha: npt.ArrayLike,
    parameter_errors_ha: Sequence[float] = (),
    method: str = "default",
    level: float = 0.95,
) -> Estimate:
    """Return sum of factor x crop over the parts of a domain, with its interval.

    Parameters
    ----------
    stratum
        Stratum code of each sampled unit, shape (n,).
    member
        0/1 membership of each unit in the class, shape (n,).
    part
        Part of the domain each unit lies in, 0 to P - 1, or -1 outside the domain, shape (n,).
    design
        The strata of the whole frame.
    factor
        What the crop of each part is multiplied by, shape (P,): 1 where nothing happened, 0 where all is gone.
    part_area_ha
        True area of each part, shape (P,), ha; a part holds no more crop than ground.
    parameter_errors_ha
        Standard errors in hectares that the corrections' parameters bring, one for each parameter.
    method, level
        As in `aoi.survey.domain.domain_areas`.

    Returns
    -------
    Estimate
        The standard error is that of the sample for the factors as given, the parameters' errors added in squares.
        The limits are recovered from those of the parts (Zou and Donner 2008); parts share no ground, so their
        sampling errors do not add up to more.

    Raises
    ------
    InputError
        If shapes differ or a part is unknown.
    QualityGateError
        If a factor is negative: more would be taken away than there is.

    Examples
    --------
    >>> design = StratifiedDesign.of_units(["all"], [1000], unit_area_ha=1.0)
    >>> stratum, crop, part = np.zeros(100, dtype=int), np.repeat([1, 0], 50), np.tile([0, 1], 50)
    >>> half_gone = corrected_area(stratum, crop, part, design, factor=[1.0, 0.5], part_area_ha=[500.0, 500.0])
    >>> round(half_gone.value, 6)
    375.0
    """
    factors, areas = np.asarray(factor, dtype=float), np.asarray(part_area_ha, dtype=float)
    if factors.shape != areas.shape or factors.ndim != 1 or part.max(initial=-1) >= factors.size:
        found = f"{factors.size} factors, {areas.size} areas, parts up to {part.max(initial=-1)}"
        raise InputError(Problem("corrected area", found, "one factor and one area for each part"))
    if (factors < 0).any():
        found = f"a factor of {factors.min():g}"
        remedy = "subtract overlapping operations once, and check the parameters"
        raise QualityGateError(Problem("corrected area", found, "0 or more", remedy))
    y = np.asarray(member, dtype=float)
    inside = part[:, None] == np.arange(factors.size)
    weighted = y * np.where(part >= 0, factors[part], 0.0)
    total = stratified_totals(stratum, weighted, design, fpc=True, expansion=design.areas_ha)
    value, se = float(total.totals[0]), math.sqrt(max(float(total.covariance[0, 0]), 0.0))
    parts = domain_areas(stratum, y, inside, design, domain_area_ha=areas, method=method, level=level)
    lo, hi = _limits(value, parts, factors, [normal_quantile(level) * error for error in parameter_errors_ha])
    return Estimate(
        value=value,
        se=math.hypot(se, *parameter_errors_ha),
        lo=min(value, max(0.0, lo)),
        hi=max(value, min(hi, float(areas.sum() * max(1.0, factors.max(initial=0.0))))),
        n=sum(one.n for one in parts),
        method="stratified, corrected by parts; MOVER over parts and parameters",
        level=level,
    )


def _limits(
    value: float, parts: Sequence[Estimate], factors: FloatArray, halves: Sequence[float]
) -> tuple[float, float]:
    """Return the limits of the weighted sum of the parts, the parameters' half widths beside them."""
    below = [float(c) * (one.value - one.lo) for one, c in zip(parts, factors, strict=True)]
    above = [float(c) * (one.hi - one.value) for one, c in zip(parts, factors, strict=True)]
    return mover_limits(value, [*below, *halves], [*above, *halves])
