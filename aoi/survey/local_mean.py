"""Variance of systematic and spread samples: squared distances from the mean of near neighbours.

There is no unbiased variance for one systematic sample. The local mean follows the trend over the map and is
close; the formula for a simple random sample is safe but far too large; both are named in the figure's method.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from aoi.survey.design import FloatArray, IntArray, raise_all
from aoi.survey.linearised import Linearised, SampleDesign, as_columns, as_values
from aoi.survey.neighbourhood import neighbour_weights
from aoi.survey.reliability import Reliability, judge_units
from geo.errors import Problem

__all__ = ["AsIfRandom", "Drawing", "LocalMeanDesign", "SystematicVariance", "systematic_total"]

Drawing = Literal["spread", "systematic"]
"""How the units were placed: balanced over the map at random, or on a grid with a random start."""

SystematicVariance = Literal["successive-difference", "simple-random"]
"""What stands in for the variance a systematic sample does not have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalMeanDesign:
    """A spread or systematic sample whose variance is taken from near neighbours.

    Totals of strata add, and so do their variances as they are: nothing is scaled by ``(N_h / N)**2``, which
    is for means.

    Raises
    ------
    InputError
        If coordinates or probabilities are missing, or a population is smaller than its sample.
    QualityGateError
        If a stratum has one unit.

    Notes
    -----
    With neighbourhood means ``W z`` the published variance is ``z'(I - W'W) z``. Each mean holds the unit itself,
    so that for values without any pattern it is too small by ``trace(I - W'W) / n``, about 0.72: a standard
    error of 0.85 of the truth. For spread samples this stands against an excess where there is a trend (0.84 to
    1.1 of the true standard error, without and with a trend). A grid has no such excess: its variance is divided
    by the factor, stratum by stratum (0.97 to 1.0).

    References
    ----------
    Stevens and Olsen (2003), Environmetrics 14, 593-610, doi:10.1002/env.606.

    Examples
    --------
    >>> xy = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> design = LocalMeanDesign(coordinates=xy, inclusion=np.full(4, 0.1), drawing="systematic",
    ...                          population=None)
    >>> float(design.covariance(np.array([1.0, 1.0, 1.0, 1.0]))[0, 0])
    0.0
    """

    coordinates: FloatArray
    """Easting and northing of each drawn unit, metres, shape (n, 2)."""
    inclusion: FloatArray
    """Inclusion probability of each drawn unit, shape (n,)."""
    drawing: Drawing
    """``spread`` for tessellation and pivotal samples: the variance as published; ``systematic`` for a grid:
    raised so as to be right where neighbours are not alike (see Notes)."""
    population: npt.ArrayLike | None
    """Units in the frame (of the row's stratum), one number or shape (n,), for the finite population
    correction; None to leave it out, which is safe."""
    stratum: npt.ArrayLike | None = None
    """Stratum of each unit, shape (n,); neighbours are sought in the same stratum."""
    smoother: sparse.csr_array = field(init=False, repr=False)
    """Weights of the neighbourhood means, shape (n, n)."""
    fraction: FloatArray = field(init=False, repr=False)
    """Sampling fraction of each unit's stratum, shape (n,); 0 without a population."""
    codes: IntArray = field(init=False, repr=False)
    """Stratum code of each unit, shape (n,)."""

    def __post_init__(self) -> None:
        xy, pi = np.array(self.coordinates, dtype=float), np.array(self.inclusion, dtype=float)
        labels = np.zeros(pi.size) if self.stratum is None else np.asarray(self.stratum)
        raise_all(_problems(xy, pi, labels, self.drawing))
        codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        counts = np.bincount(codes)
        fraction = np.zeros(pi.size)
        if self.population is not None:
            fraction = counts[codes] / np.broadcast_to(np.asarray(self.population, dtype=float), pi.shape)
        raise_all(_fraction_problems(fraction), _lonely_problems(counts, fraction, codes))
        object.__setattr__(self, "coordinates", xy)
        object.__setattr__(self, "inclusion", pi)
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "fraction", fraction)
        object.__setattr__(self, "smoother", neighbour_weights(xy, pi, stratum=codes))

    @property
    def weight(self) -> FloatArray:
        """Weight of each unit, shape (n,)."""
        return np.asarray(1 / self.inclusion)

    @property
    def df(self) -> float:
        """Degrees of freedom of the quadratic form for independent values (Satterthwaite).

        It is n - 1 for one neighbourhood of all units, and less for small neighbourhoods.
        """
        # A = I - W'W: trace of A squared over trace of A A
        gram = self.smoother.T @ self.smoother
        n, squares = self.inclusion.size, float((self.smoother**2).sum())
        trace = n - squares
        return trace**2 / (n - 2 * squares + float((gram**2).sum()))

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator, which is not unbiased and does not claim to be."""
        return f"{self.drawing} sample, local-mean variance (approximate: none is unbiased)"

    @property
    def scale(self) -> FloatArray:
        """Factor of each unit's squared distance: both corrections, shape (n,)."""
        kept = 1 - self.fraction
        if self.drawing == "spread":
            return np.asarray(kept)
        squares = np.asarray(self.smoother.power(2).sum(axis=1)).ravel()
        count = np.bincount(self.codes)
        trace = count - np.bincount(self.codes, weights=squares)
        # A stratum of one unit drawn whole has neither trace nor error
        return np.asarray(kept * np.where(trace > 0, count / np.where(trace > 0, trace, 1.0), 1.0)[self.codes])

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of weighted totals of the columns of `values`, shape (k, k)."""
        z = as_columns(values) * (np.sqrt(self.scale) / self.inclusion)[:, None]
        # Weights sum to one by row and by column: a constant leaves no variance
        z = z - z.mean(axis=0) if np.ptp(self.codes) == 0 else z - self._stratum_mean(z)
        local = self.smoother @ z
        return np.asarray(z.T @ z - local.T @ local)

    def _stratum_mean(self, z: FloatArray) -> FloatArray:
        """Return each unit's stratum mean, shape (n, k)."""
        sums = np.stack([np.bincount(self.codes, weights=column) for column in z.T], axis=1)
        return np.asarray((sums / np.bincount(self.codes)[:, None])[self.codes])

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge an estimate by each unit's distance from its neighbourhood's mean."""
        z = influence / self.inclusion
        return judge_units(
            z - self.smoother @ z,
            observed / self.inclusion,
            self.weight,
            group=self.codes,
            fraction=self.fraction,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AsIfRandom:
    """A systematic or spread sample whose variance is that of a random one: safe, too large, and said so."""

    base: SampleDesign
    """The random sample it is taken for."""
    drawing: Drawing
    """How the units were placed in truth."""

    @property
    def weight(self) -> FloatArray:
        """Weight of each row, shape (n,)."""
        return self.base.weight

    @property
    def df(self) -> float:
        """Degrees of freedom of the random sample."""
        return self.base.df

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator, and what it stands in for."""
        return f"{self.drawing} sample, simple-random variance (too large as a rule: none is unbiased)"

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of weighted totals of the columns of `values`, shape (k, k)."""
        return self.base.covariance(values)

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge as for the random sample."""
        return self.base.reliability(observed, influence)


