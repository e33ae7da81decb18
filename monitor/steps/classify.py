"""Steps ``train`` and ``classify``: one classifier for all periods, then a class map and probabilities for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox

from geo.grid import extended
from geo.vector import read_layer
from imagery.classifier import BoostSettings
from imagery.classify import ClassifySettings, PeriodScenes, TrainedModel
from imagery.classify import train as train_model
from imagery.classify import write_maps as write_class_maps
from imagery.training import read_training
from monitor.context import Context, Progress
from monitor.sections import PeriodSection
from monitor.steps.imagery import scenes_of

__all__ = ["train", "write_maps"]

MODEL_FOLDER = "class_map/model"


def train(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``class_map/model/model.txt`` and ``model.json`` with the scores in spatial folds and the floors."""
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
        {period.name: _period_scenes(context, period) for period in context.compared},
        samples,
        geobox=geobox,
        profile=context.profile,
        sensor=context.sensor,
        settings=_settings(context),
        jobs=context.jobs,
    )
    model.save(staging / MODEL_FOLDER)
    progress(1, 1)
    return {"validation": dict(model.validation)}


def write_maps(context: Context, staging: Path, progress: Progress, *, period: PeriodSection) -> Mapping[str, Any]:
    """Write ``class_map/PERIOD.tif`` and ``class_map/probability_CROP_PERIOD.tif``."""
    folder = staging / "class_map"
    mapped = write_class_maps(
        TrainedModel.load(context.out / MODEL_FOLDER),
        _period_scenes(context, period),
        geobox=context.frame.geobox,
        inside=context.frame.inside,
        class_path=folder / f"{period.name}.tif",
        probability_paths={
            crop: folder / f"probability_{crop}_{period.name}.tif" for crop in context.survey.survey.crops
        },
        jobs=context.jobs,
        progress=progress,
    )
    return {"mapped_ha_counted_biased": {name: round(area.area_ha, 4) for name, area in mapped.items()}}


def _training_grid(context: Context) -> GeoBox:
    """Return the analysis grid grown to hold training sites outside the frame, which teach as well as any."""
    settings, geobox = context.training, context.frame.geobox
    sites = read_layer(settings.samples, layer=settings.layer, geometry="point").geometry.to_crs(str(geobox.crs))
    return extended(geobox, sites.x, sites.y)


def _period_scenes(context: Context, period: PeriodSection) -> PeriodScenes:
    return PeriodScenes(scenes=scenes_of(context, period), start=period.start, end=period.end)


def _settings(context: Context) -> ClassifySettings:
    chosen = context.survey.classifier
    return ClassifySettings(
        boost=BoostSettings(
            trees=chosen.trees,
            leaves=chosen.leaves,
            learning_rate=chosen.learning_rate,
            seed=context.survey.survey.seed,
        ),
        folds=chosen.folds,
        fold_block_m=chosen.fold_block_m,
        minimum_mapping_unit_ha=chosen.minimum_mapping_unit_ha,
        min_valid=context.imagery.min_valid,
        cloud_buffer_m=context.imagery.cloud_buffer_m,
    )
