"""`altdev compare` on tables: panels, hectares of a declared design, series of figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aoi.survey.change import area_change
from aoi.survey.design import StratifiedDesign
from geo.errors import InputError, QualityGateError, SurveyFileError
from monitor.tabular.compared import compare_classes, compare_design, compare_series
from tests.monitor.conftest import altdev
from tests.shared import oracle, oracle_path

STRATA = "stratum,size\nmap,2000\nrest,98000\n"


def panel(seed: int = 3) -> pd.DataFrame:
    """Make a panel of 600 points in two strata, labelled in two years."""
    rng = np.random.default_rng(seed)
    stratum = np.repeat(["map", "rest"], 300)
    first = np.where(rng.random(600) < np.where(stratum == "map", 0.8, 0.02), "coca", "forest")
    second = np.where(rng.random(600) < 0.15, np.where(first == "coca", "forest", first), first)
    return pd.DataFrame({"unit_id": range(600), "stratum": stratum, "y2023": first, "y2024": second})


def of_classes(folder: Path, table: pd.DataFrame, strata: str = STRATA, **given: Any) -> list[dict[str, Any]]:
    """Return the changes of a panel."""
    table.to_csv(folder / "panel.csv", index=False)
    (folder / "strata.csv").write_text(strata)
    options: dict[str, Any] = {
        "columns": ("y2023", "y2024"), "unit_area_ha": 0.5, "frame_ha": None, "lonely": "refuse", "domain": None,
        "interval": "default", "level": 0.95, "percent_of": "exact", "as_json": True,
    } | given  # fmt: skip
    rows: list[dict[str, Any]] = json.loads(
        compare_classes(folder / "panel.csv", folder / "strata.csv", **options)
    )["changes"]
    return rows


def of_series(folder: Path, text: str, **given: Any) -> dict[str, Any]:
    """Return what a series shows."""
    (folder / "series.csv").write_text(text)
    options: dict[str, Any] = {"correlation": 0.0, "breaks": (), "percent_of": "exact", "level": 0.95} | given
    content: dict[str, Any] = json.loads(compare_series(folder / "series.csv", as_json=True, **options))
    return content


def test_panel_has_the_covariance_of_its_units(tmp_path: Path) -> None:
    """Law: the change is that of the same units, much narrower than that of two independent years; domains add."""
    table = panel().assign(side=np.tile(["east", "west"], 300))
    rows = {(row["variable"], row["domain"]): row for row in of_classes(tmp_path, table, domain="side")}
    whole = rows["coca", None]
    design = StratifiedDesign(names=("map", "rest"), sizes=np.array([2000, 98000]), areas_ha=np.array([1e3, 49e3]))
    members = [(table[name] == "coca").astype(float) for name in ("y2023", "y2024")]
    expected = area_change(design.code_of(table["stratum"]), *members, design)
    assert whole["difference_ha"] == pytest.approx(expected.difference.value, rel=1e-12)
    assert (whole["lo_ha"], whole["p_value"]) == pytest.approx((expected.difference.lo, expected.p_value))
    assert whole["verdict"] == expected.verdict
    independent = (whole["earlier"]["se_ha"] ** 2 + whole["later"]["se_ha"] ** 2) ** 0.5
    assert whole["se_ha"] < 0.8 * independent
    parts = [rows["coca", side]["difference_ha"] for side in ("east", "west")]
    assert sum(parts) == pytest.approx(whole["difference_ha"], rel=1e-12)
    assert rows["forest", None]["difference_ha"] == pytest.approx(-whole["difference_ha"], rel=1e-12)
    # the two can never disagree
    assert all((row["p_value"] < 0.05) == (row["verdict"] != "no significant change") for row in rows.values())


def test_unit_labelled_in_one_year_only(tmp_path: Path) -> None:
    """Law: an empty label is a unit not labelled that year, never another class; the years then overlap partly."""
    table = panel()
    table.loc[::3, "y2024"] = ""
    coca = of_classes(tmp_path, table)[0]
    assert coca["n_common"] == 400
    assert "overlap" in coca["method"]
    assert coca["later"]["value_ha"] == pytest.approx(
        sum(
            area * (table.loc[(table.stratum == name) & (table.y2024 != ""), "y2024"] == "coca").mean()
            for name, area in (("map", 1000), ("rest", 49000))
        )
    )


@pytest.mark.parametrize(
    ("change", "strata", "given", "error", "words"),
    [
        (lambda t: t[t.stratum == "map"], STRATA, {}, QualityGateError, "stratum 'rest'"),
        (
            lambda t: t.assign(y2024=np.where(t.stratum == "rest", "", t.y2024)),
            STRATA,
            {},
            QualityGateError,
            "'rest'",
        ),
        (lambda t: t, STRATA, {"frame_ha": 7e4}, QualityGateError, "the frame's"),
        (lambda t: t.assign(stratum="sea"), STRATA, {}, InputError, "'sea'"),
        (lambda t: t.assign(unit_id=1), STRATA, {}, InputError, "stands above already"),
        (lambda t: t.assign(weight=2), STRATA, {}, InputError, "units of equal weight"),
        (lambda t: t, STRATA.replace("2000", "-5"), {}, InputError, "a number of 1 or more"),
        (lambda t: t, STRATA, {"columns": ("y2023", None)}, SurveyFileError, "two columns"),
        (lambda t: t, STRATA, {"columns": ("y2023", "y2025")}, InputError, "a column 'y2025'"),
        (lambda t: t, STRATA, {"interval": "magic"}, SurveyFileError, "magic"),
        (lambda t: t, STRATA, {"level": 1.0}, SurveyFileError, "a level from 0.5"),
    ],
)
def test_refused_panels(
    change: Any, strata: str, given: dict[str, Any], error: type, words: str, tmp_path: Path
) -> None:
    """Law: a panel that is none, or a year without a stratum, stops with a plain sentence."""
    with pytest.raises(error) as raised:
        of_classes(tmp_path, change(panel()), strata, **given)
    assert words in str(raised.value)


def test_paired_change_of_a_declared_design(tmp_path: Path) -> None:
    """Oracle: the paired change of R `survey`'s stratified sample, as a total; far narrower than unpaired."""
    expected = oracle("survey_api")["strat"]["change_api00_minus_api99_paired"]
    pd.read_csv(oracle_path("survey_api") / "apistrat.csv").to_csv(tmp_path / "sample.csv", index=False)
    (tmp_path / "strata.csv").write_text("stratum,size\nE,4421\nH,755\nM,1018\n")
    text = (
        'frame_ha = 1e7\n[design]\nmethod = "random"\nunit = "snum"\nweight = "pw"\nstratum = "stype"\n'
        'strata = "strata.csv"\n[estimate]\nvalues = ["api00"]\n'
    )
    (tmp_path / "design.toml").write_text(text)
    paths = (tmp_path / "sample.csv", tmp_path / "design.toml")
    told = compare_design(*paths, columns=("api99", "api00"), percent_of="exact", as_json=True)
    row = json.loads(told)["changes"][0]
    assert row["difference_ha"] == pytest.approx(expected["est"] * 6194, rel=1e-6)
    assert row["se_ha"] == pytest.approx(expected["se"] * 6194, rel=1e-6)
    assert row["se_ha"] < 0.25 * row["later"]["se_ha"]
    assert row["verdict"] == "increase"
    assert row["p_value"] < 1e-9
    (tmp_path / "design.toml").write_text(text + 'interval = "bootstrap-t"\n')
    with pytest.raises(SurveyFileError, match="skew-corrected or t"):
        compare_design(*paths, columns=("api99", "api00"), percent_of="exact", as_json=True)


