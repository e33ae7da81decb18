"""One-, two- and many-stage samples with strata: linearised variance stage by stage.

A segment is the unit that was drawn; the pixels or fields inside it are not independent of each other. The
variance is that of unit totals at each stage, with the population count of that stage, and the degrees of
freedom are those of the first stage (primary units less strata).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray, raise_all
from aoi.survey.linearised import as_columns
from aoi.survey.reliability import Reliability, judge_units
from aoi.survey.stages import Level, Stage, build_levels
from geo.errors import Problem, QualityGateError

__all__ = ["ClusterDesign", "LonelyUnit", "Stage", "simple_random", "stratified_random"]

LonelyUnit = Literal["refuse", "remove", "certainty", "adjust", "center", "average"]
"""Policy for a stratum from which one unit was drawn, though it holds more.

``refuse`` stops (the default); ``remove`` leaves it out of the variance; ``certainty`` takes it for
self-representing, so that its later stages count in full; ``adjust`` takes its squared total (R `survey`);
``center`` takes its squared distance from the mean unit of the stage; ``average`` gives it the mean variance
of the other strata. Lumley (2004), Journal of Statistical Software 9(8).
"""

LONELY_POLICIES: tuple[str, ...] = ("refuse", "remove", "certainty", "adjust", "center", "average")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterDesign:
    """A stratified multistage sample: weights, stages, and what to do with a lone unit.

    Raises
    ------
    InputError
        If weights are not positive numbers, labels are missing, or a population is smaller than its sample.
    QualityGateError
        If a stratum has one unit and `lonely` is ``refuse``.

    References
    ----------
    Sarndal, Swensson and Wretman (1992), result 4.3.1; Lumley (2004), doi:10.18637/jss.v009.i08.

    Examples
    --------
    Two of five segments, in each two of four pixels:

    >>> design = ClusterDesign(
    ...     weight=[5.0, 5.0, 5.0, 5.0],
    ...     stages=[
    ...         Stage(unit=["a", "a", "b", "b"], population=5),
    ...         Stage(unit=[1, 2, 1, 2], population=4),
    ...     ],
    ... )
    >>> design.n_primary, design.df
    (2, 1.0)
    """

    weight: FloatArray
    """Design weight of each row, the inverse of its inclusion probability, shape (n,)."""
    stages: Sequence[Stage]
    """The stages of the draw, first stage first."""
    lonely: LonelyUnit = "refuse"
    """What to do with a stratum of one drawn unit."""
    levels: tuple[Level, ...] = field(init=False, repr=False)
    """The stages with their units counted."""

    def __post_init__(self) -> None:
        weight = np.array(self.weight, dtype=float)
        problems = _weight_problems(weight)
        if self.lonely not in LONELY_POLICIES:
            problems.append(
                Problem("policy for lone units", repr(self.lonely), "one of " + ", ".join(LONELY_POLICIES))
            )
        if not self.stages:
            problems.append(Problem("design", "no stage", "at least the primary units"))
        raise_all(problems)
        weight.setflags(write=False)
        levels = build_levels(self.stages, weight.size, certainty=self.lonely == "certainty")
        object.__setattr__(self, "weight", weight)
        object.__setattr__(self, "stages", tuple(self.stages))
        object.__setattr__(self, "levels", levels)
        if self.lonely == "refuse":
            raise_all((), [problem for level in levels for problem in level.lonely_problems()])

    @property
    def n_primary(self) -> int:
        """Number of primary units drawn."""
        return self.levels[0].n_units

    @property
    def n_strata(self) -> int:
        """Number of first-stage strata."""
        return self.levels[0].n_groups

    @property
    def df(self) -> float:
        """Primary units less strata; a stratum drawn whole counts with its second stage instead."""
        return float(sum(level.df for level in self.levels))

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator, with whatever policy departs from the default."""
        corrected = ["FPC" if level.finite else "no FPC" for level in self.levels]
        policy = "" if self.lonely == "refuse" else f", lone units: {self.lonely}"
        return f"linearised, {len(self.levels)}-stage ({', '.join(corrected)}{policy})"

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of the weighted totals of the columns of `values`.

        Parameters
        ----------
        values
            Unweighted values or influences, shape (n,) or (n, k).

        Returns
        -------
        ndarray
            Shape (k, k).
        """
        weighted = self.weight[:, None] * as_columns(values)
        terms = [_level_covariance(level, weighted, self.lonely) for level in self.levels]
        return np.asarray(sum(terms[1:], terms[0]))

    def domain_variance(self, values: FloatArray, domain: IntArray) -> FloatArray:
        """Estimate the variance of the total of every domain, rows outside it counting as zero.

        Parameters
        ----------
        values
            One variable, shape (n,).
        domain
            Domain code of each row, 0 to D - 1, shape (n,).

        Returns
        -------
        ndarray
            Variance of each domain's total, shape (D,).
        """
        if self.lonely in ("adjust", "center", "average"):
            columns = np.equal.outer(domain, np.arange(domain.max() + 1))
            return np.diag(self.covariance(values[:, None] * columns)).copy()
        weighted = self.weight * values
        terms = [level.domain_variance(weighted, domain) for level in self.levels]
        return np.asarray(sum(terms[1:], terms[0]))

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge an estimate by its primary units: those with crop, the largest, the skewness."""
        level = self.levels[0]
        columns = np.column_stack([influence, np.abs(observed), np.ones_like(observed)])
        influences, amounts, weights = level.unit_sums(self.weight[:, None] * columns).T
        return judge_units(influences, amounts, weights, group=level.group, fraction=level.fraction[level.group])


