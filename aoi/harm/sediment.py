"""How much of the soil that is lost reaches a stream, and where the rest stays.

The connectivity index of a cell weighs the cover above it against the cover on its way to the stream, so that a
change of cover changes it upslope and downslope too. It is therefore made anew for the counterfactual.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem
from geo.hillslope import Hillslopes
from geo.kernel import compiled

__all__ = [
    "LEAST_COVER",
    "SLOPE_LIMITS",
    "Delivery",
    "connect_piece",
    "connectivity_index",
    "delivery_ratio",
    "deposition",
    "mean_slope",
    "sediment_ratio",
]

FloatArray = NDArray[np.float64]
LEAST_COVER = 0.001
"""Least cover factor in the connectivity index, whose downslope term divides by it (Borselli et al. 2008)."""
SLOPE_LIMITS = (0.005, 1.0)
"""Slopes of the connectivity index are held between these, rise over run."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Parameters of the sediment delivery ratio (Vigiak et al. 2012), to be calibrated on a gauged basin."""

    most: float
    """Ratio of soil finer than coarse sand, which can travel at all."""
    middle_index: float
    """Connectivity index at which half of that arrives, IC0."""
    spread: float
    """How slowly the ratio rises with the index, k."""

    def __post_init__(self) -> None:
        if not (0 < self.most <= 1 and self.spread > 0 and np.isfinite(self.middle_index)):
            found = f"most {self.most}, IC0 {self.middle_index}, k {self.spread}"
            raise InputError(Problem("sediment delivery", found, "most above 0 to 1, k above 0"))


def delivery_ratio(index: ArrayLike, delivery: Delivery) -> FloatArray:
    """Return the ratio of a connectivity index, ``SDR_max / (1 + exp((IC0 - IC) / k))``.

    Examples
    --------
    >>> float(delivery_ratio(0.5, Delivery(0.8, 0.5, 2.0)))
    0.4
    """
    ic = np.asarray(index, dtype=np.float64)
    return np.asarray(delivery.most / (1 + np.exp((delivery.middle_index - ic) / delivery.spread)))


def mean_slope(hill: Hillslopes, slope: ArrayLike) -> NDArray[np.float32]:
    """Return the mean slope of each cell and all above it, slopes held between 0.005 and 1; shape (m,)."""
    held = np.clip(np.asarray(slope, dtype=np.float64), *SLOPE_LIMITS)
    _sum_upslope(hill.ahead, held)
    return np.asarray(held / hill.upslope, dtype=np.float32)


def connectivity_index(hill: Hillslopes, slope: ArrayLike, cover: ArrayLike) -> FloatArray:
    """Return the index of connectivity of cells to their stream, shape (m,); infinite on a stream.

    ``IC = log10(D_up / D_dn)``, ``D_up = mean C mean S sqrt(A)`` over the cell and all above it, ``D_dn`` the
    sum of ``d / (C S)`` from the cell, itself counted, to the stream.

    Parameters
    ----------
    hill
        Hillslopes of m cells.
    slope
        Rise over run.
    cover
        Cover factor C.

    References
    ----------
    Borselli, L., Cassi, P. and Torri, D. (2008), Catena 75, 268-277, doi:10.1016/j.catena.2008.07.006.
    """
    ratio = _ratio(hill, slope, cover)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log10(ratio))


def sediment_ratio(hill: Hillslopes, slope: ArrayLike, cover: ArrayLike, delivery: Delivery) -> FloatArray:
    """Return the share of each cell's soil loss that reaches the stream, shape (m,); 1 on a stream."""
    ratio = _ratio(hill, slope, cover)
    _to_delivery(ratio, *constants(delivery))
    return ratio


