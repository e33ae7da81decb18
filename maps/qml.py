"""QGIS styles as text: what a layer looks like and how its form asks, so that it opens ready for work.

Written for QGIS 3.22 and later; only the parts of a style that the program needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from geo.legend import Legend
from maps.overlay_image import NOT_SEEN_COLOUR
from maps.text import plain

__all__ = ["Form", "Rule", "paletted_raster_style", "rule_style"]

_HEADER = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry of a legend: which features, and how they are drawn."""

    label: str
    """Text in the legend."""
    expression: str
    """QGIS expression; empty for all features, ``ELSE`` for the rest."""
    colour: str
    """Fill, ``#rrggbb``; empty for none."""
    outline: str = "#1B2930"
    """Outline, ``#rrggbb``."""
    hatched: bool = False
    """Lines instead of a full fill (polygons)."""
    angle: int = 45
    """Direction of those lines, degrees from the horizontal."""
    size_mm: float = 3.0
    """Diameter (points) or line width times ten (polygons)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the columns of a layer are named and asked for."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    """Column to reader's name."""
    choices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Column to the values it may take: shown text to stored value."""
    fixed: Sequence[str] = ()
    """Columns that must not be edited."""


def rule_style(geometry: str, rules: Sequence[Rule], form: Form | None = None) -> str:
    """Return a style that draws features by rules.

    Parameters
    ----------
    geometry
        ``point`` or ``polygon``.
    rules
        Entries in legend order.
    form
        Names and choices of the columns.

    Examples
    --------
    >>> style = rule_style("point", [Rule(label="to do", expression="", colour="#FFFFFF")])
    >>> "SimpleMarker" in style and 'label="to do"' in style
    True
    """
    root = ET.Element("qgis", version="3.22.0", styleCategories="Symbology|Fields|Forms")
    renderer = ET.SubElement(root, "renderer-v2", type="RuleRenderer", symbollevels="0", forceraster="0")
    tree = ET.SubElement(renderer, "rules", key="root")
    symbols = ET.SubElement(renderer, "symbols")
    for number, rule in enumerate(rules):
        attributes = {"key": f"rule{number}", "symbol": str(number), "label": plain(rule.label)}
        ET.SubElement(tree, "rule", attributes | ({"filter": rule.expression} if rule.expression else {}))
        _symbol(symbols, str(number), geometry, rule)
    if form is not None:
        _fields(root, form)
    return _text(root)


def paletted_raster_style(legend: Legend) -> str:
    """Return a style for a class map: each code with its colour and name, cells outside left clear."""
    root = ET.Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1")
    palette = ET.SubElement(renderer, "colorPalette")
    entries = [(entry.code, entry.colour, plain(entry.name)) for entry in legend]
    for code, colour, name in [*entries, (legend.NOT_SEEN, NOT_SEEN_COLOUR, "not seen")]:
        ET.SubElement(palette, "paletteEntry", value=str(code), color=colour.lower(), label=name, alpha="255")
    return _text(root)


def _symbol(parent: ET.Element, name: str, geometry: str, rule: Rule) -> None:
    kind = "marker" if geometry == "point" else "fill"
    symbol = ET.SubElement(parent, "symbol", name=name, type=kind, alpha="1", clip_to_extent="1", force_rhr="0")
    if geometry == "point":
        options = {"name": "circle", "size": f"{rule.size_mm:g}", "size_unit": "MM"}
        _layer(symbol, "SimpleMarker", _colours(rule) | options | {"outline_width": "0.4"})
        return
    width = {"outline_width": f"{rule.size_mm / 10:g}", "outline_style": "solid"}
    if rule.hatched:
        pattern = _layer(
            symbol, "LinePatternFill", {"angle": str(rule.angle), "distance": "2.4", "line_width": "0.3"}
        )
        line = ET.SubElement(
            pattern, "symbol", name=f"@{name}@0", type="line", alpha="1", clip_to_extent="1", force_rhr="0"
        )
        _layer(line, "SimpleLine", {"line_color": _rgba(rule.colour or rule.outline), "line_width": "0.3"})
    _layer(symbol, "SimpleFill", _colours(rule) | width | ({"style": "no"} if rule.hatched else {}))


def _layer(parent: ET.Element, kind: str, options: Mapping[str, str]) -> ET.Element:
    layer = ET.SubElement(parent, "layer", {"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    box = ET.SubElement(layer, "Option", type="Map")
    for name, value in options.items():
        ET.SubElement(box, "Option", name=name, value=value, type="QString")
    return layer


def _colours(rule: Rule) -> dict[str, str]:
    return {
        "color": _rgba(rule.colour),
        "outline_color": _rgba(rule.outline),
        "style": "solid" if rule.colour else "no",
    }


def _rgba(colour: str) -> str:
    if not colour:
        return "0,0,0,0"
    return f"{int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:7], 16)},255"


def _fields(root: ET.Element, form: Form) -> None:
    configuration = ET.SubElement(root, "fieldConfiguration")
    for column, values in form.choices.items():
        field_ = ET.SubElement(configuration, "field", name=column, configurationFlags="None")
        widget = ET.SubElement(field_, "editWidget", type="ValueMap")
        config = ET.SubElement(ET.SubElement(widget, "config"), "Option", type="Map")
        listed = ET.SubElement(config, "Option", name="map", type="List")
        for text, value in values.items():
            entry = ET.SubElement(listed, "Option", type="Map")
            ET.SubElement(entry, "Option", name=plain(text), value=value, type="QString")
    aliases = ET.SubElement(root, "aliases")
    for index, (column, alias) in enumerate(form.aliases.items()):
        ET.SubElement(aliases, "alias", index=str(index), field=column, name=plain(alias))
    editable = ET.SubElement(root, "editable")
    for column in form.aliases:
        ET.SubElement(editable, "field", name=column, editable="0" if column in form.fixed else "1")


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return _HEADER + ET.tostring(root, encoding="unicode") + "\n"
