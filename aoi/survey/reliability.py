"""Whether a design's interval can be read at its level: counts of units with crop, dominance, skewness.

All three are taken on primary units, which are what was drawn, and stratum by stratum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray

__all__ = ["MAX_UNIT_SHARE", "MIN_POSITIVE_UNITS", "Reliability", "judge_units"]

MIN_POSITIVE_UNITS = 10
"""With fewer units with crop than this in a stratum, an interval cannot be trusted at its level."""

MAX_UNIT_SHARE = 0.25
"""With a larger share of the variance in one unit, an interval cannot be trusted at its level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """What the count rule and the skewness say of an estimate."""

    low_count: bool
    """Whether a stratum has too few units with crop, or one unit too much of the variance."""
    skewness: float
    """Estimated skewness of the estimator, which is not that of the units."""
    effective_units: float
    """Primary units, fewer where their weights are unequal (Kish 1965, section 11.7)."""


def judge_units(
    influence: FloatArray,
    weight: FloatArray,
    *,
    positive: npt.NDArray[np.bool_],
    group: IntArray,
    fraction: FloatArray,
) -> Reliability:
    """Judge an estimate from its primary units.

    Parameters
    ----------
    influence
        Weighted influence of each unit, shape (units,).
    weight
        Weight of each unit, shape (units,).
    positive
        Whether crop was seen in it, shape (units,).
    group
        Stratum code of each unit, shape (units,).
    fraction
        Sampling fraction of each unit, shape (units,); units of fraction one carry no sampling error.

    Returns
    -------
    Reliability

    Notes
    -----
    The third cumulant of a sum of n units drawn without replacement is ``n (1 - f)(1 - 2f) k_3``, with the
    third k-statistic of the stratum's units (approximately; Cochran 1977, section 2.15).

    Examples
    --------
    >>> units = np.array([0.0, 0.0, 0.0, 8.0])
    >>> found = judge_units(units, np.ones(4), positive=units > 0, group=np.zeros(4, int),
    ...                     fraction=np.zeros(4))
    >>> found.low_count, found.skewness
    (True, 1.0)
    """
    random = fraction < 1
    if not random.any():
        return Reliability(low_count=False, skewness=0.0, effective_units=float(weight.size))
    z, codes = influence[random], np.unique(group[random], return_inverse=True)[1]
    n = np.bincount(codes)[codes].astype(float)
    centred = z - (np.bincount(codes, weights=z) / np.bincount(codes))[codes]
    f = fraction[random]
    parts = (1 - f) * n / np.maximum(n - 1, 1) * centred**2
    cubes = (1 - f) * (1 - 2 * f) * n**2 / np.maximum((n - 1) * (n - 2), 1) * centred**3
    variance = float(parts.sum())
    third = float(cubes[n > 2].sum())
    seen = np.bincount(codes, weights=positive[random])
    scarce = bool((seen < MIN_POSITIVE_UNITS).any())
    dominated = variance > 0 and float(parts.max()) > MAX_UNIT_SHARE * variance
    w = weight[random]
    return Reliability(
        low_count=scarce or dominated,
        skewness=third / variance**1.5 if variance > 0 else 0.0,
        effective_units=float(w.sum() ** 2 / (w**2).sum()),
    )
