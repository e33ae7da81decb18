"""What is grown where in each year: crops that stay, move and grow, among the other uses of the land."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["crop_years", "rotation"]


def crop_years(
    area_ha: NDArray[np.float64],
    appeal: NDArray[np.float64],
    targets_ha: Sequence[float],
    *,
    permanence: float,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Choose the fields under the crop in each year.

    Each year keeps the share `permanence` of last year's crop land and adds the most appealing other fields
    until the target is met. A field given up is not taken back in the years after.

    Parameters
    ----------
    area_ha
        Size of each field, shape (n,).
    appeal
        Order in which fields are taken up, highest first, shape (n,).
    targets_ha
        Crop area of each year.
    permanence
        Share of a year's crop area that stays in the next one.
    rng
        Chooses who gives up, and shakes the order by year.

    Returns
    -------
    ndarray of bool, shape (n, years)

    Examples
    --------
    >>> grown = crop_years(np.ones(40), np.arange(40.0), [10, 12], permanence=0.6,
    ...                    rng=np.random.default_rng(1))
    >>> grown.sum(axis=0).tolist(), int((grown[:, 0] & grown[:, 1]).sum())
    ([10, 12], 6)
    """
    grown = np.zeros((len(area_ha), len(targets_ha)), dtype=bool)
    spent = np.zeros(len(area_ha), dtype=bool)
    for year, target in enumerate(targets_ha):
        kept = np.zeros(len(area_ha), dtype=bool)
        if year:
            before = grown[:, year - 1]
            limit = min(permanence * float(area_ha[before].sum()), target)
            kept = before & _first(area_ha, rng.random(len(area_ha)) * before - 1.0 * ~before, limit)
            spent |= before & ~kept
        order = appeal + 0.35 * appeal.std() * rng.standard_normal(len(area_ha))
        free = ~(kept | spent)
        order = np.where(free, order, -np.inf)
        grown[:, year] = kept | (free & _first(area_ha, order, target - float(area_ha[kept].sum())))
    return grown


def rotation(
    shares: Mapping[int, float], stay: float, shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw the class of each field in each year from fixed shares.

    Parameters
    ----------
    shares
        Class code to share; they add up to 1.
    stay
        Chance that a field keeps its class, beyond drawing the same again.
    shape
        Fields and years.
    rng
        Source of the draws.
    """
    codes = np.array(list(shares), dtype=np.uint8)
    drawn = rng.choice(codes, size=shape, p=list(shares.values()))
    for year in range(1, shape[1]):
        stays = rng.random(shape[0]) < stay
        drawn[stays, year] = drawn[stays, year - 1]
    return drawn


def _first(area_ha: NDArray[np.float64], order: NDArray[np.float64], limit_ha: float) -> NDArray[np.bool_]:
    """Take fields by falling `order` up to the limit, to the nearest field."""
    ranked = np.argsort(-order, kind="stable")
    total = np.cumsum(area_ha[ranked]) - area_ha[ranked] / 2
    taken = np.zeros(len(area_ha), dtype=bool)
    taken[ranked[total < limit_ha]] = True
    return taken
