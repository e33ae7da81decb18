"""The k, dominance and group rules, each on its border."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from maps.disclosure.policy import tier_rules
from maps.disclosure.safety import EMPTY, SAFE, UNSAFE, amounts, state_of_places
from maps.disclosure.tier import Tier

PUBLIC = tier_rules(Tier.PUBLIC)


def fields(areas: list[float], *, period: str = "2024", first: int = 1) -> pd.DataFrame:
    """Return one patch for each area, all in atom 0."""
    return pd.DataFrame(
        {
            "crop": "coca",
            "period": period,
            "patch": range(first, first + len(areas)),
            "atom": 0,
            "area_ha": areas,
        }
    )


def state(table: pd.DataFrame, homes: int = -1) -> int:
    """Return the state of the one place there is."""
    return int(state_of_places(table, csr_array(np.ones((1, 1))), np.array([homes]), PUBLIC)[0])


@pytest.mark.parametrize(
    ("areas", "wanted"),
    [
        ([1.0] * 10, SAFE),
        ([1.0] * 9, UNSAFE),
        ([1.0] * 9 + [0.05], UNSAFE),  # a speck of the map is no field
        ([0.05] * 40, UNSAFE),
        ([], EMPTY),
        ([22.6, 22.6, *[1.0] * 8], SAFE),  # 45.2 of 53.2: 84.96 %
        ([22.8, 22.8, *[1.0] * 8], UNSAFE),  # 45.6 of 53.6: 85.07 %
    ],
)
def test_count_and_dominance(areas: list[float], wanted: int) -> None:
    """Literal: ten fields are enough and nine are not; two may hold 85 % and no more."""
    assert state(fields(areas)) == wanted


@pytest.mark.parametrize(("homes", "wanted"), [(13, SAFE), (12, UNSAFE), (0, UNSAFE), (-1, SAFE)])
def test_group(homes: int, wanted: int) -> None:
    """Literal: ten fields beside 13 households are 77 per hundred, beside 12 they are 83; unknown leaves it out."""
    assert state(fields([1.0] * 10), homes) == wanted


def test_the_worst_period_decides() -> None:
    """Law: one period under the rule makes the place unsafe in all."""
    good, bad = fields([1.0] * 12, period="2021"), fields([1.0] * 3, period="2024")
    assert state(good) == SAFE
    assert state(pd.concat([good, bad])) == UNSAFE


def test_a_field_in_two_atoms_counts_once() -> None:
    """Law: a patch cut by a border is one contributor to the place that holds both parts."""
    table = fields([1.0] * 9)
    cut = pd.concat([table, table.assign(atom=1)])
    member = csr_array(np.ones((1, 2)))
    assert state_of_places(cut, member, np.array([-1, -1]), PUBLIC).tolist() == [UNSAFE]


def test_ground_without_households_adds_none() -> None:
    """Literal: ten fields on two atoms with twelve households and none are beside twelve, which are too few."""
    table = pd.concat([fields([1.0] * 5), fields([1.0] * 5, first=6).assign(atom=1)])
    member = csr_array(np.ones((1, 2)))
    assert state_of_places(table, member, np.array([12, 0]), PUBLIC).tolist() == [UNSAFE]
    assert state_of_places(table, member, np.array([13, 0]), PUBLIC).tolist() == [SAFE]


def test_states_are_in_order() -> None:
    """Law: the worst of several states is the largest number."""
    assert EMPTY < SAFE < UNSAFE


@pytest.mark.parametrize(
    ("areas", "wanted"),
    [
        ([0.1] * 10, SAFE),  # the smallest field is one
        ([0.0] * 12, EMPTY),  # a patch without ground is no crop
        ([17.0, 17.0, *[0.75] * 8], SAFE),  # 34 of 40 ha: 85 % and no more
    ],
)
def test_rules_hold_on_their_border(areas: list[float], wanted: int) -> None:
    """Literal: what a rule names as its limit is within it."""
    assert state(fields(areas)) == wanted


def test_group_on_its_border_and_without_it() -> None:
    """Literal: 20 fields beside 25 households are 80 per hundred; a rule of 100 asks for no households at all."""
    assert state(fields([1.0] * 20), 25) == SAFE
    assert state(fields([1.0] * 20), 24) == UNSAFE
    free = replace(PUBLIC, group_percent=100)
    member, table = csr_array(np.ones((1, 1))), fields([1.0] * 20)
    assert state_of_places(table, member, np.array([3]), free).tolist() == [SAFE]


def test_a_place_with_ground_nobody_counted_is_not_judged_by_households() -> None:
    """Law: where households of one part are not known, those of the others are no count of the place."""
    table = pd.concat([fields([1.0] * 10), fields([1.0] * 5, first=11).assign(atom=1)])
    member = csr_array(np.ones((1, 2)))
    assert state_of_places(table, member, np.array([3, -1]), PUBLIC).tolist() == [SAFE]
    assert state_of_places(table, member, np.array([3, 0]), PUBLIC).tolist() == [UNSAFE]


def test_places_are_judged_each_by_its_own_fields() -> None:
    """Brute force: states of many overlapping places are those of each looked at alone; hectares add up by part."""
    rng = np.random.default_rng(8)
    table = pd.concat(
        [
            fields(rng.choice([0.05, 1.0, 9.0], 60).tolist(), period=period).assign(atom=rng.integers(0, 6, 60))
            for period in ("2021", "2024")
        ],
        ignore_index=True,
    )
    member = (rng.random((12, 6)) < 0.4).astype(float)
    homes = np.array([4, 0, 30, 9, 12, 7])
    together = state_of_places(table, csr_array(member), homes, PUBLIC)
    for row, found in zip(member, together, strict=True):
        inside = table[row[table["atom"].to_numpy()] > 0].assign(atom=0)
        alone = state_of_places(inside, csr_array(np.ones((1, 1))), np.array([int(row @ homes)]), PUBLIC)
        assert alone.tolist() == [found]
    assert set(together.tolist()) >= {SAFE, UNSAFE}
    made = amounts(table, 6)
    for at, period in enumerate(("2021", "2024")):
        for atom in range(6):
            own = table[(table["period"] == period) & (table["atom"] == atom)]
            assert made[at, atom] == pytest.approx(own["area_ha"].sum())
