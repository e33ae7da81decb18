"""The vector layers of an example: projects, protected land, rivers, roads, eradication and the past."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.areas import polygon_areas_ha
from imagery.simulate.landscape import Landscape
from imagery.simulate.noise import stream

__all__ = [
    "eradication_events",
    "prior_cultivation",
    "project_layers",
    "river_lines",
    "road_lines",
    "typed",
]

_STREAM = 52
_MISSED_BEFORE = 0.06  # share of fields that the surveys of earlier years did not draw
_METHODS = {"clearings": ("manual",), "strips": ("manual", "tractor"), "terraces": ("manual",)}
_SEASON_DAYS = {"clearings": (30, 330), "strips": (75, 125), "terraces": (150, 240)}


def project_layers(landscape: Landscape, frame: shapely.Geometry) -> dict[str, geopandas.GeoDataFrame]:
    """Return AD project areas, protected areas and indigenous (or communal) lands.

    The first project area overlaps the first protected area, and the indigenous land overlaps a project
    area, so that an overlay has to say which goes first.

    Parameters
    ----------
    landscape
        The landscape.
    frame
        Area frame; everything is cut to it.
    """
    rng = stream(landscape.seed, _STREAM)
    west, south, east, _ = frame.bounds
    side = east - west
    crops = _crop_centre(landscape, frame)

    def place(x: float, y: float, radius: float) -> shapely.Polygon:
        return _lobed((x, y), radius * side, rng).intersection(frame)

    protected = [
        place(west + 0.80 * side, south + rng.uniform(0.62, 0.72) * side, 0.22),
        place(west + 0.16 * side, south + rng.uniform(0.12, 0.2) * side, 0.15),
    ]
    projects = [
        place(west + 0.60 * side, south + rng.uniform(0.55, 0.68) * side, 0.17),
        place(crops[0] - 0.12 * side, crops[1] - 0.16 * side, 0.13),
        place(west + rng.uniform(0.18, 0.3) * side, south + rng.uniform(0.72, 0.8) * side, 0.14),
    ]
    indigenous = [place(west + 0.24 * side, south + 0.60 * side, 0.15)]
    return {
        "ad_areas": _layer(
            landscape,
            projects,
            {
                "ad_code": ["AD-001", "AD-002", "AD-003"],
                "ad_name": ["Upper valley project", "Lower valley project", "Western slopes project"],
                "start_year": [2022, 2022, 2023],
            },
        ),
        "protected": _layer(landscape, protected, {"name": ["Eastern reserve", "Southern sanctuary"]}),
        "indigenous": _layer(landscape, indigenous, {"name": ["Land of the western communities"]}),
    }


def river_lines(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return rivers and canals inside the images."""
    rivers, canals = landscape.ground.rivers, landscape.land_use.canals
    names = ["Main river", *(f"Stream {number}" for number in range(1, len(rivers)))]
    names += [f"Canal {number}" for number in range(1, len(canals) + 1)]
    return _lines(landscape, [*rivers, *canals], names)


