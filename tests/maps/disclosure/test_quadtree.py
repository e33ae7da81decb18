"""Cells: they part the frame, nest, follow no frame's edge, and are split only where all quarters are safe."""

from __future__ import annotations

import numpy as np
import pytest

from maps.disclosure.policy import TierRules, tier_rules
from maps.disclosure.quadtree import Cell, cell_box, leaf_cells, members
from maps.disclosure.safety import EMPTY, UNSAFE, state_of_places
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
