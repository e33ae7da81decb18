"""Interpreters get places and a form, never the map's opinion."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import pandas as pd
import pytest

from geo.errors import InputError
from maps.interpreter import LABEL_COLUMNS, write_interpreter_files
from tests.maps import builders
from tests.maps.test_interactive import HOSTILE

CELL_M = 10.0


def units(names: tuple[str, ...] = ("U001", "U002", "U003")) -> geopandas.GeoDataFrame:
    """Return sample points with an id and nothing else."""
    points = geopandas.points_from_xy(
        [500_000 + 100 * i for i in range(len(names))], [100_000.0] * len(names), crs=builders.CRS
    )
    return geopandas.GeoDataFrame({"unit_id": list(names)}, geometry=points)


def write(folder: Path, sample: geopandas.GeoDataFrame) -> tuple[Path, ...]:
    """Write the files as the program does."""
    return write_interpreter_files(
        folder, sample, legend=builders.LEGEND, periods=("2022", "2024"), title=HOSTILE[1], cell_m=CELL_M
    )


def test_form_has_one_row_per_unit_and_period(tmp_path: Path) -> None:
    """Law: in GeoPackage and CSV alike, each unit stands once for each period with an empty label."""
    write(tmp_path, units())
    table = pd.read_csv(tmp_path / "labels_to_fill.csv", dtype=str, keep_default_na=False)
    layer = geopandas.read_file(tmp_path / "sample.gpkg", layer="labels")
    for form in (table, layer):
        assert len(form) == 6
        assert form.groupby("period")["unit_id"].nunique().tolist() == [3, 3]
        assert tuple(column for column in form.columns if column in LABEL_COLUMNS) == LABEL_COLUMNS
        assert form["label"].fillna("").eq("").all()


def test_places_are_right(tmp_path: Path) -> None:
    """Independent program: points and outlines read back where they were put, outlines one cell wide."""
    sample = units()
    write(tmp_path, sample)
    outline = geopandas.read_file(tmp_path / "sample.gpkg", layer="unit_outline")
    assert outline.geometry.centroid.geom_equals_exact(sample.geometry, 1e-6).all()
    assert outline.area.tolist() == pytest.approx([CELL_M**2] * 3)
    degrees = sample.to_crs(4326).geometry
    table = pd.read_csv(tmp_path / "labels_to_fill.csv")
    assert table["longitude"][:3].tolist() == pytest.approx(degrees.x.tolist(), abs=1e-7)


def test_the_map_is_not_told(tmp_path: Path) -> None:
    """Literal: a sample that still holds strata or map labels is refused."""
    with pytest.raises(InputError, match="columns stratum, map_2024; expected unit_id alone"):
        write(tmp_path, units().assign(stratum="coca", map_2024="coca"))
    assert not list(tmp_path.iterdir())


def test_styles_are_embedded(tmp_path: Path) -> None:
    """Independent program: SQLite finds a default style for both layers; the form offers every class."""
    write(tmp_path, units())
    connection = sqlite3.connect(tmp_path / "sample.gpkg")
    styles = dict(connection.execute("SELECT f_table_name, styleQML FROM layer_styles WHERE useAsDefault = 1"))
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    assert set(styles) == {"labels", "unit_outline"}
    assert version == 10200
    form = ET.fromstring(styles["labels"])
    offered = [entry.get("value") for entry in form.findall(".//field[@name='label']//Option[@type='QString']")]
    assert offered == list(builders.LEGEND.names)
    assert [rule.get("label") for rule in form.iter("rule")] == ["To do", "Done"]
    locked = {entry.get("name") for entry in form.findall("./editable/field") if entry.get("editable") == "0"}
    assert locked == {"unit_id", "period"}


def test_receivers_get_short_names(tmp_path: Path) -> None:
    """Law: hostile unit names become unique ASCII of at most 20 signs in GPX, and parse as XML everywhere."""
    write(tmp_path, units(HOSTILE))
    space = {"g": "http://www.topografix.com/GPX/1/1", "k": "http://www.opengis.net/kml/2.2"}
    gpx = ET.parse(tmp_path / "sample.gpx").getroot()
    names = [entry.text or "" for entry in gpx.findall("./g:wpt/g:name", space)]
    assert len(set(names)) == len(HOSTILE)
    assert all(name.isascii() and 0 < len(name) <= 20 for name in names)
    kml = ET.parse(tmp_path / "sample.kml").getroot()
    shown = [entry.text for entry in kml.findall(".//k:Placemark/k:name", space)]
    assert shown == [name.replace("\u202e", " ") for name in HOSTILE]
    assert "<script" not in (tmp_path / "sample.kml").read_text()


def test_equal_samples_equal_bytes(tmp_path: Path) -> None:
    """Law: the files written twice are the same to the byte."""
    first = [path.read_bytes() for path in write(tmp_path / "a", units())]
    assert first == [path.read_bytes() for path in write(tmp_path / "b", units())]
