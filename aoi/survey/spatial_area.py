"""The Fay-Herriot model with neighbours: area effects that follow a simultaneous autoregression.

u = rho W u + v, so that var u = A [(I - rho W)'(I - rho W)]^-1. Where neighbours resemble one another an area
borrows from those next to it rather than from the regression alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.survey.small_area import AreaFit, AreaPrediction, check_areas, fit_fay_herriot
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["SpatialFit", "fit_spatial_fay_herriot", "predict_spatial_fay_herriot"]

FloatArray = NDArray[np.float64]

_STEPS = 200
"""Most scoring steps; the fit stops long before where it converges at all."""

_TOLERANCE = 1e-12
"""Change of the parameters, relative, at which scoring has converged."""

_RHO_LIMIT = 0.999
"""The autocorrelation stays inside this; W has rows that sum to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialFit:
    """A fitted spatial area-level model."""

    area: AreaFit
    """Variance, coefficients and data, as of the plain model."""
    autocorrelation: float
    """rho, between -1 and 1."""
    proximity: FloatArray
    """W, rows summing to 1, shape (n_areas, n_areas)."""
    information: FloatArray
    """Information on (A, rho), shape (2, 2)."""


@dataclass(frozen=True, slots=True)
class _State:
    """Everything at one value of (A, rho)."""

    variance: FloatArray
    """G, covariance of the area effects."""
    inverse: FloatArray
    """V^-1."""
    slopes: tuple[FloatArray, FloatArray]
    """dV/dA and dV/drho."""
    beta: FloatArray
    beta_covariance: FloatArray
    projection: FloatArray
    """P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1."""


