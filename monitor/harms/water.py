"""Erosion and loads on water: what the collector gathers from rasters once, and the rows made of that table.

Both need the flow network of the whole grid, which is made once for all crops and periods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.harm.attribution import cover_before, first_use_year
from aoi.harm.contamination import Waters, contamination_figures
from aoi.harm.erosion import added_loss_t_ha, erosion_draws, erosion_figures
from aoi.harm.factor import Factor
from aoi.harm.loads import ClassLoad, read_loads, shipped_loads, with_own_loads
from aoi.harm.mapped import MappedFigure, rows_of_mapped
from aoi.harm.result import HarmRow, absent_row
from aoi.harm.slopes import Cover, Layer, Slopes, Soil, prepare_slopes
from geo.blocks import Block, blocks
from geo.errors import InputError, reason
from geo.flow import FlowNetwork, flow_network, sub_basins
from geo.hillslope import stream_mask
from geo.raster import RasterStyle, write_cog
from monitor.harms.figures import Figures, Place
from monitor.harms.footprint import Footprint, Scene, open_maps, read_cells
from monitor.harms.settings import factors_of
from monitor.tables import read_csv

__all__ = ["NEEDED", "cleared_potential", "contamination_rows", "erosion_rows", "gather"]

NEEDED = ("elevation", "land_cover", "gloreda_r")
"""Inputs without which neither erosion nor what reaches streams can be had; soil or its erodibility besides."""
SOIL = ("soilgrids_clay", "soilgrids_silt", "soilgrids_sand", "soilgrids_soc")
_OPTIONAL = ("fournier_ratio", "hydrorivers_discharge", "population_density", "water_intakes", "drastic_index")
_META = ("indicator", "domain", "part", "unit", "method", "grade", "mapped_ha", "scaled", "state", "reason")
_STRIP = 512
_MAP_STYLE = RasterStyle(nodata=-9999.0, descriptions=("soil loss added at the central factors, t/ha/yr",))

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Terrain:
    """The ground and its water, the same for every crop and period."""

    elevation_m: Plane
    network: FlowNetwork
    stream: NDArray[np.bool_]
    basin: NDArray[np.integer]


def lacking_inputs(has: Any) -> list[str]:
    """Return the standard names that are missing, `has` saying which there are."""
    missing = [name for name in NEEDED if not has(name)]
    if not has("erodibility_k"):
        missing += [name for name in SOIL if not has(name)]
    return missing


def gather(scene: Scene, _found: Footprint, folder: Path) -> pd.DataFrame:
    """Write the draws of erosion and of loads over the mapped crop, and the map of added loss.

    Parameters
    ----------
    scene
        The crop and period.
    _found
        What the pass over blocks found, which this needs nothing of.
    folder
        Where the table and the map go.

    Returns
    -------
    DataFrame
        No totals of its own: columns quantity, domain, value without rows.
    """
    nothing = pd.DataFrame({"quantity": [], "domain": [], "value": []})
    factors = factors_of(scene.section)
    if lacking_inputs(scene.ground.has) or f"c_{scene.crop}" not in factors:
        return nothing
    terrain = _terrain(scene, factors)
    slopes = _slopes(scene, terrain, factors)
    domains = _domains(scene, slopes)
    n, seed, jobs = scene.section.draws, scene.context.survey.survey.seed, scene.context.jobs
    drawn = erosion_draws(slopes, terrain.basin, domains, factors, n=n, seed=seed, jobs=jobs)
    figures = erosion_figures(drawn)
    figures += contamination_figures(
        slopes,
        terrain.network,
        domains,
        loads_of(scene),
        factors,
        scene.crop,
        n=n,
        seed=seed,
        waters=_waters(scene),
        jobs=jobs,
    )
    _write_table(figures, folder / table_name(scene.crop, scene.period), n)
    picture = np.full(terrain.network.downstream.size, -9999.0, dtype=np.float32)
    plots = slopes.plots
    picture[slopes.hill.cells[plots]] = added_loss_t_ha(slopes, factors)[plots]
    path = folder / f"erosion_{scene.crop}_{scene.period}.tif"
    write_cog(path, picture.reshape(terrain.network.shape), scene.context.frame.geobox, style=_MAP_STYLE)
    return nothing


def table_name(crop: str, period: str) -> str:
    """Return the name of the table of draws."""
    return f"water_{crop}_{period}.csv"


def loads_of(scene: Scene) -> tuple[ClassLoad, ...]:
    """Return the shipped loads with the survey's own in their place."""
    own = scene.section.loads
    return shipped_loads() if own is None else with_own_loads(shipped_loads(), read_loads(own))


