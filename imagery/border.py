"""Border cells made of two labelled places: what a cell astride an edge looks like, with the label of its centre.

Most cells of small fields are mixed, and few labelled places are: interpreters choose the middle of fields. A
classifier that never met a border puts it where its classes happen to part. Two places seen on the same days give
the cell that an edge between them would cut, band by band as its footprint is cut, and the side its centre lies on.

References
----------
Okujeni, A., van der Linden, S., Tits, L., Somers, B. and Hostert, P. (2013), Support vector regression and
synthetically mixed training data for quantifying urban land cover, Remote Sensing of Environment 137, 184,
doi:10.1016/j.rse.2013.06.007: training on mixtures of known spectra.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imagery.radar import decibels, power_of
from imagery.stack import Series

__all__ = ["BorderCells", "Edges", "draw_borders", "edge_share", "mixed_series", "mixed_texture"]

FARTHEST = 1.0
"""Farthest that an edge lies from the centre of the cell it cuts, cells: beyond it hardly any footprint is cut."""
NEIGHBOURS = 20
"""Nearest places of other classes of which one is drawn: what grows side by side is mixed more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """n straight edges, each near the centre of a cell."""

    east: NDArray[np.float64]
    """Eastward part of the unit vector towards the first side (n)."""
    south: NDArray[np.float64]
    """Southward part of it (n)."""
    distance: NDArray[np.float64]
    """How far the centre lies on the first side, cells; negative on the second (n)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BorderCells:
    """n border cells to be made of pairs of places of one period."""

    first: NDArray[np.int64]
    """Place on the first side (n)."""
    second: NDArray[np.int64]
    """Place on the second side (n)."""
    edges: Edges
    """Where the edges run."""
    offset: NDArray[np.float64]
    """Where in its coarser footprints the cell lies, -0.5 to 0.5 of what they are wider, shape (2, n)."""

    def __len__(self) -> int:
        return len(self.first)

    @property
    def holder(self) -> NDArray[np.int64]:
        """Place whose label the centre has (n)."""
        return np.where(self.edges.distance > 0, self.first, self.second)

    def where(self, keep: NDArray[np.bool_]) -> BorderCells:
        """Return the cells for which `keep` is true."""
        edges = Edges(east=self.edges.east[keep], south=self.edges.south[keep], distance=self.edges.distance[keep])
        return replace(
            self, first=self.first[keep], second=self.second[keep], edges=edges, offset=self.offset[:, keep]
        )

    def share(self, side: float, *, centred: bool = False) -> NDArray[np.float64]:
        """Return how much of a square around the cell the first side covers (n).

        Parameters
        ----------
        side
            Side of the square, cells; 1 is the cell itself.
        centred
            Whether the cell lies in its middle, as in that of a texture window, or anywhere in it, as in that of a
            coarser band.
        """
        wider = 0.0 if centred else max(side - 1.0, 0.0)
        return edge_share(self.edges, side, wider * self.offset[0], wider * self.offset[1])


def draw_borders(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    code: NDArray[np.integer],
    group: NDArray[np.integer],
    *,
    per_place: int,
    rng: np.random.Generator,
) -> BorderCells:
    """Draw pairs of places of different classes, and edges between them.

    Parameters
    ----------
    x, y
        Coordinates of the places (n).
    code
        Their classes (n).
    group
        Places of one group are paired with each other alone, such as those of one period and fold.
    per_place
        Border cells for each place, which is the first side of all of them.
    rng
        Draws partners, directions, distances and offsets.

    Returns
    -------
    BorderCells
        None for the places of a group that has a single class.
    """
    first, second = [], []
    for name in np.unique(group):
        members = np.flatnonzero(group == name)
        for place in members:
            others = members[code[members] != code[place]]
            if len(others):
                far = np.hypot(x[others] - x[place], y[others] - y[place])
                near = others[np.argsort(far, kind="stable")[:NEIGHBOURS]]
                first.append(np.full(per_place, place))
                second.append(near[rng.integers(len(near), size=per_place)])
    n = per_place * len(first)
    angle = rng.uniform(0.0, 2 * np.pi, n)
    return BorderCells(
        first=np.concatenate([np.zeros(0, dtype=np.int64), *first]),
        second=np.concatenate([np.zeros(0, dtype=np.int64), *second]),
        edges=Edges(east=np.cos(angle), south=np.sin(angle), distance=rng.uniform(-FARTHEST, FARTHEST, n)),
        offset=rng.uniform(-0.5, 0.5, (2, n)),
    )


def edge_share(
    edges: Edges, side: float, east: NDArray[np.float64] | float = 0.0, south: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """Return how much of a square lies on the first side of each edge (n).

    Parameters
    ----------
    edges
        Edges near the centre of a cell.
    side
        Side of the square, cells.
    east, south
        Its centre, from that of the cell.

    Notes
    -----
    Across a square of side s the distance to a line in direction (u, v) is spread as the sum of two uniform
    variables of widths abs(u) s and abs(v) s, whose distribution is a trapezium.

    Examples
    --------
    >>> edges = Edges(east=np.array([1.0]), south=np.array([0.0]), distance=np.array([0.25]))
    >>> float(edge_share(edges, 1.0)[0])
    0.75
    """
    centre = edges.distance + edges.east * east + edges.south * south
    wide, narrow = np.abs(edges.east) * side, np.abs(edges.south) * side
    wide, narrow = np.maximum(wide, narrow), np.minimum(wide, narrow)
    far = np.minimum(np.abs(centre), (wide + narrow) / 2)
    level = 0.5 + far / wide
    slope = ((wide + narrow) / 2 - far) ** 2 / np.maximum(2 * wide * narrow, 1e-12)
    more = np.where(far <= (wide - narrow) / 2, level, 1.0 - slope)
    return np.asarray(np.where(centre >= 0, more, 1.0 - more))


def mixed_series(
    series: Series, cells: BorderCells, sides: NDArray[np.float64], *, is_decibel: bool = False
) -> Series:
    """Return what border cells show on every day.

    Parameters
    ----------
    series
        Observations of the places.
    cells
        Pairs of them.
    sides
        Side of the footprint of each band on each day, cells, shape (t, b); 1 for those no larger than a cell.
    is_decibel
        Whether values are decibels, of which power is mixed and not they.

    Returns
    -------
    Series
        Values are mixed as the footprints are cut; a day is clear where it was at both places.
    """
    footprints, which = np.unique(np.maximum(sides, 1.0), return_inverse=True)
    shares = np.array([cells.share(float(side)) for side in footprints])[which.reshape(sides.shape)]
    one, other = (series.values[:, :, side] for side in (cells.first, cells.second))
    if is_decibel:
        power = shares * power_of(one, series.quantum) + (1 - shares) * power_of(other, series.quantum)
        mixed = decibels(power) / series.quantum
    else:
        mixed = shares * one + (1 - shares) * other
    return replace(
        series,
        values=np.rint(mixed).astype(np.int16),
        valid=series.valid[:, cells.first] & series.valid[:, cells.second],
    )


def mixed_texture(planes: NDArray[np.float32], cells: BorderCells, radii: Sequence[int]) -> NDArray[np.float32]:
    """Return the texture around border cells: mean and deviation of the two sides together.

    Parameters
    ----------
    planes
        Mean and deviation of the places by turns, shape (2 k, n).
    cells
        Pairs of the places.
    radii
        Radius of each mean and its deviation (k).

    Notes
    -----
    Of a share s of one side: mean = s m1 + (1 - s) m2, variance = s v1 + (1 - s) v2 + s (1 - s) (m1 - m2)^2.
    """
    out = np.empty((len(planes), len(cells)), dtype=np.float32)
    for layer, radius in zip(range(0, len(planes), 2), radii, strict=True):
        s = cells.share(2 * radius + 1, centred=True)
        m1, m2 = planes[layer, cells.first].astype(np.float64), planes[layer, cells.second].astype(np.float64)
        v1, v2 = (planes[layer + 1, side].astype(np.float64) ** 2 for side in (cells.first, cells.second))
        out[layer] = s * m1 + (1 - s) * m2
        out[layer + 1] = np.sqrt(s * v1 + (1 - s) * v2 + s * (1 - s) * (m1 - m2) ** 2)
    return out
