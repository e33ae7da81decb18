"""Real STAC items of many makers and versions, read as scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pystac
import pytest

from geo.errors import InputError
from imagery.scene import Scene
from imagery.sensor import load_sensor
from imagery.stac import items_of, scene_of
from tests.shared import case

S2 = load_sensor("sentinel-2-l2a")
LANDSAT = load_sensor("landsat-c2-l2")


def scene(path: str, sensor: Any = S2) -> Scene | None:
    """Read the first scene of a file of the case."""
    found = (scene_of(item, sensor) for item in items_of(case("stac") / path))
    return next(filter(None, found), None)


SAFE = "sentinel2_safe_metadata"


@pytest.mark.parametrize(
    ("path", "baseline", "offset"),
    [
        ("odc_stac_items/S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531.json", "02.12", 0.0),
        ("odc_stac_items/S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531_raster_ext.json", "02.12", 0.0),
        ("odc_stac_items/S2A_28QCH_20200714_0_L2A.json", "02.14", 0.0),
        (f"{SAFE}/S2A_MSIL2A_20190212T192651_N0212_R013_T07HFE_20201007T160857.SAFE", "02.12", 0.0),
        (f"{SAFE}/esa_S2B_MSIL2A_20210122T133229_N0214_R081_T22HBD_20210122T155500.SAFE", "02.14", 0.0),
        (f"{SAFE}/S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE", "05.09", -0.1),
        (f"{SAFE}/S2A_T60CWS_20240109T203651_L2A", "05.10", -0.1),
        # A test product of ESA whose own metadata say -7000: what the product says holds
        (f"{SAFE}/S2A_OPER_MSI_L2A_TL_VGS1_20220401T110010_A035382_T34LBQ", "04.00", -0.7),
        ("stactools_examples/sentinel2/catalog.json", "02.12", 0.0),
    ],
)
def test_sentinel_2_items_give_baseline_and_offset(path: str, baseline: str, offset: float) -> None:
    """Independent program: baselines and offsets as the makers of the items wrote them."""
    found = scene(path if path.endswith(".json") else f"{path}/expected_output.json")
    assert found is not None
    assert found.baseline == baseline
    assert set(found.bands) == set(S2.common)
    assert {round(file.offset, 6) for file in found.bands.values()} == {offset}
    assert found.mask is not None


def test_the_finest_asset_of_a_band_is_read() -> None:
    """Literal: of red, red_20m and red_60m the item's 10 m asset is meant."""
    found = scene(f"{SAFE}/S2A_T60CWS_20240109T203651_L2A/expected_output.json")
    assert found is not None
    assert Path(found.bands["red"].path).parts[-2:] == ("R10m", "B04.jp2")
    assert Path(found.bands["swir16"].path).parts[-2:] == ("R20m", "B11.jp2")


def test_landsat_items_of_every_generation() -> None:
    """Literal: red is band 3 of TM and ETM+ and band 4 of OLI; the common name finds it."""
    names = {}
    for path in sorted((case("stac") / "stactools_examples/landsat/landsat-c2-l2").glob("*/*.json")):
        found = scene_of(next(iter(items_of(path))), LANDSAT)
        assert found is not None
        assert found.mask is not None
        assert {file.offset for file in found.bands.values()} == {-0.2}
        names[found.id[:4]] = Path(found.bands["red"].path).stem[-2:]
    assert names == {"LC08": "B4", "LC09": "B4", "LE07": "B3", "LT04": "B3", "LT05": "B3"}


@pytest.mark.parametrize(
    "path",
    [
        "odc_stac_items/LC08_L2SP_028030_20200114_20200824_02_T1_SR.json",
        "odc_stac_items/LE07_L2SP_044033_20210329_20210424_02_T1_SR.json",
        "odc_stac_items/LC08_L2SR_081119_20200101_20200823_02_T2.json",
        "landsat_c2l2_local/LC08_L2SP_005009_20150710_20200908_02_T2_SR_stac.json",
    ],
)
def test_old_landsat_items(path: str) -> None:
    """Literal: STAC 0.7 and 1.0-beta list bands by position; they are found all the same."""
    found = scene(path, LANDSAT)
    assert found is not None
    assert found.bands["red"].path.endswith(("B4.TIF", "B3.TIF"))
    assert found.bands["nir"].path.endswith(("B5.TIF", "B4.TIF"))


