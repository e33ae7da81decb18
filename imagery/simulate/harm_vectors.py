"""What a field office of the coca frontier knows besides rasters: new tracks, rivers, processing, spraying.

All of it is invented, and follows from the landscape: tracks lead from new clearings to the nearest road, places of
processing lie where a stream is near the crop.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.flow import accumulate, flow_network
from geo.vector import Layer, write_gpkg
from imagery.simulate.harm_layers import Origins
from imagery.simulate.landscape import Landscape
from imagery.simulate.layers import eradication_events, river_lines, road_lines
from imagery.simulate.noise import stream

__all__ = ["harm_vectors_text", "write_harm_vectors"]

_STREAM = 71
_TRACKS, _SITES = 12, 3
_RUNOFF_M = 1.4
_SECONDS = 31_557_600
_NEAR_M = 60.0
_LEDGER = """
[corrections]                       # images reach to the reference date, so operations change no figure of area
eradication = "inputs/eradication.gpkg"
all_verified = true                 # how land comes back after them is told from the yearly index
"""
_SPRAYED_HA = 6.5
"""Hectares sprayed from the air in the current year."""


def write_harm_vectors(landscape: Landscape, frame: shapely.Geometry, folder: Path) -> None:
    """Write new tracks with their year, rivers with their flow, and known places of processing."""
    layers = {"tracks": _tracks(landscape), "rivers": _rivers(landscape), "sites": _sites(landscape, frame)}
    for name, layer in layers.items():
        title = name.capitalize()
        write_gpkg(
            folder / f"{name}.gpkg",
            {name: Layer(frame=layer, title=title, description=f"{title} of an invented place")},
        )


def harm_vectors_text(landscape: Landscape) -> str:
    """Return the tables of the survey file that name these layers."""
    current = landscape.scenario.periods[1]
    return f"""
[harm.access]                       # forest lost under and along tracks opened in the period
path = "inputs/harm/tracks.gpkg"
year = "opened"

[harm.rivers]                       # where streams are known to run, and what flows in them
path = "inputs/harm/rivers.gpkg"
discharge = "flow_m3_s"

[harm.sites]                        # known places of processing; no output shows where they are
path = "inputs/harm/sites.gpkg"

[harm.sprayed_ha]                   # herbicide of eradication is a source of its own
{current.name} = {_SPRAYED_HA}
{"" if eradication_events(landscape).empty else _LEDGER}"""


def _tracks(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return tracks from the largest of the clearings of each period to the road that is nearest to each."""
    first, fields = Origins(landscape).first_year, landscape.land_use.fields
    roads = shapely.union_all(np.asarray(road_lines(landscape).geometry.values))
    inside = shapely.contains_properly(landscape.extent, fields)
    years = [landscape.scenario.years[0], *(period.year for period in landscape.scenario.periods)]
    chosen = []
    for after, until in pairwise(years):
        new = np.flatnonzero((first > after) & (first <= until) & inside)
        chosen.append(new[np.argsort(-shapely.area(fields[new]), kind="stable")][:_TRACKS])
    new = np.concatenate(chosen)
    rng = stream(landscape.seed, _STREAM)
    lines = [_bent(shapely.shortest_line(fields[one], roads), rng) for one in new]
    return _layer(landscape, lines, name=[f"Track {one + 1}" for one in range(len(lines))], opened=first[new])


def _bent(line: shapely.LineString, rng: np.random.Generator) -> shapely.LineString:
    """Return a line with a bend in its middle."""
    (x, y), (end_x, end_y) = line.coords[0], line.coords[-1]
    aside = rng.uniform(-0.15, 0.15)
    middle = ((x + end_x) / 2 - aside * (end_y - y), (y + end_y) / 2 + aside * (end_x - x))
    return shapely.LineString([(x, y), middle, (end_x, end_y)])


def _rivers(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return rivers with the largest flow that the terrain brings near to each."""
    found, box = river_lines(landscape), landscape.geobox
    network = flow_network(np.round(landscape.ground.elevation_m, 1), box)
    cubic_m = accumulate(network, np.full(box.shape, _RUNOFF_M * network.cell_area_m2)).reshape(box.shape)
    flows = []
    for line in found.geometry:
        at = shapely.get_coordinates(shapely.segmentize(line, box.transform.a))
        col, row = (np.floor(one).astype(int) for one in ~box.transform * at.T)
        held = (row >= 0) & (row < box.shape[0]) & (col >= 0) & (col < box.shape[1])
        flows.append(round(float(cubic_m[row[held], col[held]].max(initial=0.0)) / _SECONDS, 4))
    return _layer(landscape, list(found.geometry), name=list(found["name"]), flow_m3_s=flows)


def _sites(landscape: Landscape, frame: shapely.Geometry) -> geopandas.GeoDataFrame:
    """Return places of processing: beside a stream, near the crop of the current year."""
    code = landscape.profile.legend.code(landscape.scenario.crop)
    _, fields = landscape.polygons_of(landscape.scenario.periods[1].year, (code,))
    rivers = shapely.union_all(np.asarray(river_lines(landscape).geometry.values))
    inside = fields[shapely.contains_properly(frame, fields)]
    near = inside[np.argsort(shapely.distance(inside, rivers), kind="stable")][:_SITES]
    rng = stream(landscape.seed, _STREAM, 1)
    points = [shapely.centroid(one) for one in near]
    moved = [shapely.Point(one.x + dx, one.y + dy) for one, (dx, dy) in zip(points, _steps(rng), strict=False)]
    kept = [one for one in moved if frame.contains(one)] or [frame.representative_point()]
    return _layer(landscape, kept, name=[f"Place {one + 1}" for one in range(len(kept))])


def _steps(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.uniform(-_NEAR_M / 2, _NEAR_M / 2, (_SITES, 2))


def _layer(landscape: Landscape, shapes: list[shapely.Geometry], **columns: object) -> geopandas.GeoDataFrame:
    geometry = shapely.set_precision(np.array(shapes, dtype=object), 0.01)
    return geopandas.GeoDataFrame(columns, geometry=list(geometry), crs=landscape.scenario.crs)
