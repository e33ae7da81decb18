"""Time and memory of the six harms on a grid of a field office: the whole step but the tables it is told from.

    python -m benchmarks.harm_speed --side 10000 --jobs 2 --draws 200 --results benchmarks/results/harm_speed.csv

The layers are made up: hills with rivers, plots of 70 m in forest, one cell in thirty under the crop, soil of
250 m, rain of 1 km, two species. They are written by another process, so that the memory told is that of the step.
Each stage prints its seconds and the most memory that the process has held so far.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from aoi.frame import build_frame
from geo.blocks import Block, blocks
from geo.cog import CogWriter, RasterStyle, write_cog
from geo.grid import GeoBox

CELL_M, PLOT, CROP, TILE = 10, 7, 1, 500
CRS, CORNER = "EPSG:32618", (500_000, 100_000)
FINE = ("class_map", "hansen_treecover2000", "hansen_lossyear", "land_cover", "cci_agb", "cci_agb_sd", "elevation")
"""Layers on the grid of the class map."""
COARSE = {
    "soilgrids_ocs": (250, "t/ha", 80),
    "soilgrids_clay": (250, "g/kg", 300),
    "soilgrids_silt": (250, "g/kg", 400),
    "soilgrids_sand": (250, "g/kg", 300),
    "soilgrids_soc": (250, "dg/kg", 150),
    "gloreda_r": (1000, "MJ mm/ha/h/yr", 6000),
    "hydrorivers_discharge": (250, "m3/s", 5),
    "population_density": (1000, "persons/km2", 20),
    "drastic_index": (1000, "index", 120),
}
"""Layer to the side of its cells in metres, its unit and the value that it holds everywhere."""
UNITS = {
    "hansen_treecover2000": "percent", "hansen_lossyear": "years since 2000", "land_cover": "class",
    "elevation": "m", "cci_agb": "t/ha", "cci_agb_sd": "t/ha",
}  # fmt: skip
YEARS = {
    "hansen_treecover2000": 2000,
    "hansen_lossyear": 2024,
    "land_cover": 2018,
    "cci_agb": 2015,
    "cci_agb_sd": 2015,
}
COVERS: dict[str, Any] = {"1": "primary_forest", "6": "pasture", "7": "crop"}
GIB = 1024**2 if sys.platform != "darwin" else 1024**3


@dataclass
class Told:
    """Stages with their seconds and the most memory held until their end."""

    rows: list[tuple[str, float, float]] = field(default_factory=list)
    name: str = ""
    start: float = 0.0

    def begin(self, name: str) -> None:
        """End the stage before and begin another."""
        self.end()
        self.name, self.start = name, time.perf_counter()

    def end(self) -> None:
        """Note the stage that has been begun."""
        if self.name:
            held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB
            self.rows.append((self.name, time.perf_counter() - self.start, held))
            print(f"| {self.name} | {self.rows[-1][1]:.1f} | {held:.2f} |", flush=True)
        self.name = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside."""
        self.begin(name)
        yield
        self.end()

    def write(self, path: Path, *, side: int, jobs: int, draws: int) -> None:
        """Write the stages as CSV."""
        table = pd.DataFrame(self.rows, columns=["stage", "seconds", "most_gib"])
        table = table.assign(side=side, threads=jobs, draws=draws).round(2)
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False, lineterminator="\n")


def plots(block: Block) -> NDArray[np.bool_]:
    """Return made-up plots: whole squares of 7 by 7 cells, one in thirty, the same wherever blocks are cut."""
    rows = (block.row + np.arange(block.height))[:, None] // PLOT
    cols = (block.col + np.arange(block.width))[None, :] // PLOT
    return np.asarray((rows * 7919 + cols * 104729 + rows * cols * 31) % 30 == 0)


