"""The strata table of a design file: names, units, and known totals of auxiliaries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aoi.survey.design import Lonely, StratifiedDesign
from geo.errors import Problem, QualityGateError
from monitor.tabular.rows import FloatArray, Rows

__all__ = ["StrataTable", "read_strata"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StrataTable:
    """Strata with their units, in the order of the table."""

    design: StratifiedDesign
    """Names and units; areas as given, or else in proportion to the units."""
    rows: Rows
    """The table, for further columns."""

    def totals(self, column: str) -> dict[str, float]:
        """Return the known total of an auxiliary by stratum, from the column ``total_COLUMN``."""
        known = self.rows.numbers(f"total_{column}", least=0.0)
        self.rows.require_sound()
        return dict(zip(self.design.names, known.tolist(), strict=True))

    def expected(self, column: str) -> FloatArray:
        """Return an expected share of crop by stratum, shape (H,)."""
        share = self.rows.numbers(column, least=0.0, most=1.0)
        self.rows.require_sound()
        return share


def read_strata(
    path: Path,
    *,
    frame_ha: float | None,
    units: int | None = None,
    unit_area_ha: float | None = None,
    lonely: Lonely = "certainty",
) -> StrataTable:
    """Read a strata table.

    Parameters
    ----------
    path
        CSV with ``stratum`` and ``size``, and if known ``area_ha``.
    frame_ha
        Area the strata must add up to, where they state theirs; None when it is not known apart from them.
    units
        Units the strata must add up to, where the frame's are stated.
    unit_area_ha
        Hectares of a unit, where strata do not state their area; None shares the frame's hectares out by units.
    lonely
        Policy for a stratum of one unit, where the sample's design has none of its own.

    Raises
    ------
    InputError
        Naming every empty, repeated or impossible cell.
    QualityGateError
        If the strata do not add up to the frame.
    """
    rows = Rows.read(path)
    names = rows.labels("stratum")
    rows.require_unique(names, "stratum")
    sizes = rows.numbers("size", least=1.0, most=2.0**53)
    whole = sizes != np.floor(sizes)
    if whole.any():
        rows.note("column 'size'", f"size {sizes[whole][0]:g}", "whole numbers of units")
    areas = rows.numbers("area_ha", above=0.0) if rows.has("area_ha") else None
    rows.require_sound()
    if units is not None and sizes.sum() != units:
        found, expected = f"{sizes.sum():,.0f} units in all", f"the {units:,} units of the design file"
        raise QualityGateError(Problem(f"{path.name}, column 'size'", found, expected, "count both in one frame"))
    each = (frame_ha or 1.0) / float(sizes.sum()) if unit_area_ha is None else unit_area_ha
    design = StratifiedDesign(
        names=tuple(names.tolist()),
        sizes=sizes.astype(np.int64),
        areas_ha=sizes * each if areas is None else areas,
        frame_area_ha=frame_ha,
        lonely=lonely,
    )
    return StrataTable(design=design, rows=rows)