def test_items_of_other_products_are_passed_over() -> None:
    """Law: level 1, surface temperature, elevation and percentiles are not this sensor's scenes."""
    root = case("stac")
    others = [
        *(root / "stactools_examples/landsat/landsat-c2-l1").glob("*/*.json"),
        root / "odc_stac_items/lidar_dem.json",
        root / "odc_stac_items/only_crs_proj.json",
        root / "odc_stac_items/ga_ls8c_ard_3-1-0_088080_2020-05-25_final.stac-item.json",
        root / "landsat_c2l2_local/LC08_L2SP_005009_20150710_20200908_02_T2_ST_stac.json",
        *(root / "stactools_examples/sentinel2/sentinel2-l1c-example").glob("*/*.json"),
    ]
    assert len(others) >= 9
    for path in others:
        item = next(iter(items_of(path)))
        assert scene_of(item, LANDSAT) is None
        assert scene_of(item, S2) is None


def test_search_results_and_static_catalogues() -> None:
    """Literal: 9 and 13 items in two search results, 2 in a catalogue of which one is level 2A."""
    root = case("stac")
    counts = [
        len([scene_of(item, S2) for item in items_of(root / "odc_stac_items" / name)])
        for name in ("site1-20200606-tall-strip-africa.geojson", "site2-2020_jun_jul-35MNM.geojson")
    ]
    assert counts == [9, 13]
    found = [scene_of(item, S2) for item in items_of(root / "stactools_examples/sentinel2/catalog.json")]
    assert [entry.id for entry in found if entry] == ["S2A_T07HFE_20190212T192646_L2A"]


def item(**changes: Any) -> pystac.Item:
    """Return a small item with every band of the sensor."""
    content: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": "TINY",
        "geometry": None,
        "properties": {"datetime": "2023-05-01T10:00:00Z", "s2:processing_baseline": "05.09"},
        "links": [],
        "assets": {band.name: {"href": f"/data/{band.name}.tif"} for band in S2.band}
        | {"SCL": {"href": "/data/SCL.tif"}},
    }
    content["properties"] |= changes.pop("properties", {})
    for key in changes.pop("drop", ()):
        del content["assets"][key]
    return pystac.Item.from_dict(content | changes)


def offset_of(found: Scene | None) -> float:
    """Return the offset of the red band."""
    assert found is not None
    return found.bands["red"].offset


def test_integers_already_offset_are_not_offset_again() -> None:
    """Literal: some catalogues apply the offset themselves and say so in the item."""
    assert offset_of(scene_of(item(), S2)) == -0.1
    applied = item(properties={"earthsearch:boa_offset_applied": True})
    assert offset_of(scene_of(applied, S2)) == 0.0
    not_applied = item(properties={"earthsearch:boa_offset_applied": False})
    assert offset_of(scene_of(not_applied, S2)) == -0.1


def test_a_declared_offset_of_0_does_not_hide_the_one_the_baseline_demands() -> None:
    """Law: a forgotten offset in the metadata shifts no index."""
    forgetful = item()
    forgetful.assets["B04"].extra_fields["raster:bands"] = [{"scale": 1e-4, "offset": 0}]
    assert offset_of(scene_of(forgetful, S2)) == -0.1


def test_an_item_without_baseline_is_refused() -> None:
    """Law: no offset without a baseline."""
    bare = item(properties={"s2:processing_baseline": None})
    with pytest.raises(InputError, match="without processing baseline"):
        scene_of(bare, S2)


@pytest.mark.parametrize(("drop", "message"), [(("B11",), "swir16"), (("SCL",), "mask SCL or scl")])
def test_a_missing_asset_names_the_scene(drop: tuple[str, ...], message: str) -> None:
    """Law: the message names the scene and what it lacks."""
    with pytest.raises(InputError, match=f"scene TINY: found no asset for {message}"):
        scene_of(item(drop=drop), S2)


def test_a_file_that_is_no_catalogue(tmp_path: Path) -> None:
    """Law: broken JSON is told in one line."""
    (tmp_path / "catalog.json").write_text("{")
    with pytest.raises(InputError, match=r"catalog\.json: found a catalogue that cannot be read"):
        list(items_of(tmp_path / "catalog.json"))
    (tmp_path / "catalog.json").write_text(json.dumps({"type": "Recipe"}))
    with pytest.raises(InputError, match="cannot be read"):
        list(items_of(tmp_path / "catalog.json"))
    with pytest.raises(InputError, match="no such file"):
        list(items_of(tmp_path / "none.json"))
