"""Step ``floors``: the map's scores on the reference sample with the no-skill floors beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo.raster import read_on_grid
from imagery.prior import prior_masks, prior_years
from monitor.context import Context, Progress
from monitor.figures import FRAME
from monitor.floors import MAP, floor_rows, historical_rows, lost, skill_lines
from monitor.sections import PeriodSection
from monitor.steps.classify import read_model
from monitor.tables import SurveyTables, read_csv, read_tables, write_csv

__all__ = ["write_floors"]


def write_floors(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``estimates/floors.csv``, and what it is made from: ``floor_rules.csv`` and ``prior_totals.csv``."""
    tables = read_tables(context.out)
    says = pd.DataFrame(list(_says(context, tables)))
    totals = pd.DataFrame(list(_prior_totals(context)), columns=["crop", "period", "year", "area_ha"])
    estimates = read_csv(context.out / "estimates" / "estimates.csv")
    rows = floor_rows(tables, says)
    folder = staging / "estimates"
    # Totals are read back as they are written, so that a verification meets the same numbers
    write_csv(says, folder / "floor_rules.csv")
    write_csv(totals, folder / "prior_totals.csv")
    past = historical_rows(read_csv(folder / "prior_totals.csv"), estimates[estimates["domain"] == FRAME])
    whole = rows if past.empty else pd.concat([rows, past.astype({"beaten": object})], ignore_index=True)
    write_csv(whole, folder / "floors.csv")
    progress(1, 1)
    return {
        "notes": list(skill_lines(rows)),
        "maps_without_skill": sorted(f"{crop} {period}" for crop, period in lost(rows)),
    }


def _says(context: Context, tables: SurveyTables) -> Iterator[dict[str, Any]]:
    """Yield what each rule says of each unit."""
    units = tables.units
    at = units["row"].to_numpy(), units["col"].to_numpy()
    for crop in context.survey.survey.crops:
        for period in context.compared:
            for rule, here in _rules(context, tables, crop, period, at).items():
                for unit, value in zip(units["unit_id"], here, strict=True):
                    yield {
                        "unit_id": unit, "crop": crop, "period": period.name, "rule": rule, "crop_here": int(value)
                    }  # fmt: skip


def _rules(
    context: Context,
    tables: SurveyTables,
    crop: str,
    period: PeriodSection,
    at: tuple[NDArray[Any], NDArray[Any]],
) -> dict[str, NDArray[np.bool_]]:
    """Return for each rule whether it says crop at the units; a cell not seen is not said to be crop."""
    model, geobox = read_model(context), context.frame.geobox
    greenness = read_on_grid(context.greenness_path(crop, period.name), geobox)[at]
    common = model.validation["floor_rules"][crop]["majority_class"] == context.profile.legend.code(crop)
    rules = {
        MAP: tables.units[f"map_{period.name}"].to_numpy() == crop,
        "majority_class": np.full(len(tables.units), common),
        "greenness_threshold": greenness == 1,
    }
    before = next((p for p in context.compared if p.reference_date < period.reference_date), None)
    if before is not None:
        rules["same_as_baseline"] = tables.member(before.name, crop) == 1
    if context.prior is not None:
        masks = prior_masks(context.prior, geobox, crops=[crop], year=period.reference_date.year)
        rules |= {name.removesuffix(f":{crop}"): mask[at] for name, mask in masks.items()}
    return rules


def _prior_totals(context: Context) -> Iterator[dict[str, Any]]:
    """Yield the hectares that each earlier survey drew within the frame."""
    prior, frame = context.prior, context.frame
    if prior is None:
        return
    for crop in context.survey.survey.crops:
        for period in context.compared:
            for year in prior_years(prior, crop, period.reference_date.year):
                # Of the surveys before the next year this one is the last
                drawn = prior_masks(prior, frame.geobox, crops=[crop], year=year + 1)[f"last_census:{crop}"]
                area = float(frame.areas_by((drawn & frame.inside).astype(np.int64), 2)[1])
                yield {"crop": crop, "period": period.name, "year": year, "area_ha": area}
