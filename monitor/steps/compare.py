"""Step ``compare``: change between the baseline and the current period, on the units both share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from maps.page import CHANGE_COLUMNS
from monitor.context import Context, Progress
from monitor.figures import FRAME, change_rows
from monitor.steps.estimate import admin_domains, interval_method
from monitor.tables import read_tables, write_csv

__all__ = ["compare"]


def compare(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``estimates/change.csv``; empty, with its header, for a survey of one period."""
    folder = staging / "estimates"
    folder.mkdir(parents=True, exist_ok=True)
    names = [period.name for period in context.compared]
    if len(names) < 2:
        write_csv(pd.DataFrame(columns=[*CHANGE_COLUMNS, "level", "flags"]), folder / "change.csv")
        return {"changes": []}
    tables = read_tables(context.out)
    rows = change_rows(
        tables,
        context.survey.survey.crops,
        (names[0], names[1]),
        admin_domains(context, tables),
        method=interval_method(context),
        level=context.survey.estimate.level,
    )
    write_csv(rows, folder / "change.csv")
    progress(1, 1)
    whole = rows[rows["domain"] == FRAME]
    return {"changes": [{str(k): v for k, v in row.items()} for row in whole.to_dict("records")]}
