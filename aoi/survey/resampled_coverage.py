"""Coverage of an interval under a design of units, by drawing the units of the sample again and again.

The sample is taken for the population, each unit as often as its weight says. It has seen too little of a rare
crop, if anything; the pessimistic truth therefore holds as many units with crop as the sample can hide in each
stratum in which it saw any.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aoi.survey.coverage import Coverage, Scenario
from aoi.survey.design import FloatArray, IntArray
from aoi.survey.interval import jeffreys

__all__ = ["RESAMPLES", "SCENARIOS", "Redraw", "coverage_of_limits", "redraw", "unit_chances"]

RESAMPLES = 400
"""Surveys simulated; a coverage of 0.95 is then known to 0.011."""

FEWEST = 2
"""Units below which a sample has no variance."""
SCENARIOS: tuple[Scenario, ...] = ("resampled", "pessimistic")
"""Truths that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Redraw:
    """A simulated sample: rows of the real one, and the unit each belongs to now."""

    row: IntArray
    """Row of the real sample, shape (m,)."""
    unit: IntArray
    """Simulated unit of each, shape (m,): a unit drawn twice is two units."""


def redraw(
    unit: IntArray, group: IntArray, chance: FloatArray, rng: np.random.Generator, *, random_size: bool = False
) -> Redraw:
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
    random_size
        Draw each unit by itself (Poisson), as often as its copies in the frame would come; two units or
        more in each stratum.

    Returns
    -------
    Redraw
    """
    if random_size:
        times = np.zeros(group.size, dtype=np.int64)
        while np.bincount(group, weights=times).min() < FEWEST:
            times = rng.poisson(chance * np.bincount(group)[group])
        by_stratum = np.argsort(group, kind="stable")
        return _rows_of(np.repeat(by_stratum, times[by_stratum]), unit, group.size)
    drawn = [
        rng.choice(at, size=at.size, p=chance[at])
        for at in (np.flatnonzero(group == code) for code in range(int(group.max()) + 1))
    ]
    return _rows_of(np.concatenate(drawn), unit, group.size)


def _rows_of(units: IntArray, unit: IntArray, size: int) -> Redraw:
    """Return the rows of drawn units, those of a unit together."""
    order = np.argsort(unit, kind="stable")
    edges = np.searchsorted(unit[order], np.arange(size + 1))
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


def coverage_of_limits(
    name: str, scenario: Scenario, truth: float, limits: npt.ArrayLike, *, level: float
) -> Coverage:
    """Judge the limits of simulated surveys by the truth they were drawn from.

    Parameters
    ----------
    name
        Variable.
    scenario
        Truth that was tried.
    truth
        The truth, hectares.
    limits
        Lower and upper limit of each survey, shape (draws, 2).
    level
        Nominal level.

    Returns
    -------
    Coverage

    Examples
    --------
    >>> coverage_of_limits("crop", "resampled", 5.0, [[1.0, 6.0], [5.5, 9.0]], level=0.95).covered
    0.5
    """
    both = np.asarray(limits, dtype=float)
    lo, hi = both[:, 0], both[:, 1]
    slack = 1e-9 * max(abs(truth), 1.0)
    above, below = float((hi < truth - slack).mean()), float((lo > truth + slack).mean())
    return Coverage(
        name=name,
        scenario=scenario,
        truth_ha=truth,
        level=level,
        covered=1.0 - above - below,
        above=above,
        below=below,
        mean_width_ha=float((hi - lo).mean()),
        draws=both.shape[0],
    )
