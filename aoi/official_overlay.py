"""Official figures of whole units against programmes and zones, claiming no more than whole units can tell.

A programme that works in whole units (its municipalities) is joined on codes: the figures of its units add
up. A zone that cuts through units (a park) is another matter: the figures say how much a unit holds, not
where in it. For such zones there are bounds, from no assumption, and no figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from aoi.official import OfficialSeries, sum_cells
from geo.errors import Problem, SurveyFileError

__all__ = [
    "NO_LAYER",
    "by_layer_alone",
    "by_layer_partition",
    "cultivation_bounds_ha",
    "layer_bounds",
    "units_holding",
]

NO_LAYER = "no_zone"
"""Code of the units that no layer has."""


def by_layer_partition(
    series: OfficialSeries, layers: Mapping[str, set[str]], precedence: Sequence[str] | None = None
) -> OfficialSeries:
    """Return the sums of the units of each layer, every unit counted in one layer or in none.

    Parameters
    ----------
    series
        Figures by unit.
    layers
        Codes of the units of each layer, by layer name.
    precedence
        Layer names, the first taking the units it shares with others; the order of `layers` when None.

    Returns
    -------
    OfficialSeries
        One unit a layer, by precedence, then `NO_LAYER`; they add up to the sum of all units.

    Raises
    ------
    SurveyFileError
        If the precedence does not name every layer once.
    """
    order = list(layers) if precedence is None else list(precedence)
    if sorted(order) != sorted(layers):
        found, expected = ", ".join(order), ", ".join(layers)
        raise SurveyFileError(Problem("precedence", found, f"each of {expected} once", "correct the list"))
    owner = {code: name for name in reversed(order) for code in layers[name]}
    owned = pandas.Series([owner.get(code, NO_LAYER) for code in series.cells["code"]])
    return _regrouped(series, owned, [*order, NO_LAYER])


def by_layer_alone(series: OfficialSeries, layers: Mapping[str, set[str]]) -> OfficialSeries:
    """Return the sums of the units of each layer by itself. Units of several layers count in each: not additive."""
    parts = [series.cells[series.cells["code"].isin(codes)].assign(group=name) for name, codes in layers.items()]
    cells = pandas.concat(parts, ignore_index=True)
    alone = OfficialSeries(cells=cells, quantity=series.quantity)
    return _regrouped(alone, cells["group"], list(layers))


def cultivation_bounds_ha(
    figure_ha: NDArray[np.float64], unit_ha: NDArray[np.float64], inside_ha: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the most of each unit's cultivation that can lie inside a zone.

    All that is known is the cultivation of the whole unit and how much of its land is in the zone. Spreading
    the cultivation evenly over the land would be an assumption; these bounds need none.

    Parameters
    ----------
    figure_ha
        Cultivation of each unit, shape (n,).
    unit_ha
        Land of each unit, shape (n,).
    inside_ha
        Land of each unit inside the zone, shape (n,).

    Returns
    -------
    tuple of ndarray, shape (n,) each
        ``max(0, C - (A - a))`` and ``min(C, a)``.

    References
    ----------
    Duncan and Davis (1953), American Sociological Review 18, 665-666: bounds from the margins.

    Examples
    --------
    >>> low, high = cultivation_bounds_ha(np.array([50.0]), np.array([100.0]), np.array([80.0]))
    >>> float(low[0]), float(high[0])
    (30.0, 50.0)
    """
    outside = np.maximum(unit_ha - inside_ha, 0.0)
    return np.maximum(figure_ha - outside, 0.0), np.minimum(figure_ha, inside_ha)


def layer_bounds(series: OfficialSeries, land: Any) -> Any:
    """Return the bounds of the cultivation inside each layer, by period. Not additive: layers overlap.

    Parameters
    ----------
    series
        Figures by unit.
    land
        DataFrame with columns code, area_ha and one column of hectares a layer: the land of each unit, and
        its land inside each layer by itself.

    Returns
    -------
    DataFrame
        Columns layer, period, least_ha, most_ha, units (with cultivation and land in the layer) and
        empty_cells (units left out because their cell holds no number). Cultivation of units that have no
        land here is in ``most_ha``: it could lie anywhere.
    """
    layers = [column for column in land.columns if column not in ("code", "area_ha")]
    rows = []
    for period in series.periods:
        joined = series.of(period).merge(land, on="code", how="left")
        known = joined[joined["value_ha"].notna()]
        placed = known[known["area_ha"].notna()]
        adrift_ha = float(known["value_ha"].sum() - placed["value_ha"].sum())
        for layer in layers:
            inside = placed[layer].to_numpy(dtype=float)
            figure = placed["value_ha"].to_numpy(dtype=float)
            least, most = cultivation_bounds_ha(figure, placed["area_ha"].to_numpy(dtype=float), inside)
            rows.append(
                {
                    "layer": layer,
                    "period": period,
                    "least_ha": float(least.sum()),
                    "most_ha": float(most.sum()) + adrift_ha,
                    "units": int(((inside > 0) & (figure > 0)).sum()),
                    "empty_cells": int(joined["value_ha"].isna().sum()),
                }
            )
    return pandas.DataFrame(rows)


def units_holding(value_ha: NDArray[np.float64], share: float) -> int:
    """Return how few units hold at least a share of the whole.

    Parameters
    ----------
    value_ha
        Figures, shape (n,); NaN counts as nothing.
    share
        Part of the sum, 0 to 1.

    Examples
    --------
    >>> units_holding(np.array([50.0, 30.0, 15.0, 5.0]), 0.75)
    2
    """
    ordered = np.sort(np.nan_to_num(np.asarray(value_ha, dtype=float)))[::-1]
    reached = np.cumsum(ordered)
    return int(np.searchsorted(reached, share * reached[-1] - 1e-9) + 1) if reached.size and reached[-1] else 0


def _regrouped(series: OfficialSeries, group: Any, order: list[str]) -> OfficialSeries:
    cells = series.cells.assign(code=group.to_numpy(), name=group.to_numpy(), parent="", parent_name="")
    sums = sum_cells(cells)
    place = {name: index for index, name in enumerate(order)}
    ranked = sums.assign(place=sums["code"].map(place)).sort_values(["place", "period"], ignore_index=True)
    return OfficialSeries(cells=ranked.drop(columns="place"), quantity=series.quantity)
