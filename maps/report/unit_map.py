"""The map of a report: administrative units shaded by their hectares, hatched where the figure is rough."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any
from unicodedata import east_asian_width

import numpy as np
import pandas as pd
import shapely

from maps.language import Language
from maps.page import Page
from maps.remark import flags_of, with_flags
from maps.report.drawing import INK, Drawing, Label, line, path, rectangle
from maps.style import SEQUENCE, class_breaks
from maps.text import plain

__all__ = ["unit_map"]

_WIDTH, _MAP, _GAP = 640.0, 430.0, 22.0
_EMPTY, _ROUGH = "#ECEEF0", ("LOW_COUNT", "WIDE", "INDICATIVE")
_SIGN = 4.9  # mean width of a sign of a name
_LEAST_PART = 0.02  # of the map's height; smaller shapes get no name
_HATCH = (
    '<pattern id="rough" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    f'<rect width="1.4" height="6" fill="{INK}" fill-opacity="0.75"/></pattern>'
)


def unit_map(page: Page, *, crop: str, period: str, words: Language) -> Drawing:
    """Return the units of a page shaded by the hectares of a crop in a period, with legend, scale and north.

    Parameters
    ----------
    page
        Figures and units; the units are drawn in their own projection, or in a local equal-area one when theirs
        is geographic.
    crop, period
        Whose figures.
    words
        Language of the legend.
    """
    frame = page.admin.frame
    projected = frame.to_crs(_local_crs(frame)) if frame.crs.is_geographic else frame
    west, south, east, north = projected.total_bounds
    size = min(_MAP / (east - west), _MAP / (north - south))
    height = (north - south) * size + 16

    def place(xy: np.ndarray) -> np.ndarray:
        return np.column_stack([8 + (xy[:, 0] - west) * size, 8 + (north - xy[:, 1]) * size])

    figures = _figures(page, crop, period)
    breaks = class_breaks(_all_values(page, crop), len(SEQUENCE))
    shapes: list[str] = []
    named: list[tuple[str, Label]] = []
    drawn = shapely.transform(projected.geometry.to_numpy(), place)
    order = np.argsort(-shapely.area(drawn), kind="stable")
    for index in order:
        shape, code = drawn[index], str(projected["code"].iloc[index])
        row = figures.get(code)
        fill = _EMPTY if row is None else SEQUENCE[sum(row["value_ha"] >= limit for limit in breaks)]
        rings = list(_rings(shape))
        shapes.append(path(rings, fill=fill, stroke="#5B6B75"))
        if row is not None and set(flags_of(row["flags"])) & set(_ROUGH):
            shapes.append(path(rings, fill="url(#rough)", stroke="none"))
        if shapely.area(shape) > _LEAST_PART * height * _MAP:
            named.append(_name(shape, plain(projected["name"].iloc[index])))
    legend_shapes, legend_labels = _legend(breaks, words)
    scale_shapes, scale_labels = _scale_bar(size, height, words)
    return Drawing(
        width=_WIDTH,
        height=max(height, 250.0),
        shapes=(*shapes, *(ground for ground, _ in named), *legend_shapes, *scale_shapes),
        labels=(*(label for _, label in named), *legend_labels, *scale_labels),
        definitions=_HATCH,
        described=words.text("legend.hectares", crop=words.class_name(crop), period=plain(period)),
    )


def _local_crs(frame: Any) -> str:
    west, south, east, north = frame.total_bounds
    lat, lon = round((south + north) / 2, 2), round((west + east) / 2, 2)
    return f"+proj=laea +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m"


def _figures(page: Page, crop: str, period: str) -> dict[str, Any]:
    table = with_flags(page.figures.estimates)
    chosen = (table["crop"] == crop) & (table["period"].astype(str) == period)
    chosen &= table["state"].isin(["estimated", "zero"])
    return {str(row["domain"]): row for row in table[chosen].to_dict("records")}


def _all_values(page: Page, crop: str) -> pd.Series:
    table = page.figures.estimates
    chosen = (table["crop"] == crop) & (table["state"] == "estimated")
    return table.loc[chosen & table["domain"].astype(str).isin(page.admin.frame["code"].astype(str)), "value_ha"]


def _rings(shape: Any) -> Iterator[list[tuple[float, float]]]:
    for part in shapely.get_parts(shapely.simplify(shape, 0.3)):
        if part.geom_type != "Polygon" or part.is_empty:
            continue
        for ring in (part.exterior, *part.interiors):
            yield [(float(x), float(y)) for x, y in shapely.get_coordinates(ring)[:-1]]


def _name(shape: Any, name: str) -> tuple[str, Label]:
    """Return a unit's name on a pale ground, which keeps it legible over shade and hatching alike."""
    x, y = (float(value) for value in shapely.get_coordinates(shapely.point_on_surface(shape))[0])
    width = _SIGN * sum(2 if east_asian_width(sign) in "WF" else 1 for sign in name) + 6
    ground = rectangle(x - width / 2, y - 6.5, width, 13, fill="#FFFFFF", opacity=0.82)
    return ground, Label(x=x, y=y, text=name, anchor="middle", size=9.0)


