"""Factors of the revised universal soil loss equation, ``A = R K LS C P`` in t/ha/yr, SI units throughout.

R is rain erosivity in MJ mm/ha/h/yr, K soil erodibility in t ha h/ha/MJ/mm, LS slope length and steepness. C
(cover) and P (practice) come as drawn factors. The model has no gullies and no landslides.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

__all__ = [
    "ERODIBILITY_UNIT",
    "EROSIVITY_UNIT",
    "K_SI_PER_US",
    "R_SI_PER_US",
    "LsVariant",
    "erodibility",
    "erodibility_epic",
    "erodibility_nomograph",
    "erodibility_roemkens",
    "erosivity_of_year",
    "erosivity_renard_freimund",
    "fournier_index_mm",
    "length_exponent",
    "length_steepness",
    "mean_diameter_mm",
    "require_si_units",
    "steepness",
]

FloatArray = NDArray[np.float64]
LsVariant = Literal["desmet_govers_aspect", "invest_3_14"]

R_SI_PER_US = 17.02
"""MJ mm/ha/h/yr for 1 hundred foot tonf inch/acre/h/yr (Foster et al. 1981)."""
K_SI_PER_US = 0.1317
"""t ha h/ha/MJ/mm for 1 ton acre h/(hundreds of acre foot tonf inch) (Foster et al. 1981)."""
EROSIVITY_UNIT = "MJ mm/ha/h/yr"
ERODIBILITY_UNIT = "t ha h/ha/MJ/mm"
_UNIT_PLOT_M = 22.13
_STEEP = 0.09  # metres per metre at which the steepness factor changes its form
_CLASS_MM = (0.001, 0.026, 1.025)  # middle of the clay, silt and sand classes (0, 0.002, 0.05, 2 mm)


def require_si_units(erosivity_unit: str | None, erodibility_unit: str | None) -> None:
    """Raise when R and K are not told to be in SI units: mixed with US units the loss is off by 17 or by 7.6.

    Raises
    ------
    InputError
        With each of the two that is in another unit, or in none.
    """
    told = (("rain erosivity R", erosivity_unit, EROSIVITY_UNIT, R_SI_PER_US),
            ("soil erodibility K", erodibility_unit, ERODIBILITY_UNIT, K_SI_PER_US))  # fmt: skip
    wrong = [
        Problem(name, f"unit {unit}" if unit else "no unit", due, f"multiply US customary units by {times}")
        for name, unit, due, times in told
        if unit != due
    ]
    if wrong:
        raise InputError(wrong)


def fournier_index_mm(monthly_rain_mm: ArrayLike) -> FloatArray:
    """Return the modified Fournier index ``sum p_m^2 / P`` (Arnoldus 1980), mm; 0 where no rain falls.

    Parameters
    ----------
    monthly_rain_mm
        Rain of each month, shape (12, ...).

    Raises
    ------
    InputError
        When there are not twelve months, or rain is missing or negative.
    """
    rain = np.asarray(monthly_rain_mm, dtype=np.float64)
    if rain.shape[0] != 12 or not np.isfinite(rain).all() or np.any(rain < 0):
        found = f"{rain.shape[0]} months, or a month missing or below 0"
        raise InputError(Problem("monthly rain", found, "twelve months of 0 mm or more", "mask no-data first"))
    total = rain.sum(axis=0)
    return np.asarray(np.divide((rain**2).sum(axis=0), total, out=np.zeros_like(total), where=total > 0))


def erosivity_of_year(
    mean_erosivity: ArrayLike, fournier_mm: ArrayLike, mean_fournier_mm: ArrayLike, exponent: float = 1.0
) -> FloatArray:
    """Return the erosivity of a year, ``R (MFI_year / MFI_mean)^b``.

    Only the anomaly of rain is taken from the rain data, its level from the mapped mean.
    """
    level, year, mean = (
        np.asarray(one, dtype=np.float64) for one in (mean_erosivity, fournier_mm, mean_fournier_mm)
    )
    if np.any(~np.isfinite(level) | (level < 0)) or np.any(~(year >= 0)) or np.any(~(mean > 0)):
        raise InputError(
            Problem("erosivity of the year", "a missing or negative index, or a mean of 0", "indices above 0")
        )
    return np.asarray(level * (year / mean) ** exponent)


def erosivity_renard_freimund(annual_rain_mm: ArrayLike, *, most_mm: float) -> FloatArray:
    """Return erosivity from annual rain (Renard and Freimund 1994), within the rain it was fitted to.

    ``0.0483 P^1.61`` below 850 mm, ``587.8 - 1.219 P + 0.004105 P^2`` from there on.

    Parameters
    ----------
    annual_rain_mm
        Rain of the year, mm.
    most_mm
        Upper end of the range of validity, a factor with its source.

    Raises
    ------
    InputError
        When rain is missing, negative or beyond the range, where the square term would give several times too much.
    """
    rain = np.asarray(annual_rain_mm, dtype=np.float64)
    if np.any(~(rain >= 0)):
        raise InputError(
            Problem("annual rain", "a missing or negative value", "0 mm or more", "mask no-data first")
        )
    if np.any(rain > most_mm):
        found = f"{float(rain.max()):g} mm a year"
        expected = f"at most {most_mm:g} mm, the range the equation was fitted to"
        raise InputError(
            Problem("erosivity from rain", found, expected, "give a map of erosivity, such as GloREDa")
        )
    return np.where(rain < 850.0, 0.0483 * rain**1.61, 587.8 - 1.219 * rain + 0.004105 * rain**2)


def erodibility_nomograph(
    silt_fine_sand: ArrayLike,
    clay: ArrayLike,
    organic_matter: ArrayLike,
    *,
    structure: ArrayLike,
    permeability: ArrayLike,
) -> FloatArray:
    """Return K by the equation of the nomograph (Wischmeier and Smith 1978), SI units.

    ``K_US = (2.1e-4 M^1.14 (12 - OM) + 3.25 (s - 2) + 2.5 (p - 3)) / 100``, ``M = (silt + very fine sand)(100 -
    clay)``.

    Parameters
    ----------
    silt_fine_sand
        Silt and very fine sand, percent, at most 70.
    clay, organic_matter
        Percent.
    structure
        Class 1 to 4.
    permeability
        Class 1 to 6.

    Raises
    ------
    InputError
        Where the nomograph does not hold: more than 70 percent of silt and very fine sand, or classes out of range.
    """
    fine, plate, humus = _percent("soil texture", silt_fine_sand, clay, organic_matter)
    s, p = np.asarray(structure, dtype=np.float64), np.asarray(permeability, dtype=np.float64)
    if np.any(fine > 70):
        raise InputError(
            Problem(
                "erodibility nomograph",
                f"{fine.max():g} percent silt and very fine sand",
                "at most 70 percent",
                "use the equation of Roemkens",
            )
        )
    if not (((s >= 1) & (s <= 4)).all() and ((p >= 1) & (p <= 6)).all()):
        raise InputError(
            Problem("erodibility nomograph", "a class out of range", "structure 1-4, permeability 1-6")
        )
    size = fine * (100 - plate)
    us = (2.1e-4 * size**1.14 * (12 - np.minimum(humus, 4.0)) + 3.25 * (s - 2) + 2.5 * (p - 3)) / 100
    return np.asarray(K_SI_PER_US * np.maximum(us, 0.0))


def mean_diameter_mm(clay: ArrayLike, silt: ArrayLike, sand: ArrayLike) -> FloatArray:
    """Return the geometric mean diameter of soil particles (Shirazi and Boersma 1984) from percentages.

    Raises
    ------
    InputError
        When the three are missing, negative or do not make 100 percent within 5.
    """
    parts = _texture(clay, silt, sand)
    return np.asarray(np.exp(sum(0.01 * part * np.log(mm) for part, mm in zip(parts, _CLASS_MM, strict=True))))


def erodibility_roemkens(diameter_mm: ArrayLike) -> FloatArray:
    """Return K from the mean diameter of particles (Roemkens et al. 1986, in AH-703), SI units."""
    size = np.asarray(diameter_mm, dtype=np.float64)
    if np.any(~(size > 0)):
        raise InputError(Problem("particle diameter", "missing or not above 0", "millimetres"))
    return np.asarray(0.0034 + 0.0405 * np.exp(-0.5 * ((np.log10(size) + 1.659) / 0.7101) ** 2))


def erodibility_epic(clay: ArrayLike, silt: ArrayLike, sand: ArrayLike, organic_carbon: ArrayLike) -> FloatArray:
    """Return K by the equation of EPIC (Williams 1995), percentages in, SI units out."""
    plate, middle, coarse = _texture(clay, silt, sand)
    (carbon,) = _percent("organic carbon", organic_carbon)
    rest = 1 - coarse / 100
    texture = (0.2 + 0.3 * np.exp(-0.0256 * coarse * (1 - middle / 100))) * (
        np.divide(middle, plate + middle, out=np.zeros_like(middle), where=plate + middle > 0) ** 0.3
    )
    humus = 1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon))
    return np.asarray(K_SI_PER_US * texture * humus * (1 - 0.7 * rest / (rest + np.exp(-5.51 + 22.9 * rest))))


def erodibility(
    clay: ArrayLike,
    silt: ArrayLike,
    sand: ArrayLike,
    organic_carbon: ArrayLike,
    *,
    structure: float,
    permeability: float,
    fine_sand_share: float,
) -> FloatArray:
    """Return K by three equations, so that their spread is part of the uncertainty: shape (3, ...), SI units.

    The nomograph, or Roemkens where silt and very fine sand are above 70 percent; Roemkens; EPIC.

    Parameters
    ----------
    clay, silt, sand, organic_carbon
        Percent, of one shape.
    structure, permeability
        Classes of the nomograph, which no global soil map holds.
    fine_sand_share
        Part of the sand that is very fine (0.05 to 0.1 mm).
    """
    plate, middle, coarse = _texture(clay, silt, sand)
    fine = middle + fine_sand_share * coarse
    roemkens = erodibility_roemkens(mean_diameter_mm(plate, middle, coarse))
    humus = np.asarray(organic_carbon, dtype=np.float64) * 1.724  # van Bemmelen's share of carbon in humus
    held = erodibility_nomograph(
        np.minimum(fine, 70.0), plate, humus, structure=structure, permeability=permeability
    )
    return np.stack(
        [np.where(fine > 70, roemkens, held), roemkens, erodibility_epic(plate, middle, coarse, organic_carbon)]
    )


def steepness(slope: ArrayLike) -> FloatArray:
    """Return the steepness factor S (McCool et al. 1987); `slope` is rise over run, not degrees and not percent.

    Examples
    --------
    >>> [round(float(steepness(one)), 5) for one in (0.09, 0.0899999)]
    [1.00591, 0.99809]
    """
    rise = _rise(slope)
    sine = np.sin(np.arctan(rise))
    return np.where(rise < _STEEP, 10.8 * sine + 0.03, 16.8 * sine - 0.5)


def length_exponent(slope: ArrayLike) -> FloatArray:
    """Return the exponent of slope length, m (McCool et al. 1989)."""
    sine = np.sin(np.arctan(_rise(slope)))
    beta = (sine / 0.0896) / (3.0 * sine**0.8 + 0.56)
    return np.asarray(beta / (1 + beta))


def length_steepness(
    slope: ArrayLike,
    inflow_m2: ArrayLike,
    cell_m: float,
    *,
    aspect_rad: ArrayLike = 0.0,
    most_length_m: float,
    variant: LsVariant = "desmet_govers_aspect",
) -> FloatArray:
    """Return the factor LS of a cell (Desmet and Govers 1996).

    ``L = ((A + D^2)^(m+1) - A^(m+1)) / (D^(m+2) x^m 22.13^m)`` with A the area that drains into the cell, D its
    side and ``x = |sin a| + |cos a|``.

    Parameters
    ----------
    slope
        Rise over run.
    inflow_m2
        Area above the cell, itself not counted.
    cell_m
        Side of a cell.
    aspect_rad
        Direction of flow, radians from a grid axis; of flat ground any.
    most_length_m
        Cap on the slope length, which ends where runoff gathers in channels that the equation does not know.
    variant
        "invest_3_14" is for parity with InVEST 3.14 alone: there `a` is the angle of the slope, A is the square
        root of the area, m goes in steps below 9 percent, and the cap is laid on the factor L instead of the
        length.

    Raises
    ------
    InputError
        When a slope or an area is missing or negative, or the variant is unknown.

    References
    ----------
    Desmet, P. J. J. and Govers, G. (1996), Journal of Soil and Water Conservation 51, 427-433.
    """
    rise, above = _rise(slope), np.asarray(inflow_m2, dtype=np.float64)
    if np.any(~(above >= 0)) or not (cell_m > 0 and most_length_m > 0):
        raise InputError(Problem("slope length", "a missing or negative area, cell or cap", "0 or more"))
    if variant == "invest_3_14":
        angle: FloatArray = np.arctan(rise)
        inflow = np.sqrt(above)
        steps = np.select([rise <= 0.01, rise <= 0.035, rise <= 0.05, rise <= 0.09], [0.2, 0.3, 0.4, 0.5], np.nan)
        m = np.where(np.isnan(steps), length_exponent(rise), steps)
    elif variant == "desmet_govers_aspect":
        angle = np.asarray(aspect_rad, dtype=np.float64)
        if not np.isfinite(angle).all():
            raise InputError(Problem("aspect", "a missing value", "any angle on flat ground"))
        m = length_exponent(rise)
    else:
        raise InputError(Problem("ls_variant", str(variant), "desmet_govers_aspect or invest_3_14"))
    crossing = np.abs(np.sin(angle)) + np.abs(np.cos(angle))
    if variant == "desmet_govers_aspect":
        inflow = np.minimum(above, most_length_m * cell_m * crossing)
    length = ((inflow + cell_m**2) ** (m + 1) - inflow ** (m + 1)) / (
        cell_m ** (m + 2) * crossing**m * _UNIT_PLOT_M**m
    )
    if variant == "invest_3_14":
        length = np.minimum(length, most_length_m)
    return np.asarray(length * steepness(rise))


def _rise(slope: ArrayLike) -> FloatArray:
    rise = np.asarray(slope, dtype=np.float64)
    if np.any(~((rise >= 0) & np.isfinite(rise))):
        raise InputError(Problem("slope", "a missing or negative value", "rise over run", "mask no-data first"))
    return rise


def _percent(what: str, *values: ArrayLike) -> tuple[FloatArray, ...]:
    arrays = tuple(np.asarray(value, dtype=np.float64) for value in values)
    if any(np.any(~((array >= 0) & (array <= 100))) for array in arrays):
        raise InputError(Problem(what, "a value missing or outside 0 to 100", "percent", "check scale and no-data"))
    return arrays


def _texture(clay: ArrayLike, silt: ArrayLike, sand: ArrayLike) -> tuple[FloatArray, ...]:
    parts = _percent("soil texture", clay, silt, sand)
    total = np.asarray(parts[0] + parts[1] + parts[2])
    if np.any(np.abs(total - 100) > 5):
        found = f"clay, silt and sand of {total.min():g} to {total.max():g} percent"
        raise InputError(Problem("soil texture", found, "100 percent in all", "check scale factors and no-data"))
    return tuple(part * 100 / total for part in parts)
