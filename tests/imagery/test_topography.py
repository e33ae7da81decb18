"""Topographic correction: laws of the equations, literal numbers and a brute-force regression."""

from __future__ import annotations

from math import nan
from typing import Any

import numpy as np
import pytest

from geo.blocks import Block, blocks
from geo.errors import InputError
from geo.terrain import Sun, gradient, illumination, with_rim
from imagery.topography import (
    CCorrection,
    Effect,
    Minnaert,
    Moments,
    c_moments,
    corrected,
    effect,
    fit_c,
    fit_minnaert,
    minnaert_moments,
)

LEAST = 0.1
SINGLE = 1e-6  # reflectance is held in single precision
SUN = Sun(zenith_deg=35.0, azimuth_deg=140.0)
FLAT = SUN.cos_zenith
CORRECTIONS = [CCorrection(0.0), CCorrection(0.7), Minnaert(1.0), Minnaert(0.4)]


def hills(size: int = 48) -> Any:
    """Return the illumination of waves of ground, shape (size, size), some of it in its own shade."""
    row, col = np.mgrid[0:size, 0:size]
    z = 60 * np.sin(row / 4) + 50 * np.cos(col / 5)
    return illumination(gradient(with_rim(z, Block(0, 0, size, size)), 10, 10), SUN)


def lit(light: Any) -> Any:
    """Return the cells that are bright enough."""
    return light >= LEAST


def test_lambertian_ground_is_restored_to_the_flat_value() -> None:
    """Law: reflectance 0.3 seen as 0.3 cos i / cos Z comes back by the cosine limit of either correction."""
    light = hills()
    seen = np.float32(0.3) * light / np.float32(FLAT)
    for limit in (CCorrection(0.0), Minnaert(1.0)):
        after = corrected(seen, light, FLAT, limit, least_illumination=LEAST).reflectance
        assert after[lit(light)] == pytest.approx(0.3, rel=SINGLE)
    less = corrected(seen, light, FLAT, CCorrection(0.5), least_illumination=LEAST).reflectance
    assert np.nanstd(less) > 0.01  # negative control


def test_lambertian_ground_has_c_of_zero_and_k_of_one() -> None:
    """Law: the fits find the limit by themselves."""
    light = hills()
    seen = np.float32(0.3) * light
    c = fit_c(c_moments(seen, light, least_illumination=LEAST), band="red", least_illumination=LEAST)
    k = fit_minnaert(minnaert_moments(seen, light, FLAT, least_illumination=LEAST), band="red")
    assert c.c == pytest.approx(0, abs=1e-6)
    assert k.k == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("a", "b"), [(0.05, 0.2), (0.2, 0.05), (-0.01, 0.3)])
def test_a_linear_dependence_is_removed_whole(a: float, b: float) -> None:
    """Law: where reflectance is a + b cos i, c is a / b and every cell becomes a + b cos Z."""
    light = hills().astype(np.float64)
    seen = a + b * light
    correction = fit_c(c_moments(seen, light, least_illumination=LEAST), band="nir", least_illumination=LEAST)
    assert correction.c == pytest.approx(a / b, abs=1e-9)
    after = corrected(seen, light, FLAT, correction, least_illumination=LEAST)
    assert after.reflectance[lit(light)] == pytest.approx(a + b * FLAT, rel=SINGLE)
    told = effect(seen, after, light)
    assert (told.before.slope, told.before.intercept) == pytest.approx((b, a))
    assert told.before.correlation == pytest.approx(1)
    assert told.after.slope == pytest.approx(0, abs=1e-6)


def test_a_power_of_light_is_removed_by_minnaert() -> None:
    """Law: where reflectance is 0.25 (cos i / cos Z) ** 0.6, k is 0.6 and every cell becomes 0.25."""
    light = hills().astype(np.float64)
    seen = np.where(light > 0, 0.25 * (np.maximum(light, 1e-9) / FLAT) ** 0.6, 0.01)
    moments = minnaert_moments(seen, light, FLAT, least_illumination=LEAST)
    correction = fit_minnaert(moments, band="nir")
    assert correction.k == pytest.approx(0.6)
    after = corrected(seen, light, FLAT, correction, least_illumination=LEAST).reflectance
    assert after[lit(light)] == pytest.approx(0.25, rel=SINGLE)


