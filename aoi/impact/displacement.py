"""What a programme moves to its neighbours: rings around it, the net of both, and the displacement quotient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.impact.aggregate import Effect
from aoi.impact.group_time import NEVER
from geo.errors import InputError, Problem

__all__ = [
    "RINGS_KM",
    "FourCells",
    "Ring",
    "Sites",
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sites:
    """Units with the programme, m of them, whether or not their outcome is known, and how far others are."""

    start: IntArray
    """First year of the programme, shape (m,)."""
    baseline: IntArray
    """Last year before its announcement, shape (m,)."""
    distance_km: FloatArray
    """Distance of each unit of the panel to each site, shape (n, m); infinite where it is far."""

    @classmethod
    def of_places(cls, xy_km: FloatArray, start: IntArray, baseline: IntArray) -> Sites:
        """Return the sites among units whose centres are known."""
        treated = np.flatnonzero(start != NEVER)
        apart = np.hypot(
            xy_km[:, 0, None] - xy_km[None, treated, 0],
            xy_km[:, 1, None] - xy_km[None, treated, 1],
        )
        return cls(start=start[treated], baseline=baseline[treated], distance_km=apart)


def exposure(
    treated: BoolArray, sites: Sites, *, radii_km: Sequence[float] = RINGS_KM, other_km: FloatArray | None = None
) -> tuple[list[Ring], BoolArray]:
    """Divide the untreated units into rings around programmes and the units beyond, which alone may be controls.

    Parameters
    ----------
    treated : ndarray of bool, shape (n,)
        Units with this programme or another: they lie in no ring.
    sites : Sites
        Where the programme works since when.
    radii_km
        Outer radii, rising.
    other_km : ndarray, shape (n,), optional
        Distance to the nearest unit of another programme: within the last radius nobody is a control.

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
    apart = sites.distance_km
    nearest = apart.min(axis=1) if apart.shape[1] else np.full(len(treated), np.inf)
    rings, inner = [], -math.inf
    for outer in radii:
        inside = ~treated & (nearest <= outer) & (nearest > inner)
        touching = apart[inside] <= outer
        first, before = np.full(len(treated), NEVER), np.full(len(treated), NEVER)
        far = np.iinfo(np.int64).max
        if inside.any():
            first[inside] = np.where(touching, sites.start, far).min(axis=1)
            before[inside] = np.where(touching, sites.baseline, far).min(axis=1)
        rings.append(Ring(inner_km=max(inner, 0.0), outer_km=outer, start=first, baseline=before))
        inner = outer
    away = nearest if other_km is None else np.minimum(nearest, other_km)
    return rings, np.asarray(~treated & (away > radii[-1]))


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
