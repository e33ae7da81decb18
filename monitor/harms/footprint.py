"""One pass over the blocks of a grid: totals over the mapped footprint by domain, and what lies at sample units.

Totals are kept as whole numbers of a billionth, so that they are the same whatever the size of blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aoi.harm.attribution import cover_before, direct_loss, first_use_year, forest_before, windows_years
from aoi.harm.carbon import CO2_PER_C
from aoi.harm.deforestation import forest_mask
from aoi.harm.degradation import NODATA
from aoi.harm.factor import Factor
from aoi.harm.species import habitat_mask
from geo.blocks import BLOCK_SIZE, Block, map_blocks
from geo.cog import CogWriter, CogWriters, RasterStyle
from geo.errors import InputError, Problem
from geo.raster import open_on_grid
from geo.reader import GridReader
from monitor.context import Context, Progress
from monitor.harms.domains import Codes, Domains
from monitor.harms.ground import Ground, require_whole
from monitor.harms.history import History
from monitor.harms.soil import MADE_OF, NITROGEN, STOCK, depths_given, stock_inputs, stock_t_ha
from monitor.sections import HarmSection

__all__ = [
    "BITS",
    "CARBON_NITROGEN",
    "LOAD_LIMITS",
    "MAPS",
    "NATURAL",
    "Cells",
    "Footprint",
    "Scene",
    "access_cells",
    "crop_years",
    "footprint",
    "land_covers",
    "open_maps",
    "read_cells",
    "style_of",
]

NATURAL = ("primary_forest", "secondary_forest", "shrub", "grass", "wetland")
"""Covers whose turning into illicit crop is degradation."""
BITS = {
    "inside": 1,
    "forest": 2,
    "forest_refilled": 4,
    "plot": 8,
    "lost": 16,
    "direct": 32,
    "forest_start": 64,
    "access": 128,
}
"""What the bits of the state of a cell say."""
CARBON_NITROGEN = "carbon_nitrogen"
"""Soil carbon over nitrogen, among the values of a block."""
_EXACT = 1e9
_PATCH_M = 100.0
_RATIO = (MADE_OF[0], NITROGEN)
_RATIO_LEAST, _RATIO_MOST = 4.0, 80.0
"""Bounds of plausibility, chosen here, of soil carbon over nitrogen: arable land about 10, peat 60."""
_ZERO_SHARE = 0.05
"""Share of footprint forest without biomass from which zero is taken for a no-data value."""

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What one pass is about."""

    context: Context
    section: HarmSection
    ground: Ground
    domains: Domains
    history: History
    crop: str
    period: str
    year: int
    since: int
    """Year after which a loss belongs to the period."""
    factors: Mapping[str, Factor]
    """Factors by name."""
    ranges: tuple[History, ...] = ()
    """Range of each species, as polygons."""
    access: History | None = None
    """Access that was opened in the period, all of the year 0; None where none was given."""
    eradicated: History | None = None
    """Verified operations of eradication by their year; None where no ledger tells any."""
    sample: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Units of the sample, with columns row and col."""
    shared: dict[str, Any] = field(default_factory=dict)
    """What is made once for all scenes of a step, such as the flow network."""

    @property
    def windows(self) -> tuple[int, ...]:
        """Windows in years, the crop's own first."""
        return windows_years(self.crop, self.section.window_years.get(self.crop))

    @property
    def has_forest(self) -> bool:
        """Whether forest before and its loss are known."""
        return self.ground.has("hansen_treecover2000") and self.ground.has("hansen_lossyear")

    @property
    def soil_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that the stock of soil carbon comes from; none where it cannot be had."""
        return stock_inputs(depths_given(self.section.input))


@dataclass(slots=True)
class Footprint:
    """What a pass found."""

    domains: Domains
    totals: dict[str, list[int]] = field(default_factory=dict)
    """Quantity to billionths by domain."""
    patches: dict[tuple[int, int], float] = field(default_factory=lambda: defaultdict(float))
    """Patch of 100 m to the sum of hectares times standard deviation of biomass."""
    state: NDArray[np.uint8] | None = None
    """Bits of `BITS` by cell."""
    units: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Column to values at the sample units."""
    densest: float = 0.0
    """Largest tree cover, percent."""
    lost: int = 0
    """Cells that lost forest."""

    def add(self, quantity: str, values: Column, codes: Codes) -> None:
        """Add the sum of a quantity over pixels to every domain; values and codes of shape (n,)."""
        sums = self.domains.sums(np.rint(values * _EXACT), codes)
        held = self.totals.setdefault(quantity, [0] * len(sums))
        self.totals[quantity] = [a + int(b) for a, b in zip(held, sums, strict=True)]

    def table(self, crop: str, period: str) -> pd.DataFrame:
        """Return the totals as rows crop, period, quantity, domain, value."""
        return pd.DataFrame(
            [
                {"crop": crop, "period": period, "quantity": name, "domain": domain, "value": total / _EXACT}
                for name, totals in self.totals.items()
                for domain, total in zip(self.domains.table["domain"], totals, strict=True)
            ]
        )


