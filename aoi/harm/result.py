"""The row every harm writes: a figure with its interval, grade, draws and inputs, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

__all__ = [
    "Grade",
    "HarmInput",
    "HarmKey",
    "HarmRow",
    "Share",
    "State",
    "absent_row",
    "computed_row",
    "estimated_row",
    "inputs_text",
]

Grade = Literal["A", "B", "C", "D"]
"""A measured and validated; B modelled with validated inputs; C modelled with default factors; D potential."""
State = Literal["computed", "not_computed", "not_resolvable", "not_estimable"]
Share = Literal["direct", "indirect"]


@dataclass(frozen=True, slots=True)
class HarmInput:
    """One input of a figure, so that the figure can be made again."""

    id: str
    """Standard name of the data set."""
    version: str
    checksum: str


@dataclass(frozen=True, slots=True)
class HarmKey:
    """What a figure is about and how it was made."""

    indicator: str
    """Such as "D1"."""
    domain: str
    period: str
    unit: str
    share: Share
    grade: Grade
    method: str
    """Method with its version, such as "direct-footprint/1"."""
    inputs: tuple[HarmInput, ...] = ()
    crop: str = ""
    part: str = ""
    """What the figure is a part or variant of, such as ``origin:shrub``; empty for the figure itself."""


@dataclass(frozen=True, slots=True)
class HarmRow:
    """A figure of harm with its interval, or the state and reason of a figure that is not there.

    A missing figure is NaN, never zero.
    """

    key: HarmKey
    value: float
    lo: float
    hi: float
    n_draws: int
    seed: int
    state: State = "computed"
    reason: str = ""

    def __post_init__(self) -> None:
        where = f"harm {self.key.indicator}, {self.key.domain}"
        if self.state == "computed" and not self.lo <= self.value <= self.hi:
            found = f"value {self.value} with interval {self.lo} to {self.hi}"
            raise InputError(Problem(where, found, "a finite value inside its interval"))
        if self.state != "computed" and not (math.isnan(self.value) and self.reason):
            raise InputError(Problem(where, f"state {self.state}", "no value, and a reason"))


def computed_row(
    key: HarmKey, draws: ArrayLike, *, seed: int, point: float | None = None, level: float = 0.95
) -> HarmRow:
    """Return the row of a harm from its Monte-Carlo draws.

    Parameters
    ----------
    key
        What the figure is about.
    draws
        Observed minus counterfactual in each draw, in `key.unit`, shape (n,).
    seed
        The seed that the draws came from.
    point
        The estimate at the central inputs; the median of the draws when absent.
    level
        Of the percentile interval.

    Raises
    ------
    InputError
        When a draw is missing, or the estimate lies outside its own interval.
    """
    drawn: NDArray[np.float64] = np.asarray(draws, dtype=np.float64)
    if drawn.ndim != 1 or drawn.size == 0 or not np.isfinite(drawn).all():
        where = f"harm {key.indicator}, {key.domain}"
        raise InputError(Problem(where, f"draws of shape {drawn.shape}", "one finite figure per draw"))
    lo, middle, hi = np.quantile(drawn, [(1 - level) / 2, 0.5, (1 + level) / 2])
    value = float(middle) if point is None else point
    return HarmRow(key, value, float(lo), float(hi), drawn.size, seed)


def estimated_row(key: HarmKey, value: float, lo: float, hi: float) -> HarmRow:
    """Return the row of a harm whose interval is that of the survey's estimate; nothing was drawn."""
    return HarmRow(key, value, lo, hi, 0, 0)


def absent_row(key: HarmKey, state: State, reason: str) -> HarmRow:
    """Return the row of a figure that cannot be given, with the reason the table prints."""
    return HarmRow(key, math.nan, math.nan, math.nan, 0, 0, state, reason)


def inputs_text(inputs: Sequence[HarmInput]) -> str:
    """Return the inputs of a row in one cell of a table."""
    return "; ".join(f"{one.id} {one.version} {one.checksum}".strip() for one in inputs)
