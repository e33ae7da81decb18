"""Rows of the corrections ledger: interpreted figure, every term that was weighed, corrected figure.

Pure functions of tables, so that a run and its verification make the same numbers. The statistics stand in
`aoi.survey.correction`, `correction_terms` and `corrected_area`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.survey.addition import mover_limits, normal_quantile
from aoi.survey.corrected_area import corrected_area
from aoi.survey.correction import Term, parameter_errors
from aoi.survey.correction_terms import Eradication, age_term, eradication_terms, small_lots_term
from aoi.survey.domain import domain_areas
from aoi.survey.estimate import Estimate
from aoi.survey.parameter import Parameter
from monitor.correction_inputs import SMALL_LOTS, YEARLY_CHANGE
from monitor.figures import Domain
from monitor.tables import SurveyTables

__all__ = ["LedgerInputs", "group_state", "ledger_rows", "parameter_rows", "parameters_of"]

COLUMNS = (
    "crop", "period", "domain", "domain_name", "term", "value_ha", "se_ha", "lo_ha", "hi_ha", "level", "parameter",
    "parameter_value", "source", "applied", "reference_date",
)  # fmt: skip
METHODS: tuple[Literal["spray", "manual"], ...] = ("spray", "manual")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerInputs:
    """What the ledger is made from, beside the sample; each table is written to the run folder."""

    groups: pd.DataFrame
    """Operations of one method and state: period, group, method, last_date, verified, image_date, reference_date,
    domain, area_ha; one row for each group and domain."""
    units: pd.DataFrame
    """Sample units inside an operation: unit_id, period, group."""
    dates: pd.DataFrame
    """period, image_date, reference_date."""
    parameters: Mapping[str, Parameter]
    """Parameters of the terms."""


def group_state(day: date, image: date, reference: date, *, verified: bool) -> str:
    """Return whether an operation counts: ``applied``, ``claimed``, ``seen`` in the image, or ``later``."""
    if not verified:
        return "claimed"
    if day <= image:
        return "seen"
    return "later" if day > reference else "applied"


def parameter_rows(parameters: Mapping[str, Parameter]) -> pd.DataFrame:
    """Return parameters as rows of ``correction_parameters.csv``."""
    names = ("value", "unit", "source", "mark")
    rows = [
        {"parameter": key, "se": one.error} | {name: getattr(one, name) for name in names}
        for key, one in parameters.items()
    ]
    return pd.DataFrame(rows, columns=["parameter", "value", "se", "unit", "source", "mark"])


def parameters_of(rows: pd.DataFrame) -> dict[str, Parameter]:
    """Return parameters from rows of ``correction_parameters.csv``."""
    return {
        str(row["parameter"]): Parameter(
            name=str(row["parameter"]),
            value=float(row["value"]),
            unit=str(row["unit"]),
            source=str(row["source"]),
            mark=str(row["mark"]),  # type: ignore[arg-type]
            se=float(row["se"]),
        )
        for _, row in rows.iterrows()
    }


def ledger_rows(
    tables: SurveyTables, published: pd.DataFrame, domains: Sequence[Domain], inputs: LedgerInputs, *, method: str
) -> pd.DataFrame:
    """Return the ledger of every crop, period and domain.

    Parameters
    ----------
    tables
        The sample, its strata and labels.
    published
        Rows of ``estimates.csv``: the interpreted figures.
    domains
        The frame and its units.
    inputs
        Operations, dates and parameters.
    method
        Interval of the parts.

    Returns
    -------
    pandas.DataFrame
        Columns of ``corrections.csv``. The applied rows between them take the interpreted figure to the corrected
        one; a term that was weighed and not applied keeps its row.
    """
    by_code = {domain.code: domain for domain in domains}
    rows: list[dict[str, Any]] = []
    for _, figure in published.iterrows():
        domain = by_code[str(figure["domain"])]
        rows += _figure_rows(tables, figure, domain, inputs, method)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _figure_rows(
    tables: SurveyTables, figure: pd.Series, domain: Domain, inputs: LedgerInputs, method: str
) -> list[dict[str, Any]]:
    period, level = str(figure["period"]), float(figure["level"])
    dates = inputs.dates[inputs.dates["period"] == period].iloc[0]
    member = tables.member(period, str(figure["crop"]))
    groups = inputs.groups[(inputs.groups["period"] == period) & (inputs.groups["domain"] == domain.code)]
    part, areas = _parts(tables, domain, groups, inputs.units[inputs.units["period"] == period])
    overlaps = domain_areas(
        tables.stratum,
        member,
        part[:, None] == np.arange(1, areas.size),
        tables.design,
        domain_area_ha=areas[1:],
        method=method,
        level=level,
    ) if areas.size > 1 else ()  # fmt: skip
    aged = _age(figure, domain, dates, inputs.parameters)
    destroyed, factor = _losses(domain, groups, overlaps, dates, inputs.parameters)
    small = _small_lots(figure, domain, inputs.parameters)
    terms = [term for term in (_gap(domain), aged, small) if term is not None]
    # what scales with the interpreted area scales every part of it
    share = sum(term.value_ha for term in terms) / float(figure["value_ha"]) if figure["value_ha"] else 0.0
    applied = [term for term in [*terms, *(term for term, _ in destroyed)] if term.applied]
    corrected = corrected_area(
        tables.stratum,
        member,
        part,
        tables.design,
        factor=np.r_[1.0, factor] + share,
        part_area_ha=areas,
        parameter_errors_ha=parameter_errors(applied),
        method=method,
        level=level,
    )
    head = {"crop": figure["crop"], "period": period, "domain": domain.code, "domain_name": domain.name}
    tail = {"level": level, "reference_date": dates["reference_date"]}
    seen = head | {name: figure[name] for name in ("value_ha", "se_ha", "lo_ha", "hi_ha")} | tail
    rows = [seen | {"term": "interpreted", "source": figure["method"], "applied": True}]
    rows += [head | _term_row(term, None, level) | tail for term in terms]
    rows += [head | _term_row(term, overlap, level) | tail for term, overlap in destroyed]
    if not applied:  # nothing was changed: the interpreted figure stands, with its own interval
        return [*rows, seen | {"term": "corrected", "source": figure["method"], "applied": True}]
    return [*rows, head | _corrected_row(corrected) | tail]


def _parts(
    tables: SurveyTables, domain: Domain, groups: pd.DataFrame, units: pd.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each unit's part (0 where no operation was, -1 outside the domain) and the parts' areas in ha."""
    number = {int(group): at for at, group in enumerate(groups["group"], start=1)}
    of_unit = {
        str(unit): number.get(int(group), 0) for unit, group in zip(units["unit_id"], units["group"], strict=True)
    }
    part = np.array([of_unit.get(str(unit), 0) for unit in tables.units["unit_id"]], dtype=np.int64)
    areas = groups["area_ha"].to_numpy(dtype=float)
    return np.where(domain.inside, part, -1), np.r_[max(domain.area_ha - areas.sum(), 0.0), areas]


