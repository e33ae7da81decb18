"""Forge a number in a file of a run, and let all that vouches for the file fit it.

Each forgery is one number moved by a hundredth (a whole number by one), in one column of a table, one key of a JSON
text, one sheet of a workbook, one place of a page or report. Nothing but a recomputation can tell it.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import rasterio

from maps.columns import script_json
from maps.disclosure.release import RECORD_NAME
from maps.interactive import DRAWN
from maps.sheets import page_data
from monitor.manifest import MANIFEST, FileRecord, Manifest
from monitor.run_card import RUN_CARD, run_card
from monitor.stamp import COLUMN, content_sha256, is_stamped

__all__ = ["Forgery", "fit", "forgeries", "restored"]

_NAMES = (COLUMN, "unit_id", "adm_code")
"""Columns that name things, whatever they look like."""
_PICTURES = (*DRAWN, "uri", "shapes", "outline", "labels", "bounds", "points", "steps", "palette", "code")
"""Keys of a page's data that draw, and tell no figure."""
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*\.\d+(?![\w.])")


@dataclass(frozen=True, slots=True)
class Forgery:
    """A number to be changed."""

    file: str
    """Path in the run folder."""
    what: str
    """Column, key, sheet or place."""
    make: Callable[[Path], None]
    """Changes the file."""


def forgeries(run: Path, names: list[str], chance: random.Random, *, words: bool = False) -> Iterator[Forgery]:
    """Yield a forgery for every column, key, sheet or place of the files named that holds a number.

    With `words`, one for every column of a table that holds words instead: a cell gets the word of another row.
    """
    for name in names:
        maker = (_WORD_MAKERS if words else _MAKERS).get(Path(name).suffix)
        if maker is not None:
            for what, make in maker(run / name, chance):
                yield Forgery(name, what, make)


def fit(run: Path, manifest: Manifest, name: str) -> None:
    """Let manifest, run card and the record of a release, which is then unsigned, fit a file that was changed."""
    names = [name, *_fit_releases(run, name)]
    steps = {
        step: replace(told, outputs=told.outputs | {one: _record(run, one) for one in names if one in told.outputs})
        for step, told in manifest.steps.items()
    }
    forged = replace(manifest, steps=steps)
    text = forged.to_json()
    (run / RUN_CARD).write_text(run_card(run, forged, text.encode("utf-8")), encoding="utf-8")
    (run / MANIFEST).write_text(text, encoding="utf-8")


def _record(run: Path, name: str) -> FileRecord:
    record = FileRecord.of(run / name)
    return replace(record, content=content_sha256(run / name)) if is_stamped(name) else record


def _fit_releases(run: Path, name: str) -> list[str]:
    """Let the records of releases fit a product; return which were written anew."""
    written = []
    for path in _releases(run, name):
        told = json.loads(path.read_text(encoding="utf-8"))
        inside = (run / name).relative_to(path.parent).as_posix()
        if inside in told["release"]["files"]:
            told["release"]["files"][inside] = FileRecord.of(run / name).sha256
        elif path != run / name:
            continue
        told |= {"signature": None, "public_key": None}  # the forger has no key
        path.write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path.relative_to(run).as_posix())
    return written


def _releases(run: Path, name: str) -> list[Path]:
    """Return the records of releases that stand beside a product."""
    parts = Path(name).parts
    return sorted((run / "products" / parts[1]).glob(RECORD_NAME.format("*"))) if parts[0] == "products" else []


Made = Iterator[tuple[str, Callable[[Path], None]]]


def moved(text: str) -> str:
    """Return a number as text, moved: a whole one by one, another by a hundredth, naught to a half."""
    if re.fullmatch(r"-?\d+", text):
        return str(int(text) + 1)
    number = float(text.replace(",", ""))
    return f"{number * 1.01:.9g}" if number else "0.5"


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", cell) is not None


