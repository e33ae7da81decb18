"""Rain, soil, streams and people of an example, and the erosion that its crop truly added.

Truth is drawn as a landscape's own: its cover factors, its soil and the error of its mapped rain come from the
seed and stand in no layer. What is written is what a survey would have: a map of erosivity that is off by one
factor, soil maps, streams with their flow, people by square kilometre.
"""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from geo.areas import cell_areas_ha
from geo.cog import RasterStyle, write_cog
from geo.flow import FlowNetwork, accumulate, flow_network, upstream_cells
from geo.grid import GeoBox
from geo.terrain import Gradient, gradient
from imagery.simulate.harm_layers import COVERS, LAND_COVER_YEARS, Origins, land_cover
from imagery.simulate.landscape import SUBPIXELS, Landscape
from imagery.simulate.noise import fractal, stream

__all__ = [
    "WATER_INPUTS",
    "codes_before",
    "mapped_erosivity",
    "soil_percent",
    "true_added_erosion",
    "write_water_layers",
]

WATER_INPUTS = (
    ("gloreda_r", "erosivity", "MJ mm/ha/h/yr"),
    ("soilgrids_clay", "clay", "g/kg"),
    ("soilgrids_silt", "silt", "g/kg"),
    ("soilgrids_sand", "sand", "g/kg"),
    ("soilgrids_soc", "organic_carbon", "dg/kg"),
    ("hydrorivers_discharge", "discharge", "m3/s"),
    ("population_density", "people", "persons/km2"),
)
"""Standard name, file and unit of the layers."""
_STREAM = 67
_EROSIVITY = {"clearings": 6500.0, "strips": 350.0, "terraces": 1400.0}
_RUNOFF_MM = {"clearings": 1400.0, "strips": 60.0, "terraces": 350.0}
_PEOPLE = {"clearings": 12.0, "strips": 160.0, "terraces": 90.0}
_C = {
    "primary_forest": (0.001, 0.003), "shrub": (0.02, 0.1), "pasture": (0.02, 0.05), "crop": (0.1, 0.4),
    "plantation": (0.03, 0.1), "bare": (0.4, 1.0), "built": (0.0, 0.1), "water": (0.0, 0.0), "coca": (0.15, 0.35),
    "opium_poppy": (0.3, 0.6), "cannabis": (0.2, 0.5), "new_clearing": (0.4, 1.0),
}  # fmt: skip
"""Ranges that the true cover factor of a landscape is drawn from."""
_P = {"crop": (0.7, 1.0), "coca": (0.9, 1.0), "opium_poppy": (0.7, 1.0), "cannabis": (0.5, 1.0)}
_RAIN_ERROR = 1.3
_CAP_M = 122.0
_STEEPEST = 0.55  # rise over run beyond which slopes lose no more
_WINDOW = {"coca": 3, "opium_poppy": 2, "cannabis": 2}
_SERIES_BEGINS = 2019

FloatArray = NDArray[np.float64]


def write_water_layers(landscape: Landscape, folder: Path) -> None:
    """Write the rasters of an example that erosion and loads are computed from."""
    box, layout = landscape.geobox, landscape.scenario.layout
    style = RasterStyle(nodata=-1, descriptions=("rain erosivity, MJ mm/ha/h/yr",))
    write_cog(folder / "erosivity.tif", np.round(mapped_erosivity(landscape)).astype(np.float32), box, style=style)
    for name, values in soil_percent(landscape).items():
        per_mille = np.round(values * (100 if name == "organic_carbon" else 10)).astype(np.int16)
        unit = "dg/kg" if name == "organic_carbon" else "g/kg"
        write_cog(
            folder / f"{name}.tif",
            per_mille,
            box,
            style=RasterStyle(nodata=-32768, descriptions=(f"{name}, {unit}",)),
        )
    network = flow_network(np.round(landscape.ground.elevation_m, 1), box)
    volume_m3 = np.full(box.shape, _RUNOFF_MM[layout] / 1000 * network.cell_area_m2)
    flow = (accumulate(network, volume_m3) / 31_557_600).reshape(box.shape)
    wet = upstream_cells(network).reshape(box.shape) * network.cell_area_m2 >= 5e4
    style = RasterStyle(nodata=-1, descriptions=("mean flow of streams, m3/s",))
    write_cog(folder / "discharge.tif", np.where(wet, flow, -1).astype(np.float32), box, style=style)
    rng = stream(landscape.seed, _STREAM, 2)
    people = _PEOPLE[layout] * np.exp(0.8 * fractal(box.shape, beta=3.0, longest=150, rng=rng))
    style = RasterStyle(nodata=-1, descriptions=("people, persons/km2",))
    write_cog(folder / "people.tif", np.round(people, 1).astype(np.float32), box, style=style)


