"""Tables as files: a workbook with notes, units and HXL tags, and CSV that no spreadsheet runs as a program."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from geo.files import atomic
from maps.impact_words import readable_balance, readable_effects, readable_hot_spots, readable_pattern
from maps.language import Language, language
from maps.page import About, Accuracy, Figures
from maps.part_words import readable_cells, readable_permanence, readable_portfolio
from maps.remark import given_flags, verdict_key, with_flags
from maps.text import plain, spreadsheet_safe

__all__ = ["HXL_TAGS", "Sheet", "csv_text", "heading", "sheets", "write_workbook"]

HXL_TAGS = {
    "crop": "#item+crop",
    "period": "#date+period",
    "harm": "#item+harm",
    "figure": "#indicator+value",
    "claim": "#meta+claim",
    "from": "#date+start+period",
    "to": "#date+end+period",
    "domain": "#geo+code",
    "domain_name": "#geo+name",
    "state": "#status",
    "value_ha": "#indicator+value+area+ha",
    "difference_ha": "#indicator+difference+area+ha",
    "se_ha": "#indicator+stderr+area+ha",
    "lo_ha": "#indicator+lower+area+ha",
    "hi_ha": "#indicator+upper+area+ha",
    "mapped_ha": "#indicator+mapped+area+ha",
    "level": "#indicator+level",
    "p_value": "#indicator+pvalue",
    "n": "#meta+sample+num",
    "verdict": "#status+change",
    "flags": "#meta+flags",
    "method": "#meta+method",
    "kind": "#meta+kind",
    "reference_date": "#date+reference",
    "source": "#meta+source",
    "vintage": "#meta+edition",
    "class": "#item+class",
    "measure": "#meta+measure",
    "share": "#indicator+value+share",
    "lo": "#indicator+lower+share",
    "hi": "#indicator+upper+share",
    "map": "#item+class+map",
    "reference": "#item+class+reference",
    "area_share": "#indicator+value+share",
    "units": "#meta+sample",
    "threshold_ha": "#indicator+threshold+area+ha",
    "below": "#status+threshold+below",
    "certainty": "#status+threshold+interval",
    "p_below": "#indicator+probability",
    "rule": "#item+rule",
    "users": "#indicator+accuracy+users",
    "users_se": "#indicator+stderr+users",
    "producers": "#indicator+accuracy+producers",
    "producers_se": "#indicator+stderr+producers",
    "f1": "#indicator+accuracy+f1",
    "area_ratio": "#indicator+ratio+area",
    "beaten": "#status+floor+beaten",
    "term": "#item+correction",
    "parameter": "#meta+parameter",
    "parameter_value": "#meta+parameter+value",
    "applied": "#status+applied",
    "part": "#item+part",
    "product": "#item+product",
    "value_t": "#indicator+value+production+t",
    "se_t": "#indicator+stderr+production+t",
    "lo_t": "#indicator+lower+production+t",
    "hi_t": "#indicator+upper+production+t",
    "yield_kg_ha": "#indicator+yield+kg_ha",
    "yield_se_kg_ha": "#indicator+stderr+yield+kg_ha",
    "yield_region": "#loc+yield",
    "yield_vintage": "#date+yield",
    "yield_source": "#meta+source+yield",
    "yield_mark": "#meta+mark+yield",
    "scope": "#meta+part",
    "effect": "#item+effect",
    "scale": "#meta+scale",
    "unit_of_measure": "#meta+unit",
    "without_programme": "#indicator+level+without",
    "outcome": "#item+outcome",
    "value": "#indicator+value",
    "se": "#indicator+stderr+effect",
    "df": "#meta+df",
    "n_treated": "#meta+sample+treated",
    "n_control": "#meta+sample+control",
    "clusters": "#meta+clusters",
    "percent": "#indicator+value+percent",
    "mde": "#indicator+mde",
    "mde_percent": "#indicator+mde+percent",
    "finding": "#status+finding",
    "note": "#meta+note",
    "arm": "#item+arm",
    "trait": "#item+trait",
    "treated_mean": "#indicator+mean+treated",
    "control_mean": "#indicator+mean+control",
    "smd_before": "#indicator+smd+before",
    "smd": "#indicator+smd",
    "balance": "#status+balance",
    "density_ha_km2": "#indicator+density+ha_km2",
    "neighbours": "#meta+neighbours",
    "local_moran": "#indicator+moran+local",
    "moran_p": "#indicator+pvalue+moran",
    "moran_q": "#indicator+pvalue+moran+adjusted",
    "cluster": "#status+cluster",
    "getis_z": "#indicator+getis+z",
    "getis_p": "#indicator+pvalue+getis",
    "getis_q": "#indicator+pvalue+getis+adjusted",
    "hot_spot": "#status+hotspot",
    "statistic": "#meta+statistic",
    "expected": "#indicator+expected",
    "permutations": "#meta+permutations",
    "zone": "#geo+zone",
    "cap_ha": "#indicator+cap+area+ha",
    "legal_basis": "#meta+law",
    "mark": "#meta+mark",
    "indicator": "#indicator+code",
    "unit": "#meta+unit",
    "direct_or_indirect": "#meta+direct",
    "grade": "#meta+grade",
    "n_draws": "#meta+draws",
    "seed": "#meta+seed",
    "reason": "#meta+reason",
    "sex": "#affected+sex",
    "group": "#affected+group",
    "inputs": "#meta+inputs",
    "first_date": "#date+start",
    "last_date": "#date+end",
    "places": "#loc+name",
    "sources": "#meta+source",
    "severity": "#status+severity",
    "check": "#meta+check",
    "where": "#meta+place",
    "found": "#meta+found",
    "should_be": "#meta+expected",
    "remedy": "#meta+remedy",
    "year": "#date+year",
    "operations": "#activity+num",
    "claimed_ha": "#indicator+claimed+area+ha",
    "verified_ha": "#indicator+verified+area+ha",
    "unverified_claims_ha": "#indicator+unverified+area+ha",
    "drawn_ha": "#indicator+drawn+area+ha",
    "ground_ha": "#indicator+ground+area+ha",
    "repeated_ha": "#indicator+repeated+area+ha",
    "lots": "#meta+lots",
    "drawn": "#meta+lots+drawn",
    "reported_ha": "#indicator+reported+area+ha",
    "share_lo": "#indicator+lower+share",
    "share_hi": "#indicator+upper+share",
    "years_present": "#indicator+years+present",
    "transitions": "#indicator+transitions",
    "current_run": "#indicator+years+run",
    "long_affected": "#status+long_affected",
    "cell": "#geo+cell",
    "side_km": "#geo+side+km",
    "mapped": "#status+map",
    "seen_percent": "#indicator+seen+percent",
    "project": "#activity+code",
    "title": "#activity+name",
    "status": "#status+activity",
    "start": "#date+start",
    "end": "#date+end",
    "areas": "#activity+areas+num",
    "households": "#reached+households",
    "households_state": "#status+households",
    "persons": "#reached+ind",
    "persons_state": "#status+ind",
}
"""Column to Humanitarian Exchange Language tag (hxlstandard.org, 1.1)."""

# Fixed, so that equal tables are equal bytes
_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_HEADINGS = {
    "crop": "table.crop",
    "period": "table.period",
    "harm": "harms.harm",
    "figure": "harms.figure",
    "claim": "harms.claim",
    "from": "table.from",
    "to": "table.to",
    "domain": "table.code",
    "domain_name": "table.unit",
    "state": "table.state",
    "value_ha": "table.hectares",
    "difference_ha": "table.difference",
    "se_ha": "table.standard_error",
    "lo_ha": "table.lower",
    "hi_ha": "table.upper",
    "mapped_ha": "table.counted",
    "level": "table.level",
    "p_value": "table.p_value",
    "n": "table.n",
    "verdict": "table.verdict",
    "flags": "table.flags",
    "method": "table.method",
    "kind": "table.kind",
    "reference_date": "table.reference_date",
    "source": "table.source",
    "vintage": "table.vintage",
    "class": "table.class",
    "measure": "table.measure",
    "share": "table.share",
    "lo": "table.lower",
    "hi": "table.upper",
    "map": "table.map_class",
    "reference": "table.reference_class",
    "area_share": "table.area_share",
    "units": "table.n",
    "additive": "table.additive",
    "threshold_ha": "table.threshold",
    "below": "table.below",
    "certainty": "table.certainty",
    "p_below": "table.p_below",
    "rule": "table.rule",
    "users": "table.users",
    "users_se": "table.users_se",
    "producers": "table.producers",
    "producers_se": "table.producers_se",
    "f1": "table.f1",
    "area_ratio": "table.area_ratio",
    "beaten": "table.beaten",
    "term": "table.term",
    "parameter": "table.parameter",
    "parameter_value": "table.parameter_value",
    "applied": "table.applied",
    "part": "table.part",
    "product": "table.product",
    "value_t": "table.tonnes",
    "se_t": "table.standard_error",
    "lo_t": "table.lower",
    "hi_t": "table.upper",
    "yield_kg_ha": "table.yield",
    "yield_se_kg_ha": "table.yield_se",
    "yield_region": "table.yield_region",
    "yield_vintage": "table.yield_vintage",
    "yield_source": "table.yield_source",
    "yield_mark": "table.yield_mark",
    "scope": "impact.scope",
    "effect": "impact.effect",
    "scale": "impact.scale",
    "unit_of_measure": "impact.unit_of_measure",
    "outcome": "impact.outcome",
    "value": "impact.value",
    "df": "impact.df",
    "n_treated": "impact.n_treated",
    "n_control": "impact.n_control",
    "clusters": "impact.clusters",
    "percent": "impact.percent",
    "without_programme": "impact.without_programme",
    "mde": "impact.mde",
    "mde_percent": "impact.mde_percent",
    "finding": "impact.finding",
    "note": "impact.note",
    "arm": "impact.arm",
    "trait": "impact.trait",
    "treated_mean": "impact.treated_mean",
    "control_mean": "impact.control_mean",
    "smd_before": "impact.smd_before",
    "smd": "impact.smd",
    "balance": "impact.balance",
    "density_ha_km2": "hot_spot.density",
    "neighbours": "hot_spot.neighbours",
    "local_moran": "hot_spot.local_moran",
    "moran_p": "hot_spot.moran_p",
    "moran_q": "hot_spot.moran_q",
    "cluster": "hot_spot.cluster",
    "getis_z": "hot_spot.getis_z",
    "getis_p": "hot_spot.getis_p",
    "getis_q": "hot_spot.getis_q",
    "hot_spot": "hot_spot.hot_spot",
    "statistic": "hot_spot.statistic",
    "expected": "hot_spot.expected",
    "permutations": "hot_spot.permutations",
    "se": "table.standard_error",
    "zone": "table.zone",
    "cap_ha": "table.cap",
    "legal_basis": "table.legal_basis",
    "mark": "table.mark",
    "indicator": "table.indicator",
    "unit": "table.measured_in",
    "direct_or_indirect": "table.direct",
    "grade": "table.grade",
    "n_draws": "table.draws",
    "seed": "table.seed",
    "reason": "table.reason",
    "sex": "table.sex",
    "group": "table.group",
    "inputs": "table.inputs",
    "first_date": "table.first_date",
    "last_date": "table.last_date",
    "places": "table.places",
    "sources": "notes.sources",
    "severity": "table.severity",
    "check": "table.check",
    "where": "table.where",
    "found": "table.found",
    "should_be": "table.expected",
    "remedy": "table.remedy",
    "year": "table.year",
    "operations": "table.operations",
    "claimed_ha": "table.claimed",
    "verified_ha": "table.verified",
    "unverified_claims_ha": "table.unverified",
    "drawn_ha": "table.drawn_ground",
    "ground_ha": "table.ground",
    "repeated_ha": "table.repeated",
    "lots": "table.lots",
    "drawn": "table.lots_drawn",
    "reported_ha": "table.reported",
    "share_lo": "table.lower",
    "share_hi": "table.upper",
    "years_present": "permanence.years_present",
    "transitions": "permanence.transitions",
    "current_run": "permanence.current_run",
    "long_affected": "permanence.long_affected",
    "cell": "table.cell",
    "side_km": "table.side",
    "mapped": "parts.mapped",
    "seen_percent": "table.seen_percent",
    "project": "table.code",
    "title": "parts.project",
    "status": "parts.status",
    "start": "parts.start",
    "end": "parts.end",
    "areas": "table.areas",
    "households": "parts.households",
    "households_state": "table.state",
    "persons": "parts.persons",
    "persons_state": "table.state",
}
_EXTRA_SHEETS = {
    "effects": "impact.effects_sheet",
    "balance": "impact.balance_sheet",
    "hot_spots": "hot_spot.sheet",
    "spatial_pattern": "hot_spot.pattern_sheet",
    "corrections": "notes.corrections_sheet",
    "production": "notes.production_sheet",
    "small_areas": "notes.small_areas_sheet",
    "thresholds": "notes.thresholds_sheet",
    "floors": "notes.floors_sheet",
    "zones": "notes.zones_sheet",
    "alone": "notes.alone_sheet",
    "legality": "notes.legality_sheet",
    "ad_estimates": "notes.ad_estimates_sheet",
    "ad_change": "notes.ad_change_sheet",
    "eradication": "notes.eradication_sheet",
    "validation": "notes.validation_sheet",
    "indicators": "notes.indicators_sheet",
    "fact_sheets": "notes.facts_sheet",
    "ad_findings": "notes.findings_sheet",
    "error_matrix": "notes.matrix_sheet",
    "zone_change": "notes.zone_change_sheet",
    "cells": "notes.cells_sheet",
    "permanence": "permanence.sheet",
    "portfolio": "notes.portfolio_sheet",
}
_IN_WORDS: dict[str, Callable[[pd.DataFrame, Language], pd.DataFrame]] = {
    "effects": readable_effects,
    "balance": readable_balance,
    "hot_spots": readable_hot_spots,
    "spatial_pattern": readable_pattern,
    "cells": readable_cells,
    "permanence": readable_permanence,
    "portfolio": readable_portfolio,
}
_CERTAINTY = {"below": "below", "straddles the threshold": "straddles", "at or above": "above"}
_FORMATS = {
    "_ha": "#,##0.0",
    "_t": "#,##0.0",
    "share": "0.000",
    "area_share": "0.0000",
    "level": "0.00",
    "p_value": "0.0000",
    "p_below": "0.00",
    "lo": "0.000",
    "hi": "0.000",
    "share_lo": "0.000",
    "share_hi": "0.000",
}
_LEAST_WIDTH, _MOST_WIDTH = 9, 46  # signs


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table in words: its key, its name in the language, and its rows."""

    key: str
    name: str
    rows: pd.DataFrame


