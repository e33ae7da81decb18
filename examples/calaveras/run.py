"""Calaveras: plots on photographs of 0.6 m, with whole parcels as folds, scored by cell and by object.

What is written has no coordinates and no parcel names (tier 0: field use).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from examples.calaveras.parcels import (
    IGNORED,
    OUTSIDE,
    Parcel,
    Setting,
    feature_names,
    features,
    read_parcels,
    read_setting,
)
from examples.calaveras.scoring import areas, by_parcel, cell_scores, earlier_scores, object_scores, smallest
from geo.files import write_text
from imagery.class_map import sieved
from imagery.classifier import BoostSettings
from imagery.ensemble import EnsembleSettings, fit_ensemble
from imagery.floor import Threshold, greenness_threshold
from imagery.fold import spatial_folds
from imagery.object_score import ObjectScore
from imagery.segment import Segmenter, SegmentSettings, fit_segmenter, is_available

CUTS = np.arange(0.1, 0.96, 0.05)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Cells drawn for training."""

    planes: NDArray[np.float32]
    """Features, shape (k, n)."""
    code: NDArray[np.int64]
    """Classes (n)."""
    parcel: NDArray[np.int64]
    """Parcel of each (n)."""


def main(survey: Path, out: Path) -> None:
    """Classify every parcel by what the others teach, and write the scores."""
    setting = read_setting(survey)
    parcels = read_parcels(setting)
    sample = draw(setting, parcels)
    fold = parcel_folds(setting, sample)
    probability, floors, green = predict(setting, parcels, sample, fold)
    cuts = fold_cuts(setting, parcels, probability, fold)
    maps = [
        class_map(setting, parcel, p, cuts[fold[number]])
        for number, (parcel, p) in enumerate(zip(parcels, probability, strict=True))
    ]
    scores = {
        "tier": 0,
        "method": f"{setting.config['validation']['folds']} folds of whole parcels",
        "parcels": len(parcels),
        "cells": cell_scores(setting, parcels, maps),
        "objects": {name: one.record() for name, one in object_scores(setting, parcels, maps).items()},
        "floor_greenness_f1": floors,
        "floor_objects": {
            rule: {name: one.record() for name, one in found.items()}
            for rule, found in object_floors(setting, parcels, green).items()
        },
        "area_ha": areas(setting, parcels, maps),
    }
    write_text(out / "estimates" / "scores.json", json.dumps(scores, indent=1))
    write_text(out / "estimates" / "parcels.csv", by_parcel(setting, parcels, maps).to_csv(index=False))
    print(report(scores))


def draw(setting: Setting, parcels: list[Parcel]) -> Sample:
    """Draw training cells of every class in every parcel."""
    rng = np.random.default_rng(setting.config["seed"])
    radii, sizes = setting.config["features"]["radii"], setting.config["training"]
    planes, codes, numbers = [], [], []
    for number, parcel in enumerate(parcels):
        flat = features(parcel, radii).reshape(len(feature_names(radii)), -1)
        for name, code in setting.classes.items():
            cells = np.flatnonzero(parcel.code.ravel() == code)
            most = sizes["other" if name == "other" else "crop"]
            chosen = np.sort(rng.choice(cells, min(most, cells.size), replace=False))
            planes.append(flat[:, chosen])
            codes.append(np.full(chosen.size, code))
            numbers.append(np.full(chosen.size, number))
    return Sample(planes=np.hstack(planes), code=np.concatenate(codes), parcel=np.concatenate(numbers))


def parcel_folds(setting: Setting, sample: Sample) -> NDArray[np.int64]:
    """Return the fold of every parcel; each fold holds every crop."""
    of_cell = spatial_folds(
        sample.parcel,
        sample.code,
        np.full(sample.code.size, setting.config["period"]),
        folds=setting.config["validation"]["folds"],
        positives=list(setting.crops.values()),
        rng=np.random.default_rng(setting.config["seed"]),
    )
    return np.asarray(of_cell[np.unique(sample.parcel, return_index=True)[1]])


