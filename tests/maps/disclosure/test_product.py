"""What readers' pages are drawn from: tables as they were released, squares by name, units by code."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas
import pandas as pd
import pytest
import shapely

from geo.errors import DisclosureError, InputError
from maps.disclosure.pattern import Decision
from maps.disclosure.policy import tier_rules
from maps.disclosure.product import SafeProduct, read_product
from maps.disclosure.quadtree import Cell
from maps.disclosure.tier import Tier

DECISION = Decision(
    tier=Tier.PUBLIC,
    leaves=(Cell(4, 10, 20), Cell(8, -1, 3)),
    states={"frame": "shown", "unit:01": "shown", "unit:02": "primary"},
    rules=tier_rules(Tier.PUBLIC).as_record(),
    grid="EPSG:32618",
    boundaries="0" * 64,
    series=(("coca", "2024"),),
)


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    """Return a disclosure folder with two tables of the public tier."""
    (tmp_path / "2").mkdir()
    refused = {"refused": ["tier 1 (programme), the whole frame: found fewer than 5 fields"]}
    (tmp_path / "decision.json").write_text(json.dumps({"1": refused, "2": DECISION.as_record()}))
    (tmp_path / "2" / "estimates.csv").write_text(
        "crop,period,domain,domain_name,state,value_ha,lo_ha,hi_ha\n"
        "coca,2024,frame,All,estimated,800,600,1000\n"
        "coca,2024,01,NA,estimated,410,320,520\n"
        "coca,2024,02,'=B,suppressed,,,\n"
    )
    (tmp_path / "2" / "cells.csv").write_text("cell,side_km,state,value_ha\n8km:E-1N3,8,estimated,50\n")
    return tmp_path


def test_tables_are_read_as_they_were_written(folder: Path) -> None:
    """Law: codes keep their zeros, a unit named NA its name; a blank figure is none, other tables are empty."""
    product = read_product(folder, Tier.PUBLIC, crs="EPSG:32618")
    table = product.tables["estimates"]
    assert table["domain"].tolist() == ["frame", "01", "02"]
    assert table["domain_name"].tolist() == ["All", "NA", "=B"]
    assert table["period"].tolist() == ["2024"] * 3
    assert table["value_ha"].tolist()[:2] == [800.0, 410.0]
    assert table["value_ha"].isna().tolist() == [False, False, True]
    assert product.tables["harms"].empty
    assert product.decision.as_record() == DECISION.as_record()


def test_squares_stand_where_their_names_say(folder: Path) -> None:
    """Literal: corners in metres, multiples of the side; figures only of the cells that have a row."""
    product = read_product(folder, Tier.PUBLIC, crs="EPSG:32618")
    cells = product.cells().set_index("cell")
    assert cells.geometry["4km:E10N20"].bounds == (40_000.0, 80_000.0, 44_000.0, 84_000.0)
    assert cells.geometry["8km:E-1N3"].bounds == (-8_000.0, 24_000.0, 0.0, 32_000.0)
    assert cells["side_km"].tolist() == [4, 8]
    assert cells.crs == "EPSG:32618"
    figures = product.cell_figures()
    assert figures.geometry[0].equals(cells.geometry["8km:E-1N3"])
    assert figures["value_ha"].tolist() == [50.0]
    none = SafeProduct(tier=Tier.PUBLIC, decision=DECISION, tables={"cells": pd.DataFrame()}, crs="EPSG:32618")
    assert none.cell_figures().empty


def test_units_get_the_polygon_of_their_code_and_only_at_their_tier(folder: Path) -> None:
    """Law: rows are joined by code, the frame has no polygon, and a layer of a stricter tier stays out."""
    product = read_product(folder, Tier.PUBLIC, crs="EPSG:32618")
    units = geopandas.GeoDataFrame(
        {"code": ["02", "01", "03"]}, geometry=[shapely.box(i, 0, i + 1, 1) for i in range(3)], crs=32618
    )
    figures = product.unit_figures(units, tier=Tier.PUBLIC)
    assert figures["domain"].tolist() == ["01", "02"]
    assert list(figures.columns) == [*product.tables["estimates"].columns, "geometry"]
    assert [shape.bounds[0] for shape in figures.geometry] == [1.0, 0.0]
    assert figures.crs == units.crs
    with pytest.raises(DisclosureError, match="administrative units: found tier 1"):
        product.unit_figures(units, tier=Tier.PROGRAMME)


def test_no_product_without_a_decision_or_against_one(folder: Path, tmp_path: Path) -> None:
    """Law: a refused tier gives its reasons with exit 4, and a folder without a decision is an input error."""
    with pytest.raises(DisclosureError, match="fewer than 5 fields"):
        read_product(folder, Tier.PROGRAMME, crs="EPSG:32618")
    with pytest.raises(InputError, match="no decision"):
        read_product(tmp_path / "none", Tier.PUBLIC, crs="EPSG:32618")
