"""`altdev compare` on tables: changes and trends as JSON or as lines to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aoi.survey.design import Lonely
from aoi.survey.estimate import Estimate
from aoi.survey.published import RoundingRule, percent_change
from aoi.survey.stratified_interval import ALIASES
from geo.errors import Problem, SurveyFileError
from monitor.tabular.panel import PanelChange, class_changes, design_changes
from monitor.tabular.serial import SeriesFindings, StepChange, finite, series_findings, trend_row
from monitor.tabular.words import figure_words

__all__ = ["compare_classes", "compare_design", "compare_series", "rounding_rule"]

RULES: dict[str, RoundingRule] = {"exact": "change_then_round", "rounded thousands": "round_then_change"}


def rounding_rule(words: str) -> RoundingRule:
    """Return the rounding rule that a flag's words stand for."""
    return RULES[words]


def compare_classes(
    panel: Path,
    strata: Path,
    *,
    columns: tuple[str | None, str | None],
    unit_area_ha: float,
    frame_ha: float | None,
    lonely: Lonely,
    domain: str | None,
    interval: str,
    level: float,
    percent_of: str,
    as_json: bool,
) -> str:
    """Return the change of each class of a panel of points as text; see `panel.class_changes`."""
    if interval.lower() not in ("default", *ALIASES):
        raise SurveyFileError(Problem("--interval", repr(interval), "one of default, " + ", ".join(ALIASES)))
    if not 0.5 <= level < 1 or not unit_area_ha > 0:
        found = f"--level {level:g}, --unit-area-ha {unit_area_ha:g}"
        raise SurveyFileError(Problem("options", found, "a level from 0.5 to below 1, an area above 0"))
    changes = class_changes(
        panel,
        strata,
        columns=_both(columns),
        unit_area_ha=unit_area_ha,
        frame_ha=frame_ha,
        lonely=lonely,
        domain=domain,
        interval=interval,
        level=level,
    )
    return _told(changes, _both(columns), percent_of, as_json=as_json)


def compare_design(
    panel: Path, design: Path, *, columns: tuple[str | None, str | None], percent_of: str, as_json: bool
) -> str:
    """Return the change of hectares of a declared design as text; see `panel.design_changes`."""
    return _told(design_changes(panel, design, columns=_both(columns)), _both(columns), percent_of, as_json=as_json)


def compare_series(
    series: Path,
    *,
    correlation: float | None,
    breaks: Sequence[float],
    percent_of: str,
    level: float,
    as_json: bool,
) -> str:
    """Return changes and trend of a series of figures as text; see `serial.series_findings`."""
    rule = rounding_rule(percent_of)
    found = series_findings(series, correlation=correlation, breaks=breaks, rule=rule, level=level)
    if as_json:
        content = {
            "changes": [_step_row(one) for one in found.steps],
            "trend": None if found.trend is None else trend_row(found.trend),
            "no_change": None
            if found.steady is None
            else dict(zip(("q", "df", "p_value"), found.steady, strict=True)),
            "correlation": correlation,
            "breaks": list(breaks),
            "percent_of": percent_of,
            "level": level,
        }
        return json.dumps(content, indent=1, ensure_ascii=False)
    return "\n".join(_series_lines(found, level, percent_of))


def _both(columns: tuple[str | None, str | None]) -> tuple[str, str]:
    """Return the columns of the two years, refusing one that is missing."""
    first, second = columns
    if not first or not second or first == second:
        found = f"--from {first or 'nothing'} and --to {second or 'nothing'}"
        raise SurveyFileError(Problem("columns of the two years", found, "two columns of the table"))
    return first, second


def _told(changes: list[PanelChange], columns: tuple[str, str], percent_of: str, *, as_json: bool) -> str:
    if as_json:
        rows = [_row(one, columns, percent_of) for one in changes]
        return json.dumps({"changes": rows, "percent_of": percent_of}, indent=1, ensure_ascii=False)
    return "\n".join(_line(one, columns, percent_of) for one in changes)


