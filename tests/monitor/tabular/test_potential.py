"""`altdev estimate AREAS.csv --design FILE.toml` with ``[production]``: production from tables of areas."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aoi.survey.interval import t_quantile
from aoi.survey.opium_yield import CapsuleCurve, opium_yield_kg_ha
from geo.errors import AltdevError, InputError, QualityGateError, SurveyFileError
from monitor.tabular.told import estimate_design
from tests.monitor.conftest import altdev
from tests.shared import oracle

OPIUM = """
[production]
crop = "opium_poppy"
product = "dry opium"
kind = "harvestable"
reference = "2024"
[production.capsules]
plots = "plots.csv"
vintage = "2024"
source = "field survey"
"""
PLOTS = pd.DataFrame(
    {
        "place": ["south"] * 5 + ["north"] * 2,
        "field": ["a", "a", "b", "c", "c", "d", "e"],
        "volume_cm3_m2": ["200", "400", "500", "100", "1300", "300", "500"],
    }
)
AREAS = pd.DataFrame({"place": ["south", "north"], "value_ha": ["3000", "1000"], "se_ha": ["300", "0"]})
COCA = """
[production]
crop = "coca"
product = "sun-dried leaf"
kind = "stock"
stock_as_harvested = "fact sheet practice"
reference = "2003"
[[production.yields]]
places = ["zone"]
region = "BO Apolo and traditional Yungas"
vintage = "2005"
[[production.yields]]
places = ["rest"]
region = "rest"
vintage = "2003"
yield_kg_ha = 2000
yield_se_kg_ha = 200
source = "yield survey"
[production.licit]
place = "zone"
authorised_ha = 12000
"""
LEAF = pd.DataFrame({"place": ["zone", "rest"], "value_ha": ["14000", "10000"], "se_ha": ["700", "500"]})


def told(folder: Path, areas: pd.DataFrame, design: str, plots: pd.DataFrame | None = None) -> dict[str, Any]:
    """Return what the program says of a table and its file."""
    (folder / "file.toml").write_text(design)
    areas.to_csv(folder / "areas.csv", index=False)
    if plots is not None:
        plots.to_csv(folder / "plots.csv", index=False)
    paths = (folder / "areas.csv", folder / "file.toml")
    content: dict[str, Any] = json.loads(estimate_design(*paths, coverage=False, as_json=True))
    return content


def test_a_yield_is_the_mean_of_field_yields(tmp_path: Path) -> None:
    """Oracle: the table of yields at 200 to 900 cm3/m2; the yield of the mean volume would be larger."""
    expected = {row["VC_cm3_per_m2"]: row["Y_kg_ha"] for row in oracle("opium_yield")["table"]}
    plots = PLOTS.assign(volume_cm3_m2=["100", "300", "500", "600", "800", "300", "500"])
    rows = {row["place"]: row for row in told(tmp_path, AREAS, OPIUM, plots)["production"]}
    fields = np.array([expected[200.0], expected[500.0], expected[700.0]])
    assert rows["south"]["yield_kg_ha"] == pytest.approx(fields.mean(), rel=1e-10)
    assert rows["south"]["yield_se_kg_ha"] == pytest.approx(fields.std(ddof=1) / math.sqrt(3), rel=1e-10)
    assert rows["south"]["value_t"] == pytest.approx(3 * fields.mean(), rel=1e-10)
    of_mean = float(opium_yield_kg_ha(1400 / 3, CapsuleCurve.from_parameters()))
    assert rows["south"]["yield_kg_ha"] < of_mean * 0.99
    assert rows["south"]["yield_mark"] == "unverified"  # the curve's coefficients are


def test_errors_of_area_and_yield_are_both_carried(tmp_path: Path) -> None:
    """Law: the exact variance of a product; with a known area the limits are the yield's, Student's on the log."""
    rows = {row["place"]: row for row in told(tmp_path, AREAS, OPIUM, PLOTS)["production"]}
    south, north = rows["south"], rows["north"]
    y, se = south["yield_kg_ha"], south["yield_se_kg_ha"]
    exact = math.sqrt((3000 * se) ** 2 + (y * 300) ** 2 + (300 * se) ** 2) / 1000
    assert south["se_t"] == pytest.approx(exact, rel=1e-12)
    cv = north["yield_se_kg_ha"] / north["yield_kg_ha"]
    half = float(t_quantile(0.95, 1)) * math.sqrt(math.log1p(cv**2))
    assert north["hi_t"] == pytest.approx(north["value_t"] * math.exp(half), rel=1e-12)
    whole = rows[None]
    assert whole["value_t"] == pytest.approx(south["value_t"] + north["value_t"], rel=1e-12)
    assert whole["se_t"] == pytest.approx(math.hypot(south["se_t"], north["se_t"]), rel=1e-12)


def test_intervals_hold_with_few_measured_fields(tmp_path: Path) -> None:
    """Brute force: 2,000 surveys of six fields; the normal quantile would hold in about 0.90."""
    from aoi.survey.estimate import Estimate, Quantity
    from aoi.survey.opium_yield import regional_yield
    from aoi.survey.production import YieldFactor, production

    rng = np.random.default_rng(5)
    harvest = Quantity(crop="opium_poppy", kind="harvestable", reference="2024")
    known = {"crop": "opium_poppy", "region": "x", "product": "dry opium", "vintage": "2024", "source": "x"}
    held = []
    for _ in range(2000):
        fields = rng.gamma(16, 2.0, 6)
        mean = regional_yield(fields, region="x")
        area = Estimate(value=1000, se=0, lo=1000, hi=1000, n=9, method="known").of(harvest)
        made = production(area, YieldFactor(value=mean.value, se=mean.se, df=mean.df, **known))
        held.append(made.lo <= 32 <= made.hi)
    assert 0.935 <= np.mean(held) <= 0.97


def test_licit_leaf_is_deducted_at_its_own_zones_yield(tmp_path: Path) -> None:
    """Published: Bolivia 2003, 12,000 ha at 0.936 t/ha are 11,232 t; the zone above the law's area is not licit."""
    rows = {(row["place"], row["part"]): row for row in told(tmp_path, LEAF, COCA)["production"]}
    assert rows[None, "licit"]["value_t"] == pytest.approx(11_232, rel=1e-12)
    assert rows[None, "total"]["value_t"] == pytest.approx(14 * 936 + 10 * 2000, rel=1e-12)
    assert rows[None, "not_licit"]["value_t"] == pytest.approx(14 * 936 + 20_000 - 11_232, rel=1e-12)
    assert rows["zone", "total"]["yield_vintage"] == "2005"
    assert rows["rest", "total"]["yield_vintage"] == "2003"
    assert "STOCK_AS_HARVESTED" in rows["rest", "total"]["flags"]
    assert "YIELD_WITHOUT_ERROR" in rows["zone", "total"]["flags"]
    lower = told(tmp_path, LEAF.assign(value_ha=["5000", "10000"]), COCA)["production"]
    assert next(row for row in lower if row["part"] == "licit")["value_t"] == pytest.approx(5 * 936)


