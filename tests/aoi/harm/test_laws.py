"""The laws that every harm keeps (reference, end of section 11), on ground and plots that hypothesis makes up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi.harm.attribution import direct_loss, exclusive_zones, first_use_year, forest_before
from aoi.harm.carbon import conversion_change_t_c, fire_gas_t, pools_t_c, soil_change_t_c
from aoi.harm.contamination import Waters, contamination, contamination_figures
from aoi.harm.deforestation import fragmentation_harm, loss_by_class_ha
from aoi.harm.degradation import NODATA, land_cover_state, one_out_all_out
from aoi.harm.draws import interval_draws
from aoi.harm.erosion import erosion
from aoi.harm.factor import load_factors
from aoi.harm.inputs import known_inputs, physical
from aoi.harm.loads import shipped_loads
from aoi.harm.productivity import performance, productivity_state, trajectory
from aoi.harm.result import HarmRow, computed_row
from aoi.harm.species import life_change, range_rarity, star_removed
from geo.grid import GeoBox
from monitor.harms.history import History
from tests.aoi.harm.ground import COCA, HA, KEY, Place, frame_of, place, slopes_of

FACTORS, N = load_factors(), 12
SEEDS = st.integers(0, 10**6)
SOME = settings(max_examples=6, deadline=None)
Rows = dict[tuple[str, str], HarmRow]


def rows_of(where: Place, area_ha: float | None = None, *, plot: Any = None, observed: Any = None) -> Rows:
    """Return all rows of erosion and of loads over the frame, the survey's area that of the map when not told."""
    slopes = slopes_of(where, plot=plot, observed=observed)
    mapped = float(slopes.on_crop.sum() * HA)
    areas = {"frame": np.full(N, mapped if area_ha is None else area_ha)}
    domains, waters = frame_of(slopes), Waters(people=where.everywhere * 1.0, sprayed_ha=0.0)
    rows = erosion(slopes, where.basin, domains, areas, FACTORS, KEY, seed=1)
    rows += contamination(
        slopes, where.network, domains, areas, shipped_loads(), FACTORS, KEY, seed=1, waters=waters
    )
    return {(row.key.indicator, row.key.part): row for row in rows}


def harms(rows: Rows) -> dict[tuple[str, str], HarmRow]:
    """Return the computed rows that are differences: not levels of the crop, indices of substances or places."""
    return {key: row for key, row in rows.items() if row.state == "computed" and key[0] not in ("E3", "W5", "W6")}


@given(SEEDS)
@SOME
def test_zero_plots_are_zero_harm(seed: int) -> None:
    """Law: no plots on any ground, no loss, no sediment, no load, to the last bit."""
    where = place(seed, side=12, stream_ha=0.6)
    found = harms(rows_of(where, 0.0, plot=np.zeros(where.z.shape, dtype=bool)))
    assert {"E1", "E2", "W1", "W2", "W3", "W4"} <= {indicator for indicator, _ in found}
    assert all((row.value, row.lo, row.hi) == (0, 0, 0) for row in found.values())


@given(SEEDS)
@SOME
def test_counterfactual_as_observed_is_no_harm(seed: int) -> None:
    """Law: crop that stood there before, on any ground, adds nothing."""
    where = place(seed, side=12, stream_ha=0.6, share=0.3)
    standing = np.where(where.plot, COCA, where.before)
    for (indicator, part), row in harms(rows_of(replace(where, before=standing), observed=standing)).items():
        if (indicator, part) != ("W1", "eradication_herbicide"):
            assert (row.value, row.lo, row.hi) == pytest.approx((0, 0, 0), abs=1e-9), (indicator, part)


@given(SEEDS, st.floats(0.1, 50))
@SOME
def test_doubled_area_doubles_loads_and_intervals_hold_values(seed: int, area_ha: float) -> None:
    """Law: W1 and W2 (and E1) are in proportion to the surveyed area; every interval holds its value."""
    where = place(seed, side=12, stream_ha=0.6, share=0.3)
    one, two = rows_of(where, area_ha), rows_of(where, 2 * area_ha)
    for key, row in one.items():
        if row.state == "computed":
            assert row.lo <= row.value <= row.hi
            if key[0] in ("W1", "W2") or key == ("E1", ""):
                assert (two[key].value, two[key].hi) == pytest.approx((2 * row.value, 2 * row.hi), rel=1e-9)


@given(SEEDS)
@SOME
def test_loads_add_up_over_disjoint_plots(seed: int) -> None:
    """Law: W1 and W2 of two sets of plots are those of both in each draw; not so the sediment, whose ways meet."""
    where = place(seed, side=12, stream_ha=0.6, share=0.3)
    half = np.arange(where.z.size).reshape(where.z.shape) % 2 == 0

    def total(plot: Any) -> dict[tuple[str, str], Any]:
        slopes = slopes_of(where, plot=plot)
        found = contamination_figures(
            slopes, where.network, frame_of(slopes), shipped_loads(), FACTORS, "coca", n=N, seed=1
        )
        return {(one.indicator, one.part): one.draws for one in found if one.indicator in ("W1", "W2")}

    whole, even, odd = total(where.plot), total(where.plot & half), total(where.plot & ~half)
    assert len(whole) == 3
    for key, draws in whole.items():
        assert even[key] + odd[key] == pytest.approx(draws, rel=1e-9, abs=1e-9)


