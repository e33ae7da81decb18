"""Backscatter through a season: features that speckle leaves standing, beside those of optical images.

Speckle multiplies power, and the mean of its decibels lies below the decibels of its mean. So power is averaged
first, over the cells around and over the images of a window, and decibels are taken of the averages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imagery.composite import percentiles
from imagery.features import Observed, WindowSpans
from imagery.sensor import Sensor
from imagery.stack import Series, Stack

__all__ = ["RadarSpec", "RadarView", "decibels", "multilooked", "power_of", "radar_features"]

PERCENTS = (10.0, 90.0)
"""Percentiles of the season."""
_CHUNK = 16_384  # cells handled at once, so that their planes stay in the cache
_LOWEST = 1e-6  # -60 dB, far below any noise floor


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarSpec:
    """Which features are made of backscatter, in which order."""

    windows: tuple[str, ...]
    """Season windows; one without an image gives NaN."""
    bands: tuple[str, ...]
    """Polarisations."""
    radius: int = 1
    """Half side of the square whose power is averaged in every image, cells."""

    @property
    def ratio(self) -> bool:
        """Whether both polarisations are there, whose difference in decibels tells leaves from ground."""
        return {"vv", "vh"} <= set(self.bands)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the planes."""
        return tuple(self._names())

    def _names(self) -> Iterator[str]:
        for window in (*self.windows, "season"):
            yield from (f"radar_{window}_{band}" for band in self.bands)
            if self.ratio:
                yield f"radar_{window}_vh_to_vv"
        for band in self.bands:
            yield f"radar_season_{band}_variation"
            yield from (f"radar_season_{band}_p{percent:g}" for percent in PERCENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarView:
    """A radar sensor seen beside the first sensor."""

    sensor: Sensor
    """The sensor."""
    spec: RadarSpec
    """The features made of it."""
    min_valid: int | None = None
    """Images with which a cell counts as seen though the first sensor saw it too seldom; None for never."""


def multilooked(stack: Stack, radius: int) -> Stack:
    """Return a stack whose power is averaged over squares in every image.

    Parameters
    ----------
    stack
        Backscatter in decibels, with `radius` further cells on every side.
    radius
        Half side of the squares, cells.

    Returns
    -------
    Stack
        Without these cells; a cell is valid where it was, and its average is over the valid cells around.

    Notes
    -----
    The cells of a square are summed in one order, so that no bit depends on the block.

    References
    ----------
    Ulaby, F. T., Moore, R. K. and Fung, A. K. (1982), Microwave Remote Sensing II, section 7-2: the average of L
    independent looks is spread 1 / sqrt(L) as wide.
    """
    height, width = (side - 2 * radius for side in stack.shape)
    inner = slice(radius, radius + height), slice(radius, radius + width)
    values = np.zeros((len(stack.days), len(stack.bands), height, width), dtype=np.int16)
    for day in range(len(stack.days)):
        seen = stack.valid[day]
        count = _around(seen.astype(np.float64), radius)
        for band in range(len(stack.bands)):
            power = np.where(seen, power_of(stack.values[day, band], stack.quantum), 0.0)
            mean = _around(power, radius) / np.maximum(count, 1.0)
            values[day, band] = np.rint(decibels(mean) / stack.quantum).astype(np.int16)
    return replace(stack, values=values, valid=np.ascontiguousarray(stack.valid[:, *inner]))


def radar_features(observed: Observed, spec: RadarSpec, windows: WindowSpans) -> NDArray[np.float32]:
    """Return the features of cells.

    Parameters
    ----------
    observed
        Backscatter of n cells in decibels, from `multilooked`.
    spec
        Which features.
    windows
        First and last day of each season window.

    Returns
    -------
    ndarray, shape (k, n)
        In decibels, but for the variation, which is the standard deviation of power over its mean; NaN where a
        window has no image.
    """
    planes = np.empty((len(spec.names), len(observed)), dtype=np.float32)
    for first in range(0, len(observed), _CHUNK):
        part = slice(first, first + _CHUNK)
        for layer, plane in enumerate(_planes(observed.part(part), spec, windows)):
            planes[layer, part] = plane
    return planes


def _planes(series: Series, spec: RadarSpec, windows: WindowSpans) -> Iterator[NDArray[np.float64]]:
    valid = series.valid
    power = {
        band: np.where(valid, power_of(series.values[:, series.bands.index(band)], series.quantum), 0.0)
        for band in spec.bands
    }
    for window in (*spec.windows, "season"):
        span = windows.get(window)
        inside = np.array(
            [window == "season" or (span is not None and span[0] <= d <= span[1]) for d in series.days]
        )
        level = {band: decibels(_mean(power[band], valid, inside)) for band in spec.bands}
        yield from level.values()
        if spec.ratio:
            yield level["vh"] - level["vv"]
    for band in spec.bands:
        yield _variation(power[band], valid)
        low_high = percentiles(series.values[:, series.bands.index(band)], valid, PERCENTS)
        yield from (plane.astype(np.float64) * series.quantum for plane in low_high)


def _mean(power: NDArray[np.float64], valid: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean power of some days, summed day by day; NaN where there is none."""
    total, count = np.zeros(power.shape[1]), np.zeros(power.shape[1])
    for day in np.flatnonzero(inside):
        total += power[day]
        count += valid[day]
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _variation(power: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the standard deviation of power over its mean; NaN with fewer than two images."""
    mean = _mean(power, valid, np.ones(len(power), dtype=np.bool_))
    total, count = np.zeros(power.shape[1]), np.zeros(power.shape[1])
    for day in range(len(power)):
        total += np.where(valid[day], (power[day] - mean) ** 2, 0.0)
        count += valid[day]
    return np.where(count > 1, np.sqrt(total / np.maximum(count - 1, 1)) / mean, np.nan)


def _around(image: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """Return sums over squares, without the rim; the cells of each in the same order."""
    height, width = (side - 2 * radius for side in image.shape)
    total = np.zeros((height, width))
    for row in range(2 * radius + 1):
        for col in range(2 * radius + 1):
            total += image[row : row + height, col : col + width]
    return total


def power_of(units: NDArray[np.integer], quantum: float) -> NDArray[np.float64]:
    """Return linear power of decibels held as integers of `quantum`."""
    return np.asarray(10.0 ** (units.astype(np.float64) * (quantum / 10.0)))


def decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return power in decibels; NaN stays.

    Examples
    --------
    >>> decibels(np.array([1.0, 0.01])).tolist()
    [0.0, -20.0]
    """
    return np.asarray(10.0 * np.log10(np.maximum(power, _LOWEST)))
