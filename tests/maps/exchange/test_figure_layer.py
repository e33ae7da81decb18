"""Layers of figures open drawn, with names in their forms."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import shapely

from geo.vector import write_gpkg
from maps.disclosure import Tier
from maps.exchange.figure_layer import figure_layer
from tests.maps.exchange.hostile import HOSTILE, program


def rows(name: str = "Unit") -> geopandas.GeoDataFrame:
    """Return five units in one year, one of them hidden."""
    values = [5.0, 20.0, np.nan, 80.0, 300.0]
    return geopandas.GeoDataFrame(
        {
            "crop": "coca", "period": "2024", "domain": [f"0{i}" for i in range(5)], "domain_name": name,
            "state": ["estimated", "estimated", "suppressed", "estimated", "estimated"], "value_ha": values,
            "lo_ha": values, "hi_ha": values,
        },
        geometry=[shapely.box(i, 0, i + 1, 1) for i in range(5)],
        crs="EPSG:32618",
    )  # fmt: skip


def test_every_figure_is_in_one_class_and_the_hidden_one_is_lined() -> None:
    """Law: the rules part the figures: each number has one colour, an empty one lines, a rough one both."""
    style = figure_layer(rows(), title="T", crop="coca", period="2024", tier=Tier.FIELD).style_qml
    root = ET.fromstring(style.split("\n", 1)[1])
    rules = [rule.get("filter") or "" for rule in root.iter("rule")]
    assert sum("IS NULL" in rule for rule in rules) == 1
    assert "hi_ha" in rules.pop()  # drawn last, over the colour
    assert not any("hi_ha" in rule for rule in rules)
    for value in (0.0, 5.0, 20.0, 80.0, 300.0, 1e6):
        hit = [rule for rule in rules if "IS NULL" not in rule and _holds(rule, value)]
        assert len(hit) == 1, (value, rules)
    assert root.find(".//layer[@class='LinePatternFill']") is not None


def _holds(rule: str, value: float) -> bool:
    parts = [part.split(" ") for part in rule.split(" AND ") if part.startswith('"value_ha"')]
    return all(value >= float(limit) if sign == ">=" else value < float(limit) for _, sign, limit in parts)


def test_geopackage_opens_elsewhere_with_its_styles(tmp_path: Path) -> None:
    """Independent program (ogrinfo) and the format: version 1.2, styles registered, names in forms."""
    path = tmp_path / "a.gpkg"
    layer = figure_layer(rows(HOSTILE), title=HOSTILE, crop="coca", period="2024", tier=Tier.PROGRAMME)
    write_gpkg(path, {"units": layer})
    database = sqlite3.connect(path)
    assert database.execute("PRAGMA user_version").fetchone()[0] == 10200
    kinds = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents"))
    assert kinds == {"units": "features", "layer_styles": "attributes"}
    (style,) = database.execute("SELECT styleQML FROM layer_styles").fetchone()
    assert 'name="Estimated area, ha"' in style
    texts = [
        str(value) for row in database.execute("SELECT identifier, description FROM gpkg_contents") for value in row
    ]
    assert not any("\u202e" in text for text in [*texts, style])
    assert "tier 1 (programme)" in " ".join(texts)
    database.close()
    told = program("ogrinfo", "-al", "-so", path, "units")
    assert "Feature Count: 5" in told


def test_a_crop_with_a_quote_cannot_change_the_rule() -> None:
    """Attack: a quote in a name stays inside the text of the expression."""
    style = figure_layer(rows(), title="T", crop="x' OR 1=1 --", period="2024", tier=Tier.FIELD).style_qml
    assert "x'' OR 1=1 --'" in style
