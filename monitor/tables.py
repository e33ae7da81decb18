"""The tables a run's figures are computed from, and nothing else: strata, units with map and reference labels.

`altdev run` and `altdev verify` both read figures from here, so that a published number can be recomputed
from the run folder alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.survey.design import StratifiedDesign
from geo.errors import InputError, Problem, reason
from geo.limits import require_size
from monitor.stamp import COLUMN

__all__ = ["KNOWN", "SurveyTables", "read_csv", "read_tables", "unstamped", "write_csv"]

KNOWN = "known"
"""Certainty stratum of cells whose class is known from training visits."""

TEXT = (
    "unit_id", "adm_code", "stratum", "period", "label", "interpreter", "domain", "domain_name", "from", "to",
    "crop", "class", "map", "reference", "flags", "source", "vintage", "rule",
    "scene", "platform", "baseline", "reason", "measure", "window", "band", "alignment",
)  # fmt: skip
"""Columns that are text whatever they look like: codes keep their zeros, and NA may be a country."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyTables:
    """A stratified sample with labels, and the strata it was drawn from."""

    strata: pd.DataFrame
    """Columns stratum, size, area_ha."""
    strata_by_unit: pd.DataFrame
    """Columns stratum, adm_code, size, area_ha."""
    units: pd.DataFrame
    """One row a unit: unit_id, stratum, adm_code, row, col, and map_PERIOD and label_PERIOD."""

    @property
    def design(self) -> StratifiedDesign:
        """The strata as a design."""
        return StratifiedDesign(
            names=tuple(self.strata["stratum"]),
            sizes=self.strata["size"].to_numpy(),
            areas_ha=self.strata["area_ha"].to_numpy(),
        )

    @property
    def stratum(self) -> NDArray[np.int64]:
        """Stratum code of each unit."""
        return self.design.code_of(self.units["stratum"].to_numpy())

    def member(self, period: str, name: str) -> NDArray[np.float64]:
        """Return 1 where a unit's reference label in a period is `name`, else 0."""
        return np.asarray(self.units[f"label_{period}"] == name, dtype=np.float64)


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table of the run folder: text stays text, and only an empty cell is missing."""
    header = path.read_text(encoding="utf-8").split("\n", 1)[0].strip().split(",")
    text = {name: str for name in header if name in TEXT or name.startswith(("map_", "label_"))}
    return unstamped(pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""]))


def unstamped(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without the run's identifier, which is no part of what it says."""
    return table.drop(columns=COLUMN, errors="ignore")


def read_given_csv(path: Path) -> pd.DataFrame:
    """Read a table that a user supplies, all of it as text.

    The header is read as a row like the others, so that a longer row is an error and never shifted under it.

    Raises
    ------
    InputError
        If it is no table in UTF-8 with commas, or a column stands in it twice.
    """
    require_size(path, "table_bytes")
    remedy = "save it as CSV UTF-8, its cells parted by commas"
    try:
        cells = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        found = f"a file that is no CSV table ({reason(error)})"
        raise InputError(Problem(str(path), found, "a CSV table in UTF-8", remedy)) from error
    header = [str(name).strip() for name in cells.iloc[0]]
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        parted = "semicolons" if ";" in header[0] else "tabs"
        raise InputError(Problem(str(path), f"cells parted by {parted}", "cells parted by commas", remedy))
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        found = "a column " + ", ".join(map(repr, twice[:5])) + " twice"
        raise InputError(Problem(str(path), found, "each column once", "take one out"))
    return cells.iloc[1:].reset_index(drop=True).set_axis(header, axis="columns")


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table of the run folder with six decimals and plain line ends on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format="%.6f", lineterminator="\n")


def read_tables(out: Path) -> SurveyTables:
    """Read the tables of a run folder.

    Raises
    ------
    InputError
        If a unit of the sample has no reference label for a period: missing is not zero.
    """
    folder = out / "frame"
    sample = read_csv(folder / "sample.csv")
    reference = read_csv(folder / "reference.csv")
    wide = reference.pivot_table(index="unit_id", columns="period", values="label", aggfunc="first")
    units = sample.merge(wide.add_prefix("label_"), left_on="unit_id", right_index=True, how="left")
    labels = [f"label_{period}" for period in wide.columns]
    _require_labels(units, labels)
    known = folder / "known_units.csv"
    if known.is_file():
        units = pd.concat([units, read_csv(known)], ignore_index=True)
    maps = [column for column in units.columns if column.startswith("map_")]
    return SurveyTables(
        strata=read_csv(folder / "strata.csv"),
        strata_by_unit=read_csv(folder / "strata_by_unit.csv"),
        units=units[["unit_id", "stratum", "adm_code", "row", "col", *maps, *labels]],
    )


def _require_labels(units: pd.DataFrame, labels: list[str]) -> None:
    problems = []
    for column in labels:
        missing = units.loc[units[column].isna(), "unit_id"].tolist()
        if missing:
            problems.append(
                Problem(
                    f"reference labels, period {column.removeprefix('label_')}",
                    f"{len(missing)} units without a label ({', '.join(missing[:5])})",
                    "a label for every unit of the sample",
                    "interpret them; a unit that cannot be seen needs better imagery, not a zero",
                )
            )
    if problems:
        raise InputError(problems)
