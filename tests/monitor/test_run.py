"""The whole job on a small landscape: contract of the run folder, resuming, verification, and the closing lines."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio

from geo.errors import QualityGateError
from maps.page import CHANGE_COLUMNS, ESTIMATE_COLUMNS
from monitor.config import load_survey
from monitor.context import Context
from monitor.steps.overlay import overlay
from monitor.steps.sample import draw_sample
from monitor.tables import read_tables
from monitor.verify.products import recompute_pages
from monitor.verify.survey import recompute_zones
from monitor.workflow import RunOptions, plan
from tests.monitor.conftest import altdev

KILLS = 10


def content_of(run: Path) -> dict[str, str]:
    """Return the hash of every file of a run folder; times of day in the manifest are left out."""
    hashes = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file() and path.name != ".lock"):
        if ".blocks" in path.parts:  # blocks to go on from: they hold the seconds they took, and are no output
            continue
        data = path.read_bytes()
        if path.name == "manifest.json":
            content = json.loads(data)
            for step in content["steps"].values():
                step["finished"] = ""
            data = json.dumps(content, sort_keys=True).encode()
        if path.name == "ro-crate-metadata.json":
            data = card_without_times(data)
        hashes[path.relative_to(run).as_posix()] = hashlib.sha256(data).hexdigest()
    return hashes


def card_without_times(data: bytes) -> bytes:
    """Return a run card without times of day, and without the hash of the manifest, which holds them too."""
    content = json.loads(data)
    for entity in content["@graph"]:
        timed = ("endTime", "datePublished", *(("sha256",) if entity["@id"] == "manifest.json" else ()))
        for key in timed:
            entity.pop(key, None)
    return json.dumps(content, sort_keys=True).encode()


def test_steps_over_many_areas_and_units_tell_how_far_they_are(finished_run: Path, tmp_path: Path) -> None:
    """Law: overlay and sample tell parts that rise to all of them, so that a terminal shows a bar."""
    survey = load_survey(finished_run.parent / "survey.toml")
    context = Context(survey=survey, root=finished_run.parent, out=finished_run)
    for step in (overlay, draw_sample):
        told: list[tuple[int, int]] = []
        step(context, tmp_path, lambda done, total, told=told: told.append((done, total)))  # type: ignore[misc]
        done, totals = zip(*told, strict=True)
        assert done == tuple(range(1, len(told) + 1))
        assert set(totals) == {len(told)}
        assert len(told) > 2


def test_run_folder_keeps_the_contract(finished_run: Path) -> None:
    """Contract: the files and columns that other programs rely on are there."""
    for name in (
        "manifest.json",
        "frame/sample.gpkg",
        "frame/sample.csv",
        "frame/strata.csv",
        "products/0/index.html",
    ):
        assert (finished_run / name).is_file(), name
    for period in ("2021", "2024"):
        assert (finished_run / "class_map" / f"{period}.tif").is_file()
        assert (finished_run / "class_map" / f"probability_cannabis_{period}.tif").is_file()
        assert list((finished_run / "imagery" / period).glob("*.tif"))
    estimates = pd.read_csv(finished_run / "estimates" / "estimates.csv")
    change = pd.read_csv(finished_run / "estimates" / "change.csv")
    assert tuple(estimates.columns[: len(ESTIMATE_COLUMNS)]) == ESTIMATE_COLUMNS
    assert tuple(change.columns[: len(CHANGE_COLUMNS)]) == CHANGE_COLUMNS


def test_every_figure_has_its_interval_and_the_units_add_up(finished_run: Path) -> None:
    """Law: limits hold the value, lie in the frame, and administrative units add up to the frame."""
    rows = pd.read_csv(finished_run / "estimates" / "estimates.csv", dtype={"domain": str, "period": str})
    assert (rows["lo_ha"] <= rows["value_ha"]).all()
    assert (rows["value_ha"] <= rows["hi_ha"]).all()
    assert (rows["lo_ha"] >= 0).all()
    for _, group in rows.groupby(["crop", "period"]):
        whole = group.loc[group["domain"] == "frame", "value_ha"].item()
        assert group.loc[group["domain"] != "frame", "value_ha"].sum() == pytest.approx(whole, abs=1e-4)


def test_strata_add_up_to_the_frame(finished_run: Path) -> None:
    """Law: cells and hectares of the strata are those of the frame, whole and by unit."""
    strata = pd.read_csv(finished_run / "frame" / "strata.csv")
    by_unit = pd.read_csv(finished_run / "frame" / "strata_by_unit.csv")
    facts = json.loads((finished_run / "manifest.json").read_text())["steps"]["frame"]["facts"]
    assert strata["size"].sum() == by_unit["size"].sum() == facts["cells"]
    assert strata["area_ha"].sum() == pytest.approx(facts["frame_area_ha"], abs=1e-5)  # six decimals a row
    assert facts["frame_area_ha"] == pytest.approx(facts["polygon_area_ha"], rel=0.005)


def test_zones_add_up_to_the_frame(finished_run: Path) -> None:
    """Law: the partition by layer adds up to the whole frame for every crop and period."""
    zones = pd.read_csv(finished_run / "overlay" / "zones.csv", dtype={"period": str})
    for _, group in zones.groupby(["crop", "period"]):
        whole = group.loc[group["domain"] == "frame", "value_ha"].item()
        assert group.loc[group["domain"] != "frame", "value_ha"].sum() == pytest.approx(whole, abs=1e-4)


def test_interpreters_do_not_see_the_map(finished_run: Path) -> None:
    """Law: the interpreters' layer names neither the stratum nor the map's class of a unit."""
    import pyogrio

    for name, _ in pyogrio.list_layers(finished_run / "frame" / "sample.gpkg"):
        fields = set(pyogrio.read_info(finished_run / "frame" / "sample.gpkg", layer=name)["fields"])
        assert not {field for field in fields if "stratum" in field or "map" in field}


def test_training_cells_are_never_reference_units(finished_run: Path) -> None:
    """Law: no interpreted unit lies in a training cell."""
    sample = pd.read_csv(finished_run / "frame" / "sample.csv")
    known = pd.read_csv(finished_run / "frame" / "known_units.csv")
    assert set(zip(sample["row"], sample["col"], strict=True)).isdisjoint(
        zip(known["row"], known["col"], strict=True)
    )


def test_class_map_is_a_tiled_cog_with_a_legend(finished_run: Path) -> None:
    """Format: class maps carry colours, names, overviews and the code for cells not seen."""
    with rasterio.open(finished_run / "class_map" / "2024.tif") as source:
        assert source.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
        assert any(name.startswith("CLASS_") for name in source.tags())
        assert source.colormap(1)


def test_closing_lines_tell_hectares_with_interval_accuracy_and_the_map(finished_run: Path) -> None:
    """Contract: a finished run, given again, prints figures with their interval and the path of the page."""
    done = altdev("run", finished_run.parent / "survey.toml", "-q")
    assert done.code == 0
    assert "95 % interval" in done.out
    assert "overall accuracy" in done.out
    assert str(finished_run / "products" / "0" / "index.html") in done.out
    assert "counted on the map, biased" in done.out


def test_a_second_run_keeps_every_step(finished_run: Path) -> None:
    """Law: nothing changed, so nothing is done, and no byte differs."""
    before = content_of(finished_run)
    done = altdev("run", finished_run.parent / "survey.toml")
    assert done.code == 0
    assert all("kept from an earlier run" in line for line in done.lines)
    assert content_of(finished_run) == before


def test_verify_recomputes_and_finds_a_changed_figure(finished_run: Path, tmp_path: Path) -> None:
    """Law: an untouched run verifies; a changed byte, or a changed figure with its hash renewed, does not."""
    assert altdev("verify", finished_run).code == 0
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    table = copy / "estimates" / "estimates.csv"
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    rows.loc[0, "value_ha"] = f"{float(rows.loc[0, 'value_ha']) * 1.01:.6f}"
    rows.loc[0, "hi_ha"] = f"{float(rows.loc[0, 'hi_ha']) * 1.01:.6f}"
    rows.to_csv(table, index=False)
    changed = altdev("verify", copy)
    assert changed.code == 5
    assert "estimates.csv: found a file that is missing or changed" in changed.err
    manifest = json.loads((copy / "manifest.json").read_text())
    record = manifest["steps"]["estimate"]["outputs"]["estimates/estimates.csv"]
    record.update(sha256=hashlib.sha256(table.read_bytes()).hexdigest(), bytes=table.stat().st_size)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    forged = altdev("verify", copy)
    assert forged.code == 5
    assert "recomputed" in forged.err


@pytest.mark.parametrize(
    ("table", "old", "new", "told"),
    [
        ("estimates.csv", "LOW_COUNT", "", "flags"),
        ("accuracy.csv", "overall,0.", "overall,0.0", "accuracy.csv"),
        ("error_matrix.csv", ",0.0", ",0.1", "area_share"),
    ],
)
def test_verify_finds_a_forged_table(
    finished_run: Path, tmp_path: Path, table: str, old: str, new: str, told: str
) -> None:
    """Law: a warning struck out or a changed number, its hash renewed, is found by recomputing."""
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    path = copy / "estimates" / table
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    manifest = json.loads((copy / "manifest.json").read_text())
    record = manifest["steps"]["estimate"]["outputs"][f"estimates/{table}"]
    record.update(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    done = altdev("verify", copy)
    assert done.code == 5
    assert told in done.err


@pytest.mark.parametrize("name", ["zones", "alone"])
def test_verify_makes_the_figures_of_zones_again(finished_run: Path, tmp_path: Path, name: str) -> None:
    """Law: zones are made again from the units in them, and a number moved by a hundredth is named."""
    for folder in ("frame", "estimates", "overlay"):
        shutil.copytree(finished_run / folder, tmp_path / folder)
    assert recompute_zones(tmp_path, read_tables(tmp_path)) > 10
    path = tmp_path / "overlay" / f"{name}.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    place = rows.index[rows["value_ha"].astype(float) > 0][-1]
    rows.loc[place, "value_ha"] = f"{float(rows.loc[place, 'value_ha']) * 1.01:.6f}"
    rows.to_csv(path, index=False)
    with pytest.raises(QualityGateError, match=rf"{name}\.csv cannabis {rows.loc[place, 'period']} .* value_ha"):
        recompute_zones(tmp_path, read_tables(tmp_path))


@pytest.mark.parametrize("name", ["index.html", "tables.xlsx"])
def test_verify_holds_products_to_their_tables(finished_run: Path, tmp_path: Path, name: str) -> None:
    """Law: page and workbook show the figures of the table; one moved in either of them is named."""
    for folder in ("estimates", "products/0"):
        shutil.copytree(
            finished_run / folder, tmp_path / folder, ignore=shutil.ignore_patterns("rasters", "layers")
        )
    told = recompute_pages(tmp_path)
    figures = pd.read_csv(tmp_path / "estimates" / "estimates.csv")
    assert told == 2 * len(figures) > 10
    path = tmp_path / "products" / "0" / name
    value = float(figures.loc[figures["state"] == "estimated", "hi_ha"].iloc[-1])
    if name == "index.html":
        cut = re.search(rf"{int(value)}\.\d+", path.read_text())
        assert cut is not None
        path.write_text(path.read_text().replace(cut[0], f"{float(cut[0]) + 1:.3f}"))
    else:
        book = openpyxl.load_workbook(path)
        cell = next(c for row in book.worksheets[0] for c in row if isinstance(c.value, float) and c.value == value)
        cell.value = value * 1.01
        book.save(path)
    with pytest.raises(QualityGateError, match=rf"products/0/{re.escape(name)}.*recomputed from the run folder"):
        recompute_pages(tmp_path)


def test_verify_takes_a_survey_file_and_speaks_json(finished_run: Path, tmp_path: Path) -> None:
    """Law: the survey file names its own run; no steps done is nothing verified."""
    done = altdev("verify", finished_run.parent / "survey.toml", "-o", finished_run, "--json")
    assert done.code == 0
    told = json.loads(done.out)["verified"]
    assert told[0].endswith("files are as published")
    done_to_figures = ("recomputed", "joined again", "made again", "added up again", "as the model tells them")
    assert all(any(words in line for words in done_to_figures) for line in told[1:-2]), told
    assert re.match(r"\d{2,} tables and pages of figures carry run [a-z]{12}$", told[-2])
    assert told[-1].startswith("run card is that of run ")
    for kind in (
        "estimates",
        "figures of harm",
        "rows of indicators",
        "changes",
        "rows of legal zones",
        "figures of the programme",
    ):
        assert any(f" {kind} " in line for line in told), kind
    manifest = json.loads((finished_run / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"steps": {}}))
    empty = altdev("verify", tmp_path)
    assert (empty.code, "without steps" in empty.err) == (5, True)


def test_estimate_by_table_mode_equals_the_run(finished_run: Path, tmp_path: Path) -> None:
    """Independent route: the same sample and strata as plain tables give the same hectares and limits."""
    sample = pd.read_csv(finished_run / "frame" / "sample.csv", dtype=str)
    labels = pd.read_csv(finished_run / "frame" / "reference.csv", dtype=str)
    known = pd.read_csv(finished_run / "frame" / "known_units.csv", dtype=str)
    label = labels[labels["period"] == "2024"].set_index("unit_id")["label"]
    table = pd.concat(
        [
            pd.DataFrame(
                {"stratum": sample["stratum"], "map": sample["map_2024"], "reference": sample["unit_id"].map(label)}
            ),
            pd.DataFrame({"stratum": "known", "map": known["map_2024"], "reference": known["label_2024"]}),
        ]
    )
    table.to_csv(tmp_path / "sample.csv", index=False)
    done = altdev("estimate", tmp_path / "sample.csv", "--strata", finished_run / "frame" / "strata.csv", "--json")
    assert done.code == 0, done.err
    found = {row["class"]: row for row in json.loads(done.out)["estimates"]}["cannabis"]
    rows = pd.read_csv(finished_run / "estimates" / "estimates.csv", dtype={"period": str})
    told = rows[(rows["domain"] == "frame") & (rows["period"] == "2024")].iloc[0]
    for column in ("value_ha", "se_ha", "lo_ha", "hi_ha"):
        assert found[column] == pytest.approx(told[column], abs=2e-6)


@pytest.mark.slow
def test_kill_at_random_moments_loses_nothing(finished_run: Path, copy_of: Callable[[], Path]) -> None:
    """Law: killed ten times at random and started again, a run ends with the bytes of an uninterrupted one."""
    folder = copy_of()
    draw = random.Random(20240601)
    command = [sys.executable, "-m", "monitor.cli", "run", str(folder / "survey.toml"), "-q"]
    killed = 0
    for _ in range(KILLS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(2.0, 6.0))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        published = [path for path in (folder / "run").rglob("*.tif") if ".staging" not in path.parts]
        for path in published:
            with rasterio.open(path) as source:
                source.read()
    assert killed > 0
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert content_of(folder / "run") == content_of(finished_run)


def test_mapped_pixels_are_told_as_biased_counts(finished_run: Path) -> None:
    """Law: the count on the map stands in a table of its own and nowhere among the estimates."""
    mapped = pd.read_csv(finished_run / "estimates" / "mapped_areas.csv")
    estimates = pd.read_csv(finished_run / "estimates" / "estimates.csv")
    assert "mapped_ha" not in estimates.columns
    assert "lo_ha" not in mapped.columns
    assert np.isfinite(mapped["mapped_ha"]).all()


def test_own_profile_counts_by_its_bytes(finished_run: Path) -> None:
    """Law: every step depends on the survey's own profile file as it does on any other input."""
    path = finished_run.parent / "survey.toml"
    survey = load_survey(path)
    assert survey.imagery is not None
    profile = path.parent / "own.toml"
    own = survey.model_copy(update={"imagery": survey.imagery.model_copy(update={"profile": str(profile)})})
    for step in plan(own, path, RunOptions(out=finished_run)):
        assert profile in step.inputs, step.name


