"""Draws of a figure over the mapped crop, and the rows they become once the survey says how much of it there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aoi.harm.draws import scaled_to_survey
from aoi.harm.result import Grade, HarmKey, HarmRow, State, absent_row, computed_row
from geo.errors import InputError, Problem

__all__ = ["MappedFigure", "rows_of_mapped"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedFigure:
    """One figure of one domain: its draws over the mapped crop, or why there are none."""

    indicator: str
    domain: str
    part: str
    unit: str
    method: str
    grade: Grade
    mapped_ha: float
    """Mapped crop of the domain."""
    scaled: bool
    """Whether it grows with the area, as tonnes do, and not a share or a yield."""
    draws: FloatArray
    """Shape (n,); empty where there are none."""
    state: State = "computed"
    reason: str = ""


def rows_of_mapped(
    figures: Iterable[MappedFigure], areas_ha: Mapping[str, FloatArray], key: HarmKey, *, seed: int
) -> Iterator[HarmRow]:
    """Yield the row of each figure, brought to the survey's area.

    Parameters
    ----------
    figures
        Figures over the mapped crop.
    areas_ha
        Draws of the survey's area by domain, shape (n,) each.
    key
        Crop, period and inputs; all else is the figure's.
    seed
        The seed that the draws came from.

    Raises
    ------
    InputError
        When a figure has another number of draws than the area.
    """
    for one in figures:
        own = replace(
            key,
            indicator=one.indicator,
            domain=one.domain,
            part=one.part,
            unit=one.unit,
            method=one.method,
            grade=one.grade,
            share="direct",
        )
        yield _row(one, own, areas_ha.get(one.domain), seed)


def _row(one: MappedFigure, key: HarmKey, area: FloatArray | None, seed: int) -> HarmRow:
    if one.state != "computed":
        return absent_row(key, one.state, one.reason)
    if not one.scaled:
        return computed_row(key, one.draws, seed=seed)
    if area is None:
        return absent_row(key, "not_estimable", "the survey gives no area here")
    if one.mapped_ha <= 0 and np.any(area > 0):
        return absent_row(key, "not_estimable", "no mapped crop here, while the survey has some")
    if one.draws.shape != area.shape:
        where, found = f"harm {one.indicator}, {one.domain}", f"{one.draws.size} draws, {area.size} of the area"
        raise InputError(Problem(where, found, "as many of both"))
    return computed_row(key, scaled_to_survey(one.draws, one.mapped_ha, area), seed=seed)
