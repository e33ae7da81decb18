"""What a programme moves to its neighbours: rings around it, the net of both, and the displacement quotient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from aoi.impact.aggregate import Effect
from aoi.impact.group_time import NEVER
from geo.errors import InputError, Problem

__all__ = [
    "RINGS_KM",
    "FourCells",
    "Ring",
    "difference_in_differences",
    "exposure",
    "leakage",
    "net",
    "weighted_displacement_quotient",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

RINGS_KM = (1.0, 5.0, 10.0)
"""Outer radii of the rings; controls lie beyond the last."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ring:
    """Units at some distance from the nearest programme."""

    inner_km: float
    """Inner radius."""
    outer_km: float
    """Outer radius."""
    start: IntArray
    """First year in which a programme works at this distance, shape (n,); `NEVER` outside the ring."""
    baseline: IntArray
    """Last year before any of these programmes was announced."""

    @property
    def name(self) -> str:
        """Name such as ``ring 1-5 km``."""
        return f"ring {self.inner_km:g}-{self.outer_km:g} km"


def exposure(
    distance_km: FloatArray | None,
    start: IntArray,
    baseline: IntArray,
    *,
    radii_km: Sequence[float] = RINGS_KM,
    xy_km: FloatArray | None = None,
    barred: BoolArray | None = None,
) -> tuple[list[Ring], BoolArray]:
    """Divide the untreated units into rings around programmes and the units beyond, which alone may be controls.

    Parameters
    ----------
    distance_km : ndarray, shape (n, n), or None
        Distances between units (borders or centres); taken from `xy_km` when None.
    start, baseline : ndarray, shape (n,)
        Of the programme itself; `NEVER` where there is none.
    radii_km
        Outer radii, rising.
    xy_km : ndarray, shape (n, 2)
        Centres of the units in a metric projection.
    barred : ndarray of bool, shape (n,), optional
        Units of other programmes: neither they nor their neighbours within the last radius are controls.

    Returns
    -------
    rings : list of Ring
        A unit lies in the ring of the nearest programme. It is exposed from the first year in which a programme
        works within that ring's outer radius.
    beyond : ndarray of bool
        Units beyond all rings that no programme touches.
    """
    radii = [float(radius) for radius in radii_km]
    if not radii or radii[0] <= 0 or any(a >= b for a, b in pairwise(radii)):
        raise InputError(Problem("rings", f"radii {radii} km", "positive radii that rise"))
    treated = np.flatnonzero(start != NEVER)
    n = len(start)
    nearest = _nearest(treated, n, distance_km, xy_km)
    untreated = start == NEVER
    rings = []
    inner = 0.0
    for outer in radii:
        inside = untreated & (nearest <= outer) & ((nearest > inner) | (inner == 0.0))
        first, before = np.full(n, NEVER), np.full(n, NEVER)
        for unit in np.flatnonzero(inside):
            apart = distance_km[unit, treated] if distance_km is not None else _apart(xy_km, int(unit), treated)
            touching = treated[apart <= outer]
            first[unit] = start[touching].min()
            before[unit] = baseline[touching].min()
        rings.append(Ring(inner_km=inner, outer_km=outer, start=first, baseline=before))
        inner = outer
    others = np.flatnonzero(barred) if barred is not None else np.array([], dtype=np.int64)
    away = np.minimum(nearest, _nearest(others, n, distance_km, xy_km)) > radii[-1]
    return rings, np.asarray(untreated & away)


def _nearest(
    units: NDArray[np.intp], n: int, distance_km: FloatArray | None, xy_km: FloatArray | None
) -> FloatArray:
    """Return the distance of each unit to the nearest of some."""
    if distance_km is None and xy_km is None:
        raise InputError(Problem("rings", "neither distances nor places", "one of them"))
    if not units.size:
        return np.full(n, np.inf)
    if distance_km is not None:
        return np.asarray(distance_km[:, units].min(axis=1))
    assert xy_km is not None
    return np.asarray(cKDTree(xy_km[units]).query(xy_km)[0])


def _apart(xy_km: FloatArray | None, unit: int, others: NDArray[np.intp]) -> FloatArray:
    assert xy_km is not None
    return np.asarray(np.hypot(*(xy_km[others] - xy_km[unit]).T))


def net(direct: Effect, units: int, rings: Sequence[tuple[Effect, int]]) -> Effect:
    """Return the effect on all units together: that on the treated and that on each ring, times their units."""
    total = direct * units
    for effect, count in rings:
        total = total + effect * count
    return Effect(value=total.value, influence=total.influence, label="net")


def leakage(direct_total: float, rings_total: float) -> float:
    """Return the share of the direct effect that rings give back; NaN without a direct effect.

    Examples
    --------
    >>> round(leakage(-360.0, 106.0), 4)
    0.2944
    """
    return -rings_total / direct_total if direct_total else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class FourCells:
    """Totals of an area and its control, before and after."""

    before: float
    """Area, before."""
    after: float
    """Area, after."""
    control_before: float
    """Control, before."""
    control_after: float
    """Control, after."""


def difference_in_differences(cells: FourCells, *, scale: str = "level") -> float:
    """Return the difference in differences of four totals, in levels or in logarithms.

    Raises
    ------
    InputError
        If a logarithm is asked of a total that is not positive.

    Examples
    --------
    >>> difference_in_differences(FourCells(before=1000, after=600, control_before=800, control_after=760))
    -360
    """
    values = (cells.after, cells.before, cells.control_after, cells.control_before)
    if scale == "log":
        if min(values) <= 0:
            raise InputError(
                Problem("difference of logarithms", f"totals {values}", "totals above zero", "use levels")
            )
        values = (math.log(values[0]), math.log(values[1]), math.log(values[2]), math.log(values[3]))
    return (values[0] - values[1]) - (values[2] - values[3])


def weighted_displacement_quotient(area: ArrayLike, ring: ArrayLike, control: ArrayLike) -> float:
    """Return Bowers and Johnson's weighted displacement quotient, from totals (before, after).

    The change of the ring's ratio to the control over the change of the area's: below 0 displacement, above 0 a
    benefit that spreads; below -1 more was displaced than was gained. NaN where the area's ratio did not change.

    References
    ----------
    Bowers and Johnson (2003), Journal of Quantitative Criminology 19, 275-301, doi:10.1023/A:1024909009240.

    Examples
    --------
    >>> round(weighted_displacement_quotient((1000, 600), (300, 420), (800, 760)), 5)
    -0.38571
    """
    a, b, c = (np.asarray(pair, dtype=float) for pair in (area, ring, control))
    if (c <= 0).any():
        raise InputError(Problem("displacement quotient", f"control totals {c.tolist()}", "totals above zero"))
    of_area, of_ring = a[1] / c[1] - a[0] / c[0], b[1] / c[1] - b[0] / c[0]
    return float(of_ring / of_area) if of_area else math.nan
