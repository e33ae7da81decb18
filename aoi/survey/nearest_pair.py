"""Variance of a spread sample from pairs: each unit and its two nearest neighbours.

A spread sample has about one unit in each of n cells of the map, and its error is about that of drawing one unit
inside each. Two points of one square cell lie half a side apart on average (0.52), a unit of a tessellation sample
and its two nearest neighbours six and nine tenths (0.62, 0.88): half their squared differences say what varies over
such distances, a little on the safe side where the crop has a pattern, exactly where it has none.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import KDTree

from aoi.survey.design import FloatArray, IntArray, raise_all
from aoi.survey.linearised import as_columns
from aoi.survey.reliability import Reliability, judge_units
from geo.errors import Problem

__all__ = ["NearestPairDesign"]

NEIGHBOURS = 2
"""Neighbours of each unit."""
TIE = 1e-9
"""Relative difference of distances that are the same."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearestPairDesign:
    """A spread sample whose variance is half the sum of squared differences of near neighbours.

    ``V = 1/2 sum_i (1 - f) mean_j (y_i / pi_i - y_j / pi_j)^2`` over the two nearest neighbours j of unit i, and
    all that are as near as the second. Without any pattern it is unbiased, as the simple random variance is.

    Raises
    ------
    InputError
        If coordinates or probabilities are missing, or a population is smaller than its sample.
    QualityGateError
        If a stratum has one unit.

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, chapter 8, estimator v2 (successive differences), of which
    this is the form in two dimensions; D'Orazio (2003), Journal of Agricultural, Biological, and Environmental
    Statistics 8, 280-295 (two-dimensional systematic samples).

    Examples
    --------
    >>> xy = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [1.0, 3.0]])
    >>> design = NearestPairDesign(coordinates=xy, inclusion=np.full(4, 0.1), population=None)
    >>> float(design.covariance(np.array([1.0, 2.0, 5.0, 5.0]))[0, 0])
    1300.0
    """

    coordinates: FloatArray
    """Easting and northing of each drawn unit, metres, shape (n, 2)."""
    inclusion: FloatArray
    """Inclusion probability of each drawn unit, shape (n,)."""
    population: npt.ArrayLike | None
    """Units in the frame (of the row's stratum), one number or shape (n,); None to leave the correction out."""
    stratum: npt.ArrayLike | None = None
    """Stratum of each unit, shape (n,); neighbours are sought in the same stratum."""
    differences: sparse.csr_array = field(init=False, repr=False)
    """Contrasts of neighbours, scaled so that their squares sum to the variance, shape (pairs, n)."""
    fraction: FloatArray = field(init=False, repr=False)
    """Sampling fraction of each unit's stratum, shape (n,); 0 without a population."""
    codes: IntArray = field(init=False, repr=False)
    """Stratum code of each unit, shape (n,)."""

    def __post_init__(self) -> None:
        xy, pi = np.array(self.coordinates, dtype=float), np.array(self.inclusion, dtype=float)
        labels = np.zeros(pi.size) if self.stratum is None else np.asarray(self.stratum)
        raise_all(_problems(xy, pi, labels))
        codes = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        counts = np.bincount(codes)
        fraction = np.zeros(pi.size)
        if self.population is not None:
            fraction = counts[codes] / np.broadcast_to(np.asarray(self.population, dtype=float), pi.shape)
        alone = int(((counts == 1)[codes] & (fraction < 1)).sum())
        raise_all(_fraction_problems(fraction), _lonely_problems(alone))
        object.__setattr__(self, "coordinates", xy)
        object.__setattr__(self, "inclusion", pi)
        object.__setattr__(self, "codes", codes)
        object.__setattr__(self, "fraction", fraction)
        object.__setattr__(self, "differences", _contrasts(xy, codes, 1 - fraction))

    @property
    def weight(self) -> FloatArray:
        """Weight of each unit, shape (n,)."""
        return np.asarray(1 / self.inclusion)

    @property
    def df(self) -> float:
        """Degrees of freedom of the quadratic form for independent values (Satterthwaite)."""
        gram = self.differences.T @ self.differences
        squares = float((gram**2).sum())
        return float(gram.diagonal().sum()) ** 2 / squares if squares > 0 else 0.0

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator, which is not unbiased and does not claim to be."""
        return "spread sample, nearest-pair variance (approximate: none is unbiased)"

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of weighted totals of the columns of `values`, shape (k, k)."""
        contrasts = self.differences @ (as_columns(values) / self.inclusion[:, None])
        return np.asarray(contrasts.T @ contrasts)

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge an estimate by its units, as for a random sample of them."""
        return judge_units(
            influence / self.inclusion,
            observed / self.inclusion,
            self.weight,
            group=self.codes,
            fraction=self.fraction,
        )


def _contrasts(xy: FloatArray, codes: IntArray, kept: FloatArray) -> sparse.csr_array:
    """Return a row for each unit and near neighbour; ties share the unit, so that no order decides."""
    parts = [_nearest(xy, np.flatnonzero(codes == code)) for code in range(int(codes.max()) + 1)]
    one, other, share = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    size = np.sqrt(share * kept[one] / 2)
    rows = np.arange(one.size)
    data = np.concatenate([size, -size])
    place = (np.concatenate([rows, rows]), np.concatenate([one, other]))
    return sparse.csr_array((data, place), shape=(one.size, codes.size))


def _nearest(xy: FloatArray, members: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Return each unit of a stratum with each of its near neighbours, and one over how many those are."""
    nothing = np.zeros(0, dtype=np.int64)
    if members.size < 2:
        return nothing, nothing, np.zeros(0)
    points = xy[members]
    tree = KDTree(points)
    reach = tree.query(points, k=min(NEIGHBOURS + 1, members.size))[0][:, -1]
    near = tree.query_ball_point(points, reach * (1 + TIE))
    one = np.repeat(np.arange(members.size), [len(found) for found in near])
    other = np.concatenate([np.array(found, dtype=np.int64) for found in near])
    apart = one != other
    one, other = one[apart], other[apart]
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    return members[one], members[other], 1.0 / np.bincount(one)[one]


def _problems(xy: FloatArray, pi: FloatArray, labels: npt.NDArray[np.generic]) -> list[Problem]:
    """List what is wrong with positions, probabilities and strata."""
    problems = []
    if xy.shape != (pi.size, 2) or labels.shape != pi.shape or not np.isfinite(xy).all():
        found = f"coordinates of shape {xy.shape}, {labels.size} strata, {pi.size} probabilities"
        problems.append(Problem("spread sample", found, "a position and stratum for each unit, none missing"))
    if not pi.size or not ((pi > 0) & (pi <= 1)).all():
        problems.append(Problem("inclusion probabilities", "values outside (0, 1]", "one in (0, 1] for each"))
    return problems


def _fraction_problems(fraction: FloatArray) -> list[Problem]:
    """List sampling fractions that cannot be."""
    if ((fraction >= 0) & (fraction <= 1)).all():
        return []
    found, remedy = f"a sampling fraction of {np.nanmax(fraction):g}", "state the count of units in the frame"
    return [Problem("population", found, "at most one", remedy)]


def _lonely_problems(alone: int) -> list[Problem]:
    """List strata whose one unit has no neighbour."""
    if not alone:
        return []
    return [Problem("strata", f"{alone} with one unit", "two or more, for a variance", "merge them beforehand")]
