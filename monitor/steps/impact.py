"""Step ``impact``: a programme against matched controls, from tables that the run folder keeps.

An evaluation that is refused writes no effect: it leaves why, and rows of the indicators that say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import InputError, Problem, QualityGateError
from geo.files import write_text
from maps.impact_chart import impact_charts
from maps.language import language as words_of
from monitor.context import Context, Progress
from monitor.facts import write_facts
from monitor.impact_indicators import impact_facts, impact_indicators, refused_indicators
from monitor.impact_inputs import read_impact
from monitor.impact_tables import (
    evaluation_of,
    evaluation_tables,
    programme_cost,
    read_impact_csv,
    read_impact_tables,
    refusal_reasons,
    refusal_table,
    write_impact_tables,
)
from monitor.indicators import write_part
from monitor.programme import from_json
from monitor.programme_tables import programme_parameters
from monitor.tables import write_csv

__all__ = ["evaluate_programme"]

_FIELDS = ("where", "found", "expected", "remedy")


def evaluate_programme(context: Context, staging: Path, progress: Progress, *, language: str) -> Mapping[str, Any]:
    """Write ``impact/effects.csv``, ``balance.csv``, what they are made from, diagnostics, and indicators.

    Where no effect may be told, ``impact/refusal.csv`` says why in their place, and the fact ``refused`` does.

    Raises
    ------
    InputError
        If an input cannot be used.
    """
    folder = staging / "impact"
    given, notices = read_impact(context.survey)
    given = replace(given, settings={**given.settings, "cost": _cost(context, given.settings)})
    write_impact_tables(given, folder)
    tables = read_impact_tables(folder)  # what is told can be made again from what is written
    progress(1, 3)
    told = [[getattr(notice, field) for field in _FIELDS] for notice in notices]
    write_csv(pd.DataFrame(told, columns=list(_FIELDS)), folder / "notices.csv")
    panel = _panel_name(context)
    write_facts(impact_facts(tables.units["cluster"].tolist(), tables.settings, panel), staging, "impact")
    try:
        found = evaluation_of(tables)
    except QualityGateError as error:
        write_csv(refusal_table(error), folder / "refusal.csv")
        reasons = refusal_reasons(read_impact_csv(folder / "refusal.csv"))
        write_part(refused_indicators(reasons, tables.settings), staging, "impact")
        refused = [{field: getattr(problem, field) for field in _FIELDS} for problem in error.problems]
        notes = [f"impact in {panel}, programme: not estimable: {'; '.join(reasons)}"]
        return {"notes": notes, "notices": [str(notice) for notice in notices], "refused": refused}
    made = evaluation_tables(tables, found)
    for name, rows in made.items():
        write_csv(rows, folder / f"{name}.csv")
    effects = read_impact_csv(folder / "effects.csv")  # with the digits that verification reads
    write_part(impact_indicators(effects, tables.settings), staging, "impact")
    progress(2, 3)
    for name, drawing in impact_charts(made, words_of(language)).items():
        write_text(folder / "figures" / f"{name}.svg", drawing.svg(labels=True) + "\n")
    progress(3, 3)
    return {"notes": list(_notes(made, panel)), "notices": [str(notice) for notice in notices]}


def _cost(context: Context, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the projects that are the programme spent; None where none are named."""
    section, programme = context.survey.impact, context.survey.ad
    if section is None or programme is None or not section.projects:
        return None
    records, _ = from_json((context.out / "overlay" / "ad_tables.json").read_text(encoding="utf-8"))
    known = set(records["projects"]["project_id"])
    strangers = [code for code in section.projects if code not in known]
    if strangers:
        found = f"{', '.join(strangers)}, no project of the tables"
        raise InputError(Problem("[impact] projects", found, f"of {', '.join(sorted(known))}", "correct it"))
    share = programme_parameters(programme)["cost.most_left_out"].value
    return programme_cost(records["funding"], section.projects, int(settings["years"][1]), most_left_out=share)


def _panel_name(context: Context) -> str:
    """Return where the outcome comes from: its units need not be those of the survey's estimates."""
    section = context.survey.impact
    outcome = None if section is None else section.outcome
    return "the official figures" if outcome is None else outcome.table.name


def _notes(made: Mapping[str, pd.DataFrame], panel: str) -> Iterator[str]:
    """Yield the lines a run ends with: what is associated with the programme, how surely, and for whom."""
    effects, match = made["effects"], made["match"]
    lost = int(((match["arm"] == "programme") & (match["role"] == "unmatched")).sum())
    for _, row in effects[effects["scope"].isin(["overall", "announcement", "net"])].iterrows():
        if pd.isna(row["lo"]):
            continue
        name = {"overall": "programme", "announcement": "announcement"}.get(row["scope"], row["effect"])
        each = "together" if row["scale"] == "total" else "a unit"
        left_out = f"; left out without a control: {lost}" if row["scope"] == "overall" and lost else ""
        finding = f"{row['finding']}: " if isinstance(row["finding"], str) and row["finding"] else ""
        yield (
            f"impact in {panel}, {name}: {finding}{row['value']:+,.1f} {row['unit_of_measure']} {each} "
            f"({100 * row['level']:g} % interval {row['lo']:+,.1f} to {row['hi']:+,.1f}); "
            f"{row['n_treated']} units against {row['n_control']} controls{left_out}"
        )
