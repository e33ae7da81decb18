"""Limits of an estimate whose sampling distribution is skewed, as that of a rare crop is.

A t interval of a rare crop misses nearly always on one side: samples that caught little crop also show little
variance. The skewness of the estimator says by how much the upper limit must rise and the lower one may.
"""

from __future__ import annotations

import numpy as np

__all__ = ["skew_limits"]

NEGLIGIBLE_SKEWNESS = 1e-8
"""Below this the transformation loses all digits and equals the t interval to within them."""


def skew_limits(value: float, se: float, *, skewness: float, quantile: float) -> tuple[float, float]:
    """Return limits corrected for skewness by Hall's transformation.

    Parameters
    ----------
    value, se
        Estimate and standard error.
    skewness
        Skewness of the estimator.
    quantile
        Two-sided Student quantile of the level.

    Returns
    -------
    tuple of float
        Lower and upper limit; the t interval where the skewness is zero.

    Notes
    -----
    With ``T = (estimate - truth) / se``, ``g(T) = T + s T^2/3 + s^2 T^3/27 + s/6`` is nearly free of skewness
    s; the limits are those of the inverse, ``3 ((1 + s (q - s/6))^(1/3) - 1) / s``.

    References
    ----------
    Hall (1992), Journal of the Royal Statistical Society B 54, 221-228 (removal of skewness by transformation).

    Examples
    --------
    >>> skew_limits(10.0, 2.0, skewness=0.0, quantile=2.0)
    (6.0, 14.0)
    >>> skew_limits(10.0, 2.0, skewness=0.5, quantile=2.0)
    (6.986679, 26.160168)
    """
    if abs(skewness) < NEGLIGIBLE_SKEWNESS:
        return value - quantile * se, value + quantile * se
    low, high = (
        3 * (float(np.cbrt(1 + skewness * (q - skewness / 6))) - 1) / skewness for q in (-quantile, quantile)
    )
    return value - high * se, value - low * se
