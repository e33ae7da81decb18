"""Step ``harm``: what lies under the crop is read once by blocks; the figures are then made from tables alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from aoi.harm.attribution import windows_years
from aoi.harm.draws import correlated_sum_se
from geo.blocks import Block
from geo.errors import InputError
from geo.files import sha256, write_text
from geo.raster import geobox_of
from geo.vector import read_layer
from monitor.context import Context, Progress
from monitor.harms.access import new_access, read_access, track_share
from monitor.harms.chapters import harm_rows
from monitor.harms.domains import Domains
from monitor.harms.figures import read_figures
from monitor.harms.footprint import Footprint, Scene, footprint, natural_codes
from monitor.harms.ground import Ground, open_ground
from monitor.harms.history import History, read_history
from monitor.harms.rain import rain_problems
from monitor.harms.rings import Rings, coarse_mean, coarse_side, fragments, ring_names, ring_table
from monitor.harms.settings import factor_records, factors_of
from monitor.harms.spraying import eradicated
from monitor.harms.stages import Stages
from monitor.harms.unused import unused_inputs
from monitor.harms.water import gather
from monitor.indicators import low_counts, rows_of_harms, write_part
from monitor.sections import HarmSection
from monitor.steps.estimate import interval_method
from monitor.tables import read_tables

__all__ = ["COLLECTORS", "biomass_errors", "coarse_heights", "harm", "harm_notes", "scenes_of"]

_FAR_M = 1000.0
_MOST_PATCHES = 4000

Collector = Callable[[Scene, Footprint, Path, Stages], pd.DataFrame]
"""Gathers further totals of a harm: rows quantity, domain, value; may write rasters into the folder."""

COLLECTORS: dict[str, Collector] = {"water": gather}
"""Harm to what gathers more for it than the pass over blocks does, such as the routing of sediment."""


def harm(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``indicators/``: what figures of harm are made from, their rows, and the maps."""
    section = context.survey.harm
    assert section is not None
    folder = staging / "indicators"
    folder.mkdir(parents=True, exist_ok=True)
    units = read_tables(context.out).units
    problems = list(rain_problems(section, [period.reference_date.year for period in context.compared]))
    if problems:
        raise InputError(problems)
    with open_ground(section, context.frame.geobox) as ground:
        scenes = list(scenes_of(context, section, ground, units))
        parts = [
            _collect(scene, folder, units, context.jobs, Stages(progress, number, len(scenes)))
            for number, scene in enumerate(scenes)
        ]
    merged = units[["unit_id"]].assign(
        **{key: value for _, _, found in parts for key, value in found.units.items()}
    )
    _write(merged, folder / "harm_units.csv")
    _write(pd.concat([totals for totals, _, _ in parts], ignore_index=True), folder / "footprint.csv")
    _write(pd.concat([rings for _, rings, _ in parts], ignore_index=True), folder / "rings.csv")
    settings = _settings(context, section, scenes)
    write_text(folder / "harm_settings.json", json.dumps(settings, indent=1, ensure_ascii=False) + "\n")
    figures = read_figures(context.out, folder)
    rows = rows_of_harms(harm_rows(figures), level=context.survey.estimate.level, low=low_counts(context.out))
    write_part(rows, staging, "harm")
    unused = [f"{one.where}: {one.found} ({one.expected})" for one in unused_inputs(section)]
    return {"rows": len(rows), "notes": [*harm_notes(rows), *unused]}


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write a table that figures are recomputed from: every digit is kept."""
    table.to_csv(path, index=False, float_format="%.17g", lineterminator="\n")


def scenes_of(
    context: Context, section: HarmSection, ground: Ground, sample: pd.DataFrame | None = None
) -> Iterator[Scene]:
    """Yield what is looked at: every crop in every compared period, in order."""
    domains, factors = Domains(context), factors_of(section)
    access = None if section.access is None else read_access(section.access, context.frame)
    operations = eradicated(context)
    shared: dict[str, Any] = {}
    ranges = tuple(_range(context, entry.range, entry.layer) for entry in section.species)
    for crop in context.survey.survey.crops:
        history = read_history(context, crop)
        window = windows_years(crop, section.window_years.get(crop))[0]
        earlier: int | None = None
        for period in context.compared:
            year = period.reference_date.year
            since = year - window if earlier is None else earlier
            yield Scene(
                context=context,
                section=section,
                ground=ground,
                domains=domains,
                history=history,
                crop=crop,
                period=period.name,
                year=year,
                since=since,
                eradicated=operations,
                access=None if access is None else new_access(access, since=since, year=year),
                factors=factors,
                ranges=ranges,
                sample=pd.DataFrame() if sample is None else sample,
                shared=shared,
            )
            earlier = year


def _range(context: Context, path: Path, layer: str | None) -> History:
    """Return the range of a species as polygons of the year 0."""
    found = read_layer(path, layer=layer, geometry="polygon").geometry.to_crs(str(context.frame.geobox.crs))
    shapes = np.asarray(found.values, dtype=object)
    return History(shapes[~shapely.is_empty(shapes)], np.zeros(int((~shapely.is_empty(shapes)).sum()), np.int64))


def _collect(
    scene: Scene, folder: Path, units: pd.DataFrame, jobs: int, stages: Stages
) -> tuple[pd.DataFrame, pd.DataFrame, Footprint]:
    """Return totals, rings and what the pass found."""
    stages.begin("pass over blocks")
    found = footprint(scene, folder, units, jobs=jobs, progress=stages.part)
    stages.begin("rings and fragments")
    extra = list(biomass_errors(scene, found))
    rings = pd.DataFrame(columns=["crop", "period", "zone", "tile", "loss_ha", "expected_ha", "cells", "reason"])
    if scene.has_forest:
        state = found.state
        assert state is not None
        cell_m = float(abs(scene.context.frame.geobox.transform.a))
        held = asdict(fragments(state, cell_m=cell_m, core_depth_m=scene.section.core_depth_m))
        names = {"mesh_ha": "mesh", "edge_m": "edge", "core_ha": "core"}
        extra += [(f"fragment_{names[name]}", "frame", value) for name, value in held.items()]
        balance = factors_of(scene.section)["match_balance"].value
        width = Rings(scene.section.rings_m, cell_m, balance, access=scene.access is not None)
        rings = ring_table(state, coarse_heights(scene, width), width)
        rings.insert(0, "crop", scene.crop)
        rings.insert(1, "period", scene.period)
        del state
    if scene.access is not None:
        by_metre, by_polygons = track_share(scene.access, scene.context.frame.geobox)
        extra += [("track_share_per_m", "frame", by_metre), ("track_share_polygons", "frame", by_polygons)]
    found.state = None  # a grid of its own, given back before others are made
    more = [collector(scene, found, folder, stages) for collector in COLLECTORS.values()]
    stages.end()
    table = pd.DataFrame(extra, columns=["quantity", "domain", "value"])
    added = pd.concat([table, *more], ignore_index=True).assign(crop=scene.crop, period=scene.period)
    own = found.table(scene.crop, scene.period)
    return pd.concat([own, added[own.columns]], ignore_index=True), rings, found


def coarse_heights(scene: Scene, rings: Rings) -> NDArray[np.float64] | None:
    """Return the mean height of every coarse cell, read in strips of them."""
    if not scene.ground.has("elevation"):
        return None
    side = coarse_side(rings.edges_m, rings.cell_m)
    height, width = scene.context.frame.geobox.shape
    strips = []
    for row in range(0, height, side * 64):
        rows = min(side * 64, height - row)
        strips.append(coarse_mean(scene.ground.read("elevation", Block(row, 0, rows, width)), side))
    return np.concatenate(strips)


def biomass_errors(scene: Scene, found: Footprint) -> Iterator[tuple[str, str, float]]:
    """Yield the standard error of footprint biomass: correlated, and the bounds of none and of full correlation."""
    if not found.patches:
        return
    factors = factors_of(scene.section)
    places = np.array(sorted(found.patches), dtype=np.int64)
    weight = np.array([found.patches[int(row), int(col)] for row, col in places]) / 1e9
    cell = float(abs(scene.context.frame.geobox.transform.a))
    patch = max(1, round(100.0 / cell)) * cell
    far = _FAR_M / patch
    while True:  # errors of one kilometre are taken as one, so that the sum stays short
        near, index = np.unique(np.floor(places / far).astype(np.int64), axis=0, return_inverse=True)
        if len(near) <= _MOST_PATCHES:
            break
        far *= 2
    held = np.bincount(index.ravel(), weights=weight)
    where = near * far * patch
    yield "biomass_se_t", "frame", correlated_sum_se(
        held, np.ones_like(held), where[:, 1], where[:, 0],
        rho0=factors["biomass_rho0"].value, range_m=factors["biomass_range_m"].value,
    )  # fmt: skip
    yield "biomass_se_independent_t", "frame", float(np.sqrt((weight**2).sum()))
    yield "biomass_se_full_t", "frame", float(weight.sum())


def _settings(context: Context, section: HarmSection, scenes: list[Scene]) -> dict[str, Any]:
    """Return all that figures are made with beside the tables."""
    crops = list(dict.fromkeys(scene.crop for scene in scenes))
    periods = {scene.period: {"name": scene.period, "year": scene.year, "since": scene.since} for scene in scenes}
    species = [entry.model_dump(mode="json", exclude={"range", "layer"}) for entry in section.species]
    return {
        "crops": crops,
        "periods": list(periods.values()),
        "windows": {crop: list(windows_years(crop, section.window_years.get(crop))) for crop in crops},
        "domains": scenes[0].domains.table["domain"].tolist(),
        "site_domains": _site_domains(scenes[0].domains),
        "strips_ha": scenes[0].domains.strips_ha,
        "ring_names": ring_names(section.rings_m, access=section.access is not None),
        "lag_years": section.lag_years,
        "access": section.access is not None,
        "canopy_threshold_percent": section.canopy_threshold_percent,
        "climate": section.climate,
        "cover": section.cover,
        "natural_codes": natural_codes(section),
        "draws": section.draws,
        "seed": context.survey.survey.seed,
        "level": context.survey.estimate.level,
        "interval": interval_method(context),
        "plot_width_m": _plot_width(context, section),
        "inputs": [_input_record(entry) for entry in section.input],
        "species": species,
        "factors": factor_records(factors_of(section)),
    }


def _site_domains(domains: Domains) -> list[str]:
    """Return the domains that are sites of conservation."""
    table = domains.table
    return [str(code) for code in table.loc[table["kind"].isin(["protected", "forest_reserve"]), "domain"]]


def _input_record(entry: Any) -> dict[str, Any]:
    transform = geobox_of(entry.path).transform
    return {
        "id": entry.name,
        "version": f"{entry.version or (str(entry.year) if entry.year is not None else '')}{_depth(entry)}".strip(),
        "depth_cm": entry.depth_cm,
        "year": entry.year,
        "unit": entry.unit,
        "cell": abs(float(transform.a)),
        "checksum": sha256(entry.path)[:16],
    }


def _depth(entry: Any) -> str:
    return "" if entry.depth_cm is None else " {:g}-{:g} cm".format(*entry.depth_cm)


def _plot_width(context: Context, section: HarmSection) -> float | None:
    """Return the typical width of a plot, metres: the side of a square of the profile's typical field."""
    if section.plot_width_m is not None:
        return section.plot_width_m
    size = context.profile.of(context.survey.survey.crops[0]).field_ha
    return None if size is None else float(np.sqrt(size.typical * 1e4))


def harm_notes(rows: pd.DataFrame) -> Iterator[str]:
    """Yield one line for each of the six harms in the latest period: its figure with the interval, or why not."""
    from monitor.harms.reading import closing_line, headlines

    for head in headlines(rows):
        yield closing_line(head)
