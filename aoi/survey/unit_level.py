"""Small areas from sample units and auxiliary means: the nested-error model of Battese, Harter and Fuller.

y_ij = x_ij'b + u_i + e_ij. The figure of an area is the mean of its population: what was sampled is known, the
rest is predicted. An area without a sample gets a synthetic figure with its mean squared error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.survey.likelihood import score_roots
from aoi.survey.small_area import AreaPrediction, quadratic_form
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["UnitFit", "fit_nested_error", "predict_nested_error"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFit:
    """A fitted nested-error model; arrays over areas follow `areas`."""

    areas: NDArray[np.str_]
    """Sampled areas, sorted, shape (n_areas,)."""
    beta: FloatArray
    """Regression coefficients, shape (n_x,)."""
    beta_covariance: FloatArray
    """Their covariance, shape (n_x, n_x)."""
    area_variance: float
    """Variance between areas."""
    unit_variance: float
    """Variance between units of an area."""
    n: NDArray[np.int64]
    """Sample units of each area."""
    mean_y: FloatArray
    """Sample means of the crop, shape (n_areas,)."""
    mean_x: FloatArray
    """Sample means of the covariates, shape (n_areas, n_x)."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Units with their sums by area: all that the likelihood needs."""

    y: FloatArray
    x: FloatArray
    member: NDArray[np.intp]
    n: FloatArray

    def sums(self, values: FloatArray) -> FloatArray:
        """Return sums by area of a column or of columns."""
        columns = np.atleast_2d(values.T)
        totals = [np.bincount(self.member, weights=one, minlength=len(self.n)) for one in columns]
        return np.asarray(totals[0] if values.ndim == 1 else np.column_stack(totals))

    def product(self, left: FloatArray, right: FloatArray, ratio: float) -> FloatArray:
        """Return left'V^-1 right for V = I + ratio J within areas: V^-1 = I - ratio/(1 + n ratio) J."""
        shrink = ratio / (1 + self.n * ratio)
        return np.asarray(left.T @ right - (self.sums(left).T * shrink) @ self.sums(right))


def fit_nested_error(
    y: ArrayLike, covariates: ArrayLike, area: ArrayLike, *, method: Literal["reml", "ml"] = "reml"
) -> UnitFit:
    """Fit the nested-error model to sample units.

    Parameters
    ----------
    y : array_like, shape (n_units,)
        Crop of each unit, such as hectares in a segment.
    covariates : array_like, shape (n_units, n_x)
        Auxiliary data; bring the intercept as a column of ones.
    area : array_like of str, shape (n_units,)
        Area of each unit.
    method : {"reml", "ml"}
        Estimator of the two variances, at the root of its profile score.

    Raises
    ------
    InputError
        If shapes differ or a number is missing.
    QualityGateError
        If covariates are collinear, or there are too few units or areas to tell two variances apart.

    References
    ----------
    Battese, Harter and Fuller (1988), Journal of the American Statistical Association 83, 28-36.

    Examples
    --------
    >>> fit = fit_nested_error([1.0, 2.0, 5.0, 6.0, 3.0, 4.0], np.ones((6, 1)), ["a", "a", "b", "b", "c", "c"])
    >>> fit.area_variance, fit.unit_variance
    (3.75, 0.5)
    """
    columns, values = np.array(covariates, dtype=float), np.array(y, dtype=float)
    areas, member = np.unique(np.asarray(area, dtype=np.str_), return_inverse=True)
    _check_units(values, columns, member, len(areas))
    n = np.bincount(member)
    sample = _Sample(values, columns, member, n.astype(float))
    roots = score_roots(lambda ratio: _score(ratio, sample, method), 1.0)
    ratio = max(roots, key=lambda one: _profile(one, sample, method))
    covariance, beta, rss = _solve(ratio, sample)
    unit_variance = rss / _freedom(sample, method)
    return UnitFit(
        areas=areas,
        beta=beta,
        beta_covariance=unit_variance * covariance,
        area_variance=ratio * unit_variance,
        unit_variance=unit_variance,
        n=n,
        mean_y=sample.sums(values) / n,
        mean_x=sample.sums(columns).reshape(len(areas), -1) / n[:, None],
    )


def _check_units(y: FloatArray, x: FloatArray, member: NDArray[np.intp], areas: int) -> None:
    if y.ndim != 1 or x.ndim != 2 or not len(y) == len(x) == len(member):
        raise InputError(Problem("sample units", f"shapes {y.shape}, {x.shape}, {member.shape}", "one row each"))
    bad = np.flatnonzero(~(np.isfinite(y) & np.isfinite(x).all(axis=1)))
    if bad.size:
        raise InputError(Problem(f"sample units, rows {bad[:5].tolist()}", "nothing", "a number"))
    if np.linalg.matrix_rank(x) < x.shape[1] or areas < 2 or len(y) - x.shape[1] < areas:
        found = f"{len(y)} units in {areas} areas, {x.shape[1]} covariates of rank {np.linalg.matrix_rank(x)}"
        expected = "independent covariates, two areas or more, more units than areas and covariates"
        raise QualityGateError(Problem("nested-error model", found, expected, "use the area-level model"))


def _freedom(sample: _Sample, method: str) -> int:
    return len(sample.y) - (sample.x.shape[1] if method == "reml" else 0)


def _solve(ratio: float, sample: _Sample) -> tuple[FloatArray, FloatArray, float]:
    """Return (X'V^-1 X)^-1, the coefficients and the residual sum of squares for var u / var e = ratio."""
    covariance = np.asarray(np.linalg.inv(sample.product(sample.x, sample.x, ratio)), dtype=np.float64)
    beta = covariance @ sample.product(sample.x, sample.y, ratio)
    residual = sample.y - sample.x @ beta
    return covariance, beta, float(sample.product(residual, residual, ratio))


