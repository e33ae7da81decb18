"""Images of a landscape."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from imagery.simulate.landscape import Landscape, build_landscape
from imagery.simulate.mixture import pool
from imagery.simulate.passes import image_dates
from imagery.simulate.scene import (
    BANDS_10M,
    BANDS_20M,
    Scene,
    open_season,
    render_scene,
)

STEP = 0.1  # what an offset of 1000 digital numbers does to reflectance
REAL_CHANGE = 0.02  # what weather and calibration do to forest and desert between two years
BEST_F1 = 0.55  # a greenness threshold stays below this, a classifier comes out near 0.8


def reflectance(scene: Scene, band: str, *, corrected: bool = True) -> np.ndarray:
    """Return reflectance, with or without the offset of the processing baseline."""
    offset = 1000 if corrected and scene.baseline >= "04.00" else 0
    return (scene.numbers[band].astype(float) - offset) * 1e-4


@pytest.mark.parametrize("name", ["andes-coca", "helmand-poppy"])
def test_offset_steps_between_the_years_unless_it_is_taken_off(
    landscape_of: Callable[[str], Landscape], name: str
) -> None:
    """Brute force: wild ground differs by 0.1 between the years as delivered, and hardly once corrected."""
    landscape = landscape_of(name)
    wild = landscape.truth_at_centres(2024) == landscape.truth_at_centres(2021)
    wild &= landscape.field_numbers[2::4, 2::4] == 0
    scenes = [
        render_scene(open_season(landscape, year), date(int(year), 3, 1), cloud=0.0) for year in ("2021", "2024")
    ]
    assert [scene.baseline for scene in scenes] == ["03.01", "05.10"]
    for band in BANDS_10M:
        use = wild & scenes[0].seen & scenes[1].seen
        before, after = (np.median(reflectance(scene, band)[use]) for scene in scenes)
        raw = np.median(reflectance(scenes[1], band, corrected=False)[use])
        assert after == pytest.approx(before, abs=REAL_CHANGE)
        assert raw - after == pytest.approx(STEP)
        assert raw - before > STEP - REAL_CHANGE


def test_a_scene_does_not_depend_on_those_before_it(landscape_of: Callable[[str], Landscape]) -> None:
    """Law: rendered first or last, a day looks the same; another day does not."""
    season = open_season(landscape_of("rif-cannabis"), "2024")
    days = image_dates(season.landscape, "2024")
    first = render_scene(season, days[4])
    render_scene(season, days[5])
    again = render_scene(season, days[4])
    for band, numbers in first.numbers.items():
        assert np.array_equal(numbers, again.numbers[band])
    assert np.array_equal(first.scl, again.scl)
    assert not np.array_equal(first.scl, render_scene(season, days[5]).scl)


def test_shapes_types_and_codes(landscape: Landscape) -> None:
    """Law: 10 m bands have the grid's shape, 20 m bands and classification half of it; codes are ESA's."""
    season = open_season(landscape, "2021")
    seen: set[int] = set()
    for day in image_dates(landscape, "2021"):
        scene = render_scene(season, day)
        assert {scene.numbers[band].shape for band in BANDS_10M} == {(160, 160)}
        assert {scene.numbers[band].shape for band in BANDS_20M} | {scene.scl.shape} == {(80, 80)}
        assert {str(numbers.dtype) for numbers in scene.numbers.values()} == {"uint16"}
        assert (scene.numbers["B02"] == 0).tolist() == (~scene.seen).tolist()
        assert ((scene.scl == 0) == (scene.numbers["B11"] == 0)).all()
        seen |= set(np.unique(scene.scl).tolist())
    assert {3, 4, 8, 9} <= seen <= set(range(12))


def test_all_codes_occur_somewhere() -> None:
    """Law: over a cloudy year every code of ESA's list is met, no data and saturation included."""
    season = open_season(build_landscape("andes-coca", 1, 320), "2024")
    seen: set[int] = set()
    for day in image_dates(season.landscape, "2024"):
        seen |= set(np.unique(render_scene(season, day).scl).tolist())
    assert seen == set(range(12))


def test_dates_fill_the_season(landscape: Landscape) -> None:
    """Law: 12 to 18 days in rising order inside each period, across the change of baseline."""
    for period in landscape.scenario.periods:
        days = image_dates(landscape, period.name)
        assert 12 <= len(days) <= 18
        assert list(days) == sorted(set(days))
        assert period.start <= days[0]
        assert days[-1] <= period.end
        windows = landscape.profile.windows_in(period.start, period.end)
        assert all(sum(window.start <= day <= window.end for day in days) >= 2 for window in windows)


