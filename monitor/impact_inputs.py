"""What an evaluation is made from, read and checked together: units, outcome, dates of the programme, neighbours.

A unit without an outcome in some year is left out and told of; its programme still counts as a neighbour. Nothing
that is absent is taken for zero unless the survey file says that it is known to be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from aoi.impact.group_time import NEVER
from aoi.impact.panel import LEVEL, LOG_LEVEL, TREND, baselines
from aoi.official_table import read_table
from geo.errors import AltdevError, InputError, Problem
from geo.vector import open_layer, repair
from monitor.config import Survey
from monitor.impact_sections import ImpactSection, ProgrammeSection, YearlyTable
from monitor.impact_tables import ROLES, ImpactTables

__all__ = ["impact_section", "read_impact"]

T = TypeVar("T")

_Read = Callable[[Path, str | None], Any]
"""Gives the rows of a table by file and layer."""

_SHOWN = 5
_ERROR_DRAWS = 20


def impact_section(survey: Survey) -> ImpactSection:
    """Return the ``[impact]`` table of a survey that has one."""
    if survey.impact is None:
        raise InputError(Problem("survey file", "no [impact]", "a table [impact] for this step"))
    return survey.impact


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """Units with places, in a metric projection."""

    frame: Any
    """unit, name, cluster, region, exact_*, trait_*, geometry."""
    source: Any
    """The layer as it was read, by unit."""
    where: str
    """File name."""


def read_impact(survey: Survey) -> tuple[ImpactTables, list[Problem]]:
    """Read what an evaluation is made from.

    Returns
    -------
    tables
        What ``aoi.impact`` needs, as it is written to the run folder.
    notices
        What was left out.

    Raises
    ------
    InputError
        Naming every problem of every table.
    """
    section = impact_section(survey)
    problems: list[Problem] = []
    read_once = cache(lambda path, layer: read_table(path, layer=layer).frame)  # one table often has all series
    units = _collected(problems, lambda: _read_units(survey, section))
    outcome = _collected(problems, lambda: _read_outcome(survey, section, read_once))
    series = {one.name: _collected(problems, partial(_read_yearly, one, read_once)) for one in section.series}
    others = [_collected(problems, partial(_codes_of, one.table, one.layer, one.code)) for one in section.other]
    if units is None or outcome is None:
        raise InputError(problems)
    read = _collected(problems, lambda: _read_dates(section.programme, units))
    if problems or read is None:
        raise InputError(problems)
    problems += _caliper_problems(section)
    if problems:
        raise InputError(problems)
    dates, waiting = read
    notices: list[Problem] = []
    if waiting:
        named = ", ".join(sorted(waiting)[:_SHOWN])
        found = f"{len(waiting)} units with an announcement and no start: {named}"
        notices.append(
            Problem(
                "programme", found, "units with both", "announced to, they and their neighbours are no controls"
            )
        )
        others = [*others, waiting]
    years = _years(outcome, section)
    wide = outcome.pivot(index="unit", columns="year", values="value").reindex(columns=years)
    kept = _complete(wide, units, notices)
    panel = wide.loc[kept].stack().rename("outcome").reset_index()
    for one in section.series:
        found_series = series[one.name]
        assert found_series is not None
        column = ROLES.get(one.role, f"trait_{one.name}")
        panel[column] = _aligned(found_series, one, kept, years, problems, notices)
    if problems:
        raise InputError(problems)
    sites, distances, other_km = _places(units, kept, dates, section, others)
    frame = units.frame.set_index("unit").loc[kept].drop(columns="geometry").reset_index()
    when = dates.set_index("unit").reindex(kept)
    places = shapely.centroid(np.asarray(units.frame.set_index("unit").loc[kept].geometry.values))
    frame = frame.assign(
        start=when["start"].fillna(NEVER).astype(int).to_numpy(),
        baseline=when["baseline"].fillna(NEVER).astype(int).to_numpy(),
        x_km=shapely.get_x(places) / 1000,
        y_km=shapely.get_y(places) / 1000,
        other_km=other_km,
    )
    absent = sorted(set(sites["site"]) - set(kept))
    if absent:
        notices.append(
            Problem(
                "programme",
                f"{len(absent)} of {len(sites)} units without outcome: {', '.join(absent[:20])}",
                "units of the panel",
                "no effect on them can be told; they count as neighbours",
            )
        )
    tables = ImpactTables(
        panel=panel,
        units=frame,
        sites=sites,
        distances=distances,
        settings=_settings(survey, section, panel) | {"sites": len(sites), "cost": None},
    )
    return tables, notices


def _caliper_problems(section: ImpactSection) -> Iterator[Problem]:
    """Yield calipers on traits that nobody gave."""
    series = [one.name for one in section.series if one.role == "trait"]
    known = [LEVEL, LOG_LEVEL, TREND, *section.traits, *series]
    for name in section.calipers:
        if name not in known:
            expected = f"one of {', '.join(known)}"
            yield Problem(
                f"[impact.calipers] {name}", "no such trait", expected, "correct it, or name it in traits"
            )


def _collected(problems: list[Problem], read: Callable[[], T]) -> T | None:
    try:
        return read()
    except AltdevError as error:
        problems += error.problems
        return None


def _settings(survey: Survey, section: ImpactSection, panel: Any) -> dict[str, Any]:
    crop = survey.survey.crops[0]
    return {
        "outcome": crop if section.outcome is None else (section.outcome.value or "outcome"),
        "unit": "ha" if section.outcome is None else section.outcome.unit,
        "crop": crop if section.outcome is None else "",
        "panel": "official figures" if section.outcome is None else section.outcome.table.name,
        "units": int(panel["unit"].nunique()),
        "years": [int(panel["year"].min()), int(panel["year"].max())],
        "level": survey.estimate.level,
        "neighbours": section.neighbours,
        "window": section.window,
        "calipers": dict(section.calipers),
        "radii_km": list(section.rings_km),
        "spatial_km": section.spatial_km,
        "draws": section.draws,
        "error_draws": _ERROR_DRAWS,
        "seed": survey.survey.seed,
    }


def _read_units(survey: Survey, section: ImpactSection) -> _Units:
    area = survey.area
    path, layer, code, name = (
        (section.units, section.layer, section.code, section.name)
        if section.units is not None and section.code is not None
        else (area.admin, area.admin_layer, area.admin_code, area.admin_name)
    )
    frame = open_layer(path, layer=layer)
    wanted = [code, name, section.cluster, section.region, *section.exact, *section.traits]
    columns = [column for column in wanted if column is not None and column != "region"]
    lost = sorted({column for column in columns if column not in frame.columns})
    problems = [
        Problem(f"{path.name} column {column}", "no such column", "a column of the layer") for column in lost
    ]
    if code in frame.columns:
        problems += _code_problems(frame[code], f"{path.name} column {code}")
    empty = frame.geometry.isna() | frame.geometry.is_empty
    if empty.any():
        found = f"{int(empty.sum())} units without a shape"
        problems.append(
            Problem(path.name, found, "a point or polygon of each", "without a place nobody knows their neighbours")
        )
    if frame.crs is None:
        problems.append(Problem(path.name, "no coordinate reference system", "one", "set it"))
    problems += [
        Problem(f"{path.name} column {column}", "missing or no numbers", "a number for each unit")
        for column in section.traits
        if column in frame.columns and pd.to_numeric(frame[column], errors="coerce").isna().any()
    ]
    if problems:
        raise InputError(problems)
    frame = repair(frame).reset_index(drop=True)
    unit = frame[code].astype(str).str.strip()
    region = frame[section.region].astype(str) if section.region else _parents(survey, unit)
    table = {
        "unit": unit,
        "name": frame[name].astype(str) if name else unit,
        "cluster": frame[section.cluster].astype(str) if section.cluster else unit,
        "region": region,
        **{
            f"exact_{column}": region if column == "region" else frame[column].astype(str)
            for column in section.exact
        },
        **{f"trait_{column}": pd.to_numeric(frame[column]) for column in section.traits},
    }
    metric = frame.geometry.to_crs(_metric(survey, frame))
    units = geopandas.GeoDataFrame(table, geometry=metric).sort_values("unit").reset_index(drop=True)
    return _Units(frame=units, source=frame.assign(unit=unit).set_index("unit"), where=path.name)


def _metric(survey: Survey, frame: Any) -> str:
    """Return the survey's own projection, or an equal-area one around the middle of the units."""
    if survey.area.crs is not None:
        try:
            CRS.from_user_input(survey.area.crs)
        except CRSError as error:
            found, expected = f"{survey.area.crs}, which is no known CRS", "a CRS such as EPSG:32618"
            raise InputError(Problem("[area] crs", found, expected, "correct it")) from error
        return survey.area.crs
    west, south, east, north = frame.to_crs(4326).total_bounds
    return f"+proj=laea +lat_0={(south + north) / 2:.4f} +lon_0={(west + east) / 2:.4f} +datum=WGS84 +units=m"


