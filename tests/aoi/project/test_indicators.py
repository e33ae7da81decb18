"""Indicators of programme records: hand-made numbers, published ones, and figures that are not given."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats

from aoi.border import border_strips
from aoi.project.access import Reach, access_rows, access_table, nearest_km
from aoi.project.indicator import FactSheet, Indicator
from aoi.project.market import concentration, forest_rows, income_rows, licit_share, market_rows
from aoi.project.model import data_model
from aoi.project.money import cost_per_hectare, cost_rows, funding_rows, spearman, spent_usd, vulnerability_rows
from aoi.project.people import coverage_rows, job_rows, title_rows, women_rows
from aoi.project.programme import Programme, read_programme
from aoi.project.replanting import replanting_rows, validation_table
from aoi.project.rights import ownership_rows, principle_rows, quality_rows, rights_rows
from aoi.project.travel import friction
from geo.errors import InputError, QualityGateError
from tests.aoi.project.builders import STAMP, Rows, sound, write

Found = dict[tuple[str, str, str, str], Indicator]


def programme(folder: Path, **tables: Rows) -> Programme:
    """Return the sound programme with some tables in place of its own."""
    given = {name: [STAMP | row for row in rows] for name, rows in tables.items()}
    return read_programme(write(folder, sound() | given))


def keyed(rows: Iterable[Indicator | FactSheet]) -> Found:
    """Return indicators by domain, period, group and unit; each once."""
    found: Found = {}
    for row in rows:
        if isinstance(row, Indicator):
            key = (row.domain, row.period, f"{row.group}{' ' + row.sex if row.sex else ''}", row.unit)
            assert key not in found, key
            found[key] = row
    return found


def test_womens_share_and_parity(tmp_path: Path) -> None:
    """By hand: 210 of 400 persons; a joint title is half a woman's; parity is women for each man."""
    found = keyed(women_rows(programme(tmp_path).tables))
    assert found["P1", "2021", "beneficiaries female", "%"].value == pytest.approx(100 * 210 / 400)
    assert found["P1", "2021", "beneficiaries female", "ratio"].value == pytest.approx(210 / 190)
    assert found["P1", "2021", "members female", "%"].value == pytest.approx(100 * 30 / 80)
    assert found["P1", "2021", "leadership female", "%"].value == pytest.approx(40)
    assert found["P1", "2021", "jobs female", "%"].value == pytest.approx(40)
    assert found["P1", "all", "titles female", "%"].value == pytest.approx(100 * 1.5 / 2)
    assert all(math.isnan(row.lo) for row in found.values())


def test_other_and_unknown_stand_in_neither_side(tmp_path: Path) -> None:
    """Law: F/(F+M), whoever else was counted; parts by role are shown and do not count twice."""
    head = {"project_id": "P1", "period": "2021", "measure": "served", "unit": "person"}
    rows = [
        head | {"role": role, "sex": sex, "count": str(count)}
        for role, counts in {
            "all": {"female": 30, "male": 10, "unknown": 60},
            "grower": {"female": 5, "male": 5, "other": 1},
        }.items()
        for sex, count in counts.items()
    ]
    found = keyed(women_rows(programme(tmp_path, beneficiaries=rows).tables))
    assert found["P1", "2021", "beneficiaries female", "%"].value == pytest.approx(75)
    assert found["P1", "2021", "beneficiaries, role grower female", "%"].value == pytest.approx(50)


def test_titles_and_jobs(tmp_path: Path) -> None:
    """By hand: 40 ha titled of 100 eligible; all held by women or jointly; ten full-time jobs for 900 USD."""
    tables = sound()
    tables["projects"][0]["eligible_title_ha"] = "100"
    known = read_programme(write(tmp_path, tables)).tables
    titles, jobs = keyed(title_rows(known)), keyed(job_rows(known))
    assert titles["P1", "all", "titled of eligible", "%"].value == pytest.approx(40)
    assert titles["P1", "all", "women or joint female", "%"].value == pytest.approx(100)
    assert jobs["P1", "2021", "", "FTE"].value == 10
    assert jobs["P1", "2021", " female", "FTE"].value == 4
    assert jobs["P1", "all", "", "FTE per 1,000 USD constant"].value == pytest.approx(10 / 0.9)