def _age(figure: pd.Series, domain: Domain, dates: pd.Series, parameters: Mapping[str, Parameter]) -> Term | None:
    if YEARLY_CHANGE not in parameters:
        return None
    image = np.array([str(dates["image_date"])], dtype="datetime64[D]")
    reference = date.fromisoformat(str(dates["reference_date"]))
    rate = parameters[YEARLY_CHANGE]
    return age_term(domain.code, [float(figure["value_ha"])], image, reference_date=reference, rate=rate)


def _small_lots(figure: pd.Series, domain: Domain, parameters: Mapping[str, Parameter]) -> Term | None:
    if SMALL_LOTS not in parameters:
        return None
    return small_lots_term(domain.code, float(figure["value_ha"]), parameters[SMALL_LOTS])


def _gap(domain: Domain) -> Term:
    """Say what became of ground without images: nothing is imputed, for the sample covers it."""
    return Term(
        domain=domain.code,
        term="gap",
        value_ha=0.0,
        se_ha=0.0,
        parameter="imputed_share",
        parameter_value=0.0,
        source="not applied: ground that was not seen is a stratum of the sample and is interpreted like any other",
        applied=False,
    )


def _losses(
    domain: Domain,
    groups: pd.DataFrame,
    overlaps: Sequence[Estimate],
    dates: pd.Series,
    parameters: Mapping[str, Parameter],
) -> tuple[list[tuple[Term, Estimate]], NDArray[np.float64]]:
    """Return two terms for each group of operations, each with the crop inside, and the groups' factors."""
    effect: dict[str, Parameter] = {name: parameters[f"eradication.{name}_effect"] for name in METHODS}
    replanting = parameters["eradication.replanting_share"]
    reference = date.fromisoformat(str(dates["reference_date"]))
    found: list[tuple[Term, Estimate]] = []
    factor = np.ones(len(groups))
    for at, ((_, group), overlap) in enumerate(zip(groups.iterrows(), overlaps, strict=True)):
        operation: Literal["spray", "manual"] = "spray" if group["method"] == "spray" else "manual"
        event = Eradication(
            domain=domain.code,
            method=operation,
            event_date=date.fromisoformat(str(group["last_date"])),
            image_date=date.fromisoformat(str(dates["image_date"])),
            overlap_ha=overlap.value,
            verified=str(group["verified"]) == "True",
        )
        terms = eradication_terms([event], reference_date=reference, effect=effect, replanting=replanting)
        found += [(term, overlap) for term in terms]
        if terms[0].applied:
            factor[at] = 1 - effect[operation].value * (1 - replanting.value)
    return found, factor


def _term_row(term: Term, overlap: Estimate | None, level: float) -> dict[str, Any]:
    """Return a term as a row; its limits carry the error of the crop inside and of its parameter."""
    parameter_half = normal_quantile(level) * term.se_ha
    below = above = se = 0.0
    if overlap is not None and overlap.value > 0:
        scale = term.value_ha / overlap.value
        sides = (scale * (overlap.lo - overlap.value), scale * (overlap.hi - overlap.value))
        below, above, se = -min(sides), max(sides), abs(scale) * overlap.se
    lo, hi = mover_limits(term.value_ha, [below, parameter_half], [above, parameter_half])
    return {
        "term": term.term,
        "value_ha": term.value_ha,
        "se_ha": float(np.hypot(se, term.se_ha)),
        "lo_ha": lo,
        "hi_ha": hi,
        "parameter": term.parameter,
        "parameter_value": term.parameter_value,
        "source": term.source,
        "applied": term.applied,
    }


def _corrected_row(figure: Estimate) -> dict[str, Any]:
    return {
        "term": "corrected",
        "value_ha": figure.value,
        "se_ha": figure.se,
        "lo_ha": figure.lo,
        "hi_ha": figure.hi,
        "source": figure.method,
        "applied": True,
    }
