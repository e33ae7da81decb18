"""Where crop clusters: Moran's I, local indicators, Getis-Ord hot spots, with false discoveries controlled.

The values are densities (hectares per square kilometre): a hot spot of totals is a map of large units. What is
tested is the arrangement of the values as they stand, not how well they were measured. The statistics are PySAL's
(esda); permutations are drawn here, from the survey's own generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from esda import G, G_Local, Moran, Moran_Local
from libpysal.graph import Graph
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from aoi.survey.multiple import benjamini_hochberg
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["GlobalPattern", "LocalPattern", "global_pattern", "local_pattern", "nearest", "touching"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Pairs = NDArray[np.int64]

_LEAST = 10
"""Units below which a pattern is not looked for."""

_CHUNK = 500
"""Permutations drawn together, to bound memory."""

_QUADRANTS = {1: "high high", 2: "low high", 3: "low low", 4: "high low"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalPattern:
    """One statistic of the whole area."""

    statistic: Literal["Moran's I", "Getis-Ord G"]
    """Its name."""
    value: float
    """Observed."""
    expected: float
    """Expected without a pattern."""
    p_value: float
    """Two-sided, by permutation."""
    permutations: int
    """Permutations behind it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalPattern:
    """Statistics of each unit, n of them."""

    neighbours: IntArray
    """Neighbours of each unit; none of its statistics exist without."""
    local_moran: FloatArray
    """Local Moran's I; NaN without neighbours."""
    moran_p: FloatArray
    """Two-sided p-value by conditional permutation."""
    moran_q: FloatArray
    """Benjamini and Hochberg's adjusted p-value."""
    cluster: NDArray[np.str_]
    """``high high``, ``low low``, ``high low``, ``low high`` or ``none``."""
    getis_z: FloatArray
    """Getis-Ord G* as a standard score."""
    getis_p: FloatArray
    """Two-sided p-value by conditional permutation."""
    getis_q: FloatArray
    """Adjusted p-value."""
    hot_spot: NDArray[np.str_]
    """``hot``, ``cold`` or ``none``."""


def touching(shapes: Sequence[Any] | NDArray[np.object_]) -> Pairs:
    """Return the pairs of polygons that share a border or a corner, shape (m, 2), both ways.

    Examples
    --------
    >>> touching([shapely.box(0, 0, 1, 1), shapely.box(1, 1, 2, 2), shapely.box(5, 5, 6, 6)]).tolist()
    [[0, 1], [1, 0]]
    """
    array = np.asarray(shapes, dtype=object)
    left, right = shapely.STRtree(array).query(array, predicate="intersects")
    return _ordered(np.column_stack([left, right])[left != right])


def nearest(xy: ArrayLike, k: int) -> Pairs:
    """Return each point with its k nearest others, shape (n k, 2); ties go to the earlier point.

    Raises
    ------
    InputError
        If there are not more than k points.
    """
    places = np.asarray(xy, dtype=float)
    if not 1 <= k < len(places):
        raise InputError(Problem("neighbours", f"{k} of {len(places)} points", "at least one, fewer than points"))
    found = cKDTree(places).query(places, k=min(k + 1, len(places)))[1]
    pairs = [(unit, int(other)) for unit, row in enumerate(found) for other in [o for o in row if o != unit][:k]]
    return _ordered(np.array(pairs))


def _ordered(pairs: NDArray[Any]) -> Pairs:
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], dtype=np.int64)


def global_pattern(
    values: ArrayLike, pairs: Pairs, *, permutations: int, rng: np.random.Generator
) -> list[GlobalPattern]:
    """Return Moran's I and the general G of Getis and Ord.

    Parameters
    ----------
    values : array_like, shape (n,)
        Densities; n of at least 10, not all alike.
    pairs : ndarray of int, shape (m, 2)
        (unit, neighbour).
    permutations
        How many.
    rng
        Their source.

    References
    ----------
    Moran (1950), Biometrika 37, 17-23; Getis and Ord (1992), Geographical Analysis 24, 189-206.
    """
    y = _checked(values, pairs)
    kept, graph = _graph(y, pairs)
    moran = Moran(y[kept], graph, transformation="r", permutations=0)
    general = G(y[kept], graph, permutations=0)
    rows = _standardised_rows(graph, len(kept))
    binary = (rows > 0).astype(float)
    centred = y[kept] - y[kept].mean()
    spread = float(centred @ centred)
    drawn_moran, drawn_g = np.empty(permutations), np.empty(permutations)
    products = float(y[kept].sum() ** 2 - (y[kept] ** 2).sum())
    for draw in range(permutations):
        order = rng.permutation(len(kept))
        z, x = centred[order], y[kept][order]
        drawn_moran[draw] = float(z @ (rows @ z)) / spread
        drawn_g[draw] = float(x @ (binary @ x)) / products
    told: list[tuple[Literal["Moran's I", "Getis-Ord G"], Any, Any, FloatArray]] = [
        ("Moran's I", moran.I, moran.EI, drawn_moran),
        ("Getis-Ord G", general.G, general.EG, drawn_g),
    ]
    return [
        GlobalPattern(
            statistic=name,
            value=float(observed),
            expected=float(expected),
            p_value=_two_sided(float(observed), drawn),
            permutations=permutations,
        )
        for name, observed, expected, drawn in told
    ]


