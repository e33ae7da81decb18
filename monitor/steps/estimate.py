"""Step ``estimate``: error-adjusted hectares by crop, period and administrative unit, and the map's accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.survey.parameter import Parameter
from aoi.survey.threshold import Certainty
from geo.raster import read_on_grid
from monitor.context import Context, Progress
from monitor.districts import small_area_rows, threshold_rows
from monitor.figures import (
    FRAME,
    Domain,
    PeriodFacts,
    accuracy_rows,
    estimate_rows,
    finite,
    frame_domain,
    matrix_rows,
    period_matrix,
    unit_domains,
)
from monitor.misreading import misreading_rows
from monitor.tables import SurveyTables, read_csv, read_tables, write_csv

__all__ = ["admin_domains", "estimate", "interval_method", "mapped_areas", "period_facts", "thresholds"]


def estimate(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``estimates/``: estimates, small areas, thresholds, accuracy, error matrix, mapped areas."""
    tables = read_tables(context.out)
    folder = staging / "estimates"
    folder.mkdir(parents=True, exist_ok=True)
    rows = estimate_rows(
        tables,
        context.survey.survey.crops,
        period_facts(context),
        admin_domains(context, tables),
        method=interval_method(context),
        level=context.survey.estimate.level,
    )
    matrices = {p.name: period_matrix(tables, p.name, context.profile.legend.names) for p in context.compared}
    mapped = mapped_areas(context)
    write_csv(rows, folder / "estimates.csv")
    write_csv(small_area_rows(tables, rows, admin_domains(context, tables)[1:]), folder / "small_areas.csv")
    free = threshold_rows(rows, thresholds(context.survey.estimate.thresholds_ha))
    write_csv(free, folder / "thresholds.csv")
    write_csv(_stack(accuracy_rows, matrices), folder / "accuracy.csv")
    write_csv(_stack(matrix_rows, matrices), folder / "error_matrix.csv")
    write_csv(mapped, folder / "mapped_areas.csv")
    known = context.out / "frame" / "known_readings.csv"
    if known.is_file():
        write_csv(misreading_rows(tables, rows, read_csv(known)), folder / "misreading.csv")
    progress(1, 1)
    return {
        "headline": _headline(rows, mapped),
        "accuracy": _accuracy_facts(context, matrices),
        "notes": list(_threshold_notes(free)),
    }


def thresholds(given: Mapping[str, float]) -> dict[str, Parameter]:
    """Return the thresholds of a survey file as parameters."""
    return {
        crop: Parameter(name=f"threshold.{crop}_ha", value=line, unit="ha", source="survey file", mark="given")
        for crop, line in given.items()
    }


def _threshold_notes(rows: pd.DataFrame) -> Iterator[str]:
    """Say how many units lie below each threshold, and how many of them for certain."""
    for (crop, period, line), units in rows.groupby(["crop", "period", "threshold_ha"], sort=False):
        sure, possible = (
            (units["certainty"] == Certainty.BELOW.value),
            units["certainty"] != Certainty.AT_OR_ABOVE.value,
        )
        yield (
            f"{crop} {period}: {int(units['below'].sum())} of {len(units)} units below {line:g} ha by the point "
            f"figure; {int(sure.sum())} with their whole interval, {int(possible.sum())} with some of it"
        )


def admin_domains(context: Context, tables: SurveyTables) -> list[Domain]:
    """Return the frame and its administrative units as domains."""
    admin = context.frame.admin
    names = dict(zip(admin["code"], admin["name"], strict=True))
    return [frame_domain(tables, context.survey.survey.title), *unit_domains(tables, names)]


def interval_method(context: Context) -> str:
    """Return the interval's name as the estimators know it."""
    chosen = context.survey.estimate.interval
    return "default" if chosen == "auto" else chosen


def period_facts(context: Context) -> list[PeriodFacts]:
    """Return what is written beside the figures of each compared period."""
    survey = context.survey.survey
    return [
        PeriodFacts(
            name=period.name,
            kind=period.kind,
            reference_date=period.reference_date.isoformat(),
            source=survey.source,
            vintage=survey.vintage,
        )
        for period in context.compared
    ]


def _stack(rows: Any, matrices: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([row for period, matrix in matrices.items() for row in rows(period, matrix)])


def mapped_areas(context: Context) -> pd.DataFrame:
    """Count the map by class and administrative unit: for comparison with the estimate, never in its place."""
    frame, legend = context.frame, context.profile.legend
    n_units = len(frame.admin) + 1
    names = {FRAME: context.survey.survey.title, **dict(zip(frame.admin["code"], frame.admin["name"], strict=True))}
    rows = []
    for period in context.compared:
        cells = read_on_grid(context.class_map_path(period.name), frame.geobox)
        for crop in context.survey.survey.crops:
            unit = np.where(cells == legend.code(crop), frame.unit_of_cell, 0)
            areas, counts = frame.areas_by(unit, n_units)[1:], np.bincount(unit.ravel(), minlength=n_units)[1:]
            values = [(areas.sum(), counts.sum()), *zip(areas, counts, strict=True)]
            rows += [
                {"crop": crop, "period": period.name, "domain": code, "domain_name": name}
                | {"mapped_ha": float(area), "cells": int(count)}
                for (code, name), (area, count) in zip(names.items(), values, strict=True)
            ]
    return pd.DataFrame(rows)


def _headline(rows: pd.DataFrame, mapped: pd.DataFrame) -> list[dict[str, Any]]:
    whole = rows[rows["domain"] == FRAME].merge(
        mapped[["crop", "period", "domain", "mapped_ha"]], on=["crop", "period", "domain"]
    )
    columns = ["crop", "period", "value_ha", "se_ha", "lo_ha", "hi_ha", "level", "n", "flags", "mapped_ha"]
    return [{str(k): v for k, v in row.items()} for row in whole[columns].to_dict("records")]


def _accuracy_facts(context: Context, matrices: Mapping[str, Any]) -> list[dict[str, Any]]:
    crops = context.survey.survey.crops
    return [
        {
            "period": period,
            "overall": matrix.overall.value,
            "overall_se": matrix.overall.se,
            "classes": [
                {
                    "class": name,
                    "users": finite(matrix.users[k].value),
                    "users_se": finite(matrix.users[k].se),
                    "producers": finite(matrix.producers[k].value),
                    "producers_se": finite(matrix.producers[k].se),
                }
                for k, name in enumerate(matrix.classes)
                if name in crops
            ],
        }
        for period, matrix in matrices.items()
    ]
