"""The table of an authority, read cell by cell: codes as text, numbers by a declared format, states of empty cells.

Nothing is guessed. A cell that is neither a number of the declared format nor a declared symbol stops the
reading, with its row and column, together with every other such cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas

from aoi.number_format import NumberFormat, formats_that_read
from aoi.survey.estimate import CellState
from geo.drivers import limited_pyogrio, vector_format
from geo.errors import InputError, Problem, SurveyFileError, reason
from geo.files import require_file
from geo.limits import require_size

__all__ = ["RawTable", "TableLayout", "read_cells", "read_table"]

_SHOWN = 5
_TEXT = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """Where things stand in the table, and how they are written.

    Raises
    ------
    SurveyFileError
        If a pattern is no regular expression, or the one for periods has not exactly one group.
    """

    code: str
    """Column with the unit's code."""
    name: str
    """Column with the unit's name."""
    periods: str
    """Regular expression that a period column's whole name matches; its one group is the period."""
    code_pattern: str = r"\S+"
    """Regular expression a whole code matches."""
    parent: str | None = None
    """Column with the code of the unit above."""
    parent_name: str | None = None
    """Column with the name of the unit above."""
    number: NumberFormat = field(default_factory=NumberFormat)
    """How numbers are written."""
    number_in: Mapping[str, NumberFormat] = field(default_factory=dict)
    """By period, where a column writes them otherwise."""
    symbols: Mapping[str, CellState] = field(default_factory=dict)
    """What texts that are no number mean. An empty cell is missing unless it says otherwise here."""

    def __post_init__(self) -> None:
        problems = []
        for key, pattern, groups in (("periods", self.periods, 1), ("code_pattern", self.code_pattern, 0)):
            try:
                found = re.compile(pattern).groups
            except re.error as error:
                problems.append(Problem(f"table {key}", f"{pattern!r} ({error})", "a regular expression"))
                continue
            if groups and found != groups:
                problems.append(Problem(f"table {key}", f"{found} groups in {pattern!r}", "one group, the period"))
        if problems:
            raise SurveyFileError(problems)

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that say which unit a row is."""
        return tuple(c for c in (self.code, self.name, self.parent, self.parent_name) if c is not None)

    def period_columns(self, columns: list[str]) -> dict[str, list[str]]:
        """Return the columns of every period, in order of the periods' names."""
        found: dict[str, list[str]] = {}
        for column in columns:
            match = re.fullmatch(self.periods, column)
            if match:
                found.setdefault(str(match[1]), []).append(column)
        return dict(sorted(found.items()))

    def state_of(self, text: str) -> CellState | None:
        """Return the state a symbol stands for; None for anything else."""
        plain = _symbol(text)
        if plain.startswith("<"):
            return CellState.BELOW_THRESHOLD
        return {"": CellState.MISSING, **{_symbol(key): state for key, state in self.symbols.items()}}.get(plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """A table as it lies in its file."""

    where: str
    """File name for messages."""
    frame: Any
    """DataFrame; text columns as text, number columns of typed formats as numbers."""
    first_row: int
    """Number that a reader's program shows beside the first data row."""

    def row(self, index: int) -> int:
        """Return the row number as the file's reader sees it."""
        return index + self.first_row


def read_table(path: Path, *, layer: str | None = None, encoding: str = "utf-8", delimiter: str = ",") -> RawTable:
    """Read a table without interpreting it.

    Parameters
    ----------
    path
        Delimited text (csv, tsv, txt), Parquet, or a vector file whose attributes count.
    layer
        Layer of a vector file; the first one when None.
    encoding, delimiter
        Of delimited text.

    Raises
    ------
    InputError
        If the file is missing, cannot be read, is empty, or has two columns of one name.
    """
    require_file(path, where="official table")
    is_vector = path.suffix.lower() not in (*_TEXT, ".parquet")
    require_size(path, "vector_bytes" if is_vector else "table_bytes")
    if is_vector:
        vector_format(path)
    try:
        if path.suffix.lower() in _TEXT:
            frame, first_row = _read_text(path, encoding, delimiter), 2
        elif path.suffix.lower() == ".parquet":
            from geo.parquet import read_parquet  # of which few countries give any

            frame, first_row = read_parquet(path), 1
        else:
            frame, first_row = geopandas.read_file(path, layer=layer, ignore_geometry=True), 1
    except (
        limited_pyogrio().errors.DataLayerError,
        limited_pyogrio().errors.DataSourceError,
        UnicodeError,
        LookupError,
        ValueError,
    ) as error:
        if isinstance(error, InputError):
            raise
        found = f"a table that cannot be read ({reason(error)})"
        raise InputError(Problem(path.name, found, "a table", "check encoding and layer")) from error
    twice = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
    if twice or frame.empty:
        found = f"two columns named {', '.join(twice)}" if twice else "no rows"
        raise InputError(Problem(path.name, found, "a table with rows and a name of its own for each column"))
    return RawTable(where=path.name, frame=frame, first_row=first_row)


def read_cells(raw: RawTable, layout: TableLayout) -> Any:
    """Return the cells of a table in long form.

    Parameters
    ----------
    raw
        The table.
    layout
        Its columns, number formats and symbols.

    Returns
    -------
    DataFrame
        Columns code, name, parent, parent_name (text, empty where there is none), period, state (the value
        of a `CellState`) and value_ha (NaN in an empty cell), by row of the table and period.

    Raises
    ------
    InputError
        Naming every missing column, wrong or repeated code, and unreadable cell.
    """
    problems = [*_column_problems(raw, layout)]
    if problems:
        raise InputError(problems)
    problems = [*_code_problems(raw, layout)]
    identity = _identity(raw, layout)
    parts = []
    for period, columns in layout.period_columns(list(raw.frame.columns)).items():
        states, values, found = _column_cells(raw, layout, period, columns[0])
        problems += found
        parts.append(identity.assign(period=period, state=states, value_ha=values, row=np.arange(len(identity))))
    if problems:
        raise InputError(problems)
    cells = pandas.concat(parts, ignore_index=True)
    return cells.sort_values(["row", "period"], kind="stable", ignore_index=True).drop(columns="row")


def _read_text(path: Path, encoding: str, delimiter: str) -> Any:
    """Read delimited text with every cell as text; the header is read as a row so that no name is altered."""
    # A byte order mark would become part of the first column's name
    form = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    table = pandas.read_csv(
        path, dtype=str, keep_default_na=False, encoding=form, sep=delimiter, header=None, skip_blank_lines=False
    )
    frame = table.iloc[1:].reset_index(drop=True)
    frame.columns = [str(name).strip() for name in table.iloc[0]]
    return frame


def _column_problems(raw: RawTable, layout: TableLayout) -> Iterator[Problem]:
    columns = list(raw.frame.columns)
    for name in layout.identity:
        if name not in columns:
            have = ", ".join(map(str, columns[:12]))
            yield Problem(
                raw.where, f"no column {name!r}", f"one of its columns ({have} ...)", "name the right one"
            )
    periods = layout.period_columns(columns)
    if not periods:
        yield Problem(raw.where, f"no column like {layout.periods!r}", "a column for each period")
    for period, names in periods.items():
        if len(names) > 1:
            yield Problem(raw.where, f"columns {', '.join(names)} for {period}", "one column for each period")
    for period in sorted(set(layout.number_in) - set(periods)):
        yield Problem(
            raw.where, f"a number format for {period}, which has no column", f"one of {', '.join(periods)}"
        )


def _code_problems(raw: RawTable, layout: TableLayout) -> Iterator[Problem]:
    where, codes = f"{raw.where} column {layout.code}", raw.frame[layout.code]
    if pandas.api.types.is_numeric_dtype(codes):
        yield Problem(where, "numbers", "codes as text (a leading zero is part of a code)", "store it as text")
        return
    texts = codes.fillna("").astype(str).str.strip()
    wrong = np.flatnonzero(~texts.str.fullmatch(layout.code_pattern).to_numpy(dtype=bool))
    for index in wrong[:_SHOWN].tolist():
        yield Problem(
            f"{where} row {raw.row(index)}",
            repr(texts.iloc[index]),
            f"a code like {layout.code_pattern}",
            "restore leading zeros by exporting the column as text",
        )
    if wrong.size > _SHOWN:
        yield Problem(where, f"{wrong.size - _SHOWN} more such codes", f"codes like {layout.code_pattern}")
    for code in sorted(texts[texts.duplicated() & (texts != "")].unique())[:_SHOWN]:
        rows = ", ".join(str(raw.row(i)) for i in np.flatnonzero(texts == code).tolist())
        yield Problem(where, f"code {code} in rows {rows}", "one row for each unit", "delete or merge the others")


def _identity(raw: RawTable, layout: TableLayout) -> Any:
    def text(column: str | None) -> Any:
        return "" if column is None else raw.frame[column].fillna("").astype(str).str.strip()

    return pandas.DataFrame(
        {
            "code": text(layout.code),
            "name": text(layout.name),
            "parent": text(layout.parent),
            "parent_name": text(layout.parent_name),
        }
    )


def _column_cells(
    raw: RawTable, layout: TableLayout, period: str, column: str
) -> tuple[list[str], list[float], list[Problem]]:
    """Read one column: the state and the number of every cell, and what cannot be read."""
    cells = raw.frame[column]
    if pandas.api.types.is_numeric_dtype(cells):
        return _typed_cells(raw, cells, column)
    form = layout.number_in.get(period, layout.number)
    texts = cells.fillna("").astype(str)
    known = {text: _read_cell(text, layout, form) for text in texts.unique()}
    bad = [index for index, text in enumerate(texts) if known[text] is None]
    read = [known[text] or (CellState.MISSING, np.nan) for text in texts]
    problems = _cell_problems(raw, layout, column, texts, bad, form)
    return [state.value for state, _ in read], [value for _, value in read], list(problems)


def _read_cell(text: str, layout: TableLayout, form: NumberFormat) -> tuple[CellState, float] | None:
    state = layout.state_of(text)
    if state is not None:
        return state, 0.0 if state is CellState.ZERO else np.nan
    number = form.read(text)
    if number is None:
        return None
    return (CellState.ESTIMATED if number else CellState.ZERO), number


def _typed_cells(raw: RawTable, cells: Any, column: str) -> tuple[list[str], list[float], list[Problem]]:
    values = cells.to_numpy(dtype=float, na_value=np.nan)
    problems = [
        Problem(f"{raw.where} row {raw.row(index)} column {column}", f"{values[index]}", "hectares of 0 or more")
        for index in np.flatnonzero((values < 0) | np.isinf(values))[:_SHOWN].tolist()
    ]
    empty, zero = CellState.MISSING.value, CellState.ZERO.value
    states = np.where(np.isnan(values), empty, np.where(values == 0, zero, CellState.ESTIMATED.value))
    return states.tolist(), values.tolist(), problems


def _cell_problems(
    raw: RawTable, layout: TableLayout, column: str, texts: Any, bad: list[int], form: NumberFormat
) -> Iterator[Problem]:
    if not bad:
        return
    rest = [text for text in texts if layout.state_of(text) is None]
    fitting = [str(other) for other in formats_that_read(rest)]
    remedy = (
        f"the whole column reads with {fitting[0]}: declare that if it is so" if fitting else "correct the cell"
    )
    for index in bad[:_SHOWN]:
        where = f"{raw.where} row {raw.row(index)} column {column}"
        found = f"{texts.iloc[index]!r} ({form.fault(texts.iloc[index])})"
        yield Problem(where, found, f"a number with {form}, or a declared symbol", remedy)
    if len(bad) > _SHOWN:
        yield Problem(
            f"{raw.where} column {column}", f"{len(bad) - _SHOWN} more such cells", f"numbers with {form}"
        )


def _symbol(text: str) -> str:
    return " ".join(text.split()).lower()
