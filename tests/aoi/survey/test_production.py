"""Production: yields by region and vintage, harvested area, licit leaf, consistency of published figures."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from aoi.survey.conversion import Range, rounding_band
from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.harvest import compare_areas, decompose_change, harvested_area_ha, implied_area_ha
from aoi.survey.parameter import Parameter, load_parameters
from aoi.survey.production import (
    STOCK_AS_HARVESTED,
    YIELD_WITHOUT_ERROR,
    YieldFactor,
    as_harvested,
    convert_unit,
    harvested,
    illicit_production,
    licit_production,
    load_yields,
    production,
    total_production,
    yield_breaks,
    yield_factor,
)
from geo.errors import InputError, QualityGateError

COCA = Quantity(crop="coca", kind="harvestable", reference="2005", source="UNODC")
CHAPARE = yield_factor("BO Chapare", "sun-dried leaf", "2005")
YUNGAS = yield_factor("BO Yungas, not traditional", "sun-dried leaf", "2005")
ZONE = yield_factor("BO Apolo and traditional Yungas", "sun-dried leaf", "2005")


def hectares(value: float, se: float = 0.0, quantity: Quantity = COCA) -> Estimate:
    """Return a harvested area."""
    half = 1.96 * se
    return Estimate(value=value, se=se, lo=value - half, hi=value + half, n=9, method="census").of(quantity)


def test_bolivia_2005() -> None:
    """Published: fact sheet 2005, 25,400 ha give 42,000 t of sun-dried leaf with 12,000 ha at the zone's yield."""
    parts = [(hectares(7_000), CHAPARE), (hectares(6_400), YUNGAS), (hectares(12_000), ZONE)]
    total = total_production(parts)
    assert total.value == pytest.approx(7_000 * 2.764 + 6_400 * 1.798 + 12_000 * 0.936)
    assert rounding_band("42,000", 1000).meets(Range.exactly(total.value))
    assert total.quantity is not None
    assert total.quantity.unit == "t sun-dried leaf"
    licit = licit_production(12_000, hectares(12_000), ZONE)
    assert licit.value == pytest.approx(11_232)
    assert illicit_production(total, licit).value == pytest.approx(7_000 * 2.764 + 6_400 * 1.798)
    # the yield of another region would take off too much
    assert licit_production(12_000, hectares(12_000), CHAPARE).value > 2.9 * licit.value


def test_bolivia_2003_licit_leaf() -> None:
    """Published: 28,300 t of leaf, of which 17,100 t (17,068) went outside the licit market."""
    leaf = replace(COCA, unit="t sun-dried leaf")
    total = hectares(28_300.0, quantity=leaf)
    made = illicit_production(total, licit_production(12_000, hectares(18_000), ZONE))
    assert made.value == pytest.approx(17_068.0, rel=1e-12)
    assert rounding_band("17,100", 100).meets(Range.exactly(made.value))


def test_bolivia_2005_traditional_area_is_the_legal_one() -> None:
    """Independent program: 42,000 t solved for the area at the zone's yield gives 12,101 ha."""
    traditional = (7_000 * 2.764 + 18_400 * 1.798 - 42_000) / (1.798 - 0.936)
    assert traditional == pytest.approx(12_101, abs=0.5)


def test_the_zone_counts_up_to_what_the_law_allows() -> None:
    """Law: min(zone, authorised); within the cap the zone's own error stays."""
    small = licit_production(12_000, hectares(9_000, 500), ZONE)
    assert small.value == pytest.approx(9_000 * 0.936)
    assert small.se == pytest.approx(500 * 0.936)
    assert licit_production(12_000, hectares(18_000, 500), ZONE).se == 0.0
    with pytest.raises(InputError, match="authorised area"):
        licit_production(-1.0, hectares(1.0), ZONE)


def test_licit_leaf_is_never_more_than_all_leaf_and_of_the_same_kind() -> None:
    """Law: no negative illicit production; moisture states do not mix."""
    leaf = replace(COCA, unit="t sun-dried leaf")
    with pytest.raises(QualityGateError, match="no more than the total"):
        illicit_production(hectares(10.0, quantity=leaf), hectares(11.0, quantity=leaf))
    with pytest.raises(QualityGateError, match=r"quantity\.unit"):
        illicit_production(
            hectares(10.0, quantity=replace(COCA, unit="t fresh leaf")), hectares(1.0, quantity=leaf)
        )


