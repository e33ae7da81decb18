"""Tiles for telephones and the catalogue of rasters, opened by other programs."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from jsonschema import Draft7Validator
from PIL import Image
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Registry, Resource

from geo.cog import RasterStyle, write_cog
from geo.grid import GeoBox
from geo.legend import Legend, MapClass
from maps.exchange.mbtiles import write_mbtiles
from maps.exchange.stac import RasterItem, write_stac
from tests.maps.exchange.hostile import HOSTILE, program

VENDOR = Path(__file__).parents[2] / "vendor"
LEGEND = Legend(
    (MapClass(code=1, name="coca", colour="#D55E00", crop=True), MapClass(code=2, name="forest", colour="#009E73"))
)
BOX = GeoBox.from_bbox((500_000, 300_000, 506_000, 306_000), "EPSG:32618", resolution=10)


@pytest.fixture
def class_map(tmp_path: Path) -> Path:
    """Return a map: forest, a square of coca in the middle, a strip not seen, and a rim outside the frame."""
    cells = np.full(BOX.shape, 2, dtype=np.uint8)
    cells[200:400, 200:400] = 1
    cells[450:470] = Legend.NOT_SEEN
    cells[:40] = 0
    path = tmp_path / "class_map" / "2024.tif"
    write_cog(path, cells, BOX, style=RasterStyle(nodata=0.0, descriptions=("class",), overviews="mode"))
    return path


def test_tiles_show_the_legend_and_nothing_else(class_map: Path, tmp_path: Path) -> None:
    """Literal: pictures hold the legend's colours, and are clear outside the frame; several zooms are there."""
    path = tmp_path / "a.mbtiles"
    write_mbtiles(path, class_map, LEGEND, title=HOSTILE)
    database = sqlite3.connect(path)
    zooms = [row[0] for row in database.execute("SELECT DISTINCT zoom_level FROM tiles ORDER BY 1")]
    assert len(zooms) >= 2
    colours: set[tuple[int, ...]] = set()
    for (data,) in database.execute("SELECT tile_data FROM tiles WHERE zoom_level = ?", (zooms[-1],)):
        pixels = np.array(Image.open(io.BytesIO(data)).convert("RGBA")).reshape(-1, 4)
        colours |= {tuple(int(v) for v in pixel) for pixel in np.unique(pixels, axis=0) if pixel[3]}
    assert {(0xD5, 0x5E, 0, 255), (0, 0x9E, 0x73, 255)} <= colours
    assert len(colours) == 3  # and that of cells not seen
    names = dict(database.execute("SELECT name, value FROM metadata"))
    assert "\u202e" not in names["name"]
    assert "part" not in names["description"]
    database.close()


def test_tiles_are_equal_bytes_and_open_elsewhere(class_map: Path, tmp_path: Path) -> None:
    """Independent program (gdalinfo): the tiles open; the same map twice is the same file."""
    for name in ("a", "b"):
        write_mbtiles(tmp_path / f"{name}.mbtiles", class_map, LEGEND, title="Map")
    assert (tmp_path / "a.mbtiles").read_bytes() == (tmp_path / "b.mbtiles").read_bytes()
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.is_file()) == [".mbtiles", ".mbtiles"]
    told = program("gdalinfo", tmp_path / "a.mbtiles")
    assert "Driver: MBTiles" in told
    assert "3857" in told


def catalogue(class_map: Path, tmp_path: Path) -> Path:
    """Return the folder of a catalogue of one map."""
    folder = tmp_path / "products" / "0" / "stac"
    item = RasterItem(
        name="class-2024", path=class_map, title=HOSTILE, start=date(2024, 1, 1), end=date(2024, 12, 31),
        classes={1: ("coca", "#D55E00"), 2: ("forest", "#009E73")},
    )  # fmt: skip
    write_stac(folder, [item], title="T", licence="CC-BY-4.0", home=folder, tier=0)
    return folder


def schema_errors(content: dict[str, Any], kind: str) -> list[str]:
    """Return what the STAC 1.1 schemas of pystac and those of the declared extensions say of a document."""
    vendored = [json.loads(path.read_text()) for path in VENDOR.glob("*-v*.json")]
    held = get_local_schema_cache() | {schema["$id"].rstrip("#"): schema for schema in vendored}
    shipped: Registry[Any] = Registry().with_resources(
        [(name, Resource.from_contents(schema)) for name, schema in held.items()]
    )
    core = f"https://schemas.stacspec.org/v1.1.0/{kind}-spec/json-schema/{kind}.json"
    return [
        error.message
        for name in (core, *content.get("stac_extensions", ()))
        for error in Draft7Validator(held[name], registry=shipped).iter_errors(content)
    ]


