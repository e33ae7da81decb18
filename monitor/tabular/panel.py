"""Change between two years from one table: classes of a panel of points, or hectares of a declared design."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aoi.survey.change import Change, area_change
from aoi.survey.design import Lonely
from aoi.survey.estimate import Estimate
from aoi.survey.linear_change import change_figure
from aoi.survey.linearised import IntervalOfTotal, Linearised
from geo.errors import InputError, Problem, SurveyFileError
from monitor.tabular.build import build
from monitor.tabular.declaration import DesignFile, FigureSection, load_design
from monitor.tabular.rows import EMPTY, FloatArray, Rows, TextArray
from monitor.tabular.strata import read_strata
from monitor.tabular.year_pair import PanelChange, national_changes, panel_change, year_pairs

__all__ = ["PanelChange", "class_changes", "design_changes"]

UNKNOWN = ("psu", "weight")
"""Columns that change the design, which the comparison of classes does not know."""


def class_changes(
    panel: Path,
    strata: Path,
    *,
    columns: tuple[str, str],
    unit_area_ha: float,
    frame_ha: float | None,
    lonely: Lonely,
    domain: str | None,
    interval: str,
    level: float,
) -> list[PanelChange]:
    """Estimate the change of each class between two columns of labels.

    Parameters
    ----------
    panel
        CSV with ``stratum`` and two columns of labels, empty where a unit was not labelled that year.
    strata
        CSV with ``stratum`` and ``size``, and if known ``area_ha``.
    columns
        Columns of the earlier and the later year.
    unit_area_ha, frame_ha, lonely, domain, interval, level
        As in table mode of `estimate`.

    Raises
    ------
    InputError
        Naming every cell at fault.
    QualityGateError
        If a stratum was not labelled in a year or has one unit, or strata do not add up.
    """
    table = read_strata(strata, frame_ha=frame_ha, unit_area_ha=unit_area_ha, lonely=lonely)
    rows = Rows.read(panel)
    stratum = rows.labels("stratum")
    _require_known(rows)
    labels = [rows.optional_labels(name) for name in columns]
    places = None if domain is None else rows.labels(domain)
    _require_once(rows)
    rows.require_sound()
    known = [np.isin([label.lower() for label in year.tolist()], list(EMPTY), invert=True) for year in labels]
    classes = sorted({str(label) for year, there in zip(labels, known, strict=True) for label in year[there]})
    if not classes:
        raise InputError(Problem(rows.name, "no label in either column", "a class for each unit and year"))
    codes = table.design.code_of(stratum)
    found = []
    for name in classes:
        member = [
            np.where(there, (year == name).astype(float), np.nan) for year, there in zip(labels, known, strict=True)
        ]
        for place, inside in _domains(places):
            y = [np.where(np.isnan(one), np.nan, one * inside) for one in member]
            change = area_change(codes, y[0], y[1], table.design, method=interval, level=level)
            found.append(_of_change(name, place, change))
    return found


def design_changes(panel: Path, design: Path, *, columns: tuple[str, str]) -> list[PanelChange]:
    """Estimate the change of hectares between two columns of one sample, by the declared design and estimator.

    Parameters
    ----------
    panel
        CSV with a row for each unit, measured in both years.
    design
        The design file.
    columns
        Columns with the hectares of the earlier and the later year.

    Raises
    ------
    SurveyFileError
        If the design file declares no estimator, or limits that a change cannot have.
    InputError, QualityGateError
        As `monitor.tabular.build.build`.

    Notes
    -----
    The difference is estimated from the units' own differences, so that its variance has the covariance of the two
    years in it. That of a national design is the sum over provinces.
    """
    file = load_design(design)
    figures = _require_linear(file)
    rows = Rows.read(panel)
    if file.design is None:
        return national_changes(file, figures, rows, columns)
    drawn = build(file.design, rows, frame_ha=file.frame_ha, response=file.response)
    pairs = year_pairs(file, figures, drawn, columns, totals=figures.totals, frame_ha=file.frame_ha)
    interval: IntervalOfTotal = "t" if figures.interval == "t" else "skew-corrected"
    found = []
    for place, pair in pairs:

        def put(level: float, moved: Linearised = pair.difference) -> Estimate:
            return change_figure(moved, level=level, most=file.frame_ha, interval=interval)

        earlier, later = (
            year.estimate(level=file.level, ceiling=file.frame_ha, interval=interval)
            for year in (pair.earlier, pair.later)
        )
        found.append(panel_change(columns[0], place, (earlier, later), put, pair.n, file.level))
    return found


def _domains(places: TextArray | None) -> Iterator[tuple[str | None, FloatArray | float]]:
    """Yield the frame and each domain with the rows inside, for zero extension."""
    yield None, 1.0
    if places is not None:
        for place in np.unique(places).tolist():
            yield str(place), (places == place).astype(float)


def _of_change(name: str, place: str | None, change: Change) -> PanelChange:
    return PanelChange(
        name=name,
        domain=place,
        earlier=change.earlier,
        later=change.later,
        difference=change.difference,
        p_value=change.p_value,
        verdict=change.verdict,
        correlation=change.correlation,
        n_common=change.n_common,
    )


def _require_known(rows: Rows) -> None:
    """Note columns that say units were drawn otherwise than this comparison supposes."""
    for name in UNKNOWN:
        if rows.has(name):
            expected = "units of equal weight within strata"
            rows.note(
                f"column {name!r}", "a design with it", expected, "compare hectares with --design, or rename it"
            )


def _require_once(rows: Rows) -> None:
    """Note units that stand in the panel twice, where a column tells units apart."""
    name = next((name for name in ("unit", "unit_id", "id", "sample_id", "plot_id") if rows.has(name)), None)
    if name is not None:
        rows.require_unique(rows.labels(name), name)


def _require_linear(file: DesignFile) -> FigureSection:
    """Return the figures wanted, refusing estimators whose change is not that of the units' differences."""
    figures = file.estimate
    if figures is None:
        raise SurveyFileError(Problem("design file", "no [estimate]", "the estimator of the change", "add it"))
    if figures.interval == "bootstrap-t":
        expected = "skew-corrected or t limits"
        raise SurveyFileError(Problem("[estimate] interval", "bootstrap-t", expected))
    return figures
