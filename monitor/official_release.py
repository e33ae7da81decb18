"""What tiers 1 and 2 may have of an official series: the authority's own figures, where it released them.

No field stands behind such a figure here, so that no rule on fields can be asked of it. What goes out is decided
by the authority's release alone (``[official] tier``); figures are passed on as published, not rounded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geo.errors import DisclosureError, Problem
from maps.disclosure.generalise import SafeTables
from maps.disclosure.pattern import FRAME, SHOWN, Decision
from maps.disclosure.policy import TierRules, allowed_columns
from maps.disclosure.tier import Tier
from monitor.released import further_tables
from monitor.tables import read_csv

__all__ = ["OFFICIAL_CRS", "official_tables"]

OFFICIAL_CRS = "EPSG:4326"
"""CRS of a product without cells."""

_TABLES = {
    "estimates": ("estimates", "estimates"),
    "change": ("estimates", "change"),
    "zones": ("overlay", "alone"),
    "permanence": ("indicators", "permanence"),
}


def official_tables(
    out: Path, settings: Mapping[str, Any], rules: Mapping[Tier, TierRules]
) -> dict[Tier, SafeTables | DisclosureError]:
    """Return the tables of each tier, or why it can have none; a pure function of the run folder.

    Parameters
    ----------
    out
        Run folder of a survey of official figures.
    settings
        ``official`` (tier of the release), ``layers`` (overlay to its tier) and ``parts``.
    rules
        Rules by tier; of them only the least count is asked.
    """
    return {tier: _of_tier(out, settings, rules[tier], tier) for tier in (Tier.PROGRAMME, Tier.PUBLIC)}


def _of_tier(out: Path, settings: Mapping[str, Any], rules: TierRules, tier: Tier) -> SafeTables | DisclosureError:
    released = int(settings["official"])
    if released < tier:
        return DisclosureError(
            Problem(
                "[official] tier",
                f"{released}",
                f"{int(tier)}: a circle that the authority released its table to",
                "set it when the authority agrees",
            )
        )
    layers = [name for name, of in settings["layers"].items() if of >= tier]
    tables = {name: _table(out, name, layers) for name in _TABLES}
    periods = tuple(dict.fromkeys(tables["estimates"]["period"].astype(str)))
    tables |= {
        name: rows for name, rows in further_tables(out, settings["parts"], rules, tier, periods).items()
        if name == "effects"
    }  # fmt: skip
    kept = {name: _allowed(rows, tier, name) for name, rows in tables.items() if len(rows)}
    places = [FRAME, *(f"unit:{code}" for code in dict.fromkeys(tables["estimates"]["domain"]) if code != FRAME)]
    return SafeTables(decision=_decision(places, rules, tier, tables["estimates"]), tables=kept)


def _table(out: Path, name: str, layers: list[str]) -> pd.DataFrame:
    folder, file = _TABLES[name]
    path = out / folder / f"{file}.csv"
    if not path.is_file():
        return pd.DataFrame(columns=["domain", "state"])
    rows = read_csv(path)
    if name == "zones":
        rows = rows[rows["domain"].isin(layers)]
    if name == "change":
        rows = rows.assign(state="estimated", level=float("nan"), domain_name="")
    return rows.fillna({column: "" for column in ("source", "vintage", "flags") if column in rows})


def _allowed(rows: pd.DataFrame, tier: Tier, name: str) -> pd.DataFrame:
    return rows[[column for column in allowed_columns(tier, name) if column in rows]].reset_index(drop=True)


def _decision(places: list[str], rules: TierRules, tier: Tier, estimates: pd.DataFrame) -> Decision:
    pairs = zip(estimates["crop"].astype(str), estimates["period"].astype(str), strict=True)
    return Decision(
        tier=tier,
        leaves=(),
        states=dict.fromkeys(places, SHOWN),
        rules=rules.as_record() | {"round_ha": 0.0},
        grid=OFFICIAL_CRS,
        series=tuple(sorted(set(pairs))),
    )
