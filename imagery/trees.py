"""Boosted trees evaluated over planes of features: one sweep per tree node instead of one walk per cell.

A leaf is reached when no node on the way sends the cell to the other side. Each tree keeps one bit per leaf; a
node whose test a cell fails clears the bits of its left leaves, and the lowest bit left names the leaf
(the idea of QuickScorer). Features are ranked among their thresholds first, so that a test compares two bytes, and
the bits are kept in planes of eight leaves, since the left side of most nodes lies within one of them: every step
works on bytes, as many cells at once as a register holds. Scores are summed in double precision in the order of
the trees, as LightGBM does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["MOST_LEAVES", "MOST_THRESHOLDS", "TreeBank", "tree_bank"]

MOST_LEAVES = 64
"""Leaves of a tree that eight planes of bits can name."""
MOST_THRESHOLDS = 254
"""Thresholds of a feature whose ranks fit one byte; training with at most that many bins keeps to it."""
_NEXT_TO_ZERO = np.float32(1e-35)
_MISSING = 255  # rank of a missing value that goes right: above that of every other
_TILE = 4096  # cells handled at once, so that their ranks stay in the second cache
_AT_ONCE = 4  # tests that one pass over a plane of bits makes
_NO_TEST = (_MISSING, 255)  # limit and bits that fill a pass: no rank exceeds it
_DEFAULT_LEFT, _MISSING_TYPE, _ZERO = 2, 12, 4  # bits of a decision in LightGBM's text
_NAN = 8


@dataclass(frozen=True, slots=True)
class TreeBank:
    """All trees of a model, ordered by the class they add to and then as they were grown.

    References
    ----------
    Lucchese, C. et al. (2015), QuickScorer, SIGIR '15, doi:10.1145/2766462.2767733. Ye, T. et al. (2018),
    RapidScorer, KDD '18, doi:10.1145/3219819.3219857: bits kept in bytes.
    """

    thresholds: tuple[NDArray[np.float64], ...]
    """Rising thresholds of every feature (k)."""
    edges: NDArray[np.float32]
    """The same in single precision, one after the other: a single-precision value exceeds a threshold exactly
    when it exceeds the largest single-precision number not above it."""
    first_edge: NDArray[np.int64]
    """Where the thresholds of each feature begin, and one more for the end."""
    column: NDArray[np.int64]
    """Ranks that the tests of a pass look at, shape (passes, 4): of feature f, or k + f if missing goes left."""
    limit: NDArray[np.uint8]
    """Rank of the threshold of each test, same shape."""
    kept: NDArray[np.uint8]
    """Bits of a plane that stay when the value exceeds the threshold, same shape."""
    plane: NDArray[np.int64]
    """Plane of eight leaves that each pass works on."""
    first_pass: NDArray[np.int64]
    """Where the passes of each tree begin, and one more for the end."""
    leaf: NDArray[np.float64]
    """Leaf values from left to right, shape (trees, 8 planes)."""
    first_tree: NDArray[np.int64]
    """Where the trees of each class begin, and one more for the end."""

    def scores(self, planes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the raw scores of n cells, shape (classes, n).

        Parameters
        ----------
        planes
            Features, shape (k, n); NaN is missing.
        """
        out = np.zeros((len(self.first_tree) - 1, planes.shape[1]))
        _sweep(
            np.ascontiguousarray(planes, dtype=np.float32),
            self.edges,
            self.first_edge,
            self.column,
            self.limit,
            self.kept,
            self.plane,
            self.first_pass,
            self.leaf,
            self.first_tree,
            out,
        )
        return out


