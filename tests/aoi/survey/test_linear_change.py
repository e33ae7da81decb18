"""Limits of a change from differences of units: a loss mirrors a gain, and what was not seen is not certain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aoi.survey.cluster import simple_random
from aoi.survey.linear_change import change_figure, national_change
from aoi.survey.linearised import Linearised, total
from geo.errors import InputError

GAINS = np.array([0.0] * 30 + [4.0, 7.0, 1.0, 9.0, 2.0, 2.0, 5.0, 3.0, 6.0, 20.0])


def difference(units: np.ndarray, population: int = 400) -> Linearised:
    """Return the total of units' differences in a simple random sample."""
    return total(simple_random(units.size, population), units)


def unlike(n: int, level: float) -> float:
    """Return the share of a frame that a sample of n alike units can have missed (Clopper and Pearson)."""
    return float(1 - ((1 - level) / 2) ** (1 / n))


@pytest.mark.parametrize("units", [GAINS, GAINS - 3.0, np.full(40, 2.0)], ids=["gains", "both", "all alike"])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_loss_is_a_gain_in_a_mirror(units: np.ndarray, level: float) -> None:
    """Law: with the sign of every unit turned, value and limits turn, and nothing else changes."""
    gain = change_figure(difference(units), level=level, most=9000.0)
    loss = change_figure(difference(-units), level=level, most=9000.0)
    assert (loss.value, loss.lo, loss.hi) == pytest.approx((-gain.value, -gain.hi, -gain.lo))
    assert (loss.se, loss.level, loss.flags) == (gain.se, level, gain.flags)
    assert gain.lo < gain.value < gain.hi


def test_gains_that_were_seen_do_not_bound_the_change_from_below() -> None:
    """Literal: one changed unit of forty, 400 in the frame: 10 ha times 10, and the limit lies far below 10."""
    units = np.where(np.arange(40) == 7, 10.0, 0.0)
    figure = change_figure(difference(units), level=0.95, most=9000.0)
    assert figure.value == pytest.approx(100.0)
    assert figure.lo < 0 < figure.hi
    assert total(simple_random(40, 400), units).floor == 10.0


def test_where_nothing_changed_both_ends_say_what_can_have_been_missed() -> None:
    """By hand: no unit of 40 changed: at most 1 - 0.025^(1/40) of 9,000 ha did, either way; within the frame."""
    figure = change_figure(difference(np.zeros(40)), level=0.95, most=9000.0)
    most = unlike(40, 0.95) * 9000
    assert (figure.value, figure.lo, figure.hi) == pytest.approx((0.0, -most, most))
    rising = change_figure(difference(np.full(40, 20.0), 400), level=0.95, most=8000.0)
    assert rising.value == pytest.approx(8000.0)
    assert rising.hi == pytest.approx(8000.0)  # no change is larger than the frame
    assert rising.lo == pytest.approx(8000.0 - unlike(40, 0.95) * 16_000)


def test_no_change_is_larger_than_the_frame() -> None:
    """Law: both limits stay within the hectares of the frame, though the sample alone would go beyond."""
    wild = np.where(np.arange(40) % 2, 30.0, -28.0)
    figure = change_figure(difference(wild), level=0.95, most=3000.0)
    assert (figure.lo, figure.hi) == (-3000.0, 3000.0)


def test_provinces_add_and_one_without_change_widens_both_ends() -> None:
    """By hand: values and variances add; what two provinces can have missed adds in squares, on either side."""
    one, other = difference(GAINS), difference(np.zeros(30))
    both = national_change({"a": (one, 9000.0), "b": (other, 6000.0)}, country=["a", "b"], level=0.95)
    own = change_figure(one, level=0.95, most=9000.0)
    missed = unlike(30, 0.95) * 6000
    assert both.value == pytest.approx(one.value)
    assert both.se == pytest.approx(one.se)
    assert both.lo == pytest.approx(own.value - math.hypot(own.value - own.lo, missed))
    assert both.hi == pytest.approx(own.value + math.hypot(own.hi - own.value, missed))
    two = national_change({"a": (one, 9000.0), "b": (one, 9000.0)}, country=["a", "b"], level=0.95)
    assert (two.value, two.se) == pytest.approx((2 * one.value, math.sqrt(2) * one.se))
    assert two.method.startswith("national change of 2 provinces")


def test_a_census_of_a_province_widens_nothing() -> None:
    """Law: a province whose every unit was seen, without change, has missed none."""
    one, census = difference(GAINS), difference(np.zeros(30), 30)
    alone = national_change({"a": (one, 9000.0)}, country=["a"], level=0.95)
    both = national_change({"a": (one, 9000.0), "b": (census, 6000.0)}, country=["a", "b"], level=0.95)
    assert (both.lo, both.hi) == pytest.approx((alone.lo, alone.hi), rel=0.02)


def test_a_province_left_out_is_named() -> None:
    """Law: a country of three provinces is not the sum of one."""
    with pytest.raises(InputError) as caught:
        national_change({"a": (difference(GAINS), 9000.0)}, country=["a", "b", "c"], level=0.95)
    assert [problem.where for problem in caught.value.problems] == ["province 'b'", "province 'c'"]
