"""Values on the border of a rule, beyond it, and at the ends of what can be: by hand, for many harms."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from aoi.harm.attribution import exclusive_zones, first_use_year
from aoi.harm.carbon import (
    Pools,
    amortised,
    conversion_change_t_c,
    fertiliser_n2o_co2e,
    fire_gas_t,
    mineralisation_n2o_co2e,
    mokany_root_t,
    pools_t_c,
    root_t,
    soil_change_t_c,
)
from aoi.harm.concentration import SECONDS_PER_YEAR, concentration_ug_l
from aoi.harm.deforestation import (
    annual_rate_percent,
    forest_mask,
    forest_share_percent,
    fragmentation,
    loss_by_class_ha,
    without_small_patches,
)
from aoi.harm.degradation import (
    NODATA,
    is_resolvable,
    land_cover_state,
    one_out_all_out,
    period_status,
    persistence,
    recovery_years,
    soil_carbon_state,
    years_to_degraded,
)
from aoi.harm.draws import correlated_sum_se, resampled_weights
from aoi.harm.factor import Factor, load_factors, override_factors
from aoi.harm.groundwater import DRASTIC_WEIGHTS, drastic_index, leaching_index, topography_rating
from aoi.harm.indirect import match
from aoi.harm.inputs import loss_calendar_year
from aoi.harm.loads import load_draws, read_loads, shipped_loads, with_own_loads
from aoi.harm.productivity import performance, productivity_state, trajectory
from aoi.harm.result import HarmKey, absent_row, estimated_row
from aoi.harm.rusle import (
    erodibility_epic,
    erodibility_nomograph,
    erodibility_roemkens,
    erosivity_of_year,
    erosivity_renard_freimund,
    fournier_index_mm,
    length_steepness,
)
from aoi.harm.species import habitat_mask, life_change, overlap_ha, range_rarity, star_removed, threat_weight
from geo.errors import InputError

NAN = float("nan")


def refused(made: Any, *arguments: Any, told: str | None = None, **named: Any) -> None:
    """Assert that a call is refused."""
    with pytest.raises(InputError, match=told):
        made(*arguments, **named)


def test_biomass_at_its_ends() -> None:
    """By hand: roots by ratio, the higher from the split on; nothing has none; what is not known is no biomass."""
    assert root_t([124.9, 125.0, 0.0], low=0.2, high=0.24).tolist() == pytest.approx([24.98, 30.0, 0.0])
    assert root_t([99.0, 100.0], low=0.2, high=0.5, split_t_ha=100.0).tolist() == pytest.approx([19.8, 50.0])
    assert mokany_root_t([0.0, 1.0]).tolist() == pytest.approx([0.0, 0.489])
    pools = pools_t_c(100, 20, dead_wood=0.1, litter=0.05, carbon_fraction=0.5, carbon_fraction_litter=0.4)
    assert (pools.above, pools.below, pools.dead_wood, pools.litter) == (50.0, 10.0, 5.0, 2.0)
    assert Pools(*(np.array([one]) for one in (1.0, 2.0, 4.0, 8.0))).total.tolist() == [15.0]
    for wrong in (-1e-9, NAN, math.inf):
        refused(root_t, [1.0, wrong], low=0.2, high=0.24, told="above-ground biomass")
        refused(root_t, 1.0, low=wrong, high=0.24, told="root-to-shoot ratio")
        refused(mokany_root_t, wrong, told="above-ground biomass")
        refused(conversion_change_t_c, 1.0, 1.0, wrong, 0.5, told="conversion")
        refused(fertiliser_n2o_co2e, wrong, ef1=0.01, gwp_n2o=273, told="fertiliser")
        refused(fire_gas_t, 1.0, 1.0, combustion=wrong, factor_g_per_kg=1.0, told="fire factors")
    assert float(conversion_change_t_c(2.0, 100.0, 20.0, 0.5)) == -80.0
    assert float(fire_gas_t(0.5, 200.0, combustion=0.5, factor_g_per_kg=6.8)) == pytest.approx(0.34)


def test_soil_carbon_over_time() -> None:
    """By hand: linear to the period's end and no further; a gain frees no nitrogen."""
    found = [float(soil_change_t_c(100.0, 0.5, years)) for years in (0, 5, 20, 21)]
    assert found == pytest.approx([0.0, -12.5, -50.0, -50.0])
    assert float(soil_change_t_c(100.0, 1.2, 5, period_years=10)) == pytest.approx(10.0)
    assert float(mineralisation_n2o_co2e(-5.0, cn_ratio=15, ef1=0.01, gwp_n2o=273)) == 0.0
    assert float(mineralisation_n2o_co2e(15.0, cn_ratio=15, ef1=0.01, gwp_n2o=28)) == pytest.approx(0.44)
    assert [amortised(100.0, 2010, year) for year in (2009, 2010, 2029, 2030)] == [0.0, 5.0, 5.0, 0.0]
    assert [amortised(100.0, 2010, year, period_years=1) for year in (2010, 2011)] == [100.0, 0.0]
    assert soil_carbon_state([-10.0 + 1e-10, -9.999, 0.0, 9.999, 10.0 - 1e-10]).tolist() == [-1, 0, 0, 0, 1]
    assert soil_carbon_state([-5.0, 4.9], threshold_percent=5.0).tolist() == [-1, 0]
    assert [years_to_degraded(one) for one in (0.9, 0.901, 0.0)] == [20, None, 2]
    assert years_to_degraded(0.5, threshold_percent=25.0) == 10
    assert years_to_degraded(0.5, period_years=4) == 1


