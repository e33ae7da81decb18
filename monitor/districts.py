"""Rows of administrative units that a survey of the frame is too small for, and of units held against thresholds.

Pure functions of `monitor.tables.SurveyTables` and of published rows, so that a run and its verification make the
same numbers. The statistics stand in `aoi.survey`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aoi.survey.domain_pooled import benchmarked_domain_areas, pooled_domain_areas
from aoi.survey.estimate import Estimate, read_back
from aoi.survey.parameter import Parameter
from aoi.survey.threshold import against_threshold
from monitor.figures import FRAME, Domain
from monitor.tables import SurveyTables

__all__ = ["small_area_rows", "threshold_rows"]

SMALL_AREA_COLUMNS = (
    "crop", "period", "domain", "domain_name", "value_ha", "se_ha", "lo_ha", "hi_ha", "level", "n", "method",
    "flags",
)  # fmt: skip
THRESHOLD_COLUMNS = (
    "crop", "period", "domain", "domain_name", "threshold_ha", "value_ha", "lo_ha", "hi_ha", "level", "below",
    "certainty", "p_below", "verdict", "flags",
)  # fmt: skip


def small_area_rows(tables: SurveyTables, published: pd.DataFrame, units: Sequence[Domain]) -> pd.DataFrame:
    """Return indicative figures of the administrative units, which add up to the frame's published figure.

    Parameters
    ----------
    tables
        The sample, its strata and labels.
    published
        Rows of ``estimates.csv``; those of the frame are what the units are made to add up to.
    units
        The administrative units; they part the frame.

    Returns
    -------
    pandas.DataFrame
        One row for each crop, period and unit in the columns of ``small_areas.csv``; none where the frame has
        fewer than two units.
    """
    if len(units) < 2:
        return pd.DataFrame(columns=list(SMALL_AREA_COLUMNS))
    codes = [unit.code for unit in units]
    domain = pd.Index(codes).get_indexer(tables.units["adm_code"]).astype(np.int64)
    sizes = tables.strata_by_unit.pivot_table(index="stratum", columns="adm_code", values="size", aggfunc="sum")
    counted = sizes.reindex(index=tables.strata["stratum"], columns=codes).fillna(0).to_numpy().astype(np.int64)
    rows = []
    for _, whole in published[published["domain"] == FRAME].iterrows():
        pooled = pooled_domain_areas(
            tables.stratum,
            tables.member(str(whole["period"]), str(whole["crop"])),
            domain,
            tables.design,
            domain_sizes=counted,
            level=float(whole["level"]),
        )
        figures = benchmarked_domain_areas(
            pooled, read_back(whole.to_dict()), domain_area_ha=np.array([unit.area_ha for unit in units])
        )
        rows += [_small_area_row(whole, unit, one) for unit, one in zip(units, figures, strict=True)]
    return pd.DataFrame(rows, columns=list(SMALL_AREA_COLUMNS))


def _small_area_row(whole: pd.Series, unit: Domain, figure: Estimate) -> dict[str, Any]:
    return {
        "crop": whole["crop"],
        "period": whole["period"],
        "domain": unit.code,
        "domain_name": unit.name,
        "value_ha": figure.value,
        "se_ha": figure.se,
        "lo_ha": figure.lo,
        "hi_ha": figure.hi,
        "level": figure.level,
        "n": figure.n,
        "method": figure.method,
        "flags": ";".join(figure.flags),
    }


def threshold_rows(published: pd.DataFrame, thresholds: Mapping[str, Parameter]) -> pd.DataFrame:
    """Hold the units' direct figures against each crop's threshold.

    Parameters
    ----------
    published
        Rows of ``estimates.csv``.
    thresholds
        Crop to its threshold in hectares.

    Returns
    -------
    pandas.DataFrame
        One row for each unit, period and crop with a threshold, in the columns of ``thresholds.csv``; ``below``
        is what the point figure says, ``certainty`` whether the whole interval agrees.
    """
    rows = []
    units = published[(published["domain"] != FRAME) & published["crop"].isin(list(thresholds))]
    for _, row in units.iterrows():
        verdict = against_threshold(read_back(row.to_dict()), thresholds[str(row["crop"])])
        kept = {name: row[name] for name in THRESHOLD_COLUMNS if name in row.index}
        rows.append(
            kept
            | {
                "threshold_ha": verdict.threshold,
                "below": verdict.below,
                "certainty": verdict.certainty.value,
                "p_below": verdict.p_below,
                "verdict": verdict.sentence,
            }
        )
    return pd.DataFrame(rows, columns=list(THRESHOLD_COLUMNS))
