"""Tables as a tier may have them: hidden places blank, hectares rounded, and only the columns on the allow-list.

Nothing is moved or made noisy: a figure is either its rounded self or not there. Limits are rounded outwards, so
that a rounded interval never covers less than the exact one; totals are rounded by themselves and need not be the
sum of rounded parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, vstack

from geo.errors import DisclosureError, InputError, Problem
from maps.disclosure.audit import Knowledge, protect
from maps.disclosure.pattern import FRAME, Decision
from maps.disclosure.policy import TierRules, allowed_columns

__all__ = ["SafeTables", "audit_tables", "generalised", "place_of"]

SUPPRESSED = "suppressed"
BELOW = "below_threshold"
NOT_SURVEYED = "not_surveyed"
_PREFIX = {
    "estimates": "unit:",
    "change": "unit:",
    "zones": "layer:",
    "zone_change": "layer:",
    "cells": "cell:",
}
_KEY = {name: "cell" if name == "cells" else "domain" for name in _PREFIX}
_CHANGES = ("change", "zone_change")
_VALUE = {name: "difference_ha" if name in _CHANGES else "value_ha" for name in _PREFIX}
_SHARES = ("value", "se")
_COUNTED = ("areas", "households", "persons", "n_treated", "n_control")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SafeTables:
    """Tables that may leave at a tier, by name; every other table stays."""

    decision: Decision
    """What they were cut by."""
    tables: Mapping[str, pd.DataFrame]
    """``estimates``, ``change``, ``zones``, ``zone_change``, ``cells``, ``accuracy``, ``harms``, ``effects`` and
    ``portfolio``, those that there are."""


def place_of(table: str, key: str) -> str:
    """Return the place that a row of a table is about.

    Examples
    --------
    >>> place_of("estimates", "05001"), place_of("zones", "ad"), place_of("estimates", "frame")
    ('unit:05001', 'layer:ad', 'frame')
    """
    return FRAME if key == FRAME else _PREFIX[table] + key


def generalised(raw: Mapping[str, pd.DataFrame], decision: Decision, rules: TierRules) -> SafeTables:
    """Return tables cut down to what a tier may see.

    Parameters
    ----------
    raw
        Tables of the run by name, in full precision: ``estimates``, ``change``, ``zones`` (whole layers, each by
        itself) and their change, ``cells`` and ``accuracy``; ``harms``, ``effects`` and ``portfolio`` of the whole,
        from which small counts were taken already.
    decision
        Which places are shown.
    rules
        The tier's.

    Raises
    ------
    InputError
        If a table names a place that nothing was decided on.
    """
    tables = {}
    for name, table in raw.items():
        columns = allowed_columns(decision.tier, name)
        if not columns or table.empty:
            continue
        if name in _KEY:
            done = _places(name, table, decision, rules)
        elif name == "accuracy":
            done = _rounded_shares(table, rules.decimals)
        else:
            done = _significant(table, rules)
        kept = [column for column in columns if column in done.columns]
        tables[name] = done[kept].reset_index(drop=True)
    return SafeTables(decision=decision, tables=tables)


def _places(name: str, table: pd.DataFrame, decision: Decision, rules: TierRules) -> pd.DataFrame:
    places = [place_of(name, str(key)) for key in table[_KEY[name]]]
    unknown = sorted({place for place in places if place not in decision.states})
    if unknown:
        found = ", ".join(unknown[:5])
        raise InputError(Problem(f"{name} table", found, "places that were decided on", "run it again"))
    value = _VALUE[name]
    before = table["state"].astype(str) if "state" in table else pd.Series("estimated", index=table.index)
    hidden = np.array([not decision.shows(place) for place in places]) & (before != NOT_SURVEYED).to_numpy()
    result = table.assign(state=before.mask(hidden, SUPPRESSED))
    numbers = result[[value, "lo_ha", "hi_ha"]].to_numpy(dtype=float)
    rounded = _rounded(numbers, rules.round_ha)
    result[[value, "lo_ha", "hi_ha"]] = rounded
    if name not in _CHANGES:
        small = (rounded[:, 0] == 0) & (numbers[:, 0] > 0) & ~hidden
        result["state"] = result["state"].mask(small, BELOW)
        result.loc[small, value] = np.nan
    for column in (value, "lo_ha", "hi_ha", "se_ha", "p_value", "n"):
        if column in result:
            result[column] = pd.to_numeric(result[column]).astype(float).mask(hidden)
    for column in ("verdict", "flags", "mapped"):
        if column in result:
            result[column] = result[column].fillna("").astype(str).mask(hidden, "")
    if "p_value" in result:
        result["p_value"] = result["p_value"].round(rules.decimals)
    return result


def _rounded(numbers: NDArray[np.float64], base: float) -> NDArray[np.float64]:
    """Return value, lower and upper limit at multiples of a base: nearest, down, up; a half goes to the even."""
    value, lo, hi = (numbers[:, column] / base for column in range(3))
    tiny = 1e-9  # a limit that is a multiple but for its last bit stays where it is
    result: NDArray[np.float64] = base * np.column_stack([np.rint(value), np.floor(lo + tiny), np.ceil(hi - tiny)])
    return result + 0.0


def _rounded_shares(table: pd.DataFrame, decimals: int) -> pd.DataFrame:
    rounded = {column: table[column].astype(float).round(decimals) for column in _SHARES if column in table}
    return table.assign(**rounded)


def _significant(table: pd.DataFrame, rules: TierRules) -> pd.DataFrame:
    """Return figures of the whole with few digits, limits outwards; counts stay whole numbers."""
    result = table.copy()
    for column in ("value", "without_programme", "percent", "ground_ha"):
        if column in result:
            result[column] = _few_digits(result[column], rules.digits, np.rint)
    if {"lo", "hi"} <= set(result.columns):
        # The digits of a limit are those of the larger one, as on the page
        scale = table[["value", "lo", "hi"]].astype(float).abs().max(axis=1)
        result["lo"] = _few_digits(result["lo"], rules.digits, np.floor, scale)
        result["hi"] = _few_digits(result["hi"], rules.digits, np.ceil, scale)
        result["value"] = _few_digits(table["value"], rules.digits, np.rint, scale)
    for column in _COUNTED:
        if column in result:
            result[column] = pd.to_numeric(result[column]).astype(float)
    if "p_value" in result:
        result["p_value"] = pd.to_numeric(result["p_value"]).astype(float).round(rules.decimals)
    return result


def _few_digits(
    values: pd.Series, digits: int, rounding: Callable[[Any], Any], scale: pd.Series | None = None
) -> NDArray[np.float64]:
    """Return numbers at so many significant digits of `scale`, or of each itself."""
    numbers = pd.to_numeric(values).to_numpy(dtype=float)
    size = np.abs(numbers) if scale is None else scale.to_numpy(dtype=float)
    size = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    base = 10.0 ** (np.floor(np.log10(size)) - digits + 1)
    steps = numbers / base
    near = np.rint(steps)
    # a number that is a multiple but for its last bit stays where it is
    steps = np.where(np.abs(steps - near) < 1e-9, near, rounding(steps))
    result: NDArray[np.float64] = np.round(steps * base, 12) + 0.0
    return result


def audit_tables(
    raw: Mapping[str, pd.DataFrame], safe: SafeTables, rules: TierRules, land_ha: Mapping[str, float]
) -> int:
    """Attack every published table and refuse it where a hidden figure can be inferred.

    The attacker has the rounded figures, knows that units, cells, and a layer with its rest add up to the frame,
    and knows the land of every place. The change of two years is attacked together with both years.

    Parameters
    ----------
    raw
        Tables in full precision.
    safe
        As they would leave.
    rules
        The tier's.
    land_ha
        Place to its land in hectares, ``rest:LAYER`` included.

    Returns
    -------
    int
        Hidden figures that were attacked.

    Raises
    ------
    DisclosureError
        Naming every hidden figure whose interval is narrower than its own value.
    """
    attacked, problems = 0, []
    for name in ("estimates", "zones", "cells"):
        if name not in safe.tables:
            continue
        frame = _totals(raw["estimates"])
        for (crop, period), rows in raw[name].groupby(["crop", "period"]):
            total = frame.get((str(crop), str(period)))
            if total is None:
                continue
            parts = rows[rows[_KEY[name]] != FRAME]
            places = [place_of(name, str(key)) for key in parts[_KEY[name]]]
            values = parts["value_ha"].astype(float).to_numpy()
            known = ~np.isnan(values)
            groups = [[i] for i in np.flatnonzero(known)] if name == "zones" else [np.flatnonzero(known).tolist()]
            for group in groups:
                chosen = [places[i] for i in group]
                found, bad = _attack(values[group], chosen, total, safe.decision, rules, land_ha)
                attacked += found
                problems += [(name, str(crop), str(period), place) for place in bad]
    if problems:
        raise DisclosureError(
            [
                Problem(
                    f"tier {int(safe.decision.tier)}, {table} {crop} {period}",
                    f"the figure of {place} can be inferred to within its own value",
                    "an interval at least as wide",
                    "raise round_ha or k, or leave the table out",
                )
                for table, crop, period, place in problems[:10]
            ]
        )
    return attacked


def _totals(estimates: pd.DataFrame) -> dict[tuple[str, str], float]:
    whole = estimates[estimates["domain"] == FRAME]
    return {
        (str(crop), str(period)): float(value)
        for crop, period, value in whole[["crop", "period", "value_ha"]].itertuples(index=False)
    }


def _attack(
    values: NDArray[np.float64],
    places: list[str],
    total: float,
    decision: Decision,
    rules: TierRules,
    land_ha: Mapping[str, float],
) -> tuple[int, list[str]]:
    rest = max(0.0, total - float(values.sum()))
    parts = np.append(values, rest)
    gap = "rest:" + places[0].removeprefix("layer:") if len(places) == 1 else ""
    # Units and cells part the frame: what they leave is rounding alone; a layer leaves its rest
    most = np.array([land_ha.get(place, total) for place in places] + [land_ha.get(gap, rest)])
    targets = np.array([not decision.shows(place) for place in places] + [False, False])
    never = np.array([False] * len(places) + [True, False])
    rows = csr_array(vstack([eye_array(len(parts), format="csr"), np.ones((1, len(parts)))]))
    system = Knowledge(rows=rows, parts=parts, most=most, half_width=rules.round_ha / 2)
    after, still = protect([system], targets, fixed=np.ones_like(targets), never=never)
    assert (after == targets).all(), "nothing but hidden rows may be hidden here"
    return int(targets.sum()), [places[row] for row in still if row >= 0]
