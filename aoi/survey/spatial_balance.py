"""Samples spread over the map: generalised random tessellation and the local pivotal method, seeded.

Neighbours carry the same news, so that a spread sample says more than a clumped one of the same size. Each unit
keeps its inclusion probability; most pairs of near neighbours have none together, so that the variance goes
by `local_mean`, never by a formula for independent units.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from aoi.survey.design import FloatArray, IntArray, raise_all
from aoi.survey.joint_inclusion import checked_inclusion
from geo.errors import Problem

__all__ = ["draw_local_pivotal", "draw_tessellation", "spatial_imbalance"]

MAX_LEVELS = 26
"""Quadrant levels: 2**26 cells a side tell points 2 cm apart over 1000 km."""


def draw_tessellation(
    coordinates: npt.ArrayLike, inclusion: npt.ArrayLike, *, rng: np.random.Generator
) -> IntArray:
    """Draw a spread sample by generalised random tessellation (GRTS).

    Parameters
    ----------
    coordinates
        Easting and northing of each unit, in metres of one projected system, shape (N, 2).
    inclusion
        Inclusion probability of each unit, summing to a whole number, shape (N,).
    rng
        Source of randomness.

    Returns
    -------
    ndarray of int64
        Positions of the drawn units in reverse hierarchical order: any first part of the list is itself a
        spread sample, so that a reserve is simply its tail.

    Raises
    ------
    InputError
        If coordinates are missing, or probabilities are not those of a fixed-size design.

    References
    ----------
    Stevens and Olsen (2004), Journal of the American Statistical Association 99, 262-278,
    doi:10.1198/016214504000000250.

    Examples
    --------
    >>> grid = [[e, n] for e in range(10) for n in range(10)]
    >>> draw_tessellation(grid, np.full(100, 0.08), rng=np.random.default_rng(1)).size
    8
    """
    pi = checked_inclusion(inclusion, "systematic")
    xy = _checked_coordinates(coordinates, pi.size)
    address = _random_address(xy, rng)
    # Units in one smallest cell are put in random order
    order = np.lexsort((rng.random(pi.size), address))
    ends = np.cumsum(pi[order])
    n = round(float(ends[-1]))
    ends[-1] = n
    drawn = order[np.searchsorted(ends, rng.random() + np.arange(n), side="right")]
    return drawn[_reverse_hierarchical(n)].astype(np.int64)


def draw_local_pivotal(
    coordinates: npt.ArrayLike, inclusion: npt.ArrayLike, *, rng: np.random.Generator
) -> IntArray:
    """Draw a spread sample by the local pivotal method, in which near neighbours compete for a place.

    Spreads somewhat better than `draw_tessellation`, and also over more than two dimensions (terrain, mapped
    density), at about 0.3 ms for each unit of the frame.

    Parameters
    ----------
    coordinates
        Position of each unit, each dimension in a comparable scale, shape (N, d).
    inclusion
        Inclusion probability of each unit, summing to a whole number, shape (N,).
    rng
        Source of randomness.

    Returns
    -------
    ndarray of int64
        Positions of the drawn units, ascending.

    Raises
    ------
    InputError
        If coordinates are missing, or probabilities are not those of a fixed-size design.

    References
    ----------
    Grafstrom, Lundstrom and Schelin (2012), Biometrics 68, 514-520, doi:10.1111/j.1541-0420.2011.01699.x
    (LPM2).

    Examples
    --------
    >>> grid = [[e, n] for e in range(6) for n in range(6)]
    >>> draw_local_pivotal(grid, np.full(36, 0.25), rng=np.random.default_rng(1)).size
    9
    """
    pi = checked_inclusion(inclusion, "systematic").copy()
    xy = _checked_coordinates(coordinates, pi.size)
    open_units = np.flatnonzero(pi < 1)
    while open_units.size > 1:
        tree = KDTree(xy[open_units])
        # The tree is rebuilt once half of its units are decided
        _compete(pi, open_units, tree, rng)
        open_units = open_units[(pi[open_units] > 0) & (pi[open_units] < 1)]
    pi[open_units] = np.rint(pi[open_units])
    return np.flatnonzero(pi > 0.5).astype(np.int64)


def spatial_imbalance(coordinates: npt.ArrayLike, inclusion: npt.ArrayLike, sample: npt.ArrayLike) -> float:
    """Measure how unevenly a sample covers the frame: zero is perfect.

    Each unit of the frame is given to its nearest drawn unit; the probabilities so gathered should be one.

    Parameters
    ----------
    coordinates, inclusion
        Of the frame, shapes (N, d) and (N,).
    sample
        Positions of the drawn units, shape (n,).

    Returns
    -------
    float
        Mean squared deviation of the gathered probabilities from one.

    References
    ----------
    Stevens and Olsen (2004) (Voronoi polygons).
    """
    xy, drawn = np.asarray(coordinates, dtype=float), np.asarray(sample, dtype=np.int64)
    nearest = KDTree(xy[drawn]).query(xy)[1]
    gathered = np.bincount(nearest, weights=np.asarray(inclusion, dtype=float), minlength=drawn.size)
    return float(((gathered - 1) ** 2).mean())


def _random_address(xy: FloatArray, rng: np.random.Generator) -> IntArray:
    """Give numbers to the cells of a quadrant tree whose branches are shuffled at every node."""
    side = float(np.ptp(xy, axis=0).max()) or 1.0
    # A random shift keeps the grid of quadrants from lining up with the frame
    unit = (xy - xy.min(axis=0)) / side * 0.5 + rng.uniform(0, 0.5, size=2)
    cell = np.minimum((unit * 2**MAX_LEVELS).astype(np.int64), 2**MAX_LEVELS - 1)
    address = np.zeros(xy.shape[0], dtype=np.int64)
    node = np.zeros(xy.shape[0], dtype=np.int64)
    for level in range(MAX_LEVELS - 1, -1, -1):
        quadrant = ((cell[:, 0] >> level) & 1) * 2 + ((cell[:, 1] >> level) & 1)
        nodes = int(node.max()) + 1
        shuffled = np.argsort(rng.random((nodes, 4)), axis=1)
        # Nodes are renumbered in address order at each level, so that numbers stay small
        address = address * 4 + shuffled[node, quadrant]
        labels, node = np.unique(address, return_inverse=True)
        address = node.astype(np.int64)
        if labels.size == xy.shape[0]:
            break
    return address


def _reverse_hierarchical(n: int) -> IntArray:
    """Order ranks by their base-four digits read backwards."""
    rank = np.arange(n)
    digits = max(1, int(np.ceil(np.log(max(n, 2)) / np.log(4))))
    # Ranks are stretched over all addresses of that many digits, so that first digits are used evenly
    spread = rank * 4**digits // n
    turned = np.zeros(n, dtype=np.int64)
    for _ in range(digits):
        turned = turned * 4 + spread % 4
        spread = spread // 4
    return np.argsort(turned, kind="stable").astype(np.int64)


def _compete(pi: FloatArray, units: IntArray, tree: KDTree, rng: np.random.Generator) -> None:
    """Let random units of a tree compete with their nearest open neighbour until half are decided."""
    undecided = np.ones(units.size, dtype=bool)
    pool = rng.permutation(units.size).tolist()
    floor = units.size // 2 if units.size > 8 else 1
    left = units.size
    while left > floor and pool:
        first = pool.pop()
        if not undecided[first]:
            continue
        second = _nearest_open(first, undecided, tree, rng)
        for unit in _fight(pi, units[first], units[second], rng):
            position = first if unit == units[first] else second
            undecided[position] = False
            left -= 1
        if undecided[first]:
            pool.insert(int(rng.integers(len(pool) + 1)), first)


def _nearest_open(first: int, undecided: npt.NDArray[np.bool_], tree: KDTree, rng: np.random.Generator) -> int:
    """Return the nearest undecided unit, a random one among ties."""
    k = 8
    while True:
        distance, index = tree.query(tree.data[first], k=min(k, tree.n))
        found = (index != first) & undecided[index]
        if found.any():
            ties = index[found][distance[found] <= distance[found].min()]
            return int(rng.choice(ties)) if ties.size > 1 else int(ties[0])
        k *= 4


def _fight(pi: FloatArray, i: int, j: int, rng: np.random.Generator) -> list[int]:
    """Settle two units so that one ends at zero or one and both keep their mean; return who is decided."""
    a, b = pi[i], pi[j]
    together = a + b
    if together < 1:
        winner_is_j = rng.random() < b / together
        pi[i], pi[j] = (0.0, together) if winner_is_j else (together, 0.0)
    else:
        winner_is_i = rng.random() < (1 - b) / (2 - together) if together < 2 else True
        pi[i], pi[j] = (1.0, together - 1) if winner_is_i else (together - 1, 1.0)
    for unit in (i, j):
        # Sums of decimal probabilities end a hair off zero or one
        if abs(pi[unit] - round(pi[unit])) < 1e-9:
            pi[unit] = round(pi[unit])
    return [unit for unit in (i, j) if pi[unit] in (0.0, 1.0)]


def _checked_coordinates(coordinates: npt.ArrayLike, n: int) -> FloatArray:
    """Return coordinates as an array, refusing missing ones."""
    xy = np.asarray(coordinates, dtype=float)
    if xy.ndim != 2 or xy.shape[0] != n:
        raise_all([Problem("coordinates", f"shape {xy.shape}", f"({n}, 2)")])
    missing = np.flatnonzero(~np.isfinite(xy).all(axis=1))
    if missing.size:
        raise_all(
            [
                Problem(
                    "coordinates",
                    f"{missing.size} units without a position (first {missing[:5].tolist()})",
                    "easting and northing of each",
                )
            ]
        )
    return xy
