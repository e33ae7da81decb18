"""Figures with their shapes as a layer that opens drawn: classes of hectares, lines where there is no figure."""

from __future__ import annotations

import geopandas
import pandas as pd

from geo.vector import Layer
from maps.disclosure.tier import Tier
from maps.qml import Form, Rule, rule_style
from maps.style import SEQUENCE, class_breaks
from maps.text import plain

__all__ = ["ALIASES", "figure_layer"]

ALIASES = {
    "crop": "Crop",
    "period": "Period",
    "domain": "Code",
    "domain_name": "Unit",
    "cell": "Cell",
    "side_km": "Side of the cell, km",
    "state": "State",
    "value_ha": "Estimated area, ha",
    "se_ha": "Standard error, ha",
    "lo_ha": "Lower limit, ha",
    "hi_ha": "Upper limit, ha",
    "level": "Level of the interval",
    "n": "Sample units",
    "mapped": "Crop on the map",
    "seen_percent": "Seen, per cent",
    "method": "Method",
    "kind": "Kind",
    "reference_date": "Reference date",
    "source": "Source",
    "vintage": "Vintage",
    "flags": "Warnings",
    "run_id": "Run",
}
"""Column to the name that a form shows."""

_NONE = "#DCE3E8"


def figure_layer(frame: geopandas.GeoDataFrame, *, title: str, crop: str, period: str, tier: Tier) -> Layer:
    """Return a layer drawn by the figures of one crop and period; the others are in it, undrawn.

    Parameters
    ----------
    frame
        Rows of figures with shapes: columns crop, period, state, value_ha.
    title
        Name of the layer.
    crop, period
        What is drawn.
    tier
        Told in the description.
    """
    chosen = _quoted("crop", crop) + " AND " + _quoted("period", period)
    drawn = frame[(frame["crop"] == crop) & (frame["period"].astype(str) == period)]
    breaks = class_breaks(drawn["value_ha"].dropna().astype(float), len(SEQUENCE))
    rules = [
        Rule(
            label="no figure (see State)",
            expression=f'{chosen} AND "value_ha" IS NULL',
            colour="#5A6B75",
            hatched=True,
            angle=0,
            size_mm=2,
        )
    ]
    limits = [0.0, *(float(limit) for limit in breaks)]
    for index, low in enumerate(limits[: len(SEQUENCE)]):
        last = index + 1 >= min(len(limits), len(SEQUENCE))
        upper = "" if last else f' AND "value_ha" < {limits[index + 1]!r}'
        text = f"{low:g} ha and more" if last else f"{low:g} to {limits[index + 1]:g} ha"
        rules.append(
            Rule(
                label=text,
                expression=f'{chosen} AND "value_ha" >= {low!r}{upper}',
                colour=SEQUENCE[index],
                size_mm=2,
            )
        )
    rules.append(
        Rule(
            label="rough: wide interval, few sample units, or indicative",
            expression=f"{chosen} AND {_rough(frame)}",
            colour="#2B363D",
            hatched=True,
            size_mm=2,
        )
    )
    aliases = {column: ALIASES[column] for column in frame.columns if column in ALIASES}
    return Layer(
        frame=_storable(frame),
        title=f"{plain(title)}: {plain(crop).replace('_', ' ')} {plain(period)}",
        description=(
            "Estimates with their limits; an empty value has a state that says why, and is not zero. "
            f"Disclosure tier {tier.value} ({tier.name.lower()})."
        ),
        style_qml=rule_style("polygon", rules, Form(aliases=aliases, fixed=tuple(aliases))),
        aliases=aliases,
    )


def _rough(frame: geopandas.GeoDataFrame) -> str:
    """Return an expression of figures that are not to be ranked; drawn over their colour, as on the map page."""
    wide = '("value_ha" > 0 AND "hi_ha" - "lo_ha" > "value_ha")'
    if "flags" not in frame.columns:
        return wide
    told = (f"coalesce(\"flags\", '') LIKE '%{flag}%'" for flag in ("LOW_COUNT", "WIDE", "INDICATIVE"))
    return f"({' OR '.join([wide, *told])})"


def _quoted(column: str, value: str) -> str:
    """Return an expression that a column is a text, whatever signs are in the text."""
    return f'"{column}" = \'' + value.replace("'", "''") + "'"


def _storable(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    """Return the layer with one-line texts, as forms and tables show them."""
    texts = [
        name
        for name in frame.columns
        if name != frame.geometry.name and not pd.api.types.is_numeric_dtype(frame[name])
    ]
    return frame.assign(**{name: [plain(value) for value in frame[name]] for name in texts})
