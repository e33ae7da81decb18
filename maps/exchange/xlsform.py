"""The ground-truth form as an XLSForm: Kobo, ODK and Survey123 make a form for telephones of it.

The form asks for nothing that names a person, and sends no device, user or telephone number along. Strata and map
labels never enter: who knows what the map says agrees with it too often.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import xlsxwriter

from geo.files import atomic
from geo.legend import Legend
from maps.language import LANGUAGES, language
from maps.text import plain

__all__ = ["CONFIDENCE", "write_xlsform"]

CONFIDENCE = ("sure", "fairly_sure", "doubtful")
"""Choices of how sure an interpreter is."""

_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_ACCURACY_M = 10
_PHOTO_PIXELS = 1600


def write_xlsform(
    path: Path, *, legend: Legend, periods: Sequence[str], title: str, form_id: str, first: str = "en"
) -> None:
    """Write the form in six languages; equal input gives equal bytes.

    Parameters
    ----------
    path
        Final name, ``.xlsx``.
    legend
        Labels to choose from.
    periods
        Seasons to choose from.
    title
        Title of the survey.
    form_id
        Identifier: letters, digits, ``_`` and ``-``.
    first
        Language shown first.
    """
    codes = [first, *(code for code in LANGUAGES if code != first)]
    sheets = {
        "survey": _survey(codes),
        "choices": _choices(codes, legend, periods),
        "settings": [
            {
                "form_title": plain(title),
                "form_id": form_id,
                "version": "1",
                "default_language": _heading(first),
                "allow_choice_duplicates": "no",
            }
        ],
    }
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with atomic(path) as part, xlsxwriter.Workbook(part, options) as book:
        book.set_properties({"title": plain(title), "author": "altdev", "created": _CREATED})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            columns = list(dict.fromkeys(column for row in rows for column in row))
            for index, column in enumerate(columns):
                sheet.write_string(0, index, column)
                for number, row in enumerate(rows, start=1):
                    if row.get(column):
                        sheet.write_string(number, index, row[column])


@cache
def _words() -> dict[str, dict[str, str]]:
    text = (files("maps.exchange") / "form_words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _heading(code: str) -> str:
    return f"{_words()[code]['name']} ({code})"


def _labels(codes: Sequence[str], key: str, column: str = "label") -> dict[str, str]:
    return {f"{column}::{_heading(code)}": _words()[code][key] for code in codes}


def _survey(codes: Sequence[str]) -> list[dict[str, str]]:
    def question(kind: str, name: str, **extra: Any) -> dict[str, str]:
        return {"type": kind, "name": name, **_labels(codes, name), **extra}

    return [
        {"type": "today", "name": "today"},
        {"type": "note", "name": "safety", **_labels(codes, "safety")},
        question("text", "interpreter", required="yes"),
        question("select_one period", "period", required="yes"),
        question(
            "text",
            "unit_id",
            required="yes",
            constraint="regex(., '^U[0-9]+$')",
            **_labels(codes, "unit_constraint", "constraint_message"),
        ),
        question("geopoint", "place", parameters=f"capture-accuracy={_ACCURACY_M} warning-accuracy=50"),
        question("select_one label", "label", required="yes", appearance="minimal"),
        question("select_one confidence", "confidence", required="yes"),
        question("image", "photo", parameters=f"max-pixels={_PHOTO_PIXELS}"),
        question("text", "remark", appearance="multiline"),
    ]


def _choices(codes: Sequence[str], legend: Legend, periods: Sequence[str]) -> list[dict[str, str]]:
    def choice(group: str, name: str, label: Mapping[str, str]) -> dict[str, str]:
        return {"list_name": group, "name": name, **label}

    classes = [
        choice(
            "label", name, {f"label::{_heading(code)}": plain(language(code).class_name(name)) for code in codes}
        )
        for name in legend.names
    ]
    seasons = [
        choice("period", period, {f"label::{_heading(code)}": plain(period) for code in codes})
        for period in periods
    ]
    return [*classes, *seasons, *(choice("confidence", name, _labels(codes, name)) for name in CONFIDENCE)]
