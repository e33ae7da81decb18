"""`altdev estimate SAMPLE.csv --design DESIGN.toml`: figures of a declared design, as JSON or as lines to read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aoi.survey.agricultural_mask import BufferRow
from aoi.survey.coverage import Coverage, coverage_rows
from aoi.survey.two_phase import MissingAreaFigure
from geo.errors import Problem, SurveyFileError
from monitor.tabular.build import build
from monitor.tabular.corrections import CorrectionsFile, estimate_corrections
from monitor.tabular.declaration import DesignFile, read_toml, validated
from monitor.tabular.figures import DesignFigure, frame_figures, mask_rows, missing_figures
from monitor.tabular.nation import national_figures
from monitor.tabular.potential import ProductionFile, estimate_production
from monitor.tabular.rows import Rows
from monitor.tabular.simulated import simulate_coverage
from monitor.tabular.simulated_nation import simulate_national
from monitor.tabular.small_areas import SmallAreaFile, estimate_small_areas
from monitor.tabular.words import figure_words

__all__ = ["coverage_lines", "estimate_design"]


def estimate_design(sample: Path, design: Path, *, coverage: bool, as_json: bool) -> str:
    """Return the figures of a declared design as text.

    Parameters
    ----------
    sample
        CSV, one row for each unit drawn.
    design
        The design file.
    coverage
        Simulate how often the interval holds the truth under this design.
    as_json
        JSON instead of lines.

    Raises
    ------
    SurveyFileError
        If the design file is wrong.
    InputError
        If a table is missing or wrong.
    QualityGateError
        If no honest figure can be made.
    """
    raw = read_toml(design)
    other = _other_kind(design, raw)
    if other is not None and coverage:
        raise SurveyFileError(
            Problem(
                "--coverage", f"a file with [{other}]", "a design whose units can be drawn again", "leave it out"
            )
        )
    if other is not None:
        return _OTHERS[other](sample, design, raw, as_json)
    file = validated(design, raw, DesignFile)
    if file.estimate is None:
        raise SurveyFileError(Problem(design.name, "no [estimate]", "the columns to estimate", "add it"))
    if file.estimate.estimator == "difference" and len(file.estimate.auxiliary) > 1:
        where, expected = "[estimate] auxiliary", "one of them; two are of the years that compare compares"
        raise SurveyFileError(Problem(where, "two columns", expected, "leave the other out"))
    rows = Rows.read(sample)
    covered: list[Coverage] = []
    missing: Mapping[str, MissingAreaFigure] = {}
    buffers: tuple[BufferRow, ...] = ()
    if file.design is None:
        found = national_figures(file, file.estimate, rows)
        covered = simulate_national(file, file.estimate, rows) if coverage else []
    else:
        drawn = build(file.design, rows, frame_ha=file.frame_ha, response=file.response)
        found = frame_figures(file, file.estimate, drawn)
        missing, buffers = missing_figures(file, file.estimate, drawn), mask_rows(file, drawn)
        covered = simulate_coverage(file, file.estimate, drawn) if coverage else []
    if as_json:
        return json.dumps(_content(file, found, missing, buffers, covered), indent=1, ensure_ascii=False)
    return "\n".join([*_lines(found, covered), *_further(missing, buffers), *coverage_lines(covered)])


def _other_kind(design: Path, raw: Mapping[str, Any]) -> str | None:
    """Return the table that makes a file something else than a design; None for a design."""
    kinds = [name for name in (*_OTHERS, "design", "province") if name in raw]
    if len(kinds) > 1 and set(kinds) & set(_OTHERS):
        told = " and ".join(f"[{name}]" for name in kinds)
        raise SurveyFileError(Problem(design.name, told, "one of them", "give each a file of its own"))
    return kinds[0] if kinds and kinds[0] in _OTHERS else None


def _small_areas(table: Path, design: Path, raw: dict[str, Any], as_json: bool) -> str:
    return estimate_small_areas(table, validated(design, raw, SmallAreaFile), as_json=as_json)


def _production(table: Path, design: Path, raw: dict[str, Any], as_json: bool) -> str:
    return estimate_production(table, validated(design, raw, ProductionFile), as_json=as_json)


def _corrections(table: Path, design: Path, raw: dict[str, Any], as_json: bool) -> str:
    return estimate_corrections(table, validated(design, raw, CorrectionsFile), as_json=as_json)


_OTHERS: dict[str, Callable[[Path, Path, dict[str, Any], bool], str]] = {
    "small_areas": _small_areas,
    "production": _production,
    "corrections": _corrections,
}
"""Files that say something else than how units were drawn."""


def _content(
    file: DesignFile,
    found: list[DesignFigure],
    missing: Mapping[str, MissingAreaFigure],
    buffers: tuple[BufferRow, ...],
    covered: list[Coverage],
) -> dict[str, Any]:
    content: dict[str, Any] = {"title": file.title, "estimates": [_row(one) for one in found]}
    if missing:
        content["not_seen"] = [
            {
                "variable": name,
                "share_missing": one.share_missing,
                "share_imputed": one.share_imputed,
                "lower_bound_ha": one.lower_bound,
                "upper_bound_ha": one.upper_bound,
            }
            for name, one in missing.items()
        ]
    if buffers:
        # a published figure of zero has no relative change
        content["mask_sensitivity"] = [
            asdict(row) | {"change": row.change if math.isfinite(row.change) else None} for row in buffers
        ]
    if covered:
        content["coverage"] = coverage_rows(tuple(covered))
    content["design"] = file.model_dump(mode="json", exclude_defaults=True) | {
        "level": file.level,
        "seed": file.seed,
    }
    for key in _paths_of(content["design"]):
        key[0][key[1]] = Path(key[0][key[1]]).name
    return content


def _paths_of(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the places of paths, which are shown by name: where a file lies is nobody's business."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key in ("strata", "joint", "table") and isinstance(entry, str):
                yield value, key
            yield from _paths_of(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _paths_of(entry)


def _row(figure: DesignFigure) -> dict[str, Any]:
    """Return one figure as plain values, never without its interval."""
    one = figure.estimate
    return {
        "variable": figure.variable,
        "domain": figure.domain,
        "as_read": figure.as_read,
        "value_ha": one.value,
        "se_ha": one.se,
        "lo_ha": one.lo,
        "hi_ha": one.hi,
        "level": one.level,
        "n": one.n,
        "df": one.df if one.df < float("inf") else None,
        "method": one.method,
        "flags": list(one.flags),
    }


def _lines(found: list[DesignFigure], covered: list[Coverage]) -> Iterator[str]:
    for figure in found:
        place = f"{figure.domain}, " if figure.domain is not None else ""
        read = "" if figure.as_read else ", corrected for misreading"
        held = [one.covered for one in covered if one.name == figure.variable]
        told = (
            "" if not held or place or read else f"; held the truth in {100 * min(held):.1f} % of simulated surveys"
        )
        yield f"{place}{figure.variable}{read}: {figure_words(figure.estimate)}{told}"
    yield f"method: {'; '.join(dict.fromkeys(figure.estimate.method for figure in found if figure.as_read))}"


def _further(missing: Mapping[str, MissingAreaFigure], buffers: tuple[BufferRow, ...]) -> Iterator[str]:
    for name, one in missing.items():
        yield (
            f"{name}: {100 * one.share_missing:.1f} % of the frame not seen, {100 * one.share_imputed:.1f} % of "
            f"the figure is imputed; without crop there it would be {one.lower_bound:,.2f} ha, full of crop "
            f"{one.upper_bound:,.2f} ha"
        )
    for row in buffers:
        change = f", {100 * row.change:+.2f} % from the published one" if math.isfinite(row.change) else ""
        yield (
            f"mask moved by {row.buffer_m:+g} m: {row.mask_ha:,.2f} ha of mask, {100 * row.rate:.3f} % of it crop, "
            f"{row.value_ha:,.2f} ha (standard error {row.se_ha:,.2f} ha){change}"
        )


def coverage_lines(covered: list[Coverage]) -> Iterator[str]:
    """Return simulated coverage in words."""
    for one in covered:
        yield (
            f"coverage of {one.name}, {one.scenario}: the interval held the truth in {100 * one.covered:.1f} % of "
            f"{one.draws} simulated surveys (above it {100 * one.above:.1f} %, below it {100 * one.below:.1f} %)"
        )
