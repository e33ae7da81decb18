"""Tables as files: a workbook with notes, units and HXL tags, and CSV that no spreadsheet runs as a program."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from geo.files import atomic
from maps.column_names import HEADINGS, HXL_TAGS, SHEETS
from maps.impact_words import readable_balance, readable_effects, readable_hot_spots, readable_pattern
from maps.language import Language, language
from maps.page import About, Accuracy, Figures
from maps.part_words import readable_cells, readable_permanence, readable_portfolio
from maps.remark import given_flags, verdict_key, with_flags
from maps.text import plain, spreadsheet_safe

__all__ = ["Sheet", "csv_text", "heading", "sheets", "write_workbook"]

# Fixed, so that equal tables are equal bytes
_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_IN_WORDS: dict[str, Callable[[pd.DataFrame, Language], pd.DataFrame]] = {
    "effects": readable_effects,
    "balance": readable_balance,
    "hot_spots": readable_hot_spots,
    "spatial_pattern": readable_pattern,
    "cells": readable_cells,
    "permanence": readable_permanence,
    "portfolio": readable_portfolio,
}
_CERTAINTY = {"below": "below", "straddles the threshold": "straddles", "at or above": "above"}
_FORMATS = {
    "_ha": "#,##0.0",
    "_t": "#,##0.0",
    "share": "0.000",
    "area_share": "0.0000",
    "level": "0.00",
    "p_value": "0.0000",
    "p_below": "0.00",
    "lo": "0.000",
    "hi": "0.000",
    "share_lo": "0.000",
    "share_hi": "0.000",
}
_LEAST_WIDTH, _MOST_WIDTH = 9, 46  # signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table in words: its key, its name in the language, and its rows."""

    key: str
    name: str
    rows: pd.DataFrame


def write_workbook(path: Path, figures: Figures, about: About, *, language_code: str = "en") -> None:
    """Write all figures as an XLSX workbook; equal figures give equal bytes.

    Parameters
    ----------
    path
        Final name.
    figures
        What it holds.
    about
        Names and sources for the sheet of notes.
    language_code
        Language of headings and notes.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    words = language(language_code)
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with atomic(path) as part, xlsxwriter.Workbook(part, options) as book:
        book.set_properties({"title": plain(about.title), "author": "altdev", "created": _CREATED})
        for sheet in sheets(figures, words):
            _write_sheet(book, sheet, words)
        _write_notes(book, about, words)


def csv_text(table: pd.DataFrame) -> str:
    r"""Return a table as CSV: comma, full precision, no index, empty for missing, formulas defused.

    Examples
    --------
    >>> csv_text(pd.DataFrame({"name": ["=1+1", "a,b"], "ha": [0.1, float("nan")]}))
    'name,ha\n\'=1+1,0.1\n"a,b",\n'
    """
    safe = table.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [spreadsheet_safe(value) for value in safe[column]]
    safe.columns = [spreadsheet_safe(column) for column in safe.columns]
    return str(safe.to_csv(index=False, lineterminator="\n"))


def sheets(figures: Figures, words: Language) -> Iterator[Sheet]:
    """Yield every table of a product with its codes as words, in the order of the workbook."""
    estimates = with_flags(figures.estimates)
    readable = estimates.assign(
        crop=[words.class_name(str(name)) for name in estimates["crop"]],
        state=[words.text(f"state.{state}") for state in estimates["state"]],
        flags=[_flag_words(text, words) for text in estimates["flags"]],
        method=[words.method(plain(text)) for text in estimates["method"]],
        domain_name=_domain_names(estimates, words),
    )
    yield Sheet(key="estimates", name=words.text("notes.estimates_sheet"), rows=readable)
    if not figures.change.empty:
        yield Sheet(key="change", name=words.text("notes.change_sheet"), rows=_change_rows(figures, words))
    if figures.accuracy:
        rows = [row for entry in figures.accuracy for row in _accuracy_rows(entry, words)]
        yield Sheet(key="accuracy", name=words.text("notes.accuracy_sheet"), rows=pd.DataFrame(rows))
    if figures.mapped:
        yield Sheet(key="counted", name=words.text("notes.counted_sheet"), rows=_mapped_rows(figures, words))
    if figures.harms:
        yield Sheet(key="harms", name=words.text("harms.sheet"), rows=_harm_rows(figures, words))
    for name, table in figures.extra:
        rows = _IN_WORDS[name](table, words) if name in _IN_WORDS else table
        key = SHEETS.get(name)
        yield Sheet(key=name, name=words.text(key) if key else name, rows=_readable(rows, words) if key else rows)


def _readable(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return a table of the run folder with its codes as words."""
    say: dict[str, Callable[[Any], str]] = {
        "crop": lambda name: "" if pd.isna(name) else words.class_name(str(name)),
        "map": lambda name: words.class_name(str(name)),
        "reference": lambda name: words.class_name(str(name)),
        "state": lambda state: words.words.get(f"state.{state}") or words.text(f"harms.{state}"),
        "flags": lambda text: _flag_words("" if pd.isna(text) else str(text), words),
        "additive": lambda value: _yes_or_no(value, words),
        "applied": lambda value: _yes_or_no(value, words),
        "part": lambda value: words.words.get(f"table.part_{value}", plain(value)),
        "term": lambda value: words.text(f"table.term_{value}"),
        "below": lambda value: _yes_or_no(value, words),
        "rule": lambda name: words.text(f"table.rule_{name}"),
        "beaten": lambda value: "" if pd.isna(value) else _yes_or_no(bool(value), words),
        "verdict": lambda text: words.text(f"verdict.{verdict_key(text)}"),
        **dict.fromkeys(("sex", "measure", "unit"), lambda told: words.words.get(f"value.{told}", plain(told))),
        "period": lambda period: _period(plain(period), words),
        "indicator": lambda code: _with_code(code, "indicator", words),
        "direct_or_indirect": lambda told: words.words.get(f"indicator.{told}", plain(told)),
        "class": lambda name: words.words.get(f"law.{name}", plain(name)),
        "method": lambda text: words.method(plain(text)),
        "certainty": lambda value: words.text(f"table.certainty_{_CERTAINTY[str(value)]}"),
    }
    said = {name: [say[name](value) for value in rows[name]] for name in say if name in rows}
    if {"domain", "domain_name"} <= set(rows.columns):
        said["domain_name"] = _domain_names(rows, words)
    return rows.assign(**said)


