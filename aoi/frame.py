"""The area frame: the land a survey speaks for, as cells of one grid, each in one administrative unit.

A cell belongs to the frame, and to a unit, when its centre lies inside. Areas are true cell areas, so the
parts add up to the frame exactly; how far the cells differ from the polygons is kept and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import rasterio.features
from numpy.typing import NDArray
from pyproj import CRS

from aoi.admin import overlapping_pairs
from geo.areas import CellAreas, polygon_areas_ha, require_area_crs
from geo.errors import InputError, Problem
from geo.grid import GeoBox

__all__ = ["AreaFrame", "build_frame"]

_MAX_UNITS = 65_535
_MAX_CELLS = 1_000_000_000  # two bytes for the unit of each
_STRIP = 512
_SLIVER = 1e-4  # of the smaller unit: what two digitisings of one border may share


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaFrame:
    """Cells of the frame and the administrative unit of each."""

    geobox: GeoBox
    """The analysis grid."""
    admin: Any
    """GeoDataFrame with columns code (text), name and geometry in the grid's CRS; order gives the index."""
    unit_of_cell: NDArray[np.uint16]
    """Shape (height, width): 0 outside the frame, else 1 + row of `admin`."""
    cell_area_ha: CellAreas
    """True cell areas: of a window by slices, of all as an array of shape (height, width) or (height, 1)."""
    polygon_area_ha: NDArray[np.float64]
    """True areas of the polygons, shape (n_units,)."""

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether each cell is in the frame."""
        return np.asarray(self.unit_of_cell > 0)

    @property
    def area_ha(self) -> float:
        """True area of all cells of the frame, in hectares."""
        return float(self.areas_by(self.unit_of_cell, len(self.admin) + 1)[1:].sum())

    def areas_by(self, index: NDArray[Any], length: int) -> NDArray[np.float64]:
        """Return hectares by integer cell label, shape (length,)."""
        total = np.zeros(max(length, int(index.max()) + 1 if index.size else 0))
        for row in range(0, index.shape[0], _STRIP):  # cell after cell, so that the sum is that of the whole
            strip = index[row : row + _STRIP]
            np.add.at(total, strip.ravel(), self.cell_area_ha[row : row + _STRIP, :].ravel())
        return total

    @property
    def unit_areas_ha(self) -> NDArray[np.float64]:
        """True area of the cells of each unit, shape (n_units,)."""
        return self.areas_by(self.unit_of_cell, len(self.admin) + 1)[1:]


def build_frame(admin: Any, *, code: str, name: str, crs: str | None, resolution_m: float) -> AreaFrame:
    """Lay the grid over the administrative units.

    Parameters
    ----------
    admin
        GeoDataFrame of valid polygons with a CRS.
    code, name
        Columns of the unit's code and name.
    crs
        Projected CRS of the grid; None takes the layer's own when it is projected in metres, else its UTM zone.
    resolution_m
        Cell size, metres.

    Raises
    ------
    InputError
        If there are no units, the CRS is not projected in metres, a code is used twice, units overlap, the grid is
        too large to hold, or a unit holds no cell.
    """
    grid_crs = _grid_crs(admin, crs)
    units = geopandas.GeoDataFrame(
        {"code": admin[code].astype(str), "name": admin[name].astype(str)},
        geometry=admin.geometry.to_crs(grid_crs).values,
        crs=grid_crs,
    ).reset_index(drop=True)
    _require_distinct(units, code)
    geobox = GeoBox.from_bbox(tuple(units.total_bounds), crs=grid_crs, resolution=resolution_m)
    _require_size(geobox, resolution_m)
    cells = rasterio.features.rasterize(
        ((shape, row + 1) for row, shape in enumerate(units.geometry)),
        out_shape=tuple(geobox.shape),
        transform=geobox.transform,
        fill=0,
        dtype="uint16",
    )
    _require_cells(units, cells)
    return AreaFrame(
        geobox=geobox,
        admin=units,
        unit_of_cell=cells,
        cell_area_ha=CellAreas(geobox),
        polygon_area_ha=polygon_areas_ha(units),
    )


def _grid_crs(admin: Any, crs: str | None) -> str:
    if admin.empty or admin.crs is None:
        found = "no units" if admin.empty else "no coordinate reference system"
        raise InputError(Problem("[area] admin", found, "polygons with a CRS", "export the layer again"))
    if crs is None:
        own = CRS.from_user_input(admin.crs)
        return str((own if _fits(own) else admin.estimate_utm_crs()).to_string())
    require_area_crs(crs, where="[area] crs")
    if not _fits(CRS.from_user_input(crs)):
        raise InputError(
            Problem("[area] crs", f"{crs} (not in metres)", "a projected CRS in metres", "use the UTM zone")
        )
    return crs


def _fits(crs: CRS) -> bool:
    """Say whether a CRS can carry the grid: areas are known on it, and its unit is the metre."""
    try:
        require_area_crs(crs, where="")
    except InputError:
        return False
    return bool(crs.is_projected and crs.axis_info[0].unit_name == "metre")


def _require_distinct(units: Any, code: str) -> None:
    problems = []
    twice = units.loc[units["code"].duplicated(), "code"].unique()
    if len(twice):
        problems.append(
            Problem(f"[area] admin column {code}", f"codes used twice: {', '.join(twice[:5])}", "each code once")
        )
    if len(units) > _MAX_UNITS:
        problems.append(Problem("[area] admin", f"{len(units)} units", f"at most {_MAX_UNITS}"))
    codes = units["code"].to_numpy()
    for pair in overlapping_pairs(units, least_share=_SLIVER).itertuples():
        found = f"units {codes[pair.left]} and {codes[pair.right]}, which share {pair.shared_ha:,.1f} ha"
        problems.append(Problem("[area] admin", found, "units that share no land", "correct the boundary of one"))
    if problems:
        raise InputError(problems)


def _require_size(geobox: GeoBox, resolution_m: float) -> None:
    height, width = geobox.shape
    if height * width > _MAX_CELLS:
        raise InputError(
            Problem(
                "[area] resolution_m",
                f"{resolution_m:g}, which makes a grid of {height:,} by {width:,} cells",
                f"at most {_MAX_CELLS:,} cells",
                "take a coarser one, or survey the area in parts",
            )
        )


def _require_cells(units: Any, cells: NDArray[np.uint16]) -> None:
    counts = np.bincount(cells.ravel(), minlength=len(units) + 1)[1:]
    empty = units.loc[counts == 0, "code"].tolist()
    if empty:
        raise InputError(
            Problem(
                "[area] admin",
                f"units without a single cell: {', '.join(empty[:5])}",
                "units larger than a cell that do not lie under another",
                "correct the polygons or take a smaller resolution_m",
            )
        )
