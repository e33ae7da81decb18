"""Rows of a programme: cultivation in its areas, change, the indicators of cultivation and of records.

Pure functions of tables, so that a run and its verification make the same numbers. What is made of records stands
in `aoi.project`; this module lays the estimates of the sample beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from aoi.project.access import Reach
from aoi.project.indicator import PROGRAMME, FactSheet, Indicator, absent
from aoi.project.market import forest_rows, income_rows, market_rows
from aoi.project.model import DataModel, data_model
from aoi.project.money import cost_rows, funding_rows, vulnerability_rows
from aoi.project.people import coverage_rows, job_rows, title_rows, women_rows
from aoi.project.replanting import replanting_rows
from aoi.project.rights import ownership_rows, principle_rows, quality_rows
from aoi.survey.cluster import LonelyUnit, stratified_random
from aoi.survey.ratio import ratio
from geo.errors import QualityGateError
from monitor.borders import COVERED
from monitor.figures import FRAME, Domain
from monitor.indicators import indicator_table
from monitor.tables import SurveyTables

__all__ = [
    "ProgrammeSettings",
    "access_from",
    "access_json",
    "as_json",
    "cultivation_indicators",
    "domains_of",
    "from_json",
    "indicator_rows",
    "record_indicators",
    "told_change",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeSettings:
    """Settings that the indicators of records depend on; written beside them."""

    replanting_years: float
    lot_size_cuts_ha: tuple[float, ...]
    lonely: LonelyUnit
    level: float
    principles: tuple[str, ...]
    """Codes of the guiding principles that each project is asked for."""


def domains_of(tables: SurveyTables, domains: pd.DataFrame, units: pd.DataFrame) -> list[Domain]:
    """Return the domains of a programme: the frame, all areas together, each project, preventive areas, strips.

    Parameters
    ----------
    tables
        The sample.
    domains
        Rows of ``ad_domains.csv``.
    units
        Rows of ``ad_units.csv``: units that lie in a domain.
    """
    members = {str(code): set(own["unit_id"].astype(str)) for code, own in units.groupby("domain")}
    ids = tables.units["unit_id"].astype(str)
    return [
        Domain(
            code=str(row["domain"]),
            name=str(row["domain_name"]),
            inside=np.ones(len(ids), dtype=bool)
            if row["domain"] == FRAME
            else ids.isin(members.get(str(row["domain"]), set())).to_numpy(),
            area_ha=float(row["frame_ha"]),
        )
        for _, row in domains.iterrows()
    ]


def cultivation_indicators(
    tables: SurveyTables, domains: pd.DataFrame, units: pd.DataFrame, estimates: pd.DataFrame, change: pd.DataFrame
) -> Iterator[Indicator]:
    """Yield A1 (net change), A5 (coverage) and A19 (border strips) from estimates of the sample.

    Parameters
    ----------
    tables, domains, units
        As in `domains_of`.
    estimates, change
        Rows of ``ad_estimates.csv`` and ``ad_change.csv``.
    """
    kind = dict(zip(domains["domain"].astype(str), domains["kind"], strict=True))
    for _, row in change.iterrows():
        if kind[str(row["domain"])] in ("programme", "project", "preventive"):
            yield Indicator(
                indicator="A1", domain=str(row["domain"]), period=f"{row['from']} to {row['to']}",
                value=float(row["difference_ha"]), lo=float(row["lo_ha"]), hi=float(row["hi_ha"]), unit="ha",
                method=str(row["method"]), level=float(row["level"]), grade="A", crop=str(row["crop"]),
                flags=_flags(row),
            )  # fmt: skip
    whole = estimates[estimates["domain"].astype(str) == FRAME].iloc[0]
    inside = {domain.code: domain.inside for domain in domains_of(tables, domains, units)}
    for crop, period in estimates[["crop", "period"]].drop_duplicates().itertuples(index=False):
        if PROGRAMME in inside:
            yield _coverage(
                tables,
                str(crop),
                str(period),
                inside[PROGRAMME],
                level=float(whole["level"]),
                drawn=int(whole["n"]),
            )
    yield from _strips(domains, estimates)


def _coverage(tables: SurveyTables, crop: str, period: str, inside: Any, *, level: float, drawn: int) -> Indicator:
    """Return the share of the crop that lies in the programme's areas: a ratio of two totals of one sample."""
    head = ("A5", PROGRAMME, period, "%")
    group = "crop in the areas of all"
    strata = tables.strata
    stratum = tables.stratum
    population = strata["size"].to_numpy()[stratum]
    hectares = (strata["area_ha"] / strata["size"]).to_numpy()[stratum]
    crop_ha = tables.member(period, crop) * hectares
    try:
        share = ratio(stratified_random(stratum, population), crop_ha * inside, crop_ha).estimate(
            level=level, ceiling=1.0
        )
    except QualityGateError as error:
        reason = str(error).split("\n")[0]
        return absent(*head, reason, group=group, crop=crop, state="not_estimable", method="ratio of the sample")
    return Indicator(
        indicator="A5", domain=PROGRAMME, period=period, value=100 * share.value, lo=100 * share.lo,
        hi=100 * share.hi, unit="%", method=share.method, level=level, grade="A", n=float(drawn), group=group,
        crop=crop, flags=";".join(share.flags),
    )  # fmt: skip


