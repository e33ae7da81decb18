"""The compiled loops against the same in plain numpy, to the last bit, on input of any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imagery.composite import band_percentiles, percentiles
from imagery.course import course, courses
from imagery.discriminant import fit_discriminant
from imagery.disturbance import disturbance
from imagery.geomedian import geometric_median
from imagery.mask import disk, grow, without_specks
from imagery.phenology import season_of
from imagery.smoothing import first_highest, highest, pooled, reach
from imagery.spectral import INDICES, LETTERS, spectral_index, write_spectral_indices
from imagery.texture import local_mean_and_deviation
from tests.imagery import plain_kernels as plain

SEEDS = st.integers(0, 10_000)
SHARES = st.sampled_from([0.0, 0.15, 0.6, 1.0])
CELLS = st.sampled_from([1, 63, 64, 200, 1300])


def seen(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> NDArray[np.bool_]:
    """Return which of some cells are seen."""
    return np.asarray(rng.random(shape) < share)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, days=st.integers(0, 20), cells=CELLS, share=SHARES)
def test_percentiles(seed: int, days: int, cells: int, share: float) -> None:
    """Plain numpy: one sorted stack and its places."""
    rng = np.random.default_rng(seed)
    values, valid = rng.integers(-32_000, 32_000, (days, cells)).astype(np.int16), seen(rng, (days, cells), share)
    percents = (0.0, 10.0, 50.0, 72.5, 90.0, 100.0)
    found = percentiles(values, valid, percents)
    ordered, count = plain.masked_sort(values, valid), valid.sum(axis=0, dtype=np.int16)
    for percent, layer in zip(percents, found, strict=True):
        np.testing.assert_array_equal(layer, plain.percentile(ordered, count, percent))


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, days=st.integers(0, 9), cells=CELLS, share=SHARES)
def test_percentiles_of_bands(seed: int, days: int, cells: int, share: float) -> None:
    """Law: bands taken together are those taken alone; runs of cells seen alike and seen differently."""
    rng = np.random.default_rng(seed)
    values, valid = (
        rng.integers(-32_000, 32_000, (days, 3, cells)).astype(np.int16),
        seen(rng, (days, cells), share),
    )
    valid[:, : cells // 2] = True
    together = band_percentiles(values, valid, (10.0, 50.0))
    for band in range(3):
        np.testing.assert_array_equal(together[:, band], percentiles(values[:, band], valid, (10.0, 50.0)))


@pytest.mark.parametrize("name", [name for name, index in INDICES.items() if index.sides is not None])
def test_normalised_differences(name: str) -> None:
    """Independent program: the formula as it is written; zero, negative, huge and missing values among them."""
    rng = np.random.default_rng(len(name))
    odd = np.array([0.0, -0.0, -0.2, 1e38, 3e38, np.inf, np.nan], dtype=np.float32)
    formula = INDICES[name].formula
    planes = {letter: rng.uniform(-0.1, 0.6, 1300).astype(np.float32) for letter in formula.names}
    for plane in planes.values():
        plane[rng.random(1300) < 0.3] = 0.0
        plane[::3] = rng.choice(odd, len(plane[::3]))
    with np.errstate(invalid="ignore", over="ignore"):
        expected = formula.value({letter: np.maximum(plane, np.float32(0)) for letter, plane in planes.items()})
    found = spectral_index(name, {LETTERS[letter]: plane for letter, plane in planes.items()})
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("cells", [1, 512, 1300])
def test_indices_of_the_same_bands(cells: int) -> None:
    """Law: indices written together are those made alone, whatever their form, and other planes are left alone."""
    bands = sorted({band for index in INDICES.values() for band in index.bands})
    rng = np.random.default_rng(cells)
    planes = rng.integers(-300, 6000, (len(bands), cells)).astype(np.float32)
    planes[:, ::5], planes[:, 3::7] = 0.0, np.nan
    physical = {band: plane * np.float32(1e-4) for band, plane in zip(bands, planes, strict=True)}
    out = np.full((len(INDICES), cells), 7, dtype=np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        write_spectral_indices(tuple(INDICES), planes, 1e-4, bands=bands, out=out)
        expected = [spectral_index(name, physical) for name in INDICES]
    np.testing.assert_array_equal(out, expected)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, days=st.integers(1, 9), cells=CELLS, share=SHARES)
def test_geometric_median(seed: int, days: int, cells: int, share: float) -> None:
    """Plain numpy: the same steps, taken by all cells that still move."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5000, (days, 6, cells)).astype(np.int16)
    values[:, :, ::7] = values[:1, :, ::7]  # observations that coincide
    valid = seen(rng, (days, cells), share)
    np.testing.assert_array_equal(geometric_median(values, valid), plain.geometric_median(values, valid))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, steps=st.integers(2, 40), cells=CELLS)
def test_seasons(seed: int, steps: int, cells: int) -> None:
    """Plain numpy: crossings and sums step by step; flat curves, ties and NaN among them."""
    rng = np.random.default_rng(seed)
    curve = np.cumsum(rng.integers(-2, 3, (steps, cells)), axis=0).astype(np.float64)
    curve[:, ::5] += rng.normal(size=(steps, len(range(0, cells, 5))))
    curve[:, 3::11], curve[:, 5::11] = 4.0, np.nan
    found, expected = season_of(curve, 5), plain.season_of(curve, 5)
    for part in ("start", "peak", "end", "amplitude", "integral"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, days=st.integers(1, 14), cells=CELLS, share=SHARES)
