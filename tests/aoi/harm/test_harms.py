"""The harms against the reference oracles O-2, O-4, O-6, O-7 to O-11, O-17, S1, carbon_ipcc, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.harm.attribution import (
    ZONES,
    cover_before,
    direct_loss,
    exclusive_zones,
    first_use_year,
    forest_before,
    windows_years,
)
from aoi.harm.carbon import (
    CO2_PER_C,
    Gases,
    amortised,
    conversion_change_t_c,
    fertiliser_n2o_co2e,
    fire_gas_t,
    mineralisation_n2o_co2e,
    mokany_root_t,
    pools_t_c,
    root_t,
    soil_change_t_c,
    soil_stock_t_c_ha,
)
from aoi.harm.deforestation import (
    annual_rate_percent,
    forest_mask,
    forest_share_percent,
    fragmentation,
    fragmentation_harm,
    loss_by_class_ha,
)
from aoi.harm.degradation import (
    NODATA,
    is_resolvable,
    land_cover_state,
    one_out_all_out,
    period_status,
    persistence,
    productivity_class,
    recovery_years,
    soil_carbon_state,
    years_to_degraded,
)
from aoi.harm.draws import (
    area_draws_ha,
    correlated_sum_se,
    interval_draws,
    ring_excess_draws,
    scaled_to_survey,
)
from aoi.harm.factor import factor_draws, load_factors, override_factors
from aoi.harm.inputs import known_input, known_inputs, loss_calendar_year, physical, require_biomass_before
from aoi.harm.result import HarmInput, HarmKey, absent_row, computed_row, estimated_row, inputs_text
from aoi.harm.species import habitat_mask, life_change, overlap_ha, range_rarity, star_removed, threat_weight
from geo.errors import InputError
from tests.shared import oracle

KEY = HarmKey("D1", "Norte", "2024", "ha", "direct", "B", "direct-footprint/1")


def test_o2_correlated_error_bounds() -> None:
    """Reference O-2: the two bounds lie a factor of the root of n apart."""
    place = np.arange(100.0)
    none = correlated_sum_se(np.full(100, 0.81), np.full(100, 60.0), place, place, rho0=0, range_m=0)
    full = correlated_sum_se(np.full(100, 0.81), np.full(100, 60.0), place, place, rho0=1, range_m=0)
    assert (none, full) == pytest.approx((486.0, 4860.0))


def test_o4_annual_rate() -> None:
    """Reference O-4: 10,000 to 9,000 ha in five years."""
    assert annual_rate_percent(10000, 9000, 5) == pytest.approx(-2.10721, abs=5e-6)


def test_o6_pools_and_fire() -> None:
    """Reference O-6: pools, roots and fire gases of 200 t/ha in wet lowland."""
    factors = {name: one.value for name, one in load_factors().items()}
    roots = root_t(200.0, low=factors["root_shoot_low_wet_lowland"], high=factors["root_shoot_high_wet_lowland"])
    pools = pools_t_c(
        200.0,
        roots,
        dead_wood=factors["dead_wood_wet_lowland"],
        litter=factors["litter_wet_lowland"],
        carbon_fraction=factors["carbon_fraction"],
        carbon_fraction_litter=factors["carbon_fraction_litter"],
    )
    told = [float(one) for one in (pools.above, pools.below, pools.dead_wood, pools.litter)]
    assert told == pytest.approx([94.0, 22.56, 5.64, 0.74])
    assert float(pools.total) * CO2_PER_C == pytest.approx(450.78)
    assert float(mokany_root_t(200.0)) == pytest.approx(54.604, abs=1e-3)
    for combustion, ch4, n2o in ((0.55, 20.196, 6.006), (0.36, 13.219, 3.931)):
        methane = fire_gas_t(1.0, 200.0, combustion=combustion, factor_g_per_kg=factors["fire_ch4"])
        oxide = fire_gas_t(1.0, 200.0, combustion=combustion, factor_g_per_kg=factors["fire_n2o"])
        assert float(methane) * factors["gwp_ch4"] == pytest.approx(ch4, abs=6e-4)
        assert float(oxide) * factors["gwp_n2o"] == pytest.approx(n2o, abs=6e-4)


def test_carbon_ipcc() -> None:
    """Oracle carbon_ipcc: IPCC 2006 equations 2.16, 2.25 and 2.27."""
    expected = oracle("carbon_ipcc")
    land = expected["eq2_15_2_16_conversion"]
    before = land["AGB_before_tdm"] * (1 + land["R"])
    change = conversion_change_t_c(land["area_ha_yr"], before, 0.0, land["CF"])
    assert float(change) == pytest.approx(land["dC_conversion_tC"])
    soil = expected["eq2_25_soc"]
    yearly = soil_change_t_c(
        soil["SOCref"] * soil["A_ha"], np.prod(soil["F_after"]), 1.0, period_years=soil["D_yr"]
    )
    assert float(yearly) == pytest.approx(soil["dSOC_tC_per_yr"])
    assert -float(yearly) * CO2_PER_C == pytest.approx(soil["CO2_t_per_yr"])
    fire = expected["eq2_27_fire"]
    for gas, gram in fire["Gef_g_per_kg"].items():
        fuel = fire["A_ha"] * fire["MB_t_ha"]
        assert float(fire_gas_t(1.0, fuel, combustion=fire["Cf"], factor_g_per_kg=gram)) == pytest.approx(
            fire["L_t"][gas]
        )


def test_o7_soil_carbon() -> None:
    """Reference O-7: soil carbon of 80 t/ha under six factors."""
    assert float(soil_change_t_c(80.0, 0.48, 20)) == pytest.approx(-41.6)
    assert -float(soil_change_t_c(80.0, 0.48, 1)) * CO2_PER_C == pytest.approx(7.6267, abs=5e-5)
    assert [years_to_degraded(one) for one in (0.48, 0.58, 0.64, 0.72, 0.83, 1.0)] == [4, 5, 6, 8, 12, None]
    assert float(mineralisation_n2o_co2e(41.6, cn_ratio=15, ef1=0.01, gwp_n2o=273)) == pytest.approx(
        11.898, abs=5e-4
    )
    assert soil_stock_t_c_ha(3, 1.2, 30, 0.1) == pytest.approx(97.2)


def test_o8_productivity_table() -> None:
    """Reference O-8: both tables of land productivity."""
    table = [[[productivity_class(t, s, p) for s in (1, 0, -1)] for t in (1, 0, -1)] for p in (0, -1)]
    assert table == [[[5, 5, 5], [4, 4, 2], [1, 1, 1]], [[5, 5, 2], [4, 3, 1], [1, 1, 1]]]


def test_o9_one_out_all_out() -> None:
    """Reference O-9: 19 degraded, 1 stable, 7 improved; no-data stays."""
    states = np.array(np.meshgrid([-1, 0, 1], [-1, 0, 1], [-1, 0, 1])).reshape(3, 27)
    result = one_out_all_out(*states)
    assert [int((result == one).sum()) for one in (-1, 0, 1)] == [19, 1, 7]
    assert int(one_out_all_out(NODATA, -1, 1)) == NODATA


def test_o10_status() -> None:
    """Reference O-10: nine pairs of baseline and reporting period."""
    pairs = [(-1, -1), (0, -1), (1, -1), (-1, 0), (0, 0), (1, 0), (-1, 1), (0, 1), (1, 1)]
    assert [period_status(*pair) for pair in pairs] == [1, 2, 2, 3, 4, 5, 6, 6, 7]


def test_o11_fragmentation() -> None:
    """Reference O-11 (run with pylandstats): mesh, edge and core."""
    forest = np.ones((10, 10), dtype=bool)
    rows, cell = forest.copy(), forest.copy()
    rows[4:6], cell[4, 4] = False, False
    for mask, expected in ((forest, (100, 0, 64)), (rows, (32, 2000, 32)), (cell, (98.01, 400, 59))):
        seen = fragmentation(mask, cell_m=100)
        assert (seen.mesh_ha, seen.edge_m, seen.core_ha) == pytest.approx(expected)
    harm = fragmentation_harm(cell, ~cell, forest, cell_m=100)
    assert (harm.mesh_ha, harm.edge_m, harm.core_ha) == pytest.approx((-1.99, 400, -5))


def test_o17_species() -> None:
    """Reference O-17: STAR and LIFE by hand."""
    assert star_removed(2, 1000, "EN") == pytest.approx(0.6)
    assert star_removed(2, 1000, "EN", threat_weight(1, 1) / 27) == pytest.approx(0.4)
    assert float(life_change(50, 40, 100)) == pytest.approx(-0.0456257, abs=5e-8)
    assert range_rarity([1, 1], [10, 4], [True, False]) == pytest.approx(0.1)


def test_s1_share_from_forest() -> None:
    """Reference S1: published Colombian survey of 2011."""
    assert float(forest_share_percent(245_382, 583_926)) == pytest.approx(42.02, abs=0.005)


def test_grass_to_illicit_crop_is_degradation() -> None:
    """Law: natural cover turned to illicit crop never improves."""
    assert land_cover_state("grass", "illicit_crop", 1) == -1


def test_attribution_by_hand() -> None:
    """Literal series: windows hold their ends, zones are exclusive, a pixel opens once."""
    years = first_use_year([[0, 1, 0], [1, 0, 0], [0, 1, 0]], [2019, 2020, 2021])
    assert years.tolist() == [2020, 2019, 0]
    loss = direct_loss([2020] * 6 + [0], True, [2016, 2017, 2021, 2022, 0, 2020, 2020], window_years=3)
    assert loss.tolist() == [False, True, True, False, False, True, False]
    assert windows_years("coca") == (3, 1, 5)
    zones = exclusive_zones([1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 10, 250, 251, 5000, 5001])
    assert [ZONES[one] for one in zones] == list(ZONES)


def test_persistence_recovery_and_resolution() -> None:
    """Literal series: years, cycles, the 80 percent mark and three pixels."""
    present, left = persistence([[1, 0], [0, 0], [1, 1], [0, 1]])
    assert present.tolist() == [2, 2]
    assert left.tolist() == [2, 0]
    assert recovery_years([0.2, 0.5, 0.64], [0.8, 0.8, 0.8]) == 2
    assert is_resolvable([29, 30], 10).tolist() == [False, True]
    assert soil_carbon_state([-10, -9, 10, np.nan]).tolist() == [-1, 0, 1, NODATA]


def test_overlap_counts_a_pixel_once() -> None:
    """Literal raster: two sites over one pixel, habitat by code and elevation."""
    assert overlap_ha([[1, 1]], 0.5, [[[1, 0]], [[1, 0]]]) == 0.5
    assert habitat_mask([1, 1, 1], [4, 4, 9], (4,), [10, 900, 10], 0, 500).tolist() == [True, False, False]


@given(st.floats(0, 1e5), st.floats(0, 1e4))
def test_interval_holds_value_and_zero_stays_zero(area_ha: float, se_ha: float) -> None:
    """Law: the interval holds the value; no plots, no harm."""
    draws = area_draws_ha(area_ha, se_ha, n=200, seed=4)
    row = computed_row(KEY, draws, seed=4)
    assert row.lo <= row.value <= row.hi
    assert row.lo >= 0
    nothing = computed_row(KEY, scaled_to_survey(0.0, 0.0, area_draws_ha(0, 0, n=20, seed=4)), seed=4, point=0.0)
    assert (nothing.lo, nothing.value, nothing.hi) == (0, 0, 0)


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 3), st.booleans()), min_size=1, max_size=30), st.randoms()
)
def test_loss_adds_up_doubles_and_keeps_under_permutation(plots: list[tuple[float, int, bool]], rng) -> None:  # type: ignore[no-untyped-def]
    """Law: additive, proportional to area, blind to order."""

    def total(rows: list[tuple[float, int, bool]], times: float = 1.0) -> float:
        area, code, lost = (np.array(column) for column in zip(*rows, strict=True))
        return sum(loss_by_class_ha(lost, area * times, code).values())

    whole, mixed = total(plots), list(plots)
    rng.shuffle(mixed)
    assert total(mixed) == pytest.approx(whole)
    assert sum(total([one]) for one in plots) == pytest.approx(whole)
    assert total(plots, 2.0) == pytest.approx(2 * whole)


@given(st.floats(0, 1000), st.floats(0, 500), st.floats(0.1, 1))
def test_counterfactual_equal_to_observed_is_no_harm(area_ha: float, biomass: float, share: float) -> None:
    """Law: no difference, no harm."""
    assert float(conversion_change_t_c(area_ha, biomass, biomass, 0.47)) == 0
    assert float(soil_change_t_c(area_ha, 1.0, 20)) == 0
    assert float(fire_gas_t(0.0, biomass, combustion=share, factor_g_per_kg=6.8)) == 0
    assert ring_excess_draws(np.array([share * area_ha]), np.array([share]), area_ha)[0] == 0


def test_gases_add_up_and_years_of_amortisation_too() -> None:
    """Law: gas lines add to the total, and twenty years to the whole."""
    gases = Gases(*(np.array([value]) for value in (1.0, 2.0, 3.0)))
    assert gases.total[0] == 6
    assert sum(amortised(200.0, 2010, year) for year in range(2000, 2050)) == pytest.approx(200)


def test_factors_are_shared_seeded_and_overridable() -> None:
    """Law: a factor's draws do not depend on what is drawn beside it."""
    factors = load_factors()
    names = ("soc_factor_coca", "gwp_ch4")
    alone = factor_draws(factors, names[:1], n=50, seed=9)
    both = factor_draws(factors, names, n=50, seed=9)
    assert np.array_equal(alone[names[0]], both[names[0]])
    assert np.ptp(both["gwp_ch4"]) == 0
    assert both[names[0]].min() >= 0.72
    assert both[names[0]].max() <= 1.0
    own = {"value": 28.0, "unit": "kg CO2e / kg CH4", "source": "AR5", "mark": "verified"}
    assert override_factors(factors, {"gwp_ch4": own})["gwp_ch4"].value == 28
    with pytest.raises(InputError, match="missing key"):
        override_factors(factors, {"gwp_ch4": {"value": 28.0}})


