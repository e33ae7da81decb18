"""What must be said beside a figure: why a cell is empty, and how far a figure may be trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from maps.language import Language

__all__ = ["WIDE", "figure_words", "flags_of", "given_flags", "verdict_key", "with_flags"]

WIDE = "WIDE"
"""Flag of a figure whose interval is wider than the figure itself."""

_NUMBERED = ("estimated", "zero")
_VERDICTS = {
    "increase": "increase",
    "increased": "increase",
    "decrease": "decrease",
    "decreased": "decrease",
    "no_significant_change": "no_significant_change",
    "not_significant": "no_significant_change",
    "no_change": "no_significant_change",
    "not_comparable": "not_comparable",
    "not_testable": "not_testable",
}


def flags_of(text: object) -> tuple[str, ...]:
    """Return the flags in a cell of a table, such as ``LOW_COUNT;INDICATIVE``.

    Examples
    --------
    >>> flags_of("LOW_COUNT; INDICATIVE"), flags_of(float("nan"))
    (('LOW_COUNT', 'INDICATIVE'), ())
    """
    return () if pd.isna(text) else tuple(re.findall(r"[A-Z_]+", str(text)))


def verdict_key(text: object) -> str:
    """Return the catalogue's key of a verdict, or ``none`` for an empty or unknown one.

    Examples
    --------
    >>> verdict_key("No significant change"), verdict_key(None)
    ('no_significant_change', 'none')
    """
    return "none" if pd.isna(text) else _VERDICTS.get(re.sub(r"[\s-]+", "_", str(text).strip().lower()), "none")


def with_flags(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return figures with a column `flags` that also says which intervals are wider than their figure.

    Parameters
    ----------
    estimates
        Rows of ``estimates.csv``; `flags` may be absent.
    """
    numbers = estimates[["lo_ha", "value_ha", "hi_ha"]].to_numpy(dtype=float)
    # a zero is left out: any interval is wider than nothing
    size = np.nan_to_num(numbers[:, 1])
    wide = (np.nan_to_num(numbers[:, 2] - numbers[:, 0]) > size) & (size > 0)
    flags = [
        ";".join(dict.fromkeys([*flags_of(text), *([WIDE] if is_wide else [])]))
        for text, is_wide in zip(given_flags(estimates), wide, strict=True)
    ]
    return estimates.assign(flags=flags)


def given_flags(table: pd.DataFrame) -> pd.Series:
    """Return the column `flags`, empty where the table has none."""
    if "flags" in table.columns:
        return table["flags"].fillna("").astype(str)
    return pd.Series([""] * len(table), index=table.index, dtype=object)


def figure_words(row: Mapping[str, object], language: Language) -> str:
    """Return a figure with its interval, or the words for an empty cell.

    Parameters
    ----------
    row
        One row of ``estimates.csv``.
    language
        To say it in.

    Examples
    --------
    >>> from maps.language import language
    >>> row = {"state": "estimated", "value_ha": 120.4, "lo_ha": 80.0, "hi_ha": 190.0}
    >>> figure_words(row, language("en")), figure_words({"state": "suppressed"}, language("en"))
    ('120 ha (80 to 190 ha)', 'not shown, to protect people')
    """
    state = str(row["state"])
    if state not in _NUMBERED or pd.isna(row.get("value_ha")):
        return language.text(f"state.{state}")
    value, lo, hi = (float(str(row[key])) for key in ("value_ha", "lo_ha", "hi_ha"))
    limits = language.text("state.no_interval") if np.isnan(lo) else language.interval(lo, hi)
    return language.text(
        "pattern.with_interval", value=language.area(value, scale=None if np.isnan(hi) else hi), range=limits
    )
