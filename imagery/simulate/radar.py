"""Sentinel-1 over a landscape: terrain-corrected backscatter with the speckle, noise and wet days that it has."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geo.errors import Problem, SurveyFileError
from imagery.profile import ClassProfile, CropProfile
from imagery.simulate.landscape import Landscape
from imagery.simulate.noise import fractal, stream
from imagery.simulate.scene import Season
from imagery.simulate.season import UnitTraits, stage_shares

__all__ = ["LOOKS", "RadarImage", "radar_dates", "render_radar", "speckle"]

POLARISATIONS = ("vv", "vh")
LOOKS = 5
"""Looks of an interferometric wide swath product of high resolution (ESA, Sentinel-1 product specification)."""
NOISE_DB = -22.0
"""Noise of the instrument, at most (ESA, Sentinel-1 product specification: noise equivalent sigma naught)."""

_STREAM = 43
_REPEAT_DAYS = 12  # of one satellite
_GRAIN = 0.75  # blur of the single looks in cells: a cell of 10 m sees about 20 m
_FIELD_DB = 0.7  # spread between fields of one class
_RELIEF_DB = 0.45  # what terrain correction leaves of the slopes
_DAY_DB = (0.5, 0.3)  # wet and dry days, VV and VH


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarImage:
    """One image."""

    date: date
    """Day of the pass."""
    power: Mapping[str, NDArray[np.float32]]
    """Gamma naught as linear power by polarisation, shape (h, w)."""


def radar_dates(landscape: Landscape, period: str) -> tuple[date, ...]:
    """Return the days of the passes of one satellite in a period, every twelve days."""
    found = landscape.period(period)
    count = (found.end - found.start).days // _REPEAT_DAYS
    return tuple(found.start + timedelta(days=4 + _REPEAT_DAYS * number) for number in range(count))


def render_radar(season: Season, when: date, *, speckled: bool = True) -> RadarImage:
    """Look at a landscape with the radar on one day.

    Parameters
    ----------
    season
        The landscape in the survey year.
    when
        Day of the pass; cloud does not matter.
    speckled
        Whether there are speckle and noise.

    Raises
    ------
    SurveyFileError
        If there is no backscatter for the scenario.
    """
    landscape = season.landscape
    table = _table(landscape.profile)
    day = (when - date(season.year, 1, 1)).days
    units = _unit_power(landscape.profile, table, season.traits, day)
    units = units * _decibel_factor(_FIELD_DB * stream(landscape.seed, _STREAM).standard_normal((len(units), 1)))
    ground = season.mixtures[10].blend(units.astype(np.float32))
    shape = (ground.shape[1], ground.shape[2])
    slopes = fractal(shape, beta=2.6, longest=40, rng=stream(landscape.seed, _STREAM, 1))
    rng = stream(landscape.seed, _STREAM, season.year, when.toordinal())
    power = {}
    for layer, name in enumerate(POLARISATIONS):
        wet = _DAY_DB[layer] * rng.standard_normal()
        level = ground[layer] * _decibel_factor(_RELIEF_DB * slopes + wet)
        if speckled:
            level = (level + 10 ** (NOISE_DB / 10)) * speckle(shape, rng)
        power[name] = level.astype(np.float32)
    return RadarImage(date=when, power=power)


def speckle(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the factor that speckle puts on power: mean 1, variance 1 / `LOOKS`, neighbours alike.

    References
    ----------
    Goodman, J. W. (1976), Some fundamental properties of speckle, J. Optical Society of America 66, 1145: the power
    of a single look is exponential, that of the mean of L looks gamma distributed. Neighbours resemble each other,
    since the cells are finer than what the radar resolves.
    """
    total = np.zeros(shape)
    for _ in range(LOOKS):
        parts = [gaussian_filter(rng.standard_normal(shape), _GRAIN, mode="wrap") for _ in range(2)]
        total += parts[0] ** 2 + parts[1] ** 2
    return np.asarray(total / (2 * LOOKS * _blurred_variance()))


def _blurred_variance() -> float:
    """Return the variance that is left of white noise after the blur."""
    point = np.zeros((33, 33))
    point[16, 16] = 1.0
    return float((gaussian_filter(point, _GRAIN, mode="wrap") ** 2).sum())


def _table(profile: CropProfile) -> Mapping[str, NDArray[np.float64]]:
    """Return power by the name of a spectrum, shape (polarisations)."""
    text = files("imagery.simulate").joinpath("backscatter.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    if not isinstance(content.get(profile.name), dict):
        known = ", ".join(name for name, value in content.items() if isinstance(value, dict))
        raise SurveyFileError(Problem("example with radar", profile.name, f"one of {known}"))
    return {name: _decibel_factor(np.array(levels)) for name, levels in content[profile.name].items()}


def _unit_power(
    profile: CropProfile, table: Mapping[str, NDArray[np.float64]], traits: UnitTraits, day: float
) -> NDArray[np.float64]:
    """Return the power of every unit on a day, shape (units, polarisations)."""
    power = np.zeros((len(traits.codes), len(POLARISATIONS)))
    for entry in profile.classes:
        of = np.flatnonzero(traits.codes == entry.code)
        power[of] = _class_power(entry, table, day - traits.delay_days[of], traits.cut_day[of])
    return np.asarray(power + np.clip(traits.thinness, 0, 1)[:, None] * (table[profile.soil] - power))


def _class_power(
    entry: ClassProfile,
    table: Mapping[str, NDArray[np.float64]],
    day: NDArray[np.float32],
    cut_day: NDArray[np.float32],
) -> NDArray[np.float64]:
    levels = np.array([table[stage.spectrum] for stage in entry.stages])
    standing = stage_shares(entry.stages, day) @ levels
    if entry.cutting is None:
        return np.asarray(standing)
    since = (day - cut_day) % entry.cutting.every_days
    bare = entry.cutting.depth * np.clip(1 - since / entry.cutting.recovery_days, 0, 1)
    return np.asarray(standing + bare[:, None] * (table[entry.cutting.spectrum] - standing))


def _decibel_factor(decibels: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(10.0 ** (decibels / 10.0), dtype=np.float64)
