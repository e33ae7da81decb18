"""Erosion and loads on water: what is gathered from rasters once, as a table of draws and maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.harm.carried import share_that_arrives
from aoi.harm.contamination import contamination_figures
from aoi.harm.erosion import added_loss_t_ha, erosion_draws, erosion_figures
from aoi.harm.factor import Factor, factor_draws
from aoi.harm.loads import ClassLoad, read_loads, shipped_loads, with_own_loads
from aoi.harm.mapped import MappedFigure
from aoi.harm.potential import Waters
from aoi.harm.slopes import Cover, Layer, Slopes, Soil, bare_ground, prepare_slopes
from geo.cog import CogWriter, RasterStyle
from geo.errors import InputError, Problem, reason
from geo.flow import OUTSIDE, upstream_cells
from geo.memory import give_back
from monitor.context import Progress
from monitor.harms.access import track_share
from monitor.harms.footprint import LOAD_LIMITS, Footprint, Scene, style_of
from monitor.harms.ground_water import (
    ANOMALY,
    POTENTIAL,
    Terrain,
    covers_of,
    lacking_inputs,
    picked,
    rain_and_soil,
    rivers_of,
    strips,
    terrain_of,
)
from monitor.harms.settings import factors_of
from monitor.harms.sites import read_sites
from monitor.harms.spraying import sprayed_ha
from monitor.harms.stages import Stages
from monitor.harms.water_rows import table_name, write_draws

__all__ = ["cleared_potential", "gather", "loads_of"]

_MAP_STYLE = RasterStyle(nodata=-9999.0, descriptions=("soil loss added at the central factors, t/ha/yr",))


def gather(scene: Scene, found: Footprint, folder: Path, stages: Stages) -> pd.DataFrame:
    """Write the draws of erosion and of loads over the mapped crop, and the map of added loss.

    Parameters
    ----------
    scene
        The crop and period.
    found
        What the pass over blocks found; what bare soil would lose at the sample units is added to it.
    folder
        Where the table and the map go.
    stages
        Hears what is being done.

    Returns
    -------
    DataFrame
        Columns quantity, domain, value: the mean anomaly of the year's rain over the crop.
    """
    factors = factors_of(scene.section)
    if lacking_inputs(scene.ground.has) or f"c_{scene.crop}" not in factors:
        return pd.DataFrame({"quantity": [], "domain": [], "value": []})
    give_back()
    stages.begin("flow network")
    terrain = terrain_of(scene, factors, stages.part)
    give_back()
    stages.begin("hillslopes")
    slopes = _slopes(scene, terrain, factors)
    domains = _domains(scene, slopes)
    found.units |= _at_units(scene, terrain, factors)
    give_back()
    stages.begin("erosion (E1 to E3)")
    figures = _erosion(scene, terrain, slopes, domains, factors, stages.part)
    give_back()
    stages.begin("loads on water (W1 to W7)")
    figures += _loads(scene, terrain, slopes, domains, factors, stages.part)
    stages.begin("tables and maps")
    write_draws(figures, folder / table_name(scene.crop, scene.period), scene.section.draws)
    _write_map(scene, slopes, factors, folder / f"erosion_{scene.crop}_{scene.period}.tif")
    _write_load_map(scene, slopes, factors, folder / f"load_{scene.crop}_{scene.period}.tif")
    every = scene.domains.table["domain"]
    return pd.DataFrame({"quantity": ANOMALY, "domain": every, "value": slopes.anomaly})


def loads_of(scene: Scene) -> tuple[ClassLoad, ...]:
    """Return the shipped loads with the survey's own in their place."""
    own = scene.section.loads
    return shipped_loads() if own is None else with_own_loads(shipped_loads(), read_loads(own))


def _erosion(
    scene: Scene,
    terrain: Terrain,
    slopes: Slopes,
    domains: dict[str, NDArray[np.bool_]],
    factors: dict[str, Factor],
    progress: Progress,
) -> list[MappedFigure]:
    seed, jobs = scene.context.survey.survey.seed, scene.context.jobs
    n = scene.section.draws
    drawn = erosion_draws(slopes, terrain.basin, domains, factors, n=n, seed=seed, jobs=jobs, progress=progress)
    return erosion_figures(drawn, track_share=_track_share(scene, factors, n, seed))


