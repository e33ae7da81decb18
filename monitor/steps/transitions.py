"""Step ``transitions``: what became of the crop between the compared periods, and where new openings were seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import rasterio.features
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from geo.areas import polygon_areas_ha
from geo.blocks import blocks
from geo.cog import RasterStyle, write_cog
from geo.raster import read_on_grid
from geo.vector import Layer, write_gpkg
from imagery.prior import prior_masks
from imagery.sensor import Sensor
from imagery.spectral import indices_for, spectral_index
from imagery.stack import Stack, read_stack
from imagery.transition import GONE, NEW, NO_CROP, STABLE, UNKNOWN, largest_fall, transitions
from monitor.context import Context, Progress
from monitor.sections import PeriodSection
from monitor.steps.estimate import interval_method
from monitor.steps.imagery import kept_scenes
from monitor.tables import read_tables, write_csv
from monitor.transitions import TRANSITION_COLUMNS, transition_rows

__all__ = ["write_transitions"]

OPENING_COLUMNS = ("opening_id", "crop", "area_ha", "first_period", "first_seen", "fall", "drawn_before")
_LEAST_CELLS = 4
"""Cells of the smallest opening told; smaller ones are mostly edges that moved."""
_WATCHED = ("NBR", "NDMI", "NDVI")
"""Indices that fall when ground is opened, the first that the sensor allows."""


def write_transitions(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``estimates/transitions.csv``, ``class_map/transition_CROP.tif`` and ``class_map/openings.gpkg``."""
    names = [period.name for period in context.compared]
    folder = staging / "estimates"
    if len(names) < 2:
        write_csv(pd.DataFrame(columns=list(TRANSITION_COLUMNS)), folder / "transitions.csv")
        return {}
    rows = transition_rows(
        read_tables(context.out),
        context.survey.survey.crops,
        (names[0], names[1]),
        method=interval_method(context),
        level=context.survey.estimate.level,
    )
    write_csv(rows, folder / "transitions.csv")
    found = []
    for crop in context.survey.survey.crops:
        cells = _transition_cells(context, crop)
        style = RasterStyle(
            nodata=UNKNOWN,
            descriptions=("transition",),
            categories={NO_CROP: "no crop", STABLE: "stable", NEW: "new", GONE: "gone"},
            overviews="mode",
        )
        write_cog(staging / "class_map" / f"transition_{crop}.tif", cells, context.frame.geobox, style=style)
        found.append(_openings(context, crop, cells, context.compared[1]))
    layer = pd.concat(found, ignore_index=True) if found else _no_openings(context)
    write_gpkg(
        staging / "class_map" / "openings.gpkg",
        {
            "openings": Layer(
                frame=geopandas.GeoDataFrame(layer, geometry="geometry", crs=str(context.frame.geobox.crs)),
                title="New openings on the maps (tier 0)",
                description="Patches that are crop on the current map and not on the baseline map; no estimate",
            )
        },
    )
    progress(1, 1)
    return {"openings": len(layer)}


def _transition_cells(context: Context, crop: str) -> NDArray[np.uint8]:
    geobox, code = context.frame.geobox, context.profile.legend.code(crop)
    before, after = (read_on_grid(context.class_map_path(period.name), geobox) for period in context.compared)
    return transitions(before, after, code)


def _openings(
    context: Context, crop: str, cells: NDArray[np.uint8], current: PeriodSection
) -> geopandas.GeoDataFrame:
    """Return the new patches as polygons with the day on which their ground was first seen fallen."""
    labels, count = ndimage.label(cells == NEW)
    size = np.bincount(labels.ravel(), minlength=count + 1)
    kept = np.flatnonzero(size >= _LEAST_CELLS)
    kept = kept[kept > 0]
    if not kept.size:
        return _no_openings(context)
    number = np.zeros(count + 1, dtype=np.int32)
    number[kept] = np.arange(1, kept.size + 1)
    patches = number[labels]
    # Only on ground that is cleared for a lasting crop does a fall date the opening; a yearly crop falls at harvest
    rule = context.profile.identification
    dated = rule is not None and rule.rule == "no_greenness"
    day, fall = _falls(context, current, (patches > 0) & dated)
    transform = context.frame.geobox.transform
    shapes = {
        int(value): shapely.geometry.shape(shape)
        for shape, value in rasterio.features.shapes(patches, mask=patches > 0, transform=transform)
    }
    drawn = _drawn_before(context, crop, current)
    order = np.argsort(patches, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(patches.ravel(), minlength=kept.size + 1))
    rows = []
    for patch in range(1, kept.size + 1):
        here = order[ends[patch - 1] : ends[patch]]
        seen = day.ravel()[here]
        seen = seen[seen > 0]
        rows.append(
            {
                "opening_id": f"{crop}-{patch:05d}",
                "crop": crop,
                "first_period": current.name,
                "first_seen": date.fromordinal(int(np.median(seen))).isoformat() if seen.size else "",
                "fall": round(float(np.median(fall.ravel()[here])), 4),
                "drawn_before": int(drawn.ravel()[here].any()),
                "geometry": shapes[patch],
            }
        )
    frame = geopandas.GeoDataFrame(rows, geometry="geometry", crs=str(context.frame.geobox.crs))
    frame["area_ha"] = np.round(polygon_areas_ha(frame), 4)
    return frame[[*OPENING_COLUMNS, "geometry"]]


def _no_openings(context: Context) -> geopandas.GeoDataFrame:
    empty: dict[str, list[Any]] = {name: [] for name in OPENING_COLUMNS}
    return geopandas.GeoDataFrame(empty, geometry=[], crs=str(context.frame.geobox.crs))


def _drawn_before(context: Context, crop: str, current: PeriodSection) -> NDArray[np.bool_]:
    """Return where earlier surveys drew the crop; nowhere when there are none."""
    geobox = context.frame.geobox
    if context.prior is not None:
        masks = prior_masks(context.prior, geobox, crops=[crop], year=current.reference_date.year)
        for name, mask in masks.items():
            if name.startswith("ever_present"):
                return mask
    return np.zeros((geobox.shape[0], geobox.shape[1]), dtype=np.bool_)


def _falls(
    context: Context, period: PeriodSection, wanted: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return day and size of the largest fall of the watched index in the cells wanted."""
    geobox, scenes = context.frame.geobox, kept_scenes(context, period)
    day = np.zeros(wanted.shape, dtype=np.int32)
    fall = np.zeros(wanted.shape, dtype=np.float32)
    for block in blocks((geobox.shape[0], geobox.shape[1])):
        here = wanted[block.slices]
        if here.any():
            stack = read_stack(
                scenes, geobox, block, sensor=context.sensor, cloud_buffer_m=context.imagery.cloud_buffer_m
            )
            rows, cols = np.nonzero(here)
            series, valid = _watched(stack, context.sensor, rows, cols)
            when, how_far = largest_fall(series, valid, stack.days)
            day[block.slices][here], fall[block.slices][here] = when, how_far
    return day, fall


def _watched(
    stack: Stack, sensor: Sensor, rows: NDArray[np.intp], cols: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the series of the watched index at some cells, or of the first band of a sensor of indices."""
    values, valid = stack.values[:, :, rows, cols], stack.valid[:, rows, cols]
    bands = {
        name: values[:, n].astype(np.float32) * np.float32(stack.quantum) for n, name in enumerate(stack.bands)
    }
    possible = indices_for(sensor.common, _WATCHED) if sensor.quantity != "index" else ()
    series = spectral_index(possible[0], bands) if possible else bands[stack.bands[0]]
    return series, valid & ~np.isnan(series)
