"""What the classifier sees of a cell: window composites, indices, seasonal metrics and texture, as planes.

Every feature of a cell depends on the cell (and, for texture, on its neighbours) alone and is computed by the
same operations in the same order, so that no bit depends on how the grid was cut into blocks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from imagery.composite import median, write_band_percentiles
from imagery.course import course, courses
from imagery.disturbance import disturbance
from imagery.geomedian import geometric_median, medoid
from imagery.harmonic import amplitude, harmonic_design, write_harmonic_fits
from imagery.phenology import season_of_harmonics
from imagery.sensor import Sensor
from imagery.spectral import indices_for, write_spectral_indices
from imagery.stack import Series, Stack
from imagery.texture import local_mean_and_deviation

__all__ = [
    "PART",
    "Composite",
    "FeatureSpec",
    "Observed",
    "WindowSpans",
    "cell_features",
    "feature_spec",
    "texture_planes",
    "window_composite",
    "window_medians",
]

WindowSpans = Mapping[str, tuple[date, date]]
"""Window name to first and last day, both included."""

COMPOSITE_INDICES = ("NDVI", "NDMI", "NBR", "NDTillI", "BI", "NDREI")
"""Indices made of every window composite."""
SEASON_INDICES = ("NDVI", "NDMI", "NBR", "BI", "NDREI")
"""Indices followed through the season."""
PERCENTS = (10.0, 50.0, 90.0)
"""Percentiles taken over the season."""
Composite = Literal["median", "geometric_median", "medoid"]
PHENOLOGY = ("start", "peak", "end", "amplitude", "integral")
"""Parts of `imagery.phenology.Season`."""
DISTURBANCE = ("residual", "step", "drop", "rise")
"""Parts of `imagery.disturbance.Disturbance`."""
PART = 16_384
"""Cells whose features are made at once, so that the planes they are made from stay in the cache."""


class Observed(Protocol):
    """Observations of cells that can be had in parts."""

    def __len__(self) -> int: ...

    def part(self, cells: slice) -> Series:
        """Return the observations of some of the cells."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSpec:
    """Which features are made, in which order."""

    windows: tuple[str, ...]
    """Season windows; one that a period lacks gives NaN."""
    bands: tuple[str, ...]
    """Bands whose window medians are features."""
    composite_indices: tuple[str, ...] = ()
    """Indices of the window composites."""
    composite: Composite = "median"
    """What stands for a window: the median of each band, or one point of all bands at once."""
    window_percents: tuple[float, ...] = ()
    """Percentiles of every band within each window."""
    contrasts: tuple[tuple[str, str], ...] = ()
    """Pairs of windows whose composites are subtracted, the earlier first, such as flowering and maturity."""
    season: tuple[str, ...] = ()
    """Indices or bands whose course through the season is summarised."""
    harmonics: int = 2
    """Yearly harmonics fitted to each of them; 0 for none."""
    phenology: tuple[str, ...] = ()
    """Those of them whose start, peak, end, amplitude and integral are features; needs harmonics."""
    disturbance: tuple[str, ...] = ()
    """Those of them whose falls, rises and distance from the curve are features; needs harmonics."""
    texture: tuple[str, ...] = ()
    """Indices or bands whose season median gives texture."""
    radii: tuple[int, ...] = ()
    """Half sides of the texture windows, cells."""

    @property
    def halo(self) -> int:
        """Cells around a block that texture looks at."""
        return max(self.radii) if self.texture and self.radii else 0

    @property
    def cell_names(self) -> tuple[str, ...]:
        """Names of the features that need the cell alone."""
        return _cell_names(self)

    def median_rows(self, window: str, bands: Sequence[str]) -> list[int] | None:
        """Return where the medians of bands within a window stand among the features; None where they do not."""
        names = {name: row for row, name in enumerate(self.cell_names)}
        wanted = [f"{window}_{band}" for band in bands]
        whole = self.composite == "median" and window in self.windows and set(bands) <= set(self.bands)
        return [names[name] for name in wanted] if whole else None

    @property
    def texture_names(self) -> tuple[str, ...]:
        """Names of the features that need its neighbours."""
        return tuple(
            f"texture_{source}_{kind}_{radius}"
            for source in self.texture
            for radius in self.radii
            for kind in ("mean", "deviation")
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the planes."""
        return self.cell_names + self.texture_names


@lru_cache(maxsize=64)  # asked for with every part of every block
def _cell_names(spec: FeatureSpec) -> tuple[str, ...]:
    names: list[str] = []
    for window in spec.windows:
        names += (f"{window}_{name}" for name in (*spec.bands, *spec.composite_indices))
        names += (f"{window}_{band}_p{percent:g}" for band in spec.bands for percent in spec.window_percents)
    for before, after in spec.contrasts:
        names += (f"{before}_to_{after}_{name}" for name in (*spec.bands, *spec.composite_indices))
    for name in spec.season:
        names += (f"season_{name}_p{percent:g}" for percent in PERCENTS)
        if spec.harmonics:
            names.append(f"season_{name}_mean")
        for order in range(1, spec.harmonics + 1):
            names += (f"season_{name}_{part}{order}" for part in ("cos", "sin", "amplitude"))
        if name in spec.phenology:
            names += (f"season_{name}_{part}" for part in PHENOLOGY)
        if name in spec.disturbance:
            names += (f"season_{name}_{part}" for part in DISTURBANCE)
    return tuple(names)


def feature_spec(
    sensor: Sensor,
    windows: Sequence[str],
    *,
    radii: tuple[int, ...] = (1, 3),
    harmonics: int = 2,
    composite: Composite = "median",
    window_percents: tuple[float, ...] = (),
    contrasts: tuple[tuple[str, str], ...] = (),
    phenology: bool = True,
    restlessness: bool = True,
    composite_indices: Sequence[str] = COMPOSITE_INDICES,
    season_indices: Sequence[str] = SEASON_INDICES,
) -> FeatureSpec:
    """Return the features that a sensor allows.

    Parameters
    ----------
    sensor
        Its bands decide which indices can be made; bands that are indices already are followed as they are.
    windows
        Names of the season windows.
    radii
        Half sides of the texture windows in cells; empty for no texture.
    harmonics
        Yearly harmonics fitted to the season.
    composite, window_percents
        What stands for a window, and the percentiles beside it.
    contrasts
        Pairs of windows to subtract.
    phenology, restlessness
        Whether the season's dates (of the first index) and its falls and rises (of all) are features.
    composite_indices, season_indices
        Indices of each window and of the season; those that the sensor's bands do not allow are left out.
    """
    if sensor.quantity == "index":
        season: tuple[str, ...] = sensor.common
        indices: tuple[str, ...] = ()
    else:
        season = indices_for(sensor.common, season_indices)
        indices = indices_for(sensor.common, composite_indices)
    bright = tuple(band for band in ("nir",) if band in sensor.common)
    return FeatureSpec(
        windows=tuple(windows),
        bands=sensor.common,
        composite_indices=indices,
        season=season,
        harmonics=harmonics,
        composite=composite,
        window_percents=window_percents,
        contrasts=contrasts,
        phenology=season[:1] if phenology and harmonics else (),
        disturbance=season if restlessness and harmonics else (),
        texture=(*bright, *season[:1]) if radii else (),
        radii=radii,
    )


def cell_features(
    observed: Observed, spec: FeatureSpec, windows: WindowSpans, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the features that need the cell alone.

    Parameters
    ----------
    observed
        Observations of n cells.
    spec
        Which features.
    windows
        First and last day of each season window in the period of the observations.
    out
        Where they go, shape (k, n); a new array when None.

    Returns
    -------
    ndarray, shape (k, n)
        In the order of ``spec.cell_names``; NaN where a window or season has no clear observation.
    """
    planes = np.empty((len(spec.cell_names), len(observed)), dtype=np.float32) if out is None else out
    if len(observed) <= PART and planes.flags.c_contiguous:
        _write_features(observed.part(slice(0, len(observed))), spec, windows, planes)
        return planes
    for first in range(0, len(observed), PART):
        part = slice(first, min(first + PART, len(observed)))
        some = np.empty((len(planes), part.stop - part.start), dtype=np.float32)
        _write_features(observed.part(part), spec, windows, some)
        planes[:, part] = some
    return planes


def texture_planes(stack: Stack, spec: FeatureSpec) -> NDArray[np.float32]:
    """Return the texture of a block.

    Parameters
    ----------
    stack
        The block with ``spec.halo`` further cells on every side.
    spec
        Which features.

    Returns
    -------
    ndarray, shape (k, h, w)
        Without the halo, in the order of ``spec.texture_names``.
    """
    halo = spec.halo
    height, width = (size - 2 * halo for size in stack.shape)
    planes = np.empty((len(spec.texture_names), height, width), dtype=np.float32)
    layer = 0
    for source in spec.texture:
        image = _season_median(stack, source)
        for radius in spec.radii:
            rim = halo - radius
            inner = image[rim : image.shape[0] - rim, rim : image.shape[1] - rim]
            planes[layer], planes[layer + 1] = local_mean_and_deviation(inner, radius)
            layer += 2
    return planes


@dataclass(frozen=True, slots=True)
class _Rows:
    """Where the features of a specification stand among the planes, which they are written straight into."""

    window: Mapping[str, slice]
    """Composite of each window: bands, then indices."""
    percents: Mapping[str, NDArray[np.int64]]
    """Percentiles of the bands of each window, shape (p, b)."""
    contrast: tuple[slice, ...]
    """Each contrast."""
    season: NDArray[np.int64]
    """Percentiles of the season, shape (p, s)."""
    fit: NDArray[np.int64]
    """Coefficients of the harmonics of the season, shape (s, 1 + 2 H)."""
    amplitude: NDArray[np.int64]
    """Their amplitudes, shape (s, H)."""
    phenology: Mapping[str, slice]
    """Parts of the season of a name."""
    disturbance: Mapping[str, slice]
    """Falls and rises of a name."""


@lru_cache(maxsize=64)  # asked for with every part of every block
def _rows(spec: FeatureSpec) -> _Rows:
    at = {name: row for row, name in enumerate(spec.cell_names)}

    def places(names: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        return np.array([[at[name] for name in row] for row in names], dtype=np.int64)

    def run(prefix: str, names: Sequence[str]) -> slice:
        first = at[f"{prefix}_{names[0]}"] if names else 0
        return slice(first, first + len(names))

    composed = (*spec.bands, *spec.composite_indices)
    orders = range(1, spec.harmonics + 1)
    waves = [f"{part}{order}" for order in orders for part in ("cos", "sin")]
    fitted = ["mean", *waves] if spec.harmonics else []
    return _Rows(
        window={window: run(window, composed) for window in spec.windows},
        percents={
            window: places(
                [[f"{window}_{band}_p{percent:g}" for band in spec.bands] for percent in spec.window_percents]
            )
            for window in spec.windows
        },
        contrast=tuple(run(f"{before}_to_{after}", composed) for before, after in spec.contrasts),
        season=places([[f"season_{name}_p{percent:g}" for name in spec.season] for percent in PERCENTS]),
        fit=places([[f"season_{name}_{part}" for part in fitted] for name in spec.season]),
        amplitude=places([[f"season_{name}_amplitude{order}" for order in orders] for name in spec.season]),
        phenology={name: run(f"season_{name}", PHENOLOGY) for name in spec.phenology},
        disturbance={name: run(f"season_{name}", DISTURBANCE) for name in spec.disturbance},
    )


def _write_features(series: Series, spec: FeatureSpec, windows: WindowSpans, planes: NDArray[np.float32]) -> None:
    """Write the features of a part into planes (k, n)."""
    rows = _rows(spec)
    for window in spec.windows:
        _write_window(series, windows.get(window), spec, planes, rows.window[window])
        if spec.window_percents:
            inside = _within(series.days, windows.get(window))
            values = series.values[inside][:, [series.bands.index(band) for band in spec.bands]]
            write_band_percentiles(
                values, series.valid[inside], spec.window_percents, planes, rows.percents[window]
            )
    for (before, after), into in zip(spec.contrasts, rows.contrast, strict=True):
        np.subtract(planes[rows.window[after]], planes[rows.window[before]], out=planes[into])
    if spec.season:
        _write_season(series, spec, planes)


def _write_window(
    series: Series, span: tuple[date, date] | None, spec: FeatureSpec, planes: NDArray[np.float32], into: slice
) -> None:
    """Write the composite of a window: its bands, and the indices made of them."""
    bands = slice(into.start, into.start + len(spec.bands))
    if spec.composite == "median" and spec.bands == series.bands:
        composed = planes[bands]
        _write_medians(series, span, composed)
    else:
        composed = np.stack(list(window_composite(series, span, spec.composite).values()))
        planes[bands] = composed[[series.bands.index(band) for band in spec.bands]]
    indices = planes[bands.stop : into.stop]
    write_spectral_indices(spec.composite_indices, composed, series.quantum, bands=series.bands, out=indices)


def _write_season(series: Series, spec: FeatureSpec, planes: NDArray[np.float32]) -> None:
    """Write the percentiles and curves of every name that is followed through the season."""
    rows, design = _rows(spec), _design(series.days, spec.harmonics)
    units, defined = courses(
        series.values, series.valid, bands=series.bands, quantum=series.quantum, names=spec.season
    )
    for group in _alike(defined):
        whole = len(group) == len(defined)
        own, valid = units if whole else units[:, group], defined[group[0]]
        write_band_percentiles(own, valid, PERCENTS, planes, np.ascontiguousarray(rows.season[:, group]))
        if spec.harmonics:
            write_harmonic_fits(own, valid, design, planes, rows.fit[group])
    for place, name in enumerate(spec.season):
        for order, height in enumerate(rows.amplitude[place]):
            cosine, sine = rows.fit[place, 2 * order + 1 : 2 * order + 3]
            amplitude(planes[cosine], planes[sine], out=planes[height])
        if name in rows.phenology:
            season = season_of_harmonics(planes[rows.fit[place]], series.days[0], series.days[-1])
            planes[rows.phenology[name]] = [getattr(season, part) for part in PHENOLOGY]
        if name in rows.disturbance:
            curve = _curve(planes[rows.fit[place]], design)
            restless = disturbance(np.ascontiguousarray(units[:, place]), defined[place], curve)
            planes[rows.disturbance[name]] = [getattr(restless, part) for part in DISTURBANCE]


def _alike(defined: Sequence[NDArray[np.bool_]]) -> list[list[int]]:
    """Return the places of those that are defined on the same days, which are worked on together."""
    groups: dict[int, list[int]] = {}
    for place, days in enumerate(defined):
        groups.setdefault(id(days), []).append(place)
    return list(groups.values())


@lru_cache(maxsize=64)  # asked for with every part of every block
def _design(days: tuple[date, ...], harmonics: int) -> NDArray[np.float64]:
    return harmonic_design(days, harmonics)


def _curve(coefficients: NDArray[np.float32], design: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return harmonic curves at the times of a design, shape (t, n), summed in one order."""
    curve = np.zeros((len(design), *coefficients.shape[1:]))
    for order, coefficient in enumerate(coefficients):
        for layer, factor in zip(curve, design[:, order], strict=True):
            layer += factor * coefficient
    return curve


def window_composite(
    series: Series, span: tuple[date, date] | None, composite: Composite
) -> dict[str, NDArray[np.float32]]:
    """Return what stands for a window in every band, in units; NaN where there is no clear observation."""
    if composite == "median":
        return window_medians(series, span)
    inside = _within(series.days, span)
    compose = geometric_median if composite == "geometric_median" else medoid
    return dict(zip(series.bands, compose(series.values[inside], series.valid[inside]), strict=True))


def window_medians(series: Series, span: tuple[date, date] | None) -> dict[str, NDArray[np.float32]]:
    """Return the median of every band within a window, in units; NaN where there is no clear observation."""
    medians = np.empty((len(series.bands), len(series)), dtype=np.float32)
    _write_medians(series, span, medians)
    return dict(zip(series.bands, medians, strict=True))


def _write_medians(series: Series, span: tuple[date, date] | None, planes: NDArray[np.float32]) -> None:
    inside, rows = _within(series.days, span), np.arange(len(planes))[None]
    write_band_percentiles(series.values[inside], series.valid[inside], (50.0,), planes, rows)


def _within(days: Sequence[date], span: tuple[date, date] | None) -> slice:
    """Return which of the rising days lie in a window, as a run of them: a slice copies nothing."""
    return slice(0, 0) if span is None else slice(bisect_left(days, span[0]), bisect_right(days, span[1]))


def _season_median(stack: Stack, name: str) -> NDArray[np.float32]:
    """Return the median of a band or index over all days, row by row to keep temporaries small."""
    out = np.empty(stack.shape, dtype=np.float32)
    rows = max(1, PART // stack.shape[1])
    for first in range(0, stack.shape[0], rows):
        part = slice(first, first + rows)
        values, clear = stack.values[:, :, part], stack.valid[:, part]
        units, valid = course(values, clear, bands=stack.bands, quantum=stack.quantum, name=name)
        out[part] = median(units, valid)
    return out
