"""The verb ``impact``: from tables to effects with their words, made again by ``verify``, and its refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas
import openpyxl
import pandas as pd
import pytest

from geo.errors import InputError, QualityGateError, SurveyFileError
from maps.impact_chart import impact_charts
from maps.language import LANGUAGES, language
from monitor.check import check_survey
from monitor.config import load_survey
from monitor.impact_indicators import impact_indicators
from monitor.impact_inputs import read_impact
from monitor.impact_tables import evaluation_of, evaluation_tables, read_impact_csv
from monitor.indicators import read_part, write_table
from monitor.terminal import TerminalListener
from monitor.verify import recompute_impact, verify_run
from monitor.workflow import RunOptions, run
from tests.monitor.conftest import altdev
from tests.monitor.impact_country import ANNOUNCED_HA, EFFECT_HA, NEIGHBOUR_HA, SURVEY, write_country


def evaluate(survey: Path, *, verb: str | None = "impact") -> Path:
    """Run the evaluation and return the run folder."""
    out = survey.parent / "run"
    run(survey, RunOptions(out=out), verb=verb, listener=TerminalListener(quiet=True))
    return out


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of the country, with its products."""
    return evaluate(write_country(tmp_path_factory.mktemp("country")), verb="map")


@pytest.fixture(scope="module")
def effects(country: Path) -> pd.DataFrame:
    """Return the effects by scope and name."""
    return read_impact_csv(country / "impact" / "effects.csv").set_index(["scope", "effect"])


def test_effects_of_an_official_series(effects: pd.DataFrame) -> None:
    """Brute force: programme, announcement and neighbours hold what was done to them, in words that fit."""
    for key, truth, words in (
        (("overall", "programme"), EFFECT_HA, "associated with less"),
        (("announcement", "programme"), ANNOUNCED_HA, "associated with more"),
        (("ring", "ring 0-1 km"), NEIGHBOUR_HA, "associated with more"),
    ):
        row = effects.loc[key]
        assert row["lo"] <= truth <= row["hi"]
        assert row["finding"] == words
        assert row["unit_of_measure"] == "ha"
    net = effects.loc[("net", "direct and rings")]
    assert net["lo"] <= 9 * EFFECT_HA + 72 * NEIGHBOUR_HA <= net["hi"]
    told = effects[effects["scale"].isin(["level", "total"]) & effects["value"].notna()]
    assert told[["lo", "hi"]].notna().all(axis=None)  # no hectare without its interval


def test_zones_by_border(country: Path) -> None:
    """Law: distance is that of borders: squares that touch a treated one lie in the first ring."""
    zones = read_impact_csv(country / "impact" / "zones.csv").set_index("unit")["zone"]
    assert zones.value_counts()["programme"] == 9
    assert zones.value_counts()["ring 0-1 km"] == 72
    match = read_impact_csv(country / "impact" / "match.csv")
    controls = match.loc[match["role"] == "control", "unit"]
    assert (zones[controls] == "control").all()


def test_verify_makes_it_again_and_finds_a_changed_figure(country: Path, tmp_path: Path) -> None:
    """Law: every row is recomputed from the run folder, and one changed digit or word is found."""
    lines = list(verify_run(country))
    for told in ("rows of the evaluation recomputed, all equal", "rows of indicators joined again, all equal"):
        assert sum(told in line for line in lines) == 1
    copy = tmp_path / "run"
    shutil.copytree(country, copy)
    path = copy / "impact" / "effects.csv"
    text = path.read_text()
    first = text.splitlines()[1].split(",")[5]
    path.write_text(text.replace(first, f"{float(first) + 0.01:.6f}", 1))
    with pytest.raises(QualityGateError, match="recomputed from the run folder"):
        recompute_impact(copy)
    path.write_text(text.replace("associated with less", "no difference found", 1))
    with pytest.raises(QualityGateError, match="finding"):
        recompute_impact(copy)


