"""A survey of official figures: from a table and boundaries to the run folder, and its refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InputError
from maps.page import CHANGE_COLUMNS, ESTIMATE_COLUMNS
from monitor.check import check_survey
from monitor.config import load_survey
from monitor.steps.official import official_problems
from monitor.terminal import TerminalListener
from monitor.workflow import RunOptions, run

SURVEY = """
[survey]
name = "three-towns"
title = "Three towns"
country = "ZZZ"
crops = ["coca"]
seed = 1
source = "ministry"
vintage = "2024"

[area]
admin = "admin.gpkg"
admin_code = "adm_code"
admin_name = "adm_name"
boundary_version = "v1"

[[period]]
name = "2012"
role = "baseline"
start = 2012-01-01
end = 2012-12-31
reference_date = 2012-12-31

[[period]]
name = "2023"
role = "current"
start = 2023-01-01
end = 2023-12-31
reference_date = 2023-12-31

[official]
table = "coca.csv"
code = "CODE"
name = "NAME"
code_pattern = '\\d{5}'
parent = "DEPT"
parent_name = "DEPTNAME"
periods = '(20\\d\\d)'
control_total_ha = { 2012 = 1111, 2023 = 1300 }

[official.number]
thousands = ","

[official.symbols]
"- 0" = "zero"

[[overlay]]
name = "ad"
title = "AD municipalities"
kind = "ad_area"
path = "programme.gpkg"
label = "adm_name"
code = "adm_code"

[[overlay]]
name = "park"
title = "Parks"
kind = "protected"
path = "park.gpkg"
label = "name"