def _legend(breaks: Sequence[float], words: Language) -> tuple[list[str], list[Label]]:
    x, y = _MAP + _GAP + 8, 24.0
    # Round limits are exact and are written as on the page, without digits that say nothing
    exact = all(float(limit).is_integer() for limit in breaks)
    limits = [words.number(limit, scale=100.0 if exact else breaks[-1]) for limit in breaks]
    texts = [words.text("legend.below", hi=limits[0])] if limits else [words.text("page.whole_area")]
    texts += [words.text("legend.between", lo=lo, hi=hi) for lo, hi in pairwise(limits)]
    texts += [words.text("legend.above", lo=limits[-1])] if limits else []
    shapes, labels = [], [Label(x=x, y=y - 10, text=words.text("table.hectares"), bold=True, size=10)]
    for colour, text in zip(SEQUENCE, texts, strict=False):
        shapes.append(rectangle(x, y, 18, 13, fill=colour, stroke="#5B6B75"))
        labels.append(Label(x=x + 24, y=y + 6.5, text=text, size=10))
        y += 18
    for fill, key in (("url(#rough)", "report.rough"), (_EMPTY, "report.empty")):
        shapes.append(rectangle(x, y + 6, 18, 13, fill=fill, stroke="#5B6B75"))
        labels.append(Label(x=x + 24, y=y + 12.5, text=words.text(key), size=10))
        y += 18
    return shapes, labels


def _scale_bar(size: float, height: float, words: Language) -> tuple[list[str], list[Label]]:
    """Return a bar of a round length, at most a third of the map, and the arrow to the north."""
    x, y = _MAP + _GAP + 8, max(height, 250.0) - 16
    longest = _MAP / 3 / size
    power = 10.0 ** math.floor(math.log10(longest))
    metres = max(step * power for step in (1, 2, 5) if step * power <= longest)
    text = (
        words.text("pattern.km", value=words.number(metres / 1000, scale=100))
        if metres >= 1000
        else words.text("pattern.m", value=words.number(metres, scale=100))
    )
    shapes = [line((x, y), (x + metres * size, y), stroke=INK, width=2.0)]
    shapes += [line((end, y - 4), (end, y + 4), stroke=INK) for end in (x, x + metres * size)]
    tip = y - 62
    shapes.append(
        path([[(x + 8, tip), (x + 13, tip + 18), (x + 8, tip + 14), (x + 3, tip + 18)]], fill=INK, stroke=INK)
    )
    labels = [
        Label(x=x, y=y - 12, text=text, size=10),
        Label(x=x + 20, y=tip + 10, text=words.text("page.north_sign"), size=10, bold=True),
    ]
    return shapes, labels