def test_units_nodata_and_dates_are_caught() -> None:
    """Literal values: each wrong input is told by name."""
    assert physical("soilgrids_soc", [250, -32768], unit="dg/kg", nodata=-32768)[0] == 25
    assert np.isnan(physical("soilgrids_soc", [250, -32768], unit="dg/kg", nodata=-32768)[1])
    with pytest.raises(InputError, match="no unit"):
        physical("soilgrids_soc", [250], unit=None, nodata=None)
    with pytest.raises(InputError, match="check unit, scale"):
        physical("soilgrids_clay", [250], unit="percent", nodata=None)
    with pytest.raises(InputError, match="no-data"):
        forest_mask([50, 255], canopy_threshold_percent=30, nodata=255)
    with pytest.raises(InputError, match="older map"):
        require_biomass_before(2020, 2019)
    assert loss_calendar_year([0, 1, 24], last_year=2024).tolist() == [0, 2001, 2024]
    assert {one.mark for one in known_inputs().values()} == {"verified", "unverified", "design"}


def test_missing_figure_is_no_zero() -> None:
    """Law: a figure not there is no zero and has a reason."""
    row = absent_row(KEY, "not_computed", "no biomass map")
    assert np.isnan(row.value)
    assert row.reason == "no biomass map"
    with pytest.raises(InputError, match="reason"):
        absent_row(KEY, "not_computed", "")
    with pytest.raises(InputError, match="no mapped crop"):
        scaled_to_survey(0.0, 0.0, np.array([5.0]))


