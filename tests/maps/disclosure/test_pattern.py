"""Attacks on decisions: two years, two products, two tiers, margins, other cells.

Each must fail, and each must succeed where the protection it is aimed at is taken away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from geo.errors import DisclosureError, SurveyFileError
from maps.disclosure.pattern import FRAME, Decision, Places, _Merged, _selector, decide, parse_cell, require_nesting
from maps.disclosure.policy import TierRules, tier_rules
from maps.disclosure.quadtree import Cell, members
from maps.disclosure.safety import UNSAFE, amounts, state_of_places
from maps.disclosure.tier import Tier
from tests.maps.disclosure.landscape import SIDE, default_density, places

BROKEN = 5
"""Seed of a landscape whose two products, made without knowing of each other, tell a hidden place."""

RULES = {tier: tier_rules(tier) for tier in (Tier.PROGRAMME, Tier.PUBLIC)}


def decided(
    found: Places, rules: dict[Tier, TierRules] | None = None, earlier: Iterable[Decision] = ()
) -> dict[Tier, Decision]:
    """Return the decisions of a landscape in which both tiers can be made."""
    result = {}
    for tier, one in decide(found, rules or RULES, list(earlier)).items():
        assert isinstance(one, Decision)
        result[tier] = one
    return result


def row_of(place: str, found: Places) -> NDArray[np.float64]:
    """Return which atoms a place holds, by its name alone."""
    kind, _, name = place.partition(":")
    if kind == FRAME:
        return np.ones(len(found.atoms))
    if kind == "unit":
        return (found.atoms["unit"] == found.units.index(name) + 1).to_numpy(dtype=float)
    if kind == "layer":
        return (found.atoms["zone"] == 1).to_numpy(dtype=float)
    return np.asarray(members([parse_cell(name)], found.atoms, found.base_km).toarray())[0]


def attack(shown: Iterable[str], target: str, found: Places, year: int) -> tuple[float, float, float]:
    """Return the least and greatest mapped hectares a place can have, given those of the shown ones, and the true.

    Written without the code under test: one unknown for each atom, equal sums for all that is shown.
    """
    amount = amounts(found.patches, len(found.atoms))[year]
    known = csr_array(vstack([csr_array(row_of(place, found)[None, :]) for place in sorted(set(shown))]))
    wanted = row_of(target, found)
    land = found.atoms["land_ha"].to_numpy()
    ends = [
        linprog(sign * wanted, A_eq=known, b_eq=known @ amount, bounds=np.column_stack([0 * land, land])).fun
        for sign in (1, -1)
    ]
    return ends[0], -ends[1], float(wanted @ amount)


def hidden(decision: Decision) -> list[str]:
    """Return the places without a figure."""
    return [place for place in decision.states if not decision.shows(place)]


def is_broken(shown: Iterable[str], target: str, found: Places) -> bool:
    """Say whether a place of a landscape's first year is known to within its own value."""
    lo, hi, true = attack(shown, target, found, 0)
    return true > 0 and hi - lo < true * (1 - 1e-5)


def assert_nothing_narrows(shown: Iterable[str], targets: Iterable[str], found: Places) -> int:
    """Assert that no hidden place is known to within its own value; return how many had one."""
    tried = 0
    for target in targets:
        for year in range(len(found.series)):
            lo, hi, true = attack(shown, target, found, year)
            if true > 0:
                tried += 1
                assert hi - lo >= true * (1 - 1e-5), f"{target} is between {lo} and {hi}, and is {true}"
    return tried


@pytest.mark.parametrize("seed", [0])
def test_units_layer_and_cells_together_tell_no_hidden_place(seed: int) -> None:
    """Attack: margins. From all tables of both products at once, no hidden place is known to its own value."""
    found = places(seed)
    by_tier = decided(found)
    assert assert_nothing_narrows(by_tier[Tier.PUBLIC].shown, hidden(by_tier[Tier.PUBLIC]), found) > 2
    both = [*by_tier[Tier.PUBLIC].shown, *by_tier[Tier.PROGRAMME].shown]
    assert assert_nothing_narrows(both, hidden(by_tier[Tier.PROGRAMME]), found) > 2


def test_primary_suppression_alone_is_broken() -> None:
    """Negative control: hiding only what the rules forbid lets the attacker subtract, in some landscape."""
    found = lone_unit(0)
    decision = decided(found)[Tier.PUBLIC]
    first = [place for place, state in decision.states.items() if state == "primary"]
    naive = [place for place in decision.states if place not in first]
    assert any(is_broken(naive, target, found) for target in first)


