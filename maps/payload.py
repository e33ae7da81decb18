"""The data inside the page: figures, shapes and pictures in the form that its scripts read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from geo.areas import polygon_areas_ha
from maps.columns import encode_lines, encode_outline, encode_polygons, encode_table, label_points
from maps.language import LANGUAGES, language
from maps.overlay_image import (
    NOT_SEEN_COLOUR,
    PROBABILITY_LIMITS,
    MapImage,
    class_image,
    code_image,
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
from maps.remark import given_flags, verdict_key, with_flags
from maps.style import CHANGE, PROBABILITY, SEQUENCE, class_breaks
from maps.text import plain

__all__ = ["catalogue", "payload"]

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
    west, south, east, north = page.admin.frame.to_crs(4326).total_bounds
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
        "lines": [{"kind": line.kind, "shapes": encode_lines(line.frame)} for line in page.lines],
        "rasters": [_raster(page, layer) for layer in page.rasters] + [_harm_map(one) for one in page.harm_maps],
        "harms": [_harm(one) for one in page.figures.harms],
        "relief": None if page.elevation is None else _image(relief_image(page.elevation)),
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
        "language": page.language,
    }


def _estimates(page: Page) -> pd.DataFrame:
    """Return the figures in the order crop, period, domain, with flags; an empty cell keeps no number."""
    table = _as_text(with_flags(page.figures.estimates), ("crop", "period", "domain"))
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
    table = _as_text(page.figures.change, ("crop", "from", "to", "domain"))
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
    return {
        "title": plain(page.admin.title),
        "codes": [plain(code) for code in frame["code"]],
        "names": [plain(name) for name in frame["name"]],
        "shapes": encode_polygons(frame, coverage=True),
        "outline": encode_outline(frame),
        "labels": label_points(frame),
        "areas": [round(float(area), 1) for area in polygon_areas_ha(frame)],
    }


def _overlays(page: Page) -> Iterator[dict[str, Any]]:
    for layer in page.overlays:
        yield {
            "name": plain(layer.name),
            "title": plain(layer.title),
            "kind": layer.kind,
            "labels": [plain(label) for label in layer.frame[layer.label]],
            "shapes": encode_polygons(layer.frame, coverage=False),
        }


def _raster(page: Page, layer: RasterLayer) -> dict[str, Any]:
    image = class_image(layer.path, page.legend) if layer.kind == "class" else probability_image(layer.path)
    return {"kind": layer.kind, "period": plain(layer.period), "crop": layer.crop, **_image(image)}


def _harm_map(layer: HarmMap) -> dict[str, Any]:
    """Return a map of a harm: a picture, and the classes its legend tells."""
    return {
        "kind": f"harm_{layer.harm}",
        "period": plain(layer.period),
        "crop": layer.crop,
        "classes": [{"colour": colour, "key": f"harms.{name}"} for _, colour, name in layer.classes],
        **_image(code_image(layer.path, {code: colour for code, colour, _ in layer.classes}, limits=layer.limits)),
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
