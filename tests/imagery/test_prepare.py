"""Preparation of a period: literal composites, counts as bands, gaps, and results that depend on nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geo.files import sha256
from geo.raster import geobox_of
from imagery.composite import NODATA
from imagery.prepare import COUNT_NODATA, PeriodReport, PrepareOptions, write_period
from imagery.profile import load_profile
from imagery.stack import BrokenSceneError
from tests.imagery.world import (
    PERIODS,
    SENSOR,
    Shot,
    flat_shot,
    grid,
    scenes_of,
    season_world,
    write_catalog,
)

PROFILE = load_profile("helmand-poppy")
OPTIONS = PrepareOptions(start=date(2023, 1, 1), end=date(2023, 7, 31), cloud_buffer_m=0)


def prepare(catalog: Path, folder: Path, *, size: int = 8, **changes: Any) -> PeriodReport:
    """Prepare the season of 2023."""
    geobox = grid(size, size)
    request: dict[str, Any] = {
        "geobox": geobox,
        "sensor": SENSOR,
        "profile": PROFILE,
        "options": OPTIONS,
        "inside": None,
        "folder": folder,
    }
    scenes = changes.pop("scenes", None) or scenes_of(catalog, geobox)
    return write_period(scenes, **(request | changes))


def flowering() -> list[Shot]:
    """Return three scenes of the flowering window, one of another, and a cloud in the corner of the first."""
    scl = np.full((4, 4), 4, dtype=np.uint8)
    scl[0, 0] = 9
    return [
        flat_shot(date(2023, 3, 20), values=0.10, scl=scl),
        flat_shot(date(2023, 4, 1), values=0.20),
        flat_shot(date(2023, 4, 10), values=0.40, baseline="03.01"),
        flat_shot(date(2023, 5, 5), values=0.90),
    ]


def test_a_composite_by_hand(tmp_path: Path) -> None:
    """Literal: the median of 0.1, 0.2 and 0.4 is 0.2, under the cloud that of 0.2 and 0.4 is 0.3."""
    report = prepare(write_catalog(tmp_path / "world", flowering()), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "composite_flowering.tif") as source:
        assert source.profile["compress"] == "zstd"
        assert source.descriptions == (*SENSOR.common, "valid_count")
        assert source.tags()["UNIT"] == "0.0001"
        cells = source.read()
    assert cells[:-1, 0, 0].tolist() == [3000] * 10
    assert cells[:-1, 5, 5].tolist() == [2000] * 10
    assert (cells[-1, 0, 0], cells[-1, 5, 5]) == (2, 3)
    assert report.days == 4
    assert report.record()["baselines"] == ["03.01", "05.09"]


def test_the_count_of_observations_is_a_band(tmp_path: Path) -> None:
    """Literal: counts of the period and of each window; windows without a scene are 0, not missing."""
    prepare(write_catalog(tmp_path / "world", flowering()), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "valid_count.tif") as source:
        counts = dict(zip(source.descriptions, source.read()[:, 0, 0].tolist(), strict=True))
    assert counts == {"period": 3, "vegetative": 0, "flowering": 2, "maturity": 1, "stubble": 0}


def test_cells_outside_the_frame_hold_nothing(tmp_path: Path) -> None:
    """Literal: the left half is the frame; gaps are counted in it alone."""
    inside = np.zeros((8, 8), dtype=bool)
    inside[:, :4] = True
    catalog = write_catalog(tmp_path / "world", flowering())
    report = prepare(catalog, tmp_path / "out", inside=inside)
    with rasterio.open(tmp_path / "out" / "composite_flowering.tif") as source:
        cells = source.read()
    assert (cells[:, :, 4:] == NODATA).all()
    assert (cells[:, :, :4] != NODATA).all()
    with rasterio.open(tmp_path / "out" / "valid_count.tif") as source:
        assert (source.read()[:, :, 4:] == COUNT_NODATA).all()
    assert report.gaps.count.cells == 32


def test_an_all_cloud_window_is_a_gap_and_not_zero(tmp_path: Path) -> None:
    """Law: nothing seen is no-data in every band, count 0, and stands in the report."""
    clouds = np.full((4, 4), 9, dtype=np.uint8)
    shots = [flat_shot(date(2023, 4, 1), scl=clouds), flat_shot(date(2023, 5, 5))]
    report = prepare(write_catalog(tmp_path / "world", shots), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "composite_flowering.tif") as source:
        cells = source.read()
    assert (cells[:-1] == NODATA).all()
    assert (cells[-1] == 0).all()
    record = report.record()["gaps"]
    assert record["window_missing_share"]["flowering"] == 1.0
    assert record["too_few_share"] == 1.0
    assert record["never_seen_share"] == 0.0


@pytest.fixture(name="world", scope="module")
def fixture_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the catalogue of two seasons of 48 x 48 cells."""
    return season_world(tmp_path_factory.mktemp("world"), size=48)[0]


