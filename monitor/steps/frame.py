"""Step ``frame``: strata of the area frame from the class maps, and their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.frame import AreaFrame
from aoi.stratum import POSSIBLE_PERCENT, Strata, stratify
from geo.cog import RasterStyle, write_cog
from geo.errors import Problem, QualityGateError
from geo.grid import cells_at
from geo.legend import Legend
from geo.raster import read_on_grid
from imagery.prior import prior_masks
from monitor.context import Context, Progress
from monitor.kept_shapes import UNITS, write_shapes
from monitor.steps.classify import read_model, training_places
from monitor.tables import KNOWN, write_csv

__all__ = [
    "FARMED",
    "NOT_SEEN",
    "divided",
    "divides_by_maps",
    "expected_shares",
    "known_units",
    "make_strata",
    "map_labels",
    "sizes_by_unit",
    "stratum_sizes",
    "with_place_and_map",
]

FARMED = "frame/farmed.tif"
"""Where the agricultural mask on the grid of the frame stands in a run folder; only where there is one."""

NOT_SEEN = "not_seen"
"""Map label of a cell without enough clear observations."""


def make_strata(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write the strata as a raster, their sizes as a whole and by unit, and the known units where there are any.

    Files: ``frame/strata.tif``, ``strata.csv``, ``strata_by_unit.csv``, ``known_units.csv``, ``units.parquet``, and
    ``farmed.tif`` with what the agricultural mask says, from which strata and shares can be made again.
    """
    frame = context.frame
    folder = staging / "frame"
    known, farmed = known_units(context), _farmed(context)
    cells_known = _mask_of(frame, known) if len(known) else None
    strata = divided(context, known=cells_known, farmed=farmed)
    style = RasterStyle(
        nodata=0, overviews="mode", categories=dict(enumerate(strata.names, start=1)), descriptions=("stratum",)
    )
    write_cog(folder / "strata.tif", strata.stratum_of_cell, frame.geobox, style=style)
    if farmed is not None:
        style = RasterStyle(overviews="mode", categories={0: "other land", 1: "farmed"}, descriptions=("farmed",))
        write_cog(staging / FARMED, farmed.astype(np.uint8), frame.geobox, style=style)
    write_shapes(frame.admin, staging, UNITS)
    table = stratum_sizes(frame, strata.stratum_of_cell, strata.names)
    table["expected_share"] = expected_shares(context, strata, farmed)
    write_csv(table, folder / "strata.csv")
    write_csv(sizes_by_unit(frame, strata.stratum_of_cell, strata.names), folder / "strata_by_unit.csv")
    if len(known):
        write_csv(known, folder / "known_units.csv")
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
        Columns unit_id, stratum, adm_code, row, col and, for each compared period, map_PERIOD and label_PERIOD;
        empty when training cells stay in the sampled population.

    Raises
    ------
    QualityGateError
        If a training site inside the frame has no label for a compared period: it can then be neither a known
        unit nor, since it taught the classifier, a reference unit.
    """
    settings = context.training
    periods = [period.name for period in context.compared]
    empty = pd.DataFrame(columns=["unit_id", "stratum", "adm_code", "row", "col"])
    if settings.inside_frame == "sampled":
        return empty
    located = _cells_of(context, training_places(context))
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
    table = wide[periods].add_prefix("label_").join(ids).reset_index().sort_values(["row", "col"])
    return with_place_and_map(context, table)


def with_place_and_map(context: Context, table: pd.DataFrame) -> pd.DataFrame:
    """Return cells (columns row, col) with their unit and what the maps say of them."""
    frame, rows, cols = context.frame, table["row"].to_numpy(), table["col"].to_numpy()
    codes = frame.admin["code"].to_numpy()[frame.unit_of_cell[rows, cols].astype(int) - 1]
    placed = table.assign(stratum=KNOWN, adm_code=codes)
    for period in context.compared:
        placed[f"map_{period.name}"] = map_labels(context, period.name, rows, cols)
    first = ["unit_id", "stratum", "adm_code", "row", "col"]
    return placed[[*first, *sorted(column for column in placed.columns if column not in first)]]


def map_labels(context: Context, period: str, rows: NDArray[Any], cols: NDArray[Any]) -> list[str]:
    """Return the class names that a period's map gives to cells; ``not_seen`` where nothing was seen."""
    legend = context.profile.legend
    codes = read_on_grid(context.class_map_path(period), context.frame.geobox)[rows, cols]
    return [NOT_SEEN if code == Legend.NOT_SEEN else legend.name(int(code)) for code in codes]


def stratum_sizes(frame: AreaFrame, cells: NDArray[np.integer[Any]], names: Sequence[str]) -> pd.DataFrame:
    """Return cells and hectares of every stratum; `cells` hold its number from 1, 0 outside the frame."""
    length = len(names) + 1
    sizes, areas = np.bincount(cells.ravel(), minlength=length)[1:], frame.areas_by(cells, length)[1:]
    return pd.DataFrame({"stratum": list(names), "size": sizes, "area_ha": areas})


