"""Cultivation and land laid over zones: a partition that adds up, and each zone by itself, which does not.

Two tables answer two questions. The *partition* gives every bit of ground to one zone, by a declared
precedence, so that the parts add up to the whole. The table of zones *alone* says what lies in each zone
whoever else claims it; its rows overlap and are never summed.

For estimates from a sample, `aoi.membership` gives the zone of every sample point or grid cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import geopandas
import numpy as np
import pandas
import shapely
from numpy.typing import NDArray

from aoi.membership import cell_areas_by_zone, zone_of_cells, zone_of_points
from aoi.zones import OUTSIDE, Zones, exclusive, polygonal
from geo.areas import polygon_areas_ha
from geo.errors import InputError, Problem
from geo.vector import repair

__all__ = [
    "alone_areas",
    "cell_areas_by_zone",
    "layer_areas",
    "partition",
    "partition_areas",
    "zone_of_cells",
    "zone_of_points",
]

_SLIVER = 1e-9  # share of a feature's area below which a piece is rounding, not ground
_MOST_TURNS = 32  # zones on one feature up to which cutting in turn beats making the zones disjoint

_Index = NDArray[np.int64]


def partition(
    features: Any,
    zones: Zones,
    precedence: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Any:
    """Cut features along the zones, each bit of ground going to one zone or to none.

    Parameters
    ----------
    features
        GeoDataFrame of polygons with a CRS that do not overlap one another (`aoi.admin.overlapping_pairs`
        tells), n rows.
    zones
        Zones, overlapping or not.
    precedence
        Layer names, highest first; the stacking order when None.
    progress
        Called with pairs of feature and zone looked at, and such pairs in all.

    Returns
    -------
    GeoDataFrame
        One row a piece: ``feature`` (position of its feature, 0 to n - 1), ``code`` (0 outside every zone),
        ``layer``, ``zone``, ``area_ha`` (ellipsoidal) and geometry, by feature and code. The pieces of a
        feature are disjoint and add up to it.

    Raises
    ------
    InputError
        If the features have no CRS.
    SurveyFileError
        If the precedence does not name every layer once.
    """
    owned = repair(_with_crs(features))
    shapes = np.asarray(owned.geometry.values)
    zone, feature, pieces, rest = _cut(shapes, zones.to_crs(owned.crs), precedence, progress)
    untouched = np.flatnonzero(~shapely.is_empty(rest))
    frame = geopandas.GeoDataFrame(
        {"feature": np.r_[feature, untouched], "code": np.r_[zone + 1, np.full(untouched.size, OUTSIDE)]},
        geometry=np.r_[pieces, rest[untouched]],
        crs=owned.crs,
    )
    frame = frame.sort_values(["feature", "code"], kind="stable", ignore_index=True)
    names = zones.names(frame["code"])
    return frame.assign(
        code=frame["code"].astype(np.uint16),
        layer=names["layer"],
        zone=names["zone"],
        area_ha=polygon_areas_ha(frame),
    )[["feature", "code", "layer", "zone", "area_ha", "geometry"]]


def partition_areas(pieces: Any, zones: Zones) -> Any:
    """Return the hectares of every zone in a partition, and of the ground outside; the rows add up.

    Parameters
    ----------
    pieces
        What `partition` returned.
    zones
        The zones it was made with.

    Returns
    -------
    DataFrame
        Columns code, layer, zone, area_ha; the zones by code, then the ground in no zone (code 0).
    """
    area = np.bincount(pieces["code"], weights=pieces["area_ha"], minlength=len(zones) + 1)
    codes = np.r_[np.arange(1, len(zones) + 1), OUTSIDE]
    table = zones.names(codes)
    table.insert(0, "code", codes)
    return table.assign(area_ha=area[codes])


def alone_areas(features: Any, zones: Zones) -> Any:
    """Return the hectares in each zone by itself, and in each layer by itself. Not additive.

    Parameters
    ----------
    features
        GeoDataFrame of polygons that do not overlap one another.
    zones
        Zones, overlapping or not.

    Returns
    -------
    DataFrame
        Columns layer, zone (empty for the layer as a whole, its own overlaps counted once), ``alone_ha``
        and ``additive``, which is False in every row.
    """
    owned = repair(_with_crs(features))
    shapes, placed = np.asarray(owned.geometry.values), zones.to_crs(owned.crs)
    whole = layer_areas(owned, placed).sum(axis=0)
    tables = []
    for layer, layer_ha in zip(zones.layers, whole, strict=True):
        own = placed.only(layer)
        zone, _, pieces = _pieces(shapes, own.shapes)
        each = np.bincount(zone, weights=_hectares(pieces, owned.crs), minlength=len(own))
        names = ["", *own.frame["zone"]]
        tables.append(pandas.DataFrame({"layer": layer, "zone": names, "alone_ha": np.r_[layer_ha, each]}))
    return pandas.concat(tables, ignore_index=True).assign(additive=False)


def layer_areas(features: Any, zones: Zones) -> NDArray[np.float64]:
    """Return the hectares of every feature inside each layer by itself. Not additive across layers.

    Parameters
    ----------
    features
        GeoDataFrame of polygons with a CRS, n rows.
    zones
        Zones, overlapping or not.

    Returns
    -------
    ndarray, shape (n, layers)
        Ground that several zones of one layer share counts once.
    """
    owned = repair(_with_crs(features))
    shapes, placed = np.asarray(owned.geometry.values), zones.to_crs(owned.crs)
    areas = np.zeros((shapes.size, len(zones.layers)))
    for column, layer in enumerate(zones.layers):
        _, feature, pieces, _ = _cut(shapes, placed.only(layer), None)
        np.add.at(areas[:, column], feature, _hectares(pieces, owned.crs))
    return areas


def _with_crs(frame: Any) -> Any:
    if frame.crs is None:
        raise InputError(Problem("features to overlay", "no coordinate reference system", "one", "assign it"))
    return frame


def _cut(
    shapes: NDArray[Any],
    zones: Zones,
    precedence: Sequence[str] | None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[_Index, _Index, NDArray[Any], NDArray[Any]]:
    """Share out shapes among zones: zone, shape and geometry of every piece, and what is left of each shape.

    Many small shapes are cut zone after zone, in turn of precedence. A shape with many zones on it would be
    worn down slowly so: there the zones are made disjoint first.
    """
    by_rank = np.argsort(zones.ranks(precedence))
    ranked = zones.shapes[by_rank]
    zone, shape, whole = _pairs(shapes, ranked)
    if np.bincount(shape, minlength=1).max() <= _MOST_TURNS:
        rank, feature, pieces, rest = _take_turns(shapes, ranked, (zone, shape, whole), progress)
        return by_rank[rank], feature, pieces, rest
    zone, feature, pieces = _pieces(shapes, exclusive(zones, precedence).shapes)
    return zone, feature, pieces, _remainders(shapes, feature, pieces)


def _pairs(shapes: NDArray[Any], zones: NDArray[Any]) -> tuple[_Index, _Index, NDArray[np.bool_]]:
    """Return the pairs of zone and shape that meet, and whether the zone covers the shape."""
    tree = shapely.STRtree(shapes)
    zone, shape = tree.query(zones, predicate="intersects")
    zone_of_whole, whole = tree.query(zones, predicate="covers")
    covers = np.isin(zone * shapes.size + shape, zone_of_whole * shapes.size + whole)
    return zone, shape, covers


def _take_turns(
    shapes: NDArray[Any],
    ranked: NDArray[Any],
    pairs: tuple[_Index, _Index, NDArray[np.bool_]],
    progress: Callable[[int, int], None] | None,
) -> tuple[_Index, _Index, NDArray[Any], NDArray[Any]]:
    """Let the zones, in order of rank, each take their ground from what is left of every shape."""
    order = np.lexsort((pairs[0], pairs[1]))
    zone, shape, covers = (part[order] for part in pairs)
    starts = np.flatnonzero(np.r_[True, shape[1:] != shape[:-1]][: shape.size])
    turn = np.arange(shape.size) - np.repeat(starts, np.diff(np.r_[starts, shape.size]))
    least = _SLIVER * shapely.area(shapes)
    pieces, rest = np.full(shape.size, shapely.Polygon(), dtype=object), shapes.copy()
    for now in range(int(turn.max(initial=-1)) + 1):
        due = np.flatnonzero(turn == now)
        due = due[~shapely.is_empty(rest[shape[due]])]
        all_of_it, part = due[covers[due]], due[~covers[due]]
        pieces[all_of_it], rest[shape[all_of_it]] = rest[shape[all_of_it]], shapely.Polygon()
        before, taker = rest[shape[part]], ranked[zone[part]]
        pieces[part] = polygonal(shapely.intersection(before, taker))
        left = polygonal(shapely.difference(before, taker))
        left[shapely.area(left) <= least[shape[part]]] = shapely.Polygon()
        rest[shape[part]] = left
        if progress is not None:
            progress(int((turn <= now).sum()), turn.size)
    real = shapely.area(pieces) > least[shape]
    return zone[real], shape[real], pieces[real], rest


def _pieces(shapes: NDArray[Any], zones: NDArray[Any]) -> tuple[_Index, _Index, NDArray[Any]]:
    """Cut shapes by each zone for itself: zone, shape and geometry of every pair that shares ground."""
    zone, shape, covers = _pairs(shapes, zones)
    pieces = shapes[shape]
    pieces[~covers] = polygonal(shapely.intersection(pieces[~covers], zones[zone[~covers]]))
    real = shapely.area(pieces) > _SLIVER * shapely.area(shapes[shape])
    return zone[real], shape[real], pieces[real]


def _remainders(shapes: NDArray[Any], feature: _Index, pieces: NDArray[Any]) -> NDArray[Any]:
    """Return what no piece took of each shape; empty where they took all of it."""
    order = np.argsort(feature, kind="stable")
    touched, starts = np.unique(feature[order], return_index=True)
    rest = shapes.copy()
    if not touched.size:
        return rest
    taken = [shapely.union_all(pieces[group]) for group in np.split(order, starts[1:])]
    left = polygonal(shapely.difference(shapes[touched], np.array(taken, dtype=object)))
    left[shapely.area(left) <= _SLIVER * shapely.area(shapes[touched])] = shapely.Polygon()
    rest[touched] = left
    return rest


def _hectares(shapes: NDArray[Any], crs: Any) -> NDArray[np.float64]:
    return polygon_areas_ha(geopandas.GeoSeries(shapes, crs=crs))
