"""Pages within their budget: a public page is small, a programme page moderate, a field page split into sheets.

The budgets are those a cheap phone bears: the file is opened from a memory card, read and drawn in two seconds.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np
import shapely

from geo.errors import Problem, QualityGateError
from maps.disclosure import Tier
from maps.interactive import DRAWN, render
from maps.language import Language, language
from maps.offline import content_policy
from maps.page import Page
from maps.page_fonts import font_faces
from maps.parts import Parts
from maps.payload import payload
from maps.text import plain

__all__ = ["BUDGETS", "Budget", "page_data", "redrawn", "render_within", "split"]


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one page may hold."""

    size: int
    """Bytes of the file."""
    shapes: int
    """Polygons that answer to a click: units and cells, or fields."""


BUDGETS = {
    Tier.FIELD: Budget(10_000_000, 50_000),
    Tier.PROGRAMME: Budget(5_000_000, 20_000),
    Tier.PUBLIC: Budget(1_500_000, 2_000),
}
"""Budget by tier; of tier 0 for each sheet."""

_MOST_SHEETS = 400
_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
# At the least, an outline keeps what is more than two points wide on a screen
_DETAILS = (1.0, 0.6, 0.36, 0.2)


def render_within(page: Page, budget: Budget | None = None) -> dict[str, str]:
    """Return the files of a product's page, each within the budget of its tier.

    Parameters
    ----------
    page
        What it shows.
    budget
        In place of the tier's own.

    Returns
    -------
    dict
        Path to HTML: ``index.html`` alone, or that one as an index of ``sheets/01.html`` and so on.

    Raises
    ------
    QualityGateError
        If a page of tier 1 or 2 is over its budget, or a sheet cannot be made small enough.
    """
    limit = budget or BUDGETS[page.about.tier]
    if page.about.tier is not Tier.FIELD:
        return {"index.html": _small_enough(_without_excess(page, limit), limit)}
    sheets = split(page, limit.shapes)
    if len(sheets) == 1:
        text = render(page)
        if len(text.encode()) <= limit.size:
            return {"index.html": text}
        sheets = split(page, limit.shapes, parts=2)
    made = _rendered(page, sheets, limit)
    names = {f"sheets/{number:02d}.html": text for number, (_, text) in enumerate(made, 1)}
    return {"index.html": _index(page, [sheet for sheet, _ in made]), **names}


def _rendered(page: Page, sheets: list[Page], limit: Budget) -> list[tuple[Page, str]]:
    """Return the sheets with their text; all are made smaller until the largest fits."""
    while True:
        made = [(sheet, render(sheet)) for sheet in sheets]
        largest = max(len(text.encode()) for _, text in made)
        if largest <= limit.size:
            return made
        if 2 * len(sheets) > _MOST_SHEETS:
            raise QualityGateError(_too_large(largest, limit))
        sheets = split(page, limit.shapes, parts=2 * len(sheets))


def _small_enough(page: Page, limit: Budget) -> str:
    """Return the page with as much detail in its outlines as the budget bears; neighbours keep common edges."""
    size = 0
    for share in _DETAILS:
        text = render(replace(page, detail=int(page.detail * share)))
        size = len(text.encode())
        if size <= limit.size:
            return text
    raise QualityGateError(_too_large(size, limit, page.about.tier))


def _too_large(size: int, limit: Budget, tier: Tier = Tier.FIELD) -> Problem:
    return Problem(
        f"page of tier {int(tier)}",
        f"{size / 1e6:.2f} MB",
        f"at most {limit.size / 1e6:g} MB, which a phone still opens",
        "leave the relief or an overlay with much detail out, or use larger units",
    )


def _without_excess(page: Page, limit: Budget) -> Page:
    """Leave cells out where they are too many for a page, and say so; too many units are refused."""
    units, cells = len(page.admin.frame), page.parts.cells
    if units > limit.shapes:
        raise QualityGateError(
            Problem(
                f"page of tier {int(page.about.tier)}",
                f"{units} administrative units",
                f"at most {limit.shapes}",
                "use units of a higher level for this product",
            )
        )
    if cells is None or units + len(cells.frame) <= limit.shapes:
        return page
    about = replace(page.about, notes=(*page.about.notes, "limits.many_cells"))
    return replace(page, about=about, parts=replace(page.parts, cells=None))


