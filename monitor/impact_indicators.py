"""Indicators of an evaluation: net effect (A2) and displacement (A3), as rows of the tidy table.

A pure function of ``effects.csv`` and of how the evaluation was made, so that a run and its verification make the
same rows. Nothing is estimated here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from monitor.indicators import indicator_table

__all__ = ["PANEL", "impact_indicators"]

PANEL = "panel"
"""Domain of the rows: the units that the evaluation looked at, which need not be those of the survey's frame."""

_WHY = {
    "ratio_without_interval": "a ratio without an interval",
    "displacement": "a ratio without an interval",
    "moved_apart": "moved apart before the announcement",
}


def impact_indicators(effects: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return A2 and A3 of an evaluation.

    Parameters
    ----------
    effects
        Rows of ``effects.csv``.
    settings
        ``settings.json``: `outcome`, `unit`, `crop` (empty where the outcome is a table of its own), `panel` (where
        the outcome comes from), `units` and `years` (first and last).

    Returns
    -------
    DataFrame
        Columns of the tidy table. An effect that was refused is ``not_estimable`` with the evaluation's reason; so
        is every row of an outcome that is no hectares, and a leakage from an effect that may be none.
    """
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
    return indicator_table(head | row for row in _rows(effects, str(settings["unit"])))


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
    for name in ("leakage", "displacement quotient"):
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
