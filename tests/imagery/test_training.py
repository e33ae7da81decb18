"""Training points: what is refused, and where the others fall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from shapely.affinity import translate
from shapely.geometry import Point, box

from geo.errors import InputError
from imagery.profile import load_profile
from imagery.training import read_training, training_samples
from tests.imagery.world import CRS, ORIGIN, grid

LEGEND = load_profile("helmand-poppy").legend
X, Y = ORIGIN


def points(rows: list[tuple[str, str, str, float, float]]) -> Any:
    """Return points given as name, period, class, metres east and metres south of the corner."""
    return geopandas.GeoDataFrame(
        [(name, period, label) for name, period, label, _, _ in rows],
        columns=["unit_id", "period", "class"],
        geometry=[Point(X + east, Y - south) for *_, east, south in rows],
        crs=CRS,
    )


def samples(rows: list[tuple[str, str, str, float, float]]) -> Any:
    """Put points on a grid of 8 x 8 cells."""
    return training_samples(
        points(rows), where="training.gpkg", legend=LEGEND, periods=["2020", "2023"], geobox=grid(8, 8)
    )


def test_points_fall_into_their_cells() -> None:
    """Literal: 25 m east and 5 m south of the corner is row 0, column 2; others may lie outside."""
    found = samples(
        [("b", "2023", "wheat", 25, 5), ("a", "2023", "opium_poppy", 79, 79), ("c", "2020", "wheat", -15, 100)]
    )
    assert found.unit_id.tolist() == ["c", "a", "b"]
    assert found.code.tolist() == [2, 1, 2]
    assert list(zip(found.row.tolist(), found.col.tolist(), strict=True)) == [(10, -2), (7, 7), (0, 2)]


def test_order_of_rows_changes_nothing() -> None:
    """Law: samples are sorted by period and unit."""
    rows = [(f"p{n}", "2023", "wheat", 10.0 * n, 15.0) for n in range(8)]
    for name in ("unit_id", "row", "col"):
        assert np.array_equal(getattr(samples(rows), name), getattr(samples(rows[::-1]), name))


def test_a_unit_twice_in_a_period_is_refused() -> None:
    """Law: a copy in another fold would flatter the validation."""
    with pytest.raises(InputError, match="unit_id: found more than one row for a in 2023"):
        samples([("a", "2023", "wheat", 5, 5), ("a", "2023", "wheat", 45, 5)])
    assert len(samples([("a", "2020", "wheat", 5, 5), ("a", "2023", "wheat", 5, 5)])) == 2


def test_two_units_in_one_cell_are_refused() -> None:
    """Law: one cell teaches once, whatever its labels are."""
    with pytest.raises(InputError, match="grid cell: found more than one row for row 0 column 0 in 2023"):
        samples([("a", "2023", "wheat", 2, 2), ("b", "2023", "opium_poppy", 8, 8)])


def test_all_problems_are_told_at_once() -> None:
    """Law: class, period, repeats and distance in one refusal."""
    with pytest.raises(InputError) as caught:
        samples(
            [
                ("a", "2023", "sunflower", 5, 5),
                ("b", "1999", "wheat", 15, 5),
                ("c", "2023", "wheat", 25, 5),
                ("c", "2023", "wheat", 35, 5),
                ("d", "2023", "wheat", 5_000_000, 5),
            ]
        )
    text = str(caught.value)
    for part in ("sunflower", "1999", "c in 2023", "more than 100 km from the area: d"):
        assert part in text


def test_points_in_degrees_are_carried_to_the_grid(tmp_path: Path) -> None:
    """Law: the CRS of the file does not matter."""
    rows = [("a", "2023", "wheat", 25.0, 5.0), ("b", "2020", "wheat", 33.0, 71.0)]
    points(rows).to_crs(4326).to_file(tmp_path / "points.gpkg", layer="training")
    found = read_training(
        tmp_path / "points.gpkg", layer=None, legend=LEGEND, periods=["2020", "2023"], geobox=grid(8, 8)
    )
    assert found.row.tolist() == samples(rows).row.tolist()
    assert found.col.tolist() == samples(rows).col.tolist()


def _polygons(tmp_path: Path, rows: list[tuple[str, str, Any]]) -> Path:
    """Write polygons given as name, class and shape in metres east and north of the corner, in both periods."""
    path = tmp_path / "polygons.gpkg"
    table = [(name, period, label) for period in ("2020", "2023") for name, label, _ in rows]
    shapes = [translate(shape, X, Y) for _ in range(2) for *_, shape in rows]
    geopandas.GeoDataFrame(table, columns=["unit_id", "period", "class"], geometry=shapes, crs=CRS).to_file(path)
    return path


def _read(path: Path, most: int) -> Any:
    return read_training(
        path, layer=None, legend=LEGEND, periods=["2020", "2023"], geobox=grid(8, 8), cells_per_polygon=most
    )


def test_polygons_give_the_cells_whose_centre_they_hold(tmp_path: Path) -> None:
    """Literal: 31 by 21 m from the corner hold the centres of three by two cells, in both periods alike."""
    found = _read(_polygons(tmp_path, [("a", "wheat", box(0, -21, 31, 0))]), 50)
    for period in ("2020", "2023"):
        of = found.where(found.period == period)
        assert sorted(zip(of.row.tolist(), of.col.tolist(), strict=True)) == [
            (r, c) for r in (0, 1) for c in (0, 1, 2)
        ]
    assert len(_read(tmp_path / "polygons.gpkg", 4)) == 8


def test_a_polygon_is_one_site_for_the_folds(tmp_path: Path) -> None:
    """Law: all its cells lie where its middle is, so that no line of a block divides it."""
    found = _read(
        _polygons(tmp_path, [("a", "wheat", box(0, -40, 80, 0)), ("b", "alfalfa", box(0, -80, 20, -50))]), 9
    )
    sites = {
        (str(unit).split("/")[0], x, y) for unit, x, y in zip(found.unit_id, found.x_m, found.y_m, strict=True)
    }
    assert sites == {("a", X + 40, Y - 20), ("b", X + 10, Y - 65)}


def test_polygons_that_overlap_or_hold_nothing_are_refused(tmp_path: Path) -> None:
    """Law: a cell has one label in a period, and a polygon without a cell is named."""
    with pytest.raises(InputError, match="grid cell: found more than one row"):
        _read(_polygons(tmp_path, [("a", "wheat", box(0, -30, 30, 0)), ("b", "alfalfa", box(20, -30, 50, 0))]), 50)
    with pytest.raises(InputError, match="without the centre of a cell: thin"):
        _read(_polygons(tmp_path, [("thin", "wheat", box(0, -30, 4, 0))]), 50)


def test_a_polygon_as_large_as_a_country_is_refused(tmp_path: Path) -> None:
    """Law: told in one line, before the memory of the machine is asked for it."""
    with pytest.raises(InputError, match="polygon a of 200 by 200 km"):
        _read(_polygons(tmp_path, [("a", "wheat", box(0, -200_000, 200_000, 0))]), 5)


def test_points_and_polygons_together_are_refused(tmp_path: Path) -> None:
    """Law: one layer is of one kind."""
    with pytest.raises(InputError, match="kinds Point, Polygon"):
        _read(_polygons(tmp_path, [("a", "wheat", box(0, -30, 30, 0)), ("b", "wheat", Point(70, -70))]), 5)