def true_added_erosion(landscape: Landscape, units: geopandas.GeoDataFrame) -> dict[str, float]:
    """Return by period the soil loss that the crop truly added inside the frame, t/yr.

    Each cell counts by the part of it that the crop covers, at the landscape's own factors, those of a new
    clearing on fields that were cleared in the year; the equations are written out here, apart from those that a
    survey uses.
    """
    frame = shapely.union_all(np.asarray(units.geometry.values))
    inside = rasterize([(frame, 1)], out_shape=landscape.geobox.shape, transform=landscape.geobox.transform) == 1
    potential = _true_potential(landscape) * cell_areas_ha(landscape.geobox) * inside
    c = _true_covers(landscape)
    crop, origins = landscape.scenario.crop, Origins(landscape)
    code, before = landscape.profile.legend.code(crop), _before(landscape, c)
    found = {}
    for period in landscape.scenario.periods:
        fresh = (origins.cleared == period.year) & (origins.first_year == period.year)
        own = np.where(origins.on_cells(fresh, False), c["new_clearing"], c[crop])
        added = potential * _share(landscape, period.year, code) * (own - before)
        found[period.name] = round(float(added.sum()), 4)
    return found


def _share(landscape: Landscape, year: int, code: int) -> FloatArray:
    """Return the part of each cell that a class covers."""
    there = landscape.truth(year) == code
    height, width = landscape.geobox.shape
    return np.asarray(there.reshape(height, SUBPIXELS, width, SUBPIXELS).mean(axis=(1, 3)))


def codes_before(landscape: Landscape) -> NDArray[np.uint8]:
    """Return the cover of each cell before the window of its first crop, as the land-cover maps have it."""
    origins = Origins(landscape)
    opened = np.maximum(origins.on_cells(origins.first_year), _SERIES_BEGINS)
    when = opened - _WINDOW[landscape.scenario.crop]
    found = land_cover(origins, LAND_COVER_YEARS[0])
    for year in LAND_COVER_YEARS[1:]:
        found = np.where(when >= year, land_cover(origins, year), found)
    return found


def _before(landscape: Landscape, factor: dict[str, float]) -> FloatArray:
    """Return C times P of what stood on each cell before the crop."""
    table = np.zeros(256)
    for code, name in COVERS.items():
        table[code] = factor[name]
    return table[codes_before(landscape)]


def _true_covers(landscape: Landscape) -> dict[str, float]:
    """Return the landscape's own C times P by cover."""
    rng = stream(landscape.seed, _STREAM, 0)
    return {
        name: float(rng.uniform(*limits) * rng.uniform(*_P.get(name, (1.0, 1.0)))) for name, limits in _C.items()
    }


def mapped_erosivity(landscape: Landscape) -> FloatArray:
    """Return the erosivity that the map shows, MJ mm/ha/h/yr."""
    rng = stream(landscape.seed, _STREAM, 1)
    mean = _EROSIVITY[landscape.scenario.layout]
    return np.asarray(mean * np.exp(0.1 * fractal(landscape.geobox.shape, beta=4.0, longest=300, rng=rng)))


