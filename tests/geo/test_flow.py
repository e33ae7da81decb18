"""Flow: literal chains and rasters, analytic grounds, a brute-force flood, pyflwdir's own sums, a real range."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InputError
from geo.flow import (
    OUTSIDE,
    FlowNetwork,
    accumulate,
    basins,
    fill_pits,
    flow_network,
    network_of_directions,
    route,
    sub_basins,
    upstream_cells,
)
from geo.grid import GeoBox
from tests.shared import case

EAST, SOUTH, NODATA = 1, 4, 247


def metric(shape: tuple[int, int], cell_m: float = 10.0) -> GeoBox:
    """Return a grid in a UTM zone."""
    return GeoBox.from_bbox((0, 0, shape[1] * cell_m, shape[0] * cell_m), "EPSG:32618", resolution=cell_m)


def chain(cells: int = 6) -> FlowNetwork:
    """Return a row of cells that drains east, the last one an outlet, and a row without data under it."""
    codes = np.full((2, cells), NODATA, dtype=np.uint8)
    codes[0] = EAST
    codes[0, -1] = 0
    return network_of_directions(codes, (100.0, 100.0))


def hills(rows: int, cols: int, seed: int) -> Any:
    """Return rough ground with many pits, in whole metres so that flats are common."""
    return np.random.default_rng(seed).integers(100, 112, (rows, cols)).astype(np.float32)


def flooded(z: Any) -> Any:
    """Return filled ground the slow way: the lowest highest point of any way to the edge (Dijkstra)."""
    level = np.full(z.shape, np.inf)
    queue: list[tuple[float, int, int]] = []
    for row, col in np.ndindex(*z.shape):
        if row in (0, z.shape[0] - 1) or col in (0, z.shape[1] - 1):
            heapq.heappush(queue, (float(z[row, col]), row, col))
    while queue:
        height, row, col = heapq.heappop(queue)
        if level[row, col] <= height:
            continue
        level[row, col] = height
        for r, c in np.ndindex(3, 3):
            i, j = row + r - 1, col + c - 1
            if 0 <= i < z.shape[0] and 0 <= j < z.shape[1]:
                heapq.heappush(queue, (max(height, float(z[i, j])), i, j))
    return level


@given(st.integers(3, 9), st.integers(3, 9), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_pits_fill_to_where_they_spill(rows: int, cols: int, seed: int) -> None:
    """Brute force: the filled ground is the lowest highest point on any way out."""
    z = hills(rows, cols, seed)
    assert np.array_equal(fill_pits(z), flooded(z))


@given(st.integers(3, 30), st.integers(3, 30), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_all_water_leaves_and_none_is_lost(rows: int, cols: int, seed: int) -> None:
    """Law: every cell is ordered once, before the cell it drains to; what enters is what reaches the outlets."""
    z = hills(rows, cols, seed)
    network = flow_network(z, metric(z.shape))
    order, place = network.ordered(np.ones(z.size, dtype=np.bool_)), np.empty(z.size, dtype=int)
    place[order] = np.arange(z.size)
    moving = network.downstream != np.arange(z.size)
    assert sorted(order) == list(range(z.size))
    assert (place[network.downstream[moving]] > place[moving]).all()
    load = np.random.default_rng(seed).random(z.size)
    assert accumulate(network, load)[network.outlets].sum() == pytest.approx(load.sum())
    assert upstream_cells(network)[network.outlets].sum() == z.size
    filled = fill_pits(z).ravel()
    assert (filled[network.downstream] <= filled).all()


@pytest.mark.parametrize(
    ("fall", "expected"),
    [
        ((0, 1), (0, 1)),
        ((1, 0), (1, 0)),
        ((1, 1), (1, 1)),
        ((1, -1), (1, -1)),
        ((-1, 0), (-1, 0)),
        ((0, -1), (0, -1)),
    ],
)
def test_plane_drains_down_its_slope(fall: tuple[int, int], expected: tuple[int, int]) -> None:
    """Analytic plane: every inner cell drains the way the plane falls."""
    row, col = np.mgrid[0:7, 0:7]
    network = flow_network(500 - 3.0 * (fall[0] * row + fall[1] * col), metric((7, 7)))
    inner = (row[1:-1, 1:-1] * 7 + col[1:-1, 1:-1]).ravel()
    assert (network.downstream[inner] - inner == expected[0] * 7 + expected[1]).all()


def test_descent_is_steepest_not_lowest() -> None:
    """Literal raster: 10 m down straight is steeper than 12 m down across, which a lowest neighbour would take."""
    z = np.full((3, 3), 100.0)
    z[1, 2], z[2, 2] = 90.0, 88.0
    assert flow_network(z, metric((3, 3))).downstream[4] == 5
    z[2, 2] = 85.0  # 15 m over 14.1 m
    assert flow_network(z, metric((3, 3))).downstream[4] == 8


def test_cells_need_not_be_square() -> None:
    """Literal raster: across 40 m the same fall is gentler than along 10 m."""
    z = np.full((3, 3), 100.0)
    z[1, 2], z[2, 1] = 90.0, 95.0
    wide = GeoBox((3, 3), Affine(40, 0, 0, 0, -10, 30), "EPSG:32618")
    assert flow_network(z, wide).downstream[4] == 7
    assert flow_network(z, metric((3, 3))).downstream[4] == 5


def test_cone_drains_outwards() -> None:
    """Analytic cone: the way out never comes nearer to the top, and each basin is a slice."""
    side = 41
    row, col = np.mgrid[0:side, 0:side] - side // 2
    away = np.hypot(row, col)
    network = flow_network(1000 - 5 * away, metric((side, side)))
    moving = network.downstream != np.arange(side * side)
    assert (away.ravel()[network.downstream] > away.ravel())[moving].all()
    assert basins(network).min() == 1


def test_valley_gathers_its_sides() -> None:
    """Analytic V-valley: the floor of row r holds all rows above it, side cells only their own row."""
    rows, cols = 9, 11
    row, col = np.mgrid[0:rows, 0:cols]
    z = 1000 - 1.0 * row + 20.0 * abs(col - 5)
    area = upstream_cells(flow_network(z, metric((rows, cols)))).reshape(rows, cols)
    # the rows of the edge drain along it or out; inside, each side cell passes its own row on
    assert area[1:-1, 5].tolist() == [cols * (one + 1) for one in range(1, rows - 1)]
    assert area[4, 1:5].tolist() == [2, 3, 4, 5]


def test_o12_first_order_decay_down_a_chain() -> None:
    """Reference O-12: 100 at the first and 50 at the fourth of six cells, a day each, 0.1 per day."""
    network, load = chain(), np.zeros((2, 6))
    load[0, 0], load[0, 3] = 100.0, 50.0
    expected = [100, 90.48374, 81.87308, 124.08182, 112.27388, 101.58960]
    assert route(network, load, np.exp(-0.1))[:6] == pytest.approx(expected, rel=1e-6)
    assert route(network, load, 1.0)[:6].tolist() == [100, 100, 100, 150, 150, 150]
    day = 86_400.0
    kept = [100 * np.exp(-0.1 * km * 1000 / 0.5 / day) for km in (10, 50, 100)]
    assert kept == pytest.approx([97.712, 89.071, 79.336], abs=5e-4)


def test_decay_agrees_with_two_accumulations() -> None:
    """Independent program: exp(kT) times pyflwdir's accumulation of load exp(-kT), T the time to the outlet."""
    from pyflwdir import FlwdirRaster

    z = hills(40, 50, 3)
    network = flow_network(z, metric(z.shape))
    other = FlwdirRaster(idxs_ds=network.downstream.copy(), shape=network.shape, ftype="d8")
    cells = np.arange(z.size, dtype=np.int32)
    days = network.step_m(cells).astype(float) / 1000
    days[network.outlets] = 0.0
    to_outlet = other.accuflux(days.reshape(z.shape), direction="down").ravel()
    load = np.random.default_rng(1).random(z.size)
    theirs = np.exp(0.3 * to_outlet) * other.accuflux((load * np.exp(-0.3 * to_outlet)).reshape(z.shape)).ravel()
    assert route(network, load, np.exp(-0.3 * days)) == pytest.approx(theirs, rel=1e-9)
    assert np.array_equal(other.upstream_area("cell").ravel(), upstream_cells(network))


