"""What a survey report says: a page's figures in the order of a national cultivation survey.

Every sentence comes from the language catalogue, every number from the run folder's tables; a section whose tables
are not there is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from geo.areas import polygon_areas_ha
from maps.impact_chart import effect_charts
from maps.language import Language, language
from maps.page import FRAME_DOMAIN, Page
from maps.remark import figure_words, flags_of, given_flags, verdict_key, with_flags
from maps.report.chart import Dot, DotRow, SeriesPoint, bars, dots, matrix, series
from maps.report.document import Block, Bullets, Equation, Heading, Paragraph, Picture, Report, Table
from maps.report.equations import EQUATIONS
from maps.report.tabulate import tabulate
from maps.report.unit_map import unit_map
from maps.style import CROPS
from maps.table import Sheet, sheets
from maps.text import plain

__all__ = ["build"]

_ROUGH = {"LOW_COUNT", "WIDE", "INDICATIVE", "CARRIED_FORWARD", "INCOMPLETE"}
_PERIOD_COLOURS = ("#0B5D8A", "#B8481B", "#4C8C4A", "#8C6BB1")
_MOST_ROWS = 45  # of one table on paper; the workbook has them all
_SECTIONS = (
    ("corrections", ("corrections",)),
    ("production", ("production",)),
    ("small", ("small_areas", "thresholds")),
    ("permanence", ("permanence",)),
    ("zones", ("zones", "alone", "zone_change")),
    (
        "programme",
        (
            "portfolio",
            "legality",
            "ad_estimates",
            "ad_change",
            "eradication",
            "validation",
            "indicators",
            "ad_findings",
        ),
    ),
    ("harm", ("harms",)),
    ("impact", ("effects", "balance")),
)
PERMANENCE = ("permanent", "intermittent", "expansion", "abandoned", "unaffected", "unknown")
"""Classes of permanence, in the order of the chart."""
_NOTES = {"zones": "report.zones_note", "harm": "report.harm_note", "impact": "report.impact_note"}


def build(page: Page) -> Report:
    """Return the report of a page's figures, in the page's language.

    Parameters
    ----------
    page
        Figures, units and names of a run, of one disclosure tier.
    """
    about = page.about
    words = replace(language(page.language), whole_hectares=about.round_ha >= 1)
    return Report(
        title=plain(about.title),
        subtitle=plain(about.subtitle),
        words=words,
        marks=tuple(_marks(page, words)),
        blocks=tuple(_blocks(page, words)),
        footer=words.text("report.footer"),
    )


def _marks(page: Page, words: Language) -> Iterator[str]:
    about = page.about
    yield words.text(f"tier.{about.tier.value}")
    yield plain(about.disclaimer) or words.text("notes.draft")
    if about.run_id:
        yield words.text("notes.run", run=plain(about.run_id))


def _blocks(page: Page, words: Language) -> Iterator[Block]:
    tables = {sheet.key: sheet for sheet in sheets(page.figures, words)}
    if "indicators" in tables:
        tables["indicators"] = _of_the_programme(tables["indicators"])
    yield from _findings(page, words)
    yield from _places(page, words)
    if len(page.periods) > 2:
        yield from _over_time(page, words)
    if not page.figures.change.empty:
        yield from _change(page, words)
    if page.figures.accuracy:
        yield from _accuracy(page, words, tables)
    for section, names in _SECTIONS:
        pictures: list[Block] = []
        if section == "impact":
            pictures = [*_effect_sentences(page, words), *_effect_pictures(page, words)]
        pictures += list(_permanence_picture(page, words)) if section == "permanence" else []
        yield from _tables(section, [tables[name] for name in names if name in tables], words, pictures)
    yield from _methods(page, words)
    yield from _limits(page, words)
    annexes = [tables[name] for name in ("cells", "counted", "floors", "spatial_pattern") if name in tables]
    yield from _tables("annexes", annexes, words)


# -- key findings


def _findings(page: Page, words: Language) -> Iterator[Block]:
    yield Heading(text=words.text("report.key_findings"))
    for crop in page.crops:
        for period in page.periods[-3:]:
            row = _frame_row(page, crop, period.name)
            if row is not None:
                yield from _finding(row, words)
        for change in _changes(page, crop, FRAME_DOMAIN):
            yield Paragraph(text=_change_sentence(change, words), strong=True)
    rows = tuple(_facts(page, words))
    yield Table(
        caption=words.text("report.fact_sheet"),
        head=(words.text("report.fact"), words.text("report.fact_value")),
        rows=rows,
        numeric=(False, False),
    )


def _finding(row: dict[str, Any], words: Language) -> Iterator[Block]:
    crop, period = words.class_name(str(row["crop"])), plain(row["period"])
    kind = words.text(f"headline.{row['kind']}", date=words.date(plain(row["reference_date"])))
    if row["state"] not in ("estimated", "zero") or pd.isna(row["value_ha"]):
        yield Paragraph(text=f"{crop}, {period}: {figure_words(row, words)}.", strong=True)
        return
    value = words.area(float(row["value_ha"]), scale=_scale(row))
    if pd.isna(row["lo_ha"]):
        text = words.text("report.finding_plain", crop=crop, period=period, value=value, kind=kind)
        yield Paragraph(text=text + " " + words.text("state.no_interval").capitalize() + ".", strong=True)
        return
    yield Paragraph(
        text=words.text(
            "report.finding",
            crop=crop,
            period=period,
            value=value,
            level=_level_of(row, words),
            range=words.interval(float(row["lo_ha"]), float(row["hi_ha"])),
            kind=kind,
        ),
        strong=True,
    )
    flags = [flag for flag in flags_of(row["flags"]) if flag in _ROUGH]
    if flags:
        why = words.text("pattern.list").join(words.text(f"flag.{flag}") for flag in flags)
        yield Paragraph(text=words.text("report.finding_rough", why=why), small=True)


def _change_sentence(row: dict[str, Any], words: Language) -> str:
    places = {
        "crop": words.class_name(str(row["crop"])),
        "from": plain(row["from"]),
        "to": plain(row["to"]),
        "difference": words.area(float(row["difference_ha"]), signed=True),
        "verdict": words.text(f"verdict.{verdict_key(row['verdict'])}"),
    }
    if pd.isna(row["lo_ha"]):
        return words.text("report.finding_change_plain", **places)
    places["level"] = _level_of(row, words)
    places["range"] = words.interval(float(row["lo_ha"]), float(row["hi_ha"]), signed=True)
    return words.text("report.finding_change", **places)


def _facts(page: Page, words: Language) -> Iterator[tuple[str, str]]:
    figures = page.figures
    area = float(polygon_areas_ha(page.admin.frame).sum())
    yield words.text("report.fact_area"), words.area(area)
    yield words.text("report.fact_units"), words.number(len(page.admin.frame), scale=100)
    shown = [
        f"{plain(p.name)} ({words.date(plain(p.reference_date))})" if p.reference_date else plain(p.name)
        for p in page.periods
    ]
    yield words.text("report.fact_periods"), words.text("pattern.list").join(shown)
    for entry in figures.accuracy:
        if entry.n:
            yield words.text("report.fact_sample", period=plain(entry.period)), words.number(entry.n, scale=100)
        text = words.text(
            "pattern.with_interval",
            value=words.percent(entry.overall.value),
            range=words.text(
                "pattern.range", lo=words.percent(entry.overall.lo), hi=words.percent(entry.overall.hi)
            ),
        )
        yield f"{words.text('headline.accuracy')}, {plain(entry.period)}", text
    sources = {plain(source) for source in figures.estimates["source"] if plain(source)} | {
        plain(page.about.sources)
    }
    yield words.text("table.source"), "; ".join(sorted(filter(None, sources)))
    if page.about.run_id:
        yield words.text("report.fact_run"), plain(page.about.run_id)


# -- where, over time, change


def _places(page: Page, words: Language) -> Iterator[Block]:
    current = _current(page)
    yield Heading(text=words.text("report.where"))
    for crop in page.crops:
        if not _unit_rows(page, crop, current):
            continue
        level = _level(page, words)
        name = words.class_name(crop)
        yield Picture(
            caption=words.text("report.unit_map", crop=name, period=plain(current)),
            drawing=unit_map(page, crop=crop, period=current, words=words),
        )
        yield _unit_dots(page, crop, words, words.text("report.unit_chart", crop=name, level=level))
        yield from _unit_table(page, crop, words, words.text("report.unit_table", crop=name, level=level))


def _unit_dots(page: Page, crop: str, words: Language, caption: str) -> Picture:
    shown = _compared(page)
    by_period = {period: _unit_rows(page, crop, period) for period in shown}
    last = by_period[shown[-1]]
    codes = sorted(last, key=lambda code: -_value(last[code]))[:_MOST_ROWS]
    rows = [
        DotRow(
            label=plain(last[code]["domain_name"]),
            dots=tuple(
                _dot(by_period[period][code], _PERIOD_COLOURS[place])
                for place, period in enumerate(shown)
                if code in by_period[period] and _numbered(by_period[period][code])
            ),
            absent=figure_words(last[code], words),
        )
        for code in codes
    ]
    key = [(plain(period), _PERIOD_COLOURS[place]) for place, period in enumerate(shown)]
    drawing = dots(
        rows, number=lambda x: words.number(x, scale=100), axis=_hectares(words), key=key, described=caption
    )
    return Picture(caption=caption, drawing=drawing)


def _unit_table(page: Page, crop: str, words: Language, caption: str) -> Iterator[Block]:
    shown = _compared(page)
    by_period = {period: _unit_rows(page, crop, period) for period in shown}
    changes = {
        str(row["domain"]): row
        for row in page.figures.change.to_dict("records")
        if row["crop"] == crop and [str(row["from"]), str(row["to"])] == [shown[0], shown[-1]]
    }
    head = [words.text("table.code"), words.text("table.unit"), *(plain(period) for period in shown)]
    head += [words.text("table.verdict"), words.text("table.flags")] if changes else [words.text("table.flags")]
    every = {code: row for period in shown for code, row in by_period[period].items()}
    frame = {period: _frame_row(page, crop, period) for period in shown}
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
    kept = [*body[: _MOST_ROWS - 1], *body[-1:]] if len(body) > _MOST_ROWS else body
    flags = [*shaded[: _MOST_ROWS - 1], *shaded[-1:]] if len(body) > _MOST_ROWS else shaded
    numeric = (False, False, *([True] * len(shown)), *([False] * (len(head) - 2 - len(shown))))
    yield Table(caption=caption, head=tuple(head), rows=tuple(kept), numeric=numeric, shaded=tuple(flags))
    if len(body) > _MOST_ROWS:
        yield _more(len(body) - len(kept), words)


def _over_time(page: Page, words: Language) -> Iterator[Block]:
    yield Heading(text=words.text("report.over_time"))
    for crop in page.crops:
        colour = CROPS.get(crop, _PERIOD_COLOURS[0])
        points = []
        for period in page.periods:
            row = _frame_row(page, crop, period.name)
            dot = _dot(row, colour) if row is not None and _numbered(row) else None
            points.append(SeriesPoint(label=plain(period.name), dot=dot, broken=period.break_before))
        caption = words.text("report.series_chart", crop=words.class_name(crop), level=_level(page, words))
        drawing = series(
            points, number=lambda x: words.number(x, scale=100), axis=_hectares(words), described=caption
        )
        yield Picture(caption=caption, drawing=drawing)


def _change(page: Page, words: Language) -> Iterator[Block]:
    yield Heading(text=words.text("report.change"))
    yield Paragraph(text=words.text("report.change_note"))
    names = dict(zip(page.figures.estimates["domain"], page.figures.estimates["domain_name"], strict=True))
    for crop in page.crops:
        pairs = dict.fromkeys((str(row["from"]), str(row["to"])) for row in _changes(page, crop, None))
        for start, end in pairs:
            every = [r for r in _changes(page, crop, None) if [str(r["from"]), str(r["to"])] == [start, end]]
            rows = [_change_row(row, names, words) for row in every[:_MOST_ROWS]]
            level = _level(page, words)
            caption = words.text(
                "report.change_chart",
                crop=words.class_name(crop),
                level=level,
                **{"from": plain(start), "to": plain(end)},
            )
            drawing = dots(
                rows,
                number=lambda x: words.number(x, scale=100, signed=True),
                axis=_hectares(words),
                described=caption,
            )
            yield Picture(caption=caption, drawing=drawing)


def _change_row(row: dict[str, Any], names: dict[Any, Any], words: Language) -> DotRow:
    whole = str(row["domain"]) == FRAME_DOMAIN
    label = words.text("page.whole_area") if whole else plain(names.get(row["domain"], row["domain"]))
    value = float(row["difference_ha"])
    if math.isnan(value):
        return DotRow(label=label, absent=words.text(f"verdict.{verdict_key(row['verdict'])}"), strong=whole)
    rough = bool(set(flags_of(row.get("flags"))) & _ROUGH)
    dot = Dot(value=value, lo=float(row["lo_ha"]), hi=float(row["hi_ha"]), colour=_PERIOD_COLOURS[0], rough=rough)
    return DotRow(label=label, dots=(dot,), strong=whole)


# -- accuracy, further tables


def _accuracy(page: Page, words: Language, tables: dict[str, Sheet]) -> Iterator[Block]:
    yield Heading(text=words.text("report.accuracy"))
    matrices = dict(page.figures.extra).get("error_matrix")
    for entry in page.figures.accuracy:
        rows = None if matrices is None else matrices[matrices["period"].astype(str) == entry.period]
        if rows is None or rows.empty:
            continue
        found = set(rows["map"]) | set(rows["reference"])
        classes = [one.name for one in page.legend if one.name in found]
        lookup = {(row["map"], row["reference"]): float(row["area_share"]) for row in rows.to_dict("records")}
        caption = words.text("report.matrix_chart", period=plain(entry.period))
        drawing = matrix(
            [words.class_name(name) for name in classes],
            [[lookup.get((i, j), 0.0) for j in classes] for i in classes],
            percent=words.percent,
            rows=words.text("table.map_class"),
            columns=words.text("table.reference_class"),
            described=caption,
        )
        yield Picture(caption=caption, drawing=drawing, share=min(1.0, drawing.width / 640))
    yield from _printed(tables["accuracy"], words)


def _tables(section: str, found: list[Sheet], words: Language, pictures: Sequence[Block] = ()) -> Iterator[Block]:
    if not found:
        return
    yield Heading(text=words.text(f"report.{section}"))
    if section in _NOTES:
        yield Paragraph(text=words.text(_NOTES[section]))
    yield from pictures
    for sheet in found:
        yield from _printed(sheet, words)


def _permanence_picture(page: Page, words: Language) -> Iterator[Picture]:
    """Yield the number of units in each class of permanence."""
    rows = dict(page.figures.extra).get("permanence")
    if rows is None or rows.empty:
        return
    counts = rows["class"].value_counts()
    told = [
        (words.text(f"permanence.{name}"), float(counts.get(name, 0)))
        for name in PERMANENCE
        if name in counts.index
    ]
    caption = words.text("permanence.chart", period=plain(rows["period"].iloc[0]))
    drawing = bars(
        told,
        number=lambda count: words.number(count, scale=100),
        axis=words.text("report.fact_units"),
        described=caption,
    )
    yield Picture(caption=caption, drawing=drawing)


def _effect_sentences(page: Page, words: Language) -> Iterator[Paragraph]:
    """Yield what may be said of the whole effect, with its interval and its control."""
    effects = dict(page.figures.extra).get("effects")
    rows = [] if effects is None else effects[effects["scope"] == "overall"].to_dict("records")
    for row in rows:
        if pd.isna(row["value"]) or pd.isna(row["lo"]):
            continue
        scale = max(abs(float(row[name])) for name in ("value", "lo", "hi"))
        numbers = {n: words.number(float(row[n]), scale=scale, signed=True) for n in ("value", "lo", "hi")}
        unit = plain(row["unit_of_measure"])
        value = words.text("parts.measured", value=numbers["value"], unit=unit)
        if unit == "ha":
            value = words.text("pattern.ha", value=numbers["value"])
        limits = words.text("pattern.range", lo=numbers["lo"], hi=numbers["hi"])
        effect = words.text("pattern.with_interval", value=value, range=limits)
        key = "impact.finding_" + str(row["finding"]).replace(" ", "_")
        line = words.text("parts.effect_line", effect=effect, level=words.percent(float(row["level"]), 0))
        yield Paragraph(text=f"{words.words.get(key, plain(row['finding'])).capitalize()}. {line}.", strong=True)
        treated = words.counted("count.treated", int(row["n_treated"]))
        controls = words.counted("count.controls", int(row["n_control"]))
        yield Paragraph(text=words.text("parts.control_line", treated=treated, control=controls) + ".")


def _effect_pictures(page: Page, words: Language) -> Iterator[Picture]:
    """Yield the effect by years since the start, and that of the programme beside its rings."""
    effects = dict(page.figures.extra).get("effects")
    if effects is None or effects.empty:
        return
    for name, drawing in effect_charts(effects, words).items():
        yield Picture(caption=words.text(f"impact.chart_{name}"), drawing=drawing)


def _of_the_programme(sheet: Sheet) -> Sheet:
    """Return the indicators of the programme that have a figure; the harms have a table of their own."""
    rows = sheet.rows
    own = rows["indicator"].astype(str).str.startswith("A") & rows["value"].notna()
    return replace(sheet, rows=rows[own])


def _printed(sheet: Sheet, words: Language) -> Iterator[Block]:
    table = tabulate(sheet, words)
    kept = table.rows[:_MOST_ROWS]
    yield Table(
        caption=table.caption,
        head=table.head,
        rows=kept,
        numeric=table.numeric,
        shaded=table.shaded[:_MOST_ROWS],
    )
    if len(table.rows) > len(kept):
        yield _more(len(table.rows) - len(kept), words)


# -- methods and limits


def _methods(page: Page, words: Language) -> Iterator[Block]:
    yield Heading(text=words.text("report.methods"))
    methods = sorted({words.method(plain(method)) for method in page.figures.estimates["method"] if plain(method)})
    if page.figures.accuracy:
        for name in ("area", "variance", "interval", "accuracy", "change"):
            if name == "change" and page.figures.change.empty:
                continue
            yield Paragraph(text=words.text(f"report.methods_{name}"))
            equation = EQUATIONS.get(name)
            if equation is not None:
                yield Equation(
                    math=equation.math,
                    spoken=equation.spoken,
                    where=words.text(f"report.symbols_{name}"),
                    source=words.text("report.equation_source", source=equation.source),
                )
    else:
        yield Paragraph(text=words.text("report.methods_official"))
    if methods:
        yield Paragraph(text=words.text("report.methods_used", methods="; ".join(methods)), small=True)


def _limits(page: Page, words: Language) -> Iterator[Block]:
    yield Heading(text=words.text("report.limits"))
    keys = ["notes.interval", "report.limit_empty", "report.limit_rough"]
    keys += ["report.limit_counted"] if page.figures.mapped else []
    items = [words.text(key) for key in [*keys, "report.limit_person"]]
    yield Bullets(items=(*items, *(plain(words.note(note)) for note in page.about.notes)))


# -- looking things up


def _frame_row(page: Page, crop: str, period: str) -> dict[str, Any] | None:
    table = with_flags(page.figures.estimates)
    chosen = (table["crop"] == crop) & (table["period"].astype(str) == period)
    rows = table[chosen & (table["domain"].astype(str) == FRAME_DOMAIN)].to_dict("records")
    return rows[0] if rows else None


def _unit_rows(page: Page, crop: str, period: str) -> dict[str, dict[str, Any]]:
    table = with_flags(page.figures.estimates)
    chosen = (table["crop"] == crop) & (table["period"].astype(str) == period)
    codes = set(page.admin.frame["code"].astype(str))
    return {str(row["domain"]): row for row in table[chosen].to_dict("records") if str(row["domain"]) in codes}


def _changes(page: Page, crop: str, domain: str | None) -> list[dict[str, Any]]:
    rows = page.figures.change.to_dict("records")
    return [row for row in rows if row["crop"] == crop and domain in (None, str(row["domain"]))]


def _compared(page: Page) -> list[str]:
    """Return the baseline and the current period, or the last two."""
    chosen = [period.name for period in page.periods if period.role in ("baseline", "current")]
    return chosen or [period.name for period in page.periods[-2:]]


def _current(page: Page) -> str:
    return _compared(page)[-1]


def _dot(row: dict[str, Any], colour: str) -> Dot:
    rough = bool(set(flags_of(row["flags"])) & _ROUGH)
    return Dot(value=_value(row), lo=float(row["lo_ha"]), hi=float(row["hi_ha"]), colour=colour, rough=rough)


def _numbered(row: dict[str, Any]) -> bool:
    return row["state"] in ("estimated", "zero") and not pd.isna(row["value_ha"])


def _value(row: dict[str, Any]) -> float:
    return float(row["value_ha"]) if _numbered(row) else 0.0


def _scale(row: dict[str, Any]) -> float | None:
    return None if pd.isna(row["hi_ha"]) else float(row["hi_ha"])


def _level(page: Page, words: Language) -> str:
    """Return the level of the intervals; a nominal one where a flag says that it may not hold."""
    estimates = page.figures.estimates
    levels = estimates["level"].dropna()
    rough = given_flags(estimates).str.contains("LOW_COUNT").any()
    return _level_text(float(levels.iloc[0]) if len(levels) else 0.95, bool(rough), words)


def _level_of(row: dict[str, Any], words: Language) -> str:
    level = row.get("level", 0.95)
    return _level_text(0.95 if pd.isna(level) else float(level), "LOW_COUNT" in flags_of(row.get("flags")), words)


def _level_text(level: float, rough: bool, words: Language) -> str:
    text = words.percent(level, 0)
    return words.text("pattern.nominal", level=text) if rough else text


def _hectares(words: Language) -> str:
    return words.text("table.hectares")


def _more(count: int, words: Language) -> Paragraph:
    return Paragraph(text=words.counted("report.more_rows", count), small=True)
