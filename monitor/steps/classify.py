"""Steps ``train`` and ``classify``: one classifier for all periods, then a class map and probabilities for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geo.errors import Problem, SurveyFileError
from geo.files import write_text
from geo.grid import GeoBox, extended
from geo.raster import read_on_grid
from geo.vector import Layer, write_gpkg
from imagery.class_map import cells_of
from imagery.classifier import BoostSettings
from imagery.classify import ClassifySettings, PeriodScenes, TrainedModel
from imagery.classify import train as train_model
from imagery.classify import write_maps as write_class_maps
from imagery.coarse import CoarseLabels, read_coarse
from imagery.crop_fields import crop_fields
from imagery.ensemble import EnsembleSettings
from imagery.forest import ForestSettings
from imagery.model_card import model_item
from imagery.prior import prior_masks
from imagery.training import TrainingSamples, read_places, read_training
from imagery.validation import validation_rows
from monitor.context import Context, Progress
from monitor.index_names import index_mistakes
from monitor.sections import PeriodSection
from monitor.steps.imagery import kept_radar, kept_scenes
from monitor.tables import write_csv

__all__ = [
    "MODEL_FOLDER",
    "classify_settings",
    "mapped_fields",
    "read_model",
    "train",
    "training_places",
    "training_samples_of",
    "write_maps",
]

MODEL_FOLDER = "class_map/model"
LEAST_FIELD_CELLS = 10
"""Cells of a typical field below which most fields are smaller than what is mapped."""
SUSPECT_COLUMNS = ("unit_id", "period", "label", "likely", "p_label", "p_likely")
TRANSFER_COLUMNS = ("from", "to", "crop", "f1_within", "f1_transfer", "drop")


def train(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write the model, ``class_map/model/``, and its scores in spatial folds with floors, ``validation.csv``."""
    geobox = _training_grid(context)
    samples = training_samples_of(context, geobox)
    model = train_model(
        {period.name: _taught_scenes(context, period, geobox) for period in context.compared},
        samples,
        geobox=geobox,
        profile=context.profile,
        sensor=context.sensor,
        settings=classify_settings(context),
        radar=context.radar,
        coarse=_coarse(context, geobox),
        jobs=context.jobs,
    )
    model.save(staging / MODEL_FOLDER)
    rows = validation_rows(model.validation, context.survey.survey.crops)
    folder = staging / "class_map"
    write_csv(pd.DataFrame(rows), folder / "validation.csv")
    write_csv(
        pd.DataFrame(model.validation["suspects"], columns=list(SUSPECT_COLUMNS)), folder / "suspect_labels.csv"
    )
    write_csv(pd.DataFrame(model.validation["transfer"], columns=list(TRANSFER_COLUMNS)), folder / "transfer.csv")
    write_text(staging / MODEL_FOLDER / "model-item.json", json.dumps(_item(context, model), indent=2) + "\n")
    progress(1, 1)
    return {"validation": dict(model.validation), "notes": list(_fold_notes(context, model))}


def _fold_notes(context: Context, model: TrainedModel) -> Iterator[str]:
    """Say what a reader of the maps must know: no skill, a fall between years, doubtful labels, small fields."""
    for row in model.validation["transfer"]:
        if row["crop"] in context.survey.survey.crops:
            yield (
                f"{row['crop']}: taught by {row['from']} alone, {row['to']} is mapped with F1 "
                f"{row['f1_transfer']:.2f}; taught by its own year with "
                f"{row['f1_within']:.2f} (training places, folds of land)"
            )
    if (coarse := model.validation["coarse_cells"]) is not None:
        better = "better than" if coarse["rmse"] < coarse["mean_rmse"] else "NO BETTER THAN"
        yield (
            f"{coarse['cells']:.0f} coarse cells: the share of crop mapped without them differs by "
            f"{coarse['rmse']:.3f} (root mean square; bias {coarse['bias']:+.3f}), "
            f"{better} their mean ({coarse['mean_rmse']:.3f})"
        )
    if model.validation["suspects"]:
        yield f"{len(model.validation['suspects'])} training labels look wrong: class_map/suspect_labels.csv"
    smallest, cell_ha = context.profile.minimum_field_ha, context.survey.area.resolution_m**2 / 1e4
    if smallest is not None and smallest.typical < LEAST_FIELD_CELLS * cell_ha:
        yield (
            f"a typical field of {smallest.typical:g} ha is {smallest.typical / cell_ha:.1f} cells: "
            "most of the crop is smaller than what these images map"
        )
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
        runner=context.runner(f"classify:{period.name}"),
    )
    smallest = context.profile.minimum_field_ha
    least = cells_of(smallest.low, context.frame.geobox) if smallest is not None else 1
    layer = Layer(
        frame=mapped_fields(context, folder, period, least_cells=least),
        title="Mapped fields (tier 0)",
        description="Patches of the class map with their own scores; areas are counted, no estimate",
    )
    write_gpkg(folder / f"fields_{period.name}.gpkg", {"fields": layer})
    counted = {name: round(area.area_ha, 4) for name, area in mapped.items()}
    return {"mapped_ha_counted_biased": counted, "least_cells_of_a_field": least}


