"""Units without information: response groups as a second phase, with the share imputed and the bounds.

Cloud hides segments that were drawn. Taking them for zero loses area, dropping them without a weight does too.
Here the units seen are a second random phase within groups in which every unit was as likely to be seen; the
variance has a term for each phase, and what the missing ones could hold at most stands beside the figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, IntArray, raise_all
from aoi.survey.estimate import Estimate
from aoi.survey.linearised import Linearised, as_columns, as_values, total
from aoi.survey.reliability import Reliability, judge_units
from geo.errors import Problem

__all__ = ["MissingAreaFigure", "ResponseDesign", "response_total", "two_phase_difference"]

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponseDesign:
    """A stratified random sample of units of which some were seen, at random within response groups.

    Its rows are the units seen; `seen` gives their positions in the drawn sample.

    Raises
    ------
    InputError
        If columns differ in length, or a population is smaller than its sample.
    QualityGateError
        If a group was not seen at all, or one unit of several was.

    References
    ----------
    Sarndal, Swensson and Wretman (1992), sections 9.3 (two phases) and 15.6 (response homogeneity groups).

    Examples
    --------
    >>> design = ResponseDesign(
    ...     stratum=["a"] * 4, population=40, group=["hill", "hill", "plain", "plain"],
    ...     responded=[True, True, True, True])
    >>> design.weight
    array([10., 10., 10., 10.])
    """

    stratum: npt.ArrayLike
    """Stratum of each drawn unit, shape (n,)."""
    population: npt.ArrayLike
    """Units in the frame of its stratum, one number or shape (n,)."""
    group: npt.ArrayLike
    """Response group of each drawn unit, known for the missing ones too, shape (n,)."""
    responded: npt.ArrayLike
    """Whether it was seen, shape (n,)."""
    seen: IntArray = field(init=False, repr=False)
    """Positions of the units seen, shape (m,)."""
    strata: IntArray = field(init=False, repr=False)
    """Stratum code of each drawn unit, shape (n,)."""
    groups: IntArray = field(init=False, repr=False)
    """Group code of each drawn unit, shape (n,)."""
    sizes: FloatArray = field(init=False, repr=False)
    """Units in the frame of each stratum, shape (H,)."""

    def __post_init__(self) -> None:
        responded = np.asarray(self.responded)
        names, strata = np.unique(np.asarray(self.stratum), return_inverse=True)
        labels, groups = np.unique(np.asarray(self.group), return_inverse=True)
        raise_all(_column_problems(responded, strata, groups))
        population = np.broadcast_to(np.asarray(self.population, dtype=float), strata.shape)
        sizes = population[np.unique(strata, return_index=True)[1]]
        drawn, found = np.bincount(groups), np.bincount(groups[responded], minlength=labels.size)
        raise_all(
            _size_problems(names, sizes, population=population, strata=strata),
            _group_problems(labels, drawn, found) + _thin_strata(names, np.bincount(strata), sizes),
        )
        for name, value in {"strata": strata, "groups": groups, "sizes": sizes}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "seen", np.flatnonzero(responded))

    @property
    def drawn_weight(self) -> FloatArray:
        """Weight of every drawn unit before the adjustment, N_h / n_h, shape (n,)."""
        return np.asarray((self.sizes / np.bincount(self.strata))[self.strata])

    @property
    def response_rate(self) -> FloatArray:
        """Share seen of each response group, shape (G,)."""
        return np.asarray(np.bincount(self.groups[self.seen]) / np.bincount(self.groups))

    @property
    def weight(self) -> FloatArray:
        """Weight of each unit seen, adjusted within its group, shape (m,)."""
        adjusted = self.drawn_weight / self.response_rate[self.groups]
        return np.asarray(adjusted[self.seen])

    @property
    def df(self) -> float:
        """Units seen, less the larger number of strata and response groups."""
        return float(self.seen.size - max(self.sizes.size, self.response_rate.size))

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator."""
        return f"two-phase variance, {self.response_rate.size} response groups"

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of adjusted totals of the columns, one row for each unit seen, (k, k)."""
        y = as_columns(values)
        return self.first_phase(y) + self.second_phase(y)

    def first_phase(self, y: FloatArray) -> FloatArray:
        """Estimate the covariance the drawing would have had, had every unit been seen."""
        n, pair = np.bincount(self.strata), self._pair_weight()
        covariance = np.zeros((y.shape[1], y.shape[1]))
        for stratum, size in enumerate(self.sizes):
            drawn = int(n[stratum])
            if drawn == size:
                continue
            inside = self.strata[self.seen] == stratum
            spread = _pair_spread(y[inside], self.groups[self.seen][inside], pair)
            # The simple random variance, with s^2 from pairs: sum (y_k - y_l)^2 / (2 n (n - 1))
            covariance += size**2 * (1 - drawn / size) / drawn * spread / (2 * drawn * (drawn - 1))
        return covariance

    def second_phase(self, y: FloatArray) -> FloatArray:
        """Estimate the covariance that seeing only some of the drawn units adds."""
        z = y * self.drawn_weight[self.seen][:, None]
        groups, n = self.groups[self.seen], np.bincount(self.groups)
        m = np.bincount(groups)
        means = np.stack([np.bincount(groups, weights=column) / m for column in z.T], axis=1)
        centred = z - means[groups]
        factor = n**2 * (1 - m / n) / m / np.maximum(m - 1, 1)
        return np.asarray((centred * factor[groups, None]).T @ centred)

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge an estimate by the units seen; a stratum drawn whole still has units not seen."""
        return judge_units(
            self.weight * influence,
            self.weight * observed,
            self.weight,
            group=self.strata[self.seen],
            fraction=np.where(self.weight > 1, 1 / self.weight, 1.0),
        )

    def _pair_weight(self) -> FloatArray:
        """Return the inverse chance that two drawn units were both seen, by their groups, shape (G, G)."""
        n = np.bincount(self.groups).astype(float)
        m = np.bincount(self.groups[self.seen]).astype(float)
        pair = np.outer(n / m, n / m)
        np.fill_diagonal(pair, n * (n - 1) / np.maximum(m * (m - 1), 1))
        return pair


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingAreaFigure:
    """A total with what was imputed for units not seen, and what they could hold at most."""

    total: Linearised
    """The adjusted total."""
    share_imputed: float
    """Share of the total that stands for units not seen."""
    share_missing: float
    """Share of the frame, by weight, that was not seen."""
    lower_bound: float
    """The total had the units not seen held no crop."""
    upper_bound: float
    """The total had the units not seen been full of crop."""

    def estimate(self, *, level: float = 0.95, ceiling: float = math.inf) -> Estimate:
        """Return the adjusted total as a figure; its bounds are published beside it."""
        return self.total.estimate(level=level, ceiling=ceiling)


