"""True areas on the ellipsoid, against published numbers, GeographicLib and laws."""

from __future__ import annotations

from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer
from shapely.geometry import MultiPolygon, Point, Polygon, box

from geo.areas import CellAreas, cell_areas_ha, parallel_band_area_m2, polygon_areas_ha, require_area_crs
from geo.errors import InputError
from geo.grid import GeoBox
from tests.geo.builders import UTM, grid, layer
from tests.shared import oracle

CLOSED_FORM = 1e-10  # of the oracle: both are closed forms in double precision
GEODESIC = 5e-8  # GeographicLib keeps a few 1e-6 m2 on a cell of 100 m2
CUT = 1e-7  # edges are carried to the equal-area plane by their vertices and cuts of 1 km
UTM_TABLE = 2e-6  # the oracle's quadrangle of 0.001 degree against one cell in its middle

WGS84 = Geod(ellps="WGS84")


def geodesic_ha(shape: Any, crs: str, pieces: int = 200) -> float:
    """Measure a polygon with GeographicLib on a ring densified in its own CRS."""
    size = max(shape.bounds[2] - shape.bounds[0], shape.bounds[3] - shape.bounds[1])
    ring = np.asarray(shapely.segmentize(shape, size / pieces).exterior.coords)
    parsed = CRS.from_user_input(crs)
    lon, lat = Transformer.from_crs(parsed, parsed.geodetic_crs, always_xy=True).transform(ring[:, 0], ring[:, 1])
    geod = parsed.get_geod()
    assert geod is not None
    return abs(geod.polygon_area_perimeter(lon, lat)[0]) / 1e4


def cell_shapes(geobox: GeoBox) -> list[Any]:
    """Return every cell of a grid as a square, row by row."""
    a = geobox.transform
    return [
        box(a.c + col * a.a, a.f + (row + 1) * a.e, a.c + (col + 1) * a.a, a.f + row * a.e)
        for row in range(geobox.shape[0])
        for col in range(geobox.shape[1])
    ]


class TestParallelBand:
    """Closed form of the area between parallels."""

    def test_every_cell_of_the_oracle(self) -> None:
        """Independent program: authalic closed form of the oracle, cross-checked there with GeographicLib."""
        cells = oracle("geodesic_area")["cells"]
        assert len(cells) == 24
        for cell in cells:
            south = np.array([float(cell["lat_south"])])
            found = parallel_band_area_m2(south, south + cell["size_deg"], cell["size_deg"], WGS84)[0]
            assert found == pytest.approx(cell["area_m2"], rel=CLOSED_FORM), cell

    def test_sphere_in_place_of_the_ellipsoid_is_told_apart(self) -> None:
        """Negative control: with a sphere the same cells miss the oracle by far more than the tolerance."""
        cells = oracle("geodesic_area")["cells"]
        ball = Geod(a=6371007.18, b=6371007.18 * (1 - 1e-9))
        south = np.array([float(cell["lat_south"]) for cell in cells])
        size = np.array([float(cell["size_deg"]) for cell in cells])
        found = [
            parallel_band_area_m2(np.array([s]), np.array([s + d]), d, ball)[0]
            for s, d in zip(south, size, strict=True)
        ]
        truth = [cell["area_m2"] for cell in cells]
        assert np.abs(np.array(found) / truth - 1).max() > 1e-3

    def test_whole_earth(self) -> None:
        """Published: the surface of the WGS 84 ellipsoid is 510 065 621.724 km2 (NGA.STND.0036, 2014)."""
        area = parallel_band_area_m2(np.array([-90.0]), np.array([90.0]), 360.0, WGS84)[0]
        assert area / 1e6 == pytest.approx(510_065_621.724, abs=0.001)

    @given(st.floats(-89, 88), st.floats(0.001, 0.5), st.floats(0.001, 0.5))
    @settings(max_examples=50, deadline=None)
    def test_bands_add_up(self, south: float, lower: float, upper: float) -> None:
        """Law: two bands that touch cover what their union covers."""
        edges = np.array([south, south + lower, south + lower + upper])
        parts = parallel_band_area_m2(edges[:-1], edges[1:], 1.0, WGS84).sum()
        whole = parallel_band_area_m2(edges[:1], edges[2:], 1.0, WGS84)[0]
        assert parts == pytest.approx(whole, rel=1e-9)


