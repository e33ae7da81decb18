"""Rows of a map's scores on the reference sample, with the rules that need no map beside it.

Pure functions of tables, so that a run and its verification make the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.survey.error_matrix import error_matrix
from monitor.figures import finite
from monitor.tables import KNOWN, SurveyTables

__all__ = ["FLOOR_COLUMNS", "LOSES", "MAP", "floor_rows", "historical_rows", "lost", "skill_lines"]

MAP = "map"
"""Rule name of the map itself."""

LOSES = "THE MAP LOSES TO"
"""What the sentence of a map without skill says."""

HISTORICAL_MEAN = "historical_mean"
"""Rule name of the mean of earlier surveys; it has an area and no places."""

FLOOR_COLUMNS = (
    "crop", "period", "rule", "producers", "producers_se", "users", "users_se", "f1", "area_ratio", "beaten",
)  # fmt: skip


def floor_rows(tables: SurveyTables, says: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of the map and of every floor on the reference sample, weighted by the design.

    Parameters
    ----------
    tables
        The sample, its strata and labels.
    says
        One row for each unit, crop, period and rule: unit_id, crop, period, rule, and ``crop_here`` (1 or 0).

    Returns
    -------
    pandas.DataFrame
        In the columns `FLOOR_COLUMNS`. ``beaten`` is whether the map's F1 is higher than the rule's; the map's own
        row says whether all are beaten.

    References
    ----------
    Stehman, S. V. (2014). International Journal of Remote Sensing 35: 4923-4939: accuracies of a map whose classes
    are not the strata. F1 is the harmonic mean of both, from the same estimated areas.
    """
    tables = _held_out(tables)
    rows = []
    for (crop, period), part in says.groupby(["crop", "period"], sort=False):
        wide = part.pivot_table(index="unit_id", columns="rule", values="crop_here", aggfunc="first", sort=False)
        wide = wide.reindex(tables.units["unit_id"])
        reference = tables.member(str(period), str(crop)).astype(np.int64)
        rules = [MAP, *sorted(name for name in wide.columns if name != MAP)]
        scored = [
            {"crop": crop, "period": period, "rule": rule}
            | _scores(tables, wide[rule].to_numpy().astype(np.int64), reference)
            for rule in rules
        ]
        best = max((row["f1"] for row in scored[1:]), default=0.0)
        own = scored[0]["f1"]
        rows += [row | {"beaten": int(own > (best if row["rule"] == MAP else row["f1"]))} for row in scored]
    return pd.DataFrame(rows, columns=list(FLOOR_COLUMNS))


def _held_out(tables: SurveyTables) -> SurveyTables:
    """Return the units that were drawn: cells that taught the classifier say nothing of it."""
    return replace(
        tables,
        strata=tables.strata[tables.strata["stratum"] != KNOWN].reset_index(drop=True),
        units=tables.units[tables.units["stratum"] != KNOWN].reset_index(drop=True),
    )


def _scores(tables: SurveyTables, said: NDArray[np.int64], reference: NDArray[np.int64]) -> dict[str, float | None]:
    matrix = error_matrix(tables.stratum, said, reference, tables.design, ("other", "crop"))
    users, producers = matrix.users[1], matrix.producers[1]
    taken, there = float(matrix.proportions[1].sum()), float(matrix.proportions[:, 1].sum())
    both = taken + there
    return {
        "producers": finite(producers.value),
        "producers_se": finite(producers.se),
        "users": finite(users.value),
        "users_se": finite(users.se),
        "f1": 2 * float(matrix.proportions[1, 1]) / both if both else 0.0,
        "area_ratio": taken / there if there else None,
    }


def historical_rows(totals: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    """Return, for each crop and period, the mean area of the earlier surveys over the estimate.

    Parameters
    ----------
    totals
        Columns crop, period, year, area_ha: what each survey before the period drew within the frame.
    estimates
        Rows of ``estimates.csv`` of the frame.

    Returns
    -------
    pandas.DataFrame
        In the columns `FLOOR_COLUMNS`; the rule has an area and no places, so it has no accuracies.
    """
    rows = []
    for (crop, period), part in totals.groupby(["crop", "period"], sort=False):
        whole = estimates[(estimates["crop"] == crop) & (estimates["period"] == period)]
        value = float(whole["value_ha"].iloc[0])
        ratio = math.fsum(part["area_ha"]) / len(part) / value if value > 0 else None
        rows.append({"crop": crop, "period": period, "rule": HISTORICAL_MEAN, "area_ratio": ratio})
    return pd.DataFrame(rows, columns=list(FLOOR_COLUMNS))


def lost(rows: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the crops and periods whose map is no better than some floor."""
    own = rows[(rows["rule"] == MAP) & (rows["beaten"] == 0)]
    return set(zip(own["crop"], own["period"], strict=True))


def skill_lines(rows: pd.DataFrame) -> Iterator[str]:
    """Yield one sentence for each map: its F1, the best floor's, and who wins."""
    for (crop, period), part in rows.dropna(subset=["f1"]).groupby(["crop", "period"], sort=False):
        f1: Mapping[str, float] = dict(zip(part["rule"], part["f1"], strict=True))
        floors = {rule: value for rule, value in f1.items() if rule != MAP}
        best = max(floors, key=lambda rule: floors[rule])
        against = f"F1 {f1[MAP]:.2f} on the reference sample; best floor {floors[best]:.2f} ({best})"
        yield f"map {period}, {crop}: {against}" + _verdict(f1[MAP], floors, best)


def _verdict(own: float, floors: Mapping[str, float], best: str) -> str:
    if own > floors[best]:
        return ": the map beats every floor"
    losing: Sequence[str] = sorted(rule for rule, value in floors.items() if value >= own)
    return (
        f": {LOSES} {', '.join(losing)}: do not use it where the sample is silent; the hectares are the "
        "sample's own and are right without it"
    )
