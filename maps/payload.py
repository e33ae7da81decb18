"""The data inside the page: figures, shapes and pictures in the form that its scripts read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import shapely

from maps.columns import (
    encode_flat,
    encode_lines,
    encode_outline,
    encode_polygons,
    encode_table,
    inner_points,
    label_points,
    simplified,
)
from maps.language import LANGUAGES, language
from maps.overlay_image import (
    NOT_SEEN_COLOUR,
    PROBABILITY_LIMITS,
    Extent,
    MapImage,
    class_image,
    code_image,
    gap_image,
    probability_image,
    relief_image,
)
from maps.page import (
    CHANGE_COLUMNS,
    ESTIMATE_COLUMNS,
    FRAME_DOMAIN,
    Accuracy,
    HarmFigure,
    HarmMap,
    Page,
    RasterLayer,
    Share,
)
from maps.parts import EFFECT_COLUMNS, PORTFOLIO_COLUMNS, SAMPLE_STATES, FieldLayer, GapLayer
from maps.remark import given_flags, verdict_key, with_flags
from maps.style import CHANGE, PROBABILITY, SEQUENCE, class_breaks
from maps.text import plain

__all__ = ["catalogue", "payload"]

MOST_SHAPES = 2_000
"""With more units than this they are painted on a canvas; each of fewer is a shape of its own."""

GAP_COLOURS = ("#4B1D6B", "#B58CCB")
"""Cells without any clear observation, and with too few."""

UNIT_KEYS = {
    "ha": "harms.unit_ha",
    "ha/yr": "harms.unit_ha_per_year",
    "t CO2e": "harms.unit_t_co2e",
    "t/yr": "harms.unit_t_per_year",
    "kg/yr": "harms.unit_kg_per_year",
}
"""Unit of a harm to its words in the catalogue; other units are printed as they are."""


def payload(page: Page) -> dict[str, Any]:
    """Return everything a page shows, ready for `maps.columns.script_json`.

    Raises
    ------
    InputError
        If a raster cannot be read.
    """
    west, south, east, north = page.extent or page.admin.frame.to_crs(4326).total_bounds
    return {
        "about": _about(page),
        "frame": FRAME_DOMAIN,
        "bounds": [[round(south, 5), round(west, 5)], [round(north, 5), round(east, 5)]],
        "crops": list(page.crops),
        "periods": [
            {
                "name": plain(period.name),
                "role": period.role,
                "kind": period.kind,
                "date": plain(period.reference_date),
                "broken": period.break_before,
            }
            for period in page.periods
        ],
        "classes": [
            {"code": entry.code, "name": plain(entry.name), "colour": entry.colour} for entry in page.legend
        ],
        "palette": {
            "hectares": list(SEQUENCE),
            "change": dict(CHANGE),
            "probability": list(PROBABILITY),
            "probabilityLimits": list(PROBABILITY_LIMITS),
            "notSeen": NOT_SEEN_COLOUR,
            "gaps": list(GAP_COLOURS),
        },
        "breaks": {crop: list(_breaks(page, crop)) for crop in page.crops},
        "estimates": encode_table(_estimates(page)),
        "change": encode_table(_change(page)),
        "accuracy": [_accuracy(entry) for entry in page.figures.accuracy],
        "mapped": [
            {
                "period": plain(count.period),
                "crop": plain(count.area.class_name),
                "domain": plain(count.domain),
                "area": round(count.area.area_ha, 2),
            }
            for count in page.figures.mapped
        ],
        "units": _units(page),
        "overlays": list(_overlays(page)),
        "lines": [
            {"kind": line.kind, "shapes": encode_lines(line.frame, detail=page.detail)} for line in page.lines
        ],
        "rasters": [
            *(_raster(page, layer) for layer in page.rasters),
            *(_harm_map(one, page.extent) for one in page.harm_maps),
            *(_gap(one, page.extent) for one in page.parts.gaps),
        ],
        "harms": [_harm(one) for one in page.figures.harms],
        "relief": None if page.elevation is None else _image(relief_image(page.elevation, extent=page.extent)),
        **_parts(page),
    }


def catalogue(first: str) -> dict[str, Any]:
    """Return the text and number rules of every language, the page's own first."""
    codes = [first, *(code for code in LANGUAGES if code != first)]
    entries = [language(code) for code in codes]
    return {
        entry.code: {
            "name": entry.name,
            "direction": entry.direction,
            "group": entry.group,
            "decimal": entry.decimal,
            "groupFrom": entry.group_from,
            "months": list(entry.months),
            "datePattern": entry.date_pattern,
            # the words of the report would only make every page heavier
            "words": {key: text for key, text in entry.words.items() if not key.startswith("report.")},
        }
        for entry in entries
    }


