"""The tables of a programme: each rule has its own message by row, all come at once, none holds a person."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pytest
import shapely

from aoi.project.finding import Finding
from aoi.project.model import data_model, with_codes
from aoi.project.personal import personal_column, personal_text
from aoi.project.programme import examine, read_programme
from geo.errors import InputError
from tests.aoi.project.builders import COUNTRY, STAMP, Rows, sound, square, write

Tables = dict[str, Rows]


def found(folder: Path, tables: Tables, **given: Any) -> list[Finding]:
    """Return what is found in tables."""
    return examine(write(folder, tables), country=COUNTRY, **given)[1]


def told(findings: list[Finding], severity: str = "error") -> list[str]:
    """Return the lines of one severity."""
    return [str(one.problem) for one in findings if one.severity == severity]


def test_a_sound_programme_has_no_finding(tmp_path: Path) -> None:
    """Law: nothing wrong, nothing told; types are given and missing cells stay missing."""
    programme, findings = examine(write(tmp_path, sound()), country=COUNTRY)
    assert findings == []
    assert programme.tables["funding"]["value"].sum() == 1900
    assert programme.tables["projects"]["actual_end"].isna().all()
    assert programme.tables["infrastructure"].empty
    assert len(programme.areas) == 2


def put(table: str, row: int, **cells: Any) -> Callable[[Tables], None]:
    """Return a change of cells."""

    def change(tables: Tables) -> None:
        tables[table][row] = tables[table][row] | cells

    return change


def add(table: str, **cells: Any) -> Callable[[Tables], None]:
    """Return a change that repeats the first row of a table with other cells."""

    def change(tables: Tables) -> None:
        tables[table].append(tables[table][0] | cells)

    return change


ERRORS: list[tuple[Callable[[Tables], None], str]] = [
    (put("projects", 0, planned_end="2018-01-01"),
     "projects.csv row 1 column planned_end: found 2018-01-01, before planned_start 2019-06-01"),
    (put("projects", 1, announcement_date="2019-08-01"),
     "projects.csv row 2 column announcement_date: found 2019-08-01, after the start of 2019-07-01"),
    (put("projects", 0, iati_identifier="XM-DAC-1-7", reporting_org="XM-DAC-41"),
     "projects.csv row 1 column iati_identifier: found 'XM-DAC-1-7'; expected an identifier that starts with"),
    (put("sectors", 1, percent="30"), "sectors.csv row 1 column percent: found 90 % in all for project P1"),
    (put("sectors", 1, code="99999"),
     "sectors.csv row 2 column code: found '99999'; expected a code of the list sector"),
    (put("projects", 0, sdg_targets="1.1;99.9"), "projects.csv row 1 column sdg_targets: found '1.1;99.9'"),
    (put("beneficiaries", 2, count="150"),
     "beneficiaries.csv row 2 column sex: found 210 female + 150 male = 360, total 400"),
    (lambda tables: tables["beneficiaries"].__delitem__(slice(2, 4)),
     "beneficiaries.csv row 2 column sex: found only female"),
    (lambda tables: tables["beneficiaries"].__delitem__(slice(1, 3)),
     "beneficiaries.csv row 2 column sex: found no counts by sex"),
    (put("cooperatives", 0, members_total="81"),
     "cooperatives.csv row 1 column members_total: found 81, where women, men and unknown make 80"),
    (put("funding", 2, currency="COP", value_date="", usd_constant="", base_year=""),
     "funding.csv row 3 column value_date: found COP and USD in project P1, without a date in rows 3"),
    (put("funding", 0, base_year=""), "funding.csv row 1 column base_year: found nothing"),
    (put("funding", 2, base_year="2015"), "found dollars of 2015 and 2020; expected one base year"),
    (put("funding", 0, project_id="P9"),
     "funding.csv row 1 column project_id: found 'P9'; expected a project_id of"),
    (add("projects"), "projects.csv row 3: found the same project_id as in row 1"),
    (put("funding", 1, value="1,000"), "funding.csv row 2 column value: found '1,000'; expected a number"),
    (put("funding", 1, value=""), "funding.csv row 2 column value: found nothing; expected a value (amount"),
    (put("titles", 0, issued="2020-02-30"), "titles.csv row 1 column issued: found '2020-02-30'; expected a day"),
    (put("jobs", 0, fte="-1"), "jobs.csv row 1 column fte: found '-1'; expected 0 or more"),
    (put("beneficiaries", 0, count="9.5"), "found '9.5'; expected a whole number"),
    (put("production", 0, forest_loss_ha="60"), "found 60 ha; expected at most area_ha, 50 ha"),
    (put("production", 0, cut_off_date=""), "found a loss without its cut-off date or area"),
    (put("outcomes", 0, lo="310"), "outcomes.csv row 1 column lo: found 300 with limits 310 and 330"),
    (put("outcomes", 0, hi=""), "found one limit of an interval"),
    (put("waves", 0, sampling="not_probability"), "found an interval from wave W1, which is no probability sample"),
    (put("eradication", 0, validated_ha="", replanted_ha=""), "found a lot drawn for validation without a result"),
    (put("eradication", 1, validated_ha="1"), "found a result of a lot that was not drawn"),
    (put("eradication", 1, evidence="claim"), "found verified hectares with a claim as evidence"),
    (put("areas", 0, geometry=square(10.0, 50.0)),
     "areas.parquet row 1: found an area that reaches more than 1 km out"),
    (put("areas", 0, geometry=shapely.Polygon([(-74.5, 1.5), (-74.4, 1.6), (-74.4, 1.5), (-74.5, 1.6)])),
     "areas.parquet row 1: found an invalid shape (Self-intersection"),
    (put("areas", 1, geometry=shapely.Point(-74.0, 2.0)), "areas.parquet row 2: found a Point; expected a polygon"),
    (put("areas", 0, country="COLOMBIA"), "areas.parquet row 1 column country: found 'COLOMBIA'"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "line"), ERRORS, ids=[line[:60] for _, line in ERRORS])
def test_each_rule_has_its_own_message(tmp_path: Path, spoil: Callable[[Tables], None], line: str) -> None:
    """Law: one thing wrong gives one error, which names file, row and column."""
    tables = sound()
    spoil(tables)
    lines = told(found(tmp_path, tables))
    assert len(lines) == 1
    assert line in lines[0]


WARNINGS: list[tuple[Callable[[Tables], None], str, str]] = [
    (put("areas", 1, geometry=square(-74.45, 1.55)), "warning",
     "areas.parquet rows 1 and 2: found areas of the projects P1 and P2 that share 3,0"),
    (put("funding", 1, usd_constant="1000"), "warning", "1,300 USD disbursed of 1,000 committed (project P1)"),
    (put("sectors", 2, code="16063"), "warning", "sectors.csv row 3 column code: found 16063 narcotics control"),
    (put("production", 0, sold_t="25"), "warning", "25 t sold of 20 t produced"),
    (put("projects", 1, plan_links=""), "warning", "projects.csv row 2 column plan_links: found nothing"),
    (put("projects", 0, sdg_targets=""), "warning", "projects.csv row 1 column sdg_targets: found nothing"),
    (put("areas", 0, protected_area_ids="PA1", pa_zone_allows="no"), "flag",
     "column pa_zone_allows: found an area in a protected area whose rules do not allow it (AD-1)"),
    (put("areas", 0, indigenous_territory_id="R1", fpic_status="in_process"), "flag",
     "column fpic_status: found an area in an indigenous territory without consent obtained (AD-1)"),
    (put("areas", 0, traditional_licit_use="recognised_in_law"), "flag",
     "found a traditional use recognised in law"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "severity", "line"), WARNINGS, ids=[line[:60] for *_, line in WARNINGS])
def test_what_may_be_right_is_told_and_does_not_stop(
    tmp_path: Path, spoil: Callable[[Tables], None], severity: str, line: str
) -> None:
    """Law: overlapping projects, over-spending and open conflicts are told, and the programme can be used."""
    tables = sound()
    spoil(tables)
    findings = found(tmp_path, tables)
    assert told(findings) == []
    lines = told(findings, severity)
    assert len(lines) == 1
    assert line in lines[0]


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    """Law: thirteen mistakes in one programme are thirteen lines of one error."""
    tables = sound()
    alone = [ERRORS[k] for k in (0, 1, 3, 4, 6, 9, 10, 17, 22, 27, 28, 31)]
    for spoil, _ in alone:
        spoil(tables)
    with pytest.raises(InputError) as caught:
        read_programme(write(tmp_path, tables), country=COUNTRY)
    text = str(caught.value)
    for _, line in alone:
        assert line in text
    assert len(caught.value.problems) == len(alone)


@pytest.mark.parametrize(
    "column", ["phone", "Beneficiary_Name", "cédula", "nombre", "holderName", "latitude", "DNI"]
)
def test_a_column_of_persons_is_refused(tmp_path: Path, column: str) -> None:
    """Law: a column that looks like names, identity, telephone or place of a person stops, its cells unrepeated."""
    tables = sound()
    tables["titles"][0][column] = "Rosa Secret"
    lines = told(found(tmp_path, tables))
    assert len(lines) == 1
    assert "looks like personal data" in lines[0]
    assert "Rosa" not in lines[0]


def test_a_telephone_in_a_cell_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """Law: what looks like a telephone or an e-mail stops the run, and no message holds it."""
    tables = sound()
    tables["production"][0]["buyer"] = "call +57 310 555 0199"
    tables["production"][1]["buyer"] = "rosa@example.org"
    lines = told(found(tmp_path, tables))
    assert [line.split(": ")[0] for line in lines] == [
        "production.csv row 1 column buyer",
        "production.csv row 2 column buyer",
    ]
    assert not any("310" in line or "rosa" in line for line in lines)


def test_no_column_of_the_model_looks_personal_but_the_name_of_an_area() -> None:
    """Law: the model asks for no person; `areas.name` is the name of an area."""
    for table in data_model().tables.values():
        suspect = {name for name in table.fields if personal_column(name)}
        assert suspect <= ({"name"} if table.name == "areas" else set())


@pytest.mark.parametrize("text", ["31165", "XM-DAC-41123-PER", "2019-10-31", "0.9", "Coop 12 de Octubre", "18-28"])
def test_codes_dates_and_numbers_are_no_telephones(text: str) -> None:
    """Law: what the tables are full of is not taken for a person's."""
    assert personal_text(text) == ""


