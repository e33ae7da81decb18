"""Harms, effects and projects as a tier may have them: small counts gone, the rest as it stands in the run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from maps.disclosure.generalise import generalised
from maps.disclosure.pattern import Decision
from maps.disclosure.policy import tier_rules
from maps.disclosure.tier import Tier
from monitor.field_parts import reading_states
from monitor.released import further_tables, programme_domains

RULES = tier_rules(Tier.PUBLIC)


def people(project: str, unit: str, count: float, **other: Any) -> dict[str, Any]:
    """Return a row of the table of beneficiaries."""
    row = {
        "project_id": project,
        "period": "2024",
        "measure": "served",
        "unit": unit,
        "role": "all",
        "age_band": "",
    }
    return row | {"indigenous": "", "sex": "total", "count": count, "restricted": ""} | other


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run folder with a programme of three projects, one outside the frame."""
    overlay, impact = tmp_path / "overlay", tmp_path / "impact"
    overlay.mkdir()
    impact.mkdir()
    projects = [
        {"project_id": code, "title": f"Project {code}", "status": "2", "actual_start": "2022-01-01"}
        for code in ("P-1", "P-2", "P-3")
    ]
    served = [
        people("P-1", "household", 9),
        people("P-1", "person", 10),
        people("P-1", "household", 900, period="2020"),
        people("P-1", "household", 500, restricted="yes", role="cultivator"),
        people("P-2", "household", 3, sex="female"),
        people("P-2", "household", 8, sex="male"),
    ]
    tables = {"projects": projects, "beneficiaries": served}
    (overlay / "ad_tables.json").write_text(json.dumps({"tables": tables, "settings": {}}))
    (overlay / "ad_domains.csv").write_text(
        "domain,domain_name,kind,areas,ground_ha\\n"
        "frame,All,frame,,\\nprogramme,Areas,programme,3,60.5\\nP-1,Project P-1,project,1,20.25\\n"
        "P-2,Project P-2,project,2,40.25\\nborder:A,Strip,border,,10\\n".replace("\\n", "\n")
    )
    (overlay / "ad_change.csv").write_text(
        "crop,from,to,domain,difference_ha,se_ha,lo_ha,hi_ha,p_value,verdict,method,level,flags\n"
        "coca,2020,2024,P-1,5.0,1,3,7,0.01,increase,m,0.95,\n"
        "coca,2020,2024,frame,50.0,10,30,70,0.01,increase,m,0.95,\n"
    )
    rows = [
        ("overall", "programme", -5.81, -6.58, -5.03, 68, 149, "associated with less"),
        ("ring", "ring 1-5 km", 1.1, 0.1, 2.1, 9, 63, "associated with more"),
        ("ring", "ring 0-1 km", np.nan, np.nan, np.nan, 0, 0, "not estimable"),
        ("cohort", "2013", -6.0, -7.2, -4.8, 36, 149, "associated with less"),
        ("check", "without R1", -5.7, -6.6, -4.9, 59, 149, "associated with less"),
        ("net", "leakage", 0.13, np.nan, np.nan, 0, 0, ""),
    ]
    names = ["scope", "effect", "value", "lo", "hi", "n_treated", "n_control", "finding"]
    effects = pd.DataFrame(rows, columns=names).assign(
        outcome="crop_ha", unit_of_measure="ha", scale="level", level=0.95, p_value=0.0, without_programme=24.5,
        percent=-20.0, method="m", note="",
    )  # fmt: skip
    effects.to_csv(impact / "effects.csv", index=False)
    return tmp_path


def test_counts_below_the_threshold_are_not_told(run: Path) -> None:
    """Literal: 9 households are hidden at 10 and told at 9; ten persons are told; the latest period counts."""
    made = further_tables(run, {"ad": 2}, RULES, Tier.PUBLIC, ("2024",))["portfolio"].set_index("project")
    assert np.isnan(made.loc["P-1", "households"])
    assert made.loc["P-1", "households_state"] == "suppressed"
    assert made.loc["P-1", "persons"] == 10
    assert made.loc["P-2", "households"] == 11  # both sexes, since no total is given
    assert made.loc["P-2", "persons_state"] == "missing"
    assert "P-3" not in made.index
    nine = replace(RULES, least_count=9)
    assert further_tables(run, {"ad": 2}, nine, Tier.PUBLIC, ("2024",))["portfolio"]["households"].iloc[0] == 9