def test_mask_with_nodata_is_no_crop_and_no_forest() -> None:
    """Literal rasters: 255 and NaN in a mask are told, never read as yes."""
    for unknown in (255, np.nan):
        with pytest.raises(InputError, match="crop series"):
            first_use_year([[0], [unknown]], [2020, 2021])
        with pytest.raises(InputError, match="forest before"):
            direct_loss([2020], [unknown], [2020], window_years=3)
        with pytest.raises(InputError, match="habitat loss"):
            overlap_ha([[unknown]], 1.0, [[[1]]])


def test_survey_gives_the_area_and_the_map_the_share() -> None:
    """By hand: half of the mapped crop is loss; an excess may be negative."""
    assert scaled_to_survey(2.0, 4.0, np.array([10.0, 20.0])).tolist() == [5.0, 10.0]
    assert ring_excess_draws(np.array([1.0]), np.array([0.02]), 100.0).tolist() == [-1.0]


def test_o6_invest_pools_in_ten_by_ten_pixels() -> None:
    """Reference O-6 (InVEST carbon test): 86 and 28 t C/ha over 100 pixels of 1 m2."""
    area_ha = np.full((10, 10), 1e-4)
    assert conversion_change_t_c(area_ha, 86.0, 28.0, 1.0).sum() == pytest.approx(-0.58)