def test_workbook_speaks_words(finished_run: Path) -> None:
    """Independent program: openpyxl finds no column name or code of the program in any heading or text cell."""
    book = openpyxl.load_workbook(finished_run / "products" / "0" / "tables.xlsx")
    assert {"Zones, adding up", "Zones, each alone", "Error matrix"} <= set(book.sheetnames)
    for sheet in book:
        if sheet.title == "Notes":
            continue
        rows = list(sheet.iter_rows(values_only=True))
        assert not [name for name in rows[0] if "_" in name], sheet.title
        words = {value for row in rows[2:] for value in row if isinstance(value, str)}
        assert not words & {"not_seen", "True", "False", "LOW_COUNT", "below_threshold"}, sheet.title


def test_counts_of_accuracy_are_units_drawn(finished_run: Path) -> None:
    """Law: the overall accuracy and the error matrix count the sample, not the training units known without it."""
    drawn = len(pd.read_csv(finished_run / "frame" / "sample.csv"))
    accuracy = pd.read_csv(finished_run / "estimates" / "accuracy.csv")
    cells = pd.read_csv(finished_run / "estimates" / "error_matrix.csv")
    assert set(accuracy.loc[accuracy["measure"] == "overall", "n"]) == {drawn}
    assert set(cells.groupby("period")["units"].sum()) == {drawn}
