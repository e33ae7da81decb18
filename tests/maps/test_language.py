"""Six languages say the same things and write numbers their own way."""

from __future__ import annotations

import datetime
import re
from typing import get_args

import pytest
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent

from aoi.official import NO_INTERVAL
from aoi.survey.stratified_interval import IntervalMethod
from geo.errors import SurveyFileError
from maps.language import LANGUAGES, Language, language

ISOLATES = re.compile("[\u2066-\u2069]")


def whole(key: str) -> str:
    """Return a key without its plural form."""
    return ".".join(key.split(".")[:2])


def shown(text: str) -> str:
    """Return text without the invisible signs that steer its direction."""
    return ISOLATES.sub("", text)


@pytest.mark.parametrize("code", LANGUAGES)
def test_catalogues_agree(code: str) -> None:
    """Law: every language has the keys of English, with the same places to fill, and no empty text."""
    english, other = language("en"), language(code)
    assert {whole(key) for key in other.words} == {whole(key) for key in english.words}
    for key, text in other.words.items():
        assert text.strip(), key
        wanted = english.words.get(key) or english.words[f"{whole(key)}.other"]
        # one unit or none need no digit
        spared = {"{count}"} if key.endswith((".zero", ".one", ".two")) else set()
        assert set(re.findall(r"{\w+}", text)) - spared == set(re.findall(r"{\w+}", wanted)) - spared, key


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_catalogues_are_translated(code: str) -> None:
    """Negative control: no catalogue is English under another name."""
    english, other = language("en"), language(code)
    same = [key for key, text in other.words.items() if text == english.words.get(key) and len(text) > 12]
    same = [key for key in same if not key.startswith("pattern.")]  # signs, not words
    assert len(same) < 4, same


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("en", "12,346"),
        ("fr", "12\u202f346"),
        ("es", "12\u202f346"),
        ("ru", "12\u00a0346"),
        ("zh", "12,346"),
        ("ar", "12,346"),
    ],
)
def test_thousands(code: str, expected: str) -> None:
    """Published: groups as the CLDR and, for Spanish, the Real Academia write them."""
    assert shown(language(code).number(12345.678)) == expected


def test_spanish_groups_from_five_digits() -> None:
    """Published: Spanish leaves four digits together (Ortografía de la lengua española, 2010)."""
    assert language("es").number(1234) == "1234"
    assert language("fr").number(1234) == "1\u202f234"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (0.004, "0"), (1.005, "1.00"), (3.456, "3.46"), (9.996, "10.0"), (99.96, "100"), (-0.001, "0")],
)
def test_digits(value: float, expected: str) -> None:
    """Literal: digits follow the size of the number, and nothing is minus zero."""
    assert language("en").number(value) == expected


def test_scale_and_sign() -> None:
    """Literal: numbers side by side get equal digits, a rise its plus, a fall a true minus."""
    english = language("en")
    assert english.interval(-145.2, 66.9, signed=True) == "\u2212145 to +67 ha"
    assert english.interval(2.04, 38.3) == "2.0 to 38.3 ha"


def test_arabic_keeps_signs_in_place() -> None:
    """Literal: in Arabic every number stands in an isolate, so that its minus is not moved behind it."""
    assert language("ar").number(-5.5) == "\u2066\u22125.50\u2069"
    assert language("ar").direction == "rtl"


def test_arabic_phrases_run_from_right_to_left_however_deep() -> None:
    """Law: what is made of isolated parts alone has no direction of its own, so its isolate tells it."""
    arabic = language("ar")
    figure = arabic.text("pattern.with_interval", value=arabic.area(-39), range=arabic.interval(-145, 67))
    line = arabic.text("pattern.label", name="2022", value=figure)
    assert "\u2067" + figure + "\u2069" in line
    assert arabic.text("headline.stock", date=arabic.date("2024-12-31")).count("\u2068") == 1