def test_states_of_land() -> None:
    """Literal: no-data spreads, illicit crop on natural land is degraded, other changes keep the table's state."""
    assert one_out_all_out([NODATA, 1, 0, 0], [-1, 0, 0, NODATA], [0, 0, 0, 1]).tolist() == [NODATA, 1, 0, NODATA]
    assert (period_status(NODATA, 0), period_status(0, NODATA), period_status(1, -1)) == (NODATA, NODATA, 2)
    natural = [land_cover_state(one, "illicit_crop", 1) for one in ("tree", "shrub", "grass", "wetland", "crop")]
    assert natural == [-1, -1, -1, -1, 1]
    assert land_cover_state("tree", "crop", 0) == 0
    assert is_resolvable([29.9, 30.0], 10.0).tolist() == [False, True]
    assert is_resolvable([19.9, 20.0], 10.0, pixels=2).tolist() == [False, True]
    present, left = persistence([[1, 1, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    assert (present.tolist(), left.tolist()) == ([2, 3, 0], [2, 1, 0])
    assert recovery_years([0.1, 0.2], [1.0, 1.0]) is None
    assert recovery_years([0.8, 0.2], [1.0, 1.0]) == 0
    assert recovery_years([0.1, 0.45, 0.5], [1.0, 0.9, 1.0], share=0.5) == 1


def test_forest_at_its_ends() -> None:
    """Literal: covers and thresholds of 0 and 100, patches of the very size, no crop, no time."""
    assert forest_mask([0.0, 100.0], canopy_threshold_percent=100, nodata=255).tolist() == [False, True]
    for threshold in (0.0, -1.0, 100.1):
        refused(forest_mask, [50.0], canopy_threshold_percent=threshold, nodata=255, told="canopy_threshold")
    for cover, told in ((-0.1, "0 to 100"), (100.1, "0 to 100"), (255.0, "1 pixels of no-data"), (NAN, "1 pixels")):
        refused(forest_mask, [50.0, cover], canopy_threshold_percent=30, nodata=255, told=told)
    wood = np.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]], dtype=bool)
    assert without_small_patches(wood, np.ones((3, 1)), least_ha=2.0).tolist() == wood.tolist()
    assert not without_small_patches(wood, np.ones((3, 1)), least_ha=2.1).any()
    heavy = np.array([[3.0], [1.0], [0.5]])  # rows of 3, 1 and 0.5 ha a cell: patches of 4 and 1.5 ha
    assert without_small_patches(wood, heavy, least_ha=2.0).sum() == 2
    assert not without_small_patches(np.zeros((2, 2)), 1.0, least_ha=0.0).any()
    assert loss_by_class_ha([1, 1, 0], [1.0, 2.0, 4.0], [7, 8, 9]) == {7: 1.0, 8: 2.0, 9: 0.0}
    share = forest_share_percent([0.0, 2.0, 4.0], [0.0, 4.0, 4.0])
    assert np.isnan(share[0])
    assert share[1:].tolist() == [50.0, 100.0]
    for forest, crop in ((5.0, 4.0), (-1.0, 4.0)):
        refused(forest_share_percent, forest, crop, told="crop from forest")
    for wrong in ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)):
        refused(annual_rate_percent, *wrong, told="above 0")
    assert annual_rate_percent(1.0, math.e, 2.0) == pytest.approx(50.0)


