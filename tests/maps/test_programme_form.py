"""Empty tables and the form of a programme: they open styled, hold every field, and are read back."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import openpyxl
import pandas as pd
import pyogrio
import pytest
from pyxform.xls2xform import convert

from aoi.project.model import data_model
from aoi.project.personal import personal_column
from aoi.project.programme import examine
from geo.files import sha256
from maps.programme_form import form_sheets, write_form, write_templates
from tests.aoi.project.builders import COUNTRY, sound
from tests.monitor.conftest import altdev


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with both files, as the command line writes them."""
    target = tmp_path_factory.mktemp("templates") / "ad"
    done = altdev("init", "--ad", target)
    assert done.code == 0, done.err
    assert done.out.split() == [str(target / "ad.gpkg"), str(target / "ad_form.xlsx")]
    return target


def test_every_table_and_field_is_there_and_empty(folder: Path) -> None:
    """Law: the GeoPackage holds the model, no row, and a style for each layer."""
    layers = {str(name): kind for name, kind in pyogrio.list_layers(folder / "ad.gpkg") if name != "layer_styles"}
    model = data_model()
    assert set(layers) == set(model.tables)
    for name, table in model.tables.items():
        info = pyogrio.read_info(folder / "ad.gpkg", layer=name)
        assert info["features"] == 0
        assert set(info["fields"]) == set(table.fields)
        assert bool(layers[name]) == bool(table.geometry)
    with sqlite3.connect(folder / "ad.gpkg") as connection:
        styles = dict(connection.execute("SELECT f_table_name, styleQML FROM layer_styles").fetchall())
    assert set(styles) == set(model.tables)
    for text in styles.values():
        ET.fromstring(text.split("\n", 1)[1])  # well formed after the document type
    assert "31165 Agricultural alternative development" in styles["sectors"]


def test_rows_put_into_the_empty_tables_are_read_back(folder: Path, tmp_path: Path) -> None:
    """Independent route: a sound programme appended to the empty layers, as QGIS would, has no finding."""
    package = tmp_path / "ad.gpkg"
    package.write_bytes((folder / "ad.gpkg").read_bytes())
    for name, rows in sound().items():
        table = data_model().tables[name]
        frame = pd.DataFrame(rows)
        for field in table.fields.values():
            if field.name in frame:
                empty = frame[field.name].isna() | (frame[field.name] == "")
                values = frame[field.name].where(~empty, None)
                kind = {"number": "float64", "whole": "Int64", "date": "datetime64[ms]"}.get(field.type)
                if field.type == "yes_no":
                    values = values.map({"yes": True, "no": False}).astype("boolean")
                frame[field.name] = pd.to_numeric(values).astype(kind) if kind in ("float64", "Int64") else values
                if kind == "datetime64[ms]":
                    frame[field.name] = pd.to_datetime(values)
        layer = geopandas.GeoDataFrame(frame, geometry="geometry", crs=4326) if "geometry" in frame else frame
        pyogrio.write_dataframe(layer, package, layer=name, driver="GPKG", append=True, promote_to_multi=True)
    programme, findings = examine(package, country=COUNTRY)
    assert [str(one.problem) for one in findings] == []
    assert len(programme.areas) == 2
    assert programme.tables["funding"]["value"].sum() == 1900


def test_the_form_is_balanced_and_every_list_is_there(folder: Path) -> None:
    """Law of XLSForms: groups close, names stand once in a group, each choice question has its list."""
    book = openpyxl.load_workbook(folder / "ad_form.xlsx")
    assert book.sheetnames == ["survey", "choices", "settings"]
    rows = [[cell or "" for cell in row] for row in book["survey"].iter_rows(values_only=True)]
    lists = {row[0] for row in book["choices"].iter_rows(min_row=2, values_only=True)}
    opened, names = "", set()
    for kind, name, *_ in rows[1:]:
        if kind == "begin_repeat":
            assert not opened
            opened, names = name, set()
        elif kind == "end_repeat":
            assert opened == name
            assert set(data_model().tables[name].fields) <= names
            opened = ""
        else:
            assert name not in names
            names.add(name)
        if kind.startswith("select_"):
            assert kind.split()[1] in lists
        assert not personal_column(name, known=["name", "no_personal_data"])
    assert not opened


def test_an_independent_program_takes_the_form(folder: Path) -> None:
    """Independent program: pyxform turns the sheets into an XForm without a warning."""
    made = convert(str(folder / "ad_form.xlsx"), validate=False)
    assert made.warnings == []
    assert all(f"/{name}" in made.xform for name in data_model().tables)


def test_what_the_form_sends_is_read(tmp_path: Path) -> None:
    """Law: a repeat exported as CSV, with the form's own columns and a shape as text, is a table."""
    for name, rows in sound().items():
        table = pd.DataFrame(rows)
        if name == "areas":
            shapes = [";".join(f"{y} {x} 0 0" for x, y in shape.exterior.coords) for shape in table.pop("geometry")]
            table["areas_shape"] = shapes
        table.assign(_index=range(len(table)), _parent_table_name="form").to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    programme, findings = examine(tmp_path, country=COUNTRY)
    assert [str(one.problem) for one in findings] == []
    assert len(programme.areas) == 2
    broken = pd.read_csv(tmp_path / "areas.csv", dtype=str).assign(areas_shape="here")
    broken.to_csv(tmp_path / "areas.csv", index=False)
    lines = [str(one.problem) for one in examine(tmp_path)[1]]
    assert lines[0] == "areas.csv row 1: found no shape; expected a polygon; draw it"


def test_equal_models_give_equal_bytes_and_nothing_is_written_over(folder: Path, tmp_path: Path) -> None:
    """Law: both files are the same each time; a file that is there is not touched."""
    write_templates(tmp_path / "ad.gpkg", data_model())
    write_form(tmp_path / "ad_form.xlsx", data_model())
    for name in ("ad.gpkg", "ad_form.xlsx"):
        assert sha256(tmp_path / name) == sha256(folder / name)
    again = altdev("init", "--ad", folder)
    assert (again.code, "a folder without one" in again.err) == (2, True)
    both = altdev("init", "--ad", "--example", "andes-coca", tmp_path / "new")
    assert (both.code, "both flags" in both.err) == (2, True)


def test_the_form_tells_units_and_limits() -> None:
    """Law: a number with a unit says so, and its limits are constraints."""
    rows = {row[1]: row for row in form_sheets(data_model())["survey"]}
    assert rows["percent"][3:6] == ("in %", "yes", ". >= 0 and . <= 100")
    assert rows["reporting_org"][0] == "text"