class TestCellAreas:
    """Areas of the cells of a grid."""

    @pytest.mark.parametrize(
        ("crs", "west", "south", "size"),
        [
            (UTM, 500_000, 440_000, 10.0),
            (UTM, 800_000, 440_000, 10.0),
            (UTM, 300_000, 440_000, 1_000.0),
            ("EPSG:3035", 4_400_000, 3_200_000, 100.0),
            ("EPSG:9377", 5_000_000, 2_000_000, 10.0),
            ("EPSG:6933", -7_000_000, 400_000, 10.0),
            ("EPSG:3395", -8_200_000, 400_000, 10.0),
            ("EPSG:2263", 980_000, 200_000, 100.0),
            ("EPSG:27572", 600_000, 2_400_000, 10.0),
            ("EPSG:4326", -74.0, 4.0, 0.0001),
            ("EPSG:4258", 10.0, 50.0, 0.01),
        ],
        ids=["utm", "utm-edge", "utm-1km", "laea", "ctm12", "ease", "mercator", "feet", "paris", "wgs84", "etrs89"],
    )
    def test_against_geographiclib(self, crs: str, west: float, south: float, size: float) -> None:
        """Independent program: every cell of a small grid against the geodesic polygon of its outline."""
        geobox = GeoBox.from_bbox((west, south, west + 3 * size, south + 2 * size), crs, resolution=size)
        found = np.broadcast_to(cell_areas_ha(geobox), geobox.shape).ravel()
        if crs == "EPSG:27572":  # its geodetic CRS counts in grads, which GeographicLib does not read
            truth = polygon_areas_ha(geopandas.GeoSeries(cell_shapes(geobox), crs=crs))
        else:
            truth = np.array([geodesic_ha(shape, crs) for shape in cell_shapes(geobox)])
        np.testing.assert_allclose(found, truth, rtol=GEODESIC)

    def test_utm_scale_of_the_oracle(self) -> None:
        """Independent program: flat over true area at 4 degrees north, 0 to 3 degrees off the zone's meridian."""
        to_utm = Transformer.from_crs(4326, 32618, always_xy=True)
        for row in oracle("geodesic_area")["utm18N_areal_scale_lat4"]:
            middle = -75.0 + row["lon_offset_from_CM"] + 0.0005
            x, y = to_utm.transform(middle, 4.0005)
            found = 0.01 / cell_areas_ha(grid(1, 1, east=x - 5, north=y + 5))[0, 0]
            assert found == pytest.approx(row["ratio"], rel=UTM_TABLE)
            assert abs(found - 1) > 2e-4  # negative control: flat cells would give 1

    @pytest.mark.parametrize("cell_m", [10.0, 100.0, 1_000.0])
    def test_lattice_is_as_good_as_every_cell(self, cell_m: float) -> None:
        """Brute force: cells far between the exact ones agree with the areas of their own polygons."""
        cells = int(90_000 / cell_m)
        geobox = grid(2, cells, cell_m=cell_m, east=600_000)
        found = cell_areas_ha(geobox)[1]
        some = np.linspace(0, cells - 1, 40).astype(int)
        truth = polygon_areas_ha(geopandas.GeoSeries(np.array(cell_shapes(geobox))[cells + some], crs=UTM))
        np.testing.assert_allclose(found[some], truth, rtol=GEODESIC)

    def test_blocks_of_a_grid_have_the_areas_of_the_grid(self) -> None:
        """Law: cutting the grid changes no cell by more than the interpolation error."""
        geobox = grid(300, 300, east=700_000)
        whole = cell_areas_ha(geobox)
        np.testing.assert_allclose(cell_areas_ha(geobox[100:137, 55:219]), whole[100:137, 55:219], rtol=1e-8)

    def test_degrees_need_one_column(self) -> None:
        """Literal raster: the area in a geographic grid depends on the row alone."""
        geobox = GeoBox.from_bbox((0, 0, 2, 3), "EPSG:4326", resolution=1)
        found = cell_areas_ha(geobox)
        assert found.shape == (3, 1)
        assert (np.diff(found[:, 0]) > 0).all()  # rows run south, to wider parallels

    @pytest.mark.parametrize("crs", ["EPSG:3857", "ESRI:102100", "ESRI:102113", "EPSG:3785", "EPSG:900913"])
    def test_web_mercator_is_refused_under_any_name(self, crs: str) -> None:
        """Law: no name of Web Mercator carries an area."""
        with pytest.raises(InputError, match=r"Web Mercator.*UTM zone or an equal-area CRS"):
            cell_areas_ha(GeoBox.from_bbox((0, 0, 20, 20), crs, resolution=10))

    def test_web_mercator_error_it_would_make(self) -> None:
        """Independent program: what the refusal prevents, 46 per cent at 34 degrees, is what the ellipsoid says."""
        row = next(r for r in oracle("geodesic_area")["webmercator_areal_scale"] if r["lat"] == 34)
        to_map = Transformer.from_crs(4326, 3857, always_xy=True)
        x, y = to_map.transform(65.0, 34.0)
        true_ha = polygon_areas_ha(geopandas.GeoSeries([box(x - 5, y - 5, x + 5, y + 5)], crs=3857))[0]
        assert 0.01 / true_ha == pytest.approx(row["webmercator_area_scale"], rel=1e-6)

    @pytest.mark.parametrize(
        "transform",
        [
            Affine(9, 1, 0, 1, -9, 0),
            Affine(10, 0, 0, 0, 10, 0),
            Affine(-10, 0, 0, 0, -10, 0),
        ],
        ids=["rotated", "south-up", "east-left"],
    )
    def test_other_than_north_up_is_refused(self, transform: Affine) -> None:
        """Law: a grid whose rows do not run south is refused rather than measured."""
        with pytest.raises(InputError, match="rotated or mirrored"):
            cell_areas_ha(GeoBox((3, 3), transform, UTM))

    def test_grid_off_the_map_is_refused(self) -> None:
        """Law: cells where the projection has no land have no area, not an area of 0."""
        with pytest.raises(InputError, match="outside the domain of WGS 84 / UTM zone 18N"):
            cell_areas_ha(grid(2, 2, east=1e9, north=1e9))
        with pytest.raises(InputError, match="outside the domain of WGS 84"):
            cell_areas_ha(GeoBox.from_bbox((0, 89, 2, 92), "EPSG:4326", resolution=1))

    def test_grid_without_crs_is_refused(self) -> None:
        """Law: without a CRS there is no area."""
        with pytest.raises(InputError, match="no coordinate reference system"):
            cell_areas_ha(GeoBox((3, 3), Affine(10, 0, 0, 0, -10, 0), None))


