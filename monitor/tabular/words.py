"""Figures in words: never without their interval, whose level is nominal where the figure is flagged."""

from __future__ import annotations

from aoi.survey.estimate import Estimate

__all__ = ["figure_words"]


def figure_words(one: Estimate, unit: str = "ha") -> str:
    """Return a figure with its interval; the level of a flagged one is nominal only.

    Examples
    --------
    >>> figure_words(Estimate(value=10.0, se=2.0, lo=6.0, hi=14.5, n=300, method="x"))
    '10.00 ha (95 % interval 6.00 to 14.50 ha; n = 300)'
    """
    level = f"{'nominal ' if one.flags else ''}{100 * one.level:.10g} %"
    flags = f" [{'; '.join(one.flags)}]" if one.flags else ""
    limits = f"{level} interval {one.lo:,.2f} to {one.hi:,.2f} {unit}"
    n = f"; n = {one.n}" if one.n else ""
    return f"{one.value:,.2f} {unit} ({limits}{n}){flags}"
