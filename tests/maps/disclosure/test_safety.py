"""The k, dominance and group rules, each on its border."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from maps.disclosure.policy import tier_rules
from maps.disclosure.safety import EMPTY, SAFE, UNSAFE, state_of_places
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
