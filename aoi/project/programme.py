"""A programme as it was read: typed tables, shapes, and everything found in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import pandas

from aoi.project.fields import field_findings, link_findings, typed
from aoi.project.finding import Finding, errors_of
from aoi.project.ground import country_findings, overlap_findings, shape_findings, usable_shapes
from aoi.project.model import DataModel, data_model
from aoi.project.parameter import project_parameters
from aoi.project.read import RawTable, read_raw_tables
from aoi.project.rules import Checked, rule_findings
from aoi.survey.parameter import Parameter
from geo.errors import InputError

__all__ = ["Programme", "examine", "read_programme"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Programme:
    """A programme's tables."""

    tables: Mapping[str, Any]
    """Name to DataFrame with its types; every table of the model is there, some without rows."""
    areas: Any
    """GeoDataFrame of the project areas with all their columns; valid polygons."""
    infrastructure: Any
    """GeoDataFrame of the infrastructure that has a place."""
    eradication: Any
    """GeoDataFrame of the operations that have a shape."""
    findings: tuple[Finding, ...] = ()
    """Warnings and flags."""


def read_programme(
    path: Path,
    *,
    model: DataModel | None = None,
    country: Any = None,
    parameters: Mapping[str, Parameter] | None = None,
) -> Programme:
    """Read a programme whose tables are right.

    Raises
    ------
    InputError
        Naming every error of every table, by row.
    """
    programme, findings = examine(path, model=model, country=country, parameters=parameters)
    problems = errors_of(findings)
    if problems:
        raise InputError(problems)
    return programme


def examine(
    path: Path,
    *,
    model: DataModel | None = None,
    country: Any = None,
    parameters: Mapping[str, Parameter] | None = None,
) -> tuple[Programme, list[Finding]]:
    """Read a programme and say everything found in it.

    Parameters
    ----------
    path
        GeoPackage or folder of tables.
    model
        The data model; the shipped one when None.
    country
        GeoDataFrame of the country's polygons; areas are not held against it when None.
    parameters
        The survey's own numbers; the shipped ones when None.

    Returns
    -------
    programme
        To be used only where no finding is an error.
    findings
        Errors, warnings and flags.

    Raises
    ------
    InputError
        If there is no such file or folder.
    """
    known, numbers = model or data_model(), parameters or project_parameters()
    raw, findings = read_raw_tables(path, known)
    for name, table in raw.items():
        findings += [*field_findings(table, known), *shape_findings(table, known.tables[name])]
    findings += link_findings(raw, known)
    typed_tables = {
        name: typed(raw[name], table) if name in raw else _empty(table) for name, table in known.tables.items()
    }
    checked = Checked(
        tables=typed_tables, where={name: table.where for name, table in raw.items()}, parameters=numbers
    )
    findings += rule_findings(checked)
    areas = _placed(raw.get("areas"), typed_tables["areas"], "polygon")
    if len(areas) and areas.crs is not None:
        where = checked.where["areas"]
        if country is not None:
            limit = numbers["country.outside_km"].value
            findings += country_findings(areas, country, where=where, outside_km=limit)
        findings += overlap_findings(areas, where=where)
    programme = Programme(
        tables=typed_tables,
        areas=areas,
        infrastructure=_placed(raw.get("infrastructure"), typed_tables["infrastructure"], "point"),
        eradication=_placed(raw.get("eradication"), typed_tables["eradication"], "polygon"),
        findings=tuple(finding for finding in findings if finding.severity != "error"),
    )
    return programme, findings


def _empty(table: Any) -> Any:
    cells = pandas.DataFrame(columns=list(table.fields), dtype=object)
    return typed(RawTable(name=table.name, where=table.name, cells=cells), table)


def _placed(raw: RawTable | None, table: Any, family: str) -> Any:
    """Return the rows of a table that have a usable shape, with it; the index is the row in the file, from 0."""
    if raw is None or raw.shapes is None or raw.shapes.crs is None:
        return geopandas.GeoDataFrame(table.iloc[:0], geometry=geopandas.GeoSeries([], crs=4326), crs=4326)
    frame = geopandas.GeoDataFrame(table, geometry=raw.shapes.to_numpy(), crs=raw.shapes.crs)
    return frame[usable_shapes(frame.geometry, family)]
