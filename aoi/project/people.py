"""Indicators of people: coverage of households, women's share, titles, jobs (A5, A6, A7, A8).

Households, persons and cooperatives are counted apart and never added. Of several ways to cut one group, the one
that is not cut is taken, so that nobody counts twice in a project.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from aoi.project.indicator import PROGRAMME, FactSheet, Indicator, absent, by_project, counted, facts_of, total

__all__ = ["coverage_rows", "job_rows", "title_rows", "whole_counts", "women_rows"]

_ALL = {"role": "all", "indigenous": "all", "age_band": ""}
"""What each cut of a group holds where it is not cut."""

_TWICE = "a person of two projects counts twice in the programme"
_EMPTY = {"indigenous": ""}


def whole_counts(rows: Any) -> Any:
    """Return counts that are not cut by role, age or ethnicity; where a group is only cut, its parts stay.

    Parameters
    ----------
    rows
        Rows of the table beneficiaries, of one project, period, measure and unit.

    Returns
    -------
    DataFrame
        Rows whose counts can be added without counting anybody twice.
    """
    kept = rows
    for name, whole in _ALL.items():
        uncut = kept[kept[name].isin([whole, ""])] if name in _EMPTY else kept[kept[name] == whole]
        kept = uncut if len(uncut) else kept
    return kept


def coverage_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A5 by households: served of those affected, by project and period."""
    rows = tables["beneficiaries"]
    households = rows[(rows["unit"] == "household") & rows["measure"].isin(["served", "affected"])]
    for domain, own in by_project(households):
        if domain == PROGRAMME:
            continue  # the affected of two projects are often the same households
        for period, of_period in own.groupby("period", sort=True):
            served, affected = (
                _households(of_period[of_period["measure"] == measure]) for measure in ("served", "affected")
            )
            yield _share("A5", domain, str(period), served, affected, of_period, group="households")
        yield facts_of("A5", domain, own, table="beneficiaries")


def _households(rows: Any) -> float:
    if not len(rows):
        return math.nan
    whole = whole_counts(rows)
    totals = whole[whole["sex"] == "total"]
    return total(totals["count"] if len(totals) else whole["count"])


def women_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A6: women's share F/(F+M) and parity F/M of beneficiaries, members, leaders, jobs, titles and funds.

    Others and those of unknown sex stand in neither. A joint title is half a woman's and half a man's; collective
    titles are left out.
    """
    yield from _beneficiaries(tables["beneficiaries"])
    for domain, own in by_project(tables["cooperatives"]):
        for period, one in own.groupby("period", sort=True):
            for group, woman, man in (
                ("members", "members_f", "members_m"),
                ("leadership", "leadership_f", "leadership_m"),
            ):
                yield from _parity(domain, str(period), total(one[woman]), total(one[man]), one, group)
        yield facts_of("A6", domain, own, table="cooperatives")
    for domain, own in by_project(tables["jobs"]):
        for period, one in own.groupby("period", sort=True):
            women, men = (total(one.loc[one["sex"] == sex, "fte"]) for sex in ("female", "male"))
            yield from _parity(domain, str(period), women, men, one, "jobs")
        yield facts_of("A6", domain, own, table="jobs")
    for domain, own in by_project(tables["titles"]):
        weight = own["holder_sex"].map({"female": 1.0, "joint": 0.5, "male": 0.0})
        personal = weight.notna()
        women, men = float(weight[personal].sum()), float((1 - weight[personal]).sum())
        yield from _parity(domain, "all", women, men, own, "titles")
    for domain, own in by_project(tables["funding"]):
        spent = own[own["transaction_type"].isin(["3", "4"]) & own["women_value"].notna() & (own["value"] > 0)]
        if len(spent) and spent["currency"].nunique() == 1:
            women = float(spent["women_value"].sum())
            yield from _parity(domain, "all", women, float(spent["value"].sum()) - women, spent, "funds")


def _beneficiaries(rows: Any) -> Iterator[Indicator | FactSheet]:
    persons = rows[(rows["unit"] == "person") & (rows["measure"] == "served")]
    for domain, own in by_project(persons):
        for period, of_period in own.groupby("period", sort=True):
            parts = [whole_counts(one) for _, one in of_period.groupby("project_id")]
            women, men = (
                total([total(part.loc[part["sex"] == sex, "count"]) for part in parts])
                for sex in ("female", "male")
            )
            yield from _parity(domain, str(period), women, men, of_period, "beneficiaries")
            yield from _cut_by_group(domain, str(period), of_period)
        note = _TWICE if domain == PROGRAMME else ""
        yield facts_of("A6", domain, own, table="beneficiaries", note=note)


def _cut_by_group(domain: str, period: str, rows: Any) -> Iterator[Indicator]:
    """Yield women's share within each role, ethnicity and age that the counts are cut by."""
    for name, whole in _ALL.items():
        cut = rows[~rows[name].isin([whole, ""])]
        for value, one in cut.groupby(name, sort=True):
            women, men = (total(one.loc[one["sex"] == sex, "count"]) for sex in ("female", "male"))
            yield from _parity(domain, period, women, men, one, f"beneficiaries, {name} {value}")


