"""Random forest kept as numbers: grown by scikit-learn, stored as JSON, read without running anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.errors import InputError, Problem

__all__ = ["Forest", "ForestSettings", "fit_forest"]

_CHUNK = 65_536  # cells that walk down a tree together
_LEAST = 1e-9  # shares of 0 have no logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestSettings:
    """How the forest is grown."""

    trees: int = 200
    """Trees."""
    least_in_leaf: int = 2
    """Fewest training units in a leaf."""
    feature_fraction: float = 0.2
    """Share of the features tried at each split."""
    seed: int = 0
    """Seed of the draws."""


@dataclass(frozen=True, eq=False)
class _Tree:
    """Nodes of a tree; a leaf has no children (-1)."""

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    share: NDArray[np.float64]
    """Share of each class, shape (nodes, K)."""


@dataclass(frozen=True, eq=False)
class Forest:
    """A fitted forest."""

    codes: tuple[int, ...]
    """Class codes (K)."""
    median: NDArray[np.float32]
    """Value that stands in for a missing one, by feature (k)."""
    trees: tuple[_Tree, ...]
    """The trees."""

    def probabilities(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean over the trees of the class shares in the leaves, shape (K, n)."""
        filled = np.where(np.isnan(planes), self.median[:, None], planes)
        out = np.zeros((len(self.codes), planes.shape[1]))
        for first in range(0, planes.shape[1], _CHUNK):
            part = slice(first, first + _CHUNK)
            for tree in self.trees:
                out[:, part] += tree.share[_leaves(tree, filled[:, part])].T
        return out / len(self.trees)

    def scores(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return log probabilities, shape (K, n)."""
        return np.asarray(np.log(np.maximum(self.probabilities(planes), _LEAST)))

    @property
    def text(self) -> str:
        """The model as JSON; numbers are written so that they come back to the bit."""
        content = {
            "kind": "random_forest",
            "codes": list(self.codes),
            "median": [float(value) for value in self.median],
            "trees": [
                {name: getattr(tree, name).tolist() for name in ("feature", "threshold", "left", "right", "share")}
                for tree in self.trees
            ],
        }
        return json.dumps(content) + "\n"

    @classmethod
    def read(cls, text: str) -> Forest:
        """Read a model back.

        Raises
        ------
        InputError
            If the text is no such model.
        """
        try:
            content = json.loads(text)
            model = cls(
                codes=tuple(int(code) for code in content["codes"]),
                median=np.array(content["median"], dtype=np.float32),
                trees=tuple(_tree(entry) for entry in content["trees"]),
            )
            sound = content["kind"] == "random_forest" and all(
                _is_sound(tree, len(model.codes), model.median.size) for tree in model.trees
            )
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(Problem("model", f"no random forest ({error})", "one of a run")) from error
        if not sound or not model.trees:
            raise InputError(Problem("model", "trees that do not fit together", "a random forest of a run"))
        return model


def fit_forest(
    planes: NDArray[np.float32],
    code: NDArray[np.integer],
    settings: ForestSettings,
    weight: NDArray[np.float64] | None = None,
) -> Forest:
    """Grow a forest; equal input gives an equal model.

    Parameters
    ----------
    planes
        Features, shape (k, n); NaN is missing, and the median of the feature stands in for it.
    code
        Class codes (n).
    settings
        How it is grown.
    weight
        What each place weighs (n); all alike when None.

    Raises
    ------
    InputError
        If there are fewer than two classes.

    References
    ----------
    Breiman, L. (2001), Machine Learning 45, 5, doi:10.1023/A:1010933404324.
    """
    from sklearn.ensemble import RandomForestClassifier

    if len(np.unique(code)) < 2:
        raise InputError(Problem("training", "one class", "two classes or more", "add labelled places of others"))
    known = ~np.isnan(planes)
    median = np.array(
        [np.median(plane[seen]) if seen.any() else 0.0 for plane, seen in zip(planes, known, strict=True)],
        dtype=np.float32,
    )
    grown = RandomForestClassifier(
        n_estimators=settings.trees,
        min_samples_leaf=settings.least_in_leaf,
        max_features=settings.feature_fraction,
        random_state=settings.seed,
        n_jobs=1,
    ).fit(np.ascontiguousarray(np.where(known, planes, median[:, None]).T), code, sample_weight=weight)
    return Forest(
        codes=tuple(int(value) for value in grown.classes_),
        median=median,
        trees=tuple(_grown(one.tree_) for one in grown.estimators_),
    )


def _grown(tree: Any) -> _Tree:
    counts = tree.value[:, 0, :]
    return _Tree(
        feature=tree.feature.astype(np.int32),
        threshold=tree.threshold.astype(np.float64),
        left=tree.children_left.astype(np.int32),
        right=tree.children_right.astype(np.int32),
        share=counts / counts.sum(axis=1, keepdims=True),
    )


def _leaves(tree: _Tree, planes: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the leaf that each cell ends in."""
    node = np.zeros(planes.shape[1], dtype=np.int32)
    walking = np.arange(planes.shape[1])
    while walking.size:
        at = node[walking]
        walking = walking[tree.left[at] >= 0]
        at = node[walking]
        goes_left = planes[tree.feature[at], walking] <= tree.threshold[at]
        node[walking] = np.where(goes_left, tree.left[at], tree.right[at])
    return node


def _tree(entry: Any) -> _Tree:
    return _Tree(
        feature=np.array(entry["feature"], dtype=np.int32),
        threshold=np.array(entry["threshold"], dtype=np.float64),
        left=np.array(entry["left"], dtype=np.int32),
        right=np.array(entry["right"], dtype=np.int32),
        share=np.array(entry["share"], dtype=np.float64),
    )


def _is_sound(tree: _Tree, classes: int, features: int) -> bool:
    """Say whether every walk down a tree ends, in a leaf, without leaving the arrays."""
    nodes = tree.left.size
    sizes = {tree.feature.size, tree.threshold.size, tree.left.size, tree.right.size, len(tree.share)}
    if nodes == 0 or sizes != {nodes} or tree.share.shape != (nodes, classes):
        return False
    inner = tree.left >= 0
    number = np.arange(nodes)
    return bool(
        np.array_equal(inner, tree.right >= 0)
        # Children come after their parent, so no walk can go round
        and (tree.left[inner] > number[inner]).all()
        and (tree.right[inner] > number[inner]).all()
        and max(tree.left.max(), tree.right.max()) < nodes
        and (tree.feature[inner] >= 0).all()
        and (tree.feature[inner] < features).all()
        and np.isfinite(tree.share).all()
    )
