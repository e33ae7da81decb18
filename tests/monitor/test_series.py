"""Productivity and recovery from a yearly index at sample units of a run, and the bound on processing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from rasterio.features import rasterize

from geo.cog import RasterStyle, write_cog
from monitor.harms.carbon import rows as gas_rows
from monitor.harms.figures import Figures, read_figures
from monitor.harms.series import productivity_rows, recovery_rows
from monitor.sections import HarmInputSection
from monitor.tables import read_csv
from tests.monitor.test_harm_run import context_of, section_of, swept

YEARS = range(2013, 2025)


@pytest.fixture
def figures(finished_run: Path) -> Figures:
    """Figures of a run with an index that is even everywhere, from pixels of 10 m."""
    found = read_figures(finished_run)
    for year in YEARS:
        found.units[f"index_{year}"] = 0.8
    found.units["eradicated_year"] = 0
    settings: dict[str, Any] = dict(found.settings)
    settings["inputs"] = [
        *settings["inputs"],
        {"id": "vegetation_index", "version": "1", "checksum": "x", "cell": 10},
    ]
    settings["plot_width_m"] = 60.0
    found.settings = settings
    return found


def told(rows: Any) -> dict[str, Any]:
    """Return rows by their part."""
    return {row.key.part: row for row in rows}


def test_falling_index_is_degraded_and_an_even_one_is_not(figures: Figures) -> None:
    """Law: no decline, no hectares; crop units that fall while others do not are all of it excess."""
    place = list(figures.places())[-1]
    even = told(productivity_rows(figures, place))
    crop = figures.crop_units(place)
    area = figures.areas(crop, ["frame"])[0].value
    assert even["productivity"].value == 0
    assert even["productivity_excess"].value == 0
    for number, year in enumerate(YEARS):
        figures.units.loc[crop, f"index_{year}"] = 0.8 - 0.05 * number
    falls = told(productivity_rows(figures, place))
    assert falls["productivity"].value == pytest.approx(area)
    assert falls["productivity_excess"].value == pytest.approx(area, rel=0.02)
    narrow = dict(figures.settings) | {"plot_width_m": 20.0}
    figures.settings = narrow
    assert told(productivity_rows(figures, place))["productivity"].state == "not_resolvable"


def test_recovery_is_counted_from_the_year_of_eradication(figures: Figures) -> None:
    """By hand: units eradicated in 2018 that are back after three years; too few of them say nothing."""
    place = list(figures.places())[-1]
    assert told(recovery_rows(figures, place))[""].state == "not_estimable"
    never = np.flatnonzero((figures.first_year(place) == 0) & (figures.covers[min(figures.covers)] >= 0))[:30]
    figures.units.loc[never, "eradicated_year"] = 2018
    for year in (2018, 2019, 2020):
        figures.units.loc[never, f"index_{year}"] = 0.3
    rows = told(recovery_rows(figures, place))
    assert rows[""].value == pytest.approx(3)
    assert rows["recovered"].value == pytest.approx(100)
    for year in (2021, 2022, 2023, 2024):
        figures.units.loc[never[:15], f"index_{year}"] = 0.3
    rows = told(recovery_rows(figures, place))
    assert rows[""].value == pytest.approx(3)
    assert 0 < rows["recovered"].lo < rows["recovered"].value < rows["recovered"].hi < 100


def test_index_and_ledger_reach_the_sample_units(finished_run: Path, tmp_path: Path) -> None:
    """Literal rasters: each unit gets the index of its cell and the last verified operation up to the year."""
    context = context_of(finished_run)
    box = context.frame.geobox
    rng, maps = np.random.default_rng(1), {}
    for year in (2023, 2024):
        maps[year] = rng.uniform(0, 0.9, box.shape).astype(np.float32)
        write_cog(tmp_path / f"{year}.tif", maps[year], box, style=RasterStyle(nodata=-1))
    entries = [
        HarmInputSection(name="vegetation_index", path=tmp_path / f"{year}.tif", unit="index", year=year)
        for year in maps
    ]
    section = section_of(context)
    found = swept(context, section.model_copy(update={"input": [*section.input, *entries]}), tmp_path)
    units = read_csv(finished_run / "frame" / "sample.csv")
    at = (units["row"].to_numpy(), units["col"].to_numpy())
    for year, values in maps.items():
        assert found.units[f"index_{year}"] == pytest.approx(values[at])
    events = geopandas.read_file(finished_run.parent / "inputs" / "eradication.gpkg").to_crs(str(box.crs))
    expected = np.zeros(box.shape, dtype=np.int32)
    for year, shapes in events.groupby(events["date"].astype(str).str[:4].astype(int)).geometry:
        expected[rasterize([(one, 1) for one in shapes], out_shape=box.shape, transform=box.transform) == 1] = year
    assert found.units["eradicated_year"].tolist() == expected[at].tolist()
    assert (expected[at] > 0).any()


def test_land_planted_again_has_not_come_back(figures: Figures) -> None:
    """By hand: of thirty units that were green after three years, those read as the crop again are not back."""
    place = list(figures.places())[-1]
    never = np.flatnonzero((figures.first_year(place) == 0) & (figures.covers[min(figures.covers)] >= 0))[:20]
    again = np.flatnonzero(figures.crop_units(place))[:10]
    figures.units.loc[[*never, *again], "eradicated_year"] = 2018
    for year in (2018, 2019, 2020):
        figures.units.loc[[*never, *again], f"index_{year}"] = 0.3
    assert (figures.last_year(place)[again] == 2024).all()
    assert (figures.last_year(place)[never] == 0).all()
    rows = told(recovery_rows(figures, place))
    assert rows[""].value == pytest.approx(3)
    assert rows["recovered"].value < 100
    figures.units.loc[again, "eradicated_year"] = 2024
    for year in (2021, 2022, 2023, 2024):
        figures.units.loc[again, f"index_{year}"] = 0.8
    assert rows["recovered"].value < told(recovery_rows(figures, place))["recovered"].value


def test_short_series_are_told(figures: Figures) -> None:
    """Law: fewer than eight years have no trend, and say so."""
    place = list(figures.places())[-1]
    figures.units = figures.units.drop(columns=[f"index_{year}" for year in range(2013, 2019)])
    row = told(productivity_rows(figures, place))["productivity"]
    assert row.state == "not_computed"
    assert "6 years" in row.reason


def test_processing_has_a_bound_for_coca_alone_and_is_in_no_sum(figures: Figures) -> None:
    """Law: the bound is hectares times the published total; other crops have none; sums stay without it."""
    rows = list(gas_rows(figures))
    bound = [row for row in rows if row.key.indicator == "G5"]
    assert all(row.state == "not_computed" and "no published total" in row.reason for row in bound)
    assert all(row.key.grade == "D" for row in bound)
