"""Zones and overlay: the partition adds up, the zones alone do not, and cells and points agree with polygons."""

from __future__ import annotations

import time
from itertools import permutations

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi import overlay
from aoi.overlay import (
    alone_areas,
    cell_areas_by_zone,
    layer_areas,
    partition,
    partition_areas,
    zone_of_cells,
    zone_of_points,
)
from aoi.zones import OUTSIDE, ZoneLayer, Zones, exclusive, stack
from geo.areas import cell_areas_ha, polygon_areas_ha
from geo.errors import InputError, SurveyFileError
from geo.grid import GeoBox, cell_centres
from tests.aoi.shapes import CRS, SOUTH, WEST, blobs, layer, squares

EXACT = 1e-9  # relative: cutting polygons moves vertices by rounding only
CHORD = 1e-6  # relative: a cut edge is measured in other pieces of at most 1 km than the whole one


def _zones(*layers: ZoneLayer) -> Zones:
    return stack(layers, CRS)


def test_partition_of_squares() -> None:
    """Literal: a field of 4 ha under two overlapping zones gives 1 ha to the first, 1 to the second, 2 to none."""
    zones = _zones(layer("park", (0, 0, 1)), layer("reserve", (0, 0, 2)))
    field = squares((0, 0, 1), (1, 1, 2))
    pieces = partition(field, zones)
    plane = pieces.geometry.area / 1e4
    assert pieces["feature"].tolist() == [0, 1, 1]
    assert pieces["code"].tolist() == [1, OUTSIDE, 2]
    assert pieces["layer"].tolist() == ["park", "", "reserve"]
    np.testing.assert_allclose(plane, [1.0, 3.0, 1.0], rtol=EXACT)
    assert (np.abs(pieces["area_ha"] / plane - 1) < 1e-3).all()  # UTM scale on the central meridian: 0.9996 squared