def test_moisture_states_stand_side_by_side(tmp_path: Path) -> None:
    """Law: another state is the same figure times a sourced factor, under its own name."""
    moist = COCA + '[production.moisture]\nproduct = "fresh leaf"\nvalue = 3\nsource = "drying trial"\n'
    rows = told(tmp_path, LEAF, moist)["production"]
    dry = [row for row in rows if row["product"] == "sun-dried leaf"]
    fresh = [row for row in rows if row["product"] == "fresh leaf"]
    assert len(dry) == len(fresh) == len(rows) / 2
    for one, other in zip(dry, fresh, strict=True):
        assert other["value_t"] == pytest.approx(3 * one["value_t"], rel=1e-12)


def test_ranges_of_a_product_against_the_world_drug_report(tmp_path: Path) -> None:
    """Published: 2019, 6,126 to 6,426 t of opium processed give 472 to 722 t (World Drug Report 2020, table 3)."""
    design = OPIUM.split("[production.capsules]")[0] + (
        '[[production.yields]]\nregion = "x"\nvintage = "2019"\nyield_kg_ha = 1000\nsource = "x"\n'
        '[[production.conversion]]\nproduct = "heroin"\nvintage = "2019"\n'
        "unprocessed_low_t = 1180\nunprocessed_high_t = 1480\n"
    )
    areas = pd.DataFrame({"place": ["world"], "value_ha": ["7606"], "se_ha": ["200"]})
    product = told(tmp_path, areas, design)["products"][0]
    assert (product["processed_low_t"], product["processed_high_t"]) == (6126, 6426)
    assert product["low_t"] == pytest.approx(472, rel=1e-9)
    assert product["high_t"] == pytest.approx(722, rel=1e-9)
    assert product["low_within_limits_t"] < product["low_t"]
    assert product["high_within_limits_t"] > product["high_t"]
    with pytest.raises(QualityGateError, match="no more than the total"):
        told(tmp_path, areas.assign(value_ha="1000"), design)


