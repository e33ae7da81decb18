"""Spectral indices by their standard names, each with the paper that proposed it.

Names and formulas follow the catalogue Awesome Spectral Indices. No greenness index tells coca from its
neighbours; the indices of moisture, bare soil and disturbance stand here for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["INDICES", "SpectralIndex", "indices_for", "spectral_index"]

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralIndex:
    """A named function of bands."""

    name: str
    """Standard name."""
    bands: tuple[str, ...]
    """Common names of the bands it needs, in the order of its function."""
    function: Callable[..., Plane]
    """Reflectances to index."""
    sides: tuple[tuple[str, ...], tuple[str, ...]] | None
    """Of a normalised difference of sums of bands: the bands of both sums; None for another form."""
    title: str
    """Long name."""
    reference: str
    """Paper that proposed it."""


def _ratio(above: Plane, below: Plane) -> Plane:
    """Divide, with NaN where the divisor is 0."""
    safe = np.where(below == 0, np.float32(1), below)
    return np.where(below == 0, np.float32(np.nan), above / safe)


def _difference(one: Plane, other: Plane) -> Plane:
    return _ratio(one - other, one + other)


def _evi2(nir: Plane, red: Plane) -> Plane:
    return _ratio(np.float32(2.5) * (nir - red), nir + np.float32(2.4) * red + np.float32(1))


def _bsi(swir16: Plane, red: Plane, nir: Plane, blue: Plane) -> Plane:
    return _difference(swir16 + red, nir + blue)


def _index(
    name: str, bands: tuple[str, ...], function: Callable[..., Plane], title: str, reference: str
) -> SpectralIndex:
    sides = {_difference: (bands[:1], bands[1:]), _bsi: (bands[:2], bands[2:])}.get(function)
    return SpectralIndex(name=name, bands=bands, function=function, sides=sides, title=title, reference=reference)


INDICES: Mapping[str, SpectralIndex] = {
    entry.name: entry
    for entry in (
        _index(
            "NDVI",
            ("nir", "red"),
            _difference,
            "normalised difference vegetation index",
            "Rouse et al. (1974), NASA SP-351, 309",
        ),
        _index(
            "EVI2",
            ("nir", "red"),
            _evi2,
            "two-band enhanced vegetation index",
            "Jiang et al. (2008), doi:10.1016/j.rse.2008.06.006, eq. 7",
        ),
        _index(
            "NDMI",
            ("nir", "swir16"),
            _difference,
            "normalised difference moisture index",
            "Wilson and Sader (2002), doi:10.1016/S0034-4257(01)00318-2",
        ),
        _index(
            "NBR",
            ("nir", "swir22"),
            _difference,
            "normalised burn ratio",
            "Lopez Garcia and Caselles (1991), doi:10.1080/10106049109354290",
        ),
        _index(
            "NDTI",
            ("swir16", "swir22"),
            _difference,
            "normalised difference tillage index",
            "Van Deventer et al. (1997), Photogramm. Eng. Remote Sens. 63, 87",
        ),
        _index(
            "BSI",
            ("swir16", "red", "nir", "blue"),
            _bsi,
            "bare soil index",
            "Rikimaru et al. (2002), Tropical Ecology 43, 39",
        ),
        _index(
            "NDREI",
            ("nir", "rededge1"),
            _difference,
            "normalised difference red-edge index",
            "Gitelson and Merzlyak (1994), doi:10.1016/S0176-1617(11)81633-0",
        ),
        _index(
            "GNDVI",
            ("nir", "green"),
            _difference,
            "green normalised difference vegetation index",
            "Gitelson et al. (1996), doi:10.1016/S0034-4257(96)00072-7",
        ),
    )
}
"""Standard name to index."""


def spectral_index(name: str, bands: Mapping[str, Plane]) -> Plane:
    """Return an index of reflectances; NaN where it is not defined.

    Parameters
    ----------
    name
        A key of `INDICES`.
    bands
        Common band name to reflectance, any equal shapes. Reflectances below 0, which noise and the offset
        can leave, count as 0: normalised differences are bounded only for values that are not negative.

    Examples
    --------
    >>> nir, red = np.float32([0.5, 0.0]), np.float32([0.1, 0.0])
    >>> spectral_index("NDVI", {"nir": nir, "red": red})
    array([0.6666667,       nan], dtype=float32)
    """
    index = INDICES[name]
    return index.function(*(np.maximum(bands[band], np.float32(0)) for band in index.bands))


def indices_for(bands: Iterable[str], wanted: Iterable[str] = tuple(INDICES)) -> tuple[str, ...]:
    """Return those of the `wanted` indices that can be made of `bands`, in order."""
    have = set(bands)
    return tuple(name for name in wanted if set(INDICES[name].bands) <= have)
