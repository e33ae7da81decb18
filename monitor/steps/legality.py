"""Step ``legality``: cultivation by legal zone at each reference date: authorised, not, and undetermined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.legality.rule import EVERYWHERE, LegalRule, valid_on
from aoi.membership import cell_areas_by_zone, zone_of_cells
from aoi.zones import ZoneLayer, stack
from geo.errors import Problem, SurveyFileError
from monitor.context import Context, Progress
from monitor.law import read_law, zone_problems
from monitor.legal import ZONE_COLUMNS, legal_rows
from monitor.sections import NO_ZONE, LegalitySection
from monitor.steps.estimate import interval_method, period_facts
from monitor.tables import read_tables, write_csv

__all__ = ["legality"]


def legality(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``overlay/legality.csv`` and the zones and units it is made from."""
    section = _section(context)
    law, tables = read_law(section), read_tables(context.out)
    problems = list(zone_problems(section, law, context.survey.overlay))
    if problems:
        raise SurveyFileError(problems)
    zones: list[dict[str, Any]] = []
    units: list[pd.DataFrame] = []
    for crop in context.survey.survey.crops:
        for period in context.compared:
            rules = [
                rule for rule in valid_on(law.rules, crop, period.reference_date)
                if rule.zone == EVERYWHERE or rule.zone in section.zones
            ]  # fmt: skip
            head = {"crop": crop, "period": period.name}
            places, cells = _cells(context, section, rules)
            areas = cell_areas_by_zone(cells, context.frame.geobox, len(places), context.frame.inside)
            names = np.array([NO_ZONE, *(rule.zone for rule in places)])
            found = [*((rule, areas[at]) for at, rule in enumerate(places, start=1)), (None, areas[0])]
            zones += [head | _zone_row(rule, float(area)) for rule, area in found if rule is not None or area > 0]
            inside = cells[tables.units["row"], tables.units["col"]]
            units.append(pd.DataFrame({**head, "unit_id": tables.units["unit_id"], "zone": names[inside]}))
    table, placed = pd.DataFrame(zones, columns=list(ZONE_COLUMNS)), pd.concat(units, ignore_index=True)
    rows = legal_rows(
        tables,
        table,
        placed,
        period_facts(context),
        method=interval_method(context),
        level=context.survey.estimate.level,
    )
    folder = staging / "overlay"
    write_csv(rows, folder / "legality.csv")
    write_csv(table, folder / "legal_zones.csv")
    write_csv(placed, folder / "legal_units.csv")
    progress(1, 1)
    left_out = [name for name in law.zones if name not in section.zones]
    notes = [f"law: zones without a place, whose rules are not applied: {', '.join(left_out)}"] if left_out else []
    return {"law": law.title, "notes": [*_notes(rows), *notes]}


def _section(context: Context) -> LegalitySection:
    section = context.survey.legality
    assert section is not None
    return section


def _cells(
    context: Context, section: LegalitySection, rules: Sequence[LegalRule]
) -> tuple[list[LegalRule], NDArray[np.uint16]]:
    """Return the rules that own ground and, of each cell, the place of its rule among them, from 1; 0 for none."""
    frame = context.frame
    placed = [rule for rule in rules if rule.zone != EVERYWHERE]
    rest = [rule for rule in rules if rule.zone == EVERYWHERE]
    cells: NDArray[np.uint16] = np.zeros(frame.geobox.shape, dtype=np.uint16)
    if placed:
        layers = [
            ZoneLayer(name=f"{at}", frame=_ground(context, section.zones[rule.zone]), label="label")
            for at, rule in enumerate(placed)
        ]
        zones = stack(layers, str(frame.geobox.crs))
        rank = np.array([0, *(zones.frame["layer"].astype(int) + 1)], dtype=np.uint16)
        cells = rank[zone_of_cells(frame.geobox, zones)]
    if rest:
        cells = np.where(cells == 0, len(placed) + 1, cells).astype(np.uint16)
    return [*placed, *rest[:1]], np.where(frame.inside, cells, 0).astype(np.uint16)


def _ground(context: Context, place: str) -> Any:
    """Return the polygons of an overlay, or those of one of its labels."""
    name, _, label = place.partition(":")
    index = next(at for at, overlay in enumerate(context.survey.overlay) if overlay.name == name)
    layer = context.read_overlay(index)
    if not label:
        return layer
    own = layer[layer["label"].astype(str) == label]
    if own.empty:
        known = ", ".join(sorted(set(layer["label"].astype(str)))[:10])
        raise SurveyFileError(
            Problem("[legality.zones]", f"{place!r}", f"a label of {name}: {known}", "correct it")
        )
    return own


def _zone_row(rule: LegalRule | None, area_ha: float) -> dict[str, Any]:
    if rule is None:
        return {"zone": NO_ZONE, "area_ha": area_ha}
    names = ("zone", "legal_basis", "cap_ha", "registered_ha", "authority", "source", "mark")
    return {name: getattr(rule, name) for name in names} | {
        "class": rule.legal_class.value,
        "valid_from": rule.valid_from.isoformat(),
        "valid_to": _day(rule.valid_to),
        "area_ha": area_ha,
    }


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _notes(rows: pd.DataFrame) -> Iterator[str]:
    """Say the four totals of each crop and period."""
    for (crop, period), own in rows[rows["zone"] == ""].groupby(["crop", "period"], sort=False):
        flags = own["flags"].iloc[0]
        level = f"{'nominal ' if flags else ''}{100 * own['level'].iloc[0]:g} % interval"
        parts = [
            f"{str(row['part']).replace('_', ' ')} {row['value_ha']:,.0f} ha "
            f"({level} {row['lo_ha']:,.0f} to {row['hi_ha']:,.0f} ha)"
            for _, row in own.iterrows()
        ]
        yield f"{crop} {period}, by the law of its reference date: {'; '.join(parts)}" + (
            f" [{flags}]" if flags else ""
        )
