"""The mixed national design: sampled provinces, provinces covered whole, provinces known from villages only."""

from __future__ import annotations

import math

import numpy as np

from aoi.survey.estimate import INDICATIVE
from aoi.survey.linearised import Linearised
from aoi.survey.national import Province, national_total
from aoi.survey.reliability import Reliability
from geo.errors import InputError, Problem, QualityGateError
from monitor.tabular.build import build
from monitor.tabular.declaration import DesignFile, FigureSection, ProvinceSection
from monitor.tabular.figures import DesignFigure, estimator_of, hectares
from monitor.tabular.rows import Rows

__all__ = ["national_figures"]

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
    assert file.province_column is not None  # held by the file
    place = rows.labels(file.province_column)
    rows.require_sound()
    _require_whole(file, set(place.tolist()), rows.name)
    found = []
    for name in figures.values:
        provinces = [_province(file, figures, one, name, rows.part(place == one.name)) for one in file.province]
        country = national_total(provinces, country=[one.name for one in file.province], level=file.level)
        found.append(DesignFigure(variable=name, domain=None, estimate=country))
        for one in provinces:
            figure = one.figure.estimate(level=file.level, ceiling=one.frame_ha)
            figure = figure if one.probability_sample else figure.flagged(INDICATIVE)
            found.append(DesignFigure(variable=name, domain=one.name, estimate=figure))
    return found


def _province(
    file: DesignFile, figures: FigureSection, section: ProvinceSection, name: str, rows: Rows
) -> Province:
    """Return one province's total, however it was surveyed."""
    if section.design is not None:
        drawn = build(section.design, rows, frame_ha=section.frame_ha)
        y = hectares(drawn, name, section.frame_ha)
        drawn.rows.require_sound()
        figure = estimator_of(file, figures, drawn, totals=section.totals)(y)
        return Province(name=section.name, coverage="sampled", frame_ha=section.frame_ha, figure=figure)
    if name not in section.value_ha or (section.coverage == "village-survey" and name not in section.se_ha):
        where, expected = f"[[province]] {section.name!r}", f"value_ha.{name}, and se_ha.{name} of a village survey"
        raise InputError(Problem(where, f"no figure of {name!r}", expected, "give it, 0 where there is none"))
    value, se = section.value_ha[name], section.se_ha.get(name, 0.0)
    if section.coverage == "target":
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
    return Province(
        name=section.name,
        coverage="village-survey",
        frame_ha=section.frame_ha,
        figure=asked,
        probability_sample=section.probability_sample,
    )


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
