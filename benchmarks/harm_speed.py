"""Time and memory of the harms on a grid of a field office: the pass over blocks, rings, fragmentation, figures.

    python -m benchmarks.harm_speed --side 10000 --jobs 2

The layers are made up: plots of 70 m in forest, one cell in thirty under the crop. Each stage prints its seconds
and the most memory that the process has held so far.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.frame import build_frame
from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.raster import CogWriter, RasterStyle

CELL_M, PLOT, CROP = 10, 7, 1
LEVEL = {
    "hansen_treecover2000": 80,
    "land_cover": 1,
    "cci_agb": 150.0,
    "cci_agb_sd": 40.0,
    "soilgrids_ocs": 80.0,
    "elevation": 500.0,
}
"""Layer to the value that it holds everywhere, more or less."""
TYPES = {"class_map": "uint8", "hansen_lossyear": "uint8"} | {
    name: "uint8" if isinstance(level, int) else "float32" for name, level in LEVEL.items()
}


@contextmanager
def stage(name: str, told: list[str]) -> Iterator[None]:
    """Time a stage and note the memory held so far."""
    start = time.perf_counter()
    yield
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024) / 1024
    told.append(f"| {name} | {time.perf_counter() - start:.1f} | {held:.2f} |")
    print(told[-1], flush=True)


def plots(block: Block) -> NDArray[np.bool_]:
    """Return made-up plots: whole squares of 7 by 7 cells, one in thirty, the same wherever blocks are cut."""
    rows = (block.row + np.arange(block.height))[:, None] // PLOT
    cols = (block.col + np.arange(block.width))[None, :] // PLOT
    return np.asarray((rows * 7919 + cols * 104729 + rows * cols * 31) % 30 == 0)


def made_up(name: str, block: Block) -> NDArray[Any]:
    """Return a block of a layer."""
    shape = (block.height, block.width)
    if name == "class_map":
        return np.where(plots(block), CROP, 6)
    rng = np.random.default_rng([block.row, block.col])
    if name == "hansen_lossyear":
        return np.where(plots(block), 22, (rng.random(shape) < 0.002) * 23)
    return np.full(shape, LEVEL[name]) + (rng.normal(0, 50) if name == "elevation" else 0)


def layers(folder: Path, grid: GeoBox) -> dict[str, Path]:
    """Write the class map and the layers."""
    paths = {name: folder / f"{name}.tif" for name in TYPES}
    for name, dtype in TYPES.items():
        with CogWriter(paths[name], grid, dtype=dtype, style=RasterStyle(nodata=255, overviews="mode")) as writer:
            for block in blocks((grid.shape[0], grid.shape[1])):
                writer.write(block, made_up(name, block))
    return paths


def main() -> None:
    """Run the stages and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="harm-speed-") as name:
        measure(Path(name), chosen.side, chosen.jobs)


def measure(folder: Path, side: int, jobs: int) -> None:
    """Make the layers, then time what the step does with them."""
    from monitor.harms.domains import Domains
    from monitor.harms.footprint import Scene, footprint
    from monitor.harms.ground import open_ground
    from monitor.harms.history import History
    from monitor.harms.rings import Rings, fragments, ring_table
    from monitor.harms.settings import factors_of
    from monitor.sections import HarmInputSection, HarmSection
    from monitor.steps.harm import biomass_errors, coarse_heights

    told: list[str] = [
        f"| stage ({side} x {side} cells, {jobs} threads) | seconds | GiB held at most |",
        "|---|---|---|",
    ]
    box = shapely.box(500_000, 100_000, 500_000 + side * CELL_M, 100_000 + side * CELL_M)
    admin = geopandas.GeoDataFrame({"code": ["1"], "name": ["all"]}, geometry=[box], crs="EPSG:32618")
    with stage("area frame", told):
        frame = build_frame(admin, code="code", name="name", crs="EPSG:32618", resolution_m=CELL_M)
    with stage("layers written (not part of the step)", told):
        paths = layers(folder, frame.geobox)
    units = {"hansen_lossyear": "years since 2000", "land_cover": "class", "elevation": "m"}
    years = {
        "hansen_treecover2000": 2000,
        "hansen_lossyear": 2024,
        "land_cover": 2018,
        "cci_agb": 2015,
        "cci_agb_sd": 2015,
    }
    entries = [
        HarmInputSection(
            name=name,
            path=path,
            unit=units.get(name, "percent" if name.endswith("2000") else "t/ha"),
            year=years.get(name),
        )
        for name, path in paths.items()
        if name != "class_map"
    ]
    section = HarmSection(
        canopy_threshold_percent=30, climate="wet_lowland", cover={"1": "primary_forest"}, input=entries
    )
    period = SimpleNamespace(name="2024", reference_date=SimpleNamespace(year=2024))
    context: Any = SimpleNamespace(
        frame=frame,
        class_map_path=lambda _: paths["class_map"],
        profile=SimpleNamespace(legend=SimpleNamespace(code=lambda _: CROP)),
        compared=(period,),
        survey=SimpleNamespace(survey=SimpleNamespace(title="all"), overlay=[]),
    )
    empty = History(np.zeros(0, dtype=object), np.zeros(0, dtype=np.int64))
    sample = pd.DataFrame({"row": np.arange(0, side, max(1, side // 500))}).assign(col=lambda rows: rows["row"])
    with open_ground(section, frame.geobox) as ground:
        scene = Scene(
            context=context, section=section, ground=ground, domains=Domains(context), history=empty, crop="coca",
            period="2024", year=2024, since=2021, factors=factors_of(section),
        )  # fmt: skip
        with stage("one pass over blocks: footprint, maps, units", told):
            found = footprint(scene, folder, sample, jobs=jobs, progress=bar)
        assert found.state is not None
        with stage("fragmentation (D4)", told):
            fragments(found.state, cell_m=CELL_M, core_depth_m=100.0)
        with stage("rings and matched controls (D3)", told):
            rings = Rings((250.0, 1000.0, 5000.0), CELL_M, 0.25)
            ring_table(found.state, coarse_heights(scene, rings), rings)
        with stage("correlated error of biomass (G1)", told):
            list(biomass_errors(scene, found))
    print("\n".join(["", *told]))


def bar(done: int, total: int) -> None:
    """Tell how far the pass is."""
    if done % 20 == 0 or done == total:
        print(f"{done} of {total} blocks of {BLOCK_SIZE}", end="\r", file=sys.stderr)


if __name__ == "__main__":
    main()