def write_workbook(path: Path, figures: Figures, about: About, *, language_code: str = "en") -> None:
    """Write all figures as an XLSX workbook; equal figures give equal bytes.

    Parameters
    ----------
    path
        Final name.
    figures
        What it holds.
    about
        Names and sources for the sheet of notes.
    language_code
        Language of headings and notes.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    words = language(language_code)
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with atomic(path) as part, xlsxwriter.Workbook(part, options) as book:
        book.set_properties({"title": plain(about.title), "author": "altdev", "created": _CREATED})
        for sheet in sheets(figures, words):
            _write_sheet(book, sheet, words)
        _write_notes(book, about, words)


def csv_text(table: pd.DataFrame) -> str:
    r"""Return a table as CSV: comma, full precision, no index, empty for missing, formulas defused.

    Examples
    --------
    >>> csv_text(pd.DataFrame({"name": ["=1+1", "a,b"], "ha": [0.1, float("nan")]}))
    'name,ha\n\'=1+1,0.1\n"a,b",\n'
    """
    safe = table.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [spreadsheet_safe(value) for value in safe[column]]
    safe.columns = [spreadsheet_safe(column) for column in safe.columns]
    return str(safe.to_csv(index=False, lineterminator="\n"))


def sheets(figures: Figures, words: Language) -> Iterator[Sheet]:
    """Yield every table of a product with its codes as words, in the order of the workbook."""
    estimates = with_flags(figures.estimates)
    readable = estimates.assign(
        crop=[words.class_name(str(name)) for name in estimates["crop"]],
        state=[words.text(f"state.{state}") for state in estimates["state"]],
        flags=[_flag_words(text, words) for text in estimates["flags"]],
        method=[words.method(plain(text)) for text in estimates["method"]],
    )
    yield Sheet(key="estimates", name=words.text("notes.estimates_sheet"), rows=readable)
    if not figures.change.empty:
        yield Sheet(key="change", name=words.text("notes.change_sheet"), rows=_change_rows(figures, words))
    if figures.accuracy:
        rows = [row for entry in figures.accuracy for row in _accuracy_rows(entry, words)]
        yield Sheet(key="accuracy", name=words.text("notes.accuracy_sheet"), rows=pd.DataFrame(rows))
    if figures.mapped:
        yield Sheet(key="counted", name=words.text("notes.counted_sheet"), rows=_mapped_rows(figures, words))
    if figures.harms:
        yield Sheet(key="harms", name=words.text("harms.sheet"), rows=_harm_rows(figures, words))
    for name, table in figures.extra:
        rows = _IN_WORDS[name](table, words) if name in _IN_WORDS else table
        key = _EXTRA_SHEETS.get(name)
        yield Sheet(key=name, name=words.text(key) if key else name, rows=_readable(rows, words) if key else rows)


def _readable(rows: pd.DataFrame, words: Language) -> pd.DataFrame:
    """Return a table of the run folder with its codes as words."""
    say: dict[str, Callable[[Any], str]] = {
        "crop": lambda name: "" if pd.isna(name) else words.class_name(str(name)),
        "map": lambda name: words.class_name(str(name)),
        "reference": lambda name: words.class_name(str(name)),
        "state": lambda state: words.words.get(f"state.{state}") or words.text(f"harms.{state}"),
        "flags": lambda text: _flag_words("" if pd.isna(text) else str(text), words),
        "additive": lambda value: _yes_or_no(value, words),
        "applied": lambda value: _yes_or_no(value, words),
        "part": lambda value: words.words.get(f"table.part_{value}", plain(value)),
        "term": lambda value: words.text(f"table.term_{value}"),
        "below": lambda value: _yes_or_no(value, words),
        "rule": lambda name: words.text(f"table.rule_{name}"),
        "beaten": lambda value: "" if pd.isna(value) else _yes_or_no(bool(value), words),
        "verdict": lambda text: words.text(f"verdict.{verdict_key(text)}"),
        "method": lambda text: words.method(plain(text)),
        "certainty": lambda value: words.text(f"table.certainty_{_CERTAINTY[str(value)]}"),
    }
    return rows.assign(**{name: [say[name](value) for value in rows[name]] for name in say if name in rows})


def _harm_rows(figures: Figures, words: Language) -> pd.DataFrame:
    """Return the six harms in words: figure with its interval, grade and claim, or why there is none."""
    return pd.DataFrame(
        {
            "harm": words.text(f"harms.{one.harm}"),
            "crop": words.class_name(one.crop),
            "period": one.period,
            "state": words.text("state.estimated" if one.state == "computed" else f"harms.{one.state}"),
            "figure": one.value,
            "lo": one.lo,
            "hi": one.hi,
            "unit": one.unit,
            "level": one.level if one.state == "computed" else math.nan,
            "grade": one.grade if one.state == "computed" else "",
            "claim": words.text(f"harms.{one.claim}"),
            "flags": words.text("flag.LOW_COUNT") if one.rough else "",
        }
        for one in figures.harms
    )


def _yes_or_no(value: Any, words: Language) -> str:
    return words.text(f"table.additive_{'yes' if str(value) == 'True' else 'no'}")


def _change_rows(figures: Figures, words: Language) -> pd.DataFrame:
    change = figures.change
    names = dict(zip(figures.estimates["domain"], figures.estimates["domain_name"], strict=True))
    readable = change.assign(
        crop=[words.class_name(str(name)) for name in change["crop"]],
        verdict=[words.text(f"verdict.{verdict_key(text)}") for text in change["verdict"]],
        flags=[_flag_words(text, words) for text in given_flags(change)],
        method=[words.method(plain(text)) for text in change["method"]],
    )
    readable.insert(change.columns.get_loc("domain") + 1, "domain_name", change["domain"].map(names))
    return readable


def _accuracy_rows(entry: Accuracy, words: Language) -> Iterator[dict[str, Any]]:
    measures = [("", "table.overall", entry.overall)]
    for one in entry.classes:
        name = words.class_name(one.name)
        measures += [(name, "table.users", one.users), (name, "table.producers", one.producers)]
    for name, key, share in measures:
        yield {
            "period": entry.period,
            "class": name,
            "measure": words.text(key),
            "share": share.value,
            "lo": share.lo,
            "hi": share.hi,
            "level": entry.level,
            "n": entry.n if share is entry.overall and entry.n else math.nan,
            "method": words.method(entry.method),
        }


def _mapped_rows(figures: Figures, words: Language) -> pd.DataFrame:
    """Return the counts on the map, each beside the estimate that corrects it."""
    counts = pd.DataFrame(
        {
            "crop": count.area.class_name,
            "period": count.period,
            "domain": count.domain,
            "mapped_ha": count.area.area_ha,
        }
        for count in figures.mapped
    )
    keys = ["crop", "period", "domain"]
    estimates = figures.estimates[[*keys, "domain_name", "value_ha", "lo_ha", "hi_ha"]]
    rows = counts.merge(estimates.astype(dict.fromkeys(keys, str)), on=keys, how="left")
    rows["crop"] = [words.class_name(str(name)) for name in rows["crop"]]
    return rows[[*keys, "domain_name", "value_ha", "lo_ha", "hi_ha", "mapped_ha"]]


def _flag_words(text: str, words: Language) -> str:
    flags = [flag for flag in text.split(";") if flag]
    return words.text("pattern.list").join(words.words.get(f"flag.{flag}", flag) for flag in flags)


def _write_sheet(book: Any, content: Sheet, words: Language) -> None:
    """Write heading, HXL tags and rows; every text cell as text, every missing cell blank."""
    sheet = book.add_worksheet(_sheet_name(book, content.name))
    if words.direction == "rtl":
        sheet.right_to_left()
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#E4EEF4"})
    tag = book.add_format({"font_color": "#4A5A64", "italic": True})
    for column, name in enumerate(content.rows.columns):
        title = heading(str(name), words)
        sheet.write_string(0, column, title, head)
        sheet.write_string(1, column, HXL_TAGS.get(str(name), ""), tag)
        number = book.add_format({"num_format": _number_format(str(name))})
        values = content.rows[name].tolist()
        for row, value in enumerate(values, start=2):
            _write_cell(sheet, (row, column), value, number)
        longest = max([len(title) // 2, *(len(str(value)) for value in values[:200])], default=0)
        sheet.set_column(column, column, min(_MOST_WIDTH, max(_LEAST_WIDTH, longest + 2)))
    # codes such as 05001 are text on purpose
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{len(content.rows) + 2}"})
    sheet.freeze_panes(2, 0)


def _write_cell(sheet: Any, place: tuple[int, int], value: Any, number: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = plain(value)
        if text:
            sheet.write_string(*place, text)
    elif math.isfinite(value):
        sheet.write_number(*place, value, number)


def heading(name: str, words: Language) -> str:
    """Return the heading of a column, with its unit."""
    key = _HEADINGS.get(name)
    title = words.text(key) if key else plain(name)
    unit = " (" + words.text("pattern.ha", value="").strip("\u2068\u2069 \u00a0") + ")"
    return title + unit if name.endswith("_ha") and key else title


def _number_format(name: str) -> str:
    for unit in ("_ha", "_t"):
        if name.endswith(unit):
            return _FORMATS[unit]
    return _FORMATS.get(name, "General")


def _sheet_name(book: Any, name: str) -> str:
    r"""Return a name that Excel accepts: 31 signs, none of ``[]:*?/\``, and used once."""
    cleaned = plain(name).translate(str.maketrans("[]:*?/\\'", "        ")).strip()[:28] or "Sheet"
    used = {sheet.get_name().lower() for sheet in book.worksheets()}
    return next(
        candidate
        for candidate in (cleaned, *(f"{cleaned} {number}" for number in range(2, 99)))
        if candidate.lower() not in used
    )


def _write_notes(book: Any, about: About, words: Language) -> None:
    sheet = book.add_worksheet(_sheet_name(book, words.text("notes.sheet")))
    if words.direction == "rtl":
        sheet.right_to_left()
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    bold = book.add_format({"bold": True, "valign": "top"})
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 100)
    for row, (name, text) in enumerate(_notes(about, words)):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, plain(text), wrapped)


def _notes(about: About, words: Language) -> Iterator[tuple[str, str]]:
    yield plain(about.title), about.subtitle
    yield words.text("notes.disclaimer"), about.disclaimer or words.text("notes.draft")
    yield words.text("notes.sources"), about.sources
    for key in ("unit_note", "interval", "empty_note", "counted_note"):
        yield "", words.text(f"notes.{key}")
    for note in about.notes:
        yield "", words.note(note)
    yield "", words.text(f"tier.{about.tier.value}")
    if about.run_id:
        yield "", words.text("notes.run", run=plain(about.run_id))