def lone_unit(seed: int) -> Places:
    """Return a landscape in which one unit alone has few fields: margins tell it."""
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    poor = (rows < 80) & ((cols + rows // 4) % SIDE < 80)
    density = {year: np.where(poor, 4e-4, 0.02) for year in ("2021", "2024")}
    return places(seed, density=density)


@pytest.mark.parametrize("seed", [0])
def test_a_lone_hidden_unit_takes_another_with_it(seed: int) -> None:
    """Law: where one unit alone breaks the rules, a second one is hidden, and neither is told."""
    found = lone_unit(seed)
    decision = decided(found)[Tier.PUBLIC]
    units = [place for place in hidden(decision) if place.startswith("unit:")]
    assert "unit:01" in units
    assert len(units) >= 2
    assert "complementary" in decision.states.values()
    assert_nothing_narrows(decision.shown, units, found)


def test_same_cells_and_hidden_places_for_all_years() -> None:
    """Law: a place is hidden in every year when it breaks a rule in one, so that a change never tells a year."""
    found = places(3)
    both = decided(found)[Tier.PUBLIC]
    homes = found.atoms["households"].to_numpy()
    for year in ("2021", "2024"):
        rows = found.patches[found.patches["period"] == year]
        for place in both.states:
            state = state_of_places(rows, csr_array(row_of(place, found)[None, :]), homes, RULES[Tier.PUBLIC])[0]
            assert state != UNSAFE or not both.shows(place)


def test_years_decided_apart_are_broken_by_the_change() -> None:
    """Negative control: with each year's own pattern, a published change and the other year tell the hidden one."""
    found = places(3)
    alone = {
        year: decided(
            replace(found, patches=found.patches[found.patches["period"] == year], series=(("coca", year),))
        )
        for year in ("2021", "2024")
    }
    differ = [
        place
        for place in alone["2021"][Tier.PUBLIC].states
        if place in alone["2024"][Tier.PUBLIC].states
        and alone["2021"][Tier.PUBLIC].shows(place) != alone["2024"][Tier.PUBLIC].shows(place)
    ]
    assert differ, "the years ask for different places, so one pattern for both is needed"
    both = decided(found)[Tier.PUBLIC]
    assert not any(both.shows(place) for place in differ if place in both.states and place.startswith("unit:"))


def later(seed: int = 4) -> tuple[Places, Places]:
    """Return a product's landscape, and that of the next one: the latter year again, and a new one."""
    dense = {year: default_density(year) for year in ("2021", "2024")}
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    dense["2027"] = 0.02 * np.exp(-((rows - 230) ** 2 + (cols - 120) ** 2) / (2 * 50.0**2)) + 1e-5
    whole = places(seed, density=dense, years=("2021", "2024", "2027"))
    first = whole.patches["period"].isin(["2021", "2024"])
    second = whole.patches["period"].isin(["2024", "2027"])
    return (
        replace(whole, patches=whole.patches[first], series=(("coca", "2021"), ("coca", "2024"))),
        replace(whole, patches=whole.patches[second], series=(("coca", "2024"), ("coca", "2027"))),
    )


@pytest.mark.parametrize("seed", [BROKEN])
def test_two_public_products_of_different_years(seed: int) -> None:
    """Attack: two products with other cells and other hidden places share a year.

    Together they tell no place that the first one hid, nor one that the second hides and the first had not told.
    """
    one, two = later(seed)
    first = decided(one)[Tier.PUBLIC]
    second = decided(two, earlier=[Decision.from_record(first.as_public_record())])[Tier.PUBLIC]
    assert first.leaves != second.leaves, "the attack needs cells that changed"
    shared = replace(two, patches=two.patches[two.patches["period"] == "2024"], series=(("coca", "2024"),))
    shown = [*first.shown, *second.shown]
    out_before = {place for place in hidden(second) if np.ptp(attack(first.shown, place, shared, 0)[:2]) < 1e-6}
    assert_nothing_narrows(shown, hidden(first), shared)
    assert_nothing_narrows(shown, set(hidden(second)) - out_before, shared)
    assert not set(hidden(first)) & set(second.shown)


def test_products_that_do_not_know_of_each_other_are_broken() -> None:
    """Negative control: without the earlier product's record the two together tell a hidden place."""
    one, two = later(BROKEN)
    first, second = decided(one)[Tier.PUBLIC], decided(two)[Tier.PUBLIC]
    shared = replace(two, patches=two.patches[two.patches["period"] == "2024"], series=(("coca", "2024"),))
    assert any(is_broken([*first.shown, *second.shown], place, shared) for place in hidden(first))


def test_boundaries_and_grid_of_earlier_products_must_be_the_same() -> None:
    """Law: two versions of boundaries, or of the grid, can be subtracted: exit 4."""
    found = places(0)
    first = decided(found)[Tier.PUBLIC]
    for other in (replace(found, boundaries="1" * 64), replace(found, grid="EPSG:32619")):
        with pytest.raises(DisclosureError, match="earlier product"):
            decide(other, RULES, [first])


def test_a_frame_with_too_few_fields_is_refused() -> None:
    """Law: what cannot be shown as a whole is not shown; the programme may have what the public may not."""
    found = places(0)
    few = found.patches[found.patches["patch"] <= 7]
    result = decide(replace(found, patches=few), RULES)
    assert isinstance(result[Tier.PUBLIC], DisclosureError)
    assert "the whole frame" in str(result[Tier.PUBLIC])
    seven = replace(two_units(5000.0), patches=two_units(5000.0).patches[3:].assign(area_ha=1.0))
    by_tier = decide(seven, RULES)
    assert isinstance(by_tier[Tier.PUBLIC], DisclosureError)
    assert isinstance(by_tier[Tier.PROGRAMME], Decision)


def test_layers_of_a_stricter_tier_have_no_place() -> None:
    """Law: a layer for the programme alone is not even named in the public decision."""
    by_tier = decided(places(1, layer=Tier.PROGRAMME))
    assert "layer:ad" in by_tier[Tier.PROGRAMME].states
    assert "layer:ad" not in by_tier[Tier.PUBLIC].states


def test_the_rest_of_a_layer_is_protected_too() -> None:
    """Attack: a layer that holds all fields but a few is not shown, since the frame less the layer is the few."""
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    inside = (rows - 150) ** 2 + (cols - 120) ** 2 < 70**2
    density = {year: np.where(inside, 0.03, 4e-5) for year in ("2021", "2024")}
    decision = decided(places(2, density=density))[Tier.PUBLIC]
    assert not decision.shows("layer:ad")


def test_records_come_back_and_the_public_one_gives_no_reasons() -> None:
    """Law: a record reads back as it was; the public one says neither why a place is hidden nor all rules."""
    decision = decided(places(0))[Tier.PUBLIC]
    again = Decision.from_record(decision.as_record())
    assert again == replace(decision, rules=again.rules)
    public = decision.as_public_record()
    assert {name for name, told in public["states"].items() if told == "shown"} == set(decision.shown)
    assert {name for name, told in public["states"].items() if told == "hidden"} == set(hidden(decision))
    assert hidden(decision)
    assert not {"dominance_percent", "largest", "group_percent"} & set(public["rules"])
    assert public["empty"] == []


def test_order_of_the_fields_changes_nothing() -> None:
    """Law: the decision is the same whatever the order of patches and atoms' fields."""
    found = places(0)
    mixed = found.patches.sample(frac=1.0, random_state=1).reset_index(drop=True)
    again = decided(replace(found, patches=mixed))
    assert {t: d.states for t, d in decided(found).items()} == {t: d.states for t, d in again.items()}


@pytest.mark.parametrize("name", ["4km:E1", "4km:E1N2 ", "km:E1N2", "4km:E1.5N2", "xx4km:E1N2"])
def test_what_is_no_name_of_a_cell_is_none(name: str) -> None:
    """Law: a cell is named by its side and two whole numbers, and by nothing around them."""
    with pytest.raises(ValueError, match="no cell"):
        parse_cell(name)


def two_units(land_ha: float) -> Places:
    """Return a unit with 90 ha in four fields beside one with 10 ha in six, on so much land."""
    table = pd.DataFrame(
        {
            "atom": [0, 1], "cell_x": [0, 16], "cell_y": 0, "unit": [1, 2], "zone": 0, "land_ha": [5000.0, land_ha],
            "households": -1,
        }
    )  # fmt: skip
    fields = [22.5] * 4 + [10 / 6] * 6
    found = pd.DataFrame(
        {"crop": "coca", "period": "2024", "patch": range(1, 11), "atom": [0] * 4 + [1] * 6, "area_ha": fields}
    )
    return Places(
        atoms=table, patches=found, units=("01", "02"), layers={}, base_km=1, grid="EPSG:32618",
        boundaries="0" * 64, series=(("coca", "2024"),),
    )  # fmt: skip


def test_what_cannot_be_kept_from_being_inferred_stops_the_product() -> None:
    """Literal: of 100 ha, a unit whose neighbour holds 50 ha of land has at least 50: no pattern hides its 90."""
    assert isinstance(decide(two_units(95.0), RULES)[Tier.PROGRAMME], Decision)
    for tier, refused in decide(two_units(50.0), RULES).items():
        assert isinstance(refused, DisclosureError)
        told = [problem.found for problem in refused.problems]
        assert "no way to keep unit:01 from being inferred" in told
        assert all(problem.where.startswith(f"tier {int(tier)}") for problem in refused.problems)


def test_what_a_tier_hid_before_stays_hidden() -> None:
    """Law: a place without a figure in the last product of a tier has none now, though it is safe; others may."""
    found = two_units(5000.0)
    fields = pd.DataFrame(
        {"crop": "coca", "period": "2024", "patch": range(1, 41), "atom": [0, 1] * 20, "area_ha": 1.0}
    )
    safe = replace(found, patches=fields)
    before = Decision(
        tier=Tier.PUBLIC,
        leaves=(),
        states={"frame": "shown", "unit:01": "complementary", "unit:02": "shown"},
        rules={},
        grid=safe.grid,
        boundaries=safe.boundaries,
        series=(("coca", "2021"),),
    )
    free, bound = decided(safe), decided(safe, earlier=[before])
    assert set(free[Tier.PUBLIC].states.values()) == {"shown"}
    assert bound[Tier.PUBLIC].states["unit:01"] == "primary"
    assert bound[Tier.PUBLIC].states["unit:02"] == "complementary"
    assert bound[Tier.PROGRAMME].states["unit:01"] == "shown"  # another tier's readers saw no such gap


def test_rows_of_an_attack_are_places_now_and_cells_of_before() -> None:
    """Literal: a layer has its rest beside it; a cell that was told and is none now is known all the same."""
    found = two_units(5000.0)
    found = replace(found, layers={"ad": Tier.PUBLIC, "inner": Tier.FIELD}, atoms=found.atoms.assign(zone=[1, 2]))
    states = {"frame": "shown", "cell:16km:E0N0": "shown", "cell:1km:E16N0": "shown", "cell:16km:E1N0": "hidden"}
    before = Decision(tier=Tier.PUBLIC, leaves=(), states=states)
    leaves = (Cell(1, 0, 0), Cell(1, 16, 0))
    wanted = {
        "frame": [1, 1], "unit:01": [1, 0], "unit:02": [0, 1], "layer:ad": [1, 0], "rest:ad": [0, 1],
        "cell:1km:E0N0": [1, 0], "cell:1km:E16N0": [0, 1],
    }  # fmt: skip
    now = _Merged(found, leaves, Tier.PUBLIC, [])
    assert dict(zip(now.names, now.rows.toarray().tolist(), strict=True)) == wanted
    after = _Merged(found, leaves, Tier.PUBLIC, [before])
    made = dict(zip(after.names, after.rows.toarray().tolist(), strict=True))
    assert made == wanted | {"old:cell:16km:E0N0": [1, 0]}
    for series, known in ((found.series, ["frame", "cell:1km:E16N0", "old:cell:16km:E0N0"]), ((), [])):
        told = after.systems([replace(before, series=series)])[0].known
        assert told is not None
        assert [name for name, one in zip(after.names, told, strict=True) if one] == known


def test_places_without_crop_are_told_as_empty() -> None:
    """Literal: all fields lie in the first unit and the layer: the other unit and its cell are empty."""
    found = two_units(5000.0)
    fields = pd.DataFrame({"crop": "coca", "period": "2024", "patch": range(1, 41), "atom": 0, "area_ha": 1.0})
    found = replace(found, layers={"ad": Tier.PUBLIC}, atoms=found.atoms.assign(zone=[1, 0]), patches=fields)
    for decision in decided(found).values():
        assert {name for name in decision.empty if not name.startswith("cell:")} == {"unit:02"}
        assert [name for name in decision.empty if name.startswith("cell:")] == ["cell:16km:E1N0"]


@pytest.mark.parametrize(
    ("name", "lax"),
    [
        ("k", -1), ("dominance_percent", 1), ("largest", -1), ("group_percent", 1), ("least_field_ha", -0.01),
        ("cell_least_km", -1), ("cell_most_km", 16), ("round_ha", -1), ("digits", 1), ("least_count", -1),
    ],
)  # fmt: skip
def test_no_rule_is_laxer_in_public(name: str, lax: float) -> None:
    """Law: the same rules are allowed for both, one that is laxer in public is not, and is named."""
    rules = RULES[Tier.PUBLIC]
    require_nesting(rules, rules)
    with pytest.raises(SurveyFileError) as caught:
        require_nesting(rules, replace(rules, **{name: getattr(rules, name) + lax}))
    assert [problem.where for problem in caught.value.problems] == [f"[disclosure.public] {name}"]


def test_ground_of_no_unit_is_in_none() -> None:
    """Literal: numbers below and beyond those of the units select nothing."""
    assert _selector(np.array([-1, 0, 2, 1, 0]), 2).toarray().tolist() == [[0, 1, 0, 0, 1], [0, 0, 0, 1, 0]]