def test_core_lies_deeper_than_its_edge() -> None:
    """Literal: a square of seven cells of 50 m: core of 5, 3 and 1 cells a side at 50, 51 and 150 m of depth."""
    wood = np.ones((7, 7), dtype=bool)
    depths = {1.0: 25, 50.0: 25, 51.0: 9, 100.0: 9, 150.0: 1, 151.0: 0}
    for depth, cells in depths.items():
        assert fragmentation(wood, cell_m=50.0, core_depth_m=depth).core_ha == pytest.approx(cells * 0.25)
    assert fragmentation(wood, cell_m=50.0).mesh_ha == pytest.approx(49 * 0.25)
    two = wood.copy()
    two[:, 3] = False
    found = fragmentation(two, cell_m=50.0)
    assert found.mesh_ha == pytest.approx(2 * 21**2 / 49 * 0.25)
    assert found.edge_m == 14 * 50.0
    for mask, cell in ((np.ones(3), 50.0), (np.ones((0, 3)), 50.0), (wood, 0.0)):
        refused(fragmentation, mask, cell_m=cell, told="a metric grid")


def test_factors_and_their_draws() -> None:
    """Independent program (scipy): draws have the distribution named; what no distribution can have is told."""
    own = {"unit": "x", "source": "s", "mark": "design"}
    rng = np.random.default_rng(3)
    made = {
        "normal": (Factor(5.0, shape="normal", spread=2.0, **own), stats.norm(5, 2)),
        "lognormal": (Factor(5.0, shape="lognormal", spread=1.5, **own), stats.lognorm(math.log(1.5), scale=5.0)),
        "uniform": (Factor(2.0, shape="uniform", lo=1.0, hi=4.0, **own), stats.uniform(1, 3)),
        "beta": (Factor(0.3, shape="beta", spread=0.1, **own), stats.beta(0.3 * 20, 0.7 * 20)),
    }
    for name, (factor, law) in made.items():
        assert factor.problem() == "", name
        assert stats.kstest(factor.draws(rng, 4000), law.cdf).pvalue > 1e-3, name
    assert Factor(5.0, **own).draws(rng, 3).tolist() == [5.0] * 3
    cut = Factor(5.0, shape="normal", spread=9.0, lo=4.0, hi=6.0, **own).draws(rng, 200)
    assert (cut.min(), cut.max()) == (4.0, 6.0)
    kept = Factor(5.0, shape="lognormal", spread=9.0, lo=4.0, hi=6.0, **own).draws(rng, 200)
    assert (kept.min(), kept.max()) == (4.0, 6.0)
    for sound in (
        {"value": 1.0, "lo": 1.0, "hi": 1.0},
        {"value": 1.0, "shape": "uniform", "lo": 1.0, "hi": 1.0},
        {"value": 1.0, "shape": "lognormal", "spread": 1.0},
    ):
        assert Factor(**own | sound).problem() == ""  # type: ignore[arg-type]
    for wrong, told in (
        ({"value": 1.0, "source": ""}, "a source"),
        ({"value": 1.0, "mark": "guess"}, "a mark"),
        ({"value": 1.0, "spread_mark": "guess"}, "a mark"),
        ({"value": 1.0, "shape": "cauchy"}, "known shape"),
        ({"value": 1.0, "shape": "uniform"}, "finite lo and hi"),
        ({"value": 1.0, "shape": "uniform", "lo": 2.0, "hi": 1.0}, "in order"),
        ({"value": 0.0, "shape": "lognormal", "spread": 2.0}, "geometric"),
        ({"value": 1.0, "shape": "lognormal", "spread": 0.99}, "geometric"),
        ({"value": 0.0, "shape": "beta", "spread": 0.1}, "fraction"),
        ({"value": 1.0, "shape": "beta", "spread": 0.1}, "fraction"),
        ({"value": 0.5, "shape": "beta", "spread": 0.0}, "fraction"),
        ({"value": 0.5, "shape": "beta", "spread": 0.5}, "fraction"),
        ({"value": 1.0, "lo": 1.1}, "between lo and hi"),
        ({"value": 1.0, "hi": 0.9}, "between lo and hi"),
        ({"value": 1.0, "shape": "normal", "spread": -0.1}, "between lo and hi"),
    ):
        assert told in Factor(**own | wrong).problem()  # type: ignore[arg-type]
    refused(override_factors, load_factors(), {"nothing": own}, told="an unknown name")
    refused(override_factors, load_factors(), {"gwp_ch4": own | {"value": 1.0, "colour": 2}}, told="no key but")


