"""Time and memory of flow, erosion and loads on water on a field office's grid.

Invented hills with plots on a few in a hundred cells, both indicators with all their draws. Prints one line a
stage with seconds and the most memory the process has held until then.

    python -m benchmarks.water [cells on a side, 10000] [draws, 1000] [threads, 2]
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from scipy.ndimage import gaussian_filter

from aoi.harm.contamination import Waters, contamination_figures
from aoi.harm.erosion import erosion_draws, erosion_figures
from aoi.harm.factor import load_factors
from aoi.harm.loads import shipped_loads
from aoi.harm.slopes import Cover, prepare_slopes
from geo.flow import flow_network, sub_basins
from geo.grid import GeoBox
from geo.hillslope import stream_mask

CELL_M = 10.0
NAMES = ("primary_forest", "pasture", "crop", "coca")
BLOCK = 500
"""Side of the tile of hills that is laid out again and again, so that no noise of the whole grid is needed."""


def main(side: int, draws: int, jobs: int) -> None:
    """Print the stages of one run."""
    print(f"{side:,} x {side:,} cells of {CELL_M:g} m, {draws:,} draws, {jobs} threads")
    print("| stage | s | most memory, GiB |")
    print("|---|---|---|")
    box = GeoBox.from_bbox((0, 0, side * CELL_M, side * CELL_M), "EPSG:32618", resolution=CELL_M)
    factors = load_factors()
    with _stage("ground made up"):
        elevation, before, plot = _ground(side)
    with _stage("flow network"):
        network = flow_network(elevation, box)
    with _stage("streams and sub-basins"):
        stream = stream_mask(network, least_m2=5e5)
        basin = sub_basins(network, 1e8)
    with _stage("hillslopes, LS and K"):
        observed = np.where(plot, np.int16(3), before)
        slopes = prepare_slopes(
            network,
            stream,
            elevation,
            Cover(names=NAMES, crop="coca", observed=observed, counterfactual=before),
            CELL_M**2 / 1e4,
            erosivity=lambda cells: np.full(cells.size, 6000.0),
            soil=lambda cells: np.full(cells.size, 0.03),
            factors=factors,
        )
    del observed, before
    share = 100 * slopes.hill.cells.size / elevation.size
    domains = {"frame": np.ones(slopes.plots.size, dtype=bool)}
    with _stage(f"erosion ({100 * plot.mean():.1f} % crop, {share:.1f} % of the cells bear on it)"):
        erosion_figures(erosion_draws(slopes, basin, domains, factors, n=draws, seed=1, jobs=jobs))
    with _stage("loads on water"):
        contamination_figures(
            slopes, network, domains, shipped_loads(), factors, "coca", n=draws, seed=1, waters=Waters(), jobs=jobs
        )


@contextmanager
def _stage(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"| {name} | {time.perf_counter() - start:.1f} | {most:.2f} |", flush=True)


def _ground(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return elevation, cover before and plots: tiled hills on a long slope, so that rivers run across tiles."""
    rng = np.random.default_rng(1)
    hills = gaussian_filter(rng.normal(0, 1, (BLOCK, BLOCK)), 15, mode="wrap").astype(np.float32) * 2000
    cover = rng.integers(0, 3, (BLOCK // 20, BLOCK // 20)).repeat(20, axis=0).repeat(20, axis=1).astype(np.int16)
    field = np.zeros((BLOCK, BLOCK), dtype=bool)
    for row, col in rng.integers(0, BLOCK - 8, (60, 2)):
        field[row : row + 8, col : col + 8] = True
    times = -(-side // BLOCK)
    tiled = [np.tile(one, (times, times))[:side, :side] for one in (hills, cover, field)]
    tiled[0] += np.float32(500) - np.arange(side, dtype=np.float32)[:, None] * np.float32(300 / side)
    return tiled[0], tiled[1], tiled[2]


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:]]
    main(*numbers, *[10_000, 1000, 2][len(numbers) :])