def test_coverage_needs_the_affected(tmp_path: Path) -> None:
    """Law: 90 households served of an unknown number is no share; of 120 it is 75 %."""
    before = keyed(coverage_rows(programme(tmp_path / "a").tables))["P1", "2021", "households", "%"]
    assert (before.state, before.reason) == ("not_computed", "the whole is not known")
    tables = sound()
    tables["beneficiaries"].append(tables["beneficiaries"][0] | {"measure": "affected", "count": "120"})
    after = keyed(coverage_rows(read_programme(write(tmp_path / "b", tables)).tables))
    assert after["P1", "2021", "households", "%"].value == pytest.approx(75)


def test_market_access_and_forest(tmp_path: Path) -> None:
    """By hand: 24 of 30 t sold, 15 t labelled; sales of 30,000 and 27,000; 2 of 80 ha cleared after the cut-off."""
    known = programme(tmp_path).tables
    market = keyed(market_rows(known))
    assert market["P1", "2021", "sold of produced", "%"].value == pytest.approx(80)
    assert market["P1", "2021", "labelled of sold", "%"].value == pytest.approx(100 * 15 / 24)
    share = 30 / 57
    expected = share**2 + (1 - share) ** 2
    assert market["P1", "2021", "concentration of products by value", "index"].value == pytest.approx(expected)
    forest = keyed(forest_rows(known))
    assert forest["P1", "2021", "forest cleared after 2020-12-31", "%"].value == pytest.approx(2.5)


def test_concentration_is_the_published_one() -> None:
    """Reference O-18: HHI(.5, .3, .2) = .38."""
    assert concentration([0.5, 0.3, 0.2]) == pytest.approx(0.38, abs=1e-12)
    assert concentration([7.0]) == 1
    with pytest.raises(ValueError, match="not parts"):
        concentration([1.0, -1.0])


def test_licit_share_of_income(tmp_path: Path) -> None:
    """Brute force: over all incomes within both limits the share stays within its own."""
    grid = [(x, y) for x in np.linspace(280, 330, 21) for y in np.linspace(80, 120, 21)]
    value, lo, hi = licit_share((300, 280, 330), (100, 80, 120))
    shares = [x / (x + y) for x, y in grid]
    assert (lo, hi) == (pytest.approx(min(shares)), pytest.approx(max(shares)))
    assert value == 0.75
    tables = sound()
    tables["outcomes"].append(
        tables["outcomes"][0] | {"indicator_id": "illicit_income", "value": "100", "lo": "80", "hi": "120"}
    )
    rows = list(income_rows(read_programme(write(tmp_path, tables)).tables, level=0.95))
    assert rows[0].value == pytest.approx(75)  # type: ignore[union-attr]
    facts = rows[1]
    assert isinstance(facts, FactSheet)
    assert (facts.n, facts.first_date, facts.last_date) == (200, "2019-05-01", "2019-06-01")


def test_one_income_is_no_share(tmp_path: Path) -> None:
    """Law: licit income alone says nothing of illicit income."""
    rows = keyed(income_rows(programme(tmp_path).tables, level=0.95))
    assert [row.state for row in rows.values()] == ["not_computed"]


def test_funding(tmp_path: Path) -> None:
    """By hand: money in 2020 and 2021 of four planned years; 900 of 1,000 disbursed; 10 USD for each household."""
    tables = sound()
    tables["funding"][0] |= {"flexible": "yes", "private": "no"}
    known = read_programme(write(tmp_path, tables)).tables
    found = keyed(funding_rows(known))
    assert found["P1", "2019-2022", "years with a disbursement of planned years", "%"].value == pytest.approx(50)
    assert found["P1", "all", "disbursed of committed", "%"].value == pytest.approx(90)
    assert found["P1", "all", "flexible", "%"].value == 100
    assert found["P1", "all", "private", "%"].value == 0
    assert keyed(cost_rows(known))["P1", "all", "", "USD constant per household"].value == pytest.approx(10)


def test_cost_of_a_hectare_is_undefined_where_there_may_be_no_effect() -> None:
    """Law: an interval that holds zero gives no cost; neither does crop that grew."""
    assert cost_per_hectare(900, (-10, -20, -5)) == (90, 45, 180)
    assert cost_per_hectare(900, (-10, -20, 0)) is None
    assert cost_per_hectare(900, (10, 5, 20)) is None


