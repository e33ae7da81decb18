"""The frame in its smallest parts, as the disclosure rules look at it: made from rasters, read back from tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely

from aoi.membership import zone_of_cells
from aoi.zones import ZoneLayer, stack
from geo.errors import DisclosureError, InputError, Problem
from geo.files import sha256, write_text
from geo.grid import cell_centres, cells_at
from geo.legend import Legend
from geo.raster import read_on_grid
from geo.vector import read_layer
from maps.disclosure.contribution import Atoms, atoms_of, patches, split_key, with_households
from maps.disclosure.pattern import Decision, Places, require_nesting
from maps.disclosure.policy import TierRules, tier_rules
from maps.disclosure.quadtree import members
from maps.disclosure.tier import Tier
from monitor.context import Context
from monitor.released import AD_PREFIX, programme_domains
from monitor.tables import SurveyTables, read_csv, read_tables, write_csv

__all__ = ["Surroundings", "gather", "land_of", "read_surroundings", "rules_of", "write_surroundings"]

M_PER_KM = 1000.0
_MOST_LAYERS = 60  # bits of a place
_CODE = {"unit": "adm_code"}
_TABLES = ("atoms", "strata", "sampled", "seen", "patches")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surroundings:
    """Everything that the rules and the figures of cells are made from."""

    places: Places
    """The smallest parts and their fields."""
    tables: dict[str, pd.DataFrame]
    """The same as tables, with the strata and the seen land of each part and the part of each sample unit."""


def rules_of(context: Context) -> dict[Tier, TierRules]:
    """Return the rules of both tiers as the survey sets them."""
    section = context.survey.disclosure
    programme = tier_rules(Tier.PROGRAMME, section.programme.model_dump())
    public = tier_rules(Tier.PUBLIC, section.public.model_dump())
    require_nesting(programme, public)
    return {Tier.PROGRAMME: programme, Tier.PUBLIC: public}


def gather(context: Context) -> Surroundings:
    """Part the frame by cells, units and layers, and find the fields that the maps show in every part.

    Raises
    ------
    InputError
        If the households have no place in the frame.
    """
    frame, base_km = context.frame, rules_of(context)[Tier.PROGRAMME].cell_least_km
    atoms = _atoms(context, base_km)
    series = [(crop, period.name) for crop in context.survey.survey.crops for period in context.compared]
    legend = context.profile.legend
    maps = {p.name: read_on_grid(context.class_map_path(p.name), frame.geobox) for p in context.compared}
    rows = [
        patches(maps[period] == legend.code(crop), atoms.of_cell, np.asarray(frame.cell_area_ha)).assign(
            crop=crop, period=period
        )
        for crop, period in series
    ]
    codes = frame.admin["code"].astype(str).tolist()
    tables = {
        "atoms": atoms.table.assign(unit=[codes[n - 1] for n in atoms.table["unit"]]).rename(columns=_CODE),
        "strata": _strata(context, atoms),
        "sampled": _sampled(read_tables(context.out), atoms),
        "seen": pd.concat(
            [_seen(context, atoms, cells != Legend.NOT_SEEN).assign(period=name) for name, cells in maps.items()],
            ignore_index=True,
        )[["period", "atom", "seen_ha"]],
        "patches": pd.concat(rows, ignore_index=True)[["crop", "period", "patch", "atom", "area_ha"]],
    }
    facts = {
        "units": codes,
        "layers": {name: int(tier) for name, tier, _ in _shown_layers(context)},
        "base_km": base_km,
        "grid": f"{context.frame.geobox.crs}",
        "boundaries": sha256(context.survey.area.admin),
        "series": [list(one) for one in series],
    }
    return Surroundings(places=_places(tables, facts), tables=tables)


def write_surroundings(folder: Path, found: Surroundings) -> None:
    """Write the tables; tier 0, like all of the run folder but its products of tiers 1 and 2."""
    for name in _TABLES:
        write_csv(found.tables[name], folder / f"{name}.csv")
    places = found.places
    facts = {
        "units": list(places.units),
        "layers": {name: int(tier) for name, tier in places.layers.items()},
        "base_km": places.base_km,
        "grid": places.grid,
        "boundaries": places.boundaries,
        "series": [list(one) for one in places.series],
    }
    write_text(folder / "places.json", json.dumps(facts, indent=1, sort_keys=False, ensure_ascii=False) + "\n")


def read_surroundings(folder: Path) -> Surroundings:
    """Read what `write_surroundings` wrote."""
    tables = {name: read_csv(folder / f"{name}.csv") for name in _TABLES}
    facts = json.loads((folder / "places.json").read_text(encoding="utf-8"))
    return Surroundings(places=_places(tables, facts), tables=tables)


def _places(tables: dict[str, pd.DataFrame], facts: dict[str, Any]) -> Places:
    number = {code: index for index, code in enumerate(facts["units"], start=1)}
    atoms = tables["atoms"].assign(unit=[number[str(code)] for code in tables["atoms"]["adm_code"]])
    return Places(
        atoms=atoms,
        patches=tables["patches"],
        units=tuple(facts["units"]),
        layers={name: Tier(tier) for name, tier in facts["layers"].items()},
        base_km=int(facts["base_km"]),
        grid=str(facts["grid"]),
        boundaries=str(facts["boundaries"]),
        series=tuple((str(crop), str(period)) for crop, period in facts["series"]),
    )


def _atoms(context: Context, base_km: int) -> Atoms:
    frame = context.frame
    height, width = frame.geobox.shape
    x, _ = cell_centres(frame.geobox, np.zeros(width, dtype=np.int64), np.arange(width))
    _, y = cell_centres(frame.geobox, np.arange(height), np.zeros(height, dtype=np.int64))
    side = base_km * M_PER_KM
    atoms = atoms_of(
        frame.unit_of_cell,
        _layer_bits(context),
        np.asarray(frame.cell_area_ha),
        (split_key(x, side), split_key(y, side)),
    )
    if context.survey.disclosure.households is None:
        return atoms
    return Atoms(table=with_households(atoms.table, _households(context, atoms)), of_cell=atoms.of_cell)


def _layer_bits(context: Context) -> Any:
    """Return for each cell one bit for every layer that a product of tier 1 or 2 may name."""
    bits = np.zeros(context.frame.geobox.shape, dtype=np.int64)
    shown = _shown_layers(context)
    if len(shown) > _MOST_LAYERS:
        raise DisclosureError(
            Problem(
                "layers of tiers 1 and 2",
                f"{len(shown)} overlays and projects",
                f"at most {_MOST_LAYERS}",
                "set [ad] tier to 0, or release fewer overlays",
            )
        )
    for bit, (name, _, read) in enumerate(shown):
        layer = ZoneLayer(name=name, frame=read(), label="label")
        zones = stack([layer], str(context.frame.geobox.crs))
        bits |= (zone_of_cells(context.frame.geobox, zones) > 0).astype(np.int64) << bit
    return bits


def _shown_layers(context: Context) -> list[tuple[str, Tier, Callable[[], Any]]]:
    """Return the released overlays, and the programme with its projects: name, tier, and how to read each."""
    shown: list[tuple[str, Tier, Callable[[], Any]]] = [
        (entry.name, Tier(entry.tier), partial(context.read_overlay, index))
        for index, entry in enumerate(context.survey.overlay)
        if entry.tier
    ]
    section = context.survey.ad
    if section is None or not section.tier:
        return shown
    from monitor.steps.programme import project_layers

    domains = programme_domains(context.out)["domain"]
    layers = project_layers(context, domains)
    return shown + [
        (AD_PREFIX + name, Tier(section.tier), partial(_one_shape, own)) for name, own in layers.items()
    ]


def _one_shape(areas: Any) -> Any:
    """Return areas as one polygon, as the estimates of a project take them."""
    shape = shapely.union_all(np.asarray(areas.geometry.values))
    return geopandas.GeoDataFrame({"label": ["areas"]}, geometry=[shape], crs=areas.crs)


def _households(context: Context, atoms: Atoms) -> dict[int, int]:
    path = context.survey.disclosure.households
    assert path is not None
    points = read_layer(path, geometry="point").to_crs(str(context.frame.geobox.crs))
    coordinates = points.geometry.get_coordinates()
    rows, cols = cells_at(context.frame.geobox, coordinates["x"].to_numpy(), coordinates["y"].to_numpy())
    height, width = atoms.of_cell.shape
    there = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    found = atoms.of_cell[rows[there], cols[there]]
    found = found[found >= 0]
    if not found.size:
        raise InputError(
            Problem(
                f"{path} (households)",
                "no point inside the area frame",
                "the households of the frame",
                "check the coordinate reference system, or take [disclosure] households out",
            )
        )
    atom, count = np.unique(found, return_counts=True)
    return dict(zip(atom.tolist(), count.tolist(), strict=True))


def _strata(context: Context, atoms: Atoms) -> pd.DataFrame:
    """Return units of the population of each stratum in each part."""
    names = read_csv(context.out / "frame" / "strata.csv")["stratum"].tolist()
    stratum = read_on_grid(context.out / "frame" / "strata.tif", context.frame.geobox).astype(np.int64)
    inside = (stratum > 0) & (atoms.of_cell >= 0)
    pair = (stratum[inside] - 1) * len(atoms.table) + atoms.of_cell[inside]
    sizes = np.bincount(pair)
    held = np.flatnonzero(sizes)
    return pd.DataFrame(
        {
            "stratum": [names[code] for code in held // len(atoms.table)],
            "atom": held % len(atoms.table),
            "size": sizes[held],
        }
    )


def _sampled(tables: SurveyTables, atoms: Atoms) -> pd.DataFrame:
    units = tables.units
    part = atoms.of_cell[units["row"].to_numpy(dtype=np.int64), units["col"].to_numpy(dtype=np.int64)]
    return pd.DataFrame({"unit_id": units["unit_id"].to_numpy(), "atom": part})


def _seen(context: Context, atoms: Atoms, seen: Any) -> pd.DataFrame:
    inside = (atoms.of_cell >= 0) & seen
    areas = np.broadcast_to(context.frame.cell_area_ha, inside.shape)[inside]
    held = np.bincount(atoms.of_cell[inside], weights=areas, minlength=len(atoms.table))
    return pd.DataFrame({"atom": np.arange(len(held)), "seen_ha": held})


def land_of(places: Places, decisions: Iterable[Decision]) -> dict[str, float]:
    """Return the land of every place in hectares, and of the rest of each layer."""
    atoms = places.atoms
    land = atoms["land_ha"].to_numpy()
    whole = float(land.sum())
    by_unit = np.bincount(atoms["unit"].to_numpy(), weights=land, minlength=len(places.units) + 1)[1:]
    result = {f"unit:{code}": float(area) for code, area in zip(places.units, by_unit, strict=True)}
    for bit, name in enumerate(places.layers):
        inside = float(land[(atoms["zone"].to_numpy() >> bit & 1) == 1].sum())
        result |= {f"layer:{name}": inside, f"rest:{name}": whole - inside}
    for decision in decisions:
        areas = members(decision.leaves, atoms, places.base_km) @ land
        result |= {f"cell:{cell.name}": float(a) for cell, a in zip(decision.leaves, areas, strict=True)}
    return result
