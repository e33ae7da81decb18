"""LightGBM's library without its package, held against its package."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from geo.errors import InputError
from imagery.lightgbm_library import LibraryModel
from tests.imagery.test_trees import fitted, labelled, library


def test_scores_are_those_of_the_package() -> None:
    """Independent program: the Python package's own prediction, to the bit, from several threads at once."""
    text = fitted(1, missing=0.1).text
    model = LibraryModel(text)
    planes, _ = labelled(2, missing=0.2, cells=900)
    expected = library(fitted(1, missing=0.1)).predict(planes.T, raw_score=True, num_threads=1).T
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: model.scores(planes), range(8)):
            np.testing.assert_array_equal(found, expected)
    assert model.scores(planes[:, :0]).shape == (3, 0)


@pytest.mark.parametrize("text", ["", "no model", "tree\nversion=v4\n"])
def test_text_that_is_no_model_is_refused(text: str) -> None:
    """Law: one line and no crash."""
    with pytest.raises(InputError, match="no LightGBM model"):
        LibraryModel(text)


def test_other_features_are_refused() -> None:
    """Law: a model is not asked about features it was not taught."""
    model = LibraryModel(fitted(1, missing=0.0).text)
    with pytest.raises(InputError, match="no answer"):
        model.scores(np.zeros((5, 10), dtype=np.float32))


def test_mapping_needs_no_package_of_lightgbm() -> None:
    """Law: what a map takes is imported without LightGBM's package and what it loads."""
    heavy = "'lightgbm', 'sklearn', 'scipy.stats'"
    code = f"import sys, imagery.map_work; print([name for name in ({heavy}) if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
