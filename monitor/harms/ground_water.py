"""The ground and its water as harms need them: read strip by strip, the flow network made once for all crops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.harm.attribution import cover_before, direct_loss, first_use_year, forest_before
from aoi.harm.deforestation import forest_mask
from aoi.harm.erosion import FRESH, TRACK, silent
from aoi.harm.factor import Factor
from aoi.harm.rusle import erosivity_renard_freimund
from aoi.harm.slopes import Cover, Layer, Soil
from geo.blocks import Block, blocks
from geo.errors import InputError, Problem
from geo.flow import FlowNetwork, flow_network, sub_basins
from geo.hillslope import stream_mask
from monitor.context import Progress
from monitor.harms.footprint import Scene, access_cells, crop_years, land_covers, open_maps
from monitor.harms.rain import MONTHS, year_over_mean
from monitor.harms.rivers import Rivers, read_rivers

__all__ = [
    "ANOMALY",
    "NEEDED",
    "OPTIONAL",
    "POTENTIAL",
    "SOIL",
    "Terrain",
    "covers_of",
    "lacking_inputs",
    "picked",
    "rain_and_soil",
    "rivers_of",
    "strips",
    "terrain_of",
]

NEEDED = ("elevation", "land_cover", "gloreda_r")
"""Inputs without which neither erosion nor what reaches streams can be had; soil or its erodibility besides.

Rain of a mean year stands in for its erosivity, within the range that is known.
"""
ANOMALY, POTENTIAL = "erosivity_anomaly", "bare_loss_t_ha_"
"""Quantity in the table of totals, and the head of columns of the table of units."""
SOIL = ("soilgrids_clay", "soilgrids_silt", "soilgrids_sand", "soilgrids_soc")
OPTIONAL = (
    "chirps_rain", "fournier_ratio", MONTHS, "hydrorivers_discharge", "low_flow", "reservoirs",
    "population_density", "water_intakes", "drastic_index",
)  # fmt: skip
_STRIP, _CHUNK = 512, 1_000_000

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Terrain:
    """The ground and its water, the same for every crop and period."""

    elevation_m: Plane
    network: FlowNetwork
    stream: NDArray[np.bool_]
    basin: NDArray[np.integer]


def lacking_inputs(has: Any) -> list[str]:
    """Return the standard names that are missing, `has` saying which there are."""
    missing = [name for name in NEEDED if not has(name) and not (name == "gloreda_r" and has("chirps_rain"))]
    if not has("erodibility_k"):
        missing += [name for name in SOIL if not has(name)]
    return missing


def terrain_of(scene: Scene, factors: dict[str, Factor], progress: Progress = silent) -> Terrain:
    """Return the flow network, made once in a step; `progress` hears of its four parts."""
    held = scene.shared.get("terrain")
    if isinstance(held, Terrain):
        return held
    elevation = _whole(scene, "elevation")
    progress(1, 4)
    network = flow_network(elevation, scene.context.frame.geobox, scene.ground.layer("elevation").where)
    progress(2, 4)
    stream = stream_mask(network, least_m2=factors["stream_area"].value * 1e4, rivers=_known_rivers(scene))
    progress(3, 4)
    basin = _large_basins(network, factors["sub_basin_area"].value * 1e4)
    terrain = Terrain(elevation, network, stream, basin)
    scene.shared["terrain"] = terrain
    return terrain


def rivers_of(scene: Scene) -> Rivers | None:
    """Return the rivers that were given as lines, read once in a step."""
    if scene.section.rivers is None:
        return None
    if "rivers" not in scene.shared:
        scene.shared["rivers"] = read_rivers(scene.section.rivers, scene.context.frame.geobox)
    found: Rivers = scene.shared["rivers"]
    return found


def _known_rivers(scene: Scene) -> NDArray[np.bool_] | None:
    """Return the cells of rivers that a map or lines tell of."""
    lines = rivers_of(scene)
    if lines is None:
        return _mask(scene, "river_mask") if scene.ground.has("river_mask") else None
    shape = tuple(scene.context.frame.geobox.shape)
    found = _mask(scene, "river_mask") if scene.ground.has("river_mask") else np.zeros(shape, dtype=np.bool_)
    found.reshape(-1)[lines.cells] = True
    return found


def _large_basins(network: FlowNetwork, least_m2: float) -> NDArray[np.integer]:
    """Return sub-basins in as few bytes as hold them, those of less than half the least area gathered in 0."""
    basin = sub_basins(network, least_m2)
    count = np.zeros(int(basin.max()) + 1, dtype=np.int64)
    parts = [slice(start, start + _CHUNK) for start in range(0, basin.size, _CHUNK)]
    for part in parts:
        count += np.bincount(basin[part], minlength=count.size)
    number = np.arange(count.size)
    number[count * network.cell_area_m2 < least_m2 / 2] = 0
    found: NDArray[Any] = np.empty(basin.size, dtype=np.uint16 if count.size < 2**16 else np.int32)
    for part in parts:
        found[part] = number[basin[part]]
    return found


def strips(scene: Scene) -> Iterator[Block]:
    """Yield the grid in strips as wide as it."""
    height, width = scene.context.frame.geobox.shape
    yield from (Block(row, 0, min(_STRIP, height - row), width) for row in range(0, height, _STRIP))


def _whole(scene: Scene, name: str) -> Plane:
    """Return an input over the whole grid in single precision, NaN where it is not known."""
    values = np.empty(tuple(scene.context.frame.geobox.shape), dtype=np.float32)
    for block in strips(scene):
        values[block.slices] = scene.ground.read(name, block)
    return values


def _mask(scene: Scene, name: str) -> NDArray[np.bool_]:
    """Return where an input is above 0."""
    found = np.empty(tuple(scene.context.frame.geobox.shape), dtype=np.bool_)
    for block in strips(scene):
        found[block.slices] = scene.ground.read(name, block) > 0
    return found


def covers_of(scene: Scene) -> Cover:
    """Return the cover of the period, crop on its plots, and the cover before each plot opened.

    The cover before is that of the latest map not after the year ``y_c - N``; of the oldest where all are newer.
    A plot first seen in the year of the period on forest that was lost in that year is a new clearing, and access
    opened in the period is a track where no plot stands.
    """
    named = {int(code): name for code, name in scene.section.cover.items()}
    fresh, track = FRESH if scene.has_forest else "", TRACK if scene.access is not None else ""
    names = tuple(dict.fromkeys((*named.values(), *filter(None, (fresh, track)), scene.crop)))
    table = np.full(256, -1, dtype=np.int16)
    for number, name in named.items():
        table[number] = names.index(name)
    shape = tuple(scene.context.frame.geobox.shape)
    observed, before = np.empty(shape, dtype=np.int8), np.empty(shape, dtype=np.int8)
    unnamed: set[int] = set()
    plots, newer = 0, 0
    with ExitStack() as stack:
        maps = open_maps(scene, stack)
        for block in blocks((shape[0], shape[1])):
            inside, seen = crop_years(scene, maps, block)
            plot, years, covers = seen[scene.year], sorted(seen), land_covers(scene.ground, block)
            opened = first_use_year(np.stack([seen[year] for year in years]), years)
            year = np.where(plot, opened - scene.windows[0], scene.year)
            plots, newer = plots + int(plot.sum()), newer + int((plot & (year < min(covers))).sum())
            code = cover_before(covers, np.maximum(year, min(covers)))
            cover = np.where(code >= 0, table[code], -1)
            unnamed |= set(np.unique(code[(code >= 0) & (cover < 0)]).tolist())
            before[block.slices] = cover
            seen_now = np.where(plot, names.index(scene.crop), cover)
            new = plot & (opened == scene.year)
            if fresh and new.any():
                seen_now[new & _cleared_this_year(scene, block)] = names.index(fresh)
            if track:
                seen_now[access_cells(scene, block) & inside & ~plot & (cover >= 0)] = names.index(track)
            observed[block.slices] = seen_now
    if plots and newer == plots:
        layer = scene.ground.layer("land_cover", min(scene.ground.years("land_cover")))
        raise InputError(
            Problem(
                layer.where,
                f"a land cover of {layer.entry.year}, newer than what stood before every plot of {scene.crop} "
                f"{scene.period}",
                "a map older than the clearings: a newer one shows the crop itself",
                "add the map of an earlier year",
            )
        )
    scene.shared["unnamed"] = sorted(unnamed)
    return Cover(names=names, crop=scene.crop, observed=observed, counterfactual=before, fresh=fresh, track=track)


def _cleared_this_year(scene: Scene, block: Block) -> NDArray[np.bool_]:
    """Say which cells were forest that was lost in the period's year, were a plot first seen there then."""
    percent = np.nan_to_num(scene.ground.read("hansen_treecover2000", block))
    forest = forest_mask(percent, canopy_threshold_percent=scene.section.canopy_threshold_percent, nodata=-1)
    loss, window, lag = scene.ground.loss_year(block), scene.windows[0], scene.section.lag_years
    opened = np.full(loss.shape, scene.year, dtype=np.int64)
    before = forest_before(forest, loss, opened - window)
    return direct_loss(opened, before, loss, window_years=window, lag_years=lag) & (loss >= scene.year)


