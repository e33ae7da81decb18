"""How far people are from services and markets (A9): over a surface where one is given, else in a straight line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from aoi.project.access import SERVICES, Reach, access_table, nearest_km
from aoi.project.programme import Programme
from aoi.project.travel import friction, walking_kmh
from aoi.survey.parameter import Parameter
from geo.blocks import Block
from geo.errors import AltdevError, InputError, Problem
from geo.grid import GeoBox, cells_at
from geo.raster import geobox_of, open_on_grid
from geo.terrain import gradient
from geo.travel import nearest_passable, travel_minutes
from geo.vector import read_layer
from monitor.context import Context
from monitor.programme_tables import programme_parameters
from monitor.sections import ProgrammeSection, TravelSection

__all__ = ["Access", "access_of", "access_problems"]

MARKET = "market"
_MOST_CELLS = 6_000_000
_BY_PROJECT = "project"
_NOWHERE = -9999.0
"""Height of cells beyond a raster that names no value for them."""

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Access:
    """What A9 is made of."""

    table: pd.DataFrame
    """As `aoi.project.access.access_table`."""
    reach: Reach
    sources: str
    note: str
    """How far was measured, and what stood in the way."""
    lacking: str = ""
    """Why there is no table."""


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Facilities of one service."""

    xy: FloatArray
    ours: BoolArray
    """Built by the project."""


def access_of(context: Context, found: Programme) -> Access:
    """Return how far the settlements of a survey are from each service, with the project's works and without.

    Raises
    ------
    InputError
        Naming every layer that cannot be used.
    """
    section = context.survey.ad
    assert section is not None
    numbers, crs = programme_parameters(section), str(context.frame.geobox.crs)
    travel = section.travel
    reach = (
        Reach(measure="km", limit=numbers["access.radius_km"].value)
        if travel is None
        else Reach(measure="min", limit=numbers["access.minutes"].value)
    )
    sources = "; ".join(path.name for path in _files(section))
    if section.settlements is None:
        nothing = pd.DataFrame(columns=["settlement"])
        lacking = "no settlements with population"
        return Access(table=nothing, reach=reach, sources=sources, note="", lacking=lacking)
    settlements = _settlements(section.settlements)
    homes = _xy(settlements, crs)
    services = _services(found, section, crs)
    if travel is None:
        far = {
            name: (len(one.xy), nearest_km(homes, one.xy), nearest_km(homes, one.xy[~one.ours]))
            for name, one in services.items()
        }
        note = "straight line: no roads, land cover or elevation in [ad.travel]"
        return Access(table=access_table(settlements, far), reach=reach, sources=sources, note=note)
    ways = _Ways.over(context, travel, homes, services, numbers, found)
    table = access_table(settlements, ways.minutes(homes, services))
    return Access(table=table, reach=reach, sources=sources, note=ways.note)


def access_problems(context: Context) -> Iterator[Problem]:
    """Yield every layer of A9 that cannot be used, all at once."""
    section, crs = context.survey.ad, str(context.frame.geobox.crs)
    assert section is not None
    travel, numbers = section.travel, programme_parameters(section)
    reads: list[Callable[[], object]] = []
    if section.settlements is not None:
        reads.append(partial(_settlements, section.settlements))
    if section.markets is not None:
        reads.append(partial(read_layer, section.markets, geometry="point"))
    if travel is not None:
        reads.append(lambda: _roads(travel, crs, numbers["access.road_kmh"].value))
        if travel.rivers is not None:
            reads.append(partial(read_layer, travel.rivers, geometry="line"))
        reads += [partial(geobox_of, path) for path in (travel.land_cover, travel.elevation) if path is not None]
    for read in reads:
        try:
            read()
        except AltdevError as error:
            yield from error.problems


def _files(section: ProgrammeSection) -> list[Path]:
    given = [path for path in (section.settlements, section.markets) if path is not None]
    return [*given, *(section.travel.files if section.travel is not None else ())]


def _settlements(path: Path) -> Any:
    layer = read_layer(path, columns=("population",), geometry="point")
    problems = []
    for name in ("population", "population_f", "population_m"):
        if name in layer:
            layer[name] = pd.to_numeric(layer[name], errors="coerce")
            if layer[name].isna().any() or (layer[name] < 0).any():
                found = "a cell that is no count"
                problems.append(Problem(f"{path.name} column {name}", found, "persons, 0 or more", "correct it"))
    if not problems and {"population_f", "population_m"} <= set(layer):
        more = layer["population_f"] + layer["population_m"] > layer["population"]
        if more.any():
            row = int(np.flatnonzero(more)[0]) + 1
            found = "more women and men than persons"
            problems.append(Problem(f"{path.name} row {row}", found, "at most population", "correct it"))
    if problems:
        raise InputError(problems)
    return layer


