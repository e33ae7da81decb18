"""Rows of what became of the crop: hectares that stayed, are new or are gone, and how well the maps show it.

Pure functions of tables, so that a run and its verification make the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.survey.domain import domain_areas
from aoi.survey.error_matrix import error_matrix
from monitor.figures import finite
from monitor.tables import SurveyTables

__all__ = ["TRANSITIONS", "TRANSITION_COLUMNS", "transition_rows"]

TRANSITIONS = ("stable", "new", "gone")
TRANSITION_COLUMNS = (
    "crop", "from", "to", "transition", "value_ha", "se_ha", "lo_ha", "hi_ha", "level", "n", "method",
    "users", "users_se", "producers", "producers_se", "flags",
)  # fmt: skip


def transition_rows(
    tables: SurveyTables, crops: Sequence[str], periods: tuple[str, str], *, method: str, level: float
) -> pd.DataFrame:
    """Return one row for each crop and transition in the columns of ``transitions.csv``.

    Parameters
    ----------
    tables
        The sample, its strata and labels.
    crops
        Crops of the survey.
    periods
        Baseline and current period.
    method, level
        Interval and its level.

    Notes
    -----
    A transition is a class of its own: its hectares come from units whose two reference labels show it, never from
    the difference of two maps, whose errors add up. The accuracies are those of the two maps laid over each other.
    """
    rows = []
    before, after = periods
    whole = np.ones((len(tables.units), 1), dtype=bool)
    area = np.array([float(tables.strata["area_ha"].sum())])
    for crop in crops:
        reference = _codes(tables, crop, f"label_{before}", f"label_{after}")
        mapped = _codes(tables, crop, f"map_{before}", f"map_{after}")
        matrix = error_matrix(tables.stratum, mapped, reference, tables.design, ("none", *TRANSITIONS))
        for number, name in enumerate(TRANSITIONS, start=1):
            (figure,) = domain_areas(
                tables.stratum,
                (reference == number).astype(np.float64),
                whole,
                tables.design,
                domain_area_ha=area,
                method=method,
                level=level,
            )
            users, producers = matrix.users[number], matrix.producers[number]
            rows.append(
                {
                    "crop": crop,
                    "from": before,
                    "to": after,
                    "transition": name,
                    "value_ha": figure.value,
                    "se_ha": figure.se,
                    "lo_ha": figure.lo,
                    "hi_ha": figure.hi,
                    "level": figure.level,
                    "n": figure.n,
                    "method": figure.method,
                    "users": finite(users.value),
                    "users_se": finite(users.se),
                    "producers": finite(producers.value),
                    "producers_se": finite(producers.se),
                    "flags": ";".join(figure.flags),
                }
            )
    return pd.DataFrame(rows, columns=list(TRANSITION_COLUMNS))


def _codes(tables: SurveyTables, crop: str, before: str, after: str) -> NDArray[np.int64]:
    """Return 1 where the crop stays, 2 where it is new, 3 where it is gone, else 0."""
    then, now = (tables.units[column].to_numpy() == crop for column in (before, after))
    return np.where(then & now, 1, np.where(now, 2, np.where(then, 3, 0))).astype(np.int64)