def test_species_at_their_ends() -> None:
    """By hand: a range cleared whole, bands of height that hold their ends, persistence that cannot pass one."""
    assert habitat_mask([1] * 4, [4] * 4, (4,), [9.9, 10.0, 20.0, 20.1], 10.0, 20.0).tolist() == [0, 1, 1, 0]
    refused(habitat_mask, [1], [4], (4,), [NAN], 0.0, 1.0, told="a height everywhere")
    assert star_removed(5.0, 5.0, "CR") == 400.0
    assert star_removed(0.0, 5.0, "NT") == 0.0
    assert star_removed(1.0, 4.0, "VU", 0.5) == 25.0
    for cleared, habitat in ((5.1, 5.0), (-0.1, 5.0), (0.0, 0.0)):
        refused(star_removed, cleared, habitat, "EN", told="no habitat, or more cleared")
    refused(star_removed, 1.0, 2.0, "DD", told="LC, NT, VU, EN, CR")
    assert [threat_weight(scope, 0) for scope in range(3)] == [63, 52, 24]
    # Mair et al. (2021), supplement: scope (whole, majority, minority) by severity
    told = [[threat_weight(scope, severity) for severity in range(6)] for scope in range(3)]
    assert told == [[63, 24, 10, 1, 0, 10], [52, 18, 9, 0, 0, 9], [24, 7, 5, 0, 0, 5]]
    assert float(life_change(200.0, 100.0, 100.0)) == 0.0  # capped at one before and after
    assert float(life_change(81.0, 16.0, 100.0, exponent=0.5)) == pytest.approx(0.4 - 0.9)
    for historic, exponent in ((0.0, 0.25), (100.0, 0.0)):
        refused(life_change, 1.0, 1.0, historic, exponent=exponent, told="both above 0")
    assert range_rarity([1.0, 2.0, 4.0], [4.0, 4.0, 4.0], [True, False, True]) == 1.25
    assert overlap_ha([[1, 1, 0]], [[1.0, 2.0, 4.0]], [[[1, 0, 1]], [[1, 0, 0]]]) == 1.0


