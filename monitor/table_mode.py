"""`altdev estimate SAMPLE.csv --strata STRATA.csv`: figures from two tables, as JSON or as lines to read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from aoi.survey.coverage import Coverage, coverage_rows, coverage_table
from aoi.survey.table import TableResult, estimate_table
from geo.errors import InputError, Problem

__all__ = ["estimate_tables"]

COVERAGE_SEED = 20240101
"""Fixed, so that the same tables always give the same simulated coverage."""


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

    Raises
    ------
    InputError
        If a file is missing or is no table.
    """
    tables = _read(sample), _read(strata)
    result = estimate_table(*tables, unit_area_ha=unit_area_ha, domain=domain, interval=interval, level=level)
    covered: tuple[Coverage, ...] = ()
    if coverage:
        rng = np.random.default_rng(COVERAGE_SEED)
        covered = coverage_table(*tables, rng, unit_area_ha=unit_area_ha, interval=interval, level=level)
    if as_json:
        content = result.to_json_dict() | ({"coverage": coverage_rows(covered)} if coverage else {})
        return json.dumps(content, indent=1)
    return "\n".join([*_lines(result), *_coverage_lines(covered)])


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(Problem(str(path), "no such file", "a CSV table", "correct the path"))
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(Problem(str(path), f"a file that is no CSV table ({first})", "a CSV table")) from error


def _lines(result: TableResult) -> list[str]:
    lines = []
    for area in result.areas:
        figure = area.estimate
        place = f"{area.domain}, " if area.domain is not None else ""
        flags = f" [{'; '.join(figure.flags)}]" if figure.flags else ""
        lines.append(
            f"{place}{area.name}: {figure.value:,.2f} ha "
            f"({100 * figure.level:g} % interval {figure.lo:,.2f} to {figure.hi:,.2f} ha; n = {figure.n}){flags}"
        )
    overall = result.matrix.overall
    lines.append(f"overall accuracy {overall.value:.4f} (standard error {overall.se:.4f})")
    return lines


def _coverage_lines(covered: tuple[Coverage, ...]) -> list[str]:
    return [
        f"coverage of {one.name}, {one.scenario}: the interval held the truth in {100 * one.covered:.1f} % of "
        f"{one.draws} simulated surveys (above it {100 * one.above:.1f} %, below it {100 * one.below:.1f} %)"
        for one in covered
    ]
