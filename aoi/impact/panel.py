"""The unit-year panel of an evaluation, and traits as of the year before a programme was announced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.impact.displacement import Sites
from aoi.impact.group_time import NEVER
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["LEVEL", "LOG_LEVEL", "TREND", "Panel", "baselines", "history", "require_assignment_level"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEVEL, TREND = "level before", "trend before"
"""Traits that every panel has: mean outcome, and its slope a year, over the last years up to the baseline."""

LOG_LEVEL = "log level before"
"""Mean of log(1 + outcome) over the same years: with a caliper on it large units may differ by more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Units by year, n and T of them."""

    units: tuple[str, ...]
    """Codes."""
    years: IntArray
    """Years in order, shape (T,)."""
    outcome: FloatArray
    """Outcome, shape (n, T), without gaps."""
    start: IntArray
    """First year of the programme, shape (n,); `NEVER` without."""
    baseline: IntArray
    """Last year before the announcement (`baselines`), shape (n,)."""
    cluster: IntArray
    """Number of the area at whose level programmes are assigned, shape (n,)."""
    region: IntArray
    """Number of the region, shape (n,); left out one by one, and permutations stay inside one."""
    xy_km: FloatArray
    """Centres in a metric projection, shape (n, 2)."""
    region_names: tuple[str, ...] = ()
    """Names of the regions, by number."""
    exact: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Kinds that treated and controls must share."""
    traits: Mapping[str, FloatArray] = field(default_factory=dict)
    """Numbers from before every programme, shape (n,), or by year as of which they are known, shape (n, T)."""
    sites: Sites | None = None
    """Where the programme works; the treated units at their centres when None."""
    other_km: FloatArray | None = None
    """Distance to the nearest unit of another programme, shape (n,): these and their rings are no controls."""
    eradicated: FloatArray | None = None
    """Eradicated hectares, shape (n, T)."""
    placebo: FloatArray | None = None
    """An outcome that the programme cannot have changed, shape (n, T)."""
    outcome_se: FloatArray | None = None
    """Standard error of the outcome where it was estimated itself, shape (n, T)."""

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Whether each unit has the programme."""
        return np.asarray(self.start != NEVER)


def baselines(start: IntArray, announced: IntArray | None, *, anticipation: int = 0) -> IntArray:
    """Return the last clean year of each unit: the one before the announcement, or before the start.

    Parameters
    ----------
    start
        First year of the programme; `NEVER` without.
    announced
        Year of the announcement; None, or `NEVER` in a unit, where it is not known.
    anticipation
        Further years, before the announcement, in which people may have acted on it.

    Raises
    ------
    InputError
        If a programme was announced after it began.

    Examples
    --------
    >>> baselines(np.array([2010, 2010, 0]), np.array([2007, 0, 0]), anticipation=1).tolist()
    [2005, 2008, 0]
    """
    told = start if announced is None else np.where(announced == NEVER, start, announced)
    late = np.flatnonzero((start != NEVER) & (told > start))
    if late.size:
        one = late[0]
        raise InputError(
            Problem(
                f"programme of unit {one}",
                f"announced in {told[one]} and begun in {start[one]}",
                "an announcement that comes first",
                "correct the dates",
            )
        )
    if anticipation < 0:
        raise InputError(Problem("anticipation", f"{anticipation} years", "0 or more"))
    return np.where(start == NEVER, NEVER, told - 1 - anticipation)


def require_assignment_level(panel: Panel) -> None:
    """Refuse clusters below the level at which the programme was evidently assigned.

    Where every region is wholly with the programme, from one year, or wholly without, while a region holds several
    clusters, the programme was given to regions, and units of one region are not independent, however many.

    Raises
    ------
    QualityGateError
        If that is so.
    """
    histories = [np.unique(panel.start[panel.region == number]) for number in np.unique(panel.region)]
    whole = all(len(history) == 1 for history in histories)
    treated = [number for number, history in enumerate(histories) if history[0] != NEVER]
    clusters = [len(np.unique(panel.cluster[panel.region == number])) for number in np.unique(panel.region)]
    if whole and treated and len(histories) > len(treated) and max(clusters) > 1:
        raise QualityGateError(
            Problem(
                "clusters",
                f"{sum(clusters)} clusters in {len(histories)} regions, each wholly with the programme or without",
                "clusters at the level at which the programme was assigned, or above",
                "name the region's column as cluster",
            )
        )


def history(outcome: FloatArray, years: IntArray, *, window: int) -> tuple[FloatArray, FloatArray]:
    """Return mean and yearly slope of the outcome over the last years up to each year.

    Parameters
    ----------
    outcome : ndarray, shape (n, T)
        Outcome.
    years : ndarray, shape (T,)
        Years.
    window
        Years looked back on; fewer at the beginning.

    Returns
    -------
    level, trend : ndarray, shape (n, T)
        The slope of a single year is 0.

    Examples
    --------
    >>> level, trend = history(np.array([[1.0, 3.0, 5.0, 7.0]]), np.arange(4), window=3)
    >>> level.tolist(), trend.tolist()
    ([[1.0, 2.0, 3.0, 5.0]], [[0.0, 2.0, 2.0, 2.0]])
    """
    level, trend = np.empty_like(outcome), np.zeros_like(outcome)
    for last in range(outcome.shape[1]):
        inside = slice(max(last + 1 - window, 0), last + 1)
        part, when = outcome[:, inside], years[inside] - years[inside].mean()
        level[:, last] = part.mean(axis=1)
        if len(when) > 1:
            trend[:, last] = part @ when / (when @ when)
    return level, trend
