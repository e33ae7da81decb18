"""From scenes to class maps: one classifier for all periods, its validation, and the maps of each period."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.areas import MappedArea
from geo.blocks import blocks
from geo.cog import CogWriter, CogWriters, RasterStyle, write_cog
from geo.errors import Problem, QualityGateError
from geo.grid import GeoBox
from geo.legend import Legend
from geo.runner import Runner
from imagery.class_map import (
    cells_of,
    class_style,
    greenness_style,
    mapped_areas,
    probability_style,
    sieved,
    uncertainty_style,
)
from imagery.coarse import CoarseLabels
from imagery.extent import placed
from imagery.features import FeatureSpec, feature_spec
from imagery.fold import block_of, spatial_folds
from imagery.map_work import MapLayer, MapWork
from imagery.model import ClassifySettings, TrainedModel
from imagery.observe import Observer, PeriodScenes, window_spans
from imagery.places import border_features, coarse_features, labelled_features
from imagery.prepare import composite_style
from imagery.profile import CropProfile
from imagery.radar import RadarSpec, RadarView
from imagery.sensor import Sensor
from imagery.stack import working_origin, working_side
from imagery.training import TrainingSamples
from imagery.tuning import candidates
from imagery.validation import coarse_agreement, fitted_on, tuned, validate

__all__ = ["ClassifySettings", "PeriodScenes", "TrainedModel", "spec_of", "train", "write_maps"]

BEYOND_GREENNESS = frozenset({"swir16", "swir22", "rededge1", "vv", "vh"})
"""Bands that show moisture, bare ground, stress or structure."""


def train(
    periods: Mapping[str, PeriodScenes],
    training: TrainingSamples,
    *,
    geobox: GeoBox,
    profile: CropProfile,
    sensor: Sensor,
    settings: ClassifySettings,
    radar: Sensor | None = None,
    coarse: CoarseLabels | None = None,
    jobs: int = 1,
) -> TrainedModel:
    """Teach one classifier on the labelled places of all periods, and validate it in spatial folds.

    Only blocks that hold labelled places are read. Places seen too seldom are left out and counted.

    Parameters
    ----------
    periods
        Period name to its scenes.
    training
        Labelled places, from `imagery.training.read_training`.
    geobox, profile, sensor, settings
        Grid, legend and windows, bands, and how to work.
    radar
        A radar whose scenes stand beside those of the sensor.
    coarse
        Hectares of a crop in large cells, which teach beside the labelled places.
    jobs
        Threads.

    Raises
    ------
    QualityGateError
        If no labelled place was seen often enough, or a fold would lack a crop in some period.
    """
    spec = spec_of(settings, profile, sensor)
    shown = (*sensor.common, *(radar.common if radar is not None else ()))
    _require_more_than_greenness(profile, shown, sensor.name)
    view = _radar_view(radar, profile, settings)
    observer = Observer(
        geobox=geobox,
        sensor=sensor,
        spec=spec,
        profile=profile,
        min_valid=settings.min_valid,
        cloud_buffer_m=settings.cloud_buffer_m,
        radar=view,
    )
    data, samples, seen = labelled_features(observer, periods, training, block_size=settings.block_size, jobs=jobs)
    if not len(samples):
        found = f"none of {len(training)} labelled places seen clear {settings.min_valid} times"
        remedy = "add scenes, or lower [imagery] min_valid"
        raise QualityGateError(Problem("[training] samples", found, "places that were seen", remedy))
    legend = profile.legend
    fold = _folds_of(samples, legend, settings)
    made = border_features(
        observer,
        periods,
        data,
        samples,
        seen,
        fold,
        per_place=settings.border_cells,
        rng=np.random.default_rng(np.random.SeedSequence([settings.ensemble.seed, 2])),
    )
    if coarse is not None:
        made = replace(
            made,
            coarse=coarse_features(
                observer, periods, coarse, samples, fold, block_size=settings.block_size, jobs=jobs
            ),
        )
    validation = {
        "method": f"{settings.folds} folds of square blocks of {settings.fold_block_m:g} m",
        "note": "neighbouring blocks still resemble each other; these are no accuracies of the map",
        "training_units": len(samples),
        "border_cells": len(made.code),
        "coarse_cells": coarse_agreement(data, fold, settings.ensemble, made),
        "unseen_units": int(np.isin(training.period, list(periods)).sum()) - len(samples),
        **validate(
            data,
            fold,
            made=made,
            legend=legend,
            settings=settings.ensemble,
            method=settings.calibration,
            transfer=settings.transfer,
            tune=settings.tune,
        ),
    }
    if settings.tune:
        chosen = tuned(data, fold, candidates(settings.ensemble), legend, made)
        settings = replace(settings, ensemble=chosen)
    classifier = fitted_on(data, settings.ensemble, made)
    return TrainedModel(
        classifier=classifier,
        spec=spec,
        sensor=sensor,
        profile=profile,
        settings=settings,
        validation=validation,
        radar=view,
    )


def spec_of(settings: ClassifySettings, profile: CropProfile, sensor: Sensor) -> FeatureSpec:
    """Return the features that settings, the windows of a profile and the bands of a sensor ask for."""
    return feature_spec(
        sensor,
        [window.name for window in profile.windows],
        radii=settings.texture_radii,
        harmonics=settings.harmonics,
        composite=settings.composite,
        window_percents=settings.window_percents,
        contrasts=profile.contrasts,
        phenology=settings.phenology,
        restlessness=settings.disturbance,
        composite_indices=settings.composite_indices,
        season_indices=settings.season_indices,
    )


def _require_more_than_greenness(profile: CropProfile, bands: Sequence[str], name: str) -> None:
    """Refuse to tell a crop by greenness alone where the profile says that this cannot be done.

    Raises
    ------
    QualityGateError
        If the sensor shows nothing but the visible and near infrared, or indices of them.
    """
    rule = profile.identification.rule if profile.identification else None
    if rule == "no_greenness" and not set(bands) & BEYOND_GREENNESS:
        raise QualityGateError(
            Problem(
                f"[imagery] sensor {name}",
                f"only {', '.join(bands)}, and a profile ({profile.name}) whose crop no greenness tells",
                f"a sensor with one of {', '.join(sorted(BEYOND_GREENNESS))}",
                "use another sensor; greenness would map whatever is green",
            )
        )


def _radar_view(radar: Sensor | None, profile: CropProfile, settings: ClassifySettings) -> RadarView | None:
    """Return how the scenes of a radar are looked at, None where there is none."""
    if radar is None:
        return None
    looks = RadarSpec(windows=tuple(window.name for window in profile.windows), bands=radar.common)
    return RadarView(sensor=radar, spec=looks, min_valid=settings.radar_min_valid)


def _folds_of(samples: TrainingSamples, legend: Legend, settings: ClassifySettings) -> NDArray[np.int64]:
    """Return the spatial fold of each labelled place, shape (n,); each fold has every crop in every period."""
    return spatial_folds(
        block_of(samples.x_m, samples.y_m, settings.fold_block_m),
        samples.code,
        samples.period,
        folds=settings.folds,
        positives=[legend.code(crop) for crop in legend.crops],
        rng=np.random.default_rng(np.random.SeedSequence([settings.ensemble.seed, 1])),
    )


def write_maps(
    model: TrainedModel,
    period: PeriodScenes,
    *,
    geobox: GeoBox,
    inside: NDArray[np.bool_] | None,
    class_path: Path,
    probability_paths: Mapping[str, Path],
    uncertainty_path: Path | None = None,
    greenness_paths: Mapping[str, Path] | None = None,
    composite_paths: Mapping[str, Path] | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    runner: Runner | None = None,
) -> dict[str, MappedArea]:
    """Write the class map of a period and the layers beside it, and return the areas counted on the map.

    The class map has the legend's codes, 0 outside the frame and 255 where the cell was seen too seldom.
    Probabilities and uncertainty are whole percent with 255 where there are none; the minimum mapping unit leaves
    them alone.

    Parameters
    ----------
    model
        From `train` or `TrainedModel.load`.
    period
        Its scenes.
    geobox
        The analysis grid.
    inside
        Cells of the area frame, shape (h, w); None for all.
    class_path
        Class map to write.
    probability_paths
        Crop name to raster to write.
    uncertainty_path
        Raster of the entropy of the class probabilities to write.
    greenness_paths
        Crop name to the raster of its greenness floor (1 where the threshold says crop, 0 elsewhere) to write.
    composite_paths
        Season window to the raster of its composite to write, from the same reading of the scenes; see
        `imagery.prepare.write_period`.
    jobs
        Threads.
    progress
        Called with blocks done and blocks in all.
    runner
        Makes the blocks; threads here that keep nothing when None.
    """
    legend = model.profile.legend
    layers = _layers(probability_paths, uncertainty_path, greenness_paths or {})
    work = MapWork(
        model=model,
        period=replace(
            period,
            prior={},
            scenes=placed(period.scenes, geobox, jobs=jobs),
            radar=placed(period.radar, geobox, jobs=jobs),
        ),
        geobox=geobox,
        layers=tuple(layer for layer, _, _ in layers),
        composites=bool(composite_paths),
    )
    shape = (geobox.shape[0], geobox.shape[1])
    size = working_side(geobox, model.settings.block_size)
    origin = working_origin(period.scenes, geobox, model.sensor, model.settings.block_size)

    made_by = runner or Runner(jobs=jobs)
    in_all = sum(1 for _ in blocks(shape, size, origin))
    smallest = cells_of(model.settings.minimum_mapping_unit_ha, geobox)
    # The sieve looks beyond blocks, so only then is the whole map, one byte a cell, held
    whole = np.zeros(shape, dtype=np.uint8) if smallest > 1 else None
    with CogWriters(jobs, idle=made_by.cluster is not None) as together:
        style = class_style(legend)
        class_writer = (
            together.add(CogWriter(class_path, geobox, dtype="uint8", style=style)) if whole is None else None
        )
        writers = [together.add(CogWriter(path, geobox, dtype="uint8", style=look)) for _, path, look in layers]
        spans = window_spans(model.profile, period)
        composites = {
            name: together.add(
                CogWriter(
                    path,
                    geobox,
                    dtype="int16",
                    bands=len(model.sensor.band) + 1,
                    style=composite_style(model.sensor, name, spans[name]),
                )
            )
            for name, path in (composite_paths or {}).items()
        }
        results = made_by.run(work, inside, shape, size=size, origin=origin)
        for done, (block, made) in enumerate(results, start=1):
            parts: list[tuple[CogWriter, NDArray[Any]]] = []
            parts += ((composite, made.composites[name]) for name, composite in composites.items())
            parts += zip(writers, made.layers, strict=True)
            if class_writer is not None:
                parts.append((class_writer, made.codes))
            elif whole is not None:
                whole[block.slices] = made.codes
            together.write(block, parts)
            if progress is not None:
                progress(done, in_all)
    if whole is not None:
        write_cog(class_path, sieved(whole, smallest), geobox, style=style)
    return mapped_areas(class_path, geobox, legend, jobs=jobs)


def _layers(
    probability_paths: Mapping[str, Path], uncertainty_path: Path | None, greenness_paths: Mapping[str, Path]
) -> list[tuple[MapLayer, Path, RasterStyle]]:
    """Return the layers to write, in order, where each goes and what it says of itself."""
    layers = [
        (MapLayer(kind="probability", crop=crop), path, probability_style(crop))
        for crop, path in probability_paths.items()
    ]
    if uncertainty_path is not None:
        layers.append((MapLayer(kind="uncertainty"), uncertainty_path, uncertainty_style()))
    layers += [
        (MapLayer(kind="greenness", crop=crop), path, greenness_style(crop))
        for crop, path in greenness_paths.items()
    ]
    return layers