def _parents(survey: Survey, unit: Any) -> Any:
    """Return the unit above as the official table names it; one region for all without."""
    if survey.official is None or survey.official.parent is None:
        return pd.Series("all", index=unit.index)
    cells = _official_cells(survey).drop_duplicates("code").set_index("code")["parent"]
    return unit.map(cells).fillna("none")


def _official_cells(survey: Survey) -> Any:
    from monitor.official_inputs import read_official_series

    return read_official_series(survey).cells


def _code_problems(codes: Any, where: str) -> Iterator[Problem]:
    if pd.api.types.is_numeric_dtype(codes):
        remedy = "store the column as text"
        yield Problem(where, "numbers", "codes as text (a leading zero is part of a code)", remedy)
        return
    if codes.isna().any():
        yield Problem(where, f"{int(codes.isna().sum())} rows without a code", "a code in each row")
    twice = sorted({str(code) for code in codes[codes.duplicated()].dropna()})
    if twice:
        yield Problem(where, f"codes used twice: {', '.join(twice[:_SHOWN])}", "each code once", "correct them")


def _read_outcome(survey: Survey, section: ImpactSection, read: _Read) -> Any:
    """Return unit, year and value of the outcome."""
    if section.outcome is not None:
        return _read_yearly(section.outcome, read)
    if survey.official is None:
        raise InputError(
            Problem("[impact]", "no [impact.outcome]", "the table of the outcome", "or figures in [official]")
        )
    cells = _official_cells(survey)
    odd = sorted({period for period in cells["period"] if not str(period).isdigit()})
    if odd:
        raise InputError(Problem("[official] periods", f"{odd[0]!r}", "years, for an evaluation", "rename them"))
    return pd.DataFrame(
        {"unit": cells["code"], "year": cells["period"].astype(int), "value": cells["value_ha"]}
    ).dropna()


