"""Tables of evaluation and spatial pattern in a reader's language: codes become words."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from maps.language import Language

__all__ = [
    "arm_name",
    "effect_name",
    "readable_balance",
    "readable_effects",
    "readable_hot_spots",
    "readable_pattern",
    "trait_name",
]


def readable_effects(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return ``effects.csv`` in words; what only English says is left to the file."""
    pairs = zip(rows["scope"], rows["effect"], strict=True)
    return rows.assign(
        effect=[effect_name(str(scope), str(effect), words) for scope, effect in pairs],
        scope=[_word("scope", value, words) for value in rows["scope"]],
        scale=[_word("scale", value, words) for value in rows["scale"]],
        finding=[_word("finding", value, words) for value in rows["finding"]],
        note=[_word("note", value, words) for value in rows["note"]],
        outcome=[words.class_name(str(value)) for value in rows["outcome"]],
    ).drop(columns="detail", errors="ignore")


def readable_balance(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return ``balance.csv`` in words."""
    return rows.assign(
        arm=[arm_name(str(value), words) for value in rows["arm"]],
        trait=[trait_name(str(value), words) for value in rows["trait"]],
        balance=[_word("balance", value, words) for value in rows["balance"]],
    )


def readable_hot_spots(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return ``hot_spots.csv`` in words."""
    return rows.assign(
        cluster=[words.text("hot_spot.cluster_" + str(value).replace(" ", "_")) for value in rows["cluster"]],
        hot_spot=[words.text(f"hot_spot.spot_{value}") for value in rows["hot_spot"]],
    ).drop(columns="basis", errors="ignore")


def readable_pattern(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return ``spatial_pattern.csv`` in words; the statistics keep their names."""
    return rows.assign(crop=[words.class_name(str(name)) for name in rows["crop"]]).drop(
        columns="false_discovery", errors="ignore"
    )


def arm_name(arm: str, words: Language) -> str:
    """Return the name of a treatment for readers."""
    return effect_name("ring" if arm.startswith("ring ") else "overall", arm, words)


def effect_name(scope: str, effect: str, words: Language) -> str:
    """Return the name of an effect for readers; codes and names of regions stay as they are."""
    if scope == "ring":
        return words.text("impact.ring", range=effect.removeprefix("ring ").removesuffix(" km"))
    if scope == "event" and re.fullmatch(r"-?\d+", effect):
        years = int(effect)
        key = "parts.years_before" if years < 0 else "parts.years_after"
        return words.counted(key, abs(years)) if years else words.text("parts.year_of_start")
    for prefix, key in (("without ", "impact.without"), ("controls beyond ", "impact.beyond")):
        if effect.startswith(prefix):
            return words.text(key, name=effect.removeprefix(prefix).removesuffix(" km"))
    return _word("effect", effect, words)


def trait_name(trait: str, words: Language) -> str:
    """Return the name of a trait for readers."""
    return _word("trait", trait, words)


def _word(kind: str, value: Any, words: Language) -> str:
    """Return the word of a code, or the code itself where it is a name or a year."""
    if pd.isna(value) or str(value) == "":
        return ""
    key = str(value).replace(",", "").replace(" ", "_").replace("-", "_")
    return words.words.get(f"impact.{kind}_{key}", str(value))