def test_water_and_ground_at_their_ends() -> None:
    """By hand: ratings and slopes on their limits; the least and the largest index; no flow, no concentration."""
    slopes = [0.0, 0.02, 0.0201, 0.06, 0.061, 0.12, 0.121, 0.18, 0.181]
    assert topography_rating(slopes).tolist() == [10, 10, 9, 9, 5, 5, 3, 3, 1]
    refused(topography_rating, [-0.01], told="rise over run")
    refused(topography_rating, [NAN], told="rise over run")
    for rating, index in ((1.0, 23.0), (10.0, 230.0)):
        assert float(drastic_index(dict.fromkeys(DRASTIC_WEIGHTS, rating))) == index
    one = dict.fromkeys(DRASTIC_WEIGHTS, 1.0)
    assert [float(drastic_index(one | {name: 2.0})) - 23 for name in DRASTIC_WEIGHTS] == [5, 4, 3, 2, 1, 5, 3]
    for wrong in (0.9, 10.1, NAN):
        refused(drastic_index, one | {"recharge": wrong}, told="vulnerability recharge")
    refused(drastic_index, {"recharge": 1.0}, told="depth_to_water")
    assert float(leaching_index(100.0, 10.0)) == pytest.approx(6.0)
    for days, koc in ((0.0, 1.0), (1.0, 0.0), (NAN, 1.0)):
        refused(leaching_index, days, koc, told="leaching index")
    assert float(concentration_ug_l(31_557.6, 1.0)) == pytest.approx(1000.0)
    for load, flow in ((1.0, 0.0), (1.0, NAN), (NAN, 1.0), ([1.0, 1.0], [1.0, 0.0]), ([1.0, NAN], [1.0, 1.0])):
        refused(concentration_ug_l, load, flow, told="concentration")
    rings = exclusive_zones([0] * 7, [0] * 7, [0.0, 250.0, 250.5, 1000.0, 1000.5, 5000.0, 5000.5])
    assert rings.tolist() == [2, 2, 3, 3, 4, 4, 5]


HEADER = "crop,country,year,class,stage,unit,low,mid,high,source,page,mark\n"
ROW = "coca,XX,2005,herbicide,field,L/ha/yr,1,2,4,somebody,7,design\n"


def test_tables_of_loads_are_read_or_refused_row_by_row(tmp_path: Path) -> None:
    """Literal: limits may be equal, and what is wrong is told with its row; draws have the limits of the row."""
    path = tmp_path / "loads.csv"
    path.write_text(HEADER + ROW)
    (one,) = read_loads(path)
    assert (one.low, one.mid, one.high, one.mass_unit, one.page) == (1.0, 2.0, 4.0, "L/yr", "7")
    draws = load_draws([one], n=20_000, seed=3)["coca", "herbicide"]
    assert np.quantile(draws, [0.025, 0.5, 0.975]) == pytest.approx([1.0, 2.0, 4.0], rel=0.03)
    sure = replace(one, low=2.0, high=2.0)
    assert (load_draws([sure], n=4, seed=3)["coca", "herbicide"] == 2.0).all()
    path.write_text(HEADER + ROW.replace("1,2,4", "2,2,2"))
    assert read_loads(path)[0].low == 2.0
    for old, new, told in (
        ("1,2,4", "0,2,4", "row 2: found 0.0, 2.0, 4.0"),
        ("1,2,4", "3,2,4", "low to high"),
        ("1,2,4", "1,5,4", "low to high"),
        ("1,2,4", "1,2,inf", "low to high"),
        ("1,2,4", "1,2,x", "no number"),
        ("coca", "", "no crop or no source"),
        ("somebody", "", "no crop or no source"),
        ("herbicide", "acetone", "class acetone"),
        ("field", "processing", "stage processing"),
        ("L/ha/yr", "L/kg", "per hectare, never"),
        ("design", "sure", "mark sure"),
        (",design", "", "too few or too many"),
        (",design", ",design,x", "too few or too many"),
    ):
        path.write_text(HEADER + ROW.replace(old, new, 1))
        refused(read_loads, path, told=told)
    path.write_text(HEADER + ROW + ROW)
    refused(read_loads, path, told="coca, herbicide more than once")
    path.write_text("crop,class\n" + ROW)
    refused(read_loads, path, told="columns crop, class")
    refused(read_loads, tmp_path / "none.csv", told=r"none\.csv")


