"""Step ``frame``: strata of the area frame from the class maps, and their sizes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.stratum import POSSIBLE_PERCENT, Strata, stratify
from geo.errors import Problem, QualityGateError
from geo.grid import cells_at
from geo.legend import Legend
from geo.raster import RasterStyle, read_on_grid, write_cog
from geo.vector import read_layer
from monitor.context import Context, Progress

__all__ = ["KNOWN", "known_units", "make_strata"]

KNOWN = "known"
"""Certainty stratum of cells whose class is known from training visits."""


def make_strata(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``frame/strata.tif``, ``frame/strata.csv`` and, where there are any, ``frame/known_units.csv``."""
    frame = context.frame
    folder = staging / "frame"
    known = known_units(context)
    strata = _stratify(context, known)
    style = RasterStyle(
        nodata=0, overviews="mode", categories=dict(enumerate(strata.names, start=1)), descriptions=("stratum",)
    )
    write_cog(folder / "strata.tif", strata.stratum_of_cell, frame.geobox, style=style)
    areas = frame.areas_by(strata.stratum_of_cell, len(strata.names) + 1)[1:]
    table = pd.DataFrame({"stratum": strata.names, "size": strata.sizes, "area_ha": areas})
    table["expected_share"] = _expected_shares(context, strata)
    table.to_csv(folder / "strata.csv", index=False)
    if len(known):
        known.to_csv(folder / "known_units.csv", index=False)
    progress(1, 1)
    return {
        "frame_area_ha": frame.area_ha,
        "polygon_area_ha": float(frame.polygon_area_ha.sum()),
        "cells": int(strata.sizes.sum()),
        "strata": dict(zip(strata.names, strata.sizes.tolist(), strict=True)),
    }


def known_units(context: Context) -> pd.DataFrame:
    """Return the training cells inside the frame with their class in each compared period.

    Returns
    -------
    DataFrame
        Columns unit_id, row, col and one label column for each compared period; empty when training cells stay
        in the sampled population.

    Raises
    ------
    QualityGateError
        If a training site inside the frame has no label for a compared period: it can then be neither a known
        unit nor, since it taught the classifier, a reference unit.
    """
    settings = context.training
    periods = [period.name for period in context.compared]
    empty = pd.DataFrame(columns=["unit_id", "row", "col", *periods])
    if settings.inside_frame == "sampled":
        return empty
    sites = read_layer(settings.samples, layer=settings.layer, columns=("unit_id", "period", "class"))
    located = _cells_of(context, sites)
    if located.empty:
        return empty
    wide = located.pivot_table(index=["row", "col"], columns="period", values="class", aggfunc="first")
    missing = [period for period in periods if period not in wide or wide[period].isna().any()]
    if missing:
        raise QualityGateError(
            Problem(
                f"{settings.samples.name} column period",
                f"training sites inside the frame without a label for {', '.join(missing)}",
                "a label of each site for every compared period",
                'add the rows, or set [training] inside_frame = "sampled"',
            )
        )
    ids = located.groupby(["row", "col"])["unit_id"].first()
    return wide[periods].join(ids).reset_index()[["unit_id", "row", "col", *periods]].sort_values(["row", "col"])


def _cells_of(context: Context, sites: Any) -> pd.DataFrame:
    """Locate sites on the grid; those outside the frame are left out."""
    geobox, unit = context.frame.geobox, context.frame.unit_of_cell
    points = sites.geometry.to_crs(str(geobox.crs))
    rows, cols = cells_at(geobox, points.x, points.y)
    table = pd.DataFrame(
        {
            "unit_id": sites["unit_id"].astype(str).to_numpy(),
            "period": sites["period"].astype(str).to_numpy(),
            "class": sites["class"].astype(str).to_numpy(),
            "row": rows,
            "col": cols,
        }
    )
    height, width = unit.shape
    on_grid = table["row"].between(0, height - 1) & table["col"].between(0, width - 1)
    table = table[on_grid]
    return table[unit[table["row"], table["col"]] > 0]


def _stratify(context: Context, known: pd.DataFrame) -> Strata:
    frame, survey = context.frame, context.survey
    codes = [context.profile.legend.code(crop) for crop in survey.survey.crops]
    maps = {p.name: read_on_grid(context.class_map_path(p.name), frame.geobox) for p in context.compared}
    not_seen = np.logical_or.reduce([cells == Legend.NOT_SEEN for cells in maps.values()])
    known_mask = None
    if len(known):
        known_mask = np.zeros(frame.inside.shape, dtype=bool)
        known_mask[known["row"], known["col"]] = True
    return stratify(
        {period: np.isin(cells, codes) for period, cells in maps.items()},
        inside=frame.inside,
        possible=not_seen | (_highest_probability(context) >= POSSIBLE_PERCENT),
        farmed=_farmed(context),
        known=known_mask,
        buffer_cells=round(survey.sample.buffer_m / survey.area.resolution_m),
    )


def _highest_probability(context: Context) -> NDArray[np.uint8]:
    """Return the highest probability (per cent) of any crop in any compared period; not seen counts as 0."""
    highest = np.zeros(context.frame.inside.shape, dtype=np.uint8)
    for period in context.compared:
        for crop in context.survey.survey.crops:
            percent = read_on_grid(context.probability_path(crop, period.name), context.frame.geobox)
            np.maximum(highest, np.where(percent > 100, 0, percent), out=highest)
    return highest


def _farmed(context: Context) -> NDArray[np.bool_] | None:
    path = context.survey.area.agricultural_mask
    return None if path is None else read_on_grid(path, context.frame.geobox) == 1


def _expected_shares(context: Context, strata: Strata) -> NDArray[np.float64]:
    """Return the classifier's mean probability of crop in each stratum, for the allocation only."""
    percent = _highest_probability(context)
    sums = np.bincount(strata.stratum_of_cell.ravel(), weights=percent.ravel(), minlength=len(strata.names) + 1)
    return np.asarray(np.round(sums[1:] / strata.sizes / 100.0, 6))
