"""The run card: what it tells, and that no byte of a run changes unseen."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo.errors import AltdevError, QualityGateError, SurveyFileError
from geo.parquet import read_parquet
from geo.vector import read_layer
from monitor.identity import require_licences_used
from monitor.manifest import FileRecord, read_manifest
from monitor.run_card import RUN_CARD, require_run_card, run_id, write_run_card
from monitor.run_folder import RunFolder
from monitor.verify import verify_run
from monitor.workflow import RunOptions
from monitor.workflow import run as run_survey
from tests.monitor.custody.small_run import make_run
from tests.monitor.test_tiers import Silent, change


def graph(out: Path) -> dict[str, dict[str, object]]:
    """Return the entities of a card by their ids."""
    entities = json.loads((out / RUN_CARD).read_text())["@graph"]
    found = {entity["@id"]: entity for entity in entities}
    assert len(found) == len(entities)
    return found


def test_structure_is_that_of_the_specification(finished_run: Path) -> None:
    """Published: RO-Crate 1.1 sections 2 to 5: descriptor, root with four properties, parts that are there."""
    entities = graph(finished_run)
    descriptor, root = entities["ro-crate-metadata.json"], entities["./"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset"
    assert all(root[key] for key in ("name", "description", "datePublished", "license"))
    parts = root["hasPart"]
    assert isinstance(parts, list)
    files = {path.relative_to(finished_run).as_posix() for path in finished_run.rglob("*") if path.is_file()}
    assert {part["@id"] for part in parts} == {name for name in files if not name.startswith(".")} - {RUN_CARD}
    referred = re.findall(r'"@id": "([^"]+)"', (finished_run / RUN_CARD).read_text())
    assert {name for name in referred if not name.startswith("https://")} == set(entities)


def test_it_tells_what_the_run_was_made_from(finished_run: Path) -> None:
    """Contract: inputs with hash and licence, scenes by id, seed, weights and versions stand in the card."""
    entities = graph(finished_run)
    admin = entities["#input/inputs/admin.gpkg"]
    assert admin["sha256"] == FileRecord.of(finished_run.parent / "inputs" / "admin.gpkg").sha256
    assert admin["license"] == "not stated"
    assert entities["#scene/2024/SIM_20240306_L2A"]["creativeWorkStatus"] == "used"
    assert entities["#seed"]["value"] == 3
    assert entities["class_map/model/boosted_trees.txt"]["additionalType"] == "weights of the classifier"
    assert entities["#software/lightgbm"]["softwareVersion"]


@pytest.mark.parametrize("name", ["products/0/index.html", "products/0/report.html"])
def test_published_numbers_carry_the_run(finished_run: Path, name: str) -> None:
    """Contract: page and report name the run that the card describes."""
    told = graph(finished_run)["./"]["identifier"]
    assert f"Run {told}" in (finished_run / name).read_text()


def test_tables_and_files_for_other_programs_carry_the_run(finished_run: Path) -> None:
    """Contract: so does each row of every table of figures, and each file in which other programs read figures."""
    told = graph(finished_run)["./"]["identifier"]
    for name in ("estimates/estimates.csv", "indicators/indicators.csv", "overlay/zones.csv", "impact/effects.csv"):
        rows = list(csv.DictReader((finished_run / name).read_text().splitlines()))
        assert rows
        assert {row["run_id"] for row in rows} == {told}, name
    products = finished_run / "products" / "0"
    for name, tag in (("estimates_hxl.csv", "#meta+run"), ("wdr_table.csv", told)):
        rows = list(csv.DictReader((products / name).read_text().splitlines()))
        assert rows[0]["run_id"] == tag
        assert {row["run_id"] for row in rows[1:]} == {told}
    assert set(read_layer(products / "data.gpkg", layer="unit_figures", columns=("run_id",))["run_id"]) == {told}
    assert set(read_parquet(products / "analysts" / "unit_figures.parquet")["run_id"]) == {told}
    items = [json.loads(path.read_text()) for path in sorted((products / "stac").rglob("*.json"))]
    assert len(items) > 5
    assert {item.get("altdev:run") or item["properties"]["altdev:run"] for item in items} == {told}
    book = openpyxl.load_workbook(products / "standard_tables.xlsx", read_only=True)
    assert all(any(told in row for row in book[name].iter_rows(values_only=True)) for name in book.sheetnames[:2])
    book.close()


def test_workbook_carries_the_run(finished_run: Path) -> None:
    """Contract: so does the workbook."""
    book = openpyxl.load_workbook(finished_run / "products" / "0" / "tables.xlsx", read_only=True)
    cells = {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}
    assert any(str(graph(finished_run)["./"]["identifier"]) in cell for cell in cells)


def test_every_byte_of_a_small_run(tmp_path: Path) -> None:
    """Law: whichever byte of whichever file is changed, manifest and card among them, verify says so."""
    make_run(tmp_path / "run", shared={})
    out = tmp_path / "run"
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest["steps"]["estimate"]  # nothing to recompute: hashes and card alone must find it
    shutil.rmtree(out / "estimates")
    (out / "manifest.json").write_text(json.dumps(manifest))
    read = read_manifest(out)
    assert read is not None
    (out / "manifest.json").write_text(read.to_json())
    write_run_card(out, read)
    list(verify_run(out))
    changed = 0
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        data = path.read_bytes()
        for place in range(0, len(data), 1 if len(data) < 200 else 7):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(AltdevError):
                list(verify_run(out))
            changed += 1
        path.write_bytes(data)
    assert changed > 500
    list(verify_run(out))


def test_a_changed_byte_of_any_file_of_a_survey(finished_run: Path, tmp_path: Path) -> None:
    """Law: of a whole survey's run, a byte changed in any file is found, and the file is named."""
    out = tmp_path / "run"
    shutil.copytree(finished_run, out, ignore=shutil.ignore_patterns(".lock"))
    chance = random.Random(5)
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        if path.name in ("manifest.json", RUN_CARD) or ".blocks" in path.parts:  # blocks are no outputs
            continue
        data = bytearray(path.read_bytes())
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(data))
        with pytest.raises(QualityGateError, match=re.escape(f"{path}: found a file that is missing or changed")):
            next(iter(verify_run(out)))
        shutil.copyfile(finished_run / path.relative_to(out), path)
    next(iter(verify_run(out)))
    read = read_manifest(out)
    assert read is not None
    for name in ("manifest.json", RUN_CARD):
        text = (out / name).read_text()
        place = text.index("2026" if "2026" in text else "20")
        (out / name).write_text(text[:place] + "3" + text[place + 1 :])
        with pytest.raises(QualityGateError, match=r"found another run card than manifest\.json makes"):
            require_run_card(out, read)
        (out / name).write_text(text)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["name", "seed", "settings_sha256", "program", "input", "bytes"]),
    other=st.text(min_size=1, max_size=5),
)
def test_whatever_decides_the_numbers_decides_the_id(name: str, other: str) -> None:
    """Law: another survey, seed, setting, program, input or byte is another run; an equal one is the same."""

    def made(**changed: str) -> str:
        told = {
            "name": "a",
            "seed": "1",
            "settings_sha256": "b",
            "program": "1",
            "input": "x",
            "bytes": "0",
        } | changed
        survey = {key: told[key] for key in ("name", "seed", "settings_sha256")}
        return run_id(
            survey, {"altdev": told["program"]}, {told["input"]: FileRecord(sha256=told["bytes"], bytes=1)}
        )

    assert made() == made()
    plain = {"name": "a", "seed": "1", "settings_sha256": "b", "program": "1", "input": "x", "bytes": "0"}
    assert (made(**{name: other}) == made()) == (plain[name] == other)


