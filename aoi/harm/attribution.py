"""What is laid to the crop: the first opening of a pixel, its window of years, and the cover it came from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.harm.mask import known_mask
from geo.errors import InputError, Problem

__all__ = [
    "ENVELOPE_YEARS",
    "WINDOW_YEARS",
    "ZONES",
    "cover_before",
    "direct_loss",
    "exclusive_zones",
    "first_use_year",
    "forest_before",
    "windows_years",
]

WINDOW_YEARS: Mapping[str, int] = MappingProxyType({"coca": 3, "opium_poppy": 2, "poppy": 2, "cannabis": 2})
"""Default years between clearing and first detection; a design default that the survey file may set."""
ENVELOPE_YEARS = (1, 3, 5)
"""Windows always reported beside the main one, as scenarios."""
ZONES = ("direct", "access", "ring_0_250m", "ring_250m_1km", "ring_1_5km", "background")

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


def windows_years(crop: str, main: int | None = None) -> tuple[int, ...]:
    """Return the windows to report: the crop's own first, then 1, 3 and 5 years.

    Examples
    --------
    >>> windows_years("poppy")
    (2, 1, 3, 5)

    Raises
    ------
    InputError
        When the crop has no default and none is given.
    """
    if main is None and crop not in WINDOW_YEARS:
        raise InputError(Problem("attribution window", f"crop {crop}", ", ".join(WINDOW_YEARS), "give the years"))
    own = WINDOW_YEARS[crop] if main is None else main
    return tuple(dict.fromkeys((own, *ENVELOPE_YEARS)))


def first_use_year(crop: ArrayLike, years: ArrayLike) -> IntArray:
    """Return the year in which each pixel is first under crop, 0 where never.

    A pixel is charged once; crop that returns after eradication is no new opening.

    Parameters
    ----------
    crop
        Crop seen, shape (years, ...).
    years
        Calendar years ascending, shape (years,).
    """
    seen = known_mask(crop, "crop series")
    when = np.asarray(years, dtype=np.int64)
    if seen.shape[0] != when.size or np.any(np.diff(when) <= 0):
        raise InputError(Problem("crop series", f"{seen.shape[0]} maps, {when.size} years", "ascending, one each"))
    return np.where(seen.any(axis=0), when[seen.argmax(axis=0)], 0)


def direct_loss(
    first_year: ArrayLike, forest_before: ArrayLike, loss_year: ArrayLike, *, window_years: int, lag_years: int = 1
) -> BoolArray:
    """Say which pixels are forest loss of the direct footprint.

    Parameters
    ----------
    first_year
        Year first under crop, 0 where never.
    forest_before
        Forest in the year `first_year - window_years`, the canopy threshold chosen locally.
    loss_year
        Calendar year of the loss, 0 where none. One loss per pixel.
    window_years
        Years before first detection in which a clearing is laid to the crop.
    lag_years
        Years by which a loss product may date late.

    Notes
    -----
    ``plot and F(y_c - N) = 1 and y_c - N <= y_l <= y_c + lag``.
    """
    opened, lost = np.asarray(first_year), np.asarray(loss_year)
    inside = (lost >= opened - window_years) & (lost <= opened + lag_years)
    return np.asarray((opened > 0) & (lost > 0) & known_mask(forest_before, "forest before") & inside)


def forest_before(forest_mapped: ArrayLike, loss_year: ArrayLike, year: ArrayLike) -> BoolArray:
    """Return forest at the start of a year: forest on the map and not lost before that year.

    Parameters
    ----------
    forest_mapped
        Forest on a map older than every loss, such as tree cover of 2000.
    loss_year
        Calendar year of the loss, 0 where none.
    year
        ``y_c - N``, by pixel or one for all.
    """
    lost = np.asarray(loss_year)
    gone = (lost > 0) & (lost < np.asarray(year))
    return np.asarray(known_mask(forest_mapped, "forest of the map") & ~gone)


def cover_before(covers: Mapping[int, ArrayLike], year: ArrayLike) -> IntArray:
    """Return the land cover of the latest map not after a year, -1 where every map is newer.

    Parameters
    ----------
    covers
        Year of a map to its codes, all of one shape.
    year
        ``y_c - N`` by pixel, same shape.
    """
    when = np.asarray(year)
    found = np.full(when.shape, -1, dtype=np.int64)
    for shown in sorted(covers):
        found = np.where(when >= shown, np.asarray(covers[shown], dtype=np.int64), found)
    return found


def exclusive_zones(plot: ArrayLike, access: ArrayLike, distance_m: ArrayLike) -> NDArray[np.uint8]:
    """Return the zone of each pixel as an index into `ZONES`; every pixel has one.

    Parameters
    ----------
    plot, access
        Crop plots, and new roads, tracks and airstrips with their width.
    distance_m
        Distance to the nearest plot.
    """
    ring = 2 + np.digitize(np.asarray(distance_m, dtype=np.float64), [250.0, 1000.0, 5000.0], right=True)
    ring = np.where(known_mask(access, "new access"), 1, ring)
    return np.where(known_mask(plot, "crop plots"), 0, ring).astype(np.uint8)
