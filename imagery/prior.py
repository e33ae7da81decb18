"""Cultivation that earlier surveys drew: the hardest floor, since crops mostly stand where they stood.

It is never a feature of the classifier and never a label: a map that copies last year's map cannot show change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rasterio.features import rasterize

from geo.errors import InputError, Problem
from geo.grid import GeoBox
from geo.vector import read_layer

__all__ = ["EVER_PRESENT", "LAST_CENSUS", "PriorCultivation", "prior_masks", "prior_years", "read_prior"]

LAST_CENSUS = "last_census"
"""Floor: the crop stands where the latest survey before the period drew it."""
EVER_PRESENT = "ever_present"
"""Floor: the crop stands wherever any survey before the period drew it."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorCultivation:
    """Fields drawn in earlier years."""

    fields: Any
    """GeoDataFrame of polygons with the columns ``year`` (int) and ``crop`` (text)."""

    def years(self, crop: str) -> tuple[int, ...]:
        """Return the years in which any field of a crop was drawn, rising."""
        return tuple(sorted({int(year) for year in self.fields["year"][self.fields["crop"] == crop]}))


def read_prior(
    path: Path, *, layer: str | None, year: str, crop: str | None, crops: Sequence[str]
) -> PriorCultivation:
    """Read the fields of earlier surveys.

    Parameters
    ----------
    path
        Polygons.
    layer
        Layer name; the first one when None.
    year
        Column with the survey year.
    crop
        Column with the crop; None when all fields are of the one crop of the survey.
    crops
        Crops of the survey; fields of others are left out.

    Raises
    ------
    InputError
        If a year is none, or no field is of a crop of the survey.
    """
    columns = (year,) if crop is None else (year, crop)
    fields = read_layer(path, layer=layer, columns=columns, geometry="polygon")
    years = pd.to_numeric(fields[year], errors="coerce")
    bad = years.isna() | (years % 1 != 0) | ~years.between(_FIRST_YEAR, _LAST_YEAR)
    if bad.any():
        shown = ", ".join(repr(value) for value in fields[year][bad].unique()[:5])
        raise InputError(Problem(f"{path.name} column {year}", shown, "a year such as 2020", "correct it"))
    named = crops[0] if crop is None else fields[crop].astype(str)
    table = fields[[fields.geometry.name]].assign(year=years.astype(np.int64), crop=named)
    kept = table[table["crop"].isin(list(crops))]
    if kept.empty:
        raise InputError(
            Problem(f"{path.name} column {crop}", "no field of a surveyed crop", ", ".join(crops), "correct it")
        )
    return PriorCultivation(fields=kept)


def prior_years(prior: PriorCultivation, crop: str, year: int) -> tuple[int, ...]:
    """Return the surveys of a crop before `year`, rising: nothing of the year itself may be known to a floor."""
    return tuple(found for found in prior.years(crop) if found < year)


def prior_masks(
    prior: PriorCultivation, geobox: GeoBox, *, crops: Sequence[str], year: int
) -> Mapping[str, NDArray[np.bool_]]:
    """Return where earlier surveys drew each crop: ``last_census:CROP`` and ``ever_present:CROP``.

    Parameters
    ----------
    prior
        Fields of earlier years.
    geobox
        Any grid.
    crops
        Crops wanted; one without an earlier survey is left out.
    year
        Year of the period; only surveys before it count.

    Returns
    -------
    dict
        Floor to mask of the cells whose centre lies in a field, shape (h, w).
    """
    masks = {}
    for crop in crops:
        years = prior_years(prior, crop, year)
        if not years:
            continue
        by_year = [_mask(prior, geobox, crop, one) for one in years]
        masks[f"{LAST_CENSUS}:{crop}"] = by_year[-1]
        masks[f"{EVER_PRESENT}:{crop}"] = np.logical_or.reduce(by_year)
    return masks


def _mask(prior: PriorCultivation, geobox: GeoBox, crop: str, year: int) -> NDArray[np.bool_]:
    fields = prior.fields
    shapes = fields.geometry[(fields["crop"] == crop) & (fields["year"] == year)].to_crs(str(geobox.crs))
    return np.asarray(
        rasterize(
            [(shape, 1) for shape in shapes if not shape.is_empty],
            out_shape=(geobox.shape[0], geobox.shape[1]),
            transform=geobox.transform,
            fill=0,
            dtype="uint8",
        )
        == 1
    )
