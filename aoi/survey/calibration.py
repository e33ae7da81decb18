"""Weights calibrated to known totals: post-strata, raking, linear and bounded; with the variance they have.

A calibrated design is a design again: totals, means, ratios and domains run on it, and their variance is that
of g-weighted residuals. The weights alone say nothing of the variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from aoi.survey.design import FloatArray, raise_all
from aoi.survey.linearised import SampleDesign, as_columns
from aoi.survey.reliability import Reliability
from geo.errors import InputError, Problem, QualityGateError

__all__ = ["CalibratedDesign", "Distance", "calibrate", "post_stratify", "rake"]

Distance = Literal["linear", "raking", "logit"]
"""How far weights may move: case 1 (``linear``; case 7, truncated, when bounded), case 2 (``raking``) and case 6
(``logit``, bounded) of Deville and Sarndal (1992)."""

MAX_ITERATIONS = 200
CLOSURE = 1e-11
"""Largest relative miss of a known total; ten times what double precision leaves over thousands of rows."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibratedDesign:
    """A design whose weights meet known totals, and whose variance is that of g-weighted residuals.

    References
    ----------
    Deville and Sarndal (1992), doi:10.1080/01621459.1992.10475217, eq. 3.4.
    """

    base: SampleDesign
    """The design as it was drawn."""
    auxiliary: FloatArray
    """Auxiliaries, shape (n, p)."""
    g: FloatArray
    """Factor from design weight to calibrated weight, shape (n,)."""
    q: FloatArray
    """Inverse model variance of each row, shape (n,)."""
    label: str
    """Name of the calibration, as it is printed."""

    @property
    def weight(self) -> FloatArray:
        """Calibrated weight of each row, shape (n,)."""
        return np.asarray(self.base.weight * self.g)

    @property
    def df(self) -> float:
        """Degrees of freedom of the design as drawn."""
        return self.base.df

    @property
    def variance_method(self) -> str:
        """Name of the variance estimator."""
        return f"{self.label}, g-weighted residuals; {self.base.variance_method}"

    def residuals(self, values: FloatArray) -> FloatArray:
        """Return what the auxiliaries leave of each column, shape (n, k)."""
        y = as_columns(values)
        root = np.sqrt(self.base.weight * self.q)[:, None]
        slopes = np.linalg.lstsq(root * self.auxiliary, root * y, rcond=None)[0]
        return np.asarray(y - self.auxiliary @ slopes)

    def covariance(self, values: FloatArray) -> FloatArray:
        """Estimate the covariance of calibrated totals of the columns of `values`, shape (k, k)."""
        # Deville and Sarndal (1992), eq. 3.4: w_k e_k takes the place of d_k y_k
        return self.base.covariance(self.g[:, None] * self.residuals(values))

    def reliability(self, observed: FloatArray, influence: FloatArray) -> Reliability:
        """Judge by the residuals, on the design as drawn."""
        return self.base.reliability(observed, (self.g[:, None] * self.residuals(influence))[:, 0])


def calibrate(
    design: SampleDesign,
    auxiliary: npt.ArrayLike,
    totals: npt.ArrayLike,
    *,
    distance: Distance = "linear",
    bounds: tuple[float, float] | None = None,
    label: str = "",
) -> CalibratedDesign:
    """Move the weights as little as possible so that the auxiliaries' totals come out as known.

    Parameters
    ----------
    design
        The sample.
    auxiliary
        Auxiliaries of each row, shape (n, p); a column of ones when the number of units is known.
    totals
        Known totals, shape (p,).
    distance
        ``linear`` (GREG), ``raking`` (weights stay positive) or ``logit`` (needs bounds).
    bounds
        Least and largest g, with ``least < 1 < largest``.
    label
        Name to print; the distance where empty.

    Returns
    -------
    CalibratedDesign

    Raises
    ------
    InputError
        If shapes differ or numbers are missing.
    QualityGateError
        If no weights within the bounds meet the totals.

    References
    ----------
    Deville and Sarndal (1992), section 2.

    Examples
    --------
    >>> from aoi.survey.cluster import simple_random
    >>> calibrate(simple_random(2, 10), [[1.0], [3.0]], [24.0]).weight
    array([5.4, 6.2])
    """
    x = as_columns(auxiliary)
    known = np.atleast_1d(np.asarray(totals, dtype=float))
    raise_all(_problems(x, known, n=design.weight.size, distance=distance, bounds=bounds))
    g = _solve(design.weight, x, known, distance=distance, bounds=bounds)
    name = label or f"calibrated ({distance}{'' if bounds is None else f', g in {bounds[0]:g} to {bounds[1]:g}'})"
    return CalibratedDesign(base=design, auxiliary=x, g=g, q=np.ones(g.size), label=name)


def post_stratify(design: SampleDesign, cell: npt.ArrayLike, cell_totals: Mapping[str, float]) -> CalibratedDesign:
    """Weight each post-stratum to its known number of units.

    Parameters
    ----------
    design
        The sample.
    cell
        Post-stratum of each row, shape (n,).
    cell_totals
        Known number of population units in each.

    Returns
    -------
    CalibratedDesign

    Raises
    ------
    InputError
        If a row lies in a cell without a known total.
    QualityGateError
        If a cell has no row.

    References
    ----------
    Sarndal, Swensson and Wretman (1992), section 7.6.
    """
    dummies, known = _dummies("post-strata", cell, cell_totals)
    return calibrate(design, dummies, known, label="post-stratified")


