"""Masks of zeros and ones: a no-data value in one is told, not taken for yes or no."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

__all__ = ["known_mask"]


def known_mask(values: ArrayLike, what: str) -> NDArray[np.bool_]:
    """Return a mask as booleans.

    Raises
    ------
    InputError
        When a value is neither 0 nor 1, as a no-data value of 255 or NaN.
    """
    raw = np.asarray(values)
    if raw.dtype != np.bool_ and not np.isin(raw, (0, 1)).all():
        raise InputError(
            Problem(what, "values other than 0 and 1", "a mask", "take no-data out of the domain first")
        )
    return raw.astype(np.bool_)
