"""Numbers forged with hashes made to fit: tables made of inputs, the design, and every kind of product."""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio

from benchmarks.trust.forgery import Forgery, fit, forgeries
from benchmarks.trust.kills import Silent, thin
from geo.errors import InputError, QualityGateError
from imagery.simulate.example import write_example
from monitor.indicators import COLUMNS, KEYS, NUMBERS, indicator_table
from monitor.manifest import FileRecord, Manifest, StepRecord, read_manifest
from monitor.totals import column_totals, require_totals, totals_path, write_totals
from monitor.verify import recompute_impact, verify_run
from monitor.verify.again import run_again
from monitor.verify.compare import compare_indicators, interval_method
from monitor.verify.design import design_context, recompute_design
from monitor.verify.official import recompute_official
from monitor.verify.remade import remake_products
from monitor.workflow import RunOptions
from monitor.workflow import run as run_survey
from tests.monitor.test_official import _run as run_official
from tests.monitor.test_official import write_towns


@pytest.fixture(scope="module")
def forged(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the run that tests change and put right again."""
    out = tmp_path_factory.mktemp("forged") / "run"
    shutil.copytree(finished_run, out, ignore=shutil.ignore_patterns(".lock", ".blocks"))
    return out


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run of a small official series over twelve years."""
    return run_official(write_towns(tmp_path_factory.mktemp("official")))


def manifest_of(out: Path) -> Manifest:
    """Return the manifest of a run that has one."""
    found = read_manifest(out)
    assert found is not None
    return found


def only(manifest: Manifest, step: str) -> Manifest:
    """Return a manifest with one of its steps alone."""
    return replace(manifest, steps={step: manifest.steps[step]})


def pick(out: Path, file: str, what: str) -> Forgery:
    """Return the forgery of a file whose place is told so, the same each time."""
    words = what.endswith("a word")
    found = [one for one in forgeries(out, [file], random.Random(2), words=words) if re.fullmatch(what, one.what)]
    assert found, f"{file}: nothing like {what}"
    return found[0]


def refused(out: Path, one: Forgery, verify: Callable[[], object]) -> str:
    """Forge, verify, put right; return how it was refused."""
    path = out / one.file
    before = path.read_bytes()
    one.make(path)
    assert path.read_bytes() != before
    try:
        with pytest.raises(QualityGateError) as caught:
            verify()
    finally:
        path.write_bytes(before)
    return str(caught.value)


def test_products_are_made_again(finished_run: Path) -> None:
    """Law: what a run published follows from its folder alone, byte by byte."""
    lines = list(remake_products(finished_run, manifest_of(finished_run)))
    assert [line.split()[4] for line in lines] == ["export", "map", "report"]
    assert all(line.endswith("made again, all equal") for line in lines)


@pytest.mark.parametrize(
    ("step", "file", "what"),
    [
        ("map", "index.html", "data mapped area"),
        ("map", "index.html", "data harms hi"),
        ("map", "index.html", "data breaks .*"),
        ("map", "tables.xlsx", r"sheet5\.xml .*"),
        ("report", "report.html", "a cell"),
        ("report", "report.html", "a label"),
        ("report", "report.pdf", "a byte"),
        ("export", "estimates_hxl.csv", "hi_ha"),
        ("export", "wdr_table.csv", "2024 best"),
        ("export", "standard_tables.xlsx", "a figure told as text"),
        ("export", "data.gpkg", "unit_figures lo_ha"),
        ("export", "analysts/unit_figures.parquet", "value_ha"),
        ("export", "collect_earth_plots.csv", "LON|lon|longitude"),
        ("export", "project.qgz", "a byte"),
        ("export", "layers/class_2024.mbtiles", "a byte"),
        ("export", "rasters/class_2024.qml", "a byte"),
        ("export", "rasters/class_2024.tif", "a cell"),
        ("export", "stac/class-2024/class-2024.json", ".*"),
    ],
)
def test_a_forged_product_is_found(forged: Path, step: str, file: str, what: str) -> None:
    """Law: one number moved in a product is found by the file's name, whatever its hash says."""
    manifest = only(manifest_of(forged), step)
    one = pick(forged, f"products/0/{file}", what)
    assert f"products/0/{file}" in refused(forged, one, lambda: list(remake_products(forged, manifest)))


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("frame/sample.csv", "row"),
        ("frame/sample.csv", "x_m"),
        ("frame/strata.csv", "area_ha"),
        ("frame/strata.csv", "expected_share"),
        ("frame/strata_by_unit.csv", "size"),
        ("frame/known_units.csv", "col"),
        ("frame/labels_to_fill.csv", "latitude"),
        ("estimates/mapped_areas.csv", "mapped_ha"),
        ("imagery/2021/gaps.csv", "min_valid"),
    ],
)
def test_a_forged_design_is_found(forged: Path, file: str, what: str) -> None:
    """Law: strata, sample, places and counts on the map are made again from rasters, units and seed."""
    context = design_context(forged, manifest_of(forged))
    assert context is not None
    told = refused(forged, pick(forged, file, what), lambda: recompute_design(forged, context, whole_files=True))
    assert file.rpartition("/")[2] in told


