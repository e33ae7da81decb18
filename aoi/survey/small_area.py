"""Small areas from direct figures and auxiliary data: the Fay-Herriot model and its mean squared errors.

y_i = x_i'b + u_i + e_i with var u_i = A and var e_i = psi_i known. An area that was not sampled gets x_i'b, a
synthetic figure with its own mean squared error, flagged `INDICATIVE`; so is a figure that leans more on the
model than on its own sample. What comes out is benchmarked to the national total in `aoi.survey.benchmark`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.survey.addition import estimate_with_interval
from aoi.survey.estimate import INDICATIVE, Estimate
from aoi.survey.likelihood import score_roots
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "AreaFit",
    "AreaPrediction",
    "Method",
    "check_areas",
    "fit_fay_herriot",
    "predict_fay_herriot",
    "quadratic_form",
    "small_area_estimates",
]

FloatArray = NDArray[np.float64]
Method = Literal["reml", "ml", "moment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaFit:
    """A fitted area-level model."""

    method: Method
    """How the variance between areas was estimated."""
    variance: float
    """A, between areas; 0 where the data show none."""
    beta: FloatArray
    """Regression coefficients, shape (n_x,)."""
    beta_covariance: FloatArray
    """Their covariance, shape (n_x, n_x)."""
    log_likelihood: float
    """Log likelihood (not restricted) at the estimates."""
    direct: FloatArray
    """Direct figures y, shape (n_areas,)."""
    sampling_variance: FloatArray
    """psi, shape (n_areas,)."""
    covariates: FloatArray
    """x, shape (n_areas, n_x)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaPrediction:
    """Predicted small-area figures; every array has shape (n_areas,)."""

    value: FloatArray
    """Empirical best linear unbiased prediction, or the synthetic figure."""
    mse: FloatArray
    """Estimated mean squared error."""
    direct_weight: FloatArray
    """gamma, the weight of the area's own sample; 0 where it has none."""


def check_areas(direct: FloatArray, variance: FloatArray, covariates: FloatArray) -> None:
    """Refuse direct figures, sampling variances and covariates that no area model can use.

    Raises
    ------
    InputError
        If shapes differ or a number is missing; all problems are told at once.
    QualityGateError
        If a sampling variance is not positive, covariates are collinear, or there are too few areas.
    """
    problems = []
    areas = direct.shape[0] if direct.ndim == 1 else -1
    if variance.shape != (areas,) or covariates.ndim != 2 or covariates.shape[0] != areas:
        found = f"shapes {direct.shape}, {variance.shape}, {covariates.shape}"
        raise InputError(Problem("small areas", found, "(n,), (n,) and (n, n_x)"))
    for name, rows in (
        ("direct figure", ~np.isfinite(direct)),
        ("sampling variance", ~np.isfinite(variance)),
        ("covariate", ~np.isfinite(covariates).all(axis=1)),
    ):
        if rows.any():
            problems.append(Problem(f"{name}, areas {np.flatnonzero(rows)[:5].tolist()}", "nothing", "a number"))
    if problems:
        raise InputError(problems)
    unsure = np.flatnonzero(variance <= 0)
    if unsure.size:
        where, remedy = f"areas {unsure[:5].tolist()}", "smooth the variances or leave the area to the model"
        raise QualityGateError(Problem(where, "sampling variance 0 or less", "a positive one", remedy))
    if np.linalg.matrix_rank(covariates) < covariates.shape[1] or areas <= covariates.shape[1] + 1:
        found = f"{areas} areas for {covariates.shape[1]} covariates of rank {np.linalg.matrix_rank(covariates)}"
        raise QualityGateError(Problem("small areas", found, "independent covariates, more areas than those"))