def test_vulnerability(tmp_path: Path) -> None:
    """Independent program: SciPy's rank correlation; limits by Bonett and Wright's formula worked out here."""
    x, y = [5.0, 3, 4, 1, 2, 6], [50.0, 40, 20, 10, 30, 60]
    value, lo, hi = spearman(x, y)
    r = stats.spearmanr(x, y).statistic
    half = 1.959964 * math.sqrt((1 + r * r / 2) / 3)
    assert (value, lo, hi) == pytest.approx((r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)))
    units = [
        {"adm_code": f"0{k}", "population": "100", "vulnerability_index": str(y[k]), "index_source": "invented"}
        for k in range(6)
    ]
    money = [
        {"transaction_id": f"T{k}", "project_id": "P1", "transaction_type": "3", "value": "1", "currency": "USD",
         "usd_constant": str(100 * x[k]), "base_year": "2020", "value_date": "2020-01-01", "adm_code": f"0{k}"}
        for k in range(6)
    ]  # fmt: skip
    known = programme(tmp_path, municipalities=units, funding=money).tables
    row = keyed(vulnerability_rows(known, level=0.95))["programme", "all", "", "rank correlation"]
    assert (row.value, row.n) == (pytest.approx(r), 6)
    few = programme(tmp_path / "few", municipalities=units[:4], funding=money[:4]).tables
    assert (
        keyed(vulnerability_rows(few, level=0.95))["programme", "all", "", "rank correlation"].state
        == "not_estimable"
    )


def test_ownership_rights_and_quality(tmp_path: Path) -> None:
    """By hand: one of two projects is owned; one of two consents is open, which is a conflict."""
    tables = sound()
    tables["areas"][0] |= {"indigenous_territory_id": "R1", "fpic_status": "obtained", "fpic_date": "2019-01-01"}
    tables["areas"][0]["fpic_document"] = "minutes"
    tables["areas"][1] |= {"indigenous_territory_id": "R2", "fpic_status": "in_process"}
    one = read_programme(write(tmp_path, tables))
    assert keyed(ownership_rows(one.tables))["programme", "all", "", "%"].value == 50
    rights = keyed(rights_rows(one.areas, one.findings))
    assert rights["programme", "all", "consent resolved", "%"].value == 50
    assert rights["programme", "all", "conflicts open", "n"].value == 1
    quality = keyed(quality_rows(one.tables, data_model()))
    assert quality["programme", "all", "required fields filled", "%"].value == 100
    assert 0 < quality["programme", "all", "all fields filled", "%"].value < 100
    assert quality["programme", "all", "persons whose sex is known", "%"].value == 100
    assert quality["programme", "all", "projects with a plan of the nation or region", "%"].value == 100
    one.tables["projects"].loc[0, "plan_links"] = ""
    fewer = keyed(quality_rows(one.tables, data_model()))
    assert fewer["programme", "all", "projects with a plan of the nation or region", "%"].value == 50


def lots(count: int, **more: str) -> Rows:
    """Return lots of one nucleus, all drawn, with results."""
    head = {
        "method": "manual", "date": "2018-06-01", "claimed_ha": "1", "nucleus": "N1", "in_sample": "yes",
        "validated_ha": "1", "replanted_ha": "0", "replanting_date": "2019-06-01",
    }  # fmt: skip
    return [head | {"event_id": f"E{k}"} | more for k in range(count)]


def test_replanting(tmp_path: Path) -> None:
    """By hand: 0.5 ha of 10 planted again is 5 %; lots looked at too late, or not drawn, give no figure."""
    rows = lots(10)
    rows[3]["replanted_ha"] = "0.5"
    known = programme(tmp_path / "a", eradication=rows).tables
    (found,) = keyed(replanting_rows(known, years=3)).values()
    assert (found.value, found.lo, found.hi) == (pytest.approx(5), pytest.approx(5), pytest.approx(5))  # a census
    late = programme(tmp_path / "b", eradication=lots(4, replanting_date="2022-06-02")).tables
    (told,) = keyed(replanting_rows(late, years=3)).values()
    assert (told.state, "within 3 years" in told.reason) == ("not_computed", True)