def test_a_zone_by_another_name_is_found(forged: Path) -> None:
    """Law: zones stand twice in the export, for maps and for analysts, and say the same."""
    manifest, path = only(manifest_of(forged), "export"), forged / "products" / "0" / "data.gpkg"
    before = path.read_bytes()
    with closing(sqlite3.connect(path)) as base:
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{trigger}"')
        base.execute("UPDATE overlay_protected SET label = 'another park'")
        base.commit()
    with pytest.raises(QualityGateError, match=r"data\.gpkg overlay_protected row 1 label: found another park"):
        list(remake_products(forged, manifest))
    path.write_bytes(before)


@pytest.mark.parametrize(
    ("asked", "method"),
    [("auto", "default"), ("mover-clopper", "mover-clopper"), ("", "gamma"), ("mixed", "default")],
)
def test_intervals_are_made_again_as_they_were_asked_for(asked: str, method: str, tmp_path: Path) -> None:
    """Law: chosen by counts, two figures of a run may have limits of two kinds; the first does not tell of all."""
    if asked not in ("", "mixed"):
        step = StepRecord(fingerprint="f", outputs={}, parameters={"estimate": {"interval": asked}})
        text = Manifest(survey={}, versions={}, inputs={}, steps={"estimate": step}).to_json()
        (tmp_path / "manifest.json").write_text(text)
    kinds = ["gamma", "gamma-midp"] if asked else ["gamma", "gamma"]
    assert interval_method(tmp_path, pd.DataFrame({"method": [f"stratified; {kind}" for kind in kinds]})) == method


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in KEYS])
def test_every_column_of_the_indicators_is_compared(column: str) -> None:
    """Law: two tables that differ in one cell are told apart, whichever column it stands in."""
    made = indicator_table([dict.fromkeys(COLUMNS, "") | dict.fromkeys(NUMBERS, 2) | {"indicator": "D1"}])
    compare_indicators(made, made, "part_harm.csv")
    told = made.assign(**{column: 3 if column in NUMBERS else "other"})
    with pytest.raises(QualityGateError, match=f"part_harm.csv D1.* {column}: found"):
        compare_indicators(told, made, "part_harm.csv")


@pytest.mark.parametrize(("file", "what"), [("figures/series.svg", "a text"), ("series.csv", "treated_mean")])
def test_a_forged_figure_of_the_evaluation_is_found(forged: Path, file: str, what: str) -> None:
    """Law: drawings of the evaluation are made again, sign by sign, from its tables, which are made again too."""
    one = pick(forged, f"impact/{file}", what)
    assert f"impact/{file}" in refused(forged, one, lambda: recompute_impact(forged, language="en"))


def test_strata_are_divided_again(forged: Path) -> None:
    """Law: a cell moved to another stratum of the same size, so that no count tells, is found by the maps."""
    context = design_context(forged, manifest_of(forged))
    assert context is not None
    path = forged / "frame" / "strata.tif"
    before = path.read_bytes()
    with rasterio.open(path) as source:
        cells, profile = source.read(1), source.profile
    units = context.frame.unit_of_cell
    one, other = (np.argwhere((cells == code) & (units == units.max()))[0] for code in np.unique(cells)[-2:])
    cells[tuple(one)], cells[tuple(other)] = cells[tuple(other)], cells[tuple(one)]
    with rasterio.open(path, "w", **profile) as target:
        target.write(cells, 1)
    with pytest.raises(QualityGateError, match=r"frame/strata\.tif: found 2 cells of other strata"):
        recompute_design(forged, context, whole_files=True)
    path.write_bytes(before)


