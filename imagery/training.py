"""Labelled places that teach the classifier: read, checked, and put on the grid.

Training data choose themselves (roads, known fields); they teach, and never estimate an area.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import InputError, Problem, QualityGateError
from geo.grid import GeoBox, cells_at
from geo.legend import Legend
from geo.vector import read_layer
from imagery.stack import cell_size_m

__all__ = ["TrainingSamples", "places_in", "read_places", "read_training", "require_disjoint", "training_samples"]

FARTHEST_M = 100_000.0
"""Farthest that a labelled place may lie outside the grid; beyond it something is wrong with its coordinates."""
MOST_CELLS = 10_000_000
"""Cells around the largest polygon that places are drawn in; beyond it something is wrong with its shape."""
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSamples:
    """n labelled places on a grid."""

    unit_id: NDArray[np.str_]
    """Name of the place (n); a place visited in two periods has two rows."""
    period: NDArray[np.str_]
    """Period the label is for (n)."""
    code: NDArray[np.uint8]
    """Class code (n)."""
    x_m: NDArray[np.float64]
    """Easting in the CRS of the grid (n); of a place drawn in a polygon that of the polygon's middle."""
    y_m: NDArray[np.float64]
    """Northing in the CRS of the grid, likewise (n): one polygon never falls into two folds."""
    row: NDArray[np.int64]
    """Row of the grid, beyond its edges for places outside the frame (n)."""
    col: NDArray[np.int64]
    """Column of the grid, likewise (n)."""

    def __len__(self) -> int:
        return len(self.unit_id)

    def where(self, keep: NDArray[np.bool_]) -> TrainingSamples:
        """Return the places for which `keep` is true."""
        return TrainingSamples(**{name: getattr(self, name)[keep] for name in self.__slots__})


def read_training(
    path: Path,
    *,
    layer: str | None,
    legend: Legend,
    periods: Sequence[str],
    geobox: GeoBox,
    cells_per_polygon: int = 8,
) -> TrainingSamples:
    """Read training points or polygons with the columns ``unit_id``, ``period`` and ``class``.

    Parameters
    ----------
    path
        Vector file of points or polygons.
    layer
        Layer name; the first one when None.
    legend
        Its names are the classes allowed.
    periods
        Periods of the survey.
    geobox
        The analysis grid; places are carried to its CRS.
    cells_per_polygon
        Most places drawn in a polygon.

    Raises
    ------
    InputError
        Naming every problem; see `read_places` and `training_samples`.
    """
    places = read_places(path, layer=layer, geobox=geobox, cells_per_polygon=cells_per_polygon)
    return training_samples(places, where=str(path), legend=legend, periods=periods, geobox=geobox)


def read_places(path: Path, *, layer: str | None, geobox: GeoBox, cells_per_polygon: int) -> Any:
    """Read labelled points, or polygons as the points at the centres of some of their cells.

    Parameters
    ----------
    path, layer, geobox, cells_per_polygon
        See `read_training`.

    Returns
    -------
    GeoDataFrame
        Points in the CRS of the grid with ``unit_id``, ``period`` and ``class``; of polygons also with ``site_x``
        and ``site_y``, the middle of each.

    Raises
    ------
    InputError
        If a column or the CRS is missing, shapes are neither all points nor all polygons, or a polygon holds no
        centre of a cell.
    """
    shapes = read_layer(path, layer=layer, columns=("unit_id", "period", "class"))
    kinds = set(shapes.geom_type)
    if kinds <= {"Point"}:
        return shapes.to_crs(str(geobox.crs))
    if not kinds <= {"Polygon", "MultiPolygon"}:
        found = ", ".join(sorted(map(str, kinds)))
        raise InputError(Problem(str(path), f"shapes of the kinds {found}", "points alone, or polygons alone"))
    return places_in(shapes.to_crs(str(geobox.crs)), str(path), geobox, cells_per_polygon)


def places_in(polygons: Any, where: str, geobox: GeoBox, most: int) -> Any:
    """Return points at the centres of cells, spread evenly over those that each polygon holds.

    Parameters
    ----------
    polygons
        GeoDataFrame in the CRS of the grid with ``unit_id``, ``period`` and ``class``.
    where
        Its name in messages.
    geobox
        The analysis grid.
    most
        Most points in a polygon.

    Returns
    -------
    GeoDataFrame
        As `read_places`, with ``polygon`` (number of the polygon, from 0), ``row`` and ``col``.

    Raises
    ------
    InputError
        If a polygon holds no centre of a cell.
    """
    rows, empty = [], []
    transform = geobox.transform
    columns = (polygons["unit_id"].astype(str), polygons["period"], polygons["class"], polygons.geometry)
    for polygon, (unit, period, label, shape) in enumerate(zip(*columns, strict=True)):
        if shape.is_empty:
            empty.append(unit)
            continue
        west, south, east, north = shape.bounds
        (top, bottom), (left, right) = cells_at(geobox, [west, east], [north, south])
        if (bottom - top + 1) * (right - left + 1) > MOST_CELLS:
            found = f"polygon {unit} of {(east - west) / 1000:.0f} by {(north - south) / 1000:.0f} km"
            raise InputError(
                Problem(where, found, "plots, or cells of a few kilometres", "check its shape and CRS")
            )
        row, col = (axis.ravel() for axis in np.mgrid[top : bottom + 1, left : right + 1])
        x, y = transform.c + (col + 0.5) * transform.a, transform.f + (row + 0.5) * transform.e
        inside = np.flatnonzero(shapely.contains_xy(shape, x, y))
        if not len(inside):
            empty.append(unit)
            continue
        # Of the cells in reading order, those at the middle of as many equal parts: the same ones in every period
        count = min(most, len(inside))
        middle = shape.centroid
        for number, cell in enumerate(
            inside[((np.arange(count) + 0.5) * len(inside) / count).astype(int)], start=1
        ):
            place = (polygon, row[cell], col[cell], shapely.Point(x[cell], y[cell]))
            rows.append((f"{unit}/{number}", period, label, middle.x, middle.y, *place))
    if empty:
        more = f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else ""
        found = f"polygons without the centre of a cell: {', '.join(empty[:_SHOWN])}{more}"
        raise InputError(Problem(where, found, "polygons as large as a cell", "give these as points"))
    names = ["unit_id", "period", "class", "site_x", "site_y", "polygon", "row", "col", "geometry"]
    return geopandas.GeoDataFrame(rows, columns=names, geometry="geometry", crs=polygons.crs)


