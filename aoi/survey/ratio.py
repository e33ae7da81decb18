"""Ratio, difference and regression estimators: the map, or the mask, as auxiliary.

They read the class map only as an auxiliary whose total is known; the reference data carry the estimate. They
are not calibrated weights (see `calibration`), which serve many variables at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from aoi.survey.calibration import calibrate
from aoi.survey.design import FloatArray, IntArray, raise_all
from aoi.survey.linearised import Linearised, SampleDesign, as_domain, as_values, linearise, total
from geo.errors import InputError, Problem, QualityGateError

__all__ = [
    "combined_ratio_total",
    "difference_total",
    "ratio",
    "regression_total",
    "separate_ratio_total",
    "separate_regression_total",
]


def ratio(
    design: SampleDesign, y: npt.ArrayLike, x: npt.ArrayLike, *, domain: npt.ArrayLike | None = None
) -> Linearised:
    """Estimate the ratio of two totals, in the population or in a domain.

    Parameters
    ----------
    design
        The sample.
    y, x
        Numerator and denominator, such as hectares of poppy and of agricultural mask, shape (n,).
    domain
        Booleans, shape (n,); rows outside count as zero in both totals.

    Returns
    -------
    Linearised
        The bias is of order 1/n (Cochran 1977, section 6.8) and is not corrected.

    Raises
    ------
    QualityGateError
        If the denominator's estimated total is not positive.

    References
    ----------
    Cochran (1977), sections 6.3 and 6.4; Sarndal, Swensson and Wretman (1992), section 5.6.

    Examples
    --------
    >>> from aoi.survey.cluster import simple_random
    >>> ratio(simple_random(3, 30), [1.0, 2.0, 3.0], [10.0, 20.0, 30.0]).value
    0.1
    """
    n = design.weight.size
    rows = as_domain(domain, n)
    numerator, denominator = as_values(y, n, name="y") * rows, as_values(x, n, name="x") * rows
    x_total = float(design.weight @ denominator)
    _require_positive("denominator of a ratio", x_total)
    value = float(design.weight @ numerator) / x_total
    return linearise(
        design,
        (numerator - value * denominator) / x_total,
        value=value,
        observed=numerator / x_total,
        estimator="ratio",
        floor=_zero_floor(numerator, denominator),
    )


def combined_ratio_total(design: SampleDesign, y: npt.ArrayLike, x: npt.ArrayLike, *, x_total: float) -> Linearised:
    """Estimate a total as one ratio times the known total of the auxiliary.

    Parameters
    ----------
    design
        The sample.
    y, x
        Survey variable and auxiliary, shape (n,).
    x_total
        Known total of the auxiliary in the population, same unit as `x`.

    Returns
    -------
    Linearised

    References
    ----------
    Cochran (1977), section 6.11 (combined ratio estimate).
    """
    _require_positive("known total of the auxiliary", x_total)
    numerator = as_values(y, design.weight.size, name="y")
    rate = ratio(design, y, x)
    denominator = np.asarray(x, dtype=float)
    g = x_total / float(design.weight @ denominator)
    return linearise(
        design,
        g * (numerator - rate.value * denominator),
        value=rate.value * x_total,
        observed=g * numerator,
        estimator="combined ratio",
        floor=_seen_floor(design, numerator),
    )


def separate_ratio_total(
    design: SampleDesign,
    y: npt.ArrayLike,
    x: npt.ArrayLike,
    *,
    stratum: npt.ArrayLike,
    x_totals: Mapping[str, float],
) -> Linearised:
    """Estimate a total as the sum over strata of a ratio times the stratum's known auxiliary total.

    Each stratum's bias adds up, so that it asks for twenty or more units in each (Cochran 1977, section 6.10);
    with fewer, use `combined_ratio_total`.

    Parameters
    ----------
    design
        The sample.
    y, x
        Survey variable and auxiliary, shape (n,).
    stratum
        Label of each row's stratum, shape (n,).
    x_totals
        Known total of the auxiliary in each stratum.

    Returns
    -------
    Linearised

    References
    ----------
    Cochran (1977), section 6.10 (separate ratio estimate).
    """
    n = design.weight.size
    numerator, denominator = as_values(y, n, name="y"), as_values(x, n, name="x")
    codes, known = _stratum_totals(stratum, x_totals)
    estimated = np.bincount(codes, weights=design.weight * denominator)
    for label, amount in zip(np.unique(np.asarray(stratum).astype(str)), estimated, strict=True):
        _require_positive(f"auxiliary of stratum {label}", float(amount))
    rates = np.bincount(codes, weights=design.weight * numerator) / estimated
    influence = (known / estimated)[codes] * (numerator - rates[codes] * denominator)
    return linearise(
        design,
        influence,
        value=float(rates @ known),
        observed=(known / estimated)[codes] * numerator,
        estimator="separate ratio",
        floor=_seen_floor(design, numerator),
    )


def difference_total(design: SampleDesign, y: npt.ArrayLike, x: npt.ArrayLike, *, x_total: float) -> Linearised:
    """Estimate a total as the map's total plus the estimated total of what the map got wrong.

    Exactly unbiased whatever the map is worth: also the model-assisted estimator for predictions made by any
    model that did not see the sample.

    Parameters
    ----------
    design
        The sample.
    y, x
        Reference area and mapped area of each unit, shape (n,).
    x_total
        Mapped area of the whole frame, same unit.

    Returns
    -------
    Linearised

    References
    ----------
    Sarndal, Swensson and Wretman (1992), section 6.3; Cochran (1977), section 7.3, with slope one.

    Examples
    --------
    >>> from aoi.survey.cluster import simple_random
    >>> difference_total(simple_random(2, 10), [3.0, 1.0], [2.0, 1.0], x_total=12.0).value
    17.0
    """
    reference = as_values(y, design.weight.size, name="y")
    error = reference - as_values(x, design.weight.size, name="x")
    return linearise(
        design,
        error,
        value=x_total + float(design.weight @ error),
        observed=reference,
        estimator="difference (map-assisted)",
        floor=_seen_floor(design, reference),
    )


def regression_total(
    design: SampleDesign, y: npt.ArrayLike, x: npt.ArrayLike, *, x_totals: npt.ArrayLike, size: float
) -> Linearised:
    """Estimate a total by generalised regression (GREG) on auxiliaries with an intercept.

    Parameters
    ----------
    design
        The sample.
    y
        Survey variable, shape (n,).
    x
        Auxiliaries, shape (n,) or (n, p).
    x_totals
        Their known totals, shape (p,).
    size
        Known number of population units, the total of the intercept.

    Returns
    -------
    Linearised
        Its variance is that of g-weighted residuals.

    References
    ----------
    Sarndal, Swensson and Wretman (1992), sections 6.4 and 6.6 (g-weighted residuals).
    """
    columns = np.column_stack([np.ones(design.weight.size), x])
    totals = np.concatenate([[size], np.atleast_1d(np.asarray(x_totals, dtype=float))])
    return total(calibrate(design, columns, totals, label="regression"), y)


def separate_regression_total(
    design: SampleDesign,
    y: npt.ArrayLike,
    x: npt.ArrayLike,
    *,
    stratum: npt.ArrayLike,
    known: Mapping[str, tuple[float, float]],
) -> Linearised:
    """Estimate a total by a regression line of its own in each stratum.

    Parameters
    ----------
    design
        The sample.
    y, x
        Survey variable and one auxiliary, shape (n,).
    stratum
        Label of each row's stratum, shape (n,).
    known
        For each stratum its number of units and its total of the auxiliary.

    Returns
    -------
    Linearised

    References
    ----------
    Cochran (1977), section 7.10 (separate regression estimate).
    """
    codes, sizes = _stratum_totals(stratum, {name: pair[0] for name, pair in known.items()})
    x_totals = _stratum_totals(stratum, {name: pair[1] for name, pair in known.items()})[1]
    inside = np.equal.outer(codes, np.arange(sizes.size)).astype(float)
    slope = inside * as_values(x, codes.size, name="x")[:, None]
    separate = calibrate(
        design,
        np.hstack([inside, slope]),
        np.concatenate([sizes, x_totals]),
        label="separate regression",
    )
    return total(separate, y)


def _stratum_totals(stratum: npt.ArrayLike, totals: Mapping[str, float]) -> tuple[IntArray, FloatArray]:
    """Return each row's stratum code and the strata's known totals in code order."""
    names, codes = np.unique(np.asarray(stratum).astype(str), return_inverse=True)
    known = {str(name): float(amount) for name, amount in totals.items()}
    missing, idle = sorted(set(names.tolist()) - set(known)), sorted(set(known) - set(names.tolist()))
    raise_all(
        [Problem("strata", f"no known total for {name!r}", "one for each sampled stratum") for name in missing],
        [
            Problem(
                f"stratum {name!r}",
                "no sampled unit",
                "at least two",
                "sample it, or merge it with a like stratum",
            )
            for name in idle
        ],
    )
    return codes.astype(np.int64), np.array([known[name] for name in names.tolist()])


def _require_positive(name: str, amount: float) -> None:
    """Refuse a denominator that is zero, negative or missing."""
    if not np.isfinite(amount):
        raise InputError(Problem(name, str(amount), "a number"))
    if amount <= 0:
        raise QualityGateError(
            Problem(name, f"{amount:g}", "more than zero", "sample units with the auxiliary, or drop it")
        )


def _zero_floor(y: FloatArray, x: FloatArray) -> float:
    """Return zero for a ratio of two variables that are never negative."""
    return 0.0 if (y >= 0).all() and (x >= 0).all() else -np.inf


def _seen_floor(design: SampleDesign, y: FloatArray) -> float:
    """Return what the sample has seen of a variable that is never negative."""
    if (y < 0).any():
        return -np.inf
    return float(y.sum()) if (design.weight >= 1).all() else 0.0
