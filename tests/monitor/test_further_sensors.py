"""Further sensors in the survey file, and a run with a radar."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import rasterio

from geo.errors import InputError, SurveyFileError
from imagery.catalog import Search
from imagery.simulate.example import write_example
from monitor.check import _period_problems
from monitor.config import load_survey
from monitor.context import Context
from monitor.steps import imagery as steps
from tests.imagery.world import grid
from tests.monitor.conftest import altdev
from tests.monitor.survey_text import save, sound

LANDSAT = {"sensor": "landsat-c2-l2", "catalog": "inputs/catalog.json", "use": "series"}
RADAR = {"sensor": "sentinel-1-rtc", "folder": "radar", "pattern": "{date}_{band}.tif", "use": "features"}


def _survey(further: list[dict[str, Any]], **imagery: Any) -> dict[str, Any]:
    content = sound()
    content["imagery"] |= {"further": further, **imagery}
    return content


@pytest.mark.parametrize(
    ("further", "imagery", "told"),
    [
        ([LANDSAT], {}, 'sensors in one series must be brought to one view; set harmonise = "oli"'),
        ([RADAR, RADAR], {}, "further has two with use"),
        ([LANDSAT | {"folder": "x"}], {"harmonise": "oli"}, "give one of catalog and folder"),
        ([LANDSAT | {"min_valid": 5}], {"harmonise": "oli"}, "min_valid of its own is for use"),
        ([LANDSAT | {"pattern": "x"}], {"harmonise": "oli"}, "pattern says how the files of folder are named"),
    ],
)
def test_what_does_not_fit_is_told(
    tmp_path: Path, further: list[dict[str, Any]], imagery: dict[str, Any], told: str
) -> None:
    """Law: one line for each mistake, with what to do."""
    with pytest.raises(SurveyFileError, match=told):
        load_survey(save(tmp_path, _survey(further, **imagery)))


def test_the_series_has_the_bands_of_both(tmp_path: Path) -> None:
    """Literal: Sentinel-2 and Landsat give six bands, and the radar is no part of them."""
    survey = load_survey(save(tmp_path, _survey([LANDSAT, RADAR], harmonise="oli")))
    context = Context(survey=survey, root=tmp_path, out=tmp_path / "run")
    assert context.sensor.name == "sentinel-2-l2a+landsat-c2-l2"
    assert context.sensor.common == ("blue", "green", "red", "nir", "swir16", "swir22")
    assert context.radar is not None
    assert context.radar.common == ("vv", "vh")
    assert survey.imagery is not None
    assert survey.imagery.further[1].folder == tmp_path / "radar"


def test_features_are_of_a_radar(tmp_path: Path) -> None:
    """Law: an optical sensor stands in the series, not beside it."""
    survey = load_survey(save(tmp_path, _survey([LANDSAT | {"use": "features"}])))
    context = Context(survey=survey, root=tmp_path, out=tmp_path / "run")
    with pytest.raises(SurveyFileError, match="landsat-c2-l2, which measures reflectance"):
        assert context.radar


def test_check_looks_at_the_radar_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Law: a radar whose folder is not there is told before a run, whatever the first sensor has."""
    survey = load_survey(save(tmp_path, _survey([RADAR])))
    context = Context(survey=survey, root=tmp_path, out=tmp_path / "run")
    context.__dict__["frame"] = SimpleNamespace(geobox=grid(8, 8))
    monkeypatch.setattr(steps, "search", lambda *_: Search(scenes=(), problems=()))
    with pytest.raises(InputError, match="radar: found no such folder"):
        list(_period_problems(context, survey.period[0]))
    without = load_survey(save(tmp_path, _survey([])))
    plain = Context(survey=without, root=tmp_path, out=tmp_path / "run")
    assert not list(_period_problems(plain, without.period[0]))


@pytest.mark.slow
def test_a_run_with_a_radar(tmp_path: Path) -> None:
    """Law: the radar's features are in the model and its files among the inputs; a broken image is named."""
    survey = write_example("andes-coca", tmp_path, seed=5, size=120, radar=True)
    broken = sorted((tmp_path / "inputs" / "radar" / "items").iterdir())[2]
    (broken / "vh.tif").write_bytes(b"no image")
    text = survey.read_text().replace("folds = 5", "folds = 2\nborder_cells = 1\ntransfer = false")
    survey.write_text(text.replace("fold_block_m = 600", "fold_block_m = 300"))
    done = altdev("classify", survey, "-q")
    assert done.code == 0, done.err
    run = tmp_path / "run"
    model = json.loads((run / "class_map" / "model" / "model.json").read_text())
    assert {"radar_season_vh", "radar_dry_season_vh_to_vv"} <= set(model["features"])
    table = pd.read_csv(run / "imagery" / "2021" / "radar" / "scenes.csv")
    assert len(table) == 30
    assert table.loc[table["state"] == "left_out", "scene"].tolist() == [broken.name]
    with rasterio.open(run / "imagery" / "2024" / "radar" / "valid_count.tif") as source:
        counts = source.read(1)
        assert counts[counts != source.nodata].max() == 30
    inputs = json.loads((run / "manifest.json").read_text())["inputs"]
    assert any("radar" in name and name.endswith("vv.tif") for name in inputs)
