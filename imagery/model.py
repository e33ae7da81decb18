"""A trained model as data: trees, features, sensor, profile, settings and validation, in text and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from geo.blocks import BLOCK_SIZE
from geo.errors import InputError, Problem, reason
from geo.files import write_text
from geo.json_text import read_json
from imagery.calibration import Calibration, Method
from imagery.classifier import BoostSettings
from imagery.ensemble import Ensemble, EnsembleSettings, Kind
from imagery.features import COMPOSITE_INDICES, SEASON_INDICES, Composite, FeatureSpec
from imagery.floor import Threshold
from imagery.forest import ForestSettings
from imagery.profile import CropProfile
from imagery.radar import RadarSpec, RadarView
from imagery.sensor import Sensor

__all__ = ["ClassifySettings", "TrainedModel"]

_MALFORMED = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What a record that is none makes Python raise; the errors of pydantic are among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifySettings:
    """How the classifier is made and used."""

    ensemble: EnsembleSettings = field(default_factory=EnsembleSettings)
    """Which classifiers are fitted, and how."""
    calibration: Method = "platt"
    """How the crops' probabilities are calibrated."""
    tune: bool = False
    """Whether members and sizes of trees are chosen in folds, within the folds they are judged in."""
    transfer: bool = True
    """Whether to try how well each period is mapped by what another one teaches."""
    folds: int = 5
    """Spatial folds."""
    fold_block_m: float = 600.0
    """Side of the blocks that folds are made of."""
    minimum_mapping_unit_ha: float = 0.0
    """Smaller patches of the class map are merged into their neighbours."""
    min_valid: int = 3
    """Fewest clear observations with which a cell is classified."""
    radar_min_valid: int | None = None
    """Radar images with which a cell counts as seen though seen clear too seldom; None for never."""
    cloud_buffer_m: float = 60.0
    """Growth of cloud and shadow masks."""
    texture_radii: tuple[int, ...] = (1, 3)
    """Half sides of the texture windows in cells; empty for none."""
    harmonics: int = 2
    """Yearly harmonics fitted to the season."""
    composite: Composite = "median"
    """What stands for a season window."""
    window_percents: tuple[float, ...] = ()
    """Percentiles of every band within each window."""
    phenology: bool = True
    """Whether the dates of the season are features."""
    disturbance: bool = True
    """Whether falls, rises and the distance from the seasonal curve are features."""
    border_cells: int = 8
    """Border cells made of pairs of labelled places, for each place; 0 for none."""
    composite_indices: tuple[str, ...] = COMPOSITE_INDICES
    """Spectral indices of each window."""
    season_indices: tuple[str, ...] = SEASON_INDICES
    """Spectral indices followed through the season."""
    smoothing_cells: float = 0.5
    """Width of the neighbourhood over which probabilities are pooled, cells; 0 for none."""
    block_size: int = BLOCK_SIZE
    """Side of the blocks worked on; sets the memory and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A classifier with everything needed to use it again."""

    classifier: Ensemble
    """The classifiers, heard as one."""
    spec: FeatureSpec
    """The features they take."""
    sensor: Sensor
    """The sensor they were taught on."""
    profile: CropProfile
    """Legend and season windows."""
    settings: ClassifySettings
    """How they were made."""
    validation: Mapping[str, Any]
    """Scores in spatial folds and the floors, as plain JSON values."""
    radar: RadarView | None = None
    """A radar whose features stand beside those of the sensor."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all features, in order."""
        return self.spec.names + (self.radar.spec.names if self.radar is not None else ())

    @property
    def halo(self) -> int:
        """Cells around a block that its features look at."""
        return max(self.spec.halo, self.radar.spec.radius if self.radar is not None else 0)

    def calibration(self, crop: str) -> Calibration:
        """Return how the probability of a crop is calibrated."""
        content = dict(self.validation.get("calibration", {}).get(crop, {}))
        for score in ("brier_before", "brier_after"):
            content.pop(score, None)
        return Calibration.read(content) if content else Calibration(method="none")

    def greenness_rule(self, crop: str) -> Threshold | None:
        """Return the greenness threshold of a crop, fitted on all places; None where there is none."""
        rule = self.validation.get("floor_rules", {}).get(crop, {}).get("greenness_threshold")
        if rule is None:
            return None
        feature = self.spec.names.index(rule["feature"])
        return Threshold(feature=feature, value=rule["value"], above=rule["above"], f1=float("nan"))

    def save(self, folder: Path) -> None:
        """Write each classifier as text, such as ``boosted_trees.txt``, and ``model.json`` with everything else."""
        for kind, text in self.classifier.texts.items():
            write_text(folder / f"{kind}.txt", text)
        write_text(folder / "model.json", self._json())

    @property
    def fingerprint(self) -> str:
        """The hash of everything that it says of a cell."""
        return sha256(self._json().encode()).hexdigest()

    def _json(self) -> str:
        texts = self.classifier.texts
        content = {
            "members_sha256": {kind: sha256(text.encode()).hexdigest() for kind, text in texts.items()},
            "codes": self.classifier.codes,
            "class_weights": self.classifier.weights,
            "features": self.names,
            "spec": asdict(self.spec),
            "sensor": self.sensor.model_dump(mode="json"),
            "radar": None if self.radar is None else _radar_record(self.radar),
            "profile": self.profile.model_dump(mode="json"),
            "settings": asdict(self.settings),
            "validation": self.validation,
        }
        return json.dumps(content, indent=2, sort_keys=True) + "\n"

    @classmethod
    def load(cls, folder: Path) -> TrainedModel:
        """Read a model back.

        Raises
        ------
        InputError
            If a file is missing or the two do not belong together.
        """
        try:
            content = read_json(folder / "model.json")
            told: Mapping[str, str] = content["members_sha256"]
            order: Sequence[Kind] = content["settings"]["ensemble"]["members"]
            texts: dict[str, str] = {kind: (folder / f"{kind}.txt").read_bytes().decode("utf-8") for kind in order}
        except _MALFORMED as error:
            raise _no_model(folder, error) from error
        if told != {kind: sha256(text.encode()).hexdigest() for kind, text in texts.items()}:
            raise InputError(
                Problem(str(folder), "model.json and classifiers of different models", "one model", "train again")
            )
        try:
            return cls._of(content, texts)
        except _MALFORMED as error:
            raise _no_model(folder, error) from error

    @classmethod
    def _of(cls, content: Mapping[str, Any], texts: Mapping[str, str]) -> TrainedModel:
        """Return the model of a record; an error of Python where the record is none."""
        settings = content["settings"]
        model = cls(
            classifier=Ensemble.read(texts, content["codes"], content["class_weights"]),
            spec=_spec(content["spec"]),
            sensor=Sensor.model_validate(content["sensor"]),
            profile=CropProfile.model_validate(content["profile"]),
            settings=ClassifySettings(**_tuples(settings | {"ensemble": _ensemble(settings["ensemble"])})),
            validation=content["validation"],
            radar=None if content["radar"] is None else _radar(content["radar"]),
        )
        if list(model.names) != list(content["features"]):
            raise ValueError("features of another model")
        for crop in model.validation.get("calibration", {}):
            model.calibration(crop)
        for crop in model.validation.get("floor_rules", {}):
            model.greenness_rule(crop)
        return model


def _no_model(folder: Path, error: Exception) -> InputError:
    found = f"no whole model ({reason(error)})"
    return InputError(Problem(str(folder), found, "model.json and its classifiers", "train again"))


def _radar_record(view: RadarView) -> dict[str, Any]:
    return {
        "sensor": view.sensor.model_dump(mode="json"),
        "spec": asdict(view.spec),
        "min_valid": view.min_valid,
    }


def _radar(content: Mapping[str, Any]) -> RadarView:
    return RadarView(
        sensor=Sensor.model_validate(content["sensor"]),
        spec=RadarSpec(**_tuples(content["spec"])),
        min_valid=content["min_valid"],
    )


def _spec(content: Mapping[str, Any]) -> FeatureSpec:
    pairs = tuple((before, after) for before, after in content["contrasts"])
    return FeatureSpec(**_tuples(content) | {"contrasts": pairs})


def _ensemble(content: Mapping[str, Any]) -> EnsembleSettings:
    return EnsembleSettings(
        members=tuple(content["members"]),
        boost=BoostSettings(**content["boost"]),
        forest=ForestSettings(**content["forest"]),
        balance=content["balance"],
    )


def _tuples(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with lists as tuples, as they were before JSON."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
