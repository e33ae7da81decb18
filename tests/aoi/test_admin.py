"""Administrative units: codes, shapes, overlaps and joins."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely

from aoi.admin import admin_units, join_codes, overlapping_pairs, read_admin
from geo.errors import InputError
from tests.aoi.shapes import SOUTH, WEST, squares
from tests.shared import case


def _units(*corners: tuple[float, float, float]) -> geopandas.GeoDataFrame:
    frame = squares(*corners)
    return frame.assign(code=[f"{i + 1:05d}" for i in range(len(frame))])


def test_units_are_measured_and_keep_their_codes() -> None:
    """Literal: leading zeros stay, areas are of the ellipsoid, and the layer is not changed."""
    frame = _units((0, 0, 1), (1, 0, 1))
    units = admin_units(frame, where="adm", code="code", name="name", boundary_version="2020")
    assert units.frame["code"].tolist() == ["00001", "00002"]
    # UTM on its central meridian: the scale is 0.9996, so the land is 1 / 0.9996 squared larger
    np.testing.assert_allclose(units.frame["area_ha"], 1 / 0.9996**2, rtol=1e-6)
    assert units.notices("adm") == []
    assert "area_ha" not in frame.columns


def test_faults_of_codes_are_named_together() -> None:
    """Literal: a missing name, an empty code and a repeated one are told at once; numbers are no codes."""
    frame = _units((0, 0, 1), (1, 0, 1), (2, 0, 1)).assign(code=["05001", "05001", " "], name=["a", None, "c"])
    with pytest.raises(InputError, match=r"(?s)column name.*row 2.*1 empty codes.*codes used twice: 05001"):
        admin_units(frame, where="adm", code="code", name="name")
    with pytest.raises(InputError, match="found numbers; expected codes as text"):
        admin_units(frame.assign(code=[1, 2, 3], name="n"), where="adm", code="code", name="name")
    with pytest.raises(InputError, match="no column 'dane'"):
        admin_units(frame.assign(name="n"), where="adm", code="dane", name="name")


def test_invalid_shapes_are_counted_and_repaired() -> None:
    """Literal: a bow tie keeps the ground of both wings and its code is told."""
    bow = shapely.Polygon([(WEST, SOUTH), (WEST + 200, SOUTH + 200), (WEST + 200, SOUTH), (WEST, SOUTH + 200)])
    frame = _units((5, 5, 1), (7, 5, 1))
    frame.loc[0, "geometry"] = bow
    units = admin_units(frame, where="adm", code="code", name="name")
    assert units.repaired == ("00001",)
    assert units.frame.geometry.is_valid.all()
    assert units.frame.geometry.iloc[0].area == pytest.approx(2e4)
    assert "1 units with invalid shapes (00001)" in str(units.notices("adm")[0])


def test_a_unit_drawn_twice_is_refused_and_a_crossing_border_told() -> None:
    """Literal: half a unit in common is refused by both codes; a twentieth is told and given to the first."""
    with pytest.raises(InputError, match=r"units 00001 and 00002: found .* \(50.0 % of the smaller\)"):
        admin_units(_units((0, 0, 1), (0.5, 0, 1)), where="adm", code="code", name="name")
    units = admin_units(_units((0, 0, 1), (0.95, 0, 1)), where="adm", code="code", name="name")
    assert units.crossing_pairs == 1
    assert units.crossing_ha == pytest.approx(0.05, rel=1e-2)
    apart = units.disjoint()
    assert apart.frame["area_ha"].iloc[0] == pytest.approx(units.frame["area_ha"].iloc[0])
    assert apart.frame["area_ha"].sum() == pytest.approx(1.95 / 0.9996**2, rel=1e-6)
    assert len(overlapping_pairs(apart.frame)) == 0


def test_overlapping_pairs_against_brute_force() -> None:
    """Brute force: every pair intersected one by one gives the same list."""
    rng = np.random.default_rng(5)
    frame = squares(*((x, y, 1.5) for x, y in rng.uniform(0, 8, (40, 2))))
    found = overlapping_pairs(frame)
    shapes = frame.geometry.to_numpy()
    expected = [
        (i, j) for i in range(40) for j in range(i + 1, 40) if shapes[i].intersection(shapes[j]).area > 1e-3
    ]
    assert list(zip(found["left"], found["right"], strict=True)) == expected
    assert len(expected) > 10


def test_join_names_what_has_no_place() -> None:
    """Literal: one record for the codes without a unit; the units without figures are kept apart."""
    units = admin_units(_units((0, 0, 1), (1, 0, 1)), where="adm", code="code", name="name", boundary_version="v1")
    join = join_codes(units, ["00001", "94663"], names=["A", "MAPIRIPANA"], table="coca.csv")
    assert (join.joined, join.unused) == (("00001",), ("00002",))
    text = str(join.warning("kept in totals"))
    assert text == (
        "coca.csv: found 1 code without a unit: 94663 MAPIRIPANA; "
        "expected codes of the 2 administrative units (v1); kept in totals"
    )
    assert join_codes(units, ["00001"]).warning() is None


def test_colombian_municipalities() -> None:
    """Published: 16 invalid municipalities and 4 invalid departments, repaired; borders cross by under 0.2 %."""
    folder = case("colombia")
    towns = read_admin(folder / "col_municipios_dane_prism.gpkg", code="MPIO_CDPMP", name="MPIO_CNMBR")
    states = read_admin(folder / "col_departamentos_dane_prism.gpkg", code="DPTO_CCDGO", name="DPTO_CNMBR")
    assert (len(towns), len(towns.repaired), len(states.repaired)) == (1121, 16, 4)
    assert "05001" in set(towns.frame["code"])
    assert towns.crossing_ha < 0.002 * towns.frame["area_ha"].sum()
    # DANE's own figure, square kilometres of each municipality
    assert towns.frame["area_ha"].sum() / 100 == pytest.approx(1_141_000, rel=0.003)
