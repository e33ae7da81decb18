"""Table mode: two tables in, areas with intervals and accuracies with standard errors out.

A statistician with a sample and its strata needs nothing else, not even this program's own map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aoi.survey.error_matrix import Accuracy, ErrorMatrix, error_matrix, weighted_error_matrix
from aoi.survey.estimate import Estimate
from aoi.survey.estimator import areas_of_counts, class_counts
from aoi.survey.table_check import SampleTable, TableOptions, read_tables
from aoi.survey.weighted import WeightedSample, weighted_areas

__all__ = ["ClassArea", "TableOptions", "TableResult", "estimate_table"]

NEGLIGIBLE_FRACTION = 0.05
"""Sampling fraction below which Olofsson's formulas leave out the finite population correction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassArea:
    """The area of one class, in the frame or in one domain of it."""

    name: str
    """Class."""
    estimate: Estimate
    """Area in hectares."""
    domain: str | None
    """Domain; None for the whole frame."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableResult:
    """What table mode finds."""

    areas: tuple[ClassArea, ...]
    """Area of each class in the frame, then in each domain."""
    matrix: ErrorMatrix
    """Error matrix and accuracies."""
    unit_area_ha: float
    """Hectares of a unit."""
    fpc: bool
    """Whether the finite population correction was applied."""

    def to_json_dict(self) -> dict[str, Any]:
        """Return plain values: ``estimates`` and ``accuracy``, and how they were made."""
        return {
            "estimates": [_area_row(area) for area in self.areas],
            "accuracy": {
                "overall": _accuracy(self.matrix.overall),
                "users": _by_class(self.matrix.classes, self.matrix.users),
                "producers": _by_class(self.matrix.classes, self.matrix.producers),
            },
            "error_matrix": {
                "classes": list(self.matrix.classes),
                "area_proportions": self.matrix.proportions.tolist(),
                "counts": self.matrix.counts.tolist(),
            },
            "unit_area_ha": self.unit_area_ha,
            "finite_population_correction": self.fpc,
        }


def estimate_table(
    sample: pd.DataFrame,
    strata: pd.DataFrame,
    *,
    unit_area_ha: float = 1.0,
    domain: str | None = None,
    interval: str = "default",
    level: float = 0.95,
    options: TableOptions | None = None,
) -> TableResult:
    """Estimate class areas and the map's accuracy from a sample table and a strata table.

    Parameters
    ----------
    sample
        Columns ``stratum``, ``map``, ``reference``; if wanted ``psu`` (units drawn in clusters), ``weight``
        (unequal probabilities) and a domain column.
    strata
        Columns ``stratum`` and ``size`` (units), and if known ``area_ha``.
    unit_area_ha
        Hectares of one unit.
    domain
        Domain column; domains are estimated by zero extension, so that they add up to the frame.
    interval, level
        Interval (see `aoi.survey.stratified_interval.interval_methods`) and confidence level.
    options
        Legend, policy for lone units, area of the frame, finite population correction.

    Returns
    -------
    TableResult
        Areas, error matrix and accuracies.

    Raises
    ------
    InputError, QualityGateError
        As `aoi.survey.table_check.read_tables`.

    Notes
    -----
    Unless told otherwise the finite population correction is applied as in the papers: not where the strata
    are the map's classes and less than 5 % of each is sampled (Olofsson et al. 2014, equation 10), else yes
    (Stehman 2014, equation 25). It is never applied with clusters or weights, whose variance is that of
    primary units taken as drawn with replacement.
    """
    wanted = options or TableOptions()
    table = read_tables(sample, strata, unit_area_ha=unit_area_ha, domain=domain, options=wanted)
    if table.weight is not None or table.cluster is not None:
        areas, matrix = _weighted(table, interval, level)
        correction = False
    else:
        correction = _correction(table) if wanted.fpc is None else wanted.fpc
        areas, matrix = _plain(table, correction, interval, level)
    names: list[tuple[str, str | None]] = [(name, None) for name in table.classes]
    names += [(name, place) for place in table.domains for name in table.classes]
    rows = tuple(
        ClassArea(name=name, domain=place, estimate=estimate)
        for (name, place), estimate in zip(names, areas, strict=True)
    )
    return TableResult(areas=rows, matrix=matrix, unit_area_ha=unit_area_ha, fpc=correction)


def _correction(table: SampleTable) -> bool:
    """Say whether the papers behind a design apply the finite population correction to it."""
    counts = table.design.sample_counts(table.stratum)
    negligible = bool((counts < NEGLIGIBLE_FRACTION * table.design.sizes).all())
    return not (table.strata_are_map_classes and negligible)


def _cells(table: SampleTable) -> tuple[np.ndarray, int]:
    """Return each row's class and domain as one code, and how many codes there are."""
    n_classes = len(table.classes)
    if table.domain is None:
        return table.reference, n_classes
    return table.domain * n_classes + table.reference, n_classes * len(table.domains)