def erosion_rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield E1 to E3 of every crop and period."""
    yield from _rows(figures, ("E1", "E2", "E3"), {"E1": "t/yr", "E2": "t/yr", "E3": "percent"}, "C")


def contamination_rows(figures: Figures) -> Iterator[HarmRow]:
    """Yield W1 to W7 of every crop and period."""
    units = {f"W{number}": "t/yr" for number in range(1, 5)}
    yield from _rows(figures, tuple(f"W{number}" for number in range(1, 8)), units, "D")


def _rows(figures: Figures, indicators: Sequence[str], units: dict[str, str], grade: Any) -> Iterator[HarmRow]:
    inputs = (*NEEDED, "erodibility_k", *SOIL, *_OPTIONAL)
    for place in figures.places():
        missing = lacking_inputs(figures.has)
        path = figures.folder / table_name(place.crop, place.period)
        if missing or not path.is_file():
            told = f"no input {', '.join(missing)}" if missing else f"no cover factor c_{place.crop}"
            for indicator, unit in units.items():
                key = figures.key(indicator, place, unit, method="", grade=grade, inputs=inputs)
                yield absent_row(key, "not_computed", told)
            continue
        held = [one for one in _read_table(path) if one.indicator in indicators]
        key = figures.key(indicators[0], place, "", method="", grade=grade, inputs=inputs)
        yield from rows_of_mapped(held, _areas(figures, place), key, seed=figures.seed)


def _areas(figures: Figures, place: Place) -> dict[str, NDArray[np.float64]]:
    """Return draws of the crop's area by domain."""
    estimates = figures.areas(figures.crop_units(place), figures.domains)
    return {
        domain: figures.area_draws(estimate, f"area:{place.crop}:{place.period}:crop:{domain}")
        for domain, estimate in zip(figures.domains, estimates, strict=True)
    }


def _terrain(scene: Scene, factors: dict[str, Factor]) -> _Terrain:
    """Return the flow network, made once in a step."""
    held = scene.shared.get("terrain")
    if isinstance(held, _Terrain):
        return held
    elevation = _whole(scene, "elevation")
    network = flow_network(elevation, scene.context.frame.geobox, scene.ground.layer("elevation").where)
    rivers = _whole(scene, "river_mask") > 0 if scene.ground.has("river_mask") else None
    stream = stream_mask(network, least_m2=factors["stream_area"].value * 1e4, rivers=rivers)
    least_m2 = factors["sub_basin_area"].value * 1e4
    basin = sub_basins(network, least_m2)
    small = np.bincount(basin) * network.cell_area_m2 < least_m2 / 2
    basin[small[basin]] = 0
    held_as = np.uint16 if basin.max() < 2**16 else np.int32  # a grid of them is held all through the step
    terrain = _Terrain(elevation, network, stream, basin.astype(held_as))
    scene.shared["terrain"] = terrain
    return terrain


def _strips(scene: Scene) -> Iterator[Block]:
    height, width = scene.context.frame.geobox.shape
    yield from (Block(row, 0, min(_STRIP, height - row), width) for row in range(0, height, _STRIP))


def _whole(scene: Scene, name: str) -> Plane:
    """Return an input over the whole grid in single precision, NaN where it is not known."""
    values = np.empty(tuple(scene.context.frame.geobox.shape), dtype=np.float32)
    for block in _strips(scene):
        values[block.slices] = scene.ground.read(name, block)
    return values


def _cover(scene: Scene) -> Cover:
    """Return the cover of the period, crop on its plots, and the cover before each plot opened.

    The cover before is that of the latest map not after the year ``y_c - N``; of the oldest where all are newer.
    """
    named = {int(code): name for code, name in scene.section.cover.items()}
    names = (*dict.fromkeys(named.values()), scene.crop)
    table = np.full(256, -1, dtype=np.int16)
    for number, name in named.items():
        table[number] = names.index(name)
    shape = tuple(scene.context.frame.geobox.shape)
    observed, before = np.empty(shape, dtype=np.int16), np.empty(shape, dtype=np.int16)
    with ExitStack() as stack:
        maps = open_maps(scene, stack)
        for block in blocks((shape[0], shape[1])):
            cells = read_cells(scene, maps, block)
            opened = first_use_year(cells.series, cells.years)
            year = np.where(cells.plot, opened - scene.windows[0], scene.year)
            oldest = min(cells.covers)
            code = cover_before(cells.covers, np.maximum(year, oldest))
            cover = np.where(code >= 0, table[code], -1)
            before[block.slices] = cover
            observed[block.slices] = np.where(cells.plot, names.index(scene.crop), cover)
    return Cover(names=names, crop=scene.crop, observed=observed, counterfactual=before)


def _picked(scene: Scene, name: str, times: float = 1.0) -> Callable[[NDArray[np.int32]], NDArray[np.float64]]:
    """Return a function that reads an input strip by strip and keeps it at numbered cells alone."""

    def pick(cells: NDArray[np.int32]) -> NDArray[np.float64]:
        width = int(scene.context.frame.geobox.shape[1])
        values = np.full(cells.size, np.nan)
        for block in _strips(scene):
            here = np.flatnonzero((cells >= block.row * width) & (cells < (block.row + block.height) * width))
            if here.size:
                values[here] = scene.ground.read(name, block).reshape(-1)[cells[here] - block.row * width]
        return values * times

    return pick