def picked(scene: Scene, name: str, times: float = 1.0) -> Callable[[NDArray[np.int32]], NDArray[np.float64]]:
    """Return a function that reads an input strip by strip and keeps it at numbered cells alone."""

    def pick(cells: NDArray[np.int32]) -> NDArray[np.float64]:
        width = int(scene.context.frame.geobox.shape[1])
        values = np.full(cells.size, np.nan)
        first, last = (int(cells.min()), int(cells.max())) if cells.size else (0, -1)
        for block in strips(scene):
            if not (block.row * width <= last and first < (block.row + block.height) * width):
                continue
            here = np.flatnonzero((cells >= block.row * width) & (cells < (block.row + block.height) * width))
            if here.size:
                values[here] = scene.ground.read(name, block).reshape(-1)[cells[here] - block.row * width]
        return values * times

    return pick


def rain_and_soil(scene: Scene) -> tuple[Layer, Soil | Layer, Layer | None]:
    """Return erosivity, soil or its erodibility, and the year's anomaly of rain, read where they are asked for."""
    soil: Soil | Layer
    if scene.ground.has("erodibility_k"):
        soil = picked(scene, "erodibility_k")
    else:
        clay, silt, sand, carbon = SOIL
        soil = Soil(
            clay=picked(scene, clay),
            silt=picked(scene, silt),
            sand=picked(scene, sand),
            organic_carbon=picked(scene, carbon, 0.1),  # g/kg to percent
        )
    anomaly: Layer | None = None
    if scene.ground.has("fournier_ratio"):
        anomaly = picked(scene, "fournier_ratio")
    elif scene.ground.has(MONTHS):
        anomaly = year_over_mean(scene)
    if scene.ground.has("gloreda_r"):
        return picked(scene, "gloreda_r"), soil, anomaly
    rain, most_mm = picked(scene, "chirps_rain"), scene.factors["renard_freimund_most_mm"].value

    def erosivity(cells: NDArray[np.int32]) -> NDArray[np.float64]:
        return erosivity_renard_freimund(rain(cells), most_mm=most_mm)

    return erosivity, soil, anomaly