def test_cloud_averages_to_the_weather(landscape_of: Callable[[str], Landscape]) -> None:
    """Law: over a period, half the coca frontier is under cloud and a seventh of the irrigated plain."""
    for name, low, high in (("andes-coca", 0.40, 0.62), ("helmand-poppy", 0.08, 0.24)):
        season = open_season(landscape_of(name), "2024")
        cover = [
            (render_scene(season, day).clouds.opacity > 0.3).mean() for day in image_dates(season.landscape, "2024")
        ]
        assert low < np.mean(cover) < high
        assert np.ptp(cover) > 0.5


def test_cloud_whitens_and_shadow_darkens(landscape_of: Callable[[str], Landscape]) -> None:
    """Law: against the same day without air, clouds are brighter and shadows darker (blue aside, where haze is)."""
    season = open_season(landscape_of("rif-cannabis"), "2024")
    day = date(2024, 6, 1)
    scene, clear = render_scene(season, day, cloud=0.4), render_scene(season, day, clear=True)
    cloud, shadow = scene.clouds.opacity > 0.95, scene.clouds.shadow > 0.95
    for band, darker in (("B04", 0.015), ("B08", 0.10)):
        change = reflectance(scene, band) - reflectance(clear, band)
        assert np.median(change[cloud & scene.seen]) > 0.1
        assert np.median(change[shadow & scene.seen]) < -darker


def test_scene_classification_is_good_but_wrong_at_the_edges(landscape_of: Callable[[str], Landscape]) -> None:
    """Brute force: nearly all of a cloud's core is called cloud, and a good part of its rim is not."""
    season = open_season(landscape_of("andes-coca"), "2024")
    scene = render_scene(season, date(2024, 8, 10), cloud=0.35)
    opacity, inside = pool(scene.clouds.opacity), scene.scl != 0
    called = np.isin(scene.scl, (1, 8, 9, 11))
    core = binary_erosion(opacity > 0.6, iterations=2) & inside
    rim = (opacity > 0.05) & (opacity < 0.3) & inside
    assert called[core].mean() > 0.99
    assert 1 - called[rim].mean() > 0.02
    missed_shadow = (pool(scene.clouds.shadow) > 0.15) & ~called & (scene.scl != 3) & inside
    assert missed_shadow.sum() > 10
    assert called[~binary_dilation(opacity > 0.0, iterations=1) & inside].mean() < 0.01


def test_slopes_turned_from_the_sun_are_dark(landscape_of: Callable[[str], Landscape]) -> None:
    """Law: on forest of steep ground, near infrared rises with the cosine of the sun's angle to the slope."""
    landscape = landscape_of("andes-coca")
    scene = render_scene(open_season(landscape, "2024"), date(2024, 12, 27), clear=True)
    east, north = landscape.ground.gradient(10.0)
    azimuth = np.radians(scene.sun.azimuth)
    towards = -(np.sin(azimuth) * east + np.cos(azimuth) * north)
    forest = landscape.truth_at_centres(2024) == landscape.profile.legend.code("forest")
    infrared = reflectance(scene, "B08")
    assert np.corrcoef(towards[forest], infrared[forest])[0, 1] > 0.8
    assert np.corrcoef(-towards[forest], infrared[forest])[0, 1] < 0


def test_border_pixels_are_mixtures(landscape_of: Callable[[str], Landscape]) -> None:
    """Law: the shortwave infrared of a pixel half desert and half water lies between those of its neighbours."""
    landscape = landscape_of("helmand-poppy")
    season = open_season(landscape, "2024")
    clear = reflectance(render_scene(season, date(2024, 7, 1), clear=True), "B08")
    legend = landscape.profile.legend
    water = pool((landscape.truth(2024) == legend.code("water")).astype(np.float32), 4)
    desert = pool((landscape.truth(2024) == legend.code("desert")).astype(np.float32), 4)
    half = (abs(water - 0.5) < 0.1) & (water + desert > 0.99)
    assert half.sum() > 5
    wet, dry = np.median(clear[water == 1]), np.median(clear[desert == 1])
    assert abs(np.median(clear[half]) - (wet + dry) / 2) < 0.15 * (dry - wet)


def test_a_greenness_threshold_fails(landscape: Landscape) -> None:
    """Law: the best threshold on NDVI, median or maximum of the season, over or under it, finds the crop badly."""
    season = open_season(landscape, "2024")
    truth = landscape.truth_at_centres(2024) == landscape.profile.legend.code(landscape.scenario.crop)
    series = []
    for day in image_dates(landscape, "2024"):
        scene = render_scene(season, day, clear=True)
        red, infrared = reflectance(scene, "B04"), reflectance(scene, "B08")
        series.append((infrared - red) / (infrared + red))
    best = 0.0
    for greenness in (np.median(series, axis=0), np.max(series, axis=0)):
        for limit in np.quantile(greenness, np.linspace(0.01, 0.99, 99)):
            for called in (greenness > limit, greenness < limit):
                best = max(best, 2 * (called & truth).sum() / (called.sum() + truth.sum()))
    assert 0.05 < best < BEST_F1
