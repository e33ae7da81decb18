"""Steps of a survey without imagery: official figures read, joined, compared, laid over zones, and mapped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from aoi.official import NO_INTERVAL, OfficialSeries
from aoi.official_overlay import by_layer_alone, by_layer_partition, layer_bounds
from aoi.overlay import alone_areas, layer_areas, partition, partition_areas
from aoi.survey.permanence import PermanenceRule
from aoi.survey.published import RoundingRule
from aoi.zones import ZoneLayer, Zones, exclusive, stack
from geo.errors import AltdevError, InputError, Problem
from geo.files import write_text
from geo.vector import Layer, open_layer, write_gpkg
from monitor.config import Survey
from monitor.context import Context, Progress
from monitor.kept_shapes import UNITS, write_shapes
from monitor.official_inputs import Inputs, control_total_problems, official_section, read_inputs
from monitor.official_page import official_page
from monitor.official_tables import (
    change_rows,
    concentration_rows,
    estimate_rows,
    permanence_rows,
    reading_rows,
)
from monitor.sections import OverlayLayer

__all__ = ["official_problems", "read_official", "write_products"]

TIER_FOLDER = "products/0"

RULES: dict[str, RoundingRule] = {"exact": "change_then_round", "rounded thousands": "round_then_change"}
"""How the survey file names the two ways to take a percentage."""


def read_official(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write the tables of a survey of official figures.

    Files: ``estimates/estimates.csv``, ``change.csv``, ``readings.csv``; ``indicators/permanence.csv``,
    ``concentration.csv``; ``overlay/zones.csv``, ``alone.csv`` (units joined on codes), ``land.csv``,
    ``land_alone.csv``, ``bounds.csv`` and ``zones.gpkg`` (zones by their shapes); ``frame/notices.csv`` and
    ``units.parquet``.

    Raises
    ------
    InputError
        If an input cannot be read, or the sums are not the totals that the authority states.
    """
    survey = context.survey
    inputs = read_inputs(survey)
    broken = control_total_problems(survey, inputs)
    if broken:
        raise InputError(broken)
    progress(1, 4)
    _write_estimates(survey, inputs, staging / "estimates")
    _write_indicators(survey, inputs, staging / "indicators")
    progress(2, 4)
    _write_overlay(survey, inputs, staging / "overlay")
    progress(3, 4)
    notices = pd.DataFrame([_fields(notice) for notice in inputs.notices], columns=list(_FIELDS))
    _write(notices, staging / "frame" / "notices.csv")
    write_shapes(context.published_units, staging, UNITS)
    progress(4, 4)
    return {
        "headline": _headline(context, inputs),
        "units": len(inputs.units),
        "notices": [str(notice) for notice in inputs.notices],
    }


def official_problems(survey: Survey) -> list[Problem]:
    """Return everything that keeps the official figures of a survey from being read and compared."""
    try:
        inputs = read_inputs(survey)
    except AltdevError as error:
        return list(error.problems)
    return [*control_total_problems(survey, inputs), *_period_problems(survey, inputs.series)]


def write_products(context: Context, staging: Path, progress: Progress, *, language: str) -> Mapping[str, Any]:
    """Write ``products/0/index.html`` and ``products/0/tables.xlsx`` from the run folder's tables."""
    from maps.sheets import render_within
    from maps.table import write_workbook

    page = official_page(context, language)
    folder = staging / TIER_FOLDER
    for name, text in render_within(page).items():
        write_text(folder / name, text)
    progress(1, 2)
    write_workbook(folder / "tables.xlsx", page.figures, page.about, language_code=language)
    progress(2, 2)
    return {"page_bytes": (folder / "index.html").stat().st_size}


def _period_problems(survey: Survey, series: OfficialSeries) -> Iterable[Problem]:
    for period in survey.period:
        if period.name not in series.periods:
            have = f"one of {series.periods[0]} to {series.periods[-1]}"
            yield Problem(f"[[period]] {period.name}", "a period that the official table does not have", have)


def _write_estimates(survey: Survey, inputs: Inputs, folder: Path) -> None:
    baseline, current = survey.role("baseline"), survey.role("current")
    _write(pd.concat([estimate_rows(one) for one in inputs.levels], ignore_index=True), folder / "estimates.csv")
    if baseline is None or current is None:
        return
    changes = [change_rows(one, baseline.name, current.name) for one in inputs.levels]
    _write(pd.concat(changes, ignore_index=True), folder / "change.csv")
    rule = RULES[official_section(survey).percent_of]
    readings = reading_rows(inputs.levels, baseline.name, current.name, rule=rule)
    _write(readings, folder / "readings.csv")