@given(
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19), st.integers(2018, 2024)), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_order_of_polygons_changes_nothing(squares: list[tuple[int, int, int]], rng: Any) -> None:
    """Law: plots drawn in another order are the same cells of the same years, and the same first use."""
    box = GeoBox.from_bbox((0, 0, 200, 200), "EPSG:32618", resolution=10)

    def first(rows: list[tuple[int, int, int]]) -> Any:
        shapes = np.array([shapely.box(10 * x, 10 * y, 10 * x + 25, 10 * y + 25) for x, y, _ in rows], dtype=object)
        seen = History(shapes, np.array([year for *_, year in rows])).seen(box)
        return first_use_year(np.stack([seen[year] for year in sorted(seen)]), sorted(seen))

    mixed = list(squares)
    rng.shuffle(mixed)
    assert np.array_equal(first(squares), first(mixed))


CELLS = st.lists(
    st.tuples(st.floats(0.001, 2), st.floats(0, 400), st.integers(2015, 2024), st.booleans(), st.integers(0, 2024)),
    min_size=1,
    max_size=40,
)


def forest_and_gases(cells: list[tuple[float, float, int, bool, int]], times: float = 1.0) -> tuple[float, float]:
    """Return D1 and the carbon of G1 of cells: area, biomass, first year, forest, year of loss."""
    area, biomass, first, forest, year = (np.array(column) for column in zip(*cells, strict=True))
    loss = np.where(year > 2000, year, 0)
    direct = direct_loss(first, forest_before(forest, loss, first - 3), loss, window_years=3)
    pools = pools_t_c(
        area * times * biomass * direct, area * times * biomass * 0.24 * direct, dead_wood=0.06, litter=0.01,
        carbon_fraction=0.47, carbon_fraction_litter=0.37,
    )  # fmt: skip
    return sum(loss_by_class_ha(direct, area * times, np.ones_like(first)).values()), float(pools.total.sum())


@given(CELLS, CELLS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_loss_and_carbon_add_up_double_and_keep_their_order(one: Any, other: Any, rng: Any) -> None:
    """Law: D1 and G1 are additive over disjoint cells, doubled with the area, blind to the order."""
    (a, b), (c, d) = forest_and_gases(one), forest_and_gases(other)
    mixed = [*one, *other]
    rng.shuffle(mixed)
    assert forest_and_gases(mixed) == pytest.approx((a + c, b + d))
    assert forest_and_gases(one, 2.0) == pytest.approx((2 * a, 2 * b))


@given(st.integers(3, 12), SEEDS, st.floats(1, 500), st.floats(0.1, 300))
@settings(max_examples=25, deadline=None)
def test_what_is_as_it_was_is_no_harm(side: int, seed: int, area_ha: float, stock: float) -> None:
    """Law: equal forest, cover, soil, biomass and habitat give zero in D4, S1, S2, B2 to B4, G1 and G3."""
    forest = np.random.default_rng(seed).random((side, side)) < 0.6
    same = fragmentation_harm(forest, np.zeros_like(forest), forest, cell_m=10.0)
    assert (same.mesh_ha, same.edge_m, same.core_ha) == (0, 0, 0)
    assert land_cover_state("illicit_crop", "illicit_crop", 0) == 0
    assert float(soil_change_t_c(area_ha * stock, 1.0, 20)) == 0
    assert float(conversion_change_t_c(area_ha, stock, stock, 0.47)) == 0
    assert float(fire_gas_t(0.0, area_ha * stock, combustion=0.5, factor_g_per_kg=6.8)) == 0
    assert star_removed(0.0, area_ha, "EN") == 0
    assert float(life_change(area_ha, area_ha, 2 * area_ha)) == 0
    assert range_rarity([0.0], [area_ha], [True]) == 0


@given(st.sampled_from(sorted(known_inputs())), st.integers(1, 30), SEEDS)
@settings(max_examples=40, deadline=None)
def test_nodata_never_becomes_zero(name: str, count: int, seed: int) -> None:
    """Law: a cell without a value is not known in every input, state and trend; it is no zero."""
    known, rng = known_inputs()[name], np.random.default_rng(seed)
    stored = np.full(count + 1, -9_999.0)
    found = physical(name, stored, unit=known.stored_unit, nodata=-9_999.0)
    assert np.isnan(found).all()
    series = rng.random((9, count))
    series[rng.integers(0, 9), 0] = np.nan
    for states in (trajectory(series), productivity_state(series), performance(series, np.zeros(count))):
        assert states[0] == NODATA
    for state in (-1, 0, 1):
        parts = [np.array([NODATA, state, state])[np.roll([0, 1, 2], turn)] for turn in range(3)]
        assert (one_out_all_out(*parts) == NODATA).all()


@given(st.floats(0, 1e5), st.floats(0, 1), st.floats(0, 3), SEEDS)
@settings(max_examples=40, deadline=None)
def test_every_interval_holds_its_value(value: float, below: float, above: float, seed: int) -> None:
    """Law: draws of a figure with an uneven interval give a row that holds its value, never below zero."""
    draws = interval_draws(value, value * (1 - below), value * (1 + above), level=0.95, n=50, seed=seed, name="law")
    row = computed_row(KEY, draws, seed=seed)
    assert 0 <= row.lo <= row.value <= row.hi


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 8000)), min_size=1, max_size=60))
@settings(max_examples=40, deadline=None)
def test_direct_and_rings_part_the_buffer(cells: list[tuple[bool, bool, float]]) -> None:
    """Brute force: each pixel's zone by the rule, read in its order; hectares of the zones are those of all."""
    plot, access, distance = (np.array(column) for column in zip(*cells, strict=True))
    zones = exclusive_zones(plot, access, np.where(plot, 0.0, distance))
    for zone, on_plot, on_access, metres in zip(zones, plot, access, distance, strict=True):
        ring = 2 if metres <= 250 else 3 if metres <= 1000 else 4 if metres <= 5000 else 5
        assert zone == (0 if on_plot else 1 if on_access else ring)
    assert np.bincount(zones, weights=np.full(zones.size, 0.01)).sum() == pytest.approx(0.01 * zones.size)