def simple_random(n: int, population: int) -> ClusterDesign:
    """Make the design of a simple random sample without replacement.

    Parameters
    ----------
    n, population
        Sampled units, and units in the frame.

    Returns
    -------
    ClusterDesign

    Examples
    --------
    >>> simple_random(4, 40).df
    3.0
    """
    return stratified_random(np.zeros(n, dtype=np.int64), np.full(n, population))


def stratified_random(
    stratum: npt.ArrayLike, population: npt.ArrayLike, *, lonely: LonelyUnit = "refuse"
) -> ClusterDesign:
    """Make the design of a stratified simple random sample, each row a unit of its own.

    Parameters
    ----------
    stratum
        Stratum of each unit, shape (n,).
    population
        Units in the frame of that stratum, shape (n,).
    lonely
        Policy for a stratum with one unit.

    Returns
    -------
    ClusterDesign
        Weights are ``N_h / n_h``.
    """
    codes, counts = np.unique(np.asarray(stratum), return_inverse=True, return_counts=True)[1:]
    size = np.asarray(population, dtype=float)
    return ClusterDesign(
        weight=size / counts[codes],
        stages=[Stage(unit=np.arange(codes.size), stratum=stratum, population=size)],
        lonely=lonely,
    )


def _level_covariance(level: Level, weighted: FloatArray, lonely: LonelyUnit) -> FloatArray:
    """Estimate one stage's covariance of the column sums, shape (k, k)."""
    centred = level.centred(weighted)
    covariance = (centred * level.scale[level.group, None]).T @ centred
    alone = level.is_lonely
    if not alone.any() or lonely in ("remove", "certainty"):
        return np.asarray(covariance)
    if lonely == "average":
        # The lone strata get the mean of those that have a variance; a census has none to share
        drawn = int((level.fraction < 1).sum())
        with_variance = drawn - int(alone.sum())
        if with_variance == 0:
            raise QualityGateError(
                f"{level.name}: found one unit in every stratum; expected a stratum with two, to take the mean "
                "variance of; draw more units"
            )
        return np.asarray(covariance * drawn / with_variance)
    units = level.unit_sums(weighted)
    centre = units.mean(axis=0) if lonely == "center" else 0.0
    single = alone[level.group]
    rest = (units - centre)[single]
    factor = (level.carry * (1 - level.fraction))[level.group][single]
    return np.asarray(covariance + (rest * factor[:, None]).T @ rest)


def _weight_problems(weight: FloatArray) -> list[Problem]:
    """List what is wrong with the weights."""
    if weight.ndim != 1 or weight.size == 0:
        return [Problem("weight", f"shape {weight.shape}", "one weight for each sample row")]
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight > 0)))
    if not bad.size:
        return []
    return [
        Problem(
            "weight",
            f"{bad.size} rows whose weight is not a positive number (first rows {bad[:5].tolist()})",
            "the inverse of each row's inclusion probability",
            "a unit that could not be drawn is not in the sample",
        )
    ]