def rake(
    design: SampleDesign, margins: Mapping[str, tuple[npt.ArrayLike, Mapping[str, float]]]
) -> CalibratedDesign:
    """Weight the sample to several margins at once (raking ratio).

    Parameters
    ----------
    design
        The sample.
    margins
        For each margin the label of each row, shape (n,), and the known number of units of each label.

    Returns
    -------
    CalibratedDesign
        The limit of iterative proportional fitting.

    Raises
    ------
    InputError
        If margins do not add up to one population.

    References
    ----------
    Deville, Sarndal and Sautory (1993), doi:10.1080/01621459.1993.10476369, section 3.
    """
    parts = [_dummies(f"margin {name}", labels, known) for name, (labels, known) in margins.items()]
    sizes = {name: float(known.sum()) for name, (_, known) in zip(margins, parts, strict=True)}
    if np.ptp(list(sizes.values())) > 1e-9 * max(sizes.values()):
        found = ", ".join(f"{name}: {size:,.10g}" for name, size in sizes.items())
        raise InputError(Problem("margins", found, "one population total", "count them in the same frame"))
    columns = np.hstack([dummies for dummies, _ in parts])
    known = np.concatenate([known for _, known in parts])
    return calibrate(design, columns, known, distance="raking", label="raked")


def _solve(
    d: FloatArray, x: FloatArray, known: FloatArray, *, distance: Distance, bounds: tuple[float, float] | None
) -> FloatArray:
    """Find g = F(x'lambda) with sum(d g x) = known by Newton's method."""
    scale = np.maximum(np.abs(d) @ np.abs(x), np.abs(known))
    slopes = np.zeros(x.shape[1])
    for _ in range(MAX_ITERATIONS):
        g, derivative = _distance(x @ slopes, distance, bounds)
        miss = known - (d * g) @ x
        if (np.abs(miss) <= CLOSURE * scale).all():
            return g
        slopes = slopes + _step((x * (d * derivative)[:, None]).T @ x, miss)
        if not np.isfinite(slopes).all():
            break
    raise QualityGateError(
        Problem(
            "calibration",
            "no weights that meet the known totals" + ("" if bounds is None else f" with g in {bounds}"),
            "totals of the same population as the sample",
            "check the totals, widen the bounds, or use fewer auxiliaries",
        )
    )


def _step(jacobian: FloatArray, miss: FloatArray) -> FloatArray:
    """Solve one Newton step with the columns brought to one scale."""
    # Margins share their grand total: least squares takes the consistent solution
    size = np.sqrt(np.maximum(np.diag(jacobian), 1e-300))
    step = np.linalg.lstsq(jacobian / np.outer(size, size), miss / size, rcond=1e-12)[0]
    return np.asarray(step / size)


def _distance(
    u: FloatArray, distance: Distance, bounds: tuple[float, float] | None
) -> tuple[FloatArray, FloatArray]:
    """Return F(u) and its derivative: Deville and Sarndal (1992), section 2."""
    if distance == "raking":
        growth = np.exp(np.clip(u, -50.0, 50.0))
        return growth, growth
    if bounds is None:
        return 1 + u, np.ones_like(u)
    low, high = bounds
    if distance == "linear":
        inside = (low < 1 + u) & (1 + u < high)
        return np.clip(1 + u, low, high), inside.astype(float)
    a = (high - low) / ((1 - low) * (high - 1))
    growth = np.exp(np.clip(a * u, -500.0, 500.0))
    below = (high - 1) + (1 - low) * growth
    g = (low * (high - 1) + high * (1 - low) * growth) / below
    return g, (g - low) * (high - g) / ((1 - low) * (high - 1))


def _dummies(name: str, labels: npt.ArrayLike, totals: Mapping[str, float]) -> tuple[FloatArray, FloatArray]:
    """Return indicator columns and known totals of the labels, refusing cells without rows or totals."""
    cells, codes = np.unique(np.asarray(labels).astype(str), return_inverse=True)
    known = {str(cell): float(amount) for cell, amount in totals.items()}
    strangers = sorted(set(cells.tolist()) - set(known))
    empty = sorted(cell for cell in set(known) - set(cells.tolist()) if known[cell] > 0)
    raise_all(
        [Problem(name, f"rows in {cell!r}, which has no known total", "a total for each") for cell in strangers],
        [
            Problem(f"{name}, {cell!r}", "no sampled row", "at least one", "merge it with a like cell beforehand")
            for cell in empty
        ],
    )
    columns = np.equal.outer(codes, np.arange(cells.size)).astype(float)
    return columns, np.array([known[cell] for cell in cells.tolist()])


def _problems(
    x: FloatArray, known: FloatArray, *, n: int, distance: str, bounds: tuple[float, float] | None
) -> list[Problem]:
    """List what is wrong with the auxiliaries, the totals and the bounds."""
    problems = []
    if x.shape[0] != n or known.shape != (x.shape[1],):
        found = f"auxiliaries of shape {x.shape} and {known.size} totals"
        problems.append(Problem("calibration", found, f"{n} rows, and one total for each column"))
    if not (np.isfinite(x).all() and np.isfinite(known).all()):
        problems.append(Problem("calibration", "missing numbers", "a number in each row and total"))
    if distance not in ("linear", "raking", "logit"):
        problems.append(Problem("distance", repr(distance), "linear, raking or logit"))
    if bounds is not None and not bounds[0] < 1 < bounds[1]:
        problems.append(Problem("bounds of g", str(bounds), "least < 1 < largest"))
    if distance == "logit" and bounds is None:
        problems.append(Problem("bounds of g", "none", "least and largest g, which logit needs"))
    if distance == "raking" and bounds is not None:
        problems.append(Problem("bounds of g", str(bounds), "none with raking", "use logit"))
    return problems