def _gls(
    variance: float, fit: tuple[FloatArray, FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return weights 1/(A + psi), coefficients and their covariance."""
    y, psi, x = fit
    weight = 1 / (variance + psi)
    covariance = np.asarray(np.linalg.inv(x.T * weight @ x), dtype=np.float64)
    return weight, covariance @ (x.T * weight @ y), covariance


def _score(variance: float, fit: tuple[FloatArray, FloatArray, FloatArray], method: Method) -> float:
    """Return the estimating function whose root is A; positive below the root."""
    y, _, x = fit
    weight, beta, covariance = _gls(variance, fit)
    residual = y - x @ beta
    if method == "moment":
        # Fay and Herriot 1979, eq. 2.7: sum of standardised squared residuals = n - n_x
        return float(np.sum(weight * residual**2) - (len(y) - x.shape[1]))
    quadratic = float(np.sum((weight * residual) ** 2))
    if method == "ml":
        return quadratic - float(np.sum(weight))
    # trace of P = W - W X (X'WX)^-1 X'W
    leverage = float(np.trace(covariance @ (x.T * weight**2 @ x)))
    return quadratic - (float(weight.sum()) - leverage)


def _log_likelihood(variance: float, fit: tuple[FloatArray, FloatArray, FloatArray], restricted: bool) -> float:
    y, _, x = fit
    weight, beta, covariance = _gls(variance, fit)
    value = -0.5 * (len(y) * math.log(2 * math.pi) - np.log(weight).sum() + np.sum(weight * (y - x @ beta) ** 2))
    return float(value + (0.5 * np.linalg.slogdet(covariance)[1] if restricted else 0.0))


def fit_fay_herriot(
    direct: ArrayLike, sampling_variance: ArrayLike, covariates: ArrayLike, *, method: Method = "reml"
) -> AreaFit:
    """Fit the area-level model.

    Parameters
    ----------
    direct : array_like, shape (n_areas,)
        Direct figures of the sampled areas, such as shares or hectares.
    sampling_variance : array_like, shape (n_areas,)
        Their sampling variances, positive; smooth those of areas where nothing was found.
    covariates : array_like, shape (n_areas, n_x)
        Auxiliary data; bring the intercept as a column of ones.
    method : {"reml", "ml", "moment"}
        Estimator of the variance between areas.

    Returns
    -------
    AreaFit
        At the root of the estimating equation, to machine precision; A = 0 where it has none. Of several roots
        the one of greatest likelihood is taken.

    Raises
    ------
    InputError, QualityGateError
        As told by `check_areas`.

    References
    ----------
    Fay and Herriot (1979), Journal of the American Statistical Association 74, 269-277.
    Rao and Molina (2015), Small Area Estimation, 2nd ed., section 6.1.2.

    Examples
    --------
    >>> y = [10.0, 14.0, 8.0, 20.0, 13.0, 11.0]
    >>> fit = fit_fay_herriot(y, [4.0] * 6, np.ones((6, 1)))
    >>> fit.variance, fit.beta
    (13.466667, array([12.666667]))
    """
    y, psi, x = (np.array(one, dtype=float) for one in (direct, sampling_variance, covariates))
    check_areas(y, psi, x)
    data = (y, psi, x)
    scale = float(np.median(psi))
    roots = score_roots(lambda a: _score(a, data, method), scale)
    if method == "moment":
        variance = roots[-1]
    else:
        variance = max(roots, key=lambda a: _log_likelihood(a, data, method == "reml"))
    _, beta, covariance = _gls(variance, data)
    for array in (beta, covariance, *data):
        array.setflags(write=False)
    return AreaFit(
        method=method,
        variance=variance,
        beta=beta,
        beta_covariance=covariance,
        log_likelihood=_log_likelihood(variance, data, restricted=False),
        direct=y,
        sampling_variance=psi,
        covariates=x,
    )


def _variance_of_variance(fit: AreaFit) -> tuple[float, float]:
    """Return the asymptotic variance of the estimated A and its bias (Rao and Molina 2015, section 6.2.1)."""
    weight, _, covariance = _gls(fit.variance, (fit.direct, fit.sampling_variance, fit.covariates))
    s1, s2, areas = float(weight.sum()), float(np.sum(weight**2)), len(weight)
    if fit.method == "reml":
        return 2 / s2, 0.0
    if fit.method == "ml":
        x = fit.covariates
        return 2 / s2, -float(np.trace(covariance @ (x.T * weight**2 @ x))) / s2
    return 2 * areas / s1**2, 2 * (areas * s2 - s1**2) / s1**3


def predict_fay_herriot(fit: AreaFit, unsampled: ArrayLike | None = None) -> AreaPrediction:
    """Return the predictions of the sampled areas and, after them, the synthetic ones of the unsampled.

    Parameters
    ----------
    fit : AreaFit
        The fitted model.
    unsampled : array_like, shape (n_unsampled, n_x), optional
        Covariates of areas without a sample.

    Notes
    -----
    mse = g1 + g2 + 2 g3 - bias x (psi/(A + psi))^2, with g1 = gamma psi, g2 = (1 - gamma)^2 x'cov(b)x and
    g3 = psi^2/(A + psi)^3 var(A); a synthetic figure has A + x'cov(b)x.

    References
    ----------
    Prasad and Rao (1990), JASA 85, 163-171; Datta and Lahiri (2000), Statistica Sinica 10, 613-627;
    Datta, Rao and Smith (2005), Biometrika 92, 183-196 (moment estimator).
    """
    a, psi = fit.variance, fit.sampling_variance
    gamma = a / (a + psi)
    spread = quadratic_form(fit.covariates, fit.beta_covariance)
    noise, bias = _variance_of_variance(fit)
    mse = gamma * psi + (1 - gamma) ** 2 * (spread - bias) + 2 * psi**2 / (a + psi) ** 3 * noise
    value = gamma * fit.direct + (1 - gamma) * (fit.covariates @ fit.beta)
    if unsampled is not None:
        x = np.atleast_2d(np.asarray(unsampled, dtype=float))
        if x.shape[1] != len(fit.beta) or not np.isfinite(x).all():
            raise InputError(Problem("unsampled areas", f"shape {x.shape}", f"{len(fit.beta)} covariates each"))
        value = np.concatenate([value, x @ fit.beta])
        mse = np.concatenate([mse, a + quadratic_form(x, fit.beta_covariance)])
        gamma = np.concatenate([gamma, np.zeros(len(x))])
    return AreaPrediction(value=value, mse=mse, direct_weight=gamma)


def quadratic_form(x: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return x_i' C x_i for each row."""
    return np.asarray(np.einsum("ij,jk,ik->i", x, covariance, x))


def small_area_estimates(
    prediction: AreaPrediction,
    n: ArrayLike,
    *,
    model: str,
    level: float = 0.95,
    within: tuple[float, float] = (-math.inf, math.inf),
    most: ArrayLike | None = None,
    own_weight: float = 0.5,
) -> list[Estimate]:
    """Return the predictions as estimates, those that lean on the model flagged `INDICATIVE`.

    Parameters
    ----------
    prediction : AreaPrediction
        Values and mean squared errors.
    n : array_like of int, shape (n_areas,)
        Sample units of each area; 0 for an unsampled one.
    model : str
        Named in the method.
    level : float
        Nominal confidence level.
    within : tuple of float
        Least and largest possible figure; a prediction outside is brought to the edge.
    most : array_like, shape (n_areas,), optional
        Largest possible figure of each area, such as its hectares.
    own_weight : float
        An area whose own sample weighs less than this is `INDICATIVE`.

    Raises
    ------
    InputError
        If there is not one sample size for each area.
    QualityGateError
        If a mean squared error is missing or negative: no synthetic figure leaves without one.
    """
    sizes = np.asarray(n)
    if sizes.shape != prediction.value.shape:
        raise InputError(Problem("small areas", f"{sizes.shape} sample sizes", f"{prediction.value.shape}"))
    bad = np.flatnonzero(~(np.isfinite(prediction.mse) & (prediction.mse >= 0)))
    if bad.size:
        raise QualityGateError(Problem(f"areas {bad[:5].tolist()}", "no mean squared error", "one of 0 or more"))
    floor, ceiling = within
    ceilings = np.full(sizes.shape, ceiling) if most is None else np.minimum(np.asarray(most, float), ceiling)
    estimates = []
    for value, mse, weight, size, top in zip(
        prediction.value, prediction.mse, prediction.direct_weight, sizes, ceilings.tolist(), strict=True
    ):
        kind = "synthetic" if weight == 0 else f"own weight {weight:.2f}"
        made = estimate_with_interval(
            float(np.clip(value, floor, top)),
            math.sqrt(mse),
            n=int(size),
            method=f"{model}, {kind}",
            level=level,
            within=(floor, top),
        )
        estimates.append(made if weight >= own_weight else made.flagged(INDICATIVE))
    return estimates
