"""One image of a landscape: Sentinel-2 level 2A as it comes, clouds, offset, noise and all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from imagery.profile import BANDS
from imagery.simulate.landscape import SUBPIXELS, Landscape
from imagery.simulate.mixture import Mixture, mix, pool
from imagery.simulate.noise import fractal, stream
from imagery.simulate.passes import Pass, passes_of
from imagery.simulate.scene_class import classify_scene
from imagery.simulate.season import UnitTraits, draw_traits, reflectance_on
from imagery.simulate.sky import Clouds, Sun, draw_clouds, illumination, sun_at

__all__ = ["BANDS_10M", "BANDS_20M", "Scene", "Season", "open_season", "render_scene"]

BANDS_10M = ("B02", "B03", "B04", "B08")
"""Bands with cells of 10 m."""
BANDS_20M = ("B05", "B06", "B07", "B8A", "B11", "B12")
"""Bands with cells of 20 m."""
QUANTUM = 1e-4
"""Reflectance of one digital number."""
OFFSET = 1000
"""Added to digital numbers from processing baseline 04.00 on (ESA, 25 January 2022)."""

_STREAM = 41
_STEP = 10  # digital numbers are multiples of this, which halves the size of an example on disk
_CLOUD = dict(zip(BANDS, (0.52, 0.53, 0.55, 0.57, 0.59, 0.60, 0.60, 0.61, 0.42, 0.33), strict=True))
_HAZE = dict(zip(BANDS, (1.0, 0.66, 0.42, 0.34, 0.26, 0.2, 0.18, 0.16, 0.05, 0.02), strict=True))
_SHADE = dict(zip(BANDS, (0.48, 0.53, 0.58, 0.60, 0.63, 0.65, 0.66, 0.67, 0.72, 0.74), strict=True))
_NOISE_FLOOR, _NOISE_SHARE = 0.0022, 0.012  # absolute and relative standard deviation of one cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """A landscape in one survey year, ready to be looked at on any day."""

    landscape: Landscape
    """The landscape."""
    period: str
    """Name of the period."""
    year: int
    """Survey year."""
    traits: UnitTraits
    """How fields differ."""
    mixtures: Mapping[int, Mixture]
    """Shares of units by cell size, 10 and 20 m."""
    grain: Mapping[int, NDArray[np.float32]]
    """Unevenness within fields and wild land, in standard deviations, by cell size."""
    passes: Mapping[date, Pass]
    """Weather and swath of the days on which the period is imaged; other days have the mean weather."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One image."""

    date: date
    """Day of the pass."""
    baseline: str
    """Processing baseline, such as 05.10."""
    sun: Sun
    """Position of the sun."""
    numbers: Mapping[str, NDArray[np.uint16]]
    """Digital numbers by band; 0 where there is no data."""
    scl: NDArray[np.uint8]
    """Scene classification, 20 m; wrong at the edges of clouds, as the real one is."""
    clouds: Clouds
    """The clouds and shadows that are truly there."""
    seen: NDArray[np.bool_]
    """Cells of 10 m inside the swath."""

    @property
    def cloud_percent(self) -> float:
        """Share of the seen ground under cloud, percent."""
        return round(100 * float((self.clouds.opacity[self.seen] > 0.3).mean()), 2) if self.seen.any() else 0.0

    @property
    def nodata_percent(self) -> float:
        """Share of the tile outside the swath, percent."""
        return round(100 * float(1 - self.seen.mean()), 2)


def open_season(landscape: Landscape, period: str) -> Season:
    """Prepare a period of a landscape: shares of fields in pixels, and how fields differ this year.

    Parameters
    ----------
    landscape
        The landscape.
    period
        Name of the period.
    """
    scenario, profile, year = landscape.scenario, landscape.profile, landscape.period(period).year
    classes, wild = landscape.classes_of(year), np.array(profile.legend.codes, dtype=np.uint8)
    before = landscape.classes_of(year - 1)
    fresh = (classes != before) & (classes == profile.legend.code(scenario.crop)) & (scenario.kind == "stock")
    codes = np.concatenate([classes, wild])
    units = _units(landscape, classes, wild)
    grain = 0.7 * stream(landscape.seed, _STREAM, 1).standard_normal(landscape.geobox.shape)
    grain = grain + 0.7 * fractal(
        landscape.geobox.shape, beta=2.5, longest=40, rng=stream(landscape.seed, _STREAM, 2)
    )
    return Season(
        landscape=landscape,
        period=period,
        year=year,
        traits=draw_traits(
            profile,
            codes,
            np.concatenate([fresh, np.zeros(len(wild), dtype=bool)]),
            spread=scenario.spectral_spread,
            seed=landscape.seed,
            year=year,
        ),
        mixtures={10: mix(units, len(codes), SUBPIXELS), 20: mix(units, len(codes), 2 * SUBPIXELS)},
        grain={10: grain.astype(np.float32), 20: pool(grain)},
        passes=passes_of(landscape, period),
    )