def _track_share(scene: Scene, factors: dict[str, Factor], n: int, seed: int) -> NDArray[np.float64] | None:
    """Return draws of the share of their cells that new tracks cover; None where no access was given."""
    if scene.access is None:
        return None
    by_metre, by_polygons = track_share(scene.access, scene.context.frame.geobox)
    width_m = factor_draws(factors, ("track_width",), n=n, seed=seed)["track_width"]
    return np.asarray(by_polygons + by_metre * width_m)


def _loads(
    scene: Scene,
    terrain: Terrain,
    slopes: Slopes,
    domains: dict[str, NDArray[np.bool_]],
    factors: dict[str, Factor],
    progress: Progress,
) -> list[MappedFigure]:
    return contamination_figures(
        slopes,
        terrain.network,
        domains,
        loads_of(scene),
        factors,
        scene.crop,
        n=scene.section.draws,
        seed=scene.context.survey.survey.seed,
        waters=_waters(scene),
        jobs=scene.context.jobs,
        progress=progress,
    )


def cleared_potential(scene: Scene, cleared: NDArray[np.bool_]) -> NDArray[np.float32] | str:
    """Return R K LS of cleared ground, t/ha/yr of bare ground, NaN elsewhere; or why it cannot be had.

    Parameters
    ----------
    scene
        Where rasters come from.
    cleared
        Cells of the grid that were forest and are not any more.
    """
    factors = factors_of(scene.section)
    try:
        terrain = terrain_of(scene, factors)
        names = ("primary_forest", "new_clearing")
        before = np.zeros(cleared.shape, dtype=np.int8)
        cover = Cover(names=names, crop=names[1], observed=cleared.astype(np.int8), counterfactual=before)
        slopes = _slopes(scene, terrain, factors, cover)
    except InputError as error:  # a hole far from the crop does not end the run
        return reason(error)
    found = np.full(cleared.size, np.nan, dtype=np.float32)
    places = slopes.plots
    found[slopes.hill.cells[places]] = slopes.potential[:, places].mean(axis=0)
    return found.reshape(cleared.shape)


def _slopes(scene: Scene, terrain: Terrain, factors: dict[str, Factor], cover: Cover | None = None) -> Slopes:
    rain, soil, anomaly = rain_and_soil(scene)
    try:
        return prepare_slopes(
            terrain.network,
            terrain.stream,
            terrain.elevation_m,
            covers_of(scene) if cover is None else cover,
            scene.context.frame.cell_area_ha.at,
            erosivity=rain,
            soil=soil,
            factors=factors,
            anomaly=anomaly,
            also=_sites(scene),
        )
    except InputError as error:
        raise InputError([*error.problems, *_unnamed(scene, error)]) from error


def _unnamed(scene: Scene, error: InputError) -> Iterator[Problem]:
    """Yield the codes of the land-cover maps that nobody named, where cells without a cover were refused."""
    codes = scene.shared.get("unnamed", [])
    if codes and any(one.where.startswith("land cover") for one in error.problems):
        shown = ", ".join(map(str, codes))
        yield Problem("[harm.cover]", f"nothing for code {shown}", "what each code of land_cover means", "add them")


def _sites(scene: Scene) -> NDArray[np.int32] | None:
    """Return the cells of known places of processing; None when none were given."""
    given = scene.section.sites
    return None if given is None else read_sites(given, scene.context.frame)


def _at_units(scene: Scene, terrain: Terrain, factors: dict[str, Factor]) -> dict[str, NDArray[np.float64]]:
    """Return what bare soil would lose at each sample unit, t/ha/yr, a column for each equation of K.

    Not known (NaN) at all of them where an input is missing at one: the map alone speaks then.
    """
    units = scene.sample
    row, col = (units[name].to_numpy(dtype=np.int64) for name in ("row", "col"))
    cells = (row * scene.context.frame.geobox.shape[1] + col).astype(np.int32)
    rain, soil, anomaly = rain_and_soil(scene)
    upslope = np.where(terrain.stream[cells], 1, upstream_cells(terrain.network)[cells]).astype(np.int32)
    try:
        bare = bare_ground(
            terrain.network, terrain.elevation_m, cells, upslope, erosivity=rain, soil=soil, factors=factors,
            anomaly=anomaly,
        ).potential.astype(np.float64)  # fmt: skip
    except InputError:
        bare = np.full((3 if isinstance(soil, Soil) else 1, cells.size), np.nan)
    bare[:, terrain.network.downstream[cells] == OUTSIDE] = np.nan
    return {f"{POTENTIAL}{number}": values for number, values in enumerate(bare, start=1)}


