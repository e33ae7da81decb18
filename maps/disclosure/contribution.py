"""Who contributes to a figure: patches of mapped crop, and how much of each lies in every smallest place.

A patch of touching crop cells (diagonals count) is taken for one field. Fields that touch are then one
contributor too few, never one too many: the rules err on the side of the farmers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["ATOM_COLUMNS", "PATCH_COLUMNS", "Atoms", "atoms_of", "patches", "split_key"]

ATOM_COLUMNS = ("atom", "cell_x", "cell_y", "unit", "zone", "land_ha", "households")
PATCH_COLUMNS = ("crop", "period", "patch", "atom", "area_ha")
_STRIP = 512  # rows held at a time
_TOUCHING = np.ones((3, 3), dtype=np.int8)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Atoms:
    """The smallest places: what one smallest cell, one administrative unit and one zone share."""

    table: pd.DataFrame
    """Columns `atom`, `cell_x`, `cell_y` (cell numbers from the origin of the CRS), `unit`, `zone`, `land_ha`,
    `households` (-1 where not known)."""
    of_cell: NDArray[np.int64]
    """Shape (height, width): row of `table` for each raster cell, -1 outside the frame."""


def atoms_of(
    unit_of_cell: NDArray[np.integer],
    zone_of_cell: NDArray[np.integer],
    cell_area_ha: NDArray[np.float64],
    cell_numbers: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Atoms:
    """Part the frame into its smallest places.

    Parameters
    ----------
    unit_of_cell
        Shape (height, width): 0 outside the frame, else the number of the administrative unit.
    zone_of_cell
        Shape (height, width): 0 for no zone, else the number of the zone.
    cell_area_ha
        True areas, broadcast to the same shape.
    cell_numbers
        For each column its `cell_x`, shape (width,), and for each row its `cell_y`, shape (height,).

    Returns
    -------
    Atoms
        In order of cell, unit and zone.
    """
    cell_x, cell_y = cell_numbers
    inside = unit_of_cell > 0
    parts = (
        np.broadcast_to(cell_y[:, None], inside.shape)[inside],
        np.broadcast_to(cell_x[None, :], inside.shape)[inside],
        unit_of_cell[inside].astype(np.int64),
        zone_of_cell[inside].astype(np.int64),
    )
    keys = _keys(parts)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    of_cell = np.full(inside.shape, -1, dtype=np.int64)
    of_cell[inside] = inverse
    land = np.bincount(inverse, weights=np.broadcast_to(cell_area_ha, inside.shape)[inside], minlength=len(first))
    y, x, unit, zone = (part[first] for part in parts)
    table = pd.DataFrame(
        {
            "atom": np.arange(len(first)),
            "cell_x": x,
            "cell_y": y,
            "unit": unit,
            "zone": zone,
            "land_ha": land,
            "households": np.full(len(first), -1, dtype=np.int64),
        }
    )
    return Atoms(table=table, of_cell=of_cell)


def _keys(parts: tuple[NDArray[np.int64], ...]) -> NDArray[np.int64]:
    """Return one number for each combination, in the order of the parts."""
    key = np.zeros(len(parts[0]), dtype=np.int64)
    for part in parts:
        low = part.min(initial=0)
        key = key * (part.max(initial=0) - low + 1) + (part - low)
    return key


def split_key(values: NDArray[np.float64], side: float) -> NDArray[np.int64]:
    """Return the number of the cell of a side that each coordinate falls in, counted from the CRS's origin."""
    return np.asarray(np.floor(values / side), dtype=np.int64)


def patches(
    crop_of_cell: NDArray[np.bool_], atom_of_cell: NDArray[np.int64], cell_area_ha: NDArray[np.float64]
) -> pd.DataFrame:
    """Return how much of each patch lies in each atom.

    Parameters
    ----------
    crop_of_cell
        Shape (height, width): where the map shows the crop.
    atom_of_cell
        Shape (height, width): atom of each cell; cells outside the frame (-1) belong to no patch.
    cell_area_ha
        True areas, broadcast to the same shape.

    Returns
    -------
    pandas.DataFrame
        Columns `patch`, `atom`, `area_ha`, in that order of rows; patches are numbered from north-west.
    """
    areas = np.broadcast_to(cell_area_ha, crop_of_cell.shape)
    pieces, links, above, count = [], [], None, 0
    for top in range(0, len(crop_of_cell), _STRIP):
        rows = slice(top, top + _STRIP)
        crop = crop_of_cell[rows] & (atom_of_cell[rows] >= 0)
        labels, found = ndimage.label(crop, structure=_TOUCHING)
        labels = np.where(crop, labels.astype(np.int64) + count, 0)
        pieces.append(_sums(labels[crop], atom_of_cell[rows][crop], areas[rows][crop]))
        if above is not None:
            links += list(_touching(above, labels[0]))
        above, count = labels[-1], count + found
    table = pd.concat(pieces, ignore_index=True)
    whole = _joined(count, links)
    return table.assign(patch=whole[table["patch"].to_numpy()]).groupby(["patch", "atom"], as_index=False).sum()


def _sums(labels: NDArray[np.int64], atoms: NDArray[np.int64], areas: NDArray[np.float64]) -> pd.DataFrame:
    rows = pd.DataFrame({"patch": labels, "atom": atoms, "area_ha": areas})
    return rows.groupby(["patch", "atom"], as_index=False)["area_ha"].sum()


def _touching(above: NDArray[np.int64], below: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of labels that touch across the edge of two strips, diagonals included."""
    width = len(above)
    for shift in (-1, 0, 1):
        upper = above[max(0, shift) : width + min(0, shift)]
        lower = below[max(0, -shift) : width + min(0, -shift)]
        both = (upper > 0) & (lower > 0)
        yield np.unique(np.column_stack([upper[both], lower[both]]), axis=0)


def _joined(count: int, links: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the number of the whole patch for each label; labels start at 1."""
    pairs = np.concatenate(links) if links else np.empty((0, 2), dtype=np.int64)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count + 1, count + 1))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component[1:], return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return np.concatenate([[0], order[inverse] + 1])


def with_households(table: pd.DataFrame, counts: Mapping[int, int]) -> pd.DataFrame:
    """Return the atoms with the number of households known in each: none where `counts` names none."""
    return table.assign(households=[int(counts.get(int(atom), 0)) for atom in table["atom"]])
