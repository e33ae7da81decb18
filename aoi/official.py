"""Cultivation figures as an authority publishes them: read right, added with their gaps told, compared honestly.

Such figures come without an interval. They are therefore no `Estimate`; a difference of two of them has no
significance, and every table that holds them says so (`NO_INTERVAL`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from aoi.official_table import RawTable, TableLayout, read_cells
from aoi.survey.estimate import CellState, Quantity
from aoi.survey.figure import INCOMPLETE, Figure
from aoi.survey.published import RoundingRule, percent_change
from geo.errors import InputError, Problem

__all__ = [
    "NOT_TESTABLE",
    "NO_INTERVAL",
    "OfficialSeries",
    "change_table",
    "control_problems",
    "read_series",
    "roll_up",
    "source_differences",
    "sum_cells",
    "total",
]

NO_INTERVAL = "published without interval"
"""Said beside every figure of an authority that gave none."""

NOT_TESTABLE = "not testable"
"""Verdict on a difference of two such figures: without intervals nobody can say whether it is one."""

_NUMBERED = (CellState.ESTIMATED.value, CellState.ZERO.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialSeries:
    """Figures by unit and period.

    Examples
    --------
    >>> cells = pandas.DataFrame({"code": ["05001"], "name": ["A"], "parent": ["05"], "parent_name": ["B"],
    ...                           "period": ["2023"], "state": ["estimated"], "value_ha": [12.5]})
    >>> meaning = Quantity(crop="coca", kind="stock", reference="{period}-12-31", source="ministry")
    >>> series = OfficialSeries(cells=cells, quantity=meaning)
    >>> series.quantity_of("2023").reference, series.figures("2023")[0].value
    ('2023-12-31', 12.5)
    """

    cells: Any
    """DataFrame: code, name, parent, parent_name, period, state, value_ha (NaN in an empty cell) and, in sums,
    empty_cells (how many cells without a number were left out)."""
    quantity: Quantity
    """What the figures are of; ``{period}`` in its reference stands for the period."""

    @property
    def periods(self) -> tuple[str, ...]:
        """Periods in order."""
        return tuple(sorted(self.cells["period"].unique()))

    def quantity_of(self, period: str) -> Quantity:
        """Return what the figures of one period are of."""
        return replace(self.quantity, reference=self.quantity.reference.replace("{period}", period))

    def of(self, period: str) -> Any:
        """Return the cells of one period, by row of the table.

        Raises
        ------
        InputError
            If the series has no such period.
        """
        if period not in self.periods:
            have = f"{self.periods[0]} to {self.periods[-1]}"
            raise InputError(Problem("official series", f"no period {period!r}", f"one of {have}"))
        return self.cells[self.cells["period"] == period].reset_index(drop=True)

    def figures(self, period: str) -> tuple[Figure, ...]:
        """Return the figures of one period, each with its state and without limits."""
        quantity, table = self.quantity_of(period), self.of(period)
        left_out = table["empty_cells"] if "empty_cells" in table else [0] * len(table)
        return tuple(
            Figure(
                domain=code,
                quantity=quantity,
                state=CellState(state),
                best=None if math.isnan(value) else value,
                flags=(INCOMPLETE,) if empty else (),
            )
            for code, state, value, empty in zip(
                table["code"], table["state"], table["value_ha"], left_out, strict=True
            )
        )

    def matrix(self) -> tuple[list[str], NDArray[np.float64]]:
        """Return the codes and the hectares by unit and period, shape (units, periods); NaN where no number."""
        wide = self.cells.pivot(index="code", columns="period", values="value_ha").sort_index()
        return list(wide.index), wide.to_numpy(dtype=np.float64)


def read_series(raw: RawTable, layout: TableLayout, quantity: Quantity) -> OfficialSeries:
    """Read an authority's table.

    Parameters
    ----------
    raw
        The table (`aoi.official_table.read_table`).
    layout
        Its columns, number formats and symbols.
    quantity
        What the figures are of, with ``{period}`` in its reference.

    Returns
    -------
    OfficialSeries

    Raises
    ------
    InputError
        Naming every missing column, wrong code and unreadable cell.
    """
    return OfficialSeries(cells=read_cells(raw, layout), quantity=quantity)


def roll_up(series: OfficialSeries) -> OfficialSeries:
    """Return the sums by the unit above; empty cells are left out and counted.

    A sum is zero only where every unit is known to be zero.
    """
    renamed = series.cells.assign(code=series.cells["parent"], name=series.cells["parent_name"])
    return replace(series, cells=sum_cells(renamed.assign(parent="", parent_name="")))


def total(series: OfficialSeries, *, code: str, name: str) -> OfficialSeries:
    """Return the sums of all units, as one unit of the code and name given; gaps as in `roll_up`."""
    return replace(series, cells=sum_cells(series.cells.assign(code=code, name=name, parent="", parent_name="")))


def control_problems(
    totals: OfficialSeries, stated_ha: Mapping[str, float], *, tolerance_ha: float
) -> list[Problem]:
    """Return every period whose sum is not the total that the authority states.

    Parameters
    ----------
    totals
        The sums of all units (`total`).
    stated_ha
        Stated total by period.
    tolerance_ha
        Largest difference that rounding explains.
    """
    sums = dict(zip(totals.cells["period"], totals.cells["value_ha"], strict=True))
    problems = []
    for period, stated in sorted(stated_ha.items()):
        if period not in sums:
            problems.append(Problem("control total", f"no column for {period}", "a period of the table"))
        elif not abs(sums[period] - stated) <= tolerance_ha:
            found = f"a sum of {sums[period]:,.1f} ha in {period}"
            expected = f"{stated:,.1f} ha within {tolerance_ha:g} ha"
            problems.append(
                Problem("control total", found, expected, "check number formats, missing rows and vintage")
            )
    return problems


def change_table(
    series: OfficialSeries,
    earlier: str,
    later: str,
    *,
    rule: RoundingRule = "change_then_round",
) -> Any:
    """Return the change of every unit between two periods.

    Parameters
    ----------
    series
        Units, their parents, or the total.
    earlier, later
        Periods.
    rule
        Whether the percentage is that of the exact figures, or of figures rounded to thousands as press releases
        give it.

    Returns
    -------
    DataFrame
        Columns code, name, from_ha, to_ha, difference_ha, percent (NaN where they cannot be had) and
        reading, a sentence that claims no more than the figures carry.
    """
    before, after = series.of(earlier), series.of(later)
    pair = before.merge(after, on=["code", "name", "parent", "parent_name"], suffixes=("_from", "_to"))
    table = pandas.DataFrame(
        {
            "code": pair["code"],
            "name": pair["name"],
            "from_ha": pair["value_ha_from"],
            "to_ha": pair["value_ha_to"],
            "difference_ha": pair["value_ha_to"] - pair["value_ha_from"],
            "percent": percent_change(pair["value_ha_from"].to_numpy(), pair["value_ha_to"].to_numpy(), rule=rule),
        }
    )
    table["reading"] = [
        _reading(states, row, earlier, later)
        for states, row in zip(
            zip(pair["state_from"], pair["state_to"], strict=True), table.itertuples(), strict=True
        )
    ]
    return table


def source_differences(left: OfficialSeries, right: OfficialSeries, *, tolerance_ha: float) -> Any:
    """Return the cells in which two sources disagree; neither is taken for the truth, and none is spliced.

    Parameters
    ----------
    left, right
        Series of the same crop and kind.
    tolerance_ha
        Difference that rounding explains.

    Returns
    -------
    DataFrame
        Columns code, name, period, left_ha, right_ha, left_state, right_state; units and periods that both
        have, where the numbers differ by more than the tolerance or one has a number and the other none.
    """
    both = left.cells.merge(right.cells, on=["code", "period"], suffixes=("_left", "_right"))
    numbers = both[["value_ha_left", "value_ha_right"]].to_numpy(dtype=float)
    known = ~np.isnan(numbers)
    apart = np.abs(numbers[:, 0] - numbers[:, 1]) > tolerance_ha
    kept = both[apart | (known[:, 0] != known[:, 1])]
    return pandas.DataFrame(
        {
            "code": kept["code"],
            "name": kept["name_left"],
            "period": kept["period"],
            "left_ha": kept["value_ha_left"],
            "right_ha": kept["value_ha_right"],
            "left_state": kept["state_left"],
            "right_state": kept["state_right"],
        }
    ).reset_index(drop=True)


def sum_cells(cells: Any) -> Any:
    """Add cells by code and period: the numbers, and how many cells held none.

    Parameters
    ----------
    cells
        Rows as in `OfficialSeries.cells`.

    Returns
    -------
    DataFrame
        One row a code and period, with ``empty_cells``. A sum is zero only where every cell is known to be
        zero; where nothing but zeros and gaps were added it is missing.
    """
    keys = ["code", "name", "parent", "parent_name", "period"]
    groups = cells.assign(held=cells["state"].isin(_NUMBERED)).groupby(keys, sort=True)
    sums = groups.agg(value_ha=("value_ha", "sum"), held=("held", "sum"), n=("held", "size")).reset_index()
    alone = groups["state"].agg(lambda states: states.iloc[0] if states.nunique() == 1 else "")
    whole = sums["held"] == sums["n"]
    sums["empty_cells"] = sums["n"] - sums["held"]
    sums["state"] = np.select(
        [sums["value_ha"] > 0, whole, (sums["held"] == 0) & (alone.to_numpy() != "")],
        [CellState.ESTIMATED.value, CellState.ZERO.value, alone.to_numpy()],
        default=CellState.MISSING.value,
    )
    sums.loc[~sums["state"].isin(_NUMBERED), "value_ha"] = np.nan
    return sums[[*keys, "state", "value_ha", "empty_cells"]]


def _reading(states: tuple[str, str], row: Any, earlier: str, later: str) -> str:
    """Put a pair of figures into words."""
    for state, period in zip(states, (earlier, later), strict=True):
        if state not in _NUMBERED:
            return f"not comparable: {state.replace('_', ' ')} in {period}"
    if row.difference_ha == 0:
        return f"same figure in both years; {NO_INTERVAL}"
    side = "higher" if row.difference_ha > 0 else "lower"
    if math.isnan(row.percent):
        return f"figure {side} by {abs(row.difference_ha):,.1f} ha from zero; {NO_INTERVAL}"
    return f"figure {side} by {abs(row.percent):.1f} %; {NO_INTERVAL}"