def render_scene(season: Season, when: date, *, cloud: float | None = None, clear: bool = False) -> Scene:
    """Look at a landscape on one day.

    Parameters
    ----------
    season
        The landscape in the survey year.
    when
        Day of the pass.
    cloud
        Share of the ground under cloud; that of the day's pass when None.
    clear
        Without clouds, haze, swath edge and noise, to show what they do.

    Returns
    -------
    Scene
        The same for the same landscape and day, whatever was rendered before.
    """
    landscape = season.landscape
    weather, shape = landscape.scenario.weather, (landscape.geobox.shape[0], landscape.geobox.shape[1])
    rng = stream(landscape.seed, _STREAM, season.year, when.toordinal())
    sun = sun_at(when, _latitude(landscape))
    met = season.passes.get(when, Pass(cloud=weather.cloud, cut=False))
    share = met.cloud if cloud is None else cloud
    base = rng.uniform(*weather.cloud_height_m)
    clouds = draw_clouds(shape, 0.0 if clear else share, sun, base_m=base, rng=rng)
    seen = _swath(shape, met.cut and not clear, rng)
    ground = _ground(season, when, sun)
    if clear:
        reflectance = ground
    else:
        haze = weather.haze * rng.gamma(2.0, 0.5) * (1 + 0.35 * clouds.air)
        reflectance = _through_air(ground, clouds, haze.astype(np.float32), rng)
    scl = classify_scene(reflectance, ground, clouds, seen, rng=rng, flawed=not clear)
    baseline = landscape.period(season.period).baseline
    return Scene(
        date=when,
        baseline=baseline,
        sun=sun,
        numbers=_digital(reflectance, seen, scl, baseline),
        scl=scl,
        clouds=clouds,
        seen=seen,
    )


def _units(landscape: Landscape, classes: NDArray[np.uint8], wild: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the unit at every sub-pixel: fields first, then the wild classes in legend order."""
    wild_unit = np.zeros(256, dtype=np.int32)
    wild_unit[wild] = len(classes) + np.arange(len(wild))
    standing = np.concatenate([np.zeros(1, dtype=bool), classes > 0])
    numbers = landscape.field_numbers
    return np.where(standing[numbers], numbers - 1, wild_unit[landscape.land_use.wild]).astype(np.int32)


def _ground(season: Season, when: date, sun: Sun) -> dict[str, NDArray[np.float32]]:
    """Return what the ground reflects in every band, lit as its slope is."""
    day = (when - date(season.year, 1, 1)).days
    reflectance, unevenness = reflectance_on(season.landscape.profile, season.traits, day)
    light10 = illumination(season.landscape.ground.gradient(10.0), sun)
    bands: dict[str, NDArray[np.float32]] = {}
    for cell, names, light in ((10, BANDS_10M, light10), (20, BANDS_20M, pool(light10))):
        columns = [BANDS.index(name) for name in names]
        mixed = season.mixtures[cell].blend(reflectance[:, columns])
        uneven = season.mixtures[cell].blend(unevenness[:, columns]) * season.grain[cell]
        lit = np.clip((mixed + uneven) * light, 0.001, 1.0)
        bands.update(zip(names, lit, strict=True))
    return bands


def _through_air(
    ground: Mapping[str, NDArray[np.float32]],
    clouds: Clouds,
    haze: NDArray[np.float32],
    rng: np.random.Generator,
) -> dict[str, NDArray[np.float32]]:
    """Add shadow, haze, cirrus, cloud, calibration error of the day and sensor noise."""
    opacity = {10: clouds.opacity, 20: pool(clouds.opacity)}
    shadow = {10: clouds.shadow, 20: pool(clouds.shadow)}
    veil = {10: haze, 20: pool(haze)}
    cirrus = {10: clouds.cirrus, 20: pool(clouds.cirrus)}
    tops = 1 + 0.12 * clouds.relief
    bright = {10: tops, 20: pool(tops)}
    result = {}
    for name, level in ground.items():
        cell = 10 if name in BANDS_10M else 20
        seen = level * (1 - _SHADE[name] * shadow[cell]) * rng.normal(1.0, 0.012)
        seen = seen + _HAZE[name] * veil[cell] + rng.normal(0.0, 0.0015)
        seen = seen + cirrus[cell] * (0.55 - seen)
        seen = seen + opacity[cell] * (_CLOUD[name] * bright[cell] - seen)
        noise = rng.standard_normal(level.shape, dtype=np.float32)
        result[name] = (seen + noise * (_NOISE_FLOOR + _NOISE_SHARE * np.clip(seen, 0, 0.35))).astype(np.float32)
    return result


def _digital(
    reflectance: Mapping[str, NDArray[np.float32]], seen: NDArray[np.bool_], scl: NDArray[np.uint8], baseline: str
) -> dict[str, NDArray[np.uint16]]:
    """Return digital numbers as the processing baseline writes them."""
    offset = OFFSET if baseline >= "04.00" else 0
    saturated = scl == 1
    masks = {10: (seen, np.kron(saturated, np.ones((2, 2), dtype=bool))), 20: (seen[::2, ::2], saturated)}
    result = {}
    for name, level in reflectance.items():
        inside, burnt = masks[10 if name in BANDS_10M else 20]
        number = np.round(level / (QUANTUM * _STEP)) * _STEP + offset
        number = np.where(burnt, 20_000, np.clip(number, _STEP, 20_000))
        result[name] = np.where(inside, number, 0).astype(np.uint16)
    return result


def _swath(shape: tuple[int, int], cut: bool, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the cells inside the swath, whose slanting edge may cut the tile on either side."""
    side, where = rng.random() < 0.5, rng.uniform(0.15, 0.4)
    rows, cols = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    if not cut:
        return np.ones(shape, dtype=bool)
    # The ground track leans by about 12 degrees from the meridian.
    edge = where * shape[1] + 0.21 * (shape[0] / 2 - rows)
    inside = cols // 2 * 2 >= edge // 2 * 2
    return inside if side else inside[:, ::-1]


def _latitude(landscape: Landscape) -> float:
    box = landscape.geobox.boundingbox
    to_degrees = Transformer.from_crs(landscape.scenario.crs, "EPSG:4326", always_xy=True)
    return float(to_degrees.transform((box.left + box.right) / 2, (box.bottom + box.top) / 2)[1])
