"""Training and mapping end to end on a small world, and that nothing but the data decides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from shapely.geometry import box

from geo.errors import InputError, QualityGateError
from geo.files import sha256
from geo.legend import Legend
from imagery.class_map import NOT_KNOWN
from imagery.classifier import BoostSettings
from imagery.classify import ClassifySettings, PeriodScenes, TrainedModel, train, write_maps
from imagery.coarse import read_coarse
from imagery.ensemble import EnsembleSettings
from imagery.profile import load_profile
from imagery.training import TrainingSamples, training_samples
from tests.imagery.world import (
    PERIODS,
    POPPY,
    SENSOR,
    grid,
    scenes_of,
    season_world,
    training_points,
)

SIZE = 48
PROFILE = load_profile("helmand-poppy")
SETTINGS = ClassifySettings(
    ensemble=EnsembleSettings(boost=BoostSettings(trees=25, leaves=8, seed=1)),
    folds=4,
    fold_block_m=80,
    min_valid=2,
    cloud_buffer_m=40,
)
CORNER = np.zeros((SIZE, SIZE), dtype=bool)
CORNER[4:, 6:] = True


class World:
    """The small world with everything a classification needs."""

    def __init__(self, folder: Path) -> None:
        self.catalog, self.truth = season_world(folder, size=SIZE)
        self.geobox = grid(SIZE, SIZE)
        names = {code: PROFILE.legend.name(code) for code in np.unique(self.truth).tolist()}
        self.points = training_points(self.truth, names)

    def periods(self) -> dict[str, PeriodScenes]:
        """Return the scenes of both periods."""
        scenes = scenes_of(self.catalog, self.geobox)
        return {
            name: PeriodScenes(
                scenes=[scene for scene in scenes if start <= scene.day <= end], start=start, end=end
            )
            for name, (start, end) in PERIODS.items()
        }

    def samples(self) -> TrainingSamples:
        """Return the labelled places."""
        return training_samples(
            self.points, where="points", legend=PROFILE.legend, periods=list(PERIODS), geobox=self.geobox
        )

    def train(self, settings: ClassifySettings = SETTINGS, **changes: Any) -> TrainedModel:
        """Train on both periods."""
        request: dict[str, Any] = {"geobox": self.geobox, "profile": PROFILE, "sensor": SENSOR} | changes
        periods = request.pop("periods", None) or self.periods()
        samples = request.pop("samples", None) or self.samples()
        return train(periods, samples, settings=settings, **request)

    def map(self, model: TrainedModel, folder: Path, **changes: Any) -> dict[str, NDArray[np.uint8]]:
        """Map 2023 and return the class map and the probability of poppy."""
        period = changes.pop("period", None) or self.periods()["2023"]
        paths = {"class": folder / "map.tif", "opium_poppy": folder / "probability.tif"}
        write_maps(
            model,
            period,
            geobox=self.geobox,
            inside=changes.pop("inside", CORNER),
            class_path=paths["class"],
            probability_paths={"opium_poppy": paths["opium_poppy"]},
            **changes,
        )
        cells = {}
        for name, path in paths.items():
            with rasterio.open(path) as source:
                cells[name] = source.read(1)
        return cells


def test_the_map_shows_the_fields(world: World, model: TrainedModel, tmp_path: Path) -> None:
    """Law: fields that differ from the flowering on are told apart on cells never taught."""
    cells = world.map(model, tmp_path)
    seen = CORNER & (cells["class"] != Legend.NOT_SEEN)
    assert seen.sum() > 0.8 * CORNER.sum()
    assert (cells["class"][seen] == world.truth[seen]).mean() > 0.9
    poppy = world.truth == POPPY
    probability = cells["opium_poppy"].astype(float)
    assert probability[seen & poppy].mean() > 70
    assert probability[seen & ~poppy].mean() < 15


def test_codes_of_the_maps(world: World, model: TrainedModel, tmp_path: Path) -> None:
    """Law: 0 outside, 255 not seen, probabilities 0 to 100 exactly where a class stands."""
    cells = world.map(model, tmp_path)
    assert (cells["class"][~CORNER] == Legend.OUTSIDE).all()
    assert set(np.unique(cells["class"][CORNER])) <= {*PROFILE.legend.codes, Legend.NOT_SEEN}
    known = cells["opium_poppy"] != NOT_KNOWN
    assert np.array_equal(known, CORNER & (cells["class"] != Legend.NOT_SEEN))
    assert cells["opium_poppy"][known].max() <= 100


def test_too_few_observations_are_not_seen(world: World, tmp_path: Path) -> None:
    """Law: with more observations asked for than there are, nothing is mapped and no area counted."""
    model = world.train(replace(SETTINGS, min_valid=2))
    strict = replace(model, settings=replace(SETTINGS, min_valid=99))
    cells = world.map(strict, tmp_path)
    assert (cells["class"][CORNER] == Legend.NOT_SEEN).all()
    assert (cells["opium_poppy"] == NOT_KNOWN).all()


def test_nothing_seen_is_nothing_taught(world: World) -> None:
    """Law: where no labelled place was seen often enough, that is told with what to do."""
    with pytest.raises(QualityGateError, match=r"samples: found none of \d+ labelled places seen clear 99"):
        world.train(replace(SETTINGS, min_valid=99))


def test_validation_is_complete(model: TrainedModel) -> None:
    """Law: scores for all periods and each, floors beside them, and a verdict."""
    validation = model.validation
    assert set(validation["periods"]) == set(PERIODS)
    assert {name.split(":")[0] for name in validation["floors"]} == {
        "majority_class",
        "greenness_threshold",
        "same_as_other_period",
    }
    poppy = validation["scores"]["classes"]["opium_poppy"]
    assert poppy["f1"] > validation["floors"]["greenness_threshold:opium_poppy"]["f1"] - 0.05
    assert poppy["f1"] > 0.85
    assert 0 <= validation["floors"]["majority_class:opium_poppy"]["f1"] < poppy["f1"]
    json.dumps(validation)


def test_prior_cultivation_is_a_floor(world: World) -> None:
    """Literal: when the crop stands where it always stood, the floor is perfect and the map does not beat it."""
    prior = {"last_census:opium_poppy": world.truth == POPPY}
    periods = {name: replace(period, prior=prior) for name, period in world.periods().items()}
    model = world.train(periods=periods)
    floor = model.validation["floors"]["last_census:opium_poppy"]
    assert floor["f1"] == 1.0
    assert all(of["last_census:opium_poppy"]["f1"] == 1.0 for of in model.validation["period_floors"].values())
    assert model.validation["beats_every_floor"] == {"opium_poppy": False}


@pytest.mark.parametrize(("block_size", "jobs"), [(29, 1), (25, 3), (512, 2)])
def test_nothing_but_the_data_decides(
    world: World, model: TrainedModel, tmp_path: Path, block_size: int, jobs: int
) -> None:
    """Law: model and maps are the same bytes for any block size, thread count, order and repeats of scenes."""
    turned = {
        name: replace(period, scenes=[*period.scenes[::-1], period.scenes[2]])
        for name, period in world.periods().items()
    }
    other = world.train(replace(SETTINGS, block_size=block_size), periods=turned, jobs=jobs)
    assert other.classifier.texts == model.classifier.texts
    assert other.validation == model.validation
    world.map(model, tmp_path / "a")
    world.map(other, tmp_path / "b", jobs=jobs, period=turned["2023"])
    for name in ("map.tif", "probability.tif"):
        assert sha256(tmp_path / "a" / name) == sha256(tmp_path / "b" / name)


def test_minimum_mapping_unit(world: World, model: TrainedModel, tmp_path: Path) -> None:
    """Law: patches below the unit are gone from the classes, and probabilities stay."""
    coarse = replace(model, settings=replace(SETTINGS, minimum_mapping_unit_ha=0.2))
    plain, merged = world.map(model, tmp_path / "a"), world.map(coarse, tmp_path / "b")
    assert np.array_equal(plain["opium_poppy"], merged["opium_poppy"])
    assert not np.array_equal(plain["class"], merged["class"])
    assert np.array_equal(plain["class"] == Legend.NOT_SEEN, merged["class"] == Legend.NOT_SEEN)


def test_a_model_is_read_back_whole(world: World, model: TrainedModel, tmp_path: Path) -> None:
    """Law: text and JSON hold everything; nothing is pickled, and mixed files are refused."""
    model.save(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "boosted_trees.txt",
        "linear_discriminant.txt",
        "model.json",
    ]
    again = TrainedModel.load(tmp_path / "model")
    assert again == model
    assert np.array_equal(world.map(again, tmp_path / "b")["class"], world.map(model, tmp_path / "a")["class"])
    text = tmp_path / "model" / "boosted_trees.txt"
    text.write_text(text.read_text().replace("leaf_value=", "leaf_value=1 ", 1))
    with pytest.raises(InputError, match="different models"):
        TrainedModel.load(tmp_path / "model")
    with pytest.raises(InputError, match="no whole model"):
        TrainedModel.load(tmp_path / "none")


def test_places_outside_the_frame_teach_too(world: World, model: TrainedModel) -> None:
    """Law: the same places on a smaller grid have the same features to the bit."""
    smaller = grid(SIZE - 20, SIZE - 16)
    samples = training_samples(
        world.points, where="points", legend=PROFILE.legend, periods=list(PERIODS), geobox=smaller
    )
    assert (samples.row >= smaller.shape[0]).any()
    assert world.train(geobox=smaller, samples=samples).classifier.texts == model.classifier.texts


def test_a_period_without_places_is_refused(world: World) -> None:
    """Law: a classifier of two years is taught in both."""
    samples = world.samples()
    with pytest.raises(QualityGateError, match="no place in period 2020"):
        world.train(samples=samples.where(samples.period == "2023"))


def test_folds_without_the_crop_are_refused(world: World) -> None:
    """Law: with blocks as wide as the world there is nothing to fold."""
    with pytest.raises(QualityGateError, match="spatial folds"):
        world.train(replace(SETTINGS, fold_block_m=100_000))


def test_coarse_cells_teach_beside_places(world: World, model: TrainedModel, tmp_path: Path) -> None:
    """Law: hectares of cells of 120 m change the model, which without them comes nearer than their mean."""
    rows, shapes, side = [], [], 12
    left, top = world.geobox.transform.c, world.geobox.transform.f
    for row in range(0, SIZE, side):
        for col in range(0, SIZE, side):
            part = world.truth[row : row + side, col : col + side] == POPPY
            west, north = left + 10 * col, top - 10 * row
            shapes.append(box(west, north - 10 * side, west + 10 * side, north))
            rows += [(f"{row}-{col}", part.sum() / 100)]
    cells = geopandas.GeoDataFrame(rows, columns=["cell_id", "area_ha"], geometry=shapes, crs=str(world.geobox.crs))
    cells.assign(period="2023").to_file(tmp_path / "cells.gpkg")
    coarse = read_coarse(
        tmp_path / "cells.gpkg",
        layer=None,
        cell="cell_id",
        area_ha="area_ha",
        periods=list(PERIODS),
        crop=POPPY,
        geobox=world.geobox,
        per_cell=9,
    )
    taught = world.train(coarse=coarse)
    held = taught.validation["coarse_cells"]
    assert 12 <= held["cells"] <= 16  # the others lie under cloud
    assert held["rmse"] < held["mean_rmse"]
    assert taught.classifier.texts != model.classifier.texts
    assert model.validation["coarse_cells"] is None


def test_no_validation_claims_to_be_free_of_leakage(model: TrainedModel) -> None:
    """Law: land resembles itself farther than any block, and the scores say so wherever they go."""
    assert "neighbouring blocks still resemble each other" in model.validation["note"]
    assert "no accuracies of the map" in model.validation["note"]
