"""Co-benefits (A17): a programme whose effect on clearing is known, factors with their error, refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aoi.harm.carbon import CO2_PER_C
from aoi.harm.factor import load_factors
from geo.errors import QualityGateError
from monitor.benefit import HARMS, Benefits, benefit_facts, benefit_indicators, read_benefits
from monitor.config import load_survey
from monitor.context import Context
from monitor.harms.settings import factor_records
from monitor.indicators import read_part, write_table
from monitor.stamp import without_stamp
from monitor.verify.indicators import recompute_benefits

EFFECT_HA = -1.5
"""What the programme does to the clearing of a square kilometre and year."""
YEARS = list(range(2001, 2021))
START, ANNOUNCED = 2014, 2012


def country(seed: int, *, effect_ha: float = EFFECT_HA) -> Benefits:
    """Return 400 cells, 60 of them in six areas, that clear 4 ha a year but for the programme."""
    rng = np.random.default_rng(seed)
    size = 400
    area = np.repeat(np.arange(6), 10)
    start = np.zeros(size, dtype=int)
    start[:60] = START
    cluster = np.array([f"unit {code}" for code in np.arange(size) // 20], dtype=object)
    cluster[:60] = [f"area {code}" for code in area]
    cells = pd.DataFrame(
        {
            "cell": np.arange(size),
            "role": np.where(start > 0, "programme", "control"),
            "cluster": cluster,
            "project": np.where(start > 0, "P-1", ""),
            "start": start,
            "baseline": np.where(start > 0, ANNOUNCED - 1, 0),
            "area_ha": 100.0,
            "forest_share": rng.uniform(0.4, 0.6, size),
            "protected": "no",
            "ad_share": (start > 0).astype(float),
            "ad_km": np.where(start > 0, 0.0, 50.0),
            "elevation_m": rng.uniform(500, 600, size),
            "slope_deg": rng.uniform(5, 7, size),
            "x_km": rng.uniform(0, 100, size),
            "y_km": rng.uniform(0, 100, size),
        }
    )
    shock = rng.normal(0, 0.3, (26, len(YEARS)))[pd.factorize(cluster)[0]]
    loss = 4 + shock + rng.normal(0, 0.8, (size, len(YEARS)))
    loss += effect_ha * ((start[:, None] > 0) & (np.array(YEARS) >= START))
    loss = np.clip(loss, 0, None)
    cell, year = np.meshgrid(np.arange(size), YEARS, indexing="ij")
    flat = loss.ravel()
    panel = pd.DataFrame({"cell": cell.ravel(), "year": year.ravel(), "loss_ha": flat})
    panel = panel.assign(
        potential_t=200 * flat, soil_t=80 * flat, habitat_ha=0.0, biomass_low_t=60 * flat, biomass_high_t=120 * flat
    )
    settings: dict[str, Any] = {
        "years": YEARS, "crop_years": [], "crop": "coca", "cell_km": 1.0, "clear_km": 10.0, "neighbours": 5,
        "calipers": {"forest_share": 0.1, "elevation_m": 200.0, "slope_deg": 2.5}, "level": 0.95,
        "before_sd": 0.5, "seed": 5, "draws": 1000, "climate": "wet_lowland",
        "soil_factor": "soc_factor_coca", "load": None,
        "factors": factor_records(load_factors()), "lacking": {"contamination": "no fields of earlier years"},
    }  # fmt: skip
    crop = pd.DataFrame(columns=["cell", "year", "crop_ha"])
    return Benefits(cells=cells, panel=panel, crop=crop, settings=settings)


def by_harm(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by square kilometre, by harm."""
    return rows[rows["part"] == ""].set_index("group")


def test_the_interval_holds_a_known_effect_on_clearing() -> None:
    """Brute force: 1.5 ha less a square kilometre and year: the interval holds the truth, and the words fit."""
    rows = benefit_indicators(country(1))
    row = by_harm(rows).loc["deforestation"]
    assert row["lo"] <= EFFECT_HA <= row["hi"] < 0
    assert row["flags"].startswith("associated with less")
    assert (row["unit"], row["n"], row["period"]) == ("ha/yr/km2", 59, "2001 to 2020")
    whole = rows[(rows["group"] == "deforestation") & (rows["part"] != "")].iloc[0]
    assert whole[["value", "lo", "hi"]].tolist() == pytest.approx((59 * row[["value", "lo", "hi"]]).tolist())


def test_no_effect_is_seldom_rejected() -> None:
    """Law: of 20 programmes that do nothing three at most are said to do something."""
    found = []
    for seed in range(20):
        harm = country(seed, effect_ha=0.0)
        harm.settings["lacking"].update({one.name: "not asked for" for one in HARMS if one.name != "deforestation"})
        row = by_harm(benefit_indicators(harm)).loc["deforestation"]
        found.append(row["lo"] > 0 or row["hi"] < 0)
    assert sum(found) <= 3


