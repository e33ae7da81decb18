"""Roots of the score of a variance: every local maximum of its likelihood, not the one a search happens on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

__all__ = ["score_roots"]

_GRID = 80
"""Trial variances between which sign changes of the score are looked for."""


def score_roots(score: Callable[[float], float], scale: float) -> list[float]:
    """Return 0 and every root of a falling score that a fine grid brackets, to machine precision.

    Parameters
    ----------
    score : callable
        Positive below the root wanted, negative above it.
    scale : float
        Size a variance is expected to have; the grid runs from 1e-8 to 1e4 times it.
    """
    grid = np.concatenate([[0.0], scale * np.geomspace(1e-8, 1e4, _GRID)])
    signs = np.sign([score(one) for one in grid])
    brackets = np.flatnonzero((signs[:-1] > 0) & (signs[1:] <= 0))
    xtol = 1e-15 * scale
    return [0.0, *(float(brentq(score, grid[i], grid[i + 1], xtol=xtol, rtol=1e-15)) for i in brackets)]
