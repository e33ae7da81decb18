"""The row of an indicator and the sheet of facts beside it: n, dates, places, sources."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pandas

from geo.errors import InputError, Problem

__all__ = ["PROGRAMME", "FactSheet", "Indicator", "absent", "by_project", "counted", "facts_of", "grade_of"]

PROGRAMME = "programme"
"""Domain of all projects together."""

Grade = Literal["A", "B", "C", "D"]
State = Literal["computed", "not_computed", "not_estimable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One figure, or why there is none.

    Limits are those of an estimate; a count of records has none, and its `lo` and `hi` are NaN.
    """

    indicator: str
    """Such as "A6"."""
    domain: str
    """A project, or `PROGRAMME`."""
    period: str
    value: float
    unit: str
    method: str
    grade: Grade
    """A measured and validated; B reported; C estimated without a sample; D potential."""
    lo: float = math.nan
    hi: float = math.nan
    level: float = math.nan
    n: float = math.nan
    """Records, interviews or sample units behind the figure."""
    sex: str = ""
    group: str = ""
    direct_or_indirect: str = "direct"
    n_draws: int = 0
    seed: int = 0
    state: State = "computed"
    reason: str = ""
    inputs: str = ""
    crop: str = ""
    flags: str = ""
    """Warnings of the estimate, split by ``;``."""

    def __post_init__(self) -> None:
        where = f"indicator {self.indicator}, {self.domain} {self.period}"
        limited = not (math.isnan(self.lo) and math.isnan(self.hi))
        if self.state == "computed" and not math.isfinite(self.value):
            raise InputError(Problem(where, f"the value {self.value}", "a number, or a state with its reason"))
        if self.state == "computed" and limited and not self.lo <= self.value <= self.hi:
            found = f"{self.value} with limits {self.lo} and {self.hi}"
            raise InputError(Problem(where, found, "a value between its limits"))
        if self.state != "computed" and not (math.isnan(self.value) and self.reason):
            raise InputError(Problem(where, f"state {self.state}", "no value, and a reason"))


def counted(indicator: str, domain: str, period: str, value: float, unit: str, rows: Any, **more: Any) -> Indicator:
    """Return a figure made from records: their grade, their number, no limits."""
    known = {"method": "records", "grade": grade_of(rows), "n": len(rows)} | more
    return Indicator(indicator=indicator, domain=domain, period=period, value=value, unit=unit, **known)


def absent(indicator: str, domain: str, period: str, unit: str, reason: str, **more: Any) -> Indicator:
    """Return the row of a figure that cannot be given, with the reason that the table prints."""
    return Indicator(
        indicator=indicator,
        domain=domain,
        period=period,
        value=math.nan,
        unit=unit,
        method=more.pop("method", "records"),
        grade="C",
        state=more.pop("state", "not_computed"),
        reason=reason,
        **more,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSheet:
    """What stands behind an indicator of a domain."""

    indicator: str
    domain: str
    n: int
    """Rows, interviews or sample units."""
    unit: str
    """What `n` counts."""
    first_date: str
    last_date: str
    places: str
    """Administrative units or projects; never a place of a person."""
    sources: str
    note: str = ""


def facts_of(indicator: str, domain: str, rows: Any, *, table: str, note: str = "") -> FactSheet:
    """Return the facts of records: how many, of which dates, places and documents."""
    days = rows["source_date"].dropna()
    places = rows["adm_code"] if "adm_code" in rows else rows.get("project_id", [])
    return FactSheet(
        indicator=indicator,
        domain=domain,
        n=len(rows),
        unit=f"records of {table}",
        first_date=str(days.min().date()) if len(days) else "",
        last_date=str(days.max().date()) if len(days) else "",
        places="; ".join(sorted({str(place) for place in places if place})),
        sources="; ".join(sorted(set(rows["source_id"]))),
        note=note,
    )


def grade_of(rows: Any) -> Grade:
    """Return B for records all verified or reported, C for others."""
    return "B" if len(rows) and rows["confidence"].isin(["verified", "reported"]).all() else "C"


def by_project(rows: Any) -> Iterator[tuple[str, Any]]:
    """Yield all rows as `PROGRAMME`, then those of each project; nothing without rows."""
    if len(rows):
        yield PROGRAMME, rows
        for project, own in rows.groupby("project_id", sort=True):
            yield str(project), own


def total(values: Any) -> float:
    """Return a sum in which missing counts as missing: NaN where nothing is known."""
    known = pandas.Series(values).dropna()
    return float(known.sum()) if len(known) else math.nan
