"""The map against rules without skill on the reference sample: by hand, and through a whole run."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import QualityGateError
from monitor.floors import LOSES, MAP, floor_rows, historical_rows, lost, skill_lines
from monitor.tables import SurveyTables
from monitor.verify import verify_run
from monitor.verify.survey import require_each_unit


def tables(stratum: list[str], label: list[str], sizes: dict[str, int]) -> SurveyTables:
    """Return a sample with one period and one crop."""
    names = list(sizes)
    strata = pd.DataFrame({"stratum": names, "size": sizes.values(), "area_ha": [s / 100 for s in sizes.values()]})
    units = pd.DataFrame(
        {"unit_id": [f"u{n}" for n in range(len(label))], "stratum": stratum, "adm_code": "A", "row": 0, "col": 0}
    )
    return SurveyTables(strata=strata, strata_by_unit=strata, units=units.assign(label_2024=label))


def says(**rules: list[int]) -> pd.DataFrame:
    """Return what rules say, one row for each unit."""
    rows = [
        {"unit_id": f"u{n}", "crop": "coca", "period": "2024", "rule": rule, "crop_here": value}
        for rule, values in rules.items()
        for n, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


STRATUM = ["crop"] * 4 + ["rest"] * 4
LABEL = ["coca", "coca", "coca", "forest", "coca", "forest", "forest", "forest"]
SIZES = {"crop": 100, "rest": 900}


def test_scores_are_weighted_by_the_design() -> None:
    """By hand: 75 of 100 mapped hectares are right; of 225 + 75 hectares there are, 75 are mapped."""
    rows = floor_rows(tables(STRATUM, LABEL, SIZES), says(map=[1] * 4 + [0] * 4, none=[0] * 8)).set_index("rule")
    assert rows.loc[MAP, "users"] == pytest.approx(0.75)
    assert rows.loc[MAP, "producers"] == pytest.approx(75 / 300)
    assert rows.loc[MAP, "f1"] == pytest.approx(2 * 75 / (100 + 300))
    assert rows.loc[MAP, "area_ratio"] == pytest.approx(100 / 300)
    assert rows.loc["none", "f1"] == 0.0
    assert np.isnan(rows.loc["none", "users"])
    assert rows["beaten"].to_dict() == {MAP: 1, "none": 1}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_census_gives_the_plain_f1(seed: int) -> None:
    """Brute force: with every cell in the sample F1 is that of counting."""
    rng = np.random.default_rng(seed)
    here, said = rng.random(60) < 0.4, rng.random(60) < 0.5
    here[0] = said[0] = True
    stratum = np.where(rng.random(60) < 0.5, "a", "b")
    stratum[:2] = ["a", "b"]
    stratum[2:4] = ["a", "b"]
    sizes = {name: int((stratum == name).sum()) for name in ("a", "b")}
    found = floor_rows(
        tables(stratum.tolist(), np.where(here, "coca", "forest").tolist(), sizes),
        says(map=said.astype(int).tolist(), rule=here.astype(int).tolist()),
    ).set_index("rule")
    assert found.loc[MAP, "f1"] == pytest.approx(2 * (here & said).sum() / (here.sum() + said.sum()))
    assert found.loc["rule", "f1"] == pytest.approx(1.0)


def test_a_map_that_loses_says_so() -> None:
    """Literal: a rule that equals the labels beats the map, and a tie is no victory."""
    labels = [1, 1, 1, 0, 1, 0, 0, 0]
    rows = floor_rows(tables(STRATUM, LABEL, SIZES), says(map=[1] * 4 + [0] * 4, last_census=labels))
    assert lost(rows) == {("coca", "2024")}
    (line,) = skill_lines(rows)
    assert f"{LOSES} last_census" in line
    tie = floor_rows(tables(STRATUM, LABEL, SIZES), says(map=labels, last_census=labels))
    assert lost(tie) == {("coca", "2024")}
    win = floor_rows(tables(STRATUM, LABEL, SIZES), says(map=labels, last_census=[1] * 4 + [0] * 4))
    assert lost(win) == set()
    assert "beats every floor" in next(skill_lines(win))


def test_cells_that_taught_are_in_no_score() -> None:
    """Law: known units that the map has right, however many, leave the score as it is."""
    plain = floor_rows(tables(STRATUM, LABEL, SIZES), says(map=[1] * 4 + [0] * 4, none=[0] * 8))
    known = tables([*STRATUM, "known"], [*LABEL, "coca"], SIZES | {"known": 1})
    more = floor_rows(known, says(map=[1] * 4 + [0] * 4 + [1], none=[0] * 9))
    pd.testing.assert_frame_equal(plain, more)


def test_the_historical_mean_is_an_area_without_places() -> None:
    """Published: Catatumbo 2019 to 2023 over 2024, mean over figure 0.848."""
    years = (36_296, 35_277, 38_285, 37_965, 39_815)
    totals = pd.DataFrame(
        [{"crop": "coca", "period": "2024", "year": 2019 + n, "area_ha": a} for n, a in enumerate(years)]
    )
    estimates = pd.DataFrame([{"crop": "coca", "period": "2024", "value_ha": 44_240.0}])
    (row,) = historical_rows(totals, estimates).to_dict("records")
    assert row["area_ratio"] == pytest.approx(0.848, abs=5e-4)
    assert np.isnan(row["f1"])


def test_a_run_has_every_floor(finished_run: Path) -> None:
    """Contract: all floors stand beside the map for each period, and the closing lines name them."""
    rows = pd.read_csv(finished_run / "estimates" / "floors.csv", dtype={"period": str})
    common = {MAP, "last_census", "ever_present", "majority_class", "greenness_threshold", "historical_mean"}
    assert set(rows[rows["period"] == "2021"]["rule"]) == common
    assert set(rows[rows["period"] == "2024"]["rule"]) == common | {"same_as_baseline"}
    validation = pd.read_csv(finished_run / "class_map" / "validation.csv")
    assert {"classifier", "last_census", "ever_present", "majority_class"} <= set(validation["rule"])
    facts = json.loads((finished_run / "manifest.json").read_text())["steps"]["floors"]["facts"]
    assert len(facts["notes"]) == 2


@pytest.mark.parametrize("unit", ["u1", "u9"])
def test_a_rule_tells_of_each_unit_once(unit: str) -> None:
    """Law: scores stand on every unit that was drawn; one told twice, or of another sample, is named."""
    sample, told = tables(STRATUM, LABEL, SIZES), says(map=[1] * 8, all=[0] * 8)
    require_each_unit(told, sample)
    told.loc[0, "unit_id"] = unit
    with pytest.raises(QualityGateError, match=r"floor_rules\.csv coca 2024 map: found other units, such as u\d"):
        require_each_unit(told, sample)


def test_an_altered_score_is_noticed(finished_run: Path, tmp_path: Path) -> None:
    """Law: verification makes the scores again; one that was raised, its hash renewed, is found."""
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    path = copy / "estimates" / "floors.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    rows.loc[0, "f1"] = f"{float(rows.loc[0, 'f1']) + 0.01:.6f}"
    rows.to_csv(path, index=False)
    manifest = json.loads((copy / "manifest.json").read_text())
    record = manifest["steps"]["floors"]["outputs"]["estimates/floors.csv"]
    record.update(sha256=hashlib.sha256(path.read_bytes()).hexdigest(), bytes=path.stat().st_size)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(QualityGateError, match=r"floors\.csv"):
        list(verify_run(copy))
