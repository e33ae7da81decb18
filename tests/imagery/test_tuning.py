"""Tuning: the best is chosen, and never by the places it is judged on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.legend import Legend, MapClass
from imagery import validation
from imagery.classifier import BoostSettings
from imagery.ensemble import EnsembleSettings
from imagery.tuning import best_of, candidates
from imagery.validation import LabelledFeatures, cross_predict, nested_scores, tuned

LEGEND = Legend(
    (
        MapClass(code=1, name="coca", colour="#000000", crop=True),
        MapClass(code=2, name="forest", colour="#111111", crop=False),
    )
)
BASE = EnsembleSettings(members=("linear_discriminant",), boost=BoostSettings(trees=4, leaves=4))
TREES = replace(BASE, members=("boosted_trees",))


def places(n: int = 160) -> tuple[LabelledFeatures, NDArray[np.int64]]:
    """Return places whose crop lies in a ring, which no straight line parts from the rest."""
    rng = np.random.default_rng(2)
    planes = rng.normal(size=(2, n)).astype(np.float32)
    code = np.where(np.hypot(*planes) > 1.2, 1, 2).astype(np.uint8)
    units = np.array([f"u{k}" for k in range(n)])
    data = LabelledFeatures(planes=planes, names=("a", "b"), unit_id=units, period=np.full(n, "2024"), code=code)
    return data, np.arange(n) % 4


def test_the_better_settings_are_chosen() -> None:
    """Law: trees part a ring and a line does not; the choice has the highest out-of-fold F1 of all."""
    data, fold = places()
    assert tuned(data, fold, (BASE, TREES), LEGEND) == TREES
    right = {
        name: (cross_predict(data, fold, one) == data.code).mean() for name, one in (("a", BASE), ("b", TREES))
    }
    assert right["b"] > right["a"]


def test_a_tie_keeps_what_was_given() -> None:
    """Literal: the first of equals."""
    chosen, scores = best_of([BASE, TREES], lambda _: 0.5)
    assert chosen == BASE
    assert scores.tolist() == [0.5, 0.5]
    assert candidates(BASE)[0] == BASE
    assert len(set(map(repr, candidates(EnsembleSettings())))) == len(candidates(EnsembleSettings()))


def test_no_fold_has_a_say_in_the_choice_it_is_judged_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: what is tuned for a fold never holds one of its places."""
    data, fold = places()
    asked: list[set[str]] = []
    real = validation.tuned

    def watched(taught: LabelledFeatures, inner: NDArray[np.int64], *rest: object) -> EnsembleSettings:
        asked.append(set(taught.unit_id.tolist()))
        return real(taught, inner, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(validation, "tuned", watched)
    codes, scores, predicted = nested_scores(data, fold, (BASE, TREES), LEGEND)
    assert codes == (1, 2)
    assert len(asked) == 4
    for number, units in enumerate(asked):
        assert units.isdisjoint(data.unit_id[fold == number].tolist())
    assert np.array_equal(np.array(codes)[scores.argmax(axis=0)], predicted)
    assert (predicted == data.code).mean() > 0.7
