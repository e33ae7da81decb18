"""Geometry and tables in few bytes: whole numbers, differences, and repeated values said once."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from maps.text import plain

__all__ = [
    "DETAIL",
    "SCALE",
    "encode_flat",
    "encode_lines",
    "encode_outline",
    "encode_polygons",
    "encode_table",
    "inner_points",
    "label_points",
    "script_json",
    "simplified",
]

SCALE = 100_000
"""Steps to a degree: about 1.1 m."""

DETAIL = 2500
"""Parts of a layer's diagonal that remain visible when its outlines are simplified."""


def encode_polygons(
    frame: geopandas.GeoDataFrame, *, coverage: bool, detail: int = DETAIL
) -> list[list[list[list[int]]]]:
    """Return polygons as rings of coordinate differences.

    Parameters
    ----------
    frame
        Polygons with a CRS, n rows.
    coverage
        Whether neighbours share edges, which are then simplified alike.
    detail
        Parts of the layer's diagonal that remain visible.

    Returns
    -------
    list, n features of polygons of rings
        Each ring is ``[x0, y0, dx, dy, ...]`` in 1/100000 degree, closed by its first point implicitly.
    """
    shapes = np.asarray(frame.geometry.values)
    tolerance = _tolerance(shapes, detail)
    simple = (
        shapely.coverage_simplify(shapes, tolerance)
        if coverage
        else shapely.simplify(shapes, tolerance, preserve_topology=True)
    )
    return [_rings(shape) for shape in _geographic(simple, frame.crs)]


def encode_flat(frame: geopandas.GeoDataFrame) -> dict[str, Any]:
    """Return very many shapes as three lists that a browser reads without making an object for each.

    Parameters
    ----------
    frame
        Polygons or points with a CRS, n rows; empty shapes keep their place.

    Returns
    -------
    dict
        ``steps``: differences ``[dx, dy, ...]`` in 1/100000 degree that run through all rings, each ring starting
        from the last point of the one before; ``points``: points of each ring; ``rings``: rings of each shape, the
        outer one of a polygon before its holes.

    Examples
    --------
    >>> points = geopandas.GeoDataFrame(geometry=[shapely.Point(1, 2), shapely.Point(1.5, 2)], crs=4326)
    >>> encode_flat(points)
    {'steps': [100000, 200000, 50000, 0], 'points': [1, 1], 'rings': [1, 1]}
    """
    shapes = _geographic(np.asarray(frame.geometry.values), frame.crs)
    if not len(shapes):
        return {"steps": [], "points": [], "rings": []}
    single, owner = shapely.get_parts(shapes, return_index=True)
    if (shapely.get_type_id(single) == 3).any():
        single, ring_owner = shapely.get_rings(single, return_index=True)
        owner = owner[ring_owner]
    coordinates, ring = shapely.get_coordinates(single, return_index=True)
    steps = np.rint(coordinates * SCALE).astype(np.int64)
    # The last point of a ring repeats its first
    closed = shapely.get_num_coordinates(single) > 1
    last = np.append(ring[1:] != ring[:-1], True)
    kept = ~(last & closed[ring])
    # Points of a ring that fall together at this scale are one
    steps, ring = steps[kept], ring[kept]
    again = np.append(False, (ring[1:] == ring[:-1]) & (steps[1:] == steps[:-1]).all(axis=1))
    steps, ring = steps[~again], ring[~again]
    steps[1:] -= steps[:-1].copy()
    return {
        "steps": steps.ravel().tolist(),
        "points": np.bincount(ring, minlength=len(single)).tolist(),
        "rings": np.bincount(owner, minlength=len(shapes)).tolist(),
    }


def encode_outline(frame: geopandas.GeoDataFrame, *, detail: int = DETAIL) -> list[list[list[int]]]:
    """Return the outline of a whole coverage, simplified as its polygons are.

    Gaps between polygons that do not quite share their edges, as those of real registers, are closed.
    """
    shapes = np.asarray(frame.geometry.values)
    tolerance = _tolerance(shapes, detail)
    whole = shapely.union_all(shapely.coverage_simplify(shapes, tolerance))
    if not shapely.coverage_is_valid(shapes, gap_width=tolerance):
        closed = shapely.buffer(whole, 2 * tolerance, join_style="mitre")
        whole = _without_small_holes(shapely.buffer(closed, -2 * tolerance, join_style="mitre"), tolerance)
    return _rings(_geographic(np.array([whole]), frame.crs)[0])


def _without_small_holes(shape: Any, tolerance: float) -> Any:
    """Return a shape without holes that are less than ten tolerances wide."""
    kept = [
        shapely.Polygon(part.exterior, [ring for ring in part.interiors if _area(ring) > (10 * tolerance) ** 2])
        for part in shapely.get_parts(shape)
    ]
    return shapely.MultiPolygon(kept)


def _area(ring: Any) -> float:
    return float(shapely.area(shapely.Polygon(ring)))


def encode_lines(frame: geopandas.GeoDataFrame, *, detail: int = DETAIL) -> list[list[list[int]]]:
    """Return lines as coordinate differences, one list of parts per feature."""
    shapes = np.asarray(frame.geometry.values)
    simple = shapely.simplify(shapes, _tolerance(shapes, detail))
    return [
        [_differences(shapely.get_coordinates(part)) for part in shapely.get_parts(shape)]
        for shape in _geographic(simple, frame.crs)
    ]


