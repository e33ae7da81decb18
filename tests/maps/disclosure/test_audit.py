"""What an attacker can infer from sums, and what is hidden against it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array

from maps.disclosure.audit import Knowledge, inferred, protect

INVESTMENT = np.array([[20.0, 50, 10], [8, 19, 22], [17, 32, 12]])
"""Table 1 of Fischetti and Salazar-Gonzalez (2001): investment by activity and region; 22 is confidential."""


def with_margins(table: NDArray[np.float64], *, half_width: float = 0.0) -> Knowledge:
    """Return a table with row, column and grand totals as rows over its cells."""
    height, width = table.shape
    cells = np.eye(table.size)
    by_row = np.kron(np.eye(height), np.ones(width))
    by_column = np.kron(np.ones(height), np.eye(width))
    rows = np.vstack([cells, by_row, by_column, np.ones(table.size)])
    most = np.full(table.size, 1e6)
    return Knowledge(rows=csr_array(rows), parts=table.ravel(), most=most, half_width=half_width)


def only(index: int, size: int) -> NDArray[np.bool_]:
    """Return a mask of one place."""
    return np.arange(size) == index


def test_one_hidden_cell_is_the_total_less_the_others() -> None:
    """Law: with its margins published, a single hidden cell is known exactly."""
    system = with_margins(INVESTMENT)
    width = inferred(system, ~only(5, 16), np.eye(9)[5])
    assert (width.lo, width.hi) == pytest.approx((22.0, 22.0), abs=1e-6)


def test_bounds_of_the_textbook_example() -> None:
    """By hand: with the corners around the cell of 22 hidden too, it can be anything from 5 to 30."""
    system = with_margins(INVESTMENT)
    hidden = np.isin(np.arange(16), [3, 5, 6, 8])
    width = inferred(system, ~hidden, np.eye(9)[5])
    # x23 + x33 = 34, x21 + x23 = 30, x21 + x31 = 25, x31 + x33 = 29, all >= 0
    assert (width.lo, width.hi) == pytest.approx((5.0, 30.0), abs=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_bounds_are_those_of_enumeration(seed: int) -> None:
    """Brute force: on small tables of whole numbers the bounds are those over all tables that fit."""
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 4, (2, 3)).astype(float)
    system = with_margins(table)
    hidden = np.concatenate([rng.random(6) < 0.6, np.zeros(6, dtype=bool)])
    target = int(rng.integers(6))
    unknown = int(hidden[:6].sum())
    if unknown <= 4:
        cells = np.repeat(table.reshape(-1, 1), 10**unknown, axis=1)
        cells[hidden[:6]] = np.indices((10,) * unknown).reshape(unknown, -1)
        known = np.flatnonzero(~hidden)
        fits = cells[target, (system.rows[known] @ cells == system.sums[known][:, None]).all(axis=0)]
        width = inferred(system, ~hidden, np.eye(6)[target])
        # transport polytopes have whole-numbered corners, so whole tables reach the bounds
        assert (width.lo, width.hi) == pytest.approx((min(fits), max(fits)), abs=1e-6)


def test_rounding_widens_what_can_be_inferred() -> None:
    """Law: figures known to a half on either side leave the hidden one a width of twice the sum of the halves."""
    system = with_margins(np.array([[20.0, 30.0]]), half_width=0.5)
    # rows: two cells, one row total, two column totals, grand total; the first cell and its column are hidden
    published = np.array([False, True, True, False, True, True])
    width = inferred(system, published, np.array([1.0, 0.0]))
    assert width.size == pytest.approx(2.0, abs=1e-6)


def test_margins_are_attacked_and_cells_added() -> None:
    """Law: after protection no hidden cell of a table with margins is known to within its own value."""
    system = with_margins(INVESTMENT)
    fixed = np.arange(16) >= 9
    hidden, still = protect([system], only(5, 16), fixed=fixed)
    assert not still
    assert hidden[5]
    assert hidden.sum() > 1
    for row in np.flatnonzero(hidden):
        assert inferred(system, ~hidden, np.eye(9)[row]).size >= INVESTMENT.ravel()[row] * (1 - 1e-6)


def test_without_complementary_cells_the_attack_succeeds() -> None:
    """Law (negative control): primary suppression alone is no protection."""
    system = with_margins(INVESTMENT)
    assert inferred(system, ~only(5, 16), np.eye(9)[5]).size < 1e-6


def test_what_cannot_be_protected_is_told() -> None:
    """Law: where everything else must be published the hidden cell stays open, and is named."""
    system = with_margins(INVESTMENT)
    _, still = protect([system], only(5, 16), fixed=~only(5, 16))
    assert still == [5]


def test_parts_between_published_sums_are_protected() -> None:
    """Law: a sliver that no row names, but two rows differ by, is a target like any other."""
    # two parts; the rows are their sum and the larger part, so their difference is the sliver
    system = Knowledge(
        rows=csr_array(np.array([[1.0, 1.0], [1.0, 0.0]])),
        parts=np.array([90.0, 3.0]),
        most=np.array([100.0, 100.0]),
    )
    none = np.zeros(2, dtype=bool)
    fixed = np.array([True, False])
    hidden, still = protect([system], none, fixed=fixed, targets=np.array([1]))
    assert hidden.tolist() == [False, True]
    assert not still
    assert protect([system], none, fixed=fixed)[0].tolist() == [False, False]
    # where both sums must be published nothing protects it, and it is told as -1 less its number
    assert protect([system], none, fixed=np.array([True, True]), targets=np.array([1]))[1] == [-2]


def test_what_is_out_already_is_not_asked_for_again() -> None:
    """Law: a place that an earlier product told cannot be protected, and does not stop the present one."""
    table = with_margins(np.array([[20.0, 30.0]]))
    known = Knowledge(rows=table.rows, parts=table.parts, most=table.most, known=np.arange(6) == 0)
    hidden, still = protect([known], only(0, 6), fixed=np.arange(6) > 1)
    assert not still
    assert 0 in protect([table], only(0, 6), fixed=np.arange(6) > 1)[1]
    assert hidden[0]


def test_the_first_of_equal_sums_is_hidden() -> None:
    """Literal: beside 10, with 30, 10, 10 and 3, it is the first 10; beside 10 with 9, 9 and 3 the first 9."""
    rows = csr_array(np.vstack([np.eye(5), np.ones(5)]))
    for parts in ([10.0, 30.0, 10.0, 10.0, 3.0], [10.0, 3.0, 9.0, 9.0, 3.0]):
        system = Knowledge(rows=rows, parts=np.array(parts), most=np.full(5, 1e3))
        hidden, still = protect([system], only(0, 6), fixed=only(5, 6))
        assert np.flatnonzero(hidden).tolist() == [0, 2]
        assert not still


@pytest.mark.parametrize("first", [0.0, 10.0])
def test_a_place_is_protected_in_every_period(first: float) -> None:
    """Law: what is empty or safe in one period, since others are hidden, may be told in another: all are looked at.

    By hand: the smallest cover by the larger figure of both periods is the third place, 30 and 40 ha, not the
    second, 20 and 80 ha.
    """
    rows = csr_array(np.vstack([np.eye(3), np.ones(3)]))
    amounts = [np.array([first, 20.0, 30.0]), np.array([10.0, 80.0, 40.0])]
    land = [np.array([1e3, 1e3, 1e3])] * 2
    one, two = (Knowledge(rows=rows, parts=parts, most=most) for parts, most in zip(amounts, land, strict=True))
    for systems in ([one, two], [two, one]):
        hidden, still = protect(systems, only(0, 4), fixed=only(3, 4))
        assert hidden.tolist() == [True, False, True, False]
        assert not still
    # safe in the first period, whose total nobody knows
    wide = Knowledge(rows=rows, parts=amounts[1], most=land[0], half_width=50.0)
    assert protect([wide], only(0, 4), fixed=only(3, 4))[0].sum() == 1
    for systems in ([wide, two], [two, wide]):
        assert protect(systems, only(0, 4), fixed=only(3, 4))[0].tolist() == [True, False, True, False]


def test_a_cover_is_as_large_as_the_largest_period() -> None:
    """Literal: 2 and 15 ha are covered by 30 and 25 ha, not by 10 and 8; 1 ha alone is protected like others."""
    rows = csr_array(np.vstack([np.eye(3), np.ones(3)]))
    pairs = [np.array([2.0, 10.0, 30.0]), np.array([15.0, 8.0, 25.0])]
    for systems in (pairs, pairs[::-1]):
        known = [Knowledge(rows=rows, parts=parts, most=np.full(3, 1e3)) for parts in systems]
        assert protect(known, only(0, 4), fixed=only(3, 4))[0].tolist() == [True, False, True, False]
    one = Knowledge(rows=rows, parts=np.array([1.0, 10.0, 30.0]), most=np.full(3, 1e3))
    assert protect([one], only(0, 4), fixed=only(3, 4))[0].tolist() == [True, True, False, False]


def test_without_any_published_sum_land_alone_bounds_a_place() -> None:
    """Law: who sees nothing knows that a part is not negative and not larger than its land, if that is known."""
    system = with_margins(np.array([[20.0, 30.0]]))
    none, first = np.zeros(6, dtype=bool), np.array([1.0, 0.0])
    width = inferred(system, none, first)
    assert (width.lo, width.hi, width.size) == (0.0, 1e6, 1e6)
    assert width.binding.size == 0
    endless = Knowledge(rows=system.rows, parts=system.parts, most=np.array([np.inf, 1.0]))
    assert inferred(endless, none, first).hi == np.inf
    # a part that is larger than its land is told is no contradiction: the map knows land to a cell
    assert inferred(endless, none, np.array([0.0, 1.0])).hi == 30.0


def test_a_solver_that_gives_up_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: where no answer is found a place counts as known, and every row as one that tells it."""
    system = with_margins(np.array([[20.0, 30.0]]))

    def gives_up(*_: object, **__: object) -> object:
        return type("Result", (), {"status": 4})()

    monkeypatch.setattr("maps.disclosure.audit.linprog", gives_up)
    width = inferred(system, np.arange(6) != 0, np.array([1.0, 0.0]))
    assert (width.lo, width.hi) == (20.0, 20.0)
    assert width.binding.tolist() == [1, 2, 3, 4, 5]