def season(world: Path, folder: Path, **changes: Any) -> dict[str, str]:
    """Prepare a season and return the hashes of its files."""
    start, end = PERIODS["2023"]
    options = replace(OPTIONS, start=start, end=end, cloud_buffer_m=60, **changes.pop("options", {}))
    scenes = [scene for scene in scenes_of(world, grid(48, 48)) if start <= scene.day <= end]
    scenes = changes.pop("arrange", lambda found: found)(scenes)
    report = prepare(world, folder, size=48, scenes=scenes, options=options, **changes)
    return {path.name: sha256(path) for path in report.files}


@pytest.mark.parametrize(
    "change",
    [{"options": {"block_size": 29}}, {"options": {"block_size": 20}, "jobs": 3}, {"jobs": 2}],
    ids=["blocks", "blocks and threads", "threads"],
)
def test_bytes_depend_on_no_block_and_no_thread(world: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    """Law: the same files for any block size and number of threads."""
    assert season(world, tmp_path / "a") == season(world, tmp_path / "b", **change)


def test_bytes_depend_on_the_content(world: Path, tmp_path: Path) -> None:
    """Negative control: one scene less gives other files."""
    fewer = season(world, tmp_path / "b", arrange=lambda scenes: scenes[1:])
    assert season(world, tmp_path / "a") != fewer


def test_progress_is_told(world: Path, tmp_path: Path) -> None:
    """Literal: 48 cells in blocks of 30 are four."""
    calls: list[tuple[int, int]] = []
    season(world, tmp_path, options={"block_size": 30}, progress=lambda done, of: calls.append((done, of)))
    assert calls == [(number, 4) for number in range(1, 5)]


def cut_short(folder: Path, name: str) -> None:
    """Cut a file of a scene in half."""
    path = folder / name / "B08.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def noisy_world(folder: Path) -> Path:
    """Write three scenes of noise and cut a file of the second."""
    rng: np.random.Generator = np.random.default_rng(3)
    shots = []
    for day in (date(2023, 3, 20), date(2023, 4, 1), date(2023, 4, 10)):
        bands: dict[str, NDArray[np.float64]] = {
            band: rng.uniform(0.05, 0.5, (48, 48)) for band in flat_shot(day).reflectance
        }
        scl = np.full((24, 24), 4, dtype=np.uint8)
        shots.append(flat_shot(day, (48, 48), reflectance=bands, scl=scl))
    catalog = write_catalog(folder, shots)
    cut_short(folder, shots[1].name)
    return catalog


def test_a_truncated_scene_ends_the_work_and_leaves_nothing(tmp_path: Path) -> None:
    """Law: one line with scene and file, no half-written output."""
    catalog = noisy_world(tmp_path / "world")
    with pytest.raises(BrokenSceneError, match=r"scene SHOT_20230401, .*B08\.tif"):
        prepare(catalog, tmp_path / "out", size=48)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("block_size", [48, 16])
def test_a_truncated_scene_may_fall_out_whole(tmp_path: Path, block_size: int) -> None:
    """Law: dropped, it is as if it had never been listed, in whatever blocks, and the report names it."""
    catalog = noisy_world(tmp_path / "world")
    options = replace(OPTIONS, broken="drop", block_size=block_size)
    report = prepare(catalog, tmp_path / "out", size=48, options=options)
    assert [name for name, _ in report.gaps.lost_scenes] == ["SHOT_20230401"]
    assert [scene.id for scene in report.scenes] == ["SHOT_20230320", "SHOT_20230410"]
    without = [scene for scene in scenes_of(catalog, grid(48, 48)) if scene.id != "SHOT_20230401"]
    plain = prepare(catalog, tmp_path / "plain", size=48, scenes=without)
    assert [sha256(path) for path in report.files] == [sha256(path) for path in plain.files]


def test_rasters_lie_on_the_analysis_grid(world: Path, tmp_path: Path) -> None:
    """Law: shape, corner and CRS are those of the frame."""
    season(world, tmp_path)
    assert geobox_of(tmp_path / "valid_count.tif").transform == grid(48, 48).transform