def _read_yearly(table: YearlyTable, read: _Read) -> Any:
    """Return unit, year and value of a table, each unit and year once."""
    raw = read(table.table, table.layer)
    where = table.table.name
    wanted = [column for column in (table.code, table.year, table.value) if column is not None]
    lost = [column for column in wanted if column not in raw.columns]
    if lost:
        raise InputError(
            [Problem(f"{where} column {name}", "no such column", "a column of the table") for name in lost]
        )
    if table.columns is not None:
        named = {str(name): re.fullmatch(table.columns, str(name)) for name in raw.columns}
        years = {name: int(match[1]) for name, match in named.items() if match and match[1].isdigit()}
        if not years:
            raise InputError(Problem(f"{where} columns", f"none like {table.columns!r}", "one column a year"))
        twice = list(_code_problems(raw[table.code].dropna(), f"{where} column {table.code}"))
        if twice:
            raise InputError(twice)
        long = raw.melt(id_vars=[table.code], value_vars=list(years), var_name="year", value_name="value")
        long["year"] = long["year"].map(years)
        long = long.rename(columns={table.code: "unit"})
    else:
        if pd.api.types.is_numeric_dtype(raw[table.code]):
            raise InputError(list(_code_problems(raw[table.code], f"{where} column {table.code}")))
        long = pd.DataFrame({"unit": raw[table.code], "year": raw[table.year], "value": raw[table.value]})
    return _numbers(long, where, table)


def _numbers(long: Any, where: str, table: YearlyTable) -> Any:
    """Return a long table with numbers, summed by unit and year, its empty cells left out."""
    problems = []
    found = {}
    for key, column in (("year", table.year or "year"), ("value", table.value or "values")):
        text = long[key]
        number = pd.to_numeric(text, errors="coerce")
        blank = text.isna() | (text.astype(str).str.strip() == "")
        bad = number.isna() & ~blank
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            told = f"{text.iloc[first]!r} and {int(bad.sum()) - 1} more that are no numbers"
            problems.append(Problem(f"{where} column {column}, unit {long['unit'].iloc[first]}", told, "numbers"))
        found[key] = number
    negative = found["value"] < 0
    if negative.any():
        first = int(np.flatnonzero(negative)[0])
        told = f"{found['value'].iloc[first]:g}"
        problems.append(Problem(f"{where}, unit {long['unit'].iloc[first]}", told, "0 or more"))
    if problems:
        raise InputError(problems)
    known = pd.DataFrame({"unit": long["unit"].astype(str).str.strip(), **found}).dropna()
    known["year"] = known["year"].astype(int)
    return known.groupby(["unit", "year"], as_index=False, sort=True)["value"].sum()


