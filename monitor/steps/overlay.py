"""Step ``overlay``: cultivation in AD areas and other zones, with intervals, and a partition that adds up."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from aoi.membership import cell_areas_by_zone, zone_of_cells
from aoi.zones import ZoneLayer, Zones, stack
from geo.errors import InputError, Problem
from monitor.context import Context, Progress
from monitor.figures import FRAME, Domain, estimate_rows, frame_domain
from monitor.sections import NO_ZONE
from monitor.steps.estimate import interval_method, period_facts
from monitor.tables import SurveyTables, read_tables, write_csv
from monitor.zone_tables import write_zones

__all__ = ["outside_frame", "overlay"]


def overlay(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``overlay/zones.csv`` (by layer: parts add up) and ``overlay/alone.csv`` (each zone by itself)."""
    folder = staging / "overlay"
    folder.mkdir(parents=True, exist_ok=True)
    survey = context.survey
    if not survey.overlay:
        return {"zones": 0}
    tables = read_tables(context.out)
    zones = _zones(context)
    figures = partial(
        estimate_rows,
        tables,
        survey.survey.crops,
        period_facts(context),
        method=interval_method(context),
        level=survey.estimate.level,
    )
    total = len(zones.layers) + 2
    domains = []
    for done, name in enumerate(zones.layers, start=1):
        domains += _alone(context, tables, zones, name)
        progress(done, total)
    alone = figures(domains)
    progress(total - 1, total)
    partition = _partition(context, tables, zones)
    parts = figures(partition)
    write_zones(tables, {"zones": partition, "alone": domains}, folder)
    write_csv(parts.assign(additive=parts["domain"] != FRAME), folder / "zones.csv")
    write_csv(alone.assign(additive=False), folder / "alone.csv")
    progress(total, total)
    return {"zones": len(zones), "precedence": list(zones.layers)}


def outside_frame(name: str) -> Problem:
    """Return the problem of a layer without ground in the frame: its crop is not zero, it was not looked at."""
    return Problem(
        f"[[overlay]] {name}",
        "no polygon with ground inside the area frame",
        "a layer over the frame",
        "check the coordinate reference system of the layer, or take it out",
    )


def _zones(context: Context) -> Zones:
    layers = [
        ZoneLayer(name=entry.name, frame=context.read_overlay(index), label="label", title=entry.title)
        for index, entry in enumerate(context.survey.overlay)
    ]
    return stack(layers, str(context.frame.geobox.crs))


def _partition(context: Context, tables: SurveyTables, zones: Zones) -> list[Domain]:
    """Return the frame and its parts by layer: a cell in several layers goes to the first in the file."""
    titles = {entry.name: entry.title for entry in context.survey.overlay}
    code_of_cell = zone_of_cells(context.frame.geobox, zones)
    layer_of_code = np.array([0, *(zones.frame["layer"].map(zones.layers.index) + 1)])
    layer_of_cell = layer_of_code[code_of_cell].astype(np.uint16)
    areas = cell_areas_by_zone(layer_of_cell, context.frame.geobox, len(zones.layers), context.frame.inside)
    of_unit = layer_of_cell[tables.units["row"], tables.units["col"]]
    parts = [
        Domain(code=name, name=titles[name], inside=of_unit == index, area_ha=float(areas[index]))
        for index, name in enumerate(zones.layers, start=1)
    ]
    rest = Domain(code=NO_ZONE, name="Outside all zones", inside=of_unit == 0, area_ha=float(areas[0]))
    return [frame_domain(tables, context.survey.survey.title), *parts, rest]


def _alone(context: Context, tables: SurveyTables, zones: Zones, name: str) -> list[Domain]:
    """Return a layer, and every zone of it, by itself; they may overlap, so their figures do not add up."""
    title = next(entry.title for entry in context.survey.overlay if entry.name == name)
    own = zones.only(name)
    cells = zone_of_cells(context.frame.geobox, own)
    areas = cell_areas_by_zone(cells, context.frame.geobox, len(own), context.frame.inside)
    if not areas[1:].any():
        raise InputError(outside_frame(name))
    of_unit = cells[tables.units["row"], tables.units["col"]]
    return [
        Domain(code=name, name=title, inside=of_unit > 0, area_ha=float(areas[1:].sum())),
        *(
            Domain(code=f"{name}:{label}", name=str(label), inside=of_unit == code, area_ha=float(areas[code]))
            for code, label in enumerate(own.frame["zone"], start=1)
            if areas[code] > 0
        ),
    ]