def test_own_classes_of_processing_take_the_place_of_their_sum() -> None:
    """Law: one's own row replaces the shipped one of crop and class; a part of processing replaces the whole."""
    shipped = shipped_loads()
    crop = next(one.crop for one in shipped if one.substance == "processing_waste")
    before = {(one.crop, one.substance) for one in shipped}
    field = replace(shipped[0], crop=crop, substance="fertiliser", mid=9.0)
    kept = {(one.crop, one.substance): one for one in with_own_loads(shipped, [field])}
    assert kept[crop, "fertiliser"].mid == 9.0
    assert set(kept) == before | {(crop, "fertiliser")}
    part = replace(shipped[0], crop=crop, substance="mineral_acids")
    after = {(one.crop, one.substance) for one in with_own_loads(shipped, [part])}
    assert after == (before - {(crop, "processing_waste")}) | {(crop, "mineral_acids")}


def test_trends_states_and_performance_on_their_borders() -> None:
    """By hand: what lies beyond the limit of its level counts; half of the best tenth is enough."""
    years = np.arange(8.0)
    assert trajectory(np.column_stack([years, -years, np.zeros(8)])).tolist() == [1, -1, 0]
    # score 16 of 28: z = 15 / sqrt(8 * 7 * 21 / 18) = 1.856, beyond 90 % and not beyond 95 %
    mixed = np.array([[1.0, 0.0, 3.0, 2.0, 5.0, 4.0, 3.5, 4.5]]).T
    score = sum(np.sign(b - a) for i, a in enumerate(mixed[:, 0]) for b in mixed[i + 1 :, 0])
    z = (score - 1) / math.sqrt(8 * 7 * 21 / 18)
    assert 1.645 < z < 1.96
    assert trajectory(mixed).tolist() == [0]
    assert trajectory(mixed, level=0.9).tolist() == [1]
    # mean 0.5 before, standard deviation s of eleven years; the border lies at t s sqrt(1/3 + 1/11)
    before = np.linspace(0.0, 1.0, 11)
    for level in (0.9, 0.95):
        border = stats.t.ppf((1 + level) / 2, 10) * before.std(ddof=1) * math.sqrt(1 / 3 + 1 / 11)
        ends = [0.5 - 1.01 * border, 0.5 - 0.99 * border, 0.5 + 0.99 * border, 0.5 + 1.01 * border]
        steps = np.column_stack([np.r_[before, [value] * 3] for value in ends])
        assert productivity_state(steps, level=level).tolist() == [-1, 0, 0, 1]
    assert productivity_state(np.full((14, 1), 0.7)).tolist() == [0]
    mean = np.array([0.2, 0.4, 0.41, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8])
    assert performance(np.tile(mean, (8, 1)), np.ones(10)).tolist() == [-1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    hole = np.tile(mean, (8, 1))
    hole[3, 4] = np.nan
    assert performance(hole, np.ones(10)).tolist() == [-1, 0, 0, 0, NODATA, 0, 0, 0, 0, 0]
    assert performance(np.full((8, 1), np.nan), [1]).tolist() == [NODATA]
    refused(trajectory, np.ones(8), told="8 years or more")


def test_units_drawn_again_weigh_as_the_design_says() -> None:
    """Law: weights add up to the stratum on average, with its variance; a lone unit and a census do not vary."""
    stratum = np.array([0, 0, 0, 0, 1, 2, 2])
    sizes = np.array([8, 5, 2])
    use = np.array([True, True, True, True, True, True, False])
    found = resampled_weights(stratum, sizes, use, n=20_000, seed=1, name="x")
    assert found.shape == (20_000, 6)
    assert found[:, :4].sum(axis=1).mean() == pytest.approx(8.0, rel=0.01)
    assert (found[:, 4] == 5.0).all()
    assert (found[:, 5] == 1.0).all()
    y = np.array([1.0, 4.0, 2.0, 9.0])
    wanted = 8**2 * (1 - 4 / 8) / 4 * y.var(ddof=1)
    assert (found[:, :4] @ y).var() == pytest.approx(wanted, rel=0.04)
    pair = resampled_weights(np.array([0, 0]), np.array([6]), np.ones(2, dtype=bool), n=20_000, seed=1, name="x")
    assert (pair @ [1.0, 3.0]).var() == pytest.approx(6**2 * (1 - 2 / 6) / 2 * 2.0, rel=0.04)


@pytest.mark.parametrize("soil", [(20.0, 40.0, 40.0, 1.5), (55.0, 30.0, 15.0, 0.4), (5.0, 10.0, 85.0, 3.0)])
def test_erodibility_of_epic_as_published(soil: tuple[float, float, float, float]) -> None:
    """Published formula (Williams 1995), typed again: four factors of sand, silt, clay and carbon, in US units."""
    clay, silt, sand, carbon = soil
    coarse = 0.2 + 0.3 * math.exp(-0.0256 * sand * (1 - silt / 100))
    fine = (silt / (clay + silt)) ** 0.3
    organic = 1 - 0.25 * carbon / (carbon + math.exp(3.72 - 2.95 * carbon))
    other = 1 - sand / 100
    high_sand = 1 - 0.7 * other / (other + math.exp(-5.51 + 22.9 * other))
    wanted = 0.1317 * coarse * fine * organic * high_sand
    assert float(erodibility_epic(*soil)) == pytest.approx(wanted, rel=1e-3)


ONE_BAD: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (leaching_index, ([1.0, 0.0], [1.0, 1.0]), {}),
    (leaching_index, ([1.0, 1.0], [1.0, NAN]), {}),
    (drastic_index, ({name: [5.0, 11.0] for name in DRASTIC_WEIGHTS},), {}),
    (drastic_index, ({name: [5.0, 0.9] for name in DRASTIC_WEIGHTS},), {}),
    (topography_rating, ([0.1, NAN],), {}),
    (life_change, ([1.0, 1.0], [1.0, 1.0], [1.0, 0.0]), {}),
    (range_rarity, ([1.0, 3.0], [2.0, 2.0], [True, True]), {}),
    (range_rarity, ([1.0, -1.0], [2.0, 2.0], [True, True]), {}),
    (range_rarity, ([0.0, 0.0], [2.0, 0.0], [True, True]), {}),
    (forest_share_percent, ([1.0, 5.0], [4.0, 4.0]), {}),
    (forest_share_percent, ([1.0, -1.0], [4.0, 4.0]), {}),
    (concentration_ug_l, ([1.0, 1.0], [1.0, 0.0]), {}),
    (concentration_ug_l, ([1.0, NAN], [1.0, 1.0]), {}),
    (first_use_year, ([[0, 1], [1, 1], [1, 1]], [2000, 2001, 2001]), {}),
    (fournier_index_mm, (np.where(np.arange(12) == 3, -1.0, 10.0),), {}),
    (fournier_index_mm, (np.where(np.arange(12) == 3, NAN, 10.0),), {}),
    (erosivity_of_year, ([1.0, NAN], [1.0, 1.0], [1.0, 1.0]), {}),
    (erosivity_of_year, ([1.0, 1.0], [1.0, -1.0], [1.0, 1.0]), {}),
    (erosivity_of_year, ([1.0, 1.0], [1.0, 1.0], [1.0, 0.0]), {}),
    (erosivity_renard_freimund, ([900.0, -1.0],), {"most_mm": 3000.0}),
    (erosivity_renard_freimund, ([900.0, 3001.0],), {"most_mm": 3000.0}),
    (erodibility_nomograph, ([60.0, 71.0], [10.0, 10.0], [1.0, 1.0]), {"structure": 2, "permeability": 3}),
    (erodibility_nomograph, ([60.0, 60.0], [10.0, 10.0], [1.0, 1.0]), {"structure": [2, 5], "permeability": 3}),
    (erodibility_nomograph, ([60.0, 60.0], [10.0, 10.0], [1.0, 1.0]), {"structure": 2, "permeability": [3, 0]}),
    (erodibility_roemkens, ([0.1, 0.0],), {}),
    (erodibility_epic, ([30.0, 30.0], [40.0, 40.0], [30.0, 40.0], [1.0, 1.0]), {}),
    (erodibility_epic, ([30.0, 30.0], [40.0, 40.0], [30.0, 30.0], [1.0, 101.0]), {}),
    (length_steepness, ([0.1, 0.1], [10.0, -1.0], 10.0), {"most_length_m": 100.0}),
    (length_steepness, ([0.1, NAN], [10.0, 10.0], 10.0), {"most_length_m": 100.0}),
    (length_steepness, ([0.1, 0.1], [10.0, 10.0], 10.0), {"most_length_m": 100.0, "aspect_rad": [0.0, NAN]}),
    (loss_calendar_year, ([1, 25], ), {"last_year": 2024}),
    (loss_calendar_year, ([1, -1], ), {"last_year": 2024}),
    (match, (np.array([[0.0], [NAN]]), np.array([[0.0], [1.0]])), {}),
    (match, (np.array([[0.0], [1.0]]), np.array([[0.0], [NAN]])), {}),
    (root_t, ([1.0, -1.0],), {"low": 0.2, "high": 0.24}),
    (correlated_sum_se, ([1.0, 1.0], [3.0, NAN], [0.0, 0.5], [0.0, 0.0]), {"rho0": 0.0, "range_m": 1.0}),
]  # fmt: skip
"""Calls with one value that cannot be among such that can."""


