"""Indicators of money: continuity, cost, match with vulnerability (A13, A14, A15)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aoi.project.indicator import PROGRAMME, FactSheet, Indicator, absent, by_project, counted, facts_of, grade_of
from aoi.project.people import whole_counts
from aoi.survey.addition import normal_quantile
from geo.errors import Problem, QualityGateError

__all__ = ["cost_per_hectare", "cost_rows", "funding_rows", "spearman", "spent_usd", "vulnerability_rows"]

_FEWEST = 5
"""Administrative units below which a rank correlation says nothing."""


def funding_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A13: years with a disbursement of planned ones, disbursed of committed, flexible and private shares."""
    projects = tables["projects"].set_index("project_id")
    for domain, own in by_project(tables["funding"]):
        if domain != PROGRAMME:
            yield _continuity(domain, own, projects.loc[domain])
        yield from _shares(domain, own)
        yield facts_of("A13", domain, own, table="funding")


def _continuity(domain: str, rows: Any, project: Any) -> Indicator:
    group = "years with a disbursement of planned years"
    first, last = project["planned_start"], project["planned_end"]
    paid = rows.loc[rows["transaction_type"] == "3", "value_date"]
    if first != first or last != last or paid.isna().any():
        return absent("A13", domain, "all", "%", "planned dates and the days of all disbursements", group=group)
    planned = set(range(first.year, last.year + 1))
    with_money = planned & set(paid.dt.year)
    share, period = 100 * len(with_money) / len(planned), f"{first.year}-{last.year}"
    return counted("A13", domain, period, share, "%", rows, group=group)


def _shares(domain: str, rows: Any) -> Iterator[Indicator]:
    amount, unit = _amounts(rows)
    if amount is None:
        for group in ("disbursed of committed", "flexible", "private"):
            yield absent(
                "A13", domain, "all", "%", "amounts of several currencies, not all in constant USD", group=group
            )
        return
    committed, disbursed = (float(amount[rows["transaction_type"] == kind].sum()) for kind in ("2", "3"))
    told: list[tuple[str, float, float]] = [("disbursed of committed", disbursed, committed)]
    for name in ("flexible", "private"):
        known = rows["transaction_type"].isin(["2"]) & (rows[name] != "")
        told.append((name, float(amount[known & (rows[name] == "yes")].sum()), float(amount[known].sum())))
    for group, part, whole in told:
        if whole > 0:
            method = f"records, {unit}"
            yield counted("A13", domain, "all", 100 * part / whole, "%", rows, group=group, method=method)
        else:
            yield absent("A13", domain, "all", "%", "no commitment on record", group=group)


def _amounts(rows: Any) -> tuple[Any, str]:
    """Return amounts that can be added: in constant dollars, or in the one currency; None where they cannot."""
    if len(rows) and rows["usd_constant"].notna().all():
        return rows["usd_constant"], f"USD of {int(rows['base_year'].max())}"
    if rows["currency"].nunique() == 1:
        return rows["value"], f"current {rows['currency'].iloc[0]}"
    return None, ""


