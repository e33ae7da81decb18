"""Administrative units: codes as text, valid shapes that share no land, joins on codes and never on names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import shapely
from numpy.typing import NDArray

from aoi.zones import ZoneLayer, exclusive, stack
from geo.areas import polygon_areas_ha
from geo.errors import InputError, Problem
from geo.vector import layer_problems, open_layer, repair

__all__ = ["AdminUnits", "CodeJoin", "admin_units", "join_codes", "overlapping_pairs", "read_admin"]

_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminUnits:
    """Units of one level, checked."""

    frame: Any
    """GeoDataFrame with columns code (text, unique), name, area_ha (ellipsoidal) and valid polygons."""
    boundary_version: str = ""
    """Version of the boundaries, carried with every figure made on them."""
    repaired: tuple[str, ...] = ()
    """Codes of units whose shape was invalid and has been made valid."""
    crossing_pairs: int = 0
    """Pairs of units whose borders cross, as happens when each was generalised by itself."""
    crossing_ha: float = 0.0
    """Land in both units of such pairs, hectares."""

    def __len__(self) -> int:
        return len(self.frame)

    def notices(self, where: str) -> list[Problem]:
        """Return what was mended or found crossing, one record each; nothing for a clean layer."""
        found = []
        if self.repaired:
            codes = ", ".join(self.repaired[:20])
            count = f"{len(self.repaired)} units with invalid shapes ({codes})"
            found.append(Problem(where, count, "valid polygons", "repaired in memory"))
        if self.crossing_pairs:
            crossing = f"{self.crossing_pairs} pairs of units that cross, on {self.crossing_ha:,.0f} ha"
            found.append(
                Problem(
                    where, crossing, "units that share no land", "where areas are added, the first unit keeps it"
                )
            )
        return found

    def disjoint(self) -> AdminUnits:
        """Return the units cut so that no two share land; what two share stays with the first in order."""
        if not self.crossing_pairs:
            return self
        layer = ZoneLayer(name="units", frame=self.frame[["code", "geometry"]], label="code")
        shapes = exclusive(stack([layer], self.frame.crs)).frame.geometry
        frame = self.frame.set_geometry(geopandas.GeoSeries(shapes.to_numpy(), crs=self.frame.crs))
        frame = frame.assign(area_ha=polygon_areas_ha(frame))
        return replace(self, frame=frame, crossing_pairs=0, crossing_ha=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeJoin:
    """How the codes of a table meet the codes of the units."""

    table: str
    """What the table is."""
    units: str
    """What the units are, with their version."""
    joined: tuple[str, ...]
    """Codes in both, sorted."""
    unplaced: Mapping[str, str]
    """Codes of the table that no unit has, with their names there."""
    unused: tuple[str, ...]
    """Codes of units that the table does not have, sorted: nothing is said of them, which is not zero."""

    def warning(self, detail: str = "") -> Problem | None:
        """Return one record that names what does not join; None where everything does.

        Parameters
        ----------
        detail
            What becomes of the figures without a unit.
        """
        if not self.unplaced:
            return None
        named = [f"{code} {name}".strip() for code, name in self.unplaced.items()]
        more = f" and {len(named) - 20} more" if len(named) > 20 else ""
        count = f"{len(named)} code{'s' if len(named) > 1 else ''} without a unit"
        return Problem(
            where=self.table,
            found=f"{count}: {', '.join(named[:20])}{more}",
            expected=f"codes of {self.units}",
            remedy=detail or "check the version of the codes",
        )


def read_admin(
    path: Path, *, layer: str | None = None, code: str, name: str, boundary_version: str = ""
) -> AdminUnits:
    """Read administrative units from a vector file.

    Parameters
    ----------
    path, layer
        File and layer; the first layer when None.
    code, name
        Columns of the unit's code, stored as text, and of its name.
    boundary_version
        Version of the boundaries.

    Raises
    ------
    InputError
        Naming every problem; see `admin_units`.
    """
    frame = open_layer(path, layer=layer)
    return admin_units(frame, where=path.name, code=code, name=name, boundary_version=boundary_version)


def admin_units(
    frame: Any, *, where: str, code: str, name: str, boundary_version: str = "", most_shared: float = 0.1
) -> AdminUnits:
    """Check administrative units, repair their shapes and measure them.

    Parameters
    ----------
    frame
        GeoDataFrame as read, n rows.
    where
        Name of the layer for messages.
    code, name
        Columns of the unit's code, stored as text, and of its name.
    boundary_version
        Version of the boundaries.
    most_shared
        Largest part of a unit that may lie in another one too. Borders that were generalised unit by unit
        cross a little, which is told and not refused; a larger part is a unit drawn twice.

    Returns
    -------
    AdminUnits
        In the order of the layer; invalid shapes repaired and their codes kept.

    Raises
    ------
    InputError
        Naming a missing CRS or column, missing names or codes, codes stored as numbers, codes used twice and
        units that overlap.
    """
    problems = layer_problems(frame, where, columns=(code, name), geometry="polygon", allow_invalid=True)
    if code in frame.columns:
        problems += _code_problems(frame[code], f"{where} column {code}")
    if problems:
        raise InputError(problems)
    codes = frame[code].astype(str).str.strip().to_numpy()
    broken = ~shapely.is_valid(np.asarray(frame.geometry.values))
    mended = repair(frame)
    units = geopandas.GeoDataFrame(
        {"code": codes, "name": frame[name].astype(str).to_numpy(), "area_ha": polygon_areas_ha(mended)},
        geometry=mended.geometry.values,
        crs=frame.crs,
    )
    pairs = overlapping_pairs(units)
    doubled = pairs[pairs["share"] > most_shared]
    if len(doubled):
        raise InputError(_overlap_problems(doubled, codes, where))
    return AdminUnits(
        frame=units,
        boundary_version=boundary_version,
        repaired=tuple(sorted(codes[broken].tolist())),
        crossing_pairs=len(pairs),
        crossing_ha=float(pairs["shared_ha"].sum()),
    )


def join_codes(
    units: AdminUnits, codes: Iterable[str], *, names: Iterable[str] = (), table: str = "table"
) -> CodeJoin:
    """Match the codes of a table with those of the units.

    Parameters
    ----------
    units
        The units.
    codes
        Codes of the table; repeated ones count once.
    names
        Their names in the table, in the same order, for the message.
    table
        What the table is.
    """
    held = set(units.frame["code"])
    listed = list(codes)
    named = dict(zip(listed, [*names] or [""] * len(listed), strict=True))
    version = f" ({units.boundary_version})" if units.boundary_version else ""
    return CodeJoin(
        table=table,
        units=f"the {len(units)} administrative units{version}",
        joined=tuple(sorted(held & named.keys())),
        unplaced={code: named[code] for code in sorted(named.keys() - held)},
        unused=tuple(sorted(held - named.keys())),
    )


def overlapping_pairs(frame: Any, *, least_share: float = 0.0) -> Any:
    """Return the pairs of polygons that share land.

    Parameters
    ----------
    frame
        GeoDataFrame of valid polygons with a CRS.
    least_share
        Shared part of the smaller polygon from which on a pair counts.

    Returns
    -------
    DataFrame
        Columns left, right (row positions, left < right), shared_ha and share (of the smaller polygon).
    """
    shapes = np.asarray(frame.geometry.values)
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    once = left < right
    left, right = left[once], right[once]
    common = shapely.intersection(shapes[left], shapes[right])
    smaller = np.minimum(shapely.area(shapes[left]), shapely.area(shapes[right]))
    share = _ratio(shapely.area(common), smaller)
    kept = share > max(least_share, 1e-9)  # below it is rounding along a common border
    shared = polygon_areas_ha(geopandas.GeoSeries(common[kept], crs=frame.crs))
    table = pandas.DataFrame({"left": left[kept], "right": right[kept], "shared_ha": shared, "share": share[kept]})
    return table.sort_values(["left", "right"], ignore_index=True)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _code_problems(codes: Any, where: str) -> list[Problem]:
    if pandas.api.types.is_numeric_dtype(codes):
        return [
            Problem(
                where,
                "numbers",
                "codes as text (a leading zero is part of a code)",
                "store the column as text",
            )
        ]
    texts = codes.dropna().astype(str).str.strip()
    twice = sorted(texts[texts.duplicated()].unique())
    problems = []
    if (texts == "").any():
        problems.append(Problem(where, f"{int((texts == '').sum())} empty codes", "a code in every row"))
    if twice:
        problems.append(
            Problem(where, f"codes used twice: {', '.join(twice[:_SHOWN])}", "each code once", "correct them")
        )
    return problems


def _overlap_problems(pairs: Any, codes: NDArray[Any], where: str) -> list[Problem]:
    problems = [
        Problem(
            f"{where} units {codes[pair.left]} and {codes[pair.right]}",
            f"{pair.shared_ha:,.1f} ha in both ({100 * pair.share:.1f} % of the smaller)",
            "units that share no land",
            "correct the boundary in one of them",
        )
        for pair in pairs.head(_SHOWN).itertuples()
    ]
    if len(pairs) > _SHOWN:
        problems.append(Problem(where, f"{len(pairs) - _SHOWN} more such pairs", "units that share no land"))
    return problems
