"""The interval of a stratified area: which method for this design and these counts, and its limits.

The default is chosen by simulation (docs/methods/intervals.md): MOVER where four strata or fewer hold the class,
with mid-p limits where a stratum that matters saw it in fewer than ten units and Jeffreys limits elsewhere; the
gamma limits where there are more strata or hardly any unit of the class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray
from aoi.survey.gamma_interval import gamma_bounds
from aoi.survey.interval import Bounds, clopper_pearson, jeffreys, mid_p, mover_sum, t_quantile, wilson
from geo.errors import InputError, Problem

__all__ = [
    "IntervalMethod",
    "Strata",
    "default_methods",
    "interval_methods",
    "low_count",
    "stratified_interval",
]

IntervalMethod = Literal[
    "mover-jeffreys", "mover-midp", "mover-clopper", "mover-wilson", "gamma", "gamma-midp", "wald", "t"
]
"""How the limits of a stratified area are made."""

ALIASES: dict[str, IntervalMethod] = {
    "mover": "mover-jeffreys",
    "mover-jeffreys": "mover-jeffreys",
    "jeffreys": "mover-jeffreys",
    "mover-midp": "mover-midp",
    "midp": "mover-midp",
    "mid-p": "mover-midp",
    "mover-clopper": "mover-clopper",
    "mover-clopper-pearson": "mover-clopper",
    "clopper": "mover-clopper",
    "clopper-pearson": "mover-clopper",
    "exact": "mover-clopper",
    "mover-wilson": "mover-wilson",
    "wilson": "mover-wilson",
    "gamma": "gamma",
    "fay-feuer": "gamma",
    "gamma-midp": "gamma-midp",
    "wald": "wald",
    "normal": "wald",
    "z": "wald",
    "t": "t",
}

ONE_STRATUM: dict[str, Callable[[npt.ArrayLike, npt.ArrayLike, float], Bounds]] = {
    "mover-jeffreys": jeffreys,
    "mover-midp": mid_p,
    "mover-clopper": clopper_pearson,
    "mover-wilson": wilson,
}

FEW_UNITS = 10
"""Units of the class below which a stratum's count is small."""
MATERIAL_SHARE = 0.25
"""Share of the squared half-width (or of the variance) from which a stratum (or a unit) matters."""
FEW_STRATA = 4
"""Most strata for which MOVER is the default."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strata:
    """What an interval needs to know of each stratum."""

    areas_ha: FloatArray
    """Area, A_h, in hectares, shape (H,)."""
    sizes: FloatArray
    """Units, N_h, shape (H,)."""
    counts: FloatArray
    """Sampled units, n_h, shape (H,); or effective sample sizes, one column for each area, shape (H, K)."""
    fpc: bool
    """Whether half-widths shrink by sqrt(1 - n_h/N_h). A census stratum always has none."""
    possible: npt.NDArray[np.bool_] | None = None
    """Where an area can lie at all, shape (H, K): a domain has no limits in strata outside it. None: anywhere."""

    @property
    def n(self) -> FloatArray:
        """Sample sizes as columns, shape (H, 1) or (H, K)."""
        return self.counts if self.counts.ndim == 2 else self.counts[:, None]

    @property
    def shrink(self) -> FloatArray:
        """Factor of each stratum's half-width: the finite population correction, shape (H, 1) or (H, K)."""
        kept = 1.0 - self.n / self.sizes[:, None]
        factor = np.sqrt(np.maximum(kept, 0.0)) if self.fpc else (kept > 0).astype(float)
        return np.asarray(factor if self.possible is None else factor * self.possible, dtype=float)

    def of_columns(self, at: npt.NDArray[np.bool_]) -> Strata:
        """Return what some of the columns need."""
        counts = self.counts if self.counts.ndim == 1 else self.counts[:, at]
        return replace(self, counts=counts, possible=None if self.possible is None else self.possible[:, at])


def interval_methods(name: str, x: FloatArray, strata: Strata, se: FloatArray) -> list[IntervalMethod]:
    """Return the interval method of each column that a user's word stands for.

    Parameters
    ----------
    name
        A method or ``default``, which chooses by the design and the counts.
    x, strata, se
        As in `stratified_interval`.

    Returns
    -------
    list
        One method for each of the K columns.

    Raises
    ------
    InputError
        If the word names no method.
    """
    word = name.lower()
    if word == "default":
        return default_methods(x, strata, se)
    if word not in ALIASES:
        raise InputError(Problem("interval", repr(name), "one of default, " + ", ".join(ALIASES)))
    return [ALIASES[word]] * x.shape[1]


def default_methods(x: FloatArray, strata: Strata, se: FloatArray) -> list[IntervalMethod]:
    """Choose the interval of each column by the design and the counts.

    Parameters
    ----------
    x
        Sampled units of the class in each stratum, shape (H, K).
    strata
        The strata's areas, sizes and sample sizes.
    se
        Standard error of each area, shape (K,).

    Returns
    -------
    list
        One method for each column.
    """
    values = (strata.areas_ha[:, None] * x / strata.n).sum(axis=0)
    # squared inverse coefficient of variation: how many units of equal weight would vary as much
    scarce = values**2 < FEW_UNITS * se**2
    scarce |= values == 0
    few = few_in_material_stratum(x, strata) | scarce
    many = (np.broadcast_to(strata.shrink, x.shape) > 0).sum(axis=0) > FEW_STRATA
    return [_chosen(many=bool(many[k]), scarce=bool(scarce[k]), few=bool(few[k])) for k in range(x.shape[1])]


