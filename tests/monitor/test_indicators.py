"""The tidy table of indicators: its columns, its parts, and figures that stand in it twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aoi.harm.result import HarmKey, HarmRow, absent_row
from geo.errors import InputError
from monitor.indicators import (
    COLUMNS,
    indicator_table,
    joined,
    part_path,
    read_part,
    rows_of_harms,
    write_part,
)

CONTRACT = "indicator,domain,period,value,lo,hi,unit,direct_or_indirect,grade,method,n_draws,seed"


def row(indicator: str = "A1", domain: str = "frame", value: float = 1.5) -> dict[str, object]:
    """Return a row of the table."""
    return {"indicator": indicator, "domain": domain, "period": "2024", "value": value, "unit": "ha"}


def test_columns_begin_with_the_contract() -> None:
    """Contract: the run folder's columns, in order, before any other."""
    assert ",".join(COLUMNS).startswith(CONTRACT + ",")


def test_a_part_comes_back_as_it_was(tmp_path: Path) -> None:
    """Law: writing and reading keeps codes with zeros, empty texts and missing numbers."""
    table = indicator_table([row(domain="05001"), row("A2", value=float("nan"))])
    write_part(table, tmp_path, "ad")
    again = read_part(part_path(tmp_path, "ad"))
    assert again["domain"].tolist() == ["05001", "frame"]
    assert again["sex"].tolist() == ["", ""]
    assert again["value"].isna().tolist() == [False, True]
    assert again.equals(table)


def test_parts_join_in_order_and_no_figure_stands_twice() -> None:
    """Law: the joined table is the parts one under the other; a repeated figure is refused by name."""
    one, other = indicator_table([row()]), indicator_table([row("D1")])
    assert joined([one, other])["indicator"].tolist() == ["A1", "D1"]
    with pytest.raises(InputError, match="A1 frame 2024 ha twice"):
        joined([one, one])


def test_a_row_that_waits_for_another_step_gives_way_to_it() -> None:
    """Law: the reason why the net effect is not here goes once the step that makes it has written one."""
    waiting = row("A2") | {"value": float("nan"), "state": "not_computed", "reason": "needs the step impact"}
    one, other = indicator_table([waiting, row("A1")]), indicator_table([row("A2", value=-3.0)])
    assert joined([one])["indicator"].tolist() == ["A2", "A1"]
    both = joined([one, other])
    assert both["indicator"].tolist() == ["A1", "A2"]
    assert both["value"].tolist() == [1.5, -3.0]


def test_a_column_that_nobody_knows_is_refused() -> None:
    """Law: a misspelt column is told, not dropped."""
    with pytest.raises(InputError, match="columns valeu"):
        indicator_table([{"indicator": "A1", "valeu": 1.0}])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lo": 2.0, "hi": 3.0}, "outside its interval"),
        ({"state": "not_computed", "reason": "no input"}, "a number that was not computed"),
        ({"state": "not_estimable", "value": float("nan")}, "no reason"),
    ],
)
def test_a_row_that_says_two_things_is_refused(changes: dict[str, object], told: str) -> None:
    """Law: an interval holds its figure; a row without a figure has no number and a reason."""
    with pytest.raises(InputError, match=told):
        joined([indicator_table([row() | changes])])


def test_small_shares_keep_their_digits(tmp_path: Path) -> None:
    """Law: a share of a billionth is not written as zero."""
    write_part(indicator_table([row(value=1.25e-9)]), tmp_path, "harm")
    assert read_part(part_path(tmp_path, "harm"))["value"].tolist() == [1.25e-9]


def test_rows_of_harms_keep_what_they_are() -> None:
    """Law: crop, part, state and reason of a harm stand in the table; a missing figure is empty, not zero."""
    key = HarmKey("D1", "frame", "2024", "ha", "direct", "B", "test/1", crop="coca", part="window:1")
    table = rows_of_harms([absent_row(key, "not_computed", "no input")], level=0.9)
    assert table[["crop", "part", "state", "reason", "level"]].to_numpy().tolist() == [
        ["coca", "window:1", "not_computed", "no input", 0.9]
    ]
    assert table["value"].isna().all()
    assert table["flags"].isna().all() or (table["flags"] == "").all()
    told = replace(key, indicator="D1", part="")
    row = HarmRow(key=told, state="computed", value=2.0, lo=1.0, hi=3.0, n_draws=0, seed=0)
    indirect = replace(row, key=replace(told, share="indirect"))
    low = rows_of_harms(
        [row, indirect, replace(row, key=replace(told, period="2021"))], level=0.95, low={("coca", "2024")}
    )
    assert low["flags"].fillna("").tolist() == ["LOW_COUNT", "", ""]
