"""Reflectance without the shading of the ground: the C-correction and that of Minnaert, and what they did.

Both have one parameter per band, fitted on moments that add up over blocks. With the parameter fitted, a cell is
corrected from its own reflectance and illumination alone, so that blocks change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from geo.errors import InputError, Problem

__all__ = [
    "CCorrection",
    "Corrected",
    "Effect",
    "Minnaert",
    "Moments",
    "c_moments",
    "corrected",
    "effect",
    "fit_c",
    "fit_minnaert",
    "minnaert_moments",
]

Plane: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.floating]
_EVEN_LIGHT = 1e-6  # spread below which illuminations, held in single precision, are all the same


@dataclass(frozen=True, slots=True)
class Moments:
    """Counts, means and centred sums of pairs (x, y); those of two blocks are added with ``+``.

    References
    ----------
    Chan, T. F., Golub, G. H. and LeVeque, R. J. (1983), doi:10.1080/00031305.1983.10483115.
    """

    cells: int = 0
    mean_x: float = 0.0
    mean_y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    @classmethod
    def of(cls, x: Floats, y: Floats) -> Moments:
        """Return the moments of pairs of numbers, shapes (n,)."""
        if not x.size:
            return cls()
        x, y = x.astype(np.float64), y.astype(np.float64)
        mean_x, mean_y = float(x.mean()), float(y.mean())
        x -= mean_x
        y -= mean_y
        return cls(x.size, mean_x, mean_y, float(x @ x), float(x @ y), float(y @ y))

    def __add__(self, other: Moments) -> Moments:
        cells = self.cells + other.cells
        if not cells:
            return self
        x, y = other.mean_x - self.mean_x, other.mean_y - self.mean_y
        part, shared = other.cells / cells, self.cells * other.cells / cells
        return Moments(
            cells,
            self.mean_x + x * part,
            self.mean_y + y * part,
            self.xx + other.xx + x * x * shared,
            self.xy + other.xy + x * y * shared,
            self.yy + other.yy + y * y * shared,
        )

    @property
    def is_even(self) -> bool:
        """Whether x does not vary, so that there is no line."""
        return self.cells < 2 or self.xx <= self.cells * _EVEN_LIGHT**2

    @property
    def slope(self) -> float:
        """Rise of y per unit of x by least squares; NaN where x does not vary."""
        return nan if self.is_even else self.xy / self.xx

    @property
    def intercept(self) -> float:
        """Fitted y where x is 0; NaN where x does not vary."""
        return self.mean_y - self.slope * self.mean_x

    @property
    def correlation(self) -> float:
        """Pearson's correlation, -1 to 1; NaN where x or y does not vary."""
        return nan if self.is_even or self.yy <= 0 else self.xy / sqrt(self.xx * self.yy)


@dataclass(frozen=True, slots=True)
class CCorrection:
    """Reflectance times ``(cos Z + c) / (cos i + c)``; with c = 0 the cosine correction of Lambertian ground."""

    c: float
    """Intercept over slope of the regression of reflectance on illumination."""

    def factor(self, illumination: Floats, cos_zenith: float) -> Floats:
        """Return what reflectance is multiplied by, shape as `illumination`; NaN unless ``cos i + c > 0``."""
        below = illumination + self.c
        return np.asarray((cos_zenith + self.c) / np.where(below > 0, below, np.nan))


@dataclass(frozen=True, slots=True)
class Minnaert:
    """Reflectance times ``(cos Z / cos i) ** k``; with k = 1 the cosine correction, with k = 0 none."""

    k: float
    """Minnaert's constant of the band."""

    def factor(self, illumination: Floats, cos_zenith: float) -> Floats:
        """Return what to multiply reflectance with, shape as `illumination`; NaN unless cos i is above 0."""
        return np.asarray((cos_zenith / np.where(illumination > 0, illumination, np.nan)) ** self.k)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A band after correction; counts add up over blocks."""

    reflectance: Plane
    """Shape (h, w); NaN where there was none, no illumination, or too little."""
    dark: int
    """Cells with reflectance that were left out for too little illumination."""
    unlit: int
    """Cells with reflectance that were left out because their illumination is not known."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Reflectance (y) on illumination (x) over the same cells before and after a correction."""

    before: Moments
    after: Moments

    def __add__(self, other: Effect) -> Effect:
        return Effect(self.before + other.before, self.after + other.after)


def c_moments(
    reflectance: Floats,
    illumination: Floats,
    *,
    least_illumination: float,
    fitted_on: NDArray[np.bool_] | None = None,
) -> Moments:
    """Return what the C-correction is fitted on: reflectance against illumination.

    Parameters
    ----------
    reflectance, illumination
        Shares and cosines of a block, shapes (h, w); NaN where there is none.
    least_illumination
        Cosine below which a cell is too dark, above 0.
    fitted_on
        Cells to fit on, such as those of one cover, shape (h, w); all when left out.
    """
    usable = _lit(reflectance, illumination, least_illumination)
    if fitted_on is not None:
        usable &= fitted_on
    return Moments.of(illumination[usable], reflectance[usable])


