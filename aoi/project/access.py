"""Indicator A9: persons within reach of a school, clinic, road or market, with the project's works and without.

Reach is travel time over a surface where roads, cover or slope are given, else a straight line. People stand at
their settlements; a place of a single household is no settlement.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from aoi.project.indicator import PROGRAMME, FactSheet, Indicator, absent

__all__ = [
    "ACCESS",
    "SERVICES",
    "Reach",
    "access_facts",
    "access_rows",
    "access_table",
    "nearest_km",
]

FloatArray = NDArray[np.float64]

SERVICES = {"school": ("school",), "clinic": ("clinic",), "road": ("road", "bridge")}
"""Service to the types of infrastructure that give it; markets have a layer of their own."""

ACCESS = (
    "settlement", "population", "population_f", "population_m", "service", "facilities", "with_project",
    "without_project",
)  # fmt: skip
"""Columns of ``access.csv``; the last two are kilometres or minutes."""

_DIGITS = 6
"""Of distances, as the table is written, so that what is at the limit stays there when it is read."""

_PEOPLE = {"": "population", "female": "population_f", "male": "population_m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far is within reach."""

    measure: str
    """``km`` in a straight line, or ``min`` of travel."""
    limit: float
    """Reach; a facility at just that distance counts."""

    @property
    def method(self) -> str:
        """What the table says of it."""
        way = "straight line" if self.measure == "km" else "quickest way over roads and ground"
        return f"{way}, {self.limit:g} {self.measure}"


def nearest_km(settlements: FloatArray, facilities: FloatArray) -> FloatArray:
    """Return the straight distance of each settlement to its nearest facility, kilometres; infinite without any.

    Parameters
    ----------
    settlements, facilities
        Places in metres, shapes (n, 2) and (m, 2).

    Examples
    --------
    >>> nearest_km(np.array([[0.0, 0.0], [9000.0, 0.0]]), np.array([[0.0, 5000.0]])).round(3).tolist()
    [5.0, 10.296]
    """
    if not len(facilities) or not len(settlements):
        return np.full(len(settlements), np.inf)
    from scipy import spatial

    return np.asarray(spatial.KDTree(facilities).query(settlements)[0], dtype=float) / 1000


def access_table(settlements: Any, found: Mapping[str, tuple[int, FloatArray, FloatArray]]) -> pandas.DataFrame:
    """Return the table that A9 is made of: no place, only how far each settlement is from each service.

    Parameters
    ----------
    settlements
        Table with ``population``, and ``population_f`` and ``population_m`` where they are known.
    found
        Service to the number of facilities, and the distance of each settlement with and without the project's.
    """
    people = {
        name: settlements[name].to_numpy(dtype=float) if name in settlements else np.full(len(settlements), np.nan)
        for name in _PEOPLE.values()
    }
    parts = [
        pandas.DataFrame(
            {
                "settlement": np.arange(1, len(settlements) + 1),
                **people,
                "service": service,
                "facilities": count,
                "with_project": np.round(after, _DIGITS),
                "without_project": np.round(before, _DIGITS),
            }
        )
        for service, (count, after, before) in found.items()
    ]
    return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame(columns=list(ACCESS))


def access_rows(table: Any, reach: Reach, *, lacking: str = "") -> Iterator[Indicator]:
    """Yield A9: persons within reach of each service with all facilities, without the project's, and the gain.

    Parameters
    ----------
    table
        Rows of `access_table`.
    reach
        How far is within reach.
    lacking
        Why there is no table.

    Notes
    -----
    With a facility or a road more nobody loses access: the difference is never negative. Minutes are also told as
    the mean over all persons, where every settlement can get there.
    """
    if not len(table):
        yield absent("A9", PROGRAMME, "all", "persons", lacking or "no facility with a place", method=reach.method)
        return
    for service, own in table.groupby("service", sort=True):
        for sex, column in _PEOPLE.items():
            people = own[column].to_numpy(dtype=float)
            if np.isnan(people).any():
                continue
            yield from _within(str(service), sex, people, own, reach)
            if reach.measure == "min" and not sex and people.sum() > 0:
                yield from _mean(str(service), people, own, reach)


def _within(service: str, sex: str, people: FloatArray, own: Any, reach: Reach) -> Iterator[Indicator]:
    after, before = (
        math.fsum(people[own[name].to_numpy(dtype=float) <= reach.limit])
        for name in ("with_project", "without_project")
    )
    for group, value in (("with", after), ("without the project", before), ("gained", after - before)):
        yield Indicator(
            indicator="A9", domain=PROGRAMME, period="all", value=value, unit="persons", method=reach.method,
            grade="C", n=_count(own), group=f"{service}, {group}", sex=sex,
        )  # fmt: skip


def _mean(service: str, people: FloatArray, own: Any, reach: Reach) -> Iterator[Indicator]:
    """Yield the mean minutes of a person with and without the project's works; none where some cannot get there."""
    for name, group in (("with_project", "with"), ("without_project", "without the project")):
        minutes, told = own[name].to_numpy(dtype=float), f"{service}, mean way, {group}"
        lost = float(people[~np.isfinite(minutes)].sum())
        if lost > 0:
            reason = f"{lost:,.0f} persons whom no way leads there"
            yield absent("A9", PROGRAMME, "all", "min", reason, method=reach.method, group=told,
                         state="not_estimable")  # fmt: skip
            continue
        there = np.where(people > 0, minutes, 0.0)
        yield Indicator(
            indicator="A9", domain=PROGRAMME, period="all", value=float(people @ there / people.sum()), unit="min",
            method=reach.method, grade="C", n=_count(own), group=told,
        )  # fmt: skip


def _count(own: Any) -> float:
    """Return the facilities of a service; a road that is a line alone is none that could be counted."""
    count = float(own["facilities"].iloc[0])
    return count if count > 0 else math.nan


def access_facts(table: Any, *, sources: str, first_date: str, last_date: str, note: str) -> Iterator[FactSheet]:
    """Yield the fact sheet of A9; it names no place."""
    if not len(table):
        return
    yield FactSheet(
        indicator="A9", domain=PROGRAMME, n=int(table["settlement"].nunique()), unit="settlements",
        first_date=first_date, last_date=last_date, places=PROGRAMME, sources=sources, note=note,
    )  # fmt: skip