def test_the_rows_that_tell_are_enough_to_tell() -> None:
    """Law (duality): an attacker who sees the binding rows alone knows as much as from all; no fewer do."""
    system = with_margins(INVESTMENT)
    hidden = np.isin(np.arange(16), [3, 5, 6, 8])
    target = np.eye(9)[5]
    width = inferred(system, ~hidden, target)
    seen = np.isin(np.arange(16), width.binding)
    assert seen.sum() < (~hidden).sum()
    assert inferred(system, seen, target).size == pytest.approx(width.size)
    for row in width.binding:
        assert inferred(system, seen & ~only(row, 16), target).size > width.size + 1


def test_a_hidden_nothing_needs_no_protection() -> None:
    """Law: a place without crop is empty, and hiding it takes no other with it."""
    system = with_margins(np.array([[0.0, 30.0], [4.0, 5.0]]))
    hidden, still = protect([system], only(0, 9), fixed=np.arange(9) >= 4)
    assert hidden.tolist() == only(0, 9).tolist()
    assert not still


def test_the_smallest_sum_that_is_large_enough_is_hidden_too() -> None:
    """Literal: beside 10, with 30, 12 and 3, it is the 12: 30 costs the reader more, and 3 is no cover."""
    rows = csr_array(np.vstack([np.eye(4), np.ones(4)]))
    parts = np.array([10.0, 30.0, 12.0, 3.0])
    system = Knowledge(rows=rows, parts=parts, most=np.full(4, 1e3))
    hidden, still = protect([system], only(0, 5), fixed=only(4, 5))
    assert hidden.tolist() == [True, False, True, False, False]
    assert not still
    # where only smaller ones may go, the largest of them goes
    small = Knowledge(rows=rows, parts=np.array([10.0, 4.0, 9.0, 3.0]), most=np.full(4, 1e3))
    hidden, still = protect([small], only(0, 5), fixed=only(4, 5))
    assert hidden.tolist() == [True, False, True, False, False]
    assert not still


@pytest.mark.parametrize("half_width", [0.5, 5.0])
def test_rounded_tables_are_protected_too(half_width: float) -> None:
    """Law: with sums known to half of the base, whatever it is, others are hidden until none is known closely."""
    system = with_margins(100 * INVESTMENT, half_width=half_width)
    hidden, still = protect([system], only(5, 16), fixed=np.arange(16) >= 9)
    assert not still
    assert hidden.sum() > 1
    for row in np.flatnonzero(hidden):
        assert inferred(system, ~hidden, np.eye(9)[row]).size >= system.parts[row] * (1 - 1e-6)


def test_what_earlier_products_left_just_wide_enough_is_kept_so() -> None:
    """Literal: 10 ha on 10 ha of land, known to lie in 0 to 10 from an old total, are not told by a new figure."""
    rows = csr_array(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    parts, most = np.array([10.0, 10.0]), np.array([10.0, 100.0])
    system = Knowledge(rows=rows, parts=parts, most=most, known=only(2, 3))
    hidden, still = protect([system], only(0, 3), fixed=only(2, 3))
    assert hidden.tolist() == [True, True, False]
    assert not still