def redrawn(page: Page, told: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a product's page again, from its figures and from what is drawn in those given.

    Parameters
    ----------
    page
        What it shows, without the layers of `maps.interactive.DRAWN`.
    told
        The files as they were published: path to HTML.
    """
    limit = BUDGETS[page.about.tier]
    first = next(iter(told.values()))
    if page.about.tier is not Tier.FIELD:
        page = _without_excess(page, limit)
        details = [replace(page, detail=int(page.detail * share)) for share in _DETAILS]
        units = page_data(first).get("units")
        chosen = next((one for one in details if payload(one)["units"] == units), page)
        return {"index.html": render(chosen, _drawn(first))}
    if len(told) == 1:
        return {"index.html": render(page, _drawn(first))}
    parts = 1
    while len(sheets := split(page, limit.shapes, parts=parts)) < len(told) - 1 and parts < _MOST_SHEETS:
        parts = 2 * len(sheets) if parts > 1 else 2
    names = [f"sheets/{number:02d}.html" for number in range(1, len(sheets) + 1)]
    made = {name: render(sheet, _drawn(told.get(name, ""))) for name, sheet in zip(names, sheets, strict=True)}
    return {"index.html": _index(page, sheets), **made}


def page_data(text: str) -> dict[str, Any]:
    """Return the data inside a page; empty where there are none that can be read."""
    found = _DATA.search(text)
    try:
        content = json.loads(found[1]) if found is not None else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _drawn(text: str) -> dict[str, Any]:
    content = page_data(text)
    return {name: content[name] for name in DRAWN if name in content}


def split(page: Page, most: int, *, parts: int = 1) -> list[Page]:
    """Return the sheets of a field page: rectangles with at most so many fields, halved where there are more.

    Parameters
    ----------
    page
        The whole.
    most
        Fields on a sheet, all periods together.
    parts
        Fewest sheets.
    """
    fields = [layer.frame.to_crs(4326) for layer in page.parts.fields]
    centres = [shapely.get_coordinates(shapely.centroid(np.asarray(one.geometry.values))) for one in fields]
    every = np.concatenate(centres) if centres else np.empty((0, 2))
    west, south, east, north = map(float, page.admin.frame.to_crs(4326).total_bounds)
    boxes = [(west, south, east, north)]
    while True:
        counts = [int(_inside(every, box).sum()) for box in boxes]
        fullest = int(np.argmax(counts))
        if (counts[fullest] <= most and len(boxes) >= parts) or len(boxes) >= _MOST_SHEETS:
            break
        boxes[fullest : fullest + 1] = _halves(boxes[fullest], every[_inside(every, boxes[fullest])])
    if len(boxes) == 1:
        return [page]
    return [_sheet(page, box, centres) for box in sorted(boxes, key=lambda box: (-box[3], box[0]))]


def _inside(points: Any, box: tuple[float, float, float, float]) -> Any:
    west, south, east, north = box
    # A point on a common edge belongs to the sheet east or north of it
    return (points[:, 0] >= west) & (points[:, 0] < east) & (points[:, 1] >= south) & (points[:, 1] < north)


def _halves(box: tuple[float, float, float, float], points: Any) -> list[tuple[float, float, float, float]]:
    """Return two rectangles with as many fields each, cut across the longer side."""
    west, south, east, north = box
    wide = (east - west) * np.cos(np.radians((south + north) / 2)) >= north - south
    axis, low, high = (0, west, east) if wide else (1, south, north)
    middle = float(np.median(points[:, axis])) if len(points) > 1 else (low + high) / 2
    cut = middle if low < middle < high else (low + high) / 2
    if wide:
        return [(west, south, cut, north), (cut, south, east, north)]
    return [(west, cut, east, north), (west, south, east, cut)]


def _sheet(page: Page, box: tuple[float, float, float, float], centres: list[Any]) -> Page:
    """Return the page of a rectangle: its fields, sample units and places, and the units that reach into it."""
    fields = tuple(
        replace(layer, frame=layer.frame[_inside(points, box)].reset_index(drop=True))
        for layer, points in zip(page.parts.fields, centres, strict=True)
    )
    parts: Parts = replace(page.parts, fields=fields)
    for name in ("sample", "next_places"):
        layer = getattr(parts, name)
        if layer is not None:
            kept = _inside(shapely.get_coordinates(np.asarray(layer.frame.to_crs(4326).geometry.values)), box)
            parts = replace(parts, **{name: replace(layer, frame=layer.frame[kept].reset_index(drop=True))})
    touched = page.admin.frame.to_crs(4326).intersects(shapely.box(*box)).to_numpy()
    admin = replace(page.admin, frame=page.admin.frame[touched].reset_index(drop=True))
    return replace(page, parts=parts, admin=admin, extent=box)


def _index(page: Page, sheets: list[Page]) -> str:
    """Return the page that leads to the sheets: a small map of them and a list with what each holds."""
    words, about = language(page.language), page.about
    style = font_faces(words.code) + (files("maps.assets") / "report.css").read_text(encoding="utf-8")
    rows = "".join(_row(number, sheet, words) for number, sheet in enumerate(sheets, 1))
    heads = "".join(
        f'<th scope="col">{html.escape(words.text(key))}</th>'
        for key in ("sheets.sheet", "sheets.units", "parts.fields", "parts.sample", "parts.next")
    )
    mark = words.text(f"tier.{about.tier.value}")
    cleared = plain(about.disclaimer) or words.text("notes.draft")
    title = words.text("sheets.title")
    document = (
        f'<!DOCTYPE html>\n<html lang="{words.code}" dir="{words.direction}">\n<head>\n<meta charset="utf-8">\n'
        '@policy@<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{html.escape(plain(about.title))}</title>\n<style>\n{style}\n</style>\n</head>\n<body>\n<main>\n"
        f'<header><h1>{html.escape(plain(about.title))}</h1><p class="sub">{html.escape(plain(about.subtitle))}</p>'
        f'<p class="mark">{html.escape(mark)}</p><p class="mark">{html.escape(cleared)}</p></header>\n'
        f"<h2>{html.escape(title)}</h2><p>{html.escape(words.text('sheets.note'))}</p>\n"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(title)}"><table>'
        f"<caption>{html.escape(title)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n"
        f"{_overview(page, sheets, words)}\n</main>\n</body>\n</html>\n"
    )
    policy = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(content_policy(document))}">\n'
    return document.replace("@policy@", policy, 1)


def _row(number: int, sheet: Page, words: Language) -> str:
    parts = sheet.parts
    names = words.text("pattern.list").join(plain(name) for name in sheet.admin.frame["name"].head(6))
    more = "…" if len(sheet.admin.frame) > 6 else ""
    latest = sheet.periods[-1].name
    fields = sum(len(one.frame) for one in parts.fields if one.period == latest)
    counts = [fields, *(0 if one is None else len(one.frame) for one in (parts.sample, parts.next_places))]
    cells = "".join(f'<td class="number">{words.number(count, scale=100)}</td>' for count in counts)
    link = f'<a href="sheets/{number:02d}.html">{words.number(number, scale=100)}</a>'
    return f'<tr><th scope="row">{link}</th><td><bdi>{html.escape(names + more)}</bdi></td>{cells}</tr>'


def _overview(page: Page, sheets: list[Page], words: Language) -> str:
    """Return a plan of the sheets, each a rectangle with its number that leads to it."""
    west, south, east, north = page.admin.frame.to_crs(4326).total_bounds
    squeeze = float(np.cos(np.radians((south + north) / 2)))
    width = 600.0
    unit = width / ((east - west) * squeeze)
    height = (north - south) * unit
    shapes = []
    for number, sheet in enumerate(sheets, 1):
        assert sheet.extent is not None
        left, low, right, high = sheet.extent
        x, y = (left - west) * squeeze * unit, (north - high) * unit
        wide, tall = (right - left) * squeeze * unit, (high - low) * unit
        place = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
        middle = f'x="{x + wide / 2:.1f}" y="{y + tall / 2:.1f}" font-size="16" text-anchor="middle"'
        shapes.append(
            f'<a href="sheets/{number:02d}.html"><rect {place} fill="#E4EEF4" stroke="#0b4a6f"/>'
            f'<text {middle} fill="#16232b">{words.number(number, scale=100)}</text></a>'
        )
    label = html.escape(words.text("sheets.plan"))
    return (
        f'<figure class="picture"><div dir="ltr"><svg xmlns="http://www.w3.org/2000/svg" role="group" '
        f'aria-label="{label}" viewBox="0 0 {width:.0f} {height:.0f}">{"".join(shapes)}</svg></div>'
        f"<figcaption>{label}</figcaption></figure>"
    )
