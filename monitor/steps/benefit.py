"""Step ``benefit``: harms by cell and year inside the programme's areas and far from them.

What is counted is clearing of forest whatever it was for, since a programme may clear as well as spare; only the
load of contamination follows the crop. `monitor.benefit` makes the figures.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from aoi.harm.attribution import cover_before
from aoi.harm.species import habitat_mask
from aoi.impact.group_time import NEVER
from aoi.membership import zone_of_cells
from aoi.project.ground import counted_areas
from aoi.project.programme import Programme
from aoi.zones import ZoneLayer, Zones, stack
from geo.areas import require_area_crs
from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.files import write_text
from monitor.benefit import HARMS, MATCHED, benefit_facts, benefit_indicators, read_benefits
from monitor.context import Context, Progress
from monitor.facts import write_facts
from monitor.harms.footprint import Cells, Scene, open_maps, read_cells
from monitor.harms.ground import open_ground
from monitor.harms.ground_water import lacking_inputs
from monitor.harms.history import BURNING
from monitor.harms.settings import factor_records, factors_of
from monitor.harms.soil import STOCK
from monitor.harms.water import cleared_potential, loads_of
from monitor.indicators import write_part
from monitor.programme_tables import programme_of, programme_parameters
from monitor.sections import HarmSection
from monitor.steps.harm import scenes_of

__all__ = ["co_benefits"]

_EXACT = 1e9
_LEAST_GROUND = 0.5
"""Share of a cell inside the frame below which it is no unit: half a cell at the edge is no whole one."""
_PROTECTED = ("protected", "indigenous", "community", "forest_reserve")
_NEIGHBOURS = 5
_FIRST_YEAR = 2001
"""First year of the map of forest loss."""
_CODES = 2**20
"""More than there are codes of units or areas."""
_OUTCOMES = ("loss_ha", "potential_t", "soil_t", "habitat_ha", "biomass_low_t", "biomass_high_t")

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def co_benefits(context: Context, staging: Path, progress: Progress) -> Mapping[str, Any]:
    """Write ``indicators/benefit_*``, the rows of A17 and their facts."""
    section = context.survey.harm
    assert section is not None
    require_area_crs(context.frame.geobox.crs, where="frame")
    found = programme_of(context)
    folder = staging / "indicators"
    folder.mkdir(parents=True, exist_ok=True)
    with open_ground(section, context.frame.geobox) as ground:
        scene = [one for one in scenes_of(context, section, ground) if one.crop == context.survey.survey.crops[0]][
            -1
        ]
        gathered = _Gathered(scene, found)
        gathered.read(progress)
        tables = {"cells": gathered.cells(), "panel": gathered.panel(), "crop": gathered.crop_panel()}
        settings = gathered.settings(section)
    for name, table in tables.items():
        table.to_csv(folder / f"benefit_{name}.csv", index=False, float_format="%.17g", lineterminator="\n")
    write_text(folder / "benefit.json", json.dumps(settings, indent=1, ensure_ascii=False) + "\n")
    made = read_benefits(folder)  # what is told can be made again from what is written
    rows = benefit_indicators(made)
    write_part(rows, staging, "benefit")
    sources = "; ".join(dict.fromkeys(entry.path.name for entry in section.input))
    write_facts(benefit_facts(made, sources), staging, "benefit")
    told = rows.groupby("state").size().to_dict()
    return {"rows": len(rows), "states": {str(key): int(value) for key, value in told.items()}}


class _Gathered:
    """What one pass over the blocks adds up, in whole numbers, so that it is the same whatever the blocks."""

    def __init__(self, scene: Scene, found: Programme) -> None:
        self.scene, self.found = scene, found
        geobox = scene.context.frame.geobox
        self.numbers = programme_parameters(_ad(scene.context))
        self.cell_m = float(abs(geobox.transform.a))
        self.side = max(1, round(self.numbers["benefit.cell_km"].value * 1000 / self.cell_m))
        self.shape = (-(-geobox.shape[0] // self.side), -(-geobox.shape[1] // self.side))
        self.size = self.shape[0] * self.shape[1]
        self.years = list(range(_FIRST_YEAR, scene.year + 1))
        self.dates, self.zones = _dated_areas(found, str(geobox.crs))
        self.sums: dict[str, IntArray] = {}
        self.yearly: dict[str, IntArray] = {}
        self.tallies: dict[str, dict[tuple[int, int], int]] = {name: defaultdict(int) for name in ("unit", "area")}
        self.crop: dict[int, IntArray] = {}
        self.lacking: dict[str, str] = {}

    def read(self, progress: Progress) -> None:
        """Read every block, then the ground of erosion, which needs the flow of the whole grid."""
        scene = self.scene
        shape = scene.context.frame.geobox.shape
        cleared = np.zeros(shape, dtype=bool)
        parts = list(blocks((shape[0], shape[1]), BLOCK_SIZE))
        with ExitStack() as open_files:
            maps = open_maps(scene, open_files)
            for done, block in enumerate(parts, start=1):
                cleared[block.slices] = self._add(block, read_cells(scene, maps, block))
                progress(done, len(parts) + 1)
        self._add_erosion(cleared)
        progress(len(parts) + 1, len(parts) + 1)

    def _coarse(self, block: Block) -> IntArray:
        rows = (np.arange(block.row, block.row + block.height) // self.side)[:, None]
        cols = (np.arange(block.col, block.col + block.width) // self.side)[None, :]
        return np.asarray(rows * self.shape[1] + cols, dtype=np.int64)

    def _sum(self, name: str, cell: IntArray, values: FloatArray) -> None:
        held = self.sums.setdefault(name, np.zeros(self.size, dtype=np.int64))
        np.add.at(held, cell, np.rint(values * _EXACT).astype(np.int64))

    def _sum_yearly(self, name: str, cell: IntArray, year: IntArray, values: FloatArray) -> None:
        held = self.yearly.setdefault(name, np.zeros((self.size, len(self.years)), dtype=np.int64))
        np.add.at(held, (cell, year - _FIRST_YEAR), np.rint(values * _EXACT).astype(np.int64))

    def _tally(self, name: str, cell: IntArray, code: IntArray, area: FloatArray) -> None:
        keys, index = np.unique(cell * _CODES + code, return_inverse=True)
        sums = np.zeros(keys.size, dtype=np.int64)
        np.add.at(sums, index.ravel(), np.rint(area * _EXACT).astype(np.int64))
        held = self.tallies[name]
        for key, value in zip(keys.tolist(), sums.tolist(), strict=True):
            held[key // _CODES, key % _CODES] += value

    def _add(self, block: Block, cells: Cells) -> NDArray[np.bool_]:
        """Add a block to all sums; return its forest that was cleared within the years."""
        scene = self.scene
        inside = cells.inside
        coarse, area = np.broadcast_to(self._coarse(block), inside.shape), self._area(block, inside.shape)
        at = coarse[inside]
        self._sum("ground_ha", at, area[inside])
        self._sum("pixels", at, np.ones(at.size))
        self._sum("forest_ha", at, (area * cells.forest)[inside])
        if "elevation" in cells.values:
            self._sum("height", at, cells.values["elevation"][inside] / 1000)
        self._tally("unit", at, cells.codes[0][inside].astype(np.int64), area[inside])
        self._sum("protected_ha", at, (area * self._protected(cells))[inside])
        self._add_areas(block, coarse, area, inside)
        geobox = scene.context.frame.geobox[block.slices]
        for year, seen in scene.history.seen(geobox).items():
            drawn = seen & inside
            held = self.crop.setdefault(year, np.zeros(self.size, dtype=np.int64))
            np.add.at(held, coarse[drawn], np.rint(area[drawn] * _EXACT).astype(np.int64))
        lost = cells.forest & (cells.loss >= _FIRST_YEAR) & (cells.loss <= scene.year)
        self._add_losses(block, cells, lost, coarse[lost], area[lost])
        return lost

    def _area(self, block: Block, shape: tuple[int, ...]) -> FloatArray:
        return np.broadcast_to(self.scene.context.frame.cell_area_ha[block.slices], shape)

    def _protected(self, cells: Cells) -> NDArray[np.bool_]:
        found = np.zeros(cells.inside.shape, dtype=bool)
        for entry, part in zip(self.scene.context.survey.overlay, cells.codes[1:], strict=False):
            if entry.kind in _PROTECTED:
                found |= part > 0
        return found

    def _add_areas(self, block: Block, coarse: IntArray, area: FloatArray, inside: NDArray[np.bool_]) -> None:
        if self.zones is None:
            return
        with BURNING:
            codes = zone_of_cells(self.scene.context.frame.geobox[block.slices], self.zones)
        ours = inside & (codes > 0)
        self._tally("area", coarse[ours], codes[ours].astype(np.int64), area[ours])

    def _add_losses(
        self, block: Block, cells: Cells, lost: NDArray[np.bool_], cell: IntArray, area: FloatArray
    ) -> None:
        scene, year = self.scene, cells.loss[lost]
        self._sum_yearly("loss_ha", cell, year, area)
        if "cci_agb" in cells.values:
            stock = np.nan_to_num(cells.values["cci_agb"][lost])
            high = stock >= scene.factors["root_split"].value
            self._sum_yearly("biomass_low_t", cell, year, area * stock * ~high)
            self._sum_yearly("biomass_high_t", cell, year, area * stock * high)
        if STOCK in cells.values:
            self._sum_yearly("soil_t", cell, year, area * np.nan_to_num(cells.values[STOCK][lost]))
        if scene.ranges and cells.covers and "elevation" in cells.values:
            self._sum_yearly("habitat_ha", cell, year, area * self._habitat(block, cells, lost))

    def _habitat(self, block: Block, cells: Cells, lost: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Say which cleared pixels were habitat of any species, by the cover before they were cleared."""
        scene = self.scene
        geobox = scene.context.frame.geobox[block.slices]
        before = cover_before(cells.covers, np.maximum(cells.loss - 1, min(cells.covers)))[lost]
        height, any_of = cells.values["elevation"][lost], np.zeros(int(lost.sum()), dtype=bool)
        for record, held in zip(scene.section.species, scene.ranges, strict=True):
            inside = held.seen(geobox).get(0, np.zeros(lost.shape, dtype=bool))[lost]
            codes = tuple(int(code) for code, cover in scene.section.cover.items() if cover in record.suitable)
            any_of |= habitat_mask(inside, before, codes, height, record.low_m, record.high_m)
        return any_of

    def _add_erosion(self, cleared: NDArray[np.bool_]) -> None:
        """Add R K LS of the cleared ground, t/yr of bare ground, in the year it was cleared."""
        scene = self.scene
        missing = lacking_inputs(scene.ground.has)
        if missing or not cleared.any():
            self.lacking["soil erosion"] = f"no input {', '.join(missing)}" if missing else "no forest was cleared"
            return
        potential = cleared_potential(scene, cleared)
        if isinstance(potential, str):
            self.lacking["soil erosion"] = potential
            return
        shape = cleared.shape
        for block in blocks((shape[0], shape[1]), BLOCK_SIZE):
            here = cleared[block.slices]
            cell = np.broadcast_to(self._coarse(block), here.shape)[here]
            year = self.scene.ground.loss_year(block)[here].astype(np.int64)
            values = potential[block.slices][here] * self._area(block, here.shape)[here]
            self._sum_yearly("potential_t", cell, year, values)

    def cells(self) -> pd.DataFrame:
        """Return the table of cells: ground, role, dates, traits, place."""
        whole_ha = (self.side * self.cell_m) ** 2 / 1e4
        ground = self.sums["ground_ha"] / _EXACT
        kept = np.flatnonzero(ground >= _LEAST_GROUND * whole_ha)
        area, _ = _largest(self.tallies["area"], self.size)
        unit, _ = _largest(self.tallies["unit"], self.size)
        total = np.zeros(self.size)
        for (cell, _), value in sorted(self.tallies["area"].items()):
            total[cell] += value / _EXACT
        ours = (total >= self.numbers["benefit.least_share"].value * ground) & (area > 0)
        dates = self.dates.reindex(area - 1)
        dated = ours & dates["start"].gt(0).to_numpy() & dates["announced"].gt(0).to_numpy()
        x, y, apart = self._places()
        names = self.scene.context.frame.admin["code"].astype(str).to_numpy()
        in_unit = np.array([f"unit {name}" for name in names[np.maximum(unit - 1, 0)]], dtype=object)
        columns = {
            "cell": np.arange(self.size),
            "role": np.where(dated, "programme", np.where(apart > self.clear_km, "control", "none")),
            "cluster": np.where(area > 0, dates["ad_id"].fillna("").radd("area "), in_unit),
            "project": np.where(area > 0, dates["project_id"].fillna(""), ""),
            "start": np.where(dated, dates["start"].fillna(0), NEVER).astype(np.int64),
            "baseline": np.where(dated, dates["announced"].fillna(0) - 1, NEVER).astype(np.int64),
            "area_ha": ground,
            "forest_share": self.sums["forest_ha"] / np.maximum(self.sums["ground_ha"], 1),
            "protected": np.where(self.sums["protected_ha"] >= _LEAST_GROUND * self.sums["ground_ha"], "yes", "no"),
            "ad_share": np.where(ground > 0, total / np.where(ground > 0, ground, 1.0), 0.0),
            "ad_km": apart,
            "x_km": x / 1000,
            "y_km": y / 1000,
        }
        return pd.DataFrame(columns | self._relief()).iloc[kept].reset_index(drop=True)

    @property
    def clear_km(self) -> float:
        """Distance from the areas up to which land is no control."""
        return self.numbers["benefit.clear_km"].value

    def _relief(self) -> dict[str, FloatArray]:
        """Return mean height and the slope of means of each cell, where heights are known."""
        if "height" not in self.sums:
            return {}
        pixels = self.sums["pixels"] / _EXACT
        height = np.where(pixels > 0, self.sums["height"] / _EXACT * 1000 / np.where(pixels > 0, pixels, 1), np.nan)
        plane = height.reshape(self.shape)
        index = ndimage.distance_transform_edt(np.isnan(plane), return_distances=False, return_indices=True)
        filled = plane[tuple(index)]
        rise = np.zeros(self.shape)
        if min(self.shape) > 1:
            rise = np.hypot(*np.gradient(filled, self.side * self.cell_m))
        return {"elevation_m": height, "slope_deg": np.degrees(np.arctan(rise)).ravel()}

    def _places(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the centre of each cell, and its distance to the nearest ground of the programme, km."""
        transform, step = self.scene.context.frame.geobox.transform, self.side * self.cell_m
        row, col = np.divmod(np.arange(self.size), self.shape[1])
        west, north = transform.c + col * step, transform.f - row * step
        shapes = np.zeros(0) if self.zones is None else self.zones.shapes
        if not len(shapes):
            return west + step / 2, north - step / 2, np.full(self.size, np.inf)
        boxes = shapely.box(west, north - step, west + step, north)
        (at, _), apart = shapely.STRtree(shapes).query_nearest(boxes, return_distance=True, all_matches=False)
        found = np.full(self.size, np.inf)
        found[at] = apart / 1000
        return west + step / 2, north - step / 2, found

    def panel(self) -> pd.DataFrame:
        """Return cells and years in which any outcome is not nothing."""
        names = [name for name in _OUTCOMES if name in self.yearly]
        some = np.zeros((self.size, len(self.years)), dtype=bool)
        for name in names:
            some |= self.yearly[name] > 0
        cell, year = np.nonzero(some)
        table = pd.DataFrame({"cell": cell, "year": year + _FIRST_YEAR})
        for name in _OUTCOMES:
            table[name] = self.yearly[name][cell, year] / _EXACT if name in names else 0.0
        return table

    def crop_panel(self) -> pd.DataFrame:
        """Return cells and years with fields that earlier surveys drew, hectares."""
        parts = [
            pd.DataFrame({"cell": np.flatnonzero(held), "year": year, "crop_ha": held[held > 0] / _EXACT})
            for year, held in sorted(self.crop.items())
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["cell", "year", "crop_ha"])

    def settings(self, section: HarmSection) -> dict[str, Any]:
        """Return all that the figures are made with beside the tables."""
        scene, numbers = self.scene, self.numbers
        survey = scene.context.survey
        calipers = {"forest_share": numbers["benefit.forest_share"].value}
        if "height" in self.sums:
            calipers |= {name: numbers[f"benefit.{name}"].value for name in MATCHED[1:]}
        loads = [one for one in loads_of(scene) if (one.crop, one.substance) == (scene.crop, "fertiliser")]
        own = f"soc_factor_{scene.crop}"
        return {
            "years": self.years,
            "crop_years": sorted(self.crop),
            "crop": scene.crop,
            "cell_km": self.side * self.cell_m / 1000,
            "clear_km": self.clear_km,
            "calipers": calipers,
            "before_sd": numbers["benefit.before_sd"].value,
            "neighbours": _NEIGHBOURS,
            "level": survey.estimate.level,
            "seed": survey.survey.seed,
            "draws": section.draws,
            "climate": section.climate,
            "soil_factor": own if own in scene.factors else f"soc_factor_annual_{section.climate}",
            "load": asdict(loads[0]) if loads else None,
            "factors": factor_records(factors_of(section)),
            "lacking": dict(self._absent(loads)),
        }

    def _absent(self, loads: list[Any]) -> Iterator[tuple[str, str]]:
        """Yield the harms that the inputs do not allow, each with what is missing."""
        scene = self.scene
        if not scene.has_forest:
            for harm in HARMS:
                if harm.name != "contamination":
                    yield harm.name, "no input hansen_treecover2000, hansen_lossyear"
        else:
            yield from self.lacking.items()
            for name, column, inputs in (
                ("soil degradation", "soil_t", STOCK),
                ("greenhouse gases", "biomass_low_t", "cci_agb"),
                ("species", "habitat_ha", "land_cover, elevation and [[harm.species]]"),
            ):
                if column not in self.yearly:
                    yield name, f"no input {inputs}, or no forest was cleared"
        if not self.crop or not loads:
            why = "no fields of earlier years ([prior_cultivation])" if not self.crop else "no load of the crop"
            yield "contamination", why


def _ad(context: Context) -> Any:
    assert context.survey.ad is not None
    return context.survey.ad


def _dated_areas(found: Programme, crs: str) -> tuple[pd.DataFrame, Zones | None]:
    """Return the areas with the years of their projects, the earliest first, and their ground in that order."""
    areas = counted_areas(found.areas)
    columns = ["ad_id", "project_id", "start", "announced"]
    if not len(areas):
        return pd.DataFrame(columns=columns), None
    projects = found.tables["projects"].set_index("project_id")
    begun = projects["actual_start"].fillna(projects["planned_start"]).dt.year
    told = projects["announcement_date"].dt.year
    table = areas.assign(start=areas["project_id"].map(begun), announced=areas["project_id"].map(told))
    table = table.sort_values(["start", "ad_id"], na_position="last", kind="stable", ignore_index=True)
    zones = stack([ZoneLayer(name="ad", frame=table, label="ad_id")], crs)
    order = zones.frame[["zone"]].merge(table[columns], left_on="zone", right_on="ad_id", how="left")
    return order[columns], zones


def _largest(tally: Mapping[tuple[int, int], int], size: int) -> tuple[IntArray, FloatArray]:
    """Return the code with most ground in each cell, 0 without any, and that ground; of equals the lower code."""
    code, most = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    for (cell, own), value in sorted(tally.items()):
        if value > most[cell]:
            code[cell], most[cell] = own, value
    return code, most / _EXACT
