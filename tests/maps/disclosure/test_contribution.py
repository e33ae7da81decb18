"""Fields as patches of the map, and how much of each lies where."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from maps.disclosure import contribution
from maps.disclosure.contribution import atoms_of, patches, split_key, with_households


def flood(crop: NDArray[np.bool_]) -> list[set[tuple[int, int]]]:
    """Return patches by flooding from cell to cell, eight neighbours each."""
    left = {(int(r), int(c)) for r, c in np.argwhere(crop)}
    found = []
    while left:
        wave, patch = [left.pop()], set()
        while wave:
            row, col = wave.pop()
            patch.add((row, col))
            near = {(row + i, col + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            wave += near
        found.append(patch)
    return found


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.floats(0.05, 0.7))
@settings(max_examples=60, deadline=None)
def test_patches_are_those_of_flooding(seed: int, strip: int, chance: float) -> None:
    """Brute force: whatever the strips, patches and their areas by atom are those of a plain flood."""
    rng = np.random.default_rng(seed)
    crop = rng.random((14, 11)) < chance
    atom = rng.integers(0, 3, (14, 11)).astype(np.int64)
    area = rng.random((14, 1)) + 0.5
    before = contribution._STRIP
    contribution._STRIP = strip
    try:
        table = patches(crop, atom, area)
    finally:
        contribution._STRIP = before
    told = sorted(
        tuple(sorted(rows[["atom", "area_ha"]].round(9).itertuples(index=False, name=None)))
        for _, rows in table.groupby("patch")
    )
    wanted = []
    for patch in flood(crop):
        by_atom: dict[int, float] = {}
        for row, col in patch:
            by_atom[int(atom[row, col])] = by_atom.get(int(atom[row, col]), 0.0) + float(area[row, 0])
        wanted.append(tuple(sorted((a, round(v, 9)) for a, v in by_atom.items())))
    assert [[(a, pytest.approx(v)) for a, v in one] for one in sorted(wanted)] == [list(one) for one in told]


def test_strips_change_nothing() -> None:
    """Law: the table is the same, patch numbers included, whatever the number of rows held at a time."""
    rng = np.random.default_rng(5)
    crop, atom = rng.random((60, 40)) < 0.4, np.zeros((60, 40), dtype=np.int64)
    whole = patches(crop, atom, np.ones((60, 1)))
    before = contribution._STRIP
    contribution._STRIP = 7
    try:
        parted = patches(crop, atom, np.ones((60, 1)))
    finally:
        contribution._STRIP = before
    assert whole.equals(parted)
    assert whole["patch"].nunique() == ndimage.label(crop, np.ones((3, 3)))[1]


def test_a_field_of_many_rows_is_one() -> None:
    """Literal: one strip of rows after the other, the first and the second patch of the map each stay whole."""
    crop = np.zeros((1100, 4), dtype=bool)
    crop[:, [0, 3]] = True
    table = patches(crop, np.zeros((1100, 4), dtype=np.int64), np.ones((1100, 1)))
    assert table[["patch", "area_ha"]].to_numpy().tolist() == [[1, 1100], [2, 1100]]


def test_cells_outside_the_frame_belong_to_no_field() -> None:
    """Law: a patch ends at the frame."""
    crop = np.ones((1, 5), dtype=bool)
    table = patches(crop, np.array([[0, 0, -1, 0, 0]]), np.ones((1, 1)))
    assert table["area_ha"].tolist() == [2.0, 2.0]


def test_no_crop_at_all() -> None:
    """Law: a map without crop has no patches."""
    assert patches(np.zeros((4, 4), dtype=bool), np.zeros((4, 4), dtype=np.int64), np.ones((4, 1))).empty


def test_atoms_part_the_frame() -> None:
    """Law: every cell of the frame is in one atom, and their land is the frame's."""
    rng = np.random.default_rng(2)
    unit, zone = rng.integers(0, 4, (30, 20)), rng.integers(0, 2, (30, 20))
    area = rng.random((30, 1))
    keys = split_key(np.arange(20) * 100.0 - 500, 1000.0), split_key(-np.arange(30) * 100.0, 1000.0)
    atoms = atoms_of(unit, zone, area, keys)
    inside = unit > 0
    assert (atoms.of_cell[inside] >= 0).all()
    assert (atoms.of_cell[~inside] == -1).all()
    assert atoms.table["land_ha"].sum() == pytest.approx(np.broadcast_to(area, unit.shape)[inside].sum())
    chosen = atoms.table.iloc[atoms.of_cell[inside]]
    assert (chosen["unit"].to_numpy() == unit[inside]).all()
    assert (chosen["zone"].to_numpy() == zone[inside]).all()
    assert (chosen["cell_x"].to_numpy() == np.broadcast_to(keys[0][None, :], unit.shape)[inside]).all()
    told = atoms.table[["cell_y", "cell_x", "unit", "zone"]].to_numpy().tolist()
    assert told == sorted(map(list, {tuple(row) for row in told}))


def test_cells_are_counted_from_the_origin() -> None:
    """Literal: coordinates west and south of the origin have negative numbers, and an edge belongs to its cell."""
    assert split_key(np.array([-0.1, 0.0, 999.9, 1000.0]), 1000.0).tolist() == [-1, 0, 0, 1]


def test_households_of_atoms_without_any_are_zero() -> None:
    """Law: a place without a household is known to have none, which is not the same as not known."""
    atoms = atoms_of(
        np.ones((2, 2)).astype(int), np.zeros((2, 2), int), np.ones((2, 1)), (np.arange(2), np.arange(2))
    )
    assert with_households(atoms.table, {1: 7})["households"].tolist() == [0, 7, 0, 0]
    assert (atoms.table["households"] == -1).all()


def test_patches_are_numbered_from_the_north_west() -> None:
    """Literal: row by row, the first cell of each decides; one that reaches across strips keeps its number."""
    crop = np.array([[0, 1, 0, 1], [0, 0, 0, 1], [1, 0, 0, 1]], dtype=bool)
    table = patches(crop, np.arange(12).reshape(3, 4), np.ones((3, 1)))
    assert table[["patch", "atom"]].to_numpy().tolist() == [[1, 1], [2, 3], [2, 7], [2, 11], [3, 8]]
    before = contribution._STRIP
    contribution._STRIP = 1
    try:
        assert patches(crop, np.arange(12).reshape(3, 4), np.ones((3, 1))).equals(table)
    finally:
        contribution._STRIP = before
