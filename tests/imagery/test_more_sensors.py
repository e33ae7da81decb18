"""Sensors beyond Sentinel-2 and Landsat: radar, PlanetScope, CBERS, one's own, and one seen as another."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
import rasterio
from numpy.typing import NDArray

from geo.blocks import Block
from geo.errors import SurveyFileError
from imagery.catalog import find_scenes
from imagery.harmonise import adjustments, harmonised
from imagery.scene import BandFile, Scene
from imagery.sensor import Sensor, load_sensor
from imagery.stac import scene_of
from imagery.stack import Stack, read_stack
from tests.imagery.world import BANDS, CRS, SENSOR, flat_shot, grid, scenes_of, write_catalog, write_tif


def write_bands(path: Path, cells: NDArray[Any], *, nodata: float | None = None, cell_m: float = 10.0) -> None:
    """Write a file of several bands, shape (b, h, w)."""
    count, height, width = cells.shape
    profile = {"driver": "GTiff", "height": height, "width": width, "count": count, "dtype": str(cells.dtype)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", crs=CRS, transform=grid(2, 2, cell_m=cell_m).transform, nodata=nodata, **profile
    ) as target:
        target.write(cells)


def folder_stack(folder: Path, pattern: str, sensor: Sensor, *, cell_m: float, size: int = 2) -> Stack:
    """Read every scene of a folder."""
    geobox = grid(size, size, cell_m=cell_m)
    scenes = find_scenes(
        catalog=None,
        folder=folder,
        pattern=pattern,
        sensor=sensor,
        start=date(2000, 1, 1),
        end=date(2100, 1, 1),
        geobox=geobox,
    )
    return read_stack(scenes, geobox, Block(0, 0, size, size), sensor=sensor, cloud_buffer_m=0)


# ---- radar ------------------------------------------------------------------------------------------


def test_radar_power_becomes_decibels(tmp_path: Path) -> None:
    """Law: power of 0.01, 0.1 and 1 are -20, -10 and 0 dB; no-data, nothing and NaN are no observation."""
    radar = load_sensor("sentinel-1-rtc")
    vv = np.array([[0.01, 0.1], [1.0, -32768.0]], dtype=np.float32)
    vh = np.array([[0.005, 0.0], [0.2, 0.1]], dtype=np.float32)
    write_bands(tmp_path / "S1_20230501_vv.tif", vv[None], nodata=-32768)
    write_bands(tmp_path / "S1_20230501_vh.tif", vh[None], nodata=-32768)
    stack = folder_stack(tmp_path, "S1_{date}_{band}.tif", radar, cell_m=10)
    assert stack.valid[0].tolist() == [[True, False], [True, False]]
    assert stack.values[0, :, 0, 0] * stack.quantum == pytest.approx([-20.0, -23.01], abs=0.01)
    assert stack.values[0, :, 1, 0] * stack.quantum == pytest.approx([0.0, -6.99], abs=0.01)
    vv[0, 0] = np.nan
    write_bands(tmp_path / "S1_20230501_vv.tif", vv[None], nodata=-32768)
    assert folder_stack(tmp_path, "S1_{date}_{band}.tif", radar, cell_m=10).valid.sum() == 1


def test_radar_is_averaged_as_power(tmp_path: Path) -> None:
    """Law: the mean of 0.01 and 0.19 is 0.1, which is -10 dB; the mean of their decibels would be -13.6."""
    radar = load_sensor("sentinel-1-rtc")
    power = np.tile(np.array([[0.01, 0.19], [0.19, 0.01]], dtype=np.float32), (2, 2))
    for band in ("vv", "vh"):
        write_bands(tmp_path / f"S1_20230501_{band}.tif", power[None], nodata=-32768)
    stack = folder_stack(tmp_path, "S1_{date}_{band}.tif", radar, cell_m=20)
    assert (stack.values[0] * stack.quantum).ravel() == pytest.approx([-10.0] * 8, abs=0.01)


def test_a_radar_item_is_no_optical_scene() -> None:
    """Law: the platform and the collection tell the products apart."""
    radar = load_sensor("sentinel-1-rtc")
    content: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S1A_IW_20230501_rtc",
        "collection": "sentinel-1-rtc",
        "geometry": None,
        "properties": {"datetime": "2023-05-01T10:00:00Z", "platform": "SENTINEL-1A"},
        "links": [],
        "assets": {"vv": {"href": "/vv.tif"}, "vh": {"href": "/vh.tif"}},
    }
    assert scene_of(pystac.Item.from_dict(content), SENSOR) is None
    found = scene_of(pystac.Item.from_dict(content), radar)
    assert found is not None
    assert found.platform == "sentinel-1a"
    assert scene_of(pystac.Item.from_dict(content | {"collection": "sentinel-1-grd"}), radar) is None


# ---- PlanetScope, CBERS, one's own ------------------------------------------------------------------


@pytest.mark.parametrize(("bands", "name", "red"), [(8, "AnalyticMS_SR_8b", 6), (4, "AnalyticMS_SR", 3)])
def test_planetscope_scenes_by_their_names(tmp_path: Path, bands: int, name: str, red: int) -> None:
    """Literal: all bands in one file, the usable data mask in another, red the sixth of eight or third of four."""
    sensor = load_sensor(f"planetscope-{bands}b-sr")
    cells = np.stack([np.full((2, 2), 100 * number, dtype=np.uint16) for number in range(1, bands + 1)])
    mask = np.zeros((8, 2, 2), dtype=np.uint8)
    mask[0] = [[1, 0], [1, 1]]
    mask[5] = 1  # the cloud band of the mask is not what is read
    write_bands(tmp_path / f"20230501_101010_12_24c7_3B_{name}.tif", cells, cell_m=3)
    write_bands(tmp_path / "20230501_101010_12_24c7_3B_udm2.tif", mask, cell_m=3)
    stack = folder_stack(tmp_path, "{date}_{scene}_3B_{band}.tif", sensor, cell_m=3)
    assert stack.valid[0].tolist() == [[True, False], [True, True]]
    at = dict(zip(stack.bands, (stack.values[0, :, 0, 0] * stack.quantum).tolist(), strict=True))
    assert at["red"] == pytest.approx(red * 0.01)
    assert at["nir"] == pytest.approx(bands * 0.01)


def test_a_planetscope_item_shares_one_asset() -> None:
    """Literal: an item says nothing of the bands in its file; their numbers come from the sensor."""
    sensor = load_sensor("planetscope-8b-sr")
    item = pystac.Item.from_dict(
        {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": "20230501_101010_12_24c7",
            "geometry": None,
            "properties": {"datetime": "2023-05-01T10:10:10Z", "constellation": "planetscope", "platform": "24c7"},
            "links": [],
            "assets": {"ortho_analytic_8b_sr": {"href": "/sr.tif"}, "ortho_udm2": {"href": "/udm2.tif"}},
        }
    )
    found = scene_of(item, sensor)
    assert found is not None
    assert {name: file.index for name, file in found.bands.items()} == {
        "blue": 2,
        "green": 4,
        "yellow": 5,
        "red": 6,
        "rededge1": 7,
        "nir": 8,
    }
    assert found.mask == BandFile(path="/udm2.tif")


def test_cbers_scenes_by_their_names(tmp_path: Path) -> None:
    """Literal: the naming of INPE's level 4 scenes."""
    sensor = load_sensor("cbers4-mux-l4")
    for number in (5, 6, 7, 8):
        cells = np.full((1, 2, 2), 10 * number, dtype=np.uint8)
        write_bands(tmp_path / f"CBERS_4_MUX_20160518_163_128_L4_BAND{number}.tif", cells, cell_m=20)
    stack = folder_stack(tmp_path, "CBERS_4_MUX_{date}_{scene}_L4_{band}.tif", sensor, cell_m=20)
    assert stack.values[0, :, 0, 0].tolist() == [50, 60, 70, 80]


