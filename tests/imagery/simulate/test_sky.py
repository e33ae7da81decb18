"""Sun, light and clouds."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from imagery.simulate.noise import stream
from imagery.simulate.sky import Sun, draw_clouds, illumination, shadow_offset, sun_at

DEGREE = 1.0  # Cooper's declination is good to about half a degree


@pytest.mark.parametrize(
    ("day", "declination", "latitude"),
    [(date(2024, 6, 20), 23.44, 35.0), (date(2024, 12, 21), -23.44, 31.0), (date(2024, 3, 20), 0.0, 1.3)],
)
def test_sun_stands_where_astronomy_puts_it(day: date, declination: float, latitude: float) -> None:
    """Independent computation: unit vectors turned from equatorial to horizontal coordinates, 10:30 solar time."""
    d, h, p = np.radians([declination, -22.5, latitude])
    equatorial = np.array([np.cos(d) * np.cos(h), -np.cos(d) * np.sin(h), np.sin(d)])
    up = np.array([np.cos(p), 0.0, np.sin(p)])
    north = np.array([-np.sin(p), 0.0, np.cos(p)])
    expected_zenith = np.degrees(np.arccos(equatorial @ up))
    expected_azimuth = np.degrees(np.arctan2(equatorial[1], equatorial @ north)) % 360
    sun = sun_at(day, latitude)
    assert sun.zenith == pytest.approx(expected_zenith, abs=DEGREE)
    assert sun.azimuth == pytest.approx(expected_azimuth, abs=2 * DEGREE)


def test_level_ground_has_the_light_of_level_ground() -> None:
    """Law: without slope the factor is 1; facing the sun it is above, facing away below."""
    sun = Sun(zenith=40.0, azimuth=120.0)
    towards = (np.sin(np.radians(120.0)), np.cos(np.radians(120.0)))  # down this way the slope faces the sun
    slope = np.array([0.0, -0.5, 0.5], dtype=np.float32)
    light = illumination((slope * np.float32(towards[0]), slope * np.float32(towards[1])), sun)
    assert light[0] == pytest.approx(1.0, abs=1e-6)
    assert light[1] > 1.1
    assert light[2] < 0.8


@pytest.mark.parametrize("azimuth", [0.0, 60.0, 155.0, 290.0])
def test_shadow_falls_away_from_the_sun(azimuth: float) -> None:
    """Law: the offset points opposite to the sun and has the length height x tan(zenith)."""
    rows, cols = shadow_offset(Sun(zenith=50.0, azimuth=azimuth), 1000.0, 10.0)
    east, north = np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))
    length = 100 * np.tan(np.radians(50.0))
    assert cols == pytest.approx(-east * length, abs=0.51)
    assert rows == pytest.approx(north * length, abs=0.51)


def test_clouds_cover_what_they_should_and_throw_their_shadow() -> None:
    """Brute force: of all shifts, the true offset is the one at which shadow and cloud agree best."""
    sun = Sun(zenith=35.0, azimuth=140.0)
    clouds = draw_clouds((160, 160), 0.3, sun, base_m=500.0, rng=stream(9, 1))
    assert (clouds.opacity > 0.3).mean() == pytest.approx(0.3, abs=0.04)
    expected = shadow_offset(sun, 500.0, 10.0)

    def agreement(rows: int, cols: int) -> float:
        return float((np.roll(clouds.opacity, (rows, cols), axis=(0, 1)) * clouds.shadow).sum())

    best = max(((r, c) for r in range(-40, 41, 1) for c in range(-40, 41, 1)), key=lambda at: agreement(*at))
    assert np.hypot(best[0] - expected[0], best[1] - expected[1]) <= 2.0
    mirrored = agreement(-expected[0], -expected[1])
    assert agreement(*expected) > 1.5 * mirrored


def test_clear_and_closed_skies() -> None:
    """Law: no cover gives no cloud and no shadow; full cover hides everything and leaves no shadow."""
    sun = Sun(zenith=35.0, azimuth=140.0)
    clear = draw_clouds((64, 64), 0.0, sun, base_m=500.0, rng=stream(9, 2))
    closed = draw_clouds((64, 64), 1.0, sun, base_m=500.0, rng=stream(9, 2))
    assert clear.opacity.max() == 0.0
    assert clear.shadow.max() == 0.0
    assert closed.opacity.min() == 1.0
    assert closed.shadow.max() == 0.0