def test_noise_leaves_less_dependence_not_more() -> None:
    """Law: under noise that knows nothing of the light the correlation falls from strong to slight."""
    light = hills()
    seen = 0.05 + 0.2 * light + np.random.default_rng(3).normal(0, 0.01, light.shape)
    correction = fit_c(c_moments(seen, light, least_illumination=LEAST), band="nir", least_illumination=LEAST)
    told = effect(seen, corrected(seen, light, FLAT, correction, least_illumination=LEAST), light)
    assert told.before.correlation > 0.9
    assert abs(told.after.correlation) < 0.1
    too_much = effect(seen, corrected(seen, light, FLAT, CCorrection(0), least_illumination=LEAST), light)
    assert too_much.after.correlation < -0.3  # the cosine correction turns the sign, as it is known to


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_flat_ground_is_not_changed(correction: CCorrection | Minnaert) -> None:
    """Law: where cos i is cos Z the factor is 1."""
    seen = np.linspace(0.01, 0.9, 12, dtype=np.float32).reshape(3, 4)
    after = corrected(seen, np.full((3, 4), FLAT), FLAT, correction, least_illumination=LEAST)
    np.testing.assert_array_equal(after.reflectance, seen)
    assert (after.dark, after.unlit) == (0, 0)


def test_literal_numbers() -> None:
    """Literal numbers: cos Z 0.8, cos i 0.4: (0.8 + 0.2) / (0.4 + 0.2) and the root of 2."""
    seen, light = np.array([[0.3]]), np.array([[0.4]])
    by_c = corrected(seen, light, 0.8, CCorrection(0.2), least_illumination=LEAST).reflectance
    by_k = corrected(seen, light, 0.8, Minnaert(0.5), least_illumination=LEAST).reflectance
    assert float(by_c[0, 0]) == pytest.approx(0.5)
    assert float(by_k[0, 0]) == pytest.approx(0.3 * 2**0.5)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_missing_and_dark_cells_are_left_out_and_counted(correction: CCorrection | Minnaert) -> None:
    """Literal raster: lit, at the limit, too dark, self-shaded, no illumination, no reflectance."""
    seen = np.array([[0.2, 0.2, 0.2, 0.2, 0.2, nan]])
    light = np.array([[0.9, 0.1, 0.09, -0.4, nan, 0.9]])
    after = corrected(seen, light, FLAT, correction, least_illumination=LEAST)
    assert np.isnan(after.reflectance).tolist() == [[False, False, True, True, True, True]]
    assert (after.dark, after.unlit) == (2, 1)
    assert effect(seen, after, light).before.cells == effect(seen, after, light).after.cells == 2


def test_missing_cells_do_not_move_the_fit() -> None:
    """Law: holes in either raster leave the line where it was, and no cell outside the cover counts."""
    light = hills().astype(np.float64)
    seen = 0.05 + 0.2 * light
    seen[3:9, 4:30], light[20:22, :] = nan, nan
    cover = np.zeros(seen.shape, bool)
    cover[:, :24] = True
    seen[:, 24:] = 5.0
    moments = c_moments(seen, light, least_illumination=LEAST, fitted_on=cover)
    assert moments.cells == int((cover & (light >= LEAST) & ~np.isnan(seen)).sum())
    assert (moments.slope, moments.intercept) == pytest.approx((0.2, 0.05))
    everywhere = c_moments(seen, light, least_illumination=LEAST)
    assert everywhere.intercept != pytest.approx(0.05, abs=0.1)  # negative control


