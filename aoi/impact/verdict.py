"""Words that fit the evidence: associated with, no difference told apart, too small to tell, not estimable."""

from __future__ import annotations

import math
from enum import StrEnum

from scipy import stats

from geo.errors import InputError, Problem

__all__ = ["MDE_LIMIT", "POWER", "Verdict", "minimum_detectable", "verdict"]

POWER = 0.8
"""Chance with which the minimum detectable effect would be seen."""

MDE_LIMIT = 0.30
"""Share of the level without programme above which a study that found nothing has said nothing."""


class Verdict(StrEnum):
    """What may be said of an effect."""

    ASSOCIATED_LESS = "associated with less"
    """The interval lies below zero."""
    ASSOCIATED_MORE = "associated with more"
    """The interval lies above zero."""
    NO_DIFFERENCE = "no difference found"
    """The interval holds zero, and an effect of 30 % would have been seen."""
    TOO_SMALL = "too small to tell"
    """The interval holds zero, and only an effect above 30 % would have been seen."""
    NOT_ESTIMABLE = "not estimable"
    """There is no interval."""


def minimum_detectable(se: float, df: float, *, level: float = 0.95, power: float = POWER) -> float:
    """Return the smallest effect that a test at the level would find with a given chance.

    References
    ----------
    Bloom (1995), Evaluation Review 19, 547-556, doi:10.1177/0193841X9501900504.

    Examples
    --------
    >>> round(minimum_detectable(1.0, float("inf")), 4)
    2.8016
    """
    if not (se >= 0 and df > 0 and 0 < level < 1 and 0 < power < 1):
        raise InputError(
            Problem("minimum detectable effect", f"se {se}, df {df}", "a standard error and degrees of freedom")
        )
    return float((stats.t.ppf(0.5 + level / 2, df) + stats.t.ppf(power, df)) * se)


def verdict(lo: float, hi: float, *, mde: float, reference: float) -> Verdict:
    """Return the word for an effect.

    Parameters
    ----------
    lo, hi
        Limits; NaN where there are none.
    mde
        Minimum detectable effect.
    reference
        Level that the treated would have had without the programme; the minimum detectable effect is held against
        30 % of it.

    Examples
    --------
    >>> verdict(-3.0, 1.0, mde=2.8, reference=20.0).value, verdict(-30.0, 10.0, mde=28.0, reference=20.0).value
    ('no difference found', 'too small to tell')
    """
    if not (math.isfinite(lo) and math.isfinite(hi)):
        return Verdict.NOT_ESTIMABLE
    if hi < 0:
        return Verdict.ASSOCIATED_LESS
    if lo > 0:
        return Verdict.ASSOCIATED_MORE
    if not reference > 0 or mde > MDE_LIMIT * reference:
        return Verdict.TOO_SMALL
    return Verdict.NO_DIFFERENCE
