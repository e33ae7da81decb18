"""Production of a run: area times yield, regions with their own yields, the licit part, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from geo.errors import QualityGateError, SurveyFileError
from monitor.config import load_survey
from monitor.harvest import corrected_areas, production_rows
from monitor.sections import ProductionSection
from monitor.tables import read_csv
from monitor.verify import verify_run


def section(**changes: Any) -> ProductionSection:
    """Return one yield of 1,000 kg/ha with an error of a tenth."""
    given = {
        "crop": "coca", "product": "sun-dried leaf", "region": "South", "vintage": "2024", "yield_kg_ha": 1000.0,
        "yield_se_kg_ha": 100.0, "source": "test",
    }  # fmt: skip
    return ProductionSection.model_validate(given | changes)


def areas(kind: str = "harvestable", **hectares: float) -> pd.DataFrame:
    """Return rows of ``estimates.csv``: the frame, then the units."""
    return pd.DataFrame(
        {
            "crop": "coca", "period": "2024", "domain": code, "domain_name": code, "value_ha": ha, "se_ha": ha / 10,
            "lo_ha": ha * 0.8, "hi_ha": ha * 1.2, "level": 0.95, "n": 90, "method": "stratified", "kind": kind,
            "reference_date": "2024-12-31", "flags": None,
        }
        for code, ha in hectares.items()
    )  # fmt: skip


def test_area_times_yield() -> None:
    """Literal: 500 ha at 1,000 kg/ha are 500 t; relative errors of a tenth each give nearly a seventh."""
    rows = production_rows(areas(frame=500.0, a=200.0, b=300.0), pd.DataFrame(), [section()])
    told = rows.set_index("domain")
    assert told.loc["frame", "value_t"] == pytest.approx(500.0)
    assert told.loc["frame", "se_t"] / 500.0 == pytest.approx(np.hypot(0.1, 0.1), rel=0.01)
    assert told["value_t"].loc[["a", "b"]].sum() == pytest.approx(500.0)


def test_regions_have_their_own_yields() -> None:
    """Literal: 200 ha at 1,000 and 300 ha at 2,000 kg/ha are 800 t, in the frame too."""
    south, north = section(units=["a"]), section(units=["b"], region="North", yield_kg_ha=2000.0)
    rows = production_rows(areas(frame=500.0, a=200.0, b=300.0), pd.DataFrame(), [south, north]).set_index("domain")
    assert rows["value_t"].to_dict() == pytest.approx({"a": 200.0, "b": 600.0, "frame": 800.0})
    assert rows.loc["frame", "yield_region"] == "several"


def test_licit_leaf_at_its_own_yield() -> None:
    """Published: Bolivia 2003, 28,300 t in all less 12,000 ha authorised at 936 kg/ha leaves 17,068 t."""
    zone = areas(yungas=14_000.0)
    whole = areas(frame=23_600.0, a=23_600.0)
    licit: dict[str, Any] = {
        "zone": "yungas",
        "authorised_ha": 12_000.0,
        "region": "Yungas",
        "vintage": "x",
        "source": "x",
    }
    licit["yield_kg_ha"] = 936.0
    rows = production_rows(whole, zone, [section(yield_kg_ha=28_300e3 / 23_600.0, licit=licit)])
    parts = rows[rows["domain"] == "frame"].set_index("part")["value_t"]
    assert parts.to_dict() == pytest.approx({"total": 28_300.0, "licit": 11_232.0, "not_licit": 17_068.0})


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ([section(units=["a"])], "0 yields"),
        ([section(), section(units=["a"], region="North")], "2 yields"),
        ([section(units=["a", "b", "z"])], "no such unit"),
    ],
)
def test_units_have_one_yield_each(sections: list[ProductionSection], said: str) -> None:
    """Law: a unit without a yield, with two, or unknown is told by its code."""
    with pytest.raises(SurveyFileError, match=said):
        production_rows(areas(frame=500.0, a=200.0, b=300.0), pd.DataFrame(), sections)


def test_stock_needs_a_way_to_the_harvest(project: Path, tmp_path: Path) -> None:
    """Law: a stock is no harvested area, neither for the numbers nor for the survey file."""
    with pytest.raises(QualityGateError, match="basis"):
        production_rows(areas("stock", frame=1.0, a=1.0), pd.DataFrame(), [section()])
    ratio = {"value": 0.9, "se": 0.0, "source": "lots"}
    rows = production_rows(areas("stock", frame=10.0, a=10.0), pd.DataFrame(), [section(harvested_ratio=ratio)])
    assert rows["value_t"].tolist() == pytest.approx([9.0, 9.0])
    text = (project / "survey.toml").read_text(encoding="utf-8").replace('kind = "harvestable"', 'kind = "stock"')
    path = tmp_path / "survey.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SurveyFileError, match="no way to the area harvested"):
        load_survey(path)


def test_a_run_rests_on_corrected_areas(finished_run: Path) -> None:
    """Law: tonnes of a run are its corrected hectares times the yield, and `verify` makes them again."""
    folder = finished_run / "estimates"
    made = read_csv(folder / "production.csv")
    ledger, estimates = read_csv(folder / "corrections.csv"), read_csv(folder / "estimates.csv")
    area = corrected_areas(estimates, ledger).astype({"period": str}).set_index(["period", "domain"])["value_ha"]
    total = made[made["part"] == "total"].astype({"period": str}).set_index(["period", "domain"])["value_t"]
    np.testing.assert_allclose(total, area.loc[total.index] * 0.8, atol=1e-5)
    assert set(made["part"]) == {"total", "licit", "not_licit"}
    assert any("production recomputed" in line for line in verify_run(finished_run))
