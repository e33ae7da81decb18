"""`altdev estimate SAMPLE.csv --strata STRATA.csv`: figures from two tables, as JSON or as lines to read."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from aoi.survey.table import TableResult, estimate_table
from geo.errors import InputError, Problem

__all__ = ["estimate_tables"]


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
    result = estimate_table(
        _read(sample), _read(strata), unit_area_ha=unit_area_ha, domain=domain, interval=interval, level=level
    )
    content = result.to_json_dict()
    if as_json:
        return json.dumps(content, indent=1)
    return "\n".join(_lines(result))


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
