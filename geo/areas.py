"""True areas on the ellipsoid, of raster cells and of polygons, in hectares.

A projected cell of 100 m2 is not 100 m2 of land: UTM is off by up to 0.2 %, Web Mercator by 46 % at 34
degrees. Every hectare of the program passes through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Proj, Transformer
from pyproj.exceptions import CRSError

from geo.errors import InputError, Problem
from geo.grid import require_north_up

if TYPE_CHECKING:
    from geo.grid import GeoBox

__all__ = [
    "CellAreas",
    "MappedArea",
    "cell_areas_ha",
    "parallel_band_area_m2",
    "polygon_areas_ha",
    "require_area_crs",
]

M2_PER_HA = 10_000.0
_ROWS = 16  # rows of areas made at once, so that what they are made from stays in the cache
_LATTICE_M = 640.0  # between two exact scale factors; straight lines between them err by < 1e-8 in UTM
_MAX_EDGE_M = 1_000.0
_POLE_DEG = 90.0 + 1e-9  # a world grid ends at the pole but for rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedArea:
    """Hectares counted on a map: biased by the map's errors, and therefore never an estimate."""

    class_name: str
    """Map class."""
    area_ha: float
    """Sum of the true areas of its cells."""
    cells: int
    """Number of cells."""


def require_area_crs(crs: object, *, where: str) -> None:
    """Refuse a coordinate system on which cells cannot be given an area.

    Raises
    ------
    InputError
        If `crs` is missing, unknown, neither projected nor in degrees, or is Web Mercator under any of its
        names, whose cells mislead whoever counts them.
    """
    if crs is None:
        raise InputError(
            Problem(where, "no coordinate reference system", "one", "assign the CRS the data were made in")
        )
    try:
        parsed = CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(
            Problem(where, f"{crs}, which is no known CRS", "a CRS such as EPSG:32618", "correct it")
        ) from error
    found = _unfit(parsed)
    if found:
        raise InputError(
            Problem(where, found, "a UTM zone or an equal-area CRS", "reproject the data to one of them")
        )


def _unfit(crs: CRS) -> str:
    """Say why no areas can be taken on a CRS; nothing when they can."""
    if not crs.is_projected and not crs.is_geographic:
        return f"{crs.name} (neither projected nor geographic)"
    if crs.is_geographic and crs.axis_info[0].unit_name != "degree":
        return f"{crs.name} (in {crs.axis_info[0].unit_name}s)"
    plane = crs.source_crs if crs.is_bound and crs.source_crs is not None else crs
    method = "" if plane.coordinate_operation is None else plane.coordinate_operation.method_name
    spherical = crs.ellipsoid is not None and crs.ellipsoid.inverse_flattening == 0
    if "Pseudo Mercator" in method or (method.startswith("Mercator") and spherical):
        return f"{crs.name} (Web Mercator)"
    return ""


def parallel_band_area_m2(
    south: NDArray[np.float64], north: NDArray[np.float64], width_deg: float, geod: Geod
) -> NDArray[np.float64]:
    """Return the ellipsoidal area between parallels and meridians, in square metres.

    Parameters
    ----------
    south, north
        Bounding latitudes in degrees, any equal shape.
    width_deg
        Extent in longitude, degrees.
    geod
        The ellipsoid.

    Notes
    -----
    Closed form of the zone area (Snyder 1987, eq. 3-12): with the eccentricity e,
    ``A = b^2 dlon / 2 [ sin f / (1 - e^2 sin^2 f) + atanh(e sin f) / e ]`` between the two latitudes.

    Examples
    --------
    >>> area = parallel_band_area_m2(np.array([0.0]), np.array([1.0]), 1.0, Geod(ellps="WGS84"))
    >>> round(float(area[0]), 2)
    12308463893.98
    """
    e = np.sqrt(geod.es)

    def zone(latitude: NDArray[np.float64]) -> NDArray[np.float64]:
        s = np.sin(np.radians(latitude))
        return np.asarray(s / (1 - geod.es * s**2) + np.arctanh(e * s) / e)

    return np.asarray(geod.b**2 * np.radians(width_deg) / 2 * np.abs(zone(north) - zone(south)))