def _domains(scene: Scene, slopes: Slopes) -> dict[str, NDArray[np.bool_]]:
    """Return by domain which cells of the plots lie in it."""
    names = [str(code) for code in scene.domains.table["domain"]]
    cells, width = slopes.hill.cells[slopes.plots], int(scene.context.frame.geobox.shape[1])
    row, col = np.divmod(cells, np.int32(width))
    inside = np.zeros((len(names), cells.size), dtype=bool)
    for block in strips(scene):
        here = np.flatnonzero((row >= block.row) & (row < block.row + block.height))
        if not here.size:
            continue
        at = (row[here] - block.row, col[here])
        parts = scene.domains.codes(block)
        starts = scene.domains.starts
        for start, part, end in zip(starts, parts, (*starts[1:], len(names)), strict=True):
            own = part[at]
            inside[start, here] = own > 0
            for code in np.unique(own[own > 0]):
                if start + code < end:
                    inside[start + code, here] = own == code
    return dict(zip(names, inside, strict=True))


def _waters(scene: Scene) -> Waters:
    has, area = scene.ground.has, scene.context.frame.cell_area_ha

    def people(cells: NDArray[np.int32]) -> NDArray[np.float64]:
        density = np.nan_to_num(picked(scene, "population_density")(cells))
        return np.asarray(density * area.at(cells) / 100)  # persons/km2 on hectares

    return Waters(
        discharge=_flow(scene),
        low_flow=picked(scene, "low_flow") if has("low_flow") else None,
        reservoirs=picked(scene, "reservoirs") if has("reservoirs") else None,
        people=people if has("population_density") else None,
        intakes=picked(scene, "water_intakes") if has("water_intakes") else None,
        vulnerability=picked(scene, "drastic_index") if has("drastic_index") else None,
        sprayed_ha=sprayed_ha(scene),
        sites=_sites(scene),
    )


def _flow(scene: Scene) -> Layer | None:
    """Return the mean flow of streams: a map's, and where it tells nothing that of the nearest river line."""
    lines = rivers_of(scene)
    mapped = picked(scene, "hydrorivers_discharge") if scene.ground.has("hydrorivers_discharge") else None
    if lines is None or lines.discharge_m3_s is None:
        return mapped
    within_m = scene.factors["river_distance"].value

    def flow(cells: NDArray[np.int32]) -> NDArray[np.float64]:
        told = lines.flow_at(cells, within_m=within_m)
        if mapped is None:
            return told
        known = mapped(cells)
        return np.where(known > 0, known, told)  # a stream without flow on the map is one that it does not know

    return flow


def _write_map(scene: Scene, slopes: Slopes, factors: dict[str, Factor], path: Path) -> None:
    """Write the loss added at the plots at the central factors."""
    places = slopes.plots
    added = added_loss_t_ha(slopes, factors)[places]
    _write_cells(scene, slopes.hill.cells[places], added, path, dtype="float32", style=_MAP_STYLE)


def _write_load_map(scene: Scene, slopes: Slopes, factors: dict[str, Factor], path: Path) -> None:
    """Write how much of what is dissolved at each plot can reach a stream, in classes."""
    places, share = share_that_arrives(slopes, factors)
    code = 1 + np.digitize(share, LOAD_LIMITS)
    _write_cells(scene, slopes.hill.cells[places], code, path, dtype="uint8", style=style_of("load"))


def _write_cells(
    scene: Scene, cells: NDArray[np.int32], values: NDArray[Any], path: Path, *, dtype: str, style: RasterStyle
) -> None:
    """Write values of numbered cells strip by strip, no-data elsewhere."""
    order = np.argsort(cells, kind="stable")
    cells, values = cells[order], values[order]
    with CogWriter(path, scene.context.frame.geobox, dtype=dtype, style=style) as writer:
        for block in strips(scene):
            first = block.row * block.width
            part = slice(*np.searchsorted(cells, [first, first + block.height * block.width]))
            picture = np.full(block.height * block.width, style.nodata, dtype=dtype)
            picture[cells[part] - first] = values[part]
            writer.write(block, picture.reshape(block.height, block.width))
