"""One season of invented Sentinel-2 scenes of any size: fields of eight classes, clouds, six bands, 12 dates.

Only equality between programs and the time they take mean anything here; accuracies do not.

    python -m benchmarks.season FOLDER [cells on a side, 1024] [dates, 12]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import geopandas
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window
from shapely import Polygon

from geo.blocks import BLOCK_SIZE, Block, blocks
from geo.grid import GeoBox
from imagery.profile import CropProfile
from imagery.scene import BandFile, Scene
from imagery.sensor import Sensor, load_sensor

__all__ = ["BANDS", "CLASSES", "Season", "bench_profile", "bench_sensor", "load_season", "make_season", "parcels"]

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
CLASSES = 8
CRS = "EPSG:32618"
CORNER = (300_000.0, 700_000.0)
CELL_M = 10.0
FIRST_DAY = date(2024, 1, 10)
PARCEL = 16  # cells between the seeds of neighbouring parcels
OFFSET = 1000  # of digital numbers, as from baseline 04.00 on
NOISE = 90.0  # digital numbers; with it the files take about two thirds of their cells' size
PATCH = 64  # cells between the knots of the cloud field
CLEAR, SHADOW, CLOUD = 4, 3, 9
_POOL = 1024
_ROOM = 8192  # cells per side that a knot of the cloud field is numbered over


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """The files of a season."""

    folder: Path
    side: int
    """Cells on a side."""
    days: tuple[date, ...]
    """Days of the scenes."""

    @property
    def geobox(self) -> GeoBox:
        """The grid of the files, which is the grid worked on."""
        return GeoBox((self.side, self.side), Affine(CELL_M, 0, CORNER[0], 0, -CELL_M, CORNER[1]), CRS)

    def path(self, day: date, name: str) -> Path:
        """Return the file of a band, or of the scene classes (``SCL``), of a day."""
        return self.folder / f"{day:%Y%m%d}" / f"{name}.tif"

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """The scenes as the catalogue would give them."""
        return tuple(
            Scene(
                id=f"S2_{day:%Y%m%d}",
                time=datetime(day.year, day.month, day.day, 15, tzinfo=UTC),
                bands={band: BandFile(path=str(self.path(day, band)), scale=1e-4, offset=-0.1) for band in BANDS},
                mask=BandFile(path=str(self.path(day, "SCL"))),
                baseline="05.09",
                tile="18NTM",
            )
            for day in self.days
        )


def bench_sensor() -> Sensor:
    """Return Sentinel-2 with six bands, all of them on the grid's cells."""
    sensor = load_sensor("sentinel-2-l2a")
    bands = tuple(band.model_copy(update={"resolution_m": CELL_M}) for band in sensor.band if band.common in BANDS)
    mask = sensor.mask.model_copy(update={"grown": ()}) if sensor.mask else None
    return sensor.model_copy(update={"band": bands, "mask": mask, "joint": {}})


def bench_profile(classes: int = CLASSES) -> CropProfile:
    """Return a profile of that many classes and three windows of the season."""
    stage = {"source": "invented", "mark": "unverified", "begins": "01-01", "full": "02-01", "name": "green"}
    windows = (("early", "01-01", "03-31"), ("middle", "04-01", "06-15"), ("late", "06-16", "09-30"))
    return CropProfile.model_validate(
        {
            "name": "bench",
            "title": "Invented classes",
            "windows": [
                {
                    "name": name,
                    "start": start,
                    "end": end,
                    "shows": "a third",
                    "source": "invented",
                    "mark": "unverified",
                }
                for name, start, end in windows
            ],
            "classes": [
                {
                    "code": code,
                    "name": "cannabis" if code == 1 else f"class_{code}",
                    "title": f"Class {code}",
                    "colour": f"#{code * 99991 % 0xFFFFFF:06X}",
                    "crop": code == 1,
                    "stages": [stage],
                }
                for code in range(1, classes + 1)
            ],
        }
        | ({"identification": {"rule": "season", "source": "invented", "mark": "unverified"}})
    )


