"""Control totals of tables that come of inputs which a run folder does not hold.

Figures are recomputed from tables; where a table is itself made of rasters, layers or records outside the folder,
nothing in the folder could tell a number that no figure leans on. Its step keeps the sum of every column beside it,
and the sum by position, and a number that follows from its words, so that a cell changed or moved shows. With the
inputs at hand, ``altdev verify --again`` makes such tables anew.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from geo.errors import Problem, QualityGateError
from geo.files import write_text
from monitor.stamp import COLUMN

__all__ = ["FOLDER", "column_totals", "key_totals", "require_totals", "totals_path", "write_totals"]

FOLDER = "control"
"""Folder of the run folder that totals stand in."""
_DRAWS = "draw_"
_WORDS = "words of "

Totals = dict[str, list[float]]
"""Column, or row of draws, to how many numbers it holds, their sum, and their sum each times its place; the words
of a column to how many there are, and the start of their hash as a number."""


def totals_path(step: str) -> str:
    """Return where the totals of a step stand."""
    return f"{FOLDER}/{step.replace(':', '-')}.json"


def write_totals(folder: Path, step: str, patterns: Sequence[str]) -> None:
    """Write the totals of the tables of a step that fit its patterns; none where no table does."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    chosen = [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
    if chosen:
        told = {name: _totals_of(folder / name) for name in chosen}
        write_text(folder / totals_path(step), json.dumps(told, indent=1) + "\n")


def require_totals(out: Path, files: Collection[str]) -> int:
    """Hold every table with totals to them; return how many totals were made again.

    Parameters
    ----------
    out
        Run folder.
    files
        Files of the run; what is none of them any more is left out.

    Raises
    ------
    QualityGateError
        Naming the table and the column, or the row of draws, that differs.
    """
    number = 0
    for path in sorted(name for name in files if name.startswith(f"{FOLDER}/")):
        kept = json.loads(_text(out / path))
        says_words = any(column.startswith(_WORDS) for told in kept.values() for column in told)
        for name, told in kept.items():
            if name not in files:
                continue
            made = _totals_of(out / name)
            if not says_words:  # kept by a program that told nothing of words
                made = {column: totals for column, totals in made.items() if not column.startswith(_WORDS)}
            for column in dict.fromkeys([*told, *made]):
                if told.get(column) != made.get(column):
                    found, meant = _words(made.get(column)), _words(told.get(column))
                    raise QualityGateError(
                        Problem(f"{name} {column}", found, f"{meant} of {path}", "one was changed; run it again")
                    )
            number += len(made)
    return number


def _totals_of(path: Path) -> Totals:
    """Return the totals of a table, of the settings in JSON, or of a GeoPackage's layers beside their shapes."""
    if path.suffix == ".json":
        return key_totals(json.loads(_text(path)))
    if path.suffix != ".gpkg":
        return column_totals(_text(path))
    found: Totals = {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
        layers = base.execute("SELECT table_name, column_name FROM gpkg_geometry_columns ORDER BY table_name")
        for layer, shape in layers.fetchall():
            rows = base.execute(f'SELECT * FROM "{layer}" ORDER BY fid')  # noqa: S608  (a file of our own)
            head = [column[0] for column in rows.description]
            cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
            for place, name in enumerate(head):
                if name not in (shape, COLUMN):
                    found |= _column(f"{layer} {name}", [row[place] for row in cells])
    return found


def key_totals(content: Any) -> Totals:
    """Return the totals of the numbers in a content of JSON, by the keys that lead to them.

    Examples
    --------
    >>> key_totals({"seed": 3, "crops": [{"ha": 1.5}, {"ha": 2}, {"name": "coca"}]})
    {'seed': [1, 3.0, 3.0], 'crops ha': [2, 3.5, 5.5], 'words of crops name': [1, 2257746058419793.0]}
    """
    held: dict[str, list[float]] = {}
    said: dict[str, list[str]] = {}
    pending: list[tuple[str, Any]] = [("", content)]
    while pending:
        way, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{way} {key}".strip(), entry) for key, entry in reversed(value.items())]
        elif isinstance(value, list):
            pending += [(way, entry) for entry in reversed(value)]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            held.setdefault(way, []).append(float(value))
        elif value is not None:
            said.setdefault(way, []).append(str(value))
    totals = {way: _sums(dict(enumerate(numbers, start=1))) for way, numbers in held.items()}
    return totals | {f"{_WORDS}{way}": _digest(dict(enumerate(words, start=1))) for way, words in said.items()}


def column_totals(text: str) -> Totals:
    r"""Return the totals of the columns of a table, the run's identifier aside.

    Examples
    --------
    >>> column_totals("name,ha\na,1.5\nb,\nc,2\n")
    {'words of name': [3, 3385722062633129.0], 'ha': [2, 3.5, 7.5]}
    """
    rows = list(csv.reader(io.StringIO(text, newline="")))
    head, body = rows[0], rows[1:]
    draws = [place for place, name in enumerate(head) if name.startswith(_DRAWS)]
    found: Totals = {}
    for place, name in enumerate(head):
        if name != COLUMN and place not in set(draws):
            found |= _column(name, [row[place] if place < len(row) else "" for row in body])
    for at, row in enumerate(body if draws else (), start=1):
        if numbers := _numbers(row[place] for place in draws if place < len(row)):
            found[f"draws of row {at}"] = _sums(numbers)
    return found


def _column(name: str, cells: Sequence[str]) -> Totals:
    """Return the totals of one column: of its numbers, and of what else it says."""
    numbers = _numbers(cells)
    words = {place: cell for place, cell in enumerate(cells, start=1) if cell and place not in numbers}
    return ({name: _sums(numbers)} if numbers else {}) | ({f"{_WORDS}{name}": _digest(words)} if words else {})


def _digest(words: Mapping[int, str]) -> list[float]:
    """Return how many words there are, and the first 52 bits of the hash of them with their places."""
    text = json.dumps(list(words.items()), ensure_ascii=False)
    return [len(words), float(int(hashlib.sha256(text.encode("utf-8")).hexdigest()[:13], 16))]


def _numbers(cells: Iterable[str]) -> Mapping[int, float]:
    """Return the numbers among cells by their place."""
    found = {}
    for place, cell in enumerate(cells, start=1):
        try:
            number = float(cell)
        except ValueError:
            continue
        if math.isfinite(number):
            found[place] = number
    return found


def _sums(numbers: Mapping[int, float]) -> list[float]:
    return [len(numbers), math.fsum(numbers.values()), math.fsum(place * x for place, x in numbers.items())]


def _words(totals: Any) -> str:
    return "nothing" if totals is None else f"{totals[0]} cells with total {totals[1]!r}"


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8")
