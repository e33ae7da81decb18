"""The layers that harms are computed from, and the forest that the crop truly replaced.

Every field that ever holds the crop has an origin: what stood there before, and the year in which forest on it
was cleared. Maps of tree cover, loss, biomass, soil and land cover follow from it, each with the errors it is
known for: losses dated a year late, biomass wrong alike over kilometres.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from geo.areas import polygon_areas_ha
from geo.cog import RasterStyle, write_cog
from geo.grid import GeoBox
from geo.vector import Layer, write_gpkg
from imagery.simulate.landscape import SUBPIXELS, Landscape
from imagery.simulate.noise import fractal, stream

__all__ = [
    "COVERS",
    "LAND_COVER_YEARS",
    "Origins",
    "forest_2000",
    "harm_survey_text",
    "true_loss",
    "write_harm_layers",
]

_STREAM = 61
COVERS = {
    1: "primary_forest",
    3: "shrub",
    6: "pasture",
    7: "crop",
    8: "plantation",
    9: "bare",
    10: "built",
    11: "water",
}
"""Codes of the simulated land-cover maps."""
LAND_COVER_YEARS = (2015, 2018, 2020, 2021)
_COVER_OF = {
    "forest": 1, "scrub": 3, "pasture": 6, "coffee": 8, "orchard": 8, "olive": 8, "bare": 9, "desert": 9,
    "settlement": 10, "water": 11,
}  # fmt: skip
_CROP = 7
_WINDOW = {"coca": 3, "opium_poppy": 2, "cannabis": 2}
_FROM_FOREST = {"clearings": 0.75, "strips": 0.0, "terraces": 0.4}
"""Share of the fields of the first year that forest was cleared for."""
_BIOMASS = {"clearings": 180.0, "strips": 4.0, "terraces": 70.0}  # t/ha of forest
_SOIL = {"clearings": 90.0, "strips": 30.0, "terraces": 55.0}  # t C/ha
_CLIMATE = {"clearings": "wet_lowland", "strips": "non_tropical", "terraces": "non_tropical"}
_LATE, _BURNED = 0.2, 0.3
_BIOMASS_YEAR, _LAST_LOSS = 2015, 2024
_SERIES_BEGINS = 2019
"""First year that polygons of earlier surveys show."""


@dataclass(frozen=True)
class Origins:
    """What stood on each field before the crop."""

    landscape: Landscape

    @cached_property
    def first_year(self) -> NDArray[np.int64]:
        """Year of the first crop of each field, 0 where it never held it."""
        code = self.landscape.profile.legend.code(self.landscape.scenario.crop)
        grown = self.landscape.land_use.history == code
        years = np.array(self.landscape.scenario.years)
        return np.where(grown.any(axis=1), years[grown.argmax(axis=1)], 0)

    @cached_property
    def cleared(self) -> NDArray[np.int64]:
        """Year in which forest was cleared on each field, 0 where none was."""
        scenario, land_use = self.landscape.scenario, self.landscape.land_use
        rng = stream(self.landscape.seed, _STREAM)
        first, start = self.first_year, scenario.years[0]
        n = len(first)
        column = np.clip(np.searchsorted(scenario.years, first) - 1, 0, None)
        wild_before = (first > start) & (land_use.history[np.arange(n), column] == 0)
        old = (first == start) & (rng.random(n) < _FROM_FOREST[scenario.layout])
        back = rng.integers(0, _WINDOW[scenario.crop], n)
        cleared = np.where(wild_before, first, np.where(old, start - back, 0))
        # Pasture and the like were forest once too, cleared long before
        other = (first == 0) & (rng.random(n) < 0.5 * _FROM_FOREST[scenario.layout])
        return np.where(other, rng.integers(2001, 2015, n), cleared)

    @cached_property
    def dated(self) -> NDArray[np.int64]:
        """Year in which the loss product dates each clearing: one in five a year late."""
        rng = stream(self.landscape.seed, _STREAM, 1)
        late = (rng.random(len(self.cleared)) < _LATE) & (self.cleared > 0) & (self.cleared < _LAST_LOSS)
        return self.cleared + late

    @cached_property
    def burned(self) -> NDArray[np.int64]:
        """Year in which each clearing burned, 0 where it did not."""
        rng = stream(self.landscape.seed, _STREAM, 2)
        return np.where((rng.random(len(self.cleared)) < _BURNED) & (self.cleared > 0), self.dated, 0)

    @cached_property
    def field(self) -> NDArray[np.int32]:
        """Field at the centre of each cell, counted from 1."""
        middle = SUBPIXELS // 2
        return self.landscape.field_numbers[middle::SUBPIXELS, middle::SUBPIXELS]

    def on_cells(self, values: NDArray[Any], wild: Any = 0) -> NDArray[Any]:
        """Return a value of fields at the centre of each cell, and `wild` where no field stands."""
        return np.where(self.field > 0, values[self.field - 1], wild)

    def direct(self, year: int) -> NDArray[np.bool_]:
        """Say which fields hold the crop in a year on forest that the first-use rule lays to it."""
        crop = self.landscape.classes_of(year) == self.landscape.profile.legend.code(self.landscape.scenario.crop)
        seen = np.maximum(self.first_year, _SERIES_BEGINS)
        window = _WINDOW[self.landscape.scenario.crop]
        inside = (self.dated >= seen - window) & (self.dated <= seen + 1)
        return np.asarray(crop & (self.dated > 0) & inside)


def true_loss(landscape: Landscape, units: geopandas.GeoDataFrame) -> dict[str, float]:
    """Return by period the hectares of crop on forest cleared for it, inside the frame, on the ellipsoid."""
    origins, frame = Origins(landscape), shapely.union_all(np.asarray(units.geometry.values))
    found = {}
    for period in landscape.scenario.periods:
        shapes = landscape.land_use.fields[origins.direct(period.year)]
        inside = geopandas.GeoSeries(list(shapely.intersection(shapes, frame)), crs=landscape.scenario.crs)
        found[period.name] = round(float(polygon_areas_ha(inside).sum()), 4) if len(shapes) else 0.0
    return found


def write_harm_layers(landscape: Landscape, frame: shapely.Geometry, folder: Path) -> None:
    """Write the rasters and species ranges of an example.

    Parameters
    ----------
    landscape
        The landscape.
    frame
        Area frame.
    folder
        Folder of the layers.
    """
    origins = Origins(landscape)
    box = landscape.geobox
    rng = stream(landscape.seed, _STREAM, 3)
    forest = forest_2000(origins)
    trees = np.where(forest, rng.integers(70, 98, box.shape), rng.integers(2, 20, box.shape)).astype(np.uint8)
    style = RasterStyle(nodata=255, descriptions=("tree cover 2000, percent",))
    write_cog(folder / "tree_cover_2000.tif", trees, box, style=style)
    loss = np.where(origins.on_cells(origins.dated) > 0, origins.on_cells(origins.dated) - 2000, 0)
    loss = np.where(_regrown(origins) & (loss == 0), 1 + (origins.landscape.seed + _STREAM) % 14, loss)
    style = RasterStyle(nodata=255, overviews="mode", descriptions=("year of forest loss, 1 is 2001",))
    write_cog(folder / "loss_year.tif", loss.astype(np.uint8), box, style=style)
    fire = origins.on_cells(origins.burned).astype(np.uint16)
    style = RasterStyle(nodata=65535, overviews="mode", descriptions=("year of fire, 0 is none",))
    write_cog(folder / "burned_year.tif", fire, box, style=style)
    for year in LAND_COVER_YEARS:
        style = RasterStyle(nodata=255, overviews="mode", descriptions=(f"land cover {year}",))
        write_cog(folder / f"land_cover_{year}.tif", land_cover(origins, year), box, style=style)
    _write_biomass(origins, forest, folder)
    _write_soil(origins, folder)
    _write_productivity(landscape, folder)
    write_gpkg(folder / "species.gpkg", _species(landscape, frame))


def forest_2000(origins: Origins) -> NDArray[np.bool_]:
    """Return forest in 2000: wild forest, its gaps, and fields that were cleared of it."""
    legend = origins.landscape.profile.legend
    middle = SUBPIXELS // 2
    wild = origins.landscape.land_use.wild[middle::SUBPIXELS, middle::SUBPIXELS]
    grown = wild == legend.code("forest") if "forest" in legend.names else np.zeros(wild.shape, dtype=bool)
    return np.asarray(origins.on_cells(origins.cleared > 0, grown | _regrown(origins)))


def _regrown(origins: Origins) -> NDArray[np.bool_]:
    """Return the gaps of the coca frontier's forest, which were cleared long ago."""
    landscape, middle = origins.landscape, SUBPIXELS // 2
    if landscape.scenario.layout != "clearings":
        return np.zeros(landscape.geobox.shape, dtype=bool)
    wild = landscape.land_use.wild[middle::SUBPIXELS, middle::SUBPIXELS]
    return np.asarray((wild == landscape.profile.legend.code("fallow")) & (origins.field == 0))


