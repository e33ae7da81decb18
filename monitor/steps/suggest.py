"""Step ``suggest``: the places whose labels would teach the classifier most, for the next visit to the field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np

from geo.grid import cell_centres
from geo.legend import Legend
from geo.raster import read_on_grid
from geo.vector import Layer, write_gpkg
from imagery.active import next_cells
from imagery.class_map import NOT_KNOWN
from monitor.context import Context, Progress
from monitor.steps.classify import training_samples_of
from monitor.tables import read_csv

__all__ = ["suggest"]


def suggest(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``class_map/next_units.gpkg``: uncertain cells apart from each other, neither taught nor sampled."""
    period, frame, settings = context.compared[-1], context.frame, context.training
    uncertainty = read_on_grid(context.uncertainty_path(period.name), frame.geobox)
    allowed = frame.inside & (uncertainty != NOT_KNOWN)
    sample = read_csv(context.out / "frame" / "sample.csv")
    taught = training_samples_of(context, frame.geobox)
    for rows, cols in ((sample["row"].to_numpy(), sample["col"].to_numpy()), (taught.row, taught.col)):
        on = (rows >= 0) & (rows < allowed.shape[0]) & (cols >= 0) & (cols < allowed.shape[1])
        allowed[rows[on], cols[on]] = False
    apart = max(1, round(settings.suggest_apart_m / context.survey.area.resolution_m))
    chosen = next_cells(uncertainty, allowed, count=settings.suggest, apart_cells=apart)
    rows, cols = chosen.T
    mapped = read_on_grid(context.class_map_path(period.name), frame.geobox)[rows, cols]
    legend = context.profile.legend
    x, y = cell_centres(frame.geobox, rows, cols)
    table = {
        "unit_id": [f"N{number:04d}" for number in range(1, len(chosen) + 1)],
        "period": [period.name] * len(chosen),
        "uncertainty": uncertainty[rows, cols].astype(np.int64),
        "likely": ["" if code in (Legend.OUTSIDE, Legend.NOT_SEEN) else legend.name(int(code)) for code in mapped],
    }
    for crop in context.survey.survey.crops:
        table[f"probability_{crop}"] = read_on_grid(context.probability_path(crop, period.name), frame.geobox)[
            rows, cols
        ].astype(np.int64)
    layer = geopandas.GeoDataFrame(table, geometry=geopandas.points_from_xy(x, y), crs=str(frame.geobox.crs))
    write_gpkg(
        staging / "class_map" / "next_units.gpkg",
        {
            "next_units": Layer(
                frame=layer,
                title="Places to label next (tier 0)",
                description="Where the classifier is most undecided. Labels from here teach and are no sample.",
            )
        },
    )
    progress(1, 1)
    return {"suggested": len(layer)}
