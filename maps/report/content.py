"""What a survey report says: a page's figures in the order of a national cultivation survey.

Every sentence comes from the language catalogue, every number from the run folder's tables; a section whose tables
are not there is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd

from maps.harm_words import readings
from maps.impact_chart import effect_charts
from maps.language import Language, language
from maps.page import Page
from maps.report.chart import bars, matrix
from maps.report.document import Block, Bullets, Equation, Heading, Paragraph, Picture, Report, Table
from maps.report.equations import EQUATIONS
from maps.report.findings import findings
from maps.report.lookup import MOST_ROWS, more_rows
from maps.report.places import change, over_time, places
from maps.report.tabulate import tabulate
from maps.table import Sheet, sheets
from maps.text import plain

__all__ = ["build"]

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
        ),
    ),
    ("harm", ("harms",)),
    ("impact", ("effects", "balance")),
)
PERMANENCE = ("permanent", "intermittent", "expansion", "abandoned", "unaffected", "unknown")
"""Classes of permanence, in the order of the chart."""
_PROGRAMME = ("programme", "panel")
_INDICATOR_COLUMNS = (
    "indicator", "group", "part", "sex", "period", "value", "lo", "hi", "unit", "grade", "level", "flags",
)  # fmt: skip
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
    yield from findings(page, words)
    yield from places(page, words)
    if len(page.periods) > 2:
        yield from over_time(page, words)
    if not page.figures.change.empty:
        yield from change(page, words)
    if page.figures.accuracy:
        yield from _accuracy(page, words, tables)
    for section, names in _SECTIONS:
        pictures: list[Block] = []
        if section == "impact":
            pictures = [*_effect_sentences(page, words), *_effect_pictures(page, words)]
        if section == "harm":
            rounded = page.about.round_ha > 0
            told = readings(page.figures.harms, words, rounded=rounded)
            pictures = [Paragraph(text=f"{who}. {sentences}") for who, sentences in told]
        pictures += list(_permanence_picture(page, words)) if section == "permanence" else []
        yield from _tables(section, [tables[name] for name in names if name in tables], words, pictures)
        if section == "programme" and "ad_findings" in tables and len(tables["ad_findings"].rows):
            # a list for the office that keeps the tables, in its own words; the reader learns how long it is
            yield Paragraph(text=words.counted("report.open_findings", len(tables["ad_findings"].rows)), small=True)
    yield from _methods(page, words)
    yield from _limits(page, words)
    annexes = [tables[name] for name in ("cells", "counted", "floors", "spatial_pattern") if name in tables]
    yield from _tables("annexes", annexes, words)


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
    """Return the indicators of the whole programme that have a figure, and what each is of.

    Those of single projects and of one sex stand in the workbook; the harms have a table of their own.
    """
    rows = sheet.rows
    own = rows["indicator"].astype(str).str.startswith("A") & rows["value"].notna()
    own &= rows["domain"].isin(_PROGRAMME)
    parted = rows["indicator"].astype(str).str.startswith(("A6", "A7")) | rows["sex"].isna()
    columns = [name for name in _INDICATOR_COLUMNS if name in rows.columns]
    return replace(sheet, rows=rows.loc[own & parted, columns])


def _printed(sheet: Sheet, words: Language) -> Iterator[Block]:
    table = tabulate(sheet, words)
    kept = table.rows[:MOST_ROWS]
    yield Table(
        caption=table.caption,
        head=table.head,
        rows=kept,
        numeric=table.numeric,
        shaded=table.shaded[:MOST_ROWS],
    )
    if len(table.rows) > len(kept):
        yield more_rows(len(table.rows) - len(kept), words)


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
