"""The model as a STAC item of the machine-learning-model extension, so that others can find and judge it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from typing import Any

from imagery.model import TrainedModel

__all__ = ["MLM", "model_item"]

MLM = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
"""The extension."""
FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
_FRAMEWORK = {"boosted_trees": "LightGBM", "random_forest": "scikit-learn", "linear_discriminant": "scikit-learn"}


def model_item(
    model: TrainedModel,
    *,
    name: str,
    bounds: tuple[float, float, float, float],
    periods: Sequence[tuple[date, date]],
    note: str,
) -> dict[str, Any]:
    """Return the item of a model.

    Parameters
    ----------
    model
        The model.
    name
        Name of the survey it was made for.
    bounds
        West, south, east and north of the frame in degrees, rounded outwards by the caller.
    periods
        First and last day of each period it was taught on.
    note
        What a reader must know before use.

    References
    ----------
    STAC Machine Learning Model extension 1.4 (fields ``mlm:*``).
    """
    west, south, east, north = bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    kinds = list(model.classifier.texts)
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [MLM, FILE],
        "id": f"{name}-crop-map-model",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {
            "title": f"Crop map model, profile {model.profile.name}",
            "description": note,
            "datetime": None,
            "start_datetime": f"{min(first for first, _ in periods)}T00:00:00Z",
            "end_datetime": f"{max(last for _, last in periods)}T23:59:59Z",
            "mlm:name": f"{model.profile.name}: {' and '.join(kinds)}",
            "mlm:architecture": " + ".join(kinds),
            "mlm:tasks": ["semantic-segmentation"],
            "mlm:framework": _FRAMEWORK[kinds[0]],
            "mlm:framework_version": version("lightgbm" if kinds[0] == "boosted_trees" else "scikit-learn"),
            "mlm:pretrained": False,
            "mlm:accelerator": None,
            "mlm:hyperparameters": json.loads(json.dumps(_settings(model))),
            "mlm:input": [_input(model)],
            "mlm:output": [_output(model)],
            "altdev:validation": _validation(model),
        },
        "links": [],
        "assets": {
            kind: {
                "href": f"./{kind}.txt",
                "type": "text/plain",
                "title": kind.replace("_", " "),
                "roles": ["mlm:model", "mlm:weights"],
                "file:size": len(text.encode()),
            }
            for kind, text in model.classifier.texts.items()
        }
        | {
            "settings": {
                "href": "./model.json",
                "type": "application/json",
                "title": "Features, sensor, profile, settings and validation",
                "roles": ["metadata"],
            }
        },
    }


def _settings(model: TrainedModel) -> Mapping[str, Any]:
    settings = model.settings
    return {
        "members": list(settings.ensemble.members),
        "trees": settings.ensemble.boost.trees,
        "leaves": settings.ensemble.boost.leaves,
        "learning_rate": settings.ensemble.boost.learning_rate,
        "seed": settings.ensemble.seed,
        "balance": settings.ensemble.balance,
        "border_cells": settings.border_cells,
        "smoothing_cells": settings.smoothing_cells,
        "minimum_mapping_unit_ha": settings.minimum_mapping_unit_ha,
        "calibration": settings.calibration,
    }


def _input(model: TrainedModel) -> dict[str, Any]:
    return {
        "name": f"features of a season of {' and '.join(_sensors(model))}",
        "bands": [],
        "variables": list(model.names),
        "input": {"shape": [-1, len(model.names)], "dim_order": ["batch", "feature"], "data_type": "float32"},
        "description": f"made of the bands {', '.join(_bands(model))}",
    }


def _sensors(model: TrainedModel) -> list[str]:
    return [model.sensor.name, *([model.radar.sensor.name] if model.radar is not None else [])]


def _bands(model: TrainedModel) -> list[str]:
    return [*model.sensor.common, *(model.radar.sensor.common if model.radar is not None else ())]


def _output(model: TrainedModel) -> dict[str, Any]:
    codes = model.classifier.codes
    return {
        "name": "class probabilities",
        "tasks": ["semantic-segmentation"],
        "result": {"shape": [-1, len(codes)], "dim_order": ["batch", "class"], "data_type": "float64"},
        "classification:classes": [
            {"value": entry.code, "name": entry.name, "color_hint": entry.colour.removeprefix("#").upper()}
            for entry in model.profile.legend
            if entry.code in codes
        ],
    }


def _validation(model: TrainedModel) -> dict[str, Any]:
    """Return the scores in folds of land with their floors; no accuracies of the map."""
    kept = ("method", "note", "training_units", "scores", "floors", "beats_every_floor")
    return {name: model.validation[name] for name in kept if name in model.validation}