def _inverse(matrix: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _state(theta: FloatArray, y: FloatArray, psi: FloatArray, x: FloatArray, w: FloatArray) -> _State:
    a, rho = float(theta[0]), float(theta[1])
    lag = np.eye(len(y)) - rho * w
    shape = _inverse(lag.T @ lag)
    inverse = _inverse(a * shape + np.diag(psi))
    weighted = inverse @ x
    covariance = _inverse(x.T @ weighted)
    beta = covariance @ (weighted.T @ y)
    # d(C^-1)/drho = -C^-1 (dC/drho) C^-1
    turn = -a * shape @ _metric_slope(rho, w) @ shape
    projection = inverse - weighted @ covariance @ weighted.T
    return _State(a * shape, inverse, (shape, turn), beta, covariance, projection)


def _metric_slope(rho: float, w: FloatArray) -> FloatArray:
    """Return d/drho of (I - rho W)'(I - rho W)."""
    return np.asarray(2 * rho * w.T @ w - w - w.T)


def _score(state: _State, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the restricted score of (A, rho) and the information."""
    py = state.projection @ y
    carried = [state.projection @ slope for slope in state.slopes]
    score = [0.5 * (py @ slope @ py - np.trace(pv)) for slope, pv in zip(state.slopes, carried, strict=True)]
    information = [[0.5 * np.sum(one * other.T) for other in carried] for one in carried]
    return np.array(score), np.array(information)


def fit_spatial_fay_herriot(
    direct: ArrayLike, sampling_variance: ArrayLike, covariates: ArrayLike, proximity: ArrayLike
) -> SpatialFit:
    """Fit the spatial area-level model by restricted maximum likelihood.

    Parameters
    ----------
    direct, sampling_variance, covariates
        As in `fit_fay_herriot`.
    proximity : array_like, shape (n_areas, n_areas)
        W: weights of the neighbours of each area, rows summing to 1 (an island's row is 0).

    Raises
    ------
    InputError
        If W is not a proximity matrix, or the data are not those of an area model.
    QualityGateError
        If scoring does not converge; the plain model is then the one to use.

    References
    ----------
    Pratesi and Salvati (2008), Statistical Methods and Applications 17, 113-141.
    """
    y, psi, x, w = (np.array(one, dtype=float) for one in (direct, sampling_variance, covariates, proximity))
    check_areas(y, psi, x)
    _check_proximity(w, len(y))
    plain = fit_fay_herriot(y, psi, x, method="reml")
    theta = np.array([max(plain.variance, 0.01 * float(np.median(psi))), 0.0])
    for _ in range(_STEPS):
        state = _state(theta, y, psi, x, w)
        score, information = _score(state, y)
        moved = _step(theta, np.asarray(np.linalg.solve(information, score), dtype=np.float64))
        done = np.all(np.abs(moved - theta) <= _TOLERANCE * np.maximum(np.abs(theta), 1e-3))
        theta = moved
        if done:
            break
    else:
        remedy = "use the plain Fay-Herriot model"
        raise QualityGateError(Problem("spatial model", f"no convergence in {_STEPS} steps", "a root", remedy))
    state = _state(theta, y, psi, x, w)
    area = replace(
        plain,
        variance=float(theta[0]),
        beta=state.beta,
        beta_covariance=state.beta_covariance,
        log_likelihood=_log_likelihood(state, y, x),
    )
    return SpatialFit(area=area, autocorrelation=float(theta[1]), proximity=w, information=_score(state, y)[1])


def _step(theta: FloatArray, step: FloatArray) -> FloatArray:
    """Return the scoring step, halved until the variance is positive and rho inside its limit."""
    for _ in range(60):
        moved = theta + step
        if moved[0] > 0 and abs(moved[1]) < _RHO_LIMIT:
            return np.asarray(moved)
        step = step / 2
    return theta


def _log_likelihood(state: _State, y: FloatArray, x: FloatArray) -> float:
    residual = y - x @ state.beta
    logdet = float(np.linalg.slogdet(state.inverse)[1])
    return 0.5 * (logdet - len(y) * float(np.log(2 * np.pi)) - float(residual @ state.inverse @ residual))


def _check_proximity(w: FloatArray, areas: int) -> None:
    if w.shape != (areas, areas) or not np.isfinite(w).all():
        raise InputError(Problem("proximity", f"shape {w.shape}", f"({areas}, {areas}), all numbers"))
    rows = w.sum(axis=1)
    # published matrices are rounded: 1/3 printed with fifteen digits
    odd = np.flatnonzero((np.abs(rows - 1) > 1e-6) & (rows != 0) | (w < 0).any(axis=1) | (np.diag(w) != 0))
    if odd.size:
        found = "rows that do not sum to 1, a negative weight, or an area next to itself"
        raise InputError(Problem(f"proximity, rows {odd[:5].tolist()}", found, "divide each row by its sum"))


def predict_spatial_fay_herriot(fit: SpatialFit) -> AreaPrediction:
    """Return the predictions of the sampled areas with their mean squared errors.

    Notes
    -----
    mse = g1 + g2 + 2 g3 - g4; g4 takes off the curvature of V in rho.

    References
    ----------
    Singh, Shukla and Kundu (2005), Survey Methodology 31, 183-195.
    """
    y, psi, x = fit.area.direct, fit.area.sampling_variance, fit.area.covariates
    w, rho, a = fit.proximity, fit.autocorrelation, fit.area.variance
    state = _state(np.array([a, rho]), y, psi, x, w)
    share = state.variance @ state.inverse
    value = x @ state.beta + share @ (y - x @ state.beta)
    kept = np.eye(len(y)) - share
    g1 = np.diag(kept @ state.variance)
    spread = kept @ x
    g2 = np.einsum("ij,jk,ik->i", spread, state.beta_covariance, spread)
    precision = _inverse(fit.information)
    turns = [kept @ slope @ state.inverse for slope in state.slopes]
    v = state.variance + np.diag(psi)
    g3 = sum(precision[k, j] * np.einsum("ij,jk,ik->i", turns[k], v, turns[j]) for k in range(2) for j in range(2))
    mse = g1 + g2 + 2 * g3 - _curvature(state, fit, precision)
    return AreaPrediction(value=value, mse=np.asarray(mse), direct_weight=np.asarray(np.diag(share).copy()))


def _curvature(state: _State, fit: SpatialFit, precision: FloatArray) -> FloatArray:
    """Return g4 = half the diagonal of Psi V^-1 (sum of second derivatives of V times cov theta) V^-1 Psi."""
    shape, w, rho, a = state.slopes[0], fit.proximity, fit.autocorrelation, fit.area.variance
    bend = shape @ _metric_slope(rho, w) @ shape
    twice = 2 * a * (bend @ _metric_slope(rho, w) @ shape - shape @ (w.T @ w) @ shape)
    second = -2 * precision[0, 1] * bend + precision[1, 1] * twice
    carried = fit.area.sampling_variance[:, None] * state.inverse
    return np.asarray(0.5 * np.einsum("ij,jk,ik->i", carried, second, carried))
