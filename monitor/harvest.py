"""Rows of potential production: harvested area by unit times the yield of its region, licit part taken off.

Pure functions of published rows, so that a run and its verification make the same numbers. The statistics stand in
`aoi.survey.production`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from aoi.survey.estimate import Estimate, Quantity, read_back
from aoi.survey.parameter import Parameter
from aoi.survey.production import (
    YieldFactor,
    as_harvested,
    harvested,
    illicit_production,
    licit_production,
    production,
    total_production,
    yield_factor,
)
from geo.errors import Problem, SurveyFileError
from monitor.figures import FRAME
from monitor.sections import LicitSection, ProductionSection

__all__ = ["corrected_areas", "factor_of", "production_rows"]

COLUMNS = (
    "crop", "period", "domain", "domain_name", "part", "product", "value_t", "se_t", "lo_t", "hi_t", "level",
    "yield_kg_ha", "yield_se_kg_ha", "yield_region", "yield_vintage", "yield_source", "yield_mark", "method",
    "flags",
)  # fmt: skip
_MANY = "several"


def factor_of(section: ProductionSection | LicitSection, crop: str, product: str) -> YieldFactor:
    """Return the yield that a table of the survey file names or gives.

    Raises
    ------
    InputError
        If no shipped yield has that region, product and vintage.
    """
    if section.yield_kg_ha is None:
        return yield_factor(section.region, product, section.vintage)
    return YieldFactor(
        crop=crop,
        region=section.region,
        product=product,
        value=section.yield_kg_ha,
        se=section.yield_se_kg_ha,
        vintage=section.vintage,
        source=section.source,
        mark="given",
    )


def production_rows(
    areas: pd.DataFrame, zones: pd.DataFrame, sections: Sequence[ProductionSection]
) -> pd.DataFrame:
    """Return the production of each crop, period and domain in the columns of ``production.csv``.

    Parameters
    ----------
    areas
        Areas at the reference date by crop, period and domain: columns of ``estimates.csv``.
    zones
        The same by zone, for what is licit; may be empty.
    sections
        Tables ``[[production]]`` of the survey file.

    Returns
    -------
    pandas.DataFrame
        Tonnes with their interval; the frame's total is that of its units where yields differ between them.

    Raises
    ------
    SurveyFileError
        If a unit has two yields or none, or a zone is unknown.
    """
    rows: list[dict[str, Any]] = []
    for crop, product in dict.fromkeys((one.crop, one.product) for one in sections):
        own = [one for one in sections if (one.crop, one.product) == (crop, product)]
        for _, of_period in areas[areas["crop"] == crop].groupby("period", sort=False):
            rows += _period_rows(of_period, zones, own)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _period_rows(
    areas: pd.DataFrame, zones: pd.DataFrame, sections: Sequence[ProductionSection]
) -> Iterator[dict[str, Any]]:
    frame = areas[areas["domain"] == FRAME].iloc[0]
    units = areas[areas["domain"] != FRAME]
    section_of = _sections_of(list(units["domain"]), sections)
    parts = []
    for _, row in units.iterrows():
        section = section_of[str(row["domain"])]
        factor = factor_of(section, section.crop, section.product)
        area = _harvested(row, section)
        parts.append((area, factor))
        yield _row(row, "total", production(area, factor), factor)
    one = len(sections) == 1
    factor = factor_of(sections[0], sections[0].crop, sections[0].product)
    total = production(_harvested(frame, sections[0]), factor) if one else total_production(parts)
    yield _row(frame, "total", total, factor if one else None)
    licit = next((section.licit for section in sections if section.licit is not None), None)
    if licit is not None:
        allowed, own = _licit(frame, zones, licit, sections[0])
        yield _row(frame, "licit", allowed, own)
        yield _row(frame, "not_licit", illicit_production(total, allowed), None)


def _sections_of(codes: Sequence[str], sections: Sequence[ProductionSection]) -> dict[str, ProductionSection]:
    found: dict[str, ProductionSection] = {}
    problems = []
    for code in codes:
        hits = [one for one in sections if not one.units or code in one.units]
        if len(hits) == 1:
            found[code] = hits[0]
        else:
            where = f"[[production]] {sections[0].crop}, unit {code}"
            problems.append(Problem(where, f"{len(hits)} yields", "one for each unit", "name it in one `units`"))
    strangers = sorted({code for one in sections for code in one.units} - set(codes))
    problems += [Problem(f"[[production]] units {code}", "no such unit", "codes of [area]") for code in strangers]
    if problems:
        raise SurveyFileError(problems)
    return found


def _harvested(row: pd.Series, section: ProductionSection) -> Estimate:
    """Return a row's area as harvested area of its season."""
    quantity = Quantity(crop=section.crop, kind=row["kind"], reference=str(row["reference_date"]))
    area = read_back(row.to_dict()).of(quantity)
    if row["kind"] == "harvestable":
        return area
    if section.harvested_ratio is not None:
        ratio = section.harvested_ratio
        known = Parameter(
            name="harvested_ratio", value=ratio.value, se=ratio.se, unit="share", source=ratio.source, mark="given"
        )
        return harvested(area, known, reference=str(row["period"]))
    return as_harvested(area, reference=str(row["period"]), basis=section.stock_as_harvested or "")


def _licit(
    frame: pd.Series, zones: pd.DataFrame, licit: LicitSection, section: ProductionSection
) -> tuple[Estimate, YieldFactor]:
    same = zones[(zones["crop"] == frame["crop"]) & (zones["period"] == frame["period"])] if len(zones) else zones
    hit = same[same["domain"] == licit.zone] if len(same) else same
    if len(hit) != 1:
        known = ", ".join(map(str, same["domain"])) if len(same) else "none"
        where = f"[production.licit] zone {licit.zone}"
        raise SurveyFileError(
            Problem(where, "no such zone", f"one of the overlays' domains: {known}", "correct it")
        )
    factor = factor_of(licit, section.crop, section.product)
    return licit_production(licit.authorised_ha, _harvested(hit.iloc[0], section), factor), factor


def _row(area: pd.Series, part: str, figure: Estimate, factor: YieldFactor | None) -> dict[str, Any]:
    unit = figure.quantity.unit if figure.quantity is not None else ""
    known = (
        {f"yield_{name}": getattr(factor, name) for name in ("region", "vintage", "source", "mark")}
        | {"yield_kg_ha": factor.value, "yield_se_kg_ha": factor.se}
        if factor is not None
        else dict.fromkeys(("yield_region", "yield_vintage", "yield_source"), _MANY)
    )
    return {
        "crop": area["crop"],
        "period": area["period"],
        "domain": area["domain"],
        "domain_name": area["domain_name"],
        "part": part,
        "product": unit.removeprefix("t "),
        "value_t": figure.value,
        "se_t": figure.se,
        "lo_t": figure.lo,
        "hi_t": figure.hi,
        "level": figure.level,
        "method": figure.method,
        "flags": ";".join(figure.flags),
    } | known


def corrected_areas(estimates: pd.DataFrame, ledger: pd.DataFrame | None) -> pd.DataFrame:
    """Return areas at the reference date: those of the ledger where there is one, else as interpreted."""
    if ledger is None:
        return estimates
    keys = ["crop", "period", "domain"]
    numbers = ["value_ha", "se_ha", "lo_ha", "hi_ha"]
    last = ledger[ledger["term"] == "corrected"].set_index(keys)
    merged = estimates.set_index(keys)
    merged[numbers] = last[numbers]
    merged["method"] = last["source"]
    return merged.reset_index()
