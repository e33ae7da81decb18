"""Indicators of an evaluation: net effect (A2), displacement (A3), cost by net hectare (A14), with their facts.

Pure functions of ``effects.csv`` and of how the evaluation was made, so that a run and its verification make the
same rows. Nothing is estimated here. An evaluation that was refused has the same rows, each with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from aoi.project.indicator import FactSheet
from aoi.project.money import cost_per_hectare
from monitor.indicators import indicator_table

__all__ = ["PANEL", "impact_facts", "impact_indicators", "refused_indicators"]

PANEL = "panel"
"""Domain of the rows: the units that the evaluation looked at, which need not be those of the survey's frame."""

_WHY = {
    "ratio_without_interval": "a ratio without an interval",
    "displacement": "a ratio without an interval",
    "moved_apart": "moved apart before the announcement",
}


def impact_indicators(effects: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return A2, A3 and A14 of an evaluation.

    Parameters
    ----------
    effects
        Rows of ``effects.csv``.
    settings
        ``settings.json``: `outcome`, `unit`, `crop` (empty where the outcome is a table of its own), `panel` (where
        the outcome comes from), `units`, `sites` (units with the programme), `years` (first and last), and `cost`
        (None where nobody says which projects the programme is).

    Returns
    -------
    DataFrame
        Columns of the tidy table. An effect that was refused is ``not_estimable`` with the evaluation's reason; so
        is every row of an outcome that is no hectares, and a leakage from an effect that may be none.
    """
    unit = str(settings["unit"])
    return _table([*_rows(effects, unit), _cost(effects, settings)], settings)


def refused_indicators(reasons: Sequence[str], settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return the same rows of an evaluation that was refused: ``not_estimable``, with its reasons.

    Parameters
    ----------
    reasons
        What the evaluation said.
    settings
        As in `impact_indicators`.
    """
    why, unit = "; ".join(reasons), str(settings["unit"])
    rows = [
        _absent("A2", unit, why, group="mean of a unit"),
        _absent("A2", "%", why, group="mean of a unit"),
        *(_absent("A2", unit, why, group=_TOGETHER, part=part) for part in ("direct", _NET)),
        _absent("A3", unit, why, group="mean of a unit", part="rings"),
        *(_absent("A3", "ratio", why, group=_TOGETHER, part=part) for part in _RATIOS),
        _absent("A14", _COST, why, group=_TOGETHER),
    ]
    return _table(rows, settings)


def impact_facts(clusters: Sequence[str], settings: Mapping[str, Any], sources: str) -> Iterator[FactSheet]:
    """Yield the fact sheets of A2, A3 and A14: units of the panel, its years and its places.

    Parameters
    ----------
    clusters
        Areas that the units lie in.
    settings
        As in `impact_indicators`.
    sources
        Where the outcome comes from.
    """
    first, last = settings["years"]
    named = sorted(set(clusters))
    places = "; ".join(named) if len(named) <= _MOST_PLACES else f"{len(named)} areas"
    for indicator in ("A2", "A3", "A14"):
        yield FactSheet(
            indicator=indicator, domain=PANEL, n=int(settings["units"]), unit="units of the panel",
            first_date=f"{first}-01-01", last_date=f"{last}-12-31", places=places, sources=sources,
            note=f"{settings['sites']} units with the programme",
        )  # fmt: skip


_TOGETHER, _NET, _COST = "all units together", "direct and rings", "USD constant per net hectare avoided"
_RATIOS = ("leakage", "displacement quotient")
_MOST_PLACES = 40


def _cost(effects: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return A14: what the programme spent for each hectare that is less, on average over its years."""
    cost = settings.get("cost")
    if not cost:
        why = "[impact] projects does not say which projects of [ad] this programme is"
        return _absent("A14", _COST, why, group=_TOGETHER) | {"state": "not_computed"}
    if cost["reason"]:
        return _absent("A14", _COST, cost["reason"], group=_TOGETHER)
    own = effects.set_index(["scope", "effect"])
    net = own.loc[("net", _NET)]
    told = _row("A14", net, _COST, str(settings["unit"]), group=_TOGETHER)
    if told["state"] != "computed":
        return told
    sites = int(settings["sites"])
    left_out = sites - int(own.loc[("net", "direct"), "n_treated"])
    if left_out > cost["most_left_out"] * sites:
        why = f"{left_out} of {sites} units of the programme have no effect of their own, and their money is spent"
        return _absent("A14", _COST, why, group=_TOGETHER)
    limits = cost_per_hectare(cost["usd"], (net["value"], net["lo"], net["hi"]))
    if limits is None:
        why = "the interval of the net effect does not lie below zero: no hectare is surely avoided"
        return _absent("A14", _COST, why, group=_TOGETHER)
    value, lo, hi = limits
    flags = [f"{left_out} of {sites} units without an effect; their money counts"] if left_out else []
    method = f"{cost['usd']:,.0f} USD of {cost['base_year']} to {settings['years'][1]} by the net effect"
    return told | {"value": value, "lo": lo, "hi": hi, "method": method, "flags": ";".join(flags)}


def _table(rows: Sequence[dict[str, Any]], settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return rows with what is common to all of one evaluation."""
    first, last = settings["years"]
    head = {
        "domain": PANEL,
        "period": f"{first} to {last}",
        "crop": settings["crop"],
        "grade": "B",
        "direct_or_indirect": "direct",
        "inputs": f"{settings['panel']}: {settings['outcome']} of {settings['units']} units, {first} to {last}",
        "n_draws": 0,
    }
    return indicator_table(head | row for row in rows)


def _rows(effects: pd.DataFrame, unit: str) -> Iterator[dict[str, Any]]:
    own = effects.astype({"effect": str}).set_index(["scope", "effect"])
    overall, direct = own.loc[("overall", "programme")], own.loc[("net", "direct")]
    yield _row("A2", overall, unit, unit, group="mean of a unit")
    yield _percent(overall, unit)
    yield _row("A2", direct, unit, unit, group="all units together", part="direct")
    both = own.loc[("net", "direct and rings")]
    yield _row("A2", both, unit, unit, group="all units together", part="direct and rings")
    for name, ring in own.loc["ring"].iterrows() if "ring" in own.index.get_level_values(0) else ():
        told = _row("A3", ring, unit, unit, group="mean of a unit", part=str(name))
        yield told | {"direct_or_indirect": "indirect"}
    for name in _RATIOS:
        if ("net", name) not in own.index:
            why = _text(both["detail"]) or "no ring can be estimated"
            yield _absent("A3", "ratio", why, part=name, group="all units together")
        elif name == "leakage" and not (direct["hi"] < 0 or direct["lo"] > 0):
            why = "the interval of the direct effect holds zero: nothing to hold the rings against"
            yield _absent("A3", "ratio", why, part=name, group="all units together")
        else:
            told = _row("A3", own.loc[("net", name)], "ratio", unit, part=name, group="all units together")
            yield told | {"direct_or_indirect": "indirect"}


def _row(indicator: str, effect: pd.Series, shown: str, unit: str, **more: Any) -> dict[str, Any]:
    if unit != "ha":
        return _absent(indicator, shown, f"the outcome of the evaluation is in {unit}, not in hectares", **more)
    if not math.isfinite(effect["value"]):
        why = _text(effect["detail"]) or "the effect has no interval"
        return _absent(indicator, shown, why, **more)
    flags = [_text(effect["finding"]), _WHY.get(_text(effect["note"]), "")]
    return {
        "indicator": indicator,
        "unit": shown,
        "value": effect["value"],
        "lo": effect["lo"],
        "hi": effect["hi"],
        "level": effect["level"],
        "n": effect["n_treated"] if effect["n_treated"] > 0 else math.nan,
        "method": _text(effect["method"]) or "quotient of totals",
        "state": "computed",
        "flags": ";".join(flag for flag in flags if flag),
        **more,
    }


def _percent(effect: pd.Series, unit: str) -> dict[str, Any]:
    """Return the effect in per cent of what would have been.

    The mean seen under the programme is known, ``seen``, so that the share ``e / (seen - e)`` rises with the effect
    ``e`` as long as ``seen - e`` is above zero, and the limits of the effect give those of the share.
    """
    told = _row("A2", effect, "%", unit, group="mean of a unit")
    if told["state"] != "computed":
        return told
    seen = effect["without_programme"] + effect["value"]
    if not (math.isfinite(seen) and seen - effect["hi"] > 0):
        why = "at a limit of the effect nothing would have been there without the programme"
        return _absent("A2", "%", why, group="mean of a unit")
    return told | {name: 100 * effect[name] / (seen - effect[name]) for name in ("value", "lo", "hi")}


def _absent(indicator: str, unit: str, why: str, **more: Any) -> dict[str, Any]:
    indirect = {"direct_or_indirect": "indirect"} if indicator == "A3" else {}
    state = {"state": "not_estimable", "reason": " ".join(why.split())}
    return {"indicator": indicator, "unit": unit, "method": "matched controls", **state, **indirect, **more}


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
