"""Monte-Carlo draws of the harms: area from the survey, correlated map errors, factors shared by all pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo.errors import InputError, Problem

__all__ = [
    "area_draws_ha",
    "correlated_sum_se",
    "interval_draws",
    "resampled_weights",
    "ring_excess_draws",
    "scaled_to_survey",
    "stream",
]

FloatArray = NDArray[np.float64]


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator of one named quantity, the same whatever else is drawn beside it.

    Examples
    --------
    >>> bool(stream(1, "root_shoot").random() == stream(1, "root_shoot").random())
    True
    """
    return np.random.default_rng([seed, *name.encode()])


def area_draws_ha(area_ha: float, se_ha: float, *, n: int, seed: int, name: str = "area") -> FloatArray:
    """Return draws of the survey's area estimate, hectares, shape (n,).

    A normal truncated at zero by reflection would bias a small area; draws below zero are set to zero instead, so
    that an interval reaching zero says so. An area of zero with no error stays zero.

    Raises
    ------
    InputError
        When area or standard error is negative or not a number.
    """
    if not (area_ha >= 0 and se_ha >= 0 and np.isfinite([area_ha, se_ha]).all()):
        raise InputError(Problem("area of the harm", f"{area_ha} ha, standard error {se_ha} ha", "both 0 or more"))
    return np.maximum(area_ha + se_ha * stream(seed, name).standard_normal(n), 0.0)


def interval_draws(value: float, lo: float, hi: float, *, level: float, n: int, seed: int, name: str) -> FloatArray:
    """Return draws whose median and limits are a figure and its interval, never below zero, shape (n,).

    Two halves of a normal distribution, each as wide as its side of the interval: an interval that is not
    symmetrical, as that of a rare class, keeps its shape.

    Parameters
    ----------
    value, lo, hi
        Figure and limits, 0 or more.
    level
        Of the interval.
    n, seed, name
        As of `area_draws_ha`.

    Raises
    ------
    InputError
        When the limits do not hold the figure, or a number is missing or negative.
    """
    if not (0 <= lo <= value <= hi < np.inf):
        raise InputError(Problem("area of the harm", f"{value} with limits {lo} and {hi}", "0 or more, in order"))
    from scipy.stats import norm  # here, since reading factors takes no distribution

    z = stream(seed, name).standard_normal(n)
    width = np.where(z < 0, value - lo, hi - value) / norm.ppf((1 + level) / 2)
    return np.asarray(np.maximum(value + width * z, 0.0))


def resampled_weights(
    stratum: NDArray[np.integer],
    sizes: NDArray[np.integer],
    use: NDArray[np.bool_],
    *,
    n: int,
    seed: int,
    name: str,
) -> FloatArray:
    """Return the weights of some units of a stratified sample, its units drawn again in each draw, shape (n, c).

    In a stratum of ``n_h`` sampled of ``N_h`` units, ``n_h - 1`` are drawn with replacement; a unit drawn r times
    weighs ``N_h / n_h (1 - l + l r n_h / (n_h - 1))`` with ``l = sqrt(1 - n_h / N_h)``, which gives a total the
    variance that the design has. A stratum that was seen whole has none.

    Parameters
    ----------
    stratum
        Stratum of each unit, shape (units,).
    sizes
        Units that each stratum holds in all, shape (strata,).
    use
        Which units the weights are wanted of, shape (units,); c of them.
    n, seed, name
        As of `area_draws_ha`.

    References
    ----------
    Rao, J. N. K. and Wu, C. F. J. (1988), Journal of the American Statistical Association 83, 231-241,
    doi:10.1080/01621459.1988.10478591.
    """
    found = np.empty((n, int(use.sum())))
    rng, column = stream(seed, name), np.cumsum(use) - 1
    for code in np.unique(stratum):
        units = np.flatnonzero(stratum == code)
        count, wanted = units.size, use[units]
        weight = float(sizes[code]) / count
        spread = np.sqrt(max(1 - count / float(sizes[code]), 0.0))
        if count < 2 or spread == 0:
            found[:, column[units[wanted]]] = weight
            continue
        times = rng.multinomial(count - 1, np.full(count, 1 / count), n)[:, wanted]
        found[:, column[units[wanted]]] = weight * (1 - spread + spread * count / (count - 1) * times)
    return found


def scaled_to_survey(mapped: float | FloatArray, mapped_area_ha: float, area_ha: FloatArray) -> FloatArray:
    """Return a mapped total scaled from the mapped crop area to the draws of the surveyed one.

    The map says where and what kind; the survey says how much. A map without crop gives zero where the survey has
    none either, and otherwise no figure can be had.

    Raises
    ------
    InputError
        When the survey has area and the map has none.
    """
    if mapped_area_ha > 0:
        return np.asarray(mapped / mapped_area_ha * area_ha)
    if np.any(area_ha > 0):
        found = "no mapped crop while the survey has some"
        raise InputError(Problem("crop map", found, "a map that holds the crop", "report it as not computed"))
    return np.zeros_like(area_ha)


def correlated_sum_se(
    area_ha: ArrayLike, sd: ArrayLike, x_m: ArrayLike, y_m: ArrayLike, *, rho0: float, range_m: float
) -> float:
    """Return the standard error of a sum of pixels whose errors are correlated.

    Parameters
    ----------
    area_ha, sd
        Pixel areas and standard deviations per hectare, shape (n,).
    x_m, y_m
        Pixel centres in metres, shape (n,).
    rho0
        Correlation that remains at any distance; 1 is full correlation.
    range_m
        Distance over which the rest decays; 0 leaves only `rho0`.

    Notes
    -----
    ``Var = sum_ij a_i a_j s_i s_j r(d_ij)``, ``r = rho0 + (1 - rho0) exp(-d / range)``. Rows are taken in turns, so
    memory grows with the number of pixels, not its square.
    """
    weight = np.asarray(area_ha, dtype=np.float64) * np.asarray(sd, dtype=np.float64)
    x, y = np.asarray(x_m, dtype=np.float64), np.asarray(y_m, dtype=np.float64)
    if not (0 <= rho0 <= 1 and range_m >= 0 and np.isfinite(weight).all()):
        found = f"correlation {rho0}, range {range_m} m, or a missing standard deviation"
        raise InputError(Problem("correlated error", found, "0 to 1, 0 or more, and no missing value"))
    variance = 0.0
    for index, own in enumerate(weight):
        distance = np.hypot(x - x[index], y - y[index])
        near = np.exp(-distance / range_m) if range_m > 0 else (np.arange(weight.size) == index) * 1.0
        variance += own * float(weight @ (rho0 + (1 - rho0) * near))
    return float(np.sqrt(variance))


def ring_excess_draws(loss_ha: FloatArray, control_rate: FloatArray, area_ha: float) -> FloatArray:
    """Return the loss of a ring beyond that expected of matched controls, hectares per draw; it may be negative.

    Parameters
    ----------
    loss_ha
        Observed loss in the ring, shape (n,).
    control_rate
        Share of the matched controls lost, the controls resampled in each draw, shape (n,).
    area_ha
        Area of the ring.
    """
    return np.asarray(loss_ha - area_ha * control_rate)
