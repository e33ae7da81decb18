"""The zones of a survey as tables, so that their figures can be made again from the run folder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from monitor.figures import FRAME, Domain, frame_domain
from monitor.tables import SurveyTables, read_csv, write_csv

__all__ = ["read_zones", "write_zones"]

_DOMAINS, _UNITS = "zone_domains.csv", "zone_units.csv"


def write_zones(tables: SurveyTables, groups: Mapping[str, Sequence[Domain]], folder: Path) -> None:
    """Write the domains of each table of zones, and the sample units that lie in them.

    Parameters
    ----------
    tables
        The sample.
    groups
        Name of the table, such as ``zones``, to its domains. The frame holds every unit, and lists none.
    folder
        Where ``zone_domains.csv`` and ``zone_units.csv`` go.
    """
    ids = tables.units["unit_id"].to_numpy()
    domains, units = [], []
    for name, places in groups.items():
        for place in places:
            domains.append((name, place.code, place.name, place.area_ha))
            own = [] if place.code == FRAME else ids[place.inside].tolist()
            units += [(name, place.code, unit) for unit in own]
    write_csv(pd.DataFrame(domains, columns=["zone_table", "domain", "domain_name", "area_ha"]), folder / _DOMAINS)
    write_csv(pd.DataFrame(units, columns=["zone_table", "domain", "unit_id"]), folder / _UNITS)


def read_zones(tables: SurveyTables, folder: Path) -> dict[str, list[Domain]]:
    """Return the domains of each table of zones as they were written; empty where there are no zones."""
    if not (folder / _DOMAINS).is_file():
        return {}
    domains, units = read_csv(folder / _DOMAINS), read_csv(folder / _UNITS)
    members = {key: set(own["unit_id"]) for key, own in units.groupby(["zone_table", "domain"])}
    ids = tables.units["unit_id"]
    found: dict[str, list[Domain]] = {}
    for row in domains.to_dict("records"):
        name, code, title = row["zone_table"], row["domain"], str(row["domain_name"])
        inside = ids.isin(members.get((name, code), set())).to_numpy()
        own = Domain(code=code, name=title, inside=inside, area_ha=float(row["area_ha"]))
        found.setdefault(name, []).append(frame_domain(tables, title) if code == FRAME else own)
    return found