def test_series_against_dense_least_squares(tmp_path: Path) -> None:
    """Oracle: changes with the covariance of neighbouring years, the trend, and the test of no change."""
    known = oracle("series_smoothing")
    se = np.array(known["y"]) * np.array(known["cv"])
    rows = zip(known["year"], known["y"], se.tolist(), strict=True)
    text = "year,value_ha,se_ha\n" + "\n".join(f"{a},{b!r},{c!r}" for a, b, c in rows)
    found = of_series(tmp_path, text, correlation=known["rho"])
    step = {row["from"]: row for row in found["changes"]}[2020]
    expected = known["change_2020_2021"]
    assert step["difference_ha"] == pytest.approx(expected["diff"], rel=1e-12)
    assert step["se_ha"] == pytest.approx(expected["se_cov"], rel=1e-12)
    assert step["p_value"] == pytest.approx(expected["p"], rel=1e-9)
    assert found["trend"]["value_ha_per_year"] == pytest.approx(known["gls_trend"]["slope"], rel=1e-12)
    assert found["no_change"]["q"] == pytest.approx(known["omnibus_no_change"]["Q"], rel=1e-12)
    other = of_series(tmp_path, text, correlation=0.1)
    assert other["trend"]["value_ha_per_year"] != pytest.approx(known["gls_trend"]["slope"], rel=1e-6)