def predict(
    setting: Setting, parcels: list[Parcel], sample: Sample, fold: NDArray[np.int64]
) -> tuple[list[NDArray[np.float32]], dict[str, float], list[NDArray[np.uint8]]]:
    """Return smoothed probabilities of the crops in every parcel, the F1 of the greenness floor, and its maps.

    All come from the other folds alone.
    """
    radii = setting.config["features"]["radii"]
    names = feature_names(radii)
    is_taught = teaches_network(setting)
    boost = BoostSettings(**setting.config["classifier"])
    # A discriminant beside the trees made it worse here: cells of a photograph are no bell-shaped clouds
    settings = EnsembleSettings(members=("boosted_trees",), boost=boost).with_seed(setting.config["seed"])
    green: list[NDArray[np.uint8]] = [np.empty(0, dtype=np.uint8)] * len(parcels)
    of_cell = fold[sample.parcel]
    probability: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(parcels)
    hits = {name: np.zeros(3) for name in setting.crops}
    for number in np.unique(fold):
        taught = of_cell != number
        classifier = fit_ensemble(sample.planes[:, taught], sample.code[taught], names, settings)
        rules = floor_rules(setting, sample, taught, names)
        network = teach(setting, [parcels[n] for n in np.flatnonzero(fold != number)]) if is_taught else None
        for held in np.flatnonzero(fold == number):
            planes = features(parcels[held], radii)
            flat = planes.reshape(len(names), -1)
            raw = classifier.probabilities(flat)[: len(setting.crops)].reshape(-1, *planes.shape[1:])
            if network is not None:
                raw = (raw + network.probabilities(parcels[held].photograph)[: len(raw)]) / 2
            probability[held] = smoothed(raw, parcels[held].code != OUTSIDE, setting.config["map"]["smooth_cells"])
            green[held] = floor_map(setting, parcels[held], flat, rules)
            for name, rule in rules.items():
                hits[name] += floor_counts(rule, flat, parcels[held].code.ravel(), setting.crops[name])
    return probability, {name: float(2 * h[0] / (h[1] + h[2])) for name, h in hits.items()}, green


def teaches_network(setting: Setting) -> bool:
    """Say whether a network is taught beside the trees; say so where it is asked for and cannot be."""
    if not setting.config["network"]["steps"]:
        return False
    if not is_available():
        print("torch is not installed: the network is left out")
        return False
    return True


def teach(setting: Setting, parcels: list[Parcel]) -> Segmenter:
    """Teach a network on whole parcels; what is outside or ignored teaches nothing."""
    settings = SegmentSettings(seed=setting.config["seed"], **setting.config["network"])
    large = [parcel for parcel in parcels if min(parcel.code.shape) >= settings.tile]
    codes = tuple(setting.classes.values())
    return fit_segmenter([one.photograph for one in large], [one.code for one in large], codes, settings)


def object_floors(
    setting: Setting, parcels: list[Parcel], green: list[NDArray[np.uint8]]
) -> dict[str, dict[str, ObjectScore]]:
    """Return what rules without a classifier find by object.

    The only earlier census is that of the abandoned plots, so that the last one and any one are the same.
    """
    nothing = [
        np.where(parcel.code == OUTSIDE, OUTSIDE, setting.classes["other"]).astype(np.uint8) for parcel in parcels
    ]
    return {
        "majority_class": object_scores(setting, parcels, nothing),
        "last_census": earlier_scores(setting, parcels),
        "greenness_threshold": object_scores(setting, parcels, green),
    }


def floor_map(
    setting: Setting, parcel: Parcel, flat: NDArray[np.float32], rules: dict[str, Threshold]
) -> NDArray[np.uint8]:
    """Return the map that the greenness thresholds make, smoothed and sieved as the classifier's is."""
    seen = parcel.code != OUTSIDE
    said = np.stack([rule.holds(flat).reshape(seen.shape) for rule in rules.values()]).astype(np.float64)
    share = smoothed(said, seen, setting.config["map"]["smooth_cells"])
    return class_map(setting, parcel, share, np.full(len(rules), 0.5))


def floor_rules(
    setting: Setting, sample: Sample, taught: NDArray[np.bool_], names: list[str]
) -> dict[str, Threshold]:
    """Return the best threshold on one greenness feature for each crop."""
    green = [names.index(name) for name in ("ndvi", "greenness")]
    return {
        name: greenness_threshold(sample.planes[:, taught], sample.code[taught] == code, green)
        for name, code in setting.crops.items()
    }


