"""Sentinel-2 and Landsat in one series: the same ground has the same values, each scene read by its own rules."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from geo.blocks import Block
from geo.errors import SurveyFileError
from imagery.catalog import find_scenes
from imagery.harmonise import adjustments, harmonised
from imagery.joint import joint_sensors
from imagery.scene import Scene, unique_scenes
from imagery.sensor import Sensor, load_sensor
from imagery.stack import read_stack
from tests.imagery.world import BANDS, CRS, ORIGIN, SENSOR, flat_shot, grid, write_catalog

LANDSAT = load_sensor("landsat-c2-l2")
SIDE = 12
GROUND = {"blue": 0.04, "green": 0.07, "red": 0.06, "nir": 0.35, "swir16": 0.22, "swir22": 0.12}
"""Reflectance as Landsat 8 sees it."""
NAMES = {"B02": "blue", "B03": "green", "B04": "red", "B8A": "nir", "B11": "swir16", "B12": "swir22"}
JOINT = joint_sensors([SENSOR, LANDSAT])


def _sentinel(folder: Path, days: list[date]) -> tuple[Scene, ...]:
    """Write the ground as Sentinel-2A sees it, by turning the published coefficients round."""
    towards = next(one for one in adjustments() if "sentinel-2a" in one.platforms).band
    seen = dict.fromkeys(BANDS, 0.2)
    for band, common in NAMES.items():
        slope, intercept = towards["nir08" if common == "nir" else common]
        seen[band] = (GROUND[common] - intercept) / slope
    shots = [flat_shot(day, (SIDE, SIDE), values=seen, properties={"platform": "sentinel-2a"}) for day in days]
    catalog = write_catalog(folder, shots)
    return find_scenes(catalog=catalog, folder=None, pattern=None, sensor=SENSOR, **_asked())


def _landsat(folder: Path, days: list[date], *, cloud_at: tuple[int, int] | None = None) -> tuple[Scene, ...]:
    """Write the ground as Landsat 8 sees it, on cells of 30 m."""
    folder.mkdir(exist_ok=True)
    for day in days:
        for common, value in GROUND.items():
            raw = np.full((SIDE // 3, SIDE // 3), round((value + 0.2) / 2.75e-5), dtype=np.uint16)
            _write(folder / f"LC08_{day:%Y%m%d}_{common if common != 'nir' else 'nir08'}.tif", raw)
        mask = np.full((SIDE // 3, SIDE // 3), 1 << 6, dtype=np.uint16)
        if cloud_at is not None:
            mask[cloud_at] = 1 << 3
        _write(folder / f"LC08_{day:%Y%m%d}_qa_pixel.tif", mask)
    found = find_scenes(catalog=None, folder=folder, pattern="LC08_{date}_{band}.tif", sensor=LANDSAT, **_asked())
    return tuple(found)


def _asked() -> dict[str, object]:
    return {"start": date(2024, 1, 1), "end": date(2024, 12, 31), "geobox": grid(SIDE, SIDE)}


def _write(path: Path, cells: np.ndarray) -> None:
    profile = {"driver": "GTiff", "width": cells.shape[1], "height": cells.shape[0], "count": 1, "dtype": "uint16"}
    place = {"crs": CRS, "transform": from_origin(*ORIGIN, 30, 30)}
    with rasterio.open(path, "w", **profile, **place) as target:
        target.write(cells, 1)


def _joint(first: tuple[Scene, ...], second: tuple[Scene, ...]) -> tuple[Scene, ...]:
    return (
        *JOINT.scenes(0, harmonised(first, "oli").scenes),
        *JOINT.scenes(1, harmonised(second, "oli").scenes),
    )


def test_the_bands_are_those_of_both() -> None:
    """Literal: six bands; the narrow near infrared of Sentinel-2 stands beside Landsat's."""
    assert JOINT.sensor.common == ("blue", "green", "red", "nir", "swir16", "swir22")
    assert JOINT.sources[0] == ("blue", "green", "red", "nir08", "swir16", "swir22")
    assert [band.resolution_m for band in JOINT.members[0].band] == [10, 10, 10, 20, 20, 20]
    assert {band.resolution_m for band in JOINT.members[1].band} == {30}


