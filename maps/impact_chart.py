"""Diagnostics of an evaluation as figures: years since the start, balance, rings and net, series, comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from maps.impact_words import effect_name, trait_name
from maps.language import Language
from maps.report.chart import Dot, DotRow, dots
from maps.report.drawing import Drawing

__all__ = ["effect_charts", "impact_charts"]

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#5F6B73"


def impact_charts(tables: Mapping[str, Any], words: Language) -> dict[str, Drawing]:
    """Return the figures of an evaluation by name.

    Parameters
    ----------
    tables
        ``effects``, ``balance``, ``comparisons`` and ``series`` as they are published.
    words
        Language of the words in them.
    """
    effects = tables["effects"]
    unit = str(effects["unit_of_measure"].iloc[0])
    axis = words.text("impact.axis_effect", unit=unit)
    drawn: dict[str, Drawing | None] = {
        **effect_charts(effects, words),
        "checks": _effects(
            effects[effects["scope"].isin(["overall", "sensitivity", "check"]) & (effects["scale"] == "level")],
            axis,
            "impact.chart_checks",
            words,
        ),
        "balance": _balance(tables["balance"], words),
        "series": _series(tables["series"], unit, words),
        "comparisons": _comparisons(tables["comparisons"], axis, words),
    }
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def effect_charts(effects: Any, words: Language) -> dict[str, Drawing]:
    """Return the effect by years since the start (``events``) and beside its rings (``rings``), if there are any.

    Parameters
    ----------
    effects
        Rows of ``effects.csv``, or of a tier's released part of it.
    words
        Language of the words in them.
    """
    axis = words.text("impact.axis_effect", unit=str(effects["unit_of_measure"].dropna().iloc[0]))
    beside = ["overall", "announcement", "ring"]
    drawn = {
        "events": _effects(effects[effects["scope"] == "event"], axis, "impact.chart_events", words),
        "rings": _effects(effects[effects["scope"].isin(beside)], axis, "impact.chart_rings", words),
    }
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def _effects(rows: Any, axis: str, title: str, words: Language) -> Drawing | None:
    if rows.empty:
        return None
    return dots(
        [_effect_row(row, words) for _, row in rows.iterrows()],
        number=_number(words),
        axis=axis,
        described=words.text(title),
    )


def _effect_row(row: Any, words: Language) -> DotRow:
    name = effect_name(str(row["scope"]), str(row["effect"]), words)
    if row["scope"] in ("overall", "announcement"):
        name = words.text(f"impact.scope_{row['scope']}")
    if pd.isna(row["value"]):
        return DotRow(label=name, absent=words.text("impact.finding_not_estimable"))
    strong = row["scope"] == "overall"
    colour = _ORANGE if strong else _BLUE if pd.notna(row["lo"]) else _GREY
    dot = Dot(value=row["value"], lo=row["lo"], hi=row["hi"], colour=colour, rough=pd.isna(row["lo"]))
    return DotRow(label=name, dots=(dot,), strong=strong)


def _balance(rows: Any, words: Language) -> Drawing | None:
    """Return the standardised differences of the programme's own controls, before and after matching."""
    own = rows[rows["arm"] == "programme"]
    if own.empty:
        return None
    nan = float("nan")
    lines = [
        DotRow(
            label=trait_name(str(row["trait"]), words),
            dots=(
                Dot(value=row["smd_before"], lo=nan, hi=nan, colour=_GREY, rough=True),
                Dot(value=row["smd"], lo=nan, hi=nan, colour=_BLUE),
            ),
        )
        for _, row in own.iterrows()
    ]
    key = ((words.text("impact.before_matching"), _GREY), (words.text("impact.after_matching"), _BLUE))
    axis = words.text("impact.axis_balance")
    return dots(lines, number=_number(words), axis=axis, key=key, described=words.text("impact.chart_balance"))


def _series(rows: Any, unit: str, words: Language) -> Drawing | None:
    if rows.empty:
        return None
    nan = float("nan")
    lines = [
        DotRow(
            label=str(int(row["year"])),
            dots=(
                Dot(value=row["treated_mean"], lo=nan, hi=nan, colour=_ORANGE),
                Dot(value=row["control_mean"], lo=nan, hi=nan, colour=_GREY, rough=True),
            ),
        )
        for _, row in rows.iterrows()
    ]
    key = ((words.text("impact.treated"), _ORANGE), (words.text("impact.controls"), _GREY))
    axis = words.text("impact.axis_mean", unit=unit)
    return dots(lines, number=_number(words), axis=axis, key=key, described=words.text("impact.chart_series"))


def _comparisons(rows: Any, axis: str, words: Language) -> Drawing | None:
    if rows.empty:
        return None
    return dots(
        list(_comparison_rows(rows, words)),
        number=_number(words),
        axis=axis,
        described=words.text("impact.chart_comparisons"),
    )


def _comparison_rows(rows: Any, words: Language) -> Iterator[DotRow]:
    nan = float("nan")
    for _, row in rows.sort_values("weight", ascending=False).head(20).iterrows():
        forbidden = "forbidden" in str(row["kind"])
        other = words.text("impact.never") if int(row["control_start"]) == 0 else str(int(row["control_start"]))
        label = words.text(
            "impact.comparison",
            treated=str(int(row["treated_start"])),
            control=other,
            weight=words.percent(float(row["weight"])),
        )
        dot = Dot(value=row["value"], lo=nan, hi=nan, colour=_ORANGE if forbidden else _BLUE, rough=forbidden)
        yield DotRow(label=label, dots=(dot,))


def _number(words: Language) -> Callable[[float], str]:
    return words.number
