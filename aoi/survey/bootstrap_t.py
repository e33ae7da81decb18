"""Bootstrap-t: the distribution of the studentised estimate itself, for samples with few positive segments.

It is the random counterpart of `skew_interval`; the closed form there is the default because it gives the same
limits each time.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from aoi.survey.cluster import ClusterDesign
from aoi.survey.design import FloatArray
from aoi.survey.linearised import as_values
from aoi.survey.replicate import resample_counts
from aoi.survey.stages import Level
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["bootstrap_t_quantiles"]

BLOCK_CELLS = 2_000_000
"""Replicates times units held at once."""


def bootstrap_t_quantiles(
    design: ClusterDesign,
    influence: npt.ArrayLike,
    *,
    level: float = 0.95,
    replicates: int = 1999,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Return the quantiles of ``(estimate - truth) / se`` under the rescaled bootstrap of primary units.

    Parameters
    ----------
    design
        The sample.
    influence
        Influence of each row: the variable itself for a total, ``y - R x`` for a ratio, shape (n,).
    level
        Two-sided confidence level.
    replicates
        Number of replicates.
    rng
        Source of randomness.

    Returns
    -------
    tuple of float
        Lower and upper quantile, for `Linearised.estimate`. An infinite one says that too many replicates
        saw no crop at all for a limit to exist.

    Raises
    ------
    InputError
        If too few replicates are asked for to reach the tails of `level`.
    QualityGateError
        If the sample has no spread.

    References
    ----------
    Rao and Wu (1988), doi:10.1080/01621459.1988.10478591, section 2 (bootstrap-t).

    Examples
    --------
    >>> from aoi.survey.cluster import simple_random
    >>> y = np.r_[np.zeros(30), np.arange(1.0, 11.0)]
    >>> low, high = bootstrap_t_quantiles(simple_random(40, 4000), y, rng=np.random.default_rng(1))
    >>> low < -2.0 < 1.4 < high < 2.0
    True
    """
    needed = math.ceil(20 / (1 - level))
    if replicates < needed:
        raise InputError(Problem("replicates", str(replicates), f"{needed} or more, for both tails of {level:g}"))
    first = design.levels[0]
    units = first.unit_sums((design.weight * as_values(influence, design.weight.size))[:, None])[:, 0]
    if not _variance(first, units) > 0:
        raise QualityGateError("bootstrap-t: found no spread between primary units; expected some; sample more")
    block = max(1, BLOCK_CELLS // first.n_units)
    parts = [
        _studentised(first, units, resample_counts(first, min(block, replicates - start), rng))
        for start in range(0, replicates, block)
    ]
    found = np.quantile(np.concatenate(parts), [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(found[0]), float(found[1])


def _variance(level: Level, units: FloatArray) -> float:
    """Return the variance of the sum of unit totals."""
    centred = units - (np.bincount(level.group, weights=units) / level.count)[level.group]
    return float((level.scale[level.group] * centred**2).sum())


def _studentised(level: Level, units: FloatArray, counts: FloatArray) -> FloatArray:
    """Return each replicate's distance from the whole sample's total over its own standard error."""
    order = np.argsort(level.group, kind="stable")
    heads = np.concatenate([[0], np.cumsum(level.count)[:-1]])
    t, r = units[order], counts[:, order]
    n = level.count.astype(float)
    m = np.maximum(n - 1, 1)
    base = np.add.reduceat(t, heads) / n
    # Values around their stratum's mean keep the squares below from cancelling
    around = t - np.repeat(base, level.count)
    mean = np.add.reduceat(r * around, heads, axis=1) / m
    square = np.add.reduceat(r * around**2, heads, axis=1) / m
    keep = 1 - level.fraction
    distance = (np.sqrt(keep) * np.where(n > 1, n * mean, 0.0)).sum(axis=1)
    own = keep * n**2 * (square - mean**2) / np.maximum(m - 1, 1)
    # A pair leaves one unit in each replicate: it keeps the variance of the sample
    fixed = level.scale * np.add.reduceat(around**2, heads)
    variance = np.where(n > 2, own, fixed).sum(axis=1)
    sure = variance > 1e-12 * fixed.sum()
    studentised = distance / np.sqrt(np.where(sure, variance, 1.0))
    return np.asarray(np.where(sure, studentised, np.copysign(np.inf, distance)))