def _table(path: Path, chance: random.Random) -> Made:
    rows = _rows(path)
    head = rows[0] if rows else []
    draws = [place for place, name in enumerate(head) if name.startswith("draw_")]
    left_out = set(draws) - set(chance.sample(draws, min(3, len(draws))))
    for place, name in enumerate(head):
        cells = [at for at, row in enumerate(rows) if at and place < len(row) and _is_number(row[place])]
        told = [at for at in cells if float(rows[at][place])] or cells
        if told and name not in _NAMES and place not in left_out:
            at = chance.choice(told)
            yield name, lambda file, at=at, place=place: _change_cell(file, at, place)  # type: ignore[misc]


def _words(path: Path, chance: random.Random) -> Made:
    rows = _rows(path)
    for place, name in enumerate(rows[0] if rows else []):
        cells = {at: row[place] for at, row in enumerate(rows) if at and place < len(row)}
        told = {at: cell for at, cell in cells.items() if cell and not _is_number(cell)}
        if told and name != COLUMN:
            at = chance.choice(list(told))
            others = sorted(set(told.values()) - {told[at]}) or [f"{told[at]} or so"]
            other = chance.choice(others)
            yield f"{name}, a word", lambda file, at=at, p=place, o=other: _put_cell(file, at, p, o)  # type: ignore[misc]


def _rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


def _change_cell(path: Path, at: int, place: int) -> None:
    _put_cell(path, at, place, moved(_rows(path)[at][place]))


def _put_cell(path: Path, at: int, place: int, cell: str) -> None:
    rows = _rows(path)
    rows[at][place] = cell
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    path.write_bytes(buffer.getvalue().encode("utf-8"))