def minnaert_moments(
    reflectance: Floats,
    illumination: Floats,
    cos_zenith: float,
    *,
    least_illumination: float,
    fitted_on: NDArray[np.bool_] | None = None,
) -> Moments:
    """Return what Minnaert's constant is fitted on: the logarithm of reflectance against that of cos i / cos Z.

    Parameters as in `c_moments`; cells whose reflectance is not above 0 have no logarithm and are left out.
    """
    usable = _lit(reflectance, illumination, least_illumination)
    usable[usable] = reflectance[usable] > 0
    if fitted_on is not None:
        usable &= fitted_on
    light = illumination[usable].astype(np.float64)
    return Moments.of(np.log(light / cos_zenith), np.log(reflectance[usable].astype(np.float64)))


def fit_c(moments: Moments, *, band: str, least_illumination: float) -> CCorrection:
    """Return the C-correction of a band.

    Raises
    ------
    InputError
        If illumination does not vary, reflectance does not rise with it, or the fitted line reaches 0 at or
        above the least illumination, where the correction has no bound.

    References
    ----------
    Teillet, P. M., Guindon, B. and Goodenough, D. G. (1982), Canadian Journal of Remote Sensing 8, 84-106,
    doi:10.1080/07038992.1982.10855028.
    """
    _require_rise(moments, band)
    c = moments.intercept / moments.slope
    if not isfinite(c) or c + least_illumination <= 0:
        found = f"a line of reflectance that reaches 0 at an illumination of {-c:.3f}"
        raise InputError(Problem(f"band {band}", found, f"below {least_illumination}", "raise least_illumination"))
    return CCorrection(c)


def fit_minnaert(moments: Moments, *, band: str) -> Minnaert:
    """Return Minnaert's correction of a band.

    Raises
    ------
    InputError
        If illumination does not vary or reflectance does not rise with it.

    References
    ----------
    Minnaert, M. (1941), Astrophysical Journal 93, 403-410, doi:10.1086/144279; for images Teillet, Guindon and
    Goodenough (1982), doi:10.1080/07038992.1982.10855028.
    """
    _require_rise(moments, band)
    return Minnaert(moments.slope)


def corrected(
    reflectance: Floats,
    illumination: Floats,
    cos_zenith: float,
    correction: CCorrection | Minnaert,
    *,
    least_illumination: float,
) -> Corrected:
    """Return reflectance as flat ground would have it under the same sun.

    Parameters
    ----------
    reflectance, illumination
        Shares and cosines of a block, shapes (h, w); NaN where there is none.
    cos_zenith
        Illumination of flat ground, above 0.
    correction
        Of this band.
    least_illumination
        Cosine below which a cell is too dark to be corrected, above 0; such cells become NaN.

    Raises
    ------
    InputError
        If flat ground itself is darker than that, the least illumination is no share, or shapes differ.
    """
    if not cos_zenith >= least_illumination:
        found = f"a sun that gives flat ground {cos_zenith:.3f}"
        raise InputError(
            Problem("illumination", found, f"{least_illumination} or more", "take a scene of higher sun")
        )
    usable = _lit(reflectance, illumination, least_illumination)
    held = ~np.isnan(reflectance)
    unlit = held & np.isnan(illumination)
    flat = np.full(reflectance.shape, np.nan, dtype=np.float32)
    light = illumination[usable].astype(np.float64)
    flat[usable] = reflectance[usable] * correction.factor(light, cos_zenith)
    return Corrected(flat, dark=int((held & ~unlit & np.isnan(flat)).sum()), unlit=int(unlit.sum()))


def effect(reflectance: Floats, after: Corrected, illumination: Floats) -> Effect:
    """Return how reflectance went with illumination before and after, over the cells that were corrected.

    A good correction takes correlation and slope near 0; one that turns their sign has corrected too much.
    """
    both = ~np.isnan(after.reflectance)
    light = illumination[both]
    return Effect(Moments.of(light, reflectance[both]), Moments.of(light, after.reflectance[both]))


def _lit(reflectance: Floats, illumination: Floats, least_illumination: float) -> NDArray[np.bool_]:
    """Return the cells with reflectance and enough light; NaN is neither."""
    if not 0 < least_illumination < 1:
        raise InputError(Problem("least_illumination", f"{least_illumination}", "a cosine above 0 and below 1"))
    if reflectance.shape != illumination.shape:
        found = f"shapes {reflectance.shape} and {illumination.shape}"
        raise InputError(Problem("reflectance and illumination", found, "one shape"))
    return np.asarray((illumination >= least_illumination) & ~np.isnan(reflectance))


def _require_rise(moments: Moments, band: str) -> None:
    where = f"band {band}"
    if moments.is_even:
        found = f"{moments.cells} cells of even illumination"
        raise InputError(Problem(where, found, "lit and less lit slopes", "leave flat ground uncorrected"))
    if not moments.slope > 0:
        found = f"reflectance that does not rise with illumination (slope {moments.slope:.4g})"
        raise InputError(Problem(where, found, "a rise", "leave the band uncorrected or fit on one cover"))
