"""Scenes of a catalogue or folder, cut to period and area, whatever their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geo.cog import write_cog
from geo.errors import InputError, SurveyFileError
from geo.grid import GeoBox
from imagery.catalog import find_scenes, scene_files
from imagery.scene import BandFile, Scene, unique_scenes
from imagery.scene_folder import folder_scenes
from imagery.sensor import load_sensor
from tests.imagery.world import SENSOR, flat_shot, grid, scenes_of, write_catalog
from tests.shared import case

CBERS = load_sensor("cbers4-awfi-16d")


def search(catalog: Path, **changes: Any) -> tuple[Scene, ...]:
    """Search the year 2023 over the area of the world."""
    request: dict[str, Any] = {
        "catalog": catalog,
        "folder": None,
        "pattern": None,
        "sensor": SENSOR,
        "start": date(2023, 1, 1),
        "end": date(2023, 12, 31),
        "geobox": grid(8, 8),
    }
    return find_scenes(**(request | changes))


def test_both_ends_of_the_period_count(tmp_path: Path) -> None:
    """Literal: four days around the ends of a year, two of them in it."""
    days = [date(2022, 12, 31), date(2023, 1, 1), date(2023, 12, 31), date(2024, 1, 1)]
    catalog = write_catalog(tmp_path, [flat_shot(day) for day in days])
    assert [scene.day for scene in search(catalog)] == days[1:3]


def test_order_and_repeats_change_nothing(tmp_path: Path) -> None:
    """Law: a catalogue is a set."""
    shots = [flat_shot(date(2023, month, 1)) for month in (1, 2, 3)]
    plain = search(write_catalog(tmp_path, shots))
    mixed = search(write_catalog(tmp_path, [shots[2], shots[0], shots[2], shots[1], shots[0]]))
    assert plain == mixed
    assert [scene.day.month for scene in plain] == [1, 2, 3]


def test_of_two_processings_the_later_baseline_stays() -> None:
    """Literal: one acquisition of a tile processed twice is one scene."""
    old = Scene(
        id="S2A_20210601_T34LBQ_OLD",
        time=datetime(2021, 6, 1, 10, tzinfo=UTC),
        bands={"red": BandFile(path="a.tif")},
        baseline="03.00",
        tile="34LBQ",
    )
    new = replace(old, id="S2A_20210601_T34LBQ_NEW", baseline="05.00")
    neighbour = replace(old, id="S2A_20210601_T34LBR", tile="34LBR")
    assert unique_scenes([new, old, neighbour]) == unique_scenes([neighbour, old, new, new])
    assert {scene.id for scene in unique_scenes([old, new, neighbour])} == {new.id, neighbour.id}


def test_an_empty_period_is_named(tmp_path: Path) -> None:
    """Law: the message names the period and what there is instead."""
    catalog = write_catalog(tmp_path, [flat_shot(date(2021, 5, 1))])
    with pytest.raises(InputError, match=r"no scene from 2023-01-01 to 2023-12-31 .*from 2021-05-01"):
        search(catalog)


def test_scenes_elsewhere_are_left_out(tmp_path: Path) -> None:
    """Literal: a scene a degree away, and a search with nothing else."""
    far = flat_shot(date(2023, 5, 2), name="FAR", bbox=(80.0, 10.0, 81.0, 11.0))
    catalog = write_catalog(tmp_path, [flat_shot(date(2023, 5, 1)), far])
    assert [scene.id for scene in search(catalog)] == ["SHOT_20230501"]
    with pytest.raises(InputError, match="none of them over the area"):
        search(write_catalog(tmp_path / "far", [far]))


def test_a_scene_across_the_anti_meridian(tmp_path: Path) -> None:
    """Literal: bounds from 179.9 east to 179.9 west hold a grid at 179.95 west, and none at 0."""
    over = flat_shot(date(2023, 5, 1), bbox=(179.9, 66.0, -179.9, 67.0))
    catalog = write_catalog(tmp_path, [over])
    near = GeoBox.from_bbox((369_000, 7_380_000, 369_080, 7_380_080), "EPSG:32601", resolution=10)
    assert len(search(catalog, geobox=near)) == 1
    with pytest.raises(InputError, match="none of them over the area"):
        search(catalog)


def test_a_missing_file_names_the_scene(tmp_path: Path) -> None:
    """Law: an asset that is not there is told before anything is read."""
    catalog = write_catalog(tmp_path, [flat_shot(date(2023, 5, 1)), flat_shot(date(2023, 6, 1))])
    for month in (5, 6):
        (tmp_path / f"SHOT_20230{month}01" / "B11.tif").unlink()
    with pytest.raises(InputError, match=r"scene SHOT_20230501: found no file B11\.tif") as caught:
        search(catalog)
    assert len(caught.value.problems) == 2


def test_a_missing_band_counts_only_inside_the_period(tmp_path: Path) -> None:
    """Law: a broken item of another year stops nothing; one of the period is named."""
    broken = flat_shot(date(2021, 5, 1), without=("B08",))
    catalog = write_catalog(tmp_path, [broken, flat_shot(date(2023, 5, 1))])
    assert len(search(catalog)) == 1
    with pytest.raises(InputError, match="scene SHOT_20210501: found no asset for nir"):
        search(catalog, start=date(2021, 1, 1))


def test_files_for_hashing_are_listed_once(tmp_path: Path) -> None:
    """Literal: two scenes of eleven files."""
    catalog = write_catalog(tmp_path, [flat_shot(date(2023, month, 1)) for month in (1, 2)])
    scenes = scenes_of(catalog, grid(8, 8))
    files = scene_files([*scenes, *scenes])
    assert len(files) == 22
    assert files == sorted(files)
    assert all(path.is_file() for path in files)


# ---- folders ----------------------------------------------------------------------------------------


def folder_of(tmp_path: Path, names: list[str]) -> Path:
    """Write small index rasters of these names."""
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_cog(path, np.ones((2, 2), dtype=np.int16), grid(2, 2))
    return tmp_path


def test_a_folder_by_interval_and_band(tmp_path: Path) -> None:
    """Literal: names with start, end and band; files of other names are passed over."""
    folder = folder_of(
        tmp_path,
        [
            f"deep/S_{day}_2019-01-16_{band}.tif"
            for day in ("2019-01-01", "2018-12-16")
            for band in ("NDVI", "EVI", "QA")
        ]
        + ["readme.tif"],
    )
    scenes = unique_scenes(folder_scenes(folder, "S_{start}_{end}_{band}.tif", CBERS))
    assert [scene.day for scene in scenes] == [date(2018, 12, 16), date(2019, 1, 1)]
    assert Path(scenes[0].bands["evi"].path).name == "S_2018-12-16_2019-01-16_EVI.tif"


def test_a_folder_of_many_band_files(tmp_path: Path) -> None:
    """Literal: one file of four bands; their numbers come from the sensor."""
    naip = load_sensor("naip")
    folder = folder_of(tmp_path, ["12009005_20160620.tif", "12009008_20160620.tif"])
    scenes = folder_scenes(folder, "{scene}_{date}.tif", naip)
    assert [scene.id for scene in scenes] == ["12009005_20160620", "12009008_20160620"]
    assert {name: file.index for name, file in scenes[0].bands.items()} == {
        "red": 1,
        "green": 2,
        "blue": 3,
        "nir": 4,
    }


def test_incomplete_scenes_of_a_folder_are_all_named(tmp_path: Path) -> None:
    """Law: every problem at once."""
    folder = folder_of(tmp_path, ["A_20190101_NDVI.tif", "A_20190117_EVI.tif", "A_20190202_EVI.tif"])
    with pytest.raises(InputError) as caught:
        folder_scenes(folder, "A_{date}_{band}.tif", CBERS)
    assert [problem.where for problem in caught.value.problems] == [
        "scene 20190101",
        "scene 20190117",
        "scene 20190202",
    ]


@pytest.mark.parametrize("pattern", ["{when}_{band}.tif", "A_{band}.tif"])
def test_a_wrong_pattern_is_explained(tmp_path: Path, pattern: str) -> None:
    """Law: unknown fields and a pattern without date are mistakes of the survey file."""
    with pytest.raises(SurveyFileError, match=r"pattern: found (unknown \{when\}|no date)"):
        folder_scenes(tmp_path, pattern, CBERS)


def test_folder_without_fitting_files(tmp_path: Path) -> None:
    """Law: an empty result is an error that shows the pattern."""
    with pytest.raises(InputError, match=r"no file named like X_\{date\}"):
        folder_scenes(tmp_path, "X_{date}_{band}.tif", CBERS)
    with pytest.raises(InputError, match="no such folder"):
        folder_scenes(tmp_path / "none", "X_{date}_{band}.tif", CBERS)


def test_the_real_stack_of_the_cerrado() -> None:
    """Literal: 23 composites of 16 days with two indices each."""
    folder = case("cerrado") / "cbers4_awfi_022024_16d"
    scenes = folder_scenes(folder, "CB4_64_16D_STK_022024_{start}_{end}_{band}.tif", CBERS)
    assert len(scenes) == 23
    assert min(scene.day for scene in scenes) == date(2018, 8, 29)
    assert {len(scene.bands) for scene in scenes} == {2}
