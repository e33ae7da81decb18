"""Fact sheets beside the indicators: n, dates, places, sources; written by each step, joined into one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from aoi.project.indicator import FactSheet
from monitor.tables import unstamped, write_csv

__all__ = ["FACTS", "fact_table", "facts_path", "joined_facts", "read_facts", "write_facts"]

FACTS = ("indicator", "domain", "n", "unit", "first_date", "last_date", "places", "sources", "note")
"""Columns of ``fact_sheets.csv``."""


def fact_table(found: Iterable[object]) -> pd.DataFrame:
    """Return the fact sheets among what was found as rows of ``fact_sheets.csv``."""
    return pd.DataFrame([asdict(one) for one in found if isinstance(one, FactSheet)], columns=list(FACTS))


def facts_path(out: Path, name: str) -> Path:
    """Return where the fact sheets of one step stand in a run folder."""
    return out / "indicators" / f"facts_{name}.csv"


def write_facts(found: Iterable[object], out: Path, name: str) -> None:
    """Write the fact sheets of one step."""
    write_csv(fact_table(found), facts_path(out, name))


def joined_facts(sheets: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the fact sheets of several steps as one table."""
    return pd.concat(sheets, ignore_index=True).astype({"n": "int64"})


def read_facts(path: Path) -> pd.DataFrame:
    """Read fact sheets; all but the number is text, since codes of places keep their zeros."""
    rows = unstamped(pd.read_csv(path, dtype=str, keep_default_na=False))
    return rows.astype({"n": float})
