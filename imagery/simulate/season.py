"""What every field reflects on a day: its growth stage, its cuts, its vigour and its own shade of green."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.profile import BANDS, ClassProfile, CropProfile, Stage
from imagery.simulate.noise import smoothstep, stream

__all__ = ["UnitTraits", "draw_traits", "reflectance_on", "stage_shares"]

_STREAM = 31
_YEAR_DAYS = 365.25
_YOUNG = 0.2  # share of soil seen between bushes in their first year
_UNEVEN = 0.6  # spread inside a field, as a share of the spread between fields
_GROUPS = {"visible": ("B02", "B03", "B04"), "edge": ("B05",), "infrared": ("B06", "B07", "B08", "B8A")}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTraits:
    """How units (fields, then one unit for each wild class) differ within their class in one year."""

    codes: NDArray[np.uint8]
    """Class of each unit, shape (n,)."""
    delay_days: NDArray[np.float32]
    """How much later than its class the unit is, shape (n,)."""
    thinness: NDArray[np.float32]
    """Share of soil seen beyond the class's own; negative where the stand is denser, shape (n,)."""
    cut_day: NDArray[np.float32]
    """Day on which the cycle of cuts starts, shape (n,)."""
    tint: NDArray[np.float32]
    """Factor on each band, shape (n, bands)."""
    unevenness: NDArray[np.float32]
    """Standard deviation of the thinness from pixel to pixel inside the unit, shape (n,)."""


def draw_traits(
    profile: CropProfile,
    codes: NDArray[np.uint8],
    fresh: NDArray[np.bool_],
    *,
    spread: float,
    seed: int,
    year: int,
) -> UnitTraits:
    """Draw the differences between fields.

    Parameters
    ----------
    profile
        Classes and their spread.
    codes
        Class of each unit.
    fresh
        Units in the first year of a standing crop, whose bushes are small.
    spread
        Standard deviation of each band group's reflectance between fields, relative.
    seed, year
        Half of a field's character is its own for good, half changes with the year.
    """
    lasting, passing = stream(seed, _STREAM), stream(seed, _STREAM, year)

    def character(*columns: int) -> NDArray[np.float32]:
        shape = (len(codes), *columns)
        drawn = lasting.standard_normal(shape) + passing.standard_normal(shape)
        return np.asarray(drawn / np.sqrt(2), dtype=np.float32)

    calendar, vigour = _by_class(profile, codes, "calendar_spread_days"), _by_class(profile, codes, "vigour_spread")
    year_delay, year_vigour = _year_effect(profile, codes, passing)
    groups, single = character(len(_GROUPS) + 1), character(len(BANDS))
    tint = np.exp(spread * groups[:, _group_index()] + spread / 3 * single)
    thinness = vigour * character() + year_vigour + _YOUNG * fresh
    return UnitTraits(
        codes=codes,
        delay_days=(calendar * character() + year_delay).astype(np.float32),
        thinness=np.clip(thinness, -0.25, 0.75).astype(np.float32),
        cut_day=(lasting.random(len(codes)) * 400).astype(np.float32),
        tint=tint.astype(np.float32),
        unevenness=(_UNEVEN * vigour).astype(np.float32),
    )


def stage_shares(stages: tuple[Stage, ...], day: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the share of each growth stage on days of the year.

    Parameters
    ----------
    stages
        Stages of a class; each passes smoothly into the next between `begins` and `full`.
    day
        Day of the year counted from 0, any number of years off, shape (n,).

    Returns
    -------
    ndarray, shape (n, stages)
        Rows add up to 1.
    """
    begins = np.array([_day_of_year(stage.begins) for stage in stages])
    lasts = np.array([(_day_of_year(stage.full) - _day_of_year(stage.begins)) % _YEAR_DAYS for stage in stages])
    age = (day[:, None] - begins) % _YEAR_DAYS
    order = np.argsort(age, axis=1, kind="stable")
    current, before = order[:, 0], order[:, min(1, len(stages) - 1)]
    rows = np.arange(len(day))
    ramp = smoothstep(age[rows, current] / np.maximum(lasts[current], 1e-6))
    shares = np.zeros(age.shape, dtype=np.float32)
    shares[rows, before] += 1 - ramp
    shares[rows, current] += ramp
    return shares


def reflectance_on(
    profile: CropProfile, traits: UnitTraits, day: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what units reflect on a day, and by how much that varies inside them.

    Parameters
    ----------
    profile
        Classes and spectra.
    traits
        Units.
    day
        Day since 1 January of the survey year; negative in the year before.

    Returns
    -------
    reflectance, unevenness
        Shape (units, bands) each; the second is the change where the stand is one standard deviation thinner.
    """
    reflectance = np.zeros((len(traits.codes), len(BANDS)), dtype=np.float32)
    for entry in profile.classes:
        of = np.flatnonzero(traits.codes == entry.code)
        reflectance[of] = _class_reflectance(profile, entry, day - traits.delay_days[of], traits.cut_day[of])
    towards_soil = np.array(profile.spectra[profile.soil].reflectance, dtype=np.float32) - reflectance
    thinned = reflectance + traits.thinness[:, None] * towards_soil
    return np.clip(thinned * traits.tint, 0.002, 1.0), traits.unevenness[:, None] * towards_soil


def _class_reflectance(
    profile: CropProfile, entry: ClassProfile, day: NDArray[np.float32], cut_day: NDArray[np.float32]
) -> NDArray[np.float32]:
    spectra = np.array([profile.spectra[stage.spectrum].reflectance for stage in entry.stages], dtype=np.float32)
    standing = stage_shares(entry.stages, day) @ spectra
    if entry.cutting is None:
        return np.asarray(standing)
    since = (day - cut_day) % entry.cutting.every_days
    bare = entry.cutting.depth * np.clip(1 - since / entry.cutting.recovery_days, 0, 1)
    cut = np.array(profile.spectra[entry.cutting.spectrum].reflectance, dtype=np.float32)
    return np.asarray(standing + bare[:, None] * (cut - standing), dtype=np.float32)


def _by_class(profile: CropProfile, codes: NDArray[np.uint8], attribute: str) -> NDArray[np.float32]:
    table = np.zeros(256, dtype=np.float32)
    for entry in profile.classes:
        table[entry.code] = getattr(entry, attribute)
    return table[codes]


def _year_effect(
    profile: CropProfile, codes: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the days and the thinness that weather adds to each class in one year."""
    days, thinness = np.zeros(256, dtype=np.float32), np.zeros(256, dtype=np.float32)
    common = rng.standard_normal()
    for entry in profile.classes:
        days[entry.code] = entry.calendar_spread_days * (0.35 * common + 0.2 * rng.standard_normal())
        thinness[entry.code] = entry.vigour_spread * 0.25 * rng.standard_normal()
    return days[codes], thinness[codes]


def _group_index() -> NDArray[np.intp]:
    """Return the band group of every band; bands of the short-wave infrared are the last one."""
    named = list(_GROUPS.values())
    return np.array([next((k for k, group in enumerate(named) if band in group), len(named)) for band in BANDS])


def _day_of_year(month_day: str) -> float:
    """Return days since 1 January in a common year."""
    starts = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
    return float(starts[int(month_day[:2]) - 1] + int(month_day[3:]) - 1)
