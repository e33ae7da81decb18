"""Published figures: sums of like quantities, asymmetric limits, empty cells, carry-forward."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from aoi.survey.addition import estimate_with_interval, mover_limits, require_alike, sum_estimates
from aoi.survey.estimate import CellState, Estimate, Quantity
from aoi.survey.figure import CARRIED_FORWARD, INCOMPLETE, Figure, carry_forward, figure_of, read_cell, subtotal
from geo.errors import InputError, QualityGateError

POPPY = Quantity(crop="opium_poppy", kind="harvestable", reference="2014", source="WDR", vintage="2016")


def poppy(domain: str, best: float | None, year: str = "2014", state: CellState = CellState.ESTIMATED) -> Figure:
    """Return a poppy figure of one country and year."""
    return Figure(domain=domain, quantity=replace(POPPY, reference=year), state=state, best=best)


def estimate(value: float, lo: float, hi: float, se: float = 1.0) -> Estimate:
    """Return a poppy estimate with these limits."""
    return Estimate(value=value, se=se, lo=lo, hi=hi, n=10, method="m").of(POPPY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("crop", "coca"),
        ("kind", "stock"),
        ("reference", "2015"),
        ("unit", "t sun-dried leaf"),
        ("frame", "Shan"),
        ("source", "Alcis"),
        ("vintage", "2020"),
    ],
)
def test_unlike_quantities_never_add(field: str, value: str) -> None:
    """Law: a figure that differs in any part of its meaning is refused by the name of that part."""
    other = estimate(1, 0, 2).of(replace(POPPY, **{field: value}))  # type: ignore[arg-type]
    with pytest.raises(QualityGateError, match=rf"quantity\.{field}: found"):
        sum_estimates([estimate(1, 0, 2), other])


def test_fresh_and_sun_dried_leaf_are_refused() -> None:
    """Law: leaf in two moisture states is two quantities."""
    fresh = Quantity(crop="coca", kind="harvestable", reference="2005", unit="t fresh leaf")
    with pytest.raises(QualityGateError, match="'t fresh leaf' and 't sun-dried leaf'"):
        require_alike([fresh, replace(fresh, unit="t sun-dried leaf")])


def test_a_figure_without_meaning_is_unlike_every_other() -> None:
    """Law: None is not a wildcard."""
    bare = Estimate(value=1, se=1, lo=0, hi=2, n=1, method="m")
    with pytest.raises(QualityGateError, match="does not say what it is of"):
        sum_estimates([bare, estimate(1, 0, 2)])


def test_named_fields_may_be_added_across_and_the_sum_lists_them() -> None:
    """Law: adding over sources is possible only by name, and the total says so."""
    other = estimate(2, 1, 4).of(replace(POPPY, source="Alcis"))
    total = sum_estimates([estimate(1, 0, 2), other], across=["source"])
    assert total.quantity is not None
    assert total.quantity.source == "WDR + Alcis"


def test_sum_keeps_asymmetry_and_adds_errors_in_squares() -> None:
    """Law: limits 3-4-5 below and 6-8-10 above; standard errors 3-4-5."""
    total = sum_estimates([estimate(10, 7, 16, se=3), estimate(20, 16, 28, se=4)])
    assert (total.value, total.lo, total.hi, total.se, total.n) == (30, 25, 40, 5, 20)
    wrong = sum_estimates([estimate(10, 7, 17, se=3), estimate(20, 16, 28, se=4)])
    assert wrong.hi != total.hi


def test_sum_of_one_is_itself_and_flags_travel() -> None:
    """Law: adding nothing changes nothing but the method."""
    one = estimate(10, 7, 16).flagged("LOW_COUNT")
    total = sum_estimates([one])
    assert (total.value, total.se, total.lo, total.hi, total.flags) == (10, 1, 7, 16, ("LOW_COUNT",))


def test_levels_do_not_mix_and_nothing_cannot_be_added() -> None:
    """Law: a 90 % limit and a 95 % limit make no common limit."""
    with pytest.raises(QualityGateError, match="different levels"):
        sum_estimates([estimate(1, 0, 2), replace(estimate(1, 0, 2), level=0.9)])
    with pytest.raises(QualityGateError, match="nothing to add"):
        sum_estimates([])


def test_mover_limits_of_zou_and_donner() -> None:
    """Law: for symmetric parts the recovered limits are those of the normal sum."""
    lo, hi = mover_limits(0.0, [1.96 * 3, 1.96 * 4], [1.96 * 3, 1.96 * 4])
    assert (lo, hi) == pytest.approx((-9.8, 9.8), rel=1e-15)


def test_interval_stays_within_what_is_possible() -> None:
    """Law: no limit below the floor or above the ceiling; a value outside them is a fault."""
    made = estimate_with_interval(5.0, 10.0, n=3, method="x", within=(0.0, 12.0))
    assert (made.lo, made.hi) == (0.0, 12.0)
    with pytest.raises(QualityGateError, match="cannot lie outside"):
        estimate_with_interval(-1.0, 1.0, n=3, method="x", within=(0.0, 12.0))


def test_asymmetric_published_bounds_are_kept() -> None:
    """Published: Myanmar 2014, 57,600 (41,400 to 87,300) ha, World Drug Report 2016."""
    myanmar = Figure(domain="MM", quantity=POPPY, best=57_600, low=41_400, high=87_300)
    assert myanmar.half_widths == (16_200, 29_700)
    with pytest.raises(QualityGateError, match="no stated level"):
        myanmar.standard_error()
    assert myanmar.standard_error(0.95) == pytest.approx(45_900 / 3.92, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "state", "number"),
    [
        (None, CellState.MISSING, None),
        ("..", CellState.MISSING, None),
        ("--", CellState.MISSING, None),
        ("Not known", CellState.MISSING, None),
        ("not surveyed", CellState.NOT_SURVEYED, None),
        ("suppressed", CellState.SUPPRESSED, None),
        ("-", CellState.ZERO, 0.0),
        ("0.0", CellState.ZERO, 0.0),
        ("<100", CellState.BELOW_THRESHOLD, None),
        ("57,600", CellState.ESTIMATED, 57_600.0),
        ("1 234 567.5", CellState.ESTIMATED, 1_234_567.5),
    ],
)
def test_cells_are_read_into_their_states(text: str | None, state: CellState, number: float | None) -> None:
    """Published: signs of the World Drug Report and questionnaire; an absent field is not zero."""
    assert read_cell(text) == (state, number)


@pytest.mark.parametrize("text", ["12,5", "-5", "1,23,456", "about 300", "nan"])
def test_what_is_not_a_number_is_refused(text: str) -> None:
    """Law: a decimal comma never becomes a number ten times as large."""
    with pytest.raises(InputError, match="table cell"):
        read_cell(text)


def test_empty_cells_hold_no_number_and_zero_holds_one() -> None:
    """Law: none of the five empty states but zero can be computed with."""
    assert poppy("X", None, state=CellState.ZERO).value == 0.0
    for state in set(CellState) - {CellState.ZERO, CellState.ESTIMATED}:
        with pytest.raises(QualityGateError, match="is not a number"):
            _ = poppy("X", None, state=state).value
        with pytest.raises(InputError, match="in a cell that is"):
            poppy("X", 3.0, state=state)
    with pytest.raises(InputError, match="cell that is zero"):
        poppy("X", 3.0, state=CellState.ZERO)
    with pytest.raises(InputError, match="give the cell its state"):
        poppy("X", None)
    with pytest.raises(InputError, match="this order"):
        Figure(domain="X", quantity=POPPY, best=5.0, low=6.0, high=9.0)


@pytest.mark.parametrize(("bests", "total"), [((57_800, 3_900, 265), 61_965), ((51_000, 6_800, 209), 58_009)])
def test_subtotals_are_exact_sums_of_bests(bests: tuple[float, ...], total: float) -> None:
    """Published: South-East Asia 2013 and 2012 in the World Drug Report 2016."""
    assert subtotal([poppy(f"C{i}", best) for i, best in enumerate(bests)], "SEA").value == total


@pytest.mark.parametrize(
    ("year", "bests", "total"), [("2014", (57_600, 6_200), 64_065), ("2015", (55_500, 5_700), 61_465)]
)
def test_missing_country_is_carried_forward_with_a_flag(year: str, bests: tuple[float, ...], total: float) -> None:
    """Published: Thailand is '..' in 2014 and 2015, and the subtotals hold its 265 ha of 2013."""
    thailand = poppy("TH", None, year, CellState.MISSING)
    history = [poppy("TH", 209, "2012"), poppy("TH", 265, "2013"), poppy("LA", 3_900, "2013")]
    filled = carry_forward(thailand, history, oldest="2010")
    made = subtotal([poppy("MM", bests[0], year), poppy("LA", bests[1], year), filled], "SEA")
    assert made.value == total
    assert CARRIED_FORWARD in made.flags
    assert filled.carried_from == "2013"
    assert filled.quantity.reference == year


def test_nothing_is_carried_into_suppressed_cells_nor_from_too_long_ago_nor_twice() -> None:
    """Law: carry-forward fills only what is missing, from within its limit, and never from a carried figure."""
    history = [poppy("TH", 265, "2009")]
    hidden = poppy("TH", None, state=CellState.SUPPRESSED)
    assert carry_forward(hidden, history, oldest="2000") is hidden
    missing = poppy("TH", None, state=CellState.MISSING)
    assert carry_forward(missing, history, oldest="2010") is missing
    filled = carry_forward(missing, history, oldest="2000")
    later = poppy("TH", None, "2015", CellState.MISSING)
    assert carry_forward(later, [filled], oldest="2000") is later


def test_total_refuses_an_empty_cell_or_names_it_incomplete() -> None:
    """Law: a missing country is not a zero in a total."""
    cells = [poppy("MM", 57_600), poppy("TH", None, state=CellState.MISSING)]
    with pytest.raises(QualityGateError, match="cell TH: found missing"):
        subtotal(cells, "SEA")
    assert INCOMPLETE in subtotal(cells, "SEA", empty="omit").flags
    with pytest.raises(QualityGateError, match="no cell to add"):
        subtotal([], "SEA")


def test_subtotal_has_limits_only_where_every_part_has_them() -> None:
    """Law: limits are recovered from the parts or not printed at all."""
    one = Figure(domain="A", quantity=POPPY, best=10, low=7, high=16, level=0.95)
    two = Figure(domain="B", quantity=POPPY, best=20, low=16, high=28, level=0.95)
    whole = subtotal([one, two, poppy("Z", None, state=CellState.ZERO)], "AB")
    assert (whole.low, whole.high, whole.level) == (25, 40, 0.95)
    partial = subtotal([one, poppy("C", 5.0)], "AC")
    assert (partial.low, partial.high) == (None, None)
    mixed = subtotal([one, replace(two, level=0.9)], "AB")
    assert mixed.low is None


def test_figure_of_an_estimate_keeps_limits_and_demands_meaning() -> None:
    """Law: an estimate is printed with what it is of, or not at all."""
    made = figure_of(estimate(10, 7, 16), "MM", published="2016-06-23")
    assert (made.best, made.low, made.high, made.level) == (10, 7, 16, 0.95)
    assert math.isclose(made.standard_error(), 9 / 3.919928, rel_tol=1e-6)
    with pytest.raises(QualityGateError, match="without its quantity"):
        figure_of(replace(estimate(1, 0, 2), quantity=None), "MM")