def response_total(design: ResponseDesign, values: npt.ArrayLike, *, capacity: npt.ArrayLike) -> MissingAreaFigure:
    """Estimate a total from the units seen, with the share imputed and the worst-case bounds.

    Parameters
    ----------
    design
        The drawn sample and which units were seen.
    values
        Survey variable of every drawn unit, shape (n,); whatever stands at units not seen is not read.
    capacity
        The most a unit can hold, such as its area in hectares, one number or shape (n,).

    Returns
    -------
    MissingAreaFigure

    Raises
    ------
    InputError
        If a unit seen has no value, or more than its capacity.

    References
    ----------
    Sarndal, Swensson and Wretman (1992), section 15.6; Manski (2003), Partial Identification of Probability
    Distributions, chapter 1 (bounds).
    """
    column, weight = np.asarray(values, dtype=float), design.drawn_weight
    if column.shape != weight.shape:
        raise_all([Problem("values", f"shape {column.shape}", f"one for each of {weight.size} drawn units")])
    most = np.broadcast_to(np.asarray(capacity, dtype=float), weight.shape)
    y = as_values(column[design.seen], design.seen.size)
    over = int((y > most[design.seen] * (1 + 1e-9)).sum())
    if over or not (most >= 0).all():
        raise_all([Problem("capacity", f"{over} units seen with more than it", "the most a unit can hold")])
    missing = np.ones(weight.size, dtype=bool)
    missing[design.seen] = False
    adjusted = total(design, y)
    lower = float(weight[design.seen] @ y)
    return MissingAreaFigure(
        total=adjusted,
        share_imputed=1 - lower / adjusted.value if adjusted.value else 0.0,
        share_missing=float(weight[missing].sum() / weight.sum()),
        lower_bound=lower,
        upper_bound=lower + float(weight[missing] @ most[missing]),
    )