def systematic_total(values: npt.ArrayLike, *, population: int, variance: SystematicVariance) -> Linearised:
    """Estimate a total from a systematic sample in the order of its drawing.

    The variance must be chosen, because none is unbiased: in the twelve-unit population of our tests both
    are about ten times too large.

    Parameters
    ----------
    values
        Survey variable in the order of the frame, shape (n,).
    population
        Units in the frame.
    variance
        ``successive-difference``, or ``simple-random`` (safe, and said so).

    Returns
    -------
    Linearised

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, chapter 8, estimators v1 and v2; Cochran (1977),
    section 8.10.
    """
    y = as_values(values, np.size(values))
    n = y.size
    raise_all(_systematic_problems(n, population, variance))
    spread = ((y - y.mean()) ** 2).sum() if variance == "simple-random" else (np.diff(y) ** 2).sum() / 2
    differences = float(spread / (n - 1))
    return Linearised(
        value=population * float(y.mean()),
        variance=population**2 * (1 - n / population) / n * differences,
        df=float(n - 1),
        n=n,
        method=f"systematic; {variance} variance (approximate: none is unbiased for a systematic sample)",
        reliability=judge_units(
            y, y, np.ones(n), group=np.zeros(n, dtype=np.int64), fraction=np.full(n, n / population)
        ),
        floor=float(y.sum()) if (y >= 0).all() else -np.inf,
    )


def _systematic_problems(n: int, population: int, variance: str) -> list[Problem]:
    """List what keeps a systematic sample from having a variance."""
    problems = []
    if not 2 <= n <= population:
        problems.append(Problem("systematic sample", f"{n} of {population} units", "two or more, at most all"))
    if variance not in ("successive-difference", "simple-random"):
        found = "successive-difference or simple-random"
        problems.append(Problem("variance of a systematic sample", repr(variance), found))
    return problems


def _problems(xy: FloatArray, pi: FloatArray, labels: npt.NDArray[np.generic], drawing: str) -> list[Problem]:
    """List what is wrong with positions, probabilities and strata."""
    problems = []
    if xy.shape != (pi.size, 2) or labels.shape != pi.shape or not np.isfinite(xy).all():
        found = f"coordinates of shape {xy.shape}, {labels.size} strata, {pi.size} probabilities"
        problems.append(Problem("spread sample", found, "a position and stratum for each unit, none missing"))
    if not ((pi > 0) & (pi <= 1)).all():
        problems.append(Problem("inclusion probabilities", "values outside (0, 1]", "one in (0, 1] for each"))
    if drawing not in ("spread", "systematic"):
        problems.append(Problem("drawing", repr(drawing), "spread or systematic"))
    return problems


def _fraction_problems(fraction: FloatArray) -> list[Problem]:
    """List sampling fractions that cannot be."""
    if ((fraction >= 0) & (fraction <= 1)).all():
        return []
    return [
        Problem(
            "population",
            f"a sampling fraction of {np.nanmax(fraction):g}",
            "at most one",
            "state the count of units in the frame, not a fraction",
        )
    ]


def _lonely_problems(counts: IntArray, fraction: FloatArray, codes: IntArray) -> list[Problem]:
    """List strata whose one unit has no neighbour."""
    alone = [code for code in np.flatnonzero(counts == 1) if fraction[codes == code].max() < 1]
    if not alone:
        return []
    return [
        Problem("strata", f"{len(alone)} with one unit", "two or more, for a variance", "merge them beforehand")
    ]
