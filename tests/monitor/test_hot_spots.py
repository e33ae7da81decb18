"""The spatial pattern in a run: by unit of an official series and by cell of a class map, and made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas
import numpy as np
import openpyxl
import pandas as pd
import pytest
import rasterio

from geo.errors import QualityGateError
from imagery.profile import load_profile
from monitor.tables import read_csv
from monitor.terminal import TerminalListener
from monitor.verify import recompute_hot_spots
from monitor.workflow import RunOptions, run
from tests.monitor.impact_country import SURVEY, write_country

PATTERN = '\n[hot_spots]\nneighbours = "nearest"\nk = 8\npermutations = 999\ncell_km = 10\nbandwidth_km = 40\n'


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run folder of a country in which nine municipalities have three times the crop."""
    folder = tmp_path_factory.mktemp("pattern")
    survey = write_country(folder, survey=SURVEY.split("[impact]")[0] + PATTERN)
    table = pd.read_csv(folder / "coca.csv", dtype={"CODE": str, "DEPT": str, "DEPTNAME": str, "NAME": str})
    number = np.arange(256)
    dense = ((number % 16) // 3 == 3) & ((number // 16) // 3 == 3)
    table.loc[dense, "2018"] = (3 * table.loc[dense, "2018"]).round(2)
    table.to_csv(folder / "coca.csv", index=False)
    run(survey, RunOptions(out=folder / "run"), verb="map", listener=TerminalListener(quiet=True))
    return folder / "run"


def test_dense_block_is_hot(pattern: Path) -> None:
    """Brute force: the middle of the block is hot among high ones, hardly a unit outside is."""
    table = read_csv(pattern / "indicators" / "hot_spots.csv")
    number = table["domain"].str[2:].astype(int)
    dense = ((number % 16) // 3 == 3) & ((number // 16) // 3 == 3)
    assert table.loc[number == 10 * 16 + 10, ["hot_spot", "cluster"]].iloc[0].tolist() == ["hot", "high high"]
    assert (table.loc[dense, "hot_spot"] == "hot").sum() >= 4  # corners have five low neighbours
    assert (table.loc[~dense, "hot_spot"] == "hot").sum() <= 2
    assert not (table.loc[~dense, "cluster"] == "high high").any()
    moran = read_csv(pattern / "indicators" / "spatial_pattern.csv").set_index("statistic").loc["Moran's I"]
    assert moran["p_value"] <= 0.01
    assert table["basis"].str.contains("published without interval").all()


def test_density_adds_up(pattern: Path) -> None:
    """Law: the kernel density times the area of its cells is the crop put in, less what lies beyond the border."""
    with rasterio.open(pattern / "indicators" / "density.tif") as source:
        total = float(source.read(1).sum()) * abs(source.transform.a * source.transform.e) / 1e6
    crop = read_csv(pattern / "estimates" / "estimates.csv")
    whole = crop[(crop["domain"] == "frame") & (crop["period"].astype(str) == "2018")]["value_ha"].iloc[0]
    assert 0.75 * whole < total < 1.01 * whole


def test_it_is_made_again_and_a_changed_digit_is_found(pattern: Path, tmp_path: Path) -> None:
    """Law: all rows are recomputed from the run folder; one changed digit, neighbour or word is found."""
    assert "rows of the spatial pattern recomputed, all equal" in recompute_hot_spots(pattern, seed=7)
    copy = tmp_path / "run"
    shutil.copytree(pattern, copy)
    path = copy / "indicators" / "hot_spots.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column, value in (("getis_z", "9.9"), ("hot_spot", "cold"), ("density_ha_km2", "77.0")):
        table.assign(**{column: [value, *table[column][1:]]}).to_csv(path, index=False)
        with pytest.raises(QualityGateError, match="recomputed from the run folder"):
            recompute_hot_spots(copy, seed=7)


def test_layer_and_sheets(pattern: Path) -> None:
    """Literal: the layer holds the units as polygons with their words, the workbook two sheets."""
    layer = geopandas.read_file(pattern / "indicators" / "hot_spots.gpkg")
    assert len(layer) == 256
    assert set(layer["hot_spot"]) <= {"hot", "cold", "none"}
    book = openpyxl.load_workbook(pattern / "products" / "0" / "tables.xlsx")
    assert {"Hot spots", "Spatial pattern"} <= set(book.sheetnames)
    assert "hot spot" in {str(cell.value) for row in book["Hot spots"].iter_rows() for cell in row}


def test_cells_of_a_class_map(finished_run: Path) -> None:
    """Brute force: the density of each cell is the count on the class map, and is said to be biased."""
    table = read_csv(finished_run / "indicators" / "hot_spots.csv")
    assert table["basis"].str.contains("biased").all()
    (path,) = [p for p in (finished_run / "class_map").glob("2*.tif") if p.stem == str(table["period"].iloc[0])]
    with rasterio.open(path) as source:
        classes = source.read(1)
    code = load_profile("rif-cannabis").legend.code(str(table["crop"].iloc[0]))
    for _, row in table.iloc[::7].iterrows():
        r, c = int(row["domain"][1:5]), int(row["domain"][6:10])
        cell = classes[20 * r : 20 * r + 20, 20 * c : 20 * c + 20]
        seen = ((cell != 0) & (cell != 255)).sum()
        assert row["density_ha_km2"] == pytest.approx(100 * (cell == code).sum() / seen, abs=1e-6)
    assert "recomputed" in recompute_hot_spots(finished_run, seed=3)


def test_nothing_to_look_for_is_refused(tmp_path: Path) -> None:
    """Literal: one value everywhere has no pattern; the gate says so."""
    survey = write_country(tmp_path, survey=SURVEY.split("[impact]")[0] + PATTERN)
    table = pd.read_csv(tmp_path / "coca.csv", dtype=str)
    table["2018"] = "0"
    table.to_csv(tmp_path / "coca.csv", index=False)
    with pytest.raises(QualityGateError, match="the same value everywhere"):
        run(survey, RunOptions(out=tmp_path / "run"), verb="overlay", listener=TerminalListener(quiet=True))
