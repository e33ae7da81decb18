"""Stacks of a block: offsets, masks, days, resolutions and coordinate systems, on literal scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer

from geo.blocks import Block, blocks
from geo.errors import InputError
from geo.grid import GeoBox
from geo.raster import OpenRasters
from imagery.scene import BandFile, Scene
from imagery.sensor import Sensor, load_sensor
from imagery.stack import BrokenSceneError, Stack, cell_size_m, read_stack, working_side
from tests.imagery.world import (
    BANDS,
    CRS,
    ORIGIN,
    SENSOR,
    Shot,
    flat_shot,
    grid,
    scenes_of,
    season_world,
    write_catalog,
    write_tif,
)

STEP_TOLERANCE = 0.005  # reflectance; a stable target may not move more across a change of processing
RED = 2


def stack_of(shots: Sequence[Shot], folder: Path, *, sensor: Sensor = SENSOR, buffer_m: float = 0.0) -> Stack:
    """Write scenes and read them whole."""
    shape = next(iter(shots[0].reflectance.values())).shape
    geobox = grid(*shape)
    scenes = scenes_of(write_catalog(folder, shots), geobox)
    return read_stack(scenes, geobox, Block(0, 0, *shape), sensor=sensor, cloud_buffer_m=buffer_m)


def reflectance(stack: Stack, band: str = "red") -> NDArray[np.float64]:
    """Return physical values, NaN where not clear."""
    values = stack.values[:, stack.bands.index(band)] * stack.quantum
    return np.where(stack.valid, values, np.nan)


def baseline_series() -> list[Shot]:
    """Return a stable target seen before and after baseline 04.00."""
    look = dict.fromkeys(BANDS, 0.08) | {"B08": 0.42}
    days = [(date(2021, 11, 3), "03.01"), (date(2022, 1, 12), "03.01"), (date(2022, 2, 6), "04.00")]
    return [
        flat_shot(day, values=look, baseline=baseline) for day, baseline in [*days, (date(2023, 2, 1), "05.09")]
    ]


def test_a_stable_target_shows_no_step_across_baseline_0400(tmp_path: Path) -> None:
    """Law: processing changes no land; NDVI of 0.68 stays 0.68."""
    stack = stack_of(baseline_series(), tmp_path)
    for band, expected in (("red", 0.08), ("nir", 0.42)):
        series = reflectance(stack, band)[:, 0, 0]
        assert np.abs(series - expected).max() < STEP_TOLERANCE


def test_an_unapplied_offset_would_show(tmp_path: Path) -> None:
    """Negative control: without the rule the step is 0.1 and NDVI falls from 0.68 to 0.5."""
    scenes = scenes_of(write_catalog(tmp_path, baseline_series()), grid(8, 8))
    naive = [
        replace(scene, bands={name: replace(file, offset=0.0) for name, file in scene.bands.items()})
        for scene in scenes
    ]
    stack = read_stack(naive, grid(8, 8), Block(0, 0, 8, 8), sensor=SENSOR, cloud_buffer_m=0)
    red, nir = reflectance(stack, "red")[:, 0, 0], reflectance(stack, "nir")[:, 0, 0]
    ndvi = (nir - red) / (nir + red)
    assert red[-1] - red[0] == pytest.approx(0.1)
    assert ndvi[0] == pytest.approx(0.68)
    assert ndvi[-1] < 0.5


def test_scene_classes_0_and_1_are_not_clear(tmp_path: Path) -> None:
    """Literal: no data and saturated cells are not observations of black land."""
    scl = np.array([[0, 1], [4, 2]], dtype=np.uint8)
    stack = stack_of([flat_shot(date(2023, 5, 1), (4, 4), scl=scl)], tmp_path)
    assert stack.valid[0].tolist() == [[False] * 4] * 2 + [[True, True, False, False]] * 2


def test_a_raw_zero_is_no_data_in_whatever_band(tmp_path: Path) -> None:
    """Literal: one empty band empties the cell; a dark cell above the offset stays."""
    shot = flat_shot(date(2023, 5, 1), (4, 4))
    bands = {name: cells.copy() for name, cells in shot.reflectance.items()}
    bands["B03"][0, 0] = -0.1  # written as digital number 0
    bands["B04"][1, 1] = -0.05
    stack = stack_of([replace(shot, reflectance=bands)], tmp_path)
    assert not stack.valid[0, 0, 0]
    assert stack.valid[0].sum() == 15
    assert reflectance(stack)[0, 1, 1] == pytest.approx(-0.05)


def test_bands_of_20_m_fill_the_cells_they_cover(tmp_path: Path) -> None:
    """Literal: four cells of 20 m in the short-wave infrared, each over 2 x 2 cells."""
    shot = flat_shot(date(2023, 5, 1), (4, 4))
    swir = np.kron(np.array([[0.1, 0.2], [0.3, 0.4]]), np.ones((2, 2)))
    stack = stack_of([replace(shot, reflectance=shot.reflectance | {"B11": swir})], tmp_path)
    assert reflectance(stack, "swir16")[0] == pytest.approx(swir)


def test_clouds_grow_by_metres_and_specks_do_not(tmp_path: Path) -> None:
    """Literal: a cloud of 2 x 2 cells of 20 m grows by 20 m; a single one masks itself alone."""
    scl = np.full((12, 12), 4, dtype=np.uint8)
    scl[2:4, 2:4] = 9
    scl[9, 9] = 8
    stack = stack_of([flat_shot(date(2023, 5, 1), (24, 24), scl=scl)], tmp_path, buffer_m=20)
    masked = ~stack.valid[0]
    assert masked[4:8, 4:8].all()
    assert masked[5, 2]
    assert masked[2, 5]
    assert not masked[5, 1]
    assert not masked[2, 2]
    assert masked[12:, 12:].sum() == 4


def test_scenes_of_one_day_are_one_observation(tmp_path: Path) -> None:
    """Literal: two halves of a pass overlap in the middle; the overlap is seen once."""
    left = np.full((4, 4), 4, dtype=np.uint8)
    right = left.copy()
    left[:, 3:] = 0
    right[:, :1] = 0
    day = date(2023, 5, 1)
    stack = stack_of(
        [
            flat_shot(day, name="B_RIGHT", values=0.3, scl=right),
            flat_shot(day, name="A_LEFT", values=0.2, scl=left),
        ],
        tmp_path,
    )
    assert stack.valid.shape[0] == 1
    assert stack.valid.all()
    assert reflectance(stack)[0, 0] == pytest.approx([0.2] * 6 + [0.3] * 2)


@pytest.mark.parametrize("rule", ["any", "all"])
def test_the_usual_case_is_laid_as_all_others(
    world: tuple[Path, NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    """Independent program: the same scenes through the way of other numbers, empty cells of a band among them."""
    catalog, _ = world
    geobox = grid(48, 48)
    sensor = SENSOR.model_copy(update={"nodata_rule": rule})
    scenes = scenes_of(catalog, geobox)
    block = Block(-3, -2, 48, 50)
    usual = read_stack(scenes, geobox, block, sensor=sensor, cloud_buffer_m=0.0)
    monkeypatch.setattr("imagery.stack._whole_shift", lambda *_: None)
    other = read_stack(scenes, geobox, block, sensor=sensor, cloud_buffer_m=0.0)
    assert np.array_equal(usual.valid, other.valid)
    assert 0 < usual.valid.mean() < 1
    clear = np.broadcast_to(usual.valid[:, None], usual.values.shape)
    assert np.array_equal(usual.values[clear], other.values[clear])


def test_a_scene_in_another_crs_is_warped(tmp_path: Path) -> None:
    """Literal: a flat scene in the next UTM zone keeps its reflectance where it covers the grid."""
    to_next = Transformer.from_crs(CRS, "EPSG:32641", always_xy=True)
    x, y = to_next.transform(ORIGIN[0], ORIGIN[1])
    other = GeoBox((32, 32), Affine(10, 0, round(x, -1) - 120, 0, -10, round(y, -1) + 120), "EPSG:32641")
    look = dict.fromkeys(BANDS, 0.15) | {"B04": 0.05}
    catalog = write_catalog(tmp_path, [flat_shot(date(2023, 5, 1), (32, 32), values=look)], geobox=other)
    geobox = grid(8, 8)
    stack = read_stack(scenes_of(catalog, geobox), geobox, Block(0, 0, 8, 8), sensor=SENSOR, cloud_buffer_m=20)
    assert stack.valid.all()
    assert reflectance(stack)[0] == pytest.approx(np.full((8, 8), 0.05))


def test_finer_images_are_averaged_and_masks_are_not(tmp_path: Path) -> None:
    """Literal: 2 x 2 cells of 10 m make one of 20 m: the mean of the red band."""
    shot = flat_shot(date(2023, 5, 1), (4, 4))
    red = np.array([[0.1, 0.3, 0.2, 0.2], [0.1, 0.3, 0.2, 0.2], [0.0, 0.0, 0.4, 0.4], [0.0, 0.4, 0.4, 0.4]])
    catalog = write_catalog(tmp_path, [replace(shot, reflectance=shot.reflectance | {"B04": red})])
    coarse = grid(2, 2, cell_m=20)
    stack = read_stack(scenes_of(catalog, coarse), coarse, Block(0, 0, 2, 2), sensor=SENSOR, cloud_buffer_m=0)
    assert reflectance(stack)[0] == pytest.approx(np.array([[0.2, 0.2], [0.1, 0.4]]))


@pytest.fixture(name="world", scope="module")
def fixture_world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NDArray[np.uint8]]:
    """Return the catalogue of two seasons and its truth."""
    return season_world(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("size", [23, 33])
def test_blocks_are_parts_of_the_whole(world: tuple[Path, NDArray[np.uint8]], size: int) -> None:
    """Law: no cell depends on the block it is read in, clouds beyond its edge included."""
    geobox = grid(64, 64)
    scenes = scenes_of(world[0], geobox)[::4]

    def read(block: Block) -> Stack:
        return read_stack(scenes, geobox, block, sensor=SENSOR, cloud_buffer_m=60)

    whole = read(Block(0, 0, 64, 64))
    for block in blocks((64, 64), size):
        part = read(block)
        here = (slice(None), slice(None), *block.slices)
        assert np.array_equal(part.valid, whole.valid[:, *block.slices])
        seen = np.broadcast_to(part.valid[:, None], part.values.shape)
        assert np.array_equal(part.values[seen], whole.values[here][seen])


@pytest.mark.parametrize("size", [16, 21])
def test_blocks_of_a_warped_scene_are_parts_of_the_whole(tmp_path: Path, size: int) -> None:
    """Law: warping does not depend on the block either."""
    rng = np.random.default_rng(2)
    to_next = Transformer.from_crs(CRS, "EPSG:32641", always_xy=True)
    x, y = to_next.transform(ORIGIN[0], ORIGIN[1])
    other = GeoBox((96, 96), Affine(10, 0, round(x, -1) - 200, 0, -10, round(y, -1) + 200), "EPSG:32641")
    shot = flat_shot(date(2023, 5, 1), (96, 96))
    noisy = {band: rng.uniform(0.01, 0.5, (96, 96)) for band in BANDS}
    catalog = write_catalog(tmp_path, [replace(shot, reflectance=noisy)], geobox=other)
    geobox = grid(48, 48)
    scenes = scenes_of(catalog, geobox)
    whole = read_stack(scenes, geobox, Block(0, 0, 48, 48), sensor=SENSOR, cloud_buffer_m=20)
    for block in blocks((48, 48), size):
        part = read_stack(scenes, geobox, block, sensor=SENSOR, cloud_buffer_m=20)
        assert np.array_equal(part.values, whole.values[:, :, *block.slices])


def test_neighbours_begin_with_different_days(tmp_path: Path) -> None:
    """Law: every block reads all files, and those side by side begin with others, so that threads do not queue."""
    shots = [flat_shot(date(2023, 5, day), (8, 8)) for day in (1, 2, 3)]
    scenes = scenes_of(write_catalog(tmp_path, shots), grid(8, 8))
    days: list[list[str]] = []
    for block in (Block(0, 0, 4, 4), Block(0, 4, 4, 4), Block(4, 4, 4, 4)):
        with OpenRasters() as files:
            read = files.on_grid
            order: list[str] = []

            def told(path: str, *given: Any, order: list[str] = order, read: Any = read, **more: Any) -> Any:
                order.append(next(scene.id for scene in scenes if str(path) in told_files(scene)))
                return read(path, *given, **more)

            files.on_grid = told  # type: ignore[method-assign]
            read_stack(scenes, grid(8, 8), block, sensor=SENSOR, cloud_buffer_m=0.0, files=files)
        days.append(list(dict.fromkeys(order)))
    assert len({first for first, *_ in days}) == 3
    assert len({tuple(sorted(each)) for each in days}) == 1


def told_files(scene: Scene) -> set[str]:
    """Return the files of a scene."""
    return {str(file.path) for file in (*scene.bands.values(), *((scene.mask,) if scene.mask else ()))}


def test_order_and_repeats_of_scenes_change_nothing(world: tuple[Path, NDArray[np.uint8]]) -> None:
    """Law: scenes are a set."""
    geobox = grid(64, 64)
    scenes = scenes_of(world[0], geobox)

    def read(listed: Sequence[Scene]) -> Stack:
        return read_stack(listed, geobox, Block(0, 0, 64, 64), sensor=SENSOR, cloud_buffer_m=60)

    whole, other = read(scenes), read([*scenes[::-1], *scenes[3:6]])
    assert whole.days == other.days
    assert np.array_equal(whole.valid, other.valid)
    assert np.array_equal(whole.values, other.values)


def test_a_truncated_file_names_the_scene(tmp_path: Path) -> None:
    """Law: a file cut short ends in one line with scene and file."""
    rng = np.random.default_rng(1)
    shot = flat_shot(date(2023, 5, 1), (64, 64))
    noisy = {band: rng.uniform(0.01, 0.5, (64, 64)) for band in BANDS}
    catalog = write_catalog(tmp_path, [replace(shot, reflectance=noisy)])
    path = tmp_path / shot.name / "B08.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    geobox = grid(64, 64)
    with pytest.raises(BrokenSceneError, match=r"scene SHOT_20230501, .*B08\.tif: found a raster") as caught:
        read_stack(scenes_of(catalog, geobox), geobox, Block(0, 0, 64, 64), sensor=SENSOR, cloud_buffer_m=0)
    assert caught.value.scene_id == "SHOT_20230501"


def test_a_grid_in_degrees_is_refused() -> None:
    """Law: a buffer in metres has no meaning in degrees."""
    with pytest.raises(InputError, match="a grid in degrees"):
        cell_size_m(GeoBox.from_bbox((0, 0, 1, 1), "EPSG:4326", resolution=0.1))


def test_cells_that_are_not_square() -> None:
    """Literal: height before width."""
    box = GeoBox((4, 4), Affine(515.1, 0, 0, 0, -516.9, 0), "EPSG:32624")
    assert cell_size_m(box) == pytest.approx((516.9, 515.1))


def test_small_grids_are_worked_on_whole() -> None:
    """Literal: 600 cells with blocks of 512 are one block, 1000 are not."""
    assert working_side(grid(600, 500), 512) == 600
    assert working_side(grid(1000, 10), 512) == 512


def test_a_four_band_photograph_is_empty_only_where_all_bands_are(tmp_path: Path) -> None:
    """Literal: digital number 0 in one band is a dark cell, in all bands the edge of the photograph."""
    cells: Any = np.array([[[0, 0], [9, 7]]] + [[[0, 5], [8, 6]]] * 3, dtype=np.uint8)
    path = tmp_path / "photo.tif"
    profile = {"driver": "GTiff", "height": 2, "width": 2, "count": 4, "dtype": "uint8", "crs": CRS}
    with rasterio.open(path, "w", transform=grid(2, 2, cell_m=0.6).transform, **profile) as target:
        target.write(cells)
    naip = load_sensor("naip")
    scene = Scene(
        id="PHOTO",
        time=datetime(2016, 6, 20, tzinfo=UTC),
        bands={band.common: BandFile(path=str(path), index=band.index) for band in naip.band},
    )
    geobox = grid(2, 2, cell_m=0.6)
    stack = read_stack([scene], geobox, Block(0, 0, 2, 2), sensor=naip, cloud_buffer_m=0)
    assert stack.valid[0].tolist() == [[False, True], [True, True]]
    assert stack.values[0, :, 0, 1].tolist() == [0, 5, 5, 5]


def test_landsat_reflectance(tmp_path: Path) -> None:
    """Published: USGS LSDS-1619, 0.0000275 * 18639 - 0.2 = 0.3125725, held to 0.0001."""
    landsat = load_sensor("landsat-c2-l2")
    geobox = grid(2, 2, cell_m=30)
    write_tif(tmp_path / "band.tif", np.full((2, 2), 18_639, dtype=np.uint16), geobox)
    write_tif(tmp_path / "qa.tif", np.array([[21_824, 1], [22_280, 21_952]], dtype=np.uint16), geobox)
    file = BandFile(path=str(tmp_path / "band.tif"), scale=landsat.scale, offset=landsat.offset(None))
    scene = Scene(
        id="LC08",
        time=datetime(2020, 1, 1, tzinfo=UTC),
        bands=dict.fromkeys(landsat.common, file),
        mask=BandFile(path=str(tmp_path / "qa.tif")),
    )
    stack = read_stack([scene], geobox, Block(0, 0, 2, 2), sensor=landsat, cloud_buffer_m=0)
    assert stack.valid[0].tolist() == [[True, False], [False, True]]
    assert stack.values[0, RED, 0, 0] == 3126