def _services(found: Programme, section: ProgrammeSection, crs: str) -> dict[str, _Places]:
    services = {}
    for name, types in SERVICES.items():
        own = found.infrastructure[found.infrastructure["type"].isin(types)]
        if len(own):
            services[name] = _Places(_xy(own, crs), (own["built_by"] == _BY_PROJECT).to_numpy(dtype=bool))
    if section.markets is not None:
        markets = read_layer(section.markets, geometry="point")
        ours = (
            markets["built_by"] == _BY_PROJECT if "built_by" in markets else pd.Series(False, index=markets.index)
        )
        services[MARKET] = _Places(_xy(markets, crs), ours.to_numpy(dtype=bool))
    return services


def _by_project(layer: Any, column: str) -> BoolArray:
    """Say which places the project built; none where no column says so."""
    if column not in layer:
        return np.zeros(len(layer), dtype=bool)
    return np.asarray(layer[column].astype(str) == _BY_PROJECT, dtype=bool)


def _xy(frame: Any, crs: str) -> FloatArray:
    points = geopandas.GeoSeries(frame.geometry).to_crs(crs)
    return np.asarray(shapely.get_coordinates(np.asarray(points.values)), dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ways:
    """The surface with the project's works and without."""

    geobox: GeoBox
    after: FloatArray
    """Minutes a metre with the project's roads and bridges, shape (height, width)."""
    before: FloatArray
    road_after: BoolArray
    road_before: BoolArray
    cell_m: float
    minutes_per_m: float
    """Of walking to the nearest cell that can be crossed."""
    note: str

    @classmethod
    def over(
        cls,
        context: Context,
        travel: TravelSection,
        homes: FloatArray,
        services: Mapping[str, _Places],
        numbers: Mapping[str, Parameter],
        found: Programme,
    ) -> _Ways:
        """Build both surfaces."""
        cell_m, crs = numbers["access.cell_m"].value, str(context.frame.geobox.crs)
        geobox = _grid(context, np.vstack([homes, *(one.xy for one in services.values())]), numbers)
        foot = np.full(geobox.shape, numbers["access.walk_kmh"].value)
        if travel.land_cover is not None:
            speeds = {int(code): numbers[f"access.{name}_kmh"].value for code, name in travel.cover.items()}
            foot = walking_kmh(_known(travel.land_cover, geobox, "nearest"), speeds)
        rise = np.zeros(geobox.shape)
        if travel.elevation is not None:
            rise = _rise(travel.elevation, geobox, cell_m)
        river = np.zeros(geobox.shape, dtype=bool)
        if travel.rivers is not None:
            river = _burnt(read_layer(travel.rivers, geometry="line").to_crs(crs), np.ones, geobox) > 0
        roads, ours = _roads(travel, crs, numbers["access.road_kmh"].value)
        bridges = found.infrastructure[found.infrastructure["type"] == "bridge"]
        built = (bridges["built_by"] == _BY_PROJECT).to_numpy(dtype=bool)
        spots = _xy(bridges, crs) if len(bridges) else np.zeros((0, 2))
        surfaces, tracks = [], []
        for chosen, kept in ((np.ones(len(roads), bool), np.ones(len(spots), bool)), (~ours, ~built)):
            track = _burnt(roads[chosen], lambda _, of=chosen: roads.loc[of, "kmh"].to_numpy(), geobox)
            bridge = _opened(spots[kept], geobox)
            surfaces.append(friction(foot, rise, river=river, road_kmh=track, bridge=bridge))
            tracks.append(track > 0)
        if not np.isfinite(surfaces[1]).any():
            problem = Problem("[ad.travel]", "a surface that nobody can cross", "speeds above 0 somewhere")
            raise InputError(problem)
        over = [
            name.replace("_", " ")
            for name in ("roads", "land_cover", "elevation", "rivers")
            if getattr(travel, name)
        ]
        closed = 100 * float(1 - np.isfinite(surfaces[0]).mean())
        note = f"ways over {', '.join(over)} in cells of {cell_m:g} m; nobody crosses {closed:.0f} % of the ground"
        return cls(
            geobox=geobox,
            after=surfaces[0],
            before=surfaces[1],
            road_after=tracks[0],
            road_before=tracks[1],
            cell_m=cell_m,
            minutes_per_m=0.06 / numbers["access.walk_kmh"].value,
            note=note,
        )

    def minutes(
        self, homes: FloatArray, services: Mapping[str, _Places]
    ) -> dict[str, tuple[int, FloatArray, FloatArray]]:
        """Return by service the facilities, and the minutes of each settlement with and without the project's."""
        found = {}
        named = dict(services)
        if self.road_after.any():
            named.setdefault("road", _Places(np.zeros((0, 2)), np.zeros(0, dtype=bool)))
        for name, one in named.items():
            tracks = (self.road_after, self.road_before) if name == "road" else (None, None)
            after = self._of(self.after, one.xy, homes, tracks[0])
            before = self._of(self.before, one.xy[~one.ours], homes, tracks[1])
            # all ways of before are there after: only where somebody starts from may differ
            found[name] = (len(one.xy), np.minimum(after, before), before)
        return found

    def _of(
        self, surface: FloatArray, places: FloatArray, homes: FloatArray, track: BoolArray | None
    ) -> FloatArray:
        passable = np.isfinite(surface)
        rows, cols, extra = self._starts(passable, places)
        if track is not None:
            on = np.nonzero(track)
            rows, cols = np.concatenate([rows, on[0]]), np.concatenate([cols, on[1]])
            extra = np.concatenate([extra, np.zeros(on[0].size)])
        field = travel_minutes(surface, rows, cols, cell_m=self.cell_m, extra=extra)
        row, col, more = self._starts(passable, homes)
        return np.asarray(field[row, col] + more)

    def _starts(
        self, passable: BoolArray, places: FloatArray
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        rows, cols = cells_at(self.geobox, places[:, 0], places[:, 1])
        near_row, near_col, metres = nearest_passable(passable, rows, cols, cell_m=self.cell_m)
        return near_row, near_col, metres * self.minutes_per_m


def _grid(context: Context, places: FloatArray, numbers: Mapping[str, Parameter]) -> GeoBox:
    """Return the grid of the surface: frame and places with a margin, on whole multiples of its cell."""
    cell, margin = numbers["access.cell_m"].value, numbers["access.margin_km"].value * 1000
    frame = context.frame.geobox.boundingbox
    west, south = np.minimum(places.min(axis=0), (frame.left, frame.bottom)) - margin
    east, north = np.maximum(places.max(axis=0), (frame.right, frame.top)) + margin
    west, south = np.floor(west / cell) * cell, np.floor(south / cell) * cell
    width, height = int(np.ceil((east - west) / cell)), int(np.ceil((north - south) / cell))
    if width * height > _MOST_CELLS:
        found = f"{width * height:,} cells of {cell:g} m"
        remedy = "enlarge [ad.parameter.access.cell_m], or look for places far away"
        raise InputError(Problem("[ad.travel]", found, f"at most {_MOST_CELLS:,}", remedy))
    bounds = (west, south, west + width * cell, south + height * cell)
    return GeoBox.from_bbox(bounds, str(context.frame.geobox.crs), resolution=cell, tight=True)


def _known(path: Path, geobox: GeoBox, resampling: str) -> FloatArray:
    """Return a raster on the grid, NaN where it holds nothing."""
    with open_on_grid(path, geobox) as plain:
        fill = _NOWHERE if plain.nodata is None and resampling != "nearest" else plain.nodata
    with open_on_grid(path, geobox, resampling=resampling, fill=fill) as reader:
        values = np.asarray(reader.read(Block(0, 0, *geobox.shape)), dtype=float)
    return values if fill is None else np.where(values == fill, np.nan, values)


def _rise(path: Path, geobox: GeoBox, cell_m: float) -> FloatArray:
    """Return rise by run; NaN where a neighbour's height is not known."""
    height = _known(path, geobox, "bilinear")
    ground = gradient(np.pad(height, 1, mode="edge"), cell_m, cell_m)
    return np.asarray(np.hypot(ground.east, ground.north), dtype=float)


def _roads(travel: TravelSection, crs: str, usual_kmh: float) -> tuple[Any, BoolArray]:
    """Return roads by their speed, so that the faster owns a cell, and which of them the project built."""
    if travel.roads is None:
        return geopandas.GeoDataFrame({"kmh": []}, geometry=[], crs=crs), np.zeros(0, dtype=bool)
    layer: Any = read_layer(travel.roads, geometry="line").to_crs(crs)
    problems: list[Problem] = []
    for column in (travel.road_kmh, travel.built_by):
        if column is not None and column not in layer:
            found = "no such column"
            problems.append(Problem(f"{travel.roads.name} column {column}", found, "a column of the roads"))
    if problems:
        raise InputError(problems)
    speed = (
        pd.Series(usual_kmh, index=layer.index)
        if travel.road_kmh is None
        else pd.to_numeric(layer[travel.road_kmh], errors="coerce")
    )
    if speed.isna().any() or not (speed > 0).all():
        where = f"{travel.roads.name} column {travel.road_kmh}"
        raise InputError(Problem(where, "a cell that is no speed", "km/h above 0", "correct it"))
    ours = _by_project(layer, travel.built_by or "")
    table = layer.assign(kmh=speed, ours=ours).sort_values("kmh", kind="stable", ignore_index=True)
    return table, table["ours"].to_numpy(dtype=bool)


def _burnt(lines: Any, values: Any, geobox: GeoBox) -> FloatArray:
    """Return the value of the line in each cell that one touches, 0 elsewhere; later lines go first."""
    shapes = list(zip(lines.geometry, np.asarray(values(len(lines)), dtype=float), strict=True))
    if not shapes:
        return np.zeros(geobox.shape)
    burnt = rasterize(
        shapes, out_shape=geobox.shape, transform=geobox.transform, fill=0.0, all_touched=True, dtype="float64"
    )
    return np.asarray(burnt)


def _opened(spots: FloatArray, geobox: GeoBox) -> BoolArray:
    """Return the cells of bridges and those around them, since a river may be two cells wide in a bend."""
    found = np.zeros(geobox.shape, dtype=bool)
    if len(spots):
        rows, cols = cells_at(geobox, spots[:, 0], spots[:, 1])
        found[rows, cols] = True
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(found, np.ones((3, 3), dtype=bool)))
