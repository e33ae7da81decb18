"""A small world for tests: a static STAC catalogue of Sentinel-2-like files whose content is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Point

from geo.grid import GeoBox
from imagery.catalog import find_scenes
from imagery.scene import Scene
from imagery.sensor import Sensor, load_sensor

CRS = "EPSG:32642"
ORIGIN = (300_000.0, 3_500_040.0)
BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
COARSE = ("B05", "B06", "B07", "B8A", "B11", "B12", "SCL")
SENSOR: Sensor = load_sensor("sentinel-2-l2a")
VEGETATION = 4


def grid(height: int, width: int, *, cell_m: float = 10.0) -> GeoBox:
    """Return a grid whose corner is the origin of the world."""
    return GeoBox((height, width), Affine(cell_m, 0, ORIGIN[0], 0, -cell_m, ORIGIN[1]), CRS)


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One scene to be written."""

    name: str
    day: date
    reflectance: Mapping[str, NDArray[np.float64]]
    """Band to true reflectance on the 10 m grid."""
    scl: NDArray[np.uint8]
    """Scene classes on the 20 m grid."""
    baseline: str | None = "05.09"
    offset_written: int | None = None
    """Digital numbers added on writing; by the baseline when None."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    """Assets left out."""
    bbox: tuple[float, float, float, float] | None = None


def flat_shot(
    day: date, shape: tuple[int, int] = (8, 8), *, values: Mapping[str, float] | float = 0.2, **changes: Any
) -> Shot:
    """Return a clear scene with one reflectance per band."""
    by_band = values if isinstance(values, Mapping) else dict.fromkeys(BANDS, values)
    shot = Shot(
        name=f"SHOT_{day:%Y%m%d}",
        day=day,
        reflectance={band: np.full(shape, by_band[band]) for band in BANDS},
        scl=np.full((-(-shape[0] // 2), -(-shape[1] // 2)), VEGETATION, dtype=np.uint8),
    )
    return replace(shot, **changes)


def write_catalog(folder: Path, shots: Sequence[Shot], *, geobox: GeoBox | None = None) -> Path:
    """Write scenes and their catalogue; return ``catalog.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    links = [{"rel": "root", "href": "./catalog.json"}]
    for shot in shots:
        write_item(folder / shot.name, shot, geobox)
        links.append({"rel": "item", "href": f"./{shot.name}/{shot.name}.json"})
    content = {
        "type": "Catalog",
        "id": "world",
        "stac_version": "1.1.0",
        "description": "A world for tests.",
        "links": links,
    }
    (folder / "catalog.json").write_text(json.dumps(content))
    return folder / "catalog.json"