def test_published_bounds_and_rounding_rule(tmp_path: Path) -> None:
    """Published: Afghanistan's changes are significant twice in five; Colombia's 2018 fell by 1.2 or by 1.4 %."""
    text = (
        "year,value_ha,lo_ha,hi_ha\n2010,123000,104000,145000\n2011,131000,109000,155000\n2012,154000,125000,189000\n"
        "2013,209000,173000,238000\n2014,224000,196000,247000\n2015,183000,163000,202000\n"
    )
    found = of_series(tmp_path, text)
    assert [row["verdict"] for row in found["changes"]] == [
        "no significant change", "no significant change", "increase", "no significant change", "decrease",
    ]  # fmt: skip
    colombia = "year,value_ha,se_ha\n2017,171495,5000\n2018,169018,5000\n"
    shares = {
        rule: of_series(tmp_path, colombia, percent_of=rule)["changes"][0]["percent"]
        for rule in ("exact", "rounded thousands")
    }
    assert shares == {"exact": -1.4, "rounded thousands": -1.2}


MYANMAR = """year,place,value_ha,se_ha
2017,Shan and Kachin,41000,4000
2018,Shan and Kachin,36100,4000
2018,Chin,1200,300
"""


def test_like_for_like_and_breaks(tmp_path: Path) -> None:
    """Published: Myanmar 2018 fell by 12.0 % like for like, by 9.0 % with new places; no silent splice."""
    with pytest.raises(QualityGateError, match="name a break at 2018"):
        of_series(tmp_path, MYANMAR)
    found = of_series(tmp_path, MYANMAR, breaks=(2018.0,))
    step = found["changes"][0]
    assert step["across_break"]
    assert step["percent"] == -9.0
    assert round(step["like_for_like"]["percent"], 1) == -12.0
    assert step["like_for_like"]["added"] == ["Chin"]
    bare = of_series(tmp_path, MYANMAR.replace("41000", "0"), breaks=(2018.0,))["changes"][0]
    assert "like_for_like" not in bare
    assert bare["percent"] is None
    source = (
        "year,value_ha,se_ha,source\n2001,100,10,a\n2002,110,10,a\n2003,220,10,b\n2004,230,10,b\n2005,240,10,b\n"
    )
    with pytest.raises(QualityGateError, match="source"):
        of_series(tmp_path, source)
    trend = of_series(tmp_path, source, breaks=(2003.0,))["trend"]
    assert trend["value_ha_per_year"] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("text", "given", "error", "words"),
    [
        ("year,value_ha,se_ha\n2001,1,1\n2002,2,1\n", {"correlation": None}, SurveyFileError, "0 for independent"),
        ("year,value_ha,se_ha\n2001,1,1\n2002,2,1\n", {"correlation": 1.0}, SurveyFileError, "below 1"),
        ("year,value_ha,se_ha\n2001,1,1\n2002,2,1\n", {"breaks": (1999.0,)}, SurveyFileError, "--break"),
        ("year,value_ha\n2001,1\n2002,2\n", {}, InputError, "without errors"),
        ("year,value_ha,se_ha\n2001,1,1\n2001,2,1\n", {}, InputError, "stands above already"),
        ("year,value_ha,se_ha\n2001,1,1\n", {}, QualityGateError, "one year"),
        ("year,value_ha,se_ha\n2001,1,0\n2002,2,1\n", {}, InputError, "a number above 0"),
        ("year,value_ha,lo_ha,hi_ha\n2001,1,2,3\n2002,2,1,3\n", {}, InputError, "lo_ha <= value_ha"),
        ("year,value_ha,se_ha\n2001,,1\n2002,2,1\n", {}, InputError, "an empty cell"),
    ],
)
def test_refused_series(text: str, given: dict[str, Any], error: type, words: str, tmp_path: Path) -> None:
    """Law: a series without errors, years or a word on its correlation is refused."""
    with pytest.raises(error) as raised:
        of_series(tmp_path, text, **given)
    assert words in str(raised.value)


def test_command_line(tmp_path: Path) -> None:
    """Law: the verb says its verdict in words; flags of another mode are refused."""
    panel().to_csv(tmp_path / "panel.csv", index=False)
    (tmp_path / "strata.csv").write_text(STRATA)
    arguments = ("compare", tmp_path / "panel.csv", "--strata", tmp_path / "strata.csv")
    done = altdev(*arguments, "--from", "y2023", "--to", "y2024", "--unit-area-ha", "0.5")
    assert done.code == 0
    assert "coca, y2023 to y2024: no significant change; -296.67 ha (nominal 95 % interval" in done.out
    (tmp_path / "series.csv").write_text(MYANMAR)
    series = altdev("compare", tmp_path / "series.csv", "--series", "--correlation", "0", "--break", "2018")
    assert series.code == 0
    assert "like for like: 41,000.00 to 36,100.00 ha, -12.0 %" in series.out
    refused = altdev(*arguments, "--series", "--correlation", "0")
    assert (refused.code, "Traceback" in refused.err) == (2, False)