def test_a_long_cell_takes_no_longer_than_its_length() -> None:
    """Law: two hundred thousand signs without an at sign are looked through once, not once from each of them."""
    since = time.process_time()
    assert personal_text("[" * 200_000) == ""
    assert personal_text("x" * 200_000 + "@example.org") == "an e-mail address"
    assert time.process_time() - since < 5


def test_an_unknown_table_or_column_is_not_dropped_in_silence(tmp_path: Path) -> None:
    """Law: a misspelt name would lose its rows; it is told."""
    tables = sound()
    tables["benficiaries"] = tables.pop("beneficiaries")
    tables["jobs"][0]["ftes"] = "1"
    lines = told(found(tmp_path, tables))
    assert any("a table called 'benficiaries'" in line for line in lines)
    assert any("jobs.csv column ftes" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a;b\n1;2\n", "cells parted by semicolons or tabs"),
        ("period,period\n1,2\n", "a column 'period' twice"),
        ("project_id,period\nP1,2021,3,4\n", "cannot be read as a table"),
        ("", "cannot be read as a table"),
    ],
)
def test_a_broken_csv_is_told(tmp_path: Path, text: str, line: str) -> None:
    """Law: a longer row, a column twice or other separators are told and never shift a cell."""
    folder = write(tmp_path, sound())
    (folder / "jobs.csv").write_text(text)
    lines = told(examine(folder)[1])
    assert len(lines) == 1
    assert lines[0].startswith("jobs.csv: found ")
    assert line in lines[0]


