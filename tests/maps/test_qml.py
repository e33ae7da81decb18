"""Styles are what QGIS reads: parsed, and held against the legend."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from maps.qml import Rule, paletted_raster_style, rule_style
from tests.maps.builders import LEGEND


def test_raster_palette_is_the_legend() -> None:
    """Law: one entry per class with its colour, one for not seen, none for outside."""
    root = ET.fromstring(paletted_raster_style(LEGEND))
    entries = {entry.get("value"): entry.get("color") for entry in root.iter("paletteEntry")}
    expected = {str(entry.code): entry.colour.lower() for entry in LEGEND}
    assert entries == expected | {"255": "#8f9499"}


def test_hatched_polygons() -> None:
    """Literal: a hatched rule draws lines and no fill; a rule without expression takes all features."""
    rules = [
        Rule(label="rough", expression="\"flags\" LIKE '%WIDE%'", colour="#EC8F38", hatched=True),
        Rule(label="other", expression="", colour="#EC8F38"),
    ]
    root = ET.fromstring(rule_style("polygon", rules))
    first, second = root.findall("./renderer-v2/symbols/symbol")
    assert [layer.get("class") for layer in first.findall("layer")] == ["LinePatternFill", "SimpleFill"]
    assert [layer.get("class") for layer in second.findall("layer")] == ["SimpleFill"]
    assert [rule.get("filter") for rule in root.iter("rule")] == ["\"flags\" LIKE '%WIDE%'", None]
