"""Loads by class of substance and hectare: published totals and ranges, never a reagent or per kilogram of drug.

No citable table of reagents exists, and one would be nearer to a recipe than to an environmental factor.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aoi.harm.draws import stream
from geo.errors import InputError, Problem, reason

__all__ = ["CLASSES", "ClassLoad", "load_draws", "read_loads", "shipped_loads", "with_own_loads"]

CLASSES: Mapping[str, str] = {
    "fertiliser": "field",
    "herbicide": "field",
    "other_pesticide": "field",
    "processing_waste": "processing",
    "petroleum_hydrocarbons": "processing",
    "mineral_acids": "processing",
    "alkalis_and_lime": "processing",
    "oxidisers": "processing",
    "reduced_nitrogen": "processing",
    "spent_leaf": "processing",
}
"""Environmental classes and where they come from. Processing waste is the sum of the classes after it."""
UNITS = ("t/ha/yr", "kg/ha/yr", "L/ha/yr")
_COLUMNS = ("crop", "country", "year", "class", "stage", "unit", "low", "mid", "high", "source", "page", "mark")
_MARKS = ("verified", "unverified", "design")
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLoad:
    """Load of one class on one hectare of a cover in a year, lognormal between its limits."""

    crop: str
    """Cover that it is brought to: a crop under control, or a licit one for the counterfactual."""
    substance: str
    """One of `CLASSES`."""
    unit: str
    low: float
    """Lower limit of 95 in 100."""
    mid: float
    high: float
    source: str
    mark: str
    country: str = ""
    year: str = ""
    page: str = ""

    @property
    def mass_unit(self) -> str:
        """Unit of a total, such as "t/yr"."""
        return self.unit.replace("/ha", "")


def shipped_loads() -> tuple[ClassLoad, ...]:
    """Return the loads that come with the program."""
    text = files("aoi.harm.data").joinpath("loads.csv").read_text(encoding="utf-8")
    return _parsed(text.splitlines(), "loads.csv of the program")


def read_loads(path: Path) -> tuple[ClassLoad, ...]:
    """Return loads of a user's table, with the columns of the program's own.

    Raises
    ------
    InputError
        With every wrong row: an unknown class, a unit that is not per hectare, limits out of order, no source.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem(path.name, reason(error), "a CSV table in UTF-8")) from error
    try:
        return _parsed(text.splitlines(), path.name)
    except csv.Error as error:
        raise InputError(Problem(path.name, f"no CSV table ({reason(error)})", "a CSV table in UTF-8")) from error


def with_own_loads(shipped: Iterable[ClassLoad], own: Iterable[ClassLoad]) -> tuple[ClassLoad, ...]:
    """Return the loads with those of the user in the place of the same crop and class.

    Own classes of processing take the place of the shipped total of processing waste, which holds them all.
    """
    mine = tuple(own)
    taken = {(one.crop, one.substance) for one in mine}
    split = {one.crop for one in mine if CLASSES[one.substance] == "processing"}
    kept = [
        one
        for one in shipped
        if (one.crop, one.substance) not in taken
        and not (one.substance == "processing_waste" and one.crop in split)
    ]
    return (*kept, *mine)


def load_draws(loads: Iterable[ClassLoad], *, n: int, seed: int) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Return draws of each load by crop and class, shape (n,), one for all cells of a run."""
    found = {}
    for one in loads:
        deviation = math.log(one.high / one.low) / (2 * _Z) if one.low < one.high else 0.0
        noise = stream(seed, f"load_{one.crop}_{one.substance}").standard_normal(n)
        found[one.crop, one.substance] = one.mid * np.exp(deviation * noise)
    return found


def _parsed(lines: list[str], where: str) -> tuple[ClassLoad, ...]:
    rows = csv.DictReader(lines)
    columns = tuple(rows.fieldnames or ())
    if columns != _COLUMNS:
        raise InputError(Problem(where, "columns " + ", ".join(columns), ", ".join(_COLUMNS)))
    found, problems = [], []
    for number, row in enumerate(rows, start=2):
        wrong = list(_problems(row, f"{where} row {number}"))
        problems += wrong
        if not wrong:
            found.append(
                ClassLoad(
                    crop=row["crop"],
                    substance=row["class"],
                    unit=row["unit"],
                    low=float(row["low"]),
                    mid=float(row["mid"]),
                    high=float(row["high"]),
                    source=row["source"],
                    mark=row["mark"],
                    country=row["country"],
                    year=row["year"],
                    page=row["page"],
                )
            )
    keys = [(one.crop, one.substance) for one in found]
    problems += [
        Problem(where, f"{crop}, {substance} more than once", "one row for each crop and class")
        for crop, substance in dict.fromkeys(key for key in keys if keys.count(key) > 1)
    ]
    if problems:
        raise InputError(problems)
    return tuple(found)


def _problems(row: Mapping[str, str | None], where: str) -> Iterable[Problem]:
    if None in row.values() or None in row:
        yield Problem(where, "too few or too many cells", f"{len(_COLUMNS)} cells")
        return
    if not row["crop"] or not row["source"]:
        yield Problem(where, "no crop or no source", "both")
    if row["class"] not in CLASSES:
        remedy = "no reagent by name: give the class it belongs to"
        yield Problem(where, f"class {row['class']}", ", ".join(CLASSES), remedy)
    elif row["stage"] != CLASSES[str(row["class"])]:
        yield Problem(where, f"stage {row['stage']}", CLASSES[str(row["class"])])
    if row["unit"] not in UNITS:
        yield Problem(
            where, f"unit {row['unit']}", ", ".join(UNITS), "loads are per hectare, never per kilogram of drug"
        )
    if row["mark"] not in _MARKS:
        yield Problem(where, f"mark {row['mark']}", ", ".join(_MARKS))
    try:
        low, mid, high = (float(str(row[name])) for name in ("low", "mid", "high"))
    except ValueError:
        yield Problem(where, "a limit that is no number", "low, mid and high")
        return
    if not 0 < low <= mid <= high < math.inf:
        yield Problem(where, f"{low}, {mid}, {high}", "above 0, low to high")
