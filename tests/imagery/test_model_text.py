"""Boosted trees are held to their form before LightGBM, which trusts them, reads them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from geo.errors import InputError
from imagery.classifier import BoostSettings, Classifier, fit_classifier
from imagery.model_text import require_sound_trees


@pytest.fixture(name="text", scope="module")
def fixture_text() -> str:
    """Return a model of two classes and three features, one of which is missing at times."""
    rng = np.random.default_rng(1)
    planes = rng.random((3, 200), dtype=np.float32)
    planes[0, ::7] = np.nan
    return fit_classifier(planes, 1 + (planes[1] > 0.5), ["a", "b", "c"], BoostSettings(trees=4)).text


def test_what_lightgbm_writes_is_sound(text: str) -> None:
    """Independent writer: a text of LightGBM's own passes, with one leaf a tree too."""
    require_sound_trees(text, 2)
    planes = np.zeros((3, 30), dtype=np.float32)
    require_sound_trees(
        fit_classifier(planes, np.tile([1, 2], 15), ["a", "b", "c"], BoostSettings(trees=2)).text, 2
    )


def _first(line: str, change: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that changes the numbers of the first line of a name, sizes kept where they can be."""

    def changed(text: str) -> str:
        start = text.index(f"\n{line}=") + len(line) + 2
        end = text.index("\n", start)
        return text[:start] + change(text[start:end]) + text[end:]

    return changed


@pytest.mark.parametrize(
    "change",
    [
        _first("left_child", lambda told: told.replace("-1", "99", 1)),
        _first("left_child", lambda told: " ".join(["0", *told.split()[1:]])),
        _first("right_child", lambda told: " ".join(["-9999", *told.split()[1:]])),
        _first("split_feature", lambda told: "7" + told[1:]),
        _first("split_feature", lambda told: "-" + told[1:]),
        _first("threshold", lambda told: "x" + told[1:]),
        _first("threshold", lambda told: "nan" + told[3:]),
        _first("leaf_value", lambda told: told + " 1"),
        _first("leaf_value", lambda told: "inf" + told[3:]),
        _first("num_leaves", lambda _: "9"),
        _first("num_leaves", lambda _: "0"),
        _first("num_leaves", lambda _: "99999999999999999999"),
        _first("num_cat", lambda _: "1"),
        _first("decision_type", lambda told: "1" + told[1:]),
        _first("tree_sizes", lambda told: told.replace(" ", " 1", 1)),
        _first("num_class", lambda _: "3"),
        _first("max_feature_idx", lambda _: "900000"),
        _first("is_linear", lambda _: "1"),
        lambda text: text.replace("Tree=1\n", "Tree=9\n"),
        lambda text: text.replace("end of trees\n", ""),
        lambda text: text + "\nTree=8\nnum_leaves=1\n",
        lambda text: text.replace("tree\n", "tree\nnum_class=2\n", 1),
        lambda text: text.replace("a b c", "a b"),
        lambda text: text[: len(text) // 3],
        lambda _: "",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "é",
        lambda text: text.replace("[data: ]", "[data: pandas_categorical:x]"),
        lambda text: text.replace("pandas_categorical:null", "pandas_categorical:[[1"),
    ],
)
def test_what_would_end_the_process_is_refused(text: str, change: Callable[[str], str]) -> None:
    """Attack: a child, a feature, a number or a line that is not there is told, and LightGBM never sees it."""
    spoiled = change(text)
    assert spoiled != text
    with pytest.raises(InputError, match="found no LightGBM model"):
        Classifier(text=spoiled, codes=(1, 2)).scores(np.zeros((3, 2), dtype=np.float32))


def test_scores_are_those_of_the_text(text: str) -> None:
    """Law: the look at the text changes no score."""
    planes = np.random.default_rng(2).random((3, 50), dtype=np.float32)
    scores = Classifier(text=text, codes=(1, 2)).scores(planes)
    assert scores.shape == (2, 50)
    assert np.isfinite(scores).all()
    assert (scores[0] < scores[1])[planes[1] > 0.7].all()
