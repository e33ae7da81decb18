"""Slope, aspect and illumination: literal planes, a cone, laws, and a mountain range known from elsewhere."""

from __future__ import annotations

from math import atan, cos, degrees, hypot, radians, sin
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.blocks import Block, map_blocks
from geo.errors import InputError
from geo.grid import GeoBox
from geo.terrain import Gradient, Sun, aspect_deg, cell_size_m, gradient, illumination, slope_deg, with_rim
from tests.geo.builders import grid
from tests.shared import case

SINGLE = 1e-6  # gradients are held in single precision
SUN = Sun(zenith_deg=40.0, azimuth_deg=135.0)
COMPASS = {0: (0, -1), 45: (-1, -1), 90: (-1, 0), 135: (-1, 1), 180: (0, 1), 225: (1, 1), 270: (1, 0), 315: (1, -1)}
"""Bearing that a plane faces, by its rise towards east and north."""


def plane(east: float, north: float, *, width_m: float = 10.0, height_m: float = 10.0, cells: int = 6) -> Any:
    """Return elevations of a plane by its rise towards east and north, metres per metre."""
    row, col = np.mgrid[0:cells, 0:cells]
    return 500 + east * width_m * col - north * height_m * row


def rough(rows: int = 23, cols: int = 31) -> Any:
    """Return hills with two holes."""
    z = np.random.default_rng(5).normal(1000, 30, (rows, cols))
    z[4, 7] = z[15, 20] = np.nan
    return z


@pytest.mark.parametrize(("faces", "rise"), COMPASS.items())
def test_planes_face_the_eight_winds(faces: int, rise: tuple[int, int]) -> None:
    """Literal planes: the bearing of each wind, the slope 45 degrees straight and atan(sqrt 2) across."""
    ground = gradient(plane(*rise), 10, 10)
    assert aspect_deg(ground) == pytest.approx(np.full((4, 4), faces), abs=1e-4)
    assert slope_deg(ground) == pytest.approx(np.full((4, 4), degrees(atan(hypot(*rise)))), rel=SINGLE)


def test_cells_need_not_be_square() -> None:
    """Literal plane: a rise of 3 in 4 over cells of 20 by 5 m is 36.87 degrees; taken for square it is not."""
    z = plane(0.75, 0.0, width_m=20, height_m=5)
    assert slope_deg(gradient(z, 20, 5))[0, 0] == pytest.approx(36.8699, abs=1e-4)
    assert slope_deg(gradient(z, 5, 5))[0, 0] > 70  # negative control


def test_weights_are_those_of_horn() -> None:
    """Literal raster: one raised cell counts once at a corner, twice at a side and not in the middle."""
    found = np.zeros((3, 3, 2))
    for row, col in np.ndindex(3, 3):
        z = np.zeros((3, 3))
        z[row, col] = 8.0
        ground = gradient(z, 1, 1)
        found[row, col] = ground.east[0, 0], ground.north[0, 0]
    assert found[..., 0].tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert found[..., 1].tolist() == [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]


def test_flat_ground_faces_nowhere() -> None:
    """Literal raster: slope 0, no aspect, no hole, and the light of the sun's height."""
    ground = gradient(np.full((5, 6), 300), 10, 10)
    assert not slope_deg(ground).any()
    assert np.isnan(aspect_deg(ground)).all()
    assert ground.holes == 0
    assert illumination(ground, SUN) == pytest.approx(np.full((3, 4), SUN.cos_zenith), rel=SINGLE)


def test_cone_faces_away_from_its_top() -> None:
    """Published form: a cone of 30 degrees has that slope all around and faces outward, apart from its top."""
    y, x = (np.mgrid[0:81, 0:81] - 40) * 10.0
    ground = gradient(-np.tan(radians(30)) * np.hypot(x, y), 10, 10)
    x, y = x[1:-1, 1:-1], -y[1:-1, 1:-1]
    far = np.hypot(x, y) > 100
    outward = np.degrees(np.arctan2(x, y))
    turned = (aspect_deg(ground) - outward + 180) % 360 - 180
    assert np.abs(turned[far]).max() < 0.5
    assert slope_deg(ground)[far] == pytest.approx(30, abs=0.3)


def test_turning_the_ground_turns_the_aspect() -> None:
    """Law: a quarter turn counterclockwise keeps slopes and takes 90 from every bearing."""
    z = rough()
    before, after = gradient(z, 10, 10), gradient(np.rot90(z), 10, 10)
    assert np.rot90(slope_deg(before)) == pytest.approx(slope_deg(after), rel=1e-5, nan_ok=True)
    turned = (np.rot90(aspect_deg(before)) - 90 - aspect_deg(after) + 180) % 360 - 180
    assert np.nanmax(np.abs(turned)) < 1e-3
    # Sun and ground turned alike, the light is the same
    lit = illumination(after, Sun(SUN.zenith_deg, SUN.azimuth_deg - 90))
    assert np.rot90(illumination(before, SUN)) == pytest.approx(lit, abs=SINGLE, nan_ok=True)


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(0, 89), st.floats(0, 360))
def test_light_is_the_formula_of_the_angles(east: float, north: float, zenith: float, azimuth: float) -> None:
    """Published equation: cos Z cos e + sin Z sin e cos(A - o), by slope and aspect."""
    ground = Gradient(np.float32([[east]]), np.float32([[north]]))
    slope, aspect = radians(float(slope_deg(ground)[0, 0])), float(aspect_deg(ground)[0, 0])
    facing = 0.0 if np.isnan(aspect) else cos(radians(azimuth - aspect))
    z = radians(zenith)
    expected = cos(z) * cos(slope) + sin(z) * sin(slope) * facing
    assert float(illumination(ground, Sun(zenith, azimuth))[0, 0]) == pytest.approx(expected, abs=1e-5)


