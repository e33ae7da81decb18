"""Boosted trees evaluated over planes of features: one sweep per tree node instead of one walk per cell.

A leaf is reached when no node on the way sends the cell to the other side. Each tree keeps one bit per leaf; a
node whose test a cell fails clears the bits of its left leaves, and the lowest bit left names the leaf
(the idea of QuickScorer). Features are ranked among their thresholds first, so that a test compares two bytes.
Scores are summed in double precision in the order of the trees, as LightGBM does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["MOST_LEAVES", "MOST_THRESHOLDS", "TreeBank", "tree_bank"]

MOST_LEAVES = 64
"""Leaves of a tree that the bits of one word can name."""
MOST_THRESHOLDS = 254
"""Thresholds of a feature whose ranks fit one byte; training with at most that many bins keeps to it."""
_NEXT_TO_ZERO = np.float32(1e-35)
_MISSING = 255  # rank of a missing value: above that of every other
_TILE = 512  # cells handled at once, so that their ranks stay in the first cache
_WORDS = ((16, np.uint16, 0x0F2D), (32, np.uint32, 0x077CB531), (64, np.uint64, 0x03F79D71B4CA8B09))
"""Bits of a word, its type, and a De Bruijn number: times a power of two, its top bits differ for each power."""


@dataclass(frozen=True, slots=True)
class TreeBank:
    """All trees of a model, node after node.

    References
    ----------
    Lucchese, C. et al. (2015), QuickScorer, SIGIR '15, doi:10.1145/2766462.2767733.
    """

    thresholds: tuple[NDArray[np.float64], ...]
    """Rising thresholds of every feature."""
    edges: NDArray[np.float32]
    """The same in single precision, one after the other: a single-precision value exceeds a threshold exactly
    when it exceeds the largest single-precision number not above it."""
    first_edge: NDArray[np.int64]
    """Where the thresholds of each feature begin, and one more for the end."""
    feature: NDArray[np.int64]
    """Feature that each node tests."""
    rank: NDArray[np.uint8]
    """Rank of its threshold among those of the feature."""
    left: NDArray[Any]
    """Bits of the leaves that fall away when the value exceeds the threshold."""
    missing_left: NDArray[np.bool_]
    """Whether a missing value goes left, as one that does not exceed."""
    first_node: NDArray[np.int64]
    """Where the nodes of each tree begin, and one more for the end."""
    leaf: NDArray[np.float64]
    """Leaf values by De Bruijn slot, shape (trees, bits)."""
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
        _sweep(
            np.ascontiguousarray(planes, dtype=np.float32),
            self.edges,
            self.first_edge,
            self.feature,
            self.rank,
            self.left,
            self.missing_left,
            self.first_node,
            self.leaf,
            out,
        )
        return out


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
    most = max((len(leaves) for _, leaves in parsed), default=1)
    if most > MOST_LEAVES:
        raise ValueError(f"a tree of {most} leaves; at most {MOST_LEAVES} can be swept")
    thresholds = _thresholds(parsed, len(model["feature_names"]))
    bits, word, number = next(entry for entry in _WORDS if most <= entry[0])
    every = [node for nodes, _ in parsed for node in nodes]
    feature = np.array([node[0] for node in every], dtype=np.int64)
    rank = [int(np.searchsorted(thresholds[f], threshold)) for f, threshold, _, _ in every]
    return TreeBank(
        thresholds=thresholds,
        edges=np.concatenate([np.empty(0, np.float32), *(_not_above(edges) for edges in thresholds)]),
        first_edge=np.cumsum([0, *(len(edges) for edges in thresholds)]),
        feature=feature,
        rank=np.array(rank, dtype=np.uint8),
        left=np.array([sum(1 << leaf for leaf in leaves) for _, _, leaves, _ in every], dtype=word),
        missing_left=np.array([not missing_right for *_, missing_right in every], dtype=np.bool_),
        first_node=np.cumsum([0, *(len(nodes) for nodes, _ in parsed)]),
        leaf=np.array([_slots(leaves, bits, number) for _, leaves in parsed]).reshape(len(parsed), bits),
        classes=int(model["num_tree_per_iteration"]),
    )


@njit(nogil=True, cache=True)
def _sweep(  # type: ignore[no-untyped-def]  # compiled for the type of word that the leaves need
    planes, edges, first_edge, feature, rank, left, missing_left, first_node, leaf, out
):
    cells = planes.shape[1]
    bits = leaf.shape[1]
    full, number, shift = _word_numbers(bits)
    ranks = np.empty((planes.shape[0], _TILE), dtype=np.uint8)
    word = np.empty(_TILE, dtype=left.dtype)
    nothing = left.dtype.type(0)
    values = np.empty(_TILE, dtype=np.float32)
    for start in range(0, cells, _TILE):
        count = min(_TILE, cells - start)
        for k in range(planes.shape[0]):
            if first_edge[k + 1] > first_edge[k]:
                _rank(planes[k, start : start + count], edges[first_edge[k] : first_edge[k + 1]], values, ranks[k])
        for tree in range(len(first_node) - 1):
            for c in range(count):
                word[c] = nothing
            for node in range(first_node[tree], first_node[tree + 1]):
                column, limit, bit = ranks[feature[node]], rank[node], left[node]
                if missing_left[node]:
                    for c in range(count):
                        word[c] |= bit if (column[c] > limit) & (column[c] != _MISSING) else nothing
                else:
                    for c in range(count):
                        word[c] |= bit if column[c] > limit else nothing
            target = out[tree % out.shape[0]]
            for c in range(count):
                kept = np.uint64(word[c]) ^ full
                lowest = kept & (~kept + np.uint64(1))
                target[start + c] += leaf[tree, ((lowest * number) & full) >> shift]


@njit(nogil=True, cache=True)
def _rank(plane, edges, values, ranks):  # type: ignore[no-untyped-def]
    """Write how many thresholds each value exceeds; `_MISSING` where there is no value."""
    count = len(plane)
    for c in range(count):
        # LightGBM reads what is next to 0 as 0
        values[c] = np.float32(0) if abs(plane[c]) <= _NEXT_TO_ZERO else plane[c]
        ranks[c] = 0
    for edge in edges:
        for c in range(count):
            ranks[c] += np.uint8(values[c] > edge)
    for c in range(count):
        if values[c] != values[c]:
            ranks[c] = _MISSING


@njit(nogil=True, cache=True, inline="always")
def _word_numbers(bits):  # type: ignore[no-untyped-def]
    """Return the full word, the De Bruijn number and the shift to its top bits."""
    if bits == 16:
        return np.uint64(0xFFFF), np.uint64(0x0F2D), np.uint64(12)
    if bits == 32:
        return np.uint64(0xFFFFFFFF), np.uint64(0x077CB531), np.uint64(27)
    return np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0x03F79D71B4CA8B09), np.uint64(58)


def _thresholds(
    parsed: Sequence[tuple[list[_Parsed], list[float]]], features: int
) -> tuple[NDArray[np.float64], ...]:
    """Return the rising thresholds of every feature.

    Raises
    ------
    ValueError
        If a feature has more than a byte can rank.
    """
    found: list[set[float]] = [set() for _ in range(features)]
    for nodes, _ in parsed:
        for feature, threshold, _, _ in nodes:
            found[feature].add(threshold)
    if max(map(len, found), default=0) > MOST_THRESHOLDS:
        raise ValueError(f"a feature with more than {MOST_THRESHOLDS} thresholds; train with fewer bins")
    return tuple(np.array(sorted(edges), dtype=np.float64) for edges in found)


def _not_above(edges: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest single-precision number not above each threshold."""
    with np.errstate(over="ignore"):  # beyond single precision it becomes infinite, and steps back below
        single = edges.astype(np.float32)
    return np.where(single > edges, np.nextafter(single, np.float32(-np.inf)), single).astype(np.float32)


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


def _slots(leaves: Sequence[float], bits: int, number: int) -> NDArray[np.float64]:
    """Return leaf values in the order in which the De Bruijn product finds them."""
    values = np.zeros(bits)
    shift = bits - bits.bit_length() + 1
    for leaf, value in enumerate(leaves):
        values[((number << leaf) % (1 << bits)) >> shift] = value
    return values