def test_another_style_of_a_layer_is_found(forged: Path) -> None:
    """Law: the limits of classes that a layer is drawn by follow from its figures."""
    manifest, path = only(manifest_of(forged), "export"), forged / "products" / "0" / "data.gpkg"
    before = path.read_bytes()
    with closing(sqlite3.connect(path)) as base:
        base.execute("UPDATE layer_styles SET styleQML = replace(styleQML, ' ha and more', ' ha or so')")
        base.commit()
    assert path.read_bytes() != before
    with pytest.raises(QualityGateError, match=r"data\.gpkg unit_figures: found another style"):
        list(remake_products(forged, manifest))
    path.write_bytes(before)


def test_totals_tell_a_number_changed_and_a_number_moved(tmp_path: Path) -> None:
    """Literal: three numbers, their sum and their sum by place; two that change places keep the sum alone."""
    assert column_totals("a,run_id\n1,x\n2,x\n4,x\n") == {"a": [3, 7.0, 17.0]}
    assert column_totals("draw_1,draw_2\n1,2\n3,4\n") == {
        "draws of row 1": [2, 3.0, 5.0],
        "draws of row 2": [2, 7.0, 11.0],
    }
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "one.json").write_text('{"t.csv": {"a": [3, 7.0, 17.0]}}')
    files = ["control/one.json", "t.csv"]
    assert column_totals("a,b\n1,x\n2,\n,y\n") | {"words of b": []} == {"a": [2, 3.0, 5.0], "words of b": []}
    said = [column_totals(f"b\n{one}\n{other}\n")["words of b"] for one, other in ("xy", "yx", "xz", "xy")]
    assert [one[0] for one in said] == [2] * 4
    assert said[0] == said[3]
    assert len({one[1] for one in said}) == 3
    (tmp_path / "t.csv").write_text("a\n1\n2\n4\n")
    assert require_totals(tmp_path, files) == 1
    for changed in ("a\n1\n2\n5\n", "a\n2\n1\n4\n", "a\n1\n2\n\n"):
        (tmp_path / "t.csv").write_text(changed)
        with pytest.raises(QualityGateError, match=r"t\.csv a"):
            require_totals(tmp_path, files)
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n4,z\n")
    assert require_totals(tmp_path, files) == 1  # totals of an earlier program, which told nothing of words
    (tmp_path / "control" / "one.json").write_text(json.dumps({"t.csv": column_totals("a,b\n1,x\n2,y\n4,z\n")}))
    assert require_totals(tmp_path, files) == 2
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n4,w\n")
    with pytest.raises(QualityGateError, match=r"t\.csv words of b"):
        require_totals(tmp_path, files)
    assert require_totals(tmp_path, files[:1]) == 0  # a table that was taken away by a purge


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("indicators/benefit_crop.csv", "crop_ha"),
        ("indicators/water_cannabis_2021.csv", "draw_.*"),
        ("overlay/ad_access.csv", "population_f"),
        ("impact/panel.csv", "outcome_se"),
        ("estimates/prior_totals.csv", "year"),
        ("frame/interpretation.csv", "interpreter, a word"),
    ],
)
def test_a_forged_table_made_of_inputs_is_found(forged: Path, file: str, what: str) -> None:
    """Law: a number that no figure leans on is held to the totals that its step kept beside it."""
    manifest = manifest_of(forged)
    files = [name for step in manifest.steps.values() for name in step.outputs]
    assert file in refused(forged, pick(forged, file, what), lambda: require_totals(forged, files))


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("estimates/change.csv", "difference_ha"),
        ("estimates/readings.csv", "percent"),
        ("indicators/concentration.csv", "share_of_first_ten"),
        ("indicators/permanence.csv", "years_present"),
    ],
)
def test_a_forged_figure_of_an_official_series_is_found(official: Path, file: str, what: str) -> None:
    """Law: what is derived from an authority's figures is made again from them, with nothing changed first."""
    assert recompute_official(official) > 4
    one = pick(official, file, what)
    assert file.rpartition("/")[2] in refused(official, one, lambda: recompute_official(official))


