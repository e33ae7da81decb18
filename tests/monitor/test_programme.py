"""The programme and the law in a whole run: parts that add up, estimates with intervals, nothing of a person."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas
import pandas as pd
import pytest
import shapely

from geo.errors import QualityGateError, SurveyFileError
from monitor.check import (
    _guarded,
    _legality_problems,
    _overlay_problems,
    _programme_problems,
    checked,
)
from monitor.config import load_survey
from monitor.context import Context
from monitor.correction_inputs import operations
from monitor.harms import border, deforestation
from monitor.harms.figures import read_figures
from monitor.impact_tables import read_impact_csv
from monitor.indicators import COLUMNS, KEYS, read_part
from monitor.programme_tables import programme_of
from monitor.steps.corrections import _programme_operations
from monitor.steps.programme import _domains, _unseen_findings
from monitor.tables import read_tables
from monitor.verify.programme import recompute_programme
from tests.monitor.conftest import altdev
from tests.monitor.survey_text import save, sound

CODES = [f"A{number}" for number in range(1, 21)]


def table(run: Path, name: str) -> pd.DataFrame:
    """Return a table of a run with its codes as text."""
    return pd.read_csv(run / name, dtype={"period": str, "domain": str, "zone": str}, keep_default_na=False,
                       na_values=[""])  # fmt: skip


def test_every_indicator_has_a_row_and_no_figure_stands_twice(finished_run: Path) -> None:
    """Contract: A1 to A20 in the tidy table, each with a value or the reason why there is none."""
    rows = read_part(finished_run / "indicators" / "indicators.csv")
    assert tuple(rows.columns) == COLUMNS
    assert set(CODES) <= set(rows["indicator"])
    assert not rows.duplicated(subset=list(KEYS)).any()
    absent = rows[rows["state"] != "computed"]
    assert (absent["reason"] != "").all()
    assert absent["value"].isna().all()
    assert rows.loc[rows["state"] == "computed", "value"].notna().all()


def test_estimates_have_limits_and_records_have_none(finished_run: Path) -> None:
    """Law: what comes from a sample stands between its limits; a count of records has no sampling error."""
    rows = read_part(finished_run / "indicators" / "part_ad.csv")
    rows = rows[rows["state"] == "computed"]
    sampled = rows[rows["grade"] == "A"]
    assert {"A1", "A4", "A5", "A10", "A19"} <= set(sampled["indicator"])
    assert ((sampled["lo"] <= sampled["value"]) & (sampled["value"] <= sampled["hi"])).all()
    records = rows[rows["method"].str.startswith("records")]
    assert records["lo"].isna().all()


def test_every_computed_indicator_of_the_programme_has_its_facts(finished_run: Path) -> None:
    """Law: n, dates and sources stand beside each figure of the programme, but counts of the tables themselves."""
    rows = read_part(finished_run / "indicators" / "part_ad.csv")
    facts = table(finished_run, "indicators/fact_sheets.csv")
    told = set(zip(facts["indicator"], facts["domain"], strict=True))
    made = rows[(rows["state"] == "computed") & ~rows["indicator"].isin(["A9", "A20"])]
    missing = set(zip(made["indicator"], made["domain"], strict=True)) - told
    assert missing == set()
    assert (facts["n"] > 0).all()


def test_change_in_the_areas_is_that_of_the_estimates(finished_run: Path) -> None:
    """Law: A1 is the difference of the two estimates of one domain; all areas hold what the projects hold."""
    estimates = table(finished_run, "overlay/ad_estimates.csv").set_index(["domain", "period"])["value_ha"]
    change = table(finished_run, "overlay/ad_change.csv").set_index("domain")["difference_ha"]
    for domain, difference in change.items():
        moved = estimates[domain, "2024"] - estimates[domain, "2021"]
        assert difference == pytest.approx(moved, abs=1e-5)
    assert (estimates["programme"] <= estimates["frame"]).all()


def test_cost_by_net_hectare_stands_beside_that_by_household(finished_run: Path) -> None:
    """Law: the money of the evaluated programme over its net effect, with the limits of that effect."""
    rows = read_part(finished_run / "indicators" / "indicators.csv")
    cost = rows[rows["unit"] == "USD constant per net hectare avoided"].iloc[0]
    effects = read_impact_csv(finished_run / "impact" / "effects.csv").set_index(["scope", "effect"])
    net = effects.loc[("net", "direct and rings")]
    assert [cost["lo"], cost["value"], cost["hi"]] == pytest.approx(
        [2_100_000 / -net["lo"], 2_100_000 / -net["value"], 2_100_000 / -net["hi"]], rel=1e-6
    )
    assert (rows["unit"] == "USD constant per household").sum() == 4


def test_harms_of_both_strips_are_made_by_one_code(finished_run: Path) -> None:
    """Law: six harms on each side, of one method; where a figure by domain exists it is the same."""
    rows = read_part(finished_run / "indicators" / "indicators.csv")
    strips = rows[(rows["indicator"] == "A19") & rows["part"].str.contains(": ")]
    harms = ("deforestation", "erosion", "degradation", "species", "contamination", "gases")
    for (_, part), own in strips.groupby(["period", "part"]):
        assert set(own["domain"]) == {"border:ZZE", "border:ZZW"}
        assert own["method"].nunique() == own["unit"].nunique() == 1, part
    assert {part.split(":")[0] for part in strips["part"]} == set(harms)
    direct = rows[(rows["indicator"] == "D1") & (rows["part"] == "cumulative")]
    keys = ["period", "domain"]
    both = strips[strips["part"] == "deforestation: D1 cumulative"].merge(direct, on=keys, suffixes=("", "_d1"))
    assert len(both) == 4
    assert both["value"].tolist() == pytest.approx(both["value_d1"].tolist())
    whole = direct[direct["domain"] == "frame"].set_index("period")["value"]
    for period, own in both.groupby("period"):
        assert own["value"].sum() <= whole[period] + 1e-6  # nine digits are written


def test_a_strip_that_the_frame_does_not_hold_has_no_harm(finished_run: Path) -> None:
    """Law: nobody looked at the rest of the strip, which is not zero."""
    figures = read_figures(finished_run)
    ground = {"border:ZZE": 1e9, "border:ZZW": figures.settings["strips_ha"]["border:ZZW"]}
    other = replace(figures, settings={**figures.settings, "strips_ha": ground})
    rows = list(border.rows(other, {"deforestation": deforestation.rows}))
    states = {row.key.domain: row.state for row in rows}
    assert states == {"border:ZZE": "not_estimable", "border:ZZW": "computed"}


def test_access_is_made_again_from_the_run_folder(finished_run: Path, tmp_path: Path) -> None:
    """Law: minutes with the project's works are never more than without; a changed minute is found."""
    access = table(finished_run, "overlay/ad_access.csv")
    assert (access["with_project"] <= access["without_project"]).all()
    assert set(access["service"]) == {"school", "clinic", "road", "market"}
    assert not {"x", "y", "lon", "lat", "geometry", "name"} & set(access.columns)
    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy)
    access.assign(with_project=0.0).to_csv(copy / "overlay" / "ad_access.csv", index=False)
    with pytest.raises(QualityGateError, match=r"part_ad.csv A9"):
        recompute_programme(copy, read_tables(copy))