def soil_percent(landscape: Landscape) -> dict[str, FloatArray]:
    """Return clay, silt, sand and organic carbon in percent, of the whole grid."""
    rng = stream(landscape.seed, _STREAM, 3)
    shape = landscape.geobox.shape
    clay = 28 + 5 * fractal(shape, beta=3.5, longest=200, rng=rng)
    silt = 34 + 5 * fractal(shape, beta=3.5, longest=200, rng=rng)
    carbon = 1.8 * np.exp(0.2 * fractal(shape, beta=3.5, longest=200, rng=rng))
    clay, silt = np.clip(np.round(clay, 1), 8, 50), np.clip(np.round(silt, 1), 10, 45)
    return {"clay": clay, "silt": silt, "sand": 100 - clay - silt, "organic_carbon": np.clip(carbon, 0.3, 6)}


def _true_potential(landscape: Landscape) -> FloatArray:
    """Return R K LS of bare ground, t/ha/yr, at the landscape's own rain and soil."""
    rng = stream(landscape.seed, _STREAM, 4)
    rain = mapped_erosivity(landscape) * np.exp(np.log(_RAIN_ERROR) * rng.standard_normal())
    soil = soil_percent(landscape)
    equation = rng.integers(0, 3)
    k = (_k_nomograph, _k_roemkens, _k_epic)[equation](soil)
    network = flow_network(np.round(landscape.ground.elevation_m, 1), landscape.geobox)
    return np.asarray(rain * k * _slope_factor(landscape, network))


def _k_nomograph(soil: dict[str, FloatArray]) -> FloatArray:
    size = (soil["silt"] + 0.2 * soil["sand"]) * (100 - soil["clay"])
    humus = np.minimum(1.724 * soil["organic_carbon"], 4)
    return np.asarray(0.1317 * (2.1e-4 * size**1.14 * (12 - humus) + 3.25 * (2 - 2) + 2.5 * (3 - 3)) / 100)


def _k_roemkens(soil: dict[str, FloatArray]) -> FloatArray:
    logs = (soil["clay"] * np.log10(0.001) + soil["silt"] * np.log10(0.026) + soil["sand"] * np.log10(1.025)) / 100
    return np.asarray(0.0034 + 0.0405 * np.exp(-0.5 * ((logs + 1.659) / 0.7101) ** 2))


def _k_epic(soil: dict[str, FloatArray]) -> FloatArray:
    sand, silt, clay, carbon = soil["sand"], soil["silt"], soil["clay"], soil["organic_carbon"]
    fine = 1 - sand / 100
    grain = (0.2 + 0.3 * np.exp(-0.0256 * sand * (1 - silt / 100))) * (silt / (clay + silt)) ** 0.3
    humus = 1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon))
    return np.asarray(0.1317 * grain * humus * (1 - 0.7 * fine / (fine + np.exp(-5.51 + 22.9 * fine))))


def _slope_factor(landscape: Landscape, network: FlowNetwork) -> FloatArray:
    """Return LS of Desmet and Govers with its slope length capped."""
    side = landscape.geobox.transform.a
    ground = _ground(landscape.geobox, np.round(landscape.ground.elevation_m, 1))
    steep = np.minimum(np.hypot(ground.east, ground.north).astype(np.float64), _STEEPEST)
    sine = steep / np.sqrt(1 + steep**2)
    beta = sine / 0.0896 / (3 * sine**0.8 + 0.56)
    m = beta / (1 + beta)
    bearing = np.arctan2(ground.north, ground.east).astype(np.float64)
    across = np.abs(np.sin(bearing)) + np.abs(np.cos(bearing))
    above = (upstream_cells(network).reshape(steep.shape) - 1) * side**2
    above = np.minimum(above, _CAP_M * side * across)
    length = ((above + side**2) ** (m + 1) - above ** (m + 1)) / (side ** (m + 2) * across**m * 22.13**m)
    return np.asarray(length * np.where(steep < 0.09, 10.8 * sine + 0.03, 16.8 * sine - 0.5))


def _ground(box: GeoBox, elevation_m: NDArray[np.float32]) -> Gradient:
    """Return the gradient of every cell, the ground carried on beyond the edge."""
    carried = np.pad(elevation_m.astype(np.float64), 1, mode="reflect", reflect_type="odd")
    return gradient(carried, box.transform.a, -box.transform.e)
