"""Cells: they part the frame, nest, follow no frame's edge, and are split only where all quarters are safe."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from maps.disclosure.policy import TierRules, tier_rules
from maps.disclosure.quadtree import Cell, cell_box, leaf_cells, members
from maps.disclosure.safety import EMPTY, SAFE, UNSAFE, state_of_places
from maps.disclosure.tier import Tier
from tests.maps.disclosure.landscape import places


def leaves(seed: int, rules: TierRules) -> tuple[Cell, ...]:
    """Return the cells of a random landscape."""
    found = places(seed)
    homes = found.atoms["households"].to_numpy()
    return leaf_cells(found.atoms, 1, rules, lambda member: state_of_places(found.patches, member, homes, rules))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tier", [Tier.PROGRAMME, Tier.PUBLIC])
def test_cells_part_the_frame_and_only_the_largest_are_unsafe(seed: int, tier: Tier) -> None:
    """Law: every part lies in one cell; smaller cells than the largest are safe or empty, none is too small."""
    rules, found = tier_rules(tier), places(seed)
    cells = leaves(seed, rules)
    inside = members(cells, found.atoms, 1)
    assert (np.asarray(inside.sum(axis=0)).ravel() == 1).all()
    states = state_of_places(found.patches, inside, found.atoms["households"].to_numpy(), rules)
    sides = np.array([cell.side_km for cell in cells])
    assert sides.min() >= rules.cell_least_km
    assert (sides[states == UNSAFE] == rules.cell_most_km).all()
    assert sides.min() < rules.cell_most_km, "a landscape in which nothing is divided tests nothing"


def test_every_division_was_allowed_and_none_was_missed() -> None:
    """Brute force: for each cell of each size, divided exactly when its quarters and all above allow it."""
    rules, found = tier_rules(Tier.PROGRAMME), places(1)
    cells = set(leaves(1, rules))
    homes = found.atoms["households"].to_numpy()

    def state(cell: Cell) -> int:
        return int(state_of_places(found.patches, members([cell], found.atoms, 1), homes, rules)[0])

    def parted(cell: Cell) -> set[Cell]:
        if not members([cell], found.atoms, 1).nnz:
            return set()
        may = cell.side_km > rules.cell_least_km and state(cell) != EMPTY
        if may and all(state(quarter) != UNSAFE for quarter in cell.quarters):
            return set().union(*(parted(quarter) for quarter in cell.quarters))
        return {cell}

    x, y = found.atoms["cell_x"] // 16, found.atoms["cell_y"] // 16
    roots = {Cell(16, int(a), int(b)) for a, b in zip(x, y, strict=True)}
    assert cells == set().union(*(parted(root) for root in roots))


def test_public_cells_are_unions_of_programme_cells() -> None:
    """Law: whoever holds both products cannot subtract their cells: each smaller one lies in one larger one."""
    fine, coarse = (leaves(2, tier_rules(tier)) for tier in (Tier.PROGRAMME, Tier.PUBLIC))
    for cell in fine:
        holders = [other for other in coarse if cell_box(other).contains(cell_box(cell))]
        assert len(holders) == 1


def test_names_and_squares() -> None:
    """Literal: a cell's name says its side and place, and its corners are multiples of the side."""
    cell = Cell(4, -2, 30)
    assert cell.name == "4km:E-2N30"
    assert cell_box(cell).bounds == (-8000.0, 120_000.0, -4000.0, 124_000.0)


def frame_of(cells: list[tuple[int, int]]) -> pd.DataFrame:
    """Return atoms in cells named by their place."""
    x, y = np.array(cells).T
    return pd.DataFrame({"atom": np.arange(len(cells)), "cell_x": x, "cell_y": y})


def full(member: csr_array) -> NDArray[np.int64]:
    """Return that every place which holds ground is safe."""
    return np.where(np.asarray(member.sum(axis=1)).ravel() > 0, SAFE, EMPTY)


@pytest.mark.parametrize("tier", [Tier.PROGRAMME, Tier.PUBLIC])
def test_dense_ground_is_divided_to_the_smallest_cells_and_no_further(tier: Tier) -> None:
    """Literal: an L of three smallest cells is told as three, and the corner outside the frame as none."""
    rules = tier_rules(tier)
    side = rules.cell_least_km
    atoms = frame_of([(0, 0), (side, 0), (0, side), (side - 1, side - 1)])
    assert leaf_cells(atoms, 1, rules, full) == (Cell(side, 0, 0), Cell(side, 0, 1), Cell(side, 1, 0))


def test_one_place_is_one_cell() -> None:
    """Literal: a frame in a single cell; unsafe it stays the largest, safe it is the smallest."""
    rules, atoms = tier_rules(Tier.PUBLIC), frame_of([(-1, 17)])
    assert leaf_cells(atoms, 1, rules, full) == (Cell(4, -1, 4),)
    assert leaf_cells(atoms, 1, rules, lambda member: 2 * full(member)) == (Cell(16, -1, 1),)
    assert leaf_cells(atoms, 1, rules, lambda member: 0 * full(member)) == (Cell(16, -1, 1),)


def test_names_are_counted_in_the_cells_that_are_given() -> None:
    """Literal: with atoms in cells of 2 km, cell 3 of them lies in cell 1 of 4 km and in cell 0 of 8 km."""
    atoms = frame_of([(3, 0), (4, 0), (-1, 1)])
    inside = members([Cell(4, 1, 0), Cell(8, 0, 0), Cell(4, -1, 0)], atoms, 2)
    assert inside.toarray().tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]


def test_no_cells_hold_nothing() -> None:
    """Law: without cells the matrix has no rows, and one column for each atom."""
    none = members([], frame_of([(0, 0), (1, 1)]), 1)
    assert (none.shape, none.nnz) == ((0, 2), 0)
    elsewhere = members([Cell(1, 9, 9)], frame_of([(0, 0), (1, 1)]), 1)
    assert (elsewhere.shape, elsewhere.nnz) == ((1, 2), 0)