def _parity(domain: str, period: str, women: float, men: float, rows: Any, group: str) -> Iterator[Indicator]:
    if math.isnan(women) or math.isnan(men) or women + men <= 0:
        yield absent("A6", domain, period, "%", "no counts of women and of men", group=group)
        return
    yield counted("A6", domain, period, 100 * women / (women + men), "%", rows, sex="female", group=group)
    if men > 0:
        yield counted("A6", domain, period, women / men, "ratio", rows, sex="female", group=group)


def title_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A7: titled of eligible hectares, and the share of them held by women or jointly."""
    titles, projects = tables["titles"], tables["projects"].set_index("project_id")
    for domain, own in by_project(titles):
        eligible = total(projects.loc[sorted(set(own["project_id"])), "eligible_title_ha"])
        titled = float(own["area_ha"].sum())
        yield _share("A7", domain, "all", titled, eligible, own, group="titled of eligible")
        women = float(own.loc[own["holder_sex"].isin(["female", "joint"]), "area_ha"].sum())
        personal = float(own.loc[own["holder_sex"].isin(["female", "joint", "male"]), "area_ha"].sum())
        yield _share("A7", domain, "all", women, personal, own, group="women or joint", sex="female")
        collective = float(own.loc[own["holder_sex"] == "collective", "area_ha"].sum())
        yield counted("A7", domain, "all", collective, "ha", own, group="collective titles")
        yield facts_of("A7", domain, own, table="titles")


def job_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A8: full-time equivalents by sex and in all, and in all for each thousand constant dollars spent."""
    funding = tables["funding"]
    spent = funding[funding["transaction_type"].isin(["3", "4"])]
    for domain, own in by_project(tables["jobs"]):
        for period, one in own.groupby("period", sort=True):
            for sex in ("", *sorted(set(one["sex"]))):
                rows = one if not sex else one[one["sex"] == sex]
                yield counted("A8", domain, str(period), float(rows["fte"].sum()), "FTE", rows, sex=sex)
        money = spent if domain == PROGRAMME else spent[spent["project_id"] == domain]
        complete = len(money) > 0 and bool(money["usd_constant"].notna().all())
        usd = float(money["usd_constant"].sum()) if complete else math.nan
        if usd > 0:
            each = float(own["fte"].sum()) / usd * 1000
            yield counted("A8", domain, "all", each, "FTE per 1,000 USD constant", own)
        else:
            reason = "no disbursement or expenditure in constant dollars"
            yield absent("A8", domain, "all", "FTE per 1,000 USD constant", reason)
        yield facts_of("A8", domain, own, table="jobs")


def _share(
    indicator: str, domain: str, period: str, part: float, whole: float, rows: Any, **more: str
) -> Indicator:
    if math.isnan(part) or math.isnan(whole) or whole <= 0:
        missing = "the whole is not known" if math.isnan(whole) or whole <= 0 else "the part is not known"
        return absent(indicator, domain, period, "%", missing, **more)
    return counted(indicator, domain, period, 100 * part / whole, "%", rows, **more)
