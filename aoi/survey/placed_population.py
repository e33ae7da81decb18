"""A population on the map made of a spread or systematic sample, so that the survey can be simulated on it.

Such a sample has about one unit in each cell of the map. Here each cell gets many places, and at each place stands
a copy of one of the sampled units nearest to it: the pattern of the crop is that of the sample, and what varies
inside a cell is what neighbours differ by. A spread sample takes one place of each cell by itself, a systematic one
the same place of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from aoi.survey.coverage import Scenario
from aoi.survey.design import FloatArray, IntArray
from aoi.survey.interval import jeffreys
from aoi.survey.local_mean import Drawing

__all__ = ["PlacedPopulation", "placed_population"]

PLACES = 100
"""Places in a cell."""
DONORS = 3
"""Sampled units near a place, one of which stands there."""
SPREAD_SIDE = 0.62
"""Distance to the nearest neighbour in a tessellation sample, in sides of a cell (`aoi.survey.nearest_pair`)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlacedPopulation:
    """Cells with the sampled unit that stands at each place."""

    donor: IntArray
    """Row of the sample, shape (n, K)."""
    position: FloatArray
    """Coordinates, shape (n, K, d)."""
    group: IntArray
    """Stratum of each cell, shape (n,)."""
    drawing: Drawing
    """How a sample is placed."""

    def total(self, expanded: FloatArray) -> float:
        """Return the population's total of what each sampled unit stands for, shape (n,)."""
        return float(expanded[self.donor].mean(axis=1).sum())

    def draw(self, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Draw one place from each cell: rows of the sample, shape (n,), and positions, shape (n, d)."""
        cells, places = self.donor.shape
        if self.drawing == "systematic":
            start = rng.integers(places, size=int(self.group.max()) + 1)
            at = np.asarray(start)[self.group]
        else:
            at = np.asarray(rng.integers(places, size=cells))
        each = np.arange(cells)
        return self.donor[each, at], self.position[each, at]


def placed_population(
    coordinates: FloatArray,
    amount: FloatArray,
    group: IntArray,
    *,
    drawing: Drawing,
    scenario: Scenario,
    level: float,
    rng: np.random.Generator,
    places: int = PLACES,
) -> PlacedPopulation:
    """Make a population on the map of a sample.

    Parameters
    ----------
    coordinates
        Position of each sampled unit, or its place in the order of the frame, shape (n, d).
    amount
        Crop in each unit, shape (n,).
    group
        Stratum of each unit, 0 to H - 1, shape (n,).
    drawing
        How the sample was placed.
    scenario
        ``pessimistic``: places without crop turn into copies of units with crop until these are as frequent in
        each stratum as its sample can hide; otherwise the sample as it is.
    level
        Level of the limit of what it can hide.
    rng
        Source of randomness.
    places
        Places in each cell.

    Returns
    -------
    PlacedPopulation
    """
    n, dimensions = coordinates.shape
    donor = np.empty((n, places), dtype=np.int64)
    position = np.empty((n, places, dimensions))
    offsets = rng.uniform(-0.5, 0.5, size=(places, dimensions))
    for code in range(int(group.max()) + 1):
        own = np.flatnonzero(group == code)
        tree = KDTree(coordinates[own])
        near = tree.query(coordinates[own], k=min(2, own.size))[0].reshape(own.size, -1)[:, -1]
        side = float(np.median(near)) / (1.0 if drawing == "systematic" else SPREAD_SIDE)
        shifts = offsets if drawing == "systematic" else rng.uniform(-0.5, 0.5, (own.size, places, dimensions))
        position[own] = coordinates[own][:, None, :] + side * shifts
        k = min(DONORS, own.size)
        around = tree.query(position[own].reshape(-1, dimensions), k=k)[1].reshape(own.size, places, k)
        chosen = rng.integers(k, size=(own.size, places, 1))
        donor[own] = own[np.take_along_axis(around, chosen, axis=2)[:, :, 0]]
        if scenario == "pessimistic":
            donor[own] = _with_hidden(donor[own], own, amount, level, rng)
    return PlacedPopulation(donor=donor, position=position, group=group, drawing=drawing)


def _with_hidden(
    donor: IntArray, own: IntArray, amount: FloatArray, level: float, rng: np.random.Generator
) -> IntArray:
    """Turn places without crop into units with crop, as many as the stratum's sample can hide."""
    holders = own[amount[own] > 0]
    if not 0 < holders.size < own.size:
        return donor
    share = float((amount[donor] > 0).mean())
    hidden = float(jeffreys(np.array([holders.size]), np.array([own.size]), level).hi[0])
    turned = (amount[donor] <= 0) & (rng.random(donor.shape) < max(hidden - share, 0.0) / max(1 - share, 1e-12))
    return np.where(turned, rng.choice(holders, size=donor.shape), donor)
