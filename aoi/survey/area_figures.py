"""Small-area figures from a fitted model to the last step: predicted, kept within the possible, benchmarked.

Both models come out the same way: hectares of each area with a mean squared error, `INDICATIVE` where the model
weighs more than the area's own sample, adding up to the national total.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi.survey.benchmark import benchmark
from aoi.survey.estimate import Estimate
from aoi.survey.small_area import (
    AreaFit,
    AreaPrediction,
    Method,
    fit_fay_herriot,
    predict_fay_herriot,
    small_area_estimates,
)
from aoi.survey.unit_level import UnitFit, fit_nested_error, predict_nested_error
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["AreaFigures", "Finish", "area_level_figures", "pooled_variances", "unit_level_figures"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How predictions become figures."""

    total: Estimate
    """The direct, design-based figure of the whole, which the areas are made to add up to."""
    area_ha: FloatArray
    """Hectares of each area: the most it can hold, shape (n_areas,)."""
    benchmark: Literal["difference", "ratio"] = "difference"
    """How the areas are made to add up."""
    level: float = 0.95
    """Nominal confidence level."""
    own_weight: float = 0.5
    """An area whose own sample weighs less is `INDICATIVE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaFigures:
    """The areas' figures and the model behind them; arrays follow the areas as given."""

    fit: AreaFit | UnitFit
    """The fitted model, in the unit it was fitted in."""
    own_weight: FloatArray
    """Weight of each area's own sample, shape (n_areas,); 0 for a synthetic figure."""
    predicted: tuple[Estimate, ...]
    """Before benchmarking, hectares."""
    figures: tuple[Estimate, ...]
    """Benchmarked, hectares."""


def pooled_variances(variance: ArrayLike, n: ArrayLike) -> FloatArray:
    """Return sampling variances that share one unit variance: s2 / n_i, s2 pooled over the areas.

    Parameters
    ----------
    variance : array_like, shape (n_areas,)
        Sampling variances of means per unit (or of shares); 0 where an area found nothing.
    n : array_like, shape (n_areas,)
        Sample units of each area, 1 or more.

    Returns
    -------
    ndarray
        Shape (n_areas,), with s2 = sum (n_i - 1) n_i v_i / sum (n_i - 1).

    Raises
    ------
    QualityGateError
        If no area has two units, or none shows any variance.

    Notes
    -----
    The simplest generalised variance function (Rao and Molina 2015, section 6.4.1); the areas' units are taken
    to scatter alike. An area where nothing was found is thereby as uncertain as others of its sample size.

    Examples
    --------
    >>> pooled_variances([0.04, 0.0], [5, 9])
    array([0.013333, 0.007407])
    """
    v, size = np.asarray(variance, dtype=float), np.asarray(n, dtype=float)
    freedom = size - 1
    if v.shape != size.shape or not (np.isfinite(v) & (v >= 0) & (size >= 1)).all():
        raise InputError(Problem("sampling variances", f"shapes {v.shape}, {size.shape}", "0 or more, 1 or more"))
    pooled = float(freedom @ (size * v)) / max(float(freedom.sum()), 1.0)
    if pooled <= 0:
        found, remedy = "no variance in any area with two units or more", "the sample is too small for a model"
        raise QualityGateError(Problem("sampling variances", found, "some scatter between units", remedy))
    return pooled / size


def area_level_figures(
    direct: ArrayLike,
    variance: ArrayLike,
    n: ArrayLike,
    covariates: ArrayLike,
    finish: Finish,
    *,
    scale: ArrayLike | None = None,
    method: Method = "reml",
) -> AreaFigures:
    """Return Fay-Herriot figures of all areas, synthetic where there is no direct figure.

    Parameters
    ----------
    direct : array_like, shape (n_areas,)
        Direct figures in hectares; NaN for an area that was not sampled.
    variance : array_like, shape (n_areas,)
        Their sampling variances; not read where there is no direct figure.
    n : array_like, shape (n_areas,)
        Sample units of each area.
    covariates : array_like, shape (n_areas, n_x)
        Auxiliary data of every area, the intercept as a column of ones.
    finish : Finish
        Total, capacities and level.
    scale : array_like, shape (n_areas,), optional
        Hectares by which direct figures are divided before the model is fitted, so that it sees shares.
    method : {"reml", "ml", "moment"}
        Estimator of the variance between areas.

    Raises
    ------
    InputError, QualityGateError
        As the model and the benchmarking do.
    """
    y, psi, x = (np.asarray(one, dtype=float) for one in (direct, variance, covariates))
    unit = np.ones(y.shape) if scale is None else np.asarray(scale, dtype=float)
    seen = ~np.isnan(y)
    fit = fit_fay_herriot(y[seen] / unit[seen], psi[seen] / unit[seen] ** 2, x[seen], method=method)
    made = predict_fay_herriot(fit, unsampled=x[~seen] if not seen.all() else None)
    order = np.argsort(np.concatenate([np.flatnonzero(seen), np.flatnonzero(~seen)]), kind="stable")
    hectares = AreaPrediction(
        value=made.value[order] * unit, mse=made.mse[order] * unit**2, direct_weight=made.direct_weight[order]
    )
    return _finished(fit, hectares, n, f"Fay-Herriot ({method})", finish)


def unit_level_figures(
    y: ArrayLike,
    covariates: ArrayLike,
    area: ArrayLike,
    population: tuple[ArrayLike, ArrayLike, ArrayLike],
    finish: Finish,
    *,
    method: Literal["reml", "ml"] = "reml",
) -> AreaFigures:
    """Return nested-error figures of all areas, synthetic where no unit was sampled.

    Parameters
    ----------
    y : array_like, shape (n_units,), hectares
        Crop in each sample unit.
    covariates : array_like, shape (n_units, n_x)
        Auxiliary data, the intercept as a column of ones.
    area : array_like of str, shape (n_units,)
        Area of each unit.
    population : tuple of array_like
        Names of the areas wanted, means of the covariates over all their units, and numbers of units.
    finish : Finish
        Total, capacities and level.
    method : {"reml", "ml"}
        Estimator of the two variances.

    Raises
    ------
    InputError, QualityGateError
        As the model and the benchmarking do.
    """
    names, means, sizes = population
    units = np.asarray(sizes, dtype=float)
    fit = fit_nested_error(y, covariates, area, method=method)
    made = predict_nested_error(fit, names, means, units)
    hectares = AreaPrediction(value=made.value * units, mse=made.mse * units**2, direct_weight=made.direct_weight)
    where = dict(zip(fit.areas.tolist(), fit.n.tolist(), strict=True))
    n = [where.get(str(name), 0) for name in np.asarray(names).tolist()]
    return _finished(fit, hectares, n, f"nested error ({method})", finish)


def _finished(
    fit: AreaFit | UnitFit, prediction: AreaPrediction, n: ArrayLike, model: str, finish: Finish
) -> AreaFigures:
    """Keep predictions within 0 and the areas' hectares and make them add up."""
    predicted = small_area_estimates(
        prediction,
        n,
        model=model,
        level=finish.level,
        within=(0.0, math.inf),
        most=finish.area_ha,
        own_weight=finish.own_weight,
    )
    ones = np.ones(len(predicted))
    figures = benchmark(predicted, ones, finish.total, method=finish.benchmark, most=finish.area_ha)
    return AreaFigures(
        fit=fit, own_weight=prediction.direct_weight, predicted=tuple(predicted), figures=tuple(figures)
    )