def test_validation_by_unit(tmp_path: Path) -> None:
    """Law: a sample of every other lot is expanded for the whole, each phase and each unit, with an interval."""
    rows = lots(12, replanted_ha="", replanting_date="")
    for k, row in enumerate(rows):
        row |= {"adm_code": "01" if k < 6 else "02", "phase": "1"}
        row["validated_ha"] = str(0.5 + 0.05 * k)
        if k % 2:
            row |= {"in_sample": "no", "validated_ha": ""}
    table = validation_table(programme(tmp_path, eradication=rows).tables["eradication"]).set_index("domain")
    assert set(table.index) == {"all", "phase 1", "adm 01", "adm 02"}
    assert table.loc["all", "share"] == pytest.approx(np.mean([0.5 + 0.05 * k for k in range(0, 12, 2)]))
    assert (table["lo_ha"] < table["value_ha"]).all()
    assert table.loc["all", "value_ha"] == pytest.approx(table.loc[["adm 01", "adm 02"], "value_ha"].sum())


def test_an_unanswered_principle_is_not_a_yes(tmp_path: Path) -> None:
    """Brute force: of two projects and four principles one of eight is met; a yes without evidence is none."""
    answers = [
        ("P1", "6", "yes", "minutes"),
        ("P1", "7", "yes", ""),
        ("P1", "8", "no", "audit"),
        ("P2", "6", "", ""),
    ]
    rows = [dict(zip(("project_id", "principle", "answer", "evidence"), row, strict=True)) for row in answers]
    one = programme(tmp_path, principles=rows)
    shares = keyed(principle_rows(one.tables, ["6", "7", "8", "9"]))
    met, unanswered = "guiding principles met with evidence", "guiding principles unanswered"
    told = {(domain, group): row.value for (domain, _, group, _), row in shares.items()}
    assert told == {
        ("programme", met): 12.5, ("programme", unanswered): 62.5, ("P1", met): 25, ("P1", unanswered): 25,
        ("P2", met): 0, ("P2", unanswered): 100,
    }  # fmt: skip
    assert [(one.rule, one.problem.where) for one in one.findings if one.rule == "principle_evidence"] == [
        ("principle_evidence", "principles.csv row 2 column evidence")
    ]
    none = keyed(principle_rows(one.tables | {"principles": one.tables["principles"].iloc[:0]}, ["6"]))
    assert [row.state for row in none.values()] == ["not_computed"]


def layer(points: list[tuple[float, float]], **columns: list[Any]) -> geopandas.GeoDataFrame:
    """Return points in metres."""
    return geopandas.GeoDataFrame(columns, geometry=[shapely.Point(*xy) for xy in points], crs="EPSG:32618")


def test_access_never_falls_when_a_facility_is_added() -> None:
    """Brute force: persons within 5 km with and without the project's school; the gain is never negative."""
    homes = np.array([(500_000.0 + 2000 * k, 0.0) for k in range(10)])
    schools = np.array([(500_000.0, 0.0), (510_000.0, 0.0)])
    people = pd.DataFrame({"population": [10] * 10, "population_f": [6] * 10, "population_m": [4] * 10})
    far = {"school": (2, nearest_km(homes, schools), nearest_km(homes, schools[:1]))}
    reach = Reach(measure="km", limit=5.0)
    rows = list(access_rows(access_table(people, far), reach))
    found = {(row.group, row.sex): row.value for row in rows}
    near = [min(abs(2000 * k - 0), abs(2000 * k - 10_000)) <= 5000 for k in range(10)]
    assert found["school, with", ""] == 10 * sum(near)
    assert found["school, without the project", ""] == 30
    assert found["school, gained", ""] == 10 * sum(near) - 30
    assert found["school, gained", "female"] + found["school, gained", "male"] == found["school, gained", ""]
    assert {row.method for row in rows} == {"straight line, 5 km"}
    assert [row.state for row in access_rows(pd.DataFrame(), reach, lacking="no settlements")] == ["not_computed"]


