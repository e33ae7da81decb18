"""How easily groundwater is reached: of a substance by its leaching index, of a place by its vulnerability.

Vulnerability is no risk: neither figure holds a load, and neither is multiplied with one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.harm.mapped import MappedFigure
from aoi.harm.potential import FrameOf, Waters, at_cells
from aoi.harm.result import State
from aoi.harm.slopes import Slopes
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork

__all__ = ["DRASTIC_WEIGHTS", "drastic_index", "groundwater", "leaching_index", "topography_rating"]

FloatArray = NDArray[np.float64]
DRASTIC_WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        "depth_to_water": 5,
        "recharge": 4,
        "aquifer_media": 3,
        "soil_media": 2,
        "topography": 1,
        "impact_of_vadose_zone": 5,
        "conductivity": 3,
    }
)
"""Weights of the seven ratings (Aller et al. 1987), those for pesticides apart."""


def leaching_index(half_life_days: ArrayLike, koc_l_kg: ArrayLike) -> FloatArray:
    """Return the groundwater ubiquity score ``log10(t) (4 - log10 Koc)`` (Gustafson 1989).

    Examples
    --------
    >>> round(float(leaching_index(30, 100)), 4)
    2.9542
    """
    days, koc = np.asarray(half_life_days, dtype=np.float64), np.asarray(koc_l_kg, dtype=np.float64)
    if np.any(~((days > 0) & (koc > 0))):
        raise InputError(Problem("leaching index", "a half-life or Koc missing or not above 0", "days and L/kg"))
    return np.asarray(np.log10(days) * (4 - np.log10(koc)))


def drastic_index(ratings: Mapping[str, ArrayLike]) -> FloatArray:
    """Return the DRASTIC index of seven ratings from 1 to 10, 23 to 230.

    Raises
    ------
    InputError
        When a rating is missing, unknown, or outside 1 to 10.
    """
    if set(ratings) != set(DRASTIC_WEIGHTS):
        raise InputError(Problem("vulnerability", ", ".join(sorted(ratings)), ", ".join(DRASTIC_WEIGHTS)))
    total = np.asarray(0.0)
    for name, weight in DRASTIC_WEIGHTS.items():
        rating = np.asarray(ratings[name], dtype=np.float64)
        if np.any(~((rating >= 1) & (rating <= 10))):
            raise InputError(Problem(f"vulnerability {name}", "a rating missing or out of range", "1 to 10"))
        total = total + weight * rating
    return np.asarray(total)


def topography_rating(slope: ArrayLike) -> NDArray[np.int64]:
    """Return the rating of topography from rise over run: 10 to 2 percent, 9 to 6, 5 to 12, 3 to 18, then 1."""
    percent = 100 * np.asarray(slope, dtype=np.float64)
    if np.any(~(percent >= 0)):
        raise InputError(Problem("slope", "a missing or negative value", "rise over run"))
    return np.asarray([10, 9, 5, 3, 1], dtype=np.int64)[np.digitize(percent, [2, 6, 12, 18], right=True)]


def groundwater(
    network: FlowNetwork, slopes: Slopes, given: Waters, classes: tuple[str, ...], frame: FrameOf
) -> Iterator[MappedFigure]:
    """Yield how easily pesticides leach, and how vulnerable the ground under the crop is; neither holds a load."""
    for one in classes:
        days, koc = f"soil_half_life_{one}", f"koc_{one}"
        if days in frame.factors and koc in frame.factors:
            drawn = frame.draws(days, koc)
            yield frame.figure(
                "W6", f"{one}:leaching", "index", leaching_index(drawn[days], drawn[koc]), scaled=False
            )
    state, told, values = _vulnerability(network, slopes, given)
    area = slopes.area_ha[slopes.on_crop]
    high = 100.0 * (values >= frame.factors["vulnerability_high"].value)
    for part, unit, weight in (("vulnerability", "index", values), ("vulnerability_high", "percent", high)):
        if told:
            yield frame.without("W6", part, unit, told, state)
        else:
            mean = min(float((weight * area).sum() / area.sum()), float(weight.max()))  # a rounding beyond at most
            yield frame.figure("W6", part, unit, np.array([mean]), scaled=False)


def _vulnerability(network: FlowNetwork, slopes: Slopes, given: Waters) -> tuple[State, str, FloatArray]:
    """Return the index under the crop, or the state and reason of having none."""
    none = np.zeros(0)
    if given.vulnerability is None:
        return "not_computed", "no map of vulnerability was given", none
    values = at_cells(given.vulnerability, slopes.hill.cells[slopes.on_crop], network, "vulnerability")
    if not values.size:
        return "not_estimable", "no mapped crop here", none
    if np.isnan(values).any():
        return "not_estimable", f"{int(np.isnan(values).sum())} cells of the crop without a value", none
    if np.any((values < 23) | (values > 230)):
        raise InputError(Problem("vulnerability", f"{values.min():g} to {values.max():g}", "23 to 230, DRASTIC"))
    return "computed", "", values
