"""Change between figures that are already published: percent, rounding rule, significance, change of frame.

Published figures come rounded, with bounds and without samples. What can be said of their change is said here,
and what had to be assumed stands in the name of the method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from aoi.survey.change import Change, Verdict, difference_of, verdict_of
from aoi.survey.design import FloatArray
from aoi.survey.estimate import Estimate
from aoi.survey.interval import t_quantile
from geo.errors import InputError, Problem

__all__ = [
    "BoundsChange",
    "FrameChange",
    "RoundingRule",
    "change_across_frames",
    "change_from_bounds",
    "percent_change",
]

RoundingRule = Literal["change_then_round", "round_then_change"]
"""Whether a percent change is that of the exact figures or of the rounded ones.

SIMCI takes it of rounded thousands: 171,495 to 169,018 ha was published as -1.2 %, that of 171 to 169 thousand,
though the exact figures fell by 1.4 %.
"""


def percent_change(
    earlier: npt.ArrayLike,
    later: npt.ArrayLike,
    *,
    rule: RoundingRule = "change_then_round",
    rounded_to: float = 1000.0,
    decimals: int = 1,
) -> FloatArray:
    """Return the change in percent of the earlier figure, by a stated rounding rule.

    Parameters
    ----------
    earlier, later
        Figures, arrays of one shape.
    rule
        Whether figures are rounded first, or only the percentage.
    rounded_to
        What figures are rounded to under ``round_then_change``, in their own unit; halves go up.
    decimals
        Decimals of the percentage.

    Returns
    -------
    ndarray
        Percent; NaN where the earlier figure is not positive or either is missing.

    Raises
    ------
    InputError
        If the rule is none of the two.

    Examples
    --------
    >>> float(percent_change(54_655, 61_777))
    13.0
    >>> float(percent_change(171_495, 169_018, rule="round_then_change"))
    -1.2
    """
    before, after = np.asarray(earlier, dtype=float), np.asarray(later, dtype=float)
    if rule not in ("change_then_round", "round_then_change"):
        raise InputError(Problem("rounding rule", repr(rule), "change_then_round or round_then_change"))
    if rule == "round_then_change":
        before, after = (np.floor(figure / rounded_to + 0.5) for figure in (before, after))
    base = np.where(before > 0, before, np.nan)
    return np.asarray(np.round(100.0 * (after - before) / base, decimals), dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundsChange:
    """What published bounds say of a change, if they are 95 % limits of independent normal estimates."""

    percent: float
    """Change in percent of the earlier figure."""
    z: float
    """Difference over its standard error."""
    p_value: float
    """Two-sided normal p-value."""
    verdict: Verdict
    """The finding in words."""
    method: str
    """What was assumed."""


def change_from_bounds(
    earlier: tuple[float, float, float], later: tuple[float, float, float], *, level: float = 0.95
) -> BoundsChange:
    """Test the change between two figures published as best, low and high.

    Parameters
    ----------
    earlier, later
        Best, low and high of each year.
    level
        Level of the published bounds and of the test.

    Returns
    -------
    BoundsChange
        With the standard error of each year taken as (high - low) over twice the normal quantile.

    Raises
    ------
    InputError
        If a low is above its best or a best above its high, or the earlier best is not positive.

    Notes
    -----
    Two intervals may overlap and the difference still be significant: Afghanistan 2012 (125,000-189,000 ha)
    and 2013 (173,000-238,000 ha) differ with z = 2.36.

    Examples
    --------
    >>> found = change_from_bounds((154_000, 125_000, 189_000), (209_000, 173_000, 238_000))
    >>> round(found.z, 2), found.verdict
    (2.36, 'increase')
    """
    quantile = float(t_quantile(level, np.inf))
    for name, (best, low, high) in (("earlier", earlier), ("later", later)):
        if not low <= best <= high or (name == "earlier" and best <= 0):
            found = f"best {best:g}, low {low:g}, high {high:g}"
            raise InputError(Problem(f"{name} figure", found, "low <= best <= high, a positive earlier best"))
    se = math.hypot(*((high - low) / (2 * quantile) for _, low, high in (earlier, later)))
    difference = later[0] - earlier[0]
    z = difference / se if se > 0 else math.copysign(math.inf, difference) if difference else 0.0
    half = quantile * se
    return BoundsChange(
        percent=100.0 * difference / earlier[0],
        z=z,
        p_value=float(2 * special.ndtr(-abs(z))),
        verdict=verdict_of(difference - half, difference + half),
        method="normal approximation from published bounds; years taken as independent",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChange:
    """A change between two surveys whose frames differ, taken apart."""

    like_for_like: Change
    """Change over the frame both surveys cover: the only one that is a change of the crop."""
    entered_ha: float
    """Later figure of places only the later survey covers."""
    left_ha: float
    """Earlier figure of places only the earlier survey covers."""
    percent: float
    """Like-for-like change in percent of the earlier figure of the common frame."""
    headline_percent: float
    """Change of the two published totals in percent: partly a change of frame."""


def change_across_frames(
    earlier: Estimate,
    later: Estimate,
    *,
    entered: Estimate | None = None,
    left: Estimate | None = None,
    correlation: float = 0.0,
) -> FrameChange:
    """Separate a change of the crop from a change of the frame.

    Parameters
    ----------
    earlier, later
        Figures of the frame both surveys cover.
    entered
        Figure of what only the later survey covers.
    left
        Figure of what only the earlier survey covers.
    correlation
        Correlation of the two figures of the common frame.

    Returns
    -------
    FrameChange
        Its verdict is that of the common frame.

    Raises
    ------
    InputError
        If the earlier figure is not positive.

    Examples
    --------
    >>> def figure(value):
    ...     return Estimate(value=value, se=6e3, lo=value - 12e3, hi=value + 12e3, n=300, method="published")
    >>> found = change_across_frames(figure(41_000.0), figure(36_100.0), entered=figure(1_200.0))
    >>> round(found.percent, 1), round(found.headline_percent, 1)
    (-12.0, -9.0)
    """
    if earlier.value <= 0:
        raise InputError(Problem("earlier figure", f"{earlier.value:g}", "a positive figure to be the base"))
    new, gone = (0.0 if part is None else part.value for part in (entered, left))
    before, after = earlier.value + gone, later.value + new
    return FrameChange(
        like_for_like=difference_of(earlier, later, correlation=correlation),
        entered_ha=new,
        left_ha=gone,
        percent=100.0 * (later.value - earlier.value) / earlier.value,
        headline_percent=100.0 * (after - before) / before,
    )
