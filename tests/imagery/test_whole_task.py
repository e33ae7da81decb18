"""From files of the usual tiles to maps: against plain numpy and LightGBM's own prediction, and against itself."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from benchmarks.end_to_end import make_task
from benchmarks.peers.common import (
    Task,
    as_units,
    bounded,
    calibrated_percent,
    fit_planes,
    harmonics,
    percentiles,
    ratio,
)
from benchmarks.season import Season, class_of
from geo.blocks import Block
from geo.files import sha256
from geo.grid import GeoBox
from imagery.classifier import BoostSettings
from imagery.classify import PeriodScenes, TrainedModel, write_maps
from imagery.ensemble import EnsembleSettings, fit_ensemble
from imagery.features import feature_spec
from imagery.observe import Observer
from imagery.stack import working_origin

SIDE, DATES = 900, 6
WINDOWS = ("early", "middle", "late")


@pytest.fixture(name="season", scope="module")
def fixture_season(tmp_path_factory: pytest.TempPathFactory) -> Season:
    """Write a season of few dates, its model and its task."""
    return make_task(tmp_path_factory.mktemp("season"), SIDE, fields=20, trees=8, dates=DATES)


def mapped(model: TrainedModel, season: Season, folder: Path, **changes: object) -> dict[str, str]:
    """Write all maps of a season and return their hashes."""
    scenes = changes.pop("scenes", season.scenes)
    folder.mkdir()
    write_maps(
        model,
        PeriodScenes(scenes=scenes, start=season.days[0], end=season.days[-1]),  # type: ignore[arg-type]
        geobox=changes.pop("geobox", season.geobox),  # type: ignore[arg-type]
        inside=None,
        class_path=folder / "class.tif",
        probability_paths={"cannabis": folder / "probability.tif"},
        uncertainty_path=folder / "uncertainty.tif",
        composite_paths={name: folder / f"composite_{name}.tif" for name in WINDOWS},
        **changes,  # type: ignore[arg-type]
    )
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}


def read(path: Path) -> NDArray[np.generic]:
    """Return all bands of a raster."""
    with rasterio.open(path) as source:
        return np.asarray(source.read())


def test_plain_numpy_and_lightgbm_make_the_same(season: Season, tmp_path: Path) -> None:
    """Independent program: numpy's NaN functions on whole rasters and LightGBM's prediction, cell by cell."""
    mapped(TrainedModel.load(season.folder / "model"), season, tmp_path / "ours", jobs=2)
    task = Task(season.folder, tmp_path / "theirs")
    part = np.s_[400:620, 380:700]  # across the edges of four tiles
    clear = np.stack([~np.isin(read(task.path(day, "SCL"))[0][part], task.invalid) for day in task.days])
    values = np.stack([[read(task.path(day, band))[0][part] for day in task.days] for band in task.bands])
    seen = np.where(clear, values.astype(np.float32) - 1000, np.nan)
    planes = []
    for name, days in task.windows.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # cells without an observation
            medians = np.nanmedian(seen[:, days], axis=1)
        whole = np.where(np.isnan(medians), -32768, np.rint(medians)).astype(np.int16)
        found = read(tmp_path / "ours" / f"composite_{name}.tif")
        np.testing.assert_array_equal(found[:-1, *part], whole)
        np.testing.assert_array_equal(found[-1][part], clear[days].sum(axis=0))
        planes += list(medians)
        physical = {band: medians[layer] * np.float32(1e-4) for layer, band in enumerate(task.bands)}
        planes += [ratio(physical, index) for index in task.told["composite_indices"]]
    physical = {band: seen[layer] * np.float32(1e-4) for layer, band in enumerate(task.bands)}
    for name in task.told["season_indices"]:
        course = as_units(ratio(physical, name))
        planes += percentiles(course)
        planes += fit_planes(harmonics(course, task.design))
    table = np.stack([plane.ravel() for plane in planes], axis=1)
    probability = bounded(lightgbm.Booster(model_file=task.model_path).predict(table, num_threads=1))
    enough = clear.sum(axis=0) >= task.told["min_valid"]
    codes = np.where(enough, (probability.argmax(axis=1) + 1).reshape(enough.shape), 255)
    percent = calibrated_percent(probability[:, 0], *task.told["calibration"]).reshape(enough.shape)
    # Single precision here, double there: a cell next to a threshold may fall to its other side
    assert (read(tmp_path / "ours" / "class.tif")[0][part] != codes).mean() < 1e-4
    ours = read(tmp_path / "ours" / "probability.tif")[0][part].astype(int)
    assert (np.abs(ours - np.where(enough, percent, 255)) > 1).mean() < 1e-4
    assert 0.5 < enough.mean() < 1


def test_blocks_threads_and_order_change_no_byte(season: Season, tmp_path: Path) -> None:
    """Law: with all features and pooling, every file is the same by whatever cut, threads and order of scenes."""
    model = TrainedModel.load(season.folder / "model")
    spec = feature_spec(model.sensor, list(WINDOWS))
    observer = Observer(
        geobox=season.geobox,
        sensor=model.sensor,
        spec=spec,
        profile=model.profile,
        min_valid=2,
        cloud_buffer_m=0.0,
    )
    period = PeriodScenes(scenes=season.scenes, start=season.days[0], end=season.days[-1])
    block = Block(100, 100, 80, 80)
    planes, seen = observer.features(period, block, np.ones((80, 80), dtype=bool))
    settings = EnsembleSettings(boost=BoostSettings(trees=4, leaves=9))
    full = replace(
        model,
        spec=spec,
        classifier=fit_ensemble(planes, class_of(block)[seen], spec.names, settings),
        settings=replace(model.settings, smoothing_cells=0.7, min_valid=2, block_size=512),
    )
    first = mapped(full, season, tmp_path / "a", jobs=1)
    assert mapped(full, season, tmp_path / "b", jobs=3, scenes=season.scenes[::-1]) == first
    larger = replace(full, settings=replace(full.settings, block_size=300))
    assert mapped(larger, season, tmp_path / "c", jobs=2) == first


def test_blocks_lie_as_the_tiles_of_the_files(season: Season) -> None:
    """Literal: a grid that begins 100 rows and 30 columns inside the files has block edges at their tiles'."""
    inner = GeoBox((800, 860), season.geobox.transform * Affine.translation(30, 100), season.geobox.crs)
    sensor = TrainedModel.load(season.folder / "model").sensor
    assert working_origin(season.scenes, inner, sensor, 512) == (412, 482)
    assert working_origin(season.scenes, inner, sensor, 2048) == (0, 0)
    assert json.loads((season.folder / "task.json").read_text())["cells"] == SIDE**2
