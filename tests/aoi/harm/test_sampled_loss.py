"""Erosion brought from the map's mean to the sample's: laws of resampling, means worked by hand, what moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aoi.harm.draws import resampled_weights
from aoi.harm.erosion import erosion_draws, erosion_figures
from aoi.harm.factor import load_factors
from aoi.harm.sampled_loss import METHOD_SAMPLED, SampledCrop, corrected, sampled_means
from tests.aoi.harm.ground import fixed, frame_of, place, slopes_of


def sample(**changes: object) -> SampledCrop:
    """Return two strata of 4 and 6 units, five of them crop."""
    crop = SampledCrop(
        stratum=np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1]),
        sizes=np.array([40, 600]),
        found=np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], dtype=bool),
        potential=np.array([[100.0, 200.0, 50.0, 400.0, 10.0]]),
        before=("primary_forest", "crop", "crop", "pasture", "primary_forest"),
    )
    return replace(crop, **changes)  # type: ignore[arg-type]


def test_resampled_totals_have_the_variance_of_the_design() -> None:
    """Published formula (Cochran 1977, 5.6): variance of a stratified total, its finite population corrected."""
    rng = np.random.default_rng(1)
    stratum, sizes = np.repeat([0, 1, 2], [20, 30, 10]), np.array([50, 3000, 10])
    values = rng.random(60) * (stratum + 1)
    weights = resampled_weights(stratum, sizes, np.ones(60, dtype=bool), n=20_000, seed=2, name="law")
    totals = weights @ values
    expected, variance = 0.0, 0.0
    for code, size in enumerate(sizes):
        own = values[stratum == code]
        expected += size * own.mean()
        variance += size**2 * (1 - own.size / size) * own.var(ddof=1) / own.size
    assert totals.mean() == pytest.approx(expected, rel=2e-3)
    assert totals.std() == pytest.approx(np.sqrt(variance), rel=0.02)
    assert (weights >= 0).all()
    whole = weights[:, stratum == 2]
    assert (whole == 1).all()  # a stratum seen whole has no error


def test_weights_of_some_units_are_those_among_all() -> None:
    """Law: which units are asked for changes no weight."""
    stratum, sizes = np.repeat([0, 1], [8, 12]), np.array([100, 200])
    use = np.arange(20) % 3 == 0
    some = resampled_weights(stratum, sizes, use, n=50, seed=3, name="law")
    every = resampled_weights(stratum, sizes, np.ones(20, dtype=bool), n=50, seed=3, name="law")
    assert (some == every[:, use]).all()


def test_means_are_those_worked_by_hand() -> None:
    """By hand: strata seen whole, fixed factors; expanded units times what each adds."""
    factors = fixed(load_factors(), p_crop=1.0, p_coca=1.0)
    seen = sample(sizes=np.array([4, 6]))
    added, above = sampled_means("coca", seen, factors, n=5, seed=1, name="law")
    loss = 0.25 * seen.potential[0]
    without = np.array([0.002, 0.25, 0.25, 0.035, 0.002]) * seen.potential[0]
    assert added == pytest.approx(np.full(5, (loss - without).mean()))
    assert above == pytest.approx(np.array([[(loss > limit).mean() for limit in (11, 5, 2)]] * 5))
    heavy = sample(sizes=np.array([4000, 6]))  # a unit of the first stratum stands for a thousand
    added, _ = sampled_means("coca", heavy, factors, n=200, seed=1, name="law")
    assert np.median(added) == pytest.approx((loss - without)[:3].mean(), rel=0.2)


def test_units_cleared_in_the_year_lose_as_a_new_clearing() -> None:
    """By hand: the first unit at C 0.7, the others at the crop's."""
    factors = fixed(load_factors(), p_crop=1.0, p_coca=1.0)
    fresh = np.array([True, False, False, False, False])
    seen = sample(sizes=np.array([4, 6]), fresh=fresh)
    added, above = sampled_means("coca", seen, factors, n=2, seed=1, name="law")
    own = np.where(fresh, 0.7, 0.25) * seen.potential[0]
    without = np.array([0.002, 0.25, 0.25, 0.035, 0.002]) * seen.potential[0]
    assert added == pytest.approx(np.full(2, (own - without).mean()))
    assert above[0] == pytest.approx([(own > limit).mean() for limit in (11, 5, 2)])


def test_a_sample_of_the_whole_map_changes_nothing() -> None:
    """Law: where the sample is the mapped crop itself, the map's figures stay."""
    where = place(3)
    slopes, factors = slopes_of(where), load_factors()
    figures = erosion_figures(erosion_draws(slopes, where.basin, frame_of(slopes), factors, n=60, seed=4))
    plots, names = slopes.plots, slopes.names
    crop = SampledCrop(
        stratum=np.zeros(plots.size, dtype=int),
        sizes=np.array([plots.size]),
        found=np.ones(plots.size, dtype=bool),
        potential=slopes.potential[:, plots].astype(np.float64),
        before=tuple(names[code] for code in slopes.counterfactual[plots]),
    )
    moved = corrected(figures, *sampled_means("coca", crop, factors, n=60, seed=4, name="law"))
    for one, other in zip(figures, moved, strict=True):
        assert other.draws == pytest.approx(one.draws, rel=1e-6, abs=1e-9)


def test_frame_takes_the_mean_of_the_sample_and_domains_move_with_it() -> None:
    """Law: the frame is the sample's, every domain moves by as much a hectare, sediment and slopes stay."""
    where = place(4)
    slopes, factors = slopes_of(where), load_factors()
    half = np.arange(slopes.plots.size) % 2 == 0
    domains = frame_of(slopes) | {"half": half}
    figures = erosion_figures(erosion_draws(slopes, where.basin, domains, factors, n=40, seed=4))
    added, above = np.full(40, 7.0), np.full((40, 3), 1.0)
    moved = {(one.indicator, one.domain, one.part): one for one in corrected(figures, added, above)}
    held = {(one.indicator, one.domain, one.part): one for one in figures}
    frame = moved["E1", "frame", "per_hectare"]
    assert frame.draws == pytest.approx(added)
    assert frame.method == METHOD_SAMPLED
    assert moved["E1", "frame", ""].draws == pytest.approx(7.0 * frame.mapped_ha)
    step = frame.draws - held["E1", "frame", "per_hectare"].draws
    own = moved["E1", "half", "per_hectare"].draws - held["E1", "half", "per_hectare"].draws
    assert own == pytest.approx(step)
    for limit in ("11", "5", "2"):
        assert moved["E3", "frame", f"above:{limit}"].draws == pytest.approx(np.full(40, 100.0))
        assert (moved["E3", "half", f"above:{limit}"].draws <= 100).all()
    for key, one in held.items():
        if key[0] == "E2" or key[2].startswith("steeper"):
            assert moved[key] is one
