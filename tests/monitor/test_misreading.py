"""Figures corrected for misreading in a run: beside those as read, recomputed by verify, refused where none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from aoi.survey.estimate import Estimate
from aoi.survey.interpretation import Misreading, corrected_area
from geo.errors import InputError
from monitor.check import check_survey
from monitor.misreading import misreading_rows
from monitor.tables import KNOWN, read_csv, read_tables
from monitor.verify import verify_run


def test_corrected_figure_of_a_run(finished_run: Path) -> None:
    """Closed form: Rogan and Gladen on the area that was read; cells known from training are not read."""
    rows = read_csv(finished_run / "estimates" / "misreading.csv")
    assert rows[["crop", "period"]].astype(str).to_numpy().tolist() == [["cannabis", "2024"]]
    row = rows.iloc[0]
    estimates = read_csv(finished_run / "estimates" / "estimates.csv")
    read = estimates[(estimates["domain"] == "frame") & (estimates["period"].astype(str) == "2024")].iloc[0]
    assert row["read_ha"] == pytest.approx(read["value_ha"])
    assert (row["sensitivity"], row["specificity"]) == (0.95, 1.0)
    tables = read_tables(finished_run)
    strata = tables.strata.set_index("stratum")["area_ha"]
    known_units = tables.units[tables.units["stratum"] == KNOWN]
    certain = strata.get(KNOWN, 0.0) * (known_units["label_2024"] == "cannabis").mean()
    assert certain > 0
    assert row["value_ha"] == pytest.approx(certain + (read["value_ha"] - certain) / 0.95, abs=1e-5)
    assert row["hi_ha"] - row["lo_ha"] > read["hi_ha"] - read["lo_ha"]
    assert "corrected for misreading" in row["method"]
    assert any("corrected for misreading recomputed" in line for line in verify_run(finished_run))


def test_changed_reading_changes_the_figure(finished_run: Path) -> None:
    """Negative control: other readings give another figure; a crop that no unit tells of has no row."""
    tables, estimates = read_tables(finished_run), read_csv(finished_run / "estimates" / "estimates.csv")
    readings = read_csv(finished_run / "frame" / "known_readings.csv")
    first = misreading_rows(tables, estimates, readings)["value_ha"].iloc[0]
    worse = pd.concat([readings, pd.DataFrame({"period": ["2024"], "read": ["cereal"], "known": ["cannabis"]})])
    assert misreading_rows(tables, estimates, worse)["value_ha"].iloc[0] > first
    none = readings[readings["known"] != "cannabis"]
    assert misreading_rows(tables, estimates, none).empty


def test_certain_area_is_only_shifted() -> None:
    """Law: hectares that nobody read move the figure and both limits by themselves."""
    read = Estimate(value=600.0, se=60.0, lo=490.0, hi=730.0, n=500, method="stratified")
    more = Estimate(value=650.0, se=60.0, lo=540.0, hi=780.0, n=500, method="stratified")
    rates = Misreading(hits=90, n_class=100, rejections=990, n_other=1000)
    plain, shifted = corrected_area(read, 9e3, rates), corrected_area(more, 9e3, rates, certain_ha=50.0)
    assert (shifted.value, shifted.lo, shifted.hi, shifted.se) == pytest.approx(
        (plain.value + 50, plain.lo + 50, plain.hi + 50, plain.se)
    )


def test_readings_that_are_none_are_refused(thin_copy_of: Callable[[], Path]) -> None:
    """Law: the check names a file of known units that lacks a column, or holds labels outside the legend."""
    folder = thin_copy_of()
    path = folder / "inputs" / "known.csv"
    path.write_text("period,read,known\n2024,maize,gold\n1999,maize,maize\n")
    problems, code = check_survey(folder / "survey.toml")
    told = "\n".join(map(str, problems))
    assert code == InputError.exit_code
    assert "column known, rows 2: found 'gold'" in told
    assert "column period, rows 3: found '1999'" in told
    path.write_text("period,read\n2024,maize\n")
    assert "no column known" in "\n".join(map(str, check_survey(folder / "survey.toml")[0]))
