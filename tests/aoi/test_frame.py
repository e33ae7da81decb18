"""The area frame: units partition it, and nothing that would count a hectare twice is let in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import geopandas
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box

from aoi.frame import AreaFrame, build_frame
from geo.areas import cell_areas_ha, polygon_areas_ha
from geo.errors import InputError

UTM = "EPSG:32618"
EAST, NORTH = 500_000, 400_000
EXACT = 1e-12  # sums of the same cells in another order


def rectangle(left: float, bottom: float, right: float, top: float) -> Any:
    """Return a rectangle relative to the corner (EAST, NORTH)."""
    return box(EAST + left, NORTH + bottom, EAST + right, NORTH + top)


def units(shapes: Sequence[Any], *, crs: Any = UTM, codes: Sequence[str] = ()) -> geopandas.GeoDataFrame:
    """Return administrative units with codes ``01``, ``02``, ... unless given."""
    numbers = list(codes) or [f"{n:02d}" for n in range(1, len(shapes) + 1)]
    return geopandas.GeoDataFrame(
        {"kode": numbers, "nom": [f"U{n}" for n in numbers]}, geometry=list(shapes), crs=crs
    )


def build(admin: Any, *, crs: str | None = None, resolution_m: float = 10.0) -> AreaFrame:
    """Return the frame of units made by `units`."""
    return build_frame(admin, code="kode", name="nom", crs=crs, resolution_m=resolution_m)


TWO = [rectangle(0, 0, 20, 30), rectangle(20, 0, 40, 30)]


class TestCells:
    """Which cell belongs to which unit."""

    def test_two_rectangles(self) -> None:
        """Literal raster: two units side by side, and a third with a step that leaves a corner outside."""
        step = Polygon([(EAST + 40, NORTH), (EAST + 60, NORTH), (EAST + 60, NORTH + 10), (EAST + 40, NORTH + 28)])
        frame = build(units([*TWO, step]))
        # The slanted side passes at 23.5 and 14.5 m through the third unit's two columns of centres
        assert frame.unit_of_cell.tolist() == [[1, 1, 2, 2, 0, 0], [1, 1, 2, 2, 3, 0], [1, 1, 2, 2, 3, 3]]
        assert frame.inside.tolist() == [[True] * 4 + [False] * 2, [True] * 5 + [False], [True] * 6]
        assert frame.unit_of_cell.dtype == np.uint16

    def test_codes_stay_text(self) -> None:
        """Law: codes keep their leading zeros, names and order come with them."""
        frame = build(units(TWO[::-1], codes=["05001", "00010"]))
        assert frame.admin["code"].tolist() == ["05001", "00010"]
        assert frame.admin["name"].tolist() == ["U05001", "U00010"]
        assert frame.unit_of_cell[0].tolist() == [2, 2, 1, 1]

    def test_grid_is_anchored_at_whole_cells(self) -> None:
        """Law: two frames of one resolution share their cells, wherever their polygons begin."""
        frame = build(units([rectangle(3, 4, 38, 29)]))
        assert (frame.geobox.transform.c % 10, frame.geobox.transform.f % 10) == (0, 0)
        assert frame.geobox.shape == (3, 4)

    @pytest.mark.parametrize("resolution_m", [1.0, 7.5, 20.0])
    def test_finer_cells_come_nearer_to_the_polygon(self, resolution_m: float) -> None:
        """Law: cells counted by their centres miss the polygon by less than the belt of cells round it."""
        shape = Point(EAST, NORTH).buffer(150)
        frame = build(units([shape]), resolution_m=resolution_m)
        belt_ha = shape.length * resolution_m * np.sqrt(2) / 1e4
        assert abs(frame.area_ha - frame.polygon_area_ha[0]) < belt_ha
        assert frame.polygon_area_ha[0] == polygon_areas_ha(units([shape]))[0]


class TestAreas:
    """Hectares of the frame and its parts."""

    @given(st.integers(0, 2**31), st.integers(1, 6))
    @settings(max_examples=20, deadline=None)
    def test_units_partition_the_frame(self, seed: int, count: int) -> None:
        """Law: units that tile a rectangle tile the frame: each cell in one, their areas its area."""
        cuts = np.r_[0, np.sort(np.random.default_rng(seed).choice(np.arange(1, 20), count - 1, replace=False)), 20]
        shapes = [rectangle(10 * a, 0, 10 * b, 50) for a, b in itertools.pairwise(cuts)]
        frame = build(units(shapes))
        assert (frame.unit_of_cell > 0).all()
        assert frame.unit_areas_ha.sum() == pytest.approx(frame.area_ha, rel=EXACT)
        assert frame.area_ha == pytest.approx(cell_areas_ha(frame.geobox).sum(), rel=EXACT)
        np.testing.assert_allclose(frame.unit_areas_ha, frame.polygon_area_ha, rtol=1e-8)

    def test_areas_are_true_and_not_counts(self) -> None:
        """Independent program: 12 cells of 0.01 ha on the central meridian are 0.08 per cent more land."""
        frame = build(units([rectangle(0, 0, 40, 30)]))
        assert frame.area_ha / 0.12 == pytest.approx(1 / 0.9992001601, rel=1e-6)

    def test_areas_by_label(self) -> None:
        """Brute force: hectares by a label of cells are sums of the cells' areas; labels without cells are 0."""
        frame = build(units(TWO))
        label = np.array([[0, 1, 1, 3], [0, 0, 3, 3], [1, 1, 1, 1]])
        cells = np.broadcast_to(frame.cell_area_ha, label.shape)
        expected = [cells[label == k].sum() for k in range(5)]
        np.testing.assert_allclose(frame.areas_by(label, 5), expected, rtol=EXACT)
        assert frame.areas_by(label, 5)[[2, 4]].tolist() == [0, 0]

    def test_input_is_not_changed(self) -> None:
        """Law: the layer given stays as it was."""
        admin = units(TWO).to_crs(4326)
        before = admin.copy(deep=True)
        build(admin)
        assert admin.equals(before)


