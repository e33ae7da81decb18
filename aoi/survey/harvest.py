"""Harvested area: how much of the crop was of bearing age and for how long, and tests of consistency with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.survey.conversion import Range
from geo.errors import InputError, Problem

__all__ = [
    "AreaAgreement",
    "ChangeParts",
    "compare_areas",
    "decompose_change",
    "harvested_area_ha",
    "implied_area_ha",
]

FloatArray = NDArray[np.float64]

_DAYS_PER_MONTH = 365.25 / 12


def harvested_area_ha(
    areas_ha: ArrayLike,
    planted: ArrayLike,
    removed: ArrayLike,
    *,
    year: tuple[date, date],
    months_to_first_harvest: float,
) -> float:
    """Return the area that bore during a year, each lot counted for the part of the year it could be harvested.

    Over the area of the lots that stand at the year's end this is the ratio that `production.harvested` takes.

    Parameters
    ----------
    areas_ha : array_like, shape (n_lots,), hectares
        Area of each lot.
    planted, removed : array_like of datetime64[D], shape (n_lots,)
        Days a lot was planted and destroyed; NaT for one that stood before the year, or stands still.
    year : tuple of date
        First day of the year, and first day of the next.
    months_to_first_harvest : float
        Age at which a lot first bears.

    Raises
    ------
    InputError
        If the columns differ, an area is negative or missing, or a lot is removed before it is planted.

    Examples
    --------
    >>> calendar = (date(2019, 1, 1), date(2020, 1, 1))
    >>> harvested_area_ha([10.0, 10.0], ["NaT", "2019-01-01"], ["NaT", "NaT"], year=calendar,
    ...                   months_to_first_harvest=6)
    14.986301
    """
    areas = np.asarray(areas_ha, dtype=float)
    begin, end = (np.asarray(days, dtype="datetime64[D]") for days in (planted, removed))
    _check_lots(areas, begin, end)
    first, last = (np.datetime64(day, "D") for day in year)
    wait = np.timedelta64(round(months_to_first_harvest * _DAYS_PER_MONTH), "D")
    bears = np.where(np.isnat(begin), first, np.maximum(begin + wait, first))
    stops = np.where(np.isnat(end), last, np.minimum(end, last))
    days = np.maximum((stops - bears).astype(np.int64), 0)
    return float(np.sum(areas * days) / int((last - first).astype(np.int64)))


def _check_lots(areas: FloatArray, begin: NDArray[np.datetime64], end: NDArray[np.datetime64]) -> None:
    problems = []
    if not areas.shape == begin.shape == end.shape or areas.ndim != 1:
        raise InputError(Problem("lots", f"shapes {areas.shape}, {begin.shape}, {end.shape}", "equal columns"))
    for bad, found in (
        (~(np.isfinite(areas) & (areas >= 0)), "no area"),
        (end < begin, "removed before it was planted"),
    ):
        rows = np.flatnonzero(bad)
        if rows.size:
            problems.append(Problem(f"lots, rows {rows[:5].tolist()}", found, "0 ha or more, days in order"))
    if problems:
        raise InputError(problems)


def implied_area_ha(production_t: Range, yield_kg_ha: Range) -> Range:
    """Return the harvested area that a published production and yield imply, rounding bands kept.

    Examples
    --------
    >>> implied_area_ha(Range.exactly(993_107), Range.exactly(5_800)).low
    171225.344828
    """
    return production_t * Range.exactly(1000.0) / yield_kg_ha


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaAgreement:
    """Whether two areas that should be the same are, within rounding."""

    ratio: float
    """Middle of the first over middle of the second."""
    agrees: bool
    """Whether their rounding bands meet."""
    verdict: str
    """The finding in a sentence."""


def compare_areas(first: Range, second: Range, names: tuple[str, str]) -> AreaAgreement:
    """Return whether two areas agree within their rounding bands.

    Examples
    --------
    >>> compare_areas(Range.exactly(171_225), Range.exactly(154_475), ("implied by leaf", "census")).verdict
    'implied by leaf is 10.8 % above census'
    """
    ratio = (first.low + first.high) / (second.low + second.high)
    agrees = first.meets(second)
    if agrees:
        verdict = f"{names[0]} agrees with {names[1]} within rounding"
    else:
        side = "above" if ratio > 1 else "below"
        verdict = f"{names[0]} is {100 * abs(ratio - 1):.1f} % {side} {names[1]}"
    return AreaAgreement(ratio=ratio, agrees=agrees, verdict=verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeParts:
    """A change of production split without remainder."""

    area_t: float
    """What the change of area brought, tonnes."""
    yield_t: float
    """What the change of yield brought, tonnes; a break in method where the yield was measured anew."""


def decompose_change(area_ha: tuple[ArrayLike, ArrayLike], yield_kg_ha: tuple[ArrayLike, ArrayLike]) -> ChangeParts:
    """Split a change of production into what area and what yield brought.

    Parameters
    ----------
    area_ha, yield_kg_ha : tuple of array_like, shape (n_regions,)
        Earlier and later values.

    References
    ----------
    Bennet (1920), Journal of the Royal Statistical Society 83, 455-462: each part at the mean of the other.

    Examples
    --------
    >>> decompose_change((100.0, 120.0), (1000.0, 1500.0))
    ChangeParts(area_t=25.0, yield_t=55.0)
    """
    a0, a1 = (np.asarray(area, dtype=float) for area in area_ha)
    y0, y1 = (np.asarray(one, dtype=float) / 1000.0 for one in yield_kg_ha)
    return ChangeParts(
        area_t=float(np.sum((a1 - a0) * (y0 + y1) / 2)),
        yield_t=float(np.sum((y1 - y0) * (a0 + a1) / 2)),
    )