def _harm_rows(figures: Figures, words: Language) -> pd.DataFrame:
    """Return the six harms in words: figure with its interval, grade and claim, or why there is none."""
    return pd.DataFrame(
        {
            "harm": words.text(f"harms.{one.harm}"),
            "crop": words.class_name(one.crop),
            "period": one.period,
            "state": words.text("state.estimated" if one.state == "computed" else f"harms.{one.state}"),
            "figure": one.value,
            "lo": one.lo,
            "hi": one.hi,
            "unit": one.unit,
            "level": one.level if one.state == "computed" else math.nan,
            "grade": one.grade if one.state == "computed" else "",
            "claim": words.text(f"harms.{one.claim}"),
            "flags": words.text("flag.LOW_COUNT") if one.rough else "",
        }
        for one in figures.harms
    )


def _period(period: str, words: Language) -> str:
    """Return the name of a period as it is, one that runs from a year to another in words."""
    start, to, end = period.partition(" to ")
    if to:
        return words.text("controls.pair", **{"from": start, "to": end})
    return words.words.get(f"value.{period}", period)


def _domain_names(rows: pd.DataFrame, words: Language) -> list[str]:
    pairs = zip(rows["domain"], rows["domain_name"], strict=True)
    return [words.domain(plain(code), plain(name)) for code, name in pairs]


def _with_code(code: Any, section: str, words: Language) -> str:
    """Return a code with what it stands for, or alone where the catalogue does not say."""
    name = words.words.get(f"{section}.{code}")
    return plain(code) if name is None else f"{plain(code)} {name}"


def _yes_or_no(value: Any, words: Language) -> str:
    return words.text(f"table.additive_{'yes' if str(value) == 'True' else 'no'}")


def _change_rows(figures: Figures, words: Language) -> pd.DataFrame:
    change = figures.change
    names = dict(zip(figures.estimates["domain"], _domain_names(figures.estimates, words), strict=True))
    readable = change.assign(
        crop=[words.class_name(str(name)) for name in change["crop"]],
        verdict=[words.text(f"verdict.{verdict_key(text)}") for text in change["verdict"]],
        flags=[_flag_words(text, words) for text in given_flags(change)],
        method=[words.method(plain(text)) for text in change["method"]],
    )
    readable.insert(change.columns.get_loc("domain") + 1, "domain_name", change["domain"].map(names))
    return readable


def _accuracy_rows(entry: Accuracy, words: Language) -> Iterator[dict[str, Any]]:
    measures = [("", "table.overall", entry.overall)]
    for one in entry.classes:
        name = words.class_name(one.name)
        measures += [(name, "table.users", one.users), (name, "table.producers", one.producers)]
    for name, key, share in measures:
        yield {
            "period": entry.period,
            "class": name,
            "measure": words.text(key),
            "share": share.value,
            "lo": share.lo,
            "hi": share.hi,
            "level": entry.level,
            "n": entry.n if share is entry.overall and entry.n else math.nan,
            "method": words.method(entry.method),
        }