def road_lines(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return roads inside the images."""
    roads = landscape.land_use.roads
    return _lines(landscape, list(roads), [f"Road {number}" for number in range(1, len(roads) + 1)])


def eradication_events(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return eradication events between the periods, with the hectares claimed for them.

    A quarter of the fields given up were eradicated, and some that were planted again. Claims are on average
    a third larger than the field.
    """
    rng = stream(landscape.seed, _STREAM, 1)
    scenario = landscape.scenario
    crop = landscape.profile.legend.code(scenario.crop)
    baseline, current = (period.year for period in scenario.periods)
    rows: list[tuple[int, str, str, float, shapely.Geometry]] = []
    for year in range(baseline, current):
        now, after = landscape.classes_of(year) == crop, landscape.classes_of(year + 1) == crop
        hit = np.flatnonzero(now & (rng.random(len(now)) < np.where(after, 0.03, 0.25)))
        for index in hit.tolist():
            day = date.fromordinal(date(year, 1, 1).toordinal() + int(rng.integers(*_SEASON_DAYS[scenario.layout])))
            field = landscape.land_use.fields[index]
            claim = round(field.area / 1e4 * rng.uniform(1.0, 1.7), 2)
            rows.append((year, day.isoformat(), str(rng.choice(_METHODS[scenario.layout])), claim, field.buffer(6)))
    rows = [row for row in rows if landscape.extent.intersects(row[4])]
    counters: dict[int, int] = {}
    codes = []
    for year, *_ in rows:
        counters[year] = counters.get(year, 0) + 1
        codes.append(f"E{year}-{counters[year]:04d}")
    columns: dict[str, list[Any]] = {
        "event_id": codes,
        "date": [row[1] for row in rows],
        "method": [row[2] for row in rows],
        "claimed_ha": [row[3] for row in rows],
    }
    return typed(_layer(landscape, [row[4] for row in rows], columns), numbers=("claimed_ha",))


def typed(layer: geopandas.GeoDataFrame, *, numbers: Collection[str]) -> geopandas.GeoDataFrame:
    """Return a layer whose columns keep their kind without any row: all but `numbers` and the shapes hold text."""
    texts = [name for name in layer.columns if name not in {*numbers, layer.geometry.name}] if layer.empty else []
    return layer.astype(dict.fromkeys(texts, object))


def prior_cultivation(landscape: Landscape) -> geopandas.GeoDataFrame:
    """Return the crop fields that surveys of the two years before each period drew; they missed some."""
    rng = stream(landscape.seed, _STREAM, 2)
    crop = landscape.profile.legend.code(landscape.scenario.crop)
    years, shapes = [], []
    for year in sorted({period.year - back for period in landscape.scenario.periods for back in (1, 2)}):
        _, polygons = landscape.polygons_of(year, (crop,))
        drawn = polygons[rng.random(len(polygons)) >= _MISSED_BEFORE]
        years += [year] * len(drawn)
        shapes += list(drawn)
    layer = _layer(landscape, shapes, {"year": years, "class": [landscape.scenario.crop] * len(years)})
    layer["area_ha"] = np.round(polygon_areas_ha(layer), 4)
    return typed(layer, numbers=("year", "area_ha"))


def _crop_centre(landscape: Landscape, frame: shapely.Geometry) -> tuple[float, float]:
    """Return the middle of the crop of the baseline year, which a project would be drawn around."""
    crop = landscape.profile.legend.code(landscape.scenario.crop)
    _, polygons = landscape.polygons_of(landscape.scenario.periods[0].year, (crop,))
    middle = shapely.centroid(shapely.multipoints(shapely.centroid(polygons))) if len(polygons) else frame.centroid
    return float(middle.x), float(middle.y)


def _lobed(centre: tuple[float, float], radius_m: float, rng: np.random.Generator) -> shapely.Polygon:
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    r = np.full(t.shape, radius_m)
    for waves, size in ((2, 0.16), (3, 0.12), (5, 0.07), (9, 0.03)):
        r *= 1 + rng.uniform(0.3, 1.0) * size * np.sin(waves * t + rng.uniform(0, 2 * np.pi))
    return shapely.Polygon(np.column_stack([centre[0] + r * np.cos(t), centre[1] + r * np.sin(t)]))


def _lines(landscape: Landscape, lines: list[shapely.LineString], names: list[str]) -> geopandas.GeoDataFrame:
    inside = shapely.intersection(np.array(lines, dtype=object), landscape.extent)
    kept = [index for index, line in enumerate(inside) if not line.is_empty]
    return _layer(landscape, [inside[index] for index in kept], {"name": [names[index] for index in kept]})


def _layer(
    landscape: Landscape,
    shapes: list[shapely.Geometry] | NDArray[np.object_],
    columns: Mapping[str, Sequence[object]],
) -> geopandas.GeoDataFrame:
    geometry = shapely.set_precision(np.array(shapes, dtype=object), 0.01)
    return geopandas.GeoDataFrame(dict(columns), geometry=list(geometry), crs=landscape.scenario.crs)