def two_phase_difference(
    y: npt.ArrayLike, x: npt.ArrayLike, *, x_first: npt.ArrayLike, population: int
) -> Linearised:
    """Estimate a total when the auxiliary is known for a larger first sample only (double sampling).

    Parameters
    ----------
    y, x
        Survey variable and auxiliary of the second-phase units, shape (m,).
    x_first
        Auxiliary of all first-phase units, the second-phase ones among them, shape (n,).
    population
        Units in the frame.

    Returns
    -------
    Linearised
        Variance ``N^2 [(1/n - 1/N) s_y^2 + (1/m - 1/n) s_e^2]`` with ``e = y - x``.

    References
    ----------
    Cochran (1977), section 12.6 with slope one; Sarndal, Swensson and Wretman (1992), section 9.6.
    """
    second, auxiliary = as_values(y, np.size(y), name="y"), as_values(x, np.size(y), name="x")
    first = as_values(x_first, np.size(x_first), name="x_first")
    m, n = second.size, first.size
    if not 2 <= m <= n <= population:
        raise_all([Problem("two phases", f"{m} of {n} of {population} units", "2 or more, each phase no larger")])
    error = second - auxiliary
    variance = (1 / n - 1 / population) * second.var(ddof=1) + (1 / m - 1 / n) * error.var(ddof=1)
    judged = judge_units(
        second,
        second,
        np.ones(m),
        group=np.zeros(m, dtype=np.int64),
        fraction=np.full(m, m / population),
    )
    return Linearised(
        value=population * float(first.mean() + error.mean()),
        variance=population**2 * float(variance),
        df=float(m - 1),
        n=m,
        method="two-phase difference; two-phase variance",
        reliability=replace(judged, one_sided=False),  # judged by its amounts, yet it leans on the auxiliary
        floor=float(second.sum()) if (second >= 0).all() else -math.inf,
    )


def _pair_spread(y: FloatArray, groups: IntArray, pair: FloatArray) -> FloatArray:
    """Sum ``pair_gg' (y_k - y_l)(y_k - y_l)'`` over all ordered pairs, from group sums, shape (k, k)."""
    centred = y - y.mean(axis=0) if y.size else y
    inside = np.equal.outer(groups, np.arange(pair.shape[0])).astype(float)
    # sum_kl c_kl (y_k - y_l)^2 = 2 sum_k c_k. y_k^2 - 2 sum_kl c_kl y_k y_l; a unit with itself adds nothing
    row_weight = pair @ inside.sum(axis=0)
    sums = inside.T @ centred
    squares = (centred * row_weight[groups][:, None]).T @ centred
    return np.asarray(2 * (squares - sums.T @ pair @ sums))


def _column_problems(responded: BoolArray, strata: IntArray, groups: IntArray) -> list[Problem]:
    """List columns that are not booleans or differ in length."""
    if responded.dtype == np.bool_ and responded.shape == strata.shape == groups.shape and responded.size:
        return []
    found = f"{responded.dtype} responses, {strata.size} strata, {groups.size} groups, {responded.size} responses"
    return [Problem("drawn sample", found, "booleans, and one row for each drawn unit")]


def _size_problems(
    names: npt.NDArray[np.generic], sizes: FloatArray, *, population: FloatArray, strata: IntArray
) -> list[Problem]:
    """List strata whose population is no count, or smaller than the sample."""
    drawn = np.bincount(strata)
    problems = []
    for name, size, count in zip(names.tolist(), sizes.tolist(), drawn.tolist(), strict=True):
        if not size >= count:
            found = f"{size:g} units for {count} drawn ones"
            problems.append(Problem(f"stratum {name!r}", found, "at least as many as were drawn"))
    if (population != sizes[strata]).any():
        problems.append(Problem("population", "two values in one stratum", "one count for each stratum"))
    return problems


def _group_problems(labels: npt.NDArray[np.generic], drawn: IntArray, found: IntArray) -> list[Problem]:
    """List response groups from which too little was seen."""
    remedy = "merge it with a group that is as likely to be seen, or publish its area as not surveyed"
    thin = (found < 2) & (drawn > found) | (found == 0)
    return [
        Problem(f"response group {label!r}", f"{seen} of {count} units seen", "two or more", remedy)
        for label, seen, count, bad in zip(labels.tolist(), found, drawn, thin, strict=True)
        if bad
    ]


def _thin_strata(names: npt.NDArray[np.generic], drawn: IntArray, sizes: FloatArray) -> list[Problem]:
    """List strata with one drawn unit that are not drawn whole."""
    remedy = "draw one more, or merge it with a like stratum"
    return [
        Problem(f"stratum {name!r}", "one drawn unit", "at least two, for a variance", remedy)
        for name, count, size in zip(names.tolist(), drawn, sizes, strict=True)
        if count == 1 and size > 1
    ]