def test_a_stock_is_not_harvested_area() -> None:
    """Law: the area standing on 31 December meets no yield until a ground is given, and then it is flagged."""
    stock = hectares(154_475, quantity=replace(COCA, kind="stock", reference="2019-12-31"))
    fresh = yield_factor("CO", "fresh leaf", "2019")
    with pytest.raises(QualityGateError, match=r"a stock area.*as_harvested"):
        production(stock, fresh)
    passed = as_harvested(stock, reference="2019", basis="fact sheet practice")
    assert STOCK_AS_HARVESTED in production(passed, fresh).flags
    with pytest.raises(QualityGateError, match="basis ''"):
        as_harvested(stock, reference="2019", basis="")
    with pytest.raises(QualityGateError, match="cumulative"):
        as_harvested(hectares(5, quantity=replace(COCA, kind="cumulative")), reference="2019", basis="x")


def test_harvested_area_comes_from_a_sourced_ratio() -> None:
    """Published: Colombia 2019, 154,475 ha standing and 171,225 ha harvested, a ratio of 1.108."""
    stock = hectares(154_475, 3_000, quantity=replace(COCA, kind="stock", reference="2019-12-31"))
    ratio = Parameter(
        name="harvest_ratio", value=171_225 / 154_475, unit="share", source="993,107 t / 5.8 t/ha", se=0.01
    )
    area = harvested(stock, ratio, reference="2019")
    made = production(area, yield_factor("CO", "fresh leaf", "2019"))
    assert made.value == pytest.approx(993_105)
    assert area.se > 3_000 * ratio.value
    assert STOCK_AS_HARVESTED not in made.flags
    with pytest.raises(QualityGateError, match="a stock at a date"):
        harvested(area, ratio, reference="2019")


def test_area_and_yield_must_speak_of_one_crop_in_hectares() -> None:
    """Law: poppy hectares meet no coca yield, tonnes meet no yield at all."""
    poppy = hectares(5, quantity=replace(COCA, crop="opium_poppy", unit="t dry opium"))
    with pytest.raises(QualityGateError, match=r"(?s)unit 't dry opium'.*crop 'opium_poppy'"):
        production(poppy, CHAPARE)
    with pytest.raises(QualityGateError, match="no quantity"):
        production(replace(hectares(5), quantity=None), CHAPARE)


def test_errors_of_area_and_yield_are_carried() -> None:
    """Law: exact product variance; a yield without error is flagged and gives a shorter interval."""
    surveyed = replace(CHAPARE, se=300.0)
    made = production(hectares(7_000, 400), surveyed)
    exact = math.sqrt((7_000 * 0.3) ** 2 + (2.764 * 400) ** 2 + (0.3 * 400) ** 2)
    assert made.se == pytest.approx(exact, rel=1e-12)
    assert made.flags == ()
    bare = production(hectares(7_000, 400), CHAPARE)
    assert YIELD_WITHOUT_ERROR in bare.flags
    assert bare.se < made.se