def _about(page: Page) -> dict[str, Any]:
    about = page.about
    return {
        "title": plain(about.title),
        "subtitle": plain(about.subtitle),
        "sources": plain(about.sources),
        "disclaimer": plain(about.disclaimer),
        "notes": [plain(note) for note in about.notes],
        "run": plain(about.run_id),
        "tier": about.tier.value,
        "round": about.round_ha,
        "language": page.language,
    }


def _estimates(page: Page) -> pd.DataFrame:
    return _estimate_table(page, page.figures.estimates)


def _estimate_table(page: Page, rows: pd.DataFrame) -> pd.DataFrame:
    """Return figures in the order crop, period, domain, with flags; an empty cell keeps no number."""
    rows = rows.assign(**{name: np.nan for name in ESTIMATE_COLUMNS if name not in rows})
    table = _as_text(with_flags(rows), ("crop", "period", "domain"))
    order = {period.name: number for number, period in enumerate(page.periods)}
    table = table.assign(_order=table["period"].map(order)).sort_values(["crop", "_order", "domain"], kind="stable")
    empty = ~table["state"].isin(["estimated", "zero"])
    for column in ("value_ha", "se_ha", "lo_ha", "hi_ha"):
        table[column] = table[column].astype(float).mask(empty)
    for column in ("level", "n"):
        table[column] = pd.to_numeric(table[column])
    return table[[*ESTIMATE_COLUMNS, "flags"]]


