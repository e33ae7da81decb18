"""Draws, windows, inputs, and loads brought to plots, worked by hand on both sides of each border."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from aoi.harm.attribution import cover_before, direct_loss, exclusive_zones, first_use_year, forest_before
from aoi.harm.brought import brought, require_one_unit, sprayed
from aoi.harm.contamination import contamination_figures
from aoi.harm.draws import (
    area_draws_ha,
    correlated_sum_se,
    interval_draws,
    ring_excess_draws,
    scaled_to_survey,
    stream,
)
from aoi.harm.factor import load_factors
from aoi.harm.groundwater import groundwater
from aoi.harm.indirect import standardised_difference
from aoi.harm.inputs import known_input, known_inputs, loss_calendar_year, physical, require_biomass_before
from aoi.harm.loads import ClassLoad
from aoi.harm.potential import FrameOf, Waters
from aoi.harm.species import life_change
from geo.flow import FlowNetwork
from tests.aoi.harm import tiny
from tests.aoi.harm.equations import NAN, refused
from tests.aoi.harm.ground import fixed


def test_draws_of_areas_are_their_normals_cut_at_nought() -> None:
    """Law: draws are the stream's normals stretched, halves of an interval each by their own side, none below 0."""
    z = stream(7, "area").standard_normal(50)
    assert area_draws_ha(2.0, 1.5, n=50, seed=7) == pytest.approx(np.maximum(2.0 + 1.5 * z, 0.0))
    assert area_draws_ha(2.0, 1.5, n=50, seed=7).min() == 0.0
    assert area_draws_ha(0.0, 0.0, n=3, seed=7).tolist() == [0.0] * 3
    z = stream(7, "own").standard_normal(50)
    for level in (0.9, 0.95):
        made = interval_draws(4.0, 1.0, 9.0, level=level, n=50, seed=7, name="own")
        far = stats.norm.ppf((1 + level) / 2)
        wanted = [max(4.0 + one * (3.0 if one < 0 else 5.0) / far, 0.0) for one in z]
        assert made == pytest.approx(wanted)
    assert interval_draws(0.0, 0.0, 0.0, level=0.95, n=2, seed=1, name="x").tolist() == [0.0, 0.0]
    for area, error in ((-0.1, 1.0), (1.0, -0.1), (NAN, 1.0), (1.0, math.inf)):
        refused(area_draws_ha, area, error, n=1, seed=1, told="area of the harm")
    for value, lo, hi in (
        (1.0, -0.1, 2.0),
        (1.0, 1.1, 2.0),
        (1.0, 0.5, 0.9),
        (1.0, 0.5, math.inf),
        (NAN, 0.0, 1.0),
    ):
        refused(interval_draws, value, lo, hi, level=0.95, n=1, seed=1, name="x", told="area of the harm")


def test_totals_are_brought_to_the_surveyed_area() -> None:
    """Literal totals: by mapped hectares below one too; nothing mapped and nothing surveyed is nought."""
    assert scaled_to_survey(3.0, 0.5, np.array([1.0, 0.0])).tolist() == [6.0, 0.0]
    assert scaled_to_survey(np.array([3.0, 5.0]), 2.0, np.array([4.0, 6.0])).tolist() == [6.0, 15.0]
    assert scaled_to_survey(9.0, 0.0, np.zeros(2)).tolist() == [0.0, 0.0]
    refused(scaled_to_survey, 0.0, 0.0, np.array([0.0, 0.5]), told="crop map")
    assert ring_excess_draws(np.array([5.0, 2.0]), np.array([0.5, 0.25]), 8.0).tolist() == [1.0, 0.0]


def test_correlated_errors_add_up_as_all_pairs() -> None:
    """Brute force: all pairs of four pixels; full and no correlation as their limits."""
    area, sd = [1.0, 2.0, 0.5, 3.0], [4.0, 1.0, 2.0, 0.5]
    x, y = [0.0, 30.0, 30.0, 100.0], [0.0, 0.0, 40.0, 0.0]
    for rho, reach in ((0.0, 50.0), (0.3, 20.0), (1.0, 0.0), (0.0, 0.0), (0.5, 0.0), (0.2, 0.5)):
        total = 0.0
        for i in range(4):
            for j in range(4):
                away = math.hypot(x[i] - x[j], y[i] - y[j])
                near = math.exp(-away / reach) if reach else float(i == j)
                total += area[i] * area[j] * sd[i] * sd[j] * (rho + (1 - rho) * near)
        assert correlated_sum_se(area, sd, x, y, rho0=rho, range_m=reach) == pytest.approx(math.sqrt(total))
    for rho, reach, error in ((-0.1, 1.0, 1.0), (1.1, 1.0, 1.0), (0.5, -1.0, 1.0), (0.5, 1.0, NAN)):
        refused(correlated_sum_se, [1.0], [error], [0.0], [0.0], rho0=rho, range_m=reach, told="correlated error")


