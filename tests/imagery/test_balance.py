"""Class balance: what weights do to the map, and that probabilities come back to the mix that was taught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.balance import class_weights
from imagery.classifier import BoostSettings
from imagery.ensemble import Ensemble, EnsembleSettings, Kind, fit_ensemble
from imagery.forest import ForestSettings

NAMES = ("a", "b")
BASE = EnsembleSettings(boost=BoostSettings(trees=40, leaves=4), forest=ForestSettings(trees=40))
KINDS: tuple[Kind, ...] = ("boosted_trees", "linear_discriminant", "random_forest")


def _places(rare: int, common: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return two overlapping Gaussian classes: 1 is rare, 2 common."""
    rng = np.random.default_rng(seed)
    code = np.repeat(np.array([1, 2], dtype=np.uint8), [rare, common])
    planes = rng.normal(np.where(code == 1, 0.0, 1.5), 1.0, (2, len(code)))
    return planes.astype(np.float32), code


def test_weights_follow_the_rule() -> None:
    """Literal: ninety places of one class and ten of another, by each rule."""
    code = np.repeat([3, 7], [90, 10])
    assert class_weights(code, "as_taught").tolist() == [1.0, 1.0]
    for balance, ratio in (("root", 3.0), ("equal", 9.0)):
        common, rare = class_weights(code, balance)  # type: ignore[arg-type]
        assert rare / common == pytest.approx(ratio)
        assert (90 * common + 10 * rare) / 100 == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rare_class_is_heard_and_its_probability_comes_back(kind: Kind) -> None:
    """Law: with equal weights more of a rare class is found; its mean probability stays near its share."""
    planes, code = _places(60, 1140, seed=1)
    fresh, truth = _places(500, 9500, seed=2)
    plain, equal = (
        fit_ensemble(planes, code, NAMES, replace(BASE, members=(kind,), balance=balance))
        for balance in ("as_taught", "equal")
    )
    found = [(model.predict(fresh)[truth == 1] == 1).mean() for model in (plain, equal)]
    assert found[1] > found[0] + 0.2
    assert equal.probabilities(fresh)[0].mean() == pytest.approx(0.05, abs=0.03)
    weighed = np.exp(equal.scores(fresh) + np.log(equal.weights)[:, None])
    assert (weighed / weighed.sum(axis=0))[0].mean() > 0.1


def test_a_discriminant_differs_by_nothing_but_the_choice() -> None:
    """Law: of Gaussian classes the weights enter the shares alone, so that turning back gives the same scores."""
    planes, code = _places(40, 400, seed=3)
    plain, equal = (
        fit_ensemble(planes, code, NAMES, replace(BASE, members=("linear_discriminant",), balance=balance))
        for balance in ("as_taught", "equal")
    )
    inner = np.abs(plain.scores(planes)).max(axis=0) < 6  # beyond it the least probability is cut off
    np.testing.assert_allclose(
        equal.probabilities(planes)[:, inner], plain.probabilities(planes)[:, inner], atol=2e-2
    )
    assert (equal.predict(planes) == 1).sum() > (plain.predict(planes) == 1).sum()


def test_weights_travel_with_the_model() -> None:
    """Law: read back from its texts and weights the ensemble chooses alike."""
    planes, code = _places(40, 400, seed=4)
    model = fit_ensemble(planes, code, NAMES, replace(BASE, balance="root"))
    again = Ensemble.read(model.texts, model.codes, model.weights)
    assert again == model
    assert np.array_equal(again.predict(planes), model.predict(planes))
    assert Ensemble.read(model.texts, model.codes) != model
