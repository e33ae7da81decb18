"""Concentration of a crop in territory: Lorenz curve, share in the top cells, cells that hold a share, Gini."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem, QualityGateError

__all__ = ["cells_holding", "gini", "lorenz_curve", "share_in_top"]

FloatArray = NDArray[np.float64]


def lorenz_curve(area_ha: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the share of crop in the densest cells against the share of cells.

    Parameters
    ----------
    area_ha : array_like, shape (n_cells,), hectares
        Crop by cell; the cells of the territory concerned, all of one size, those without crop among them.

    Returns
    -------
    share_of_cells, share_of_crop : ndarray, shape (n_cells + 1,)
        Both from 0 to 1; densest cells first.

    Raises
    ------
    InputError
        If an area is negative or missing.
    QualityGateError
        If there is no crop, so that no share of it exists.

    Examples
    --------
    >>> lorenz_curve([1, 3, 0, 0])[1]
    array([0.  , 0.75, 1.  , 1.  , 1.  ])
    """
    area = np.asarray(area_ha, dtype=float).ravel()
    bad = np.flatnonzero(~(np.isfinite(area) & (area >= 0)))
    if bad.size:
        found = "no area"
        raise InputError(Problem(f"concentration, cells {bad[:5].tolist()}", found, "0 ha or more in each"))
    if area.sum() == 0:
        raise QualityGateError("concentration: found no crop, so no share of it can be given")
    crop = np.concatenate([[0.0], np.cumsum(np.sort(area)[::-1])])
    return np.linspace(0.0, 1.0, area.size + 1), crop / crop[-1]


def share_in_top(area_ha: ArrayLike, share_of_cells: float) -> float:
    """Return the share of the crop in the densest `share_of_cells` of the territory.

    Examples
    --------
    >>> share_in_top([1, 3, 0, 0], 0.25)
    0.75
    """
    cells, crop = lorenz_curve(area_ha)
    return float(np.interp(share_of_cells, cells, crop))


def cells_holding(area_ha: ArrayLike, share_of_crop: float) -> float:
    """Return the least share of the territory that holds `share_of_crop` of the crop.

    Examples
    --------
    >>> cells_holding([1, 3, 0, 0], 0.75)
    0.25
    """
    cells, crop = lorenz_curve(area_ha)
    # the curve is flat once all crop is in: only its rising part can be inverted
    rising = int(np.argmax(crop >= 1 - 1e-12)) + 1
    return float(np.interp(share_of_crop, crop[:rising], cells[:rising]))


def gini(area_ha: ArrayLike) -> float:
    """Return the Gini coefficient: 0 where the crop lies even, towards 1 where it lies in one cell.

    Examples
    --------
    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 4])
    (0.0, 0.75)
    """
    cells, crop = lorenz_curve(area_ha)
    return float(2 * np.sum((crop[1:] + crop[:-1]) / 2 * np.diff(cells)) - 1)
