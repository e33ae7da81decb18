"""Whether a design's interval can be read at its level: counts of units with crop, dominance, skewness.

All three are taken on primary units, which are what was drawn, and stratum by stratum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray
from aoi.survey.interval import jeffreys

__all__ = ["MAX_UNIT_SHARE", "MIN_POSITIVE_UNITS", "Reliability", "judge_units", "scarce_strata"]

MIN_POSITIVE_UNITS = 10
"""With fewer telling units than this in a stratum that matters, an interval cannot be trusted at its level."""

MAX_UNIT_SHARE = 0.25
"""With a larger share of the variance in one unit, an interval cannot be trusted at its level."""

TELLING = 0.5
"""A unit is telling when its influence is at least this share of a typical unit with crop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """What the count rule and the skewness say of an estimate."""

    low_count: bool
    """Whether a stratum that matters has too few telling units, or one unit has too much of the variance."""
    skewness: float
    """Estimated skewness of the estimator, which is not that of the units."""
    effective_units: float
    """Primary units, fewer where their weights are unequal (Kish 1965, section 11.7)."""
    one_sided: bool = False
    """Whether the estimate is a plain expansion of amounts none of which is negative.

    Then large units lengthen the upper tail alone, and value and standard error rise together. The errors of a
    map, and what calibration or neighbours leave, are of either sign: which tail is longer is a guess.
    """


def judge_units(
    influence: FloatArray,
    amount: FloatArray,
    weight: FloatArray,
    *,
    group: IntArray,
    fraction: FloatArray,
) -> Reliability:
    """Judge an estimate from its primary units.

    Parameters
    ----------
    influence
        Weighted influence of each unit, shape (units,).
    amount
        Weighted survey variable of each unit, in the same unit as the influence, shape (units,).
    weight
        Weight of each unit, shape (units,).
    group
        Stratum code of each unit, shape (units,).
    fraction
        Sampling fraction of each unit, shape (units,); units of fraction one carry no sampling error.

    Returns
    -------
    Reliability

    Notes
    -----
    Telling units are those whose influence is at least half of the unit in which a typical hectare lies: the
    segments with crop in an expansion, the large errors of the map in a map-assisted estimate. Where few were
    seen, the sample does not know how many there are, however small its variance is. A stratum matters when it
    holds more than a quarter of the squared reaches, each the stratum's units times the distance from the share
    of telling units to its upper Jeffreys limit.

    The third cumulant of a sum of n units drawn without replacement is ``n (1 - f)(1 - 2f) k_3``, with the
    third k-statistic of the stratum's units (approximately; Cochran 1977, section 2.15).

    Examples
    --------
    >>> units = np.array([0.0, 0.0, 0.0, 8.0])
    >>> found = judge_units(units, units, np.ones(4), group=np.zeros(4, int), fraction=np.zeros(4))
    >>> found.low_count, found.skewness
    (True, 1.0)
    """
    random = fraction < 1
    if not random.any():
        return Reliability(low_count=False, skewness=0.0, effective_units=float(weight.size))
    z, w, f = influence[random], weight[random], fraction[random]
    codes = np.unique(group[random], return_inverse=True)[1]
    n = np.bincount(codes)[codes].astype(float)
    centred = z - (np.bincount(codes, weights=z) / np.bincount(codes))[codes]
    parts = (1 - f) * n / np.maximum(n - 1, 1) * centred**2
    cubes = (1 - f) * (1 - 2 * f) * n**2 / np.maximum((n - 1) * (n - 2), 1) * centred**3
    variance = float(parts.sum())
    dominated = variance > 0 and float(parts.max()) > MAX_UNIT_SHARE * variance
    scarce = scarce_strata(z / w, amount[random] / w, w * np.sqrt(1 - f), codes=codes)
    return Reliability(
        low_count=bool(scarce.any()) or dominated,
        skewness=float(cubes[n > 2].sum()) / variance**1.5 if variance > 0 else 0.0,
        effective_units=float(w.sum() ** 2 / (w**2).sum()),
        one_sided=bool((z >= 0).all()) and np.array_equal(z, amount[random]),
    )


def scarce_strata(
    influence: FloatArray, amount: FloatArray, weight: FloatArray, *, codes: IntArray
) -> npt.NDArray[np.bool_]:
    """Say which strata matter and have too few telling units.

    Parameters
    ----------
    influence, amount
        Influence and survey variable of each unit, unweighted, shape (units,).
    weight
        What each unit stands for, shape (units,).
    codes
        Stratum of each unit, 0 to H - 1, shape (units,).

    Returns
    -------
    ndarray of bool
        Shape (H,); all of them where no unit has crop.
    """
    n = np.bincount(codes).astype(float)
    crop = float(np.abs(amount).sum())
    if crop == 0:
        return np.ones(n.size, dtype=bool)
    # The unit in which a typical hectare of crop lies: many small units must not make it small
    typical = float((amount**2).sum()) / crop
    telling = np.abs(influence) >= TELLING * typical
    seen = np.bincount(codes[telling], minlength=n.size).astype(float)
    reach = np.bincount(codes, weights=weight) * (jeffreys(seen, n).hi - seen / n)
    matters = reach**2 >= MAX_UNIT_SHARE * float((reach**2).sum())
    return np.asarray(matters & (seen < MIN_POSITIVE_UNITS))