def make_season(
    folder: Path, side: int = 1024, dates: int = 12, *, classes: int = CLASSES, jobs: int = 2
) -> Season:
    """Write a season unless it stands there already.

    Parameters
    ----------
    folder
        Where it goes.
    side
        Cells on a side.
    dates
        Scenes, spread evenly over 240 days.
    classes
        Classes of fields.
    jobs
        Scenes written at once.
    """
    step = timedelta(days=240 / max(dates, 1))
    season = Season(folder=folder, side=side, days=tuple(FIRST_DAY + n * step for n in range(dates)))
    told = {"side": side, "dates": dates, "classes": classes}
    note = folder / "season.json"
    if note.is_file() and json.loads(note.read_text()) == told:
        return season
    folder.mkdir(parents=True, exist_ok=True)
    pool = np.random.default_rng(0).normal(0, NOISE, (_POOL, _POOL)).astype(np.float32)
    with ThreadPoolExecutor(jobs) as threads:
        list(threads.map(lambda number: _write_scene(season, number, pool, classes), range(dates)))
    note.write_text(json.dumps(told))
    return season


def load_season(folder: Path) -> Season:
    """Return the season that stands in a folder."""
    told = json.loads((folder / "season.json").read_text())
    step = timedelta(days=240 / max(told["dates"], 1))
    return Season(folder=folder, side=told["side"], days=tuple(FIRST_DAY + n * step for n in range(told["dates"])))


def class_of(block: Block, classes: int = CLASSES) -> NDArray[np.uint8]:
    """Return the class of every cell of a block, 1 to `classes`; the same however the grid is cut."""
    _, number = _nearest_seed(block)
    return (_hashed(number, 3) % classes + 1).astype(np.uint8)


def parcels(season: Season, count: int, seed: int = 1) -> geopandas.GeoDataFrame:
    """Return field polygons of 0.25 to 20 ha, six-sided, some of them across the edges of blocks."""
    rng = np.random.default_rng(seed)
    area_m2 = 1e4 * np.exp(rng.uniform(np.log(0.25), np.log(20), count))
    radius = np.sqrt(area_m2 / 2.6)
    span = season.side * CELL_M
    x = CORNER[0] + rng.uniform(0.02, 0.98, count) * span
    y = CORNER[1] - rng.uniform(0.02, 0.98, count) * span
    turn = rng.uniform(0, np.pi, count)
    corner = np.arange(6) * np.pi / 3
    angle = turn[:, None] + corner
    ring = np.stack([x[:, None] + radius[:, None] * np.cos(angle), y[:, None] + radius[:, None] * np.sin(angle)], 2)
    return geopandas.GeoDataFrame(
        {"field": np.arange(count)}, geometry=[Polygon(points) for points in ring], crs=CRS
    )


