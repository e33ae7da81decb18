"""Sourced parameters: marks, overrides, and every shipped one readable."""

from __future__ import annotations

import pytest

from aoi.survey.parameter import Parameter, load_parameters, override, parse_parameters
from geo.errors import InputError


@pytest.mark.parametrize("file", ["corrections", "rules", "yield_factors"])
def test_every_shipped_parameter_names_its_source_and_mark(file: str) -> None:
    """Law: no shipped number is without unit, source and mark."""
    parameters = load_parameters(file)
    assert parameters
    assert all(one.unit and one.source and one.mark in ("found", "unverified") for one in parameters.values())


def test_recalled_numbers_are_marked_unverified() -> None:
    """Law: what nobody has seen in print says so."""
    known = {**load_parameters("corrections"), **load_parameters("rules"), **load_parameters("yield_factors")}
    recalled = ("eradication.spray_effect", "enclave.density_ha_km2", "opium_capsule.shift", "gap.ring_km")
    assert {known[name].mark for name in recalled} == {"unverified"}
    assert known["permanence.window_years"].mark == "found"


def test_override_replaces_value_and_source_and_leaves_the_shipped_set_alone() -> None:
    """Law: a user's number comes with the user's source, and inputs are not mutated."""
    shipped = load_parameters("corrections")
    change = {"eradication.spray_effect": {"value": 0.7, "source": "regional trial 2024", "se": 0.05}}
    mine = override(shipped, change)
    assert (mine["eradication.spray_effect"].value, mine["eradication.spray_effect"].mark) == (0.7, "given")
    assert shipped["eradication.spray_effect"].value == 0.9


def test_override_tells_all_its_problems_at_once() -> None:
    """Law: an unknown key and a change without a source are both named."""
    changes = {"eradication.spray": {"value": 1, "source": "x"}, "gap.ring_km": {"value": 5}}
    with pytest.raises(InputError, match=r"(?s)eradication\.spray: found an unknown key.*gap\.ring_km"):
        override(load_parameters("corrections"), changes)


def test_a_file_with_broken_parameters_is_refused_with_every_key() -> None:
    """Law: missing source, bad mark and unknown field are told together."""
    tree = {
        "a": {"value": 1.0, "unit": "ha", "source": " "},
        "b": {"c": {"value": 1.0, "unit": "ha", "source": "s", "mark": "sure"}},
        "d": {"value": 1.0, "unit": "ha", "source": "s", "colour": "red"},
    }
    with pytest.raises(InputError, match=r"(?s)parameter a: found no source.*parameter b\.c.*parameter d"):
        parse_parameters(tree)


def test_no_parameter_speaks_of_what_processing_consumes() -> None:
    """Law: no shipped text names a reagent or an input per kilogram of drug."""
    words = ("gasoline", "petrol", "kerosene", "cement", "acid", "permanganate", "ammonia", "solvent", "anhydride")
    for file in ("corrections", "rules", "yield_factors"):
        for one in load_parameters(file).values():
            text = f"{one.name} {one.unit} {one.source} {one.note}".lower()
            assert not any(word in text for word in words), one.name


def test_parameter_refuses_a_negative_error_and_a_missing_number() -> None:
    """Law: a parameter is a finite number with an error of 0 or more."""
    with pytest.raises(InputError, match=r"(?s)finite number.*standard error of 0 or more"):
        Parameter(name="x", value=float("nan"), unit="ha", source="s", se=-1.0)