def cost_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A14: constant dollars spent for each household served, by project."""
    funding, people = tables["funding"], tables["beneficiaries"]
    spent = funding[funding["transaction_type"].isin(["3", "4"])]
    for domain, own in by_project(spent):
        if domain == PROGRAMME:
            continue  # households of two projects would count twice
        served = people[
            (people["project_id"] == domain) & (people["unit"] == "household") & (people["measure"] == "served")
        ]
        unit = "USD constant per household"
        if own["usd_constant"].isna().any() or not len(served):
            yield absent("A14", domain, "all", unit, "constant dollars and households served are both needed")
            continue
        last = max(served["period"])
        whole = whole_counts(served[served["period"] == last])
        totals = whole[whole["sex"] == "total"]
        households = float((totals if len(totals) else whole)["count"].sum())
        if not households > 0:
            yield absent("A14", domain, "all", unit, "no household served")
            continue
        cost = float(own["usd_constant"].sum()) / households
        yield counted("A14", domain, "all", cost, unit, own, method=f"records; households of {last}")
        yield facts_of("A14", domain, own, table="funding")


def spent_usd(funding: Any, projects: Sequence[str], last_year: int) -> tuple[float, int]:
    """Return what projects spent up to a year, and the year whose dollars it is in.

    Parameters
    ----------
    funding
        Rows of the table funding.
    projects
        Codes of the projects.
    last_year
        Later disbursements and expenditures are left out: the effect up to that year owes them nothing.

    Returns
    -------
    usd, base_year
        Constant dollars of disbursements and expenditures, and their year.

    Raises
    ------
    QualityGateError
        If a project has no spending on record, or a row of it lacks its day or its constant dollars.
    """
    own = funding[funding["project_id"].isin(list(projects)) & funding["transaction_type"].isin(["3", "4"])]
    dated = own["value_date"].notna()
    within = own[~dated | (own["value_date"].dt.year <= last_year)] if len(own) else own
    silent = sorted(set(projects) - set(within["project_id"]))
    if silent:
        found = f"no spending of {', '.join(silent)} up to {last_year}"
        raise QualityGateError(Problem("funding", found, "disbursements or expenditures of each project"))
    if within["usd_constant"].isna().any() or within["value_date"].isna().any():
        found = "spending without its day or constant dollars"
        raise QualityGateError(Problem("funding", found, "value_date and usd_constant in each row"))
    return math.fsum(within["usd_constant"]), int(within["base_year"].max())


def cost_per_hectare(usd: float, effect_ha: tuple[float, float, float]) -> tuple[float, float, float] | None:
    """Return the cost of a hectare avoided with its limits; None where the effect may be none.

    Parameters
    ----------
    usd
        Spent, constant dollars.
    effect_ha
        Net effect of the programme and its limits, hectares; negative where crop was avoided.

    Examples
    --------
    >>> cost_per_hectare(1000.0, (-10.0, -20.0, -5.0))
    (100.0, 50.0, 200.0)
    >>> cost_per_hectare(1000.0, (-10.0, -20.0, 1.0)) is None
    True
    """
    value, lo, hi = effect_ha
    if not hi < 0:
        return None
    return usd / -value, usd / -lo, usd / -hi


def spearman(x: Any, y: Any, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return Spearman's rank correlation with an interval.

    Parameters
    ----------
    x, y
        Values, shape (n,), n at least 5.
    level
        Level of the interval.

    Notes
    -----
    Limits by Fisher's transformation with the variance ``(1 + r^2 / 2) / (n - 3)`` of Bonett and Wright (2000),
    Psychometrika 65, 23-28.
    """
    from scipy import stats

    r = float(stats.spearmanr(x, y).statistic)
    if not math.isfinite(r):
        return math.nan, math.nan, math.nan
    half = normal_quantile(level) * math.sqrt((1 + r**2 / 2) / (len(x) - 3))
    z = math.atanh(min(max(r, -1 + 1e-12), 1 - 1e-12))
    return r, min(r, math.tanh(z - half)), max(r, math.tanh(z + half))


def vulnerability_rows(tables: Mapping[str, Any], *, level: float) -> Iterator[Indicator | FactSheet]:
    """Yield A15: rank correlation of spending per head with the vulnerability index over administrative units."""
    units, funding = tables["municipalities"], tables["funding"]
    if not len(units):
        return
    spent = funding[funding["transaction_type"].isin(["3", "4"]) & (funding["adm_code"] != "")]
    head = ("A15", PROGRAMME, "all", "rank correlation")
    if len(units) < _FEWEST or not len(spent) or spent["usd_constant"].isna().any():
        yield absent(*head, f"{_FEWEST} units, and spending by unit in constant dollars", state="not_estimable")
        return
    by_unit = spent.groupby("adm_code")["usd_constant"].sum()
    per_head = units["adm_code"].map(by_unit).fillna(0.0).to_numpy() / units["population"].to_numpy()
    value, lo, hi = spearman(per_head, units["vulnerability_index"].to_numpy(), level=level)
    if math.isnan(value):
        yield absent(*head, "spending or vulnerability is the same everywhere", state="not_estimable")
        return
    yield Indicator(
        indicator="A15", domain=PROGRAMME, period="all", value=value, lo=lo, hi=hi, level=level,
        unit="rank correlation", method="Spearman; Bonett-Wright", grade=grade_of(units), n=len(units),
    )  # fmt: skip
    lost = sorted(set(by_unit.index) - set(units["adm_code"]))
    note = f"spending in units without an index is left out: {', '.join(lost)}" if lost else ""
    yield facts_of("A15", PROGRAMME, units, table="municipalities", note=note)