def training_samples(
    points: Any, *, where: str, legend: Legend, periods: Sequence[str], geobox: GeoBox
) -> TrainingSamples:
    """Check training points and put them on a grid, ordered by period and unit.

    Parameters
    ----------
    points
        GeoDataFrame of points with ``unit_id``, ``period`` and ``class``, and ``site_x`` and ``site_y`` of places
        drawn in polygons, as from `read_places`.
    where
        Name of the layer in messages.
    legend, periods, geobox
        See `read_training`.

    Raises
    ------
    InputError
        If a class or period is unknown, a unit is listed twice in a period, two units share a cell in a period,
        or a point lies far outside the grid; all of it is told at once.
    """
    placed = points.to_crs(str(geobox.crs)).assign(
        unit_id=points["unit_id"].astype(str), period=points["period"].astype(str)
    )
    placed = placed.sort_values(["period", "unit_id"], kind="stable").reset_index(drop=True)
    x, y = placed.geometry.x.to_numpy(dtype=float), placed.geometry.y.to_numpy(dtype=float)
    row, col = cells_at(geobox, x, y)
    cells = [f"row {r} column {c}" for r, c in zip(row, col, strict=True)]
    units, names = placed["unit_id"].to_numpy(dtype=str), placed["class"].to_numpy(dtype=str)
    period = placed["period"].to_numpy(dtype=str)
    reach = int(FARTHEST_M / min(cell_size_m(geobox)))
    far = (np.minimum(row, col) < -reach) | (row > geobox.shape[0] + reach) | (col > geobox.shape[1] + reach)
    problems = [
        *_unknown(where, "class", names, legend.names),
        *_unknown(where, "period", period, periods),
        *_repeated(where, "unit_id", units, period),
        *_repeated(where, "grid cell", cells, period),
        *_far(where, units[far]),
    ]
    if problems:
        raise InputError(problems)
    return TrainingSamples(
        unit_id=units,
        period=period,
        code=np.array([legend.code(name) for name in names], dtype=np.uint8),
        x_m=placed["site_x"].to_numpy(dtype=float) if "site_x" in placed else x,
        y_m=placed["site_y"].to_numpy(dtype=float) if "site_y" in placed else y,
        row=row,
        col=col,
    )


def require_disjoint(
    training: TrainingSamples, row: NDArray[np.integer], col: NDArray[np.integer], *, where: str
) -> None:
    """Refuse reference units on cells that taught the classifier: agreement there would prove nothing.

    Parameters
    ----------
    training
        Places that taught.
    row, col
        Cells of the reference units on the same grid.
    where
        Name of the reference data in the message.

    Raises
    ------
    QualityGateError
        If a cell is in both.
    """
    taught = set(zip(training.row.tolist(), training.col.tolist(), strict=True))
    both = sorted(taught & set(zip(row.tolist(), col.tolist(), strict=True)))
    if both:
        shown = "; ".join(f"row {r} column {c}" for r, c in both[:_SHOWN])
        more = f" and {len(both) - _SHOWN} more" if len(both) > _SHOWN else ""
        raise QualityGateError(
            Problem(
                where,
                f"{len(both)} reference units on training cells: {shown}{more}",
                "no cell in both",
                'leave training cells out of the sample, or set [training] inside_frame = "certainty"',
            )
        )


def _unknown(where: str, column: str, values: Iterable[str], allowed: Sequence[str]) -> Iterator[Problem]:
    stray = sorted(set(values) - set(allowed))
    if stray:
        yield Problem(f"{where} column {column}", ", ".join(stray[:_SHOWN]), f"one of {', '.join(allowed)}")


def _repeated(
    where: str, what: str, values: Sequence[str] | NDArray[np.str_], period: NDArray[np.str_]
) -> Iterator[Problem]:
    pairs, counts = np.unique(np.column_stack([values, period]), axis=0, return_counts=True)
    twice = [f"{value} in {name}" for value, name in pairs[counts > 1]]
    if twice:
        more = f" and {len(twice) - _SHOWN} more" if len(twice) > _SHOWN else ""
        yield Problem(
            f"{where} {what}",
            f"more than one row for {'; '.join(twice[:_SHOWN])}{more}",
            "each once in a period",
            "delete the repeated rows: a copy in another fold would flatter the validation",
        )


def _far(where: str, units: NDArray[np.str_]) -> Iterator[Problem]:
    if len(units):
        more = f" and {len(units) - _SHOWN} more" if len(units) > _SHOWN else ""
        yield Problem(
            where,
            f"points more than {FARTHEST_M / 1000:g} km from the area: {', '.join(units[:_SHOWN])}{more}",
            "points in or near the area",
            "check the CRS of the layer, or remove them",
        )
