"""The files of `altdev export`, each opened by another program where there is one."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import openpyxl
import pandas as pd
import pyarrow.parquet
import pytest
import rasterio

from monitor.config import load_survey
from monitor.context import Context
from monitor.sections import ReferenceSection
from monitor.steps.reference import _answered
from tests.maps.exchange.hostile import program
from tests.monitor.conftest import altdev


@pytest.fixture(scope="module")
def product(finished_run: Path) -> Path:
    """Return the field product of the finished example."""
    return finished_run / "products" / "0"


def test_the_project_finds_all_its_layers(product: Path, tmp_path: Path) -> None:
    """Law: after the folder is moved every source is there, and every layer is in its GeoPackage."""
    moved = tmp_path / "moved"
    shutil.copytree(product, moved)
    with zipfile.ZipFile(moved / "project.qgz") as archive:
        root = ET.fromstring(archive.read("project.qgs").decode().split("\n", 1)[1])
    sources = [str(element.text) for element in root.iter("datasource")]
    assert len(sources) >= 5
    for source in sources:
        file, _, layer = source.partition("|layername=")
        assert (moved / file).is_file()
        if layer:
            assert len(geopandas.read_file(moved / file, layer=layer))


def test_ogrinfo_reads_every_layer(product: Path) -> None:
    """Independent program (ogrinfo): all layers of the GeoPackage open, with their features."""
    told = program("ogrinfo", "-so", "-al", product / "data.gpkg")
    assert told.count("Feature Count:") >= 5
    for name in ("unit_figures", "sample_units", "overlay_ad"):
        assert f"Layer name: {name}" in told


@pytest.mark.parametrize("name", ["sample.gpx", "sample.kml"])
def test_ogrinfo_reads_the_points(product: Path, name: str) -> None:
    """Independent program (ogrinfo): the receiver's file holds all units of the sample."""
    told = program("ogrinfo", "-so", "-al", product / name)
    assert "Feature Count: 300" in told


def test_rasters_are_the_run_s_own_with_a_legend(product: Path, finished_run: Path) -> None:
    """Law: the copy is the map byte for byte, and its legend names every class of it."""
    for period in ("2021", "2024"):
        copy, own = product / "rasters" / f"class_{period}.tif", finished_run / "class_map" / f"{period}.tif"
        assert copy.read_bytes() == own.read_bytes()
        style = ET.fromstring(copy.with_suffix(".qml").read_text().split("\n", 1)[1])
        entries = {entry.get("value") for entry in style.iter("paletteEntry")}
        with rasterio.open(copy) as source:
            assert {str(int(code)) for code in set(source.read(1).ravel()) - {0}} <= entries


def test_tiles_open(product: Path) -> None:
    """Independent program (gdalinfo)."""
    assert "MBTiles" in program("gdalinfo", product / "layers" / "class_2024.mbtiles")


def test_analysts_files_are_geoparquet(product: Path) -> None:
    """Format (GeoParquet 1.1): version, covering box, and the same rows as the GeoPackage."""
    path = product / "analysts" / "unit_figures.parquet"
    meta = json.loads(pyarrow.parquet.read_schema(path).metadata[b"geo"])
    assert meta["version"] == "1.1.0"
    assert "bbox" in meta["columns"]["geometry"]["covering"]
    table = geopandas.read_parquet(path)
    assert len(table) == len(geopandas.read_file(product / "data.gpkg", layer="unit_figures"))


def test_catalogue_covers_every_raster(product: Path, finished_run: Path) -> None:
    """Law: each raster of the run's maps and images has an item with its checksum."""
    rasters = [*(finished_run / "class_map").glob("*.tif"), *(finished_run / "imagery").rglob("*.tif")]
    told = {}
    for path in (product / "stac").glob("*/*.json"):
        asset = json.loads(path.read_text())["assets"]["data"]
        told[(path.parent / asset["href"]).resolve()] = asset["file:checksum"]
    own = {path.resolve(): "1220" + hashlib.sha256(path.read_bytes()).hexdigest() for path in rasters}
    assert told == {path: told.get(path, "") for path in own}
    assert told == own


def test_interpreters_see_no_stratum_and_no_map_label(product: Path) -> None:
    """Law: nothing that interpreters work with says what the map says of a unit."""
    for name in ("collect_earth_plots.csv", "collect_earth_samples.csv"):
        header = (product / name).read_text().split("\n", 1)[0]
        assert not any(word in header.lower() for word in ("stratum", "map", "label"))
    units = geopandas.read_file(product / "data.gpkg", layer="sample_units")
    assert list(units.columns) == ["unit_id", "geometry"]


def test_answers_of_the_form_become_labels(product: Path, finished_run: Path, tmp_path: Path) -> None:
    """Law: answers given with the shipped form's own choices, for all units, come back as labels of the sample."""
    choices = [
        [cell.value for cell in row] for row in openpyxl.load_workbook(product / "ground_truth.xlsx")["choices"]
    ]
    heading = choices[0]
    labels = [row[heading.index("name")] for row in choices[1:] if row[heading.index("list_name")] == "label"]
    periods = [row[heading.index("name")] for row in choices[1:] if row[heading.index("list_name")] == "period"]
    sample = pd.read_csv(finished_run / "frame" / "sample.csv")
    rows = [
        {"g/unit_id": unit, "g/period": period, "g/interpreter": "7", "g/label": labels[i % len(labels)]}
        for i, unit in enumerate(sample["unit_id"])
        for period in periods
    ]
    answers = tmp_path / "answers.csv"
    pd.DataFrame(rows).to_csv(answers, index=False)
    survey = load_survey(finished_run.parent / "survey.toml")
    reference = ReferenceSection(labels=answers, form="xlsform")
    survey = survey.model_copy(update={"reference": reference})
    context = Context(survey=survey, root=finished_run.parent, out=finished_run)
    read = _answered(context, sample, answers)
    assert len(read) == len(sample) * len(periods)
    assert set(read["label"]) <= set(context.profile.legend.names)


def test_tables_for_other_bodies(product: Path) -> None:
    """Law: the hectares told are those of the estimates; every figure has its limits beside it."""
    estimates = pd.read_csv(product.parents[1] / "estimates" / "estimates.csv", dtype={"domain": str})
    rows = list(csv.reader(io.StringIO((product / "estimates_hxl.csv").read_text())))
    assert rows[1][0].startswith("#")
    assert len(rows) == len(estimates) + 2
    wdr = pd.read_csv(product / "wdr_table.csv")
    frame = estimates[estimates["domain"] == "frame"].set_index("period")["value_ha"]
    assert float(str(wdr.iloc[0]["2024 best"]).replace(",", "")) == round(frame.loc[2024])
    assert {"2024 minimum", "2024 best", "2024 maximum"} <= set(wdr.columns)


def test_equal_runs_give_equal_files(project: Path, finished_run: Path, tmp_path: Path) -> None:
    """Law: all files of a second export are those of the first, byte for byte."""
    folder = tmp_path / "again"
    shutil.copytree(project, folder)
    (folder / "run" / ".lock").unlink(missing_ok=True)
    product = folder / "run" / "products" / "0"
    before = {path.relative_to(product): path.read_bytes() for path in product.rglob("*") if path.is_file()}
    (product / "wdr_table.csv").unlink()
    done = altdev("export", folder / "survey.toml", "-q")
    assert done.code == 0, done.err
    after = {path.relative_to(product): path.read_bytes() for path in product.rglob("*") if path.is_file()}
    assert after == before
