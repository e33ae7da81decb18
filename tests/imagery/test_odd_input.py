"""A catalogue as it comes: every odd scene is named, those that can be used are, and what is lost is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from geo.blocks import Block
from geo.errors import InputError
from geo.files import sha256
from geo.grid import GeoBox
from imagery.adjust import AdjustOptions, adjusted
from imagery.catalog import Search, search_scenes
from imagery.composite import NODATA
from imagery.prepare import PeriodReport, PrepareOptions, write_period
from imagery.profile import load_profile
from imagery.scene import Scene
from imagery.sensor import load_sensor
from imagery.stack import read_stack
from tests.imagery.world import BANDS, CRS, ORIGIN, SENSOR, Shot, flat_shot, grid, write_catalog, write_item

SIZE = 48
START, END = date(2023, 1, 1), date(2023, 7, 31)
PROFILE = load_profile("helmand-poppy")
DAYS = [date(2023, 4, day) for day in (1, 4, 7, 10, 13)]


def noisy(day: date, **changes: Any) -> Shot:
    """Return a clear scene of 0.2 with noise, so that its files have something to lose."""
    rng = np.random.default_rng(day.toordinal())
    look = {band: 0.2 + rng.normal(0, 0.001, (SIZE, SIZE)) for band in BANDS}
    return flat_shot(day, (SIZE, SIZE), reflectance=look, **changes)


def found_in(catalog: Path, geobox: GeoBox | None = None) -> Search:
    """Search the season."""
    return search_scenes(
        catalog=catalog,
        folder=None,
        pattern=None,
        sensor=SENSOR,
        start=START,
        end=END,
        geobox=geobox or grid(SIZE, SIZE),
    )


def prepared(
    found: Search, folder: Path, *, scenes: tuple[Scene, ...] | None = None, size: int = 512, jobs: int = 1
) -> PeriodReport:
    """Prepare the season as a run does: broken scenes fall out and are told."""
    geobox = grid(SIZE, SIZE)
    options = AdjustOptions(cloud_buffer_m=0.0, broken="drop", block_size=size)
    ready = adjusted(scenes or found.scenes, geobox=geobox, sensor=SENSOR, options=options, inside=None, jobs=jobs)
    return write_period(
        ready.scenes,
        geobox=geobox,
        sensor=SENSOR,
        profile=PROFILE,
        options=PrepareOptions(start=START, end=END, cloud_buffer_m=0.0, broken="drop", block_size=size),
        inside=None,
        folder=folder,
        jobs=jobs,
        lost=[*((scene.id, scene.reason) for scene in found.lost), *ready.lost],
    )


@pytest.fixture(name="odd", scope="module")
def fixture_odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalogue of good scenes and of one of each kind of odd one."""
    folder = tmp_path_factory.mktemp("odd")
    others = [
        noisy(date(2023, 4, 16), name="NO_BAND", without=("B08",)),
        noisy(date(2023, 4, 17), name="NO_MASK", without=("SCL",)),
        noisy(date(2023, 4, 18), name="NO_BASELINE", baseline=None),
        noisy(date(2023, 4, 19), name="NO_FILE"),
        noisy(date(2023, 4, 20), name="CUT"),
        noisy(date(2023, 4, 21), name="CORRUPT"),
        noisy(date(2023, 4, 22), name="STRANGER", properties={"platform": "gaofen-6"}),
    ]
    catalog = write_catalog(folder, [*(noisy(day) for day in DAYS), *others])
    (folder / "NO_FILE" / "B11.tif").unlink()
    cut = folder / "CUT" / "B04.tif"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    corrupt = folder / "CORRUPT" / "B03.tif"
    content = bytearray(corrupt.read_bytes())
    content[len(content) // 4 : len(content) // 2] = b"\xff" * (len(content) // 2 - len(content) // 4)
    corrupt.write_bytes(bytes(content))
    return catalog


LOST = ["CORRUPT", "CUT", "NO_BAND", "NO_BASELINE", "NO_FILE", "NO_MASK"]


def test_every_odd_scene_is_named_and_the_others_are_used(odd: Path, tmp_path: Path) -> None:
    """Law: six scenes are lost, each with its reason; one of another platform is not ours; five are composed."""
    report = prepared(found_in(odd), tmp_path)
    assert [scene.day for scene in report.scenes] == DAYS
    told = dict(report.gaps.lost_scenes)
    assert sorted(told) == LOST
    assert "no asset for nir" in told["NO_BAND"]
    assert "mask SCL" in told["NO_MASK"]
    assert "without processing baseline" in told["NO_BASELINE"]
    assert "no file B11.tif" in told["NO_FILE"]
    assert "cannot be read" in told["CUT"]
    assert "cannot be read" in told["CORRUPT"] or "no readable raster" in told["CORRUPT"]
    assert not any(str(odd.parent) in reason for reason in told.values())
    record = report.record()
    assert [entry["scene"] for entry in record["gaps"]["lost_scenes"]] == LOST
    with rasterio.open(tmp_path / "composite_flowering.tif") as source:
        cells = source.read()
    assert (cells[-1] == len(DAYS)).all()
    assert np.abs(cells[:-1] - 2000).max() < 50


@pytest.mark.parametrize(
    "change",
    [
        {"size": 17},
        {"size": 20, "jobs": 3},
        {"arrange": lambda scenes: scenes[::-1]},
        {"arrange": lambda scenes: (*scenes[3:], *scenes, scenes[0])},
    ],
    ids=["blocks", "threads", "order", "twice"],
)
def test_neither_blocks_nor_threads_nor_order_change_what_is_lost(
    odd: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    """Law: the same bytes and the same scenes named, whatever the way they are read."""
    found = found_in(odd)
    arrange: Callable[[Any], Any] = change.pop("arrange", lambda scenes: scenes)
    one = prepared(found, tmp_path / "a")
    other = prepared(found, tmp_path / "b", scenes=arrange(found.scenes), **change)
    assert [sha256(path) for path in one.files] == [sha256(path) for path in other.files]
    assert one.gaps == other.gaps


def test_with_nothing_left_every_scene_is_named(tmp_path: Path) -> None:
    """Law: a period without a usable scene ends the work and tells why, scene by scene."""
    catalog = write_catalog(tmp_path, [noisy(day, without=("B11",)) for day in DAYS[:3]])
    with pytest.raises(InputError) as caught:
        found_in(catalog)
    assert [problem.where for problem in caught.value.problems] == [f"scene SHOT_{day:%Y%m%d}" for day in DAYS[:3]]


def test_an_all_cloud_period_is_a_gap_and_no_error(tmp_path: Path) -> None:
    """Law: five scenes under cloud give composites that hold nothing, and a report that all is missing."""
    clouds = np.full((SIZE // 2, SIZE // 2), 9, dtype=np.uint8)
    found = found_in(write_catalog(tmp_path / "world", [noisy(day, scl=clouds) for day in DAYS]))
    report = prepared(found, tmp_path / "out")
    record = report.record()["gaps"]
    assert record["never_seen_share"] == 1.0
    assert set(record["window_missing_share"].values()) == {1.0}
    assert record["lost_scenes"] == []
    with rasterio.open(tmp_path / "out" / "composite_flowering.tif") as source:
        assert (source.read()[:-1] == NODATA).all()


def other_grids() -> Iterator[tuple[str, GeoBox]]:
    """Yield grids of scenes that cover that of the survey: other cells, cells not square, another zone."""
    left, top = ORIGIN[0] - 240, ORIGIN[1] + 240
    yield "coarse", GeoBox((32, 32), Affine(30, 0, left, 0, -30, top), CRS)
    yield "not_square", GeoBox((64, 96), Affine(11, 0, left, 0, -17, top), CRS)
    yield "off_by_half", GeoBox((96, 96), Affine(10, 0, left + 5, 0, -10, top - 5), CRS)
    x, y = Transformer.from_crs(CRS, "EPSG:32641", always_xy=True).transform(*ORIGIN)
    yield (
        "next_zone",
        GeoBox((128, 128), Affine(10, 0, round(x, -1) - 400, 0, -10, round(y, -1) + 400), "EPSG:32641"),
    )


@pytest.mark.parametrize(
    ("name", "box"), list(other_grids()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_scenes_of_other_grids_are_read_onto_this_one(tmp_path: Path, name: str, box: GeoBox) -> None:
    """Law: a ramp over the ground is the same ramp, to within a cell of the scene's own size."""
    rows, cols = np.mgrid[0 : box.shape[0], 0 : box.shape[1]]
    x, y = box.transform * (cols + 0.5, rows + 0.5)
    to_ours = Transformer.from_crs(str(box.crs), CRS, always_xy=True)
    east, north = to_ours.transform(x, y)
    ramp = 0.1 + (np.asarray(east) - ORIGIN[0]) / 10_000 + (ORIGIN[1] - np.asarray(north)) / 20_000
    shot = flat_shot(DAYS[0], ramp.shape, name=name, reflectance=dict.fromkeys(BANDS, ramp))
    catalog = write_catalog(tmp_path, [shot], geobox=box)
    geobox = grid(SIZE, SIZE)
    found = found_in(catalog)
    stack = read_stack(found.scenes, geobox, Block(0, 0, SIZE, SIZE), sensor=SENSOR, cloud_buffer_m=0)
    assert stack.valid.all()
    rows, cols = np.mgrid[0:SIZE, 0:SIZE]
    expected = 0.1 + (cols + 0.5) * 10 / 10_000 + (rows + 0.5) * 10 / 20_000
    cell_m = max(abs(box.transform.a), abs(box.transform.e))
    seen = stack.values[0, SENSOR.common.index("red")] * stack.quantum
    assert np.abs(seen - expected).max() < cell_m / 2 * (1 / 10_000 + 1 / 20_000) + 2e-4
    assert np.abs(np.mean(seen - expected)) <= cell_m / 2 * (1 / 10_000 + 1 / 20_000)


def test_scenes_of_many_grids_in_one_series(tmp_path: Path) -> None:
    """Law: the composite of flat ground is flat, whatever the CRS and cells of each scene."""
    links = []
    for number, (name, box) in enumerate(other_grids()):
        shot = flat_shot(date(2023, 4, 1 + number), (box.shape[0], box.shape[1]), name=name)
        write_item(tmp_path / name, shot, box)
        links.append(f"./{name}/{name}.json")
    catalog = write_catalog(tmp_path, [])
    content = catalog.read_text().replace(
        '"links": [', '"links": [' + "".join(f'{{"rel": "item", "href": "{href}"}}, ' for href in links)
    )
    catalog.write_text(content)
    report = prepared(found_in(catalog), tmp_path / "out")
    assert report.days == 4
    with rasterio.open(tmp_path / "out" / "composite_flowering.tif") as source:
        cells = source.read()
    assert (cells[:-1] == 2000).all()
    assert (cells[-1] == 4).all()


def test_a_scene_on_the_other_side_of_the_anti_meridian(tmp_path: Path) -> None:
    """Literal: a grid of zone 1 at 179.9 west and a scene of zone 60 whose tile reaches across 180 degrees."""
    to_first = Transformer.from_crs(4326, "EPSG:32601", always_xy=True)
    to_last = Transformer.from_crs(4326, "EPSG:32660", always_xy=True)
    x, y = (round(value, -1) for value in to_first.transform(-179.99, 66.0))
    geobox = GeoBox((SIZE, SIZE), Affine(10, 0, x, 0, -10, y), "EPSG:32601")
    left, top = (round(value, -1) for value in to_last.transform(-179.99, 66.0))
    box = GeoBox((160, 160), Affine(10, 0, left - 500, 0, -10, top + 500), "EPSG:32660")
    shot = flat_shot(DAYS[0], (160, 160), values=0.3, bbox=(179.97, 65.98, -179.96, 66.01))
    catalog = write_catalog(tmp_path, [shot], geobox=box)
    found = found_in(catalog, geobox)
    stack = read_stack(found.scenes, geobox, Block(0, 0, SIZE, SIZE), sensor=SENSOR, cloud_buffer_m=0)
    assert stack.valid.all()
    assert (stack.values == 3000).all()


def test_an_item_without_any_place_is_read_by_its_files(tmp_path: Path) -> None:
    """Law: no projection fields, and not even bounds: the files say where they lie."""
    catalog = write_catalog(tmp_path, [noisy(DAYS[0])])
    path = next(tmp_path.glob("SHOT_*/*.json"))
    content = json.loads(path.read_text())
    del content["bbox"]
    content["geometry"] = None
    path.write_text(json.dumps(content))
    found = found_in(catalog)
    assert found.scenes[0].bounds is None
    stack = read_stack(found.scenes, grid(SIZE, SIZE), Block(0, 0, SIZE, SIZE), sensor=SENSOR, cloud_buffer_m=0)
    assert stack.valid.all()


def test_a_file_without_a_crs_names_its_scene(tmp_path: Path) -> None:
    """Law: an image that does not say where it lies is of no use, and costs its scene."""
    catalog = write_catalog(tmp_path / "world", [noisy(day) for day in DAYS])
    path = tmp_path / "world" / f"SHOT_{DAYS[2]:%Y%m%d}" / "B04.tif"
    with rasterio.open(path) as source:
        cells, profile = source.read(), source.profile
    profile.update(crs=None)
    with rasterio.open(path, "w", **profile) as target:
        target.write(cells)
    report = prepared(found_in(catalog), tmp_path / "out")
    assert [name for name, _ in report.gaps.lost_scenes] == [f"SHOT_{DAYS[2]:%Y%m%d}"]
    assert "without coordinate reference system" in report.gaps.lost_scenes[0][1]
    assert len(report.scenes) == len(DAYS) - 1


def test_an_unknown_sensor_is_told_with_those_that_are_known() -> None:
    """Law: nothing is guessed from a name."""
    with pytest.raises(InputError, match=r"'sentinel-3'; expected one of .*landsat-c2-l2.*sentinel-2-l2a"):
        load_sensor("sentinel-3")


def test_a_catalogue_of_another_sensor_has_no_scene(tmp_path: Path) -> None:
    """Law: scenes of other platforms are no scenes of this one, and the period says so."""
    catalog = write_catalog(tmp_path, [noisy(day, properties={"platform": "landsat-9"}) for day in DAYS])
    with pytest.raises(InputError, match="no scene of this sensor"):
        found_in(catalog)


def test_a_stable_target_shows_no_step_in_composites_across_baseline_0400(tmp_path: Path) -> None:
    """Law: seasons before and after the change of processing have composites of the same ground within 0.005."""
    composites = []
    for year, baseline in ((2021, "03.01"), (2023, "05.09")):
        days = [date(year, 4, day) for day in (1, 8, 15)]
        shots = [flat_shot(day, (SIZE, SIZE), values=0.08, baseline=baseline) for day in days]
        catalog = write_catalog(tmp_path / str(year), shots)
        scenes = found_of_year(catalog, year)
        folder = tmp_path / f"out{year}"
        write_period(
            scenes,
            geobox=grid(SIZE, SIZE),
            sensor=SENSOR,
            profile=PROFILE,
            options=PrepareOptions(start=date(year, 1, 1), end=date(year, 7, 31), cloud_buffer_m=0.0),
            inside=None,
            folder=folder,
        )
        with rasterio.open(folder / "composite_flowering.tif") as source:
            composites.append(source.read()[:-1] * SENSOR.quantum)
    assert np.abs(composites[1] - composites[0]).max() < 0.005
    naive = [
        replace(scene, bands={name: replace(file, offset=0.0) for name, file in scene.bands.items()})
        for scene in scenes
    ]
    stack = read_stack(naive, grid(SIZE, SIZE), Block(0, 0, SIZE, SIZE), sensor=SENSOR, cloud_buffer_m=0)
    assert np.abs(stack.values[0] * SENSOR.quantum - composites[0]).min() > 0.09


def found_of_year(catalog: Path, year: int) -> tuple[Scene, ...]:
    """Search the season of a year."""
    return search_scenes(
        catalog=catalog,
        folder=None,
        pattern=None,
        sensor=SENSOR,
        start=date(year, 1, 1),
        end=date(year, 7, 31),
        geobox=grid(SIZE, SIZE),
    ).scenes