def test_precedence_decides_whose_ground_it_is() -> None:
    """Literal: with the order turned round the reserve takes the ground that the park had."""
    zones = _zones(layer("park", (0, 0, 1)), layer("reserve", (0, 0, 2)))
    field = squares((0, 0, 2))
    park_first = partition_areas(partition(field, zones), zones)["area_ha"].to_numpy()
    reserve_first = partition_areas(partition(field, zones, ["reserve", "park"]), zones)["area_ha"].to_numpy()
    np.testing.assert_allclose(park_first / park_first.sum(), [0.25, 0.75, 0.0], rtol=CHORD, atol=1e-12)
    np.testing.assert_allclose(reserve_first / reserve_first.sum(), [0.0, 1.0, 0.0], rtol=CHORD, atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_parts_add_up_whatever_the_precedence(seed: int) -> None:
    """Law: for every order of the layers the pieces are disjoint and add up to each feature."""
    rng = np.random.default_rng(seed)
    features = squares(*((4 * x, 4 * y, 4) for x in range(3) for y in range(3)))
    layers = [ZoneLayer(name=name, frame=blobs(rng, 6, width_m=1200, radius_m=250), label="name") for name in "abc"]
    zones = stack(layers, CRS)
    whole = polygon_areas_ha(features)
    for order in permutations("abc"):
        told: list[tuple[int, int]] = []
        pieces = partition(features, zones, order, lambda done, total, told=told: told.append((done, total)))  # type: ignore[misc]
        assert told == sorted(told)
        assert not told or told[-1][0] == told[-1][1]
        sums = np.bincount(pieces["feature"], weights=pieces["area_ha"], minlength=len(features))
        np.testing.assert_allclose(sums, whole, rtol=CHORD)
        covered = shapely.union_all(pieces.geometry.values).area
        assert covered == pytest.approx(pieces.geometry.area.sum(), rel=EXACT)


@pytest.mark.parametrize("turns", [0, 32])
def test_agrees_with_geopandas_overlay(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Independent program: geopandas.overlay with zones dissolved one after the other gives the same areas."""
    monkeypatch.setattr(overlay, "_MOST_TURNS", turns)  # 0 takes the way of zones made disjoint first
    rng = np.random.default_rng(7)
    features = blobs(rng, 120, width_m=5_000, radius_m=60)
    features = features[features.index.isin(_apart(features))].reset_index(drop=True)
    zones = stack(
        [ZoneLayer(name=name, frame=blobs(rng, 8, width_m=5_000, radius_m=900), label="name") for name in "ab"],
        CRS,
    )
    ours = partition(features, zones)
    expected = np.zeros(len(zones) + 1)
    rest = features[["geometry"]].assign(feature=range(len(features)))
    for row in range(len(zones)):
        zone = geopandas.GeoDataFrame(geometry=[zones.shapes[row]], crs=CRS)
        taken = geopandas.overlay(rest, zone, how="intersection", keep_geom_type=True)
        expected[row + 1] = polygon_areas_ha(taken).sum() if len(taken) else 0.0
        rest = geopandas.overlay(rest, zone, how="difference", keep_geom_type=True)
    expected[0] = polygon_areas_ha(rest).sum()
    found = np.bincount(ours["code"], weights=ours["area_ha"], minlength=len(zones) + 1)
    np.testing.assert_allclose(found, expected, rtol=CHORD, atol=1e-9)
    assert expected[1:].max() > 1.0


def _apart(frame: geopandas.GeoDataFrame) -> list[int]:
    """Return rows that touch no earlier kept row."""
    kept: list[int] = []
    for row, shape in enumerate(frame.geometry):
        if not any(shape.intersects(frame.geometry.iloc[other]) for other in kept):
            kept.append(row)
    return kept


def test_exclusive_zones_share_nothing_and_cover_the_same() -> None:
    """Law: made exclusive, zones are disjoint and their union is unchanged."""
    zones = stack(
        [ZoneLayer(name="a", frame=blobs(np.random.default_rng(3), 40, width_m=5000, radius_m=600), label="name")],
        CRS,
    )
    cut = exclusive(zones)
    union = shapely.union_all(zones.shapes).area
    assert shapely.area(cut.shapes).sum() == pytest.approx(union, rel=EXACT)
    assert shapely.area(zones.shapes).sum() > 1.2 * union  # the control: they did overlap


def test_alone_is_not_additive() -> None:
    """Literal: each zone stands for itself, so the rows add to more than the ground there is."""
    zones = _zones(layer("park", (0, 0, 2), (1, 0, 2)), layer("reserve", (0, 0, 2)))
    table = alone_areas(squares((0, 0, 3)), zones).set_index(["layer", "zone"])
    assert not table["additive"].any()
    share = table["alone_ha"] / table.loc[("reserve", ""), "alone_ha"]
    np.testing.assert_allclose(
        share.loc[[("park", ""), ("park", "z0"), ("park", "z1")]], [1.5, 1.0, 1.0], rtol=1e-6
    )
    by_feature = layer_areas(squares((0, 0, 1), (2, 0, 1)), zones)
    np.testing.assert_allclose(by_feature / by_feature[0, 0], [[1, 1], [1, 0]], rtol=1e-6, atol=1e-12)


def test_rows_of_one_label_are_one_zone() -> None:
    """Literal: two rows that carry one name are joined, and their shared ground counts once."""
    frame = squares((0, 0, 2), (1, 0, 2)).assign(name="Amazonia")
    zones = stack([ZoneLayer(name="ley2", frame=frame, label="name")], CRS)
    assert len(zones) == 1
    assert zones.shapes[0].area == pytest.approx(6e4)


def test_cells_take_the_zone_of_their_centre() -> None:
    """Literal raster: codes by centre, the first layer over the second, 0 outside."""
    zones = _zones(layer("park", (1, 0, 2)), layer("reserve", (0, 0, 2)))
    geobox = GeoBox.from_bbox((WEST, SOUTH, WEST + 400, SOUTH + 300), CRS, resolution=100)
    codes = zone_of_cells(geobox, zones)
    assert codes.dtype == np.uint16
    assert codes.tolist() == [[0, 0, 0, 0], [2, 1, 1, 0], [2, 1, 1, 0]]
    turned = zone_of_cells(geobox, zones, ["reserve", "park"])
    assert turned.tolist() == [[0, 0, 0, 0], [2, 2, 1, 0], [2, 2, 1, 0]]
    areas = cell_areas_by_zone(codes, geobox, len(zones))
    assert areas.sum() == pytest.approx(np.broadcast_to(cell_areas_ha(geobox), codes.shape).sum(), rel=EXACT)
    inside = cell_areas_by_zone(codes, geobox, len(zones), within=codes > 0)
    assert inside[0] == 0.0
    assert inside[1] == areas[1]


def test_points_and_cells_agree() -> None:
    """Law: the zone of a cell is the zone of the point at its centre, for any precedence."""
    rng = np.random.default_rng(11)
    layers = [ZoneLayer(name=name, frame=blobs(rng, 20, width_m=4000, radius_m=500), label="name") for name in "ab"]
    zones = stack(layers, CRS)
    geobox = GeoBox.from_bbox((WEST, SOUTH, WEST + 4000, SOUTH + 4000), CRS, resolution=40)
    xx, yy = cell_centres(geobox, *np.indices(geobox.shape))
    points = geopandas.GeoSeries.from_xy(xx.ravel(), yy.ravel(), crs=CRS)
    for order in (None, ("b", "a")):
        by_point = zone_of_points(points, zones, order).reshape(geobox.shape)
        assert (by_point == zone_of_cells(geobox, zones, order)).mean() > 0.9999
    assert (zone_of_points(points, zones) != zone_of_points(points, zones, ["b", "a"])).any()


def test_point_on_a_common_border_has_one_zone() -> None:
    """Literal: a point where two zones meet belongs to the higher of them."""
    zones = _zones(layer("low", (0, 0, 1)), layer("high", (1, 0, 1)))
    point = geopandas.GeoSeries.from_xy([WEST + 100], [SOUTH + 50], crs=CRS)
    assert zone_of_points(point, zones).tolist() == [1]
    assert zone_of_points(point, zones, ["high", "low"]).tolist() == [2]


def test_areas_are_of_the_ellipsoid() -> None:
    """Independent program: a degree square by parallels has the closed-form area, whatever cuts it."""
    shapes = [shapely.box(-74, 0, -73, 1)]
    degree = geopandas.GeoDataFrame({"name": ["a"]}, geometry=shapes, crs="EPSG:4326")
    half = ZoneLayer(
        name="half", frame=degree.set_geometry([shapely.box(-74, 0, -73.5, 1)], crs="EPSG:4326"), label="name"
    )
    pieces = partition(degree, stack([half], "EPSG:4326"))
    # Snyder (1987) eq. 3-12, straight edges in longitude and latitude
    assert pieces["area_ha"].sum() == pytest.approx(1_230_846.389, rel=1e-6)
    assert pieces["area_ha"].tolist() == pytest.approx([615_423.19] * 2, rel=1e-6)


def test_wrong_precedence_names_every_fault() -> None:
    """Literal: a layer twice, an unknown one and a forgotten one are told at once."""
    zones = _zones(layer("park", (0, 0, 1)), layer("reserve", (0, 0, 2)))
    with pytest.raises(SurveyFileError, match=r"(?s)'park' twice.*'lake'.*no place for layer 'reserve'"):
        partition(squares((0, 0, 1)), zones, ["park", "park", "lake"])


def test_wrong_layers_name_every_fault() -> None:
    """Literal: no CRS, a line among polygons and a missing label are told at once."""
    bare = squares((0, 0, 1)).set_crs(None, allow_override=True)
    line = geopandas.GeoDataFrame({"name": [None]}, geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=CRS)
    layers = [ZoneLayer(name="bare", frame=bare, label="name"), ZoneLayer(name="line", frame=line, label="name")]
    with pytest.raises(InputError, match=r"(?s)bare.*no coordinate.*line.*no polygons.*no name in row 1"):
        stack(layers, CRS)
    with pytest.raises(SurveyFileError, match="park twice"):
        stack([layer("park", (0, 0, 1))] * 2, CRS)
    with pytest.raises(InputError, match="features to overlay"):
        partition(bare, _zones(layer("park", (0, 0, 1))))


def test_invalid_zone_is_repaired_and_keeps_its_area() -> None:
    """Law: a bow tie counts the ground of both its wings, and inputs stay as they were."""
    bow = shapely.Polygon([(WEST, SOUTH), (WEST + 200, SOUTH + 200), (WEST + 200, SOUTH), (WEST, SOUTH + 200)])
    frame = geopandas.GeoDataFrame({"name": ["bow"]}, geometry=[bow], crs=CRS)
    zones = stack([ZoneLayer(name="a", frame=frame, label="name")], CRS)
    pieces = partition(squares((0, 0, 2)), zones)
    assert pieces.geometry.area.tolist() == pytest.approx([2e4, 2e4])
    assert not frame.geometry.is_valid.any()


def test_many_fields_many_zones_in_seconds() -> None:
    """Brute force is out of reach: 20,000 fields by 2,000 zones stay under 15 seconds and add up."""
    rng = np.random.default_rng(1)
    fields = blobs(rng, 20_000, width_m=90_000, radius_m=30)
    zones = stack(
        [ZoneLayer(name="a", frame=blobs(rng, 2_000, width_m=90_000, radius_m=1_200, corners=30), label="name")],
        CRS,
    )
    start = time.process_time()
    pieces = partition(fields, zones)
    assert time.process_time() - start < 15
    assert pieces["area_ha"].sum() == pytest.approx(polygon_areas_ha(fields).sum(), rel=CHORD)
