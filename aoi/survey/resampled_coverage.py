"""Coverage of an interval under a design of units, by drawing the units of the sample again and again.

The sample is taken for the population, each unit as often as its weight says. It has seen too little of a rare
crop, if anything; the pessimistic truth therefore holds as many units with crop as the sample can hide in each
stratum in which it saw any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aoi.survey.coverage import Coverage, Scenario
from aoi.survey.design import FloatArray, IntArray
from aoi.survey.estimate import Estimate
from aoi.survey.interval import jeffreys

__all__ = ["Redraw", "coverage_of_units", "redraw", "unit_chances"]

RESAMPLES = 400
"""Surveys simulated; a coverage of 0.95 is then known to 0.011."""

Survey = Callable[["Redraw", FloatArray], Estimate]
"""From a simulated sample, and the chance of each unit of the real one, to the figure it would have given."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Redraw:
    """A simulated sample: rows of the real one, and the unit each belongs to now."""

    row: IntArray
    """Row of the real sample, shape (m,)."""
    unit: IntArray
    """Simulated unit of each, shape (m,): a unit drawn twice is two units."""


def redraw(unit: IntArray, group: IntArray, chance: FloatArray, rng: np.random.Generator) -> Redraw:
    """Draw as many units from each stratum as the sample has, with replacement.

    Parameters
    ----------
    unit
        Unit of each row, 0 to U - 1, shape (n,).
    group
        Stratum of each unit, shape (U,).
    chance
        Chance of each unit in one draw from its stratum, shape (U,), summing to one in each.
    rng
        Source of randomness.

    Returns
    -------
    Redraw
    """
    drawn = [
        rng.choice(at, size=at.size, p=chance[at])
        for at in (np.flatnonzero(group == code) for code in range(int(group.max()) + 1))
    ]
    units = np.concatenate(drawn)
    order = np.argsort(unit, kind="stable")
    edges = np.searchsorted(unit[order], np.arange(group.size + 1))
    rows = [order[edges[one] : edges[one + 1]] for one in units.tolist()]
    sizes = [part.size for part in rows]
    return Redraw(row=np.concatenate(rows), unit=np.repeat(np.arange(units.size), sizes).astype(np.int64))


def unit_chances(amount: FloatArray, group: IntArray, scenario: Scenario, *, level: float) -> FloatArray:
    """Return the chance of each unit in one draw from its stratum.

    Parameters
    ----------
    amount
        Crop in each unit, shape (U,).
    group
        Stratum of each unit, shape (U,).
    scenario
        ``resampled``: all alike; ``pessimistic``: units with crop as frequent as the sample can hide.
    level
        Level of the limit of what it can hide.

    Returns
    -------
    ndarray
        Shape (U,), summing to one in each stratum.

    Examples
    --------
    >>> unit_chances(np.array([0.0, 0.0, 0.0, 5.0]), np.zeros(4, dtype=np.int64), "resampled", level=0.95)
    array([0.25, 0.25, 0.25, 0.25])
    """
    n = np.bincount(group).astype(float)
    positive = amount > 0
    x = np.bincount(group[positive], minlength=n.size).astype(float)
    if scenario != "pessimistic":
        return np.asarray(1 / n[group])
    tilted = (x > 0) & (x < n)
    share = np.where(tilted, jeffreys(x, n, level).hi, x / n)
    rest = np.where(tilted, (1 - share) / np.maximum(n - x, 1), 0.0)
    own = share / np.maximum(x, 1)
    return np.where(tilted[group], np.where(positive, own[group], rest[group]), 1 / n[group])


def coverage_of_units(
    name: str,
    survey: Survey,
    *,
    unit: IntArray,
    group: IntArray,
    amount: FloatArray,
    expanded: FloatArray,
    level: float,
    rng: np.random.Generator,
    draws: int = RESAMPLES,
) -> tuple[Coverage, ...]:
    """Simulate surveys from the units of a sample and judge the interval each would have given.

    Parameters
    ----------
    name
        Variable.
    survey
        Makes the figure of a simulated sample.
    unit
        First-stage unit of each row, shape (n,).
    group
        Stratum of each unit, shape (U,).
    amount
        Crop seen in each unit, shape (U,).
    expanded
        Weighted total of each unit, whose sum estimates the frame's, shape (U,).
    level
        Nominal level.
    rng
        Source of randomness.
    draws
        Surveys to simulate.

    Returns
    -------
    tuple of Coverage
        One for the sample as it is and one for the pessimistic truth.
    """
    found = []
    sizes = np.bincount(group)[group]
    scenarios: tuple[Scenario, ...] = ("resampled", "pessimistic")
    for scenario in scenarios:
        chance = unit_chances(amount, group, scenario, level=level)
        truth = float((sizes * chance * expanded).sum())
        figures = [survey(redraw(unit, group, chance, rng), chance) for _ in range(draws)]
        lo, hi = np.array([figure.lo for figure in figures]), np.array([figure.hi for figure in figures])
        slack = 1e-9 * max(abs(truth), 1.0)
        above, below = float((hi < truth - slack).mean()), float((lo > truth + slack).mean())
        found.append(
            Coverage(
                name=name,
                scenario=scenario,
                truth_ha=truth,
                level=level,
                covered=1.0 - above - below,
                above=above,
                below=below,
                mean_width_ha=float((hi - lo).mean()),
                draws=draws,
            )
        )
    return tuple(found)
