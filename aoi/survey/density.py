"""Kernel density of a crop in hectares per square kilometre, from points that carry hectares.

Without edge correction the density integrates to the hectares put in, some of them outside the border. A density
of exact field points is as sensitive as the points themselves: what may be published is decided in `maps`.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from geo.errors import InputError, Problem

__all__ = ["Kernel", "kernel_density"]

FloatArray = NDArray[np.float64]
Kernel = Literal["gaussian", "quartic"]

_REACH = {"gaussian": 9.0, "quartic": 1.0}
"""Distance in bandwidths beyond which a kernel adds nothing (Gaussian: below exp(-40) of its peak)."""

_CHUNK = 4096
"""Grid points looked at together, to bound memory."""


def kernel_density(
    points_km: ArrayLike, area_ha: ArrayLike, grid_km: ArrayLike, *, bandwidth_km: float, kernel: Kernel
) -> FloatArray:
    """Return the density of the crop at grid points.

    Parameters
    ----------
    points_km : array_like, shape (n_points, 2), kilometres
        Field centres in an equal-area projection.
    area_ha : array_like, shape (n_points,), hectares
        Area of each field.
    grid_km : array_like, shape (n_grid, 2), kilometres
        Where the density is wanted, same projection.
    bandwidth_km : float
        Standard deviation of the Gaussian kernel; radius of the quartic one.
    kernel : {"gaussian", "quartic"}
        Gaussian exp(-u^2/2) / (2 pi h^2), or quartic 3 (1 - u^2)^2 / (pi h^2) for u < 1; u is distance over h.

    Returns
    -------
    ndarray, shape (n_grid,)
        ha/km2.

    Raises
    ------
    InputError
        If the bandwidth is not positive, a point or an area is missing, or the shapes do not fit.

    References
    ----------
    Silverman (1986), Density Estimation for Statistics and Data Analysis, eqs. 4.3 and 4.5.

    Examples
    --------
    >>> kernel_density([[0, 0]], [2.0], [[0, 0], [3, 0]], bandwidth_km=2.0, kernel="quartic")
    array([0.477465, 0.      ])
    """
    points, area, grid = (np.asarray(x, dtype=float) for x in (points_km, area_ha, grid_km))
    _check(points, area, grid, bandwidth_km)
    density = np.zeros(len(grid))
    if not len(points):
        return density
    tree = cKDTree(points)
    reach = _REACH[kernel] * bandwidth_km
    for start in range(0, len(grid), _CHUNK):
        near = cKDTree(grid[start : start + _CHUNK]).sparse_distance_matrix(tree, reach, output_type="ndarray")
        weight = _kernel(near["v"] / bandwidth_km, kernel) / bandwidth_km**2
        size = len(density[start : start + _CHUNK])
        density[start : start + _CHUNK] = np.bincount(near["i"], weights=weight * area[near["j"]], minlength=size)
    return density


def _kernel(u: FloatArray, kernel: Kernel) -> FloatArray:
    if kernel == "gaussian":
        return np.asarray(np.exp(-(u**2) / 2) / (2 * math.pi))
    return np.asarray(3 / math.pi * np.clip(1 - u**2, 0, None) ** 2)


def _check(points: FloatArray, area: FloatArray, grid: FloatArray, bandwidth_km: float) -> None:
    problems = []
    if points.ndim != 2 or points.shape[1:] != (2,) or area.shape != points.shape[:1]:
        found = f"shapes {points.shape} and {area.shape}"
        problems.append(Problem("density points", found, "(n, 2) and (n,)"))
    if grid.ndim != 2 or grid.shape[1:] != (2,):
        problems.append(Problem("density grid", f"shape {grid.shape}", "(n, 2)"))
    if not (math.isfinite(bandwidth_km) and bandwidth_km > 0):
        problems.append(Problem("bandwidth", f"{bandwidth_km} km", "a positive distance"))
    if not (np.isfinite(points).all() and np.isfinite(area).all() and (area >= 0).all()):
        problems.append(Problem("density points", "a missing place or area", "a place and 0 ha or more"))
    if problems:
        raise InputError(problems)
