"""Answers of a ground-truth form, or of Collect Earth Online, read back as reference labels.

A file of answers comes from many hands: every row is checked by itself, and what is wrong with each is told by its
number. Text is never run, kept or repeated at length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from geo.errors import InputError, Problem, is_hidden
from maps.text import plain

__all__ = ["FORMS", "Form", "labels_of_answers"]

Form = Literal["table", "xlsform", "collect-earth"]
FORMS: tuple[Form, ...] = ("table", "xlsform", "collect-earth")
"""Kinds of files that labels are read from."""

COLUMNS = ("unit_id", "period", "interpreter", "label")

_LONGEST = 200
_FAR_M = 1000.0
_M_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """One row of a file."""

    row: int
    """Row of the file, the heading being row 1."""
    unit_id: str
    period: str
    interpreter: str
    label: str
    place: tuple[float, float] | None
    """Longitude and latitude where the answer was given, or None."""


def labels_of_answers(
    table: pd.DataFrame,
    form: Form,
    name: str,
    *,
    units: Mapping[str, tuple[float, float]],
    periods: Sequence[str],
    legend: Sequence[str],
) -> pd.DataFrame:
    """Return the labels in a file of answers.

    Parameters
    ----------
    table
        All cells as text, as the file has them. An export of Kobo or ODK has the form's columns, with or without
        the names of groups before them; one of Collect Earth Online has ``plotid`` (or ``unit_id``), ``email`` or
        ``interpreter``, and one column for each season's question, named as the season or ending in it.
    form
        Where it comes from.
    name
        Name of the file, for messages.
    units
        Unit to its longitude and latitude, in the order of the sample.
    periods, legend
        What may be answered.

    Returns
    -------
    pandas.DataFrame
        Columns unit_id, period, interpreter, label, sorted. An e-mail address of an interpreter comes back as
        ``P1``, ``P2`` and so on, in the order of first answers: labels hold no addresses.

    Raises
    ------
    InputError
        Naming every row that cannot be taken, or columns that are not there.
    """
    answers = _of_form(table, name) if form == "xlsform" else _of_collect_earth(table, name, list(units), periods)
    problems = [problem for answer in answers for problem in _wrong(answer, name, units, periods, legend)]
    problems += _twice(answers, name)
    if problems:
        raise InputError(problems)
    rows = [(answer.unit_id, answer.period, answer.interpreter, answer.label) for answer in answers]
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(list(COLUMNS[:3]), ignore_index=True)


def _of_form(table: pd.DataFrame, name: str) -> list[_Answer]:
    short = {_last(column): column for column in reversed(table.columns)}
    _require(short, COLUMNS, name)
    latitude, longitude = (
        next((short[key] for key in keys if key in short), None)
        for keys in (
            ("_place_latitude", "place-Latitude", "Latitude"),
            ("_place_longitude", "place-Longitude", "Longitude"),
        )
    )
    return [
        _Answer(
            row=number + 2,
            **{column: _cell(row[short[column]]) for column in COLUMNS},
            place=_place(row, longitude, latitude),
        )
        for number, (_, row) in enumerate(table.iterrows())
    ]


def _of_collect_earth(table: pd.DataFrame, name: str, units: list[str], periods: Sequence[str]) -> list[_Answer]:
    short = {str(column).strip().lower().lstrip("\ufeff"): column for column in reversed(table.columns)}
    unit = next((short[key] for key in ("pl_unit_id", "unit_id") if key in short), None)
    plot = next((short[key] for key in ("plotid", "plot_id") if key in short), None)
    if unit is None and plot is None:
        _require(short, ("plotid",), name)
    who = next((short[key] for key in ("interpreter", "email", "analyses_by") if key in short), None)
    if who is None:
        _require(short, ("email",), name)
    questions = {
        period: column
        for period in periods
        for key, column in reversed(short.items())
        if key == period.lower() or key.endswith((f" {period.lower()}", f"_{period.lower()}", f":{period.lower()}"))
    }
    _require({str(period): None for period in questions}, tuple(periods), name)
    numbers: dict[str, str] = {}
    answers = []
    for number, (_, row) in enumerate(table.iterrows()):
        person = _cell(row[who])
        if "@" in person:
            person = numbers.setdefault(person.lower(), f"P{len(numbers) + 1}")
        told = _cell(row[unit]) if unit is not None else _by_number(_cell(row[plot]), units)
        answers += [
            _Answer(
                row=number + 2,
                unit_id=told,
                period=period,
                interpreter=person,
                label=_cell(row[questions[period]]).lower().replace(" ", "_"),
                place=None,
            )
            for period in periods
        ]
    return answers


def _by_number(text: str, units: list[str]) -> str:
    """Return the unit of a plot's number, or the text itself where it is none."""
    return units[int(text) - 1] if text.isascii() and text.isdigit() and 0 < int(text) <= len(units) else text


