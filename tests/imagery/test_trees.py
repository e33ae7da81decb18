"""The sweep over trees, held against LightGBM to the last bit."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.classifier import BoostSettings, Classifier, fit_classifier
from imagery.trees import MOST_LEAVES, _not_above, tree_bank

SETTINGS = BoostSettings(trees=12, leaves=15, seed=3)


def labelled(seed: int, *, missing: float, cells: int = 400) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return six features of three classes, partly missing."""
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(6, cells)).astype(np.float32)
    code = np.array([2, 5, 9])[(planes[:3] + rng.normal(0, 0.3, (3, cells))).argmax(axis=0)]
    planes[rng.random(planes.shape) < missing] = np.nan
    return planes, code


def fitted(seed: int, *, missing: float, settings: BoostSettings = SETTINGS) -> Classifier:
    """Fit a small classifier."""
    planes, code = labelled(seed, missing=missing)
    return fit_classifier(planes, code, [f"f{row}" for row in range(6)], settings)


def library(classifier: Classifier) -> Any:
    """Return the model as the library reads it."""
    return lightgbm.Booster(model_str=classifier.text)


@pytest.mark.parametrize("taught_missing", [0.0, 0.2])
@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
def test_scores_are_those_of_the_library(taught_missing: float, missing: float) -> None:
    """Independent program: LightGBM's own prediction, with values missing when taught, when used, or both."""
    classifier = fitted(1, missing=taught_missing)
    planes, _ = labelled(2, missing=missing, cells=40_000)
    bank = tree_bank(classifier.text)
    expected = library(classifier).predict(planes.T, raw_score=True, num_threads=1).T
    assert np.array_equal(bank.scores(planes), expected)


def test_values_on_a_threshold() -> None:
    """Literal: a value equal to a threshold goes left, as in the library."""
    classifier = fitted(4, missing=0.0)
    bank = tree_bank(classifier.text)
    exact = [edges[edges.astype(np.float32) == edges] for edges in bank.thresholds]
    assert any(len(edges) for edges in exact)
    planes = np.array([np.resize(edges if len(edges) else [0.0], 50) for edges in exact], dtype=np.float32)
    expected = library(classifier).predict(planes.T, raw_score=True, num_threads=1).T
    assert np.array_equal(bank.scores(planes), expected)


def test_the_sweep_notices_its_inputs() -> None:
    """Negative control: other values give other scores."""
    classifier = fitted(1, missing=0.0)
    planes, _ = labelled(2, missing=0.0)
    bank = tree_bank(classifier.text)
    assert not np.array_equal(bank.scores(planes), bank.scores(planes + np.float32(0.5)))


def test_large_trees_are_left_to_the_library() -> None:
    """Law: with more leaves than a word has bits the scores are still the library's."""
    settings = BoostSettings(trees=3, leaves=90, least_in_leaf=1, seed=1)
    classifier = fitted(1, missing=0.1, settings=settings)
    with pytest.raises(ValueError, match=f"at most {MOST_LEAVES}"):
        tree_bank(classifier.text)
    planes, _ = labelled(2, missing=0.1, cells=5000)
    expected = library(classifier).predict(planes.T, raw_score=True, num_threads=1).T
    assert np.array_equal(classifier.scores(planes), expected)


@pytest.mark.parametrize(("leaves", "planes"), [(2, 1), (10, 2), (20, 3), (60, 8)])
def test_planes_of_every_number(leaves: int, planes: int) -> None:
    """Independent program: LightGBM's own prediction, for trees whose leaves need 1 to 8 planes of bits."""
    classifier = fitted(5, missing=0.1, settings=BoostSettings(trees=6, leaves=leaves, least_in_leaf=1, seed=2))
    bank = tree_bank(classifier.text)
    assert bank.leaf.shape[1] == 8 * planes
    planes, _ = labelled(6, missing=0.1, cells=3000)
    planes[0, :4] = [np.inf, -np.inf, np.float32(1e-36), np.finfo(np.float32).max]
    expected = library(classifier).predict(planes.T, raw_score=True, num_threads=1).T
    assert np.array_equal(bank.scores(planes), expected)


def test_single_precision_limits_split_as_double_ones_do() -> None:
    """Brute force: for every single-precision neighbour of a threshold both comparisons agree."""
    edges = np.array([0.1, -0.1, 1 / 3, 1e300, -1e300, 5.0, 1e-40])
    single = _not_above(edges)
    for edge, limit in zip(edges, single, strict=True):
        around = np.float32([0.0, 1e-45, -1e-45, 1e-40, np.finfo(np.float32).max, -np.finfo(np.float32).max])
        start = np.float32(np.clip(edge, -3e38, 3e38))
        near = np.array([np.nextafter(start, np.float32(s)) for s in (-np.inf, np.inf)], dtype=np.float32)
        values = np.concatenate([around, near, [start, np.float32(np.inf), np.float32(-np.inf)]]).astype(np.float32)
        assert np.array_equal(values > limit, values.astype(np.float64) > edge)


def test_trees_that_never_split_and_classes_of_uneven_rest() -> None:
    """Independent program: LightGBM's own prediction, where trees are one leaf and not a multiple of four."""
    planes, code = labelled(7, missing=0.0, cells=90)
    for trees in (1, 2, 5):
        settings = BoostSettings(trees=trees, leaves=6, least_in_leaf=44, seed=1)
        classifier = fit_classifier(planes, code, [f"f{row}" for row in range(6)], settings)
        expected = library(classifier).predict(planes.T, raw_score=True, num_threads=1).T
        assert np.array_equal(tree_bank(classifier.text).scores(planes), expected)


@pytest.mark.parametrize(
    "parameters",
    [
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        {"zero_as_missing": True},
        {"linear_tree": True},
        {"categories": [0]},
    ],
)
def test_models_of_another_kind_are_refused(parameters: dict[str, Any]) -> None:
    """Law: what the sweep cannot reproduce it does not try."""
    planes, code = labelled(8, missing=0.0)
    planes[0] = np.rint(planes[0] * 3 + 12)
    categories = parameters.get("categories", "auto")
    extra = {key: value for key, value in parameters.items() if key != "categories"}
    settings = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1, "min_data_per_group": 1}
    target = np.unique(code, return_inverse=True)[1]
    data = lightgbm.Dataset(planes.T, target, categorical_feature=categories, params={"verbose": -1, **extra})
    booster = lightgbm.train({**settings, **extra}, data, num_boost_round=3)
    with pytest.raises(ValueError, match=r"categor|takes 0|no boosted"):
        tree_bank(booster.model_to_string())
