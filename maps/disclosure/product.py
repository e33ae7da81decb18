"""What a page, report or file of tier 1 or 2 is drawn from: safe tables and cells with their squares, nothing else.

Whoever draws for these tiers reads here and nowhere else. A layer of the survey file joins only with a tier at
least as wide (`maps.disclosure.require_tier`); the bytes are searched again before they leave.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd

from geo.errors import DisclosureError, InputError, Problem
from maps.disclosure.pattern import Decision, parse_cell
from maps.disclosure.quadtree import cell_box
from maps.disclosure.tier import Tier, require_tier
from maps.text import bare

__all__ = ["SafeProduct", "read_product"]

_TEXT = (
    "crop", "period", "domain", "domain_name", "state", "from", "to", "cell", "mapped", "method", "kind", "flags",
    "reference_date", "source", "vintage", "verdict", "class", "measure", "harm", "claim", "unit", "grade", "scope",
    "effect", "outcome", "unit_of_measure", "scale", "finding", "note", "project", "title", "status", "start",
    "end", "households_state", "persons_state",
)  # fmt: skip
_TABLES = (
    "estimates", "change", "zones", "zone_change", "cells", "accuracy", "harms", "effects", "portfolio",
    "permanence",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SafeProduct:
    """The data of one tier."""

    tier: Tier
    """Programme or public."""
    decision: Decision
    """What is shown, and by which rules; for the project, not for readers (see `Decision.as_public_record`)."""
    tables: dict[str, pd.DataFrame]
    """``estimates``, ``change``, ``zones``, ``zone_change``, ``cells``, ``accuracy``, ``harms``, ``effects``,
    ``portfolio``, ``permanence``: empty where the run has none or they were not released. Hectares are
    rounded estimates with their limits; a place without a figure has a `state` that says why."""
    crs: str
    """CRS of the cells."""

    def cells(self) -> geopandas.GeoDataFrame:
        """Return the squares, one row a cell, in the CRS of the survey: columns `cell`, `side_km`, geometry."""
        leaves = self.decision.leaves
        return geopandas.GeoDataFrame(
            {"cell": [leaf.name for leaf in leaves], "side_km": [leaf.side_km for leaf in leaves]},
            geometry=[cell_box(leaf) for leaf in leaves],
            crs=self.crs,
        )

    def cell_figures(self) -> geopandas.GeoDataFrame:
        """Return the rows of the table of cells with their squares."""
        table = self.tables["cells"]
        if table.empty:
            return geopandas.GeoDataFrame(table, geometry=[], crs=self.crs)
        shapes = [cell_box(parse_cell(name)) for name in table["cell"]]
        return geopandas.GeoDataFrame(table, geometry=shapes, crs=self.crs)

    def unit_figures(self, units: geopandas.GeoDataFrame, *, tier: Tier) -> geopandas.GeoDataFrame:
        """Return the rows of the administrative units with their polygons.

        Parameters
        ----------
        units
            Columns `code`, geometry.
        tier
            Tier of that layer.

        Raises
        ------
        DisclosureError
            If the layer is of a stricter tier.
        """
        require_tier(tier, self.tier, where="administrative units")
        table = self.tables["estimates"]
        shapes = dict(zip(units["code"].astype(str), units.geometry, strict=True))
        rows = table[table["domain"].isin(list(shapes))].reset_index(drop=True)
        return geopandas.GeoDataFrame(rows, geometry=[shapes[code] for code in rows["domain"]], crs=units.crs)


def read_product(folder: Path, tier: Tier, *, crs: str) -> SafeProduct:
    """Read the tables of a tier from a run folder.

    Parameters
    ----------
    folder
        ``disclosure`` of the run folder.
    tier
        Programme or public.
    crs
        CRS of the survey.

    Raises
    ------
    DisclosureError
        If no product of the tier can be made, with the reasons that the decision gives.
    InputError
        If nothing was decided.
    """
    path = folder / "decision.json"
    if not path.is_file():
        raise InputError(Problem(str(path), "no decision", "the one that step disclosure writes", "run it"))
    record = json.loads(path.read_text(encoding="utf-8"))[str(int(tier))]
    if "refused" in record:
        raise DisclosureError("\n".join(record["refused"]))
    tables = {name: _read(folder / str(int(tier)) / f"{name}.csv") for name in _TABLES}
    return SafeProduct(tier=tier, decision=Decision.from_record(record), tables=tables, crs=crs)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=["state"])
    header = path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")
    text = {name: str for name in header if name in _TEXT}
    table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    return table.assign(**{name: table[name].fillna("").map(bare) for name in text}).replace({None: np.nan})