def test_disturbance(seed: int, days: int, cells: int, share: float) -> None:
    """Plain numpy: day by day."""
    rng = np.random.default_rng(seed)
    series, valid = rng.integers(-3000, 9000, (days, cells)).astype(np.int16), seen(rng, (days, cells), share)
    curve = rng.normal(3000, 900, (days, cells))
    found, expected = disturbance(series, valid, curve), plain.disturbance(series, valid, curve)
    for part in ("residual", "step", "drop", "rise"):
        np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, radius=st.integers(1, 4), share=SHARES)
def test_texture(seed: int, radius: int, share: float) -> None:
    """Plain numpy: running sums of the whole image."""
    rng = np.random.default_rng(seed)
    image = rng.integers(-32_000, 32_000, (19, 31)).astype(np.float32) + rng.choice([0, 0.5], (19, 31))
    image = np.where(seen(rng, image.shape, share), image, np.nan).astype(np.float32)
    for found, expected in zip(
        local_mean_and_deviation(image, radius), plain.local_mean_and_deviation(image, radius), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, share=st.sampled_from([0.0, 0.01, 0.3, 0.9, 1.0]), radius_m=st.sampled_from([0.0, 20.0, 61.0]))
def test_growth_of_masks(seed: int, share: float, radius_m: float) -> None:
    """Plain numpy: sums along rows, and over squares."""
    rng = np.random.default_rng(seed)
    shape = disk(radius_m, (10.0, 20.0))
    cells = seen(rng, (17 + 2 * shape[-1][0], 23 + 2 * max(half for _, half in shape)), share)
    np.testing.assert_array_equal(grow(cells, shape), plain.grow(cells, shape))
    for side in (1, 2, 4):
        np.testing.assert_array_equal(without_specks(cells, side), plain.without_specks(cells, side))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, share=SHARES, width=st.sampled_from([0.0, 0.7, 1.5]))
def test_pools(seed: int, share: float, width: float) -> None:
    """Plain numpy: one neighbour of all cells at a time."""
    rng = np.random.default_rng(seed)
    size = (9 + 2 * reach(width), 14 + 2 * reach(width))
    logs, known = np.log(rng.random((4, *size))), seen(rng, size, share)
    np.testing.assert_array_equal(pooled(logs, known, width), plain.pooled(logs, known, width))


def test_highest_classes() -> None:
    """Independent program: numpy's own, with ties, of which the first counts."""
    scores = np.random.default_rng(0).integers(0, 4, (5, 900)).astype(float)
    np.testing.assert_array_equal(highest(scores), scores.max(axis=0))
    np.testing.assert_array_equal(first_highest(scores), scores.argmax(axis=0))


@pytest.mark.parametrize("cells", [1, 511, 1300])
def test_discriminant(cells: int) -> None:
    """Plain numpy: feature by feature for all cells, with values missing and far out."""
    rng = np.random.default_rng(cells)
    code = rng.integers(1, 5, 300)
    model = fit_discriminant((rng.normal(size=(7, 300)) + code).astype(np.float32), code)
    planes = (rng.normal(size=(7, cells)) * 20).astype(np.float32)
    planes[seen(rng, planes.shape, 0.2)] = np.nan
    np.testing.assert_array_equal(model.scores(planes), plain.discriminant_scores(model, planes))


@pytest.mark.parametrize("name", [*INDICES, "swir16"])
def test_courses(name: str) -> None:
    """Plain numpy: the index of reflectances, rounded; dark and negative values among them."""
    rng = np.random.default_rng(len(name))
    bands = sorted({"swir16", *(band for index in INDICES.values() for band in index.bands)})
    values = rng.integers(-900, 9000, (5, len(bands), 700)).astype(np.int16)
    values[:, :, ::9] = rng.integers(-3, 2, (5, len(bands), 78))
    valid = seen(rng, (5, 700), 0.7)
    units, defined = course(values, valid, bands=bands, quantum=1e-4, name=name)
    if name in bands:
        expected = values[:, bands.index(name)], valid
    else:
        expected = plain.course(values, valid, bands, 1e-4, name)
    np.testing.assert_array_equal(defined, expected[1])
    np.testing.assert_array_equal(units, expected[0])


@pytest.mark.parametrize("dark", [False, True])
def test_courses_together(dark: bool) -> None:
    """Law: courses followed together are those followed alone; days on which all are defined are told as such."""
    bands = sorted({"swir16", *(band for index in INDICES.values() for band in index.bands)})
    names = [*INDICES, "swir16"]
    rng = np.random.default_rng(3)
    values, valid = rng.integers(1, 9000, (5, len(bands), 700)).astype(np.int16), seen(rng, (5, 700), 0.7)
    if dark:
        values[:, :, ::9] = 0
    units, defined = courses(values, valid, bands=bands, quantum=1e-4, names=names)
    for place, name in enumerate(names):
        alone, days = course(values, valid, bands=bands, quantum=1e-4, name=name)
        np.testing.assert_array_equal(units[:, place], alone)
        np.testing.assert_array_equal(defined[place], days)
    assert (defined[names.index("NDVI")] is valid) is not dark
    assert defined[names.index("swir16")] is valid
