"""Step ``ad``: cultivation in the areas of the programme, and the indicators of its records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from aoi.eradication import operation_summary
from aoi.membership import cell_areas_by_zone, zone_of_cells
from aoi.project.access import access_facts, access_rows
from aoi.project.finding import Finding
from aoi.project.ground import counted_areas
from aoi.project.indicator import PROGRAMME, FactSheet
from aoi.project.programme import Programme
from aoi.project.replanting import validation_table
from aoi.project.rights import rights_rows
from aoi.zones import ZoneLayer, stack
from geo.areas import polygon_areas_ha
from geo.errors import Problem
from geo.files import write_text
from monitor.borders import STRIP, strips_of
from monitor.context import Context, Progress
from monitor.facts import write_facts
from monitor.figures import FRAME, change_rows, estimate_rows
from monitor.indicators import write_part
from monitor.kept_shapes import OPERATIONS, write_shapes
from monitor.programme import (
    ProgrammeSettings,
    access_json,
    as_json,
    cultivation_indicators,
    domains_of,
    indicator_rows,
    record_indicators,
    told_change,
)
from monitor.programme_tables import code_lists, programme_of, programme_parameters, programme_section
from monitor.steps.access import Access, access_of
from monitor.steps.estimate import interval_method, period_facts
from monitor.tables import SurveyTables, read_tables, write_csv

__all__ = ["programme", "project_layers"]

PREVENTIVE = "preventive"
CHANGE = (
    "crop", "from", "to", "domain", "difference_ha", "se_ha", "lo_ha", "hi_ha", "p_value", "verdict", "method",
    "level", "flags",
)  # fmt: skip
DOMAINS = (
    "domain", "domain_name", "kind", "areas", "left_out", "ground_ha", "frame_ha", "ad_ha", "preventive_areas",
    "first_announcement",
)  # fmt: skip


def programme(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write the programme's areas, estimates and findings to ``overlay/`` and its indicators to ``indicators/``."""
    found, section = programme_of(context), programme_section(context)
    tables, folder, level = read_tables(context.out), staging / "overlay", context.survey.estimate.level
    domains, units = _domains(context, found, tables)
    places = domains_of(tables, domains, units)
    crops, method = context.survey.survey.crops, interval_method(context)
    estimates = estimate_rows(tables, crops, period_facts(context), places, method=method, level=level)
    change = _change(context, tables, places)
    settings = ProgrammeSettings(
        replanting_years=programme_parameters(section)["replanting.years"].value,
        lot_size_cuts_ha=tuple(section.lot_size_cuts_ha),
        lonely=section.lonely,
        level=level,
        principles=tuple(code_lists(section).codes["guiding_principle"].codes),
    )
    findings = [
        *found.findings,
        *_unseen_findings(found, domains),
        *_baseline_findings(context, found),
        *_preventive_findings(estimates),
    ]
    access = access_of(context, found)
    made = [
        *cultivation_indicators(tables, domains, units, estimates, change),
        *record_indicators(found.tables, settings, code_lists(section)),
        *rights_rows(found.tables["areas"], findings),
        *access_rows(access.table, access.reach, lacking=access.lacking),
    ]
    write_csv(domains, folder / "ad_domains.csv")
    write_csv(units, folder / "ad_units.csv")
    write_csv(estimates, folder / "ad_estimates.csv")
    write_csv(change, folder / "ad_change.csv")
    write_csv(_finding_rows(findings), folder / "ad_findings.csv")
    write_csv(operation_summary(found.tables["eradication"], found.eradication), folder / "eradication.csv")
    write_shapes(found.eradication[["event_id", found.eradication.geometry.name]], staging, OPERATIONS)
    validation = validation_table(
        found.tables["eradication"], cuts_ha=section.lot_size_cuts_ha, lonely=section.lonely, level=level
    )
    write_csv(validation, folder / "validation.csv")
    write_text(folder / "ad_tables.json", as_json(found.tables, settings))
    write_part(indicator_rows(made), staging, "ad")
    write_csv(access.table, folder / "ad_access.csv")
    write_text(folder / "ad_access.json", access_json(access.reach, access.lacking))
    write_facts(
        [*made, *_estimate_facts(context, domains, estimates), *_access_facts(context, access)], staging, "ad"
    )
    progress(1, 1)
    return {"notes": list(_notes(findings, change)), "projects": len(found.tables["projects"])}