def sizes_by_unit(frame: AreaFrame, cells: NDArray[np.integer[Any]], names: Sequence[str]) -> pd.DataFrame:
    """Return cells and hectares of every stratum in every administrative unit that holds any of it."""
    n_units = len(frame.admin) + 1
    pair = cells.astype(np.int64) * n_units + frame.unit_of_cell
    length = (len(names) + 1) * n_units
    areas, sizes = frame.areas_by(pair, length), np.bincount(pair.ravel(), minlength=length)
    held = np.flatnonzero(sizes)
    held = held[held >= n_units]
    return pd.DataFrame(
        {
            "stratum": [names[int(code) - 1] for code in held // n_units],
            "adm_code": frame.admin["code"].to_numpy()[held % n_units - 1],
            "size": sizes[held],
            "area_ha": areas[held],
        }
    )


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


def divided(context: Context, *, known: NDArray[np.bool_] | None, farmed: NDArray[np.bool_] | None) -> Strata:
    """Return the strata that the maps of the run folder make, with the cells of known units and of farmed land."""
    frame, survey = context.frame, context.survey
    trusted = _trusted(context)
    codes = [context.profile.legend.code(crop) for crop in trusted]
    maps = {p.name: read_on_grid(context.class_map_path(p.name), frame.geobox) for p in context.compared}
    return stratify(
        {period: np.isin(cells, codes) for period, cells in maps.items()},
        inside=frame.inside,
        possible=(_highest_probability(context, trusted) >= POSSIBLE_PERCENT) | _ever_drawn(context, trusted),
        unseen=_unseen(context),
        farmed=farmed,
        known=known,
        buffer_cells=round(survey.sample.buffer_m / survey.area.resolution_m),
    )


def divides_by_maps(context: Context) -> bool:
    """Say whether maps alone divide the frame: every crop has one that finds it better than the floors do."""
    return set(_trusted(context)) == set(context.survey.survey.crops)


def _mask_of(frame: AreaFrame, cells: pd.DataFrame) -> NDArray[np.bool_]:
    mask = np.zeros(frame.inside.shape, dtype=bool)
    mask[cells["row"], cells["col"]] = True
    return mask


def _trusted(context: Context) -> list[str]:
    """Return the crops whose map divides the frame: those the classifier finds better than every floor does."""
    beats = read_model(context).validation["beats_every_floor"]
    return [crop for crop in context.survey.survey.crops if beats[crop]]


def _ever_drawn(context: Context, trusted: Sequence[str]) -> NDArray[np.bool_]:
    """Return where crops without a map of use stood before, which divides the frame in the map's place."""
    drawn = np.zeros(context.frame.inside.shape, dtype=bool)
    others = [crop for crop in context.survey.survey.crops if crop not in trusted]
    if context.prior is None or not others:
        return drawn
    latest = max(period.reference_date.year for period in context.compared)
    masks = prior_masks(context.prior, context.frame.geobox, crops=others, year=latest)
    return np.asarray(np.logical_or.reduce([drawn, *masks.values()]), dtype=np.bool_)


def _highest_probability(context: Context, crops: Sequence[str]) -> NDArray[np.uint8]:
    """Return the highest probability (per cent) of some crops in any compared period; not seen counts as 0."""
    highest = np.zeros(context.frame.inside.shape, dtype=np.uint8)
    for period in context.compared:
        for crop in crops:
            percent = read_on_grid(context.probability_path(crop, period.name), context.frame.geobox)
            np.maximum(highest, np.where(percent > 100, 0, percent), out=highest)
    return highest


def _farmed(context: Context) -> NDArray[np.bool_] | None:
    path = context.survey.area.agricultural_mask
    return None if path is None else read_on_grid(path, context.frame.geobox) == 1


def expected_shares(context: Context, strata: Strata, farmed: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Return the classifier's mean probability of crop in each stratum, for the allocation only.

    Land that was not seen in some period is taken to hold as much as the land that was seen, farmed and other land
    apart: were it taken to hold nothing, hardly a unit would be drawn where the map is silent.
    """
    percent = _highest_probability(context, context.survey.survey.crops).astype(np.float64)
    inside = context.frame.inside
    seen = inside & ~_unseen(context)
    for part in (inside,) if farmed is None else (inside & farmed, inside & ~farmed):
        known = part & seen
        if known.any():
            blind = part & ~seen
            percent[blind] = np.maximum(percent[blind], percent[known].mean())
    sums = np.bincount(strata.stratum_of_cell.ravel(), weights=percent.ravel(), minlength=len(strata.names) + 1)
    return np.asarray(np.round(sums[1:] / strata.sizes / 100.0, 6))


def _unseen(context: Context) -> NDArray[np.bool_]:
    """Return the cells that were seen too seldom in some compared period."""
    maps = [read_on_grid(context.class_map_path(period.name), context.frame.geobox) for period in context.compared]
    return np.asarray(np.logical_or.reduce([cells == Legend.NOT_SEEN for cells in maps]), dtype=np.bool_)