def test_products_of_an_official_series_are_made_again(official: Path) -> None:
    """Law: page, workbook and tables for other bodies follow from the run folder alone."""
    lines = list(remake_products(official, manifest_of(official)))
    assert len(lines) == 3
    assert all("made again, all equal" in line for line in lines)


def test_only_a_run_of_this_program_is_made_again(project: Path, tmp_path: Path) -> None:
    """Law: neither no run nor one of another program is compared with one made by this program."""
    with pytest.raises(InputError, match="no manifest"):
        list(run_again(project / "survey.toml", tmp_path))
    text = Manifest(survey={}, versions={"altdev": "0"}, inputs={}, steps={}).to_json()
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="a run of altdev 0"):
        list(run_again(project / "survey.toml", tmp_path))


@pytest.mark.slow
def test_tables_forged_with_their_totals_show_in_a_run_made_anew(tmp_path: Path) -> None:
    """Attack: a table of outside inputs, its totals, hashes and card fit one another; only the inputs can tell."""
    survey = write_small_survey(tmp_path)
    out = tmp_path / "run"
    run_survey(survey, RunOptions(out=out), verb=None, listener=Silent())
    manifest, file, control = manifest_of(out), "imagery/2021/scenes.csv", totals_path("imagery:2021")
    assert next(iter(run_again(survey, out))).endswith("files made again from the inputs, all equal")
    pick(out, file, "alignment_tiles").make(out / file)
    write_totals(out, "imagery:2021", ["imagery/2021/scenes.csv", "imagery/2021/topography.csv"])
    for name in (file, control):
        fit(out, manifest_of(out), name)
    assert len(list(verify_run(out))) > 10
    assert manifest_of(out) != manifest
    with pytest.raises(QualityGateError) as caught:
        list(run_again(survey, out))
    assert {str(problem.where) for problem in caught.value.problems} == {str(out / file), str(out / control)}


def write_small_survey(folder: Path) -> Path:
    """Write the smallest survey from images to products, with none of the parts that take time."""
    write_example("rif-cannabis", folder, seed=3, size=120)
    thin(folder / "inputs" / "stac" / "catalog.json")
    path = folder / "survey.toml"
    text = path.read_text().replace("size = 600", "size = 120").replace("floor = 50", "floor = 10")
    quick = "[classifier]\ntrees = 4\ntune = false\nforest_trees = 4\nfolds = 2"
    text = text.replace("[classifier]\nfolds = 5", quick)
    for part in ("hot_spots", "impact", "ad", "legality", "harm"):
        text = re.sub(rf"\n\[+{part}[\].](.|\n)*?(?=\n\[(?!\[?{part}[\].])|\Z)", "\n", text)
    path.write_text(text)
    return path


def test_a_run_made_anew_is_compared_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Literal: of two files one has other bytes in the run made anew, and is named; with none the count is told."""
    from monitor.verify import again

    def record(content: str) -> FileRecord:
        return FileRecord(sha256=content, bytes=1)

    def manifest(**files: str) -> Manifest:
        made = {name: record(content) for name, content in files.items()}
        step = StepRecord(fingerprint="f", outputs=made)
        return Manifest(survey={"run_id": "a"}, versions={}, inputs={}, steps={"one": step})

    (tmp_path / "manifest.json").write_text(manifest(first="1", second="2").to_json())
    monkeypatch.setattr(again, "same_program", lambda _: True)
    monkeypatch.setattr(again, "run", lambda *_, **__: manifest(first="1", second="2"))
    assert list(run_again(tmp_path / "survey.toml", tmp_path)) == ["2 files made again from the inputs, all equal"]
    monkeypatch.setattr(again, "run", lambda *_, **__: manifest(first="1", second="3"))
    with pytest.raises(QualityGateError, match="second: found another file than its inputs make"):
        list(run_again(tmp_path / "survey.toml", tmp_path))
