"""Change of published figures: the rounding rule, the table of significance, and changes of frame."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aoi.survey.estimate import Estimate
from aoi.survey.published import change_across_frames, change_from_bounds, percent_change
from geo.errors import InputError

AFGHANISTAN = {
    2010: (123_000, 104_000, 145_000),
    2011: (131_000, 109_000, 155_000),
    2012: (154_000, 125_000, 189_000),
    2013: (209_000, 173_000, 238_000),
    2014: (224_000, 196_000, 247_000),
    2015: (183_000, 163_000, 202_000),
}
"""Best, low and high in hectares, annex of the World Drug Report 2016."""


@pytest.mark.parametrize(
    ("year", "percent", "z", "verdict"),
    [
        (2010, 6.5, 0.51, "no significant change"),
        (2011, 17.6, 1.14, "no significant change"),
        (2012, 35.7, 2.36, "increase"),
        (2013, 7.2, 0.71, "no significant change"),
        (2014, -18.3, -2.50, "decrease"),
    ],
)
def test_significance_of_published_changes(year: int, percent: float, z: float, verdict: str) -> None:
    """Published: bounds of the World Drug Report 2016, normal approximation with independent years."""
    found = change_from_bounds(AFGHANISTAN[year], AFGHANISTAN[year + 1])
    assert round(found.percent, 1) == percent
    assert round(found.z, 2) == z
    assert found.verdict == verdict
    assert (found.p_value < 0.05) == (verdict != "no significant change")
    assert "independent" in found.method


def test_overlap_of_bounds_is_not_the_test() -> None:
    """Published: Afghanistan's bounds of 2012 and 2013 overlap and the change is significant."""
    assert AFGHANISTAN[2012][2] > AFGHANISTAN[2013][1]
    assert change_from_bounds(AFGHANISTAN[2012], AFGHANISTAN[2013]).verdict == "increase"


def test_bounds_that_cannot_be() -> None:
    """Law: bounds on the wrong side of the best estimate are refused; certain figures differ for certain."""
    with pytest.raises(InputError, match="low <= best <= high"):
        change_from_bounds((10.0, 11.0, 12.0), (10.0, 9.0, 12.0))
    sure = change_from_bounds((10.0, 10.0, 10.0), (12.0, 12.0, 12.0))
    assert (sure.z, sure.p_value, sure.verdict) == (math.inf, 0.0, "increase")
    assert change_from_bounds((10.0, 10.0, 10.0), (10.0, 10.0, 10.0)).verdict == "no significant change"


@pytest.mark.parametrize(
    ("earlier", "later", "decimals", "rounded_first", "rounded_last"),
    [(171_495, 169_018, 1, -1.2, -1.4), (154_475, 142_783, 0, -7.0, -8.0)],
)
def test_both_rounding_rules(
    earlier: float, later: float, decimals: int, rounded_first: float, rounded_last: float
) -> None:
    """Published: Colombia 2018 (-1.2 %) and 2020 (-7 %) follow from rounded thousands, not from exact figures."""
    first = percent_change(earlier, later, rule="round_then_change", decimals=decimals)
    assert float(first) == rounded_first
    assert float(percent_change(earlier, later, decimals=decimals)) == rounded_last


def test_the_base_is_the_earlier_year() -> None:
    """Published: 54,655 to 61,777 ha is +13.0 %, not the +11.5 % that division by the later year gives."""
    assert float(percent_change(54_655, 61_777)) == 13.0


def test_no_percent_of_nothing() -> None:
    """Law: from zero or a missing figure no percentage exists; an unknown rule is refused."""
    assert np.isnan(percent_change([0.0, np.nan, 5.0], [1.0, 1.0, np.nan])).all()
    with pytest.raises(InputError, match="rounding rule"):
        percent_change(1, 2, rule="floor")  # type: ignore[arg-type]


def figure(value: float, half: float) -> Estimate:
    """Return a figure with a symmetric interval."""
    return Estimate(value=value, se=half / 1.96, lo=value - half, hi=value + half, n=300, method="published")


def test_a_change_of_frame_is_not_a_change_of_crop() -> None:
    """Published: Myanmar 2017 to 2018 is -12.0 % like for like though the printed totals fell by 9 %."""
    found = change_across_frames(
        figure(41_000.0, 11_000.0), figure(36_100.0, 9_000.0), entered=figure(1_200.0, 500.0)
    )
    assert round(found.percent, 1) == -12.0
    assert round(found.headline_percent, 1) == -9.0
    assert found.like_for_like.verdict == "no significant change"
    assert found.like_for_like.difference.value == pytest.approx(-4_900.0, rel=1e-12)
    assert (found.entered_ha, found.left_ha) == (1_200.0, 0.0)


def test_a_dropped_region_belongs_to_the_headline_only() -> None:
    """Law: what the later survey no longer covers lowers the printed total and not the crop."""
    found = change_across_frames(figure(100.0, 1.0), figure(100.0, 1.0), left=figure(25.0, 1.0))
    assert found.percent == 0.0
    assert found.headline_percent == pytest.approx(-20.0, rel=1e-12)
    with pytest.raises(InputError, match="positive figure to be the base"):
        change_across_frames(figure(0.0, 1.0), figure(100.0, 1.0))
