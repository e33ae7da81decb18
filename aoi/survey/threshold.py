"""Thresholds on estimates: below, above, and the state of an interval that straddles the line.

A province with 60 ha and limits of 20 and 140 is poppy-free by the rule and may not be so in truth; both are told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist

from aoi.survey.estimate import Estimate
from aoi.survey.parameter import Parameter, load_parameters
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["Certainty", "Count", "Verdict", "against_threshold", "count_below", "poppy_free"]


class Certainty(Enum):
    """Where the whole interval lies."""

    BELOW = "below"
    STRADDLES = "straddles the threshold"
    AT_OR_ABOVE = "at or above"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """An estimate held against a threshold."""

    below: bool
    """Whether the point value is below the threshold: the rule as it is applied."""
    certainty: Certainty
    """Whether the interval agrees."""
    p_below: float
    """Chance of a true value below the threshold, normal errors; 0 or 1 where the standard error is 0."""
    threshold: float
    """The threshold, in the estimate's unit."""
    rule: str
    """Name and source of the threshold."""

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        side = "below" if self.below else "at or above"
        if self.certainty is Certainty.STRADDLES:
            return f"{side} {self.threshold:g} by the point estimate; the interval straddles the threshold"
        return f"{side} {self.threshold:g}, and so is the whole interval"


def against_threshold(estimate: Estimate, threshold: Parameter) -> Verdict:
    """Return where an estimate and its interval lie against a threshold.

    Parameters
    ----------
    estimate : Estimate
        Any figure with its interval.
    threshold : Parameter
        In the same unit; "below" is strict, so a value equal to the threshold is not below it.

    Raises
    ------
    QualityGateError
        If the units differ.

    Examples
    --------
    >>> line = load_parameters("rules")["threshold.poppy_free_ha"]
    >>> seen = Estimate(value=99.0, se=10.0, lo=79.4, hi=118.6, n=40, method="ratio")
    >>> verdict = against_threshold(seen, line)
    >>> verdict.below, verdict.certainty.value
    (True, 'straddles the threshold')
    """
    unit = estimate.quantity.unit if estimate.quantity else threshold.unit
    if unit != threshold.unit:
        raise QualityGateError(Problem(f"threshold {threshold.name}", f"an estimate in {unit}", threshold.unit))
    line = threshold.value
    if estimate.hi < line:
        certainty = Certainty.BELOW
    elif estimate.lo >= line:
        certainty = Certainty.AT_OR_ABOVE
    else:
        certainty = Certainty.STRADDLES
    return Verdict(
        below=estimate.value < line,
        certainty=certainty,
        p_below=_p_below(estimate, line),
        threshold=line,
        rule=f"{threshold.name} ({threshold.source})",
    )


def _p_below(estimate: Estimate, line: float) -> float:
    if estimate.se == 0:
        return float(estimate.value < line)
    return NormalDist().cdf((line - estimate.value) / estimate.se)


def poppy_free(estimate: Estimate, threshold: Parameter | None = None) -> Verdict:
    """Return whether a province is poppy-free: less than 100 ha by the shipped rule.

    Raises
    ------
    InputError
        If the figure is not one of opium poppy.
    QualityGateError
        If the units differ.
    """
    crop = estimate.quantity.crop if estimate.quantity else "opium_poppy"
    if crop != "opium_poppy":
        raise InputError(Problem("poppy-free rule", f"a figure of {crop}", "opium_poppy"))
    line = load_parameters("rules")["threshold.poppy_free_ha"] if threshold is None else threshold
    return against_threshold(estimate, line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many places lie below a threshold."""

    by_rule: int
    """By their point values: the number that is published."""
    certain: int
    """Those whose whole interval lies below."""
    possible: int
    """Those whose interval reaches below."""
    expected: float
    """Sum of the chances of lying below."""


def count_below(verdicts: Iterable[Verdict]) -> Count:
    """Return the count of places below a threshold with the range the intervals leave open."""
    known = list(verdicts)
    return Count(
        by_rule=sum(each.below for each in known),
        certain=sum(each.certainty is Certainty.BELOW for each in known),
        possible=sum(each.certainty is not Certainty.AT_OR_ABOVE for each in known),
        expected=math.fsum(each.p_below for each in known),
    )
