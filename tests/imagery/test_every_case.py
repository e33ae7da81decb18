"""Every STAC item and metadata tree of the real cases, read right: each is a scene of one sensor or of none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geo.blocks import Block
from geo.errors import InputError
from geo.grid import GeoBox
from imagery.catalog import touches
from imagery.landsat import landsat_metadata, landsat_scene
from imagery.product_folder import product_scenes
from imagery.safe import safe_scene, safe_tiles
from imagery.scene import Scene
from imagery.sensor import Sensor, load_sensor
from imagery.stac import items_of, scene_of
from imagery.stack import Stack, read_stack
from tests.shared import case

S2 = load_sensor("sentinel-2-l2a")
LANDSAT = load_sensor("landsat-c2-l2")

LANDSAT_LEVEL_2 = re.compile(r"L[COTE]0\d_L2S[PR]_\d{6}_")
SENTINEL_LEVEL_2 = re.compile(r"^S2[AB].*(L2A|MSIL2A)")


def features(path: Path) -> list[dict[str, Any]]:
    """Return the items that a JSON file holds; none when it holds something else."""
    content = json.loads(path.read_text())
    if content.get("type") == "FeatureCollection":
        return list(content["features"])
    return [content] if content.get("type") == "Feature" else []


def test_every_item_of_the_cases_is_a_scene_of_its_sensor_alone() -> None:
    """Independent: what an item is follows from the product name its maker gave it."""
    counts = {"sentinel-2": 0, "landsat": 0, "other": 0}
    paths = [path for path in sorted(case("stac").rglob("*")) if path.suffix in (".json", ".geojson")]
    for path in paths:
        if not features(path):
            continue
        for content, item in zip(features(path), items_of(path), strict=True):
            told = f"{content['id']} {content.get('assets', {}).keys()}"
            ours, theirs = scene_of(item, S2), scene_of(item, LANDSAT)
            is_sentinel = bool(SENTINEL_LEVEL_2.match(content["id"])) or "sentinel2_safe" in path.as_posix()
            is_landsat = bool(LANDSAT_LEVEL_2.match(content["id"])) and not path.stem.endswith("ST_stac")
            is_landsat |= content["id"].startswith("LC08_L2SR")
            assert (ours is not None) == is_sentinel, told
            assert (theirs is not None) == is_landsat, told
            for scene, sensor in ((ours, S2), (theirs, LANDSAT)):
                if scene is not None:
                    assert set(scene.bands) == set(sensor.common), told
                    assert scene.mask is not None
                    assert scene.bounds == pytest.approx(tuple(content["bbox"]))
                    assert scene.day.isoformat() == content["properties"]["datetime"][:10]
            counts["sentinel-2" if is_sentinel else "landsat" if is_landsat else "other"] += 1
    assert counts == {"sentinel-2": 31, "landsat": 9, "other": 10}


def test_every_safe_tree_reads_as_its_item_does() -> None:
    """Independent program: stactools made an item of each of the five trees."""
    root = case("stac") / "sentinel2_safe_metadata"
    tiles = list(safe_tiles(root))
    assert len(tiles) == 5
    for tile in tiles:
        folder = root / tile.relative_to(root).parts[0]
        expected = scene_of(next(iter(items_of(folder / "expected_output.json"))), S2)
        found = safe_scene(tile, S2)
        assert found is not None
        assert expected is not None
        assert (found.baseline, found.platform) == (expected.baseline, expected.platform)
        assert f"MGRS-{found.tile}" == expected.tile
        assert found.day == expected.day
        assert found.sun is not None
        assert expected.sun is not None
        assert found.sun.elevation_deg == pytest.approx(expected.sun.elevation_deg)
        assert found.sun.azimuth_deg == pytest.approx(expected.sun.azimuth_deg)
        assert found.bounds is not None
        assert expected.bounds is not None
        assert touches(expected, found.bounds)
        for name, file in found.bands.items():
            told = expected.bands[name]
            assert file.path.rsplit(".", 1)[0] == told.path.rsplit(".", 1)[0], name
            assert (file.scale, round(file.offset, 6)) == (told.scale, round(told.offset, 6)), name
        assert found.mask is not None
        assert expected.mask is not None
        assert found.mask.path.rsplit(".", 1)[0] == expected.mask.path.rsplit(".", 1)[0]


def test_a_tile_across_the_anti_meridian_has_its_west_in_the_east() -> None:
    """Literal: tile 01WCP lies on both sides of 180 degrees."""
    tile = next(tile for tile in safe_tiles(case("stac") / "sentinel2_safe_metadata") if "T01WCP" in str(tile))
    found = safe_scene(tile, S2)
    assert found is not None
    assert found.bounds is not None
    west, _, east, _ = found.bounds
    assert west > 178
    assert east < -178
    assert touches(found, (179.5, 66.0, 179.9, 66.2))
    assert touches(found, (-179.9, 66.0, -179.5, 66.2))
    assert not touches(found, (0.0, 66.0, 1.0, 66.2))


def test_the_three_forms_of_landsat_metadata_say_the_same() -> None:
    """Independent: USGS ships text, JSON and XML of one scene."""
    (text,) = landsat_metadata(case("stac"))
    assert text.suffix == ".txt"
    found = [landsat_scene(text.with_suffix(suffix), LANDSAT) for suffix in (".txt", ".json", ".xml")]
    assert found[0] == found[1] == found[2]
    item = scene_of(next(iter(items_of(Path(str(text).replace("MTL.txt", "SR_stac.json"))))), LANDSAT)
    assert found[0] is not None
    assert item is not None
    assert found[0].id == item.id
    assert found[0].day == item.day
    assert found[0].sun == item.sun
    assert found[0].platform == item.platform == "landsat-8"
    assert found[0].tile == "005009"  # path and row, as the product name has them
    assert item.bounds is not None
    assert found[0].bounds == pytest.approx(item.bounds, abs=0.5)
    for name, file in found[0].bands.items():
        assert Path(file.path).name == item.bands[name].path.rsplit("/", 1)[1]


def landsat_stack(sensor: Sensor) -> tuple[Scene, Stack]:
    """Return the real Landsat scene, read whole on its own grid."""
    (entry,) = product_scenes(case("stac") / "landsat_c2l2_local", LANDSAT)
    assert isinstance(entry, Scene)
    with rasterio.open(entry.bands["red"].path) as source:
        geobox = GeoBox((source.height, source.width), source.transform, str(source.crs))
    block = Block(0, 0, *geobox.shape)
    return entry, read_stack([entry], geobox, block, sensor=sensor, cloud_buffer_m=0)


@pytest.mark.parametrize("bits", [(0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 4)], ids=["snow masked", "snow kept"])
def test_the_real_landsat_scene_cell_by_cell(bits: tuple[int, ...]) -> None:
    """Brute force: the QA bits and the published scale, one bit at a time, on cells that are not square.

    Bits: 0 fill, 1 dilated cloud, 2 cirrus, 3 cloud, 4 shadow, 5 snow. The scene is of Greenland: with snow masked
    nothing is left, which is right.
    """
    assert LANDSAT.mask is not None
    assert LANDSAT.mask.invalid == (0, 1, 2, 3, 4, 5)
    sensor = LANDSAT.model_copy(update={"mask": LANDSAT.mask.model_copy(update={"invalid": bits})})
    scene, stack = landsat_stack(sensor)
    assert scene.mask is not None
    with rasterio.open(scene.mask.path) as source:
        quality = source.read(1)
    with rasterio.open(scene.bands["red"].path) as source:
        raw = source.read(1)
        assert source.transform.a != pytest.approx(-source.transform.e)
    assert (raw == 0).mean() == pytest.approx(0.47, abs=0.01)
    unusable = np.zeros(quality.shape, dtype=bool)
    for bit in bits:
        unusable |= (quality >> bit) % 2 == 1
    for file in scene.bands.values():
        with rasterio.open(file.path) as source:
            unusable |= source.read(1) == 0
    assert np.array_equal(stack.valid[0], ~unusable)
    assert stack.valid.any() == (5 not in bits)
    red = stack.values[0, stack.bands.index("red")][stack.valid[0]] * stack.quantum
    assert np.abs(red - (raw[stack.valid[0]] * 0.0000275 - 0.2)).max(initial=0) <= 0.5e-4 + 1e-9


def test_damaged_metadata_name_the_product(tmp_path: Path) -> None:
    """Law: metadata cut short, or with entities, are told in one line and nothing is expanded."""
    (good,) = (tile for tile in safe_tiles(case("stac") / "sentinel2_safe_metadata") if "T07HFE" in str(tile))
    tile = tmp_path / "X.SAFE" / "GRANULE" / "L2A_X" / "MTD_TL.xml"
    tile.parent.mkdir(parents=True)
    tile.write_bytes(good.read_bytes()[:4000])
    bomb = tmp_path / "Y.SAFE" / "GRANULE" / "L2A_Y" / "MTD_TL.xml"
    bomb.parent.mkdir(parents=True)
    bomb.write_text('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    entries = list(product_scenes(tmp_path, S2))
    assert [type(entry) for entry in entries] == [InputError, InputError]
    assert str(entries[0]).startswith("scene X.SAFE: found metadata that cannot be read")
    assert str(tmp_path) not in str(entries[0])
    assert "a document type declaration" in str(entries[1])


def test_a_landsat_scene_of_level_1_is_no_scene(tmp_path: Path) -> None:
    """Law: top-of-atmosphere scenes are another product; a damaged file is named."""
    (text,) = landsat_metadata(case("stac"))
    content = text.read_text()
    one = tmp_path / "LC08_L1TP_MTL.txt"
    one.write_text(content.replace('PROCESSING_LEVEL = "L2SP"', 'PROCESSING_LEVEL = "L1TP"', 1))
    assert landsat_scene(one, LANDSAT) is None
    one.write_text(content.replace("REFLECTANCE_MULT_BAND_4", "REFLECTANCE_MULT_BAND_X"))
    with pytest.raises(InputError, match=r"scene LC08_L1TP, .*KeyError: 'REFLECTANCE_MULT_BAND_4'"):
        landsat_scene(one, LANDSAT)
    one.write_text(content.replace('SENSOR_ID = "OLI_TIRS"', 'SENSOR_ID = "MSS"'))
    with pytest.raises(InputError, match="instrument MSS"):
        landsat_scene(one, LANDSAT)


def test_images_beside_their_item_are_read_where_they_lie(tmp_path: Path) -> None:
    """Literal: an item whose addresses are on the web, with its files in the same folder."""
    folder = tmp_path / "S2A_28QCH_20200714_0_L2A"
    folder.mkdir()
    source = case("stac") / "odc_stac_items" / "S2A_28QCH_20200714_0_L2A.json"
    (folder / source.name).write_text(source.read_text())
    for name in ("B02", "B03", "SCL"):
        (folder / f"{name}.tif").write_bytes(b"")
    (found,) = product_scenes(tmp_path, S2)
    assert isinstance(found, Scene)
    assert found.bands["blue"].path == str(folder / "B02.tif")
    assert found.bands["red"].path.startswith("https://")
    assert found.mask is not None
    assert found.mask.path == str(folder / "SCL.tif")


def test_a_folder_without_products_asks_for_a_pattern(tmp_path: Path) -> None:
    """Law: the remedy stands in the message."""
    with pytest.raises(InputError, match=r"neither product metadata nor STAC items.*pattern"):
        list(product_scenes(tmp_path, S2))
