"""Cross-validation of the classifier in folds, with the no-skill floors beside every score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.legend import Legend
from imagery.calibration import Method, brier_score, cross_calibrated, fit_calibration
from imagery.classifier import softmax
from imagery.coarse import CoarsePlaces, held_at_cells, taken_labels
from imagery.ensemble import Ensemble, EnsembleSettings, fit_ensemble
from imagery.floor import greenness_threshold, majority, other_period
from imagery.score import score
from imagery.screening import suspect_labels
from imagery.smoothing import LEAST_PROBABILITY
from imagery.tuning import best_of, candidates

__all__ = [
    "CrossScores",
    "LabelledFeatures",
    "MadePlaces",
    "coarse_agreement",
    "cross_predict",
    "cross_scores",
    "fitted_on",
    "nested_scores",
    "tuned",
    "validate",
    "validation_rows",
]

LEAST_REVISITED = 0.5
"""Share of the places that must have been visited in another period for that to be a floor."""
_ROW = ("producers_accuracy", "users_accuracy", "f1", "reference", "predicted")
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
    prior: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Floor, such as ``last_census:coca``, to whether the crop stood there in earlier years (n)."""

    def where(self, keep: NDArray[np.bool_]) -> LabelledFeatures:
        """Return the places for which `keep` is true."""
        return LabelledFeatures(
            planes=self.planes[:, keep],
            names=self.names,
            unit_id=self.unit_id[keep],
            period=self.period[keep],
            code=self.code[keep],
            prior={name: stood[keep] for name, stood in self.prior.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MadePlaces:
    """n places that were made of labelled ones: they teach, and are never judged on."""

    planes: NDArray[np.float32]
    """Features, shape (k, n)."""
    code: NDArray[np.uint8]
    """Class code (n)."""
    period: NDArray[np.str_]
    """Period (n)."""
    fold: NDArray[np.int64]
    """Fold of the places they are made of (n)."""
    coarse: CoarsePlaces | None = None
    """Places in coarse cells, which teach what a first classifier is sure of."""

    @classmethod
    def none(cls, data: LabelledFeatures) -> MadePlaces:
        """Return no such places, with the features of others."""
        return cls(
            planes=data.planes[:, :0], code=data.code[:0], period=data.period[:0], fold=np.zeros(0, dtype=np.int64)
        )

    @classmethod
    def all_of(cls, parts: Sequence[MadePlaces]) -> MadePlaces:
        """Return the places of all parts, one after the other."""
        return cls(
            planes=np.concatenate([part.planes for part in parts], axis=1),
            code=np.concatenate([part.code for part in parts]),
            period=np.concatenate([part.period for part in parts]),
            fold=np.concatenate([part.fold for part in parts]),
        )

    def where(self, keep: NDArray[np.bool_]) -> MadePlaces:
        """Return the places for which `keep` is true."""
        return replace(
            self, planes=self.planes[:, keep], code=self.code[keep], period=self.period[keep], fold=self.fold[keep]
        )

    def without(self, fold: int, period: str | None = None) -> MadePlaces:
        """Return the places that no place of a fold had a part in, of one period or of all."""
        kept = (self.fold != fold) & (True if period is None else self.period == period)
        coarse = self.coarse
        if coarse is not None:
            coarse = coarse.where((coarse.fold != fold) & (True if period is None else coarse.period == period))
        return replace(self.where(kept), coarse=coarse)


class CrossScores(NamedTuple):
    """What was said of n places by classifiers that were taught without them."""

    codes: tuple[int, ...]
    """Class codes (K)."""
    scores: NDArray[np.float64]
    """Log probabilities up to a constant, shape (K, n)."""
    predicted: NDArray[np.uint8]
    """The class chosen (n)."""


def fitted_on(data: LabelledFeatures, settings: EnsembleSettings, made: MadePlaces | None = None) -> Ensemble:
    """Return the classifiers that labelled places teach, together with those made of them and with coarse cells."""
    if made is None:
        return fit_ensemble(data.planes, data.code, data.names, settings)
    planes, code = np.concatenate([data.planes, made.planes], axis=1), np.concatenate([data.code, made.code])
    first = fit_ensemble(planes, code, data.names, settings)
    coarse = made.coarse
    if coarse is None or not len(coarse.cell) or coarse.crop not in first.codes:
        return first
    taken = taken_labels(first.probabilities(coarse.planes), first.codes, coarse)
    planes = np.concatenate([planes, coarse.planes[:, taken > 0]], axis=1)
    return fit_ensemble(planes, np.concatenate([code, taken[taken > 0]]), data.names, settings)


def coarse_agreement(
    data: LabelledFeatures, fold: NDArray[np.int64], settings: EnsembleSettings, made: MadePlaces
) -> dict[str, float] | None:
    """Return how classifiers taught without a fold agree with the densities of its cells; None without any."""
    coarse = made.coarse
    if coarse is None or not len(coarse.cell):
        return None
    said = np.zeros(len(coarse.cell), dtype=np.bool_)
    for number in np.unique(coarse.fold):
        fitted = fitted_on(data.where(fold != number), settings, made.without(int(number)))
        held = coarse.fold == number
        said[held] = fitted.predict(np.ascontiguousarray(coarse.planes[:, held])) == coarse.crop
    return held_at_cells(said, coarse)


def validate(
    data: LabelledFeatures,
    fold: NDArray[np.int64],
    *,
    made: MadePlaces | None = None,
    legend: Legend,
    settings: EnsembleSettings,
    method: Method = "platt",
    transfer: bool = True,
    tune: bool = False,
) -> dict[str, Any]:
    """Return out-of-fold scores over all periods and for each, with the floors, as plain JSON values.

    Parameters
    ----------
    data
        Labelled places.
    fold
        Fold of each (n).
    made
        Places made of them, which teach with the folds they are made of.
    legend
        Names and codes.
    settings
        Which classifiers are fitted, and how.
    method
        How the crops' probabilities are calibrated.
    transfer
        Whether to try how well each period is mapped by what another one teaches.
    tune
        Whether the settings are chosen anew for each fold from `imagery.tuning.candidates`, without it.

    Raises
    ------
    QualityGateError
        If a crop has no reference unit in a period.
    """
    options = candidates(settings) if tune else (settings,)
    codes, scores, predicted = nested_scores(data, fold, options, legend, made)
    probability = softmax(scores)
    floors = {
        name: values
        for crop in legend.crops
        for name, values in _floors(data, fold, crop, legend.code(crop)).items()
    }
    overall = score(data.code, predicted, _scored(data.code, legend)).record()
    floor_records = {name: _floor_record(data.code, values, legend) for name, values in floors.items()}
    members = {name: data.period == name for name in np.unique(data.period).tolist()}
    return {
        "scores": overall,
        "periods": {
            name: score(data.code[of], predicted[of], _scored(data.code[of], legend)).record()
            for name, of in members.items()
        },
        "floors": floor_records,
        "period_floors": {
            period: {
                name: _floor_record(data.code[of], (crop, values[of]), legend)
                for name, (crop, values) in floors.items()
            }
            for period, of in members.items()
        },
        "beats_every_floor": {crop: _beats(overall, floor_records, crop) for crop in legend.crops},
        "suspects": [*_suspects(data, probability, codes, legend)],
        "transfer": _transfer(data, fold, legend, settings, made) if transfer else [],
        "calibration": {
            crop: _calibration(probability, codes, data.code == legend.code(crop), legend.code(crop), fold, method)
            for crop in legend.crops
        },
        "floor_rules": {crop: _rules(data, legend.code(crop)) for crop in legend.crops},
    }


def validation_rows(validation: Mapping[str, Any], crops: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield one row for each period, crop and rule: the classifier first, then its floors, from `validate`."""
    for period, scores in validation["periods"].items():
        for crop in crops:
            rules = {"classifier": scores["classes"][crop]}
            rules |= {
                name.removesuffix(f":{crop}"): record
                for name, record in validation["period_floors"][period].items()
                if record["crop"] == crop
            }
            for rule, record in rules.items():
                yield {"period": period, "crop": crop, "rule": rule, **{key: record[key] for key in _ROW}}


def cross_predict(
    data: LabelledFeatures,
    fold: NDArray[np.int64],
    settings: EnsembleSettings,
    made: MadePlaces | None = None,
) -> NDArray[np.uint8]:
    """Return the class of every place as predicted without its own fold."""
    return cross_scores(data, fold, settings, made).predicted


def cross_scores(
    data: LabelledFeatures,
    fold: NDArray[np.int64],
    settings: EnsembleSettings,
    made: MadePlaces | None = None,
) -> CrossScores:
    """Return log probabilities of every place as the other folds teach them.

    A class that the other folds lack has the least probability.
    """
    codes = tuple(int(code) for code in np.unique(data.code))
    scores = np.full((len(codes), len(data.code)), np.log(LEAST_PROBABILITY))
    predicted = np.zeros(len(data.code), dtype=np.uint8)
    for number in np.unique(fold):
        held = fold == number
        fitted = fitted_on(data.where(~held), settings, _without(made, number))
        rows = np.searchsorted(codes, fitted.codes)
        logs = fitted.scores(np.ascontiguousarray(data.planes[:, held]))
        scores[np.ix_(rows, held)], predicted[held] = logs, fitted.chosen(logs)
    return CrossScores(codes, scores, predicted)


def _without(made: MadePlaces | None, number: int) -> MadePlaces | None:
    """Return the made places that no place of a fold had a part in."""
    return None if made is None else made.without(number)


def tuned(
    data: LabelledFeatures,
    fold: NDArray[np.int64],
    options: Sequence[EnsembleSettings],
    legend: Legend,
    made: MadePlaces | None = None,
) -> EnsembleSettings:
    """Return the settings whose out-of-fold F1, averaged over the crops, is highest."""
    if len(options) == 1:
        return options[0]

    def crop_f1(settings: EnsembleSettings) -> float:
        predicted = cross_predict(data, fold, settings, made)
        here = [(data.code == legend.code(crop), predicted == legend.code(crop)) for crop in legend.crops]
        return float(np.mean([_f1(*pair) for pair in here]))

    return best_of(options, crop_f1)[0]


def nested_scores(
    data: LabelledFeatures,
    fold: NDArray[np.int64],
    options: Sequence[EnsembleSettings],
    legend: Legend,
    made: MadePlaces | None = None,
) -> CrossScores:
    """Return log probabilities of every place by settings that were chosen and taught without its fold."""
    if len(options) == 1:
        return cross_scores(data, fold, options[0], made)
    codes = tuple(int(code) for code in np.unique(data.code))
    scores = np.full((len(codes), len(data.code)), np.log(LEAST_PROBABILITY))
    predicted = np.zeros(len(data.code), dtype=np.uint8)
    for number in np.unique(fold):
        held = fold == number
        taught, others = data.where(~held), _without(made, number)
        chosen = tuned(taught, fold[~held], options, legend, others)
        fitted = fitted_on(taught, chosen, others)
        rows = np.searchsorted(codes, fitted.codes)
        logs = fitted.scores(np.ascontiguousarray(data.planes[:, held]))
        scores[np.ix_(rows, held)], predicted[held] = logs, fitted.chosen(logs)
    return CrossScores(codes, scores, predicted)


def _suspects(
    data: LabelledFeatures, probability: NDArray[np.float64], codes: Sequence[int], legend: Legend
) -> Iterator[dict[str, Any]]:
    """Yield the labels that the other places contradict."""
    found = suspect_labels(probability, codes, data.code)
    for row, likely, given, other in zip(found.row, found.likely, found.p_given, found.p_likely, strict=True):
        yield {
            "unit_id": str(data.unit_id[row]),
            "period": str(data.period[row]),
            "label": legend.name(int(data.code[row])),
            "likely": legend.name(int(likely)),
            "p_label": round(float(given), 6),
            "p_likely": round(float(other), 6),
        }


def _transfer(
    data: LabelledFeatures,
    fold: NDArray[np.int64],
    legend: Legend,
    settings: EnsembleSettings,
    made: MadePlaces | None,
) -> list[dict[str, Any]]:
    """Return how much F1 falls when a period is mapped by what another one alone teaches.

    Both are judged on the same places, and neither was taught on their land, in whatever period.
    """
    names = np.unique(data.period).tolist()
    if len(names) < 2:
        return []
    predicted = {name: np.zeros(len(data.code), dtype=np.uint8) for name in names}
    for name in names:
        for number in np.unique(fold):
            held, taught = fold == number, (fold != number) & (data.period == name)
            if len(np.unique(data.code[taught])) < 2:
                continue
            others = None if made is None else made.without(number, name)
            fitted = fitted_on(data.where(taught), settings, others)
            predicted[name][held] = fitted.predict(np.ascontiguousarray(data.planes[:, held]))
    rows = []
    for source in names:
        for target in (name for name in names if name != source):
            of = data.period == target
            for crop in legend.crops:
                here = data.code[of] == legend.code(crop)
                own, other = (_f1(here, predicted[name][of] == legend.code(crop)) for name in (target, source))
                row = {"from": source, "to": target, "crop": crop, "f1_within": own, "f1_transfer": other}
                rows.append(row | {"drop": own - other})
    return rows


def _f1(here: NDArray[np.bool_], said: NDArray[np.bool_]) -> float:
    total = int(here.sum() + said.sum())
    return 2 * int((here & said).sum()) / total if total else 0.0


def _calibration(
    probability: NDArray[np.float64],
    codes: Sequence[int],
    here: NDArray[np.bool_],
    code: int,
    fold: NDArray[np.int64],
    method: Method,
) -> dict[str, Any]:
    """Return the calibration of a crop, and its Brier score before and after, judged across the folds."""
    p = probability[list(codes).index(code)]
    return {
        **fit_calibration(p, here, method).record(),
        "brier_before": brier_score(p, here),
        "brier_after": brier_score(cross_calibrated(p, here, fold, method), here),
    }


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
    if (elsewhen >= 0).mean() >= LEAST_REVISITED:
        floors[f"same_as_other_period:{crop}"] = (crop, elsewhen)
    for name, stood in data.prior.items():
        if name.endswith(f":{crop}"):
            floors[name] = (crop, np.where(stood, code, -1))
    return floors


def _rules(data: LabelledFeatures, code: int) -> dict[str, Any]:
    """Return the floors that a map can be made of, fitted on all places: majority class and greenness cut."""
    rules: dict[str, Any] = {"majority_class": majority(data.code)}
    green = [row for row, name in enumerate(data.names) if _is_greenness(name)]
    if green and (data.code == code).any():
        rule = greenness_threshold(data.planes, data.code == code, green)
        if np.isfinite(rule.value):
            rules["greenness_threshold"] = {
                "feature": data.names[rule.feature],
                "value": rule.value,
                "above": rule.above,
            }
    return rules


def _is_greenness(name: str) -> bool:
    """Say whether a feature is a plain level of greenness, of a window or the season; no change, no texture."""
    parts = name.split("_")
    level = parts[:-1] if parts[-1] == "mean" or (parts[-1][:1] == "p" and parts[-1][1:].isdigit()) else parts
    return parts[0] != "texture" and "to" not in parts and level[-1] in GREENNESS


def _floor_record(
    reference: NDArray[np.uint8], floor: tuple[str, NDArray[np.int64]], legend: Legend
) -> dict[str, Any]:
    crop, values = floor
    code = legend.code(crop)
    said = (values == code).astype(np.int64)
    record = score((reference == code).astype(np.int64), said, {"other": 0, crop: 1}).record()["classes"][crop]
    full = bool((values >= 0).all())
    return {"crop": crop, **record, "overall_accuracy": float((values == reference).mean()) if full else None}


def _beats(overall: Mapping[str, Any], floors: Mapping[str, Mapping[str, Any]], crop: str) -> bool:
    rivals: Sequence[float] = [entry["f1"] for entry in floors.values() if entry["crop"] == crop]
    return bool(overall["classes"][crop]["f1"] > max(rivals, default=0.0))
