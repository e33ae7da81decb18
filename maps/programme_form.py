"""Empty tables of an alternative-development programme: a GeoPackage that opens styled, and a form for the field.

The form is an XLSForm (sheets survey, choices, settings), which KoboToolbox and ODK read; each table is a group
that repeats. Neither asks for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import pandas as pd
import xlsxwriter

from aoi.project.model import DataModel, Field, Table
from geo.files import atomic
from geo.vector import Layer, write_gpkg
from maps.qml import Form, Rule, rule_style

__all__ = ["form_sheets", "write_form", "write_templates"]

_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_GEOMETRY = {"polygon": "MultiPolygon", "point": "Point"}
_SHAPE_QUESTION = {"polygon": "geoshape", "point": "geopoint"}
_QUESTION = {
    "text": "text", "texts": "text", "whole": "integer", "number": "decimal", "date": "date",
    "yes_no": "select_one yes_no",
}  # fmt: skip
_TITLE = "Alternative-development programme"
_COLOURS = {"areas": "#2E7D6B", "eradication": "#B5533C", "infrastructure": "#3C6FB5"}
_EMPTY = {"whole": "Int64", "number": "float64", "date": "datetime64[ms]", "yes_no": "boolean"}

Rows = list[tuple[str, ...]]


def write_templates(path: Path, model: DataModel) -> None:
    """Write an empty GeoPackage with one layer a table, its columns named and its codes to choose from.

    Parameters
    ----------
    path
        Final name.
    model
        The data model.
    """
    write_gpkg(path, {name: _layer(table, model) for name, table in model.tables.items()})


def _layer(table: Table, model: DataModel) -> Layer:
    columns = {name: pd.Series([], dtype=_EMPTY.get(field.type, "str")) for name, field in table.fields.items()}
    frame = pd.DataFrame(columns)
    choices = {
        name: {f"{code} {text}" if text != code else code: code for code, text in model.codes_of(field).items()}
        for name, field in table.fields.items()
        if field.type == "code"
    }
    choices |= {name: {"yes": "1", "no": "0"} for name, field in table.fields.items() if field.type == "yes_no"}
    aliases = {name: f"{field.meaning}{' *' if field.required else ''}" for name, field in table.fields.items()}
    rules = [Rule(label=table.title, expression="", colour=_COLOURS[table.name])] if table.geometry else []
    style = rule_style(table.geometry or "polygon", rules, Form(aliases=aliases, choices=choices))
    if table.geometry:
        frame = geopandas.GeoDataFrame(frame, geometry=geopandas.GeoSeries([], crs=4326), crs=4326)
    return Layer(
        frame=frame,
        geometry_type=_GEOMETRY.get(table.geometry, ""),
        title=table.title,
        description=f"{table.title}. No personal data. Columns with * are needed in every row",
        style_qml=style,
    )


def write_form(path: Path, model: DataModel) -> None:
    """Write the form as an XLSForm; equal models give equal bytes.

    Parameters
    ----------
    path
        Final name.
    model
        The data model.
    """
    with atomic(path) as part, xlsxwriter.Workbook(part, {"in_memory": True}) as book:
        book.set_properties({"title": _TITLE, "author": "altdev", "created": _CREATED})
        head = book.add_format({"bold": True, "bg_color": "#E4EEF4", "bottom": 1})
        for name, rows in form_sheets(model).items():
            sheet = book.add_worksheet(name)
            for at, row in enumerate(rows):
                for column, value in enumerate(row):
                    sheet.write_string(at, column, value, head if at == 0 else None)
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, len(rows[0]) - 1, 26)


def form_sheets(model: DataModel) -> Mapping[str, Rows]:
    """Return the rows of the form's sheets, headings first.

    Parameters
    ----------
    model
        The data model.
    """
    survey: Rows = [("type", "name", "label", "hint", "required", "constraint", "constraint_message")]
    note = "Write no names, identity numbers, telephones or places of persons or households."
    survey.append(("note", "no_personal_data", note, "", "", "", ""))
    for table in model.tables.values():
        survey += _group(table)
    choices: Rows = [("list_name", "name", "label"), ("yes_no", "yes", "Yes"), ("yes_no", "no", "No")]
    choices += [
        (name, code, f"{code} {text}" if text != code else code)
        for name, codes in model.codes.items()
        for code, text in codes.codes.items()
    ]
    settings: Rows = [("form_title", "form_id", "version"), (_TITLE, "altdev_programme", "1")]
    return {"survey": survey, "choices": choices, "settings": settings}


def _group(table: Table) -> Iterator[tuple[str, ...]]:
    yield ("begin_repeat", table.name, table.title, "", "", "", "")
    for field in table.fields.values():
        yield _question(field)
    if table.geometry:
        needed = "yes" if table.geometry_required else ""
        yield (_SHAPE_QUESTION[table.geometry], f"{table.name}_shape", "Shape on the ground", "", needed, "", "")
    yield ("end_repeat", table.name, "", "", "", "", "")


def _question(field: Field) -> tuple[str, ...]:
    kind = {"code": "select_one", "codes": "select_multiple"}.get(field.type)
    question = f"{kind} {field.codes}" if kind else _QUESTION[field.type]
    limits = [
        (f". {sign} {limit:g}", f"{word} {limit:g}")
        for sign, word, limit in ((">=", "at least", field.min), ("<=", "at most", field.max))
        if limit is not None
    ]
    return (
        question,
        field.name,
        field.meaning,
        f"in {field.unit}" if field.unit else "several, parted by ;" if field.type == "texts" else "",
        "yes" if field.required else "",
        " and ".join(rule for rule, _ in limits),
        " and ".join(words for _, words in limits),
    )