def _leaves(content: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], float]]:
    """Yield the way to every number in a content of JSON."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key not in _PICTURES:
                yield from _leaves(value, (*way, key))
    elif isinstance(content, list):
        for place, value in enumerate(content):
            yield from _leaves(value, (*way, place))
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield way, content


def _by_key(content: Any, chance: random.Random) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield one number for each way of keys, whatever the places in lists between them."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for way, number in _leaves(content):
        found.setdefault(" ".join(part for part in way if isinstance(part, str)), []).append((*way, number))
    for name, ways in found.items():
        *way, _ = chance.choice([one for one in ways if one[-1]] or ways)
        yield name, tuple(way)


def _set(content: Any, way: tuple[Any, ...]) -> None:
    for part in way[:-1]:
        content = content[part]
    value = content[way[-1]]
    content[way[-1]] = value + 1 if isinstance(value, int) else (value * 1.01 if value else 0.5)


MOST_KEYS = 6
"""Keys of one JSON text that are forged: settings have hundreds."""


def _json(path: Path, chance: random.Random) -> Made:
    keys = list(_by_key(json.loads(path.read_text(encoding="utf-8")), chance))
    for name, way in chance.sample(keys, min(MOST_KEYS, len(keys))):
        yield name, lambda file, way=way: _change_json(file, way)  # type: ignore[misc]


def _change_json(path: Path, way: tuple[Any, ...]) -> None:
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    _set(content, way)
    indent = 1 if "\n " in text[:40] else None
    told = json.dumps(content, indent=indent, ensure_ascii=False, separators=None if indent else (",", ":"))
    path.write_text(told + "\n", encoding="utf-8")


def _page(path: Path, chance: random.Random) -> Made:
    text = path.read_text(encoding="utf-8")
    for name, way in _by_key(page_data(text), chance):
        yield f"data {name}", lambda file, way=way: _change_page(file, way)  # type: ignore[misc]
    for what, pattern in (("a cell", r"<bdi>([^<]*)</bdi>"), ("a label", r"<text [^>]*>([^<]*)</text>")):
        places = [m.start(1) + n.start() for m in re.finditer(pattern, text) for n in _NUMBER.finditer(m[1])]
        if places:
            at = chance.choice(places)
            yield what, lambda file, at=at: _change_sign(file, at)  # type: ignore[misc]


def _change_page(path: Path, way: tuple[Any, ...]) -> None:
    text = path.read_text(encoding="utf-8")
    content = page_data(text)
    old = script_json(content)
    assert old in text
    _set(content, way)
    path.write_text(text.replace(old, script_json(content), 1), encoding="utf-8")


def _change_sign(path: Path, at: int) -> None:
    """Change the first digit of a number in a text."""
    text = path.read_text(encoding="utf-8")
    digit = str((int(text[at]) + 1) % 10)
    path.write_text(text[:at] + digit + text[at + 1 :], encoding="utf-8")


def _marked(path: Path, chance: random.Random) -> Made:
    text = path.read_text(encoding="utf-8")
    for name in dict.fromkeys(re.findall(r'(\w[\w-]*)="-?\d+\.\d+"', text)):
        places = [match.start(1) for match in re.finditer(rf'{name}="-?(\d+\.\d+)"', text)]
        at = chance.choice(places)
        yield f"attribute {name}", lambda file, at=at: _change_sign(file, at)  # type: ignore[misc]
    places = [match.start(1) for match in re.finditer(r">[^<]*?(\d+\.\d+)[^<]*<", text)]
    if places:
        at = chance.choice(places)
        yield "a text", lambda file, at=at: _change_sign(file, at)  # type: ignore[misc]


def _book(path: Path, chance: random.Random) -> Made:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(name for name in archive.namelist() if re.search(r"worksheets/sheet\d+\.xml$", name)):
            text = archive.read(name).decode("utf-8")
            cells = list(re.finditer(r'<c r="(\w+)"[^>]*?( t="s")?><v>([^<]+)</v>', text))
            numbers = [m for m in cells if not m[2] and _is_number(m[3]) and float(m[3])]
            if numbers:
                chosen = chance.choice(numbers)
                place = (chosen.start(3), chosen.end(3))
                told = f"{name.rpartition('/')[2]} {chosen[1]}"
                yield told, lambda file, n=name, p=place: _change_part(file, n, p)  # type: ignore[misc]
        if "xl/sharedStrings.xml" in archive.namelist():
            text = archive.read("xl/sharedStrings.xml").decode("utf-8")
            figures = list(re.finditer(r"<t[^>]*>(\d[\d,]*)</t>", text))
            if figures:
                chosen = chance.choice(figures)
                place = (chosen.start(1), chosen.end(1))
                yield (
                    "a figure told as text",
                    lambda file, p=place: _change_part(file, "xl/sharedStrings.xml", p),  # type: ignore[misc]
                )


def _change_part(path: Path, name: str, place: tuple[int, int]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in parts:
            if info.filename == name:
                text = data.decode("utf-8")
                start, end = place
                data = (text[:start] + moved(text[start:end].replace(",", "")) + text[end:]).encode("utf-8")
            archive.writestr(info, data)


def _layers(path: Path, chance: random.Random) -> Made:
    with closing(sqlite3.connect(path)) as base:
        layers = [row[0] for row in base.execute("SELECT table_name FROM gpkg_contents WHERE data_type='features'")]
        for layer in layers:
            columns = base.execute(f'PRAGMA table_info("{layer}")').fetchall()
            for _, column, kind, *_ in columns:
                if kind.upper() not in ("REAL", "INTEGER", "MEDIUMINT", "DOUBLE", "FLOAT") or column in (
                    "fid",
                    "id",
                ):
                    continue
                query = f'SELECT fid FROM "{layer}" WHERE "{column}" IS NOT NULL AND "{column}" <> 0'
                rows = [row[0] for row in base.execute(query)]
                if rows:
                    told = (layer, column, chance.choice(rows))
                    yield f"{layer} {column}", lambda file, told=told: _change_row(file, *told)  # type: ignore[misc]


def _change_row(path: Path, layer: str, column: str, row: int) -> None:
    with closing(sqlite3.connect(path)) as base:
        (value,) = base.execute(f'SELECT "{column}" FROM "{layer}" WHERE fid = ?', (row,)).fetchone()
        made = value + 1 if isinstance(value, int) else value * 1.01
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{trigger}"')
        base.execute(f'UPDATE "{layer}" SET "{column}" = ? WHERE fid = ?', (made, row))
        base.commit()


def _parquet(path: Path, chance: random.Random) -> Made:
    frame = geopandas.read_parquet(path)
    for column in frame.columns.drop(frame.geometry.name):
        told = frame[column]
        if pd.api.types.is_bool_dtype(told) or not pd.api.types.is_numeric_dtype(told):
            continue
        if told.fillna(0).ne(0).any():
            at = chance.choice(frame.index[frame[column].fillna(0).ne(0)].tolist())
            yield str(column), lambda file, at=at, c=column: _change_frame(file, at, c)  # type: ignore[misc]


def _change_frame(path: Path, at: int, column: str) -> None:
    frame = geopandas.read_parquet(path)
    frame[column] = frame[column].astype(float)
    frame.loc[at, column] *= 1.01
    frame.to_parquet(path, index=False)


def _bytes(path: Path, chance: random.Random) -> Made:
    """Yield one changed byte of a file whose inside nothing here can write."""
    at = chance.randrange(len(path.read_bytes()))
    yield "a byte", lambda file: _change_byte(file, at)


def _change_byte(path: Path, at: int) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def _raster(path: Path, chance: random.Random) -> Made:
    """Yield one cell of a raster with the value of another that differs; the no-data value stands outside."""
    with rasterio.open(path) as source:
        cells, outside = source.read(1), source.nodata
    told = np.argwhere(cells != outside) if outside is not None else np.argwhere(np.ones(cells.shape, bool))
    row, col = told[chance.randrange(len(told))]
    others = np.unique(cells[cells != cells[row, col]])
    others = others[others != outside]
    if others.size:
        value = others[chance.randrange(len(others))]
        yield "a cell", lambda file: _change_raster(file, int(row), int(col), value)


def _change_raster(path: Path, row: int, col: int, value: Any) -> None:
    with rasterio.open(path) as source:
        bands, profile, tags = source.read(), source.profile, source.tags()
        own = [source.tags(band) for band in source.indexes]
        descriptions = source.descriptions
    bands[0, row, col] = value
    with rasterio.open(path, "w", **profile) as target:
        target.write(bands)
        target.update_tags(**tags)
        for band, words in enumerate(own, start=1):
            target.update_tags(band, **words)
        target.descriptions = descriptions


def _collection(path: Path, chance: random.Random) -> Made:
    """Yield a number of each property of a layer as GeoJSON, and of its places."""
    for name, way in _by_key(json.loads(path.read_text(encoding="utf-8")), chance):
        yield name, lambda file, way=way: _change_json(file, way)  # type: ignore[misc]


_MAKERS: dict[str, Callable[[Path, random.Random], Made]] = {
    ".csv": _table,
    ".json": _json,
    ".html": _page,
    ".xml": _marked,
    ".gpx": _marked,
    ".kml": _marked,
    ".xlsx": _book,
    ".gpkg": _layers,
    ".parquet": _parquet,
    ".pdf": _bytes,
    ".svg": _marked,
    ".qml": _bytes,
    ".geojson": _collection,
    ".mbtiles": _bytes,
    ".qgz": _bytes,
    ".tif": _raster,
}


_WORD_MAKERS: dict[str, Callable[[Path, random.Random], Made]] = {".csv": _words}


def restored(run: Path, source: Path, name: str) -> None:
    """Put back a file with the manifest and the card."""
    records = [path.relative_to(source).as_posix() for path in _releases(source, name)]
    for one in (name, MANIFEST, RUN_CARD, *records):
        shutil.copyfile(source / one, run / one)