class TestCrs:
    """The CRS of the grid."""

    @pytest.mark.parametrize(
        ("crs", "expected"),
        [
            (UTM, "EPSG:32618"),
            ("EPSG:9377", "EPSG:9377"),
            (4326, "EPSG:32618"),
            (3857, "EPSG:32618"),
            (32718, "EPSG:32718"),
        ],
    )
    def test_own_or_utm(self, crs: Any, expected: str) -> None:
        """Law: a layer in metres keeps its CRS; degrees and Web Mercator go to the UTM zone of the layer."""
        assert str(build(units([rectangle(0, 0, 100, 100)]).to_crs(crs)).geobox.crs) == expected

    def test_feet_go_to_metres(self) -> None:
        """Law: a layer in feet does not make cells of ten feet."""
        frame = build(units([box(980_000, 200_000, 981_000, 201_000)], crs=2263))
        assert str(frame.geobox.crs) == "EPSG:32618"
        assert frame.area_ha == pytest.approx((1000 * 0.3048) ** 2 / 1e4, rel=0.08)

    def test_given(self) -> None:
        """Law: the CRS asked for is taken, and the area stays the same."""
        admin = units([rectangle(0, 0, 400, 400)])
        frame = build(admin, crs="EPSG:9377")
        assert str(frame.geobox.crs) == "EPSG:9377"
        np.testing.assert_allclose(frame.polygon_area_ha, polygon_areas_ha(admin), rtol=1e-7)

    @pytest.mark.parametrize(
        ("crs", "told"),
        [
            ("EPSG:4326", r"EPSG:4326 \(not in metres\)"),
            ("EPSG:2263", r"EPSG:2263 \(not in metres\)"),
            ("EPSG:3857", "Web Mercator"),
            ("EPSG:99999", "no known CRS"),
        ],
    )
    def test_refused(self, crs: str, told: str) -> None:
        """Law: a CRS that cannot carry the grid is refused by its key in the survey file."""
        with pytest.raises(InputError, match=rf"^\[area\] crs: found .*{told}"):
            build(units(TWO), crs=crs)


class TestRefusals:
    """Units that make no frame."""

    def test_overlap(self) -> None:
        """Law: units that share land are refused by code, with how much they share."""
        with pytest.raises(
            InputError, match=r"units 01 and 02, which share 0\.1 ha; expected units that share no land"
        ):
            build(units([rectangle(0, 0, 40, 40), rectangle(20, 0, 60, 40)]))

    def test_slivers_pass(self) -> None:
        """Law: what rounding leaves between two neighbours is no overlap; each cell still has one unit."""
        frame = build(units([rectangle(0, 0, 100.001, 100), rectangle(100, 0, 200, 100)]))
        assert np.bincount(frame.unit_of_cell.ravel()).tolist() == [0, 100, 100]

    def test_tiny_unit(self) -> None:
        """Law: a unit without a single cell centre would vanish from every table, so it is refused by code."""
        with pytest.raises(InputError, match=r"units without a single cell: 02; .* smaller resolution_m"):
            build(units([rectangle(0, 0, 20, 20), rectangle(21, 1, 24, 4)]))

    def test_duplicate_codes_and_overlaps_together(self) -> None:
        """Law: all faults of the units are told at once."""
        with pytest.raises(InputError) as caught:
            build(
                units(
                    [rectangle(0, 0, 40, 40), rectangle(20, 0, 60, 40), rectangle(90, 0, 99, 9)],
                    codes=["1", "1", "2"],
                )
            )
        assert [problem.found.split(",")[0] for problem in caught.value.problems] == [
            "codes used twice: 1",
            "units 1 and 1",
        ]

    def test_no_units(self) -> None:
        """Law: an empty area frame is refused."""
        with pytest.raises(InputError, match="found no units"):
            build(units([]))

    def test_no_crs(self) -> None:
        """Law: units without a CRS lie nowhere."""
        with pytest.raises(InputError, match="found no coordinate reference system"):
            build(units(TWO, crs=None))

    def test_grid_too_large_to_hold(self) -> None:
        """Law: a resolution mistyped by a thousand is a plain line, not an exhausted memory."""
        with pytest.raises(
            InputError, match=r"\[area\] resolution_m: found 0\.01, which makes a grid of 400,0.. by"
        ):
            build(units([rectangle(0, 0, 4000, 4000)]), resolution_m=0.01)
