"""`altdev estimate AREAS.csv --design FILE.toml` with ``[small_areas]``: areas the survey is too small for.

Direct figures of areas go into the Fay-Herriot model, hectares of sample units into the nested-error model. Areas
that were not sampled get synthetic figures; all of them add up to the direct figure of the whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aoi.survey.area_figures import (
    AreaFigures,
    Finish,
    area_level_figures,
    pooled_variances,
    unit_level_figures,
)
from aoi.survey.estimate import Estimate
from aoi.survey.parameter import Parameter
from aoi.survey.small_area import AreaFit
from aoi.survey.threshold import Verdict, against_threshold
from geo.errors import Problem, QualityGateError
from monitor.sections import Section
from monitor.tabular.declaration import Column
from monitor.tabular.given_areas import TotalSection
from monitor.tabular.rows import EMPTY, BoolArray, FloatArray, Rows, TextArray
from monitor.tabular.words import figure_words

__all__ = ["SmallAreaFile", "estimate_small_areas"]

TOLERANCE = 1e-6
"""Relative difference of areas that are the same."""
LARGEST = 1e12
"""Largest covariate, whose sum of squares is still exact enough."""


class SmallAreaSection(Section):
    """``[small_areas]``: which model, and the columns it reads."""

    model: Literal["fay-herriot", "nested-error"] = Field(
        description="fay-herriot: a direct figure for each area; nested-error: a row for each sample unit"
    )
    area: Column = Field(default="area", description="Column that names the area")
    value: Column = Field(
        description="Column of hectares: the area's direct figure, empty where it was not sampled; or hectares "
        "seen in each sample unit"
    )
    se: Column | None = Field(default=None, description="fay-herriot: column with the standard error, hectares")
    n: Column = Field(default="n", description="fay-herriot: column with the sample units of each area")
    area_ha: Column = Field(default="area_ha", description="Column with the hectares of each area")
    covariates: list[Column] = Field(
        default=[], description="Columns with auxiliary data, such as mapped hectares; known for every area"
    )
    intercept: bool = Field(default=True, description="Whether the model has a constant")
    modelled: Literal["hectares", "share"] = Field(
        default="hectares",
        description="fay-herriot: whether the model sees hectares, or shares of area_ha (covariates as they stand)",
    )
    smooth_variances: bool = Field(
        default=False,
        description="fay-herriot: one unit variance pooled over areas, needed where an area found nothing",
    )
    population: Path | None = Field(
        default=None,
        description="nested-error: CSV with the area, units, area_ha, and the mean per unit of each covariate",
    )
    fit: Literal["reml", "ml", "moment"] = Field(default="reml", description="Estimator of the variance components")
    benchmark: Literal["difference", "ratio"] = Field(
        default="difference",
        description="How areas are made to add up to the total: by their mean squared errors, or by one factor",
    )
    own_weight: float = Field(
        default=0.5, ge=0, le=1, description="An area whose own sample weighs less than this is INDICATIVE"
    )
    threshold_ha: float | None = Field(default=None, gt=0, description="Line that each area is held against")
    threshold_source: str = Field(default="", description="Where the line comes from")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.model == "fay-herriot" and self.se is None:
            raise ValueError("fay-herriot needs se, the column with standard errors")
        if self.model == "fay-herriot" and self.population is not None:
            raise ValueError("population goes with nested-error; fay-herriot has a row for each area")
        if self.model == "nested-error" and self.population is None:
            raise ValueError("nested-error needs population, a CSV with every area")
        if self.model == "nested-error" and (self.se or self.smooth_variances or self.modelled == "share"):
            raise ValueError("se, smooth_variances and modelled go with fay-herriot")
        if self.model == "nested-error" and self.fit == "moment":
            raise ValueError("fit of nested-error is reml or ml")
        if not self.covariates and not self.intercept:
            raise ValueError("a model needs covariates, an intercept, or both")
        if len(set(self.covariates)) < len(self.covariates):
            raise ValueError("a covariate stands twice")
        if self.threshold_ha is not None and not self.threshold_source.strip():
            raise ValueError("a threshold needs its source")
        return self


class SmallAreaFile(Section):
    """A design file for small areas."""

    title: str = Field(default="", description="Title, repeated with the figures")
    frame_ha: float = Field(gt=0, description="Hectares of the frame, to which the areas must add up")
    level: float = Field(default=0.95, ge=0.5, lt=1, description="Confidence level")
    small_areas: SmallAreaSection = Field(description="The model")
    total: TotalSection = Field(description="What the areas add up to")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if max(self.total.value_ha, self.total.hi_ha or 0.0) > self.frame_ha:
            raise ValueError("the total is larger than frame_ha")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Made:
    """What is told of the areas."""

    names: TextArray
    """Areas, as they stand in the table."""
    direct: FloatArray
    """Direct figures; NaN where there are none."""
    found: AreaFigures
    """Figures and model."""
    verdicts: tuple[Verdict | None, ...]
    """Against the threshold; None where none is set."""


def estimate_small_areas(table: Path, file: SmallAreaFile, *, as_json: bool) -> str:
    """Return figures of small areas as text.

    Parameters
    ----------
    table
        CSV with a row for each area (fay-herriot) or sample unit (nested-error).
    file
        The declaration.
    as_json
        JSON instead of lines.

    Raises
    ------
    InputError
        Naming every cell at fault.
    QualityGateError
        If areas do not add up to the frame, or the model or the benchmarking cannot be trusted.
    """
    section, rows = file.small_areas, Rows.read(table)
    made = _area_level(file, section, rows) if section.population is None else _unit_level(file, section, rows)
    if as_json:
        return json.dumps(_content(file, made), indent=1, ensure_ascii=False)
    return "\n".join(_lines(file, made))


def _area_level(file: SmallAreaFile, section: SmallAreaSection, rows: Rows) -> _Made:
    """Fit the area-level model to direct figures."""
    names, area_ha, x = _areas(section, rows)
    sampled = _filled(rows, section.value)
    direct = rows.numbers(section.value, least=0.0, most=file.frame_ha, where=sampled)
    assert section.se is not None  # held by the section
    se = rows.numbers(section.se, least=0.0, most=file.frame_ha, where=sampled)
    n = np.where(sampled, rows.numbers(section.n, least=1.0, most=2.0**53, where=sampled), 0.0)
    with np.errstate(invalid="ignore"):
        nothing = sampled & (se == 0)
        over = sampled & (direct > area_ha)
    if nothing.any() and not section.smooth_variances and not rows.problems:
        remedy = "set smooth_variances = true, or leave the figure empty where nothing was sampled"
        rows.refuse(section.se, nothing, "a standard error of 0", "one above 0: no sample is without error", remedy)
    if not rows.problems:
        rows.refuse(section.value, over, "more crop than the area has hectares", f"at most {section.area_ha}")
    rows.require_sound()
    _require_frame(file, area_ha, rows.name)
    variance = np.where(sampled, se**2, np.nan)
    if section.smooth_variances:
        share = pooled_variances(variance[sampled] / area_ha[sampled] ** 2, n[sampled])
        variance[sampled] = share * area_ha[sampled] ** 2
    found = area_level_figures(
        direct,
        variance,
        n,
        x,
        _finish(file, area_ha),
        scale=area_ha if section.modelled == "share" else None,
        method=section.fit,
    )
    return _Made(names=names, direct=direct, found=found, verdicts=_verdicts(section, found.figures))


def _unit_level(file: SmallAreaFile, section: SmallAreaSection, rows: Rows) -> _Made:
    """Fit the unit-level model to sample units."""
    assert section.population is not None  # asked for only then
    population = Rows.read(section.population)
    names, area_ha, means = _areas(section, population)
    units = population.numbers("units", least=1.0, most=2.0**53)
    population.require_sound()
    _require_frame(file, area_ha, population.name)
    member = rows.labels(section.area)
    y = rows.numbers(section.value, least=0.0, most=file.frame_ha)
    x = _covariates(section, rows)
    strangers = ~np.isin(member, names)
    rows.refuse(
        section.area, strangers, f"areas that {population.name} lacks", "every area of the sample", "add them there"
    )
    _require_equal_chances(rows, member)
    rows.require_sound()
    method: Literal["reml", "ml"] = "ml" if section.fit == "ml" else "reml"
    found = unit_level_figures(y, x, member, (names, means, units), _finish(file, area_ha), method=method)
    seen = np.array([(member == name).sum() for name in names.tolist()])
    sums = np.array([y[member == name].sum() for name in names.tolist()])
    direct = np.where(seen > 0, sums / np.maximum(seen, 1) * units, np.nan)
    return _Made(names=names, direct=direct, found=found, verdicts=_verdicts(section, found.figures))


def _areas(section: SmallAreaSection, rows: Rows) -> tuple[TextArray, FloatArray, FloatArray]:
    """Read names, hectares and covariates of areas, each once."""
    names = rows.labels(section.area)
    rows.require_unique(names, section.area)
    return names, rows.numbers(section.area_ha, above=0.0, most=LARGEST), _covariates(section, rows)


def _covariates(section: SmallAreaSection, rows: Rows) -> FloatArray:
    """Return the covariates with the intercept first, shape (n, n_x)."""
    ones = [np.ones(len(rows))] if section.intercept else []
    return np.stack(
        [*ones, *(rows.numbers(name, least=-LARGEST, most=LARGEST) for name in section.covariates)], axis=1
    )


def _filled(rows: Rows, column: str) -> BoolArray:
    """Return which cells of a column hold something."""
    return np.array([str(cell).lower() not in EMPTY for cell in rows.optional_labels(column).tolist()], dtype=bool)


def _require_frame(file: SmallAreaFile, area_ha: FloatArray, name: str) -> None:
    """Refuse areas that leave some of the frame out, or hold more than it."""
    whole = float(area_ha.sum())
    if not np.isclose(whole, file.frame_ha, rtol=TOLERANCE, atol=0.0):
        found, expected = f"areas of {whole:,.6g} ha in all", f"frame_ha, {file.frame_ha:,.6g} ha"
        raise QualityGateError(
            Problem(name, found, expected, "no area may be left out: add it with an empty figure")
        )


def _require_equal_chances(rows: Rows, member: TextArray) -> None:
    """Note weights that differ within an area: the model takes the units of an area for a fair picture of it."""
    if not rows.has("weight"):
        return
    weight = rows.numbers("weight", above=0.0)
    apart = np.zeros(len(rows), dtype=bool)
    for name in np.unique(member).tolist():
        own = member == name
        apart |= own & bool(np.ptp(weight[own]) > TOLERANCE * weight[own].max())
    remedy = "use fay-herriot with weighted direct figures, or make what decides the weight a covariate"
    rows.refuse("weight", apart, "weights that differ within an area", "equal chances within each area", remedy)


def _finish(file: SmallAreaFile, area_ha: FloatArray) -> Finish:
    return Finish(
        total=file.total.estimate(level=file.level, ceiling=file.frame_ha),
        area_ha=area_ha,
        benchmark=file.small_areas.benchmark,
        level=file.level,
        own_weight=file.small_areas.own_weight,
    )


def _verdicts(section: SmallAreaSection, figures: tuple[Estimate, ...]) -> tuple[Verdict | None, ...]:
    if section.threshold_ha is None:
        return (None,) * len(figures)
    line = Parameter(
        name="threshold_ha", value=section.threshold_ha, unit="ha", source=section.threshold_source, mark="given"
    )
    return tuple(against_threshold(one, line) for one in figures)


def _model(found: AreaFigures, section: SmallAreaSection) -> dict[str, Any]:
    """Return the fitted model as plain values."""
    names = [*(["intercept"] if section.intercept else []), *section.covariates]
    fit = found.fit
    variances = (
        {"variance_between_areas": fit.variance}
        if isinstance(fit, AreaFit)
        else {"variance_between_areas": fit.area_variance, "variance_of_units": fit.unit_variance}
    )
    return {
        "model": section.model,
        "fit": section.fit,
        "modelled": section.modelled,
        **variances,
        "coefficients": dict(zip(names, fit.beta.tolist(), strict=True)),
        "coefficients_se": dict(zip(names, np.sqrt(np.diag(fit.beta_covariance)).tolist(), strict=True)),
        "benchmark": section.benchmark,
        "own_weight": section.own_weight,
    }


def _content(file: SmallAreaFile, made: _Made) -> dict[str, Any]:
    total = file.total.estimate(level=file.level, ceiling=file.frame_ha)
    return {
        "title": file.title,
        "small_areas": [_row(made, at) for at in range(made.names.size)],
        "total": {"value_ha": total.value, "se_ha": total.se, "lo_ha": total.lo, "hi_ha": total.hi},
        "model": _model(made.found, file.small_areas),
    }


def _row(made: _Made, at: int) -> dict[str, Any]:
    one, verdict = made.found.figures[at], made.verdicts[at]
    row: dict[str, Any] = {
        "area": str(made.names[at]),
        "value_ha": one.value,
        "se_ha": one.se,
        "lo_ha": one.lo,
        "hi_ha": one.hi,
        "level": one.level,
        "n": one.n,
        "direct_ha": None if np.isnan(made.direct[at]) else float(made.direct[at]),
        "before_benchmark_ha": made.found.predicted[at].value,
        "own_weight": float(made.found.own_weight[at]),
        "method": one.method,
        "flags": list(one.flags),
    }
    if verdict is not None:
        row["threshold"] = {
            "threshold_ha": verdict.threshold,
            "below": verdict.below,
            "certainty": verdict.certainty.value,
            "p_below": verdict.p_below,
            "verdict": verdict.sentence,
        }
    return row


def _lines(file: SmallAreaFile, made: _Made) -> Iterator[str]:
    model = _model(made.found, file.small_areas)
    for at, name in enumerate(made.names.tolist()):
        verdict = made.verdicts[at]
        weight = float(made.found.own_weight[at])
        own = "synthetic" if weight == 0 else f"own sample weighs {weight:.2f}"
        told = "" if verdict is None else f"; {verdict.sentence}"
        yield f"{name}: {figure_words(made.found.figures[at])}; {own}{told}"
    total = file.total.estimate(level=file.level, ceiling=file.frame_ha)
    yield f"all areas: {figure_words(total)}, as given; the areas add up to it ({model['benchmark']})"
    if not model["variance_between_areas"]:
        yield "no variance between areas is seen beside the sampling errors: every figure is the model's alone"
    parts = ", ".join(f"{key} {value:.6g}" for key, value in model["coefficients"].items())
    spread = ", ".join(f"{key.replace('_', ' ')} {model[key]:.6g}" for key in model if key.startswith("variance"))
    yield f"model: {model['model']} ({model['fit']}) of {model['modelled']}; {parts}; {spread}"
