"""Classifiers kept as text: the discriminant and the forest against scikit-learn, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier

from geo.errors import InputError
from imagery.classifier import BoostSettings
from imagery.discriminant import Discriminant, fit_discriminant, ledoit_wolf_shrinkage
from imagery.ensemble import Ensemble, EnsembleSettings, fit_ensemble
from imagery.forest import Forest, ForestSettings, fit_forest

NAMES = [f"f{n}" for n in range(5)]
SETTINGS = EnsembleSettings(
    members=("boosted_trees", "linear_discriminant", "random_forest"),
    boost=BoostSettings(trees=8, leaves=6),
    forest=ForestSettings(trees=15),
).with_seed(3)


def places(seed: int = 0, n: int = 240, missing: float = 0.0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return features of three classes that differ in their means, correlated within."""
    rng = np.random.default_rng(seed)
    code = rng.choice([2, 5, 7], n, p=[0.5, 0.3, 0.2])
    mixing = rng.normal(size=(5, 5))
    centre = rng.normal(0, 1.5, (8, 5))
    planes = (centre[code] + rng.normal(size=(n, 5)) @ mixing).T.astype(np.float32)
    planes[rng.random(planes.shape) < missing] = np.nan
    return planes, code


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_shrinkage_is_that_of_ledoit_and_wolf(seed: int) -> None:
    """Independent program: scikit-learn's Ledoit-Wolf estimator of centred data."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 40)) * rng.uniform(0.2, 3, (6, 1))
    _, expected = ledoit_wolf(x.T, assume_centered=True)
    assert ledoit_wolf_shrinkage(x, x @ x.T / 40) == pytest.approx(expected, rel=1e-10)


def test_the_discriminant_is_fishers() -> None:
    """Independent program: scikit-learn's discriminant with the same covariance gives the same probabilities."""
    planes, code = places()
    found = fit_discriminant(planes, code)
    z = (planes.T - found.mean) / found.scale
    within = z - np.stack([z[code == c].mean(axis=0) for c in (2, 5, 7)])[np.searchsorted([2, 5, 7], code)]

    class Shrunk:
        """The covariance of scikit-learn's own Ledoit-Wolf, pooled over the classes."""

        def fit(self, _: NDArray[np.float64]) -> Shrunk:
            self.covariance_ = ledoit_wolf(within, assume_centered=True)[0]
            return self

    other = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Shrunk()).fit(z, code)
    scores = found.scores(planes)
    expected = other.decision_function(z)
    assert np.allclose(scores - scores[0], (expected - expected[:, :1]).T, atol=1e-5)


def test_a_missing_value_counts_as_the_mean() -> None:
    """Law: a feature that is missing says nothing, and one that was never known carries no weight."""
    planes, code = places(missing=0.1)
    planes = np.vstack([planes, np.full((1, planes.shape[1]), np.nan, dtype=np.float32)])
    model = fit_discriminant(planes, code)
    assert np.allclose(model.weights[:, -1], 0.0)
    filled = np.where(np.isnan(planes), model.mean[:, None].astype(np.float32), planes)
    assert np.allclose(model.scores(planes), model.scores(filled), atol=1e-5)


def test_the_forest_is_scikit_learns() -> None:
    """Independent program: the same trees, walked by scikit-learn."""
    planes, code = places()
    forest = fit_forest(planes, code, ForestSettings(trees=20, seed=4))
    other = RandomForestClassifier(
        n_estimators=20, min_samples_leaf=2, max_features=0.2, random_state=4, n_jobs=1
    ).fit(planes.T, code)
    new = places(seed=9)[0]
    assert np.allclose(forest.probabilities(new), other.predict_proba(new.T).T, atol=1e-12)


def test_nothing_depends_on_how_many_are_asked() -> None:
    """Law: scores of cells are the same bits alone and among others."""
    planes, code = places(missing=0.05)
    model = fit_ensemble(planes, code, NAMES, SETTINGS)
    whole = model.scores(planes)
    assert np.array_equal(whole[:, 40:97], model.scores(np.ascontiguousarray(planes[:, 40:97])))
    assert np.array_equal(whole[:, :1], model.scores(np.ascontiguousarray(planes[:, :1])))


def test_texts_hold_everything() -> None:
    """Law: an ensemble read from its texts scores to the bit, and equal places give equal texts."""
    planes, code = places(missing=0.05)
    model = fit_ensemble(planes, code, NAMES, SETTINGS)
    again = Ensemble.read(model.texts, model.codes)
    assert again == model
    assert np.array_equal(again.scores(planes), model.scores(planes))
    assert fit_ensemble(planes, code, NAMES, SETTINGS).texts == model.texts
    assert fit_ensemble(planes, code, NAMES, SETTINGS.with_seed(4)).texts != model.texts
    assert (model.predict(planes) == code).mean() > 0.8


def test_log_probabilities_are_averaged() -> None:
    """By hand: two members' probabilities of a cell give their geometric mean, scaled to 1."""
    planes, code = places()
    one = fit_ensemble(planes, code, NAMES, EnsembleSettings(members=("linear_discriminant",)))
    two = fit_ensemble(planes, code, NAMES, EnsembleSettings(members=("random_forest",), forest=SETTINGS.forest))
    both = Ensemble({**one.members, **two.members})
    product = np.sqrt(np.maximum(one.probabilities(planes), 1e-3) * np.maximum(two.probabilities(planes), 1e-3))
    assert np.allclose(both.probabilities(planes), product / product.sum(axis=0), atol=1e-3)


def test_broken_models_are_refused() -> None:
    """Law: a text that is no model, a tree that goes round and numbers that do not fit are named."""
    planes, code = places()
    forest, line = fit_forest(planes, code, ForestSettings(trees=2)), fit_discriminant(planes, code)
    content = json.loads(forest.text)
    content["trees"][0]["left"][0] = 0
    with pytest.raises(InputError, match="do not fit together"):
        Forest.read(json.dumps(content))
    short = json.loads(line.text) | {"bias": [0.0]}
    with pytest.raises(InputError, match="do not fit together"):
        Discriminant.read(json.dumps(short))
    for read in (Forest.read, Discriminant.read):
        for text in ("{}", "[" * 100_000, '{"a":' * 50_000):
            with pytest.raises(InputError, match="no "):
                read(text)
    for value in (10**400, 2**70):
        with pytest.raises(InputError, match=r"no random forest|do not fit together"):
            Forest.read(json.dumps(content | {"codes": [1, value], "median": [value]}))
    with pytest.raises(InputError, match="pickle; expected some of"):
        Ensemble.read({"pickle": ""}, (1, 2))
    with pytest.raises(InputError, match="different legends"):
        Ensemble.read({"linear_discriminant": line.text}, (1, 2, 3))
    with pytest.raises(InputError, match="two classes or more"):
        fit_discriminant(planes, np.ones_like(code))