def write_item(folder: Path, shot: Shot, geobox: GeoBox | None = None) -> None:
    """Write the files of one scene and its item."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = next(iter(shot.reflectance.values())).shape
    fine = geobox or grid(*shape)
    offset = shot.offset_written
    if offset is None:
        offset = 1000 if shot.baseline is not None and float(shot.baseline) >= 4 else 0
    assets = {}
    for band in (*BANDS, "SCL"):
        if band in shot.without:
            continue
        if band == "SCL":
            cells = shot.scl
        else:
            true = shot.reflectance[band]
            cells = (np.rint(true * 10_000) + offset).astype(np.uint16)
            cells = cells[::2, ::2] if band in COARSE else cells
        write_tif(folder / f"{band}.tif", cells, fine, coarse=band in COARSE)
        assets[band] = {"href": f"./{band}.tif", "type": "image/tiff; application=geotiff", "roles": ["data"]}
    properties: dict[str, Any] = {"datetime": f"{shot.day.isoformat()}T10:30:00Z", **shot.properties}
    if shot.baseline is not None:
        properties["s2:processing_baseline"] = shot.baseline
    box = shot.bbox or degrees(fine)
    content = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": shot.name,
        "geometry": {"type": "Point", "coordinates": [box[0], box[1]]},
        "bbox": list(box),
        "properties": properties,
        "links": [],
        "assets": assets,
    }
    (folder / f"{shot.name}.json").write_text(json.dumps(content))


def write_tif(path: Path, cells: NDArray[Any], fine: GeoBox, *, coarse: bool = False) -> None:
    """Write one band on the grid, or on cells of twice its size."""
    transform = fine.transform * Affine.scale(2) if coarse else fine.transform
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=cells.shape[0],
        width=cells.shape[1],
        count=1,
        dtype=str(cells.dtype),
        crs=str(fine.crs),
        transform=transform,
        tiled=True,
        blockxsize=16,
        blockysize=16,
        compress="DEFLATE",
    ) as target:
        target.write(cells, 1)


def degrees(geobox: GeoBox) -> tuple[float, float, float, float]:
    """Return the bounds of a grid in degrees."""
    box = geobox.boundingbox
    to_degrees = Transformer.from_crs(str(geobox.crs), 4326, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(box.left, box.bottom, box.right, box.top)
    return west, south, east, north


def scenes_of(catalog: Path, geobox: GeoBox, *, sensor: Sensor = SENSOR) -> tuple[Scene, ...]:
    """Return all scenes of a catalogue."""
    return find_scenes(
        catalog=catalog,
        folder=None,
        pattern=None,
        sensor=sensor,
        start=date(2000, 1, 1),
        end=date(2100, 1, 1),
        geobox=geobox,
    )


# ---- two seasons of poppy, wheat and bare land -------------------------------------------------------

POPPY, WHEAT, BARE = 1, 2, 5
DAYS = ((1, 20), (2, 14), (3, 5), (3, 22), (4, 6), (4, 15), (5, 2), (5, 20), (6, 15), (7, 1))
PERIODS = {"2020": (date(2020, 1, 1), date(2020, 7, 31)), "2023": (date(2023, 1, 1), date(2023, 7, 31))}


def season_world(folder: Path, *, size: int = 64, seed: int = 7) -> tuple[Path, NDArray[np.uint8]]:
    """Write two seasons of images of fields of 4 x 4 cells; return the catalogue and the class of every cell."""
    rng = np.random.default_rng(seed)
    fields = rng.choice([POPPY, WHEAT, BARE], size=(size // 4, size // 4), p=[0.4, 0.4, 0.2])
    truth = np.kron(fields, np.ones((4, 4), dtype=np.uint8)).astype(np.uint8)
    shots = []
    for year, baseline in ((2020, "02.14"), (2023, "05.09")):
        for number, (month, day) in enumerate(DAYS):
            scl = np.full((size // 2, size // 2), VEGETATION, dtype=np.uint8)
            row = int(rng.integers(0, size // 2 - 6))
            scl[row : row + 6, : size // 4] = 9
            reflectance = _season_look(truth, number, rng)
            when = date(year, month, day)
            shots.append(
                Shot(name=f"S_{when:%Y%m%d}", day=when, reflectance=reflectance, scl=scl, baseline=baseline)
            )
    return write_catalog(folder, shots), truth


def _season_look(truth: NDArray[np.uint8], number: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    """Return reflectances in which poppy and wheat differ only from the flowering on."""
    green = {
        POPPY: (0.4, 0.6, 0.9, 1.0, 0.8, 0.5, 0.1, 0.0, 0.0, 0.0),
        WHEAT: (0.4, 0.6, 0.9, 1.0, 1.0, 0.9, 0.6, 0.3, 0.0, 0.0),
        BARE: (0.0,) * 10,
    }
    cover = np.zeros(truth.shape)
    for code, course in green.items():
        cover[truth == code] = course[number]
    cover = np.clip(cover + rng.normal(0, 0.05, truth.shape), 0, 1)
    leaf = dict(zip(BANDS, (0.03, 0.06, 0.04, 0.10, 0.28, 0.35, 0.42, 0.44, 0.20, 0.09), strict=True))
    soil = dict(zip(BANDS, (0.12, 0.16, 0.21, 0.24, 0.26, 0.28, 0.30, 0.31, 0.38, 0.33), strict=True))
    return {
        band: cover * leaf[band] + (1 - cover) * soil[band] + rng.normal(0, 0.004, truth.shape) for band in BANDS
    }


def training_points(truth: NDArray[np.uint8], names: Mapping[int, str], *, seed: int = 3) -> Any:
    """Return one labelled point in the middle of most fields, for both periods."""
    rng = np.random.default_rng(seed)
    rows = []
    for top in range(0, truth.shape[0], 4):
        for left in range(0, truth.shape[1], 4):
            if rng.random() < 0.7:
                x, y = ORIGIN[0] + 10 * (left + 1.5), ORIGIN[1] - 10 * (top + 1.5)
                name = names[int(truth[top, left])]
                rows += [(f"P{top:03d}{left:03d}", period, name, Point(x, y)) for period in PERIODS]
    columns = ["unit_id", "period", "class", "geometry"]
    return geopandas.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=CRS)
