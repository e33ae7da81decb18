"""The limits of a change estimated from units' own differences.

A total of hectares cannot be below what the sample saw, and its long tail is the upper one. Neither holds for a
change: where every changed unit of a sample gained, units that were not drawn may have lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from aoi.survey.estimate import Estimate
from aoi.survey.linearised import IntervalOfTotal, Linearised
from aoi.survey.national import sum_of_independent
from geo.errors import InputError, Problem

__all__ = ["change_figure", "national_change"]


def change_figure(
    difference: Linearised, *, level: float, most: float, interval: IntervalOfTotal = "skew-corrected"
) -> Estimate:
    """Put limits round a change, the same for a gain as for a loss of its size.

    Parameters
    ----------
    difference
        Estimated total of the units' differences.
    level
        Nominal confidence level.
    most
        Hectares of the frame: no change is larger, either way.
    interval
        As in `Linearised.estimate`.

    Returns
    -------
    Estimate
        Where no unit changed, or all by the same, the limits say what the sample can have missed on either side.

    Raises
    ------
    QualityGateError
        As `Linearised.estimate`.
    """
    two_sided = replace(difference.reliability, one_sided=False)
    bare = replace(difference, floor=-math.inf, reliability=two_sided)
    figure = bare.estimate(level=level, ceiling=most, interval=interval)
    turned = replace(bare, value=-bare.value, reliability=replace(two_sided, skewness=-two_sided.skewness))
    # Hall's limits mirror by themselves; those without any spread are one-sided until they are turned
    lower = -turned.estimate(level=level, ceiling=most, interval=interval).hi
    return replace(figure, lo=min(max(lower, -most), figure.value))


def national_change(
    differences: Mapping[str, tuple[Linearised, float]], *, country: Sequence[str], level: float
) -> Estimate:
    """Add the changes of provinces, each surveyed apart, to that of the country.

    Parameters
    ----------
    differences
        Total of the units' differences in each province, and the hectares of its frame.
    country
        Names of all provinces, so that none is left out.
    level
        Nominal confidence level.

    Returns
    -------
    Estimate
        Variances of provinces add; what a province without any change in its sample can have missed widens both
        limits.

    Raises
    ------
    InputError
        If a province is missing.
    """
    lost = [name for name in country if name not in differences]
    if lost:
        raise InputError(
            [Problem(f"province {name!r}", "no change", "one for each", "survey it in both years") for name in lost]
        )
    parts = list(differences.values())
    whole = sum_of_independent(
        [part for part, _ in parts], method=f"national change of {len(parts)} provinces, each by its own design"
    )
    figure = change_figure(whole, level=level, most=math.fsum(frame_ha for _, frame_ha in parts))
    if not any(part.variance == 0 and part.df > 0 for part, _ in parts):
        return figure
    own = [change_figure(part, level=level, most=frame_ha) for part, frame_ha in parts]
    below = math.hypot(*(one.value - one.lo for one in own))
    above = math.hypot(*(one.hi - one.value for one in own))
    return replace(figure, lo=min(figure.lo, figure.value - below), hi=max(figure.hi, figure.value + above))