def cell_areas_ha(geobox: GeoBox) -> NDArray[np.float64]:
    """Return the true area of every cell of a grid, in hectares.

    Parameters
    ----------
    geobox
        North-up grid in a projected or geographic CRS.

    Returns
    -------
    ndarray, shape (height, width) or (height, 1)
        Hectares; one column suffices where the area depends on latitude alone.

    Raises
    ------
    InputError
        If the grid has no CRS, is Web Mercator, is rotated or south-up, or lies where its CRS is not defined.
    """
    return np.asarray(CellAreas(geobox))


class CellAreas:
    """The true areas of a grid's cells in hectares, made for the window that is asked for, so that no grid is held.

    Every cell has the same area to the last bit whatever the window. As an array it is that of `cell_areas_ha`.

    Parameters
    ----------
    geobox
        As of `cell_areas_ha`, whose errors it raises.

    Examples
    --------
    >>> from geo.grid import GeoBox
    >>> areas = CellAreas(GeoBox.from_bbox((500_000, 0, 500_040, 40), "EPSG:32618", resolution=20))
    >>> bool((np.asarray(areas) == areas[0:2, 0:2]).all())
    True
    """

    def __init__(self, geobox: GeoBox) -> None:
        require_area_crs(geobox.crs and str(geobox.crs), where="grid")
        require_north_up(geobox)
        self.shape: tuple[int, int] = (int(geobox.shape[0]), int(geobox.shape[1]))
        crs = CRS.from_user_input(str(geobox.crs))
        self._band = _band(geobox, crs) if crs.is_geographic else None
        if self._band is None:
            self._cell_ha, self._rows, self._along_x = _projected(geobox, crs)

    def __getitem__(self, window: tuple[slice, slice]) -> NDArray[np.float64]:
        """Return the areas of a window, shape (height, width)."""
        rows, cols = (range(*part.indices(size)) for part, size in zip(window, self.shape, strict=True))
        if self._band is not None:
            return np.broadcast_to(self._band[rows.start : rows.stop], (len(rows), len(cols)))
        down = np.arange(rows.start, rows.stop)
        areas = np.empty((len(rows), len(cols)))
        along = self._along_x[:, cols.start : cols.stop]
        for first in range(0, len(rows), _ROWS):
            part = slice(first, first + _ROWS)
            np.divide(self._cell_ha, _between_rows(self._rows, along, down[part]), out=areas[part])
        return areas

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the areas of all cells, one column where they depend on latitude alone."""
        whole = self[:, :] if self._band is None else self._band
        return np.asarray(whole, dtype=dtype)

    def at(self, cells: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the areas of cells by their numbers, row by row, shape (m,)."""
        row, col = np.divmod(np.asarray(cells, dtype=np.int64), self.shape[1])
        if self._band is not None:
            return np.asarray(self._band[row, 0])
        found = np.empty(row.size)
        order = np.argsort(col, kind="stable")
        edges = np.flatnonzero(np.diff(col[order], prepend=-1))
        for first, end in zip(edges, (*edges[1:], row.size), strict=True):
            here = order[first:end]
            found[here] = np.interp(row[here], self._rows, self._along_x[:, col[here[0]]])
        return np.divide(self._cell_ha, found, out=found)