@pytest.mark.parametrize("size", [1, 5, 16, 64])
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_blocks_change_nothing_once_fitted(correction: CCorrection | Minnaert, size: int) -> None:
    """Law: blocks of any size give the same reflectance bit by bit, and the same counts."""
    light = hills()
    seen = np.random.default_rng(1).uniform(0.01, 0.5, light.shape).astype(np.float32)
    whole = corrected(seen, light, FLAT, correction, least_illumination=LEAST)
    dark, found = 0, np.full(light.shape, -1, np.float32)
    for block in blocks(light.shape, size):
        part = corrected(seen[block.slices], light[block.slices], FLAT, correction, least_illumination=LEAST)
        found[block.slices] = part.reflectance
        dark += part.dark
    np.testing.assert_array_equal(found, whole.reflectance)
    assert dark == whole.dark > 0


def test_moments_add_up_to_those_of_the_whole() -> None:
    """Brute force: sums over blocks give the line and correlation of numpy on all cells, empty blocks included."""
    rng = np.random.default_rng(8)
    x = rng.uniform(0.1, 1, 500)
    y = 1e4 + 3 * x + rng.normal(0, 1, 500)
    total = sum((Moments.of(x[i : i + 37], y[i : i + 37]) for i in range(0, 600, 37)), Moments())
    slope, intercept = np.polyfit(x, y, 1)
    assert total.cells == 500
    assert (total.slope, total.intercept) == pytest.approx((slope, intercept))
    assert total.correlation == pytest.approx(np.corrcoef(x, y)[0, 1])
    halves = Effect(Moments.of(x[:9], y[:9]), Moments()) + Effect(Moments.of(x[9:], y[9:]), Moments())
    assert halves.before.slope == pytest.approx(slope)


@pytest.mark.parametrize(
    ("seen", "light", "named"),
    [
        ([0.2, 0.3, 0.4], [0.8, 0.8, 0.8], "band red: .*3 cells of even illumination"),
        ([nan, 0.3, nan], [0.5, 0.8, 0.9], "1 cells of even"),
        ([nan, nan, nan], [0.5, 0.8, 0.9], "0 cells of even"),
        ([0.4, 0.3, 0.2], [0.5, 0.6, 0.7], "does not rise"),
    ],
)
def test_what_cannot_be_fitted_is_refused(seen: list[float], light: list[float], named: str) -> None:
    """Law: without light and shade, or where shade is brighter, there is no parameter."""
    y, x = np.array([seen]), np.array([light])
    with pytest.raises(InputError, match=named):
        fit_c(c_moments(y, x, least_illumination=LEAST), band="red", least_illumination=LEAST)
    with pytest.raises(InputError, match=named):
        fit_minnaert(minnaert_moments(y, x, FLAT, least_illumination=LEAST), band="red")


def test_a_line_that_reaches_zero_in_the_light_is_refused() -> None:
    """Law: with c below minus the least illumination a cell would be divided by 0."""
    light = np.array([[0.4, 0.6, 0.9]])
    moments = c_moments(light - 0.3, light, least_illumination=LEAST)
    with pytest.raises(InputError, match=r"band nir: .*0\.300"):
        fit_c(moments, band="nir", least_illumination=LEAST)
    assert fit_c(moments, band="nir", least_illumination=0.35).c == pytest.approx(-0.3)
    after = corrected(light, light, FLAT, CCorrection(-0.6), least_illumination=LEAST)
    assert np.isnan(after.reflectance).tolist() == [[True, True, False]]
    assert after.dark == 2


@pytest.mark.parametrize("least", [0.0, -0.1, 1.0, nan])
def test_a_limit_of_darkness_is_needed(least: float) -> None:
    """Law: at cos i of 0 and below no ground is lit by the sun."""
    with pytest.raises(InputError, match="least_illumination"):
        c_moments(np.ones((1, 1)), np.ones((1, 1)), least_illumination=least)
    with pytest.raises(InputError, match="one shape"):
        c_moments(np.ones((1, 2)), np.ones((1, 1)), least_illumination=LEAST)


def test_a_sun_too_low_for_flat_ground_is_refused() -> None:
    """Law: a scene whose flat ground is too dark has nothing to be brought to."""
    with pytest.raises(InputError, match=r"flat ground 0\.050"):
        corrected(np.ones((1, 1)), np.ones((1, 1)), 0.05, CCorrection(0.0), least_illumination=LEAST)
