"""Boosted trees evaluated over planes of features: one sweep per tree node instead of one walk per cell.

A leaf is reached when no node on the way sends the cell to the other side. Each tree keeps one bit per leaf; a
node whose test a cell fails clears the bits of its left leaves, and the lowest bit left names the leaf
(the idea of QuickScorer). Scores are summed in double precision in the order of the trees, as LightGBM does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TreeBank", "tree_bank"]

MOST_LEAVES = 16
"""Leaves of a tree that the bits of one 16-bit word can name."""
MOST_THRESHOLDS = 254
"""Thresholds of a feature whose ranks fit one byte; training with at most that many bins keeps to it."""
_NEXT_TO_ZERO = float(np.float32(1e-35))
_DE_BRUIJN = 0x0F2D  # times a power of two, its top four bits are different for each of the 16 powers
_CHUNK = 32_768  # cells handled at once, so that all planes of a sweep stay in the cache


@dataclass(frozen=True, slots=True)
class _Node:
    """A test of a tree, ready for the sweep."""

    feature: int
    rank: int
    """Rank of the threshold among those of the feature."""
    left_leaves: np.uint16
    """Bits of the leaves that fall away when the value exceeds the threshold."""
    missing_right: bool
    """Whether a missing value counts as exceeding it."""


@dataclass(frozen=True, slots=True)
class TreeBank:
    """All trees of a model.

    References
    ----------
    Lucchese, C. et al. (2015), QuickScorer, SIGIR '15, doi:10.1145/2766462.2767733.
    """

    thresholds: tuple[NDArray[np.float64], ...]
    """Rising thresholds of every feature."""
    trees: tuple[tuple[tuple[_Node, ...], NDArray[np.float64]], ...]
    """Nodes and leaf values (by De Bruijn slot) of every tree."""
    classes: int
    """Scores of a cell; tree i adds to score ``i mod classes``."""

    def scores(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the raw scores of n cells, shape (classes, n).

        Parameters
        ----------
        planes
            Features, shape (k, n); NaN is missing.
        """
        out = np.zeros((self.classes, planes.shape[1]))
        for first in range(0, planes.shape[1], _CHUNK):
            part = slice(first, first + _CHUNK)
            self._sweep(planes[:, part], out[:, part])
        return out

    def _sweep(self, planes: NDArray[np.float32], out: NDArray[np.float64]) -> None:
        cells = planes.shape[1]
        ranks = [
            np.searchsorted(edges, _widened(plane), side="left").astype(np.uint8)
            for edges, plane in zip(self.thresholds, planes, strict=True)
        ]
        missing = [np.isnan(plane) for plane in planes]
        some_missing = [bool(plane.any()) for plane in missing]
        exceeds = np.empty(cells, dtype=np.bool_)
        cleared = np.empty(cells, dtype=np.uint16)
        word = np.empty(cells, dtype=np.uint16)
        lowest = np.empty(cells, dtype=np.uint16)
        for number, (nodes, leaf_values) in enumerate(self.trees):
            word[:] = 0
            for node in nodes:
                # NaN ranks above every threshold: it exceeds unless the tree sends missing values left
                np.greater(ranks[node.feature], node.rank, out=exceeds)
                if some_missing[node.feature] and not node.missing_right:
                    exceeds &= ~missing[node.feature]
                np.copyto(cleared, exceeds)
                np.multiply(cleared, node.left_leaves, out=cleared)
                np.bitwise_or(word, cleared, out=word)
            np.invert(word, out=word)
            np.negative(word, out=lowest)
            np.bitwise_and(word, lowest, out=word)
            np.multiply(word, np.uint16(_DE_BRUIJN), out=word)
            np.right_shift(word, 12, out=word)
            out[number % self.classes] += leaf_values[word]


def tree_bank(model: Mapping[str, Any]) -> TreeBank:
    """Prepare the trees of a LightGBM model dump (``Booster.dump_model()``).

    Parameters
    ----------
    model
        Numerical splits only, at most `MOST_LEAVES` leaves a tree and `MOST_THRESHOLDS` thresholds a feature.

    Raises
    ------
    ValueError
        If the model has anything else.
    """
    parsed = [_parse(tree["tree_structure"]) for tree in model["tree_info"]]
    features = len(model["feature_names"])
    edges: list[set[float]] = [set() for _ in range(features)]
    for nodes, leaves in parsed:
        if len(leaves) > MOST_LEAVES:
            raise ValueError(f"a tree of {len(leaves)} leaves; at most {MOST_LEAVES} can be swept")
        for feature, threshold, _, _ in nodes:
            edges[feature].add(threshold)
    if max(map(len, edges), default=0) > MOST_THRESHOLDS:
        raise ValueError(f"a feature with more than {MOST_THRESHOLDS} thresholds; train with fewer bins")
    thresholds = tuple(np.array(sorted(found), dtype=np.float64) for found in edges)
    trees = tuple((_ranked(nodes, thresholds), _slots(leaves)) for nodes, leaves in parsed)
    return TreeBank(thresholds, trees, int(model["num_tree_per_iteration"]))


def _widened(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a feature in double precision, what is next to 0 as 0, as LightGBM reads it."""
    wide = plane.astype(np.float64)
    wide[np.abs(wide) <= _NEXT_TO_ZERO] = 0.0
    return wide


_Parsed = tuple[int, float, range, bool]


def _parse(root: Mapping[str, Any]) -> tuple[list[_Parsed], list[float]]:
    """Return the nodes of a tree with the leaves on their left, and the leaf values from left to right."""
    nodes: list[_Parsed] = []
    leaves: list[float] = []

    def visit(node: Mapping[str, Any]) -> None:
        if "split_feature" not in node:
            leaves.append(float(node["leaf_value"]))
            return
        if node["decision_type"] != "<=" or node["missing_type"] not in ("None", "NaN"):
            raise ValueError(f"a split {node['decision_type']} with missing values {node['missing_type']}")
        first = len(leaves)
        visit(node["left_child"])
        nodes.append(
            (
                int(node["split_feature"]),
                float(node["threshold"]),
                range(first, len(leaves)),
                # Where training saw no missing value LightGBM reads a missing one as 0
                not node["default_left"] if node["missing_type"] == "NaN" else float(node["threshold"]) < 0,
            )
        )
        visit(node["right_child"])

    visit(root)
    return nodes, leaves


def _ranked(nodes: Sequence[_Parsed], thresholds: Sequence[NDArray[np.float64]]) -> tuple[_Node, ...]:
    return tuple(
        _Node(
            feature,
            int(np.searchsorted(thresholds[feature], threshold)),
            np.uint16(sum(1 << leaf for leaf in left)),
            missing_right,
        )
        for feature, threshold, left, missing_right in nodes
    )


def _slots(leaves: Sequence[float]) -> NDArray[np.float64]:
    """Return leaf values in the order in which the De Bruijn product finds them."""
    values = np.zeros(MOST_LEAVES)
    for leaf, value in _slot_numbers(leaves):
        values[leaf] = value
    return values


def _slot_numbers(leaves: Sequence[float]) -> Iterator[tuple[int, float]]:
    for leaf, value in enumerate(leaves):
        yield ((_DE_BRUIJN << leaf) & 0xFFFF) >> 12, value
