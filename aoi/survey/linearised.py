"""What a complex design hands on: an estimator's value, its linearised variance and its degrees of freedom.

Every estimator here turns a sample into one influence value per row; every design knows the covariance of
weighted totals. The two meet in `SampleDesign`, so that a ratio under Sampford sampling and a domain mean of
raked segments are the same three lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray
from aoi.survey.estimate import LOW_COUNT, Estimate
from aoi.survey.interval import t_quantile
from aoi.survey.reliability import Reliability
from aoi.survey.skew_interval import skew_limits
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "IntervalOfTotal",
    "Linearised",
    "SampleDesign",
    "as_columns",
    "as_domain",
    "as_values",
    "linearise",
    "mean",
    "total",
]

LOWER_SHARE = 0.5
"""Share of Hall's correction by which the lower limit of a plain expansion rises (docs/methods/intervals.md)."""

IntervalOfTotal = Literal["skew-corrected", "t"]
"""How limits are put round a linearised estimate; the first is the default."""


class SampleDesign(Protocol):
    """A sample whose weighted totals have a known covariance estimator."""

    @property
    def weight(self) -> FloatArray:
        """Weight of each row, shape (n,)."""

    @property
    def df(self) -> float:
        """Degrees of freedom of the variance."""

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator, as it is printed."""

    def covariance(self, values: FloatArray) -> FloatArray:
        """Return the covariance of the weighted totals of the columns of `values`, shape (k, k)."""

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge whether an interval can be read at its level, from the variable and its influence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearised:
    """An estimator's value with its variance, before an interval is put around it."""

    value: float
    """Point estimate."""
    variance: float
    """Estimated variance, square of the unit of `value`."""
    df: float
    """Degrees of freedom of the variance."""
    n: int
    """Sample rows behind the value."""
    method: str
    """Estimator and variance, such as ``combined ratio; multistage linearised``."""
    reliability: Reliability
    """What the count rule and the skewness say."""
    floor: float = -math.inf
    """Least value the truth can have: what was seen, or zero."""

    @property
    def se(self) -> float:
        """Standard error."""
        return math.sqrt(max(self.variance, 0.0))

    def estimate(
        self,
        *,
        level: float = 0.95,
        ceiling: float = math.inf,
        interval: IntervalOfTotal = "skew-corrected",
        quantiles: tuple[float, float] | None = None,
    ) -> Estimate:
        """Put an interval around the value, within what is possible.

        Parameters
        ----------
        level
            Nominal confidence level.
        ceiling
            Largest value the truth can have, such as the frame's hectares.
        interval
            ``skew-corrected``: at each end the farther of Hall's limit and Student's, but the lower limit of a
            plain expansion of enough units half-way from Student's to Hall's where that is higher; or ``t``.
        quantiles
            Quantiles of the studentised estimate (`bootstrap_t`), which take the place of `interval`.

        Returns
        -------
        Estimate
            Flagged ``LOW_COUNT`` where the count rule, no spread in the sample, or an impossible value
            forbids a bare interval.

        Raises
        ------
        QualityGateError
            If the variance is negative; not zero without degrees of freedom; or zero in a sample, without a
            `ceiling` to say how much the sample can have missed; or if a bootstrap limit is infinite.
        """
        self._require_sound()
        if self.variance == 0:
            lo, hi = self._limits_without_spread(level, ceiling)
        elif quantiles is not None:
            lo, hi = self.value - quantiles[1] * self.se, self.value - quantiles[0] * self.se
        else:
            half = float(t_quantile(level, self.df)) * self.se
            lo, hi = self.value - half, self.value + half
            if interval == "skew-corrected":
                lo, hi = self._corrected(lo, hi, quantile=half / self.se)
        lo, hi = max(lo, self.floor), min(hi, ceiling)
        if not (math.isfinite(lo) and math.isfinite(hi)):
            raise QualityGateError(
                f"{self.method}: found limits {lo:g} to {hi:g}; expected numbers; state a ceiling (the frame's "
                "hectares), because too few units carry crop for a limit of its own"
            )
        possible = self.floor <= self.value <= ceiling
        spreadless = self.variance == 0 and self.df > 0
        return Estimate(
            value=self.value,
            se=self.se,
            lo=min(self.value, lo),
            hi=max(self.value, hi),
            n=self.n,
            method=f"{self.method}; {'bootstrap-t' if quantiles else interval}",
            level=level,
            df=self.df if self.df > 0 else math.inf,
            flags=(LOW_COUNT,) if self.reliability.low_count or spreadless or not possible else (),
        )

    def _corrected(self, lo: float, hi: float, *, quantile: float) -> tuple[float, float]:
        """Correct Student's limits for skewness.

        The estimated skewness is itself uncertain: it may widen an end, and draws none in. Only where the long
        tail is known beforehand to be the upper one, and enough units were seen, does it raise the lower limit,
        and then by half.
        """
        below, above = skew_limits(self.value, self.se, skewness=self.reliability.skewness, quantile=quantile)
        share = LOWER_SHARE if self.reliability.one_sided and not self.reliability.low_count else 0.0
        return min(below, lo + share * (below - lo)), max(hi, above)

    def _require_sound(self) -> None:
        """Refuse a variance that is negative, or that rests on nothing."""
        if self.variance < 0:
            raise QualityGateError(
                f"variance: found {self.variance:.6g}; expected zero or more; this variance estimator can be "
                "negative, use sen-yates-grundy"
            )
        if self.variance > 0 and not self.df > 0:
            raise QualityGateError(
                f"degrees of freedom: found {self.df:g}; expected at least 1; sample two units in a stratum"
            )

    def _limits_without_spread(self, level: float, ceiling: float) -> tuple[float, float]:
        """Return limits for a sample without spread: a census is exact, a sample may have missed crop.

        With no unit out of n unlike the others, fewer than a share ``1 - (alpha/2)^(1/n)`` of the frame's
        are (Clopper and Pearson), and they are full at most.
        """
        if not self.df > 0:
            return self.value, self.value
        if not math.isfinite(ceiling):
            raise QualityGateError(
                f"{self.method}: found no spread in {self.n} rows; expected some, or a ceiling; state the most "
                "the truth can be (the frame's hectares), so that a limit can be given"
            )
        unlike = 1 - ((1 - level) / 2) ** (1 / self.reliability.effective_units)
        lower = self.floor if math.isfinite(self.floor) else self.value
        return lower, self.value + unlike * (ceiling - self.value)


