"""Change and trend of a series of published figures: breaks named, like with like, the rounding rule stated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aoi.survey.addition import estimate_with_interval, normal_quantile, sum_estimates
from aoi.survey.change import verdict_of
from aoi.survey.estimate import Estimate, Quantity
from aoi.survey.published import RoundingRule, percent_change
from aoi.survey.series import (
    LikeForLike,
    SeriesChange,
    decaying_covariance,
    like_for_like,
    no_change_test,
    pair_change,
    require_breaks,
    trend_of,
)
from geo.errors import Problem, QualityGateError, SurveyFileError
from monitor.tabular.rows import FloatArray, Rows

__all__ = ["SeriesFindings", "StepChange", "finite", "series_findings", "trend_row"]

FEWEST = 3
"""Points a trend is drawn through."""
Point = tuple[float, Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChange:
    """The change from one point of a series to the next."""

    earlier: float
    """Year of the earlier figure."""
    later: float
    """Year of the later figure."""
    change: SeriesChange
    """Difference with the covariance of the two."""
    lo: float
    """Lower limit of the difference."""
    hi: float
    """Upper limit of the difference."""
    percent: float
    """Percent by the rounding rule; NaN where the earlier figure is zero."""
    verdict: str
    """The finding in words; across a break it is of the figures, not of the crop."""
    across_break: bool
    """Whether frame or source changed in between."""
    like: LikeForLike | None
    """The change over places that both years covered, where places differ and the common ones had crop before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFindings:
    """What a series shows."""

    points: tuple[Point, ...]
    """Year and figure."""
    steps: tuple[StepChange, ...]
    """Changes from point to point."""
    trend: Estimate | None
    """Change per year; None for fewer than three points."""
    steady: tuple[float, int, float] | None
    """Q, degrees of freedom and p of the hypothesis that nothing changed; None across breaks."""


def series_findings(
    series: Path,
    *,
    correlation: float | None,
    breaks: Sequence[float],
    rule: RoundingRule,
    level: float,
) -> SeriesFindings:
    """Read a series of figures and say how it changed.

    Parameters
    ----------
    series
        CSV with ``year``, ``value_ha`` and ``se_ha`` (or ``lo_ha`` and ``hi_ha``); if wanted ``place``, ``frame``,
        ``source``.
    correlation
        Correlation of neighbouring years, which must be said: 0 for independent surveys.
    breaks
        Years from which on the level is another one.
    rule
        Whether percent is of exact or of rounded figures.
    level
        Level of the figures' own limits and of what is found.

    Raises
    ------
    SurveyFileError
        If nothing is said of the correlation, or a break is no year of the series.
    InputError
        Naming every cell at fault.
    QualityGateError
        If frame or source change where no break is named, or there are too few points for a line.
    """
    if correlation is None:
        expected = "the correlation of neighbouring years"
        raise SurveyFileError(Problem("--correlation", "nothing", expected, "0 for independent surveys"))
    if not 0 <= correlation < 1:
        raise SurveyFileError(Problem("--correlation", f"{correlation:g}", "0 or more, below 1"))
    by_year = _read(Rows.read(series), level)
    years = sorted(by_year)
    strange = [one for one in breaks if not years[0] < one <= years[-1]]
    if strange:
        expected = f"a year after {years[0]:g} and up to {years[-1]:g}"
        raise SurveyFileError([Problem("--break", f"{one:g}", expected) for one in strange])
    points = tuple((year, _total(by_year[year])) for year in years)
    if len(points) < 2:
        raise QualityGateError(Problem(series.name, "one year", "two or more, to compare"))
    require_breaks(points, breaks)
    values = [figure.value for _, figure in points]
    covariance = decaying_covariance([figure.se for _, figure in points], correlation)
    steps = tuple(
        _step(points, by_year, k, covariance, breaks=breaks, rule=rule, level=level) for k in range(1, len(points))
    )
    enough = len(points) >= FEWEST + len(breaks)
    return SeriesFindings(
        points=points,
        steps=steps,
        trend=trend_of(points, correlation=correlation, breaks=breaks) if enough else None,
        steady=None if breaks else no_change_test(values, covariance),
    )


