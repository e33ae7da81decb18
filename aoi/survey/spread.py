"""Variance of a spread sample on the safe side: the larger of two estimators that fail in opposite countries.

The local mean is too small where neighbours are not alike, the nearest pair where the crop follows a smooth trend
over the whole map. Nobody knows beforehand which country it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray
from aoi.survey.local_mean import LocalMeanDesign
from aoi.survey.nearest_pair import NearestPairDesign
from aoi.survey.reliability import Reliability

__all__ = ["SpreadDesign"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpreadDesign:
    """A tessellation or pivotal sample with the larger of its local-mean and its nearest-pair variance.

    Raises
    ------
    InputError, QualityGateError
        As the two designs do.

    Examples
    --------
    >>> xy = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [1.0, 3.0]])
    >>> design = SpreadDesign(coordinates=xy, inclusion=np.full(4, 0.1), population=None)
    >>> float(design.covariance(np.array([1.0, 2.0, 5.0, 5.0]))[0, 0]) >= 100.0
    True
    """

    coordinates: FloatArray
    """Easting and northing of each drawn unit, metres, shape (n, 2)."""
    inclusion: FloatArray
    """Inclusion probability of each drawn unit, shape (n,)."""
    population: npt.ArrayLike | None
    """Units in the frame (of the row's stratum), one number or shape (n,); None to leave the correction out."""
    stratum: npt.ArrayLike | None = None
    """Stratum of each unit, shape (n,)."""
    local: LocalMeanDesign = field(init=False, repr=False)
    """The sample with its local-mean variance."""
    pairs: NearestPairDesign = field(init=False, repr=False)
    """The sample with its nearest-pair variance."""

    def __post_init__(self) -> None:
        local = LocalMeanDesign(
            coordinates=self.coordinates,
            inclusion=self.inclusion,
            drawing="spread",
            population=self.population,
            stratum=self.stratum,
        )
        pairs = NearestPairDesign(
            coordinates=self.coordinates,
            inclusion=self.inclusion,
            population=self.population,
            stratum=self.stratum,
        )
        object.__setattr__(self, "local", local)
        object.__setattr__(self, "pairs", pairs)

    @property
    def weight(self) -> FloatArray:
        """Weight of each unit, shape (n,)."""
        return self.local.weight

    @property
    def df(self) -> float:
        """The fewer degrees of freedom of the two."""
        return min(self.local.df, self.pairs.df)

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator, which is not unbiased and does not claim to be."""
        return "spread sample, larger of local-mean and nearest-pair variance (approximate: none is unbiased)"

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of weighted totals of the columns of `values`, shape (k, k).

        The local-mean correlations, with each variance raised to that of nearest pairs where that is larger.
        """
        local, pairs = self.local.covariance(values), self.pairs.covariance(values)
        own, other = np.diag(local), np.diag(pairs)
        raised = np.sqrt(np.divide(np.maximum(own, other), own, out=np.ones_like(own), where=own > 0))
        covariance = local * np.outer(raised, raised)
        np.fill_diagonal(covariance, np.maximum(own, other))
        return np.asarray(covariance)

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge as with the local mean."""
        return self.local.reliability(observed, influence)