def _mapped_rows(figures: Figures, words: Language) -> pd.DataFrame:
    """Return the counts on the map, each beside the estimate that corrects it."""
    counts = pd.DataFrame(
        {
            "crop": count.area.class_name,
            "period": count.period,
            "domain": count.domain,
            "mapped_ha": count.area.area_ha,
        }
        for count in figures.mapped
    )
    keys = ["crop", "period", "domain"]
    estimates = figures.estimates[[*keys, "domain_name", "value_ha", "lo_ha", "hi_ha"]]
    rows = counts.merge(estimates.astype(dict.fromkeys(keys, str)), on=keys, how="left")
    rows["crop"] = [words.class_name(str(name)) for name in rows["crop"]]
    return rows[[*keys, "domain_name", "value_ha", "lo_ha", "hi_ha", "mapped_ha"]]


def _flag_words(text: str, words: Language) -> str:
    flags = [flag for flag in text.split(";") if flag]
    return words.text("pattern.list").join(words.words.get(f"flag.{flag}", flag) for flag in flags)


def _write_sheet(book: Any, content: Sheet, words: Language) -> None:
    """Write heading, HXL tags and rows; every text cell as text, every missing cell blank."""
    sheet = book.add_worksheet(_sheet_name(book, content.name))
    if words.direction == "rtl":
        sheet.right_to_left()
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#E4EEF4"})
    tag = book.add_format({"font_color": "#4A5A64", "italic": True})
    for column, name in enumerate(content.rows.columns):
        title = heading(str(name), words)
        sheet.write_string(0, column, title, head)
        sheet.write_string(1, column, HXL_TAGS.get(str(name), ""), tag)
        number = book.add_format({"num_format": _number_format(str(name))})
        values = content.rows[name].tolist()
        for row, value in enumerate(values, start=2):
            _write_cell(sheet, (row, column), value, number)
        longest = max([len(title) // 2, *(len(str(value)) for value in values[:200])], default=0)
        sheet.set_column(column, column, min(_MOST_WIDTH, max(_LEAST_WIDTH, longest + 2)))
    # codes such as 05001 are text on purpose
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{len(content.rows) + 2}"})
    sheet.freeze_panes(2, 0)


def _write_cell(sheet: Any, place: tuple[int, int], value: Any, number: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = plain(value)
        if text:
            sheet.write_string(*place, text)
    elif math.isfinite(value):
        sheet.write_number(*place, value, number)


def heading(name: str, words: Language) -> str:
    """Return the heading of a column, with its unit."""
    key = HEADINGS.get(name)
    title = words.text(key) if key else plain(name)
    unit = " (" + words.text("pattern.ha", value="").strip("\u2068\u2069 \u00a0") + ")"
    return title + unit if name.endswith("_ha") and key else title


def _number_format(name: str) -> str:
    for unit in ("_ha", "_t"):
        if name.endswith(unit):
            return _FORMATS[unit]
    return _FORMATS.get(name, "General")


def _sheet_name(book: Any, name: str) -> str:
    r"""Return a name that Excel accepts: 31 signs, none of ``[]:*?/\``, and used once."""
    cleaned = plain(name).translate(str.maketrans("[]:*?/\\'", "        ")).strip()[:28] or "Sheet"
    used = {sheet.get_name().lower() for sheet in book.worksheets()}
    return next(
        candidate
        for candidate in (cleaned, *(f"{cleaned} {number}" for number in range(2, 99)))
        if candidate.lower() not in used
    )


def _write_notes(book: Any, about: About, words: Language) -> None:
    sheet = book.add_worksheet(_sheet_name(book, words.text("notes.sheet")))
    if words.direction == "rtl":
        sheet.right_to_left()
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    bold = book.add_format({"bold": True, "valign": "top"})
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 100)
    for row, (name, text) in enumerate(_notes(about, words)):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, plain(text), wrapped)


def _notes(about: About, words: Language) -> Iterator[tuple[str, str]]:
    yield plain(about.title), about.subtitle
    yield words.text("notes.disclaimer"), about.disclaimer or words.text("notes.draft")
    yield words.text("notes.sources"), about.sources
    for key in ("unit_note", "interval", "empty_note", "counted_note"):
        yield "", words.text(f"notes.{key}")
    for note in about.notes:
        yield "", words.note(note)
    yield "", words.text(f"tier.{about.tier.value}")
    if about.run_id:
        yield "", words.text("notes.run", run=plain(about.run_id))
