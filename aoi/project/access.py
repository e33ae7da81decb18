"""Indicator A9: persons within reach of a school, clinic or road, with the project's facilities and without.

Reach is a straight line. People stand at their settlements; a place of a single household is no settlement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.project.indicator import PROGRAMME, Indicator, absent

__all__ = ["SERVICES", "access_rows", "within_reach"]

SERVICES = {"school": ("school",), "clinic": ("clinic",), "road": ("road", "bridge")}
"""Service to the types of infrastructure that give it."""


def within_reach(
    settlements: NDArray[np.float64], facilities: NDArray[np.float64], radius_m: float
) -> NDArray[np.bool_]:
    """Say which settlements have a facility within a straight distance.

    Parameters
    ----------
    settlements, facilities
        Places in metres, shapes (n, 2) and (m, 2).
    radius_m
        Reach; a facility at just that distance counts.

    Examples
    --------
    >>> within_reach(np.array([[0.0, 0.0], [9.0, 0.0]]), np.array([[0.0, 5.0]]), 5.0).tolist()
    [True, False]
    """
    reached = np.zeros(len(settlements), dtype=bool)
    if len(settlements) and len(facilities):
        tree = shapely.STRtree(shapely.points(facilities))
        near = tree.query(shapely.points(settlements), predicate="dwithin", distance=radius_m)[0]
        reached[near] = True
    return reached


def access_rows(infrastructure: Any, settlements: Any, *, radius_km: float, crs: object) -> Iterator[Indicator]:
    """Yield A9: persons within reach of each service with all facilities, without the project's, and the gain.

    Parameters
    ----------
    infrastructure
        GeoDataFrame of points with ``type`` and ``built_by``.
    settlements
        GeoDataFrame of points with ``population``; None where there is none.
    radius_km
        Reach.
    crs
        Projected CRS in metres.

    Notes
    -----
    With a facility more nobody loses access: the difference is never negative.
    """
    if settlements is None or not len(infrastructure):
        reason = "no settlements with population" if settlements is None else "no infrastructure with a place"
        yield absent("A9", PROGRAMME, "all", "persons", reason, method="straight line")
        return
    people = settlements["population"].to_numpy(dtype=float)
    homes = _xy(settlements, crs)
    for service, types in SERVICES.items():
        own = infrastructure[infrastructure["type"].isin(types)]
        if not len(own):
            continue
        places, ours = _xy(own, crs), (own["built_by"] == "project").to_numpy(dtype=bool)
        after = math.fsum(people[within_reach(homes, places, radius_km * 1000)])
        before = math.fsum(people[within_reach(homes, places[~ours], radius_km * 1000)])
        method = f"straight line, {radius_km:g} km"
        for group, value in (("with", after), ("without the project", before), ("gained", after - before)):
            yield Indicator(
                indicator="A9", domain=PROGRAMME, period="all", value=value, unit="persons", method=method,
                grade="C", n=len(own), group=f"{service}, {group}",
            )  # fmt: skip


def _xy(frame: Any, crs: object) -> NDArray[np.float64]:
    points = geopandas.GeoSeries(frame.geometry).to_crs(str(crs))
    return np.asarray(shapely.get_coordinates(np.asarray(points.values)), dtype=float)
