"""Step ``sample``: the seeded stratified sample, and the files for interpreters, who must not see the map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.survey import allocation
from aoi.survey.selection import draw_stratified
from geo.errors import Problem, QualityGateError
from geo.grid import cell_centres
from geo.raster import read_on_grid
from imagery.training import require_disjoint
from maps.interpreter import write_interpreter_files
from monitor.context import Context, Progress
from monitor.steps.chips import write_chips
from monitor.steps.classify import training_samples_of
from monitor.steps.frame import map_labels
from monitor.tables import KNOWN, read_csv, write_csv

__all__ = ["allocated", "draw_sample", "drawn", "write_sample"]


def draw_sample(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``frame/sample.csv`` (with strata and map labels) and the interpreters' files (without them)."""
    strata = read_csv(context.out / "frame" / "strata.csv")
    n_h = allocated(context, strata)
    progress(1, 4)
    sample = drawn(context, strata, n_h)
    progress(2, 4)
    require_disjoint(
        training_samples_of(context, context.frame.geobox),
        sample["row"].to_numpy(),
        sample["col"].to_numpy(),
        where="reference sample",
    )
    folder = staging / "frame"
    write_sample(context, sample, folder)
    progress(3, 4)
    chips = write_chips(context, sample, folder / "chips") if context.survey.sample.chips else 0
    progress(4, 4)
    return {"chips": chips, "n": len(sample), "allocation": dict(zip(strata["stratum"], n_h.tolist(), strict=True))}


def write_sample(context: Context, sample: geopandas.GeoDataFrame, folder: Path) -> None:
    """Write the table of the sample and the files for interpreters."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(sample.drop(columns="geometry"), folder / "sample.csv")
    write_interpreter_files(
        folder,
        sample[["unit_id", "geometry"]],
        legend=context.profile.legend,
        periods=tuple(period.name for period in context.compared),
        title=context.survey.survey.title,
        cell_m=context.survey.area.resolution_m,
    )


def drawn(context: Context, strata: pd.DataFrame, n_h: NDArray[np.int64]) -> geopandas.GeoDataFrame:
    """Return the sample that the survey's seed draws from the strata, with map labels.

    Parameters
    ----------
    context
        A run whose strata and class maps are written.
    strata
        Rows of ``strata.csv``.
    n_h
        Units of each stratum.
    """
    cells = read_on_grid(context.out / "frame" / "strata.tif", context.frame.geobox)
    flat = draw_stratified(cells.ravel().astype(np.int64) - 1, n_h, context.rng("sample"))
    return _describe(context, flat, cells, strata["stratum"].tolist())


def allocated(context: Context, strata: pd.DataFrame) -> NDArray[np.int64]:
    """Return the units drawn from each stratum; known units need no interpreter and are not drawn."""
    settings = context.survey.sample
    drawn = (strata["stratum"] != KNOWN).to_numpy()
    sizes = strata["size"].to_numpy()[drawn]
    shares = strata["expected_share"].to_numpy()[drawn]
    least = int(np.minimum(sizes, settings.floor).sum())
    if settings.size < least:
        raise QualityGateError(
            Problem(
                "[sample] size",
                f"{settings.size} units for {len(sizes)} strata",
                f"at least {least} (floor = {settings.floor} in each stratum)",
                "raise size, or lower floor",
            )
        )
    n = min(settings.size, int(sizes.sum()))
    deviations = np.sqrt(np.clip(shares, 0.002, 0.998) * (1 - np.clip(shares, 0.002, 0.998)))
    by_rule = {
        "rare-class-safe": lambda: allocation.rare_class_safe(n, sizes, shares, floor=settings.floor),
        "proportional": lambda: allocation.proportional(n, sizes, floor=settings.floor),
        "neyman": lambda: allocation.neyman(n, sizes, deviations, floor=settings.floor),
        "power": lambda: allocation.power(n, sizes, floor=settings.floor),
    }
    result = np.zeros(len(strata), dtype=np.int64)
    result[drawn] = by_rule[settings.allocation]()
    return result


def _describe(
    context: Context, flat: NDArray[np.int64], cells: NDArray[np.uint8], names: list[str]
) -> geopandas.GeoDataFrame:
    """Return the sample as points in random order, so that a unit's number says nothing of its stratum."""
    frame = context.frame
    flat = context.rng("sample-order").permutation(flat)
    rows, cols = np.unravel_index(flat, cells.shape)
    x, y = cell_centres(frame.geobox, rows, cols)
    points = geopandas.GeoSeries.from_xy(x, y, crs=str(frame.geobox.crs))
    degrees = points.to_crs("EPSG:4326")
    digits = len(str(len(flat)))
    sample = geopandas.GeoDataFrame(
        {
            "unit_id": [f"U{number:0{digits}d}" for number in range(1, len(flat) + 1)],
            "stratum": [names[code - 1] for code in cells[rows, cols]],
            "adm_code": frame.admin["code"].to_numpy()[frame.unit_of_cell[rows, cols].astype(int) - 1],
            "row": rows,
            "col": cols,
            "x_m": np.round(x, 3),
            "y_m": np.round(y, 3),
            "longitude": np.round(degrees.x, 7),
            "latitude": np.round(degrees.y, 7),
        },
        geometry=points,
        crs=points.crs,
    )
    for period in context.compared:
        sample[f"map_{period.name}"] = map_labels(context, period.name, rows, cols)
    return sample