def tree_bank(text: str) -> TreeBank:
    """Prepare the trees of a LightGBM model.

    Parameters
    ----------
    text
        Model as LightGBM writes it: numerical splits only, at most `MOST_LEAVES` leaves a tree and
        `MOST_THRESHOLDS` thresholds a feature.

    Raises
    ------
    ValueError
        If the model has anything else.
    """
    head, *bodies = (_entries(part) for part in text.split("end of trees")[0].split("\nTree="))
    if not bodies or "num_tree_per_iteration" not in head or "average_output" in head:
        raise ValueError("no boosted trees in LightGBM's text")
    classes, features = int(head["num_tree_per_iteration"]), int(head["max_feature_idx"]) + 1
    grown = [_parse(body) for body in bodies]
    most = max(len(leaves) for _, leaves in grown)
    if most > MOST_LEAVES:
        raise ValueError(f"a tree of {most} leaves; at most {MOST_LEAVES} can be swept")
    thresholds = _thresholds(grown, features)
    # Trees of one class follow each other: sums over them are then taken four at a time
    ordered = [grown[tree] for of in range(classes) for tree in range(of, len(grown), classes)]
    planes = -(-most // 8)
    rising = [edges.tolist() for edges in thresholds]
    passes = [_passes(nodes, rising, planes) for nodes, _ in ordered]
    every = [one for tree in passes for one in tree]
    tests = np.array([tests for _, tests in every], dtype=np.int64).reshape(-1, _AT_ONCE, 3)
    leaf = np.zeros((len(ordered), 8 * planes))
    for row, (_, leaves) in zip(leaf, ordered, strict=True):
        row[: len(leaves)] = leaves
    return TreeBank(
        thresholds=thresholds,
        edges=np.concatenate([np.empty(0, np.float32), *(_not_above(edges) for edges in thresholds)]),
        first_edge=np.cumsum([0, *(len(edges) for edges in thresholds)]),
        column=np.ascontiguousarray(tests[:, :, 0]),
        limit=tests[:, :, 1].astype(np.uint8),
        kept=tests[:, :, 2].astype(np.uint8),
        plane=np.array([plane for plane, _ in every], dtype=np.int64),
        first_pass=np.cumsum([0, *map(len, passes)]),
        leaf=leaf,
        first_tree=np.cumsum([0, *(len(range(of, len(grown), classes)) for of in range(classes))]),
    )


@njit(nogil=True, cache=True)
def _sweep(  # type: ignore[no-untyped-def]
    planes, edges, first_edge, column, limit, kept, plane, first_pass, leaf, first_tree, out
):
    features, cells = planes.shape
    ranks = np.zeros((2 * features, _TILE), dtype=np.uint8)
    values = np.empty(_TILE, dtype=np.float32)
    bits = np.empty((leaf.shape[1] // 8, _TILE), dtype=np.uint8)
    left = np.empty(_TILE, dtype=np.uint8)
    reached = np.zeros((_AT_ONCE, _TILE), dtype=np.uint8)
    last = len(bits) - 1
    for start in range(0, cells, _TILE):
        end = min(start + _TILE, cells)
        for k in range(features):
            if first_edge[k + 1] > first_edge[k]:
                _rank(
                    planes[k, start:end],
                    edges[first_edge[k] : first_edge[k + 1]],
                    values,
                    ranks[k],
                    ranks[features + k],
                )
        for of in range(len(first_tree) - 1):
            target = out[of, start:end]
            waiting = 0
            for tree in range(first_tree[of], first_tree[of + 1]):
                bits[:] = np.uint8(255)
                for one in range(first_pass[tree], first_pass[tree + 1]):
                    _test(
                        bits[plane[one]],
                        ranks[column[one, 0]],
                        ranks[column[one, 1]],
                        ranks[column[one, 2]],
                        ranks[column[one, 3]],
                        limit[one],
                        kept[one],
                    )
                left[:] = bits[last]
                reached[waiting, :] = np.uint8(8 * last)
                for back in range(last):
                    lower = last - 1 - back
                    _prefer(left, reached[waiting], bits[lower], np.uint8(8 * lower))
                _lowest(left, reached[waiting])
                waiting += 1
                if waiting == _AT_ONCE:
                    _add_four(
                        target,
                        leaf[tree - 3],
                        leaf[tree - 2],
                        leaf[tree - 1],
                        leaf[tree],
                        reached[0],
                        reached[1],
                        reached[2],
                        reached[3],
                    )
                    waiting = 0
            for back in range(waiting):
                _add(target, leaf[first_tree[of + 1] - waiting + back], reached[back])


@njit(nogil=True, cache=True)
def _test(bits, a, b, c, d, limit, kept):  # type: ignore[no-untyped-def]
    """Clear the bits that four tests rule out."""
    every = np.uint8(255)
    limit_a, limit_b, limit_c, limit_d = limit[0], limit[1], limit[2], limit[3]
    kept_a, kept_b, kept_c, kept_d = kept[0], kept[1], kept[2], kept[3]
    for i in range(_TILE):
        bits[i] &= (
            (kept_a if a[i] > limit_a else every)
            & (kept_b if b[i] > limit_b else every)
            & (kept_c if c[i] > limit_c else every)
            & (kept_d if d[i] > limit_d else every)
        )


@njit(nogil=True, cache=True)
def _prefer(left, reached, part, base):  # type: ignore[no-untyped-def]
    """Take the bits of a lower plane where it has any left."""
    nothing = np.uint8(0)
    for i in range(_TILE):
        bits, before, place = part[i], left[i], reached[i]
        left[i] = bits if bits != nothing else before
        reached[i] = base if bits != nothing else place


@njit(nogil=True, cache=True)
def _lowest(left, reached):  # type: ignore[no-untyped-def]
    """Add the place of the lowest bit that is left to where its plane begins."""
    nothing, odd, second, fourth = np.uint8(0), np.uint8(0xAA), np.uint8(0xCC), np.uint8(0xF0)
    one, two, four = np.uint8(1), np.uint8(2), np.uint8(4)
    for i in range(_TILE):
        bits = left[i]
        lowest = np.uint8(bits & np.uint8(nothing - bits))
        place = (
            (one if np.uint8(lowest & odd) != nothing else nothing)
            | (two if np.uint8(lowest & second) != nothing else nothing)
            | (four if np.uint8(lowest & fourth) != nothing else nothing)
        )
        reached[i] = np.uint8(reached[i] | place)


@njit(nogil=True, cache=True)
def _add_four(target, leaf_a, leaf_b, leaf_c, leaf_d, a, b, c, d):  # type: ignore[no-untyped-def]
    """Add the leaves of four trees, one after the other."""
    for i in range(len(target)):
        target[i] = (((target[i] + leaf_a[a[i]]) + leaf_b[b[i]]) + leaf_c[c[i]]) + leaf_d[d[i]]


@njit(nogil=True, cache=True)
def _add(target, leaf, reached):  # type: ignore[no-untyped-def]
    for i in range(len(target)):
        target[i] += leaf[reached[i]]


@njit(nogil=True, cache=True)
def _rank(plane, edges, values, ranks, ranks_left):  # type: ignore[no-untyped-def]
    """Write how many thresholds each value exceeds; where there is no value, `_MISSING` or 0 if it goes left."""
    count = len(plane)
    for i in range(count):
        # LightGBM reads what is next to 0 as 0
        values[i] = np.float32(0) if abs(plane[i]) <= _NEXT_TO_ZERO else plane[i]
        ranks[i] = 0
    first = 0
    while first + 4 <= len(edges):
        a, b, c, d = edges[first], edges[first + 1], edges[first + 2], edges[first + 3]
        for i in range(count):
            v = values[i]
            ranks[i] += np.uint8(v > a) + np.uint8(v > b) + np.uint8(v > c) + np.uint8(v > d)
        first += 4
    for edge in edges[first:]:
        for i in range(count):
            ranks[i] += np.uint8(values[i] > edge)
    for i in range(count):
        missing = values[i] != values[i]
        ranks_left[i] = 0 if missing else ranks[i]
        ranks[i] = _MISSING if missing else ranks[i]


_Node = tuple[int, float, range, bool]
"""Feature, threshold, leaves on the left, and whether a missing value goes left."""


def _entries(part: str) -> dict[str, str]:
    """Return the lines ``key=value`` of a part of the text; a line without value is a flag."""
    pairs = (line.partition("=") for line in part.splitlines())
    return {key: value for key, _, value in pairs if key}


def _parse(body: Mapping[str, str]) -> tuple[list[_Node], list[float]]:
    """Return the nodes of a tree with the leaves on their left, and the leaf values from left to right.

    Raises
    ------
    ValueError
        If it has splits by category, linear leaves, or takes 0 for missing.
    """
    if int(body.get("num_cat", 0)) or int(body.get("is_linear", 0)):
        raise ValueError("a tree with splits by category or with linear leaves")
    values = [float(value) for value in body["leaf_value"].split()]
    if len(values) == 1:
        return [], values
    feature, decision, left, right = (
        [int(value) for value in body[key].split()]
        for key in ("split_feature", "decision_type", "left_child", "right_child")
    )
    threshold = [float(value) for value in body["threshold"].split()]
    if any(one & _MISSING_TYPE == _ZERO for one in decision):
        raise ValueError("a split that takes 0 for missing")
    nodes: list[_Node] = []
    leaves: list[float] = []

    def visit(node: int) -> None:
        if node < 0:
            leaves.append(values[~node])
            return
        first = len(leaves)
        visit(left[node])
        goes_left = (
            bool(decision[node] & _DEFAULT_LEFT)
            if decision[node] & _MISSING_TYPE == _NAN
            # Where training saw no missing value LightGBM reads a missing one as 0
            else threshold[node] >= 0
        )
        nodes.append((feature[node], threshold[node], range(first, len(leaves)), goes_left))
        visit(right[node])

    visit(0)
    return nodes, leaves


def _passes(
    nodes: Sequence[_Node], thresholds: Sequence[Sequence[float]], planes: int
) -> list[tuple[int, list[tuple[int, int, int]]]]:
    """Return the passes over a tree: a plane of bits each, and four tests (column, limit, bits kept)."""
    found: list[tuple[int, list[tuple[int, int, int]]]] = []
    ready = [
        (
            feature + len(thresholds) if goes_left else feature,
            bisect_left(thresholds[feature], threshold),
            (1 << leaves.stop) - (1 << leaves.start),
        )
        for feature, threshold, leaves, goes_left in nodes
    ]
    for plane in range(planes):
        tests = [
            (column, rank, 255 - cleared) for column, rank, bits in ready if (cleared := bits >> 8 * plane & 255)
        ]
        while len(tests) % _AT_ONCE:
            tests.append((tests[0][0], *_NO_TEST))
        found += [(plane, tests[first : first + _AT_ONCE]) for first in range(0, len(tests), _AT_ONCE)]
    return found


def _thresholds(grown: Sequence[tuple[list[_Node], list[float]]], features: int) -> tuple[NDArray[np.float64], ...]:
    """Return the rising thresholds of every feature.

    Raises
    ------
    ValueError
        If a feature has more than a byte can rank.
    """
    found: list[set[float]] = [set() for _ in range(features)]
    for nodes, _ in grown:
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
