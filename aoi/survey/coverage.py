"""Coverage of a chosen interval under the user's own design, by simulating the survey many times.

Two truths are tried: the shares the sample shows, and a pessimistic one in which every stratum that saw the
class in few units holds as much of it as the sample can hide. The first flatters designs that saw nothing where
there was something; the second is where intervals fail.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from aoi.survey.design import FloatArray, IntArray, StratifiedDesign
from aoi.survey.estimator import class_counts, count_totals, strata_of
from aoi.survey.interval import jeffreys
from aoi.survey.stratified_interval import FEW_UNITS, interval_methods, stratified_interval
from aoi.survey.table_check import SampleTable, TableOptions, read_tables
from aoi.survey.weighted import WeightedSample, weighted_areas

__all__ = ["Coverage", "coverage_of", "coverage_rows", "coverage_table"]

Scenario = Literal["as estimated", "pessimistic", "resampled"]
"""Truth of a simulation: estimated shares, shares the sample can hide, or the sample as its own population."""

DRAWS = 4000
"""Surveys simulated from counts; a coverage of 0.95 is then known to 0.007."""
MOST_DRAWN = 499_999_999
"""Units of a stratum in a simulation; a larger one is as good as endless to a sample."""
RESAMPLES = 400
"""Surveys simulated from clusters, each estimated by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How often the interval of one class holds the truth, in simulated surveys of one design."""

    name: str
    """Class."""
    scenario: Scenario
    """Truth of the simulation."""
    truth_ha: float
    """Area of the class in it."""
    level: float
    """Nominal level."""
    covered: float
    """Share of surveys whose interval holds the truth."""
    above: float
    """Share of surveys whose upper limit is below the truth."""
    below: float
    """Share of surveys whose lower limit is above the truth."""
    mean_width_ha: float
    """Mean width of the interval."""
    draws: int
    """Surveys simulated."""

    @property
    def simulation_se(self) -> float:
        """Standard error of `covered` from the number of draws."""
        return float(np.sqrt(self.covered * (1 - self.covered) / self.draws))


def coverage_of(
    share: FloatArray,
    counts: IntArray,
    design: StratifiedDesign,
    rng: np.random.Generator,
    *,
    rule: tuple[str, float, bool] = ("default", 0.95, True),
    draws: int = DRAWS,
) -> tuple[float, float, float, float, float]:
    """Simulate stratified samples of one class and judge the interval each would have given.

    Parameters
    ----------
    share
        True share of the class in each stratum, shape (H,).
    counts
        Sample sizes n_h, shape (H,).
    design
        The strata.
    rng
        Source of randomness.
    rule
        Interval method, level, and whether the finite population correction is applied.
    draws
        Surveys to simulate.

    Returns
    -------
    tuple of float
        True area, share covered, share missed above, share missed below, mean width in hectares.
    """
    method, level, fpc = rule
    sizes = np.minimum(design.sizes, MOST_DRAWN)
    members = np.rint(share * sizes).astype(np.int64)
    others = sizes - members
    found = rng.hypergeometric(members, others, counts, size=(draws, counts.size)).T.astype(float)
    truth = float((design.areas_ha * members / sizes).sum())
    strata = strata_of(design, counts, fpc=fpc)
    se = np.sqrt(count_totals(found, counts, design, fpc=fpc)[1])
    methods = interval_methods(method, found, strata, se)
    bounds = stratified_interval(found, strata, se, methods=methods, level=level)
    slack = 1e-9 * design.total_area_ha
    above, below = float((bounds.hi < truth - slack).mean()), float((bounds.lo > truth + slack).mean())
    return truth, 1.0 - above - below, above, below, float((bounds.hi - bounds.lo).mean())


def coverage_table(
    sample: pd.DataFrame,
    strata: pd.DataFrame,
    rng: np.random.Generator,
    *,
    unit_area_ha: float = 1.0,
    interval: str = "default",
    level: float = 0.95,
    options: TableOptions | None = None,
) -> tuple[Coverage, ...]:
    """Simulate the coverage of every class's interval under the design of a sample table.

    Parameters
    ----------
    sample, strata, unit_area_ha, interval, options
        As for `aoi.survey.table.estimate_table`.
    rng
        Source of randomness.
    level
        Nominal level.

    Returns
    -------
    tuple of Coverage
        For each class one row as estimated and one pessimistic; with clusters or weights one row, resampled.

    Raises
    ------
    InputError, QualityGateError
        As `aoi.survey.table_check.read_tables`.
    """
    table = read_tables(sample, strata, unit_area_ha=unit_area_ha, options=options)
    if table.weight is not None or table.cluster is not None:
        return _resampled(table, rng, (interval, level))
    counts = table.design.sample_counts(table.stratum)
    found = class_counts(table.stratum, table.reference, (table.design.n_strata, len(table.classes)))
    rows = []
    for k, name in enumerate(table.classes):
        for scenario, share in _truths(found[:, k], counts).items():
            numbers = coverage_of(share, counts, table.design, rng, rule=(interval, level, True))
            rows.append(_row(name, scenario, level, numbers, DRAWS))
    return tuple(rows)


def coverage_rows(coverages: tuple[Coverage, ...]) -> list[dict[str, Any]]:
    """Return coverages as plain values for JSON."""
    return [{**asdict(one), "simulation_se": one.simulation_se} for one in coverages]


def _truths(found: FloatArray, counts: IntArray) -> dict[Scenario, FloatArray]:
    """Return the shares of both scenarios; the pessimistic one is the upper Jeffreys limit at low counts."""
    share = found / counts
    hidden = jeffreys(found, counts).hi
    return {"as estimated": share, "pessimistic": np.where(found < FEW_UNITS, hidden, share)}


def _row(name: str, scenario: Scenario, level: float, numbers: tuple[float, ...], draws: int) -> Coverage:
    """Gather one simulation into its record."""
    truth, covered, above, below, width = numbers
    return Coverage(
        name=name,
        scenario=scenario,
        truth_ha=truth,
        level=level,
        covered=covered,
        above=above,
        below=below,
        mean_width_ha=width,
        draws=draws,
    )


def _resampled(table: SampleTable, rng: np.random.Generator, rule: tuple[str, float]) -> tuple[Coverage, ...]:
    """Draw primary units again from the sample itself, whose estimate is then the truth."""
    n, n_classes = table.stratum.size, len(table.classes)
    weight = np.ones(n) if table.weight is None else table.weight
    cluster = np.arange(n, dtype=np.int64) if table.cluster is None else table.cluster
    member = np.equal.outer(table.reference, np.arange(n_classes)).astype(float)
    whole = WeightedSample(design=table.design, stratum=table.stratum, weight=weight, cluster=cluster)
    truth = np.array([figure.value for figure in weighted_areas(whole, member, level=rule[1])])
    order = np.argsort(cluster, kind="stable")
    first = np.searchsorted(cluster[order], np.arange(cluster.max() + 2))
    limits = np.empty((RESAMPLES, n_classes, 2))
    for draw in range(RESAMPLES):
        drawn = _drawn_clusters(whole.cluster_stratum, rng)
        rows = np.concatenate([order[first[c] : first[c + 1]] for c in drawn])
        sizes = first[drawn + 1] - first[drawn]
        part = WeightedSample(
            design=table.design,
            stratum=table.stratum[rows],
            weight=weight[rows],
            cluster=np.repeat(np.arange(drawn.size), sizes),
        )
        figures = weighted_areas(part, member[rows], method=rule[0], level=rule[1])
        limits[draw] = [(figure.lo, figure.hi) for figure in figures]
    slack = 1e-9 * table.design.total_area_ha
    above = (limits[:, :, 1] < truth - slack).mean(axis=0)
    below = (limits[:, :, 0] > truth + slack).mean(axis=0)
    width = (limits[:, :, 1] - limits[:, :, 0]).mean(axis=0)
    numbers = np.stack([truth, 1 - above - below, above, below, width], axis=1).tolist()
    return tuple(
        _row(name, "resampled", rule[1], tuple(values), RESAMPLES)
        for name, values in zip(table.classes, numbers, strict=True)
    )


def _drawn_clusters(strata: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw as many primary units with replacement in each stratum as were sampled there."""
    drawn = []
    for code in range(int(strata.max()) + 1):
        own = np.flatnonzero(strata == code)
        drawn.append(rng.choice(own, size=own.size))
    return np.concatenate(drawn).astype(np.int64)