def _write_scene(season: Season, number: int, pool: NDArray[np.float32], classes: int) -> None:
    day = season.days[number]
    season.path(day, "SCL").parent.mkdir(exist_ok=True)
    profile = {
        "driver": "GTiff",
        "height": season.side,
        "width": season.side,
        "count": 1,
        "crs": CRS,
        "transform": season.geobox.transform,
        "tiled": True,
        "blockxsize": BLOCK_SIZE,
        "blockysize": BLOCK_SIZE,
        "compress": "DEFLATE",
        "bigtiff": "IF_SAFER",
    }
    rng = np.random.default_rng([7, number])
    start = rng.integers(0, _POOL, (len(BANDS), 2))
    level = rng.uniform(0.6, 0.78)
    look = _look(number, len(season.days), classes)
    outs = [
        rasterio.open(season.path(day, band), "w", **profile, dtype="uint16", predictor=2, nodata=0)
        for band in BANDS
    ]
    with rasterio.open(season.path(day, "SCL"), "w", **profile, dtype="uint8") as scl:
        for block in blocks((season.side, season.side)):
            window = Window(block.col, block.row, block.width, block.height)
            seed, parcel = _nearest_seed(block)
            del seed
            code = (_hashed(parcel, 3) % classes).astype(np.intp)
            vigour = ((_hashed(parcel, 5) % 1000).astype(np.float32) / 1000 - 0.5) * 500
            sky = _sky(block, number, level)
            scl.write(sky, 1, window=window)
            for layer, out in enumerate(outs):
                rows = (start[layer, 0] + block.row + np.arange(block.height)) % _POOL
                cols = (start[layer, 1] + 3 * (block.row // _POOL) + block.col + np.arange(block.width)) % _POOL
                cells = look[code, layer] + vigour * (1 if layer >= 3 else -0.3) + pool[np.ix_(rows, cols)]
                cells = np.where(sky == CLOUD, 7000 + cells, np.where(sky == SHADOW, cells * 0.4, cells))
                out.write((np.clip(cells, 1, 15_000) + OFFSET).astype(np.uint16), 1, window=window)
    for out in outs:
        out.close()


def _look(number: int, dates: int, classes: int) -> NDArray[np.float32]:
    """Return the digital number of each class in each band on a date, shape (classes, bands)."""
    season = 2 * np.pi * number / max(dates, 1)
    code = np.arange(classes)
    green = 0.5 + 0.35 * np.cos(season - 2 * np.pi * code / classes) + 0.1 * np.cos(2 * season - code)
    soil = np.array([900, 1200, 1700, 2300, 3000, 2500])
    leaf = np.array([350, 700, 450, 4200, 1900, 900])
    shade = 1 + 0.05 * np.cos(code)[:, None]
    return ((green[:, None] * leaf + (1 - green[:, None]) * soil) * shade).astype(np.float32)


def _nearest_seed(block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the squared distance to the nearest seed of a parcel, and the number of that seed."""
    row = np.arange(block.row, block.row + block.height)[:, None]
    col = np.arange(block.col, block.col + block.width)[None, :]
    best = np.full((block.height, block.width), np.iinfo(np.int64).max)
    number = np.zeros((block.height, block.width), dtype=np.int64)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            seed = (row // PARCEL + down + 1) * 100_003 + col // PARCEL + right + 1
            at_row = (row // PARCEL + down) * PARCEL + _hashed(seed, 1) % PARCEL
            at_col = (col // PARCEL + right) * PARCEL + _hashed(seed, 2) % PARCEL
            away = (row - at_row) ** 2 + (col - at_col) ** 2
            nearer = away < best
            best, number = np.where(nearer, away, best), np.where(nearer, seed, number)
    return best, number


def _hashed(number: NDArray[np.int64], salt: int) -> NDArray[np.int64]:
    mixed = (number * 2_654_435_761 + salt * 40_503) & 0xFFFFFFFF
    mixed ^= mixed >> 15
    mixed = (mixed * 2_246_822_519) & 0xFFFFFFFF
    return np.asarray(mixed ^ (mixed >> 13), dtype=np.int64)


def _sky(block: Block, number: int, level: float) -> NDArray[np.uint8]:
    """Return the scene class of every cell: cloud where a smooth field is high, its shadow beside it."""
    cloud = _cloud_field(block.row, block.col, block.height, block.width, number) > level
    shadow = _cloud_field(block.row - 12, block.col + 9, block.height, block.width, number) > level
    return np.where(cloud, CLOUD, np.where(shadow, SHADOW, CLEAR)).astype(np.uint8)


def _cloud_field(top: int, left: int, height: int, width: int, number: int) -> NDArray[np.float64]:
    row = (np.arange(top, top + height) + 16 * PATCH) / PATCH
    col = (np.arange(left, left + width) + 16 * PATCH) / PATCH
    at = (np.floor(row).astype(np.int64)[:, None], np.floor(col).astype(np.int64)[None, :])
    down, right = (row - np.floor(row))[:, None], (col - np.floor(col))[None, :]

    def knot(d: int, r: int) -> NDArray[np.float64]:
        return _hashed(((at[0] + d) * _ROOM + at[1] + r) * 64 + number, 9) / 2**32

    return (1 - down) * ((1 - right) * knot(0, 0) + right * knot(0, 1)) + down * (
        (1 - right) * knot(1, 0) + right * knot(1, 1)
    )


def main(arguments: Sequence[str]) -> None:
    """Write a season and tell how large it is."""
    folder = Path(arguments[0])
    side, dates = ([int(one) for one in arguments[1:]] + [1024, 12][len(arguments) - 1 :])[:2]
    make_season(folder, side, dates)
    size = sum(path.stat().st_size for path in folder.rglob("*.tif"))
    print(f"{side:,} x {side:,} cells, {dates} dates: {size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