def test_legal_parts_add_up(finished_run: Path) -> None:
    """Law: three totals make the fourth, which is the frame's estimate; zones make the totals."""
    rows = table(finished_run, "overlay/legality.csv")
    whole = table(finished_run, "estimates/estimates.csv")
    for period, own in rows.groupby("period"):
        totals = own[own["zone"].isna()].set_index("part")["value_ha"]
        frame = whole[(whole["period"] == period) & (whole["domain"] == "frame")]["value_ha"].item()
        parts = totals[["authorised", "not_authorised", "undetermined"]]
        assert parts.sum() == pytest.approx(totals["total"], abs=1e-5)
        assert totals["total"] == pytest.approx(frame, abs=1e-5)
        by_part = own[own["zone"].notna()].groupby("part")["value_ha"].sum()
        assert by_part.sum() == pytest.approx(frame, abs=1e-5)
    zones = table(finished_run, "overlay/legal_zones.csv")
    strata = pd.read_csv(finished_run / "frame" / "strata.csv")
    for _, own in zones.groupby("period"):
        assert own["area_ha"].sum() == pytest.approx(strata["area_ha"].sum(), rel=1e-9)


def test_a_capped_zone_never_names_a_plot(finished_run: Path) -> None:
    """Law: no table of the law has a place finer than a zone, beside the sample units that verification needs."""
    columns = set(table(finished_run, "overlay/legality.csv").columns)
    assert not {"row", "col", "unit_id", "geometry", "x", "y"} & columns