def _between_rows(
    rows: NDArray[np.float64], values: NDArray[np.float64], wanted: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return values (r, w), given at r rising rows, linear between them at rows wanted (h), shape (h, w).

    What `numpy.interp` gives column by column, to the bit, for all columns at once.
    """
    below = np.searchsorted(rows, wanted, side="right") - 1
    beyond = np.minimum(below + 1, len(rows) - 1)
    step = np.maximum(rows[beyond] - rows[below], 1.0)[:, None]
    found = (values[beyond] - values[below]) / step
    found *= (wanted - rows[below])[:, None]
    found += values[below]
    return found


def _band(geobox: GeoBox, crs: CRS) -> NDArray[np.float64]:
    """Return the areas of cells between parallels, shape (height, 1)."""
    transform = geobox.transform
    edges = transform.f + transform.e * np.arange(geobox.shape[0] + 1, dtype=float)
    if np.abs(edges).max() > _POLE_DEG:
        raise _outside("grid", crs)
    band = parallel_band_area_m2(edges[1:], edges[:-1], transform.a, _geod(crs))
    return np.asarray(band[:, None] / M2_PER_HA)


def _projected(geobox: GeoBox, crs: CRS) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the projected area of a cell, rows of a lattice, and the areal scale at those in every column.

    The scale is exact on the lattice and linear between.
    """
    height, width = geobox.shape
    transform = geobox.transform
    unit_m = crs.axis_info[0].unit_conversion_factor
    rows, cols = _lattice(height, -transform.e * unit_m), _lattice(width, transform.a * unit_m)
    x = transform.c + transform.a * (cols + 0.5)
    y = transform.f + transform.e * (rows + 0.5)
    scale = _areal_scale(crs, *np.meshgrid(x, y))
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise _outside("grid", crs)
    cell_ha = abs(transform.a * transform.e) * unit_m**2 / M2_PER_HA
    return cell_ha, rows, np.array([np.interp(np.arange(width), cols, line) for line in scale])


def _areal_scale(crs: CRS, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return projected over true area at points of the plane, shape as `x`."""
    plane = Proj(crs, preserve_units=True)  # its own inverse gives degrees, whatever the datum's unit and meridian
    lon, lat = plane(x, y, inverse=True)
    return np.asarray(plane.get_factors(lon, lat).areal_scale, dtype=np.float64).reshape(x.shape)


def _lattice(size: int, cell_m: float) -> NDArray[np.float64]:
    """Return the cells at which the scale is taken, the first and the last among them."""
    step = max(1, int(_LATTICE_M / cell_m))
    return np.unique(np.r_[np.arange(0, size, step), size - 1]).astype(float)


def polygon_areas_ha(geometry: Any) -> NDArray[np.float64]:
    """Return the true area of polygons, in hectares.

    Parameters
    ----------
    geometry
        GeoSeries or GeoDataFrame of polygons with a CRS, n rows.

    Returns
    -------
    ndarray, shape (n,)
        Hectares; 0 for empty or missing geometry.

    Raises
    ------
    InputError
        If there is no CRS, or a polygon lies where the CRS is not defined.

    Notes
    -----
    Edges are the straight lines of the layer's own CRS, cut to pieces of at most 1 km, carried to a Lambert
    azimuthal equal-area projection of the layer's ellipsoid centred on the layer, and measured there.
    """
    series = geometry.geometry
    if series.crs is None:
        raise InputError(Problem("polygon layer", "no coordinate reference system", "one", "assign it"))
    if not len(series):
        return np.zeros(0)
    crs = CRS.from_user_input(series.crs)
    shapes = np.asarray(series.values)
    west, south, east, north = _geographic_bounds(shapes, crs)
    if not np.abs([south, north]).max() <= _POLE_DEG:
        raise _outside("polygon layer", crs)
    equal_area = CRS.from_proj4(
        f"+proj=laea +lat_0={(south + north) / 2:.6f} +lon_0={(west + east) / 2:.6f} "
        f"+a={_geod(crs).a} +b={_geod(crs).b} +units=m +no_defs"
    )
    edge = _MAX_EDGE_M / 111_000 if crs.is_geographic else _MAX_EDGE_M / crs.axis_info[0].unit_conversion_factor
    to_equal = Transformer.from_crs(crs, equal_area, always_xy=True)
    carried = shapely.transform(
        shapely.segmentize(shapes, edge), lambda xy: np.column_stack(to_equal.transform(xy[:, 0], xy[:, 1]))
    )
    area_m2 = shapely.area(carried)
    lost = np.flatnonzero(~np.isfinite(area_m2) & ~shapely.is_missing(shapes))
    if len(lost):
        raise _outside(f"polygon layer row {lost[0] + 1}", crs)
    return np.asarray(np.nan_to_num(area_m2) / M2_PER_HA, dtype=np.float64)


def _geographic_bounds(shapes: NDArray[Any], crs: CRS) -> tuple[float, float, float, float]:
    bounds = shapely.total_bounds(shapes)
    if not np.isfinite(bounds).all():
        return (0.0, 0.0, 0.0, 0.0)
    if crs.is_geographic:
        return tuple(float(b) for b in bounds)  # type: ignore[return-value]
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    return to_degrees.transform_bounds(*bounds)


def _outside(where: str, crs: CRS) -> InputError:
    return InputError(
        Problem(
            where,
            f"coordinates outside the domain of {crs.name}",
            "coordinates of that CRS",
            "assign the CRS the data were made in",
        )
    )


def _geod(crs: CRS) -> Geod:
    ellipsoid = crs.ellipsoid
    if ellipsoid is None:
        raise InputError(Problem("coordinate reference system", "no ellipsoid", "a geodetic datum"))
    return Geod(a=ellipsoid.semi_major_metre, b=ellipsoid.semi_minor_metre)
