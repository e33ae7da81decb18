"""The areas of a programme on the ground: shapes that can be trusted, inside their country, hectares counted once.

Areas that stand for a point (``buffer_of_point``) have no hectares of their own and are left out; areas of two
projects that overlap are dissolved before anything is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas
import numpy as np
import pandas
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from aoi.project.finding import Finding, by_row
from aoi.project.model import Table
from aoi.project.read import RawTable
from geo.areas import polygon_areas_ha
from geo.errors import Problem
from geo.vector import repair

__all__ = [
    "counted_areas",
    "country_findings",
    "ground_hectares",
    "overlap_findings",
    "shape_findings",
    "usable_shapes",
]

_FAMILY = {"polygon": (3, 6), "point": (0,)}
_SLIVER = 1e-4
"""Share of the smaller area below which common ground is a drawing error."""


def shape_findings(raw: RawTable, table: Table) -> Iterator[Finding]:
    """Yield shapes that are missing, of the wrong kind, or invalid, and a layer without a CRS."""
    if not table.geometry:
        return
    if raw.shapes is None:
        if table.geometry_required:
            problem = Problem(raw.where, "no shapes", f"a {table.geometry} in every row", "save it as GeoPackage")
            yield Finding("error", "shapes", problem)
        return
    if raw.shapes.crs is None:
        problem = Problem(raw.where, "no coordinate reference system", "one", "assign the CRS it was made in")
        yield Finding("error", "shapes", problem)
    shapes = np.asarray(raw.shapes.values)
    void = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    wrong = ~void & ~np.isin(shapely.get_type_id(shapes), _FAMILY[table.geometry])
    broken = ~void & ~wrong & ~shapely.is_valid(shapes)
    if table.geometry_required:
        yield from by_row(
            [_told(raw, row, "no shape", f"a {table.geometry}", "draw it") for row in np.flatnonzero(void).tolist()]
        )
    yield from by_row(
        [
            _told(raw, row, f"a {shapes[row].geom_type}", f"a {table.geometry}", "redraw it")
            for row in np.flatnonzero(wrong).tolist()
        ]
    )
    yield from by_row(
        [
            _told(raw, row, f"an invalid shape ({shapely.is_valid_reason(shapes[row])})", "a valid one",
                  "mend it with 'Fix geometries' in QGIS")
            for row in np.flatnonzero(broken).tolist()
        ]
    )  # fmt: skip


def usable_shapes(shapes: Any, family: str) -> NDArray[np.bool_]:
    """Say which shapes are there, valid, and of a family (``polygon`` or ``point``), shape (n,)."""
    values = np.asarray(shapes.values)
    there = ~(shapely.is_missing(values) | shapely.is_empty(values)) & shapely.is_valid(values)
    return np.asarray(there & np.isin(shapely.get_type_id(values), _FAMILY[family]))


def country_findings(areas: Any, country: Any, *, where: str, outside_km: float) -> Iterator[Finding]:
    """Yield areas that reach further out of the country than its border is uncertain.

    Parameters
    ----------
    areas
        GeoDataFrame of valid polygons.
    country
        GeoDataFrame whose polygons together are the country.
    where
        File and layer of the areas.
    outside_km
        How far an area may reach out.
    """
    home = shapely.union_all(np.asarray(repair(country).to_crs(areas.crs).geometry.values))
    shapes = np.asarray(areas.geometry.values)
    suspects = np.flatnonzero(~shapely.covered_by(shapes, home)).tolist()
    for row in suspects:
        if _reach_out(shapes[row], home, areas.crs, outside_km * 1000):
            yield Finding(
                "error",
                "inside_country",
                Problem(
                    f"{where} row {int(areas.index[row]) + 1}",
                    f"an area that reaches more than {outside_km:g} km out of the country",
                    "an area inside it",
                    "correct the shape, its CRS or the order of its coordinates",
                ),
            )


def _reach_out(shape: Any, home: Any, crs: Any, metres: float) -> bool:
    """Say whether a shape leaves the country by more than a distance, measured around the shape itself."""
    to_degrees = Transformer.from_crs(crs, 4326, always_xy=True).transform
    centre = shapely.transform(np.array([shape.centroid]), to_degrees, interleaved=False)[0]
    if not (np.isfinite([centre.x, centre.y]).all() and abs(centre.y) <= 90):
        return True  # no place on Earth
    local = CRS.from_proj4(f"+proj=aeqd +lat_0={centre.y} +lon_0={centre.x} +datum=WGS84 +units=m")
    to_local = Transformer.from_crs(crs, local, always_xy=True).transform
    west, south, east, north = shape.bounds
    margin = max(east - west, north - south, 0.2 if CRS.from_user_input(crs).is_geographic else 20_000.0)
    near = shapely.intersection(home, shapely.box(west - margin, south - margin, east + margin, north + margin))
    if near.is_empty:
        return True
    parts = shapely.transform(np.array([shape, near], dtype=object), to_local, interleaved=False)
    return not bool(shapely.covered_by(parts[0], shapely.buffer(parts[1], metres)))


def overlap_findings(areas: Any, *, where: str) -> Iterator[Finding]:
    """Yield a warning for each pair of areas of two projects that share ground."""
    shapes, projects = np.asarray(areas.geometry.values), areas["project_id"].to_numpy()
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = (left < right) & (projects[left] != projects[right])
    left, right = left[pairs], right[pairs]
    common = shapely.intersection(shapes[left], shapes[right])
    shared = polygon_areas_ha(geopandas.GeoSeries(common, crs=areas.crs))
    own = polygon_areas_ha(areas)
    for a, b, land in zip(left, right, shared, strict=True):
        if land > _SLIVER * min(own[a], own[b]):
            yield Finding(
                "warning",
                "projects_overlap",
                Problem(
                    f"{where} rows {int(areas.index[a]) + 1} and {int(areas.index[b]) + 1}",
                    f"areas of the projects {projects[a]} and {projects[b]} that share {land:,.1f} ha",
                    "areas that share none",
                    "they are joined before hectares are counted, so that none counts twice",
                ),
            )


def counted_areas(areas: Any) -> Any:
    """Return the areas that have hectares, those drawn round a point left out."""
    return areas[areas["geom_method"] != "buffer_of_point"].reset_index(drop=True)


def ground_hectares(areas: Any) -> Any:
    """Return the true hectares of each project's ground, and of all projects together, each bit counted once.

    Parameters
    ----------
    areas
        GeoDataFrame with ``project_id``, ``geom_method`` and valid polygons.

    Returns
    -------
    DataFrame
        Columns project_id (empty for all projects together), areas, left_out (drawn round a point), area_ha.
        Projects that share ground add up to more than all of them.
    """
    counted = counted_areas(areas)
    rows = []
    for project in ["", *dict.fromkeys(areas["project_id"])]:
        own = counted if not project else counted[counted["project_id"] == project]
        every = areas if not project else areas[areas["project_id"] == project]
        ground = shapely.union_all(np.asarray(own.geometry.values))
        hectares = polygon_areas_ha(geopandas.GeoSeries([ground], crs=areas.crs)).sum() if len(own) else 0.0
        rows.append(
            {
                "project_id": project,
                "areas": len(own),
                "left_out": len(every) - len(own),
                "area_ha": float(hectares),
            }
        )
    return pandas.DataFrame(rows)


def _told(raw: RawTable, row: int, *words: str) -> Finding:
    return Finding("error", "shapes", Problem(f"{raw.where} row {row + 1}", *words))