def test_strips_are_made_alike_on_both_sides(finished_run: Path) -> None:
    """Law: both sides have a strip, of one method."""
    rows = read_part(finished_run / "indicators" / "part_ad.csv")
    crop = rows[(rows["indicator"] == "A19") & (rows["crop"] == "cannabis")]
    assert set(crop["domain"]) == {"border:ZZE", "border:ZZW"}
    assert crop["method"].nunique() == 1


def test_no_place_of_a_record_leaves_with_the_tables(finished_run: Path) -> None:
    """Law: the tables kept for verification hold no coordinates."""
    text = (finished_run / "overlay" / "ad_tables.json").read_text()
    assert not [word for word in ("geometry", "coordinates", "POINT", "latitude") if word in text]


@pytest.mark.parametrize(
    ("file", "column", "told"),
    [
        ("overlay/legality.csv", "value_ha", "legality.csv"),
        ("overlay/ad_estimates.csv", "hi_ha", "ad_estimates.csv"),
        ("overlay/ad_change.csv", "lo_ha", "ad_change.csv"),
        ("overlay/validation.csv", "value_ha", "validation.csv"),
        ("overlay/eradication.csv", "claimed_ha", "eradication.csv"),
        ("indicators/facts_ad.csv", "n", "facts_ad.csv"),
        ("indicators/fact_sheets.csv", "n", "fact_sheets.csv"),
        ("indicators/part_ad.csv", "value", "part_ad.csv"),
    ],
)
def test_verify_finds_a_forged_figure(
    finished_run: Path, tmp_path: Path, file: str, column: str, told: str
) -> None:
    """Law: a changed figure, its hash renewed, is found by recomputing."""
    from geo.errors import QualityGateError
    from monitor.verify import verify_run

    copy = tmp_path / "run"
    shutil.copytree(finished_run, copy, ignore=shutil.ignore_patterns("imagery", "products"))
    path = copy / file
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    at = rows.index[rows[column] != ""][0]
    rows.loc[at, column] = f"{float(rows.loc[at, column]) + 1:.6f}"
    rows.to_csv(path, index=False)
    manifest = json.loads((copy / "manifest.json").read_text())
    for step in manifest["steps"].values():
        step["outputs"] = {name: one for name, one in step["outputs"].items() if (copy / name).is_file()}
        if file in step["outputs"]:
            content = path.read_bytes()
            step["outputs"][file].update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(QualityGateError, match=told.replace(".", r"\.")):
        list(verify_run(copy))


def test_the_ledger_takes_the_operations_of_the_programme_once(project: Path, tmp_path: Path) -> None:
    """Law: one source of operations; those with verified hectares count, and both at once are refused."""
    text = (project / "survey.toml").read_text()
    line = 'eradication = "inputs/eradication.gpkg"\nall_verified = true'
    assert line in text
    both = tmp_path / "both.toml"
    both.write_text(text.replace(line, 'eradication = "inputs/eradication.gpkg"\nfrom_programme = true'))
    refused = altdev("check", both)
    assert refused.code == 2
    assert "the same operations must not count twice" in refused.out
    own = project / "own.toml"
    own.write_text(text.replace(line, "from_programme = true"))
    try:
        survey, first = load_survey(own), load_survey(project / "survey.toml")
    finally:
        own.unlink()
    taken = _programme_operations(Context(survey=survey, root=project, out=tmp_path))
    assert first.corrections is not None
    given = operations(first.corrections)
    assert len(taken) == len(given)
    assert sorted(taken["day"]) == sorted(given["day"])
    assert 0 < taken["verified"].sum() < len(taken)


def test_a_project_outside_the_frame_is_not_zero(project: Path, finished_run: Path) -> None:
    """Law: ground that nobody looked at has no figure and a warning, however many hectares it has."""
    context = Context(survey=load_survey(project / "survey.toml"), root=project, out=finished_run)
    found = programme_of(context)
    away = found.areas.copy()
    last = away["project_id"] == "P-003"
    away.loc[last, "geometry"] = away.geometry[last].translate(100_000, 0)
    moved = replace(found, areas=away)
    domains, units = _domains(context, moved, read_tables(finished_run))
    assert set(domains["domain"]) >= {"frame", "programme", "P-001", "P-002"}
    assert "P-003" not in set(domains["domain"])
    assert "P-003" not in set(units["domain"])
    told = [finding.problem.where for finding in _unseen_findings(moved, domains)]
    assert told == ["areas of project P-003"]


