"""Soil degradation: SDG 15.3.1 with illicit crop as a class of its own, soil carbon, persistence and recovery.

States are int8: -1 degraded, 0 stable, 1 improved, -128 no-data.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.harm.carbon import soil_change_t_c
from aoi.harm.mask import known_mask

__all__ = [
    "NODATA",
    "is_resolvable",
    "land_cover_state",
    "one_out_all_out",
    "period_status",
    "persistence",
    "productivity_class",
    "recovery_years",
    "soil_carbon_state",
    "years_to_degraded",
]

NODATA = -128
_ROUNDING = 1e-9  # a figure that is its threshold but for the rounding of floats has reached it
StateArray = NDArray[np.int8]
NaturalCover = Literal["tree", "shrub", "grass", "wetland"]
_NATURAL = ("tree", "shrub", "grass", "wetland")
_CLASS = {  # (performance, trajectory, state) -> class; Trends.Earth table
    0: [[5, 5, 5], [4, 4, 2], [1, 1, 1]],
    -1: [[5, 5, 2], [4, 3, 1], [1, 1, 1]],
}
_STATUS = {(-1, -1): 1, (0, -1): 2, (1, -1): 2, (-1, 0): 3, (0, 0): 4, (1, 0): 5, (-1, 1): 6, (0, 1): 6, (1, 1): 7}


def productivity_class(trajectory: int, state: int, performance: int) -> int:
    """Return the land-productivity class, 1 declining to 5 increasing (Trends.Earth table).

    Examples
    --------
    >>> productivity_class(0, -1, 0)
    2
    """
    return _CLASS[performance][1 - trajectory][1 - state]


def land_cover_state(before: str, after: str, default: int) -> int:
    """Return the state of a change of cover, -1 wherever natural cover became illicit crop.

    The usual matrix has no such class and would read grassland turned to cropland as improved.

    Parameters
    ----------
    before, after
        Cover names; "illicit_crop" is the class of its own.
    default
        State of the usual transition matrix, for all other changes.

    Examples
    --------
    >>> land_cover_state("grass", "illicit_crop", 1), land_cover_state("grass", "crop", 1)
    (-1, 1)
    """
    return -1 if after == "illicit_crop" and before in _NATURAL else default


def one_out_all_out(productivity: ArrayLike, land_cover: ArrayLike, soil_carbon: ArrayLike) -> StateArray:
    """Return the SDG 15.3.1 state: one degraded degrades all, else one improved improves; no-data stays no-data."""
    three = np.stack(np.broadcast_arrays(productivity, land_cover, soil_carbon)).astype(np.int8)
    known = np.where((three == -1).any(axis=0), -1, np.where((three == 1).any(axis=0), 1, 0))
    return np.where((three == NODATA).any(axis=0), NODATA, known).astype(np.int8)


def period_status(base: int, target: int) -> int:
    """Return the status code 1 to 7 of baseline and reporting period, no-data where either is."""
    return NODATA if NODATA in (base, target) else _STATUS[base, target]


def soil_carbon_state(change_percent: ArrayLike, *, threshold_percent: float = 10.0) -> StateArray:
    """Return -1 at a loss of the threshold or more, 1 at such a gain, no-data where the change is NaN."""
    change = np.asarray(change_percent, dtype=np.float64)
    state = np.where(
        change <= -threshold_percent + _ROUNDING, -1, np.where(change >= threshold_percent - _ROUNDING, 1, 0)
    )
    return np.where(np.isnan(change), NODATA, state).astype(np.int8)


def years_to_degraded(factor: float, *, threshold_percent: float = 10.0, period_years: int = 20) -> int | None:
    """Return the first whole year in which soil carbon is down by the threshold, None where it never is.

    Examples
    --------
    >>> [years_to_degraded(factor) for factor in (0.48, 0.83, 1.0)]
    [4, 12, None]
    """
    years = np.arange(1, period_years + 1)
    down = soil_change_t_c(100.0, factor, years, period_years=period_years) <= -threshold_percent + _ROUNDING
    return int(years[down][0]) if down.any() else None


def is_resolvable(plot_width_m: ArrayLike, pixel_m: float, *, pixels: int = 3) -> NDArray[np.bool_]:
    """Say whether plots are wide enough for a productivity product; narrower ones are `not_resolvable`."""
    return np.asarray(np.asarray(plot_width_m, dtype=np.float64) >= pixels * pixel_m)


def persistence(crop: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return years under crop and number of times abandoned, from maps of shape (years, ...)."""
    seen = known_mask(crop, "crop series")
    return seen.sum(axis=0, dtype=np.int64), (seen[:-1] & ~seen[1:]).sum(axis=0, dtype=np.int64)


def recovery_years(index: ArrayLike, control: ArrayLike, *, share: float = 0.8) -> int | None:
    """Return years after eradication until a vegetation index is back at a share of its control, None if not yet.

    Parameters
    ----------
    index, control
        Yearly index of plot and matched control from the year of eradication (year 0), shape (years,).
    share
        Of the control's index.
    """
    wanted = share * np.asarray(control, dtype=np.float64)
    back = np.asarray(index, dtype=np.float64) >= wanted - _ROUNDING
    return int(back.argmax()) if back.any() else None