def _row(one: PanelChange, columns: tuple[str, str], percent_of: str) -> dict[str, Any]:
    """Return one change as plain values."""
    difference = one.difference
    return {
        "variable": one.name,
        "domain": one.domain,
        "from": columns[0],
        "to": columns[1],
        "earlier": _figure(one.earlier),
        "later": _figure(one.later),
        "difference_ha": difference.value,
        "se_ha": difference.se,
        "lo_ha": difference.lo,
        "hi_ha": difference.hi,
        "level": difference.level,
        "p_value": one.p_value,
        "verdict": one.verdict,
        "percent": finite(_percent(one, percent_of)),
        "correlation": one.correlation,
        "n_common": one.n_common,
        "method": difference.method,
        "flags": list(difference.flags),
    }


def _figure(figure: Estimate) -> dict[str, float]:
    return {"value_ha": figure.value, "se_ha": figure.se, "lo_ha": figure.lo, "hi_ha": figure.hi}


def _percent(one: PanelChange, percent_of: str) -> float:
    return float(percent_change(one.earlier.value, one.later.value, rule=rounding_rule(percent_of)))


def _line(one: PanelChange, columns: tuple[str, str], percent_of: str) -> str:
    place = f"{one.domain}, " if one.domain is not None else ""
    percent = finite(_percent(one, percent_of))
    share = "" if percent is None else f", {percent:+.1f} % of {percent_of} figures"
    return (
        f"{place}{one.name}, {columns[0]} to {columns[1]}: {one.verdict}; {figure_words(one.difference)}"
        f"{share}; p = {one.p_value:.3g}"
    )


def _step_row(one: StepChange) -> dict[str, Any]:
    row: dict[str, Any] = {
        "from": one.earlier,
        "to": one.later,
        "difference_ha": one.change.difference,
        "se_ha": one.change.se,
        "lo_ha": one.lo,
        "hi_ha": one.hi,
        "p_value": one.change.p_value,
        "verdict": one.verdict,
        "percent": finite(one.percent),
        "across_break": one.across_break,
    }
    if one.like is not None:
        row["like_for_like"] = {
            "earlier_ha": one.like.before.value,
            "later_ha": one.like.after.value,
            "percent": one.like.percent,
            "added": list(one.like.added),
            "dropped": list(one.like.dropped),
        }
    return row


def _series_lines(found: SeriesFindings, level: float, percent_of: str) -> Iterator[str]:
    words = f"{100 * level:.10g} % interval"
    for one in found.steps:
        percent = finite(one.percent)
        share = "" if percent is None else f", {percent:+.1f} % of {percent_of} figures"
        across = " (across a break: no change of the crop)" if one.across_break else ""
        yield (
            f"{one.earlier:g} to {one.later:g}: {one.verdict}{across}; {one.change.difference:+,.2f} ha "
            f"({words} {one.lo:+,.2f} to {one.hi:+,.2f} ha){share}; p = {one.change.p_value:.3g}"
        )
        if one.like is not None:
            yield (
                f"{one.earlier:g} to {one.later:g}, like for like: {one.like.before.value:,.2f} to "
                f"{one.like.after.value:,.2f} ha, {one.like.percent:+.1f} %; added "
                f"{', '.join(one.like.added) or 'none'}, dropped {', '.join(one.like.dropped) or 'none'}"
            )
    if found.trend is not None:
        trend = found.trend
        limits = f"{words} {trend.lo:+,.2f} to {trend.hi:+,.2f} ha"
        yield f"trend: {trend.value:+,.2f} ha a year ({limits}); {trend.method}"
    if found.steady is not None:
        q, df, p = found.steady
        yield f"test of no change at all over the series: Q = {q:.2f}, {df} degrees of freedom, p = {p:.3g}"
