"""Inputs of the harms by standard name: stored unit, scale to the unit used, range; unknown units stop the run."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

__all__ = ["KnownInput", "known_input", "known_inputs", "loss_calendar_year", "physical", "require_biomass_before"]


@dataclass(frozen=True, slots=True)
class KnownInput:
    """What a standard input holds and how it is stored."""

    name: str
    stored_unit: str
    unit: str
    """After scaling."""
    scale: float
    lo: float
    hi: float
    """Possible range after scaling."""
    mark: str
    """Whether unit and scale were read in the provider's documents (verified) or not (unverified)."""


@cache
def known_inputs() -> Mapping[str, KnownInput]:
    """Return the inputs the program knows by name; every block of every input asks."""
    text = files("aoi.harm.data").joinpath("inputs.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    known = {
        row["name"]: KnownInput(
            row["name"],
            row["stored_unit"],
            row["unit"],
            float(row["scale"]),
            float(row["lo"]),
            float(row["hi"]),
            row["mark"],
        )
        for row in rows
    }
    return MappingProxyType(known)


def known_input(name: str, unit: str | None, *, where: str = "") -> KnownInput:
    """Return the record of a standard input, its unit checked.

    Raises
    ------
    InputError
        When name or unit is unknown.
    """
    table, place = known_inputs(), where or f"input {name}"
    if name not in table:
        raise InputError(Problem(place, f"the unknown name {name}", ", ".join(table)))
    one = table[name]
    if unit not in (one.stored_unit, one.unit):
        found = f"unit {unit}" if unit else "no unit"
        either = one.stored_unit if one.stored_unit == one.unit else f"{one.stored_unit} or, scaled, {one.unit}"
        raise InputError(Problem(place, found, either, "state the unit the file is in"))
    return one


def physical(
    name: str, stored: ArrayLike, *, unit: str | None, nodata: float | None, where: str = ""
) -> NDArray[np.float64]:
    """Return an input in the unit the harms use, NaN where it is not known.

    Parameters
    ----------
    name
        Standard name, such as "soilgrids_soc".
    stored
        Values as they lie in the file, any shape.
    unit
        Unit of the file: that of its tag, or told in the survey file.
    nodata
        The file's no-data value.
    where
        File, for messages.

    Raises
    ------
    InputError
        When name or unit is unknown, or a value lies outside what is possible, as after a wrong scale.
    """
    one = known_input(name, unit, where=where)
    raw = np.asarray(stored, dtype=np.float64)
    missing = np.isnan(raw) if nodata is None else np.isnan(raw) | (raw == nodata)
    value = np.where(missing, np.nan, raw * (one.scale if unit == one.stored_unit else 1.0))
    if np.any((value < one.lo) | (value > one.hi)):
        found = f"{np.nanmin(value):g} to {np.nanmax(value):g} {one.unit}"
        expected = f"{one.lo:g} to {one.hi:g}"
        place = where or f"input {name}"
        raise InputError(Problem(place, found, expected, "check unit, scale and no-data value"))
    return value


def loss_calendar_year(code: ArrayLike, *, last_year: int) -> NDArray[np.int64]:
    """Return calendar years from Hansen loss codes (1 is 2001), 0 where no loss.

    Raises
    ------
    InputError
        When a code lies beyond the last year of the version, as a no-data value would.
    """
    loss = np.asarray(code, dtype=np.int64)
    if np.any((loss < 0) | (loss > last_year - 2000)):
        found = f"code {loss.max()}"
        raise InputError(Problem("input hansen_lossyear", found, f"0 to {last_year - 2000}"))
    return np.where(loss > 0, loss + 2000, 0)


def require_biomass_before(map_year: int, clearing_year: int) -> None:
    """Raise when a biomass map is not older than the clearing, where it would show what is left, not what was."""
    if map_year >= clearing_year:
        found = f"biomass map of {map_year} for a clearing of {clearing_year}"
        raise InputError(Problem("input cci_agb", found, "an older map", "or take the nearest land not cleared"))
