"""Dynamics of a territory: permanent, intermittent, abandoned, expansion, unaffected, long-affected, enclaves.

Classes belong to cells of a stated size: a territory counted in cells of 25 km2 is not the sum of cells of 1 km2.
A year in which a cell was not surveyed is neither presence nor absence; a cell is classed only where the class is
the same whichever it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aoi.survey.parameter import Parameter, load_parameters
from geo.errors import InputError, Problem

__all__ = [
    "CellHistory",
    "EnclaveRule",
    "PermanenceClass",
    "PermanenceRule",
    "affected_territory_km2",
    "coarsen",
    "enclave_cells",
    "enclaves",
    "long_affected",
    "permanence",
]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class PermanenceClass(Enum):
    """Class of a cell over the window; each cell has exactly one."""

    UNAFFECTED = "unaffected"
    PERMANENT = "permanent"
    INTERMITTENT = "intermittent"
    EXPANSION = "expansion"
    ABANDONED = "abandoned"
    UNKNOWN = "unknown"


_CODE = {each: code for code, each in enumerate(PermanenceClass)}


def _whole(parameters: Mapping[str, Parameter], key: str) -> int:
    return round(parameters[key].value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PermanenceRule:
    """Windows and runs of the classes, stored with every result.

    Raises
    ------
    InputError
        If a run is shorter than a year or longer than the window.
    """

    window_years: int
    """Latest years looked at."""
    absent_years: int
    """Latest years in a row without the crop that make a cell abandoned."""
    expansion_years: int
    """Latest years that must hold the first crop ever seen."""
    long_affected_years: int
    """Years with the crop, in the whole series, that make a cell long-affected."""
    presence_ha: float = 0.0
    """A cell holds the crop in a year in which it has more than this."""
    cell_km2: float
    """Size of a cell."""

    def __post_init__(self) -> None:
        runs = (self.absent_years, self.expansion_years)
        if not (min(*runs, self.long_affected_years) >= 1 and max(runs) <= self.window_years):
            raise InputError(Problem("permanence rule", f"{asdict(self)}", "runs of 1 year up to the window"))
        if not (self.cell_km2 > 0 and self.presence_ha >= 0):
            raise InputError(Problem("permanence rule", f"{asdict(self)}", "a cell with a size"))

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Parameter] | None = None) -> PermanenceRule:
        """Return the rule of the shipped or the user's parameters."""
        known = load_parameters("rules") if parameters is None else parameters
        return cls(
            window_years=_whole(known, "permanence.window_years"),
            absent_years=_whole(known, "permanence.absent_years"),
            expansion_years=_whole(known, "permanence.expansion_years"),
            long_affected_years=_whole(known, "permanence.long_affected_years"),
            cell_km2=known["grid.cell_km2"].value,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CellHistory:
    """What a cell went through; every array has shape (n_cells,)."""

    classes: NDArray[np.object_]
    """`PermanenceClass` of each cell."""
    years_present: NDArray[np.int64]
    """Years of the window known to hold the crop."""
    transitions: NDArray[np.int64]
    """Changes between presence and absence from one known year to the next, in the window."""
    current_run: NDArray[np.int64]
    """Latest years in a row in the state of the last year; 0 where the last year is unknown."""
    rule: PermanenceRule
    """The rule applied."""


def permanence(area_ha: ArrayLike, rule: PermanenceRule) -> CellHistory:
    """Return the class of each cell from its yearly crop area.

    Parameters
    ----------
    area_ha : array_like, shape (n_cells, n_years), hectares
        Crop by cell and year, years in order and without gaps; NaN where a cell was not surveyed. Years before
        the window decide whether a crop is the first ever seen.
    rule : PermanenceRule
        Windows, runs and cell size.

    Raises
    ------
    InputError
        If the series is shorter than the window, or an area is negative or infinite.

    Examples
    --------
    >>> rule = PermanenceRule(window_years=4, absent_years=3, expansion_years=1, long_affected_years=4, cell_km2=1)
    >>> [each.value for each in permanence([[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 2]], rule).classes]
    ['permanent', 'abandoned', 'expansion']
    """
    area = _series(area_ha, rule.window_years)
    known = ~np.isnan(area)
    present = known & (np.nan_to_num(area) > rule.presence_ha)
    # the classes of the two extreme fillings agree if and only if all fillings agree
    least, most = _codes(present, rule), _codes(present | ~known, rule)
    codes = np.where(least == most, least, _CODE[PermanenceClass.UNKNOWN])
    window = slice(area.shape[1] - rule.window_years, None)
    return CellHistory(
        classes=np.array(list(PermanenceClass), dtype=object)[codes],
        years_present=present[:, window].sum(axis=1),
        transitions=_transitions(present[:, window], known[:, window]),
        current_run=_current_run(present[:, window], known[:, window]),
        rule=rule,
    )


def _series(area_ha: ArrayLike, window_years: int) -> FloatArray:
    area = np.asarray(area_ha, dtype=float)
    if area.ndim != 2 or area.shape[1] < window_years:
        found, expected = f"shape {area.shape}", f"cells by at least {window_years} years"
        raise InputError(Problem("crop series of cells", found, expected, "shorten the window or add years"))
    bad = np.flatnonzero(((area < 0) | np.isinf(area)).any(axis=1))
    if bad.size:
        raise InputError(Problem(f"crop series, cells {bad[:5].tolist()}", "no area", "0 ha or more, or NaN"))
    return area


def _codes(present: BoolArray, rule: PermanenceRule) -> NDArray[np.int64]:
    """Return class codes of cells whose every year is known; the first rule that holds decides."""
    window = present[:, -rule.window_years :]
    conditions = {
        PermanenceClass.UNAFFECTED: ~window.any(axis=1),
        PermanenceClass.PERMANENT: window.all(axis=1),
        PermanenceClass.ABANDONED: ~window[:, -rule.absent_years :].any(axis=1),
        PermanenceClass.EXPANSION: ~present[:, : -rule.expansion_years].any(axis=1),
    }
    codes = [_CODE[each] for each in conditions]
    return np.select(list(conditions.values()), codes, default=_CODE[PermanenceClass.INTERMITTENT])


def _transitions(present: BoolArray, known: BoolArray) -> NDArray[np.int64]:
    both = known[:, 1:] & known[:, :-1]
    return np.asarray(np.sum(both & (present[:, 1:] != present[:, :-1]), axis=1))


def _current_run(present: BoolArray, known: BoolArray) -> NDArray[np.int64]:
    same = known & known[:, -1:] & (present == present[:, -1:])
    return np.asarray(np.cumprod(same[:, ::-1], axis=1).sum(axis=1))


def long_affected(area_ha: ArrayLike, rule: PermanenceRule) -> BoolArray:
    """Return the cells that held the crop in at least `rule.long_affected_years` years of the whole series."""
    area = np.nan_to_num(_series(area_ha, rule.window_years))
    return np.asarray((area > rule.presence_ha).sum(axis=1) >= rule.long_affected_years)


def affected_territory_km2(area_ha: ArrayLike, rule: PermanenceRule) -> float:
    """Return the territory of the cells that held the crop at least once in the window.

    Examples
    --------
    >>> rule = PermanenceRule(window_years=1, absent_years=1, expansion_years=1, long_affected_years=1, cell_km2=25)
    >>> affected_territory_km2(np.ones((5645, 1)), rule)
    141125.0
    """
    area = np.nan_to_num(_series(area_ha, rule.window_years))[:, -rule.window_years :]
    return float((area > rule.presence_ha).any(axis=1).sum()) * rule.cell_km2


def coarsen(area_ha: ArrayLike, factor: int) -> FloatArray:
    """Return a grid of hectares summed into cells `factor` times as wide; edges are padded with no crop.

    Parameters
    ----------
    area_ha : array_like, shape (n_rows, n_columns), hectares
        Crop by cell; NaN (not surveyed) makes the wide cell NaN.
    factor : int
        5 takes cells of 1 km2 to 25 km2.

    Raises
    ------
    InputError
        If the factor is not a whole number of 1 or more, or the grid is not a grid.
    """
    grid = np.asarray(area_ha, dtype=float)
    if factor < 1 or grid.ndim != 2:
        found = f"factor {factor}, shape {grid.shape}"
        raise InputError(Problem("coarsened grid", found, "a factor of 1 or more, rows and columns"))
    pad = [(0, -size % factor) for size in grid.shape]
    padded = np.pad(grid, pad)
    rows, columns = (size // factor for size in padded.shape)
    return np.asarray(padded.reshape(rows, factor, columns, factor).sum(axis=(1, 3)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EnclaveRule:
    """Density and persistence that make a cell part of an enclave, stored with every result.

    Raises
    ------
    InputError
        If the density is not positive, or more years are asked for than the window has.
    """

    density_ha_km2: float
    """Least crop per territory, ha/km2."""
    min_years: int
    """Years at or above the density."""
    window_years: int
    """Latest years looked at."""
    cell_km2: float
    """Size of a cell."""

    def __post_init__(self) -> None:
        if not (1 <= self.min_years <= self.window_years and self.density_ha_km2 > 0 and self.cell_km2 > 0):
            found = f"{asdict(self)}"
            raise InputError(Problem("enclave rule", found, "a density, a cell, and years within the window"))

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Parameter] | None = None) -> EnclaveRule:
        """Return the rule of the shipped or the user's parameters; the shipped density is unverified."""
        known = load_parameters("rules") if parameters is None else parameters
        return cls(
            density_ha_km2=known["enclave.density_ha_km2"].value,
            min_years=_whole(known, "enclave.min_years"),
            window_years=_whole(known, "enclave.window_years"),
            cell_km2=known["grid.cell_km2"].value,
        )


def enclave_cells(area_ha: ArrayLike, rule: EnclaveRule) -> BoolArray:
    """Return the cells dense enough for long enough; a year not surveyed does not count.

    Parameters
    ----------
    area_ha : array_like, shape (n_cells, n_years), hectares
        Crop by cell and year; NaN where a cell was not surveyed.
    rule : EnclaveRule
        Density, years and cell size.

    Raises
    ------
    InputError
        If the series is shorter than the window, or an area is negative or infinite.
    """
    area = np.nan_to_num(_series(area_ha, rule.window_years))[:, -rule.window_years :]
    return np.asarray((area / rule.cell_km2 >= rule.density_ha_km2).sum(axis=1) >= rule.min_years)


def enclaves(cells: ArrayLike) -> tuple[NDArray[np.int64], int]:
    """Return enclaves as groups of touching cells (edges and corners).

    Parameters
    ----------
    cells : array_like of bool, shape (n_rows, n_columns)
        Enclave cells on their grid.

    Returns
    -------
    labels : ndarray of int
        0 outside, 1 to n inside.
    n : int
        Number of enclaves.

    Examples
    --------
    >>> enclaves([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1]])[1]
    2
    """
    labels, count = ndimage.label(np.asarray(cells, dtype=bool), structure=np.ones((3, 3)))
    return labels.astype(np.int64), int(count)
