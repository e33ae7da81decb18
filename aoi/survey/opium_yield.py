"""Opium yield from the volume of poppy capsules, averaged over fields.

The curve is concave: the yield of the mean volume is larger than the mean of the yields. So a yield is worked out
for each field, from the mean volume of its plots, and fields are averaged; a mean volume is never put in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.survey.addition import estimate_with_interval
from aoi.survey.estimate import Estimate
from aoi.survey.interval import t_quantile
from aoi.survey.parameter import Parameter, load_parameters
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "CapsuleCurve",
    "area_weighted_yield",
    "capsule_volume_cm3",
    "capsule_volume_of_yield",
    "field_yields",
    "opium_yield_kg_ha",
    "regional_yield",
    "yield_slope",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleCurve:
    """Coefficients of Y = [(VC + a) - sqrt((VC + a)^2 - b VC)] / c.

    Raises
    ------
    InputError
        If a coefficient is not positive, or the root would be negative somewhere.
    """

    shift: float
    """a, in cm3 per m2."""
    product: float
    """b, in cm3 per m2."""
    divisor: float
    """c, which carries cm3/m2 to kg/ha."""

    def __post_init__(self) -> None:
        a, b, c = self.shift, self.product, self.divisor
        # (VC + a)^2 - b VC is never negative for VC >= 0 when b <= 4a
        if not (a > 0 and c > 0 and 0 < b <= 4 * a):
            found = f"shift {a}, product {b}, divisor {c}"
            raise InputError(Problem("capsule curve", found, "positive numbers with product <= 4 x shift"))

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Parameter] | None = None) -> CapsuleCurve:
        """Return the curve of the shipped (unverified) or the user's coefficients."""
        known = load_parameters("yield_factors") if parameters is None else parameters
        names = ("shift", "product", "divisor")
        return cls(**{name: known[f"opium_capsule.{name}"].value for name in names})

    @property
    def asymptote_kg_ha(self) -> float:
        """Yield that no volume reaches: b / 2c."""
        return self.product / (2 * self.divisor)


def _volumes(volume: ArrayLike, where: str) -> FloatArray:
    values = np.asarray(volume, dtype=float)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if bad.size:
        raise InputError(Problem(f"{where}, rows {bad[:5].tolist()}", "no volume", "0 cm3/m2 or more"))
    return values


def capsule_volume_cm3(height_mm: ArrayLike, width_mm: ArrayLike) -> FloatArray:
    """Return the volume of capsules taken as ellipsoids of revolution, pi/6 h w^2.

    Parameters
    ----------
    height_mm, width_mm : array_like, millimetres
        Outer height and diameter.

    Raises
    ------
    InputError
        If a size is negative or missing.

    Examples
    --------
    >>> capsule_volume_cm3(40, 35)
    array(25.656340)
    """
    height, width = _volumes(height_mm, "capsule height"), _volumes(width_mm, "capsule width")
    return np.asarray(math.pi / 6 * (height / 10) * (width / 10) ** 2)


def opium_yield_kg_ha(volume_cm3_m2: ArrayLike, curve: CapsuleCurve) -> FloatArray:
    """Return the yield of dry opium gum of one field or plot.

    Parameters
    ----------
    volume_cm3_m2 : array_like
        Volume of mature capsules, cm3 per m2 of field.
    curve : CapsuleCurve
        Coefficients.

    Returns
    -------
    ndarray
        kg/ha, same shape.

    Raises
    ------
    InputError
        If a volume is negative or missing.

    References
    ----------
    UNODC (2001), Guidelines for yield assessment of opium gum and coca leaf, ST/NAR/33.

    Examples
    --------
    >>> opium_yield_kg_ha([0, 500], CapsuleCurve.from_parameters())
    array([ 0.        , 27.945310])
    """
    volume = _volumes(volume_cm3_m2, "capsule volume")
    sum_ = volume + curve.shift
    root = np.sqrt(sum_**2 - curve.product * volume)
    # b VC / (c (s + root)) is the published difference s - root without its cancellation at small volumes
    return np.asarray(curve.product * volume / (curve.divisor * (sum_ + root)))


def yield_slope(volume_cm3_m2: ArrayLike, curve: CapsuleCurve) -> FloatArray:
    """Return dY/dVC, in kg/ha per cm3/m2: se(Y) is about this times se(VC)."""
    volume = _volumes(volume_cm3_m2, "capsule volume")
    sum_ = volume + curve.shift
    root = np.sqrt(sum_**2 - curve.product * volume)
    return np.asarray((1 - (sum_ - curve.product / 2) / root) / curve.divisor)


