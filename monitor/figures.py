"""Published rows from survey tables: estimates by crop, period and domain, change, and the map's accuracy.

Pure functions of `monitor.tables.SurveyTables`, so that a run and its verification make the same numbers.
The statistics stand in `aoi.survey`; this module only chooses domains and lays out rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.survey.change import Change, area_change
from aoi.survey.domain import MIN_DOMAIN_UNITS, domain_areas
from aoi.survey.error_matrix import Accuracy, ErrorMatrix, error_matrix
from aoi.survey.estimate import INDICATIVE, CellState, Estimate
from monitor.tables import SurveyTables

__all__ = [
    "FRAME",
    "Domain",
    "PeriodFacts",
    "accuracy_rows",
    "change_rows",
    "estimate_rows",
    "finite",
    "frame_domain",
    "matrix_rows",
    "period_matrix",
    "unit_domains",
]

FRAME = "frame"
"""Domain code of the whole area frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodFacts:
    """What is written beside every figure of a period."""

    name: str
    """Label of the period."""
    kind: str
    """``stock`` or ``harvestable``."""
    reference_date: str
    """ISO date."""
    source: str = ""
    """Who made the figure."""
    vintage: str = ""
    """Which publication of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Domain:
    """A part of the frame that figures are made for."""

    code: str
    """Code in the tables."""
    name: str
    """Name for readers."""
    inside: NDArray[np.bool_]
    """Whether each unit of the sample lies in it."""
    area_ha: float
    """True area of its cells; no estimate exceeds it."""
    strata: NDArray[np.bool_] | None = None
    """Which strata hold any of its cells; None where that is not known, and any may."""


def frame_domain(tables: SurveyTables, title: str) -> Domain:
    """Return the whole frame as a domain."""
    return Domain(
        code=FRAME,
        name=title,
        inside=np.ones(len(tables.units), dtype=bool),
        area_ha=float(tables.strata["area_ha"].sum()),
    )


def unit_domains(tables: SurveyTables, names: Mapping[str, str]) -> list[Domain]:
    """Return the administrative units as domains, in the order of `names` (code to name)."""
    areas = tables.strata_by_unit.groupby("adm_code")["area_ha"].sum()
    held = tables.strata_by_unit.groupby("adm_code")["stratum"].agg(set)
    code_of_unit = tables.units["adm_code"].to_numpy()
    return [
        Domain(
            code=code,
            name=name,
            inside=code_of_unit == code,
            area_ha=float(areas.get(code, 0.0)),
            strata=tables.strata["stratum"].isin(held.get(code, set())).to_numpy(),
        )
        for code, name in names.items()
    ]


def estimate_rows(
    tables: SurveyTables,
    crops: Sequence[str],
    periods: Sequence[PeriodFacts],
    domains: Sequence[Domain],
    *,
    method: str,
    level: float,
) -> pd.DataFrame:
    """Return one row for each crop, period and domain, in the columns of ``estimates.csv``."""
    rows = []
    for crop in crops:
        for period in periods:
            figures = _domain_estimates(tables, tables.member(period.name, crop), domains, method, level)
            rows += [
                _estimate_row(crop, period, domain, figure) for domain, figure in zip(domains, figures, strict=True)
            ]
    return pd.DataFrame(rows)


def _domain_estimates(
    tables: SurveyTables, member: NDArray[np.float64], domains: Sequence[Domain], method: str, level: float
) -> tuple[Estimate, ...]:
    return domain_areas(
        tables.stratum,
        member,
        np.column_stack([domain.inside for domain in domains]),
        tables.design,
        domain_area_ha=np.array([domain.area_ha for domain in domains]),
        possible=np.column_stack([_strata_of(domain, len(tables.strata)) for domain in domains]),
        method=method,
        level=level,
    )


def _strata_of(domain: Domain, n_strata: int) -> NDArray[np.bool_]:
    return np.ones(n_strata, dtype=bool) if domain.strata is None else domain.strata


def _estimate_row(crop: str, period: PeriodFacts, domain: Domain, figure: Estimate) -> dict[str, Any]:
    return {
        "crop": crop,
        "period": period.name,
        "domain": domain.code,
        "domain_name": domain.name,
        "state": CellState.ESTIMATED.value,
        "value_ha": figure.value,
        "se_ha": figure.se,
        "lo_ha": figure.lo,
        "hi_ha": figure.hi,
        "level": figure.level,
        "n": figure.n,
        "method": figure.method,
        "kind": period.kind,
        "reference_date": period.reference_date,
        "source": period.source,
        "vintage": period.vintage,
        "flags": ";".join(figure.flags),
    }


def change_rows(
    tables: SurveyTables,
    crops: Sequence[str],
    periods: tuple[str, str],
    domains: Sequence[Domain],
    *,
    method: str,
    level: float,
) -> pd.DataFrame:
    """Return one row for each crop and domain, in the columns of ``change.csv``."""
    before, after = periods
    rows = []
    for crop in crops:
        y_from, y_to = tables.member(before, crop), tables.member(after, crop)
        for domain in domains:
            change = area_change(
                tables.stratum,
                y_from * domain.inside,
                y_to * domain.inside,
                tables.design,
                method=method,
                level=level,
            )
            head = {"crop": crop, "from": before, "to": after, "domain": domain.code}
            rows.append(head | _change_row(change, domain, _drawn(tables, domain)))
    return pd.DataFrame(rows)


def _drawn(tables: SurveyTables, domain: Domain) -> int:
    """Return the units inside a domain that were drawn."""
    return int((_is_drawn(tables) & domain.inside).sum())


def _change_row(change: Change, domain: Domain, drawn: int) -> dict[str, Any]:
    figure = change.difference
    few = domain.code != FRAME and drawn < MIN_DOMAIN_UNITS
    flagged = figure.flagged(INDICATIVE) if few else figure
    return {
        "difference_ha": figure.value,
        "se_ha": figure.se,
        "lo_ha": figure.lo,
        "hi_ha": figure.hi,
        "p_value": change.p_value,
        "verdict": change.verdict,
        "method": figure.method,
        "level": figure.level,
        "flags": ";".join(flagged.flags),
    }


def period_matrix(tables: SurveyTables, period: str, classes: Sequence[str]) -> ErrorMatrix:
    """Return the error matrix of a period's map; cells not seen count as a map class of their own."""
    mapped = tables.units[f"map_{period}"].to_numpy()
    extra = [name for name in sorted(set(mapped)) if name not in classes]
    names = [*classes, *extra]
    codes = {name: code for code, name in enumerate(names)}
    reference = tables.units[f"label_{period}"].to_numpy()
    rows, columns = (np.array([codes[name] for name in labels], dtype=np.int64) for labels in (mapped, reference))
    matrix = error_matrix(tables.stratum, rows, columns, tables.design, names)
    return _counting(matrix, rows, columns, _is_drawn(tables))


