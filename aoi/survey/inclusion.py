"""Inclusion probabilities: in proportion to size, for one crop or for several, with a floor under the size.

A size read from a map is zero where the map missed the crop. Such a unit would never be drawn, or be drawn
with a huge weight, so that a floor must be named.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, raise_all
from geo.errors import Problem

__all__ = ["multivariate_inclusion", "proportional_inclusion", "raised_to_whole"]

WHOLE = 1e-9
"""Difference from a whole number that is rounding."""
FLOOR_REMEDY = (
    "name a floor in the unit of the size (a few percent of a segment's area); 0 only where every size is "
    "known and positive"
)


def proportional_inclusion(size: npt.ArrayLike, n: int, *, size_floor: float | None = None) -> FloatArray:
    """Return inclusion probabilities in proportion to size, units too large for that drawn with certainty.

    Parameters
    ----------
    size
        Size of each unit, such as mapped hectares, shape (N,).
    n
        Units to draw.
    size_floor
        Smallest size a unit may count with; it must be named.

    Returns
    -------
    ndarray
        Inclusion probabilities, shape (N,), summing to `n`.

    Raises
    ------
    InputError
        If sizes are missing or negative, or `n` is not between 1 and N.
    QualityGateError
        If no floor is named, or a unit could never be drawn.

    References
    ----------
    Sarndal, Swensson and Wretman (1992), section 3.6.1; Tille (2006), Sampling Algorithms, chapter 2.

    Examples
    --------
    >>> proportional_inclusion([1.0, 1.0, 2.0, 16.0], 2, size_floor=0.0)
    array([0.25, 0.25, 0.5 , 1.  ])
    """
    sizes = _floored(np.asarray(size, dtype=float)[:, None], size_floor)[:, 0]
    if not 1 <= n <= sizes.size:
        raise_all([Problem("sample size", str(n), f"1 to {sizes.size}, the units of the frame")])
    certain = np.zeros(sizes.size, dtype=bool)
    while True:
        rest = n - int(certain.sum())
        rate = rest / sizes[~certain].sum() if rest else 0.0
        probability = np.where(certain, 1.0, rate * sizes)
        # Taking one unit with certainty may push the next one over
        too_large = (probability >= 1) & ~certain
        if not too_large.any():
            return np.asarray(probability)
        certain |= too_large


def multivariate_inclusion(
    sizes: npt.ArrayLike, sample_sizes: npt.ArrayLike, *, size_floor: float | None = None
) -> FloatArray:
    """Return the inclusion probabilities of one sample that serves several crops or provinces.

    ``pi_i = min(1, max_m n_m x_im / sum_j x_jm)``: each unit gets the largest probability any variable asks.

    Parameters
    ----------
    sizes
        Size of each unit for each variable, shape (N, M).
    sample_sizes
        Sample size each variable would need by itself, shape (M,).
    size_floor
        Smallest size a unit may count with, for each variable; it must be named.

    Returns
    -------
    ndarray
        Shape (N,); their sum is the expected sample size.

    Raises
    ------
    InputError
        If sizes are missing or negative, or shapes differ.
    QualityGateError
        If no floor is named, or a unit could never be drawn.

    References
    ----------
    Bailey and Kott (1997), Proceedings of the Survey Research Methods Section, American Statistical
    Association (maximal Brewer selection).

    Examples
    --------
    >>> multivariate_inclusion([[10, 0], [5, 8], [1, 20], [0, 2], [4, 10]], [2, 2], size_floor=0.0)
    array([1. , 0.5, 1. , 0.1, 0.5])
    """
    table = np.asarray(sizes, dtype=float)
    wanted = np.asarray(sample_sizes, dtype=float)
    if table.ndim != 2 or wanted.shape != (table.shape[1],) or not (wanted > 0).all():
        found = f"sizes of shape {table.shape}, sample sizes {wanted.tolist()}"
        raise_all([Problem("several variables", found, "one positive sample size for each column of sizes")])
    x = _floored(table, size_floor)
    return np.asarray(np.minimum(1.0, (wanted * x / x.sum(axis=0)).max(axis=1)))


def raised_to_whole(inclusion: npt.ArrayLike) -> FloatArray:
    """Return probabilities raised by one factor until they sum to a whole number, none above one.

    A design of fixed size needs a whole sum. Raised, and never lowered, every unit keeps at least the probability
    that each variable asks for.

    Parameters
    ----------
    inclusion
        Probabilities in (0, 1], shape (N,), such as those of `multivariate_inclusion`.

    Returns
    -------
    ndarray
        Shape (N,), summing to the next whole number.

    Examples
    --------
    >>> raised_to_whole([1.0, 0.5, 1.0, 0.1, 0.5])
    array([1.        , 0.90909091, 1.        , 0.18181818, 0.90909091])
    """
    pi = np.asarray(inclusion, dtype=float)
    return proportional_inclusion(pi, math.ceil(float(pi.sum()) - WHOLE), size_floor=0.0)


def _floored(sizes: FloatArray, floor: float | None) -> FloatArray:
    """Return sizes with the floor under them, refusing units that could never be drawn."""
    inputs, gates = [], []
    if not np.isfinite(sizes).all() or (sizes < 0).any():
        rows = np.flatnonzero((~np.isfinite(sizes) | (sizes < 0)).any(axis=1))
        inputs.append(
            Problem("size", f"{rows.size} units missing or negative (first {rows[:5].tolist()})", "zero or more")
        )
    elif floor is None:
        gates.append(Problem("size", "no floor under it", "a floor, or 0 said outright", FLOOR_REMEDY))
    elif floor < 0:
        inputs.append(Problem("size floor", f"{floor:g}", "zero or more"))
    elif (never := np.flatnonzero((np.maximum(sizes, floor) <= 0).all(axis=1))).size:
        found = f"{never.size} units that could never be drawn (first {never[:5].tolist()})"
        gates.append(Problem("size", found, "a positive size for each", FLOOR_REMEDY))
    raise_all(inputs, gates)
    return np.maximum(sizes, floor if floor is not None else 0.0)