def _as_text(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the table with its keys as text: a period read as the number 2024 is still the period 2024."""
    return table.assign(**{column: table[column].astype(str) for column in columns})


def _change(page: Page) -> pd.DataFrame:
    return _change_table(page.figures.change)


def _change_table(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.assign(**{name: np.nan for name in CHANGE_COLUMNS if name not in rows})
    table = _as_text(rows, ("crop", "from", "to", "domain"))
    table = table.assign(flags=given_flags(table), verdict=[verdict_key(text) for text in table["verdict"]])
    for column in ("difference_ha", "se_ha", "lo_ha", "hi_ha", "p_value"):
        table[column] = pd.to_numeric(table[column])
    return table[[*CHANGE_COLUMNS, "flags"]]


def _breaks(page: Page, crop: str) -> tuple[float, ...]:
    estimates = page.figures.estimates
    chosen = (estimates["crop"] == crop) & (estimates["state"] == "estimated")
    chosen &= estimates["domain"].isin(page.admin.frame["code"])
    return class_breaks(estimates.loc[chosen, "value_ha"].astype(float), len(SEQUENCE))


def _units(page: Page) -> dict[str, Any]:
    frame = page.admin.frame
    many = len(frame) > MOST_SHAPES
    return {
        "title": plain(page.admin.title),
        "codes": [plain(code) for code in frame["code"]],
        "names": [plain(name) for name in frame["name"]],
        **(
            {"flat": encode_flat(simplified(frame, detail=page.detail))}
            if many
            else {"shapes": encode_polygons(frame, coverage=True, detail=page.detail)}
        ),
        "outline": encode_outline(frame, detail=page.detail),
        "labels": encode_flat(inner_points(frame))["steps"] if many else label_points(frame),
    }


def _parts(page: Page) -> dict[str, Any]:
    """Return what the page of this tier has beside its units; empty where there is none."""
    parts = page.parts
    zones, change = parts.zones, parts.zone_change
    return {
        "cells": None if parts.cells is None else _cells(page),
        "effects": encode_table(parts.effects[list(EFFECT_COLUMNS)].fillna({"finding": "", "note": ""})),
        "portfolio": encode_table(parts.portfolio[list(PORTFOLIO_COLUMNS)]),
        "zones": encode_table(_estimate_table(page, zones) if len(zones) else zones),
        "zoneChange": encode_table(_change_table(change) if len(change) else change),
        "fields": [_fields(one) for one in parts.fields],
        "gaps": [_gap_facts(one) for one in parts.gaps],
        "sample": _sample(page),
        "next": _next(page),
    }


def _cells(page: Page) -> dict[str, Any]:
    """Return the squares, and for each crop and period their figures in the same order."""
    layer = page.parts.cells
    assert layer is not None
    frame, names = layer.frame, [str(name) for name in layer.frame["cell"]]
    sides = frame["side_km"].to_numpy(dtype=float)
    told, breaks = [], {}
    for crop in page.crops:
        density = []
        for period in page.periods:
            rows = layer.figures
            rows = rows[(rows["crop"].astype(str) == crop) & (rows["period"].astype(str) == period.name)]
            rows = rows.set_index(rows["cell"].astype(str)).reindex(names)
            numbers = {name: pd.to_numeric(rows[name]).astype(float).to_numpy() for name in _LIMITS}
            texts = {name: rows[name].fillna(empty).astype(str).to_numpy() for name, empty in _CELL_TEXTS.items()}
            level = pd.to_numeric(rows["level"]).dropna()
            told.append(
                {
                    "crop": crop,
                    "period": plain(period.name),
                    "level": float(level.iloc[0]) if len(level) else 0.95,
                    "table": encode_table(pd.DataFrame({**numbers, **texts})),
                }
            )
            shown = numbers["value_ha"] / sides**2
            density += shown[np.isfinite(shown)].tolist()
        breaks[crop] = list(class_breaks(density, len(SEQUENCE)))
    return {
        "names": [plain(name) for name in names],
        "sides": frame["side_km"].astype(int).tolist(),
        "shapes": encode_flat(frame),
        "figures": told,
        "breaks": breaks,
    }


_LIMITS = ("value_ha", "lo_ha", "hi_ha")
_CELL_TEXTS = {"state": "missing", "mapped": "", "flags": ""}


def _fields(layer: FieldLayer) -> dict[str, Any]:
    """Return the fields of a map; their hectares are counted on it, and the page says so."""
    frame = layer.frame
    shapes = shapely.simplify(np.asarray(frame.geometry.values), layer.tolerance)
    return {
        "crop": layer.crop,
        "period": plain(layer.period),
        "shapes": encode_flat(frame.set_geometry(geopandas.GeoSeries(shapes, index=frame.index, crs=frame.crs))),
        "probability": [round(float(one)) for one in frame["probability"]],
        "area": [round(float(one), 2) for one in frame["area_ha"]],
        # Ids that count upwards are made from their number in the page
        "names": _numbered([plain(name) for name in frame["field_id"]]),
    }


def _numbered(names: list[str]) -> dict[str, Any]:
    """Return names as one start and one width where they are a run of numbers, else as they are."""
    digits = len(names[0]) - len(names[0].rstrip("0123456789")) if names else 0
    if digits:
        head, first = names[0][:-digits], int(names[0][-digits:])
        if names == [f"{head}{first + number:0{digits}d}" for number in range(len(names))]:
            return {"head": head, "first": first, "digits": digits}
    return {"list": names}


def _gap(layer: GapLayer, extent: Extent) -> dict[str, Any]:
    image = gap_image(layer.path, layer.least, GAP_COLOURS, extent=extent)
    return {"kind": "gaps", "period": plain(layer.period), "crop": None, **_image(image)}


def _gap_facts(layer: GapLayer) -> dict[str, Any]:
    return {
        "period": plain(layer.period),
        "least": layer.least,
        "never": round(layer.never_percent / 100, 4),
        "few": round(layer.few_percent / 100, 4),
    }


def _sample(page: Page) -> dict[str, Any] | None:
    layer = page.parts.sample
    if layer is None:
        return None
    periods = [period.name for period in page.periods if period.name in layer.frame.columns]
    return {
        "names": [plain(name) for name in layer.frame["unit_id"]],
        "points": encode_flat(layer.frame)["steps"],
        "periods": [plain(name) for name in periods],
        "states": [[SAMPLE_STATES.index(str(state)) for state in layer.frame[name]] for name in periods],
        "known": list(SAMPLE_STATES),
    }


def _next(page: Page) -> dict[str, Any] | None:
    layer = page.parts.next_places
    if layer is None:
        return None
    return {
        "names": [plain(name) for name in layer.frame["unit_id"]],
        "points": encode_flat(layer.frame)["steps"],
        "uncertainty": [round(float(one)) for one in layer.frame["uncertainty"]],
    }


def _overlays(page: Page) -> Iterator[dict[str, Any]]:
    for layer in page.overlays:
        yield {
            "name": plain(layer.name),
            "title": plain(layer.title),
            "kind": layer.kind,
            "labels": [plain(label) for label in layer.frame[layer.label]],
            "shapes": encode_polygons(layer.frame, coverage=False, detail=page.detail),
        }


def _raster(page: Page, layer: RasterLayer) -> dict[str, Any]:
    if layer.kind == "class":
        image = class_image(layer.path, page.legend, extent=page.extent)
    else:
        image = probability_image(layer.path, extent=page.extent)
    return {"kind": layer.kind, "period": plain(layer.period), "crop": layer.crop, **_image(image)}


def _harm_map(layer: HarmMap, extent: Extent) -> dict[str, Any]:
    """Return a map of a harm: a picture, and the classes its legend tells."""
    colours = {code: colour for code, colour, _ in layer.classes}
    return {
        "kind": f"harm_{layer.harm}",
        "period": plain(layer.period),
        "crop": layer.crop,
        "classes": [{"colour": colour, "key": f"harms.{name}"} for _, colour, name in layer.classes],
        **_image(code_image(layer.path, colours, limits=layer.limits, extent=extent)),
    }


def _harm(one: HarmFigure) -> dict[str, Any]:
    """Return a harm; numbers that are not there are None."""
    return {
        "harm": one.harm,
        "crop": one.crop,
        "period": plain(one.period),
        "state": one.state,
        "claim": one.claim,
        "grade": one.grade,
        "level": one.level,
        "rough": one.rough,
        "unit": plain(one.unit),
        "unitKey": UNIT_KEYS.get(one.unit, ""),
        **{
            name: value if np.isfinite(value) else None
            for name, value in zip(("value", "lo", "hi"), (one.value, one.lo, one.hi), strict=True)
        },
    }


def _image(image: MapImage) -> dict[str, Any]:
    return {"uri": image.uri, "bounds": [list(corner) for corner in image.bounds]}


def _accuracy(entry: Accuracy) -> dict[str, Any]:
    return {
        "period": plain(entry.period),
        "overall": _share(entry.overall),
        "n": entry.n,
        "level": entry.level,
        "method": plain(entry.method),
        "classes": [
            {
                "name": plain(one.name),
                "users": _share(one.users),
                "producers": _share(one.producers),
            }
            for one in entry.classes
        ],
    }


def _share(share: Share) -> list[float | None]:
    """Return value and limits; None where a class was never mapped or never found."""
    return [round(x, 4) if np.isfinite(x) else None for x in (share.value, share.lo, share.hi)]