def test_ground_that_faces_the_sun_is_fully_lit() -> None:
    """Literal planes: 45 degrees towards a sun at 45 has 1, away from it 0; steeper away is below 0."""
    low = Sun(zenith_deg=45, azimuth_deg=90)
    lit = [illumination(gradient(plane(rise, 0), 10, 10), low)[0, 0] for rise in (-1, 1, 2)]
    assert lit[:2] == pytest.approx([1, 0], abs=SINGLE)
    assert lit[2] < -0.3


def test_a_hole_empties_its_nine_cells_and_is_counted() -> None:
    """Literal raster: one missing cell leaves nine without gradient, itself among them; none is filled."""
    z = plane(0.1, 0.2, cells=9)
    z[4, 4] = np.nan
    ground = gradient(z, 10, 10)
    expected = np.zeros((7, 7), bool)
    expected[2:5, 2:5] = True
    assert ground.holes == 9
    for values in (slope_deg(ground), aspect_deg(ground), illumination(ground, SUN)):
        assert (np.isnan(values) == expected).all()


@pytest.mark.parametrize("size", [1, 2, 7, 16, 64])
def test_blocks_change_nothing(size: int) -> None:
    """Law: with their rim, blocks of any size give the whole grid bit by bit, and their holes add up."""
    z = rough()
    whole = gradient(with_rim(z, Block(0, 0, *z.shape)), 10, 20)
    expected = slope_deg(whole), aspect_deg(whole), illumination(whole, SUN)
    found = [np.full(z.shape, -1, np.float32) for _ in expected]
    holes = 0
    for block, ground in map_blocks(lambda b: gradient(with_rim(z, b), 10, 20), z.shape, size=size):
        holes += ground.holes
        for target, part in zip(
            found, (slope_deg(ground), aspect_deg(ground), illumination(ground, SUN)), strict=True
        ):
            target[block.slices] = part
    for target, values in zip(found, expected, strict=True):
        np.testing.assert_array_equal(target, values)
    assert holes == whole.holes == 2 * 9 + 2 * (23 + 31) - 4  # two holes and the edge, which has no rim


@pytest.mark.parametrize(
    ("crs", "named"),
    [("EPSG:4326", "degree"), ("EPSG:2229", "foot"), ("EPSG:3857", "Web Mercator"), (None, "no coord")],
)
def test_other_units_are_refused_by_name(crs: str | None, named: str) -> None:
    """Law: no slope from degrees, feet or Web Mercator."""
    geobox = GeoBox((3, 3), grid(3, 3).transform, crs)
    with pytest.raises(InputError, match=f"^dem.tif: .*{named}"):
        cell_size_m(geobox, "dem.tif")


def test_cell_sizes_are_width_then_height() -> None:
    """Literal grid: 20 m wide, 10 m high."""
    wide = grid(3, 3).transform * type(grid(3, 3).transform).scale(2, 1)
    assert cell_size_m(GeoBox((3, 3), wide, "EPSG:32618")) == (20, 10)


@pytest.mark.parametrize(
    ("z", "size", "named"),
    [
        (np.zeros((3, 3)), 0.0, "sizes above 0"),
        (np.zeros((3, 3)), float("nan"), "sizes above 0"),
        (np.zeros((2, 5)), 10.0, "3 cells"),
        (np.full((3, 3), np.inf), 10.0, "infinite"),
    ],
)
def test_what_is_no_ground_is_refused(z: Any, size: float, named: str) -> None:
    """Law: sizes, shapes and values that mean nothing are named."""
    with pytest.raises(InputError, match=named):
        gradient(z, size, size)


@pytest.mark.parametrize(("zenith", "azimuth"), [(90, 0), (-1, 0), (30, 361), (float("nan"), 0)])
def test_a_sun_below_the_horizon_is_refused(zenith: float, azimuth: float) -> None:
    """Law: no light without sun."""
    with pytest.raises(InputError, match="sun"):
        Sun(zenith, azimuth)


def test_light_at_the_zenith_is_the_cosine_of_the_slope() -> None:
    """Law: under an overhead sun the bearing is nothing."""
    ground = gradient(rough(), 10, 10)
    expected = np.cos(np.radians(slope_deg(ground)))
    assert illumination(ground, Sun(0, 77)) == pytest.approx(expected, abs=SINGLE, nan_ok=True)


def test_sierra_de_neiba() -> None:
    """Independent program: mean slope 17.82 degrees where the mean elevation is 1704.49 m, by rows of degrees."""
    import geopandas
    import rasterio
    from pyproj import Geod
    from rasterio.features import geometry_mask

    folder = case("neiba")
    with rasterio.open(folder / "res" / "nasa_srtm" / "NASADEM_HGT_n18w072.tif") as file:
        z, transform = file.read(1).astype(float), file.transform
    z[z == 65535] = np.nan
    range_ = geopandas.read_file(folder / "sierra_de_neiba_478140.gpkg")
    inside = ~geometry_mask(range_.geometry, z.shape, transform)
    wgs84, slopes = Geod(ellps="WGS84"), np.full(z.shape, np.nan)
    for row in range(1, len(z) - 1):  # a degree of longitude has other metres in each row
        middle = transform.f + transform.e * (row + 0.5)
        width = wgs84.inv(transform.c, middle, transform.c + transform.a, middle)[2]
        height = wgs84.inv(0, middle + transform.e / 2, 0, middle - transform.e / 2)[2]
        slopes[row, 1:-1] = slope_deg(gradient(z[row - 1 : row + 2], width, height))[0]
    assert np.nanmean(slopes[inside]) == pytest.approx(17.82, abs=0.005)
    assert np.nanmean(slope_deg(gradient(z, 100, 100))) > 19  # negative control: cells of another size
