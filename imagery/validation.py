"""Cross-validation of the classifier in folds, with the no-skill floors beside every score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.legend import Legend
from imagery.classifier import BoostSettings, fit_classifier
from imagery.floor import greenness_threshold, majority, other_period
from imagery.score import score

__all__ = ["LabelledFeatures", "cross_predict", "validate"]

GREENNESS = ("NDVI", "EVI2", "GNDVI", "ndvi", "evi")
"""Indices and bands that count as greenness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFeatures:
    """n labelled places with their features."""

    planes: NDArray[np.float32]
    """Features, shape (k, n)."""
    names: tuple[str, ...]
    """Feature names (k)."""
    unit_id: NDArray[np.str_]
    """Name of the place (n)."""
    period: NDArray[np.str_]
    """Period of the label (n)."""
    code: NDArray[np.uint8]
    """Class code (n)."""
    prior: NDArray[np.bool_] | None = None
    """Whether the crop stood there in earlier years (n); None where it is not known."""

    def where(self, keep: NDArray[np.bool_]) -> LabelledFeatures:
        """Return the places for which `keep` is true."""
        return LabelledFeatures(
            planes=self.planes[:, keep],
            names=self.names,
            unit_id=self.unit_id[keep],
            period=self.period[keep],
            code=self.code[keep],
            prior=None if self.prior is None else self.prior[keep],
        )


def validate(
    data: LabelledFeatures, fold: NDArray[np.int64], *, legend: Legend, settings: BoostSettings
) -> dict[str, Any]:
    """Return out-of-fold scores over all periods and for each, with the floors, as plain JSON values.

    Parameters
    ----------
    data
        Labelled places.
    fold
        Fold of each (n).
    legend
        Names and codes.
    settings
        How trees are grown.

    Raises
    ------
    QualityGateError
        If a crop has no reference unit in a period.
    """
    predicted = cross_predict(data, fold, settings)
    floors = {
        name: values
        for crop in legend.crops
        for name, values in _floors(data, fold, crop, legend.code(crop)).items()
    }
    overall = score(data.code, predicted, _scored(data.code, legend)).record()
    floor_records = {name: _floor_record(data, values, legend) for name, values in floors.items()}
    return {
        "scores": overall,
        "periods": {
            name: score(
                data.code[data.period == name],
                predicted[data.period == name],
                _scored(data.code[data.period == name], legend),
            ).record()
            for name in np.unique(data.period).tolist()
        },
        "floors": floor_records,
        "beats_every_floor": {crop: _beats(overall, floor_records, crop) for crop in legend.crops},
    }


def cross_predict(data: LabelledFeatures, fold: NDArray[np.int64], settings: BoostSettings) -> NDArray[np.uint8]:
    """Return the class of every place as predicted without its own fold."""
    predicted = np.zeros(len(data.code), dtype=np.uint8)
    for number in np.unique(fold):
        held = fold == number
        fitted = fit_classifier(data.planes[:, ~held], data.code[~held], data.names, settings)
        predicted[held] = fitted.predict(np.ascontiguousarray(data.planes[:, held]))
    return predicted


def _scored(code: NDArray[np.uint8], legend: Legend) -> dict[str, int]:
    """Return the classes to score: every crop, and of the others those that occur."""
    present = set(code.tolist())
    return {entry.name: entry.code for entry in legend if entry.crop or entry.code in present}


def _floors(
    data: LabelledFeatures, fold: NDArray[np.int64], crop: str, code: int
) -> dict[str, tuple[str, NDArray[np.int64]]]:
    """Return the predictions of every floor for a crop: name to crop and class codes, -1 for 'not the crop'."""
    green = [row for row, name in enumerate(data.names) if _is_greenness(name)]
    common = np.full(len(data.code), -1, dtype=np.int64)
    threshold = np.full(len(data.code), -1, dtype=np.int64)
    for number in np.unique(fold):
        held = fold == number
        common[held] = majority(data.code[~held])
        if green:
            rule = greenness_threshold(data.planes[:, ~held], data.code[~held] == code, green)
            threshold[held] = np.where(rule.holds(data.planes[:, held]), code, -1)
    floors = {f"majority_class:{crop}": (crop, common)}
    if green:
        floors[f"greenness_threshold:{crop}"] = (crop, threshold)
    elsewhen = other_period(data.unit_id, data.period, data.code)
    if (elsewhen >= 0).all():
        floors[f"same_as_other_period:{crop}"] = (crop, elsewhen)
    if data.prior is not None:
        floors[f"prior_cultivation:{crop}"] = (crop, np.where(data.prior, code, -1))
    return floors


def _is_greenness(name: str) -> bool:
    parts = name.split("_")
    texture_or_curve = parts[0] == "texture" or parts[-1][:3] in ("cos", "sin")
    return not texture_or_curve and any(index in parts for index in GREENNESS)


def _floor_record(data: LabelledFeatures, floor: tuple[str, NDArray[np.int64]], legend: Legend) -> dict[str, Any]:
    crop, values = floor
    code = legend.code(crop)
    said = (values == code).astype(np.int64)
    record = score((data.code == code).astype(np.int64), said, {"other": 0, crop: 1}).record()["classes"][crop]
    full = bool((values >= 0).all())
    return {"crop": crop, **record, "overall_accuracy": float((values == data.code).mean()) if full else None}


def _beats(overall: Mapping[str, Any], floors: Mapping[str, Mapping[str, Any]], crop: str) -> bool:
    rivals: Sequence[float] = [entry["f1"] for entry in floors.values() if entry["crop"] == crop]
    return bool(overall["classes"][crop]["f1"] > max(rivals, default=0.0))
