"""What a survey of official figures is made from, read and checked together: units, figures, and what to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from aoi.admin import AdminUnits, join_codes, read_admin
from aoi.number_format import NumberFormat
from aoi.official import OfficialSeries, control_problems, read_series, roll_up, total
from aoi.official_table import TableLayout, read_table
from aoi.survey.estimate import CellState, Quantity
from geo.errors import AltdevError, InputError, Problem
from maps.page import FRAME_DOMAIN
from monitor.config import Survey
from monitor.sections import NumberSection, OfficialSection

__all__ = ["Inputs", "control_total_problems", "official_section", "read_inputs", "read_official_series"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a survey of official figures is made from."""

    units: AdminUnits
    """Administrative units."""
    series: OfficialSeries
    """Figures by unit."""
    levels: tuple[OfficialSeries, ...]
    """The whole, the units above where the table has them, and the units."""
    notices: list[Problem] = field(default_factory=list)
    """What was mended, does not join, or crosses."""


def read_inputs(survey: Survey) -> Inputs:
    """Read the administrative units and the official figures of a survey.

    Raises
    ------
    InputError
        Naming every problem of both.
    """
    area, official = survey.area, official_section(survey)
    problems: list[Problem] = []
    units = _collected(problems, lambda: _units(survey))
    series = _collected(problems, lambda: _series(survey, official))
    if units is None or series is None:
        raise InputError(problems)
    latest = series.of(series.periods[-1])
    join = join_codes(units, latest["code"], names=latest["name"], table=f"{official.table.name} {official.code}")
    notices = units.notices(area.admin.name)
    warning = join.warning("their figures are in the totals and not on the map")
    whole = total(series, code=FRAME_DOMAIN, name=survey.survey.title)
    above = (roll_up(series),) if official.parent else ()
    return Inputs(
        units=units,
        series=series,
        levels=(whole, *above, series),
        notices=notices if warning is None else [warning, *notices],
    )


def _collected(problems: list[Problem], read: Callable[[], T]) -> T | None:
    """Return what `read` returns, or None with its problems added."""
    try:
        return read()
    except AltdevError as error:
        problems += error.problems
        return None


def official_section(survey: Survey) -> OfficialSection:
    """Return the ``[official]`` table of a survey that has one.

    Raises
    ------
    InputError
        If it has none.
    """
    if survey.official is None:
        raise InputError(Problem("survey file", "no [official]", "a table [official] for this step"))
    return survey.official


def _units(survey: Survey) -> AdminUnits:
    area = survey.area
    return read_admin(
        area.admin,
        layer=area.admin_layer,
        code=area.admin_code,
        name=area.admin_name,
        boundary_version=area.boundary_version,
    )


def _series(survey: Survey, official: OfficialSection) -> OfficialSeries:
    raw = read_table(official.table, layer=official.layer, encoding=official.encoding, delimiter=official.delimiter)
    layout = TableLayout(
        code=official.code,
        name=official.name,
        periods=official.periods,
        code_pattern=official.code_pattern,
        parent=official.parent,
        parent_name=official.parent_name,
        number=_number(official.number),
        number_in={period: _number(section) for period, section in official.number_in.items()},
        symbols={text: CellState(state) for text, state in official.symbols.items()},
    )
    versions = (official.code_version, survey.area.boundary_version)
    meaning = Quantity(
        crop=survey.survey.crops[0],
        kind=official.kind,
        reference=official.reference_date,
        frame="; ".join(version for version in versions if version),
        source=survey.survey.source,
        vintage=survey.survey.vintage,
    )
    return read_series(raw, layout, meaning)


def _number(section: NumberSection) -> NumberFormat:
    return NumberFormat(decimal=section.decimal, thousands=section.thousands, decimals=section.decimals)


def control_total_problems(survey: Survey, inputs: Inputs) -> list[Problem]:
    """Return every stated total that the sums of the table miss."""
    official = official_section(survey)
    return control_problems(inputs.levels[0], official.control_total_ha, tolerance_ha=official.control_tolerance_ha)


def read_official_series(survey: Survey) -> OfficialSeries:
    """Return the official figures of a survey by unit, without its administrative units.

    Raises
    ------
    InputError
        Naming every problem of the table.
    """
    return _series(survey, official_section(survey))