def test_windows_of_attribution_hold_their_ends() -> None:
    """Literal pixels: both ends of the window count, a year beyond does not; nor what never was crop or lost."""
    lost = [2014, 2015, 2018, 2019, 2020, 0, 2018, 2018]
    first = [2018] * 6 + [0, 2018]
    wood = [1] * 7 + [0]
    assert direct_loss(first, wood, lost, window_years=3).tolist() == [0, 1, 1, 1, 0, 0, 0, 0]
    assert direct_loss(first, wood, lost, window_years=4, lag_years=0).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert direct_loss([1], [1], [0], window_years=1).tolist() == [False]
    assert first_use_year([[0, 1, 0], [1, 0, 0], [1, 1, 0]], [2010, 2012, 2013]).tolist() == [2012, 2010, 0]
    for years in ([2010, 2010], [2012, 2010], [2010]):
        refused(first_use_year, [[0], [1]], years, told="crop series")
    assert forest_before([1, 1, 1, 0], [2014, 2015, 0, 0], 2015).tolist() == [False, True, True, False]
    covers = {2015: [7, 7, 7, 7], 2010: [3, 3, 3, 3]}
    assert cover_before(covers, [2009, 2010, 2014, 2015]).tolist() == [-1, 3, 3, 7]
    assert exclusive_zones([1, 0, 1, 0], [1, 1, 0, 0], [0.0] * 4).tolist() == [0, 1, 0, 2]


def test_inputs_at_the_ends_of_what_can_be() -> None:
    """Literal values: limits of each input pass, beyond them nothing; what is no-data is not known."""
    for one in known_inputs().values():
        assert known_input(one.name, one.unit) == one
        ends = [one.lo, one.hi, -9999.5, NAN]
        found = physical(one.name, ends, unit=one.unit, nodata=-9999.5)
        if one.unit != one.stored_unit:
            assert found[:2].tolist() == ends[:2]
            stored = (
                physical(one.name, [2.0], unit=one.stored_unit, nodata=None) if one.lo <= 2 * one.scale else None
            )
            assert stored is None or stored.tolist() == [2.0 * one.scale]
        assert np.isnan(found[2:]).all()
        if one.unit != one.stored_unit:
            for wrong in (one.lo - 1.0, one.hi + 1.0):
                refused(physical, one.name, [one.hi, wrong], unit=one.unit, nodata=None, told="check unit, scale")
        refused(known_input, one.name, "furlong", told="unit furlong")
    refused(known_input, "nothing", None, told="unknown name")
    assert loss_calendar_year([0, 1, 23], last_year=2023).tolist() == [0, 2001, 2023]
    for wrong in (-1, 24):
        refused(loss_calendar_year, [0, wrong], last_year=2023, told="hansen_lossyear")
    require_biomass_before(2009, 2010)
    for year in (2010, 2011):
        refused(require_biomass_before, year, 2010, told="cci_agb")


def frame(crop: str = "coca", **values: float) -> FrameOf:
    """Return a frame with fixed factors, some at other values."""
    return FrameOf(crop=crop, mapped_ha=0.15, n=2, seed=1, factors=fixed(load_factors(), **values))


def load(crop: str, substance: str, unit: str) -> ClassLoad:
    """Return a load."""
    return ClassLoad(crop=crop, substance=substance, unit=unit, low=1, mid=1, high=1, source="s", mark="design")


def test_what_is_brought_less_what_licit_crops_would_be() -> None:
    """Literal loads: hectares of crop times its load, less what stood there times its own, in each draw."""
    units = {
        "fertiliser": load("coca", "fertiliser", "t/ha/yr"),
        "spent_leaf": load("coca", "spent_leaf", "kg/ha/yr"),
    }
    drawn = {
        ("coca", "fertiliser"): np.array([2.0, 3.0]),
        ("crop", "fertiliser"): np.array([1.0, 0.5]),
        ("coca", "spent_leaf"): np.array([10.0, 20.0]),
    }
    ground = tiny.slopes()
    inside = ground.on_crop[ground.plots]
    field, leaf = brought(ground, "part", inside, drawn, units, frame())
    # 0.15 ha of coca, of which 0.03 were crop and 0.02 coca before
    assert field.draws == pytest.approx([2 * 0.13 - 1 * 0.03, 3 * 0.13 - 0.5 * 0.03])
    assert leaf.draws == pytest.approx([10 * 0.13, 20 * 0.13])
    assert [(one.indicator, one.unit, one.domain, one.scaled) for one in (field, leaf)] == [
        ("W1", "t/yr", "part", True),
        ("W2", "kg/yr", "part", True),
    ]
    assert field.mapped_ha == pytest.approx(0.15)
    assert (field.method, leaf.method) == ("potential-load/1", "potential-load-assumed-place/1")
    placed = next(
        brought(ground, "part", inside, drawn, {"spent_leaf": units["spent_leaf"]}, replace(frame(), placed=True))
    )
    assert placed.method == "potential-load/1"
    require_one_unit((load("crop", "fertiliser", "t/ha/yr"), load("crop", "herbicide", "L/ha/yr")), units)
    refused(require_one_unit, (load("crop", "fertiliser", "kg/ha/yr"),), units, told="load of crop, fertiliser")


