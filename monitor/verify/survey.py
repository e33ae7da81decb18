"""Make the figures of the survey again: estimates, changes, corrections, production, accuracy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.frame import AreaFrame
from aoi.survey.parameter import Parameter
from geo.errors import Problem, QualityGateError
from monitor.correction_inputs import ledger_parameters
from monitor.districts import small_area_rows, threshold_rows
from monitor.figures import (
    FRAME,
    accuracy_rows,
    change_rows,
    estimate_rows,
    matrix_rows,
    period_matrix,
)
from monitor.floors import floor_rows, historical_rows
from monitor.kept_shapes import APPLIED, read_shapes
from monitor.ledger import LedgerInputs, ledger_rows, parameter_rows, parameters_of
from monitor.misreading import misreading_rows
from monitor.scene_table import GAP_TABLE, frame_gap_rows
from monitor.sections import CorrectionsSection, PeriodSection, ProductionSection
from monitor.steps.corrections import correction_dates, operation_groups
from monitor.steps.production import production_table
from monitor.tables import SurveyTables, read_csv
from monitor.transitions import transition_rows
from monitor.verify.compare import (
    DIFFERENCES,
    NUMBERS,
    compare,
    differs,
    interval_method,
    published_domains,
    published_periods,
)
from monitor.zone_tables import read_zones


def recompute_gaps(out: Path) -> int:
    """Make the gaps of the frame again from the counts of observations, and see that the units add up to it."""
    rows = 0
    for path in sorted((out / "imagery").glob(f"*/{GAP_TABLE}")):
        published = read_csv(path).fillna({"window": ""})
        frame = published[published["domain"] == FRAME]
        windows = list(frame.loc[frame["window"] != "", "window"])
        again = frame_gap_rows(
            path.with_name("valid_count.tif"),
            period=path.parent.name,
            frame_name=str(frame["domain_name"].iloc[0]),
            windows=windows,
            min_valid=int(frame["min_valid"].iloc[0]),
        )
        text = dict.fromkeys(("period", "domain", "measure", "window"), str)
        keys, numbers = list(text), ("cells", "of_cells", "share")
        compare(frame.astype(text), again.astype(text), keys, numbers, str(path.relative_to(out)))
        units = published[published["domain"] != FRAME].groupby(["measure", "window"], as_index=False)
        summed = units[["cells", "of_cells"]].sum()
        whole = frame[["measure", "window", "cells", "of_cells"]]
        compare(whole, summed, ["measure", "window"], ("cells", "of_cells"), f"{path.relative_to(out)}, units")
        rows += len(frame)
    return rows


def recompute_estimates(out: Path, tables: SurveyTables) -> int:
    """Make the estimates again from the sample; return the rows compared."""
    published = read_csv(out / "estimates" / "estimates.csv")
    again = estimate_rows(
        tables,
        list(dict.fromkeys(published["crop"])),
        published_periods(published),
        published_domains(tables, published),
        method=interval_method(out, published),
        level=float(published["level"].iloc[0]),
    )
    compare(published, again, ["crop", "period", "domain"], NUMBERS, "estimates.csv")
    return len(published)


def recompute_districts(out: Path, tables: SurveyTables) -> int:
    """Make small areas and thresholds again from the published estimates, which are recomputed before."""
    if not (out / "estimates" / "small_areas.csv").is_file():
        return 0  # a run of a version that made none; a file taken away is found by the manifest
    estimates, small, free = (
        read_csv(out / "estimates" / f"{name}.csv") for name in ("estimates", "small_areas", "thresholds")
    )
    again = small_area_rows(tables, estimates, published_domains(tables, estimates)[1:])
    keys = ["crop", "period", "domain"]
    text = dict.fromkeys(keys, str)
    compare(small.astype(text), again.astype(text), keys, NUMBERS, "small_areas.csv")
    lines = {
        str(crop): Parameter(name=f"threshold.{crop}_ha", value=float(line), unit="ha", source="published")
        for crop, line in free[["crop", "threshold_ha"]].drop_duplicates().itertuples(index=False)
    }
    held = threshold_rows(estimates, lines)
    compare(free.astype(text), held.astype(text), keys, ("value_ha", "lo_ha", "hi_ha", "p_below"), "thresholds.csv")
    return len(small) + len(free)


def recompute_zones(out: Path, tables: SurveyTables) -> int:
    """Make the figures of zones again, in parts and each alone, from the units that lie in them."""
    first, rows = read_csv(out / "estimates" / "estimates.csv"), 0
    for name, places in read_zones(tables, out / "overlay").items():
        published = read_csv(out / "overlay" / f"{name}.csv")
        again = estimate_rows(
            tables,
            list(dict.fromkeys(first["crop"])),
            published_periods(first),
            places,
            method=interval_method(out, first),
            level=float(first["level"].iloc[0]),
        )
        compare(published, again, ["crop", "period", "domain"], NUMBERS, f"{name}.csv")
        rows += len(published)
    return rows


def recompute_changes(out: Path, tables: SurveyTables) -> int:
    """Make the changes again from the units that both periods share; return the rows compared."""
    published = read_csv(out / "estimates" / "change.csv")
    names = read_csv(out / "estimates" / "estimates.csv")
    if published.empty:
        if names["period"].nunique() > 1:
            raise QualityGateError(
                Problem("change.csv", "no row", "the change between the periods", "run it again")
            )
        return 0
    before, after = published[["from", "to"]].iloc[0]
    again = change_rows(
        tables,
        list(dict.fromkeys(published["crop"])),
        (str(before), str(after)),
        published_domains(tables, names),
        method=interval_method(out, published),
        level=float(published["level"].iloc[0]),
    )
    compare(published, again, ["crop", "domain"], DIFFERENCES, "change.csv")
    return len(published)


def recompute_misreading(out: Path, tables: SurveyTables) -> int:
    """Make the figures corrected for misreading again from the published estimates and the readings."""
    published, estimates = (read_csv(out / "estimates" / f"{name}.csv") for name in ("misreading", "estimates"))
    again = misreading_rows(tables, estimates, read_csv(out / "frame" / "known_readings.csv"))
    keys = ["crop", "period"]
    text = dict.fromkeys(keys, str)
    numbers = (*NUMBERS, "sensitivity", "specificity", "read_ha")
    compare(published.astype(text), again.astype(text), keys, numbers, "misreading.csv")
    return len(published)


def recompute_ledger(
    out: Path, tables: SurveyTables, told: Mapping[str, Any], frame: AreaFrame | None = None
) -> int:
    """Make the corrections ledger again from what it was made of; return the rows compared.

    Parameters
    ----------
    out
        Run folder.
    tables
        The sample.
    told
        Parameters of the step, as the manifest tells them; empty of a run that kept none.
    frame
        The area frame, with which the ground of operations is made again.
    """
    folder = out / "estimates"
    if told:
        _recompute_ledger_inputs(out, tables, told, frame)
    published, estimates = read_csv(folder / "corrections.csv"), read_csv(folder / "estimates.csv")
    inputs = LedgerInputs(
        groups=read_csv(folder / "eradication_groups.csv"),
        units=read_csv(folder / "eradication_units.csv"),
        dates=read_csv(folder / "correction_dates.csv"),
        parameters=parameters_of(read_csv(folder / "correction_parameters.csv")),
    )
    again = ledger_rows(
        tables, estimates, published_domains(tables, estimates), inputs, method=interval_method(out, estimates)
    )
    keys = ["crop", "period", "domain", "row"]
    told, found = (
        rows.astype(dict.fromkeys(keys[:3], str)).assign(row=rows.groupby(keys[:3], sort=False).cumcount())
        for rows in (published, again)
    )
    compare(told, found, keys, (*NUMBERS, "parameter_value"), "corrections.csv")
    return len(published)


def _recompute_ledger_inputs(
    out: Path, tables: SurveyTables, told: Mapping[str, Any], frame: AreaFrame | None
) -> None:
    """Make what the ledger is made of again, from the operations that the run kept and from its settings."""
    folder = out / "estimates"
    section = CorrectionsSection.model_validate(told["corrections"])
    dates = correction_dates(section, [PeriodSection.model_validate(one) for one in told["periods"]])
    published = read_csv(folder / "correction_dates.csv").astype({"period": str})
    compare(published, dates, ["period"], (), "correction_dates.csv", ("image_date", "reference_date"))
    parameters = read_csv(folder / "correction_parameters.csv")
    again = parameter_rows(ledger_parameters(section))
    compare(parameters, again, ["parameter"], ("value", "se"), "correction_parameters.csv")
    if frame is None or not (out / APPLIED).is_file():
        return
    found = operation_groups(frame, tables, dates, read_shapes(out, APPLIED))
    keys = {
        "eradication_groups": ["period", "group", "domain"],
        "eradication_units": ["period", "group", "unit_id"],
    }
    for (name, columns), made in zip(keys.items(), found, strict=True):
        text = dict.fromkeys(columns, str)
        rows = read_csv(folder / f"{name}.csv").astype(text)
        compare(rows, made.astype(text), columns, (), f"{name}.csv")


def recompute_production(out: Path) -> int:
    """Make production again from the estimates and the yields given; return the rows compared."""
    published = read_csv(out / "estimates" / "production.csv")
    settings = json.loads((out / "estimates" / "production.json").read_text(encoding="utf-8"))
    again = production_table(out, [ProductionSection.model_validate(entry) for entry in settings])
    keys = ["crop", "period", "domain", "part", "product"]
    text = dict.fromkeys(keys, str)
    compare(published.astype(text), again.astype(text), keys, ("value_t", "se_t", "lo_t", "hi_t"), "production.csv")
    return len(published)


def recompute_floors(out: Path, tables: SurveyTables) -> int:
    """Make the scores of the map and of its no-skill floors again; return the rows compared."""
    published = read_csv(out / "estimates" / "floors.csv")
    estimates = read_csv(out / "estimates" / "estimates.csv")
    says = read_csv(out / "estimates" / "floor_rules.csv")
    require_each_unit(says, tables)
    again = floor_rows(tables, says)
    totals = read_csv(out / "estimates" / "prior_totals.csv")
    past = historical_rows(totals, estimates[estimates["domain"] == FRAME])
    again = again if past.empty else pd.concat([again, past.astype({"beaten": object})], ignore_index=True)
    numbers = ("producers", "producers_se", "users", "users_se", "f1", "area_ratio", "beaten")
    compare(published, again, ["crop", "period", "rule"], numbers, "floors.csv")
    return len(published)


def require_each_unit(says: pd.DataFrame, tables: SurveyTables) -> None:
    """Refuse rules that leave out a unit of the sample or a known one, or tell of one twice or of another."""
    drawn = sorted(tables.units["unit_id"].astype(str))
    for key, part in says.groupby(["crop", "period", "rule"], sort=False):
        told = sorted(part["unit_id"].astype(str))
        if told != drawn:
            one = next(iter(set(drawn) ^ set(told)), "one that is there twice")
            name = f"floor_rules.csv {' '.join(map(str, key))}"
            raise differs(name, f"other units, such as {one}", "those of the sample")


def recompute_transitions(out: Path, tables: SurveyTables) -> int:
    """Make the transitions between periods again; return the rows compared."""
    published = read_csv(out / "estimates" / "transitions.csv")
    if published.empty:
        return 0
    again = transition_rows(
        tables,
        list(dict.fromkeys(published["crop"])),
        (str(published["from"].iloc[0]), str(published["to"].iloc[0])),
        method=interval_method(out, published),
        level=float(published["level"].iloc[0]),
    )
    numbers = (*NUMBERS, "users", "users_se", "producers", "producers_se")
    compare(published, again, ["crop", "transition"], numbers, "transitions.csv")
    return len(published)


def recompute_accuracy(out: Path, tables: SurveyTables) -> int:
    """Make the accuracies and the error matrix again; return the rows compared."""
    accuracy, cells = (read_csv(out / "estimates" / name) for name in ("accuracy.csv", "error_matrix.csv"))
    periods = list(dict.fromkeys(accuracy["period"].astype(str)))
    classes = list(dict.fromkeys(cells["map"]))
    matrices = {period: period_matrix(tables, period, classes) for period in periods}
    again = [
        pd.DataFrame([row for period, matrix in matrices.items() for row in rows(period, matrix)])
        for rows in (accuracy_rows, matrix_rows)
    ]
    text = accuracy.fillna({"class": ""}).astype({"period": str})
    compare(text, again[0], ["period", "class", "measure"], ("value", "se"), "accuracy.csv")
    keys = ["period", "map", "reference"]
    compare(cells.astype({"period": str}), again[1], keys, ("area_share", "units"), "error_matrix.csv")
    return len(accuracy) + len(cells)
