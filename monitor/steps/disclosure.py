"""Step ``disclosure``: which places may have a figure in the products of tiers 1 and 2, and the tables they get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import DisclosureError
from geo.files import sha256, write_text
from maps.disclosure.generalise import SafeTables, audit_tables, generalised
from maps.disclosure.pattern import Decision, decide
from maps.disclosure.policy import TierRules, tier_rules
from maps.disclosure.release import digest_of
from maps.disclosure.tier import Tier
from maps.table import csv_text
from monitor.cells import cell_rows
from monitor.context import Context, Progress
from monitor.gate import earlier_decisions
from monitor.official_release import official_tables
from monitor.places import Surroundings, gather, land_of, read_surroundings, rules_of, write_surroundings
from monitor.released import AD_PREFIX, further_tables
from monitor.tables import SurveyTables, read_csv, read_tables

__all__ = ["TIERS", "approved_digest", "disclose", "safe_tables", "table_texts"]

LAYERS = "layers.json"
"""File that says what is shown beside a tier's tables."""

TIERS = (Tier.PROGRAMME, Tier.PUBLIC)


def disclose(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``disclosure/``: the smallest parts, the decision, and the tables of each tier.

    All of it is tier 0 but ``disclosure/1`` and ``disclosure/2``, which wait there to be approved.

    Raises
    ------
    DisclosureError
        If earlier products had other cells or boundaries.
    """
    folder = staging / "disclosure"
    rules = rules_of(context)
    if context.survey.official is not None:
        return _disclose_official(context, folder, rules, progress)
    write_surroundings(folder, gather(context))
    progress(1, 3)
    earlier = earlier_decisions(context.survey.disclosure.earlier)
    settings = {
        "rules": {str(int(tier)): one.as_record() for tier, one in rules.items()},
        "earlier": [one.as_record() for one in earlier],
        "households": context.survey.disclosure.households is not None,
        "without_households": context.survey.disclosure.without_households,
        "parts": context.survey.part_tiers,
    }
    write_text(folder / "settings.json", _json(settings))
    return _written(context, folder, progress)


def _disclose_official(
    context: Context, folder: Path, rules: Mapping[Tier, TierRules], progress: Progress
) -> Mapping[str, Any]:
    """Write the decision on an official series: what the authority released, and nothing else."""
    official = context.survey.official
    assert official is not None
    settings = {
        "official": int(official.tier),
        "layers": {entry.name: int(entry.tier) for entry in context.survey.overlay},
        "rules": {str(int(tier)): one.as_record() for tier, one in rules.items()},
        "parts": context.survey.part_tiers,
    }
    write_text(folder / "settings.json", _json(settings))
    return _written(context, folder, progress)


def _written(context: Context, folder: Path, progress: Progress) -> Mapping[str, Any]:
    """Decide, and write the decision with the tables of each tier."""
    result = safe_tables(context.out, folder)
    progress(2, 3)
    for name, text in table_texts(result).items():
        write_text(folder / name, text)
    for tier in TIERS:
        if not isinstance(result[tier], DisclosureError):
            write_text(folder / str(int(tier)) / LAYERS, _json(_layers(context, tier)))
    progress(3, 3)
    return {"tables": _digests(folder), "notes": list(_notes(result))}


def safe_tables(out: Path, folder: Path) -> dict[Tier, SafeTables | DisclosureError]:
    """Decide, cut and attack, from the tables of a run folder alone.

    Parameters
    ----------
    out
        Run folder, with the estimates.
    folder
        Where the smallest parts and the settings stand.

    Returns
    -------
    dict
        By tier its tables, or why it can have none.
    """
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    rules = {tier: _rules(settings["rules"][str(int(tier))], tier) for tier in TIERS}
    if "official" in settings:
        return official_tables(out, settings, rules)
    found = read_surroundings(folder)
    decisions = decide(found.places, rules, [Decision.from_record(one) for one in settings["earlier"]])
    made = [one for one in decisions.values() if isinstance(one, Decision)]
    land = land_of(found.places, made)
    tables = read_tables(out)
    result: dict[Tier, SafeTables | DisclosureError] = {}
    for tier in TIERS:
        decision = decisions[tier]
        if isinstance(decision, DisclosureError):
            result[tier] = decision
            continue
        raw = _raw(out, tables, found, decision)
        periods = tuple(dict.fromkeys(period for _, period in found.places.series))
        raw |= further_tables(out, settings["parts"], rules[tier], tier, periods)
        safe = generalised(raw, decision, rules[tier])
        try:
            audit_tables(raw, safe, rules[tier], land)
        except DisclosureError as error:
            result[tier] = error
            continue
        result[tier] = safe
    return result


def table_texts(result: Mapping[Tier, SafeTables | DisclosureError]) -> dict[str, str]:
    """Return the files of the decision and of each tier's tables, by path under ``disclosure/``."""
    texts: dict[str, str] = {}
    record: dict[str, Any] = {}
    for tier in TIERS:
        one = result[tier]
        if isinstance(one, DisclosureError):
            record[str(int(tier))] = {"refused": str(one).splitlines()}
            continue
        record[str(int(tier))] = one.decision.as_record()
        texts |= {f"{int(tier)}/{name}.csv": csv_text(table) for name, table in one.tables.items()}
    return {"decision.json": _json(record), **texts}


def _raw(out: Path, tables: SurveyTables, found: Surroundings, decision: Decision) -> dict[str, pd.DataFrame]:
    """Return the tables of the run that a product may draw on, in full precision."""
    estimates = read_csv(out / "estimates" / "estimates.csv").fillna({"source": "", "vintage": "", "flags": ""})
    change = read_csv(out / "estimates" / "change.csv").fillna({"flags": ""})
    names = dict(zip(estimates["domain"], estimates["domain_name"], strict=True))
    places = {**found.tables, "atoms": found.places.atoms}
    raw = {
        "estimates": estimates,
        "change": change.assign(domain_name=change["domain"].map(names)),
        "accuracy": read_csv(out / "estimates" / "accuracy.csv").fillna({"class": ""}),
        "cells": cell_rows(tables, estimates, decision, places, found.places.base_km),
    }
    layers = [name for name, of in found.places.layers.items() if of >= decision.tier]
    if layers:
        raw["zones"] = _zones(out, layers)
    return raw


def _zones(out: Path, layers: list[str]) -> pd.DataFrame:
    """Return the figures of whole layers, of the programme and of its projects, each by itself."""
    found = []
    for name, prefix in (("alone", ""), ("ad_estimates", AD_PREFIX)):
        path = out / "overlay" / f"{name}.csv"
        if path.is_file():
            rows = read_csv(path).fillna({"source": "", "vintage": "", "flags": ""})
            found.append(rows.assign(domain=prefix + rows["domain"].astype(str)))
    rows = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["domain"])
    return rows[rows["domain"].isin(layers)].reset_index(drop=True)


