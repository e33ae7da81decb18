"""Replicate variances: the rescaled bootstrap of Rao and Wu, and the delete-one-unit jackknife.

Replicates are made of unit totals, never of rows, and a statistic is any vectorised function of totals: ten
thousand replicates of five thousand segments take seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aoi.survey.cluster import ClusterDesign
from aoi.survey.design import FloatArray
from aoi.survey.linearised import as_columns
from aoi.survey.stages import Level
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["Replicates", "Statistic", "bootstrap", "bootstrap_totals", "jackknife", "resample_counts"]

Statistic = Callable[[FloatArray], npt.ArrayLike]
"""A function of totals, shape (..., k), that returns one number for each set of totals, shape (...)."""

BLOCK_CELLS = 4_000_000
"""Replicates times units held at once: 32 MB of doubles."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replicates:
    """A statistic, its replicates, and the variance they give."""

    value: float
    """The statistic of the whole sample."""
    replicates: FloatArray
    """The statistic of each replicate, shape (R,)."""
    variance: float
    """Replicate variance."""
    df: float
    """Degrees of freedom of the design."""
    method: str
    """Replication method."""

    @property
    def se(self) -> float:
        """Standard error."""
        return float(np.sqrt(self.variance))


def bootstrap(
    design: ClusterDesign,
    values: npt.ArrayLike,
    *,
    statistic: Statistic,
    replicates: int = 1000,
    rng: np.random.Generator,
) -> Replicates:
    """Replicate a statistic by the rescaled bootstrap.

    Parameters
    ----------
    design
        The sample; finite population corrections of every stage are kept.
    values
        Variables whose totals the statistic needs, shape (n,) or (n, k).
    statistic
        Function of totals, such as ``lambda t: t[..., 0] / t[..., 1]``.
    replicates
        Number of replicates.
    rng
        Source of randomness.

    Returns
    -------
    Replicates
        Its variance is that of the replicates around their mean.

    Raises
    ------
    InputError
        If fewer than two replicates are asked for.
    QualityGateError
        If a stratum has a lone unit whose policy has no replicate, or a replicate has no finite value.

    References
    ----------
    Rao and Wu (1988), Journal of the American Statistical Association 83, 231-241,
    doi:10.1080/01621459.1988.10478591, sections 2 and 4.

    Examples
    --------
    >>> from aoi.survey.cluster import simple_random
    >>> design = simple_random(4, 40)
    >>> found = bootstrap(design, [1.0, 2.0, 3.0, 6.0], statistic=lambda t: t[..., 0] / 40,
    ...                   replicates=50, rng=np.random.default_rng(1))
    >>> found.value, found.replicates.shape
    (3.0, (50,))
    """
    if replicates < 2:
        raise InputError(Problem("replicates", str(replicates), "two or more"))
    totals = bootstrap_totals(design, values, replicates=replicates, rng=rng)
    return _replicated(
        np.asarray(statistic(totals), dtype=float),
        value=float(np.asarray(statistic(design.weight @ as_columns(values)))),
        scale=np.full(replicates, 1 / (replicates - 1)),
        df=design.df,
        method=f"Rao-Wu bootstrap, {replicates} replicates",
    )


