"""What a report says first: figures and changes of the whole area in sentences, and the fact sheet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from geo.areas import polygon_areas_ha
from maps.language import Language
from maps.page import FRAME_DOMAIN, Page
from maps.remark import figure_words, flags_of, verdict_key
from maps.report.document import Block, Heading, Paragraph, Table
from maps.report.lookup import ROUGH, changes_of, frame_row, level_of, scale_of
from maps.text import plain

__all__ = ["findings"]


def findings(page: Page, words: Language) -> Iterator[Block]:
    """Yield the key findings of a page and its fact sheet."""
    yield Heading(text=words.text("report.key_findings"))
    for crop in page.crops:
        for period in page.periods[-3:]:
            row = frame_row(page, crop, period.name)
            if row is not None:
                yield from _finding(row, words)
        for change in changes_of(page, crop, FRAME_DOMAIN):
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
    value = words.area(float(row["value_ha"]), scale=scale_of(row))
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
            level=level_of(row, words),
            range=words.interval(float(row["lo_ha"]), float(row["hi_ha"])),
            kind=kind,
        ),
        strong=True,
    )
    flags = [flag for flag in flags_of(row["flags"]) if flag in ROUGH]
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
    places["level"] = level_of(row, words)
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