def _two_sided(observed: float, drawn: FloatArray) -> float:
    middle = drawn.mean()
    return (1 + float((np.abs(drawn - middle) >= abs(observed - middle) * (1 - 1e-12)).sum())) / (len(drawn) + 1)


def local_pattern(
    values: ArrayLike, pairs: Pairs, *, permutations: int, level: float, rng: np.random.Generator
) -> LocalPattern:
    """Return local Moran's I and Getis-Ord G* with p-values by conditional permutation, adjusted for many tests.

    Parameters
    ----------
    values : array_like, shape (n,)
        Densities.
    pairs : ndarray of int, shape (m, 2)
        (unit, neighbour); the unit itself is added for G*.
    permutations
        How often the other values are dealt out anew around each unit.
    level
        Share of false discoveries that is accepted among those named.
    rng
        Source of the permutations.

    References
    ----------
    Anselin (1995), Geographical Analysis 27, 93-115; Ord and Getis (1995), Geographical Analysis 27, 286-306;
    Caldas de Castro and Singer (2006), Geographical Analysis 38, 180-208 (false discoveries).
    """
    y = _checked(values, pairs)
    kept, graph = _graph(y, pairs)
    own = y[kept]
    moran = Moran_Local(own, graph, transformation="r", permutations=0)
    getis = G_Local(own, graph, transform="B", permutations=0, star=True)
    moran_p, getis_p = _conditional(own, graph, permutations, rng)
    n = len(y)
    counts = np.bincount(pairs[:, 0], minlength=n)
    moran_q, getis_q = benjamini_hochberg(moran_p), benjamini_hochberg(getis_p)
    z = np.asarray(getis.Zs, dtype=float)
    quadrant = np.array([_QUADRANTS[int(q)] for q in moran.q])
    return LocalPattern(
        neighbours=counts.astype(np.int64),
        local_moran=_spread(n, kept, np.asarray(moran.Is, dtype=float)),
        moran_p=_spread(n, kept, moran_p),
        moran_q=_spread(n, kept, moran_q),
        cluster=_named(n, kept, np.where(moran_q <= level, quadrant, "none")),
        getis_z=_spread(n, kept, z),
        getis_p=_spread(n, kept, getis_p),
        getis_q=_spread(n, kept, getis_q),
        hot_spot=_named(n, kept, np.where(getis_q > level, "none", np.where(z > 0, "hot", "cold"))),
    )


def _conditional(
    y: FloatArray, graph: Graph, permutations: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Deal the values of all other units out around each unit, many times; return the p-values.

    One set of permutations serves every unit: unit i is skipped in it, as PySAL does.
    """
    rows = _standardised_rows(graph, len(y))
    around = [np.flatnonzero(row) for row in rows]
    most = max(len(near) for near in around)
    order = np.concatenate(
        [
            np.argsort(rng.random((min(_CHUNK, permutations - done), len(y) - 1)), axis=1)[:, :most]
            for done in range(0, permutations, _CHUNK)
        ]
    )
    centred = y - y.mean()
    scale = float(centred @ centred) / len(y)
    p_i, p_g = np.empty(len(y)), np.empty(len(y))
    for unit, near in enumerate(around):
        drawn = order[:, : len(near)]
        others = drawn + (drawn >= unit)
        local = centred[unit] * centred[near].mean() / scale
        p_i[unit] = _two_sided(local, centred[unit] * centred[others].mean(axis=1) / scale)
        p_g[unit] = _two_sided(float(y[near].sum() + y[unit]), y[others].sum(axis=1) + y[unit])
    return p_i, p_g


def _checked(values: ArrayLike, pairs: Pairs) -> FloatArray:
    y = np.asarray(values, dtype=float)
    if y.ndim != 1 or not np.isfinite(y).all():
        found = f"{int((~np.isfinite(y)).sum())} missing values"
        raise InputError(Problem("spatial pattern", found, "a density of each unit", "leave units without out"))
    if len(y) < _LEAST or np.ptp(y) == 0:
        found = f"{len(y)} units" if len(y) < _LEAST else "the same value everywhere"
        raise QualityGateError(Problem("spatial pattern", found, f"at least {_LEAST} units that differ"))
    if not len(pairs) or pairs.min() < 0 or pairs.max() >= len(y):
        raise InputError(Problem("spatial pattern", "no neighbours", "pairs of neighbouring units"))
    return y


def _graph(y: FloatArray, pairs: Pairs) -> tuple[NDArray[np.intp], Graph]:
    """Return the units that have neighbours, and their graph by place among them."""
    kept = np.unique(pairs[:, 0])
    place = np.full(len(y), -1)
    place[kept] = np.arange(len(kept))
    focal, other = place[pairs[:, 0]], place[pairs[:, 1]]
    if (other < 0).any():
        raise InputError(Problem("spatial pattern", "a neighbour without neighbours", "pairs both ways"))
    return kept, Graph.from_arrays(focal, other, np.ones(len(focal)))


def _standardised_rows(graph: Graph, n: int) -> FloatArray:
    binary = np.asarray(graph.sparse.todense(), dtype=float).reshape(n, n)
    return np.asarray(binary / binary.sum(axis=1, keepdims=True))


def _spread(n: int, kept: NDArray[np.intp], values: FloatArray) -> FloatArray:
    found = np.full(n, np.nan)
    found[kept] = values
    return found


def _named(n: int, kept: NDArray[np.intp], values: NDArray[np.str_]) -> NDArray[np.str_]:
    found = np.full(n, "none", dtype="U9")
    found[kept] = values
    return found
