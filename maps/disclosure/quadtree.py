"""Square cells of 1 to 16 km: small where many fields hide each other, large where few do.

A cell is divided only when each of its four quarters is empty or safe in every crop and period. So the cells are
the same for all years, every cell of a stricter product is a union of cells of a freer one, and only a largest
cell can be unsafe. They lie on the multiples of their side from the origin of the CRS, wherever the frame lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array

from maps.disclosure.policy import TierRules
from maps.disclosure.safety import EMPTY, UNSAFE

__all__ = ["Cell", "cell_box", "leaf_cells", "members"]


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A square of the grid."""

    side_km: int
    """Side."""
    x: int
    """Number of its column: its left edge is `x` sides east of the origin."""
    y: int
    """Number of its row: its lower edge is `y` sides north of the origin."""

    @property
    def name(self) -> str:
        """Name in tables, such as ``4km:E120N98``."""
        return f"{self.side_km}km:E{self.x}N{self.y}"

    @property
    def quarters(self) -> tuple[Cell, Cell, Cell, Cell]:
        """The four cells of half the side."""
        half, x, y = self.side_km // 2, 2 * self.x, 2 * self.y
        return (Cell(half, x, y), Cell(half, x + 1, y), Cell(half, x, y + 1), Cell(half, x + 1, y + 1))


def cell_box(cell: Cell) -> shapely.Polygon:
    """Return the square of a cell in the CRS of the grid, metres.

    Examples
    --------
    >>> cell_box(Cell(4, 1, 2)).bounds
    (4000.0, 8000.0, 8000.0, 12000.0)
    """
    side = 1000.0 * cell.side_km
    return shapely.box(cell.x * side, cell.y * side, (cell.x + 1) * side, (cell.y + 1) * side)


def leaf_cells(
    atoms: pd.DataFrame,
    base_km: int,
    rules: TierRules,
    state: Callable[[csr_array], NDArray[np.int64]],
) -> tuple[Cell, ...]:
    """Return the cells that the frame is parted into.

    Parameters
    ----------
    atoms
        Columns `cell_x` and `cell_y`, cells of `base_km`, n rows.
    base_km
        Side of the cells that `atoms` names.
    rules
        The tier's.
    state
        Gives the worst state of each place from its 0/1 matrix over the atoms.

    Returns
    -------
    tuple of Cell
        Every atom lies in exactly one; sorted by side, then place.
    """
    level = _names(atoms, base_km, rules.cell_most_km)
    leaves: list[Cell] = []
    pending = sorted(set(level))
    while pending:
        side = pending[0].side_km
        verdict = dict(zip(pending, state(members(pending, atoms, base_km)), strict=True))
        if side <= rules.cell_least_km:
            leaves += pending
            break
        there = set(_names(atoms, base_km, side // 2))
        quarters = sorted({quarter for cell in pending for quarter in cell.quarters} & there)
        states = dict(zip(quarters, state(members(quarters, atoms, base_km)), strict=True))
        divided = {
            cell
            for cell in pending
            if verdict[cell] != EMPTY and all(states.get(quarter, EMPTY) != UNSAFE for quarter in cell.quarters)
        }
        leaves += [cell for cell in pending if cell not in divided]
        pending = [quarter for quarter in quarters if _parent(quarter) in divided]
    return tuple(sorted(leaves))


def members(cells: list[Cell] | tuple[Cell, ...], atoms: pd.DataFrame, base_km: int) -> csr_array:
    """Return the 0/1 matrix of the atoms in each cell, shape (n_cells, n_atoms); cells may differ in side."""
    rows: list[NDArray[np.int64]] = []
    columns: list[NDArray[np.int64]] = []
    index = {cell: row for row, cell in enumerate(cells)}
    for side in sorted({cell.side_km for cell in cells}):
        found = np.array([index.get(cell, -1) for cell in _names(atoms, base_km, side)], dtype=np.int64)
        rows.append(found[found >= 0])
        columns.append(np.flatnonzero(found >= 0))
    place = (np.concatenate(rows), np.concatenate(columns)) if rows else (np.empty(0, int), np.empty(0, int))
    return csr_array((np.ones(len(place[0])), place), shape=(len(cells), len(atoms)))


def _parent(cell: Cell) -> Cell:
    return Cell(2 * cell.side_km, cell.x // 2, cell.y // 2)


def _names(atoms: pd.DataFrame, base_km: int, side_km: int) -> list[Cell]:
    factor = side_km // base_km
    x, y = (atoms[name].to_numpy() // factor for name in ("cell_x", "cell_y"))
    return [Cell(side_km, int(a), int(b)) for a, b in zip(x, y, strict=True)]
