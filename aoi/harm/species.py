"""Endemic species: habitat lost and what it adds to extinction risk (B1 to B5). Ranges are the user's own.

Imagery sees habitat, not species: none of these figures is an observed loss of a species.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.harm.mask import known_mask
from geo.errors import InputError, Problem

__all__ = [
    "CATEGORY_WEIGHT",
    "habitat_mask",
    "life_change",
    "overlap_ha",
    "range_rarity",
    "star_removed",
    "threat_weight",
]

CATEGORY_WEIGHT: Mapping[str, int] = MappingProxyType({"LC": 0, "NT": 100, "VU": 200, "EN": 300, "CR": 400})
"""Weight of a Red List category in STAR (Mair et al. 2021)."""
_THREAT = ((63, 24, 10, 1, 0, 10), (52, 18, 9, 0, 0, 9), (24, 7, 5, 0, 0, 5))


def habitat_mask(
    in_range: ArrayLike,
    habitat: ArrayLike,
    suitable: tuple[int, ...],
    elevation_m: ArrayLike,
    lo_m: float,
    hi_m: float,
) -> NDArray[np.bool_]:
    """Return the area of habitat: range, suitable habitat codes and elevation band (Brooks et al. 2019)."""
    height = np.asarray(elevation_m, dtype=np.float64)
    if np.isnan(height).any():
        raise InputError(Problem("elevation", "no-data", "a height everywhere", "take it out of the domain first"))
    inside = known_mask(in_range, "range") & np.isin(habitat, suitable)
    return np.asarray(inside & (height >= lo_m) & (height <= hi_m))


def _share(cleared_ha: ArrayLike, habitat_ha: ArrayLike) -> NDArray[np.float64]:
    cleared, habitat = np.asarray(cleared_ha, dtype=np.float64), np.asarray(habitat_ha, dtype=np.float64)
    if np.any(habitat <= 0) or np.any(cleared < 0) or np.any(cleared > habitat):
        found = "no habitat, or more cleared than there was"
        raise InputError(Problem("area of habitat", found, "the whole range's habitat, not the clipped one"))
    return np.asarray(cleared / habitat)


def threat_weight(scope: int, severity: int) -> int:
    """Return the weight of a threat from row `scope` and column `severity` of the STAR table."""
    return _THREAT[scope][severity]


def star_removed(cleared_ha: ArrayLike, habitat_ha: ArrayLike, category: str, threat_share: float = 1.0) -> float:
    """Return the STAR-like contribution of cleared habitat of one species (Mair et al. 2021).

    `threat_share` is the weight of the threat by this crop over that of all threats to the species.

    Examples
    --------
    >>> round(star_removed(2.0, 1000.0, "EN"), 3)
    0.6
    """
    if category not in CATEGORY_WEIGHT:
        raise InputError(Problem("Red List category", category, ", ".join(CATEGORY_WEIGHT)))
    return float(_share(cleared_ha, habitat_ha) * CATEGORY_WEIGHT[category] * threat_share)


def life_change(
    now_ha: ArrayLike, new_ha: ArrayLike, historic_ha: ArrayLike, *, exponent: float = 0.25
) -> NDArray[np.float64]:
    """Return the LIFE-like change of persistence, each of the two capped at 1 (Eyres et al. 2025).

    Examples
    --------
    >>> round(float(life_change(50, 40, 100)), 7)
    -0.0456257
    """
    old = np.asarray(historic_ha, dtype=np.float64)
    if np.any(old <= 0) or exponent <= 0:
        raise InputError(Problem("historic habitat", "none, or no exponent", "both above 0"))
    now = np.minimum((np.asarray(now_ha, dtype=np.float64) / old) ** exponent, 1.0)
    return np.asarray(np.minimum((np.asarray(new_ha, dtype=np.float64) / old) ** exponent, 1.0) - now)


def range_rarity(cleared_ha: ArrayLike, habitat_ha: ArrayLike, endemic: ArrayLike) -> float:
    """Return the sum over endemic species of cleared over all habitat; arrays of shape (species,)."""
    return float(_share(cleared_ha, habitat_ha)[np.asarray(endemic, dtype=bool)].sum())


def overlap_ha(loss: ArrayLike, area_ha: ArrayLike, site: ArrayLike) -> float:
    """Return mapped loss inside key biodiversity or protected areas, each pixel once however many sites hold it.

    Parameters
    ----------
    loss, area_ha
        Mask of the loss and pixel areas, shape (rows, columns).
    site
        Masks of the sites, shape (sites, rows, columns).
    """
    inside = known_mask(site, "sites").any(axis=0)
    return float(np.broadcast_to(area_ha, inside.shape)[known_mask(loss, "habitat loss") & inside].sum())