def test_fertiliser_and_mineralised_nitrogen_warm_alike() -> None:
    """Law: a tonne of nitrogen gives the same gas, applied or freed from fifteen tonnes of soil carbon."""
    applied = fertiliser_n2o_co2e(1.0, ef1=0.01, gwp_n2o=273)
    assert float(applied) == pytest.approx(0.01 * 44 / 28 * 273)
    assert float(applied) == pytest.approx(float(mineralisation_n2o_co2e(15.0, cn_ratio=15, ef1=0.01, gwp_n2o=273)))


@given(st.lists(st.floats(0, 10_000), min_size=1, max_size=30), st.integers(0, 2**31))
def test_zones_part_the_land(distance_m: list[float], seed: int) -> None:
    """Law: direct, access, rings and background are every pixel once."""
    plot, access = np.random.default_rng(seed).random((2, len(distance_m))) < 0.3
    zones = exclusive_zones(plot, access, distance_m)
    assert np.bincount(zones, minlength=len(ZONES)).tolist()[0] == int(plot.sum())
    assert np.bincount(zones, minlength=len(ZONES)).sum() == len(distance_m)
    assert zones.max() < len(ZONES)


@pytest.mark.parametrize("wrong", [-1.0, 100.5, 255.0, float("nan")])
def test_tree_cover_is_a_percentage_that_is_known(wrong: float) -> None:
    """Literal: 0 and 100 are covers, beyond them and no-data are none; the threshold itself is forest."""
    cover = [0.0, 29.9, 30.0, 100.0]
    assert forest_mask(cover, canopy_threshold_percent=30, nodata=255).tolist() == [False, False, True, True]
    assert forest_mask(cover, canopy_threshold_percent=100, nodata=255).tolist() == [False, False, False, True]
    with pytest.raises(InputError):
        forest_mask([*cover, wrong], canopy_threshold_percent=30, nodata=255)


