"""Features: names and planes agree, nothing seen is missing, and no bit depends on the company."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from imagery.composite import percentiles
from imagery.course import course
from imagery.disturbance import disturbance
from imagery.features import Composite, FeatureSpec, cell_features, feature_spec, texture_planes, window_composite
from imagery.harmonic import amplitude, harmonic_design, harmonic_fit
from imagery.phenology import season_of_harmonics
from imagery.sensor import load_sensor
from imagery.spectral import spectral_index
from imagery.stack import Series, Stack
from tests.imagery.world import SENSOR

WINDOWS = {"early": (date(2023, 1, 1), date(2023, 3, 31)), "late": (date(2023, 4, 1), date(2023, 6, 30))}
TOLERANCE = 1e-5  # single precision


def series(cells: int, *, seed: int = 0, clear: float = 0.6) -> Series:
    """Return random reflectances of 12 dates."""
    rng = np.random.default_rng(seed)
    days = tuple(date(2023, 1, 4) + timedelta(days=15 * number) for number in range(12))
    return Series(
        days=days,
        bands=SENSOR.common,
        values=rng.integers(100, 6000, (12, len(SENSOR.band), cells)).astype(np.int16),
        valid=rng.random((12, cells)) < clear,
        quantum=1e-4,
    )


SPEC = feature_spec(SENSOR, ["early", "late"])


def plane(name: str, data: Series, spec: FeatureSpec = SPEC) -> np.ndarray:
    """Return one feature by its name."""
    return np.asarray(cell_features(data, spec, WINDOWS)[spec.cell_names.index(name)])


def test_names_are_unique_and_fit_the_planes() -> None:
    """Law: one name for each plane."""
    planes = cell_features(series(5), SPEC, WINDOWS)
    assert len(planes) == len(SPEC.cell_names)
    assert len(set(SPEC.names)) == len(SPEC.names)


def test_a_window_median_by_hand() -> None:
    """Brute force: the median of the clear red values of the window's dates."""
    data = series(40)
    inside = np.array([WINDOWS["late"][0] <= day <= WINDOWS["late"][1] for day in data.days])
    red = np.where(data.valid, data.values[:, SENSOR.common.index("red")], np.nan)[inside]
    seen = data.valid[inside].any(axis=0)
    assert plane("late_red", data)[seen] == pytest.approx(np.nanmedian(red[:, seen], axis=0))
    assert np.isnan(plane("late_red", data)[~seen]).all()


def test_a_season_percentile_by_hand() -> None:
    """Brute force: the 90th percentile of NDVI held in steps of 0.0001."""
    data = series(40)
    red, nir = (data.values[:, SENSOR.common.index(band)].astype(float) for band in ("red", "nir"))
    ndvi = np.rint((nir - red) / (nir + red) * 10_000)
    expected = np.nanpercentile(np.where(data.valid, ndvi, np.nan), 90, axis=0)
    assert plane("season_NDVI_p90", data) == pytest.approx(expected, abs=1.0)


def test_index_of_the_window_is_that_of_its_medians() -> None:
    """Literal: NDVI of the median bands of a window."""
    data = series(20, clear=1.0)
    red, nir = plane("early_red", data), plane("early_nir", data)
    assert plane("early_NDVI", data) == pytest.approx((nir - red) / (nir + red), abs=TOLERANCE)


def test_a_window_that_the_period_lacks_is_missing() -> None:
    """Law: features keep their place; what was not observed is NaN."""
    planes = cell_features(series(5), SPEC, {"early": WINDOWS["early"]})
    late = [row for row, name in enumerate(SPEC.cell_names) if name.startswith("late_")]
    assert np.isnan(planes[late]).all()
    assert not np.isnan(planes[: late[0]]).all()


def test_cells_never_seen_have_no_features() -> None:
    """Law: not seen is not zero."""
    data = series(6)
    blind = Series(days=data.days, bands=data.bands, values=data.values, valid=data.valid & False, quantum=1e-4)
    assert np.isnan(cell_features(blind, SPEC, WINDOWS)).all()


def test_what_clouds_show_does_not_matter() -> None:
    """Law: values that are not clear change no feature; those that are do."""
    data = series(50)
    bright = np.where(data.valid[:, None], data.values, np.int16(9000))
    cloudy = Series(days=data.days, bands=data.bands, values=bright, valid=data.valid, quantum=1e-4)
    same = cell_features(cloudy, SPEC, WINDOWS)
    assert np.array_equal(cell_features(data, SPEC, WINDOWS), same, equal_nan=True)
    seen = Series(days=data.days, bands=data.bands, values=bright, valid=np.ones_like(data.valid), quantum=1e-4)
    assert not np.array_equal(cell_features(seen, SPEC, WINDOWS), same, equal_nan=True)


