"""`altdev estimate SAMPLE.csv --strata STRATA.csv`: figures from two tables, as JSON or as lines to read."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.survey.coverage import Coverage, coverage_rows, coverage_table
from aoi.survey.design import Lonely
from aoi.survey.error_matrix import Accuracy
from aoi.survey.estimate import Estimate
from aoi.survey.stratified_interval import ALIASES
from aoi.survey.table import TableResult, estimate_table
from aoi.survey.table_check import EARTH_HA, TableOptions
from geo.errors import Problem, SurveyFileError
from geo.files import require_file
from monitor.tables import read_given_csv
from monitor.tabular.interpreters import Readers, correct, frame_ha, reader_lines, reader_rows, settle

__all__ = ["estimate_tables", "table_options"]

COVERAGE_SEED = 20240101
"""Fixed, so that the same tables always give the same simulated coverage."""
LEAST_UNIT_HA = 1e-9
"""Smallest area of a unit, a tenth of a square centimetre."""
LEAST_LEVEL = 0.5
"""Below it an interval would rather miss the truth than hold it."""


def estimate_tables(
    sample: Path,
    strata: Path,
    *,
    unit_area_ha: float,
    domain: str | None,
    interval: str,
    level: float,
    coverage: bool,
    as_json: bool,
    options: TableOptions | None = None,
    readers: Readers | None = None,
) -> str:
    """Return the result of table mode as text.

    Parameters
    ----------
    sample, strata
        CSV files.
    unit_area_ha, domain, interval, level
        As in `aoi.survey.table.estimate_table`.
    coverage
        Simulate how often the interval holds the truth under this design.
    as_json
        JSON instead of lines.
    options
        Legend, policy for lone units and area of the frame.
    readers
        Several interpreters in the place of the column ``reference``, and readings of known units.

    Raises
    ------
    SurveyFileError
        If an option is out of its range.
    InputError
        If a file is missing or is no table.
    """
    _require_options(unit_area_ha, domain, interval, level)
    tables = _read(sample), _read(strata)
    settled = None
    if readers is not None and readers.interpreters:
        settled = settle(tables[0], readers)
        tables = settled.sample, tables[1]
    common: dict[str, Any] = {
        "unit_area_ha": unit_area_ha,
        "interval": interval,
        "level": level,
        "options": options,
    }
    result = estimate_table(*tables, domain=domain, **common)
    corrected = correct(result, readers, frame_ha(tables[1], unit_area_ha)) if readers is not None else ()
    covered: tuple[Coverage, ...] = ()
    if coverage:
        rng = np.random.default_rng(COVERAGE_SEED)
        covered = coverage_table(*tables, rng, **common)
    if as_json:
        content = result.to_json_dict() | ({"coverage": coverage_rows(covered)} if coverage else {})
        content |= reader_rows(settled, corrected)
        return json.dumps(content, indent=1)
    return "\n".join([*_lines(result, covered), *reader_lines(settled, corrected), *_coverage_lines(covered)])


def table_options(*, frame_ha: float | None, legend: str | None, lonely: Lonely) -> TableOptions:
    """Return what the command line tells beyond the two tables.

    Parameters
    ----------
    frame_ha
        Area in hectares that the strata must add up to.
    legend
        Classes with commas between.
    lonely
        Policy for a stratum of one unit.

    Raises
    ------
    SurveyFileError
        If the area is not one, or the legend lacks a name or says one twice.
    """
    classes = None if legend is None else tuple(name.strip() for name in legend.split(","))
    problems = []
    if frame_ha is not None and not 0 < frame_ha <= EARTH_HA:
        problems.append(Problem("--frame-ha", f"{frame_ha:g}", f"hectares, more than 0 and up to {EARTH_HA:g}"))
    if classes is not None and ("" in classes or len(set(classes)) < len(classes)):
        problems.append(Problem("--legend", repr(legend), "names with commas between, each once"))
    if problems:
        raise SurveyFileError(problems)
    return TableOptions(legend=classes, lonely=lonely, frame_area_ha=frame_ha)


def _require_options(unit_area_ha: float, domain: str | None, interval: str, level: float) -> None:
    """Refuse options out of their range, all at once."""
    problems = []
    if not LEAST_UNIT_HA <= unit_area_ha <= EARTH_HA:
        expected = f"a number of hectares from {LEAST_UNIT_HA:g} to {EARTH_HA:g}"
        problems.append(Problem("--unit-area-ha", f"{unit_area_ha:g}", expected, "a 10 m cell has 0.01 ha"))
    if domain is not None and not domain.strip():
        problems.append(Problem("--domain", "an empty name", "a column of the sample table"))
    if interval.lower() not in ("default", *ALIASES):
        problems.append(Problem("--interval", repr(interval), "one of default, " + ", ".join(ALIASES)))
    if not LEAST_LEVEL <= level < 1:
        expected = f"a number from {LEAST_LEVEL:g} to below 1"
        problems.append(Problem("--level", f"{level:g}", expected, "write 95 % as 0.95"))
    if problems:
        raise SurveyFileError(problems)


def _read(path: Path) -> pd.DataFrame:
    return read_given_csv(require_file(path, where="table mode"))


def _lines(result: TableResult, covered: tuple[Coverage, ...]) -> list[str]:
    """Return the figures and accuracies in words, each figure of the whole with the coverage of its interval."""
    lines = []
    for area in result.areas:
        figure = area.estimate
        place = f"{area.domain}, " if area.domain is not None else ""
        flags = f" [{'; '.join(figure.flags)}]" if figure.flags else ""
        lines.append(
            f"{place}{area.name}: {figure.value:,.2f} ha "
            f"({_level(figure)} interval {figure.lo:,.2f} to {figure.hi:,.2f} ha; n = {figure.n}){flags}"
            + ("" if area.domain is not None else _held(area.name, covered))
        )
    matrix = result.matrix
    lines.append(f"overall accuracy {_share(matrix.overall)}")
    lines += [
        f"{name}: user's accuracy {_share(users)}, producer's accuracy {_share(producers)}"
        for name, users, producers in zip(matrix.classes, matrix.users, matrix.producers, strict=True)
    ]
    return lines


def _level(figure: Estimate) -> str:
    """Return the level of an interval; a flagged one is nominal only."""
    return f"{'nominal ' if figure.flags else ''}{100 * figure.level:.10g} %"


def _share(accuracy: Accuracy) -> str:
    if not math.isfinite(accuracy.value):
        return "undefined (no unit)"
    return f"{accuracy.value:.4f} (standard error {accuracy.se:.4f})"


def _held(name: str, covered: tuple[Coverage, ...]) -> str:
    """Return how often the interval of a class held the truth, at worst over the simulated truths."""
    shares = [one.covered for one in covered if one.name == name]
    return f"; held the truth in {100 * min(shares):.1f} % of simulated surveys" if shares else ""


def _coverage_lines(covered: tuple[Coverage, ...]) -> list[str]:
    return [
        f"coverage of {one.name}, {one.scenario}: the interval held the truth in {100 * one.covered:.1f} % of "
        f"{one.draws} simulated surveys (above it {100 * one.above:.1f} %, below it {100 * one.below:.1f} %)"
        for one in covered
    ]