def test_factors_turn_clearing_into_each_harm_and_widen_it() -> None:
    """Brute force: the effect on hectares times the factors; their error widens every interval."""
    rows = by_harm(benefit_indicators(country(2)))
    loss, factors = rows.loc["deforestation"], load_factors()
    value = {name: one.value for name, one in factors.items()}
    bare = value["c_new_clearing"] - value["c_primary_forest"]
    carbon = sum(
        stock
        * (
            value["carbon_fraction"]
            * (1 + value[f"root_shoot_{kind}_wet_lowland"] + value["dead_wood_wet_lowland"])
            + value["carbon_fraction_litter"] * value["litter_wet_lowland"]
        )
        for kind, stock in (("low", 60), ("high", 120))
    )
    expected = {
        "soil erosion": 200 * bare,
        "soil degradation": 80 * (1 - value["soc_factor_coca"]),
        "greenhouse gases": CO2_PER_C * carbon,
    }
    relative = (loss["hi"] - loss["lo"]) / abs(loss["value"])
    for name, factor in expected.items():
        row = rows.loc[name]
        assert row["value"] == pytest.approx(loss["value"] * factor, rel=1e-9), name
        assert (row["hi"] - row["lo"]) / abs(row["value"]) > relative, name
        assert row["lo"] <= row["value"] <= row["hi"]


def test_what_cannot_be_told_has_its_reason() -> None:
    """Law: without an input not computed, of an outcome that is nothing not estimable; neither is zero."""
    rows = by_harm(benefit_indicators(country(3)))
    assert rows.loc["contamination", ["state", "reason"]].tolist() == ["not_computed", "no fields of earlier years"]
    assert rows.loc["species", "state"] == "not_estimable"
    assert "nothing in any unit" in rows.loc["species", "reason"]
    found = country(3)
    found.cells["baseline"] = np.where(found.cells["start"] > 0, 2001, 0)
    late = by_harm(benefit_indicators(found)).loc["deforestation"]
    assert late["state"] == "not_estimable"
    assert "at least 2 before" in late["reason"]
    near = country(3)
    near.cells["ad_km"] = 5.0
    assert "no valid control" in by_harm(benefit_indicators(near)).loc["deforestation", "reason"]
    alone = country(3)
    alone.cells.loc[:59, "cluster"] = "area 0"
    assert by_harm(benefit_indicators(alone)).loc["deforestation", "state"] == "not_estimable"


def test_the_order_of_cells_changes_nothing() -> None:
    """Law: cells in another order give the same figures."""
    one, other = country(4), country(4)
    other.panel = other.panel.sample(frac=1, random_state=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(benefit_indicators(one), benefit_indicators(other))


def test_a_run_tells_six_harms_and_verification_makes_them_again(finished_run: Path, tmp_path: Path) -> None:
    """Law: six harms, each with a figure or its reason; cells and ground add up; a changed figure is found."""
    rows = read_part(finished_run / "indicators" / "part_benefit.csv")
    assert set(rows["group"]) == {harm.name for harm in HARMS}
    whole = read_part(finished_run / "indicators" / "indicators.csv")
    assert len(whole[whole["indicator"] == "A17"]) == len(rows)
    found = read_benefits(finished_run / "indicators")
    treated = found.cells[found.cells["role"] == "programme"]
    assert (treated["ad_share"] >= 0.5).all()
    assert (treated["start"] > treated["baseline"]).all()
    assert (found.cells.loc[found.cells["role"] == "control", "ad_km"] > found.settings["clear_km"]).all()
    facts = pd.read_csv(finished_run / "indicators" / "fact_sheets.csv")
    assert facts.loc[facts["indicator"] == "A17", "n"].tolist() == [len(found.cells)]
    assert [one.n for one in benefit_facts(found, "")] == [len(found.cells)]
    out = tmp_path / "run"
    shutil.copytree(finished_run / "indicators", out / "indicators")
    assert recompute_benefits(out) == len(rows)
    told = rows.copy()
    told.loc[0, "reason"] = told.loc[0, "reason"] + " indeed"
    write_table(told, out / "indicators" / "part_benefit.csv")
    with pytest.raises(QualityGateError, match=r"part_benefit\.csv A17"):
        recompute_benefits(out)


def test_the_size_of_blocks_changes_no_byte(
    project: Path, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law: cells and years are added up in whole numbers, so that blocks of 64 cells give the same tables."""
    from monitor.steps import benefit

    monkeypatch.setattr(benefit, "BLOCK_SIZE", 64)
    context = Context(survey=load_survey(project / "survey.toml"), root=project, out=finished_run)
    benefit.co_benefits(context, tmp_path, lambda *_: None)
    for name in ("benefit_cells.csv", "benefit_panel.csv", "benefit_crop.csv", "part_benefit.csv"):
        whole = (finished_run / "indicators" / name).read_bytes().decode()
        assert (tmp_path / "indicators" / name).read_bytes().decode() == without_stamp(whole)


def test_no_place_of_a_field_is_in_the_tables_of_cells(finished_run: Path) -> None:
    """Law: what is kept is of cells, coarser than a field."""
    told = json.loads((finished_run / "indicators" / "benefit.json").read_text())
    assert told["cell_km"] >= 0.1
