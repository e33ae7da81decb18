"""How sure an effect is: clusters, few clusters, neighbours in space.

Units of one cluster (the level at which a programme is assigned) are not independent: their influence is summed
before it is squared. With few clusters the usual intervals are too short; then the wild bootstrap and the
permutation of the programme among like clusters take their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import cKDTree

from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "FEW_CLUSTERS",
    "Interval",
    "cluster_covariance",
    "cluster_interval",
    "cluster_sums",
    "conley_se",
    "randomisation_p",
    "wild_bootstrap",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FEW_CLUSTERS = 30
"""Below this the cluster-robust interval is not relied on by itself."""

_WEBB = np.array([-1.5, -1.0, -0.5, 0.5, 1.0, 1.5])
"""Squares, signs kept: the six points of Webb (2014)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A value with its standard error, degrees of freedom, limits and p-value."""

    value: float
    """The effect."""
    se: float
    """Standard error."""
    df: float
    """Degrees of freedom of the t distribution behind the limits."""
    lo: float
    """Lower limit."""
    hi: float
    """Upper limit."""
    p_value: float
    """Two-sided, against no effect."""
    level: float
    """Confidence level."""
    clusters: int
    """Clusters behind it."""
    method: str
    """How the limits were made."""


def cluster_sums(influence: FloatArray, clusters: IntArray) -> FloatArray:
    """Return the influence of each cluster that has any, shape (G,)."""
    sums = np.bincount(clusters, weights=influence)
    there = np.bincount(clusters[influence != 0], minlength=len(sums)) > 0
    return np.asarray(sums[there])


def cluster_interval(
    value: float, influence: FloatArray, clusters: IntArray, treated: NDArray[np.bool_], *, level: float = 0.95
) -> Interval:
    """Return the interval of an effect from its influence function.

    Parameters
    ----------
    value
        The effect.
    influence : ndarray, shape (n,)
        Influence of each unit, scaled for leverage (`group_time_effects` with clusters).
    clusters : ndarray of int, shape (n,)
        Level at which the programme was assigned, or above.
    treated : ndarray of bool, shape (n,)
        Treated units; degrees of freedom are Welch's, of clusters with treated units and of the others.
    level
        Confidence level.

    Raises
    ------
    QualityGateError
        If treated or control units lie in one cluster: then nothing can be said of the error.
    """
    n = len(influence)
    sums = np.bincount(clusters, weights=influence)
    used = np.bincount(clusters[influence != 0], minlength=len(sums)) > 0
    of_treated = np.bincount(clusters[treated], minlength=len(sums)) > 0
    parts = [sums[used & of_treated], sums[used & ~of_treated]]
    sizes = [len(part) for part in parts]
    if sizes[0] < 2 or sum(sizes) < 4:
        raise QualityGateError(
            Problem(
                "clusters",
                f"{sizes[0]} with treated units and {sizes[1]} without",
                "at least two with treated units and four in all",
                "name a finer level of assignment, or do without an interval",
            )
        )
    variances = [float((part**2).sum()) / n**2 for part in parts]
    variance = sum(variances)
    spread = sum(v**2 / max(size - 1, 1) for v, size in zip(variances, sizes, strict=True))
    df = variance**2 / spread if spread > 0 else float(sum(sizes) - 2)
    se = math.sqrt(variance)
    quantile = float(stats.t.ppf(0.5 + level / 2, df))
    p = float(2 * stats.t.sf(abs(value) / se, df)) if se > 0 else float(value == 0)
    return Interval(
        value=value,
        se=se,
        df=df,
        lo=value - quantile * se,
        hi=value + quantile * se,
        p_value=p,
        level=level,
        clusters=sum(sizes),
        method="cluster-robust (CR2), t with Welch's degrees of freedom",
    )


def cluster_covariance(
    x: FloatArray,
    residual: FloatArray,
    clusters: IntArray,
    *,
    correction: Literal["CR0", "CR1", "CR2"],
    absorbed: int = 0,
    further: FloatArray | None = None,
) -> FloatArray:
    """Return the cluster-robust covariance of least-squares coefficients.

    Parameters
    ----------
    x : ndarray, shape (N, k)
        Regressors, fixed effects taken out.
    residual : ndarray, shape (N,)
        Residuals.
    clusters : ndarray of int, shape (N,)
        Cluster of each row.
    correction
        ``CR0`` none; ``CR1`` G/(G-1) times (N-1)/(N-K), K with the `absorbed` effects; ``CR2`` residuals scaled by
        the inverse root of I - H in each cluster (Bell and McCaffrey 2002; Pustejovsky and Tipton 2018).
    absorbed
        Fixed effects taken out that are not nested in clusters.
    further : ndarray, shape (N, m), optional
        Those effects as columns, for the leverage of ``CR2``.
    """
    bread = np.asarray(np.linalg.inv(x.T @ x), dtype=np.float64)
    names, code = np.unique(clusters, return_inverse=True)
    groups, rows = len(names), len(residual)
    if groups < 2:
        raise QualityGateError(Problem("clusters", f"{groups}", "at least two"))
    if correction == "CR2":
        residual = _adjusted(x, residual, code, bread, further)
    scores = np.zeros((groups, x.shape[1]))
    np.add.at(scores, code, x * residual[:, None])
    meat = scores.T @ scores
    factor = 1.0
    if correction == "CR1":
        factor = groups / (groups - 1) * (rows - 1) / (rows - x.shape[1] - absorbed)
    return np.asarray(factor * bread @ meat @ bread)


def _adjusted(
    x: FloatArray, residual: FloatArray, code: IntArray, bread: FloatArray, further: FloatArray | None
) -> FloatArray:
    adjusted = np.empty_like(residual)
    grand = np.linalg.pinv(further.T @ further) if further is not None else None
    for group in range(int(code.max()) + 1):
        rows = np.flatnonzero(code == group)
        hat = x[rows] @ bread @ x[rows].T
        if further is not None and grand is not None:
            hat = hat + further[rows] @ grand @ further[rows].T
        values, vectors = np.linalg.eigh(np.eye(len(rows)) - hat)
        root = np.where(values > 1e-10, 1 / np.sqrt(np.clip(values, 1e-10, None)), 0.0)
        adjusted[rows] = vectors @ (root * (vectors.T @ residual[rows]))
    return adjusted


def conley_se(
    influence: FloatArray,
    xy_km: FloatArray,
    *,
    cutoff_km: float,
    kernel: Literal["uniform", "bartlett"] = "bartlett",
) -> float:
    """Return the standard error that allows for correlation between units up to a distance.

    Parameters
    ----------
    influence : ndarray, shape (n,)
        Influence function; years are summed in it already, so correlation over time is allowed for.
    xy_km : ndarray, shape (n, 2)
        Places in a metric projection.
    cutoff_km
        Distance beyond which units are independent.
    kernel
        Weight 1 up to the distance, or falling to 0 along a line.

    References
    ----------
    Conley (1999), Journal of Econometrics 92, 1-45, doi:10.1016/S0304-4076(98)00084-0.
    """
    if not cutoff_km > 0:
        raise InputError(Problem("cut-off of spatial correlation", f"{cutoff_km} km", "a positive distance"))
    tree = cKDTree(xy_km)
    pairs = tree.sparse_distance_matrix(tree, cutoff_km, output_type="ndarray")
    weight = np.ones(len(pairs)) if kernel == "uniform" else 1 - pairs["v"] / cutoff_km
    total = float((weight * influence[pairs["i"]] * influence[pairs["j"]]).sum())
    return math.sqrt(max(total, 0.0)) / len(influence)


def wild_bootstrap(
    statistic: Callable[[FloatArray], tuple[float, float]],
    residual: FloatArray,
    clusters: IntArray,
    *,
    value: float,
    se: float,
    level: float,
    draws: int,
    rng: np.random.Generator,
) -> tuple[float, float, float]:
    """Return p-value and symmetric limits of the wild cluster bootstrap-t with Webb's six-point weights.

    Parameters
    ----------
    statistic
        Value and standard error of an outcome array like `residual`.
    residual : ndarray, shape (n, T)
        Outcome less the mean of its cohort (controls: their weighted mean) in each year; no effect is left in it.
    clusters : ndarray of int, shape (n,)
        Cluster of each unit.
    value, se
        The effect and its standard error.
    level
        Confidence level.
    draws
        Bootstrap draws.
    rng
        Source of the weights.

    References
    ----------
    Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90, 414-427; Webb (2014), Queen's
    Economics Department working paper 1315.
    """
    names, code = np.unique(clusters, return_inverse=True)
    ratios = np.empty(draws)
    for draw in range(draws):
        point = rng.choice(_WEBB, size=len(names))
        sign = np.sign(point) * np.sqrt(np.abs(point))
        drawn, error = statistic(residual * sign[code][:, None])
        ratios[draw] = abs(drawn) / error if error > 0 else 0.0
    observed = abs(value) / se
    p = (1 + float((ratios >= observed * (1 - 1e-12)).sum())) / (draws + 1)
    quantile = float(np.quantile(ratios, level))
    return p, value - quantile * se, value + quantile * se


def randomisation_p(
    statistic: Callable[[IntArray], float],
    blocks: IntArray,
    *,
    draws: int,
    rng: np.random.Generator,
) -> float:
    """Return the share of re-drawn assignments whose statistic is at least as large, with the one that was made.

    Parameters
    ----------
    statistic
        Takes a permutation of the clusters (cluster i gets the history of cluster ``order[i]``), returns a number;
        only its size matters. A statistic divided by its standard error keeps its level when spreads differ.
    blocks : ndarray of int, shape (G,)
        Clusters are exchanged inside blocks only.
    draws
        Assignments drawn.
    rng
        Source of the permutations.

    References
    ----------
    Fisher (1935); Young (2019), Quarterly Journal of Economics 134, 557-598, doi:10.1093/qje/qjy029.
    """
    size = len(blocks)
    observed = abs(statistic(np.arange(size)))
    as_large = 0
    for _ in range(draws):
        order = np.arange(size)
        for block in np.unique(blocks):
            inside = np.flatnonzero(blocks == block)
            order[inside] = rng.permutation(inside)
        as_large += abs(statistic(order)) >= observed * (1 - 1e-12)
    return (1 + as_large) / (draws + 1)