[[overlay]]
name = "reserve"
title = "Reserves"
kind = "indigenous"
path = "reserve.gpkg"
label = "name"
"""

YEARS = range(2012, 2024)
ROWS = {
    "05001": ["1,000", *["1,100.5"] * 10, "1,200"],
    "05002": ["100", *["- 0"] * 10, "- 0"],
    "08001": ["11", *[""] * 10, "100"],
}


def _square(column: int, side: float = 1.0) -> shapely.Polygon:
    return shapely.box(-75 + column * 0.1, 1, -75 + column * 0.1 + side * 0.1, 1 + side * 0.1)


@pytest.fixture
def towns(tmp_path: Path) -> Path:
    """Write a survey of three towns, one of which the boundaries do not have."""
    return write_towns(tmp_path)


def write_towns(tmp_path: Path) -> Path:
    """Write that survey into a folder."""
    towns = {"adm_code": ["05001", "05002"], "adm_name": ["A", "B"]}
    shapes = [_square(0), _square(1)]
    geopandas.GeoDataFrame(towns, geometry=shapes, crs=4326).to_file(tmp_path / "admin.gpkg")
    programme = {"adm_code": ["05001", "99999"], "adm_name": ["A", "gone"]}
    geopandas.GeoDataFrame(programme, geometry=shapes, crs=4326).to_file(tmp_path / "programme.gpkg")
    for name, side in (("park", 0.5), ("reserve", 1.0)):
        zone = geopandas.GeoDataFrame({"name": [name]}, geometry=[_square(0, side)], crs=4326)
        zone.to_file(tmp_path / f"{name}.gpkg")
    _write_table(tmp_path, ROWS)
    (tmp_path / "survey.toml").write_text(SURVEY)
    return tmp_path / "survey.toml"


def _write_table(folder: Path, rows: dict[str, list[str]]) -> None:
    lines = [",".join(["DEPT", "DEPTNAME", "CODE", "NAME", *map(str, YEARS)])]
    lines += [
        ",".join([code[:2], "D", code, "town", *(f'"{cell}"' for cell in cells)]) for code, cells in rows.items()
    ]
    (folder / "coca.csv").write_text("\n".join(lines) + "\n")


def _run(towns: Path) -> Path:
    out = towns.parent / "run"
    run(towns, RunOptions(out=out), verb=None, listener=TerminalListener(quiet=True))
    return out


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(
        path, dtype={"domain": str, "period": str, "code": str}, keep_default_na=False, na_values=[""]
    )


def test_run_folder(towns: Path) -> None:
    """Literal: figures without interval, an honest change, sums that add up, and one notice for each defect."""
    out = _run(towns)
    estimates = _read(out / "estimates" / "estimates.csv")
    assert list(estimates.columns) == [*ESTIMATE_COLUMNS, "flags", "run_id"]
    whole = estimates[estimates["domain"] == "frame"].set_index("period")
    assert whole.loc["2023", "value_ha"] == 1300.0
    assert estimates[["se_ha", "lo_ha", "hi_ha", "level", "n"]].isna().all(axis=None)
    assert estimates["method"].str.contains("published without interval").all()
    assert (whole.loc["2015", "flags"], whole.loc["2015", "value_ha"]) == ("INCOMPLETE", 1100.5)
    cells = estimates.set_index(["domain", "period"])["state"]
    assert cells[("05002", "2015")] == "zero"
    assert cells[("08001", "2015")] == "missing"
    assert set(estimates["domain"]) == {"frame", "05", "08", *ROWS}

    change = _read(out / "estimates" / "change.csv")
    assert list(change.columns) == [*CHANGE_COLUMNS, "flags", "run_id"]
    assert set(change["verdict"]) == {"not testable"}
    assert change["p_value"].isna().all()
    assert change.set_index("domain")["difference_ha"].to_dict()["frame"] == pytest.approx(189.0)

    parts = _read(out / "overlay" / "zones.csv")
    sums = parts.groupby("period")["value_ha"].sum()
    np.testing.assert_allclose(sums, whole["value_ha"].to_numpy())
    assert parts["additive"].all()
    bounds = _read(out / "overlay" / "bounds.csv").set_index(["layer", "period"])
    assert bounds.loc[("reserve", "2023"), "least_ha"] == pytest.approx(1200.0)
    assert bounds.loc[("park", "2023"), ["least_ha", "most_ha"]].tolist() == [0.0, 1300.0]

    notices = _read(out / "frame" / "notices.csv")["found"].tolist()
    assert notices == ["1 code without a unit: 08001 town", "1 of 2 units without a figure: 99999"]
    land = _read(out / "overlay" / "land.csv")
    alone = _read(out / "overlay" / "land_alone.csv")
    assert land["area_ha"].sum() == pytest.approx(
        2 * alone.loc[alone["layer"] == "reserve", "alone_ha"].iloc[0], rel=1e-4
    )
    assert (out / "products" / "0" / "index.html").stat().st_size > 10_000
    headline = json.loads((out / "manifest.json").read_text())["steps"]["official"]["facts"]["headline"]
    assert [(row["period"], row["value_ha"], row["note"]) for row in headline] == [
        ("2012", 1111.0, "published without interval"),
        ("2023", 1300.0, "published without interval"),
    ]


def test_permanence_has_its_rule_beside_it(towns: Path) -> None:
    """Literal: twelve years, window of ten: held throughout, without crop, and not told by the gaps."""
    table = _read(_run(towns) / "indicators" / "permanence.csv").set_index("domain")
    assert table["class"].to_dict() == {"05001": "permanent", "05002": "unaffected", "08001": "unknown"}
    assert (table["rule_window_years"] == 10).all()


def test_a_run_repeats_its_bytes(towns: Path) -> None:
    """Law: the same survey gives the same files."""
    first = {p.name: p.read_bytes() for p in (_run(towns) / "overlay").iterdir()}
    shutil.rmtree(towns.parent / "run")
    second = {p.name: p.read_bytes() for p in (_run(towns) / "overlay").iterdir()}
    assert first == second


def test_every_problem_at_once(towns: Path) -> None:
    """Literal: a bad number, boundaries with a repeated code and nothing else missing come in one list, exit 3."""
    _write_table(towns.parent, ROWS | {"05003": ["1,5", *["3"] * 11]})
    twice = geopandas.read_file(towns.parent / "admin.gpkg").assign(adm_code="05001")
    twice.to_file(towns.parent / "admin.gpkg")
    text = "\n".join(map(str, official_problems(load_survey(towns))))
    assert "codes used twice: 05001" in text
    assert "row 5 column 2012: found '1,5'" in text
    problems, code = check_survey(towns)
    assert code == 3
    assert len({str(problem) for problem in problems}) >= 2
    with pytest.raises(InputError, match="codes used twice"):
        _run(towns)
    assert not (towns.parent / "run" / "estimates").exists()


def test_a_missed_control_total_stops_the_run(towns: Path) -> None:
    """Literal: a sum that is not what the authority states is an input that was misread."""
    _write_table(towns.parent, ROWS | {"05001": ["1,000", *["1,100.5"] * 10, "1.2"]})
    with pytest.raises(InputError, match=r"a sum of 101.2 ha in 2023; expected 1,300.0 ha within 5 ha"):
        _run(towns)


def test_a_period_that_the_table_does_not_have(towns: Path) -> None:
    """Literal: the baseline must be a column of the table."""
    towns.write_text(SURVEY.replace('name = "2012"', 'name = "1999"'))
    (problem,) = official_problems(load_survey(towns))
    assert str(problem) == (
        "[[period]] 1999: found a period that the official table does not have; expected one of 2012 to 2023"
    )
