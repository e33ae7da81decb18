"""How long does a large overlay take? 100,000 fields against 10,000 areas that overlap, parts checked first.

python -m benchmarks.overlay_speed
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import geopandas
import numpy as np
import shapely

from aoi.overlay import partition, partition_areas, zone_of_points
from aoi.zones import ZoneLayer, Zones, stack
from geo.areas import polygon_areas_ha
from monitor.terminal import TerminalListener

FIELDS, AREAS, SIDE_M, CRS = 100_000, 10_000, 400_000.0, "EPSG:32618"
CLOSE = 1e-6


def main() -> None:
    """Print the seconds of a partition, of its hectares and of points, after checking that the parts add up."""
    rng = np.random.default_rng(1)
    fields, zones = _fields(rng), _zones(rng)
    start = time.perf_counter()
    with _bar("pairs of field and area") as told:
        pieces = partition(fields, zones, progress=told)
    cut = time.perf_counter() - start
    start = time.perf_counter()
    table = partition_areas(pieces, zones)
    added = time.perf_counter() - start
    start = time.perf_counter()
    zone_of_points(fields.set_geometry(fields.centroid), zones)
    placed = time.perf_counter() - start
    whole = float(polygon_areas_ha(fields).sum())
    parts = float(table["area_ha"].sum())
    if abs(parts - whole) > CLOSE * whole:
        raise SystemExit(f"parts of {parts:.6f} ha, whole of {whole:.6f} ha")
    print("| job | seconds | result |")
    print("|---|---|---|")
    print(
        f"| {FIELDS:,} fields cut along {AREAS:,} areas | {cut:.1f} | {len(pieces):,} pieces, add up to the whole |"
    )
    print(f"| hectares of each area | {added:.2f} | {parts:,.0f} ha |")
    print(f"| {FIELDS:,} points in {AREAS:,} areas | {placed:.2f} | |")


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Give what draws a bar on a terminal, and nothing elsewhere."""
    listener = TerminalListener(quiet=False)
    with listener:
        yield partial(listener.progress, label)


def _fields(rng: np.random.Generator) -> geopandas.GeoDataFrame:
    """Return fields of half a hectare on a lattice, so that none overlap."""
    step = SIDE_M / np.ceil(np.sqrt(FIELDS))
    places = np.arange(FIELDS)
    x = 300_000 + step * (places % int(SIDE_M / step)) + rng.uniform(0, step - 90, FIELDS)
    y = step * (places // int(SIDE_M / step)) + rng.uniform(0, step - 90, FIELDS)
    return geopandas.GeoDataFrame(geometry=shapely.box(x, y, x + 70, y + 70), crs=CRS)


def _zones(rng: np.random.Generator) -> Zones:
    """Return areas of some 2,900 ha in two layers, which overlap within and across."""
    x, y = 300_000 + rng.uniform(0, SIDE_M, AREAS), rng.uniform(0, SIDE_M, AREAS)
    shapes = shapely.buffer(shapely.points(x, y), rng.uniform(1500, 4500, AREAS), quad_segs=12)
    half = AREAS // 2
    layers = [
        ZoneLayer(
            name=name,
            frame=geopandas.GeoDataFrame({"label": [f"{name}{k}" for k in range(len(own))]}, geometry=own, crs=CRS),
            label="label",
        )
        for name, own in (("ad", shapes[:half]), ("park", shapes[half:]))
    ]
    return stack(layers, CRS)


if __name__ == "__main__":
    main()
