"""Rivers as lines and places of processing as points: brought onto the grid, and refused by name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely

from geo.errors import InputError
from geo.grid import GeoBox
from monitor.harms.rivers import read_rivers
from monitor.harms.sites import read_sites
from monitor.sections import HarmRiversSection, HarmSitesSection

BOX = GeoBox.from_bbox((500_000, 100_000, 500_200, 100_100), "EPSG:32618", resolution=10)


def lines(path: Path, **columns: Any) -> HarmRiversSection:
    """Write one river along the third row of cells, and one far away."""
    shapes = [
        shapely.LineString([(500_000, 100_075), (500_200, 100_075)]),
        shapely.LineString([(900_000, 100_075), (900_200, 100_075)]),
    ]
    geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:32618").to_file(path, driver="GPKG")
    return HarmRiversSection(path=path, discharge=next(iter(columns), None))


def test_lines_mark_the_cells_they_run_through(tmp_path: Path) -> None:
    """Literal river: the cells of one row, whatever the CRS of the layer; no flow is made up."""
    rivers = read_rivers(lines(tmp_path / "a.gpkg"), BOX)
    assert rivers.cells.tolist() == [2 * 20 + col for col in range(20)]
    assert np.isnan(rivers.flow_at(np.array([45], dtype=np.int32), within_m=50)).all()
    layer = geopandas.read_file(tmp_path / "a.gpkg").to_crs(4326)
    layer.to_file(tmp_path / "b.gpkg", driver="GPKG")
    again = read_rivers(HarmRiversSection(path=tmp_path / "b.gpkg"), BOX)
    assert set(again.cells.tolist()) <= set(range(20, 80))


def test_flow_is_that_of_the_nearest_line(tmp_path: Path) -> None:
    """Literal river: the column's flow beside the line, none beyond the distance."""
    rivers = read_rivers(lines(tmp_path / "a.gpkg", DIS_AV_CMS=[4.5, 9.0]), BOX)
    cells = np.array([2 * 20 + 7, 4 * 20 + 7, 9 * 20 + 7], dtype=np.int32)
    assert rivers.flow_at(cells, within_m=30).tolist()[:2] == [4.5, 4.5]
    assert np.isnan(rivers.flow_at(cells, within_m=30)[2])


def test_broken_rivers_are_refused_by_name(tmp_path: Path) -> None:
    """Bad input: a flow below 0, a column that is not there, lines elsewhere, polygons."""
    with pytest.raises(InputError, match="DIS_AV_CMS"):
        read_rivers(lines(tmp_path / "a.gpkg", DIS_AV_CMS=[-1.0, 2.0]), BOX)
    with pytest.raises(InputError, match="Q90"):
        read_rivers(lines(tmp_path / "a.gpkg").model_copy(update={"discharge": "Q90"}), BOX)
    away = GeoBox.from_bbox((100_000, 100_000, 100_200, 100_100), "EPSG:32618", resolution=10)
    with pytest.raises(InputError, match="no river in the frame"):
        read_rivers(lines(tmp_path / "a.gpkg"), away)
    square = geopandas.GeoDataFrame(geometry=[shapely.box(500_000, 100_000, 500_100, 100_050)], crs="EPSG:32618")
    square.to_file(tmp_path / "c.gpkg", driver="GPKG")
    with pytest.raises(InputError, match="line"):
        read_rivers(HarmRiversSection(path=tmp_path / "c.gpkg"), BOX)


def test_sites_are_cells_of_the_frame(tmp_path: Path) -> None:
    """Literal points: the cell of each place inside, those outside left out, all outside refused."""
    unit = np.ones(BOX.shape, dtype=np.uint16)
    unit[0] = 0
    frame: Any = SimpleNamespace(geobox=BOX, unit_of_cell=unit)
    points = [shapely.Point(500_055, 100_045), shapely.Point(500_055, 100_099), shapely.Point(0, 0)]
    path = tmp_path / "sites.gpkg"
    geopandas.GeoDataFrame(geometry=points, crs="EPSG:32618").to_file(path, driver="GPKG")
    assert read_sites(HarmSitesSection(path=path), frame).tolist() == [5 * 20 + 5]
    geopandas.GeoDataFrame(geometry=points[1:], crs="EPSG:32618").to_file(path, driver="GPKG")
    with pytest.raises(InputError, match="no place of processing in the frame"):
        read_sites(HarmSitesSection(path=path), frame)
