"""Rows of square cells: figures that borrow the rate of their strata, in the cells that a tier shows.

Pure functions of `monitor.tables.SurveyTables` and of published rows, so that a run and its verification make the
same numbers. The statistics stand in `aoi.survey.domain_pooled`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from aoi.survey.domain_pooled import benchmarked_domain_areas, pooled_domain_areas
from aoi.survey.estimate import Estimate, read_back
from maps.disclosure.pattern import Decision
from maps.disclosure.quadtree import members
from monitor.figures import FRAME
from monitor.tables import SurveyTables

__all__ = ["CELL_COLUMNS", "cell_rows"]

CELL_COLUMNS = (
    "cell", "side_km", "crop", "period", "state", "value_ha", "se_ha", "lo_ha", "hi_ha", "level", "n", "mapped",
    "seen_percent", "method", "flags",
)  # fmt: skip


def cell_rows(
    tables: SurveyTables,
    published: pd.DataFrame,
    decision: Decision,
    places: Mapping[str, pd.DataFrame],
    base_km: int,
) -> pd.DataFrame:
    """Return a figure of every cell, crop and period; they add up to the frame's published figure.

    Parameters
    ----------
    tables
        The sample, its strata and labels.
    published
        Rows of ``estimates.csv``; those of the frame are what the cells are made to add up to.
    decision
        The cells, and which of them are empty.
    places
        ``atoms`` (the smallest places), ``strata`` (units and hectares of each stratum in each atom), ``sampled``
        (the atom of each unit of the sample, in the order of `tables.units`), ``seen`` (share of each atom that
        the map saw, by period) and ``patches`` (mapped crop).
    base_km
        Side of the cells that the atoms name.

    Returns
    -------
    pandas.DataFrame
        In the columns of `CELL_COLUMNS`, in full precision and not yet cut by the rules; ``not_surveyed`` where
        the map saw nothing.
    """
    inside = members(decision.leaves, places["atoms"], base_km)
    leaf_of_atom = np.asarray(inside.argmax(axis=0)).ravel()
    domain = leaf_of_atom[places["sampled"]["atom"].to_numpy()].astype(np.int64)
    sizes = _sizes(tables, places["strata"], leaf_of_atom, len(decision.leaves))
    land = np.asarray(inside @ places["atoms"]["land_ha"].to_numpy())
    rows: list[dict[str, Any]] = []
    for _, whole in published[published["domain"] == FRAME].iterrows():
        crop, period = str(whole["crop"]), str(whole["period"])
        figures = _figures(tables, whole, domain, sizes, land)
        percent = _seen_percent(places["seen"], period, inside, land)
        mapped = _mapped(places["patches"], crop, period, leaf_of_atom)
        rows += [
            _row(cell.name, cell.side_km, crop, period, figure, float(percent[i]), has_crop=i in mapped)
            for i, (cell, figure) in enumerate(zip(decision.leaves, figures, strict=True))
        ]
    return pd.DataFrame(rows, columns=list(CELL_COLUMNS))


def _figures(tables: SurveyTables, whole: pd.Series, domain: Any, sizes: Any, land: Any) -> tuple[Estimate, ...]:
    total = read_back(whole.to_dict())
    if len(land) == 1:
        return (total,)
    pooled = pooled_domain_areas(
        tables.stratum,
        tables.member(str(whole["period"]), str(whole["crop"])),
        domain,
        tables.design,
        domain_sizes=sizes,
        level=float(whole["level"]),
    )
    return benchmarked_domain_areas(pooled, total, domain_area_ha=land)


def _sizes(tables: SurveyTables, strata: pd.DataFrame, leaf_of_atom: Any, n_leaves: int) -> Any:
    stratum = pd.Index(tables.strata["stratum"]).get_indexer(strata["stratum"])
    sizes = np.zeros((len(tables.strata), n_leaves), dtype=np.int64)
    np.add.at(sizes, (stratum, leaf_of_atom[strata["atom"].to_numpy()]), strata["size"].to_numpy())
    return sizes


def _seen_percent(seen: pd.DataFrame, period: str, inside: csr_array, land: Any) -> Any:
    rows = seen[seen["period"].astype(str) == period]
    held = np.zeros(inside.shape[1])
    held[rows["atom"].to_numpy()] = rows["seen_ha"].to_numpy()
    return 100.0 * np.asarray(inside @ held) / land


def _mapped(patches: pd.DataFrame, crop: str, period: str, leaf_of_atom: Any) -> set[int]:
    rows = patches[(patches["crop"].astype(str) == crop) & (patches["period"].astype(str) == period)]
    return {int(leaf) for leaf in leaf_of_atom[rows["atom"].to_numpy()]}


def _row(
    name: str, side_km: int, crop: str, period: str, figure: Estimate, percent: float, *, has_crop: bool
) -> dict[str, Any]:
    seen = percent > 0
    return {
        "cell": name,
        "side_km": side_km,
        "crop": crop,
        "period": period,
        "state": "estimated" if seen else "not_surveyed",
        "value_ha": figure.value if seen else None,
        "se_ha": figure.se if seen else None,
        "lo_ha": figure.lo if seen else None,
        "hi_ha": figure.hi if seen else None,
        "level": figure.level,
        "n": figure.n,
        "mapped": "not seen" if not seen else "some" if has_crop else "none",
        "seen_percent": round(percent),
        "method": figure.method,
        "flags": ";".join(figure.flags),
    }
