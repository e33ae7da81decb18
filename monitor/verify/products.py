"""Hold what products show to the tables they were made from: figures of the page, cells of the workbook."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geo.errors import Problem, QualityGateError
from geo.markup import parse_xml
from maps.column_names import HXL_TAGS
from maps.columns import encode_table
from maps.text import plain
from monitor.tables import read_csv
from monitor.verify.compare import differs

__all__ = ["recompute_pages", "sheets_of"]

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
_XLSX = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_KEYS = ("crop", "period", "domain")
_NUMBERS = ("value_ha", "lo_ha", "hi_ha")
_EMPTY = "a figure that is not there"


def recompute_pages(out: Path) -> int:
    """Hold the estimates of every map page and workbook to their table; return the figures compared.

    Tier 0 shows ``estimates/estimates.csv``, tiers 1 and 2 the tables of ``disclosure/``, which are made again
    themselves.

    Raises
    ------
    QualityGateError
        Naming the product and the first figure that differs.
    """
    compared = 0
    for folder in sorted((out / "products").glob("[012]")):
        source = out / "estimates" if folder.name == "0" else out / "disclosure" / folder.name
        page, book, table = folder / "index.html", folder / "tables.xlsx", source / "estimates.csv"
        if not table.is_file():
            continue
        figures = read_csv(table)
        compared += _page(page, figures) if page.is_file() else 0
        compared += _workbook(book, figures) if book.is_file() else 0
    return compared


def _page(index: Path, figures: pd.DataFrame) -> int:
    """Hold a page, or the sheets that one was parted into, to a table; return the figures compared."""
    meant = {tuple(row[key] for key in _KEYS): row for row in _decoded(encode_table(_told(figures)))}
    seen = set()
    for path in (index, *sorted(index.parent.glob("sheets/*.html"))):
        found = _DATA.search(path.read_text(encoding="utf-8"))
        told = json.loads(found[1]).get("estimates") if found is not None else None
        for row in _decoded(told) if told is not None else ():
            key = tuple(row[name] for name in _KEYS)
            for column in _NUMBERS:
                shown, expected = row[column], meant[key][column] if key in meant else _EMPTY
                if shown != expected:
                    name = f"products/{path.relative_to(index.parents[1]).as_posix()} {' '.join(key)} {column}"
                    raise differs(name, shown, expected)
            seen.add(key)
    if missing := sorted(set(meant) - seen):
        name = f"products/{index.parent.name}/{index.name} {' '.join(missing[0])}"
        raise QualityGateError(Problem(name, "no figure", "the one of the table", "run it again"))
    return len(meant)


def _told(figures: pd.DataFrame) -> pd.DataFrame:
    """Return figures as a page shows them: none where there is only a state, keys as plain text."""
    empty = ~figures["state"].isin(["estimated", "zero"])
    numbers = {name: pd.to_numeric(figures[name]).astype(float).mask(empty) for name in _NUMBERS}
    keys = {name: figures[name].astype(str).map(plain) for name in _KEYS}
    return pd.DataFrame({**keys, **numbers})


def _decoded(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table as `maps.columns.encode_table` tells it."""
    columns = {name: _cells(told) for part in ("numbers", "texts") for name, told in table[part].items()}
    return [{name: cells[row] for name, cells in columns.items()} for row in range(table["rows"])]


def _cells(told: Any) -> list[Any]:
    if isinstance(told, list):
        return told
    values = told["values"]
    if "turns" in told:
        return list(values) * int(told["turns"])
    runs = told["runs"]
    return [values[index] for index, length in zip(runs[::2], runs[1::2], strict=True) for _ in range(length)]


def _workbook(path: Path, figures: pd.DataFrame) -> int:
    """Hold the sheet of estimates, which is the first that has their tags, to the table, figure by figure."""
    tags = [HXL_TAGS[name] for name in _NUMBERS]
    for rows in sheets_of(path):
        heads = rows[1] if len(rows) > 1 else []
        if all(tag in heads for tag in tags):
            places = [heads.index(tag) for tag in tags]
            shown = Counter(tuple(_rounded(row[place]) for place in places) for row in rows[2:] if any(row))
            meant = Counter(tuple(map(_rounded, row)) for row in figures[list(_NUMBERS)].itertuples(index=False))
            if shown != meant:
                one = next(iter(shown - meant), _EMPTY)
                other = next(iter(meant - shown), _EMPTY)
                raise differs(f"products/{path.parent.name}/{path.name}", one, other)
            return len(figures)
    found = "no sheet of estimates"
    raise QualityGateError(
        Problem(f"products/{path.parent.name}/{path.name}", found, "the table's", "run it again")
    )


def _rounded(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return round(number, 5) if np.isfinite(number) else None


def sheets_of(path: Path) -> Iterator[list[list[Any]]]:
    """Yield the cells of every sheet of a workbook of our own, row by row."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        shared = "xl/sharedStrings.xml"
        entries = parse_xml(archive.read(shared)).iter(f"{_XLSX}si") if shared in names else ()
        strings = ["".join(entry.itertext()) for entry in entries]
        parts = [re.search(r"worksheets/sheet(\d+)\.xml$", name) for name in names]
        for number in sorted(int(part[1]) for part in parts if part is not None):
            rows: list[list[Any]] = []
            for row in parse_xml(archive.read(f"xl/worksheets/sheet{number}.xml")).iter(f"{_XLSX}row"):
                cells: dict[int, Any] = {}
                for cell in row.iter(f"{_XLSX}c"):
                    value = cell.find(f"{_XLSX}v")
                    text = "".join(cell.itertext()) if value is None else value.text
                    told = strings[int(str(text))] if cell.get("t") == "s" and text else text
                    cells[_column(str(cell.get("r")))] = told
                while len(rows) < int(str(row.get("r"))) - 1:
                    rows.append([])
                rows.append([cells.get(place) for place in range(max(cells, default=-1) + 1)])
            yield [row + [None] * (len(rows[1]) - len(row)) if len(rows) > 1 else row for row in rows]


def _column(reference: str) -> int:
    """Return the number of a column from 0.

    Examples
    --------
    >>> _column("A1"), _column("AB12")
    (0, 27)
    """
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = 26 * number + ord(letter) - 64
    return number - 1
