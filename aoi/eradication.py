"""Eradication operations added up: claimed, verified, ground covered, ground covered again.

Operations are cumulative: the same ground can be cleared twice in a year, so that their sum may exceed the ground,
and even the crop. They are never taken off a figure here. What enters a net figure is decided once, in the
corrections ledger (`aoi.survey.correction`), by verification and by the day of the image.
"""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
import pandas
import shapely

from geo.areas import polygon_areas_ha

__all__ = ["operation_summary"]

SUMMARY = (
    "year", "method", "operations", "claimed_ha", "verified_ha", "unverified_claims_ha", "drawn_ha", "ground_ha",
    "repeated_ha", "kind",
)  # fmt: skip


def operation_summary(events: Any, shapes: Any) -> Any:
    """Add up operations by year and method.

    Parameters
    ----------
    events
        DataFrame with ``event_id``, ``date`` (datetime64), ``method``, ``claimed_ha`` and ``verified_ha`` (NaN
        where nobody looked).
    shapes
        GeoDataFrame of the events that have a polygon, with ``event_id``; may be empty.

    Returns
    -------
    DataFrame
        One row a year and method, then all methods of a year (``method`` empty): operations, ``claimed_ha``,
        ``verified_ha``, claims that nobody verified, ``drawn_ha`` (sum of the polygons), ``ground_ha`` (ground
        that they cover, each bit once) and ``repeated_ha``, the rest. ``kind`` is ``cumulative`` throughout.
    """
    years = events["date"].dt.year.to_numpy()
    rows = []
    for year in sorted(set(years.tolist())):
        of_year = events[years == year]
        for method in [*sorted(set(of_year["method"])), ""]:
            own = of_year if not method else of_year[of_year["method"] == method]
            rows.append({"year": year, "method": method, **_sums(own, shapes)})
    return pandas.DataFrame(rows, columns=list(SUMMARY))


def _sums(events: Any, shapes: Any) -> dict[str, Any]:
    own = shapes[shapes["event_id"].isin(set(events["event_id"]))] if len(shapes) else shapes
    drawn = float(polygon_areas_ha(own).sum()) if len(own) else 0.0
    ground = 0.0
    if len(own):
        joined = shapely.union_all(np.asarray(own.geometry.values))
        ground = float(polygon_areas_ha(geopandas.GeoSeries([joined], crs=own.crs)).sum())
    unseen = events["verified_ha"].isna()
    return {
        "operations": len(events),
        "claimed_ha": float(events["claimed_ha"].sum()),
        "verified_ha": float(events["verified_ha"].sum()),
        "unverified_claims_ha": float(events.loc[unseen, "claimed_ha"].sum()),
        "drawn_ha": drawn,
        "ground_ha": ground,
        "repeated_ha": max(drawn - ground, 0.0),
        "kind": "cumulative",
    }