def test_draws_agree_with_the_delta_method_and_the_seed_fixes_them() -> None:
    """Law: two routes to one interval."""
    surveyed = replace(CHAPARE, se=300.0)
    area = hectares(7_000, 400)
    delta = production(area, surveyed)
    drawn = [production(area, surveyed, rng=np.random.default_rng(4), draws=200_000) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert (drawn[0].lo, drawn[0].hi) == pytest.approx((delta.lo, delta.hi), rel=0.01)


def test_one_yield_has_one_error() -> None:
    """Law: splitting a region's area does not make its yield surer; two yields do average."""
    surveyed = replace(CHAPARE, se=300.0)
    whole = total_production([(hectares(1000), surveyed)])
    halves = total_production([(hectares(500), surveyed), (hectares(500), surveyed)])
    other = replace(surveyed, region="elsewhere")
    apart = total_production([(hectares(500), surveyed), (hectares(500), other)])
    assert halves.se == pytest.approx(whole.se)
    assert apart.se == pytest.approx(whole.se / math.sqrt(2))


def test_fresh_and_sun_dried_regions_do_not_add() -> None:
    """Law: moisture states are different quantities until converted by a sourced factor."""
    fresh = yield_factor("CO", "fresh leaf", "2019")
    with pytest.raises(QualityGateError, match="'t fresh leaf' and 't sun-dried leaf'"):
        total_production([(hectares(10), CHAPARE), (hectares(10), fresh)])
    factor = load_parameters("yield_factors")["moisture.fresh_per_sun_dried"]
    dried = production(hectares(10), CHAPARE)
    made = convert_unit(dried, factor)
    assert made.quantity is not None
    assert (made.value, made.quantity.unit) == (pytest.approx(82.92), "t fresh leaf")
    assert "unverified" in made.method
    with pytest.raises(QualityGateError, match="expected 't sun-dried leaf'"):
        convert_unit(made, factor)


def test_yields_measured_anew_are_named() -> None:
    """Law: a new vintage breaks the series in its region only."""
    new = CHAPARE.given(2900.0, source="survey 2007", vintage="2007")
    assert yield_breaks({"C": CHAPARE, "Y": YUNGAS}, {"C": new, "Y": YUNGAS}) == ("C",)
    assert new.mark == "given"


def test_every_shipped_yield_is_sourced_and_a_missing_one_names_the_known() -> None:
    """Law: no yield without region, vintage, product and source."""
    assert all(one.source and one.vintage and one.mark in ("found", "unverified") for one in load_yields())
    with pytest.raises(InputError, match=r"known for the region.*fresh leaf 2018"):
        yield_factor("CO", "fresh leaf", "1999")
    with pytest.raises(InputError, match=r"(?s)-1.0 kg/ha.*no vintage"):
        YieldFactor(crop="coca", region="X", product="leaf", value=-1.0, vintage=" ", source="s")


def test_cannabis_of_morocco_2003() -> None:
    """Published: 134,000 ha, 47,000 t of raw cannabis, 3,080 t of resin, 6.55 % of the raw weight."""
    area = hectares(134_000, quantity=replace(COCA, crop="cannabis", reference="2003"))
    raw = production(area, yield_factor("MA Rif", "raw cannabis", "2003"))
    resin = production(area, yield_factor("MA Rif", "cannabis resin", "2003"))
    assert (raw.value, resin.value) == pytest.approx((47_000, 3_080))
    assert resin.value / raw.value == pytest.approx(0.0655, abs=5e-5)
    assert raw.quantity is not None
    assert raw.quantity.unit == "t raw cannabis"


def test_colombia_2019_harvested_area_is_not_the_census() -> None:
    """Published: 993,107 t at 5.8 t/ha imply 171,225 ha harvested while 154,475 ha stood: 10.8 % more."""
    implied = implied_area_ha(Range.exactly(993_107), rounding_band("5.8") * Range.exactly(1000.0))
    assert implied_area_ha(Range.exactly(993_107), Range.exactly(5_800)).low == pytest.approx(171_225, abs=0.5)
    census = compare_areas(implied, Range.exactly(154_475), ("leaf", "census"))
    assert not census.agrees
    assert (census.ratio - 1) == pytest.approx(0.1084, abs=5e-4)
    product = implied_area_ha(rounding_band("1,137"), rounding_band("6.7"))
    assert compare_areas(implied, product, ("leaf", "product")).agrees
    assert implied_area_ha(Range.exactly(1_137), Range.exactly(6.7)).low == pytest.approx(169_701, abs=0.8)


@pytest.mark.parametrize(
    ("leaf_t", "t_ha", "census", "short"),
    [(977_400, 5.7, 169_018, 1.4), (993_107, 5.8, 154_475, 9.8), (997_300, 6.4, 142_783, 8.4)],
)
def test_census_times_yield_understates_leaf(leaf_t: float, t_ha: float, census: float, short: float) -> None:
    """Independent program: Colombia 2018-20, naive leaf falls short by 1.4, 9.8 and 8.4 %."""
    assert 100 * (1 - census * t_ha / leaf_t) == pytest.approx(short, abs=0.05)


def test_harvested_area_counts_lots_for_the_time_they_bear() -> None:
    """Literal: old lot all year; planted in January bears half; pulled up in July bore half; young lot nothing."""
    year = (date(2019, 1, 1), date(2020, 1, 1))
    planted = ["NaT", "2019-01-01", "NaT", "2019-10-01", "2018-07-02"]
    removed = ["NaT", "NaT", "2019-07-02", "NaT", "NaT"]
    months = load_parameters("yield_factors")["coca_harvest.months_to_first"].value

    def one(index: int) -> float:
        return harvested_area_ha(
            [10.0],
            planted[index : index + 1],
            removed[index : index + 1],
            year=year,
            months_to_first_harvest=months,
        )

    assert [one(i) for i in range(5)] == pytest.approx([10, 10 * 182 / 365, 10 * 182 / 365, 0, 10], abs=0.05)
    with pytest.raises(InputError, match="removed before it was planted"):
        harvested_area_ha([1.0], ["2019-05-01"], ["2019-01-01"], year=year, months_to_first_harvest=6)
    with pytest.raises(InputError, match="equal columns"):
        harvested_area_ha([1.0, 2.0], ["NaT"], ["NaT"], year=year, months_to_first_harvest=6)


def test_change_splits_without_remainder() -> None:
    """Law: area part and yield part add up to the change, whatever the regions."""
    rng = np.random.default_rng(0)
    a0, a1, y0, y1 = rng.uniform(1, 100, (4, 6))
    parts = decompose_change((a0, a1), (y0, y1))
    assert parts.area_t + parts.yield_t == pytest.approx(np.sum(a1 * y1 - a0 * y0) / 1000)
    assert decompose_change((a0, a0), (y0, y1)).area_t == 0