def _require(have: Mapping[str, object], wanted: Sequence[str], name: str) -> None:
    missing = [column for column in wanted if column not in have]
    if missing:
        raise InputError(
            Problem(name, f"no column {', '.join(missing)}", f"columns {', '.join(wanted)}", "export it again")
        )


def _last(column: object) -> str:
    """Return the name of a question without those of its groups, which Kobo parts by / and ODK by -."""
    text = str(column).strip().lstrip("\ufeff").rsplit("/", 1)[-1]
    for question in COLUMNS:
        if text.endswith(f"-{question}"):
            return question
    return text


def _cell(value: object) -> str:
    return "" if pd.isna(value) else str(value).strip()


def _place(row: pd.Series, longitude: object, latitude: object) -> tuple[float, float] | None:
    if longitude is None or latitude is None:
        return None
    texts = [_cell(row[longitude]), _cell(row[latitude])]
    if not any(texts):
        return None
    try:
        return float(texts[0]), float(texts[1])
    except ValueError:
        return math.nan, math.nan


def _wrong(
    answer: _Answer,
    name: str,
    units: Mapping[str, tuple[float, float]],
    periods: Sequence[str],
    legend: Sequence[str],
) -> Iterator[Problem]:
    where = f"{name} row {answer.row}"
    for column in COLUMNS:
        text = getattr(answer, column)
        if is_hidden(text) or len(text) > _LONGEST or text.startswith(("=", "+", "-", "@")):
            yield Problem(f"{where} {column}", "text that is no answer", "what the form offers", "take it out")
            return
    for column, allowed in (("unit_id", units), ("period", periods), ("label", legend)):
        text = getattr(answer, column)
        if text not in allowed:
            shown = repr(plain(text)[:40]) if text else "nothing"
            expected = "a unit of the sample" if column == "unit_id" else f"one of {', '.join(allowed)}"
            yield Problem(f"{where} {column}", shown, expected, "correct it, or take the row out")
    if not answer.interpreter:
        yield Problem(f"{where} interpreter", "nothing", "the interpreter's number", "add it")
    if answer.place is not None and answer.unit_id in units:
        distance = _distance_m(answer.place, units[answer.unit_id])
        if not distance <= _FAR_M:
            found = "no place" if math.isnan(distance) else f"a place {distance / 1000:.0f} km from the unit"
            yield Problem(f"{where} place", found, f"at most {_FAR_M / 1000:g} km", "check the unit's name")


def _twice(answers: Sequence[_Answer], name: str) -> Iterator[Problem]:
    first: dict[tuple[str, str, str], _Answer] = {}
    for answer in answers:
        before = first.setdefault((answer.unit_id, answer.period, answer.interpreter), answer)
        if before is not answer:
            found = f"unit {plain(answer.unit_id)[:40]} labelled again, after row {before.row}"
            yield Problem(f"{name} row {answer.row}", found, "once by each interpreter", "keep one")


def _distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    east = (one[0] - other[0]) * math.cos(math.radians(other[1]))
    return _M_PER_DEGREE * math.hypot(east, one[1] - other[1])