def _flags(row: pd.Series) -> str:
    return "" if pd.isna(row["flags"]) else str(row["flags"])


def _strips(domains: pd.DataFrame, estimates: pd.DataFrame) -> Iterator[Indicator]:
    for _, strip in domains[domains["kind"] == "border"].iterrows():
        code = str(strip["domain"])
        covered = float(strip["frame_ha"]) / float(strip["ground_ha"]) if strip["ground_ha"] > 0 else 0.0
        own = estimates[estimates["domain"].astype(str) == code]
        for _, row in own.iterrows():
            if covered < COVERED:
                reason = f"the frame holds {100 * covered:.0f} % of the strip"
                yield absent("A19", code, str(row["period"]), "ha", reason, crop=str(row["crop"]),
                             state="not_estimable", method=str(row["method"]))  # fmt: skip
                continue
            yield Indicator(
                indicator="A19", domain=code, period=str(row["period"]), value=float(row["value_ha"]),
                lo=float(row["lo_ha"]), hi=float(row["hi_ha"]), unit="ha", method=str(row["method"]),
                level=float(row["level"]), grade="A", n=float(row["n"]), crop=str(row["crop"]), flags=_flags(row),
            )  # fmt: skip
        yield Indicator(
            indicator="A19", domain=code, period="all", value=float(strip["ad_ha"]), unit="ha",
            method="ground of the areas, counted once", grade="B", group="ground of alternative development",
        )  # fmt: skip
        yield absent("A19", code, "all", "harm unit", _NO_STRIP_HARM, group="harms")


def record_indicators(
    tables: Mapping[str, Any], settings: ProgrammeSettings, model: DataModel | None = None
) -> Iterator[Indicator | FactSheet]:
    """Yield the indicators of records alone: A4 to A8, A10 to A16, A20, and why A2, A3 and A17 are not here."""
    yield from replanting_rows(
        tables,
        years=settings.replanting_years,
        cuts_ha=settings.lot_size_cuts_ha,
        lonely=settings.lonely,
        level=settings.level,
    )
    for rows in (
        coverage_rows,
        women_rows,
        title_rows,
        job_rows,
        market_rows,
        forest_rows,
        funding_rows,
        cost_rows,
    ):
        yield from rows(tables)
    yield from income_rows(tables, level=settings.level)
    yield from vulnerability_rows(tables, level=settings.level)
    yield from ownership_rows(tables)
    yield from principle_rows(tables, settings.principles)
    yield from quality_rows(tables, model or data_model())
    for name, unit, reason in (
        ("A2", "ha", "the net effect needs matched controls: the step impact, impact/effects.csv"),
        ("A3", "ratio", "displacement needs matched controls: the step impact, impact/effects.csv"),
        ("A14", "USD constant per net hectare avoided", _NO_COST),
    ):
        yield absent(name, PROGRAMME, "all", unit, reason, method="matched controls")
    for harm in HARMS:
        yield absent("A17", PROGRAMME, "all", "harm unit", _NO_BENEFIT, method="matched controls", group=harm)