def test_a_small_sensor_file_of_ones_own(tmp_path: Path) -> None:
    """Literal: three bands of a very-high-resolution image, described in a dozen lines."""
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\ntitle = "Mine"\nsource = "me"\nquantity = "reflectance"\nscale = 1e-4\nquantum = 1e-4\n'
        "nodata = 0\n"
        + "".join(
            f'\n[[band]]\nname = "{band}"\ncommon = "{band}"\nkeys = ["image"]\n'
            f"resolution_m = 0.5\nindex = {index}\n"
            for index, band in enumerate(("red", "green", "nir"), start=1)
        )
    )
    cells = np.array([[[1000, 0], [3000, 4000]]] * 3, dtype=np.uint16)
    write_bands(tmp_path / "images" / "PLOT_20230501.tif", cells, cell_m=0.5)
    stack = folder_stack(tmp_path / "images", "{scene}_{date}.tif", load_sensor(tmp_path / "mine.toml"), cell_m=0.5)
    assert stack.bands == ("red", "green", "nir")
    assert stack.valid[0].tolist() == [[True, False], [True, True]]
    assert stack.values[0, 0].tolist()[1] == [3000, 4000]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('is_power = true\nquantity = "index"', "is_power makes decibels"),
        ("noise_floor = -20.0", "noise_floor_source"),
    ],
)
def test_mistakes_of_a_sensor_file(tmp_path: Path, change: str, told: str) -> None:
    """Law: power that is not called backscatter, and a noise floor without source, are refused."""
    text = (
        'name = "mine"\ntitle = "Mine"\nsource = "me"\nquantity = "index"\nscale = 1.0\nquantum = 1.0\n'
        '\n[[band]]\nname = "a"\ncommon = "a"\nkeys = ["a"]\nresolution_m = 1\n'
    )
    lines = change.split("\n")
    kept = text.replace('quantity = "index"\n', "") if len(lines) > 1 else text
    (tmp_path / "mine.toml").write_text("\n".join(lines) + "\n" + kept)
    with pytest.raises(SurveyFileError, match=told):
        load_sensor(tmp_path / "mine.toml")


