"""Sensors: offsets by baseline, masks that leave no hole, and mistakes of sensor files."""

from __future__ import annotations

from pathlib import Path

import pytest

from geo.errors import InputError, SurveyFileError
from imagery.sensor import load_sensor, sensor_names


def test_every_sensor_of_the_program_can_be_read() -> None:
    """Law: each shipped sensor file is complete."""
    assert {"sentinel-2-l2a", "landsat-c2-l2", "cbers4-awfi-16d", "naip"} <= set(sensor_names())
    for name in sensor_names():
        sensor = load_sensor(name)
        assert sensor.name == name
        assert len(set(sensor.common)) == len(sensor.band)


@pytest.mark.parametrize(
    ("baseline", "offset"),
    [("02.12", 0.0), ("03.01", 0.0), ("04.00", -0.1), ("05.09", -0.1), ("05.11", -0.1), ("10.00", -0.1)],
)
def test_sentinel_2_offset_follows_the_baseline(baseline: str, offset: float) -> None:
    """Published: ESA product specification, BOA_ADD_OFFSET of -1000 from baseline 04.00 on."""
    assert load_sensor("sentinel-2-l2a").offset(baseline) == offset


def test_an_unknown_baseline_is_refused_not_guessed() -> None:
    """Law: a scene whose offset cannot be known has no reflectance."""
    with pytest.raises(InputError, match="without processing baseline"):
        load_sensor("sentinel-2-l2a").offset(None)


def test_landsat_scale_and_offset() -> None:
    """Published: USGS LSDS-1619, surface reflectance = 0.0000275 * DN - 0.2."""
    sensor = load_sensor("landsat-c2-l2")
    assert sensor.scale * 18_639 + sensor.offset(None) == pytest.approx(0.3125725)


def test_baseline_in_a_product_name() -> None:
    """Literal: the N field of a Sentinel-2 product name."""
    sensor = load_sensor("sentinel-2-l2a")
    assert sensor.baseline_in("S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE") == "05.09"
    assert sensor.baseline_in("S2A_28QCH_20200714_0_L2A") is None


def test_sentinel_2_mask_covers_no_data_and_saturated() -> None:
    """Literal: SCL 0 and 1 are not clear; leaving them out blanked a quarter of a published map."""
    rule = load_sensor("sentinel-2-l2a").mask
    assert rule is not None
    assert set(rule.invalid) == {0, 1, 2, 3, 8, 9, 10, 11}


SENSOR_FILE = """
name = "tiny"
title = "Tiny"
source = "made up"
quantity = "reflectance"
scale = 1e-4
quantum = 1e-4
[[band]]
name = "R"
common = "red"
keys = ["R"]
resolution_m = 3
"""


def test_a_sensor_file_of_ones_own(tmp_path: Path) -> None:
    """Literal: any sensor can be described without code."""
    (tmp_path / "tiny.toml").write_text(SENSOR_FILE)
    assert load_sensor(tmp_path / "tiny.toml").common == ("red",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[mask]\nkeys=['m']\nkind='classes'\ninvalid=[1]\nfill=0", "fill 0 counts as clear"),
        ("[mask]\nkeys=['m']\nkind='bits'\ninvalid=[1]\ngrown=[3]\nfill=2", "grown lists"),
        ("colour = 3", "Extra inputs"),
    ],
)
def test_a_wrong_sensor_file_is_refused(tmp_path: Path, change: str, message: str) -> None:
    """Law: a mask that lets empty cells pass, or an unknown key, never gets in."""
    (tmp_path / "tiny.toml").write_text(SENSOR_FILE + change if change.startswith("[") else change + SENSOR_FILE)
    with pytest.raises(SurveyFileError, match=message):
        load_sensor(tmp_path / "tiny.toml")


def test_an_unknown_sensor_names_the_known_ones() -> None:
    """Law: the message tells what to write instead."""
    with pytest.raises(InputError, match=r"one of .*sentinel-2-l2a"):
        load_sensor("sentinel-9")
