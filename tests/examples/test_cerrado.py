"""The Cerrado example on the real data: accuracy of the table, frame and interval of the tile."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from examples.cerrado.points import Points, Setting, read_points, read_setting, table_sensor, validate
from examples.run import placed
from geo.raster import geobox_of, read_on_grid
from tests.shared import SHARED, case

LEAST_ACCURACY = 0.946
"""Published for a random forest on the table, in folds by chance."""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example's file, looking for the data where they are."""
    case("cerrado")
    return placed("cerrado", (SHARED / "cases").resolve(), tmp_path_factory.mktemp("cerrado") / "run")


@pytest.fixture(scope="module")
def read(example: Path) -> tuple[Setting, Points]:
    """Return the setting and the labelled points with all bands of the table."""
    setting = read_setting(example)
    return setting, read_points(setting, table_sensor(setting))[2]


def test_points(read: tuple[Setting, Points]) -> None:
    """Published: 922 points, 72 inside the tile, four classes."""
    setting, points = read
    assert (points.code.size, int(points.inside.sum())) == (922, 72)
    assert np.bincount(points.code)[1:].tolist() == [242, 258, 207, 215]
    assert setting.geobox.shape == (1000, 1000)
    assert points.planes.shape[1] == 922
    assert len(read_points(setting, setting.sensor)[0].windows) == 23


def test_accuracy_in_random_and_spatial_folds(read: tuple[Setting, Points]) -> None:
    """Published: at least 0.946 in five random folds; whole blocks of land held out give less."""
    scores = validate(*read)
    assert scores["random_folds"]["overall_accuracy"] >= LEAST_ACCURACY
    assert 0.92 < scores["spatial_folds"]["overall_accuracy"] < scores["random_folds"]["overall_accuracy"]


@pytest.mark.slow
def test_map_and_estimate(example: Path, tmp_path: Path) -> None:
    """Law: the classes of the frame add up to it, the interval is no point, and each figure says indicative."""
    from examples.cerrado.run import main

    main(example, tmp_path)
    table = pd.read_csv(tmp_path / "estimates" / "estimates.csv").set_index(["domain", "crop"])
    mapped = pd.read_csv(tmp_path / "estimates" / "mapped_areas.csv").set_index("class")["mapped_ha"]
    frame = table.loc["frame"]
    assert set(frame.index) == {"cropland", "pasture"}
    assert frame["value_ha"].sum() == pytest.approx(mapped[["cropland", "pasture"]].sum())
    assert (frame["hi_ha"] - frame["lo_ha"] > 0.05 * frame["value_ha"]).all()
    assert frame["flags"].str.contains("INDICATIVE").all()
    assert (table.loc["022024"]["state"] == "not_surveyed").all()
    path = tmp_path / "class_map" / "2018-2019.tif"
    codes = read_on_grid(path, geobox_of(path))
    assert set(np.unique(codes)) == {1, 2, 3, 4}
    scores = json.loads((tmp_path / "estimates" / "accuracy.json").read_text())
    assert scores["map"]["overall"]["n"] == 72
    assert (tmp_path / "products" / "0" / "index.html").is_file()