def capsule_volume_of_yield(yield_kg_ha: ArrayLike, curve: CapsuleCurve) -> FloatArray:
    """Return the capsule volume that gives a yield; the closed inverse of the curve.

    Squaring s - cY = sqrt(s^2 - b VC) with s = VC + a gives VC = Y (2a - cY) c / (b - 2cY).

    Raises
    ------
    InputError
        If a yield is negative, missing, or not below the asymptote.

    Examples
    --------
    >>> capsule_volume_of_yield(27.3, CapsuleCurve.from_parameters())
    array(484.838191)
    """
    yields = np.asarray(yield_kg_ha, dtype=float)
    bad = np.flatnonzero(~(np.isfinite(yields) & (yields >= 0) & (yields < curve.asymptote_kg_ha)))
    if bad.size:
        expected = f"0 to below {curve.asymptote_kg_ha:.4g} kg/ha"
        raise InputError(Problem(f"opium yield, rows {bad[:5].tolist()}", "a yield off the curve", expected))
    scaled = curve.divisor * yields
    return np.asarray(scaled * (2 * curve.shift - scaled) / (curve.product - 2 * scaled))


def field_yields(
    field: ArrayLike, volume_cm3_m2: ArrayLike, curve: CapsuleCurve
) -> tuple[NDArray[np.str_], FloatArray]:
    """Return each field's yield from the mean capsule volume of its plots.

    Parameters
    ----------
    field : array_like of str, shape (n_plots,)
        Field of each plot.
    volume_cm3_m2 : array_like, shape (n_plots,)
        Capsule volume of each plot.
    curve : CapsuleCurve
        Coefficients.

    Returns
    -------
    fields : ndarray of str
        Sorted.
    yields : ndarray
        kg/ha, one for each field.

    Raises
    ------
    InputError
        If the columns differ in length, or a volume is negative or missing.
    """
    names, volumes = np.asarray(field, dtype=np.str_), _volumes(volume_cm3_m2, "capsule volume")
    if names.shape != volumes.shape or names.ndim != 1:
        raise InputError(Problem("plots", f"shapes {names.shape} and {volumes.shape}", "two equal columns"))
    fields, member = np.unique(names, return_inverse=True)
    mean = np.bincount(member, weights=volumes) / np.bincount(member)
    return fields, opium_yield_kg_ha(mean, curve)


def regional_yield(yields_kg_ha: ArrayLike, *, region: str, level: float = 0.95) -> Estimate:
    """Return the mean yield of a region's fields with its standard error and Student limits.

    Parameters
    ----------
    yields_kg_ha : array_like, shape (n_fields,)
        Yields by field, fields drawn with equal chances; at least two.
    region : str
        Named in the method.
    level : float
        Nominal confidence level.

    Raises
    ------
    QualityGateError
        If there are fewer than two fields.
    """
    yields = _volumes(yields_kg_ha, f"yields of {region}")
    if yields.size < 2:
        found = f"{yields.size} field(s)"
        raise QualityGateError(Problem(f"yield of {region}", found, "two or more", "pool it with a like region"))
    value, df = float(yields.mean()), float(yields.size - 1)
    se = float(yields.std(ddof=1)) / math.sqrt(yields.size)
    half = float(t_quantile(level, df)) * se
    return Estimate(
        value=value,
        se=se,
        lo=max(value - half, 0.0),
        hi=value + half,
        n=int(yields.size),
        method=f"mean of field yields, {region}; t",
        level=level,
        df=df,
    )


def area_weighted_yield(areas_ha: ArrayLike, yields: list[Estimate]) -> Estimate:
    """Return the yield of several regions, each weighted with its area and the areas taken as known.

    Raises
    ------
    QualityGateError
        If there is no area, or as many areas as yields are not given.

    Examples
    --------
    >>> south = regional_yield([20.0, 24.0], region="south")
    >>> north = regional_yield([10.0, 14.0], region="north")
    >>> area_weighted_yield([300.0, 100.0], [south, north]).value
    19.5
    """
    areas = _volumes(areas_ha, "areas")
    if areas.size != len(yields) or areas.sum() <= 0:
        found = f"{areas.size} areas of {areas.sum():g} ha for {len(yields)} yields"
        raise QualityGateError(Problem("area-weighted yield", found, "one area for each yield, not all 0"))
    weights = areas / areas.sum()
    value = float(np.dot(weights, [one.value for one in yields]))
    se = math.hypot(*(weights * [one.se for one in yields]))
    return estimate_with_interval(
        value,
        se,
        n=sum(one.n for one in yields),
        method="area-weighted mean of regional yields",
        level=yields[0].level,
        within=(0.0, math.inf),
    )
