"""Indicators of licit livelihoods: licit income, market access, forest-safe production (A10, A11, A12)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aoi.project.indicator import PROGRAMME, FactSheet, Indicator, absent, by_project, counted, facts_of

__all__ = ["concentration", "forest_rows", "income_rows", "licit_share", "market_rows"]


def concentration(amounts: ArrayLike) -> float:
    """Return the Herfindahl-Hirschman index of parts of a whole: the sum of squared shares.

    Raises
    ------
    ValueError
        If an amount is negative or all are zero.

    Examples
    --------
    >>> round(concentration([50.0, 30.0, 20.0]), 12)
    0.38
    """
    parts = np.asarray(amounts, dtype=float)
    whole = parts.sum()
    if (parts < 0).any() or not whole > 0:
        raise ValueError(f"amounts {parts.tolist()} are not parts of a whole")
    return float(np.sum((parts / whole) ** 2))


def licit_share(
    licit: tuple[float, float, float], illicit: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return the licit share of income with limits, each income given as value, lo, hi.

    The share rises with licit and falls with illicit income, so that its limits are those at the corners: they hold
    whatever the correlation of the two, and are wide rather than narrow.

    Examples
    --------
    >>> [round(x, 3) for x in licit_share((300, 280, 330), (100, 80, 120))]
    [0.75, 0.7, 0.805]
    """

    def share(good: float, bad: float) -> float:
        return good / (good + bad) if good + bad > 0 else math.nan

    return share(licit[0], illicit[0]), share(licit[1], illicit[2]), share(licit[2], illicit[1])


def income_rows(tables: Mapping[str, Any], *, level: float) -> Iterator[Indicator | FactSheet]:
    """Yield A10: licit of all income, from the outcomes ``licit_income`` and ``illicit_income`` of one survey."""
    rows = tables["outcomes"]
    both = rows[rows["indicator_id"].isin(["licit_income", "illicit_income"])]
    keys = ["project_id", "date", "wave_id", "sex", "group", "unit"]
    for (project, day, _, sex, group, _), own in both.groupby(keys, sort=True, dropna=False):
        found = {str(row["indicator_id"]): row for _, row in own.iterrows()}
        period = str(day.date())
        if len(found) < 2:
            reason = "licit and illicit income of one survey are needed"
            yield absent("A10", project, period, "%", reason, sex=sex, group=group)
            continue
        sides = [_triple(found[name]) for name in ("licit_income", "illicit_income")]
        value, lo, hi = (100 * share for share in licit_share(*sides))
        if math.isnan(value) or any(number < 0 for side in sides for number in side):
            yield absent("A10", project, period, "%", "no income, or a negative one", sex=sex, group=group)
            continue
        if math.isnan(lo) or math.isnan(hi):
            yield counted("A10", project, period, value, "%", own, sex=sex, group=group)
        else:
            yield Indicator(
                indicator="A10", domain=project, period=period, value=value, lo=lo, hi=hi, unit="%", level=level,
                method="share of incomes; limits of both at their corners", grade="A", n=float(own["n"].min()),
                sex=sex, group=group,
            )  # fmt: skip
        yield _wave_facts("A10", str(project), own, tables["waves"])


def _triple(row: Any) -> tuple[float, float, float]:
    return float(row["value"]), float(row["lo"]), float(row["hi"])


def _wave_facts(indicator: str, domain: str, rows: Any, waves: Any) -> FactSheet:
    """Return the facts of a survey wave: interviews, days in the field and places."""
    own = waves[waves["wave_id"].isin(set(rows["wave_id"]))]
    if not len(own):
        return facts_of(indicator, domain, rows, table="outcomes")
    return FactSheet(
        indicator=indicator,
        domain=domain,
        n=int(own["n"].sum()),
        unit="interviews",
        first_date=str(own["first_day"].min().date()),
        last_date=str(own["last_day"].max().date()),
        places="; ".join(sorted({place for cell in own["places"] for place in cell.split(";") if place})),
        sources="; ".join(sorted(set(own["source_id"]))),
        note="; ".join(f"{row['wave']}, {row['respondents']}, {row['sampling']}" for _, row in own.iterrows()),
    )


def market_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A11: sold of produced, labelled of sold, and the concentration of sales on few products."""
    for domain, own in by_project(tables["production"]):
        for period, one in own.groupby("period", sort=True):
            yield from _market(domain, str(period), one[one["sold_t"].notna() & one["volume_t"].notna()])
        yield facts_of("A11", domain, own, table="production")


def _market(domain: str, period: str, rows: Any) -> Iterator[Indicator]:
    produced, sold = float(rows["volume_t"].sum()), float(rows["sold_t"].sum())
    if not produced > 0:
        yield absent("A11", domain, period, "%", "nothing produced on record", group="sold of produced")
        return
    yield counted("A11", domain, period, 100 * sold / produced, "%", rows, group="sold of produced")
    if sold > 0:
        label = float(rows.loc[rows["ad_label"] == "yes", "sold_t"].sum())
        yield counted("A11", domain, period, 100 * label / sold, "%", rows, group="labelled of sold")
        basis, amounts = _sales(rows)
        group = f"concentration of products by {basis}"
        yield counted("A11", domain, period, concentration(amounts), "index", rows, group=group)


def _sales(rows: Any) -> tuple[str, Any]:
    """Return the sales of each product: in money where all prices are in one currency, else in tonnes."""
    priced = bool(rows["price"].notna().all()) and rows["currency"].nunique() == 1
    amount = rows["sold_t"] * rows["price"] if priced else rows["sold_t"]
    by_product = amount.groupby(rows["product"]).sum()
    useful = priced and float(by_product.sum()) > 0
    return ("value", by_product) if useful else ("tonnes", rows["sold_t"].groupby(rows["product"]).sum())


def forest_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A12: land in production that was forest after the cut-off date, of all land looked at; it must fall."""
    rows = tables["production"]
    looked = rows[rows["forest_loss_ha"].notna()]
    for domain, own in by_project(looked):
        for (period, day), one in own.groupby(["period", "cut_off_date"], sort=True):
            area, group = float(one["area_ha"].sum()), f"forest cleared after {day.date()}"
            if area > 0:
                cleared = 100 * float(one["forest_loss_ha"].sum()) / area
                yield counted("A12", domain, str(period), cleared, "%", one, group=group)
            else:
                yield absent("A12", domain, str(period), "%", "no land in production on record", group=group)
        left_out = len(rows if domain == PROGRAMME else rows[rows["project_id"] == domain]) - len(own)
        note = f"{left_out} rows of production without a look at forest are left out" if left_out else ""
        yield facts_of("A12", domain, own, table="production", note=note)
