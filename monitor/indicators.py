"""The tidy table of indicators: its columns, and the one place where the parts that steps write are joined.

A step that makes indicators writes them with `write_part` under a name of its own (``indicators/part_NAME.csv``).
The step ``indicators`` reads the parts of a run and writes ``indicators/indicators.csv``: no two steps write
one file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.harm.result import HarmRow, inputs_text
from geo.errors import InputError, Problem
from monitor.tables import read_csv

__all__ = [
    "COLUMNS",
    "KEYS",
    "PARTS",
    "indicator_table",
    "joined",
    "part_path",
    "read_part",
    "rows_of_harms",
    "write_part",
    "write_table",
]

COLUMNS = (
    "indicator", "domain", "period", "value", "lo", "hi", "unit", "direct_or_indirect", "grade", "method",
    "n_draws", "seed", "level", "state", "reason", "n", "sex", "group", "crop", "part", "inputs", "flags",
)  # fmt: skip
"""Columns of the table; the first twelve are the contract of the run folder."""

KEYS = (
    "indicator", "domain", "period", "direct_or_indirect", "sex", "group", "crop", "part", "unit", "method"
)  # fmt: skip
"""What one row is known by."""

PARTS = ("ad", "harm", "benefit", "impact")
"""Names of the parts, in the order they stand in the table."""

ABSENT = ("not_computed", "not_resolvable", "not_estimable")
"""States of a row that has no figure, and says why."""

FOLDER = "indicators"
NUMBERS = ("value", "lo", "hi", "n_draws", "seed", "level", "n")


def part_path(out: Path, name: str) -> Path:
    """Return where a part stands in a run folder."""
    return out / FOLDER / f"part_{name}.csv"


def indicator_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table of `COLUMNS`; what a row leaves out is empty.

    Raises
    ------
    InputError
        If a row has a column that the table does not know.
    """
    given = [dict(row) for row in rows]
    strangers = sorted({name for row in given for name in row} - set(COLUMNS))
    if strangers:
        raise InputError(Problem("indicators", f"columns {', '.join(strangers)}", f"of {', '.join(COLUMNS)}"))
    table = pd.DataFrame(given, columns=list(COLUMNS))
    table[list(NUMBERS)] = table[list(NUMBERS)].apply(pd.to_numeric)
    words = [name for name in COLUMNS if name not in NUMBERS]
    table[words] = table[words].astype(object).where(table[words].notna(), "").astype(str)
    return table


def write_part(table: pd.DataFrame, out: Path, name: str) -> None:
    """Write the part of one step."""
    write_table(table, part_path(out, name))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write rows of indicators; nine digits, since shares of a range may be far below a millionth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table[list(COLUMNS)].to_csv(path, index=False, float_format="%.9g", lineterminator="\n")


def read_part(path: Path) -> pd.DataFrame:
    """Read a part, or the whole table; texts that are empty are empty texts."""
    rows = read_csv(path).to_dict("records")
    return indicator_table({str(key): value for key, value in row.items()} for row in rows)


def joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the parts as one table.

    Raises
    ------
    InputError
        Naming a figure that stands in it twice, one outside its interval, or a number beside a reason for none.
    """
    table = _without_stand_ins([part[list(COLUMNS)] for part in parts])
    twice = table.duplicated(subset=list(KEYS))
    if twice.any():
        row = table.loc[twice, list(KEYS)].iloc[0]
        told = " ".join(str(value) for value in row if str(value))
        raise InputError(Problem("indicators", f"{told} twice", "each figure once", "run the steps again"))
    problems = list(_number_problems(table))
    if problems:
        raise InputError(problems)
    return table


def _without_stand_ins(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the parts one under the other; a row that says its figure needs another step gives way to that step's."""
    kept = []
    for at, part in enumerate(parts):
        others = {name for place, other in enumerate(parts) if place != at for name in other["indicator"]}
        waits = (part["state"] == "not_computed") & part["reason"].str.contains("the steps? ")
        kept.append(part[~(waits & part["indicator"].isin(others))])
    return pd.concat(kept or [indicator_table([])], ignore_index=True)


def _number_problems(table: pd.DataFrame) -> Iterator[Problem]:
    """Yield the first row of each kind that says two things: its number and its state, or its interval."""
    lo, value, hi = (table[name].to_numpy(dtype=float) for name in ("lo", "value", "hi"))
    absent = table["state"].isin(ABSENT).to_numpy()
    for wrong, found in (
        ((value < lo) | (value > hi), "a figure outside its interval"),
        (absent & ~np.isnan(value), "a number that was not computed"),
        (absent & (table["reason"] == "").to_numpy(), "no reason for a figure that is not there"),
    ):
        if wrong.any():
            row = table.loc[wrong, list(KEYS)].iloc[0]
            told = " ".join(str(one) for one in row if str(one))
            yield Problem(f"indicators, {told}", found, "a figure inside its interval, or a state with its reason")


def _rests_on(row: HarmRow, low: Collection[tuple[str, str]]) -> bool:
    """Say whether a figure is scaled to an area of few sample units; rings are counted without the sample."""
    return row.state == "computed" and row.key.share == "direct" and (row.key.crop, row.key.period) in low


def low_counts(out: Path) -> frozenset[tuple[str, str]]:
    """Return the crops and periods of a run whose area in the whole frame rests on few sample units."""
    rows = read_csv(out / "estimates" / "estimates.csv")
    low = (rows["domain"] == "frame") & rows["flags"].fillna("").str.contains("LOW_COUNT")
    return frozenset(zip(rows.loc[low, "crop"].astype(str), rows.loc[low, "period"].astype(str), strict=True))


def rows_of_harms(rows: Iterable[HarmRow], *, level: float, low: Collection[tuple[str, str]] = ()) -> pd.DataFrame:
    """Return rows of harm as a table of `COLUMNS`.

    Parameters
    ----------
    rows
        From the harms.
    level
        Level of their intervals.
    low
        Crops and periods from `low_counts`: what is scaled to their area carries their warning.
    """
    return indicator_table(
        {
            "indicator": row.key.indicator,
            "domain": row.key.domain,
            "period": row.key.period,
            "value": row.value,
            "lo": row.lo,
            "hi": row.hi,
            "unit": row.key.unit,
            "direct_or_indirect": row.key.share,
            "grade": row.key.grade,
            "method": row.key.method,
            "n_draws": row.n_draws,
            "seed": row.seed,
            "level": level,
            "state": row.state,
            "reason": row.reason,
            "crop": row.key.crop,
            "part": row.key.part,
            "inputs": inputs_text(row.key.inputs),
            "flags": "LOW_COUNT" if _rests_on(row, low) else "",
        }
        for row in rows
    )
