"""Where the crop is, how it went over the years, and what changed between two: maps, charts and tables of units."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from maps.language import Language
from maps.page import FRAME_DOMAIN, Page
from maps.remark import figure_words, flags_of, verdict_key
from maps.report.chart import Dot, DotRow, SeriesPoint, dots, series
from maps.report.document import Block, Heading, Paragraph, Picture, Table
from maps.report.lookup import (
    MOST_ROWS,
    PERIOD_COLOURS,
    ROUGH,
    changes_of,
    compared_periods,
    current_period,
    dot_of,
    frame_row,
    has_number,
    hectares,
    level_of_all,
    more_rows,
    number_of,
    unit_rows,
)
from maps.report.unit_map import unit_map
from maps.style import CROPS
from maps.text import plain

__all__ = ["change", "over_time", "places"]


def places(page: Page, words: Language) -> Iterator[Block]:
    """Yield map, chart and table of the units, crop by crop."""
    current = current_period(page)
    yield Heading(text=words.text("report.where"))
    for crop in page.crops:
        if not unit_rows(page, crop, current):
            continue
        level = level_of_all(page, words)
        name = words.class_name(crop)
        yield Picture(
            caption=words.text("report.unit_map", crop=name, period=plain(current)),
            drawing=unit_map(page, crop=crop, period=current, words=words),
        )
        yield _unit_dots(page, crop, words, words.text("report.unit_chart", crop=name, level=level))
        yield from _unit_table(page, crop, words, words.text("report.unit_table", crop=name, level=level))


def _unit_dots(page: Page, crop: str, words: Language, caption: str) -> Picture:
    shown = compared_periods(page)
    by_period = {period: unit_rows(page, crop, period) for period in shown}
    last = by_period[shown[-1]]
    codes = sorted(last, key=lambda code: -number_of(last[code]))[:MOST_ROWS]
    rows = [
        DotRow(
            label=plain(last[code]["domain_name"]),
            dots=tuple(
                dot_of(by_period[period][code], PERIOD_COLOURS[place])
                for place, period in enumerate(shown)
                if code in by_period[period] and has_number(by_period[period][code])
            ),
            absent=figure_words(last[code], words),
        )
        for code in codes
    ]
    key = [(plain(period), PERIOD_COLOURS[place]) for place, period in enumerate(shown)]
    drawing = dots(
        rows, number=lambda x: words.number(x, scale=100), axis=hectares(words), key=key, described=caption
    )
    return Picture(caption=caption, drawing=drawing)


def _unit_table(page: Page, crop: str, words: Language, caption: str) -> Iterator[Block]:
    shown = compared_periods(page)
    by_period = {period: unit_rows(page, crop, period) for period in shown}
    changes = {
        str(row["domain"]): row
        for row in page.figures.change.to_dict("records")
        if row["crop"] == crop and [str(row["from"]), str(row["to"])] == [shown[0], shown[-1]]
    }
    head = [words.text("table.code"), words.text("table.unit"), *(plain(period) for period in shown)]
    head += [words.text("table.verdict"), words.text("table.flags")] if changes else [words.text("table.flags")]
    every = {code: row for period in shown for code, row in by_period[period].items()}
    frame = {period: frame_row(page, crop, period) for period in shown}
    body, shaded = [], []
    for code, row in [*every.items(), (FRAME_DOMAIN, frame[shown[-1]])]:
        if row is None:
            continue
        figures = [frame[period] if code == FRAME_DOMAIN else by_period[period].get(code) for period in shown]
        cells = ["" if figure is None else figure_words(figure, words) for figure in figures]
        marks = dict.fromkeys(
            flag for figure in figures if figure is not None for flag in flags_of(figure["flags"])
        )
        remark = words.text("pattern.list").join(words.words.get(f"mark.{mark}", mark) for mark in marks)
        verdict = []
        if changes:
            change = changes.get(code)
            verdict = ["" if change is None else words.text(f"verdict.{verdict_key(change['verdict'])}")]
        shown_code = "" if code == FRAME_DOMAIN else plain(code)
        name = words.text("page.whole_area") if code == FRAME_DOMAIN else plain(row["domain_name"])
        body.append((shown_code, name, *cells, *verdict, remark))
        shaded.append(code == FRAME_DOMAIN)
    kept = [*body[: MOST_ROWS - 1], *body[-1:]] if len(body) > MOST_ROWS else body
    flags = [*shaded[: MOST_ROWS - 1], *shaded[-1:]] if len(body) > MOST_ROWS else shaded
    numeric = (False, False, *([True] * len(shown)), *([False] * (len(head) - 2 - len(shown))))
    yield Table(caption=caption, head=tuple(head), rows=tuple(kept), numeric=numeric, shaded=tuple(flags))
    if len(body) > MOST_ROWS:
        yield more_rows(len(body) - len(kept), words)


def over_time(page: Page, words: Language) -> Iterator[Block]:
    """Yield the series of the whole area, crop by crop."""
    yield Heading(text=words.text("report.over_time"))
    for crop in page.crops:
        colour = CROPS.get(crop, PERIOD_COLOURS[0])
        points = []
        for period in page.periods:
            row = frame_row(page, crop, period.name)
            dot = dot_of(row, colour) if row is not None and has_number(row) else None
            points.append(SeriesPoint(label=plain(period.name), dot=dot, broken=period.break_before))
        caption = words.text("report.series_chart", crop=words.class_name(crop), level=level_of_all(page, words))
        drawing = series(
            points, number=lambda x: words.number(x, scale=100), axis=hectares(words), described=caption
        )
        yield Picture(caption=caption, drawing=drawing)


def change(page: Page, words: Language) -> Iterator[Block]:
    """Yield the changes of the units and of the whole, crop by crop and pair by pair."""
    yield Heading(text=words.text("report.change"))
    yield Paragraph(text=words.text("report.change_note"))
    names = dict(zip(page.figures.estimates["domain"], page.figures.estimates["domain_name"], strict=True))
    for crop in page.crops:
        pairs = dict.fromkeys((str(row["from"]), str(row["to"])) for row in changes_of(page, crop, None))
        for start, end in pairs:
            every = [r for r in changes_of(page, crop, None) if [str(r["from"]), str(r["to"])] == [start, end]]
            rows = [_change_row(row, names, words) for row in every[:MOST_ROWS]]
            level = level_of_all(page, words)
            caption = words.text(
                "report.change_chart",
                crop=words.class_name(crop),
                level=level,
                **{"from": plain(start), "to": plain(end)},
            )
            drawing = dots(
                rows,
                number=lambda x: words.number(x, scale=100, signed=True),
                axis=hectares(words),
                described=caption,
            )
            yield Picture(caption=caption, drawing=drawing)


def _change_row(row: dict[str, Any], names: dict[Any, Any], words: Language) -> DotRow:
    whole = str(row["domain"]) == FRAME_DOMAIN
    label = words.text("page.whole_area") if whole else plain(names.get(row["domain"], row["domain"]))
    value = float(row["difference_ha"])
    if math.isnan(value):
        return DotRow(label=label, absent=words.text(f"verdict.{verdict_key(row['verdict'])}"), strong=whole)
    rough = bool(set(flags_of(row.get("flags"))) & ROUGH)
    dot = Dot(value=value, lo=float(row["lo_ha"]), hi=float(row["hi_ha"]), colour=PERIOD_COLOURS[0], rough=rough)
    return DotRow(label=label, dots=(dot,), strong=whole)