def test_net_effect_and_displacement_stand_in_the_table_of_indicators(country: Path, effects: pd.DataFrame) -> None:
    """Brute force: A2 and A3 are the effects with their limits, of the panel by name; a share has the same sign."""
    table = read_part(country / "indicators" / "indicators.csv")
    rows = table.set_index(["indicator", "unit", "group", "part"]).sort_index()
    unit = rows.loc[("A2", "ha", "mean of a unit", "")]
    whole = effects.loc[("overall", "programme")]
    assert unit[["value", "lo", "hi"]].tolist() == pytest.approx(whole[["value", "lo", "hi"]].tolist())
    assert (unit["domain"], unit["crop"], unit["period"]) == ("panel", "coca", "2004 to 2018")
    assert unit["inputs"] == "official figures: coca of 256 units, 2004 to 2018"
    assert (unit["n"], unit["flags"]) == (9, "associated with less")
    share = rows.loc[("A2", "%", "mean of a unit", "")]
    assert share["value"] == pytest.approx(whole["percent"])
    seen = whole["without_programme"] + whole["value"]
    assert share["lo"] == pytest.approx(100 * whole["lo"] / (seen - whole["lo"]))
    both = rows.loc[("A2", "ha", "all units together", "direct and rings")]
    assert both["lo"] <= 9 * EFFECT_HA + 72 * NEIGHBOUR_HA <= both["hi"]
    ring = rows.loc[("A3", "ha", "mean of a unit", "ring 0-1 km")]
    assert ring["lo"] <= NEIGHBOUR_HA <= ring["hi"]
    leakage = rows.loc[("A3", "ratio", "all units together", "leakage")]
    assert leakage["value"] == pytest.approx(effects.loc[("net", "leakage"), "value"])
    assert leakage["flags"] == "a ratio without an interval"


@pytest.mark.parametrize(
    ("key", "column", "value", "reason"),
    [
        (("overall", "programme"), "value", float("nan"), "the effect has no interval"),
        (("overall", "programme"), "hi", 1e6, "nothing would have been there without the programme"),
        (("net", "direct"), "hi", 5.0, "the direct effect holds zero"),
        (("ring", "ring 0-1 km"), "value", float("nan"), "the effect has no interval"),
    ],
)
def test_what_was_refused_is_not_estimable(
    country: Path, key: tuple[str, str], column: str, value: float, reason: str
) -> None:
    """Law: a refused effect has a row with its reason and no number; so has leakage from what may be no effect."""
    folder = country / "impact"
    effects = read_impact_csv(folder / "effects.csv")
    effects.loc[(effects["scope"] == key[0]) & (effects["effect"] == key[1]), column] = value
    settings = json.loads((folder / "settings.json").read_text())
    rows = impact_indicators(effects, settings)
    absent = rows[rows["state"] == "not_estimable"]
    assert absent["reason"].str.contains(reason).any()
    assert absent["value"].isna().all()
    assert len(rows) == len(impact_indicators(read_impact_csv(folder / "effects.csv"), settings))


def test_an_outcome_that_is_no_hectares_is_no_net_effect_on_crop(country: Path) -> None:
    """Law: an evaluation of tonnes makes no hectares of the indicators."""
    settings = json.loads((country / "impact" / "settings.json").read_text()) | {"unit": "t", "crop": ""}
    rows = impact_indicators(read_impact_csv(country / "impact" / "effects.csv"), settings)
    assert rows["value"].isna().all()
    rows = rows[rows["indicator"] != "A14"]
    assert rows["reason"].str.contains("is in t, not in hectares|holds zero").all()


def test_verify_finds_a_changed_indicator(country: Path, tmp_path: Path) -> None:
    """Law: a changed net effect in the part is found by making it again."""
    copy = tmp_path / "run"
    shutil.copytree(country, copy)
    path = copy / "indicators" / "part_impact.csv"
    table = read_part(path)
    table.loc[0, "lo"] -= 0.01
    write_table(table, path)
    with pytest.raises(QualityGateError, match=r"part_impact.csv A2 panel"):
        recompute_impact(copy)


def test_figures_and_workbook(country: Path) -> None:
    """Literal: six diagnostics as SVG, and two sheets with findings in words."""
    figures = {path.stem: path.read_text() for path in (country / "impact" / "figures").glob("*.svg")}
    assert set(figures) == {"events", "rings", "checks", "balance", "series", "comparisons"}
    assert all(text.startswith("<svg") and "<script" not in text for text in figures.values())
    book = openpyxl.load_workbook(country / "products" / "0" / "tables.xlsx")
    sheet = book["Effect of the programme"]
    cells = {str(cell.value) for row in sheet.iter_rows() for cell in row}
    assert {"associated with less", "What may be said", "trend before the announcement"} <= cells
    assert "Balance of the comparison" in book.sheetnames


@pytest.mark.parametrize("code", LANGUAGES)
def test_figures_in_every_language(country: Path, code: str) -> None:
    """Law: every code of the tables has a word in every language; none is shown as it is stored."""
    from maps.impact_words import readable_balance, readable_effects

    folder = country / "impact"
    tables = {
        name: read_impact_csv(folder / f"{name}.csv") for name in ("effects", "balance", "series", "comparisons")
    }
    words = language(code)
    assert len(impact_charts(tables, words)) == 6
    shown = readable_effects(tables["effects"], words)
    for column in ("scope", "note", "finding"):
        assert not shown[column].astype(str).str.contains("_").any()
    if code != "en":
        stored = set(tables["effects"]["finding"].dropna())
        assert not stored & set(shown["finding"])
        assert "balanced" not in set(readable_balance(tables["balance"], words)["balance"])


