"""`altdev compare CELLS.csv --cells`: what became of each cell, enclaves, concentration."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aoi.survey.concentration import cells_holding, gini, share_in_top
from aoi.survey.parameter import Parameter, load_parameters, override
from aoi.survey.permanence import (
    CellHistory,
    EnclaveRule,
    PermanenceRule,
    affected_territory_km2,
    enclave_cells,
    enclaves,
    long_affected,
    permanence,
)
from geo.errors import InputError, Problem, SurveyFileError
from monitor.tabular.rows import FloatArray, Rows, TextArray

__all__ = ["cell_dynamics"]

YEAR = re.compile(r"^\D*((?:18|19|20|21)\d\d)\D*$")
"""A column of one year, such as ``2019``, ``areacoca_2019`` or ``coca2022_``."""
TOP, HALF = 0.05, 0.5
"""Shares of the territory and of the crop that concentration is told for."""
USED = ("permanence.", "enclave.", "grid.cell_km2")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """Cells by year."""

    names: TextArray
    """Name of each cell, shape (n,)."""
    years: list[int]
    """Years without a gap."""
    area_ha: FloatArray
    """Hectares, NaN where not surveyed, shape (n, years)."""
    place: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None
    """Row and column of each cell on its grid; None where the table has none."""


def cell_dynamics(path: Path, *, settings: Sequence[str], as_json: bool) -> str:
    """Return the classes of cells, enclaves and concentration as text.

    Parameters
    ----------
    path
        CSV with ``cell`` (or ``row`` and ``col``, by which enclaves are told apart) and a column of hectares for
        each year; an empty cell was not surveyed.
    settings
        Parameters in place of the shipped ones, as ``enclave.density_ha_km2=12``.
    as_json
        JSON instead of lines.

    Raises
    ------
    SurveyFileError
        If a setting is none.
    InputError
        Naming every cell at fault, years with a gap, or a window longer than the series.
    """
    parameters = _parameters(settings)
    rule, density = PermanenceRule.from_parameters(parameters), EnclaveRule.from_parameters(parameters)
    cells = _read(Rows.read(path))
    _require_possible(cells, rule)
    history = permanence(cells.area_ha, rule)
    inside = enclave_cells(cells.area_ha, density)
    content = {
        "years": [cells.years[0], cells.years[-1]],
        "cells": len(cells.names),
        "classes": dict(sorted(Counter(one.value for one in history.classes).items())),
        "affected_territory_km2": affected_territory_km2(cells.area_ha, rule),
        "long_affected_cells": int(long_affected(cells.area_ha, rule).sum()),
        "enclaves": _enclaves(cells, inside),
        "concentration": _concentration(cells),
        "parameters": [_parameter(one) for key, one in sorted(parameters.items()) if key.startswith(USED)],
    }
    if as_json:
        return json.dumps(content | {"by_cell": _by_cell(cells, history, inside)}, indent=1, ensure_ascii=False)
    return "\n".join(_lines(content))


def _parameters(settings: Sequence[str]) -> dict[str, Parameter]:
    """Return the shipped rules with the user's values in their place."""
    known, changes, problems = load_parameters("rules"), {}, []
    for text in settings:
        key, _, value = (part.strip() for part in text.partition("="))
        try:
            changes[key] = {"value": float(value), "source": "given on the command line"}
        except ValueError:
            problems.append(Problem("--set", repr(text), "NAME=NUMBER, such as enclave.density_ha_km2=12"))
        if key not in known or not key.startswith(USED):
            names = ", ".join(sorted(name for name in known if name.startswith(USED)))
            problems.append(Problem("--set", f"the name {key!r}", f"one of {names}"))
    if problems:
        raise SurveyFileError(problems)
    try:
        return override(known, changes)
    except InputError as error:
        raise SurveyFileError(error.problems) from None


def _read(rows: Rows) -> _Cells:
    """Read the cells, refusing years that repeat or leave a gap."""
    on_grid = rows.has("row") and rows.has("col")
    columns: dict[int, list[str]] = {}
    for name in map(str, rows.table.columns):
        found = YEAR.match(name)
        if found:
            columns.setdefault(int(found.group(1)), []).append(name)
    years = sorted(columns)
    for year in years:
        if len(columns[year]) > 1:
            rows.note("columns", f"{', '.join(columns[year])} for {year}", "one column for each year")
    if len(years) < 2 or years != list(range(years[0], years[-1] + 1)):
        gaps = sorted(set(range(years[0], years[-1] + 1)) - set(years)) if years else []
        found_text = (
            f"years {years[0]} to {years[-1]} without {', '.join(map(str, gaps))}"
            if gaps
            else f"{len(years)} years"
        )
        rows.note(
            "columns", found_text, "columns of two years or more, none left out", "leave cells empty, not columns"
        )
    if on_grid:
        place = (rows.numbers("row", least=0.0, most=1e5), rows.numbers("col", least=0.0, most=1e5))
        names = np.array([f"{row:g}/{col:g}" for row, col in zip(*place, strict=True)], dtype=str)
    else:
        names = rows.labels("cell")
    rows.require_unique(names, "row/col" if on_grid else "cell")
    area = [
        rows.numbers(columns[year][0], least=0.0, where=~_empty(rows.optional_labels(columns[year][0])))
        for year in years
    ]
    rows.require_sound()
    grid = tuple(one.astype(np.int64) for one in place) if on_grid else None
    return _Cells(names=names, years=years, area_ha=np.stack(area, axis=1), place=grid)  # type: ignore[arg-type]


