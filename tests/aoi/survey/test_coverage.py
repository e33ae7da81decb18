"""Simulated coverage of an interval under the user's own design."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from aoi.survey.coverage import coverage_of, coverage_rows, coverage_table
from aoi.survey.design import StratifiedDesign
from geo.errors import InputError
from tests.shared import oracle, oracle_path

MONTE_CARLO = 0.015
"""Absolute: two simulations of 20 000 draws agree to three standard errors."""

SIZES, CROP = [9_434, 53_824, 936_742], np.array([7_739, 1_413, 848])


def test_coverages_of_the_study() -> None:
    """Independent program: coverages of Wald and MOVER in the rare country are those of the study's simulation."""
    study = {tuple(row["n"]): row for row in json_study()}
    design = StratifiedDesign.of_units(["map", "edge", "rest"], SIZES, unit_area_ha=1.0)
    for n in ((300, 300, 300), (300, 500, 1200)):
        for method, key in (("wald", "wald_z"), ("jeffreys", "mover_jeffreys"), ("clopper", "mover_clopper")):
            rng = np.random.default_rng(17)
            found = coverage_of(CROP / SIZES, np.array(n), design, rng, rule=(method, 0.95, False), draws=20_000)
            assert found[0] == pytest.approx(10_000.0)
            assert found[1] == pytest.approx(study[n][key]["coverage"], abs=MONTE_CARLO)
            assert found[4] == pytest.approx(study[n][key]["width"], rel=0.02)


def json_study() -> list[dict[str, dict[str, float]]]:
    """Return the study's stratified simulations."""
    found: list[dict[str, dict[str, float]]] = json.loads(oracle_path("coverage/sim_stratified.json").read_text())
    return found


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the second example of Olofsson as tables."""
    case = oracle("accuracy_area")["olofsson2014_table8"]
    classes, counts = np.array(case["classes"]), np.array(case["counts_rows_map_cols_ref"])
    mapped, reference = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), classes.size)
    sample = pd.DataFrame({"stratum": classes[mapped], "map": classes[mapped], "reference": classes[reference]})
    return sample, pd.DataFrame({"stratum": classes, "size": list(case["map_totals"].values())})


def test_a_users_own_design() -> None:
    """Law: the default holds at least 0.93 in both scenarios where Wald does not, and the draw is reproducible."""
    default = coverage_table(*tables(), np.random.default_rng(1))
    again = coverage_table(*tables(), np.random.default_rng(1))
    wald = coverage_table(*tables(), np.random.default_rng(1), interval="wald")
    assert default == again
    assert {one.scenario for one in default} == {"as estimated", "pessimistic"}
    assert min(one.covered for one in default) >= 0.93
    assert max(max(one.above, one.below) for one in default) <= 0.05
    assert min(one.covered for one in wald) < 0.9
    assert all(one.covered + one.above + one.below == pytest.approx(1.0) for one in default)


def test_the_pessimistic_truth_hides_more() -> None:
    """Law: the pessimistic truth of a rare class is larger than the estimate."""
    rows = {(one.name, one.scenario): one.truth_ha for one in coverage_table(*tables(), np.random.default_rng(2))}
    assert rows["Deforestation", "pessimistic"] > 1.3 * rows["Deforestation", "as estimated"]


def test_clusters_are_drawn_again() -> None:
    """Law: with primary units the sample itself is the population, one row for each class."""
    sample, strata = tables()
    found = coverage_table(sample.assign(psu=np.arange(len(sample)) // 4), strata, np.random.default_rng(3))
    assert [one.scenario for one in found] == ["resampled"] * 4
    assert min(one.covered for one in found) > 0.85


def test_rows_for_json() -> None:
    """Law: each row says its class, scenario, level, tails and how sure the simulation is."""
    row = coverage_rows(coverage_table(*tables(), np.random.default_rng(1)))[0]
    assert {"name", "scenario", "level", "covered", "above", "below", "draws", "simulation_se"} <= set(row)
    assert 0 < row["simulation_se"] < 0.005


def test_faulty_tables_are_refused() -> None:
    """Law: the simulation accepts no table that the estimate would not."""
    sample, strata = tables()
    with pytest.raises(InputError, match="'reference'"):
        coverage_table(sample.drop(columns="reference"), strata, np.random.default_rng(0))