@pytest.mark.parametrize("cells", [1, 7, 333])
def test_no_bit_depends_on_the_company(cells: int) -> None:
    """Law: the first cells of many are what they are alone, beyond the size of a chunk too."""
    many = series(17_000)
    planes = cell_features(many, SPEC, WINDOWS)
    for start in (0, 16_380):
        part = slice(start, start + cells)
        assert np.array_equal(cell_features(many.part(part), SPEC, WINDOWS), planes[:, part], equal_nan=True)


def test_texture_of_a_block_is_part_of_the_whole() -> None:
    """Law: with its halo a block has the texture of the whole image."""
    data = series(40 * 40)
    stack = Stack(
        days=data.days,
        bands=data.bands,
        values=data.values.reshape(12, -1, 40, 40),
        valid=data.valid.reshape(12, 40, 40),
        quantum=1e-4,
    )
    halo = SPEC.halo
    whole = texture_planes(stack, SPEC)
    assert whole.shape == (len(SPEC.texture_names), 40 - 2 * halo, 40 - 2 * halo)
    part = Stack(
        days=stack.days,
        bands=stack.bands,
        values=stack.values[:, :, 5:25, 10:31],
        valid=stack.valid[:, 5:25, 10:31],
        quantum=1e-4,
    )
    assert np.array_equal(
        texture_planes(part, SPEC), whole[:, 5 : 25 - 2 * halo, 10 : 31 - 2 * halo], equal_nan=True
    )


def test_indices_as_bands_are_followed_as_they_are() -> None:
    """Literal: a stack of NDVI and EVI gives their medians and their course, and no further index."""
    spec = feature_spec(load_sensor("cbers4-awfi-16d"), ["early"], radii=())
    assert spec.season == ("ndvi", "evi")
    assert spec.composite_indices == ()
    assert spec.texture_names == ()
    assert spec.cell_names[:3] == ("early_ndvi", "early_evi", "season_ndvi_p10")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("composite", ["median", "medoid"])
def test_every_plane_is_what_its_name_says(composite: Composite, dark: bool) -> None:
    """Independent route: each feature by the function that makes it, one name at a time."""
    spec = FeatureSpec(
        windows=("early", "late"),
        bands=("swir16", "red", "nir"),
        composite_indices=("NDVI", "SAVI", "BI"),
        composite=composite,
        window_percents=(25.0, 80.0),
        contrasts=(("early", "late"),),
        season=("NDMI", "SAVI", "NDVI", "nir"),
        phenology=("NDVI",),
        disturbance=("NDMI", "nir"),
    )
    data = series(700, seed=4)
    if dark:
        data.values[:, :, ::9] = 0
    planes = dict(zip(spec.cell_names, cell_features(data, spec, WINDOWS), strict=True))
    expected: dict[str, np.ndarray] = {}
    for window, (first, last) in WINDOWS.items():
        days = np.array([first <= day <= last for day in data.days])
        bands = window_composite(data, (first, last), composite)
        physical = {band: plane * np.float32(data.quantum) for band, plane in bands.items()}
        expected |= {f"{window}_{band}": bands[band] for band in spec.bands}
        expected |= {f"{window}_{name}": spectral_index(name, physical) for name in spec.composite_indices}
        for band in spec.bands:
            values = data.values[days, data.bands.index(band)]
            for percent, plane in zip((25, 80), percentiles(values, data.valid[days], (25.0, 80.0)), strict=True):
                expected[f"{window}_{band}_p{percent}"] = plane
    for name in (*spec.bands, *spec.composite_indices):
        expected[f"early_to_late_{name}"] = expected[f"late_{name}"] - expected[f"early_{name}"]
    design = harmonic_design(data.days, 2)
    for name in spec.season:
        units, valid = course(data.values, data.valid, bands=data.bands, quantum=data.quantum, name=name)
        fitted = harmonic_fit(units, valid, design)
        for percent, plane in zip((10, 50, 90), percentiles(units, valid, (10.0, 50.0, 90.0)), strict=True):
            expected[f"season_{name}_p{percent}"] = plane
        for part, plane in zip(("mean", "cos1", "sin1", "cos2", "sin2"), fitted, strict=True):
            expected[f"season_{name}_{part}"] = plane
        expected |= {f"season_{name}_amplitude{n}": amplitude(*fitted[2 * n - 1 : 2 * n + 1]) for n in (1, 2)}
        if name in spec.phenology:
            season = season_of_harmonics(fitted, data.days[0], data.days[-1])
            parts = ("start", "peak", "end", "amplitude", "integral")
            expected |= {f"season_{name}_{part}": getattr(season, part) for part in parts}
        if name in spec.disturbance:
            terms = [factor[:, None] * coefficient for factor, coefficient in zip(design.T, fitted, strict=True)]
            found = disturbance(np.ascontiguousarray(units), valid, sum(terms[1:], terms[0]))
            parts = ("residual", "step", "drop", "rise")
            expected |= {f"season_{name}_{part}": getattr(found, part) for part in parts}
    assert set(planes) == set(expected)
    for name, plane in planes.items():
        np.testing.assert_array_equal(plane, expected[name], err_msg=name)
