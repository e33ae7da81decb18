"""Adjustment of p-values where many places or years are tested at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

__all__ = ["benjamini_hochberg", "holm"]

FloatArray = NDArray[np.float64]


def _checked(p_values: ArrayLike) -> FloatArray:
    p = np.asarray(p_values, dtype=float)
    bad = np.flatnonzero(~((p >= 0) & (p <= 1)))
    if p.ndim != 1 or bad.size:
        raise InputError(Problem(f"p-values, rows {bad[:5].tolist()}", f"shape {p.shape}", "a column of 0 to 1"))
    return p


def holm(p_values: ArrayLike) -> FloatArray:
    """Return p-values adjusted so that the chance of any false verdict is kept.

    Parameters
    ----------
    p_values : array_like, shape (n,)
        Any order, any dependence.

    Raises
    ------
    InputError
        If one lies outside 0 to 1 or is missing.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm([0.04, 0.01])
    array([0.04, 0.02])
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _in_place(np.minimum(adjusted, 1.0), order)


def benjamini_hochberg(p_values: ArrayLike) -> FloatArray:
    """Return p-values adjusted so that the expected share of false verdicts among the positive ones is kept.

    Parameters
    ----------
    p_values : array_like, shape (n,)
        Any order; independent or positively dependent.

    Raises
    ------
    InputError
        If one lies outside 0 to 1 or is missing.

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.04, 0.01])
    array([0.04, 0.02])
    """
    p = _checked(p_values)
    order = np.argsort(p, kind="stable")
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.minimum.accumulate(raised[::-1])[::-1]
    return _in_place(np.minimum(adjusted, 1.0), order)


def _in_place(adjusted: FloatArray, order: NDArray[np.intp]) -> FloatArray:
    result = np.empty_like(adjusted)
    result[order] = adjusted
    return result
