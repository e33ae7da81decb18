"""Rules as data: what ships, what a data owner may change, and what not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from geo.errors import SurveyFileError
from maps.disclosure.pattern import require_nesting
from maps.disclosure.policy import allowed_columns, tier_rules
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
