"""Peak memory of mapping a whole Sentinel-2 tile, 10,980 x 10,980 cells, from 12 dates of six bands.

Memory does not depend on what the cells hold, so the tile is cheap to make: each file has one compressed tile that
all places of its index point to. The scenes are read, decoded, composed, mapped and written as any others.

    python -m benchmarks.memory [--side 10980] [--dates 12] [--jobs 2] [--trees 10]

Prints a line: cells, dates, threads, seconds, processor seconds, peak memory.
"""

from __future__ import annotations

import argparse
import struct
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import rasterio

from benchmarks.end_to_end import make_task, timed
from benchmarks.season import BANDS, CELL_M, CORNER, CRS, Season, load_season
from geo.blocks import BLOCK_SIZE
from geo.tiff import first_tile
from imagery.classify import PeriodScenes, TrainedModel, write_maps

LONG, SHORT, DOUBLE = 4, 3, 12
TILE_OFFSETS, TILE_BYTES = 324, 325


def repeat_tile(source: Path, target: Path, side: int) -> None:
    """Write a raster of `side` cells each of whose tiles is the first tile of another raster."""
    with rasterio.open(source) as small:
        kind, predictor = small.dtypes[0], small.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR", "1")
        compressed = first_tile(source.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.tif"
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=side,
            width=side,
            count=1,
            dtype=kind,
            crs=CRS,
            transform=rasterio.Affine(CELL_M, 0, CORNER[0], 0, -CELL_M, CORNER[1]),
            tiled=True,
            blockxsize=BLOCK_SIZE,
            blockysize=BLOCK_SIZE,
            compress="DEFLATE",
            predictor=int(predictor),
            sparse_ok=True,
        ):
            pass
        content = bytearray(path.read_bytes())
    place = len(content)
    for tag, value in ((TILE_OFFSETS, place), (TILE_BYTES, len(compressed))):
        kind_of, count, at = _entry(content, tag)
        if kind_of == SHORT:
            raise ValueError("a raster of short offsets")
        struct.pack_into(f"<{count}I", content, at, *[value] * count)
    target.write_bytes(bytes(content) + compressed)


def _entry(content: bytes | bytearray, tag: int) -> tuple[int, int, int]:
    """Return type, count and place of the values of an entry of a little-endian TIFF."""
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    for number in range(entries):
        at = first + 2 + 12 * number
        found, kind, count, value = struct.unpack_from("<HHII", content, at)
        if found == tag:
            size = {SHORT: 2, LONG: 4}[kind] * count
            return kind, count, value if size > 4 else at + 8
    raise ValueError(f"no entry {tag}")


def make_tile(folder: Path, side: int, dates: int, trees: int) -> None:
    """Write a small season, its model, and the large season that repeats it."""
    small = make_task(folder / "small", BLOCK_SIZE, trees=trees)
    large = Season(folder=folder / "large", side=side, days=small.days)
    for number, day in enumerate(_days(large, dates)):
        large.path(day, "SCL").parent.mkdir(parents=True, exist_ok=True)
        for name in (*BANDS, "SCL"):
            target = large.path(day, name)
            if not target.is_file():
                repeat_tile(small.path(small.days[number % len(small.days)], name), target, side)


def _days(season: Season, dates: int) -> tuple:  # type: ignore[type-arg]
    span = (season.days[-1] - season.days[0]) / max(dates - 1, 1)
    return tuple(season.days[0] + number * span for number in range(dates))


def map_tile(folder: Path, side: int, dates: int, jobs: int) -> None:
    """Map the large season."""
    small = load_season(folder / "small")
    large = Season(folder=folder / "large", side=side, days=small.days)
    large = replace(large, days=_days(large, dates))
    model = TrainedModel.load(folder / "small" / "model")
    out = folder / "out"
    out.mkdir(exist_ok=True)
    write_maps(
        model,
        PeriodScenes(scenes=large.scenes, start=large.days[0], end=large.days[-1]),
        geobox=large.geobox,
        inside=None,
        class_path=out / "class.tif",
        probability_paths={"cannabis": out / "probability.tif"},
        composite_paths={name: out / f"composite_{name}.tif" for name in ("early", "middle", "late")},
        uncertainty_path=out / "uncertainty.tif",
        jobs=jobs,
    )


def main() -> None:
    """Make the tile, map it in a process of its own, and print the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=10_980)
    parser.add_argument("--dates", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--trees", type=int, default=10, help="boosting rounds; memory does not depend on them")
    parser.add_argument("--folder", type=Path, help="where the tile stands or goes; kept")
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inner:
        map_tile(arguments.folder, arguments.side, arguments.dates, arguments.jobs)
        return
    with tempfile.TemporaryDirectory(prefix="altdev-bench-") as scratch:
        folder = arguments.folder or Path(scratch)
        make_tile(folder, arguments.side, arguments.dates, arguments.trees)
        given = [f"--{name}={getattr(arguments, name)}" for name in ("side", "dates", "jobs")]
        run = timed([sys.executable, "-m", "benchmarks.memory", "--inner", f"--folder={folder}", *given])
    print("| cells on a side | dates | threads | wall s | CPU s | peak MiB |")
    print("|---|---|---|---|---|---|")
    told = f"{arguments.side:,} | {arguments.dates} | {arguments.jobs}"
    print(f"| {told} | {run.wall_s:.0f} | {run.cpu_s:.0f} | {run.peak_mib:,.0f} |")


if __name__ == "__main__":
    main()
