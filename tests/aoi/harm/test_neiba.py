"""Known zonal values of real layers: tree cover by year on ellipsoidal areas, and height."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio

from aoi.harm.attribution import forest_before
from aoi.harm.deforestation import forest_mask, without_small_patches
from aoi.harm.inputs import loss_calendar_year, physical
from geo.areas import cell_areas_ha
from geo.raster import geobox_of
from geo.zonal import zonal_sum
from tests.shared import case

TREE_COVER_HA = (2051.778, 2051.267, 2049.588, 2015.912, 2006.568, 2002.243)
"""2000 to 2005, canopy of 10 percent and more, patches of 1 ha and more (shared/cases/README.md)."""
HANSEN = "Hansen_GFC-2023-v1.11_{}_20N_080W.tif"


def zonal_mean(path: Path, zones: geopandas.GeoDataFrame, nodata: float) -> float:
    """Return the coverage-weighted mean of the cells that hold a value."""
    with rasterio.open(path) as source:
        values = source.read(1).astype(float)
    values[values == nodata] = np.nan
    known = np.where(np.isnan(values), 0.0, 1.0)
    grid = geobox_of(path)
    total = zonal_sum(np.nan_to_num(values), grid, zones)
    return float(total.sum() / zonal_sum(known, grid, zones).sum())


def test_tree_cover_by_year() -> None:
    """Published: tree cover of `gfw_sample`, 2000 to 2005, to 0.1 percent on the ellipsoid (a sphere is off)."""
    folder = case("neiba")
    cover, lost = (folder / "res" / name / HANSEN.format(layer) for name, layer in
                   (("gfw_treecover", "treecover2000"), ("gfw_lossyear", "lossyear")))  # fmt: skip
    grid, zone = geobox_of(cover), geopandas.read_file(folder / "gfw_sample.gpkg")
    with rasterio.open(cover) as trees, rasterio.open(lost) as losses:
        percent = physical("hansen_treecover2000", trees.read(1), unit="percent", nodata=trees.nodata)
        year = loss_calendar_year(losses.read(1), last_year=2023)
    area = np.broadcast_to(cell_areas_ha(grid), grid.shape)
    forest = without_small_patches(forest_mask(percent, canopy_threshold_percent=10, nodata=-1), area, least_ha=1.0)
    found = [
        float(zonal_sum(np.where(forest_before(forest, year, one + 1), area, 0.0), grid, zone)[0])
        for one in range(2000, 2006)
    ]
    assert found == pytest.approx(TREE_COVER_HA, rel=1e-3)
    flat = np.cos(np.radians(18.66)) * (0.00025 * 111_320) ** 2 / 1e4
    sphere = float(zonal_sum(np.where(forest, flat, 0.0), grid, zone)[0])
    assert sphere != pytest.approx(TREE_COVER_HA[0], rel=1e-3)  # negative control


def test_mean_height() -> None:
    """Published: mean height of Sierra de Neiba, 1704.49 m (65535 is no-data), to 0.1 percent."""
    folder = case("neiba")
    zone = geopandas.read_file(folder / "sierra_de_neiba_478140.gpkg")
    height = zonal_mean(folder / "res" / "nasa_srtm" / "NASADEM_HGT_n18w072.tif", zone, 65535)
    assert height == pytest.approx(1704.49, rel=1e-3)


def test_mean_travel_time() -> None:
    """Published: mean travel time from Sierra de Neiba to a city of 100,000 to 200,000 people, 314.76 minutes."""
    folder = case("neiba")
    zone = geopandas.read_file(folder / "sierra_de_neiba_478140.gpkg")
    path = folder / "res" / "nelson_et_al" / "traveltime-100k_200k.tif"
    with rasterio.open(path) as source:
        minutes = zonal_mean(path, zone, source.nodata)
    assert minutes == pytest.approx(314.76, rel=1e-3)