def test_without_the_table_there_is_nothing_to_do(tmp_path: Path) -> None:
    """Literal: the verb names the table that it needs, and ends with 2."""
    survey = write_country(tmp_path, survey=SURVEY.split("[impact]")[0])
    with pytest.raises(SurveyFileError, match=r"nothing for 'altdev impact' to do; expected a table .* \[impact\]"):
        evaluate(survey)


def test_no_valid_control_writes_no_effect_and_says_so_in_the_indicators(tmp_path: Path) -> None:
    """Law: with rings over the whole country the gate says so, ends with 5, leaves no effect, and rows with why."""
    survey = write_country(tmp_path, survey=SURVEY.replace("rings_km = [1, 15]", "rings_km = [1, 900]"))
    done = altdev("run", survey, "-q")
    assert done.code == 5
    assert "no valid control" in done.lines[-1]
    assert "programme: not estimable" in done.out
    out = tmp_path / "run"
    assert not (out / "impact" / "effects.csv").exists()
    assert not (out / "impact" / "balance.csv").exists()
    assert (out / "products" / "0" / "index.html").is_file()  # the rest of the run is not held up
    rows = read_part(out / "indicators" / "indicators.csv")
    assert set(rows["indicator"]) == {"A2", "A3", "A14"}
    assert set(rows["state"]) == {"not_estimable"}
    assert rows["value"].isna().all()
    assert rows["reason"].str.contains("no valid control").all()
    assert set(pd.read_csv(out / "indicators" / "fact_sheets.csv")["indicator"]) == {"A2", "A3", "A14"}
    lines = list(verify_run(out))
    assert sum("the refusal of an evaluation" in line for line in lines) == 1
    again = altdev("run", survey, "-q")
    assert again.code == 5  # a kept refusal is still one
    refusal = out / "impact" / "refusal.csv"
    refusal.write_text(refusal.read_text().replace("no valid control", "no good control"))
    with pytest.raises(QualityGateError, match=r"refusal\.csv"):
        recompute_impact(out)


def test_cost_by_net_hectare(country: Path) -> None:
    """Brute force: money over the net effect, its limits over the limits; none where nothing is surely avoided."""
    folder = country / "impact"
    effects = read_impact_csv(folder / "effects.csv")
    settings = json.loads((folder / "settings.json").read_text())
    cost = {"projects": ["P"], "usd": 1e6, "base_year": 2015, "reason": "", "most_left_out": 0.2}

    def row(effects: pd.DataFrame, **change: object) -> pd.Series:
        rows = impact_indicators(effects, settings | {"cost": cost} | change)
        return rows[rows["indicator"] == "A14"].iloc[0]

    # what went next door outweighs what the nine avoided, so that nothing is surely avoided
    assert row(effects)["state"] == "not_estimable"
    assert "does not lie below zero" in row(effects)["reason"]
    net = (effects["scope"] == "net") & (effects["effect"] == "direct and rings")
    effects.loc[net, ["value", "lo", "hi"]] = (-200.0, -400.0, -100.0)
    assert row(effects)[["value", "lo", "hi"]].tolist() == [5000.0, 2500.0, 10_000.0]
    assert "3 of 12 units" in row(effects, sites=12)["reason"]
    assert "1 of 10 units without an effect" in row(effects, sites=10)["flags"]
    assert row(effects, cost=cost | {"reason": "no day"})["reason"] == "no day"
    assert row(effects, cost=None)["state"] == "not_computed"


