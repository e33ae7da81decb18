"""A programme's tables as they stand in files: one GeoPackage, or a folder of CSV, Parquet and GeoPackage files.

Cells are read as text, so that a code keeps its zeros and a mistake can be told as it was written;
`aoi.project.fields` gives them their types.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import shapely

from aoi.project.finding import Finding
from aoi.project.model import DataModel
from geo.drivers import layer_errors, limited_pyogrio, vector_format
from geo.errors import InputError, Problem, reason
from geo.limits import require_size

__all__ = ["RawTable", "read_raw_tables"]

_SUFFIXES = (".csv", ".parquet", ".gpkg")
_SHAPE = "_shape"
"""End of the column in which a form keeps the shape of a row; columns that start with ``_`` are a form's own."""

_BESIDE = frozenset({"layer_styles", "code_lists"})
"""Layers of a GeoPackage that are no tables of the model."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawTable:
    """One table as it was read."""

    name: str
    where: str
    """File and layer, for messages."""
    cells: Any
    """DataFrame of texts; an empty text is a missing cell."""
    numeric: frozenset[str] = frozenset()
    """Columns that the file holds as numbers."""
    shapes: Any = None
    """GeoSeries of the rows' shapes; None where the file has none."""


def read_raw_tables(path: Path, model: DataModel) -> tuple[dict[str, RawTable], list[Finding]]:
    """Read every table of a programme.

    Parameters
    ----------
    path
        A GeoPackage with one layer a table, or a folder with one file a table, named after it.
    model
        The data model.

    Returns
    -------
    tables
        Name to table, in the model's order; a table that is not there is left out.
    findings
        Files and layers that are no table of the model, tables given twice, files that cannot be read.

    Raises
    ------
    InputError
        If there is no such file or folder.
    """
    if path.is_dir():
        sources = list(_files(path))
    elif path.is_file() and path.suffix == ".gpkg":
        sources = [(name, path, name) for name in _layers(path) if name not in _BESIDE]
    else:
        raise InputError(
            Problem(
                str(path), "no GeoPackage and no folder", "the programme's tables", "see 'altdev init --ad DIR'"
            )
        )
    findings: list[Finding] = []
    tables: dict[str, RawTable] = {}
    for name, file, layer in sources:
        where = file.name if layer is None else f"{file.name} [{layer}]"
        if name not in model.tables:
            known = ", ".join(model.tables)
            problem = Problem(where, f"a table called {name!r}", f"one of {known}", "rename it, or take it out")
            findings.append(Finding("error", "known_table", problem))
        elif name in tables:
            problem = Problem(where, f"the table {name} twice", "each table once", "take one out")
            findings.append(Finding("error", "table_once", problem))
        else:
            try:
                tables[name] = _raw(name, where, _frame(file, layer))
            except InputError as error:
                findings += [Finding("error", "readable", problem) for problem in error.problems]
    if not sources:
        problem = Problem(str(path), "no table", "at least projects and areas", "see 'altdev init --ad DIR'")
        findings.append(Finding("error", "known_table", problem))
    return {name: tables[name] for name in model.tables if name in tables}, findings


def _files(folder: Path) -> Iterator[tuple[str, Path, str | None]]:
    for file in sorted(folder.iterdir()):
        if file.suffix in _SUFFIXES and file.is_file() and not file.name.startswith("."):
            yield file.stem, file, None


def _layers(path: Path) -> list[str]:
    try:
        vector_format(path)
        return [str(name) for name, _ in limited_pyogrio().list_layers(path)]
    except InputError:
        raise
    except (*layer_errors(), ValueError) as error:
        raise InputError(
            Problem(str(path), f"a file that cannot be read ({reason(error)})", "GeoPackage")
        ) from error


def _frame(path: Path, layer: str | None) -> Any:
    try:
        vector = path.suffix not in (".csv", ".parquet")
        require_size(path, "vector_bytes" if vector else "table_bytes")
        if path.suffix == ".csv":
            return _csv(path)
        if path.suffix == ".parquet":
            from geo.parquet import read_parquet  # of which few programmes have any

            return read_parquet(path)
        vector_format(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of shapes that are told after reading
            return limited_pyogrio().read_dataframe(path, layer=layer)
    except InputError:
        raise
    except (*layer_errors(), shapely.errors.GEOSException, ValueError, OSError) as error:
        found = f"a file that cannot be read as a table ({reason(error)})"
        remedy = "save it as CSV in UTF-8, Parquet or GeoPackage"
        raise InputError(Problem(path.name, found, "a table", remedy)) from error


def _csv(path: Path) -> Any:
    """Read a table as text; the header is read as a row like the others, so that a longer row is an error."""
    cells = pandas.read_csv(path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    header = [str(name).strip() for name in cells.iloc[0]]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        found = f"a column {', '.join(map(repr, twice[:5]))} twice"
        raise InputError(Problem(path.name, found, "each column once", "take one out"))
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise InputError(
            Problem(path.name, "cells parted by semicolons or tabs", "commas", "save it as CSV with commas")
        )
    return cells.iloc[1:].reset_index(drop=True).set_axis(header, axis="columns")


def _raw(name: str, where: str, frame: Any) -> RawTable:
    shapes = frame.geometry if isinstance(frame, geopandas.GeoDataFrame) else _form_shapes(frame, name)
    spare = [column for column in frame.columns if str(column).startswith("_") or column == f"{name}{_SHAPE}"]
    spare += [frame.geometry.name] if isinstance(frame, geopandas.GeoDataFrame) else []
    plain = pandas.DataFrame(frame.drop(columns=spare))
    numeric = {
        str(column)
        for column in plain.columns
        if pandas.api.types.is_numeric_dtype(plain[column]) and not pandas.api.types.is_bool_dtype(plain[column])
    }
    columns: Mapping[str, list[str]] = {
        str(column).strip(): [_text(value) for value in plain[column].tolist()] for column in plain.columns
    }
    cells = pandas.DataFrame(columns, dtype=object) if columns else pandas.DataFrame(index=range(len(plain)))
    rows = shapes.reset_index(drop=True) if shapes is not None else None
    return RawTable(name=name, where=where, cells=cells, numeric=frozenset(numeric), shapes=rows)


def _form_shapes(frame: Any, name: str) -> Any:
    """Return the shapes that a form wrote as text, ``latitude longitude altitude accuracy`` parted by ``;``.

    A shape that cannot be read is missing, and is told as such.
    """
    column = f"{name}{_SHAPE}"
    if column not in frame.columns:
        return None
    return geopandas.GeoSeries([_form_shape(str(cell)) for cell in frame[column]], crs=4326)


def _form_shape(cell: str) -> Any:
    try:
        points = [tuple(float(number) for number in part.split()[:2]) for part in cell.split(";") if part.strip()]
        places = [(longitude, latitude) for latitude, longitude in points]
        return shapely.Point(places[0]) if len(places) == 1 else shapely.Polygon(places) if places else None
    except ValueError:
        return None


def _text(value: Any) -> str:
    """Return a cell as a person would write it: dates ISO, yes and no, whole numbers without a point."""
    if isinstance(value, list | tuple | np.ndarray):
        return ";".join(_text(entry) for entry in value)
    if value is None or value is pandas.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float | np.floating):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
    return "" if value is pandas.NA else str(value).strip()
