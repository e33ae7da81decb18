"""The Colombian example on the real data: totals, joins, honest words, zones and bounds."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas
import pandas as pd
import pytest

from examples.run import placed
from monitor.config import load_survey
from monitor.context import Context
from monitor.steps.official import official_problems, read_official
from tests.shared import SHARED, case

# Published by SIMCI for 2019 (survey-practice 1.6): hectares of coca inside zones
PUBLISHED_2019_HA = {"parks": 6_785, "resguardos": 14_022, "black_communities": 24_856}


@pytest.fixture(scope="session")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example's survey file, looking for the data where they are."""
    case("colombia")
    return placed("colombia", (SHARED / "cases").resolve(), tmp_path_factory.mktemp("colombia") / "run")


@pytest.fixture(scope="session")
def tables(survey: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of tables, made once."""
    folder = tmp_path_factory.mktemp("official")
    read_official(Context(survey=load_survey(survey), root=survey.parent, out=folder), folder, lambda *_: None)
    return folder


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"domain": str, "period": str}, keep_default_na=False, na_values=[""])


def test_nothing_keeps_it_from_running(survey: Path) -> None:
    """Literal: codes, numbers, control totals and periods are in order."""
    assert official_problems(load_survey(survey)) == []


def test_national_totals(tables: Path) -> None:
    """Published: 171,496 ha in 2017, 142,785 in 2020, 252,573 in 2023, all without interval."""
    estimates = _read(tables / "estimates" / "estimates.csv")
    whole = estimates[estimates["domain"] == "frame"].set_index("period")
    for period, hectares in {"2017": 171_496, "2020": 142_785, "2023": 252_573}.items():
        assert whole.loc[period, "value_ha"] == pytest.approx(hectares, abs=5)
    assert estimates["method"].str.contains("published without interval").all()
    assert estimates[["se_ha", "lo_ha", "hi_ha"]].isna().all(axis=None)
    towns = estimates[estimates["domain"].str.fullmatch(r"\d{5}") & (estimates["period"] == "2023")]
    states = estimates[estimates["domain"].str.fullmatch(r"\d{2}") & (estimates["period"] == "2023")]
    assert (len(towns), len(states)) == (319, 24)
    assert towns["value_ha"].sum() == pytest.approx(states["value_ha"].sum())


def test_what_does_not_join_is_named_once(tables: Path) -> None:
    """Published: code 94663 has no municipality; 16 shapes are repaired; programmes name units without figures."""
    notices = _read(tables / "frame" / "notices.csv")["found"].tolist()
    assert sum("94663" in notice for notice in notices) == 1
    assert any("16 units with invalid shapes" in notice for notice in notices)
    assert any("4 of 30 units without a figure: 19845, 20621, 44279, 73555" in notice for notice in notices)


def test_change_is_never_called_an_increase(tables: Path) -> None:
    """Literal: without intervals no difference is tested, and each reading says why."""
    change = _read(tables / "estimates" / "change.csv")
    assert set(change["verdict"]) == {"not testable"}
    readings = _read(tables / "estimates" / "readings.csv")
    assert readings["reading"].str.contains("published without interval").all()
    assert not readings["reading"].str.contains("increase|decrease", case=False).any()


def test_programmes_add_up(tables: Path) -> None:
    """Law: every municipality is in one part, so the parts are the national total in each year."""
    estimates = _read(tables / "estimates" / "estimates.csv")
    whole = estimates[estimates["domain"] == "frame"].set_index("period")["value_ha"]
    parts = _read(tables / "overlay" / "zones.csv").groupby("period")["value_ha"].sum()
    pd.testing.assert_series_equal(parts, whole, check_names=False)
    alone = _read(tables / "overlay" / "alone.csv").groupby("period")["value_ha"].sum()
    assert (alone < whole).any()  # alone is another table: neither the whole nor the parts


def test_land_adds_up_and_zones_overlap(tables: Path) -> None:
    """Law: the land of the parts is the land of the units; the zones alone are more than they cover together."""
    land, alone = _read(tables / "overlay" / "land.csv"), _read(tables / "overlay" / "land_alone.csv")
    by_layer = land.groupby("layer", dropna=False)["area_ha"].sum()
    layers = alone[alone["zone"].isna()].set_index("layer")["alone_ha"]
    assert land["area_ha"].sum() / 100 == pytest.approx(1_141_000, rel=0.01)
    assert by_layer["parks"] == pytest.approx(layers["parks"], rel=1e-6)  # first in precedence: nothing is taken
    assert by_layer["ley2"] < 0.5 * layers["ley2"]
    assert layers.sum() > by_layer.drop(labels=[float("nan")], errors="ignore")[list(layers.index)].sum() * 1.2


def test_bounds_hold_the_published_zone_figures(tables: Path) -> None:
    """Published: what SIMCI found in parks, reserves and black communities' lands in 2019 lies in the bounds."""
    bounds = _read(tables / "overlay" / "bounds.csv")
    year = bounds[bounds["period"] == "2019"].set_index("layer")
    for layer, hectares in PUBLISHED_2019_HA.items():
        assert year.loc[layer, "least_ha"] <= hectares <= year.loc[layer, "most_ha"]
    assert not bounds["additive"].any()


def test_permanence(tables: Path) -> None:
    """Law: every municipality has one class, and the classes hold all of the current figure."""
    table = _read(tables / "indicators" / "permanence.csv")
    assert len(table) == 319
    assert table["value_ha"].sum() == pytest.approx(252_573, abs=5)
    held = table.groupby("class")["value_ha"].sum()
    assert held["permanent"] > 0.9 * held.sum()
    assert held["abandoned"] == 0.0


@pytest.mark.slow
def test_second_source_and_map(survey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Published: the whole example, with the 144,807 ha of UNODC beside the ministry's 136,919 in 2001."""
    from examples.colombia.run import main

    main(survey, tmp_path / "run")
    printed = capsys.readouterr().out
    assert "252,573 ha (published without interval)" in printed
    assert "136919" in printed
    assert "144807" in printed
    assert (tmp_path / "run" / "products" / "0" / "index.html").is_file()
    shutil.rmtree(tmp_path / "run")


def test_project_villages_in_special_zones(survey: Path) -> None:
    """Law: by precedence every village has one place; alone a zone holds at least as many. Brute force: parks."""
    from examples.colombia.impact import FOREST, VILLAGES, forest_of_zones, villages_in_zones

    table = villages_in_zones(survey).set_index("zone")
    assert table["villages"].iloc[:-1].sum() == table.loc["all project villages", "villages"] == 723
    zones = table.iloc[:-2]
    assert (zones["villages_alone"] >= zones["villages"]).all()
    folder = load_survey(survey).area.admin.parent
    points = geopandas.read_file(folder / VILLAGES)
    parks = geopandas.read_file(folder / "parques_nacionales_pnn.gpkg").make_valid().union_all()
    assert zones.loc["National natural parks", "villages"] == points.within(parks).sum()
    forest = forest_of_zones(survey)
    for kind, name, column in FOREST:
        own = forest[forest["zones"].str.startswith(kind)]
        layer = geopandas.read_file(folder / f"giz_deforestation_degradation_{name}.gpkg")
        assert own["number"].sum() == len(layer)
        assert own["forest_2005_ha"].sum() == pytest.approx(layer[column].sum())


def test_evaluation_of_alternative_development(survey: Path, tmp_path: Path) -> None:
    """Law: inputs are in order, the unmatched are named with reasons, and nothing is told that cannot be."""
    from monitor.impact_inputs import read_impact
    from monitor.impact_tables import evaluation_of, evaluation_tables

    given = load_survey(survey)
    assert given.impact is not None
    section = given.impact.model_copy(update={"draws": 99})
    tables, notices = read_impact(given.model_copy(update={"impact": section}))
    assert any("2 of 23 units without outcome: 19845, 73555" in str(notice) for notice in notices)
    assert any("no number for 2001, 2002" in str(notice) for notice in notices)
    made = evaluation_tables(tables, evaluation_of(tables))
    match = made["match"][made["match"]["arm"] == "programme"]
    assert match["role"].value_counts()[["treated", "unmatched"]].tolist() == [10, 11]
    assert match.loc[match["role"] == "unmatched", "reason"].str.len().min() > 0
    balance = made["balance"]
    assert (balance["smd"].abs() <= 0.25).all()
    assert (balance.loc[balance["arm"] == "programme", "smd"].abs() <= 0.1).all()
    overall = made["effects"].set_index(["scope", "effect"]).loc[("overall", "programme")]
    assert overall["finding"] == "too small to tell"
    assert overall["lo"] < 0 < overall["hi"]
    assert overall["mde_percent"] > 100