def test_all_problems_at_once(tmp_path: Path) -> None:
    """Literal: dates the wrong way round, an unknown unit, a missing column and a double code, all in one go."""
    text = (
        SURVEY
        + '\n[[impact.series]]\nname = "spray"\nrole = "trait"\ntable = "spray.csv"\ncode = "code"\n'
        + ('year = "jahr"\nvalue = "ha"\n')
    )
    survey = write_country(tmp_path, survey=text)
    (tmp_path / "spray.csv").write_text("code,year,ha\n11000,2005,3\n")
    table = pd.read_csv(tmp_path / "programme.csv", dtype=str)
    table.loc[0, "announced"] = "2016"
    table.loc[1, "code"] = "99999"
    table.loc[2, "code"] = table.loc[3, "code"]
    table.to_csv(tmp_path / "programme.csv", index=False)
    problems, code = check_survey(survey)
    told = "\n".join(map(str, problems))
    assert code == 3
    assert "spray.csv column jahr: found no such column" in told
    assert "announced in 2016 and begun in 2011" in told
    assert "codes used twice" in told
    assert "1 units that admin.gpkg does not have: 99999" in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("rings_km = [1, 15]", "rings_km = [15, 1]", "rings_km does not rise"),
        ('announced = "announced"', 'announced = "announced"\nannounced_in = 2009', "give one of announced"),
        ('start = "start"', "", "give start or start_columns"),
        ('start = "start"', "start_columns = '(20'", "no regular expression"),
        ("draws = 99", "draws = 9", "greater than or equal to 99"),
    ],
)
def test_wrong_settings(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Literal: each mistake of the table has its own words, exit 2."""
    survey = write_country(tmp_path, survey=SURVEY.replace(old, new))
    with pytest.raises(SurveyFileError, match=told):
        load_survey(survey)


def test_absent_is_not_zero(tmp_path: Path) -> None:
    """Law: a series that does not name all units and years is refused until it is said what absence means."""
    block = (
        '\n[[impact.series]]\nname = "spray"\nrole = "trait"\ntable = "spray.csv"\n'
        'code = "code"\nyear = "year"\nvalue = "ha"\n'
    )
    survey = write_country(tmp_path, survey=SURVEY + block)
    (tmp_path / "spray.csv").write_text("code,year,ha\n11000,2005,3\n11000,2005,4\n")
    with pytest.raises(InputError, match="3839 units and years without a number"):
        read_impact(load_survey(survey))
    survey.write_text(SURVEY + block + "absent_is_zero = true\n")
    with pytest.raises(InputError, match="3584 units and years without a number"):
        read_impact(load_survey(survey))
    survey.write_text(SURVEY + block + "absent_is_zero = true\nyears_absent_are_zero = true\n")
    tables, notices = read_impact(load_survey(survey))
    assert tables.panel["trait_spray"].sum() == 7.0  # two rows of one unit and year are added up
    assert any("stand as zero, as declared" in str(notice) for notice in notices)


def test_units_without_outcome_are_told_and_stay_neighbours(tmp_path: Path) -> None:
    """Law: a treated unit without figures is in no effect, and those around it still lie in its ring."""
    survey = write_country(tmp_path)
    table = pd.read_csv(tmp_path / "coca.csv", dtype=str)
    dates = pd.read_csv(tmp_path / "programme.csv", dtype=str)
    gone = dates["code"].iloc[0]
    table[table["CODE"] != gone].to_csv(tmp_path / "coca.csv", index=False)
    tables, notices = read_impact(load_survey(survey))
    assert gone not in set(tables.units["unit"])
    assert gone in set(tables.sites["site"])
    assert (tables.distances.loc[tables.distances["site"] == gone, "distance_km"] < 0.001).sum() == 8
    assert any(f"1 of 9 units without outcome: {gone}" in str(notice) for notice in notices)


def test_first_filled_year_is_the_start(tmp_path: Path) -> None:
    """Literal: with a column a year the start is the first that is neither empty nor 0."""
    text = SURVEY.replace('start = "start"', "start_columns = 'P_(20\\d\\d)'").replace(
        'announced = "announced"\n', ""
    )
    survey = write_country(tmp_path, survey=text)
    (tmp_path / "programme.csv").write_text("code,P_2010,P_2011,P_2012\n11034,0,2,5\n11039,,,FGB\n11000,0,,0.0\n")
    tables, _ = read_impact(load_survey(survey))
    assert dict(zip(tables.sites["site"], tables.sites["start"], strict=True)) == {"11034": 2011, "11039": 2012}


def test_announced_and_never_begun_is_no_control(tmp_path: Path) -> None:
    """Law: who only heard of a programme may have planted for it: told, and barred with its neighbours."""
    survey = write_country(tmp_path)
    with (tmp_path / "programme.csv").open("a") as stream:
        stream.write("11000,0,2010\n")
    tables, notices = read_impact(load_survey(survey))
    assert "11000" not in set(tables.sites["site"])
    assert tables.units.set_index("unit").loc["11000", "other_km"] == 0.0
    assert any("1 units with an announcement and no start: 11000" in str(notice) for notice in notices)
    zone = evaluation_tables(tables, evaluation_of(tables))["zones"].set_index("unit")["zone"]
    assert zone["11000"] == "none"
    assert zone["11001"] == "none"


def test_places_and_calipers_that_are_not_there(tmp_path: Path) -> None:
    """Literal: a caliper on an unknown trait and a unit without a shape have their own words, exit 3."""
    survey = write_country(tmp_path, survey=SURVEY.replace('"trend before" = 20', '"slope" = 20'))
    with pytest.raises(
        InputError, match=r"\[impact.calipers\] slope: found no such trait; expected one of level before"
    ):
        read_impact(load_survey(survey))
    survey.write_text(SURVEY)
    layer = geopandas.read_file(tmp_path / "admin.gpkg")
    layer.loc[3, "geometry"] = None
    layer.to_file(tmp_path / "admin.gpkg")
    with pytest.raises(InputError, match="1 units without a shape"):
        read_impact(load_survey(survey))