def _codes_of(path: Path, layer: str | None, code: str) -> set[str]:
    raw = read_table(path, layer=layer).frame
    if code not in raw.columns:
        raise InputError(Problem(f"{path.name} column {code}", "no such column", "the column with the unit's code"))
    return set(raw[code].dropna().astype(str).str.strip())


def _read_dates(programme: ProgrammeSection, units: _Units) -> tuple[Any, set[str]]:
    """Return unit, start and baseline of the units with the programme, and the units that only heard of it."""
    if programme.table is None or programme.code is None:
        raw, where = units.source.reset_index(), units.where
        code = "unit"
    else:
        raw, where, code = (
            read_table(programme.table, layer=programme.layer).frame,
            programme.table.name,
            programme.code,
        )
    wanted = [column for column in (code, programme.start, programme.announced) if column is not None]
    lost = [column for column in wanted if column not in raw.columns]
    if lost:
        raise InputError(
            [Problem(f"{where} column {name}", "no such column", "a column of the table") for name in lost]
        )
    problems = list(_code_problems(raw[code], f"{where} column {code}"))
    start = _year_of(raw[programme.start]) if programme.start else _first_year(raw, str(programme.start_columns))
    announced = _year_of(raw[programme.announced]) if programme.announced else None
    if programme.announced_in is not None:
        announced = pd.Series(float(programme.announced_in), index=raw.index)
    unit = raw[code].astype(str).str.strip()
    begun = start.fillna(NEVER) > 0
    if not begun.any():
        problems.append(Problem(where, "no unit with a start", "units with a programme", "see the column of dates"))
    if announced is not None:
        late = begun & (announced > start)
        problems += [
            Problem(
                f"{where} unit {unit[row]}",
                f"announced in {int(announced[row])} and begun in {int(start[row])}",
                "an announcement that comes first",
                "correct the dates",
            )
            for row in np.flatnonzero(late)[:_SHOWN]
        ]
    strangers = sorted(set(unit[begun]) - set(units.frame["unit"]))
    if strangers:
        found = f"{len(strangers)} units that {units.where} does not have: {', '.join(strangers[:_SHOWN])}"
        problems.append(Problem(where, found, "codes of the units", "correct them: their neighbours are not known"))
    if problems:
        raise InputError(problems)
    first = start[begun].to_numpy(dtype=np.int64)
    told = None if announced is None else announced[begun].fillna(NEVER).to_numpy(dtype=np.int64)
    heard = set() if programme.announced is None or announced is None else set(unit[~begun & (announced > 0)])
    return pd.DataFrame(
        {
            "unit": unit[begun].to_numpy(),
            "start": first,
            "announced": first if told is None else np.where(told == NEVER, first, told),
            "baseline": baselines(first, told, anticipation=programme.anticipation),
        }
    ).sort_values("unit", ignore_index=True), heard


def _year_of(column: Any) -> Any:
    """Return years from years or ISO dates."""
    number = pd.to_numeric(column, errors="coerce")
    text = column.astype(str).str.extract(r"^\s*(\d{4})-\d{2}-\d{2}", expand=False)
    return number.fillna(pd.to_numeric(text, errors="coerce"))


def _first_year(raw: Any, pattern: str) -> Any:
    """Return the first year whose column is filled with something other than 0."""
    years = {name: int(match[1]) for name in raw.columns if (match := re.fullmatch(pattern, str(name)))}
    if not years:
        raise InputError(
            Problem("[impact.programme] start_columns", f"no column like {pattern!r}", "columns by year")
        )
    start = pd.Series(np.nan, index=raw.index)
    for name, year in sorted(years.items(), key=lambda pair: -pair[1]):
        text = raw[name].astype(str).str.strip()
        filled = raw[name].notna() & ~text.isin(["", "0", "0.0", "nan", "None"])
        start = start.where(~filled, year)
    return start