def test_basins_part_the_land() -> None:
    """Literal directions: two outlets, two basins, none outside; sub-basins never cross a basin."""
    codes = np.array([[16, 16, EAST, EAST], [NODATA] * 4], dtype=np.uint8)
    codes[0, 0] = codes[0, 3] = 0
    assert basins(network_of_directions(codes, (10, 10))).tolist() == [1, 1, 2, 2, 0, 0, 0, 0]
    z = hills(60, 60, 8)
    network = flow_network(z, metric(z.shape))
    whole, parts = basins(network), sub_basins(network, 50 * 100.0)
    assert parts.min() >= 1
    assert all(np.unique(whole[parts == one]).size == 1 for one in np.unique(parts))
    assert np.unique(sub_basins(chain(), 1e9)).tolist() == [0, 1]  # one outlet, and ground without elevation
    sizes = np.bincount(parts)[1:]
    assert np.unique(parts).size > np.unique(whole).size or sizes.max() < 50


def test_a_long_way_round_needs_the_whole_grid() -> None:
    """Law: halves of a grid do not add up to it, which is why basins are never cut; the whole does."""
    z = np.tile(np.linspace(200, 100, 40, dtype=np.float32), (9, 1)) + 5 * abs(np.arange(9) - 4)[:, None]
    whole = upstream_cells(flow_network(z, metric(z.shape))).reshape(z.shape)
    right = upstream_cells(flow_network(z[:, 20:], metric((9, 20)))).reshape(9, 20)
    assert whole[4, -2] > right[4, -2]


