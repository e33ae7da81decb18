"""Crop profiles."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from geo.errors import InputError, SurveyFileError
from imagery.profile import BANDS, CropProfile, load_profile, profile_names

HERE = Path(__file__).resolve().parents[2] / "imagery" / "profiles"


@pytest.mark.parametrize("name", ["andes-coca", "helmand-poppy", "rif-cannabis"])
def test_profiles_are_complete(name: str) -> None:
    """Law: a profile has one crop, look-alikes, a spectrum for every stage, and a source for every number."""
    profile = load_profile(name)
    assert len(profile.crops) == 1
    assert len(profile.look_alikes) >= 2
    assert not set(profile.look_alikes) & set(profile.crops)
    used = {stage.spectrum for entry in profile.classes for stage in entry.stages}
    used |= {entry.cutting.spectrum for entry in profile.classes if entry.cutting}
    assert used | {profile.soil} == set(profile.spectra)
    assert all(len(spectrum.reflectance) == len(BANDS) for spectrum in profile.spectra.values())


COUNTRIES = {
    "coca": {"COL", "PER", "BOL"},
    "opium_poppy": {"AFG", "MMR", "LAO", "MEX"},
    "cannabis": {"MAR", "NGA", "LBN"},
}


@pytest.mark.parametrize(("crop", "countries"), COUNTRIES.items())
def test_countries_have_their_profiles(crop: str, countries: set[str]) -> None:
    """Contract: each country has calendar, growth stages, look-alikes, sensors and accuracies, all marked."""
    found = [load_profile(name) for name in profile_names()]
    of_crop = [profile for profile in found if profile.country and crop in profile.crops]
    assert {profile.country for profile in of_crop} == countries
    for profile in of_crop:
        assert profile.look_alikes, profile.name
        assert profile.best_sensors, profile.name
        assert profile.accuracies, profile.name
        assert profile.of(crop).stages, profile.name
        assert not profile.spectra, profile.name
        assert profile.windows_in(date(2022, 7, 1), date(2024, 6, 30)), profile.name


def test_found_numbers_keep_their_source() -> None:
    """Published: the facts that were read in a source are marked so; what was recalled is not."""
    colombia, nigeria = load_profile("colombia-coca"), load_profile("nigeria-cannabis")
    reference = next(window for window in colombia.windows if window.name == "reference")
    assert (reference.start, reference.end, reference.mark) == ("11-01", "02-28", "found")
    assert nigeria.minimum_field_ha is not None
    assert nigeria.minimum_field_ha.typical == pytest.approx(8_900 / 133_500, abs=5e-4)
    assert load_profile("afghanistan-poppy").windows[0].mark == "unverified"


def test_names_of_profiles_are_those_of_the_files() -> None:
    """Law: every profile file is listed under its own name."""
    simulated = {"andes-coca", "helmand-poppy", "rif-cannabis"}
    assert simulated < set(profile_names())
    assert len(profile_names()) == 13
    assert [load_profile(name).name for name in profile_names()] == list(profile_names())


def test_green_leaves_have_a_red_edge() -> None:
    """Law: in every green canopy the near infrared is at least four times the red, and red is below green."""
    for name in profile_names():
        for key, spectrum in load_profile(name).spectra.items():
            if key.endswith(("_canopy", "coca_canopy", "_flower")) or key in ("wheat_green", "poppy_green"):
                level = dict(zip(BANDS, spectrum.reflectance, strict=True))
                assert level["B08"] > 4 * level["B04"], key
                assert level["B04"] < level["B03"], key
                assert np.all(np.diff([level[band] for band in ("B04", "B05", "B06", "B07")]) > 0), key


def test_windows_lie_on_the_period() -> None:
    """Literal values: the flowering window of the season that starts in November 2020 is in spring 2021."""
    windows = load_profile("helmand-poppy").windows_in(date(2020, 11, 1), date(2021, 7, 15))
    assert [(window.name, window.start, window.end) for window in windows][1] == (
        "flowering",
        date(2021, 3, 15),
        date(2021, 4, 20),
    )


def test_windows_are_cut_to_the_period_or_left_out() -> None:
    """Literal values: a period from 1 April to 1 June has the end of one window and the start of the next."""
    windows = load_profile("helmand-poppy").windows_in(date(2024, 4, 1), date(2024, 6, 1))
    assert [(window.name, window.start, window.end) for window in windows] == [
        ("flowering", date(2024, 4, 1), date(2024, 4, 20)),
        ("maturity", date(2024, 4, 25), date(2024, 6, 1)),
    ]


def test_a_window_across_the_new_year_is_one_window() -> None:
    """Literal values: 1 December to 15 January lies around the new year inside the season."""
    profile = load_profile("helmand-poppy")
    winter = profile.windows[0].model_copy(update={"name": "winter", "start": "12-01", "end": "01-15"})
    crossing = profile.model_copy(update={"windows": (winter,)})
    assert [(window.start, window.end) for window in crossing.windows_in(date(2020, 11, 1), date(2021, 7, 15))] == [
        (date(2020, 12, 1), date(2021, 1, 15))
    ]


def test_a_period_outside_the_season_is_refused() -> None:
    """Law: a period that no window touches ends in one line with the windows."""
    with pytest.raises(SurveyFileError, match="no day inside a season window"):
        load_profile("helmand-poppy").windows_in(date(2024, 8, 1), date(2024, 10, 1))


def test_profile_from_a_file(tmp_path: Path) -> None:
    """Law: a copy of a profile in a file reads as the profile does."""
    copy = tmp_path / "mine.toml"
    copy.write_text((HERE / "rif-cannabis.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert load_profile(copy) == load_profile("rif-cannabis")


def broken(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """Write a profile with some text replaced."""
    text = (HERE / "andes-coca.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('spectrum = "coffee_dry"', 'spectrum = "tea"', "'tea', which is not in"),
        ('soil = "soil_red"', 'soil = "mud"', "soil names spectrum 'mud'"),
        ("crop = true", "crop = false", "no class has crop = true"),
        ('start = "01-01"', 'start = "02-30"', "no day of the year"),
        ("code = 2\n", "code = 1\n", "1 twice"),
        ('name = "early_year"', 'name = "late_year"', "window 'late_year' stands twice"),
        ('mark = "unverified"', 'mark = "sure"', "'found' or 'unverified'"),
        ("reflectance = [0.030,", "reflectance = [", "at least 10 items"),
        ("low = 0.1\n", "low = 9.0\n", "not in rising order"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Law: each mistake of a profile file ends in a line that names it."""
    with pytest.raises(SurveyFileError, match=message):
        load_profile(broken(tmp_path, (old, new)))


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Law: two mistakes give two problems."""
    path = broken(tmp_path, ('start = "01-01"', 'start = "13-01"'), ('mark = "unverified"', 'mark = "sure"'))
    with pytest.raises(SurveyFileError) as caught:
        load_profile(path)
    assert len(caught.value.problems) == 2


def test_missing_profile_and_bad_toml(tmp_path: Path) -> None:
    """Law: an unknown name lists the known ones; a file that is not TOML is told so."""
    with pytest.raises(InputError, match="one of afghanistan-poppy, andes-coca, "):
        load_profile("borneo")
    path = tmp_path / "bad.toml"
    path.write_text("name = ", encoding="utf-8")
    with pytest.raises(InputError, match="not TOML"):
        load_profile(path)


def test_unknown_class_is_named() -> None:
    """Law: asking for a class that is not there names those that are."""
    profile: CropProfile = load_profile("andes-coca")
    assert profile.of("coffee").code == 2
    with pytest.raises(KeyError, match="no class 'tea'"):
        profile.of("tea")