def test_cover_and_forest_are_those_before_the_window() -> None:
    """Literal series: the latest map not after the year, none before the first; forest lost in the year stands."""
    covers = {2010: [1, 2, 3, 4, 5], 2020: [6, 7, 8, 9, 10]}
    assert cover_before(covers, [2009, 2010, 2019, 2020, 2024]).tolist() == [-1, 2, 3, 9, 10]
    assert cover_before({}, [2020]).tolist() == [-1]
    stood = forest_before([1, 1, 1, 1, 0], [0, 2018, 2019, 2020, 0], 2019)
    assert stood.tolist() == [True, False, True, True, False]


def test_series_and_windows_that_do_not_fit_are_told() -> None:
    """Literal: a year too many, years in no order, and a crop without a window of its own."""
    for years in ([2020], [2021, 2020], [2020, 2020]):
        with pytest.raises(InputError, match="ascending"):
            first_use_year([[1], [0]], years)
    with pytest.raises(InputError, match="crop khat"):
        windows_years("khat")
    assert windows_years("khat", 5) == (5, 1, 3)
    assert windows_years("coca", 4) == (4, 1, 3, 5)
    late = direct_loss([2020] * 3, True, [2021, 2022, 2023], window_years=3, lag_years=2)
    assert late.tolist() == [True, True, False]


def test_an_input_is_known_by_name_and_unit() -> None:
    """Literal: stored and scaled unit are taken, another or none is refused; a scaled file is not scaled again."""
    one = known_input("soilgrids_bdod", "cg/cm3")
    assert (one.unit, one.scale, one.lo, one.hi, one.mark) == ("kg/dm3", 0.01, 0.0, 3.0, "verified")
    assert known_input("soilgrids_bdod", "kg/dm3") == one
    assert physical("soilgrids_bdod", [120.0, 300.0], unit="cg/cm3", nodata=None).tolist() == [1.2, 3.0]
    assert physical("soilgrids_bdod", [1.2, 0.0], unit="kg/dm3", nodata=None).tolist() == [1.2, 0.0]
    for value in (301.0, -1.0):
        with pytest.raises(InputError, match=r"found .* kg/dm3; expected 0 to 3"):
            physical("soilgrids_bdod", [value, 100.0], unit="cg/cm3", nodata=-9999.0)
    with pytest.raises(InputError, match=r"soil\.tif: found the unknown name soil"):
        known_input("soil", "kg", where="soil.tif")
    with pytest.raises(InputError, match=r"found unit kg; expected cg/cm3 or, scaled, kg/dm3"):
        known_input("soilgrids_bdod", "kg")
    for code in (-1, 25, 255):
        with pytest.raises(InputError, match="0 to 24"):
            loss_calendar_year([code, 3], last_year=2024)


