"""Samples drawn with unequal probabilities: Horvitz-Thompson and Hajek estimates, and their variances.

Sen-Yates-Grundy is the default where joint probabilities exist. The Horvitz-Thompson variance is here for
comparison: it was negative in a third of all Sampford samples of a small population, and is never a default.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, raise_all
from aoi.survey.linearised import Linearised, SampleDesign, as_columns, as_values, linearise
from aoi.survey.reliability import Reliability, judge_units, scarce_strata
from geo.errors import Problem

__all__ = ["UnequalDesign", "UnequalVariance", "hajek_total"]

UnequalVariance = Literal[
    "sen-yates-grundy", "brewer", "deville", "hartley-rao", "hansen-hurwitz", "poisson", "horvitz-thompson"
]
"""Variance estimators. ``brewer``, ``deville`` and ``hartley-rao`` need no joint probabilities;
``hansen-hurwitz`` takes the draws as made with replacement; ``poisson`` is for a random size."""

NEEDS_JOINT: tuple[str, ...] = ("sen-yates-grundy", "horvitz-thompson")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnequalDesign:
    """A sample of one stratum drawn with unequal probabilities, without replacement.

    Raises
    ------
    InputError
        If probabilities lie outside (0, 1], or shapes differ.
    QualityGateError
        If the variance asked for needs joint probabilities that are missing or zero.

    References
    ----------
    Sen (1953); Yates and Grundy (1953); Brewer and Donadio (2003), Survey Methodology 29, 189-196; Matei and
    Tille (2005), Journal of Official Statistics 21, 543-570; Hartley and Rao (1962),
    doi:10.1214/aoms/1177704564.

    Examples
    --------
    >>> design = UnequalDesign(inclusion=np.array([0.5, 0.25]), joint=np.array([[0.5, 0.1], [0.1, 0.25]]))
    >>> float(design.covariance(np.array([1.0, 1.0]))[0, 0])
    1.0
    """

    inclusion: FloatArray
    """Inclusion probability of each drawn unit, shape (n,)."""
    joint: FloatArray | None = None
    """Joint inclusion probabilities of the drawn units, shape (n, n); None for a variance without them."""
    variance: UnequalVariance = "sen-yates-grundy"
    """Variance estimator."""
    sum_squares: float | None = None
    """Sum of squared inclusion probabilities over the frame, for ``hartley-rao``; None to estimate it from
    the sample."""

    def __post_init__(self) -> None:
        pi = np.array(self.inclusion, dtype=float)
        joint = None if self.joint is None else np.array(self.joint, dtype=float)
        raise_all(*_design_problems(pi, joint, self.variance))
        object.__setattr__(self, "inclusion", pi)
        object.__setattr__(self, "joint", joint)

    @property
    def weight(self) -> FloatArray:
        """Weight of each unit, shape (n,)."""
        return np.asarray(1.0 / self.inclusion)

    @property
    def df(self) -> float:
        """Units that were not certain, less one."""
        return float(max((self.inclusion < 1).sum() - 1, 0))

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator."""
        return f"{self.variance} variance"

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of Horvitz-Thompson totals of the columns of `values`, shape (k, k)."""
        random = self.inclusion < 1
        if not random.any():
            return np.zeros((as_columns(values).shape[1],) * 2)
        part = _Part(
            z=(as_columns(values) / self.inclusion[:, None])[random],
            pi=self.inclusion[random],
            joint=None if self.joint is None else self.joint[np.ix_(random, random)],
            sum_squares=self._random_sum_squares(random),
        )
        return _VARIANCE[self.variance](part)

    def _random_sum_squares(self, random: npt.NDArray[np.bool_]) -> float:
        """Return the frame's sum of squared probabilities without the certain units."""
        if self.sum_squares is None:
            # Its Horvitz-Thompson estimate is the sum of the probabilities themselves
            return float(self.inclusion[random].sum())
        return self.sum_squares - float((~random).sum())

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge an estimate by its units, those of small probability apart from the rest.

        Crop that the map missed lies in units of small probability: many units with crop among the others say
        nothing of those, which stand for most of the frame.
        """
        z = influence / self.inclusion
        one = np.zeros(self.inclusion.size, dtype=np.int64)
        judged = judge_units(z, observed / self.inclusion, self.weight, group=one, fraction=self.inclusion)
        random = self.inclusion < 1
        w = self.weight[random]
        # Units at the floor and up to twice it: the part of the frame of which the size says least
        apart = np.unique(w >= w.max(initial=1.0) / 2, return_inverse=True)[1]
        scarce = scarce_strata(influence[random], observed[random], w, codes=apart)
        # What spreads y / pi is the error of the size, which is of either sign
        return replace(judged, low_count=judged.low_count or bool(scarce.any()), one_sided=False)


def hajek_total(design: SampleDesign, values: npt.ArrayLike, *, population: float) -> Linearised:
    """Estimate a total as the Hajek mean times the known number of units.

    Steadier than Horvitz-Thompson where the sample size is random, or the size said little of the crop.

    Parameters
    ----------
    design
        The sample.
    values
        Survey variable, shape (n,).
    population
        Known number of units in the frame.

    Returns
    -------
    Linearised

    References
    ----------
    Sarndal, Swensson and Wretman (1992), section 5.7.
    """
    y = as_values(values, design.weight.size)
    size = float(design.weight.sum())
    average = float(design.weight @ y) / size
    return linearise(
        design,
        population / size * (y - average),
        value=population * average,
        observed=population / size * y,
        estimator="Hajek",
        floor=float(y.sum()) if (y >= 0).all() else -np.inf,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """The units whose drawing was left to chance."""

    z: FloatArray
    """Expanded values y / pi, shape (n, k)."""
    pi: FloatArray
    """Inclusion probabilities, shape (n,)."""
    joint: FloatArray | None
    """Joint inclusion probabilities, shape (n, n)."""
    sum_squares: float
    """Sum of squared probabilities over the frame."""

    @property
    def spread(self) -> float:
        """Factor n / (n - 1)."""
        return self.pi.size / max(self.pi.size - 1, 1)

    @property
    def dependence(self) -> FloatArray:
        """(pi_ij - pi_i pi_j) / pi_ij, zero on the diagonal."""
        if self.joint is None:
            return np.zeros((self.pi.size, self.pi.size))
        ratio = 1 - np.outer(self.pi, self.pi) / self.joint
        np.fill_diagonal(ratio, 0.0)
        return np.asarray(ratio)


def _pair_form(z: FloatArray, pair: FloatArray) -> FloatArray:
    """Return ``-1/2 sum_ij pair_ij (z_i - z_j)(z_i - z_j)'`` without forming the differences."""
    centred = z - z.mean(axis=0)
    rows = pair.sum(axis=1)[:, None]
    return np.asarray(centred.T @ pair @ centred - centred.T @ (rows * centred))


