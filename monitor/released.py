"""What beside hectares of places a product of tier 1 or 2 may show: harms, the effect of a programme, its projects.

Pure functions of the run folder's tables, so that a run and its verification cut the same ones. A part goes out
only at the tier that the survey file gives it, and only of the whole frame, the whole panel or a whole project.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aoi.project.indicator import total
from aoi.project.people import whole_counts
from maps.disclosure.policy import TierRules
from maps.disclosure.tier import Tier
from monitor.harms.reading import HARMS, headlines
from monitor.impact_tables import read_impact_csv
from monitor.indicators import part_path, read_part
from monitor.tables import read_csv

__all__ = ["AD_PREFIX", "further_tables", "programme_domains"]

AD_PREFIX = "ad:"
"""What stands before a project, or before `programme`, where it is a place like a layer."""

_SCOPES = ("overall", "announcement", "event", "ring", "net", "check")
_KINDS = ("programme", "project")
_COUNTS = (("households", "household"), ("persons", "person"))


def programme_domains(out: Path) -> pd.DataFrame:
    """Return the programme and its projects with ground in the frame; rows of ``overlay/ad_domains.csv``."""
    path = out / "overlay" / "ad_domains.csv"
    if not path.is_file():
        return pd.DataFrame(columns=["domain", "domain_name", "kind", "areas", "ground_ha"])
    rows = read_csv(path)
    return rows[rows["kind"].isin(_KINDS)].astype({"domain": str})


def further_tables(
    out: Path, tiers: Mapping[str, int], rules: TierRules, tier: Tier, periods: tuple[str, ...]
) -> dict[str, pd.DataFrame]:
    """Return the tables that were released to a tier, counts below its threshold taken out.

    Parameters
    ----------
    out
        Run folder.
    tiers
        Widest circle of ``ad``, ``harm`` and ``impact``; a part that is not named stays.
    rules
        The tier's.
    tier
        Programme or public.
    periods
        Periods compared.

    Returns
    -------
    dict
        Those that there are of ``harms``, ``effects``, ``portfolio`` and ``zone_change``.
    """
    made: dict[str, pd.DataFrame] = {}
    if tiers.get("harm", 0) >= tier and part_path(out, "harm").is_file():
        made["harms"] = _harms(read_part(part_path(out, "harm")), periods)
    if tiers.get("impact", 0) >= tier and (out / "impact" / "effects.csv").is_file():
        made["effects"] = _effects(read_impact_csv(out / "impact" / "effects.csv"), rules.least_count)
    domains = programme_domains(out)
    if tiers.get("ad", 0) >= tier and len(domains):
        made["portfolio"] = _portfolio(out, domains, rules.least_count)
        made["zone_change"] = _changes(out, domains)
    return {name: table for name, table in made.items() if len(table)}


def _harms(rows: pd.DataFrame, periods: tuple[str, ...]) -> pd.DataFrame:
    """Return the six harms of the whole frame; their figures are of no smaller place."""
    return pd.DataFrame(
        {
            "harm": head.harm,
            "crop": head.crop,
            "period": head.period,
            "state": head.state,
            "claim": "potential" if HARMS[head.harm][3] == "potential" else "at_most",
            "value": head.value,
            "lo": head.lo,
            "hi": head.hi,
            "unit": head.unit,
            "grade": head.grade,
            "level": head.level,
            "flags": "LOW_COUNT" if head.rough else "",
        }
        for period in periods
        for head in headlines(rows, period)
    )


def _effects(rows: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return the effects of the whole panel; those of few units, on either side, keep their name alone."""
    kept = rows[rows["scope"].isin(_SCOPES) & ~rows["effect"].astype(str).str.startswith("without ")]
    kept = kept[(kept["lo"].notna() & kept["hi"].notna()) | kept["scope"].isin(["overall", "ring"])]
    few = kept[["n_treated", "n_control"]].min(axis=1) < least
    told = kept["lo"].notna()
    state = np.where(few & told, "suppressed", np.where(told, "computed", "not_estimable"))
    numbers = [
        "value", "lo", "hi", "p_value", "n_treated", "n_control", "without_programme", "percent",
    ]  # fmt: skip
    blank = kept[numbers].astype(float).mask(few)
    finding = kept["finding"].fillna("").astype(str).mask(few, "")
    return kept.assign(**{name: blank[name] for name in numbers}, finding=finding, state=state)


def _portfolio(out: Path, domains: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return a row for each project: dates, land and people, without counts below the threshold."""
    tables = json.loads((out / "overlay" / "ad_tables.json").read_text(encoding="utf-8"))["tables"]
    people = _frame(tables, "beneficiaries", ("project_id", "measure", "unit", "period", "role", "count", "sex"))
    projects = _frame(tables, "projects", ("project_id", "title", "status", "actual_start", "planned_start"))
    found = domains[domains["kind"] == "project"].set_index("domain")
    rows = []
    for project in projects.to_dict("records"):
        code = str(project["project_id"])
        if code not in found.index:
            continue
        own = people[(people["project_id"] == code) & (people["measure"] == "served")]
        row = {
            "domain": AD_PREFIX + code,
            "project": code,
            "title": project["title"],
            "status": project["status"],
            "start": project.get("actual_start") or project.get("planned_start") or "",
            "end": project.get("actual_end") or project.get("planned_end") or "",
            "areas": found.loc[code, "areas"],
            "ground_ha": found.loc[code, "ground_ha"],
        }
        rows.append(row | dict(_people(own, least)))
    return pd.DataFrame(rows)


def _people(own: pd.DataFrame, least: int) -> Iterator[tuple[str, Any]]:
    """Yield households and persons served in the last period counted; a count that is small is not told."""
    for name, unit in _COUNTS:
        rows = own[own["unit"] == unit]
        rows = rows[rows["period"] == rows["period"].max()]
        whole = whole_counts(rows)
        totals = whole[whole["sex"] == "total"]
        count = float(total((totals if len(totals) else whole)["count"])) if len(rows) else np.nan
        few = 0 < count < least
        yield name, np.nan if few else count
        yield f"{name}_state", "suppressed" if few else "missing" if np.isnan(count) else "computed"


def _frame(tables: Mapping[str, Any], name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a table of the programme without the rows that may not leave their office."""
    rows = [row for row in tables.get(name, []) if row.get("restricted") not in ("yes", True)]
    table = pd.DataFrame(rows)
    for column in (*columns, "indigenous", "age_band"):
        if column not in table:
            table[column] = pd.Series(dtype=object)
    return table


def _changes(out: Path, domains: pd.DataFrame) -> pd.DataFrame:
    path = out / "overlay" / "ad_change.csv"
    rows = read_csv(path) if path.is_file() else pd.DataFrame(columns=["domain"])
    names = dict(zip(domains["domain"], domains["domain_name"], strict=True))
    rows = rows[rows["domain"].astype(str).isin(names)].fillna({"flags": ""})
    codes = rows["domain"].astype(str)
    return rows.assign(domain=AD_PREFIX + codes, domain_name=codes.map(names))