def test_unknown_language() -> None:
    """Literal: a language that is not there is the user's mistake, with the choice told."""
    with pytest.raises(SurveyFileError, match="expected one of en, fr, es, ar, ru, zh"):
        language("de")


@pytest.mark.parametrize("code", LANGUAGES)
def test_interval_words(code: str) -> None:
    """Law: an interval holds both of its ends and the unit."""
    words: Language = language(code)
    text = shown(words.interval(1001, 1467))
    assert shown(words.number(1001)) in text
    assert shown(words.number(1467)) in text
    assert words.text("pattern.ha", value="").strip("\u2068\u2069 \u00a0") in text


@pytest.mark.parametrize("code", LANGUAGES)
def test_numbers_shares_and_dates_as_babel_writes_them(code: str) -> None:
    """Independent program: Babel, but that Spanish groups by a thin space and Russian writes the year out."""
    words, locale = language(code), {"en": "en_GB"}.get(code, code)
    number = format_decimal(1234567.5, locale=locale, numbering_system="latn")
    assert shown(words.number(1234567.5, scale=50)) == (number.replace(".", "\u202f") if code == "es" else number)
    share = format_percent(0.25, locale=locale, numbering_system="latn").replace("\u200e", "")
    assert shown(words.percent(0.25, 0)) == share.replace("\u202f", "\u00a0")
    date = format_date(datetime.date(2024, 3, 5), "long", locale=locale)
    assert words.date("2024-03-05") == date.replace("г.", "года")


@pytest.mark.parametrize("text", ["2024", "2024-13-01", "spring of 2024", ""])
def test_what_is_no_date_is_left_alone(text: str) -> None:
    """Literal: a season's name, or a month that does not exist, stays as it is."""
    assert language("fr").date(text) == text


@pytest.mark.parametrize("code", LANGUAGES)
def test_plural_forms_are_those_of_the_language(code: str) -> None:
    """Independent program: a text that counts has a form for each category that Babel gives whole numbers."""
    locale, forms = Locale.parse(code), {}
    for key in language(code).words:
        head, _, form = key.rpartition(".")
        if head.count("."):
            forms.setdefault(head, set()).add(form)
    assert len(forms) >= 8
    needed = {locale.plural_form(count) for count in range(1001)} | {"other"}
    assert forms == dict.fromkeys(forms, needed)


@pytest.mark.parametrize(
    ("code", "counts", "expected"),
    [
        ("en", (0, 1, 2, 5), ["0 units", "1 unit", "2 units", "5 units"]),
        ("fr", (0, 1, 2), ["0 unité", "1 unité", "2 unités"]),
        ("es", (1, 1000), ["1 unidad", "1000 unidades"]),
        (
            "ru",
            (1, 2, 5, 11, 21, 22),
            ["1 единица", "2 единицы", "5 единиц", "11 единиц", "21 единица", "22 единицы"],
        ),
        (
            "ar",
            (0, 1, 2, 3, 11, 100),
            ["لا وحدات", "وحدة واحدة", "وحدتان", "3 وحدات", "11 وحدة", "100 وحدة"],
        ),
        ("zh", (1, 5), ["1 个单元", "5 个单元"]),
    ],
)
def test_counts(code: str, counts: tuple[int, ...], expected: list[str]) -> None:
    """Literal: one, two and five units in six languages."""
    assert [shown(language(code).counted("count.units", count)) for count in counts] == expected


@pytest.mark.parametrize("code", LANGUAGES)
def test_methods_are_told_in_words(code: str) -> None:
    """Law: whatever interval a survey may choose has words, and parts nobody knows stay as they are."""
    words = language(code)
    for interval in get_args(IntervalMethod):
        told = words.method(f"stratified; {interval}")
        parts = words.text("pattern.parts")
        assert not set(told.split(parts)) & {"stratified", interval}
        assert words.method(f"stratified; {interval}; 3 odd parts").endswith(parts + "3 odd parts")
    assert words.method(NO_INTERVAL) != NO_INTERVAL or code == "en"