def cleared_potential(scene: Scene, cleared: NDArray[np.bool_]) -> Plane | str:
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
        terrain = _terrain(scene, factors)
        names = ("primary_forest", "new_clearing")
        before = np.zeros(cleared.shape, dtype=np.int16)
        cover = Cover(names=names, crop=names[1], observed=cleared.astype(np.int16), counterfactual=before)
        slopes = _slopes(scene, terrain, factors, cover)
    except InputError as error:  # a hole far from the crop does not end the run
        return reason(error)
    found = np.full(cleared.size, np.nan, dtype=np.float32)
    places = slopes.plots
    found[slopes.hill.cells[places]] = slopes.potential[:, places].mean(axis=0)
    return found.reshape(cleared.shape)


def _slopes(scene: Scene, terrain: _Terrain, factors: dict[str, Factor], cover: Cover | None = None) -> Slopes:
    soil: Soil | Layer
    if scene.ground.has("erodibility_k"):
        soil = _picked(scene, "erodibility_k")
    else:
        clay, silt, sand, carbon = SOIL
        soil = Soil(
            clay=_picked(scene, clay),
            silt=_picked(scene, silt),
            sand=_picked(scene, sand),
            organic_carbon=_picked(scene, carbon, 0.1),  # g/kg to percent
        )
    return prepare_slopes(
        terrain.network,
        terrain.stream,
        terrain.elevation_m,
        _cover(scene) if cover is None else cover,
        np.broadcast_to(scene.context.frame.cell_area_ha, terrain.network.shape),
        erosivity=_picked(scene, "gloreda_r"),
        soil=soil,
        factors=factors,
        anomaly=_picked(scene, "fournier_ratio") if scene.ground.has("fournier_ratio") else None,
    )


def _domains(scene: Scene, slopes: Slopes) -> dict[str, NDArray[np.bool_]]:
    """Return by domain which cells of the plots lie in it."""
    names = [str(code) for code in scene.domains.table["domain"]]
    cells = slopes.hill.cells[slopes.plots]
    row, col = cells // slopes_width(scene), cells % slopes_width(scene)
    inside = np.zeros((len(names), cells.size), dtype=bool)
    for block in _strips(scene):
        here = (row >= block.row) & (row < block.row + block.height)
        if here.any():
            inside[:, here] = scene.domains.masks(block)[:, row[here] - block.row, col[here]]
    return dict(zip(names, inside, strict=True))


def slopes_width(scene: Scene) -> int:
    """Return the columns of the grid."""
    return int(scene.context.frame.geobox.shape[1])


def _waters(scene: Scene) -> Waters:
    has = scene.ground.has
    people = None
    if has("population_density"):
        area = np.broadcast_to(scene.context.frame.cell_area_ha, tuple(scene.context.frame.geobox.shape))
        people = np.nan_to_num(_whole(scene, "population_density")) * area / 100  # persons/km2 on hectares
    return Waters(
        discharge=_whole(scene, "hydrorivers_discharge") if has("hydrorivers_discharge") else None,
        people=people,
        intakes=np.nan_to_num(_whole(scene, "water_intakes")) if has("water_intakes") else None,
        vulnerability=_whole(scene, "drastic_index") if has("drastic_index") else None,
        sprayed_ha=scene.section.sprayed_ha.get(scene.period),
    )


def _write_table(figures: Sequence[MappedFigure], path: Path, n: int) -> None:
    """Write figures, one a row, with a column for each draw; a figure that was not drawn has one number or none."""
    meta = pd.DataFrame([{name: getattr(one, name) for name in _META} for one in figures])
    values = np.full((len(figures), n), np.nan)
    for row, one in enumerate(figures):
        values[row, : one.draws.size] = one.draws
    drawn = pd.DataFrame(values, columns=[f"draw_{number}" for number in range(1, n + 1)])
    pd.concat([meta, drawn], axis=1).to_csv(path, index=False, float_format="%.9g", lineterminator="\n")


def _read_table(path: Path) -> Iterator[MappedFigure]:
    """Yield the figures of a table of draws."""
    table = read_csv(path)
    drawn = table[[name for name in table if str(name).startswith("draw_")]].to_numpy(dtype=np.float64)
    for number, row in enumerate(table.to_dict("records")):
        values = drawn[number]
        yield MappedFigure(
            indicator=str(row["indicator"]),
            domain=str(row["domain"]),
            part=_text(row["part"]),
            unit=str(row["unit"]),
            method=str(row["method"]),
            grade=row["grade"],
            mapped_ha=float(row["mapped_ha"]),
            scaled=str(row["scaled"]) == "True",
            draws=values[~np.isnan(values)],
            state=row["state"],
            reason=_text(row["reason"]),
        )


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)