def deposition(hill: Hillslopes, loss_t: ArrayLike, ratio: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return what stays in each cell of the soil that does not reach the stream, and what does at each last cell.

    Of the soil that comes down a slope a cell keeps ``dT = (SDR_next - SDR) / (1 - SDR)``, none where the ratio
    falls downslope and all at the last cell, since a stream's ratio is 1, and passes on
    ``F = (1 - dT) sum F_above + loss (1 - SDR)``. What the last cells pass on is held at the stream. Soil is
    neither made nor lost: delivered, kept and held make up the loss.

    Parameters
    ----------
    hill
        Hillslopes of m cells.
    loss_t
        Soil loss of each cell, t/yr.
    ratio
        Its delivery ratio.

    Returns
    -------
    ndarray, ndarray, shape (m,)
        Kept in the cell; held at the stream that it drains to, 0 but for last cells.
    """
    loss, share = np.asarray(loss_t, dtype=np.float64), np.asarray(ratio, dtype=np.float64)
    kept, held = np.zeros_like(loss), np.zeros_like(loss)
    _deposit(hill.ahead, loss, share, np.zeros_like(loss), kept, held)
    return kept, held


def constants(delivery: Delivery) -> tuple[float, float, float]:
    """Return most, factor and power by which ``D_up / D_dn`` gives the delivery without a logarithm."""
    return delivery.most, exp(delivery.middle_index / delivery.spread), -1 / (delivery.spread * log(10.0))


def _ratio(hill: Hillslopes, slope: ArrayLike, cover: ArrayLike) -> FloatArray:
    rise = np.ascontiguousarray(slope, dtype=np.float32)
    c = np.asarray(cover, dtype=np.float64)
    if rise.shape != hill.cells.shape or c.shape != hill.cells.shape:
        found = f"{rise.size} slopes and {c.size} covers for {hill.cells.size} cells"
        raise InputError(Problem("sediment delivery", found, "one each"))
    if np.any(~((c >= 0) & (c <= 1))) or np.any(~(rise >= 0)):
        raise InputError(
            Problem("sediment delivery", "a cover outside 0 to 1, or a slope missing", "one in each cell")
        )
    held = np.maximum(c, LEAST_COVER)
    ratio = np.empty_like(held)
    _connect(
        hill.ahead, hill.upslope, hill.step_m, hill.on_stream, rise, mean_slope(hill, rise), hill.cell_area_m2,
        held, held.copy(), ratio,
    )  # fmt: skip
    return ratio


@compiled
def connect_piece(
    first: Any,
    end: Any,
    ahead: Any,
    way: Any,
    code: Any,
    cover: Any,
    joins: Any,
    counts: Any,
    join: Any,
    cover_above: Any,
    down: Any,
) -> Any:
    """Fill in the sum of covers above each cell of a piece of whole slopes, and its D_dn; return the next join.

    Parameters
    ----------
    first, end
        Places of the piece.
    ahead, code, joins, counts
        Of `Hillslopes` and `Tributaries`, and the cover of each cell.
    way
        A cell's part of D_dn times its cover.
    cover
        Cover factor of each code.
    join
        Where in `joins` the piece begins.
    cover_above, down
        Filled from their beginning.
    """
    for place in range(end - first):
        cover_above[place] = 0.0
    while join < joins.size and joins[join] < end:
        beside = 0.0
        for one in range(cover.size):
            beside += counts[join, one] * cover[one]
        cover_above[joins[join] - first] = beside
        join += 1
    for place in range(first, end):
        cover_above[place - first] += cover[code[place]]
        if ahead[place] >= 0:
            cover_above[ahead[place] - first] += cover_above[place - first]
    for place in range(end - 1, first - 1, -1):
        down[place - first] = way[place] / cover[code[place]]
        if ahead[place] >= 0:
            down[place - first] += down[ahead[place] - first]
    return join


@compiled
def _sum_upslope(ahead: Any, total: Any) -> None:
    for place in range(ahead.size):
        if ahead[place] >= 0:
            total[ahead[place]] += total[place]


@compiled
def _connect(
    ahead: Any,
    upslope: Any,
    step_m: Any,
    on_stream: Any,
    slope: Any,
    slope_above: Any,
    cell_area_m2: float,
    cover: Any,
    cover_above: Any,
    ratio: Any,
) -> None:
    """Fill `ratio` with D_up / D_dn; `cover_above` starts as the cover and ends as its sum upslope."""
    for place in range(ahead.size):
        if ahead[place] >= 0:
            cover_above[ahead[place]] += cover_above[place]
    for place in range(ahead.size - 1, -1, -1):
        down = step_m[place] / (cover[place] * min(max(slope[place], np.float32(0.005)), np.float32(1.0)))
        if ahead[place] >= 0:
            down += ratio[ahead[place]]
        ratio[place] = down
    for place in range(ahead.size):
        if on_stream[place]:
            ratio[place] = np.inf
        else:
            count = upslope[place]
            up = cover_above[place] / count * slope_above[place] * np.sqrt(count * cell_area_m2)
            ratio[place] = up / ratio[place]


@compiled
def _to_delivery(ratio: Any, most: float, factor: float, power: float) -> None:
    """Turn D_up / D_dn into the delivery ratio; a stream's is 1."""
    for place in range(ratio.size):
        if np.isinf(ratio[place]):
            ratio[place] = 1.0
        else:
            ratio[place] = most / (1 + factor * ratio[place] ** power)


@compiled
def _deposit(ahead: Any, loss: Any, share: Any, coming: Any, kept: Any, held: Any) -> None:
    for place in range(ahead.size):
        below = ahead[place]
        next_share = share[below] if below >= 0 else 1.0
        trap = max(next_share - share[place], 0.0) / (1 - share[place]) if share[place] < 1 else 0.0
        kept[place] = trap * coming[place]
        passed = coming[place] - kept[place] + loss[place] * (1 - share[place])
        if below >= 0:
            coming[below] += passed
        else:
            held[place] = passed
