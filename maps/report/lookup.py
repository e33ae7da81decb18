"""Rows of a page's figures as the report asks for them, and the words that go with them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from maps.language import Language
from maps.page import FRAME_DOMAIN, Page
from maps.remark import flags_of, given_flags, with_flags
from maps.report.chart import Dot
from maps.report.document import Paragraph

__all__ = [
    "MOST_ROWS", "PERIOD_COLOURS", "ROUGH", "changes_of", "compared_periods", "current_period", "dot_of",
    "frame_row", "has_number", "hectares", "level_of", "level_of_all", "more_rows", "number_of", "scale_of",
    "unit_rows",
]  # fmt: skip


ROUGH = {"LOW_COUNT", "WIDE", "INDICATIVE", "CARRIED_FORWARD", "INCOMPLETE"}
"""Flags of figures that are not to be ranked."""

PERIOD_COLOURS = ("#0B5D8A", "#B8481B", "#4C8C4A", "#8C6BB1")
"""Colours of the periods that are compared."""

MOST_ROWS = 45
"""Most rows of one table on paper; the workbook has them all."""


def frame_row(page: Page, crop: str, period: str) -> dict[str, Any] | None:
    """Return the figure of the whole area, with its flags; None when there is none."""
    table = with_flags(page.figures.estimates)
    chosen = (table["crop"] == crop) & (table["period"].astype(str) == period)
    rows = table[chosen & (table["domain"].astype(str) == FRAME_DOMAIN)].to_dict("records")
    return rows[0] if rows else None


def unit_rows(page: Page, crop: str, period: str) -> dict[str, dict[str, Any]]:
    """Return the figures of the units by their code, with their flags."""
    table = with_flags(page.figures.estimates)
    chosen = (table["crop"] == crop) & (table["period"].astype(str) == period)
    codes = set(page.admin.frame["code"].astype(str))
    return {str(row["domain"]): row for row in table[chosen].to_dict("records") if str(row["domain"]) in codes}


def changes_of(page: Page, crop: str, domain: str | None) -> list[dict[str, Any]]:
    """Return the changes of a crop in a domain, or in all of them."""
    rows = page.figures.change.to_dict("records")
    return [row for row in rows if row["crop"] == crop and domain in (None, str(row["domain"]))]


def compared_periods(page: Page) -> list[str]:
    """Return the baseline and the current period, or the last two."""
    chosen = [period.name for period in page.periods if period.role in ("baseline", "current")]
    return chosen or [period.name for period in page.periods[-2:]]


def current_period(page: Page) -> str:
    """Return the period that the report is about."""
    return compared_periods(page)[-1]


def dot_of(row: dict[str, Any], colour: str) -> Dot:
    """Return the mark of a figure in a chart."""
    rough = bool(set(flags_of(row["flags"])) & ROUGH)
    return Dot(value=number_of(row), lo=float(row["lo_ha"]), hi=float(row["hi_ha"]), colour=colour, rough=rough)


def has_number(row: dict[str, Any]) -> bool:
    """Say whether a figure is a number, and not the reason why there is none."""
    return row["state"] in ("estimated", "zero") and not pd.isna(row["value_ha"])


def number_of(row: dict[str, Any]) -> float:
    """Return the hectares of a figure, 0 where there are none."""
    return float(row["value_ha"]) if has_number(row) else 0.0


def scale_of(row: dict[str, Any]) -> float | None:
    """Return the upper limit, which decides the digits."""
    return None if pd.isna(row["hi_ha"]) else float(row["hi_ha"])


def level_of_all(page: Page, words: Language) -> str:
    """Return the level of the intervals; a nominal one where a flag says that it may not hold."""
    estimates = page.figures.estimates
    levels = estimates["level"].dropna()
    rough = given_flags(estimates).str.contains("LOW_COUNT").any()
    return _level_text(float(levels.iloc[0]) if len(levels) else 0.95, bool(rough), words)


def level_of(row: dict[str, Any], words: Language) -> str:
    """Return the level of one interval; a nominal one where a flag says that it may not hold."""
    level = row.get("level", 0.95)
    return _level_text(0.95 if pd.isna(level) else float(level), "LOW_COUNT" in flags_of(row.get("flags")), words)


def _level_text(level: float, rough: bool, words: Language) -> str:
    text = words.percent(level, 0)
    return words.text("pattern.nominal", level=text) if rough else text


def hectares(words: Language) -> str:
    """Return the name of the unit of an axis."""
    return words.text("table.hectares")


def more_rows(count: int, words: Language) -> Paragraph:
    """Return the line that tells how many rows a table leaves to the workbook."""
    return Paragraph(text=words.counted("report.more_rows", count), small=True)