def test_an_overlay_of_roads_is_a_strip_along_them(thin_copy_of: Callable[[], Path]) -> None:
    """Brute force: with `buffer_m` lines become the ground within that distance, at most 2 m times its length."""
    folder = thin_copy_of()
    path = folder / "survey.toml"
    layer = '[[overlay]]\nname = "roads"\ntitle = "Roads"\nkind = "buffer"\npath = "inputs/roads.gpkg"\n'
    text = path.read_text().replace("[map]", layer + 'label = "name"\nbuffer_m = 100\n\n[map]', 1)
    path.write_text(text)
    context = Context(survey=load_survey(path), root=folder, out=folder / "run")
    strips = context.read_overlay(len(context.survey.overlay) - 1)
    roads = geopandas.read_file(folder / "inputs" / "roads.gpkg")
    length = float(roads.length.sum())
    assert 0 < strips.area.sum() <= 200 * length + len(roads) * 31_416
    assert shapely.union_all(strips.geometry.values).covers(shapely.union_all(roads.geometry.values))
    path.write_text(text.replace("buffer_m = 100\n", ""))
    found = list(_guarded(_overlay_problems, Context(survey=load_survey(path), root=folder, out=folder / "run")))
    assert any("LineString" in str(problem) for problem in found)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('law = "inputs/law.toml"', 'law = "atlantis"', "[legality] law: found 'atlantis'"),
        ('customary = "indigenous"', 'customary = "reserves"', "[legality.zones] customary: found 'reserves'"),
        ('customary = "indigenous"', 'custom = "indigenous"', "[legality.zones] custom: found no zone of this law"),
        ('tables = "inputs/ad"', 'tables = "inputs/nothing"', "found no GeoPackage and no folder"),
    ],
)
def test_a_wrong_table_of_the_survey_file_is_told(
    thin_copy_of: Callable[[], Path], old: str, new: str, line: str
) -> None:
    """Law: a law, zone or folder that is not there is told in one line."""
    folder = thin_copy_of()
    path = folder / "survey.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    context = Context(survey=load_survey(path), root=folder, out=folder / "run")
    found = [*_guarded(_legality_problems, context), *_guarded(_programme_problems, context)]
    assert [line in str(problem) for problem in found] == [True]


def test_check_tells_rows_and_warns_of_conflicts(thin_copy_of: Callable[[], Path]) -> None:
    """Law: errors of the tables are told by row and stop; conflicts are warnings and do not."""
    folder = thin_copy_of()
    path = folder / "survey.toml"
    warnings = [str(problem) for problem in checked(path).warnings]
    assert [line.split(":")[0] for line in warnings] == [
        "areas.gpkg row 1 column pa_zone_allows",
        "areas.gpkg row 3 column fpic_status",
    ]
    counts = folder / "inputs" / "ad" / "beneficiaries.csv"
    counts.write_text(counts.read_text().replace(",190,", ",191,").replace("unit,", "phone_number,", 1))
    context = Context(survey=load_survey(path), root=folder, out=folder / "run")
    lines = [str(problem) for problem in _programme_problems(context)]
    assert any("looks like personal data" in line for line in lines)
    assert any("no column 'unit'" in line for line in lines)


@pytest.mark.parametrize("name", ["ad", "legality"])
def test_published_figures_have_no_programme(tmp_path: Path, name: str) -> None:
    """Law: a table that needs sample units is refused beside [official], never passed over in silence."""
    content = sound()
    for key in ("imagery", "training", "reference"):
        content.pop(key)
    official = {"table": "coca.csv", "code": "c", "name": "n", "periods": "(\\d+)"}
    tables = {"ad": {"tables": "ad"}, "legality": {"law": "peru"}}
    path = save(tmp_path, content | {"official": official, name: tables[name]})
    with pytest.raises(SurveyFileError, match=rf"\[official\] and \[{name}\]"):
        load_survey(path)