def land_cover(origins: Origins, year: int) -> NDArray[np.uint8]:
    """Return the land-cover codes of a year; the crop is cropland, and fallow too."""
    landscape = origins.landscape
    legend, years = landscape.profile.legend, landscape.scenario.years
    cover_of = {entry.code: _COVER_OF.get(entry.name, _CROP) for entry in legend}
    table = np.array([cover_of.get(code, 0) for code in range(max(legend.codes) + 1)], dtype=np.uint8)
    classes = landscape.classes_of(max(year, years[0]))
    wild_field = (classes == 0) | ((origins.cleared > 0) & (year < origins.cleared))
    cover = np.where(wild_field, 1, table[classes]).astype(np.uint8)
    if year < years[0]:
        crop = (origins.first_year == years[0]) & ~wild_field
        cover = np.where(crop, _CROP, cover).astype(np.uint8)
    middle = SUBPIXELS // 2
    wild = table[landscape.land_use.wild[middle::SUBPIXELS, middle::SUBPIXELS]]
    return np.asarray(origins.on_cells(cover, wild), dtype=np.uint8)


def _coarse(landscape: Landscape, cell_m: float) -> GeoBox:
    """Return a grid of larger cells over the whole landscape."""
    height, width = (int(np.ceil(length * 10 / cell_m)) for length in landscape.geobox.shape)
    corner = landscape.geobox.transform
    return GeoBox((height, width), Affine(cell_m, 0, corner.c, 0, -cell_m, corner.f), landscape.geobox.crs)


