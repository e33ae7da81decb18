"""Step ``impact``: a programme against matched controls, from tables that the run folder keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geo.files import write_text
from maps.impact_chart import impact_charts
from maps.language import language as words_of
from monitor.context import Context, Progress
from monitor.impact_indicators import impact_indicators
from monitor.impact_inputs import read_impact
from monitor.impact_tables import (
    evaluation_of,
    evaluation_tables,
    read_impact_csv,
    read_impact_tables,
    write_impact_tables,
)
from monitor.indicators import write_part
from monitor.tables import write_csv

__all__ = ["evaluate_programme"]

_FIELDS = ("where", "found", "expected", "remedy")


def evaluate_programme(context: Context, staging: Path, progress: Progress, *, language: str) -> Mapping[str, Any]:
    """Write ``impact/effects.csv``, ``balance.csv``, what they are made from, diagnostics, and indicators.

    Raises
    ------
    InputError
        If an input cannot be used.
    QualityGateError
        If no effect may be told: nothing is written then.
    """
    folder = staging / "impact"
    tables, notices = read_impact(context.survey)
    write_impact_tables(tables, folder)
    tables = read_impact_tables(folder)  # what is told can be made again from what is written
    progress(1, 3)
    found = evaluation_of(tables)
    made = evaluation_tables(tables, found)
    for name, rows in made.items():
        write_csv(rows, folder / f"{name}.csv")
    effects = read_impact_csv(folder / "effects.csv")  # with the digits that verification reads
    write_part(impact_indicators(effects, tables.settings), staging, "impact")
    told = [[getattr(notice, field) for field in _FIELDS] for notice in notices]
    write_csv(pd.DataFrame(told, columns=list(_FIELDS)), folder / "notices.csv")
    progress(2, 3)
    for name, drawing in impact_charts(made, words_of(language)).items():
        write_text(folder / "figures" / f"{name}.svg", drawing.svg(labels=True) + "\n")
    progress(3, 3)
    return {"notes": list(_notes(made, _panel_name(context))), "notices": [str(notice) for notice in notices]}


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
        left_out = f"; {lost} units without a control left out" if row["scope"] == "overall" and lost else ""
        finding = f"{row['finding']}: " if isinstance(row["finding"], str) and row["finding"] else ""
        yield (
            f"impact in {panel}, {name}: {finding}{row['value']:+,.1f} {row['unit_of_measure']} {each} "
            f"({100 * row['level']:g} % interval {row['lo']:+,.1f} to {row['hi']:+,.1f}); "
            f"{row['n_treated']} units against {row['n_control']} controls{left_out}"
        )
