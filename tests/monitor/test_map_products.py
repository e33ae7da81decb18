"""What a run writes beside its class maps: fields, places to label next, chips, a model card; what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from geo.errors import QualityGateError
from geo.files import sha256
from geo.raster import read_on_grid
from monitor.config import load_survey
from monitor.context import Context
from monitor.steps import frame as frame_step
from monitor.steps import sample as sample_step
from monitor.steps.chips import write_chips
from monitor.steps.classify import training_samples_of
from monitor.tables import read_csv

CROP = "cannabis"


@pytest.fixture(name="context")
def fixture_context(finished_run: Path) -> Context:
    """Return the surroundings of the finished run."""
    survey = finished_run.parent / "survey.toml"
    return Context(survey=load_survey(survey), root=finished_run.parent, out=finished_run)


def silent(done: int, total: int) -> None:
    """Hear nothing."""


def test_fields_are_the_mapped_crop(finished_run: Path, context: Context) -> None:
    """Law: fields lie on mapped crop, leave out only patches below the least, and say nothing of an estimate."""
    fields = geopandas.read_file(finished_run / "class_map" / "fields_2024.gpkg", layer="fields")
    cells = read_on_grid(finished_run / "class_map" / "2024.tif", context.frame.geobox)
    crop = int((cells == context.profile.legend.code(CROP)).sum())
    assert 0 < fields["cells"].sum() <= crop
    assert fields["probability"].between(0, 100).all()
    assert not {"value_ha", "lo_ha"} & set(fields.columns)
    inside = fields.geometry.representative_point()
    rows = ((context.frame.geobox.boundingbox.top - inside.y) // 10).astype(int)
    cols = ((inside.x - context.frame.geobox.boundingbox.left) // 10).astype(int)
    assert (cells[rows, cols] == context.profile.legend.code(CROP)).all()


def test_places_to_label_next_are_neither_taught_nor_sampled(finished_run: Path, context: Context) -> None:
    """Law: nothing suggested is a training cell or a unit of the sample, and no two share a square."""
    units = geopandas.read_file(finished_run / "class_map" / "next_units.gpkg", layer="next_units")
    assert 0 < len(units) <= context.training.suggest
    box = context.frame.geobox.boundingbox
    cells = {(int((box.top - p.y) // 10), int((p.x - box.left) // 10)) for p in units.geometry}
    sample = read_csv(finished_run / "frame" / "sample.csv")
    taught = training_samples_of(context, context.frame.geobox)
    assert cells.isdisjoint(zip(sample["row"], sample["col"], strict=True))
    assert cells.isdisjoint(zip(taught.row.tolist(), taught.col.tolist(), strict=True))
    apart = round(context.training.suggest_apart_m / 10)
    assert len({(row // apart, col // apart) for row, col in cells}) == len(units)
    assert (np.diff(units["uncertainty"]) <= 0).all()


def test_the_model_card_tells_files_and_scores_and_no_place(finished_run: Path, context: Context) -> None:
    """Format: a STAC item of the extension; its files are there, and its bounds are whole tenths of a degree."""
    folder = finished_run / "class_map" / "model"
    item = json.loads((folder / "model-item.json").read_text())
    assert any("mlm" in name for name in item["stac_extensions"])
    for key in ("mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output"):
        assert item["properties"][key], key
    models = [asset for asset in item["assets"].values() if "mlm:model" in asset["roles"]]
    assert models
    told = json.loads((folder / "model.json").read_text())["members_sha256"]
    for asset in models:
        path = folder / asset["href"]
        assert path.stat().st_size == asset["file:size"]
        assert sha256(path) == told[path.stem]
    assert item["properties"]["mlm:input"][0]["input"]["shape"][1] == len(
        item["properties"]["mlm:input"][0]["variables"]
    )
    assert all(abs(edge * 10 - round(edge * 10)) < 1e-6 for edge in item["bbox"])
    assert CROP in item["properties"]["altdev:validation"]["beats_every_floor"]


def test_transfer_and_suspects(finished_run: Path, context: Context) -> None:
    """Law: each pair of years is tried, the drop is the difference, and a suspect is a training place."""
    transfer = pd.read_csv(finished_run / "class_map" / "transfer.csv", dtype={"from": str, "to": str})
    assert set(zip(transfer["from"], transfer["to"], strict=True)) == {("2021", "2024"), ("2024", "2021")}
    assert np.allclose(transfer["f1_within"] - transfer["f1_transfer"], transfer["drop"], atol=2e-6)
    suspects = pd.read_csv(finished_run / "class_map" / "suspect_labels.csv", dtype=str)
    known = training_samples_of(context, context.frame.geobox)
    assert set(suspects["unit_id"]) <= set(known.unit_id.tolist())
    assert (suspects["label"] != suspects["likely"]).all()


def test_chips_show_the_ground_of_both_years(finished_run: Path, context: Context, tmp_path: Path) -> None:
    """Independent program: Pillow opens a chip of each unit; the two years are not the same picture."""
    units = read_csv(finished_run / "frame" / "sample.csv").head(3)
    assert write_chips(context, units, tmp_path) == 3
    with Image.open(tmp_path / f"{units['unit_id'][0]}.png") as sheet:
        width, height = sheet.size
        left, right = (np.asarray(sheet.crop(box)) for box in ((0, 12, 164, height), (172, 12, width, height)))
    assert left.shape == right.shape
    assert not np.array_equal(left, right)


def test_strata_without_a_map_that_loses(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: when a floor beats the classifier, no stratum is made of its map, and strata still fill the frame."""
    loser = SimpleNamespace(validation={"beats_every_floor": {CROP: False}})
    monkeypatch.setattr(frame_step, "read_model", lambda _: loser)
    facts = frame_step.make_strata(context, tmp_path, silent)
    assert not [name for name in facts["strata"] if name.startswith("crop")]
    assert "doubtful" in facts["strata"]  # where earlier surveys drew the crop
    assert sum(facts["strata"].values()) == facts["cells"]
    winner = SimpleNamespace(validation={"beats_every_floor": {CROP: True}})
    monkeypatch.setattr(frame_step, "read_model", lambda _: winner)
    assert [name for name in frame_step.make_strata(context, tmp_path / "b", silent)["strata"] if "crop" in name]


def test_a_sample_unit_that_taught_is_refused(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: a draw that hits a training cell stops the step, and says what to set."""
    taught = training_samples_of(context, context.frame.geobox)
    height, width = context.frame.inside.shape
    on = (taught.row >= 0) & (taught.row < height) & (taught.col >= 0) & (taught.col < width)
    at = np.flatnonzero(on)
    at = at[context.frame.inside[taught.row[at], taught.col[at]]][:5]
    flat = np.unique(taught.row[at] * width + taught.col[at])

    def unlucky(*_: Any) -> Any:
        return flat

    monkeypatch.setattr(sample_step, "draw_stratified", unlucky)
    with pytest.raises(QualityGateError, match="reference units on training cells") as caught:
        sample_step.draw_sample(context, tmp_path, silent)
    assert 'inside_frame = "certainty"' in str(caught.value)
