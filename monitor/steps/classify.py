"""Steps ``train`` and ``classify``: one classifier for all periods, then a class map and probabilities for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from odc.geo.geobox import GeoBox

from geo.grid import extended
from geo.vector import read_layer
from imagery.classifier import BoostSettings
from imagery.classify import ClassifySettings, PeriodScenes, TrainedModel
from imagery.classify import train as train_model
from imagery.classify import write_maps as write_class_maps
from imagery.ensemble import EnsembleSettings
from imagery.forest import ForestSettings
from imagery.prior import prior_masks
from imagery.training import read_training
from imagery.validation import validation_rows
from monitor.context import Context, Progress
from monitor.sections import PeriodSection
from monitor.steps.imagery import kept_scenes
from monitor.tables import write_csv

__all__ = ["read_model", "train", "write_maps"]

MODEL_FOLDER = "class_map/model"


def train(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write the model, ``class_map/model/``, and its scores in spatial folds with floors, ``validation.csv``."""
    settings = context.training
    geobox = _training_grid(context)
    samples = read_training(
        settings.samples,
        layer=settings.layer,
        legend=context.profile.legend,
        periods=[period.name for period in context.survey.period],
        geobox=geobox,
    )
    model = train_model(
        {period.name: _taught_scenes(context, period, geobox) for period in context.compared},
        samples,
        geobox=geobox,
        profile=context.profile,
        sensor=context.sensor,
        settings=_settings(context),
        jobs=context.jobs,
    )
    model.save(staging / MODEL_FOLDER)
    rows = validation_rows(model.validation, context.survey.survey.crops)
    write_csv(pd.DataFrame(rows), staging / "class_map" / "validation.csv")
    progress(1, 1)
    return {"validation": dict(model.validation), "notes": list(_fold_notes(context, model))}


def _fold_notes(context: Context, model: TrainedModel) -> Iterator[str]:
    """Say for which crops the classifier is no better than a rule without skill."""
    for crop in context.survey.survey.crops:
        if not model.validation["beats_every_floor"][crop]:
            own = model.validation["scores"]["classes"][crop]["f1"]
            floors = {
                name: floor["f1"] for name, floor in model.validation["floors"].items() if floor["crop"] == crop
            }
            best = max(floors, key=lambda name: floors[name])
            yield (
                f"{crop}: the classifier loses to {best.removesuffix(f':{crop}')} in spatial folds (F1 {own:.2f} "
                f"against {floors[best]:.2f}): the strata are made without its map"
            )


def write_maps(context: Context, staging: Path, progress: Progress, *, period: PeriodSection) -> Mapping[str, Any]:
    """Write the class map of a period with probabilities, uncertainty and the greenness floor in ``class_map/``."""
    folder = staging / "class_map"
    mapped = write_class_maps(
        read_model(context),
        _period_scenes(context, period),
        geobox=context.frame.geobox,
        inside=context.frame.inside,
        class_path=folder / f"{period.name}.tif",
        probability_paths={
            crop: folder / f"probability_{crop}_{period.name}.tif" for crop in context.survey.survey.crops
        },
        uncertainty_path=folder / f"uncertainty_{period.name}.tif",
        greenness_paths={
            crop: folder / f"greenness_floor_{crop}_{period.name}.tif" for crop in context.survey.survey.crops
        },
        jobs=context.jobs,
        progress=progress,
    )
    return {"mapped_ha_counted_biased": {name: round(area.area_ha, 4) for name, area in mapped.items()}}


def read_model(context: Context) -> TrainedModel:
    """Return the trained model of the run folder."""
    return TrainedModel.load(context.out / MODEL_FOLDER)


def _training_grid(context: Context) -> GeoBox:
    """Return the analysis grid grown to hold training sites outside the frame, which teach as well as any."""
    settings, geobox = context.training, context.frame.geobox
    sites = read_layer(settings.samples, layer=settings.layer, geometry="point").geometry.to_crs(str(geobox.crs))
    return extended(geobox, sites.x, sites.y)


def _taught_scenes(context: Context, period: PeriodSection, geobox: GeoBox) -> PeriodScenes:
    """Return the scenes of a period with the earlier cultivation on the training grid, for the floors."""
    scenes = _period_scenes(context, period)
    if context.prior is None:
        return scenes
    crops = context.survey.survey.crops
    return replace(scenes, prior=prior_masks(context.prior, geobox, crops=crops, year=period.reference_date.year))


def _period_scenes(context: Context, period: PeriodSection) -> PeriodScenes:
    return PeriodScenes(scenes=kept_scenes(context, period), start=period.start, end=period.end)


def _settings(context: Context) -> ClassifySettings:
    chosen, features = context.survey.classifier, context.survey.features
    return ClassifySettings(
        ensemble=EnsembleSettings(
            members=tuple(chosen.members),
            boost=BoostSettings(trees=chosen.trees, leaves=chosen.leaves, learning_rate=chosen.learning_rate),
            forest=ForestSettings(trees=chosen.forest_trees),
        ).with_seed(context.survey.survey.seed),
        calibration=chosen.calibration,
        folds=chosen.folds,
        fold_block_m=chosen.fold_block_m,
        minimum_mapping_unit_ha=chosen.minimum_mapping_unit_ha,
        min_valid=context.imagery.min_valid,
        cloud_buffer_m=context.imagery.cloud_buffer_m,
        texture_radii=tuple(features.texture_radii),
        harmonics=features.harmonics,
        composite=features.composite,
        window_percents=tuple(features.window_percentiles),
        phenology=features.phenology,
        disturbance=features.disturbance,
    )
