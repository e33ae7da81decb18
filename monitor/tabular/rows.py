"""Columns of a user's table as arrays, every fault gathered before anything is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.errors import InputError, Problem, is_hidden
from geo.files import require_file
from monitor.tables import read_given_csv

__all__ = ["EMPTY", "NAMED", "BoolArray", "FloatArray", "Rows", "TextArray", "lines_of"]

FloatArray = npt.NDArray[np.float64]
TextArray = npt.NDArray[np.str_]
BoolArray = npt.NDArray[np.bool_]

EMPTY = frozenset({"", "na", "n/a", "nan", "null", "<na>"})
"""What stands in a cell that holds nothing, in lower case."""
YES, NO = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0"})
NAMED = 5
"""Rows a message names."""
LISTED = 12
"""Columns a message names."""


@dataclass(slots=True, kw_only=True, eq=False)
class Rows:
    """A table read as text, and what was found wrong with it so far."""

    table: pd.DataFrame
    """All cells as text."""
    name: str
    """Name of the file, for messages."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong so far; `require_sound` raises it."""

    @classmethod
    def read(cls, path: Path) -> Rows:
        """Read a CSV.

        Raises
        ------
        InputError
            If it is missing, is no table or has no rows.
        """
        table = read_given_csv(require_file(path, where="table mode"))
        if table.empty:
            raise InputError(Problem(str(path), "no rows", "one row for each unit"))
        return cls(table=table, name=path.name)

    def __len__(self) -> int:
        return len(self.table)

    def has(self, column: str) -> bool:
        """Say whether a column is there."""
        return column in self.table.columns

    def labels(self, column: str) -> TextArray:
        """Return a column of labels, none of them empty, shape (n,)."""
        text = self._text(column)
        if text is None:
            return np.full(len(self), "", dtype=str)
        self.refuse(column, _empty(text), "an empty cell", "a label in every row")
        hidden = np.array([is_hidden(label) for label in text.tolist()], dtype=bool)
        self.refuse(column, hidden, "a label with control characters", "plain text")
        return text

    def optional_labels(self, column: str) -> TextArray:
        """Return a column of labels some of which may be empty, shape (n,)."""
        text = self._text(column)
        if text is None:
            return np.full(len(self), "", dtype=str)
        hidden = np.array([is_hidden(label) for label in text.tolist()], dtype=bool)
        self.refuse(column, hidden, "a label with control characters", "plain text")
        return text

    def numbers(
        self,
        column: str,
        *,
        least: float = -np.inf,
        above: float = -np.inf,
        most: float = np.inf,
        where: BoolArray | None = None,
    ) -> FloatArray:
        """Return a column of numbers, shape (n,).

        Parameters
        ----------
        column
            Name.
        least, above, most
            Smallest value allowed, value every one must exceed, largest value allowed.
        where
            Rows that must hold a number; the others come back as NaN and are not read.
        """
        text = self._text(column)
        wanted = np.ones(len(self), dtype=bool) if where is None else where
        if text is None:
            return np.zeros(len(self))
        value = pd.to_numeric(pd.Series(text), errors="coerce").to_numpy(dtype=float)
        allowed = np.isfinite(value) & (value >= least) & (value > above) & (value <= most)
        bad = wanted & ~allowed
        if bad.any():
            cell = text[int(bad.argmax())]
            empty = cell.lower() in EMPTY
            found = "an empty cell" if empty else repr(str(cell))
            remedy = (
                "missing is not zero: adjust for what was not seen ([response])" if empty else "correct the cell"
            )
            self.refuse(column, bad, found, _range(least, above, most), remedy)
        return np.where(wanted & allowed, value, np.nan if where is not None else 0.0)

    def answers(self, column: str) -> BoolArray:
        """Return a column of yes and no as booleans, shape (n,)."""
        text = self._text(column)
        if text is None:
            return np.ones(len(self), dtype=bool)
        low = np.array([cell.lower() for cell in text.tolist()], dtype=str)
        yes, no = np.isin(low, list(YES)), np.isin(low, list(NO))
        self.refuse(column, ~(yes | no), f"{str(text[int((~(yes | no)).argmax())])!r}", "yes or no")
        return yes

    def require_unique(self, labels: TextArray, column: str) -> None:
        """Note units that stand in the table twice."""
        twice = pd.Series(labels).duplicated().to_numpy() & (labels != "")
        self.refuse(column, twice, "a unit that stands above already", "each unit once", "keep one row")

    def require_sound(self) -> None:
        """Raise what was gathered.

        Raises
        ------
        InputError
            Naming every fault.
        """
        if self.problems:
            raise InputError(self.problems)

    def note(self, where: str, found: str, expected: str, remedy: str = "") -> None:
        """Note a fault of the table."""
        self.problems.append(Problem(f"{self.name}, {where}", found, expected, remedy))

    def refuse(self, column: str, bad: BoolArray, found: str, expected: str, remedy: str = "") -> None:
        """Note the rows of a column that are at fault."""
        if bad.any():
            self.note(f"column {column!r}, {lines_of(bad)}", found, expected, remedy)

    def part(self, mask: BoolArray) -> Rows:
        """Return some of the rows as a table of their own."""
        return Rows(table=self.table[mask].reset_index(drop=True), name=self.name)

    def _text(self, column: str) -> TextArray | None:
        """Return a column with the blanks cut, or note that it is not there."""
        if column not in self.table.columns:
            there = list(map(str, self.table.columns[:LISTED]))
            more = f" and {self.table.columns.size - LISTED} more" if self.table.columns.size > LISTED else ""
            self.note("columns", ", ".join(ascii(name)[1:-1] for name in there) + more, f"a column {column!r}")
            return None
        return np.array([str(cell).strip() for cell in self.table[column].tolist()], dtype=str)


def lines_of(mask: BoolArray) -> str:
    """Name the first rows of a mask as lines of the file, the header being line 1."""
    lines = np.flatnonzero(mask) + 2
    more = f" and {lines.size - NAMED} more" if lines.size > NAMED else ""
    return ("row " if lines.size == 1 else "rows ") + ", ".join(map(str, lines[:NAMED].tolist())) + more


def _empty(text: TextArray) -> BoolArray:
    return np.array([cell.lower() in EMPTY for cell in text.tolist()], dtype=bool)


def _range(least: float, above: float, most: float) -> str:
    """Say which numbers are allowed."""
    low = f"of {least:g} or more" if np.isfinite(least) else f"above {above:g}" if np.isfinite(above) else ""
    high = f"up to {most:g}" if np.isfinite(most) else ""
    return " ".join(word for word in ("a number", low, high) if word)
