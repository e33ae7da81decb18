"""Labelled time series kept as a table, read into the observations that images give.

A table of samples by date has the same features as a stack of images, made by the same functions, so a
classifier taught on one can map the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.errors import InputError, Problem
from imagery.sensor import Sensor
from imagery.stack import Series

__all__ = ["LabelledSeries", "table_series"]

_HIGHEST = 32_000
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSeries:
    """Time series of n labelled samples."""

    unit_id: NDArray[np.str_]
    """Name of each sample (n), in rising order."""
    label: NDArray[np.str_]
    """Class name of each sample (n)."""
    series: Series
    """Their observations."""


def table_series(
    table: Any, *, sensor: Sensor, unit: str = "sample_id", day: str = "date", label: str = "label"
) -> LabelledSeries:
    """Read a long table: one row for each sample and day, one column for each band.

    Parameters
    ----------
    table
        DataFrame with the columns named here and the sensor's bands, in physical units; NaN is not seen.
    sensor
        Its band names (or common names) are the columns read.
    unit, day, label
        Columns with the sample, the day of observation and the class.

    Raises
    ------
    InputError
        If a column is missing, a sample has two rows for a day, or a sample has two labels.
    """
    columns = _columns(table, sensor, (unit, day, label))
    rows = table.assign(_unit=table[unit].astype(str), _day=table[day].dt.date)
    problems = [*_repeats(rows), *_two_labels(rows, label)]
    if problems:
        raise InputError(problems)
    units, row_unit = np.unique(rows["_unit"].to_numpy(dtype=str), return_inverse=True)
    days = sorted(set(rows["_day"]))
    row_day = np.array([days.index(value) for value in rows["_day"]])
    physical = np.full((len(days), len(columns), len(units)), np.nan)
    for layer, column in enumerate(columns):
        physical[row_day, layer, row_unit] = rows[column].to_numpy(dtype=np.float64)
    labels = np.empty(len(units), dtype=object)
    labels[row_unit] = rows[label].astype(str).to_numpy()
    valid = ~np.isnan(physical).any(axis=1)
    in_units = np.rint(np.nan_to_num(physical) / sensor.quantum)
    series = Series(
        days=tuple(days),
        bands=sensor.common,
        values=np.clip(in_units, -_HIGHEST, _HIGHEST).astype(np.int16),
        valid=valid,
        quantum=sensor.quantum,
    )
    return LabelledSeries(unit_id=units, label=labels.astype(str), series=series)


def _columns(table: Any, sensor: Sensor, keys: tuple[str, ...]) -> list[str]:
    """Return the column of every band, or raise naming all that are missing."""
    bands = [next((name for name in (band.name, band.common) if name in table.columns), "") for band in sensor.band]
    missing = [key for key in keys if key not in table.columns]
    missing += [band.name for band, column in zip(sensor.band, bands, strict=True) if not column]
    if missing:
        have = ", ".join(str(name) for name in table.columns)
        raise InputError(Problem("table of samples", f"no column {', '.join(missing)} (it has {have})", "all"))
    return bands


def _repeats(rows: Any) -> list[Problem]:
    twice = rows[rows.duplicated(["_unit", "_day"])]
    shown = [f"{name} on {day}" for name, day in zip(twice["_unit"], twice["_day"], strict=True)][:_SHOWN]
    if not shown:
        return []
    return [Problem("table of samples", f"two rows for {', '.join(shown)}", "one row per sample and day")]


def _two_labels(rows: Any, label: str) -> list[Problem]:
    counts = rows.groupby("_unit")[label].nunique()
    several = list(counts[counts > 1].index[:_SHOWN])
    if not several:
        return []
    return [Problem("table of samples", f"two labels for {', '.join(several)}", "one label per sample")]