def as_values(values: npt.ArrayLike, n: int, *, name: str = "values") -> FloatArray:
    """Return one finite number per sample row, or say which rows have none.

    Raises
    ------
    InputError
        If the length differs from `n`, or a value is missing: a missing value is never a zero.
    """
    array = np.asarray(values, dtype=float)
    if array.shape != (n,):
        raise InputError(Problem(name, f"shape {array.shape}", f"one number for each of {n} rows"))
    missing = np.flatnonzero(~np.isfinite(array))
    if missing.size:
        raise InputError(
            Problem(
                name,
                f"{missing.size} rows without a number (first rows {missing[:5].tolist()})",
                "a number in each row",
                "a missing observation is not zero: adjust for non-response (two_phase) or impute it",
            )
        )
    return array


def as_columns(values: npt.ArrayLike) -> FloatArray:
    """Return values as columns, shape (n, k)."""
    array = np.asarray(values, dtype=float)
    return array[:, None] if array.ndim == 1 else array


def as_domain(domain: npt.ArrayLike | None, n: int) -> npt.NDArray[np.bool_]:
    """Return the rows of a domain as booleans; all rows where it is None."""
    if domain is None:
        return np.ones(n, dtype=bool)
    mask = np.asarray(domain)
    if mask.dtype != np.bool_ or mask.shape != (n,):
        raise InputError(Problem("domain", f"{mask.dtype} of shape {mask.shape}", f"{n} booleans"))
    return mask


def linearise(
    design: SampleDesign,
    influence: FloatArray,
    *,
    value: float,
    observed: FloatArray,
    estimator: str,
    floor: float = -math.inf,
) -> Linearised:
    """Give an estimator its variance from the influence of each row.

    Parameters
    ----------
    design
        The sample.
    influence
        Influence of each row, unweighted, shape (n,): the estimator's variance is that of its weighted total.
    value
        Point estimate.
    observed
        The survey variable in the unit of the influence, shape (n,), for the count rule.
    estimator
        Name of the estimator.
    floor
        Least value the truth can have.

    Returns
    -------
    Linearised

    References
    ----------
    Sarndal, Swensson and Wretman (1992), Model Assisted Survey Sampling, section 5.5 (Taylor linearisation).
    """
    return Linearised(
        value=value,
        variance=float(design.covariance(influence)[0, 0]),
        df=design.df,
        n=int(observed.size),
        method=f"{estimator}; {design.variance_method}",
        reliability=design.reliability(observed, influence),
        floor=floor,
    )


def total(design: SampleDesign, values: npt.ArrayLike, *, domain: npt.ArrayLike | None = None) -> Linearised:
    """Estimate the total of a variable in the population or in a domain.

    A domain's rows are never cut out: rows outside it count as zero, because how many fall inside is random.

    Parameters
    ----------
    design
        The sample.
    values
        The variable, such as hectares of crop in each segment, shape (n,).
    domain
        Booleans, true for the rows of the domain, shape (n,); None for the population.

    Returns
    -------
    Linearised
        Its `floor` is what the sample has seen, where no value is negative.

    References
    ----------
    Sarndal, Swensson and Wretman (1992), sections 2.8 and 10.3 (domains).

    Examples
    --------
    >>> from aoi.survey.cluster import simple_random
    >>> total(simple_random(4, 40), [0.0, 2.0, 1.0, 1.0]).value
    40.0
    """
    y = as_values(values, design.weight.size) * as_domain(domain, design.weight.size)
    return linearise(
        design,
        y,
        value=float(design.weight @ y),
        observed=y,
        estimator="expansion",
        floor=float(y.sum()) if (y >= 0).all() and (design.weight >= 1).all() else _floor(y),
    )


def mean(design: SampleDesign, values: npt.ArrayLike, *, domain: npt.ArrayLike | None = None) -> Linearised:
    """Estimate a mean per row unit (Hajek), in the population or in a domain.

    Parameters
    ----------
    design, values, domain
        As for `total`.

    Returns
    -------
    Linearised

    Raises
    ------
    QualityGateError
        If no sampled row is in the domain.

    References
    ----------
    Sarndal, Swensson and Wretman (1992), section 5.7 (the ratio of two estimated totals).
    """
    rows = as_domain(domain, design.weight.size)
    y = as_values(values, design.weight.size) * rows
    size = float(design.weight @ rows)
    if size <= 0:
        raise QualityGateError("mean of a domain: found no sampled row; expected at least two; sample it")
    value = float(design.weight @ y) / size
    influence = (y - value * rows) / size
    return linearise(design, influence, value=value, observed=y / size, estimator="mean", floor=_floor(y))


def _floor(y: FloatArray) -> float:
    """Return zero for a variable that is never negative, else no floor."""
    return 0.0 if (y >= 0).all() else -math.inf
