"""Tables of projects and cells in a reader's language: codes become words, and a count that is hidden says so."""

from __future__ import annotations

from typing import Any

import pandas as pd

from maps.language import Language

__all__ = ["readable_cells", "readable_permanence", "readable_portfolio"]

_COUNTS = ("households", "persons")


def readable_portfolio(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return the table of projects in words; the state of a count stands beside it."""
    told = rows.drop(columns="domain", errors="ignore")
    states = {
        f"{name}_state": [
            "" if state == "computed" else _count_word(state, words) for state in rows[f"{name}_state"]
        ]
        for name in _COUNTS
    }
    status = [words.words.get(f"parts.status_{_code(value)}", str(value)) for value in rows["status"]]
    return told.assign(status=status, **states)


def readable_cells(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return the table of cells in words."""
    keys = [f"parts.mapped_{str(value).replace(' ', '_')}" for value in rows["mapped"]]
    return rows.assign(mapped=[words.words.get(key, "") for key in keys])


def readable_permanence(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return the classes of permanence in words; the rule that made them stays in the run folder's table."""
    kept = rows[[name for name in rows.columns if not name.startswith("rule_")]]
    yes_no = {name: words.text(f"table.additive_{name}") for name in ("yes", "no")}
    return kept.assign(
        **{
            "class": [words.words.get(f"permanence.{value}", str(value)) for value in rows["class"]],
            "long_affected": [yes_no["yes" if str(value) == "True" else "no"] for value in rows["long_affected"]],
        }
    )


def _count_word(state: Any, words: Language) -> str:
    return words.text("parts.too_few" if state == "suppressed" else "state.missing")


def _code(value: Any) -> str:
    return str(value).removesuffix(".0")