def _sen_yates_grundy(part: _Part) -> FloatArray:
    """Take squared differences of pairs: Sarndal, Swensson and Wretman (1992), result 2.8.2."""
    return _pair_form(part.z, part.dependence)


def _horvitz_thompson(part: _Part) -> FloatArray:
    """Take products of pairs: Sarndal, Swensson and Wretman (1992), result 2.8.1."""
    own = (part.z * (1 - part.pi)[:, None]).T @ part.z
    return np.asarray(own + part.z.T @ part.dependence @ part.z)


def _brewer(part: _Part) -> FloatArray:
    """Take squared deviations by (1 - pi) n / (n - 1): Brewer and Donadio (2003)."""
    centred = part.z - part.z.mean(axis=0)
    return np.asarray((centred * (part.spread * (1 - part.pi))[:, None]).T @ centred)


def _deville(part: _Part) -> FloatArray:
    """Take squared deviations from the mean weighted by 1 - pi: Matei and Tille (2005), Deville's first."""
    share = (1 - part.pi) / (1 - part.pi).sum()
    centred = part.z - share @ part.z
    factor = (1 - part.pi) / (1 - float((share**2).sum()))
    return np.asarray((centred * factor[:, None]).T @ centred)


def _hartley_rao(part: _Part) -> FloatArray:
    """Approximate the joint probabilities, in Yates-Grundy form: Hartley and Rao (1962), section 5."""
    n = part.pi.size
    pair = 1 - part.pi[:, None] - part.pi + part.sum_squares / n
    np.fill_diagonal(pair, 0.0)
    return -_pair_form(part.z, pair) / max(n - 1, 1)


def _hansen_hurwitz(part: _Part) -> FloatArray:
    """Take the draws as made with replacement: Sarndal, Swensson and Wretman (1992), section 2.9."""
    centred = part.z - part.z.mean(axis=0)
    return np.asarray(part.spread * centred.T @ centred)


def _poisson(part: _Part) -> FloatArray:
    """Take each unit by itself: Sarndal, Swensson and Wretman (1992), section 3.5."""
    return np.asarray((part.z * (1 - part.pi)[:, None]).T @ part.z)


_VARIANCE: dict[str, Callable[[_Part], FloatArray]] = {
    "sen-yates-grundy": _sen_yates_grundy,
    "brewer": _brewer,
    "deville": _deville,
    "hartley-rao": _hartley_rao,
    "hansen-hurwitz": _hansen_hurwitz,
    "poisson": _poisson,
    "horvitz-thompson": _horvitz_thompson,
}


def _design_problems(
    pi: FloatArray, joint: FloatArray | None, variance: str
) -> tuple[list[Problem], list[Problem]]:
    """List broken inputs, and designs whose variance asked for does not exist."""
    inputs, gates = [], []
    if pi.ndim != 1 or not pi.size or not ((pi > 0) & (pi <= 1)).all():
        inputs.append(Problem("inclusion probabilities", "values outside (0, 1]", "one in (0, 1] for each unit"))
    if variance not in _VARIANCE:
        inputs.append(Problem("variance", repr(variance), "one of " + ", ".join(_VARIANCE)))
    if joint is not None and joint.shape != (pi.size, pi.size):
        inputs.append(Problem("joint probabilities", f"shape {joint.shape}", f"({pi.size}, {pi.size})"))
    elif joint is not None and not np.allclose(joint, joint.T, rtol=1e-9, atol=0):
        inputs.append(Problem("joint probabilities", "a matrix that is not symmetric", "pi_ij = pi_ji"))
    remedy = "use brewer or hartley-rao, or a design with joint probabilities such as sampford"
    if variance in NEEDS_JOINT and joint is None and bool((pi < 1).any()):
        gates.append(Problem(f"{variance} variance", "no joint probabilities", "their matrix", remedy))
    elif variance in NEEDS_JOINT and joint is not None and joint.shape == (pi.size, pi.size):
        never = int((joint <= 0).sum()) // 2
        if never:
            found = f"{never} pairs that are never drawn together"
            gates.append(
                Problem(
                    f"{variance} variance",
                    found,
                    "positive joint probabilities (none exist for systematic)",
                    remedy,
                )
            )
    return inputs, gates
