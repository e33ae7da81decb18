"""Rows against one another: dates in order, sexes and sectors that add up, money that can be compared, rights.

Each rule is one generator that takes typed tables (`aoi.project.fields.typed`) and yields findings by row; a table
that is not there has no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aoi.project.finding import Finding, Severity, by_row
from aoi.survey.parameter import Parameter
from geo.errors import Problem

__all__ = ["Checked", "rule_findings"]

AD_SECTORS = ("31165", "43050")
"""Purpose codes of alternative development, agricultural and not."""

NOT_AD = "16063"
"""Narcotics control: not alternative development, and the destruction of crops is no development assistance."""

_ORDERED = (
    ("projects", "planned_start", "planned_end"),
    ("projects", "actual_start", "actual_end"),
    ("waves", "first_day", "last_day"),
    ("titles", "issued", "registered"),
    ("eradication", "date", "replanting_date"),
)
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checked:
    """Typed tables with the names of their files."""

    tables: Mapping[str, Any]
    """Name to DataFrame; every table of the model is there, some without rows."""
    where: Mapping[str, str]
    """Name to file and layer."""
    parameters: Mapping[str, Parameter]

    def told(self, severity: Severity, rule: str, place: tuple[str, int, str], *words: str) -> Finding:
        """Return a finding at (table, row, column), the row counted from 0; words are found, expected, remedy."""
        table, row, column = place
        where = f"{self.where.get(table, table)} row {row + 1}" + (f" column {column}" if column else "")
        return Finding(severity, rule, Problem(where, *words))


def rule_findings(checked: Checked) -> Iterator[Finding]:
    """Yield what every rule finds."""
    rules: tuple[Callable[[Checked], Iterator[Finding]], ...] = (
        _dates, _announcement, _identifiers, _sectors, _sexes, _members, _money, _disbursed, _production, _outcomes,
        _eradication, _rights, _principles, _plans,
    )  # fmt: skip
    for rule in rules:
        yield from rule(checked)


def _dates(checked: Checked) -> Iterator[Finding]:
    ordered = [*_ORDERED, *((name, "valid_from", "valid_to") for name in checked.tables)]
    for table, first, last in ordered:
        rows = checked.tables[table]
        wrong = _rows(rows[last] < rows[first])
        yield from by_row(
            [
                checked.told(
                    "error", "dates_in_order", (table, row, last),
                    f"{_day(rows[last].iloc[row])}, before {first} {_day(rows[first].iloc[row])}",
                    f"a day not before {first}", "swap or correct them",
                )
                for row in wrong
            ]
        )  # fmt: skip


def _announcement(checked: Checked) -> Iterator[Finding]:
    rows = checked.tables["projects"]
    said, begun = rows["announcement_date"], rows["actual_start"]
    for row in _rows(said > begun):
        yield checked.told(
            "error", "announced_before_start", ("projects", row, "announcement_date"),
            f"{_day(said.iloc[row])}, after the start of {_day(begun.iloc[row])}",
            "the day of the first public word, not later than the start",
            "correct it: the baseline of an evaluation lies before the announcement",
        )  # fmt: skip


def _identifiers(checked: Checked) -> Iterator[Finding]:
    rows = checked.tables["projects"]
    for row, (own, given) in enumerate(zip(rows["reporting_org"], rows["iati_identifier"], strict=True)):
        if given and not (own and given.startswith(f"{own}-")):
            yield checked.told(
                "error", "iati_identifier", ("projects", row, "iati_identifier"),
                repr(given),
                f"an identifier that starts with reporting_org {own!r} and a dash", "correct one of them",
            )  # fmt: skip


def _sectors(checked: Checked) -> Iterator[Finding]:
    rows = checked.tables["sectors"]
    for (project, _), group in rows.groupby(["project_id", "vocabulary"], sort=False):
        whole = float(group["percent"].sum())
        if abs(whole - 100) > _CLOSE:
            yield checked.told(
                "error", "sectors_make_100", ("sectors", int(group.index[0]), "percent"),
                f"{whole:g} % in all for project {project}", "100 %", "correct the parts",
            )  # fmt: skip
    for row in _rows(rows["code"] == NOT_AD):
        yield checked.told(
            "warning", "not_ad", ("sectors", row, "code"),
            f"{NOT_AD} narcotics control", f"{' or '.join(AD_SECTORS)} for alternative development",
            "this part does not count as alternative development",
        )  # fmt: skip
    known = set(rows["project_id"])
    for row, project in enumerate(checked.tables["projects"]["project_id"]):
        if project not in known:
            yield checked.told(
                "warning", "sectors_make_100", ("projects", row, ""), f"no sector of project {project}",
                "rows in the table sectors", "add them",
            )  # fmt: skip


def _sexes(checked: Checked) -> Iterator[Finding]:
    """Hold the counts of each group by sex against its total; persons without a split are refused."""
    rows = checked.tables["beneficiaries"]
    keys = ["project_id", "period", "measure", "unit", "role", "age_band", "indigenous"]
    for key, group in rows.groupby(keys, sort=False):
        place = ("beneficiaries", int(group.index[0]), "sex")
        name = ", ".join(str(part) for part in key if part)
        by_sex = group[group["sex"] != "total"].set_index("sex")["count"]
        whole = group.loc[group["sex"] == "total", "count"]
        if group["count"].isna().any():
            continue  # told by the check of the cells
        if by_sex.empty:
            if key[3] == "person":
                yield checked.told(
                    "error", "sexes_given", place, f"no counts by sex ({name})",
                    "female and male, or unknown for those not recorded", "add the rows by sex",
                )  # fmt: skip
            continue
        if whole.size and by_sex.sum() != whole.iloc[0]:
            told = " + ".join(f"{count:g} {sex}" for sex, count in by_sex.items())
            yield checked.told(
                "error", "sexes_add_up", place, f"{told} = {by_sex.sum():g}, total {whole.iloc[0]:g} ({name})",
                "counts by sex that make the total", "correct them, or put the difference under unknown",
            )  # fmt: skip
        elif not whole.size and not {"female", "male"} <= set(by_sex.index) and "unknown" not in by_sex.index:
            yield checked.told(
                "error", "sexes_given", place, f"only {', '.join(by_sex.index)} ({name})",
                "female and male, a total, or unknown", "add the other rows; a sex left out is not zero",
            )  # fmt: skip


def _members(checked: Checked) -> Iterator[Finding]:
    rows = checked.tables["cooperatives"]
    parts = rows["members_f"] + rows["members_m"] + rows["members_unknown"].fillna(0)
    wrong = (rows["members_total"].notna() & (parts != rows["members_total"])).to_numpy(dtype=bool)
    for row in _rows(wrong):
        yield checked.told(
            "error", "sexes_add_up", ("cooperatives", row, "members_total"),
            f"{rows['members_total'].iloc[row]:g}, where women, men and unknown make {parts.iloc[row]:g}",
            "their sum", "correct them, or put the difference under members_unknown",
        )  # fmt: skip


def _money(checked: Checked) -> Iterator[Finding]:
    """Tell money that cannot be compared: currencies mixed without dates, constant dollars without their year."""
    rows = checked.tables["funding"]
    for project, group in rows.groupby("project_id", sort=False):
        currencies = sorted(set(group["currency"]) - {""})
        undated = group[group["value_date"].isna() & group["usd_constant"].isna()]
        if len(currencies) > 1 and len(undated):
            listed = ", ".join(str(int(row) + 1) for row in undated.index[:5])
            yield checked.told(
                "error", "currencies_dated", ("funding", int(undated.index[0]), "value_date"),
                f"{' and '.join(currencies)} in project {project}, without a date in rows {listed}",
                "value_date or usd_constant in each of its rows", "add them: amounts of two currencies do not add",
            )  # fmt: skip
    for row in _rows(rows["usd_constant"].notna() & rows["base_year"].isna()):
        yield checked.told(
            "error", "base_year", ("funding", row, "base_year"), "nothing", "the year of usd_constant", "add it"
        )
    years = sorted(set(rows["base_year"].dropna().astype(int)))
    if len(years) > 1:
        last = int(rows.index[rows["base_year"] != years[0]][0])
        yield checked.told(
            "error", "base_year", ("funding", last, "base_year"), f"dollars of {' and '.join(map(str, years))}",
            "one base year in the table", "convert them to one",
        )  # fmt: skip
    wrong = (rows["women_value"] > rows["value"].abs() * (1 + _CLOSE)).to_numpy(dtype=bool)
    for row in _rows(wrong):
        yield checked.told(
            "error", "part_of_whole", ("funding", row, "women_value"), f"{rows['women_value'].iloc[row]:g}",
            f"at most the amount, {rows['value'].iloc[row]:g}", "correct it",
        )  # fmt: skip


def _disbursed(checked: Checked) -> Iterator[Finding]:
    rows, most = checked.tables["funding"], checked.parameters["funding.most_disbursed"].value
    constant = bool(len(rows)) and bool(rows["usd_constant"].notna().all())
    amount = rows["usd_constant"] if constant else rows["value"]
    currency = "USD" if constant else rows["currency"]
    table = rows.assign(amount=amount, money=currency)
    for (project, money), group in table.groupby(["project_id", "money"], sort=False):
        committed = float(group.loc[group["transaction_type"] == "2", "amount"].sum())
        disbursed = float(group.loc[group["transaction_type"] == "3", "amount"].sum())
        if committed > 0 and disbursed > most * committed:
            yield checked.told(
                "warning", "disbursed_more_than_committed", ("funding", int(group.index[0]), ""),
                f"{disbursed:,.0f} {money} disbursed of {committed:,.0f} committed (project {project})",
                f"at most {most:g} times the commitment", "look whether a commitment is missing",
            )  # fmt: skip


def _production(checked: Checked) -> Iterator[Finding]:
    rows = checked.tables["production"]
    for row in _rows(rows["sold_t"] > rows["volume_t"]):
        yield checked.told(
            "warning", "sold_more_than_produced", ("production", row, "sold_t"),
            f"{rows['sold_t'].iloc[row]:g} t sold of {rows['volume_t'].iloc[row]:g} t produced",
            "at most what was produced", "look whether stocks of an earlier year were sold",
        )  # fmt: skip
    for row in _rows(rows["forest_loss_ha"] > rows["area_ha"]):
        yield checked.told(
            "error", "part_of_whole", ("production", row, "forest_loss_ha"),
            f"{rows['forest_loss_ha'].iloc[row]:g} ha",
            f"at most area_ha, {rows['area_ha'].iloc[row]:g} ha", "correct it",
        )  # fmt: skip
    undated = rows["forest_loss_ha"].notna() & (rows["cut_off_date"].isna() | rows["area_ha"].isna())
    for row in _rows(undated):
        yield checked.told(
            "error", "cut_off_date", ("production", row, "forest_loss_ha"),
            "a loss without its cut-off date or area",
            "cut_off_date and area_ha beside it", "add them",
        )  # fmt: skip


def _outcomes(checked: Checked) -> Iterator[Finding]:
    rows, waves = checked.tables["outcomes"], checked.tables["waves"]
    chosen = dict(zip(waves["wave_id"], waves["sampling"], strict=True))
    for row, (lo, value, hi, wave) in enumerate(
        zip(rows["lo"], rows["value"], rows["hi"], rows["wave_id"], strict=True)
    ):
        place = ("outcomes", row, "lo")
        if np.isnan(lo) != np.isnan(hi):
            yield checked.told(
                "error", "interval", place, "one limit of an interval", "both, or none", "add the other"
            )
        elif not np.isnan(lo) and not lo <= value <= hi:
            yield checked.told(
                "error", "interval", place, f"{value:g} with limits {lo:g} and {hi:g}", "a value between its limits"
            )
        if not np.isnan(lo) and chosen.get(wave) == "not_probability":
            yield checked.told(
                "error", "interval", place, f"an interval from wave {wave}, which is no probability sample",
                "no interval, since it would stand for nobody", "take lo and hi out",
            )  # fmt: skip


def _eradication(checked: Checked) -> Iterator[Finding]:
    rows = checked.tables["eradication"]
    drawn = rows["in_sample"] == "yes"
    told: tuple[tuple[Any, str, Severity, str, str, str], ...] = (
        (drawn & rows["validated_ha"].isna(),
        "validated_ha", "error", "a lot drawn for validation without a result",
         "the hectares found destroyed", "validate it: a lot not visited is no zero"),
        (~drawn & rows["validated_ha"].notna(), "validated_ha", "error", "a result of a lot that was not drawn",
         "in_sample = yes, or no result", "lots chosen otherwise must not stand for the others"),
        (~drawn & rows["replanted_ha"].notna(), "replanted_ha", "error", "a result of a lot that was not drawn",
         "in_sample = yes, or no result", "lots chosen otherwise must not stand for the others"),
        ((rows["evidence"] == "claim") & rows["verified_ha"].notna(), "verified_ha", "error",
         "verified hectares with a claim as evidence", "evidence of somebody else", "correct one of them"),
        (rows["verified_ha"] > rows["claimed_ha"] * (1 + _CLOSE), "verified_ha", "warning",
         "more verified than claimed", "at most the claim", "look at it"),
        (rows["replanted_ha"] > rows["validated_ha"] * (1 + _CLOSE), "replanted_ha", "warning",
         "more planted again than was found destroyed", "at most that", "look at it"),
    )  # fmt: skip
    for mask, column, severity, *words in told:
        found = _rows(mask)
        rule = "validation" if "val" in column or "replanted" in column else "verified"
        yield from by_row([checked.told(severity, rule, ("eradication", row, column), *words) for row in found])


def _rights(checked: Checked) -> Iterator[Finding]:
    """Flag the conflicts that stay open: protected land, consent, traditional use without evidence."""
    rows = checked.tables["areas"]
    told = (
        ((rows["protected_area_ids"] != "") & (rows["pa_zone_allows"] == "no"), "pa_zone_allows",
         "an area in a protected area whose rules do not allow it", "an activity that they allow"),
        ((rows["indigenous_territory_id"] != "") & ~rows["fpic_status"].isin(["obtained", "not_applicable"]),
         "fpic_status", "an area in an indigenous territory without consent obtained",
         "free, prior and informed consent"),
        ((rows["fpic_status"] == "obtained") & (rows["fpic_date"].isna() | (rows["fpic_document"] == "")),
         "fpic_status", "a consent without its day or document", "fpic_date and fpic_document"),
        ((rows["traditional_licit_use"] == "recognised_in_law") & (rows["historical_evidence_ref"] == ""),
         "historical_evidence_ref", "a traditional use recognised in law without its evidence",
         "the reference of the evidence"),
    )  # fmt: skip
    for mask, column, found, expected in told:
        for row in _rows(mask):
            name = rows["ad_id"].iloc[row]
            rule = f"rights_{column}"
            yield checked.told("flag", rule, ("areas", row, column), f"{found} ({name})", expected, "stays open")


def _principles(checked: Checked) -> Iterator[Finding]:
    rows = checked.tables["principles"]
    yield from by_row(
        [
            checked.told(
                "warning", "principle_evidence", ("principles", row, "evidence"), "a yes without its evidence",
                "the document or system that shows it", "it does not count as a yes",
            )
            for row in _rows((rows["answer"] == "yes") & (rows["evidence"] == ""))
        ]
    )  # fmt: skip


def _plans(checked: Checked) -> Iterator[Finding]:
    """Warn of projects that name no plan of the nation or region, and no target that they serve."""
    rows = checked.tables["projects"]
    for column, expected in (
        ("plan_links", "the development plan it belongs to"),
        ("sdg_targets", "its SDG targets"),
    ):
        yield from by_row(
            [
                checked.told(
                    "warning",
                    "plan_linked",
                    ("projects", row, column),
                    "nothing",
                    expected,
                    "name it, if there is one",
                )
                for row in _rows(rows[column] == "")
            ]
        )


def _rows(mask: Any) -> list[int]:
    return [int(row) for row in np.flatnonzero(np.asarray(mask, dtype=bool))]


def _day(value: Any) -> str:
    return str(value.date())
