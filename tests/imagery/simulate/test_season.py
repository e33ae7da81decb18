"""What fields reflect on a day."""

from __future__ import annotations

import numpy as np
import pytest

from imagery.profile import BANDS, CropProfile, load_profile
from imagery.simulate.season import UnitTraits, draw_traits, reflectance_on, stage_shares

ROUNDING = 1e-6


def test_stages_pass_smoothly_and_add_up() -> None:
    """Law: shares of stages are never negative, add up to 1, and never jump from day to day."""
    for name in ("andes-coca", "helmand-poppy", "rif-cannabis"):
        for entry in load_profile(name).classes:
            shares = stage_shares(entry.stages, np.arange(-400.0, 800.0))
            assert np.allclose(shares.sum(axis=1), 1.0, atol=ROUNDING)
            assert shares.min() >= 0.0
            assert np.abs(np.diff(shares, axis=0)).max() < 0.25


def test_poppy_flowers_in_spring_and_is_gone_in_june() -> None:
    """Literal values: on the calendar of the profile, poppy is in full flower on 8 April and dry on 20 May."""
    poppy = load_profile("helmand-poppy").of("opium_poppy")
    names = [stage.name for stage in poppy.stages]
    days = np.array([40.0, 97.0, 139.0, 139.0 + 365.25])
    shares = stage_shares(poppy.stages, days)
    assert shares[1, names.index("flower")] == pytest.approx(1.0)
    assert shares[2, names.index("senescent")] == pytest.approx(1.0)
    assert 0.0 < shares[0, names.index("green")] < 1.0
    assert np.allclose(shares[2], shares[3], atol=1e-4)


def traits_of(
    codes: list[int], *, name: str, spread: float = 0.0, fresh: bool = False
) -> tuple[CropProfile, UnitTraits]:
    """Draw traits of units of given classes."""
    profile = load_profile(name)
    codes8 = np.array(codes, dtype=np.uint8)
    flags = np.full(len(codes), fresh)
    return profile, draw_traits(profile, codes8, flags, spread=spread, seed=4, year=2024)


def test_wild_forest_without_spread_is_its_spectrum() -> None:
    """Law: a class that stands the same all year, with no tint, differs from its spectrum by thinness alone."""
    profile, traits = traits_of([8], name="andes-coca")
    water = np.array(profile.spectra["water_turbid"].reflectance)
    assert np.allclose(reflectance_on(profile, traits, 10.0)[0][0], water, atol=ROUNDING)
    assert np.allclose(reflectance_on(profile, traits, 10.0), reflectance_on(profile, traits, 200.0))


def test_stripped_coca_is_brighter_in_the_short_wave_infrared() -> None:
    """Law: within a cycle of picking, reflectance at B11 jumps up at the cut and sinks back."""
    profile, traits = traits_of([1], name="andes-coca")
    cutting = profile.of("coca").cutting
    assert cutting is not None
    start = float(traits.cut_day[0] + traits.delay_days[0])
    b11 = BANDS.index("B11")
    before, after, later = (
        float(reflectance_on(profile, traits, start + day)[0][0, b11])
        for day in (-1.0, 0.5, cutting.recovery_days + 1)
    )
    assert after > before + 0.01
    assert later == pytest.approx(before, abs=1e-4)


def test_young_bushes_show_more_soil() -> None:
    """Law: in the first year a stand is thinner by a fixed share, all else equal."""
    _, old = traits_of([1] * 50, name="andes-coca")
    _, young = traits_of([1] * 50, name="andes-coca", fresh=True)
    assert np.allclose(np.clip(old.thinness + 0.2, -0.25, 0.75), young.thinness, atol=ROUNDING)


def test_fields_differ_within_their_class() -> None:
    """Law: with a spread, the tint of fields scatters by about that much; without, not at all."""
    _, none = traits_of([1] * 4000, name="rif-cannabis")
    _, some = traits_of([1] * 4000, name="rif-cannabis", spread=0.05)
    assert np.ptp(none.tint) == 0.0
    assert np.log(some.tint).std() == pytest.approx(0.05 * np.sqrt(1 + 1 / 9), rel=0.05)
    assert some.delay_days.std() == pytest.approx(9.0, rel=0.1)