def test_rows_that_may_not_leave_their_office_do_not(run: Path) -> None:
    """Law: a row marked restricted is in no table of a tier, whatever it holds."""
    path = run / "overlay" / "ad_tables.json"
    content = json.loads(path.read_text())
    content["tables"]["projects"][0]["restricted"] = "yes"
    path.write_text(json.dumps(content))
    made = further_tables(run, {"ad": 2}, RULES, Tier.PUBLIC, ("2024",))["portfolio"]
    assert made["project"].tolist() == ["P-2"]


def test_effects_of_few_units_keep_their_name_alone(run: Path) -> None:
    """Law: fewer units than the threshold on either side: no number; cohorts, regions and ratios stay behind."""
    made = further_tables(run, {"impact": 2}, RULES, Tier.PUBLIC, ("2024",))["effects"].set_index("effect")
    assert list(made.index) == ["programme", "ring 1-5 km", "ring 0-1 km"]
    assert made.loc["ring 1-5 km", "state"] == "suppressed"
    assert made.loc["ring 1-5 km", ["value", "lo", "hi", "n_treated", "n_control"]].isna().all()
    assert made.loc["ring 1-5 km", "finding"] == ""
    assert made.loc["ring 0-1 km", "state"] == "not_estimable"
    assert made.loc["programme", "state"] == "computed"
    told = further_tables(run, {"impact": 2}, replace(RULES, least_count=9), Tier.PUBLIC, ("2024",))["effects"]
    assert (told["state"] == "computed").sum() == 2


def test_a_part_goes_no_further_than_its_tier(run: Path) -> None:
    """Law: nothing is released by default, and a part of tier 1 is not in the public tables."""
    assert further_tables(run, {}, RULES, Tier.PUBLIC, ("2024",)) == {}
    assert further_tables(run, {"ad": 1, "impact": 1}, RULES, Tier.PUBLIC, ("2024",)) == {}
    assert set(further_tables(run, {"ad": 1}, RULES, Tier.PROGRAMME, ("2024",))) == {"portfolio", "zone_change"}


def test_changes_of_projects_follow_the_decision(run: Path) -> None:
    """Law: a project that is hidden keeps no change; the frame's own change is in another table."""
    raw = further_tables(run, {"ad": 2}, RULES, Tier.PUBLIC, ("2024",))
    assert raw["zone_change"]["domain"].tolist() == ["ad:P-1"]
    for state, told in (("shown", 1), ("primary", 0)):
        decision = Decision(
            tier=Tier.PUBLIC, leaves=(), states={"frame": "shown", "layer:ad:P-1": state}, rules=RULES.as_record()
        )
        safe = generalised(raw, decision, RULES).tables["zone_change"]
        assert safe["difference_ha"].notna().sum() == told
        assert safe["state"].tolist() == ["estimated" if told else "suppressed"]


def test_only_programme_and_projects_are_places(run: Path) -> None:
    """Literal: the frame and border strips are no places of the programme."""
    assert programme_domains(run)["domain"].tolist() == ["programme", "P-1", "P-2"]


def test_states_of_reading() -> None:
    """Literal: five units, one in each state."""
    sample = pd.DataFrame({"unit_id": list("abcde")})
    readings = pd.DataFrame(
        [
            ("b", "2024", "A", "coca"),
            ("c", "2024", "A", "coca"), ("c", "2024", "B", "forest"),
            ("d", "2024", "A", "coca"), ("d", "2024", "B", "forest"),
            ("e", "2024", "A", "coca"), ("e", "2024", "B", "coca"),
            ("a", "2020", "A", "coca"),
        ],
        columns=["unit_id", "period", "interpreter", "label"],
    )  # fmt: skip
    decided = pd.DataFrame({"unit_id": ["d", "e"], "period": "2024", "decided_by": ["senior", "majority"]})
    states = reading_states(sample, readings, decided, "2024")
    assert states == ["unread", "one_reading", "disputed", "settled", "agreed"]
