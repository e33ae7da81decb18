"""Each cell against its field: columns known and none personal, values where they must be, types, codes, keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas

from aoi.project.finding import Finding, by_row
from aoi.project.model import DataModel, Field, Table
from aoi.project.personal import personal_column, personal_text
from aoi.project.read import RawTable
from geo.errors import Problem, is_hidden

__all__ = ["field_findings", "link_findings", "typed"]

_NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")
_YES_NO = {"yes": "yes", "true": "yes", "1": "yes", "no": "no", "false": "no", "0": "no"}
_LONGEST = 40
_SHOWN_CODES = 12


def field_findings(raw: RawTable, model: DataModel) -> Iterator[Finding]:
    """Yield everything wrong with the columns and cells of one table, in the order of its fields and rows."""
    table = model.tables[raw.name]
    yield from _column_findings(raw, table)
    for name, one in table.fields.items():
        if name in raw.cells.columns:
            cells = [str(cell) for cell in raw.cells[name]]
            yield from _cell_findings(raw, one, cells, model)
    yield from _key_findings(raw, table)


def link_findings(tables: Mapping[str, RawTable], model: DataModel) -> Iterator[Finding]:
    """Yield rows that name a project or a survey wave which is not in its own table."""
    for name, raw in tables.items():
        for one in model.tables[name].fields.values():
            if not one.to or one.name not in raw.cells.columns:
                continue
            key = model.tables[one.to].key[0]
            there = tables.get(one.to)
            known = set() if there is None or key not in there.cells.columns else set(there.cells[key])
            lost = [(row, cell) for row, cell in enumerate(raw.cells[one.name]) if cell and cell not in known]
            yield from by_row(
                [
                    _finding(raw, row, one.name, "link", _quoted(cell), f"a {key} of the table {one.to}")
                    for row, cell in lost
                ]
            )


def typed(raw: RawTable, table: Table) -> Any:
    """Return a table with its types: numbers as floats, dates as days, all else as text; every field has a column.

    Parameters
    ----------
    raw
        A table as it was read. A cell of another type, which `field_findings` tells, counts as missing.
    table
        Its place in the model.

    Returns
    -------
    DataFrame
        Missing numbers are NaN, missing dates NaT, missing texts empty.
    """
    empty = [""] * len(raw.cells)
    columns = {
        name: _typed_column(one, [str(cell) for cell in raw.cells[name]] if name in raw.cells.columns else empty)
        for name, one in table.fields.items()
    }
    return pandas.DataFrame(columns)


def _typed_column(one: Field, cells: list[str]) -> Any:
    if one.type in ("number", "whole"):
        return np.array([float(cell) if _number_told(one, cell) is None else np.nan for cell in cells], dtype=float)
    if one.type == "date":
        days = [cell if cell and _date_told(cell) is None else None for cell in cells]
        return pandas.to_datetime(pandas.Series(days, dtype=object), format="%Y-%m-%d")
    if one.type == "yes_no":
        return pandas.Series([_YES_NO.get(cell.lower(), "") for cell in cells], dtype=object)
    if one.type in ("codes", "texts"):
        return pandas.Series([";".join(_several(cell)) for cell in cells], dtype=object)
    return pandas.Series(cells, dtype=object)


def _column_findings(raw: RawTable, table: Table) -> Iterator[Finding]:
    for name in raw.cells.columns:
        where = f"{raw.where} column {name}"
        if personal_column(name, known=table.fields):
            problem = Problem(
                where,
                "a column that looks like personal data",
                "no names, identities, telephones or places of persons",
                "take it out of the file, and keep it where personal data are protected",
            )
            yield Finding("error", "no_personal_data", problem)
        elif name not in table.fields and name not in ("fid", ""):
            known = ", ".join(table.fields)
            problem = Problem(
                where, "a column that the table does not have", f"one of {known}", "rename or remove it"
            )
            yield Finding("error", "known_column", problem)
    for name in table.required:
        if name not in raw.cells.columns:
            problem = Problem(raw.where, f"no column {name!r}", table.fields[name].meaning.lower(), "add it")
            yield Finding("error", "required", problem)


def _cell_findings(raw: RawTable, one: Field, cells: list[str], model: DataModel) -> Iterator[Finding]:
    missing = [row for row, cell in enumerate(cells) if one.required and not cell]
    expected = f"a value ({one.meaning.lower()})"
    yield from by_row([_finding(raw, row, one.name, "required", "nothing", expected) for row in missing])
    if one.type == "text" and one.name in raw.numeric and _is_code(one, model.tables[raw.name]):
        problem = Problem(
            f"{raw.where} column {one.name}", "numbers", "codes as text", "a leading zero is part of a code"
        )
        yield Finding("error", "type", problem)
    check = _checker(one, model)
    wrong = [(row, cell, told) for row, cell in enumerate(cells) if cell and (told := check(cell))]
    yield from by_row(
        [
            _finding(
                raw, row, one.name, told[0], _quoted(cell) if told[2] else told[1], *(told[1:2] if told[2] else ())
            )
            for row, cell, told in wrong
        ]
    )


def _is_code(one: Field, table: Table) -> bool:
    return bool(one.to) or one.name in table.key or one.name.endswith(("_id", "_code"))


Told = tuple[str, str, bool]
"""Rule, what was expected (or found), and whether the cell itself may be repeated."""


def _checker(one: Field, model: DataModel) -> Callable[[str], Told | None]:
    if one.type in ("number", "whole"):
        return lambda cell: _number_told(one, cell)
    if one.type == "date":
        return _date_told
    if one.type == "yes_no":
        return lambda cell: None if cell.lower() in _YES_NO else ("type", "yes or no", True)
    if one.type in ("code", "codes"):
        known = model.codes_of(one)
        return lambda cell: _code_told(one, cell, known)
    return _text_told


def _number_told(one: Field, cell: str) -> Told | None:
    kind = "a whole number" if one.type == "whole" else "a number with a decimal point"
    if not _NUMBER.match(cell) or not np.isfinite(float(cell)):
        return "type", kind, True
    value = float(cell)
    if one.type == "whole" and not value.is_integer():
        return "type", kind, True
    if one.min is not None and value < one.min:
        return "range", f"{one.min:g} or more", True
    if one.max is not None and value > one.max:
        return "range", f"at most {one.max:g}", True
    return None


def _date_told(cell: str) -> Told | None:
    try:
        day = date.fromisoformat(cell) if len(cell) == 10 else None
    except ValueError:
        day = None
    if day is None:
        return "type", "a day such as 2024-05-31", True
    return None if 1900 <= day.year < 2200 else ("range", "a day from 1900 on", True)


def _code_told(one: Field, cell: str, known: Mapping[str, str]) -> Told | None:
    given = _several(cell) if one.type == "codes" else [cell]
    strangers = [code for code in given if code not in known]
    if not strangers:
        return None
    named = "; ".join(
        f"{code} {text}" if text != code else code for code, text in list(known.items())[:_SHOWN_CODES]
    )
    more = f" and {len(known) - _SHOWN_CODES} more" if len(known) > _SHOWN_CODES else ""
    return "unknown_code", f"a code of the list {one.codes}: {named}{more}", True


def _text_told(cell: str) -> Told | None:
    told = personal_text(cell)
    if told:
        return "no_personal_data", f"what looks like {told}", False
    return ("type", "a text with control characters", False) if is_hidden(cell) else None


def _several(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _key_findings(raw: RawTable, table: Table) -> Iterator[Finding]:
    """Yield rows that have the key of an earlier one; a key with a part missing is told elsewhere."""
    cells = raw.cells
    if any(name not in cells.columns for name in table.key if table.fields[name].required):
        return
    parts = [cells[name] if name in cells.columns else pandas.Series("", index=cells.index) for name in table.key]
    keys = list(zip(*parts, strict=True))
    first: dict[tuple[str, ...], int] = {}
    again = []
    for row, key in enumerate(keys):
        whole = all(value for name, value in zip(table.key, key, strict=True) if table.fields[name].required)
        if whole and key in first:
            again.append((row, first[key]))
        first.setdefault(key, row)
    words = ", ".join(table.key)
    yield from by_row(
        [
            _finding(raw, row, "", "key_once", f"the same {words} as in row {earlier + 1}", "each once")
            for row, earlier in again
        ]
    )


def _finding(raw: RawTable, row: int, column: str, rule: str, found: str, expected: str = "") -> Finding:
    where = f"{raw.where} row {row + 1}" + (f" column {column}" if column else "")
    remedy = "take it out, and keep it where personal data are protected" if rule == "no_personal_data" else ""
    return Finding("error", rule, Problem(where, found, expected, remedy))


def _quoted(cell: str) -> str:
    """Return a cell for a message, cut short and without signs that would break the line."""
    short = cell if len(cell) <= _LONGEST else cell[: _LONGEST - 1] + "…"
    return ascii(short) if is_hidden(short) else repr(short)
