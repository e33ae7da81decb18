"""The compact forms lose nothing that can be seen."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal

import geopandas
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import shapely
from hypothesis import given

from maps.columns import SCALE, encode_lines, encode_outline, encode_polygons, encode_table, script_json
from tests.maps import builders

STEP_M = 1.2  # 1/100000 degree at the equator, with rounding


def decoded(features: list[list[list[list[int]]]]) -> list[shapely.MultiPolygon]:
    """Undo the encoding as the page does, in degrees."""
    out = []
    for polygons in features:
        parts = []
        for rings in polygons:
            shells = [np.cumsum(np.reshape(ring, (-1, 2)), axis=0) / SCALE for ring in rings]
            parts.append(shapely.Polygon(shells[0], shells[1:]))
        out.append(shapely.MultiPolygon(parts))
    return out


def test_polygons_return() -> None:
    """Law: what the page decodes covers the same ground, to the width of a line on the screen."""
    frame = builders.units()
    back = geopandas.GeoSeries(decoded(encode_polygons(frame, coverage=True)), crs=4326).to_crs(builders.CRS)
    apart = shapely.area(shapely.symmetric_difference(back.values, frame.geometry.values))
    assert (apart / shapely.area(frame.geometry.values) < 0.01).all()


def test_neighbours_still_touch() -> None:
    """Law: after simplification the units leave no gap and do not overlap."""
    frame = builders.units(60)
    back = geopandas.GeoSeries(decoded(encode_polygons(frame, coverage=True)), crs=4326).to_crs(builders.CRS)
    whole = shapely.area(shapely.union_all(back.values))
    assert abs(shapely.area(back.values).sum() / whole - 1) < 1e-5


def test_holes_and_parts_are_kept() -> None:
    """Literal: a square with a hole and an island come back as two polygons, one with a hole."""
    outer = shapely.box(0, 0, 1, 1).difference(shapely.box(0.4, 0.4, 0.6, 0.6))
    shape = shapely.MultiPolygon([outer, shapely.box(2, 0, 3, 1)])
    frame = geopandas.GeoDataFrame(geometry=[shape], crs=4326)
    [back] = decoded(encode_polygons(frame, coverage=False))
    assert shapely.equals(shapely.normalize(back), shapely.normalize(shape))


def test_outline_is_the_union() -> None:
    """Law: the outline encloses the area of all units."""
    frame = builders.units()
    [back] = decoded([encode_outline(frame)])
    back_m2 = geopandas.GeoSeries([back], crs=4326).to_crs(builders.CRS).area.sum()
    assert abs(back_m2 / frame.area.sum() - 1) < 1e-3


def test_outline_has_no_seams_where_edges_do_not_meet() -> None:
    """Literal: two halves of a square with a gap of a metre are outlined as one square; a real hole stays."""
    hole = shapely.box(2_000, 2_000, 4_000, 4_000)
    halves = [shapely.difference(shapely.box(0, 0, 10_000, 5_000), hole), shapely.box(0, 5_001, 10_000, 10_000)]
    frame = geopandas.GeoDataFrame(geometry=halves, crs="EPSG:32618")
    (rings,) = encode_outline(frame)
    assert len(rings) == 2
    assert [len(ring) // 2 for ring in rings] == [4, 4]


def test_lines_return() -> None:
    """Law: a decoded river lies on the river."""
    [river, _] = builders.lines()
    [[steps]] = encode_lines(river.frame)
    back = shapely.LineString(np.cumsum(np.reshape(steps, (-1, 2)), axis=0) / SCALE)
    metric = geopandas.GeoSeries([back], crs=4326).to_crs(builders.CRS).iloc[0]
    assert shapely.hausdorff_distance(metric, river.frame.geometry.iloc[0]) < builders.SIDE_M / 1000


def test_table_returns() -> None:
    """Law: runs and values give back every cell; a missing number is null and not zero."""
    table = pd.DataFrame(
        {
            "crop": ["coca", "coca", "poppy", "coca"],
            "ha": [1.0, np.nan, 2.34, np.inf],
            "name": ["a", "b", "b", None],
        }
    )
    packed = encode_table(table)
    assert packed["numbers"]["ha"] == [1, None, 2.34, None]
    for column in ("crop", "name"):
        entry = packed["texts"][column]
        cells = []
        for index, length in zip(entry["runs"][::2], entry["runs"][1::2], strict=True):
            cells += [entry["values"][index]] * length
        assert cells == table[column].fillna("").tolist()


def test_columns_take_their_shortest_form() -> None:
    """Literal: a constant number is one run; names that come again in each period are said once."""
    table = pd.DataFrame({"level": [0.95] * 9, "name": ["a", "b", "c"] * 3, "kind": ["stock"] * 9})
    packed = encode_table(table)
    assert packed["numbers"] == {"level": {"values": [0.95], "runs": [0, 9]}}
    assert packed["texts"]["name"] == {"values": ["a", "b", "c"], "turns": 3}
    assert packed["texts"]["kind"] == {"values": ["stock"], "runs": [0, 9]}


@given(st.floats(-1e6, 1e6), st.integers(0, 2))
def test_cut_numbers_round_alike(value: float, decimals: int) -> None:
    """Law: what the page prints from the cut number is what the tables print from the full one."""
    [cut] = encode_table(pd.DataFrame({"ha": [value]}))["numbers"]["ha"]

    def printed(number: float) -> Decimal:
        return Decimal(number).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)

    assert printed(cut) == printed(value)


def test_json_cannot_close_its_script() -> None:
    """Literal: no sign that HTML or JavaScript reads is left in the JSON, and it still says the same."""
    hostile = {"name": "</script><script>alert(1)</script>\u2028<!--&"}
    text = script_json(hostile)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == hostile