def _step(
    points: Sequence[Point],
    by_year: Mapping[float, Mapping[str, Estimate]],
    k: int,
    covariance: FloatArray,
    *,
    breaks: Sequence[float],
    rule: RoundingRule,
    level: float,
) -> StepChange:
    """Compare a point with the one before."""
    (before, earlier), (after, later) = points[k - 1], points[k]
    change = pair_change([earlier.value, later.value], covariance[k - 1 : k + 1, k - 1 : k + 1], 0, 1)
    half = normal_quantile(level) * change.se
    lo, hi = change.difference - half, change.difference + half
    common = set(by_year[before]) & set(by_year[after])
    shared = sum(by_year[before][place].value for place in common) > 0
    same = set(by_year[before]) == set(by_year[after])
    return StepChange(
        earlier=before,
        later=after,
        change=change,
        lo=lo,
        hi=hi,
        percent=float(percent_change(earlier.value, later.value, rule=rule)),
        verdict=verdict_of(lo, hi),
        across_break=any(before < one <= after for one in breaks),
        like=None if same or not shared else like_for_like(by_year[before], by_year[after]),
    )


def _total(places: Mapping[str, Estimate]) -> Estimate:
    figures = list(places.values())
    return figures[0] if len(figures) == 1 else sum_estimates(figures, across=("frame",))


def _read(rows: Rows, level: float) -> dict[float, dict[str, Estimate]]:
    """Return the figures by year and place, places in one order."""
    year = rows.numbers("year", least=1800, most=2200)
    value = rows.numbers("value_ha", least=0.0)
    se = rows.numbers("se_ha", above=0.0) if rows.has("se_ha") else _se_of_bounds(rows, value, level)
    texts = {
        name: rows.labels(name) if rows.has(name) else np.full(len(rows), "")
        for name in ("place", "frame", "source")
    }
    key = np.array([f"{when:g}\x1f{place}" for when, place in zip(year, texts["place"], strict=True)])
    rows.require_unique(key, "year" + ("/place" if rows.has("place") else ""))
    rows.require_sound()
    found: dict[float, dict[str, Estimate]] = {}
    for row in np.lexsort((texts["place"], year)).tolist():
        place, frame = str(texts["place"][row]), str(texts["frame"][row])
        figure = estimate_with_interval(float(value[row]), float(se[row]), n=0, method="as given", level=level)
        of = Quantity(
            crop="",
            kind="stock",
            reference="",
            frame=" ".join(word for word in (place, frame) if word),
            source=str(texts["source"][row]),
        )
        found.setdefault(float(year[row]), {})[place] = figure.of(of)
    return found


def _se_of_bounds(rows: Rows, value: FloatArray, level: float) -> FloatArray:
    """Return standard errors from published limits, taken as those of a normal estimate."""
    if not (rows.has("lo_ha") and rows.has("hi_ha")):
        rows.note(
            "columns", "neither se_ha nor lo_ha and hi_ha", "one of them", "a change without errors is no finding"
        )
        return np.zeros_like(value)
    lo, hi = rows.numbers("lo_ha", least=0.0), rows.numbers("hi_ha", least=0.0)
    bad = ~((lo <= value) & (value <= hi) & (lo < hi))
    if bad.any() and not rows.problems:
        at = int(bad.argmax())
        rows.note(f"row {at + 2}", f"{value[at]:g} in {lo[at]:g} to {hi[at]:g}", "lo_ha <= value_ha <= hi_ha")
    return np.asarray((hi - lo) / (2 * normal_quantile(level)))


def trend_row(trend: Estimate) -> dict[str, Any]:
    """Return a trend as plain values."""
    return {
        "value_ha_per_year": trend.value,
        "se_ha_per_year": trend.se,
        "lo_ha_per_year": trend.lo,
        "hi_ha_per_year": trend.hi,
        "level": trend.level,
        "verdict": verdict_of(trend.lo, trend.hi),
        "method": trend.method,
    }


def finite(number: float) -> float | None:
    """Return a number, or None where there is none."""
    return number if math.isfinite(number) else None