def test_a_joint_series_shows_no_step(tmp_path: Path) -> None:
    """Law: stable ground has one value on every day, whichever satellite passed, within 0.0002."""
    scenes = _joint(
        _sentinel(tmp_path / "s2", [date(2024, 1, 5), date(2024, 3, 5)]),
        _landsat(tmp_path / "landsat", [date(2024, 2, 4), date(2024, 4, 4)]),
    )
    stack = read_stack(scenes, grid(SIDE, SIDE), Block(0, 0, SIDE, SIDE), sensor=JOINT.sensor, cloud_buffer_m=0)
    assert stack.valid.all()
    assert [day.month for day in stack.days] == [1, 2, 3, 4]
    for layer, name in enumerate(JOINT.sensor.common):
        assert np.abs(stack.values[:, layer] * stack.quantum - GROUND[name]).max() <= 2e-4, name


def test_without_harmonisation_there_is_a_step(tmp_path: Path) -> None:
    """Negative control: the satellites do not see alike, and the test above would tell."""
    raw = JOINT.scenes(0, _sentinel(tmp_path / "s2", [date(2024, 1, 5)]))
    stack = read_stack(raw, grid(SIDE, SIDE), Block(0, 0, SIDE, SIDE), sensor=JOINT.sensor, cloud_buffer_m=0)
    assert np.abs(stack.values[0, 0] * stack.quantum - GROUND["blue"]).min() > 0.004


def test_each_scene_has_its_own_mask_and_cells(tmp_path: Path) -> None:
    """Literal: cloud in the bits of one Landsat cell hides nine cells of the grid on that day alone."""
    scenes = _joint(
        _sentinel(tmp_path / "s2", [date(2024, 1, 5)]),
        _landsat(tmp_path / "landsat", [date(2024, 2, 4)], cloud_at=(1, 2)),
    )
    stack = read_stack(scenes, grid(SIDE, SIDE), Block(0, 0, SIDE, SIDE), sensor=JOINT.sensor, cloud_buffer_m=0)
    assert stack.valid[0].all()
    assert sorted(zip(*np.nonzero(~stack.valid[1]), strict=True)) == [(r, c) for r in (3, 4, 5) for c in (6, 7, 8)]


def test_order_blocks_and_repetition_change_nothing(tmp_path: Path) -> None:
    """Law: scenes of both sensors backwards, one of them twice, and a block by itself have the same bytes."""
    scenes = _joint(
        _sentinel(tmp_path / "s2", [date(2024, 1, 5), date(2024, 2, 4)]),
        _landsat(tmp_path / "landsat", [date(2024, 2, 4), date(2024, 4, 4)]),
    )
    box = grid(SIDE, SIDE)
    whole = read_stack(scenes, box, Block(0, 0, SIDE, SIDE), sensor=JOINT.sensor, cloud_buffer_m=30)
    again = read_stack(
        (*reversed(scenes), scenes[1]), box, Block(2, 3, 7, 6), sensor=JOINT.sensor, cloud_buffer_m=30
    )
    assert len(unique_scenes(scenes)) == 4
    assert whole.days == again.days
    assert np.array_equal(again.values, whole.values[:, :, 2:9, 3:9])
    assert np.array_equal(again.valid, whole.valid[:, 2:9, 3:9])


def test_what_does_not_fit_together_is_refused() -> None:
    """Law: decibels and reflectance are no one series, nor are sensors without common bands."""
    with pytest.raises(SurveyFileError, match="measures backscatter_db"):
        joint_sensors([SENSOR, load_sensor("sentinel-1-rtc")])
    only_red = Sensor.model_validate(
        LANDSAT.model_dump() | {"band": [band.model_dump() for band in LANDSAT.band if band.common == "red"]}
    )
    with pytest.raises(SurveyFileError, match="share red"):
        joint_sensors([SENSOR, only_red])
