"""Several completed data sets pooled into one figure: Rubin's rules with the Barnard-Rubin degrees of freedom.

One imputation taken for data has no variance of its own; several show by how much they differ, and that is
added. The share imputed is part of the result, because it is published.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aoi.survey.design import raise_all
from aoi.survey.estimate import Estimate
from aoi.survey.linearised import Linearised
from aoi.survey.reliability import Reliability
from geo.errors import Problem

__all__ = ["PooledImputations", "pool_imputations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledImputations:
    """Several imputations as one figure."""

    value: float
    """Mean of the completed-data estimates."""
    within: float
    """Mean of the completed-data variances."""
    between: float
    """Variance of the completed-data estimates."""
    df: float
    """Degrees of freedom: Barnard-Rubin's where the complete-data ones are known, else Rubin's."""
    df_large: float
    """Rubin's degrees of freedom, for a large complete sample."""
    n_imputations: int
    """Completed data sets."""
    n: int
    """Sample units, seen and missing."""
    share_imputed: float
    """Share of the figure that was imputed, to be published with it."""
    reliability: Reliability
    """What the count rule says of the completed data."""

    @property
    def variance(self) -> float:
        """Total variance: within plus (1 + 1/m) between."""
        return self.within + (1 + 1 / self.n_imputations) * self.between

    @property
    def se(self) -> float:
        """Standard error."""
        return math.sqrt(self.variance)

    @property
    def relative_increase(self) -> float:
        """Relative increase in variance due to missing data, r."""
        return (1 + 1 / self.n_imputations) * self.between / self.within if self.within else math.inf

    @property
    def share_of_variance(self) -> float:
        """Share of the variance due to missing data, lambda."""
        return (1 + 1 / self.n_imputations) * self.between / self.variance if self.variance else 0.0

    @property
    def fraction_missing_information(self) -> float:
        """Fraction of missing information, (r + 2 / (df + 3)) / (r + 1)."""
        r = self.relative_increase
        return (r + 2 / (self.df + 3)) / (r + 1) if math.isfinite(r) else 1.0

    def estimate(self, *, level: float = 0.95, ceiling: float = math.inf, floor: float = 0.0) -> Estimate:
        """Put a t interval around the pooled value, on the pooled degrees of freedom."""
        pooled = Linearised(
            value=self.value,
            variance=self.variance,
            df=self.df,
            n=self.n,
            method=f"{self.n_imputations} imputations, {self.share_imputed:.1%} imputed; Rubin's rules",
            reliability=self.reliability,
            floor=floor,
        )
        return pooled.estimate(level=level, ceiling=ceiling, interval="t")


def pool_imputations(
    values: npt.ArrayLike,
    variances: npt.ArrayLike,
    *,
    n: int,
    share_imputed: float,
    complete_df: float = math.inf,
    low_count: bool = False,
) -> PooledImputations:
    """Pool the estimates of several completed data sets.

    Parameters
    ----------
    values, variances
        Estimate and variance of each completed data set, shape (m,), with m two or more.
    n
        Sample units, seen and missing.
    share_imputed
        Share of the figure that was imputed.
    complete_df
        Degrees of freedom had nothing been missing: primary units less strata.
    low_count
        Whether the completed data fail the count rule (`Linearised.reliability`).

    Returns
    -------
    PooledImputations

    Raises
    ------
    InputError
        If there are fewer than two imputations (one has no variance between), or numbers are missing.

    References
    ----------
    Rubin (1987), Multiple Imputation for Nonresponse in Surveys, section 3.1; Barnard and Rubin (1999),
    Biometrika 86, 948-955, doi:10.1093/biomet/86.4.948.

    Examples
    --------
    >>> pool_imputations([10.0, 12.0], [4.0, 4.0], n=30, share_imputed=0.1).variance
    7.0
    """
    q, u = np.asarray(values, dtype=float), np.asarray(variances, dtype=float)
    raise_all(_problems(q, u, share_imputed))
    m = q.size
    within, between = float(u.mean()), float(q.var(ddof=1))
    extra = (1 + 1 / m) * between
    share = extra / (within + extra) if within + extra > 0 else 0.0
    # Rubin (1987), section 3.1: (m - 1)(1 + 1/r)^2 = (m - 1) / lambda^2
    df_large = (m - 1) / share**2 if share > 0 else math.inf
    return PooledImputations(
        value=float(q.mean()),
        within=within,
        between=between,
        df=_barnard_rubin(df_large, share, complete_df),
        df_large=df_large,
        n_imputations=m,
        n=n,
        share_imputed=share_imputed,
        reliability=Reliability(low_count=low_count, skewness=0.0, effective_units=float(n)),
    )


def _barnard_rubin(df_large: float, share: float, complete_df: float) -> float:
    """Return the degrees of freedom of a small sample: Barnard and Rubin (1999)."""
    if not math.isfinite(complete_df):
        return df_large
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    return 1 / (1 / df_large + 1 / observed) if math.isfinite(df_large) else observed


def _problems(q: npt.NDArray[np.float64], u: npt.NDArray[np.float64], share: float) -> list[Problem]:
    """List what is wrong with the completed-data results."""
    problems = []
    if q.ndim != 1 or q.size < 2 or u.shape != q.shape:
        problems.append(
            Problem(
                "imputations",
                f"{q.size} estimates and {u.size} variances",
                "two or more of each",
                "impute several times: one imputation has no variance between",
            )
        )
    if not (np.isfinite(q).all() and np.isfinite(u).all() and (u >= 0).all()):
        problems.append(Problem("imputations", "missing numbers or negative variances", "a number for each"))
    if not 0 <= share <= 1:
        problems.append(Problem("share imputed", f"{share:g}", "a share between 0 and 1"))
    return problems
