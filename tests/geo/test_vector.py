"""Vector layers: every problem at once, repair that keeps land, files that are whole and the same."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from geo.errors import AltdevError, InputError
from geo.vector import Layer, layer_problems, open_layer, read_layer, repair, write_gpkg
from tests.geo.builders import UTM, layer, square

BOW_TIE = Polygon([(500_000, 399_900), (500_100, 400_000), (500_100, 399_900), (500_000, 400_000)])
QML = '<!DOCTYPE qgis><qgis version="3.34"><renderer-v2 type="singleSymbol"/></qgis>'


def units() -> geopandas.GeoDataFrame:
    """Return two sound units with codes that begin with a zero."""
    return layer([square(0, 0, 100), square(100, 0, 100)], code=["05001", "00010"], name=["Nariño", "Río Ñandú"])


def save(path: Path, frame: geopandas.GeoDataFrame, **options: Any) -> Path:
    """Write a layer as any other program would."""
    pyogrio.write_dataframe(frame, path, **options)
    return path


class TestReadLayer:
    """Reading with checks."""

    def test_sound_layer(self, tmp_path: Path) -> None:
        """Law: text codes keep their leading zeros, names their letters, shapes their coordinates."""
        path = save(tmp_path / "frontières.gpkg", units(), layer="unités é")
        found = read_layer(path, layer="unités é", columns=("code", "name"), geometry="polygon")
        assert found["code"].tolist() == ["05001", "00010"]
        assert found["name"].tolist() == ["Nariño", "Río Ñandú"]
        assert found.crs == UTM
        assert found.geometry.geom_equals(units().geometry).all()

    @pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "fgb"])
    def test_formats(self, tmp_path: Path, suffix: str) -> None:
        """Law: the same units come from any format, zeros and letters kept."""
        frame = units().to_crs(4326)
        found = read_layer(
            save(tmp_path / f"a.{suffix}", frame, encoding="UTF-8"), columns=("code",), geometry="polygon"
        )
        assert sorted(zip(found["code"], found["name"], strict=True)) == [
            ("00010", "Río Ñandú"),
            ("05001", "Nariño"),
        ]

    def test_every_problem_at_once(self, tmp_path: Path) -> None:
        """Law: missing CRS, column, value, shape and a wrong family are told together, each with its rows."""
        shapes = [square(0, 0, 10), LineString([(0, 0), (1, 1)]), None, BOW_TIE]
        frame = layer(shapes, crs=None, code=["a", None, "c", None])
        with pytest.warns(UserWarning, match="crs"):
            path = save(tmp_path / "a.gpkg", frame)
        with pytest.raises(InputError) as caught:
            read_layer(path, columns=("code", "kode"), geometry="polygon", make_valid=False)
        assert [str(problem).removeprefix(str(path)).split(";")[0] for problem in caught.value.problems] == [
            ": found no coordinate reference system",
            " column code: found missing values in rows 2, 4",
            ": found no column 'kode'",
            ": found empty geometry in row 3",
            ": found LineString in row 2",
            ": found invalid geometry in row 4 (Self-intersection[500050 399950])",
        ]

    def test_more_than_five_rows_are_counted(self) -> None:
        """Law: a message names five rows and the number of the others."""
        frame = layer([square(0, 0, 10)] * 9, code=[None] * 9)
        (problem,) = layer_problems(frame, "a", columns=("code",))
        assert problem.found == "missing values in rows 1, 2, 3, 4, 5 and 4 more"

    def test_sound_layer_has_no_problems(self) -> None:
        """Law: nothing is made of nothing; the same layer with one fault has exactly one problem."""
        checks: dict[str, Any] = {"columns": ("code", "name"), "geometry": "polygon"}
        assert layer_problems(units(), "a", **checks) == []
        assert len(layer_problems(units().assign(name=[None, "x"]), "a", **checks)) == 1
        assert len(layer_problems(units().iloc[:0], "a", **checks)) == 1

    @pytest.mark.parametrize(
        ("family", "shape"),
        [("polygon", Point(0, 0)), ("line", square(0, 0, 1)), ("point", LineString([(0, 0), (1, 1)]))],
    )
    def test_wrong_family(self, family: str, shape: Any) -> None:
        """Law: a layer of another family is told with what it holds."""
        (problem,) = layer_problems(layer([shape]), "a", geometry=family)
        assert problem.found == f"{shape.geom_type} in row 1"
        assert problem.expected == f"{family}s only"

    @pytest.mark.parametrize(
        ("family", "shape"),
        [
            ("polygon", MultiPolygon([square(0, 0, 1), square(5, 5, 1)])),
            ("point", shapely.MultiPoint([(0, 0), (1, 1)])),
            ("line", shapely.MultiLineString([[(0, 0), (1, 1)]])),
            ("polygon", shapely.force_3d(square(0, 0, 1), 7)),
        ],
    )
    def test_family_includes_multi_parts_and_heights(self, family: str, shape: Any) -> None:
        """Law: shapes of several parts, or with heights, are of the family of their parts."""
        assert layer_problems(layer([shape]), "a", geometry=family) == []

    def test_missing_layer_lists_the_layers(self, tmp_path: Path) -> None:
        """Law: a layer that is not there is told with those that are, the table of styles left out."""
        write_gpkg(tmp_path / "a.gpkg", {"one": Layer(frame=units(), style_qml=QML), "two": Layer(frame=units())})
        with pytest.raises(
            InputError, match=r"found no layer 'three'; expected one of: one, two; correct the layer"
        ):
            read_layer(tmp_path / "a.gpkg", layer="three")

    def test_first_layer_without_a_warning(self, tmp_path: Path) -> None:
        """Law: with no name given the first layer is read, quietly (warnings are errors here)."""
        second = units().iloc[:1]
        write_gpkg(tmp_path / "a.gpkg", {"one": Layer(frame=units(), style_qml=QML), "two": Layer(frame=second)})
        assert len(read_layer(tmp_path / "a.gpkg")) == 2

    def test_table_without_geometry(self, tmp_path: Path) -> None:
        """Law: a CSV in place of a layer is told as that."""
        (tmp_path / "a.csv").write_text("code,name\n1,x\n")
        with pytest.raises(
            InputError, match=r"a\.csv: found a file that is no readable vector layer .*expected GeoPackage"
        ):
            read_layer(tmp_path / "a.csv")

    def test_empty_layer(self, tmp_path: Path) -> None:
        """Law: a layer without features is told, and not read as a survey of nothing."""
        path = save(tmp_path / "a.gpkg", units().iloc[:0], geometry_type="Polygon")
        with pytest.raises(InputError, match=r"a\.gpkg: found no features; expected at least one"):
            read_layer(path, columns=("code",), geometry="polygon")

    @pytest.mark.parametrize("content", [b"", b"not a layer", b"SQLite format 3\x00" + b"x" * 500, b'{"type":"Fea'])
    @pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp"])
    def test_file_that_is_no_layer(self, tmp_path: Path, content: bytes, suffix: str) -> None:
        """Law: any other file is one line that names it, whatever it is called."""
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(content)
        with pytest.raises(
            InputError, match=rf"a\.{suffix}: found a file that is no readable vector layer"
        ) as caught:
            read_layer(path)
        assert len(str(caught.value).splitlines()) == 1

    def test_truncated_geopackage(self, tmp_path: Path) -> None:
        """Brute force: a GeoPackage cut in the middle is told, and never read in part."""
        path = tmp_path / "a.gpkg"
        write_gpkg(path, {"units": Layer(frame=units())})
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match="no readable vector layer"):
            read_layer(path)

    @pytest.mark.parametrize("name", ["gone.gpkg", "."])
    def test_missing_file(self, tmp_path: Path, name: str) -> None:
        """Law: nothing, or a folder, where a file should be is told as no such file."""
        with pytest.raises(InputError, match="found no such file"):
            read_layer(tmp_path / name)

    def test_opened_layer_is_as_it_is(self, tmp_path: Path) -> None:
        """Law: opening does not repair; reading does, or tells when asked not to."""
        path = save(tmp_path / "a.gpkg", layer([BOW_TIE]))
        assert not open_layer(path).is_valid.any()
        assert read_layer(path).is_valid.all()
        with pytest.raises(InputError, match=r"invalid geometry in row 1 \(Self-intersection.*Fix geometries"):
            read_layer(path, make_valid=False)

    def test_polygon_that_encloses_nothing(self, tmp_path: Path) -> None:
        """Law: a polygon drawn as a line has no land to keep: it is refused by row, not read as empty."""
        flat = Polygon([(500_000, 399_900), (500_100, 399_900), (500_050, 399_900)])
        path = save(tmp_path / "a.gpkg", layer([square(0, 0, 10), flat]))
        with pytest.raises(InputError, match="polygons that enclose nothing in row 2"):
            read_layer(path, geometry="polygon")


class TestRepair:
    """Making polygons valid."""

    def test_bow_tie_keeps_both_wings(self) -> None:
        """Literal shape: a bow tie of two triangles of 2500 square metres has 5000, not the signed sum of 0."""
        found = repair(layer([BOW_TIE, square(0, 0, 10)]))
        assert found.is_valid.all()
        assert found.area.tolist() == [5000, 100]

    def test_shared_land_of_two_parts_stays(self) -> None:
        """Literal shape: two squares that share half become one shape of their union, not one with a hole."""
        parts = MultiPolygon([square(0, 0, 10), square(5, 0, 10)])
        assert repair(layer([parts])).area.tolist() == [150]

    def test_hole_that_leaves_its_ring(self) -> None:
        """Literal shape: a hole reaching out of its ring takes what it covers inside, and adds nothing outside."""
        shape = Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(2, 2), (12, 2), (12, 4), (2, 4)]])
        assert repair(layer([shape])).area.tolist() == [84]

    @given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=3, max_size=9, unique=True))
    @settings(max_examples=80, deadline=None)
    def test_any_ring(self, points: list[tuple[int, int]]) -> None:
        """Law: any ring becomes valid polygons inside its hull; valid ones stay the same."""
        ring = Polygon(points)
        found = repair(layer([ring])).geometry.iloc[0]
        assert found.is_valid
        assert found.geom_type in ("Polygon", "MultiPolygon")
        assert found.area <= ring.convex_hull.area + 1e-9
        if ring.is_valid:
            assert found.equals_exact(ring, 0)

    def test_lines_points_and_missing_shapes_stay(self) -> None:
        """Law: only polygons are repaired."""
        frame = layer([LineString([(0, 0), (0, 0)]), Point(1, 1), None, BOW_TIE])
        found = repair(frame)
        assert found.geom_type.tolist()[:2] == ["LineString", "Point"]
        assert found.geometry.iloc[2] is None

    def test_input_is_not_changed(self) -> None:
        """Law: the layer given keeps its shapes, index and columns."""
        frame = layer([BOW_TIE, square(0, 0, 10)], code=["1", "2"]).set_index(np.array([7, 7]))
        found = repair(frame)
        assert frame.geometry.iloc[0].equals_exact(BOW_TIE, 0)
        assert found.index.tolist() == [7, 7]
        assert found["code"].tolist() == ["1", "2"]


class TestWriteGpkg:
    """Writing."""

    def test_round_trip_with_styles(self, tmp_path: Path) -> None:
        """Law: layers, titles, texts and styles come back, in order."""
        points = layer([Point(500_000, 400_000)], id=["U1"])
        content = {
            "units": Layer(frame=units(), title="Unités", description="tier 0", style_qml=QML),
            "sample": Layer(frame=points, style_qml=QML.replace("3.34", "3.40")),
        }
        write_gpkg(tmp_path / "a.gpkg", content)
        assert read_layer(tmp_path / "a.gpkg", layer="units")["code"].tolist() == ["05001", "00010"]
        with sqlite3.connect(tmp_path / "a.gpkg") as db:
            styles = db.execute(
                "SELECT f_table_name, styleQML, useAsDefault, f_geometry_column FROM layer_styles"
            ).fetchall()
            texts = db.execute(
                "SELECT table_name, identifier, description FROM gpkg_contents ORDER BY rowid"
            ).fetchall()
            kinds = dict(db.execute("SELECT table_name, data_type FROM gpkg_contents").fetchall())
        db.close()
        assert styles == [("units", QML, 1, "geom"), ("sample", QML.replace("3.34", "3.40"), 1, "geom")]
        assert texts[:2] == [("units", "Unités", "tier 0"), ("sample", "sample", "")]
        assert kinds["layer_styles"] == "attributes"

    def test_version_is_1_2(self, tmp_path: Path) -> None:
        """Published: OGC 12-128r15 clause 1.1.1: application id GPKG and user version 10200."""
        write_gpkg(tmp_path / "a.gpkg", {"units": Layer(frame=units())})
        db = sqlite3.connect(tmp_path / "a.gpkg")
        found = db.execute("PRAGMA application_id").fetchone()[0], db.execute("PRAGMA user_version").fetchone()[0]
        problems = db.execute("PRAGMA integrity_check").fetchall()
        db.close()
        assert found == (int.from_bytes(b"GPKG", "big"), 10_200)
        assert problems == [("ok",)]

    def test_equal_content_is_equal_bytes(self, tmp_path: Path) -> None:
        """Law: the bytes depend on neither the clock nor the name; one letter more is other bytes."""
        digests = []
        for name, frame in (("a", units()), ("b", units()), ("c", units().assign(name=["Nariño", "x"]))):
            write_gpkg(tmp_path / f"{name}.gpkg", {"units": Layer(frame=frame, style_qml=QML)})
            digests.append(hashlib.sha256((tmp_path / f"{name}.gpkg").read_bytes()).hexdigest())
        assert digests[0] == digests[1] != digests[2]

    def test_the_clock_is_given_back(self, tmp_path: Path) -> None:
        """Law: the fixed date is set while writing, and what was set before stands again."""
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2020-01-01T00:00:00.000Z"})
        try:
            write_gpkg(tmp_path / "a.gpkg", {"units": Layer(frame=units())})
            assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") == "2020-01-01T00:00:00.000Z"
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})

    def test_failure_keeps_the_old_file(self, tmp_path: Path) -> None:
        """Law: when the second layer cannot be written, the old file stands and nothing lies beside it."""
        path = tmp_path / "a.gpkg"
        write_gpkg(path, {"units": Layer(frame=units())})
        before = path.read_bytes()
        with pytest.raises(ValueError, match="must be a DataFrame"):
            write_gpkg(path, {"units": Layer(frame=units()), "broken": Layer(frame=object())})
        assert path.read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.gpkg"]

    def test_full_disk_is_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Law: a disk that fills while the layers are written is told with its remedy, and no half file stays."""

        def full(*_: object, **__: object) -> None:
            raise pyogrio.errors.DataSourceError("disk I/O error\nsecond line")

        monkeypatch.setattr(pyogrio, "write_dataframe", full)
        with pytest.raises(AltdevError, match=r"a\.gpkg: found no way to write the file \(disk I/O error\);"):
            write_gpkg(tmp_path / "a.gpkg", {"units": Layer(frame=units())})
        assert list(tmp_path.iterdir()) == []

    def test_box_keeps_its_crs(self, tmp_path: Path) -> None:
        """Law: the CRS is written by its code, so that any program places the layer."""
        write_gpkg(tmp_path / "a.gpkg", {"a": Layer(frame=layer([box(-74, 4, -73, 5)], crs=4326))})
        assert read_layer(tmp_path / "a.gpkg").crs.to_epsg() == 4326
