"""Land productivity from a yearly vegetation index: trajectory, state and performance, as SDG 15.3.1 takes them.

Series have shape (years, n), oldest year first; NaN is not known, and what rests on it is no-data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from aoi.harm.degradation import NODATA
from geo.errors import InputError, Problem

__all__ = ["LEAST_YEARS", "performance", "productivity_state", "trajectory"]

LEAST_YEARS = 8
"""Years below which neither a trend nor a baseline means anything."""
_RECENT = 3
StateArray = NDArray[np.int8]


def trajectory(index: ArrayLike, *, level: float = 0.95) -> StateArray:
    """Return -1 where the index falls, 1 where it rises, 0 where the trend may be chance, by Mann and Kendall.

    Without correction for ties, which an index hardly has.

    Examples
    --------
    >>> fall = np.linspace(0.8, 0.4, 10)
    >>> trajectory(np.column_stack([fall, fall[::-1], np.tile([0.5, 0.6], 5)])).tolist()
    [-1, 1, 0]
    """
    series = _series(index)
    years = series.shape[0]
    score = np.zeros(series.shape[1])
    for first in range(years - 1):
        score += np.sign(series[first + 1 :] - series[first]).sum(axis=0)
    spread = np.sqrt(years * (years - 1) * (2 * years + 5) / 18)
    z = (score - np.sign(score)) / spread
    found = np.where(np.abs(z) > norm.ppf((1 + level) / 2), np.sign(z), 0)
    return _with_holes(found, series)


def productivity_state(index: ArrayLike, *, level: float = 0.95) -> StateArray:
    """Return -1 where the mean of the last three years is below that of the years before, 1 where it is above.

    ``t = (mean of the last three - mean before) / (s sqrt(1/3 + 1/n))``, n years before and s their standard
    deviation, against Student's t with n - 1 degrees of freedom. The standard error is that of both means, so that
    years that differ by chance alone pass in one of twenty, half of them each way. Classes by tenths of the years
    before, as older guidance has them, call more than one in four of such series declining.

    Examples
    --------
    >>> before = np.tile([0.5, 0.6, 0.7], 3)
    >>> productivity_state(np.column_stack([np.r_[before, [last] * 3] for last in (0.3, 0.6, 0.9)])).tolist()
    [-1, 0, 1]
    """
    series = _series(index)
    before, recent = series[:-_RECENT], series[-_RECENT:].mean(axis=0)
    years = before.shape[0]
    error = before.std(axis=0, ddof=1) * np.sqrt(1 / _RECENT + 1 / years)
    apart = recent - before.mean(axis=0)
    limit = student.ppf((1 + level) / 2, years - 1) * error
    rounding = 1e-12 * np.abs(before).max(axis=0)  # of years that are all alike
    return _with_holes(np.where(np.abs(apart) > np.maximum(limit, rounding), np.sign(apart), 0), series)


def performance(index: ArrayLike, group: ArrayLike) -> StateArray:
    """Return -1 where the mean index is below half of what the best tenth of like land reaches, else 0.

    Parameters
    ----------
    index
        Shape (years, n).
    group
        What is like land, such as a code of land cover, shape (n,).
    """
    series, of = _series(index), np.asarray(group)
    mean = series.mean(axis=0)
    found = np.zeros(mean.size)
    for one in np.unique(of):
        own = of == one
        known = mean[own & np.isfinite(mean)]
        if known.size:
            found[own & (mean < 0.5 * np.quantile(known, 0.9))] = -1
    return _with_holes(found, series)


def _series(index: ArrayLike) -> NDArray[np.float64]:
    series = np.asarray(index, dtype=np.float64)
    if series.ndim != 2 or series.shape[0] < LEAST_YEARS:
        found = f"{series.shape[0] if series.ndim else 0} years"
        raise InputError(Problem("vegetation index", found, f"{LEAST_YEARS} years or more", "add earlier years"))
    return series


def _with_holes(found: NDArray[np.generic], series: NDArray[np.float64]) -> StateArray:
    return np.where(np.isfinite(series).all(axis=0), found, NODATA).astype(np.int8)