def test_a_forged_id_is_found(tmp_path: Path) -> None:
    """Law: an id that does not follow from the inputs told is refused, though the card repeats it."""
    manifest = make_run(tmp_path)
    forged = json.loads(manifest.to_json())
    forged["survey"]["run_id"] = "0" * 12
    (tmp_path / "manifest.json").write_text(json.dumps(forged))
    read = read_manifest(tmp_path)
    assert read is not None
    RunFolder(tmp_path).write_manifest(read)
    write_run_card(tmp_path, read)
    with pytest.raises(QualityGateError, match="found run 000000000000; expected the id that its inputs make"):
        require_run_card(tmp_path, read)


def test_licences_are_told_and_idle_ones_refused(
    finished_run: Path, copy_of: Callable[[], Path], tmp_path: Path
) -> None:
    """Contract: the first pattern an input fits is its licence; a pattern that fits none is a mistake."""
    folder = copy_of()
    change(folder, "[map]", '[map.licences]\n"inputs/adm*" = "CC0-1.0"\n"inputs/*" = "CC-BY-4.0"\n\n[map]')
    shutil.copytree(finished_run, folder / "run", ignore=shutil.ignore_patterns(".lock"))
    run_survey(folder / "survey.toml", RunOptions(out=folder / "run"), verb="estimate", listener=Silent())
    entities = graph(folder / "run")
    assert entities["#input/inputs/admin.gpkg"]["license"] == "CC0-1.0"
    assert entities["#input/inputs/dem.tif"]["license"] == "CC-BY-4.0"
    with pytest.raises(
        SurveyFileError, match=r"survey.toml \[map\.licences\]: found 'inputs/none', which no input"
    ):
        require_licences_used({"inputs/none": "x"}, [], root=folder, where="survey.toml")