def project_layers(context: Context, domains: Iterable[str]) -> dict[str, Any]:
    """Return the areas of the programme and of each project, as the estimates count them."""
    areas = counted_areas(programme_of(context).areas)
    wanted = set(domains)
    layers = {PROGRAMME: areas} if PROGRAMME in wanted else {}
    return layers | {str(code): own for code, own in areas.groupby("project_id", sort=True) if code in wanted}


def _domains(context: Context, found: Programme, tables: SurveyTables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the domains with their true ground, and the units of the sample inside each."""
    geobox, inside = context.frame.geobox, context.frame.inside
    areas = counted_areas(found.areas)
    titles = dict(zip(found.tables["projects"]["project_id"], found.tables["projects"]["title"], strict=True))
    parts: list[tuple[str, str, str, Any]] = [(PROGRAMME, "All areas of the programme", "programme", areas)]
    parts += [(code, titles[code], "project", own) for code, own in areas.groupby("project_id", sort=True)]
    if (areas["preventive_ad"] == "yes").any():
        own = areas[areas["preventive_ad"] == "yes"]
        parts.append((PREVENTIVE, "Areas of preventive alternative development", "preventive", own))
    strips = _strips(context)
    parts += [(f"{STRIP}{name}", f"Border strip of {name}", "border", own) for name, own in strips]
    whole = float(tables.strata["area_ha"].sum())
    rows = [{"domain": FRAME, "domain_name": context.survey.survey.title, "kind": FRAME, "frame_ha": whole}]
    members = []
    for code, name, kind, own in parts:
        if not len(own):
            continue
        shape = geopandas.GeoDataFrame(
            {"label": [code]}, geometry=[shapely.union_all(np.asarray(own.geometry.values))], crs=own.crs
        )
        cells = _cells(context, shape)
        frame_ha = float(cell_areas_by_zone(cells.astype(np.uint16), geobox, 1, inside)[1])
        if not frame_ha > 0:
            continue  # its crop is not zero: nobody looked there
        rows.append(
            {
                "domain": code,
                "domain_name": name,
                "kind": kind,
                "ground_ha": float(polygon_areas_ha(shape).sum()),
                "frame_ha": frame_ha,
            }
            | (_strip_facts(shape, areas) if kind == "border" else _project_facts(found, own))
        )
        held = cells[tables.units["row"], tables.units["col"]]
        members.append(pd.DataFrame({"unit_id": tables.units["unit_id"][held], "domain": code}))
    units = pd.concat(members, ignore_index=True) if members else pd.DataFrame(columns=["unit_id", "domain"])
    table = pd.DataFrame(rows, columns=list(DOMAINS))
    counts = ["areas", "left_out", "preventive_areas"]
    return table.astype(dict.fromkeys(counts, "Int64")), units


def _cells(context: Context, shape: Any) -> NDArray[np.bool_]:
    zones = stack([ZoneLayer(name="one", frame=shape, label="label")], str(context.frame.geobox.crs))
    return np.asarray((zone_of_cells(context.frame.geobox, zones) > 0) & context.frame.inside)


def _project_facts(found: Programme, own: Any) -> dict[str, Any]:
    projects = found.tables["projects"]
    said = projects.loc[projects["project_id"].isin(set(own["project_id"])), "announcement_date"]
    every = found.areas[found.areas["project_id"].isin(set(own["project_id"]))]
    return {
        "areas": len(own),
        "left_out": int((every["geom_method"] == "buffer_of_point").sum()),
        "preventive_areas": int((own["preventive_ad"] == "yes").sum()),
        "first_announcement": str(said.min().date()) if said.notna().any() else "",
    }


def _strips(context: Context) -> list[tuple[str, Any]]:
    strips = strips_of(context)
    return [] if strips is None else [(str(name), own) for name, own in strips.groupby("country", sort=True)]


def _strip_facts(strip: Any, areas: Any) -> dict[str, Any]:
    """Return the ground of the programme's areas in a strip, each bit counted once."""
    ground = (
        shapely.union_all(np.asarray(areas.to_crs(strip.crs).geometry.values)) if len(areas) else shapely.Polygon()
    )
    common = shapely.intersection(strip.geometry.iloc[0], ground)
    return {"ad_ha": float(polygon_areas_ha(geopandas.GeoSeries([common], crs=strip.crs)).sum())}


def _change(context: Context, tables: SurveyTables, places: Any) -> pd.DataFrame:
    names = [period.name for period in context.compared]
    crops = context.survey.survey.crops if len(names) == 2 else []
    rows = change_rows(
        tables,
        crops,
        (names[0], names[-1]),
        places,
        method=interval_method(context),
        level=context.survey.estimate.level,
    )
    return rows if len(rows) else pd.DataFrame(columns=list(CHANGE))


def _preventive_findings(estimates: pd.DataFrame) -> Iterator[Finding]:
    """Flag preventive areas in which the sample does find crop, its interval above zero."""
    for _, row in estimates[(estimates["domain"] == PREVENTIVE) & (estimates["lo_ha"] > 0)].iterrows():
        problem = Problem(
            "areas preventive_ad",
            f"{row['crop']} in preventive areas in {row['period']}: {row['value_ha']:,.1f} ha "
            f"({100 * row['level']:g} % interval {row['lo_ha']:,.1f} to {row['hi_ha']:,.1f} ha)",
            "areas without cultivation so far",
            "they are no longer preventive",
        )
        yield Finding("flag", "preventive_ad", problem)


def _unseen_findings(found: Programme, domains: pd.DataFrame) -> Iterator[Finding]:
    """Warn of projects whose areas have no ground in the frame, and so no figure of cultivation."""
    seen = set(domains["domain"].astype(str))
    for code in sorted(set(counted_areas(found.areas)["project_id"]) - seen):
        problem = Problem(
            f"areas of project {code}",
            "no ground inside the area frame",
            "ground that the survey looks at",
            "it has no figure of cultivation, which is not zero",
        )
        yield Finding("warning", "outside_frame", problem)


def _baseline_findings(context: Context, found: Programme) -> Iterator[Finding]:
    """Warn of projects announced before the baseline: plantings in expectation of them are in it already."""
    baseline = context.survey.role("baseline")
    if baseline is None:
        return
    projects = found.tables["projects"]
    for code, day in zip(projects["project_id"], projects["announcement_date"], strict=True):
        if day.date() <= baseline.reference_date:
            problem = Problem(
                f"projects {code} announcement_date",
                f"{day.date()}, not after the baseline of {baseline.reference_date}",
                "a baseline before the first public word",
                "growers may have planted for the announcement: take an earlier baseline to compare with",
            )
            yield Finding("warning", "baseline_before_announcement", problem)


def _finding_rows(findings: list[Finding]) -> pd.DataFrame:
    rows = [
        {
            "severity": one.severity,
            "check": one.rule,
            "where": one.problem.where,
            "found": one.problem.found,
            "expected": one.problem.expected,
            "remedy": one.problem.remedy,
        }
        for one in findings
    ]
    return pd.DataFrame(rows, columns=["severity", "check", "where", "found", "expected", "remedy"])


def _estimate_facts(context: Context, domains: pd.DataFrame, estimates: pd.DataFrame) -> Iterator[FactSheet]:
    """Yield the facts of the indicators made from the sample."""
    days = [period.reference_date.isoformat() for period in context.compared]
    last = estimates[estimates["period"] == context.compared[-1].name].drop_duplicates("domain")
    drawn = dict(zip(last["domain"].astype(str), last["n"], strict=True))
    for _, row in domains.iterrows():
        code, kind = str(row["domain"]), row["kind"]
        names = {"programme": ("A1", "A5"), "project": ("A1",), PREVENTIVE: ("A1",), "border": ("A19",)}
        for name in names.get(kind, ()):
            yield FactSheet(
                indicator=name,
                domain=code,
                n=int(drawn[FRAME if name == "A5" else code]),
                unit="units of the sample",
                first_date=days[0],
                last_date=days[-1],
                places=str(row["domain_name"]),
                sources=context.survey.survey.source,
            )


def _access_facts(context: Context, access: Access) -> Iterator[FactSheet]:
    """Yield the facts of A9, which stand like those of the sample: verification has no files to see them in."""
    days = [period.reference_date.isoformat() for period in context.compared]
    yield from access_facts(
        access.table, sources=access.sources, first_date=days[0], last_date=days[-1], note=access.note
    )


def _notes(findings: list[Finding], change: pd.DataFrame) -> Iterator[str]:
    yield from told_change(change, [PROGRAMME])
    counts = {name: sum(one.severity == name for one in findings) for name in ("warning", "flag")}
    if any(counts.values()):
        yield (
            f"programme tables: warnings {counts['warning']}, open conflicts {counts['flag']}; "
            "see overlay/ad_findings.csv"
        )
