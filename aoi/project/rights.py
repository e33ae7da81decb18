"""Indicators of ownership, rights and data quality (A16, A18 with the checklist of principles, A20)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aoi.project.finding import Finding
from aoi.project.indicator import PROGRAMME, FactSheet, Indicator, absent, by_project, counted, facts_of
from aoi.project.model import DataModel

__all__ = ["ownership_rows", "principle_rows", "quality_rows", "rights_rows"]


def ownership_rows(tables: Mapping[str, Any]) -> Iterator[Indicator | FactSheet]:
    """Yield A16: projects with an agreement of a community or cooperative and a local implementing organisation."""
    projects, partners = tables["projects"], tables["partners"]
    if not len(projects):
        return
    local = set(partners.loc[(partners["role"] == "4") & (partners["local"] == "yes"), "project_id"])
    agreed = (projects["agreement_type"] != "none") & projects["agreement_level"].isin(["community", "cooperative"])
    owned = agreed & projects["project_id"].isin(local)
    yield counted("A16", PROGRAMME, "all", 100 * float(owned.mean()), "%", projects)
    yield facts_of("A16", PROGRAMME, projects, table="projects")


def rights_rows(areas: Any, findings: Sequence[Finding]) -> Iterator[Indicator | FactSheet]:
    """Yield A18: areas whose consent is resolved of those that need it, and conflicts that stay open.

    Parameters
    ----------
    areas
        Rows of the table areas.
    findings
        What was found; its flags are the open conflicts.
    """
    for domain, own in by_project(areas):
        needing = own[(own["indigenous_territory_id"] != "") & (own["fpic_status"] != "not_applicable")]
        if len(needing):
            resolved = needing["fpic_status"].isin(["obtained", "withheld"])
            share = 100 * float(resolved.mean())
            yield counted("A18", domain, "all", share, "%", needing, group="consent resolved")
        else:
            reason = "no area that needs consent"
            yield absent("A18", domain, "all", "%", reason, group="consent resolved")
        yield facts_of("A18", domain, own, table="areas")
    flags = [finding for finding in findings if finding.severity == "flag"]
    if len(areas):
        yield counted("A18", PROGRAMME, "all", float(len(flags)), "n", areas, group="conflicts open")


def principle_rows(tables: Mapping[str, Any], principles: Sequence[str]) -> Iterator[Indicator | FactSheet]:
    """Yield A18 of the guiding principles: those met with evidence, and those that nobody answered.

    Parameters
    ----------
    tables
        Tables of the programme.
    principles
        Codes of the list; each project is asked for each, so that what is left out is unanswered and not met.
    """
    rows, projects = tables["principles"], tables["projects"]["project_id"]
    met, unanswered = "guiding principles met with evidence", "guiding principles unanswered"
    if not len(rows):
        if len(projects):
            yield absent("A18", PROGRAMME, "all", "%", "no checklist of principles was filled in", group=met)
        return
    proven = (rows["answer"] == "yes") & (rows["evidence"] != "")
    answered = rows["answer"] != ""
    for domain in [PROGRAMME, *projects]:
        own = rows["project_id"].isin(projects if domain == PROGRAMME else [domain])
        asked = len(principles) * (len(projects) if domain == PROGRAMME else 1)
        for group, count in ((met, (own & proven).sum()), (unanswered, asked - (own & answered).sum())):
            share = 100 * float(count) / asked
            yield counted("A18", domain, "all", share, "%", rows[own], group=group, n=float(asked))
        if own.any():
            yield facts_of("A18", domain, rows[own], table="principles")


def quality_rows(tables: Mapping[str, Any], model: DataModel) -> Iterator[Indicator]:
    """Yield A20: fields filled, outcomes with an interval, persons of known sex, projects with plan and targets."""
    cells = filled = wanted = given = 0
    for name, table in model.tables.items():
        rows = tables[name]
        there = rows.notna() & (rows != "") if len(rows) else rows.notna()
        cells, filled = cells + there.size, filled + int(there.to_numpy().sum())
        needed = there[list(table.required)]
        wanted, given = wanted + needed.size, given + int(needed.to_numpy().sum())
    told: list[tuple[str, float, float]] = [
        ("required fields filled", given, wanted),
        ("all fields filled", filled, cells),
    ]
    outcomes = tables["outcomes"]
    told.append(("outcomes with an interval", float(outcomes["lo"].notna().sum()), len(outcomes)))
    people = tables["beneficiaries"]
    persons = people[(people["unit"] == "person") & (people["sex"] != "total")]
    known = float(persons.loc[persons["sex"] != "unknown", "count"].sum())
    told.append(("persons whose sex is known", known, float(persons["count"].sum())))
    projects = tables["projects"]
    for column, group in (
        ("plan_links", "projects with a plan of the nation or region"),
        ("sdg_targets", "projects with SDG targets"),
    ):
        told.append((group, float((projects[column] != "").sum()), len(projects)))
    for group, part, whole in told:
        if whole > 0:
            yield Indicator(
                indicator="A20", domain=PROGRAMME, period="all", value=100 * part / whole, unit="%", grade="B",
                method="records", n=whole, group=group,
            )  # fmt: skip