HARMS = ("deforestation", "soil erosion", "soil degradation", "species", "contamination", "greenhouse gases")
_NO_COST = "cost by net hectare needs the net effect: the step impact, with [impact] projects"
_NO_BENEFIT = (
    "harms inside the areas against matched controls need the step benefit, a table [harm] in the survey file"
)
_NO_STRIP_HARM = "harms of a strip need the step harm, a table [harm] in the survey file"


def indicator_rows(found: Iterable[Indicator | FactSheet]) -> pd.DataFrame:
    """Return indicators as rows of the tidy table, by indicator, domain and period."""
    rows = [asdict(one) for one in found if isinstance(one, Indicator)]
    order = ["domain", "period", "group", "crop", "sex", "unit"]
    table = indicator_table(rows)
    number = table["indicator"].str[1:].astype(int)
    return (
        table.assign(number=number)
        .sort_values(["number", *order], kind="stable", ignore_index=True)
        .drop(columns="number")
    )


def as_json(tables: Mapping[str, pd.DataFrame], settings: ProgrammeSettings) -> str:
    """Return tables, without shapes, and settings as JSON, so that indicators can be made again from it."""
    content = {
        name: [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict("records")]
        for name, table in tables.items()
    }
    return json.dumps({"settings": asdict(settings), "tables": content}, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> tuple[dict[str, pd.DataFrame], ProgrammeSettings]:
    """Return tables and settings that `as_json` wrote."""
    content = json.loads(text)
    model = data_model()
    tables = {}
    for name, rows in content["tables"].items():
        table = pd.DataFrame(rows, columns=list(model.tables[name].fields))
        for field in model.tables[name].fields.values():
            if field.type in ("number", "whole"):
                table[field.name] = pd.to_numeric(table[field.name]).astype(float)
            elif field.type == "date":
                table[field.name] = pd.to_datetime(table[field.name], format="%Y-%m-%d")
        tables[name] = table
    told = content["settings"]
    several = {name: tuple(told[name]) for name in ("lot_size_cuts_ha", "principles")}
    return tables, ProgrammeSettings(**told | several)


def access_json(reach: Reach, lacking: str) -> str:
    """Return how A9 was measured as JSON, beside its table."""
    return json.dumps(asdict(reach) | {"lacking": lacking}, indent=1, ensure_ascii=False) + "\n"


def access_from(text: str) -> tuple[Reach, str]:
    """Return reach and reason that `access_json` wrote."""
    told = json.loads(text)
    return Reach(measure=told["measure"], limit=told["limit"]), told["lacking"]


def _plain(value: Any) -> Any:
    if value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.date().isoformat() if isinstance(value, pd.Timestamp) else value


def told_change(change: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Say the change in the programme's areas, with its interval and what it does not mean."""
    for _, row in change[change["domain"].isin(names)].iterrows():
        level = f"{'nominal ' if row['flags'] else ''}{100 * row['level']:g} % interval"
        yield (
            f"{row['crop']} in the programme's areas, {row['from']} to {row['to']}: "
            f"{row['difference_ha']:+,.0f} ha ({level} {row['lo_ha']:+,.0f} to {row['hi_ha']:+,.0f} ha): "
            f"{row['verdict']}; a change in place, not an effect of the programme"
        )
