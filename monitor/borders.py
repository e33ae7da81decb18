"""Border strips of a survey, the same for its crop (step ``ad``) and for its harms (step ``harm``)."""

from __future__ import annotations

from typing import Any

from aoi.border import border_strips
from geo.vector import read_layer
from monitor.context import Context
from monitor.programme_tables import programme_parameters

__all__ = ["BORDER", "COVERED", "STRIP", "strips_of"]

BORDER = "border"
"""Domain of all strips together; no overlay may be called so."""

STRIP = f"{BORDER}:"
"""Start of the codes of border strips."""

COVERED = 0.98
"""Share of a strip that the frame has to hold, cells whose centre lies outside left aside."""


def strips_of(context: Context) -> Any:
    """Return the strips of a survey as a GeoDataFrame with ``country``, by code; None where no border is given.

    Raises
    ------
    InputError
        If the layer of the countries cannot be used.
    """
    section = context.survey.ad
    if section is None or section.border is None:
        return None
    countries = read_layer(section.border, columns=(section.border_code,), geometry="polygon")
    width = programme_parameters(section)["border.strip_km"].value
    return border_strips(countries, code=section.border_code, width_km=width, crs=str(context.frame.geobox.crs))