def test_what_is_sprayed_is_hectares_times_dose() -> None:
    """Literal hectares: nought is told as nought, nothing told as nothing, less than nought refused."""
    assert list(sprayed(Waters(), frame())) == []
    (some,) = sprayed(Waters(sprayed_ha=0.5), frame(eradication_herbicide=3.0))
    assert (some.draws.tolist(), some.scaled, some.unit) == ([1.5, 1.5], False, "kg/yr")
    (none,) = sprayed(Waters(sprayed_ha=0.0), frame())
    assert none.draws.tolist() == [0.0, 0.0]
    for wrong in (-0.1, math.inf, NAN):
        with_wrong = Waters(sprayed_ha=wrong)
        refused(lambda given: list(sprayed(given, frame())), with_wrong, told="sprayed area")


def test_ground_water_under_the_crop() -> None:
    """Literal map: mean over hectares of crop and the share from a limit on; both ends of the index, and holes."""
    network, ground = FlowNetwork((1, 9), (10.0, 10.0), np.arange(9, dtype=np.int32)), tiny.slopes()
    index = np.full((1, 9), NAN)
    index[0, [0, 3, 4, 6]] = [23.0, 140.0, 230.0, 100.0]
    given = frame(vulnerability_high=140.0, soil_half_life_herbicide=30.0, koc_herbicide=100.0)
    made = {
        one.part: one
        for one in groundwater(network, ground, Waters(vulnerability=index), ("herbicide", "fertiliser"), given)
    }
    area, values = [0.04, 0.03, 0.06, 0.02], [23, 140, 230, 100]
    assert made["vulnerability"].draws == pytest.approx([np.average(values, weights=area)])
    assert made["vulnerability_high"].draws == pytest.approx([100 * 0.09 / 0.15])
    assert made["herbicide:leaching"].draws == pytest.approx([math.log10(30) * 2] * 2)
    assert set(made) == {"vulnerability", "vulnerability_high", "herbicide:leaching"}
    assert not any(one.scaled for one in made.values())
    alike = groundwater(network, ground, Waters(vulnerability=np.full((1, 9), 77.7)), (), given)
    assert next(alike).draws.tolist() == [77.7]

    def state(vulnerability: object, ground: object = ground) -> list[str]:
        water = Waters(vulnerability=vulnerability)  # type: ignore[arg-type]
        return [one.state for one in groundwater(network, ground, water, (), given)]  # type: ignore[arg-type]

    index[0, 6] = NAN
    assert state(index) == ["not_estimable"] * 2
    assert state(None) == ["not_computed"] * 2
    assert state(index, tiny.slopes(on_crop=np.zeros(9, dtype=bool))) == ["not_estimable"] * 2
    for wrong in (22.9, 230.1):
        refused(state, np.where(np.arange(9) == 3, wrong, 100.0)[None], told="23 to 230")


def test_standardised_differences_by_hand() -> None:
    """Literal covariates, by hand: weighted controls, equal constants 0, unequal ones endless."""
    treated = np.array([[1.0, 5.0, 5.0, 0.0], [3.0, 5.0, 5.0, 4.0]])
    control = np.array([[0.0, 5.0, 4.0, 1.0], [4.0, 5.0, 4.0, 1.0], [8.0, 5.0, 4.0, 4.0]])
    mean, spread = 4.0, (1.0 + 32 / 3) / 2
    found = standardised_difference(treated, control)
    assert found == pytest.approx([(2 - mean) / math.sqrt(spread), 0.0, np.inf, 0.0])
    weighted = standardised_difference(treated, control, np.array([2.0, 1.0, 1.0]))
    assert weighted[0] == pytest.approx((2 - 3.0) / math.sqrt((1.0 + (2 * 9 + 1 + 25) / 4) / 2))


def test_figures_of_the_frame_rest_on_the_crop_alone() -> None:
    """Literal hectares: ground that changed and bears no crop is none of the mapped crop."""
    downstream = np.array([*[20] * 4, 21, *[22] * 15, 22, 24, 22, 25, 24, 25], dtype=np.int32)
    network, ground = FlowNetwork((1, 26), (20.0, 10.0), downstream), tiny.slopes()
    assert ground.plots.tolist() == [0, 3, 4, 6, 8]  # the last is no crop
    loads = (load("coca", "fertiliser", "t/ha/yr"),)
    inside = np.array([1, 0, 1, 1, 1], dtype=bool)
    found = contamination_figures(ground, network, {"frame": inside}, loads, load_factors(), "coca", n=2, seed=1)
    assert [one.mapped_ha for one in found] == [pytest.approx(0.04 + 0.06 + 0.02)] * len(found)
    assert float(life_change(16.0, 200.0, 100.0)) == pytest.approx(1 - 0.16**0.25)  # no more than all of it
