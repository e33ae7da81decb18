"""Conversion ranges: interval arithmetic against the World Drug Report, and rounding bands."""

from __future__ import annotations

import pytest

from aoi.survey.conversion import Range, conversion_range, processed, rounding_band
from geo.errors import InputError, QualityGateError

WDR_2020 = {
    "2017": (10_270, (1_100, 1_400), (8_870, 9_170), (677, 1_027)),
    "2018": (7_618, (1_225, 1_525), (6_093, 6_393), (468, 718)),
    "2019": (7_606, (1_180, 1_480), (6_126, 6_426), (472, 722)),
}


@pytest.mark.parametrize("year", WDR_2020)
def test_opium_to_heroin_table(year: str) -> None:
    """Published: World Drug Report 2020 table 3, processed = [total - high, total - low], then heroin."""
    total, kept, used, heroin = WDR_2020[year]
    left = processed(Range.exactly(total), Range(*kept))
    assert (left.low, left.high) == used
    made = left * conversion_range("dry opium", "heroin", year).range
    assert (made.low, made.high) == pytest.approx(heroin, rel=1e-12)
    wrong = processed(Range.exactly(total + 1), Range(*kept))
    assert (wrong.low, wrong.high) != used


def test_range_arithmetic_holds_every_pair() -> None:
    """Brute force: every result of two members lies in the range of results, and its ends are reached."""
    first, second = Range(-2.0, 3.0), Range(0.5, 4.0)
    for name in ("__add__", "__sub__", "__mul__", "__truediv__"):
        made = getattr(first, name)(second)
        results = [getattr(a, name)(b) for a in (-2.0, -1.0, 0.0, 1.5, 3.0) for b in (0.5, 1.0, 2.5, 4.0)]
        assert (min(results), max(results)) == pytest.approx((made.low, made.high))


def test_ranges_refuse_what_has_no_answer() -> None:
    """Law: ends in order, no division by a range holding zero, no more held back than there is."""
    with pytest.raises(InputError, match="the lower first"):
        Range(2.0, 1.0)
    with pytest.raises(QualityGateError, match="holds zero cannot divide"):
        Range(1.0, 2.0) / Range(-1.0, 1.0)
    with pytest.raises(QualityGateError, match="no more than the total"):
        processed(Range.exactly(100), Range(50, 120))
    with pytest.raises(InputError, match="dry opium to heroin, 2018"):
        conversion_range("dry opium", "heroin", "2016")


@pytest.mark.parametrize(
    ("area", "step", "kg_ha", "tonnes", "tonnes_step"),
    [
        ("123,000", 1000, "56.1", "6,900", 100),
        ("123,000", 1000, "29.2", "3,600", 100),
        ("131,000", 1000, "44.5", "5,800", 100),
        ("328,000", 1000, "27.3", "9,000", 100),
        ("177,000", 1000, "38.5", "6,800", 100),
        ("233,000", 1000, "26.7", "6,200", 100),
        ("24,100", 100, "20.8", "504", 1),
    ],
)
def test_published_area_times_yield_meets_published_production(
    area: str, step: float, kg_ha: str, tonnes: str, tonnes_step: float
) -> None:
    """Published: Afghanistan 2009-11, 2017, 2021, 2022 and Mexico 2019-20, within their rounding bands."""
    made = rounding_band(area, step) * rounding_band(kg_ha) / Range.exactly(1000.0)
    assert made.meets(rounding_band(tonnes, tonnes_step))
    assert not made.meets(rounding_band(str(1.2 * float(tonnes.replace(",", ""))), tonnes_step))


def test_rounding_band_needs_a_number() -> None:
    """Law: what was printed must be a number."""
    assert rounding_band("6,900", 100) == Range(6850.0, 6950.0)
    with pytest.raises(InputError, match="a number"):
        rounding_band("about 6,900")