def test_mean_way_needs_a_way_for_everybody() -> None:
    """Literal: minutes weighted by persons; where a settlement cannot get there the mean is no number."""
    people = pd.DataFrame({"population": [30, 10]})
    far = {"market": (1, np.array([10.0, 50.0]), np.array([20.0, np.inf]))}
    rows = access_rows(access_table(people, far), Reach(measure="min", limit=15.0))
    found = {row.group: row for row in rows}
    assert found["market, mean way, with"].value == 20.0
    assert found["market, mean way, without the project"].state == "not_estimable"
    assert found["market, mean way, without the project"].reason == "10 persons whom no way leads there"
    assert found["market, gained"].value == 30.0


def test_surface_of_roads_slopes_and_rivers() -> None:
    """Literal: 5 km/h is 0.012 min/m; a slope of 20 % halves it; rivers stop all but roads and bridges."""
    foot = np.array([[5.0, 5.0, 5.0, 0.0, 5.0, 5.0, 0.0]])
    rise = np.array([[0.0, 0.2, 0.0, 0.0, 0.0, np.nan, np.nan]])
    river = np.array([[False, False, True, False, True, False, False]])
    road = np.array([[0.0, 0.0, 0.0, 0.0, 30.0, 0.0, 30.0]])
    bridge = np.zeros((1, 7), dtype=bool)
    found = friction(foot, rise, river=river, road_kmh=road, bridge=bridge)
    half = 0.012 / np.exp(-0.7)
    assert found.tolist() == [[pytest.approx(0.012), pytest.approx(half), np.inf, np.inf, 0.002, np.inf, 0.002]]
    bridge[0, 2] = True
    opened = friction(foot, rise, river=river, road_kmh=road, bridge=bridge)
    assert opened[0, 2] == pytest.approx(0.012)
    assert (opened <= found).all()


def test_money_of_the_programme_up_to_the_last_year_of_the_panel() -> None:
    """Brute force: disbursements and expenditures of the named projects; later ones and commitments stay out."""
    funding = pd.DataFrame(
        {
            "project_id": ["A", "A", "A", "B", "A"],
            "transaction_type": ["2", "3", "4", "3", "3"],
            "usd_constant": [999.0, 10.0, 20.0, 40.0, 80.0],
            "base_year": [2015.0] * 5,
            "value_date": pd.to_datetime(["2010-01-01", "2011-01-01", "2012-01-01", "2012-01-01", "2020-01-01"]),
        }
    )
    assert spent_usd(funding, ["A"], 2019) == (30.0, 2015)
    assert spent_usd(funding, ["A", "B"], 2020) == (150.0, 2015)
    with pytest.raises(QualityGateError, match="no spending of C up to 2019"):
        spent_usd(funding, ["A", "C"], 2019)
    with pytest.raises(QualityGateError, match="without its day or constant dollars"):
        spent_usd(funding.assign(usd_constant=np.nan), ["A"], 2019)


def test_border_strips_are_the_same_when_countries_swap() -> None:
    """Law and brute force: two squares side by side give strips of 25 km, whichever comes first."""
    west, east = shapely.box(0, 0, 100_000, 80_000), shapely.box(100_000, 0, 200_000, 80_000)
    both = geopandas.GeoDataFrame({"iso": ["AAA", "BBB"]}, geometry=[west, east], crs="EPSG:32618")
    strips = border_strips(both, code="iso", width_km=25, crs="EPSG:32618").set_index("country")
    swapped = border_strips(both.iloc[::-1], code="iso", width_km=25, crs="EPSG:32618").set_index("country")
    for name in ("AAA", "BBB"):
        assert strips.geometry[name].equals(swapped.geometry[name])
    expected = shapely.box(75_000, 0, 100_000, 80_000)
    assert shapely.symmetric_difference(strips.geometry["AAA"], expected).area / expected.area < 1e-3
    assert strips.geometry["AAA"].area == pytest.approx(strips.geometry["BBB"].area)
    with pytest.raises(InputError, match="two or more"):
        border_strips(both.iloc[:1], code="iso", width_km=25, crs="EPSG:32618")
    apart = both.assign(geometry=[west, shapely.affinity.translate(east, 5000)])
    with pytest.raises(InputError, match="do not touch"):
        border_strips(apart, code="iso", width_km=25, crs="EPSG:32618")