def _is_drawn(tables: SurveyTables) -> NDArray[np.bool_]:
    """Say which units were drawn; those of certainty strata are known without."""
    design, stratum = tables.design, tables.stratum
    drawn: NDArray[np.bool_] = ~design.certainty(design.sample_counts(stratum))[stratum]
    return drawn


def _counting(
    matrix: ErrorMatrix, mapped: NDArray[np.int64], reference: NDArray[np.int64], drawn: NDArray[np.bool_]
) -> ErrorMatrix:
    """Return a matrix whose counts are those of drawn units, since known ones say nothing of the sample's size."""
    size = len(matrix.classes)
    cells = np.bincount((mapped * size + reference)[drawn], minlength=size**2).reshape(size, size)
    return replace(
        matrix,
        counts=cells,
        overall=replace(matrix.overall, n=int(cells.sum())),
        users=tuple(replace(value, n=int(n)) for value, n in zip(matrix.users, cells.sum(axis=1), strict=True)),
        producers=tuple(
            replace(value, n=int(n)) for value, n in zip(matrix.producers, cells.sum(axis=0), strict=True)
        ),
    )


def accuracy_rows(period: str, matrix: ErrorMatrix) -> Iterator[dict[str, Any]]:
    """Yield rows of ``accuracy.csv``: overall, then user's and producer's accuracy of each class."""
    yield {"period": period, "class": "", "measure": "overall", **_accuracy(matrix.overall)}
    for measure, values in (("users", matrix.users), ("producers", matrix.producers)):
        for name, value in zip(matrix.classes, values, strict=True):
            yield {"period": period, "class": name, "measure": measure, **_accuracy(value)}


def _accuracy(value: Accuracy) -> dict[str, Any]:
    return {
        "value": finite(value.value),
        "se": finite(value.se),
        "n": value.n,
    }


def finite(value: float) -> float | None:
    """Return a number as tables and JSON hold it: None where it is undefined."""
    return value if math.isfinite(value) else None


def matrix_rows(period: str, matrix: ErrorMatrix) -> Iterator[dict[str, Any]]:
    """Yield rows of ``error_matrix.csv``: share of the frame's area and sample units in each cell."""
    for i, mapped in enumerate(matrix.classes):
        for j, reference in enumerate(matrix.classes):
            yield {
                "period": period,
                "map": mapped,
                "reference": reference,
                "area_share": float(matrix.proportions[i, j]),
                "units": int(matrix.counts[i, j]),
            }