def test_geopackage_parquet_and_csv_give_the_same_programme(tmp_path: Path) -> None:
    """Independent route: one GeoPackage and Parquet files with numbers and dates of their own types read alike."""
    folder = write(tmp_path / "csv", sound())
    first = read_programme(folder)
    parquet = tmp_path / "parquet"
    parquet.mkdir()
    package = tmp_path / "ad.gpkg"
    for name, table in first.tables.items():
        if table.empty:
            continue
        plain = table.copy()
        if name == "areas":
            plain = first.areas
        shaped = isinstance(plain, geopandas.GeoDataFrame)
        plain.to_parquet(parquet / f"{name}.parquet")
        layer = plain if shaped else geopandas.GeoDataFrame(plain)
        if shaped:
            layer.to_file(package, layer=name)
        else:
            import pyogrio

            pyogrio.write_dataframe(plain, package, layer=name, append=package.exists())
    for path in (parquet, package):
        again = read_programme(path)
        for name, table in first.tables.items():
            pd.testing.assert_frame_equal(again.tables[name], table, check_dtype=False, obj=f"{path.name} {name}")


def test_own_codes_are_added_with_their_source(tmp_path: Path) -> None:
    """Law: a survey adds codes, and a list that does not exist is refused."""
    model = with_codes(
        data_model(), '[sector]\nsource = "my ministry"\n[sector.codes]\n99999 = "Own"\n', where="codes.toml"
    )
    tables = sound()
    tables["sectors"][2]["code"] = "99999"
    assert told(found(tmp_path, tables, model=model)) == []
    with pytest.raises(InputError, match="the list 'sectro'"):
        with_codes(data_model(), '[sectro]\nsource = "x"\n[sectro.codes]\n1 = "Own"\n', where="codes.toml")


def test_roles_of_the_substitution_programme_stand_beside_one_another(tmp_path: Path) -> None:
    """Reference S6, reports 19 and 23: 99,097 families in both, reclassified by role; no sex needed, no persons."""
    tables = sound()
    roles = {
        "2019": {"grower": 67_234, "non_grower": 15_003, "picker": 16_860},
        "2020": {"grower": 67_597, "non_grower": 14_645, "picker": 16_855},
    }
    head = STAMP | {"project_id": "P1", "measure": "registered", "unit": "household", "sex": "total"}
    tables["beneficiaries"] = [
        head | {"period": year, "role": role, "count": str(count)}
        for year, counts in roles.items()
        for role, count in counts.items()
    ]
    families = read_programme(write(tmp_path, tables)).tables["beneficiaries"]
    assert families.groupby("period")["count"].sum().tolist() == [99_097, 99_097]
    assert set(families["unit"]) == {"household"}


def test_growing_and_shrinking_membership_is_no_mistake(tmp_path: Path) -> None:
    """Published: Vanmai had 331 member families in 2016, 381 in 2019, 341 in 2024, and supported 914 households."""
    tables = sound()
    head = tables["cooperatives"][0]
    tables["cooperatives"] = [
        head
        | {"period": year, "members_f": "0", "members_m": "0", "members_unknown": count, "members_total": count}
        for year, count in (("2016", "331"), ("2019", "381"), ("2024", "341"))
    ]
    assert found(tmp_path, tables) == []
