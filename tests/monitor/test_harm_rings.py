"""Rings against matched controls: worked landscapes whose excess is known, balance, and refusals with a reason."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from numpy.typing import NDArray

from geo.errors import InputError
from geo.grid import GeoBox
from monitor.harms.access import new_access, read_access
from monitor.harms.footprint import BITS
from monitor.harms.rings import Rings, coarse_mean, fragments, ring_names, ring_table
from monitor.sections import HarmAccessSection

RINGS = Rings((100.0, 200.0, 400.0), 10.0, 0.25)
FOREST = BITS["inside"] | BITS["forest_start"] | BITS["forest"] | BITS["forest_refilled"]


def landscape(ring_rate: float, far_rate: float, *, side: int = 640) -> NDArray[np.uint8]:
    """Return forest of 8 km with a column of plots at its western edge, and loss at two rates."""
    state = np.full((side, side), FOREST, dtype=np.uint8)
    rng = np.random.default_rng(5)
    near = np.arange(side)[None, :] < 40
    lost = rng.random((side, side)) < np.where(near, ring_rate, far_rate)
    state[lost] |= BITS["lost"]
    state[:, 0] = BITS["inside"] | BITS["plot"]
    return state


def excess_ha(table: pd.DataFrame, name: str) -> float:
    """Return observed less expected loss of a ring."""
    own = table[table["zone"] == name]
    assert (own["reason"] == "").all(), own["reason"].iloc[0]
    return float((own["loss_ha"] - own["expected_ha"]).sum())


def test_excess_of_a_known_landscape() -> None:
    """Simulated truth: 4 percent lost near plots and 1 percent far away is an excess of 3 percent of the ring."""
    table = ring_table(landscape(0.04, 0.01), None, RINGS)
    for name in ring_names(RINGS.edges_m):
        cells = int(table.loc[table["zone"] == name, "cells"].sum())
        forest = cells * 4 * 0.01  # coarse cells of two by two
        assert excess_ha(table, name) == pytest.approx(0.03 * forest, rel=0.2), name


def test_equal_rates_are_no_excess_and_less_is_negative() -> None:
    """Law: counterfactual equal to observed gives about nothing; less loss near plots gives a figure below zero."""
    names = ring_names(RINGS.edges_m)
    equal = ring_table(landscape(0.02, 0.02), None, RINGS)
    loss = equal.loc[equal["zone"] == names[2], "loss_ha"].sum()
    assert abs(excess_ha(equal, names[2])) < 0.2 * loss
    assert excess_ha(ring_table(landscape(0.005, 0.03), None, RINGS), names[2]) < 0


def with_track(state: NDArray[np.uint8], rate: float) -> NDArray[np.uint8]:
    """Return a landscape with a track down its middle and loss at a rate beside it."""
    found = state.copy()
    middle = found.shape[1] // 2
    beside = slice(middle - 10, middle + 11)
    rng = np.random.default_rng(6)
    strip = found[:, beside]
    strip[(rng.random(strip.shape) < rate) & ((strip & BITS["plot"]) == 0)] |= BITS["lost"]
    found[:, middle] |= BITS["access"]
    return found


def test_excess_along_new_access_is_a_zone_of_its_own() -> None:
    """Simulated truth: 6 percent more lost beside a track is told for the track, in no ring and no control."""
    along = Rings(RINGS.edges_m, RINGS.cell_m, RINGS.balance, access=True)
    state = landscape(0.01, 0.01)
    name = ring_names(along.edges_m, access=True)[-1]
    assert name == "access:0-100"
    table = ring_table(with_track(state, 0.06), None, along)
    own = table[table["zone"] == name]
    forest = int(own["cells"].sum()) * 4 * 0.01
    assert forest == pytest.approx(640 * 21 * 0.01, rel=0.1)
    assert excess_ha(table, name) == pytest.approx(0.06 * forest, rel=0.2)
    without = ring_table(state, None, RINGS)
    for ring in ring_names(RINGS.edges_m):  # the strip is out of the controls too, so rings stay what they are
        assert excess_ha(table, ring) == pytest.approx(excess_ha(without, ring), abs=3.0)
    assert name not in set(without["zone"])


def test_plots_go_before_access_and_access_before_rings() -> None:
    """Law: a cell is in one zone; a track among the plots takes no plot, and takes the ring beside it."""
    along = Rings(RINGS.edges_m, RINGS.cell_m, RINGS.balance, access=True)
    state = landscape(0.03, 0.01)
    state[:, 4] |= BITS["access"]
    table = ring_table(state, None, along)
    assert table.loc[table["zone"] == "ring:0-100", "reason"].iloc[0] == "no forest in the ring"
    plots = int(((state & BITS["plot"]) > 0).sum())
    strip = int(table.loc[table["zone"] == "access:0-100", "cells"].sum()) * 4
    assert strip <= 640 * 16
    assert strip > 0
    assert plots == 640


def test_access_is_read_by_year_and_refused_by_name(tmp_path: Path) -> None:
    """Literal lines: those opened in the period are new, all where none has a year; points and bad years stop."""
    box = GeoBox.from_bbox((0, 0, 100, 100), "EPSG:32618", resolution=10)
    frame: Any = SimpleNamespace(geobox=box)
    lines = [shapely.LineString([(5, 0), (5, 99)]), shapely.LineString([(55, 0), (55, 99)])]
    path = tmp_path / "roads.gpkg"
    geopandas.GeoDataFrame({"opened": [2019, 2023]}, geometry=lines, crs="EPSG:32618").to_file(path, driver="GPKG")
    access = read_access(HarmAccessSection(path=path, year="opened"), frame)
    seen = new_access(access, since=2021, year=2024).seen(box)[0]
    assert np.flatnonzero(seen.any(axis=0)).tolist() == [5]
    every = new_access(read_access(HarmAccessSection(path=path), frame), since=2021, year=2024).seen(box)[0]
    assert np.flatnonzero(every.any(axis=0)).tolist() == [0, 5]
    geopandas.GeoDataFrame({"opened": [2019, 23]}, geometry=lines, crs="EPSG:32618").to_file(path, driver="GPKG")
    with pytest.raises(InputError, match="years such as 2023"):
        read_access(HarmAccessSection(path=path, year="opened"), frame)
    points = geopandas.GeoDataFrame(geometry=[shapely.Point(5, 5)], crs="EPSG:32618")
    points.to_file(tmp_path / "points.gpkg", driver="GPKG")
    with pytest.raises(InputError, match="lead nowhere"):
        read_access(HarmAccessSection(path=tmp_path / "points.gpkg"), frame)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (np.full((400, 400), FOREST, dtype=np.uint8), "no forest in the ring"),
        (landscape(0.0, 0.0), "no loss in the ring and none in its controls"),
        (landscape(0.02, 0.02)[:, :30], "no forest beyond the rings"),
        (landscape(0.02, 0.02)[:100], "tiles of 1 km"),
    ],
)
def test_what_cannot_be_estimated_says_why(state: NDArray[np.uint8], told: str) -> None:
    """Law: without a comparison a ring has a reason and no figure."""
    table = ring_table(state, None, RINGS)
    assert told in table["reason"].iloc[0]
    assert table["loss_ha"].sum() == 0 or told in str(table["reason"].tolist())


def test_controls_out_of_balance_are_refused() -> None:
    """Law: rings on high ground and controls on low ground do not compare."""
    state = landscape(0.04, 0.01)
    height = np.broadcast_to(np.linspace(3000, 0, 320)[None, :], (320, 320)).copy()
    height[:, 20:] = 0.0  # far ground is flat and low; nothing like the rings within the caliper
    table = ring_table(state, height, RINGS)
    assert any("matched cells" in reason or "out of balance" in reason for reason in table["reason"])


def test_refilled_plots_make_no_fragments() -> None:
    """Law: where plots are refilled by what is there already, the harm is nothing."""
    state = landscape(0.0, 0.0, side=60)
    found = fragments(state, cell_m=10.0, core_depth_m=50.0)
    assert (found.mesh_ha, found.edge_m, found.core_ha) == (0.0, 0.0, 0.0)


def test_coarse_means_of_cells_cut_short() -> None:
    """Literal raster: means of two by two cells, one at the edge, and a hole that stays one."""
    values = np.array([[1.0, 3.0, 5.0], [1.0, 3.0, 7.0], [2.0, np.nan, 4.0]])
    means = coarse_mean(values, 2)
    assert means[0].tolist() == [2.0, 6.0]
    assert np.isnan(means[1, 0])
    assert means[1, 1] == 4.0
