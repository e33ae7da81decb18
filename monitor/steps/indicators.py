"""Step ``indicators``: the parts that other steps wrote, joined into one tidy table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitor.context import Context, Progress
from monitor.indicators import FOLDER, joined, part_path, read_part, write_table

__all__ = ["join_indicators"]


def join_indicators(
    context: Context, staging: Path, progress: Progress, *, parts: Sequence[str]
) -> Mapping[str, Any]:
    """Write ``indicators/indicators.csv`` from the parts of this run."""
    paths = [part_path(context.out, name) for name in parts]
    table = joined([read_part(path) for path in paths if path.is_file()])
    write_table(table, staging / FOLDER / "indicators.csv")
    progress(1, 1)
    return {"indicators": len(table)}