def _years(outcome: Any, section: ImpactSection) -> list[int]:
    known = sorted(set(outcome["year"]))
    first, last = section.first_year or known[0], section.last_year or known[-1]
    wanted = list(range(first, last + 1))
    absent = [year for year in wanted if year not in known]
    if absent or len(wanted) < 3:
        found = f"no outcome in {', '.join(map(str, absent[:_SHOWN]))}" if absent else f"{len(wanted)} years"
        raise InputError(
            Problem(
                "[impact] years", found, "an outcome in each of three or more years", "set first_year and last_year"
            )
        )
    return wanted


def _complete(wide: Any, units: _Units, notices: list[Problem]) -> list[str]:
    """Return the units with an outcome in each year and a place, in order of their codes."""
    placed = set(units.frame["unit"])
    lost = sorted(set(wide.index) - placed)
    if lost:
        found = f"{len(lost)} units without a place: {', '.join(lost[:_SHOWN])}"
        notices.append(Problem("outcome", found, f"units of {units.where}", "they are left out"))
    known = wide[wide.index.isin(placed)]
    gaps = sorted(known.index[known.isna().any(axis=1)])
    if gaps:
        found = f"{len(gaps)} units without an outcome in some year: {', '.join(gaps[:_SHOWN])}"
        notices.append(
            Problem("outcome", found, "an outcome in each year", "they are left out; absent is not zero")
        )
    kept = sorted(known.index[known.notna().all(axis=1)])
    if not kept:
        raise InputError(
            Problem("outcome", "no unit with a place and an outcome in each year", "units", "see codes")
        )
    return kept


def _aligned(
    read: Any, one: Any, kept: list[str], years: list[int], problems: list[Problem], notices: list[Problem]
) -> NDArray[np.float64]:
    """Return a series for each unit and year of the panel, in its order."""
    wide = read.pivot(index="unit", columns="year", values="value").reindex(index=kept, columns=years)
    there = set(read["year"])
    covered = [year for year in years if year in there]
    if one.absent_is_zero:
        wide[covered] = wide[covered].fillna(0.0)
    absent = [year for year in years if year not in covered]
    if absent and one.years_absent_are_zero:
        wide[absent] = 0.0
        told = f"no number for {', '.join(map(str, absent))}"
        notices.append(
            Problem(f"series {one.name}", told, "the years of the panel", "they stand as zero, as declared")
        )
    missing = int(wide.isna().to_numpy().sum())
    if missing:
        problems.append(
            Problem(
                f"[[impact.series]] {one.name}",
                f"{missing} units and years without a number",
                "a number for each unit and year of the panel",
                "set absent_is_zero = true if they are known to have had none, or shorten the panel",
            )
        )
    return np.asarray(wide.to_numpy(dtype=float)).ravel()


def _places(
    units: _Units, kept: list[str], dates: Any, section: ImpactSection, others: list[set[str] | None]
) -> tuple[Any, Any, Any]:
    """Return the sites, the distances to them as far as they matter, and the distance to other programmes."""
    reach = 2 * section.rings_km[-1]
    shapes = units.frame.set_index("unit").geometry
    sites = dates.rename(columns={"unit": "site"})
    pairs = _near(shapes.loc[kept], shapes.loc[list(sites["site"])], reach)
    codes = set().union(*(known for known in others if known)) - set(sites["site"])
    elsewhere = [code for code in shapes.index if code in codes]
    near = _near(shapes.loc[kept], shapes.loc[elsewhere], reach)
    nearest = near.groupby("unit")["distance_km"].min().reindex(kept).to_numpy()
    return sites, pairs, nearest


def _near(units: Any, sites: Any, reach_km: float) -> Any:
    """Return unit, site and distance in km of all pairs up to a distance, by border."""
    left, right = np.asarray(units.values), np.asarray(sites.values)
    if not len(right):
        return pd.DataFrame({"unit": [], "site": [], "distance_km": []})
    at_site, at_unit = shapely.STRtree(left).query(right, predicate="dwithin", distance=reach_km * 1000)
    found = pd.DataFrame(
        {
            "unit": units.index.to_numpy()[at_unit],
            "site": sites.index.to_numpy()[at_site],
            "distance_km": shapely.distance(left[at_unit], right[at_site]) / 1000,
        }
    )
    return found.sort_values(["unit", "site"], ignore_index=True)