@dataclass(frozen=True, slots=True)
class Cells:
    """Layers of a block, each shape (height, width)."""

    inside: NDArray[np.bool_]
    plot: NDArray[np.bool_]
    series: NDArray[np.bool_]
    years: tuple[int, ...]
    loss: NDArray[np.int64]
    forest: NDArray[np.bool_]
    covers: Mapping[int, NDArray[np.int64]]
    values: Mapping[str, NDArray[np.float64]]
    codes: Codes
    """Part of each layer of domains that a cell lies in."""
    densest: float = 0.0
    """Largest tree cover of the block, percent."""
    lost: int = 0
    """Cells of the block that lost forest."""


def footprint(
    scene: Scene, folder: Path, units: pd.DataFrame, *, jobs: int, progress: Progress, size: int = BLOCK_SIZE
) -> Footprint:
    """Read every block once and return totals, patches, states and unit values; write the map of direct loss.

    Parameters
    ----------
    scene
        What is looked at.
    folder
        Where the rasters go.
    units
        Sample units with columns row and col.
    jobs
        Threads.
    progress
        Hears the blocks done.
    size
        Side of a block; changes no figure.

    Raises
    ------
    InputError
        If an input has a hole in the frame, or zeros that are no-data.
    """
    geobox = scene.context.frame.geobox
    found = Footprint(domains=scene.domains)
    found.state = np.zeros(geobox.shape, dtype=np.uint8)
    rows, cols = units["row"].to_numpy(), units["col"].to_numpy()
    with ExitStack() as stack:
        maps = open_maps(scene, stack)
        together = stack.enter_context(CogWriters(jobs))
        writers = {
            name: together.add(
                CogWriter(
                    folder / f"{name}_{scene.crop}_{scene.period}.tif",
                    geobox,
                    dtype="uint8",
                    style=style_of(name),
                )
            )
            for name in map_names(scene)
        }
        total = -(-geobox.shape[0] // size) * -(-geobox.shape[1] // size)
        work: Callable[[Block], Cells] = lambda block: read_cells(scene, maps, block)  # noqa: E731
        for done, (block, cells) in enumerate(
            map_blocks(work, (geobox.shape[0], geobox.shape[1]), size=size, jobs=jobs), start=1
        ):
            found.densest = max(found.densest, cells.densest)
            found.lost += cells.lost
            collected = _collect(scene, found, block, cells)
            together.write(block, [(writers[name], codes) for name, codes in collected.items()])
            _at_units(scene, found, block, cells, rows, cols)
            progress(done, total)
    _require_known_zeros(scene, found)
    return found


MAPS: Mapping[str, tuple[str, tuple[tuple[int, str, str], ...]]] = {
    "loss": (
        "deforestation",
        ((1, "#8FB996", "class_other_loss"), (2, "#E6B94A", "class_crop"), (3, "#A50F15", "class_direct")),
    ),
    "degradation": ("degradation", ((1, "#D9CDB8", "class_not_degraded"), (2, "#7F4B12", "class_degraded"))),
    "habitat": ("species", ((1, "#C994C7", "class_habitat"), (2, "#6A0F5B", "class_habitats"))),
    "carbon": (
        "gases",
        (
            (1, "#FDD9A0", "class_gases_low"),
            (2, "#EC8F38", "class_gases_middle"),
            (3, "#8C2D04", "class_gases_high"),
        ),
    ),
    "load": (
        "contamination",
        ((1, "#C6DBEF", "class_load_low"), (2, "#4292C6", "class_load_middle"), (3, "#084594", "class_load_high")),
    ),
}
"""Raster to the harm it shows, and its classes: code, colour, name in the catalogue. 0 is nothing there."""
LOAD_LIMITS = (0.05, 0.2)
"""Shares of what is dissolved at a plot that can reach a stream, between the classes of the map of loads."""
_GAS_LIMITS = (200.0, 500.0)  # t CO2e/ha


def style_of(name: str) -> RasterStyle:
    """Return the colours and names of a map of harm."""
    harm, classes = MAPS[name]
    return RasterStyle(
        nodata=0,
        overviews="mode",
        descriptions=(harm,),
        colours={code: colour for code, colour, _ in classes},
        categories={code: title.removeprefix("class_").replace("_", " ") for code, _, title in classes},
    )


def map_names(scene: Scene) -> list[str]:
    """Return the maps that the inputs allow."""
    given = {
        "loss": scene.has_forest,
        "degradation": scene.has_forest or scene.ground.has("land_cover"),
        "habitat": bool(scene.ranges) and scene.ground.has("land_cover"),
        "carbon": scene.has_forest and scene.ground.has("cci_agb"),
    }
    return [name for name, there in given.items() if there]


def open_maps(scene: Scene, stack: ExitStack) -> dict[int, GridReader]:
    """Return the open class maps of the surveyed years up to the scene's, by year."""
    geobox = scene.context.frame.geobox
    return {
        period.reference_date.year: stack.enter_context(
            open_on_grid(scene.context.class_map_path(period.name), geobox)
        )
        for period in scene.context.compared
        if period.reference_date.year <= scene.year
    }


def crop_years(
    scene: Scene, maps: Mapping[int, GridReader], block: Block
) -> tuple[NDArray[np.bool_], dict[int, NDArray[np.bool_]]]:
    """Return which cells of a block lie in the frame, and by year which of them were seen under the crop."""
    context = scene.context
    inside = context.frame.unit_of_cell[block.slices] > 0
    code = context.profile.legend.code(scene.crop)
    geobox = context.frame.geobox[block.slices]
    seen = {year: mask & inside for year, mask in scene.history.seen(geobox).items() if year <= scene.year}
    for year, reader in maps.items():
        mapped = (reader.read(block) == code) & inside
        seen[year] = mapped | seen[year] if year in seen and year != scene.year else mapped
    return inside, seen


def land_covers(ground: Ground, block: Block) -> dict[int, NDArray[np.int64]]:
    """Return the land cover of a block by the year of its map, -1 where it is not known."""
    return {
        year: np.nan_to_num(ground.read("land_cover", block, year), nan=-1).astype(np.int64)
        for year in ground.years("land_cover")
    }


def read_cells(scene: Scene, maps: Mapping[int, GridReader], block: Block) -> Cells:
    """Read all layers of a block."""
    ground = scene.ground
    inside, seen = crop_years(scene, maps, block)
    years = tuple(sorted(seen))
    values = {
        name: _whole(ground, name, block, inside)
        for name in ("cci_agb", "cci_agb_sd", "burned_year", "elevation")
        if ground.has(name)
    }
    if scene.soil_inputs:
        values[STOCK] = stock_t_ha(ground, block)
    if scene.soil_inputs and all(ground.has(name) for name in _RATIO):
        carbon, nitrogen = (ground.read(name, block) for name in _RATIO)
        values[CARBON_NITROGEN] = np.divide(carbon, nitrogen, out=np.full_like(carbon, np.nan), where=nitrogen > 0)
    forest, loss, densest = np.zeros(inside.shape, dtype=bool), np.zeros(inside.shape, dtype=np.int64), 0.0
    if scene.has_forest:
        cover = _whole(ground, "hansen_treecover2000", block, inside)
        _whole(ground, "hansen_lossyear", block, inside)
        densest = float(np.max(cover, initial=0.0, where=inside))
        forest = inside & forest_mask(
            np.where(inside, np.nan_to_num(cover), 0.0),
            canopy_threshold_percent=scene.section.canopy_threshold_percent,
            nodata=-1,
        )
        loss = np.where(inside, ground.loss_year(block), 0)
    return Cells(
        inside=inside,
        plot=seen[scene.year],
        series=np.stack([seen[year] for year in years]),
        years=years,
        loss=loss,
        forest=forest,
        covers=land_covers(ground, block),
        values=values,
        codes=scene.domains.codes(block),
        densest=densest,
        lost=int((loss > 0).sum()),
    )


def _whole(ground: Ground, name: str, block: Block, inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    layer = ground.layer(name)
    values = layer.read(block)
    require_whole(layer, values, inside)
    return values


def _collect(scene: Scene, found: Footprint, block: Block, cells: Cells) -> dict[str, NDArray[np.uint8]]:
    """Add a block to the totals and states; return its cells of each map."""
    first = first_use_year(cells.series, cells.years)
    main = scene.windows[0]
    direct = {n: cells.plot & _direct(scene, first, cells, n) for n in scene.windows}
    own = direct[main]
    lost = (cells.loss > scene.since) & (cells.loss <= scene.year)
    gone = (cells.loss > 0) & (cells.loss <= scene.year)
    now = cells.forest & ~gone
    bits = {
        "inside": cells.inside,
        "forest": now,
        "forest_refilled": now | own,
        "plot": cells.plot,
        "lost": lost & cells.forest,
        "direct": own,
        "forest_start": forest_before(cells.forest, cells.loss, scene.since + 1),
        "access": access_cells(scene, block) & cells.inside,
    }
    assert found.state is not None
    found.state[block.slices] = sum(mask.astype(np.uint8) * BITS[name] for name, mask in bits.items())
    _add_whole(scene, found, block, cells, bits)
    natural, species = _add_footprint(scene, found, block, cells, first, direct)
    shown = {
        "loss": np.where(own, 3, np.where(cells.plot, 2, np.where(lost & cells.forest, 1, 0))),
        "degradation": _on_plots(cells.plot, np.where(natural, 2, 1)),
        "habitat": _on_plots(cells.plot, np.minimum(species, 2)),
        "carbon": np.where(own, _gas_class(scene, cells), 0),
    }
    return {name: shown[name].astype(np.uint8) for name in map_names(scene)}


def access_cells(scene: Scene, block: Block) -> NDArray[np.bool_]:
    """Say which cells of a block new access runs through."""
    nowhere = np.zeros((block.height, block.width), dtype=bool)
    if scene.access is None:
        return nowhere
    return scene.access.seen(scene.context.frame.geobox[block.slices]).get(0, nowhere)


def _on_plots(plot: NDArray[np.bool_], values: NDArray[Any]) -> NDArray[Any]:
    """Return values of the footprint's pixels in their places, 0 elsewhere."""
    placed = np.zeros(plot.shape, dtype=np.uint8)
    placed[plot] = values
    return placed


def _gas_class(scene: Scene, cells: Cells) -> NDArray[np.int64]:
    """Return the class of the biomass burden of each cell at the central factors; 0 where it is not known."""
    if "cci_agb" not in cells.values:
        return np.zeros(cells.plot.shape, dtype=np.int64)
    stock = cells.values["cci_agb"]
    factors, climate = scene.factors, scene.section.climate
    high = stock >= factors["root_split"].value
    root = np.where(high, *(factors[f"root_shoot_{kind}_{climate}"].value for kind in ("high", "low")))
    wood, litter = (factors[f"{kind}_{climate}"].value for kind in ("dead_wood", "litter"))
    carbon = factors["carbon_fraction"].value * (1 + root + wood) + factors["carbon_fraction_litter"].value * litter
    found = 1 + np.digitize(np.nan_to_num(stock) * carbon * CO2_PER_C, _GAS_LIMITS)
    return np.where(np.isnan(stock), 0, found)


def _direct(scene: Scene, first: NDArray[np.int64], cells: Cells, window: int) -> NDArray[np.bool_]:
    before = forest_before(cells.forest, cells.loss, first - window)
    return direct_loss(first, before, cells.loss, window_years=window, lag_years=scene.section.lag_years)


def _add_whole(
    scene: Scene, found: Footprint, block: Block, cells: Cells, bits: Mapping[str, NDArray[np.bool_]]
) -> None:
    """Add what is counted over the whole frame: its cells, the forest at the start of the period, new access."""
    area = scene.context.frame.cell_area_ha[block.slices]
    latest = scene.year + scene.section.lag_years
    lost = cells.forest & (cells.loss > 0) & (cells.loss <= latest)
    counted = {"cells_ha": cells.inside, "forest_start_ha": bits["forest_start"], "forest_lost_ha": lost}
    if scene.access is not None:  # plots go before access
        counted["track_lost_ha"] = bits["access"] & ~cells.plot & bits["lost"]
    for name, where in counted.items():
        found.add(name, area[where], [part[where] for part in cells.codes])
    if "track_lost_ha" in counted and "cci_agb" in cells.values:
        shown = int(scene.ground.layer("cci_agb").entry.year or 0)
        where = counted["track_lost_ha"] & (cells.loss > shown) & ~np.isnan(cells.values["cci_agb"])
        stock, codes = cells.values["cci_agb"][where], [part[where] for part in cells.codes]
        high = stock >= scene.factors["root_split"].value
        found.add("track_biomass_ha", area[where], codes)
        found.add("track_biomass_low_t", area[where] * stock * ~high, codes)
        found.add("track_biomass_high_t", area[where] * stock * high, codes)


def _add_footprint(
    scene: Scene,
    found: Footprint,
    block: Block,
    cells: Cells,
    first: NDArray[np.int64],
    direct: Mapping[int, NDArray[np.bool_]],
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Add what is counted over mapped crop; return its pixels on natural land, and species they took land from."""
    plot = cells.plot
    codes = [part[plot] for part in cells.codes]
    area = scene.context.frame.cell_area_ha[block.slices][plot]
    main = scene.windows[0]
    own, opened = direct[main][plot], first[plot]
    natural = own | _natural(scene, cells, opened, main, plot)
    found.add("crop_ha", area, codes)
    for window, loss in direct.items():
        found.add(f"direct_ha_{window}", area * loss[plot], codes)
    found.add("direct_period_ha", area * (own & (cells.loss[plot] > scene.since)), codes)
    found.add("natural_ha", area * natural, codes)
    found.add("natural_year_ha", area * natural * (scene.year - opened), codes)
    seen = cells.series[:, plot]
    found.add("crop_years_ha", area * seen.sum(axis=0), codes)
    found.add("abandoned_ha", area * (seen[:-1] & ~seen[1:]).sum(axis=0), codes)
    _add_soil(found, cells, plot, natural, area, codes)
    _add_biomass(scene, found, block, cells, own, area, codes)
    return natural, _add_species(scene, found, block, cells, own, opened, area, codes)


def _natural(
    scene: Scene, cells: Cells, opened: NDArray[np.int64], window: int, plot: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Say which footprint pixels were under natural cover in the year before their window."""
    before = cover_before({year: cover[plot] for year, cover in cells.covers.items()}, opened - window)
    return np.isin(before, natural_codes(scene.section))


def natural_codes(section: HarmSection) -> list[int]:
    """Return the codes of the land-cover maps that are natural cover."""
    return [int(code) for code, name in section.cover.items() if name in NATURAL]


def _add_soil(
    found: Footprint,
    cells: Cells,
    plot: NDArray[np.bool_],
    natural: NDArray[np.bool_],
    area: Column,
    codes: Codes,
) -> None:
    if STOCK not in cells.values:
        return
    stock = cells.values[STOCK][plot]
    known = natural & ~np.isnan(stock)
    held = area * np.where(known, stock, 0.0)
    found.add("soil_ha", area * known, codes)
    found.add("soil_t", held, codes)
    found.add("soil_zero_ha", area * (known & (stock == 0)), codes)
    if CARBON_NITROGEN in cells.values:
        ratio = cells.values[CARBON_NITROGEN][plot]
        both = known & (ratio > 0)
        found.add("soil_beside_nitrogen_t", held * both, codes)
        found.add("soil_nitrogen_t", np.divide(held, ratio, out=np.zeros_like(held), where=both), codes)


def _add_biomass(
    scene: Scene,
    found: Footprint,
    block: Block,
    cells: Cells,
    own: NDArray[np.bool_],
    area: Column,
    codes: Codes,
) -> None:
    """Add above-ground biomass of direct loss, where the map is older than the clearing."""
    if "cci_agb" not in cells.values:
        return
    plot = cells.plot
    shown = int(scene.ground.layer("cci_agb").entry.year or 0)
    stock, loss = cells.values["cci_agb"][plot], cells.loss[plot]
    older = own & (loss > shown)
    known = older & ~np.isnan(stock)
    stock = np.where(known, stock, 0.0)
    found.add("biomass_newer_ha", area * (own & ~older), codes)
    found.add("biomass_ha", area * known, codes)
    found.add("biomass_zero_ha", area * (known & (stock == 0)), codes)
    split = scene.factors["root_split"].value
    found.add("biomass_low_t", area * stock * (stock < split), codes)
    found.add("biomass_high_t", area * stock * (stock >= split), codes)
    if "burned_year" in cells.values:
        fire = cells.values["burned_year"][plot]
        burned = known & (fire >= loss) & (fire <= loss + 1)
        found.add("burned_t", area * stock * burned, codes)
    if "cci_agb_sd" in cells.values:
        spread = cells.values["cci_agb_sd"][plot]
        _add_patches(scene, found, block, plot, area * np.where(known, np.nan_to_num(spread), 0.0))


def _add_patches(scene: Scene, found: Footprint, block: Block, plot: NDArray[np.bool_], weight: Column) -> None:
    """Add hectares times standard deviation by patch: cells of one biomass pixel share their error."""
    rows, cols = np.nonzero(plot)
    side = max(1, round(_PATCH_M / abs(scene.context.frame.geobox.transform.a)))
    place = np.column_stack([(rows + block.row) // side, (cols + block.col) // side])[weight > 0]
    keys, index = np.unique(place, axis=0, return_inverse=True)
    whole = np.rint(weight[weight > 0] * _EXACT)  # whole numbers below 2^53 add up exactly
    for key, total in zip(keys, np.bincount(index.ravel(), weights=whole, minlength=len(keys)), strict=True):
        found.patches[int(key[0]), int(key[1])] += float(total)


def _add_species(
    scene: Scene,
    found: Footprint,
    block: Block,
    cells: Cells,
    own: NDArray[np.bool_],
    opened: NDArray[np.int64],
    area: Column,
    codes: Codes,
) -> NDArray[np.int64]:
    """Add lost habitat of each species, with its strict and its broad set of covers; return species by pixel."""
    species = np.zeros(len(area), dtype=np.int64)
    if not scene.ranges or not cells.covers:
        return species
    plot, geobox = cells.plot, scene.context.frame.geobox[block.slices]
    before = cover_before({year: cover[plot] for year, cover in cells.covers.items()}, opened - scene.windows[0])
    height = cells.values["elevation"][plot] if "elevation" in cells.values else np.zeros(len(area))
    lost = own | np.isin(before, natural_codes(scene.section))
    for number, (record, held) in enumerate(zip(scene.section.species, scene.ranges, strict=True), start=1):
        inside = held.seen(geobox).get(0, np.zeros(plot.shape, dtype=bool))[plot]
        for name, covers in (
            ("strict", record.suitable),
            ("broad", [*record.suitable, *record.also_suitable]),
        ):
            suitable = tuple(int(code) for code, cover in scene.section.cover.items() if cover in covers)
            habitat = habitat_mask(inside, before, suitable, height, record.low_m, record.high_m)
            found.add(f"species_{number}_{name}_ha", area * (habitat & lost), codes)
            species += (habitat & lost) if name == "strict" else 0
    found.add("species_any_ha", area * (species > 0), codes)
    return species


def _at_units(
    scene: Scene,
    found: Footprint,
    block: Block,
    cells: Cells,
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
) -> None:
    """Keep what lies at the sample units of a block."""
    here = np.flatnonzero(
        (rows >= block.row)
        & (rows < block.row + block.height)
        & (cols >= block.col)
        & (cols < block.col + block.width)
    )
    at = (rows[here] - block.row, cols[here] - block.col)
    geobox = scene.context.frame.geobox[block.slices]
    columns: dict[str, NDArray[Any]] = {"forest": cells.forest[at].astype(int), "loss_year": cells.loss[at]}
    columns |= {f"cover_{year}": cover[at] for year, cover in cells.covers.items()}
    for year, seen in scene.history.seen(geobox).items():
        columns[f"seen_{scene.crop}_{year}"] = seen[at].astype(int)
    for name in ("trajectory", "state", "performance"):
        if scene.ground.has(f"productivity_{name}"):
            states = scene.ground.read(f"productivity_{name}", block)[at]
            columns[f"productivity_{name}"] = np.nan_to_num(states, nan=NODATA).astype(int)
    if here.size:
        for year in scene.ground.years("vegetation_index"):
            columns[f"index_{year}"] = scene.ground.read("vegetation_index", block, year)[at]
        if scene.eradicated is not None:
            columns["eradicated_year"] = _eradicated(scene.eradicated, scene.year, geobox)[at]
    members = scene.domains.members([part[at] for part in cells.codes])
    columns["domains"] = np.array([";".join(map(str, places)) for places in members], dtype=object)
    for name, values in columns.items():
        kind: Any = object if name == "domains" else values.dtype if name.startswith("index_") else np.int64
        held = found.units.setdefault(name, np.zeros(len(rows), dtype=kind))
        held[here] = values


def _eradicated(eradicated: History, until: int, geobox: Any) -> NDArray[np.int64]:
    """Return the last year up to one in which each cell was eradicated, 0 where it never was."""
    found = np.zeros(tuple(geobox.shape), dtype=np.int64)
    for year, seen in sorted(eradicated.seen(geobox).items()):
        if year <= until:
            found[seen] = year
    return found


def _ratio_problems(scene: Scene, found: Footprint) -> Iterator[Problem]:
    """Yield carbon over nitrogen that no soil has, as after a wrong scale of one of the two."""
    nitrogen = found.totals.get("soil_nitrogen_t", [0])[0]
    ratio = found.totals["soil_beside_nitrogen_t"][0] / nitrogen if nitrogen else _RATIO_MOST
    if not _RATIO_LEAST <= ratio <= _RATIO_MOST:
        yield Problem(
            scene.ground.layer(NITROGEN).where,
            f"{ratio:.3g} parts of soil carbon to one of nitrogen",
            f"{_RATIO_LEAST:g} to {_RATIO_MOST:g}",
            f"check unit and scale of it and of {_RATIO[0]}",
        )


def _require_known_zeros(scene: Scene, found: Footprint) -> None:
    """Refuse a map in which much of what was forest holds exactly nothing: zero stands for no-data there."""
    problems = list(_zero_problems(scene, found))
    if problems:
        raise InputError(problems)


def _zero_problems(scene: Scene, found: Footprint) -> Iterator[Problem]:
    soil = scene.soil_inputs[0] if scene.soil_inputs else STOCK
    for quantity, name in (("biomass", "cci_agb"), ("soil", soil)):
        if f"{quantity}_ha" not in found.totals:
            continue
        held, zero = (found.totals[f"{quantity}{part}_ha"][0] for part in ("", "_zero"))
        if held and zero > _ZERO_SHARE * held:
            yield Problem(
                scene.ground.layer(name).where,
                f"0 in {100 * zero / held:.0f} % of the land that natural cover was cleared from",
                "a stock there, or no-data",
                "state nodata = 0 if zero means not known",
            )
    yield from _ratio_problems(scene, found)
    for number, one in enumerate(scene.section.species, start=1):
        lost = found.totals.get(f"species_{number}_broad_ha", [0])[0] / _EXACT
        if lost > one.habitat_ha:
            yield Problem(
                f"[[harm.species]] {one.name} habitat_ha",
                f"{one.habitat_ha:g} ha, and {lost:.4g} ha lost to mapped {scene.crop} {scene.period} alone",
                "the habitat of the whole range, not of the part in the frame",
                "take it from the source of the range",
            )
    if found.lost and found.densest == 0:
        yield Problem(
            scene.ground.layer("hansen_treecover2000").where,
            f"no tree cover in all of the frame, of which {found.lost} cells lost forest",
            "tree cover where forest was lost",
            "state nodata = 0 if zero means not known; multiply shares by 100",
        )
    if 0 < found.densest <= 1:
        yield Problem(
            scene.ground.layer("hansen_treecover2000").where,
            f"a tree cover of {found.densest:g} percent at most in all of the frame",
            "percent, 0 to 100",
            "multiply shares by 100",
        )
    if found.totals.get("biomass_newer_ha", [0])[0] and not found.totals["biomass_ha"][0]:
        entry = scene.ground.layer("cci_agb").entry
        yield Problem(
            scene.ground.layer("cci_agb").where,
            f"a biomass map of {entry.year}, newer than every clearing of {scene.crop} {scene.period}",
            "a map older than the clearings: a newer one shows what was left",
            "take the map of an earlier year",
        )