# ---- one sensor as another --------------------------------------------------------------------------


def test_published_coefficients_have_source_and_mark() -> None:
    """Published: Claverie et al. 2018 and Roy et al. 2016, as read in the sources the file names."""
    entries = {platform: entry for entry in adjustments() for platform in entry.platforms}
    assert entries["sentinel-2a"].band["blue"] == (0.9778, -0.004)
    assert entries["sentinel-2a"].band["swir22"] == (1.003, -0.0012)
    assert entries["sentinel-2b"].band["red"] == (0.9761, 0.001)
    assert entries["landsat-7"].band["nir"] == (0.8462, 0.0412)
    for entry in entries.values():
        assert "doi:10." in entry.source
        assert entry.mark == "found"
        assert "nir" not in entry.band or "landsat" in entry.platforms[0]


def test_harmonised_scenes_read_as_the_other_sensor_sees_them(tmp_path: Path) -> None:
    """Law: slope times reflectance plus intercept, whatever the scene's own offset; other bands stay."""
    days = [(date(2021, 5, 1), "03.01"), (date(2023, 5, 1), "05.09")]
    look = dict.fromkeys(BANDS, 0.2)
    shots = [
        flat_shot(day, values=look, baseline=baseline, properties={"platform": "Sentinel-2A"})
        for day, baseline in days
    ]
    scenes = scenes_of(write_catalog(tmp_path, shots), grid(8, 8))
    done = harmonised(scenes, "oli")
    assert done.unchanged == ()
    stack = read_stack(done.scenes, grid(8, 8), Block(0, 0, 8, 8), sensor=SENSOR, cloud_buffer_m=0)
    at = dict(zip(stack.bands, (stack.values[:, :, 0, 0] * stack.quantum).T.tolist(), strict=True))
    assert at["red"] == pytest.approx([0.2 * 0.9765 + 0.0009] * 2, abs=6e-5)
    assert at["blue"] == pytest.approx([0.2 * 0.9778 - 0.004] * 2, abs=6e-5)
    assert at["rededge1"] == pytest.approx([0.2] * 2)
    assert at["nir"] == pytest.approx([0.2] * 2)


def test_platforms_without_coefficients_are_told() -> None:
    """Law: Landsat 8 is the target and stays; one that nobody has coefficients for stays and is named."""
    time = datetime(2023, 5, 1, tzinfo=UTC)
    scenes = [
        Scene(id=name, time=time, bands={"red": BandFile(path="r.tif")}, platform=platform)
        for name, platform in (("A", "landsat-8"), ("B", "sentinel-2c"), ("C", ""))
    ]
    done = harmonised(scenes, "oli")
    assert done.scenes == tuple(scenes)
    assert done.unchanged == (("B", "sentinel-2c"), ("C", "unknown"))


def test_a_step_between_sensors_shrinks_where_coefficients_describe_it(tmp_path: Path) -> None:
    """Law: a target that ETM+ and OLI see as Roy's regression says shows no step once harmonised."""
    landsat = load_sensor("landsat-c2-l2")
    geobox = grid(2, 2, cell_m=30)
    entry = next(one for one in adjustments() if "landsat-7" in one.platforms)
    scenes = []
    for number, platform in enumerate(("landsat-7", "landsat-8")):
        bands = {}
        for name in landsat.common:
            slope, intercept = entry.band[name]
            seen = 0.25 if platform == "landsat-7" else 0.25 * slope + intercept
            raw = np.full((2, 2), round((seen + 0.2) / 2.75e-5), dtype=np.uint16)
            write_tif(tmp_path / f"{platform}_{name}.tif", raw, geobox)
            bands[name] = BandFile(path=str(tmp_path / f"{platform}_{name}.tif"), scale=2.75e-5, offset=-0.2)
        write_tif(tmp_path / "qa.tif", np.full((2, 2), 21_824, dtype=np.uint16), geobox)
        scenes.append(
            Scene(
                id=platform,
                time=datetime(2015, 5, 1 + number, tzinfo=UTC),
                bands=bands,
                mask=BandFile(path=str(tmp_path / "qa.tif")),
                platform=platform,
            )
        )

    def step(listed: list[Scene]) -> float:
        stack = read_stack(listed, geobox, Block(0, 0, 2, 2), sensor=landsat, cloud_buffer_m=0)
        return float(np.abs(np.diff(stack.values[:, :, 0, 0] * stack.quantum, axis=0)).max())

    assert step(scenes) > 0.01
    assert step(list(harmonised(scenes, "oli").scenes)) < 0.0005


def test_json_items_of_unknown_platforms_are_passed_over(tmp_path: Path) -> None:
    """Law: a catalogue may hold other sensors' scenes; they are not lost ones."""
    ours, theirs = flat_shot(date(2023, 5, 1)), flat_shot(date(2023, 5, 2), properties={"platform": "gaofen-1"})
    catalog = write_catalog(tmp_path, [ours, theirs])
    assert json.loads(catalog.read_text())["links"]
    assert [scene.id for scene in scenes_of(catalog, grid(8, 8))] == [ours.name]
