"""Figures of areas that a user brings as a table: hectares with a standard error or with limits."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from aoi.survey.addition import estimate_with_interval
from aoi.survey.estimate import Estimate, Quantity, read_back
from monitor.sections import Section
from monitor.tabular.declaration import Column
from monitor.tabular.rows import Rows

__all__ = ["MOST_HA", "AreaColumns", "TotalSection", "given_figures"]

MOST_HA = 5.1e10
"""Surface of the Earth, hectares."""


class AreaColumns(Section):
    """Columns of a table of figures, one row for each place."""

    place: Column = Field(default="place", description="Column that names the place, each once")
    value: Column = Field(default="value_ha", description="Column with its hectares")
    se: Column = Field(
        default="se_ha", description="Column with their standard error, 0 where it was covered whole"
    )
    lo: Column | None = Field(default=None, description="Column with the lower limit; normal limits when left out")
    hi: Column | None = Field(default=None, description="Column with the upper limit")
    n: Column | None = Field(default=None, description="Column with the sample units behind it")


class TotalSection(Section):
    """``[total]``: the direct, design-based figure of the whole, where it is known."""

    value_ha: float = Field(ge=0, description="Hectares")
    se_ha: float = Field(ge=0, description="Standard error")
    lo_ha: float | None = Field(default=None, ge=0, description="Lower limit as published; normal when left out")
    hi_ha: float | None = Field(default=None, ge=0, description="Upper limit as published; normal when left out")
    n: int = Field(default=0, ge=0, description="Sample units behind it")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.lo_ha is None) != (self.hi_ha is None):
            raise ValueError("give lo_ha and hi_ha together")
        if self.lo_ha is not None and self.hi_ha is not None and not self.lo_ha <= self.value_ha <= self.hi_ha:
            raise ValueError("lo_ha, value_ha and hi_ha must rise")
        return self

    def estimate(self, *, level: float, ceiling: float) -> Estimate:
        """Return it as a figure."""
        if self.lo_ha is None:
            return estimate_with_interval(
                self.value_ha, self.se_ha, n=self.n, method="as given", level=level, within=(0.0, ceiling)
            )
        return read_back(self.model_dump() | {"method": "as given", "level": level, "flags": ""})


def given_figures(columns: AreaColumns, rows: Rows, *, level: float, quantity: Quantity) -> dict[str, Estimate]:
    """Return the figure of each place, in the order of the table.

    Raises
    ------
    InputError
        Naming every cell at fault.
    """
    names = rows.labels(columns.place)
    rows.require_unique(names, columns.place)
    value = rows.numbers(columns.value, least=0.0, most=MOST_HA)
    se = rows.numbers(columns.se, least=0.0, most=MOST_HA)
    n = np.zeros(len(rows)) if columns.n is None else rows.numbers(columns.n, least=0.0, most=2.0**53)
    lo = hi = None
    if columns.lo is not None and columns.hi is not None:
        lo = rows.numbers(columns.lo, least=0.0, most=MOST_HA)
        hi = rows.numbers(columns.hi, least=0.0, most=MOST_HA)
        if not rows.problems:
            rows.refuse(
                columns.value, (value < lo) | (value > hi), "a figure outside its limits", "lo <= figure <= hi"
            )
    rows.require_sound()
    found = {}
    for at, name in enumerate(names.tolist()):
        one = (
            estimate_with_interval(
                float(value[at]), float(se[at]), n=int(n[at]), method="as given", level=level, within=(0.0, np.inf)
            )
            if lo is None or hi is None
            else read_back(
                {"value_ha": value[at], "se_ha": se[at], "lo_ha": lo[at], "hi_ha": hi[at], "n": n[at]}
                | {"method": "as given", "level": level, "flags": ""}
            )
        )
        found[str(name)] = one.of(quantity)
    return found
