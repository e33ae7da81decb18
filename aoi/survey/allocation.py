"""How many units to label in each stratum, and how many in all for a wanted margin of error.

A rare crop is mostly missed in the large stratum where no crop is mapped: an allocation by mapped area or by a
hopeful variance starves that stratum, and one missed field there then moves the estimate by thousands of
hectares. `rare_class_safe` never does so.

References
----------
Cochran, W. G. (1977). Sampling Techniques, 3rd ed., equations 5.25-5.27.
Bankier, M. D. (1988). Power allocations. The American Statistician 42: 174-177.
Olofsson, P. et al. (2014). Remote Sensing of Environment 148: 42-57, equation 13.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.interval import t_quantile
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "neyman",
    "power",
    "proportional",
    "rare_class_safe",
    "sample_size_for_accuracy",
    "sample_size_for_margin",
]

MINIMUM_UNITS = 2
"""Units without which a stratum has no variance."""


def proportional(n: int, sizes: npt.ArrayLike, *, floor: int = MINIMUM_UNITS) -> IntArray:
    """Allocate in proportion to the strata's units.

    Parameters
    ----------
    n
        Units in all.
    sizes
        Units of each stratum, N_h, shape (H,).
    floor
        Least units of a stratum (its whole size where that is smaller).

    Returns
    -------
    ndarray of int64
        n_h, shape (H,), adding up to `n`.

    Examples
    --------
    >>> proportional(10, [100, 300, 600]).tolist()
    [2, 3, 5]
    """
    return _whole(n, np.asarray(sizes, dtype=float), np.asarray(sizes), floor)


def neyman(n: int, sizes: npt.ArrayLike, deviations: npt.ArrayLike, *, floor: int = MINIMUM_UNITS) -> IntArray:
    """Allocate in proportion to N_h S_h, which makes the total's variance least (Cochran eq. 5.26).

    Parameters
    ----------
    n
        Units in all.
    sizes
        Units of each stratum, N_h, shape (H,).
    deviations
        Standard deviation among the units of each stratum, S_h, shape (H,).
    floor
        Least units of a stratum.

    Returns
    -------
    ndarray of int64
        n_h, shape (H,), adding up to `n`.
    """
    spread = np.asarray(deviations, dtype=float)
    if not np.isfinite(spread).all() or (spread < 0).any() or not (spread > 0).any():
        raise InputError(Problem("standard deviations", str(spread.tolist()), "0 or more, one at least positive"))
    return _whole(n, np.asarray(sizes, dtype=float) * spread, np.asarray(sizes), floor)


def power(n: int, sizes: npt.ArrayLike, *, exponent: float = 0.5, floor: int = MINIMUM_UNITS) -> IntArray:
    """Allocate in proportion to N_h to a power, between equal (0) and proportional (1) (Bankier 1988).

    Parameters
    ----------
    n
        Units in all.
    sizes
        Units of each stratum, N_h, shape (H,).
    exponent
        Power; 0.5 serves the country and its small strata alike.
    floor
        Least units of a stratum.

    Returns
    -------
    ndarray of int64
        n_h, shape (H,), adding up to `n`.
    """
    return _whole(n, np.asarray(sizes, dtype=float) ** exponent, np.asarray(sizes), floor)


def rare_class_safe(
    n: int,
    sizes: npt.ArrayLike,
    expected: npt.ArrayLike,
    *,
    unmapped: int | None = None,
    floor: int = 50,
    least_rate: float = 0.002,
) -> IntArray:
    """Allocate for a rare class so that no stratum is starved, least of all the one where none is mapped.

    Neyman's rule with each expected share held at `least_rate` or more, a floor in every stratum, and at
    least half of the sample where the class is not mapped.

    Parameters
    ----------
    n
        Units in all.
    sizes
        Units of each stratum, N_h, shape (H,).
    expected
        Expected share of the class in each stratum, shape (H,).
    unmapped
        Code of the stratum where the class is not mapped; the largest stratum by default.
    floor
        Least units of a stratum (its whole size where that is smaller).
    least_rate
        Share of the class that no stratum is trusted to be below.

    Returns
    -------
    ndarray of int64
        n_h, shape (H,), adding up to `n`.

    Raises
    ------
    QualityGateError
        If the floors alone need more than `n` units.

    Examples
    --------
    >>> rare_class_safe(900, [9_434, 53_824, 936_742], [0.8, 0.03, 0.0]).tolist()
    [62, 151, 687]
    """
    units = np.asarray(sizes, dtype=np.int64)
    share = np.clip(np.asarray(expected, dtype=float), least_rate, 1 - least_rate)
    if share.shape != units.shape:
        raise InputError(Problem("expected shares", f"{share.size} for {units.size} strata", "one per stratum"))
    rest = int(np.argmax(units)) if unmapped is None else unmapped
    floors = np.minimum(np.full(units.size, floor), units)
    floors[rest] = min(max(int(floors[rest]), math.ceil(n / 2)), int(units[rest]))
    return _whole(n, units * np.sqrt(share * (1 - share)), units, floors)


def sample_size_for_accuracy(shares: npt.ArrayLike, users: npt.ArrayLike, *, target_se: float) -> int:
    """Return the sample size that brings the overall accuracy's standard error to a target.

    Parameters
    ----------
    shares
        Share of each map class in the area, W_i, shape (K,).
    users
        Expected user's accuracy of each map class, U_i, shape (K,).
    target_se
        Wanted standard error of the overall accuracy.

    Returns
    -------
    int
        Units in all.

    References
    ----------
    Olofsson et al. (2014), equation 13 (finite population correction neglected).

    Examples
    --------
    >>> sample_size_for_accuracy([0.02, 0.015, 0.32, 0.645], [0.7, 0.6, 0.9, 0.95], target_se=0.01)
    641
    """
    accuracy = np.asarray(users, dtype=float)
    spread = np.sqrt(accuracy * (1 - accuracy))
    return math.ceil(float((np.asarray(shares, dtype=float) @ spread / target_se) ** 2) - 1e-9)


def sample_size_for_margin(
    design: StratifiedDesign, expected: npt.ArrayLike, margin_ha: npt.ArrayLike, *, level: float = 0.95
) -> int:
    """Return the sample size whose margin of error, under Neyman allocation, meets every target.

    Parameters
    ----------
    design
        The strata.
    expected
        Expected share of each crop (or crop and domain) in each stratum, shape (H,) or (H, K).
    margin_ha
        Wanted half-width of the interval in hectares, one or K of them.
    level
        Confidence level of the margin.

    Returns
    -------
    int
        Units in all, the largest over the targets. A planning figure: it supposes the normal approximation,
        which the published interval does not.

    References
    ----------
    Cochran (1977), equation 5.25, with the finite population correction.

    Examples
    --------
    >>> design = StratifiedDesign.of_units(["crop", "rest"], [9_434, 990_566], unit_area_ha=1.0)
    >>> sample_size_for_margin(design, [0.82, 0.0023], 2_000)
    2497
    """
    share = np.asarray(expected, dtype=float)
    share = share[:, None] if share.ndim == 1 else share
    margins = np.broadcast_to(np.asarray(margin_ha, dtype=float), (share.shape[1],))
    if share.shape[0] != design.n_strata or (share < 0).any() or (share > 1).any() or (margins <= 0).any():
        raise InputError(Problem("target", "shares or margins", "shares in 0..1 per stratum, positive margins"))
    variance = (margins / t_quantile(level, np.inf)) ** 2
    spread = design.areas_ha[:, None] * np.sqrt(share * (1 - share))
    finite = (spread**2 / design.sizes[:, None]).sum(axis=0)
    needed = spread.sum(axis=0) ** 2 / (variance + finite)
    return math.ceil(float(needed.max()) - 1e-9)


def _whole(n: int, ideal: FloatArray, sizes: npt.ArrayLike, floor: npt.ArrayLike) -> IntArray:
    """Share out `n` whole units by `ideal`, within a floor and the strata's sizes, largest remainder first."""
    cap = np.asarray(sizes, dtype=np.int64)
    low = np.minimum(np.broadcast_to(np.asarray(floor, dtype=np.int64), cap.shape), cap)
    if low.sum() > n or cap.sum() < n:
        raise QualityGateError(
            Problem(
                "sample size",
                f"{n} units",
                f"between {int(low.sum())} (the floors of {cap.size} strata) and {int(cap.sum())} (the frame)",
                "raise the sample, merge strata or lower the floor",
            )
        )
    exact = _within(float(n), ideal, low.astype(float), cap.astype(float))
    counts = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: n - int(counts.sum())]] += 1
    return counts


def _within(total: float, ideal: FloatArray, low: FloatArray, cap: FloatArray) -> FloatArray:
    """Scale `ideal` by one factor so that, cut to [low, cap], it adds up to `total` (by bisection)."""
    weight = np.where(ideal > 0, ideal, np.max(ideal) * 1e-12 + 1e-300)
    small, large = 0.0, float(np.max(cap / weight))
    for _ in range(200):
        middle = (small + large) / 2
        if np.clip(middle * weight, low, cap).sum() < total:
            small = middle
        else:
            large = middle
    return np.asarray(np.clip(large * weight, low, cap), dtype=float)