def _score(ratio: float, sample: _Sample, method: str) -> float:
    """Return the derivative of twice the profile log likelihood by the ratio of the two variances."""
    covariance, beta, rss = _solve(ratio, sample)
    inflation = 1 + sample.n * ratio
    pull = sample.sums(sample.y - sample.x @ beta) / inflation
    score = _freedom(sample, method) * float(np.sum(pull**2)) / rss - float(np.sum(sample.n / inflation))
    if method == "reml":
        leverage = sample.sums(sample.x).reshape(len(sample.n), -1) / inflation[:, None]
        score += float(np.sum(quadratic_form(leverage, covariance)))
    return score


def _profile(ratio: float, sample: _Sample, method: str) -> float:
    """Return the (restricted) log likelihood with the other parameters profiled out, up to a constant."""
    covariance, _, rss = _solve(ratio, sample)
    value = -_freedom(sample, method) * np.log(rss) - np.log1p(sample.n * ratio).sum()
    return float(value + (np.linalg.slogdet(covariance)[1] if method == "reml" else 0.0)) / 2


def predict_nested_error(
    fit: UnitFit, areas: ArrayLike, population_means: ArrayLike, population_sizes: ArrayLike
) -> AreaPrediction:
    """Return the predicted population means of areas, sampled or not.

    Parameters
    ----------
    fit : UnitFit
        The fitted model.
    areas : array_like of str, shape (n,)
        Areas wanted; one that is not in the sample gets a synthetic figure.
    population_means : array_like, shape (n, n_x)
        Means of the covariates over all units of each area, sampled ones among them.
    population_sizes : array_like, shape (n,)
        Units of each area, at least as many as were sampled.

    Raises
    ------
    InputError
        If shapes differ, a number is missing, or an area has fewer units than its sample.

    Notes
    -----
    With f = n/N the error is (1 - f) times that of the unsampled mean: mse = (1 - f)^2 (g1 + g2 + 2 g3) plus
    (1 - f) var e / N for the unsampled units' own scatter.

    References
    ----------
    Prasad and Rao (1990), JASA 85, 163-171; Rao and Molina (2015), Small Area Estimation, 2nd ed., section 7.2.
    """
    labels = np.asarray(areas, dtype=np.str_)
    means, sizes = np.asarray(population_means, dtype=float), np.asarray(population_sizes, dtype=float)
    n, mean_y, mean_x = _matched(fit, labels)
    _check_population(labels, means, sizes, n, len(fit.beta))
    gamma = fit.area_variance / (fit.area_variance + fit.unit_variance / np.maximum(n, 1)) * (n > 0)
    sampled = n / sizes
    effect = gamma * (mean_y - mean_x @ fit.beta)
    value = sampled * mean_y + (means - sampled[:, None] * mean_x) @ fit.beta + (1 - sampled) * effect
    # covariates of the units that were not sampled; an area sampled whole has none and no error
    rest = np.divide(
        means - sampled[:, None] * mean_x, (1 - sampled)[:, None], where=sampled[:, None] < 1, out=means * 0
    )
    g1 = (1 - gamma) * fit.area_variance
    g2 = quadratic_form(rest - gamma[:, None] * mean_x, fit.beta_covariance)
    scatter = (1 - sampled) * fit.unit_variance / sizes
    mse = (1 - sampled) ** 2 * (g1 + g2 + 2 * _g3(fit, n)) + scatter
    return AreaPrediction(value=value, mse=mse, direct_weight=np.where(sampled >= 1, 1.0, gamma))


def _matched(fit: UnitFit, labels: NDArray[np.str_]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return sample size and means of each wanted area; zeros where it was not sampled."""
    place = np.minimum(np.searchsorted(fit.areas, labels), len(fit.areas) - 1)
    hit = fit.areas[place] == labels
    return fit.n[place] * hit * 1.0, fit.mean_y[place] * hit, fit.mean_x[place] * hit[:, None]


def _check_population(
    labels: NDArray[np.str_], means: FloatArray, sizes: FloatArray, n: FloatArray, n_x: int
) -> None:
    if means.shape != (len(labels), n_x) or sizes.shape != labels.shape:
        found = f"shapes {labels.shape}, {means.shape}, {sizes.shape}"
        raise InputError(Problem("areas wanted", found, f"(n,), (n, {n_x}) and (n,)"))
    bad = ~(np.isfinite(means).all(axis=1) & np.isfinite(sizes) & (sizes >= np.maximum(n, 1)))
    if bad.any():
        where = f"areas {labels[bad][:5].tolist()}"
        raise InputError(Problem(where, "missing means, or fewer units than sampled", "population means and size"))


def _g3(fit: UnitFit, n: FloatArray) -> FloatArray:
    """Return the part of the error that comes from estimating the two variances (Prasad and Rao 1990, eq. 3.8)."""
    u, e, sizes = fit.area_variance, fit.unit_variance, fit.n
    alpha = e + sizes * u
    # information on (var u, var e), the same for both likelihoods to this order
    information = 0.5 * np.array(
        [
            [np.sum((sizes / alpha) ** 2), np.sum(sizes / alpha**2)],
            [np.sum(sizes / alpha**2), np.sum((sizes - 1) / e**2 + 1 / alpha**2)],
        ]
    )
    (var_u, cov), (_, var_e) = np.linalg.inv(information)
    held = np.maximum(n, 1)
    spread = e**2 * var_u + u**2 * var_e - 2 * e * u * cov
    return np.asarray(np.where(n > 0, spread / (held**2 * (u + e / held) ** 3), 0.0))
