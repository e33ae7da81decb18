"""A sheet of the workbook as a table narrow enough for paper: figure and limits in one cell, codes left out."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from maps.language import Language
from maps.report.document import Table
from maps.table import Sheet, heading
from maps.text import plain

__all__ = ["tabulate"]

# Told in the fact sheet or the workbook; on paper they only push the figures off the page
_LEFT_OUT = frozenset(
    {
        "domain", "se_ha", "se_t", "se", "level", "method", "kind", "reference_date", "source", "vintage",
        "additive", "n_draws", "seed", "inputs", "method_version", "yield_region", "yield_vintage",
        "yield_source", "yield_mark", "yield_se_kg_ha", "parameter", "parameter_value", "mark", "run",
    }
)  # fmt: skip
_TRIPLES = (
    ("value_ha", "lo_ha", "hi_ha"),
    ("difference_ha", "lo_ha", "hi_ha"),
    ("value_t", "lo_t", "hi_t"),
    ("share", "lo", "hi"),
    ("value", "lo", "hi"),
    ("figure", "lo", "hi"),
)
_SHARES = ("share", "area_share", "p_value", "p_below")
_YEARS = ("year", "first_year", "last_year")
_COUNTS = ("n", "units", "cells")
_MOST_COLUMNS = 8


def tabulate(sheet: Sheet, words: Language) -> Table:
    """Return a sheet as a table of texts.

    Parameters
    ----------
    sheet
        Rows with their codes as words.
    words
        Language of headings and numbers.
    """
    rows = sheet.rows
    triple = next((names for names in _TRIPLES if set(names) <= set(rows.columns)), None)
    limits = set(triple[1:]) if triple else set()
    columns = [str(name) for name in rows.columns if name not in _LEFT_OUT | limits]
    columns = [name for name in columns if _says_something(name, rows[name], words)][:_MOST_COLUMNS]
    level = _level(rows, words)
    head = tuple(
        words.text("report.figure_interval", unit=_unit(name, words), level=level)
        if triple and name == triple[0]
        else heading(name, words)
        for name in columns
    )
    whole = {name for name in columns if _is_whole(rows[name])}
    body = tuple(
        tuple(_cell(name, row, triple if triple and name == triple[0] else None, words, whole) for name in columns)
        for row in rows.to_dict("records")
    )
    numeric = tuple(pd.api.types.is_numeric_dtype(rows[name]) for name in columns)
    return Table(caption=plain(sheet.name), head=head, rows=body, numeric=numeric)


def _says_something(name: str, column: Any, words: Language) -> bool:
    if name == "state":
        return bool((column != words.text("state.estimated")).any())
    return bool(column.map(lambda value: plain(value) != "").any())


def _unit(name: str, words: Language) -> str:
    return words.text("table.hectares") if name == "value_ha" else heading(name, words)


def _level(rows: pd.DataFrame, words: Language) -> str:
    """Return the level of the intervals; a nominal one where the flags say that it may not hold."""
    levels = rows["level"].dropna() if "level" in rows.columns else pd.Series(dtype=float)
    level = words.percent(float(levels.iloc[0]) if len(levels) else 0.95, 0)
    low = words.text("flag.LOW_COUNT")
    rough = "flags" in rows.columns and bool(rows["flags"].astype(str).str.contains(low, regex=False).any())
    return words.text("pattern.nominal", level=level) if rough else level


def _is_whole(column: Any) -> bool:
    """Say whether a column counts things: whole numbers all along."""
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    known = column.dropna()
    return bool(len(known)) and bool((known % 1 == 0).all())


def _cell(
    name: str, row: dict[str, Any], triple: tuple[str, str, str] | None, words: Language, whole: set[str]
) -> str:
    value = row[name]
    if name == "flags":
        return _marks(plain(value), words)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain(value)
    if not math.isfinite(value):
        return "\u2013"
    if triple is None:
        return _number(name, float(value), words, scale=100.0 if name in whole else None)
    lo, hi = (float(row[limit]) if isinstance(row[limit], int | float) else math.nan for limit in triple[1:])
    scale = max(abs(value), *(abs(limit) for limit in (lo, hi) if math.isfinite(limit)), 0.0)
    best = _number(name, float(value), words, scale=scale)
    if not (math.isfinite(lo) and math.isfinite(hi)):
        return best
    limits = {"lo": _number(name, lo, words, scale=scale), "hi": _number(name, hi, words, scale=scale)}
    return words.text("pattern.with_interval", value=best, range=words.text("pattern.range", **limits))


def _marks(text: str, words: Language) -> str:
    """Return warnings in their short form."""
    for key in words.words:
        if key.startswith("flag."):
            text = text.replace(words.text(key), words.text(key.replace("flag.", "mark.")))
    return text


def _number(name: str, value: float, words: Language, *, scale: float | None) -> str:
    if name in ("share", "area_share"):
        return words.percent(value)
    if name in _YEARS:
        return f"{value:.0f}"
    if name in _COUNTS:
        return words.number(value, scale=100)
    if name in _SHARES:
        return words.number(round(value, 2), scale=1)
    return words.number(value, scale=scale, signed=name == "difference_ha")