def _empty(text: TextArray) -> npt.NDArray[np.bool_]:
    """Say which cells hold nothing: they were not surveyed."""
    return np.array([cell.lower() in ("", "na", "nan", "null", "n/a") for cell in text.tolist()], dtype=bool)


def _require_possible(cells: _Cells, rule: PermanenceRule) -> None:
    """Refuse a series shorter than the window, and cells that hold more crop than land."""
    if len(cells.years) < rule.window_years:
        found = f"{len(cells.years)} years"
        remedy = "--set permanence.window_years=N, which is stored with the result"
        raise InputError(Problem("cells", found, f"the window of {rule.window_years} years", remedy))
    over = np.flatnonzero(np.nanmax(np.nan_to_num(cells.area_ha), axis=1) > rule.cell_km2 * 100 * (1 + 1e-9))
    if over.size:
        found = f"{over.size} cells with more than {rule.cell_km2 * 100:g} ha ({', '.join(cells.names[over[:5]])})"
        remedy = "--set grid.cell_km2=N if cells are larger"
        raise InputError(Problem("cells", found, "no more crop than land", remedy))


def _enclaves(cells: _Cells, inside: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Count enclaves, their cells, and the share of the latest crop in them."""
    latest = np.nan_to_num(cells.area_ha[:, -1])
    share = float(latest[inside].sum() / latest.sum()) if latest.sum() else None
    labels = _enclave_labels(cells, inside)
    number = None if labels is None else int(labels.max(initial=0))
    return {"number": number, "cells": int(inside.sum()), "share_of_latest_crop": share}


def _enclave_labels(cells: _Cells, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64] | None:
    """Return the enclave of each cell, 0 outside; None without places."""
    if cells.place is None:
        return None
    row, col = (one - one.min() for one in cells.place)
    grid = np.zeros((int(row.max()) + 1, int(col.max()) + 1), dtype=bool)
    grid[row, col] = inside
    return np.asarray(enclaves(grid)[0][row, col], dtype=np.int64)


def _concentration(cells: _Cells) -> dict[str, float] | None:
    """Return how the latest crop is spread over the cells ever affected; None without crop."""
    affected = np.nan_to_num(cells.area_ha).max(axis=1) > 0
    latest = np.nan_to_num(cells.area_ha[affected, -1])
    if not latest.sum():
        return None
    return {
        "share_of_crop_in_densest_5_percent": share_in_top(latest, TOP),
        "share_of_territory_with_half_the_crop": cells_holding(latest, HALF),
        "gini": gini(latest),
    }


def _by_cell(cells: _Cells, history: CellHistory, inside: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    labels = _enclave_labels(cells, inside)
    return [
        {
            "cell": str(name),
            "class": history.classes[k].value,
            "years_present": int(history.years_present[k]),
            "transitions": int(history.transitions[k]),
            "current_run": int(history.current_run[k]),
            "in_enclave": bool(inside[k]),
            "enclave": None if labels is None or not labels[k] else int(labels[k]),
        }
        for k, name in enumerate(cells.names.tolist())
    ]


def _parameter(one: Parameter) -> dict[str, Any]:
    return {"name": one.name, "value": one.value, "unit": one.unit, "mark": one.mark, "source": one.source}


def _lines(content: Mapping[str, Any]) -> list[str]:
    shares = content["concentration"]
    found = content["enclaves"]
    number = (
        "enclaves not told apart (no row and col)" if found["number"] is None else f"{found['number']} enclaves"
    )
    held = (
        ""
        if found["share_of_latest_crop"] is None
        else f", {100 * found['share_of_latest_crop']:.1f} % of the crop"
    )
    lines = [
        f"{content['cells']} cells, {content['years'][0]} to {content['years'][1]}",
        *(f"{name}: {count} cells" for name, count in content["classes"].items()),
        f"affected territory: {content['affected_territory_km2']:,.6g} km2",
        f"long affected: {content['long_affected_cells']} cells",
        f"{number} of {found['cells']} cells{held}",
    ]
    if shares is not None:
        lines.append(
            f"densest 5 % of the affected territory: {100 * shares['share_of_crop_in_densest_5_percent']:.1f} % of "
            f"the crop; half of it in {100 * shares['share_of_territory_with_half_the_crop']:.1f} %; "
            f"Gini {shares['gini']:.3f}"
        )
    lines += [f"{one['name']} = {one['value']:g} {one['unit']} ({one['mark']})" for one in content["parameters"]]
    return lines