def bootstrap_totals(
    design: ClusterDesign, values: npt.ArrayLike, *, replicates: int, rng: np.random.Generator
) -> FloatArray:
    """Return replicate totals whose variance over draws is the design's linearised variance.

    Parameters
    ----------
    design, values, replicates, rng
        As for `bootstrap`.

    Returns
    -------
    ndarray
        Weighted totals of each replicate, shape (R, k).

    Notes
    -----
    At each stage ``n - 1`` of the n units of a stratum are drawn with replacement, r_u times each, and the
    total moves by ``sqrt(carry (1 - f)) sum_u (n r_u / (n - 1) - 1) t_u``, where `carry` is the product of the
    sampling fractions of the stages before. Rao and Wu (1988), sections 2 and 4, with the choice
    ``m = n - 1``.
    """
    weighted = design.weight[:, None] * as_columns(values)
    totals = np.tile(weighted.sum(axis=0), (replicates, 1))
    for level in design.levels:
        moving = np.sqrt(level.carry * (1 - level.fraction))
        if not (moving > 0).any():
            continue
        _require_replicable(level, design.lonely)
        unit_totals = level.unit_sums(weighted)
        block = max(1, BLOCK_CELLS // level.n_units)
        for start in range(0, replicates, block):
            rows = min(block, replicates - start)
            counts = resample_counts(level, rows, rng)
            n = level.count[level.group]
            change = moving[level.group] * np.where(n > 1, counts * (n / np.maximum(n - 1, 1)) - 1, 0.0)
            totals[start : start + rows] += change @ unit_totals
    return totals


def resample_counts(level: Level, replicates: int, rng: np.random.Generator) -> FloatArray:
    """Draw n - 1 units with replacement from each stratum and count how often each was drawn.

    Parameters
    ----------
    level
        A counted stage.
    replicates
        Number of draws.
    rng
        Source of randomness.

    Returns
    -------
    ndarray
        Shape (R, units); zero for the unit of a one-unit stratum.
    """
    order = np.argsort(level.group, kind="stable")
    first = np.concatenate([[0], np.cumsum(level.count)[:-1]])
    drawn = np.zeros((replicates, level.n_units))
    for size in np.unique(level.count[level.count > 1]):
        # Strata of one size are drawn together
        heads = first[level.count == size]
        position = rng.integers(size, size=(replicates, heads.size, size - 1)) + heads[:, None]
        row = np.arange(replicates)[:, None] * level.n_units
        flat = (position.reshape(replicates, -1) + row).ravel()
        drawn += np.bincount(flat, minlength=drawn.size).reshape(drawn.shape)
    counts = np.empty_like(drawn)
    counts[:, order] = drawn
    return counts


def jackknife(design: ClusterDesign, values: npt.ArrayLike, *, statistic: Statistic) -> Replicates:
    """Replicate a statistic by leaving out one primary unit at a time (JK1, and JKn with strata).

    Parameters
    ----------
    design
        The sample; the first stage's finite population correction is kept.
    values
        Variables whose totals the statistic needs, shape (n,) or (n, k).
    statistic
        Function of totals.

    Returns
    -------
    Replicates
        One replicate for each primary unit of a stratum with two or more.

    Raises
    ------
    QualityGateError
        If later stages add to the variance, which leaving out primary units does not see, or a stratum has a
        lone unit whose policy has no replicate.

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, section 4.5; centred on the mean of all replicates.
    """
    level = design.levels[0]
    _require_replicable(level, design.lonely)
    if any((later.carry * (1 - later.fraction) > 0).any() for later in design.levels[1:]):
        raise QualityGateError(
            "jackknife: found a finite population correction at the first of several stages; expected none, "
            "because leaving out primary units does not see the later stages; use bootstrap, or leave the "
            "correction out (population=None)"
        )
    weighted = design.weight[:, None] * as_columns(values)
    whole, units = weighted.sum(axis=0), level.unit_sums(weighted)
    sums = np.stack([np.bincount(level.group, weights=column) for column in units.T], axis=1)
    n = level.count[level.group].astype(float)
    used = n > 1
    # The others of the stratum take over the weight of the unit left out
    change = (sums[level.group] - n[:, None] * units)[used] / (n[used, None] - 1)
    scale = (1 - level.fraction[level.group][used]) * (n[used] - 1) / n[used]
    return _replicated(
        np.asarray(statistic(whole + change), dtype=float),
        value=float(np.asarray(statistic(whole))),
        scale=scale,
        df=design.df,
        method="jackknife " + ("JK1" if level.n_groups == 1 else "JKn"),
    )


def _replicated(replicates: FloatArray, *, value: float, scale: FloatArray, df: float, method: str) -> Replicates:
    """Gather replicates and their variance around their mean."""
    broken = int((~np.isfinite(replicates)).sum())
    if broken:
        raise QualityGateError(
            f"{method}: found {broken} of {replicates.size} replicates without a finite value; expected none; "
            "a denominator is empty in some replicates, use a larger domain"
        )
    variance = float((scale * (replicates - replicates.mean()) ** 2).sum())
    return Replicates(value=value, replicates=replicates, variance=variance, df=df, method=method)


def _require_replicable(level: Level, lonely: str) -> None:
    """Refuse lone units under a policy that gives them a variance replicates cannot show."""
    if lonely in ("adjust", "center", "average") and level.is_lonely.any():
        raise QualityGateError(
            f"{level.name}: found lone units with the policy {lonely!r}; expected none, or remove or certainty; "
            "merge their strata beforehand"
        )
