"""Rules as data: what ships, what a data owner may change, and what not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from geo.errors import SurveyFileError
from maps.disclosure.pattern import require_nesting
from maps.disclosure.policy import TierRules, allowed_columns, tier_rules
from maps.disclosure.tier import Tier


def test_shipped_rules_are_those_of_the_page() -> None:
    """Published (docs/disclosure.md): k, dominance, group, cells and embargo of both tiers."""
    one, two = tier_rules(Tier.PROGRAMME), tier_rules(Tier.PUBLIC)
    assert (one.k, one.dominance_percent, one.cell_least_km, one.embargo_months) == (5, 90, 1, 3)
    assert (two.k, two.dominance_percent, two.group_percent) == (10, 85, 80)
    assert (two.cell_least_km, two.cell_most_km, two.embargo_months, two.approvals) == (4, 16, 12, 2)
    assert two.signed
    assert (one.least_count, two.least_count, one.digits, two.digits) == (5, 10, 3, 2)
    require_nesting(one, two)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"k": 2}, "k: found 2"),
        ({"cell_least_km": 1}, "at least 2 km"),
        ({"approvals": 1}, "approvals: found 1"),
        ({"cell_least_km": 3}, "doubled"),
        ({"cell_most_km": 2}, "doubled"),
        ({"least_count": 2}, "least_count: found 2"),
    ],
)
def test_floor(given: dict[str, int], told: str) -> None:
    """Law: public cells below 2 km, fewer than 3 fields, fewer than two approvals and odd cells are refused."""
    with pytest.raises(SurveyFileError, match=told):
        tier_rules(Tier.PUBLIC, given)


@pytest.mark.parametrize(
    "laxer",
    [
        {"k": 4},
        {"dominance_percent": 95.0},
        {"round_ha": 0.5},
        {"least_field_ha": 0.0},
        {"cell_most_km": 32},
        {"digits": 4},
        {"least_count": 4},
    ],
)
def test_public_is_never_laxer_than_the_programme(laxer: dict[str, float]) -> None:
    """Law: rules under which the public would see more than the programme somewhere are refused."""
    public = replace(tier_rules(Tier.PUBLIC), **laxer)
    with pytest.raises(SurveyFileError, match=next(iter(laxer))):
        require_nesting(tier_rules(Tier.PROGRAMME), public)


def test_allow_lists_name_no_place_of_a_unit() -> None:
    """Law: no allow-list holds a coordinate, a unit of the sample or a standard error of a place."""
    for tier in (Tier.PROGRAMME, Tier.PUBLIC):
        for table in (
            "estimates", "change", "zones", "zone_change", "cells", "accuracy", "harms", "effects", "portfolio",
        ):  # fmt: skip
            columns = set(allowed_columns(tier, table))
            assert columns
            assert not columns & {
                "unit_id",
                "row",
                "col",
                "x_m",
                "y_m",
                "longitude",
                "latitude",
                "se_ha",
                "stratum",
            }
    for table in ("sample", "patches", "atoms", "reference", "mapped_areas", "known_units"):
        assert allowed_columns(Tier.PROGRAMME, table) == ()


def test_a_rule_may_stand_on_its_floor() -> None:
    """Literal: 3 fields, 3 persons, cells of 2 km, two approvals and one size of cell are allowed."""
    on_it = {"k": 3, "least_count": 3, "cell_least_km": 2, "cell_most_km": 2, "approvals": 2}
    rules = tier_rules(Tier.PUBLIC, on_it)
    assert (rules.k, rules.least_count, rules.cell_least_km, rules.cell_most_km) == (3, 3, 2, 2)
    assert tier_rules(Tier.PROGRAMME, {"cell_least_km": 1, "approvals": 0}).cell_least_km == 1


def test_what_is_not_set_or_not_a_rule_changes_nothing() -> None:
    """Law: keys of the same section that are no rules, and rules left open, leave the shipped ones."""
    shipped = tier_rules(Tier.PUBLIC)
    assert tier_rules(Tier.PUBLIC, {"k": None, "until": "2030-01-01"}) == shipped
    record = shipped.as_record()
    assert record["suffixes"] == list(shipped.suffixes)
    assert (record["k"], record["signed"]) == (10, True)
    assert TierRules(**{**record, "suffixes": tuple(record["suffixes"])}) == shipped


@pytest.mark.parametrize(
    "name",
    ["k", "dominance_percent", "largest", "group_percent", "least_field_ha", "cell_least_km", "round_ha", "digits",
     "least_count"],
)  # fmt: skip
def test_both_tiers_may_have_one_rule(name: str) -> None:
    """Law: a public rule that is the programme's own is strict enough."""
    public = replace(tier_rules(Tier.PUBLIC), **{name: getattr(tier_rules(Tier.PROGRAMME), name)})
    require_nesting(tier_rules(Tier.PROGRAMME), public)
