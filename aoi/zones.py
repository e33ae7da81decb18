"""Zones: layers of polygons stacked into one coded table, in a declared order of precedence.

A zone is what carries one label in one layer: a park, a reserve, a project area. Zones may overlap, within a
layer and across layers; the precedence says whose ground the shared ground is. A zone's code is its place in
the table and does not change with the precedence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import pandas
import shapely
from numpy.typing import NDArray

from geo.errors import InputError, Problem, SurveyFileError
from geo.vector import repair

__all__ = ["OUTSIDE", "ZoneLayer", "Zones", "exclusive", "polygonal", "stack"]

OUTSIDE = 0
"""Code of ground that lies in no zone."""

_MOST_ZONES = np.iinfo(np.uint16).max - 1
_POLYGONS = (3, 6)  # GEOS type identifiers of polygon and multipolygon


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneLayer:
    """One layer of zones as it was read."""

    name: str
    """Short name, unique among the layers."""
    frame: Any
    """GeoDataFrame of polygons with a CRS."""
    label: str
    """Column that names each zone; rows with one label are one zone."""
    title: str = ""
    """Name for readers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """Stacked zones. Row i holds the zone of code i + 1."""

    frame: Any
    """GeoDataFrame with columns layer, zone, geometry."""
    layers: tuple[str, ...]
    """Layer names as they were stacked; the precedence unless another is given."""

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def shapes(self) -> NDArray[Any]:
        """Geometry of every zone, shape (zones,)."""
        return np.asarray(self.frame.geometry.values)

    def ranks(self, precedence: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Return the rank of every zone, 0 first, shape (zones,).

        Parameters
        ----------
        precedence
            Layer names, the first owning what others share with it; within a layer the first row does. The
            stacking order when None.

        Raises
        ------
        SurveyFileError
            If a layer is named twice, is left out, or is not one of the zones' layers.
        """
        order = self.layers if precedence is None else tuple(precedence)
        problems = list(_precedence_problems(order, self.layers))
        if problems:
            raise SurveyFileError(problems)
        place = self.frame["layer"].map({name: index for index, name in enumerate(order)}).to_numpy()
        ranks = np.empty(len(self), dtype=np.int64)
        ranks[np.argsort(place, kind="stable")] = np.arange(len(self))
        return ranks

    def only(self, layer: str) -> Zones:
        """Return the zones of one layer (with codes of their own)."""
        return Zones(frame=self.frame[self.frame["layer"] == layer].reset_index(drop=True), layers=(layer,))

    def to_crs(self, crs: object) -> Zones:
        """Return the same zones in another CRS."""
        return Zones(frame=self.frame.to_crs(str(crs)), layers=self.layers)

    def names(self, codes: Iterable[int]) -> Any:
        """Return the layer and zone of each code as a table; both are empty where the code is `OUTSIDE`.

        Returns
        -------
        DataFrame
            Columns layer, zone; one row a code, in order.
        """
        held = pandas.concat(
            [pandas.DataFrame({"layer": [""], "zone": [""]}), self.frame[["layer", "zone"]]],
            ignore_index=True,
        )
        return held.iloc[np.fromiter(codes, dtype=np.int64)].reset_index(drop=True)


def stack(layers: Sequence[ZoneLayer], crs: object) -> Zones:
    """Stack layers into one table of zones, in their order.

    Parameters
    ----------
    layers
        At least one; their order is the precedence.
    crs
        Coordinate reference system of the result, in which polygons are cut and joined.

    Returns
    -------
    Zones
        Invalid polygons repaired, rows of one label joined.

    Raises
    ------
    InputError
        Naming every layer without CRS or with something other than polygons, every missing label, and
        more zones than codes.
    SurveyFileError
        If two layers have one name.
    """
    names = tuple(layer.name for layer in layers)
    _raise_repeated(names)
    problems = [problem for layer in layers for problem in _layer_problems(layer)]
    if problems:
        raise InputError(problems)
    parts = [_zones_of(layer, str(crs)) for layer in layers]
    frame = geopandas.GeoDataFrame(pandas.concat(parts, ignore_index=True), geometry="geometry", crs=str(crs))
    if len(frame) > _MOST_ZONES:
        raise InputError(
            Problem("zones", f"{len(frame)} of them", f"at most {_MOST_ZONES}", "join zones by a label")
        )
    return Zones(frame=frame, layers=names)


def exclusive(zones: Zones, precedence: Sequence[str] | None = None) -> Zones:
    """Return the zones cut so that no two share ground; what they cover together stays the same.

    Parameters
    ----------
    zones
        Overlapping zones.
    precedence
        Layer names, highest first.

    Returns
    -------
    Zones
        Same rows and codes; a zone wholly claimed by higher ones is empty.
    """
    shapes, ranks = zones.shapes, zones.ranks(precedence)
    lower, higher = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    contested = ranks[higher] < ranks[lower]
    lower, higher = lower[contested], higher[contested]
    order = np.argsort(lower, kind="stable")
    losers, starts = np.unique(lower[order], return_index=True)
    claims = [shapely.union_all(shapes[group]) for group in np.split(higher[order], starts[1:])]
    cut = shapes.copy()
    if losers.size:
        cut[losers] = polygonal(shapely.difference(shapes[losers], np.array(claims, dtype=object)))
    return Zones(frame=zones.frame.set_geometry(_series(cut, zones.frame)), layers=zones.layers)


def polygonal(shapes: NDArray[Any]) -> NDArray[Any]:
    """Return shapes without the lines and points that cutting leaves behind, shape as given."""
    mixed = ~np.isin(shapely.get_type_id(shapes), _POLYGONS)
    if not mixed.any():
        return shapes
    kept = shapes.copy()
    kept[mixed] = [
        shapely.union_all([part for part in shapely.get_parts(shape) if part.area > 0]) for shape in shapes[mixed]
    ]
    empty = mixed & shapely.is_empty(kept)
    kept[empty] = shapely.Polygon()
    return kept


def _zones_of(layer: ZoneLayer, crs: str) -> Any:
    frame = repair(layer.frame).to_crs(crs)
    labels = frame[layer.label].astype(str)
    shapes = np.asarray(frame.geometry.values)
    codes, names = pandas.factorize(labels)
    order = np.argsort(codes, kind="stable")
    starts = np.unique(codes[order], return_index=True)[1]
    joined = [
        shapes[group[0]] if group.size == 1 else shapely.union_all(shapes[group])
        for group in np.split(order, starts[1:])
    ]
    return geopandas.GeoDataFrame(
        {"layer": layer.name, "zone": names}, geometry=np.array(joined, dtype=object), crs=crs
    )


def _series(shapes: NDArray[Any], like: Any) -> Any:
    return geopandas.GeoSeries(shapes, index=like.index, crs=like.crs)


def _layer_problems(layer: ZoneLayer) -> Iterator[Problem]:
    where, frame = f"zone layer {layer.name}", layer.frame
    if frame.crs is None:
        yield Problem(where, "no coordinate reference system", "one", "assign the CRS it was made in")
    wrong = ~np.isin(shapely.get_type_id(np.asarray(frame.geometry.values)), _POLYGONS)
    if wrong.any():
        yield Problem(where, f"{int(wrong.sum())} rows that are no polygons", "polygons", "remove them")
    if layer.label not in frame.columns:
        yield Problem(where, f"no column {layer.label!r}", "the column that names each zone")
    elif frame[layer.label].isna().any():
        rows = ", ".join(str(row + 1) for row in np.flatnonzero(frame[layer.label].isna())[:5])
        yield Problem(f"{where} column {layer.label}", f"no name in row {rows}", "a name in every row")


def _precedence_problems(order: Sequence[str], layers: Sequence[str]) -> Iterator[Problem]:
    for name in sorted({name for name in order if list(order).count(name) > 1}):
        yield Problem("precedence", f"{name!r} twice", "each layer once", "strike one of them")
    for name in order:
        if name not in layers:
            yield Problem("precedence", f"{name!r}", f"one of {', '.join(layers)}", "correct the name")
    for name in layers:
        if name not in order:
            yield Problem("precedence", f"no place for layer {name!r}", "every layer", "add it to the list")


def _raise_repeated(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SurveyFileError(
            Problem("zone layers", f"{', '.join(repeated)} twice", "a name of its own for each layer")
        )
    if not names:
        raise SurveyFileError(Problem("zone layers", "none", "at least one", "add an overlay layer"))