def test_catalogue_is_valid(class_map: Path, tmp_path: Path) -> None:
    """Independent (STAC 1.1 core schemas of pystac, schemas of the extensions): what is written is valid."""
    folder = catalogue(class_map, tmp_path)
    item = json.loads((folder / "class-2024" / "class-2024.json").read_text())
    collection = json.loads((folder / "collection.json").read_text())
    assert schema_errors(item, "item") == []
    assert schema_errors(collection, "collection") == []
    assert schema_errors(item | {"properties": {"title": "x"}}, "item")
    assert len(item["stac_extensions"]) == 3
    assert "\u202e" not in json.dumps(item, ensure_ascii=False)


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("properties", "proj:shape"), [600]),
        (("properties", "proj:code"), 32618),
        (("assets", "data", "file:size"), "large"),
        (("assets", "data", "file:checksum"), "sha256"),
        (("assets", "data", "classification:classes"), [{"value": 1, "name": "coca bush"}]),
    ],
)
def test_a_wrong_field_of_an_extension_would_be_told(
    class_map: Path, tmp_path: Path, where: tuple[str, ...], wrong: Any
) -> None:
    """Negative control: each extension's own schema is in force."""
    item = json.loads((catalogue(class_map, tmp_path) / "class-2024" / "class-2024.json").read_text())
    holder = item
    for key in where[:-1]:
        holder = holder[key]
    holder[where[-1]] = wrong
    assert schema_errors(item, "item")


def test_catalogue_leads_to_the_files(class_map: Path, tmp_path: Path) -> None:
    """Independent program (pystac): the asset is the file, its checksum the file's, its place right."""
    folder = catalogue(class_map, tmp_path)
    collection = pystac.Collection.from_file(str(folder / "collection.json"))
    (item,) = collection.get_items()
    asset = item.assets["data"]
    path = Path(str(asset.get_absolute_href()))
    assert path.resolve() == class_map.resolve()
    digest = hashlib.sha256(class_map.read_bytes()).hexdigest()
    assert asset.extra_fields["file:checksum"] == "1220" + digest
    assert item.properties["proj:code"] == "EPSG:32618"
    west, south, east, north = item.bbox or (0, 0, 0, 0)
    assert west < -74.98 < east  # zone 18 has its meridian at 75 W
    assert south < 2.74 < north
    assert item.properties["altdev:tier"] == 0


def test_extensions_are_read_by_their_own_packages(class_map: Path, tmp_path: Path) -> None:
    """Independent programs (pystac's packages of the extensions): each declared one gives back its fields."""
    folder = catalogue(class_map, tmp_path)
    item = pystac.Item.from_file(str(folder / "class-2024" / "class-2024.json"))
    declared = {uri.split("/")[3]: uri.split("/")[4] for uri in item.stac_extensions}
    assert declared == {"projection": "v2.0.0", "file": "v2.1.0", "classification": "v2.0.0"}
    for extension in (ProjectionExtension, FileExtension, ClassificationExtension):
        assert extension.get_schema_uri() in item.stac_extensions
    with rasterio.open(class_map) as source:
        place = ProjectionExtension.ext(item)
        assert place.code == "EPSG:32618"
        assert place.shape == [source.height, source.width]
        assert place.transform == list(source.transform)[:6]
    asset = item.assets["data"]
    told = FileExtension.ext(asset)
    assert told.size == class_map.stat().st_size
    assert told.checksum == "1220" + hashlib.sha256(class_map.read_bytes()).hexdigest()
    classes = ClassificationExtension.ext(asset).classes
    assert classes is not None
    assert [(one.value, one.name, one.color_hint) for one in classes] == [
        (1, "coca", "D55E00"), (2, "forest", "009E73"),
    ]  # fmt: skip


def test_class_names_fit_the_extension(class_map: Path, tmp_path: Path) -> None:
    """Published (classification extension 2.0.0): a name is letters, digits, - and _; a hint six capital digits."""
    folder = tmp_path / "stac"
    item = RasterItem(
        name="m", path=class_map, title="T", start=date(2024, 1, 1), end=date(2024, 12, 31),
        classes={1: (HOSTILE, "#d55e00"), 2: ("北", "#009e73"), 3: ("bare_soil", "#aaaaaa")},
    )  # fmt: skip
    write_stac(folder, [item], title="T", licence="CC-BY-4.0", home=folder, tier=0)
    content = json.loads((folder / "m" / "m.json").read_text())
    classes = content["assets"]["data"]["classification:classes"]
    assert all(re.fullmatch(r"[0-9A-Za-z_-]+", one["name"]) for one in classes)
    assert all(re.fullmatch(r"[0-9A-F]{6}", one["color_hint"]) for one in classes)
    assert classes[1]["title"] == "北"
    assert classes[2] == {"value": 3, "name": "bare_soil", "color_hint": "AAAAAA"}