def _write_biomass(origins: Origins, forest: NDArray[np.bool_], folder: Path) -> None:
    """Write above-ground biomass of 2015 and its standard deviation at 100 m, wrong alike over kilometres."""
    landscape = origins.landscape
    rng = stream(landscape.seed, _STREAM, 4)
    mean = _BIOMASS[landscape.scenario.layout]
    box = _coarse(landscape, 100.0)
    standing = forest & ~(
        (origins.on_cells(origins.dated) > 0) & (origins.on_cells(origins.dated) <= _BIOMASS_YEAR)
    )
    share = _means(standing.astype(float), 10)
    true = share * mean * np.exp(0.15 * fractal(box.shape, beta=3.0, longest=20, rng=rng)) + 3.0
    error = np.sqrt(0.2) * rng.standard_normal() + np.sqrt(0.8) * fractal(box.shape, beta=3.5, longest=60, rng=rng)
    sd = 0.2 * true
    shown = np.maximum(true + sd * error, 1.0)
    for name, values in (("biomass_2015", shown), ("biomass_sd_2015", sd)):
        style = RasterStyle(nodata=-1, descriptions=("above-ground biomass, t/ha",))
        write_cog(folder / f"{name}.tif", np.round(values, 1).astype(np.float32), box, style=style)


def _means(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    height, width = (-(-length // side) * side for length in values.shape)
    padded = np.pad(values, ((0, height - values.shape[0]), (0, width - values.shape[1])), mode="edge")
    return np.asarray(padded.reshape(height // side, side, width // side, side).mean(axis=(1, 3)))


def _write_soil(origins: Origins, folder: Path) -> None:
    """Write the stock of soil carbon to 30 cm at 250 m."""
    landscape = origins.landscape
    box = _coarse(landscape, 250.0)
    rng = stream(landscape.seed, _STREAM, 5)
    stock = _SOIL[landscape.scenario.layout] * np.exp(0.15 * fractal(box.shape, beta=3.0, longest=12, rng=rng))
    style = RasterStyle(nodata=-32768, descriptions=("soil organic carbon to 30 cm, t/ha",))
    write_cog(folder / "soil_carbon.tif", np.round(stock).astype(np.int16), box, style=style)


def _write_productivity(landscape: Landscape, folder: Path) -> None:
    """Write states of land productivity at 250 m, which plots are too narrow for."""
    box = _coarse(landscape, 250.0)
    rng = stream(landscape.seed, _STREAM, 6)
    for name, states in (("trajectory", (-1, 0, 1)), ("state", (-1, 0, 1)), ("performance", (-1, 0, 0))):
        values = rng.choice(np.array(states, dtype=np.int16), size=box.shape)
        style = RasterStyle(nodata=-128, overviews="mode", descriptions=(f"productivity {name}",))
        write_cog(folder / f"productivity_{name}.tif", values, box, style=style)


def _species(landscape: Landscape, frame: shapely.Geometry) -> dict[str, Layer]:
    """Return the ranges of two invented species: one over the whole frame, one over a half of it."""
    west, south, east, north = frame.bounds
    half = shapely.box(west, south, (west + east) / 2, north)
    layers = {}
    for name, shape in (("frog", shapely.box(west, south, east, north).buffer(500)), ("orchid", half)):
        held = geopandas.GeoDataFrame({"name": [name]}, geometry=[shape], crs=landscape.scenario.crs)
        layers[name] = Layer(frame=held, title=f"Range of an invented {name}", description="Invented")
    return layers


def harm_survey_text(landscape: Landscape, more: Sequence[tuple[str, str, str]] = ()) -> str:
    """Return the ``[harm]`` table of the survey file; `more` is name, file and unit of further rasters."""
    scenario = landscape.scenario
    lines = [
        "",
        "# The harms: each is observed minus what would have been. Leave an input out and its figures say so.",
        "[harm]",
        "canopy_threshold_percent = 30       # what counts as forest is a local choice: there is no default",
        f'climate = "{_CLIMATE[scenario.layout]}"',
        "rings_m = [100.0, 250.0, 500.0]     # the landscape is small; 250, 1000 and 5000 m are usual",
        "",
        "[harm.cover]                        # what the codes of the land-cover maps mean",
        *(f'{code} = "{name}"' for code, name in COVERS.items()),
    ]
    entries: list[tuple[str, str, str, int | None]] = [
        ("hansen_treecover2000", "tree_cover_2000", "percent", 2000),
        ("hansen_lossyear", "loss_year", "years since 2000", _LAST_LOSS),
        ("burned_year", "burned_year", "year", None),
        ("cci_agb", "biomass_2015", "t/ha", _BIOMASS_YEAR),
        ("cci_agb_sd", "biomass_sd_2015", "t/ha", _BIOMASS_YEAR),
        ("soilgrids_ocs", "soil_carbon", "t/ha", None),
        *(("land_cover", f"land_cover_{year}", "class", year) for year in LAND_COVER_YEARS),
        *((f"productivity_{name}", f"productivity_{name}", "state", None) for name in ("trajectory", "state")),
        ("productivity_performance", "productivity_performance", "state", None),
        *((name, file, unit, None) for name, file, unit in more),
    ]
    for name, file, unit, year in entries:
        lines += ["", "[[harm.input]]", f'name = "{name}"', f'path = "inputs/harm/{file}.tif"', f'unit = "{unit}"']
        lines += [f"year = {year}"] if year is not None else []
    lines += ["", "[[harm.input]]", 'name = "elevation"', 'path = "inputs/dem.tif"', 'unit = "m"']
    for name, layer, category, endemic in (
        ("Invented frog", "frog", "EN", "true"),
        ("Invented orchid", "orchid", "VU", "false"),
    ):
        lines += [
            "",
            "[[harm.species]]",
            f'name = "{name}"',
            f'category = "{category}"',
            'range = "inputs/harm/species.gpkg"',
            f'layer = "{layer}"',
            'suitable = ["primary_forest"]',
            'also_suitable = ["shrub", "plantation"]',
            "habitat_ha = 25000.0                # of the whole range",
            "historic_ha = 60000.0",
            f"endemic = {endemic}",
            "threat_share = 0.5",
            'source = "invented"',
        ]
    return "\n".join(lines) + "\n"
