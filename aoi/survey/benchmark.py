"""Benchmarking: small-area figures made to add up to the national one, the adjustment added to their error."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from aoi.survey.addition import normal_quantile
from aoi.survey.estimate import Estimate
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["benchmark", "require_benchmarked"]


def benchmark(
    areas: list[Estimate],
    weights: ArrayLike,
    total: Estimate,
    *,
    method: Literal["difference", "ratio"] = "difference",
    most: ArrayLike | None = None,
) -> list[Estimate]:
    """Return the area figures adjusted so that their weighted sum is the national figure.

    Parameters
    ----------
    areas : list of Estimate
        Small-area figures.
    weights : array_like, shape (n_areas,)
        Weight of each in the national figure: 1 for totals, number of units for means per unit.
    total : Estimate
        The direct, design-based national figure.
    method : {"difference", "ratio"}
        Spread the difference in proportion to weight x mean squared error, so that sure areas move least and a
        known one stays; or multiply all by one factor.
    most : array_like, shape (n_areas,), optional
        Largest possible figure of each area, such as its hectares: no limit exceeds it.

    Returns
    -------
    list of Estimate
        Same order; the mean squared error grows by the square of the adjustment, flags stay.

    Raises
    ------
    InputError
        If there is not one positive weight for each area.
    QualityGateError
        If the figures cannot be brought to the total, or one would become negative or larger than is possible.

    References
    ----------
    Wang, Fuller and Qu (2008), Survey Methodology 34, 29-36, eq. 13; Rao and Molina (2015), section 6.4.6.

    Examples
    --------
    >>> def area(value, se):
    ...     return Estimate(value=value, se=se, lo=0.0, hi=2 * value, n=5, method="eblup")
    >>> national = Estimate(value=33.0, se=2.0, lo=29.0, hi=37.0, n=90, method="ratio")
    >>> [round(one.value, 3) for one in benchmark([area(10.0, 1.0), area(20.0, 2.0)], [1, 1], national)]
    [10.6, 22.4]
    """
    w = np.asarray(weights, dtype=float)
    if w.shape != (len(areas),) or not (np.isfinite(w) & (w > 0)).all():
        raise InputError(Problem("benchmark", f"weights of shape {w.shape}", "one positive weight for each area"))
    value, mse = np.array([one.value for one in areas]), np.array([one.se**2 for one in areas])
    gap = total.value - float(w @ value)
    pull = w * mse if method == "difference" else value
    reach = float(w @ pull)
    if reach <= 0 and not math.isclose(gap, 0.0, abs_tol=1e-9 * max(1.0, abs(total.value))):
        found = f"a gap of {gap:g} and nothing that may move"
        raise QualityGateError(Problem("benchmark", found, "figures with an error", "look for the contradiction"))
    moved = value + (pull * gap / reach if reach > 0 else 0.0)
    if (moved < 0).any() and (value >= 0).all():
        found = f"areas {np.flatnonzero(moved < 0)[:5].tolist()} below zero"
        raise QualityGateError(Problem("benchmark", found, "0 or more", "use the ratio method"))
    ceilings = np.full(value.shape, math.inf) if most is None else np.asarray(most, dtype=float)
    full = np.flatnonzero(moved > ceilings * (1 + 1e-9))
    if full.size:
        found, remedy = f"areas {full[:5].tolist()} fuller than they can be", "look for the contradiction"
        raise QualityGateError(Problem("benchmark", found, "no more crop than area", remedy))
    held = np.minimum(moved, ceilings)
    return [_moved(one, to, method, top) for one, to, top in zip(areas, held.tolist(), ceilings, strict=True)]


def _moved(area: Estimate, to: float, method: str, ceiling: float) -> Estimate:
    se = math.hypot(area.se, to - area.value)
    half = normal_quantile(area.level) * se
    floor = 0.0 if area.lo >= 0 else -math.inf
    return replace(
        area,
        value=to,
        se=se,
        lo=max(to - half, floor),
        hi=min(to + half, ceiling),
        method=f"{area.method}; benchmarked ({method})",
    )


def require_benchmarked(areas: list[Estimate], weights: ArrayLike, total: Estimate) -> None:
    """Refuse small-area figures that do not add up to the national one.

    Raises
    ------
    QualityGateError
        If the weighted sum is off by more than rounding.
    """
    summed = float(np.dot(np.asarray(weights, dtype=float), [one.value for one in areas]))
    if not math.isclose(summed, total.value, rel_tol=1e-9, abs_tol=1e-9):
        found = f"areas that sum to {summed:.6g}"
        raise QualityGateError(Problem("small areas", found, f"the total {total.value:.6g}", "benchmark them"))