def test_grids_that_are_not_metric_are_refused_by_name() -> None:
    """Literal grids: degrees, Web Mercator, another shape."""
    z = np.zeros((4, 4))
    with pytest.raises(InputError, match="degree"):
        flow_network(z, GeoBox.from_bbox((0, 0, 4, 4), "EPSG:4326", resolution=1))
    with pytest.raises(InputError, match="Mercator"):
        flow_network(z, GeoBox.from_bbox((0, 0, 4, 4), "EPSG:3857", resolution=1))
    with pytest.raises(InputError, match="one shape"):
        flow_network(z, metric((5, 4)))


def test_holes_and_no_data_are_told() -> None:
    """Literal rasters: a hole by its place, a no-data number by its height; land beyond the edge is no hole."""
    z = hills(8, 8, 1)
    hole = z.copy()
    hole[3, 4] = hole[4, 5] = np.nan
    with pytest.raises(InputError, match="1 holes of 2 cells in all, the first at row 3, column 4"):
        flow_network(hole, metric(z.shape))
    for height in (-9999.0, 65535.0, -32768.0):
        hole[3, 4] = hole[4, 5] = height
        with pytest.raises(InputError, match="no-data"):
            flow_network(hole, metric(z.shape))
    hole[3, 4] = hole[4, 5] = 0.0  # no-data that counts as zero
    with pytest.raises(InputError, match="1 patches of 0 m inside ground above 20 m, the first at row 3, column 4"):
        flow_network(hole, metric(z.shape))
    sea = hole.copy()
    sea[3:, 4:] = 0.0  # reaches the edge
    assert upstream_cells(flow_network(sea, metric(z.shape))).min() == 1
    lake = hole - 95  # a shore of less than 20 m
    lake[3, 4] = lake[4, 5] = 0.0
    assert (fill_pits(lake) >= lake).all()
    with pytest.raises(InputError, match="no elevation"):
        fill_pits(np.full((3, 3), np.nan))
    corner = z.copy()
    corner[:3, :3] = np.nan
    network = flow_network(corner, metric(z.shape))
    assert (network.downstream == OUTSIDE).sum() == 9
    assert upstream_cells(network)[network.outlets].sum() == 64 - 9
    assert np.count_nonzero(basins(network)) == 64 - 9


def test_bad_routing_is_told() -> None:
    """Literal values: a missing load, a share above one, a wrong length, water in a circle."""
    network = chain()
    with pytest.raises(InputError, match="missing value"):
        route(network, [np.nan] * 12, 1.0)
    with pytest.raises(InputError, match="share outside"):
        route(network, np.ones(12), 1.01)
    with pytest.raises(InputError, match="one each"):
        route(network, np.ones(11), 1.0)
    with pytest.raises(InputError, match="circle"):
        network_of_directions(np.array([[EAST, 16], [0, 0]], dtype=np.uint8), (1, 1))
    with pytest.raises(InputError, match="D8 codes"):
        network_of_directions(np.array([[3, 0]], dtype=np.uint8), (1, 1))


def test_sierra_de_neiba() -> None:
    """Independent programs, real ground: mean elevation 1704.49 m; pyflwdir's filled ground in UTM."""
    import geopandas
    import rasterio
    from pyflwdir import dem
    from rasterio.warp import Resampling, calculate_default_transform, reproject

    from geo.areas import cell_areas_ha
    from geo.zonal import zonal_sum

    folder = case("neiba")
    with rasterio.open(folder / "res" / "nasa_srtm" / "NASADEM_HGT_n18w072.tif") as file:
        z, degrees, bounds = file.read(1).astype(np.float32), file.transform, file.bounds
    box = GeoBox(z.shape, degrees, "EPSG:4326")
    with pytest.raises(InputError, match="no-data"):
        flow_network(z, metric(z.shape))
    z[z == 65535] = np.nan
    range_ = geopandas.read_file(folder / "sierra_de_neiba_478140.gpkg")
    area_ha = np.where(np.isnan(z), np.nan, cell_areas_ha(box))
    mean = zonal_sum(z * area_ha, box, range_)[0] / zonal_sum(area_ha, box, range_)[0]
    assert mean == pytest.approx(1704.49, rel=1e-3)
    with pytest.raises(InputError, match="degree"):
        flow_network(z, box)

    utm, width, height = calculate_default_transform("EPSG:4326", "EPSG:32619", *z.shape[::-1], *bounds)
    ground = np.full((height, width), np.nan, dtype=np.float32)
    reproject(
        z,
        ground,
        src_transform=degrees,
        src_crs="EPSG:4326",
        dst_transform=utm,
        dst_crs="EPSG:32619",
        resampling=Resampling.bilinear,
        src_nodata=np.nan,
        dst_nodata=np.nan,
    )
    network = flow_network(ground, GeoBox(ground.shape, utm, "EPSG:32619"))
    theirs, _ = dem.fill_depressions(ground, nodata=np.float32(np.nan))
    assert np.nanmax(abs(fill_pits(ground) - theirs)) < 1e-3
    known = ~np.isnan(ground)
    assert network.ordered(known.ravel()).size == known.sum()
    assert upstream_cells(network)[network.outlets].sum() == known.sum()
    label = basins(network)
    sizes, reached = np.bincount(label)[1:], upstream_cells(network)[network.outlets]
    assert np.array_equal(sizes, reached)