@pytest.mark.parametrize("at", range(len(ONE_BAD)))
def test_one_bad_value_among_good_ones_is_refused(at: int) -> None:
    """Law: what no single value may be, none of many may be; without it the call is answered."""
    made, arguments, named = ONE_BAD[at]
    refused(made, *arguments, **named)


def test_errors_fade_with_distance_however_short_the_range() -> None:
    """By hand: two cells half a metre apart under a range of half a metre share 1/e of their errors."""
    for range_m, shared in ((0.5, math.exp(-1)), (0.0, 0.0), (1e9, 1.0)):
        found = correlated_sum_se([1.0, 1.0], [3.0, 3.0], [0.0, 0.5], [0.0, 0.0], rho0=0.0, range_m=range_m)
        assert found == pytest.approx(3.0 * math.sqrt(2 + 2 * shared))


def test_fields_of_rows_and_draws_by_hand() -> None:
    """Literal: rows that nothing was drawn for tell neither draws nor seed; a year has 365.25 days of 86,400 s."""
    key = HarmKey("D1", "Norte", "2024", "ha", "direct", "B", "direct-footprint/1")
    for row in (absent_row(key, "not_computed", "no map"), estimated_row(key, 2.0, 1.0, 3.0)):
        assert (row.n_draws, row.seed) == (0, 0)
    assert SECONDS_PER_YEAR == 365.25 * 86_400
    assert annual_rate_percent(1.0, math.e, 0.5) == pytest.approx(200.0)
    own = {"unit": "1", "source": "s", "mark": "found"}
    drawn = Factor(5.0, shape="lognormal", spread=1.5, **own).draws(np.random.default_rng(3), 4)
    assert drawn == pytest.approx(5.0 * 1.5 ** np.random.default_rng(3).standard_normal(4))
