"""The tables of a programme as the survey names them, read and examined; without what estimates from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aoi.project.finding import Finding
from aoi.project.model import DataModel, data_model, with_codes
from aoi.project.parameter import project_parameters
from aoi.project.programme import Programme, examine, read_programme
from aoi.survey.parameter import Parameter, override
from geo.errors import InputError, Problem
from geo.vector import read_layer
from monitor.context import Context
from monitor.sections import ProgrammeSection

__all__ = ["code_lists", "examined", "programme_of", "programme_parameters", "programme_section"]


def programme_parameters(section: ProgrammeSection) -> Mapping[str, Parameter]:
    """Return the shipped parameters with the survey's own in place of some.

    Raises
    ------
    InputError
        If a key is unknown.
    """
    given = {
        f"{table}.{name}": {"value": one.value, "se": one.se, "source": one.source}
        for table, names in section.parameter.items()
        for name, one in names.items()
    }
    return override(project_parameters(), given)


def programme_of(context: Context) -> Programme:
    """Return the programme of a survey.

    Raises
    ------
    InputError
        Naming every error of its tables, by row.
    """
    section = programme_section(context)
    return read_programme(
        section.tables,
        model=code_lists(section),
        country=_country(section),
        parameters=programme_parameters(section),
    )


def examined(context: Context) -> list[Finding]:
    """Return everything found in the tables of a programme."""
    section = programme_section(context)
    return examine(
        section.tables,
        model=code_lists(section),
        country=_country(section),
        parameters=programme_parameters(section),
    )[1]


def programme_section(context: Context) -> ProgrammeSection:
    """Return the ``[ad]`` table of a survey that has one."""
    section = context.survey.ad
    assert section is not None
    return section


def code_lists(section: ProgrammeSection) -> DataModel:
    """Return the data model with the survey's own lists of codes in place of some.

    Raises
    ------
    InputError
        If the file of lists is missing or wrong.
    """
    if section.codes is None:
        return data_model()
    if not section.codes.is_file():
        raise InputError(Problem(str(section.codes), "no such file", "lists of codes", "correct [ad] codes"))
    return with_codes(data_model(), section.codes.read_text(encoding="utf-8"), where=section.codes.name)


def _country(section: ProgrammeSection) -> Any:
    return None if section.country is None else read_layer(section.country, geometry="polygon")