def simplified(frame: geopandas.GeoDataFrame, *, detail: int = DETAIL) -> geopandas.GeoDataFrame:
    """Return a coverage with no more detail than the page shows; neighbours still share their edges."""
    shapes = np.asarray(frame.geometry.values)
    return frame.set_geometry(shapely.coverage_simplify(shapes, _tolerance(shapes, detail)))


def inner_points(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return for each polygon some point well inside it, quickly."""
    return frame.set_geometry(frame.geometry.representative_point())


def label_points(frame: geopandas.GeoDataFrame) -> list[list[float]]:
    """Return for each polygon the latitude and longitude of the centre of its largest inscribed circle."""
    shapes = np.asarray(frame.geometry.values)
    spans = np.ptp(shapely.bounds(shapes).reshape(-1, 2, 2), axis=1).max(axis=1)
    centres = [
        shapely.Point(shapely.maximum_inscribed_circle(shape, tolerance=span / 200).coords[0])
        for shape, span in zip(shapes, spans, strict=True)
    ]
    points = _geographic(np.array(centres), frame.crs)
    return [[round(point.y, 5), round(point.x, 5)] for point in points]


def encode_table(table: pd.DataFrame, *, decimals: int = 3) -> dict[str, Any]:
    """Return a table by columns, each in the shortest of three forms.

    The forms are a list of its cells; ``values`` and ``runs`` (``[index, length, ...]``), where cells repeat the
    one before; ``values`` and ``turns``, where all values come that many times over in the same order.

    Parameters
    ----------
    table
        Any rows; text is made plain.
    decimals
        Digits kept of numbers, one more than are ever printed.

    Returns
    -------
    dict
        ``rows``; ``columns`` (names in their order); ``numbers`` (column to list with None for missing, or to
        runs) and ``texts`` (column to runs or turns).

    Examples
    --------
    >>> encode_table(pd.DataFrame({"crop": ["coca", "coca"], "ha": [1.234, float("nan")]}))
    {'rows': 2, 'columns': ['crop', 'ha'], 'numbers': {'ha': [1.234, None]}, 'texts': {'crop': {...}}}
    """
    numbers = [name for name in table.columns if pd.api.types.is_numeric_dtype(table[name])]
    return {
        "rows": len(table),
        "columns": [str(name) for name in table.columns],
        "numbers": {str(name): _numbers([_number(x, decimals) for x in table[name]]) for name in numbers},
        "texts": {
            str(name): _texts([plain(x) for x in table[name]]) for name in table.columns if name not in numbers
        },
    }


def script_json(value: Any) -> str:
    r"""Return JSON that may stand inside a script element.

    Examples
    --------
    >>> script_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _tolerance(shapes: NDArray[Any], detail: int) -> float:
    west, south, east, north = shapely.total_bounds(shapes)
    return float(math.hypot(east - west, north - south) / detail)


def _geographic(shapes: NDArray[Any], crs: Any) -> NDArray[Any]:
    return np.asarray(geopandas.GeoSeries(shapes, crs=crs).to_crs(4326).values)


def _rings(shape: Any) -> list[list[list[int]]]:
    polygons = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    return [
        [_differences(shapely.get_coordinates(ring)[:-1]) for ring in (part.exterior, *part.interiors)]
        for part in polygons
    ]


def _differences(coordinates: NDArray[np.float64]) -> list[int]:
    steps = np.rint(coordinates * SCALE).astype(np.int64)
    steps[1:] -= steps[:-1].copy()
    return [int(step) for step in steps.ravel()]


def _number(value: Any, decimals: int) -> float | int | None:
    """Return a number with few digits that still rounds to even fewer as the full number does.

    Digits are cut, not rounded; where something was cut, a last digit of 0 or 5 becomes 1 or 6, so that
    48.7496 is 48.749 and prints as 48.7, while 48.7504 is 48.751 and prints as 48.8.
    """
    if pd.isna(value) or not math.isfinite(value):
        return None
    scaled = abs(float(value)) * 10**decimals
    steps = math.floor(scaled)
    if steps != scaled and steps % 5 == 0:
        steps += 1
    kept = math.copysign(steps / 10**decimals, value)
    return int(kept) if kept.is_integer() else kept


def _numbers(numbers: list[float | int | None]) -> list[float | int | None] | dict[str, Any]:
    made = _runs(numbers)
    return made if 4 * len(made["runs"]) < len(numbers) else numbers


def _texts(texts: list[str]) -> dict[str, Any]:
    made = _runs(texts)
    values = made["values"]
    turns, rest = divmod(len(texts), max(len(values), 1))
    if len(values) > 1 and not rest and texts == values * turns:
        return {"values": values, "turns": turns}
    return made


def _runs(cells: Sequence[Any]) -> dict[str, Any]:
    values = list(dict.fromkeys(cells))
    index = {cell: number for number, cell in enumerate(values)}
    runs: list[int] = []
    for cell, group in groupby(cells):
        runs += [index[cell], sum(1 for _ in group)]
    return {"values": values, "runs": runs}
