"""The classifier: gradient-boosted trees of bounded size, fitted reproducibly and kept as text.

A model file is data: LightGBM's own text and JSON. Nothing in it is run when it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from geo.errors import InputError, Problem
from imagery.lightgbm_library import LibraryModel
from imagery.model_text import require_sound_trees
from imagery.smoothing import highest
from imagery.trees import TreeBank, tree_bank

__all__ = ["BoostSettings", "Classifier", "fit_classifier", "softmax"]

_FEW = 4096  # cells at once up to which the library itself is used; the scores are the same to the bit
_FEW_IN_ALL = 32_768  # cells in all from which preparing the sweep pays: some 0.3 s of either
_CHECKED = 256  # random rows on which the sweep must agree with the library
_CACHED = 16_384  # cells whose scores stay in the cache of a processor


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostSettings:
    """How trees are grown."""

    trees: int = 80
    """Boosting rounds; each adds one tree per class."""
    leaves: int = 15
    """Leaves of a tree; up to 16 are evaluated by the fast sweep."""
    learning_rate: float = 0.1
    """Shrinkage."""
    least_in_leaf: int = 5
    """Fewest training units in a leaf."""
    feature_fraction: float = 0.4
    """Share of the features, drawn anew for each tree."""
    places_per_tree: int = 1000
    """Places drawn anew for each tree where there are more; all of them where there are fewer."""
    seed: int = 0
    """Seed of both draws."""


@dataclass(frozen=True)
class Classifier:
    """A fitted classifier.

    Two classifiers of equal text are equal.
    """

    text: str
    """LightGBM model text."""
    codes: tuple[int, ...]
    """Class codes, in the order of the model's scores."""

    def probabilities(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of every class, shape (classes, n); each column sums to 1.

        Parameters
        ----------
        planes
            Features, shape (k, n); NaN is missing.
        """
        return softmax(self.scores(planes))

    def scores(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the raw scores, shape (classes, n)."""
        if planes.shape[1] == 0:
            return np.zeros((len(self.codes), 0))
        if self._swept(planes.shape[1]) and self._bank is not None:
            return self._bank.scores(planes)
        return self._library.scores(planes)

    def predict(self, planes: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the class code with the highest score for every column; the lowest code where they tie."""
        return np.asarray(np.take(np.array(self.codes, dtype=np.uint8), self.scores(planes).argmax(axis=0)))

    def _swept(self, cells: int) -> bool:
        """Say whether to sweep: preparing that costs more than a few cells are worth, unless they come often."""
        known = self.__dict__
        known["_cells"] = known.get("_cells", 0) + cells
        return "_bank" in known or cells > _FEW or known["_cells"] > _FEW_IN_ALL

    def __reduce__(self) -> tuple[type[Classifier], tuple[str, tuple[int, ...]]]:
        """Travel to another process as text: what was prepared from it is prepared there once."""
        return Classifier, (self.text, self.codes)

    @cached_property
    def _library(self) -> LibraryModel:
        require_sound_trees(self.text, len(self.codes))
        return LibraryModel(self.text)

    @cached_property
    def _bank(self) -> TreeBank | None:
        """The trees for the sweep; None where it cannot stand in for the library."""
        require_sound_trees(self.text, len(self.codes))
        return _checked_bank(self.text)


def fit_classifier(
    planes: NDArray[np.float32],
    code: NDArray[np.integer],
    names: Sequence[str],
    settings: BoostSettings,
    weight: NDArray[np.float64] | None = None,
) -> Classifier:
    """Fit a classifier; equal input gives an equal model, byte for byte, on any number of cores.

    Parameters
    ----------
    planes
        Features, shape (k, n).
    code
        Class codes (n).
    names
        Feature names (k).
    settings
        How trees are grown.
    weight
        What each place weighs (n); all alike when None.

    Raises
    ------
    InputError
        If there are fewer than two classes.

    References
    ----------
    Ke, G. et al. (2017), LightGBM, NeurIPS 30.
    """
    import lightgbm

    codes, target = np.unique(code, return_inverse=True)
    if len(codes) < 2:
        raise InputError(
            Problem("training", f"{len(codes)} class", "two classes or more", "add labelled places of others")
        )
    parameters = {
        "objective": "multiclass",
        "num_class": len(codes),
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.least_in_leaf,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": min(1.0, settings.places_per_tree / len(code)),
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "max_bin": 63,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    data = lightgbm.Dataset(
        np.ascontiguousarray(planes.T),
        target,
        weight=weight,
        feature_name=list(names),
        params={"max_bin": 63, "min_data_in_leaf": settings.least_in_leaf, "verbose": -1},
    )
    booster = lightgbm.train(parameters, data, num_boost_round=settings.trees)
    return Classifier(text=booster.model_to_string(), codes=tuple(int(value) for value in codes))


@lru_cache(maxsize=8)
def _checked_bank(text: str) -> TreeBank | None:
    """Return the trees of a model after they have been held against the library; None for larger trees."""
    library = LibraryModel(text)
    try:
        bank = tree_bank(text)
    except ValueError:
        return None
    rng = np.random.default_rng(0)
    ends = [edges[[0, -1]] if len(edges) else (0.0, 1.0) for edges in bank.thresholds]
    # A split of missing from known values has a threshold next to infinity
    spread = np.clip(np.array(ends), -1e6, 1e6)
    tried = rng.uniform(spread[:, :1] - 1, spread[:, 1:] + 1, (len(spread), _CHECKED)).astype(np.float32)
    tried[rng.random(tried.shape) < 0.1] = np.nan
    return bank if np.array_equal(bank.scores(tried), library.scores(tried)) else None


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities of raw scores, shape (classes, n); each column sums to 1."""
    raised = np.empty(scores.shape)
    for first in range(0, scores.shape[1], _CACHED):
        some = slice(first, first + _CACHED)
        part = scores[:, some] - highest(scores[:, some])
        np.exp(part, out=part)
        total = np.zeros(part.shape[1])
        for layer in part:
            total += layer
        np.divide(part, total, out=raised[:, some])
    return raised