def test_draws_keep_the_shape_of_an_interval() -> None:
    """Law: median and limits of draws are those of the figure; each side has its width; none is below 0."""
    draws = interval_draws(10.0, 8.0, 20.0, level=0.9, n=40_000, seed=2, name="area")
    assert np.quantile(draws, [0.05, 0.5, 0.95]) == pytest.approx([8.0, 10.0, 20.0], rel=0.02)
    assert np.quantile(draws, 0.2) == pytest.approx(10 - 2 * 0.8416 / 1.6449, rel=0.01)  # normal quantiles
    assert interval_draws(1.0, 0.0, 2.0, level=0.5, n=2000, seed=2, name="area").min() == 0.0
    assert (interval_draws(3.0, 3.0, 3.0, level=0.9, n=5, seed=2, name="area") == 3.0).all()
    for wrong in ((1.0, 2.0, 3.0), (3.0, 1.0, 2.0), (1.0, -1.0, 2.0), (1.0, 0.0, np.inf), (np.nan, 0.0, 1.0)):
        with pytest.raises(InputError, match="in order"):
            interval_draws(*wrong, level=0.9, n=5, seed=2, name="area")
    for area, se in ((-1.0, 1.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.inf)):
        with pytest.raises(InputError, match="both 0 or more"):
            area_draws_ha(area, se, n=5, seed=2)


def test_correlation_by_a_slow_double_sum() -> None:
    """Brute force: the variance of a sum of correlated pixels, pair by pair."""
    rng = np.random.default_rng(3)
    area, sd, x, y = rng.random(12), rng.random(12), 100 * rng.random(12), 100 * rng.random(12)
    total = 0.0
    for i in range(12):
        for j in range(12):
            distance = np.sqrt((x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2)
            total += area[i] * area[j] * sd[i] * sd[j] * (0.2 + 0.8 * np.exp(-distance / 40.0))
    assert correlated_sum_se(area, sd, x, y, rho0=0.2, range_m=40.0) == pytest.approx(np.sqrt(total))
    for rho0, range_m in ((-0.1, 1.0), (1.1, 1.0), (0.5, -1.0)):
        with pytest.raises(InputError, match="correlated error"):
            correlated_sum_se(area, sd, x, y, rho0=rho0, range_m=range_m)
    with pytest.raises(InputError, match="missing standard deviation"):
        correlated_sum_se(area, np.full(12, np.nan), x, y, rho0=0.5, range_m=1.0)


def test_rows_hold_percentiles_and_refuse_what_is_none() -> None:
    """Literal: percentiles of 0 to 100, a value outside its limits, a missing draw, a survey's own interval."""
    row = computed_row(KEY, np.arange(101.0), seed=7, level=0.9)
    assert (row.lo, row.value, row.hi, row.n_draws, row.seed) == pytest.approx((5.0, 50.0, 95.0, 101, 7))
    assert computed_row(KEY, np.arange(101.0), seed=7, point=97.0).value == 97.0  # 95 %: up to 97.5
    with pytest.raises(InputError, match="inside its interval"):
        computed_row(KEY, np.arange(101.0), seed=7, point=98.0)
    for draws in ([], [1.0, np.nan], [[1.0]]):
        with pytest.raises(InputError, match="one finite figure per draw"):
            computed_row(KEY, draws, seed=7)
    own = estimated_row(KEY, 2.0, 1.0, 4.0)
    assert (own.value, own.lo, own.hi, own.n_draws, own.state) == (2.0, 1.0, 4.0, 0, "computed")
    with pytest.raises(InputError, match="inside its interval"):
        estimated_row(KEY, 5.0, 1.0, 4.0)
    assert inputs_text((HarmInput("a", "1", "ff"), HarmInput("b", "2", ""))) == "a 1 ff; b 2"
