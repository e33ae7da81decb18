"""The model card: a STAC item that other programs take."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

import numpy as np
import pystac
import pytest
from pydantic import ValidationError
from stac_model.schema import MLModelProperties

from imagery.classifier import BoostSettings
from imagery.ensemble import EnsembleSettings, fit_ensemble
from imagery.features import feature_spec
from imagery.model import ClassifySettings, TrainedModel
from imagery.model_card import model_item
from imagery.profile import load_profile
from imagery.radar import RadarSpec, RadarView
from imagery.sensor import load_sensor

PROFILE = load_profile("andes-coca")
SENSOR = load_sensor("sentinel-2-l2a")
RADAR = load_sensor("sentinel-1-rtc")


@pytest.fixture(name="item", scope="module")
def fixture_item() -> dict[str, Any]:
    """Return the card of a model with a radar."""
    windows = tuple(window.name for window in PROFILE.windows)
    spec = feature_spec(SENSOR, windows)
    view = RadarView(sensor=RADAR, spec=RadarSpec(windows=windows, bands=RADAR.common), min_valid=10)
    names = spec.names + view.spec.names
    rng = np.random.default_rng(1)
    code = np.repeat(np.array([1, 2, 6], dtype=np.uint8), 30)
    planes = rng.normal(code, 1.0, (len(names), 90)).astype(np.float32)
    settings = ClassifySettings(ensemble=EnsembleSettings(boost=BoostSettings(trees=3), balance="root"))
    model = TrainedModel(
        classifier=fit_ensemble(planes, code, names, settings.ensemble),
        spec=spec,
        sensor=SENSOR,
        profile=PROFILE,
        settings=settings,
        validation={"method": "5 folds", "training_units": 90},
        radar=view,
    )
    periods = [(date(2021, 1, 1), date(2021, 12, 31)), (date(2024, 1, 1), date(2024, 12, 31))]
    return model_item(model, name="test", bounds=(-74.1, 1.2, -74.0, 1.3), periods=periods, note="a note")


def test_the_item_is_stac(item: dict[str, Any]) -> None:
    """Independent program: the core schema of STAC 1.1 that comes with pystac; its extensions are on the web."""
    plain = pystac.Item.from_dict(copy.deepcopy(item) | {"stac_extensions": []})
    assert plain.validate()


def test_the_card_is_of_the_extension(item: dict[str, Any]) -> None:
    """Independent program: stac-model, the extension's own reader, takes every field and gives it back."""
    properties = {name: value for name, value in item["properties"].items() if name.startswith("mlm:")}
    again = MLModelProperties.model_validate(properties).model_dump(mode="json", by_alias=True)
    for name, value in properties.items():
        if name not in ("mlm:input", "mlm:output"):
            assert again[name] == value, name
    assert again["mlm:input"][0]["variables"] == properties["mlm:input"][0]["variables"]
    classes = again["mlm:output"][0]["classification:classes"]
    assert [(one["value"], one["name"]) for one in classes] == [(1, "coca"), (2, "coffee"), (6, "forest")]


@pytest.mark.parametrize(
    "change", [{"mlm:tasks": ["guessing"]}, {"mlm:input": [{"name": "x"}]}, {"mlm:output": "classes"}]
)
def test_a_wrong_card_would_be_told(item: dict[str, Any], change: dict[str, Any]) -> None:
    """Negative control: the reader refuses a task, an input and an output that are none."""
    properties = {name: value for name, value in item["properties"].items() if name.startswith("mlm:")}
    with pytest.raises(ValidationError):
        MLModelProperties.model_validate(properties | change)


def test_every_input_is_told(item: dict[str, Any]) -> None:
    """Law: as many variables as the model takes, the radar's among them."""
    told = item["properties"]["mlm:input"][0]
    assert told["input"]["shape"] == [-1, len(told["variables"])]
    assert "radar_season_vh_to_vv" in told["variables"]
    assert told["name"] == "features of a season of sentinel-2-l2a and sentinel-1-rtc"
    assert item["properties"]["mlm:hyperparameters"]["balance"] == "root"
