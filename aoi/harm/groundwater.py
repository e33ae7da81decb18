"""How easily groundwater is reached: of a substance by its leaching index, of a place by its vulnerability.

Vulnerability is no risk: neither figure holds a load, and neither is multiplied with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

__all__ = ["DRASTIC_WEIGHTS", "drastic_index", "leaching_index", "topography_rating"]

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