def _chosen(*, many: bool, scarce: bool, few: bool) -> IntervalMethod:
    """Return the method for many or few strata, hardly any units, and few units where it matters."""
    if many:
        return "gamma" if few else "gamma-midp"
    if scarce:
        return "gamma"
    return "mover-midp" if few else "mover-jeffreys"


def stratified_interval(
    x: FloatArray, strata: Strata, se: FloatArray, *, methods: Sequence[IntervalMethod], level: float
) -> Bounds:
    """Return the limits of stratified areas ``sum_h A_h x_h / n_h``, never outside what is possible.

    Parameters
    ----------
    x
        Sampled units of the class in each stratum, shape (H, K).
    strata
        The strata's areas, sizes and sample sizes.
    se
        Standard error of each area in hectares, shape (K,); used by ``wald`` and ``t`` only.
    methods
        Interval of each column, from `interval_methods`.
    level
        Two-sided confidence level.

    Returns
    -------
    Bounds
        Limits in hectares, shape (K,): not below the area of the class seen in the sample, not above the
        frame less the area seen not to be of the class.
    """
    df = float((strata.counts - 1).sum())
    return within_possible(method_bounds(x, strata, se, methods=methods, level=level, df=df), x, strata)


def method_bounds(
    x: FloatArray,
    strata: Strata,
    se: FloatArray,
    *,
    methods: Sequence[IntervalMethod],
    level: float,
    df: float,
) -> Bounds:
    """Return limits as their methods give them, before they are cut to what is possible.

    Parameters
    ----------
    x, strata, se, methods, level
        As in `stratified_interval`; `x` may be effective counts.
    df
        Degrees of freedom of the method ``t``.

    Returns
    -------
    Bounds
        Limits in hectares, shape (K,).
    """
    names = np.array(methods)
    bounds = Bounds(np.empty(x.shape[1]), np.empty(x.shape[1]))
    for name in dict.fromkeys(methods):
        at = names == name
        if name in ("wald", "t"):
            value = (strata.areas_ha[:, None] * x / strata.n).sum(axis=0)[at]
            half = t_quantile(level, df if name == "t" else np.inf) * se[at]
            bounds.lo[at], bounds.hi[at] = value - half, value + half
        else:
            bounds.lo[at], bounds.hi[at] = _count_bounds(x[:, at], strata.of_columns(at), name, level)
    return bounds


def _count_bounds(x: FloatArray, strata: Strata, method: IntervalMethod, level: float) -> Bounds:
    """Return the limits that a method makes of the counts alone."""
    areas, counts, shrink = strata.areas_ha[:, None], strata.n, strata.shrink
    if method in ("gamma", "gamma-midp"):
        mid = method == "gamma-midp"
        return gamma_bounds(x, counts, areas, shrink=shrink, level=level, mid=mid)
    one = ONE_STRATUM[method](x, counts, level)
    return mover_sum(areas * x / counts, Bounds(areas * one.lo, areas * one.hi), shrink)


def within_possible(bounds: Bounds, x: FloatArray, strata: Strata) -> Bounds:
    """Cut limits to what the sample itself proves: the class units seen, and the others seen."""
    can = np.ones_like(x) if strata.possible is None else strata.possible.astype(float)
    unit_ha = (strata.areas_ha / strata.sizes)[:, None]
    seen = (unit_ha * x).sum(axis=0)
    excluded = (unit_ha * (strata.n - x) * can).sum(axis=0)
    return Bounds(np.maximum(bounds.lo, seen), np.minimum(bounds.hi, strata.areas_ha @ can - excluded))


def few_in_material_stratum(x: FloatArray, strata: Strata) -> npt.NDArray[np.bool_]:
    """Say whether a stratum that matters has few units of the class, or few that are not of it.

    A stratum matters when it holds more than a quarter of the squared half-width, above or below.
    """
    areas, counts = strata.areas_ha[:, None], strata.n
    one, scale = jeffreys(x, counts), areas * strata.shrink
    few = np.zeros(x.shape[1], dtype=bool)
    for half, seen in ((one.hi - x / counts, x), (x / counts - one.lo, counts - x)):
        squared = (scale * np.maximum(half, 0.0)) ** 2
        matters = squared > MATERIAL_SHARE * squared.sum(axis=0)
        few |= (matters & (seen < FEW_UNITS)).any(axis=0)
    return few


def low_count(x: FloatArray, strata: Strata) -> npt.NDArray[np.bool_]:
    """Say which areas rest on few units, so that their level is not to be printed bare.

    The rule fires when a stratum that matters has fewer than ten units of the class (or not of it), or when
    one sampled unit carries more than a quarter of the estimated variance.

    Parameters
    ----------
    x
        Sampled units of the class in each stratum, shape (H, K).
    strata
        The strata's areas, sizes and sample sizes.

    Returns
    -------
    ndarray of bool
        Shape (K,).
    """
    return np.asarray(few_in_material_stratum(x, strata) | (largest_unit_share(x, strata) > MATERIAL_SHARE))


def largest_unit_share(x: FloatArray, strata: Strata) -> FloatArray:
    """Return the largest share of one sampled unit in the estimated variance of each area, shape (K,)."""
    areas, counts = strata.areas_ha[:, None], strata.n
    p = x / counts
    factor = (areas * strata.shrink) ** 2 / (counts * np.maximum(counts - 1, 1))
    total = (factor * counts * p * (1 - p)).sum(axis=0)
    deviation = np.where((x > 0) & (x < counts), np.maximum(p, 1 - p), 0.0)
    biggest = (factor * deviation**2).max(axis=0)
    return np.asarray(np.divide(biggest, total, out=np.zeros_like(total), where=total > 0), dtype=float)
