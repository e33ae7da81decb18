"""What the blocks of a run will take, learnt from a few of them: for `altdev plan`.

The probes are blocks of the run itself, made with its scenes, its settings and its threads, and thrown away. Before
there is a model a stand-in votes: the survey's own classifiers, taught with labels drawn at random, whose trees are
as many and at least as large.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from geo.blocks import Block
from geo.errors import AltdevError
from geo.stored import content_bytes
from imagery.adjust import adjusted
from imagery.classify import spec_of
from imagery.ensemble import fit_ensemble
from imagery.extent import placed
from imagery.forecast import BlockLoad, Forecast, bytes_read, forecast, loads
from imagery.map_work import MapLayer, MapWork
from imagery.model import TrainedModel
from imagery.observe import Observer, PeriodScenes
from imagery.prepare import PeriodWork, PrepareOptions
from imagery.scene import Scene, scene_files
from imagery.stack import working_origin, working_side
from monitor.context import Context
from monitor.sections import PeriodSection
from monitor.steps.classify import MODEL_FOLDER, classify_settings, read_model
from monitor.steps.imagery import adjust_options, search

__all__ = ["FEWEST", "probed"]

FEWEST = 4
"""Blocks below which a plan would take about as long as the run."""
_TAUGHT = 2000
"""Cells that a stand-in is taught with."""


def probed(context: Context, steps: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what the blocks of some steps will take, by name of the step; nothing is written.

    A step whose inputs cannot be read is left out: `altdev check` tells what is wrong with them.

    Parameters
    ----------
    context
        The survey, with the threads of the run to come.
    steps
        Names of the steps that are to be done, such as ``imagery:2024``.
    """
    found: dict[str, dict[str, Any]] = {}
    for period in context.compared:
        names = {f"{verb}:{period.name}" for verb in ("imagery", "classify")}
        if names & set(steps):
            try:
                rows = dict(_of_period(context, period))
            except AltdevError:
                continue
            found |= {name: row for name, row in rows.items() if name in steps}
    return found


def _of_period(context: Context, period: PeriodSection) -> Iterator[tuple[str, dict[str, Any]]]:
    geobox, inside, jobs = context.frame.geobox, context.frame.inside, context.jobs
    shape = (geobox.shape[0], geobox.shape[1])
    began = time.perf_counter()
    options = adjust_options(context)
    ready = adjusted(
        search(context, period).scenes,
        geobox=geobox,
        sensor=context.sensor,
        options=replace(options, relief=None),  # fitting it reads every block: as long again as composing
        inside=inside,
        jobs=jobs,
    )
    aligned_s = time.perf_counter() - began
    scenes = placed(ready.scenes, geobox, jobs=jobs)
    size_of = {str(path): content_bytes(path) for path in scene_files(scenes)}
    composing = _composing(context, period, scenes)
    cut: dict[str, Any] = {
        "size": working_side(geobox, composing.options.block_size),
        "origin": working_origin(scenes, geobox, context.sensor, composing.options.block_size),
    }
    blocks = loads(composing, scenes, inside, shape, **cut)
    told = forecast(composing, blocks, inside, geobox, jobs=jobs)
    read = bytes_read(scenes, [load.block for load in blocks], size_of)
    yield f"imagery:{period.name}", _row(told, read, aligned_s)
    mapping = _mapping(context, period, scenes, blocks)
    if mapping is None:
        return
    halo = mapping.model.halo + mapping.rim
    read = bytes_read(scenes, [load.block for load in blocks], size_of, halo=halo)
    told = forecast(mapping, loads(mapping, scenes, inside, shape, **cut), inside, geobox, jobs=jobs)
    yield f"classify:{period.name}", _row(told, read, 0.0)


def _row(told: Forecast, read: float, before_s: float) -> dict[str, Any]:
    return {
        "probed_blocks": told.probed,
        "seconds": round(before_s + told.seconds, 1),
        "block_seconds": [round(one, 3) for one in told.block_s],
        "read_megabytes": round(read / 1e6, 1),
        "peak_megabytes": round(told.peak_mb),
    }


def _composing(context: Context, period: PeriodSection, scenes: tuple[Scene, ...]) -> PeriodWork:
    windows = {one.name: (one.start, one.end) for one in context.profile.windows_in(period.start, period.end)}
    options = PrepareOptions(
        start=period.start,
        end=period.end,
        min_valid=context.imagery.min_valid,
        cloud_buffer_m=context.imagery.cloud_buffer_m,
    )
    return PeriodWork(scenes, context.frame.geobox, context.sensor, options, windows)


def _mapping(
    context: Context, period: PeriodSection, scenes: tuple[Scene, ...], blocks: Sequence[BlockLoad]
) -> MapWork | None:
    """Return what makes the map; None where a radar has a say in it, whose images lie elsewhere."""
    if context.radar_section is not None:
        return None
    seen = PeriodScenes(scenes=scenes, start=period.start, end=period.end)
    whole = (context.out / MODEL_FOLDER / "model.json").is_file()
    model = read_model(context) if whole else _stand_in(context, seen, blocks)
    crops = context.survey.survey.crops
    layers = (
        *(MapLayer(kind="probability", crop=crop) for crop in crops),
        MapLayer(kind="uncertainty"),
        *(MapLayer(kind="greenness", crop=crop) for crop in crops),
    )
    return MapWork(model=model, period=seen, geobox=context.frame.geobox, layers=layers)


def _stand_in(context: Context, period: PeriodScenes, blocks: Sequence[BlockLoad]) -> TrainedModel:
    """Return a model that takes as long as the survey's own, taught with labels drawn at random."""
    settings, geobox = classify_settings(context), context.frame.geobox
    spec = spec_of(settings, context.profile, context.sensor)
    observer = Observer(
        geobox=geobox,
        sensor=context.sensor,
        spec=spec,
        profile=context.profile,
        min_valid=1,
        cloud_buffer_m=context.imagery.cloud_buffer_m,
    )
    fullest = max(blocks, key=lambda load: (load.weight, load.block.row, load.block.col)).block
    part = Block(fullest.row, fullest.col, min(fullest.height, 64), min(fullest.width, 64))
    planes = observer.observe(period, part, np.ones((part.height, part.width), dtype=np.bool_)).whole
    rng = np.random.default_rng(0)
    codes = [entry.code for entry in context.profile.legend]
    taught = rng.integers(0, max(planes.shape[1], 1), _TAUGHT)
    if not planes.shape[1]:  # nothing is seen there: noise is as good to teach with
        planes, taught = rng.normal(size=(len(spec.names), _TAUGHT)).astype(np.float32), np.arange(_TAUGHT)
    label = rng.permuted(np.resize(codes, _TAUGHT))
    return TrainedModel(
        classifier=fit_ensemble(planes[:, taught], label, spec.names, settings.ensemble),
        spec=spec,
        sensor=context.sensor,
        profile=context.profile,
        settings=settings,
        validation={},
    )