def made_up(name: str, block: Block, hills: NDArray[np.float32]) -> NDArray[Any]:
    """Return a block of a layer on the grid of the class map."""
    shape = (block.height, block.width)
    if name == "class_map":
        return np.where(plots(block), CROP, 6)
    rows, cols = (block.row + np.arange(block.height)) % TILE, (block.col + np.arange(block.width)) % TILE
    if name == "elevation":  # one tile of hills again and again, on a long slope, so that rivers run across tiles
        fall = np.float32(500) - (block.row + np.arange(block.height, dtype=np.float32)) * np.float32(0.03)
        return hills[np.ix_(rows, cols)] + fall[:, None]
    rng = np.random.default_rng([block.row, block.col])
    if name == "hansen_lossyear":
        return np.where(plots(block), 22, (rng.random(shape) < 0.002) * 23)
    if name == "land_cover":
        return np.where((rows[:, None] // 40 + cols[None, :] // 60) % 3 == 0, 6, 1)
    return np.full(shape, {"hansen_treecover2000": 80, "cci_agb": 150.0, "cci_agb_sd": 40.0}[name])


def write_layers(folder: Path, side: int) -> None:
    """Write the class map, the layers and the ranges of two species."""
    rng = np.random.default_rng(1)
    hills = gaussian_filter(rng.normal(0, 1, (TILE, TILE)), 15, mode="wrap").astype(np.float32) * 2000
    west, south = CORNER
    extent = (west, south, west + side * CELL_M, south + side * CELL_M)
    grid = GeoBox.from_bbox(extent, CRS, resolution=CELL_M)
    for name in FINE:
        dtype = "float32" if name in ("elevation", "cci_agb", "cci_agb_sd") else "uint8"
        style = RasterStyle(nodata=-9999 if dtype == "float32" else 255, overviews="nearest")
        with CogWriter(folder / f"{name}.tif", grid, dtype=dtype, style=style) as writer:
            for block in blocks((grid.shape[0], grid.shape[1])):
                writer.write(block, made_up(name, block, hills))
    for name, (cell_m, _, value) in COARSE.items():
        box = GeoBox.from_bbox(extent, CRS, resolution=cell_m)
        values = np.full(box.shape, value, dtype=np.float32 if value < 10 else np.int16)
        write_cog(folder / f"{name}.tif", values, box, style=RasterStyle(nodata=-1))


def main() -> None:
    """Run the stages, print a table, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--layers", type=Path, help="where the layers are kept from an earlier call")
    parser.add_argument("--results", type=Path, help="a CSV file that the table is written to")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="harm-speed-") as name:
        layers = chosen.layers or Path(name) / "layers"
        if not layers.is_dir():
            layers.mkdir(parents=True)
            with ProcessPoolExecutor(1) as pool:
                pool.submit(write_layers, layers, chosen.side).result()
        told = Told()
        measure(Path(name), layers, chosen.side, chosen.jobs, chosen.draws, told)
    if chosen.results:
        told.write(chosen.results, side=chosen.side, jobs=chosen.jobs, draws=chosen.draws)


def measure(folder: Path, layers: Path, side: int, jobs: int, draws: int, told: Told) -> None:
    """Time what the step does with the layers."""
    from monitor.harms.domains import Domains
    from monitor.harms.footprint import Scene, footprint
    from monitor.harms.ground import open_ground
    from monitor.harms.history import History
    from monitor.harms.rings import Rings, fragments, ring_table
    from monitor.harms.settings import factors_of
    from monitor.harms.stages import Stages
    from monitor.harms.water import gather
    from monitor.sections import HarmInputSection, HarmSection, HarmSpeciesSection
    from monitor.steps.harm import biomass_errors, coarse_heights

    west, south = CORNER
    box = shapely.box(west, south, west + side * CELL_M, south + side * CELL_M)
    admin = geopandas.GeoDataFrame({"code": ["1"], "name": ["all"]}, geometry=[box], crs=CRS)
    with told.stage("area frame"):
        frame = build_frame(admin, code="code", name="name", crs=CRS, resolution_m=CELL_M)
    entries = [
        HarmInputSection(name=name, path=layers / f"{name}.tif", unit=UNITS[name], year=YEARS.get(name))
        for name in FINE
        if name != "class_map"
    ]
    entries += [
        HarmInputSection(name=name, path=layers / f"{name}.tif", unit=unit) for name, (_, unit, _) in COARSE.items()
    ]
    species = [
        HarmSpeciesSection(
            name=name, category="EN", range=Path("ranges.gpkg"), suitable=["primary_forest"], habitat_ha=1e6,
            historic_ha=2e6, source="made up",
        )
        for name in ("frog", "orchid")
    ]  # fmt: skip
    section = HarmSection(
        canopy_threshold_percent=30, climate="wet_lowland", cover=COVERS, input=entries, species=species
    ).model_copy(update={"draws": draws})  # fewer than a survey may have, where memory alone is asked for
    period = SimpleNamespace(name="2024", reference_date=SimpleNamespace(year=2024))
    context: Any = SimpleNamespace(
        frame=frame,
        jobs=jobs,
        class_map_path=lambda _: layers / "class_map.tif",
        profile=SimpleNamespace(legend=SimpleNamespace(code=lambda _: CROP)),
        compared=(period,),
        survey=SimpleNamespace(survey=SimpleNamespace(title="all", seed=1), overlay=[], ad=None, corrections=None),
    )
    empty = History(np.zeros(0, dtype=object), np.zeros(0, dtype=np.int64))
    whole = np.array([box], dtype=object), np.zeros(1, dtype=np.int64)
    sample = pd.DataFrame({"row": np.arange(0, side, max(1, side // 500))}).assign(col=lambda rows: rows["row"])
    with open_ground(section, frame.geobox) as ground:
        scene = Scene(
            context=context, section=section, ground=ground, domains=Domains(context), history=empty, crop="coca",
            period="2024", year=2024, since=2021, factors=factors_of(section), sample=sample,
            ranges=(History(*whole), History(*whole)),
        )  # fmt: skip
        with told.stage("one pass over blocks (D1, D2, D5, S1 to S3, B1 to B5, G1 to G3, maps, sample units)"):
            found = footprint(scene, folder, sample, jobs=jobs, progress=bar)
        assert found.state is not None
        with told.stage("correlated error of biomass (G1)"):
            list(biomass_errors(scene, found))
        with told.stage("fragmentation (D4)"):
            fragments(found.state, cell_m=CELL_M, core_depth_m=100.0)
        with told.stage("rings and matched controls (D3)"):
            rings = Rings((250.0, 1000.0, 5000.0), CELL_M, 0.25)
            ring_table(found.state, coarse_heights(scene, rings), rings)
        found.state = None
        gather(scene, found, folder, Stages(bar, hears=told.begin))
        told.end()


def bar(done: int, total: int) -> None:
    """Tell how far the pass over blocks, or all of it, is."""
    if done % 20 == 0 or done == total:
        print(f"{done} of {total}", end="\r", file=sys.stderr)


if __name__ == "__main__":
    main()
