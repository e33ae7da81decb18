"""Figures of the frame corrected for misreading, from readings of units whose label is known.

A pure function of published tables, so that a run and its verification make the same numbers. The statistics stand
in `aoi.survey.interpretation`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aoi.survey.estimate import read_back
from aoi.survey.interpretation import Misreading, corrected_area
from monitor.figures import FRAME
from monitor.tables import KNOWN, SurveyTables

__all__ = ["misreading_rows"]

COLUMNS = (
    "crop", "period", "read_ha", "read_lo_ha", "read_hi_ha", "value_ha", "se_ha", "lo_ha", "hi_ha", "level", "n",
    "method", "flags", "sensitivity", "n_crop", "specificity", "n_other",
)  # fmt: skip


def misreading_rows(tables: SurveyTables, estimates: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each crop and period whose misreading is known.

    Parameters
    ----------
    tables
        The sample and its strata.
    estimates
        Rows of ``estimates.csv``.
    readings
        Columns period, read, known: one row for each reading.

    Returns
    -------
    DataFrame
        The frame's figure as read and corrected. No row where no unit of the crop, or none of other classes, is
        known.

    Raises
    ------
    QualityGateError
        If a crop is read no better than by chance.
    """
    rows = []
    for row in estimates[estimates["domain"] == FRAME].to_dict("records"):
        here = readings[readings["period"].astype(str) == str(row["period"])]
        read, known = (np.asarray(here[name] == row["crop"], dtype=np.int64) for name in ("read", "known"))
        if not known.any() or known.all():
            continue
        rates = Misreading.of_labels(read, known, 1)
        observed = read_back(row)
        certain_ha, read_area_ha = _certain(tables, str(row["period"]), str(row["crop"]))
        corrected = corrected_area(observed, read_area_ha, rates, certain_ha=certain_ha)
        rows.append(
            {
                "crop": row["crop"],
                "period": row["period"],
                "read_ha": observed.value,
                "read_lo_ha": observed.lo,
                "read_hi_ha": observed.hi,
                "value_ha": corrected.value,
                "se_ha": corrected.se,
                "lo_ha": corrected.lo,
                "hi_ha": corrected.hi,
                "level": corrected.level,
                "n": corrected.n,
                "method": corrected.method,
                "flags": ";".join(corrected.flags),
                "sensitivity": rates.sensitivity,
                "n_crop": rates.n_class,
                "specificity": rates.specificity,
                "n_other": rates.n_other,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _certain(tables: SurveyTables, period: str, crop: str) -> tuple[float, float]:
    """Return the crop's hectares in cells that are known and not read, and the hectares that were read."""
    strata = tables.strata
    of_known = (strata["stratum"] == KNOWN).to_numpy()
    area_ha = float(strata.loc[of_known, "area_ha"].sum())
    inside = (tables.units["stratum"] == KNOWN).to_numpy()
    share = float(tables.member(period, crop)[inside].mean()) if inside.any() else 0.0
    return area_ha * share, float(strata["area_ha"].sum()) - area_ha
