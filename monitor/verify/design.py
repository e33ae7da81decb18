"""Make the design again: strata from their raster, the sample from its seed, labels from readings, map counts."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.stratum import Strata
from geo.raster import read_on_grid
from geo.vector import open_layer
from imagery.validation import validation_rows
from monitor.context import Context
from monitor.kept_shapes import UNITS
from monitor.manifest import Manifest
from monitor.scene_table import GAP_TABLE, gap_rows
from monitor.steps.classify import MODEL_FOLDER, SUSPECT_COLUMNS, TRANSFER_COLUMNS, mapped_fields
from monitor.steps.estimate import mapped_areas
from monitor.steps.frame import (
    FARMED,
    divided,
    divides_by_maps,
    expected_shares,
    sizes_by_unit,
    stratum_sizes,
    with_place_and_map,
)
from monitor.steps.reference import agree
from monitor.steps.sample import allocated, drawn, write_sample
from monitor.tables import KNOWN, read_csv
from monitor.verify.compare import compare, differs
from monitor.verify.context import context_of

__all__ = ["design_context", "recompute_design", "recompute_fields", "recompute_model_scores"]

_FILES = ("labels_to_fill.csv", "sample.gpx", "sample.kml", "sample.gpkg")


def design_context(out: Path, manifest: Manifest) -> Context | None:
    """Return the surroundings of the steps up to the estimates; None for a run that kept too little for them."""
    steps = manifest.steps
    told = {name: steps[name].parameters for name in ("sample", "estimate") if name in steps}
    if len(told) < 2 or not all(told.values()) or not (out / UNITS).is_file():
        return None
    return context_of(out, {**told["sample"], **told["estimate"]}, steps["estimate"].run, cells=True)


def recompute_fields(out: Path, context: Context, manifest: Manifest) -> int:
    """Draw the fields of the maps again from their rasters; return the fields compared."""
    rows = 0
    for period in context.compared:
        step = manifest.steps.get(f"classify:{period.name}")
        least = None if step is None else step.facts.get("least_cells_of_a_field")
        if least is None:
            continue
        published = open_layer(out / "class_map" / f"fields_{period.name}.gpkg").drop(columns="geometry")
        again = mapped_fields(context, out / "class_map", period, least_cells=int(least)).drop(columns="geometry")
        compare(published, again, ["field_id"], (), f"class_map/fields_{period.name}.gpkg", ("crop", "period"))
        rows += len(published)
    return rows


def recompute_design(out: Path, context: Context, *, whole_files: bool) -> int:
    """Make strata, sample, agreed labels, gaps and counts on the maps again; return the rows compared.

    Parameters
    ----------
    out
        Run folder.
    context
        From `design_context`.
    whole_files
        Of a run of this program: divide the frame again too, and compare the interpreters' files byte by byte.
    """
    folder, frame = out / "frame", context.frame
    strata = read_csv(folder / "strata.csv")
    names = strata["stratum"].tolist()
    cells = read_on_grid(folder / "strata.tif", frame.geobox)
    compare(strata, stratum_sizes(frame, cells, names), ["stratum"], ("size", "area_ha"), "strata.csv")
    by_unit = read_csv(folder / "strata_by_unit.csv")
    keys = ["stratum", "adm_code"]
    compare(by_unit, sizes_by_unit(frame, cells, names), keys, ("size", "area_ha"), "strata_by_unit.csv")
    if whole_files:
        _recompute_division(context, strata, np.asarray(cells))
    rows = len(strata) + len(by_unit) + _recompute_sample(context, strata, whole_files=whole_files)
    rows += _recompute_known(context, np.asarray(cells) == names.index(KNOWN) + 1) if KNOWN in names else 0
    agreed, _ = agree(read_csv(folder / "interpretation.csv"), context.profile.legend.names)
    reference = read_csv(folder / "reference.csv")
    compare(reference, agreed, ["unit_id", "period"], (), "reference.csv", ("label", "decided_by"))
    counts = read_csv(out / "estimates" / "mapped_areas.csv")
    keys = ["crop", "period", "domain"]
    compare(counts.astype({"period": str}), mapped_areas(context), keys, ("mapped_ha", "cells"), "mapped_areas.csv")
    return rows + len(reference) + len(counts) + _recompute_gaps(out, context)


def _recompute_division(context: Context, strata: pd.DataFrame, cells: NDArray[np.integer[Any]]) -> None:
    """Divide the frame again by its maps, and make the shares again that the sample was allotted by.

    A crop without a map of use is divided by what earlier surveys drew, which the run folder does not hold: then
    the strata stand as they are.
    """
    names, grid = strata["stratum"].tolist(), context.frame.geobox
    told = Strata(names=tuple(names), stratum_of_cell=cells.astype(np.uint8))
    path = context.out / FARMED
    farmed = read_on_grid(path, grid) == 1 if path.is_file() else None
    if divides_by_maps(context):
        known = cells == names.index(KNOWN) + 1 if KNOWN in names else None
        again = divided(context, known=known, farmed=farmed)
        wrong = int((again.stratum_of_cell != told.stratum_of_cell).sum())
        if again.names != told.names or wrong:
            raise differs("frame/strata.tif", f"{wrong} cells of other strata", ", ".join(again.names))
    shares = expected_shares(context, told, farmed)
    made = strata[["stratum"]].assign(expected_share=shares)
    compare(strata, made, ["stratum"], ("expected_share",), "strata.csv")


def _recompute_sample(context: Context, strata: pd.DataFrame, *, whole_files: bool) -> int:
    folder = context.out / "frame"
    published = read_csv(folder / "sample.csv")
    again = drawn(context, strata, allocated(context, strata))
    numbers = ("row", "col", "x_m", "y_m")
    compare(published, again.drop(columns="geometry"), ["unit_id"], numbers, "sample.csv", ("stratum", "adm_code"))
    for column in ("longitude", "latitude"):  # written with six digits of a degree
        wrong = ~np.isclose(published[column], again[column], rtol=0, atol=1e-6)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            where = f"sample.csv {published['unit_id'].iloc[row]} {column}"
            raise differs(where, published[column].iloc[row], again[column].iloc[row])
    if whole_files:
        with tempfile.TemporaryDirectory() as place:
            write_sample(context, again, Path(place))
            for name in _FILES:
                if (folder / name).read_bytes() != (Path(place) / name).read_bytes():
                    raise differs(f"frame/{name}", "other bytes", "those of the sample")
    return len(published)


def _recompute_known(context: Context, cells: Any) -> int:
    """Hold the known units to the cells of their stratum, and what the maps say of them to the maps."""
    published = read_csv(context.out / "frame" / "known_units.csv")
    places = pd.DataFrame(np.argwhere(cells), columns=["row", "col"])
    again = with_place_and_map(context, places.assign(unit_id=""))
    numbers, words = ("row", "col"), tuple(name for name in again if name not in ("unit_id", "row", "col"))
    compare(published.drop(columns="unit_id"), again, ["row", "col"], numbers[:0], "known_units.csv", words)
    return len(published)


def _recompute_gaps(out: Path, context: Context) -> int:
    """Make the gaps of every unit again from the counts of observations."""
    frame, rows = context.frame, 0
    for path in sorted((out / "imagery").glob(f"*/{GAP_TABLE}")):
        published = read_csv(path).fillna({"window": ""})
        whole = published[published["domain"] == published["domain"].iloc[0]]
        again = gap_rows(
            path.with_name("valid_count.tif"),
            period=path.parent.name,
            unit_of_cell=frame.unit_of_cell,
            units=list(zip(frame.admin["code"], frame.admin["name"], strict=True)),
            frame_name=context.survey.survey.title,
            windows=list(whole.loc[whole["window"] != "", "window"]),
            min_valid=context.imagery.min_valid,
        )
        keys, text = ["domain", "measure", "window"], dict.fromkeys(("period", "domain", "measure", "window"), str)
        numbers = ("cells", "of_cells", "share", "min_valid")
        compare(published.astype(text), again.astype(text), keys, numbers, str(path.relative_to(out)))
        rows += len(published)
    return rows


def recompute_model_scores(out: Path) -> int:
    """Hold the tables of the classifier's scores to those that the model tells; return the rows compared."""
    folder = out / "class_map"
    validation: Mapping[str, Any] = json.loads((out / MODEL_FOLDER / "model.json").read_text("utf-8"))["validation"]
    scores, suspects, transfer = (read_csv(folder / f"{name}.csv") for name in _SCORES)
    crops = list(dict.fromkeys(scores["crop"]))
    made = pd.DataFrame(list(validation_rows(validation, crops)))
    meant = [
        (scores, made, ["period", "crop", "rule"], "validation.csv"),
        (suspects, _told(validation["suspects"], SUSPECT_COLUMNS), ["unit_id", "period"], "suspect_labels.csv"),
        (transfer, _told(validation["transfer"], TRANSFER_COLUMNS), ["from", "to", "crop"], "transfer.csv"),
    ]
    for published, again, keys, file in meant:
        text = dict.fromkeys(keys, str)
        compare(published.astype(text), again.astype(text), keys, (), f"class_map/{file}")
    return sum(len(published) for published, *_ in meant)


_SCORES = ("validation", "suspect_labels", "transfer")


def _told(rows: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))
