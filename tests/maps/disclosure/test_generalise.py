"""Tables cut, rounded and attacked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import DisclosureError, InputError
from maps.disclosure.generalise import _rounded, audit_tables, generalised
from maps.disclosure.pattern import Decision
from maps.disclosure.policy import tier_rules
from maps.disclosure.tier import Tier

PUBLIC = tier_rules(Tier.PUBLIC)
UNITS = ("01", "02", "03", "04")


def decision(hidden: tuple[str, ...] = ("02", "03")) -> Decision:
    """Return a public decision that hides some units."""
    states = {f"unit:{code}": "primary" if code in hidden else "shown" for code in UNITS}
    return Decision(tier=Tier.PUBLIC, leaves=(), states={"frame": "shown", **states}, rules=PUBLIC.as_record())


def estimates(values: tuple[float, ...] = (412.0, 37.0, 88.0, 263.0)) -> pd.DataFrame:
    """Return the frame and its units, which add up to it, in one period."""
    figures = [sum(values), *values]
    return pd.DataFrame(
        {
            "crop": "coca",
            "period": "2024",
            "domain": ["frame", *UNITS],
            "domain_name": ["All", "A", "B", "C", "D"],
            "state": "estimated",
            "value_ha": figures,
            "se_ha": [0.1 * value for value in figures],
            "lo_ha": [0.8 * value for value in figures],
            "hi_ha": [1.25 * value for value in figures],
            "level": 0.95,
            "n": 50,
            "method": "stratified",
            "flags": "LOW_COUNT",
            "secret": "x",
        }
    )


def test_hidden_places_keep_no_number_and_no_column_is_left_over() -> None:
    """Law: a hidden row has its state and no figure; a column off the allow-list is gone."""
    table = generalised({"estimates": estimates()}, decision(), PUBLIC).tables["estimates"]
    assert {"secret", "se_ha", "n"}.isdisjoint(table.columns)
    rows = table.set_index("domain")
    assert rows.loc[["02", "03"], "state"].eq("suppressed").all()
    assert rows.loc[["02", "03"], ["value_ha", "lo_ha", "hi_ha"]].isna().all().all()
    assert rows.loc["02", "flags"] == ""
    assert rows.loc["01", ["value_ha", "lo_ha", "hi_ha"]].tolist() == [410.0, 320.0, 520.0]
    assert rows.loc["frame", "value_ha"] == 800.0


def test_totals_are_rounded_by_themselves() -> None:
    """Literal: four times 14 is 56: the parts are 10 each and the total is 60, not 40."""
    table = generalised({"estimates": estimates((14.0,) * 4)}, decision(()), PUBLIC).tables["estimates"]
    assert table["value_ha"].tolist() == [60.0, 10.0, 10.0, 10.0, 10.0]


def test_a_figure_that_rounds_to_nothing_is_no_zero() -> None:
    """Law: 4 ha are told as below what is told, with their limits, never as 0."""
    row = (
        generalised({"estimates": estimates((4.0, 400, 400, 400))}, decision(()), PUBLIC).tables["estimates"].loc[1]
    )
    assert (row["state"], row["lo_ha"], row["hi_ha"]) == ("below_threshold", 0.0, 10.0)
    assert np.isnan(row["value_ha"])


@given(
    st.lists(st.floats(0, 1e6, allow_nan=False), min_size=3, max_size=3).map(sorted),
    st.sampled_from([0.1, 1.0, 5.0, 10.0, 25.0]),
)
def test_rounding_never_narrows_an_interval(numbers: list[float], base: float) -> None:
    """Law: the rounded interval holds the exact one and the rounded value, all within one base."""
    lo, value, hi = numbers
    told, low, high = _rounded(np.array([[value, lo, hi]]), base)[0]
    slack = 1e-8 * (1 + hi)
    assert low <= lo + slack
    assert high >= hi - slack
    assert low - slack <= told <= high + slack
    assert abs(told - value) <= base / 2 + slack
    assert lo - low < base + slack
    assert high - hi < base + slack


def test_a_place_that_was_not_decided_on_is_an_error() -> None:
    """Law: what nothing is known of is not shown by default."""
    rows = estimates().assign(domain=["frame", "01", "02", "03", "99"])
    with pytest.raises(InputError, match="unit:99"):
        generalised({"estimates": rows}, decision(), PUBLIC)


def test_a_table_that_no_list_names_stays() -> None:
    """Law: a table without an allow-list does not go out, whatever its name."""
    made = generalised({"estimates": estimates(), "sample": estimates()}, decision(), PUBLIC)
    assert set(made.tables) == {"estimates"}


LAND = {f"unit:{code}": 5000.0 for code in UNITS}


def test_two_hidden_units_withstand_the_attack() -> None:
    """Law: with two units hidden neither is known to its own value, though the total is published."""
    raw = {"estimates": estimates()}
    assert audit_tables(raw, generalised(raw, decision(), PUBLIC), PUBLIC, LAND) == 2


def test_one_hidden_unit_does_not() -> None:
    """Attack (negative control): 263 ha hidden alone are known to 25 ha either way: refused with exit 4."""
    raw = {"estimates": estimates()}
    with pytest.raises(DisclosureError, match="unit:04") as caught:
        audit_tables(raw, generalised(raw, decision(("04",)), PUBLIC), PUBLIC, LAND)
    assert caught.value.exit_code == 4


def test_a_hidden_unit_whose_partner_has_no_land_does_not() -> None:
    """Attack: a partner that can hold no crop protects nothing; the attacker knows its land."""
    raw = {"estimates": estimates((412.0, 37.0, 0.2, 263.0))}
    with pytest.raises(DisclosureError, match="unit:02"):
        audit_tables(
            raw,
            generalised(raw, decision(), tier_rules(Tier.PROGRAMME)),
            tier_rules(Tier.PROGRAMME),
            LAND | {"unit:03": 0.3},
        )


def test_change_is_hidden_with_its_years() -> None:
    """Law: a change has a state of its own, and none of a hidden place is told."""
    change = pd.DataFrame(
        {
            "crop": "coca", "from": "2021", "to": "2024", "domain": ["frame", *UNITS], "domain_name": "x",
            "difference_ha": [-112.3, 40.0, 3.0, -7.0, 21.0], "se_ha": 1.0, "lo_ha": [-200.1, 1.0, 0.0, -30.0, -9],
            "hi_ha": [-3.0, 70.0, 9.0, 10.0, 44.0], "p_value": 0.04567, "verdict": "decrease", "level": 0.95,
            "method": "panel", "flags": "",
        }
    )  # fmt: skip
    table = generalised({"change": change}, decision(), PUBLIC).tables["change"].set_index("domain")
    assert table.loc["frame", ["difference_ha", "lo_ha", "hi_ha", "p_value"]].tolist() == [
        -110.0,
        -210.0,
        0.0,
        0.05,
    ]
    assert table.loc["02", "verdict"] == ""
    assert table.loc[["02", "03"], "difference_ha"].isna().all()
    assert table.loc["02", "state"] == "suppressed"


def test_harms_have_few_digits_and_limits_outwards() -> None:
    """Literal: two digits of the largest of value and limits, 1,512: hundreds; nearest, down and up."""
    harms = pd.DataFrame(
        {
            "harm": ["D1", "E1", "G1"], "value": [1234.4, -0.01234, 0.0], "lo": [987.6, -0.0199, 0.0],
            "hi": [1512.0, 0.00101, 0.0], "unit": "ha", "secret": 1,
        }
    )  # fmt: skip
    table = generalised({"harms": harms}, decision(), PUBLIC).tables["harms"]
    assert list(table.columns) == ["harm", "value", "lo", "hi", "unit"]
    assert table[["value", "lo", "hi"]].to_numpy().tolist() == [
        [1200.0, 900.0, 1600.0],
        [-0.012, -0.020, 0.002],
        [0.0, 0.0, 0.0],
    ]


def test_a_limit_that_is_told_in_full_stays() -> None:
    """Law: rounding twice is rounding once, whatever the last bits of a tenth are."""
    harms = pd.DataFrame({"harm": "x", "value": [0.3, 70.0], "lo": [0.1 + 0.1, 29.0], "hi": [0.7, 99.0]})
    once = generalised({"harms": harms}, decision(), PUBLIC).tables["harms"]
    assert once[["value", "lo", "hi"]].to_numpy().tolist() == [[0.3, 0.2, 0.7], [70.0, 29.0, 99.0]]
    assert generalised({"harms": once}, decision(), PUBLIC).tables["harms"].equals(once)


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_few_digits_never_narrow_an_interval(digits: int) -> None:
    """Law: limits hold the exact ones, the value lies between them, all within one step of the largest of them."""
    rng = np.random.default_rng(digits)
    sizes = 10.0 ** rng.integers(-3, 7, (2000, 1))
    lo, value, hi = np.sort(np.round(sizes * rng.uniform(-1, 1, (2000, 3)), 3), axis=1).T
    harms = pd.DataFrame({"harm": "x", "value": value, "lo": lo, "hi": hi})
    told = generalised({"harms": harms}, decision(), replace(PUBLIC, digits=digits)).tables["harms"]
    largest = np.maximum(np.abs(lo), np.abs(hi))
    step = 10.0 ** (np.floor(np.log10(np.where(largest > 0, largest, 1.0))) - digits + 1)
    slack = 1e-8 * step
    assert ((told["lo"] <= told["value"]) & (told["value"] <= told["hi"])).all()
    assert ((lo - step - slack <= told["lo"]) & (told["lo"] <= lo + slack)).all()
    assert ((hi - slack <= told["hi"]) & (told["hi"] <= hi + step + slack)).all()
    assert (np.abs(told["value"] - value) <= step / 2 + slack).all()


def test_digits_are_those_of_the_exact_figure() -> None:
    """Literal: 99.6 is told as 100, and its limits, 99.1 to 99.7, in its own two digits, not in those of 100."""
    harms = pd.DataFrame({"harm": ["x"], "value": [99.6], "lo": [99.1], "hi": [99.7]})
    told = generalised({"harms": harms}, decision(), PUBLIC).tables["harms"].iloc[0]
    assert told[["value", "lo", "hi"]].tolist() == [100.0, 99.0, 100.0]


def test_effects_and_accuracy_keep_counts_whole() -> None:
    """Literal: a p-value at two decimals, a share at two, counts as they are, money and per cent at two digits."""
    effects = pd.DataFrame(
        {
            "scope": ["all"], "state": "estimated", "value": [-12.34], "lo": [-20.6], "hi": [-1.01],
            "p_value": ["0.0349"], "n_treated": [123], "n_control": ["456"], "without_programme": [98765.0],
            "percent": [-12.49],
        }
    )  # fmt: skip
    accuracy = pd.DataFrame(
        {"period": ["2024"], "class": "coca", "measure": "users", "value": ["0.8765"], "se": [0.0449], "n": [50]}
    )
    made = generalised({"effects": effects, "accuracy": accuracy}, decision(), PUBLIC).tables
    row = made["effects"].iloc[0]
    assert row[["value", "lo", "hi", "p_value"]].tolist() == [-12.0, -21.0, -1.0, 0.03]
    assert row[["n_treated", "n_control", "without_programme", "percent"]].tolist() == [123, 456, 99000.0, -12.0]
    assert made["accuracy"].to_numpy().tolist() == [["2024", "coca", "users", 0.88, 0.04]]


def test_layers_are_attacked_one_by_one_and_a_year_without_a_total_is_not() -> None:
    """Law: a layer and its rest add up to the frame; what is shown of others tells nothing of it."""
    states = {"frame": "shown", "layer:ad": "primary", "layer:park": "shown"}
    both = Decision(tier=Tier.PUBLIC, leaves=(), states=states, rules=PUBLIC.as_record())
    zones = pd.DataFrame(
        {
            "crop": "coca", "period": "2024", "domain": ["ad", "park"], "domain_name": "x", "state": "estimated",
            "value_ha": [300.0, 100.0], "lo_ha": [200.0, 50.0], "hi_ha": [400.0, 150.0], "level": 0.95,
        }
    )  # fmt: skip
    land = {"layer:ad": 5000.0, "rest:ad": 5000.0, "layer:park": 500.0, "rest:park": 9500.0}
    raw = {"estimates": estimates(), "zones": zones}
    safe = generalised({"zones": zones}, both, PUBLIC)
    assert audit_tables(raw, safe, PUBLIC, land) == 1
    # where the rest holds next to no land the layer is the frame, and its figure is out
    whole = {"estimates": estimates(), "zones": zones.assign(value_ha=[799.5, 100.0])}
    with pytest.raises(DisclosureError, match=r"zones coca 2024.*layer:ad"):
        audit_tables(whole, safe, PUBLIC, land | {"rest:ad": 1.0})
    later = {**whole, "zones": whole["zones"].assign(period="2025")}
    assert audit_tables(later, safe, PUBLIC, land | {"rest:ad": 1.0}) == 0


@pytest.mark.parametrize(("value", "lo", "hi"), [(0.5, 0.29, 0.58), (0.1, 0.07, 0.14), (0.35, 0.28, 0.57)])
def test_two_digits_are_told_as_two_digits(value: float, lo: float, hi: float) -> None:
    """Law: figures of two digits stay, though 0.29 / 0.01 is below 29 and 0.14 / 0.01 above 14 in binary."""
    harms = pd.DataFrame({"harm": ["x"], "value": [value], "lo": [lo], "hi": [hi]})
    told = generalised({"harms": harms}, decision(), PUBLIC).tables["harms"].iloc[0]
    assert told[["value", "lo", "hi"]].tolist() == [value, lo, hi]


def test_rounding_hides_as_much_as_it_leaves_open() -> None:
    """By hand: told to 5 ha either way, a total and three units leave 40 ha open: enough for 40, not for 41."""
    for value, enough in ((40.0, True), (41.0, False)):
        raw = {"estimates": estimates((412.0, value, 88.0, 263.0))}
        safe = generalised(raw, decision(("02",)), PUBLIC)
        if enough:
            assert audit_tables(raw, safe, PUBLIC, LAND) == 1
        else:
            with pytest.raises(DisclosureError, match="unit:02"):
                audit_tables(raw, safe, PUBLIC, LAND)


def test_the_land_of_the_rest_bounds_a_layer() -> None:
    """By hand: of 800 to 5 ha the rest holds 500 at most: a layer of 300 ha on 400 ha of land has 295 or more.

    With 700 ha of land the rest may hold more, and the layer is known to lie in 95 to 400 ha, which is wide enough.
    The frame's figure counts, not that of a unit; what no year tells is passed by, what comes after it is not.
    """
    states = {"frame": "shown", "layer:ad": "primary"}
    hidden = Decision(tier=Tier.PUBLIC, leaves=(), states=states, rules=PUBLIC.as_record())
    zones = pd.DataFrame(
        {
            "crop": "coca", "period": ["2021", "2024"], "domain": "ad", "domain_name": "x", "state": "estimated",
            "value_ha": [1.0, 300.0], "lo_ha": [0.0, 200.0], "hi_ha": [2.0, 400.0], "level": 0.95,
        }
    )  # fmt: skip
    raw = {"estimates": estimates(), "zones": zones}
    safe = generalised({"zones": zones}, hidden, PUBLIC)
    assert audit_tables(raw, safe, PUBLIC, {"layer:ad": 400.0, "rest:ad": 700.0}) == 1
    with pytest.raises(DisclosureError, match=r"zones coca 2024.*layer:ad"):
        audit_tables(raw, safe, PUBLIC, {"layer:ad": 400.0, "rest:ad": 500.0})


def test_what_units_do_not_tell_of_the_frame_is_room() -> None:
    """By hand: 100 ha of the frame lie in no unit, so that a hidden unit of 120 ha is known to 140 ha."""
    table = estimates((412.0, 120.0, 88.0, 263.0))
    raw = {"estimates": table.assign(value_ha=table["value_ha"] + np.where(table["domain"] == "frame", 100.0, 0.0))}
    assert audit_tables(raw, generalised(raw, decision(("02",)), PUBLIC), PUBLIC, LAND) == 1
    whole = {"estimates": table}
    with pytest.raises(DisclosureError, match="unit:02"):
        audit_tables(whole, generalised(whole, decision(("02",)), PUBLIC), PUBLIC, LAND)


def test_limits_that_are_multiples_but_for_their_last_bit_stay() -> None:
    """Literal: 0.29 / 0.01 is below 29 and 0.14 / 0.01 above 14 in binary; nothing is told as minus nothing."""
    assert _rounded(np.array([[0.2, 0.29, 0.14]]), 0.01)[0] == pytest.approx([0.2, 0.29, 0.14], abs=1e-12)
    told = _rounded(np.array([[-3.0, -0.0, -0.4]]), 10.0)
    assert told.tolist() == [[0.0, 0.0, 0.0]]
    assert not np.signbit(told).any()
    harms = pd.DataFrame({"harm": ["x"], "value": [-0.001], "lo": [-123.0], "hi": [-0.002]})
    row = generalised({"harms": harms}, decision(), PUBLIC).tables["harms"].iloc[0]
    assert row[["value", "lo", "hi"]].tolist() == [0.0, -130.0, 0.0]
    assert not np.signbit(row[["value", "hi"]].astype(float)).any()


def test_a_figure_is_little_by_its_value_not_by_its_limits() -> None:
    """Literal: 12 ha with a lower limit of 2 stay estimated at 10; 4 ha with one of 0 are below what is told."""
    table = estimates((12.0, 4.0, 400.0, 400.0))
    raw = {"estimates": table.assign(lo_ha=[600.0, 2.0, 0.0, 300.0, 300.0])}
    rows = generalised(raw, decision(()), PUBLIC).tables["estimates"].set_index("domain")
    assert rows.loc["01", ["state", "value_ha", "lo_ha"]].tolist() == ["estimated", 10.0, 0.0]
    assert rows.loc["02", "state"] == "below_threshold"


def test_nothing_is_told_as_nothing_and_little_as_little() -> None:
    """Literal: 0 ha stay 0 and estimated; 0.4 ha are below what is told; empty tables are passed by."""
    raw = {"sample": estimates(), "zones": estimates()[:0], "estimates": estimates((0.0, 0.4, 400, 400))}
    made = generalised(raw, decision(()), PUBLIC).tables
    assert list(made) == ["estimates"]
    rows = made["estimates"].set_index("domain")
    assert rows.loc["01", ["state", "value_ha"]].tolist() == ["estimated", 0.0]
    assert rows.loc["02", "state"] == "below_threshold"
    assert np.isnan(rows.loc["02", "value_ha"])
