"""What was published against what was made again: the first that differs is named."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geo.errors import Problem, QualityGateError
from monitor.figures import (
    FRAME,
    Domain,
    PeriodFacts,
    frame_domain,
    unit_domains,
)
from monitor.indicators import COLUMNS, KEYS
from monitor.indicators import NUMBERS as INDICATOR_NUMBERS
from monitor.manifest import read_manifest
from monitor.tables import SurveyTables

TOLERANCE = 2e-6
"""Figures are written with six decimals."""
NUMBERS = ("value_ha", "se_ha", "lo_ha", "hi_ha")
WORDS = ("n", "state", "verdict", "method", "flags", "certainty", "below", "term", "applied")
DIFFERENCES = ("difference_ha", "se_ha", "lo_ha", "hi_ha", "p_value")


def interval_method(out: Path, published: pd.DataFrame) -> str:
    """Return the interval that the figures of a run were asked for; chosen figure by figure it has many names.

    The manifest tells it. Where it tells none, figures of more than one name were chosen one by one.
    """
    manifest = read_manifest(out)
    step = None if manifest is None else manifest.steps.get("estimate")
    asked = "" if step is None else str(step.parameters.get("estimate", {}).get("interval", ""))
    if asked:
        return DEFAULT if asked == "auto" else asked
    names = {str(method).rsplit("; ", 1)[-1] for method in published["method"]}
    return names.pop() if len(names) == 1 else DEFAULT


DEFAULT = "default"
"""Name of the interval that estimators choose by strata and counts."""


def published_domains(tables: SurveyTables, published: pd.DataFrame) -> list[Domain]:
    """Return the frame and the administrative units that published figures are told for."""
    named = dict(published[["domain", "domain_name"]].drop_duplicates().itertuples(index=False))
    units = {code: name for code, name in named.items() if code != FRAME}
    return [frame_domain(tables, named[FRAME]), *unit_domains(tables, units)]


def published_periods(estimates: pd.DataFrame) -> list[PeriodFacts]:
    """Return the periods of published estimates."""
    columns = ["period", "kind", "reference_date", "source", "vintage"]
    found = estimates[columns].fillna({"source": "", "vintage": ""}).drop_duplicates().itertuples(index=False)
    return [
        PeriodFacts(
            name=str(name), kind=str(kind), reference_date=str(day), source=str(source), vintage=str(vintage)
        )
        for name, kind, day, source, vintage in found
    ]


def compare(
    published: pd.DataFrame,
    again: pd.DataFrame,
    keys: list[str],
    columns: tuple[str, ...],
    file: str,
    words: tuple[str, ...] = WORDS,
    *,
    rtol: float = 1e-9,
) -> None:
    """Raise at the first row or cell in which two tables differ.

    Parameters
    ----------
    published, again
        The table of the run folder, and the one made again.
    keys
        Columns that name a row.
    columns
        Numbers, compared to `TOLERANCE` and ``rtol``.
    file
        Name in messages.
    words
        Texts, compared exactly where both tables have them.
    rtol
        Relative tolerance of numbers.

    Every other column that both tables have is compared too, as a number where it is one in both.

    Raises
    ------
    QualityGateError
        Naming the file, the row and the column.
    """
    twice = published.duplicated(subset=keys)
    if twice.any():
        name = " ".join(str(value) for value in published.loc[twice, keys].iloc[0])
        raise QualityGateError(Problem(f"{file} {name}", "a row twice", "each row once", "run it again"))
    merged = published.merge(again, on=keys, suffixes=("", "_again"), how="outer", indicator=True)
    others = [name for name in published if name in again and name not in (*keys, *columns, *words)]
    for row in merged.to_dict("records"):
        name = f"{file} {' '.join(str(row[key]) for key in keys)}"
        if row["_merge"] != "both":
            raise QualityGateError(Problem(name, "a row on one side only", "the same rows"))
        for column in columns:
            told, found = _number(row[column]), _number(row[f"{column}_again"])
            if not _close(told, found, rtol):
                raise differs(f"{name} {column}", told, found)
        for column in (word for word in words if f"{word}_again" in row):
            said, meant = (word_of(row[key]) for key in (column, f"{column}_again"))
            if said != meant:
                raise differs(f"{name} {column}", repr(said), repr(meant))
        for column in others:
            one, other = row[column], row[f"{column}_again"]
            if not same_cell(one, other, rtol):
                raise differs(f"{name} {column}", repr(word_of(one)), repr(word_of(other)))


def compare_indicators(published: pd.DataFrame, again: pd.DataFrame, file: str) -> None:
    """Raise at the first row or cell in which two tables of indicators differ, whatever the column."""
    keys = list(KEYS)
    text = dict.fromkeys(keys, str)
    told, found = (rows.astype(text) for rows in (published, again))
    merged = told.merge(found, on=keys, suffixes=("", "_again"), how="outer", indicator=True)
    twice = told.duplicated(subset=keys)
    if twice.any() or (merged["_merge"] != "both").any():
        row = (told[twice] if twice.any() else merged[merged["_merge"] != "both"]).iloc[0]
        name = " ".join(str(row[key]) for key in keys)
        raise QualityGateError(Problem(f"{file} {name}", "a row twice or on one side only", "the same rows"))
    for column in INDICATOR_NUMBERS:
        left, right = (merged[name].to_numpy(dtype=float) for name in (column, f"{column}_again"))
        wrong = ~np.isclose(left, right, rtol=1e-7, atol=1e-12, equal_nan=True)
        if wrong.any():
            row = merged[wrong].iloc[0]
            name = f"{file} {' '.join(str(row[key]) for key in keys)} {column}"
            raise differs(name, row[column], row[f"{column}_again"])
    for column in (name for name in COLUMNS if name not in (*KEYS, *INDICATOR_NUMBERS)):
        wrong = (merged[column].map(word_of) != merged[f"{column}_again"].map(word_of)).to_numpy()
        if wrong.any():
            row = merged[wrong].iloc[0]
            name = f"{file} {' '.join(str(row[key]) for key in keys)} {column}"
            raise differs(name, repr(row[column]), repr(row[f"{column}_again"]))


def differs(name: str, told: object, found: object) -> QualityGateError:
    """Return the error that names a figure, what was told and what was found."""
    return QualityGateError(Problem(name, f"{told}", f"{found}, recomputed from the run folder", "run it again"))


def apart(told: Any, made: Any, way: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs in two contents of JSON: the way to it, and both values."""
    if isinstance(told, Mapping) and isinstance(made, Mapping):
        for key in [*made, *(key for key in told if key not in made)]:
            yield from apart(told.get(key), made.get(key), f"{way} {key}".strip())
    elif isinstance(told, list) and isinstance(made, list):
        for number, (one, other) in enumerate(zip_longest(told, made), start=1):
            yield from apart(one, other, f"{way} {number}")
    elif told != made:
        yield way, told, made


def same_cell(one: Any, other: Any, rtol: float = 1e-9) -> bool:
    """Say whether two cells say the same: as numbers where both are, else as words."""
    if word_of(one) == word_of(other):
        return True
    try:
        return _close(float(one), float(other), rtol)
    except (TypeError, ValueError):
        return False


def _close(told: float, found: float, rtol: float) -> bool:
    """Say whether two numbers are the same but for how they were written; two that are missing are."""
    if math.isnan(told) or math.isnan(found):
        return math.isnan(told) and math.isnan(found)
    return told == found or abs(told - found) <= TOLERANCE + rtol * abs(found)


def word_of(value: Any) -> str:
    """Return a cell as text, empty when it holds nothing."""
    return "" if pd.isna(value) else str(value)


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