def _rules(record: Mapping[str, Any], tier: Tier) -> TierRules:
    return tier_rules(tier, {name: tuple(value) if name == "suffixes" else value for name, value in record.items()})


def approved_digest(folder: Path, tier: Tier) -> str:
    """Return the hash that approvals of a tier name: of its tables, and of the layers shown with them.

    Parameters
    ----------
    folder
        ``disclosure`` of the run folder.
    tier
        Programme or public.
    """
    return digest_of({path.name: sha256(path) for path in sorted((folder / str(int(tier))).glob("*"))})


def _layers(context: Context, tier: Tier) -> dict[str, Any]:
    """Return what a tier's page shows beside the tables: titles, and the hashes of the released layers."""
    survey = context.survey
    paths = {f"overlay {entry.name}: {entry.title}": entry.path for entry in survey.overlay if entry.tier >= tier}
    if survey.map.tier >= tier:
        lines = {"rivers": survey.map.rivers, "roads": survey.map.roads, "elevation": survey.map.elevation}
        paths |= {name: path for name, path in lines.items() if path is not None}
    return {
        "title": survey.survey.title,
        "sources": survey.map.sources,
        "disclaimer": survey.map.disclaimer,
        "notes": list(survey.map.notes),
        "layers": {"administrative units": sha256(survey.area.admin), **{k: sha256(v) for k, v in paths.items()}},
    }


def _digests(folder: Path) -> dict[str, str]:
    return {str(int(tier)): approved_digest(folder, tier) for tier in TIERS if (folder / str(int(tier))).is_dir()}


def _notes(result: Mapping[Tier, SafeTables | DisclosureError]) -> list[str]:
    notes = []
    for tier in TIERS:
        one = result[tier]
        if isinstance(one, DisclosureError):
            notes.append(f"tier {int(tier)}: cannot be made; {str(one).splitlines()[0]}")
            continue
        states = list(one.decision.states.values())
        notes.append(
            f"tier {int(tier)}: {len(one.decision.leaves)} cells; {states.count('shown')} places shown, "
            f"{states.count('primary')} hidden by a rule, {states.count('complementary')} to protect them"
        )
    return notes


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