def _write_indicators(survey: Survey, inputs: Inputs, folder: Path) -> None:
    _write(concentration_rows(inputs.series), folder / "concentration.csv")
    windows, years = official_section(survey).permanence, inputs.series.periods
    gaps = [(a, b) for a, b in pairwise(years) if not (a.isdigit() and b.isdigit() and int(b) == int(a) + 1)]
    if gaps or len(years) < windows.window:
        found = f"a gap between {gaps[0][0]} and {gaps[0][1]}" if gaps else f"{len(years)} years"
        wanted = f"at least {windows.window} years without a gap"
        inputs.notices.append(Problem("permanence", found, wanted, "it is not computed"))
        return
    rule = PermanenceRule(
        window_years=windows.window,
        absent_years=windows.abandoned_after,
        expansion_years=windows.expansion_within,
        long_affected_years=windows.window,
        cell_km2=float(inputs.units.frame["area_ha"].mean()) / 100.0,
    )
    _write(permanence_rows(inputs.series, rule), folder / "permanence.csv")


def _write_overlay(survey: Survey, inputs: Inputs, folder: Path) -> None:
    joined = [entry for entry in survey.overlay if entry.code]
    shaped = [entry for entry in survey.overlay if not entry.code]
    if joined:
        _write_joined(joined, inputs, folder)
    if shaped:
        _write_shaped(shaped, inputs, folder)


def _write_joined(entries: list[OverlayLayer], inputs: Inputs, folder: Path) -> None:
    """Write the figures of programmes that work in whole units: as a partition, and each by itself."""
    layers = {entry.name: _codes(entry, inputs) for entry in entries}
    titles = {entry.name: entry.title for entry in entries} | {"no_zone": "Outside all zones"}
    for name, table, additive in (
        ("zones", by_layer_partition(inputs.series, layers), True),
        ("alone", by_layer_alone(inputs.series, layers), False),
    ):
        rows = estimate_rows(table).assign(additive=additive)
        rows["domain_name"] = rows["domain"].map(titles)
        _write(rows, folder / f"{name}.csv")


def _codes(entry: OverlayLayer, inputs: Inputs) -> set[str]:
    """Return the units of a layer that have figures; the others are told of, not taken for zero."""
    codes = open_layer(entry.path, layer=entry.layer)[entry.code].dropna().astype(str).str.strip()
    latest = inputs.series.of(inputs.series.periods[-1])
    unknown = sorted(set(codes) - set(latest["code"]))
    if unknown:
        inputs.notices.append(
            Problem(
                f"{entry.path.name} {entry.code}",
                f"{len(unknown)} of {codes.nunique()} units without a figure: {', '.join(unknown[:20])}",
                "codes of the official table",
                "they are not in its sums; absent is not zero",
            )
        )
    return set(codes) - set(unknown)


def _write_shaped(entries: list[OverlayLayer], inputs: Inputs, folder: Path) -> None:
    """Write the land in zones, and the bounds of the cultivation in them; the figures say no more."""
    layers = [
        ZoneLayer(name=entry.name, frame=open_layer(entry.path, layer=entry.layer), label=entry.label)
        for entry in entries
    ]
    zones = stack(layers, inputs.units.frame.crs)
    units = inputs.units.disjoint().frame
    land = partition_areas(partition(units, zones), zones)
    _write(land.assign(additive=True), folder / "land.csv")
    _write(alone_areas(units, zones), folder / "land_alone.csv")
    inside = pd.DataFrame(layer_areas(units, zones), columns=list(zones.layers))
    by_unit = pd.concat([units[["code", "area_ha"]].reset_index(drop=True), inside], axis=1)
    bounds = layer_bounds(inputs.series, by_unit).assign(additive=False)
    bounds["method"] = f"bounds from whole units, no distribution assumed; {NO_INTERVAL}"
    _write(bounds, folder / "bounds.csv")
    _write_zones(zones, land, folder / "zones.gpkg")


def _write_zones(zones: Zones, land: pd.DataFrame, path: Path) -> None:
    area = land.set_index("code")["area_ha"].reindex(range(1, len(zones) + 1))
    frame = exclusive(zones).frame.assign(area_ha=area.to_numpy())
    kept = frame[~frame.geometry.is_empty]
    description = "Zones cut by the declared precedence: no two share ground. Hectares inside the units."
    write_gpkg(path, {"zones": Layer(frame=kept, title="Zones by precedence", description=description)})


_FIELDS = ("where", "found", "expected", "remedy")


def _fields(notice: Problem) -> tuple[str, ...]:
    return tuple(getattr(notice, name) for name in _FIELDS)


def _write(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format="%.6f", lineterminator="\n")


def _headline(context: Context, inputs: Inputs) -> list[dict[str, Any]]:
    whole = inputs.levels[0]
    return [
        {
            "crop": whole.quantity.crop,
            "period": period.name,
            "value_ha": figure.best,
            "lo_ha": None,
            "hi_ha": None,
            "note": NO_INTERVAL,
        }
        for period in context.compared
        for figure in whole.figures(period.name)
    ]
