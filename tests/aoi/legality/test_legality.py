"""Legality by zone, year and law: the published examples, precedence, gaps, totals that add up, contradictions."""

from __future__ import annotations

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.legality.rule import PRECEDENCE, LegalClass, LegalRule, load_law, parse_law, shipped_laws, valid_on
from aoi.legality.split import PARTS, Hectares, split, totals
from geo.errors import InputError, QualityGateError, SurveyFileError

LAW = """
country = "ZZZ"
[[rule]]
zone = "a"
crop = "coca"
class = "AUTHORISED_CAPPED"
cap_ha = 10
legal_basis = "invented"
valid_from = 2020-01-01
source = "invented"
"""


def rule(legal_class: LegalClass, **more: float) -> LegalRule:
    """Return a rule of a class."""
    return LegalRule(
        zone="a", crop="coca", country="ZZZ", legal_class=legal_class, legal_basis="x",
        valid_from=date(2000, 1, 1), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_bolivia_has_another_split_under_each_law() -> None:
    """Reference S7: 20,200 ha in 2015; law 1008 allowed 12,000 ha, law 906 allows 14,300 + 7,700 = 22,000 ha."""
    rules = load_law("bolivia").rules
    before = [one for one in valid_on(rules, "coca", date(2015, 12, 31)) if one.cap_ha]
    after = [one for one in valid_on(rules, "coca", date(2017, 12, 31)) if one.cap_ha]
    assert [one.cap_ha for one in before] == [12_000]
    assert sum(one.cap_ha or 0 for one in after) == 22_000
    area = Hectares(20_200, 19_000, 21_400)
    old = split(area, before[0])
    assert (old["authorised"].value, old["not_authorised"].value) == (12_000, 8_200)
    assert (old["not_authorised"].lo, old["not_authorised"].hi) == (7_000, 9_400)
    new = split(area, rule(LegalClass.AUTHORISED_CAPPED, cap_ha=22_000))
    assert (new["authorised"].value, new["not_authorised"].value) == (20_200, 0)


def test_the_law_changes_on_its_day() -> None:
    """Law: on its last day the old law holds, on the next one the new."""
    rules = load_law("bolivia").rules
    zones = {
        day: {one.zone for one in valid_on(rules, "coca", day) if one.cap_ha}
        for day in (date(2017, 3, 7), date(2017, 3, 8))
    }
    assert list(zones.values()) == [{"traditional"}, {"la_paz", "cochabamba"}]
    assert valid_on(rules, "coca", date(1980, 1, 1)) == ()
    assert valid_on(rules, "cannabis", date(2020, 1, 1)) == ()


def test_twelve_thousand_above_the_cap() -> None:
    """Published: in 2024 the press wrote of 12,000 ha above the 22,000 that the law allows."""
    parts = split(Hectares(34_000, 33_000, 35_000), rule(LegalClass.AUTHORISED_CAPPED, cap_ha=22_000))
    assert parts["not_authorised"].value == 12_000


@pytest.mark.parametrize(
    ("name", "crop", "expected"),
    [
        ("peru", "coca", {"undetermined": 80.0, "not_authorised": 20.0}),
        ("colombia", "coca", {"not_authorised": 70.0, "undetermined": 30.0}),
        ("morocco", "cannabis", {"undetermined": 50.0, "not_authorised": 50.0}),
    ],
)
def test_countries_without_authorised_ground(name: str, crop: str, expected: dict[str, float]) -> None:
    """Law of each country: the roll of growers or the case-by-case review leaves ground undetermined."""
    placed = {"protected": 20.0, "indigenous": 30.0, "licensed_provinces": 50.0}
    rules = valid_on(load_law(name).rules, crop, date(2023, 12, 31))
    own = {one.zone: placed.get(one.zone, 0.0) for one in rules if one.zone != "everywhere"}
    own["everywhere"] = 100.0 - sum(own.values())
    zones = [split(Hectares(own[one.zone], own[one.zone], own[one.zone]), one) for one in rules]
    found = totals(zones, Hectares(100, 90, 110))
    assert {part: found[part].value for part in expected} == expected
    assert found["authorised"].value == 0


def test_a_roll_that_is_joined_determines() -> None:
    """Law: registered hectares are authorised up to what stands; without a roll nothing is said."""
    area = Hectares(100, 80, 120)
    assert set(split(area, rule(LegalClass.REGISTERED_GROWERS_ONLY))) == {"undetermined"}
    joined = split(area, rule(LegalClass.REGISTERED_GROWERS_ONLY, registered_ha=90.0))
    assert (joined["authorised"].value, joined["not_authorised"].value) == (90, 10)


def test_ground_that_no_rule_speaks_of_is_undetermined() -> None:
    """Law: a gap is no verdict."""
    assert split(Hectares(5, 4, 6), None) == {"undetermined": Hectares(5, 4, 6)}


def test_precedence_is_the_declared_one() -> None:
    """Reference: protected before authorised before traditional use before not authorised."""
    order = [PRECEDENCE.index(LegalClass(name)) for name in (
        "PROTECTED_NOT_PERMITTED", "AUTHORISED", "AUTHORISED_CAPPED", "TRADITIONAL_USE_REVIEW", "NOT_AUTHORISED",
    )]  # fmt: skip
    assert order == sorted(order)


ZONE = st.tuples(
    st.floats(0, 50_000),
    st.floats(0, 1),
    st.floats(0, 3),
    st.sampled_from([*LegalClass, None]),
    st.floats(0, 60_000),
)  # area, what its limits lie below and above it (shares of the area), class, cap


@given(st.lists(ZONE, min_size=1, max_size=8))
def test_four_totals_add_up_for_any_zones(
    drawn: list[tuple[float, float, float, LegalClass | None, float]],
) -> None:
    """Law: whatever zones, rules and caps, the three parts make the whole and each limit holds its value."""
    zones = []
    for area, below, above, name, cap in drawn:
        more = {"cap_ha": cap} if name == LegalClass.AUTHORISED_CAPPED else {}
        limits = Hectares(area, area - below * area, area + above * area)
        zones.append(split(limits, rule(name, **more) if name else None))
    whole = math.fsum(area for area, *_ in drawn)
    found = totals(zones, Hectares(whole, 0.8 * whole, 1.2 * whole))
    assert sum(found[part].value for part in PARTS) == pytest.approx(whole, rel=1e-9)
    assert all(one.lo <= one.value <= one.hi for one in found.values())


def test_zones_that_share_ground_are_refused() -> None:
    """Law: parts that do not make the whole are told, never printed."""
    with pytest.raises(QualityGateError, match=r"12\.000 ha in all"):
        totals([split(Hectares(6, 5, 7), None)] * 2, Hectares(10, 8, 12))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("cap_ha = 10\n", "", "no cap_ha"),
        ("AUTHORISED_CAPPED", "AUTHORIZED", "class: found 'AUTHORIZED'"),
        ("AUTHORISED_CAPPED", "NOT_AUTHORISED", "a cap in the class NOT_AUTHORISED"),
        ("valid_from = 2020-01-01", 'valid_from = "2020"', "valid_from: found '2020'; expected a day"),
        ("source =", "sauce =", "an unknown key 'sauce'"),
        (
            "valid_from = 2020-01-01",
            "valid_from = 2020-01-01\nvalid_to = 2019-01-01",
            "2019-01-01, before valid_from",
        ),
        ("cap_ha = 10", "cap_ha = -1", "cap_ha: found -1; expected hectares"),
    ],
)
def test_a_wrong_rule_is_told(old: str, new: str, line: str) -> None:
    """Law: each mistake in a law of one's own has its line."""
    with pytest.raises(InputError) as caught:
        parse_law(LAW.replace(old, new), where="own.toml")
    assert line in str(caught.value)


def test_two_rules_for_one_day_are_refused() -> None:
    """Law: a zone has one class a day."""
    body = LAW.split("\n", 2)[2]
    second = body.replace("AUTHORISED_CAPPED", "NOT_AUTHORISED").replace("cap_ha = 10\n", "")
    with pytest.raises(InputError, match="two rules of coca in force on 2020-01-01"):
        parse_law(LAW + second, where="own.toml")
    ended = LAW.replace("valid_from = 2020-01-01", "valid_from = 2019-01-01\nvalid_to = 2019-12-31")
    assert len(parse_law(ended + second, where="own.toml").rules) == 2


def test_every_shipped_law_names_its_sources() -> None:
    """Law: each shipped rule has basis, source and mark, and an unknown law is refused by name."""
    for name in shipped_laws():
        for one in load_law(name).rules:
            assert one.legal_basis
            assert one.source
            assert one.mark in ("found", "unverified")
    with pytest.raises(SurveyFileError, match="'atlantis'"):
        load_law("atlantis")