class TestRequireAreaCrs:
    """Coordinate systems that carry areas."""

    @pytest.mark.parametrize("crs", ["EPSG:32618", "EPSG:4326", "EPSG:3395", "EPSG:32618+5773", 32618])
    def test_fit(self, crs: object) -> None:
        """Law: projected systems and degrees pass."""
        require_area_crs(crs, where="x")

    @pytest.mark.parametrize(
        ("crs", "told"),
        [
            (None, "no coordinate reference system"),
            ("EPSG:99999", "EPSG:99999, which is no known CRS"),
            ("utm 18", "utm 18, which is no known CRS"),
            ("EPSG:4978", "neither projected nor geographic"),
            ("EPSG:4807", "grads"),
        ],
    )
    def test_unfit(self, crs: object, told: str) -> None:
        """Law: every other one is refused in words, with the place it was found."""
        with pytest.raises(InputError, match=told) as caught:
            require_area_crs(crs, where="survey.toml [area] crs")
        assert str(caught.value).startswith("survey.toml [area] crs: found ")


class TestPolygonAreas:
    """Areas of polygons."""

    @pytest.mark.parametrize("crs", [UTM, "EPSG:9377", "EPSG:4326", "EPSG:3116", "EPSG:3857"])
    def test_against_geographiclib(self, crs: str) -> None:
        """Independent program: a concave field of a few hectares against its geodesic polygon."""
        field = Polygon([(-74.1, 4.0), (-74.098, 4.0), (-74.098, 4.002), (-74.099, 4.0007), (-74.1, 4.002)])
        shape = geopandas.GeoSeries([field], crs=4326).to_crs(crs)
        assert polygon_areas_ha(shape)[0] == pytest.approx(geodesic_ha(shape.iloc[0], crs), rel=CUT)

    def test_large_polygon_in_degrees(self) -> None:
        """Published: a quadrangle of one degree is the band between its parallels, whose edges are no geodesics."""
        quad = geopandas.GeoSeries([box(-74, 34, -73, 35)], crs=4326)
        band = parallel_band_area_m2(np.array([34.0]), np.array([35.0]), 1.0, WGS84)[0] / 1e4
        assert polygon_areas_ha(quad)[0] == pytest.approx(band, rel=1e-7)
        # Negative control: with edges as geodesics between the corners alone the area is another
        corners = abs(WGS84.geometry_area_perimeter(quad.iloc[0])[0]) / 1e4
        assert abs(corners / band - 1) > 5e-7

    def test_reprojection_keeps_area(self) -> None:
        """Law: a field has one area, whatever plane it is drawn on, once its edges are cut fine enough."""
        field = shapely.segmentize(box(500_000, 440_000, 500_400, 440_250), 5)
        here = geopandas.GeoSeries([field], crs=UTM)
        areas = [polygon_areas_ha(here.to_crs(crs))[0] for crs in (UTM, 32619, 9377, 4326, 3035, 3857)]
        np.testing.assert_allclose(areas, areas[0], rtol=1e-8)

    def test_cells_and_polygons_agree(self) -> None:
        """Law: the cells of a grid add up to the rectangle that they fill, in UTM and in degrees."""
        for geobox in (
            grid(40, 60, east=720_000),
            GeoBox.from_bbox((60, 30, 60.3, 30.2), "EPSG:4326", resolution=0.01),
        ):
            cells = np.broadcast_to(cell_areas_ha(geobox), geobox.shape).sum()
            outline = geopandas.GeoSeries([box(*geobox.boundingbox)], crs=str(geobox.crs))
            assert polygon_areas_ha(outline)[0] == pytest.approx(cells, rel=1e-8)

    def test_holes_parts_and_nothing(self) -> None:
        """Law: a hole is taken out, parts add up, and empty or missing shapes are 0 hectares."""
        x, y = 500_000, 440_000
        outer, hole = box(x, y, x + 100, y + 100), box(x + 20, y + 20, x + 60, y + 60)
        ring = Polygon(outer.exterior.coords, [list(hole.exterior.coords)])
        series = geopandas.GeoSeries(
            [outer, hole, ring, MultiPolygon([hole, box(x + 200, y, x + 300, y + 100)])], crs=UTM
        )
        whole, inner, left, both = polygon_areas_ha(series)
        assert left == pytest.approx(whole - inner, rel=1e-9)
        assert both == pytest.approx(whole + inner, rel=1e-6)  # the scale changes by 1e-7 over 200 m
        assert polygon_areas_ha(geopandas.GeoSeries([None, Polygon(), Point(1, 1)], crs=UTM)).tolist() == [0, 0, 0]
        assert polygon_areas_ha(geopandas.GeoSeries([], crs=UTM)).shape == (0,)

    def test_height_does_not_count(self) -> None:
        """Law: a third coordinate changes no area."""
        flat = geopandas.GeoSeries([box(500_000, 440_000, 500_100, 440_100)], crs=UTM)
        tall = flat.set_crs(UTM).apply(lambda s: shapely.force_3d(s, 2_500.0)).set_crs(UTM)
        assert polygon_areas_ha(tall)[0] == polygon_areas_ha(flat)[0]

    def test_without_crs_is_refused(self) -> None:
        """Law: a layer without a CRS has no area."""
        with pytest.raises(InputError, match="no coordinate reference system"):
            polygon_areas_ha(layer([box(0, 0, 1, 1)], crs=None))

    def test_metres_called_degrees_are_refused(self) -> None:
        """Law: a wrong CRS is told, and is not an area of 0."""
        with pytest.raises(InputError, match="outside the domain of WGS 84"):
            polygon_areas_ha(geopandas.GeoSeries([box(500_000, 440_000, 500_100, 440_100)], crs=4326))

    def test_input_is_not_changed(self) -> None:
        """Law: measuring a layer leaves it as it was."""
        table = layer([box(500_000, 440_000, 500_100, 440_100)])
        before = table.copy(deep=True)
        polygon_areas_ha(table)
        assert table.equals(before)
        assert table.crs == before.crs


@pytest.mark.parametrize("crs", ["EPSG:32618", "EPSG:4326", "EPSG:6933"])
def test_windows_and_cells_have_the_areas_of_the_whole_grid(crs: str) -> None:
    """Law: a cell has the same bits whether its area is asked for in a window, by its number, or with all."""
    geographic = crs == "EPSG:4326"
    corner, cell = ((-72.0, 4.0), 0.01) if geographic else ((300_000.0, 400_000.0), 90.0)
    west, south = corner
    box = GeoBox((50, 70), Affine(cell, 0, west, 0, -cell, south + 50 * cell), crs)
    areas = CellAreas(box)
    whole = np.broadcast_to(cell_areas_ha(box), box.shape)
    assert areas.shape == (50, 70)
    assert (areas[7:20, 30:41] == whole[7:20, 30:41]).all()
    assert (areas[49:, 0:1] == whole[49:, 0:1]).all()
    cells = np.array([3499, 0, 71, 70, 1234, 71])
    assert (areas.at(cells) == whole.reshape(-1)[cells]).all()
    assert areas[10:10, :].size == 0
