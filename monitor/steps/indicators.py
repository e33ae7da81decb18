"""Step ``indicators``: the parts that other steps wrote, joined into one tidy table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.context import Context, Progress
from monitor.facts import facts_path, joined_facts, read_facts
from monitor.indicators import FOLDER, joined, part_path, read_part, write_table
from monitor.tables import write_csv

__all__ = ["join_indicators"]


def join_indicators(
    context: Context, staging: Path, progress: Progress, *, parts: Sequence[str]
) -> Mapping[str, Any]:
    """Write ``indicators/indicators.csv`` and ``fact_sheets.csv`` from the parts of this run."""
    paths = [part_path(context.out, name) for name in parts]
    table = joined([read_part(path) for path in paths if path.is_file()])
    write_table(table, staging / FOLDER / "indicators.csv")
    sheets = [read_facts(path) for path in (facts_path(context.out, name) for name in parts) if path.is_file()]
    if sheets:
        write_csv(joined_facts(sheets), staging / FOLDER / "fact_sheets.csv")
    progress(1, 1)
    return {"indicators": len(table)}