def floor_counts(rule: Threshold, flat: NDArray[np.float32], code: NDArray[np.uint8], crop: int) -> Any:
    """Return hits, cells the rule takes, and cells of the crop, among those that are scored."""
    scored = (code != OUTSIDE) & (code != IGNORED)
    taken, is_crop = rule.holds(flat) & scored, code == crop
    return np.array([(taken & is_crop).sum(), taken.sum(), is_crop.sum()], dtype=float)


def smoothed(probability: NDArray[np.float64], seen: NDArray[np.bool_], size: int) -> NDArray[np.float32]:
    """Return the mean probability of the cells around, over those inside the parcel."""
    weight = np.maximum(ndimage.uniform_filter(seen.astype(float), size), 1e-9)
    means = [ndimage.uniform_filter(layer * seen, size) / weight for layer in probability]
    return np.stack(means).astype(np.float32)


def fold_cuts(
    setting: Setting, parcels: list[Parcel], probability: list[NDArray[np.float32]], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return for each fold the cut of each crop's probability with the best F1 in the other folds.

    Returns
    -------
    ndarray, shape (folds, crops)
    """
    counts = np.zeros((int(fold.max()) + 1, len(setting.crops), CUTS.size, 3))
    for number, (parcel, layers) in enumerate(zip(parcels, probability, strict=True)):
        scored = (parcel.code != OUTSIDE) & (parcel.code != IGNORED)
        for crop, code in enumerate(setting.crops.values()):
            p, is_crop = layers[crop][scored], parcel.code[scored] == code
            taken = p[:, None] > CUTS
            rows = [taken[is_crop].sum(axis=0), taken.sum(axis=0), np.full(CUTS.size, is_crop.sum())]
            counts[fold[number], crop] += np.stack(rows, axis=1)
    others = counts.sum(axis=0) - counts
    f1 = 2 * others[..., 0] / np.maximum(others[..., 1] + others[..., 2], 1)
    return np.asarray(CUTS[f1.argmax(axis=-1)])


def class_map(
    setting: Setting, parcel: Parcel, probability: NDArray[np.float32], cuts: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return the class map of a parcel with no patch below the minimum mapping unit."""
    margin = probability - cuts[:, None, None]
    codes = np.array(list(setting.crops.values()), dtype=np.uint8)
    best = codes[margin.argmax(axis=0)]
    mapped = np.where(margin.max(axis=0) > 0, best, np.uint8(setting.classes["other"]))
    mapped = np.where(parcel.code == OUTSIDE, np.uint8(OUTSIDE), mapped)
    return sieved(mapped, smallest(setting, parcel))


def report(scores: dict[str, Any]) -> str:
    """Return what a reader should see first."""
    lines = [f"{scores['parcels']} parcels, {scores['method']}; abandoned plots are in no score"]
    for name, found in scores["objects"].items():
        cell, area, floor = (
            scores["cells"]["classes"][name],
            scores["area_ha"][name],
            scores["floor_greenness_f1"][name],
        )
        both = f"user's {cell['users_accuracy'] or 0:.2f}, producer's {cell['producers_accuracy']:.2f}"
        lines.append(f"{name} by cell: F1 {cell['f1']:.2f} ({both}); a greenness threshold reaches {floor:.2f}")
        floors = {rule: found[name]["f1"] or 0.0 for rule, found in scores["floor_objects"].items()}
        best = max(floors, key=lambda rule: floors[rule])
        count = f"{found['found']} of {found['reference']} plots found"
        alarms = f"{found['predicted'] - found['found']} false alarms, F1 {found['f1'] or 0:.2f}"
        lines.append(
            f"{name} by object (overlap {found['least_iou']:g} or more): {count}, {alarms}; "
            f"best floor {floors[best]:.2f} ({best})"
        )
        lines.append(
            f"{name}: {area['counted']:.1f} ha counted on the map (no estimate), {area['drawn']:.1f} ha drawn"
        )
    return "\n".join(lines)