def mapped_fields(context: Context, folder: Path, period: PeriodSection, *, least_cells: int) -> Any:
    """Return the mapped crop as polygons, from the rasters of ``class_map/``; as `imagery.crop_fields`."""
    geobox, legend = context.frame.geobox, context.profile.legend
    cells = read_on_grid(folder / f"{period.name}.tif", geobox)
    uncertainty = read_on_grid(folder / f"uncertainty_{period.name}.tif", geobox)
    found = [
        crop_fields(
            cells == legend.code(crop),
            read_on_grid(folder / f"probability_{crop}_{period.name}.tif", geobox),
            uncertainty,
            geobox,
            crop=crop,
            period=period.name,
            least_cells=least_cells,
        )
        for crop in context.survey.survey.crops
    ]
    return pd.concat(found, ignore_index=True) if len(found) > 1 else found[0]


def training_samples_of(context: Context, geobox: GeoBox) -> TrainingSamples:
    """Return the training places of all periods on a grid."""
    settings = context.training
    return read_training(
        settings.samples,
        layer=settings.layer,
        legend=context.profile.legend,
        periods=[period.name for period in context.survey.period],
        geobox=geobox,
        cells_per_polygon=settings.cells_per_polygon,
    )


def _coarse(context: Context, geobox: GeoBox) -> CoarseLabels | None:
    """Return the coarse labels on a grid; None where the survey names none."""
    section = context.training.coarse
    if section is None:
        return None
    crops = context.survey.survey.crops
    crop = section.crop or (crops[0] if len(crops) == 1 else None)
    if crop not in crops:
        found = f"crop {section.crop!r}" if section.crop else f"no crop, and {len(crops)} in the survey"
        raise SurveyFileError(Problem("[training.coarse] crop", found, f"one of {', '.join(crops)}", "name it"))
    return read_coarse(
        section.cells,
        layer=section.layer,
        cell=section.cell,
        area_ha=section.area_ha,
        periods=[period.name for period in context.compared],
        crop=context.profile.legend.code(str(crop)),
        geobox=geobox,
        per_cell=section.places,
    )


def training_places(context: Context) -> Any:
    """Return the labelled places, in or outside the frame, as points in the CRS of the grid."""
    settings = context.training
    return read_places(
        settings.samples,
        layer=settings.layer,
        geobox=context.frame.geobox,
        cells_per_polygon=settings.cells_per_polygon,
    )


def _item(context: Context, model: TrainedModel) -> dict[str, Any]:
    """Return the model as a STAC item; its bounds are the frame's, rounded outwards to a tenth of a degree."""
    west, south, east, north = context.frame.admin.to_crs(4326).total_bounds
    low, high = (np.floor(np.array([west, south]) * 10) / 10), (np.ceil(np.array([east, north]) * 10) / 10)
    return model_item(
        model,
        name=context.survey.survey.name,
        bounds=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        periods=[(period.start, period.end) for period in context.compared],
        note="Scores are of training places in folds of land; the accuracy of a map takes a probability sample.",
    )


def read_model(context: Context) -> TrainedModel:
    """Return the trained model of the run folder."""
    return TrainedModel.load(context.out / MODEL_FOLDER)


def _training_grid(context: Context) -> GeoBox:
    """Return the analysis grid grown to hold training sites outside the frame, which teach as well as any."""
    sites = training_places(context).geometry
    return extended(context.frame.geobox, sites.x, sites.y)


def _taught_scenes(context: Context, period: PeriodSection, geobox: GeoBox) -> PeriodScenes:
    """Return the scenes of a period with the earlier cultivation on the training grid, for the floors."""
    scenes = _period_scenes(context, period)
    if context.prior is None:
        return scenes
    crops = context.survey.survey.crops
    return replace(scenes, prior=prior_masks(context.prior, geobox, crops=crops, year=period.reference_date.year))


def _period_scenes(context: Context, period: PeriodSection) -> PeriodScenes:
    return PeriodScenes(
        scenes=kept_scenes(context, period),
        radar=kept_radar(context, period),
        start=period.start,
        end=period.end,
    )


def classify_settings(context: Context) -> ClassifySettings:
    """Return how the survey's classifier is made and used."""
    chosen, features = context.survey.classifier, context.survey.features
    if problems := list(index_mistakes(context)):
        raise SurveyFileError(problems)
    asked: dict[str, Any] = {
        key: tuple(names)
        for key, names in (("composite_indices", features.indices), ("season_indices", features.season_indices))
        if names is not None
    }
    return ClassifySettings(
        ensemble=EnsembleSettings(
            members=tuple(chosen.members),
            boost=BoostSettings(
                trees=chosen.trees,
                leaves=chosen.leaves,
                learning_rate=chosen.learning_rate,
                places_per_tree=chosen.places_per_tree,
            ),
            forest=ForestSettings(trees=chosen.forest_trees),
            balance=chosen.balance,
        ).with_seed(context.survey.survey.seed),
        calibration=chosen.calibration,
        transfer=chosen.transfer,
        tune=chosen.tune,
        folds=chosen.folds,
        fold_block_m=chosen.fold_block_m,
        border_cells=chosen.border_cells,
        minimum_mapping_unit_ha=chosen.minimum_mapping_unit_ha,
        min_valid=context.imagery.min_valid,
        radar_min_valid=context.radar_section.min_valid if context.radar_section is not None else None,
        cloud_buffer_m=context.imagery.cloud_buffer_m,
        texture_radii=tuple(features.texture_radii),
        harmonics=features.harmonics,
        composite=features.composite,
        window_percents=tuple(features.window_percentiles),
        phenology=features.phenology,
        disturbance=features.disturbance,
        **asked,
    )