def test_cannabis_by_a_shipped_yield_on_a_ratio_of_standing_area(tmp_path: Path) -> None:
    """Published: Morocco 2003, 134,000 ha and 47,000 t; a harvest of nine tenths is nine tenths of it."""
    design = """
[production]
crop = "cannabis"
product = "raw cannabis"
kind = "stock"
reference = "2003"
errors = "monte-carlo"
harvested_ratio = { value = 0.9, se = 0.05, source = "field visits" }
[[production.yields]]
region = "MA Rif"
vintage = "2003"
"""
    areas = pd.DataFrame({"place": ["rif"], "value_ha": ["134000"], "se_ha": ["5000"]})
    row = told(tmp_path, areas, design)["production"][0]
    assert row["value_t"] == pytest.approx(0.9 * 47_000, rel=1e-9)
    assert row["lo_t"] < row["value_t"] < row["hi_t"]
    assert told(tmp_path, areas, design)["production"][0] == row  # seeded


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ('kind = "harvestable"', 'kind = "stock"', SurveyFileError, "a stock is no harvested area"),
        ('crop = "opium_poppy"', 'crop = "coca"', SurveyFileError, "capsules go with opium_poppy"),
        ('source = "field survey"', "", SurveyFileError, "required"),
        ("[production.capsules]", "[production.capsule]", SurveyFileError, "unknown key"),
        ('plots = "plots.csv"', 'plots = "none.csv"', InputError, "none.csv"),
    ],
)
def test_files_that_cannot_be_are_refused(
    old: str, new: str, error: type[AltdevError], said: str, tmp_path: Path
) -> None:
    """Hostile: the file's own contradictions."""
    with pytest.raises(error, match=said):
        told(tmp_path, AREAS, OPIUM.replace(old, new), PLOTS)


def test_what_processing_consumes_is_no_product(tmp_path: Path) -> None:
    """Law: a conversion names a product that surveys publish, and nothing that processing takes in."""
    design = OPIUM + '[[production.conversion]]\nproduct = "a reagent"\nvintage = "2019"\n'
    with pytest.raises(SurveyFileError, match="heroin"):
        told(tmp_path, AREAS, design, PLOTS)


def test_yields_and_tables_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """Hostile: no yield, two yields, plots elsewhere, one field, empty and negative cells, each by name."""
    with pytest.raises(SurveyFileError, match=r"place 'north': found 0 yields"):
        told(tmp_path, AREAS, OPIUM, PLOTS[PLOTS["place"] == "south"])
    twice = OPIUM + '[[production.yields]]\nregion = "x"\nvintage = "2024"\nyield_kg_ha = 1\nsource = "x"\n'
    with pytest.raises(SurveyFileError, match=r"place 'south': found 2 yields"):
        told(tmp_path, AREAS, twice, PLOTS)
    with pytest.raises(InputError, match="plots of a place without an area"):
        told(tmp_path, AREAS[:1], OPIUM, PLOTS)
    with pytest.raises(QualityGateError, match=r"1 field\(s\)"):
        told(tmp_path, AREAS, OPIUM, PLOTS[:6])
    with pytest.raises(InputError, match=r"column 'volume_cm3_m2', row 2: found '-3'"):
        told(tmp_path, AREAS, OPIUM, PLOTS.assign(volume_cm3_m2=["-3"] + ["5"] * 6))
    with pytest.raises(InputError, match=r"column 'se_ha', row 3: found an empty cell"):
        told(tmp_path, AREAS.assign(se_ha=["1", ""]), OPIUM, PLOTS)
    with pytest.raises(SurveyFileError, match=r"place 'zona': found no such place"):
        told(tmp_path, LEAF, COCA.replace('place = "zone"\nauth', 'place = "zona"\nauth'))


def test_by_the_verb(tmp_path: Path) -> None:
    """The command itself: lines with the interval, the yield, its vintage and its mark."""
    told(tmp_path, AREAS, OPIUM, PLOTS)
    made = altdev("estimate", tmp_path / "areas.csv", "--design", tmp_path / "file.toml")
    assert (made.code, made.err) == (0, "")
    assert "t dry opium (95 % interval" in made.out
    assert "3 fields), south 2024, unverified" in made.out
    assert "confirm it before a figure is published" in made.out
