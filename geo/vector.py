"""Vector layers: read with every problem told at once, repaired on request, written whole or not at all."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.drivers import layer_errors, limited_pyogrio, vector_format
from geo.errors import InputError, Problem, reason
from geo.files import FIXED_DATE, atomic, cannot_write
from geo.limits import require_size, require_within

if TYPE_CHECKING:
    import geopandas

__all__ = ["Layer", "layer_problems", "open_layer", "read_layer", "repair", "sound_layer", "style_of", "write_gpkg"]

_SHOWN = 5
_STYLES = "layer_styles"
_FAMILIES = {"polygon": {3, 6}, "line": {1, 5}, "point": {0, 4}}


def read_layer(
    path: Path,
    *,
    layer: str | None = None,
    columns: Iterable[str] = (),
    geometry: str | None = None,
    make_valid: bool = True,
) -> geopandas.GeoDataFrame:
    """Read a vector layer that has a CRS, the columns asked for and geometry of one family.

    Parameters
    ----------
    path
        Vector file.
    layer
        Layer name; the first one with geometry when None.
    columns
        Columns that must be there without missing values.
    geometry
        ``polygon``, ``line`` or ``point``; None takes any.
    make_valid
        Repair invalid polygons (their area is kept); when False they are a problem.

    Raises
    ------
    InputError
        Naming every problem of the layer.
    """
    frame = open_layer(path, layer=layer)
    name = f"{path}" if layer is None else f"{path} [{layer}]"
    return sound_layer(frame, name, columns=columns, geometry=geometry, make_valid=make_valid)


def sound_layer(
    frame: geopandas.GeoDataFrame,
    name: str,
    *,
    columns: Iterable[str] = (),
    geometry: str | None = None,
    make_valid: bool = True,
) -> geopandas.GeoDataFrame:
    """Return a layer as `read_layer` does, of one that was opened already; `name` is what messages call it.

    Raises
    ------
    InputError
        Naming every problem of the layer.
    """
    problems = layer_problems(frame, name, columns=columns, geometry=geometry, allow_invalid=make_valid)
    if problems:
        raise InputError(problems)
    return _repaired(frame, name) if make_valid else frame


def layer_problems(
    frame: geopandas.GeoDataFrame,
    name: str,
    *,
    columns: Iterable[str] = (),
    geometry: str | None = None,
    allow_invalid: bool = False,
) -> list[Problem]:
    """Return everything wrong with a layer, in reading order; an empty list when it is sound."""
    problems = []
    if frame.crs is None:
        problems.append(
            Problem(name, "no coordinate reference system", "one", "assign the CRS the layer was made in")
        )
    if frame.empty:
        problems.append(Problem(name, "no features", "at least one", "export the layer again"))
    problems += _column_problems(frame, name, columns)
    problems += _geometry_problems(frame, name, geometry)
    if not allow_invalid:
        problems += _validity_problems(frame, name)
    return problems


def repair(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return the layer with invalid polygons made valid, every point inside a ring kept.

    Lines and points that this leaves behind are dropped: a polygon that covers nothing becomes empty.
    """
    shapes = np.asarray(frame.geometry.values)
    bad = _invalid(shapes) & np.isin(shapely.get_type_id(shapes), list(_FAMILIES["polygon"]))
    if not bad.any():
        return frame
    import geopandas

    mended = shapes.copy()
    # "linework" would turn what two parts of one shape share into a hole
    mended[bad] = shapely.make_valid(shapes[bad], method="structure", keep_collapsed=False)
    return frame.set_geometry(geopandas.GeoSeries(mended, index=frame.index, crs=frame.crs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a GeoPackage to be written."""

    frame: Any
    """GeoDataFrame with a CRS, or DataFrame for a table without shapes."""
    geometry_type: str = ""
    """Such as ``MultiPolygon``, of a layer without rows; told by the rows otherwise."""
    title: str = ""
    """Human name."""
    description: str = ""
    """What it holds, units and tier."""
    style_qml: str = ""
    """QGIS style, embedded so that the layer opens styled."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Column to reader's name (documented in the style)."""


def write_gpkg(path: Path, layers: Mapping[str, Layer]) -> None:
    """Write layers to a GeoPackage 1.2 with embedded styles; equal content gives equal bytes.

    Parameters
    ----------
    path
        Final name.
    layers
        Layer name to content, written in order.

    Raises
    ------
    AltdevError
        If the disk is full.
    """
    failures = limited_pyogrio().errors

    with atomic(path) as part, _fixed_date():
        try:
            _write_layers(part, layers)
            _embed_styles(part, layers)
        except (failures.DataSourceError, failures.FeatureError, sqlite3.OperationalError) as error:
            raise cannot_write(path, reason(error)) from error


def _write_layers(part: Path, layers: Mapping[str, Layer]) -> None:
    pyogrio = limited_pyogrio()

    for name, layer in layers.items():
        pyogrio.write_dataframe(
            layer.frame,
            part,
            layer=name,
            driver="GPKG",
            geometry_type=layer.geometry_type or None,
            append=part.exists(),
            dataset_options=None if part.exists() else {"VERSION": "1.2"},
            layer_options={
                "IDENTIFIER": layer.title or name,
                "DESCRIPTION": layer.description,
            }
            | ({"GEOMETRY_NAME": "geom"} if _shape_column(layer) else {}),
        )


def _shape_column(layer: Layer) -> str:
    import geopandas

    return "geom" if isinstance(layer.frame, geopandas.GeoDataFrame) else ""


def style_of(path: Path, layer: str) -> str:
    """Return the style of a layer as `write_gpkg` embedded it; empty where there is none."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            query = "SELECT styleQML FROM layer_styles WHERE f_table_name = ?"
            rows = connection.execute(query, (layer,)).fetchall()
        except sqlite3.DatabaseError:
            return ""
    return str(rows[0][0]) if rows else ""


def open_layer(path: Path, *, layer: str | None = None) -> geopandas.GeoDataFrame:
    """Read a vector layer as it is, unchecked and unrepaired.

    Parameters
    ----------
    path
        Vector file.
    layer
        Layer name; the first one with geometry when None.

    Raises
    ------
    InputError
        If there is no such file or layer, it cannot be read, or it has no geometry.
    """
    if not path.is_file():
        raise InputError(Problem(str(path), "no such file", "a vector layer", "correct the path"))
    import geopandas  # here, since a survey file with a wrong path is told of without it, half a second sooner

    require_size(path, "vector_bytes")
    driver = vector_format(path)
    try:
        with warnings.catch_warnings():
            # Of a file so broken that an error follows, or of shapes that are told or mended after reading
            warnings.simplefilter("ignore", RuntimeWarning)
            # A file is opened anew for each question: one that holds what was asked for is not asked what it holds
            told = _spatial(path, layer or 0)
            if told is None:
                # A styled GeoPackage lists its table of styles beside its layers
                listed = limited_pyogrio().list_layers(path)
                kinds = {str(name): kind for name, kind in listed if name != _STYLES}
                spatial = [name for name, kind in kinds.items() if kind is not None]
                chosen = layer or next(iter(spatial), None)
                told = _spatial(path, chosen) if chosen in spatial else None
            if told is not None:
                _require_few(path, told, driver)
                return geopandas.read_file(path, layer=told["layer_name"], engine="pyogrio")
    except InputError:
        raise
    except (*layer_errors(), shapely.errors.GEOSException, ValueError) as error:
        first = reason(error).split("; ")[0]
        raise InputError(
            Problem(str(path), f"a file that is no readable vector layer ({first})", "GeoPackage or similar")
        ) from error
    found = f"no layer {layer!r}" if layer is not None and layer not in kinds else "a table without geometry"
    expected = f"one of: {', '.join(spatial)}" if spatial else "a layer of polygons, lines or points"
    raise InputError(Problem(str(path), found, expected, "correct the layer name or the path"))


def _spatial(path: Path, layer: str | int) -> Mapping[str, Any] | None:
    """Return what a file says of a layer, by name or number; None where there is none such, or without shapes."""
    try:
        told: Mapping[str, Any] = limited_pyogrio().read_info(path, layer=layer)
    except layer_errors():
        return None
    return told if told["geometry_type"] is not None and told["layer_name"] != _STYLES else None


def _require_few(path: Path, told: Mapping[str, Any], driver: str) -> None:
    """Refuse a layer of too many features, or one that another driver opened than its first bytes called for."""
    if told["driver"] != driver:
        found = f"a file that begins as {driver} and is opened as {told['driver']}"
        raise InputError(Problem(str(path), found, "one format", "save it as a GeoPackage, such as with QGIS"))
    where = f"{path} [{told['layer_name']}]"
    require_within("features", told["features"], where=where, what="features")


def _column_problems(frame: geopandas.GeoDataFrame, name: str, columns: Iterable[str]) -> Iterator[Problem]:
    for column in columns:
        if column not in frame.columns:
            have = ", ".join(str(c) for c in frame.columns if c != frame.geometry.name)
            yield Problem(name, f"no column {column!r}", f"one of its columns ({have})", "name the right one")
        elif frame[column].isna().any():
            rows = _rows(frame[column].isna().to_numpy())
            yield Problem(f"{name} column {column}", f"missing values in {rows}", "a value in every row")


def _geometry_problems(frame: geopandas.GeoDataFrame, name: str, geometry: str | None) -> Iterator[Problem]:
    shapes = np.asarray(frame.geometry.values)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if empty.any():
        yield Problem(name, f"empty geometry in {_rows(empty)}", "a shape in every row", "delete or redraw them")
    if geometry is not None:
        wrong = ~np.isin(shapely.get_type_id(shapes), list(_FAMILIES[geometry])) & ~empty
        if wrong.any():
            kinds = ", ".join(sorted({shape.geom_type for shape in shapes[wrong]}))
            yield Problem(name, f"{kinds} in {_rows(wrong)}", f"{geometry}s only", "export that geometry alone")


def _validity_problems(frame: geopandas.GeoDataFrame, name: str) -> Iterator[Problem]:
    shapes = np.asarray(frame.geometry.values)
    bad = _invalid(shapes)
    if bad.any():
        reason = shapely.is_valid_reason(shapes[bad][0])
        yield Problem(
            name,
            f"invalid geometry in {_rows(bad)} ({reason})",
            "valid polygons",
            "they are repaired in memory on reading; mend the file with 'Fix geometries' in QGIS",
        )


def _repaired(frame: geopandas.GeoDataFrame, name: str) -> geopandas.GeoDataFrame:
    """Repair a layer, and refuse shapes of which nothing is left."""
    mended = repair(frame)
    lost = shapely.is_empty(np.asarray(mended.geometry.values))
    if lost.any():
        raise InputError(
            Problem(name, f"polygons that enclose nothing in {_rows(lost)}", "an area", "delete or redraw them")
        )
    return mended


def _invalid(shapes: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~shapely.is_valid(shapes) & ~shapely.is_missing(shapes))


def _rows(mask: Any) -> str:
    """Name up to five rows, counted from 1 as a table shows them."""
    numbers = (np.flatnonzero(mask) + 1).tolist()
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:_SHOWN]))}{more}"


@contextmanager
def _fixed_date() -> Iterator[None]:
    """Give GDAL a fixed clock, since a GeoPackage stores the time of its last change."""
    pyogrio = limited_pyogrio()

    previous = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": previous})


def _embed_styles(part: Path, layers: Mapping[str, Layer]) -> None:
    styled = {name: layer for name, layer in layers.items() if layer.style_qml}
    if not styled:
        return
    with closing(sqlite3.connect(part)) as connection, connection:
        connection.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), "
            "f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), "
            "styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, "
            "owner TEXT(30), ui TEXT(30), update_time DATETIME DEFAULT CURRENT_TIMESTAMP)"
        )
        connection.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change) VALUES (?, ?, ?, ?)",
            ("layer_styles", "attributes", "layer_styles", FIXED_DATE),
        )
        for name, layer in styled.items():
            connection.execute(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
                "styleName, styleQML, styleSLD, useAsDefault, description, owner, ui, update_time) "
                "VALUES ('', '', ?, ?, 'default', ?, '', 1, ?, '', '', ?)",
                (name, _shape_column(layer), layer.style_qml, layer.description, FIXED_DATE),
            )
