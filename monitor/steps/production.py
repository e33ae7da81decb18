"""Step ``production``: potential production by administrative unit, with the errors of area and yield."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geo.files import write_text
from monitor.context import Context, Progress
from monitor.figures import FRAME
from monitor.harvest import corrected_areas, production_rows
from monitor.sections import ProductionSection
from monitor.tables import read_csv, write_csv

__all__ = ["make_production", "production_table"]


def make_production(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``estimates/production.csv`` and the settings it was made with."""
    folder = staging / "estimates"
    folder.mkdir(parents=True, exist_ok=True)
    sections = context.survey.production
    rows = production_table(context.out, sections)
    write_csv(rows, folder / "production.csv")
    settings = [section.model_dump(mode="json") for section in sections]
    write_text(folder / "production.json", json.dumps(settings, indent=1, ensure_ascii=False) + "\n")
    progress(1, 1)
    return {"notes": list(_notes(rows))}


def production_table(out: Path, sections: list[ProductionSection]) -> pd.DataFrame:
    """Return the production made from a run folder's published areas."""
    folder, alone = out / "estimates", out / "overlay" / "alone.csv"
    ledger = folder / "corrections.csv"
    areas = corrected_areas(read_csv(folder / "estimates.csv"), read_csv(ledger) if ledger.is_file() else None)
    return production_rows(areas, read_csv(alone) if alone.is_file() else pd.DataFrame(), sections)


def _notes(rows: pd.DataFrame) -> Iterator[str]:
    for _, row in rows[rows["domain"] == FRAME].iterrows():
        part = {"total": "potential production", "licit": "licit", "not_licit": "not licit"}[row["part"]]
        flags = f" [{row['flags']}]" if row["flags"] else ""
        level = f"{'nominal ' if flags else ''}{100 * row['level']:g} %"
        yield (
            f"{row['crop']} {row['period']}, {part}: {row['value_t']:,.1f} t {row['product']} "
            f"({level} interval {row['lo_t']:,.1f} to {row['hi_t']:,.1f} t){flags}"
        )