def _plain(table: SampleTable, fpc: bool, interval: str, level: float) -> tuple[tuple[Estimate, ...], ErrorMatrix]:
    """Estimate from units of equal weight within strata: everything comes from counts."""
    design, counts = table.design, table.design.sample_counts(table.stratum)
    n_classes = len(table.classes)
    found = class_counts(table.stratum, table.reference, (design.n_strata, n_classes))
    possible = np.ones_like(found, dtype=bool)
    if table.domain is not None:
        cell, n_cells = _cells(table)
        found = np.concatenate([found, class_counts(table.stratum, cell, (design.n_strata, n_cells))], axis=1)
        inside = class_counts(table.stratum, table.domain, (design.n_strata, len(table.domains))) > 0
        # a stratum whose units all lie in one domain is taken to lie in it, as when strata are drawn by province
        can = inside | (inside.sum(axis=1, keepdims=True) > 1)
        possible = np.concatenate([possible, np.repeat(can, n_classes, axis=1)], axis=1)
    areas = areas_of_counts(found, counts, design, fpc=fpc, method=interval, level=level, possible=possible)
    matrix = error_matrix(table.stratum, table.mapped, table.reference, design, table.classes, fpc=fpc)
    return areas, matrix


def _weighted(table: SampleTable, interval: str, level: float) -> tuple[tuple[Estimate, ...], ErrorMatrix]:
    """Estimate from weighted or clustered units."""
    n = table.stratum.size
    sample = WeightedSample(
        design=table.design,
        stratum=table.stratum,
        weight=np.ones(n) if table.weight is None else table.weight,
        cluster=np.arange(n, dtype=np.int64) if table.cluster is None else table.cluster,
    )
    member = np.equal.outer(table.reference, np.arange(len(table.classes)))
    if table.domain is not None:
        cell, n_cells = _cells(table)
        member = np.concatenate([member, np.equal.outer(cell, np.arange(n_cells))], axis=1)
    areas = weighted_areas(sample, member, method=interval, level=level)
    return areas, weighted_error_matrix(sample, table.mapped, table.reference, table.classes)


def _area_row(area: ClassArea) -> dict[str, Any]:
    """Return one estimate as plain values, never without its interval."""
    estimate = area.estimate
    row: dict[str, Any] = {
        "class": area.name,
        "value_ha": estimate.value,
        "se_ha": estimate.se,
        "lo_ha": estimate.lo,
        "hi_ha": estimate.hi,
        "n": estimate.n,
        "method": estimate.method,
        "level": estimate.level,
        "flags": list(estimate.flags),
    }
    return row if area.domain is None else {"domain": area.domain, **row}


def _accuracy(accuracy: Accuracy) -> dict[str, float | int | None]:
    """Return one accuracy as plain values; null where no unit defines it."""
    defined = math.isfinite(accuracy.value)
    return {
        "value": accuracy.value if defined else None,
        "se": accuracy.se if defined else None,
        "n": accuracy.n,
    }


def _by_class(classes: Sequence[str], accuracies: Sequence[Accuracy]) -> dict[str, Any]:
    """Return accuracies by class."""
    return {name: _accuracy(value) for name, value in zip(classes, accuracies, strict=True)}
