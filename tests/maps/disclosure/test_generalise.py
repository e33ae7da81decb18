"""Tables cut, rounded and attacked."""

from __future__ import annotations

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
