"""Rows of the published tables from an official series; pure functions, so that a run can be recomputed.

The figures come without interval: `se_ha`, `lo_ha`, `hi_ha`, `level` and `n` stay empty and the method says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from aoi.official import NO_INTERVAL, NOT_TESTABLE, OfficialSeries, change_table
from aoi.official_overlay import units_holding
from aoi.survey.figure import INCOMPLETE
from aoi.survey.permanence import PermanenceRule, long_affected, permanence
from aoi.survey.published import RoundingRule
from maps.page import CHANGE_COLUMNS, ESTIMATE_COLUMNS

__all__ = ["change_rows", "concentration_rows", "estimate_rows", "permanence_rows", "reading_rows"]

METHOD = f"official series; {NO_INTERVAL}"


def estimate_rows(series: OfficialSeries) -> pd.DataFrame:
    """Return the figures of a series as rows of ``estimates.csv``, by code and period.

    Parameters
    ----------
    series
        Units, or sums of units.
    """
    cells, meaning = series.cells, series.quantity
    empty = cells["empty_cells"] if "empty_cells" in cells else pd.Series(0, index=cells.index)
    table = pd.DataFrame(
        {
            "crop": meaning.crop,
            "period": cells["period"],
            "domain": cells["code"],
            "domain_name": cells["name"],
            "state": cells["state"],
            "value_ha": cells["value_ha"],
            "se_ha": np.nan,
            "lo_ha": np.nan,
            "hi_ha": np.nan,
            "level": np.nan,
            "n": np.nan,
            "method": METHOD,
            "kind": meaning.kind,
            "reference_date": [series.quantity_of(period).reference for period in cells["period"]],
            "source": meaning.source,
            "vintage": meaning.vintage,
            "flags": np.where(empty > 0, INCOMPLETE, ""),
        }
    )
    return table[[*ESTIMATE_COLUMNS, "flags"]]


def change_rows(series: OfficialSeries, earlier: str, later: str) -> pd.DataFrame:
    """Return the differences between two periods as rows of ``change.csv``; none of them can be tested."""
    table = change_table(series, earlier, later)
    rows = pd.DataFrame(
        {
            "crop": series.quantity.crop,
            "from": earlier,
            "to": later,
            "domain": table["code"],
            "difference_ha": table["difference_ha"],
            "se_ha": np.nan,
            "lo_ha": np.nan,
            "hi_ha": np.nan,
            "p_value": np.nan,
            "verdict": np.where(table["difference_ha"].notna(), NOT_TESTABLE, table["reading"]),
            "method": f"difference of official figures; {NO_INTERVAL}",
            "flags": "",
        }
    )
    return rows[[*CHANGE_COLUMNS, "flags"]]


def reading_rows(
    series: Sequence[OfficialSeries],
    earlier: str,
    later: str,
    *,
    rule: RoundingRule,
) -> pd.DataFrame:
    """Return the change between two periods for readers: both figures, per cent, and what may be said of it."""
    table = pd.concat([change_table(one, earlier, later, rule=rule) for one in series], ignore_index=True)
    renamed = table.rename(columns={"code": "domain", "name": "domain_name"})
    crop = series[0].quantity.crop
    columns = ["domain", "domain_name", "from_ha", "to_ha", "difference_ha", "percent", "percent_rule", "reading"]
    return renamed.assign(crop=crop, percent_rule=rule, **{"from": earlier, "to": later})[
        ["crop", "from", "to", *columns]
    ]


def permanence_rows(series: OfficialSeries, rule: PermanenceRule) -> pd.DataFrame:
    """Return the class of every unit over the latest years, with the rule beside it.

    Parameters
    ----------
    series
        Figures by unit in consecutive years.
    rule
        Windows and runs; its cell size is the mean size of the units.
    """
    codes, area = series.matrix()
    history = permanence(area, rule)
    names = dict(zip(series.cells["code"], series.cells["name"], strict=True))
    return pd.DataFrame(
        {
            "domain": codes,
            "domain_name": [names[code] for code in codes],
            "class": [each.value for each in history.classes],
            "years_present": history.years_present,
            "transitions": history.transitions,
            "current_run": history.current_run,
            "long_affected": long_affected(area, rule),
            "value_ha": area[:, -1],
            "period": series.periods[-1],
        }
    ).assign(**{f"rule_{key}": value for key, value in asdict(rule).items()})


def concentration_rows(series: OfficialSeries) -> pd.DataFrame:
    """Return how concentrated the crop is in every period: units with it, units holding half, share of ten."""

    def row(period: str) -> dict[str, Any]:
        told = series.of(period)["value_ha"].to_numpy(dtype=float)
        value = np.sort(told[np.isfinite(told)])[::-1]
        whole = value.sum()
        return {
            "period": period,
            "units_with_crop": int((value > 0).sum()),
            "units_holding_half": units_holding(value, 0.5),
            "share_of_first_ten": float(value[:10].sum() / whole) if whole > 0 else np.nan,
            "units_without_figure": int((~np.isfinite(told)).sum()),
        }

    return pd.DataFrame([row(period) for period in series.periods])
