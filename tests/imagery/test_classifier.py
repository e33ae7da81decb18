"""The classifier: equal bytes for equal data, probabilities, and models as text."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.errors import InputError
from imagery.classifier import BoostSettings, Classifier, fit_classifier, softmax
from imagery.lightgbm_library import LibraryModel
from tests.imagery.test_trees import SETTINGS, fitted, labelled

TOLERANCE = 1e-12


def test_the_same_data_give_the_same_bytes() -> None:
    """Law: a model is a function of data, settings and seed."""
    assert fitted(1, missing=0.1).text == fitted(1, missing=0.1).text
    assert fitted(1, missing=0.1).text != fitted(2, missing=0.1).text


def test_a_model_is_plain_text() -> None:
    """Law: what is stored is LightGBM's text and reads back to the same scores."""
    classifier = fitted(1, missing=0.1)
    assert classifier.text.startswith("tree\n")
    again = Classifier(text=classifier.text, codes=classifier.codes)
    planes, _ = labelled(5, missing=0.1)
    assert np.array_equal(again.scores(planes), classifier.scores(planes))


def test_few_and_many_cells_have_the_same_scores() -> None:
    """Law: below and above the size from which the sweep is used."""
    classifier = fitted(1, missing=0.1)
    planes, _ = labelled(5, missing=0.1, cells=9000)
    whole = classifier.scores(planes)
    assert np.array_equal(whole[:, :100], classifier.scores(planes[:, :100]))


def test_few_cells_again_and_again_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: cells that come a hundred at a time are scored by the library until they are many, then by the sweep.

    The scores are the same, and what was prepared serves single cells too.
    """
    classifier = fitted(1, missing=0.1)
    again = Classifier(text=classifier.text, codes=classifier.codes)
    planes, _ = labelled(5, missing=0.1, cells=9000)
    expected = classifier.scores(planes)
    by_library: list[int] = []
    scores = LibraryModel.scores

    def counted(self: LibraryModel, cells: NDArray[np.float32]) -> NDArray[np.float64]:
        by_library.append(cells.shape[1])
        return scores(self, cells)

    monkeypatch.setattr(LibraryModel, "scores", counted)
    for turn in range(400):
        first = 100 * (turn % 90)
        found = again.scores(planes[:, first : first + 100])
        assert np.array_equal(found, expected[:, first : first + 100])
    few = [cells for cells in by_library if cells == 100]
    assert 30_000 < sum(few) < 35_000
    again.scores(planes[:, :1])
    assert by_library[-1] != 1


def test_probabilities_add_up_to_one() -> None:
    """Law: and the class is that of the highest."""
    classifier = fitted(1, missing=0.0)
    planes, code = labelled(1, missing=0.0)
    probability = classifier.probabilities(planes)
    assert probability.sum(axis=0) == pytest.approx(1.0, abs=TOLERANCE)
    assert np.array_equal(np.array([2, 5, 9])[probability.argmax(axis=0)], classifier.predict(planes))
    assert (classifier.predict(planes) == code).mean() > 0.9


def test_softmax_of_large_scores() -> None:
    """Literal: no overflow; equal scores are equal probabilities."""
    assert softmax(np.array([[1000.0, 0.0], [1000.0, -1000.0]])).tolist() == [[0.5, 1.0], [0.5, 0.0]]


def test_labels_mean_nothing_by_their_order() -> None:
    """Negative control: shuffled labels are learnt by heart, not found on new cells."""
    planes, code = labelled(1, missing=0.0)
    new, truth = labelled(2, missing=0.0)
    shuffled = np.random.default_rng(0).permutation(code)
    names = [f"f{row}" for row in range(6)]
    right = fit_classifier(planes, code, names, SETTINGS).predict(new)
    wrong = fit_classifier(planes, shuffled, names, SETTINGS).predict(new)
    assert (right == truth).mean() > 0.6
    assert (wrong == truth).mean() < 0.5


def test_one_class_teaches_nothing() -> None:
    """Law: a classifier of one class is refused."""
    planes, _ = labelled(1, missing=0.0)
    with pytest.raises(InputError, match="1 class"):
        fit_classifier(
            planes, np.ones(planes.shape[1], dtype=int), [f"f{row}" for row in range(6)], BoostSettings()
        )


def test_a_file_that_is_no_model() -> None:
    """Law: broken text is told, not run."""
    with pytest.raises(InputError, match="no LightGBM model"):
        Classifier(text="not a model", codes=(1, 2)).scores(np.zeros((2, 3), dtype=np.float32))


def test_a_tree_that_could_not_be_split_is_read_back() -> None:
    """Law: with so few places that trees have one leaf the model is read from its text and says the same."""
    rng = np.random.default_rng(1)
    planes = rng.normal(size=(2, 12)).astype(np.float32)
    code = np.repeat(np.array([1, 2], dtype=np.uint8), 6)
    fitted = fit_classifier(planes, code, ("a", "b"), BoostSettings(trees=3, least_in_leaf=10))
    assert "num_leaves=1\n" in fitted.text
    again = Classifier(text=fitted.text, codes=fitted.codes)
    assert np.array_equal(again.probabilities(planes), fitted.probabilities(planes))
