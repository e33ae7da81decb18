"""The mixed national design: sampled provinces, provinces covered whole, provinces known from villages only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aoi.survey.estimate import INDICATIVE
from aoi.survey.linearised import Linearised
from aoi.survey.national import Province, national_total, sum_of_independent
from aoi.survey.reliability import Reliability
from geo.errors import InputError, Problem, QualityGateError
from monitor.tabular.build import Drawn, build
from monitor.tabular.declaration import DesignFile, FigureSection, ProvinceSection
from monitor.tabular.figures import DesignFigure, Estimator, estimator_of, hectares
from monitor.tabular.rows import FloatArray, Rows

__all__ = ["Sampled", "figures_in", "national_figures", "province_of", "provinces_and_rows"]

TOLERANCE = 1e-6
"""Relative difference of areas that are the same."""


def national_figures(file: DesignFile, figures: FigureSection, rows: Rows) -> list[DesignFigure]:
    """Return the figure of the country and of each province, for each column of hectares.

    Raises
    ------
    InputError
        If the sample has rows of a province the file does not know, or a province lacks a value.
    QualityGateError
        If provinces do not add up to the frame, or a sampled one has no rows.
    """
    parts = provinces_and_rows(file, rows)
    found = []
    for name in figures.values:
        sampled = [(section, _sampled(file, figures, section, own)) for section, own in parts]
        provinces = [
            province_of(section, None if sample is None else sample.total(name), name)
            for section, sample in sampled
        ]
        country = national_total(provinces, country=[one.name for one in file.province], level=file.level)
        found.append(DesignFigure(variable=name, domain=None, estimate=country))
        for one in provinces:
            figure = one.figure.estimate(level=file.level, ceiling=one.frame_ha)
            figure = figure if one.probability_sample else figure.flagged(INDICATIVE)
            found.append(DesignFigure(variable=name, domain=one.name, estimate=figure))
        found += _domains(file, figures, sampled, name)
    return found


def provinces_and_rows(file: DesignFile, rows: Rows) -> list[tuple[ProvinceSection, Rows]]:
    """Return each province with its rows of the sample.

    Raises
    ------
    InputError, QualityGateError
        As `national_figures`.
    """
    assert file.province_column is not None  # held by the file
    place = rows.labels(file.province_column)
    rows.require_sound()
    _require_whole(file, set(place.tolist()), rows.name)
    return [(one, rows.part(place == one.name)) for one in file.province]


def figures_in(figures: FigureSection, section: ProvinceSection) -> FigureSection:
    """Return the declared estimator with the margins of a province."""
    return figures.model_copy(update={"margins": section.margins}) if section.margins else figures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sampled:
    """A sampled province with its estimator."""

    drawn: Drawn
    """Its sample."""
    make: Estimator
    """Its estimator."""
    frame_ha: float
    """Hectares of its frame."""

    def total(self, name: str, inside: FloatArray | float = 1.0) -> Linearised:
        """Return the total of a column of hectares, outside a domain as zero."""
        y = hectares(self.drawn, name, self.frame_ha)
        self.drawn.rows.require_sound()
        return self.make(y * inside)


def _sampled(file: DesignFile, figures: FigureSection, section: ProvinceSection, rows: Rows) -> Sampled | None:
    """Return the sample of a province; None for one that was not sampled."""
    if section.design is None:
        return None
    drawn = build(section.design, rows, frame_ha=section.frame_ha)
    make = estimator_of(file, figures_in(figures, section), drawn, totals=section.totals)
    return Sampled(drawn=drawn, make=make, frame_ha=section.frame_ha)


def _domains(
    file: DesignFile,
    figures: FigureSection,
    sampled: list[tuple[ProvinceSection, Sampled | None]],
    name: str,
) -> Iterator[DesignFigure]:
    """Yield the domains inside each sampled province, and across them where every province was sampled."""
    if figures.domain is None:
        return
    across: dict[str, list[Linearised]] = {}
    for section, sample in sampled:
        if sample is None:
            continue
        places = sample.drawn.rows.labels(figures.domain)
        sample.drawn.rows.require_sound()
        for place in np.unique(places).tolist():
            inside = sample.total(name, (places == place).astype(float))
            across.setdefault(str(place), []).append(inside)
            figure = inside.estimate(level=file.level, ceiling=section.frame_ha)
            yield DesignFigure(variable=name, domain=f"{section.name}, {place}", estimate=figure)
    if any(sample is None for _, sample in sampled):
        return
    for place, parts in sorted(across.items()):
        whole = sum_of_independent(parts, method=f"domain in {len(parts)} provinces, each by its own design")
        figure = whole.estimate(level=file.level, ceiling=file.frame_ha)
        yield DesignFigure(variable=name, domain=place, estimate=figure)


def province_of(section: ProvinceSection, figure: Linearised | None, name: str = "") -> Province:
    """Return one province's total, however it was surveyed.

    Parameters
    ----------
    section
        The province.
    figure
        Its total where that is known already; None reads the figure `name` that the file gives.
    name
        Column of hectares.

    Raises
    ------
    InputError
        If the file gives no such figure.
    """
    coverage, chance = section.coverage, section.coverage != "village-survey" or section.probability_sample
    if figure is not None:
        return Province(
            name=section.name,
            coverage=coverage,
            frame_ha=section.frame_ha,
            figure=figure,
            probability_sample=chance,
        )
    if name not in section.value_ha or (coverage == "village-survey" and name not in section.se_ha):
        where, expected = f"[[province]] {section.name!r}", f"value_ha.{name}, and se_ha.{name} of a village survey"
        raise InputError(Problem(where, f"no figure of {name!r}", expected, "give it, 0 where there is none"))
    value, se = section.value_ha[name], section.se_ha.get(name, 0.0)
    if coverage == "target":
        return Province.covered_whole(section.name, value, frame_ha=section.frame_ha, interpretation_se_ha=se)
    villages = section.villages or 0
    asked = Linearised(
        value=value,
        variance=se**2,
        df=float(max(villages - 1, 1)),
        n=villages,
        method="village survey",
        reliability=Reliability(low_count=False, skewness=0.0, effective_units=float(max(villages, 1))),
        floor=0.0,
    )
    return province_of(section, asked)


def _require_whole(file: DesignFile, there: set[str], sample: str) -> None:
    """Refuse provinces left out in silence."""
    known = [one.name for one in file.province]
    strangers = sorted(there - set(known))
    if strangers:
        found = "rows of province " + ", ".join(map(repr, strangers[:5]))
        expected = "provinces of the design file"
        raise InputError(
            Problem(f"{sample}, column {file.province_column!r}", found, expected, "add a [[province]]")
        )
    gates = [
        Problem(
            f"province {one.name!r}", "no row in the sample", "its sample", "add it, or say how it was surveyed"
        )
        for one in file.province
        if one.coverage == "sampled" and one.name not in there
    ]
    idle = [
        Problem(f"province {one.name!r}", f"rows in the sample and coverage {one.coverage}", "one of the two")
        for one in file.province
        if one.coverage != "sampled" and one.name in there
    ]
    whole = math.fsum(one.frame_ha for one in file.province)
    if not np.isclose(whole, file.frame_ha, rtol=TOLERANCE, atol=0.0):
        found, expected = f"provinces of {whole:,.6g} ha in all", f"frame_ha, {file.frame_ha:,.6g} ha"
        gates.append(Problem("[[province]]", found, expected, "no province may be left out: add it"))
    if idle:
        raise InputError([*idle, *gates])
    if gates:
        raise QualityGateError(gates)
